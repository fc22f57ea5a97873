#include "watch.h"

#include "failure.h"

#include <errno.h>

/* Under the mutex. */
static void raise_event(struct memlane_watch *watch) {
    if (watch->event >= 0 && !watch->raised) {
        memlane_platform_raise_event(watch->event);
        watch->raised = true;
    }
}

/* The sentry's callback. */
static bool look(void *argument, bool thorough) {
    struct memlane_watch *watch = argument;
    if (!watch->is_ready(watch->subject, thorough)) {
        return true;
    }
    memlane_mutex_lock(watch->mutex);
    bool news = !watch->raised;
    raise_event(watch);
    memlane_mutex_unlock(watch->mutex);
    return news;
}

static void drop_event(struct memlane_watch *watch) {
    if (watch->event >= 0) {
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
    *watch = (struct memlane_watch){
        .post = {.bells = {bell, second_bell}, .subject = watch, .look = look, .abandon = abandon},
        .mutex = mutex,
        .subject = subject,
        .is_ready = is_ready,
        .event = -1,
    };
}

/* Under the mutex. */
static memlane_status make_event(struct memlane_watch *watch, memlane_error *error) {
    int failure = memlane_platform_make_event(&watch->event);
    if (failure == EMFILE || failure == ENFILE) {
        return memlane_fail_system(error, failure,
                                   "no descriptor is left for fileno() (one for each endpoint that is polled): close "
                                   "endpoints or raise the limit (ulimit -n)");
    }
    return failure == 0 ? MEMLANE_OK : memlane_fail_system(error, failure, "cannot make a descriptor for fileno()");
}

/* Posted before the descriptor is made: a child that is forked in between has neither, one that is forked later loses
 * both. */
static memlane_status post(struct memlane_watch *watch, memlane_error *error) {
    if (memlane_exchange32_seq_cst(&watch->active, 1) != 0) {
        return MEMLANE_OK;
    }
    memlane_status status = memlane_sentry_post(&watch->post, error);
    if (status != MEMLANE_OK) {
        memlane_store32_relaxed(&watch->active, 0); /* relaxed: see memlane_watch_settle */
    }
    return status;
}

memlane_status memlane_watch_descriptor(struct memlane_watch *watch, int *descriptor, memlane_error *error) {
    memlane_status status = post(watch, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_mutex_lock(watch->mutex);
    if (watch->event < 0) {
        status = make_event(watch, error);
    }
    /* The caller's first poll must be right, without waiting for the sentry's next round. */
    if (status == MEMLANE_OK && watch->is_ready(watch->subject, true)) {
        raise_event(watch);
    }
    *descriptor = watch->event;
    memlane_mutex_unlock(watch->mutex);
    return status;
}

void memlane_watch_settle_active(struct memlane_watch *watch) {
    memlane_mutex_lock(watch->mutex);
    bool came = watch->raised;
    if (came) {
        memlane_platform_clear_event(watch->event);
        watch->raised = false;
        if (watch->is_ready(watch->subject, false)) {
            raise_event(watch);
        }
    }
    memlane_mutex_unlock(watch->mutex);
    if (came) {
        memlane_sentry_rouse(&watch->post);
    }
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
