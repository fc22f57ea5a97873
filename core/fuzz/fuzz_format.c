/* Hostile bytes for the schema of an object: whatever they say, the table is refused or lies within its struct.
 *
 * The input is a field table. Its magic is made right, so that what comes behind it is reached. Found crashes and hangs are
 * findings, and so is a table that was accepted and goes beyond its struct. */
#include "object.h"
#include "schema.h"

#include <stdlib.h>
#include <string.h>

static void look(const memlane_format *format) {
    for (size_t i = 0; i < memlane_format_count(format); i++) {
        const memlane_field *field = memlane_format_field(format, i);
        uint64_t size = memlane_format_size(format);
        require(field->offset < size && field->size >= 1 && field->count >= 1, "a field outside the struct");
        require(field->count <= (size - field->offset) / field->size, "a field beyond the struct");
        require(strlen(field->path) <= MEMLANE_FIELD_PATH_MAXIMUM, "a path that is too long");
        require(memlane_code_name(field->code)[0] != '\0', "a code without a name");
    }
    require(memlane_format_field(format, memlane_format_count(format)) == NULL, "a field behind the last");
}

/* A table that was accepted is canonical: made again from its fields it is the same, unless it spelled a size otherwise. */
static void make_again(const memlane_format *format) {
    memlane_format *again;
    memlane_error error;
    if (memlane_format_create(&again, format->size, format->fields, format->count, &error) == MEMLANE_OK) {
        look(again);
        memlane_format_compare(format, again, &error);
        memlane_format_free(again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    memlane_format *format;
    memlane_error error;
    if (size < sizeof(struct memlane_field_table) || size > MEMLANE_SCHEMA_MAXIMUM) {
        return 0;
    }
    unsigned char *schema = malloc(size);
    require(schema != NULL, "no memory");
    memcpy(schema, input, size);
    const uint32_t magic = MEMLANE_FIELD_TABLE_MAGIC;
    memcpy(schema, &magic, sizeof magic);
    if (memlane_schema_decode(&format, schema, (uint32_t)size, "pose", &error) == MEMLANE_OK) {
        look(format);
        make_again(format);
        memlane_format_free(format);
    }
    free(schema);
    return 0;
}
