/* Host variables: the latest value of a thing, readable and writable by every process of the host.
 *
 * All functions may be called from several threads at once on one endpoint, unless they say otherwise; none is
 * async-signal-safe, and after fork() each may be called in the child. Sizes are bytes. Deadlines are absolute
 * CLOCK_MONOTONIC times in nanoseconds: 0 only looks, MEMLANE_NO_DEADLINE waits for ever. Every function that answers
 * a status leaves with MEMLANE_CORRUPTED when the shared bytes contradict themselves or the file was truncated.
 * The first operation in a forked child may also leave with MEMLANE_TOO_MANY_PARTICIPANTS or MEMLANE_OWNERSHIP_LOST:
 * there was no place for it, or no way to its file.
 *
 * Progress. Wait-free: ends after a bounded number of steps, whatever others do. Lock-free: waits for nobody, and can
 * be delayed only by others that succeed. Blocking: may sleep, to the deadline at most. System calls are as quick as
 * the system. */
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

/* An open endpoint of a variable; opaque. */
typedef struct memlane_variable memlane_variable;

/* What a new variable gets where nothing was asked for. */
enum {
    MEMLANE_DEFAULT_MAX_SIZE = 4096,
    MEMLANE_DEFAULT_SLOTS = 14,
    MEMLANE_DEFAULT_ENCODING = 5 /* Python's pickle protocol, for values that are not plain */
};

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

/* Fills *options: nothing was asked for, a missing object is created with mode 0600. Call it before all others, also
 * on options that were used before. Wait-free. */
MEMLANE_API void memlane_variable_options_initialise(memlane_variable_options *options);

/* Opens the variable `name` (UTF-8, `length` bytes, no NUL needed), or creates it. The caller owns *variable until
 * memlane_variable_free(); *options and the format in it stay the caller's and are not needed afterwards.
 *
 * Blocking: on the file system, and at most 100 ms on others that open or remove the same name. MEMLANE_INVALID_NAME,
 * MEMLANE_INVALID_ARGUMENT, MEMLANE_NOT_FOUND (it must not be created, or has another uuid), MEMLANE_KIND_MISMATCH,
 * MEMLANE_SIZE_MISMATCH and MEMLANE_SCHEMA_MISMATCH (the error says both sides), MEMLANE_LAYOUT_MISMATCH,
 * MEMLANE_ACCESS_DENIED, MEMLANE_UNSAFE_NAMESPACE, MEMLANE_UNSUPPORTED_NAMESPACE, MEMLANE_NO_SPACE (nothing was
 * created), MEMLANE_TOO_MANY_PARTICIPANTS, MEMLANE_TIMEOUT, MEMLANE_CORRUPTED, MEMLANE_NO_MEMORY, MEMLANE_SYSTEM. */
MEMLANE_API memlane_status memlane_variable_open(memlane_variable **variable, const char *name, size_t length,
                                                 const memlane_variable_options *options, memlane_error *error);

/* Marks the endpoint closed: operations in other threads leave with MEMLANE_CLOSED, later ones too. What it holds
 * goes back when the last operation, loan and view has ended. May be called twice, and while others use the endpoint.
 * Wait-free while something of it is in use; else it gives the memory back itself, blocking as
 * memlane_variable_free(). */
MEMLANE_API void memlane_variable_close(memlane_variable *variable);

/* Closes, and ends the caller's use of the handle: no other thread may be in a function with it, or call one later.
 * Views and loans keep what they need. NULL is accepted. The last user of the endpoint gives back its place and its
 * memory by system calls. Blocking: on the directory's lock, where the object goes with its last endpoint. */
MEMLANE_API void memlane_variable_free(memlane_variable *variable);

/* Writes `size` bytes of the caller's type mark (below 2^24), which are copied. Where the object has a format, they
 * are the bytes of its struct and the mark is MEMLANE_TYPE_STRUCT. On failure the old value stays.
 *
 * Lock-free while a slot is free: a writer never waits for a dead or a stopped one. Blocking, to the deadline, while
 * every slot is held by live views, loans and writers. MEMLANE_NO_FREE_SLOT (the error names the holders),
 * MEMLANE_INVALID_ARGUMENT (not what the format says), MEMLANE_VALUE_TOO_LARGE, MEMLANE_CLOSED, MEMLANE_CORRUPTED,
 * MEMLANE_OWNERSHIP_LOST (this process had been declared dead). */
MEMLANE_API memlane_status memlane_variable_write(memlane_variable *variable, const void *bytes, uint64_t size,
                                                  uint32_t type, uint64_t deadline_ns, memlane_error *error);

/* What was read: size bytes of one and the same write. */
typedef struct memlane_reading {
    uint64_t version;  /* rises with each write, the same in all processes; may skip numbers. After 2^48 - 1 comes 1 */
    uint64_t sequence; /* how many writes there were, this one included */
    uint64_t size;     /* bytes */
    uint64_t monotonic_ns; /* CLOCK_MONOTONIC at the write */
    uint64_t real_ns;      /* CLOCK_REALTIME at the write: information only */
    uint32_t type;
} memlane_reading;

/* Copies the latest value into the caller's buffer of `capacity` bytes.
 *
 * Lock-free, and never waits for anybody. MEMLANE_EMPTY (never written), MEMLANE_BUFFER_TOO_SMALL (*reading is filled
 * and says the size; what is in the buffer does not count), MEMLANE_TOO_MANY_VIEWS (this endpoint views as many versions
 * as it may, and in 10,000 attempts somebody wrote during each copy), MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
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

/* Takes a free slot. The caller owns *loan until commit or drop; only one thread may use it at a time.
 *
 * Lock-free while a slot is free, else blocking to the deadline: MEMLANE_NO_FREE_SLOT. Also MEMLANE_CLOSED,
 * MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_variable_loan(memlane_variable *variable, memlane_loan *loan, uint64_t deadline_ns,
                                                 memlane_error *error);

/* Publishes the first `size` bytes, about which see memlane_variable_write(). *version (may be NULL) is theirs, or 0
 * when newer values were committed meanwhile. Ends the loan, except with MEMLANE_VALUE_TOO_LARGE and
 * MEMLANE_INVALID_ARGUMENT, after which it may be committed again or dropped.
 *
 * Lock-free. MEMLANE_VALUE_TOO_LARGE, MEMLANE_INVALID_ARGUMENT, MEMLANE_OWNERSHIP_LOST (the loan belongs to the parent
 * process, or this process had been declared dead), MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_loan_commit(memlane_loan *loan, uint64_t size, uint32_t type, uint64_t *version,
                                               memlane_error *error);

/* Ends the loan without publishing it: the value that was there stays. Lock-free. */
MEMLANE_API void memlane_loan_drop(memlane_loan *loan);

/* For bindings, whose callers may keep a pointer into a loan after it ended: the mapping stays until the matching
 * release, also across memlane_variable_close(). Only while the endpoint is open or a view, loan or hold of it lives.
 * Wait-free. */
MEMLANE_API void memlane_variable_hold(memlane_variable *variable);

/* Ends one hold. The last user of a closed endpoint gives back its memory by system calls. Wait-free otherwise. */
MEMLANE_API void memlane_variable_release(memlane_variable *variable);

/* The latest value in place: read-only, unchanged until memlane_view_release(), also across memlane_variable_close(),
 * fork and unlink. An endpoint can view 4 versions at once, each any number of times: MEMLANE_TOO_MANY_VIEWS. */
typedef struct memlane_view {
    memlane_variable *variable;
    const void *bytes; /* reading.size bytes, at a multiple of 64, in a read-only mapping */
    memlane_reading reading;
    uint32_t pin; /* private */
} memlane_view;

/* Takes a view of the latest value. The caller owns *view until its release.
 *
 * Lock-free. MEMLANE_EMPTY, MEMLANE_TOO_MANY_VIEWS, MEMLANE_OWNERSHIP_LOST, MEMLANE_SYSTEM (the read-only mapping could
 * not be made, at the first view), MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_variable_view(memlane_variable *variable, memlane_view *view, memlane_error *error);

/* Ends the view; its bytes may not be touched afterwards. Wait-free, but for the last user of a closed endpoint, which
 * gives back its memory by system calls. */
MEMLANE_API void memlane_view_release(memlane_view *view);

/* Waits until the version is newer than `version`; the newest in *newest. 0 waits for the first value.
 *
 * Blocking, to the deadline; it sleeps in the kernel. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED (a signal arrived: call
 * again to go on), MEMLANE_CLOSED (also by another thread meanwhile), MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_variable_wait(memlane_variable *variable, uint64_t version, uint64_t deadline_ns,
                                                 uint64_t *newest, memlane_error *error);

/* The newest version in *version; 0: never written. Wait-free. MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_variable_version(memlane_variable *variable, uint64_t *version);

/* The endpoint, for polling: ready while the newest version is newer than any that memlane_variable_read(),
 * memlane_variable_view() or a complete access returned to it. It is the variable's own, and lives as long. Wait-free. */
MEMLANE_API memlane_endpoint *memlane_variable_endpoint(memlane_variable *variable);

/* For readers that know versions up to this one in another way: they do not make the endpoint ready. Wait-free. */
MEMLANE_API void memlane_variable_mark_seen(memlane_variable *variable, uint64_t version);

/* For who polls until the version is newer than this one, whatever was returned to others meanwhile: the endpoint is
 * ready then, and only then. MEMLANE_ANY: by what was returned, again, as in a forked child. Nothing of a closed endpoint.
 * Lock-free, but for a mutex of this process where the endpoint's descriptor is in use. */
MEMLANE_API void memlane_variable_expect(memlane_variable *variable, uint64_t version);

/* Adds to the count of values that readers passed over, for who takes the latest in a loop. Wait-free. */
MEMLANE_API void memlane_variable_count_skipped(memlane_variable *variable, uint64_t skipped);

/* What an object is. */
typedef struct memlane_variable_properties {
    uint64_t max_size, slots, participants, encoding;
    bool ephemeral;
    unsigned char uuid[16];
    const char *name;             /* UTF-8; lives as long as the handle */
    const char *directory;        /* the same */
    const memlane_format *format; /* of the values, or NULL; the same */
} memlane_variable_properties;

/* Fills *properties; also of a closed endpoint. The strings and the format in it are the endpoint's. Wait-free. */
MEMLANE_API void memlane_variable_describe(const memlane_variable *variable, memlane_variable_properties *properties);

/* What an object did, and its state. */
typedef struct memlane_variable_statistics {
    /* Sums over all endpoints that ever were. */
    uint64_t writes, reads, bytes_written, bytes_read, superseded, skipped, retries, recovered;
    uint64_t version;
    uint32_t live_participants;
    uint32_t slots_writing, slots_pinned; /* at this moment */
    bool is_current;                      /* the name still leads to this object */
} memlane_variable_statistics;

/* Sums the counters of all endpoints, one after the other: those that count meanwhile may be in it or not. Blocks only
 * on the file system. MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_variable_statistics_read(memlane_variable *variable,
                                                            memlane_variable_statistics *statistics,
                                                            memlane_error *error);

/* Whether the name still leads to this object. Wait-free but for its system calls; false of a closed endpoint. */
MEMLANE_API bool memlane_variable_is_current(memlane_variable *variable);

/* Whether nobody but this user (and root) can write to the object. Wait-free but for its system call; false of a closed
 * endpoint. */
MEMLANE_API bool memlane_variable_is_private(memlane_variable *variable);

/* Begin and end of an access to shared bytes without a copy in between, for bindings that decode in place: glance,
 * use, still, done. Between glance and done the mapping stays, even when another thread closes the endpoint. */
typedef struct memlane_access {
    const void *bytes;
    memlane_reading reading;
    uint64_t latest; /* private */
    uint32_t pin;    /* private */
} memlane_access;

/* Begins a look at the latest value in place. `attempt` is 0 at first, one more after each failed
 * memlane_access_still(): late attempts pin, so that a quick writer cannot keep a reader busy for ever. The caller
 * owns *access until memlane_access_end(); with any status but MEMLANE_OK there is nothing to end.
 *
 * Lock-free. MEMLANE_EMPTY, MEMLANE_TOO_MANY_VIEWS (as memlane_variable_read()), MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
MEMLANE_API memlane_status memlane_access_begin(memlane_variable *variable, uint32_t attempt, memlane_access *access,
                                                memlane_error *error);

/* Whether all that was copied since the beginning belongs to one version. Wait-free. */
MEMLANE_API bool memlane_access_still(memlane_variable *variable, const memlane_access *access);

/* Ends the look; counted as a read when `complete`. Wait-free. MEMLANE_CORRUPTED: the mapping was lost meanwhile, and
 * what was copied does not count. */
MEMLANE_API memlane_status memlane_access_end(memlane_variable *variable, memlane_access *access, bool complete,
                                              memlane_error *error);

#ifdef __cplusplus
}
#endif
#endif
