/* Views: values read in place, unchanged for as long as they live. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "peer.h"

#include "layout.h"

static memlane_view look(memlane_variable *variable) {
    memlane_view view;
    memlane_error error;
    CHECK_OK(memlane_variable_view(variable, &view, &error), &error);
    return view;
}

static uint64_t seen_in(const memlane_view *view) {
    uint64_t value;
    memcpy(&value, view->bytes, sizeof value);
    return value;
}

static memlane_variable *open_with_slots(uint64_t slots) {
    memlane_variable_options options = endpoint_options();
    options.slots = slots;
    return endpoint_open_with("pose", &options);
}

static void a_view_is_the_latest_value(void) {
    memlane_view view;
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");
    CHECK_FAILURE(MEMLANE_EMPTY, "was never written", memlane_variable_view(variable, &view, &error), &error);
    endpoint_write(variable, 1);
    endpoint_write(variable, 2);

    view = look(variable);

    CHECK_EQUAL(2, seen_in(&view));
    CHECK_EQUAL(2, view.reading.version);
    CHECK_EQUAL(8, view.reading.size);
    CHECK_EQUAL(1, view.reading.type);
    CHECK_EQUAL(0, (uintptr_t)view.bytes % 64);
    memlane_view_release(&view);
    CHECK(view.variable == NULL);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void a_view_never_changes_while_a_million_writes_pass(void) {
    memlane_variable *writer = open_with_slots(4), *reader = endpoint_open("pose");
    endpoint_write(writer, 1);
    memlane_view view = look(reader);
    for (uint64_t value = 2; value <= 1000000; value++) {
        endpoint_write(writer, value);
        if (seen_in(&view) != 1) {
            CHECK_FAIL("after %" PRIu64 " writes the view shows %" PRIu64, value, seen_in(&view));
        }
    }
    CHECK_EQUAL(1000000, endpoint_read(reader));
    memlane_view_release(&view);
    memlane_variable_free(reader);
    memlane_variable_free(writer);
    endpoint_unlink("pose");
}

/* The rights of the mapping that holds the address, such as "r--s". */
static void rights_of(const void *address, char rights[5]) {
    char line[1024];
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL);
    rights[0] = '\0';
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t begin, end;
        char found[5];
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &begin, &end, found) == 3 && (uintptr_t)address >= begin &&
            (uintptr_t)address < end) {
            memcpy(rights, found, sizeof found);
        }
    }
    fclose(maps);
}

static void the_bytes_lie_in_a_read_only_mapping(void) {
    char rights[5];
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 1);

    memlane_view view = look(variable);

    rights_of(view.bytes, rights);
    CHECK_STRING("r--s", rights);
    memlane_view_release(&view);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void who_writes_through_a_view_is_ended_and_changes_nothing(void) {
    int status;
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 1);
    memlane_view view = look(variable);
    pid_t child = fork();
    CHECK_CALL(child);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would explain it */
        *(volatile unsigned char *)(uintptr_t)view.bytes = 9;
        _exit(0);
    }
    CHECK_CALL(waitpid(child, &status, 0));

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    CHECK_EQUAL(1, seen_in(&view));
    memlane_view_release(&view);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void four_versions_can_be_viewed_each_any_number_of_times(void) {
    enum { EACH = 100 };
    static memlane_view views[MEMLANE_PINS_EACH][EACH];
    memlane_view refused;
    memlane_error error;
    memlane_variable *variable = open_with_slots(MEMLANE_PINS_EACH + 2);
    for (uint64_t version = 0; version < MEMLANE_PINS_EACH; version++) {
        endpoint_write(variable, version);
        for (int i = 0; i < EACH; i++) {
            views[version][i] = look(variable);
        }
    }
    endpoint_write(variable, 100);

    CHECK_FAILURE(MEMLANE_TOO_MANY_VIEWS, "views 4 versions already: release views, or open a second endpoint",
                  memlane_variable_view(variable, &refused, &error), &error);
    CHECK_EQUAL(MEMLANE_PINS_EACH, endpoint_statistics(variable).slots_pinned);
    CHECK_EQUAL(100, endpoint_read(variable)); /* copying needs no pin */
    for (uint64_t version = 0; version < MEMLANE_PINS_EACH; version++) {
        for (int i = 0; i < EACH; i++) {
            CHECK_EQUAL(version, seen_in(&views[version][i]));
            memlane_view_release(&views[version][i]);
        }
    }
    CHECK_EQUAL(0, endpoint_statistics(variable).slots_pinned);
    refused = look(variable);
    CHECK_EQUAL(100, seen_in(&refused));
    memlane_view_release(&refused);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* Without a pin a quick writer, or a hostile one, can spoil each of its copies: not for ever. */
static void a_reader_that_can_pin_nothing_gives_up_in_the_end(void) {
    memlane_view views[MEMLANE_PINS_EACH];
    memlane_access access;
    memlane_error error;
    memlane_variable *variable = open_with_slots(MEMLANE_PINS_EACH + 2);
    for (uint64_t version = 0; version < MEMLANE_PINS_EACH; version++) {
        endpoint_write(variable, version);
        views[version] = look(variable);
    }
    endpoint_write(variable, 100);

    CHECK_OK(memlane_access_begin(variable, 1000, &access, &error), &error);
    CHECK_OK(memlane_access_end(variable, &access, false, &error), &error);
    CHECK_FAILURE(MEMLANE_TOO_MANY_VIEWS, "views 4 versions already: release views, or open a second endpoint",
                  memlane_access_begin(variable, 10000, &access, &error), &error);

    memlane_view_release(&views[0]);
    CHECK_OK(memlane_access_begin(variable, 10000, &access, &error), &error);
    CHECK_OK(memlane_access_end(variable, &access, true, &error), &error);
    for (size_t i = 1; i < MEMLANE_PINS_EACH; i++) {
        memlane_view_release(&views[i]);
    }
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* D47: distinct versions pinned + 2. */
static void pinned_versions_and_two_are_slots_enough(void) {
    memlane_variable *variable = open_with_slots(MEMLANE_PINS_EACH + 2);
    memlane_view views[MEMLANE_PINS_EACH];
    for (uint64_t version = 0; version < MEMLANE_PINS_EACH; version++) {
        endpoint_write(variable, version);
        views[version] = look(variable);
    }
    for (uint64_t value = 0; value < 10000; value++) {
        endpoint_write(variable, value); /* its deadline is 0 */
    }
    for (uint64_t version = 0; version < MEMLANE_PINS_EACH; version++) {
        CHECK_EQUAL(version, seen_in(&views[version]));
        memlane_view_release(&views[version]);
    }
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void a_view_lives_on_when_its_endpoint_closes_and_its_name_goes(void) {
    memlane_variable *variable = endpoint_open("pose"), *writer = endpoint_open("pose");
    endpoint_write(variable, 1);
    memlane_view view = look(variable);

    memlane_variable_free(variable);
    endpoint_unlink("pose");
    for (uint64_t value = 2; value < 1000; value++) {
        endpoint_write(writer, value);
    }

    CHECK_EQUAL(1, seen_in(&view));
    memlane_view_release(&view);
    memlane_variable_free(writer);
    CHECK_EQUAL(0, check_count_mappings(check_directory));
}

static void view_and_wait(int socket) {
    memlane_variable *variable = endpoint_open("pose");
    memlane_view view = look(variable);
    uint64_t value = seen_in(&view);
    peer_tell(socket, value);
    peer_hear(socket);
    CHECK_EQUAL(value, seen_in(&view));
    memlane_view_release(&view);
    memlane_variable_free(variable);
}

/* Each process views a version of its own; half of them die with it. */
static void every_slot_comes_back_from_fifty_viewers_of_whom_half_die(void) {
    enum { VIEWERS = 50, SLOTS = 64 };
    struct peer viewers[VIEWERS];
    memlane_variable *variable = open_with_slots(SLOTS);
    for (uint64_t i = 0; i < VIEWERS; i++) {
        endpoint_write(variable, i);
        viewers[i] = peer_start(view_and_wait);
        CHECK_EQUAL(i, peer_hear(viewers[i].socket));
    }
    CHECK_EQUAL(VIEWERS, endpoint_statistics(variable).slots_pinned);
    for (uint64_t value = 0; value < 10000; value++) {
        endpoint_write(variable, value);
    }
    for (int i = 0; i < VIEWERS; i++) {
        if (i % 2 == 0) {
            peer_kill(&viewers[i]);
        } else {
            peer_tell(viewers[i].socket, 0);
            PEER_JOIN(&viewers[i]);
        }
    }

    memlane_loan loans[SLOTS - 1];
    for (int i = 0; i < SLOTS - 1; i++) {
        memlane_error error;
        CHECK_OK(memlane_variable_loan(variable, &loans[i], 0, &error), &error);
    }
    for (int i = 0; i < SLOTS - 1; i++) {
        memlane_loan_drop(&loans[i]);
    }
    CHECK_EQUAL(0, endpoint_statistics(variable).slots_pinned);
    CHECK_EQUAL(0, endpoint_statistics(variable).slots_writing);
    CHECK_EQUAL(1, endpoint_statistics(variable).live_participants);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void write_a_little_and_wait(int socket) {
    memlane_variable *variable = endpoint_open("pose");
    memlane_loan loan;
    endpoint_write(variable, UINT64_MAX);
    CHECK_STATUS(MEMLANE_OK, memlane_variable_loan(variable, &loan, 0, NULL));
    memset(loan.bytes, 0xff, 64);
    peer_tell(socket, 0);
    peer_hear(socket);
}

static void a_view_never_changes_while_writers_are_killed(void) {
    enum { WRITERS = 200 };
    memlane_variable *variable = open_with_slots(4);
    endpoint_write(variable, 1);
    memlane_view view = look(variable);
    for (int i = 0; i < WRITERS; i++) {
        struct peer writer = peer_start(write_a_little_and_wait);
        peer_hear(writer.socket);
        peer_kill(&writer);
        CHECK_EQUAL(1, seen_in(&view));
        endpoint_write(variable, 2);
        CHECK_EQUAL(2, endpoint_read(variable));
        CHECK_EQUAL(1, seen_in(&view));
    }
    memlane_view_release(&view);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* For bindings that decode in place: begin, use, still, end. */
static void an_access_notices_that_its_value_was_overwritten(void) {
    memlane_access access;
    memlane_error error;
    memlane_variable *variable = open_with_slots(2);
    endpoint_write(variable, 1);

    CHECK_OK(memlane_access_begin(variable, 0, &access, &error), &error);
    CHECK_EQUAL(1, access.reading.version);
    CHECK(memlane_access_still(variable, &access));
    endpoint_write(variable, 2);
    endpoint_write(variable, 3);
    CHECK(!memlane_access_still(variable, &access));
    CHECK_OK(memlane_access_end(variable, &access, false, &error), &error);

    CHECK_EQUAL(0, endpoint_statistics(variable).reads);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

/* A writer that laps a reader three times may do so for ever. */
static void a_late_attempt_cannot_be_lapped(void) {
    memlane_access access;
    memlane_error error;
    memlane_variable *variable = open_with_slots(3);
    endpoint_write(variable, 1);

    CHECK_OK(memlane_access_begin(variable, 3, &access, &error), &error);
    for (uint64_t value = 2; value < 100; value++) {
        endpoint_write(variable, value);
    }
    CHECK(memlane_access_still(variable, &access));
    uint64_t value;
    memcpy(&value, access.bytes, sizeof value);
    CHECK_EQUAL(1, value);
    CHECK_OK(memlane_access_end(variable, &access, true, &error), &error);

    CHECK_EQUAL(1, endpoint_statistics(variable).reads);
    CHECK_EQUAL(1, endpoint_statistics(variable).retries);
    CHECK_EQUAL(0, endpoint_statistics(variable).slots_pinned);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void an_access_keeps_the_mapping_when_the_endpoint_is_closed(void) {
    memlane_access access;
    memlane_error error;
    uint64_t value;
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 8);
    CHECK_OK(memlane_access_begin(variable, 0, &access, &error), &error);

    memlane_variable_close(variable);

    memcpy(&value, access.bytes, sizeof value);
    CHECK_EQUAL(8, value);
    CHECK(memlane_access_still(variable, &access));
    CHECK_OK(memlane_access_end(variable, &access, true, &error), &error);
    CHECK_EQUAL(0, check_count_mappings(check_directory));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static const struct check_test tests[] = {
    {"a view is the latest value", a_view_is_the_latest_value},
    {"a view never changes while a million writes pass", a_view_never_changes_while_a_million_writes_pass},
    {"the bytes lie in a read-only mapping", the_bytes_lie_in_a_read_only_mapping},
    {"a reader that can pin nothing gives up in the end", a_reader_that_can_pin_nothing_gives_up_in_the_end},
    {"who writes through a view is ended and changes nothing", who_writes_through_a_view_is_ended_and_changes_nothing},
    {"four versions can be viewed, each any number of times", four_versions_can_be_viewed_each_any_number_of_times},
    {"pinned versions and two are slots enough", pinned_versions_and_two_are_slots_enough},
    {"a view lives on when its endpoint closes and its name goes",
     a_view_lives_on_when_its_endpoint_closes_and_its_name_goes},
    {"every slot comes back from fifty viewers of whom half die",
     every_slot_comes_back_from_fifty_viewers_of_whom_half_die},
    {"a view never changes while writers are killed", a_view_never_changes_while_writers_are_killed},
    {"an access notices that its value was overwritten", an_access_notices_that_its_value_was_overwritten},
    {"a late attempt cannot be lapped", a_late_attempt_cannot_be_lapped},
    {"an access keeps the mapping when the endpoint is closed",
     an_access_keeps_the_mapping_when_the_endpoint_is_closed},
};

CHECK_MAIN(tests)
