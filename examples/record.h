/* What the examples in C and C++ share: a record, and the checksum in it. */
#ifndef EXAMPLES_RECORD_H
#define EXAMPLES_RECORD_H

#include <stddef.h>
#include <stdint.h>

struct record {
    uint64_t count; /* of this writer's records */
    double values[8];
    char writer[16];
    uint32_t process;
    uint32_t checksum; /* CRC-32 of all that stands before it: zlib.crc32 in Python */
};

static inline uint32_t record_checksum(const struct record *record) {
    const unsigned char *bytes = (const unsigned char *)record;
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < offsetof(struct record, checksum); i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            sum = sum >> 1 ^ (0xedb88320 & (0 - (sum & 1)));
        }
    }
    return ~sum;
}

#endif
