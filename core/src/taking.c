#include "taking.h"

#include "mutant.h"

/* Edge of this file (docs/design/memory-model.md):
 *   TAKE  T1 (take, make way, CAS taken) -> T2 (look, load taken, before its load of latest): who took a version had seen it in
 *         `latest`, so who sees it taken finds a `latest` that is at least as new.
 *   VACATE  Y1 (make way: after its load of taken, CAS latest) -> Y2 (look, load latest, before it loads taken again): who
 *           finds a slot given free sees that its value was taken. */

uint64_t memlane_taking_body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants) {
    uint64_t size = memlane_register_body_size(geometry, participants);
    return size == 0 ? 0 : size + sizeof(struct memlane_share_control);
}

void memlane_taking_locate(struct memlane_taking *taking, const struct memlane_register *reg) {
    taking->reg = reg;
    taking->control = (void *)(reg->data + reg->slots * reg->stride);
}

uint64_t memlane_taking_newest(const struct memlane_taking *taking) {
    return memlane_load_acquire(&taking->control->taken); /* T2 */
}

memlane_status memlane_taking_look(const struct memlane_taking *taking, uint64_t *latest) {
    uint64_t taken = memlane_taking_newest(taking);                /* T2: before latest */
    *latest = memlane_load_seq_cst(&taking->reg->control->latest); /* P2: as any reader; W2 of whoever polls; Y2 */
    uint64_t newest = memlane_word_version(*latest);
    bool waits = memlane_version_is_newer(newest, taken);
    if (waits && memlane_latest_slot(*latest) == MEMLANE_NO_SLOT) {
        /* T2, again: it was taken between the two loads above, unless it was not taken at all. */
        return memlane_version_is_newer(newest, memlane_taking_newest(taking)) ? MEMLANE_CORRUPTED : MEMLANE_EMPTY;
    }
    if (!waits && newest != taken) {
        return MEMLANE_CORRUPTED;
    }
    return waits ? MEMLANE_OK : MEMLANE_EMPTY;
}

memlane_status memlane_taking_take(const struct memlane_taking *taking, uint64_t version) {
    memlane_atomic64 *word = &taking->control->taken;
    for (;;) {
        uint64_t taken = memlane_load_relaxed(word); /* relaxed: the swap decides */
        if (!memlane_version_is_newer(version, taken) && !MEMLANE_MUTANT(TAKE_BACKWARDS)) {
            return MEMLANE_TAKEN;
        }
        if (MEMLANE_MUTANT(TAKE_BY_STORE)) {
            memlane_store_release(word, version);
            return MEMLANE_OK;
        }
        /* T1, release: after the load of `latest` that gave the version. Acquire is not needed: what was taken before
         * tells the taker nothing. */
        if (memlane_cas_release(word, taken, version)) {
            return MEMLANE_OK;
        }
    }
}

void memlane_taking_make_way(const struct memlane_taking *taking) {
    uint64_t taken = memlane_taking_newest(taking);                        /* T2: before latest */
    uint64_t latest = memlane_load_acquire(&taking->reg->control->latest); /* P2 */
    uint64_t newest = memlane_word_version(latest);
    if (newest != 0 && (!memlane_version_is_newer(newest, taken) || MEMLANE_MUTANT(VACATE_UNTAKEN))) {
        memlane_register_vacate(taking->reg, latest);
    } else if (memlane_version_falls_behind(taken, newest)) {
        /* T1, release: as who takes. Fails where somebody took since. */
        memlane_cas_release(&taking->control->taken, taken, memlane_version_before(newest));
    }
}
