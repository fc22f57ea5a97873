/* Ends of channels in the namespace directory of the running test, and a stream whose every byte follows from its
 * position: what was lost or doubled shows at once. */
#ifndef MEMLANE_TESTS_STREAM_H
#define MEMLANE_TESTS_STREAM_H

#include "check.h"

#define STREAM "stream"

static CHECK_UNUSED memlane_channel_options stream_options(uint64_t capacity) {
    memlane_channel_options options;
    memlane_channel_options_initialise(&options);
    options.object.directory = check_directory;
    options.capacity = capacity;
    return options;
}

static CHECK_UNUSED memlane_status stream_try_open(memlane_channel **channel, memlane_channel_mode mode,
                                                   uint64_t capacity, memlane_error *error) {
    memlane_channel_options options = stream_options(capacity);
    return memlane_channel_open(channel, STREAM, strlen(STREAM), mode, &options, error);
}

static CHECK_UNUSED memlane_channel *stream_open(memlane_channel_mode mode, uint64_t capacity) {
    memlane_channel *channel = NULL;
    memlane_error error;
    CHECK_OK(stream_try_open(&channel, mode, capacity, &error), &error);
    return channel;
}

static CHECK_UNUSED memlane_channel *stream_reader(uint64_t capacity) {
    return stream_open(MEMLANE_CHANNEL_READ, capacity);
}

static CHECK_UNUSED memlane_channel *stream_writer(uint64_t capacity) {
    return stream_open(MEMLANE_CHANNEL_WRITE, capacity);
}

static CHECK_UNUSED void stream_unlink(void) {
    memlane_error error;
    CHECK_OK(memlane_unlink(check_directory, STREAM, strlen(STREAM), 0600, -1, &error), &error);
}

/* 251 is prime: no power of two, and no capacity of a test, hides a shift. */
static CHECK_UNUSED unsigned char stream_byte(uint64_t position) {
    return (unsigned char)(position % 251 + position / 251 * 7);
}

static CHECK_UNUSED void stream_fill(unsigned char *bytes, uint64_t position, uint64_t size) {
    for (uint64_t i = 0; i < size; i++) {
        bytes[i] = stream_byte(position + i);
    }
}

static CHECK_UNUSED void stream_check(const unsigned char *bytes, uint64_t position, uint64_t size) {
    for (uint64_t i = 0; i < size; i++) {
        if (bytes[i] != stream_byte(position + i)) {
            CHECK_FAIL("byte %" PRIu64 " of the stream: expected %u, found %u", position + i, stream_byte(position + i),
                       bytes[i]);
        }
    }
}

enum { STREAM_BLOCK = 4096 };

/* The next size bytes of the stream, all of them. */
static CHECK_UNUSED void stream_write(memlane_channel *channel, uint64_t size) {
    unsigned char bytes[STREAM_BLOCK];
    uint64_t written;
    memlane_error error;
    CHECK(size <= sizeof bytes);
    stream_fill(bytes, memlane_channel_position(channel), size);
    CHECK_OK(memlane_channel_write(channel, bytes, size, check_in_ms(20000), &written, &error), &error);
    CHECK_EQUAL(size, written);
}

static CHECK_UNUSED void stream_read(memlane_channel *channel, uint64_t size) {
    unsigned char bytes[STREAM_BLOCK];
    uint64_t count, position = memlane_channel_position(channel);
    memlane_error error;
    CHECK(size <= sizeof bytes);
    CHECK_OK(memlane_channel_read(channel, bytes, size, size, check_in_ms(20000), &count, &error), &error);
    CHECK_EQUAL(size, count);
    stream_check(bytes, position, size);
    CHECK_EQUAL(position + size, memlane_channel_position(channel));
}

#endif
