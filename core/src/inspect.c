#include "inspection.h"

#include "failure.h"
#include "header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -- the kind ---------------------------------------------------------------------------------------------- */

static const struct memlane_kind *kind_of(uint32_t code) {
    switch (code) {
    case MEMLANE_KIND_VARIABLE:
        return &memlane_kind_of_variables.base;
    case MEMLANE_KIND_CHANNEL:
        return &memlane_kind_of_channels;
    case MEMLANE_KIND_FUNCTION:
        return &memlane_kind_of_functions;
    case MEMLANE_KIND_MAP:
        return &memlane_kind_of_maps;
    case MEMLANE_KIND_SHARE:
        return &memlane_kind_of_shares.base;
    case MEMLANE_KIND_BUFFER:
        return &memlane_kind_of_buffers;
    default:
        return NULL;
    }
}

/* The kind has checked that its parts lie within the mapping. */
static void locate(memlane_inspection *inspection) {
    struct memlane_segment *segment = &inspection->segment;
    switch (segment->header.kind) {
    case MEMLANE_KIND_CHANNEL:
        memlane_ring_locate(&inspection->ring, segment);
        break;
    case MEMLANE_KIND_FUNCTION:
        memlane_lanes_locate(&inspection->lanes, segment);
        break;
    case MEMLANE_KIND_MAP:
        memlane_rwlock_locate(&inspection->rwlock, segment);
        inspection->lock = &inspection->rwlock.control->writer;
        break;
    default:
        inspection->has_register = true;
        memlane_register_locate(&inspection->reg, segment);
        memlane_taking_locate(&inspection->taking, &inspection->reg);
        inspection->lock = segment->header.kind == MEMLANE_KIND_BUFFER ? memlane_buffer_lock(segment) : NULL;
    }
}

/* -- opening ----------------------------------------------------------------------------------------------- */

static memlane_status explain_open(const memlane_inspection *inspection, const struct memlane_directory *directory,
                                   int failure, memlane_error *error) {
    const char *name = inspection->segment.name.text;
    switch (failure) {
    case ENOENT:
        return memlane_fail(error, MEMLANE_NOT_FOUND, "there is no object '%s' in '%s'", name, directory->path);
    case ELOOP:
    case ENXIO:
        return memlane_fail(error, MEMLANE_UNSAFE_NAMESPACE,
                            "'%s' in '%s' is a symbolic link or a device, not an object: somebody put it there; "
                            "remove it",
                            name, directory->path);
    case EACCES:
    case EPERM:
        return memlane_fail(error, MEMLANE_ACCESS_DENIED,
                            "this user may not read '%s' in '%s' (%s): its creator can share it by mode=, or look as "
                            "its owner or root",
                            name, directory->path, strerror(failure));
    default:
        return memlane_fail_system(error, failure, "cannot open '%s' in '%s'", name, directory->path);
    }
}

static memlane_status check_file(memlane_inspection *inspection, memlane_error *error) {
    struct memlane_segment *segment = &inspection->segment;
    struct memlane_file_status *file = &inspection->file;
    int failure = memlane_platform_describe(segment->descriptor, file);
    if (failure != 0) {
        return memlane_fail_system(error, failure, "cannot examine the file of '%s'", segment->name.text);
    }
    if (file->type != MEMLANE_FILE_REGULAR) {
        return memlane_fail(error, MEMLANE_UNSAFE_NAMESPACE,
                            "'%s' is a directory or a device, not an object: somebody put it there; remove it",
                            segment->name.text);
    }
    if (file->size < sizeof segment->header) {
        return memlane_fail(error, MEMLANE_CORRUPTED,
                            "'%s': its file holds %" PRIu64
                            " bytes and a header takes %zu: it was truncated, or is not "
                            "memlane's; end the programs that use it and remove it (memlane rm, memlane.unlink)",
                            segment->name.text, file->size, sizeof segment->header);
    }
    segment->device = file->device;
    segment->inode = file->inode;
    failure = memlane_platform_read_at(segment->descriptor, 0, &segment->header, sizeof segment->header);
    return failure == 0 ? MEMLANE_OK
                        : memlane_fail_system(error, failure, "cannot read the header of '%s'", segment->name.text);
}

static memlane_status check_header(memlane_inspection *inspection, memlane_error *error) {
    struct memlane_segment *segment = &inspection->segment;
    const struct memlane_kind *kind = kind_of(segment->header.kind);
    /* Of an unknown kind all is checked that can be: as if it were a variable. */
    struct memlane_request request = {.kind = kind == NULL ? kind_of(MEMLANE_KIND_VARIABLE) : kind};
    request.name = segment->name;
    segment->kind = request.kind;
    memlane_status status = memlane_header_check(&segment->header, &request, inspection->file.size, error);
    if (status == MEMLANE_KIND_MISMATCH) {
        return memlane_fail(error, MEMLANE_LAYOUT_MISMATCH,
                            "'%s' is of a kind (%" PRIu32 ") that this memlane does not know: look with the version "
                            "that made it",
                            segment->name.text, segment->header.kind);
    }
    return status;
}

static memlane_status keep_schema(memlane_inspection *inspection, memlane_error *error) {
    struct memlane_segment *segment = &inspection->segment;
    uint32_t length = segment->header.schema_length;
    memlane_status status = memlane_segment_keep_schema(
        segment, "end the programs that use it and remove it (memlane rm, memlane.unlink)", error);
    if (status != MEMLANE_OK || length == 0) {
        return status;
    }
    switch (segment->header.kind) {
    case MEMLANE_KIND_VARIABLE:
    case MEMLANE_KIND_SHARE:
        return memlane_schema_decode(&inspection->format, segment->schema, length, segment->name.text, error);
    case MEMLANE_KIND_FUNCTION:
        return memlane_signature_decode(segment, &inspection->format, &inspection->result_format, error);
    default:
        return MEMLANE_OK;
    }
}

static memlane_status map(memlane_inspection *inspection, memlane_error *error) {
    struct memlane_segment *segment = &inspection->segment;
    void *address;
    segment->size = (size_t)segment->header.total_size;
    int failure = memlane_platform_map(segment->descriptor, segment->size, false, &address);
    if (failure != 0) {
        return memlane_fail_system(error, failure, "cannot map the %zu bytes of '%s'", segment->size,
                                   segment->name.text);
    }
    segment->base = address;
    segment->guard = memlane_trap_guard(address, segment->size, false);
    locate(inspection);
    return MEMLANE_OK;
}

static memlane_status open_in(memlane_inspection *inspection, const struct memlane_directory *directory,
                              memlane_error *error) {
    struct memlane_segment *segment = &inspection->segment;
    int failure = memlane_platform_open_file_to_read(directory->descriptor, segment->name.file, &segment->descriptor);
    if (failure != 0) {
        return explain_open(inspection, directory, failure, error);
    }
    memlane_status status = check_file(inspection, error);
    if (status == MEMLANE_OK) {
        status = check_header(inspection, error);
    }
    if (status == MEMLANE_OK) {
        status = keep_schema(inspection, error);
    }
    return status == MEMLANE_OK ? map(inspection, error) : status;
}

/* The descriptor stays: whether a participant lives is asked through it. It carries no byte lock, so that a forked child
 * that inherits it makes nobody look alive. */
memlane_status memlane_inspect_open(memlane_inspection **inspection, const char *directory, const char *name,
                                    size_t length, memlane_error *error) {
    struct memlane_directory opened;
    memlane_inspection *made = calloc(1, sizeof *made);
    *inspection = NULL;
    if (made == NULL) {
        return memlane_fail(error, MEMLANE_NO_MEMORY, "no memory to look at an object");
    }
    made->segment.descriptor = -1;
    made->segment.guard = MEMLANE_TRAP_NONE;
    memlane_status status = memlane_object_name_parse(&made->segment.name, name, length, error);
    if (status == MEMLANE_OK) {
        status = memlane_trap_install(error);
    }
    if (status == MEMLANE_OK) {
        status = memlane_directory_look(&opened, directory, error);
    }
    if (status == MEMLANE_OK) {
        status = open_in(made, &opened, error);
        memlane_directory_close(&opened);
    }
    if (status != MEMLANE_OK) {
        memlane_inspect_close(made);
        return status;
    }
    *inspection = made;
    return MEMLANE_OK;
}

void memlane_inspect_close(memlane_inspection *inspection) {
    if (inspection == NULL) {
        return;
    }
    if (inspection->segment.base != NULL) {
        memlane_trap_release(inspection->segment.guard);
        memlane_platform_unmap(inspection->segment.base, inspection->segment.size);
    }
    if (inspection->segment.descriptor >= 0) {
        memlane_platform_close(inspection->segment.descriptor);
    }
    memlane_format_free(inspection->format);
    memlane_format_free(inspection->result_format);
    free(inspection->segment.schema);
    free(inspection);
}

memlane_status memlane_inspection_finish(const memlane_inspection *inspection, memlane_error *error) {
    if (!memlane_segment_is_lost(&inspection->segment)) {
        return MEMLANE_OK;
    }
    memlane_segment_explain_loss(&inspection->segment, error);
    return MEMLANE_CORRUPTED;
}

memlane_status memlane_inspection_explain_damage(const memlane_inspection *inspection, memlane_error *error) {
    return memlane_fail(error, MEMLANE_CORRUPTED,
                        "'%s': its words contradict each other: another program wrote there; end the programs that use "
                        "it and remove it (memlane rm, memlane.unlink)",
                        inspection->segment.name.text);
}

/* -- what lies beside it ------------------------------------------------------------------------------------- */

const void *memlane_inspect_schema(const memlane_inspection *inspection, size_t *length) {
    *length = inspection->segment.header.schema_length;
    return inspection->segment.schema;
}

const memlane_format *memlane_inspect_format(const memlane_inspection *inspection) {
    return inspection->format;
}

const memlane_format *memlane_inspect_result_format(const memlane_inspection *inspection) {
    return inspection->result_format;
}

struct listing {
    bool (*visit)(const char *name, void *argument);
    void *argument;
};

/* Files that no name encodes to are not ours, and what begins with a dot is nobody's object (D45). */
static bool visit_file(const char *file, void *argument) {
    const struct listing *listing = argument;
    struct memlane_object_name name;
    return !memlane_object_name_from_file(&name, file) || listing->visit(name.text, listing->argument);
}

memlane_status memlane_inspect_names(const char *directory, bool (*visit)(const char *name, void *argument),
                                     void *argument, memlane_error *error) {
    struct memlane_directory opened;
    struct listing listing = {.visit = visit, .argument = argument};
    memlane_status status = memlane_directory_look(&opened, directory, error);
    if (status == MEMLANE_OK) {
        int failure = memlane_platform_list(opened.descriptor, visit_file, &listing);
        status = failure == 0 ? MEMLANE_OK : memlane_fail_system(error, failure, "cannot list '%s'", opened.path);
        memlane_directory_close(&opened);
    }
    return status;
}
