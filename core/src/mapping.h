/* The mappings of a segment in this process: one to write through, and one to look through. */
#ifndef MEMLANE_MAPPING_H
#define MEMLANE_MAPPING_H

#include "segment.h"

/* Maps the whole file, whose header was read. MEMLANE_SYSTEM, MEMLANE_ACCESS_DENIED. */
memlane_status memlane_mapping_make(struct memlane_segment *segment, memlane_error *error);

/* Maps the read-only view on first use. Under segment->mutex. */
memlane_status memlane_mapping_view(struct memlane_segment *segment, memlane_error *error);

/* Unmaps what is mapped. May be repeated. */
void memlane_mapping_end(struct memlane_segment *segment);

/* The text for want of a descriptor, and MEMLANE_SYSTEM. */
memlane_status memlane_mapping_explain_descriptors(const char *name, int failure, memlane_error *error);

#endif
