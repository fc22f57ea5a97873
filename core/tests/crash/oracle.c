#include "oracle.h"

#include "fork.h"
#include "guard.h"
#include "oracle_taking.h"
#include "oracle_transaction.h"
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
        } else if ((traits_of(inquest, i) & VACATES) != 0) {
            add_candidate(&candidates, 0);
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
        bool given_up = i > 0 && (traits_of_all(inquest) & VACATES) != 0;
        bool nothing_there = status == MEMLANE_EMPTY &&
                             (scene.base == 0 || (inquest->resumed && has(EMPTY)) || taken_by_others || given_up);
        bool gone_already = status == MEMLANE_NOT_FOUND && i > 0 && (traits_of(inquest, i) & UNLINKS) != 0;
        bool overtaken = (traits_of(inquest, i) & TRANSACTS) != 0 && transaction_may_be_lost(inquest);
        bool fenced = status == MEMLANE_OWNERSHIP_LOST && (inquest->zombie || overtaken);
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
    const struct endpoint *dead = &scene.endpoint[DEAD];
    bool untouched = !dead->open || index != dead->segment.index || !scene.endpoint[WRITER].open ||
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

/* -- the lock for readers and writers -------------------------------------------------------------------------- */

static memlane_status use_as_reader(enum role role) {
    struct memlane_segment *segment = &scene_become(role)->segment;
    const struct shared_guarded *guarded = scene_shared_guarded(segment);
    struct memlane_rwlock lock = scene_rwlock(segment);
    const struct memlane_limit limit = {.deadline_ns = machine->clock + SCENE_PATIENCE_NS};
    memlane_status status = memlane_rwlock_read(&lock, &limit);
    ORACLE_REQUIRE(status != MEMLANE_OK || guarded->first == guarded->second,
                   "a reader finds a half-done change, and nobody said so");
    return status;
}

static void leave_as_reader(enum role role) {
    struct memlane_segment *segment = &scene_become(role)->segment;
    struct memlane_rwlock lock = scene_rwlock(segment);
    memlane_status status = memlane_rwlock_end_read(&lock, segment->tag);
    ORACLE_REQUIRE(status == MEMLANE_OK, "role %d ends reading: %s", role, memlane_status_name(status));
}

static memlane_status use_as_writer(enum role role, uint32_t *token) {
    struct memlane_segment *segment = &scene_become(role)->segment;
    struct shared_guarded *guarded = scene_shared_guarded(segment);
    struct memlane_rwlock lock = scene_rwlock(segment);
    const struct memlane_limit limit = {.deadline_ns = machine->clock + SCENE_PATIENCE_NS};
    memlane_status status = memlane_rwlock_write(&lock, &limit, token);
    ORACLE_REQUIRE(status != MEMLANE_OK || guarded->first == guarded->second,
                   "a writer finds a half-done change, and nobody said so");
    if (status != MEMLANE_TIMEOUT) {
        guarded->first = guarded->second = guarded->first + 1;
    }
    return status;
}

static void leave_as_writer(enum role role, uint32_t token, memlane_status expected) {
    struct memlane_segment *segment = &scene_become(role)->segment;
    struct memlane_rwlock lock = scene_rwlock(segment);
    memlane_status status = memlane_rwlock_end_write(&lock, token);
    ORACLE_REQUIRE(status == expected, "role %d ends writing: %s, expected: %s", role, memlane_status_name(status),
                   memlane_status_name(expected));
}

/* What the words say to who asks now. Whoever lives inside is a player that stands still. */
static memlane_status expected_of_shared_lock(const struct inquest *inquest, enum role role, bool writes) {
    const struct memlane_segment *segment = &scene_become(role)->segment;
    const struct shared_guarded *guarded = scene_shared_guarded(segment);
    uint64_t word = memlane_load_acquire(&guarded->control.writer.word);
    uint32_t owner = (uint32_t)(word & MEMLANE_LOCK_TAG);
    bool held = owner != 0 && memlane_participant_verdict_of_tag(segment, owner) == MEMLANE_ALIVE;
    for (uint32_t i = 0; writes && i < segment->header.participants_count; i++) {
        uint32_t flag = memlane_load32_acquire(&guarded->flag[i].word);
        held = held || ((flag & MEMLANE_FLAG_READING) != 0 &&
                        memlane_participant_verdict_of_tag(segment, flag & MEMLANE_FLAG_TAG) == MEMLANE_ALIVE);
    }
    ORACLE_REQUIRE(!held || !all_players_are_dead(inquest), "the shared lock is held by the dead");
    if (held) {
        return MEMLANE_TIMEOUT;
    }
    return owner != 0 || (word & MEMLANE_LOCK_ABANDONED) != 0 ? MEMLANE_OWNER_DIED : MEMLANE_OK;
}

/* Returns whether the role is inside. */
static bool try_as(const struct inquest *inquest, enum role role, bool writes, uint32_t *token) {
    memlane_status expected = expected_of_shared_lock(inquest, role, writes);
    memlane_status found = writes ? use_as_writer(role, token) : use_as_reader(role);
    ORACLE_REQUIRE(found == expected, "role %d is to %s under the shared lock: %s, expected: %s", role,
                   writes ? "write" : "read", memlane_status_name(found), memlane_status_name(expected));
    return found != MEMLANE_TIMEOUT;
}

static void exclude_the_other(const struct inquest *inquest, enum role one, enum role other) {
    uint32_t token, none;
    if (!try_as(inquest, one, true, &token)) {
        return;
    }
    if (one != other) {
        ORACLE_REQUIRE(use_as_reader(other) == MEMLANE_TIMEOUT, "a reader is inside beside a writer");
        ORACLE_REQUIRE(use_as_writer(other, &none) == MEMLANE_TIMEOUT, "two writers are inside");
        leave_as_writer(other, token, MEMLANE_OWNERSHIP_LOST);
    }
    leave_as_writer(one, token, MEMLANE_OK);
    leave_as_writer(one, token, MEMLANE_OWNERSHIP_LOST);
}

static void exercise_shared_lock(const struct inquest *inquest, enum role one, enum role other) {
    uint32_t token;
    if (try_as(inquest, other, false, &token)) {
        if (one != other) {
            ORACLE_REQUIRE(use_as_writer(one, &token) == MEMLANE_TIMEOUT, "a writer is inside beside a reader");
        }
        leave_as_reader(other);
    }
    exclude_the_other(inquest, one, other);
    /* NOLINTNEXTLINE(readability-suspicious-call-argument): the other way round, on purpose */
    exclude_the_other(inquest, other, one); /* where a reader that stands still was let in, this one waits for it */
}

/* It is no part of what the other operations touch, but for the cleanup. */
static bool shared_lock_is_due(const struct inquest *inquest) {
    enum { EACH = 8 };
    return (traits_of_all(inquest) & RWLOCK) != 0 || inquest->step % EACH == 1;
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
    const struct shared_guarded *shared = scene_shared_guarded(reg->segment);
    word = memlane_load_acquire(&shared->control.writer.word);
    ORACLE_REQUIRE((word & MEMLANE_LOCK_TAG) == 0, "the shared lock was not given back");
    for (uint32_t index = 0; index < reg->participants; index++) {
        ORACLE_REQUIRE(memlane_load32_acquire(&shared->flag[index].word) == 0, "the flag of reader %u is up", index);
    }
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

/* -- the channel ------------------------------------------------------------------------------------------- */

enum { FIRST_PART = 2, BOTH_PARTS = 3 };

static const char *operation_of(const struct inquest *inquest, uint32_t player) {
    return inquest->player[player].actor.operation->name;
}

static bool writes(const char *name) {
    return strcmp(name, "channel write") == 0 || strcmp(name, "channel take-over") == 0;
}

static bool reads(const char *name) {
    return strcmp(name, "channel read") == 0 || strcmp(name, "channel drain") == 0;
}

/* What one player may have moved, of `possible` bytes: parts in their order, all of them when the operation is over. */
static uint64_t parts_of(const struct inquest *inquest, uint32_t player, uint64_t possible, uint64_t moved[3]) {
    static const uint64_t sums[3] = {0, FIRST_PART, BOTH_PARTS};
    uint64_t count = 0;
    while (count < 3 && sums[count] <= possible) {
        moved[count] = sums[count];
        count++;
    }
    if (report_of(inquest, player)->phase == MACHINE_AFTER) {
        moved[0] = moved[count - 1];
        return 1;
    }
    return count;
}

struct cursors {
    uint64_t head, tail;
};

/* Where one player can have brought the cursors; at most three places. */
static uint64_t outcomes_of(const struct inquest *inquest, uint32_t player, struct cursors from,
                            struct cursors outcome[3]) {
    const char *name = operation_of(inquest, player);
    uint64_t moved[3] = {0}, count = 1, filled = from.tail - from.head;
    if (writes(name)) {
        count = parts_of(inquest, player, CHANNEL_CAPACITY - filled, moved);
    } else if (reads(name)) {
        count = parts_of(inquest, player, filled, moved);
    }
    for (uint64_t i = 0; i < count; i++) {
        outcome[i] = (struct cursors){.head = from.head + (reads(name) ? moved[i] : 0),
                                      .tail = from.tail + (writes(name) ? moved[i] : 0)};
    }
    return count;
}

static bool is_among(struct cursors found, const struct cursors *possible, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        if (found.head == possible[i].head && found.tail == possible[i].tail) {
            return true;
        }
    }
    return false;
}

/* The players came one after the other. */
static bool can_have_moved(const struct inquest *inquest, struct cursors from, struct cursors found) {
    struct cursors first[3], second[3];
    uint64_t count = outcomes_of(inquest, 0, from, first);
    if (inquest->players == 1) {
        return is_among(found, first, count);
    }
    for (uint64_t i = 0; i < count; i++) {
        if (is_among(found, second, outcomes_of(inquest, 1, first[i], second))) {
            return true;
        }
    }
    return false;
}

/* The cursors stand where stores of the players put them, and at the last of them when an operation is over. */
static void check_cursors(const struct inquest *inquest, uint64_t head, uint64_t tail) {
    const struct cursors from = {.head = scene.head, .tail = scene.tail}, found = {.head = head, .tail = tail};
    ORACLE_REQUIRE(can_have_moved(inquest, from, found), "the cursors are %lu and %lu, and were %lu and %lu",
                   (unsigned long)head, (unsigned long)tail, (unsigned long)scene.head, (unsigned long)scene.tail);
}

static memlane_status claim_as(enum role role, struct memlane_end *end, enum memlane_end_role end_role) {
    const struct memlane_segment *segment = &scene_become(role)->segment;
    struct memlane_ring_control *control = &scene_channelled(segment)->control;
    uint32_t tag = memlane_end_tag(memlane_load_acquire(&control->end[end_role]));
    bool taken = tag != 0 && looks_alive(segment, tag);
    memlane_status status = memlane_end_claim(end, control, segment, end_role);
    ORACLE_REQUIRE(status == (taken ? MEMLANE_ENDPOINT_BUSY : MEMLANE_OK), "end %d: the claim says %s", (int)end_role,
                   memlane_status_name(status));
    return status;
}

static void read_all_as(struct memlane_ring *reader) {
    unsigned char byte;
    ORACLE_REQUIRE(memlane_ring_look_for_bytes(reader) == MEMLANE_OK, "the successor finds impossible cursors");
    while (memlane_ring_filled(reader) > 0) {
        memlane_ring_get(reader, &byte, 1);
        ORACLE_REQUIRE(byte == scene_stream_byte(reader->cursor), "byte %lu of the stream is not its own",
                       (unsigned long)reader->cursor);
        memlane_ring_consume(reader, 1);
    }
}

/* Successors take both ends, read what is there, and send bytes of their own. */
static void exercise_channel(const struct inquest *inquest, enum role one) {
    struct channelled *channelled = scene_channelled(&scene.endpoint[one].segment);
    struct memlane_ring reader = {
        .control = &channelled->control, .data = channelled->data, .capacity = CHANNEL_CAPACITY};
    struct memlane_ring writer = reader;
    struct memlane_end end;
    check_cursors(inquest, memlane_load_acquire(&channelled->control.head),
                  memlane_load_acquire(&channelled->control.tail));
    if (claim_as(one, &end, MEMLANE_END_READER) == MEMLANE_OK) {
        ORACLE_REQUIRE(memlane_ring_begin(&reader, MEMLANE_END_READER) == MEMLANE_OK, "impossible cursors");
        read_all_as(&reader);
        if (claim_as(one, &end, MEMLANE_END_WRITER) == MEMLANE_OK) {
            unsigned char byte;
            ORACLE_REQUIRE(memlane_ring_begin(&writer, MEMLANE_END_WRITER) == MEMLANE_OK, "impossible cursors");
            for (int i = 0; i < CHANNEL_CAPACITY; i++) {
                byte = scene_stream_byte(writer.cursor);
                memlane_ring_put(&writer, &byte, 1);
                memlane_ring_publish(&writer, 1);
            }
            read_all_as(&reader);
        }
    }
    memlane_ends_give_back(&channelled->control, scene_become(one)->segment.index);
}

static void check_no_end_is_held(const struct memlane_segment *segment) {
    for (int role = 0; role < 2; role++) {
        uint64_t word = memlane_load_acquire(&scene_channelled(segment)->control.end[role]);
        ORACLE_REQUIRE(memlane_end_tag(word) == 0, "the dead hold end %d of the channel", role);
    }
}

/* -- all together ---------------------------------------------------------------------------------------- */

static void examine_one_object(const struct inquest *inquest, memlane_status expected, enum role one, enum role other) {
    bool lock_first = inquest->step % 2 == 0;
    if (lock_first) {
        exercise_lock(expected, one, other);
    }
    taking_check(inquest, one);
    exercise(inquest, one, other);
    if (shared_lock_is_due(inquest)) {
        exercise_shared_lock(inquest, one, other);
    }
    taking_exercise(one, other);
    if (!lock_first) {
        exercise_lock(expected, one, other);
    }
    if ((traits_of_all(inquest) & STREAMS) != 0) {
        exercise_channel(inquest, one);
    }
    if ((traits_of_all(inquest) & TRANSACTS) != 0) {
        transaction_exercise(expected == MEMLANE_TIMEOUT, one, other);
    }
    if (all_players_are_dead(inquest)) {
        finish_loans();
        let_go(one);
        check_no_end_is_held(&scene.endpoint[one].segment);
        check_nothing_is_held(&scene.endpoint[one].reg);
        check_every_slot_is_used(one);
    }
}

void oracle_examine(const struct inquest *inquest) {
    check_reports(inquest);
    if ((traits_of_all(inquest) & FORKS) != 0) {
        go_on_after_fork(inquest);
    }
    if ((traits_of(inquest, 0) & TRANSACTS) != 0) {
        transaction_check(inquest);
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
