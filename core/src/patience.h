/* How long to look before sleeping: a wake-up costs more than most answers take, and looking costs a processor. */
#ifndef MEMLANE_PATIENCE_H
#define MEMLANE_PATIENCE_H

#include "platform.h"

/* Private to an endpoint; zeros to begin with. Threads may learn at once: an estimate guards nothing. */
struct memlane_patience {
    memlane_atomic32 in_vain;  /* waits that looking did not end, one after the other */
    memlane_atomic32 nearly;   /* sleeps that a longer look would have saved; others count against them */
    memlane_atomic64 began_ns; /* when the last look began */
    memlane_atomic64 tried_ns; /* when it was last tried without hope; 0: not since looking ended a wait */
};

/* Nanoseconds to look for, from now on; 0: sleep at once. */
uint64_t memlane_patience_budget(struct memlane_patience *patience, uint64_t now_ns);

/* How much of a glance is worth it, which comes before that and costs no clock: nothing where the process is pinned and
 * looking did not end the last wait. */
uint64_t memlane_patience_glance(const struct memlane_patience *patience, uint64_t duration_ns);

/* Whether looking ended the wait. */
void memlane_patience_learn(struct memlane_patience *patience, bool found);

/* The sleep that came after a look in vain has ended. Who does not tell never looks for longer than a wake-up takes. */
void memlane_patience_wake(struct memlane_patience *patience, uint64_t now_ns);

/* Whether looking ended the last wait, or nobody waited yet: then the other side runs beside us. */
static inline bool memlane_patience_is_rewarded(const struct memlane_patience *patience) {
    return memlane_load32_relaxed(&patience->in_vain) == 0; /* relaxed: guards nothing */
}

enum { MEMLANE_LOOKS_BETWEEN_CLOCKS = 16 }; /* a look takes 20 ns, the clock as much or twice that */

/* Looks until is_over(argument), or for the time that was given at the last clock: whether it was over. Inline, so that a
 * look is no call. */
static inline bool memlane_patience_look(bool (*is_over)(void *), void *argument, uint64_t end_ns) {
    do {
        for (uint32_t looks = 0; looks < MEMLANE_LOOKS_BETWEEN_CLOCKS; looks++) {
            if (is_over(argument)) {
                return true;
            }
            memlane_platform_relax();
        }
    } while (memlane_platform_monotonic_ns() < end_ns);
    return false;
}

/* Looks until is_over(argument), for as long as that is worth it, and learns from it: whether it was over. */
static inline bool memlane_patience_try(struct memlane_patience *patience, bool (*is_over)(void *), void *argument,
                                        uint64_t deadline_ns) {
    uint64_t began = memlane_platform_monotonic_ns();
    uint64_t budget = memlane_patience_budget(patience, began);
    memlane_store_relaxed(&patience->began_ns, began);
    uint64_t end = began + budget < deadline_ns ? began + budget : deadline_ns;
    bool found = budget > 0 && memlane_patience_look(is_over, argument, end);
    memlane_patience_learn(patience, found);
    return found;
}

#endif
