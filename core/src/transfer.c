#include "transfer.h"

#include "failure.h"
#include "mutant.h"
#include "statistics.h"
#include "wait.h"

#include <inttypes.h>

enum {
    /* D56: how late a waiter notices a death, within 60 ms with the age of a verdict, or a killed waker's forgotten
     * wake-up. Each chunk costs a wake-up, which takes up to 90 us of a processor. */
    WAIT_CHUNK_NS = 48000000,
    GLANCES = 100, /* MEMLANE_SOON: about 2 us */
    PIECES = 8     /* of a ring that a long write fills: the reader copies one while we copy the next */
};

#define SMALLEST_PIECE UINT64_C(4096)

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* -- taking turns ---------------------------------------------------------------------------------------------- */

static memlane_status explain_turn(const memlane_channel *channel, memlane_status status, memlane_error *error) {
    switch (status) {
    case MEMLANE_TIMEOUT:
        return memlane_fail(error, status, "channel '%s': another thread of this process kept this end busy",
                            memlane_channel_name(channel));
    case MEMLANE_INTERRUPTED:
        return memlane_fail(error, status, "channel '%s': a signal ended the wait", memlane_channel_name(channel));
    case MEMLANE_CLOSED:
        return memlane_endpoint_explain_closed(&channel->endpoint, error);
    default:
        return status; /* a lost mapping, which is explained where the operation ends */
    }
}

static memlane_status enter(memlane_channel *channel, uint64_t deadline_ns, memlane_error *error) {
    memlane_status status = memlane_endpoint_enter(&channel->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = memlane_turn_take(&channel->turn, &channel->endpoint.segment, deadline_ns);
    if (status != MEMLANE_OK) {
        return memlane_endpoint_finish(&channel->endpoint, explain_turn(channel, status, error), error);
    }
    return MEMLANE_OK;
}

void memlane_transfer_give_turn(memlane_channel *channel, void (*give)(struct memlane_turn *turn)) {
    bool slept = channel->turn.depth == 1 && memlane_load_relaxed(&channel->awaited) != 0; /* relaxed: in the turn */
    if (slept) {
        memlane_store_relaxed(&channel->awaited, 0); /* relaxed: the mutex of the watch orders it */
    } else {
        memlane_watch_settle(&channel->endpoint.watch);
    }
    give(&channel->turn);
    if (slept) {
        memlane_watch_look_again(&channel->endpoint.watch); /* the others can take what is there now */
    }
}

memlane_status memlane_transfer_finish(memlane_channel *channel, memlane_status status, memlane_error *error) {
    memlane_transfer_give_turn(channel, memlane_turn_give);
    return memlane_endpoint_finish(&channel->endpoint, status, error);
}

memlane_status memlane_channel_lock(memlane_channel *channel, uint64_t deadline_ns, memlane_error *error) {
    return enter(channel, deadline_ns, error);
}

void memlane_channel_unlock(memlane_channel *channel) {
    if (memlane_turn_is_ours(&channel->turn)) { /* else it was taken before a fork, and is the parent's */
        memlane_transfer_finish(channel, MEMLANE_OK, NULL);
    }
}

memlane_status memlane_transfer_explain_lost_end(const memlane_channel *channel, memlane_error *error) {
    return memlane_fail(
        error, MEMLANE_OWNERSHIP_LOST,
        "channel '%s': this end is not this process's (it stayed with the parent of a fork, or the process had been "
        "taken for dead): open it anew",
        memlane_channel_name(channel));
}

static memlane_status check_use(const memlane_channel *channel, enum memlane_end_role role, memlane_error *error) {
    if (!memlane_end_is_held(&channel->end)) {
        return memlane_transfer_explain_lost_end(channel, error);
    }
    if (channel->end.role != role) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT, "channel '%s': this end was opened for %s only",
                            memlane_channel_name(channel), memlane_channel_is_reader(channel) ? "reading" : "writing");
    }
    if (channel->span_is_open) {
        return memlane_fail(error, MEMLANE_ENDPOINT_BUSY,
                            "channel '%s': bytes of this end are in use in place: end that block first",
                            memlane_channel_name(channel));
    }
    return MEMLANE_OK;
}

memlane_status memlane_transfer_begin(memlane_channel *channel, enum memlane_end_role role, uint64_t deadline_ns,
                                      memlane_error *error) {
    memlane_status status = enter(channel, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = check_use(channel, role, error);
    return status == MEMLANE_OK ? MEMLANE_OK : memlane_transfer_finish(channel, status, error);
}

/* -- waiting --------------------------------------------------------------------------------------------------- */

static memlane_status look(memlane_channel *channel) {
    return memlane_channel_is_reader(channel) ? memlane_ring_look_for_bytes(&channel->ring)
                                              : memlane_ring_look_for_room(&channel->ring);
}

/* Whether the wait is over, and how, by the cursor, the opposite end and the verdict, in this order; and by the cursor
 * again, because what the opposite did last came before it closed or died. */
static bool is_over(void *argument) {
    memlane_channel *channel = argument;
    channel->outcome = look(channel);
    if (channel->outcome != MEMLANE_OK || memlane_transfer_level(channel) >= channel->least) {
        return true;
    }
    enum memlane_outlook outlook = memlane_end_look(&channel->end, &channel->endpoint.segment);
    if (outlook == MEMLANE_OPPOSITE_OPEN) {
        return false;
    }
    channel->outcome = MEMLANE_MUTANT(NO_SECOND_LOOK) ? MEMLANE_OK : look(channel);
    if (channel->outcome == MEMLANE_OK && memlane_transfer_level(channel) < channel->least) {
        channel->outcome = outlook == MEMLANE_OPPOSITE_CLOSED ? MEMLANE_END_CLOSED : MEMLANE_PEER_DIED;
    }
    return true;
}

static bool is_enough(void *argument) {
    memlane_channel *channel = argument;
    return look(channel) != MEMLANE_OK || memlane_transfer_level(channel) >= channel->least;
}

/* Looks for about 2 us, which a round trip between two processors takes, or once where the other side may not run
 * meanwhile. No clock. */
static void glance(memlane_channel *channel) {
    int left = memlane_patience_is_rewarded(&channel->patience) ? GLANCES : memlane_wait_spins();
    while (!is_enough(channel) && --left > 0) {
        memlane_platform_relax();
    }
}

static memlane_status sleep_for_bytes(memlane_channel *channel, uint64_t deadline_ns) {
    memlane_statistics_count(&channel->endpoint.segment, MEMLANE_COUNTER_RETRIES, 1);
    memlane_store_relaxed(&channel->awaited, channel->least); /* relaxed: the mutex of the watch orders it */
    memlane_watch_settle(&channel->endpoint.watch);
    memlane_atomic32 *bell =
        memlane_channel_is_reader(channel) ? &channel->ring.control->data_bell : &channel->ring.control->room_bell;
    memlane_status status =
        memlane_wait_until(&channel->endpoint.segment, bell, is_over, channel, deadline_ns, WAIT_CHUNK_NS);
    return status == MEMLANE_OK ? channel->outcome : status;
}

static memlane_status await_patiently(memlane_channel *channel, uint64_t deadline_ns) {
    uint64_t began = memlane_platform_monotonic_ns();
    uint64_t budget = memlane_patience_budget(&channel->patience, began);
    if (budget > 0) {
        memlane_patience_look(is_enough, channel, smaller(began + budget, deadline_ns));
    }
    bool found = is_over(channel);
    memlane_patience_learn(&channel->patience, found);
    return found ? channel->outcome : sleep_for_bytes(channel, deadline_ns);
}

/* Waits until `least` bytes can be written or read. Also MEMLANE_END_CLOSED, MEMLANE_PEER_DIED: they never will. Without
 * an explanation. */
static memlane_status await(memlane_channel *channel, uint64_t least, uint64_t deadline_ns) {
    channel->least = least;
    if (deadline_ns > MEMLANE_SOON) {
        return await_patiently(channel, deadline_ns);
    }
    if (deadline_ns == MEMLANE_SOON) {
        glance(channel);
    }
    return is_over(channel) ? channel->outcome : MEMLANE_TIMEOUT;
}

memlane_status memlane_transfer_ensure(memlane_channel *channel, uint64_t least, uint64_t wished,
                                       uint64_t deadline_ns) {
    if (memlane_transfer_level(channel) >= wished) {
        return MEMLANE_OK;
    }
    memlane_status status = look(channel);
    return status != MEMLANE_OK || memlane_transfer_level(channel) >= least ? status
                                                                            : await(channel, least, deadline_ns);
}

memlane_status memlane_transfer_explain(const memlane_channel *channel, memlane_status status, memlane_error *error) {
    const char *name = memlane_channel_name(channel);
    switch (status) {
    case MEMLANE_TIMEOUT:
        return memlane_fail(error, status,
                            memlane_channel_is_reader(channel)
                                ? "channel '%s': %" PRIu64 " bytes to read did not come in time, %" PRIu64 " are there"
                                : "channel '%s': room for %" PRIu64 " bytes did not come in time, for %" PRIu64
                                  " there is",
                            name, channel->least, memlane_transfer_level(channel));
    case MEMLANE_END_CLOSED:
    case MEMLANE_PEER_DIED:
        return memlane_fail(error, status,
                            memlane_channel_is_reader(channel)
                                ? "channel '%s': the writer %s and %" PRIu64
                                  " bytes are left: go on when another writer has opened it, or close"
                                : "channel '%s': the reader %s and %" PRIu64
                                  " bytes are free; what was written stays for the next reader: go on when there is "
                                  "one, or close",
                            name, status == MEMLANE_PEER_DIED ? "died" : "closed", memlane_transfer_level(channel));
    case MEMLANE_CORRUPTED:
        return memlane_channel_explain_damage(channel, error);
    case MEMLANE_OK:
        return status;
    default:
        return explain_turn(channel, status, error);
    }
}

memlane_status memlane_channel_wait(memlane_channel *channel, uint64_t least, uint64_t deadline_ns,
                                    memlane_error *error) {
    memlane_status status = memlane_transfer_begin(channel, channel->end.role, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (least < 1 || least > channel->ring.capacity) {
        status = memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                              "channel '%s': %" PRIu64 " bytes are never there at once, it has %" PRIu64,
                              memlane_channel_name(channel), least, channel->ring.capacity);
        return memlane_transfer_finish(channel, status, error);
    }
    return memlane_transfer_finish(
        channel, memlane_transfer_explain(channel, memlane_transfer_ensure(channel, least, least, deadline_ns), error),
        error);
}

/* -- writing --------------------------------------------------------------------------------------------------- */

void memlane_transfer_note_writing(memlane_channel *channel, uint64_t size) {
    memlane_channel_note_position(channel);
    memlane_statistics_count(&channel->endpoint.segment, MEMLANE_COUNTER_WRITES, 1);
    memlane_statistics_count(&channel->endpoint.segment, MEMLANE_COUNTER_BYTES_WRITTEN, size);
}

void memlane_transfer_put(memlane_channel *channel, const void *bytes, uint64_t size) {
    memlane_ring_write(&channel->ring, bytes, size);
    memlane_transfer_note_writing(channel, size);
}

static uint64_t piece_of(const memlane_channel *channel) {
    uint64_t piece = channel->ring.capacity / PIECES;
    return piece > SMALLEST_PIECE ? piece : SMALLEST_PIECE;
}

static memlane_status write_pieces(memlane_channel *channel, const unsigned char *bytes, uint64_t size,
                                   uint64_t deadline_ns, uint64_t *written) {
    while (*written < size) {
        uint64_t piece = smaller(size - *written, piece_of(channel));
        memlane_status status = memlane_transfer_ensure(channel, 1, piece, deadline_ns);
        if (status != MEMLANE_OK) {
            return status;
        }
        piece = smaller(piece, memlane_transfer_level(channel));
        memlane_transfer_put(channel, bytes + *written, piece);
        *written += piece;
    }
    return MEMLANE_OK;
}

memlane_status memlane_channel_write(memlane_channel *channel, const void *bytes, uint64_t size, uint64_t deadline_ns,
                                     uint64_t *written, memlane_error *error) {
    *written = 0;
    memlane_status status = memlane_transfer_begin(channel, MEMLANE_END_WRITER, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = write_pieces(channel, bytes, size, deadline_ns, written);
    return memlane_transfer_finish(channel, memlane_transfer_explain(channel, status, error), error);
}

memlane_status memlane_channel_write_some(memlane_channel *channel, const void *bytes, uint64_t size, uint64_t *written,
                                          memlane_error *error) {
    memlane_status status = memlane_channel_write(channel, bytes, size, 0, written, error);
    bool some = *written > 0 && (status == MEMLANE_END_CLOSED || status == MEMLANE_PEER_DIED);
    return status == MEMLANE_TIMEOUT || some ? MEMLANE_OK : status;
}

memlane_status memlane_channel_write_whole(memlane_channel *channel, const void *bytes, uint64_t size,
                                           uint64_t deadline_ns, uint64_t *written, memlane_error *error) {
    *written = 0;
    memlane_status status = memlane_transfer_begin(channel, MEMLANE_END_WRITER, 0, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = size > channel->ring.capacity
                 ? MEMLANE_TIMEOUT
                 : memlane_transfer_ensure(channel, size, size, smaller(deadline_ns, MEMLANE_SOON));
    if (status == MEMLANE_OK) {
        memlane_transfer_put(channel, bytes, size);
        *written = size;
    }
    return memlane_transfer_finish(channel, memlane_transfer_explain(channel, status, error), error);
}

/* -- reading --------------------------------------------------------------------------------------------------- */

void memlane_transfer_note_reading(memlane_channel *channel, uint64_t size) {
    memlane_channel_note_position(channel);
    channel->end.armed = channel->end.armed || size > 0; /* D55: whose bytes we drained we may miss */
    memlane_statistics_count(&channel->endpoint.segment, MEMLANE_COUNTER_READS, 1);
    memlane_statistics_count(&channel->endpoint.segment, MEMLANE_COUNTER_BYTES_READ, size);
}

static void get(memlane_channel *channel, void *buffer, uint64_t size) {
    memlane_ring_read(&channel->ring, buffer, size);
    memlane_transfer_note_reading(channel, size);
}

static bool is_end(memlane_status status) {
    return status == MEMLANE_END_CLOSED || status == MEMLANE_PEER_DIED;
}

memlane_status memlane_channel_read(memlane_channel *channel, void *buffer, uint64_t size, uint64_t least,
                                    uint64_t deadline_ns, uint64_t *count, memlane_error *error) {
    *count = 0;
    memlane_status status = memlane_transfer_begin(channel, MEMLANE_END_READER, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (least > size || least > channel->ring.capacity) {
        status = memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                              "channel '%s': at least %" PRIu64 " bytes were asked for, into a buffer of %" PRIu64
                              " and from a channel of %" PRIu64,
                              memlane_channel_name(channel), least, size, channel->ring.capacity);
        return memlane_transfer_finish(channel, status, error);
    }
    status = memlane_transfer_ensure(channel, least, size, deadline_ns);
    if (is_end(status) && memlane_transfer_level(channel) > 0) {
        status = MEMLANE_OK;
    }
    if (status == MEMLANE_OK) {
        *count = smaller(size, memlane_transfer_level(channel));
        get(channel, buffer, *count);
    }
    return memlane_transfer_finish(channel, memlane_transfer_explain(channel, status, error), error);
}
