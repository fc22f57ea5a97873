#include "fork.h"

#include "failure.h"
#include "mutant.h"
#include "participant.h"
#include "trap.h"

#include <string.h>

static memlane_mutex registry_mutex = MEMLANE_MUTEX_INITIAL;
static struct memlane_segment *registry; /* all open segments of this process; under registry_mutex */
static int registering_failed;           /* written at load; 0: all handlers are registered */

void memlane_fork_hold(void) {
    memlane_mutex_lock(&registry_mutex);
}

void memlane_fork_release(void) {
    memlane_mutex_unlock(&registry_mutex);
}

/* For a child that cannot have an index: the bytes of its views, before anybody else may take their slots. */
static void *copy_views(struct memlane_segment *segment) {
    void *copy = NULL;
    uint64_t offset, size;
    for (uint32_t cursor = 0; segment->kind->next_view(segment, &cursor, &offset, &size);) {
        if (copy == NULL && memlane_platform_allocate_pages(segment->size, &copy) != 0) {
            return NULL; /* the child's views then read the shared bytes, unprotected: there is no memory for better */
        }
        memcpy((char *)copy + offset, segment->base + offset, (size_t)size); /* lies within segment->size */
    }
    return copy;
}

static void prepare_segment(struct memlane_segment *segment) {
    struct memlane_inheritance *inheritance = &segment->inheritance;
    *inheritance = (struct memlane_inheritance){.descriptor = -1};
    memlane_mutex_lock(&segment->mutex); /* the child starts with whole tables of pins; released in both */
    if (!memlane_participant_descriptor_is_ours(segment, segment->descriptor) ||
        memlane_platform_reopen(segment->descriptor, &inheritance->descriptor) != 0) {
        inheritance->descriptor = -1;
        inheritance->copy = copy_views(segment);
        return;
    }
    memlane_participant_notice_loss(segment, inheritance->descriptor); /* the child closes what is ours */
    if (memlane_participant_attach(segment, inheritance->descriptor, &inheritance->index) == MEMLANE_OK) {
        segment->kind->inherit(segment, inheritance->index);
        return;
    }
    /* The description stays: with it the child can attach later, when somebody has left. */
    inheritance->index = UINT32_MAX;
    inheritance->copy = copy_views(segment);
}

static void prepare(void) {
    memlane_mutex_lock(&registry_mutex);
    for (struct memlane_segment *segment = registry; segment != NULL; segment = segment->next) {
        prepare_segment(segment);
    }
}

static void parent_segment(struct memlane_segment *segment) {
    struct memlane_inheritance *inheritance = &segment->inheritance;
    if (inheritance->descriptor >= 0) {
        memlane_platform_close(inheritance->descriptor); /* the child holds it, and its lock */
    }
    if (inheritance->copy != NULL) {
        memlane_platform_unmap(inheritance->copy, segment->size);
    }
    memlane_mutex_unlock(&segment->mutex);
}

static void parent(void) {
    for (struct memlane_segment *segment = registry; segment != NULL; segment = segment->next) {
        parent_segment(segment);
    }
    memlane_mutex_unlock(&registry_mutex);
}

/* The views of this child keep their addresses; behind them is private memory now. New views map the file again. A
 * grandchild without an index that has views of both kinds keeps the older mapping to its end. */
static void keep_private_views(struct memlane_segment *segment) {
    void *place = (void *)(uintptr_t)segment->view_base;
    if (place == NULL) {
        memlane_platform_unmap(segment->inheritance.copy, segment->size); /* all views are private already */
    } else if (memlane_platform_move_read_only(segment->inheritance.copy, segment->size, place) == 0) {
        memlane_trap_release(memlane_segment_view_guard(segment));
        memlane_store32_relaxed(&segment->view_guard, 0); /* relaxed: the child has one thread */
        segment->inherited_views = place;
        segment->view_base = NULL;
    }
}

/* Only async-signal-safe calls: other threads of the parent may have held any lock. */
static void child_segment(struct memlane_segment *segment) {
    struct memlane_inheritance *inheritance = &segment->inheritance;
    if (!MEMLANE_MUTANT(LOCK_BY_DUPLICATE) && memlane_participant_descriptor_is_ours(segment, segment->descriptor)) {
        memlane_platform_close(segment->descriptor); /* else a dead parent would look alive as long as we live */
    }
    segment->descriptor = inheritance->descriptor;
    memlane_store32_relaxed(&segment->attached, 0); /* relaxed: the child has one thread */
    segment->tag = MEMLANE_NO_TAG; /* what the parent took under its own, a loan or a call, is not the child's to end */
    if (inheritance->descriptor >= 0 && inheritance->index != UINT32_MAX) {
        memlane_participant_adopt(segment, inheritance->index);
        memlane_participant_introduce(segment);
    } else if (inheritance->copy != NULL) {
        keep_private_views(segment);
    }
    segment->kind->adopt(segment);
    if (segment->forget_operations !=
        NULL) { /* else opened by a thread that the child does not have, or no endpoint's */
        segment->forget_operations(segment);
    }
    memlane_mutex_unlock(&segment->mutex);
}

static void child(void) {
    for (struct memlane_segment *segment = registry; segment != NULL; segment = segment->next) {
        child_segment(segment);
    }
    memlane_mutex_unlock(&registry_mutex);
}

void memlane_fork_register(void (*before)(void), void (*in_parent)(void), void (*in_child)(void)) {
    int failure = memlane_platform_at_fork(before, in_parent, in_child);
    registering_failed = registering_failed != 0 ? registering_failed : failure;
}

MEMLANE_AT_LOAD(1) static void register_handlers(void) {
    memlane_fork_register(prepare, parent, child);
}

memlane_status memlane_fork_check(memlane_error *error) {
    return registering_failed == 0
               ? MEMLANE_OK
               : memlane_fail_system(error, registering_failed, "the handlers of fork() could not be registered");
}

void memlane_fork_watch(struct memlane_segment *segment) {
    segment->previous = NULL;
    segment->next = registry;
    if (registry != NULL) {
        registry->previous = segment;
    }
    registry = segment;
}

void memlane_fork_forget(struct memlane_segment *segment) {
    if (segment->previous != NULL) {
        segment->previous->next = segment->next;
    } else {
        registry = segment->next;
    }
    if (segment->next != NULL) {
        segment->next->previous = segment->previous;
    }
}
