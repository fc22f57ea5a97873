#include "oracle.h"

#include "fork.h"
#include "guard.h"
#include "oracle_taking.h"
#include "participant.h"
#include "removal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char place[PLACE_SIZE];

void oracle_set_place(const char *text) {
    snprintf(place, sizeof place, "%s", text);
}

void oracle_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "FAILURE: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n  %s\n", place);
    va_end(arguments);
    fflush(stderr);
    _exit(ORACLE_FAILED);
}

/* -- who is there --------------------------------------------------------------------------------------------- */

static bool all_players_are_dead(const struct inquest *inquest) {
    for (uint32_t i = 0; i < inquest->players; i++) {
        if (inquest->player[i].alive) {
            return false;
        }
    }
    return true;
}

static const struct machine_report *report_of(const struct inquest *inquest, uint32_t i) {
    return &machine->report[inquest->player[i].actor.report];
}

static uint32_t traits_of(const struct inquest *inquest, uint32_t i) {
    return inquest->player[i].actor.operation->traits;
}

static uint32_t traits_of_all(const struct inquest *inquest) {
    uint32_t traits = 0;
    for (uint32_t i = 0; i < inquest->players; i++) {
        traits |= traits_of(inquest, i);
    }
    return traits;
}

static bool has(uint32_t condition) {
    return (scene.conditions & condition) != 0;
}

/* -- what may be read ----------------------------------------------------------------------------------------- */

/* Values that may be the latest one; 0: never written. */
struct candidates {
    uint64_t value[8];
    uint32_t count;
};

static void add_candidate(struct candidates *candidates, uint64_t value) {
    candidates->value[candidates->count++] = value;
}

/* Nobody wrote but the players, one after the other: who came to the end wrote last. */
static struct candidates candidates_of(const struct inquest *inquest) {
    struct candidates candidates = {.value = {scene.base}, .count = 1};
    for (uint32_t i = 0; i < inquest->players; i++) {
        const struct machine_report *report = report_of(inquest, i);
        if ((traits_of(inquest, i) & COMMITS) == 0 || report->phase == MACHINE_BEFORE) {
            continue;
        }
        if (report->phase == MACHINE_AFTER && report->status == MEMLANE_OK && !inquest->resumed) {
            candidates.count = 0;
        } else if ((traits_of(inquest, i) & LOANS) != 0) {
            add_candidate(&candidates, inquest->player[i].actor.value + 1);
        }
        add_candidate(&candidates, inquest->player[i].actor.value);
    }
    return candidates;
}

static uint64_t read_by(enum role role) {
    uint64_t value = 0;
    memlane_status status = scene_read(role, &value);
    ORACLE_REQUIRE(status == MEMLANE_OK || status == MEMLANE_EMPTY, "role %d reads: %s%s", role,
                   memlane_status_name(status), status == MEMLANE_CORRUPTED ? " (torn)" : "");
    return status == MEMLANE_EMPTY ? 0 : value;
}

static void check_value(const struct inquest *inquest, enum role role) {
    struct candidates candidates = candidates_of(inquest);
    uint64_t value = read_by(role);
    for (uint32_t i = 0; i < candidates.count; i++) {
        if (candidates.value[i] == value) {
            return;
        }
    }
    oracle_fail("role %d reads the value %lu; the last commit was %lu (of %u that are possible)", role,
                (unsigned long)value, (unsigned long)candidates.value[0], candidates.count);
}

/* -- what the players say of themselves ------------------------------------------------------------------------- */

static void check_reports(const struct inquest *inquest) {
    for (uint32_t i = 0; i < inquest->players; i++) {
        const struct machine_report *report = report_of(inquest, i);
        memlane_status status = (memlane_status)report->status;
        bool taken_by_others = (traits_of(inquest, i) & TAKES) != 0 && (inquest->resumed || i > 0);
        bool nothing_there =
            status == MEMLANE_EMPTY && (scene.base == 0 || (inquest->resumed && has(EMPTY)) || taken_by_others);
        bool gone_already = status == MEMLANE_NOT_FOUND && i > 0 && (traits_of(inquest, i) & UNLINKS) != 0;
        bool fenced = status == MEMLANE_OWNERSHIP_LOST && inquest->zombie;
        ORACLE_REQUIRE(report->phase != MACHINE_AFTER || status == MEMLANE_OK || nothing_there || gone_already ||
                           fenced,
                       "'%s' answered: %s", inquest->player[i].actor.operation->name, memlane_status_name(status));
    }
    ORACLE_REQUIRE(machine->misuse == 0, "the kernel was called wrongly: line %u of machine*.c", machine->misuse);
}

/* -- the other side of a fork ---------------------------------------------------------------------------- */

/* Private memory is as it was at the moment of the fork, so this process can go on as the one that the player is
 * not. */
static void go_on_after_fork(const struct inquest *inquest) {
    const struct machine_fork_handlers *handlers = machine_fork_handlers();
    uint32_t other = inquest->player[0].actor.process == VICTIM ? SECOND : VICTIM;
    scene.process[VICTIM] = other;
    scene_become(VICTIM);
    (other == SECOND ? handlers->child : handlers->parent)();
    memlane_fork_hold();
    for (int role = VICTIM + 1; role < ROLES; role++) {
        if (scene.endpoint[role].open) {
            ORACLE_REQUIRE(memlane_fork_install(NULL) == MEMLANE_OK, "cannot watch role %d", role);
            memlane_fork_watch(&scene.endpoint[role].segment);
        }
    }
    memlane_fork_release();
    if (other == SECOND) {
        ORACLE_REQUIRE(scene_commit_loan(VICTIM) == MEMLANE_OWNERSHIP_LOST, "the child committed its parent's loan");
    }
}

/* -- a newcomer ------------------------------------------------------------------------------------------ */

/* A stopped process may be in the middle of removing an object that nobody has open: it holds every place (D10). */
static bool a_stopped_remover_holds_all(const struct inquest *inquest) {
    int file = machine_find(SCENE_OBJECT);
    return !all_players_are_dead(inquest) && file >= 0 && guard_range_is_held((uint32_t)file);
}

static bool newcomer_arrives(const struct inquest *inquest) {
    memlane_error error = {.message = ""};
    uint32_t places = guard_count_free_places();
    bool excused = a_stopped_remover_holds_all(inquest) || (places == 0 && !all_players_are_dead(inquest));
    memlane_status status = scene_open(CHECKER, true, &error);
    if (status == MEMLANE_TOO_MANY_PARTICIPANTS && excused) {
        return false;
    }
    ORACLE_REQUIRE(status == MEMLANE_OK, "a newcomer cannot open the object: %s", error.message);
    int file = machine_find(SCENE_OBJECT);
    ORACLE_REQUIRE(file >= 0 && machine->file[file].inode == scene.endpoint[CHECKER].segment.inode,
                   "the name does not lead to the object that was just opened");
    return true;
}

static bool is_same_object(enum role one, enum role other) {
    return scene.endpoint[one].segment.inode == scene.endpoint[other].segment.inode;
}

static bool is_player(const struct inquest *inquest, enum role role) {
    for (uint32_t i = 0; i < inquest->players; i++) {
        if (inquest->player[i].actor.process == scene.process[role]) {
            return true;
        }
    }
    return false;
}

/* Roles that have the object open and live, other than the players and who lost its lock. */
static bool is_survivor(const struct inquest *inquest, enum role role) {
    return scene.endpoint[role].open && role != LOST && !is_player(inquest, role) &&
           machine->process[scene.process[role]].condition == MACHINE_RUNNING;
}

static void check_newcomer(const struct inquest *inquest) {
    bool unlinked = (traits_of_all(inquest) & UNLINKS) != 0;
    bool in_use = false;
    for (int role = 0; role < ROLES && !unlinked; role++) {
        if (role != CHECKER && is_survivor(inquest, (enum role)role)) {
            ORACLE_REQUIRE(is_same_object((enum role)role, CHECKER),
                           "a second object was made under the name of a live one");
            in_use = true;
        }
    }
    if (scene.endpoint[WRITER].open && is_same_object(WRITER, CHECKER)) {
        check_value(inquest, CHECKER);
    } else if (!unlinked) {
        uint64_t value = read_by(CHECKER);
        bool deserted = has(EPHEMERAL) && all_players_are_dead(inquest) && !has(LOST_LOCK) && !in_use;
        bool allowed = deserted ? value == 0 : value == scene.base || (has(EPHEMERAL) && value == 0);
        ORACLE_REQUIRE(allowed, "the newcomer reads %lu, base %lu", (unsigned long)value, (unsigned long)scene.base);
    }
}

/* -- the register ---------------------------------------------------------------------------------------- */

static void write_and_read_back(enum role role, enum role reader, uint64_t value, const char *when) {
    memlane_status status = scene_write(role, value);
    ORACLE_REQUIRE(status == MEMLANE_OK, "role %d cannot write %s: %s", role, when, memlane_status_name(status));
    uint64_t found = read_by(reader);
    ORACLE_REQUIRE(found == value, "role %d wrote %lu, role %d reads %lu %s", role, (unsigned long)value, reader,
                   (unsigned long)found, when);
}

static void exercise(const struct inquest *inquest, enum role one, enum role other) {
    struct memlane_register *reg = &scene.endpoint[one].reg;
    uint32_t writable = guard_count_writable(reg);
    ORACLE_REQUIRE(writable >= 2 || !all_players_are_dead(inquest), "only %u slots can be written", writable);
    if (writable == 0) {
        return; /* D47: a stopped cleaner counts for the one whose things it cleans */
    }
    struct guard guard;
    bool pins = writable >= 2 && read_by(one) != 0;
    if (pins) {
        memlane_status status = scene_pin(one);
        ORACLE_REQUIRE(status == MEMLANE_OK, "a survivor cannot pin: %s", memlane_status_name(status));
    }
    guard_take(&guard, reg, inquest->player, inquest->players);
    for (uint32_t turn = 0; turn < 2 * reg->slots + 2; turn++) {
        write_and_read_back(turn % 2 == 0 ? one : other, turn % 2 == 0 ? other : one, 2000 + turn, "after the crash");
        guard_check(&guard);
        if (turn == reg->slots) {
            scene_become(other);
            memlane_participant_collect(&scene.endpoint[other].segment);
            guard_check(&guard);
        }
    }
}

/* -- the lock -------------------------------------------------------------------------------------------- */

static void use_lock(enum role role, memlane_status expected, uint32_t *token) {
    struct memlane_segment *segment = &scene_become(role)->segment;
    struct guarded *guarded = scene_guarded(segment);
    uint64_t count = memlane_load_acquire(&guarded->lock.word) >> 32;
    memlane_status status = memlane_lock_acquire(segment, &guarded->lock, machine->clock + SCENE_PATIENCE_NS, token);
    ORACLE_REQUIRE(status == expected, "role %d acquires the lock: %s, expected: %s", role, memlane_status_name(status),
                   memlane_status_name(expected));
    if (status == MEMLANE_TIMEOUT) {
        return;
    }
    ORACLE_REQUIRE(*token == (uint32_t)count + 1, "the acquisition count went from %u to %u", (uint32_t)count, *token);
    ORACLE_REQUIRE(status == MEMLANE_OWNER_DIED || guarded->first == guarded->second,
                   "a half-done change in the lock, and nobody said so");
    guarded->first++;
    guarded->second = guarded->first;
}

static void release_lock(enum role role, uint32_t token, memlane_status expected) {
    struct memlane_segment *segment = &scene_become(role)->segment;
    struct memlane_lock_word *lock = &scene_guarded(segment)->lock;
    uint64_t before = memlane_load_acquire(&lock->word);
    memlane_status status = memlane_lock_release(segment, lock, token);
    ORACLE_REQUIRE(status == expected, "role %d releases the lock: %s, expected: %s", role, memlane_status_name(status),
                   memlane_status_name(expected));
    ORACLE_REQUIRE(status == MEMLANE_OK || memlane_load_acquire(&lock->word) == before, "a lost lock was changed");
}

/* A stopped cleaner has the byte of the dead owner's index, and did not raise its generation yet (D51): the owner
 * looks alive. That is excused only until it takes anything away (D9). */
static bool looks_alive(const struct memlane_segment *segment, uint32_t tag) {
    uint32_t index = memlane_tag_index(tag);
    bool untouched = index != scene.endpoint[DEAD].segment.index || !scene.endpoint[WRITER].open ||
                     scene_count_holdings(index) == scene.left_by_the_dead;
    return guard_index_is_held(segment, index) && untouched &&
           memlane_load32_acquire(&scene_entry(segment, index)->generation) == memlane_tag_generation(tag);
}

static memlane_status expected_of_lock(const struct inquest *inquest, const struct memlane_segment *segment) {
    uint64_t word = memlane_load_acquire(&scene_guarded(segment)->lock.word);
    uint32_t tag = (uint32_t)(word & MEMLANE_LOCK_TAG);
    memlane_status expected = tag == 0 ? MEMLANE_OK : looks_alive(segment, tag) ? MEMLANE_TIMEOUT : MEMLANE_OWNER_DIED;
    if (tag == 0 && (word & MEMLANE_LOCK_ABANDONED) != 0) {
        expected = MEMLANE_OWNER_DIED;
    }
    for (uint32_t i = 0; i < inquest->players; i++) {
        const struct player *player = &inquest->player[i];
        const struct machine_report *report = report_of(inquest, i);
        bool owns = tag != 0 && tag == scene.endpoint[player->actor.role].segment.tag;
        ORACLE_REQUIRE(!report->inside_lock || owns || i + 1 < inquest->players, "the lock forgot its owner");
        ORACLE_REQUIRE(!owns || player->alive == (expected == MEMLANE_TIMEOUT),
                       "the lock's owner has no byte lock, or a dead one has");
    }
    return expected;
}

static void exercise_lock(memlane_status expected, enum role one, enum role other) {
    uint32_t token, later;
    use_lock(one, expected, &token);
    if (expected == MEMLANE_TIMEOUT) {
        return;
    }
    if (one == other) {
        release_lock(one, token, MEMLANE_OK);
        return;
    }
    use_lock(other, MEMLANE_TIMEOUT, &later);
    release_lock(other, token, MEMLANE_OWNERSHIP_LOST);
    release_lock(one, token, MEMLANE_OK);
    use_lock(other, MEMLANE_OK, &later);
    release_lock(one, token, MEMLANE_OWNERSHIP_LOST);
    release_lock(other, later, MEMLANE_OK);
}

/* -- everything comes back ------------------------------------------------------------------------------- */

static void let_go(enum role one) {
    for (int role = 0; role < ROLES; role++) {
        struct endpoint *endpoint = &scene.endpoint[role];
        if (!endpoint->open || machine->process[scene.process[role]].condition != MACHINE_RUNNING) {
            continue;
        }
        if (endpoint->has_pin) {
            scene_unpin((enum role)role);
        }
        while (endpoint->loans > 0) {
            scene_drop_loan((enum role)role);
        }
    }
    if (has(LOST_LOCK)) {
        machine_kill(LOST);
    }
    scene_become(one);
    memlane_participant_collect(&scene.endpoint[one].segment);
}

static void check_nothing_is_held(const struct memlane_register *reg) {
    for (uint32_t row = 0; row < reg->participants; row++) {
        for (uint32_t pin = 0; pin < MEMLANE_PINS_EACH; pin++) {
            ORACLE_REQUIRE(memlane_load_acquire(&reg->pins[row].pin[pin]) == 0, "pin %u of index %u is left", pin, row);
        }
    }
    for (uint32_t slot = 0; slot < reg->slots; slot++) {
        ORACLE_REQUIRE(memlane_control_state(memlane_load_acquire(&reg->slot[slot].control)) != MEMLANE_SLOT_WRITING,
                       "slot %u was not given back", slot);
    }
    uint64_t word = memlane_load_acquire(&scene_guarded(reg->segment)->lock.word);
    ORACLE_REQUIRE((word & MEMLANE_LOCK_TAG) == 0, "the lock was not given back");
}

static void check_every_slot_is_used(enum role role) {
    const struct memlane_register *reg = &scene.endpoint[role].reg;
    uint32_t seen = 0;
    for (uint32_t turn = 0; turn < 2 * reg->slots; turn++) {
        write_and_read_back(role, role, 3000 + turn, "after the cleanup");
        seen |= 1u << memlane_latest_slot(memlane_load_acquire(&reg->control->latest));
    }
    ORACLE_REQUIRE(seen == (1u << reg->slots) - 1, "slots are lost: used %#x of %u", seen, reg->slots);
}

/* An open loan can be committed after all that happened, and is the latest value then. */
static void finish_loan(enum role role) {
    uint64_t expected, found;
    struct endpoint *endpoint = &scene.endpoint[role];
    bool whole = scene_is_whole(endpoint->loan[endpoint->loans - 1].bytes, &expected);
    memlane_status status = scene_commit_loan(role);
    ORACLE_REQUIRE(whole && status == MEMLANE_OK, "role %d cannot commit its open loan: %s", role,
                   memlane_status_name(status));
    found = read_by(role);
    ORACLE_REQUIRE(found == expected, "role %d committed its loan %lu, and reads %lu", role, (unsigned long)expected,
                   (unsigned long)found);
}

static void finish_loans(void) {
    for (int role = 0; role < ROLES; role++) {
        bool lives = machine->process[scene.process[role]].condition == MACHINE_RUNNING;
        if (scene.endpoint[role].open && scene.endpoint[role].loans > 0 && lives) {
            finish_loan((enum role)role);
        }
    }
}

static void close_survivors(const struct inquest *inquest) {
    for (int role = 0; role < ROLES; role++) {
        if (is_survivor(inquest, (enum role)role)) {
            scene_close((enum role)role);
            ORACLE_REQUIRE(machine_count_holdings(scene.process[role]) == 0,
                           "role %d closed, and still holds descriptors or mappings", role);
        }
    }
}

static void check_nothing_is_left(void) {
    uint32_t removed;
    machine_become(CHECKER);
    if (has(LOST_LOCK)) { /* died without closing: the next open or collection removes an ephemeral object */
        const struct memlane_sharing sharing = {.permissions = 0600, .peer_user = -1};
        memlane_status status = memlane_removal_collect(NULL, &sharing, &removed, NULL);
        ORACLE_REQUIRE(status == MEMLANE_OK, "collecting: %s", memlane_status_name(status));
    }
    uint32_t expected = has(EPHEMERAL) ? 0 : 1;
    ORACLE_REQUIRE(machine_count_files() == expected, "%u files are left, expected %u", machine_count_files(),
                   expected);
    for (uint32_t lock = 0; lock < MACHINE_LOCKS; lock++) {
        ORACLE_REQUIRE(machine->lock[lock].owner == 0, "a byte lock is left");
    }
    ORACLE_REQUIRE(machine->misuse == 0, "the kernel was called wrongly: line %u of machine*.c", machine->misuse);
}

/* -- all together ---------------------------------------------------------------------------------------- */

static void examine_one_object(const struct inquest *inquest, memlane_status expected, enum role one, enum role other) {
    bool lock_first = inquest->step % 2 == 0;
    if (lock_first) {
        exercise_lock(expected, one, other);
    }
    taking_check(inquest, one);
    exercise(inquest, one, other);
    taking_exercise(one, other);
    if (!lock_first) {
        exercise_lock(expected, one, other);
    }
    if (all_players_are_dead(inquest)) {
        finish_loans();
        let_go(one);
        check_nothing_is_held(&scene.endpoint[one].reg);
        check_every_slot_is_used(one);
    }
}

void oracle_examine(const struct inquest *inquest) {
    check_reports(inquest);
    if ((traits_of_all(inquest) & FORKS) != 0) {
        go_on_after_fork(inquest);
    }
    memlane_status lock = MEMLANE_OK;
    if (scene.endpoint[WRITER].open) {
        check_value(inquest, WRITER);
        lock = expected_of_lock(inquest, &scene.endpoint[WRITER].segment); /* before a newcomer cleans */
    }
    bool newcomer = newcomer_arrives(inquest);
    if (newcomer) {
        check_newcomer(inquest);
    }
    bool writer = scene.endpoint[WRITER].open;
    bool two = newcomer && writer && is_same_object(WRITER, CHECKER);
    if (writer) {
        examine_one_object(inquest, lock, WRITER, two ? CHECKER : PINNER);
    }
    if (newcomer && !two) {
        lock = expected_of_lock(inquest, &scene.endpoint[CHECKER].segment);
        examine_one_object(inquest, lock, CHECKER, CHECKER);
    }
    close_survivors(inquest);
    if (all_players_are_dead(inquest)) {
        check_nothing_is_left();
    }
}
