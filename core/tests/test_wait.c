/* Waiting for a newer version: woken in time, ended by deadlines, signals and closing, and by nothing else. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "peer.h"

#include "platform.h"
#include "register.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>

static memlane_status wait_newer(memlane_variable *variable, uint64_t version, uint64_t deadline, uint64_t *newest) {
    return memlane_variable_wait(variable, version, deadline, newest, NULL);
}

/* The segment as any process with the file can have it. */
struct raw {
    unsigned char *base;
    size_t size;
    memlane_atomic64 *latest;
};

static struct raw map_raw(void) {
    char path[2 * CHECK_PATH_SIZE];
    struct memlane_header header;
    snprintf(path, sizeof path, "%s/pose", check_directory);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    CHECK_CALL(descriptor);
    CHECK_EQUAL(sizeof header, pread(descriptor, &header, sizeof header, 0));
    unsigned char *base = mmap(NULL, header.total_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    CHECK(base != MAP_FAILED);
    close(descriptor);
    return (struct raw){.base = base, .size = header.total_size, .latest = (void *)(base + header.body_offset)};
}

static bool sleeps(pid_t thread) {
    return peer_state(thread) == 'S';
}

static void a_version_that_is_there_is_not_waited_for(void) {
    uint64_t newest = 0;
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 1);
    endpoint_write(variable, 2);

    CHECK_STATUS(MEMLANE_OK, wait_newer(variable, 0, 0, &newest));
    CHECK_EQUAL(2, newest);
    CHECK_STATUS(MEMLANE_OK, wait_newer(variable, 1, MEMLANE_NO_DEADLINE, &newest));

    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void the_deadline_ends_a_wait_and_not_before(void) {
    uint64_t newest;
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");
    for (uint64_t milliseconds = 0; milliseconds <= 120; milliseconds += 40) {
        uint64_t deadline = check_in_ms(milliseconds);
        CHECK_FAILURE(MEMLANE_TIMEOUT, "no version newer than 0 was written in time",
                      memlane_variable_wait(variable, 0, deadline, &newest, &error), &error);
        CHECK(check_now() >= deadline);
    }
    CHECK_STATUS(MEMLANE_TIMEOUT, wait_newer(variable, 0, 0, &newest));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* -- sleeping ----------------------------------------------------------------------------------------------------- */

static uint64_t longest_sleep;
static unsigned sleeps_begun;

int __real_memlane_platform_futex_wait(const memlane_atomic32 *word, uint32_t expected, uint64_t timeout_ns);
int __wrap_memlane_platform_futex_wait(const memlane_atomic32 *word, uint32_t expected, uint64_t timeout_ns);

int __wrap_memlane_platform_futex_wait(const memlane_atomic32 *word, uint32_t expected, uint64_t timeout_ns) {
    sleeps_begun++;
    longest_sleep = timeout_ns > longest_sleep ? timeout_ns : longest_sleep;
    return __real_memlane_platform_futex_wait(word, expected, timeout_ns);
}

/* Each sleep costs the processor of whoever waits for long. */
static void a_wait_sleeps_in_whole_chunks(void) {
    enum { CHUNK_NS = 50000000, CHUNKS = 3 };
    uint64_t newest;
    memlane_variable *variable = endpoint_open("pose");

    CHECK_STATUS(MEMLANE_TIMEOUT, wait_newer(variable, 0, check_in_ms(CHUNKS * CHUNK_NS / 1000000), &newest));

    CHECK_EQUAL(CHUNK_NS, longest_sleep);
    CHECK(sleeps_begun <= CHUNKS + 1); /* the last one is shorter, for the time that the others took */
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void a_look_does_not_cost_publishers_a_wake(void) {
    uint64_t newest;
    memlane_variable *variable = endpoint_open("pose");
    struct raw raw = map_raw();

    CHECK_STATUS(MEMLANE_TIMEOUT, wait_newer(variable, 0, 0, &newest));

    CHECK_EQUAL(0, memlane_load32_relaxed(&((struct memlane_register_control *)(void *)raw.latest)->bell));
    CHECK_CALL(munmap(raw.base, raw.size));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void answer_each_version(int socket) {
    memlane_variable *variable = endpoint_open("pose");
    uint64_t newest = 0;
    peer_tell(socket, 0);
    for (;;) {
        CHECK_STATUS(MEMLANE_OK, wait_newer(variable, newest, MEMLANE_NO_DEADLINE, &newest));
        peer_tell(socket, newest);
    }
}

static void a_sleeper_in_another_process_is_woken_by_each_write(void) {
    struct peer waiter = peer_start(answer_each_version);
    memlane_variable *variable = endpoint_open("pose");
    peer_hear(waiter.socket);
    for (uint64_t version = 1; version <= 500; version++) {
        if (version % 10 == 0) {
            CHECK_WAIT_UNTIL(sleeps(waiter.pid)); /* also from the depth of the kernel */
        }
        endpoint_write(variable, version);
        CHECK_EQUAL(version, peer_hear(waiter.socket));
    }
    peer_kill(&waiter);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void all_sleepers_are_woken_by_one_write(void) {
    enum { WAITERS = 8 };
    struct peer waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = peer_start(answer_each_version);
        peer_hear(waiters[i].socket);
    }
    memlane_variable *variable = endpoint_open("pose");
    for (uint64_t version = 1; version <= 50; version++) {
        for (int i = 0; i < WAITERS; i++) {
            CHECK_WAIT_UNTIL(sleeps(waiters[i].pid));
        }
        endpoint_write(variable, version);
        for (int i = 0; i < WAITERS; i++) {
            CHECK_EQUAL(version, peer_hear(waiters[i].socket));
        }
    }
    for (int i = 0; i < WAITERS; i++) {
        peer_kill(&waiters[i]);
    }
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* -- signals --------------------------------------------------------------------------------------------------- */

static void do_nothing(int signal_number) {
    (void)signal_number;
}

static void report_what_ends_the_wait(int socket) {
    uint64_t newest;
    struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
    CHECK_CALL(sigaction(SIGUSR1, &action, NULL));
    memlane_variable *variable = endpoint_open("pose");
    peer_tell(socket, 0);
    for (;;) {
        peer_tell(socket, wait_newer(variable, 0, MEMLANE_NO_DEADLINE, &newest));
    }
}

static void a_signal_ends_a_wait_at_once(void) {
    struct peer waiter = peer_start(report_what_ends_the_wait);
    peer_hear(waiter.socket);
    for (int i = 0; i < 20; i++) {
        /* A signal that comes between two chunks of the wait ends neither: hence again until it is answered. */
        struct pollfd answer = {.fd = waiter.socket, .events = POLLIN};
        do {
            CHECK_WAIT_UNTIL(sleeps(waiter.pid));
            CHECK_CALL(kill(waiter.pid, SIGUSR1));
        } while (poll(&answer, 1, 1000) == 0);
        CHECK_EQUAL(MEMLANE_INTERRUPTED, peer_hear(waiter.socket));
    }
    peer_kill(&waiter);
    endpoint_unlink("pose");
}

static void a_stopped_waiter_goes_on_when_it_is_continued(void) {
    struct peer waiter = peer_start(report_what_ends_the_wait);
    memlane_variable *variable = endpoint_open("pose");
    peer_hear(waiter.socket);
    CHECK_WAIT_UNTIL(sleeps(waiter.pid));
    CHECK_CALL(kill(waiter.pid, SIGSTOP));
    CHECK_WAIT_UNTIL(peer_state(waiter.pid) == 'T');

    endpoint_write(variable, 1);
    CHECK_CALL(kill(waiter.pid, SIGCONT));

    CHECK_EQUAL(MEMLANE_OK, peer_hear(waiter.socket));
    peer_kill(&waiter);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* -- closing --------------------------------------------------------------------------------------------------- */

struct waiting_thread {
    memlane_variable *variable;
    _Atomic pid_t thread;
    memlane_status status;
};

static void *wait_for_ever(void *argument) {
    struct waiting_thread *waiting = argument;
    uint64_t newest;
    waiting->thread = (pid_t)memlane_platform_this_thread();
    waiting->status = memlane_variable_wait(waiting->variable, 0, MEMLANE_NO_DEADLINE, &newest, NULL);
    return NULL;
}

static void closing_in_another_thread_ends_a_wait(void) {
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        struct waiting_thread waiting = {.variable = endpoint_open("pose")};
        CHECK_EQUAL(0, pthread_create(&thread, NULL, wait_for_ever, &waiting));
        CHECK_WAIT_UNTIL(waiting.thread != 0);
        if (i % 2 == 0) {
            CHECK_WAIT_UNTIL(sleeps(waiting.thread));
        }

        memlane_variable_close(waiting.variable);

        CHECK_EQUAL(0, pthread_join(thread, NULL));
        CHECK_STATUS(MEMLANE_CLOSED, waiting.status);
        memlane_variable_free(waiting.variable);
    }
    endpoint_unlink("pose");
}

/* -- wake-ups that are owed, stolen or forged ---------------------------------------------------------------------- */

static void wake_for_ever(int socket) {
    memlane_variable_free(endpoint_open("pose"));
    struct raw raw = map_raw();
    struct memlane_register_control *control = (void *)raw.latest;
    peer_tell(socket, 0);
    for (;;) {
        memlane_platform_futex_wake_all(&control->bell);
        memlane_store32_relaxed(&control->bell, 0); /* and takes away who is to be woken */
    }
}

static void a_storm_of_forged_and_stolen_wakes_neither_ends_nor_loses_a_wait(void) {
    struct peer storm = peer_start(wake_for_ever), waiter = peer_start(answer_each_version);
    uint64_t newest;
    memlane_variable *variable = endpoint_open("pose");
    peer_hear(storm.socket);
    peer_hear(waiter.socket);
    for (uint64_t version = 1; version <= 20; version++) {
        uint64_t deadline = check_in_ms(10);
        CHECK_STATUS(MEMLANE_TIMEOUT, wait_newer(variable, version - 1, deadline, &newest));
        CHECK(check_now() >= deadline);
        endpoint_write(variable, version);
        CHECK_EQUAL(version, peer_hear(waiter.socket)); /* by its chunk, where the wake was stolen */
    }
    peer_kill(&storm);
    peer_kill(&waiter);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* Its writer was killed between publishing and waking. */
static void a_wake_that_a_dead_writer_owed_costs_one_chunk(void) {
    struct peer waiter = peer_start(answer_each_version);
    memlane_variable *variable = endpoint_open("pose");
    peer_hear(waiter.socket);
    CHECK_WAIT_UNTIL(sleeps(waiter.pid));
    struct raw raw = map_raw();

    memlane_store_seq_cst(raw.latest, memlane_latest_word(1, 0));

    CHECK_EQUAL(1, peer_hear(waiter.socket));
    peer_kill(&waiter);
    CHECK_CALL(munmap(raw.base, raw.size));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* -- truncation ------------------------------------------------------------------------------------------------------ */

static void a_wait_on_a_truncated_object_ends_as_corrupted(void) {
    char path[2 * CHECK_PATH_SIZE];
    if (CHECK_THREAD_SANITIZER) {
        check_skip("ThreadSanitizer's runtime faults in the midst of its own locks");
    }
    snprintf(path, sizeof path, "%s/pose", check_directory);
    struct peer waiter = peer_start(report_what_ends_the_wait);
    peer_hear(waiter.socket);
    CHECK_WAIT_UNTIL(sleeps(waiter.pid));

    CHECK_CALL(truncate(path, 0));

    CHECK_EQUAL(MEMLANE_CORRUPTED, peer_hear(waiter.socket));
    peer_kill(&waiter);
    endpoint_unlink("pose");
}

static const struct check_test tests[] = {
    {"a version that is there is not waited for", a_version_that_is_there_is_not_waited_for},
    {"the deadline ends a wait, and not before", the_deadline_ends_a_wait_and_not_before},
    {"a wait sleeps in whole chunks", a_wait_sleeps_in_whole_chunks},
    {"a look does not cost publishers a wake", a_look_does_not_cost_publishers_a_wake},
    {"a sleeper in another process is woken by each write", a_sleeper_in_another_process_is_woken_by_each_write},
    {"all sleepers are woken by one write", all_sleepers_are_woken_by_one_write},
    {"a signal ends a wait at once", a_signal_ends_a_wait_at_once},
    {"a stopped waiter goes on when it is continued", a_stopped_waiter_goes_on_when_it_is_continued},
    {"closing in another thread ends a wait", closing_in_another_thread_ends_a_wait},
    {"a storm of forged and stolen wakes neither ends nor loses a wait",
     a_storm_of_forged_and_stolen_wakes_neither_ends_nor_loses_a_wait},
    {"a wake that a dead writer owed costs one chunk", a_wake_that_a_dead_writer_owed_costs_one_chunk},
    {"a wait on a truncated object ends as corrupted", a_wait_on_a_truncated_object_ends_as_corrupted},
};

CHECK_MAIN(tests)
