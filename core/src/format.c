#include <memlane/format.h>

#include "failure.h"
#include "schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -- the canonical form: one table for one layout, however it was declared ------------------------------------- */

/* By offset; of those at one offset, an array of structs comes before the fields in it, which have longer paths. */
static int compare_fields(const void *left, const void *right) {
    const memlane_field *a = left;
    const memlane_field *b = right;
    if (a->offset != b->offset) {
        return a->offset < b->offset ? -1 : 1;
    }
    size_t a_length = strlen(a->path);
    size_t b_length = strlen(b->path);
    return a_length == b_length ? 0 : a_length < b_length ? -1 : 1;
}

/* Bytes of the code's smallest element: char[10] is 10 elements of it, and so is a field of 10 bytes. */
static uint64_t unit_of(uint32_t code) {
    switch (code) {
    case MEMLANE_CHAR:
    case MEMLANE_BYTES:
        return 1;
    case MEMLANE_WCHAR:
        return 4;
    default:
        return memlane_code_size(code);
    }
}

/* Sizes and counts in the one way that the table has them. What is impossible stays so, and is refused later. */
static void normalise(memlane_field *field) {
    uint64_t natural = memlane_code_size(field->code);
    uint64_t unit = unit_of(field->code);
    if (field->size == 0) {
        field->size = unit;
    }
    if (natural != 0 && field->size % natural == 0 && field->count <= UINT64_MAX / field->size) {
        field->count *= field->size / natural;
        field->size = natural;
    } else if (natural == 0 && unit != 0 && field->size == unit && field->count <= UINT64_MAX / unit) {
        field->size *= field->count; /* an array of single characters is a text */
        field->count = 1;
    }
}

/* A struct that is no array has no entry of its own. */
static bool is_needless(const memlane_field *field) {
    return field->code == MEMLANE_STRUCT && field->count == 1;
}

static size_t make_canonical(memlane_field *fields, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_needless(&fields[i])) {
            fields[kept] = fields[i];
            normalise(&fields[kept]);
            kept++;
        }
    }
    qsort(fields, kept, sizeof *fields, compare_fields);
    return kept;
}

memlane_status memlane_format_create(memlane_format **format, uint64_t size, const memlane_field *fields, size_t count,
                                     memlane_error *error) {
    if (count < 1 || count > MEMLANE_SCHEMA_MAXIMUM) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT, "no such format is possible: it has %zu fields", count);
    }
    for (size_t i = 0; i < count; i++) {
        if (fields[i].path == NULL) {
            return memlane_fail(error, MEMLANE_INVALID_ARGUMENT, "no such format is possible: field %zu has no path",
                                i);
        }
    }
    memlane_field *canonical = malloc(count * sizeof *canonical);
    if (canonical == NULL) {
        return memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for a format of %zu fields", count);
    }
    memcpy(canonical, fields, count * sizeof *canonical);
    size_t kept = make_canonical(canonical, count);
    memlane_status status = memlane_schema_encode(format, size, canonical, kept, error);
    free(canonical);
    return status;
}

void memlane_format_free(memlane_format *format) {
    if (format != NULL) {
        free(format->schema);
        free(format);
    }
}

/* -- looking -------------------------------------------------------------------------------------------------- */

uint64_t memlane_format_size(const memlane_format *format) {
    return format->size;
}

size_t memlane_format_count(const memlane_format *format) {
    return format->count;
}

const memlane_field *memlane_format_field(const memlane_format *format, size_t index) {
    return index < format->count ? &format->fields[index] : NULL;
}

memlane_status memlane_format_compare(const memlane_format *here, const memlane_format *there, memlane_error *error) {
    char difference[MEMLANE_MESSAGE_SIZE];
    return memlane_schema_difference(here, there, difference, sizeof difference)
               ? memlane_fail(error, MEMLANE_SCHEMA_MISMATCH, "the formats differ: %s", difference)
               : MEMLANE_OK;
}
