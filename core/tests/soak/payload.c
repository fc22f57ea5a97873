#include "payload.h"

#include <string.h>

enum { WORD = 8, HEAD_WORDS = 2, SIZES = (PAYLOAD_MAXIMUM - PAYLOAD_MINIMUM) / WORD + 1 };

static uint64_t mixed(uint64_t word) {
    word = (word ^ word >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return word ^ word >> 29;
}

static uint64_t seed_of(struct payload_origin origin) {
    return mixed(mixed(origin.writer) + origin.sequence);
}

static size_t size_of(uint64_t seed) {
    return PAYLOAD_MINIMUM + (size_t)(seed % SIZES) * WORD;
}

static uint64_t word_of(uint64_t seed, size_t at) {
    return (seed + at) * UINT64_C(0xd6e8feb86659fd93);
}

size_t payload_fill(void *bytes, struct payload_origin origin) {
    uint64_t seed = seed_of(origin);
    uint64_t *words = bytes;
    size_t size = size_of(seed);
    words[0] = origin.writer;
    words[1] = origin.sequence;
    for (size_t at = HEAD_WORDS; at < size / WORD; at++) {
        words[at] = word_of(seed, at);
    }
    return size;
}

bool payload_check(const void *bytes, size_t size, struct payload_origin *origin) {
    const uint64_t *words = bytes;
    if (size < PAYLOAD_MINIMUM || size > PAYLOAD_MAXIMUM) {
        return false;
    }
    origin->writer = words[0];
    origin->sequence = words[1];
    uint64_t seed = seed_of(*origin);
    if (size != size_of(seed)) {
        return false;
    }
    for (size_t at = HEAD_WORDS; at < size / WORD; at++) {
        if (words[at] != word_of(seed, at)) {
            return false;
        }
    }
    return true;
}
