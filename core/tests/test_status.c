/* Names of statuses and texts of errors are interface. */
#define _GNU_SOURCE
#include "check.h"

#include "failure.h"

/* Bindings and other programs compare these numbers. */
static void statuses_keep_their_numbers_and_names(void) {
    static const struct {
        unsigned number;
        memlane_status status;
        const char *name;
    } pins[] = {
        {0, MEMLANE_OK, "ok"},
        {1, MEMLANE_EMPTY, "empty"},
        {2, MEMLANE_TIMEOUT, "timeout"},
        {3, MEMLANE_INTERRUPTED, "interrupted"},
        {4, MEMLANE_CLOSED, "closed"},
        {5, MEMLANE_INVALID_NAME, "invalid name"},
        {6, MEMLANE_INVALID_ARGUMENT, "invalid argument"},
        {7, MEMLANE_NOT_FOUND, "not found"},
        {8, MEMLANE_KIND_MISMATCH, "kind mismatch"},
        {9, MEMLANE_SIZE_MISMATCH, "size mismatch"},
        {10, MEMLANE_SCHEMA_MISMATCH, "schema mismatch"},
        {11, MEMLANE_LAYOUT_MISMATCH, "layout mismatch"},
        {12, MEMLANE_UNSAFE_NAMESPACE, "unsafe namespace"},
        {13, MEMLANE_UNSUPPORTED_NAMESPACE, "unsupported namespace"},
        {14, MEMLANE_NO_SPACE, "no space"},
        {15, MEMLANE_TOO_MANY_PARTICIPANTS, "too many participants"},
        {16, MEMLANE_NO_FREE_SLOT, "no free slot"},
        {17, MEMLANE_VALUE_TOO_LARGE, "value too large"},
        {18, MEMLANE_TOO_MANY_VIEWS, "too many views"},
        {19, MEMLANE_CORRUPTED, "corrupted"},
        {20, MEMLANE_OWNERSHIP_LOST, "ownership lost"},
        {21, MEMLANE_BUFFER_TOO_SMALL, "buffer too small"},
        {22, MEMLANE_OWNER_DIED, "owner died"},
        {23, MEMLANE_SUPERSEDED, "superseded"},
        {24, MEMLANE_NO_MEMORY, "no memory"},
        {25, MEMLANE_SYSTEM, "system error"},
        {26, MEMLANE_ACCESS_DENIED, "access denied"},
        {27, MEMLANE_REMOVED, "removed"},
        {28, MEMLANE_PEER_DIED, "peer died"},
        {29, MEMLANE_ENDPOINT_BUSY, "endpoint busy"},
        {30, MEMLANE_END_CLOSED, "end closed"},
        {37, MEMLANE_TAKEN, "taken"},
        {39, MEMLANE_WOULD_DEADLOCK, "would deadlock"},
    };
    for (size_t i = 0; i < sizeof pins / sizeof *pins; i++) {
        CHECK_EQUAL(pins[i].number, pins[i].status);
        CHECK_STRING(pins[i].name, memlane_status_name(pins[i].status));
    }
    CHECK_STRING("unknown status", memlane_status_name((memlane_status)1000));
    CHECK_STRING("unknown status", memlane_status_name((memlane_status)-1));
}

static void a_failure_fills_the_error_and_is_the_status(void) {
    memlane_error error;
    memset(&error, 0xaa, sizeof error);

    memlane_status status = memlane_fail(&error, MEMLANE_NOT_FOUND, "no %s of %d", "pose", 3);

    CHECK_FAILURE(MEMLANE_NOT_FOUND, "no pose of 3", status, &error);
    CHECK_EQUAL(0, error.system_error);
}

static void a_failed_call_is_told_with_the_systems_text(void) {
    memlane_error error;

    memlane_status status = memlane_fail_system(&error, EMFILE, "cannot open '%s'", "pose");

    CHECK_FAILURE(MEMLANE_SYSTEM, "cannot open 'pose': Too many open files", status, &error);
    CHECK_EQUAL(EMFILE, error.system_error);
}

static void nobody_needs_to_want_the_text(void) {
    CHECK_STATUS(MEMLANE_EMPTY, memlane_fail(NULL, MEMLANE_EMPTY, "%d", 1));
    CHECK_STATUS(MEMLANE_SYSTEM, memlane_fail_system(NULL, EIO, "%d", 1));
}

static void long_texts_are_cut_within_the_message(void) {
    struct {
        memlane_error error;
        unsigned char behind[64];
    } guarded;
    char long_text[4 * MEMLANE_MESSAGE_SIZE];
    memset(&guarded, 0xaa, sizeof guarded);
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';

    CHECK_STATUS(MEMLANE_SYSTEM, memlane_fail_system(&guarded.error, EIO, "%s", long_text));

    CHECK_EQUAL(MEMLANE_MESSAGE_SIZE - 1, strlen(guarded.error.message));
    for (size_t i = 0; i < sizeof guarded.behind; i++) {
        CHECK_EQUAL(0xaa, guarded.behind[i]);
    }
}

static void the_library_says_its_version(void) {
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", MEMLANE_VERSION_MAJOR, MEMLANE_VERSION_MINOR, MEMLANE_VERSION_PATCH);
    CHECK_STRING(version, memlane_version());
}

static const struct check_test tests[] = {
    {"statuses keep their numbers and names", statuses_keep_their_numbers_and_names},
    {"a failure fills the error and is the status", a_failure_fills_the_error_and_is_the_status},
    {"a failed call is told with the system's text", a_failed_call_is_told_with_the_systems_text},
    {"nobody needs to want the text", nobody_needs_to_want_the_text},
    {"long texts are cut within the message", long_texts_are_cut_within_the_message},
    {"the library says its version", the_library_says_its_version},
};

CHECK_MAIN(tests)
