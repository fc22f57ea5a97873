/* What objects of all kinds have in common: how an opener finds or creates one. */
#ifndef MEMLANE_OBJECT_H
#define MEMLANE_OBJECT_H

#include <memlane/status.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMLANE_NO_DEADLINE UINT64_MAX /* wait for ever */
#define MEMLANE_ANY UINT64_MAX         /* what was not given: adopt what is there, or the default when creating */

/* What a new object gets where nothing was asked for. */
enum { MEMLANE_DEFAULT_PARTICIPANTS = 128 };

/* Part of the options of each kind, whose initialise function fills it in. */
typedef struct memlane_object_options {
    const char *directory;     /* namespace directory; NULL or empty: $MEMLANE_DIR, else the user's own */
    uint64_t participants;     /* endpoints at once, 1 to 1024, or MEMLANE_ANY */
    uint64_t ephemeral;        /* 1: the last endpoint to close removes the object; 0: it stays; or MEMLANE_ANY */
    uint32_t permissions;      /* file mode to create with, and the most that is accepted: 0600 */
    int64_t peer_user;         /* uid of another user whose object is accepted, or -1 */
    bool create;               /* false: a missing object is MEMLANE_NOT_FOUND */
    const unsigned char *uuid; /* 16 bytes: accept only this very object; NULL: any */
} memlane_object_options;

/* An endpoint of any kind, as memlane_variable_endpoint() and its siblings show it: a part of the handle, not owned. */
typedef struct memlane_endpoint memlane_endpoint;

/* A descriptor of this process that is readable while there is something to take, or the endpoint was closed: for
 * poll, epoll and event loops. It belongs to the endpoint, becomes readable when that is closed, and is gone with the
 * last operation, loan, view and hold; a forked child gets another one.
 *
 * Blocking, and briefly: the first call of a process starts a thread that waits for all such endpoints. MEMLANE_CLOSED,
 * MEMLANE_SYSTEM, MEMLANE_NO_MEMORY. */
MEMLANE_API memlane_status memlane_endpoint_descriptor(memlane_endpoint *endpoint, int *descriptor,
                                                       memlane_error *error);

/* The same descriptor for one poll, which ends with the matching call: until then mapping and descriptor are kept, also
 * across a close, and between polls publishers need not ring for it. Who polls takes the descriptor out of its selector
 * before it ends the poll: its number may be another file's afterwards. A forked child has no part in its parent's polls:
 * it ends none of them, and its own descriptor is another one.
 *
 * Blocking, and briefly, as above. MEMLANE_CLOSED, MEMLANE_SYSTEM, MEMLANE_NO_MEMORY: then there is nothing to end. */
MEMLANE_API memlane_status memlane_endpoint_begin_poll(memlane_endpoint *endpoint, int *descriptor,
                                                       memlane_error *error);
MEMLANE_API void memlane_endpoint_end_poll(memlane_endpoint *endpoint);

/* One look before a poll, which costs more than many answers take; for callers that do something else between two
 * looks. *until_ns is 0 before the first one, and kept by the caller. True: look again soon. False: poll, or, where
 * *ready says so, take. How long that goes on is learned from what it brought before. Never blocks. */
MEMLANE_API bool memlane_endpoint_look(memlane_endpoint *endpoint, uint64_t *until_ns, bool *ready);

/* Waits until one of the endpoints has something to take, was closed, or lost its peer; ready[i] says which.
 * MEMLANE_TIMEOUT at the deadline, MEMLANE_INTERRUPTED by a signal, MEMLANE_CLOSED, _SYSTEM, _NO_MEMORY. Blocking; no
 * descriptor is used. */
MEMLANE_API memlane_status memlane_endpoint_wait_any(memlane_endpoint *const *endpoints, uint32_t count,
                                                     uint64_t deadline_ns, bool *ready, memlane_error *error);

#ifdef __cplusplus
}
#endif
#endif
