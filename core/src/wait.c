#include "wait.h"

#include "patience.h"

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
    SPINS = 100, /* about 2 us */
    ARMED = 1
};

int memlane_wait_spins(void) {
    static memlane_atomic32 processors;             /* 0: not asked yet */
    if (memlane_load32_relaxed(&processors) == 0) { /* relaxed: every thread would store the same */
        memlane_store32_relaxed(&processors, memlane_platform_processors());
    }
    return memlane_load32_relaxed(&processors) > 1 ? SPINS : 1;
}

static bool spin(const memlane_atomic64 *word, uint64_t seen) {
    for (int spins = memlane_wait_spins(); spins > 0; spins--) {
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

bool memlane_wait_is_armed(const memlane_atomic32 *bell) {
    return (memlane_load32_relaxed(bell) & ARMED) != 0; /* relaxed: guards nothing */
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

memlane_status memlane_wait_until(struct memlane_segment *segment, memlane_atomic32 *bell, bool (*is_over)(void *),
                                  void *argument, uint64_t deadline_ns, uint64_t chunk_ns) {
    /* Every chunk is a whole one: no wake-up is lost without a death, so short ones at the beginning would find nothing
     * and cost the processor of whoever waits for long. */
    for (;;) {
        uint32_t armed = memlane_wait_arm(bell);
        if (memlane_load32_seq_cst(&segment->closing) != 0) { /* after W1: who closes sees the bell, or we see it */
            return MEMLANE_CLOSED;
        }
        if (is_over(argument)) { /* W2 */
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

struct change {
    const memlane_atomic64 *word;
    uint64_t seen;
};

static bool has_changed(void *argument) {
    const struct change *change = argument;
    return memlane_load_seq_cst(change->word) != change->seen; /* W2 */
}

memlane_status memlane_wait_change(struct memlane_segment *segment, const memlane_atomic64 *word,
                                   memlane_atomic32 *bell, uint64_t seen, uint64_t deadline_ns, uint64_t chunk_ns) {
    if (deadline_ns == 0) { /* no arming: each publisher that finds the bell armed pays for a system call */
        return memlane_load_acquire(word) != seen ? MEMLANE_OK
                                                  : MEMLANE_TIMEOUT; /* acquire: as any reader of the word */
    }
    struct change change = {word, seen};
    return spin(word, seen) ? MEMLANE_OK
                            : memlane_wait_until(segment, bell, has_changed, &change, deadline_ns, chunk_ns);
}

memlane_status memlane_wait_change_patiently(struct memlane_segment *segment, const memlane_atomic64 *word,
                                             memlane_atomic32 *bell, uint64_t seen, uint64_t deadline_ns,
                                             uint64_t chunk_ns, struct memlane_patience *patience) {
    struct change change = {word, seen};
    if (deadline_ns != 0 && memlane_patience_try(patience, has_changed, &change, deadline_ns)) {
        return MEMLANE_OK;
    }
    return memlane_wait_change(segment, word, bell, seen, deadline_ns, chunk_ns);
}

void memlane_wait_notify(memlane_atomic32 *bell) {
    uint32_t found = memlane_load32_seq_cst(bell); /* W3: after the publishing operation, which is seq_cst */
    /* Where the CAS fails another publisher disarmed it, and wakes; whoever armed it since then sees our word. */
    if ((found & ARMED) != 0 && memlane_cas32_seq_cst(bell, found, found + 1)) {
        memlane_platform_futex_wake_all(bell);
    }
}
