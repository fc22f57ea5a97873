#include "lane.h"

#include "failure.h"
#include "mutant.h"
#include "participant.h"
#include "storage.h"
#include "wait.h"

#include <inttypes.h>

/* Edges of this file (docs/design/memory-model.md):
 *   OWNER  O1 (release: swap owner to 0, after the scrub) -> O2 (claim: swap owner): the lane's slots and payload as the
 *          former owner left them. From a dead owner: its last store precedes the verdict.
 *   FREED  F1 (a server's move from ABANDONED to FREE, call.c, or a scrub's of what a dead server held) -> F2 (load of
 *          state): the server reads and writes the payload no more.
 *   WAKE   a tell raises answers by a seq_cst operation, before the load of the bell (wait.c). */

enum {
    SCRUB_TRIES = 64,             /* each failure is a server's move, and a call has three at the most */
    BUSY_PATIENCE_NS = 100000000, /* a dead owner's tag can look alive while its index is being taken over (D51) */
    BUSY_CHUNK_NS = 1000000
};

/* -- geometry -------------------------------------------------------------------------------------------------- */

static uint64_t whole(uint64_t size, uint64_t unit) {
    return (size + unit - 1) / unit * unit;
}

static uint64_t failure_room(uint64_t result) {
    return result == 0 ? 0 : result > MEMLANE_FAILURE_ROOM ? result : MEMLANE_FAILURE_ROOM;
}

static uint64_t slot_stride_of(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS]) {
    return whole(geometry[MEMLANE_FUNCTION_ARGUMENTS], MEMLANE_LINE) +
           whole(failure_room(geometry[MEMLANE_FUNCTION_RESULT]), MEMLANE_LINE);
}

static uint64_t lane_stride_of(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS]) {
    return whole(geometry[MEMLANE_FUNCTION_SLOTS] * slot_stride_of(geometry), MEMLANE_PAGE);
}

static uint64_t servers_size(uint32_t participants) {
    return whole(participants * sizeof(struct memlane_server_word), MEMLANE_LINE);
}

static bool is_possible(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS]) {
    return geometry[MEMLANE_FUNCTION_LANES] >= 1 && geometry[MEMLANE_FUNCTION_LANES] <= MEMLANE_LANES_MAXIMUM &&
           geometry[MEMLANE_FUNCTION_SLOTS] >= 1 && geometry[MEMLANE_FUNCTION_SLOTS] <= MEMLANE_CALL_SLOTS_MAXIMUM &&
           geometry[MEMLANE_FUNCTION_ARGUMENTS] >= 1 &&
           geometry[MEMLANE_FUNCTION_ARGUMENTS] <= MEMLANE_CAPACITY_MAXIMUM &&
           geometry[MEMLANE_FUNCTION_RESULT] <= MEMLANE_CAPACITY_MAXIMUM;
}

uint64_t memlane_lanes_fixed_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants) {
    uint64_t lanes = geometry[MEMLANE_FUNCTION_LANES];
    return whole(sizeof(struct memlane_function_control) + servers_size(participants) +
                     lanes * sizeof(struct memlane_lane) +
                     lanes * geometry[MEMLANE_FUNCTION_SLOTS] * sizeof(struct memlane_call_slot),
                 MEMLANE_PAGE);
}

/* No sum overflows: 1,024 lanes of 256 slots of twice 2^38 bytes are 2^57. */
uint64_t memlane_lanes_body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants) {
    return is_possible(geometry) ? memlane_lanes_fixed_size(geometry, participants) +
                                       geometry[MEMLANE_FUNCTION_LANES] * lane_stride_of(geometry)
                                 : 0;
}

void memlane_lanes_locate(struct memlane_lanes *lanes, struct memlane_segment *segment) {
    const struct memlane_header *header = &segment->header;
    const uint64_t *geometry = header->geometry;
    unsigned char *body = segment->base + header->body_offset;
    *lanes = (struct memlane_lanes){
        .segment = segment,
        .lanes = (uint32_t)geometry[MEMLANE_FUNCTION_LANES],
        .slots = (uint32_t)geometry[MEMLANE_FUNCTION_SLOTS],
        .participants = header->participants_count,
        .argument_capacity = geometry[MEMLANE_FUNCTION_ARGUMENTS],
        .result_capacity = geometry[MEMLANE_FUNCTION_RESULT],
        .failure_capacity = failure_room(geometry[MEMLANE_FUNCTION_RESULT]),
        .argument_stride = whole(geometry[MEMLANE_FUNCTION_ARGUMENTS], MEMLANE_LINE),
        .slot_stride = slot_stride_of(geometry),
        .lane_stride = lane_stride_of(geometry),
        .payload_offset = header->body_offset + memlane_lanes_fixed_size(geometry, header->participants_count),
        .control = (struct memlane_function_control *)(void *)body,
    };
    body += sizeof(struct memlane_function_control);
    lanes->server = (struct memlane_server_word *)(void *)body;
    body += servers_size(lanes->participants);
    lanes->lane = (struct memlane_lane *)(void *)body;
    lanes->slot = (struct memlane_call_slot *)(void *)(lanes->lane + lanes->lanes);
}

uint32_t memlane_lanes_used(const struct memlane_lanes *lanes) {
    /* seq_cst: after the load of `posted` that made us look; a caller raises this before it posts anything. */
    uint32_t used = memlane_load32_seq_cst(&lanes->control->lanes_used);
    return used < lanes->lanes ? used : lanes->lanes;
}

static void raise_used(struct memlane_lanes *lanes, uint32_t needed) {
    for (;;) {
        uint32_t used = memlane_load32_seq_cst(&lanes->control->lanes_used);
        if (used >= needed || memlane_cas32_seq_cst(&lanes->control->lanes_used, used, needed)) {
            return;
        }
    }
}

/* -- moves of those who come after a death --------------------------------------------------------------------- */

void memlane_lane_tell(struct memlane_lanes *lanes, uint32_t lane) {
    memlane_add_seq_cst(&lanes->lane[lane].answers, 1); /* seq_cst: before W3, in notify */
    memlane_wait_notify(&lanes->lane[lane].bell);
}

static bool is_dead(const struct memlane_lanes *lanes, uint64_t word) {
    return memlane_participant_verdict_of_tag(lanes->segment, memlane_call_tag(word)) == MEMLANE_DEAD;
}

/* seq_cst: F1, where a dead server held it. */
static bool move(struct memlane_call_slot *slot, uint64_t word, uint32_t state, uint32_t tag) {
    return memlane_cas_seq_cst(&slot->state, word, memlane_call_word(memlane_call_sequence(word), state, tag));
}

/* One slot, for the holder of its lane: FREE, or ABANDONED by its caller where a live server executes it (D50). */
static bool scrub_slot(const struct memlane_lanes *lanes, struct memlane_call_slot *slot) {
    for (uint32_t try = 0; try < SCRUB_TRIES; try++) {
        uint64_t word = memlane_load_acquire(&slot->state); /* F2 */
        uint32_t state = memlane_call_state(word);
        uint32_t next = MEMLANE_CALL_FREE;
        if (state == MEMLANE_CALL_FREE) {
            return true;
        }
        if ((state == MEMLANE_CALL_TAKEN || state == MEMLANE_CALL_ABANDONED) && !is_dead(lanes, word)) {
            if (state == MEMLANE_CALL_ABANDONED) {
                return false;
            }
            next = MEMLANE_MUTANT(SCRUB_FREES_TAKEN) ? MEMLANE_CALL_FREE : MEMLANE_CALL_ABANDONED;
        }
        move(slot, word, next, next == MEMLANE_CALL_FREE ? 0 : memlane_call_tag(word));
    }
    return false;
}

static bool scrub(const struct memlane_lanes *lanes, uint32_t lane) {
    bool all_free = true;
    for (uint32_t slot = 0; slot < lanes->slots; slot++) {
        all_free = scrub_slot(lanes, memlane_lanes_slot(lanes, lane, slot)) && all_free;
    }
    return all_free;
}

/* Who holds the lane gives it back: memory first, which a live server may still write to. */
static void release(struct memlane_lanes *lanes, uint32_t lane, uint32_t tag) {
    if (scrub(lanes, lane) || MEMLANE_MUTANT(PUNCH_EARLY)) {
        memlane_storage_give_back(lanes->segment, lanes->payload_offset + lane * lanes->lane_stride,
                                  lanes->lane_stride);
    }
    memlane_cas32_seq_cst(&lanes->lane[lane].owner, tag, 0); /* O1 */
}

/* What a server that died had begun: the caller is told, and nobody is where nobody waits. */
static void bury(struct memlane_lanes *lanes, uint32_t lane, struct memlane_call_slot *slot, uint64_t word) {
    bool awaited = memlane_call_state(word) == MEMLANE_CALL_TAKEN;
    uint32_t state = awaited ? MEMLANE_CALL_ORPHANED : MEMLANE_CALL_FREE;
    if (move(slot, word, state, awaited ? memlane_call_tag(word) : 0)) {
        memlane_lane_tell(lanes, lane);
    }
}

static bool is_begun(uint64_t word) {
    uint32_t state = memlane_call_state(word);
    return state == MEMLANE_CALL_TAKEN || state == MEMLANE_CALL_ABANDONED;
}

/* -- cleanup of an index (D51) ---------------------------------------------------------------------------------- */

/* The cleaner takes the lane under the tag that the index has now: it is alive exactly as long as the cleaner holds the
 * byte lock of the index, so that a cleaner that dies in here leaves a lane of a dead owner. */
static void clean_lane(struct memlane_lanes *lanes, uint32_t lane, uint32_t index, uint32_t tag) {
    memlane_atomic32 *word = &lanes->lane[lane].owner;
    uint32_t owner = memlane_load32_acquire(word); /* O2, where it is our own */
    if (owner == 0 || memlane_tag_index(owner) != index) {
        return;
    }
    if (owner == tag || memlane_cas32_seq_cst(word, owner, tag)) { /* O2 */
        release(lanes, lane, tag);
    }
}

static void clean_served(struct memlane_lanes *lanes, uint32_t lane, uint32_t index) {
    for (uint32_t slot = 0; slot < lanes->slots; slot++) {
        struct memlane_call_slot *place = memlane_lanes_slot(lanes, lane, slot);
        uint64_t word = memlane_load_acquire(&place->state); /* F2 */
        if (is_begun(word) && memlane_tag_index(memlane_call_tag(word)) == index) {
            bury(lanes, lane, place, word);
        }
    }
}

void memlane_lanes_clean(struct memlane_segment *segment, uint32_t index) {
    struct memlane_lanes lanes;
    memlane_lanes_locate(&lanes, segment);
    uint32_t used = memlane_lanes_used(&lanes);
    for (uint32_t lane = 0; lane < used; lane++) {
        clean_lane(&lanes, lane, index, memlane_participant_tag(segment, index));
        clean_served(&lanes, lane, index);
    }
    memlane_store32_release(&lanes.server[index].tag, 0); /* release: nothing is read behind it */
}

void memlane_lanes_recover(struct memlane_lanes *lanes) {
    uint32_t used = memlane_lanes_used(lanes);
    for (uint32_t lane = 0; lane < used; lane++) {
        for (uint32_t slot = 0; slot < lanes->slots; slot++) {
            struct memlane_call_slot *place = memlane_lanes_slot(lanes, lane, slot);
            uint64_t word = memlane_load_acquire(&place->state); /* F2 */
            if (is_begun(word) && is_dead(lanes, word)) {
                bury(lanes, lane, place, word);
            }
        }
    }
}

/* -- a caller takes a lane --------------------------------------------------------------------------------------- */

bool memlane_lane_is_ours(const struct memlane_lanes *lanes, uint32_t lane) {
    return lane < lanes->lanes &&
           /* relaxed: we wrote it, or somebody who took us for dead did: then each swap of ours fails. */
           memlane_load32_relaxed(&lanes->lane[lane].owner) == lanes->segment->tag;
}

static bool take_word(struct memlane_lanes *lanes, uint32_t lane, bool from_the_dead) {
    memlane_atomic32 *word = &lanes->lane[lane].owner;
    uint32_t owner = memlane_load32_relaxed(word); /* relaxed: the swap decides */
    bool claimable =
        owner == 0 || (from_the_dead && memlane_participant_verdict_of_tag(lanes->segment, owner) == MEMLANE_DEAD);
    if (!claimable) {
        return false;
    }
    raise_used(lanes, lane + 1);
    return memlane_cas32_seq_cst(word, owner, lanes->segment->tag); /* O2 */
}

static uint32_t find_lane(struct memlane_lanes *lanes) {
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t lane = 0; lane < lanes->lanes; lane++) {
            if (take_word(lanes, lane, pass == 1)) {
                return lane;
            }
        }
    }
    return MEMLANE_NO_LANE;
}

static memlane_status explain_crowd(const struct memlane_lanes *lanes, memlane_error *error) {
    char who[512];
    memlane_participant_survey(lanes->segment, who, sizeof who);
    return memlane_fail(error, MEMLANE_TOO_MANY_PARTICIPANTS,
                        "function '%s' has %" PRIu32
                        " lanes, and each is a live caller's (open endpoints: %s): close callers, share one between "
                        "threads, or remove it and create it with more lanes= (at most %d)",
                        lanes->segment->name.text, lanes->lanes, who, MEMLANE_LANES_MAXIMUM);
}

memlane_status memlane_lane_claim(struct memlane_lanes *lanes, uint32_t *lane, memlane_error *error) {
    uint64_t deadline = memlane_platform_monotonic_ns() + BUSY_PATIENCE_NS;
    while ((*lane = find_lane(lanes)) == MEMLANE_NO_LANE) {
        if (memlane_platform_monotonic_ns() >= deadline) {
            return explain_crowd(lanes, error);
        }
        memlane_platform_sleep_ns(BUSY_CHUNK_NS);
    }
    /* Memory first: a slot that is scrubbed to FREE can be used. */
    memlane_status status = memlane_storage_reserve(lanes->segment, lanes->payload_offset + *lane * lanes->lane_stride,
                                                    lanes->lane_stride, "the calls of one caller", error);
    if (status != MEMLANE_OK) {
        release(lanes, *lane, lanes->segment->tag);
        return status;
    }
    if (!MEMLANE_MUTANT(CLAIM_NO_SCRUB)) {
        scrub(lanes, *lane); /* what the former caller left, also one that released it (D50) */
    }
    return MEMLANE_OK;
}
