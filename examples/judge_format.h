/* The same for the library: what lies where in the two structs. C++ says it by MEMLANE_FIELDS. */
#ifndef EXAMPLES_JUDGE_FORMAT_H
#define EXAMPLES_JUDGE_FORMAT_H

#include "judge.h"

#include <memlane/memlane.h>

static const memlane_field frame_fields[] = {
    MEMLANE_FIELD(struct frame, number, MEMLANE_UINT64),
    MEMLANE_FIELD(struct frame, exposure, MEMLANE_FLOAT32),
    MEMLANE_FIELD(struct frame, pixels, MEMLANE_UINT32),
};

static const memlane_field verdict_fields[] = {
    MEMLANE_FIELD(struct verdict, number, MEMLANE_UINT64),
    MEMLANE_FIELD(struct verdict, brightness, MEMLANE_FLOAT64),
};

static inline memlane_status judge_open(memlane_function **function, memlane_error *error) {
    memlane_function_options options;
    memlane_format *frame = NULL, *verdict = NULL;
    memlane_function_options_initialise(&options);
    memlane_status status = memlane_format_create(&frame, sizeof(struct frame), frame_fields, 3, error);
    if (status == MEMLANE_OK) {
        status = memlane_format_create(&verdict, sizeof(struct verdict), verdict_fields, 2, error);
    }
    if (status == MEMLANE_OK) {
        options.arguments_format = frame;
        options.result_format = verdict;
        status = memlane_function_open(function, "judge", 5, &options, error);
    }
    memlane_format_free(frame);
    memlane_format_free(verdict);
    return status;
}

#endif
