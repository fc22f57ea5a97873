/* Endpoints across fork() (D11): the child gets a description, a byte lock and an index of its own for every open
 * segment, taken before the fork, so that it never depends on its parent's life nor keeps a dead parent's locks. */
#ifndef MEMLANE_FORK_H
#define MEMLANE_FORK_H

#include "segment.h"

/* Keeps other threads from forking. Held wherever a description of a segment is open that is not registered here: a
 * child born at that moment would inherit it, and its locks would outlive this process. Not recursive. */
void memlane_fork_hold(void);
void memlane_fork_release(void);

/* Registers handlers of fork(), while the library is loaded (MEMLANE_AT_LOAD); each may be NULL. */
void memlane_fork_register(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));
/* MEMLANE_SYSTEM: some of them could not be registered. */
memlane_status memlane_fork_check(memlane_error *error);

/* Both under memlane_fork_hold(): each open segment. */
void memlane_fork_watch(struct memlane_segment *segment);
void memlane_fork_forget(struct memlane_segment *segment);

#endif
