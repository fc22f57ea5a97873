/* Bytes through one end of a channel: whose turn it is, waiting for bytes or room, writing and reading. */
#ifndef MEMLANE_TRANSFER_H
#define MEMLANE_TRANSFER_H

#include "channel_handle.h"

/* Enters for one use of the end in its role: memlane_transfer_finish() ends it. With an explanation. */
memlane_status memlane_transfer_begin(memlane_channel *channel, enum memlane_end_role role, uint64_t deadline_ns,
                                      memlane_error *error);

/* Gives the turn back, and ends the operation that came to `status`. */
memlane_status memlane_transfer_finish(memlane_channel *channel, memlane_status status, memlane_error *error);

/* The turn alone. give: memlane_turn_give, or its twin for another thread than the one that took it. */
void memlane_transfer_give_turn(memlane_channel *channel, void (*give)(struct memlane_turn *turn));

/* Bytes that can be written or read, by the last look. */
static inline uint64_t memlane_transfer_level(const memlane_channel *channel) {
    return memlane_channel_is_reader(channel) ? memlane_ring_filled(&channel->ring) : memlane_ring_room(&channel->ring);
}

/* Makes `least` bytes ready, by what is known already where that is enough for `wished`, or waits for them. Without an
 * explanation: MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED, MEMLANE_CLOSED, MEMLANE_CORRUPTED; MEMLANE_END_CLOSED,
 * MEMLANE_PEER_DIED: they never will be. */
memlane_status memlane_transfer_ensure(memlane_channel *channel, uint64_t least, uint64_t wished, uint64_t deadline_ns);

/* The text for how that ended, and the status. */
memlane_status memlane_transfer_explain(const memlane_channel *channel, memlane_status status, memlane_error *error);

/* The text for MEMLANE_OWNERSHIP_LOST, and that status. */
memlane_status memlane_transfer_explain_lost_end(const memlane_channel *channel, memlane_error *error);

/* Writes bytes for which there is room, and notes it. */
void memlane_transfer_put(memlane_channel *channel, const void *bytes, uint64_t size);

/* After bytes were published, or consumed, in another way. */
void memlane_transfer_note_writing(memlane_channel *channel, uint64_t size);
void memlane_transfer_note_reading(memlane_channel *channel, uint64_t size);

#endif
