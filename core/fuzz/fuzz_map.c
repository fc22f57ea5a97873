/* Hostile words in the lock area of a map: whatever they say, every call answers by its deadline.
 *
 * The input lies over participants, statistics and the lock area of a valid object, and then the public API works on it.
 * Its first byte says where it begins, in lines of 64 bytes. */
#define _GNU_SOURCE
#include "hostile_file.h"

#include <memlane/memlane.h>

enum { PLACES = 4, SIZE = 64 };

static memlane_map *open_map(bool create) {
    memlane_map_options asked;
    memlane_map *map = NULL;
    memlane_map_options_initialise(&asked);
    asked.object.directory = hostile_directory;
    asked.object.participants = PLACES;
    asked.object.create = create;
    asked.size = SIZE;
    memlane_map_open(&map, "map", 3, &asked, NULL);
    return map;
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count;
    (void)arguments;
    hostile_make_directory("map");
    memlane_map *map = open_map(true);
    require(map != NULL, "cannot create the object");
    memlane_map_free(map);
    hostile_keep();
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
    hostile_overlay(MEMLANE_PAGE + (size_t)input[0] * MEMLANE_LINE % (hostile_size - MEMLANE_PAGE), input + 1, size - 1,
                    NULL);
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
