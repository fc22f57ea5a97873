/* The handle of a channel: for who opens it (channel.c), and for its bytes (transfer.c, span.c). */
#ifndef MEMLANE_CHANNEL_HANDLE_H
#define MEMLANE_CHANNEL_HANDLE_H

#include "endpoint.h"
#include "ends.h"
#include "patience.h"
#include "ring.h"
#include "turn.h"

#include <memlane/channel.h>

/* What the fields behind the turn say is known to whoever has it. */
struct memlane_channel {
    struct memlane_endpoint endpoint;
    struct memlane_turn turn;
    struct memlane_ring ring;
    struct memlane_end end;
    bool span_is_open;
    unsigned char *bounce; /* for spans that wrap; or NULL */
    uint64_t bounce_size;
    memlane_atomic64 position; /* the cursor again, for whoever asks without the turn */
    struct memlane_patience patience;
    uint64_t least;         /* what is waited for, */
    memlane_status outcome; /* and how it ended */
    /* For who polls, in any thread without the turn. The first three are set while opening. */
    uint64_t first;           /* position where this end began */
    uint32_t first_epoch;     /* of the opposite end then, */
    bool was_armed;           /* and whether it was alive (D55) */
    memlane_atomic64 expects; /* bytes from which on the endpoint is ready */
    memlane_atomic64 awaited; /* and which the thread whose turn it is sleeps for: fewer are of no use to the others */
    memlane_atomic64 buried;  /* the opposite's word, once its owner was found dead: a verdict is final */
};

static inline memlane_channel *memlane_channel_of(struct memlane_endpoint *endpoint) {
    return (memlane_channel *)(void *)endpoint;
}

static inline bool memlane_channel_is_reader(const memlane_channel *channel) {
    return channel->end.role == MEMLANE_END_READER;
}

static inline const char *memlane_channel_name(const memlane_channel *channel) {
    return channel->endpoint.segment.name.text;
}

static inline void memlane_channel_note_position(memlane_channel *channel) {
    memlane_store_relaxed(&channel->position, channel->ring.cursor); /* relaxed: a number of a moment ago */
}

/* The text for MEMLANE_CORRUPTED, and that status. */
memlane_status memlane_channel_explain_damage(const memlane_channel *channel, memlane_error *error);

#endif
