#define _GNU_SOURCE
#include "../check.h"
#include "guarded.h"
#include "victim_objects.h"

enum { SIZE = 3000 };

static memlane_map *map;

void victim_close_map(void) {
    if (map != NULL) {
        guarded_begin(CLOSE, SYSTEM_NS);
        memlane_map_free(map);
        map = NULL;
        guarded_end(MEMLANE_OK);
    }
}

/* What cannot be opened is made anew. */
static bool open_map(void) {
    memlane_error error;
    memlane_map_options options;
    if (map != NULL) {
        return true;
    }
    memlane_map_options_initialise(&options);
    options.object.directory = guarded_directory();
    options.object.participants = PARTICIPANTS;
    options.size = SIZE;
    guarded_begin(OPEN, SYSTEM_NS);
    if (guarded_end(memlane_map_open(&map, "pages", NAME_LENGTH, &options, &error)) == MEMLANE_OK) {
        return true;
    }
    map = NULL;
    guarded_remove("pages");
    return false;
}

static void read_all(void) {
    guarded_touch(memlane_map_bytes(map), memlane_map_size(map));
}

static void write_all(void) {
    memset(memlane_map_bytes(map), (int)guarded_draw(256), (size_t)memlane_map_size(map));
}

/* -- one operation: all of it inside a lock, or a question ---------------------------------------------------------- */

typedef memlane_status acquisition(memlane_map *map, memlane_map_lock *lock, uint64_t deadline_ns,
                                   memlane_error *error);

static memlane_status use_inside(acquisition *acquire, void (*use)(void), memlane_error *error) {
    memlane_map_lock lock;
    uint64_t deadline = guarded_begin(LOCK, PATIENCE_NS);
    memlane_status status = guarded_end(acquire(map, &lock, deadline, error));
    if (status != MEMLANE_OK) {
        return status;
    }
    use();
    guarded_begin(UNLOCK, 0);
    return guarded_end(memlane_map_unlock(&lock, error));
}

static memlane_status ask_for_statistics(memlane_error *error) {
    memlane_map_statistics statistics;
    guarded_begin(STATISTICS, 0);
    return guarded_end(memlane_map_statistics_read(map, &statistics, error));
}

static memlane_status check(memlane_error *error) {
    guarded_begin(READ, 0);
    return guarded_end(memlane_map_check(map, error));
}

static memlane_status use_one(memlane_error *error) {
    switch (guarded_draw(8)) {
    case 0:
        return ask_for_statistics(error);
    case 1:
        return check(error);
    case 2:
    case 3:
    case 4:
        return use_inside(memlane_map_lock_write, write_all, error);
    default:
        return use_inside(memlane_map_lock_read, read_all, error);
    }
}

void victim_use_map(void) {
    memlane_error error;
    bool is_lost = false;
    if (!open_map()) {
        return;
    }
    memlane_status status = use_one(&error);
    guarded_note_loss(status, &error, &is_lost);
    if (is_lost || status == MEMLANE_OWNERSHIP_LOST || guarded_draw(200) == 0) {
        victim_close_map();
    } else if (status == MEMLANE_CORRUPTED && guarded_draw(50) == 0) {
        victim_close_map(); /* as the channel: what contradicts itself stays so */
        guarded_remove("pages");
    }
}
