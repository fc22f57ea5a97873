/* Serves the function `judge` to callers in C, C++ and Python, until Ctrl-C:
 * cc -std=c11 function_server.c $(pkg-config --cflags --libs memlane) */
#define _POSIX_C_SOURCE 200809L
#include "judge_format.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)

static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
    interrupted = number;
}

static uint64_t in_a_moment(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec + SECOND / 10;
}

static memlane_status serve_one(memlane_dispatcher *dispatcher, memlane_error *error) {
    struct frame frame;
    memlane_task task;
    memlane_status status = memlane_dispatcher_take(dispatcher, NULL, in_a_moment(), &task, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memcpy(&frame, task.bytes, sizeof frame); /* the library made sure of its size */
    struct verdict verdict = judge(&frame);
    memcpy(task.response, &verdict, sizeof verdict);
    return memlane_task_respond(&task, sizeof verdict, MEMLANE_TYPE_STRUCT, error);
}

static memlane_status serve(memlane_dispatcher *dispatcher, memlane_error *error) {
    memlane_status status = MEMLANE_OK;
    while (interrupted == 0 && (status == MEMLANE_OK || status == MEMLANE_TIMEOUT)) {
        status = serve_one(dispatcher, error);
    }
    return status;
}

int main(void) {
    memlane_function *function = NULL;
    memlane_dispatcher *dispatcher = NULL;
    memlane_error error;

    signal(SIGINT, interrupt);
    memlane_status status = judge_open(&function, &error);
    if (status == MEMLANE_OK) {
        status = memlane_dispatcher_make(&dispatcher, 1, &error);
    }
    if (status == MEMLANE_OK) {
        status = memlane_dispatcher_add(dispatcher, function, &error);
    }
    if (status == MEMLANE_OK) {
        status = serve(dispatcher, &error);
    }
    if (interrupted == 0) {
        fprintf(stderr, "%s\n", error.message);
    }
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    return interrupted == 0;
}
