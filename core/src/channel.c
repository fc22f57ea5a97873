#include "endpoint.h"
#include "ends.h"
#include "failure.h"
#include "kinds.h"
#include "mutant.h"
#include "participant.h"
#include "patience.h"
#include "ring.h"
#include "statistics.h"
#include "turn.h"
#include "wait.h"

#include <memlane/channel.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* D56: how late a waiter notices a death, within 60 ms with the age of a verdict, or a killed waker's forgotten
     * wake-up. Each chunk costs a wake-up, which takes up to 90 us of a processor. */
    WAIT_CHUNK_NS = 48000000,
    GLANCES = 100, /* MEMLANE_SOON: about 2 us */
    PIECES = 8     /* of a ring that a long write fills: the reader copies one while we copy the next */
};

#define SMALLEST_PIECE UINT64_C(4096)

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

static memlane_channel *channel_of(struct memlane_endpoint *endpoint) {
    return (memlane_channel *)(void *)endpoint;
}

static bool is_reader(const memlane_channel *channel) {
    return channel->end.role == MEMLANE_END_READER;
}

static const char *name_of(const memlane_channel *channel) {
    return channel->endpoint.segment.name.text;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void note_position(memlane_channel *channel) {
    memlane_store_relaxed(&channel->position, channel->ring.cursor); /* relaxed: a number of a moment ago */
}

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
    memlane_channel *channel = channel_of(endpoint);
    memlane_wait_notify(is_reader(channel) ? &channel->ring.control->data_bell : &channel->ring.control->room_bell);
    memlane_wait_notify(&channel->turn.bell);
}

static void unbind(struct memlane_endpoint *endpoint) {
    free(channel_of(endpoint)->bounce);
}

static memlane_status explain_busy_end(const memlane_channel *channel, memlane_error *error) {
    char who[MEMLANE_DESCRIPTION_SIZE];
    uint32_t tag = memlane_end_tag(memlane_load_acquire(&channel->ring.control->end[channel->end.role]));
    memlane_participant_describe(&channel->endpoint.segment, memlane_tag_index(tag), who);
    return memlane_fail(error, MEMLANE_ENDPOINT_BUSY,
                        "channel '%s' has a %s already, %s: close that one, or use another channel", name_of(channel),
                        is_reader(channel) ? "reader" : "writer", who);
}

static memlane_status explain_damage(const memlane_channel *channel, memlane_error *error) {
    return memlane_fail(
        error, MEMLANE_CORRUPTED,
        "channel '%s': its cursors contradict each other: another program overwrote them; end the programs that use "
        "it, remove it with memlane.unlink(), and open it anew",
        name_of(channel));
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
        return explain_damage(channel, error);
    }
    note_position(channel);
    memlane_statistics_count(segment, MEMLANE_COUNTER_RECOVERED, channel->end.took_over_from_the_dead);
    return MEMLANE_OK;
}

/* -- polling ---------------------------------------------------------------------------------------------------- */

/* How many bytes can be read or written, by the shared words and a position of a moment ago: whoever moves it settles. A
 * number that cannot be says that the operation will find damage. */
static uint64_t level_at_a_glance(const memlane_channel *channel) {
    const struct memlane_ring_control *control = channel->ring.control;
    uint64_t position = memlane_load_relaxed(&channel->position);               /* relaxed: as said above */
    return is_reader(channel) ? memlane_load_seq_cst(&control->tail) - position /* W2 */
                              : channel->ring.capacity - (position - memlane_load_seq_cst(&control->head)); /* W2 */
}

/* As is_over(), without the turn. */
static bool has_nobody(memlane_channel *channel, bool ask) {
    uint64_t word = memlane_end_opposite(&channel->end);
    bool drained = is_reader(channel) && memlane_load_relaxed(&channel->position) != channel->first; /* relaxed: D55 */
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
    memlane_channel *channel = channel_of(endpoint);
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
                                   is_reader(channel) ? &control->data_bell : &control->room_bell, NULL);
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
    memlane_channel *opened = channel_of(made);
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

/* -- taking turns ---------------------------------------------------------------------------------------------- */

static memlane_status explain_turn(const memlane_channel *channel, memlane_status status, memlane_error *error) {
    switch (status) {
    case MEMLANE_TIMEOUT:
        return memlane_fail(error, status, "channel '%s': another thread of this process kept this end busy",
                            name_of(channel));
    case MEMLANE_INTERRUPTED:
        return memlane_fail(error, status, "channel '%s': a signal ended the wait", name_of(channel));
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

static void give_turn(memlane_channel *channel, void (*give)(struct memlane_turn *turn)) {
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

static memlane_status finish(memlane_channel *channel, memlane_status status, memlane_error *error) {
    give_turn(channel, memlane_turn_give);
    return memlane_endpoint_finish(&channel->endpoint, status, error);
}

memlane_status memlane_channel_lock(memlane_channel *channel, uint64_t deadline_ns, memlane_error *error) {
    return enter(channel, deadline_ns, error);
}

void memlane_channel_unlock(memlane_channel *channel) {
    if (memlane_turn_is_ours(&channel->turn)) { /* else it was taken before a fork, and is the parent's */
        finish(channel, MEMLANE_OK, NULL);
    }
}

static memlane_status explain_lost_end(const memlane_channel *channel, memlane_error *error) {
    return memlane_fail(
        error, MEMLANE_OWNERSHIP_LOST,
        "channel '%s': this end is not this process's (it stayed with the parent of a fork, or the process had been "
        "taken for dead): open it anew",
        name_of(channel));
}

static memlane_status check_use(const memlane_channel *channel, enum memlane_end_role role, memlane_error *error) {
    if (!memlane_end_is_held(&channel->end)) {
        return explain_lost_end(channel, error);
    }
    if (channel->end.role != role) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT, "channel '%s': this end was opened for %s only",
                            name_of(channel), is_reader(channel) ? "reading" : "writing");
    }
    if (channel->span_is_open) {
        return memlane_fail(error, MEMLANE_ENDPOINT_BUSY,
                            "channel '%s': bytes of this end are in use in place: end that block first",
                            name_of(channel));
    }
    return MEMLANE_OK;
}

/* Enters for one use of the end in its role. */
static memlane_status begin(memlane_channel *channel, enum memlane_end_role role, uint64_t deadline_ns,
                            memlane_error *error) {
    memlane_status status = enter(channel, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = check_use(channel, role, error);
    return status == MEMLANE_OK ? MEMLANE_OK : finish(channel, status, error);
}

/* -- waiting --------------------------------------------------------------------------------------------------- */

/* Bytes that can be written or read, by the last look. */
static uint64_t level_of(const memlane_channel *channel) {
    return is_reader(channel) ? memlane_ring_filled(&channel->ring) : memlane_ring_room(&channel->ring);
}

static memlane_status look(memlane_channel *channel) {
    return is_reader(channel) ? memlane_ring_look_for_bytes(&channel->ring)
                              : memlane_ring_look_for_room(&channel->ring);
}

/* Whether the wait is over, and how, by the cursor, the opposite end and the verdict, in this order; and by the cursor
 * again, because what the opposite did last came before it closed or died. */
static bool is_over(void *argument) {
    memlane_channel *channel = argument;
    channel->outcome = look(channel);
    if (channel->outcome != MEMLANE_OK || level_of(channel) >= channel->least) {
        return true;
    }
    enum memlane_outlook outlook = memlane_end_look(&channel->end, &channel->endpoint.segment);
    if (outlook == MEMLANE_OPPOSITE_OPEN) {
        return false;
    }
    channel->outcome = MEMLANE_MUTANT(NO_SECOND_LOOK) ? MEMLANE_OK : look(channel);
    if (channel->outcome == MEMLANE_OK && level_of(channel) < channel->least) {
        channel->outcome = outlook == MEMLANE_OPPOSITE_CLOSED ? MEMLANE_END_CLOSED : MEMLANE_PEER_DIED;
    }
    return true;
}

static bool is_enough(void *argument) {
    memlane_channel *channel = argument;
    return look(channel) != MEMLANE_OK || level_of(channel) >= channel->least;
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
    memlane_atomic32 *bell = is_reader(channel) ? &channel->ring.control->data_bell : &channel->ring.control->room_bell;
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

/* Makes `least` bytes ready, by what is known already where that is enough for `wished`. */
static memlane_status ensure(memlane_channel *channel, uint64_t least, uint64_t wished, uint64_t deadline_ns) {
    if (level_of(channel) >= wished) {
        return MEMLANE_OK;
    }
    memlane_status status = look(channel);
    return status != MEMLANE_OK || level_of(channel) >= least ? status : await(channel, least, deadline_ns);
}

static memlane_status explain(const memlane_channel *channel, memlane_status status, memlane_error *error) {
    const char *name = name_of(channel);
    switch (status) {
    case MEMLANE_TIMEOUT:
        return memlane_fail(error, status,
                            is_reader(channel)
                                ? "channel '%s': %" PRIu64 " bytes to read did not come in time, %" PRIu64 " are there"
                                : "channel '%s': room for %" PRIu64 " bytes did not come in time, for %" PRIu64
                                  " there is",
                            name, channel->least, level_of(channel));
    case MEMLANE_END_CLOSED:
    case MEMLANE_PEER_DIED:
        return memlane_fail(error, status,
                            is_reader(channel)
                                ? "channel '%s': the writer %s and %" PRIu64
                                  " bytes are left: go on when another writer has opened it, or close"
                                : "channel '%s': the reader %s and %" PRIu64
                                  " bytes are free; what was written stays for the next reader: go on when there is "
                                  "one, or close",
                            name, status == MEMLANE_PEER_DIED ? "died" : "closed", level_of(channel));
    case MEMLANE_CORRUPTED:
        return explain_damage(channel, error);
    case MEMLANE_OK:
        return status;
    default:
        return explain_turn(channel, status, error);
    }
}

memlane_status memlane_channel_wait(memlane_channel *channel, uint64_t least, uint64_t deadline_ns,
                                    memlane_error *error) {
    memlane_status status = begin(channel, channel->end.role, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (least < 1 || least > channel->ring.capacity) {
        status = memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                              "channel '%s': %" PRIu64 " bytes are never there at once, it has %" PRIu64,
                              name_of(channel), least, channel->ring.capacity);
        return finish(channel, status, error);
    }
    return finish(channel, explain(channel, ensure(channel, least, least, deadline_ns), error), error);
}

/* -- writing --------------------------------------------------------------------------------------------------- */

/* After bytes were published. */
static void note_writing(memlane_channel *channel, uint64_t size) {
    note_position(channel);
    memlane_statistics_count(&channel->endpoint.segment, MEMLANE_COUNTER_WRITES, 1);
    memlane_statistics_count(&channel->endpoint.segment, MEMLANE_COUNTER_BYTES_WRITTEN, size);
}

static void put(memlane_channel *channel, const void *bytes, uint64_t size) {
    memlane_ring_write(&channel->ring, bytes, size);
    note_writing(channel, size);
}

static uint64_t piece_of(const memlane_channel *channel) {
    uint64_t piece = channel->ring.capacity / PIECES;
    return piece > SMALLEST_PIECE ? piece : SMALLEST_PIECE;
}

static memlane_status write_pieces(memlane_channel *channel, const unsigned char *bytes, uint64_t size,
                                   uint64_t deadline_ns, uint64_t *written) {
    while (*written < size) {
        uint64_t piece = smaller(size - *written, piece_of(channel));
        memlane_status status = ensure(channel, 1, piece, deadline_ns);
        if (status != MEMLANE_OK) {
            return status;
        }
        piece = smaller(piece, level_of(channel));
        put(channel, bytes + *written, piece);
        *written += piece;
    }
    return MEMLANE_OK;
}

memlane_status memlane_channel_write(memlane_channel *channel, const void *bytes, uint64_t size, uint64_t deadline_ns,
                                     uint64_t *written, memlane_error *error) {
    *written = 0;
    memlane_status status = begin(channel, MEMLANE_END_WRITER, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = write_pieces(channel, bytes, size, deadline_ns, written);
    return finish(channel, explain(channel, status, error), error);
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
    memlane_status status = begin(channel, MEMLANE_END_WRITER, 0, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = size > channel->ring.capacity ? MEMLANE_TIMEOUT
                                           : ensure(channel, size, size, smaller(deadline_ns, MEMLANE_SOON));
    if (status == MEMLANE_OK) {
        put(channel, bytes, size);
        *written = size;
    }
    return finish(channel, explain(channel, status, error), error);
}

/* -- reading --------------------------------------------------------------------------------------------------- */

/* After bytes were consumed. */
static void note_reading(memlane_channel *channel, uint64_t size) {
    note_position(channel);
    channel->end.armed = channel->end.armed || size > 0; /* D55: whose bytes we drained we may miss */
    memlane_statistics_count(&channel->endpoint.segment, MEMLANE_COUNTER_READS, 1);
    memlane_statistics_count(&channel->endpoint.segment, MEMLANE_COUNTER_BYTES_READ, size);
}

static void get(memlane_channel *channel, void *buffer, uint64_t size) {
    memlane_ring_read(&channel->ring, buffer, size);
    note_reading(channel, size);
}

static bool is_end(memlane_status status) {
    return status == MEMLANE_END_CLOSED || status == MEMLANE_PEER_DIED;
}

memlane_status memlane_channel_read(memlane_channel *channel, void *buffer, uint64_t size, uint64_t least,
                                    uint64_t deadline_ns, uint64_t *count, memlane_error *error) {
    *count = 0;
    memlane_status status = begin(channel, MEMLANE_END_READER, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (least > size || least > channel->ring.capacity) {
        status = memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                              "channel '%s': at least %" PRIu64 " bytes were asked for, into a buffer of %" PRIu64
                              " and from a channel of %" PRIu64,
                              name_of(channel), least, size, channel->ring.capacity);
        return finish(channel, status, error);
    }
    status = ensure(channel, least, size, deadline_ns);
    if (is_end(status) && level_of(channel) > 0) {
        status = MEMLANE_OK;
    }
    if (status == MEMLANE_OK) {
        *count = smaller(size, level_of(channel));
        get(channel, buffer, *count);
    }
    return finish(channel, explain(channel, status, error), error);
}

/* -- in place -------------------------------------------------------------------------------------------------- */

static memlane_status explain_impossible_span(const memlane_channel *channel, uint64_t size, memlane_error *error) {
    return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                        "channel '%s': %" PRIu64 " bytes in one piece were asked for, it has %" PRIu64,
                        name_of(channel), size, channel->ring.capacity);
}

static memlane_status make_bounce(memlane_channel *channel, uint64_t size, memlane_error *error) {
    if (channel->bounce_size >= size) {
        return MEMLANE_OK;
    }
    unsigned char *larger = realloc(channel->bounce, (size_t)size);
    if (larger == NULL) {
        return memlane_fail(error, MEMLANE_NO_MEMORY, "channel '%s': no memory for a span of %" PRIu64 " bytes",
                            name_of(channel), size);
    }
    channel->bounce = larger;
    channel->bounce_size = size;
    return MEMLANE_OK;
}

static memlane_status map_view(memlane_channel *channel, memlane_error *error) {
    memlane_mutex_lock(&channel->endpoint.segment.mutex);
    memlane_status status = memlane_segment_map_view(&channel->endpoint.segment, error);
    memlane_mutex_unlock(&channel->endpoint.segment.mutex);
    return status;
}

/* Where size bytes at the cursor are to be looked at, or filled in. */
static memlane_status place_span(memlane_channel *channel, uint64_t size, memlane_span *span, memlane_error *error) {
    const struct memlane_segment *segment = &channel->endpoint.segment;
    bool wraps = size > memlane_ring_straight(&channel->ring);
    memlane_status status = wraps                ? make_bounce(channel, size, error)
                            : is_reader(channel) ? map_view(channel, error)
                                                 : MEMLANE_OK;
    if (status != MEMLANE_OK) {
        return status;
    }
    unsigned char *place = memlane_ring_place(&channel->ring);
    if (wraps) {
        if (is_reader(channel)) {
            memlane_ring_get(&channel->ring, channel->bounce, size);
        }
        place = channel->bounce;
    } else if (is_reader(channel)) {
        place = (unsigned char *)(uintptr_t)segment->view_base + (place - segment->base);
    }
    *span = (memlane_span){.channel = channel, .bytes = place, .size = size};
    channel->span_is_open = true;
    memlane_endpoint_stay(&channel->endpoint); /* the span is a user, in our turn */
    return MEMLANE_OK;
}

memlane_status memlane_channel_reserve(memlane_channel *channel, uint64_t size, uint64_t deadline_ns,
                                       memlane_span *span, memlane_error *error) {
    memlane_status status = begin(channel, MEMLANE_END_WRITER, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (size < 1 || size > channel->ring.capacity) {
        return finish(channel, explain_impossible_span(channel, size, error), error);
    }
    status = explain(channel, ensure(channel, size, size, deadline_ns), error);
    if (status == MEMLANE_OK) {
        status = place_span(channel, size, span, error);
    }
    return status == MEMLANE_OK ? MEMLANE_OK : finish(channel, status, error);
}

memlane_status memlane_channel_peek(memlane_channel *channel, uint64_t size, uint64_t deadline_ns, memlane_span *span,
                                    memlane_error *error) {
    memlane_status status = begin(channel, MEMLANE_END_READER, deadline_ns, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (size > channel->ring.capacity) {
        return finish(channel, explain_impossible_span(channel, size, error), error);
    }
    uint64_t least = size == 0 ? 1 : size;
    status = explain(channel, ensure(channel, least, size == 0 ? UINT64_MAX : size, deadline_ns), error);
    if (status == MEMLANE_OK) {
        uint64_t there = smaller(level_of(channel), memlane_ring_straight(&channel->ring));
        status = place_span(channel, size == 0 ? there : size, span, error);
    }
    return status == MEMLANE_OK ? MEMLANE_OK : finish(channel, status, error);
}

/* In a forked child the turn was reset, and the span is the parent's. */
static memlane_status end_span(memlane_span *span, memlane_status status, memlane_error *error) {
    memlane_channel *channel = span->channel;
    span->channel = NULL;
    if (channel->span_is_open) {
        channel->span_is_open = false;
        give_turn(channel, memlane_turn_give_for_holder); /* by a garbage collector in another thread, say */
    }
    return memlane_endpoint_depart(&channel->endpoint, status, error);
}

static void carry_over(memlane_channel *channel, const memlane_span *span, uint64_t size) {
    if (is_reader(channel)) {
        memlane_ring_consume(&channel->ring, size);
        note_reading(channel, size);
    } else if (span->bytes == channel->bounce) {
        put(channel, channel->bounce, size);
    } else {
        memlane_ring_publish(&channel->ring, size);
        note_writing(channel, size);
    }
}

memlane_status memlane_span_commit(memlane_span *span, uint64_t size, memlane_error *error) {
    memlane_channel *channel = span->channel;
    if (size > span->size) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "channel '%s': %" PRIu64 " bytes of a span of %" PRIu64 " cannot be committed",
                            name_of(channel), size, span->size);
    }
    if (!channel->span_is_open || !memlane_end_is_held(&channel->end)) {
        return end_span(span, explain_lost_end(channel, error), error);
    }
    carry_over(channel, span, size);
    return end_span(span, MEMLANE_OK, error);
}

void memlane_span_drop(memlane_span *span) {
    end_span(span, MEMLANE_OK, NULL);
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
        .mode = is_reader(channel) ? MEMLANE_CHANNEL_READ : MEMLANE_CHANNEL_WRITE,
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
