/* Hostile bytes in the file of a channel: whatever they say, every call answers.
 *
 * The input changes a valid channel, from the byte that its first two bytes name, and then all of the public API works on
 * it; the rest changes it once more between two rounds. Found crashes and hangs are findings; wrong bytes are not. */
#define _GNU_SOURCE
#include "object.h"
#include "platform.h"

#include <memlane/memlane.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OBJECT_SIZE = 4 * MEMLANE_PAGE, CAPACITY = 100, PLACES = 4, WORDS = 192 };

static unsigned char valid[OBJECT_SIZE]; /* a channel that holds some bytes */
static size_t valid_size;
static char directory[] = "/dev/shm/memlane-fuzz-XXXXXX";
static int object = -1;

static void remove_directory(void) {
    memlane_unlink(directory, "stream", 6, 0600, -1, NULL);
    rmdir(directory);
}

static memlane_channel_options options(void) {
    memlane_channel_options asked;
    memlane_channel_options_initialise(&asked);
    asked.object.directory = directory;
    asked.object.participants = PLACES;
    asked.object.ephemeral = 0;
    asked.capacity = CAPACITY;
    return asked;
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    memlane_channel_options asked;
    memlane_channel *channel;
    struct memlane_file_status file;
    uint64_t written;
    int parent;
    (void)count;
    (void)arguments;
    require(mkdtemp(directory) != NULL, "cannot make a namespace directory");
    atexit(remove_directory);
    asked = options();
    require(memlane_channel_open(&channel, "stream", 6, MEMLANE_CHANNEL_WRITE, &asked, NULL) == MEMLANE_OK,
            "cannot create the channel");
    require(memlane_channel_write(channel, "some bytes", 10, 0, &written, NULL) == MEMLANE_OK, "cannot write");
    memlane_channel_free(channel);
    require(memlane_platform_open_directory(directory, &parent) == 0 &&
                memlane_platform_open_file(parent, "stream", &object) == 0 &&
                memlane_platform_describe(object, &file) == 0 && file.size <= sizeof valid &&
                memlane_platform_read_at(object, 0, valid, (size_t)file.size) == 0,
            "cannot read the channel back");
    valid_size = (size_t)file.size;
    memlane_platform_close(parent);
    return 0;
}

static void lay_down(const uint8_t *input, size_t size) {
    unsigned char bytes[OBJECT_SIZE];
    size_t start = ((size_t)input[0] << 8 | input[1]) % valid_size;
    size_t length = size - 2 < valid_size - start ? size - 2 : valid_size - start;
    memcpy(bytes, valid, sizeof bytes);
    memcpy(bytes + start, input + 2, length);
    repair(bytes);
    require(ftruncate(object, (off_t)valid_size) == 0 && memlane_platform_write_at(object, 0, bytes, valid_size) == 0,
            "cannot lay the bytes down");
}

/* The words of the ring, while it is in use. */
static void change_the_words(const uint8_t *input, size_t size) {
    struct memlane_header header;
    memcpy(&header, valid, sizeof header);
    memlane_platform_write_at(object, header.body_offset, input, size < WORDS ? size : WORDS);
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
        change_the_words(input, size);
    }
    memlane_channel_free(channel);
}

/* The input may have made it one that goes with its last end. */
static void put_back(void) {
    int parent;
    if (memlane_platform_open_directory(directory, &parent) != 0) {
        return;
    }
    int found;
    if (memlane_platform_open_file(parent, "stream", &found) == 0) {
        memlane_platform_close(found);
    } else {
        memlane_platform_close(object);
        require(memlane_platform_create_unnamed(parent, 0600, &object) == 0 &&
                    memlane_platform_publish(object, parent, "stream") == 0,
                "cannot put the channel back");
    }
    memlane_platform_close(parent);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    if (size < 3) {
        return 0;
    }
    lay_down(input, size);
    work(MEMLANE_CHANNEL_WRITE, input + 2, size - 2);
    put_back();
    lay_down(input, size);
    work(MEMLANE_CHANNEL_READ, input + 2, size - 2);
    put_back();
    return 0;
}
