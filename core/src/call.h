/* One call slot: how a call moves from its caller to a server and back (docs/design/calls.md). */
#ifndef MEMLANE_CALL_H
#define MEMLANE_CALL_H

#include "lane.h"

/* -- the caller: the owner of the lane ---------------------------------------------------------------------------- */

/* Whether the slot is FREE, or was made so: what is over and what nobody waits for is taken back. With `ask` also what a
 * dead server holds (D27, D52). *word: as it is now. */
bool memlane_call_reap(struct memlane_lanes *lanes, struct memlane_call_slot *slot, bool ask, uint64_t *word);

/* Whether the call came to its end; with `ask` also by the death of its server. */
bool memlane_call_is_over(const struct memlane_lanes *lanes, uint64_t word, bool ask);

/* FREE to POSTED, and tells the servers. false: somebody took us for dead. Lock-free. */
bool memlane_call_send(struct memlane_lanes *lanes, struct memlane_call_slot *slot, uint64_t word, uint64_t order,
                       uint64_t payload, uint64_t now);

/* POSTED to FREE: true when it is certain that nobody executes it. */
bool memlane_call_withdraw(struct memlane_call_slot *slot, uint32_t sequence);

/* MEMLANE_OK: the response is there. MEMLANE_TIMEOUT: not yet; MEMLANE_PEER_DIED (with `ask` also by verdict),
 * MEMLANE_CANCELLED: the slot is FREE; MEMLANE_OWNERSHIP_LOST, MEMLANE_CORRUPTED. *word: what was seen. */
memlane_status memlane_call_look(const struct memlane_lanes *lanes, const struct memlane_call_slot *slot,
                                 uint32_t sequence, bool ask, uint64_t *word);

/* -- a server --------------------------------------------------------------------------------------------------------- */

struct memlane_ticket {
    uint32_t lane, slot, sequence;
};

/* Takes the oldest call of the lane. Lock-free. */
bool memlane_call_take(struct memlane_lanes *lanes, uint32_t lane, struct memlane_ticket *ticket);

/* TAKEN to DONE, or ABANDONED to FREE; the caller is told. MEMLANE_OK, MEMLANE_CANCELLED: nobody waited for it any
 * more; MEMLANE_OWNERSHIP_LOST. Lock-free. */
memlane_status memlane_call_answer(struct memlane_lanes *lanes, const struct memlane_ticket *ticket, uint32_t tag,
                                   uint64_t payload);

#endif
