/* Names of objects, and the files that carry them (surfaces.md rule 1, D45). */
#ifndef MEMLANE_NAMES_H
#define MEMLANE_NAMES_H

#include "layout.h"

#include <memlane/status.h>

enum { MEMLANE_FILE_NAME_SIZE = 256 };

struct memlane_object_name {
    char text[MEMLANE_NAME_MAXIMUM + 1]; /* UTF-8, without a leading slash */
    char file[MEMLANE_FILE_NAME_SIZE];   /* the same with other bytes than [A-Za-z0-9._-] percent-encoded */
};

/* Checks and encodes. MEMLANE_INVALID_NAME says which rule the name breaks. */
memlane_status memlane_object_name_parse(struct memlane_object_name *parsed, const char *name, size_t length,
                                         memlane_error *error);

/* The way back, for listings: false for a file that no object's name encodes to. */
bool memlane_object_name_from_file(struct memlane_object_name *parsed, const char *file);

#endif
