/* What nobody may take while its owner lives: pinned bytes, open loans, places in the table. Decided from the
 * simulated kernel, not from the product's own verdicts. */
#ifndef MEMLANE_CRASH_GUARD_H
#define MEMLANE_CRASH_GUARD_H

#include "oracle.h"

enum { GUARDED_MAXIMUM = SCENE_PARTICIPANTS * MEMLANE_PINS_EACH + SCENE_SLOTS };

struct guard {
    uint32_t count;
    struct {
        const memlane_atomic64 *word; /* the pin, or the control word of a claim */
        uint64_t value;
        bool owner_lives;
        const unsigned char *bytes;
        unsigned char copy[SCENE_CAPACITY];
    } thing[GUARDED_MAXIMUM];
};

/* Notes what is protected at this moment. */
void guard_take(struct guard *guard, const struct memlane_register *reg, const struct player *players, uint32_t count);

/* Fails when bytes changed under a pin or claim that is still there, or when one of a live owner is gone. */
void guard_check(const struct guard *guard);

/* Slots that writers can go on with, by D47: not the latest, not pinned, not claimed by the living; less the one
 * that the first value of all takes for good. */
uint32_t guard_count_writable(const struct memlane_register *reg);

/* Indices of the named object that a newcomer can get; SCENE_PARTICIPANTS when there is no object. */
uint32_t guard_count_free_places(void);

/* Whether somebody alive holds the byte of the index, or lives without it. */
bool guard_index_is_held(const struct memlane_segment *segment, uint32_t index);

/* Whether somebody holds the bytes of several indices of the file at once. */
bool guard_range_is_held(uint32_t file);

#endif
