/* Double crashes: the first is killed in every situation that it makes, and in each of these the second, which
 * works or recovers, at every instruction. */
#include "runner.h"

#include "oracle.h"
#include "stepper.h"

#include <stdio.h>

/* In the short form the first one is killed in each so-manieth of its situations, others in each state. */
enum { FIRST_VALUE = 777, SECOND_VALUE = 888, FIRST_EACH = 41 };

const struct pair pairs[] = {
    {"write", "write"},
    {"write", "write in a loan"},
    {"write", "loan+drop"},
    {"write", "pin"},
    {"write", "unpin"},
    {"write", "collect"},
    {"write", "attach+write"},
    {"write", "close"},
    {"write in a loan", "write"},
    {"write in a loan", "collect"},
    {"write in a loan", "attach+write"},
    {"loan+drop", "write"},
    {"loan+drop", "pin"},
    {"loan+drop", "collect"},
    {"loan+drop", "attach+write"},
    {"pin", "write"},
    {"pin", "pin"},
    {"pin", "collect"},
    {"pin", "attach+write"},
    {"unpin", "write"},
    {"unpin", "collect"},
    {"unpin", "attach+write"},
    {"get", "get"},
    {"get", "write"},
    {"get", "collect"},
    {"get in place", "get"},
    {"get in place", "write"},
    {"get in place", "attach+write"},
    {"clear", "get"},
    {"write", "get"},
    {"write", "get in place"},
    {"put", "write"},
    {"put", "get"},
    {"put", "pin"},
    {"put", "collect"},
    {"collect", "write"},
    {"collect", "collect"},
    {"collect", "attach+write"},
    {"collect", "lock+unlock"},
    {"attach+write", "write"},
    {"attach+write", "collect"},
    {"attach+write", "attach+write"},
    {"close", "write"},
    {"close", "collect"},
    {"close", "attach+write"},
    {"close", "close"},
    {"lock+unlock", "lock+unlock"},
    {"lock+unlock", "collect"},
    {"lock+unlock", "attach"},
    {"steal+unlock", "lock+unlock"},
    {"steal+unlock", "collect"},
    {"steal+unlock", "attach"},
    {"read+leave", "write+leave"},
    {"read+leave", "attach"},
    {"write+leave", "write+leave"},
    {"write+leave", "read+leave"},
    {"write+leave", "collect"},
    {"write after a death", "read+leave"},
    {"read after a death", "write+leave"},
    {"read after a death", "read+leave"},
    {"channel write", "channel take-over"},
    {"channel write", "channel drain"},
    {"channel write", "collect"},
    {"channel read", "channel drain"},
    {"channel read", "channel take-over"},
    {"channel claim", "channel drain"},
    {"channel take-over", "channel take-over"},
    {"channel take-over", "attach"},
    {"channel drain", "channel drain"},
    {"channel close", "channel take-over"},
    {"channel close", "collect"},
    {"transact", "transact"},
    {"emit", "transact"},
    {"create", "create"},
    {"create", "sweep"},
    {"create", "unlink"},
    {"open a deserted one", "create"},
    {"open a deserted one", "sweep"},
    {"close the last one", "create"},
    {"close the last one", "sweep"},
    {"sweep", "create"},
    {"sweep", "sweep"},
    {"unlink", "create"},
    {"unlink", "unlink"},
};
const uint32_t pairs_count = sizeof pairs / sizeof *pairs;

static struct {
    const struct operation *operation[2];
    uint32_t state;
    uint64_t first_step;
    struct inquest inquest;
    struct machine_snapshot *between, *during;
} run;

static void set_place(void) {
    char text[PLACE_SIZE], description[SCENE_DESCRIPTION_SIZE];
    const char *first = run.operation[0]->name, *second = run.operation[1]->name;
    scene_describe(run.operation[0]->states->conditions[run.state], description);
    snprintf(text, sizeof text,
             "%s killed at step %lu, %s killed at step %lu, state %u (%s)\n"
             "  again: crash --pairs --operation '%s' --second '%s' --state %u --step %lu --second-step %lu",
             first, (unsigned long)run.first_step, second, (unsigned long)run.inquest.step, run.state, description,
             first, second, run.state, (unsigned long)run.first_step, (unsigned long)run.inquest.step);
    oracle_set_place(text);
}

static uint32_t role_if_open(const struct operation *operation, enum role role) {
    return (operation->traits & OPENS) != 0 ? 0 : 1u << role;
}

/* The second one makes no preparations of its own: what the first one left is its state. */
static void build(void) {
    static const uint64_t values[] = {FIRST_VALUE, SECOND_VALUE};
    run.inquest.players = 2;
    for (uint32_t i = 0; i < 2; i++) {
        run.inquest.player[i] = (struct player){
            .actor = {
                .operation = run.operation[i], .role = (enum role)i, .process = i, .report = i, .value = values[i]}};
    }
    scene_build(run.operation[0]->states->conditions[run.state], run.operation[0]->roles |
                                                                     role_if_open(run.operation[0], VICTIM) |
                                                                     role_if_open(run.operation[1], SECOND));
    if (run.operation[0]->prepare != NULL) {
        run.operation[0]->prepare(&run.inquest.player[0].actor);
    }
}

static void examine(void *argument) {
    (void)argument;
    machine_kill(SECOND);
    oracle_examine(&run.inquest);
}

static void crash_second(struct tally *tally) {
    struct stepper stepper;
    machine_save(run.during);
    stepper_start(&stepper, 1, SECOND, run.operation[1]->act, &run.inquest.player[1].actor);
    while (stepper_next(&stepper)) {
        run.inquest.step = stepper.step;
        memlane_add_relaxed(&tally->points, 1);
        bool is_new = !machine_equals(run.during);
        if (is_new) {
            machine_save(run.during);
        }
        if (options.second_step != 0 ? options.second_step == stepper.step : is_new) {
            set_place();
            runner_in_a_fork(examine, NULL);
            machine_restore(run.during);
            memlane_add_relaxed(&tally->examined, 1);
        }
    }
    set_place();
    if (stepper_crash_signal() != 0) {
        oracle_fail("the second victim itself was ended by signal %d", stepper_crash_signal());
    }
}

static bool is_long(const struct operation *operation) {
    return (operation->traits & (OPENS | LEAVES | CLEANS)) != 0;
}

bool pairs_are_due(const struct operation *first, uint32_t pair, uint32_t state) {
    return options.long_form || !is_long(first) || (pair + state) % 3 == 0;
}

static bool is_due(uint64_t step, bool is_new, uint64_t situation) {
    uint64_t each = options.long_form ? 1 : FIRST_EACH;
    if (options.step != 0) {
        return options.step == step;
    }
    return is_new && (situation + (uint64_t)run.state * 3) % (each * options.every) == 0;
}

void pairs_run(const struct operation *first, const struct operation *second, uint32_t state, struct tally *tally) {
    struct stepper stepper;
    uint64_t situations = 0, began = runner_now();
    run.operation[0] = first;
    run.operation[1] = second;
    run.state = state;
    run.between = machine_snapshot_new();
    run.during = machine_snapshot_new();
    build();
    stepper_start(&stepper, 0, VICTIM, first->act, &run.inquest.player[0].actor);
    while (stepper_next(&stepper)) {
        bool is_new = !machine_equals(run.between);
        if (is_new) {
            machine_save(run.between);
            situations++;
        }
        if (is_due(stepper.step, is_new, situations)) {
            run.first_step = stepper.step;
            machine_kill(VICTIM);
            crash_second(tally);
            machine_restore(run.between);
        }
    }
    memlane_add_relaxed(&tally->states, 1);
    memlane_add_relaxed(&tally->nanoseconds, runner_now() - began);
}
