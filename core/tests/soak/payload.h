/* Values that prove themselves: each word follows from who wrote it and as his how-manieth. */
#ifndef MEMLANE_SOAK_PAYLOAD_H
#define MEMLANE_SOAK_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAYLOAD_MINIMUM = 256, PAYLOAD_MAXIMUM = 4000 };

struct payload_origin {
    uint64_t writer, sequence;
};

/* Fills the bytes, which hold PAYLOAD_MAXIMUM, and returns the size of this value. */
size_t payload_fill(void *bytes, struct payload_origin origin);

/* Whether all size bytes come from one and the same writing, which is then *origin. */
bool payload_check(const void *bytes, size_t size, struct payload_origin *origin);

#endif
