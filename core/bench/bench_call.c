/* Nanoseconds of a one-way call to another process, from C: core/bench/bench_call [bytes...].
 *
 * Caller and server are pinned to two processors. For each size it prints
 *   arrival   from before the call begins, its bytes filled in, to the server that has taken it: both read one clock;
 *   execution from the same to the caller's knowledge, by a word that both share, that the server is done with it;
 *   stream    a call among many that are made one after another, to the last one's execution: the smallest of many
 *             rounds, for what disturbs a round only adds.
 * The first two are the median and the 99th percentile. Each call is made when the last one was executed: both ends are
 * awake. */
#define _GNU_SOURCE
#include "bench.h"
#include "two_processors.h"

#include <memlane/function.h>
#include <memlane/memlane.h>

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WARM_UP = 2000, CALLS = 50000, ROUNDS = 100, ROUND_CALLS = 2000, LARGEST = 1 << 20 };

#define LAST UINT64_MAX

/* Between caller and server, outside of what is measured. */
struct shared {
    atomic_uint_fast64_t ready; /* the server writes 1: it serves from now on */
    atomic_uint_fast64_t taken; /* the server counts the calls that it has executed; the caller waits for that */
    uint64_t arrival[CALLS];    /* written by the server before it counts; the caller reads it afterwards */
};

static unsigned char bytes[LARGEST];

static uint64_t execution[CALLS];

/* -- the server ---------------------------------------------------------------------------------------------------- */

static memlane_function *open_function(const char *directory, uint64_t size) {
    memlane_function_options options;
    memlane_function *function;
    memlane_error error;
    memlane_function_options_initialise(&options);
    options.object.directory = directory;
    options.max_arguments = size;
    options.max_result = 0;
    require(memlane_function_open(&function, "bench", 5, &options, &error), &error);
    return function;
}

/* Executes one call: its execution is the copy that a server would make. Returns the stamp that it carries. */
static uint64_t execute(memlane_dispatcher *dispatcher, struct shared *shared) {
    memlane_task task;
    memlane_error error;
    uint64_t stamp;
    require(memlane_dispatcher_take(dispatcher, NULL, MEMLANE_NO_DEADLINE, &task, &error), &error);
    uint64_t at = now();
    memcpy(bytes, task.bytes, task.size);
    memcpy(&stamp, bytes, sizeof stamp);
    uint64_t number = atomic_load_explicit(&shared->taken, memory_order_relaxed);
    if (number >= WARM_UP && number < WARM_UP + CALLS) {
        shared->arrival[number - WARM_UP] = at - stamp;
    }
    require(memlane_task_respond(&task, 0, 0, &error), &error);
    atomic_store_explicit(&shared->taken, number + 1, memory_order_release);
    return stamp;
}

static void serve(const char *directory, uint64_t size, struct shared *shared) {
    memlane_function *function = open_function(directory, size);
    memlane_dispatcher *dispatcher;
    memlane_error error;
    require(memlane_dispatcher_make(&dispatcher, 1, &error), &error);
    require(memlane_dispatcher_add(dispatcher, function, &error), &error);
    atomic_store_explicit(&shared->ready, 1, memory_order_release);
    while (execute(dispatcher, shared) != LAST) {}
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
}

static pid_t start_server(const char *directory, uint64_t size, int processor, struct shared *shared) {
    pid_t parent = getpid();
    pid_t server = fork();
    require_call(server >= 0, "fork");
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        pin_to(processor);
        serve(directory, size, shared);
        _exit(0);
    }
    return server;
}

/* -- the caller ---------------------------------------------------------------------------------------------------- */

/* Waits without sleeping; ends when the server has ended, which it does by itself only when it failed. */
static void await(atomic_uint_fast64_t *count, uint64_t wanted, pid_t server) {
    for (uint64_t looks = 1; atomic_load_explicit(count, memory_order_acquire) < wanted; looks++) {
        if (looks % (1 << 20) == 0 && waitpid(server, NULL, WNOHANG) != 0) {
            fprintf(stderr, "the server ended before it had executed every call\n");
            exit(1);
        }
    }
}

static void call_once(memlane_function *function, uint64_t size, uint64_t stamp) {
    memlane_call call;
    memlane_error error;
    require(memlane_call_begin(function, &call, MEMLANE_NO_DEADLINE, &error), &error);
    memcpy(call.bytes, bytes, size);
    memcpy(call.bytes, &stamp, sizeof stamp);
    require(memlane_call_post(&call, size, 0, &error), &error);
    memlane_call_forget(&call);
}

static void measure_single_calls(memlane_function *function, uint64_t size, pid_t server, struct shared *shared) {
    for (uint64_t calls = 1; calls <= WARM_UP + CALLS; calls++) {
        uint64_t start = now();
        call_once(function, size, start);
        await(&shared->taken, calls, server);
        if (calls > WARM_UP) {
            execution[calls - WARM_UP - 1] = now() - start;
        }
    }
}

static double measure_stream(memlane_function *function, uint64_t size, pid_t server, struct shared *shared) {
    uint64_t best = UINT64_MAX;
    uint64_t calls = WARM_UP + CALLS;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = now();
        for (int i = 0; i < ROUND_CALLS; i++) {
            call_once(function, size, 0);
        }
        calls += ROUND_CALLS;
        await(&shared->taken, calls, server);
        uint64_t taken = now() - start;
        best = taken < best ? taken : best;
    }
    return (double)best / ROUND_CALLS;
}

static void measure_size(const char *directory, uint64_t size, const int processors[2]) {
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memlane_error error;
    require_call(shared != MAP_FAILED, "mmap");
    pid_t server = start_server(directory, size, processors[1], shared);
    pin_to(processors[0]);
    memlane_function *function = open_function(directory, size);
    await(&shared->ready, 1, server);
    measure_single_calls(function, size, server, shared);
    double streamed = measure_stream(function, size, server, shared);
    call_once(function, size, LAST);
    require_call(waitpid(server, NULL, 0) == server, "waitpid");
    printf("%8" PRIu64 " bytes", size);
    print_times("arrival", shared->arrival, CALLS);
    print_times("execution", execution, CALLS);
    printf("  stream %.1f ns\n", streamed);
    memlane_function_free(function);
    require(memlane_unlink(directory, "bench", 5, 0600, -1, &error), &error);
    munmap(shared, sizeof *shared);
}

int main(int count, char **arguments) {
    char directory[] = "/dev/shm/memlane-bench-XXXXXX";
    int processors[2];
    find_processors(processors);
    require_call(mkdtemp(directory) != NULL, directory);
    for (int i = 1; i < count; i++) {
        uint64_t size = strtoull(arguments[i], NULL, 10);
        size = size < sizeof(uint64_t) ? sizeof(uint64_t) : size;
        measure_size(directory, size > LARGEST ? LARGEST : size, processors);
    }
    if (count == 1) {
        measure_size(directory, 40, processors);
        measure_size(directory, 1024, processors);
        measure_size(directory, 65536, processors);
    }
    rmdir(directory);
    return 0;
}
