#include "function_handle.h"

#include "failure.h"
#include "fork.h"
#include "kinds.h"
#include "participant.h"
#include "wait.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

static void rouse(struct memlane_endpoint *endpoint) {
    struct memlane_lanes *lanes = &memlane_function_of(endpoint)->lanes;
    uint32_t lane = memlane_load32_acquire(&memlane_function_of(endpoint)->lane);
    memlane_wait_notify(&lanes->control->bell);
    if (lane != 0) {
        memlane_wait_notify(&lanes->lane[lane - 1].bell);
    }
}

static void unbind(struct memlane_endpoint *endpoint) {
    free(memlane_function_of(endpoint)->desk);
}

static memlane_status open_requested(memlane_function **function, const struct memlane_request *request,
                                     memlane_error *error) {
    struct memlane_endpoint *made;
    memlane_status status = memlane_endpoint_open(&made, sizeof(memlane_function), request, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_function *opened = memlane_function_of(made);
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

memlane_endpoint *memlane_function_endpoint(memlane_function *function) {
    return &function->endpoint;
}

/* -- serving, as callers see it -------------------------------------------------------------------------------- */

bool memlane_function_has_server(const memlane_function *function) {
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
    bool served = memlane_function_has_server(function);
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

/* -- what it is and was ------------------------------------------------------------------------------------------ */

memlane_status memlane_function_explain_format(const memlane_function *function, const char *what,
                                               const memlane_format *format, uint64_t size, uint32_t type,
                                               memlane_error *error) {
    return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                        "function '%s': its %s have a format: %" PRIu64 " bytes of type mark %" PRIu32
                        " were given, they are the %" PRIu64 " bytes of its struct, of type mark %d",
                        memlane_function_name(function), what, size, type, memlane_format_size(format),
                        MEMLANE_TYPE_STRUCT);
}

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

struct memlane_census memlane_function_take_census(const memlane_function *function, uint32_t lane) {
    struct memlane_census census = {0};
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
        struct memlane_census census = memlane_function_take_census(function, lane);
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
        memlane_function_count(function, MEMLANE_FUNCTION_COUNTER_DROPPED, dropped);
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
