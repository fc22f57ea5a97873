#include "schema.h"

#include "failure.h"
#include "utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENTRY_ALIGNMENT = 8,
    WCHAR_SIZE = 4,
    FAULT_SIZE = 400,
    TYPE_SIZE = 80,
    PATHS_SHOWN = 100 /* bytes: two of them and a type fit an error */
};

/* -- codes ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint64_t size;
} codes[] = {
    [MEMLANE_BOOL] = {"bool", 1},           [MEMLANE_INT8] = {"int8", 1},
    [MEMLANE_UINT8] = {"uint8", 1},         [MEMLANE_INT16] = {"int16", 2},
    [MEMLANE_UINT16] = {"uint16", 2},       [MEMLANE_INT32] = {"int32", 4},
    [MEMLANE_UINT32] = {"uint32", 4},       [MEMLANE_INT64] = {"int64", 8},
    [MEMLANE_UINT64] = {"uint64", 8},       [MEMLANE_FLOAT16] = {"float16", 2},
    [MEMLANE_FLOAT32] = {"float32", 4},     [MEMLANE_FLOAT64] = {"float64", 8},
    [MEMLANE_COMPLEX64] = {"complex64", 8}, [MEMLANE_COMPLEX128] = {"complex128", 16},
    [MEMLANE_CHAR] = {"char", 0},           [MEMLANE_WCHAR] = {"wchar", 0},
    [MEMLANE_BYTES] = {"bytes", 0},         [MEMLANE_STRUCT] = {"struct", 0},
};

static bool is_known(uint32_t code) {
    return code < sizeof codes / sizeof *codes && codes[code].name != NULL;
}

const char *memlane_code_name(uint32_t code) {
    return is_known(code) ? codes[code].name : "unknown";
}

uint64_t memlane_code_size(uint32_t code) {
    return is_known(code) ? codes[code].size : 0;
}

/* -- checking ------------------------------------------------------------------------------------------------ */

/* A field in the order of paths. */
struct path_order {
    const memlane_field *field;
};

/* A table under examination. Loops are bounded by its count, which its length bounds. */
struct examination {
    const memlane_format *format;
    struct path_order *by_path;
    /* Arrays of structs that are not at their end yet, the innermost last. */
    struct {
        const memlane_field *field;
        bool has_fields;
    } open[MEMLANE_FIELD_NESTING_MAXIMUM];
    size_t depth;
    uint64_t taken; /* first byte that no field has, within the innermost array's first element */
    char fault[FAULT_SIZE];
};

#define FAULT(examination, ...) (snprintf((examination)->fault, sizeof(examination)->fault, __VA_ARGS__), false)

static bool check_type(struct examination *examination, const memlane_field *field) {
    uint64_t natural = memlane_code_size(field->code);
    if (!is_known(field->code)) {
        return FAULT(examination, "field `%s` has the unknown code %" PRIu32, field->path, field->code);
    }
    bool fits = natural != 0                   ? field->size == natural
                : field->code == MEMLANE_WCHAR ? field->size >= WCHAR_SIZE && field->size % WCHAR_SIZE == 0
                                               : field->size >= 1;
    if (!fits || field->count < 1) {
        return FAULT(examination, "field `%s`: %" PRIu64 " elements of %" PRIu64 " bytes are no %s", field->path,
                     field->count, field->size, memlane_code_name(field->code));
    }
    return true;
}

static bool check_path(struct examination *examination, const memlane_field *field) {
    const memlane_format *format = examination->format;
    const char *path = field->path;
    size_t length = strlen(path);
    if (length == 0) {
        bool whole = field == format->fields && (field->code == MEMLANE_STRUCT || format->count == 1);
        return whole || FAULT(examination, "only the field that is the whole value can be without a name");
    }
    bool sound = path[0] != '.' && path[length - 1] != '.' && strstr(path, "..") == NULL;
    for (size_t i = 0; i < length; i++) {
        sound = sound && (unsigned char)path[i] >= 0x20 && path[i] != 0x7f;
    }
    return (sound && memlane_utf8_is_valid(path, length)) ||
           FAULT(examination, "field %td: its path is not names joined by dots, of UTF-8 without control characters",
                 field - format->fields);
}

static bool is_within(const memlane_field *array, const memlane_field *field) {
    size_t length = strlen(array->path);
    return length == 0 || (strncmp(field->path, array->path, length) == 0 && field->path[length] == '.');
}

static bool close_array(struct examination *examination) {
    examination->depth--;
    const memlane_field *array = examination->open[examination->depth].field;
    examination->taken = array->offset + array->size * array->count;
    return examination->open[examination->depth].has_fields ||
           FAULT(examination, "the array of structs `%s` has no fields", array->path);
}

static bool open_array(struct examination *examination, const memlane_field *field) {
    if (examination->depth == MEMLANE_FIELD_NESTING_MAXIMUM) {
        return FAULT(examination, "field `%s`: arrays of structs are nested deeper than %d", field->path,
                     MEMLANE_FIELD_NESTING_MAXIMUM);
    }
    examination->open[examination->depth].field = field;
    examination->open[examination->depth].has_fields = false;
    examination->depth++;
    examination->taken = field->offset;
    return true;
}

/* The field lies behind the one before it, and within what it is part of. No sum overflows: all are at most the size of
 * the struct. */
static bool check_place(struct examination *examination, const memlane_field *field) {
    while (examination->depth > 0 && !is_within(examination->open[examination->depth - 1].field, field)) {
        if (!close_array(examination)) {
            return false;
        }
    }
    uint64_t end = examination->format->size;
    if (examination->depth > 0) {
        const memlane_field *array = examination->open[examination->depth - 1].field;
        examination->open[examination->depth - 1].has_fields = true;
        end = array->offset + array->size;
    }
    if (field->offset < examination->taken) {
        return FAULT(examination, "field `%s` at byte %" PRIu64 " overlaps another, which ends at byte %" PRIu64,
                     field->path, field->offset, examination->taken);
    }
    if (field->offset > end || field->count > (end - field->offset) / field->size) {
        return FAULT(examination,
                     "field `%s`: %" PRIu64 " elements of %" PRIu64 " bytes at byte %" PRIu64
                     " go beyond the end at byte %" PRIu64,
                     field->path, field->count, field->size, field->offset, end);
    }
    if (field->code == MEMLANE_STRUCT) {
        return open_array(examination, field);
    }
    examination->taken = field->offset + field->size * field->count;
    return true;
}

static int compare_paths(const void *left, const void *right) {
    const struct path_order *a = left;
    const struct path_order *b = right;
    return strcmp(a->field->path, b->field->path);
}

/* The field that has the first `length` bytes of this path for a path, or NULL. */
static const memlane_field *find_prefix(const struct examination *examination, const char *path, size_t length) {
    char prefix[MEMLANE_FIELD_PATH_MAXIMUM + 1];
    memcpy(prefix, path, length);
    prefix[length] = '\0';
    const memlane_field key = {.path = prefix};
    const struct path_order wanted = {&key};
    const struct path_order *found =
        bsearch(&wanted, examination->by_path, examination->format->count, sizeof wanted, compare_paths);
    return found == NULL ? NULL : found->field;
}

static bool is_open(const struct examination *examination, const memlane_field *field) {
    for (size_t i = 0; i < examination->depth; i++) {
        if (examination->open[i].field == field) {
            return true;
        }
    }
    return false;
}

/* What a path goes through is a struct: no field, or an array of structs that it lies in. Comes after check_place. */
static bool check_ancestors(struct examination *examination, const memlane_field *field) {
    for (const char *dot = strchr(field->path, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        const memlane_field *above = find_prefix(examination, field->path, (size_t)(dot - field->path));
        if (above != NULL && !is_open(examination, above)) {
            return FAULT(examination, "field `%s` is not within `%s`", field->path, above->path);
        }
    }
    return true;
}

static bool check_names(struct examination *examination) {
    uint32_t count = examination->format->count;
    for (uint32_t i = 0; i < count; i++) {
        examination->by_path[i].field = &examination->format->fields[i];
    }
    qsort(examination->by_path, count, sizeof *examination->by_path, compare_paths);
    for (uint32_t i = 1; i < count; i++) {
        if (strcmp(examination->by_path[i - 1].field->path, examination->by_path[i].field->path) == 0) {
            return FAULT(examination, "two fields are called `%s`", examination->by_path[i].field->path);
        }
    }
    return true;
}

static bool check_fields(struct examination *examination) {
    const memlane_format *format = examination->format;
    if (format->size < 1 || format->size > MEMLANE_CAPACITY_MAXIMUM) {
        return FAULT(examination, "a struct of %" PRIu64 " bytes is not between 1 and %" PRIu64, format->size,
                     (uint64_t)MEMLANE_CAPACITY_MAXIMUM);
    }
    if (format->count == 0) {
        return FAULT(examination, "a struct without fields");
    }
    if (!check_names(examination)) {
        return false;
    }
    for (uint32_t i = 0; i < format->count; i++) {
        const memlane_field *field = &format->fields[i];
        if (!check_path(examination, field) || !check_type(examination, field) || !check_place(examination, field) ||
            !check_ancestors(examination, field)) {
            return false;
        }
    }
    while (examination->depth > 0) {
        if (!close_array(examination)) {
            return false;
        }
    }
    return true;
}

/* -- from bytes ------------------------------------------------------------------------------------------------ */

static size_t entry_size(size_t path_length) {
    return (offsetof(struct memlane_field_entry, path) + path_length + ENTRY_ALIGNMENT) / ENTRY_ALIGNMENT *
           ENTRY_ALIGNMENT;
}

static bool is_zeros(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Reads one entry of at most `available` bytes. Its size, 0 where it is none. */
static size_t take_entry(const unsigned char *at, size_t available, memlane_field *field) {
    struct memlane_field_entry entry;
    if (available < sizeof entry) {
        return 0;
    }
    memcpy(&entry, at, sizeof entry);
    size_t size = entry_size(entry.path_length);
    const unsigned char *path = at + offsetof(struct memlane_field_entry, path);
    const unsigned char *end = path + entry.path_length;
    if (entry.path_length > MEMLANE_FIELD_PATH_MAXIMUM || size > available ||
        memchr(path, '\0', entry.path_length) != NULL || !is_zeros(end, (size_t)(at + size - end))) {
        return 0;
    }
    *field = (memlane_field){
        .path = (const char *)path,
        .offset = entry.offset,
        .size = entry.size,
        .count = entry.count,
        .code = entry.code,
    };
    return size;
}

static bool take_entries(struct examination *examination, memlane_format *format) {
    size_t at = sizeof(struct memlane_field_table);
    for (uint32_t i = 0; i < format->count; i++) {
        size_t size = take_entry(format->schema + at, format->schema_length - at, &format->fields[i]);
        if (size == 0) {
            return FAULT(examination, "entry %" PRIu32 " of the table is damaged", i);
        }
        at += size;
    }
    return at == format->schema_length || FAULT(examination, "bytes follow the table");
}

/* A format with room for the fields of the table, which are not read yet; NULL: no memory. `count` is what the length
 * allows for, whatever the table says. */
static memlane_format *allocate(const void *schema, uint32_t length, const struct memlane_field_table *table) {
    size_t most = (length - sizeof *table) / sizeof(struct memlane_field_entry);
    size_t count = table->count < most ? table->count : most;
    memlane_format *format = calloc(1, sizeof *format + count * sizeof *format->fields);
    unsigned char *copy = malloc(length);
    if (format == NULL || copy == NULL) {
        free(format);
        free(copy);
        return NULL;
    }
    memcpy(copy, schema, length);
    format->schema = copy;
    format->schema_length = length;
    format->count = (uint32_t)count;
    format->size = table->size;
    return format;
}

static memlane_status explain_memory(memlane_error *error) {
    return memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for the table of a format's fields");
}

static memlane_status examine(struct examination *examination, memlane_format *format, uint32_t promised,
                              memlane_error *error) {
    examination->format = format;
    examination->by_path = malloc((format->count + 1) * sizeof *examination->by_path);
    if (examination->by_path == NULL) {
        return explain_memory(error);
    }
    bool sound = promised == format->count ? take_entries(examination, format) && check_fields(examination)
                                           : FAULT(examination, "%" PRIu32 " fields do not fit it", promised);
    free(examination->by_path);
    return sound ? MEMLANE_OK : MEMLANE_CORRUPTED;
}

static bool take_table(struct examination *examination, const void *schema, uint32_t length,
                       struct memlane_field_table *table) {
    if (length < sizeof *table) {
        return FAULT(examination, "%" PRIu32 " bytes cannot hold it", length);
    }
    memcpy(table, schema, sizeof *table);
    return table->magic == MEMLANE_FIELD_TABLE_MAGIC || FAULT(examination, "it does not begin as tables of fields do");
}

/* MEMLANE_CORRUPTED leaves its reason in `examination` and the error alone. */
static memlane_status decode(memlane_format **format, const void *schema, uint32_t length,
                             struct examination *examination, memlane_error *error) {
    struct memlane_field_table table;
    memset(examination, 0, sizeof *examination);
    if (!take_table(examination, schema, length, &table)) {
        return MEMLANE_CORRUPTED;
    }
    memlane_format *decoded = allocate(schema, length, &table);
    if (decoded == NULL) {
        return explain_memory(error);
    }
    memlane_status status = examine(examination, decoded, table.count, error);
    if (status == MEMLANE_OK) {
        *format = decoded;
    } else {
        memlane_format_free(decoded);
    }
    return status;
}

memlane_status memlane_schema_decode(memlane_format **format, const void *schema, uint32_t length, const char *name,
                                     memlane_error *error) {
    struct examination examination;
    memlane_status status = decode(format, schema, length, &examination, error);
    return status != MEMLANE_CORRUPTED
               ? status
               : memlane_fail(error, status,
                              "'%s': its table of fields is damaged (%s); end the programs that use it, remove it with "
                              "memlane.unlink(), and open it anew",
                              name, examination.fault);
}

/* -- to bytes ---------------------------------------------------------------------------------------------------- */

static size_t table_size(const memlane_field *fields, size_t count) {
    size_t size = sizeof(struct memlane_field_table);
    for (size_t i = 0; i < count && size <= MEMLANE_SCHEMA_MAXIMUM; i++) {
        size += entry_size(strlen(fields[i].path));
    }
    return size;
}

static size_t put_entry(unsigned char *at, const memlane_field *field) {
    size_t path_length = strlen(field->path);
    struct memlane_field_entry entry = {
        .offset = field->offset,
        .size = field->size,
        .count = field->count,
        .code = (uint16_t)field->code,
        .path_length = (uint16_t)path_length,
    };
    memcpy(at, &entry, sizeof entry);
    memcpy(at + offsetof(struct memlane_field_entry, path), field->path, path_length);
    return entry_size(path_length);
}

static memlane_status check_encodable(const memlane_field *fields, size_t count, memlane_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (strlen(fields[i].path) > MEMLANE_FIELD_PATH_MAXIMUM || fields[i].code > UINT16_MAX) {
            return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                                "no such format is possible: field `%.*s`: its path is longer than %d bytes, or its "
                                "code %" PRIu32 " unknown",
                                PATHS_SHOWN, fields[i].path, MEMLANE_FIELD_PATH_MAXIMUM, fields[i].code);
        }
    }
    return MEMLANE_OK;
}

memlane_status memlane_schema_encode(memlane_format **format, uint64_t size, const memlane_field *fields, size_t count,
                                     memlane_error *error) {
    struct examination examination;
    memlane_status status = check_encodable(fields, count, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    size_t length = table_size(fields, count);
    if (length > MEMLANE_SCHEMA_MAXIMUM) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "no such format is possible: the table of its %zu fields takes more than %d bytes: use "
                            "arrays, fewer fields or shorter names",
                            count, MEMLANE_SCHEMA_MAXIMUM);
    }
    unsigned char *schema = calloc(1, length);
    if (schema == NULL) {
        return explain_memory(error);
    }
    struct memlane_field_table table = {.magic = MEMLANE_FIELD_TABLE_MAGIC, .count = (uint32_t)count, .size = size};
    memcpy(schema, &table, sizeof table);
    size_t at = sizeof table;
    for (size_t i = 0; i < count; i++) {
        at += put_entry(schema + at, &fields[i]);
    }
    status = decode(format, schema, (uint32_t)length, &examination, error);
    free(schema);
    return status != MEMLANE_CORRUPTED
               ? status
               : memlane_fail(error, MEMLANE_INVALID_ARGUMENT, "no such format is possible: %s", examination.fault);
}

/* -- comparing --------------------------------------------------------------------------------------------------- */

static const char *type_text(const memlane_field *field, char text[TYPE_SIZE]) {
    const char *name = memlane_code_name(field->code);
    uint64_t length = field->code == MEMLANE_WCHAR ? field->size / WCHAR_SIZE : field->size;
    if (field->code == MEMLANE_STRUCT) {
        snprintf(text, TYPE_SIZE, "%s[%" PRIu64 "] of %" PRIu64 " bytes", name, field->count, length);
    } else if (memlane_code_size(field->code) != 0 && field->count == 1) {
        snprintf(text, TYPE_SIZE, "%s", name);
    } else if (memlane_code_size(field->code) != 0) {
        snprintf(text, TYPE_SIZE, "%s[%" PRIu64 "]", name, field->count);
    } else if (field->count == 1) {
        snprintf(text, TYPE_SIZE, "%s[%" PRIu64 "]", name, length);
    } else {
        snprintf(text, TYPE_SIZE, "%s[%" PRIu64 "][%" PRIu64 "]", name, field->count, length);
    }
    return text;
}

static bool has_path(const memlane_format *format, const char *path) {
    for (uint32_t i = 0; i < format->count; i++) {
        if (strcmp(format->fields[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_same_type(const memlane_field *a, const memlane_field *b) {
    return a->code == b->code && a->size == b->size && a->count == b->count;
}

/* `here` and `there` stand at the same place of their tables, and differ. */
static void explain_difference(const memlane_format *here, const memlane_field *ours, const memlane_format *there,
                               const memlane_field *theirs, char *text, size_t size) {
    char our_type[TYPE_SIZE], their_type[TYPE_SIZE];
    bool same_path = ours != NULL && theirs != NULL && strcmp(ours->path, theirs->path) == 0;
    if (same_path && !is_same_type(ours, theirs)) {
        snprintf(text, size, "field `%.*s`: %s here, %s there", PATHS_SHOWN, ours->path, type_text(ours, our_type),
                 type_text(theirs, their_type));
    } else if (same_path) {
        snprintf(text, size, "field `%.*s`: at byte %" PRIu64 " here, at byte %" PRIu64 " there (other padding)",
                 PATHS_SHOWN, ours->path, ours->offset, theirs->offset);
    } else if (ours != NULL && !has_path(there, ours->path) && (theirs == NULL || has_path(here, theirs->path))) {
        snprintf(text, size, "field `%.*s`: %s here, missing there", PATHS_SHOWN, ours->path,
                 type_text(ours, our_type));
    } else if (theirs != NULL && !has_path(here, theirs->path) && (ours == NULL || has_path(there, ours->path))) {
        snprintf(text, size, "field `%.*s`: missing here, %s there", PATHS_SHOWN, theirs->path,
                 type_text(theirs, their_type));
    } else if (ours != NULL && theirs != NULL) {
        snprintf(text, size, "field %td: `%.*s` here, `%.*s` there", ours - here->fields + 1, PATHS_SHOWN, ours->path,
                 PATHS_SHOWN, theirs->path);
    }
}

bool memlane_schema_difference(const memlane_format *here, const memlane_format *there, char *text, size_t size) {
    uint32_t most = here->count > there->count ? here->count : there->count;
    for (uint32_t i = 0; i < most; i++) {
        const memlane_field *ours = i < here->count ? &here->fields[i] : NULL;
        const memlane_field *theirs = i < there->count ? &there->fields[i] : NULL;
        if (ours == NULL || theirs == NULL || strcmp(ours->path, theirs->path) != 0 || !is_same_type(ours, theirs) ||
            ours->offset != theirs->offset) {
            explain_difference(here, ours, there, theirs, text, size);
            return true;
        }
    }
    if (here->size != there->size) {
        snprintf(text, size, "the struct: %" PRIu64 " bytes here, %" PRIu64 " there (other padding at its end)",
                 here->size, there->size);
    }
    return here->size != there->size;
}
