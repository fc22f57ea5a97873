/* Threads of one process take turns on one endpoint. Private memory: other processes know nothing of it. */
#ifndef MEMLANE_TURN_H
#define MEMLANE_TURN_H

#include "segment.h"

struct memlane_turn {
    memlane_atomic64 holder; /* the thread whose turn it is, 0: nobody's */
    memlane_atomic32 bell;   /* what the others sleep on */
    uint32_t depth;          /* of the holder: a turn nests */
};

/* Waits for the calling thread's turn; at once when it has it already. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED,
 * MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
memlane_status memlane_turn_take(struct memlane_turn *turn, struct memlane_segment *segment, uint64_t deadline_ns);

/* Whether the calling thread has the turn. */
bool memlane_turn_is_ours(const struct memlane_turn *turn);

/* Ends the calling thread's turn, once for each take; does nothing where it has none. */
void memlane_turn_give(struct memlane_turn *turn);

/* By any thread, for the one that has the turn, and that does not use the endpoint meanwhile. */
void memlane_turn_give_for_holder(struct memlane_turn *turn);

/* In a forked child, whose parent's threads it does not have. */
void memlane_turn_reset(struct memlane_turn *turn);

#endif
