/* The handle of a function, for its two halves: who calls (caller.c, answer.c) and who serves (dispatcher.c). */
#ifndef MEMLANE_FUNCTION_HANDLE_H
#define MEMLANE_FUNCTION_HANDLE_H

#include "call.h"
#include "endpoint.h"
#include "patience.h"
#include "signature.h"
#include "statistics.h"

#include <memlane/function.h>

/* Bit 23 of the type mark in shared memory: the response is an error. */
#define MEMLANE_TYPE_FAILED (UINT32_C(1) << 23)
#define MEMLANE_TYPE_MASK (MEMLANE_TYPE_FAILED - 1)

/* What this endpoint knows of one slot of its lane. Private. */
struct memlane_desk {
    memlane_atomic32 busy;    /* 1: a memlane_call of this process owns it; taken by CAS */
    memlane_atomic32 refused; /* why the caller itself made it FREE: MEMLANE_CANCELLED or MEMLANE_NO_SERVER, or 0 */
};

struct memlane_function {
    struct memlane_endpoint endpoint;
    struct memlane_lanes lanes;
    struct memlane_patience patience;
    struct memlane_desk *desk; /* one for each slot of a lane */
    memlane_atomic32 lane;     /* this endpoint's, plus one; 0: none; set by who set `claiming` */
    memlane_atomic32 claiming; /* 1: a thread takes a lane; taken by CAS */
    memlane_atomic64 order;    /* of the calls of this lane */
    memlane_atomic32 waiting;  /* threads that wait for a slot */
    memlane_atomic32 servers;  /* dispatchers of this process that serve it */
    memlane_atomic32 expects;  /* 1: who polls waits for a free slot too */
    memlane_atomic64 quiet;    /* `posted` when who polls for calls to serve found none */
};

static inline struct memlane_function *memlane_function_of(struct memlane_endpoint *endpoint) {
    return (struct memlane_function *)(void *)endpoint;
}

static inline const char *memlane_function_name(const memlane_function *function) {
    return function->endpoint.segment.name.text;
}

static inline void memlane_function_count(const memlane_function *function, enum memlane_function_counter counter,
                                          uint64_t amount) {
    memlane_statistics_add(&function->endpoint.segment, (enum memlane_counter)counter, amount);
}

/* Whether these are the bytes of a struct of the format; anything is where there is none. */
static inline bool memlane_function_fits(const memlane_format *format, uint64_t size, uint32_t type) {
    return format == NULL || (size == format->size && type == MEMLANE_TYPE_STRUCT);
}

/* The text for a payload that is not of its format. */
memlane_status memlane_function_explain_format(const memlane_function *function, const char *what,
                                               const memlane_format *format, uint64_t size, uint32_t type,
                                               memlane_error *error);

/* As memlane_function_is_served(), within an operation. */
bool memlane_function_has_server(const memlane_function *function);

/* What the slots of a lane are used for at this moment. For display. */
struct memlane_census {
    uint32_t busy, waiting, executing;
};
struct memlane_census memlane_function_take_census(const memlane_function *function, uint32_t lane);

/* One more dispatcher serves it, or one less. */
void memlane_function_serve(memlane_function *function);
void memlane_function_retire(memlane_function *function);

/* From here on the endpoint is ready while a call is there to be served. */
void memlane_function_poll_for_calls(memlane_function *function);

/* As memlane_call_wait() without waiting: MEMLANE_TIMEOUT without a text. With `ask` it makes system calls. */
memlane_status memlane_function_look(memlane_call *call, bool ask, memlane_answer *answer, memlane_error *error);

/* What the caller of this call sleeps on. */
memlane_atomic64 *memlane_function_answers(const memlane_call *call);
memlane_atomic32 *memlane_function_bell(const memlane_call *call);

#endif
