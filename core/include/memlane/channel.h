/* Byte channels: a stream of bytes from one writer to one reader, of which none is lost and none doubled, whoever dies.
 *
 * Threads may share an endpoint: they take turns. No function is async-signal-safe. Deadlines are absolute
 * CLOCK_MONOTONIC times in nanoseconds: 0 only looks, MEMLANE_SOON looks for a moment, MEMLANE_NO_DEADLINE waits for
 * ever. Sizes are bytes. Every function that takes an error also fails with MEMLANE_CLOSED; with MEMLANE_CORRUPTED when
 * the shared bytes contradict themselves or the file was truncated; and, where it uses the end, with
 * MEMLANE_OWNERSHIP_LOST in a forked child, whose parent keeps the end, or when this process had been taken for dead.
 * The first operation in a forked child may also leave with MEMLANE_TOO_MANY_PARTICIPANTS. */
#ifndef MEMLANE_CHANNEL_H
#define MEMLANE_CHANNEL_H

#include <memlane/object.h>
#include <memlane/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One end of a channel; opaque. */
typedef struct memlane_channel memlane_channel;

/* Which of the two ends. */
typedef enum memlane_channel_mode {
    MEMLANE_CHANNEL_READ = 0, /* takes bytes out */
    MEMLANE_CHANNEL_WRITE = 1 /* puts bytes in */
} memlane_channel_mode;

/* Bytes that a new channel can hold where nothing was asked for. */
enum { MEMLANE_DEFAULT_CAPACITY = 65536 };

/* A deadline: looks for about two microseconds, and does not sleep. */
#define MEMLANE_SOON UINT64_C(1)

/* Initialise by memlane_channel_options_initialise(), then change what matters. object.ephemeral is 1 where it was not
 * given: the last endpoint to close removes the channel, unless bytes are in it. */
typedef struct memlane_channel_options {
    memlane_object_options object;
    uint64_t capacity; /* bytes, to create with: any number from 1 up, exactly. An existing channel keeps its own. */
} memlane_channel_options;

/* Fills *options: nothing was asked for, a missing channel is created with mode 0600. Call it before all others, also
 * on options that were used before. Wait-free. */
MEMLANE_API void memlane_channel_options_initialise(memlane_channel_options *options);

/* Opens one end of the channel `name` (UTF-8, `length` bytes, no NUL needed), or creates it. Where a former owner of
 * the end closed or died, this one goes on at the byte where that one stopped. The caller owns *channel until
 * memlane_channel_free(); *options stay the caller's and are not needed afterwards.
 *
 * Blocking: on the file system, at most 100 ms on others that open or remove the same name, and 50 ms on a live
 * endpoint that has this end: MEMLANE_ENDPOINT_BUSY. Also what memlane_variable_open() may answer. */
MEMLANE_API memlane_status memlane_channel_open(memlane_channel **channel, const char *name, size_t length,
                                                memlane_channel_mode mode, const memlane_channel_options *options,
                                                memlane_error *error);

/* Marks the endpoint closed: operations in other threads leave with MEMLANE_CLOSED, later ones too. The end goes back
 * when the last operation, span and hold has ended. May be called twice. Wait-free while something of it is in use;
 * else it gives the end back itself, blocking as memlane_channel_free(). */
MEMLANE_API void memlane_channel_close(memlane_channel *channel);

/* Closes, and ends the caller's use of the handle: no other thread may be in a function with it, or call one later.
 * Spans keep what they need. NULL is accepted. Blocks only on the file system, and on the directory's lock where the
 * channel goes with its last endpoint. */
MEMLANE_API void memlane_channel_free(memlane_channel *channel);

/* For bindings, whose callers may keep a pointer into a span after it ended: the mapping stays until the matching
 * release, also across memlane_channel_close(). Only while the endpoint is open or a span or hold of it lives.
 * Wait-free. */
MEMLANE_API void memlane_channel_hold(memlane_channel *channel);

/* Ends one hold. Wait-free, but for the last user of a closed endpoint, which gives it back as
 * memlane_channel_free(). */
MEMLANE_API void memlane_channel_release(memlane_channel *channel);

/* The turn of the calling thread, for what takes several calls: operations of other threads wait until the matching
 * unlock. Nests. Waits for threads of this process only.
 *
 * Blocking, to the deadline. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED. */
MEMLANE_API memlane_status memlane_channel_lock(memlane_channel *channel, uint64_t deadline_ns, memlane_error *error);

/* Ends one turn that this thread began, in this process, by memlane_channel_lock(). Wait-free, but for the last user of
 * a closed endpoint, which gives it back as memlane_channel_free(). */
MEMLANE_API void memlane_channel_unlock(memlane_channel *channel);

/* -- writing ------------------------------------------------------------------------------------------------------- */

/* Writes all bytes, which are copied, in pieces as there is room. *written counts what went in, also when it fails.
 *
 * Blocking, to the deadline. MEMLANE_INVALID_ARGUMENT at the reading end; MEMLANE_ENDPOINT_BUSY while a span of this
 * endpoint is open; MEMLANE_END_CLOSED, MEMLANE_PEER_DIED: there is no room, and the reader closed or died (what was
 * written stays for the next reader); MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED. */
MEMLANE_API memlane_status memlane_channel_write(memlane_channel *channel, const void *bytes, uint64_t size,
                                                 uint64_t deadline_ns, uint64_t *written, memlane_error *error);

/* Writes what fits, *written bytes; MEMLANE_OK also when that is nothing, or another thread has the turn.
 *
 * Lock-free, and never waits. Fails as memlane_channel_write(), but not by time and signals: MEMLANE_INVALID_ARGUMENT,
 * MEMLANE_ENDPOINT_BUSY; MEMLANE_END_CLOSED, MEMLANE_PEER_DIED where nothing fitted. */
MEMLANE_API memlane_status memlane_channel_write_some(memlane_channel *channel, const void *bytes, uint64_t size,
                                                      uint64_t *written, memlane_error *error);

/* Writes all bytes at once, or none: *written is size or 0. MEMLANE_SOON is the latest deadline, also where a later one
 * was given.
 *
 * Lock-free: looks for about two microseconds, and does not sleep. MEMLANE_TIMEOUT: there is no room, nor ever where size
 * is beyond the capacity, or another thread has the turn. Else as memlane_channel_write(): MEMLANE_INVALID_ARGUMENT,
 * MEMLANE_ENDPOINT_BUSY, MEMLANE_END_CLOSED, MEMLANE_PEER_DIED. */
MEMLANE_API memlane_status memlane_channel_write_whole(memlane_channel *channel, const void *bytes, uint64_t size,
                                                       uint64_t deadline_ns, uint64_t *written, memlane_error *error);

/* -- reading ------------------------------------------------------------------------------------------------------- */

/* Waits until `least` bytes are there (at most size, and at most the capacity), and takes up to size, all at once, into
 * the caller's buffer: *count bytes. At the end of the stream the rest, though it is less. On failure nothing is
 * consumed.
 *
 * Blocking, to the deadline. MEMLANE_INVALID_ARGUMENT at the writing end, or for an impossible `least`;
 * MEMLANE_ENDPOINT_BUSY while a span of this endpoint is open; MEMLANE_END_CLOSED, MEMLANE_PEER_DIED: nothing is left,
 * and the writer closed or died; MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED. */
MEMLANE_API memlane_status memlane_channel_read(memlane_channel *channel, void *buffer, uint64_t size, uint64_t least,
                                                uint64_t deadline_ns, uint64_t *count, memlane_error *error);

/* -- in place ---------------------------------------------------------------------------------------------------- */

/* Bytes of the ring in one piece; where they wrap, a private copy that commit carries over. The thread that asked has
 * the turn meanwhile. Owned by the caller until commit or drop, also across memlane_channel_close(). */
typedef struct memlane_span {
    memlane_channel *channel;
    void *bytes; /* of a peek: read-only memory */
    uint64_t size;
} memlane_span;

/* Room for size bytes (1 to the capacity), to fill in. The caller owns *span until commit or drop.
 *
 * Blocking, to the deadline. As memlane_channel_write(): MEMLANE_INVALID_ARGUMENT (also an impossible size),
 * MEMLANE_ENDPOINT_BUSY, MEMLANE_END_CLOSED, MEMLANE_PEER_DIED, MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED. Also
 * MEMLANE_NO_MEMORY, for the private copy. */
MEMLANE_API memlane_status memlane_channel_reserve(memlane_channel *channel, uint64_t size, uint64_t deadline_ns,
                                                   memlane_span *span, memlane_error *error);

/* The next size bytes (1 to the capacity); size 0: those that are there, one at least, as far as they lie in one piece.
 * The caller owns *span until commit or drop.
 *
 * Blocking, to the deadline. As memlane_channel_read(), but that at the end of the stream size bytes or none are given:
 * MEMLANE_INVALID_ARGUMENT, MEMLANE_ENDPOINT_BUSY, MEMLANE_END_CLOSED, MEMLANE_PEER_DIED, MEMLANE_TIMEOUT,
 * MEMLANE_INTERRUPTED. Also MEMLANE_NO_MEMORY, for the private copy, and MEMLANE_SYSTEM: the read-only mapping could
 * not be made, at the first peek. */
MEMLANE_API memlane_status memlane_channel_peek(memlane_channel *channel, uint64_t size, uint64_t deadline_ns,
                                                memlane_span *span, memlane_error *error);

/* Publishes, or consumes, the first size bytes and ends the span. MEMLANE_INVALID_ARGUMENT: more than it has; then it
 * goes on. MEMLANE_OWNERSHIP_LOST: it is the parent's, or this process had been taken for dead; nothing was published
 * or consumed, and it has ended. Wait-free, but for the last user of a closed endpoint, which gives it back as
 * memlane_channel_free(). */
MEMLANE_API memlane_status memlane_span_commit(memlane_span *span, uint64_t size, memlane_error *error);

/* Ends the span: nothing was published, or consumed. Wait-free, but for the last user of a closed endpoint, which gives
 * it back as memlane_channel_free(). */
MEMLANE_API void memlane_span_drop(memlane_span *span);

/* -- waiting and looking -------------------------------------------------------------------------------------------- */

/* Waits until `least` bytes (1 to the capacity) can be read, or written.
 *
 * Blocking, to the deadline. MEMLANE_INVALID_ARGUMENT: an impossible `least`; MEMLANE_ENDPOINT_BUSY while a span of
 * this endpoint is open; MEMLANE_END_CLOSED, MEMLANE_PEER_DIED: it never will, the opposite end closed or died;
 * MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED. */
MEMLANE_API memlane_status memlane_channel_wait(memlane_channel *channel, uint64_t least, uint64_t deadline_ns,
                                                memlane_error *error);

/* The endpoint, for memlane_endpoint_descriptor() and its fellows in object.h: ready while there are bytes to read, or room
 * to write, or the opposite end closed or died. Wait-free. */
MEMLANE_API memlane_endpoint *memlane_channel_endpoint(memlane_channel *channel);

/* From how many bytes on the endpoint is ready: 1 at first, at most the capacity. For who waits for more than one, or
 * (0) keeps some that were read and not used yet.
 * Nothing of a closed endpoint. Lock-free, but for a mutex of this process where the endpoint's descriptor is in use. */
MEMLANE_API void memlane_channel_expect(memlane_channel *channel, uint64_t least);

/* How many bytes of the stream this end and its predecessors have read, or written. Also of a closed endpoint.
 * Wait-free. */
MEMLANE_API uint64_t memlane_channel_position(const memlane_channel *channel);

/* What a channel is, and which end this is. */
typedef struct memlane_channel_properties {
    uint64_t capacity, participants;
    memlane_channel_mode mode;
    bool ephemeral;
    unsigned char uuid[16];
    const char *name;      /* UTF-8; lives as long as the handle */
    const char *directory; /* the same */
} memlane_channel_properties;

/* Fills *properties; also of a closed endpoint. The strings in it are the endpoint's. Wait-free. */
MEMLANE_API void memlane_channel_describe(const memlane_channel *channel, memlane_channel_properties *properties);

/* What is at this moment. An end that nobody alive has is closed when somebody had it before. */
typedef struct memlane_channel_status {
    int descriptor; /* of the object's file; the endpoint's, which closes it */
    bool reader_is_open, writer_is_open, reader_is_closed, writer_is_closed;
    uint64_t data_bell_offset, room_bell_offset; /* in the file: the words that reader and writer sleep on */
    uint64_t capacity, read_cursor, write_cursor;
} memlane_channel_status;

/* Fills *status, for tools and tests; takes no turn. Lock-free but for its system calls, which ask whether the owners
 * live. MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_channel_status_read(memlane_channel *channel, memlane_channel_status *status,
                                                       memlane_error *error);

/* What a channel did, and its state. */
typedef struct memlane_channel_statistics {
    /* Sums over all endpoints that ever were. */
    uint64_t writes, reads, bytes_written, bytes_read; /* writes: pieces that were published */
    uint64_t waits;                                    /* how often an end had to sleep */
    uint64_t recovered;                                /* ends that were taken over from the dead */
    uint64_t filled;                                   /* bytes in the ring now */
    uint32_t live_participants;
    bool is_current; /* the name still leads to this object */
} memlane_channel_statistics;

/* Sums the counters of all endpoints, one after the other: those that count meanwhile may be in it or not. Blocks only
 * on the file system. MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_channel_statistics_read(memlane_channel *channel,
                                                           memlane_channel_statistics *statistics,
                                                           memlane_error *error);

/* Whether the name still leads to this object; false of a closed endpoint. Blocks only on the file system. */
MEMLANE_API bool memlane_channel_is_current(memlane_channel *channel);

/* Whether nobody but this user (and root) can write to the object; false of a closed endpoint. Lock-free but for its
 * system call. */
MEMLANE_API bool memlane_channel_is_private(memlane_channel *channel);

#ifdef __cplusplus
}
#endif
#endif
