#include "inspection.h"

#include "custody.h"
#include "failure.h"
#include "header.h"
#include "participant.h"
#include "statistics.h"
#include "wait.h"

#include <string.h>

/* All loads here are relaxed but where an edge is named: what is shown is of a moment ago, no word decides anything, and
 * words that were loaded one after the other may be of different moments. */

_Static_assert(MEMLANE_INSPECTED_COUNTERS == MEMLANE_COUNTERS + 0, "one line of counters");
_Static_assert(MEMLANE_PROGRAM_SIZE == MEMLANE_LABEL_SIZE + 0, "one label");

/* -- participants -------------------------------------------------------------------------------------------- */

static void add_custody(const memlane_inspection *inspection, memlane_inspected_participant *found) {
    struct memlane_custody_count count = memlane_custody_count_of(&inspection->reg, found->index);
    found->writes = count.writing;
    found->views = count.pinned;
}

static uint32_t role_where(bool holds, memlane_role role) {
    return holds ? (uint32_t)role : 0;
}

static void add_ends(const memlane_inspection *inspection, uint32_t tag, memlane_inspected_participant *found) {
    const struct memlane_ring_control *control = inspection->ring.control;
    uint32_t reader = memlane_end_tag(memlane_load_relaxed(&control->end[MEMLANE_END_READER]));
    uint32_t writer = memlane_end_tag(memlane_load_relaxed(&control->end[MEMLANE_END_WRITER]));
    found->roles |= role_where(reader == tag, MEMLANE_ROLE_READER) | role_where(writer == tag, MEMLANE_ROLE_WRITER);
}

static void add_lock(const memlane_inspection *inspection, uint32_t tag, memlane_inspected_participant *found) {
    uint64_t word = memlane_load_relaxed(&inspection->lock->word);
    found->roles |= role_where((word & MEMLANE_LOCK_TAG) == tag, MEMLANE_ROLE_LOCKS);
}

static void add_flag(const memlane_inspection *inspection, uint32_t tag, memlane_inspected_participant *found) {
    uint32_t flag = memlane_load32_relaxed(&inspection->rwlock.flag[found->index].word);
    bool ours = (flag & MEMLANE_FLAG_TAG) == tag;
    found->roles |= role_where(ours && (flag & MEMLANE_FLAG_READING) != 0, MEMLANE_ROLE_SHARES) |
                    role_where(ours && (flag & MEMLANE_FLAG_WAITING) != 0, MEMLANE_ROLE_WAITS);
}

static bool is_under_way(uint32_t state) {
    return state == MEMLANE_CALL_POSTED || state == MEMLANE_CALL_TAKEN;
}

static void add_calls(const memlane_inspection *inspection, uint32_t tag, memlane_inspected_participant *found) {
    const struct memlane_lanes *lanes = &inspection->lanes;
    uint32_t used = memlane_lanes_used(lanes);
    bool serves = memlane_load32_relaxed(&lanes->server[found->index].tag) == tag;
    found->roles |= role_where(serves, MEMLANE_ROLE_SERVES);
    for (uint32_t lane = 0; lane < used; lane++) {
        bool owns = memlane_load32_relaxed(&lanes->lane[lane].owner) == tag;
        found->roles |= role_where(owns, MEMLANE_ROLE_CALLS);
        for (uint32_t slot = 0; slot < lanes->slots; slot++) {
            uint64_t word = memlane_load_relaxed(&memlane_lanes_slot(lanes, lane, slot)->state);
            uint32_t state = memlane_call_state(word);
            found->calls += owns && is_under_way(state);
            found->executes += state == MEMLANE_CALL_TAKEN && memlane_call_tag(word) == tag;
        }
    }
}

static void add_roles(const memlane_inspection *inspection, memlane_inspected_participant *found) {
    uint32_t tag = memlane_participant_tag(&inspection->segment, found->index);
    if (inspection->has_register) {
        add_custody(inspection, found);
    }
    if (inspection->lock != NULL) {
        add_lock(inspection, tag, found);
    }
    switch (inspection->segment.header.kind) {
    case MEMLANE_KIND_CHANNEL:
        add_ends(inspection, tag, found);
        break;
    case MEMLANE_KIND_FUNCTION:
        add_calls(inspection, tag, found);
        break;
    case MEMLANE_KIND_MAP:
        add_flag(inspection, tag, found);
        break;
    default:
        break;
    }
}

static bool identify(const memlane_inspection *inspection, uint32_t index, memlane_inspected_participant *found) {
    struct memlane_participant_identity identity;
    memlane_participant_identify(&inspection->segment, index, &identity);
    *found = (memlane_inspected_participant){
        .index = index,
        .pid = identity.process.pid,
        .thread = identity.thread,
        .start_time = identity.process.start_time,
        .pid_namespace = identity.process.pid_namespace,
    };
    memcpy(found->program, identity.label, sizeof found->program);
    return found->pid != 0;
}

static void copy_counters(const memlane_inspection *inspection, memlane_inspected_participant *found) {
    const struct memlane_statistics_line *line = memlane_statistics_line(&inspection->segment, found->index);
    for (size_t counter = 0; counter < MEMLANE_COUNTERS; counter++) {
        found->counters[counter] = memlane_load_relaxed(&line->counter[counter]);
    }
}

uint32_t memlane_inspect_participants(const memlane_inspection *inspection, memlane_inspected_participant *participants,
                                      uint32_t capacity) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < inspection->segment.header.participants_count && count < capacity; i++) {
        memlane_inspected_participant *found = &participants[count];
        if (!identify(inspection, i, found)) {
            continue;
        }
        found->lives = memlane_participant_verdict(&inspection->segment, i) == MEMLANE_ALIVE;
        add_roles(inspection, found);
        copy_counters(inspection, found);
        count++;
    }
    return count;
}

/* -- the object ------------------------------------------------------------------------------------------------ */

static void describe_header(const memlane_inspection *inspection, memlane_inspected_object *object) {
    const struct memlane_header *header = &inspection->segment.header;
    unsigned char boot[sizeof header->boot_identity];
    memlane_platform_boot_identity(boot);
    *object = (memlane_inspected_object){
        .kind = memlane_kind_name(header->kind),
        .size = header->total_size,
        .allocated = inspection->file.allocated,
        .layout_major = header->layout_major,
        .layout_minor = header->layout_minor,
        .creator = header->creator_user,
        .owner = inspection->file.user,
        .permissions = inspection->file.permissions,
        .ephemeral = (header->flags & MEMLANE_FLAG_EPHEMERAL) != 0,
        .of_this_boot = memcmp(boot, header->boot_identity, sizeof boot) == 0,
        .created_monotonic_ns = header->created_monotonic_ns,
        .created_real_ns = header->created_real_ns,
        .participants = header->participants_count,
    };
    memcpy(object->uuid, header->uuid, sizeof object->uuid);
    memcpy(object->geometry, header->geometry, sizeof object->geometry);
}

static memlane_status describe_register(const memlane_inspection *inspection, memlane_inspected_object *object) {
    struct memlane_glance glance;
    struct memlane_custody_count count = memlane_custody_count(&inspection->reg);
    object->slots_writing = count.writing;
    object->slots_viewed = count.pinned;
    object->waiting = memlane_wait_is_armed(&inspection->reg.control->bell);
    memlane_status status = memlane_register_glance(&inspection->reg, &glance);
    object->latest.version = memlane_register_version(&inspection->reg);
    if (status == MEMLANE_OK && memlane_register_still(&inspection->reg, &glance)) {
        object->latest = memlane_reading_of(&glance);
    }
    return status == MEMLANE_CORRUPTED ? status : MEMLANE_OK;
}

static memlane_status describe_ring(const struct memlane_ring *ring, memlane_inspected_object *object) {
    object->waiting =
        memlane_wait_is_armed(&ring->control->room_bell) || memlane_wait_is_armed(&ring->control->data_bell);
    /* V2 before B2: the writer's cursor is then at least the reader's. */
    object->head = memlane_load_acquire(&ring->control->head);
    object->tail = memlane_load_acquire(&ring->control->tail);
    /* The reader may have consumed, and the writer written, between the two loads. */
    uint64_t filled = object->tail - object->head;
    if (filled > ring->capacity && memlane_load_relaxed(&ring->control->head) == object->head) {
        return MEMLANE_CORRUPTED;
    }
    return MEMLANE_OK;
}

static void describe_lanes(const struct memlane_lanes *lanes, memlane_inspected_object *object) {
    uint32_t used = memlane_lanes_used(lanes);
    object->waiting = memlane_wait_is_armed(&lanes->control->bell);
    for (uint32_t lane = 0; lane < used; lane++) {
        object->lanes += memlane_load32_relaxed(&lanes->lane[lane].owner) != 0;
        for (uint32_t slot = 0; slot < lanes->slots; slot++) {
            uint32_t state = memlane_call_state(memlane_load_relaxed(&memlane_lanes_slot(lanes, lane, slot)->state));
            object->calls_waiting += state == MEMLANE_CALL_POSTED;
            object->calls_running += state == MEMLANE_CALL_TAKEN;
            object->calls_done += state == MEMLANE_CALL_DONE;
        }
    }
}

static void describe_lock(const struct memlane_lock_word *lock, memlane_inspected_object *object) {
    const uint32_t count_shift = 32;
    uint64_t word = memlane_load_relaxed(&lock->word);
    object->waiting = object->waiting || (word & MEMLANE_LOCK_WAITERS) != 0;
    object->recovering = (word & MEMLANE_LOCK_ABANDONED) != 0;
    object->acquisitions = (uint32_t)(word >> count_shift);
}

static memlane_status describe_body(const memlane_inspection *inspection, memlane_inspected_object *object) {
    memlane_status status = MEMLANE_OK;
    if (inspection->has_register) {
        status = describe_register(inspection, object);
    }
    if (inspection->lock != NULL) {
        describe_lock(inspection->lock, object);
    }
    switch (inspection->segment.header.kind) {
    case MEMLANE_KIND_CHANNEL:
        return describe_ring(&inspection->ring, object);
    case MEMLANE_KIND_FUNCTION:
        describe_lanes(&inspection->lanes, object);
        return status;
    case MEMLANE_KIND_SHARE:
        object->taken = memlane_taking_newest(&inspection->taking);
        return status;
    default:
        return status;
    }
}

memlane_status memlane_inspect_object(const memlane_inspection *inspection, memlane_inspected_object *object,
                                      memlane_error *error) {
    describe_header(inspection, object);
    memlane_statistics_sum(&inspection->segment, object->counters);
    memlane_status status = describe_body(inspection, object);
    if (status == MEMLANE_CORRUPTED && !memlane_segment_is_lost(&inspection->segment)) {
        return memlane_inspection_explain_damage(inspection, error);
    }
    return memlane_inspection_finish(inspection, error);
}
