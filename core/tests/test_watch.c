/* Polling: a descriptor that says the truth, and waiting for the first of many. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "map_endpoint.h"
#include "peer.h"

#include "wait.h"
#include "watch.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>

static int descriptor_of(memlane_variable *variable) {
    int descriptor = -1;
    memlane_error error;
    CHECK_OK(memlane_endpoint_descriptor(memlane_variable_endpoint(variable), &descriptor, &error), &error);
    return descriptor;
}

static bool is_readable(int descriptor, int timeout_ms) {
    struct pollfd polled = {.fd = descriptor, .events = POLLIN};
    return poll(&polled, 1, timeout_ms) == 1;
}

enum { PATIENCE_MS = 30000 };

static void a_descriptor_is_readable_while_there_is_something_newer(void) {
    memlane_variable *writer = endpoint_open("pose"), *reader = endpoint_open("pose");
    int descriptor = descriptor_of(reader);
    CHECK(!is_readable(descriptor, 0));
    for (uint64_t value = 1; value <= 200; value++) {
        endpoint_write(writer, value);
        CHECK(is_readable(descriptor, PATIENCE_MS));
        CHECK(is_readable(descriptor, 0)); /* as long as nobody takes it */

        CHECK_EQUAL(value, endpoint_read(reader));

        CHECK(!is_readable(descriptor, 0));
    }
    CHECK_EQUAL(descriptor, descriptor_of(reader));
    memlane_variable_free(writer);
    memlane_variable_free(reader);
    endpoint_unlink("pose");
}

static void a_descriptor_that_is_asked_for_late_is_readable_at_once(void) {
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 1);
    CHECK(is_readable(descriptor_of(variable), 0));
    memlane_variable_mark_seen(variable, 1);
    CHECK(!is_readable(descriptor_of(variable), 0));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void looking_goes_on_while_it_pays(void) {
    memlane_variable *writer = endpoint_open("pose"), *reader = endpoint_open("pose");
    memlane_endpoint *endpoint = memlane_variable_endpoint(reader);
    bool ready = true;
    for (int wait = 0; wait < 100; wait++) {
        uint64_t until_ns = 0;
        while (memlane_endpoint_look(endpoint, &until_ns, &ready)) {
            CHECK(!ready);
        }
        CHECK(!ready);
    }
    uint64_t until_ns = 0;
    endpoint_write(writer, 1);
    CHECK(!memlane_endpoint_look(endpoint, &until_ns, &ready));
    CHECK(ready);
    memlane_variable_close(reader);
    CHECK(!memlane_endpoint_look(endpoint, &until_ns, &ready));
    CHECK(ready); /* the next operation says that it was closed */
    memlane_variable_free(writer);
    memlane_variable_free(reader);
    endpoint_unlink("pose");
}

/* What nobody takes rings again and again: the last value must still be announced once somebody does. */
static void a_reader_that_comes_late_misses_nothing(void) {
    memlane_variable *writer = endpoint_open("pose"), *reader = endpoint_open("pose");
    int descriptor = descriptor_of(reader);
    for (int round = 0; round < 100; round++) {
        for (uint64_t value = 1; value <= 20; value++) {
            endpoint_write(writer, value);
        }
        CHECK(is_readable(descriptor, PATIENCE_MS));
        CHECK_EQUAL(20, endpoint_read(reader));
        CHECK(!is_readable(descriptor, 0));
        endpoint_write(writer, 21);
        CHECK(is_readable(descriptor, PATIENCE_MS));
        CHECK_EQUAL(21, endpoint_read(reader));
    }
    memlane_variable_free(writer);
    memlane_variable_free(reader);
    endpoint_unlink("pose");
}

struct thing {
    memlane_atomic32 bell, ready, looks;
    memlane_mutex mutex;
    struct memlane_watch watch;
};

/* As if another thread took what is there right after the first look at it. */
static bool is_ready_once(void *subject, bool thorough) {
    struct thing *thing = subject;
    (void)thorough;
    bool ready = memlane_exchange32_seq_cst(&thing->ready, 0) != 0;
    memlane_add32_seq_cst(&thing->looks, 1);
    return ready;
}

static void ring_until_it_was_looked_at(struct thing *thing) {
    uint32_t before = memlane_load32_seq_cst(&thing->looks);
    while (memlane_load32_seq_cst(&thing->looks) == before) {
        memlane_wait_notify(&thing->bell);
        sched_yield();
    }
}

static bool is_ready_for_long(void *subject, bool thorough) {
    struct thing *thing = subject;
    (void)thorough;
    memlane_add32_seq_cst(&thing->looks, 1);
    return memlane_load32_seq_cst(&thing->ready) != 0;
}

/* Once rung in vain, publishers find the bell as they would without the descriptor: they pay for no system call. */
static void nobody_is_rung_for_between_polls(void) {
    static struct thing thing, witness;
    memlane_error error;
    int descriptor, watched;
    memlane_mutex_initialise(&thing.mutex);
    memlane_mutex_initialise(&witness.mutex);
    memlane_watch_initialise(&thing.watch, &thing.mutex, &thing, is_ready_for_long, &thing.bell, NULL);
    memlane_watch_initialise(&witness.watch, &witness.mutex, &witness, is_ready_for_long, &witness.bell, NULL);
    for (int round = 0; round < 200; round++) {
        CHECK_OK(memlane_watch_begin_poll(&thing.watch, &descriptor, &error), &error);
        CHECK(!is_readable(descriptor, 0));
        memlane_exchange32_seq_cst(&thing.ready, 1);
        memlane_wait_notify(&thing.bell);
        CHECK(is_readable(descriptor, PATIENCE_MS));
        memlane_watch_end_poll(&thing.watch);
        memlane_exchange32_seq_cst(&thing.ready, 0);
        memlane_watch_settle(&thing.watch);
    }
    CHECK_OK(memlane_watch_descriptor(&witness.watch, &watched, &error), &error);
    do {
        memlane_wait_notify(&thing.bell);
        ring_until_it_was_looked_at(&witness); /* by the same sentry: it may have been on its way */
        ring_until_it_was_looked_at(&witness); /* a whole round after the bell was rung */
    } while (memlane_wait_is_armed(&thing.bell)); /* each thorough round arms it, too */
    memlane_watch_end(&thing.watch);
    memlane_watch_end(&witness.watch);
    memlane_mutex_destroy(&thing.mutex);
    memlane_mutex_destroy(&witness.mutex);
}

static void what_was_taken_meanwhile_is_not_announced(void) {
    static struct thing thing;
    memlane_error error;
    int descriptor;
    memlane_mutex_initialise(&thing.mutex);
    memlane_watch_initialise(&thing.watch, &thing.mutex, &thing, is_ready_once, &thing.bell, NULL);
    CHECK_OK(memlane_watch_descriptor(&thing.watch, &descriptor, &error), &error);

    memlane_exchange32_seq_cst(&thing.ready, 1);
    ring_until_it_was_looked_at(&thing); /* the look that found it */
    ring_until_it_was_looked_at(&thing); /* what it led to has come to its end */
    ring_until_it_was_looked_at(&thing);

    CHECK(!is_readable(descriptor, 0));
    memlane_watch_end(&thing.watch);
    memlane_mutex_destroy(&thing.mutex);
}

static void write_on_demand(int socket) {
    memlane_variable *variable = endpoint_open("pose");
    peer_tell(socket, 0);
    for (;;) {
        endpoint_write(variable, peer_hear(socket));
    }
}

static void a_write_of_another_process_is_announced(void) {
    memlane_variable *reader = endpoint_open("pose");
    struct peer writer = peer_start(write_on_demand);
    peer_hear(writer.socket);
    int descriptor = descriptor_of(reader);
    for (uint64_t value = 1; value <= 200; value++) {
        peer_tell(writer.socket, value);
        CHECK(is_readable(descriptor, PATIENCE_MS));
        CHECK_EQUAL(value, endpoint_read(reader));
    }
    peer_kill(&writer);
    memlane_variable_free(reader);
    endpoint_unlink("pose");
}

static void closing_makes_the_descriptor_readable(void) {
    memlane_variable *variable = endpoint_open("pose");
    int descriptor = descriptor_of(variable);
    CHECK(!is_readable(descriptor, 0));
    memlane_variable_close(variable);
    CHECK(is_readable(descriptor, 0));

    memlane_error error;
    CHECK_FAILURE(MEMLANE_CLOSED, "variable 'pose': this endpoint was closed",
                  memlane_endpoint_descriptor(memlane_variable_endpoint(variable), &descriptor, &error), &error);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void a_map_is_not_readable_until_it_is_closed(void) {
    memlane_map *map = map_open();
    int descriptor = -1;
    memlane_error error;
    CHECK_OK(memlane_endpoint_descriptor(memlane_map_endpoint(map), &descriptor, &error), &error);
    CHECK(!is_readable(descriptor, 0));

    uint64_t one = 1;
    CHECK_EQUAL(-1, write(descriptor, &one, sizeof one));
    CHECK_EQUAL(-1, lseek(descriptor, 0, SEEK_CUR));
    CHECK(!is_readable(descriptor, 0));

    int kept = -1;
    CHECK_OK(memlane_endpoint_begin_poll(memlane_map_endpoint(map), &kept, &error), &error);
    memlane_map_close(map);
    CHECK_EQUAL(descriptor, kept);
    CHECK(is_readable(kept, 0));
    memlane_endpoint_end_poll(memlane_map_endpoint(map));
    CHECK_EQUAL(-1, fcntl(descriptor, F_GETFD));
    memlane_map_free(map);
    map_unlink();
}

static void a_child_has_a_descriptor_of_its_own(void) {
    if (CHECK_THREAD_SANITIZER) {
        check_skip("ThreadSanitizer ends a forked child that starts a thread");
    }
    memlane_variable *writer = endpoint_open("pose"), *reader = endpoint_open("pose");
    int descriptor = descriptor_of(reader);
    /* The sentry's thread has come to its loop: while it starts, it allocates, and AddressSanitizer's allocator, other
     * than the C library's, stays locked in a child that is forked at that moment. */
    endpoint_write(writer, 6);
    CHECK(is_readable(descriptor, PATIENCE_MS));
    CHECK_EQUAL(6, endpoint_read(reader));
    fflush(stdout);
    pid_t child = fork();
    CHECK_CALL(child);
    if (child == 0) {
        check_set_watchdog();
        int own = descriptor_of(reader); /* the number may be the same: the parent's is closed here */
        CHECK(!is_readable(own, 0));
        endpoint_write(writer, 7);
        CHECK(is_readable(own, PATIENCE_MS));
        CHECK_EQUAL(7, endpoint_read(reader));
        CHECK(!is_readable(own, 0));
        memlane_variable_free(reader);
        memlane_variable_free(writer);
        _exit(0);
    }
    int status;
    CHECK_CALL(waitpid(child, &status, 0));
    CHECK_EQUAL(0, status);

    CHECK(is_readable(descriptor, PATIENCE_MS)); /* the child's reading did not clear the parent's */
    CHECK_EQUAL(7, endpoint_read(reader));
    CHECK(!is_readable(descriptor, 0));
    memlane_variable_free(writer);
    memlane_variable_free(reader);
    endpoint_unlink("pose");
}

/* D12. An event loop that was made after all descriptors were closed has its epoll at the number of our event. */
static void a_number_that_became_an_epoll_is_left_open(void) {
    memlane_variable *variable = endpoint_open("pose");
    int number = descriptor_of(variable);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK_EQUAL(number, dup3(epoll, number, O_CLOEXEC));

    memlane_variable_free(variable);

    CHECK_CALL(fcntl(number, F_GETFD));
    close(number);
    close(epoll);
    endpoint_unlink("pose");
}

static void a_missing_descriptor_is_an_error_that_says_so(void) {
    memlane_variable *variable = endpoint_open("pose");
    struct rlimit limit, none;
    CHECK_CALL(getrlimit(RLIMIT_NOFILE, &limit));
    none = limit;
    none.rlim_cur = 3;
    CHECK_CALL(setrlimit(RLIMIT_NOFILE, &none));
    int descriptor;
    memlane_error error;
    CHECK_FAILURE(MEMLANE_SYSTEM, "ulimit -n",
                  memlane_endpoint_descriptor(memlane_variable_endpoint(variable), &descriptor, &error), &error);
    CHECK_CALL(setrlimit(RLIMIT_NOFILE, &limit));

    endpoint_write(variable, 1);
    CHECK(is_readable(descriptor_of(variable), 0));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* -- the first of many ------------------------------------------------------------------------------------------- */

enum { FEW = 8, MANY = 300 };

struct crowd {
    memlane_variable *readers[MANY];
    memlane_endpoint *endpoints[MANY];
    bool ready[MANY];
    uint32_t count;
};

static void crowd_open(struct crowd *crowd, uint32_t count) {
    memlane_variable_options options = endpoint_options();
    options.slots = 2;
    options.max_size = 64;
    options.object.participants = 4;
    crowd->count = count;
    for (uint32_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%u", i);
        crowd->readers[i] = endpoint_open_with(name, &options);
        crowd->endpoints[i] = memlane_variable_endpoint(crowd->readers[i]);
    }
}

static void crowd_close(const struct crowd *crowd) {
    for (uint32_t i = 0; i < crowd->count; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%u", i);
        memlane_variable_free(crowd->readers[i]);
        endpoint_unlink(name);
    }
}

static void write_what_is_named(int socket) {
    for (;;) {
        char name[16];
        snprintf(name, sizeof name, "v%u", (unsigned)peer_hear(socket));
        memlane_variable *variable = endpoint_open(name);
        endpoint_write(variable, 1);
        memlane_variable_free(variable);
    }
}

static void the_one_that_changes_is_found_among(uint32_t count) {
    static struct crowd crowd;
    memlane_error error;
    struct peer writer = peer_start(write_what_is_named); /* before: a fork locks the mutex of each endpoint */
    crowd_open(&crowd, count);
    for (uint32_t round = 0; round < 30; round++) {
        uint32_t chosen = round * 37 % count;
        peer_tell(writer.socket, chosen);
        CHECK_OK(memlane_endpoint_wait_any(crowd.endpoints, count, check_in_ms(PATIENCE_MS), crowd.ready, &error),
                 &error);
        for (uint32_t i = 0; i < count; i++) {
            CHECK_EQUAL(i == chosen, crowd.ready[i]);
        }
        endpoint_read(crowd.readers[chosen]);
    }
    CHECK_FAILURE(MEMLANE_TIMEOUT, "endpoints became ready in time",
                  memlane_endpoint_wait_any(crowd.endpoints, count, check_in_ms(10), crowd.ready, &error), &error);
    peer_kill(&writer);
    crowd_close(&crowd);
}

static void one_of_a_few_is_found(void) {
    the_one_that_changes_is_found_among(FEW);
}

static void one_of_many_is_found(void) {
    the_one_that_changes_is_found_among(MANY);
}

static void pass(int signal_number) {
    (void)signal_number;
}

static void a_signal_ends_the_wait_where_nobody_can_ring(void) {
    struct sigaction action = {.sa_handler = pass};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    const struct itimerspec often = {.it_value.tv_nsec = 5000000, .it_interval.tv_nsec = 5000000};
    timer_t timer;
    memlane_error error;
    CHECK_CALL(sigaction(SIGUSR1, &action, NULL));
    CHECK_CALL(timer_create(CLOCK_MONOTONIC, &event, &timer));
    CHECK_CALL(timer_settime(timer, 0, &often, NULL));

    CHECK_FAILURE(MEMLANE_INTERRUPTED, "a signal ended the wait",
                  memlane_endpoint_wait_any(NULL, 0, MEMLANE_NO_DEADLINE, NULL, &error), &error);

    CHECK_CALL(timer_delete(timer));
}

static void *close_it(void *argument) {
    memlane_variable_close(argument);
    return NULL;
}

static void closing_one_ends_the_wait_for_all(void) {
    static struct crowd crowd;
    memlane_error error;
    pthread_t closer;
    crowd_open(&crowd, FEW);
    CHECK_EQUAL(0, pthread_create(&closer, NULL, close_it, crowd.readers[3]));
    memlane_status status =
        memlane_endpoint_wait_any(crowd.endpoints, FEW, check_in_ms(PATIENCE_MS), crowd.ready, &error);
    pthread_join(closer, NULL);
    /* Closed during the wait: it is the one; before it: the call is refused. */
    CHECK(status == MEMLANE_CLOSED || (status == MEMLANE_OK && crowd.ready[3] && !crowd.ready[2]));
    crowd_close(&crowd);
}

static const struct check_test tests[] = {
    {"a descriptor is readable while there is something newer",
     a_descriptor_is_readable_while_there_is_something_newer},
    {"a descriptor that is asked for late is readable at once",
     a_descriptor_that_is_asked_for_late_is_readable_at_once},
    {"a reader that comes late misses nothing", a_reader_that_comes_late_misses_nothing},
    {"nobody is rung for between polls", nobody_is_rung_for_between_polls},
    {"looking goes on while it pays", looking_goes_on_while_it_pays},
    {"what was taken meanwhile is not announced", what_was_taken_meanwhile_is_not_announced},
    {"a write of another process is announced", a_write_of_another_process_is_announced},
    {"closing makes the descriptor readable", closing_makes_the_descriptor_readable},
    {"a map is not readable until it is closed", a_map_is_not_readable_until_it_is_closed},
    {"a child has a descriptor of its own", a_child_has_a_descriptor_of_its_own},
    {"a number that became an epoll is left open", a_number_that_became_an_epoll_is_left_open},
    {"a missing descriptor is an error that says so", a_missing_descriptor_is_an_error_that_says_so},
    {"one of a few is found", one_of_a_few_is_found},
    {"one of many is found", one_of_many_is_found},
    {"a signal ends the wait where nobody can ring", a_signal_ends_the_wait_where_nobody_can_ring},
    {"closing one ends the wait for all", closing_one_ends_the_wait_for_all},
};

CHECK_MAIN(tests)
