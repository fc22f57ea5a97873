/* What was taken of a register's values: each of them at most once, and in their order (D23; docs/design/share.md). */
#ifndef MEMLANE_TAKING_H
#define MEMLANE_TAKING_H

#include "register.h"

/* Private to one endpoint. */
struct memlane_taking {
    const struct memlane_register *reg;
    struct memlane_share_control *control; /* behind the register's last slot */
};

/* Size of a body that is a register and the mark behind it (memlane_kind.body_size). */
uint64_t memlane_taking_body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants);

void memlane_taking_locate(struct memlane_taking *taking, const struct memlane_register *reg);

/* Whether a value waits to be taken: MEMLANE_OK or MEMLANE_EMPTY, with the word `latest` that was seen: while it stays,
 * nothing new waits. MEMLANE_CORRUPTED: more was taken than was put. Wait-free. */
memlane_status memlane_taking_look(const struct memlane_taking *taking, uint64_t *latest);

/* Takes the value of this version, whose bytes the caller has copied or pinned. MEMLANE_OK: it is the caller's alone;
 * MEMLANE_TAKEN: it, or a newer one, was taken before. Lock-free: each failed try is another one's success. */
memlane_status memlane_taking_take(const struct memlane_taking *taking, uint64_t version);

/* Before a put. Gives the slot of the latest value free if that was taken, so that the put may use it again: the same memory,
 * which is in the caches already. If nobody took for so long that versions would come round to the mark, moves that to just
 * before the latest value, which goes on waiting. Lock-free. */
void memlane_taking_make_way(const struct memlane_taking *taking);

/* The newest version that was taken. Wait-free. */
uint64_t memlane_taking_newest(const struct memlane_taking *taking);

#endif
