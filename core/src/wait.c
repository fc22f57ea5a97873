#include "wait.h"

#include <errno.h>

/* The bell is what waiters sleep on: sequence * 2 + armed. A waiter arms it; a publisher that finds it armed
 * disarms it under a new sequence, in one CAS, and then wakes everybody. So a waiter that armed it and did not
 * sleep yet finds another bell, and does not sleep. With a plain flag, and the futex on the word itself, a
 * publisher could clear the flag of a waiter for whom its wake came too early, and the next publisher would wake
 * nobody.
 *
 * An armed bell of a dead waiter costs one needless wake. A publisher that dies before its wake costs a chunk.
 *
 * Edge of this file:
 *   WAKE  seq_cst on both sides: W1 bell (armed by RMW, or seen armed) before W2 word (load, waiter); the publisher's
 *         operation on the word before W3 bell (load, notify). Either the waiter sees the new word or the publisher
 *         sees the bell armed. */

enum {
    SPINS = 100, /* about 2 us: less than a wake-up costs */
    ARMED = 1
};

static bool spin(const memlane_atomic64 *word, uint64_t seen) {
    static memlane_atomic32 processors;             /* 0: not asked yet */
    if (memlane_load32_relaxed(&processors) == 0) { /* relaxed: every thread would store the same */
        memlane_store32_relaxed(&processors, memlane_platform_processors());
    }
    /* On one processor the other side cannot run meanwhile. */
    int spins = memlane_load32_relaxed(&processors) > 1 ? SPINS : 1;
    for (int i = 0; i < spins; i++) {
        if (memlane_load_acquire(word) != seen) { /* acquire: as any reader of the word */
            return true;
        }
        memlane_platform_relax();
    }
    return false;
}

uint32_t memlane_wait_arm(memlane_atomic32 *bell) {
    for (;;) {
        uint32_t found = memlane_load32_seq_cst(bell); /* W1, where another waiter armed it */
        if ((found & ARMED) != 0 || memlane_cas32_seq_cst(bell, found, found | ARMED)) { /* W1 */
            return found | ARMED;
        }
    }
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

memlane_status memlane_wait_change(struct memlane_segment *segment, const memlane_atomic64 *word,
                                   memlane_atomic32 *bell, uint64_t seen, uint64_t deadline_ns, uint64_t chunk_ns) {
    if (deadline_ns == 0) { /* no arming: each publisher that finds the bell armed pays for a system call */
        return memlane_load_acquire(word) != seen ? MEMLANE_OK
                                                  : MEMLANE_TIMEOUT; /* acquire: as any reader of the word */
    }
    if (spin(word, seen)) {
        return MEMLANE_OK;
    }
    /* Every chunk is a whole one: no wake-up is lost without a death, so short ones at the beginning would find nothing
     * and cost the processor of whoever waits for long. */
    for (;;) {
        uint32_t armed = memlane_wait_arm(bell);
        if (memlane_load32_seq_cst(&segment->closing) != 0) { /* after W1: who closes sees the bell, or we see it */
            return MEMLANE_CLOSED;
        }
        if (memlane_load_seq_cst(word) != seen) { /* W2 */
            return MEMLANE_OK;
        }
        uint64_t now = memlane_platform_monotonic_ns();
        if (now >= deadline_ns) {
            return MEMLANE_TIMEOUT;
        }
        int failure = memlane_platform_futex_wait(bell, armed, smaller(chunk_ns, deadline_ns - now));
        if (memlane_segment_is_lost(segment)) {
            return MEMLANE_CORRUPTED;
        }
        if (failure == EINTR) {
            return MEMLANE_INTERRUPTED;
        }
    }
}

void memlane_wait_notify(memlane_atomic32 *bell) {
    uint32_t found = memlane_load32_seq_cst(bell); /* W3: after the publishing operation, which is seq_cst */
    /* Where the CAS fails another publisher disarmed it, and wakes; whoever armed it since then sees our word. */
    if ((found & ARMED) != 0 && memlane_cas32_seq_cst(bell, found, found + 1)) {
        memlane_platform_futex_wake_all(bell);
    }
}
