/* A struct whose fields an object knows. */
#ifndef MEMLANE_FUZZ_POSE_H
#define MEMLANE_FUZZ_POSE_H

#include "object.h"

#include <memlane/format.h>

#include <stdint.h>

struct pose {
    double x;
    uint32_t camera, line;
};

static const struct pose a_pose = {.x = 1, .camera = 2};

/* Its format, which the caller frees. */
static inline memlane_format *pose_format(void) {
    static const memlane_field fields[] = {
        MEMLANE_FIELD(struct pose, x, MEMLANE_FLOAT64),
        MEMLANE_FIELD(struct pose, camera, MEMLANE_UINT32),
    };
    memlane_format *format = NULL;
    require(memlane_format_create(&format, sizeof(struct pose), fields, 2, NULL) == MEMLANE_OK, "cannot make a format");
    return format;
}

#endif
