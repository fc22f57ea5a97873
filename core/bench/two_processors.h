/* What the programs share that pin two processes and time single steps. Include it after a _GNU_SOURCE. */
#ifndef MEMLANE_BENCH_TWO_PROCESSORS_H
#define MEMLANE_BENCH_TWO_PROCESSORS_H

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline void require_call(bool succeeded, const char *what) {
    if (!succeeded) {
        perror(what);
        exit(1);
    }
}

/* The first and the last processor that this process may use. */
static inline void find_processors(int processors[2]) {
    cpu_set_t allowed;
    require_call(sched_getaffinity(0, sizeof allowed, &allowed) == 0, "sched_getaffinity");
    if (CPU_COUNT(&allowed) < 2) {
        fprintf(stderr, "this needs two processors: on one, nobody can run beside anybody\n");
        exit(1);
    }
    processors[0] = -1;
    for (int processor = 0; processor < CPU_SETSIZE; processor++) {
        if (CPU_ISSET((size_t)processor, &allowed)) {
            processors[0] = processors[0] < 0 ? processor : processors[0];
            processors[1] = processor;
        }
    }
}

static inline void pin_to(int processor) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)processor, &one);
    require_call(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
}

static inline int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Sorts them. */
static inline void print_times(const char *what, uint64_t *times, size_t count) {
    qsort(times, count, sizeof times[0], compare);
    printf("  %s p50 %" PRIu64 " ns, p99 %" PRIu64 " ns", what, times[count / 2], times[count / 100 * 99]);
}

#endif
