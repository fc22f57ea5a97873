#include "caller.h"

#include "failure.h"
#include "wait.h"

#include <inttypes.h>

enum { CLAIM_CHUNK_NS = 1000000 };

/* -- polling ----------------------------------------------------------------------------------------------------- */

static bool can_begin(const memlane_function *function, uint32_t slot, uint64_t word, bool ask) {
    /* relaxed, both: whoever gives a slot back, and whoever expects one, looks again. */
    return memlane_load32_relaxed(&function->expects) != 0 && memlane_load32_relaxed(&function->desk[slot].busy) == 0 &&
           (memlane_call_state(word) == MEMLANE_CALL_FREE || memlane_call_is_over(&function->lanes, word, ask));
}

/* Of a caller: a call of this endpoint that was not ended is over. */
static bool has_response(struct memlane_endpoint *endpoint, bool thorough) {
    const memlane_function *function = memlane_function_of(endpoint);
    uint32_t lane = memlane_load32_acquire(&function->lane) - 1; /* acquire: pairs with the release in claim_lane */
    if (lane == UINT32_MAX) {
        return false; /* a forked child that has not called yet */
    }
    if (!memlane_lane_is_ours(&function->lanes, lane)) {
        return true; /* what the caller has under way came to an end: it was taken for dead */
    }
    for (uint32_t i = 0; i < function->lanes.slots; i++) {
        /* seq_cst: after the bell was armed, and before the response is looked at. */
        uint64_t word = memlane_load_seq_cst(&memlane_lanes_slot(&function->lanes, lane, i)->state); /* W2, A2 */
        bool mine = memlane_load32_acquire(&function->desk[i].busy) != 0;
        bool over =
            memlane_call_state(word) != MEMLANE_CALL_FREE && memlane_call_is_over(&function->lanes, word, thorough);
        if ((mine && over) || can_begin(function, i, word, thorough)) {
            return true;
        }
    }
    return false;
}

static void poll_for_responses(memlane_function *function, uint32_t lane) {
    if (memlane_load32_acquire(&function->endpoint.watch.active) == 0) { /* else its sentry looks each chunk */
        memlane_endpoint_make_pollable(&function->endpoint, has_response, &function->lanes.lane[lane].bell, NULL);
    }
}

void memlane_function_expect_slot(memlane_function *function, bool expects) {
    if (memlane_endpoint_enter(&function->endpoint, NULL) == MEMLANE_OK) {
        memlane_store32_relaxed(&function->expects, expects); /* relaxed: the mutex of the watch orders it */
        memlane_watch_look_again(&function->endpoint.watch);
        memlane_endpoint_leave(&function->endpoint);
    }
}

/* -- the lane ---------------------------------------------------------------------------------------------------- */

/* One thread at a time. Not under the segment's mutex: a claim makes system calls and waits for other processes, and
 * meanwhile other threads close the endpoint, or fork, which both take that mutex. */
static memlane_status claim_lane(memlane_function *function, memlane_error *error) {
    uint32_t lane;
    memlane_status status = MEMLANE_OK;
    while (!memlane_cas32_seq_cst(&function->claiming, 0, 1)) {
        memlane_platform_sleep_ns(CLAIM_CHUNK_NS);
    }
    if (!memlane_lane_is_ours(&function->lanes, memlane_load32_relaxed(&function->lane) - 1)) {
        status = memlane_lane_claim(&function->lanes, &lane, error);
        if (status == MEMLANE_OK) {
            memlane_store32_release(&function->lane, lane + 1); /* release: the slots are scrubbed */
            poll_for_responses(function, lane);
        }
    }
    memlane_store32_release(&function->claiming, 0); /* release: pairs with the swap of the next */
    return status;
}

/* The lane of this endpoint. A lane that was taken because of a wrong verdict is let go. */
static memlane_status have_lane(memlane_function *function, uint32_t *lane, memlane_error *error) {
    *lane = memlane_load32_acquire(&function->lane) - 1;
    if (memlane_lane_is_ours(&function->lanes, *lane)) {
        return MEMLANE_OK;
    }
    memlane_status status = claim_lane(function, error);
    *lane = memlane_load32_acquire(&function->lane) - 1;
    return status;
}

memlane_status memlane_function_prepare(memlane_function *function, memlane_error *error) {
    uint32_t lane;
    memlane_status status = memlane_endpoint_enter(&function->endpoint, error);
    return status == MEMLANE_OK ? memlane_endpoint_finish(&function->endpoint, have_lane(function, &lane, error), error)
                                : status;
}

/* -- beginning a call -------------------------------------------------------------------------------------------- */

static bool take_slot(memlane_function *function, uint32_t lane, bool ask, uint32_t *slot) {
    uint64_t word;
    for (uint32_t i = 0; i < function->lanes.slots; i++) {
        struct memlane_desk *desk = &function->desk[i];
        if (memlane_load32_relaxed(&desk->busy) != 0 || !memlane_cas32_seq_cst(&desk->busy, 0, 1)) {
            continue; /* relaxed: the swap decides */
        }
        if (memlane_call_reap(&function->lanes, memlane_lanes_slot(&function->lanes, lane, i), ask, &word)) {
            *slot = i;
            return true;
        }
        memlane_store32_release(&desk->busy, 0); /* release: pairs with the swap of the next who takes it */
    }
    return false;
}

static memlane_status explain_no_slot(const memlane_function *function, uint32_t lane, memlane_error *error) {
    struct memlane_census census = memlane_function_take_census(function, lane);
    return memlane_fail(error, MEMLANE_NO_FREE_SLOT,
                        "function '%s': this caller has as many calls outstanding as it may (slots=%" PRIu32
                        "; %" PRIu32 " wait for a server, %" PRIu32
                        " are being executed)%s: collect responses, start or add a "
                        "dispatcher, or remove it and create it with more slots=",
                        memlane_function_name(function), function->lanes.slots, census.waiting, census.executing,
                        census.waiting > 0 && !memlane_function_has_server(function) ? " and nobody serves it" : "");
}

memlane_status memlane_caller_explain_wait(memlane_function *function, memlane_status status, memlane_error *error) {
    switch (status) {
    case MEMLANE_CLOSED:
        return memlane_endpoint_explain_closed(&function->endpoint, error);
    case MEMLANE_INTERRUPTED:
        return memlane_fail(error, status, "function '%s': a signal ended the wait", memlane_function_name(function));
    default:
        return status;
    }
}

/* What wait_for_slots() waits for. */
typedef bool (*found_enough)(memlane_function *function, uint32_t lane, bool ask, uint32_t *slot);

/* Threads that end their calls tell those that wait here: `waiting` is raised before the look. */
static memlane_status wait_for_slots(memlane_function *function, found_enough enough, uint64_t deadline_ns,
                                     uint32_t *slot, memlane_error *error) {
    for (bool ask = false;; ask = true) {
        uint32_t lane;
        memlane_status status = have_lane(function, &lane, error);
        if (status != MEMLANE_OK) {
            return status;
        }
        struct memlane_lane *words = &function->lanes.lane[lane];
        uint64_t seen = memlane_load_seq_cst(&words->answers);
        if (enough(function, lane, ask, slot) || (!ask && enough(function, lane, true, slot))) {
            return MEMLANE_OK;
        }
        if (deadline_ns == 0 || memlane_platform_monotonic_ns() >= deadline_ns) {
            return explain_no_slot(function, lane, error);
        }
        status = memlane_wait_change(&function->endpoint.segment, &words->answers, &words->bell, seen,
                                     memlane_caller_end_of_chunk(deadline_ns), MEMLANE_CALLER_CHUNK_NS);
        if (status != MEMLANE_OK && status != MEMLANE_TIMEOUT) {
            return memlane_caller_explain_wait(function, status, error);
        }
    }
}

static memlane_status find_slot(memlane_function *function, uint64_t deadline_ns, uint32_t *slot,
                                memlane_error *error) {
    uint32_t lane = memlane_load32_acquire(&function->lane) - 1;
    if (memlane_lane_is_ours(&function->lanes, lane) && take_slot(function, lane, false, slot)) {
        return MEMLANE_OK;
    }
    memlane_add32_seq_cst(&function->waiting, 1);
    memlane_status status = wait_for_slots(function, take_slot, deadline_ns, slot, error);
    memlane_add32_seq_cst(&function->waiting, UINT32_MAX);
    return status;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): as take_slot */
static bool is_any_over(memlane_function *function, uint32_t lane, bool ask, uint32_t *slot) {
    (void)slot;
    for (uint32_t i = 0; i < function->lanes.slots; i++) {
        uint64_t word = memlane_load_acquire(&memlane_lanes_slot(&function->lanes, lane, i)->state); /* A2 */
        bool mine = memlane_load32_acquire(&function->desk[i].busy) != 0;
        if (memlane_call_state(word) == MEMLANE_CALL_FREE ? !mine : memlane_call_is_over(&function->lanes, word, ask)) {
            return true;
        }
    }
    return false;
}

memlane_status memlane_function_wait(memlane_function *function, uint64_t deadline_ns, memlane_error *error) {
    memlane_status status = memlane_endpoint_enter(&function->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_add32_seq_cst(&function->waiting, 1);
    status = wait_for_slots(function, is_any_over, deadline_ns, NULL, error);
    memlane_add32_seq_cst(&function->waiting, UINT32_MAX);
    return memlane_endpoint_finish(&function->endpoint, status, error);
}

memlane_status memlane_call_begin(memlane_function *function, memlane_call *call, uint64_t deadline_ns,
                                  memlane_error *error) {
    uint32_t slot = 0;
    memlane_status status = memlane_endpoint_enter(&function->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = find_slot(function, deadline_ns, &slot, error);
    if (status != MEMLANE_OK) {
        return memlane_endpoint_finish(&function->endpoint, status, error);
    }
    uint32_t lane = memlane_load32_acquire(&function->lane) - 1;
    memlane_store32_relaxed(&function->desk[slot].refused, 0); /* relaxed: the slot is this thread's */
    *call = (memlane_call){
        .function = function,
        .bytes = memlane_lanes_request(&function->lanes, lane, slot),
        .capacity = function->lanes.argument_capacity,
        .slot = slot,
        .tag = function->endpoint.segment.tag,
        .stage = MEMLANE_STAGE_BEGUN,
    };
    memlane_endpoint_stay(&function->endpoint); /* the call is a user */
    return MEMLANE_OK;
}

/* -- posting it ------------------------------------------------------------------------------------------------- */

memlane_status memlane_caller_explain_lost(const memlane_function *function, memlane_error *error) {
    return memlane_fail(error, MEMLANE_OWNERSHIP_LOST,
                        "function '%s': this call is not this process's any more (it was made before a fork, or the "
                        "process had been taken for dead): call again",
                        memlane_function_name(function));
}

memlane_status memlane_call_post(memlane_call *call, uint64_t size, uint32_t type, memlane_error *error) {
    memlane_function *function = call->function;
    if (size > call->capacity) {
        return memlane_fail(error, MEMLANE_VALUE_TOO_LARGE,
                            "function '%s': the arguments take %" PRIu64 " bytes, at most max_sz_args=%" PRIu64
                            " fit: send less, or remove it and create it with a larger max_sz_args=",
                            memlane_function_name(function), size, call->capacity);
    }
    if (!memlane_function_fits(function->endpoint.format, size, type)) {
        return memlane_function_explain_format(function, "arguments", function->endpoint.format, size, type, error);
    }
    uint64_t word = memlane_caller_owns(call) ? memlane_load_acquire(&memlane_caller_slot_of(call)->state) : 0; /* F2 */
    if (!memlane_caller_owns(call) || memlane_call_state(word) != MEMLANE_CALL_FREE) {
        return memlane_caller_explain_lost(function, error);
    }
    call->posted_ns = memlane_platform_monotonic_ns();
    call->sequence = memlane_call_sequence(word) + 1;
    uint64_t order = memlane_add_relaxed(&function->order, 1); /* relaxed: a number, for this lane alone */
    if (!memlane_call_send(&function->lanes, memlane_caller_slot_of(call), word, order,
                           memlane_payload_word(size, type & MEMLANE_TYPE_MASK), call->posted_ns)) {
        return memlane_caller_explain_lost(function, error);
    }
    call->stage = MEMLANE_STAGE_SENT;
    call->bytes = NULL;
    memlane_function_count(function, MEMLANE_FUNCTION_COUNTER_CALLS, 1);
    return MEMLANE_OK;
}
