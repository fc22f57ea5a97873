/* Every operation on calls, killed and stopped at every instruction of the real machine code (../crash/README.md).
 *
 *   crash_calls [--operation NAME] [--state N] [--step N]
 *
 * What must hold: each call is executed at most once, ends, and gets its own response or learns of a death; no lane and no
 * slot is lost; who is told that a call was not executed is right. Exits 1 with the place of the first failure. */
#define _GNU_SOURCE
#include "cast.h"

#include "../crash/stepper.h"

#include "function_handle.h"
#include "participant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What is there before the operation begins: every combination that is possible is a state. */
enum condition {
    DEAD_CALLER_POSTED = 1 << 0, /* the dead caller's lane: a call that nobody took */
    DEAD_CALLER_SERVED = 1 << 1, /* another that the live server executes */
    DEAD_CALLER_DONE = 1 << 2,   /* or: one that is done */
    CALLER_WAITS = 1 << 3,       /* the live caller's call, which nobody took */
    CALLER_BEREFT = 1 << 4,      /* or: which a dead server had begun */
    CALLER_FORGOT = 1 << 5,      /* a call that is done and that nobody collects */
    STATES = 1 << 6
};

enum { LIMIT = 24 /* of what survivors do: whatever takes more hangs */ };

struct operation {
    const char *name;
    bool calls, serves; /* what the victim is before */
    bool cleans;        /* stopped before it raised a generation, it stands for the dead whose index it holds (D51) */
    void (*prepare)(void);
    memlane_status (*act)(void);
};

static struct {
    const struct operation *operation;
    uint32_t state;
    uint64_t step;
    bool stopped;
} now;

static void require_from(bool condition, const char *what, uint64_t found) {
    CAST_REQUIRE(
        condition,
        "%s (%lu)\n  %s, %s at step %lu, state %u\n  again: crash_calls --operation '%s' --state %u --step %lu", what,
        (unsigned long)found, now.operation->name, now.stopped ? "stopped" : "killed", (unsigned long)now.step,
        now.state, now.operation->name, now.state, (unsigned long)now.step);
}

/* -- states ----------------------------------------------------------------------------------------------------- */

static bool is_possible(uint32_t state) {
    bool two_in_a_slot = (state & DEAD_CALLER_SERVED) != 0 && (state & DEAD_CALLER_DONE) != 0;
    return !two_in_a_slot && !((state & CALLER_WAITS) != 0 && (state & CALLER_BEREFT) != 0);
}

static void let_server_do(enum role server, bool respond) {
    CAST_REQUIRE(cast_take(server), "a call was not there for role %d", server);
    if (respond) {
        CAST_REQUIRE(cast_respond(server) == MEMLANE_OK, "role %d cannot respond", server);
    }
}

static void leave_what_the_dead_left(uint32_t state) {
    memlane_call call;
    if ((state & (DEAD_CALLER_SERVED | DEAD_CALLER_DONE)) != 0) {
        call = cast_post(DEAD_CALLER, DEAD_CALLERS_CALL);
        let_server_do(SERVER, (state & DEAD_CALLER_DONE) != 0);
    }
    if ((state & CALLER_BEREFT) != 0) {
        cast[CALLER].call = cast_post(CALLER, CALLERS_CALL);
        cast[CALLER].has_call = true;
        let_server_do(DEAD_SERVER, false);
    }
    if ((state & CALLER_FORGOT) != 0) {
        call = cast_post(CALLER, FORGOTTEN_CALL);
        let_server_do(DEAD_SERVER, true);
        machine_become(CALLER);
        memlane_call_forget(&call);
    }
    if ((state & DEAD_CALLER_POSTED) != 0) {
        call = cast_post(DEAD_CALLER, UNCOUNTED);
    }
    (void)call;
}

static void build(uint32_t state) {
    const enum role users[] = {CALLER, SERVER, DEAD_CALLER, DEAD_SERVER};
    machine_reset();
    machine->report[1].version = 0;
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        CAST_REQUIRE(cast_open(users[i]) == MEMLANE_OK, "role %d cannot open", users[i]);
    }
    cast_serve(SERVER);
    cast_serve(DEAD_SERVER);
    machine_become(CALLER);
    CAST_REQUIRE(memlane_function_prepare(cast[CALLER].function, NULL) == MEMLANE_OK, "no lane");
    machine_become(DEAD_CALLER);
    CAST_REQUIRE(memlane_function_prepare(cast[DEAD_CALLER].function, NULL) == MEMLANE_OK, "no lane");
    if (now.operation->calls || now.operation->serves) {
        CAST_REQUIRE(cast_open(VICTIM) == MEMLANE_OK, "the victim cannot open");
    }
    if (now.operation->serves) {
        cast_serve(VICTIM);
    }
    leave_what_the_dead_left(state);
    if (now.operation->prepare != NULL) {
        now.operation->prepare();
    }
    machine_kill(DEAD_CALLER);
    machine_kill(DEAD_SERVER);
    if ((state & CALLER_WAITS) != 0 && !cast[CALLER].has_call) {
        cast[CALLER].call = cast_post(CALLER, CALLERS_CALL);
        cast[CALLER].has_call = true;
    }
}

/* -- operations --------------------------------------------------------------------------------------------------- */

static void prepare_lane(void) {
    machine_become(VICTIM);
    CAST_REQUIRE(memlane_function_prepare(cast[VICTIM].function, NULL) == MEMLANE_OK, "no lane");
}

static void prepare_posted(void) {
    cast[VICTIM].call = cast_post(VICTIM, VICTIMS_CALL);
}

/* The victim's call is the only one that the server can take: the dead caller's comes after it. */
static void prepare_begun_by_the_dead(void) {
    prepare_posted();
    while (cast_take(DEAD_SERVER) && cast_executions(VICTIMS_CALL) == 0) {
        cast_respond(DEAD_SERVER);
    }
}

static void prepare_begun(void) {
    prepare_posted();
    while (!cast[SERVER].has_task && cast_take(SERVER) && cast_executions(VICTIMS_CALL) == 0) {
        cast_respond(SERVER);
    }
}

static void prepare_done(void) {
    prepare_begun();
    if (cast[SERVER].has_task && cast_executions(VICTIMS_CALL) == 1) {
        cast_respond(SERVER);
    }
}

static void prepare_forgotten(void) {
    prepare_begun_by_the_dead();
    machine_become(VICTIM);
    memlane_call_forget(&cast[VICTIM].call);
}

static void prepare_work(void) {
    cast[CALLER].call = cast[CALLER].has_call ? cast[CALLER].call : cast_post(CALLER, CALLERS_CALL);
    cast[CALLER].has_call = true;
}

static void prepare_taken(void) {
    prepare_work();
    cast_take(VICTIM);
}

static memlane_status act_post(void) {
    cast_post(VICTIM, VICTIMS_CALL);
    return MEMLANE_OK;
}

static memlane_status act_post_again(void) {
    cast_post(VICTIM, SECOND_CALL);
    return MEMLANE_OK;
}

static memlane_status act_collect(void) {
    memlane_answer answer;
    memlane_status status = memlane_call_wait(&cast[VICTIM].call, 0, &answer, NULL);
    CAST_REQUIRE(status != MEMLANE_OK || cast_answer_is_of(&answer, VICTIMS_CALL), "another call's response");
    memlane_call_end(&cast[VICTIM].call);
    return status;
}

static memlane_status act_end(void) {
    return memlane_call_end(&cast[VICTIM].call) == MEMLANE_NOT_EXECUTED ? MEMLANE_CANCELLED : MEMLANE_OK;
}

static memlane_status act_cancel(void) {
    bool cancelled = memlane_call_cancel(&cast[VICTIM].call);
    memlane_execution known = memlane_call_end(&cast[VICTIM].call);
    CAST_REQUIRE(!cancelled || known == MEMLANE_NOT_EXECUTED, "a cancelled call may have been executed");
    return cancelled ? MEMLANE_CANCELLED : MEMLANE_OK;
}

static memlane_status act_prepare(void) {
    return memlane_function_prepare(cast[VICTIM].function, NULL);
}

static memlane_status act_close(void) {
    memlane_function_free(cast[VICTIM].function);
    return MEMLANE_OK;
}

static memlane_status act_serve(void) {
    return cast_take(VICTIM) ? cast_respond(VICTIM) : MEMLANE_TIMEOUT;
}

static memlane_status act_respond(void) {
    return cast[VICTIM].has_task ? cast_respond(VICTIM) : MEMLANE_TIMEOUT;
}

static memlane_status act_start(void) {
    cast_serve(VICTIM);
    memlane_dispatcher_resume(cast[VICTIM].dispatcher);
    return MEMLANE_OK;
}

static memlane_status act_stop(void) {
    memlane_dispatcher_stop(cast[VICTIM].dispatcher);
    return MEMLANE_OK;
}

static memlane_status act_clean(void) {
    memlane_participant_collect(&cast[VICTIM].function->endpoint.segment);
    return MEMLANE_OK;
}

static memlane_status act_open(void) {
    return cast_open(VICTIM);
}

static const struct operation operations[] = {
    {"post", true, false, false, prepare_lane, act_post},
    {"post with the first lane", true, false, false, NULL, act_post},
    {"collect", true, false, false, prepare_done, act_collect},
    {"learn of a death", true, false, false, prepare_begun_by_the_dead, act_collect},
    {"cancel", true, false, false, prepare_posted, act_cancel},
    {"give up", true, false, false, prepare_posted, act_end},
    {"give up what was begun", true, false, false, prepare_begun, act_end},
    {"reap and post", true, false, false, prepare_forgotten, act_post_again},
    {"claim a lane", true, false, false, NULL, act_prepare},
    {"release a lane", true, false, false, prepare_lane, act_close},
    {"release a lane in use", true, false, false, prepare_forgotten, act_close},
    {"take and respond", false, true, false, prepare_work, act_serve},
    {"respond", false, true, false, prepare_taken, act_respond},
    {"start to serve", true, false, false, NULL, act_start},
    {"stop to serve", false, true, false, prepare_work, act_stop},
    {"janitor", true, false, true, NULL, act_clean},
    {"attach", false, false, true, NULL, act_open},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

static void act(void *argument) {
    struct machine_report *report = &machine->report[0];
    (void)argument;
    machine_become(VICTIM);
    __atomic_store_n(&report->phase, MACHINE_DURING, __ATOMIC_SEQ_CST);
    report->status = (int32_t)now.operation->act();
    __atomic_store_n(&report->phase, MACHINE_AFTER, __ATOMIC_SEQ_CST);
}

/* -- what must hold afterwards --------------------------------------------------------------------------------------- */

static bool victim_lives(void) {
    return now.stopped;
}

static void serve_all(void) {
    uint32_t served = 0;
    while (cast_take(NEW_SERVER)) {
        require_from(cast_respond(NEW_SERVER) == MEMLANE_OK, "a survivor cannot respond", served);
        served++;
        require_from(served < LIMIT, "calls without an end", served);
    }
}

static void check_executions(void) {
    for (uint64_t number = VICTIMS_CALL; number < NUMBERS; number++) {
        require_from(cast_executions(number) <= 1, "a call was executed twice", number);
    }
    if (machine->report[0].phase == MACHINE_AFTER && machine->report[0].status == MEMLANE_CANCELLED) {
        require_from(cast_executions(VICTIMS_CALL) == 0, "a call was executed that was taken back", 0);
    }
}

/* The live caller's call ends: by its response, or by a death. Only a stopped victim may hold it up. */
static void check_caller(void) {
    memlane_answer answer;
    if (!cast[CALLER].has_call) {
        return;
    }
    machine_become(CALLER);
    memlane_status status = memlane_call_wait(&cast[CALLER].call, 0, &answer, NULL);
    bool held_up = victim_lives() && (now.operation->serves || now.operation->cleans) && status == MEMLANE_TIMEOUT;
    if (status == MEMLANE_OK) {
        require_from(cast_answer_is_of(&answer, CALLERS_CALL), "another call's response", 0);
        require_from(cast_executions(CALLERS_CALL) == 1, "a response without an execution", 0);
    } else {
        require_from(status == MEMLANE_PEER_DIED || held_up, "the live caller's call did not end", (uint64_t)status);
    }
    memlane_call_end(&cast[CALLER].call);
}

/* Fills each slot of the role's lane with a call, and collects it. */
static uint32_t count_usable(enum role role) {
    memlane_call calls[CAST_SLOTS];
    uint32_t usable = 0;
    machine_become(role);
    for (; usable < CAST_SLOTS; usable++) {
        memlane_call probe;
        if (memlane_call_begin(cast[role].function, &probe, 0, NULL) != MEMLANE_OK) {
            break;
        }
        memlane_call_end(&probe);
        calls[usable] = cast_post(role, UNCOUNTED);
    }
    serve_all();
    machine_become(role);
    for (uint32_t i = 0; i < usable; i++) {
        memlane_answer answer;
        require_from(memlane_call_wait(&calls[i], 0, &answer, NULL) == MEMLANE_OK, "a new call has no response", i);
        require_from(cast_answer_is_of(&answer, UNCOUNTED), "a new call has another's response", i);
        memlane_call_end(&calls[i]);
    }
    return usable;
}

/* Killed: nothing is lost. Stopped: what one process can hold, which is a lane or the slot of one call. */
static void check_nothing_is_lost(void) {
    uint32_t usable = count_usable(CALLER);
    for (uint32_t i = 0; i < CAST_LANES - 1; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): newcomers are numbered */
        enum role newcomer = (enum role)(FIRST_NEWCOMER + i);
        require_from(cast_open(newcomer) == MEMLANE_OK, "a newcomer cannot open", i);
        machine_become(newcomer);
        if (memlane_function_prepare(cast[newcomer].function, NULL) == MEMLANE_OK) {
            usable += count_usable(newcomer);
        }
    }
    uint32_t all = CAST_LANES * CAST_SLOTS;
    require_from(usable >= (victim_lives() ? all - CAST_SLOTS : all), "slots are lost, of six usable are", usable);
}

static void examine(void) {
    if (!victim_lives()) {
        machine_kill(VICTIM);
    }
    require_from(machine->misuse == 0, "a system call that no correct program makes, at line", machine->misuse);
    if (cast[SERVER].has_task) {
        require_from(cast_respond(SERVER) == MEMLANE_OK, "the live server cannot respond", 0);
    }
    require_from(cast_open(NEW_SERVER) == MEMLANE_OK, "a newcomer cannot open", 0);
    cast_serve(NEW_SERVER);
    serve_all();
    check_caller();
    require_from(cast_open(JANITOR) == MEMLANE_OK, "a newcomer cannot open", 0);
    memlane_participant_collect(&cast[JANITOR].function->endpoint.segment);
    serve_all();
    check_nothing_is_lost();
    check_executions();
}

/* -- running ----------------------------------------------------------------------------------------------------------- */

struct tally {
    uint64_t states, points, examined;
};

static void await(pid_t pid) {
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fflush(stdout);
        _Exit(1);
    }
}

static void examine_in_a_fork(bool stopped) {
    enum { HANG_SECONDS = 60 };
    now.stopped = stopped;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(HANG_SECONDS);
        examine();
        _Exit(0);
    }
    await(pid);
}

static void run_case(const struct operation *operation, uint32_t state, uint64_t wanted_step, struct tally *tally) {
    struct stepper stepper;
    struct machine_snapshot *snapshot = machine_snapshot_new();
    now.operation = operation;
    now.state = state;
    build(state);
    stepper_start(&stepper, 0, VICTIM, act, NULL);
    while (stepper_next(&stepper)) {
        now.step = stepper.step;
        tally->points++;
        if (machine_equals(snapshot) || (wanted_step != 0 && wanted_step != stepper.step)) {
            continue;
        }
        machine_save(snapshot);
        for (int stopped = 0; stopped < 2; stopped++) {
            examine_in_a_fork(stopped != 0);
            machine_restore(snapshot);
            tally->examined++;
        }
    }
    require_from(stepper_crash_signal() == 0, "the victim was ended by signal", (uint64_t)stepper_crash_signal());
    free(snapshot);
}

/* A process of its own: its private memory is that of all who play, and goes with it. */
static void run_in_a_fork(const struct operation *operation, uint32_t state, uint64_t step, struct tally *tally) {
    int ends[2];
    struct tally found = {.states = 1};
    fflush(stdout);
    if (pipe(ends) != 0) {
        _Exit(2);
    }
    pid_t pid = fork();
    if (pid == 0) {
        run_case(operation, state, step, &found);
        fflush(stdout);
        _Exit(write(ends[1], &found, sizeof found) == sizeof found ? 0 : 2);
    }
    close(ends[1]);
    bool told = read(ends[0], &found, sizeof found) == sizeof found;
    close(ends[0]);
    await(pid);
    tally->states += told;
    tally->points += found.points;
    tally->examined += found.examined;
}

int main(int count, char **arguments) {
    const char *wanted = NULL;
    long wanted_state = -1;
    uint64_t wanted_step = 0;
    struct tally total = {0};
    for (int i = 1; i + 1 < count; i += 2) {
        wanted = strcmp(arguments[i], "--operation") == 0 ? arguments[i + 1] : wanted;
        wanted_state = strcmp(arguments[i], "--state") == 0 ? atol(arguments[i + 1]) : wanted_state;
        wanted_step = strcmp(arguments[i], "--step") == 0 ? (uint64_t)atoll(arguments[i + 1]) : wanted_step;
    }
    stepper_stay_on_one_processor(0);
    machine_build();
    for (size_t i = 0; i < OPERATIONS; i++) {
        struct tally tally = {0};
        if (wanted != NULL && strcmp(wanted, operations[i].name) != 0) {
            continue;
        }
        for (uint32_t state = 0; state < STATES; state++) {
            if (is_possible(state) && (wanted_state < 0 || wanted_state == (long)state)) {
                run_in_a_fork(&operations[i], state, wanted_step, &tally);
            }
        }
        printf("%-26s %3lu states %9lu points %8lu examined\n", operations[i].name, (unsigned long)tally.states,
               (unsigned long)tally.points, (unsigned long)tally.examined);
        total.points += tally.points;
        total.examined += tally.examined;
    }
    printf("%-26s            %9lu points %8lu examined, each killed and stopped: nothing failed\n", "all",
           (unsigned long)total.points, (unsigned long)total.examined);
    return 0;
}
