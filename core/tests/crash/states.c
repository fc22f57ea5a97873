/* The prepared states: what the survivors, the dead and the half-dead had done when the operation begins. */
#include "scene.h"

#include "participant.h"

#include <stdio.h>
#include <string.h>

#define LIST(array) {array, sizeof(array) / sizeof *(array)}

static const uint32_t in_use[] = {
    0,
    EMPTY,
    EMPTY | DEAD_CLAIM,
    OLD_PIN,
    OLD_PIN | DEAD_CLAIM,
    OLD_PIN | UNMARKED,
    OLD_PIN | DEAD_CLAIM | UNMARKED,
    DEAD_CLAIM,
    UNMARKED,
    DEAD_CLAIM | UNMARKED,
    DEAD_PINS | READER_OF_DEAD,
    DEAD_PINS | DEAD_CLAIM | OLD_PIN,
    LOST_LOCK,
    LOST_LOCK | LOST_LOAN,
    CROWDED,
    CROWDED | DEAD_CLAIM | DEAD_PINS,
    GENERATION_WRAPS,
    GENERATION_WRAPS | DEAD_CLAIM | DEAD_PINS | LOCK_OF_DEAD,
    ALL_PUBLISHED,
    ALL_PUBLISHED | OLD_PIN | DEAD_CLAIM,
    LIVE_LOAN,
    LIVE_LOAN | OLD_PIN | DEAD_CLAIM,
    LOCK_OF_DEAD,
    LOCK_OF_DEAD | LOCK_WAITERS | DEAD_CLAIM | WRITER_OF_DEAD,
    LOCK_OF_DEAD | LOCK_ABANDONED | WRITER_OF_DEAD,
    FOREIGN_NAMESPACE | DEAD_CLAIM | LOCK_OF_DEAD,
    EPHEMERAL,
    EPHEMERAL | DEAD_CLAIM | DEAD_PINS | LOST_LOCK,
    DEAD_LOAN_DROPPED | OLD_PIN,
    FULL,
    FULL | OLD_PIN,
    FULL | EMPTY,
    FULL | GENERATION_WRAPS | LOCK_OF_DEAD,
    OLD_PIN | DEAD_CLAIM | UNMARKED | DEAD_PINS | LOST_LOCK | CROWDED | GENERATION_WRAPS | ALL_PUBLISHED | LIVE_LOAN |
        LOCK_OF_DEAD | LOCK_WAITERS | FOREIGN_NAMESPACE,
};
const struct state_list scene_states = LIST(in_use);

static const uint32_t rwlock[] = {
    0,
    WRITER_OF_DEAD,
    READER_OF_DEAD,
    WRITER_OF_DEAD | LOCK_WAITERS,
    WRITER_OF_DEAD | LOCK_ABANDONED,
    READER_OF_DEAD | LOCK_WAITERS,
    READER_OF_DEAD | LOCK_WAITERS | GENERATION_WRAPS,
    READER_OF_DEAD | LOCK_ABANDONED,
    WRITER_OF_DEAD | GENERATION_WRAPS,
    READER_OF_DEAD | GENERATION_WRAPS,
    WRITER_OF_DEAD | GENERATION_WRAPS | LOCK_WAITERS,
    WRITER_OF_DEAD | FOREIGN_NAMESPACE,
    READER_OF_DEAD | FOREIGN_NAMESPACE,
    WRITER_OF_DEAD | LOST_LOCK,
    READER_OF_DEAD | LOST_LOCK,
    WRITER_OF_DEAD | CROWDED,
    READER_OF_DEAD | CROWDED,
    WRITER_OF_DEAD | EPHEMERAL,
    READER_OF_DEAD | EPHEMERAL,
    WRITER_OF_DEAD | LOCK_OF_DEAD,
    READER_OF_DEAD | LOCK_OF_DEAD | DEAD_PINS,
    WRITER_OF_DEAD | LOCK_ABANDONED | CROWDED | LOST_LOCK,
    READER_OF_DEAD | FEW_SLOTS,
    WRITER_OF_DEAD | LOCK_ABANDONED | LOCK_WAITERS | EPHEMERAL,
};
const struct state_list scene_states_rwlock = LIST(rwlock);

enum {
    C1 = UNTESTED_FILE_SYSTEM,
    C2 = FEW_PLACES,
    C3 = FEW_SLOTS,
    C4 = WITH_SCHEMA,
    C5 = EPHEMERAL,
};
static const uint32_t creation[] = {
    0,
    C1,
    C2,
    C1 | C2,
    C3,
    C1 | C3,
    C2 | C3,
    C4,
    C1 | C4,
    C2 | C4,
    C3 | C4,
    C2 | C3 | C4,
    C1 | C2 | C4,
    C1 | C3 | C4,
    C5,
    C1 | C5,
    C2 | C5,
    C3 | C5,
    C4 | C5,
    C2 | C3 | C5,
    C1 | C4 | C5,
    C2 | C4 | C5,
    C3 | C4 | C5,
    C1 | C2 | C5,
    C1 | C2 | C3 | C4 | C5,
};
const struct state_list scene_states_creation = LIST(creation);

static const uint32_t last[] = {
    EPHEMERAL,
    EPHEMERAL | EMPTY,
    EPHEMERAL | EMPTY | DEAD_CLAIM,
    EPHEMERAL | DEAD_CLAIM,
    EPHEMERAL | UNMARKED,
    EPHEMERAL | DEAD_PINS,
    EPHEMERAL | DEAD_PINS | DEAD_CLAIM | UNMARKED,
    EPHEMERAL | LOCK_OF_DEAD,
    EPHEMERAL | LOCK_OF_DEAD | LOCK_WAITERS,
    EPHEMERAL | LOCK_OF_DEAD | LOCK_ABANDONED,
    EPHEMERAL | GENERATION_WRAPS,
    EPHEMERAL | GENERATION_WRAPS | DEAD_CLAIM | LOCK_OF_DEAD,
    EPHEMERAL | ALL_PUBLISHED,
    EPHEMERAL | FOREIGN_NAMESPACE | DEAD_CLAIM,
    EPHEMERAL | LOST_LOCK,
    EPHEMERAL | LOST_LOCK | DEAD_CLAIM,
    EPHEMERAL | WITH_SCHEMA,
    EPHEMERAL | FEW_SLOTS,
    0,
    DEAD_CLAIM,
    DEAD_PINS | DEAD_CLAIM | UNMARKED,
    LOCK_OF_DEAD,
    LOST_LOCK,
    GENERATION_WRAPS | DEAD_CLAIM,
};
const struct state_list scene_states_last = LIST(last);

void scene_describe(uint32_t conditions, char text[SCENE_DESCRIPTION_SIZE]) {
    static const char *const names[] = {
        "empty",
        "old pin",
        "dead claim",
        "unmarked latest of the dead",
        "pins of the dead",
        "lost byte lock",
        "loan of the one who lost it",
        "crowded",
        "generation wraps",
        "all slots published",
        "live loan",
        "lock of the dead",
        "lock abandoned",
        "lock has waiters",
        "foreign pid namespace",
        "ephemeral",
        "free slot above the latest",
        "untested file system",
        "few places",
        "few slots",
        "with a schema",
        "all slots taken",
        "dead writer in the shared lock",
        "dead reader in the shared lock",
    };
    size_t used = (size_t)snprintf(text, SCENE_DESCRIPTION_SIZE, "%s", conditions == 0 ? "plain" : "");
    for (size_t bit = 0; bit < sizeof names / sizeof *names; bit++) {
        if ((conditions & 1u << bit) != 0) {
            used +=
                (size_t)snprintf(text + used, SCENE_DESCRIPTION_SIZE - used, "%s%s", used == 0 ? "" : ", ", names[bit]);
        }
    }
}

static bool has(uint32_t condition) {
    return (scene.conditions & condition) != 0;
}

static void write_next(void) {
    SCENE_REQUIRE(scene_write(WRITER, scene.base + 1) == MEMLANE_OK);
    scene.base++;
}

static bool somebody_died(void) {
    return has(FULL | DEAD_CLAIM | UNMARKED | DEAD_PINS | LOCK_OF_DEAD | DEAD_LOAN_DROPPED | WRITER_OF_DEAD |
               READER_OF_DEAD);
}

static void open_role(enum role role) {
    if (has(FOREIGN_NAMESPACE) && (role == DEAD || role == PINNER)) {
        machine->process[role].pid_namespace++;
    }
    SCENE_REQUIRE(scene_open(role, true, NULL) == MEMLANE_OK);
}

/* The indices are given in this order; the first free one is what the next to come gets. */
static void open_roles(uint32_t roles) {
    for (int role = VICTIM; role <= PINNER; role++) {
        if ((roles & 1u << role) != 0) {
            open_role((enum role)role);
        }
    }
    if (somebody_died()) {
        open_role(DEAD);
    }
    if (has(LOST_LOCK)) {
        open_role(LOST);
    }
    if (has(FULL)) {
        open_role(HOLDER);
    }
}

/* -- the register ------------------------------------------------------------------------------------------------ */

static struct memlane_register *any_register(void) {
    return &scene.endpoint[WRITER].reg;
}

static uint64_t latest(void) {
    return memlane_load_acquire(&any_register()->control->latest);
}

static uint64_t control_of_the_dead(uint64_t version) {
    return memlane_control_word(version, scene.endpoint[DEAD].segment.index + 1, MEMLANE_SLOT_WRITING);
}

/* As if DEAD had ended right after its claim, which a pin would have made it undo. */
static void leave_dead_claim(void) {
    struct memlane_register *reg = any_register();
    uint32_t slot = (memlane_latest_slot(latest()) + 1) % reg->slots;
    if (scene.endpoint[PINNER].has_pin) {
        slot = (uint32_t)((size_t)(scene.endpoint[PINNER].pinned - reg->data) / reg->stride);
    }
    uint64_t control = memlane_load_acquire(&reg->slot[slot].control);
    uint64_t newest = memlane_word_version(latest());
    uint64_t version = memlane_word_version(control) > newest ? memlane_word_version(control) : newest;
    memlane_store_seq_cst(&reg->slot[slot].control, control_of_the_dead(version + 1));
}

static void unmark_latest(void) {
    uint64_t now = latest();
    memlane_store_seq_cst(&any_register()->slot[memlane_latest_slot(now)].control,
                          control_of_the_dead(memlane_word_version(now)));
}

static void raise_a_free_slot(void) {
    const struct endpoint *dead = &scene.endpoint[DEAD];
    SCENE_REQUIRE(scene_take_loan(DEAD, 900) == MEMLANE_OK);
    write_next();
    scene_drop_loan(DEAD);
    memlane_store_seq_cst(&dead->reg.slot[dead->loan[0].slot].control,
                          memlane_control_word(memlane_word_version(latest()) + 3, 0, MEMLANE_SLOT_FREE));
}

static void write_history(void) {
    uint64_t count = has(EMPTY) ? 0 : has(ALL_PUBLISHED) ? 2 * any_register()->slots : 3;
    while (count-- > 0) {
        write_next();
    }
    if (has(DEAD_PINS)) {
        SCENE_REQUIRE(scene_pin(DEAD) == MEMLANE_OK);
        write_next();
    }
    if (has(OLD_PIN)) {
        SCENE_REQUIRE(scene_pin(PINNER) == MEMLANE_OK);
        write_next();
    }
    if (has(DEAD_PINS)) {
        SCENE_REQUIRE(scene_pin(DEAD) == MEMLANE_OK);
        write_next();
    }
    if (has(LIVE_LOAN)) {
        SCENE_REQUIRE(scene_take_loan(WRITER, 800) == MEMLANE_OK);
    }
    if (has(LOST_LOAN)) {
        SCENE_REQUIRE(scene_take_loan(LOST, 850) == MEMLANE_OK);
    }
    if (has(DEAD_LOAN_DROPPED)) {
        raise_a_free_slot();
    }
}

/* Every slot that can be claimed is a dead owner's: a writer finds none before it asks for verdicts. */
static void take_all_slots(void) {
    enum { LEFT_BY_THE_DEAD = 4 };
    for (int loan = 0; loan < LEFT_BY_THE_DEAD; loan++) {
        SCENE_REQUIRE(scene_take_loan(DEAD, 900) == MEMLANE_OK);
    }
    while (scene.endpoint[HOLDER].loans < SCENE_SLOTS && scene_take_loan(HOLDER, 950) == MEMLANE_OK) {}
}

/* -- participants and the lock --------------------------------------------------------------------------- */

static void take_lock_to_the_grave(void) {
    struct memlane_segment *segment = &scene.endpoint[DEAD].segment;
    struct guarded *guarded = scene_guarded(segment);
    uint32_t token;
    machine_become(DEAD);
    SCENE_REQUIRE(memlane_lock_acquire(segment, &guarded->lock, UINT64_MAX, &token) == MEMLANE_OK);
    guarded->first++;
    if (has(LOCK_WAITERS)) {
        memlane_store_seq_cst(&guarded->lock.word, memlane_load_acquire(&guarded->lock.word) | MEMLANE_LOCK_WAITERS);
    }
}

static void take_shared_lock_to_the_grave(void) {
    struct memlane_segment *segment = &scene.endpoint[DEAD].segment;
    struct shared_guarded *guarded = scene_shared_guarded(segment);
    struct memlane_rwlock lock = scene_rwlock(segment);
    const struct memlane_limit limit = {.deadline_ns = UINT64_MAX};
    uint32_t token;
    machine_become(DEAD);
    if (has(READER_OF_DEAD)) {
        SCENE_REQUIRE(memlane_rwlock_read(&lock, &limit) == MEMLANE_OK);
        if (has(LOCK_WAITERS)) { /* not inside yet: whoever leaves lets it in, dead as it is */
            memlane_exchange32_seq_cst(&guarded->flag[segment->index].word, MEMLANE_FLAG_WAITING | segment->tag);
        }
        return;
    }
    SCENE_REQUIRE(memlane_rwlock_write(&lock, &limit, &token) == MEMLANE_OK);
    guarded->first++;
    if (has(LOCK_WAITERS)) {
        memlane_atomic64 *word = &guarded->control.writer.word;
        memlane_store_seq_cst(word, memlane_load_acquire(word) | MEMLANE_LOCK_WAITERS);
    }
}

static void bury_the_dead(void) {
    if (has(WRITER_OF_DEAD | READER_OF_DEAD)) {
        take_shared_lock_to_the_grave();
    }
    if (has(LOCK_OF_DEAD)) {
        take_lock_to_the_grave();
    }
    if (has(DEAD_CLAIM)) {
        leave_dead_claim();
    }
    if (has(UNMARKED)) {
        unmark_latest();
    }
    if (has(FULL)) {
        take_all_slots();
    }
    if (somebody_died()) {
        machine_kill(DEAD);
    }
    if (has(LOCK_ABANDONED)) {
        machine_become(WRITER);
        memlane_participant_collect(&scene.endpoint[WRITER].segment);
    }
    if (has(LOST_LOCK)) {
        machine_close_range(LOST);
    }
}

static void fill_the_table(void) {
    uint32_t open = 0;
    for (int role = VICTIM; role < FILLER; role++) {
        open += scene.endpoint[role].open && machine->process[role].condition == MACHINE_RUNNING;
    }
    for (int role = FILLER; open < SCENE_PARTICIPANTS - 2; role++, open++) {
        open_role((enum role)role);
    }
}

static void wrap_generations(void) {
    const struct memlane_segment *segment = &scene.endpoint[WRITER].segment;
    for (uint32_t index = 0; index < SCENE_PARTICIPANTS; index++) {
        bool locked = false;
        machine_become(WRITER);
        SCENE_REQUIRE(memlane_platform_byte_is_locked(segment->descriptor, MEMLANE_LOCK_BASE + index, &locked) == 0);
        if (!locked && index != segment->index) {
            memlane_store32_relaxed(&scene_entry(segment, index)->generation, MEMLANE_GENERATION_MASK);
        }
    }
}

uint32_t scene_count_holdings(uint32_t index) {
    const struct memlane_register *reg = any_register();
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < reg->slots; slot++) {
        uint64_t control = memlane_load_acquire(&reg->slot[slot].control);
        count += memlane_control_state(control) == MEMLANE_SLOT_WRITING && memlane_control_owner(control) == index + 1;
    }
    for (uint32_t pin = 0; pin < MEMLANE_PINS_EACH; pin++) {
        count += memlane_load_acquire(&reg->pins[index].pin[pin]) != 0;
    }
    return count;
}

void scene_build(uint32_t conditions, uint32_t roles) {
    machine_reset();
    memset(&scene, 0, sizeof scene);
    scene.conditions = conditions;
    for (uint32_t role = 0; role < ROLES; role++) {
        scene.process[role] = role;
    }
    open_roles(roles);
    if (scene.endpoint[WRITER].open) {
        write_history();
    }
    bury_the_dead();
    if (has(CROWDED)) {
        fill_the_table();
    }
    if (has(GENERATION_WRAPS)) {
        wrap_generations();
    }
    if (somebody_died()) {
        scene.left_by_the_dead = scene_count_holdings(scene.endpoint[DEAD].segment.index);
    }
}
