/* Stress for ThreadSanitizer: threads stand for processes. It sees nothing through two mappings of one file, so here all
 * endpoints of a file get one mapping, at one address; and nothing through standalone fences, so values are read under a
 * pin. What lies between a claim and its commit, a pin and its release, or in a lock, is plain memory: whenever an order is
 * too weak, two threads race for it. mutants.py weakens each of them. */
#define _GNU_SOURCE
#include "../check.h"
#include "../endpoint.h"
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

static const struct check_test tests[] = {
    {"writers and viewers never touch the same bytes", writers_and_viewers_never_touch_the_same_bytes},
    {"owners of a lock never touch its data at once", owners_of_a_lock_never_touch_its_data_at_once},
    {"readers and writers of a map never touch it at once", readers_and_writers_of_a_map_never_touch_it_at_once},
    {"ends of a channel never touch the same bytes", ends_of_a_channel_never_touch_the_same_bytes},
};

CHECK_MAIN(tests)
