/* Looking at objects through the public interface: what is told, and that nothing is touched. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "peer.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { CONTENT_MAXIMUM = 1 << 20, CHANNEL_CAPACITY = 8, PATH_SIZE = 2 * CHECK_PATH_SIZE };

static void path_of(const char *name, char path[PATH_SIZE]) {
    snprintf(path, PATH_SIZE, "%s/%s", check_directory, name);
}

static memlane_inspection *look_at(const char *name) {
    memlane_inspection *inspection = NULL;
    memlane_error error;
    CHECK_OK(memlane_inspect_open(&inspection, check_directory, name, strlen(name), &error), &error);
    return inspection;
}

static void expect_no_look(const char *name, memlane_status status, const char *text) {
    memlane_inspection *inspection = (memlane_inspection *)(void *)check_directory;
    memlane_error error;
    CHECK_FAILURE(status, text, memlane_inspect_open(&inspection, check_directory, name, strlen(name), &error), &error);
    CHECK(inspection == NULL);
}

static memlane_inspected_object facts_of(const memlane_inspection *inspection) {
    memlane_inspected_object object;
    memlane_error error;
    CHECK_OK(memlane_inspect_object(inspection, &object, &error), &error);
    return object;
}

static size_t content_of(const char *name, unsigned char *content) {
    char path[PATH_SIZE];
    path_of(name, path);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    CHECK_CALL(descriptor);
    ssize_t size = read(descriptor, content, CONTENT_MAXIMUM);
    CHECK(size > 0 && size < CONTENT_MAXIMUM);
    close(descriptor);
    return (size_t)size;
}

static void write_text(memlane_variable *variable) {
    memlane_error error;
    CHECK_OK(memlane_variable_write(variable, "value", 5, 1, 0, &error), &error);
}

/* How many mappings of the file this process has whose pages it may write. */
static unsigned writable_mappings_of(const char *name) {
    char line[PATH_SIZE + 128], path[PATH_SIZE];
    unsigned count = 0;
    path_of(name, path);
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        count += strstr(line, path) != NULL && strstr(line, " rw") != NULL;
    }
    fclose(maps);
    return count;
}

static void hold_a_variable(int socket) {
    memlane_variable *variable = endpoint_open("pose");
    write_text(variable);
    peer_tell(socket, 1);
    peer_hear(socket);
    memlane_variable_free(variable);
}

static void a_look_changes_no_byte_and_maps_nothing_to_write(void) {
    static unsigned char before[CONTENT_MAXIMUM], after[CONTENT_MAXIMUM];
    static memlane_inspected_participant participants[8];
    struct peer holder = peer_start(hold_a_variable);
    struct stat first, second;
    char path[PATH_SIZE];
    char value[64];
    memlane_reading reading;
    memlane_error error;
    peer_hear(holder.socket);
    path_of("pose", path);
    CHECK_CALL(stat(path, &first));
    size_t size = content_of("pose", before);

    memlane_inspection *inspection = look_at("pose");
    facts_of(inspection);
    CHECK_EQUAL(1, memlane_inspect_participants(inspection, participants, 8));
    CHECK_OK(memlane_inspect_read(inspection, value, sizeof value, &reading, &error), &error);

    CHECK_EQUAL(0, writable_mappings_of("pose"));
    CHECK_EQUAL(size, content_of("pose", after));
    CHECK_BYTES(before, after, size);
    CHECK_CALL(stat(path, &second));
    CHECK_EQUAL(first.st_mtim.tv_sec, second.st_mtim.tv_sec);
    CHECK_EQUAL(first.st_mtim.tv_nsec, second.st_mtim.tv_nsec);
    CHECK_EQUAL(holder.pid, participants[0].pid);
    CHECK(participants[0].lives);
    memlane_inspect_close(inspection);
    peer_tell(holder.socket, 1);
    PEER_JOIN(&holder);
    endpoint_unlink("pose");
}

static void a_look_makes_no_directory(void) {
    char missing[PATH_SIZE];
    memlane_inspection *inspection;
    memlane_error error;
    struct stat found;
    path_of("missing", missing);

    CHECK_FAILURE(MEMLANE_NOT_FOUND, "there is no namespace directory",
                  memlane_inspect_open(&inspection, missing, "pose", 4, &error), &error);

    CHECK_EQUAL(ENOENT, stat(missing, &found) == 0 ? 0 : errno);
}

static void what_was_killed_is_told_as_dead(void) {
    static memlane_inspected_participant participants[8];
    struct peer holder = peer_start(hold_a_variable);
    peer_hear(holder.socket);
    memlane_inspection *inspection = look_at("pose");

    CHECK_CALL(kill(holder.pid, SIGKILL));
    CHECK_WAIT_UNTIL(memlane_inspect_participants(inspection, participants, 8) == 1 && !participants[0].lives);

    CHECK_EQUAL(holder.pid, participants[0].pid);
    CHECK_EQUAL(holder.pid, waitpid(holder.pid, NULL, 0));
    close(holder.socket);
    memlane_inspect_close(inspection);
    endpoint_unlink("pose");
}

static void a_value_is_read_without_counting(void) {
    char value[64];
    memlane_reading reading;
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");
    memlane_inspection *inspection = look_at("pose");
    CHECK_FAILURE(MEMLANE_EMPTY, "'pose' was never written",
                  memlane_inspect_read(inspection, value, sizeof value, &reading, &error), &error);
    write_text(variable);

    CHECK_FAILURE(MEMLANE_BUFFER_TOO_SMALL, "takes 5 bytes",
                  memlane_inspect_read(inspection, value, 4, &reading, &error), &error);
    CHECK_EQUAL(5, reading.size);
    CHECK_OK(memlane_inspect_read(inspection, value, sizeof value, &reading, &error), &error);

    CHECK_BYTES("value", value, 5);
    CHECK_EQUAL(1, reading.version);
    memlane_inspected_object object = facts_of(inspection);
    CHECK_EQUAL(1, object.counters[0]);
    CHECK_EQUAL(0, object.counters[1]);
    CHECK_EQUAL(5, object.latest.size);
    CHECK_STRING("variable", object.kind);
    memlane_inspect_close(inspection);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static memlane_buffer *open_buffer(void) {
    memlane_buffer_options options;
    memlane_buffer *buffer = NULL;
    memlane_error error;
    memlane_buffer_options_initialise(&options);
    options.object.directory = check_directory;
    CHECK_OK(memlane_buffer_open(&buffer, "motor", 5, &options, &error), &error);
    return buffer;
}

static void make_a_buffer_valid(int socket) {
    memlane_buffer *buffer = open_buffer();
    void *record;
    memlane_error error;
    CHECK_OK(memlane_buffer_begin(buffer, check_in_ms(30000), &record, &error), &error);
    CHECK_OK(memlane_buffer_set_valid(buffer, true, &error), &error);
    CHECK_OK(memlane_buffer_end(buffer, MEMLANE_BUFFER_CHANGED, &error), &error);
    peer_tell(socket, 1);
    peer_hear(socket);
}

static bool is_told_as_valid(const memlane_inspection *inspection) {
    uint32_t head[2];
    memlane_reading reading;
    memlane_error error;
    CHECK_OK(memlane_inspect_read(inspection, head, sizeof head, &reading, &error), &error);
    return head[0] != 0;
}

static void a_buffer_is_told_as_valid_while_its_owner_lives(void) {
    static memlane_inspected_participant participants[2];
    struct peer owner = peer_start(make_a_buffer_valid);
    peer_hear(owner.socket);
    memlane_inspection *inspection = look_at("motor");
    CHECK(is_told_as_valid(inspection));

    peer_kill(&owner);

    CHECK_WAIT_UNTIL(!is_told_as_valid(inspection));
    memlane_buffer *successor = open_buffer();
    CHECK_EQUAL(1, memlane_inspect_participants(inspection, participants, 2));
    CHECK_EQUAL(getpid(), participants[0].pid); /* the owner's place is another's */
    CHECK(participants[0].lives);
    CHECK(!is_told_as_valid(inspection));
    memlane_buffer_free(successor);
    memlane_inspect_close(inspection);
    endpoint_unlink("motor");
}

static void views_and_loans_are_told_of_who_has_them(void) {
    static memlane_inspected_participant participants[8];
    memlane_view view;
    memlane_loan loan;
    memlane_error error;
    memlane_variable *variable = endpoint_open("pose");
    write_text(variable);
    CHECK_OK(memlane_variable_view(variable, &view, &error), &error);
    CHECK_OK(memlane_variable_loan(variable, &loan, 0, &error), &error);
    memlane_inspection *inspection = look_at("pose");

    CHECK_EQUAL(1, memlane_inspect_participants(inspection, participants, 8));

    memlane_inspected_object object = facts_of(inspection);
    CHECK_EQUAL(1, participants[0].views);
    CHECK_EQUAL(1, participants[0].writes);
    CHECK_EQUAL(1, object.slots_viewed);
    CHECK_EQUAL(1, object.slots_writing);
    memlane_loan_drop(&loan);
    memlane_view_release(&view);
    memlane_inspect_close(inspection);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

struct question {
    double x;
};

struct response {
    uint32_t count, line;
};

static const memlane_field question_fields[] = {MEMLANE_FIELD(struct question, x, MEMLANE_FLOAT64)};
static const memlane_field response_fields[] = {
    MEMLANE_FIELD(struct response, count, MEMLANE_UINT32),
    MEMLANE_FIELD(struct response, line, MEMLANE_UINT32),
};

static void structs_of_both_directions_of_a_function_are_told(void) {
    memlane_function_options options;
    memlane_function *function = NULL;
    memlane_format *question = NULL, *response = NULL;
    memlane_error error;
    CHECK_OK(memlane_format_create(&question, sizeof(struct question), question_fields, 1, &error), &error);
    CHECK_OK(memlane_format_create(&response, sizeof(struct response), response_fields, 2, &error), &error);
    memlane_function_options_initialise(&options);
    options.object.directory = check_directory;
    options.arguments_format = question;
    options.result_format = response;
    CHECK_OK(memlane_function_open(&function, "judge", 5, &options, &error), &error);

    memlane_inspection *inspection = look_at("judge");

    CHECK_EQUAL(1, memlane_format_count(memlane_inspect_format(inspection)));
    CHECK_EQUAL(2, memlane_format_count(memlane_inspect_result_format(inspection)));
    CHECK_STRING("count", memlane_format_field(memlane_inspect_result_format(inspection), 0)->path);
    memlane_inspect_close(inspection);
    memlane_function_free(function);
    memlane_format_free(question);
    memlane_format_free(response);
    endpoint_unlink("judge");
}

static memlane_channel *open_end(bool writes) {
    memlane_channel_options options;
    memlane_channel *channel = NULL;
    memlane_error error;
    memlane_channel_options_initialise(&options);
    options.object.directory = check_directory;
    options.capacity = CHANNEL_CAPACITY;
    CHECK_OK(memlane_channel_open(&channel, "bytes", 5, writes ? MEMLANE_CHANNEL_WRITE : MEMLANE_CHANNEL_READ, &options,
                                  &error),
             &error);
    return channel;
}

static void bytes_of_a_channel_stay_for_its_reader(void) {
    static memlane_inspected_participant participants[8];
    char taken[CHANNEL_CAPACITY], seen[CHANNEL_CAPACITY];
    uint64_t count = 0, first = 0;
    size_t size = 0;
    memlane_error error;
    memlane_channel *writer = open_end(true), *reader = open_end(false);
    CHECK_OK(memlane_channel_write_some(writer, "abcdef", 6, &count, &error), &error);
    CHECK_OK(memlane_channel_read(reader, taken, 4, 4, 0, &count, &error), &error);
    CHECK_OK(memlane_channel_write_some(writer, "ghij", 4, &count, &error), &error); /* beyond the end of the ring */
    memlane_inspection *inspection = look_at("bytes");

    CHECK_OK(memlane_inspect_peek(inspection, 0, seen, sizeof seen, &first, &size, &error), &error);
    CHECK_EQUAL(4, first);
    CHECK_EQUAL(6, size);
    CHECK_BYTES("efghij", seen, 6);
    CHECK_OK(memlane_inspect_peek(inspection, 7, seen, 2, &first, &size, &error), &error);
    CHECK_EQUAL(7, first);
    CHECK_BYTES("hi", seen, 2);

    memlane_inspected_object object = facts_of(inspection);
    CHECK_EQUAL(4, object.head);
    CHECK_EQUAL(10, object.tail);
    CHECK_EQUAL(2, memlane_inspect_participants(inspection, participants, 8));
    CHECK_EQUAL(MEMLANE_ROLE_WRITER, participants[0].roles);
    CHECK_EQUAL(MEMLANE_ROLE_READER, participants[1].roles);
    memlane_reading reading;
    CHECK_FAILURE(MEMLANE_KIND_MISMATCH, "'bytes' is a channel, which has no latest value",
                  memlane_inspect_read(inspection, seen, sizeof seen, &reading, &error), &error);
    CHECK_OK(memlane_channel_read(reader, taken, 6, 6, 0, &count, &error), &error);
    CHECK_BYTES("efghij", taken, 6);
    memlane_inspect_close(inspection);
    memlane_channel_free(writer);
    memlane_channel_free(reader);
}

static void damage(const char *name, off_t offset, const void *bytes, size_t size) {
    char path[PATH_SIZE];
    path_of(name, path);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    CHECK_CALL(descriptor);
    CHECK_EQUAL(size, pwrite(descriptor, bytes, size, offset));
    close(descriptor);
}

static void damage_is_told_with_its_reason(void) {
    char path[PATH_SIZE];
    const uint32_t foreign = 0x04030201;
    memlane_variable_free(endpoint_open("pose"));
    path_of("pose", path);

    damage("pose", 100, "!", 1);
    expect_no_look("pose", MEMLANE_CORRUPTED, "its header is damaged");
    damage("pose", 8, &foreign, sizeof foreign);
    expect_no_look("pose", MEMLANE_LAYOUT_MISMATCH, "another byte order");
    damage("pose", 0, "\0\0\0\0\0\0\0\0", 8);
    expect_no_look("pose", MEMLANE_CORRUPTED, "does not begin as memlane's objects do");
    CHECK_CALL(truncate(path, 10));
    expect_no_look("pose", MEMLANE_CORRUPTED, "its file holds 10 bytes");
    endpoint_unlink("pose");
    expect_no_look("pose", MEMLANE_NOT_FOUND, "there is no object 'pose'");
    CHECK_CALL(symlink("/etc/passwd", path));
    expect_no_look("pose", MEMLANE_UNSAFE_NAMESPACE, "is a symbolic link");
    CHECK_CALL(unlink(path));
    CHECK_CALL(mkdir(path, 0700));
    expect_no_look("pose", MEMLANE_UNSAFE_NAMESPACE, "is a directory");
    CHECK_CALL(rmdir(path));
}

static void words_that_contradict_each_other_are_damage(void) {
    const uint64_t nowhere = UINT64_C(1) << 16 | 0xffff; /* version 1 in slot 65535 */
    memlane_inspected_object object;
    memlane_reading reading;
    memlane_error error;
    char value[64];
    memlane_variable *variable = endpoint_open("pose");
    memlane_inspection *inspection = look_at("pose");
    /* The body of an object with 128 places begins at 4096 + 128 * 128. */
    damage("pose", 4096 + 128 * 128, &nowhere, sizeof nowhere);

    CHECK_FAILURE(MEMLANE_CORRUPTED, "its words contradict each other",
                  memlane_inspect_object(inspection, &object, &error), &error);
    CHECK_FAILURE(MEMLANE_CORRUPTED, "its words contradict each other",
                  memlane_inspect_read(inspection, value, sizeof value, &reading, &error), &error);

    memlane_inspect_close(inspection);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void truncation_under_a_look_is_an_error(void) {
    char path[PATH_SIZE];
    memlane_inspected_object object;
    memlane_error error;
    memlane_variable_free(endpoint_open("pose"));
    memlane_inspection *inspection = look_at("pose");
    path_of("pose", path);

    CHECK_CALL(truncate(path, 0));

    CHECK_FAILURE(MEMLANE_CORRUPTED, "truncated", memlane_inspect_object(inspection, &object, &error), &error);
    memlane_inspect_close(inspection);
    endpoint_unlink("pose");
}

static bool count_name(const char *name, void *argument) {
    unsigned *count = argument;
    CHECK(strcmp(name, "a") == 0 || strcmp(name, "b c") == 0);
    return ++*count < 2;
}

static void names_are_decoded_and_the_listing_ends_when_told(void) {
    unsigned count = 0;
    memlane_error error;
    char path[PATH_SIZE];
    memlane_variable_free(endpoint_open("a"));
    memlane_variable_free(endpoint_open("b c"));
    path_of("not%an%object", path);
    int descriptor = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK_CALL(descriptor);
    close(descriptor);

    CHECK_OK(memlane_inspect_names(check_directory, count_name, &count, &error), &error);

    CHECK_EQUAL(2, count);
    CHECK_CALL(unlink(path));
    endpoint_unlink("a");
    endpoint_unlink("b c");
}

static const struct check_test tests[] = {
    {"a look changes no byte and maps nothing to write", a_look_changes_no_byte_and_maps_nothing_to_write},
    {"a look makes no directory", a_look_makes_no_directory},
    {"what was killed is told as dead", what_was_killed_is_told_as_dead},
    {"a value is read without counting", a_value_is_read_without_counting},
    {"a buffer is told as valid while its owner lives", a_buffer_is_told_as_valid_while_its_owner_lives},
    {"views and loans are told of who has them", views_and_loans_are_told_of_who_has_them},
    {"structs of both directions of a function are told", structs_of_both_directions_of_a_function_are_told},
    {"bytes of a channel stay for its reader", bytes_of_a_channel_stay_for_its_reader},
    {"damage is told with its reason", damage_is_told_with_its_reason},
    {"words that contradict each other are damage", words_that_contradict_each_other_are_damage},
    {"truncation under a look is an error", truncation_under_a_look_is_an_error},
    {"names are decoded and the listing ends when told", names_are_decoded_and_the_listing_ends_when_told},
};

CHECK_MAIN(tests)
