/* Runs the cases: an operation in a prepared state, interrupted everywhere. */
#ifndef MEMLANE_CRASH_RUNNER_H
#define MEMLANE_CRASH_RUNNER_H

#include "operations.h"

struct options {
    bool points, pairs, long_form;
    uint64_t every; /* only each so-manieth of the different situations is examined */
    const char *operation, *second;
    int state, mode;            /* -1: all */
    uint64_t step, second_step; /* 0: all */
    unsigned jobs;
};
extern struct options options;

/* Figures of one operation in one mode, or of one pair; in memory that all processes share. */
struct tally {
    memlane_atomic64 states, points, examined, nanoseconds;
};

/* One operation in one state, killed and stopped at every instruction; resumed and really killed at many. */
void singles_run(const struct operation *operation, uint32_t state, struct tally tally[MODES]);

/* The first operation killed in each of its situations, and in each of these the second at every instruction. */
void pairs_run(const struct operation *first, const struct operation *second, uint32_t state, struct tally *tally);

/* The short form walks through a long first operation in a third of the states, another third in each pair. */
bool pairs_are_due(const struct operation *first, uint32_t pair, uint32_t state);

struct pair {
    const char *first, *second;
};
extern const struct pair pairs[];
extern const uint32_t pairs_count;

/* Calls examine(argument) in a process of its own and gives up when that failed. */
void runner_in_a_fork(void (*examine)(void *argument), void *argument);

/* For a process that waits for others: SIGALRM after so long is a failure, "it hangs". 0 seconds: all is well. */
enum { RUNNER_HANG_SECONDS = 60 };
void runner_watch(unsigned seconds);

/* For a process that was just forked: it ends with its parent, whatever ended that. */
void runner_end_with_parent(int parent);

/* Waits for the process to end (or to stop, where that is awaited) and gives up when it failed. */
void runner_await(int pid, bool stop);

uint64_t runner_now(void);
const char *runner_mode_name(int mode);

#endif
