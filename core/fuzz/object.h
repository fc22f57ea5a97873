/* What the targets share that lay hostile bytes over a valid object. */
#ifndef MEMLANE_FUZZ_OBJECT_H
#define MEMLANE_FUZZ_OBJECT_H

#include "checksum.h"
#include "layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program where the target itself cannot go on: no finding. */
static inline void require(bool fact, const char *what) {
    if (!fact) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
    }
}

/* Makes the checksum of the header at the beginning of these bytes right. */
static inline void repair(unsigned char *bytes) {
    struct memlane_header header;
    memcpy(&header, bytes, sizeof header);
    header.checksum = memlane_checksum(&header, offsetof(struct memlane_header, checksum));
    memcpy(bytes, &header, sizeof header);
}

#endif
