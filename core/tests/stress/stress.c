/* Stress for ThreadSanitizer: threads stand for processes. It sees nothing through two mappings of one file, so here all
 * endpoints of a file get one mapping, at one address; and nothing through standalone fences, so values are read under a
 * pin. What lies between a claim and its commit, a pin and its release, or in a lock, is plain memory: whenever an order is
 * too weak, two threads race for it. mutants.py weakens each of them. */
#define _GNU_SOURCE
#include "../check.h"
#include "../endpoint.h"
#include "../function_object.h"
#include "../lock_object.h"
#include "../map_endpoint.h"
#include "../stream.h"

#include "platform.h"

#include <pthread.h>
#include <sys/mman.h>

enum { ENDPOINTS = 4, ROUNDS = 30000, SLOTS_BUSY = 8, WORDS = 16 };

/* -- one mapping for each file ---------------------------------------------------------------------------------- */

enum { FILES = 8 };

/* Under the mutex. */
static pthread_mutex_t mappings_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    uint64_t device, inode;
    void *address;
    unsigned users;
} mappings[FILES];

int __real_memlane_platform_map(int descriptor, size_t size, bool writable, void **address);
void __real_memlane_platform_unmap(void *address, size_t size);
int __wrap_memlane_platform_map(int descriptor, size_t size, bool writable, void **address);
void __wrap_memlane_platform_unmap(void *address, size_t size);

static int map_or_share(const struct memlane_file_status *file, int descriptor, size_t size, void **address) {
    size_t free_place = FILES;
    for (size_t i = 0; i < FILES; i++) {
        if (mappings[i].users != 0 && mappings[i].inode == file->inode && mappings[i].device == file->device) {
            mappings[i].users++;
            *address = mappings[i].address;
            return 0;
        }
        free_place = mappings[i].users == 0 ? i : free_place;
    }
    CHECK(free_place < FILES);
    int failure = __real_memlane_platform_map(descriptor, size, true, address);
    if (failure == 0) {
        mappings[free_place].device = file->device;
        mappings[free_place].inode = file->inode;
        mappings[free_place].address = *address;
        mappings[free_place].users = 1;
    }
    return failure;
}

int __wrap_memlane_platform_map(int descriptor, size_t size, bool writable, void **address) {
    struct memlane_file_status file;
    (void)writable; /* a view is read at the address where it was written */
    int failure = memlane_platform_describe(descriptor, &file);
    if (failure == 0) {
        pthread_mutex_lock(&mappings_mutex);
        failure = map_or_share(&file, descriptor, size, address);
        pthread_mutex_unlock(&mappings_mutex);
    }
    return failure;
}

void __wrap_memlane_platform_unmap(void *address, size_t size) {
    pthread_mutex_lock(&mappings_mutex);
    for (size_t i = 0; i < FILES; i++) {
        if (mappings[i].users == 0 || mappings[i].address != address) {
            continue;
        }
        mappings[i].users--;
        if (mappings[i].users == 0) {
            __real_memlane_platform_unmap(address, size);
        }
    }
    pthread_mutex_unlock(&mappings_mutex);
}

/* -- threads ------------------------------------------------------------------------------------------------------ */

static pthread_barrier_t together;

static void run_threads(void *(*const bodies[])(void *), void *arguments[], unsigned count) {
    pthread_t threads[ENDPOINTS];
    pthread_barrier_init(&together, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, bodies[i], arguments[i]));
    }
    for (unsigned i = 0; i < count; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
    }
    pthread_barrier_destroy(&together);
}

/* -- claim and commit against pin and unpin ----------------------------------------------------------------------- */

static void *write_values(void *endpoint) {
    memlane_error error;
    memlane_loan loan;
    pthread_barrier_wait(&together);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        CHECK_OK(memlane_variable_loan(endpoint, &loan, check_in_ms(30000), &error), &error);
        uint64_t *words = loan.bytes;
        for (unsigned i = 0; i < WORDS; i++) {
            words[i] = round;
        }
        if (round % 16 == 0) {
            memlane_loan_drop(&loan);
        } else {
            CHECK_OK(memlane_loan_commit(&loan, sizeof *words * WORDS, 1, NULL, &error), &error);
        }
    }
    return NULL;
}

/* Reads with no order of its own: only the pin lies between it and the writers. */
static void *view_values(void *endpoint) {
    memlane_error error;
    memlane_view view;
    pthread_barrier_wait(&together);
    for (unsigned round = 0; round < ROUNDS; round++) {
        CHECK_OK(memlane_variable_view(endpoint, &view, &error), &error);
        const uint64_t *words = view.bytes;
        for (unsigned i = 1; i < WORDS; i++) {
            CHECK_EQUAL(words[0], words[i]);
        }
        memlane_view_release(&view);
    }
    return NULL;
}

/* Few slots: each is written again soon after it was read. */
static void writers_and_viewers_never_touch_the_same_bytes(void) {
    memlane_variable *endpoints[ENDPOINTS];
    memlane_variable_options options = endpoint_options();
    uint64_t first[WORDS] = {0};
    memlane_error error;
    options.slots = SLOTS_BUSY;
    options.max_size = sizeof first;
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        endpoints[i] = endpoint_open_with("value", &options);
    }
    CHECK_OK(memlane_variable_write(endpoints[0], first, sizeof first, 1, 0, &error), &error);

    run_threads((void *(*const[])(void *)){write_values, write_values, view_values, view_values}, (void **)endpoints,
                ENDPOINTS);

    for (unsigned i = 0; i < ENDPOINTS; i++) {
        memlane_variable_free(endpoints[i]);
    }
    endpoint_unlink("value");
}

/* -- the lock ------------------------------------------------------------------------------------------------------- */

static void *count_under_the_lock(void *argument) {
    struct memlane_segment *segment = argument;
    struct lock_object *object = lock_object_of(segment);
    uint32_t token;
    pthread_barrier_wait(&together);
    for (unsigned round = 0; round < ROUNDS; round++) {
        CHECK_STATUS(MEMLANE_OK, memlane_lock_acquire(segment, &object->place[0].lock, check_in_ms(30000), &token));
        object->place[0].guarded++;
        CHECK_STATUS(MEMLANE_OK, memlane_lock_release(segment, &object->place[0].lock, token));
    }
    return NULL;
}

static void owners_of_a_lock_never_touch_its_data_at_once(void) {
    enum { OWNERS = 2 };
    static struct memlane_segment segments[OWNERS];
    memlane_error error;
    struct lock_object *object = NULL;
    for (unsigned i = 0; i < OWNERS; i++) {
        object = lock_object_open(&segments[i], OWNERS);
    }

    run_threads((void *(*const[])(void *)){count_under_the_lock, count_under_the_lock},
                (void *[]){&segments[0], &segments[1]}, OWNERS);

    CHECK_EQUAL((uint64_t)OWNERS * ROUNDS, object->place[0].guarded);
    for (unsigned i = 0; i < OWNERS; i++) {
        lock_object_close(&segments[i]);
    }
    CHECK_OK(memlane_unlink(check_directory, "locks", strlen("locks"), 0600, -1, &error), &error);
}

/* -- the lock for readers and writers ------------------------------------------------------------------------------ */

static void *write_in_the_map(void *argument) {
    struct guarded *guarded = map_guarded(argument);
    memlane_map_lock lock;
    pthread_barrier_wait(&together);
    for (unsigned round = 0; round < ROUNDS; round++) {
        map_lock_write(argument, &lock);
        guarded->first++;
        guarded->second++;
        map_unlock(&lock);
    }
    return NULL;
}

static void *read_in_the_map(void *argument) {
    const struct guarded *guarded = map_guarded(argument);
    memlane_map_lock lock;
    pthread_barrier_wait(&together);
    for (unsigned round = 0; round < ROUNDS; round++) {
        map_lock_read(argument, &lock);
        CHECK_EQUAL(guarded->first, guarded->second);
        map_unlock(&lock);
    }
    return NULL;
}

static void readers_and_writers_of_a_map_never_touch_it_at_once(void) {
    memlane_map *maps[ENDPOINTS];
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        maps[i] = map_open();
    }

    run_threads((void *(*const[])(void *)){write_in_the_map, write_in_the_map, read_in_the_map, read_in_the_map},
                (void **)maps, ENDPOINTS);

    CHECK_EQUAL(UINT64_C(2) * ROUNDS, map_guarded(maps[0])->first);
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        memlane_map_free(maps[i]);
    }
    map_unlink();
}

/* -- the ring of a channel ------------------------------------------------------------------------------------------ */

enum { CHANNEL_CAPACITY = 100, LONGEST_PART = 30 };

static void *write_the_stream(void *writer) {
    pthread_barrier_wait(&together);
    for (unsigned round = 0; round < ROUNDS; round++) {
        stream_write(writer, round % LONGEST_PART + 1);
    }
    return NULL;
}

static void *read_the_stream(void *reader) {
    pthread_barrier_wait(&together);
    for (unsigned round = 0; round < ROUNDS; round++) {
        stream_read(reader, round % LONGEST_PART + 1);
    }
    return NULL;
}

static void ends_of_a_channel_never_touch_the_same_bytes(void) {
    memlane_channel *ends[] = {stream_writer(CHANNEL_CAPACITY), stream_reader(CHANNEL_CAPACITY)};

    run_threads((void *(*const[])(void *)){write_the_stream, read_the_stream}, (void **)ends, 2);

    CHECK_EQUAL(memlane_channel_position(ends[0]), memlane_channel_position(ends[1]));
    memlane_channel_free(ends[0]);
    memlane_channel_free(ends[1]);
}

/* -- calls ------------------------------------------------------------------------------------------------------------ */

enum { CALLERS = 2, SERVERS = 2, CALL_ROUNDS = 5000 };

static memlane_dispatcher *dispatchers[SERVERS];
static memlane_atomic32 callers_at_work;

/* Requests and responses are plain memory: only the moves of the slots lie between callers and servers. */
static void *call_with_values(void *function) {
    memlane_error error;
    memlane_answer answer;
    memlane_call call;
    pthread_barrier_wait(&together);
    for (uint64_t round = 1; round <= CALL_ROUNDS; round++) {
        CHECK_OK(memlane_call_begin(function, &call, check_in_ms(30000), &error), &error);
        uint64_t *words = call.bytes;
        for (unsigned i = 0; i < WORDS; i++) {
            words[i] = round;
        }
        CHECK_OK(memlane_call_post(&call, sizeof *words * WORDS, 1, &error), &error);
        CHECK_OK(memlane_call_wait(&call, check_in_ms(30000), &answer, &error), &error);
        const uint64_t *results = answer.bytes;
        for (unsigned i = 0; i < WORDS; i++) {
            CHECK_EQUAL(round + 1, results[i]);
        }
        memlane_call_end(&call);
    }
    if (memlane_add32_seq_cst(&callers_at_work, UINT32_MAX) == 1) {
        for (unsigned i = 0; i < SERVERS; i++) {
            memlane_dispatcher_stop(dispatchers[i]);
        }
    }
    return NULL;
}

static void *serve_values(void *dispatcher) {
    memlane_error error;
    memlane_task task;
    pthread_barrier_wait(&together);
    while (memlane_dispatcher_take(dispatcher, NULL, MEMLANE_NO_DEADLINE, &task, &error) == MEMLANE_OK) {
        const uint64_t *words = task.bytes;
        uint64_t *results = task.response;
        for (unsigned i = 0; i < WORDS; i++) {
            CHECK_EQUAL(words[0], words[i]);
            results[i] = words[i] + 1;
        }
        CHECK_OK(memlane_task_respond(&task, sizeof *words * WORDS, 1, &error), &error);
    }
    return NULL;
}

static void callers_and_servers_never_touch_the_same_bytes_at_once(void) {
    memlane_function *functions[CALLERS + SERVERS];
    for (unsigned i = 0; i < CALLERS + SERVERS; i++) {
        functions[i] = function_open("call");
    }
    for (unsigned i = 0; i < SERVERS; i++) {
        dispatchers[i] = function_dispatcher(functions[CALLERS + i]);
    }
    memlane_store32_relaxed(&callers_at_work, CALLERS); /* relaxed: no thread yet */

    run_threads((void *(*const[])(void *)){call_with_values, call_with_values, serve_values, serve_values},
                (void *[]){functions[0], functions[1], dispatchers[0], dispatchers[1]}, ENDPOINTS);

    CHECK_EQUAL((uint64_t)CALLERS * CALL_ROUNDS, function_statistics(functions[0]).served);
    for (unsigned i = 0; i < SERVERS; i++) {
        memlane_dispatcher_free(dispatchers[i]);
    }
    for (unsigned i = 0; i < CALLERS + SERVERS; i++) {
        memlane_function_free(functions[i]);
    }
    function_unlink("call");
}

static const struct check_test tests[] = {
    {"writers and viewers never touch the same bytes", writers_and_viewers_never_touch_the_same_bytes},
    {"callers and servers never touch the same bytes at once", callers_and_servers_never_touch_the_same_bytes_at_once},
    {"owners of a lock never touch its data at once", owners_of_a_lock_never_touch_its_data_at_once},
    {"readers and writers of a map never touch it at once", readers_and_writers_of_a_map_never_touch_it_at_once},
    {"ends of a channel never touch the same bytes", ends_of_a_channel_never_touch_the_same_bytes},
};

CHECK_MAIN(tests)
