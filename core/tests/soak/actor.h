/* The processes that are killed: each opens an endpoint of its own and works in its role until it dies. */
#ifndef MEMLANE_SOAK_ACTOR_H
#define MEMLANE_SOAK_ACTOR_H

#include "atomic.h"
#include "payload.h"

#include <stdint.h>

#define SOAK_NAME "soak"
#define SOAK_DEADLINE_NS UINT64_C(5000000000) /* of every call that takes a deadline */

/* SLOTS by D47: every other actor and its forked child may be stopped or dead in a write or loan, and pin two versions. */
enum { SOAK_SLOTS = 96, SOAK_PARTICIPANTS = 128 };

enum activity {
    ACTIVITY_OUTSIDE,
    ACTIVITY_CALL,    /* in a call of memlane */
    ACTIVITY_HOLDING, /* between calls, with a view or loan */
    ACTIVITY_CHILD    /* waits for its forked child */
};

/* What an actor tells the harness, in memory of the harness that no other actor reads. Writer: the actor and its forked
 * children, which only add to the counts. Reader: the harness; after the actor's death the activity is its last one. */
struct mark {
    memlane_atomic32 activity;
    memlane_atomic64 calls, commits;
    memlane_atomic64 torn;    /* a value that no single write made */
    memlane_atomic64 changed; /* a view that changed while it was held */
    memlane_atomic64 fallen;  /* a version below one that this actor had seen */
    memlane_atomic64 blocked; /* a call that gave up at its deadline */
    memlane_atomic64 failed;  /* a call that failed otherwise */
};

/* A commit that its writer knows to be done. */
struct acknowledgement {
    struct payload_origin origin;
    uint64_t version; /* the version it got (loans), or that was the newest after it (writes) */
    uint64_t is_exact;
};

struct actor_start {
    struct mark *mark;
    const char *directory;
    int acknowledgements; /* the pipe's writing end */
    uint64_t identity;    /* unique; the low ACTOR_CHILD_BITS are for forked children */
    uint64_t seed;
};

enum { ACTOR_CHILD_BITS = 20 };

struct role {
    const char *name;
    unsigned actors;
};
extern const struct role roles[];
extern const unsigned roles_count;

/* Works until it is killed. */
_Noreturn void actor_run(unsigned role, const struct actor_start *start);

#endif
