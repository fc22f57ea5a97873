#define _GNU_SOURCE
#include "stepper.h"

#include "machine.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static int crash_signal;

int stepper_crash_signal(void) {
    return crash_signal;
}

static void give_up(const char *what) {
    perror(what);
    exit(2);
}

void stepper_stay_on_one_processor(unsigned worker) {
    cpu_set_t allowed, ours;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        return; /* a machine of more processors than the set holds: slower, not wrong */
    }
    unsigned left = worker % (unsigned)CPU_COUNT(&allowed);
    int processor = 0;
    while (!CPU_ISSET(processor, &allowed) || left-- > 0) {
        processor++;
    }
    CPU_ZERO(&ours);
    CPU_SET(processor, &ours);
    sched_setaffinity(0, sizeof ours, &ours);
}

static int wait_for(const struct stepper *stepper) {
    int status;
    while (waitpid(stepper->pid, &status, 0) < 0) {
        if (errno != EINTR) {
            give_up("crash: waiting for the victim");
        }
    }
    return status;
}

static void resume(const struct stepper *stepper, bool one_instruction) {
    if (ptrace(one_instruction ? PTRACE_SINGLESTEP : PTRACE_CONT, stepper->pid, 0, 0) != 0) {
        give_up("crash: resuming the victim");
    }
}

void stepper_start(struct stepper *stepper, uint32_t role, uint32_t process, void (*act)(void *argument),
                   void *argument) {
    *stepper = (struct stepper){.role = role};
    machine->report[role] = (struct machine_report){.phase = MACHINE_BEFORE};
    stepper->pid = fork();
    if (stepper->pid < 0) {
        give_up("crash: fork");
    }
    if (stepper->pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        machine_become(process);
        machine_become_traced();
        raise(SIGSTOP);
        act(argument);
        _exit(0);
    }
    long wishes = PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE;
    if (!WIFSTOPPED(wait_for(stepper)) || ptrace(PTRACE_SETOPTIONS, stepper->pid, 0, wishes) != 0) {
        give_up("crash: the victim did not stop");
    }
}

static bool is_inside_a_call(void) {
    return __atomic_load_n(&machine->inside, __ATOMIC_SEQ_CST) != 0;
}

/* One instruction; where that entered a kernel call, on to its end. False when the process is gone. */
static bool advance(const struct stepper *stepper) {
#if defined(__x86_64__) || defined(__i386__)
    const bool calls_end_in_a_breakpoint = true;
#else
    const bool calls_end_in_a_breakpoint = false;
#endif
    bool one_instruction = true;
    do {
        resume(stepper, one_instruction);
        int status = wait_for(stepper);
        if (!WIFSTOPPED(status)) {
            crash_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
            return false;
        }
        if (WSTOPSIG(status) != SIGTRAP) {
            crash_signal = WSTOPSIG(status);
            kill(stepper->pid, SIGKILL);
            wait_for(stepper);
            return false;
        }
        one_instruction = !calls_end_in_a_breakpoint;
    } while (is_inside_a_call());
    return true;
}

bool stepper_next(struct stepper *stepper) {
    const volatile uint32_t *phase = &machine->report[stepper->role].phase;
    if (*phase == MACHINE_AFTER) {
        stepper_kill(stepper);
        return false;
    }
    do {
        if (!advance(stepper)) {
            stepper->pid = 0;
            return false;
        }
    } while (*phase == MACHINE_BEFORE);
    stepper->step++;
    return true;
}

/* -- clones: the victim is made to fork, wherever it stands ---------------------------------------------- */

#ifdef __x86_64__

/* Where the victim executes the system call. It is our own code, and the victim is a fork of us. */
__asm__(".text\nstepper_system_call:\n    syscall\n    int3\n");
extern const char stepper_system_call[];

bool stepper_can_clone(void) {
    return true;
}

static void set_registers(pid_t pid, const struct user_regs_struct *registers) {
    if (ptrace(PTRACE_SETREGS, pid, 0, registers) != 0) {
        give_up("crash: setting the victim's registers");
    }
}

static void expect_stop(const struct stepper *stepper, int signal_number, const char *what) {
    int status = wait_for(stepper);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != signal_number) {
        fprintf(stderr, "crash: %s: wait status %#x\n", what, (unsigned)status);
        exit(2);
    }
}

void stepper_clone(const struct stepper *stepper, struct stepper *clone) {
    struct user_regs_struct saved, call;
    unsigned long pid;
    if (ptrace(PTRACE_GETREGS, stepper->pid, 0, &saved) != 0) {
        give_up("crash: reading the victim's registers");
    }
    call = saved;
    call.rip = (unsigned long long)(uintptr_t)stepper_system_call;
    call.rax = SYS_clone;
    call.orig_rax = ~0ull;             /* the kernel must not restart anything */
    call.rdi = CLONE_PARENT | SIGCHLD; /* a child of ours, so that we reap it */
    call.rsi = call.rdx = call.r10 = call.r8 = 0;
    set_registers(stepper->pid, &call);
    resume(stepper, false);
    expect_stop(stepper, SIGTRAP, "the victim did not fork");
    if (ptrace(PTRACE_GETEVENTMSG, stepper->pid, 0, &pid) != 0) {
        give_up("crash: the clone's number");
    }
    resume(stepper, false);
    expect_stop(stepper, SIGTRAP, "the victim did not return from its fork");
    set_registers(stepper->pid, &saved);
    *clone = (struct stepper){.pid = (pid_t)pid, .role = stepper->role, .step = stepper->step};
    expect_stop(clone, SIGSTOP, "the clone did not stop");
    set_registers(clone->pid, &saved);
}

#else

bool stepper_can_clone(void) {
    return false;
}

void stepper_clone(const struct stepper *stepper, struct stepper *clone) {
    (void)stepper, (void)clone;
    fprintf(stderr, "crash: clones are written for x86-64 only\n");
    exit(2);
}

#endif

void stepper_kill(struct stepper *stepper) {
    if (stepper->pid != 0) {
        kill(stepper->pid, SIGKILL);
        wait_for(stepper);
        stepper->pid = 0;
    }
}

void stepper_finish(struct stepper *stepper) {
    for (;;) {
        resume(stepper, false);
        int status = wait_for(stepper);
        if (!WIFSTOPPED(status)) {
            crash_signal = WIFSIGNALED(status) ? WTERMSIG(status) : crash_signal;
            break;
        }
        if (WSTOPSIG(status) != SIGTRAP) {
            crash_signal = WSTOPSIG(status);
            stepper_kill(stepper);
            return;
        }
    }
    stepper->pid = 0;
}
