#include "function_handle.h"

#include "failure.h"
#include "fork.h"
#include "kinds.h"
#include "mutant.h"
#include "participant.h"
#include "statistics.h"
#include "wait.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_NS = 40000000, /* a death shows at the end of a chunk, within 60 ms on a busy machine too */
    CLAIM_CHUNK_NS = 1000000,
    END_TRIES = 64 /* each failure is a server's move */
};

enum stage { BEGUN = 1, SENT = 2, OVER = 3 };

static void adopt(struct memlane_segment *segment);

const struct memlane_kind memlane_kind_of_functions = {
    .code = MEMLANE_KIND_FUNCTION,
    .body_size = memlane_lanes_body_size,
    .fixed_size = memlane_lanes_fixed_size,
    .clean = memlane_lanes_clean,
    .inherit = memlane_endpoint_inherit_nothing, /* D11: lane and roles stay with the parent */
    .adopt = adopt,
    .next_view = memlane_endpoint_no_view,
};

static void count(const memlane_function *function, enum memlane_function_counter counter, uint64_t amount) {
    memlane_statistics_add(&function->endpoint.segment, (enum memlane_counter)counter, amount);
}

static const char *name_of(const memlane_function *function) {
    return function->endpoint.segment.name.text;
}

/* -- opening --------------------------------------------------------------------------------------------------- */

void memlane_function_options_initialise(memlane_function_options *options) {
    *options = (memlane_function_options){
        .max_arguments = MEMLANE_ANY, .max_result = MEMLANE_ANY, .lanes = MEMLANE_ANY, .slots = MEMLANE_ANY};
    memlane_object_options_initialise(&options->object);
}

static struct memlane_signature signature_of(const memlane_function_options *options) {
    return (struct memlane_signature){.arguments = options->arguments_format, .result = options->result_format};
}

static memlane_status agree(const struct memlane_request *request, const struct memlane_header *found,
                            const void *schema, memlane_error *error) {
    const memlane_function_options *options = request->argument;
    /* Before the sizes, of which it says more. */
    memlane_status status = memlane_signature_agree(request, signature_of(options), found, schema, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    const struct memlane_term terms[] = {
        {"max_sz_args", options->max_arguments, found->geometry[MEMLANE_FUNCTION_ARGUMENTS], MEMLANE_SIZE_MISMATCH},
        {"max_sz_ret", options->max_result, found->geometry[MEMLANE_FUNCTION_RESULT], MEMLANE_SIZE_MISMATCH},
        {"lanes", options->lanes, found->geometry[MEMLANE_FUNCTION_LANES], MEMLANE_SIZE_MISMATCH},
        {"slots", options->slots, found->geometry[MEMLANE_FUNCTION_SLOTS], MEMLANE_SIZE_MISMATCH},
    };
    return memlane_endpoint_agree(request, &options->object, found, terms, sizeof terms / sizeof *terms, error);
}

struct limit {
    const char *what;
    uint64_t wanted, lowest, highest;
};

static memlane_status check_limits(const struct limit *limits, size_t number, const char *name, memlane_error *error) {
    for (size_t i = 0; i < number; i++) {
        if (limits[i].wanted < limits[i].lowest || limits[i].wanted > limits[i].highest) {
            return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                                "function '%s': %s=%" PRIu64 " is not between %" PRIu64 " and %" PRIu64, name,
                                limits[i].what, limits[i].wanted, limits[i].lowest, limits[i].highest);
        }
    }
    return MEMLANE_OK;
}

static memlane_status check_format(const memlane_format *format, const char *what, uint64_t wanted, const char *name,
                                   memlane_error *error) {
    if (format == NULL || wanted == MEMLANE_ANY || wanted == memlane_format_size(format)) {
        return MEMLANE_OK;
    }
    return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                        "function '%s': %s=%" PRIu64 " was asked for, and a format whose struct takes %" PRIu64
                        " bytes: leave %s out",
                        name, what, wanted, memlane_format_size(format), what);
}

static memlane_status check_formats(const memlane_function_options *options, const char *name, memlane_error *error) {
    memlane_status status = check_format(options->arguments_format, "max_sz_args", options->max_arguments, name, error);
    return status == MEMLANE_OK ? check_format(options->result_format, "max_sz_ret", options->max_result, name, error)
                                : status;
}

static uint64_t room_for(uint64_t wanted, const memlane_format *format, uint64_t usual) {
    return memlane_given_or(wanted, format == NULL ? usual : memlane_format_size(format));
}

static memlane_status make_request(struct memlane_request *request, const char *name, size_t length,
                                   const memlane_function_options *options, memlane_error *error) {
    memlane_status status = memlane_endpoint_request(request, &memlane_kind_of_functions, name, length,
                                                     &options->object, MEMLANE_DEFAULT_PARTICIPANTS, error);
    const struct limit limits[] = {
        {"max_sz_args", room_for(options->max_arguments, options->arguments_format, MEMLANE_DEFAULT_MAX_ARGUMENTS), 1,
         MEMLANE_CAPACITY_MAXIMUM},
        {"max_sz_ret", room_for(options->max_result, options->result_format, MEMLANE_DEFAULT_MAX_RESULT), 0,
         MEMLANE_CAPACITY_MAXIMUM},
        {"lanes", memlane_given_or(options->lanes, MEMLANE_DEFAULT_LANES), 1, MEMLANE_LANES_MAXIMUM},
        {"slots", memlane_given_or(options->slots, MEMLANE_DEFAULT_CALL_SLOTS), 1, MEMLANE_CALL_SLOTS_MAXIMUM},
    };
    if (status == MEMLANE_OK) {
        status = check_formats(options, request->name.text, error);
    }
    if (status == MEMLANE_OK) {
        status = check_limits(limits, sizeof limits / sizeof *limits, request->name.text, error);
    }
    if (status == MEMLANE_OK) {
        status = memlane_signature_encode(request, signature_of(options), error);
    }
    request->geometry[MEMLANE_FUNCTION_ARGUMENTS] = limits[0].wanted;
    request->geometry[MEMLANE_FUNCTION_RESULT] = limits[1].wanted;
    request->geometry[MEMLANE_FUNCTION_LANES] = limits[2].wanted;
    request->geometry[MEMLANE_FUNCTION_SLOTS] = limits[3].wanted;
    request->agree = agree;
    request->argument = (void *)(uintptr_t)options;
    return status;
}

static memlane_function *function_of(struct memlane_endpoint *endpoint) {
    return (memlane_function *)(void *)endpoint;
}

static void rouse(struct memlane_endpoint *endpoint) {
    struct memlane_lanes *lanes = &function_of(endpoint)->lanes;
    uint32_t lane = memlane_load32_acquire(&function_of(endpoint)->lane);
    memlane_wait_notify(&lanes->control->bell);
    if (lane != 0) {
        memlane_wait_notify(&lanes->lane[lane - 1].bell);
    }
}

static void unbind(struct memlane_endpoint *endpoint) {
    free(function_of(endpoint)->desk);
}

static memlane_status open_requested(memlane_function **function, const struct memlane_request *request,
                                     memlane_error *error) {
    struct memlane_endpoint *made;
    memlane_status status = memlane_endpoint_open(&made, sizeof(memlane_function), request, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_function *opened = function_of(made);
    memlane_lanes_locate(&opened->lanes, &opened->endpoint.segment);
    opened->endpoint.rouse = rouse;
    opened->endpoint.unbind = unbind;
    opened->desk = calloc(opened->lanes.slots, sizeof *opened->desk);
    status = opened->desk != NULL
                 ? memlane_signature_decode(&opened->endpoint.segment, &opened->endpoint.format,
                                            &opened->endpoint.result_format, error)
                 : memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for an endpoint of '%s'", request->name.text);
    if (status != MEMLANE_OK) {
        memlane_function_free(opened);
        return status;
    }
    memlane_fork_hold(); /* a fork sees the owner with its desk, or no owner */
    opened->endpoint.segment.owner = opened;
    memlane_fork_release();
    *function = opened;
    return MEMLANE_OK;
}

memlane_status memlane_function_open(memlane_function **function, const char *name, size_t length,
                                     const memlane_function_options *options, memlane_error *error) {
    struct memlane_request request;
    memlane_status status = make_request(&request, name, length, options, error);
    if (status == MEMLANE_OK) {
        status = open_requested(function, &request, error);
        free((void *)(uintptr_t)request.schema); /* the object has a copy */
    }
    return status;
}

void memlane_function_close(memlane_function *function) {
    memlane_endpoint_close(&function->endpoint);
}

void memlane_function_free(memlane_function *function) {
    memlane_endpoint_free(function == NULL ? NULL : &function->endpoint);
}

/* The child calls for itself when it first calls, and serves nobody. */
static void adopt(struct memlane_segment *segment) {
    memlane_function *function = segment->owner;
    if (function == NULL) {
        return; /* opened by a thread that the child will not have */
    }
    memlane_store32_relaxed(&function->lane, 0); /* relaxed, as all here: the child has one thread */
    memlane_store32_relaxed(&function->claiming, 0);
    memlane_store32_relaxed(&function->servers, 0);
    memlane_store32_relaxed(&function->waiting, 0);
    for (uint32_t slot = 0; slot < function->lanes.slots; slot++) {
        memlane_store32_relaxed(&function->desk[slot].busy, 0);
    }
}

/* -- polling ----------------------------------------------------------------------------------------------------- */

static bool can_begin(const memlane_function *function, uint32_t slot, uint64_t word, bool ask) {
    /* relaxed, both: whoever gives a slot back, and whoever expects one, looks again. */
    return memlane_load32_relaxed(&function->expects) != 0 && memlane_load32_relaxed(&function->desk[slot].busy) == 0 &&
           (memlane_call_state(word) == MEMLANE_CALL_FREE || memlane_call_is_over(&function->lanes, word, ask));
}

/* Of a caller: a call of this endpoint that was not ended is over. */
static bool has_response(struct memlane_endpoint *endpoint, bool thorough) {
    const memlane_function *function = function_of(endpoint);
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

memlane_endpoint *memlane_function_endpoint(memlane_function *function) {
    return &function->endpoint;
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

/* -- serving, as callers see it -------------------------------------------------------------------------------- */

static bool is_served(const memlane_function *function) {
    const struct memlane_lanes *lanes = &function->lanes;
    for (uint32_t index = 0; index < lanes->participants; index++) {
        uint32_t tag = memlane_load32_acquire(&lanes->server[index].tag); /* acquire: nothing is read behind it */
        if (tag != 0 && memlane_participant_verdict_of_tag(lanes->segment, tag) == MEMLANE_ALIVE) {
            return true;
        }
    }
    return false;
}

bool memlane_function_is_served(memlane_function *function) {
    if (memlane_endpoint_enter(&function->endpoint, NULL) != MEMLANE_OK) {
        return false;
    }
    bool served = is_served(function);
    memlane_endpoint_leave(&function->endpoint);
    return served;
}

static void announce(memlane_function *function, uint32_t tag) {
    memlane_store32_release(&function->lanes.server[function->endpoint.segment.index].tag, tag);
}

void memlane_function_serve(memlane_function *function) {
    if (memlane_add32_seq_cst(&function->servers, 1) == 0) {
        announce(function, function->endpoint.segment.tag);
        memlane_lanes_recover(&function->lanes);
    }
}

void memlane_function_retire(memlane_function *function) {
    if (memlane_add32_seq_cst(&function->servers, UINT32_MAX) == 1) {
        announce(function, 0);
    }
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

struct census {
    uint32_t busy, waiting, executing;
};

static struct census take_census(const memlane_function *function, uint32_t lane) {
    struct census census = {0};
    for (uint32_t i = 0; i < function->lanes.slots; i++) {
        /* relaxed, as the next: for display */
        uint64_t word = memlane_load_relaxed(&memlane_lanes_slot(&function->lanes, lane, i)->state);
        uint32_t state = memlane_call_state(word);
        census.busy += memlane_load32_relaxed(&function->desk[i].busy) != 0;
        census.waiting += state == MEMLANE_CALL_POSTED;
        census.executing += state == MEMLANE_CALL_TAKEN || state == MEMLANE_CALL_ABANDONED;
    }
    return census;
}

static memlane_status explain_no_slot(const memlane_function *function, uint32_t lane, memlane_error *error) {
    struct census census = take_census(function, lane);
    return memlane_fail(error, MEMLANE_NO_FREE_SLOT,
                        "function '%s': this caller has as many calls outstanding as it may (slots=%" PRIu32
                        "; %" PRIu32 " wait for a server, %" PRIu32
                        " are being executed)%s: collect responses, start or add a "
                        "dispatcher, or remove it and create it with more slots=",
                        name_of(function), function->lanes.slots, census.waiting, census.executing,
                        census.waiting > 0 && !is_served(function) ? " and nobody serves it" : "");
}

static memlane_status explain_wait(memlane_function *function, memlane_status status, memlane_error *error) {
    switch (status) {
    case MEMLANE_CLOSED:
        return memlane_endpoint_explain_closed(&function->endpoint, error);
    case MEMLANE_INTERRUPTED:
        return memlane_fail(error, status, "function '%s': a signal ended the wait", name_of(function));
    default:
        return status;
    }
}

static uint64_t end_of_chunk(uint64_t deadline_ns) {
    uint64_t end = memlane_platform_monotonic_ns() + CHUNK_NS;
    return end < deadline_ns ? end : deadline_ns;
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
                                     end_of_chunk(deadline_ns), CHUNK_NS);
        if (status != MEMLANE_OK && status != MEMLANE_TIMEOUT) {
            return explain_wait(function, status, error);
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
        .stage = BEGUN,
    };
    memlane_endpoint_stay(&function->endpoint); /* the call is a user */
    return MEMLANE_OK;
}

/* -- the call, as its caller has it -------------------------------------------------------------------------------- */

/* The lane of the call; some lane where this endpoint has none any more: then is_ours() says so. */
static uint32_t lane_of(const memlane_call *call) {
    uint32_t lane = memlane_load32_acquire(&call->function->lane);
    return lane == 0 ? 0 : lane - 1;
}

static struct memlane_call_slot *slot_of(const memlane_call *call) {
    return memlane_lanes_slot(&call->function->lanes, lane_of(call), call->slot);
}

/* After a fork, and after a wrong verdict, the lane is another one, or none. */
static bool is_ours(const memlane_call *call) {
    const memlane_function *function = call->function;
    return call->tag == function->endpoint.segment.tag &&
           memlane_lane_is_ours(&function->lanes, memlane_load32_acquire(&function->lane) - 1);
}

static memlane_status explain_lost(const memlane_function *function, memlane_error *error) {
    return memlane_fail(error, MEMLANE_OWNERSHIP_LOST,
                        "function '%s': this call is not this process's any more (it was made before a fork, or the "
                        "process had been taken for dead): call again",
                        name_of(function));
}

memlane_status memlane_function_explain_format(const memlane_function *function, const char *what,
                                               const memlane_format *format, uint64_t size, uint32_t type,
                                               memlane_error *error) {
    return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                        "function '%s': its %s have a format: %" PRIu64 " bytes of type mark %" PRIu32
                        " were given, they are the %" PRIu64 " bytes of its struct, of type mark %d",
                        name_of(function), what, size, type, memlane_format_size(format), MEMLANE_TYPE_STRUCT);
}

memlane_status memlane_call_post(memlane_call *call, uint64_t size, uint32_t type, memlane_error *error) {
    memlane_function *function = call->function;
    if (size > call->capacity) {
        return memlane_fail(error, MEMLANE_VALUE_TOO_LARGE,
                            "function '%s': the arguments take %" PRIu64 " bytes, at most max_sz_args=%" PRIu64
                            " fit: send less, or remove it and create it with a larger max_sz_args=",
                            name_of(function), size, call->capacity);
    }
    if (!memlane_function_fits(function->endpoint.format, size, type)) {
        return memlane_function_explain_format(function, "arguments", function->endpoint.format, size, type, error);
    }
    uint64_t word = is_ours(call) ? memlane_load_acquire(&slot_of(call)->state) : 0; /* F2 */
    if (!is_ours(call) || memlane_call_state(word) != MEMLANE_CALL_FREE) {
        return explain_lost(function, error);
    }
    call->posted_ns = memlane_platform_monotonic_ns();
    call->sequence = memlane_call_sequence(word) + 1;
    uint64_t order = memlane_add_relaxed(&function->order, 1); /* relaxed: a number, for this lane alone */
    if (!memlane_call_send(&function->lanes, slot_of(call), word, order,
                           memlane_payload_word(size, type & MEMLANE_TYPE_MASK), call->posted_ns)) {
        return explain_lost(function, error);
    }
    call->stage = SENT;
    call->bytes = NULL;
    count(function, MEMLANE_FUNCTION_COUNTER_CALLS, 1);
    return MEMLANE_OK;
}

static memlane_status take_answer(const memlane_call *call, memlane_answer *answer, memlane_error *error) {
    const struct memlane_lanes *lanes = &call->function->lanes;
    uint64_t payload = memlane_load_relaxed(&slot_of(call)->response); /* relaxed: after A2 */
    uint32_t type = (uint32_t)(payload & 0xffffff);
    bool failed = (type & MEMLANE_TYPE_FAILED) != 0;
    uint64_t size = payload >> 24;
    if (size > (failed ? lanes->failure_capacity : lanes->result_capacity) ||
        (!failed && !memlane_function_fits(call->function->endpoint.result_format, size, type))) {
        return memlane_fail(error, MEMLANE_CORRUPTED,
                            "function '%s': the words of a response contradict the object: another program overwrote "
                            "them; end the programs that use it, remove it with memlane.unlink(), and open it anew",
                            name_of(call->function));
    }
    *answer = (memlane_answer){
        .bytes = memlane_lanes_response(lanes, lane_of(call), call->slot),
        .size = size,
        .type = type & MEMLANE_TYPE_MASK,
        .failed = failed,
    };
    return MEMLANE_OK;
}

static memlane_status explain_death(const memlane_call *call, uint64_t word, memlane_error *error) {
    char who[MEMLANE_DESCRIPTION_SIZE];
    memlane_participant_describe(call->function->lanes.segment, memlane_tag_index(memlane_call_tag(word)), who);
    return memlane_fail(
        error, MEMLANE_PEER_DIED,
        "function '%s': its server (%s) died while it executed this call: it may have been executed, in "
        "whole or in part, and will not be again; call again only if that does no harm",
        name_of(call->function), who);
}

static memlane_status explain_refusal(const memlane_call *call, memlane_error *error) {
    /* acquire: pairs with the store before the swap that made it FREE */
    switch (memlane_load32_acquire(&call->function->desk[call->slot].refused)) {
    case MEMLANE_NO_SERVER:
        return memlane_fail(error, MEMLANE_NO_SERVER,
                            "function '%s': nobody serves it and fail_fast was asked for: the call was taken back and "
                            "will not be executed; start the program that serves it",
                            name_of(call->function));
    case MEMLANE_CANCELLED:
        return memlane_fail(error, MEMLANE_CANCELLED,
                            "function '%s': this call was cancelled before anybody had begun it",
                            name_of(call->function));
    default:
        return explain_lost(call->function, error);
    }
}

/* The reason is stored before the slot looks FREE, and taken back where it does not become so. */
static bool withdraw(memlane_call *call, memlane_status reason) {
    memlane_atomic32 *refused = &call->function->desk[call->slot].refused;
    if (!memlane_cas32_seq_cst(refused, 0, (uint32_t)reason)) {
        return false; /* another thread is at it */
    }
    if (memlane_call_withdraw(slot_of(call), call->sequence)) {
        count(call->function, MEMLANE_FUNCTION_COUNTER_WITHDRAWN, 1);
        return true;
    }
    memlane_store32_release(refused, 0);
    return false;
}

memlane_status memlane_function_look(memlane_call *call, bool ask, memlane_answer *answer, memlane_error *error) {
    uint64_t word = 0;
    if (!is_ours(call)) {
        return explain_lost(call->function, error);
    }
    memlane_status status = memlane_call_look(&call->function->lanes, slot_of(call), call->sequence, ask, &word);
    if (status == MEMLANE_TIMEOUT && ask && call->fail_fast && memlane_call_state(word) == MEMLANE_CALL_POSTED &&
        !is_served(call->function)) {
        status = withdraw(call, MEMLANE_NO_SERVER) ? MEMLANE_CANCELLED : MEMLANE_TIMEOUT;
    }
    switch (status) {
    case MEMLANE_OK:
        return take_answer(call, answer, error);
    case MEMLANE_TIMEOUT:
        return status;
    case MEMLANE_PEER_DIED:
        return explain_death(call, word, error);
    case MEMLANE_CANCELLED:
        return explain_refusal(call, error);
    case MEMLANE_OWNERSHIP_LOST:
        return explain_lost(call->function, error);
    default:
        return memlane_fail(error, MEMLANE_CORRUPTED,
                            "function '%s': the words of a call contradict each other: another program overwrote them; "
                            "end the programs that use it, remove it with memlane.unlink(), and open it anew",
                            name_of(call->function));
    }
}

memlane_atomic64 *memlane_function_answers(const memlane_call *call) {
    return &call->function->lanes.lane[lane_of(call)].answers;
}

memlane_atomic32 *memlane_function_bell(const memlane_call *call) {
    return &call->function->lanes.lane[lane_of(call)].bell;
}

/* -- waiting for the answer -------------------------------------------------------------------------------------- */

static memlane_status watch(memlane_call *call, uint64_t duration_ns, memlane_answer *answer, memlane_error *error) {
    uint64_t end = 0;
    for (;;) {
        for (uint32_t look = 0; look < MEMLANE_LOOKS_BETWEEN_CLOCKS; look++) {
            memlane_status status = memlane_function_look(call, false, answer, error);
            if (status != MEMLANE_TIMEOUT) {
                return status;
            }
            memlane_platform_relax();
        }
        uint64_t now = memlane_platform_monotonic_ns();
        end = end == 0 ? now + duration_ns : end;
        if (now >= end) {
            return MEMLANE_TIMEOUT;
        }
    }
}

static memlane_status check_posted(const memlane_call *call, memlane_error *error) {
    return call->stage == SENT ? MEMLANE_OK
                               : memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                                              "function '%s': this call was not posted: post it before waiting for it",
                                              name_of(call->function));
}

memlane_status memlane_call_poll(memlane_call *call, uint64_t duration_ns, memlane_answer *answer,
                                 memlane_error *error) {
    memlane_status status = check_posted(call, error);
    if (status == MEMLANE_OK) {
        status = watch(call, memlane_patience_glance(&call->function->patience, duration_ns), answer, error);
    }
    if (memlane_segment_is_lost(&call->function->endpoint.segment)) {
        memlane_segment_explain_loss(&call->function->endpoint.segment, error);
        status = MEMLANE_CORRUPTED;
    }
    return status;
}

static memlane_status explain_timeout(const memlane_call *call, memlane_error *error) {
    uint64_t word = memlane_load_relaxed(&slot_of(call)->state); /* relaxed: for display */
    bool waits = memlane_call_state(word) == MEMLANE_CALL_POSTED;
    return memlane_fail(error, MEMLANE_TIMEOUT, "function '%s': no response came in time: %s", name_of(call->function),
                        !waits ? "a server is still executing the call"
                        : is_served(call->function)
                            ? "its servers are busy with other calls, and have not begun this one"
                            : "nobody serves it");
}

static memlane_status sleep_for_answer(memlane_call *call, uint64_t deadline_ns, memlane_answer *answer,
                                       memlane_error *error) {
    for (;;) {
        uint64_t seen = memlane_load_seq_cst(memlane_function_answers(call));
        memlane_status status = memlane_function_look(call, true, answer, error);
        if (status != MEMLANE_TIMEOUT) {
            return status;
        }
        if (memlane_platform_monotonic_ns() >= deadline_ns) {
            return explain_timeout(call, error);
        }
        status = memlane_wait_change(&call->function->endpoint.segment, memlane_function_answers(call),
                                     memlane_function_bell(call), seen, end_of_chunk(deadline_ns), CHUNK_NS);
        if (status != MEMLANE_OK && status != MEMLANE_TIMEOUT) {
            return explain_wait(call->function, status, error);
        }
    }
}

static memlane_status wait_for_answer(memlane_call *call, uint64_t deadline_ns, memlane_answer *answer,
                                      memlane_error *error) {
    struct memlane_patience *patience = &call->function->patience;
    uint64_t budget = deadline_ns == 0 ? 0 : memlane_patience_budget(patience, memlane_platform_monotonic_ns());
    memlane_status status = budget > 0 ? watch(call, budget, answer, error) : MEMLANE_TIMEOUT;
    if (deadline_ns != 0) {
        memlane_patience_learn(patience, status != MEMLANE_TIMEOUT);
    }
    return status == MEMLANE_TIMEOUT ? sleep_for_answer(call, deadline_ns, answer, error) : status;
}

memlane_status memlane_call_wait(memlane_call *call, uint64_t deadline_ns, memlane_answer *answer,
                                 memlane_error *error) {
    memlane_function *function = call->function;
    memlane_status status = check_posted(call, error);
    if (status == MEMLANE_OK) {
        status = memlane_endpoint_enter(&function->endpoint, error); /* another thread may end the call meanwhile */
    }
    if (status != MEMLANE_OK) {
        return status;
    }
    status = wait_for_answer(call, deadline_ns, answer, error);
    memlane_watch_settle(&function->endpoint.watch); /* another thread ended what made the endpoint ready */
    return memlane_endpoint_finish(&function->endpoint, status, error);
}

/* -- the end of a call -------------------------------------------------------------------------------------------- */

bool memlane_call_cancel(memlane_call *call) {
    if (call->stage != SENT || !is_ours(call) || !withdraw(call, MEMLANE_CANCELLED)) {
        return false;
    }
    memlane_lane_tell(&call->function->lanes, lane_of(call));
    return true;
}

/* What becomes of a slot whose caller goes, and what is known of the call then. */
static uint32_t parting(const memlane_call *call, uint64_t word, memlane_execution *known) {
    switch (memlane_call_state(word)) {
    case MEMLANE_CALL_POSTED:
        *known = MEMLANE_NOT_EXECUTED;
        return MEMLANE_CALL_FREE;
    case MEMLANE_CALL_DONE:
        *known = MEMLANE_EXECUTED;
        return MEMLANE_CALL_FREE;
    case MEMLANE_CALL_TAKEN:
        *known = MEMLANE_MAYBE_EXECUTED;
        return MEMLANE_MUTANT(TIMEOUT_FREES_TAKEN) ||
                       memlane_participant_verdict_of_tag(call->function->lanes.segment, memlane_call_tag(word)) ==
                           MEMLANE_DEAD
                   ? MEMLANE_CALL_FREE
                   : MEMLANE_CALL_ABANDONED;
    default: /* ORPHANED, or damaged */
        *known = MEMLANE_MAYBE_EXECUTED;
        return MEMLANE_CALL_FREE;
    }
}

static void count_end(const memlane_call *call, uint32_t state, uint32_t next) {
    if (state == MEMLANE_CALL_POSTED) {
        count(call->function, MEMLANE_FUNCTION_COUNTER_WITHDRAWN, 1);
    } else if (next == MEMLANE_CALL_ABANDONED) {
        count(call->function, MEMLANE_FUNCTION_COUNTER_ABANDONED, 1);
    } else if (state != MEMLANE_CALL_DONE) {
        count(call->function, MEMLANE_FUNCTION_COUNTER_ORPHANED, 1);
    }
}

static memlane_execution part(const memlane_call *call) {
    struct memlane_call_slot *slot = slot_of(call);
    memlane_execution known = MEMLANE_MAYBE_EXECUTED;
    for (uint32_t try = 0; try < END_TRIES; try++) {
        uint64_t word = memlane_load_acquire(&slot->state); /* A2 */
        uint32_t state = memlane_call_state(word);
        if (memlane_call_sequence(word) != call->sequence || state == MEMLANE_CALL_ABANDONED) {
            return MEMLANE_MAYBE_EXECUTED; /* by who took us for dead */
        }
        if (state == MEMLANE_CALL_FREE) { /* by ourselves, or by who took us for dead */
            return memlane_load32_acquire(&call->function->desk[call->slot].refused) != 0 ? MEMLANE_NOT_EXECUTED
                                                                                          : MEMLANE_MAYBE_EXECUTED;
        }
        uint32_t next = parting(call, word, &known);
        uint32_t tag = next == MEMLANE_CALL_ABANDONED ? memlane_call_tag(word) : 0;
        uint64_t moved = memlane_call_word(call->sequence, next, tag);
        /* relaxed: who sends next follows this thread (docs/design/memory-model.md, What needs no order) */
        if (memlane_cas_relaxed(&slot->state, word, moved)) {
            count_end(call, state, next);
            return known;
        }
    }
    return MEMLANE_MAYBE_EXECUTED;
}

static void let_go(memlane_call *call) {
    memlane_function *function = call->function;
    if (call->tag == function->endpoint.segment.tag) {
        memlane_exchange32_seq_cst(&function->desk[call->slot].busy, 0); /* seq_cst: before the load of `waiting` */
        if (memlane_load32_seq_cst(&function->waiting) != 0) {
            memlane_lane_tell(&function->lanes, lane_of(call));
        }
    }
    call->stage = OVER;
    memlane_watch_settle(&function->endpoint.watch);
    memlane_endpoint_release(&function->endpoint);
}

memlane_execution memlane_call_end(memlane_call *call) {
    memlane_execution known = MEMLANE_NOT_EXECUTED;
    if (call->stage == SENT) {
        known = is_ours(call) ? part(call) : MEMLANE_MAYBE_EXECUTED;
    }
    if (call->stage != OVER) {
        let_go(call);
    }
    return known;
}

void memlane_call_forget(memlane_call *call) {
    if (call->stage != OVER) {
        let_go(call);
    }
}

/* -- what it is and was ------------------------------------------------------------------------------------------ */

void memlane_function_describe(const memlane_function *function, memlane_function_properties *properties) {
    const struct memlane_header *header = &function->endpoint.segment.header;
    *properties = (memlane_function_properties){
        .max_arguments = header->geometry[MEMLANE_FUNCTION_ARGUMENTS],
        .max_result = header->geometry[MEMLANE_FUNCTION_RESULT],
        .lanes = header->geometry[MEMLANE_FUNCTION_LANES],
        .slots = header->geometry[MEMLANE_FUNCTION_SLOTS],
        .participants = header->participants_count,
        .ephemeral = (header->flags & MEMLANE_FLAG_EPHEMERAL) != 0,
        .name = function->endpoint.segment.name.text,
        .directory = function->endpoint.segment.directory,
        .arguments_format = function->endpoint.format,
        .result_format = function->endpoint.result_format,
    };
    memcpy(properties->uuid, header->uuid, sizeof properties->uuid);
}

static bool lives(const memlane_function *function, const memlane_atomic32 *word) {
    uint32_t tag = memlane_load32_relaxed(word); /* relaxed: for display */
    return tag != 0 && memlane_participant_verdict_of_tag(&function->endpoint.segment, tag) == MEMLANE_ALIVE;
}

static uint32_t count_live_callers(const memlane_function *function) {
    uint32_t used = memlane_lanes_used(&function->lanes), live = 0;
    for (uint32_t lane = 0; lane < used; lane++) {
        live += lives(function, &function->lanes.lane[lane].owner);
    }
    return live;
}

static uint32_t count_live_servers(const memlane_function *function) {
    uint32_t live = 0;
    for (uint32_t index = 0; index < function->lanes.participants; index++) {
        live += lives(function, &function->lanes.server[index].tag);
    }
    return live;
}

static void count_calls(const memlane_function *function, memlane_function_statistics *statistics) {
    uint32_t used = memlane_lanes_used(&function->lanes);
    for (uint32_t lane = 0; lane < used; lane++) {
        struct census census = take_census(function, lane);
        statistics->waiting += census.waiting;
        statistics->executing += census.executing;
    }
}

memlane_status memlane_function_statistics_read(memlane_function *function, memlane_function_statistics *statistics,
                                                memlane_error *error) {
    uint64_t sum[MEMLANE_COUNTERS];
    memlane_status status = memlane_endpoint_enter(&function->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_statistics_sum(&function->endpoint.segment, sum);
    *statistics = (memlane_function_statistics){
        .calls = sum[MEMLANE_FUNCTION_COUNTER_CALLS],
        .served = sum[MEMLANE_FUNCTION_COUNTER_SERVED],
        .errors = sum[MEMLANE_FUNCTION_COUNTER_ERRORS],
        .withdrawn = sum[MEMLANE_FUNCTION_COUNTER_WITHDRAWN],
        .abandoned = sum[MEMLANE_FUNCTION_COUNTER_ABANDONED],
        .orphaned = sum[MEMLANE_FUNCTION_COUNTER_ORPHANED],
        .dropped = sum[MEMLANE_FUNCTION_COUNTER_DROPPED],
        .latency_ns = sum[MEMLANE_FUNCTION_COUNTER_LATENCY_NS],
        .live_participants = memlane_participant_survey(&function->endpoint.segment, NULL, 0),
        .live_callers = count_live_callers(function),
        .live_servers = count_live_servers(function),
        .is_current = memlane_segment_is_current(&function->endpoint.segment),
    };
    count_calls(function, statistics);
    return memlane_endpoint_finish(&function->endpoint, MEMLANE_OK, error);
}

void memlane_function_count_dropped(memlane_function *function, uint64_t dropped) {
    if (memlane_endpoint_enter(&function->endpoint, NULL) == MEMLANE_OK) {
        count(function, MEMLANE_FUNCTION_COUNTER_DROPPED, dropped);
        memlane_endpoint_leave(&function->endpoint);
    }
}

memlane_status memlane_function_check(memlane_function *function, memlane_error *error) {
    memlane_status status = memlane_endpoint_enter(&function->endpoint, error);
    return status == MEMLANE_OK ? memlane_endpoint_finish(&function->endpoint, status, error) : status;
}

bool memlane_function_is_current(memlane_function *function) {
    return memlane_endpoint_is_current(&function->endpoint);
}

bool memlane_function_is_private(memlane_function *function) {
    return memlane_endpoint_is_private(&function->endpoint);
}
