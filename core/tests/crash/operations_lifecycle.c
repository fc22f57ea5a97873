/* Operations on objects and endpoints: creation, attaching, closing, cleaning up, forking, removing names. */
#include "operations.h"

#include "fork.h"
#include "participant.h"
#include "removal.h"

static const struct memlane_sharing private_sharing = {.permissions = 0600, .peer_user = -1};

static void act_open(void *argument) {
    const struct actor *actor = argument;
    struct machine_report *report = operation_begin(actor);
    operation_end(report, scene_open(actor->role, true, NULL));
}

/* The next owner of an index at work: where the victim died, its index is the first that is free. */
static void act_open_and_write(void *argument) {
    const struct actor *actor = argument;
    struct machine_report *report = operation_begin(actor);
    memlane_status status = scene_open(actor->role, true, NULL);
    if (status == MEMLANE_OK) {
        status = scene_write(actor->role, actor->value);
    }
    operation_end(report, status);
}

static void act_close(void *argument) {
    const struct actor *actor = argument;
    struct machine_report *report = operation_begin(actor);
    scene_close(actor->role);
    operation_end(report, MEMLANE_OK);
}

static void act_bind_and_unbind(void *argument) {
    const struct actor *actor = argument;
    struct memlane_register reg;
    struct machine_report *report = operation_begin(actor);
    memlane_status status = memlane_register_bind(&reg, &scene.endpoint[actor->role].segment, NULL);
    if (status == MEMLANE_OK) {
        memlane_register_unbind(&reg);
    }
    operation_end(report, status);
}

static void act_collect(void *argument) {
    const struct actor *actor = argument;
    struct machine_report *report = operation_begin(actor);
    memlane_participant_collect(&scene.endpoint[actor->role].segment);
    operation_end(report, MEMLANE_OK);
}

static void act_sweep(void *argument) {
    const struct actor *actor = argument;
    uint32_t removed;
    struct machine_report *report = operation_begin(actor);
    operation_end(report, memlane_removal_collect(NULL, &private_sharing, &removed, NULL));
}

static void act_unlink(void *argument) {
    const struct actor *actor = argument;
    struct memlane_request request = scene_request(scene.conditions, false);
    struct machine_report *report = operation_begin(actor);
    operation_end(report, memlane_removal_unlink(NULL, &request.name, &private_sharing, NULL));
}

/* The self-test counts as made for this device only. */
static void prepare_creation(const struct actor *actor) {
    (void)actor;
    machine->device += (scene.conditions & UNTESTED_FILE_SYSTEM) != 0;
}

/* -- nobody else is left ------------------------------------------------------------------------------------- */

static void prepare_last(const struct actor *actor) {
    (void)actor;
    scene_close(WRITER);
    scene_close(PINNER);
}

/* All users died, the last one too: only an ephemeral object may go then. */
static void prepare_deserted(const struct actor *actor) {
    (void)actor;
    machine_kill(WRITER);
    machine_kill(PINNER);
    scene.endpoint[WRITER].open = scene.endpoint[PINNER].open = false;
}

/* -- fork: the actor's process has its own endpoint only ------------------------------------------------------- */

static void forget_the_others(enum role role) {
    memlane_fork_hold();
    for (int other = 0; other < ROLES; other++) {
        if (other != (int)role && scene.endpoint[other].open) {
            memlane_fork_forget(&scene.endpoint[other].segment);
        }
    }
    memlane_fork_release();
}

/* The parent holds two versions and has an open loan, where there is something to hold. */
static void prepare_fork(const struct actor *actor) {
    forget_the_others(actor->role);
    if (scene.base != 0) {
        SCENE_REQUIRE(scene_pin(actor->role) == MEMLANE_OK);
        SCENE_REQUIRE(scene_write(WRITER, ++scene.base) == MEMLANE_OK);
    }
    SCENE_REQUIRE(scene_take_loan(actor->role, 700) == MEMLANE_OK);
}

static void act_fork_prepare(void *argument) {
    const struct actor *actor = argument;
    struct machine_report *report = operation_begin(actor);
    machine_fork_handlers()->prepare();
    operation_end(report, MEMLANE_OK);
}

/* Up to the moment at which there are two processes. Private memory is that of either of them. */
static void prepare_forked(const struct actor *actor) {
    prepare_fork(actor);
    machine_become(VICTIM);
    machine_fork_handlers()->prepare();
    machine_fork(VICTIM, SECOND);
}

static void act_fork_parent(void *argument) {
    const struct actor *actor = argument;
    struct machine_report *report = operation_begin(actor);
    machine_fork_handlers()->parent();
    operation_end(report, MEMLANE_OK);
}

static void act_fork_child(void *argument) {
    const struct actor *actor = argument;
    struct machine_report *report = operation_begin(actor);
    machine_fork_handlers()->child();
    operation_end(report, MEMLANE_OK);
}

#define SURVIVORS (1u << WRITER | 1u << PINNER)

const struct operation operations_lifecycle[] = {
    {"fork, prepare", NO_DOUBLE, SURVIVORS, &scene_states, prepare_fork, act_fork_prepare},
    {"fork, parent", NO_DOUBLE | FORKS, SURVIVORS, &scene_states, prepare_forked, act_fork_parent},
    {"fork, child", NO_DOUBLE | FORKS | AS_CHILD, SURVIVORS, &scene_states, prepare_forked, act_fork_child},
    {"bind+unbind", 0, SURVIVORS, &scene_states, NULL, act_bind_and_unbind},
    {"unlink", OPENS | UNLINKS, SURVIVORS, &scene_states, NULL, act_unlink},
    {"close", LEAVES, SURVIVORS, &scene_states, NULL, act_close},
    {"close the last one", LEAVES, SURVIVORS, &scene_states_last, prepare_last, act_close},
    {"collect", CLEANS, SURVIVORS, &scene_states, NULL, act_collect},
    {"sweep", OPENS, SURVIVORS, &scene_states_last, prepare_deserted, act_sweep},
    {"create", OPENS, 0, &scene_states_creation, prepare_creation, act_open},
    {"attach", OPENS, SURVIVORS, &scene_states, NULL, act_open},
    {"attach+write", OPENS | COMMITS, SURVIVORS, &scene_states, NULL, act_open_and_write},
    {"open a deserted one", OPENS, SURVIVORS, &scene_states_last, prepare_deserted, act_open},
};
const uint32_t operations_lifecycle_count = sizeof operations_lifecycle / sizeof *operations_lifecycle;
