#define _GNU_SOURCE
#include "../check.h"
#include "guarded.h"
#include "victim_objects.h"

enum { CALLS = 3, SIZE = 200, PATIENCE_OF_LANES_NS = 200000000 };

/* Caller and server, in one process. */
static memlane_function *caller, *server;
static memlane_dispatcher *dispatcher;
static memlane_call calls[CALLS];
static bool is_begun[CALLS];
static memlane_task task;
static bool has_task;

static void end_call(size_t place) {
    if (is_begun[place]) {
        guarded_begin(AWAIT, SYSTEM_NS);
        memlane_call_end(&calls[place]);
        is_begun[place] = false;
        guarded_end(MEMLANE_OK);
    }
}

static void end_task(void) {
    memlane_error error;
    if (has_task) {
        guarded_begin(RESPOND, 0);
        has_task = false;
        guarded_end(memlane_task_fail(&task, "given up", NULL, 0, 0, &error));
    }
}

void victim_close_function(void) {
    for (size_t place = 0; place < CALLS; place++) {
        end_call(place);
    }
    end_task();
    guarded_begin(CLOSE, SYSTEM_NS);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(server);
    memlane_function_free(caller);
    guarded_end(MEMLANE_OK);
    dispatcher = NULL;
    server = caller = NULL;
}

static bool open_one(memlane_function **function) {
    memlane_function_options options;
    memlane_error error;
    memlane_function_options_initialise(&options);
    options.object.directory = guarded_directory();
    options.object.participants = PARTICIPANTS;
    options.max_arguments = options.max_result = SIZE;
    options.lanes = 4;
    options.slots = 2;
    guarded_begin(OPEN, SYSTEM_NS);
    if (guarded_end(memlane_function_open(function, "calls", NAME_LENGTH, &options, &error)) == MEMLANE_OK) {
        return true;
    }
    *function = NULL;
    return false;
}

/* What cannot be opened is made anew. */
static bool open_all(void) {
    memlane_error error;
    if (dispatcher != NULL) {
        return true;
    }
    if (open_one(&caller) && open_one(&server)) {
        CHECK_OK(memlane_dispatcher_make(&dispatcher, 1, &error), &error);
        if (memlane_dispatcher_add(dispatcher, server, &error) == MEMLANE_OK) {
            return true;
        }
    }
    victim_close_function();
    guarded_remove("calls");
    return false;
}

/* -- one step of a call -------------------------------------------------------------------------------------------- */

static memlane_status begin_call(memlane_error *error) {
    size_t place = (size_t)guarded_draw(CALLS);
    end_call(place);
    guarded_begin(CALL, PATIENCE_OF_LANES_NS);
    memlane_status status = memlane_call_begin(caller, &calls[place], 0, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    is_begun[place] = true;
    memset(calls[place].bytes, 1, (size_t)calls[place].capacity);
    return memlane_call_post(&calls[place], 1 + guarded_draw(SIZE), 0, error);
}

static memlane_status take(memlane_error *error) {
    end_task();
    uint64_t deadline = guarded_begin(TAKE, PATIENCE_NS);
    memlane_status status = memlane_dispatcher_take(dispatcher, NULL, deadline, &task, error);
    has_task = status == MEMLANE_OK;
    if (has_task) {
        guarded_touch(task.bytes, task.size);
    }
    return status;
}

static memlane_status respond(memlane_error *error) {
    guarded_begin(RESPOND, 0);
    if (!has_task) {
        return MEMLANE_EMPTY;
    }
    has_task = false;
    memset(task.response, 1, (size_t)task.capacity);
    return guarded_draw(4) == 0 ? memlane_task_fail(&task, "no", NULL, 0, 0, error)
                                : memlane_task_respond(&task, guarded_draw(SIZE), 0, error);
}

static memlane_status await(memlane_error *error) {
    memlane_answer answer;
    size_t place = (size_t)guarded_draw(CALLS);
    uint64_t deadline = guarded_begin(AWAIT, PATIENCE_NS);
    if (!is_begun[place]) {
        return MEMLANE_EMPTY;
    }
    memlane_status status = memlane_call_wait(&calls[place], deadline, &answer, error);
    if (status == MEMLANE_OK) {
        guarded_touch(answer.bytes, answer.size);
    }
    return status;
}

static memlane_status cancel(memlane_error *error) {
    size_t place = (size_t)guarded_draw(CALLS);
    (void)error;
    guarded_begin(AWAIT, 0);
    return is_begun[place] && memlane_call_cancel(&calls[place]) ? MEMLANE_CANCELLED : MEMLANE_OK;
}

static memlane_status ask_for_statistics(memlane_error *error) {
    memlane_function_statistics statistics;
    guarded_begin(STATISTICS, SYSTEM_NS);
    return memlane_function_statistics_read(caller, &statistics, error);
}

typedef memlane_status operation(memlane_error *error);

void victim_use_function(void) {
    static operation *const turns[] = {begin_call, take, respond, await, begin_call, take, cancel, ask_for_statistics};
    memlane_error error;
    bool is_lost = false;
    if (!open_all()) {
        return;
    }
    memlane_status status = guarded_end(turns[guarded_draw(sizeof turns / sizeof *turns)](&error));
    guarded_note_loss(status, &error, &is_lost);
    if (is_lost || status == MEMLANE_OWNERSHIP_LOST || guarded_draw(200) == 0) {
        victim_close_function();
    }
}
