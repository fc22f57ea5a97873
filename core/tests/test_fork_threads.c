/* Threads that are inside operations when another one forks: the child has their endpoints, and not their operations. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "function_object.h"
#include "peer.h"
#include "stream.h"

#include <pthread.h>
#include <sys/syscall.h>

struct sleeper {
    pthread_t thread;
    _Atomic(pid_t) identity;
    void *object;
    memlane_call call;
};

static void *read_for_ever(void *argument) {
    struct sleeper *sleeper = argument;
    unsigned char byte;
    uint64_t count;
    sleeper->identity = (pid_t)syscall(SYS_gettid);
    memlane_channel_read(sleeper->object, &byte, 1, 1, MEMLANE_NO_DEADLINE, &count, NULL);
    return NULL;
}

static void *await_for_ever(void *argument) {
    struct sleeper *sleeper = argument;
    memlane_answer answer;
    sleeper->identity = (pid_t)syscall(SYS_gettid);
    memlane_call_wait(&sleeper->call, MEMLANE_NO_DEADLINE, &answer, NULL);
    return NULL;
}

static void *wait_for_ever(void *argument) {
    struct sleeper *sleeper = argument;
    uint64_t newest;
    sleeper->identity = (pid_t)syscall(SYS_gettid);
    memlane_variable_wait(sleeper->object, 0, MEMLANE_NO_DEADLINE, &newest, NULL);
    return NULL;
}

static char state_of_thread(pid_t thread) {
    return thread == 0 ? '?' : peer_state(thread); /* /proc knows threads by their number, too */
}

/* Asleep: it is inside the operation. Before that it did nothing that sleeps. */
static void put_to_sleep(struct sleeper *sleeper, void *(*body)(void *)) {
    CHECK_EQUAL(0, pthread_create(&sleeper->thread, NULL, body, sleeper));
    while (state_of_thread(sleeper->identity) != 'S') {
        sched_yield();
    }
}

static void end_child_well(pid_t pid) {
    int status;
    CHECK_CALL(waitpid(pid, &status, 0));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_child_gives_back_a_channel_that_another_thread_read_from(void) {
    struct sleeper sleeper = {.object = stream_open(MEMLANE_CHANNEL_READ, 64)};
    put_to_sleep(&sleeper, read_for_ever);
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        unsigned before = check_count_descriptors();
        memlane_channel_free(sleeper.object);
        CHECK_EQUAL(before - 1, check_count_descriptors());
        _exit(0);
    }
    end_child_well(pid);
    memlane_channel_close(sleeper.object);
    CHECK_EQUAL(0, pthread_join(sleeper.thread, NULL));
    memlane_channel_free(sleeper.object);
}

static void a_child_gives_back_a_function_whose_answer_another_thread_awaited(void) {
    memlane_function *function = function_open("add");
    struct sleeper sleeper = {.object = function, .call = function_post(function, 1)};
    put_to_sleep(&sleeper, await_for_ever);
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        unsigned before = check_count_descriptors();
        memlane_function_close(function);
        CHECK_EQUAL(before, check_count_descriptors()); /* the call is one that the child has, too */
        memlane_call_end(&sleeper.call);
        memlane_function_free(function);
        CHECK_EQUAL(before - 1, check_count_descriptors());
        _exit(0);
    }
    end_child_well(pid);
    memlane_function_close(function);
    CHECK_EQUAL(0, pthread_join(sleeper.thread, NULL));
    memlane_call_end(&sleeper.call);
    memlane_function_free(function);
    function_unlink("add");
}

static void a_child_keeps_its_views_and_not_the_waits_of_other_threads(void) {
    memlane_variable *variable = endpoint_open("pose"), *empty = endpoint_open("empty");
    struct sleeper sleeper = {.object = empty};
    memlane_view view;
    memlane_error error;
    CHECK_OK(memlane_variable_write(variable, "pose", 5, 0, 0, &error), &error);
    CHECK_OK(memlane_variable_view(variable, &view, &error), &error);
    put_to_sleep(&sleeper, wait_for_ever);
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        unsigned before = check_count_descriptors();
        memlane_variable_free(empty);
        memlane_variable_free(variable);
        CHECK_EQUAL(before - 1, check_count_descriptors());
        CHECK_STRING("pose", (const char *)view.bytes);
        memlane_view_release(&view);
        CHECK_EQUAL(before - 2, check_count_descriptors());
        _exit(0);
    }
    end_child_well(pid);
    memlane_variable_close(empty);
    CHECK_EQUAL(0, pthread_join(sleeper.thread, NULL));
    memlane_view_release(&view);
    memlane_variable_free(empty);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
    endpoint_unlink("empty");
}

/* The parent's handle is closed, and a thread is still inside: nobody but the child's free() gives the child's back. */
static void a_child_gives_back_what_was_being_closed(void) {
    memlane_function *function = function_open("add");
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_error error;
    memlane_task task, none;
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_dispatcher_take(dispatcher, NULL, 0, &none, &error));
    memlane_call call = function_post(function, 1);
    task = function_take(dispatcher);
    memlane_function_close(function);
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        unsigned before = check_count_descriptors();
        CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_task_respond(&task, 0, 0, &error));
        memlane_call_end(&call);
        memlane_dispatcher_free(dispatcher);
        memlane_function_free(function);
        CHECK_EQUAL(before - 1, check_count_descriptors());
        _exit(0);
    }
    end_child_well(pid);
    memlane_task_respond(&task, 0, 0, &error);
    memlane_call_end(&call);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

struct switcher {
    pthread_t thread;
    memlane_dispatcher *dispatcher;
    _Atomic(bool) ends;
};

static void *stop_and_resume(void *argument) {
    struct switcher *switcher = argument;
    while (!switcher->ends) {
        memlane_dispatcher_stop(switcher->dispatcher);
        memlane_dispatcher_resume(switcher->dispatcher);
    }
    return NULL;
}

static void a_child_stops_a_dispatcher_that_another_thread_was_stopping(void) {
    memlane_function *function = function_open("add");
    struct switcher switcher = {.dispatcher = function_dispatcher(function)};
    CHECK_EQUAL(0, pthread_create(&switcher.thread, NULL, stop_and_resume, &switcher));
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        CHECK_CALL(pid);
        if (pid == 0) {
            memlane_dispatcher_free(switcher.dispatcher);
            _exit(0);
        }
        end_child_well(pid);
    }
    switcher.ends = true;
    CHECK_EQUAL(0, pthread_join(switcher.thread, NULL));
    memlane_dispatcher_free(switcher.dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

static void a_child_may_unlock_what_its_thread_had_locked(void) {
    memlane_channel *channel = stream_open(MEMLANE_CHANNEL_READ, 64);
    memlane_error error;
    CHECK_OK(memlane_channel_lock(channel, 0, &error), &error);
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        unsigned before = check_count_descriptors();
        memlane_channel_unlock(channel);
        CHECK_EQUAL(before, check_count_descriptors());
        memlane_channel_free(channel);
        CHECK_EQUAL(before - 1, check_count_descriptors());
        _exit(0);
    }
    end_child_well(pid);
    memlane_channel_unlock(channel);
    memlane_channel_free(channel);
}

static void a_child_gives_back_an_endpoint_that_its_parent_polls(void) {
    memlane_variable *variable = endpoint_open("pose");
    int descriptor;
    memlane_error error;
    CHECK_OK(memlane_endpoint_begin_poll(memlane_variable_endpoint(variable), &descriptor, &error), &error);
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        unsigned before = check_count_descriptors();
        memlane_variable_free(variable);
        CHECK_EQUAL(before - 1, check_count_descriptors());
        _exit(0);
    }
    end_child_well(pid);
    memlane_endpoint_end_poll(memlane_variable_endpoint(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* -- a response on its way ---------------------------------------------------------------------------------------- */

static struct {
    memlane_dispatcher *dispatcher;
    pid_t caller;
    _Atomic(pid_t) server;
    _Atomic bool has_rung, has_forked, is_over;
} response;

void __real_memlane_platform_futex_wake_all(_Atomic uint32_t *word);
void __wrap_memlane_platform_futex_wake_all(_Atomic uint32_t *word);

/* The server stays where its caller has the response, and itself still has the request. */
void __wrap_memlane_platform_futex_wake_all(_Atomic uint32_t *word) {
    __real_memlane_platform_futex_wake_all(word);
    if (response.server == (pid_t)syscall(SYS_gettid)) {
        response.has_rung = true;
        while (!response.has_forked) {
            sched_yield();
        }
    }
}

static void *respond_to_a_sleeper(void *argument) {
    (void)argument;
    memlane_task task = function_take(response.dispatcher);
    while (state_of_thread(response.caller) != 'S') {
        sched_yield();
    }
    response.server = (pid_t)syscall(SYS_gettid);
    function_respond(&task, 2);
    response.is_over = true;
    return NULL;
}

static void a_child_gives_back_a_function_whose_call_is_over(void) {
    memlane_function *function = function_open("add");
    pthread_t thread;
    response.dispatcher = function_dispatcher(function);
    response.caller = (pid_t)syscall(SYS_gettid);
    memlane_call call = function_post(function, 1);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, respond_to_a_sleeper, NULL));
    CHECK_EQUAL(0, pthread_detach(thread)); /* the child could not join it, which ThreadSanitizer takes for a leak */
    CHECK_EQUAL(2, function_collect(&call));
    while (!response.has_rung) {
        sched_yield();
    }
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        unsigned before = check_count_descriptors();
        memlane_dispatcher_free(response.dispatcher);
        memlane_function_free(function);
        CHECK_EQUAL(before - 1, check_count_descriptors());
        _exit(0);
    }
    response.has_forked = true;
    end_child_well(pid);
    while (!response.is_over) {
        sched_yield();
    }
    memlane_dispatcher_free(response.dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

/* -- the first use ------------------------------------------------------------------------------------------------ */

static struct {
    _Atomic(pid_t) forking;
    _Atomic bool is_here, has_forked, is_over;
} first_use;

int __real_memlane_platform_trap_faults(bool (*handle)(void *address));
int __wrap_memlane_platform_trap_faults(bool (*handle)(void *address));

/* Under the lock of the first opening. Stays there until the other thread has forked, or waits to be allowed to. */
int __wrap_memlane_platform_trap_faults(bool (*handle)(void *address)) {
    if (first_use.forking != 0) {
        first_use.is_here = true;
        while (!first_use.has_forked && peer_state(first_use.forking) != 'S') {
            sched_yield();
        }
    }
    return __real_memlane_platform_trap_faults(handle);
}

static void *open_the_first(void *argument) {
    (void)argument;
    memlane_variable_free(endpoint_open("pose"));
    first_use.is_over = true;
    return NULL;
}

/* Each test is a process of its own, which has not opened anything. */
static void a_child_opens_while_its_parent_was_opening_the_first(void) {
    pthread_t thread;
    first_use.forking = (pid_t)syscall(SYS_gettid);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, open_the_first, NULL));
    CHECK_EQUAL(0, pthread_detach(thread)); /* the child could not join it, which ThreadSanitizer takes for a leak */
    while (!first_use.is_here) {            /* awake: it must not look as if it waited in fork() already */
        sched_yield();
    }
    pid_t pid = fork();
    CHECK_CALL(pid);
    first_use.has_forked = true;
    if (pid == 0) {
        first_use.forking = 0;
        check_set_watchdog();
        memlane_variable_free(endpoint_open("pose"));
        _exit(0);
    }
    end_child_well(pid);
    while (!first_use.is_over) {
        sched_yield();
    }
    endpoint_unlink("pose");
}

static const struct check_test tests[] = {
    {"a child gives back a channel that another thread read from",
     a_child_gives_back_a_channel_that_another_thread_read_from},
    {"a child gives back a function whose answer another thread awaited",
     a_child_gives_back_a_function_whose_answer_another_thread_awaited},
    {"a child keeps its views, and not the waits of other threads",
     a_child_keeps_its_views_and_not_the_waits_of_other_threads},
    {"a child gives back what was being closed", a_child_gives_back_what_was_being_closed},
    {"a child gives back a function whose call is over", a_child_gives_back_a_function_whose_call_is_over},
    {"a child stops a dispatcher that another thread was stopping",
     a_child_stops_a_dispatcher_that_another_thread_was_stopping},
    {"a child may unlock what its thread had locked", a_child_may_unlock_what_its_thread_had_locked},
    {"a child opens while its parent was opening the first", a_child_opens_while_its_parent_was_opening_the_first},
    {"a child gives back an endpoint that its parent polls", a_child_gives_back_an_endpoint_that_its_parent_polls},
};

CHECK_MAIN(tests)
