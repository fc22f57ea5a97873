/* Shared maps: bytes under a lock for many readers or one writer, whoever dies. */
#define _GNU_SOURCE
#include "check.h"
#include "map_endpoint.h"
#include "peer.h"

#include <fcntl.h>
#include <pthread.h>

/* -- the bytes -------------------------------------------------------------------------------------------------- */

static void a_new_map_is_zeros_of_exactly_its_size(void) {
    memlane_map *map = map_open();
    memlane_map *same = map_open();
    const unsigned char *bytes = memlane_map_bytes(same);

    CHECK_EQUAL(MAP_SIZE, memlane_map_size(map));
    CHECK_EQUAL(0, (uintptr_t)bytes % 4096);
    for (unsigned i = 0; i < MAP_SIZE; i++) {
        CHECK_EQUAL(0, bytes[i]);
    }
    ((unsigned char *)memlane_map_bytes(map))[MAP_SIZE - 1] = 7;
    CHECK_EQUAL(7, bytes[MAP_SIZE - 1]);

    memlane_map_free(same);
    memlane_map_free(map);
    map_unlink();
}

static void expect_refusal(uint64_t size, bool create, memlane_status expected, const char *text) {
    memlane_map_options options = map_options(size);
    memlane_map *map = NULL;
    memlane_error error;
    options.object.create = create;
    CHECK_STATUS(expected, memlane_map_open(&map, "map", 3, &options, &error));
    CHECK(map == NULL);
    if (strstr(error.message, text) == NULL) {
        CHECK_FAIL("'%s' does not say '%s'", error.message, text);
    }
}

static void impossible_and_other_sizes_are_refused(void) {
    expect_refusal(0, true, MEMLANE_INVALID_ARGUMENT, "size=0 is not between 1 and");
    expect_refusal(UINT64_C(1) << 39, true, MEMLANE_INVALID_ARGUMENT, "is not between 1 and");
    expect_refusal(MEMLANE_ANY, true, MEMLANE_INVALID_ARGUMENT, "a new map needs a size");
    expect_refusal(MEMLANE_ANY, false, MEMLANE_NOT_FOUND, "there is no map 'map'");
    memlane_map *map = map_open();

    expect_refusal(MAP_SIZE + 1, true, MEMLANE_SIZE_MISMATCH, "size=5001 was asked for, the object has size=5000");

    memlane_map_options adopting = map_options(MEMLANE_ANY);
    adopting.object.create = false;
    memlane_map *same = map_open_with(&adopting);
    CHECK_EQUAL(MAP_SIZE, memlane_map_size(same));
    memlane_map_free(same);
    memlane_map_free(map);
    map_unlink();
}

static void a_second_mapping_begins_where_the_bytes_do(void) {
    memlane_map *map = map_open();
    memlane_error error;
    uint64_t offset, found = 0;
    int descriptor;
    map_guarded(map)->first = 42;

    CHECK_OK(memlane_map_descriptor(map, &descriptor, &offset, &error), &error);
    CHECK_EQUAL(0, offset % 4096);
    CHECK_EQUAL(sizeof found, pread(descriptor, &found, sizeof found, (off_t)offset));
    CHECK_EQUAL(42, found);

    CHECK_CALL(close(descriptor));
    memlane_map_free(map);
    map_unlink();
}

/* -- the lock in one process ------------------------------------------------------------------------------------ */

static void expect_timeout(memlane_map *map, bool writes, const char *holder) {
    memlane_map_lock lock;
    memlane_error error;
    uint64_t deadline = check_in_ms(20);
    memlane_status status = writes ? memlane_map_lock_write(map, &lock, deadline, &error)
                                   : memlane_map_lock_read(map, &lock, deadline, &error);
    CHECK_STATUS(MEMLANE_TIMEOUT, status);
    CHECK(check_now() >= deadline);
    CHECK(lock.map == NULL);
    if (strstr(error.message, holder) == NULL) {
        CHECK_FAIL("'%s' does not name '%s'", error.message, holder);
    }
}

static void own_name(char text[32]) {
    snprintf(text, 32, "held by pid %d (", (int)getpid());
}

static void a_writer_excludes_all_and_readers_exclude_writers(void) {
    memlane_map *map = map_open(), *other = map_open(), *third = map_open();
    memlane_map_lock lock, beside;
    char here[32];
    own_name(here);

    map_lock_write(map, &lock);
    CHECK_EQUAL(MEMLANE_MAP_WRITING, memlane_map_mode(map));
    CHECK_EQUAL(0, memlane_map_mode(other));
    expect_timeout(other, true, here);
    expect_timeout(other, false, here);
    map_unlock(&lock);

    map_lock_read(map, &lock);
    map_lock_read(other, &beside);
    CHECK_EQUAL(MEMLANE_MAP_READING, memlane_map_mode(other));
    expect_timeout(third, true, here);
    map_unlock(&lock);
    expect_timeout(third, true, here);
    map_unlock(&beside);
    CHECK_EQUAL(0, memlane_map_mode(other));

    uint32_t fence = 0;
    map_lock_write(third, &lock);
    fence = lock.fence;
    map_unlock(&lock);
    map_lock_write(map, &lock);
    CHECK_EQUAL(fence + 1, lock.fence);
    map_unlock(&lock);
    memlane_map_free(third);
    memlane_map_free(other);
    memlane_map_free(map);
    map_unlink();
}

static void a_thread_that_would_wait_for_itself_is_told_so(void) {
    memlane_map *map = map_open();
    memlane_map_lock lock, nested;
    memlane_error error;

    map_lock_read(map, &lock);
    CHECK_STATUS(MEMLANE_ALREADY_LOCKED, memlane_map_lock_write(map, &nested, MEMLANE_NO_DEADLINE, &error));
    CHECK(strstr(error.message, "a read lock does not become a write lock") != NULL);
    CHECK_STATUS(MEMLANE_ALREADY_LOCKED, memlane_map_lock_read(map, &nested, MEMLANE_NO_DEADLINE, &error));
    CHECK_STATUS(MEMLANE_NOT_LOCKED, memlane_map_unlock(&nested, &error));
    map_unlock(&lock);
    map_lock_write(map, &lock);
    CHECK_STATUS(MEMLANE_ALREADY_LOCKED, memlane_map_lock_write(map, &nested, MEMLANE_NO_DEADLINE, &error));
    map_unlock(&lock);

    CHECK_STATUS(MEMLANE_NOT_LOCKED, memlane_map_unlock(&lock, &error));
    memlane_map_free(map);
    map_unlink();
}

static bool says_so(void *argument) {
    return *(bool *)argument;
}

static void a_lock_of_nobody_excludes_its_own_thread(void) {
    memlane_map *map = map_open();
    memlane_map_lock lock, other;
    memlane_error error;
    bool ends = true;

    CHECK_OK(memlane_map_lock_for_nobody(map, &lock, MEMLANE_MAP_WRITING, 0, NULL, NULL, &error), &error);
    CHECK_EQUAL(0, memlane_map_mode(map));
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_map_lock_for_nobody(map, &other, MEMLANE_MAP_READING, 0, NULL, NULL, &error));
    CHECK(strstr(error.message, "another thread or task of this process") != NULL);
    CHECK_STATUS(MEMLANE_INTERRUPTED, memlane_map_lock_for_nobody(map, &other, MEMLANE_MAP_WRITING, MEMLANE_NO_DEADLINE,
                                                                  says_so, &ends, &error));
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_map_lock_write(map, &other, 0, &error));
    map_unlock(&lock);
    CHECK_OK(memlane_map_lock_for_nobody(map, &lock, MEMLANE_MAP_READING, 0, NULL, NULL, &error), &error);
    CHECK_OK(memlane_map_lock_for_nobody(map, &other, MEMLANE_MAP_READING, 0, NULL, NULL, &error), &error);
    map_unlock(&lock);
    map_unlock(&other);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "mode 3", memlane_map_lock_for_nobody(map, &lock, 3, 0, NULL, NULL, &error),
                  &error);

    memlane_map_free(map);
    map_unlink();
}

static void closing_ends_a_wait_and_keeps_the_bytes_under_a_lock(void) {
    memlane_map *map = map_open();
    memlane_map_lock lock, late;
    memlane_error error;
    map_lock_write(map, &lock);

    memlane_map_close(map);
    map_guarded(map)->first = 9; /* still mapped */
    CHECK_STATUS(MEMLANE_CLOSED, memlane_map_lock_read(map, &late, 0, &error));
    memlane_map_free(map);
    map_unlock(&lock);

    map = map_open();
    CHECK_EQUAL(9, map_guarded(map)->first);
    map_lock_write(map, &lock);
    CHECK(!lock.recovered); /* it was given back, not lost */
    map_unlock(&lock);
    memlane_map_free(map);
    map_unlink();
}

static void statistics_count_locks_and_recoveries(void) {
    memlane_map *map = map_open();
    memlane_map_lock lock;
    memlane_map_statistics statistics;
    memlane_error error;
    for (int i = 0; i < 3; i++) {
        map_lock_read(map, &lock);
        map_unlock(&lock);
    }
    map_lock_write(map, &lock);
    map_unlock(&lock);

    CHECK_OK(memlane_map_statistics_read(map, &statistics, &error), &error);
    CHECK_EQUAL(3, statistics.read_locks);
    CHECK_EQUAL(1, statistics.write_locks);
    CHECK_EQUAL(0, statistics.recovered);
    CHECK_EQUAL(1, statistics.live_participants);
    CHECK(statistics.is_current);
    memlane_map_free(map);
    map_unlink();
}

static void a_truncated_file_is_reported_when_the_lock_is_given_back(void) {
    memlane_map *map = map_open();
    memlane_map_lock lock;
    memlane_error error;
    char path[CHECK_PATH_SIZE + 8];
    map_lock_write(map, &lock);
    snprintf(path, sizeof path, "%s/map", check_directory);

    CHECK_CALL(truncate(path, 0));
    *(volatile uint64_t *)&map_guarded(map)->first = 1; /* the trap puts zeros there */

    CHECK_STATUS(MEMLANE_CORRUPTED, memlane_map_unlock(&lock, &error));
    CHECK_STATUS(MEMLANE_CORRUPTED, memlane_map_check(map, &error));
    CHECK(strstr(error.message, "truncated") != NULL);
    CHECK_STATUS(MEMLANE_CORRUPTED, memlane_map_lock_read(map, &lock, 0, &error));
    memlane_map_free(map);
    CHECK_CALL(unlink(path));
}

/* -- threads of one endpoint -------------------------------------------------------------------------------------- */

static memlane_map *shared;
static pthread_barrier_t together;

static void *read_together(void *argument) {
    memlane_map_lock lock;
    (void)argument;
    map_lock_read(shared, &lock);
    pthread_barrier_wait(&together); /* all are inside at once */
    map_unlock(&lock);
    return NULL;
}

static void threads_of_one_endpoint_read_together(void) {
    enum { READERS = 4 };
    pthread_t threads[READERS];
    shared = map_open();
    pthread_barrier_init(&together, NULL, READERS);
    for (int i = 0; i < READERS; i++) {
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, read_together, NULL));
    }
    for (int i = 0; i < READERS; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
    }
    memlane_map *other = map_open();
    memlane_map_lock lock;
    map_lock_write(other, &lock); /* the last one put the flag down */
    map_unlock(&lock);
    memlane_map_free(other);
    memlane_map_free(shared);
    map_unlink();
}

static void *wait_until_closed(void *argument) {
    memlane_map_lock lock;
    memlane_error error;
    pthread_barrier_wait(&together);
    CHECK_STATUS(MEMLANE_CLOSED, memlane_map_lock_write(argument, &lock, MEMLANE_NO_DEADLINE, &error));
    return NULL;
}

static void closing_ends_the_waits_of_other_threads(void) {
    pthread_t thread;
    memlane_map_lock lock;
    memlane_map *other = map_open();
    shared = map_open();
    map_lock_read(other, &lock);
    pthread_barrier_init(&together, NULL, 2);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, wait_until_closed, shared));
    pthread_barrier_wait(&together);
    memlane_map_close(shared);
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    map_unlock(&lock);
    memlane_map_free(shared);
    memlane_map_free(other);
    map_unlink();
}

/* -- exclusion between processes and threads ---------------------------------------------------------------------- */

enum { ROUNDS = 4000, WORKERS = 4 };

static void check_whole(const struct guarded *guarded) {
    uint64_t first = *(const volatile uint64_t *)&guarded->first;
    CHECK_EQUAL(first, *(const volatile uint64_t *)&guarded->second);
}

/* Two of three rounds read. */
static void *work(void *argument) {
    memlane_map *map = argument;
    struct guarded *guarded = map_guarded(map);
    memlane_map_lock lock;
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 3 != 0) {
            map_lock_read(map, &lock);
            check_whole(guarded);
            map_unlock(&lock);
            continue;
        }
        map_lock_write(map, &lock);
        check_whole(guarded);
        *(volatile uint64_t *)&guarded->first += 1;
        *(volatile uint64_t *)&guarded->second += 1;
        map_unlock(&lock);
    }
    return NULL;
}

static void work_in_two_threads(int socket) {
    pthread_t thread;
    memlane_map *map = map_open();
    peer_hear(socket);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, work, map));
    work(map);
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    memlane_map_free(map);
}

static void no_write_is_lost_or_half_seen_between_processes_and_threads(void) {
    struct peer workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = peer_start(work_in_two_threads);
    }
    memlane_map *map = map_open();
    for (int i = 0; i < WORKERS; i++) {
        peer_tell(workers[i].socket, 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        PEER_JOIN(&workers[i]);
    }
    CHECK_EQUAL((uint64_t)WORKERS * 2 * ((ROUNDS + 2) / 3), map_guarded(map)->first);
    memlane_map_free(map);
    map_unlink();
}

/* Two endpoints take turns, and neither lets go before the other is inside, but for a writer: there is always a
 * reader. */
static void keep_reading(int socket) {
    memlane_map *map[2] = {map_open(), map_open()};
    memlane_map_lock lock[2];
    memlane_error error;
    unsigned turn = 0;
    uint64_t message, relayed = 0;
    map_lock_read(map[0], &lock[0]);
    peer_tell(socket, 0);
    while (recv(socket, &message, sizeof message, MSG_DONTWAIT) != sizeof message) {
        unsigned next = 1 - turn;
        bool overlaps = memlane_map_lock_read(map[next], &lock[next], 0, &error) == MEMLANE_OK;
        map_unlock(&lock[turn]);
        if (!overlaps) { /* a writer waits */
            map_lock_read(map[next], &lock[next]);
        }
        relayed += overlaps;
        turn = next;
    }
    map_unlock(&lock[turn]);
    peer_tell(socket, relayed);
    memlane_map_free(map[1]);
    memlane_map_free(map[0]);
}

static void readers_who_take_turns_without_a_gap_keep_no_writer_out(void) {
    enum { WRITES = 200 };
    memlane_map *map = map_open();
    memlane_map_lock lock;
    struct peer readers = peer_start(keep_reading);
    peer_hear(readers.socket);

    for (int i = 0; i < WRITES; i++) {
        map_lock_write(map, &lock);
        map_unlock(&lock);
    }

    peer_tell(readers.socket, 0);
    printf("  %d writes among %" PRIu64 " overlapping reads\n", WRITES, peer_hear(readers.socket));
    PEER_JOIN(&readers);
    memlane_map_free(map);
    map_unlink();
}

static void keep_writing(int socket) {
    memlane_map *map = map_open();
    memlane_map_lock lock;
    uint64_t message, writes = 0;
    map_lock_write(map, &lock);
    peer_tell(socket, 0);
    while (recv(socket, &message, sizeof message, MSG_DONTWAIT) != sizeof message) {
        map_unlock(&lock);
        map_lock_write(map, &lock); /* at once: the word is free for some instructions only */
        writes++;
    }
    map_unlock(&lock);
    peer_tell(socket, writes);
    memlane_map_free(map);
}

static void writers_who_come_back_at_once_keep_no_reader_out(void) {
    enum { READS = 200 };
    memlane_map *map = map_open();
    memlane_map_lock lock;
    struct peer writers[2] = {peer_start(keep_writing), peer_start(keep_writing)};
    peer_hear(writers[0].socket);

    for (int i = 0; i < READS; i++) {
        map_lock_read(map, &lock);
        map_unlock(&lock);
    }

    for (int i = 0; i < 2; i++) {
        peer_tell(writers[i].socket, 0);
    }
    peer_hear(writers[1].socket); /* it has begun by now */
    uint64_t writes = peer_hear(writers[0].socket) + peer_hear(writers[1].socket);
    printf("  %d reads among %" PRIu64 " writes\n", READS, writes);
    PEER_JOIN(&writers[0]);
    PEER_JOIN(&writers[1]);
    memlane_map_free(map);
    map_unlink();
}

/* -- death ------------------------------------------------------------------------------------------------------ */

static void hold_write_lock(int socket) {
    memlane_map *map = map_open();
    memlane_map_lock lock;
    map_lock_write(map, &lock);
    map_guarded(map)->first++; /* and not second */
    peer_tell(socket, lock.recovered);
    pause();
}

static void hold_read_lock(int socket) {
    memlane_map *map = map_open();
    memlane_map_lock lock;
    map_lock_read(map, &lock);
    peer_tell(socket, lock.recovered);
    peer_hear(socket);
    map_unlock(&lock);
    memlane_map_free(map);
}

static void expect_recovered(memlane_map *map, bool writes, bool expected) {
    memlane_map_lock lock;
    if (writes) {
        map_lock_write(map, &lock);
    } else {
        map_lock_read(map, &lock);
    }
    CHECK_EQUAL(expected, lock.recovered);
    map_unlock(&lock);
}

static void the_death_of_a_writer_is_told_until_somebody_wrote(void) {
    memlane_map *map = map_open(), *other = map_open();
    struct peer writer = peer_start(hold_write_lock);
    peer_hear(writer.socket);
    peer_kill(&writer);

    expect_recovered(map, false, true);
    expect_recovered(other, false, true);
    expect_recovered(map, true, true);
    expect_recovered(map, true, false);
    expect_recovered(other, false, false);

    memlane_map_free(other);
    memlane_map_free(map);
    map_unlink();
}

static void a_waiter_goes_on_at_once_when_the_holder_dies(void) {
    memlane_map *map = map_open();
    for (int writes = 0; writes < 2; writes++) {
        struct peer writer = peer_start(hold_write_lock);
        peer_hear(writer.socket);
        pid_t killer = fork();
        if (killer == 0) { /* while we wait */
            nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
            _exit(kill(writer.pid, SIGKILL) == 0 ? 0 : 1);
        }
        expect_recovered(map, writes != 0, true);
        CHECK_EQUAL(killer, waitpid(killer, NULL, 0));
        CHECK(WIFSIGNALED(peer_reap(&writer)));
    }
    memlane_map_free(map);
    map_unlink();
}

static void the_death_of_one_reader_among_a_hundred_leaves_the_others_inside(void) {
    enum { READERS = 100 };
    static struct peer readers[READERS];
    memlane_map *map = map_open();
    for (int i = 0; i < READERS; i++) {
        readers[i] = peer_start(hold_read_lock);
    }
    for (int i = 0; i < READERS; i++) {
        peer_hear(readers[i].socket);
    }

    peer_kill(&readers[READERS / 2]);
    expect_timeout(map, true, "and others");

    for (int i = 0; i < READERS; i++) {
        if (i != READERS / 2) {
            peer_tell(readers[i].socket, 0);
            PEER_JOIN(&readers[i]);
        }
    }
    expect_recovered(map, true, false); /* a reader leaves nothing half-done */
    memlane_map_free(map);
    map_unlink();
}

static void wait_to_write(int socket) {
    memlane_map *map = map_open();
    memlane_map_lock lock;
    peer_tell(socket, 0);
    map_lock_write(map, &lock);
    CHECK_FAIL("it was to be killed while it waited");
}

static bool is_wanted(memlane_map *map) {
    memlane_map_lock lock;
    memlane_error error;
    memlane_status status = memlane_map_lock_read(map, &lock, 0, &error);
    if (status == MEMLANE_OK) {
        map_unlock(&lock);
    }
    return status == MEMLANE_TIMEOUT;
}

static void the_death_of_a_waiting_writer_lets_readers_in_again(void) {
    memlane_map *map = map_open(), *other = map_open();
    memlane_map_lock lock;
    map_lock_read(map, &lock);
    struct peer writer = peer_start(wait_to_write);
    peer_hear(writer.socket);
    CHECK_WAIT_UNTIL(is_wanted(other));

    peer_kill(&writer);

    expect_recovered(other, false, true); /* it cannot be known how far it came */
    map_unlock(&lock);
    expect_recovered(other, true, true);
    expect_recovered(map, true, false);
    memlane_map_free(other);
    memlane_map_free(map);
    map_unlink();
}

static void a_stopped_holder_is_named_and_its_death_ends_the_wait(void) {
    memlane_map *map = map_open();
    for (int writes = 0; writes < 2; writes++) {
        char name[32];
        struct peer holder = peer_start(writes ? hold_write_lock : hold_read_lock);
        peer_hear(holder.socket);
        CHECK_CALL(kill(holder.pid, SIGSTOP));
        snprintf(name, sizeof name, "held by pid %d (", (int)holder.pid);

        expect_timeout(map, true, name);
        peer_kill(&holder);

        expect_recovered(map, true, writes != 0);
    }
    memlane_map_free(map);
    map_unlink();
}

/* -- fork ------------------------------------------------------------------------------------------------------- */

static void locks_stay_with_the_parent_of_a_fork(void) {
    memlane_map *map = map_open();
    memlane_map_lock lock, own;
    memlane_error error;
    char parent[32];
    own_name(parent);
    map_lock_write(map, &lock);

    pid_t child = fork();
    if (child == 0) {
        CHECK_EQUAL(0, memlane_map_mode(map));
        expect_timeout(map, false, parent);
        CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_map_unlock(&lock, &error));
        expect_timeout(map, true, parent); /* nothing was given back */
        memlane_map_free(map);
        _exit(0);
    }
    int status;
    CHECK_EQUAL(child, waitpid(child, &status, 0));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQUAL(MEMLANE_MAP_WRITING, memlane_map_mode(map));
    map_unlock(&lock);
    map_lock_read(map, &own);
    map_unlock(&own);
    memlane_map_free(map);
    map_unlink();
}

static const struct check_test tests[] = {
    {"a new map is zeros of exactly its size", a_new_map_is_zeros_of_exactly_its_size},
    {"impossible and other sizes are refused", impossible_and_other_sizes_are_refused},
    {"a second mapping begins where the bytes do", a_second_mapping_begins_where_the_bytes_do},
    {"a writer excludes all and readers exclude writers", a_writer_excludes_all_and_readers_exclude_writers},
    {"a thread that would wait for itself is told so", a_thread_that_would_wait_for_itself_is_told_so},
    {"a lock of nobody excludes its own thread", a_lock_of_nobody_excludes_its_own_thread},
    {"closing ends a wait and keeps the bytes under a lock", closing_ends_a_wait_and_keeps_the_bytes_under_a_lock},
    {"statistics count locks and recoveries", statistics_count_locks_and_recoveries},
    {"a truncated file is reported when the lock is given back",
     a_truncated_file_is_reported_when_the_lock_is_given_back},
    {"threads of one endpoint read together", threads_of_one_endpoint_read_together},
    {"closing ends the waits of other threads", closing_ends_the_waits_of_other_threads},
    {"no write is lost or half seen between processes and threads",
     no_write_is_lost_or_half_seen_between_processes_and_threads},
    {"readers who take turns without a gap keep no writer out",
     readers_who_take_turns_without_a_gap_keep_no_writer_out},
    {"writers who come back at once keep no reader out", writers_who_come_back_at_once_keep_no_reader_out},
    {"the death of a writer is told until somebody wrote", the_death_of_a_writer_is_told_until_somebody_wrote},
    {"a waiter goes on at once when the holder dies", a_waiter_goes_on_at_once_when_the_holder_dies},
    {"the death of one reader among a hundred leaves the others inside",
     the_death_of_one_reader_among_a_hundred_leaves_the_others_inside},
    {"the death of a waiting writer lets readers in again", the_death_of_a_waiting_writer_lets_readers_in_again},
    {"a stopped holder is named and its death ends the wait", a_stopped_holder_is_named_and_its_death_ends_the_wait},
    {"locks stay with the parent of a fork", locks_stay_with_the_parent_of_a_fork},
};

CHECK_MAIN(tests)
