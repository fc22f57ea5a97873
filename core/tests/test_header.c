/* What an opener answers to each way in which a file can be wrong. Nothing of it is trusted, so each field has its turn. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"

#include "checksum.h"
#include "layout.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { SLOTS = 3, CAPACITY = 100, PARTICIPANTS = 2 };

static int open_file(void) {
    char path[2 * CHECK_PATH_SIZE];
    snprintf(path, sizeof path, "%s/pose", check_directory);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    CHECK_CALL(descriptor);
    return descriptor;
}

static void create(void) {
    memlane_variable_options options = endpoint_options();
    options.slots = SLOTS;
    options.max_size = CAPACITY;
    options.object.participants = PARTICIPANTS;
    memlane_variable *variable = endpoint_open_with("pose", &options);
    endpoint_write(variable, 1);
    memlane_variable_free(variable);
}

/* Stores the value over size bytes of the header; `repair`: as one who knows how to compute the checksum. */
static void damage(size_t offset, uint64_t value, size_t size, bool repair) {
    struct memlane_header header;
    int descriptor = open_file();
    CHECK_EQUAL(sizeof header, pread(descriptor, &header, sizeof header, 0));
    memcpy((unsigned char *)&header + offset, &value, size);
    if (repair) {
        header.checksum = memlane_checksum(&header, offsetof(struct memlane_header, checksum));
    }
    CHECK_EQUAL(sizeof header, pwrite(descriptor, &header, sizeof header, 0));
    close(descriptor);
}

static void expect_refusal(memlane_status status, const char *text) {
    memlane_variable_options options = endpoint_options();
    memlane_variable *variable = NULL;
    memlane_error error;
    CHECK_FAILURE(status, text, memlane_variable_open(&variable, "pose", 4, &options, &error), &error);
    CHECK(variable == NULL);
    CHECK_FAILURE(status, "'pose'", error.status, &error);
}

static void damaged_fields_are_refused_with_their_reason(void) {
    static const struct {
        const char *what;
        size_t offset, size;
        uint64_t value;
        bool repair;
        memlane_status status;
        const char *text;
    } damages[] = {
#define DAMAGE(member, value, repair, status, text)                                                                    \
    {#member,                                                                                                          \
     offsetof(struct memlane_header, member),                                                                          \
     sizeof(((struct memlane_header *)NULL)->member),                                                                  \
     value,                                                                                                            \
     repair,                                                                                                           \
     status,                                                                                                           \
     text}
        DAMAGE(magic, 0, true, MEMLANE_CORRUPTED, "does not begin as memlane's objects do"),
        DAMAGE(magic, 0x7f454c46, false, MEMLANE_CORRUPTED, "does not begin as memlane's objects do"),
        DAMAGE(endian, 0x04030201, true, MEMLANE_LAYOUT_MISMATCH, "another byte order (mark 0x04030201"),
        DAMAGE(layout_major, MEMLANE_LAYOUT_MAJOR + 1, true, MEMLANE_LAYOUT_MISMATCH, "a newer version of memlane"),
        DAMAGE(layout_major, MEMLANE_LAYOUT_MAJOR - 1, true, MEMLANE_LAYOUT_MISMATCH, "an older version of memlane"),
        DAMAGE(incompatible, 0x40, true, MEMLANE_LAYOUT_MISMATCH, "does not know (bits 0x40)"),
        DAMAGE(kind, MEMLANE_KIND_CHANNEL, true, MEMLANE_KIND_MISMATCH, "is a channel, and was opened as a variable"),
        DAMAGE(kind, 0, true, MEMLANE_KIND_MISMATCH, "object of an unknown kind"),
        DAMAGE(kind, UINT32_MAX, true, MEMLANE_KIND_MISMATCH, "object of an unknown kind"),
        DAMAGE(total_size, 1 << 20, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(total_size, UINT64_MAX, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(participants_offset, 0, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(participants_offset, UINT32_MAX, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(participants_count, 0, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(participants_count, PARTICIPANTS + 64, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(participants_count, MEMLANE_PARTICIPANTS_MAXIMUM + 1, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(participants_count, UINT32_MAX, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(body_offset, 4096, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(body_offset, UINT64_MAX - 4095, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(geometry[MEMLANE_REGISTER_SLOTS], 0, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(geometry[MEMLANE_REGISTER_SLOTS], 1, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(geometry[MEMLANE_REGISTER_SLOTS], 65536, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(geometry[MEMLANE_REGISTER_SLOTS], UINT64_MAX, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(geometry[MEMLANE_REGISTER_CAPACITY], 0, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(geometry[MEMLANE_REGISTER_CAPACITY], 200, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(geometry[MEMLANE_REGISTER_CAPACITY], UINT64_MAX, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(geometry[MEMLANE_REGISTER_STRIDE], 64, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(geometry[MEMLANE_REGISTER_STRIDE], UINT64_MAX, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(schema_length, MEMLANE_SCHEMA_MAXIMUM + 1, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(schema_length, UINT32_MAX, true, MEMLANE_CORRUPTED, "contradict each other"),
        DAMAGE(checksum, 0, false, MEMLANE_CORRUPTED, "its header is damaged (checksum"),
#undef DAMAGE
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        create();

        damage(damages[i].offset, damages[i].value, damages[i].size, damages[i].repair);

        printf("  %s = %#" PRIx64 "\n", damages[i].what, damages[i].value);
        expect_refusal(damages[i].status, damages[i].text);
        endpoint_unlink("pose");
    }
}

/* Whoever damages by accident does not compute a checksum. */
static void any_changed_byte_of_the_header_is_noticed(void) {
    create();
    for (size_t offset = 0; offset < offsetof(struct memlane_header, padding); offset++) {
        struct memlane_header header;
        int descriptor = open_file();
        CHECK_EQUAL(sizeof header, pread(descriptor, &header, sizeof header, 0));
        unsigned char byte = ((unsigned char *)&header)[offset];

        damage(offset, byte ^ 0x55u, 1, false);

        memlane_variable_options options = endpoint_options();
        memlane_variable *variable = NULL;
        memlane_status status = memlane_variable_open(&variable, "pose", 4, &options, NULL);
        if (status != MEMLANE_CORRUPTED && status != MEMLANE_LAYOUT_MISMATCH) {
            CHECK_FAIL("byte %zu changed: found %s", offset, memlane_status_name(status));
        }
        CHECK_EQUAL(sizeof header, pwrite(descriptor, &header, sizeof header, 0));
        close(descriptor);
    }
    memlane_variable_free(endpoint_open("pose"));
    endpoint_unlink("pose");
}

/* A newer minor version may use what an older one ignores. */
static void what_an_older_library_may_ignore_is_ignored(void) {
    create();
    damage(offsetof(struct memlane_header, layout_minor), MEMLANE_LAYOUT_MINOR + 1, 2, true);
    damage(offsetof(struct memlane_header, read_only_compatible), UINT32_MAX, 4, true);
    damage(offsetof(struct memlane_header, flags), 0xfffffffe, 4, true);
    damage(offsetof(struct memlane_header, reserved), UINT64_MAX, 8, true);

    memlane_variable *variable = endpoint_open("pose");

    CHECK_EQUAL(1, endpoint_read(variable));
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void truncated_files_are_refused_with_both_sizes(void) {
    static const struct {
        off_t size;
        const char *text;
    } sizes[] = {
        {0, "holds 0 bytes, less than a header"},
        {1, "holds 1 bytes, less than a header"},
        {4095, "holds 4095 bytes, less than a header"},
        {4096, "holds 4096 bytes but was made with 16384"},
        {16383, "holds 16383 bytes but was made with 16384"},
        {16385, "holds 16385 bytes but was made with 16384"},
        {1 << 20, "holds 1048576 bytes but was made with 16384"},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        create();
        int descriptor = open_file();

        CHECK_CALL(ftruncate(descriptor, sizes[i].size));

        expect_refusal(MEMLANE_CORRUPTED, sizes[i].text);
        close(descriptor);
        endpoint_unlink("pose");
    }
}

/* A hole would raise SIGBUS when it is written to on a full file system. */
static void a_sparse_file_is_filled_before_it_is_used(void) {
    struct stat file;
    create();
    int descriptor = open_file();
    CHECK_CALL(fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192));
    CHECK_CALL(fstat(descriptor, &file));
    CHECK(file.st_blocks * 512 < file.st_size);

    memlane_variable *variable = endpoint_open("pose");

    CHECK_CALL(fstat(descriptor, &file));
    CHECK(file.st_blocks * 512 >= file.st_size);
    memlane_variable_free(variable);
    close(descriptor);
    endpoint_unlink("pose");
}

static void what_is_no_object_is_refused(void) {
    char path[2 * CHECK_PATH_SIZE], other[2 * CHECK_PATH_SIZE];
    snprintf(path, sizeof path, "%s/pose", check_directory);
    snprintf(other, sizeof other, "%s/other", check_directory);

    CHECK_CALL(symlink("/dev/null", path));
    expect_refusal(MEMLANE_UNSAFE_NAMESPACE, "is a symbolic link, a directory or a device");
    CHECK_CALL(unlink(path));

    CHECK_CALL(symlink("other", path));
    expect_refusal(MEMLANE_UNSAFE_NAMESPACE, "is a symbolic link, a directory or a device");
    CHECK_CALL(unlink(path));

    CHECK_CALL(mkdir(path, 0700));
    expect_refusal(MEMLANE_UNSAFE_NAMESPACE, "is a symbolic link, a directory or a device");
    CHECK_CALL(rmdir(path));

    CHECK_CALL(mkfifo(path, 0600));
    expect_refusal(MEMLANE_UNSAFE_NAMESPACE, "is not a plain file with one name");
    CHECK_CALL(unlink(path));

    create();
    CHECK_CALL(link(path, other));
    expect_refusal(MEMLANE_UNSAFE_NAMESPACE, "is not a plain file with one name");
    CHECK_CALL(unlink(other));
    endpoint_unlink("pose");
}

static void a_file_that_others_may_write_is_refused(void) {
    create();
    int descriptor = open_file();

    CHECK_CALL(fchmod(descriptor, 0620));
    expect_refusal(MEMLANE_UNSAFE_NAMESPACE, "has mode 620, which lets others in; this endpoint accepts 600");
    CHECK_CALL(fchmod(descriptor, 0604));
    expect_refusal(MEMLANE_UNSAFE_NAMESPACE, "has mode 604, which lets others in");

    memlane_variable_options options = endpoint_options();
    options.object.permissions = 0604;
    memlane_variable_free(endpoint_open_with("pose", &options));
    close(descriptor);
    endpoint_unlink("pose");
}

static void a_file_of_another_user_is_refused_unless_that_user_was_named(void) {
    enum { ANOTHER = 12345 };
    create();
    int descriptor = open_file();
    if (fchown(descriptor, ANOTHER, (gid_t)-1) != 0) {
        close(descriptor);
        endpoint_unlink("pose");
        check_skip("only root can give files away");
    }

    expect_refusal(MEMLANE_UNSAFE_NAMESPACE, "belongs to user 12345, not to user 0");

    memlane_variable_options options = endpoint_options();
    options.object.peer_user = ANOTHER;
    memlane_variable_free(endpoint_open_with("pose", &options));
    close(descriptor);
    endpoint_unlink("pose");
}

static const struct check_test tests[] = {
    {"damaged fields are refused with their reason", damaged_fields_are_refused_with_their_reason},
    {"any changed byte of the header is noticed", any_changed_byte_of_the_header_is_noticed},
    {"what an older library may ignore is ignored", what_an_older_library_may_ignore_is_ignored},
    {"truncated files are refused with both sizes", truncated_files_are_refused_with_both_sizes},
    {"a sparse file is filled before it is used", a_sparse_file_is_filled_before_it_is_used},
    {"what is no object is refused", what_is_no_object_is_refused},
    {"a file that others may write is refused", a_file_that_others_may_write_is_refused},
    {"a file of another user is refused unless that user was named",
     a_file_of_another_user_is_refused_unless_that_user_was_named},
};

CHECK_MAIN(tests)
