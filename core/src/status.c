#include "failure.h"

#include <stdarg.h>
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
};

const char *memlane_version(void) {
    return MEMLANE_VERSION_STRING;
}

const char *memlane_status_name(memlane_status status) {
    size_t index = (size_t)status;
    return index < sizeof names / sizeof *names ? names[index] : "unknown status";
}

__attribute__((format(printf, 3, 0))) static void append(memlane_error *error, size_t used, const char *format,
                                                         va_list arguments) {
    if (used < sizeof error->message) {
        vsnprintf(error->message + used, sizeof error->message - used, format, arguments);
    }
}

memlane_status memlane_fail(memlane_error *error, memlane_status status, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        error->status = status;
        error->system_error = 0;
        va_start(arguments, format);
        append(error, 0, format, arguments);
        va_end(arguments);
    }
    return status;
}

memlane_status memlane_fail_system(memlane_error *error, int system_error, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        error->status = MEMLANE_SYSTEM;
        error->system_error = system_error;
        va_start(arguments, format);
        append(error, 0, format, arguments);
        va_end(arguments);
        memlane_failure_append(error, ": %s", strerror(system_error));
    }
    return MEMLANE_SYSTEM;
}

void memlane_failure_append(memlane_error *error, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        append(error, strlen(error->message), format, arguments);
        va_end(arguments);
    }
}
