/* What each kind of object adds to a segment: for who looks at objects of all kinds (inspect.c). */
#ifndef MEMLANE_KINDS_H
#define MEMLANE_KINDS_H

#include "variable_kind.h"

extern const struct memlane_variable_kind memlane_kind_of_variables, memlane_kind_of_shares;
extern const struct memlane_kind memlane_kind_of_channels, memlane_kind_of_functions, memlane_kind_of_maps,
    memlane_kind_of_buffers;

/* The lock of a buffer: the line behind its register (docs/format/buffer.md). */
struct memlane_lock_word *memlane_buffer_lock(const struct memlane_segment *segment);

/* Takes the mark of validity off a copy of a record of `size` bytes whose owner does not live. */
void memlane_buffer_judge(const struct memlane_segment *segment, void *record, uint64_t size);

/* Whole pages at the beginning of a map's body, with the lock; the bytes follow (docs/format/map.md). */
uint64_t memlane_map_lock_area(uint32_t participants);

#endif
