/* Mutexes in any memory that processes share: they survive the death of their holder, and belong to threads.
 *
 * The memory is the caller's: MEMLANE_SYNC_SIZE bytes at a multiple of 8, alive and mapped as long as it is used here.
 * Who holds a mutex is known by a place in the hidden object `.participants` of a namespace, which all its users open.
 * All functions may be called from several threads at once; none is async-signal-safe. Deadlines are absolute
 * CLOCK_MONOTONIC times in nanoseconds: 0 only looks, MEMLANE_NO_DEADLINE waits for ever.
 *
 * From memlane_sync_initialise() on, `sync` NULL stands for mutexes of this process alone, which need no namespace. A
 * mutex is used with the kind of `sync` that it was initialised with; else, and where nothing was initialised,
 * MEMLANE_INVALID_ARGUMENT. These functions leave with MEMLANE_CORRUPTED when the file of `.participants` was
 * truncated, and the first of a forked child also with MEMLANE_TOO_MANY_PARTICIPANTS or MEMLANE_OWNERSHIP_LOST: there
 * was no place for it, or no way to the file. With `sync` NULL the first of a process may leave with MEMLANE_SYSTEM. */
#ifndef MEMLANE_SYNC_H
#define MEMLANE_SYNC_H

#include <memlane/object.h>
#include <memlane/status.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a mutex. */
enum { MEMLANE_SYNC_SIZE = 64 };

/* This process among the users of mutexes in one namespace. What it holds ends with it. */
typedef struct memlane_sync memlane_sync;

/* Takes a place for this process; `directory` as in memlane_object_options, and not needed afterwards. The caller owns
 * *sync until memlane_sync_free().
 *
 * Blocking: on the file system, and at most 100 ms on others that open the same. MEMLANE_TOO_MANY_PARTICIPANTS,
 * MEMLANE_ACCESS_DENIED, MEMLANE_UNSAFE_NAMESPACE, MEMLANE_UNSUPPORTED_NAMESPACE, MEMLANE_NO_SPACE,
 * MEMLANE_KIND_MISMATCH, MEMLANE_LAYOUT_MISMATCH, MEMLANE_TIMEOUT, MEMLANE_CORRUPTED, MEMLANE_NO_MEMORY,
 * MEMLANE_SYSTEM. */
MEMLANE_API memlane_status memlane_sync_open(memlane_sync **sync, const char *directory, memlane_error *error);

/* Gives the place back: mutexes that are still held count as abandoned. No other thread may be in a function with it,
 * or call one later. NULL is accepted. Blocks only on the file system. */
MEMLANE_API void memlane_sync_free(memlane_sync *sync);

/* Makes a mutex of the memory, whatever it held, which nobody else may use meanwhile. The memory stays the caller's;
 * about `recursive` see memlane_sync_acquire(). Lock-free, but for the first use in a process.
 * MEMLANE_CORRUPTED, MEMLANE_SYSTEM. */
MEMLANE_API memlane_status memlane_sync_initialise(memlane_sync *sync, void *memory, bool recursive,
                                                   memlane_error *error);

/* Makes the memory no mutex any more: who waits for it leaves with MEMLANE_INVALID_ARGUMENT, and the memory may go when
 * nobody does. MEMLANE_TIMEOUT: somebody holds it, this thread included; MEMLANE_INVALID_ARGUMENT: it is none;
 * MEMLANE_CORRUPTED. Lock-free but for its system calls, which ask whether a holder lives. */
MEMLANE_API memlane_status memlane_sync_destroy(memlane_sync *sync, void *memory, memlane_error *error);

/* Takes the mutex for this thread, which owns it until as many calls of memlane_sync_release(): a recursive one can be
 * taken again by who holds it, up to 2^30 times. *recovered: its last holder died with it, and what it guards may be
 * half-written.
 *
 * Blocking, to the deadline; the death of a holder ends the wait. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED by a signal,
 * MEMLANE_WOULD_DEADLOCK where this thread holds it and it is not recursive, MEMLANE_INVALID_ARGUMENT (also where it
 * was destroyed meanwhile), MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_sync_acquire(memlane_sync *sync, void *memory, uint64_t deadline_ns, bool *recovered,
                                                memlane_error *error);

/* The same for `owner` in place of this thread, so that no thread owns it: a number that no other holder has meanwhile,
 * such as the address of something that is the caller's and lives as long. For one thread at a time with one owner.
 * Blocking, to the deadline. The same statuses; MEMLANE_WOULD_DEADLOCK where the owner holds it. */
MEMLANE_API memlane_status memlane_sync_acquire_as(memlane_sync *sync, void *memory, uint64_t owner,
                                                   uint64_t deadline_ns, bool *recovered, memlane_error *error);

/* memlane_sync_acquire() without waiting: one look, which does not ask whether a holder lives. Lock-free. MEMLANE_TIMEOUT: it is
 * held; MEMLANE_WOULD_DEADLOCK, MEMLANE_INVALID_ARGUMENT, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_sync_try(memlane_sync *sync, void *memory, bool *recovered, memlane_error *error);

/* Gives back what this thread took last. MEMLANE_OWNERSHIP_LOST: it does not hold it, as no forked child does;
 * MEMLANE_INVALID_ARGUMENT, MEMLANE_CORRUPTED. Lock-free; wakes one who waits. */
MEMLANE_API memlane_status memlane_sync_release(memlane_sync *sync, void *memory, memlane_error *error);

/* The same for an owner: any thread may, after the acquisition. Lock-free. MEMLANE_OWNERSHIP_LOST: the owner does not
 * hold it. */
MEMLANE_API memlane_status memlane_sync_release_as(memlane_sync *sync, void *memory, uint64_t owner,
                                                   memlane_error *error);

#ifdef __cplusplus
}
#endif
#endif
