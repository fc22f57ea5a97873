/* Hostile bytes in the file of a device buffer: whatever they say, every call answers by its deadline.
 *
 * The input lies over a valid object that holds a record, and then the public API works on it. Its first byte says where:
 *   bits 0-5  the line of 64 bytes at which it begins, behind the header's page; 63: at the header itself
 *   bit 6     the header's checksum is made right again, so that what it protects is reached as well
 *   bit 7     the file is cut to the length that the next two bytes say, while the object is open
 * Found crashes and hangs are findings; wrong values are not. */
#define _GNU_SOURCE
#include "object.h"
#include "platform.h"

#include <memlane/memlane.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PLACES = 4,
    RECORD = 64,
    SIZE_MAXIMUM = 8 * MEMLANE_PAGE,
    LINES = 63,
    REPAIR = 64,
    TRUNCATE = 128,
    PATIENCE_NS = 1000000
};

static const char schema[] = "type motor\nparameter 'duty_cycle', id 0: float, readable";
static unsigned char valid[SIZE_MAXIMUM];
static size_t object_size;
static char directory[] = "/dev/shm/memlane-fuzz-XXXXXX";
static int object = -1;

static void remove_directory(void) {
    memlane_unlink(directory, "motor", 5, 0600, -1, NULL);
    rmdir(directory);
}

static memlane_buffer *open_buffer(bool create) {
    memlane_buffer_options asked;
    memlane_buffer *buffer = NULL;
    memlane_buffer_options_initialise(&asked);
    asked.object.directory = directory;
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
    int parent;
    (void)count;
    (void)arguments;
    require(mkdtemp(directory) != NULL, "cannot make a namespace directory");
    atexit(remove_directory);
    memlane_buffer *buffer = open_buffer(true);
    require(buffer != NULL, "cannot create the object");
    transact(buffer, true);
    memlane_buffer_free(buffer);
    struct stat found;
    require(memlane_platform_open_directory(directory, &parent) == 0 &&
                memlane_platform_open_file(parent, "motor", &object) == 0 && fstat(object, &found) == 0,
            "cannot find the object");
    object_size = (size_t)found.st_size;
    require(object_size <= sizeof valid && memlane_platform_read_at(object, 0, valid, object_size) == 0,
            "cannot read the object back");
    buffer = open_buffer(false);
    require(buffer != NULL, "cannot open it again");
    memlane_buffer_free(buffer);
    memlane_platform_close(parent);
    return 0;
}

static void lay_down(const uint8_t *input, size_t size) {
    unsigned char bytes[SIZE_MAXIMUM];
    size_t line = input[0] % (LINES + 1);
    size_t start = line == LINES ? 0 : MEMLANE_PAGE + line * MEMLANE_LINE;
    memcpy(bytes, valid, sizeof bytes);
    memcpy(bytes + start, input + 1, size - 1 < object_size - start ? size - 1 : object_size - start);
    if ((input[0] & REPAIR) != 0) {
        repair(bytes);
    }
    require(ftruncate(object, (off_t)object_size) == 0 && memlane_platform_write_at(object, 0, bytes, object_size) == 0,
            "cannot lay the bytes down");
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

/* The input had made the object ephemeral, and it was removed. */
static void put_the_object_back(void) {
    int parent;
    memlane_platform_close(object);
    require(memlane_platform_open_directory(directory, &parent) == 0 &&
                memlane_platform_create_unnamed(parent, 0600, &object) == 0 &&
                memlane_platform_publish(object, parent, "motor") == 0,
            "cannot put the object back");
    memlane_platform_close(parent);
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
            require(ftruncate(object, (off_t)((size_t)(input[1] | input[2] << 8) % object_size)) == 0,
                    "cannot cut the file");
            work(buffer);
        }
        memlane_buffer_free(buffer);
    }
    if (memlane_collect(directory, 0600, -1, &removed, NULL) == MEMLANE_OK && removed > 0) {
        put_the_object_back();
    }
    return 0;
}
