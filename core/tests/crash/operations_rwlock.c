/* Operations on the lock for readers and writers. */
#include "operations.h"

static const struct memlane_limit for_ever = {.deadline_ns = UINT64_MAX};

static memlane_status look_at_both(const struct shared_guarded *guarded, memlane_status entered) {
    const volatile uint64_t *first = &guarded->first, *second = &guarded->second;
    bool whole = *first == *second;
    return whole || entered == MEMLANE_OWNER_DIED ? MEMLANE_OK : MEMLANE_CORRUPTED;
}

static memlane_status raise_both(struct shared_guarded *guarded, memlane_status entered) {
    memlane_status status = look_at_both(guarded, entered);
    *(volatile uint64_t *)&guarded->first += 1;
    *(volatile uint64_t *)&guarded->second = guarded->first;
    return status;
}

static bool is_inside(memlane_status status) {
    return status == MEMLANE_OK || status == MEMLANE_OWNER_DIED;
}

static void act_read(void *argument) {
    const struct actor *actor = argument;
    struct memlane_segment *segment = &scene.endpoint[actor->role].segment;
    struct memlane_rwlock lock = scene_rwlock(segment);
    struct machine_report *report = operation_begin(actor);
    memlane_status status = memlane_rwlock_read(&lock, &for_ever);
    if (is_inside(status)) {
        report->inside_rwlock = 1;
        status = look_at_both(scene_shared_guarded(segment), status);
        report->inside_rwlock = 0;
        memlane_status ended = memlane_rwlock_end_read(&lock, segment->tag);
        status = ended != MEMLANE_OK ? ended : status;
    }
    operation_end(report, status);
}

static void act_write(void *argument) {
    const struct actor *actor = argument;
    struct memlane_segment *segment = &scene.endpoint[actor->role].segment;
    struct memlane_rwlock lock = scene_rwlock(segment);
    struct machine_report *report = operation_begin(actor);
    memlane_status status = memlane_rwlock_write(&lock, &for_ever, &report->token);
    if (is_inside(status)) {
        report->inside_rwlock = 1;
        status = raise_both(scene_shared_guarded(segment), status);
        report->inside_rwlock = 0;
        memlane_status ended = memlane_rwlock_end_write(&lock, report->token);
        status = ended != MEMLANE_OK ? ended : status;
    }
    operation_end(report, status);
}

/* A writer or a reader died inside, and nobody noticed yet. */
static void prepare_death(bool writes) {
    uint32_t token;
    if ((scene.conditions & (WRITER_OF_DEAD | READER_OF_DEAD | CROWDED)) != 0) {
        return;
    }
    SCENE_REQUIRE(scene_open(FILLER, false, NULL) == MEMLANE_OK);
    struct memlane_segment *segment = &scene.endpoint[FILLER].segment;
    struct memlane_rwlock lock = scene_rwlock(segment);
    memlane_status status =
        writes ? memlane_rwlock_write(&lock, &for_ever, &token) : memlane_rwlock_read(&lock, &for_ever);
    SCENE_REQUIRE(status == MEMLANE_OK);
    scene_shared_guarded(segment)->first += writes;
    machine_kill(FILLER);
}

static void prepare_death_of_a_writer(const struct actor *actor) {
    (void)actor;
    prepare_death(true);
}

static void prepare_death_of_a_reader(const struct actor *actor) {
    (void)actor;
    prepare_death(false);
}

#define SURVIVORS (1u << WRITER | 1u << PINNER)

const struct operation operations_rwlock[] = {
    {"read+leave", RWLOCK, SURVIVORS, &scene_states_rwlock, NULL, act_read},
    {"write+leave", RWLOCK, SURVIVORS, &scene_states_rwlock, NULL, act_write},
    {"read after a death", RWLOCK, SURVIVORS, &scene_states_rwlock, prepare_death_of_a_writer, act_read},
    {"write after a death", RWLOCK, SURVIVORS, &scene_states_rwlock, prepare_death_of_a_reader, act_write},
};
const uint32_t operations_rwlock_count = sizeof operations_rwlock / sizeof *operations_rwlock;
