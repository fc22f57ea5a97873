#include "inspection.h"

#include "failure.h"
#include "header.h"

#include <inttypes.h>
#include <string.h>

enum { ATTEMPTS = 1000 }; /* each failure is a value that replaced another during one copy, or bytes that were read */

static memlane_status refuse_kind(const memlane_inspection *inspection, const char *what, memlane_error *error) {
    return memlane_fail(error, MEMLANE_KIND_MISMATCH, "'%s' is a %s, which has no %s", inspection->segment.name.text,
                        memlane_kind_name(inspection->segment.header.kind), what);
}

static memlane_status explain_haste(const memlane_inspection *inspection, memlane_error *error) {
    return memlane_fail(error, MEMLANE_TIMEOUT,
                        "'%s' changed during each of %d attempts to copy it without holding anybody up: look again",
                        inspection->segment.name.text, ATTEMPTS);
}

/* -- values ------------------------------------------------------------------------------------------------ */

/* One optimistic copy, as the first attempts of every reader are (C2). A pin would write. */
static memlane_status copy_latest(const struct memlane_register *reg, void *buffer, size_t capacity,
                                  memlane_reading *reading) {
    struct memlane_glance glance;
    memlane_status status = memlane_register_glance(reg, &glance);
    if (status != MEMLANE_OK) {
        return status;
    }
    *reading = memlane_reading_of(&glance);
    if (glance.length > capacity) {
        return memlane_register_still(reg, &glance) ? MEMLANE_BUFFER_TOO_SMALL : MEMLANE_TIMEOUT;
    }
    memcpy(buffer, glance.bytes, (size_t)glance.length);
    return memlane_register_still(reg, &glance) ? MEMLANE_OK : MEMLANE_TIMEOUT;
}

static memlane_status explain_read(const memlane_inspection *inspection, memlane_status status,
                                   const memlane_reading *reading, memlane_error *error) {
    const char *name = inspection->segment.name.text;
    switch (status) {
    case MEMLANE_EMPTY:
        return memlane_fail(error, MEMLANE_EMPTY,
                            memlane_register_version(&inspection->reg) == 0 ? "'%s' was never written"
                                                                            : "the value of '%s' was taken",
                            name);
    case MEMLANE_TIMEOUT:
        return explain_haste(inspection, error);
    case MEMLANE_BUFFER_TOO_SMALL:
        return memlane_fail(error, MEMLANE_BUFFER_TOO_SMALL, "the value of '%s' takes %" PRIu64 " bytes", name,
                            reading->size);
    case MEMLANE_CORRUPTED:
        return memlane_inspection_explain_damage(inspection, error);
    default:
        return status;
    }
}

memlane_status memlane_inspect_read(const memlane_inspection *inspection, void *buffer, size_t capacity,
                                    memlane_reading *reading, memlane_error *error) {
    if (!inspection->has_register) {
        return refuse_kind(inspection, "latest value", error);
    }
    memset(reading, 0, sizeof *reading);
    memlane_status status = MEMLANE_TIMEOUT;
    for (int attempt = 0; attempt < ATTEMPTS && status == MEMLANE_TIMEOUT; attempt++) {
        status = copy_latest(&inspection->reg, buffer, capacity, reading);
    }
    if (status == MEMLANE_OK && inspection->segment.header.kind == MEMLANE_KIND_BUFFER) {
        memlane_buffer_judge(&inspection->segment, buffer, reading->size);
    }
    memlane_status lost = memlane_inspection_finish(inspection, error);
    return lost != MEMLANE_OK ? lost : explain_read(inspection, status, reading, error);
}

/* -- bytes of channels and maps ------------------------------------------------------------------------------ */

/* Bytes before head may be overwritten at any time: what was copied counts where head had not passed its beginning. */
static memlane_status copy_waiting(const struct memlane_ring *ring, uint64_t from, void *buffer, size_t capacity,
                                   uint64_t *first, size_t *size) {
    uint64_t head = memlane_load_acquire(&ring->control->head); /* V2 */
    uint64_t tail = memlane_load_acquire(&ring->control->tail); /* B2 */
    bool moved = memlane_load_acquire(&ring->control->head) != head;
    if (tail - head > ring->capacity) {
        return moved ? MEMLANE_TIMEOUT : MEMLANE_CORRUPTED;
    }
    *first = from - head <= tail - head ? from : head;
    uint64_t waiting = tail - *first;
    *size = waiting < capacity ? (size_t)waiting : capacity;
    struct memlane_ring there = *ring;
    there.offset = *first % ring->capacity;
    memlane_ring_get(&there, buffer, *size);
    memlane_fence_acquire(); /* the copy is complete before the cursor is looked at again */
    /* relaxed: ordered by the fence. */
    uint64_t now = memlane_load_relaxed(&ring->control->head);
    return now - head <= *first - head || *size == 0 ? MEMLANE_OK : MEMLANE_TIMEOUT;
}

memlane_status memlane_inspect_peek(const memlane_inspection *inspection, uint64_t from, void *buffer, size_t capacity,
                                    uint64_t *first, size_t *size, memlane_error *error) {
    if (inspection->segment.header.kind != MEMLANE_KIND_CHANNEL) {
        return refuse_kind(inspection, "stream of bytes", error);
    }
    memlane_status status = MEMLANE_TIMEOUT;
    for (int attempt = 0; attempt < ATTEMPTS && status == MEMLANE_TIMEOUT; attempt++) {
        status = copy_waiting(&inspection->ring, from, buffer, capacity, first, size);
    }
    memlane_status lost = memlane_inspection_finish(inspection, error);
    if (lost != MEMLANE_OK) {
        return lost;
    }
    return status == MEMLANE_TIMEOUT     ? explain_haste(inspection, error)
           : status == MEMLANE_CORRUPTED ? memlane_inspection_explain_damage(inspection, error)
                                         : status;
}

memlane_status memlane_inspect_copy(const memlane_inspection *inspection, uint64_t offset, void *buffer, size_t size,
                                    memlane_error *error) {
    const struct memlane_header *header = &inspection->segment.header;
    if (header->kind != MEMLANE_KIND_MAP) {
        return refuse_kind(inspection, "bytes of its own", error);
    }
    uint64_t length = header->geometry[MEMLANE_MAP_SIZE];
    if (offset > length || size > length - offset) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "'%s' has %" PRIu64 " bytes, and %zu were asked for from %" PRIu64 " on",
                            inspection->segment.name.text, length, size, offset);
    }
    uint64_t start = header->body_offset + memlane_map_lock_area(header->participants_count);
    memcpy(buffer, inspection->segment.base + start + offset, size);
    return memlane_inspection_finish(inspection, error);
}
