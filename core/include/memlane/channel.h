/* Byte channels: a stream of bytes from one writer to one reader, of which none is lost and none doubled, whoever dies.
 *
 * Threads may share an endpoint: they take turns. No function is async-signal-safe. Deadlines are absolute
 * CLOCK_MONOTONIC times in nanoseconds: 0 only looks, MEMLANE_SOON looks for a moment, MEMLANE_NO_DEADLINE waits for ever.
 * Every function that takes an error also fails with MEMLANE_CLOSED; MEMLANE_CORRUPTED when the shared bytes contradict
 * themselves or the file was truncated; and MEMLANE_OWNERSHIP_LOST in a forked child, whose parent keeps the end. */
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

typedef struct memlane_channel memlane_channel;

typedef enum memlane_channel_mode { MEMLANE_CHANNEL_READ = 0, MEMLANE_CHANNEL_WRITE = 1 } memlane_channel_mode;

enum { MEMLANE_DEFAULT_CAPACITY = 65536 };

/* A deadline: looks for about a microsecond, and does not sleep. */
#define MEMLANE_SOON UINT64_C(1)

/* Initialise by memlane_channel_options_initialise(), then change what matters. object.ephemeral is 1 where it was not
 * given: the last endpoint to close removes the channel, unless bytes are in it. */
typedef struct memlane_channel_options {
    memlane_object_options object;
    uint64_t capacity; /* bytes, to create with: any number from 1 up, exactly. An existing channel keeps its own. */
} memlane_channel_options;

MEMLANE_API void memlane_channel_options_initialise(memlane_channel_options *options);

/* Opens one end of the channel `name` (UTF-8, length bytes), or creates it. Where a former owner of the end closed or
 * died, this one goes on at the byte where that one stopped. The caller owns *channel until memlane_channel_free().
 * MEMLANE_ENDPOINT_BUSY, after 50 ms: a live endpoint has this end. Else fails as memlane_variable_open(). */
MEMLANE_API memlane_status memlane_channel_open(memlane_channel **channel, const char *name, size_t length,
                                                memlane_channel_mode mode, const memlane_channel_options *options,
                                                memlane_error *error);

/* Marks the endpoint closed: operations in other threads leave with MEMLANE_CLOSED, later ones too. The end goes back
 * when the last operation and span has ended. May be called twice. Wait-free. */
MEMLANE_API void memlane_channel_close(memlane_channel *channel);

/* Closes, and ends the caller's use of the handle. Spans keep what they need. NULL is accepted. */
MEMLANE_API void memlane_channel_free(memlane_channel *channel);

/* For bindings, as memlane_variable_hold(). */
MEMLANE_API void memlane_channel_hold(memlane_channel *channel);
MEMLANE_API void memlane_channel_release(memlane_channel *channel);

/* The turn of the calling thread, for what takes several calls: operations of other threads wait until the matching
 * unlock. Nests. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED. Blocking. */
MEMLANE_API memlane_status memlane_channel_lock(memlane_channel *channel, uint64_t deadline_ns, memlane_error *error);
MEMLANE_API void memlane_channel_unlock(memlane_channel *channel);

/* -- writing. MEMLANE_INVALID_ARGUMENT at the reading end; MEMLANE_ENDPOINT_BUSY while a span of this endpoint is open.
 * MEMLANE_END_CLOSED, MEMLANE_PEER_DIED: there is no room, and the reader closed or died; what was written stays for
 * the next reader. All three count in *written, also when they fail, what went in. */

/* Writes all bytes, in pieces as there is room. Also MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED. Blocking. */
MEMLANE_API memlane_status memlane_channel_write(memlane_channel *channel, const void *bytes, uint64_t size,
                                                 uint64_t deadline_ns, uint64_t *written, memlane_error *error);

/* Writes what fits; MEMLANE_OK also when that is nothing. Wait-free. */
MEMLANE_API memlane_status memlane_channel_write_some(memlane_channel *channel, const void *bytes, uint64_t size,
                                                      uint64_t *written, memlane_error *error);

/* Writes all bytes at once, or none: then MEMLANE_TIMEOUT. MEMLANE_SOON is the latest deadline. Bounded. */
MEMLANE_API memlane_status memlane_channel_write_whole(memlane_channel *channel, const void *bytes, uint64_t size,
                                                       uint64_t deadline_ns, uint64_t *written, memlane_error *error);

/* -- reading. MEMLANE_INVALID_ARGUMENT at the writing end; MEMLANE_ENDPOINT_BUSY while a span of this endpoint is open.
 * MEMLANE_END_CLOSED, MEMLANE_PEER_DIED: nothing is left, and the writer closed or died. */

/* Waits until `least` bytes are there (at most size, and at most the capacity), and takes up to size, all at once. At the
 * end of the stream the rest, though it is less. On failure nothing is consumed. Also MEMLANE_TIMEOUT,
 * MEMLANE_INTERRUPTED. Blocking. */
MEMLANE_API memlane_status memlane_channel_read(memlane_channel *channel, void *buffer, uint64_t size, uint64_t least,
                                                uint64_t deadline_ns, uint64_t *count, memlane_error *error);

/* -- in place ---------------------------------------------------------------------------------------------------- */

/* Bytes of the ring in one piece; where they wrap, a private copy that commit carries over. The thread that asked has the
 * turn meanwhile. */
typedef struct memlane_span {
    memlane_channel *channel;
    void *bytes; /* of a peek: read-only memory */
    uint64_t size;
} memlane_span;

/* Room for size bytes (1 to the capacity), to fill in. As memlane_channel_write(). */
MEMLANE_API memlane_status memlane_channel_reserve(memlane_channel *channel, uint64_t size, uint64_t deadline_ns,
                                                   memlane_span *span, memlane_error *error);

/* The next size bytes (1 to the capacity); size 0: those that are there, one at least, as far as they lie in one piece.
 * As memlane_channel_read(), but that at the end of the stream size bytes or none are given. */
MEMLANE_API memlane_status memlane_channel_peek(memlane_channel *channel, uint64_t size, uint64_t deadline_ns,
                                                memlane_span *span, memlane_error *error);

/* Publishes, or consumes, the first size bytes and ends the span. MEMLANE_INVALID_ARGUMENT: more than it has; then it
 * goes on. Wait-free. */
MEMLANE_API memlane_status memlane_span_commit(memlane_span *span, uint64_t size, memlane_error *error);

/* Ends the span: nothing was published, or consumed. */
MEMLANE_API void memlane_span_drop(memlane_span *span);

/* -- waiting and looking -------------------------------------------------------------------------------------------- */

/* Waits until `least` bytes (1 to the capacity) can be read, or written. Fails as these do. Blocking. */
MEMLANE_API memlane_status memlane_channel_wait(memlane_channel *channel, uint64_t least, uint64_t deadline_ns,
                                                memlane_error *error);

/* How many bytes of the stream this end and its predecessors have read, or written. Also of a closed endpoint. Wait-free. */
MEMLANE_API uint64_t memlane_channel_position(const memlane_channel *channel);

typedef struct memlane_channel_properties {
    uint64_t capacity, participants;
    memlane_channel_mode mode;
    bool ephemeral;
    unsigned char uuid[16];
    const char *name;      /* UTF-8; lives as long as the handle */
    const char *directory; /* the same */
} memlane_channel_properties;

/* What the object is; also of a closed endpoint. Wait-free. */
MEMLANE_API void memlane_channel_describe(const memlane_channel *channel, memlane_channel_properties *properties);

/* What is at this moment. An end that nobody alive has is closed when somebody had it before. */
typedef struct memlane_channel_status {
    int descriptor;
    bool reader_is_open, writer_is_open, reader_is_closed, writer_is_closed;
    uint64_t data_bell_offset, room_bell_offset; /* in the file: the words that reader and writer sleep on */
    uint64_t capacity, read_cursor, write_cursor;
} memlane_channel_status;

MEMLANE_API memlane_status memlane_channel_status_read(memlane_channel *channel, memlane_channel_status *status,
                                                       memlane_error *error);

typedef struct memlane_channel_statistics {
    /* Sums over all endpoints that ever were. */
    uint64_t writes, reads, bytes_written, bytes_read; /* writes: pieces that were published */
    uint64_t waits;                                    /* how often an end had to sleep */
    uint64_t recovered;                                /* ends that were taken over from the dead */
    uint64_t filled;                                   /* bytes in the ring now */
    uint32_t live_participants;
    bool is_current; /* the name still leads to this object */
} memlane_channel_statistics;

MEMLANE_API memlane_status memlane_channel_statistics_read(memlane_channel *channel,
                                                           memlane_channel_statistics *statistics,
                                                           memlane_error *error);

/* As those of a variable. They make system calls. */
MEMLANE_API bool memlane_channel_is_current(memlane_channel *channel);
MEMLANE_API bool memlane_channel_is_private(memlane_channel *channel);

#ifdef __cplusplus
}
#endif
#endif
