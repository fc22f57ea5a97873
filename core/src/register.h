/* The latest value of a thing: many writers, many readers, any of which may die or stop at any instruction (core.md
 * 2.5 as corrected by D1-D4, D46, D47; docs/design/register.md has the argument, core/models/register.pml the
 * proof). */
#ifndef MEMLANE_REGISTER_H
#define MEMLANE_REGISTER_H

#include "segment.h"

/* Private to one endpoint. */
struct memlane_register {
    struct memlane_segment *segment;
    uint32_t slots, participants;
    uint64_t capacity, stride, data_offset;
    struct memlane_register_control *control;
    struct memlane_pin_row *pins;
    struct memlane_slot *slot;
    unsigned char *data;
    bool compact; /* claims begin at slot 0, so that few slots are in use and stay in the caches: for large values */
    memlane_atomic64 *own; /* bit set: this endpoint is writing or loaning the slot (D2) */
    struct {
        uint64_t latest; /* what is pinned, 0: nothing */
        uint32_t references;
    } pinned[MEMLANE_PINS_EACH]; /* under segment->mutex */
};

/* A slot that this endpoint writes into. */
struct memlane_claim {
    uint32_t slot;
    uint32_t tag; /* of the endpoint that claimed: after fork() the child has another */
    uint64_t version;
    unsigned char *bytes; /* capacity bytes, at a multiple of 64 */
};

/* One look at the latest value. bytes may be overwritten at any moment, until memlane_register_still() says that they
 * were not. */
struct memlane_glance {
    uint64_t latest;
    uint32_t type;
    uint64_t length;
    uint64_t monotonic_ns, real_ns, sequence;
    const unsigned char *bytes;
};

/* Size of the body (memlane_kind.body_size), and the caller's half of the geometry. */
uint64_t memlane_register_body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants);
void memlane_register_shape(uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint64_t slots, uint64_t capacity);

/* Where the parts lie in the mapped segment; all that cleanup needs. */
void memlane_register_locate(struct memlane_register *reg, struct memlane_segment *segment);

/* For an endpoint that reads and writes. */
memlane_status memlane_register_bind(struct memlane_register *reg, struct memlane_segment *segment,
                                     memlane_error *error);
void memlane_register_unbind(struct memlane_register *reg);

/* In a forked child: what was being written or loaned is the parent's. */
void memlane_register_forget_claims(struct memlane_register *reg);

/* Writing: claim, fill the bytes, commit or drop. Lock-free. MEMLANE_NO_FREE_SLOT: every slot is current, pinned, or
 * being written by a live endpoint. */
memlane_status memlane_register_claim(struct memlane_register *reg, struct memlane_claim *claim);

/* Publishes `length` bytes. MEMLANE_OK and *version, MEMLANE_SUPERSEDED (16 newer values were committed meanwhile: as
 * if written just before them), MEMLANE_OWNERSHIP_LOST (this endpoint was declared dead, or the claim was made by a
 * parent process). The claim is over in each case. Wait-free. */
memlane_status memlane_register_commit(struct memlane_register *reg, struct memlane_claim *claim, uint64_t length,
                                       uint32_t type, uint64_t *version);
/* The same, but only while `seen` is still the latest value (memlane_glance.latest; 0: never written). Else
 * MEMLANE_OWNERSHIP_LOST: somebody committed since, and nothing was published. */
memlane_status memlane_register_commit_if(struct memlane_register *reg, struct memlane_claim *claim, uint64_t seen,
                                          uint64_t length, uint32_t type, uint64_t *version);
void memlane_register_drop(struct memlane_register *reg, struct memlane_claim *claim);

/* Gives up the value of `latest`, if it is still the latest one: from then on readers find nothing, and its slot may be
 * claimed, also while others still copy or view it. Lock-free: each failed try is another one's success. */
void memlane_register_vacate(const struct memlane_register *reg, uint64_t latest);

/* Reading without a trace. MEMLANE_OK, MEMLANE_EMPTY; MEMLANE_TIMEOUT: changed meanwhile, look again;
 * MEMLANE_CORRUPTED. Wait-free. */
memlane_status memlane_register_glance(const struct memlane_register *reg, struct memlane_glance *glance);

/* Whether all that was copied since the glance belongs to its version. Wait-free. */
bool memlane_register_still(const struct memlane_register *reg, const struct memlane_glance *glance);

/* Pins the latest value: its bytes stay as they are until the last unpin of *pin. MEMLANE_TOO_MANY_VIEWS when this
 * endpoint pins as many versions as it may. Lock-free between processes. */
memlane_status memlane_register_pin(struct memlane_register *reg, struct memlane_glance *glance, uint32_t *pin);
void memlane_register_unpin(struct memlane_register *reg, uint32_t pin);

/* The newest version, 0 when never written; also that of a value that was given up. Wait-free. */
uint64_t memlane_register_version(const struct memlane_register *reg);

#endif
