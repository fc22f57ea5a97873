#include "removal.h"

#include "failure.h"
#include "fork.h"
#include "header.h"
#include "participant.h"

#include <errno.h>
#include <string.h>

enum { DIRECTORY_LOCK_PATIENCE_NS = 100000000, DIRECTORY_LOCK_CHUNK_NS = 1000000 };

/* Whoever removes a name holds the directory's advisory lock, so that between looking whose name it is and removing
 * it nobody removes it first and a third one creates it anew. Only so long: a stopped holder must not stop others. */
static bool lock_directory(const struct memlane_directory *directory) {
    uint64_t deadline = memlane_platform_monotonic_ns() + DIRECTORY_LOCK_PATIENCE_NS;
    for (;;) {
        bool locked = false;
        if (memlane_platform_lock_directory(directory->descriptor, &locked) != 0 || locked) {
            return locked;
        }
        if (memlane_platform_monotonic_ns() >= deadline) {
            return false;
        }
        memlane_platform_sleep_ns(DIRECTORY_LOCK_CHUNK_NS);
    }
}

bool memlane_removal_name_leads_to(const struct memlane_directory *directory, const char *file, uint64_t device,
                                   uint64_t inode) {
    struct memlane_file_status found;
    return memlane_platform_describe_name(directory->descriptor, file, &found) == 0 && found.device == device &&
           found.inode == inode;
}

static memlane_status explain_unlink(const char *name, const char *directory, int failure, memlane_error *error) {
    switch (failure) {
    case ENOENT:
        return memlane_fail(error, MEMLANE_NOT_FOUND, "there is no object '%s' in '%s' to unlink", name, directory);
    case EACCES:
    case EPERM:
    case EROFS:
        return memlane_fail(error, MEMLANE_ACCESS_DENIED,
                            "this user may not unlink '%s' in '%s' (%s): its owner can, or whoever owns the directory",
                            name, directory, strerror(failure));
    default:
        return memlane_fail_system(error, failure, "cannot unlink '%s' in '%s'", name, directory);
    }
}

memlane_status memlane_removal_unlink(const char *path, const struct memlane_object_name *name,
                                      const struct memlane_sharing *sharing, memlane_error *error) {
    struct memlane_directory directory;
    memlane_fork_hold();
    memlane_status status = memlane_directory_find(&directory, path, sharing, error);
    if (status == MEMLANE_OK) {
        lock_directory(&directory); /* without it as well: whatever has this name is to go */
        int failure = memlane_platform_unlink(directory.descriptor, name->file);
        if (failure != 0) {
            status = explain_unlink(name->text, directory.path, failure, error);
        }
        memlane_directory_close(&directory);
    }
    memlane_fork_release();
    return status;
}

/* D57: an ephemeral channel stays while there are bytes in it, for the next reader. Nobody lives who could move the
 * cursors, and what the dead moved last came before their byte locks went. */
static bool holds_bytes(const struct memlane_segment *segment) {
    const struct memlane_ring_control *ring = (const void *)(segment->base + segment->header.body_offset);
    return segment->header.kind == MEMLANE_KIND_CHANNEL &&
           segment->header.body_offset <= segment->size - sizeof *ring &&
           memlane_load_acquire(&ring->head) != memlane_load_acquire(&ring->tail); /* B2 */
}

/* Whether nobody has the segment open, and nobody is finding that out at this moment. */
static bool is_abandoned(const struct memlane_segment *segment, int descriptor) {
    uint64_t count = segment->header.participants_count;
    if (memlane_platform_lock_bytes(descriptor, MEMLANE_LOCK_BASE, count) != 0) {
        return false;
    }
    memlane_platform_unlock_bytes(descriptor, MEMLANE_LOCK_BASE, count);
    return true;
}

static bool remove_under_lock(const struct memlane_segment *segment, int descriptor,
                              const struct memlane_directory *directory) {
    uint64_t count = segment->header.participants_count;
    if (memlane_platform_lock_bytes(descriptor, MEMLANE_LOCK_BASE, count) != 0) {
        return false;
    }
    /* We hold every byte: nobody can attach until we let go, and then sees that the file has no name any more. */
    bool removed = memlane_participant_none_lives(segment) && !holds_bytes(segment) &&
                   memlane_removal_name_leads_to(directory, segment->name.file, segment->device, segment->inode) &&
                   memlane_platform_unlink(directory->descriptor, segment->name.file) == 0;
    memlane_platform_unlock_bytes(descriptor, MEMLANE_LOCK_BASE, count);
    return removed;
}

bool memlane_removal_of_abandoned(const struct memlane_segment *segment, int descriptor,
                                  const struct memlane_directory *directory) {
    /* The directory's lock comes before all the bytes: newcomers have the patience for a look and an unlink, and would
     * take a longer hold of every byte for a crowd. Of two whose looks collide one saw nobody, and goes on. */
    if (!is_abandoned(segment, descriptor) || !lock_directory(directory)) {
        return false;
    }
    bool removed = remove_under_lock(segment, descriptor, directory);
    /* Not with the descriptor: opening goes on to reserve a new object, which may take longer than others wait. */
    memlane_platform_unlock_directory(directory->descriptor);
    return removed;
}

/* -- collecting -------------------------------------------------------------------------------------------- */

struct collection {
    const struct memlane_directory *directory;
    uint32_t removed;
};

/* Opens and maps just enough of an object of any kind to see whether it is ephemeral, and whose it is. */
static bool examine(struct memlane_segment *segment, const struct memlane_directory *directory) {
    struct memlane_file_status file;
    void *address;
    if (memlane_platform_open_file(directory->descriptor, segment->name.file, &segment->descriptor) != 0) {
        return false;
    }
    bool candidate = memlane_platform_describe(segment->descriptor, &file) == 0 && file.type == MEMLANE_FILE_REGULAR &&
                     file.user == memlane_platform_effective_user() &&
                     memlane_platform_read_at(segment->descriptor, 0, &segment->header, sizeof segment->header) == 0 &&
                     memlane_header_is_sound(&segment->header, file.size) &&
                     (segment->header.flags & MEMLANE_FLAG_EPHEMERAL) != 0 &&
                     memlane_platform_map(segment->descriptor, (size_t)file.size, true, &address) == 0;
    if (candidate) {
        segment->device = file.device;
        segment->inode = file.inode;
        segment->base = address;
        segment->size = (size_t)file.size;
        segment->guard = memlane_trap_guard(address, segment->size, true);
    }
    return candidate;
}

static bool visit(const char *file, void *argument) {
    struct collection *collection = argument;
    struct memlane_segment segment = {.descriptor = -1, .guard = MEMLANE_TRAP_NONE};
    if (!memlane_object_name_from_file(&segment.name, file)) {
        return true;
    }
    if (examine(&segment, collection->directory)) {
        collection->removed += memlane_removal_of_abandoned(&segment, segment.descriptor, collection->directory);
        memlane_trap_release(segment.guard);
        memlane_platform_unmap(segment.base, segment.size);
    }
    if (segment.descriptor >= 0) {
        memlane_platform_close(segment.descriptor);
    }
    return true;
}

memlane_status memlane_removal_collect(const char *path, const struct memlane_sharing *sharing, uint32_t *removed,
                                       memlane_error *error) {
    struct memlane_directory directory;
    struct collection collection = {.directory = &directory};
    memlane_fork_hold();
    memlane_status status = memlane_trap_install(error);
    if (status == MEMLANE_OK) {
        status = memlane_directory_find(&directory, path, sharing, error);
    }
    if (status == MEMLANE_OK) {
        int failure = memlane_platform_list(directory.descriptor, visit, &collection);
        status = failure == 0 ? MEMLANE_OK : memlane_fail_system(error, failure, "cannot list '%s'", directory.path);
        memlane_directory_close(&directory);
    }
    memlane_fork_release();
    *removed = collection.removed;
    return status == MEMLANE_NOT_FOUND ? MEMLANE_OK : status; /* without a directory there is nothing to remove */
}
