#include "guard.h"

#include <string.h>

/* Whether somebody holds the byte of the index, or lives without it. */
static bool lives(uint32_t file, uint32_t index) {
    uint64_t byte = MEMLANE_LOCK_BASE + index;
    for (uint32_t at = 0; at < MACHINE_LOCKS; at++) {
        const struct machine_lock *lock = &machine->lock[at];
        if (lock->owner != 0 && machine->description[lock->owner - 1].file == file && lock->begin <= byte &&
            byte < lock->end) {
            return true;
        }
    }
    const struct endpoint *lost = &scene.endpoint[LOST];
    return lost->open && lost->segment.index == index && machine->process[LOST].condition == MACHINE_RUNNING;
}

static uint32_t file_of(const struct memlane_segment *segment) {
    uint32_t file = 0;
    while (machine_bytes(file) != segment->base) {
        file++;
    }
    return file;
}

bool guard_index_is_held(const struct memlane_segment *segment, uint32_t index) {
    return lives(file_of(segment), index);
}

bool guard_range_is_held(uint32_t file) {
    for (uint32_t at = 0; at < MACHINE_LOCKS; at++) {
        const struct machine_lock *lock = &machine->lock[at];
        if (lock->owner != 0 && machine->description[lock->owner - 1].file == file && lock->end - lock->begin > 1) {
            return true;
        }
    }
    return false;
}

uint32_t guard_count_free_places(void) {
    uint32_t count = 0;
    int file = machine_find(SCENE_OBJECT);
    if (file < 0) {
        return SCENE_PARTICIPANTS;
    }
    const struct memlane_header *header = (const void *)machine_bytes((uint32_t)file);
    for (uint32_t index = 0; index < header->participants_count; index++) {
        count += !lives((uint32_t)file, index);
    }
    return count;
}

static bool is_pinned(const struct memlane_register *reg, uint32_t slot) {
    for (uint32_t row = 0; row < reg->participants; row++) {
        for (uint32_t pin = 0; pin < MEMLANE_PINS_EACH; pin++) {
            uint64_t latest = memlane_load_acquire(&reg->pins[row].pin[pin]);
            if (latest != 0 && memlane_latest_slot(latest) == slot) {
                return true;
            }
        }
    }
    return false;
}

static bool is_claimed_by_the_living(const struct memlane_register *reg, uint32_t slot) {
    uint64_t control = memlane_load_acquire(&reg->slot[slot].control);
    return memlane_control_state(control) == MEMLANE_SLOT_WRITING &&
           lives(file_of(reg->segment), memlane_control_owner(control) - 1);
}

uint32_t guard_count_writable(const struct memlane_register *reg) {
    uint64_t latest = memlane_load_acquire(&reg->control->latest);
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < reg->slots; slot++) {
        bool is_latest = memlane_word_version(latest) != 0 && memlane_latest_slot(latest) == slot;
        count += !is_latest && !is_pinned(reg, slot) && !is_claimed_by_the_living(reg, slot);
    }
    bool was_written = memlane_word_version(latest) != 0;
    return was_written || count == 0 ? count : count - 1;
}

static void add(struct guard *guard, const memlane_atomic64 *word, bool owner_lives, const unsigned char *bytes) {
    uint32_t at = guard->count++;
    guard->thing[at].word = word;
    guard->thing[at].value = memlane_load_acquire(word);
    guard->thing[at].owner_lives = owner_lives;
    guard->thing[at].bytes = bytes;
    memcpy(guard->thing[at].copy, bytes, SCENE_CAPACITY);
}

/* A pin whose owner was told that it holds. */
static bool was_validated(const unsigned char *bytes, const struct player *players, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (machine->report[players[i].actor.report].pinned == bytes) {
            return true;
        }
    }
    for (int role = 0; role < ROLES; role++) {
        if (scene.endpoint[role].has_pin && scene.endpoint[role].pinned == bytes) {
            return true;
        }
    }
    return false;
}

void guard_take(struct guard *guard, const struct memlane_register *reg, const struct player *players, uint32_t count) {
    uint32_t file = file_of(reg->segment);
    guard->count = 0;
    for (uint32_t row = 0; row < reg->participants; row++) {
        for (uint32_t pin = 0; pin < MEMLANE_PINS_EACH; pin++) {
            const memlane_atomic64 *word = &reg->pins[row].pin[pin];
            uint64_t latest = memlane_load_acquire(word);
            uint32_t slot = memlane_latest_slot(latest);
            const unsigned char *bytes = reg->data + slot * reg->stride;
            bool holds = latest != 0 && (memlane_word_version(memlane_load_acquire(&reg->slot[slot].control)) ==
                                             memlane_word_version(latest) ||
                                         was_validated(bytes, players, count));
            if (holds) {
                add(guard, word, lives(file, row), bytes);
            }
        }
    }
    for (uint32_t slot = 0; slot < reg->slots; slot++) {
        if (is_claimed_by_the_living(reg, slot)) {
            add(guard, &reg->slot[slot].control, true, reg->data + slot * reg->stride);
        }
    }
}

void guard_check(const struct guard *guard) {
    for (uint32_t at = 0; at < guard->count; at++) {
        bool there = memlane_load_acquire(guard->thing[at].word) == guard->thing[at].value;
        ORACLE_REQUIRE(there || !guard->thing[at].owner_lives,
                       "a pin or claim of a live owner was taken (thing %u of %u)", at, guard->count);
        ORACLE_REQUIRE(!there || memcmp(guard->thing[at].bytes, guard->thing[at].copy, SCENE_CAPACITY) == 0,
                       "bytes changed under a pin or claim (thing %u of %u)", at, guard->count);
    }
}
