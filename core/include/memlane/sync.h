/* Mutexes in any memory that processes share: they survive the death of their holder, and belong to threads.
 *
 * The memory is the caller's: MEMLANE_SYNC_SIZE bytes at a multiple of 8, alive and mapped as long as it is used here.
 * Who holds a mutex is known by a place in the hidden object `.participants` of a namespace, which all its users open.
 * All functions may be called from several threads at once; none is async-signal-safe. */
#ifndef MEMLANE_SYNC_H
#define MEMLANE_SYNC_H

#include <memlane/object.h>
#include <memlane/status.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { MEMLANE_SYNC_SIZE = 64 };

/* This process among the users of mutexes in one namespace. What it holds ends with it. */
typedef struct memlane_sync memlane_sync;

/* Takes a place for this process; `directory` as in memlane_object_options. The caller owns *sync until
 * memlane_sync_free(). Fails as the opening of any object does. */
MEMLANE_API memlane_status memlane_sync_open(memlane_sync **sync, const char *directory, memlane_error *error);

/* Gives the place back: mutexes that are still held count as abandoned. NULL is accepted. */
MEMLANE_API void memlane_sync_free(memlane_sync *sync);

/* In all functions below `sync` NULL stands for mutexes of this process alone, which need no namespace. A mutex is
 * used with the kind of `sync` that it was initialised with; else, and where nothing was initialised,
 * MEMLANE_INVALID_ARGUMENT. */

/* Makes a mutex of the memory, which nobody else may use meanwhile. */
MEMLANE_API memlane_status memlane_sync_initialise(memlane_sync *sync, void *memory, bool recursive,
                                                   memlane_error *error);

/* Makes the memory no mutex any more. MEMLANE_TIMEOUT: somebody holds it. */
MEMLANE_API memlane_status memlane_sync_destroy(memlane_sync *sync, void *memory, memlane_error *error);

/* Takes the mutex for this thread. *recovered: its last holder died with it, and what it guards may be half-written.
 * MEMLANE_TIMEOUT at the absolute monotonic deadline (0: only looks), MEMLANE_INTERRUPTED by a signal,
 * MEMLANE_WOULD_DEADLOCK where this thread holds it and it is not recursive. Blocking. */
MEMLANE_API memlane_status memlane_sync_acquire(memlane_sync *sync, void *memory, uint64_t deadline_ns, bool *recovered,
                                                memlane_error *error);

/* The same without waiting: one look, which does not ask whether a holder lives. Wait-free but for retries. */
MEMLANE_API memlane_status memlane_sync_try(memlane_sync *sync, void *memory, bool *recovered, memlane_error *error);

/* Gives back what this thread took last. MEMLANE_OWNERSHIP_LOST: it does not hold it. */
MEMLANE_API memlane_status memlane_sync_release(memlane_sync *sync, void *memory, memlane_error *error);

#ifdef __cplusplus
}
#endif
#endif
