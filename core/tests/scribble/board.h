/* What victim and scribbler tell the harness, in memory that neither's object is in. */
#ifndef MEMLANE_SCRIBBLE_BOARD_H
#define MEMLANE_SCRIBBLE_BOARD_H

#include "atomic.h"

#include <stdint.h>

enum { BOARD_KINDS = 32, BOARD_STATUSES = 64 };

/* Writer: the victim. Reader: the harness. */
struct board_line {
    memlane_atomic64 status[BOARD_STATUSES]; /* how often the operation was answered so */
    memlane_atomic64 late;                   /* ended more than the slack after its deadline */
    memlane_atomic64 longest_ns;             /* beyond its deadline, at most */
};

struct board {
    struct board_line line[BOARD_KINDS];
    memlane_atomic64 contained;           /* SIGBUS, by the victim's trap */
    memlane_atomic64 losses;              /* operations answered with "truncated while it was open" */
    memlane_atomic64 stores, truncations; /* by the scribbler */
    memlane_atomic32 kind;                /* of the operation under way, for the report of a crash */
};

#endif
