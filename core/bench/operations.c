/* The hot operations, each a function of its own that is called so many times: for a tool that counts their instructions
 * (tools/check_instructions.py), where times are too noisy to guard against creeping cost.
 *
 * Prints what it was compiled by, which the counts depend on.
 *
 * Everything happens in one process, so that nobody waits: what is counted is the way without contention. The objects
 * are left in the directory that is named on the command line. */
#define _GNU_SOURCE
#include "bench.h"

#include <memlane/buffer.h>
#include <memlane/channel.h>
#include <memlane/function.h>
#include <memlane/memlane.h>
#include <memlane/share.h>
#include <memlane/sync.h>

#include <stdio.h>
#include <string.h>

enum { SIZE = 64, CALLS = 1000, CAPACITY = 65536 };

#ifdef __clang__
#define COMPILER "clang"
#define COMPILER_VERSION __clang_major__
#else
#define COMPILER "gcc"
#define COMPILER_VERSION __GNUC__
#endif
#ifdef __x86_64__
#define MACHINE "x86-64"
#else
#define MACHINE "another machine"
#endif

/* A function of its own, also for the tool. */
#define OPERATION static __attribute__((noinline)) void

static unsigned char bytes[SIZE];
static memlane_error error;

static memlane_variable *variable;
static memlane_channel *writer, *reader;
static memlane_share *share;
static memlane_function *caller, *server;
static memlane_dispatcher *dispatcher;
static memlane_sync *sync_user;
static memlane_buffer *buffer;
static unsigned char mutex[MEMLANE_SYNC_SIZE];

/* -- operations ---------------------------------------------------------------------------------------------------- */

OPERATION variable_write(void) {
    require(memlane_variable_write(variable, bytes, SIZE, 1, 0, &error), &error);
}

OPERATION variable_read(void) {
    memlane_reading reading;
    require(memlane_variable_read(variable, bytes, SIZE, &reading, &error), &error);
}

OPERATION variable_view(void) {
    memlane_view view;
    require(memlane_variable_view(variable, &view, &error), &error);
    memlane_view_release(&view);
}

OPERATION channel_write(void) {
    uint64_t written;
    require(memlane_channel_write_whole(writer, bytes, SIZE, MEMLANE_SOON, &written, &error), &error);
}

OPERATION channel_read(void) {
    uint64_t count;
    require(memlane_channel_read(reader, bytes, SIZE, SIZE, MEMLANE_SOON, &count, &error), &error);
}

OPERATION share_put(void) {
    require(memlane_share_put(share, bytes, SIZE, 1, NULL, &error), &error);
}

OPERATION share_get(void) {
    memlane_reading reading;
    require(memlane_share_get(share, bytes, SIZE, &reading, 0, &error), &error);
}

static memlane_call call;
static memlane_task task;

OPERATION call_begin(void) {
    require(memlane_call_begin(caller, &call, MEMLANE_NO_DEADLINE, &error), &error);
}

OPERATION call_post(void) {
    require(memlane_call_post(&call, SIZE, 0, &error), &error);
}

OPERATION task_take(void) {
    require(memlane_dispatcher_poll(dispatcher, NULL, 0, &task, &error), &error);
}

OPERATION task_respond(void) {
    require(memlane_task_respond(&task, SIZE, 0, &error), &error);
}

OPERATION call_collect(void) {
    memlane_answer answer;
    require(memlane_call_poll(&call, 0, &answer, &error), &error);
    memlane_call_end(&call);
}

OPERATION mutex_pair(void) {
    bool recovered;
    require(memlane_sync_acquire(sync_user, mutex, MEMLANE_NO_DEADLINE, &recovered, &error), &error);
    require(memlane_sync_release(sync_user, mutex, &error), &error);
}

OPERATION buffer_get(void) {
    memlane_buffer_reading reading;
    require(memlane_buffer_read(buffer, MEMLANE_BUFFER_HEAD, bytes, sizeof(double), &reading, &error), &error);
}

OPERATION buffer_set(void) {
    void *record;
    require(memlane_buffer_begin(buffer, MEMLANE_NO_DEADLINE, &record, &error), &error);
    memcpy((unsigned char *)record + MEMLANE_BUFFER_HEAD, bytes, sizeof(double));
    require(memlane_buffer_end(buffer, MEMLANE_BUFFER_CHANGED, &error), &error);
}

/* -- before and after ------------------------------------------------------------------------------------------------ */

static void open_values(const char *directory) {
    memlane_variable_options variables;
    memlane_variable_options_initialise(&variables);
    variables.object.directory = directory;
    variables.max_size = SIZE;
    require(memlane_variable_open(&variable, "variable", 8, &variables, &error), &error);

    memlane_share_options shares;
    memlane_share_options_initialise(&shares);
    shares.object.directory = directory;
    shares.size = SIZE;
    require(memlane_share_open(&share, "share", 5, &shares, &error), &error);

    memlane_buffer_options buffers;
    memlane_buffer_options_initialise(&buffers);
    buffers.object.directory = directory;
    buffers.size = SIZE;
    require(memlane_buffer_open(&buffer, "buffer", 6, &buffers, &error), &error);
}

static void open_streams(const char *directory) {
    memlane_channel_options channels;
    memlane_channel_options_initialise(&channels);
    channels.object.directory = directory;
    channels.capacity = CAPACITY;
    require(memlane_channel_open(&writer, "channel", 7, MEMLANE_CHANNEL_WRITE, &channels, &error), &error);
    require(memlane_channel_open(&reader, "channel", 7, MEMLANE_CHANNEL_READ, &channels, &error), &error);
}

static void open_calls(const char *directory) {
    memlane_function_options functions;
    memlane_function_options_initialise(&functions);
    functions.object.directory = directory;
    functions.max_arguments = SIZE;
    functions.max_result = SIZE;
    require(memlane_function_open(&server, "function", 8, &functions, &error), &error);
    require(memlane_function_open(&caller, "function", 8, &functions, &error), &error);
    require(memlane_dispatcher_make(&dispatcher, 1, &error), &error);
    require(memlane_dispatcher_add(dispatcher, server, &error), &error);
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: operations DIRECTORY\n");
        return 2;
    }
    printf("%s %d for %s\n", COMPILER, COMPILER_VERSION, MACHINE);
    open_values(arguments[1]);
    open_streams(arguments[1]);
    open_calls(arguments[1]);
    require(memlane_sync_open(&sync_user, arguments[1], &error), &error);
    require(memlane_sync_initialise(sync_user, mutex, false, &error), &error);
    for (int i = 0; i < CALLS; i++) {
        variable_write();
        variable_read();
        variable_view();
        channel_write();
        channel_read();
        share_put();
        share_get();
        call_begin();
        call_post();
        task_take();
        task_respond();
        call_collect();
        mutex_pair();
        buffer_set();
        buffer_get();
    }
    return 0;
}
