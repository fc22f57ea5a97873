#include "endpoint.h"
#include "failure.h"
#include "fork.h"
#include "lock.h"

#include <memlane/sync.h>

#include <string.h>

/* Edge of this file:
 *   HOLDER  fence (store, note_holder) -> fence (load, holds): the holder's thread was stored for this acquisition. */

#define MAGIC UINT64_C(0x007865746d6c6d00) /* "\0mlmtex" in memory */

enum { PLACES = MEMLANE_PARTICIPANTS_MAXIMUM, RECURSIVE = 1, DEPTH_MAXIMUM = 1 << 30 };

/* One mutex, in memory that is not ours: anybody may change any byte at any time, so each word is looked at once and
 * means something only together with the lock word.
 *
 * magic, uuid, flags: written by memlane_sync_initialise(), cleared by memlane_sync_destroy(). lock: see layout.h.
 * holder, fence, depth: written by whoever holds the lock. They belong to the present holder only where its tag is in the
 * lock word and the word's count in `fence`; what a dead holder left there fits no later count. */
struct sync_record {
    uint64_t magic;
    unsigned char uuid[16]; /* of the namespace's `.participants`; zeros: of one process alone */
    struct memlane_lock_word lock;
    memlane_atomic64 holder; /* a thread of the holder's process, or another owner in it */
    memlane_atomic32 fence;  /* the lock's count at the acquisition */
    memlane_atomic32 depth;  /* how often it was taken by that owner */
    uint32_t flags;
    uint32_t reserved[3];
};
_Static_assert(sizeof(struct sync_record) == MEMLANE_SYNC_SIZE, "the size of a mutex is part of the interface");
MEMLANE_ASSERT_OFFSET(sync_record, uuid, 8);
MEMLANE_ASSERT_OFFSET(sync_record, lock, 24);
MEMLANE_ASSERT_OFFSET(sync_record, holder, 32);
MEMLANE_ASSERT_OFFSET(sync_record, fence, 40);
MEMLANE_ASSERT_OFFSET(sync_record, depth, 44);
MEMLANE_ASSERT_OFFSET(sync_record, flags, 48);

struct memlane_sync {
    struct memlane_endpoint endpoint;
};

/* -- the table of participants --------------------------------------------------------------------------------- */

/* Its body holds nothing: what an index owns lies in memory that this object does not know. So nothing is cleaned; a
 * waiter finds the owner dead by its generation. */
static uint64_t body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants) {
    (void)geometry;
    (void)participants;
    return MEMLANE_LINE;
}

static void clean(struct memlane_segment *segment, uint32_t index) {
    (void)segment;
    (void)index;
}

static void adopt(struct memlane_segment *segment) {
    (void)segment;
}

static const struct memlane_kind participants_kind = {
    .code = MEMLANE_KIND_PARTICIPANTS,
    .body_size = body_size,
    .clean = clean,
    .inherit = memlane_endpoint_inherit_nothing, /* a forked child holds nothing */
    .adopt = adopt,
    .next_view = memlane_endpoint_no_view,
};

memlane_status memlane_sync_open(memlane_sync **sync, const char *directory, memlane_error *error) {
    /* The name begins with a dot: no user can ask for it, and no listing of objects shows it. */
    const struct memlane_request request = {
        .kind = &participants_kind,
        .name = {.text = ".participants", .file = ".participants"},
        .directory = directory,
        .sharing = {.permissions = 0600, .peer_user = -1},
        .participants = PLACES,
        .create = true,
    };
    struct memlane_endpoint *opened;
    memlane_status status = memlane_endpoint_open(&opened, sizeof(memlane_sync), &request, error);
    if (status == MEMLANE_OK) {
        *sync = (memlane_sync *)(void *)opened;
    }
    return status;
}

void memlane_sync_free(memlane_sync *sync) {
    memlane_endpoint_free(sync == NULL ? NULL : &sync->endpoint);
}

/* -- mutexes of one process ------------------------------------------------------------------------------------ */

/* Stands for a table in which nobody lives but this process, under a tag that no forked child has. */
static struct memlane_segment solitary = {.descriptor = -1, .guard = MEMLANE_TRAP_NONE};

static void become_another(void) {
    solitary.tag = memlane_tag(0, memlane_tag_generation(solitary.tag) + 1);
}

MEMLANE_AT_LOAD(3) static void prepare_solitary(void) {
    memlane_fork_register(NULL, NULL, become_another);
    solitary.tag = memlane_tag(0, 1);
    memlane_store32_relaxed(&solitary.attached, 1); /* relaxed: before any thread comes here */
}

/* -- entering -------------------------------------------------------------------------------------------------- */

static struct memlane_segment *segment_of(memlane_sync *sync) {
    return sync == NULL ? &solitary : &sync->endpoint.segment;
}

static memlane_status enter(memlane_sync *sync, memlane_error *error) {
    return sync == NULL ? memlane_fork_check(error) : memlane_endpoint_enter(&sync->endpoint, error);
}

static memlane_status finish(memlane_sync *sync, memlane_status status, memlane_error *error) {
    return sync == NULL ? status : memlane_endpoint_finish(&sync->endpoint, status, error);
}

static memlane_status explain_uninitialised(memlane_error *error) {
    return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                        "these %d bytes are no mutex, or one of another namespace or process: initialise them once, "
                        "where they are made, and use them under the same MEMLANE_DIR",
                        MEMLANE_SYNC_SIZE);
}

static bool is_mutex_of(const memlane_sync *sync, const struct sync_record *record) {
    static const unsigned char nobody[sizeof record->uuid];
    const unsigned char *uuid = sync == NULL ? nobody : sync->endpoint.segment.header.uuid;
    return record->magic == MAGIC && memcmp(record->uuid, uuid, sizeof record->uuid) == 0;
}

static memlane_status begin(memlane_sync *sync, const struct sync_record *record, memlane_error *error) {
    memlane_status status = enter(sync, error);
    if (status == MEMLANE_OK && !is_mutex_of(sync, record)) {
        status = finish(sync, explain_uninitialised(error), error);
    }
    return status;
}

/* -- holding --------------------------------------------------------------------------------------------------- */

/* Whether the owner holds the mutex, and its count then. Nobody else stores its mark under our tag. */
static bool holds(const struct memlane_segment *segment, const struct sync_record *record, uint64_t owner,
                  uint32_t *token) {
    uint64_t word = memlane_load_relaxed(&record->lock.word); /* relaxed: what we wrote we see */
    *token = (uint32_t)(word >> 32);
    return (word & MEMLANE_LOCK_TAG) == segment->tag && memlane_load32_acquire(&record->fence) == *token && /* HOLDER */
           memlane_load_relaxed(&record->holder) == owner;
}

static void note_holder(struct sync_record *record, uint64_t owner, uint32_t token) {
    memlane_store_relaxed(&record->holder, owner); /* relaxed, both: HOLDER */
    memlane_store32_relaxed(&record->depth, 1);
    memlane_store32_release(&record->fence, token); /* HOLDER */
}

static memlane_status take_again(struct sync_record *record, memlane_error *error) {
    uint32_t depth = memlane_load32_relaxed(&record->depth); /* relaxed: the owner's own */
    if ((record->flags & RECURSIVE) == 0 || depth >= DEPTH_MAXIMUM) {
        return memlane_fail(error, MEMLANE_WOULD_DEADLOCK,
                            "this thread holds the mutex already and would wait for itself: release it first, or "
                            "initialise it as a recursive one");
    }
    memlane_store32_relaxed(&record->depth, depth + 1);
    return MEMLANE_OK;
}

static memlane_status explain_acquire(memlane_status status, memlane_error *error) {
    switch (status) {
    case MEMLANE_TIMEOUT:
        return memlane_fail(error, status, "another thread or process held the mutex until the time was over");
    case MEMLANE_INTERRUPTED:
        return memlane_fail(error, status, "a signal ended the wait for the mutex");
    default:
        return status;
    }
}

/* What follows an acquisition of the lock word. Somebody may have destroyed the mutex while we waited. */
static memlane_status settle(memlane_sync *sync, struct sync_record *record, uint64_t owner, memlane_status status,
                             uint32_t token, bool *recovered, memlane_error *error) {
    if (status != MEMLANE_OK && status != MEMLANE_OWNER_DIED) {
        return explain_acquire(status, error);
    }
    if (!is_mutex_of(sync, record)) {
        memlane_lock_release(segment_of(sync), &record->lock, token);
        return explain_uninitialised(error);
    }
    note_holder(record, owner, token);
    *recovered = status == MEMLANE_OWNER_DIED;
    return MEMLANE_OK;
}

memlane_status memlane_sync_acquire_as(memlane_sync *sync, void *memory, uint64_t owner, uint64_t deadline_ns,
                                       bool *recovered, memlane_error *error) {
    struct sync_record *record = memory;
    struct memlane_segment *segment = segment_of(sync);
    uint32_t token;
    *recovered = false;
    memlane_status status = begin(sync, record, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (holds(segment, record, owner, &token)) {
        return finish(sync, take_again(record, error), error);
    }
    status = memlane_lock_acquire(segment, &record->lock, deadline_ns, &token);
    return finish(sync, settle(sync, record, owner, status, token, recovered, error), error);
}

memlane_status memlane_sync_acquire(memlane_sync *sync, void *memory, uint64_t deadline_ns, bool *recovered,
                                    memlane_error *error) {
    return memlane_sync_acquire_as(sync, memory, memlane_platform_thread_mark(), deadline_ns, recovered, error);
}

memlane_status memlane_sync_try(memlane_sync *sync, void *memory, bool *recovered, memlane_error *error) {
    struct sync_record *record = memory;
    struct memlane_segment *segment = segment_of(sync);
    uint64_t owner = memlane_platform_thread_mark();
    uint32_t token;
    *recovered = false;
    memlane_status status = begin(sync, record, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (holds(segment, record, owner, &token)) {
        return finish(sync, take_again(record, error), error);
    }
    status = memlane_lock_try(segment, &record->lock, &token);
    return finish(sync, settle(sync, record, owner, status, token, recovered, error), error);
}

memlane_status memlane_sync_release_as(memlane_sync *sync, void *memory, uint64_t owner, memlane_error *error) {
    struct sync_record *record = memory;
    struct memlane_segment *segment = segment_of(sync);
    uint32_t token;
    memlane_status status = begin(sync, record, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (!holds(segment, record, owner, &token)) {
        status = memlane_fail(error, MEMLANE_OWNERSHIP_LOST,
                              "this thread does not hold the mutex: only who acquired it releases it, and a forked "
                              "child holds nothing");
        return finish(sync, status, error);
    }
    uint32_t depth = memlane_load32_relaxed(&record->depth); /* relaxed: the owner's own */
    if (depth > 1) {
        memlane_store32_relaxed(&record->depth, depth - 1);
    } else {
        memlane_store_relaxed(&record->holder, 0); /* relaxed: before the release of the word */
        status = memlane_lock_release(segment, &record->lock, token);
    }
    return finish(sync, status, error);
}

memlane_status memlane_sync_release(memlane_sync *sync, void *memory, memlane_error *error) {
    return memlane_sync_release_as(sync, memory, memlane_platform_thread_mark(), error);
}

/* -- making and unmaking --------------------------------------------------------------------------------------- */

memlane_status memlane_sync_initialise(memlane_sync *sync, void *memory, bool recursive, memlane_error *error) {
    struct sync_record *record = memory;
    memlane_status status = enter(sync, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memset(record, 0, sizeof *record);
    if (sync != NULL) {
        memcpy(record->uuid, sync->endpoint.segment.header.uuid, sizeof record->uuid);
    }
    record->flags = recursive ? RECURSIVE : 0;
    memlane_fence_release(); /* whoever finds the magic finds the rest; nobody uses the memory before we return */
    record->magic = MAGIC;
    return finish(sync, MEMLANE_OK, error);
}

memlane_status memlane_sync_destroy(memlane_sync *sync, void *memory, memlane_error *error) {
    struct sync_record *record = memory;
    struct memlane_segment *segment = segment_of(sync);
    uint32_t token;
    memlane_status status = begin(sync, record, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = holds(segment, record, memlane_platform_thread_mark(), &token)
                 ? MEMLANE_TIMEOUT
                 : memlane_lock_acquire(segment, &record->lock, 0, &token);
    if (status == MEMLANE_OK || status == MEMLANE_OWNER_DIED) {
        record->magic = 0;
        status = memlane_lock_release(segment, &record->lock, token); /* whoever waits finds that it is gone */
    } else if (status == MEMLANE_TIMEOUT) {
        status = memlane_fail(error, status, "the mutex is held: release it before it is destroyed");
    }
    return finish(sync, status, error);
}
