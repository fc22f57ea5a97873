/* Operations on the lock word. */
#include "operations.h"

static struct guarded *guarded_of(const struct actor *actor) {
    return scene_guarded(&scene.endpoint[actor->role].segment);
}

/* Both words are raised inside the lock. An owner that died between them is announced, so the words may differ
 * then. */
static memlane_status raise_both(struct guarded *guarded, memlane_status acquired) {
    if (acquired == MEMLANE_OK && guarded->first != guarded->second) {
        return MEMLANE_CORRUPTED; /* nobody said that the last owner died inside */
    }
    *(volatile uint64_t *)&guarded->first += 1;
    *(volatile uint64_t *)&guarded->second = guarded->first;
    return MEMLANE_OK;
}

static void act_lock(void *argument) {
    const struct actor *actor = argument;
    struct memlane_segment *segment = &scene.endpoint[actor->role].segment;
    struct guarded *guarded = guarded_of(actor);
    struct machine_report *report = operation_begin(actor);
    memlane_status status = memlane_lock_acquire(segment, &guarded->lock, UINT64_MAX, &report->token);
    if (status == MEMLANE_OK || status == MEMLANE_OWNER_DIED) {
        report->tag = segment->tag;
        report->inside_lock = 1;
        status = raise_both(guarded, status);
        report->inside_lock = 0;
        memlane_status released = memlane_lock_release(segment, &guarded->lock, report->token);
        status = released != MEMLANE_OK ? released : status;
    }
    operation_end(report, status);
}

/* A former owner died inside, and nobody noticed yet. */
static void prepare_steal(const struct actor *actor) {
    uint32_t token;
    (void)actor;
    if ((scene.conditions & LOCK_OF_DEAD) != 0) {
        return;
    }
    SCENE_REQUIRE(scene_open(FILLER, false, NULL) == MEMLANE_OK);
    struct memlane_segment *segment = &scene.endpoint[FILLER].segment;
    SCENE_REQUIRE(memlane_lock_acquire(segment, &scene_guarded(segment)->lock, UINT64_MAX, &token) == MEMLANE_OK);
    scene_guarded(segment)->first++;
    machine_kill(FILLER);
}

#define SURVIVORS (1u << WRITER | 1u << PINNER)

const struct operation operations_lock[] = {
    {"lock+unlock", HOLDS_LOCK, SURVIVORS, &scene_states, NULL, act_lock},
    {"steal+unlock", HOLDS_LOCK, SURVIVORS, &scene_states, prepare_steal, act_lock},
};
const uint32_t operations_lock_count = sizeof operations_lock / sizeof *operations_lock;
