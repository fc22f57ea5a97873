/* Waiting for the first of many endpoints, in the calling thread where the kernel can sleep on that many words, with the
 * sentries' help where it cannot. */
#include "endpoint.h"
#include "failure.h"
#include "wait.h"

#include <errno.h>
#include <stdlib.h>

enum {
    CHUNK_NS = 50000000, /* D36: the life of peers is looked at each chunk; bounds what a killed waker can cost */
    DIRECT_MAXIMUM = MEMLANE_FUTEXES_MAXIMUM / MEMLANE_BELLS_EACH
};

/* Private to one call. */
struct gathering {
    memlane_endpoint *const *endpoints;
    bool *ready;
    uint32_t count;
    memlane_atomic32 news; /* raised by sentries; what is slept on where they help */
    struct member *members;
};

struct member {
    struct memlane_post post;
    struct memlane_endpoint *endpoint;
    struct gathering *gathering;
};

static bool look_at_all(struct gathering *gathering, bool thorough) {
    bool any = false;
    for (uint32_t i = 0; i < gathering->count; i++) {
        gathering->ready[i] = memlane_endpoint_is_ready(gathering->endpoints[i], thorough);
        any = any || gathering->ready[i];
    }
    return any;
}

static uint64_t chunk_until(uint64_t deadline_ns) {
    uint64_t now = memlane_platform_monotonic_ns();
    return now >= deadline_ns ? 0 : deadline_ns - now < CHUNK_NS ? deadline_ns - now : CHUNK_NS;
}

/* -- in this thread ---------------------------------------------------------------------------------------------- */

static void arm_all(const struct gathering *gathering, struct memlane_bells *bells) {
    bells->count = 0;
    for (uint32_t i = 0; i < gathering->count; i++) {
        memlane_post_arm(&gathering->endpoints[i]->watch.post, bells);
    }
}

/* ENOSYS: the kernel has no call for it. */
static int wait_directly(struct gathering *gathering, uint64_t deadline_ns) {
    struct memlane_bells bells;
    for (;;) {
        arm_all(gathering, &bells);
        if (look_at_all(gathering, true)) { /* after arming: edge WAKE of wait.c */
            return 0;
        }
        uint64_t chunk = chunk_until(deadline_ns);
        if (chunk == 0) {
            return ETIMEDOUT;
        }
        int failure = bells.count != 0 ? memlane_platform_futex_wait_any(bells.futexes, bells.count, chunk)
                                       : memlane_platform_futex_wait(&gathering->news, 0, chunk); /* nobody rings */
        if (failure == ENOSYS || failure == EINTR) {
            return failure;
        }
    }
}

/* -- with the sentries ------------------------------------------------------------------------------------------- */

static bool look_for_gathering(void *argument, bool thorough) {
    struct member *member = argument;
    if (!memlane_endpoint_is_ready(member->endpoint, thorough)) {
        return true;
    }
    memlane_atomic32 *news = &member->gathering->news;
    if (memlane_exchange32_seq_cst(news, 1) == 0) {
        memlane_platform_futex_wake_all(news);
    }
    return false; /* one ring is enough: the gathering ends with it */
}

/* The call goes on in the parent only. */
static void abandon(void *argument) {
    (void)argument;
}

static memlane_status post_members(struct gathering *gathering, memlane_error *error) {
    memlane_status status = MEMLANE_OK;
    for (uint32_t i = 0; i < gathering->count && status == MEMLANE_OK; i++) {
        struct member *member = &gathering->members[i];
        const struct memlane_post *like = &gathering->endpoints[i]->watch.post;
        *member = (struct member){.endpoint = gathering->endpoints[i], .gathering = gathering};
        for (size_t bell = 0; bell < MEMLANE_BELLS_EACH; bell++) {
            member->post.bells[bell] = like->bells[bell];
        }
        member->post.subject = member;
        member->post.look = look_for_gathering;
        member->post.abandon = abandon;
        status = memlane_sentry_post(&member->post, error);
    }
    return status;
}

static int sleep_for_news(struct gathering *gathering, uint64_t deadline_ns) {
    while (!look_at_all(gathering, true)) {
        uint64_t chunk = chunk_until(deadline_ns);
        if (chunk == 0) {
            return ETIMEDOUT;
        }
        if (memlane_platform_futex_wait(&gathering->news, 0, chunk) == EINTR) {
            return EINTR;
        }
    }
    return 0;
}

static memlane_status wait_with_sentries(struct gathering *gathering, uint64_t deadline_ns, int *outcome,
                                         memlane_error *error) {
    gathering->members = calloc(gathering->count, sizeof *gathering->members);
    if (gathering->members == NULL) {
        return memlane_fail(error, MEMLANE_NO_MEMORY, "no memory to wait for %u endpoints", gathering->count);
    }
    memlane_status status = post_members(gathering, error);
    if (status == MEMLANE_OK) {
        *outcome = sleep_for_news(gathering, deadline_ns);
    }
    for (uint32_t i = 0; i < gathering->count; i++) {
        memlane_sentry_relieve(&gathering->members[i].post);
    }
    free(gathering->members);
    return status;
}

/* -- both -------------------------------------------------------------------------------------------------------- */

static void leave_first(memlane_endpoint *const *endpoints, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        memlane_endpoint_leave(endpoints[i]);
    }
}

static memlane_status enter_all(memlane_endpoint *const *endpoints, uint32_t count, memlane_error *error) {
    for (uint32_t i = 0; i < count; i++) {
        memlane_status status = memlane_endpoint_enter(endpoints[i], error);
        if (status != MEMLANE_OK) {
            leave_first(endpoints, i);
            return status;
        }
    }
    return MEMLANE_OK;
}

static memlane_status conclude(int outcome, uint32_t count, memlane_error *error) {
    switch (outcome) {
    case 0:
        return MEMLANE_OK;
    case EINTR:
        return memlane_fail(error, MEMLANE_INTERRUPTED, "a signal ended the wait");
    default:
        return memlane_fail(error, MEMLANE_TIMEOUT, "none of %u endpoints became ready in time", count);
    }
}

memlane_status memlane_endpoint_wait_any(memlane_endpoint *const *endpoints, uint32_t count, uint64_t deadline_ns,
                                         bool *ready, memlane_error *error) {
    struct gathering gathering = {.endpoints = endpoints, .ready = ready, .count = count};
    int outcome = ENOSYS;
    memlane_status status = enter_all(endpoints, count, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (look_at_all(&gathering, true)) {
        outcome = 0;
    } else if (count <= DIRECT_MAXIMUM) {
        outcome = wait_directly(&gathering, deadline_ns);
    }
    if (outcome == ENOSYS) {
        status = wait_with_sentries(&gathering, deadline_ns, &outcome, error);
    }
    leave_first(endpoints, count);
    return status == MEMLANE_OK ? conclude(outcome, count, error) : status;
}
