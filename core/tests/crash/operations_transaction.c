/* Operations by transactions, as a device buffer makes them: change, drop, and emit, which takes what is pending. */
#include "operations.h"

#include <string.h>

/* The value that the record is, 0 where nothing was written yet. */
static memlane_status value_of(const unsigned char record[SCENE_LENGTH], uint64_t *value) {
    static const unsigned char nothing[SCENE_LENGTH];
    if (memcmp(record, nothing, sizeof nothing) == 0) {
        *value = 0;
        return MEMLANE_OK;
    }
    return scene_is_whole(record, value) ? MEMLANE_OK : MEMLANE_CORRUPTED;
}

/* What the lock of the scene guards besides: nobody tells the next owner of a death that this one was told of. */
static void see_to_what_the_dead_left(const struct actor *actor) {
    struct guarded *guarded = scene_guarded(&scene.endpoint[actor->role].segment);
    *(volatile uint64_t *)&guarded->second = guarded->first;
}

/* In a part of its own, as a method within a caller's transaction. */
static memlane_status change(struct memlane_transaction *transaction, uint64_t value) {
    memlane_status status = memlane_transaction_begin(transaction, true, UINT64_MAX);
    if (status == MEMLANE_OK) {
        scene_fill(transaction->record, value);
        status = memlane_transaction_end(transaction, MEMLANE_TRANSACTION_CHANGED);
    }
    return status;
}

static void perform(const struct actor *actor, enum memlane_transaction_outcome outcome) {
    unsigned char record[SCENE_LENGTH];
    struct memlane_transaction transaction = scene_transaction(actor->role, record);
    struct machine_report *report = operation_begin(actor);
    memlane_status status = memlane_transaction_begin(&transaction, true, UINT64_MAX);
    if (status == MEMLANE_OK) {
        see_to_what_the_dead_left(actor);
        memlane_status whole = value_of(record, &report->taken);
        status = change(&transaction, actor->value);
        status = status == MEMLANE_OK ? whole : status;
        memlane_status ended = memlane_transaction_end(&transaction, outcome);
        status = status == MEMLANE_OK ? ended : status;
    }
    operation_end(report, status);
}

static void act_transact(void *argument) {
    perform(argument, MEMLANE_TRANSACTION_UNCHANGED);
}

static void act_drop(void *argument) {
    perform(argument, MEMLANE_TRANSACTION_DROP);
}

/* The message is made before the record without anything pending is published, and given out afterwards. */
static void act_emit(void *argument) {
    const struct actor *actor = argument;
    unsigned char record[SCENE_LENGTH];
    uint64_t message = 0;
    struct memlane_transaction transaction = scene_transaction(actor->role, record);
    struct machine_report *report = operation_begin(actor);
    memlane_status status = memlane_transaction_begin(&transaction, true, UINT64_MAX);
    if (status == MEMLANE_OK) {
        see_to_what_the_dead_left(actor);
        memlane_status whole = value_of(record, &message);
        scene_fill(record, actor->value);
        status = memlane_transaction_end(&transaction, MEMLANE_TRANSACTION_CHANGED);
        status = status == MEMLANE_OK ? whole : status;
    }
    if (status == MEMLANE_OK) {
        report->taken = message;
    }
    operation_end(report, status);
}

#define SURVIVORS (1u << WRITER | 1u << PINNER)

const struct operation operations_transaction[] = {
    {"transact", COMMITS | TRANSACTS, SURVIVORS, &scene_states, NULL, act_transact},
    {"transact+drop", TRANSACTS, SURVIVORS, &scene_states, NULL, act_drop},
    {"emit", COMMITS | TRANSACTS, SURVIVORS, &scene_states, NULL, act_emit},
};
const uint32_t operations_transaction_count = sizeof operations_transaction / sizeof *operations_transaction;
