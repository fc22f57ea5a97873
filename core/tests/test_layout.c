/* The layout, pinned from outside: other builds and other programs read these bytes at these places. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"

#include "layout.h"

#include <fcntl.h>

#define PIN(type, member, at) CHECK_EQUAL(at, offsetof(struct type, member))

static void the_header_lies_where_it_always_lay(void) {
    PIN(memlane_header, magic, 0);
    PIN(memlane_header, endian, 8);
    PIN(memlane_header, layout_major, 12);
    PIN(memlane_header, layout_minor, 14);
    PIN(memlane_header, incompatible, 16);
    PIN(memlane_header, read_only_compatible, 20);
    PIN(memlane_header, flags, 24);
    PIN(memlane_header, kind, 28);
    PIN(memlane_header, total_size, 32);
    PIN(memlane_header, participants_offset, 40);
    PIN(memlane_header, participants_count, 44);
    PIN(memlane_header, body_offset, 48);
    PIN(memlane_header, geometry, 56);
    PIN(memlane_header, schema_hash, 184);
    PIN(memlane_header, uuid, 216);
    PIN(memlane_header, created_monotonic_ns, 232);
    PIN(memlane_header, created_real_ns, 240);
    PIN(memlane_header, boot_identity, 248);
    PIN(memlane_header, creator_user, 264);
    PIN(memlane_header, name, 268);
    PIN(memlane_header, schema_length, 472);
    PIN(memlane_header, schema_checksum, 476);
    PIN(memlane_header, reserved, 480);
    PIN(memlane_header, checksum, 4088);
    CHECK_EQUAL(4096, sizeof(struct memlane_header));
}

static void the_tables_lie_where_they_always_lay(void) {
    PIN(memlane_participant_entry, generation, 0);
    PIN(memlane_participant_entry, pid, 4);
    PIN(memlane_participant_entry, start_time, 8);
    PIN(memlane_participant_entry, pid_namespace, 16);
    PIN(memlane_participant_entry, thread, 24);
    PIN(memlane_participant_entry, label, 32);
    CHECK_EQUAL(64, sizeof(struct memlane_participant_entry));
    CHECK_EQUAL(64, sizeof(struct memlane_statistics_line));
    PIN(memlane_register_control, latest, 0);
    PIN(memlane_register_control, vacated, 8);
    PIN(memlane_register_control, bell, 64);
    PIN(memlane_register_control, pins_used, 68);
    PIN(memlane_register_control, pin_moves, 72);
    CHECK_EQUAL(128, sizeof(struct memlane_register_control));
    CHECK_EQUAL(64, sizeof(struct memlane_pin_row));
    PIN(memlane_slot, control, 0);
    PIN(memlane_slot, length_type, 8);
    PIN(memlane_slot, monotonic_ns, 16);
    PIN(memlane_slot, real_ns, 24);
    CHECK_EQUAL(64, sizeof(struct memlane_slot));
    PIN(memlane_share_control, taken, 0);
    CHECK_EQUAL(64, sizeof(struct memlane_share_control));
    CHECK_EQUAL(8, sizeof(struct memlane_lock_word));
}

static void words_are_packed_as_they_always_were(void) {
    CHECK_EQUAL(0x0000000500070003, memlane_latest_word(0x50007, 3));
    CHECK_EQUAL(0x50007, memlane_word_version(0x0000000500070003));
    CHECK_EQUAL(3, memlane_latest_slot(0x0000000500070003));
    CHECK_EQUAL(7 << 16 | 9 << 2 | MEMLANE_SLOT_WRITING, memlane_control_word(7, 9, MEMLANE_SLOT_WRITING));
    CHECK_EQUAL(0x3fff, memlane_control_owner(memlane_control_word(7, 0x3fff, 1)));
    CHECK_EQUAL(1, memlane_control_state(memlane_control_word(7, 0x3fff, 1)));
    CHECK_EQUAL(0x00020000, memlane_tag(0, 0));
    CHECK_EQUAL(1023, memlane_tag_index(memlane_tag(1023, 5)));
    CHECK_EQUAL(5, memlane_tag_generation(memlane_tag(1023, 5 + (1 << 17))));
    CHECK(memlane_tag(MEMLANE_PARTICIPANTS_MAXIMUM - 1, MEMLANE_GENERATION_MASK) <= MEMLANE_LOCK_TAG);
}

static uint64_t number_at(int descriptor, off_t offset, size_t size) {
    uint64_t number = 0;
    CHECK_EQUAL(size, pread(descriptor, &number, size, offset));
    return number;
}

/* 3 participants and 2 slots of 100 bytes: header 4096, tables 3 x 128 padded to a page, body. */
static void a_variable_of_a_known_shape_has_the_known_bytes(void) {
    memlane_variable_options options = endpoint_options();
    char path[2 * CHECK_PATH_SIZE];
    options.object.participants = 3;
    options.slots = 2;
    options.max_size = 100;
    memlane_variable *variable = endpoint_open_with("two words", &options);
    endpoint_write(variable, 0x1122334455667788);
    snprintf(path, sizeof path, "%s/two%%20words", check_directory);

    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    CHECK_CALL(descriptor);
    struct stat file;
    CHECK_CALL(fstat(descriptor, &file));
    CHECK_EQUAL(0100600, file.st_mode);
    CHECK_EQUAL(16384, file.st_size);
    CHECK_EQUAL(0x00656e616c6d656d, number_at(descriptor, 0, 8));
    CHECK_EQUAL(0x01020304, number_at(descriptor, 8, 4));
    CHECK_EQUAL(MEMLANE_KIND_VARIABLE, number_at(descriptor, 28, 4));
    CHECK_EQUAL(16384, number_at(descriptor, 32, 8));
    CHECK_EQUAL(4096, number_at(descriptor, 40, 4));
    CHECK_EQUAL(3, number_at(descriptor, 44, 4));
    CHECK_EQUAL(8192, number_at(descriptor, 48, 8));
    CHECK_EQUAL(2, number_at(descriptor, 56, 8));
    CHECK_EQUAL(100, number_at(descriptor, 64, 8));
    CHECK_EQUAL(128, number_at(descriptor, 72, 8));
    CHECK_EQUAL(getpid(), number_at(descriptor, 4096 + 4, 4));
    CHECK_EQUAL(1, number_at(descriptor, 4096 + 3 * 64, 8)); /* writes */
    uint64_t latest = number_at(descriptor, 8192, 8);
    CHECK_EQUAL(1, memlane_word_version(latest));
    off_t slot = 8192 + 128 + 3 * 64 + 64 * (off_t)memlane_latest_slot(latest);
    CHECK_EQUAL(memlane_control_word(1, 0, MEMLANE_SLOT_PUBLISHED), number_at(descriptor, slot, 8));
    CHECK_EQUAL(UINT64_C(1) << 40 | 8, number_at(descriptor, slot + 8, 8));
    CHECK_EQUAL(0x1122334455667788, number_at(descriptor, 12288 + 128 * (off_t)memlane_latest_slot(latest), 8));

    close(descriptor);
    memlane_variable_free(variable);
    endpoint_unlink("two words");
}

static void versions_go_round_past_zero(void) {
    const uint64_t greatest = MEMLANE_VERSION_MAXIMUM;
    CHECK_EQUAL(2, memlane_version_after(1));
    CHECK_EQUAL(greatest, memlane_version_after(greatest - 1));
    CHECK_EQUAL(1, memlane_version_after(greatest));
    CHECK_EQUAL(1, memlane_version_before(2));
    CHECK_EQUAL(greatest, memlane_version_before(1));

    CHECK(memlane_version_is_newer(2, 1));
    CHECK(!memlane_version_is_newer(1, 2));
    CHECK(!memlane_version_is_newer(1, 1));
    CHECK(memlane_version_is_newer(1, greatest));
    CHECK(!memlane_version_is_newer(greatest, 1));
    CHECK(memlane_version_is_newer(greatest, 1 + MEMLANE_VERSION_LEAD)); /* who slept for most of the round */
    CHECK(memlane_version_is_newer(5, 5 + MEMLANE_VERSION_LEAD));
    CHECK(!memlane_version_is_newer(5, 4 + MEMLANE_VERSION_LEAD));
}

static void no_version_is_older_than_the_first_and_none_newer_than_a_number_that_is_none(void) {
    CHECK(memlane_version_is_newer(MEMLANE_VERSION_MAXIMUM, 0));
    CHECK(!memlane_version_is_newer(0, 0));
    CHECK(!memlane_version_is_newer(0, MEMLANE_VERSION_MAXIMUM));
    CHECK(!memlane_version_is_newer(MEMLANE_VERSION_MAXIMUM, MEMLANE_VERSION_MAXIMUM + 1));
    CHECK(!memlane_version_is_newer(1, UINT64_MAX));
    CHECK(memlane_version_is_newer(UINT64_MAX, 1));
}

static void a_version_falls_behind_by_half_of_the_round(void) {
    const uint64_t half = MEMLANE_VERSION_MAXIMUM / 2;
    CHECK(!memlane_version_falls_behind(1, 1 + half));
    CHECK(memlane_version_falls_behind(1, 2 + half));
    CHECK(memlane_version_falls_behind(half + 2, 2));
    CHECK(!memlane_version_falls_behind(half + 4, 2));
    CHECK(!memlane_version_falls_behind(5, 5));
    CHECK(!memlane_version_falls_behind(6, 5));
    CHECK(!memlane_version_falls_behind(0, MEMLANE_VERSION_MAXIMUM)); /* nothing was ever taken */
    CHECK(!memlane_version_falls_behind(UINT64_MAX, 5));              /* damage stays damage */
}

static const struct check_test tests[] = {
    {"the header lies where it always lay", the_header_lies_where_it_always_lay},
    {"the tables lie where they always lay", the_tables_lie_where_they_always_lay},
    {"words are packed as they always were", words_are_packed_as_they_always_were},
    {"versions go round past zero", versions_go_round_past_zero},
    {"no version is older than the first and none newer than a number that is none",
     no_version_is_older_than_the_first_and_none_newer_than_a_number_that_is_none},
    {"a version falls behind by half of the round", a_version_falls_behind_by_half_of_the_round},
    {"a variable of a known shape has the known bytes", a_variable_of_a_known_shape_has_the_known_bytes},
};

CHECK_MAIN(tests)
