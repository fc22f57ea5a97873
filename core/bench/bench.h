/* What these programs share: the clock, and an end where something fails. */
#ifndef MEMLANE_BENCH_H
#define MEMLANE_BENCH_H

#include <memlane/status.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void require(memlane_status status, const memlane_error *error) {
    if (status != MEMLANE_OK) {
        fprintf(stderr, "%s\n", error->message);
        exit(1);
    }
}

static inline uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

#endif
