/* How long to look before sleeping: long while that ends waits, hardly ever while it does not, never on one processor. */
#define _GNU_SOURCE
#include "check.h"

#include "patience.h"

enum { MILLISECOND = 1000000, A_LONG_LOOK_NS = 50000 };

static unsigned allowed = 2, online = 2;

unsigned __wrap_memlane_platform_processors(void);
unsigned __wrap_memlane_platform_processors(void) {
    return allowed;
}

unsigned __wrap_memlane_platform_online_processors(void);
unsigned __wrap_memlane_platform_online_processors(void) {
    return online;
}

/* Waits of one millisecond, none of which looking ends. Returns nanoseconds that were looked for. */
static uint64_t wait_in_vain(struct memlane_patience *patience, uint32_t times, uint64_t *now_ns) {
    uint64_t spent = 0;
    for (uint32_t i = 0; i < times; i++) {
        spent += memlane_patience_budget(patience, *now_ns);
        memlane_patience_learn(patience, false);
        *now_ns += MILLISECOND;
    }
    return spent;
}

static void one_processor_is_never_spent_on_looking(void) {
    struct memlane_patience patience = {0};
    online = 1;

    CHECK_EQUAL(0, memlane_patience_budget(&patience, MILLISECOND));
}

static void an_endpoint_begins_with_hope(void) {
    struct memlane_patience patience = {0};

    CHECK(memlane_patience_is_rewarded(&patience));
    CHECK_EQUAL(A_LONG_LOOK_NS, memlane_patience_budget(&patience, MILLISECOND));
}

static void a_few_looks_in_vain_end_the_hope(void) {
    struct memlane_patience patience = {0};
    uint64_t now = MILLISECOND;

    wait_in_vain(&patience, 4, &now);

    CHECK(!memlane_patience_is_rewarded(&patience));
    CHECK(memlane_patience_budget(&patience, now) < A_LONG_LOOK_NS / 10);
}

static void a_pinned_process_sleeps_at_once_without_hope(void) {
    struct memlane_patience patience = {0};
    uint64_t now = MILLISECOND;
    allowed = 1;

    wait_in_vain(&patience, 4, &now);

    CHECK_EQUAL(0, memlane_patience_budget(&patience, now));
}

static void a_look_that_ends_a_wait_brings_the_hope_back(void) {
    struct memlane_patience patience = {0};
    uint64_t now = MILLISECOND;
    wait_in_vain(&patience, 10, &now);

    memlane_patience_learn(&patience, true);

    CHECK_EQUAL(A_LONG_LOOK_NS, memlane_patience_budget(&patience, now));
}

static void waits_that_are_always_in_vain_cost_a_five_hundredth_at_most(void) {
    struct memlane_patience patience = {0};
    uint64_t now = MILLISECOND;
    allowed = 1;
    wait_in_vain(&patience, 4, &now);

    uint64_t began = now;
    uint64_t spent = wait_in_vain(&patience, 10000, &now);

    CHECK(spent > 0); /* it is tried again */
    CHECK(spent * 500 <= now - began);
}

static const struct check_test tests[] = {
    {"one processor is never spent on looking", one_processor_is_never_spent_on_looking},
    {"an endpoint begins with hope", an_endpoint_begins_with_hope},
    {"a few looks in vain end the hope", a_few_looks_in_vain_end_the_hope},
    {"a pinned process sleeps at once without hope", a_pinned_process_sleeps_at_once_without_hope},
    {"a look that ends a wait brings the hope back", a_look_that_ends_a_wait_brings_the_hope_back},
    {"waits that are always in vain cost a five-hundredth at most",
     waits_that_are_always_in_vain_cost_a_five_hundredth_at_most},
};

CHECK_MAIN(tests)
