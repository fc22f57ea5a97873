/* Mutexes in memory that is not ours: between threads and processes, whoever dies. */
#define _GNU_SOURCE
#include "check.h"
#include "peer.h"

#include <memlane/sync.h>

#include <pthread.h>
#include <sys/mman.h>

struct guarded {
    _Alignas(8) unsigned char mutex[MEMLANE_SYNC_SIZE];
    uint64_t count; /* plain: only the mutex protects it */
};

static struct guarded *shared_memory(void) {
    struct guarded *memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

static memlane_sync *open_sync(void) {
    memlane_sync *sync = NULL;
    memlane_error error;
    CHECK_OK(memlane_sync_open(&sync, check_directory, &error), &error);
    return sync;
}

static void initialise(memlane_sync *sync, struct guarded *memory, bool recursive) {
    memlane_error error;
    CHECK_OK(memlane_sync_initialise(sync, memory->mutex, recursive, &error), &error);
}

static bool acquire(memlane_sync *sync, struct guarded *memory) {
    memlane_error error;
    bool recovered = true;
    CHECK_OK(memlane_sync_acquire(sync, memory->mutex, check_in_ms(30000), &recovered, &error), &error);
    return recovered;
}

static void release(memlane_sync *sync, struct guarded *memory) {
    memlane_error error;
    CHECK_OK(memlane_sync_release(sync, memory->mutex, &error), &error);
}

static memlane_status try_acquire(memlane_sync *sync, struct guarded *memory) {
    bool recovered;
    return memlane_sync_acquire(sync, memory->mutex, 0, &recovered, NULL);
}

static void finish(memlane_sync *sync, struct guarded *memory) {
    memlane_sync_free(sync);
    CHECK_CALL(munmap(memory, sizeof *memory));
    char path[CHECK_PATH_SIZE + 16];
    snprintf(path, sizeof path, "%s/.participants", check_directory);
    unlink(path);
}

static void memory_that_nobody_initialised_is_no_mutex(void) {
    memlane_sync *sync = open_sync();
    struct guarded *memory = shared_memory();
    memlane_error error;
    bool recovered;

    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "initialise",
                  memlane_sync_acquire(sync, memory->mutex, 0, &recovered, &error), &error);
    memset(memory->mutex, 0xff, sizeof memory->mutex);
    CHECK_STATUS(MEMLANE_INVALID_ARGUMENT, memlane_sync_try(sync, memory->mutex, &recovered, NULL));
    CHECK_STATUS(MEMLANE_INVALID_ARGUMENT, memlane_sync_release(sync, memory->mutex, NULL));
    CHECK_STATUS(MEMLANE_INVALID_ARGUMENT, memlane_sync_destroy(sync, memory->mutex, NULL));
    initialise(NULL, memory, true);
    CHECK_STATUS(MEMLANE_INVALID_ARGUMENT, memlane_sync_try(sync, memory->mutex, &recovered, NULL));
    initialise(sync, memory, true);
    CHECK_STATUS(MEMLANE_INVALID_ARGUMENT, memlane_sync_try(NULL, memory->mutex, &recovered, NULL));

    finish(sync, memory);
}

static void a_recursive_mutex_is_free_after_as_many_releases(void) {
    memlane_sync *sync = open_sync();
    memlane_sync *other = open_sync();
    struct guarded *memory = shared_memory();
    initialise(sync, memory, true);

    CHECK(!acquire(sync, memory));
    CHECK(!acquire(sync, memory));
    release(sync, memory);
    CHECK_STATUS(MEMLANE_TIMEOUT, try_acquire(other, memory));
    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_sync_release(other, memory->mutex, NULL));
    release(sync, memory);
    CHECK(!acquire(other, memory));
    release(other, memory);
    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_sync_release(sync, memory->mutex, NULL));

    memlane_sync_free(other);
    finish(sync, memory);
}

static void a_plain_mutex_refuses_its_holder(void) {
    memlane_sync *sync = open_sync();
    struct guarded *memory = shared_memory();
    initialise(sync, memory, false);

    acquire(sync, memory);

    CHECK_STATUS(MEMLANE_WOULD_DEADLOCK, try_acquire(sync, memory));
    release(sync, memory);
    finish(sync, memory);
}

static void a_held_mutex_is_not_destroyed(void) {
    memlane_sync *sync = open_sync();
    memlane_sync *other = open_sync();
    struct guarded *memory = shared_memory();
    initialise(sync, memory, true);
    acquire(sync, memory);

    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_sync_destroy(sync, memory->mutex, NULL));
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_sync_destroy(other, memory->mutex, NULL));
    release(sync, memory);
    CHECK_STATUS(MEMLANE_OK, memlane_sync_destroy(other, memory->mutex, NULL));
    CHECK_STATUS(MEMLANE_INVALID_ARGUMENT, try_acquire(sync, memory));

    memlane_sync_free(other);
    finish(sync, memory);
}

/* -- exclusion -------------------------------------------------------------------------------------------------- */

enum { ROUNDS = 20000, WORKERS = 4 };

static struct guarded *counted;
static memlane_sync *counting; /* of all threads; NULL: of this process alone */

static void *count_in_thread(void *argument) {
    for (int i = 0; i < ROUNDS; i++) {
        acquire(counting, counted);
        counted->count++;
        release(counting, counted);
    }
    return argument;
}

static void count_in_threads(void) {
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, count_in_thread, NULL));
    }
    for (int i = 0; i < WORKERS; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
    }
    CHECK_EQUAL(ROUNDS * WORKERS, counted->count);
}

static void threads_exclude_each_other(void) {
    counting = open_sync();
    counted = shared_memory();
    initialise(counting, counted, true);

    count_in_threads();

    finish(counting, counted);
}

static void threads_of_one_process_need_no_namespace(void) {
    counting = NULL;
    counted = shared_memory();
    initialise(NULL, counted, true);

    count_in_threads();

    finish(NULL, counted);
}

static void count_in_process(int socket) {
    memlane_sync *sync = open_sync();
    for (int i = 0; i < ROUNDS; i++) {
        acquire(sync, counted);
        counted->count++;
        release(sync, counted);
    }
    memlane_sync_free(sync);
    (void)socket;
}

static void processes_exclude_each_other(void) {
    memlane_sync *sync = open_sync();
    struct peer peers[WORKERS];
    counted = shared_memory();
    initialise(sync, counted, true);

    for (int i = 0; i < WORKERS; i++) {
        peers[i] = peer_start(count_in_process);
    }
    for (int i = 0; i < WORKERS; i++) {
        PEER_JOIN(&peers[i]);
    }

    CHECK_EQUAL(ROUNDS * WORKERS, counted->count);
    finish(sync, counted);
}

static void *give_back_for_owner(void *sync) {
    memlane_error error;
    CHECK_OK(memlane_sync_release_as(sync, counted->mutex, 1, &error), &error);
    return NULL;
}

static void an_owner_is_no_thread(void) {
    memlane_sync *sync = open_sync();
    counted = shared_memory();
    initialise(sync, counted, true);
    memlane_error error;
    bool recovered;

    CHECK_OK(memlane_sync_acquire_as(sync, counted->mutex, 1, 0, &recovered, &error), &error);
    CHECK_STATUS(MEMLANE_TIMEOUT, try_acquire(sync, counted));
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_sync_acquire_as(sync, counted->mutex, 2, 0, &recovered, NULL));
    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_sync_release(sync, counted->mutex, NULL));
    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_sync_release_as(sync, counted->mutex, 2, NULL));
    pthread_t thread;
    CHECK_EQUAL(0, pthread_create(&thread, NULL, give_back_for_owner, sync));
    CHECK_EQUAL(0, pthread_join(thread, NULL));

    CHECK(!acquire(sync, counted));
    release(sync, counted);
    finish(sync, counted);
}

/* -- death and fork --------------------------------------------------------------------------------------------- */

static void hold(int socket) {
    memlane_sync *sync = open_sync();
    acquire(sync, counted);
    peer_tell(socket, 1);
    peer_hear(socket);
}

static void the_next_holder_is_told_of_a_death(void) {
    memlane_sync *sync = open_sync();
    counted = shared_memory();
    initialise(sync, counted, true);
    struct peer holder = peer_start(hold);
    peer_hear(holder.socket);
    CHECK_STATUS(MEMLANE_TIMEOUT, try_acquire(sync, counted));

    peer_kill(&holder);

    CHECK(acquire(sync, counted));
    release(sync, counted);
    CHECK(!acquire(sync, counted)); /* and only the next */
    release(sync, counted);
    finish(sync, counted);
}

static memlane_sync *inherited; /* NULL: of this process alone */

static void expect_to_hold_nothing(int socket) {
    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_sync_release(inherited, counted->mutex, NULL));
    peer_tell(socket, inherited == NULL ? 0 : (uint64_t)try_acquire(inherited, counted));
}

static void a_forked_child_holds_nothing(void) {
    inherited = open_sync();
    counted = shared_memory();
    initialise(inherited, counted, true);
    acquire(inherited, counted);

    struct peer child = peer_start(expect_to_hold_nothing);

    CHECK_EQUAL(MEMLANE_TIMEOUT, peer_hear(child.socket));
    PEER_JOIN(&child);
    release(inherited, counted);
    finish(inherited, counted);
}

/* Private memory: the child has a copy, in which its parent seems to hold the mutex. */
static void take_the_copy(int socket) {
    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_sync_release(NULL, counted->mutex, NULL));
    acquire(NULL, counted);
    release(NULL, counted);
    (void)socket;
}

static void a_forked_child_can_take_its_copy_of_a_held_mutex(void) {
    struct guarded memory = {0};
    counted = &memory;
    initialise(NULL, counted, true);
    acquire(NULL, counted);

    struct peer child = peer_start(take_the_copy);

    PEER_JOIN(&child);
    release(NULL, counted);
}

static const struct check_test tests[] = {
    {"memory that nobody initialised is no mutex", memory_that_nobody_initialised_is_no_mutex},
    {"a recursive mutex is free after as many releases", a_recursive_mutex_is_free_after_as_many_releases},
    {"a plain mutex refuses its holder", a_plain_mutex_refuses_its_holder},
    {"a held mutex is not destroyed", a_held_mutex_is_not_destroyed},
    {"threads exclude each other", threads_exclude_each_other},
    {"threads of one process need no namespace", threads_of_one_process_need_no_namespace},
    {"processes exclude each other", processes_exclude_each_other},
    {"an owner is no thread", an_owner_is_no_thread},
    {"the next holder is told of a death", the_next_holder_is_told_of_a_death},
    {"a forked child holds nothing", a_forked_child_holds_nothing},
    {"a forked child can take its copy of a held mutex", a_forked_child_can_take_its_copy_of_a_held_mutex},
};

CHECK_MAIN(tests)
