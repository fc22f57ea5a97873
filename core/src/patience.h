/* How long to look before sleeping: a wake-up costs more than most answers take, and looking costs a processor. */
#ifndef MEMLANE_PATIENCE_H
#define MEMLANE_PATIENCE_H

#include "platform.h"

/* Private to an endpoint; zeros to begin with. Threads may learn at once: an estimate guards nothing. */
struct memlane_patience {
    memlane_atomic32 expected_ns; /* moving average of how long was waited */
};

/* Nanoseconds to look for; 0 on one processor, where the other side cannot run meanwhile. */
uint64_t memlane_patience_budget(const struct memlane_patience *patience);

/* A wait that took so long came to its end. */
void memlane_patience_learn(struct memlane_patience *patience, uint64_t waited_ns);

#endif
