/* The hostile peer: overwrites what two processes share, and takes the file away under them. */
#ifndef MEMLANE_SCRIBBLE_SCRIBBLER_H
#define MEMLANE_SCRIBBLE_SCRIBBLER_H

#include "board.h"

/* Works until it is killed. The files are those of the victim's objects in the directory. */
_Noreturn void scribbler_run(struct board *board, const char *directory, uint64_t seed);

#endif
