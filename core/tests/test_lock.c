/* The mutex in shared memory: one owner at a time, whoever dies. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "lock_object.h"
#include "peer.h"

#include <pthread.h>

enum { PARTICIPANTS = 16 };

static void expect_acquired(struct memlane_segment *segment, struct memlane_lock_word *lock, uint32_t *token) {
    CHECK_STATUS(MEMLANE_OK, memlane_lock_acquire(segment, lock, check_in_ms(30000), token));
}

static void a_free_lock_is_acquired_and_released(void) {
    struct memlane_segment segment;
    uint32_t token, next;
    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);

    CHECK_STATUS(MEMLANE_OK, memlane_lock_acquire(&segment, &object->place[0].lock, 0, &token));
    CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&segment, &object->place[0].lock, token));
    CHECK_STATUS(MEMLANE_OK, memlane_lock_acquire(&segment, &object->place[0].lock, 0, &next));

    CHECK_EQUAL(token + 1, next); /* the fence token */
    CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&segment, &object->place[0].lock, next));
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void the_deadline_ends_the_wait_for_a_held_lock_and_not_before(void) {
    struct memlane_segment segment, other;
    uint32_t token, refused;
    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);
    struct lock_object *same = lock_object_open(&other, PARTICIPANTS);
    expect_acquired(&segment, &object->place[0].lock, &token);

    for (uint64_t milliseconds = 0; milliseconds <= 60; milliseconds += 30) {
        uint64_t deadline = check_in_ms(milliseconds);
        CHECK_STATUS(MEMLANE_TIMEOUT, memlane_lock_acquire(&other, &same->place[0].lock, deadline, &refused));
        CHECK(check_now() >= deadline);
    }
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_lock_acquire(&other, &same->place[0].lock, 0, &refused));
    CHECK_STATUS(MEMLANE_TIMEOUT,
                 memlane_lock_acquire(&segment, &object->place[0].lock, 0, &refused)); /* not recursive */

    CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&segment, &object->place[0].lock, token));
    expect_acquired(&other, &same->place[0].lock, &token);
    CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&other, &same->place[0].lock, token));
    lock_object_close(&other);
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void only_the_owner_with_its_token_can_release(void) {
    struct memlane_segment segment, other;
    uint32_t token;
    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);
    struct lock_object *same = lock_object_open(&other, PARTICIPANTS);
    expect_acquired(&segment, &object->place[0].lock, &token);
    uint64_t word = memlane_load_relaxed(&object->place[0].lock.word);

    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_lock_release(&other, &same->place[0].lock, token));
    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_lock_release(&segment, &object->place[0].lock, token - 1));
    CHECK_EQUAL(word, memlane_load_relaxed(&object->place[0].lock.word));
    CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&segment, &object->place[0].lock, token));
    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_lock_release(&segment, &object->place[0].lock, token));

    lock_object_close(&other);
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

/* -- exclusion -------------------------------------------------------------------------------------------------- */

enum { ROUNDS = 20000, WORKERS = 4 };

static void count(struct memlane_segment *segment, struct lock_object *object, int rounds) {
    for (int i = 0; i < rounds; i++) {
        uint32_t token;
        expect_acquired(segment, &object->place[0].lock, &token);
        object->place[0].guarded++;
        CHECK_STATUS(MEMLANE_OK, memlane_lock_release(segment, &object->place[0].lock, token));
    }
}

static void count_in_a_process(int socket) {
    struct memlane_segment segment;
    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);
    peer_hear(socket);
    count(&segment, object, ROUNDS);
    lock_object_close(&segment);
}

static void no_count_is_lost_between_processes(void) {
    struct peer workers[WORKERS];
    struct memlane_segment segment;
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = peer_start(count_in_a_process);
    }
    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);
    for (int i = 0; i < WORKERS; i++) {
        peer_tell(workers[i].socket, 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        PEER_JOIN(&workers[i]);
    }
    CHECK_EQUAL((uint64_t)WORKERS * ROUNDS, object->place[0].guarded);
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static struct memlane_segment shared_segment;

static void *count_in_a_thread(void *argument) {
    count(&shared_segment, argument, ROUNDS);
    return NULL;
}

/* The threads of one endpoint are one owner to others, and exclude each other all the same. */
static void no_count_is_lost_between_threads_of_one_endpoint(void) {
    pthread_t threads[WORKERS];
    struct lock_object *object = lock_object_open(&shared_segment, PARTICIPANTS);
    for (int i = 0; i < WORKERS; i++) {
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, count_in_a_thread, object));
    }
    for (int i = 0; i < WORKERS; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
    }
    CHECK_EQUAL((uint64_t)WORKERS * ROUNDS, object->place[0].guarded);
    lock_object_close(&shared_segment);
    endpoint_unlink("locks");
}

/* -- wakes -------------------------------------------------------------------------------------------------------- */

static void acquire_when_told(int socket) {
    struct memlane_segment segment;
    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);
    peer_tell(socket, 0);
    for (;;) {
        uint32_t token;
        peer_hear(socket);
        memlane_status status = memlane_lock_acquire(&segment, &object->place[0].lock, MEMLANE_NO_DEADLINE, &token);
        CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&segment, &object->place[0].lock, token));
        peer_tell(socket, status);
    }
}

/* One release wakes one; that one hands the duty on. */
static void every_sleeper_gets_the_lock_in_the_end(void) {
    struct peer sleepers[WORKERS];
    struct memlane_segment segment;
    uint32_t token;
    for (int i = 0; i < WORKERS; i++) {
        sleepers[i] = peer_start(acquire_when_told);
        peer_hear(sleepers[i].socket);
    }
    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);
    for (int round = 0; round < 20; round++) {
        expect_acquired(&segment, &object->place[0].lock, &token);
        for (int i = 0; i < WORKERS; i++) {
            peer_tell(sleepers[i].socket, 0);
            CHECK_WAIT_UNTIL(peer_state(sleepers[i].pid) == 'S');
        }
        CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&segment, &object->place[0].lock, token));
        for (int i = 0; i < WORKERS; i++) {
            CHECK_EQUAL(MEMLANE_OK, peer_hear(sleepers[i].socket));
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        peer_kill(&sleepers[i]);
    }
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void do_nothing(int signal_number) {
    (void)signal_number;
}

static struct memlane_segment waiting_segment;
static _Atomic pid_t waiting_thread;

static void *acquire_in_a_thread(void *argument) {
    struct lock_object *object = argument;
    uint32_t token;
    waiting_thread = (pid_t)memlane_platform_this_thread();
    return (void *)(uintptr_t)memlane_lock_acquire(&waiting_segment, &object->place[0].lock, MEMLANE_NO_DEADLINE,
                                                   &token);
}

/* Starts a thread that waits for the lock, which somebody holds, and calls what is to end it until it ended. */
static memlane_status ended_by(void (*disturb)(pthread_t thread)) {
    pthread_t thread;
    void *status;
    struct memlane_segment holder;
    uint32_t token;
    struct lock_object *object = lock_object_open(&holder, PARTICIPANTS);
    struct lock_object *same = lock_object_open(&waiting_segment, PARTICIPANTS);
    expect_acquired(&holder, &object->place[0].lock, &token);
    waiting_thread = 0;
    CHECK_EQUAL(0, pthread_create(&thread, NULL, acquire_in_a_thread, same));
    CHECK_WAIT_UNTIL(waiting_thread != 0 && peer_state(waiting_thread) == 'S');
    do {
        disturb(thread);
    } while (pthread_timedjoin_np(thread, &status, &(struct timespec){.tv_sec = time(NULL) + 1}) == ETIMEDOUT);
    CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&holder, &object->place[0].lock, token));
    lock_object_close(&waiting_segment);
    lock_object_close(&holder);
    endpoint_unlink("locks");
    return (memlane_status)(uintptr_t)status;
}

static void interrupt(pthread_t thread) {
    pthread_kill(thread, SIGUSR1);
}

static void a_signal_ends_the_wait_for_a_lock(void) {
    struct sigaction action = {.sa_handler = do_nothing};
    CHECK_CALL(sigaction(SIGUSR1, &action, NULL));
    CHECK_STATUS(MEMLANE_INTERRUPTED, ended_by(interrupt));
}

static void close_the_endpoint(pthread_t thread) {
    (void)thread;
    memlane_store32_release(&waiting_segment.closing, 1); /* as the object above it does */
}

static void closing_the_endpoint_ends_the_wait_for_a_lock(void) {
    CHECK_STATUS(MEMLANE_CLOSED, ended_by(close_the_endpoint));
}

/* -- death ---------------------------------------------------------------------------------------------------------- */

static void hold_until_killed(int socket) {
    struct memlane_segment segment;
    uint32_t token;
    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);
    expect_acquired(&segment, &object->place[0].lock, &token);
    object->place[0].guarded = 1;
    peer_tell(socket, token);
    peer_hear(socket);
}

static void the_lock_of_a_dead_owner_is_taken_by_the_call_that_needs_it(void) {
    struct memlane_segment segment;
    for (int i = 0; i < 20; i++) {
        uint32_t token, refused;
        struct peer owner = peer_start(hold_until_killed);
        uint64_t former = peer_hear(owner.socket);
        struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);
        CHECK_STATUS(MEMLANE_TIMEOUT, memlane_lock_acquire(&segment, &object->place[0].lock, 0, &refused));

        peer_kill(&owner);

        CHECK_STATUS(MEMLANE_OWNER_DIED, memlane_lock_acquire(&segment, &object->place[0].lock, 0, &token));
        CHECK_EQUAL((uint32_t)former + 1, token);
        CHECK_EQUAL(1, object->place[0].guarded);
        CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&segment, &object->place[0].lock, token));
        expect_acquired(&segment, &object->place[0].lock, &token); /* the next owner is not told again */
        CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&segment, &object->place[0].lock, token));
        lock_object_close(&segment);
        endpoint_unlink("locks");
    }
}

static void a_sleeper_takes_the_lock_when_its_owner_is_killed(void) {
    struct peer sleeper = peer_start(acquire_when_told);
    peer_hear(sleeper.socket);
    for (int i = 0; i < 10; i++) {
        struct peer owner = peer_start(hold_until_killed);
        peer_hear(owner.socket);
        peer_tell(sleeper.socket, 0);
        CHECK_WAIT_UNTIL(peer_state(sleeper.pid) == 'S');

        peer_kill(&owner);

        CHECK_EQUAL(MEMLANE_OWNER_DIED, peer_hear(sleeper.socket));
    }
    peer_kill(&sleeper);
    endpoint_unlink("locks");
}

/* Whoever attaches to the dead owner's index cleans up first: then nobody is dead any more, and still the next owner is told. */
static void the_next_owner_is_told_also_after_somebody_cleaned_up(void) {
    struct memlane_segment segment;
    uint32_t token;
    struct peer owner = peer_start(hold_until_killed);
    peer_hear(owner.socket);
    peer_kill(&owner);

    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS); /* takes index 0, which was the owner's */

    CHECK_EQUAL(0, segment.index);
    CHECK_STATUS(MEMLANE_OWNER_DIED, memlane_lock_acquire(&segment, &object->place[0].lock, 0, &token));
    CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&segment, &object->place[0].lock, token));
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void who_was_declared_dead_cannot_release_what_another_has(void) {
    struct memlane_segment segment, other;
    uint32_t token, stolen;
    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);
    struct lock_object *same = lock_object_open(&other, PARTICIPANTS);
    expect_acquired(&segment, &object->place[0].lock, &token);

    memlane_lock_clean(&object->place[0].lock, segment.index); /* as if by a false verdict */
    CHECK_STATUS(MEMLANE_OWNER_DIED, memlane_lock_acquire(&other, &same->place[0].lock, 0, &stolen));

    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_lock_release(&segment, &object->place[0].lock, token));
    CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&other, &same->place[0].lock, stolen));
    lock_object_close(&other);
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void a_stopped_owner_keeps_its_lock(void) {
    struct memlane_segment segment;
    uint32_t token;
    struct peer owner = peer_start(hold_until_killed);
    peer_hear(owner.socket);
    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);
    CHECK_CALL(kill(owner.pid, SIGSTOP));
    CHECK_WAIT_UNTIL(peer_state(owner.pid) == 'T');

    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_lock_acquire(&segment, &object->place[0].lock, check_in_ms(60), &token));

    peer_kill(&owner);
    CHECK_STATUS(MEMLANE_OWNER_DIED, memlane_lock_acquire(&segment, &object->place[0].lock, 0, &token));
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void a_forked_child_does_not_hold_its_parents_lock(void) {
    struct memlane_segment segment;
    uint32_t token;
    struct lock_object *object = lock_object_open(&segment, PARTICIPANTS);
    expect_acquired(&segment, &object->place[0].lock, &token);
    pid_t child = fork();
    CHECK_CALL(child);
    if (child == 0) {
        uint32_t refused;
        CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_lock_release(&segment, &object->place[0].lock, token));
        CHECK_STATUS(MEMLANE_TIMEOUT, memlane_lock_acquire(&segment, &object->place[0].lock, 0, &refused));
        _exit(0);
    }
    int status;
    CHECK_CALL(waitpid(child, &status, 0));

    CHECK_EQUAL(0, status);
    CHECK_STATUS(MEMLANE_OK, memlane_lock_release(&segment, &object->place[0].lock, token));
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static const struct check_test tests[] = {
    {"a free lock is acquired and released", a_free_lock_is_acquired_and_released},
    {"the deadline ends the wait for a held lock, and not before",
     the_deadline_ends_the_wait_for_a_held_lock_and_not_before},
    {"only the owner with its token can release", only_the_owner_with_its_token_can_release},
    {"no count is lost between processes", no_count_is_lost_between_processes},
    {"no count is lost between threads of one endpoint", no_count_is_lost_between_threads_of_one_endpoint},
    {"every sleeper gets the lock in the end", every_sleeper_gets_the_lock_in_the_end},
    {"a signal ends the wait for a lock", a_signal_ends_the_wait_for_a_lock},
    {"closing the endpoint ends the wait for a lock", closing_the_endpoint_ends_the_wait_for_a_lock},
    {"the lock of a dead owner is taken by the call that needs it",
     the_lock_of_a_dead_owner_is_taken_by_the_call_that_needs_it},
    {"a sleeper takes the lock when its owner is killed", a_sleeper_takes_the_lock_when_its_owner_is_killed},
    {"the next owner is told also after somebody cleaned up", the_next_owner_is_told_also_after_somebody_cleaned_up},
    {"who was declared dead cannot release what another has", who_was_declared_dead_cannot_release_what_another_has},
    {"a stopped owner keeps its lock", a_stopped_owner_keeps_its_lock},
    {"a forked child does not hold its parent's lock", a_forked_child_does_not_hold_its_parents_lock},
};

CHECK_MAIN(tests)
