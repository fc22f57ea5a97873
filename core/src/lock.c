#include "lock.h"

#include "mutant.h"
#include "participant.h"

#include <errno.h>

/* Edge of this file:
 *   LOCK  L1 (release and clean, CAS of the word) -> L2 (acquire, CAS of the word): all that the former owner wrote
 *         under the lock. From a dead owner: its last store precedes the verdict, which ends with a fence. */

enum {
    SPINS = 100, /* about 2 us */
    FIRST_CHUNK_NS = 1000000,
    LAST_CHUNK_NS = 16000000 /* bounds how late a waiter notices that its waker or the owner died */
};

/* The low half lies at the word's own address: big-endian machines are refused by the header. The kernel compares
 * it atomically; we never access it by halves. */
static memlane_atomic32 *low_half(memlane_atomic64 *word) {
    return (memlane_atomic32 *)(void *)word;
}

static uint64_t owner_of(uint64_t word) {
    return word & MEMLANE_LOCK_TAG;
}

static uint32_t count_of(uint64_t word) {
    return (uint32_t)(word >> 32);
}

/* The acquisition count rises with every acquisition: a steal that was decided on an old word must fail, even when
 * the same owner has come back under the same tag (ABA). */
static uint64_t acquired(uint64_t word, uint64_t flags, uint32_t tag) {
    uint32_t count = count_of(word) + (MEMLANE_MUTANT(STEAL_WITHOUT_COUNT) && owner_of(word) != 0 ? 0 : 1);
    return (uint64_t)count << 32 | flags | tag;
}

static bool swap_in(struct memlane_lock_word *lock, uint64_t seen, uint64_t next) {
    return MEMLANE_MUTANT(LOCK_RELAXED) ? memlane_cas_relaxed(&lock->word, seen, next)
                                        : memlane_cas_acquire(&lock->word, seen, next); /* L2 */
}

/* One look: MEMLANE_OK, MEMLANE_OWNER_DIED, or MEMLANE_TIMEOUT with the word to wait on in *seen. */
static memlane_status try_acquire(const struct memlane_segment *segment, struct memlane_lock_word *lock, uint64_t flags,
                                  bool ask, uint64_t *seen, uint32_t *token) {
    for (;;) {
        uint64_t word = memlane_load_relaxed(&lock->word); /* relaxed: the CAS decides, and acquires */
        *seen = word;
        memlane_status won = MEMLANE_OK;
        if (owner_of(word) == 0) {
            won = (word & MEMLANE_LOCK_ABANDONED) != 0 ? MEMLANE_OWNER_DIED : MEMLANE_OK;
        } else if (ask && memlane_participant_verdict_of_tag(segment, (uint32_t)owner_of(word)) == MEMLANE_DEAD) {
            flags = MEMLANE_LOCK_WAITERS; /* the dead owner's waiters are ours to wake */
            won = MEMLANE_OWNER_DIED;
        } else {
            return MEMLANE_TIMEOUT;
        }
        uint64_t next = acquired(word, flags, segment->tag);
        if (swap_in(lock, word, next)) {
            *token = count_of(next);
            return won;
        }
    }
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Sleeps at most a chunk while the word is `seen`, announced by the waiters bit. MEMLANE_OK: look again. */
static memlane_status sleep_on(struct memlane_segment *segment, struct memlane_lock_word *lock, uint64_t seen,
                               uint64_t chunk_ns, uint64_t deadline_ns) {
    if (memlane_load32_acquire(&segment->closing) != 0) {
        return MEMLANE_CLOSED;
    }
    if ((seen & MEMLANE_LOCK_WAITERS) == 0) {
        if (!memlane_cas_relaxed(&lock->word, seen, seen | MEMLANE_LOCK_WAITERS)) { /* relaxed: guards nothing */
            return MEMLANE_OK;
        }
        seen |= MEMLANE_LOCK_WAITERS;
    }
    uint64_t now = memlane_platform_monotonic_ns();
    if (now >= deadline_ns) {
        return MEMLANE_TIMEOUT;
    }
    int failure =
        memlane_platform_futex_wait(low_half(&lock->word), (uint32_t)seen, smaller(chunk_ns, deadline_ns - now));
    if (memlane_segment_is_lost(segment)) {
        return MEMLANE_CORRUPTED;
    }
    return failure == EINTR ? MEMLANE_INTERRUPTED : MEMLANE_OK;
}

static memlane_status acquire(struct memlane_segment *segment, struct memlane_lock_word *lock, uint64_t deadline_ns,
                              uint32_t *token) {
    uint64_t seen;
    for (int i = 0; i < SPINS; i++) {
        memlane_status status = try_acquire(segment, lock, 0, false, &seen, token);
        if (status != MEMLANE_TIMEOUT) {
            return status;
        }
        memlane_platform_relax();
    }
    uint64_t flags = 0;
    for (uint64_t chunk = FIRST_CHUNK_NS;; chunk = smaller(2 * chunk, LAST_CHUNK_NS)) {
        memlane_status status = try_acquire(segment, lock, flags, true, &seen, token);
        if (status != MEMLANE_TIMEOUT) {
            return status;
        }
        status = sleep_on(segment, lock, seen, chunk, deadline_ns);
        if (status != MEMLANE_OK) {
            return status;
        }
        flags = MEMLANE_LOCK_WAITERS; /* others may sleep: whoever slept hands the duty to wake on */
    }
}

/* A lock in the zeros that a truncated file left behind guards nothing. */
static memlane_status unless_lost(const struct memlane_segment *segment, memlane_status status) {
    return memlane_segment_is_lost(segment) ? MEMLANE_CORRUPTED : status;
}

memlane_status memlane_lock_try(struct memlane_segment *segment, struct memlane_lock_word *lock, uint32_t *token) {
    uint64_t seen;
    return unless_lost(segment, try_acquire(segment, lock, 0, false, &seen, token));
}

memlane_status memlane_lock_acquire(struct memlane_segment *segment, struct memlane_lock_word *lock,
                                    uint64_t deadline_ns, uint32_t *token) {
    return unless_lost(segment, acquire(segment, lock, deadline_ns, token));
}

static memlane_status release(const struct memlane_segment *segment, struct memlane_lock_word *lock, uint32_t token,
                              uint64_t flags) {
    for (;;) {
        uint64_t word = memlane_load_relaxed(&lock->word); /* relaxed: the CAS decides, and releases */
        if (!MEMLANE_MUTANT(BLIND_UNLOCK) && (owner_of(word) != segment->tag || count_of(word) != token)) {
            return MEMLANE_OWNERSHIP_LOST;
        }
        uint64_t next = (uint64_t)token << 32 | flags;
        bool done = MEMLANE_MUTANT(UNLOCK_RELAXED) ? memlane_cas_relaxed(&lock->word, word, next)
                                                   : memlane_cas_release(&lock->word, word, next); /* L1 */
        if (done) {
            if ((word & MEMLANE_LOCK_WAITERS) != 0) {
                memlane_platform_futex_wake_one(low_half(&lock->word));
            }
            return MEMLANE_OK;
        }
    }
}

memlane_status memlane_lock_release(struct memlane_segment *segment, struct memlane_lock_word *lock, uint32_t token) {
    return release(segment, lock, token, 0);
}

memlane_status memlane_lock_pass_on(struct memlane_segment *segment, struct memlane_lock_word *lock, uint32_t token) {
    return release(segment, lock, token, MEMLANE_LOCK_ABANDONED);
}

void memlane_lock_clean(struct memlane_lock_word *lock, uint32_t index) {
    for (;;) {
        uint64_t word = memlane_load_relaxed(&lock->word); /* relaxed: the CAS decides */
        if (owner_of(word) == 0 || memlane_tag_index((uint32_t)owner_of(word)) != index) {
            return;
        }
        uint64_t next = (uint64_t)(count_of(word) + 1) << 32 | MEMLANE_LOCK_ABANDONED;
        if (memlane_cas_release(&lock->word, word, next)) { /* L1, in the dead owner's stead */
            memlane_platform_futex_wake_one(low_half(&lock->word));
            return;
        }
    }
}
