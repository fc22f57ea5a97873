/* Host functions: calls into other processes of the host, with payloads of raw bytes, or of structs with a fixed format.
 *
 * A caller begins a call, fills in the request, posts it and waits for the answer. A dispatcher takes requests of one or
 * more functions and responds. Each call is executed at most once, and goes to exactly one server, however many serve;
 * it ends by its answer, by a deadline, or by the death of its server, and then says whether it may have been executed.
 *
 * All functions may be called from several threads at once on one endpoint or dispatcher; one call, and one request, are
 * used by one thread at a time, but for memlane_call_cancel() and memlane_call_wait(). None is async-signal-safe.
 * Deadlines are absolute CLOCK_MONOTONIC times in nanoseconds: 0 only looks, MEMLANE_NO_DEADLINE waits for ever. Every
 * function leaves with MEMLANE_CORRUPTED when the shared bytes contradict themselves or the file was truncated. */
#ifndef MEMLANE_FUNCTION_H
#define MEMLANE_FUNCTION_H

#include <memlane/format.h>
#include <memlane/object.h>
#include <memlane/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One open endpoint of a function. */
typedef struct memlane_function memlane_function;

/* Who serves one or more functions. */
typedef struct memlane_dispatcher memlane_dispatcher;

/* What a function is created with unless its creator asks for something else. */
enum {
    MEMLANE_DEFAULT_MAX_ARGUMENTS = 4096,
    MEMLANE_DEFAULT_MAX_RESULT = 4096,
    MEMLANE_DEFAULT_LANES = 64,
    MEMLANE_DEFAULT_CALL_SLOTS = 4
};

/* Initialise by memlane_function_options_initialise(), then change what matters. */
typedef struct memlane_function_options {
    memlane_object_options object;
    uint64_t max_arguments; /* bytes of the largest request, or MEMLANE_ANY: with a format its size */
    uint64_t max_result;    /* bytes of the largest response, or MEMLANE_ANY: the same; 0: calls are one-way */
    uint64_t lanes;         /* callers at once, 1 to 1024, or MEMLANE_ANY */
    uint64_t slots;         /* calls of one caller that are not answered yet, 1 to 256, or MEMLANE_ANY */
    /* NULL: values of any type, or the format that is there. The object keeps copies. */
    const memlane_format *arguments_format, *result_format;
} memlane_function_options;

/* Fills in that nothing is asked for. Wait-free. */
MEMLANE_API void memlane_function_options_initialise(memlane_function_options *options);

/* Opens the function `name` (UTF-8, length bytes), or creates it. The caller owns *function until
 * memlane_function_free(). Blocks only on the file system. MEMLANE_SIZE_MISMATCH (the error says
 * both sides), MEMLANE_SCHEMA_MISMATCH (it names the field), and what memlane_variable_open() may answer. */
MEMLANE_API memlane_status memlane_function_open(memlane_function **function, const char *name, size_t length,
                                                 const memlane_function_options *options, memlane_error *error);

/* Marks the endpoint closed: operations in other threads leave with MEMLANE_CLOSED, later ones too. What it holds goes
 * back when the last operation, call and request has ended; calls that nobody has begun are withdrawn then. May be
 * called twice. Wait-free while something of it is in use; else it gives the memory back itself, blocking as
 * memlane_function_free(). */
MEMLANE_API void memlane_function_close(memlane_function *function);

/* Closes, and ends the caller's use of the handle. NULL is accepted. Blocks only on the file system. */
MEMLANE_API void memlane_function_free(memlane_function *function);

/* -- calling --------------------------------------------------------------------------------------------------- */

/* Takes a lane, with the memory of its calls, now and not at the first call. MEMLANE_TOO_MANY_PARTICIPANTS: every lane
 * is a live caller's; MEMLANE_NO_SPACE, MEMLANE_CLOSED. Blocking, for 100 ms at most where all lanes are taken. */
MEMLANE_API memlane_status memlane_function_prepare(memlane_function *function, memlane_error *error);

/* Whether a live process serves the function. Makes system calls. Lock-free. */
MEMLANE_API bool memlane_function_is_served(memlane_function *function);

/* One call. Owned by the caller until memlane_call_end() or memlane_call_forget(), also across
 * memlane_function_close(). */
typedef struct memlane_call {
    memlane_function *function;
    void *bytes; /* the request, until the post: capacity bytes at a multiple of 64 */
    uint64_t capacity;
    bool fail_fast;               /* set before waiting: MEMLANE_NO_SERVER where nobody serves */
    uint32_t slot, tag, sequence; /* private */
    uint32_t stage;               /* private */
    uint64_t posted_ns;           /* private */
} memlane_call;

/* Takes a slot for a call, waiting to the deadline for one: MEMLANE_NO_FREE_SLOT tells what became of the others. Also
 * what memlane_function_prepare() may answer, MEMLANE_INTERRUPTED. Blocking. */
MEMLANE_API memlane_status memlane_call_begin(memlane_function *function, memlane_call *call, uint64_t deadline_ns,
                                              memlane_error *error);

/* The endpoint, for memlane_endpoint_descriptor() and its fellows in object.h. Of a caller, which memlane_function_prepare()
 * or a call makes of it: ready while a call that was not ended is over. Of one that a dispatcher serves: while a call is
 * there to be served. Before that it is never ready. Wait-free. */
MEMLANE_API memlane_endpoint *memlane_function_endpoint(memlane_function *function);

/* Whether the endpoint of a caller is ready also while a call could begin: not at first. Nothing of a closed endpoint.
 * Lock-free, but for a mutex of this process where the endpoint's descriptor is in use. */
MEMLANE_API void memlane_function_expect_slot(memlane_function *function, bool expects);

/* Waits until a call can begin, or a call of this endpoint that was not ended is over: for callers who keep many under
 * way. MEMLANE_NO_FREE_SLOT at the deadline; MEMLANE_INTERRUPTED, MEMLANE_CLOSED. Blocking. */
MEMLANE_API memlane_status memlane_function_wait(memlane_function *function, uint64_t deadline_ns,
                                                 memlane_error *error);

/* Sends the first `size` bytes, of the caller's type mark (below 2^23). Where arguments have a format these are the
 * bytes of its struct and the mark is MEMLANE_TYPE_STRUCT. MEMLANE_VALUE_TOO_LARGE, and MEMLANE_INVALID_ARGUMENT where
 * there is a format and this is not of it: the call stays begun.
 * MEMLANE_OWNERSHIP_LOST: it was begun before a fork, or this process had been taken for dead. Lock-free. */
MEMLANE_API memlane_status memlane_call_post(memlane_call *call, uint64_t size, uint32_t type, memlane_error *error);

/* What came back, in place until the call is ended. */
typedef struct memlane_answer {
    const void *bytes;
    uint64_t size;
    uint32_t type; /* the server's mark */
    bool failed;   /* an error; bytes: its text, UTF-8, ended by NUL, and what the server put behind */
} memlane_answer;

/* Waits for the answer; spins for a moment that adapts to how long answers take, then sleeps. May be repeated after
 * MEMLANE_TIMEOUT and MEMLANE_INTERRUPTED. The call is over, and is to be ended, after MEMLANE_OK, MEMLANE_PEER_DIED
 * (within 60 ms of the server's death; the call may have been executed), MEMLANE_NO_SERVER and MEMLANE_CANCELLED (it was
 * not, and will not be), MEMLANE_OWNERSHIP_LOST. Also MEMLANE_CLOSED. Blocking. */
MEMLANE_API memlane_status memlane_call_wait(memlane_call *call, uint64_t deadline_ns, memlane_answer *answer,
                                             memlane_error *error);

/* The same without sleeping and system calls, for about that long at most, lock-free. MEMLANE_TIMEOUT carries no text. */
MEMLANE_API memlane_status memlane_call_poll(memlane_call *call, uint64_t duration_ns, memlane_answer *answer,
                                             memlane_error *error);

/* Takes a call back that nobody has begun: true when it is certain that it was not and will not be executed. The call
 * is still to be ended. Lock-free. */
MEMLANE_API bool memlane_call_cancel(memlane_call *call);

/* What is known of a call that its caller ends. */
typedef enum memlane_execution {
    MEMLANE_NOT_EXECUTED = 0,   /* for certain: not, and never */
    MEMLANE_MAYBE_EXECUTED = 1, /* a server had begun it */
    MEMLANE_EXECUTED = 2        /* its response was there */
} memlane_execution;

/* Ends the caller's use of a call, whatever became of it: takes it back where nobody has begun it, else nobody waits for
 * its response any more. Lock-free. */
MEMLANE_API memlane_execution memlane_call_end(memlane_call *call);

/* Ends the caller's use of a call that is to be executed all the same. Wait-free. */
MEMLANE_API void memlane_call_forget(memlane_call *call);

/* -- serving ------------------------------------------------------------------------------------------------------ */

/* Serves the functions that are added to it, at most `capacity`. MEMLANE_NO_MEMORY, MEMLANE_INVALID_ARGUMENT.
 * Wait-free but for malloc. */
MEMLANE_API memlane_status memlane_dispatcher_make(memlane_dispatcher **dispatcher, uint32_t capacity,
                                                   memlane_error *error);

/* Functions are served no more. No thread may be in memlane_dispatcher_take(). NULL is accepted. Blocks
 * as memlane_function_free(). */
MEMLANE_API void memlane_dispatcher_free(memlane_dispatcher *dispatcher);

/* Adds a function, also while others are being served; the handle stays the caller's, and open as long as the dispatcher
 * lives. MEMLANE_TOO_MANY_PARTICIPANTS: it has as many as it may; MEMLANE_CLOSED. Blocking, while another
 * thread opens, closes or removes an object. */
MEMLANE_API memlane_status memlane_dispatcher_add(memlane_dispatcher *dispatcher, memlane_function *function,
                                                  memlane_error *error);

/* Makes memlane_dispatcher_take() leave with MEMLANE_CLOSED, and announces that nobody serves here; and the reverse.
 * Blocking, while another thread opens, closes or removes an object. */
MEMLANE_API void memlane_dispatcher_stop(memlane_dispatcher *dispatcher);
MEMLANE_API void memlane_dispatcher_resume(memlane_dispatcher *dispatcher);

/* A call to be executed. Owned by who took it until memlane_task_respond() or memlane_task_fail(). A child that is forked
 * meanwhile ends its copy by one of them, too, and leaves the response alone, which its parent writes. */
typedef struct memlane_task {
    memlane_function *function;
    uint32_t place;    /* of the function: 0 for the first that was added */
    uint32_t type;     /* the caller's mark */
    const void *bytes; /* in shared memory, which a hostile caller may change: copy what is checked */
    uint64_t size;
    void *response; /* capacity bytes at a multiple of 64; NULL where calls are one-way */
    uint64_t capacity;
    uint64_t posted_ns;                 /* private */
    uint32_t lane, slot, tag, sequence; /* private */
} memlane_task;

/* Takes the next call; spins for a moment that adapts to how often calls come, then sleeps. With `awaited`, a call of
 * this process, leaves with MEMLANE_ANSWERED when that is over: who waits inside a callback goes on serving.
 * MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED; MEMLANE_CLOSED after memlane_dispatcher_stop(); MEMLANE_OWNERSHIP_LOST in a
 * forked child: the parent serves; MEMLANE_TOO_MANY_PARTICIPANTS: there was no place for that child.
 * MEMLANE_CORRUPTED: one function is served no more, the others are. Blocking. */
MEMLANE_API memlane_status memlane_dispatcher_take(memlane_dispatcher *dispatcher, memlane_call *awaited,
                                                   uint64_t deadline_ns, memlane_task *task, memlane_error *error);

/* The same without sleeping, for about that long at most, lock-free. MEMLANE_TIMEOUT carries no text. */
MEMLANE_API memlane_status memlane_dispatcher_poll(memlane_dispatcher *dispatcher, memlane_call *awaited,
                                                   uint64_t duration_ns, memlane_task *task, memlane_error *error);

/* Sends the first `size` bytes of the response, of the server's type mark (below 2^23). Where results have a format these
 * are the bytes of its struct and the mark is MEMLANE_TYPE_STRUCT. Ends the task in each case but
 * MEMLANE_VALUE_TOO_LARGE, and MEMLANE_INVALID_ARGUMENT where there is a format and this is not of it.
 * MEMLANE_OWNERSHIP_LOST: it is the parent's, or this process had been taken for dead: the
 * response reaches nobody. Lock-free. */
MEMLANE_API memlane_status memlane_task_respond(memlane_task *task, uint64_t size, uint32_t type, memlane_error *error);

/* Responds with an error: its text, UTF-8 without NUL, and `size` bytes behind it. At least 4096 bytes fit, however small
 * responses are; the text is cut to what fits, and bytes that do not fit behind it are left out.
 * MEMLANE_OWNERSHIP_LOST. Lock-free. */
MEMLANE_API memlane_status memlane_task_fail(memlane_task *task, const char *text, const void *bytes, uint64_t size,
                                             uint32_t type, memlane_error *error);

/* -- what it is and was ---------------------------------------------------------------------------------------------- */

/* What a function is. */
typedef struct memlane_function_properties {
    uint64_t max_arguments, max_result, lanes, slots, participants;
    bool ephemeral;
    unsigned char uuid[16];
    const char *name;                                       /* UTF-8; lives as long as the handle */
    const char *directory;                                  /* the same */
    const memlane_format *arguments_format, *result_format; /* or NULL; the same */
} memlane_function_properties;

/* What the object is; also of a closed endpoint. Wait-free. */
MEMLANE_API void memlane_function_describe(const memlane_function *function, memlane_function_properties *properties);

/* What happened to a function, and what is at this moment. */
typedef struct memlane_function_statistics {
    /* Sums over all endpoints that ever were. */
    uint64_t calls, served, errors, withdrawn, abandoned, orphaned, dropped;
    uint64_t latency_ns;         /* of the served: from post to response */
    uint32_t waiting, executing; /* calls at this moment */
    uint32_t live_participants, live_callers, live_servers;
    bool is_current; /* the name still leads to this object */
} memlane_function_statistics;

/* Counters and state. MEMLANE_CLOSED. Blocks only on the file system. */
MEMLANE_API memlane_status memlane_function_statistics_read(memlane_function *function,
                                                            memlane_function_statistics *statistics,
                                                            memlane_error *error);

/* Counts responses that were collected for a caller who did not ask for them in time. Wait-free. */
MEMLANE_API void memlane_function_count_dropped(memlane_function *function, uint64_t dropped);

/* MEMLANE_OK or MEMLANE_CLOSED. Lock-free. */
MEMLANE_API memlane_status memlane_function_check(memlane_function *function, memlane_error *error);

/* Whether the name still leads to this object. Blocks only on the file system. */
MEMLANE_API bool memlane_function_is_current(memlane_function *function);

/* Whether nobody but this user (and root) can write to the object. Makes a system call. Wait-free. */
MEMLANE_API bool memlane_function_is_private(memlane_function *function);

#ifdef __cplusplus
}
#endif
#endif
