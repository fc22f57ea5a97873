/* Buffers: records that several processes change in place, by transactions.
 *
 * A record has a fixed size and layout. Readers copy a consistent state and wait for nobody. Writers take turns by a
 * lock: what a transaction changes is seen all at once, or not at all when it is dropped or its process dies, at any
 * instruction. A buffer is valid as long as the endpoint that made it so lives.
 *
 * All functions may be called from several threads at once on one endpoint; a transaction belongs to its thread.
 * None is async-signal-safe. Deadlines are absolute CLOCK_MONOTONIC times in nanoseconds: 0 only looks,
 * MEMLANE_NO_DEADLINE waits for ever. Sizes and offsets are bytes. Every function that answers a status leaves with
 * MEMLANE_CORRUPTED when the shared bytes contradict themselves or the file was truncated. The first operation in a
 * forked child may also leave with MEMLANE_TOO_MANY_PARTICIPANTS or MEMLANE_OWNERSHIP_LOST: there was no place for
 * it, or no way to its file. */
#ifndef MEMLANE_BUFFER_H
#define MEMLANE_BUFFER_H

#include <memlane/object.h>
#include <memlane/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An open endpoint of a buffer; opaque. */
typedef struct memlane_buffer memlane_buffer;

/* Sizes of records. */
enum {
    MEMLANE_BUFFER_HEAD = 8,              /* bytes of the record's beginning that are memlane's: valid, owner */
    MEMLANE_BUFFER_SIZE_MAXIMUM = 1 << 20 /* bytes of a record */
};

/* Initialise by memlane_buffer_options_initialise(), then change what matters. */
typedef struct memlane_buffer_options {
    memlane_object_options object;
    uint64_t size;          /* bytes of the record, its head included */
    const char *schema;     /* what lies where: lines of text, compared with what is there line by line; the caller's */
    uint32_t schema_length; /* bytes, at most 65,536 */
} memlane_buffer_options;

/* Fills *options: a record of nothing but its head, no schema, a missing buffer is created with mode 0600. Call it
 * before all others, also on options that were used before. Wait-free. */
MEMLANE_API void memlane_buffer_options_initialise(memlane_buffer_options *options);

/* Opens the buffer `name` (UTF-8, `length` bytes, no NUL needed), or creates it with a record of zeros, which is not
 * valid. The caller owns *buffer until memlane_buffer_free(); *options and the schema in it stay the caller's and are
 * not needed afterwards.
 *
 * Blocking: on the file system, and at most 100 ms on others that open or remove the same name. MEMLANE_SCHEMA_MISMATCH
 * (names the first line that differs), MEMLANE_SIZE_MISMATCH, and what else memlane_variable_open() may answer. */
MEMLANE_API memlane_status memlane_buffer_open(memlane_buffer **buffer, const char *name, size_t length,
                                               const memlane_buffer_options *options, memlane_error *error);

/* Makes the buffer invalid if this endpoint made it valid, and marks the endpoint closed: operations in other threads
 * leave with MEMLANE_CLOSED, later ones too. A transaction under way goes on to its end. May be called twice. Blocking:
 * at most 50 ms on a transaction of others, and as memlane_buffer_free() where nothing else uses the endpoint. */
MEMLANE_API void memlane_buffer_close(memlane_buffer *buffer);

/* Closes, and ends the caller's use of the handle: no other thread may be in a function or a transaction with it, or
 * call one later. NULL is accepted. Blocks as memlane_buffer_close(), on the file system, and on the directory's lock
 * where the object goes with its last endpoint. */
MEMLANE_API void memlane_buffer_free(memlane_buffer *buffer);

/* What was known of the record when a part of it was read. */
typedef struct memlane_buffer_reading {
    uint64_t version; /* rises with each transaction that changed something */
    bool valid;       /* marked valid, and the endpoint that did so lives (looked at every 50 ms) */
} memlane_buffer_reading;

/* Copies `size` bytes of the record, from `offset` on, to the caller's; within a transaction of this thread as the
 * transaction left them. All are of one version.
 *
 * Lock-free, and never waits for anybody. MEMLANE_INVALID_ARGUMENT (beyond the record), MEMLANE_CLOSED,
 * MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_buffer_read(memlane_buffer *buffer, uint64_t offset, void *bytes, uint64_t size,
                                               memlane_buffer_reading *reading, memlane_error *error);

/* Begins a transaction of this thread; within one, a part of it. *record: the record's bytes, the endpoint's own copy,
 * to read, and beyond the head to change, by this thread until the matching memlane_buffer_end().
 *
 * Blocking, to the deadline; the death of a holder ends the wait. Within a transaction it waits for nobody.
 * MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED, MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_buffer_begin(memlane_buffer *buffer, uint64_t deadline_ns, void **record,
                                                memlane_error *error);

/* The same without waiting: one look, which does not ask whether a holder lives. Lock-free. MEMLANE_TIMEOUT: somebody
 * is in a transaction; MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_buffer_try_begin(memlane_buffer *buffer, void **record, memlane_error *error);

/* What becomes of a transaction, or of a part of one. */
typedef enum memlane_buffer_outcome {
    MEMLANE_BUFFER_DROP = 0,      /* outermost: nothing happened. Within another: what it changed stays changed */
    MEMLANE_BUFFER_UNCHANGED = 1, /* this part changed nothing */
    MEMLANE_BUFFER_CHANGED = 2    /* the end of the outermost part publishes the record */
} memlane_buffer_outcome;

/* Ends what this thread began last; *record of its beginning may not be touched after the outermost end.
 *
 * Lock-free. MEMLANE_OWNERSHIP_LOST: it began nothing, or did so before a fork, or was taken for dead: nothing was
 * published. MEMLANE_NO_FREE_SLOT: nothing was published, the error names who holds the places. MEMLANE_CORRUPTED. Over
 * in each case. The last user of a closed endpoint gives it back as memlane_buffer_free(). */
MEMLANE_API memlane_status memlane_buffer_end(memlane_buffer *buffer, memlane_buffer_outcome outcome,
                                              memlane_error *error);

/* Within a transaction of this thread: marks the record valid, with this endpoint as owner, or invalid. Counts as a
 * change. MEMLANE_OWNERSHIP_LOST outside. Wait-free. */
MEMLANE_API memlane_status memlane_buffer_set_valid(memlane_buffer *buffer, bool valid, memlane_error *error);

/* Waits until the version is newer than `version`; the newest in *newest. 0 waits for the first transaction.
 *
 * Blocking, to the deadline. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED (a signal arrived: call again to go on),
 * MEMLANE_CLOSED (also by another thread meanwhile), MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_buffer_wait(memlane_buffer *buffer, uint64_t version, uint64_t deadline_ns,
                                               uint64_t *newest, memlane_error *error);

/* The endpoint, for memlane_endpoint_descriptor() and its fellows in object.h: ready while the version is newer than
 * the newest that was marked. It is the buffer's own, and lives as long. Wait-free. */
MEMLANE_API memlane_endpoint *memlane_buffer_endpoint(memlane_buffer *buffer);

/* Versions up to this one do not make the endpoint ready. Nothing of a closed endpoint. Lock-free, but for a mutex of
 * this process where the endpoint's descriptor is in use. */
MEMLANE_API void memlane_buffer_mark_seen(memlane_buffer *buffer, uint64_t version);

/* For who polls until the version is newer than this one, whatever is marked meanwhile: the endpoint is ready then, and
 * only then. MEMLANE_ANY: by what was marked, again, as in a forked child. Nothing of a closed endpoint. Lock-free, but
 * for a mutex of this process where the endpoint's descriptor is in use. */
MEMLANE_API void memlane_buffer_expect(memlane_buffer *buffer, uint64_t version);

/* What a buffer is. */
typedef struct memlane_buffer_properties {
    uint64_t size, participants;
    bool ephemeral;
    unsigned char uuid[16];
    const char *name;      /* UTF-8; lives as long as the handle */
    const char *directory; /* the same */
    const char *schema;    /* schema_length bytes; lives as long as the endpoint is open or in use */
    uint32_t schema_length;
} memlane_buffer_properties;

/* Fills *properties; also of a closed endpoint, but for the schema, which is NULL then. The strings and the schema in
 * it are the endpoint's. Wait-free. */
MEMLANE_API void memlane_buffer_describe(const memlane_buffer *buffer, memlane_buffer_properties *properties);

/* What a buffer did, and its state. */
typedef struct memlane_buffer_statistics {
    /* Sums over all endpoints that ever were. */
    uint64_t writes;    /* transactions that published something */
    uint64_t reads;     /* copies of parts of the shared record */
    uint64_t retries;   /* reads that began anew because a writer had taken the slot */
    uint64_t recovered; /* locks and slots that were taken back from the dead */
    uint64_t version;
    uint32_t live_participants;
    bool is_current; /* the name still leads to this object */
} memlane_buffer_statistics;

/* Sums the counters of all endpoints, one after the other: those that count meanwhile may be in it or not. Blocks only
 * on the file system. MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_buffer_statistics_read(memlane_buffer *buffer, memlane_buffer_statistics *statistics,
                                                          memlane_error *error);

/* Whether the name still leads to this object; false of a closed endpoint. Blocks only on the file system. */
MEMLANE_API bool memlane_buffer_is_current(memlane_buffer *buffer);

#ifdef __cplusplus
}
#endif
#endif
