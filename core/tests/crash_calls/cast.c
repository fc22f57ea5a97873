#include "cast.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seat cast[ROLES];

/* A request: its number twice, so that half of one shows. */
struct message {
    uint64_t first, second;
};

enum { RESULT_FACTOR = 1000, COUNT_BITS = 8, FAILED = 1 };

void cast_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stdout, format, arguments);
    va_end(arguments);
    fputc('\n', stdout);
    fflush(stdout);
    _Exit(FAILED);
}

memlane_status cast_open(enum role role) {
    memlane_function_options options;
    machine_become(role);
    memlane_function_options_initialise(&options);
    options.max_arguments = sizeof(struct message);
    options.max_result = sizeof(struct message);
    options.lanes = CAST_LANES;
    options.slots = CAST_SLOTS;
    options.object.participants = CAST_PLACES;
    return memlane_function_open(&cast[role].function, "call", 4, &options, NULL);
}

void cast_serve(enum role role) {
    machine_become(role);
    CAST_REQUIRE(memlane_dispatcher_make(&cast[role].dispatcher, 1, NULL) == MEMLANE_OK &&
                     memlane_dispatcher_add(cast[role].dispatcher, cast[role].function, NULL) == MEMLANE_OK,
                 "role %d cannot serve", role);
}

memlane_call cast_post(enum role role, uint64_t number) {
    struct message message = {number, number};
    memlane_call call;
    memlane_error error = {.message = ""};
    machine_become(role);
    CAST_REQUIRE(memlane_call_begin(cast[role].function, &call, 0, &error) == MEMLANE_OK, "role %d cannot call: %s",
                 role, error.message);
    memcpy(call.bytes, &message, sizeof message);
    CAST_REQUIRE(memlane_call_post(&call, sizeof message, 0, &error) == MEMLANE_OK, "role %d cannot post: %s", role,
                 error.message);
    return call;
}

uint32_t cast_executions(uint64_t number) {
    return machine->report[1].version >> (COUNT_BITS * number) & 0xff;
}

void cast_execute(const memlane_task *task) {
    struct message message;
    CAST_REQUIRE(task->size == sizeof message, "a request of %lu bytes", (unsigned long)task->size);
    memcpy(&message, task->bytes, sizeof message);
    CAST_REQUIRE(message.first == message.second && message.first < NUMBERS, "a request that nobody sent: %lu, %lu",
                 (unsigned long)message.first, (unsigned long)message.second);
    volatile uint64_t *counts = &machine->report[1].version;
    if (message.first != UNCOUNTED) {
        *counts += UINT64_C(1) << (COUNT_BITS * message.first);
    }
    message.first = message.second = message.first * RESULT_FACTOR;
    memcpy(task->response, &message, sizeof message);
}

bool cast_take(enum role role) {
    machine_become(role);
    memlane_status status = memlane_dispatcher_take(cast[role].dispatcher, NULL, 0, &cast[role].task, NULL);
    if (status == MEMLANE_OK) {
        cast[role].has_task = true;
        cast_execute(&cast[role].task);
    }
    return status == MEMLANE_OK;
}

memlane_status cast_respond(enum role role) {
    machine_become(role);
    cast[role].has_task = false;
    return memlane_task_respond(&cast[role].task, sizeof(struct message), 0, NULL);
}

void cast_close(enum role role) {
    machine_become(role);
    memlane_dispatcher_free(cast[role].dispatcher);
    memlane_function_free(cast[role].function);
    cast[role].dispatcher = NULL;
    cast[role].function = NULL;
}

bool cast_answer_is_of(const memlane_answer *answer, uint64_t number) {
    struct message message;
    if (answer->failed || answer->size != sizeof message) {
        return false;
    }
    memcpy(&message, answer->bytes, sizeof message);
    return message.first == message.second && message.first == number * RESULT_FACTOR;
}
