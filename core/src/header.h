/* Page 0 of a segment: filling it in, and deciding whether to trust one that was found. */
#ifndef MEMLANE_HEADER_H
#define MEMLANE_HEADER_H

#include "segment.h"

/* Lays the segment out and fills the header in, checksum included. MEMLANE_INVALID_ARGUMENT when the sizes are
 * impossible. */
memlane_status memlane_header_fill(struct memlane_header *header, const struct memlane_request *request,
                                   memlane_error *error);

/* Checks a private copy of a found header against itself, this build and the file's size: MEMLANE_LAYOUT_MISMATCH,
 * MEMLANE_CORRUPTED, MEMLANE_KIND_MISMATCH. After MEMLANE_OK every offset and size in it lies within the file. */
memlane_status memlane_header_check(const struct memlane_header *header, const struct memlane_request *request,
                                    uint64_t file_size, memlane_error *error);

/* The same for an object of any kind, as far as the table of participants: for tools that need no more. */
bool memlane_header_is_sound(const struct memlane_header *header, uint64_t file_size);

const char *memlane_kind_name(uint32_t code);

#endif
