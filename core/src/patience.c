#include "patience.h"

/* All accesses are relaxed: an estimate guards nothing. */

enum {
    SHORTEST_NS = 2000,
    LONGEST_NS = 40000,  /* about twice what being woken costs: who waits longer gains nothing by looking */
    HOPELESS_NS = 60000, /* an average above this, which holds one's own wake-ups, cannot come below the longest look */
    SAMPLE_NS = 100000,  /* one long wait must not make the next twenty short ones look long */
    MARGIN = 4,
    WEIGHT = 4
};

static uint32_t processors(void) {
    static memlane_atomic32 known; /* 0: not asked yet; every thread would store the same */
    if (memlane_load32_relaxed(&known) == 0) {
        memlane_store32_relaxed(&known, memlane_platform_processors());
    }
    return memlane_load32_relaxed(&known);
}

uint64_t memlane_patience_budget(const struct memlane_patience *patience) {
    uint64_t expected = memlane_load32_relaxed(&patience->expected_ns);
    if (processors() < 2) {
        return 0;
    }
    if (expected > HOPELESS_NS) {
        return SHORTEST_NS;
    }
    uint64_t budget = MARGIN * expected;
    return budget < SHORTEST_NS ? SHORTEST_NS : budget > LONGEST_NS ? LONGEST_NS : budget;
}

void memlane_patience_learn(struct memlane_patience *patience, uint64_t waited_ns) {
    int64_t expected = memlane_load32_relaxed(&patience->expected_ns);
    int64_t sample = waited_ns < SAMPLE_NS ? (int64_t)waited_ns : SAMPLE_NS;
    memlane_store32_relaxed(&patience->expected_ns, (uint32_t)(expected + (sample - expected) / WEIGHT));
}
