#include "failure.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [MEMLANE_OK] = "ok",
    [MEMLANE_EMPTY] = "empty",
    [MEMLANE_TIMEOUT] = "timeout",
    [MEMLANE_INTERRUPTED] = "interrupted",
    [MEMLANE_CLOSED] = "closed",
    [MEMLANE_INVALID_NAME] = "invalid name",
    [MEMLANE_INVALID_ARGUMENT] = "invalid argument",
    [MEMLANE_NOT_FOUND] = "not found",
    [MEMLANE_KIND_MISMATCH] = "kind mismatch",
    [MEMLANE_SIZE_MISMATCH] = "size mismatch",
    [MEMLANE_SCHEMA_MISMATCH] = "schema mismatch",
    [MEMLANE_LAYOUT_MISMATCH] = "layout mismatch",
    [MEMLANE_UNSAFE_NAMESPACE] = "unsafe namespace",
    [MEMLANE_UNSUPPORTED_NAMESPACE] = "unsupported namespace",
    [MEMLANE_NO_SPACE] = "no space",
    [MEMLANE_TOO_MANY_PARTICIPANTS] = "too many participants",
    [MEMLANE_NO_FREE_SLOT] = "no free slot",
    [MEMLANE_VALUE_TOO_LARGE] = "value too large",
    [MEMLANE_TOO_MANY_VIEWS] = "too many views",
    [MEMLANE_CORRUPTED] = "corrupted",
    [MEMLANE_OWNERSHIP_LOST] = "ownership lost",
    [MEMLANE_BUFFER_TOO_SMALL] = "buffer too small",
    [MEMLANE_OWNER_DIED] = "owner died",
    [MEMLANE_SUPERSEDED] = "superseded",
    [MEMLANE_NO_MEMORY] = "no memory",
    [MEMLANE_SYSTEM] = "system error",
    [MEMLANE_ACCESS_DENIED] = "access denied",
    [MEMLANE_REMOVED] = "removed",
    [MEMLANE_ALREADY_LOCKED] = "already locked",
    [MEMLANE_NOT_LOCKED] = "not locked",
    [MEMLANE_PEER_DIED] = "peer died",
    [MEMLANE_ENDPOINT_BUSY] = "endpoint busy",
    [MEMLANE_END_CLOSED] = "end closed",
    [MEMLANE_TAKEN] = "taken",
    [MEMLANE_WOULD_DEADLOCK] = "would deadlock",
    [MEMLANE_NO_SERVER] = "no server",
    [MEMLANE_CANCELLED] = "cancelled",
    [MEMLANE_ANSWERED] = "answered",
};

const char *memlane_version(void) {
    return MEMLANE_VERSION_STRING;
}

const char *memlane_status_name(memlane_status status) {
    size_t index = (size_t)status;
    bool known = index < sizeof names / sizeof *names && names[index] != NULL;
    return known ? names[index] : "unknown status";
}

__attribute__((format(printf, 2, 0))) static void write_message(memlane_error *error, const char *format,
                                                                va_list arguments) {
    vsnprintf(error->message, sizeof error->message, format, arguments);
}

void memlane_explain(memlane_error *error, memlane_status status, const char *format, ...) {
    if (error == NULL) {
        return;
    }
    va_list arguments;
    error->status = status;
    error->system_error = 0;
    va_start(arguments, format);
    write_message(error, format, arguments);
    va_end(arguments);
}

void memlane_explain_system(memlane_error *error, int system_error, const char *format, ...) {
    if (error == NULL) {
        return;
    }
    va_list arguments;
    error->status = MEMLANE_SYSTEM;
    error->system_error = system_error;
    va_start(arguments, format);
    write_message(error, format, arguments);
    va_end(arguments);
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used, ": %s", strerror(system_error));
}
