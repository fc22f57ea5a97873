/* Shares: assignment between processes. A value is put by one and taken by one other, each value at most once.
 *
 * A share is a variable with a mark of what was taken: putting replaces what was not taken and never waits, getting waits
 * for the next value and takes it. All that the head of memlane/variable.h says of threads, deadlines and damage holds
 * here too. */
#ifndef MEMLANE_SHARE_H
#define MEMLANE_SHARE_H

#include <memlane/variable.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct memlane_share memlane_share;

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

MEMLANE_API void memlane_share_options_initialise(memlane_share_options *options);

/* Opens the share `name` (UTF-8, length bytes), or creates it. Ownership, blocking and failures as
 * memlane_variable_open(). */
MEMLANE_API memlane_status memlane_share_open(memlane_share **share, const char *name, size_t length,
                                              const memlane_share_options *options, memlane_error *error);

/* As memlane_variable_close() and memlane_variable_free(). */
MEMLANE_API void memlane_share_close(memlane_share *share);
MEMLANE_API void memlane_share_free(memlane_share *share);

/* The same endpoint as a variable: for versions, properties, statistics, and access in place. What is read or viewed
 * through it is not taken, what is written through it is put. Closing or freeing either closes or frees both. Wait-free. */
MEMLANE_API memlane_variable *memlane_share_variable(memlane_share *share);

/* Puts size bytes (at most the share's size and the headroom) of the caller's type mark (below 2^24), in place of a value
 * that was not taken. MEMLANE_NO_FREE_SLOT: every slot is held by live views, loans and writers, which the message names;
 * MEMLANE_VALUE_TOO_LARGE, MEMLANE_CLOSED. On failure the old value stays. *version may be NULL. Lock-free; never waits. */
MEMLANE_API memlane_status memlane_share_put(memlane_share *share, const void *bytes, uint64_t size, uint32_t type,
                                             uint64_t *version, memlane_error *error);

/* A free slot to fill in place: memlane_loan_commit() puts it, memlane_loan_drop() does not. As memlane_share_put() about
 * slots. */
MEMLANE_API memlane_status memlane_share_loan(memlane_share *share, memlane_loan *loan, memlane_error *error);

/* Waits for a value that nobody has taken, copies it and takes it. Killed before it takes, the value still waits for the
 * next get; after it, it is lost with the process. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED, MEMLANE_CLOSED;
 * MEMLANE_BUFFER_TOO_SMALL with *reading filled: the value still waits. Blocking. */
MEMLANE_API memlane_status memlane_share_get(memlane_share *share, void *buffer, uint64_t capacity,
                                             memlane_reading *reading, uint64_t deadline_ns, memlane_error *error);

/* The same without a copy: the value in place, taken, until memlane_view_release(). Also MEMLANE_TOO_MANY_VIEWS: the value
 * still waits. Blocking. */
MEMLANE_API memlane_status memlane_share_view(memlane_share *share, memlane_view *view, uint64_t deadline_ns,
                                              memlane_error *error);

/* The two halves of a get, for callers that copy in their own way: wait until a value waits to be taken; then read or view
 * it through memlane_share_variable(), and take the version that was read. MEMLANE_TAKEN: it, or a newer one, was taken
 * meanwhile: throw it away and wait again. wait: blocking; take: lock-free. */
MEMLANE_API memlane_status memlane_share_wait(memlane_share *share, uint64_t deadline_ns, memlane_error *error);
MEMLANE_API memlane_status memlane_share_take(memlane_share *share, uint64_t version, memlane_error *error);

/* Drops the value that waits to be taken; *dropped (may be NULL): whether there was one. Lock-free. */
MEMLANE_API memlane_status memlane_share_clear(memlane_share *share, bool *dropped, memlane_error *error);

/* The newest version that was taken or dropped, 0: none. MEMLANE_CLOSED. Wait-free. */
MEMLANE_API memlane_status memlane_share_taken(memlane_share *share, uint64_t *version, memlane_error *error);

#ifdef __cplusplus
}
#endif
#endif
