/* A lane that is being claimed, however long that takes, blocks no thread that wants something else. */
#define _GNU_SOURCE
#include "check.h"
#include "function_object.h"
#include "peer.h"

#include "platform.h"

#include <pthread.h>
#include <semaphore.h>

/* The claim stops where it reserves memory, as on a file system that is slow. */
static bool is_slow;
static sem_t stopped, go_on;

int __real_memlane_platform_reserve_range(int descriptor, uint64_t offset, uint64_t size);
int __wrap_memlane_platform_reserve_range(int descriptor, uint64_t offset, uint64_t size);

int __wrap_memlane_platform_reserve_range(int descriptor, uint64_t offset, uint64_t size) {
    if (is_slow) {
        is_slow = false;
        sem_post(&stopped);
        while (sem_wait(&go_on) != 0) {}
    }
    return __real_memlane_platform_reserve_range(descriptor, offset, size);
}

static void *prepare(void *function) {
    memlane_error error;
    return (void *)(intptr_t)memlane_function_prepare(function, &error);
}

static pthread_t begin_claim(memlane_function *function) {
    pthread_t thread;
    CHECK_EQUAL(0, sem_init(&stopped, 0, 0));
    CHECK_EQUAL(0, sem_init(&go_on, 0, 0));
    is_slow = true;
    CHECK_EQUAL(0, pthread_create(&thread, NULL, prepare, function));
    while (sem_wait(&stopped) != 0) {}
    return thread;
}

static memlane_status end_claim(pthread_t thread) {
    void *status;
    CHECK_EQUAL(0, sem_post(&go_on));
    CHECK_EQUAL(0, pthread_join(thread, &status));
    return (memlane_status)(intptr_t)status;
}

static void close_does_not_wait_for_a_claim(void) {
    memlane_function *function = function_open("add");
    pthread_t thread = begin_claim(function);

    memlane_function_close(function); /* the watchdog ends what waits here */

    end_claim(thread);
    memlane_function_free(function);
    function_unlink("add");
}

static void fork_does_not_wait_for_a_claim_and_the_child_claims_for_itself(void) {
    memlane_function *function = function_open("add");
    pthread_t thread = begin_claim(function);

    pid_t pid = fork();

    CHECK_CALL(pid);
    if (pid == 0) {
        memlane_call call = function_post(function, 1);
        CHECK_EQUAL(MEMLANE_NOT_EXECUTED, memlane_call_end(&call));
        _exit(0);
    }
    int status;
    CHECK_CALL(waitpid(pid, &status, 0));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_STATUS(MEMLANE_OK, end_claim(thread));
    memlane_function_free(function);
    function_unlink("add");
}

/* In the child nobody is left who would leave the closed endpoint: free() gives it back. */
static void a_child_gives_back_what_was_closed_during_a_claim(void) {
    memlane_function *function = function_open("add");
    pthread_t thread = begin_claim(function);
    memlane_function_close(function);
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        unsigned before = check_count_descriptors();
        memlane_function_free(function);
        CHECK_EQUAL(before - 1, check_count_descriptors());
        _exit(0);
    }
    int status;
    CHECK_CALL(waitpid(pid, &status, 0));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    end_claim(thread);
    memlane_function_free(function);
    function_unlink("add");
}

static void threads_that_claim_at_once_share_one_lane(void) {
    memlane_function_options options = function_options();
    options.lanes = 1;
    memlane_function *function = function_open_with("add", &options);
    pthread_t first = begin_claim(function), second;
    CHECK_EQUAL(0, pthread_create(&second, NULL, prepare, function));
    void *status;

    CHECK_STATUS(MEMLANE_OK, end_claim(first));
    CHECK_EQUAL(0, pthread_join(second, &status));
    CHECK_EQUAL(MEMLANE_OK, (memlane_status)(intptr_t)status);
    memlane_function_free(function);
    function_unlink("add");
}

static const struct check_test tests[] = {
    {"close does not wait for a claim", close_does_not_wait_for_a_claim},
    {"fork does not wait for a claim, and the child claims for itself",
     fork_does_not_wait_for_a_claim_and_the_child_claims_for_itself},
    {"a child gives back what was closed during a claim", a_child_gives_back_what_was_closed_during_a_claim},
    {"threads that claim at once share one lane", threads_that_claim_at_once_share_one_lane},
};

CHECK_MAIN(tests)
