#include "turn.h"

#include "wait.h"

/* Edge of this file, within one process:
 *   TURN  H1 (give, store holder) -> H2 (take, CAS holder): all that the former thread did with the endpoint. */

enum { CHUNK_NS = 50000000 };

memlane_status memlane_turn_take(struct memlane_turn *turn, struct memlane_segment *segment, uint64_t deadline_ns) {
    uint64_t self = memlane_platform_thread_identity();
    while (!memlane_cas_seq_cst(&turn->holder, 0, self)) {     /* H2 */
        uint64_t holder = memlane_load_relaxed(&turn->holder); /* relaxed: only we store ourselves */
        if (holder == self) {
            break;
        }
        if (holder == 0) {
            continue;
        }
        memlane_status status = memlane_wait_change(segment, &turn->holder, &turn->bell, holder, deadline_ns, CHUNK_NS);
        if (status != MEMLANE_OK) {
            return status;
        }
    }
    turn->depth++;
    return MEMLANE_OK;
}

bool memlane_turn_is_ours(const struct memlane_turn *turn) {
    /* relaxed: only we store ourselves */
    return memlane_load_relaxed(&turn->holder) == memlane_platform_thread_identity();
}

static void give(struct memlane_turn *turn) {
    if (--turn->depth == 0) {
        memlane_store_seq_cst(&turn->holder, 0); /* H1, before W3 */
        memlane_wait_notify(&turn->bell);
    }
}

void memlane_turn_give(struct memlane_turn *turn) {
    if (memlane_turn_is_ours(turn)) { /* a forked child gives back turns that were taken before, and reset */
        give(turn);
    }
}

void memlane_turn_give_for_holder(struct memlane_turn *turn) {
    give(turn);
}

void memlane_turn_reset(struct memlane_turn *turn) {
    turn->depth = 0;
    memlane_store_relaxed(&turn->holder, 0); /* relaxed: the child has one thread */
}
