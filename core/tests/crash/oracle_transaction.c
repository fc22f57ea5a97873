#include "oracle_transaction.h"

#include "guard.h"

enum { DROPPED_VALUE = 5000, VALUE = 5001 };

static uint64_t value_of(enum role role) {
    uint64_t value = 0;
    memlane_status status = scene_read(role, &value);
    ORACLE_REQUIRE(status == MEMLANE_OK || status == MEMLANE_EMPTY, "role %d reads: %s", role,
                   memlane_status_name(status));
    return status == MEMLANE_OK ? value : 0;
}

void transaction_note_before(struct inquest *inquest) {
    if ((inquest->player[0].actor.operation->traits & TRANSACTS) == 0) {
        return; /* nor need the survivor's endpoint be open, as at the last close */
    }
    inquest->base_before = scene.base;
    inquest->published_before = value_of(WRITER) == inquest->player[0].actor.value;
}

void transaction_note_after(struct inquest *inquest) {
    inquest->base_after = scene.base;
}

bool transaction_may_be_lost(const struct inquest *inquest) {
    return inquest->resumed && !inquest->published_before && inquest->base_after != inquest->base_before;
}

void transaction_check(const struct inquest *inquest) {
    const struct machine_report *report = &machine->report[inquest->player[0].actor.report];
    if (report->phase != MACHINE_AFTER || report->status != MEMLANE_OK) {
        return;
    }
    uint64_t replaced =
        inquest->resumed ? inquest->published_before ? inquest->base_before : inquest->base_after : scene.base;
    bool drops =
        (inquest->player[0].actor.operation->traits & COMMITS) == 0; /* and may have looked before the others */
    ORACLE_REQUIRE(report->taken == replaced || (drops && report->taken == inquest->base_before),
                   "the transaction found %lu, and replaced %lu", (unsigned long)report->taken,
                   (unsigned long)replaced);
}

static memlane_status begin_as(enum role role, struct memlane_transaction *transaction) {
    scene_become(role);
    return memlane_transaction_begin(transaction, true, machine->clock + SCENE_PATIENCE_NS);
}

/* Begun, changed and ended; the value that is read afterwards. */
static uint64_t transact(enum role one, enum role other, uint64_t value, enum memlane_transaction_outcome outcome) {
    unsigned char record[SCENE_LENGTH], unused[SCENE_LENGTH];
    struct memlane_transaction transaction = scene_transaction(one, record);
    struct memlane_transaction excluded = scene_transaction(other, unused);
    uint64_t found, before = value_of(one);
    memlane_status status = begin_as(one, &transaction);
    ORACLE_REQUIRE(status == MEMLANE_OK, "role %d cannot begin a transaction: %s", one, memlane_status_name(status));
    ORACLE_REQUIRE(before == 0 || (scene_is_whole(record, &found) && found == before),
                   "role %d does not find the latest value in its transaction", one);
    ORACLE_REQUIRE(one == other || begin_as(other, &excluded) == MEMLANE_TIMEOUT, "two are in a transaction");
    scene_become(one);
    scene_fill(record, value);
    status = memlane_transaction_end(&transaction, outcome);
    ORACLE_REQUIRE(status == MEMLANE_OK, "role %d cannot end its transaction: %s", one, memlane_status_name(status));
    found = value_of(other);
    ORACLE_REQUIRE(found == (outcome == MEMLANE_TRANSACTION_DROP ? before : value), "after a transaction %lu is read",
                   (unsigned long)found);
    return found;
}

void transaction_exercise(bool held, enum role one, enum role other) {
    unsigned char record[SCENE_LENGTH];
    struct memlane_transaction transaction = scene_transaction(one, record);
    if (held) {
        ORACLE_REQUIRE(begin_as(one, &transaction) == MEMLANE_TIMEOUT, "a transaction begins within another");
        value_of(one); /* who reads does not wait for it */
        return;
    }
    transact(one, other, DROPPED_VALUE, MEMLANE_TRANSACTION_DROP);
    if (guard_count_writable(&scene.endpoint[one].reg) > 0) {
        transact(one, other, VALUE, MEMLANE_TRANSACTION_CHANGED);
        /* NOLINTNEXTLINE(readability-suspicious-call-argument): the other way round, on purpose */
        transact(other, one, VALUE + 1, MEMLANE_TRANSACTION_CHANGED);
    }
}
