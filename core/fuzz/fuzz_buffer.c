/* Hostile bytes in the file of a device buffer: whatever they say, every call answers by its deadline.
 *
 * The input lies over a valid object that holds a record, and then the public API works on it. Its first byte says where:
 *   bits 0-5  the line of 64 bytes at which it begins, behind the header's page; 63: at the header itself
 *   bit 6     the header's checksum is made right again, so that what it protects is reached as well
 *   bit 7     the file is cut to the length that the next two bytes say, while the object is open
 * Found crashes and hangs are findings; wrong values are not. */
#define _GNU_SOURCE
#include "hostile_file.h"

#include <memlane/memlane.h>

enum { PLACES = 4, RECORD = 64, LINES = 63, REPAIR = 64, TRUNCATE = 128, PATIENCE_NS = 1000000 };

static const char schema[] = "type motor\nparameter 'duty_cycle', id 0: float, readable";

static memlane_buffer *open_buffer(bool create) {
    memlane_buffer_options asked;
    memlane_buffer *buffer = NULL;
    memlane_buffer_options_initialise(&asked);
    asked.object.directory = hostile_directory;
    asked.object.participants = PLACES;
    asked.object.create = create;
    asked.size = RECORD;
    asked.schema = schema;
    asked.schema_length = sizeof schema - 1;
    memlane_buffer_open(&buffer, "motor", 5, &asked, NULL);
    return buffer;
}

static void transact(memlane_buffer *buffer, bool valid_now) {
    memlane_error error;
    void *record;
    uint64_t deadline = memlane_platform_monotonic_ns() + PATIENCE_NS;
    if (memlane_buffer_begin(buffer, deadline, &record, &error) == MEMLANE_OK) {
        memlane_buffer_set_valid(buffer, valid_now, &error);
        memset((unsigned char *)record + MEMLANE_BUFFER_HEAD, 1, RECORD - MEMLANE_BUFFER_HEAD);
        memlane_buffer_end(buffer, MEMLANE_BUFFER_CHANGED, &error);
    }
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count;
    (void)arguments;
    hostile_make_directory("motor");
    memlane_buffer *buffer = open_buffer(true);
    require(buffer != NULL, "cannot create the object");
    transact(buffer, true);
    memlane_buffer_free(buffer);
    hostile_keep();
    buffer = open_buffer(false);
    require(buffer != NULL, "cannot open it again");
    memlane_buffer_free(buffer);
    return 0;
}

static void lay_down(const uint8_t *input, size_t size) {
    size_t line = input[0] % (LINES + 1);
    size_t start = line == LINES ? 0 : MEMLANE_PAGE + line * MEMLANE_LINE;
    hostile_overlay(start, input + 1, size - 1, (input[0] & REPAIR) != 0 ? repair : NULL);
}

static void work(memlane_buffer *buffer) {
    memlane_buffer_statistics statistics;
    memlane_buffer_reading reading;
    memlane_error error;
    unsigned char copy[RECORD];
    uint64_t version = 0;
    void *record;
    memlane_buffer_read(buffer, 0, copy, sizeof copy, &reading, &error);
    transact(buffer, true);
    if (memlane_buffer_try_begin(buffer, &record, &error) == MEMLANE_OK) {
        memlane_buffer_end(buffer, MEMLANE_BUFFER_DROP, &error);
    }
    memlane_buffer_read(buffer, RECORD / 2, copy, RECORD / 2, &reading, &error);
    memlane_buffer_wait(buffer, version, memlane_platform_monotonic_ns() + PATIENCE_NS, &version, &error);
    memlane_buffer_mark_seen(buffer, version);
    memlane_buffer_statistics_read(buffer, &statistics, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    memlane_buffer *buffer;
    uint32_t removed;
    if (size < 3) {
        return 0;
    }
    lay_down(input, size);
    buffer = open_buffer(false);
    if (buffer != NULL) {
        work(buffer);
        if ((input[0] & TRUNCATE) != 0) {
            hostile_cut(input + 1);
            work(buffer);
        }
        memlane_buffer_free(buffer);
    }
    memlane_collect(hostile_directory, 0600, -1, &removed, NULL);
    hostile_put_back();
    return 0;
}
