/* Calls: each is executed at most once, ends in every case, and says what is known of it. */
#define _GNU_SOURCE
#include "check.h"
#include "function_object.h"
#include "peer.h"

#include "layout.h"

#include <pthread.h>
#include <sys/stat.h>

/* -- one caller, one server, one process ---------------------------------------------------------------------------- */

static void a_call_reaches_the_server_and_its_response_the_caller(void) {
    memlane_function *function = function_open("add");
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_answer answer;
    memlane_error error;

    memlane_call call = function_post(function, 41);
    memlane_task task = function_take(dispatcher);
    CHECK_EQUAL(7, task.type);
    CHECK_EQUAL(0, task.place);
    function_respond(&task, function_argument(&task) + 1);

    CHECK_OK(memlane_call_wait(&call, 0, &answer, &error), &error);
    CHECK_EQUAL(9, answer.type);
    CHECK(!answer.failed);
    CHECK_EQUAL(42, function_collect(&call));
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

static void calls_of_one_caller_are_served_in_their_order(void) {
    memlane_function *function = function_open("add");
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_call calls[MEMLANE_DEFAULT_CALL_SLOTS];
    for (uint64_t round = 0; round < 50; round++) {
        for (uint64_t i = 0; i < MEMLANE_DEFAULT_CALL_SLOTS; i++) {
            calls[i] = function_post(function, round + i);
        }
        for (uint64_t i = 0; i < MEMLANE_DEFAULT_CALL_SLOTS; i++) {
            memlane_task task = function_take(dispatcher);
            CHECK_EQUAL(round + i, function_argument(&task));
            function_respond(&task, i);
        }
        for (uint64_t i = 0; i < MEMLANE_DEFAULT_CALL_SLOTS; i++) { /* collected in any order */
            uint64_t which = (i + round) % MEMLANE_DEFAULT_CALL_SLOTS;
            CHECK_EQUAL(which, function_collect(&calls[which]));
        }
    }
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

static void an_error_is_a_response_of_its_own(void) {
    memlane_function *function = function_open("add");
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_answer answer;
    memlane_error error;
    memlane_call call = function_post(function, 1);
    memlane_task task = function_take(dispatcher);
    CHECK_OK(memlane_task_fail(&task, "no such camera", "more", 4, 3, &error), &error);

    CHECK_OK(memlane_call_wait(&call, 0, &answer, &error), &error);

    CHECK(answer.failed);
    CHECK_EQUAL(3, answer.type);
    CHECK_STRING("no such camera", (const char *)answer.bytes);
    CHECK_EQUAL(sizeof "no such camera" + 4, answer.size);
    CHECK_EQUAL(MEMLANE_EXECUTED, memlane_call_end(&call));
    CHECK_EQUAL(1, function_statistics(function).errors);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

static void an_error_fits_where_responses_are_small(void) {
    memlane_function_options options = function_options();
    char text[6000];
    memlane_answer answer;
    memlane_error error;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    options.max_result = 1;
    memlane_function *function = function_open_with("add", &options);
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_call call = function_post(function, 1);
    memlane_task task = function_take(dispatcher);
    CHECK_EQUAL(1, task.capacity);
    CHECK_OK(memlane_task_fail(&task, text, "left out", 8, 0, &error), &error);

    CHECK_OK(memlane_call_wait(&call, 0, &answer, &error), &error);

    CHECK_EQUAL(4096, answer.size);
    CHECK_EQUAL(4095, strlen(answer.bytes));
    memlane_call_end(&call);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

static void what_is_too_large_is_refused_where_it_is(void) {
    memlane_function_options options = function_options();
    memlane_call call;
    memlane_error error;
    options.max_arguments = 8;
    options.max_result = 8;
    memlane_function *function = function_open_with("add", &options);
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    CHECK_OK(memlane_call_begin(function, &call, 0, &error), &error);
    CHECK_FAILURE(MEMLANE_VALUE_TOO_LARGE, "the arguments take 9 bytes, at most max_sz_args=8 fit",
                  memlane_call_post(&call, 9, 0, &error), &error);
    CHECK_OK(memlane_call_post(&call, 8, 0, &error), &error);
    memlane_task task = function_take(dispatcher);
    CHECK_FAILURE(MEMLANE_VALUE_TOO_LARGE, "the result takes 9 bytes, at most max_sz_ret=8 fit",
                  memlane_task_respond(&task, 9, 0, &error), &error);
    function_respond(&task, 5);
    CHECK_EQUAL(5, function_collect(&call));
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

static void a_forgotten_call_is_executed_and_its_slot_comes_back(void) {
    memlane_function_options options = function_options();
    options.max_result = 0;
    memlane_function *function = function_open_with("log", &options);
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_error error;
    for (uint64_t i = 0; i < 1000; i++) {
        memlane_call call = function_post(function, i);
        memlane_call_forget(&call);
        memlane_task task = function_take(dispatcher);
        CHECK_EQUAL(i, function_argument(&task));
        CHECK(task.response == NULL);
        CHECK_EQUAL(0, task.capacity);
        CHECK_OK(memlane_task_respond(&task, 0, 0, &error), &error);
    }
    CHECK_EQUAL(1000, function_statistics(function).served);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("log");
}

/* -- how a call ends ------------------------------------------------------------------------------------------------ */

static void a_call_that_nobody_began_is_taken_back_for_certain(void) {
    memlane_function *function = function_open("add");
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_answer answer;
    memlane_task task;
    memlane_error error;
    memlane_call call = function_post(function, 1);
    CHECK_FAILURE(MEMLANE_TIMEOUT, "no response came in time: nobody serves it",
                  memlane_call_wait(&call, check_in_ms(60), &answer, &error), &error);
    CHECK_EQUAL(MEMLANE_NOT_EXECUTED, memlane_call_end(&call));
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_dispatcher_take(dispatcher, NULL, 0, &task, &error));
    CHECK_EQUAL(1, function_statistics(function).withdrawn);

    call = function_post(function, 2);
    CHECK(memlane_call_cancel(&call));
    CHECK(!memlane_call_cancel(&call));
    CHECK_FAILURE(MEMLANE_CANCELLED, "cancelled before anybody had begun it",
                  memlane_call_wait(&call, MEMLANE_NO_DEADLINE, &answer, &error), &error);
    CHECK_EQUAL(MEMLANE_NOT_EXECUTED, memlane_call_end(&call));
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_dispatcher_take(dispatcher, NULL, 0, &task, &error));
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

static void a_call_that_was_begun_may_have_been_executed(void) {
    memlane_function_options options = function_options();
    memlane_answer answer;
    memlane_error error;
    memlane_call next;
    options.slots = 1;
    memlane_function *function = function_open_with("add", &options);
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_call call = function_post(function, 1);
    memlane_task task = function_take(dispatcher);
    CHECK(!memlane_call_cancel(&call));
    CHECK_FAILURE(MEMLANE_TIMEOUT, "a server is still executing the call",
                  memlane_call_wait(&call, check_in_ms(5), &answer, &error), &error);
    CHECK_EQUAL(MEMLANE_MAYBE_EXECUTED, memlane_call_end(&call));
    CHECK_FAILURE(MEMLANE_NO_FREE_SLOT, "slots=1; 0 wait for a server, 1 are being executed",
                  memlane_call_begin(function, &next, check_in_ms(5), &error), &error);

    function_respond(&task, 5); /* to nobody */

    next = function_post(function, 2);
    task = function_take(dispatcher);
    CHECK_EQUAL(2, function_argument(&task));
    function_respond(&task, 6);
    CHECK_EQUAL(6, function_collect(&next));
    CHECK_EQUAL(1, function_statistics(function).abandoned);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

static void nobody_waits_where_nobody_serves_and_haste_was_asked_for(void) {
    memlane_function *function = function_open("add");
    memlane_answer answer;
    memlane_error error;
    memlane_call call = function_post(function, 1);
    call.fail_fast = true;
    CHECK(!memlane_function_is_served(function));
    CHECK_FAILURE(MEMLANE_NO_SERVER, "nobody serves it and fail_fast was asked for",
                  memlane_call_wait(&call, MEMLANE_NO_DEADLINE, &answer, &error), &error);
    CHECK_EQUAL(MEMLANE_NOT_EXECUTED, memlane_call_end(&call));
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_task task;
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_dispatcher_take(dispatcher, NULL, 0, &task, &error));
    CHECK(memlane_function_is_served(function));
    memlane_dispatcher_stop(dispatcher);
    CHECK(!memlane_function_is_served(function));
    CHECK_FAILURE(MEMLANE_CLOSED, "was stopped", memlane_dispatcher_take(dispatcher, NULL, 0, &task, &error), &error);
    memlane_dispatcher_resume(dispatcher);
    CHECK(memlane_function_is_served(function));
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

static void closing_withdraws_what_nobody_began(void) {
    memlane_function *server = function_open("add");
    memlane_function *caller = function_open("add");
    memlane_dispatcher *dispatcher = function_dispatcher(server);
    memlane_task task;
    memlane_error error;
    memlane_call call = function_post(caller, 1);
    memlane_call_forget(&call);
    memlane_function_free(caller);
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_dispatcher_take(dispatcher, NULL, 0, &task, &error));
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(server);
    function_unlink("add");
}

static void *wait_for_ever(void *call) {
    memlane_answer answer;
    memlane_error error;
    CHECK_FAILURE(MEMLANE_CLOSED, "this endpoint was closed",
                  memlane_call_wait(call, MEMLANE_NO_DEADLINE, &answer, &error), &error);
    return NULL;
}

static void closing_ends_the_waits_of_other_threads(void) {
    memlane_function *function = function_open("add");
    memlane_call call = function_post(function, 1);
    pthread_t thread;
    CHECK_EQUAL(0, pthread_create(&thread, NULL, wait_for_ever, &call));
    memlane_function_close(function);
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    memlane_call_end(&call);
    memlane_function_free(function);
    function_unlink("add");
}

/* -- memory --------------------------------------------------------------------------------------------------------- */

static uint64_t storage_of(const char *name) {
    char path[600];
    struct stat found;
    snprintf(path, sizeof path, "%s/%s", check_directory, name);
    CHECK_CALL(stat(path, &found));
    return (uint64_t)found.st_blocks * 512;
}

static void a_lane_has_memory_only_while_somebody_calls(void) {
    memlane_function_options options = function_options();
    options.max_arguments = 1 << 20;
    memlane_error error;
    memlane_function *function = function_open_with("add", &options);
    uint64_t before = storage_of("add");
    CHECK(before < 1 << 20);
    CHECK_OK(memlane_function_prepare(function, &error), &error);
    CHECK(storage_of("add") >= before + (4 << 20));
    memlane_function *other = function_open("add");
    memlane_function_free(function);
    CHECK_EQUAL(before, storage_of("add"));
    memlane_function_free(other);
    function_unlink("add");
}

static void a_lane_for_each_caller_and_no_more(void) {
    memlane_function_options options = function_options();
    memlane_error error;
    options.lanes = 2;
    memlane_function *first = function_open_with("add", &options);
    memlane_function *second = function_open("add");
    memlane_function *third = function_open("add");
    CHECK_OK(memlane_function_prepare(first, &error), &error);
    CHECK_OK(memlane_function_prepare(second, &error), &error);
    CHECK_FAILURE(MEMLANE_TOO_MANY_PARTICIPANTS, "has 2 lanes, and each is a live caller's",
                  memlane_function_prepare(third, &error), &error);
    memlane_function_free(first);
    CHECK_OK(memlane_function_prepare(third, &error), &error);
    memlane_function_free(second);
    memlane_function_free(third);
    function_unlink("add");
}

static void an_endpoint_that_neither_calls_nor_serves_is_never_ready(void) {
    memlane_function *function = function_open("add");
    memlane_endpoint *endpoint = memlane_function_endpoint(function);
    memlane_error error;
    bool ready = true;

    CHECK_FAILURE(MEMLANE_TIMEOUT, "none of 1 endpoints became ready",
                  memlane_endpoint_wait_any(&endpoint, 1, 0, &ready, &error), &error);

    CHECK(!ready);
    memlane_function_free(function);
    function_unlink("add");
}

static void sizes_that_differ_are_named_on_both_sides(void) {
    memlane_function *function = function_open("add");
    memlane_function_options options = function_options();
    memlane_function *other;
    memlane_error error;
    options.max_arguments = 100;
    CHECK_FAILURE(MEMLANE_SIZE_MISMATCH, "max_sz_args=100 was asked for, the object has max_sz_args=4096",
                  memlane_function_open(&other, "add", 3, &options, &error), &error);
    options = function_options();
    options.max_result = 100;
    CHECK_FAILURE(MEMLANE_SIZE_MISMATCH, "max_sz_ret=100 was asked for, the object has max_sz_ret=4096",
                  memlane_function_open(&other, "add", 3, &options, &error), &error);
    options = function_options();
    options.slots = 257;
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "slots=257 is not between 1 and 256",
                  memlane_function_open(&other, "add", 3, &options, &error), &error);
    memlane_function_free(function);
    function_unlink("add");
}

/* -- processes ------------------------------------------------------------------------------------------------------ */

static void serve(int socket) {
    memlane_function *function = function_open("add");
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_task task;
    peer_tell(socket, 1);
    for (;;) {
        task = function_take(dispatcher);
        function_respond(&task, function_argument(&task) + 1);
    }
}

static void callers_and_servers_may_be_any_processes(void) {
    struct peer servers[2] = {peer_start(serve), peer_start(serve)};
    memlane_function *function = function_open("add");
    peer_hear(servers[0].socket);
    peer_hear(servers[1].socket);
    for (uint64_t i = 0; i < 20000; i++) {
        memlane_call calls[2] = {function_post(function, i), function_post(function, 3 * i)};
        CHECK_EQUAL(3 * i + 1, function_collect(&calls[1]));
        CHECK_EQUAL(i + 1, function_collect(&calls[0]));
    }
    CHECK_EQUAL(40000, function_statistics(function).served);
    CHECK_EQUAL(2, function_statistics(function).live_servers);
    peer_kill(&servers[0]);
    peer_kill(&servers[1]);
    memlane_function_free(function);
    function_unlink("add");
}

/* Takes a call and never responds. */
static void take_and_keep(int socket) {
    memlane_function *function = function_open("add");
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_task task = function_take(dispatcher);
    peer_tell(socket, function_argument(&task));
    peer_hear(socket); /* killed here */
}

static void the_death_of_a_server_ends_its_call_and_no_other(void) {
    memlane_function *function = function_open("add");
    memlane_answer answer;
    memlane_error error;
    for (int round = 0; round < 10; round++) {
        struct peer server = peer_start(take_and_keep);
        memlane_call begun = function_post(function, 1);
        CHECK_EQUAL(1, peer_hear(server.socket));
        memlane_call waiting = function_post(function, 2);
        peer_kill(&server);
        CHECK_FAILURE(MEMLANE_PEER_DIED, "died while it executed this call: it may have been executed",
                      memlane_call_wait(&begun, MEMLANE_NO_DEADLINE, &answer, &error), &error);
        CHECK_EQUAL(MEMLANE_MAYBE_EXECUTED, memlane_call_end(&begun));
        struct peer successor = peer_start(serve);
        CHECK_EQUAL(3, function_collect(&waiting));
        peer_kill(&successor);
    }
    CHECK_EQUAL(10, function_statistics(function).orphaned);
    memlane_function_free(function);
    function_unlink("add");
}

static void a_new_server_tells_the_callers_of_a_dead_one_at_once(void) {
    memlane_function *function = function_open("add");
    memlane_answer answer;
    memlane_error error;
    struct peer server = peer_start(take_and_keep);
    memlane_call call = function_post(function, 1);
    peer_hear(server.socket);
    peer_kill(&server);
    struct peer successor = peer_start(serve);
    peer_hear(successor.socket);
    memlane_call other = function_post(function, 5);
    CHECK_EQUAL(6, function_collect(&other)); /* so it has looked through the lanes */
    CHECK_STATUS(MEMLANE_PEER_DIED, memlane_call_poll(&call, 1000, &answer, &error));
    CHECK_EQUAL(MEMLANE_MAYBE_EXECUTED, memlane_call_end(&call));
    peer_kill(&successor);
    memlane_function_free(function);
    function_unlink("add");
}

static void post_and_die(int socket) {
    memlane_function *function = function_open("add");
    for (uint64_t i = 0; i < MEMLANE_DEFAULT_CALL_SLOTS; i++) {
        function_post(function, i);
    }
    peer_tell(socket, 1);
    peer_hear(socket); /* killed here */
}

static void the_lane_of_a_dead_caller_is_the_next_ones(void) {
    memlane_function_options options = function_options();
    options.lanes = 1;
    memlane_function *function = function_open_with("add", &options);
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    for (uint64_t round = 0; round < 20; round++) {
        struct peer caller = peer_start(post_and_die);
        peer_hear(caller.socket);
        memlane_task begun = function_take(dispatcher);
        peer_kill(&caller);
        memlane_function *next = function_open("add");
        memlane_call call = function_post(next, 100 + round);
        memlane_task task = function_take(dispatcher); /* what the dead one had posted is gone */
        CHECK_EQUAL(100 + round, function_argument(&task));
        function_respond(&task, round);
        CHECK_EQUAL(round, function_collect(&call));
        function_respond(&begun, 1); /* to nobody: not to the next one */
        memlane_function_free(next);
    }
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

/* -- fork ------------------------------------------------------------------------------------------------------------ */

static void a_forked_child_calls_for_itself_and_serves_nobody(void) {
    memlane_function *function = function_open("add");
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_task task, none;
    memlane_answer answer;
    memlane_error error;
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_dispatcher_take(dispatcher, NULL, 0, &task, &error));
    memlane_call call = function_post(function, 1);
    memlane_call other = function_post(function, 2);
    task = function_take(dispatcher);
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        CHECK_FAILURE(MEMLANE_OWNERSHIP_LOST, "this dispatcher is the parent's",
                      memlane_dispatcher_take(dispatcher, NULL, MEMLANE_NO_DEADLINE, &none, &error), &error);
        CHECK_FAILURE(MEMLANE_OWNERSHIP_LOST, "made before a fork",
                      memlane_call_wait(&call, MEMLANE_NO_DEADLINE, &answer, &error), &error);
        CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_call_wait(&call, 0, &answer, &error)); /* also without sleeping */
        CHECK_EQUAL(MEMLANE_MAYBE_EXECUTED, memlane_call_end(&call));
        CHECK_FAILURE(MEMLANE_OWNERSHIP_LOST, "taken before a fork", memlane_task_respond(&task, 0, 0, &error), &error);
        memlane_call mine = function_post(function, 3);
        CHECK_EQUAL(4, function_collect(&mine));
        memlane_call_end(&other);
        _exit(0);
    }
    function_respond(&task, 2);
    task = function_take(dispatcher);
    function_respond(&task, function_argument(&task) + 1);
    task = function_take(dispatcher);
    function_respond(&task, function_argument(&task) + 1);
    int status;
    CHECK_CALL(waitpid(pid, &status, 0));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQUAL(2, function_collect(&call));
    CHECK_EQUAL(3, function_collect(&other));
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

/* Without an index of its own it must not answer, end or serve in its parent's name. */
static void a_forked_child_without_a_place_leaves_its_parents_calls_alone(void) {
    memlane_function_options options = function_options();
    options.object.participants = 1;
    memlane_function *function = function_open_with("add", &options);
    memlane_dispatcher *dispatcher = function_dispatcher(function), *idle = function_dispatcher(function);
    memlane_task none;
    memlane_error error;
    memlane_call call = function_post(function, 1), other = function_post(function, 2);
    memlane_task task = function_take(dispatcher);
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        CHECK_FAILURE(MEMLANE_OWNERSHIP_LOST, "this dispatcher is the parent's",
                      memlane_dispatcher_take(dispatcher, NULL, 0, &none, &error), &error);
        CHECK_FAILURE(MEMLANE_TOO_MANY_PARTICIPANTS, "has places for 1 open endpoints",
                      memlane_dispatcher_take(idle, NULL, 0, &none, &error), &error);
        CHECK_FAILURE(MEMLANE_OWNERSHIP_LOST, "taken before a fork", memlane_task_respond(&task, 0, 0, &error), &error);
        CHECK(!memlane_call_cancel(&other));
        CHECK_EQUAL(MEMLANE_MAYBE_EXECUTED, memlane_call_end(&call));
        memlane_call_end(&other);
        memlane_dispatcher_free(idle);
        _exit(0);
    }
    int status;
    CHECK_CALL(waitpid(pid, &status, 0));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    CHECK(memlane_function_is_served(function));
    function_respond(&task, 2);
    CHECK_EQUAL(2, function_collect(&call));
    task = function_take(dispatcher);
    function_respond(&task, 3);
    CHECK_EQUAL(3, function_collect(&other));
    memlane_dispatcher_free(dispatcher);
    memlane_dispatcher_free(idle);
    memlane_function_free(function);
    function_unlink("add");
}

/* -- several functions and threads ------------------------------------------------------------------------------------- */

static void a_dispatcher_serves_all_its_functions(void) {
    memlane_error error;
    memlane_dispatcher *dispatcher;
    memlane_function *functions[3];
    CHECK_OK(memlane_dispatcher_make(&dispatcher, 2, &error), &error);
    functions[0] = function_open("first");
    functions[1] = function_open("second");
    functions[2] = function_open("third");
    CHECK_OK(memlane_dispatcher_add(dispatcher, functions[0], &error), &error);
    CHECK_OK(memlane_dispatcher_add(dispatcher, functions[1], &error), &error);
    CHECK_FAILURE(MEMLANE_TOO_MANY_PARTICIPANTS, "made for 2 functions (max_func_count)",
                  memlane_dispatcher_add(dispatcher, functions[2], &error), &error);
    for (uint32_t round = 0; round < 100; round++) {
        memlane_call call = function_post(functions[round % 2], round);
        memlane_task task = function_take(dispatcher);
        CHECK_EQUAL(round % 2, task.place);
        CHECK(task.function == functions[round % 2]);
        function_respond(&task, round);
        CHECK_EQUAL(round, function_collect(&call));
    }
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(functions[0]);
    memlane_function_free(functions[1]);
    memlane_function_free(functions[2]);
    function_unlink("first");
    function_unlink("second");
    function_unlink("third");
}

static void who_waits_for_an_answer_can_go_on_serving(void) {
    memlane_function *function = function_open("add");
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_error error;
    memlane_task outer = {0}, inner;
    memlane_call call = function_post(function, 1);
    outer = function_take(dispatcher);
    memlane_call nested = function_post(function, 2); /* by the callback, into the same dispatcher */
    CHECK_OK(memlane_dispatcher_take(dispatcher, &nested, check_in_ms(20000), &inner, &error), &error);
    CHECK_EQUAL(2, function_argument(&inner));
    function_respond(&inner, 20);
    CHECK_STATUS(MEMLANE_ANSWERED, memlane_dispatcher_take(dispatcher, &nested, check_in_ms(20000), &inner, &error));
    CHECK_EQUAL(20, function_collect(&nested));
    function_respond(&outer, 10);
    CHECK_EQUAL(10, function_collect(&call));
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

enum { THREADS = 4, CALLS = 5000 };

static void *call_often(void *argument) {
    memlane_function *function = argument;
    for (uint64_t i = 0; i < CALLS; i++) {
        memlane_call call = function_post(function, i);
        CHECK_EQUAL(i + 1, function_collect(&call));
    }
    return NULL;
}

static void *serve_until_stopped(void *dispatcher) {
    memlane_task task;
    memlane_error error;
    memlane_status status;
    while ((status = memlane_dispatcher_take(dispatcher, NULL, MEMLANE_NO_DEADLINE, &task, &error)) == MEMLANE_OK) {
        function_respond(&task, function_argument(&task) + 1);
    }
    CHECK_STATUS(MEMLANE_CLOSED, status);
    return NULL;
}

static void threads_share_callers_and_dispatchers(void) {
    memlane_function *function = function_open("add");
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    pthread_t callers[THREADS], servers[2];
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(0, pthread_create(&servers[i], NULL, serve_until_stopped, dispatcher));
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQUAL(0, pthread_create(&callers[i], NULL, call_often, function));
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQUAL(0, pthread_join(callers[i], NULL));
    }
    memlane_dispatcher_stop(dispatcher);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(0, pthread_join(servers[i], NULL));
    }
    CHECK_EQUAL(THREADS * CALLS, function_statistics(function).served);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("add");
}

static const struct check_test tests[] = {
    {"a call reaches the server and its response the caller", a_call_reaches_the_server_and_its_response_the_caller},
    {"calls of one caller are served in their order", calls_of_one_caller_are_served_in_their_order},
    {"an error is a response of its own", an_error_is_a_response_of_its_own},
    {"an error fits where responses are small", an_error_fits_where_responses_are_small},
    {"what is too large is refused where it is", what_is_too_large_is_refused_where_it_is},
    {"a forgotten call is executed and its slot comes back", a_forgotten_call_is_executed_and_its_slot_comes_back},
    {"a call that nobody began is taken back for certain", a_call_that_nobody_began_is_taken_back_for_certain},
    {"a call that was begun may have been executed", a_call_that_was_begun_may_have_been_executed},
    {"nobody waits where nobody serves and haste was asked for",
     nobody_waits_where_nobody_serves_and_haste_was_asked_for},
    {"closing withdraws what nobody began", closing_withdraws_what_nobody_began},
    {"closing ends the waits of other threads", closing_ends_the_waits_of_other_threads},
    {"a lane has memory only while somebody calls", a_lane_has_memory_only_while_somebody_calls},
    {"a lane for each caller and no more", a_lane_for_each_caller_and_no_more},
    {"an endpoint that neither calls nor serves is never ready",
     an_endpoint_that_neither_calls_nor_serves_is_never_ready},
    {"sizes that differ are named on both sides", sizes_that_differ_are_named_on_both_sides},
    {"callers and servers may be any processes", callers_and_servers_may_be_any_processes},
    {"the death of a server ends its call and no other", the_death_of_a_server_ends_its_call_and_no_other},
    {"a new server tells the callers of a dead one at once", a_new_server_tells_the_callers_of_a_dead_one_at_once},
    {"the lane of a dead caller is the next one's", the_lane_of_a_dead_caller_is_the_next_ones},
    {"a forked child calls for itself and serves nobody", a_forked_child_calls_for_itself_and_serves_nobody},
    {"a forked child without a place leaves its parent's calls alone",
     a_forked_child_without_a_place_leaves_its_parents_calls_alone},
    {"a dispatcher serves all its functions", a_dispatcher_serves_all_its_functions},
    {"who waits for an answer can go on serving", who_waits_for_an_answer_can_go_on_serving},
    {"threads share callers and dispatchers", threads_share_callers_and_dispatchers},
};

CHECK_MAIN(tests)
