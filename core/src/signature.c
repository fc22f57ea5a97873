#include "signature.h"

#include "failure.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint32_t length_of(const memlane_format *format) {
    return format == NULL ? 0 : format->schema_length;
}

/* -- to bytes ---------------------------------------------------------------------------------------------------- */

memlane_status memlane_signature_encode(struct memlane_request *request, struct memlane_signature asked,
                                        memlane_error *error) {
    struct memlane_function_schema head = {
        .magic = MEMLANE_FUNCTION_SCHEMA_MAGIC,
        .arguments_length = length_of(asked.arguments),
        .result_length = length_of(asked.result),
    };
    if (head.arguments_length == 0 && head.result_length == 0) {
        return MEMLANE_OK;
    }
    unsigned char *schema = malloc(sizeof head + head.arguments_length + head.result_length);
    if (schema == NULL) {
        return memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for the formats of '%s'", request->name.text);
    }
    memcpy(schema, &head, sizeof head);
    if (asked.arguments != NULL) {
        memcpy(schema + sizeof head, asked.arguments->schema, head.arguments_length);
    }
    if (asked.result != NULL) {
        memcpy(schema + sizeof head + head.arguments_length, asked.result->schema, head.result_length);
    }
    request->schema = schema;
    request->schema_length = (uint32_t)sizeof head + head.arguments_length + head.result_length;
    return MEMLANE_OK;
}

/* -- from bytes -------------------------------------------------------------------------------------------------- */

/* The lengths are bounded before they are added. */
static bool take_head(const void *schema, uint32_t length, struct memlane_function_schema *head) {
    if (length < sizeof *head) {
        return false;
    }
    memcpy(head, schema, sizeof *head);
    return head->magic == MEMLANE_FUNCTION_SCHEMA_MAGIC && head->arguments_length <= MEMLANE_SCHEMA_MAXIMUM &&
           head->result_length <= MEMLANE_SCHEMA_MAXIMUM &&
           length == sizeof *head + head->arguments_length + head->result_length;
}

static memlane_status take_table(memlane_format **format, const unsigned char *table, uint32_t length, const char *name,
                                 memlane_error *error) {
    return length == 0 ? MEMLANE_OK : memlane_schema_decode(format, table, length, name, error);
}

/* Both formats are the caller's to free, also on failure. */
static memlane_status decode(memlane_format **arguments, memlane_format **result, const void *schema, uint32_t length,
                             const char *name, memlane_error *error) {
    struct memlane_function_schema head;
    *arguments = *result = NULL;
    if (length == 0) {
        return MEMLANE_OK;
    }
    if (!take_head(schema, length, &head)) {
        return memlane_fail(error, MEMLANE_CORRUPTED,
                            "'%s': the formats of its calls are damaged; end the programs that use it, remove it with "
                            "memlane.unlink(), and open it anew",
                            name);
    }
    const unsigned char *tables = (const unsigned char *)schema + sizeof head;
    memlane_status status = take_table(arguments, tables, head.arguments_length, name, error);
    return status == MEMLANE_OK ? take_table(result, tables + head.arguments_length, head.result_length, name, error)
                                : status;
}

memlane_status memlane_signature_agree(const struct memlane_request *request, struct memlane_signature asked,
                                       const struct memlane_header *found, const void *schema, memlane_error *error) {
    memlane_format *arguments = NULL, *result = NULL;
    memlane_status status = decode(&arguments, &result, schema, found->schema_length, request->name.text, error);
    if (status == MEMLANE_OK) {
        status = memlane_endpoint_compare_formats(request, "of its arguments, ", asked.arguments, arguments, error);
    }
    if (status == MEMLANE_OK) {
        status = memlane_endpoint_compare_formats(request, "of its results, ", asked.result, result, error);
    }
    memlane_format_free(arguments);
    memlane_format_free(result);
    return status;
}

static memlane_status check_size(const struct memlane_segment *segment, const char *what, const memlane_format *format,
                                 uint64_t size, memlane_error *error) {
    if (format == NULL || memlane_format_size(format) == size) {
        return MEMLANE_OK;
    }
    return memlane_fail(error, MEMLANE_CORRUPTED,
                        "'%s': the struct of its %s takes %" PRIu64 " bytes, and its calls have room for %" PRIu64
                        ": it was damaged; remove it with memlane.unlink()",
                        segment->name.text, what, memlane_format_size(format), size);
}

memlane_status memlane_signature_decode(const struct memlane_segment *segment, memlane_format **arguments,
                                        memlane_format **result, memlane_error *error) {
    const struct memlane_header *header = &segment->header;
    memlane_status status =
        decode(arguments, result, segment->schema, header->schema_length, segment->name.text, error);
    if (status == MEMLANE_OK) {
        status = check_size(segment, "arguments", *arguments, header->geometry[MEMLANE_FUNCTION_ARGUMENTS], error);
    }
    return status == MEMLANE_OK
               ? check_size(segment, "results", *result, header->geometry[MEMLANE_FUNCTION_RESULT], error)
               : status;
}
