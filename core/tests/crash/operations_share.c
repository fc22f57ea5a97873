/* Operations on what waits to be taken: get, get in place, clear. A put is in operations_register.c. */
#include "operations.h"

static struct endpoint *endpoint_of(const struct actor *actor) {
    return &scene.endpoint[actor->role];
}

/* One copy. MEMLANE_TIMEOUT: a writer took the slot; MEMLANE_EMPTY: or may do so, since the value was taken. */
static memlane_status copy(const struct memlane_register *reg, uint64_t *version) {
    struct memlane_glance glance;
    uint64_t value;
    memlane_status status = memlane_register_glance(reg, &glance);
    if (status != MEMLANE_OK) {
        return status;
    }
    bool whole = scene_is_whole(glance.bytes, &value);
    *version = memlane_word_version(glance.latest);
    return !memlane_register_still(reg, &glance) ? MEMLANE_TIMEOUT : whole ? MEMLANE_OK : MEMLANE_CORRUPTED;
}

static memlane_status look_and_copy(const struct endpoint *endpoint, uint64_t *version) {
    uint64_t latest;
    memlane_status status = memlane_taking_look(&endpoint->taking, &latest);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = copy(&endpoint->reg, version);
    return status == MEMLANE_EMPTY ? MEMLANE_TIMEOUT : status; /* taken and given up meanwhile: look again */
}

static void act_get(void *argument) {
    const struct actor *actor = argument;
    const struct endpoint *endpoint = endpoint_of(actor);
    struct machine_report *report = operation_begin(actor);
    memlane_status status;
    do {
        status = look_and_copy(endpoint, &report->version);
        if (status == MEMLANE_OK) {
            status = memlane_taking_take(&endpoint->taking, report->version);
        }
    } while (status == MEMLANE_TIMEOUT || status == MEMLANE_TAKEN);
    operation_end(report, status);
}

static memlane_status look_and_pin(struct endpoint *endpoint, struct machine_report *report, uint32_t *pin) {
    struct memlane_glance glance;
    uint64_t latest;
    memlane_status status = memlane_taking_look(&endpoint->taking, &latest);
    if (status == MEMLANE_OK) {
        status = memlane_register_pin(&endpoint->reg, &glance, pin);
        status = status == MEMLANE_EMPTY ? MEMLANE_TIMEOUT : status; /* taken and given up meanwhile: look again */
    }
    if (status == MEMLANE_OK) {
        report->pinned = glance.bytes;
        report->version = memlane_word_version(glance.latest);
    }
    return status;
}

static void act_get_in_place(void *argument) {
    const struct actor *actor = argument;
    struct endpoint *endpoint = endpoint_of(actor);
    struct machine_report *report = operation_begin(actor);
    uint32_t pin = 0;
    memlane_status status;
    do {
        status = look_and_pin(endpoint, report, &pin);
        if (status == MEMLANE_OK) {
            status = memlane_taking_take(&endpoint->taking, report->version);
        }
        if (status == MEMLANE_TAKEN) {
            report->pinned = NULL;
            memlane_register_unpin(&endpoint->reg, pin);
        }
    } while (status == MEMLANE_TIMEOUT || status == MEMLANE_TAKEN);
    operation_end(report, status);
}

static void act_clear(void *argument) {
    const struct actor *actor = argument;
    const struct endpoint *endpoint = endpoint_of(actor);
    struct machine_report *report = operation_begin(actor);
    uint64_t latest;
    memlane_status status = memlane_taking_look(&endpoint->taking, &latest);
    if (status == MEMLANE_OK) {
        report->version = memlane_word_version(latest);
        status = memlane_taking_take(&endpoint->taking, report->version);
    }
    operation_end(report, status == MEMLANE_TAKEN ? MEMLANE_EMPTY : status);
}

#define SURVIVORS (1u << WRITER | 1u << PINNER)

const struct operation operations_share[] = {
    {"get", TAKES, SURVIVORS, &scene_states, NULL, act_get},
    {"get in place", TAKES, SURVIVORS, &scene_states, NULL, act_get_in_place},
    {"clear", TAKES, SURVIVORS, &scene_states, NULL, act_clear},
};
const uint32_t operations_share_count = sizeof operations_share / sizeof *operations_share;
