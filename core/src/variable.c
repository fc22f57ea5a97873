#include "variable_kind.h"

#include "custody.h"
#include "failure.h"
#include "header.h"
#include "kinds.h"
#include "participant.h"
#include "statistics.h"
#include "wait.h"

#include <inttypes.h>
#include <string.h>

enum { WAIT_CHUNK_NS = 50000000 }; /* bounds how late a waiter notices a killed writer's forgotten wake-up */

/* The tasks that waited stayed in the parent. */
static void adopt(struct memlane_segment *segment) {
    memlane_variable *variable = (memlane_variable *)(void *)segment;
    memlane_custody_adopt(segment);
    memlane_store_relaxed(&variable->expects, MEMLANE_ANY); /* relaxed: the child has one thread */
}

const struct memlane_variable_kind memlane_kind_of_variables = {
    .base =
        {
            .code = MEMLANE_KIND_VARIABLE,
            .body_size = memlane_register_body_size,
            .clean = memlane_custody_clean,
            .inherit = memlane_custody_inherit,
            .adopt = adopt,
            .next_view = memlane_custody_next_view,
        },
    .handle_size = sizeof(memlane_variable),
    .size_word = "max_size",
    .default_size = MEMLANE_DEFAULT_MAX_SIZE,
    .default_slots = MEMLANE_DEFAULT_SLOTS,
};

/* -- opening --------------------------------------------------------------------------------------------------- */

void memlane_variable_options_initialise(memlane_variable_options *options) {
    *options = (memlane_variable_options){.max_size = MEMLANE_ANY, .slots = MEMLANE_ANY, .encoding = MEMLANE_ANY};
    memlane_object_options_initialise(&options->object);
}

/* The kinds' callbacks get the part that all kinds have, which is the first one. */
static const struct memlane_variable_kind *kind_asked_for(const struct memlane_request *request) {
    return (const struct memlane_variable_kind *)(const void *)request->kind;
}

static memlane_status agree(const struct memlane_request *request, const struct memlane_header *found,
                            const void *schema, memlane_error *error) {
    const memlane_variable_options *options = request->argument;
    /* Before the sizes, of which it says more. */
    memlane_status status = memlane_endpoint_agree_on_format(request, options->format, found, schema, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    const struct memlane_variable_kind *kind = kind_asked_for(request);
    uint64_t size = found->geometry[MEMLANE_REGISTER_CAPACITY] - kind->headroom;
    const struct memlane_term terms[] = {
        {kind->size_word, options->max_size, size, MEMLANE_SIZE_MISMATCH},
        {"slots", options->slots, found->geometry[MEMLANE_REGISTER_SLOTS], MEMLANE_SIZE_MISMATCH},
        {"protocol", options->encoding, found->geometry[MEMLANE_REGISTER_ENCODING], MEMLANE_SCHEMA_MISMATCH},
    };
    return memlane_endpoint_agree(request, &options->object, found, terms, sizeof terms / sizeof *terms, error);
}

static memlane_status check_format(const memlane_variable_options *options, const char *name, memlane_error *error) {
    if (options->format == NULL || options->max_size == MEMLANE_ANY ||
        options->max_size == memlane_format_size(options->format)) {
        return MEMLANE_OK;
    }
    return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                        "variable '%s': max_size=%" PRIu64 " was asked for, and a format whose struct takes %" PRIu64
                        " bytes: leave max_size out",
                        name, options->max_size, memlane_format_size(options->format));
}

static memlane_status check_sizes(const struct memlane_variable_kind *kind, const char *name, uint64_t size,
                                  uint64_t slots, memlane_error *error) {
    uint64_t largest = MEMLANE_CAPACITY_MAXIMUM - kind->headroom;
    if (size < 1 || size > largest) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "%s '%s': %s=%" PRIu64 " is not between 1 and %" PRIu64 " bytes",
                            memlane_kind_name(kind->base.code), name, kind->size_word, size, largest);
    }
    if (slots < MEMLANE_SLOTS_MINIMUM || slots > MEMLANE_SLOTS_MAXIMUM) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT, "%s '%s': slots=%" PRIu64 " is not between %d and %d",
                            memlane_kind_name(kind->base.code), name, slots, MEMLANE_SLOTS_MINIMUM,
                            MEMLANE_SLOTS_MAXIMUM);
    }
    return MEMLANE_OK;
}

static memlane_status make_request(struct memlane_request *request, const struct memlane_variable_kind *kind,
                                   const char *name, size_t length, const memlane_variable_options *options,
                                   memlane_error *error) {
    uint64_t usual_size = options->format != NULL ? memlane_format_size(options->format) : kind->default_size;
    uint64_t size = memlane_given_or(options->max_size, usual_size);
    uint64_t slots = memlane_given_or(options->slots, kind->default_slots);
    memlane_status status = memlane_endpoint_request(request, &kind->base, name, length, &options->object,
                                                     MEMLANE_DEFAULT_PARTICIPANTS, error);
    if (status == MEMLANE_OK) {
        status = check_format(options, request->name.text, error);
    }
    if (status == MEMLANE_OK) {
        status = check_sizes(kind, request->name.text, size, slots, error);
    }
    if (options->format != NULL) {
        request->schema = options->format->schema;
        request->schema_length = options->format->schema_length;
    }
    memlane_register_shape(request->geometry, slots, size + kind->headroom);
    request->geometry[MEMLANE_REGISTER_ENCODING] = memlane_given_or(options->encoding, MEMLANE_DEFAULT_ENCODING);
    request->agree = agree;
    request->argument = (void *)(uintptr_t)options;
    return status;
}

static memlane_variable *variable_of(struct memlane_endpoint *endpoint) {
    return (memlane_variable *)(void *)endpoint;
}

static void rouse(struct memlane_endpoint *endpoint) {
    memlane_wait_notify(&variable_of(endpoint)->reg.control->bell);
}

static void unbind(struct memlane_endpoint *endpoint) {
    memlane_register_unbind(&variable_of(endpoint)->reg);
}

static bool is_ready(struct memlane_endpoint *endpoint, bool thorough) {
    memlane_variable *variable = variable_of(endpoint);
    (void)thorough; /* nobody's death makes a variable ready */
    /* relaxed, both: a version that was seen by another thread a moment ago is reported once more, and whoever changes
     * what is expected looks again. */
    uint64_t expects = memlane_load_relaxed(&variable->expects);
    uint64_t known = expects != MEMLANE_ANY ? expects : memlane_load_relaxed(&variable->seen);
    return memlane_version_is_newer(memlane_register_version(&variable->reg), known);
}

memlane_endpoint *memlane_variable_endpoint(memlane_variable *variable) {
    return &variable->endpoint;
}

void memlane_variable_expect(memlane_variable *variable, uint64_t version) {
    if (memlane_endpoint_enter(&variable->endpoint, NULL) == MEMLANE_OK) {
        memlane_store_relaxed(&variable->expects, version); /* relaxed: the mutex of the watch orders it */
        memlane_watch_look_again(&variable->endpoint.watch);
        memlane_endpoint_leave(&variable->endpoint);
    }
}

memlane_status memlane_variable_open_kind(memlane_variable **variable, const struct memlane_variable_kind *kind,
                                          const char *name, size_t length, const memlane_variable_options *options,
                                          memlane_error *error) {
    struct memlane_request request;
    memlane_status status = make_request(&request, kind, name, length, options, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    struct memlane_endpoint *made;
    status = memlane_endpoint_open(&made, kind->handle_size, &request, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_variable *opened = variable_of(made);
    opened->kind = kind;
    status = memlane_register_bind(&opened->reg, &opened->endpoint.segment, error);
    opened->endpoint.rouse = rouse;
    opened->endpoint.unbind = unbind;
    if (status == MEMLANE_OK) {
        status = memlane_endpoint_keep_format(&opened->endpoint, opened->reg.capacity, error);
    }
    if (status != MEMLANE_OK) {
        memlane_variable_free(opened);
        return status;
    }
    memlane_store_relaxed(&opened->expects, MEMLANE_ANY); /* relaxed: nobody else knows the endpoint yet */
    memlane_endpoint_make_pollable(&opened->endpoint, is_ready, &opened->reg.control->bell, NULL);
    *variable = opened;
    return MEMLANE_OK;
}

memlane_status memlane_variable_open(memlane_variable **variable, const char *name, size_t length,
                                     const memlane_variable_options *options, memlane_error *error) {
    return memlane_variable_open_kind(variable, &memlane_kind_of_variables, name, length, options, error);
}

/* -- closing --------------------------------------------------------------------------------------------------- */

void memlane_variable_hold(memlane_variable *variable) {
    memlane_endpoint_hold(&variable->endpoint);
}

void memlane_variable_release(memlane_variable *variable) {
    memlane_endpoint_release(&variable->endpoint);
}

void memlane_variable_close(memlane_variable *variable) {
    memlane_endpoint_close(&variable->endpoint);
}

void memlane_variable_free(memlane_variable *variable) {
    memlane_endpoint_free(variable == NULL ? NULL : &variable->endpoint);
}

memlane_status memlane_variable_explain_damage(const memlane_variable *variable, memlane_error *error) {
    return memlane_fail(
        error, MEMLANE_CORRUPTED,
        "%s '%s': its shared words contradict each other: another program overwrote them; end the programs "
        "that use it, remove it with memlane.unlink(), and open it anew",
        memlane_variable_kind_name(variable), variable->endpoint.segment.name.text);
}

/* -- waiting --------------------------------------------------------------------------------------------------- */

static memlane_status wait_newer(memlane_variable *variable, uint64_t version, uint64_t deadline_ns, uint64_t *newest) {
    memlane_atomic64 *word = &variable->reg.control->latest;
    for (;;) {
        uint64_t seen = memlane_load_acquire(word); /* P2: as any reader */
        *newest = memlane_word_version(seen);
        if (memlane_version_is_newer(*newest, version) || memlane_segment_is_lost(&variable->endpoint.segment)) {
            return MEMLANE_OK;
        }
        memlane_status status =
            memlane_wait_change_patiently(&variable->endpoint.segment, word, &variable->reg.control->bell, seen,
                                          deadline_ns, WAIT_CHUNK_NS, &variable->patience);
        if (status != MEMLANE_OK) {
            return status;
        }
    }
}

static memlane_status explain_wait(const memlane_variable *variable, memlane_status status, uint64_t version,
                                   memlane_error *error) {
    switch (status) {
    case MEMLANE_TIMEOUT:
        return memlane_fail(error, status, "%s '%s': no version newer than %" PRIu64 " was written in time",
                            memlane_variable_kind_name(variable), variable->endpoint.segment.name.text, version);
    case MEMLANE_INTERRUPTED:
        return memlane_fail(error, status, "%s '%s': a signal ended the wait", memlane_variable_kind_name(variable),
                            variable->endpoint.segment.name.text);
    case MEMLANE_CLOSED:
        return memlane_endpoint_explain_closed(&variable->endpoint, error);
    default:
        return status;
    }
}

memlane_status memlane_variable_wait(memlane_variable *variable, uint64_t version, uint64_t deadline_ns,
                                     uint64_t *newest, memlane_error *error) {
    memlane_status status = memlane_endpoint_enter(&variable->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = wait_newer(variable, version, deadline_ns, newest);
    if (status == MEMLANE_TIMEOUT) {
        memlane_watch_settle(&variable->endpoint.watch); /* a loop that polls must not come again for nothing */
    }
    status = explain_wait(variable, status, version, error);
    return memlane_endpoint_finish(&variable->endpoint, status, error);
}

memlane_status memlane_variable_version(memlane_variable *variable, uint64_t *version) {
    memlane_status status = memlane_endpoint_enter(&variable->endpoint, NULL);
    if (status != MEMLANE_OK) {
        return status;
    }
    *version = memlane_register_version(&variable->reg);
    return memlane_endpoint_finish(&variable->endpoint, MEMLANE_OK, NULL);
}

/* -- what it is and was ------------------------------------------------------------------------------------------ */

void memlane_variable_count_skipped(memlane_variable *variable, uint64_t skipped) {
    if (memlane_endpoint_enter(&variable->endpoint, NULL) == MEMLANE_OK) {
        memlane_statistics_add(&variable->endpoint.segment, MEMLANE_COUNTER_SKIPPED, skipped);
        memlane_endpoint_leave(&variable->endpoint);
    }
}

void memlane_variable_describe(const memlane_variable *variable, memlane_variable_properties *properties) {
    const struct memlane_header *header = &variable->endpoint.segment.header;
    *properties = (memlane_variable_properties){
        .max_size = header->geometry[MEMLANE_REGISTER_CAPACITY] - variable->kind->headroom,
        .slots = header->geometry[MEMLANE_REGISTER_SLOTS],
        .participants = header->participants_count,
        .encoding = header->geometry[MEMLANE_REGISTER_ENCODING],
        .ephemeral = (header->flags & MEMLANE_FLAG_EPHEMERAL) != 0,
        .name = variable->endpoint.segment.name.text,
        .directory = variable->endpoint.segment.directory,
        .format = variable->endpoint.format,
    };
    memcpy(properties->uuid, header->uuid, sizeof properties->uuid);
}

memlane_status memlane_variable_statistics_read(memlane_variable *variable, memlane_variable_statistics *statistics,
                                                memlane_error *error) {
    uint64_t sum[MEMLANE_COUNTERS];
    memlane_status status = memlane_endpoint_enter(&variable->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_statistics_sum(&variable->endpoint.segment, sum);
    struct memlane_custody_count held = memlane_custody_count(&variable->reg);
    *statistics = (memlane_variable_statistics){
        .writes = sum[MEMLANE_COUNTER_WRITES],
        .reads = sum[MEMLANE_COUNTER_READS],
        .bytes_written = sum[MEMLANE_COUNTER_BYTES_WRITTEN],
        .bytes_read = sum[MEMLANE_COUNTER_BYTES_READ],
        .superseded = sum[MEMLANE_COUNTER_SUPERSEDED],
        .skipped = sum[MEMLANE_COUNTER_SKIPPED],
        .retries = sum[MEMLANE_COUNTER_RETRIES],
        .recovered = sum[MEMLANE_COUNTER_RECOVERED],
        .version = memlane_register_version(&variable->reg),
        .live_participants = memlane_participant_survey(&variable->endpoint.segment, NULL, 0),
        .slots_writing = held.writing,
        .slots_pinned = held.pinned,
        .is_current = memlane_segment_is_current(&variable->endpoint.segment),
    };
    return memlane_endpoint_finish(&variable->endpoint, MEMLANE_OK, error);
}

bool memlane_variable_is_current(memlane_variable *variable) {
    return memlane_endpoint_is_current(&variable->endpoint);
}

bool memlane_variable_is_private(memlane_variable *variable) {
    return memlane_endpoint_is_private(&variable->endpoint);
}
