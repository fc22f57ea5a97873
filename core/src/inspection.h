/* An object that is being looked at: a segment that is mapped for reading only, and nobody's endpoint. */
#ifndef MEMLANE_INSPECTION_H
#define MEMLANE_INSPECTION_H

#include "kinds.h"
#include "lane.h"
#include "ring.h"
#include "rwlock.h"
#include "schema.h"
#include "signature.h"
#include "taking.h"

#include <memlane/inspect.h>

/* Private to one thread. Of `segment` only what reading needs is filled in: it is never attached, and its base is
 * mapped read-only, so that a store into it would end the process. Of the parts of a body those of its kind are. */
struct memlane_inspection {
    struct memlane_segment segment;
    struct memlane_file_status file;
    memlane_format *format;        /* of values, or of a function's arguments: where they have one */
    memlane_format *result_format; /* function */
    bool has_register;             /* variable, share, buffer */
    struct memlane_register reg;
    struct memlane_taking taking;         /* share */
    struct memlane_ring ring;             /* channel */
    struct memlane_lanes lanes;           /* function */
    struct memlane_rwlock rwlock;         /* map */
    const struct memlane_lock_word *lock; /* buffer and map */
};

/* MEMLANE_OK; MEMLANE_CORRUPTED where the file was truncated: what was read since were zeros. */
memlane_status memlane_inspection_finish(const memlane_inspection *inspection, memlane_error *error);

/* The text for words that contradict each other, and MEMLANE_CORRUPTED. */
memlane_status memlane_inspection_explain_damage(const memlane_inspection *inspection, memlane_error *error);

#endif
