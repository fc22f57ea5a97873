/* How long to look before sleeping: long while that ends waits, hardly ever while it does not, never on one processor. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"

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

static uint64_t *pretended_ns; /* what the clock shows instead of the time, */
static uint64_t tick_ns;       /* and by how much more at each look at it */

/* Put to when that clock shows this time: in the midst of a look, or of a sleep. */
static memlane_share *put_to;
static uint64_t put_at_ns;

static void put_when_it_is_time(void) {
    if (put_to != NULL && *pretended_ns >= put_at_ns) {
        memlane_share *share = put_to;
        memlane_error error;
        put_to = NULL; /* putting looks at the clock */
        CHECK_OK(memlane_share_put(share, "x", 1, 1, NULL, &error), &error);
    }
}

/* Written to when the clock is read so many times more: in the midst of a look. */
static memlane_variable *written_to;
static int clocks_until_written;

uint64_t __real_memlane_platform_monotonic_ns(void);
uint64_t __wrap_memlane_platform_monotonic_ns(void);
uint64_t __wrap_memlane_platform_monotonic_ns(void) {
    if (pretended_ns != NULL) {
        *pretended_ns += tick_ns;
        put_when_it_is_time();
        return *pretended_ns;
    }
    if (clocks_until_written > 0) {
        clocks_until_written--;
        if (clocks_until_written == 0) {
            endpoint_write(written_to, 2);
        }
    }
    return __real_memlane_platform_monotonic_ns();
}

static int sleeps;

int __real_memlane_platform_futex_wait(const memlane_atomic32 *word, uint32_t expected, uint64_t timeout_ns);
int __wrap_memlane_platform_futex_wait(const memlane_atomic32 *word, uint32_t expected, uint64_t timeout_ns);
int __wrap_memlane_platform_futex_wait(const memlane_atomic32 *word, uint32_t expected, uint64_t timeout_ns) {
    sleeps++;
    if (put_to != NULL) {
        *pretended_ns = put_at_ns;
        put_when_it_is_time();
        return 0;
    }
    return __real_memlane_platform_futex_wait(word, expected, timeout_ns);
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

static void a_glance_is_as_long_as_it_was_asked_for_where_the_other_side_may_run(void) {
    struct memlane_patience patience = {0};
    uint64_t now = MILLISECOND;

    wait_in_vain(&patience, 1, &now);

    CHECK_EQUAL(1500, memlane_patience_glance(&patience, 1500));
}

static void a_pinned_process_does_not_even_glance_after_a_look_in_vain(void) {
    struct memlane_patience patience = {0};
    uint64_t now = MILLISECOND;
    allowed = 1;
    CHECK_EQUAL(1500, memlane_patience_glance(&patience, 1500));

    wait_in_vain(&patience, 1, &now);

    CHECK_EQUAL(0, memlane_patience_glance(&patience, 1500));
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

static void hope_that_came_back_is_tried_again_soon_after_it_is_lost(void) {
    struct memlane_patience patience = {0};
    uint64_t now = (uint64_t)1000 * MILLISECOND;
    wait_in_vain(&patience, 4 + 128, &now);
    CHECK_EQUAL(A_LONG_LOOK_NS, memlane_patience_budget(&patience, now)); /* a try */
    memlane_patience_learn(&patience, true);

    for (uint32_t i = 0; i < 4 + 128; i++) {
        memlane_patience_budget(&patience, now);
        memlane_patience_learn(&patience, false);
    }

    CHECK_EQUAL(A_LONG_LOOK_NS, memlane_patience_budget(&patience, now));
}

/* Waits that a longer look would have ended: each is over after twice a long one. Returns the longest look. */
static uint64_t wait_nearly(struct memlane_patience *patience, uint32_t times, uint64_t *now_ns) {
    uint64_t longest = 0;
    for (uint32_t i = 0; i < times; i++) {
        memlane_store_relaxed(&patience->began_ns, *now_ns);
        uint64_t budget = memlane_patience_budget(patience, *now_ns);
        longest = budget > longest ? budget : longest;
        memlane_patience_learn(patience, false);
        *now_ns += (uint64_t)2 * A_LONG_LOOK_NS;
        memlane_patience_wake(patience, *now_ns);
    }
    return longest;
}

/* The same, but each sleep is a long one. */
static uint64_t wait_for_long(struct memlane_patience *patience, uint32_t times, uint64_t *now_ns) {
    uint64_t spent = 0;
    for (uint32_t i = 0; i < times; i++) {
        memlane_store_relaxed(&patience->began_ns, *now_ns);
        spent += wait_in_vain(patience, 1, now_ns);
        memlane_patience_wake(patience, *now_ns);
    }
    return spent;
}

static void what_nearly_comes_in_time_is_looked_for_longer(void) {
    struct memlane_patience patience = {0};
    uint64_t now = (uint64_t)1000 * MILLISECOND;
    wait_in_vain(&patience, 4, &now);

    CHECK_EQUAL((uint64_t)4 * A_LONG_LOOK_NS, wait_nearly(&patience, 20, &now));
}

static void a_longer_look_that_ends_waits_stays(void) {
    struct memlane_patience patience = {0};
    uint64_t now = (uint64_t)1000 * MILLISECOND;
    wait_nearly(&patience, 20, &now);
    memlane_patience_learn(&patience, true);

    wait_in_vain(&patience, 1, &now);

    CHECK_EQUAL((uint64_t)4 * A_LONG_LOOK_NS, memlane_patience_budget(&patience, now));
}

static void longer_looks_in_vain_are_few(void) {
    struct memlane_patience patience = {0};
    uint64_t now = (uint64_t)1000 * MILLISECOND;
    wait_nearly(&patience, 1000, &now);
    memlane_patience_learn(&patience, true);

    uint64_t spent = wait_for_long(&patience, 10, &now);

    CHECK(spent <= (uint64_t)24 * A_LONG_LOOK_NS);
    CHECK(memlane_patience_budget(&patience, now) < A_LONG_LOOK_NS / 10);
    memlane_patience_learn(&patience, true); /* hope again, but not for what comes so late */
    CHECK_EQUAL((uint64_t)A_LONG_LOOK_NS, memlane_patience_budget(&patience, now));
}

/* Answers come after 120 us, each twentieth after 1 ms. Returns how many waits ended in a sleep. */
static uint32_t wait_with_disturbances(struct memlane_patience *patience, uint32_t times, uint64_t *now_ns) {
    uint32_t slept = 0;
    pretended_ns = now_ns;
    for (uint32_t i = 0; i < times; i++) {
        uint64_t answer_ns = i % 20 == 0 ? MILLISECOND : 120000;
        memlane_store_relaxed(&patience->began_ns, *now_ns);
        bool found = memlane_patience_budget(patience, *now_ns) > answer_ns;
        *now_ns += answer_ns;
        memlane_patience_learn(patience, found);
        if (!found) {
            slept++;
            memlane_patience_wake(patience, *now_ns);
        }
    }
    pretended_ns = NULL;
    return slept;
}

static void disturbances_do_not_end_longer_looks_that_mostly_end_waits(void) {
    struct memlane_patience patience = {0};
    uint64_t now = (uint64_t)1000 * MILLISECOND;
    wait_nearly(&patience, 40, &now);
    memlane_patience_learn(&patience, true);

    CHECK_EQUAL(50, wait_with_disturbances(&patience, 1000, &now));
}

/* Both sides on one processor: each wait is short, but looking ends none. */
static void longer_looks_that_are_always_in_vain_cost_a_five_hundredth_at_most(void) {
    struct memlane_patience patience = {0};
    uint64_t now = (uint64_t)1000 * MILLISECOND, spent = 0;
    allowed = 1;
    wait_nearly(&patience, 20, &now);

    uint64_t began = now;
    for (uint32_t i = 0; i < 10000; i++) {
        uint64_t budget = memlane_patience_budget(&patience, now);
        memlane_store_relaxed(&patience.began_ns, now);
        memlane_patience_learn(&patience, false);
        now += budget + A_LONG_LOOK_NS;
        memlane_patience_wake(&patience, now);
        spent += budget;
    }

    CHECK(spent > 0); /* it is tried again */
    CHECK(spent * 500 <= now - began + (uint64_t)4 * A_LONG_LOOK_NS * 500);
}

static void a_value_that_comes_while_it_is_looked_for_costs_no_sleep(void) {
    memlane_variable *reader = endpoint_open("pose");
    uint64_t newest;
    written_to = endpoint_open("pose");
    endpoint_write(written_to, 1);

    clocks_until_written = 2;
    CHECK_STATUS(MEMLANE_OK, memlane_variable_wait(reader, 1, check_in_ms(20000), &newest, NULL));

    CHECK_EQUAL(2, newest);
    CHECK_EQUAL(0, sleeps);
    memlane_variable_free(written_to);
    memlane_variable_free(reader);
    endpoint_unlink("pose");
}

static memlane_share *open_share(void) {
    memlane_share_options options;
    memlane_share *share = NULL;
    memlane_error error;
    memlane_share_options_initialise(&options);
    options.object.directory = check_directory;
    CHECK_OK(memlane_share_open(&share, "cloud", strlen("cloud"), &options, &error), &error);
    return share;
}

/* Gets what is put so much after the get began. Returns how often that slept. */
static int get_later(memlane_share *share, uint64_t after_ns) {
    char value;
    memlane_reading reading;
    memlane_error error;
    sleeps = 0;
    put_at_ns = *pretended_ns + after_ns;
    put_to = share;
    CHECK_OK(memlane_share_get(share, &value, 1, &reading, UINT64_MAX, &error), &error);
    return sleeps;
}

static void a_getter_looks_longer_where_that_would_have_saved_its_sleeps(void) {
    uint64_t now = (uint64_t)1000 * MILLISECOND, after = (uint64_t)2 * A_LONG_LOOK_NS;
    memlane_share *share = open_share();
    pretended_ns = &now;
    tick_ns = 1000;
    CHECK_EQUAL(1, get_later(share, after));

    for (uint32_t i = 0; i < 30; i++) {
        get_later(share, after);
    }

    CHECK_EQUAL(0, get_later(share, after));
    pretended_ns = NULL;
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static const struct check_test tests[] = {
    {"one processor is never spent on looking", one_processor_is_never_spent_on_looking},
    {"an endpoint begins with hope", an_endpoint_begins_with_hope},
    {"a few looks in vain end the hope", a_few_looks_in_vain_end_the_hope},
    {"a pinned process sleeps at once without hope", a_pinned_process_sleeps_at_once_without_hope},
    {"a glance is as long as it was asked for where the other side may run",
     a_glance_is_as_long_as_it_was_asked_for_where_the_other_side_may_run},
    {"a pinned process does not even glance after a look in vain",
     a_pinned_process_does_not_even_glance_after_a_look_in_vain},
    {"a look that ends a wait brings the hope back", a_look_that_ends_a_wait_brings_the_hope_back},
    {"waits that are always in vain cost a five-hundredth at most",
     waits_that_are_always_in_vain_cost_a_five_hundredth_at_most},
    {"hope that came back is tried again soon after it is lost",
     hope_that_came_back_is_tried_again_soon_after_it_is_lost},
    {"what nearly comes in time is looked for longer", what_nearly_comes_in_time_is_looked_for_longer},
    {"a longer look that ends waits stays", a_longer_look_that_ends_waits_stays},
    {"longer looks in vain are few", longer_looks_in_vain_are_few},
    {"disturbances do not end longer looks that mostly end waits",
     disturbances_do_not_end_longer_looks_that_mostly_end_waits},
    {"longer looks that are always in vain cost a five-hundredth at most",
     longer_looks_that_are_always_in_vain_cost_a_five_hundredth_at_most},
    {"a value that comes while it is looked for costs no sleep",
     a_value_that_comes_while_it_is_looked_for_costs_no_sleep},
    {"a getter looks longer where that would have saved its sleeps",
     a_getter_looks_longer_where_that_would_have_saved_its_sleeps},
};

CHECK_MAIN(tests)
