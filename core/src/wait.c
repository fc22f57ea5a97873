#include "wait.h"

#include <errno.h>

/* Edge of this file:
 *   WAKE  seq_cst on both sides: W1 waiters (store, waiter) before W2 word (load, waiter); the publisher's operation
 *         on the word before W3 waiters (load, notify). Either the waiter sees the new word or the publisher sees
 *         the waiter. */

enum {
    SPINS = 100, /* about 2 us: less than a wake-up costs */
    FIRST_CHUNK_NS = 1000000
};

static bool spin(const memlane_atomic64 *word, uint64_t seen) {
    static memlane_atomic32 processors;             /* 0: not asked yet */
    if (memlane_load32_relaxed(&processors) == 0) { /* relaxed: every thread would store the same */
        memlane_store32_relaxed(&processors, memlane_platform_processors());
    }
    int spins =
        memlane_load32_relaxed(&processors) > 1 ? SPINS : 1; /* on one processor the other side cannot run meanwhile */
    for (int i = 0; i < spins; i++) {
        if (memlane_load_acquire(word) != seen) { /* acquire: as any reader of the word */
            return true;
        }
        memlane_platform_relax();
    }
    return false;
}

const memlane_atomic32 *memlane_wait_half(const memlane_atomic64 *word) {
    /* The low half lies at the word's own address: big-endian machines are refused by the header. The kernel compares
     * it atomically; we never access it by halves. */
    return (const memlane_atomic32 *)(const void *)word;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

memlane_status memlane_wait_change(struct memlane_segment *segment, const memlane_atomic64 *word,
                                   memlane_atomic32 *waiters, uint64_t seen, uint64_t deadline_ns, uint64_t chunk_ns) {
    if (spin(word, seen)) {
        return MEMLANE_OK;
    }
    for (uint64_t chunk = FIRST_CHUNK_NS;; chunk = smaller(2 * chunk, chunk_ns)) {
        memlane_exchange32_seq_cst(waiters, 1);               /* W1 */
        if (memlane_load32_seq_cst(&segment->closing) != 0) { /* after W1: who closes sees the waiter, or we see it */
            return MEMLANE_CLOSED;
        }
        if (memlane_load_seq_cst(word) != seen) { /* W2 */
            return MEMLANE_OK;
        }
        uint64_t now = memlane_platform_monotonic_ns();
        if (now >= deadline_ns) {
            return MEMLANE_TIMEOUT;
        }
        int failure =
            memlane_platform_futex_wait(memlane_wait_half(word), (uint32_t)seen, smaller(chunk, deadline_ns - now));
        if (memlane_segment_is_lost(segment)) {
            return MEMLANE_CORRUPTED;
        }
        if (failure == EINTR) {
            return MEMLANE_INTERRUPTED;
        }
    }
}

void memlane_wait_notify(memlane_atomic64 *word, memlane_atomic32 *waiters) {
    if (memlane_load32_seq_cst(waiters) == 0) { /* W3: after the publishing operation, which is seq_cst */
        return;
    }
    memlane_exchange32_seq_cst(waiters, 0); /* before the wake: who sets it from here on looks at the new word */
    memlane_platform_futex_wake_all((memlane_atomic32 *)(void *)word);
}
