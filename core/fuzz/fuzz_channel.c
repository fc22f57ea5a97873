/* Hostile bytes in the file of a channel: whatever they say, every call answers.
 *
 * The input changes a valid channel, from the byte that its first two bytes name, and then all of the public API works on
 * it; the rest changes it once more between two rounds. Found crashes and hangs are findings; wrong bytes are not. */
#define _GNU_SOURCE
#include "hostile_file.h"

#include <memlane/memlane.h>

enum { CAPACITY = 100, PLACES = 4, WORDS = 192 };

static memlane_channel_options options(void) {
    memlane_channel_options asked;
    memlane_channel_options_initialise(&asked);
    asked.object.directory = hostile_directory;
    asked.object.participants = PLACES;
    asked.object.ephemeral = 0;
    asked.capacity = CAPACITY;
    return asked;
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    memlane_channel_options asked;
    memlane_channel *channel;
    uint64_t written;
    (void)count;
    (void)arguments;
    hostile_make_directory("stream");
    asked = options();
    require(memlane_channel_open(&channel, "stream", 6, MEMLANE_CHANNEL_WRITE, &asked, NULL) == MEMLANE_OK,
            "cannot create the channel");
    require(memlane_channel_write(channel, "some bytes", 10, 0, &written, NULL) == MEMLANE_OK, "cannot write");
    memlane_channel_free(channel);
    hostile_keep();
    return 0;
}

static void look_at_it(memlane_channel *channel) {
    memlane_channel_status status;
    memlane_channel_statistics statistics;
    memlane_error error;
    memlane_channel_status_read(channel, &status, &error);
    memlane_channel_statistics_read(channel, &statistics, &error);
    memlane_channel_wait(channel, 1, MEMLANE_SOON, &error);
}

static void write_to_it(memlane_channel *channel) {
    static const unsigned char bytes[CAPACITY];
    uint64_t written;
    memlane_span span;
    memlane_error error;
    memlane_channel_write(channel, bytes, sizeof bytes, MEMLANE_SOON, &written, &error);
    memlane_channel_write_some(channel, bytes, 7, &written, &error);
    memlane_channel_write_whole(channel, bytes, 7, MEMLANE_SOON, &written, &error);
    if (memlane_channel_reserve(channel, CAPACITY / 2, 0, &span, &error) == MEMLANE_OK) {
        memset(span.bytes, 1, (size_t)span.size);
        memlane_span_commit(&span, span.size, &error);
    }
}

static void read_from_it(memlane_channel *channel) {
    unsigned char bytes[CAPACITY], sum = 0;
    uint64_t count;
    memlane_span span;
    memlane_error error;
    memlane_channel_read(channel, bytes, 9, 9, MEMLANE_SOON, &count, &error);
    if (memlane_channel_peek(channel, 0, 0, &span, &error) == MEMLANE_OK) {
        for (uint64_t i = 0; i < span.size; i++) {
            sum = (unsigned char)(sum + ((const unsigned char *)span.bytes)[i]);
        }
        memlane_span_commit(&span, span.size / 2 + sum % 2 * (span.size - span.size / 2), &error);
    }
    memlane_channel_read(channel, bytes, sizeof bytes, 1, 0, &count, &error);
}

static void work(memlane_channel_mode mode, const uint8_t *input, size_t size) {
    memlane_channel_options asked = options();
    memlane_channel *channel;
    memlane_error error;
    asked.object.create = false;
    asked.object.participants = asked.object.ephemeral = MEMLANE_ANY;
    if (memlane_channel_open(&channel, "stream", 6, mode, &asked, &error) != MEMLANE_OK) {
        return;
    }
    for (int round = 0; round < 2; round++) {
        if (mode == MEMLANE_CHANNEL_WRITE) {
            write_to_it(channel);
        } else {
            read_from_it(channel);
        }
        look_at_it(channel);
        hostile_change_words(input, size, WORDS);
    }
    memlane_channel_free(channel);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    if (size < 3) {
        return 0;
    }
    hostile_lay_down(input, size);
    work(MEMLANE_CHANNEL_WRITE, input + 2, size - 2);
    hostile_put_back();
    hostile_lay_down(input, size);
    work(MEMLANE_CHANNEL_READ, input + 2, size - 2);
    hostile_put_back();
    return 0;
}
