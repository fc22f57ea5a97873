/* Hostile words in the lock area of a map: whatever they say, every call answers by its deadline.
 *
 * The input lies over participants, statistics and the lock area of a valid object, and then the public API works on it.
 * Its first byte says where it begins, in lines of 64 bytes. */
#define _GNU_SOURCE
#include "object.h"
#include "platform.h"

#include <memlane/memlane.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLACES = 4, SIZE = 64, OBJECT_SIZE = 4 * MEMLANE_PAGE };

static unsigned char valid[OBJECT_SIZE];
static char directory[] = "/dev/shm/memlane-fuzz-XXXXXX";
static int object = -1;

static void remove_directory(void) {
    memlane_unlink(directory, "map", 3, 0600, -1, NULL);
    rmdir(directory);
}

static memlane_map *open_map(bool create) {
    memlane_map_options asked;
    memlane_map *map = NULL;
    memlane_map_options_initialise(&asked);
    asked.object.directory = directory;
    asked.object.participants = PLACES;
    asked.object.create = create;
    asked.size = SIZE;
    memlane_map_open(&map, "map", 3, &asked, NULL);
    return map;
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    int parent;
    (void)count;
    (void)arguments;
    require(mkdtemp(directory) != NULL, "cannot make a namespace directory");
    atexit(remove_directory);
    memlane_map *map = open_map(true);
    require(map != NULL, "cannot create the object");
    memlane_map_free(map);
    require(memlane_platform_open_directory(directory, &parent) == 0 &&
                memlane_platform_open_file(parent, "map", &object) == 0 &&
                memlane_platform_read_at(object, 0, valid, sizeof valid) == 0,
            "cannot read the object back");
    memlane_platform_close(parent);
    return 0;
}

static void lock_once(memlane_map *map, bool writes) {
    memlane_map_lock lock;
    memlane_error error;
    memlane_status status =
        writes ? memlane_map_lock_write(map, &lock, 0, &error) : memlane_map_lock_read(map, &lock, 0, &error);
    if (status == MEMLANE_OK) {
        memset(memlane_map_bytes(map), 1, writes ? SIZE : 0);
        memlane_map_unlock(&lock, &error);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    if (size < 2) {
        return 0;
    }
    unsigned char bytes[OBJECT_SIZE];
    size_t start = MEMLANE_PAGE + (size_t)input[0] * MEMLANE_LINE % (sizeof bytes - MEMLANE_PAGE);
    memcpy(bytes, valid, sizeof bytes);
    memcpy(bytes + start, input + 1, size - 1 < sizeof bytes - start ? size - 1 : sizeof bytes - start);
    require(memlane_platform_write_at(object, 0, bytes, sizeof bytes) == 0, "cannot lay the bytes down");
    memlane_map *map = open_map(false);
    if (map != NULL) {
        memlane_map_statistics statistics;
        lock_once(map, false);
        lock_once(map, true);
        memlane_map_statistics_read(map, &statistics, NULL);
        memlane_map_free(map);
    }
    return 0;
}
