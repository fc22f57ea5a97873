/* Hostile bytes in the file of a function: whatever they say, every call and every request answers.
 *
 * The input changes a valid function, from the byte that its first two bytes name, and then callers and servers work on
 * it; the rest changes the words of lanes and calls once more between their steps. Found crashes and hangs are findings;
 * wrong bytes are not. */
#define _GNU_SOURCE
#include "hostile_file.h"
#include "pose.h"

#include <memlane/memlane.h>

enum { PLACES = 4, LANES = 3, SLOTS = 2, WORDS = 1024, LOOK_NS = 1000 };

static memlane_format *format;

static void free_format(void) {
    memlane_format_free(format);
}

static memlane_function *open_function(bool create) {
    memlane_function_options asked;
    memlane_function *function = NULL;
    memlane_function_options_initialise(&asked);
    asked.object.directory = hostile_directory;
    asked.object.create = create;
    if (create) {
        asked.object.participants = PLACES;
        asked.lanes = LANES;
        asked.slots = SLOTS;
        asked.arguments_format = format;
    }
    memlane_function_open(&function, "judge", 5, &asked, NULL);
    return function;
}

static bool begin_call(memlane_function *function, memlane_call *call) {
    memlane_error error;
    if (memlane_call_begin(function, call, 0, &error) != MEMLANE_OK) {
        return false;
    }
    memcpy(call->bytes, &a_pose, sizeof a_pose < call->capacity ? sizeof a_pose : (size_t)call->capacity);
    if (memlane_call_post(call, sizeof a_pose, MEMLANE_TYPE_STRUCT, &error) != MEMLANE_OK) {
        memlane_call_end(call);
        return false;
    }
    return true;
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    memlane_call call;
    (void)count;
    (void)arguments;
    hostile_make_directory("judge");
    atexit(free_format);
    format = pose_format();
    memlane_function *function = open_function(true);
    require(function != NULL && begin_call(function, &call), "cannot create the function");
    hostile_keep();
    memlane_call_end(&call);
    memlane_function_free(function);
    return 0;
}

/* -- work ------------------------------------------------------------------------------------------------------------- */

static unsigned sum_of(const void *bytes, uint64_t size) {
    unsigned sum = 0;
    for (uint64_t i = 0; i < size; i++) {
        sum += ((const volatile unsigned char *)bytes)[i];
    }
    return sum;
}

static void serve(memlane_dispatcher *dispatcher, const uint8_t *input, size_t size) {
    memlane_task task;
    memlane_error error;
    if (memlane_dispatcher_take(dispatcher, NULL, 0, &task, &error) != MEMLANE_OK) {
        return;
    }
    unsigned sum = sum_of(task.bytes, task.size);
    hostile_change_words(input, size, WORDS);
    if (sum % 3 == 0 || task.response == NULL) {
        memlane_task_fail(&task, "no such camera", input, size, 0, &error);
        return;
    }
    memset(task.response, 1, (size_t)task.capacity);
    if (memlane_task_respond(&task, task.capacity, 0, &error) == MEMLANE_INVALID_ARGUMENT) {
        memlane_task_fail(&task, "a format", NULL, 0, 0, &error); /* the bytes said that results have one */
    }
}

static void collect(memlane_call *call) {
    memlane_answer answer;
    memlane_error error;
    memlane_call_poll(call, LOOK_NS, &answer, &error);
    if (memlane_call_wait(call, 0, &answer, &error) == MEMLANE_OK) {
        sum_of(answer.bytes, answer.size);
    }
    memlane_call_end(call);
}

static void call_and_serve(memlane_function *function, memlane_dispatcher *dispatcher, const uint8_t *input,
                           size_t size) {
    memlane_function_statistics statistics;
    memlane_call first, second;
    bool has_first = begin_call(function, &first), has_second = begin_call(function, &second);
    serve(dispatcher, input, size);
    hostile_change_words(input, size, WORDS);
    serve(dispatcher, input, size);
    if (has_second) {
        memlane_call_cancel(&second);
        collect(&second);
    }
    if (has_first) {
        collect(&first);
    }
    memlane_function_is_served(function);
    memlane_function_statistics_read(function, &statistics, NULL);
}

static void work(const uint8_t *input, size_t size) {
    memlane_function *caller = open_function(false), *server = open_function(false);
    memlane_dispatcher *dispatcher = NULL;
    memlane_error error;
    if (server != NULL && memlane_dispatcher_make(&dispatcher, 1, &error) == MEMLANE_OK) {
        memlane_dispatcher_add(dispatcher, server, &error);
    }
    if (caller != NULL && dispatcher != NULL) {
        call_and_serve(caller, dispatcher, input, size);
    }
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(server);
    memlane_function_free(caller);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    if (size < 3) {
        return 0;
    }
    hostile_lay_down(input, size);
    work(input + 2, size - 2);
    hostile_put_back();
    return 0;
}
