/* Operations on the value: write, put, pin, unpin, loans, read. */
#include "operations.h"

enum { LENGTH = SCENE_WORDS * sizeof(uint64_t) };

static struct endpoint *endpoint_of(const struct actor *actor) {
    return &scene.endpoint[actor->role];
}

/* Claims and fills; the report says what must not be taken from a live owner. */
static memlane_status claim_and_fill(const struct actor *actor, struct machine_report *report, uint64_t value,
                                     struct memlane_claim *claim) {
    memlane_status status = memlane_register_claim(&endpoint_of(actor)->reg, claim);
    if (status == MEMLANE_OK) {
        report->slot = claim->slot + 1;
        scene_fill(claim->bytes, value);
    }
    return status;
}

static memlane_status commit(const struct actor *actor, struct machine_report *report, struct memlane_claim *claim) {
    memlane_status status =
        memlane_register_commit(&endpoint_of(actor)->reg, claim, LENGTH, SCENE_TYPE, &report->version);
    report->slot = 0;
    return status;
}

static void write_value(const struct actor *actor, struct machine_report *report) {
    struct memlane_claim claim;
    memlane_status status = claim_and_fill(actor, report, actor->value, &claim);
    if (status == MEMLANE_OK) {
        status = commit(actor, report, &claim);
    }
    operation_end(report, status);
}

static void act_write(void *argument) {
    const struct actor *actor = argument;
    write_value(actor, operation_begin(actor));
}

/* What is replaced was taken where there is anything. */
static void prepare_put(const struct actor *actor) {
    uint64_t value, version;
    (void)actor;
    SCENE_REQUIRE(scene_get(WRITER, &value, &version) == (scene.base == 0 ? MEMLANE_EMPTY : MEMLANE_OK));
}

static void act_put(void *argument) {
    const struct actor *actor = argument;
    struct machine_report *report = operation_begin(actor);
    memlane_taking_make_way(&endpoint_of(actor)->taking);
    write_value(actor, report);
}

static void act_loan_and_drop(void *argument) {
    const struct actor *actor = argument;
    struct memlane_claim claim;
    struct machine_report *report = operation_begin(actor);
    memlane_status status = claim_and_fill(actor, report, actor->value, &claim);
    if (status == MEMLANE_OK) {
        memlane_register_drop(&endpoint_of(actor)->reg, &claim);
        report->slot = 0;
    }
    operation_end(report, status);
}

static void act_write_in_loan(void *argument) {
    const struct actor *actor = argument;
    struct memlane_claim loan, claim;
    uint64_t value;
    struct machine_report *report = operation_begin(actor);
    memlane_status status = claim_and_fill(actor, report, actor->value, &loan);
    if (status == MEMLANE_OK) {
        status = claim_and_fill(actor, report, actor->value + 1, &claim);
    }
    if (status == MEMLANE_OK) {
        status = commit(actor, report, &claim);
    }
    if (status == MEMLANE_OK && (!scene_is_whole(loan.bytes, &value) || value != actor->value)) {
        status = MEMLANE_CORRUPTED; /* the open loan was taken by our own write */
    }
    if (status == MEMLANE_OK) {
        status = commit(actor, report, &loan);
    }
    operation_end(report, status);
}

static void act_pin(void *argument) {
    const struct actor *actor = argument;
    struct memlane_glance glance;
    uint32_t pin;
    struct machine_report *report = operation_begin(actor);
    const struct memlane_register *reg = &endpoint_of(actor)->reg;
    memlane_status status = memlane_register_pin(&endpoint_of(actor)->reg, &glance, &pin);
    if (status == MEMLANE_OK) {
        report->pinned = glance.bytes;
        uint64_t control = memlane_load_acquire(&reg->slot[memlane_latest_slot(glance.latest)].control);
        if (memlane_word_version(control) != memlane_word_version(glance.latest)) {
            status = MEMLANE_CORRUPTED; /* the pin came too late, and nobody looked */
        }
    }
    operation_end(report, status);
}

/* What is unpinned is an old version where there is one. */
static void prepare_unpin(const struct actor *actor) {
    if (scene.base != 0) {
        SCENE_REQUIRE(scene_pin(actor->role) == MEMLANE_OK);
        SCENE_REQUIRE(scene_write(WRITER, ++scene.base) == MEMLANE_OK);
    }
}

static void act_unpin(void *argument) {
    const struct actor *actor = argument;
    struct endpoint *endpoint = endpoint_of(actor);
    struct machine_report *report = operation_begin(actor);
    if (endpoint->has_pin) {
        memlane_register_unpin(&endpoint->reg, endpoint->pin);
    }
    operation_end(report, MEMLANE_OK);
}

static void act_read(void *argument) {
    const struct actor *actor = argument;
    struct memlane_glance glance;
    uint64_t value = 0;
    struct machine_report *report = operation_begin(actor);
    memlane_status status;
    do {
        status = memlane_register_glance(&endpoint_of(actor)->reg, &glance);
        if (status == MEMLANE_OK) {
            bool whole = scene_is_whole(glance.bytes, &value);
            status = !memlane_register_still(&endpoint_of(actor)->reg, &glance) ? MEMLANE_TIMEOUT
                     : whole                                                    ? MEMLANE_OK
                                                                                : MEMLANE_CORRUPTED;
        }
    } while (status == MEMLANE_TIMEOUT);
    operation_end(report, status);
}

#define SURVIVORS (1u << WRITER | 1u << PINNER)

const struct operation operations_register[] = {
    {"write", COMMITS, SURVIVORS, &scene_states, NULL, act_write},
    {"put", COMMITS | VACATES, SURVIVORS, &scene_states, prepare_put, act_put},
    {"loan+drop", 0, SURVIVORS, &scene_states, NULL, act_loan_and_drop},
    {"write in a loan", COMMITS | LOANS, SURVIVORS, &scene_states, NULL, act_write_in_loan},
    {"pin", 0, SURVIVORS, &scene_states, NULL, act_pin},
    {"unpin", 0, SURVIVORS, &scene_states, prepare_unpin, act_unpin},
    {"read", 0, SURVIVORS, &scene_states, NULL, act_read},
};
const uint32_t operations_register_count = sizeof operations_register / sizeof *operations_register;
