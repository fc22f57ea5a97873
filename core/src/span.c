/* Bytes of a channel in place: room that is filled in, and what is there to be looked at. */
#include "transfer.h"

#include "failure.h"
#include "mapping.h"

#include <inttypes.h>
#include <stdlib.h>

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static memlane_status explain_impossible_span(const memlane_channel *channel, uint64_t size, memlane_error *error) {
    return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                        "channel '%s': %" PRIu64 " bytes in one piece were asked for, it has %" PRIu64,
                        memlane_channel_name(channel), size, channel->ring.capacity);
}

static memlane_status make_bounce(memlane_channel *channel, uint64_t size, memlane_error *error) {
    if (channel->bounce_size >= size) {
        return MEMLANE_OK;
    }
    unsigned char *larger = realloc(channel->bounce, (size_t)size);
    if (larger == NULL) {
        return memlane_fail(error, MEMLANE_NO_MEMORY, "channel '%s': no memory for a span of %" PRIu64 " bytes",
                            memlane_channel_name(channel), size);
    }
    channel->bounce = larger;
    channel->bounce_size = size;
    return MEMLANE_OK;
}

static memlane_status map_view(memlane_channel *channel, memlane_error *error) {
    memlane_mutex_lock(&channel->endpoint.segment.mutex);
    memlane_status status = memlane_mapping_view(&channel->endpoint.segment, error);
    memlane_mutex_unlock(&channel->endpoint.segment.mutex);
    return status;
}

/* Where size bytes at the cursor are to be looked at, or filled in. */
static memlane_status place_span(memlane_channel *channel, uint64_t size, memlane_span *span, memlane_error *error) {
    const struct memlane_segment *segment = &channel->endpoint.segment;
    bool wraps = size > memlane_ring_straight(&channel->ring);
    memlane_status status = wraps                                ? make_bounce(channel, size, error)
                            : memlane_channel_is_reader(channel) ? map_view(channel, error)
                                                                 : MEMLANE_OK;
    if (status != MEMLANE_OK) {
        return status;
    }
    unsigned char *place = memlane_ring_place(&channel->ring);
    if (wraps) {
        if (memlane_channel_is_reader(channel)) {
            memlane_ring_get(&channel->ring, channel->bounce, size);
        }
        place = channel->bounce;
    } else if (memlane_channel_is_reader(channel)) {
        place = (unsigned char *)(uintptr_t)segment->view_base + (place - segment->base);
    }
    *span = (memlane_span){.channel = channel, .bytes = place, .size = size};
    channel->span_is_open = true;
    memlane_endpoint_stay(&channel->endpoint); /* the span is a user, in our turn */
    return MEMLANE_OK;
}

memlane_status memlane_channel_reserve(memlane_channel *channel, uint64_t size, uint64_t deadline_ns,
                                       memlane_span *span, memlane_error *error) {
    memlane_status status = memlane_transfer_begin(channel, MEMLANE_END_WRITER, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (size < 1 || size > channel->ring.capacity) {
        return memlane_transfer_finish(channel, explain_impossible_span(channel, size, error), error);
    }
    status = memlane_transfer_explain(channel, memlane_transfer_ensure(channel, size, size, deadline_ns), error);
    if (status == MEMLANE_OK) {
        status = place_span(channel, size, span, error);
    }
    return status == MEMLANE_OK ? MEMLANE_OK : memlane_transfer_finish(channel, status, error);
}

memlane_status memlane_channel_peek(memlane_channel *channel, uint64_t size, uint64_t deadline_ns, memlane_span *span,
                                    memlane_error *error) {
    memlane_status status = memlane_transfer_begin(channel, MEMLANE_END_READER, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (size > channel->ring.capacity) {
        return memlane_transfer_finish(channel, explain_impossible_span(channel, size, error), error);
    }
    uint64_t least = size == 0 ? 1 : size;
    status = memlane_transfer_explain(
        channel, memlane_transfer_ensure(channel, least, size == 0 ? UINT64_MAX : size, deadline_ns), error);
    if (status == MEMLANE_OK) {
        uint64_t there = smaller(memlane_transfer_level(channel), memlane_ring_straight(&channel->ring));
        status = place_span(channel, size == 0 ? there : size, span, error);
    }
    return status == MEMLANE_OK ? MEMLANE_OK : memlane_transfer_finish(channel, status, error);
}

/* In a forked child the turn was reset, and the span is the parent's. */
static memlane_status end_span(memlane_span *span, memlane_status status, memlane_error *error) {
    memlane_channel *channel = span->channel;
    span->channel = NULL;
    if (channel->span_is_open) {
        channel->span_is_open = false;
        memlane_transfer_give_turn(channel,
                                   memlane_turn_give_for_holder); /* by a garbage collector in another thread, say */
    }
    return memlane_endpoint_depart(&channel->endpoint, status, error);
}

static void carry_over(memlane_channel *channel, const memlane_span *span, uint64_t size) {
    if (memlane_channel_is_reader(channel)) {
        memlane_ring_consume(&channel->ring, size);
        memlane_transfer_note_reading(channel, size);
    } else if (span->bytes == channel->bounce) {
        memlane_transfer_put(channel, channel->bounce, size);
    } else {
        memlane_ring_publish(&channel->ring, size);
        memlane_transfer_note_writing(channel, size);
    }
}

memlane_status memlane_span_commit(memlane_span *span, uint64_t size, memlane_error *error) {
    memlane_channel *channel = span->channel;
    if (size > span->size) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "channel '%s': %" PRIu64 " bytes of a span of %" PRIu64 " cannot be committed",
                            memlane_channel_name(channel), size, span->size);
    }
    if (!channel->span_is_open || !memlane_end_is_held(&channel->end)) {
        return end_span(span, memlane_transfer_explain_lost_end(channel, error), error);
    }
    carry_over(channel, span, size);
    return end_span(span, MEMLANE_OK, error);
}

void memlane_span_drop(memlane_span *span) {
    end_span(span, MEMLANE_OK, NULL);
}
