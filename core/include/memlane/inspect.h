/* What is in shared memory, for tools: looks at objects of every kind, and disturbs none. Files are opened and mapped for
 * reading only; no place for an endpoint is taken, no lock, and nobody is asked. What is told is of a moment ago. */
#ifndef MEMLANE_INSPECT_H
#define MEMLANE_INSPECT_H

#include <memlane/format.h>
#include <memlane/status.h>
#include <memlane/variable.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How many counters each object has, words of its geometry that are shown, and bytes of a program's name. */
enum { MEMLANE_INSPECTED_COUNTERS = 8, MEMLANE_INSPECTED_GEOMETRY = 4, MEMLANE_PROGRAM_SIZE = 33 };

/* One object that is being looked at. One thread at a time uses it. */
typedef struct memlane_inspection memlane_inspection;

/* What a participant is to the object; several at once are possible. */
typedef enum memlane_role {
    MEMLANE_ROLE_READER = 1,  /* has the reader's end of the channel */
    MEMLANE_ROLE_WRITER = 2,  /* has the writer's end */
    MEMLANE_ROLE_LOCKS = 4,   /* holds the lock; of a map: writes, or is about to */
    MEMLANE_ROLE_SHARES = 8,  /* reads the map under its lock */
    MEMLANE_ROLE_WAITS = 16,  /* waits to read it */
    MEMLANE_ROLE_SERVES = 32, /* serves the function */
    MEMLANE_ROLE_CALLS = 64   /* has a lane of the function: calls it */
} memlane_role;

/* One open endpoint, or what is left of one whose process died and which nobody has cleaned up yet. */
typedef struct memlane_inspected_participant {
    uint32_t index, pid, thread;        /* pid: in the namespace of its own */
    uint64_t start_time, pid_namespace; /* of the process: clock ticks since boot; inode, 0: unknown */
    uint32_t roles;                     /* bits of memlane_role */
    uint32_t writes, views;             /* slots that it fills or loans; that its views keep */
    uint32_t calls, executes;           /* its calls that are not over; those of others that it executes */
    bool lives;
    char program[MEMLANE_PROGRAM_SIZE];            /* its short name; printable ASCII, ended by NUL */
    uint64_t counters[MEMLANE_INSPECTED_COUNTERS]; /* of its index, with those of former owners */
} memlane_inspected_participant;

/* The object as a whole. What its kind does not have is 0. */
typedef struct memlane_inspected_object {
    const char *kind;         /* "variable", "channel", "function", "map", "share", "buffer"; static storage */
    uint64_t size, allocated; /* bytes of the file, and of the memory behind it */
    uint32_t layout_major, layout_minor;
    uint32_t creator, owner, permissions; /* user that made it, user that owns the file, its mode */
    bool ephemeral, of_this_boot;
    bool waiting;    /* somebody sleeps until something happens to it; may be one who died */
    bool recovering; /* the lock's last owner died in it, and the next one has not come yet */
    unsigned char uuid[16];
    uint64_t created_monotonic_ns, created_real_ns;
    uint32_t participants; /* places for endpoints */
    /* variable, share, buffer: slots, capacity; channel: capacity; function: lanes, slots of each, arguments, result;
     * map: size */
    uint64_t geometry[MEMLANE_INSPECTED_GEOMETRY];
    uint64_t counters[MEMLANE_INSPECTED_COUNTERS]; /* summed over all participants, present and past */
    memlane_reading latest;                        /* variable, share, buffer; version 0: never written */
    uint32_t slots_writing, slots_viewed;
    uint64_t taken;      /* share: the newest version that was taken */
    uint64_t head, tail; /* channel: bytes that were read, and written, since it was made */
    uint32_t lanes, calls_waiting, calls_running, calls_done; /* function: lanes with a caller; calls by state */
    uint32_t acquisitions; /* buffer and map: how often the lock was taken to write, modulo 2^32 */
} memlane_inspected_object;

/* Calls visit with the name (UTF-8) of each file of the directory (NULL or empty: the default) that may be an object,
 * until it returns false. May be called by any thread at any time, but for signal handlers.
 *
 * Blocking on the file system. MEMLANE_NOT_FOUND: no such directory; MEMLANE_UNSAFE_NAMESPACE (a symbolic link),
 * MEMLANE_ACCESS_DENIED, MEMLANE_INVALID_ARGUMENT, MEMLANE_SYSTEM. */
MEMLANE_API memlane_status memlane_inspect_names(const char *directory, bool (*visit)(const char *name, void *argument),
                                                 void *argument, memlane_error *error);

/* Opens one object by its name of `length` bytes, to look at. *inspection belongs to the caller until
 * memlane_inspect_close(). Directory and callers as above.
 *
 * Blocking on the file system. MEMLANE_NOT_FOUND, MEMLANE_INVALID_NAME; MEMLANE_CORRUPTED, MEMLANE_LAYOUT_MISMATCH: it is
 * damaged, or of another build or machine, and the text says how; MEMLANE_UNSAFE_NAMESPACE (no plain file),
 * MEMLANE_ACCESS_DENIED, MEMLANE_NO_MEMORY, MEMLANE_SYSTEM. */
MEMLANE_API memlane_status memlane_inspect_open(memlane_inspection **inspection, const char *directory,
                                                const char *name, size_t length, memlane_error *error);

/* Gives the mapping back, by system calls; NULL is accepted. Wait-free else. */
MEMLANE_API void memlane_inspect_close(memlane_inspection *inspection);

/* Fills in what the object is at this moment. Wait-free. MEMLANE_CORRUPTED: its words contradict each other, or the file
 * was truncated meanwhile. */
MEMLANE_API memlane_status memlane_inspect_object(const memlane_inspection *inspection,
                                                  memlane_inspected_object *object, memlane_error *error);

/* Fills in the participants, at most `capacity`; returns how many. Wait-free; makes two system calls for each. */
MEMLANE_API uint32_t memlane_inspect_participants(const memlane_inspection *inspection,
                                                  memlane_inspected_participant *participants, uint32_t capacity);

/* The schema, *length bytes; NULL where it has none. Valid until close. And its fields, where it is a field table: of the
 * values, of a function those of its arguments and of its results. Wait-free. */
MEMLANE_API const void *memlane_inspect_schema(const memlane_inspection *inspection, size_t *length);
MEMLANE_API const memlane_format *memlane_inspect_format(const memlane_inspection *inspection);
MEMLANE_API const memlane_format *memlane_inspect_result_format(const memlane_inspection *inspection);

/* Copies the latest value of a variable, share or buffer, as memlane_variable_read() does, without counting as a reader.
 * The copy of a buffer's record is marked valid only where the endpoint that marked it lives.
 *
 * Wait-free. MEMLANE_EMPTY, MEMLANE_BUFFER_TOO_SMALL (reading->size says what is needed), MEMLANE_CORRUPTED;
 * MEMLANE_TIMEOUT: writers were faster than this copy every time; MEMLANE_KIND_MISMATCH. */
MEMLANE_API memlane_status memlane_inspect_read(const memlane_inspection *inspection, void *buffer, size_t capacity,
                                                memlane_reading *reading, memlane_error *error);

/* Copies bytes that a channel holds, from stream position `from` or the oldest that is still there: *first says which,
 * *size how many, at most `capacity`. They stay for the reader.
 *
 * Wait-free. MEMLANE_CORRUPTED, MEMLANE_KIND_MISMATCH; MEMLANE_TIMEOUT: reader and writer were faster every time. */
MEMLANE_API memlane_status memlane_inspect_peek(const memlane_inspection *inspection, uint64_t from, void *buffer,
                                                size_t capacity, uint64_t *first, size_t *size, memlane_error *error);

/* Copies `size` bytes of a map at `offset`, whoever may be writing them. Wait-free. MEMLANE_INVALID_ARGUMENT: beyond its
 * end; MEMLANE_CORRUPTED, MEMLANE_KIND_MISMATCH. */
MEMLANE_API memlane_status memlane_inspect_copy(const memlane_inspection *inspection, uint64_t offset, void *buffer,
                                                size_t size, memlane_error *error);

#ifdef __cplusplus
}
#endif
#endif
