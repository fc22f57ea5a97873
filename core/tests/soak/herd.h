/* The actors' processes: started, killed, stopped, continued, and watched for calls that do not end. */
#ifndef MEMLANE_SOAK_HERD_H
#define MEMLANE_SOAK_HERD_H

#include "actor.h"

#include <stdbool.h>
#include <sys/types.h>

enum { HERD_MAXIMUM = 32 };

struct animal {
    unsigned role;
    pid_t pid;
    uint64_t stopped_until; /* 0: it runs */
    uint64_t calls, since;  /* when its count of calls was last seen to change */
    bool is_stuck;
};

struct role_tally {
    uint64_t kills, in_call, holding, stopped, stops;
};

struct herd {
    const char *directory;
    int listener, acknowledgements; /* the pipe's ends */
    struct mark *marks;             /* two for each animal: its own and its forked children's */
    struct animal animal[HERD_MAXIMUM];
    struct role_tally tally[8];
    unsigned count;
    uint64_t incarnations, random;
    uint64_t stuck;       /* calls that did not end in time */
    uint64_t longest_ns;  /* the longest stay in one call that was seen */
    uint64_t ended_badly; /* processes that ended otherwise than by our SIGKILL */
};

void herd_initialise(struct herd *herd, const char *directory, const int pipe[2], uint64_t seed);
uint64_t herd_draw(struct herd *herd, uint64_t below);
void herd_start_all(struct herd *herd);

/* Kills the animal, notes where the kill hit, and starts it anew. */
void herd_kill(struct herd *herd, unsigned at);
void herd_stop(struct herd *herd, unsigned at, uint64_t duration_ns);
unsigned herd_count_stopped(const struct herd *herd);

/* Continues those whose time has come; looks for calls that do not end. */
void herd_watch(struct herd *herd);

void herd_kill_all(struct herd *herd);

/* Whether forked children of killed actors are still at work; they end by themselves. */
bool herd_has_orphans(struct herd *herd);

#endif
