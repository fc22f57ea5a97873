/* One crash. The state of the machine decides what survivors can see, so that equal states are examined once:
 * instructions that change private memory only are points, too, but need no second look. A process that goes on
 * has its private memory, so that "resumed" looks at every instruction. */
#define _GNU_SOURCE
#include "runner.h"

#include "guard.h"
#include "oracle.h"
#include "oracle_taking.h"
#include "oracle_transaction.h"
#include "participant.h"
#include "stepper.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Each so-manieth instruction is resumed, or really killed, in the short form. Coprime to what interfere() chooses
 * by. */
enum {
    VALUE = 777,
    LONG_OPERATION = 1000,
    RESUMED_EACH = 23,
    RESUMED_EACH_WHEN_FULL = 2,
    RESUMED_EACH_WHEN_TAKING = 2,
    RESUMED_EACH_WHEN_LONG = 83,
    KILLED_EACH = 151
};

enum interference { WRITES, HEIR, ONE_WRITE, LOCK, DECLARED_DEAD, INTERFERENCES };

/* One case, in one process. */
static struct {
    const struct operation *operation;
    uint32_t state;
    struct inquest inquest;
    struct machine_snapshot *snapshot;
    int mode;
    bool must_be_fenced;
} run;

static void set_place(void) {
    char text[PLACE_SIZE], description[SCENE_DESCRIPTION_SIZE];
    scene_describe(run.operation->states->conditions[run.state], description);
    snprintf(text, sizeof text,
             "%s, %s at step %lu, state %u (%s)\n  again: crash --operation '%s' --mode %s --state %u --step %lu",
             run.operation->name, runner_mode_name(run.mode), (unsigned long)run.inquest.step, run.state, description,
             run.operation->name, runner_mode_name(run.mode), run.state, (unsigned long)run.inquest.step);
    oracle_set_place(text);
}

static void build(void) {
    bool opens = (run.operation->traits & OPENS) != 0;
    struct actor *actor = &run.inquest.player[0].actor;
    *actor = (struct actor){.operation = run.operation, .role = VICTIM, .process = VICTIM, .value = VALUE};
    if ((run.operation->traits & AS_CHILD) != 0) {
        actor->process = SECOND;
    }
    run.inquest.players = 1;
    scene_build(run.operation->states->conditions[run.state], run.operation->roles | (opens ? 0 : 1u << VICTIM));
    if (run.operation->prepare != NULL) {
        run.operation->prepare(actor);
    }
}

static void examine(void *argument) {
    (void)argument;
    run.inquest.player[0].alive = run.mode == STOPPED;
    if (!run.inquest.player[0].alive) {
        machine_kill(run.inquest.player[0].actor.process);
    }
    oracle_examine(&run.inquest);
}

static void check_victim_did_not_crash(void) {
    if (stepper_crash_signal() != 0) {
        oracle_fail("the victim itself was ended by signal %d", stepper_crash_signal());
    }
}

/* -- what others do while the victim is stopped, before it goes on --------------------------------------- */

static bool others_write(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (scene_write(WRITER, scene.base + 1) != MEMLANE_OK) {
            return false;
        }
        scene.base++;
    }
    return true;
}

/* The index of DEAD gets a new owner, which takes slots and keeps them. */
static void an_heir_comes(void) {
    enum { SLOTS_FOR_THE_REST = 4 };
    if (scene_open(SECOND, true, NULL) != MEMLANE_OK) {
        return; /* a stopped remover holds every place: nobody comes */
    }
    while (scene.endpoint[SECOND].loans < SCENE_SLOTS &&
           guard_count_writable(&scene.endpoint[SECOND].reg) >= SLOTS_FOR_THE_REST) {
        ORACLE_REQUIRE(scene_take_loan(SECOND, 1500) == MEMLANE_OK, "the heir cannot loan");
    }
}

static void others_lock(void) {
    struct memlane_segment *segment = &scene_become(WRITER)->segment;
    struct memlane_lock_word *lock = &scene_guarded(segment)->lock;
    uint32_t token;
    memlane_status status = memlane_lock_acquire(segment, lock, machine->clock + SCENE_PATIENCE_NS, &token);
    if (status == MEMLANE_TIMEOUT) {
        return;
    }
    struct guarded *guarded = scene_guarded(segment);
    guarded->first = guarded->second = guarded->first + 1;
    ORACLE_REQUIRE(memlane_lock_release(segment, lock, token) == MEMLANE_OK, "a survivor cannot release");
}

static void others_use_the_shared_lock(void) {
    struct memlane_segment *segment = &scene_become(WRITER)->segment;
    struct memlane_rwlock lock = scene_rwlock(segment);
    struct shared_guarded *guarded = scene_shared_guarded(segment);
    const struct memlane_limit limit = {.deadline_ns = machine->clock + SCENE_PATIENCE_NS};
    uint32_t token;
    memlane_status status = memlane_rwlock_write(&lock, &limit, &token);
    if (status != MEMLANE_TIMEOUT) {
        guarded->first = guarded->second = guarded->first + 1;
        ORACLE_REQUIRE(memlane_rwlock_end_write(&lock, token) == MEMLANE_OK, "a survivor cannot end writing");
    }
    if (memlane_rwlock_read(&lock, &limit) != MEMLANE_TIMEOUT) {
        ORACLE_REQUIRE(memlane_rwlock_end_read(&lock, segment->tag) == MEMLANE_OK, "a survivor cannot end reading");
    }
}

/* A verdict that is wrong: the byte lock was lost, and nothing else speaks for the victim. What it held goes to
 * others, and what it does with that later must fail. */
static void declare_dead(void) {
    bool inside = machine->report[0].inside_lock != 0 || machine->report[0].inside_rwlock != 0;
    machine_kill(VICTIM);
    others_lock();
    others_use_the_shared_lock();
    run.inquest.zombie = true;
    run.must_be_fenced = inside;
}

static void interfere(void) {
    bool writer = scene.endpoint[WRITER].open;
    const struct memlane_register *reg = &scene.endpoint[WRITER].reg;
    if ((run.operation->traits & TAKES) != 0) {
        taking_interfere(&run.inquest);
    }
    switch (writer ? (enum interference)((run.inquest.step * 7 + run.state) % INTERFERENCES) : HEIR) {
    case WRITES:
        ORACLE_REQUIRE(guard_count_writable(reg) == 0 || others_write(2 * reg->slots), "a survivor cannot write");
        scene_become(WRITER);
        memlane_participant_collect(&scene.endpoint[WRITER].segment);
        break;
    case HEIR:
        an_heir_comes();
        break;
    case ONE_WRITE:
        ORACLE_REQUIRE(guard_count_writable(reg) == 0 || others_write(1), "a survivor cannot write");
        break;
    case LOCK:
        others_lock();
        others_use_the_shared_lock();
        break;
    default:
        if ((run.operation->traits & (HOLDS_LOCK | RWLOCK)) != 0) {
            declare_dead();
        }
    }
}

static void check_holdings(void) {
    for (int role = VICTIM + 1; role < ROLES; role++) {
        bool lives = machine->process[scene.process[role]].condition == MACHINE_RUNNING;
        ORACLE_REQUIRE(!lives || scene_holdings_are_whole((enum role)role),
                       "role %d: a pinned value or an open loan changed", role);
    }
}

/* -- one point ------------------------------------------------------------------------------------------- */

static bool wanted(int mode) {
    return options.mode < 0 || options.mode == mode;
}

/* The victim must go on when this process has interfered, and its life outside is the tracer's: this process stops
 * for it. */
static void interfere_and_examine(pid_t parent) {
    runner_end_with_parent(parent);
    runner_watch(RUNNER_HANG_SECONDS);
    if (run.mode == RESUMED) {
        transaction_note_before(&run.inquest);
        interfere();
        transaction_note_after(&run.inquest);
    }
    raise(SIGSTOP);
    run.inquest.resumed = run.mode == RESUMED;
    ORACLE_REQUIRE(!run.must_be_fenced || machine->report[0].status == MEMLANE_OWNERSHIP_LOST,
                   "who was declared dead inside the lock released it: %s",
                   memlane_status_name((memlane_status)machine->report[0].status));
    check_holdings();
    if (run.inquest.zombie) { /* its plain stores, which nothing can fence */
        struct guarded *guarded = scene_guarded(&scene.endpoint[WRITER].segment);
        guarded->second = guarded->first;
        struct shared_guarded *shared = scene_shared_guarded(&scene.endpoint[WRITER].segment);
        shared->second = shared->first;
    }
    examine(NULL);
    _exit(0);
}

static void examine_clone(const struct stepper *stepper) {
    struct stepper clone;
    stepper_clone(stepper, &clone);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        interfere_and_examine(parent);
    }
    if (pid < 0) {
        perror("crash: fork");
        exit(2);
    }
    runner_await(pid, true);
    runner_watch(RUNNER_HANG_SECONDS);
    if (run.mode == RESUMED) {
        stepper_finish(&clone);
    } else {
        stepper_kill(&clone);
    }
    runner_watch(0);
    check_victim_did_not_crash();
    kill(pid, SIGCONT);
    runner_await(pid, false);
}

static void examine_in_mode(int mode, const struct stepper *stepper, struct tally *tally) {
    run.mode = mode;
    set_place();
    if (mode == KILLED || mode == STOPPED) {
        runner_in_a_fork(examine, NULL);
    } else {
        examine_clone(stepper);
    }
    machine_restore(run.snapshot);
    memlane_add_relaxed(&tally->examined, 1);
}

static uint64_t resumed_each(uint64_t step) {
    bool full = (run.operation->states->conditions[run.state] & FULL) != 0;
    bool is_long = step > LONG_OPERATION || (run.operation->traits & (OPENS | LEAVES)) != 0;
    bool takes = (run.operation->traits & TAKES) != 0;
    return options.long_form ? 1
           : takes           ? RESUMED_EACH_WHEN_TAKING
           : is_long         ? RESUMED_EACH_WHEN_LONG
           : full            ? RESUMED_EACH_WHEN_FULL
                             : RESUMED_EACH;
}

/* Survivors of a killed or stopped victim see the machine alone. One that goes on has its private memory, too. */
static bool is_due(int mode, uint64_t step, bool is_new, uint64_t situation) {
    if (options.step != 0) {
        return options.step == step;
    }
    switch (mode) {
    case KILLED:
    case STOPPED:
        return is_new && situation % options.every == 0;
    case RESUMED:
        return stepper_can_clone() && (run.operation->traits & FORKS) == 0 &&
               (step + run.state) % (resumed_each(step) * options.every) == 0;
    default:
        return stepper_can_clone() &&
               (step + 37 * (uint64_t)run.state) % (options.long_form ? RESUMED_EACH : KILLED_EACH) == 0;
    }
}

/* Modes that examined anything in this state. */
static bool any[MODES];

static void examine_point(const struct stepper *stepper, bool is_new, uint64_t situation, struct tally tally[MODES]) {
    run.inquest.step = stepper->step;
    for (int mode = 0; mode < MODES; mode++) {
        if (!wanted(mode)) {
            continue;
        }
        bool due = is_due(mode, stepper->step, is_new, situation);
        uint64_t began = runner_now();
        if (due) {
            examine_in_mode(mode, stepper, &tally[mode]);
        }
        memlane_add_relaxed(&tally[mode].points, due || mode == KILLED || mode == STOPPED);
        any[mode] = any[mode] || due;
        memlane_add_relaxed(&tally[mode].nanoseconds, runner_now() - began);
    }
}

void singles_run(const struct operation *operation, uint32_t state, struct tally tally[MODES]) {
    struct stepper stepper;
    uint64_t situations = 0;
    run.operation = operation;
    run.state = state;
    run.snapshot = machine_snapshot_new();
    build();
    machine_save(run.snapshot);
    stepper_start(&stepper, 0, run.inquest.player[0].actor.process, run.operation->act, &run.inquest.player[0].actor);
    uint64_t began = runner_now();
    while (stepper_next(&stepper)) {
        bool is_new = !machine_equals(run.snapshot);
        if (is_new) {
            machine_save(run.snapshot);
            situations++;
        }
        memlane_add_relaxed(&tally[KILLED].nanoseconds, runner_now() - began); /* all stepping counts as this mode's */
        examine_point(&stepper, is_new, situations, tally);
        began = runner_now();
    }
    set_place();
    check_victim_did_not_crash();
    for (int mode = 0; mode < MODES; mode++) {
        memlane_add_relaxed(&tally[mode].states, any[mode]);
    }
}
