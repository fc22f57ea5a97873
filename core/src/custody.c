#include "custody.h"

#include "mutant.h"
#include "participant.h"

#include <inttypes.h>
#include <stdio.h>

/* A claim of the index: the slot that `latest` names was published, any other is free again. The version stays (D46): a
 * claimant that loaded the word before us must fail. */
static void clean_slot(struct memlane_register *reg, uint32_t slot, uint32_t index) {
    memlane_atomic64 *word = &reg->slot[slot].control;
    uint64_t control = memlane_load_acquire(word); /* M2, see register.c: before latest */
    if (memlane_control_state(control) != MEMLANE_SLOT_WRITING || memlane_control_owner(control) != index + 1) {
        return;
    }
    uint64_t version = memlane_word_version(control);
    bool is_latest = memlane_load_acquire(&reg->control->latest) == memlane_latest_word(version, slot);
    uint64_t kept = MEMLANE_MUTANT(CLEAR_VERSION) ? 0 : version;
    /* acq_rel: what the dead owner wrote is behind us for the next claimant. */
    memlane_cas_acq_rel(word, control,
                        memlane_control_word(kept, 0, is_latest ? MEMLANE_SLOT_PUBLISHED : MEMLANE_SLOT_FREE));
}

void memlane_custody_clean(struct memlane_segment *segment, uint32_t index) {
    struct memlane_register reg;
    memlane_register_locate(&reg, segment);
    for (uint32_t slot = 0; slot < reg.slots; slot++) {
        clean_slot(&reg, slot, index);
    }
    for (size_t pin = 0; pin < MEMLANE_PINS_EACH; pin++) {
        memlane_store_release(&reg.pins[index].pin[pin], 0); /* U1: its reader is dead, or has ended its views */
    }
}

/* -- fork -------------------------------------------------------------------------------------------------- */

static void raise_pins_used(struct memlane_register *reg, uint32_t needed) {
    for (;;) {
        uint32_t used = memlane_load32_seq_cst(&reg->control->pins_used);
        if (used >= needed || memlane_cas32_seq_cst(&reg->control->pins_used, used, needed)) {
            return; /* N1: before the pins */
        }
    }
}

/* The parent's own pins protect the slots until the child's can be seen. A writer whose scan of the pins is under
 * way may have passed the fresh row, and come to the parent's row after the parent dropped its pin: it finds
 * pin_moves changed. */
void memlane_custody_inherit(struct memlane_segment *segment, uint32_t fresh_index) {
    struct memlane_register *reg = segment->owner;
    if (reg == NULL) {
        return; /* opened by a thread that the child will not have */
    }
    bool moved = false;
    for (size_t pin = 0; pin < MEMLANE_PINS_EACH; pin++) {
        if (reg->pinned[pin].references != 0 && reg->pinned[pin].latest != 0) {
            raise_pins_used(reg, fresh_index + 1);
            memlane_store_seq_cst(&reg->pins[fresh_index].pin[pin], reg->pinned[pin].latest); /* N1 */
            moved = true;
        }
    }
    if (moved) {
        memlane_add32_seq_cst(&reg->control->pin_moves, 1); /* N6: before the fork, so before the parent's next unpin */
    }
}

/* Loans and half-done writes stay with the parent; views without an index have private bytes, and no pin to give
 * back. */
void memlane_custody_adopt(struct memlane_segment *segment) {
    struct memlane_register *reg = segment->owner;
    if (reg == NULL) {
        return;
    }
    memlane_register_forget_claims(reg);
    for (size_t pin = 0; pin < MEMLANE_PINS_EACH; pin++) {
        if (!memlane_segment_is_attached(segment)) {
            reg->pinned[pin].latest = 0;
        }
    }
}

bool memlane_custody_next_view(struct memlane_segment *segment, uint32_t *cursor, uint64_t *offset, uint64_t *size) {
    const struct memlane_register *reg = segment->owner;
    for (; reg != NULL && *cursor < MEMLANE_PINS_EACH; ++*cursor) {
        uint64_t latest = reg->pinned[*cursor].latest;
        if (reg->pinned[*cursor].references != 0 && latest != 0) {
            *offset = reg->data_offset + memlane_latest_slot(latest) * reg->stride;
            *size = reg->capacity;
            ++*cursor;
            return true;
        }
    }
    return false;
}

/* -- who holds what -------------------------------------------------------------------------------------------- */

static bool is_writing(const struct memlane_register *reg, uint32_t slot, uint32_t index) {
    uint64_t control = memlane_load_relaxed(&reg->slot[slot].control); /* relaxed, as all here: for display */
    return memlane_control_state(control) == MEMLANE_SLOT_WRITING && memlane_control_owner(control) == index + 1;
}

static uint32_t count_writing(const struct memlane_register *reg, uint32_t index) {
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < reg->slots; slot++) {
        count += is_writing(reg, slot, index);
    }
    return count;
}

static uint32_t count_pins(const struct memlane_register *reg, uint32_t index) {
    uint32_t count = 0;
    for (size_t pin = 0; pin < MEMLANE_PINS_EACH; pin++) {
        count += memlane_load_relaxed(&reg->pins[index].pin[pin]) != 0;
    }
    return count;
}

struct memlane_custody_count memlane_custody_count_of(const struct memlane_register *reg, uint32_t index) {
    return (struct memlane_custody_count){.writing = count_writing(reg, index), .pinned = count_pins(reg, index)};
}

static bool slot_is_pinned(const struct memlane_register *reg, uint32_t slot) {
    for (uint32_t index = 0; index < reg->participants; index++) {
        for (size_t pin = 0; pin < MEMLANE_PINS_EACH; pin++) {
            uint64_t latest = memlane_load_relaxed(&reg->pins[index].pin[pin]);
            if (latest != 0 && memlane_latest_slot(latest) == slot) {
                return true;
            }
        }
    }
    return false;
}

struct memlane_custody_count memlane_custody_count(const struct memlane_register *reg) {
    struct memlane_custody_count count = {0};
    for (uint32_t slot = 0; slot < reg->slots; slot++) {
        uint64_t control = memlane_load_relaxed(&reg->slot[slot].control);
        count.writing += memlane_control_state(control) == MEMLANE_SLOT_WRITING;
        count.pinned += slot_is_pinned(reg, slot);
    }
    return count;
}

void memlane_custody_describe(const struct memlane_register *reg, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t index = 0; index < reg->participants && used < size; index++) {
        struct memlane_custody_count count = memlane_custody_count_of(reg, index);
        if (count.writing == 0 && count.pinned == 0) {
            continue;
        }
        char description[MEMLANE_DESCRIPTION_SIZE];
        memlane_participant_describe(reg->segment, index, description);
        used += (size_t)snprintf(text + used, size - used, "%s%s writes or loans %" PRIu32 ", views %" PRIu32,
                                 used == 0 ? "" : "; ", description, count.writing, count.pinned);
    }
}
