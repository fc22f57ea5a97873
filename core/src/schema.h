/* The schema of a segment whose values have a fixed format: a field table (struct memlane_field_table), encoded for
 * shared memory and checked when it comes from there. */
#ifndef MEMLANE_SCHEMA_H
#define MEMLANE_SCHEMA_H

#include "layout.h"

#include <memlane/format.h>

/* Immutable. Paths of the fields point into the schema. */
struct memlane_format {
    unsigned char *schema;
    uint32_t schema_length;
    uint32_t count;
    uint64_t size;
    memlane_field fields[];
};

/* Bytes that one element of this code takes; 0 where its field says so, or where there is no such code. */
uint64_t memlane_code_size(uint32_t code);

/* Encodes fields that are in canonical order; the table is checked as one that was found:
 * MEMLANE_INVALID_ARGUMENT, MEMLANE_NO_MEMORY. */
memlane_status memlane_schema_encode(memlane_format **format, uint64_t size, const memlane_field *fields, size_t count,
                                     memlane_error *error);

/* Decodes a private copy of a schema of the object `name`, whoever wrote it; it may go afterwards. MEMLANE_CORRUPTED,
 * MEMLANE_NO_MEMORY. */
memlane_status memlane_schema_decode(memlane_format **format, const void *schema, uint32_t length, const char *name,
                                     memlane_error *error);

/* Writes how two formats differ, both sides; false where they do not. `size` is of the text. */
bool memlane_schema_difference(const memlane_format *here, const memlane_format *there, char *text, size_t size);

#endif
