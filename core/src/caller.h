/* A call as its caller has it, from the slot that it takes to its answer: for caller.c and answer.c. */
#ifndef MEMLANE_CALLER_H
#define MEMLANE_CALLER_H

#include "function_handle.h"

/* A death shows at the end of a chunk, within 60 ms on a busy machine too. */
enum { MEMLANE_CALLER_CHUNK_NS = 40000000 };

/* Of a memlane_call. */
enum memlane_stage { MEMLANE_STAGE_BEGUN = 1, MEMLANE_STAGE_SENT = 2, MEMLANE_STAGE_OVER = 3 };

/* The lane of the call; some lane where this endpoint has none any more: then memlane_caller_owns() says so. */
static inline uint32_t memlane_caller_lane_of(const memlane_call *call) {
    uint32_t lane = memlane_load32_acquire(&call->function->lane);
    return lane == 0 ? 0 : lane - 1;
}

static inline struct memlane_call_slot *memlane_caller_slot_of(const memlane_call *call) {
    return memlane_lanes_slot(&call->function->lanes, memlane_caller_lane_of(call), call->slot);
}

/* After a fork, and after a wrong verdict, the lane is another one, or none. */
static inline bool memlane_caller_owns(const memlane_call *call) {
    const memlane_function *function = call->function;
    return call->tag == function->endpoint.segment.tag &&
           memlane_lane_is_ours(&function->lanes, memlane_load32_acquire(&function->lane) - 1);
}

/* When to look again at what was waited for. */
static inline uint64_t memlane_caller_end_of_chunk(uint64_t deadline_ns) {
    uint64_t end = memlane_platform_monotonic_ns() + MEMLANE_CALLER_CHUNK_NS;
    return end < deadline_ns ? end : deadline_ns;
}

/* The text for a call that memlane_caller_owns() denies, MEMLANE_OWNERSHIP_LOST; and that for how a wait ended. */
memlane_status memlane_caller_explain_lost(const memlane_function *function, memlane_error *error);
memlane_status memlane_caller_explain_wait(memlane_function *function, memlane_status status, memlane_error *error);

#endif
