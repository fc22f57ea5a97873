/* A kind of object that is nothing but locks, each with a counter that it guards: no public object has a lock yet. */
#ifndef MEMLANE_TESTS_LOCK_OBJECT_H
#define MEMLANE_TESTS_LOCK_OBJECT_H

#include "check.h"

#include "lock.h"
#include "names.h"
#include "segment.h"

enum { LOCKS = 8 };

struct lock_object {
    struct {
        struct memlane_lock_word lock;
        uint64_t guarded; /* plain: only the lock protects it */
        unsigned char line[48];
    } place[LOCKS];
};

static struct lock_object *lock_object_of(const struct memlane_segment *segment) {
    return (struct lock_object *)(void *)(segment->base + segment->header.body_offset);
}

static uint64_t lock_object_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants) {
    (void)geometry;
    (void)participants;
    return sizeof(struct lock_object);
}

static void lock_object_clean(struct memlane_segment *segment, uint32_t index) {
    for (int i = 0; i < LOCKS; i++) {
        memlane_lock_clean(&lock_object_of(segment)->place[i].lock, index);
    }
}

static void lock_object_inherit(struct memlane_segment *segment, uint32_t fresh_index) {
    (void)segment;
    (void)fresh_index;
}

static void lock_object_adopt(struct memlane_segment *segment) {
    (void)segment;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type of a kind */
static bool lock_object_next_view(struct memlane_segment *segment, uint32_t *cursor, uint64_t *offset, uint64_t *size) {
    (void)segment;
    (void)cursor;
    (void)offset;
    (void)size;
    return false;
}

static const struct memlane_kind lock_object_kind = {
    .code = MEMLANE_KIND_MAP,
    .body_size = lock_object_size,
    .clean = lock_object_clean,
    .inherit = lock_object_inherit,
    .adopt = lock_object_adopt,
    .next_view = lock_object_next_view,
};

/* Opens or creates it under the name "locks" in the directory of the running test. */
static memlane_status lock_object_try_open(struct memlane_segment *segment, uint32_t participants,
                                           memlane_error *error) {
    struct memlane_request request = {
        .kind = &lock_object_kind,
        .directory = check_directory,
        .sharing = {.permissions = 0600, .peer_user = -1},
        .participants = participants,
        .create = true,
    };
    memlane_status status = memlane_object_name_parse(&request.name, "locks", 5, error);
    return status == MEMLANE_OK ? memlane_segment_open(segment, &request, error) : status;
}

static CHECK_UNUSED struct lock_object *lock_object_open(struct memlane_segment *segment, uint32_t participants) {
    memlane_error error;
    CHECK_OK(lock_object_try_open(segment, participants, &error), &error);
    return lock_object_of(segment);
}

static CHECK_UNUSED void lock_object_close(struct memlane_segment *segment) {
    memlane_segment_close(segment);
    free(segment->directory);
}

#endif
