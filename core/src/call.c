#include "call.h"

#include "mutant.h"
#include "participant.h"
#include "wait.h"

/* Edges of this file (docs/design/memory-model.md):
 *   POST     Q1 (send, swap state to POSTED) -> Q2 (take, swap state to TAKEN): the request's bytes and words.
 *   ANSWER   A1 (answer, swap state to DONE) -> A2 (look, load state): the response's bytes and words.
 *   REFUSAL  J1 (withdraw, swap from POSTED to FREE) -> A2 (look, load state): why the caller took the call back.
 *   FREED    F1 (answer, swap from ABANDONED to FREE) -> F2 (load of state, reap): see lane.c.
 *   WAKE     a send raises `posted`, and an answer `answers`, by a seq_cst operation, before the load of the bell
 *            (wait.c). */

enum { MOVE_TRIES = 64 /* each failure is a move of the other side, and a call has three at the most */ };

/* relaxed: nothing is read behind it but by who sends next, and that is this thread, one that took the slot's desk from it,
 * or the next owner of the lane (docs/design/memory-model.md, What needs no order). */
static bool set_free(struct memlane_call_slot *slot, uint64_t word) {
    return memlane_cas_relaxed(&slot->state, word,
                               memlane_call_word(memlane_call_sequence(word), MEMLANE_CALL_FREE, 0));
}

static bool is_dead(const struct memlane_lanes *lanes, uint64_t word) {
    return memlane_participant_verdict_of_tag(lanes->segment, memlane_call_tag(word)) == MEMLANE_DEAD;
}

/* -- the caller -------------------------------------------------------------------------------------------------- */

bool memlane_call_is_over(const struct memlane_lanes *lanes, uint64_t word, bool ask) {
    switch (memlane_call_state(word)) {
    case MEMLANE_CALL_DONE:
    case MEMLANE_CALL_ORPHANED:
        return true;
    case MEMLANE_CALL_TAKEN:
    case MEMLANE_CALL_ABANDONED:
        return ask && !MEMLANE_MUTANT(REAP_DONE_ONLY) && is_dead(lanes, word);
    case MEMLANE_CALL_POSTED:
        return false;
    default: /* damaged: nobody else may use it */
        return true;
    }
}

bool memlane_call_reap(struct memlane_lanes *lanes, struct memlane_call_slot *slot, bool ask, uint64_t *word) {
    for (uint32_t try = 0; try < MOVE_TRIES; try++) {
        *word = memlane_load_acquire(&slot->state); /* F2 */
        if (memlane_call_state(*word) == MEMLANE_CALL_FREE) {
            return true;
        }
        if (!memlane_call_is_over(lanes, *word, ask)) {
            return false;
        }
        set_free(slot, *word);
    }
    return false;
}

bool memlane_call_send(struct memlane_lanes *lanes, struct memlane_call_slot *slot, uint64_t word, uint64_t order,
                       uint64_t payload, uint64_t now) {
    memlane_store_relaxed(&slot->request, payload); /* relaxed, as the next two: published by the swap below */
    memlane_store_relaxed(&slot->order, order);
    memlane_store_relaxed(&slot->posted_ns, now);
    uint64_t posted = memlane_call_word(memlane_call_sequence(word) + 1, MEMLANE_CALL_POSTED, 0);
    bool sent = MEMLANE_MUTANT(POST_RELAXED) ? memlane_cas_relaxed(&slot->state, word, posted)
                                             : memlane_cas_seq_cst(&slot->state, word, posted); /* Q1 */
    if (sent) {
        memlane_add_seq_cst(&lanes->control->posted, 1); /* seq_cst: before W3, in notify */
        memlane_wait_notify(&lanes->control->bell);
    }
    return sent;
}

bool memlane_call_withdraw(struct memlane_call_slot *slot, uint32_t sequence) {
    return memlane_cas_seq_cst(&slot->state, memlane_call_word(sequence, MEMLANE_CALL_POSTED, 0),
                               memlane_call_word(sequence, MEMLANE_CALL_FREE, 0)); /* J1 */
}

memlane_status memlane_call_look(const struct memlane_lanes *lanes, const struct memlane_call_slot *slot,
                                 uint32_t sequence, bool ask, uint64_t *word) {
    *word = MEMLANE_MUTANT(ANSWER_RELAXED) ? memlane_load_relaxed(&slot->state)
                                           : memlane_load_acquire(&slot->state); /* A2 */
    if (memlane_call_sequence(*word) != sequence) {
        return MEMLANE_OWNERSHIP_LOST;
    }
    switch (memlane_call_state(*word)) {
    case MEMLANE_CALL_POSTED:
        return MEMLANE_TIMEOUT;
    case MEMLANE_CALL_TAKEN:
        return ask && is_dead(lanes, *word) ? MEMLANE_PEER_DIED : MEMLANE_TIMEOUT;
    case MEMLANE_CALL_DONE:
        return MEMLANE_OK;
    case MEMLANE_CALL_ORPHANED:
        return MEMLANE_PEER_DIED;
    case MEMLANE_CALL_FREE:
        return MEMLANE_CANCELLED;
    case MEMLANE_CALL_ABANDONED: /* by who took us for dead */
        return MEMLANE_OWNERSHIP_LOST;
    default:
        return MEMLANE_CORRUPTED;
    }
}

/* -- a server ----------------------------------------------------------------------------------------------------- */

static bool find_oldest(struct memlane_lanes *lanes, uint32_t lane, uint32_t *oldest, uint64_t *word) {
    uint64_t lowest = 0;
    bool found = false;
    for (uint32_t i = 0; i < lanes->slots; i++) {
        const struct memlane_call_slot *slot = memlane_lanes_slot(lanes, lane, i);
        uint64_t state =
            memlane_load_acquire(&slot->state); /* acquire: `order` belongs to this post, or the swap fails */
        if (memlane_call_state(state) != MEMLANE_CALL_POSTED) {
            continue;
        }
        uint64_t order = memlane_load_relaxed(&slot->order);
        if (!found || order < lowest) {
            found = true;
            lowest = order;
            *oldest = i;
            *word = state;
        }
    }
    return found;
}

static bool take(struct memlane_lanes *lanes, struct memlane_call_slot *slot, uint64_t word) {
    uint64_t taken = memlane_call_word(memlane_call_sequence(word), MEMLANE_CALL_TAKEN, lanes->segment->tag);
    if (MEMLANE_MUTANT(TAKE_NO_CAS)) {
        memlane_store_seq_cst(&slot->state, taken);
        return true;
    }
    return memlane_cas_seq_cst(&slot->state, word, taken); /* Q2 */
}

bool memlane_call_take(struct memlane_lanes *lanes, uint32_t lane, struct memlane_ticket *ticket) {
    uint64_t word = 0;
    uint32_t slot = 0;
    while (find_oldest(lanes, lane, &slot, &word)) {
        memlane_platform_prefetch(memlane_lanes_request(lanes, lane, slot)); /* it is on its way during the swap */
        if (take(lanes, memlane_lanes_slot(lanes, lane, slot), word)) {
            *ticket = (struct memlane_ticket){.lane = lane, .slot = slot, .sequence = memlane_call_sequence(word)};
            return true;
        }
    }
    return false;
}

memlane_status memlane_call_answer(struct memlane_lanes *lanes, const struct memlane_ticket *ticket, uint32_t tag,
                                   uint64_t payload) {
    struct memlane_call_slot *slot = memlane_lanes_slot(lanes, ticket->lane, ticket->slot);
    uint64_t taken = memlane_call_word(ticket->sequence, MEMLANE_CALL_TAKEN, tag);
    uint64_t done = memlane_call_word(ticket->sequence, MEMLANE_CALL_DONE, tag);
    memlane_status status = MEMLANE_OK;
    memlane_store_relaxed(&slot->response, payload); /* relaxed: published by the swap below */
    if (MEMLANE_MUTANT(DONE_NO_CHECK)) {
        memlane_store_seq_cst(&slot->state, done);
    } else if (!memlane_cas_seq_cst(&slot->state, taken, done)) { /* A1 */
        uint64_t abandoned = memlane_call_word(ticket->sequence, MEMLANE_CALL_ABANDONED, tag);
        uint64_t unused = memlane_call_word(ticket->sequence, MEMLANE_CALL_FREE, 0);
        status = memlane_cas_seq_cst(&slot->state, abandoned, unused) ? MEMLANE_CANCELLED /* F1 */
                                                                      : MEMLANE_OWNERSHIP_LOST;
    }
    if (status != MEMLANE_OWNERSHIP_LOST) {
        memlane_lane_tell(lanes, ticket->lane);
    }
    return status;
}
