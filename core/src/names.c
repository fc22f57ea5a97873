#include "names.h"

#include "failure.h"
#include "utf8.h"

#include <stdio.h>
#include <string.h>

static const char rules[] =
    "a name is 1 to 200 bytes of UTF-8 without NUL and without '/' (one leading '/' is ignored), "
    "and does not begin with '.'";

static bool is_plain(char byte) {
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '.' || byte == '_' || byte == '-';
}

/* False when the encoded name is longer than a file name may be. */
static bool encode(struct memlane_object_name *parsed) {
    size_t used = 0;
    for (const char *at = parsed->text; *at != '\0'; at++) {
        size_t step = is_plain(*at) ? 1 : 3;
        if (used + step >= sizeof parsed->file) {
            return false;
        }
        snprintf(parsed->file + used, sizeof parsed->file - used, step == 1 ? "%c" : "%%%02X", (unsigned char)*at);
        used += step;
    }
    return true;
}

static const char *fault(const char *name, size_t length) {
    if (length == 0) {
        return "is empty";
    }
    if (length > MEMLANE_NAME_MAXIMUM) {
        return "is too long";
    }
    if (memchr(name, '\0', length) != NULL) {
        return "contains a NUL";
    }
    if (memchr(name, '/', length) != NULL) {
        return "contains a '/'";
    }
    if (name[0] == '.') {
        return "begins with a '.'";
    }
    return memlane_utf8_is_valid(name, length) ? NULL : "is not UTF-8";
}

memlane_status memlane_object_name_parse(struct memlane_object_name *parsed, const char *name, size_t length,
                                         memlane_error *error) {
    memset(parsed, 0, sizeof *parsed);
    if (length > 0 && name[0] == '/') {
        name++;
        length--;
    }
    const char *wrong = fault(name, length);
    if (wrong != NULL) {
        int shown = (int)(length < MEMLANE_NAME_MAXIMUM ? length : MEMLANE_NAME_MAXIMUM);
        return memlane_fail(error, MEMLANE_INVALID_NAME, "the name '%.*s' (%zu bytes) %s: %s", shown, name, length,
                            wrong, rules);
    }
    memcpy(parsed->text, name, length);
    if (!encode(parsed)) {
        return memlane_fail(
            error, MEMLANE_INVALID_NAME,
            "the name '%s' does not fit a file name of 255 bytes once its special characters are written as %%XX: "
            "use fewer of them",
            parsed->text);
    }
    return MEMLANE_OK;
}

static int hexadecimal(char digit) {
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

bool memlane_object_name_from_file(struct memlane_object_name *parsed, const char *file) {
    char name[MEMLANE_FILE_NAME_SIZE];
    size_t length = 0;
    for (const char *at = file; *at != '\0' && length < sizeof name; at++) {
        if (*at != '%') {
            name[length++] = *at;
            continue;
        }
        int high = hexadecimal(at[1]);
        int low = high < 0 ? -1 : hexadecimal(at[2]);
        if (low < 0) {
            return false;
        }
        name[length++] = (char)(high << 4 | low);
        at += 2;
    }
    /* A file that another spelling of the name would give is not ours. */
    return length > 0 && name[0] != '/' && memlane_object_name_parse(parsed, name, length, NULL) == MEMLANE_OK &&
           strcmp(parsed->file, file) == 0;
}
