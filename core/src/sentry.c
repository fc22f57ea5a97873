#include "sentry.h"

#include "failure.h"
#include "fork.h"
#include "platform.h"
#include "wait.h"

#include <errno.h>
#include <stdlib.h>

enum {
    POSTS = MEMLANE_FUTEXES_MAXIMUM / MEMLANE_BELLS_EACH -
        1,                     /* each with two bells, and one word is the sentry's own */
    SHORT_CHUNK_NS = 10000000, /* where the kernel cannot sleep on two words, and a call may come too early for one */
    /* D36: how often each peer's life is looked at. It bounds what a killed waker can cost, too: a thousand idle posts
     * that were looked at each 100 ms cost 2 % of a core. */
    THOROUGH_NS = 500000000
};

/* Private to the process. Posts and their private members: under mutex, which is not held while sleeping. */
struct memlane_sentry {
    memlane_mutex mutex;
    memlane_atomic32 call; /* slept on too: raised when something changed that the sleeper has to know */
    struct memlane_post *posts[POSTS];
    uint32_t count;
    bool runs; /* false: its thread stayed in the parent process, or could not be started yet */
    struct memlane_sentry *next;
};

static memlane_mutex roster_mutex = MEMLANE_MUTEX_INITIAL;
static struct memlane_sentry *roster; /* under roster_mutex; never shrinks */
static uint32_t capacity;             /* of one sentry; under roster_mutex; 0: not asked yet */

/* 1 where the kernel cannot sleep on several words: then each post has a sentry of its own (core.md 2.3). */
static uint32_t find_capacity(void) {
    memlane_atomic32 word;
    memlane_store32_relaxed(&word, 0); /* relaxed: nobody else sees it */
    const struct memlane_futex never = {&word, 1};
    return memlane_platform_futex_wait_any(&never, 1, 0) == ENOSYS ? 1 : POSTS;
}

static void call(struct memlane_sentry *sentry) {
    memlane_add32_seq_cst(&sentry->call, 1); /* seq_cst: before the wake, and after what the caller changed */
    memlane_platform_futex_wake_all(&sentry->call);
}

/* -- the thread -------------------------------------------------------------------------------------------------- */

void memlane_post_arm(const struct memlane_post *post, struct memlane_bells *bells) {
    for (size_t i = 0; i < MEMLANE_BELLS_EACH && post->bells[i] != NULL; i++) {
        memlane_bells_arm(bells, post->bells[i]);
    }
}

/* Arms first and looks afterwards: what is published in between rings (edge WAKE of wait.c). */
static void make_round(struct memlane_sentry *sentry, struct memlane_bells *bells, bool thorough) {
    memlane_mutex_lock(&sentry->mutex);
    bells->futexes[0] = (struct memlane_futex){&sentry->call, memlane_load32_seq_cst(&sentry->call)};
    bells->count = 1;
    for (uint32_t i = 0; i < sentry->count; i++) {
        struct memlane_post *post = sentry->posts[i];
        if (post->resting && !thorough) {
            continue;
        }
        uint32_t before = bells->count;
        memlane_post_arm(post, bells);
        /* Told already, and rung again: it rests until whoever was told has come. */
        post->resting = !post->look(post->subject, thorough);
        if (post->resting) {
            bells->count = before;
        }
    }
    memlane_mutex_unlock(&sentry->mutex);
}

static void keep_watch(void *argument) {
    struct memlane_sentry *sentry = argument;
    struct memlane_bells bells;
    uint64_t thorough_at = 0;
    for (;;) {
        uint64_t now = memlane_platform_monotonic_ns();
        bool thorough = now >= thorough_at;
        if (thorough) {
            /* All sentries at the same moments: a processor that wakes once for sixteen takes half of sixteen times. */
            thorough_at = now - now % THOROUGH_NS + THOROUGH_NS;
        }
        make_round(sentry, &bells, thorough);
        memlane_bells_sleep(&bells, thorough_at - now, SHORT_CHUNK_NS);
    }
}

/* -- posts ------------------------------------------------------------------------------------------------------- */

static void prepare(void) {
    memlane_mutex_lock(&roster_mutex);
    for (struct memlane_sentry *sentry = roster; sentry != NULL; sentry = sentry->next) {
        memlane_mutex_lock(&sentry->mutex);
    }
}

static void parent(void) {
    for (struct memlane_sentry *sentry = roster; sentry != NULL; sentry = sentry->next) {
        memlane_mutex_unlock(&sentry->mutex);
    }
    memlane_mutex_unlock(&roster_mutex);
}

/* The threads stayed in the parent; the sentries are used again. Only async-signal-safe calls. */
static void child(void) {
    for (struct memlane_sentry *sentry = roster; sentry != NULL; sentry = sentry->next) {
        for (uint32_t i = 0; i < sentry->count; i++) {
            sentry->posts[i]->sentry = NULL;
            sentry->posts[i]->abandon(sentry->posts[i]->subject);
        }
        sentry->count = 0;
        sentry->runs = false;
    }
    parent();
}

/* After those of the segments, so prepared before them: a sentry takes its own mutex before an endpoint's. */
MEMLANE_AT_LOAD(2) static void register_handlers(void) {
    memlane_fork_register(prepare, parent, child);
}

/* Under roster_mutex. */
static memlane_status prepare_the_roster(memlane_error *error) {
    if (capacity == 0) {
        capacity = find_capacity();
    }
    return memlane_fork_check(error);
}

/* Under roster_mutex. Only posts are added without the sentry's own mutex held by others for long: it never sleeps. */
static struct memlane_sentry *find_room(void) {
    for (struct memlane_sentry *sentry = roster; sentry != NULL; sentry = sentry->next) {
        memlane_mutex_lock(&sentry->mutex);
        bool room = sentry->count < capacity;
        memlane_mutex_unlock(&sentry->mutex);
        if (room) {
            return sentry; /* posts are added under roster_mutex alone, so the room stays */
        }
    }
    struct memlane_sentry *sentry = calloc(1, sizeof *sentry);
    if (sentry != NULL) {
        memlane_mutex_initialise(&sentry->mutex);
        sentry->next = roster;
        roster = sentry;
    }
    return sentry;
}

static void add(struct memlane_sentry *sentry, struct memlane_post *post) {
    memlane_mutex_lock(&sentry->mutex);
    post->sentry = sentry;
    post->place = sentry->count;
    post->resting = false;
    sentry->posts[sentry->count++] = post;
    memlane_mutex_unlock(&sentry->mutex);
    call(sentry);
}

static memlane_status post_to_the_roster(struct memlane_post *post, memlane_error *error) {
    memlane_status status = prepare_the_roster(error);
    if (status != MEMLANE_OK) {
        return status;
    }
    struct memlane_sentry *sentry = find_room();
    if (sentry == NULL) {
        return memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for another waiting thread");
    }
    if (!sentry->runs) {
        int failure = memlane_platform_start_thread(keep_watch, sentry);
        if (failure != 0) {
            return memlane_fail_system(
                error, failure,
                "cannot start the thread that waits for shared memory: end threads, or raise the limit (ulimit -u)");
        }
        sentry->runs = true;
    }
    add(sentry, post);
    return MEMLANE_OK;
}

memlane_status memlane_sentry_post(struct memlane_post *post, memlane_error *error) {
    memlane_mutex_lock(&roster_mutex);
    memlane_status status = post->sentry != NULL ? MEMLANE_OK : post_to_the_roster(post, error);
    memlane_mutex_unlock(&roster_mutex);
    return status;
}

void memlane_sentry_relieve(struct memlane_post *post) {
    struct memlane_sentry *sentry = post->sentry;
    if (sentry == NULL) {
        return;
    }
    memlane_mutex_lock(&sentry->mutex);
    struct memlane_post *last = sentry->posts[--sentry->count];
    last->place = post->place;
    sentry->posts[post->place] = last;
    post->sentry = NULL;
    memlane_mutex_unlock(&sentry->mutex);
}

void memlane_sentry_rouse(struct memlane_post *post) {
    struct memlane_sentry *sentry = post->sentry;
    if (sentry == NULL) {
        return;
    }
    memlane_mutex_lock(&sentry->mutex);
    bool rested = post->resting;
    post->resting = false;
    memlane_mutex_unlock(&sentry->mutex);
    if (rested) {
        call(sentry);
    }
}
