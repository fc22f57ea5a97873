/* Runs an operation in a process of its own, one machine instruction after the other (PTRACE_SINGLESTEP). */
#ifndef MEMLANE_CRASH_STEPPER_H
#define MEMLANE_CRASH_STEPPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct stepper {
    pid_t pid;
    uint32_t role; /* whose machine_report tells the phase */
    uint64_t step; /* number of the point, from 1 */
};

/* Keeps this process and those that it forks on one of its processors, `worker` modulo their number. A victim and who
 * steps it take turns, and on two processors each turn wakes the other one. */
void stepper_stay_on_one_processor(unsigned worker);

/* Forks the process that plays `process` and stops it right before the first instruction of act(argument). */
void stepper_start(struct stepper *stepper, uint32_t role, uint32_t process, void (*act)(void *argument),
                   void *argument);

/* On to the next point: one instruction, or one whole kernel call. False when the operation is over, after its
 * last point. */
bool stepper_next(struct stepper *stepper);

/* Whether stepper_clone() works on this machine. */
bool stepper_can_clone(void);

/* A second process in the very state of the first, private memory and registers included; stopped. */
void stepper_clone(const struct stepper *stepper, struct stepper *clone);

/* Lets the process run to the end of act and waits for it. */
void stepper_finish(struct stepper *stepper);

/* SIGKILL, for real. */
void stepper_kill(struct stepper *stepper);

/* The process ended by a signal that no point caused: a crash of the product. 0: none. */
int stepper_crash_signal(void);

#endif
