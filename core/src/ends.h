/* Who owns the two ends of a channel: claims, take-overs, and when an end may say that the opposite is over (D26, D51, D54,
 * D55; core/models/channel.pml). */
#ifndef MEMLANE_ENDS_H
#define MEMLANE_ENDS_H

#include "segment.h"

/* One end as its owner sees it. Private. */
struct memlane_end {
    struct memlane_ring_control *control;
    enum memlane_end_role role;
    uint64_t claimed; /* the word that the claim stored; 0: not ours (any more) */
    uint32_t opposite_epoch;
    bool armed; /* an opposite was seen that may be missed: D55 */
    bool took_over_from_the_dead;
    uint64_t alive_word, alive_until_ns; /* the last verdict ALIVE, and how long it is good for */
};

/* What a look at the opposite end tells. Over is what may be reported: it was armed. */
enum memlane_outlook { MEMLANE_OPPOSITE_OPEN, MEMLANE_OPPOSITE_CLOSED, MEMLANE_OPPOSITE_DEAD };

/* Claims the end for the segment's tag. MEMLANE_ENDPOINT_BUSY: a live owner has it, seen for longer than somebody who
 * attaches may look like the dead former owner. Blocks for 50 ms then, and only then. The cursors are loaded after it. */
memlane_status memlane_end_claim(struct memlane_end *end, struct memlane_ring_control *control,
                                 const struct memlane_segment *segment, enum memlane_end_role role);

/* Whether it still belongs to the claimant: not to a forked child, nor to one that was taken for dead. Wait-free. */
bool memlane_end_is_held(const struct memlane_end *end);

/* Looks at the opposite end. After CLOSED or DEAD the opposite cursor must be looked at again: what it did last came
 * before. Makes system calls, at most every few milliseconds for one and the same owner. */
enum memlane_outlook memlane_end_look(struct memlane_end *end, const struct memlane_segment *segment);

/* The opposite end's word as it is now, and whether the owner that it names is over: it closed; with `ask` also, it is
 * dead, which makes a system call. For who does not have the turn: nothing of *end is changed. */
uint64_t memlane_end_opposite(const struct memlane_end *end);
bool memlane_end_is_over(const struct memlane_segment *segment, uint64_t word, bool ask);

/* Gives back what the index has of the ends, of any generation, and lets both sides' waiters look again. Idempotent. */
void memlane_ends_give_back(struct memlane_ring_control *control, uint32_t index);

/* The same for a segment whose body is the ring (memlane_kind.clean). */
void memlane_ends_clean(struct memlane_segment *segment, uint32_t index);

/* Which participant has the end now; false: nobody alive. `was_ever`: somebody had it once. */
bool memlane_end_is_owned(const struct memlane_segment *segment, enum memlane_end_role role, bool *was_ever);

#endif
