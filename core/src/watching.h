/* Waiting for one of several words to change, in segments and in private memory. */
#ifndef MEMLANE_WATCHING_H
#define MEMLANE_WATCHING_H

#include "wait.h"

/* One word, its bell, and the value on which there was nothing to do. */
struct memlane_watched {
    const memlane_atomic64 *word;
    memlane_atomic32 *bell;
    uint64_t seen;
};

/* Sleeps until one of the words differs from what was seen, at most chunk_ns. MEMLANE_OK: one does, or may; MEMLANE_TIMEOUT:
 * the chunk is over; MEMLANE_INTERRUPTED. Where the kernel can wait for one word only (before Linux 5.16), and beyond
 * MEMLANE_FUTEXES_MAXIMUM words, chunks are short. */
memlane_status memlane_watching_sleep(const struct memlane_watched *watched, uint32_t count, uint64_t chunk_ns);

#endif
