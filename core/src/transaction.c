#include "transaction.h"

#include "participant.h"
#include "statistics.h"
#include "wait.h"

#include <string.h>

enum { ATTEMPTS_MAXIMUM = 10000 }; /* each failure needs slots - 1 transactions during one copy */

/* -- reading --------------------------------------------------------------------------------------------------- */

static void copy_parts(const unsigned char *value, const struct memlane_part *parts, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (value == NULL) {
            memset(parts[i].bytes, 0, (size_t)parts[i].size);
        } else {
            memcpy(parts[i].bytes, value + parts[i].offset, (size_t)parts[i].size);
        }
    }
}

memlane_status memlane_transaction_copy(const struct memlane_transaction *transaction, const struct memlane_part *parts,
                                        uint32_t count, uint64_t *latest) {
    const struct memlane_register *reg = transaction->reg;
    for (uint32_t attempt = 0; attempt < ATTEMPTS_MAXIMUM; attempt++) {
        struct memlane_glance glance;
        memlane_status status = memlane_register_glance(reg, &glance);
        if (status == MEMLANE_EMPTY) {
            copy_parts(NULL, parts, count);
            *latest = 0;
            return MEMLANE_OK;
        }
        if (status == MEMLANE_OK && glance.length == transaction->size) {
            copy_parts(glance.bytes, parts, count);
            if (memlane_register_still(reg, &glance)) {
                *latest = glance.latest;
                return MEMLANE_OK;
            }
        } else if (status == MEMLANE_CORRUPTED) {
            break;
        }
        memlane_statistics_add(reg->segment, MEMLANE_COUNTER_RETRIES, 1);
    }
    return MEMLANE_CORRUPTED;
}

/* -- beginning ------------------------------------------------------------------------------------------------- */

bool memlane_transaction_is_inside(const struct memlane_transaction *transaction) {
    const struct memlane_segment *segment = transaction->reg->segment;
    /* relaxed: only this thread stores its mark, and takes it away. A forked child has another tag, or no place yet. */
    return memlane_load_relaxed(&transaction->holder) == memlane_platform_thread_mark() &&
           memlane_segment_is_attached(segment) && transaction->tag == segment->tag;
}

/* The lock was taken; nobody else changes the value from here on. A former owner that died in a transaction left
 * nothing behind: what it changed was private. */
static memlane_status start(struct memlane_transaction *transaction, memlane_status acquired, uint32_t token) {
    struct memlane_segment *segment = transaction->reg->segment;
    const struct memlane_part whole = {.bytes = transaction->record, .size = transaction->size};
    uint64_t seen = 0;
    if (acquired == MEMLANE_OWNER_DIED) {
        memlane_statistics_add(segment, MEMLANE_COUNTER_RECOVERED, 1);
    }
    memlane_status status = memlane_transaction_copy(transaction, &whole, 1, &seen);
    if (status != MEMLANE_OK) {
        memlane_lock_release(segment, transaction->lock, token);
        return status;
    }
    transaction->tag = segment->tag;
    transaction->token = token;
    transaction->depth = 1;
    transaction->changed = false;
    transaction->seen = seen;
    memlane_store_relaxed(&transaction->holder, memlane_platform_thread_mark()); /* relaxed: for this thread alone */
    return MEMLANE_OK;
}

memlane_status memlane_transaction_begin(struct memlane_transaction *transaction, bool patient, uint64_t deadline_ns) {
    struct memlane_segment *segment = transaction->reg->segment;
    uint32_t token;
    if (memlane_transaction_is_inside(transaction)) {
        transaction->depth++;
        return MEMLANE_OK;
    }
    memlane_status status = patient ? memlane_lock_acquire(segment, transaction->lock, deadline_ns, &token)
                                    : memlane_lock_try(segment, transaction->lock, &token);
    return status == MEMLANE_OK || status == MEMLANE_OWNER_DIED ? start(transaction, status, token) : status;
}

/* -- ending ---------------------------------------------------------------------------------------------------- */

static memlane_status claim(struct memlane_register *reg, struct memlane_claim *place) {
    memlane_status status = memlane_register_claim(reg, place);
    if (status == MEMLANE_OK) {
        return MEMLANE_OK;
    }
    memlane_participant_collect(reg->segment); /* what the dead held */
    return memlane_register_claim(reg, place);
}

/* The one moment at which all that the transaction changed becomes visible is in memlane_register_commit_if(). It fails
 * where the lock was taken from us by somebody who published since. */
static memlane_status publish(const struct memlane_transaction *transaction) {
    struct memlane_register *reg = transaction->reg;
    struct memlane_claim place;
    uint64_t version;
    memlane_status status = claim(reg, &place);
    if (status != MEMLANE_OK) {
        return status;
    }
    memcpy(place.bytes, transaction->record, (size_t)transaction->size);
    status = memlane_register_commit_if(reg, &place, transaction->seen, transaction->size, transaction->type, &version);
    if (status == MEMLANE_OK) {
        memlane_wait_notify(&reg->control->bell);
        memlane_statistics_add(reg->segment, MEMLANE_COUNTER_WRITES, 1);
    }
    return status;
}

memlane_status memlane_transaction_end(struct memlane_transaction *transaction,
                                       enum memlane_transaction_outcome outcome) {
    memlane_status status = MEMLANE_OK;
    transaction->changed = transaction->changed || outcome == MEMLANE_TRANSACTION_CHANGED;
    if (--transaction->depth > 0) {
        return MEMLANE_OK;
    }
    if (outcome != MEMLANE_TRANSACTION_DROP && transaction->changed) {
        status = publish(transaction);
    }
    uint32_t token = transaction->token;
    memlane_store_relaxed(&transaction->holder,
                          0); /* relaxed: before the release of the lock, which another may take */
    /* Lost after the publication: it came before whatever the new owner does. */
    memlane_lock_release(transaction->reg->segment, transaction->lock, token);
    return status;
}
