/* Shares: assignment between processes. A value is put by one and taken by one other, each value at most once.
 *
 * A share is a variable with a mark of what was taken: putting replaces what was not taken and never waits, getting
 * waits for the next value and takes it. All that the head of memlane/variable.h says of threads, deadlines and damage
 * holds here too. */
#ifndef MEMLANE_SHARE_H
#define MEMLANE_SHARE_H

#include <memlane/variable.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An open endpoint of a share; opaque. */
typedef struct memlane_share memlane_share;

/* What a new share gets where nothing was asked for, and the bytes that each of its slots has besides. */
enum {
    MEMLANE_DEFAULT_SHARE_SIZE = 1 << 20,
    MEMLANE_DEFAULT_SHARE_SLOTS = 4,
    /* What describes a value, such as the shape of an array, fits into a slot beyond the share's size: a share of 5 MiB
     * takes an array of 5 MiB. */
    MEMLANE_SHARE_HEADROOM = 4096
};

/* Initialise by memlane_share_options_initialise(), then change what matters. */
typedef struct memlane_share_options {
    memlane_object_options object;
    uint64_t size;     /* bytes of the largest value, without what describes it, or MEMLANE_ANY */
    uint64_t slots;    /* 2 to 65535, or MEMLANE_ANY */
    uint64_t encoding; /* as memlane_variable_options.encoding */
} memlane_share_options;

/* Fills *options: nothing was asked for, a missing share is created with mode 0600. Call it before all others, also on
 * options that were used before. Wait-free. */
MEMLANE_API void memlane_share_options_initialise(memlane_share_options *options);

/* Opens the share `name` (UTF-8, `length` bytes, no NUL needed), or creates it. The caller owns *share until
 * memlane_share_free(); *options stay the caller's and are not needed afterwards.
 *
 * Blocking: on the file system, and at most 100 ms on others that open or remove the same name. MEMLANE_SIZE_MISMATCH
 * (the error says both sides), and what else memlane_variable_open() may answer. */
MEMLANE_API memlane_status memlane_share_open(memlane_share **share, const char *name, size_t length,
                                              const memlane_share_options *options, memlane_error *error);

/* Marks the endpoint closed: operations in other threads leave with MEMLANE_CLOSED, later ones too. What it holds goes
 * back when the last operation, loan and view has ended. May be called twice, and while others use the endpoint.
 * Wait-free while something of it is in use; else it gives the memory back itself, blocking as memlane_share_free(). */
MEMLANE_API void memlane_share_close(memlane_share *share);

/* Closes, and ends the caller's use of the handle: no other thread may be in a function with it, or call one later.
 * Views and loans keep what they need. NULL is accepted. Blocks only on the file system, and on the directory's lock
 * where the object goes with its last endpoint. */
MEMLANE_API void memlane_share_free(memlane_share *share);

/* The same endpoint as a variable: for versions, properties, statistics, and access in place. What is read or viewed
 * through it is not taken, what is written through it is put. It is a part of the handle, and lives as long: closing or
 * freeing either closes or frees both. Wait-free. */
MEMLANE_API memlane_variable *memlane_share_variable(memlane_share *share);

/* Puts size bytes (at most the share's size and the headroom) of the caller's type mark (below 2^24), which are copied,
 * in place of a value that was not taken. *version (may be NULL) is theirs, or 0 when newer values were put meanwhile.
 * On failure the old value stays.
 *
 * Lock-free, and never waits. MEMLANE_NO_FREE_SLOT: every slot is held by live views, loans and writers, which the
 * message names; MEMLANE_VALUE_TOO_LARGE, MEMLANE_CLOSED, MEMLANE_CORRUPTED, MEMLANE_OWNERSHIP_LOST (this process had
 * been declared dead). */
MEMLANE_API memlane_status memlane_share_put(memlane_share *share, const void *bytes, uint64_t size, uint32_t type,
                                             uint64_t *version, memlane_error *error);

/* A free slot to fill in place: memlane_loan_commit() puts it, memlane_loan_drop() does not. The caller owns *loan
 * until either.
 *
 * Lock-free, and never waits. MEMLANE_NO_FREE_SLOT, MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_share_loan(memlane_share *share, memlane_loan *loan, memlane_error *error);

/* Waits for a value that nobody has taken, copies it into the caller's buffer of `capacity` bytes and takes it. Killed
 * before it takes, the value still waits for the next get; after it, it is lost with the process.
 *
 * Blocking, to the deadline. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED, MEMLANE_CLOSED, MEMLANE_CORRUPTED;
 * MEMLANE_BUFFER_TOO_SMALL with *reading filled: the value still waits. */
MEMLANE_API memlane_status memlane_share_get(memlane_share *share, void *buffer, uint64_t capacity,
                                             memlane_reading *reading, uint64_t deadline_ns, memlane_error *error);

/* The same without a copy: the value in place, taken. The caller owns *view until memlane_view_release().
 *
 * Blocking, to the deadline. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED, MEMLANE_CLOSED, MEMLANE_CORRUPTED; and those of
 * memlane_variable_view(), after which the value still waits: MEMLANE_TOO_MANY_VIEWS, MEMLANE_OWNERSHIP_LOST,
 * MEMLANE_SYSTEM. */
MEMLANE_API memlane_status memlane_share_view(memlane_share *share, memlane_view *view, uint64_t deadline_ns,
                                              memlane_error *error);

/* The first half of a get, for callers that copy in their own way: waits until a value waits to be taken. Then read or
 * view it through memlane_share_variable(), and take the version that was read. MEMLANE_EMPTY from reading: another get
 * took it meanwhile, and a put uses its memory: wait again.
 *
 * Blocking, to the deadline. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED, MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_share_wait(memlane_share *share, uint64_t deadline_ns, memlane_error *error);

/* The second half: takes the value of this version, whose bytes the caller has copied or views. MEMLANE_TAKEN: it, or a
 * newer one, was taken meanwhile: throw it away and wait again. MEMLANE_CLOSED, MEMLANE_CORRUPTED. Lock-free. */
MEMLANE_API memlane_status memlane_share_take(memlane_share *share, uint64_t version, memlane_error *error);

/* Drops the value that waits to be taken; *dropped (may be NULL): whether there was one, and nobody took it first.
 * MEMLANE_CLOSED, MEMLANE_CORRUPTED. Lock-free. */
MEMLANE_API memlane_status memlane_share_clear(memlane_share *share, bool *dropped, memlane_error *error);

/* The newest version that was taken or dropped, 0: none. MEMLANE_CLOSED, MEMLANE_CORRUPTED. Lock-free. */
MEMLANE_API memlane_status memlane_share_taken(memlane_share *share, uint64_t *version, memlane_error *error);

#ifdef __cplusplus
}
#endif
#endif
