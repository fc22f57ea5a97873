#include "register.h"

#include "failure.h"
#include "fork.h"
#include "mutant.h"
#include "participant.h"
#include "statistics.h"

#include <stdlib.h>

/* Edges of this file (docs/design/memory-model.md):
 *   PUBLISH  P1 (commit, CAS latest) -> P2 (glance and pin, load latest): the slot's bytes and words.
 *   CLAIM    C1 (claim, CAS control, then release fence, then bytes) -> C2 (bytes, then acquire fence, then still,
 *            load control): who copied one new byte sees the new version.
 *   PIN      seq_cst on both sides: N1 pins_used and pin (stores) before N2 control (load); N3 claim (CAS) before N4
 *            pins_used and pin (loads). Either the reader sees the claim or the writer sees the pin.
 *            A fork copies pins to another row: N6 pin_moves (raised, after the copies) against N5 pin_moves (loaded,
 *            before and after a scan).
 *   UNPIN    U1 (unpin, store pin) -> U2 (claim, load pin): the bytes have been read to the end.
 *   VACATE   Y1 (vacate, CAS latest, after vacated was raised) -> Y2 (commit, load latest, before vacated): who finds
 *            the slot given free counts on from its value.
 *   MARK     M1 (commit, CAS control to PUBLISHED, after P1) -> M2 (claim, load control, before its load of latest):
 *            a slot that looks published is still in the `latest` that is loaded next, or was superseded.
 *   WAKE     P1 is seq_cst, before the load of the bell (wait.c). */

enum {
    PASSES = 4,         /* looks at each slot in one claim; from the second pass on with verdicts */
    PUBLISH_TRIES = 16, /* each failure is another writer's success */
    SCAN_TRIES = 16,    /* each failure is a fork of a process with views */
    PIN_TRIES = 1000,   /* each failure needs slots-1 commits between two loads */
    WORD_BITS = 64,
    LENGTH_BITS = 40
};

#define TYPE_MAXIMUM UINT32_C(0xffffff)

/* -- the endpoint ----------------------------------------------------------------------------------------- */

static size_t own_words(const struct memlane_register *reg) {
    return (reg->slots + WORD_BITS - 1) / WORD_BITS;
}

memlane_status memlane_register_bind(struct memlane_register *reg, struct memlane_segment *segment,
                                     memlane_error *error) {
    memlane_register_locate(reg, segment);
    reg->own = calloc(own_words(reg), sizeof *reg->own);
    if (reg->own == NULL) {
        return memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for the endpoint of '%s'", segment->name.text);
    }
    memlane_fork_hold(); /* the segment is registered: a thread that forks may be looking */
    segment->owner = reg;
    memlane_fork_release();
    return MEMLANE_OK;
}

void memlane_register_unbind(struct memlane_register *reg) {
    free(reg->own);
    reg->own = NULL;
}

/* -- slots that this endpoint is writing ----------------------------------------------------------------- */

/* The bit is taken before the claim and given back after the release, so that two threads of one endpoint, which
 * share its index, exclude each other by it. False: another thread has it. */
static bool take_own(struct memlane_register *reg, uint32_t slot) {
    uint64_t bit = UINT64_C(1) << slot % WORD_BITS;
    return (memlane_or_acquire(&reg->own[slot / WORD_BITS], bit) & bit) == 0; /* acquire, pairs with give_own */
}

static void give_own(struct memlane_register *reg, uint32_t slot) {
    memlane_and_release(&reg->own[slot / WORD_BITS],
                        ~(UINT64_C(1) << slot % WORD_BITS)); /* release, pairs with take_own */
}

void memlane_register_forget_claims(struct memlane_register *reg) {
    for (size_t word = 0; word < own_words(reg); word++) {
        memlane_store_relaxed(&reg->own[word], 0); /* relaxed: a forked child has one thread */
    }
}

/* -- claiming ---------------------------------------------------------------------------------------------- */

static bool row_pins(const struct memlane_pin_row *row, uint32_t slot) {
    for (size_t i = 0; i < MEMLANE_PINS_EACH; i++) {
        /* N4 (seq_cst, after the claim) and U2 (its acquire side). */
        uint64_t pin =
            MEMLANE_MUTANT(PIN_SCAN_RELAXED) ? memlane_load_relaxed(&row->pin[i]) : memlane_load_seq_cst(&row->pin[i]);
        if (pin != 0 && memlane_latest_slot(pin) == slot) {
            return true;
        }
    }
    return false;
}

/* Of the mutant pin-by-version. */
static bool row_pins_version(const struct memlane_pin_row *row, uint64_t latest) {
    for (size_t i = 0; i < MEMLANE_PINS_EACH; i++) {
        uint64_t pin = memlane_load_seq_cst(&row->pin[i]);
        if (pin != 0 && pin == latest) { /* 0: no pin, and also version 0 of slot 0 */
            return true;
        }
    }
    return false;
}

/* Any pin of the slot counts, whatever its version (D1): after a death between claim and undo the slot's version is
 * another. */
static bool scan_pins(const struct memlane_register *reg, uint32_t slot, uint64_t version) {
    uint32_t used = memlane_load32_seq_cst(&reg->control->pins_used); /* N4: after the claim */
    for (uint32_t i = 0; i < used && i < reg->participants; i++) {
        if (MEMLANE_MUTANT(PIN_BY_VERSION) ? row_pins_version(&reg->pins[i], memlane_latest_word(version, slot))
                                           : row_pins(&reg->pins[i], slot)) {
            return true;
        }
    }
    return false;
}

/* A fork copies pins to another row, and the former owner may drop its own then: a scan that had passed the one and
 * came too late to the other saw neither (core/models/fork.pml). pin_moves is raised in between, so such a scan is
 * repeated. */
static bool is_pinned(const struct memlane_register *reg, uint32_t slot, uint64_t version) {
    for (int try = 0; try < SCAN_TRIES; try++) {
        uint32_t moves = memlane_load32_seq_cst(&reg->control->pin_moves); /* N5: before the scan */
        if (scan_pins(reg, slot, version)) {
            return true;
        }
        if (memlane_load32_seq_cst(&reg->control->pin_moves) == moves) { /* N5: and after it */
            return false;
        }
    }
    return true; /* forks all the time: another slot will do */
}

/* Whether a slot in this state may be claimed at all; asks for a verdict only where `ask` says so. */
static bool may_claim(const struct memlane_register *reg, uint64_t control, bool ask) {
    switch (memlane_control_state(control)) {
    case MEMLANE_SLOT_FREE:
    case MEMLANE_SLOT_PUBLISHED:
        return true;
    case MEMLANE_SLOT_WRITING: {
        uint32_t owner = memlane_control_owner(control);
        if (owner == reg->segment->index + 1) {
            return true; /* ours, and not in our private set: a former owner of this index left it */
        }
        return ask && memlane_participant_verdict(reg->segment, owner - 1) == MEMLANE_DEAD;
    }
    default:
        return false; /* damaged: never claimed */
    }
}

static uint64_t claimed_version(uint64_t latest, uint64_t control) {
    uint64_t newest = memlane_word_version(latest);
    uint64_t slots = memlane_word_version(control);
    if (MEMLANE_MUTANT(CLAIM_LATEST_PLUS_ONE)) {
        return newest + 1;
    }
    bool leads = slots != 0 && memlane_version_leads(slots, newest); /* by claims that were dropped */
    /* D46: a claim always raises the slot's version */
    return memlane_version_after(leads ? slots : newest);
}

static void undo_claim(struct memlane_register *reg, uint32_t slot, uint64_t version, uint64_t former) {
    uint64_t me = reg->segment->index + 1;
    uint64_t back =
        MEMLANE_MUTANT(CLAIM_LATEST_PLUS_ONE) ? former : memlane_control_word(version, 0, MEMLANE_SLOT_FREE);
    memlane_cas_release(&reg->slot[slot].control, memlane_control_word(version, me, MEMLANE_SLOT_WRITING), back);
}

/* One attempt at one slot, which is in our private set. */
static bool claim_slot(struct memlane_register *reg, uint32_t slot, bool ask, struct memlane_claim *claim) {
    uint64_t me = reg->segment->index + 1;
    /* M2: before latest, and the verdict in between ends with a fence. */
    uint64_t control = memlane_load_acquire(&reg->slot[slot].control);
    if (!may_claim(reg, control, ask)) {
        return false;
    }
    /* M2, second half: acquire keeps it after the load above. */
    uint64_t latest = memlane_load_acquire(&reg->control->latest);
    if (memlane_word_version(latest) != 0 && memlane_latest_slot(latest) == slot) {
        return false;
    }
    if (is_pinned(reg, slot, memlane_word_version(control))) {
        return false; /* saves a claim and its undo; the look that counts comes after the claim */
    }
    uint64_t version = claimed_version(latest, control);
    /* C1 and N3. Fails when anybody claimed since control was loaded. */
    if (!memlane_cas_seq_cst(&reg->slot[slot].control, control,
                             memlane_control_word(version, me, MEMLANE_SLOT_WRITING))) {
        return false;
    }
    if (is_pinned(reg, slot, memlane_word_version(control))) {
        undo_claim(reg, slot, version, control);
        return false;
    }
    memlane_fence_release(); /* C1: the claim is visible before any byte */
    if (memlane_control_state(control) == MEMLANE_SLOT_WRITING) {
        memlane_statistics_add(reg->segment, MEMLANE_COUNTER_RECOVERED, 1);
    }
    if (MEMLANE_MUTANT(TORN)) {
        memlane_cas_seq_cst(&reg->control->latest, latest, memlane_latest_word(version, slot));
    }
    *claim = (struct memlane_claim){
        .slot = slot,
        .tag = reg->segment->tag,
        .version = version,
        .bytes = reg->data + slot * reg->stride,
    };
    return true;
}

memlane_status memlane_register_claim(struct memlane_register *reg, struct memlane_claim *claim) {
    /* relaxed: where to begin is a hint; the slot after the newest is the one that was out of use for longest. */
    uint32_t first = reg->compact ? 0 : memlane_latest_slot(memlane_load_relaxed(&reg->control->latest)) + 1;
    for (uint32_t look = 0; look < reg->slots * PASSES; look++) {
        uint32_t slot = (first + look) % reg->slots;
        bool ask = look >= reg->slots;
        if (MEMLANE_MUTANT(OWN_SLOT) ? ((void)take_own(reg, slot), false) : !take_own(reg, slot)) {
            continue;
        }
        if (claim_slot(reg, slot, ask, claim)) {
            return MEMLANE_OK;
        }
        give_own(reg, slot);
    }
    return MEMLANE_NO_FREE_SLOT;
}

/* False for a parent's claim in its child, and for a claim that was taken back because this endpoint was declared
 * dead. */
static bool still_owns(const struct memlane_register *reg, const struct memlane_claim *claim) {
    uint64_t me = reg->segment->index + 1;
    /* relaxed: nobody but us changes it while it is ours; every change of ours below is an exact CAS. */
    return claim->tag == reg->segment->tag && memlane_load_relaxed(&reg->slot[claim->slot].control) ==
                                                  memlane_control_word(claim->version, me, MEMLANE_SLOT_WRITING);
}

void memlane_register_drop(struct memlane_register *reg, struct memlane_claim *claim) {
    if (claim->tag != reg->segment->tag) {
        return; /* a parent's: its slot, and not in our private set */
    }
    uint64_t me = reg->segment->index + 1;
    /* release: nothing of ours is written after it. Fails when we were declared dead: then it is not ours to free. */
    memlane_cas_release(&reg->slot[claim->slot].control, memlane_control_word(claim->version, me, MEMLANE_SLOT_WRITING),
                        memlane_control_word(claim->version, 0, MEMLANE_SLOT_FREE));
    give_own(reg, claim->slot);
}

static uint64_t load_latest(const struct memlane_register *reg) {
    /* P2, pairs with P1. */
    return MEMLANE_MUTANT(OBSERVE_RELAXED) ? memlane_load_relaxed(&reg->control->latest)
                                           : memlane_load_acquire(&reg->control->latest);
}

/* -- committing ---------------------------------------------------------------------------------------------- */

/* Wall clock = monotonic clock + an offset that is looked up once a second: a clock read less in each write. A step
 * of the wall clock shows in the timestamps within that second. Shared by the threads of the process, torn never: one
 * word each. A thread may see the second word before the first, which is 0 until it was looked up. */
static memlane_atomic64 wall_offset, wall_offset_until;

static uint64_t wall_time(uint64_t monotonic_ns) {
    const uint64_t refresh_ns = UINT64_C(1000000000);
    uint64_t offset = memlane_load_relaxed(&wall_offset); /* relaxed, all: information only */
    if (offset == 0 || monotonic_ns >= memlane_load_relaxed(&wall_offset_until)) {
        offset = memlane_platform_real_ns() - monotonic_ns;
        memlane_store_relaxed(&wall_offset, offset);
        memlane_store_relaxed(&wall_offset_until, monotonic_ns + refresh_ns);
    }
    return monotonic_ns + offset;
}

static void describe_value(struct memlane_slot *slot, uint64_t length, uint32_t type) {
    uint64_t now = memlane_platform_monotonic_ns();
    /* relaxed: published by P1, protected by C1 as the bytes are. */
    memlane_store_relaxed(&slot->length_type, (uint64_t)(type & TYPE_MAXIMUM) << LENGTH_BITS | length);
    memlane_store_relaxed(&slot->monotonic_ns, now);
    memlane_store_relaxed(&slot->real_ns, wall_time(now));
}

/* How many values were published with ours. Exact when `seen` is still the latest at the CAS that follows: its slot
 * is not claimed as long as it is, and no version comes back. Versions are no count: a claim that was dropped skips
 * one. */
static void count_publication(struct memlane_register *reg, uint64_t seen, uint32_t slot) {
    uint32_t former = memlane_latest_slot(seen);
    uint64_t count = 0;
    if (former == MEMLANE_NO_SLOT) {
        count = memlane_load_relaxed(&reg->control->vacated); /* relaxed: after Y2, the load of seen */
    } else if (memlane_word_version(seen) != 0 && former < reg->slots) {
        count = memlane_load_relaxed(&reg->slot[former].sequence); /* relaxed: after P2, the load of seen */
    }
    memlane_store_relaxed(&reg->slot[slot].sequence, count + 1); /* relaxed: published by P1 */
}

static bool publish(struct memlane_register *reg, uint64_t seen, uint64_t version, uint32_t slot) {
    uint64_t latest = memlane_latest_word(version, slot);
    /* P1: the one moment at which the value becomes the latest. seq_cst also for WAKE. */
    return MEMLANE_MUTANT(PUBLISH_RELAXED) ? memlane_cas_relaxed(&reg->control->latest, seen, latest)
                                           : memlane_cas_seq_cst(&reg->control->latest, seen, latest);
}

/* Tries to become the latest. Raises claim->version above the latest one whenever that is newer. */
static memlane_status publish_above(struct memlane_register *reg, struct memlane_claim *claim) {
    memlane_atomic64 *control = &reg->slot[claim->slot].control;
    uint64_t me = reg->segment->index + 1;
    for (int try = 0; try < PUBLISH_TRIES; try++) {
        uint64_t seen = memlane_load_acquire(&reg->control->latest); /* Y2 */
        uint64_t newest = memlane_word_version(seen);
        if (!memlane_version_leads(claim->version, newest)) {
            uint64_t higher = memlane_version_after(newest);
            /* acq_rel: as the claim itself; the bytes stay ours and were not read by anybody. */
            if (!memlane_cas_acq_rel(control, memlane_control_word(claim->version, me, MEMLANE_SLOT_WRITING),
                                     memlane_control_word(higher, me, MEMLANE_SLOT_WRITING))) {
                return MEMLANE_OWNERSHIP_LOST;
            }
            claim->version = higher;
        }
        count_publication(reg, seen, claim->slot);
        if (publish(reg, seen, claim->version, claim->slot)) {
            return MEMLANE_OK;
        }
    }
    return MEMLANE_SUPERSEDED;
}

/* Gives the slot back, as the current one when the value was published. */
static void end_claim(struct memlane_register *reg, const struct memlane_claim *claim, memlane_status status) {
    uint64_t me = reg->segment->index + 1;
    if (status != MEMLANE_OWNERSHIP_LOST) {
        uint64_t state = status == MEMLANE_OK ? MEMLANE_SLOT_PUBLISHED : MEMLANE_SLOT_FREE;
        /* M1, release: after P1. Fails only when we were declared dead; then the slot is somebody else's. */
        memlane_cas_release(&reg->slot[claim->slot].control,
                            memlane_control_word(claim->version, me, MEMLANE_SLOT_WRITING),
                            memlane_control_word(claim->version, 0, state));
    }
    give_own(reg, claim->slot);
}

memlane_status memlane_register_commit(struct memlane_register *reg, struct memlane_claim *claim, uint64_t length,
                                       uint32_t type, uint64_t *version) {
    *version = 0;
    if (!still_owns(reg, claim)) {
        memlane_register_drop(reg, claim);
        return MEMLANE_OWNERSHIP_LOST;
    }
    describe_value(&reg->slot[claim->slot], length, type);
    memlane_status status = publish_above(reg, claim);
    end_claim(reg, claim, status);
    if (status == MEMLANE_OK) {
        *version = claim->version;
    }
    return status;
}

memlane_status memlane_register_commit_if(struct memlane_register *reg, struct memlane_claim *claim, uint64_t seen,
                                          uint64_t length, uint32_t type, uint64_t *version) {
    *version = 0;
    if (!still_owns(reg, claim)) {
        memlane_register_drop(reg, claim);
        return MEMLANE_OWNERSHIP_LOST;
    }
    describe_value(&reg->slot[claim->slot], length, type);
    count_publication(reg, seen, claim->slot);
    /* The claim's version is above that of the latest value then, so above that of `seen` while it is the latest. */
    if (!publish(reg, MEMLANE_MUTANT(COMMIT_BLINDLY) ? load_latest(reg) : seen, claim->version, claim->slot)) {
        memlane_register_drop(reg, claim);
        return MEMLANE_OWNERSHIP_LOST;
    }
    end_claim(reg, claim, MEMLANE_OK);
    *version = claim->version;
    return MEMLANE_OK;
}

/* -- giving up --------------------------------------------------------------------------------------------------- */

/* Sequences only rise: who was stopped here for long lowers nothing. */
static void raise_vacated(const struct memlane_register *reg, uint64_t sequence) {
    memlane_atomic64 *word = &reg->control->vacated;
    uint64_t seen;
    do {
        seen = memlane_load_relaxed(word); /* relaxed, both: published by Y1 */
    } while (seen < sequence && !memlane_cas_relaxed(word, seen, sequence));
}

void memlane_register_vacate(const struct memlane_register *reg, uint64_t latest) {
    uint32_t slot = memlane_latest_slot(latest);
    if (slot >= reg->slots) {
        return; /* given free before, or damaged */
    }
    uint64_t sequence = memlane_load_relaxed(&reg->slot[slot].sequence); /* relaxed: after P2 */
    memlane_fence_acquire(); /* the sequence is loaded before latest is looked at again */
    if (memlane_load_relaxed(&reg->control->latest) != latest) {
        return; /* the slot may have been claimed since, and the sequence be that of another value */
    }
    raise_vacated(reg, sequence);
    /* Y1, release. Fails when a newer value was published, or somebody else gave the slot free. */
    memlane_cas_release(&reg->control->latest, latest,
                        memlane_latest_word(memlane_word_version(latest), MEMLANE_NO_SLOT));
}

/* -- reading --------------------------------------------------------------------------------------------------- */

/* Nothing was written, or what was written has been given up. No slot where nothing ever was is damage. */
static bool is_empty(const struct memlane_register *reg, uint64_t latest) {
    bool no_slot = memlane_latest_slot(latest) == MEMLANE_NO_SLOT;
    /* relaxed: after Y2, the load of latest. */
    return memlane_word_version(latest) == 0 || (no_slot && memlane_load_relaxed(&reg->control->vacated) != 0);
}

uint64_t memlane_register_version(const struct memlane_register *reg) {
    /* W2 of whoever polls: a sentry armed the bell before. */
    return memlane_word_version(memlane_load_seq_cst(&reg->control->latest));
}

static bool carries(uint64_t control, uint64_t latest) {
    return memlane_word_version(control) == memlane_word_version(latest);
}

/* Copies the slot's words into the glance; lengths are believed only within the capacity. */
static bool describe_glance(const struct memlane_register *reg, uint64_t latest, struct memlane_glance *glance) {
    uint32_t slot = memlane_latest_slot(latest);
    const struct memlane_slot *words = &reg->slot[slot];
    uint64_t length_type =
        memlane_load_relaxed(&words->length_type); /* relaxed, all: after P2, checked by C2 or a pin */
    *glance = (struct memlane_glance){
        .latest = latest,
        .type = (uint32_t)(length_type >> LENGTH_BITS),
        .length = length_type & ((UINT64_C(1) << LENGTH_BITS) - 1),
        .monotonic_ns = memlane_load_relaxed(&words->monotonic_ns),
        .real_ns = memlane_load_relaxed(&words->real_ns),
        .sequence = memlane_load_relaxed(&words->sequence),
        .bytes = reg->data + slot * reg->stride,
    };
    return glance->length <= reg->capacity;
}

memlane_status memlane_register_glance(const struct memlane_register *reg, struct memlane_glance *glance) {
    uint64_t latest = load_latest(reg);
    uint32_t slot = memlane_latest_slot(latest);
    if (is_empty(reg, latest)) {
        return MEMLANE_EMPTY;
    }
    if (slot >= reg->slots) {
        return MEMLANE_CORRUPTED;
    }
    /* acquire: no byte is read before it. */
    if (!carries(memlane_load_acquire(&reg->slot[slot].control), latest)) {
        return MEMLANE_TIMEOUT;
    }
    if (describe_glance(reg, latest, glance)) {
        return MEMLANE_OK;
    }
    return memlane_register_still(reg, glance) ? MEMLANE_CORRUPTED : MEMLANE_TIMEOUT;
}

bool memlane_register_still(const struct memlane_register *reg, const struct memlane_glance *glance) {
    memlane_fence_acquire(); /* C2: the copy is complete before the version is looked at again */
    /* relaxed: ordered by the fence. */
    return carries(memlane_load_relaxed(&reg->slot[memlane_latest_slot(glance->latest)].control), glance->latest);
}

/* -- pins -------------------------------------------------------------------------------------------------------- */

static void raise_pins_used(struct memlane_register *reg) {
    uint32_t needed = reg->segment->index + 1;
    for (;;) {
        uint32_t used = memlane_load32_seq_cst(&reg->control->pins_used);
        if (used >= needed || memlane_cas32_seq_cst(&reg->control->pins_used, used, needed)) { /* N1: before the pin */
            return;
        }
    }
}

static uint32_t free_pin(const struct memlane_register *reg) {
    uint32_t pin = 0;
    while (pin < MEMLANE_PINS_EACH && reg->pinned[pin].references != 0) {
        pin++;
    }
    return pin;
}

static uint32_t pin_of(const struct memlane_register *reg, uint64_t latest) {
    uint32_t pin = 0;
    while (pin < MEMLANE_PINS_EACH && (reg->pinned[pin].references == 0 || reg->pinned[pin].latest != latest)) {
        pin++;
    }
    return pin;
}

static void store_unpinned(struct memlane_register *reg, uint32_t pin) {
    memlane_atomic64 *word = &reg->pins[reg->segment->index].pin[pin];
    if (MEMLANE_MUTANT(UNPIN_RELAXED)) {
        memlane_store_relaxed(word, 0);
    } else {
        memlane_store_release(word, 0); /* U1: the bytes have been read to the end */
    }
}

/* One attempt to protect the slot of `latest`. */
static bool protect(struct memlane_register *reg, uint32_t pin, uint64_t latest) {
    memlane_store_seq_cst(&reg->pins[reg->segment->index].pin[pin], latest); /* N1 */
    /* N2: the version is still there after the pin can be seen, so every later claimant sees the pin. */
    return MEMLANE_MUTANT(NO_PIN_RECHECK) ||
           carries(memlane_load_seq_cst(&reg->slot[memlane_latest_slot(latest)].control), latest);
}

static memlane_status pin_latest(struct memlane_register *reg, struct memlane_glance *glance, uint32_t *pin) {
    for (int try = 0; try < PIN_TRIES; try++) {
        uint64_t latest = load_latest(reg);
        if (is_empty(reg, latest)) {
            return MEMLANE_EMPTY;
        }
        if (memlane_latest_slot(latest) >= reg->slots) {
            return MEMLANE_CORRUPTED;
        }
        *pin = pin_of(reg, latest);
        if (*pin < MEMLANE_PINS_EACH) {
            reg->pinned[*pin].references++;
            return describe_glance(reg, latest, glance) ? MEMLANE_OK : MEMLANE_CORRUPTED;
        }
        *pin = free_pin(reg);
        if (*pin == MEMLANE_PINS_EACH) {
            return MEMLANE_TOO_MANY_VIEWS;
        }
        if (protect(reg, *pin, latest)) {
            reg->pinned[*pin].latest = latest;
            reg->pinned[*pin].references = 1;
            return describe_glance(reg, latest, glance) ? MEMLANE_OK : MEMLANE_CORRUPTED;
        }
        store_unpinned(reg, *pin);
        memlane_platform_relax();
    }
    return MEMLANE_CORRUPTED; /* `latest` names a slot that never carries its version: no writer does that */
}

static void release_pin(struct memlane_register *reg, uint32_t pin) {
    if (--reg->pinned[pin].references == 0) {
        if (reg->pinned[pin].latest != 0 && memlane_segment_is_attached(reg->segment)) {
            store_unpinned(reg, pin);
        }
        reg->pinned[pin].latest = 0;
    }
}

memlane_status memlane_register_pin(struct memlane_register *reg, struct memlane_glance *glance, uint32_t *pin) {
    *pin = MEMLANE_PINS_EACH;
    memlane_mutex_lock(&reg->segment->mutex);
    raise_pins_used(reg);
    memlane_status status = pin_latest(reg, glance, pin);
    if (status == MEMLANE_CORRUPTED && *pin < MEMLANE_PINS_EACH && reg->pinned[*pin].references != 0) {
        release_pin(reg, *pin); /* protected, but its length cannot be */
    }
    memlane_mutex_unlock(&reg->segment->mutex);
    return status;
}

void memlane_register_unpin(struct memlane_register *reg, uint32_t pin) {
    memlane_mutex_lock(&reg->segment->mutex);
    release_pin(reg, pin);
    memlane_mutex_unlock(&reg->segment->mutex);
}
