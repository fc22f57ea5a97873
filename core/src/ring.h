/* Bytes from one writer to one reader, either of which may die at any instruction (core.md 2.6, D24; docs/design/channel.md
 * has the argument, core/models/channel.pml the proof). */
#ifndef MEMLANE_RING_H
#define MEMLANE_RING_H

#include "segment.h"

/* One end's private view. Its owner trusts its own cursor, and never what the shared word says of it. */
struct memlane_ring {
    struct memlane_ring_control *control;
    unsigned char *data;
    uint64_t capacity;
    uint64_t cursor;   /* of this end */
    uint64_t opposite; /* of the other end, as last looked at */
    uint64_t offset;   /* cursor mod capacity */
};

/* Size of the body (memlane_kind.body_size); 0 for an impossible capacity. */
uint64_t memlane_ring_body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants);

/* Where it lies in the mapped segment. */
void memlane_ring_locate(struct memlane_ring *ring, struct memlane_segment *segment);

/* Takes the cursors over, after this end was claimed. MEMLANE_CORRUPTED when they contradict each other. */
memlane_status memlane_ring_begin(struct memlane_ring *ring, enum memlane_end_role role);

/* Bytes that can be written, or read, by what the last look at the opposite cursor told. */
static inline uint64_t memlane_ring_room(const struct memlane_ring *ring) {
    return ring->capacity - (ring->cursor - ring->opposite);
}

static inline uint64_t memlane_ring_filled(const struct memlane_ring *ring) {
    return ring->opposite - ring->cursor;
}

/* Looks at the opposite cursor again. MEMLANE_CORRUPTED: it is where it cannot be. Wait-free. */
memlane_status memlane_ring_look_for_room(struct memlane_ring *ring);
memlane_status memlane_ring_look_for_bytes(struct memlane_ring *ring);

/* Writer: copies size bytes, for which there is room, behind the cursor; publishes them. Wait-free. */
void memlane_ring_put(struct memlane_ring *ring, const void *bytes, uint64_t size);
void memlane_ring_publish(struct memlane_ring *ring, uint64_t size);

/* Both. */
void memlane_ring_write(struct memlane_ring *ring, const void *bytes, uint64_t size);

/* Reader: copies size bytes, which are there, from the cursor; consumes them. Wait-free. */
void memlane_ring_get(const struct memlane_ring *ring, void *bytes, uint64_t size);
void memlane_ring_consume(struct memlane_ring *ring, uint64_t size);

/* Both. */
void memlane_ring_read(struct memlane_ring *ring, void *bytes, uint64_t size);

/* The bytes at the cursor, and how many of them lie in one piece. */
static inline unsigned char *memlane_ring_place(const struct memlane_ring *ring) {
    return ring->data + ring->offset;
}

static inline uint64_t memlane_ring_straight(const struct memlane_ring *ring) {
    return ring->capacity - ring->offset;
}

#endif
