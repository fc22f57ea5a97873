#include "storage.h"

#include "failure.h"
#include "header.h"
#include "participant.h"

#include <errno.h>
#include <inttypes.h>

uint64_t memlane_storage_fixed_size(const struct memlane_segment *segment) {
    const struct memlane_header *header = &segment->header;
    return segment->kind->fixed_size == NULL
               ? header->total_size
               : header->body_offset + segment->kind->fixed_size(header->geometry, header->participants_count);
}

memlane_status memlane_storage_reserve(struct memlane_segment *segment, uint64_t offset, uint64_t size,
                                       const char *purpose, memlane_error *error) {
    if (!memlane_participant_descriptor_is_ours(segment, segment->descriptor)) {
        return memlane_segment_explain_lost_descriptor(segment, error);
    }
    int failure = memlane_platform_reserve_range(segment->descriptor, offset, size);
    if (failure == 0) {
        return MEMLANE_OK;
    }
    if (failure != ENOSPC) {
        return memlane_fail_system(error, failure, "cannot reserve %" PRIu64 " bytes for %s of '%s'", size, purpose,
                                   segment->name.text);
    }
    uint64_t available = 0;
    memlane_platform_free_space(segment->descriptor, &available); /* 0 when it cannot be told */
    memlane_explain(
        error, MEMLANE_NO_SPACE,
        "no space for %s of %s '%s': %" PRIu64 " bytes are needed, %" PRIu64
        " are free in '%s'; ask for less, remove what nobody needs (memlane gc, memlane.unlink), or enlarge "
        "the file system (mount -o remount,size=..., docker run --shm-size=...)",
        purpose, memlane_kind_name(segment->header.kind), segment->name.text, size, available, segment->directory);
    if (error != NULL) {
        error->system_error = ENOSPC;
    }
    return MEMLANE_NO_SPACE;
}

void memlane_storage_give_back(struct memlane_segment *segment, uint64_t offset, uint64_t size) {
    if (memlane_participant_descriptor_is_ours(segment, segment->descriptor)) {
        memlane_platform_punch(segment->descriptor, offset,
                               size); /* else the storage stays, for the next who uses it */
    }
}

memlane_status memlane_storage_explain_shortage(const struct memlane_segment *segment,
                                                const struct memlane_directory *directory, int failure,
                                                memlane_error *error) {
    uint64_t available = 0;
    if (failure == EFBIG) {
        return memlane_fail_system(error, failure,
                                   "'%s' takes a file of %" PRIu64
                                   " bytes: ask for less, or raise the limit of file sizes (ulimit -f)",
                                   segment->name.text, segment->header.total_size);
    }
    if (failure != ENOSPC) {
        return memlane_fail_system(error, failure, "cannot reserve %" PRIu64 " bytes for '%s' in '%s'",
                                   segment->header.total_size, segment->name.text, directory->path);
    }
    if (memlane_platform_free_space(directory->descriptor, &available) != 0) {
        available = 0;
    }
    memlane_explain(
        error, MEMLANE_NO_SPACE,
        "no space for %s '%s': %" PRIu64 " bytes are needed, %" PRIu64
        " are free in '%s'; ask for less (slots= and max_size= multiply), remove what nobody needs (memlane gc, "
        "memlane.unlink), or enlarge the file system (mount -o remount,size=..., docker run --shm-size=...)",
        memlane_kind_name(segment->header.kind), segment->name.text, memlane_storage_fixed_size(segment), available,
        directory->path);
    if (error != NULL) {
        error->system_error = ENOSPC;
    }
    return MEMLANE_NO_SPACE;
}

memlane_status memlane_storage_check(const struct memlane_segment *segment, const struct memlane_directory *directory,
                                     const struct memlane_file_status *file, memlane_error *error) {
    uint64_t fixed = memlane_storage_fixed_size(segment);
    if (file->allocated >= fixed) {
        return MEMLANE_OK;
    }
    int failure = memlane_platform_reserve(segment->descriptor, fixed);
    return failure == 0 ? MEMLANE_OK : memlane_storage_explain_shortage(segment, directory, failure, error);
}
