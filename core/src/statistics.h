/* Counters in the segment (layout.h): one line for each index, summed on reading. */
#ifndef MEMLANE_STATISTICS_H
#define MEMLANE_STATISTICS_H

#include "segment.h"

static inline struct memlane_statistics_line *memlane_statistics_line(const struct memlane_segment *segment,
                                                                      uint32_t index) {
    size_t offset = segment->header.participants_offset +
                    (size_t)segment->header.participants_count * sizeof(struct memlane_participant_entry);
    return (struct memlane_statistics_line *)(void *)(segment->base + offset) + index;
}

/* Adds to this endpoint's counter. relaxed: a count guards nothing. */
static inline void memlane_statistics_add(const struct memlane_segment *segment, enum memlane_counter counter,
                                          uint64_t amount) {
    memlane_add_relaxed(&memlane_statistics_line(segment, segment->index)->counter[counter], amount);
}

/* The same where only one thread at a time counts for this endpoint: no locked instruction. */
static inline void memlane_statistics_count(const struct memlane_segment *segment, enum memlane_counter counter,
                                            uint64_t amount) {
    memlane_atomic64 *count = &memlane_statistics_line(segment, segment->index)->counter[counter];
    memlane_store_relaxed(count, memlane_load_relaxed(count) + amount); /* relaxed: a count guards nothing */
}

/* The sum over all participants, present and past. */
void memlane_statistics_sum(const struct memlane_segment *segment, uint64_t sum[MEMLANE_COUNTERS]);

#endif
