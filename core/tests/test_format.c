/* Formats: one table for one layout, and none that is wrong, wherever it comes from. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"

#include "checksum.h"
#include "layout.h"
#include "schema.h"

#include <fcntl.h>
#include <stddef.h>

struct point {
    float x, y;
};

struct robot {
    _Alignas(8) double x, y; /* i386 would align them to 4, and end the struct elsewhere */
    float yaw;
    char frame[16];
    int32_t counts[3];
    struct point goal;
    struct point path[4];
    char names[2][8];
    bool ready;
};

static const memlane_field robot_fields[] = {
    MEMLANE_FIELD(struct robot, x, MEMLANE_FLOAT64),
    MEMLANE_FIELD(struct robot, y, MEMLANE_FLOAT64),
    MEMLANE_FIELD(struct robot, yaw, MEMLANE_FLOAT32),
    MEMLANE_FIELD(struct robot, frame, MEMLANE_CHAR),
    MEMLANE_FIELD(struct robot, counts, MEMLANE_INT32),
    MEMLANE_FIELD(struct robot, goal.x, MEMLANE_FLOAT32),
    MEMLANE_FIELD(struct robot, goal.y, MEMLANE_FLOAT32),
    {"path", offsetof(struct robot, path), sizeof(struct point), 4, MEMLANE_STRUCT},
    {"path.x", offsetof(struct robot, path[0].x), 0, 1, MEMLANE_FLOAT32},
    {"path.y", offsetof(struct robot, path[0].y), 0, 1, MEMLANE_FLOAT32},
    {"names", offsetof(struct robot, names), 8, 2, MEMLANE_CHAR},
    MEMLANE_FIELD(struct robot, ready, MEMLANE_BOOL),
};

enum { ROBOT_FIELDS = sizeof robot_fields / sizeof *robot_fields };

static memlane_format *make(uint64_t size, const memlane_field *fields, size_t count) {
    memlane_format *format = NULL;
    memlane_error error;
    CHECK_OK(memlane_format_create(&format, size, fields, count, &error), &error);
    return format;
}

static memlane_format *make_robot(void) {
    return make(sizeof(struct robot), robot_fields, ROBOT_FIELDS);
}

static void expect_field(const memlane_format *format, size_t index, const char *path, uint64_t offset, uint64_t size,
                         uint64_t count, uint32_t code) {
    const memlane_field *field = memlane_format_field(format, index);
    CHECK(field != NULL);
    CHECK_STRING(path, field->path);
    CHECK_EQUAL(offset, field->offset);
    CHECK_EQUAL(size, field->size);
    CHECK_EQUAL(count, field->count);
    CHECK_EQUAL(code, field->code);
}

static void expect_same(const memlane_format *a, const memlane_format *b) {
    CHECK_EQUAL(a->schema_length, b->schema_length);
    CHECK_BYTES(a->schema, b->schema, a->schema_length);
}

/* -- building ------------------------------------------------------------------------------------------------ */

static void fields_are_listed_as_they_lie_in_memory(void) {
    memlane_format *format = make_robot();

    CHECK_EQUAL(sizeof(struct robot), memlane_format_size(format));
    CHECK_EQUAL(ROBOT_FIELDS, memlane_format_count(format));
    expect_field(format, 0, "x", 0, 8, 1, MEMLANE_FLOAT64);
    expect_field(format, 3, "frame", 20, 16, 1, MEMLANE_CHAR);
    expect_field(format, 4, "counts", 36, 4, 3, MEMLANE_INT32);
    expect_field(format, 6, "goal.y", 52, 4, 1, MEMLANE_FLOAT32);
    expect_field(format, 7, "path", 56, 8, 4, MEMLANE_STRUCT);
    expect_field(format, 9, "path.y", 60, 4, 1, MEMLANE_FLOAT32);
    expect_field(format, 10, "names", 88, 8, 2, MEMLANE_CHAR);
    CHECK(memlane_format_field(format, ROBOT_FIELDS) == NULL);
    memlane_format_free(format);
}

static void one_layout_has_one_table_however_it_was_declared(void) {
    memlane_field reversed[ROBOT_FIELDS + 1];
    for (size_t i = 0; i < ROBOT_FIELDS; i++) {
        reversed[i] = robot_fields[ROBOT_FIELDS - 1 - i];
    }
    reversed[ROBOT_FIELDS] = (memlane_field){"goal", offsetof(struct robot, goal), 8, 1, MEMLANE_STRUCT};
    for (size_t i = 0; i < ROBOT_FIELDS; i++) {
        if (strcmp(reversed[i].path, "frame") == 0) {
            reversed[i].size = 1;
            reversed[i].count = 16;
        }
    }
    memlane_format *first = make_robot();

    memlane_format *second = make(sizeof(struct robot), reversed, ROBOT_FIELDS + 1);

    expect_same(first, second);
    memlane_error error;
    CHECK_OK(memlane_format_compare(first, second, &error), &error);
    memlane_format_free(first);
    memlane_format_free(second);
}

static void value_without_fields_is_one_field_without_a_name(void) {
    const memlane_field image = {"", 0, 0, (uint64_t)640 * 480, MEMLANE_UINT8};

    memlane_format *format = make((uint64_t)640 * 480, &image, 1);

    expect_field(format, 0, "", 0, 1, (uint64_t)640 * 480, MEMLANE_UINT8);
    memlane_format_free(format);
}

static void impossible_formats_are_refused_with_the_field_named(void) {
    static char long_path[300];
    memset(long_path, 'x', sizeof long_path - 1);
    static const struct {
        uint64_t size;
        memlane_field fields[3];
        size_t count;
        const char *text;
    } cases[] = {
        {8, {{"a", 0, 0, 1, MEMLANE_FLOAT64}}, 0, "it has 0 fields"},
        {0, {{"a", 0, 0, 1, MEMLANE_INT8}}, 1, "a struct of 0 bytes"},
        {UINT64_MAX, {{"a", 0, 0, 1, MEMLANE_INT8}}, 1, "is not between 1 and"},
        {8, {{NULL, 0, 0, 1, MEMLANE_INT8}}, 1, "field 0 has no path"},
        {8, {{long_path, 0, 0, 1, MEMLANE_INT8}}, 1, "its path is longer than 255 bytes"},
        {8, {{"a", 0, 0, 1, 0}}, 1, "field `a` has the unknown code 0"},
        {8, {{"a", 0, 0, 1, 19}}, 1, "field `a` has the unknown code 19"},
        {8, {{"a", 0, 0, 1, UINT32_MAX}}, 1, "code 4294967295 unknown"},
        {8, {{"a", 0, 3, 1, MEMLANE_INT32}}, 1, "field `a`: 1 elements of 3 bytes are no int32"},
        {8, {{"a", 0, 0, 0, MEMLANE_INT32}}, 1, "field `a`: 0 elements of 4 bytes are no int32"},
        {8, {{"a", 0, 6, 1, MEMLANE_WCHAR}}, 1, "field `a`: 1 elements of 6 bytes are no wchar"},
        {8,
         {{"a", 0, 0, UINT64_MAX, MEMLANE_INT64}},
         1,
         "field `a`: 18446744073709551615 elements of 8 bytes at byte 0"},
        {8, {{"a", 4, 0, 1, MEMLANE_INT64}}, 1, "at byte 4 go beyond the end at byte 8"},
        {8, {{"a", UINT64_MAX, 0, 1, MEMLANE_INT8}}, 1, "go beyond the end at byte 8"},
        {8, {{"a", 0, 0, 1, MEMLANE_INT32}, {"b", 2, 0, 1, MEMLANE_INT32}}, 2, "field `b` at byte 2 overlaps another"},
        {8, {{"a", 0, 0, 1, MEMLANE_INT32}, {"a", 4, 0, 1, MEMLANE_INT32}}, 2, "two fields are called `a`"},
        {8, {{"a", 0, 0, 1, MEMLANE_INT32}, {"a.b", 4, 0, 1, MEMLANE_INT32}}, 2, "field `a.b` is not within `a`"},
        {8, {{"", 0, 0, 1, MEMLANE_INT32}, {"b", 4, 0, 1, MEMLANE_INT32}}, 2, "can be without a name"},
        {8, {{".a", 0, 0, 1, MEMLANE_INT32}}, 1, "its path is not names joined by dots"},
        {8, {{"a..b", 0, 0, 1, MEMLANE_INT32}}, 1, "its path is not names joined by dots"},
        {8, {{"a\n", 0, 0, 1, MEMLANE_INT32}}, 1, "its path is not names joined by dots"},
        {8, {{"a\xff", 0, 0, 1, MEMLANE_INT32}}, 1, "its path is not names joined by dots"},
        {8, {{"p", 0, 4, 2, MEMLANE_STRUCT}}, 1, "the array of structs `p` has no fields"},
        {8, {{"p", 0, 4, 2, MEMLANE_STRUCT}, {"q", 0, 0, 1, MEMLANE_INT8}}, 2, "`p` has no fields"},
        {8, {{"p", 0, 4, 2, MEMLANE_STRUCT}, {"p.x", 4, 0, 1, MEMLANE_INT32}}, 2, "go beyond the end at byte 4"},
        {8,
         {{"p", 0, 0, 2, MEMLANE_STRUCT}, {"p.x", 0, 0, 1, MEMLANE_INT32}},
         2,
         "2 elements of 0 bytes are no struct"},
        {12,
         {{"p", 0, 4, 2, MEMLANE_STRUCT}, {"p.x", 0, 0, 1, MEMLANE_INT32}, {"p.y", 8, 0, 1, MEMLANE_INT32}},
         3,
         "field `p.y`: 1 elements of 4 bytes at byte 8 go beyond the end at byte 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memlane_format *format = NULL;
        memlane_error error;
        CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, cases[i].text,
                      memlane_format_create(&format, cases[i].size, cases[i].fields, cases[i].count, &error), &error);
        CHECK(format == NULL);
    }
}

static void arrays_of_structs_nest_so_deep_and_no_deeper(void) {
    for (size_t depth = MEMLANE_FIELD_NESTING_MAXIMUM; depth <= MEMLANE_FIELD_NESTING_MAXIMUM + 1; depth++) {
        static char paths[MEMLANE_FIELD_NESTING_MAXIMUM + 2][64];
        memlane_field fields[MEMLANE_FIELD_NESTING_MAXIMUM + 2];
        for (size_t i = 0; i <= depth; i++) {
            snprintf(paths[i], sizeof paths[i], "%s%sa", i == 0 ? "" : paths[i - 1], i == 0 ? "" : ".");
            uint64_t size = UINT64_C(1) << (depth - i - (i < depth ? 1 : 0));
            fields[i] =
                (memlane_field){paths[i], 0, size, i < depth ? 2 : 1, i < depth ? MEMLANE_STRUCT : MEMLANE_INT8};
        }
        memlane_format *format = NULL;
        memlane_error error = {0};

        memlane_status status = memlane_format_create(&format, UINT64_C(1) << depth, fields, depth + 1, &error);

        if (depth == MEMLANE_FIELD_NESTING_MAXIMUM) {
            CHECK_OK(status, &error);
        } else {
            CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "nested deeper than 16", status, &error);
        }
        memlane_format_free(format);
    }
}

static void table_that_is_too_long_is_refused(void) {
    enum { MANY = 3000 };
    static memlane_field fields[MANY];
    static char paths[MANY][8];
    for (int i = 0; i < MANY; i++) {
        snprintf(paths[i], sizeof paths[i], "f%d", i);
        fields[i] = (memlane_field){paths[i], (uint64_t)i, 0, 1, MEMLANE_INT8};
    }
    memlane_format *format = NULL;
    memlane_error error;

    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "the table of its 3000 fields takes more than 65536 bytes",
                  memlane_format_create(&format, MANY, fields, MANY, &error), &error);
}

/* -- comparing ------------------------------------------------------------------------------------------------ */

static void differences_name_the_field_and_both_sides(void) {
    static const memlane_field here[] = {
        {"x", 0, 0, 1, MEMLANE_FLOAT64}, {"yaw", 8, 0, 1, MEMLANE_FLOAT32}, {"name", 12, 10, 1, MEMLANE_CHAR}};
    static const struct {
        uint64_t size;
        memlane_field fields[4];
        size_t count;
        const char *text;
    } there[] = {
        {24,
         {{"x", 0, 0, 1, MEMLANE_FLOAT64}, {"yaw", 8, 0, 1, MEMLANE_FLOAT64}},
         2,
         "field `yaw`: float32 here, float64 there"},
        {24,
         {{"x", 0, 0, 1, MEMLANE_FLOAT64}, {"yaw", 8, 0, 2, MEMLANE_FLOAT32}},
         2,
         "field `yaw`: float32 here, float32[2] there"},
        {24,
         {{"x", 0, 0, 1, MEMLANE_FLOAT64}, {"yaw", 8, 0, 1, MEMLANE_FLOAT32}, {"name", 12, 5, 2, MEMLANE_CHAR}},
         3,
         "field `name`: char[10] here, char[2][5] there"},
        {24,
         {{"x", 0, 0, 1, MEMLANE_FLOAT64}, {"yaw", 12, 0, 1, MEMLANE_FLOAT32}},
         2,
         "field `yaw`: at byte 8 here, at byte 12 there (other padding)"},
        {24, {{"x", 0, 0, 1, MEMLANE_FLOAT64}}, 1, "field `yaw`: float32 here, missing there"},
        {24,
         {{"x", 0, 0, 1, MEMLANE_FLOAT64},
          {"yaw", 8, 0, 1, MEMLANE_FLOAT32},
          {"name", 12, 10, 1, MEMLANE_CHAR},
          {"z", 22, 0, 1, MEMLANE_INT8}},
         4,
         "field `z`: missing here, int8 there"},
        {24,
         {{"x", 0, 0, 1, MEMLANE_FLOAT64}, {"pitch", 8, 0, 1, MEMLANE_FLOAT32}},
         2,
         "field 2: `yaw` here, `pitch` there"},
        {24,
         {{"yaw", 0, 0, 1, MEMLANE_FLOAT32}, {"x", 8, 0, 1, MEMLANE_FLOAT64}, {"name", 16, 8, 1, MEMLANE_CHAR}},
         3,
         "field 1: `x` here, `yaw` there"},
        {32,
         {{"x", 0, 0, 1, MEMLANE_FLOAT64}, {"yaw", 8, 0, 1, MEMLANE_FLOAT32}, {"name", 12, 10, 1, MEMLANE_CHAR}},
         3,
         "the struct: 24 bytes here, 32 there"},
    };
    memlane_format *ours = make(24, here, 3);
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        memlane_format *theirs = make(there[i].size, there[i].fields, there[i].count);
        memlane_error error;
        CHECK_FAILURE(MEMLANE_SCHEMA_MISMATCH, there[i].text, memlane_format_compare(ours, theirs, &error), &error);
        memlane_format_free(theirs);
    }
    memlane_format_free(ours);
}

static void codes_have_names(void) {
    CHECK_STRING("bool", memlane_code_name(MEMLANE_BOOL));
    CHECK_STRING("complex128", memlane_code_name(MEMLANE_COMPLEX128));
    CHECK_STRING("struct", memlane_code_name(MEMLANE_STRUCT));
    CHECK_STRING("unknown", memlane_code_name(0));
    CHECK_STRING("unknown", memlane_code_name(UINT32_MAX));
}

/* -- hostile tables ------------------------------------------------------------------------------------------- */

static void decode(const unsigned char *schema, uint32_t length) {
    memlane_format *format = NULL;
    memlane_error error;
    memlane_status status = memlane_schema_decode(&format, schema, length, "pose", &error);
    if (status != MEMLANE_OK) {
        CHECK_FAILURE(MEMLANE_CORRUPTED, "'pose': its table of fields is damaged", status, &error);
        CHECK(format == NULL);
        return;
    }
    for (size_t i = 0; i < memlane_format_count(format); i++) { /* what was accepted lies within the struct */
        const memlane_field *field = memlane_format_field(format, i);
        CHECK(field->count >= 1 && field->size >= 1 && field->offset < memlane_format_size(format));
        CHECK(field->count <= (memlane_format_size(format) - field->offset) / field->size);
        CHECK(strlen(field->path) <= MEMLANE_FIELD_PATH_MAXIMUM);
    }
    memlane_format_free(format);
}

static void every_changed_byte_of_a_table_is_survived(void) {
    memlane_format *format = make_robot();
    unsigned char *copy = malloc(format->schema_length);
    CHECK(copy != NULL);
    memcpy(copy, format->schema, format->schema_length);
    for (uint32_t i = 0; i < format->schema_length; i++) {
        for (int value = 0; value < 256; value++) {
            copy[i] = (unsigned char)value;
            decode(copy, format->schema_length);
        }
        copy[i] = format->schema[i];
    }
    free(copy);
    memlane_format_free(format);
}

static void every_length_of_a_table_is_survived(void) {
    memlane_format *format = make_robot();
    for (uint32_t length = 0; length < format->schema_length; length++) {
        unsigned char *copy = malloc(length + 1); /* of this length: a sanitizer sees what is read beyond */
        CHECK(copy != NULL);
        memcpy(copy, format->schema, length);
        memlane_format *none = NULL;
        memlane_error error;
        CHECK_FAILURE(MEMLANE_CORRUPTED, "damaged", memlane_schema_decode(&none, copy, length, "pose", &error), &error);
        free(copy);
    }
    memlane_format_free(format);
}

static void random_tables_are_survived(void) {
    enum { ROUNDS = 20000 };
    unsigned char schema[400];
    uint64_t state = 88172645463325252;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < sizeof schema; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            schema[i] = (unsigned char)(state % 3 == 0 ? state >> 8 : state >> 8 & 1);
        }
        const struct memlane_field_table table = {MEMLANE_FIELD_TABLE_MAGIC, (uint32_t)(state % 13), 1 + state % 64};
        memcpy(schema, &table, sizeof table);
        decode(schema, (uint32_t)(state >> 32) % sizeof schema);
    }
}

/* -- objects with a format ------------------------------------------------------------------------------------ */

static memlane_variable_options with_format(const memlane_format *format) {
    memlane_variable_options options = endpoint_options();
    options.format = format;
    return options;
}

static void values_of_a_format_are_the_bytes_of_the_struct(void) {
    memlane_format *format = make_robot();
    memlane_variable_options options = with_format(format);
    memlane_variable *writer = endpoint_open_with("robot", &options);
    memlane_variable *reader = endpoint_open("robot"); /* adopts */
    memlane_format_free(format);
    struct robot sent = {.x = 1.5, .yaw = 0.25F, .frame = "base", .counts = {1, 2, 3}, .ready = true};
    struct robot received;
    memlane_reading reading;
    memlane_variable_properties properties;
    memlane_error error;

    CHECK_OK(memlane_variable_write(writer, &sent, sizeof sent, MEMLANE_TYPE_STRUCT, 0, &error), &error);
    CHECK_OK(memlane_variable_read(reader, &received, sizeof received, &reading, &error), &error);
    memlane_variable_describe(reader, &properties);

    CHECK_BYTES(&sent, &received, sizeof sent);
    CHECK_EQUAL(MEMLANE_TYPE_STRUCT, reading.type);
    CHECK_EQUAL(sizeof sent, properties.max_size);
    expect_field(properties.format, 2, "yaw", 16, 4, 1, MEMLANE_FLOAT32);
    memlane_variable_close(reader);
    memlane_variable_describe(reader, &properties);
    CHECK_EQUAL(ROBOT_FIELDS, memlane_format_count(properties.format));
    memlane_variable_free(reader);
    memlane_variable_free(writer);
    endpoint_unlink("robot");
}

static void other_values_than_the_struct_are_refused(void) {
    memlane_format *format = make_robot();
    memlane_variable_options options = with_format(format);
    memlane_variable *variable = endpoint_open_with("robot", &options);
    struct robot value = {.x = 1};
    memlane_loan loan;
    memlane_error error;

    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "119 bytes of type mark 5 were given",
                  memlane_variable_write(variable, &value, 119, MEMLANE_TYPE_STRUCT, 0, &error), &error);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "of type mark 1 were given",
                  memlane_variable_write(variable, &value, sizeof value, 1, 0, &error), &error);
    CHECK_OK(memlane_variable_loan(variable, &loan, 0, &error), &error);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "its values are the",
                  memlane_loan_commit(&loan, 1, MEMLANE_TYPE_STRUCT, NULL, &error), &error);
    memlane_loan_drop(&loan);

    memlane_variable_free(variable);
    memlane_format_free(format);
    endpoint_unlink("robot");
}

static void another_format_is_refused_and_no_format_adopts(void) {
    static const memlane_field fields[] = {{"x", 0, 0, 1, MEMLANE_FLOAT64}, {"yaw", 8, 0, 1, MEMLANE_FLOAT64}};
    memlane_format *there = make_robot();
    memlane_format *here = make(16, fields, 2);
    memlane_variable_options options = with_format(there);
    memlane_variable *variable = endpoint_open_with("robot", &options), *none = NULL;
    memlane_error error;

    options = with_format(here);
    CHECK_FAILURE(
        MEMLANE_SCHEMA_MISMATCH,
        "variable 'robot': another format was asked for than the object has: field `y`: missing here, float64",
        memlane_variable_open(&none, "robot", 5, &options, &error), &error);
    options.max_size = 17;
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "max_size=17 was asked for, and a format whose struct takes 16 bytes",
                  memlane_variable_open(&none, "robot", 5, &options, &error), &error);

    memlane_variable_free(variable);
    memlane_format_free(here);
    memlane_format_free(there);
    endpoint_unlink("robot");
}

static void format_is_refused_by_an_object_without_one(void) {
    memlane_format *format = make_robot();
    memlane_variable *variable = endpoint_open("robot"), *none = NULL;
    memlane_variable_options options = with_format(format);
    memlane_error error;

    CHECK_FAILURE(MEMLANE_SCHEMA_MISMATCH, "12 fields in 112 bytes here, values of any type there",
                  memlane_variable_open(&none, "robot", 5, &options, &error), &error);

    memlane_variable_free(variable);
    memlane_format_free(format);
    endpoint_unlink("robot");
}

static int open_file(const char *name) {
    char path[2 * CHECK_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", check_directory, name);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    CHECK_CALL(descriptor);
    return descriptor;
}

/* Stores bytes of a file and makes its checksums right again, as one who knows how. */
static void forge(int descriptor, uint64_t offset, const void *bytes, size_t size) {
    struct memlane_header header;
    unsigned char schema[MEMLANE_PAGE];
    CHECK_EQUAL(size, pwrite(descriptor, bytes, size, (off_t)offset));
    CHECK_EQUAL(sizeof header, pread(descriptor, &header, sizeof header, 0));
    CHECK_EQUAL(sizeof schema, pread(descriptor, schema, sizeof schema, MEMLANE_PAGE));
    header.schema_checksum = memlane_checksum(schema, header.schema_length);
    header.checksum = memlane_checksum(&header, offsetof(struct memlane_header, checksum));
    CHECK_EQUAL(sizeof header, pwrite(descriptor, &header, sizeof header, 0));
}

static void damaged_schema_of_an_object_is_refused(void) {
    memlane_format *format = make_robot();
    memlane_variable_options options = with_format(format), any = endpoint_options();
    memlane_variable *variable = endpoint_open_with("robot", &options), *none = NULL;
    memlane_error error;
    int descriptor = open_file("robot");
    const struct {
        uint64_t offset, value;
        size_t size;
        const char *text;
    } damages[] = {
        {MEMLANE_PAGE, 0, 4, "does not begin as tables of fields do"},
        {MEMLANE_PAGE + 4, 4000, 4, "4000 fields do not fit it"},
        {MEMLANE_PAGE + 8, 113, 8, "its struct takes 113 bytes and its values 112"},
        {MEMLANE_PAGE + 16, 200, 8, "go beyond the end at byte 112"},
        {MEMLANE_PAGE + 16 + 24, 77, 2, "field `x` has the unknown code 77"},
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        uint64_t former = 0;
        CHECK_EQUAL(damages[i].size, pread(descriptor, &former, damages[i].size, (off_t)damages[i].offset));
        forge(descriptor, damages[i].offset, &damages[i].value, damages[i].size);

        CHECK_FAILURE(MEMLANE_CORRUPTED, damages[i].text, memlane_variable_open(&none, "robot", 5, &any, &error),
                      &error);

        forge(descriptor, damages[i].offset, &former, damages[i].size);
    }
    close(descriptor);
    memlane_variable_free(variable);
    memlane_format_free(format);
    endpoint_unlink("robot");
}

static void value_of_another_size_or_mark_is_corruption(void) {
    memlane_format *format = make_robot();
    memlane_variable_options options = with_format(format);
    options.slots = 2;
    memlane_variable *variable = endpoint_open_with("robot", &options);
    struct robot value = {.x = 1};
    memlane_reading reading;
    memlane_view view;
    memlane_error error;
    CHECK_OK(memlane_variable_write(variable, &value, sizeof value, MEMLANE_TYPE_STRUCT, 0, &error), &error);
    struct memlane_header header;
    int descriptor = open_file("robot");
    CHECK_EQUAL(sizeof header, pread(descriptor, &header, sizeof header, 0));
    uint64_t slots = header.body_offset + sizeof(struct memlane_register_control) +
                     header.participants_count * sizeof(struct memlane_pin_row);
    const uint64_t wrong[] = {(uint64_t)MEMLANE_TYPE_STRUCT << 40 | 8, UINT64_C(1) << 40 | sizeof value};

    for (size_t i = 0; i < 4; i++) {
        CHECK_EQUAL(8, pwrite(descriptor, &wrong[i / 2], 8, (off_t)(slots + 64 * (i % 2) + 8)));
        if (i % 2 == 1) {
            CHECK_FAILURE(MEMLANE_CORRUPTED, "contradict each other",
                          memlane_variable_read(variable, &value, sizeof value, &reading, &error), &error);
            CHECK_FAILURE(MEMLANE_CORRUPTED, "contradict each other", memlane_variable_view(variable, &view, &error),
                          &error);
        }
    }

    close(descriptor);
    memlane_variable_free(variable);
    memlane_format_free(format);
    endpoint_unlink("robot");
}

static const struct check_test tests[] = {
    {"fields are listed as they lie in memory", fields_are_listed_as_they_lie_in_memory},
    {"one layout has one table, however it was declared", one_layout_has_one_table_however_it_was_declared},
    {"a value without fields is one field without a name", value_without_fields_is_one_field_without_a_name},
    {"impossible formats are refused with the field named", impossible_formats_are_refused_with_the_field_named},
    {"arrays of structs nest so deep and no deeper", arrays_of_structs_nest_so_deep_and_no_deeper},
    {"a table that is too long is refused", table_that_is_too_long_is_refused},
    {"differences name the field and both sides", differences_name_the_field_and_both_sides},
    {"codes have names", codes_have_names},
    {"every changed byte of a table is survived", every_changed_byte_of_a_table_is_survived},
    {"every length of a table is survived", every_length_of_a_table_is_survived},
    {"random tables are survived", random_tables_are_survived},
    {"values of a format are the bytes of the struct", values_of_a_format_are_the_bytes_of_the_struct},
    {"other values than the struct are refused", other_values_than_the_struct_are_refused},
    {"another format is refused, and no format adopts", another_format_is_refused_and_no_format_adopts},
    {"a format is refused by an object without one", format_is_refused_by_an_object_without_one},
    {"a damaged schema of an object is refused", damaged_schema_of_an_object_is_refused},
    {"a value of another size or mark is corruption", value_of_another_size_or_mark_is_corruption},
};

CHECK_MAIN(tests)
