/* What participants hold of a register, and what becomes of it: at cleanup after a death, at fork, and in error
 * texts. */
#ifndef MEMLANE_CUSTODY_H
#define MEMLANE_CUSTODY_H

#include "register.h"

/* The callbacks of a kind of object whose body is one register (struct memlane_kind). */
void memlane_custody_clean(struct memlane_segment *segment, uint32_t index);
void memlane_custody_inherit(struct memlane_segment *segment, uint32_t fresh_index);
void memlane_custody_adopt(struct memlane_segment *segment);
bool memlane_custody_next_view(struct memlane_segment *segment, uint32_t *cursor, uint64_t *offset, uint64_t *size);

struct memlane_custody_count {
    uint32_t writing, pinned; /* slots */
};

/* How many slots are being written or loaned, and pinned, at this moment. */
struct memlane_custody_count memlane_custody_count(const struct memlane_register *reg);

/* The same of one participant. */
struct memlane_custody_count memlane_custody_count_of(const struct memlane_register *reg, uint32_t index);

/* "pid 12 (camera) writes 1, pid 13 (viewer) views 3", for error texts. */
void memlane_custody_describe(const struct memlane_register *reg, char *text, size_t size);

#endif
