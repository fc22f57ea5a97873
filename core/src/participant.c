#include "participant.h"

#include "fork.h"
#include "mutant.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Edges of this file:
 *   INTRODUCE  pid (store, introduce) -> pid (load, process_of): start time, namespace and label belong to this pid.
 *   GENERATION raised in attach and collect under the byte lock, before anything of the index is cleaned -> loaded in
 *              verdict_of_tag after the byte was seen locked: an old tag is dead before its things are given away. */

static struct memlane_participant_entry *entry_of(const struct memlane_segment *segment, uint32_t index) {
    return (struct memlane_participant_entry *)(void *)(segment->base + segment->header.participants_offset) + index;
}

static uint64_t byte_of(uint32_t index) {
    return MEMLANE_LOCK_BASE + index;
}

bool memlane_participant_descriptor_is_ours(const struct memlane_segment *segment, int descriptor) {
    struct memlane_file_status found;
    return memlane_platform_describe(descriptor, &found) == 0 && found.device == segment->device &&
           found.inode == segment->inode;
}

static struct memlane_process process_of(const struct memlane_participant_entry *entry) {
    /* acquire, INTRODUCE: the rest belongs to this pid, or to a later one and then the times differ. */
    struct memlane_process process = {.pid = memlane_load32_acquire(&entry->pid)};
    process.start_time = memlane_load_relaxed(&entry->start_time); /* relaxed: after the acquire above */
    process.pid_namespace = memlane_load_relaxed(&entry->pid_namespace);
    return process;
}

/* Second evidence (hazard 11): a live process whose descriptor was closed behind its back. */
static bool entry_names_a_live_process(const struct memlane_participant_entry *entry) {
    struct memlane_process process = process_of(entry);
    return process.pid != 0 && memlane_platform_process_state(&process) == MEMLANE_PROCESS_LIVE;
}

static enum memlane_verdict dead(void) {
    /* seq_cst: the lock query has a path without any barrier in the kernel when a file has no locks. What we load
     * next must not be older than the dead owner's last store, which came before its lock was dropped. */
    memlane_fence_seq_cst();
    return MEMLANE_DEAD;
}

static enum memlane_verdict by_evidence(const struct memlane_segment *segment, uint32_t index) {
    return entry_names_a_live_process(entry_of(segment, index)) ? MEMLANE_ALIVE : dead();
}

enum memlane_verdict memlane_participant_verdict(const struct memlane_segment *segment, uint32_t index) {
    bool locked;
    if (index >= segment->header.participants_count) {
        return dead(); /* no such participant: damaged memory must not hold a slot for ever */
    }
    if (memlane_segment_is_attached(segment) && index == segment->index) {
        return MEMLANE_ALIVE;
    }
    if (!memlane_participant_descriptor_is_ours(segment, segment->descriptor)) {
        return by_evidence(segment, index);
    }
    if (memlane_platform_byte_is_locked(segment->descriptor, byte_of(index), &locked) != 0 || locked) {
        return MEMLANE_ALIVE; /* unknown counts as alive: never steal on a doubt */
    }
    return by_evidence(segment, index);
}

enum memlane_verdict memlane_participant_verdict_of_tag(const struct memlane_segment *segment, uint32_t tag) {
    if (memlane_segment_is_attached(segment) && tag == segment->tag) {
        return MEMLANE_ALIVE;
    }
    uint32_t index = memlane_tag_index(tag);
    if (memlane_participant_verdict(segment, index) == MEMLANE_DEAD) {
        return MEMLANE_DEAD;
    }
    /* acquire, GENERATION: after the byte was seen locked. The index lives, but perhaps as somebody else. */
    uint32_t generation = memlane_load32_acquire(&entry_of(segment, index)->generation) & MEMLANE_GENERATION_MASK;
    return generation == memlane_tag_generation(tag) ? MEMLANE_ALIVE : dead();
}

uint32_t memlane_participant_tag(const struct memlane_segment *segment, uint32_t index) {
    /* relaxed: only the holder of the byte lock writes it. */
    return memlane_tag(index, memlane_load32_relaxed(&entry_of(segment, index)->generation));
}

static void raise_generation(struct memlane_participant_entry *entry) {
    /* relaxed load: only the holder of the byte lock writes it, and the kernel's lock orders holders. */
    uint32_t next = (memlane_load32_relaxed(&entry->generation) + 1) & MEMLANE_GENERATION_MASK;
    memlane_exchange32_seq_cst(&entry->generation, next); /* GENERATION: before every CAS of the cleanup */
}

static void renew_tag(struct memlane_segment *segment, uint32_t index) {
    const struct memlane_kind *kind = segment->kind;
    do {
        raise_generation(entry_of(segment, index));
    } while (kind->remembers != NULL && kind->remembers(segment, memlane_participant_tag(segment, index)));
}

/* Under the byte lock of the index. Everything of the old generation is dead first, then it is taken away (D9, D51). */
static void take_over(struct memlane_segment *segment, uint32_t index) {
    if (!MEMLANE_MUTANT(GENERATION_LAST)) {
        renew_tag(segment, index);
    }
    segment->kind->clean(segment, index);
    memlane_store32_release(&entry_of(segment, index)->pid, 0);
    if (MEMLANE_MUTANT(GENERATION_LAST)) {
        renew_tag(segment, index);
    }
}

/* Lowest index first: the highest one that ever pinned bounds what every writer scans. */
memlane_status memlane_participant_attach(struct memlane_segment *segment, int descriptor, uint32_t *index) {
    for (uint32_t i = 0; i < segment->header.participants_count; i++) {
        int failure = memlane_platform_lock_bytes(descriptor, byte_of(i), 1);
        if (failure == EAGAIN) {
            continue;
        }
        if (failure != 0) {
            return MEMLANE_SYSTEM;
        }
        if (entry_names_a_live_process(entry_of(segment, i))) {
            memlane_platform_unlock_bytes(descriptor, byte_of(i), 1);
            continue;
        }
        take_over(segment, i);
        *index = i;
        return MEMLANE_OK;
    }
    return MEMLANE_TOO_MANY_PARTICIPANTS;
}

void memlane_participant_adopt(struct memlane_segment *segment, uint32_t index) {
    segment->index = index;
    segment->tag = memlane_participant_tag(segment, index);
    memlane_store32_release(&segment->attached, 1); /* pairs with the acquire in memlane_segment_is_attached */
}

void memlane_participant_introduce(struct memlane_segment *segment) {
    struct memlane_participant_entry *entry = entry_of(segment, segment->index);
    struct memlane_process process;
    uint64_t label[MEMLANE_LABEL_WORDS] = {0};
    memlane_platform_this_process(&process);
    memlane_platform_process_label((char *)label, sizeof label);
    memlane_store_relaxed(&entry->start_time, process.start_time); /* relaxed: published by the pid below */
    memlane_store_relaxed(&entry->pid_namespace, process.pid_namespace);
    memlane_store32_relaxed(&entry->thread, memlane_platform_this_thread());
    for (size_t word = 0; word < MEMLANE_LABEL_WORDS; word++) {
        memlane_store_relaxed(&entry->label[word], label[word]);
    }
    memlane_store32_release(&entry->pid, process.pid); /* INTRODUCE */
}

void memlane_participant_notice_loss(struct memlane_segment *segment, int second) {
    bool locked;
    if (memlane_segment_is_attached(segment) &&
        memlane_platform_byte_is_locked(second, byte_of(segment->index), &locked) == 0 && !locked) {
        segment->descriptor = -1;
    }
}

/* Whether our descriptor carries our byte lock; where no second description can be had, whether it is of our file. */
static bool has_byte_lock(struct memlane_segment *segment) {
    int second;
    if (memlane_participant_descriptor_is_ours(segment, segment->descriptor) &&
        memlane_platform_reopen(segment->descriptor, &second) == 0) {
        memlane_participant_notice_loss(segment, second);
        memlane_platform_close(second);
    }
    return memlane_participant_descriptor_is_ours(segment, segment->descriptor);
}

void memlane_participant_detach(struct memlane_segment *segment) {
    if (!memlane_segment_is_attached(segment)) {
        return;
    }
    bool has_lock = has_byte_lock(segment);
    if (!has_lock) { /* the pid alone keeps others from this index: behind it we would clean what is another's */
        segment->kind->clean(segment, segment->index);
    }
    /* From here on the byte lock alone says that we live. A process that goes on living would otherwise keep this index
     * busy for ever once the lock is gone. */
    memlane_store32_release(&entry_of(segment, segment->index)->pid, 0);
    if (has_lock) {
        segment->kind->clean(segment, segment->index);
    }
    memlane_store32_relaxed(&segment->attached, 0); /* relaxed: the endpoint is at its end, nobody else uses it */
}

/* A second description: within one description locks never conflict, so two threads could clean the same index at
 * once. */
uint32_t memlane_participant_collect(struct memlane_segment *segment) {
    uint32_t cleaned = 0;
    int second;
    memlane_fork_hold();
    bool usable = memlane_participant_descriptor_is_ours(segment, segment->descriptor) &&
                  memlane_platform_reopen(segment->descriptor, &second) == 0;
    for (uint32_t i = 0; usable && i < segment->header.participants_count; i++) {
        if (memlane_platform_lock_bytes(second, byte_of(i), 1) != 0) {
            continue;
        }
        bool lives = (memlane_segment_is_attached(segment) && i == segment->index) ||
                     entry_names_a_live_process(entry_of(segment, i));
        if (!lives) {
            take_over(segment, i);
            cleaned++;
        }
        memlane_platform_unlock_bytes(second, byte_of(i), 1);
    }
    if (usable) {
        memlane_platform_close(second);
    }
    memlane_fork_release();
    return cleaned;
}

bool memlane_participant_none_lives(const struct memlane_segment *segment) {
    for (uint32_t i = 0; i < segment->header.participants_count; i++) {
        if (entry_names_a_live_process(entry_of(segment, i))) {
            return false;
        }
    }
    return true;
}

static char printable(char byte) {
    return byte >= ' ' && byte <= '~' ? byte : '?';
}

void memlane_participant_identify(const struct memlane_segment *segment, uint32_t index,
                                  struct memlane_participant_identity *identity) {
    const struct memlane_participant_entry *entry = entry_of(segment, index);
    uint64_t words[MEMLANE_LABEL_WORDS];
    identity->process = process_of(entry);
    identity->thread = memlane_load32_relaxed(&entry->thread); /* relaxed, both: for display, may be torn */
    for (size_t word = 0; word < MEMLANE_LABEL_WORDS; word++) {
        words[word] = memlane_load_relaxed(&entry->label[word]);
    }
    memcpy(identity->label, words, sizeof words);
    identity->label[sizeof words] = '\0';
    for (char *at = identity->label; *at != '\0'; at++) {
        *at = printable(*at);
    }
}

/* Here its pid is nobody's, or somebody else's. Where one of the two is unknown, nothing is said. */
static bool is_of_another_namespace(const struct memlane_process *process) {
    struct memlane_process here;
    memlane_platform_this_process(&here);
    return process->pid_namespace != 0 && here.pid_namespace != 0 && process->pid_namespace != here.pid_namespace;
}

void memlane_participant_describe(const struct memlane_segment *segment, uint32_t index,
                                  char text[MEMLANE_DESCRIPTION_SIZE]) {
    struct memlane_participant_identity identity;
    if (index >= segment->header.participants_count) {
        snprintf(text, MEMLANE_DESCRIPTION_SIZE, "a participant that cannot exist (%" PRIu32 ")", index);
        return;
    }
    memlane_participant_identify(segment, index, &identity);
    if (identity.process.pid == 0) {
        snprintf(text, MEMLANE_DESCRIPTION_SIZE, "participant %" PRIu32, index);
    } else {
        snprintf(text, MEMLANE_DESCRIPTION_SIZE, "pid %" PRIu32 " (%s)%s", identity.process.pid, identity.label,
                 is_of_another_namespace(&identity.process) ? " of another pid namespace" : "");
    }
}

uint32_t memlane_participant_survey(const struct memlane_segment *segment, char *text, size_t size) {
    enum { SHOWN = 8 };
    uint32_t live = 0;
    size_t used = 0;
    if (text != NULL && size > 0) {
        text[0] = '\0';
    }
    for (uint32_t i = 0; i < segment->header.participants_count; i++) {
        if (memlane_participant_verdict(segment, i) == MEMLANE_DEAD) {
            continue;
        }
        live++;
        if (text != NULL && live <= SHOWN && used < size) {
            char description[MEMLANE_DESCRIPTION_SIZE];
            memlane_participant_describe(segment, i, description);
            used += (size_t)snprintf(text + used, size - used, "%s%s", live == 1 ? "" : ", ", description);
        }
    }
    if (text != NULL && live > SHOWN && used < size) {
        snprintf(text + used, size - used, " and %" PRIu32 " more", live - SHOWN);
    }
    return live;
}
