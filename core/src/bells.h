/* Sleeping on several bells at once. */
#ifndef MEMLANE_BELLS_H
#define MEMLANE_BELLS_H

#include "wait.h"

/* Private to one sleeper. */
struct memlane_bells {
    struct memlane_futex futexes[MEMLANE_FUTEXES_MAXIMUM];
    uint32_t count;
};

/* Arms one more bell; then look at what it announces (edge WAKE of wait.c). false: there are MEMLANE_FUTEXES_MAXIMUM
 * already, and it is not slept on. */
bool memlane_bells_arm(struct memlane_bells *bells, memlane_atomic32 *bell);

/* Sleeps until one of them, of which there is one at least, was rung since it was armed, or for chunk_ns. 0, or ETIMEDOUT,
 * EINTR, EFAULT. Where the kernel can sleep on one word only (before Linux 5.16) it is the last one, for at most
 * short_chunk_ns. */
int memlane_bells_sleep(const struct memlane_bells *bells, uint64_t chunk_ns, uint64_t short_chunk_ns);

#endif
