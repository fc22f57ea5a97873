/* The schema of a function: the formats of its arguments and of its results, each a field table, where it has one. */
#ifndef MEMLANE_SIGNATURE_H
#define MEMLANE_SIGNATURE_H

#include "endpoint.h"

/* Either may be missing: NULL. */
struct memlane_signature {
    const memlane_format *arguments, *result;
};

/* Adds the schema to a request; `request->schema` is the caller's to free. Nothing where both are missing.
 * MEMLANE_NO_MEMORY. */
memlane_status memlane_signature_encode(struct memlane_request *request, struct memlane_signature asked,
                                        memlane_error *error);

/* Compares what the caller asks for with the object's schema: for agree(). What is missing adopts what is there.
 * MEMLANE_SCHEMA_MISMATCH names the field and its side, MEMLANE_CORRUPTED, MEMLANE_NO_MEMORY. */
memlane_status memlane_signature_agree(const struct memlane_request *request, struct memlane_signature asked,
                                       const struct memlane_header *found, const void *schema, memlane_error *error);

/* Decodes the schema of a function whose segment keeps it. Both formats are the caller's to free, also on failure; NULL
 * where there is none. MEMLANE_CORRUPTED, also where a struct takes other bytes than the calls have; MEMLANE_NO_MEMORY. */
memlane_status memlane_signature_decode(const struct memlane_segment *segment, memlane_format **arguments,
                                        memlane_format **result, memlane_error *error);

#endif
