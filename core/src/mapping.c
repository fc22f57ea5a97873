#include "mapping.h"

#include "failure.h"
#include "participant.h"

#include <errno.h>
#include <string.h>

enum { POPULATE_MAXIMUM = 1 << 28 }; /* bytes; about 50 ms. Larger objects fault in as they are used. Arbitrary */

void memlane_mapping_end(struct memlane_segment *segment) {
    if (segment->base != NULL) {
        memlane_trap_release(segment->guard);
        memlane_platform_unmap(segment->base, segment->size);
    }
    if (segment->view_base != NULL) {
        memlane_trap_release(memlane_segment_view_guard(segment));
        memlane_platform_unmap((void *)(uintptr_t)segment->view_base, segment->size);
    }
    if (segment->inherited_views != NULL) {
        memlane_platform_unmap(segment->inherited_views, segment->size);
    }
    segment->base = NULL;
    segment->view_base = NULL;
    segment->inherited_views = NULL;
}

/* A mapping keeps the open file description that it was made from, and that keeps its byte locks: a forked child
 * inherits our mappings, and would make us look alive after our death. So every mapping is made from a description
 * that never carries a lock, and whose descriptor is closed at once (D13). */
static int map_without_locks(const struct memlane_segment *segment, bool writable, void **address) {
    int second;
    int failure = memlane_platform_reopen(segment->descriptor, &second);
    if (failure == 0) {
        failure = memlane_platform_map(second, segment->size, writable, address);
        memlane_platform_close(second);
    }
    return failure;
}

memlane_status memlane_mapping_explain_descriptors(const char *name, int failure, memlane_error *error) {
    return memlane_fail_system(
        error, failure,
        "no descriptor is left for '%s' (one for each endpoint): close endpoints or raise the limit (ulimit -n)", name);
}

static memlane_status explain_map(const struct memlane_segment *segment, int failure, memlane_error *error) {
    const char *name = segment->name.text;
    switch (failure) {
    case EMFILE:
    case ENFILE:
        return memlane_mapping_explain_descriptors(name, failure, error);
    case EACCES:
    case EPERM:
        return memlane_fail(error, MEMLANE_ACCESS_DENIED,
                            "this user may not open '%s' again, which each mapping takes (%s): let its owner read and "
                            "write by mode=, and make the first view before giving up rights",
                            name, strerror(failure));
    case ENOENT:
        return memlane_fail_system(
            error, failure, "cannot map '%s', since /proc is missing: mount it (mount -t proc proc /proc)", name);
    case ENOMEM:
        return memlane_fail_system(error, failure,
                                   "cannot map the %zu bytes of '%s': close endpoints, or raise the limit of addresses "
                                   "(ulimit -v)",
                                   segment->size, name);
    default:
        return memlane_fail_system(error, failure, "cannot map the %zu bytes of '%s'", segment->size, name);
    }
}

static void populate(const struct memlane_segment *segment, const unsigned char *address) {
    if (segment->kind->populates && segment->size <= POPULATE_MAXIMUM) {
        memlane_platform_populate(address, segment->size);
    }
}

memlane_status memlane_mapping_make(struct memlane_segment *segment, memlane_error *error) {
    void *address;
    segment->size = (size_t)segment->header.total_size;
    int failure = map_without_locks(segment, true, &address);
    if (failure != 0) {
        return explain_map(segment, failure, error);
    }
    segment->base = address;
    segment->guard = memlane_trap_guard(address, segment->size, true);
    populate(segment, segment->base);
    return MEMLANE_OK;
}

memlane_status memlane_mapping_view(struct memlane_segment *segment, memlane_error *error) {
    void *address;
    if (segment->view_base != NULL) {
        return MEMLANE_OK;
    }
    if (!memlane_participant_descriptor_is_ours(segment, segment->descriptor)) {
        return memlane_segment_explain_lost_descriptor(segment, error);
    }
    int failure = map_without_locks(segment, false, &address);
    if (failure != 0) {
        return explain_map(segment, failure, error);
    }
    segment->view_base = address;
    /* relaxed: see memlane_segment_is_lost. */
    memlane_store32_relaxed(&segment->view_guard, (uint32_t)(memlane_trap_guard(address, segment->size, false) + 1));
    populate(segment, segment->view_base);
    return MEMLANE_OK;
}
