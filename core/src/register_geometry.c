/* Where the parts of a register lie: for who makes one or finds one, and writes and reads nothing. */
#include "register.h"

#include <string.h>

static uint64_t stride_of(uint64_t capacity) {
    return (capacity + MEMLANE_LINE - 1) / MEMLANE_LINE * MEMLANE_LINE;
}

static uint64_t data_offset_of(uint64_t slots, uint64_t participants) {
    uint64_t words = sizeof(struct memlane_register_control) + participants * sizeof(struct memlane_pin_row) +
                     slots * sizeof(struct memlane_slot);
    return (words + MEMLANE_PAGE - 1) / MEMLANE_PAGE * MEMLANE_PAGE;
}

/* No sum overflows: 65,535 slots of at most 2^38 bytes are below 2^55. */
uint64_t memlane_register_body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants) {
    uint64_t slots = geometry[MEMLANE_REGISTER_SLOTS];
    uint64_t capacity = geometry[MEMLANE_REGISTER_CAPACITY];
    bool possible = slots >= MEMLANE_SLOTS_MINIMUM && slots <= MEMLANE_SLOTS_MAXIMUM && capacity >= 1 &&
                    capacity <= MEMLANE_CAPACITY_MAXIMUM && geometry[MEMLANE_REGISTER_STRIDE] == stride_of(capacity);
    return possible ? data_offset_of(slots, participants) + slots * stride_of(capacity) : 0;
}

void memlane_register_shape(uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint64_t slots, uint64_t capacity) {
    geometry[MEMLANE_REGISTER_SLOTS] = slots;
    geometry[MEMLANE_REGISTER_CAPACITY] = capacity;
    geometry[MEMLANE_REGISTER_STRIDE] = stride_of(capacity);
}

void memlane_register_locate(struct memlane_register *reg, struct memlane_segment *segment) {
    unsigned char *body = segment->base + segment->header.body_offset;
    memset(reg, 0, sizeof *reg);
    reg->segment = segment;
    reg->slots = (uint32_t)segment->header.geometry[MEMLANE_REGISTER_SLOTS];
    reg->participants = segment->header.participants_count;
    reg->capacity = segment->header.geometry[MEMLANE_REGISTER_CAPACITY];
    reg->stride = stride_of(reg->capacity);
    reg->data_offset = segment->header.body_offset + data_offset_of(reg->slots, reg->participants);
    reg->control = (void *)body;
    reg->pins = (void *)(body + sizeof(struct memlane_register_control));
    reg->slot = (void *)(reg->pins + reg->participants);
    reg->data = segment->base + reg->data_offset;
}
