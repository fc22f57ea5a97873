/* Loans: slots filled in place, and who may publish them. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "peer.h"

static memlane_loan borrow(memlane_variable *variable) {
    memlane_loan loan;
    memlane_error error;
    CHECK_OK(memlane_variable_loan(variable, &loan, 0, &error), &error);
    return loan;
}

static void fill(const memlane_loan *loan, uint64_t value) {
    memcpy(loan->bytes, &value, sizeof value);
}

static memlane_variable *open_with_slots(uint64_t slots) {
    memlane_variable_options options = endpoint_options();
    options.slots = slots;
    return endpoint_open_with("pose", &options);
}

static void a_loan_is_seen_by_nobody_until_it_is_committed(void) {
    uint64_t version;
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 1);

    memlane_loan loan = borrow(variable);
    CHECK_EQUAL(4096, loan.capacity);
    CHECK_EQUAL(0, (uintptr_t)loan.bytes % 64);
    fill(&loan, 2);
    CHECK_EQUAL(1, endpoint_read(variable));
    CHECK_OK(memlane_loan_commit(&loan, 8, 9, &version, &error), &error);

    CHECK_EQUAL(2, endpoint_read(variable));
    CHECK_EQUAL(2, version);
    CHECK(loan.variable == NULL);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void a_dropped_loan_leaves_the_old_value_and_frees_the_slot(void) {
    memlane_variable *variable = open_with_slots(2);
    endpoint_write(variable, 1);
    for (int i = 0; i < 100; i++) {
        memlane_loan loan = borrow(variable);
        fill(&loan, 2);

        memlane_loan_drop(&loan);

        CHECK_EQUAL(1, endpoint_read(variable));
    }
    endpoint_write(variable, 3);
    CHECK_EQUAL(3, endpoint_read(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void writes_go_on_beside_an_open_loan(void) {
    memlane_error error;
    memlane_variable *variable = open_with_slots(3);
    memlane_loan loan = borrow(variable);
    fill(&loan, UINT64_MAX);
    for (uint64_t value = 1; value <= 100; value++) {
        endpoint_write(variable, value);
        CHECK_EQUAL(value, endpoint_read(variable));
    }

    CHECK_OK(memlane_loan_commit(&loan, 8, 0, NULL, &error), &error);

    CHECK_EQUAL(UINT64_MAX, endpoint_read(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void a_commit_that_is_too_large_keeps_the_loan(void) {
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");
    memlane_loan loan = borrow(variable);
    fill(&loan, 4);

    CHECK_FAILURE(MEMLANE_VALUE_TOO_LARGE, "takes 4097 bytes", memlane_loan_commit(&loan, 4097, 0, NULL, &error),
                  &error);
    CHECK_OK(memlane_loan_commit(&loan, 8, 0, NULL, &error), &error);

    CHECK_EQUAL(4, endpoint_read(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void a_loan_can_be_committed_after_the_endpoint_was_closed(void) {
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose"), *reader = endpoint_open("pose");
    memlane_loan loan = borrow(variable);
    fill(&loan, 5);

    memlane_variable_free(variable);
    CHECK_OK(memlane_loan_commit(&loan, 8, 0, NULL, &error), &error);

    CHECK_EQUAL(5, endpoint_read(reader));
    CHECK_EQUAL(1, endpoint_statistics(reader).live_participants);
    memlane_variable_free(reader);
    endpoint_unlink("pose");
}

/* D47: the current slot and the one being written, beside what is out. */
static void without_a_free_slot_the_holders_are_named(void) {
    memlane_error error;
    char text[128];
    memlane_variable *variable = open_with_slots(3);
    endpoint_write(variable, 1);
    memlane_loan first = borrow(variable), second = borrow(variable);

    uint64_t value = 2, deadline = check_in_ms(5);
    memlane_status status = memlane_variable_write(variable, &value, 8, 0, deadline, &error);

    CHECK(check_now() >= deadline);
    CHECK_FAILURE(MEMLANE_NO_FREE_SLOT, "none of its 3 slots is free", status, &error);
    snprintf(text, sizeof text, "pid %d (test_loan) writes or loans 2, views 0", (int)getpid());
    CHECK_FAILURE(MEMLANE_NO_FREE_SLOT, text, status, &error);
    memlane_loan refused;
    CHECK_STATUS(MEMLANE_NO_FREE_SLOT, memlane_variable_loan(variable, &refused, 0, NULL));
    memlane_loan_drop(&first);
    endpoint_write(variable, 3);
    memlane_loan_drop(&second);
    CHECK_EQUAL(3, endpoint_read(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void borrow_all_and_wait(int socket) {
    memlane_variable *variable = endpoint_open("pose");
    borrow(variable);
    borrow(variable);
    peer_tell(socket, 0);
    peer_hear(socket);
}

static void a_dead_borrowers_slots_come_back_in_the_call_that_needs_them(void) {
    memlane_variable *variable = open_with_slots(3);
    endpoint_write(variable, 1);
    for (int i = 0; i < 20; i++) {
        struct peer borrower = peer_start(borrow_all_and_wait);
        peer_hear(borrower.socket);
        memlane_loan refused;
        CHECK_STATUS(MEMLANE_NO_FREE_SLOT, memlane_variable_loan(variable, &refused, 0, NULL));

        peer_kill(&borrower);

        endpoint_write(variable, 2); /* its deadline is 0: no second look is needed */
    }
    CHECK(endpoint_statistics(variable).recovered > 0);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void a_stopped_borrower_takes_its_slot_and_no_more(void) {
    memlane_error error;
    memlane_variable *variable = open_with_slots(4);
    struct peer borrower = peer_start(borrow_all_and_wait);
    peer_hear(borrower.socket);
    CHECK_CALL(kill(borrower.pid, SIGSTOP));
    CHECK_WAIT_UNTIL(peer_state(borrower.pid) == 'T');

    for (uint64_t value = 1; value <= 1000; value++) {
        endpoint_write(variable, value);
        CHECK_EQUAL(value, endpoint_read(variable));
    }

    memlane_loan third = borrow(variable), refused;
    CHECK_STATUS(MEMLANE_NO_FREE_SLOT, memlane_variable_loan(variable, &refused, 0, &error));
    memlane_loan_drop(&third);
    peer_kill(&borrower);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* The parent is still filling it: what the child would publish is half a value that goes on changing. */
static void a_child_cannot_commit_its_parents_loan(void) {
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 1);
    memlane_loan loan = borrow(variable);
    fill(&loan, 2);
    pid_t child = fork();
    CHECK_CALL(child);
    if (child == 0) {
        memlane_loan inherited = loan;
        memlane_status status = memlane_loan_commit(&inherited, 8, 0, NULL, &error);
        CHECK_FAILURE(MEMLANE_OWNERSHIP_LOST, "this loan is not this process's", status, &error);
        _exit(0);
    }
    int status;
    CHECK_CALL(waitpid(child, &status, 0));

    CHECK_EQUAL(1, endpoint_read(variable));
    CHECK_EQUAL(0, status);
    fill(&loan, 3);
    CHECK_OK(memlane_loan_commit(&loan, 8, 0, NULL, &error), &error);
    CHECK_EQUAL(3, endpoint_read(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void a_child_that_drops_its_parents_loan_harms_nothing(void) {
    memlane_error error;
    memlane_variable *variable = open_with_slots(3);
    endpoint_write(variable, 1);
    memlane_loan loan = borrow(variable);
    fill(&loan, 2);
    pid_t child = fork();
    CHECK_CALL(child);
    if (child == 0) {
        memlane_loan inherited = loan;
        memlane_loan_drop(&inherited);
        for (uint64_t value = 10; value < 100; value++) {
            endpoint_write(variable, value);
        }
        memlane_variable_free(variable);
        _exit(0);
    }
    int status;
    CHECK_CALL(waitpid(child, &status, 0));

    CHECK_EQUAL(0, status);
    uint64_t kept;
    memcpy(&kept, loan.bytes, sizeof kept);
    CHECK_EQUAL(2, kept);
    CHECK_OK(memlane_loan_commit(&loan, 8, 0, NULL, &error), &error);
    CHECK_EQUAL(2, endpoint_read(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* D46: each claim raises the slot's version, so a version may be skipped and never comes twice. */
static void versions_rise_also_past_loans_that_were_committed_late(void) {
    memlane_error error;
    uint64_t version, before = 0;
    memlane_variable *variable = open_with_slots(4);
    for (int i = 0; i < 50; i++) {
        memlane_loan first = borrow(variable), second = borrow(variable);
        endpoint_write(variable, 1);
        CHECK_OK(memlane_loan_commit(i % 2 == 0 ? &first : &second, 8, 0, &version, &error), &error);
        CHECK(version > before);
        before = version;
        CHECK_OK(memlane_loan_commit(i % 2 == 0 ? &second : &first, 8, 0, &version, &error), &error);
        CHECK(version > before);
        before = version;
    }
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static const struct check_test tests[] = {
    {"a loan is seen by nobody until it is committed", a_loan_is_seen_by_nobody_until_it_is_committed},
    {"a dropped loan leaves the old value and frees the slot", a_dropped_loan_leaves_the_old_value_and_frees_the_slot},
    {"writes go on beside an open loan", writes_go_on_beside_an_open_loan},
    {"a commit that is too large keeps the loan", a_commit_that_is_too_large_keeps_the_loan},
    {"a loan can be committed after the endpoint was closed", a_loan_can_be_committed_after_the_endpoint_was_closed},
    {"without a free slot the holders are named", without_a_free_slot_the_holders_are_named},
    {"a dead borrower's slots come back in the call that needs them",
     a_dead_borrowers_slots_come_back_in_the_call_that_needs_them},
    {"a stopped borrower takes its slot and no more", a_stopped_borrower_takes_its_slot_and_no_more},
    {"a child cannot commit its parent's loan", a_child_cannot_commit_its_parents_loan},
    {"a child that drops its parent's loan harms nothing", a_child_that_drops_its_parents_loan_harms_nothing},
    {"versions rise also past loans that were committed late", versions_rise_also_past_loans_that_were_committed_late},
};

CHECK_MAIN(tests)
