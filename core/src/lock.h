/* A mutex in shared memory that survives its owners (core.md 2.4). One endpoint is one owner; its threads take turns
 * first by a lock of their own. */
#ifndef MEMLANE_LOCK_H
#define MEMLANE_LOCK_H

#include "segment.h"

/* MEMLANE_OK, or MEMLANE_OWNER_DIED when the last owner died with it: acquired, and what it guards may be
 * half-written. MEMLANE_TIMEOUT at the absolute monotonic deadline, MEMLANE_INTERRUPTED, MEMLANE_CLOSED,
 * MEMLANE_CORRUPTED. *token fences the release. Blocking. */
memlane_status memlane_lock_acquire(struct memlane_segment *segment, struct memlane_lock_word *lock,
                                    uint64_t deadline_ns, uint32_t *token);

/* One look that does not ask whether an owner lives: MEMLANE_OK, MEMLANE_OWNER_DIED where that was noticed before,
 * MEMLANE_TIMEOUT, MEMLANE_CORRUPTED. Wait-free but for retries against other acquisitions. */
memlane_status memlane_lock_try(struct memlane_segment *segment, struct memlane_lock_word *lock, uint32_t *token);

/* MEMLANE_OK, or MEMLANE_OWNERSHIP_LOST when it belongs to somebody else by now; then nothing was changed. Wait-free
 * but for retries against arriving waiters. */
memlane_status memlane_lock_release(struct memlane_segment *segment, struct memlane_lock_word *lock, uint32_t token);

/* The same, for an owner that did not see to what a dead one left: the next owner is told of that death again. */
memlane_status memlane_lock_pass_on(struct memlane_segment *segment, struct memlane_lock_word *lock, uint32_t token);

/* Cleanup of an index, under its byte lock: frees the lock if that index owns it, and marks it abandoned.
 * Idempotent. */
void memlane_lock_clean(struct memlane_lock_word *lock, uint32_t index);

#endif
