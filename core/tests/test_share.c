/* Shares: each value is taken once, by one, in order; putting never waits. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "peer.h"

#include "layout.h"
#include "taking.h"
#include "variable_kind.h"

#include <pthread.h>

enum { SIZE = 128 };

static memlane_share_options share_options(void) {
    memlane_share_options options;
    memlane_share_options_initialise(&options);
    options.object.directory = check_directory;
    return options;
}

static memlane_share *share_open_with(const memlane_share_options *options) {
    memlane_share *share = NULL;
    memlane_error error;
    CHECK_OK(memlane_share_open(&share, "cloud", strlen("cloud"), options, &error), &error);
    return share;
}

static memlane_share *share_open(void) {
    memlane_share_options options = share_options();
    options.size = SIZE;
    return share_open_with(&options);
}

static void put(memlane_share *share, uint64_t value) {
    memlane_error error;
    CHECK_OK(memlane_share_put(share, &value, sizeof value, 1, NULL, &error), &error);
}

static memlane_status try_get(memlane_share *share, uint64_t deadline_ns, uint64_t *value) {
    memlane_reading reading;
    memlane_error error;
    memlane_status status = memlane_share_get(share, value, sizeof *value, &reading, deadline_ns, &error);
    if (status == MEMLANE_OK) {
        CHECK_EQUAL(sizeof *value, reading.size);
    }
    return status;
}

static uint64_t get(memlane_share *share) {
    uint64_t value = 0;
    CHECK_STATUS(MEMLANE_OK, try_get(share, check_in_ms(30000), &value));
    return value;
}

static void check_nothing_waits(memlane_share *share) {
    uint64_t value;
    CHECK_STATUS(MEMLANE_TIMEOUT, try_get(share, 0, &value));
}

/* -- taking ------------------------------------------------------------------------------------------------ */

static void a_value_is_taken_once(void) {
    uint64_t taken, version;
    memlane_error error;
    memlane_share *giver = share_open(), *taker = share_open(), *other = share_open();
    check_nothing_waits(taker);
    put(giver, 7);

    CHECK_EQUAL(7, get(taker));

    check_nothing_waits(taker);
    check_nothing_waits(other);
    CHECK_OK(memlane_share_taken(giver, &taken, &error), &error);
    CHECK_EQUAL(1, taken);
    CHECK_STATUS(MEMLANE_OK, memlane_variable_version(memlane_share_variable(giver), &version));
    CHECK_EQUAL(1, version);
    memlane_share_free(other);
    memlane_share_free(taker);
    memlane_share_free(giver);
    endpoint_unlink("cloud");
}

static void putting_replaces_what_was_not_taken(void) {
    memlane_share *share = share_open();
    for (uint64_t value = 1; value <= 100; value++) {
        put(share, value);
    }

    CHECK_EQUAL(100, get(share));

    check_nothing_waits(share);
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void a_get_that_comes_too_late_is_told_so(void) {
    memlane_error error;
    memlane_share *share = share_open();
    put(share, 1);
    put(share, 2);

    CHECK_OK(memlane_share_take(share, 2, &error), &error);

    CHECK_FAILURE(MEMLANE_TAKEN, "another get took the value first", memlane_share_take(share, 2, &error), &error);
    CHECK_FAILURE(MEMLANE_TAKEN, "another get took the value first", memlane_share_take(share, 1, &error), &error);
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void answer_each_value(int socket) {
    memlane_share *share = share_open();
    peer_tell(socket, 0);
    for (;;) {
        peer_tell(socket, get(share));
    }
}

static void a_get_in_another_process_waits_for_the_next_value(void) {
    struct peer taker = peer_start(answer_each_value);
    memlane_share *share = share_open();
    peer_hear(taker.socket);
    for (uint64_t value = 1; value <= 300; value++) {
        if (value % 10 == 0) {
            CHECK_WAIT_UNTIL(peer_state(taker.pid) == 'S');
        }
        put(share, value);
        CHECK_EQUAL(value, peer_hear(taker.socket));
    }
    peer_kill(&taker);
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

/* Takes what comes until the last value; tells each. */
enum { VALUES = 20000 };

static void take_until_the_last(int socket) {
    memlane_share *share = share_open();
    uint64_t value, previous = 0;
    peer_tell(socket, 0);
    do {
        value = get(share);
        if (value <= previous) {
            CHECK_FAIL("%" PRIu64 " came after %" PRIu64, value, previous);
        }
        previous = value;
        peer_tell(socket, value);
    } while (value < VALUES);
    put(share, VALUES + value); /* for the next of us */
    memlane_share_free(share);
}

static void of_several_gets_each_value_reaches_one_at_most(void) {
    enum { TAKERS = 3 };
    static unsigned char count[VALUES * (TAKERS + 1) + 1];
    struct peer takers[TAKERS];
    memlane_share *share = share_open();
    for (unsigned i = 0; i < TAKERS; i++) {
        takers[i] = peer_start(take_until_the_last);
        peer_hear(takers[i].socket);
    }

    for (uint64_t value = 1; value <= VALUES; value++) {
        put(share, value);
    }

    for (unsigned i = 0; i < TAKERS; i++) {
        uint64_t value;
        do {
            value = peer_hear(takers[i].socket);
            CHECK(value < sizeof count);
            count[value]++;
            CHECK_EQUAL(1, count[value]);
        } while (value < VALUES);
    }
    for (unsigned i = 0; i < TAKERS; i++) {
        PEER_JOIN(&takers[i]);
    }
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void clearing_drops_what_waits_and_only_that(void) {
    bool dropped;
    memlane_error error;
    memlane_share *share = share_open();
    CHECK_OK(memlane_share_clear(share, &dropped, &error), &error);
    CHECK(!dropped);
    put(share, 1);

    CHECK_OK(memlane_share_clear(share, &dropped, &error), &error);

    CHECK(dropped);
    check_nothing_waits(share);
    put(share, 2);
    CHECK_EQUAL(2, get(share));
    CHECK_OK(memlane_share_clear(share, NULL, &error), &error);
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void a_value_that_does_not_fit_the_buffer_still_waits(void) {
    uint64_t value = 3;
    unsigned char byte;
    memlane_reading reading;
    memlane_error error;
    memlane_share *share = share_open();
    put(share, value);

    CHECK_FAILURE(MEMLANE_BUFFER_TOO_SMALL, "share 'cloud': the value takes 8 bytes, the buffer holds 1",
                  memlane_share_get(share, &byte, 1, &reading, 0, &error), &error);

    CHECK_EQUAL(8, reading.size);
    CHECK_EQUAL(3, get(share));
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

/* -- death ------------------------------------------------------------------------------------------------ */

static void put_and_wait_for_the_end(int socket) {
    memlane_share *share = share_open();
    put(share, 11);
    peer_tell(socket, 0);
    pause();
}

static void a_value_survives_the_death_of_its_giver(void) {
    struct peer giver = peer_start(put_and_wait_for_the_end);
    peer_hear(giver.socket);
    peer_kill(&giver);
    memlane_share *share = share_open();

    CHECK_EQUAL(11, get(share));

    memlane_share_free(share);
    endpoint_unlink("cloud");
}

/* Has the value in place, and did not take it yet. */
static void look_and_wait_for_the_end(int socket) {
    memlane_view view;
    memlane_error error;
    memlane_share *share = share_open();
    CHECK_OK(memlane_share_wait(share, MEMLANE_NO_DEADLINE, &error), &error);
    CHECK_OK(memlane_variable_view(memlane_share_variable(share), &view, &error), &error);
    peer_tell(socket, 0);
    pause();
}

static void a_get_that_dies_before_it_takes_leaves_the_value(void) {
    memlane_share *share = share_open();
    put(share, 12);
    struct peer taker = peer_start(look_and_wait_for_the_end);
    peer_hear(taker.socket);
    peer_kill(&taker);

    CHECK_EQUAL(12, get(share));

    memlane_share_free(share);
    endpoint_unlink("cloud");
}

/* -- in place ----------------------------------------------------------------------------------------------- */

static memlane_view view_next(memlane_share *share) {
    memlane_view view;
    memlane_error error;
    CHECK_OK(memlane_share_view(share, &view, check_in_ms(30000), &error), &error);
    return view;
}

static uint64_t seen_in(const memlane_view *view) {
    uint64_t value;
    memcpy(&value, view->bytes, sizeof value);
    return value;
}

static void a_view_takes_its_value_and_keeps_it(void) {
    memlane_share *share = share_open();
    put(share, 1);

    memlane_view view = view_next(share);

    check_nothing_waits(share);
    for (uint64_t value = 2; value < 1000; value++) {
        put(share, value);
        CHECK_EQUAL(1, seen_in(&view));
    }
    CHECK_EQUAL(999, get(share));
    CHECK_EQUAL(1, seen_in(&view));
    memlane_view_release(&view);
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void a_loan_is_put_when_it_is_committed(void) {
    memlane_loan loan;
    memlane_error error;
    uint64_t value = 5, version;
    memlane_share *share = share_open();
    CHECK_OK(memlane_share_loan(share, &loan, &error), &error);
    CHECK_EQUAL(SIZE + MEMLANE_SHARE_HEADROOM, loan.capacity);
    memcpy(loan.bytes, &value, sizeof value);
    check_nothing_waits(share);

    CHECK_OK(memlane_loan_commit(&loan, sizeof value, 1, &version, &error), &error);

    CHECK_EQUAL(1, version);
    CHECK_EQUAL(5, get(share));
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void putting_never_waits_for_a_slot(void) {
    memlane_view views[3];
    uint64_t value = 4;
    memlane_error error;
    memlane_share *share = share_open();
    for (uint64_t i = 0; i < 3; i++) {
        put(share, i + 1);
        views[i] = view_next(share);
    }
    put(share, value);

    CHECK_FAILURE(MEMLANE_NO_FREE_SLOT, "share 'cloud': none of its 4 slots is free",
                  memlane_share_put(share, &value, sizeof value, 1, NULL, &error), &error);

    CHECK(strstr(error.message, "views 3") != NULL);
    CHECK_EQUAL(4, get(share));
    memlane_view_release(&views[0]);
    put(share, 5);
    CHECK_EQUAL(5, get(share));
    memlane_view_release(&views[1]);
    memlane_view_release(&views[2]);
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void view_all_that_comes(int socket) {
    memlane_share *share = share_open();
    for (int i = 0; i < 3; i++) {
        view_next(share);
        peer_tell(socket, 0);
    }
    pause();
}

static void views_of_the_dead_are_taken_back_by_the_put_that_needs_them(void) {
    memlane_share *share = share_open();
    struct peer viewer = peer_start(view_all_that_comes);
    for (uint64_t value = 1; value <= 3; value++) {
        put(share, value);
        peer_hear(viewer.socket);
    }
    put(share, 4);
    peer_kill(&viewer);

    put(share, 5);

    CHECK_EQUAL(5, get(share));
    CHECK_EQUAL(0, endpoint_statistics(memlane_share_variable(share)).slots_pinned);
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

/* -- slots --------------------------------------------------------------------------------------------------- */

static memlane_loan take_loan(memlane_share *share) {
    memlane_loan loan;
    memlane_error error;
    CHECK_OK(memlane_share_loan(share, &loan, &error), &error);
    return loan;
}

static void commit(memlane_loan *loan, uint64_t value) {
    memlane_error error;
    memcpy(loan->bytes, &value, sizeof value);
    CHECK_OK(memlane_loan_commit(loan, sizeof value, 1, NULL, &error), &error);
}

static void the_memory_of_what_was_taken_is_used_again_at_once(void) {
    memlane_share *share = share_open();
    memlane_loan loan = take_loan(share);
    const void *place = loan.bytes;
    commit(&loan, 0);
    for (uint64_t value = 1; value < 10; value++) {
        CHECK_EQUAL(value - 1, get(share));
        loan = take_loan(share);
        CHECK(loan.bytes == place);
        commit(&loan, value);
    }
    loan = take_loan(share);
    CHECK(loan.bytes != place); /* 9 was not taken */
    memlane_loan_drop(&loan);
    CHECK_EQUAL(9, get(share));
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void what_was_taken_and_given_up_is_no_value_any_more(void) {
    uint64_t value, version;
    memlane_reading reading;
    memlane_error error;
    memlane_share *share = share_open();
    put(share, 1);
    CHECK_EQUAL(1, get(share));
    memlane_loan loan = take_loan(share);

    CHECK_FAILURE(MEMLANE_EMPTY, "the value of share 'cloud' was taken: wait for the next one",
                  memlane_variable_read(memlane_share_variable(share), &value, sizeof value, &reading, &error), &error);

    check_nothing_waits(share);
    CHECK_STATUS(MEMLANE_OK, memlane_variable_version(memlane_share_variable(share), &version));
    CHECK_EQUAL(1, version);
    commit(&loan, 2);
    CHECK_EQUAL(2, get(share));
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void puts_are_counted_on_over_what_was_given_up(void) {
    uint64_t value;
    memlane_reading reading;
    memlane_error error;
    memlane_share *share = share_open();
    for (uint64_t puts = 1; puts < 10; puts++) {
        put(share, puts);
        if (puts % 3 != 0) {
            CHECK_OK(memlane_share_get(share, &value, sizeof value, &reading, 0, &error), &error);
            CHECK_EQUAL(puts, reading.sequence);
        }
    }
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

/* -- sizes and damage ------------------------------------------------------------------------------------------ */

static void the_headroom_comes_on_top_of_the_size(void) {
    unsigned char bytes[SIZE + MEMLANE_SHARE_HEADROOM + 1] = {0};
    unsigned char copy[sizeof bytes];
    memlane_variable_properties properties;
    memlane_reading reading;
    memlane_error error;
    memlane_share *share = share_open();
    memlane_variable_describe(memlane_share_variable(share), &properties);
    CHECK_EQUAL(SIZE, properties.max_size);
    CHECK_OK(memlane_share_put(share, bytes, sizeof bytes - 1, 1, NULL, &error), &error);

    CHECK_FAILURE(MEMLANE_VALUE_TOO_LARGE,
                  "share 'cloud': the value takes 4225 bytes, at most size=128 fit; the old value stays",
                  memlane_share_put(share, bytes, sizeof bytes, 1, NULL, &error), &error);

    CHECK_OK(memlane_share_get(share, copy, sizeof copy, &reading, 0, &error), &error);
    CHECK_EQUAL(sizeof bytes - 1, reading.size);
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void sizes_that_differ_are_refused_with_both_sides(void) {
    memlane_share *share = share_open(), *second;
    memlane_share_options options = share_options();
    memlane_error error;
    options.size = (uint64_t)2 * SIZE;
    CHECK_FAILURE(MEMLANE_SIZE_MISMATCH, "share 'cloud': size=256 was asked for, the object has size=128",
                  memlane_share_open(&second, "cloud", 5, &options, &error), &error);
    options.size = 0;
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "share 'cloud': size=0 is not between 1 and",
                  memlane_share_open(&second, "cloud", 5, &options, &error), &error);
    options.size = UINT64_MAX - 1;
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "is not between 1 and",
                  memlane_share_open(&second, "cloud", 5, &options, &error), &error);
    memlane_variable_options of_variable = endpoint_options();
    memlane_variable *variable;
    CHECK_FAILURE(MEMLANE_KIND_MISMATCH, "is a share, and was opened as a variable",
                  memlane_variable_open(&variable, "cloud", 5, &of_variable, &error), &error);
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void more_taken_than_put_is_damage(void) {
    uint64_t value;
    bool dropped = true;
    memlane_error error;
    struct memlane_taking taking;
    memlane_share *share = share_open();
    put(share, 1);
    memlane_taking_locate(&taking, &memlane_share_variable(share)->reg);
    memlane_store_relaxed(&taking.control->taken, UINT64_MAX);

    CHECK_STATUS(MEMLANE_CORRUPTED, try_get(share, MEMLANE_NO_DEADLINE, &value));

    CHECK_FAILURE(MEMLANE_CORRUPTED, "share 'cloud': its shared words contradict each other",
                  memlane_share_clear(share, &dropped, &error), &error);
    CHECK(!dropped);
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

static void a_value_that_was_given_up_and_not_taken_is_damage(void) {
    uint64_t value;
    memlane_share *share = share_open();
    put(share, 1);
    memlane_register_vacate(&memlane_share_variable(share)->reg, memlane_latest_word(1, 0));

    CHECK_STATUS(MEMLANE_CORRUPTED, try_get(share, MEMLANE_NO_DEADLINE, &value));

    put(share, 2);
    CHECK_EQUAL(2, get(share));
    memlane_share_free(share);
    endpoint_unlink("cloud");
}

/* -- closing ------------------------------------------------------------------------------------------------- */

static void *get_until_closed(void *share) {
    uint64_t value;
    CHECK_STATUS(MEMLANE_CLOSED, try_get(share, MEMLANE_NO_DEADLINE, &value));
    return NULL;
}

static void closing_ends_a_get_of_another_thread(void) {
    pthread_t thread;
    uint64_t taken;
    memlane_error error;
    memlane_share *share = share_open();
    CHECK_EQUAL(0, pthread_create(&thread, NULL, get_until_closed, share));

    memlane_share_close(share);

    CHECK_EQUAL(0, pthread_join(thread, NULL));
    CHECK_FAILURE(MEMLANE_CLOSED, "share 'cloud': this endpoint was closed", memlane_share_taken(share, &taken, &error),
                  &error);
    CHECK_STATUS(MEMLANE_CLOSED, memlane_share_take(share, 1, NULL));
    CHECK_STATUS(MEMLANE_CLOSED, memlane_share_clear(share, NULL, NULL));
    memlane_share_free(share);
    memlane_share_free(NULL);
    endpoint_unlink("cloud");
}

static const struct check_test tests[] = {
    {"a value is taken once", a_value_is_taken_once},
    {"putting replaces what was not taken", putting_replaces_what_was_not_taken},
    {"a get that comes too late is told so", a_get_that_comes_too_late_is_told_so},
    {"a get in another process waits for the next value", a_get_in_another_process_waits_for_the_next_value},
    {"of several gets each value reaches one at most", of_several_gets_each_value_reaches_one_at_most},
    {"clearing drops what waits and only that", clearing_drops_what_waits_and_only_that},
    {"a value that does not fit the buffer still waits", a_value_that_does_not_fit_the_buffer_still_waits},
    {"a value survives the death of its giver", a_value_survives_the_death_of_its_giver},
    {"a get that dies before it takes leaves the value", a_get_that_dies_before_it_takes_leaves_the_value},
    {"a view takes its value and keeps it", a_view_takes_its_value_and_keeps_it},
    {"a loan is put when it is committed", a_loan_is_put_when_it_is_committed},
    {"putting never waits for a slot", putting_never_waits_for_a_slot},
    {"views of the dead are taken back by the put that needs them",
     views_of_the_dead_are_taken_back_by_the_put_that_needs_them},
    {"the memory of what was taken is used again at once", the_memory_of_what_was_taken_is_used_again_at_once},
    {"what was taken and given up is no value any more", what_was_taken_and_given_up_is_no_value_any_more},
    {"puts are counted on over what was given up", puts_are_counted_on_over_what_was_given_up},
    {"the headroom comes on top of the size", the_headroom_comes_on_top_of_the_size},
    {"sizes that differ are refused with both sides", sizes_that_differ_are_refused_with_both_sides},
    {"more taken than put is damage", more_taken_than_put_is_damage},
    {"a value that was given up and not taken is damage", a_value_that_was_given_up_and_not_taken_is_damage},
    {"closing ends a get of another thread", closing_ends_a_get_of_another_thread},
};

CHECK_MAIN(tests)
