#include "watch.h"

#include "failure.h"

#include <errno.h>

/* Whether the number is still our event's: a program that closes all descriptors (os.closerange, daemonisation) and
 * opens others would find them written to, read from and closed (D12). */
static bool has_event(const struct memlane_watch *watch) {
    struct memlane_file_status found;
    return watch->event >= 0 && memlane_platform_describe(watch->event, &found) == 0 && found.device == watch->device &&
           found.inode == watch->inode;
}

/* Under the mutex. */
static void raise_event(struct memlane_watch *watch) {
    if (!watch->raised && has_event(watch)) {
        if (watch->only_ends) {
            memlane_platform_raise_last_event(watch->event);
        } else {
            memlane_platform_raise_event(watch->event);
        }
        watch->raised = true;
    }
}

/* Under the mutex. */
static void clear_event(struct memlane_watch *watch) {
    if (has_event(watch)) {
        memlane_platform_clear_event(watch->event);
    }
    watch->raised = false;
}

/* relaxed: whoever begins to poll rouses the post afterwards, and looks itself. */
static bool is_polled(const struct memlane_watch *watch) {
    return memlane_load32_relaxed(&watch->given) != 0 || memlane_load32_relaxed(&watch->polls) != 0;
}

/* Under the mutex. The event says what is so now: cleared first, since what was taken may have been all. */
static void renew_event(struct memlane_watch *watch) {
    if (watch->raised) {
        clear_event(watch);
    }
    if (is_polled(watch) && watch->is_ready(watch->subject, false)) {
        raise_event(watch);
    }
}

/* The sentry's callback. */
static bool look(void *argument, bool thorough) {
    struct memlane_watch *watch = argument;
    if (!is_polled(watch)) {
        return false;
    }
    if (!watch->is_ready(watch->subject, thorough)) {
        return true;
    }
    memlane_mutex_lock(watch->mutex);
    bool told = watch->raised;
    /* Looked at again: who took it meanwhile found no event to clear, and would find one raised for ever. */
    if (!told && watch->is_ready(watch->subject, thorough)) {
        raise_event(watch);
    }
    memlane_mutex_unlock(watch->mutex);
    return !told;
}

/* Closed only while it is an event: all eventfds share one inode with epolls and timers, and an event loop that was made
 * after all descriptors were closed got just this number for its epoll. An eventfd in its place cannot be told. */
static void drop_event(struct memlane_watch *watch) {
    if (has_event(watch) && (watch->only_ends || memlane_platform_is_event(watch->event))) {
        memlane_platform_close(watch->event);
    }
    watch->event = -1;
    watch->raised = false;
}

/* The descriptor is the parent's: raising it would wake the parent. */
static void abandon(void *argument) {
    struct memlane_watch *watch = argument;
    drop_event(watch);
    memlane_store32_relaxed(&watch->active, 0); /* relaxed: a forked child has one thread */
}

void memlane_watch_initialise(struct memlane_watch *watch, memlane_mutex *mutex, void *subject,
                              bool (*is_ready)(void *subject, bool thorough), memlane_atomic32 *bell,
                              memlane_atomic32 *second_bell) {
    /* Not `active`, which is 0: threads that take from an endpoint look at it while another thread, which opens another
     * side of the endpoint, comes here. */
    watch->post =
        (struct memlane_post){.bells = {bell, second_bell}, .subject = watch, .look = look, .abandon = abandon};
    watch->mutex = mutex;
    watch->subject = subject;
    watch->is_ready = is_ready;
    watch->event = -1;
    watch->raised = false;
}

static int open_event(struct memlane_watch *watch) {
    struct memlane_file_status made;
    int failure =
        watch->only_ends ? memlane_platform_make_last_event(&watch->event) : memlane_platform_make_event(&watch->event);
    if (failure != 0) {
        return failure;
    }
    failure = memlane_platform_describe(watch->event, &made);
    if (failure != 0) {
        memlane_platform_close(watch->event);
        watch->event = -1;
        return failure;
    }
    watch->device = made.device;
    watch->inode = made.inode;
    return 0;
}

/* Under the mutex. */
static memlane_status make_event(struct memlane_watch *watch, memlane_error *error) {
    drop_event(watch); /* what was lost */
    int failure = open_event(watch);
    if (failure == EMFILE || failure == ENFILE) {
        return memlane_fail_system(error, failure,
                                   "no descriptor is left for fileno() (one for each endpoint that is polled): close "
                                   "endpoints or raise the limit (ulimit -n)");
    }
    return failure == 0 ? MEMLANE_OK : memlane_fail_system(error, failure, "cannot make a descriptor for fileno()");
}

/* Posted before the descriptor is made: a child that is forked in between has neither, one that is forked later loses
 * both. Of two threads that come at once, each returns after the post was made. */
static memlane_status post(struct memlane_watch *watch, memlane_error *error) {
    if (memlane_load32_acquire(&watch->active) != 0) { /* acquire: post.sentry is there */
        return MEMLANE_OK;
    }
    memlane_status status = memlane_sentry_post(&watch->post, error);
    if (status == MEMLANE_OK) {
        memlane_store32_release(&watch->active, 1); /* pairs with the acquire above */
    }
    return status;
}

static memlane_status descriptor_for(struct memlane_watch *watch, int *descriptor, memlane_error *error) {
    memlane_status status = post(watch, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_mutex_lock(watch->mutex);
    if (!has_event(watch)) {
        status = make_event(watch, error);
    }
    /* The caller's first poll must be right, without waiting for the sentry's next round. */
    if (status == MEMLANE_OK && watch->is_ready(watch->subject, true)) {
        raise_event(watch);
    }
    *descriptor = watch->event;
    memlane_mutex_unlock(watch->mutex);
    memlane_sentry_rouse(&watch->post);
    return status;
}

memlane_status memlane_watch_descriptor(struct memlane_watch *watch, int *descriptor, memlane_error *error) {
    memlane_store32_relaxed(&watch->given, 1); /* relaxed: as in is_polled */
    return descriptor_for(watch, descriptor, error);
}

memlane_status memlane_watch_begin_poll(struct memlane_watch *watch, int *descriptor, memlane_error *error) {
    memlane_add32_seq_cst(&watch->polls, 1); /* seq_cst: as any count */
    memlane_status status = descriptor_for(watch, descriptor, error);
    if (status != MEMLANE_OK) {
        memlane_watch_end_poll(watch);
    }
    return status;
}

void memlane_watch_end_poll(struct memlane_watch *watch) {
    memlane_add32_seq_cst(&watch->polls, UINT32_MAX);
}

static void rouse_if_polled(struct memlane_watch *watch) {
    if (is_polled(watch)) {
        memlane_sentry_rouse(&watch->post);
    }
}

void memlane_watch_settle_active(struct memlane_watch *watch) {
    memlane_mutex_lock(watch->mutex);
    bool came = watch->raised;
    if (came) {
        renew_event(watch);
    }
    memlane_mutex_unlock(watch->mutex);
    if (came) {
        rouse_if_polled(watch);
    }
}

void memlane_watch_look_again(struct memlane_watch *watch) {
    if (memlane_load32_acquire(&watch->active) == 0) { /* acquire: pairs with the release in post */
        return;
    }
    memlane_mutex_lock(watch->mutex);
    renew_event(watch);
    memlane_mutex_unlock(watch->mutex);
    rouse_if_polled(watch);
}

void memlane_watch_raise(struct memlane_watch *watch) {
    memlane_mutex_lock(watch->mutex);
    raise_event(watch);
    memlane_mutex_unlock(watch->mutex);
}

void memlane_watch_end(struct memlane_watch *watch) {
    memlane_sentry_relieve(&watch->post);
    drop_event(watch);
}
