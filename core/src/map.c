#include "endpoint.h"
#include "failure.h"
#include "gate.h"
#include "kinds.h"
#include "participant.h"
#include "statistics.h"

#include <memlane/map.h>

#include <inttypes.h>
#include <string.h>

struct memlane_map {
    struct memlane_endpoint endpoint;
    struct memlane_gate gate;
    uint64_t offset; /* of the bytes, in the file */
    uint64_t size;
    bool (*give_up)(void *argument);
    void *argument;
    memlane_atomic32 second_guard; /* of a binding's mapping, plus one; 0: none */
};

/* What a caller keeps for us is private to gate.c. */
_Static_assert(sizeof(struct memlane_gate_pass) <= sizeof((memlane_map_lock *)NULL)->place,
               "the public struct has room for a pass");
_Static_assert(_Alignof(struct memlane_gate_pass) <= _Alignof(uint64_t), "and holds it aligned");
_Static_assert(MEMLANE_GATE_READ + 0 == MEMLANE_MAP_READING + 0 && MEMLANE_GATE_WRITE + 0 == MEMLANE_MAP_WRITING + 0,
               "one meaning");

/* -- the kind --------------------------------------------------------------------------------------------------- */

uint64_t memlane_map_lock_area(uint32_t participants) {
    return (memlane_rwlock_size(participants) + MEMLANE_PAGE - 1) / MEMLANE_PAGE * MEMLANE_PAGE;
}

static uint64_t body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants) {
    uint64_t size = geometry[MEMLANE_MAP_SIZE];
    return size < 1 || size > MEMLANE_MAP_SIZE_MAXIMUM ? 0 : memlane_map_lock_area(participants) + size;
}

static void clean(struct memlane_segment *segment, uint32_t index) {
    struct memlane_rwlock lock;
    memlane_rwlock_locate(&lock, segment);
    memlane_rwlock_clean(&lock, index);
}

static void adopt(struct memlane_segment *segment) {
    memlane_map *map = segment->owner;
    if (map != NULL) { /* else opened by a thread that the child does not have */
        memlane_gate_forget(&map->gate);
    }
}

const struct memlane_kind memlane_kind_of_maps = {
    .code = MEMLANE_KIND_MAP,
    .body_size = body_size,
    .clean = clean,
    .inherit = memlane_endpoint_inherit_nothing, /* D11: locks stay with the parent */
    .adopt = adopt,
    .next_view = memlane_endpoint_no_view,
};

/* -- opening and closing ---------------------------------------------------------------------------------------- */

void memlane_map_options_initialise(memlane_map_options *options) {
    *options = (memlane_map_options){.size = MEMLANE_ANY};
    memlane_object_options_initialise(&options->object);
}

static memlane_status agree(const struct memlane_request *request, const struct memlane_header *found,
                            const void *schema, memlane_error *error) {
    (void)schema; /* a map has none */
    const memlane_map_options *options = request->argument;
    const struct memlane_term terms[] = {
        {"size", options->size, found->geometry[MEMLANE_MAP_SIZE], MEMLANE_SIZE_MISMATCH},
    };
    return memlane_endpoint_agree(request, &options->object, found, terms, sizeof terms / sizeof *terms, error);
}

static memlane_status check_size(const memlane_map_options *options, const char *name, memlane_error *error) {
    if (options->size == MEMLANE_ANY && !options->object.create) {
        return MEMLANE_OK;
    }
    if (options->size == MEMLANE_ANY) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "map '%s': a new map needs a size; to open one that exists, whatever its size, ask for "
                            "create=False",
                            name);
    }
    return options->size >= 1 && options->size <= MEMLANE_MAP_SIZE_MAXIMUM
               ? MEMLANE_OK
               : memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                              "map '%s': size=%" PRIu64 " is not between 1 and %" PRIu64 " bytes", name, options->size,
                              MEMLANE_MAP_SIZE_MAXIMUM);
}

static memlane_status make_request(struct memlane_request *request, const char *name, size_t length,
                                   const memlane_map_options *options, memlane_error *error) {
    memlane_status status = memlane_endpoint_request(request, &memlane_kind_of_maps, name, length, &options->object,
                                                     MEMLANE_DEFAULT_MAP_PARTICIPANTS, error);
    if (status == MEMLANE_OK) {
        status = check_size(options, request->name.text, error);
    }
    request->geometry[MEMLANE_MAP_SIZE] = options->size;
    request->agree = agree;
    request->argument = (void *)(uintptr_t)options;
    return status;
}

static void bind(memlane_map *map) {
    struct memlane_segment *segment = &map->endpoint.segment;
    memlane_rwlock_locate(&map->gate.lock, segment);
    map->offset = segment->header.body_offset + memlane_map_lock_area(segment->header.participants_count);
    map->size = segment->header.geometry[MEMLANE_MAP_SIZE];
    /* A map is a file to those who write to descriptors (ndarray.tofile, subprocess): an eventfd would swallow it. */
    map->endpoint.watch.only_ends = true;
    memlane_mutex_lock(&segment->mutex); /* a fork in another thread finds the owner with all that belongs to it */
    segment->owner = map;
    memlane_mutex_unlock(&segment->mutex);
}

memlane_status memlane_map_open(memlane_map **map, const char *name, size_t length, const memlane_map_options *options,
                                memlane_error *error) {
    struct memlane_request request;
    memlane_status status = make_request(&request, name, length, options, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    struct memlane_endpoint *opened;
    status = memlane_endpoint_open(&opened, sizeof(memlane_map), &request, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    *map = (memlane_map *)(void *)opened;
    bind(*map);
    return MEMLANE_OK;
}

void memlane_map_close(memlane_map *map) {
    memlane_endpoint_close(&map->endpoint);
}

bool memlane_map_is_closed(const memlane_map *map) {
    return memlane_endpoint_is_closing(&map->endpoint);
}

void memlane_map_free(memlane_map *map) {
    memlane_endpoint_free(map == NULL ? NULL : &map->endpoint);
}

memlane_endpoint *memlane_map_endpoint(memlane_map *map) {
    return &map->endpoint;
}

void *memlane_map_bytes(memlane_map *map) {
    return map->endpoint.segment.base + map->offset;
}

uint64_t memlane_map_size(const memlane_map *map) {
    return map->size;
}

/* -- the lock --------------------------------------------------------------------------------------------------- */

static struct memlane_gate_pass *pass_of(memlane_map_lock *lock) {
    return (struct memlane_gate_pass *)(void *)lock->place;
}

static memlane_status explain_timeout(memlane_map *map, enum memlane_gate_mode mode, memlane_error *error) {
    char holders[600] = "another thread or task of this process";
    if (!memlane_gate_is_taken(&map->gate)) {
        memlane_rwlock_describe(&map->gate.lock, holders, sizeof holders);
    }
    return memlane_fail(error, MEMLANE_TIMEOUT,
                        "map '%s': its %s lock did not become free in time; it is held by %s: wait longer (timeout=), "
                        "or continue or end who holds it",
                        map->endpoint.segment.name.text, mode == MEMLANE_GATE_READ ? "read" : "write", holders);
}

static memlane_status explain_lock(memlane_map *map, enum memlane_gate_mode mode, memlane_status status,
                                   memlane_error *error) {
    const char *name = map->endpoint.segment.name.text;
    switch (status) {
    case MEMLANE_TIMEOUT:
        return explain_timeout(map, mode, error);
    case MEMLANE_ALREADY_LOCKED:
        return memlane_fail(error, status,
                            "map '%s': this thread holds a lock of this endpoint already, and would wait for itself: "
                            "locks do not nest, and a read lock does not become a write lock; give it back first",
                            name);
    case MEMLANE_INTERRUPTED:
        return memlane_fail(error, status, "map '%s': a signal ended the wait for its lock", name);
    case MEMLANE_CLOSED:
        return memlane_endpoint_explain_closed(&map->endpoint, error);
    default:
        return status;
    }
}

static void count_lock(const memlane_map *map, enum memlane_gate_mode mode, bool recovered) {
    const struct memlane_segment *segment = &map->endpoint.segment;
    memlane_statistics_add(segment, mode == MEMLANE_GATE_READ ? MEMLANE_COUNTER_READS : MEMLANE_COUNTER_WRITES, 1);
    if (recovered) {
        memlane_statistics_add(segment, MEMLANE_COUNTER_RECOVERED, 1);
    }
}

static memlane_status take_lock(memlane_map *map, memlane_map_lock *lock, enum memlane_gate_mode mode,
                                enum memlane_gate_owner owner, const struct memlane_limit *limit,
                                memlane_error *error) {
    lock->map = NULL;
    memlane_status status = memlane_endpoint_enter(&map->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = memlane_gate_enter(&map->gate, pass_of(lock), mode, owner, limit);
    if (status != MEMLANE_OK && status != MEMLANE_OWNER_DIED) {
        return memlane_endpoint_finish(&map->endpoint, explain_lock(map, mode, status, error), error);
    }
    lock->map = map;
    lock->recovered = status == MEMLANE_OWNER_DIED;
    lock->fence = mode == MEMLANE_GATE_WRITE ? pass_of(lock)->token : 0;
    count_lock(map, mode, lock->recovered);
    memlane_endpoint_stay(&map->endpoint); /* the lock is a user */
    return MEMLANE_OK;
}

static memlane_status take_for_thread(memlane_map *map, memlane_map_lock *lock, enum memlane_gate_mode mode,
                                      uint64_t deadline_ns, memlane_error *error) {
    const struct memlane_limit limit = {.deadline_ns = deadline_ns, .give_up = map->give_up, .argument = map->argument};
    return take_lock(map, lock, mode, MEMLANE_GATE_THREAD, &limit, error);
}

memlane_status memlane_map_lock_read(memlane_map *map, memlane_map_lock *lock, uint64_t deadline_ns,
                                     memlane_error *error) {
    return take_for_thread(map, lock, MEMLANE_GATE_READ, deadline_ns, error);
}

memlane_status memlane_map_lock_write(memlane_map *map, memlane_map_lock *lock, uint64_t deadline_ns,
                                      memlane_error *error) {
    return take_for_thread(map, lock, MEMLANE_GATE_WRITE, deadline_ns, error);
}

memlane_status memlane_map_lock_for_nobody(memlane_map *map, memlane_map_lock *lock, int mode, uint64_t deadline_ns,
                                           bool (*give_up)(void *argument), void *argument, memlane_error *error) {
    const struct memlane_limit limit = {.deadline_ns = deadline_ns, .give_up = give_up, .argument = argument};
    if (mode != MEMLANE_MAP_READING && mode != MEMLANE_MAP_WRITING) {
        lock->map = NULL;
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "map '%s': mode %d is neither MEMLANE_MAP_READING nor MEMLANE_MAP_WRITING",
                            map->endpoint.segment.name.text, mode);
    }
    return take_lock(map, lock, (enum memlane_gate_mode)mode, MEMLANE_GATE_NOBODY, &limit, error);
}

memlane_status memlane_map_unlock(memlane_map_lock *lock, memlane_error *error) {
    memlane_map *map = lock->map;
    if (map == NULL) {
        return memlane_fail(error, MEMLANE_NOT_LOCKED, "this lock is not held: it was given back, or never taken");
    }
    lock->map = NULL;
    memlane_status status = memlane_gate_leave(&map->gate, pass_of(lock));
    if (status == MEMLANE_OWNERSHIP_LOST) {
        memlane_explain(error, status,
                        "map '%s': this lock is not this process's any more (it was taken before a fork, or the "
                        "process had been taken for dead): others may have written meanwhile; lock again and check "
                        "what is there",
                        map->endpoint.segment.name.text);
    }
    return memlane_endpoint_depart(&map->endpoint, status, error);
}

int memlane_map_mode(memlane_map *map) {
    if (memlane_endpoint_enter(&map->endpoint, NULL) != MEMLANE_OK) {
        return 0;
    }
    int mode = memlane_gate_mode_here(&map->gate);
    memlane_endpoint_leave(&map->endpoint);
    return mode;
}

void memlane_map_ask_while_waiting(memlane_map *map, bool (*give_up)(void *argument), void *argument) {
    map->give_up = give_up;
    map->argument = argument;
}

/* -- the bytes mapped once more ----------------------------------------------------------------------------------- */

static memlane_status second_description(const memlane_map *map, int *descriptor, memlane_error *error) {
    const struct memlane_segment *segment = &map->endpoint.segment;
    if (!memlane_participant_descriptor_is_ours(segment, segment->descriptor)) {
        return memlane_fail(
            error, MEMLANE_OWNERSHIP_LOST,
            "map '%s': another part of this program closed its descriptor (os.closerange, daemonisation): open it anew",
            segment->name.text);
    }
    int failure = memlane_platform_reopen(segment->descriptor, descriptor);
    return failure == 0 ? MEMLANE_OK
                        : memlane_fail_system(error, failure, "map '%s': no second descriptor", segment->name.text);
}

memlane_status memlane_map_descriptor(memlane_map *map, int *descriptor, uint64_t *offset, memlane_error *error) {
    memlane_status status = memlane_endpoint_enter(&map->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    *offset = map->offset;
    return memlane_endpoint_finish(&map->endpoint, second_description(map, descriptor, error), error);
}

static int second_guard(const memlane_map *map) {
    return (int)memlane_load32_acquire(&map->second_guard) - 1; /* pairs with the exchange in guard */
}

void memlane_map_guard(memlane_map *map, void *address, size_t size) {
    uint32_t guard = (uint32_t)(memlane_trap_guard(address, size, true) + 1);
    memlane_exchange32_seq_cst(&map->second_guard, guard);
}

void memlane_map_unguard(memlane_map *map) {
    memlane_trap_release((int)memlane_exchange32_seq_cst(&map->second_guard, 0) - 1);
}

memlane_status memlane_map_check(memlane_map *map, memlane_error *error) {
    memlane_status status = memlane_endpoint_enter(&map->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (memlane_trap_sprung(second_guard(map))) {
        memlane_segment_explain_loss(&map->endpoint.segment, error);
        status = MEMLANE_CORRUPTED;
    }
    return memlane_endpoint_finish(&map->endpoint, status, error);
}

/* -- what it is and was ----------------------------------------------------------------------------------------- */

void memlane_map_describe(const memlane_map *map, memlane_map_properties *properties) {
    const struct memlane_header *header = &map->endpoint.segment.header;
    *properties = (memlane_map_properties){
        .size = map->size,
        .participants = header->participants_count,
        .ephemeral = (header->flags & MEMLANE_FLAG_EPHEMERAL) != 0,
        .name = map->endpoint.segment.name.text,
        .directory = map->endpoint.segment.directory,
    };
    memcpy(properties->uuid, header->uuid, sizeof properties->uuid);
}

memlane_status memlane_map_statistics_read(memlane_map *map, memlane_map_statistics *statistics, memlane_error *error) {
    uint64_t sum[MEMLANE_COUNTERS];
    memlane_status status = memlane_endpoint_enter(&map->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_statistics_sum(&map->endpoint.segment, sum);
    *statistics = (memlane_map_statistics){
        .write_locks = sum[MEMLANE_COUNTER_WRITES],
        .read_locks = sum[MEMLANE_COUNTER_READS],
        .recovered = sum[MEMLANE_COUNTER_RECOVERED],
        .live_participants = memlane_participant_survey(&map->endpoint.segment, NULL, 0),
        .is_current = memlane_segment_is_current(&map->endpoint.segment),
    };
    return memlane_endpoint_finish(&map->endpoint, MEMLANE_OK, error);
}

bool memlane_map_is_current(memlane_map *map) {
    return memlane_endpoint_is_current(&map->endpoint);
}
