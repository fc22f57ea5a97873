/* Shared maps: bytes that every process of the host can read and write, and a lock for many readers or one writer that
 * no death leaves locked.
 *
 * All functions may be called from several threads at once on one endpoint, unless they say otherwise; none is
 * async-signal-safe. Deadlines are absolute CLOCK_MONOTONIC times in nanoseconds: 0 only looks, MEMLANE_NO_DEADLINE
 * waits for ever. Sizes are bytes. The library guards no byte by itself: who accesses them without the lock gets what
 * is there. Every function that takes an error leaves with MEMLANE_CORRUPTED when the file was truncated. The first
 * operation in a forked child may also leave with MEMLANE_TOO_MANY_PARTICIPANTS or MEMLANE_OWNERSHIP_LOST: there was no
 * place for it, or no way to its file. */
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

/* An open endpoint of a map; opaque. */
typedef struct memlane_map memlane_map;

/* How many endpoints a new map can have at once where nothing was asked for. */
enum { MEMLANE_DEFAULT_MAP_PARTICIPANTS = 1024 };

/* Initialise by memlane_map_options_initialise(), then change what matters. */
typedef struct memlane_map_options {
    memlane_object_options object;
    uint64_t size; /* bytes, or MEMLANE_ANY: then the map must exist */
} memlane_map_options;

/* Fills *options: no size was asked for, a missing map is created with mode 0600. Call it before all others, also on
 * options that were used before. Wait-free. */
MEMLANE_API void memlane_map_options_initialise(memlane_map_options *options);

/* Opens the map `name` (UTF-8, `length` bytes, no NUL needed), or creates it, filled with zeros. The caller owns *map
 * until memlane_map_free(); *options stay the caller's and are not needed afterwards.
 *
 * Blocking: on the file system, and at most 100 ms on others that open or remove the same name. MEMLANE_INVALID_NAME,
 * MEMLANE_INVALID_ARGUMENT (also a new map without a size), MEMLANE_NOT_FOUND (it must not be created, or has another
 * uuid), MEMLANE_KIND_MISMATCH, MEMLANE_SIZE_MISMATCH and MEMLANE_SCHEMA_MISMATCH (the error says both sides),
 * MEMLANE_LAYOUT_MISMATCH, MEMLANE_ACCESS_DENIED, MEMLANE_UNSAFE_NAMESPACE, MEMLANE_UNSUPPORTED_NAMESPACE,
 * MEMLANE_NO_SPACE (nothing was created), MEMLANE_TOO_MANY_PARTICIPANTS, MEMLANE_TIMEOUT, MEMLANE_CORRUPTED,
 * MEMLANE_NO_MEMORY, MEMLANE_SYSTEM. */
MEMLANE_API memlane_status memlane_map_open(memlane_map **map, const char *name, size_t length,
                                            const memlane_map_options *options, memlane_error *error);

/* Marks the endpoint closed: who waits leaves with MEMLANE_CLOSED, later calls too. Its memory goes back when the last
 * lock was given back. May be called twice. Wait-free while something of it is in use; else it gives the memory back
 * itself, blocking as memlane_map_free(). */
MEMLANE_API void memlane_map_close(memlane_map *map);

/* Whether it was closed. Wait-free. */
MEMLANE_API bool memlane_map_is_closed(const memlane_map *map);

/* Closes, and ends the caller's use of the handle: no other thread may be in a function with it, or call one later.
 * Locks that are held keep what they need, and are still to be given back. NULL is accepted. Blocks only on the file
 * system, and on the directory's lock where the object goes with its last endpoint. */
MEMLANE_API void memlane_map_free(memlane_map *map);

/* The bytes, at a multiple of 4096. They are the object's: valid while the endpoint is open or one of its locks is
 * held. Wait-free. */
MEMLANE_API void *memlane_map_bytes(memlane_map *map);

/* How many bytes it has; also of a closed endpoint. Wait-free. */
MEMLANE_API uint64_t memlane_map_size(const memlane_map *map);

/* A lock that is held: from lock to unlock, in memory of the caller that stays where it is. */
typedef struct memlane_map_lock {
    memlane_map *map;  /* NULL: not held */
    bool recovered;    /* a writer died inside, and this is the first lock since (readers: none has written since) */
    uint32_t fence;    /* of a write lock: rises with each write lock of the object */
    uint64_t place[5]; /* private */
} memlane_map_lock;

/* Takes the lock for this thread: read with other readers, write alone. Writers do not wait for readers that come after
 * them, and readers wait for at most one writer after the one that they found. The caller owns *lock until
 * memlane_map_unlock(), also across memlane_map_close().
 *
 * Blocking, to the deadline; the death of a holder ends the wait. MEMLANE_TIMEOUT (the text names who has it),
 * MEMLANE_INTERRUPTED by a signal, MEMLANE_CLOSED (also by another thread meanwhile), MEMLANE_ALREADY_LOCKED (this
 * thread has a lock of this endpoint), MEMLANE_CORRUPTED. Then *lock is not held. */
MEMLANE_API memlane_status memlane_map_lock_read(memlane_map *map, memlane_map_lock *lock, uint64_t deadline_ns,
                                                 memlane_error *error);
MEMLANE_API memlane_status memlane_map_lock_write(memlane_map *map, memlane_map_lock *lock, uint64_t deadline_ns,
                                                  memlane_error *error);

/* What can be locked. */
enum { MEMLANE_MAP_READING = 1, MEMLANE_MAP_WRITING = 2 };

/* The same, in one of these modes, for *lock alone: no thread owns it, so that tasks of one thread exclude each other,
 * and memlane_map_mode() does not show it. Blocking, to the deadline: give_up(argument) is asked every 50 ms at the
 * latest and after each signal, and true ends the wait with MEMLANE_INTERRUPTED; where it is NULL a signal does.
 * `argument` stays the caller's.
 * MEMLANE_INVALID_ARGUMENT: another mode; never MEMLANE_ALREADY_LOCKED: who waits for itself waits to the deadline. */
MEMLANE_API memlane_status memlane_map_lock_for_nobody(memlane_map *map, memlane_map_lock *lock, int mode,
                                                       uint64_t deadline_ns, bool (*give_up)(void *argument),
                                                       void *argument, memlane_error *error);

/* Gives it back; any thread may. MEMLANE_OWNERSHIP_LOST: it was not this process's any more (it was taken before a
 * fork, or the process had been taken for dead): what was written meanwhile may be mixed with another's.
 * MEMLANE_CORRUPTED: the file was truncated meanwhile. The lock is not held afterwards in each case.
 * MEMLANE_NOT_LOCKED: it was not held. Lock-free towards other processes; threads of this one share a mutex for a
 * moment. */
MEMLANE_API memlane_status memlane_map_unlock(memlane_map_lock *lock, memlane_error *error);

/* What the calling thread has locked: 0, MEMLANE_MAP_READING or MEMLANE_MAP_WRITING; 0 of a closed endpoint. Waits for
 * no other process: lock-free but for a mutex that threads of this one share for a moment. */
MEMLANE_API int memlane_map_mode(memlane_map *map);

/* While a thread waits for a lock, give_up(argument) is asked every 50 ms at the latest and after each signal: true
 * ends the wait with MEMLANE_INTERRUPTED. For bindings, whose signal handlers run elsewhere. Before the endpoint is
 * shared between threads. `argument` stays the caller's, and is needed as long as anybody waits. Wait-free. */
MEMLANE_API void memlane_map_ask_while_waiting(memlane_map *map, bool (*give_up)(void *argument), void *argument);

/* For bindings that map the bytes once more: a descriptor of the object's file that carries none of memlane's locks,
 * which the caller owns and closes, and where the bytes begin in it. Blocks only on the file system. MEMLANE_CLOSED,
 * MEMLANE_OWNERSHIP_LOST (another part of the program closed the endpoint's own), MEMLANE_SYSTEM, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_map_descriptor(memlane_map *map, int *descriptor, uint64_t *offset,
                                                  memlane_error *error);

/* Protects such a second mapping of `size` bytes, one for each endpoint, against truncation of the file: until unguard,
 * which comes before it is unmapped. The mapping stays the caller's. It is not protected where the library leaves
 * SIGBUS alone, or guards as many mappings as it can (8192). Wait-free. */
MEMLANE_API void memlane_map_guard(memlane_map *map, void *address, size_t size);
MEMLANE_API void memlane_map_unguard(memlane_map *map);

/* MEMLANE_CORRUPTED when the file was truncated: then zeros are there instead; MEMLANE_CLOSED. Lock-free. */
MEMLANE_API memlane_status memlane_map_check(memlane_map *map, memlane_error *error);

/* The endpoint, for memlane_endpoint_descriptor() and its fellows in object.h: a map has nothing to take, so it is not
 * ready until it was closed or its file truncated. The descriptor takes no bytes that are written to it. It is the
 * map's own, and lives as long. Wait-free. */
MEMLANE_API memlane_endpoint *memlane_map_endpoint(memlane_map *map);

/* What a map is. */
typedef struct memlane_map_properties {
    uint64_t size, participants;
    bool ephemeral;
    unsigned char uuid[16];
    const char *name;      /* UTF-8; lives as long as the handle */
    const char *directory; /* the same */
} memlane_map_properties;

/* Fills *properties; also of a closed endpoint. The strings in it are the endpoint's. Wait-free. */
MEMLANE_API void memlane_map_describe(const memlane_map *map, memlane_map_properties *properties);

/* What a map did, and its state. */
typedef struct memlane_map_statistics {
    /* Sums over all endpoints that ever were. */
    uint64_t write_locks, read_locks;
    uint64_t recovered; /* locks whose taker was told of a death */
    uint32_t live_participants;
    bool is_current; /* the name still leads to this object */
} memlane_map_statistics;

/* Sums the counters of all endpoints, one after the other: those that count meanwhile may be in it or not. Blocks only
 * on the file system. MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_map_statistics_read(memlane_map *map, memlane_map_statistics *statistics,
                                                       memlane_error *error);

/* Whether the name still leads to this object; false of a closed endpoint. Blocks only on the file system. */
MEMLANE_API bool memlane_map_is_current(memlane_map *map);

#ifdef __cplusplus
}
#endif
#endif
