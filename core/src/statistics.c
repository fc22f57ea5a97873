#include "statistics.h"

#include <string.h>

void memlane_statistics_sum(const struct memlane_segment *segment, uint64_t sum[MEMLANE_COUNTERS]) {
    memset(sum, 0, MEMLANE_COUNTERS * sizeof *sum);
    for (uint32_t index = 0; index < segment->header.participants_count; index++) {
        const struct memlane_statistics_line *line = memlane_statistics_line(segment, index);
        for (size_t counter = 0; counter < MEMLANE_COUNTERS; counter++) {
            sum[counter] += memlane_load_relaxed(&line->counter[counter]); /* relaxed: a count guards nothing */
        }
    }
}
