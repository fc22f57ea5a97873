/* Maps in the namespace directory of the running test. */
#ifndef MEMLANE_TESTS_MAP_ENDPOINT_H
#define MEMLANE_TESTS_MAP_ENDPOINT_H

#include "check.h"

enum { MAP_SIZE = 5000 };

/* Two words that only the lock keeps equal. */
struct guarded {
    uint64_t first, second;
};

static CHECK_UNUSED memlane_map_options map_options(uint64_t size) {
    memlane_map_options options;
    memlane_map_options_initialise(&options);
    options.object.directory = check_directory;
    options.size = size;
    return options;
}

static CHECK_UNUSED memlane_map *map_open_with(const memlane_map_options *options) {
    memlane_map *map = NULL;
    memlane_error error;
    CHECK_OK(memlane_map_open(&map, "map", 3, options, &error), &error);
    return map;
}

static CHECK_UNUSED memlane_map *map_open(void) {
    memlane_map_options options = map_options(MAP_SIZE);
    return map_open_with(&options);
}

static CHECK_UNUSED struct guarded *map_guarded(memlane_map *map) {
    return memlane_map_bytes(map);
}

static CHECK_UNUSED void map_unlink(void) {
    memlane_error error;
    CHECK_OK(memlane_unlink(check_directory, "map", 3, 0600, -1, &error), &error);
}

static CHECK_UNUSED void map_lock_read(memlane_map *map, memlane_map_lock *lock) {
    memlane_error error;
    CHECK_OK(memlane_map_lock_read(map, lock, check_in_ms(30000), &error), &error);
}

static CHECK_UNUSED void map_lock_write(memlane_map *map, memlane_map_lock *lock) {
    memlane_error error;
    CHECK_OK(memlane_map_lock_write(map, lock, check_in_ms(30000), &error), &error);
}

static CHECK_UNUSED void map_unlock(memlane_map_lock *lock) {
    memlane_error error;
    CHECK_OK(memlane_map_unlock(lock, &error), &error);
}

#endif
