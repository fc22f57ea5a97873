#include "operations.h"

#include <string.h>

static const struct {
    const struct operation *first;
    const uint32_t *count;
} groups[] = {
    {operations_register, &operations_register_count},
    {operations_lock, &operations_lock_count},
    {operations_rwlock, &operations_rwlock_count},
    {operations_channel, &operations_channel_count},
    {operations_share, &operations_share_count},
    {operations_lifecycle, &operations_lifecycle_count},
    {operations_transaction, &operations_transaction_count},
};

const struct operation *operation_at(uint32_t number) {
    for (size_t group = 0; group < sizeof groups / sizeof *groups; group++) {
        if (number < *groups[group].count) {
            return &groups[group].first[number];
        }
        number -= *groups[group].count;
    }
    return NULL;
}

const struct operation *operation_named(const char *name) {
    const struct operation *found;
    for (uint32_t number = 0; (found = operation_at(number)) != NULL; number++) {
        if (strcmp(found->name, name) == 0) {
            return found;
        }
    }
    return NULL;
}

struct machine_report *operation_begin(const struct actor *actor) {
    struct machine_report *report = &machine->report[actor->report];
    __atomic_store_n(&report->phase, MACHINE_DURING, __ATOMIC_SEQ_CST);
    return report;
}

void operation_end(struct machine_report *report, memlane_status status) {
    report->status = (int32_t)status;
    __atomic_store_n(&report->phase, MACHINE_AFTER, __ATOMIC_SEQ_CST);
}
