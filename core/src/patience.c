#include "patience.h"

/* All accesses are relaxed: an estimate guards nothing.
 *
 * Who looks for as long as a wake-up takes, and then sleeps, loses at most as much again as it could have saved. So that is
 * the budget, as long as looking ends some waits. It is not less after short waits: what comes late then (an interrupt, a
 * hypervisor) mostly comes soon after, and who sleeps meanwhile loses a hundred round trips.
 *
 * Where looking is in vain again and again, nobody looks for more than a moment: the other side is slow, or idle, or on the
 * only processor that we may use, and cannot run while we look. Now and then it is tried again, because two sides that are
 * both asleep find each other asleep ever after: each waits for two wake-ups, its own and the other's. One that looks for
 * one wake-up ends that for both. Those tries cost a five-hundredth of a processor at most, and come once in 128 waits.
 *
 * Where answers take somewhat longer, time after time, because the other side first writes to many pages, both sides would
 * fall asleep just before each: two wake-ups, and caches that went cold meanwhile. So waits that would have been ended by a
 * look of four wake-ups make the looks that long, and those that only such a look ends keep them so, until a few such looks
 * were in vain. It is tried a fourth as often.
 *
 * How many processors this process may use decides nothing but that moment: a pinned process' peer may run elsewhere. */

enum {
    LONGEST_NS = 50000,               /* a wake-up, where the processor slept meanwhile */
    SHORTEST_NS = 2000,               /* without hope */
    HOPELESS = 4,                     /* looks in vain */
    TRY_EACH = 128,                   /* hopeless waits: on one processor these take 16 us each, and both sides try, */
    TRY_EACH_NS = 25000000,           /* and at least this long after the last try, where that was in vain */
    FARTHEST_NS = 200000,             /* for what nearly came in time */
    FARTHEST_TRY_EACH_NS = 100000000, /* so these tries cost no more than the others */
    NEARLY_ENOUGH = 16,               /* so many waits make looks longer: arbitrary, a few milliseconds */
    NEARLY_MAXIMUM = 32,
    NEARLY_LOSS = 4 /* of a wait that even such a look would not have ended: one in five is a disturbance */
};

static uint32_t ask_once(memlane_atomic32 *known, unsigned (*ask)(void)) {
    if (memlane_load32_relaxed(known) == 0) { /* not asked yet; every thread would store the same */
        memlane_store32_relaxed(known, ask());
    }
    return memlane_load32_relaxed(known);
}

static bool is_alone(void) {
    static memlane_atomic32 online;
    return ask_once(&online, memlane_platform_online_processors) < 2;
}

static bool is_pinned(void) {
    static memlane_atomic32 allowed;
    return ask_once(&allowed, memlane_platform_processors) < 2;
}

static bool looks_farther(const struct memlane_patience *patience) {
    return memlane_load32_relaxed(&patience->nearly) >= NEARLY_ENOUGH;
}

static bool has_hope(struct memlane_patience *patience, bool farther, uint64_t now_ns) {
    uint32_t in_vain = memlane_load32_relaxed(&patience->in_vain);
    if (in_vain < HOPELESS) {
        return true;
    }
    uint32_t rest = HOPELESS + (farther ? 0 : TRY_EACH);
    uint64_t rest_ns = farther ? FARTHEST_TRY_EACH_NS : TRY_EACH_NS;
    if (in_vain < rest || now_ns - memlane_load_relaxed(&patience->tried_ns) < rest_ns) {
        return false;
    }
    memlane_store32_relaxed(&patience->in_vain, HOPELESS);
    memlane_store_relaxed(&patience->tried_ns, now_ns);
    return true;
}

uint64_t memlane_patience_budget(struct memlane_patience *patience, uint64_t now_ns) {
    if (is_alone()) {
        return 0;
    }
    bool farther = looks_farther(patience);
    if (has_hope(patience, farther, now_ns)) {
        return farther ? FARTHEST_NS : LONGEST_NS;
    }
    return is_pinned() ? 0 : SHORTEST_NS;
}

uint64_t memlane_patience_glance(const struct memlane_patience *patience, uint64_t duration_ns) {
    return memlane_patience_is_rewarded(patience) || !is_pinned() ? duration_ns : 0;
}

static uint64_t elapsed(const struct memlane_patience *patience, uint64_t now_ns) {
    return now_ns - memlane_load_relaxed(&patience->began_ns);
}

static void remember_near(struct memlane_patience *patience) {
    uint32_t nearly = memlane_load32_relaxed(&patience->nearly);
    memlane_store32_relaxed(&patience->nearly, nearly + (nearly < NEARLY_MAXIMUM));
}

static void remember_far(struct memlane_patience *patience) {
    uint32_t nearly = memlane_load32_relaxed(&patience->nearly);
    memlane_store32_relaxed(&patience->nearly, nearly - (nearly < NEARLY_LOSS ? nearly : NEARLY_LOSS));
}

void memlane_patience_learn(struct memlane_patience *patience, bool found) {
    uint32_t in_vain = memlane_load32_relaxed(&patience->in_vain);
    memlane_store32_relaxed(&patience->in_vain, found ? 0 : in_vain + (in_vain < UINT32_MAX));
    if (!found) {
        return;
    }
    memlane_store_relaxed(&patience->tried_ns, 0);
    if (looks_farther(patience) && elapsed(patience, memlane_platform_monotonic_ns()) > LONGEST_NS) {
        remember_near(patience);
    }
}

void memlane_patience_wake(struct memlane_patience *patience, uint64_t now_ns) {
    if (elapsed(patience, now_ns) <= FARTHEST_NS) {
        remember_near(patience);
    } else {
        remember_far(patience);
    }
}
