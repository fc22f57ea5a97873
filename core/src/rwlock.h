/* A lock in shared memory for many readers or one writer, which survives them (docs/design/rwlock.md).
 *
 * A writer takes the lock word, which is the mutex of lock.h, and waits until no flag of a reader is up. A reader raises
 * its flag and looks at the word. One endpoint is one reader or one writer at a time: its threads take turns before
 * (gate.h). */
#ifndef MEMLANE_RWLOCK_H
#define MEMLANE_RWLOCK_H

#include "segment.h"

/* Where the lock lies for one endpoint. */
struct memlane_rwlock {
    struct memlane_segment *segment;
    struct memlane_rwlock_control *control;
    struct memlane_rwlock_flag *flag;
    uint32_t participants;
};

/* How long a caller waits. give_up (may be NULL) is asked after each chunk and each signal, with no lock held but what
 * the call was waiting with: true ends the wait with MEMLANE_INTERRUPTED. Where it is NULL a signal does. */
struct memlane_limit {
    uint64_t deadline_ns; /* absolute monotonic; 0: only looks */
    bool (*give_up)(void *argument);
    void *argument;
};

/* Bytes that the lock takes. */
static inline uint64_t memlane_rwlock_size(uint32_t participants) {
    return sizeof(struct memlane_rwlock_control) + (uint64_t)participants * sizeof(struct memlane_rwlock_flag);
}

/* It lies at the beginning of the segment's body. */
void memlane_rwlock_locate(struct memlane_rwlock *lock, struct memlane_segment *segment);

/* Sleeps at most a chunk while *word == seen. MEMLANE_OK: look again; MEMLANE_TIMEOUT, _INTERRUPTED, _CLOSED,
 * _CORRUPTED. */
memlane_status memlane_rwlock_doze(struct memlane_segment *segment, const memlane_atomic32 *word, uint32_t seen,
                                   uint64_t chunk_ns, const struct memlane_limit *limit);

/* MEMLANE_OK, or MEMLANE_OWNER_DIED when a writer died inside and nobody has written since: entered either way.
 * MEMLANE_TIMEOUT, _INTERRUPTED, _CLOSED, _CORRUPTED. Blocking; waits for one writer at most after the one that it
 * found. */
memlane_status memlane_rwlock_read(struct memlane_rwlock *lock, const struct memlane_limit *limit);

/* MEMLANE_OK, or MEMLANE_OWNERSHIP_LOST when the flag is not up under this tag: then nothing was changed. Wait-free. */
memlane_status memlane_rwlock_end_read(struct memlane_rwlock *lock, uint32_t tag);

/* As read; MEMLANE_OWNER_DIED once after a death. Waits for other writers, and then for the readers that it found. *token
 * fences the end. */
memlane_status memlane_rwlock_write(struct memlane_rwlock *lock, const struct memlane_limit *limit, uint32_t *token);

/* Lets the waiting readers in, then gives the word back. MEMLANE_OWNERSHIP_LOST as in lock.h. Lock-free. */
memlane_status memlane_rwlock_end_write(struct memlane_rwlock *lock, uint32_t token);

/* Whether a writer is inside or waits for the readers that are. Wait-free. */
bool memlane_rwlock_is_wanted(const struct memlane_rwlock *lock);

/* Cleanup of an index, under its byte lock. Idempotent. */
void memlane_rwlock_clean(struct memlane_rwlock *lock, uint32_t index);

/* "pid 12 (camera) writes", "pid 13 (viewer), pid 14 (viewer) read", for error texts; "nobody" when it is free by
 * now. */
void memlane_rwlock_describe(const struct memlane_rwlock *lock, char *text, size_t size);

#endif
