/* Host variables: the latest value of a thing, readable and writable by every process of the host.
 *
 * All functions may be called from several threads at once on one endpoint, unless they say otherwise; none is
 * async-signal-safe. Deadlines are absolute CLOCK_MONOTONIC times in nanoseconds: 0 only looks, MEMLANE_NO_DEADLINE
 * waits for ever. Every function leaves with MEMLANE_CORRUPTED when the shared bytes contradict themselves or the
 * file was truncated. */
#ifndef MEMLANE_VARIABLE_H
#define MEMLANE_VARIABLE_H

#include <memlane/format.h>
#include <memlane/object.h>
#include <memlane/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct memlane_variable memlane_variable;

enum {
    MEMLANE_DEFAULT_MAX_SIZE = 4096,
    MEMLANE_DEFAULT_SLOTS = 14,
    MEMLANE_DEFAULT_ENCODING = 5 /* Python's pickle protocol, for values that are not plain */
};

/* The type mark of every value of an object with a format: exactly the bytes of its struct. */
enum { MEMLANE_TYPE_STRUCT = 5 };

/* Initialise by memlane_variable_options_initialise(), then change what matters. */
typedef struct memlane_variable_options {
    memlane_object_options object;
    uint64_t max_size; /* bytes of the largest value, or MEMLANE_ANY: with a format its size */
    uint64_t slots;    /* 2 to 65535, or MEMLANE_ANY */
    uint64_t encoding; /* the caller's mark of how values are encoded, compared at opening, or MEMLANE_ANY */
    /* The format of the values, the caller's; not needed after the opening. An object with another one, or with none,
     * is MEMLANE_SCHEMA_MISMATCH with the field named. NULL: adopt what is there, or none when creating. */
    const memlane_format *format;
} memlane_variable_options;

MEMLANE_API void memlane_variable_options_initialise(memlane_variable_options *options);

/* Opens the variable `name` (UTF-8, length bytes), or creates it. The caller owns *variable until
 * memlane_variable_free(). Blocks only on the file system. Fails with MEMLANE_INVALID_NAME, _INVALID_ARGUMENT,
 * _NOT_FOUND, _KIND_MISMATCH, _SIZE_MISMATCH, _SCHEMA_MISMATCH, _LAYOUT_MISMATCH, _ACCESS_DENIED, _TIMEOUT,
 * _UNSAFE_NAMESPACE, _UNSUPPORTED_NAMESPACE, _NO_SPACE, _TOO_MANY_PARTICIPANTS, _CORRUPTED, _NO_MEMORY, _SYSTEM. */
MEMLANE_API memlane_status memlane_variable_open(memlane_variable **variable, const char *name, size_t length,
                                                 const memlane_variable_options *options, memlane_error *error);

/* Marks the endpoint closed: operations in other threads leave with MEMLANE_CLOSED, later ones too. What it holds
 * goes back when the last operation, loan and view has ended. May be called twice. Wait-free. */
MEMLANE_API void memlane_variable_close(memlane_variable *variable);

/* Closes, and ends the caller's use of the handle. Views and loans keep what they need. NULL is accepted. */
MEMLANE_API void memlane_variable_free(memlane_variable *variable);

/* Writes size bytes of the caller's type mark (below 2^24). Where the object has a format, they are the bytes of its
 * struct and the mark is MEMLANE_TYPE_STRUCT; anything else is MEMLANE_INVALID_ARGUMENT. Writers never wait for a dead or stopped writer; with
 * every slot held by live views, loans and writers it waits to the deadline: MEMLANE_NO_FREE_SLOT names the holders.
 * Also MEMLANE_VALUE_TOO_LARGE, MEMLANE_CLOSED. On failure the old value stays. Lock-free. */
MEMLANE_API memlane_status memlane_variable_write(memlane_variable *variable, const void *bytes, uint64_t size,
                                                  uint32_t type, uint64_t deadline_ns, memlane_error *error);

/* What was read: size bytes of one and the same write. */
typedef struct memlane_reading {
    uint64_t version;      /* rises with each write, the same in all processes; may skip numbers */
    uint64_t sequence;     /* how many writes there were, this one included */
    uint64_t size;         /* bytes */
    uint64_t monotonic_ns; /* CLOCK_MONOTONIC at the write */
    uint64_t real_ns;      /* CLOCK_REALTIME at the write: information only */
    uint32_t type;
} memlane_reading;

/* Copies the latest value. MEMLANE_EMPTY when never written; MEMLANE_BUFFER_TOO_SMALL with *reading filled, nothing
 * copied that counts. Lock-free; never waits for anybody. */
MEMLANE_API memlane_status memlane_variable_read(memlane_variable *variable, void *buffer, uint64_t capacity,
                                                 memlane_reading *reading, memlane_error *error);

/* A free slot to fill in place. Owned by the caller until commit or drop, also across memlane_variable_close(). */
typedef struct memlane_loan {
    memlane_variable *variable;
    void *bytes; /* capacity bytes, at a multiple of 64; what they hold before is undefined */
    uint64_t capacity;
    uint64_t version;   /* private */
    uint32_t slot, tag; /* private */
} memlane_loan;

/* As memlane_variable_write() about slots and the deadline. */
MEMLANE_API memlane_status memlane_variable_loan(memlane_variable *variable, memlane_loan *loan, uint64_t deadline_ns,
                                                 memlane_error *error);

/* Publishes the first size bytes, about which see memlane_variable_write(). MEMLANE_OWNERSHIP_LOST: the loan belongs to
 * a parent process, or this process had been declared dead. Ends the loan in each case but MEMLANE_VALUE_TOO_LARGE and
 * MEMLANE_INVALID_ARGUMENT. *version (may be NULL): 0 when
 * superseded. */
MEMLANE_API memlane_status memlane_loan_commit(memlane_loan *loan, uint64_t size, uint32_t type, uint64_t *version,
                                               memlane_error *error);
MEMLANE_API void memlane_loan_drop(memlane_loan *loan);

/* For bindings, whose callers may keep a pointer into a loan after it ended: the mapping stays until the matching
 * release, also across memlane_variable_close(). Only while the endpoint is open or a view, loan or hold of it lives.
 * Wait-free. */
MEMLANE_API void memlane_variable_hold(memlane_variable *variable);
MEMLANE_API void memlane_variable_release(memlane_variable *variable);

/* The latest value in place: read-only, unchanged until memlane_view_release(), also across memlane_variable_close(),
 * fork and unlink. An endpoint can view 4 versions at once, each any number of times: MEMLANE_TOO_MANY_VIEWS. */
typedef struct memlane_view {
    memlane_variable *variable;
    const void *bytes; /* reading.size bytes, at a multiple of 64, in a read-only mapping */
    memlane_reading reading;
    uint32_t pin; /* private */
} memlane_view;

MEMLANE_API memlane_status memlane_variable_view(memlane_variable *variable, memlane_view *view, memlane_error *error);
MEMLANE_API void memlane_view_release(memlane_view *view);

/* Waits until the version is newer than `version`; the newest in *newest. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED,
 * MEMLANE_CLOSED. Blocking. */
MEMLANE_API memlane_status memlane_variable_wait(memlane_variable *variable, uint64_t version, uint64_t deadline_ns,
                                                 uint64_t *newest, memlane_error *error);

/* The newest version; 0: never written. MEMLANE_CLOSED. Wait-free. */
MEMLANE_API memlane_status memlane_variable_version(memlane_variable *variable, uint64_t *version);

/* The endpoint, for polling: ready while the newest version is newer than any that memlane_variable_read(), _view() or a
 * complete access returned to it. */
MEMLANE_API memlane_endpoint *memlane_variable_endpoint(memlane_variable *variable);

/* For readers that know versions up to this one in another way: they do not make the endpoint ready. Wait-free. */
MEMLANE_API void memlane_variable_mark_seen(memlane_variable *variable, uint64_t version);

/* Counts values that a reader passed over. */
MEMLANE_API void memlane_variable_count_skipped(memlane_variable *variable, uint64_t skipped);

typedef struct memlane_variable_properties {
    uint64_t max_size, slots, participants, encoding;
    bool ephemeral;
    unsigned char uuid[16];
    const char *name;             /* UTF-8; lives as long as the handle */
    const char *directory;        /* the same */
    const memlane_format *format; /* of the values, or NULL; the same */
} memlane_variable_properties;

/* What the object is; also of a closed endpoint. Wait-free. */
MEMLANE_API void memlane_variable_describe(const memlane_variable *variable, memlane_variable_properties *properties);

typedef struct memlane_variable_statistics {
    /* Sums over all endpoints that ever were. */
    uint64_t writes, reads, bytes_written, bytes_read, superseded, skipped, retries, recovered;
    uint64_t version;
    uint32_t live_participants;
    uint32_t slots_writing, slots_pinned; /* at this moment */
    bool is_current;                      /* the name still leads to this object */
} memlane_variable_statistics;

MEMLANE_API memlane_status memlane_variable_statistics_read(memlane_variable *variable,
                                                            memlane_variable_statistics *statistics,
                                                            memlane_error *error);

/* Whether the name still leads to this object. Makes system calls. */
MEMLANE_API bool memlane_variable_is_current(memlane_variable *variable);

/* Whether nobody but this user (and root) can write to the object. Makes a system call. */
MEMLANE_API bool memlane_variable_is_private(memlane_variable *variable);

/* Begin and end of an access to shared bytes without a copy in between, for bindings that decode in place: glance,
 * use, still, done. Between glance and done the mapping stays, even when another thread closes the endpoint. */
typedef struct memlane_access {
    const void *bytes;
    memlane_reading reading;
    uint64_t latest; /* private */
    uint32_t pin;    /* private */
} memlane_access;

/* attempt: 0 at first, one more after each failed memlane_access_still(): late attempts pin. MEMLANE_OK, or
 * MEMLANE_EMPTY, _CLOSED, _CORRUPTED: then there is nothing to end. Lock-free. */
MEMLANE_API memlane_status memlane_access_begin(memlane_variable *variable, uint32_t attempt, memlane_access *access,
                                                memlane_error *error);
/* Whether all that was copied belongs to one version. Wait-free. */
MEMLANE_API bool memlane_access_still(memlane_variable *variable, const memlane_access *access);
/* Ends it; counted as a read when `complete`. MEMLANE_CORRUPTED when the mapping was lost meanwhile. */
MEMLANE_API memlane_status memlane_access_end(memlane_variable *variable, memlane_access *access, bool complete,
                                              memlane_error *error);

#ifdef __cplusplus
}
#endif
#endif
