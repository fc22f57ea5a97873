/* Where the threads and tasks of one endpoint take turns before its reader/writer lock: to other processes they are one.
 * Private memory only.
 *
 * First come, first served; readers beside each other in the queue go in together. Joining readers that are inside costs
 * nothing shared, but is refused while a writer of another process waits, so that a process with many readers keeps no
 * writer out. */
#ifndef MEMLANE_GATE_H
#define MEMLANE_GATE_H

#include "rwlock.h"

enum memlane_gate_mode { MEMLANE_GATE_READ = 1, MEMLANE_GATE_WRITE = 2 };

/* One place in the queue or inside. In the memory of the caller, from enter to leave. */
struct memlane_gate_pass {
    struct memlane_gate_pass *next;
    const void *owner; /* a thread, or the pass itself, which belongs to none */
    enum memlane_gate_mode mode;
    uint32_t tag;   /* of the endpoint when it entered: another after a fork */
    uint32_t token; /* of a writer */
};

/* All but turn: under the segment's mutex, which fork() holds, so that a child starts with whole lists. */
struct memlane_gate {
    struct memlane_rwlock lock;
    struct memlane_gate_pass *waiting, *inside; /* waiting: the first to come is first */
    bool busy;                                  /* a thread is on its way into or out of the shared lock */
    bool recovered;                             /* what the readers inside were told when the first of them entered */
    memlane_atomic32 turn;                      /* raised with each change that could let somebody in: futex word */
};

enum memlane_gate_owner { MEMLANE_GATE_THREAD, MEMLANE_GATE_NOBODY };

/* As memlane_rwlock_read() and _write(), for this thread or for nobody but the pass. MEMLANE_ALREADY_LOCKED: this thread
 * is inside. */
memlane_status memlane_gate_enter(struct memlane_gate *gate, struct memlane_gate_pass *pass,
                                  enum memlane_gate_mode mode, enum memlane_gate_owner owner,
                                  const struct memlane_limit *limit);

/* MEMLANE_OWNERSHIP_LOST: it is somebody else's by now, or the parent's. Ends the pass in each case. */
memlane_status memlane_gate_leave(struct memlane_gate *gate, struct memlane_gate_pass *pass);

/* What the calling thread has: 0, or a mode. */
int memlane_gate_mode_here(struct memlane_gate *gate);

/* Who inside keeps others out: false when it is no thread of this process. */
bool memlane_gate_is_taken(struct memlane_gate *gate);

/* In a forked child: what is inside belongs to the parent. */
void memlane_gate_forget(struct memlane_gate *gate);

#endif
