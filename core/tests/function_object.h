/* Functions, callers and servers of a test, in its namespace directory. */
#ifndef MEMLANE_TESTS_FUNCTION_OBJECT_H
#define MEMLANE_TESTS_FUNCTION_OBJECT_H

#include "check.h"

static CHECK_UNUSED memlane_function_options function_options(void) {
    memlane_function_options options;
    memlane_function_options_initialise(&options);
    options.object.directory = check_directory;
    return options;
}

static CHECK_UNUSED memlane_function *function_open_with(const char *name, const memlane_function_options *options) {
    memlane_function *function = NULL;
    memlane_error error;
    CHECK_OK(memlane_function_open(&function, name, strlen(name), options, &error), &error);
    return function;
}

static CHECK_UNUSED memlane_function *function_open(const char *name) {
    memlane_function_options options = function_options();
    return function_open_with(name, &options);
}

static CHECK_UNUSED void function_unlink(const char *name) {
    memlane_error error;
    CHECK_OK(memlane_unlink(check_directory, name, strlen(name), 0600, -1, &error), &error);
}

static CHECK_UNUSED memlane_dispatcher *function_dispatcher(memlane_function *function) {
    memlane_dispatcher *dispatcher = NULL;
    memlane_error error;
    CHECK_OK(memlane_dispatcher_make(&dispatcher, 4, &error), &error);
    CHECK_OK(memlane_dispatcher_add(dispatcher, function, &error), &error);
    return dispatcher;
}

/* Posts a call of one number. */
static CHECK_UNUSED memlane_call function_post(memlane_function *function, uint64_t value) {
    memlane_call call;
    memlane_error error;
    CHECK_OK(memlane_call_begin(function, &call, check_in_ms(20000), &error), &error);
    memcpy(call.bytes, &value, sizeof value);
    CHECK_OK(memlane_call_post(&call, sizeof value, 7, &error), &error);
    return call;
}

static CHECK_UNUSED uint64_t function_collect(memlane_call *call) {
    memlane_answer answer;
    memlane_error error;
    uint64_t value;
    CHECK_OK(memlane_call_wait(call, check_in_ms(20000), &answer, &error), &error);
    CHECK_EQUAL(sizeof value, answer.size);
    memcpy(&value, answer.bytes, sizeof value);
    CHECK_EQUAL(MEMLANE_EXECUTED, memlane_call_end(call));
    return value;
}

static CHECK_UNUSED memlane_task function_take(memlane_dispatcher *dispatcher) {
    memlane_task task;
    memlane_error error;
    CHECK_OK(memlane_dispatcher_take(dispatcher, NULL, check_in_ms(20000), &task, &error), &error);
    return task;
}

static CHECK_UNUSED void function_respond(memlane_task *task, uint64_t value) {
    memlane_error error;
    memcpy(task->response, &value, sizeof value);
    CHECK_OK(memlane_task_respond(task, sizeof value, 9, &error), &error);
}

static CHECK_UNUSED uint64_t function_argument(const memlane_task *task) {
    uint64_t value;
    CHECK_EQUAL(sizeof value, task->size);
    memcpy(&value, task->bytes, sizeof value);
    return value;
}

static CHECK_UNUSED memlane_function_statistics function_statistics(memlane_function *function) {
    memlane_function_statistics statistics;
    memlane_error error;
    CHECK_OK(memlane_function_statistics_read(function, &statistics, &error), &error);
    return statistics;
}

#endif
