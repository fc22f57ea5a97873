#include "segment.h"

#include "checksum.h"
#include "failure.h"
#include "fork.h"
#include "header.h"
#include "mapping.h"
#include "participant.h"
#include "removal.h"
#include "storage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRIES = 100,                  /* openings of a name that others remove and make anew all the time */
    BUSY_PATIENCE_NS = 100000000, /* D10: somebody who removes an object holds all bytes only for moments */
    BUSY_CHUNK_NS = 200000
};

static const char CURE[] = "remove it with memlane.unlink()"; /* a damaged schema */

static void clear_handles(struct memlane_segment *segment) {
    segment->descriptor = -1;
    segment->guard = MEMLANE_TRAP_NONE;
    memlane_store32_relaxed(&segment->view_guard, 0); /* relaxed: nobody else knows the segment yet */
}

/* Undoes an attempt, whatever it had reached. */
static void discard(struct memlane_segment *segment) {
    memlane_mapping_end(segment);
    if (segment->descriptor >= 0) {
        memlane_platform_close(segment->descriptor);
    }
    free(segment->schema);
    segment->schema = NULL;
    clear_handles(segment);
}

static memlane_status explain_crowd(const struct memlane_segment *segment, memlane_error *error) {
    char who[512];
    uint32_t live = memlane_participant_survey(segment, who, sizeof who);
    return memlane_fail(error, MEMLANE_TOO_MANY_PARTICIPANTS,
                        "%s '%s' has places for %" PRIu32 " open endpoints and %" PRIu32
                        " are taken (%s): close some, or remove it "
                        "and create it with more (max_participants=, at most %d)",
                        memlane_kind_name(segment->header.kind), segment->name.text, segment->header.participants_count,
                        live, who, MEMLANE_PARTICIPANTS_MAXIMUM);
}

static bool has_no_name(int descriptor) {
    struct memlane_file_status found;
    return memlane_platform_describe(descriptor, &found) == 0 && found.links == 0;
}

static memlane_status attach(struct memlane_segment *segment, memlane_error *error) {
    uint64_t deadline = memlane_platform_monotonic_ns() + BUSY_PATIENCE_NS;
    uint32_t index;
    memlane_status status;
    while ((status = memlane_participant_attach(segment, segment->descriptor, &index)) ==
           MEMLANE_TOO_MANY_PARTICIPANTS) {
        if (has_no_name(segment->descriptor)) {
            return MEMLANE_REMOVED;
        }
        if (memlane_platform_monotonic_ns() >= deadline) {
            return explain_crowd(segment, error);
        }
        memlane_platform_sleep_ns(BUSY_CHUNK_NS);
    }
    if (status != MEMLANE_OK) {
        return memlane_fail_system(error, ENOLCK, "cannot lock a byte of '%s'", segment->name.text);
    }
    memlane_participant_adopt(segment, index);
    memlane_participant_introduce(segment);
    return MEMLANE_OK;
}

static void identify(struct memlane_segment *segment, const struct memlane_file_status *file) {
    segment->device = file->device;
    segment->inode = file->inode;
}

/* -- creating ------------------------------------------------------------------------------------------ */

static memlane_status write_contents(struct memlane_segment *segment, const struct memlane_request *request,
                                     memlane_error *error) {
    int failure = memlane_platform_write_at(segment->descriptor, 0, &segment->header, sizeof segment->header);
    if (failure == 0) {
        failure = memlane_platform_write_at(segment->descriptor, MEMLANE_PAGE, request->schema, request->schema_length);
    }
    return failure == 0 ? MEMLANE_OK
                        : memlane_fail_system(error, failure, "cannot write the header of '%s'", segment->name.text);
}

/* The segment is whole and we are attached to it before anybody can see it. */
static memlane_status create_unpublished(struct memlane_segment *segment, const struct memlane_request *request,
                                         const struct memlane_directory *directory, memlane_error *error) {
    struct memlane_file_status file;
    memlane_status status = memlane_header_fill(&segment->header, request, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    int failure =
        memlane_platform_create_unnamed(directory->descriptor, request->sharing.permissions, &segment->descriptor);
    if (failure == EACCES || failure == EPERM || failure == EROFS) {
        return memlane_directory_explain_denial(directory, failure, error);
    }
    if (failure == ENOSPC) {
        return memlane_directory_explain_full(directory, error);
    }
    if (failure != 0) {
        return memlane_fail_system(error, failure, "cannot create a file for '%s' in '%s'", segment->name.text,
                                   directory->path);
    }
    failure = memlane_platform_reserve(segment->descriptor, memlane_storage_fixed_size(segment));
    if (failure == 0 && memlane_storage_fixed_size(segment) < segment->header.total_size) {
        failure = memlane_platform_extend(segment->descriptor, segment->header.total_size);
    }
    if (failure != 0) {
        return memlane_storage_explain_shortage(segment, directory, failure, error);
    }
    failure = memlane_platform_describe(segment->descriptor, &file);
    if (failure != 0) {
        return memlane_fail_system(error, failure, "cannot examine the file of '%s'", segment->name.text);
    }
    identify(segment, &file);
    status = write_contents(segment, request, error);
    if (status == MEMLANE_OK) {
        status = memlane_mapping_make(segment, error);
    }
    return status == MEMLANE_OK ? attach(segment, error) : status;
}

static memlane_status create(struct memlane_segment *segment, const struct memlane_request *request,
                             const struct memlane_directory *directory, memlane_error *error) {
    memlane_status status = create_unpublished(segment, request, directory, error);
    if (status == MEMLANE_OK) {
        status = memlane_segment_keep_schema(segment, CURE, error);
    }
    if (status != MEMLANE_OK) {
        return status;
    }
    int failure = memlane_platform_publish(segment->descriptor, directory->descriptor, segment->name.file);
    if (failure == EEXIST) {
        return MEMLANE_REMOVED; /* another was first: open that one */
    }
    return failure == 0 ? MEMLANE_OK
                        : memlane_fail_system(error, failure, "cannot give the name '%s' to the new object in '%s'",
                                              segment->name.text, directory->path);
}

/* -- opening ------------------------------------------------------------------------------------------- */

static memlane_status explain_missing(const struct memlane_request *request, const struct memlane_directory *directory,
                                      memlane_error *error) {
    if (request->uuid != NULL) {
        return memlane_fail(error, MEMLANE_NOT_FOUND, "%s '%s' in '%s' was removed since this endpoint was made",
                            memlane_kind_name(request->kind->code), request->name.text, directory->path);
    }
    return memlane_fail(
        error, MEMLANE_NOT_FOUND,
        "there is no %s '%s' in '%s' and create=False was asked for: start the program that creates it, or check "
        "MEMLANE_DIR",
        memlane_kind_name(request->kind->code), request->name.text, directory->path);
}

static memlane_status explain_open(const struct memlane_request *request, const struct memlane_directory *directory,
                                   int failure, memlane_error *error) {
    const char *name = request->name.text;
    switch (failure) {
    case ELOOP:
    case ENXIO:
    case EISDIR:
        return memlane_fail(
            error, MEMLANE_UNSAFE_NAMESPACE,
            "'%s' in '%s' is a symbolic link, a directory or a device, not an object: somebody put it there; remove it",
            name, directory->path);
    case EACCES:
    case EPERM:
    case EROFS:
        return memlane_fail(error, MEMLANE_ACCESS_DENIED,
                            "this user may not read and write '%s' in '%s' (%s): its creator can share it by mode=",
                            name, directory->path, strerror(failure));
    case EMFILE:
    case ENFILE:
        return memlane_mapping_explain_descriptors(name, failure, error);
    default:
        return memlane_fail_system(error, failure, "cannot open '%s' in '%s'", name, directory->path);
    }
}

static memlane_status check_file(const struct memlane_request *request, const struct memlane_file_status *file,
                                 memlane_error *error) {
    const char *name = request->name.text;
    uint32_t user = memlane_platform_effective_user();
    if (file->type != MEMLANE_FILE_REGULAR || file->links > 1) {
        return memlane_fail(error, MEMLANE_UNSAFE_NAMESPACE,
                            "'%s' is not a plain file with one name: it is not an object; remove it", name);
    }
    if (file->user != user && (int64_t)file->user != request->sharing.peer_user) {
        return memlane_fail(error, MEMLANE_UNSAFE_NAMESPACE,
                            "'%s' belongs to user %" PRIu32 ", not to user %" PRIu32
                            ": its owner could change it at will; to accept that, open it with peer_uid=%" PRIu32,
                            name, file->user, user, file->user);
    }
    uint32_t excess = file->permissions & 077 & ~request->sharing.permissions;
    if (excess != 0) {
        return memlane_fail(error, MEMLANE_UNSAFE_NAMESPACE,
                            "'%s' has mode %03" PRIo32 ", which lets others in; this endpoint accepts %03" PRIo32
                            ": chmod the file, or open it with mode=0o%03" PRIo32,
                            name, file->permissions, request->sharing.permissions, file->permissions);
    }
    return MEMLANE_OK;
}

static memlane_status read_header(struct memlane_segment *segment, const struct memlane_request *request,
                                  const struct memlane_file_status *file, memlane_error *error) {
    if (file->size < sizeof segment->header) {
        return memlane_fail(
            error, MEMLANE_CORRUPTED,
            "'%s': its file holds %" PRIu64
            " bytes, less than a header: it was truncated, or is not memlane's; remove it with memlane.unlink()",
            request->name.text, file->size);
    }
    int failure = memlane_platform_read_at(segment->descriptor, 0, &segment->header, sizeof segment->header);
    if (failure != 0) {
        return memlane_fail_system(error, failure, "cannot read the header of '%s'", request->name.text);
    }
    return memlane_header_check(&segment->header, request, file->size, error);
}

memlane_status memlane_segment_keep_schema(struct memlane_segment *segment, const char *cure, memlane_error *error) {
    uint32_t length = segment->header.schema_length;
    if (length == 0) {
        return MEMLANE_OK;
    }
    segment->schema = malloc(length);
    if (segment->schema == NULL) {
        return memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for the schema of '%s'", segment->name.text);
    }
    int failure = memlane_platform_read_at(segment->descriptor, MEMLANE_PAGE, segment->schema, length);
    if (failure != 0 || memlane_checksum(segment->schema, length) != segment->header.schema_checksum) {
        return memlane_fail(error, MEMLANE_CORRUPTED, "'%s': its schema is damaged; %s", segment->name.text, cure);
    }
    return MEMLANE_OK;
}

static memlane_status check_expectations(const struct memlane_segment *segment, const struct memlane_request *request,
                                         memlane_error *error) {
    if (request->uuid != NULL && memcmp(request->uuid, segment->header.uuid, sizeof segment->header.uuid) != 0) {
        return memlane_fail(
            error, MEMLANE_NOT_FOUND,
            "%s '%s' was re-created since this endpoint was made: another object has its name now; open it anew",
            memlane_kind_name(segment->header.kind), request->name.text);
    }
    return request->agree == NULL ? MEMLANE_OK : request->agree(request, &segment->header, segment->schema, error);
}

static memlane_status examine(struct memlane_segment *segment, const struct memlane_request *request,
                              const struct memlane_directory *directory, memlane_error *error) {
    struct memlane_file_status file;
    int failure = memlane_platform_describe(segment->descriptor, &file);
    if (failure != 0) {
        return memlane_fail_system(error, failure, "cannot examine the file of '%s'", request->name.text);
    }
    if (file.links == 0) {
        return MEMLANE_REMOVED;
    }
    identify(segment, &file);
    memlane_status status = check_file(request, &file, error);
    if (status == MEMLANE_OK) {
        status = read_header(segment, request, &file, error);
    }
    if (status == MEMLANE_OK) {
        status = memlane_storage_check(segment, directory, &file, error);
    }
    return status == MEMLANE_OK ? memlane_segment_keep_schema(segment, CURE, error) : status;
}

static bool is_ephemeral(const struct memlane_segment *segment) {
    return (segment->header.flags & MEMLANE_FLAG_EPHEMERAL) != 0;
}

static memlane_status open_found(struct memlane_segment *segment, const struct memlane_request *request,
                                 const struct memlane_directory *directory, memlane_error *error) {
    memlane_status status = examine(segment, request, directory, error);
    if (status == MEMLANE_OK) {
        status = memlane_mapping_make(segment, error);
    }
    if (status == MEMLANE_OK && is_ephemeral(segment) &&
        memlane_removal_of_abandoned(segment, segment->descriptor, directory)) {
        return MEMLANE_REMOVED; /* its users died without closing: what they left is not for us */
    }
    if (status == MEMLANE_OK) {
        status = check_expectations(segment, request, error);
    }
    if (status == MEMLANE_OK) {
        status = attach(segment, error);
    }
    if (status == MEMLANE_OK && has_no_name(segment->descriptor)) {
        memlane_participant_detach(segment);
        return MEMLANE_REMOVED; /* removed between opening and attaching */
    }
    return status;
}

static bool may_create(const struct memlane_request *request) {
    return request->create && request->uuid == NULL;
}

static memlane_status open_or_create(struct memlane_segment *segment, const struct memlane_request *request,
                                     const struct memlane_directory *directory, memlane_error *error) {
    int failure = memlane_platform_open_file(directory->descriptor, segment->name.file, &segment->descriptor);
    if (failure == 0) {
        return open_found(segment, request, directory, error);
    }
    if (failure != ENOENT) {
        return explain_open(request, directory, failure, error);
    }
    return may_create(request) ? create(segment, request, directory, error)
                               : explain_missing(request, directory, error);
}

static memlane_status open_with_retries(struct memlane_segment *segment, const struct memlane_request *request,
                                        const struct memlane_directory *directory, memlane_error *error) {
    for (int try = 0; try < TRIES; try++) {
        memlane_status status = open_or_create(segment, request, directory, error);
        if (status == MEMLANE_OK) {
            memlane_fork_watch(segment);
            return MEMLANE_OK;
        }
        discard(segment);
        if (status != MEMLANE_REMOVED) {
            return status;
        }
    }
    return memlane_fail(
        error, MEMLANE_TIMEOUT,
        "'%s' was removed and made anew %d times while it was being opened: let one program own its name",
        segment->name.text, TRIES);
}

/* Who only looks for an object makes no directory for it either. */
static memlane_status open_directory(const struct memlane_request *request, struct memlane_directory *directory,
                                     memlane_error *error) {
    if (may_create(request)) {
        return memlane_directory_open(directory, request->directory, &request->sharing, error);
    }
    memlane_status status = memlane_directory_find(directory, request->directory, &request->sharing, error);
    return status == MEMLANE_NOT_FOUND ? explain_missing(request, directory, error) : status;
}

static char *copy_of(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

memlane_status memlane_segment_open(struct memlane_segment *segment, const struct memlane_request *request,
                                    memlane_error *error) {
    struct memlane_directory directory;
    memset(segment, 0, sizeof *segment);
    clear_handles(segment);
    segment->kind = request->kind;
    segment->name = request->name;
    segment->sharing = request->sharing;
    memlane_mutex_initialise(&segment->mutex);
    memlane_fork_hold();
    memlane_status status = memlane_trap_install(error);
    if (status == MEMLANE_OK) {
        status = memlane_fork_check(error);
    }
    if (status == MEMLANE_OK) {
        status = open_directory(request, &directory, error);
    }
    if (status == MEMLANE_OK) {
        segment->directory = copy_of(directory.path);
        status = segment->directory != NULL ? open_with_retries(segment, request, &directory, error)
                                            : memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for a path");
        memlane_directory_close(&directory);
    }
    memlane_fork_release();
    if (status != MEMLANE_OK) {
        free(segment->directory);
        segment->directory = NULL;
        memlane_mutex_destroy(&segment->mutex);
    }
    return status;
}

/* -- while it is open ------------------------------------------------------------------------------------ */

/* A second try at a description of the very same file, for a child whose parent's descriptor was lost. */
static memlane_status reopen_by_name(struct memlane_segment *segment, memlane_error *error) {
    struct memlane_directory directory;
    memlane_status status = memlane_directory_find(&directory, segment->directory, &segment->sharing, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    int descriptor;
    int failure = memlane_platform_open_file(directory.descriptor, segment->name.file, &descriptor);
    memlane_directory_close(&directory);
    if (failure == 0 && memlane_participant_descriptor_is_ours(segment, descriptor)) {
        segment->descriptor = descriptor;
        return MEMLANE_OK;
    }
    if (failure == 0) {
        memlane_platform_close(descriptor);
    }
    return memlane_fail(error, MEMLANE_OWNERSHIP_LOST,
                        "'%s': this forked process has no descriptor of it and cannot open it again: open it anew",
                        segment->name.text);
}

memlane_status memlane_segment_settle(struct memlane_segment *segment, memlane_error *error) {
    memlane_status status = MEMLANE_OK;
    memlane_fork_hold();
    if (!memlane_segment_is_attached(segment)) { /* another thread may have been first */
        if (!memlane_participant_descriptor_is_ours(segment, segment->descriptor)) {
            status = reopen_by_name(segment, error);
        }
        if (status == MEMLANE_OK) {
            status = attach(segment, error);
        }
        if (status == MEMLANE_REMOVED) {
            status =
                explain_crowd(segment, error); /* it lost its name: this endpoint stays with it, and finds no place */
        }
    }
    memlane_fork_release();
    return status;
}

memlane_status memlane_segment_explain_lost_descriptor(const struct memlane_segment *segment, memlane_error *error) {
    return memlane_fail(
        error, MEMLANE_OWNERSHIP_LOST,
        "'%s': another part of this program closed its descriptor (os.closerange, daemonisation): open it anew",
        segment->name.text);
}

void memlane_segment_explain_loss(const struct memlane_segment *segment, memlane_error *error) {
    memlane_explain(
        error, MEMLANE_CORRUPTED,
        "'%s': its file was truncated by another program while it was open: its values are lost; end the programs "
        "that use it, remove it with memlane.unlink(), and open it anew",
        segment->name.text);
}

bool memlane_segment_is_current(const struct memlane_segment *segment) {
    struct memlane_directory directory;
    memlane_fork_hold();
    bool current = memlane_directory_find(&directory, segment->directory, &segment->sharing, NULL) == MEMLANE_OK;
    if (current) {
        current = memlane_removal_name_leads_to(&directory, segment->name.file, segment->device, segment->inode);
        memlane_directory_close(&directory);
    }
    memlane_fork_release();
    return current;
}

bool memlane_segment_is_private(const struct memlane_segment *segment) {
    enum { WRITABLE_BY_OTHERS = 022 };
    struct memlane_file_status file;
    uint32_t user = memlane_platform_effective_user();
    return memlane_platform_describe(segment->descriptor, &file) == 0 && file.device == segment->device &&
           file.inode == segment->inode && (file.permissions & WRITABLE_BY_OTHERS) == 0 &&
           (file.user == user || file.user == 0);
}

/* -- the end --------------------------------------------------------------------------------------------- */

static void remove_if_last(struct memlane_segment *segment) {
    struct memlane_directory directory;
    /* First our own byte, then all of them: of two that close at once, the later one finds nobody. */
    memlane_platform_unlock_bytes(segment->descriptor, MEMLANE_LOCK_BASE + segment->index, 1);
    if (memlane_directory_find(&directory, segment->directory, &segment->sharing, NULL) == MEMLANE_OK) {
        memlane_removal_of_abandoned(segment, segment->descriptor, &directory);
        memlane_directory_close(&directory);
    } /* else: the next open or collection removes it */
}

void memlane_segment_close(struct memlane_segment *segment) {
    memlane_fork_hold();
    memlane_fork_forget(segment);
    memlane_participant_detach(segment);
    if (memlane_participant_descriptor_is_ours(segment, segment->descriptor)) {
        if (is_ephemeral(segment)) {
            remove_if_last(segment);
        }
        memlane_platform_close(segment->descriptor);
    } /* else the number is somebody else's by now (D12) */
    segment->descriptor = -1;
    memlane_fork_release();
    memlane_mapping_end(segment);
    free(segment->schema);
    segment->schema = NULL;
    memlane_mutex_destroy(&segment->mutex);
}
