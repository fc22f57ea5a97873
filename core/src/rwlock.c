#include "rwlock.h"

#include "lock.h"
#include "mutant.h"
#include "participant.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Edges of this file, besides LOCK of lock.c between writers:
 *   RAISE  seq_cst on both sides: E1 the reader's flag (and flags_used) before E2 its look at the word; E3 the writer's
 *          CAS of the word before E4 its look at the flags. Either the reader sees the writer or the writer the reader.
 *   ENTER  X1 (release, the writer's CAS of the word as it leaves, in lock.c) -> X2 (acquire, the reader's look at
 *          it): what the writer wrote.
 *   GRANT  G1 (CAS of the flag by the writer that leaves) -> G2 (acquire, the reader's look at its own flag): the same.
 *   LEAVE  R1 (CAS of the flag by the reader that leaves) -> R2 (acquire, the writer's look at it): that the reads are
 *          over. A dead reader's: its verdict ends with a fence. */

enum {
    SPINS = 100, /* about 2 us */
    FIRST_CHUNK_NS = 1000000,
    LAST_CHUNK_NS = 16000000, /* bounds how late a waiter notices that the one it waits for died */
    WORD_CHUNK_NS = 50000000
};

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint32_t owner_of(uint64_t word) {
    return (uint32_t)(word & MEMLANE_LOCK_TAG);
}

void memlane_rwlock_locate(struct memlane_rwlock *lock, struct memlane_segment *segment) {
    unsigned char *body = segment->base + segment->header.body_offset;
    lock->segment = segment;
    lock->control = (struct memlane_rwlock_control *)(void *)body;
    lock->flag = (struct memlane_rwlock_flag *)(void *)(body + sizeof *lock->control);
    lock->participants = segment->header.participants_count;
}

memlane_status memlane_rwlock_doze(struct memlane_segment *segment, const memlane_atomic32 *word, uint32_t seen,
                                   uint64_t chunk_ns, const struct memlane_limit *limit) {
    if (memlane_load32_acquire(&segment->closing) != 0) {
        return MEMLANE_CLOSED;
    }
    uint64_t now = memlane_platform_monotonic_ns();
    if (now >= limit->deadline_ns) {
        return MEMLANE_TIMEOUT;
    }
    int failure = memlane_platform_futex_wait(word, seen, smaller(chunk_ns, limit->deadline_ns - now));
    if (memlane_segment_is_lost(segment)) {
        return MEMLANE_CORRUPTED;
    }
    bool ends = limit->give_up == NULL ? failure == EINTR : limit->give_up(limit->argument);
    return ends ? MEMLANE_INTERRUPTED : MEMLANE_OK;
}

static memlane_atomic32 *flag_of(const struct memlane_rwlock *lock, uint32_t index) {
    return &lock->flag[index].word;
}

static memlane_atomic32 *own_flag(const struct memlane_rwlock *lock) {
    return flag_of(lock, lock->segment->index);
}

/* The number of flags to look through. Hostile values must not lead out of the table. */
static uint32_t flags_used(const struct memlane_rwlock *lock) {
    uint32_t used = memlane_load32_seq_cst(&lock->control->flags_used); /* E4: before the flags */
    return used < lock->participants ? used : lock->participants;
}

static void raise_flags_used(struct memlane_rwlock *lock) {
    uint32_t needed = lock->segment->index + 1;
    for (;;) {
        uint32_t used = memlane_load32_seq_cst(&lock->control->flags_used);
        if (used >= needed || memlane_cas32_seq_cst(&lock->control->flags_used, used, needed)) {
            return; /* E1: before the flag */
        }
    }
}

/* -- the writer's way out ----------------------------------------------------------------------------------------- */

/* Whoever waits since before we leave is in before the next writer: no writer after writer keeps a reader out. Only
 * for the owner of the word. */
static void let_readers_in(struct memlane_rwlock *lock, uint32_t abandoned) {
    uint32_t used = flags_used(lock);
    for (uint32_t i = 0; i < used; i++) {
        uint32_t seen = memlane_load32_relaxed(flag_of(lock, i)); /* relaxed: the CAS decides */
        bool waits = (seen & MEMLANE_FLAG_WAITING) != 0 && !MEMLANE_MUTANT(NO_GRANT);
        uint32_t granted = (seen & MEMLANE_FLAG_TAG) | MEMLANE_FLAG_READING | abandoned;
        if (waits && memlane_cas32_seq_cst(flag_of(lock, i), seen, granted)) { /* G1 */
            memlane_platform_futex_wake_all(flag_of(lock, i));
        }
    }
}

static bool owns_word(const struct memlane_rwlock *lock, uint32_t token) {
    uint64_t word = memlane_load_relaxed(&lock->control->writer.word); /* relaxed: nobody but us changes it while so */
    return owner_of(word) == lock->segment->tag && (uint32_t)(word >> 32) == token;
}

static memlane_status give_word_back(struct memlane_rwlock *lock, uint32_t token, bool abandoned) {
    if (!owns_word(lock, token)) {
        return MEMLANE_OWNERSHIP_LOST;
    }
    let_readers_in(lock, abandoned ? MEMLANE_FLAG_ABANDONED : 0);
    return abandoned ? memlane_lock_pass_on(lock->segment, &lock->control->writer, token)
                     : memlane_lock_release(lock->segment, &lock->control->writer, token); /* X1 */
}

/* -- reading ---------------------------------------------------------------------------------------------------- */

/* After our flag went up: MEMLANE_TIMEOUT while a writer has the word. */
static memlane_status look_at_word(const struct memlane_rwlock *lock, uint32_t *owner) {
    memlane_fence_seq_cst(); /* E1 before E2: seq_cst keeps our flag's store before this load */
    uint64_t word = memlane_load_acquire(&lock->control->writer.word); /* E2, X2 */
    *owner = owner_of(word);
    if (*owner != 0 && !MEMLANE_MUTANT(READ_WITHOUT_LOOK)) {
        return MEMLANE_TIMEOUT;
    }
    return (word & MEMLANE_LOCK_ABANDONED) != 0 ? MEMLANE_OWNER_DIED : MEMLANE_OK;
}

/* The owner of the word is dead: we take it as a writer would, and leave with our own flag up. What the dead left is
 * still to be told to the next writer. */
static void take_from_the_dead(struct memlane_rwlock *lock) {
    uint32_t token;
    memlane_status status = memlane_lock_acquire(lock->segment, &lock->control->writer, 0, &token);
    if (status == MEMLANE_OK || status == MEMLANE_OWNER_DIED) {
        give_word_back(lock, token, status == MEMLANE_OWNER_DIED && !MEMLANE_MUTANT(DEATH_FORGOTTEN));
    } /* else somebody else was first */
}

/* One look of a waiting reader, whose flag says WAITING or was turned to READING by a writer that left. *waited: what to
 * sleep on. */
static memlane_status look_again(struct memlane_rwlock *lock, uint32_t *waited, uint32_t *owner) {
    memlane_atomic32 *flag = own_flag(lock);
    uint32_t seen = memlane_load32_acquire(flag); /* G2 */
    *waited = MEMLANE_FLAG_WAITING | lock->segment->tag;
    *owner = 0;
    if (seen != *waited) {
        if ((seen & ~MEMLANE_FLAG_ABANDONED) == (MEMLANE_FLAG_READING | lock->segment->tag)) {
            return (seen & MEMLANE_FLAG_ABANDONED) != 0 ? MEMLANE_OWNER_DIED : MEMLANE_OK;
        }
        memlane_exchange32_seq_cst(flag, *waited); /* overwritten by who knows whom: ask again */
    }
    memlane_status status = look_at_word(lock, owner);
    if (status == MEMLANE_TIMEOUT) {
        return status;
    }
    /* Still waiting while the flag is up: a writer that leaves at this moment lets us in all the same. Without that the
     * model finds a reader that writer after writer passes, each at the moment at which the flag only says reading. */
    uint32_t trying = *waited | MEMLANE_FLAG_READING;
    if (!memlane_cas32_seq_cst(flag, *waited, trying)) { /* E1 */
        return MEMLANE_TIMEOUT;                          /* a writer that left let us in: seen at the next look */
    }
    status = look_at_word(lock, owner);
    bool is_free = status != MEMLANE_TIMEOUT;
    uint32_t next = is_free ? MEMLANE_FLAG_READING | lock->segment->tag : *waited;
    if (!memlane_cas32_seq_cst(flag, trying, next)) {
        return MEMLANE_TIMEOUT; /* let in, the same */
    }
    if (!is_free) { /* another writer was faster: it must not wait for us */
        memlane_platform_futex_wake_all(flag);
    }
    return status;
}

/* Nobody can let us in any more, or somebody has: in time after all. */
static memlane_status withdraw(struct memlane_rwlock *lock, memlane_status reason) {
    memlane_atomic32 *flag = own_flag(lock);
    uint32_t granted = MEMLANE_FLAG_READING | lock->segment->tag;
    if (memlane_cas32_seq_cst(flag, MEMLANE_FLAG_WAITING | lock->segment->tag, 0)) {
        return reason;
    }
    uint32_t seen = memlane_load32_acquire(flag); /* G2 */
    if (reason == MEMLANE_TIMEOUT && (seen & ~MEMLANE_FLAG_ABANDONED) == granted) {
        return seen == granted ? MEMLANE_OK : MEMLANE_OWNER_DIED;
    }
    memlane_exchange32_seq_cst(flag, 0); /* R1 */
    memlane_platform_futex_wake_all(flag);
    return reason;
}

static memlane_status wait_to_read(struct memlane_rwlock *lock, const struct memlane_limit *limit) {
    uint32_t waited, owner;
    uint64_t chunk = FIRST_CHUNK_NS;
    for (int spins = 0;; spins++) {
        memlane_status status = look_again(lock, &waited, &owner);
        if (status != MEMLANE_TIMEOUT) {
            return status;
        }
        if (spins < SPINS) {
            memlane_platform_relax();
            continue;
        }
        if (owner != 0 && memlane_participant_verdict_of_tag(lock->segment, owner) == MEMLANE_DEAD) {
            take_from_the_dead(lock);
            continue;
        }
        status = memlane_rwlock_doze(lock->segment, own_flag(lock), waited, chunk, limit);
        if (status != MEMLANE_OK) {
            return withdraw(lock, status);
        }
        chunk = smaller(2 * chunk, LAST_CHUNK_NS);
    }
}

static memlane_status read_or_wait(struct memlane_rwlock *lock, const struct memlane_limit *limit) {
    uint32_t owner, tag = lock->segment->tag;
    raise_flags_used(lock);
    /* relaxed: a hint. Who sees a writer does not raise its flag in vain, so that a writer sees each flag go up at most
     * once while it waits. */
    if (owner_of(memlane_load_relaxed(&lock->control->writer.word)) == 0) {
        memlane_exchange32_seq_cst(own_flag(lock), MEMLANE_FLAG_READING | tag); /* E1 */
        memlane_status status = look_at_word(lock, &owner);
        if (status != MEMLANE_TIMEOUT) {
            return status;
        }
    }
    memlane_exchange32_seq_cst(own_flag(lock), MEMLANE_FLAG_WAITING | tag);
    memlane_platform_futex_wake_all(own_flag(lock));
    return wait_to_read(lock, limit);
}

memlane_status memlane_rwlock_read(struct memlane_rwlock *lock, const struct memlane_limit *limit) {
    memlane_status status = read_or_wait(lock, limit);
    /* A lock in the zeros that a truncated file left behind guards nothing. */
    return memlane_segment_is_lost(lock->segment) ? MEMLANE_CORRUPTED : status;
}

memlane_status memlane_rwlock_end_read(struct memlane_rwlock *lock, uint32_t tag) {
    memlane_atomic32 *flag = flag_of(lock, memlane_tag_index(tag));
    uint32_t seen = memlane_load32_relaxed(flag); /* relaxed: the CAS decides */
    if (tag != lock->segment->tag || (seen & ~MEMLANE_FLAG_ABANDONED) != (MEMLANE_FLAG_READING | tag)) {
        return MEMLANE_OWNERSHIP_LOST;
    }
    if (MEMLANE_MUTANT(LEAVE_RELAXED)) {
        memlane_store32_relaxed(flag, 0);
    } else if (!memlane_cas32_seq_cst(flag, seen, 0)) { /* R1 */
        return MEMLANE_OWNERSHIP_LOST;
    }
    /* seq_cst, as the CAS: a writer that is there either finds the flag down or is woken. relaxed: it guards nothing. */
    memlane_fence_seq_cst();
    if (owner_of(memlane_load_relaxed(&lock->control->writer.word)) != 0) {
        memlane_platform_futex_wake_all(flag);
    }
    return MEMLANE_OK;
}

/* -- writing ------------------------------------------------------------------------------------------------------ */

/* A flag that no reader can have raised there, or a dead one. */
static bool is_void(const struct memlane_rwlock *lock, uint32_t index, uint32_t seen) {
    uint32_t tag = seen & MEMLANE_FLAG_TAG;
    if (memlane_tag_index(tag) != index || index == lock->segment->index) {
        return true;
    }
    return !MEMLANE_MUTANT(READER_FOREVER) && memlane_participant_verdict_of_tag(lock->segment, tag) == MEMLANE_DEAD;
}

static memlane_status await_reader(struct memlane_rwlock *lock, uint32_t index, const struct memlane_limit *limit) {
    memlane_atomic32 *flag = flag_of(lock, index);
    uint64_t chunk = FIRST_CHUNK_NS;
    for (int spins = 0;; spins++) {
        uint32_t seen = memlane_load32_acquire(flag); /* E4, R2 */
        if ((seen & MEMLANE_FLAG_READING) == 0) {
            return MEMLANE_OK;
        }
        if (spins < SPINS) {
            memlane_platform_relax();
            continue;
        }
        if (is_void(lock, index, seen)) {
            memlane_cas32_seq_cst(flag, seen, 0);
            continue;
        }
        memlane_status status = memlane_rwlock_doze(lock->segment, flag, seen, chunk, limit);
        if (status != MEMLANE_OK) {
            return status;
        }
        chunk = smaller(2 * chunk, LAST_CHUNK_NS);
    }
}

static memlane_status await_readers(struct memlane_rwlock *lock, const struct memlane_limit *limit) {
    memlane_fence_seq_cst(); /* E3 before E4: seq_cst keeps our CAS of the word before the loads of the flags */
    uint32_t used = flags_used(lock);
    memlane_status status = MEMLANE_OK;
    for (uint32_t i = 0; i < used && status == MEMLANE_OK && !MEMLANE_MUTANT(WRITE_AMONG_READERS); i++) {
        status = await_reader(lock, i, limit);
    }
    return status;
}

/* In chunks, because the mutex below asks nobody whether to give up. */
static memlane_status acquire_word(struct memlane_rwlock *lock, const struct memlane_limit *limit, uint32_t *token) {
    for (;;) {
        uint64_t chunk_ends = memlane_platform_monotonic_ns() + WORD_CHUNK_NS;
        memlane_status status = memlane_lock_acquire(lock->segment, &lock->control->writer,
                                                     smaller(limit->deadline_ns, chunk_ends), token); /* E3 */
        bool decided = status != MEMLANE_TIMEOUT && status != MEMLANE_INTERRUPTED;
        if (decided || (status == MEMLANE_TIMEOUT && chunk_ends >= limit->deadline_ns)) {
            return status;
        }
        bool ends = limit->give_up == NULL ? status == MEMLANE_INTERRUPTED : limit->give_up(limit->argument);
        if (ends) {
            return MEMLANE_INTERRUPTED;
        }
    }
}

memlane_status memlane_rwlock_write(struct memlane_rwlock *lock, const struct memlane_limit *limit, uint32_t *token) {
    memlane_status acquired = acquire_word(lock, limit, token);
    if (acquired != MEMLANE_OK && acquired != MEMLANE_OWNER_DIED) {
        return acquired;
    }
    memlane_status status = await_readers(lock, limit);
    if (memlane_segment_is_lost(lock->segment)) {
        status = MEMLANE_CORRUPTED;
    }
    if (status != MEMLANE_OK) {
        give_word_back(lock, *token, acquired == MEMLANE_OWNER_DIED); /* lost: then somebody else has it */
        return status;
    }
    return acquired;
}

memlane_status memlane_rwlock_end_write(struct memlane_rwlock *lock, uint32_t token) {
    return give_word_back(lock, token, false);
}

bool memlane_rwlock_is_wanted(const struct memlane_rwlock *lock) {
    /* relaxed: who asks is inside as a reader; a writer that is not seen yet waits for one reader more. */
    return owner_of(memlane_load_relaxed(&lock->control->writer.word)) != 0;
}

/* -- the dead, and error texts ---------------------------------------------------------------------------------- */

void memlane_rwlock_clean(struct memlane_rwlock *lock, uint32_t index) {
    memlane_atomic32 *flag = flag_of(lock, index);
    memlane_lock_clean(&lock->control->writer, index);
    if (memlane_load32_acquire(flag) != 0) { /* R2 */
        memlane_exchange32_seq_cst(flag, 0); /* R1, in the dead reader's stead */
        memlane_platform_futex_wake_all(flag);
    }
}

static void describe_readers(const struct memlane_rwlock *lock, char *text, size_t size) {
    enum { SHOWN = 8 };
    uint32_t used = flags_used(lock), readers = 0;
    size_t length = 0;
    for (uint32_t i = 0; i < used; i++) {
        char description[MEMLANE_DESCRIPTION_SIZE];
        /* relaxed: for display */
        bool reads = (memlane_load32_relaxed(flag_of(lock, i)) & MEMLANE_FLAG_READING) != 0;
        readers += reads;
        if (reads && readers <= SHOWN && length < size) {
            memlane_participant_describe(lock->segment, i, description);
            length += (size_t)snprintf(text + length, size - length, "%s%s", readers == 1 ? "" : ", ", description);
        }
    }
    if (readers == 0) {
        snprintf(text, size, "nobody any more");
    } else if (length < size) {
        snprintf(text + length, size - length, "%s", readers > SHOWN ? " and others" : "");
    }
}

void memlane_rwlock_describe(const struct memlane_rwlock *lock, char *text, size_t size) {
    /* relaxed: for display */
    uint32_t owner = owner_of(memlane_load_relaxed(&lock->control->writer.word));
    if (owner == 0 || owner == lock->segment->tag) {
        describe_readers(lock, text, size);
        return;
    }
    char description[MEMLANE_DESCRIPTION_SIZE];
    memlane_participant_describe(lock->segment, memlane_tag_index(owner), description);
    snprintf(text, size, "%s", description);
}
