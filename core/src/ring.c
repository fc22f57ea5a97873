#include "ring.h"

#include "mutant.h"
#include "wait.h"

#include <string.h>

/* Edges of this file:
 *   BYTES  B1 (publish, store tail) -> B2 (look_for_bytes, begin, load tail): the bytes before tail were copied in.
 *   ROOM   V1 (consume, store head) -> V2 (look_for_room, begin, load head): the bytes before head were copied out, and
 *          may be overwritten.
 * Both stores are seq_cst: they are the publishing operations of WAKE (wait.c). */

uint64_t memlane_ring_body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants) {
    uint64_t capacity = geometry[MEMLANE_RING_CAPACITY];
    (void)participants;
    return capacity >= 1 && capacity <= MEMLANE_CAPACITY_MAXIMUM ? sizeof(struct memlane_ring_control) + capacity : 0;
}

void memlane_ring_locate(struct memlane_ring *ring, struct memlane_segment *segment) {
    unsigned char *body = segment->base + segment->header.body_offset;
    *ring = (struct memlane_ring){
        .control = (struct memlane_ring_control *)(void *)body,
        .data = body + sizeof(struct memlane_ring_control),
        .capacity = segment->header.geometry[MEMLANE_RING_CAPACITY],
    };
}

memlane_status memlane_ring_begin(struct memlane_ring *ring, enum memlane_end_role role) {
    uint64_t head = memlane_load_acquire(&ring->control->head); /* V2 */
    uint64_t tail = memlane_load_acquire(&ring->control->tail); /* B2 */
    ring->cursor = role == MEMLANE_END_READER ? head : tail;
    ring->opposite = role == MEMLANE_END_READER ? tail : head;
    ring->offset = ring->cursor % ring->capacity;
    return tail - head <= ring->capacity ? MEMLANE_OK : MEMLANE_CORRUPTED;
}

memlane_status memlane_ring_look_for_room(struct memlane_ring *ring) {
    uint64_t head = MEMLANE_MUTANT(ROOM_RELAXED) ? memlane_load_relaxed(&ring->control->head)
                                                 : memlane_load_seq_cst(&ring->control->head); /* V2, W2 */
    if (ring->cursor - head > ring->capacity) {
        return MEMLANE_CORRUPTED;
    }
    ring->opposite = head;
    return MEMLANE_OK;
}

memlane_status memlane_ring_look_for_bytes(struct memlane_ring *ring) {
    uint64_t tail = MEMLANE_MUTANT(BYTES_RELAXED) ? memlane_load_relaxed(&ring->control->tail)
                                                  : memlane_load_seq_cst(&ring->control->tail); /* B2, W2 */
    if (tail - ring->cursor > ring->capacity) {
        return MEMLANE_CORRUPTED;
    }
    ring->opposite = tail;
    return MEMLANE_OK;
}

static void advance(struct memlane_ring *ring, uint64_t size) {
    ring->cursor += size;
    ring->offset += size;
    if (ring->offset >= ring->capacity) {
        ring->offset -= ring->capacity; /* size is at most the capacity */
    }
}

void memlane_ring_put(struct memlane_ring *ring, const void *bytes, uint64_t size) {
    uint64_t straight = memlane_ring_straight(ring);
    uint64_t first = size < straight ? size : straight;
    memcpy(memlane_ring_place(ring), bytes, (size_t)first);
    if (first < size) {
        memcpy(ring->data, (const unsigned char *)bytes + first, (size_t)(size - first));
    }
}

void memlane_ring_publish(struct memlane_ring *ring, uint64_t size) {
    advance(ring, size);
    if (MEMLANE_MUTANT(TAIL_RELAXED)) {
        memlane_store_relaxed(&ring->control->tail, ring->cursor);
    } else {
        memlane_store_seq_cst(&ring->control->tail, ring->cursor); /* B1 */
    }
    memlane_wait_notify(&ring->control->data_bell);
}

void memlane_ring_get(const struct memlane_ring *ring, void *bytes, uint64_t size) {
    uint64_t straight = memlane_ring_straight(ring);
    uint64_t first = size < straight ? size : straight;
    memcpy(bytes, memlane_ring_place(ring), (size_t)first);
    if (first < size) {
        memcpy((unsigned char *)bytes + first, ring->data, (size_t)(size - first));
    }
}

void memlane_ring_consume(struct memlane_ring *ring, uint64_t size) {
    advance(ring, size);
    if (MEMLANE_MUTANT(HEAD_RELAXED)) {
        memlane_store_relaxed(&ring->control->head, ring->cursor);
    } else {
        memlane_store_seq_cst(&ring->control->head, ring->cursor); /* V1 */
    }
    memlane_wait_notify(&ring->control->room_bell);
}

void memlane_ring_write(struct memlane_ring *ring, const void *bytes, uint64_t size) {
    if (MEMLANE_MUTANT(TAIL_FIRST)) {
        struct memlane_ring before = *ring;
        memlane_ring_publish(ring, size);
        memlane_ring_put(&before, bytes, size);
        return;
    }
    memlane_ring_put(ring, bytes, size);
    memlane_ring_publish(ring, size);
}

void memlane_ring_read(struct memlane_ring *ring, void *bytes, uint64_t size) {
    if (MEMLANE_MUTANT(HEAD_FIRST)) {
        struct memlane_ring before = *ring;
        memlane_ring_consume(ring, size);
        memlane_ring_get(&before, bytes, size);
        return;
    }
    memlane_ring_get(ring, bytes, size);
    memlane_ring_consume(ring, size);
}
