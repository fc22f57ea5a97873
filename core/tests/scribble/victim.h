/* The guarded one: uses its objects in every way while they are being destroyed. */
#ifndef MEMLANE_SCRIBBLE_VICTIM_H
#define MEMLANE_SCRIBBLE_VICTIM_H

#include "board.h"

enum { VICTIM_SLACK_NS = 100000000 };

/* What line `kind` of the board counts; NULL behind the last. */
const char *victim_operation_name(unsigned kind);

/* Works until it is killed. */
_Noreturn void victim_run(struct board *board, const char *directory, uint64_t seed);

#endif
