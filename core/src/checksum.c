#include "checksum.h"

/* Eight table steps at once ("slicing", Kounavis and Berry, 2005) would save 5 us of an opening; one table is
 * simpler, and builds itself from the polynomial: a nibble table of 16 words fits a cache line. */
static const uint32_t nibble_table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t memlane_checksum(const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        sum ^= at[i];
        sum = sum >> 4 ^ nibble_table[sum & 15];
        sum = sum >> 4 ^ nibble_table[sum & 15];
    }
    return ~sum;
}
