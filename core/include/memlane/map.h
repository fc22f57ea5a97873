/* Shared maps: bytes that every process of the host can read and write, and a lock for many readers or one writer that
 * no death leaves locked.
 *
 * All functions may be called from several threads at once on one endpoint, unless they say otherwise; none is
 * async-signal-safe. Deadlines are absolute CLOCK_MONOTONIC times in nanoseconds: 0 only looks, MEMLANE_NO_DEADLINE
 * waits for ever. The library guards no byte by itself: who accesses them without the lock gets what is there. */
#ifndef MEMLANE_MAP_H
#define MEMLANE_MAP_H

#include <memlane/object.h>
#include <memlane/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct memlane_map memlane_map;

enum { MEMLANE_DEFAULT_MAP_PARTICIPANTS = 1024 };

/* Initialise by memlane_map_options_initialise(), then change what matters. */
typedef struct memlane_map_options {
    memlane_object_options object;
    uint64_t size; /* bytes, or MEMLANE_ANY: then the map must exist */
} memlane_map_options;

MEMLANE_API void memlane_map_options_initialise(memlane_map_options *options);

/* Opens the map `name` (UTF-8, length bytes), or creates it, filled with zeros. The caller owns *map until
 * memlane_map_free(). Blocks only on the file system. Fails with MEMLANE_INVALID_NAME, _INVALID_ARGUMENT,
 * _NOT_FOUND, _KIND_MISMATCH, _SIZE_MISMATCH, _SCHEMA_MISMATCH, _LAYOUT_MISMATCH, _ACCESS_DENIED, _TIMEOUT,
 * _UNSAFE_NAMESPACE, _UNSUPPORTED_NAMESPACE, _NO_SPACE, _TOO_MANY_PARTICIPANTS, _CORRUPTED, _NO_MEMORY, _SYSTEM. */
MEMLANE_API memlane_status memlane_map_open(memlane_map **map, const char *name, size_t length,
                                            const memlane_map_options *options, memlane_error *error);

/* Marks the endpoint closed: who waits leaves with MEMLANE_CLOSED, later calls too. Its memory goes back when the
 * last lock was given back. May be called twice. Wait-free. */
MEMLANE_API void memlane_map_close(memlane_map *map);

/* Whether it was closed. Wait-free. */
MEMLANE_API bool memlane_map_is_closed(const memlane_map *map);

/* Closes, and ends the caller's use of the handle. Locks that are held keep what they need. NULL is accepted. */
MEMLANE_API void memlane_map_free(memlane_map *map);

/* The bytes, at a multiple of 4096. Valid while the endpoint is open or one of its locks is held. Wait-free. */
MEMLANE_API void *memlane_map_bytes(memlane_map *map);
MEMLANE_API uint64_t memlane_map_size(const memlane_map *map);

/* A lock that is held: from lock to unlock, in memory of the caller that stays where it is. */
typedef struct memlane_map_lock {
    memlane_map *map;  /* NULL: not held */
    bool recovered;    /* a writer died inside, and this is the first lock since (readers: none has written since) */
    uint32_t fence;    /* of a write lock: rises with each write lock of the object */
    uint64_t place[5]; /* private */
} memlane_map_lock;

/* Takes the lock for this thread: read with other readers, write alone. Writers do not wait for readers that come after
 * them, and readers wait for at most one writer after the one that they found. MEMLANE_TIMEOUT (the text names who has
 * it), _INTERRUPTED by a signal, _CLOSED, _ALREADY_LOCKED (this thread has a lock of this endpoint), _CORRUPTED.
 * Blocking; the death of a holder ends the wait. */
MEMLANE_API memlane_status memlane_map_lock_read(memlane_map *map, memlane_map_lock *lock, uint64_t deadline_ns,
                                                 memlane_error *error);
MEMLANE_API memlane_status memlane_map_lock_write(memlane_map *map, memlane_map_lock *lock, uint64_t deadline_ns,
                                                  memlane_error *error);

/* Gives it back; any thread may. MEMLANE_OWNERSHIP_LOST: it was not this process's any more (it was taken before a
 * fork, or the process had been taken for dead): what was written meanwhile may be mixed with another's.
 * MEMLANE_CORRUPTED: the file was truncated meanwhile. The lock is not held afterwards in each case.
 * MEMLANE_NOT_LOCKED: it was not held. Lock-free. */
MEMLANE_API memlane_status memlane_map_unlock(memlane_map_lock *lock, memlane_error *error);

enum { MEMLANE_MAP_READING = 1, MEMLANE_MAP_WRITING = 2 };

/* What the calling thread has locked: 0, MEMLANE_MAP_READING or MEMLANE_MAP_WRITING. */
MEMLANE_API int memlane_map_mode(memlane_map *map);

/* While a thread waits for a lock, give_up(argument) is asked every 50 ms at the latest and after each signal: true
 * ends the wait with MEMLANE_INTERRUPTED. For bindings, whose signal handlers run elsewhere. Before the endpoint is
 * shared between threads. */
MEMLANE_API void memlane_map_ask_while_waiting(memlane_map *map, bool (*give_up)(void *argument), void *argument);

/* For bindings that map the bytes once more: a descriptor of the object's file that carries none of memlane's locks,
 * which the caller closes, and where the bytes begin in it. MEMLANE_CLOSED, _OWNERSHIP_LOST, _SYSTEM. */
MEMLANE_API memlane_status memlane_map_descriptor(memlane_map *map, int *descriptor, uint64_t *offset,
                                                  memlane_error *error);

/* Protects such a second mapping, one for each endpoint, against truncation of the file: until unguard, which comes
 * before it is unmapped. */
MEMLANE_API void memlane_map_guard(memlane_map *map, void *address, size_t size);
MEMLANE_API void memlane_map_unguard(memlane_map *map);

/* MEMLANE_CORRUPTED when the file was truncated: then zeros are there instead; MEMLANE_CLOSED. Wait-free. */
MEMLANE_API memlane_status memlane_map_check(memlane_map *map, memlane_error *error);

typedef struct memlane_map_properties {
    uint64_t size, participants;
    bool ephemeral;
    unsigned char uuid[16];
    const char *name;      /* UTF-8; lives as long as the handle */
    const char *directory; /* the same */
} memlane_map_properties;

/* What the object is; also of a closed endpoint. Wait-free. */
MEMLANE_API void memlane_map_describe(const memlane_map *map, memlane_map_properties *properties);

typedef struct memlane_map_statistics {
    /* Sums over all endpoints that ever were. */
    uint64_t write_locks, read_locks;
    uint64_t recovered; /* locks whose taker was told of a death */
    uint32_t live_participants;
    bool is_current; /* the name still leads to this object */
} memlane_map_statistics;

MEMLANE_API memlane_status memlane_map_statistics_read(memlane_map *map, memlane_map_statistics *statistics,
                                                       memlane_error *error);

/* Whether the name still leads to this object. Makes system calls. */
MEMLANE_API bool memlane_map_is_current(memlane_map *map);

#ifdef __cplusplus
}
#endif
#endif
