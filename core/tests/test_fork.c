/* Endpoints across fork(): the child has its own place, and nothing of it depends on its parent. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "peer.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>

static pid_t fork_with_watchdog(void) {
    fflush(stdout);
    pid_t child = fork();
    CHECK_CALL(child);
    if (child == 0) {
        check_set_watchdog();
    }
    return child;
}

static void expect_success(pid_t child) {
    int status;
    CHECK_CALL(waitpid(child, &status, 0));
    CHECK_EQUAL(0, status);
}

static void a_child_uses_every_endpoint_that_its_parent_had(void) {
    memlane_variable *left = endpoint_open("left"), *right = endpoint_open("right");
    endpoint_write(left, 1);
    pid_t child = fork_with_watchdog();
    if (child == 0) {
        CHECK_EQUAL(1, endpoint_read(left));
        endpoint_write(left, 2);
        endpoint_write(right, 3);
        CHECK_EQUAL(2, endpoint_statistics(left).live_participants);
        memlane_variable_free(left);
        memlane_variable_free(right);
        CHECK_EQUAL(0, check_count_mappings(check_directory));
        _exit(0);
    }
    expect_success(child);

    CHECK_EQUAL(2, endpoint_read(left));
    CHECK_EQUAL(3, endpoint_read(right));
    CHECK_EQUAL(1, endpoint_statistics(left).live_participants);
    memlane_variable_free(left);
    memlane_variable_free(right);
    endpoint_unlink("left");
    endpoint_unlink("right");
}

static void a_child_that_only_exits_harms_nothing(void) {
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 1);
    memlane_view view;
    CHECK_STATUS(MEMLANE_OK, memlane_variable_view(variable, &view, NULL));
    for (int i = 0; i < 100; i++) {
        pid_t child = fork_with_watchdog();
        if (child == 0) {
            _exit(0);
        }
        expect_success(child);
        endpoint_write(variable, 2);
    }
    CHECK_EQUAL(1, endpoint_statistics(variable).live_participants);
    CHECK_EQUAL(1, *(const uint64_t *)view.bytes);
    memlane_view_release(&view);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* -- the parent dies -------------------------------------------------------------------------------------------------- */

/* Opens, views and loans, forks, and waits to be killed; the child answers what it is asked. */
static void live_on_in_a_child(int socket) {
    memlane_variable *variable = endpoint_open("pose");
    memlane_view view;
    memlane_loan loan;
    CHECK_STATUS(MEMLANE_OK, memlane_variable_view(variable, &view, NULL));
    CHECK_STATUS(MEMLANE_OK, memlane_variable_loan(variable, &loan, 0, NULL));
    pid_t child = fork_with_watchdog();
    if (child != 0) {
        for (;;) {
            pause();
        }
    }
    peer_tell(socket, 0);
    peer_hear(socket);
    CHECK_EQUAL(1, *(const uint64_t *)view.bytes);
    CHECK_EQUAL(1000, endpoint_read(variable));
    endpoint_write(variable, 1001);
    memlane_view_release(&view);
    memlane_variable_free(variable);
    peer_tell(socket, 0);
    _exit(0);
}

static void a_child_lives_on_with_its_views_when_its_parent_is_killed(void) {
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 1);
    struct peer parent = peer_start(live_on_in_a_child);
    peer_hear(parent.socket);
    CHECK_CALL(kill(parent.pid, SIGKILL));
    CHECK_CALL(waitpid(parent.pid, NULL, 0));

    for (uint64_t value = 2; value <= 1000; value++) {
        endpoint_write(variable, value);
    }
    CHECK_EQUAL(1, endpoint_statistics(variable).slots_pinned);

    peer_tell(parent.socket, 0);
    peer_hear(parent.socket);
    close(parent.socket);
    CHECK_CALL(waitpid(-1, NULL, 0)); /* the orphan is ours now */
    CHECK_EQUAL(1001, endpoint_read(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* Borrows all slots but one, forks, and waits to be killed; the child only lives. */
static void borrow_and_live_on_in_a_child(int socket) {
    memlane_variable *variable = endpoint_open("pose");
    memlane_loan loan;
    while (memlane_variable_loan(variable, &loan, 0, NULL) == MEMLANE_OK) {}
    pid_t child = fork_with_watchdog();
    if (child != 0) {
        for (;;) {
            pause();
        }
    }
    peer_tell(socket, 0);
    peer_hear(socket);
    _exit(0);
}

/* A lock is held by the open file description, which a mapping keeps as well as a descriptor does: a child that inherits either
 * would make its dead parent look alive. */
static void a_killed_parent_is_dead_though_its_child_lives(void) {
    memlane_variable_options options = endpoint_options();
    memlane_error error;
    uint64_t value = 2;
    options.slots = 3;
    memlane_variable *variable = endpoint_open_with("pose", &options);
    endpoint_write(variable, 1);
    struct peer parent = peer_start(borrow_and_live_on_in_a_child);
    peer_hear(parent.socket);
    CHECK_STATUS(MEMLANE_NO_FREE_SLOT, memlane_variable_write(variable, &value, 8, 0, 0, NULL));

    CHECK_CALL(kill(parent.pid, SIGKILL));
    CHECK_CALL(waitpid(parent.pid, NULL, 0));

    CHECK_OK(memlane_variable_write(variable, &value, 8, 0, 0, &error), &error);
    peer_tell(parent.socket, 0);
    close(parent.socket);
    CHECK_CALL(waitpid(-1, NULL, 0)); /* the orphan is ours now */
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void views_of_both_stay_until_each_has_released_its_own(void) {
    memlane_variable *variable = endpoint_open("pose");
    memlane_view view;
    int ends[2];
    CHECK_CALL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    endpoint_write(variable, 1);
    CHECK_STATUS(MEMLANE_OK, memlane_variable_view(variable, &view, NULL));
    pid_t child = fork_with_watchdog();
    if (child == 0) {
        peer_hear(ends[1]);
        CHECK_EQUAL(1, *(const uint64_t *)view.bytes);
        memlane_view_release(&view);
        peer_tell(ends[1], 0);
        peer_hear(ends[1]);
        _exit(0);
    }
    memlane_view_release(&view);
    for (uint64_t value = 2; value <= 1000; value++) {
        endpoint_write(variable, value);
    }
    CHECK_EQUAL(1, endpoint_statistics(variable).slots_pinned);
    peer_tell(ends[0], 0);
    peer_hear(ends[0]);
    CHECK_EQUAL(0, endpoint_statistics(variable).slots_pinned);
    peer_tell(ends[0], 0);
    expect_success(child);
    close(ends[0]);
    close(ends[1]);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* -- no place for the child --------------------------------------------------------------------------------------------- */

static void a_child_without_a_place_is_told_and_its_views_become_private_copies(void) {
    memlane_variable_options options = endpoint_options();
    memlane_view view, fresh;
    memlane_error error;
    int ends[2];
    options.object.participants = 1;
    options.slots = 3;
    CHECK_CALL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    memlane_variable *variable = endpoint_open_with("pose", &options);
    endpoint_write(variable, 1);
    CHECK_OK(memlane_variable_view(variable, &view, &error), &error);
    pid_t child = fork_with_watchdog();
    if (child == 0) {
        uint64_t value;
        memlane_reading reading;
        memlane_status status = memlane_variable_read(variable, &value, 8, &reading, &error);
        CHECK_FAILURE(MEMLANE_TOO_MANY_PARTICIPANTS, "has places for 1 open endpoints and 1 are taken", status, &error);
        peer_tell(ends[1], 0);
        peer_hear(ends[1]); /* the slot is written over by now */
        CHECK_EQUAL(1, *(const uint64_t *)view.bytes);
        CHECK_EQUAL(1000, endpoint_read(variable)); /* and the parent has closed: there is a place */
        CHECK_OK(memlane_variable_view(variable, &fresh, &error), &error);
        CHECK_EQUAL(1000, *(const uint64_t *)fresh.bytes);
        CHECK_EQUAL(1, *(const uint64_t *)view.bytes);
        memlane_view_release(&view);
        memlane_view_release(&fresh);
        memlane_variable_free(variable);
        CHECK_EQUAL(0, check_count_mappings(check_directory));
        _exit(0);
    }
    peer_hear(ends[0]);
    memlane_view_release(&view);
    for (uint64_t value = 2; value <= 1000; value++) {
        endpoint_write(variable, value);
    }
    memlane_variable_free(variable);
    peer_tell(ends[0], 0);
    expect_success(child);
    close(ends[0]);
    close(ends[1]);
    endpoint_unlink("pose");
}

/* Without an index of its own it must not end, in its parent's name, what the parent is about to publish. */
static void a_child_without_a_place_leaves_its_parents_loans_alone(void) {
    memlane_variable_options options = endpoint_options();
    memlane_loan published, dropped;
    memlane_error error;
    options.object.participants = 1;
    memlane_variable *variable = endpoint_open_with("pose", &options);
    endpoint_write(variable, 1);
    CHECK_OK(memlane_variable_loan(variable, &published, 0, &error), &error);
    CHECK_OK(memlane_variable_loan(variable, &dropped, 0, &error), &error);
    pid_t child = fork_with_watchdog();
    if (child == 0) {
        CHECK_FAILURE(MEMLANE_OWNERSHIP_LOST, "made before a fork", memlane_loan_commit(&published, 8, 1, NULL, &error),
                      &error);
        memlane_loan_drop(&dropped);
        _exit(0);
    }
    expect_success(child);

    CHECK_EQUAL(1, endpoint_read(variable));
    CHECK_EQUAL(2, endpoint_statistics(variable).slots_writing);
    memcpy(published.bytes, &(uint64_t){2}, 8);
    CHECK_OK(memlane_loan_commit(&published, 8, 1, NULL, &error), &error);
    CHECK_EQUAL(2, endpoint_read(variable));
    memlane_loan_drop(&dropped);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* A process may have used its descriptors up when it forks. */
static void a_child_for_which_no_descriptor_was_left_attaches_when_it_needs_to(void) {
    struct rlimit limit, tight;
    memlane_view view;
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 1);
    CHECK_STATUS(MEMLANE_OK, memlane_variable_view(variable, &view, NULL));
    CHECK_CALL(getrlimit(RLIMIT_NOFILE, &limit));
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK_CALL(next);
    close(next);
    tight = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max};
    CHECK_CALL(setrlimit(RLIMIT_NOFILE, &tight));
    pid_t child = fork_with_watchdog();
    if (child == 0) {
        CHECK_CALL(setrlimit(RLIMIT_NOFILE, &limit));
        CHECK_EQUAL(1, *(const uint64_t *)view.bytes);
        CHECK_EQUAL(1, endpoint_read(variable));
        endpoint_write(variable, 2);
        CHECK_EQUAL(2, endpoint_statistics(variable).live_participants);
        CHECK_EQUAL(1, *(const uint64_t *)view.bytes);
        memlane_view_release(&view);
        memlane_variable_free(variable);
        CHECK_EQUAL(0, check_count_mappings(check_directory));
        _exit(0);
    }
    CHECK_CALL(setrlimit(RLIMIT_NOFILE, &limit));
    expect_success(child);

    CHECK_EQUAL(2, endpoint_read(variable));
    memlane_view_release(&view);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* The unsettled child's views live in copies; so must those of its own children. */
static void grandchildren_keep_the_views_that_they_were_born_with(void) {
    memlane_variable_options options = endpoint_options();
    memlane_view view;
    options.object.participants = 1;
    memlane_variable *variable = endpoint_open_with("pose", &options);
    endpoint_write(variable, 1);
    CHECK_STATUS(MEMLANE_OK, memlane_variable_view(variable, &view, NULL));
    pid_t child = fork_with_watchdog();
    if (child == 0) {
        pid_t grandchild = fork_with_watchdog();
        CHECK_EQUAL(1, *(const uint64_t *)view.bytes);
        memlane_view_release(&view);
        memlane_variable_free(variable);
        CHECK_EQUAL(0, check_count_mappings(check_directory));
        if (grandchild != 0) {
            expect_success(grandchild);
        }
        _exit(0);
    }
    expect_success(child);
    memlane_view_release(&view);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* -- more than one thread ------------------------------------------------------------------------------------------------- */

struct work {
    memlane_variable *variable;
    _Atomic bool stop;
};

static void *work_until_stopped(void *argument) {
    struct work *work = argument;
    for (uint64_t i = 0; !work->stop; i++) {
        memlane_view view;
        memlane_loan loan;
        endpoint_write(work->variable, i);
        endpoint_read(work->variable);
        if (memlane_variable_view(work->variable, &view, NULL) == MEMLANE_OK) {
            memlane_view_release(&view);
        }
        if (memlane_variable_loan(work->variable, &loan, 0, NULL) == MEMLANE_OK) {
            memlane_loan_drop(&loan);
        }
        memlane_variable_options options = endpoint_options();
        memlane_variable_free(endpoint_open_with("other", &options));
    }
    return NULL;
}

/* A child inherits every lock as it was, and only the thread that forked. */
static void a_fork_in_the_midst_of_threads_leaves_both_sides_able_to_work(void) {
    enum { THREADS = 4, FORKS = 200 };
    if (CHECK_ADDRESS_SANITIZER) {
        check_skip(
            "AddressSanitizer's allocator stays locked in a child that is forked while another thread allocates");
    }
    memlane_variable_options options = endpoint_options();
    options.slots = 64;
    options.object.participants = 1024;
    struct work work = {.variable = endpoint_open_with("pose", &options)};
    pthread_t threads[THREADS];
    memlane_variable *other = endpoint_open("other");
    endpoint_write(work.variable, 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, work_until_stopped, &work));
    }
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork_with_watchdog();
        if (child == 0) {
            for (uint64_t value = 0; value < 20; value++) {
                endpoint_write(work.variable, value);
                endpoint_read(work.variable);
            }
            endpoint_write(other, 1);
            memlane_variable_free(endpoint_open("other"));
            _exit(0);
        }
        expect_success(child);
    }
    work.stop = true;
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
    }
    CHECK_EQUAL(1, endpoint_statistics(work.variable).live_participants);
    memlane_variable_free(other);
    memlane_variable_free(work.variable);
    endpoint_unlink("pose");
    endpoint_unlink("other");
}

/* Each generation forks the next: as a chain of daemons would. */
static void a_long_chain_of_forks_holds(void) {
    enum { GENERATIONS = 300 };
    memlane_variable_options options = endpoint_options();
    options.object.participants = 4;
    memlane_variable *variable = endpoint_open_with("pose", &options);
    endpoint_write(variable, 0);
    int ends[2];
    CHECK_CALL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    pid_t first = fork_with_watchdog();
    if (first == 0) {
        for (uint64_t generation = 1; generation <= GENERATIONS; generation++) {
            CHECK_EQUAL(generation - 1, endpoint_read(variable));
            endpoint_write(variable, generation);
            if (fork_with_watchdog() != 0) {
                _exit(0);
            }
        }
        CHECK_EQUAL(GENERATIONS, endpoint_read(variable));
        peer_tell(ends[1], 0);
        _exit(0);
    }
    peer_hear(ends[0]);
    for (int i = 0; i <= GENERATIONS; i++) {
        int status;
        CHECK_CALL(waitpid(-1, &status, 0));
        CHECK_EQUAL(0, status);
    }
    CHECK_EQUAL(1, endpoint_statistics(variable).live_participants);
    close(ends[0]);
    close(ends[1]);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* -- programs ------------------------------------------------------------------------------------------------------------- */

static void a_program_that_is_started_inherits_nothing(void) {
    memlane_variable *variable = endpoint_open("pose");
    memlane_view view;
    endpoint_write(variable, 1);
    CHECK_STATUS(MEMLANE_OK, memlane_variable_view(variable, &view, NULL));
    FILE *listing = popen("ls -l /proc/self/fd | grep -c memlane-test", "r");
    CHECK(listing != NULL);
    int found = -1;
    CHECK_EQUAL(1, fscanf(listing, "%d", &found));
    pclose(listing);

    CHECK_EQUAL(0, found);
    memlane_view_release(&view);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static const struct check_test tests[] = {
    {"a child uses every endpoint that its parent had", a_child_uses_every_endpoint_that_its_parent_had},
    {"a child that only exits harms nothing", a_child_that_only_exits_harms_nothing},
    {"a child lives on with its views when its parent is killed",
     a_child_lives_on_with_its_views_when_its_parent_is_killed},
    {"a killed parent is dead though its child lives", a_killed_parent_is_dead_though_its_child_lives},
    {"views of both stay until each has released its own", views_of_both_stay_until_each_has_released_its_own},
    {"a child without a place is told, and its views become private copies",
     a_child_without_a_place_is_told_and_its_views_become_private_copies},
    {"a child without a place leaves its parent's loans alone", a_child_without_a_place_leaves_its_parents_loans_alone},
    {"a child for which no descriptor was left attaches when it needs to",
     a_child_for_which_no_descriptor_was_left_attaches_when_it_needs_to},
    {"grandchildren keep the views that they were born with", grandchildren_keep_the_views_that_they_were_born_with},
    {"a fork in the midst of threads leaves both sides able to work",
     a_fork_in_the_midst_of_threads_leaves_both_sides_able_to_work},
    {"a long chain of forks holds", a_long_chain_of_forks_holds},
    {"a program that is started inherits nothing", a_program_that_is_started_inherits_nothing},
};

CHECK_MAIN(tests)
