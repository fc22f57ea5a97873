#define _GNU_SOURCE
#include "runner.h"

#include "oracle.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t runner_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

const char *runner_mode_name(int mode) {
    static const char *const names[MODES] = {"killed", "stopped", "resumed", "SIGKILL"};
    return names[mode];
}

static void on_alarm(int signal_number) {
    (void)signal_number;
    oracle_fail("it hangs");
}

void runner_watch(unsigned seconds) {
    signal(SIGALRM, on_alarm);
    alarm(seconds);
}

void runner_end_with_parent(int parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        perror("crash: prctl");
        _exit(2);
    }
    if (getppid() != parent) { /* it was faster */
        _exit(2);
    }
}

void runner_await(int pid, bool stop) {
    int status;
    while (waitpid(pid, &status, stop ? WUNTRACED : 0) < 0) {
        if (errno != EINTR) {
            perror("crash: waiting for an examination");
            exit(2);
        }
    }
    if (WIFSIGNALED(status)) {
        oracle_fail("a survivor was ended by signal %d", WTERMSIG(status));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
        _exit(WEXITSTATUS(status)); /* it has said why */
    }
}

void runner_in_a_fork(void (*examine)(void *argument), void *argument) {
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        runner_end_with_parent(parent);
        runner_watch(RUNNER_HANG_SECONDS);
        examine(argument);
        _exit(0);
    }
    if (pid < 0) {
        perror("crash: fork");
        exit(2);
    }
    runner_await(pid, false);
}
