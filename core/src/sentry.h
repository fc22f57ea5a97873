/* Threads of this process that sleep on many bells at once (core.md 2.3, asynchronous waiting). They start with the
 * first post, sleep in the kernel, know nothing of Python, and end with the process. */
#ifndef MEMLANE_SENTRY_H
#define MEMLANE_SENTRY_H

#include "bells.h"

#include <memlane/status.h>
#include <stdbool.h>

struct memlane_sentry;

enum { MEMLANE_BELLS_EACH = 2 };

/* One thing that a sentry looks after. The subject stays valid until memlane_sentry_relieve() has returned. */
struct memlane_post {
    memlane_atomic32 *bells[MEMLANE_BELLS_EACH]; /* what its publishers ring; NULL where there is one only */
    void *subject;
    /* Called by the sentry after it armed the bells, and at least every half second with `thorough`: looks, and tells
     * whoever waits. False: nobody waits, or has been told and did not come yet: further rings need not wake the sentry. */
    bool (*look)(void *subject, bool thorough);
    void (*abandon)(void *subject); /* in a forked child, which has no sentries: the post is nobody's now */
    struct memlane_sentry *sentry;  /* private; NULL: nobody looks after it */
    uint32_t place;                 /* private */
    bool resting;                   /* private: not slept on, until memlane_sentry_rouse() */
};

/* Arms all bells of the post. */
void memlane_post_arm(const struct memlane_post *post, struct memlane_bells *bells);

/* Gives the post to a sentry, and starts one where all are busy. Nothing is done where it has one. MEMLANE_SYSTEM,
 * MEMLANE_NO_MEMORY. */
memlane_status memlane_sentry_post(struct memlane_post *post, memlane_error *error);

/* Takes the post away; its callback does not run afterwards. */
void memlane_sentry_relieve(struct memlane_post *post);

/* A post that rests is looked after again. Cheap where it does not rest. */
void memlane_sentry_rouse(struct memlane_post *post);

#endif
