/* The operations that are interrupted, and what may be said of each afterwards. */
#ifndef MEMLANE_CRASH_OPERATIONS_H
#define MEMLANE_CRASH_OPERATIONS_H

#include "scene.h"

enum mode {
    KILLED,    /* at the point, in the simulated kernel */
    STOPPED,   /* at the point, for ever */
    RESUMED,   /* stopped at the point, and going on after the others worked */
    SIGKILLED, /* at the point, by a real SIGKILL */
    MODES
};

enum trait {
    COMMITS = 1 << 0, /* the actor's value becomes the latest one */
    LOANS = 1 << 1,   /* first the actor's value + 1 by a write, then its value by the loan that was open meanwhile */
    UNLINKS = 1 << 2, /* the name goes */
    LEAVES = 1 << 3,  /* the endpoint is given back */
    HOLDS_LOCK = 1 << 4,
    OPENS = 1 << 5,      /* the actor has no endpoint before */
    NO_DOUBLE = 1 << 6,  /* not in pairs: both sides of a fork are at work already */
    FORKS = 1 << 7,      /* the survivor on the other side of a fork is SECOND, or VICTIM */
    AS_CHILD = 1 << 8,   /* the one who performs it is the child of the fork */
    CLEANS = 1 << 9,     /* walks through all indices: long */
    RWLOCK = 1 << 10,    /* at work in the lock for readers and writers */
    STREAMS = 1 << 11,   /* moves the bytes or the ends of the scene's channel */
    TAKES = 1 << 12,     /* takes the value that waits: the report has its version */
    TRANSACTS = 1 << 13, /* changes the value by a transaction: the report has the value that it found */
    VACATES = 1 << 14    /* gives up the value, which was taken, before it writes another */
};

/* One who performs an operation. */
struct actor {
    const struct operation *operation;
    enum role role;   /* whose endpoint it uses */
    uint32_t process; /* that ends with it */
    uint32_t report;  /* index of its machine_report */
    uint64_t value;   /* that it writes */
};

struct operation {
    const char *name;
    uint32_t traits;
    uint32_t roles; /* who of the living has the object open, besides the actor */
    const struct state_list *states;
    void (*prepare)(const struct actor *actor); /* the last things before it begins, in the harness; may be NULL */
    void (*act)(void *actor);
};

extern const struct operation operations_register[];
extern const uint32_t operations_register_count;
extern const struct operation operations_share[];
extern const uint32_t operations_share_count;
extern const struct operation operations_lifecycle[];
extern const uint32_t operations_lifecycle_count;
extern const struct operation operations_rwlock[];
extern const uint32_t operations_rwlock_count;
extern const struct operation operations_lock[];
extern const uint32_t operations_lock_count;
extern const struct operation operations_transaction[];
extern const uint32_t operations_transaction_count;
extern const struct operation operations_channel[];
extern const uint32_t operations_channel_count;

enum { OPERATIONS_MAXIMUM = 64 };

/* All operations in order; NULL after the last. */
const struct operation *operation_at(uint32_t number);
const struct operation *operation_named(const char *name);

/* For act: the operation proper is between these two. */
struct machine_report *operation_begin(const struct actor *actor);
void operation_end(struct machine_report *report, memlane_status status);

#endif
