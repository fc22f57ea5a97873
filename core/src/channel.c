#include "channel_handle.h"

#include "failure.h"
#include "kinds.h"
#include "mutant.h"
#include "participant.h"
#include "statistics.h"
#include "wait.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -- opening --------------------------------------------------------------------------------------------------- */

static void adopt(struct memlane_segment *segment) {
    memlane_channel *channel = segment->owner;
    if (channel != NULL) { /* else opened by a thread that the child does not have */
        channel->end.claimed = 0;
        channel->span_is_open = false;
        memlane_turn_reset(&channel->turn);
    }
}

const struct memlane_kind memlane_kind_of_channels = {
    .code = MEMLANE_KIND_CHANNEL,
    .body_size = memlane_ring_body_size,
    .clean = memlane_ends_clean,
    .inherit = memlane_endpoint_inherit_nothing, /* D11: the end stays with the parent */
    .adopt = adopt,
    .next_view = memlane_endpoint_no_view,
};

void memlane_channel_options_initialise(memlane_channel_options *options) {
    *options = (memlane_channel_options){.capacity = MEMLANE_ANY};
    memlane_object_options_initialise(&options->object);
}

/* The capacity is never compared: who opens an existing channel takes it as it is. */
static memlane_status agree(const struct memlane_request *request, const struct memlane_header *found,
                            const void *schema, memlane_error *error) {
    (void)schema; /* a channel has none */
    const memlane_channel_options *options = request->argument;
    return memlane_endpoint_agree(request, &options->object, found, NULL, 0, error);
}

static bool can_create(const struct memlane_request *request) {
    uint64_t capacity = request->geometry[MEMLANE_RING_CAPACITY];
    return capacity >= 1 && capacity <= MEMLANE_CAPACITY_MAXIMUM;
}

static memlane_status make_request(struct memlane_request *request, const char *name, size_t length,
                                   memlane_channel_mode mode, const memlane_channel_options *options,
                                   memlane_error *error) {
    memlane_status status = memlane_endpoint_request(request, &memlane_kind_of_channels, name, length, &options->object,
                                                     MEMLANE_DEFAULT_PARTICIPANTS, error);
    if (status == MEMLANE_OK && mode != MEMLANE_CHANNEL_READ && mode != MEMLANE_CHANNEL_WRITE) {
        status = memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                              "channel '%s': mode %d is neither reading (%d) nor writing (%d)", request->name.text,
                              (int)mode, MEMLANE_CHANNEL_READ, MEMLANE_CHANNEL_WRITE);
    }
    request->geometry[MEMLANE_RING_CAPACITY] = memlane_given_or(options->capacity, MEMLANE_DEFAULT_CAPACITY);
    request->create = request->create && can_create(request); /* an existing channel is opened all the same */
    request->ephemeral = memlane_given_or(options->object.ephemeral, 1) != 0; /* D57 */
    request->agree = agree;
    request->argument = (void *)(uintptr_t)options;
    return status;
}

static void rouse(struct memlane_endpoint *endpoint) {
    memlane_channel *channel = memlane_channel_of(endpoint);
    memlane_wait_notify(memlane_channel_is_reader(channel) ? &channel->ring.control->data_bell
                                                           : &channel->ring.control->room_bell);
    memlane_wait_notify(&channel->turn.bell);
}

static void unbind(struct memlane_endpoint *endpoint) {
    free(memlane_channel_of(endpoint)->bounce);
}

static memlane_status explain_busy_end(const memlane_channel *channel, memlane_error *error) {
    char who[MEMLANE_DESCRIPTION_SIZE];
    uint32_t tag = memlane_end_tag(memlane_load_acquire(&channel->ring.control->end[channel->end.role]));
    memlane_participant_describe(&channel->endpoint.segment, memlane_tag_index(tag), who);
    return memlane_fail(error, MEMLANE_ENDPOINT_BUSY,
                        "channel '%s' has a %s already, %s: close that one, or use another channel",
                        memlane_channel_name(channel), memlane_channel_is_reader(channel) ? "reader" : "writer", who);
}

memlane_status memlane_channel_explain_damage(const memlane_channel *channel, memlane_error *error) {
    return memlane_fail(
        error, MEMLANE_CORRUPTED,
        "channel '%s': its cursors contradict each other: another program overwrote them; end the programs that use "
        "it, remove it with memlane.unlink(), and open it anew",
        memlane_channel_name(channel));
}

static memlane_status claim(memlane_channel *channel, enum memlane_end_role role, memlane_error *error) {
    struct memlane_segment *segment = &channel->endpoint.segment;
    memlane_status damage = MEMLANE_MUTANT(CURSOR_BEFORE_CLAIM) ? memlane_ring_begin(&channel->ring, role) : MEMLANE_OK;
    if (memlane_end_claim(&channel->end, channel->ring.control, segment, role) != MEMLANE_OK) {
        return explain_busy_end(channel, error);
    }
    if (!MEMLANE_MUTANT(CURSOR_BEFORE_CLAIM)) {
        damage = memlane_ring_begin(&channel->ring, role);
    }
    if (damage != MEMLANE_OK) {
        return memlane_channel_explain_damage(channel, error);
    }
    memlane_channel_note_position(channel);
    memlane_statistics_count(segment, MEMLANE_COUNTER_RECOVERED, channel->end.took_over_from_the_dead);
    return MEMLANE_OK;
}

/* -- polling ---------------------------------------------------------------------------------------------------- */

/* How many bytes can be read or written, by the shared words and a position of a moment ago: whoever moves it settles. A
 * number that cannot be says that the operation will find damage. */
static uint64_t level_at_a_glance(const memlane_channel *channel) {
    const struct memlane_ring_control *control = channel->ring.control;
    uint64_t position = memlane_load_relaxed(&channel->position); /* relaxed: as said above */
    return memlane_channel_is_reader(channel)
               ? memlane_load_seq_cst(&control->tail) - position                             /* W2 */
               : channel->ring.capacity - (position - memlane_load_seq_cst(&control->head)); /* W2 */
}

/* As is_over(), without the turn. */
static bool has_nobody(memlane_channel *channel, bool ask) {
    uint64_t word = memlane_end_opposite(&channel->end);
    bool drained = memlane_channel_is_reader(channel) &&
                   memlane_load_relaxed(&channel->position) != channel->first; /* relaxed: D55 */
    if (!channel->was_armed && !drained && memlane_end_epoch(word) == channel->first_epoch) {
        return false;
    }
    bool over = memlane_load_relaxed(&channel->buried) == word || /* relaxed: guards nothing */
                memlane_end_is_over(&channel->endpoint.segment, word, ask);
    if (over) {
        memlane_store_relaxed(&channel->buried, word);
    }
    return over;
}

static bool is_ready(struct memlane_endpoint *endpoint, bool thorough) {
    memlane_channel *channel = memlane_channel_of(endpoint);
    uint64_t expects = memlane_load_relaxed(&channel->expects); /* relaxed, both: whoever changes it looks again */
    uint64_t awaited = memlane_load_relaxed(&channel->awaited);
    return level_at_a_glance(channel) >= (expects > awaited ? expects : awaited) ||
           !memlane_end_is_held(&channel->end) || has_nobody(channel, thorough);
}

static void make_pollable(memlane_channel *channel) {
    struct memlane_ring_control *control = channel->ring.control;
    channel->first = channel->ring.cursor;
    channel->first_epoch = channel->end.opposite_epoch;
    channel->was_armed = channel->end.armed;
    memlane_store_relaxed(&channel->expects, 1); /* relaxed, both: nobody else knows the endpoint yet */
    memlane_store_relaxed(&channel->buried, UINT64_MAX);
    memlane_endpoint_make_pollable(&channel->endpoint, is_ready,
                                   memlane_channel_is_reader(channel) ? &control->data_bell : &control->room_bell,
                                   NULL);
}

memlane_endpoint *memlane_channel_endpoint(memlane_channel *channel) {
    return &channel->endpoint;
}

void memlane_channel_expect(memlane_channel *channel, uint64_t least) {
    uint64_t capacity = channel->ring.capacity;
    uint64_t expects = least > capacity ? capacity : least;
    if (memlane_endpoint_enter(&channel->endpoint, NULL) == MEMLANE_OK) {
        memlane_store_relaxed(&channel->expects, expects); /* relaxed: the mutex of the watch orders it */
        memlane_watch_look_again(&channel->endpoint.watch);
        memlane_endpoint_leave(&channel->endpoint);
    }
}

/* -- opening, once more ------------------------------------------------------------------------------------------ */

static memlane_status open_endpoint(struct memlane_endpoint **made, const struct memlane_request *request,
                                    const memlane_channel_options *options, memlane_error *error) {
    memlane_status status = memlane_endpoint_open(made, sizeof(memlane_channel), request, error);
    if (status == MEMLANE_NOT_FOUND && options->object.create && !can_create(request)) {
        return memlane_fail(
            error, MEMLANE_INVALID_ARGUMENT, "channel '%s': a size of %" PRIu64 " bytes is not between 1 and %" PRIu64,
            request->name.text, request->geometry[MEMLANE_RING_CAPACITY], (uint64_t)MEMLANE_CAPACITY_MAXIMUM);
    }
    return status;
}

memlane_status memlane_channel_open(memlane_channel **channel, const char *name, size_t length,
                                    memlane_channel_mode mode, const memlane_channel_options *options,
                                    memlane_error *error) {
    struct memlane_request request;
    memlane_status status = make_request(&request, name, length, mode, options, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    struct memlane_endpoint *made;
    status = open_endpoint(&made, &request, options, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_channel *opened = memlane_channel_of(made);
    memlane_ring_locate(&opened->ring, &opened->endpoint.segment);
    opened->endpoint.rouse = rouse;
    opened->endpoint.unbind = unbind;
    status = claim(opened, mode == MEMLANE_CHANNEL_READ ? MEMLANE_END_READER : MEMLANE_END_WRITER, error);
    if (status != MEMLANE_OK) {
        memlane_channel_free(opened);
        return status;
    }
    make_pollable(opened);
    opened->endpoint.segment.owner = opened;
    *channel = opened;
    return MEMLANE_OK;
}

void memlane_channel_close(memlane_channel *channel) {
    memlane_endpoint_close(&channel->endpoint);
}

void memlane_channel_free(memlane_channel *channel) {
    memlane_endpoint_free(channel == NULL ? NULL : &channel->endpoint);
}

void memlane_channel_hold(memlane_channel *channel) {
    memlane_endpoint_hold(&channel->endpoint);
}

void memlane_channel_release(memlane_channel *channel) {
    memlane_endpoint_release(&channel->endpoint);
}

/* -- what it is and was ---------------------------------------------------------------------------------------- */

uint64_t memlane_channel_position(const memlane_channel *channel) {
    return memlane_load_relaxed(&channel->position); /* relaxed: a number of a moment ago */
}

void memlane_channel_describe(const memlane_channel *channel, memlane_channel_properties *properties) {
    const struct memlane_header *header = &channel->endpoint.segment.header;
    *properties = (memlane_channel_properties){
        .capacity = header->geometry[MEMLANE_RING_CAPACITY],
        .participants = header->participants_count,
        .mode = memlane_channel_is_reader(channel) ? MEMLANE_CHANNEL_READ : MEMLANE_CHANNEL_WRITE,
        .ephemeral = (header->flags & MEMLANE_FLAG_EPHEMERAL) != 0,
        .name = channel->endpoint.segment.name.text,
        .directory = channel->endpoint.segment.directory,
    };
    memcpy(properties->uuid, header->uuid, sizeof properties->uuid);
}

memlane_status memlane_channel_status_read(memlane_channel *channel, memlane_channel_status *status,
                                           memlane_error *error) {
    memlane_status entered = memlane_endpoint_enter(&channel->endpoint, error);
    if (entered != MEMLANE_OK) {
        return entered;
    }
    const struct memlane_segment *segment = &channel->endpoint.segment;
    bool had_reader, had_writer;
    uint64_t body = segment->header.body_offset;
    uint64_t head = memlane_load_acquire(&channel->ring.control->head); /* V2, before tail: never beyond it */
    *status = (memlane_channel_status){
        .descriptor = segment->descriptor,
        .reader_is_open = memlane_end_is_owned(segment, MEMLANE_END_READER, &had_reader),
        .writer_is_open = memlane_end_is_owned(segment, MEMLANE_END_WRITER, &had_writer),
        .data_bell_offset = body + offsetof(struct memlane_ring_control, data_bell),
        .room_bell_offset = body + offsetof(struct memlane_ring_control, room_bell),
        .capacity = channel->ring.capacity,
        .read_cursor = head,
        .write_cursor = memlane_load_acquire(&channel->ring.control->tail), /* B2 */
    };
    status->reader_is_closed = had_reader && !status->reader_is_open;
    status->writer_is_closed = had_writer && !status->writer_is_open;
    return memlane_endpoint_finish(&channel->endpoint, MEMLANE_OK, error);
}

memlane_status memlane_channel_statistics_read(memlane_channel *channel, memlane_channel_statistics *statistics,
                                               memlane_error *error) {
    uint64_t sum[MEMLANE_COUNTERS];
    memlane_status status = memlane_endpoint_enter(&channel->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    const struct memlane_segment *segment = &channel->endpoint.segment;
    memlane_statistics_sum(segment, sum);
    uint64_t head = memlane_load_acquire(&channel->ring.control->head); /* V2, before tail: never beyond it */
    *statistics = (memlane_channel_statistics){
        .writes = sum[MEMLANE_COUNTER_WRITES],
        .reads = sum[MEMLANE_COUNTER_READS],
        .bytes_written = sum[MEMLANE_COUNTER_BYTES_WRITTEN],
        .bytes_read = sum[MEMLANE_COUNTER_BYTES_READ],
        .waits = sum[MEMLANE_COUNTER_RETRIES],
        .recovered = sum[MEMLANE_COUNTER_RECOVERED],
        .filled = memlane_load_acquire(&channel->ring.control->tail) - head, /* B2 */
        .live_participants = memlane_participant_survey(segment, NULL, 0),
        .is_current = memlane_segment_is_current(segment),
    };
    return memlane_endpoint_finish(&channel->endpoint, MEMLANE_OK, error);
}

bool memlane_channel_is_current(memlane_channel *channel) {
    return memlane_endpoint_is_current(&channel->endpoint);
}

bool memlane_channel_is_private(memlane_channel *channel) {
    return memlane_endpoint_is_private(&channel->endpoint);
}
