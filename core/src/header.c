#include "header.h"

#include "checksum.h"
#include "failure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KNOWN_INCOMPATIBLE_FEATURES = 0 };

#define TOTAL_SIZE_MAXIMUM (UINT64_C(1) << 40) /* the byte locks begin there */

const char *memlane_kind_name(uint32_t code) {
    static const char *const names[] = {
        [MEMLANE_KIND_VARIABLE] = "variable",
        [MEMLANE_KIND_CHANNEL] = "channel",
        [MEMLANE_KIND_FUNCTION] = "function",
        [MEMLANE_KIND_MAP] = "map",
        [MEMLANE_KIND_SHARE] = "share",
        [MEMLANE_KIND_BUFFER] = "buffer",
        [MEMLANE_KIND_PARTICIPANTS] = "table of participants",
    };
    bool known = code < sizeof names / sizeof *names && names[code] != NULL;
    return known ? names[code] : "object of an unknown kind";
}

static uint64_t whole_pages(uint64_t size) {
    return (size + MEMLANE_PAGE - 1) / MEMLANE_PAGE * MEMLANE_PAGE;
}

/* Where the parts lie: a function of what the header says, so that a found header can be recomputed. All inputs are
 * bounded, so that no sum can overflow: 64 KiB, 1,024 x 128 bytes, and a body that its kind has checked. */
static void place(struct memlane_header *header) {
    uint64_t table = (uint64_t)header->participants_count *
                     (sizeof(struct memlane_participant_entry) + sizeof(struct memlane_statistics_line));
    header->participants_offset = (uint32_t)(MEMLANE_PAGE + whole_pages(header->schema_length));
    header->body_offset = whole_pages(header->participants_offset + table);
}

static bool counts_are_possible(const struct memlane_header *header) {
    return header->participants_count >= 1 && header->participants_count <= MEMLANE_PARTICIPANTS_MAXIMUM &&
           header->schema_length <= MEMLANE_SCHEMA_MAXIMUM;
}

memlane_status memlane_header_fill(struct memlane_header *header, const struct memlane_request *request,
                                   memlane_error *error) {
    memset(header, 0, sizeof *header);
    header->magic = MEMLANE_MAGIC;
    header->endian = MEMLANE_ENDIAN;
    header->layout_major = MEMLANE_LAYOUT_MAJOR;
    header->layout_minor = MEMLANE_LAYOUT_MINOR;
    header->kind = request->kind->code;
    header->flags = request->ephemeral ? MEMLANE_FLAG_EPHEMERAL : 0;
    header->participants_count = request->participants;
    header->schema_length = request->schema_length;
    header->schema_checksum = memlane_checksum(request->schema, request->schema_length);
    memcpy(header->geometry, request->geometry, sizeof header->geometry);
    if (!counts_are_possible(header)) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "%s '%s': %" PRIu32 " participants and a schema of %" PRIu32
                            " bytes were asked for; 1 to %d participants and at most %d bytes are possible",
                            memlane_kind_name(header->kind), request->name.text, request->participants,
                            request->schema_length, MEMLANE_PARTICIPANTS_MAXIMUM, MEMLANE_SCHEMA_MAXIMUM);
    }
    place(header);
    uint64_t body = request->kind->body_size(header->geometry, header->participants_count);
    header->total_size = header->body_offset + whole_pages(body);
    if (body == 0 || header->total_size > TOTAL_SIZE_MAXIMUM || header->total_size > SIZE_MAX / 2) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "%s '%s': no object of these sizes is possible: ask for less",
                            memlane_kind_name(header->kind), request->name.text);
    }
    int failure = memlane_platform_random(header->uuid, sizeof header->uuid);
    if (failure != 0) {
        return memlane_fail_system(error, failure, "%s '%s': no random bytes for its identity",
                                   memlane_kind_name(header->kind), request->name.text);
    }
    header->created_monotonic_ns = memlane_platform_monotonic_ns();
    header->created_real_ns = memlane_platform_real_ns();
    memlane_platform_boot_identity(header->boot_identity);
    header->creator_user = memlane_platform_effective_user();
    snprintf(header->name, sizeof header->name, "%s", request->name.text);
    header->checksum = memlane_checksum(header, offsetof(struct memlane_header, checksum));
    return MEMLANE_OK;
}

static const char remedy[] = "end the programs that use it, then remove it with memlane.unlink(), and it is made anew";

static memlane_status check_layout(const struct memlane_header *header, const char *name, memlane_error *error) {
    if (header->magic != MEMLANE_MAGIC) {
        return memlane_fail(
            error, MEMLANE_CORRUPTED,
            "'%s': the file does not begin as memlane's objects do: it was overwritten, or is not memlane's; %s", name,
            remedy);
    }
    if (header->endian != MEMLANE_ENDIAN) {
        return memlane_fail(error, MEMLANE_LAYOUT_MISMATCH,
                            "'%s' was made by a machine of another byte order (mark %#010" PRIx32
                            ", this machine needs %#010" PRIx32 "); %s",
                            name, header->endian, MEMLANE_ENDIAN, remedy);
    }
    if (header->layout_major != MEMLANE_LAYOUT_MAJOR) {
        return memlane_fail(
            error, MEMLANE_LAYOUT_MISMATCH,
            "'%s' has the layout %d.%d of %s version of memlane, this one reads %d.x: use the same version "
            "everywhere, or %s",
            name, header->layout_major, header->layout_minor,
            header->layout_major < MEMLANE_LAYOUT_MAJOR ? "an older" : "a newer", MEMLANE_LAYOUT_MAJOR, remedy);
    }
    return MEMLANE_OK;
}

static memlane_status check_integrity(const struct memlane_header *header, const char *name, memlane_error *error) {
    uint32_t sum = memlane_checksum(header, offsetof(struct memlane_header, checksum));
    if (sum != header->checksum) {
        return memlane_fail(error, MEMLANE_CORRUPTED,
                            "'%s': its header is damaged (checksum %#010" PRIx32 ", stored %#010" PRIx32 "); %s", name,
                            sum, header->checksum, remedy);
    }
    uint32_t unknown = header->incompatible & ~(uint32_t)KNOWN_INCOMPATIBLE_FEATURES;
    if (unknown != 0) {
        return memlane_fail(error, MEMLANE_LAYOUT_MISMATCH,
                            "'%s' uses features of a newer memlane that this one does not know (bits %#" PRIx32
                            "): use the newer version here too, or %s",
                            name, unknown, remedy);
    }
    return MEMLANE_OK;
}

static memlane_status check_sizes(const struct memlane_header *header, const struct memlane_request *request,
                                  uint64_t file_size, memlane_error *error) {
    struct memlane_header expected = *header;
    bool possible = counts_are_possible(header);
    uint64_t body = 0;
    if (possible) {
        place(&expected);
        body = request->kind->body_size(header->geometry, header->participants_count);
        expected.total_size = expected.body_offset + whole_pages(body);
    }
    if (!possible || body == 0 || memcmp(&expected, header, sizeof expected) != 0 ||
        header->total_size > SIZE_MAX / 2) {
        return memlane_fail(error, MEMLANE_CORRUPTED, "'%s': the sizes in its header contradict each other; %s",
                            request->name.text, remedy);
    }
    if (file_size != header->total_size) {
        return memlane_fail(error, MEMLANE_CORRUPTED,
                            "'%s': its file holds %" PRIu64 " bytes but was made with %" PRIu64
                            ": it was truncated or extended by another program; %s",
                            request->name.text, file_size, header->total_size, remedy);
    }
    return MEMLANE_OK;
}

memlane_status memlane_header_check(const struct memlane_header *header, const struct memlane_request *request,
                                    uint64_t file_size, memlane_error *error) {
    const char *name = request->name.text;
    memlane_status status = check_layout(header, name, error);
    if (status == MEMLANE_OK) {
        status = check_integrity(header, name, error);
    }
    if (status != MEMLANE_OK) {
        return status;
    }
    if (header->kind != request->kind->code) {
        return memlane_fail(error, MEMLANE_KIND_MISMATCH, "'%s' is %s %s, and was opened as a %s: choose another name",
                            name, header->kind <= MEMLANE_KIND_PARTICIPANTS ? "a" : "an",
                            memlane_kind_name(header->kind), memlane_kind_name(request->kind->code));
    }
    return check_sizes(header, request, file_size, error);
}

bool memlane_header_is_sound(const struct memlane_header *header, uint64_t file_size) {
    struct memlane_header expected = *header;
    if (check_layout(header, "", NULL) != MEMLANE_OK || check_integrity(header, "", NULL) != MEMLANE_OK ||
        !counts_are_possible(header)) {
        return false;
    }
    place(&expected);
    return memcmp(&expected, header, sizeof expected) == 0 && header->total_size == file_size &&
           file_size >= header->body_offset && file_size <= SIZE_MAX / 2;
}
