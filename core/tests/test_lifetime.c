/* Names under attack by their own users: many processes create, open, use and unlink the same ones at once. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "lock_object.h"
#include "participant.h"
#include "peer.h"
#include "removal.h"

enum { RACERS = 8 };

static memlane_variable *open_small(const char *name, uint64_t ephemeral, memlane_status *status) {
    memlane_error error;
    memlane_variable *variable = NULL;
    memlane_variable_options options = endpoint_options();
    options.max_size = sizeof(uint64_t);
    options.slots = RACERS + 2;
    options.object.participants = RACERS + 1;
    options.object.ephemeral = ephemeral;
    uint64_t deadline = check_in_ms(20000);
    do { /* a remover that gets no processor for 100 ms, with every byte, looks like a crowd (D10) */
        *status = memlane_variable_open(&variable, name, strlen(name), &options, &error);
    } while (*status == MEMLANE_TOO_MANY_PARTICIPANTS && memlane_platform_monotonic_ns() < deadline);
    if (*status != MEMLANE_TIMEOUT) { /* as often removed while being opened */
        CHECK_OK(*status, &error);
    }
    return variable;
}

/* -- creating ----------------------------------------------------------------------------------------------------- */

static void write_to_each_name_that_is_told(int socket) {
    char name[32];
    uint64_t number;
    memlane_status status;
    while ((number = peer_hear(socket)) != 0) {
        snprintf(name, sizeof name, "race-%" PRIu64, number);
        memlane_variable *variable = open_small(name, MEMLANE_ANY, &status);
        CHECK_STATUS(MEMLANE_OK, status);
        endpoint_write(variable, number);
        memlane_variable_free(variable);
        peer_tell(socket, number);
    }
}

/* Two creators would leave writes in two objects, of which one has the name. */
static void exactly_one_of_many_creators_creates(void) {
    enum { NAMES = CHECK_THREAD_SANITIZER ? 300 : 3000 };
    struct peer racers[RACERS];
    char name[32];
    for (int i = 0; i < RACERS; i++) {
        racers[i] = peer_start(write_to_each_name_that_is_told);
    }
    for (uint64_t number = 1; number <= NAMES; number++) {
        for (int i = 0; i < RACERS; i++) {
            peer_tell(racers[i].socket, number);
        }
        for (int i = 0; i < RACERS; i++) {
            CHECK_EQUAL(number, peer_hear(racers[i].socket));
        }
        snprintf(name, sizeof name, "race-%" PRIu64, number);
        memlane_variable *variable = endpoint_open(name);
        CHECK_EQUAL(number, endpoint_read(variable));
        CHECK_EQUAL(RACERS, endpoint_statistics(variable).writes);
        memlane_variable_free(variable);
        endpoint_unlink(name);
    }
    for (int i = 0; i < RACERS; i++) {
        peer_tell(racers[i].socket, 0);
        PEER_JOIN(&racers[i]);
    }
}

/* -- creating, opening and removing ---------------------------------------------------------------------------------- */

/* What only an object can hold that all its users opened whole: a value of one of them. */
static void use_and_unlink_for_a_while(int socket) {
    enum { ROUNDS = CHECK_THREAD_SANITIZER ? 500 : 5000 };
    uint64_t opened = 0;
    memlane_status status;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        memlane_variable *variable = open_small("contested", MEMLANE_ANY, &status);
        if (variable == NULL) {
            continue;
        }
        opened++;
        endpoint_write(variable, round % 256 * UINT64_C(0x0101010101010101));
        CHECK_EQUAL(0, endpoint_read(variable) % UINT64_C(0x0101010101010101));
        memlane_variable_free(variable);
        status = memlane_unlink(check_directory, "contested", 9, 0600, -1, NULL);
        CHECK(status == MEMLANE_OK || status == MEMLANE_NOT_FOUND);
    }
    peer_tell(socket, opened);
}

static void a_name_that_all_remove_and_make_anew_always_leads_to_a_whole_object(void) {
    struct peer racers[RACERS];
    uint64_t opened = 0;
    for (int i = 0; i < RACERS; i++) {
        racers[i] = peer_start(use_and_unlink_for_a_while);
    }
    for (int i = 0; i < RACERS; i++) {
        opened += peer_hear(racers[i].socket);
        PEER_JOIN(&racers[i]);
    }
    CHECK(opened > 0);
    memlane_unlink(check_directory, "contested", 9, 0600, -1, NULL); /* whoever opened last removed it, or did not */
}

/* -- what goes with its last user --------------------------------------------------------------------------------------- */

static void open_and_close_for_a_while(int socket) {
    enum { ROUNDS = CHECK_THREAD_SANITIZER ? 300 : 3000 };
    memlane_status status;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        memlane_variable *variable = open_small("fleeting", 1, &status);
        if (variable != NULL) {
            endpoint_write(variable, round);
            memlane_variable_free(variable);
        }
    }
    peer_tell(socket, 0);
}

static void an_ephemeral_object_is_gone_when_the_last_of_many_closed_it(void) {
    struct peer racers[RACERS];
    uint32_t removed;
    memlane_error error;
    for (int i = 0; i < RACERS; i++) {
        racers[i] = peer_start(open_and_close_for_a_while);
    }
    for (int i = 0; i < RACERS; i++) {
        peer_hear(racers[i].socket);
        PEER_JOIN(&racers[i]);
    }
    /* Whoever could not lock the directory in time left it for this. */
    CHECK_OK(memlane_collect(check_directory, 0600, -1, &removed, &error), &error);
    CHECK_EQUAL(0, check_count_entries(check_directory));
}

/* -- death in the midst ------------------------------------------------------------------------------------------------- */

static void create_and_unlink_for_ever(int socket) {
    memlane_status status;
    peer_tell(socket, 0);
    for (;;) {
        memlane_variable *variable = open_small("mortal", 1, &status);
        if (variable != NULL) {
            memlane_variable_free(variable);
        }
    }
}

static void killed_creators_and_removers_leave_nothing_that_stays(void) {
    uint32_t removed;
    memlane_error error;
    for (int kill = 0; kill < 300; kill++) {
        struct peer racers[] = {peer_start(create_and_unlink_for_ever), peer_start(create_and_unlink_for_ever)};
        for (int i = 0; i < 2; i++) {
            peer_hear(racers[i].socket);
        }
        nanosleep(&(struct timespec){.tv_nsec = kill * 5000L}, NULL); /* another moment each time, no synchronisation */
        for (int i = 0; i < 2; i++) {
            peer_kill(&racers[i]);
        }
        CHECK_OK(memlane_collect(check_directory, 0600, -1, &removed, &error), &error);
        CHECK_EQUAL(0, check_count_entries(check_directory));
    }
}

/* Whoever opens an object whose users died goes on with the same descriptor, and reserves the new one. */
static void a_removal_lets_go_of_the_directory(void) {
    const struct memlane_sharing sharing = {.permissions = 0600, .peer_user = -1};
    struct memlane_directory ours, theirs;
    struct memlane_segment segment;
    memlane_error error;
    bool locked;
    lock_object_open(&segment, 2);
    memlane_participant_detach(&segment);
    CHECK_EQUAL(0, memlane_platform_unlock_bytes(segment.descriptor, MEMLANE_LOCK_BASE, 2));
    CHECK_OK(memlane_directory_open(&ours, check_directory, &sharing, &error), &error);
    CHECK_OK(memlane_directory_open(&theirs, check_directory, &sharing, &error), &error);

    CHECK(memlane_removal_of_abandoned(&segment, segment.descriptor, &ours));

    CHECK_EQUAL(0, memlane_platform_lock_directory(theirs.descriptor, &locked));
    CHECK(locked);
    memlane_directory_close(&theirs);
    memlane_directory_close(&ours);
    lock_object_close(&segment);
}

static const struct check_test tests[] = {
    {"exactly one of many creators creates", exactly_one_of_many_creators_creates},
    {"a name that all remove and make anew always leads to a whole object",
     a_name_that_all_remove_and_make_anew_always_leads_to_a_whole_object},
    {"an ephemeral object is gone when the last of many closed it",
     an_ephemeral_object_is_gone_when_the_last_of_many_closed_it},
    {"a removal lets go of the directory", a_removal_lets_go_of_the_directory},
    {"killed creators and removers leave nothing that stays", killed_creators_and_removers_leave_nothing_that_stays},
};

CHECK_MAIN(tests)
