/* What makes an endpoint pollable: a descriptor of this process that is readable while there is something to take. */
#ifndef MEMLANE_WATCH_H
#define MEMLANE_WATCH_H

#include "platform.h"
#include "sentry.h"

/* A part of each endpoint. The descriptor is level-triggered: a sentry raises it when the endpoint becomes ready, and
 * whoever takes something clears it again where nothing is left. While nobody polls it the post rests, so that publishers
 * find no bell armed. */
struct memlane_watch {
    struct memlane_post post;
    memlane_atomic32 active; /* 1: the descriptor was asked for, so whoever takes has to settle */
    memlane_atomic32 given;  /* 1: to a caller who does not say when it polls */
    memlane_atomic32 polls;  /* under way. Changed before a rouse, and read under the sentry's mutex */
    memlane_mutex *mutex;    /* of the endpoint, held over fork(): event and raised. Taken after a sentry's. */
    void *subject;
    bool (*is_ready)(void *subject, bool thorough); /* loads only; thorough: asks for verdicts too */
    int event;                                      /* -1 before it is asked for, and again in a forked child */
    uint64_t device, inode;                         /* of the event */
    bool raised;
    bool only_ends; /* nothing is ever taken: ready once, for good. Set before the endpoint is shared between threads */
};

/* bells: what is_ready's words are published with. */
void memlane_watch_initialise(struct memlane_watch *watch, memlane_mutex *mutex, void *subject,
                              bool (*is_ready)(void *subject, bool thorough), memlane_atomic32 *bell,
                              memlane_atomic32 *second_bell);

/* The descriptor, made when it is first asked for; another one in a forked child. MEMLANE_SYSTEM, MEMLANE_NO_MEMORY. */
memlane_status memlane_watch_descriptor(struct memlane_watch *watch, int *descriptor, memlane_error *error);

/* The same for a poll that ends, with the matching call; where it fails there is none to end. */
memlane_status memlane_watch_begin_poll(struct memlane_watch *watch, int *descriptor, memlane_error *error);
void memlane_watch_end_poll(struct memlane_watch *watch);

/* After something was taken, and after nothing was found where the descriptor may have said otherwise. */
void memlane_watch_settle_active(struct memlane_watch *watch);
static inline void memlane_watch_settle(struct memlane_watch *watch) {
    /* relaxed: who asked for the descriptor looks at once. Another thread that takes at that very moment may miss the
     * question: then the descriptor is readable for nothing, until whoever it called finds nothing and settles. */
    if (memlane_load32_relaxed(&watch->active) != 0) {
        memlane_watch_settle_active(watch);
    }
}

/* After what counts as ready was changed. */
void memlane_watch_look_again(struct memlane_watch *watch);

/* Readable for good: the endpoint was closed, and whoever polls has to learn it. */
void memlane_watch_raise(struct memlane_watch *watch);

/* Nobody looks at the words any more, and the descriptor is gone. */
void memlane_watch_end(struct memlane_watch *watch);

#endif
