#include "ends.h"

#include "mutant.h"
#include "participant.h"
#include "wait.h"

/* Edge of this file:
 *   END  K1 (clean, CAS of the end's word) -> K2 (claim, CAS of the same word): all that the former owner did, its cursor
 *        above all. From a dead owner: its last store precedes the verdict, which ends with a fence. */

enum {
    BUSY_CHUNK_NS = 1000000,
    BUSY_PATIENCE_NS = 50000000, /* D51: one chunk more than the first look */
    VERDICT_NS = 5000000         /* with a chunk of 48 ms: who waits knows of a death within 53 ms */
};

static struct memlane_ring_control *control_of(const struct memlane_segment *segment) {
    return (struct memlane_ring_control *)(void *)(segment->base + segment->header.body_offset);
}

static enum memlane_end_role opposite_of(enum memlane_end_role role) {
    return role == MEMLANE_END_READER ? MEMLANE_END_WRITER : MEMLANE_END_READER;
}

static bool is_alive(const struct memlane_segment *segment, uint64_t word) {
    uint32_t tag = memlane_end_tag(word);
    return tag != 0 && memlane_participant_verdict_of_tag(segment, tag) == MEMLANE_ALIVE;
}

/* One try: MEMLANE_OK, or MEMLANE_ENDPOINT_BUSY. */
static memlane_status try_claim(struct memlane_end *end, const struct memlane_segment *segment) {
    memlane_atomic64 *word = &end->control->end[end->role];
    for (;;) {
        uint64_t found = memlane_load_acquire(word); /* acquire: as the CAS, K2 */
        if (is_alive(segment, found)) {
            return MEMLANE_ENDPOINT_BUSY;
        }
        uint64_t claimed = memlane_end_word(memlane_end_epoch_after(memlane_end_epoch(found)), segment->tag);
        if (MEMLANE_MUTANT(CLAIM_BY_STORE)) {
            memlane_store_seq_cst(word, claimed);
        } else if (!memlane_cas_seq_cst(word, found, claimed)) { /* K2 */
            continue;
        }
        end->claimed = claimed;
        end->took_over_from_the_dead = memlane_end_tag(found) != 0;
        return MEMLANE_OK;
    }
}

memlane_status memlane_end_claim(struct memlane_end *end, struct memlane_ring_control *control,
                                 const struct memlane_segment *segment, enum memlane_end_role role) {
    *end = (struct memlane_end){.control = control, .role = role};
    uint64_t deadline = memlane_platform_monotonic_ns() + BUSY_PATIENCE_NS;
    while (try_claim(end, segment) != MEMLANE_OK) {
        if (memlane_platform_monotonic_ns() >= deadline) {
            return MEMLANE_ENDPOINT_BUSY;
        }
        memlane_platform_sleep_ns(BUSY_CHUNK_NS);
    }
    uint64_t opposite = memlane_load_seq_cst(&end->control->end[opposite_of(role)]);
    end->opposite_epoch = memlane_end_epoch(opposite);
    end->armed = is_alive(segment, opposite) || MEMLANE_MUTANT(ALWAYS_ARMED);
    return MEMLANE_OK;
}

bool memlane_end_is_held(const struct memlane_end *end) {
    /* acquire: as K2; who was taken for dead sees what its successor did. */
    return memlane_load_acquire(&end->control->end[end->role]) == end->claimed;
}

static bool was_just_alive(const struct memlane_end *end, uint64_t word) {
    return word == end->alive_word && memlane_platform_monotonic_ns() < end->alive_until_ns;
}

static enum memlane_outlook judge(struct memlane_end *end, const struct memlane_segment *segment, uint64_t word) {
    if (memlane_end_epoch(word) != end->opposite_epoch) {
        end->armed = true;
    }
    if (memlane_end_tag(word) != 0 && (was_just_alive(end, word) || is_alive(segment, word))) {
        if (!was_just_alive(end, word)) {
            end->alive_word = word;
            end->alive_until_ns = memlane_platform_monotonic_ns() + VERDICT_NS;
        }
        end->armed = true;
        return MEMLANE_OPPOSITE_OPEN;
    }
    if (!end->armed) {
        return MEMLANE_OPPOSITE_OPEN;
    }
    return memlane_end_tag(word) == 0 ? MEMLANE_OPPOSITE_CLOSED : MEMLANE_OPPOSITE_DEAD;
}

uint64_t memlane_end_opposite(const struct memlane_end *end) {
    return memlane_load_seq_cst(&end->control->end[opposite_of(end->role)]); /* W2: closing rings the bell */
}

enum memlane_outlook memlane_end_look(struct memlane_end *end, const struct memlane_segment *segment) {
    uint64_t word = memlane_end_opposite(end);
    enum memlane_outlook outlook = judge(end, segment, word);
    if (outlook != MEMLANE_OPPOSITE_DEAD) {
        return outlook;
    }
    /* Who closes gives its end back before its lock: who closed since the word was loaded did not die. */
    uint64_t latest = memlane_end_opposite(end);
    return latest == word ? outlook : judge(end, segment, latest);
}

bool memlane_end_is_over(const struct memlane_segment *segment, uint64_t word, bool ask) {
    return memlane_end_tag(word) == 0 || (ask && !is_alive(segment, word));
}

static void give_back(memlane_atomic64 *word, uint32_t index) {
    uint64_t found = memlane_load_relaxed(word); /* relaxed: the CAS decides */
    if (memlane_end_tag(found) != 0 && memlane_tag_index(memlane_end_tag(found)) == index &&
        !MEMLANE_MUTANT(KEEP_END)) {
        memlane_cas_seq_cst(word, found, memlane_end_word(memlane_end_epoch(found), 0)); /* K1; before W3 */
    }
}

void memlane_ends_give_back(struct memlane_ring_control *control, uint32_t index) {
    give_back(&control->end[MEMLANE_END_READER], index);
    give_back(&control->end[MEMLANE_END_WRITER], index);
    /* Also where nothing was given back: who did it before us may have died before this (D56). */
    memlane_wait_notify(&control->room_bell);
    memlane_wait_notify(&control->data_bell);
}

void memlane_ends_clean(struct memlane_segment *segment, uint32_t index) {
    memlane_ends_give_back(control_of(segment), index);
}

bool memlane_end_is_owned(const struct memlane_segment *segment, enum memlane_end_role role, bool *was_ever) {
    uint64_t word = memlane_load_acquire(&control_of(segment)->end[role]);
    *was_ever = word != 0;
    return is_alive(segment, word);
}
