/* Opening, writing and reading a variable through the public interface, with every answer that its header promises. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "peer.h"

#include "layout.h"

/* -- opening ------------------------------------------------------------------------------------------------- */

static void expect_open_fails(const char *name, const memlane_variable_options *options, memlane_status status,
                              const char *text) {
    memlane_variable *variable = NULL;
    memlane_error error;
    CHECK_FAILURE(status, text, memlane_variable_open(&variable, name, strlen(name), options, &error), &error);
    CHECK(variable == NULL);
}

static void the_first_opener_creates_with_the_documented_defaults(void) {
    memlane_variable_properties found;

    memlane_variable *variable = endpoint_open("pose");

    memlane_variable_describe(variable, &found);
    CHECK_EQUAL(4096, found.max_size);
    CHECK_EQUAL(14, found.slots);
    CHECK_EQUAL(128, found.participants);
    CHECK_EQUAL(5, found.encoding);
    CHECK(!found.ephemeral);
    CHECK_STRING("pose", found.name);
    CHECK_STRING(check_directory, found.directory);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void the_second_opener_adopts_what_was_not_given(void) {
    memlane_variable_options options = endpoint_options();
    memlane_variable_properties first, second;
    options.max_size = 100;
    options.slots = 3;
    options.object.participants = 7;
    options.encoding = 2;
    memlane_variable *creator = endpoint_open_with("pose", &options);

    memlane_variable *opener = endpoint_open("/pose");

    memlane_variable_describe(creator, &first);
    memlane_variable_describe(opener, &second);
    CHECK_EQUAL(100, second.max_size);
    CHECK_EQUAL(3, second.slots);
    CHECK_EQUAL(7, second.participants);
    CHECK_EQUAL(2, second.encoding);
    CHECK_BYTES(first.uuid, second.uuid, sizeof first.uuid);
    memlane_variable_free(opener);
    memlane_variable_free(creator);
    endpoint_unlink("pose");
}

static void a_difference_is_refused_with_both_sides(void) {
    memlane_variable *variable = endpoint_open("pose");
    memlane_variable_options options;

    options = endpoint_options();
    options.max_size = 4097;
    expect_open_fails("pose", &options, MEMLANE_SIZE_MISMATCH,
                      "max_size=4097 was asked for, the object has max_size=4096");
    options = endpoint_options();
    options.slots = 2;
    expect_open_fails("pose", &options, MEMLANE_SIZE_MISMATCH, "slots=2 was asked for, the object has slots=14");
    options = endpoint_options();
    options.object.participants = 1;
    expect_open_fails("pose", &options, MEMLANE_SIZE_MISMATCH,
                      "max_participants=1 was asked for, the object has max_participants=128");
    options = endpoint_options();
    options.encoding = 2;
    expect_open_fails("pose", &options, MEMLANE_SCHEMA_MISMATCH, "protocol=2 was asked for, the object has protocol=5");
    options = endpoint_options();
    options.object.ephemeral = 1;
    expect_open_fails("pose", &options, MEMLANE_SCHEMA_MISMATCH,
                      "persistent=False was asked for, the object has persistent=True");

    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void terms_that_agree_are_accepted(void) {
    memlane_variable_options options = endpoint_options();
    memlane_variable *variable = endpoint_open("pose");
    options.max_size = 4096;
    options.slots = 14;
    options.object.participants = 128;
    options.encoding = 5;
    options.object.ephemeral = 0;

    memlane_variable_free(endpoint_open_with("pose", &options));

    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void impossible_sizes_are_refused_before_anything_is_made(void) {
    static const struct {
        uint64_t max_size, slots, participants;
        const char *text;
    } wrong[] = {
        {0, 14, 128, "max_size=0 is not between 1 and"},
        {(UINT64_C(1) << 38) + 1, 14, 128, "is not between 1 and 274877906944 bytes"},
        {UINT64_MAX - 1, 14, 128, "is not between 1 and"},
        {1, 1, 128, "slots=1 is not between 2 and 65535"},
        {1, 65536, 128, "slots=65536 is not between 2 and 65535"},
        {1, 0, 128, "slots=0 is not between"},
        {1, 14, 0, "max_participants=0 is not between 1 and 1024"},
        {1, 14, 1025, "max_participants=1025 is not between 1 and 1024"},
        {UINT64_C(1) << 38, 65535, 128, "no object of these sizes is possible"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memlane_variable_options options = endpoint_options();
        options.max_size = wrong[i].max_size;
        options.slots = wrong[i].slots;
        options.object.participants = wrong[i].participants;
        expect_open_fails("pose", &options, MEMLANE_INVALID_ARGUMENT, wrong[i].text);
    }
}

static void a_bad_name_is_refused(void) {
    memlane_variable_options options = endpoint_options();
    expect_open_fails("a/b", &options, MEMLANE_INVALID_NAME, "contains a '/'");
}

static void a_missing_object_is_not_made_when_that_was_asked(void) {
    memlane_variable_options options = endpoint_options();
    options.object.create = false;

    expect_open_fails("pose", &options, MEMLANE_NOT_FOUND, "there is no variable 'pose' in '/dev/shm/memlane-test");
}

static void only_the_very_object_is_accepted_where_its_identity_is_given(void) {
    memlane_variable_options options = endpoint_options();
    memlane_variable_properties properties;
    memlane_variable *variable = endpoint_open("pose");
    memlane_variable_describe(variable, &properties);
    memlane_variable_free(variable);
    options.object.uuid = properties.uuid;

    memlane_variable_free(endpoint_open_with("pose", &options));
    endpoint_unlink("pose");
    expect_open_fails("pose", &options, MEMLANE_NOT_FOUND, "was removed since this endpoint was made");
    memlane_variable_free(endpoint_open("pose"));
    expect_open_fails("pose", &options, MEMLANE_NOT_FOUND, "was re-created since this endpoint was made");

    endpoint_unlink("pose");
}

static void different_names_are_different_objects(void) {
    memlane_variable *left = endpoint_open("left"), *right = endpoint_open("right");
    endpoint_write(left, 1);
    endpoint_write(right, 2);

    CHECK_EQUAL(1, endpoint_read(left));
    CHECK_EQUAL(2, endpoint_read(right));

    memlane_variable_free(left);
    memlane_variable_free(right);
    endpoint_unlink("left");
    endpoint_unlink("right");
}

/* -- reading and writing -------------------------------------------------------------------------------------- */

static void what_was_never_written_is_empty(void) {
    uint64_t value, version = 1;
    memlane_reading reading;
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");

    CHECK_FAILURE(MEMLANE_EMPTY, "'pose' was never written",
                  memlane_variable_read(variable, &value, 8, &reading, &error), &error);
    CHECK_STATUS(MEMLANE_OK, memlane_variable_version(variable, &version));
    CHECK_EQUAL(0, version);

    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void what_is_read_is_what_was_written_last(void) {
    unsigned char written[4096], found[4096];
    memlane_reading reading;
    memlane_error error;
    memlane_variable *writer = endpoint_open("pose"), *reader = endpoint_open("pose");
    for (size_t size = 0; size <= sizeof written; size = 2 * size + 1) {
        memset(written, (int)size + 1, sizeof written);
        uint64_t before = check_now();

        CHECK_OK(memlane_variable_write(writer, written, size, (uint32_t)size, 0, &error), &error);

        CHECK_OK(memlane_variable_read(reader, found, sizeof found, &reading, &error), &error);
        CHECK_EQUAL(size, reading.size);
        CHECK_EQUAL(size, reading.type);
        CHECK_BYTES(written, found, size);
        CHECK(reading.monotonic_ns >= before && reading.monotonic_ns <= check_now());
    }
    memlane_variable_free(reader);
    memlane_variable_free(writer);
    endpoint_unlink("pose");
}

/* Nobody has a buffer at hand for nothing. */
static void an_empty_value_needs_no_address(void) {
    memlane_reading reading;
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");

    CHECK_OK(memlane_variable_write(variable, NULL, 0, 3, 0, &error), &error);
    CHECK_OK(memlane_variable_read(variable, NULL, 0, &reading, &error), &error);

    CHECK_EQUAL(0, reading.size);
    CHECK_EQUAL(3, reading.type);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void versions_rise_by_one_and_are_the_same_for_all(void) {
    memlane_variable *first = endpoint_open("pose"), *second = endpoint_open("pose");
    for (uint64_t expected = 1; expected <= 100; expected++) {
        uint64_t version;

        endpoint_write(expected % 2 == 0 ? first : second, expected);

        CHECK_STATUS(MEMLANE_OK, memlane_variable_version(first, &version));
        CHECK_EQUAL(expected, version);
        CHECK_STATUS(MEMLANE_OK, memlane_variable_version(second, &version));
        CHECK_EQUAL(expected, version);
        CHECK_EQUAL(expected, endpoint_read(first));
    }
    memlane_variable_free(first);
    memlane_variable_free(second);
    endpoint_unlink("pose");
}

static void a_value_that_is_too_large_leaves_the_old_one(void) {
    unsigned char large[4097] = {0};
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 7);

    CHECK_FAILURE(MEMLANE_VALUE_TOO_LARGE, "the value takes 4097 bytes, at most max_size=4096 fit",
                  memlane_variable_write(variable, large, sizeof large, 0, 0, &error), &error);
    CHECK_STATUS(MEMLANE_VALUE_TOO_LARGE, memlane_variable_write(variable, large, UINT64_MAX, 0, 0, NULL));

    CHECK_EQUAL(7, endpoint_read(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void a_buffer_that_is_too_small_is_told_what_is_needed(void) {
    uint32_t small = 0;
    memlane_reading reading;
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 7);

    CHECK_FAILURE(MEMLANE_BUFFER_TOO_SMALL, "the value takes 8 bytes, the buffer holds 4",
                  memlane_variable_read(variable, &small, sizeof small, &reading, &error), &error);

    CHECK_EQUAL(8, reading.size);
    CHECK_EQUAL(1, reading.version);
    CHECK_EQUAL(0, endpoint_statistics(variable).reads);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void the_value_survives_its_writer(void) {
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 42);
    memlane_variable_free(variable);

    variable = endpoint_open("pose");

    CHECK_EQUAL(42, endpoint_read(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void write_until_told(int socket) {
    memlane_variable *variable = endpoint_open("pose");
    for (uint64_t value = 1;; value++) {
        endpoint_write(variable, value);
        peer_tell(socket, value);
        peer_hear(socket);
    }
}

static void a_value_passes_between_processes(void) {
    struct peer writer = peer_start(write_until_told);
    memlane_variable *variable = endpoint_open("pose");
    for (uint64_t expected = 1; expected <= 1000; expected++) {
        CHECK_EQUAL(expected, peer_hear(writer.socket));
        CHECK_EQUAL(expected, endpoint_read(variable));
        peer_tell(writer.socket, 0);
    }
    peer_kill(&writer);

    CHECK(endpoint_read(variable) >= 1000);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void the_object_is_private_as_long_as_its_mode_says_so(void) {
    char path[2 * CHECK_PATH_SIZE];
    memlane_variable *variable = endpoint_open("pose");
    snprintf(path, sizeof path, "%s/pose", check_directory);

    CHECK(memlane_variable_is_private(variable));
    CHECK_CALL(chmod(path, 0620));
    CHECK(!memlane_variable_is_private(variable));
    CHECK_CALL(chmod(path, 0602));
    CHECK(!memlane_variable_is_private(variable));
    CHECK_CALL(chmod(path, 0644));
    CHECK(memlane_variable_is_private(variable));

    memlane_variable_close(variable);
    CHECK(!memlane_variable_is_private(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void the_mode_asked_for_is_the_mode_made_whatever_the_umask(void) {
    static const mode_t masks[] = {0, 022, 077, 0777};
    char path[2 * CHECK_PATH_SIZE];
    snprintf(path, sizeof path, "%s/pose", check_directory);
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        memlane_variable_options options = endpoint_options();
        struct stat found;
        options.object.permissions = 0640;
        umask(masks[i]);

        memlane_variable_free(endpoint_open_with("pose", &options));

        CHECK_CALL(stat(path, &found));
        CHECK_EQUAL(S_IFREG | 0640, found.st_mode);
        endpoint_unlink("pose");
    }
}

/* -- closing ---------------------------------------------------------------------------------------------------- */

static void every_operation_on_a_closed_endpoint_says_closed(void) {
    uint64_t value = 0, newest;
    memlane_reading reading;
    memlane_loan loan;
    memlane_view view;
    memlane_access access;
    memlane_variable_statistics statistics;
    memlane_variable_properties properties;
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");
    endpoint_write(variable, 1);

    memlane_variable_close(variable);
    memlane_variable_close(variable);

    const char *text = "'pose': this endpoint was closed";
    CHECK_FAILURE(MEMLANE_CLOSED, text, memlane_variable_write(variable, &value, 8, 0, 0, &error), &error);
    CHECK_FAILURE(MEMLANE_CLOSED, text, memlane_variable_read(variable, &value, 8, &reading, &error), &error);
    CHECK_FAILURE(MEMLANE_CLOSED, text, memlane_variable_loan(variable, &loan, 0, &error), &error);
    CHECK_FAILURE(MEMLANE_CLOSED, text, memlane_variable_view(variable, &view, &error), &error);
    CHECK_FAILURE(MEMLANE_CLOSED, text, memlane_variable_wait(variable, 0, 0, &newest, &error), &error);
    CHECK_FAILURE(MEMLANE_CLOSED, text, memlane_access_begin(variable, 0, &access, &error), &error);
    CHECK_FAILURE(MEMLANE_CLOSED, text, memlane_variable_statistics_read(variable, &statistics, &error), &error);
    CHECK_STATUS(MEMLANE_CLOSED, memlane_variable_version(variable, &newest));
    CHECK(!memlane_variable_is_current(variable));
    memlane_variable_count_skipped(variable, 1);
    memlane_variable_describe(variable, &properties);
    CHECK_STRING("pose", properties.name);
    memlane_variable_free(variable);
    memlane_variable_free(NULL);
    endpoint_unlink("pose");
}

/* Bindings keep pointers into a loan that ended: they must not fault. */
static void a_hold_keeps_the_mapping_beyond_the_close(void) {
    memlane_loan loan;
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");
    CHECK_OK(memlane_variable_loan(variable, &loan, 0, &error), &error);
    volatile unsigned char *bytes = loan.bytes;
    memlane_variable_hold(variable);
    memlane_loan_drop(&loan);

    memlane_variable_close(variable);

    bytes[4095] = 1;
    CHECK_EQUAL(1, bytes[4095]);
    memlane_variable_release(variable);
    CHECK_EQUAL(0, check_count_mappings(check_directory));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void closing_one_endpoint_leaves_the_others_alone(void) {
    memlane_variable *first = endpoint_open("pose"), *second = endpoint_open("pose");
    endpoint_write(first, 5);

    memlane_variable_free(first);

    CHECK_EQUAL(5, endpoint_read(second));
    endpoint_write(second, 6);
    CHECK_EQUAL(6, endpoint_read(second));
    CHECK(memlane_variable_is_current(second));
    memlane_variable_free(second);
    endpoint_unlink("pose");
}

/* 10,000 of them would show a descriptor, mapping or place that is not given back. */
static void opening_and_closing_for_ever_uses_nothing_up(void) {
    memlane_variable_options options = endpoint_options();
    options.object.participants = 2;
    options.max_size = 64;
    memlane_variable *first = endpoint_open_with("pose", &options);
    for (int i = 0; i < 10000; i++) {
        memlane_variable_free(endpoint_open_with("pose", &options));
    }
    CHECK_EQUAL(1, endpoint_statistics(first).live_participants);
    memlane_variable_free(first);
    endpoint_unlink("pose");
}

static const struct check_test tests[] = {
    {"the first opener creates with the documented defaults", the_first_opener_creates_with_the_documented_defaults},
    {"the second opener adopts what was not given", the_second_opener_adopts_what_was_not_given},
    {"a difference is refused with both sides", a_difference_is_refused_with_both_sides},
    {"terms that agree are accepted", terms_that_agree_are_accepted},
    {"impossible sizes are refused before anything is made", impossible_sizes_are_refused_before_anything_is_made},
    {"a bad name is refused", a_bad_name_is_refused},
    {"a missing object is not made when that was asked", a_missing_object_is_not_made_when_that_was_asked},
    {"only the very object is accepted where its identity is given",
     only_the_very_object_is_accepted_where_its_identity_is_given},
    {"different names are different objects", different_names_are_different_objects},
    {"what was never written is empty", what_was_never_written_is_empty},
    {"what is read is what was written last", what_is_read_is_what_was_written_last},
    {"an empty value needs no address", an_empty_value_needs_no_address},
    {"versions rise by one and are the same for all", versions_rise_by_one_and_are_the_same_for_all},
    {"a value that is too large leaves the old one", a_value_that_is_too_large_leaves_the_old_one},
    {"a buffer that is too small is told what is needed", a_buffer_that_is_too_small_is_told_what_is_needed},
    {"the value survives its writer", the_value_survives_its_writer},
    {"a value passes between processes", a_value_passes_between_processes},
    {"the object is private as long as its mode says so", the_object_is_private_as_long_as_its_mode_says_so},
    {"the mode asked for is the mode made, whatever the umask", the_mode_asked_for_is_the_mode_made_whatever_the_umask},
    {"every operation on a closed endpoint says closed", every_operation_on_a_closed_endpoint_says_closed},
    {"a hold keeps the mapping beyond the close", a_hold_keeps_the_mapping_beyond_the_close},
    {"closing one endpoint leaves the others alone", closing_one_endpoint_leaves_the_others_alone},
    {"opening and closing for ever uses nothing up", opening_and_closing_for_ever_uses_nothing_up},
};

CHECK_MAIN(tests)
