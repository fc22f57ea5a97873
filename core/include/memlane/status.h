/* What a call answers, and the text that explains it. */
#ifndef MEMLANE_STATUS_H
#define MEMLANE_STATUS_H

#include <memlane/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One value for each reaction that a caller can have. Values are part of the ABI: append only. */
typedef enum memlane_status {
    MEMLANE_OK = 0,
    MEMLANE_EMPTY = 1,                  /* nothing was ever written */
    MEMLANE_TIMEOUT = 2,                /* the deadline passed first */
    MEMLANE_INTERRUPTED = 3,            /* a signal arrived while waiting; call again to go on */
    MEMLANE_CLOSED = 4,                 /* the endpoint was closed */
    MEMLANE_INVALID_NAME = 5,           /* not a name for an object */
    MEMLANE_INVALID_ARGUMENT = 6,       /* an argument that no object could satisfy */
    MEMLANE_NOT_FOUND = 7,              /* no object of that name, or it was re-created */
    MEMLANE_KIND_MISMATCH = 8,          /* the object is of another kind */
    MEMLANE_SIZE_MISMATCH = 9,          /* the object has other sizes than were asked for */
    MEMLANE_SCHEMA_MISMATCH = 10,       /* the object has another format than was asked for */
    MEMLANE_LAYOUT_MISMATCH = 11,       /* made by an incompatible build or machine */
    MEMLANE_UNSAFE_NAMESPACE = 12,      /* others could replace or change what is there */
    MEMLANE_UNSUPPORTED_NAMESPACE = 13, /* the file system lacks what crash safety needs */
    MEMLANE_NO_SPACE = 14,              /* the memory could not be reserved */
    MEMLANE_TOO_MANY_PARTICIPANTS = 15, /* every place for an endpoint is taken by a live one */
    MEMLANE_NO_FREE_SLOT = 16,          /* every slot is held by a live writer, loan or view */
    MEMLANE_VALUE_TOO_LARGE = 17,       /* the value does not fit the object */
    MEMLANE_TOO_MANY_VIEWS = 18,        /* this endpoint holds views of as many versions as it may */
    MEMLANE_CORRUPTED = 19,             /* the shared bytes contradict themselves, or were truncated */
    MEMLANE_OWNERSHIP_LOST = 20,        /* what was held is held by somebody else now */
    MEMLANE_BUFFER_TOO_SMALL = 21,      /* the caller's buffer; the size that is needed is reported */
    MEMLANE_OWNER_DIED = 22,            /* a success: acquired from an owner that died */
    MEMLANE_SUPERSEDED = 23,            /* a success: newer values were committed during the write */
    MEMLANE_NO_MEMORY = 24,             /* malloc failed */
    MEMLANE_SYSTEM = 25,                /* a system call failed: see system_error */
    MEMLANE_ACCESS_DENIED = 26,         /* the directory or object does not let this user in */
    MEMLANE_REMOVED = 27,               /* it lost its name meanwhile; never leaves the library, which looks again */
    MEMLANE_PEER_DIED = 28,             /* the process at the other side ended without closing */
    MEMLANE_ENDPOINT_BUSY = 29,         /* somebody alive has this part, or a part of this endpoint is in use */
    MEMLANE_END_CLOSED = 30,            /* the opposite end was closed */
    MEMLANE_NO_SERVER = 31,             /* nobody serves the function */
    MEMLANE_CANCELLED = 32,             /* the call was taken back before anybody had begun it */
    MEMLANE_ANSWERED = 33,              /* a success: the call that was waited for meanwhile is over */
    MEMLANE_ALREADY_LOCKED = 34,        /* this thread holds a lock of this endpoint: it would wait for itself */
    MEMLANE_NOT_LOCKED = 35,            /* there is no lock to give back */
    MEMLANE_TAKEN = 37,                 /* somebody took the value first */
    MEMLANE_WOULD_DEADLOCK = 39         /* the caller would wait for itself */
} memlane_status;

/* Bytes of the longest text of an error, NUL included. */
enum { MEMLANE_MESSAGE_SIZE = 1024 };

/* Why a call failed. Filled by functions that take one, only when they fail; NULL is accepted. */
typedef struct memlane_error {
    memlane_status status;
    int system_error;                   /* errno of the system call that decided, or 0 */
    char message[MEMLANE_MESSAGE_SIZE]; /* what was asked, what is there, what to do; UTF-8, ended by NUL */
} memlane_error;

/* The status' name, such as "size mismatch"; static storage. Wait-free. */
MEMLANE_API const char *memlane_status_name(memlane_status status);

#ifdef __cplusplus
}
#endif
#endif
