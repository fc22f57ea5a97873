/* The checksum of headers is CRC-32C, as RFC 3720 defines it. */
#define _GNU_SOURCE
#include "check.h"

#include "checksum.h"

/* RFC 3720, appendix B.4. */
static void the_vectors_of_rfc_3720_come_out(void) {
    unsigned char zeros[32] = {0}, ones[32], rising[32], falling[32];
    static const unsigned char read_command[48] = {
        [0] = 0x01, [1] = 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02,
    };
    memset(ones, 0xff, sizeof ones);
    for (unsigned char i = 0; i < 32; i++) {
        rising[i] = i;
        falling[i] = (unsigned char)(31 - i);
    }

    CHECK_EQUAL(0x8a9136aa, memlane_checksum(zeros, sizeof zeros));
    CHECK_EQUAL(0x62a8ab43, memlane_checksum(ones, sizeof ones));
    CHECK_EQUAL(0x46dd794e, memlane_checksum(rising, sizeof rising));
    CHECK_EQUAL(0x113fdb5c, memlane_checksum(falling, sizeof falling));
    CHECK_EQUAL(0xd9963a56, memlane_checksum(read_command, sizeof read_command));
}

static void the_check_value_comes_out(void) {
    CHECK_EQUAL(0xe3069283, memlane_checksum("123456789", 9));
}

static void nothing_has_the_sum_zero(void) {
    CHECK_EQUAL(0, memlane_checksum(NULL, 0));
}

static void every_single_bit_changes_the_sum(void) {
    unsigned char bytes[64] = {0};
    uint32_t before = memlane_checksum(bytes, sizeof bytes);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        CHECK(memlane_checksum(bytes, sizeof bytes) != before);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

static const struct check_test tests[] = {
    {"the vectors of RFC 3720 come out", the_vectors_of_rfc_3720_come_out},
    {"the check value comes out", the_check_value_comes_out},
    {"nothing has the sum zero", nothing_has_the_sum_zero},
    {"every single bit changes the sum", every_single_bit_changes_the_sum},
};

CHECK_MAIN(tests)
