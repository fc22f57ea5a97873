/* Changes of a register's value by turns: who has the lock changes a copy of the latest value, and publishes it whole
 * or not at all, whatever moment it dies. Readers know nothing of the lock. core/models/buffer.pml has the proof.
 *
 * What is shared is the register's and the lock's. A holder that dies leaves the lock, which the next one takes from it,
 * and perhaps a claimed slot, which a later claim takes: what it changed was private. */
#ifndef MEMLANE_TRANSACTION_H
#define MEMLANE_TRANSACTION_H

#include "lock.h"
#include "register.h"

/* Of one endpoint; its threads take turns too. All but `holder` and what was given is the holding thread's. */
struct memlane_transaction {
    struct memlane_register *reg;
    struct memlane_lock_word *lock;
    uint64_t size; /* bytes of a value: the same of each */
    uint32_t type; /* of each value */
    memlane_atomic64
        holder;          /* the thread's mark, 0: none. Only a thread itself stores its mark, so relaxed is enough */
    uint32_t tag, token; /* of the endpoint and the lock then: a forked child has another tag, and holds nothing */
    uint32_t depth;
    bool changed;
    uint64_t seen;         /* the latest value when it began */
    unsigned char *record; /* what it becomes; `size` bytes, the caller's */
};

/* Bytes of the value, and where they are wanted. */
struct memlane_part {
    void *bytes;
    uint64_t offset, size;
};

/* What becomes of a transaction, or of a part of one, as memlane_buffer_outcome says. */
enum memlane_transaction_outcome {
    MEMLANE_TRANSACTION_DROP,
    MEMLANE_TRANSACTION_UNCHANGED,
    MEMLANE_TRANSACTION_CHANGED
};

/* Copies parts of the latest value, all of one version; zeros where there is none yet. Lock-free. MEMLANE_CORRUPTED. */
memlane_status memlane_transaction_copy(const struct memlane_transaction *transaction, const struct memlane_part *parts,
                                        uint32_t count, uint64_t *latest);

/* Whether this thread is in the transaction. Wait-free. */
bool memlane_transaction_is_inside(const struct memlane_transaction *transaction);

/* Begins, or begins a part of, this thread's transaction, with *record to change. With a deadline, or (`patient` false)
 * by one look. MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED, MEMLANE_CLOSED, MEMLANE_CORRUPTED. */
memlane_status memlane_transaction_begin(struct memlane_transaction *transaction, bool patient, uint64_t deadline_ns);

/* Ends the innermost part, the outermost one with all; the caller is inside. MEMLANE_OWNERSHIP_LOST: somebody published
 * since, having taken us for dead; MEMLANE_NO_FREE_SLOT. Nothing was published in either case. Lock-free. */
memlane_status memlane_transaction_end(struct memlane_transaction *transaction,
                                       enum memlane_transaction_outcome outcome);

#endif
