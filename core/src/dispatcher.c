#include "failure.h"
#include "fork.h"
#include "function_handle.h"
#include "participant.h"
#include "statistics.h"
#include "watching.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_NS = 40000000,      /* who waits for an answer notices a death within 60 ms on a busy machine too */
    IDLE_CHUNK_NS = 50000000, /* bounds how late a killed caller's forgotten wake-up is noticed */
    CAPACITY_MAXIMUM = 65536
};

#define NEVER_QUIET UINT64_MAX /* `posted` does not come to this in a thousand years */

/* One function that is served here. Set by add, before `count` says that it is there. */
struct served {
    memlane_function *function;
    memlane_atomic32 tag;   /* that it serves under; 0: not yet; in a forked child another's */
    memlane_atomic32 lane;  /* where a call was found last; a hint */
    memlane_atomic64 quiet; /* `posted` when a look at all lanes found nothing */
    memlane_atomic32 lost;  /* its file was truncated: it is served no more */
};

/* add, stop and resume exclude each other by memlane_fork_hold(): so does a fork, whose child finds none of them half
 * done. They are rare. */
struct memlane_dispatcher {
    struct memlane_patience patience;
    memlane_atomic32 count, stopped, last;
    memlane_atomic64 attention; /* raised when something else than a call wants to be seen */
    memlane_atomic32 bell;
    uint32_t capacity;
    struct served *served;
};

memlane_status memlane_dispatcher_make(memlane_dispatcher **dispatcher, uint32_t capacity, memlane_error *error) {
    if (capacity < 1 || capacity > CAPACITY_MAXIMUM) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "a dispatcher for %" PRIu32 " functions: 1 to %d are possible", capacity, CAPACITY_MAXIMUM);
    }
    memlane_dispatcher *made = calloc(1, sizeof *made);
    struct served *served = calloc(capacity, sizeof *served);
    if (made == NULL || served == NULL) {
        free(made);
        free(served);
        return memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for a dispatcher");
    }
    made->capacity = capacity;
    made->served = served;
    *dispatcher = made;
    return MEMLANE_OK;
}

/* -- polling ------------------------------------------------------------------------------------------------------- */

static bool is_posted(const struct memlane_lanes *lanes) {
    uint32_t used = memlane_lanes_used(lanes);
    for (uint64_t i = 0; i < (uint64_t)used * lanes->slots; i++) {
        /* relaxed: the swap of who takes it decides; after the load of `posted`, which is the word that was rung for. */
        if (memlane_call_state(memlane_load_relaxed(&lanes->slot[i].state)) == MEMLANE_CALL_POSTED) {
            return true;
        }
    }
    return false;
}

/* Thorough: also what a caller posted that died before it said so. */
static bool has_call(struct memlane_endpoint *endpoint, bool thorough) {
    memlane_function *function = (memlane_function *)(void *)endpoint;
    uint64_t posted = memlane_load_seq_cst(&function->lanes.control->posted); /* W2 */
    if (!thorough && posted == memlane_load_relaxed(&function->quiet)) {      /* relaxed: as in take_next */
        return false;
    }
    bool found = is_posted(&function->lanes);
    if (!found) {
        memlane_store_relaxed(&function->quiet, posted);
    }
    return found;
}

void memlane_function_poll_for_calls(memlane_function *function) {
    if (memlane_load32_acquire(&function->endpoint.watch.active) == 0) {
        memlane_store_relaxed(&function->quiet, NEVER_QUIET); /* relaxed: nobody polls it yet */
        memlane_endpoint_make_pollable(&function->endpoint, has_call, &function->lanes.control->bell, NULL);
    }
}

/* -- who serves what ----------------------------------------------------------------------------------------------- */

static uint32_t count_of(const memlane_dispatcher *dispatcher) {
    return memlane_load32_acquire(&dispatcher->count); /* pairs with the release in add */
}

static bool serves(const struct served *served) {
    /* acquire: pairs with the swap in begin_to_serve */
    return memlane_load32_acquire(&served->tag) == served->function->endpoint.segment.tag;
}

static bool is_foreign(const struct served *served) {
    return memlane_load32_acquire(&served->tag) != 0 && !serves(served);
}

/* A forked child that has no place serves nothing until it has one. */
static void begin_to_serve(struct served *served) {
    const struct memlane_segment *segment = &served->function->endpoint.segment;
    if (memlane_segment_is_attached(segment) && memlane_cas32_seq_cst(&served->tag, 0, segment->tag)) {
        memlane_function_serve(served->function);
    }
}

static void end_to_serve(struct served *served) {
    uint32_t tag = served->function->endpoint.segment.tag;
    if (memlane_cas32_seq_cst(&served->tag, tag, 0)) {
        memlane_function_retire(served->function);
    }
}

static void call_attention(memlane_dispatcher *dispatcher) {
    memlane_add_seq_cst(&dispatcher->attention, 1); /* seq_cst: before W3, in notify */
    memlane_wait_notify(&dispatcher->bell);
}

memlane_status memlane_dispatcher_add(memlane_dispatcher *dispatcher, memlane_function *function,
                                      memlane_error *error) {
    memlane_status status = memlane_endpoint_enter_to_stay(&function->endpoint, error); /* one user */
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_fork_hold();
    uint32_t place = count_of(dispatcher);
    if (place == dispatcher->capacity) {
        status = memlane_fail(error, MEMLANE_TOO_MANY_PARTICIPANTS,
                              "function '%s': this dispatcher was made for %" PRIu32
                              " functions (max_func_count) and has as many: make it for more, or add to another",
                              function->endpoint.segment.name.text, dispatcher->capacity);
    } else {
        memlane_function_poll_for_calls(function);
        dispatcher->served[place].function = function;
        memlane_store_relaxed(&dispatcher->served[place].quiet, NEVER_QUIET); /* relaxed: published by count */
        memlane_store32_release(&dispatcher->count, place + 1);
        call_attention(dispatcher);
    }
    memlane_fork_release();
    if (status != MEMLANE_OK) {
        memlane_endpoint_release(&function->endpoint);
    }
    return status;
}

void memlane_dispatcher_stop(memlane_dispatcher *dispatcher) {
    memlane_fork_hold();
    memlane_store32_release(&dispatcher->stopped, 1); /* release: pairs with the acquire in take */
    for (uint32_t i = 0; i < count_of(dispatcher); i++) {
        end_to_serve(&dispatcher->served[i]);
    }
    memlane_fork_release();
    call_attention(dispatcher);
}

void memlane_dispatcher_resume(memlane_dispatcher *dispatcher) {
    memlane_fork_hold();
    memlane_store32_release(&dispatcher->stopped, 0);
    for (uint32_t i = 0; i < count_of(dispatcher); i++) {
        begin_to_serve(&dispatcher->served[i]);
    }
    memlane_fork_release();
}

void memlane_dispatcher_free(memlane_dispatcher *dispatcher) {
    if (dispatcher == NULL) {
        return;
    }
    memlane_dispatcher_stop(dispatcher);
    for (uint32_t i = 0; i < count_of(dispatcher); i++) {
        memlane_endpoint_release(&dispatcher->served[i].function->endpoint);
    }
    free(dispatcher->served);
    free(dispatcher);
}

/* -- taking a call --------------------------------------------------------------------------------------------------- */

static memlane_status open_task(struct served *served, uint32_t place, const struct memlane_ticket *ticket,
                                memlane_task *task, memlane_error *error) {
    memlane_function *function = served->function;
    struct memlane_lanes *lanes = &function->lanes;
    struct memlane_call_slot *slot = memlane_lanes_slot(lanes, ticket->lane, ticket->slot);
    uint64_t payload = memlane_load_relaxed(&slot->request); /* relaxed, as the next: after Q2 */
    *task = (memlane_task){
        .function = function,
        .place = place,
        .type = (uint32_t)(payload & MEMLANE_TYPE_MASK),
        .bytes = memlane_lanes_request(lanes, ticket->lane, ticket->slot),
        .size = payload >> 24,
        .response = lanes->result_capacity == 0 ? NULL : memlane_lanes_response(lanes, ticket->lane, ticket->slot),
        .capacity = lanes->result_capacity,
        .posted_ns = memlane_load_relaxed(&slot->posted_ns),
        .lane = ticket->lane,
        .slot = ticket->slot,
        .tag = lanes->segment->tag,
        .sequence = ticket->sequence,
    };
    memlane_watch_settle(&function->endpoint.watch);
    memlane_endpoint_hold(&function->endpoint); /* the request is a user */
    if (task->size <= lanes->argument_capacity &&
        memlane_function_fits(function->endpoint.format, task->size, task->type)) {
        return MEMLANE_OK;
    }
    task->size = 0;
    memlane_task_fail(task, "the words of the request contradict the object: another program overwrote them", NULL, 0,
                      0, NULL);
    return memlane_fail(error, MEMLANE_CORRUPTED,
                        "function '%s': the words of a request contradict the object: another program overwrote them; "
                        "the call was answered with an error",
                        lanes->segment->name.text);
}

static bool take_from(struct served *served, uint32_t lane, struct memlane_ticket *ticket) {
    if (!memlane_call_take(&served->function->lanes, lane, ticket)) {
        return false;
    }
    memlane_store32_relaxed(&served->lane, lane); /* relaxed: a hint */
    return true;
}

/* All lanes, from the one behind that which was served last: no caller keeps the others waiting. */
static bool take_next(struct served *served, struct memlane_ticket *ticket) {
    struct memlane_lanes *lanes = &served->function->lanes;
    uint64_t posted =
        memlane_load_seq_cst(&lanes->control->posted);    /* before the look: what is posted after it differs */
    if (posted == memlane_load_relaxed(&served->quiet)) { /* relaxed: only a reason to look or not */
        return false;
    }
    uint32_t used = memlane_lanes_used(lanes);
    uint32_t first = memlane_load32_relaxed(&served->lane) + 1;
    for (uint32_t i = 0; i < used; i++) {
        if (take_from(served, (first + i) % used, ticket)) {
            return true;
        }
    }
    memlane_store_relaxed(&served->quiet, posted);
    memlane_watch_settle(&served->function->endpoint.watch);
    return false;
}

static bool is_available(struct served *served) {
    struct memlane_segment *segment = &served->function->endpoint.segment;
    return serves(served) && memlane_load32_relaxed(&served->lost) == 0 &&
           memlane_load32_relaxed(&segment->closing) == 0; /* relaxed, both: seen at the next look at the latest */
}

static memlane_status drop_lost(struct served *served, memlane_error *error) {
    struct memlane_segment *segment = &served->function->endpoint.segment;
    if (memlane_load32_relaxed(&served->lost) != 0 || !memlane_segment_is_lost(segment)) {
        return MEMLANE_TIMEOUT;
    }
    memlane_store32_relaxed(&served->lost, 1);
    memlane_segment_explain_loss(segment, error);
    return MEMLANE_CORRUPTED;
}

/* MEMLANE_TIMEOUT: no call is there. */
static memlane_status take_any(memlane_dispatcher *dispatcher, memlane_task *task, memlane_error *error) {
    struct memlane_ticket ticket = {0};
    uint32_t number = count_of(dispatcher);
    uint32_t first = memlane_load32_relaxed(&dispatcher->last) + 1; /* relaxed: where to begin is a hint */
    for (uint32_t i = 0; i < number; i++) {
        uint32_t place = (first + i) % number;
        struct served *served = &dispatcher->served[place];
        if (!is_available(served)) {
            continue;
        }
        bool found = take_next(served, &ticket);
        memlane_status status = drop_lost(served, error);
        if (status != MEMLANE_TIMEOUT) {
            return status;
        }
        if (found) {
            memlane_store32_relaxed(&dispatcher->last, place);
            return open_task(served, place, &ticket, task, error);
        }
    }
    return MEMLANE_TIMEOUT;
}

/* Where a call was found last the next one is likely to come; its state says so before `posted` does. */
static memlane_status take_likely(memlane_dispatcher *dispatcher, memlane_task *task, memlane_error *error) {
    uint32_t place = memlane_load32_relaxed(&dispatcher->last);
    struct memlane_ticket ticket = {0};
    if (place < count_of(dispatcher)) {
        struct served *served = &dispatcher->served[place];
        uint32_t lane = memlane_load32_relaxed(&served->lane);
        if (is_available(served) && lane < memlane_lanes_used(&served->function->lanes) &&
            take_from(served, lane, &ticket)) {
            return open_task(served, place, &ticket, task, error);
        }
    }
    return take_any(dispatcher, task, error);
}

/* -- waiting for one ----------------------------------------------------------------------------------------------------- */

/* The first take begins to serve, and tells a forked child that it has no place. */
static memlane_status take_role(struct served *served, memlane_error *error) {
    struct memlane_segment *segment = &served->function->endpoint.segment;
    if (is_foreign(served)) {
        return memlane_fail(error, MEMLANE_OWNERSHIP_LOST,
                            "function '%s': this dispatcher is the parent's, which goes on serving: make one in the "
                            "forked process",
                            segment->name.text);
    }
    memlane_status status = memlane_segment_is_attached(segment) ? MEMLANE_OK : memlane_segment_settle(segment, error);
    if (status == MEMLANE_OK) {
        begin_to_serve(served);
    }
    return status;
}

static memlane_status check_role(const memlane_dispatcher *dispatcher, memlane_error *error) {
    uint32_t number = count_of(dispatcher);
    if (memlane_load32_acquire(&dispatcher->stopped) != 0) {
        return memlane_fail(error, MEMLANE_CLOSED, "this dispatcher was stopped: start it again to serve");
    }
    for (uint32_t i = 0; i < number; i++) {
        struct served *served = &dispatcher->served[i];
        memlane_status status = serves(served) ? MEMLANE_OK : take_role(served, error);
        if (status != MEMLANE_OK) {
            return status;
        }
    }
    return MEMLANE_OK;
}

static memlane_status look(memlane_dispatcher *dispatcher, memlane_call *awaited, bool ask, memlane_task *task,
                           memlane_error *error) {
    memlane_answer answer;
    if (awaited != NULL && memlane_function_look(awaited, ask, &answer, NULL) != MEMLANE_TIMEOUT) {
        return MEMLANE_ANSWERED;
    }
    return take_likely(dispatcher, task, error);
}

static memlane_status watch(memlane_dispatcher *dispatcher, memlane_call *awaited, uint64_t duration_ns,
                            memlane_task *task, memlane_error *error) {
    uint64_t end = 0;
    for (;;) {
        for (uint32_t i = 0; i < MEMLANE_LOOKS_BETWEEN_CLOCKS; i++) {
            memlane_status status = look(dispatcher, awaited, false, task, error);
            if (status != MEMLANE_TIMEOUT) {
                return status;
            }
            memlane_platform_relax();
        }
        uint64_t now = memlane_platform_monotonic_ns();
        end = end == 0 ? now + duration_ns : end;
        if (now >= end) {
            return MEMLANE_TIMEOUT;
        }
    }
}

static uint32_t gather(memlane_dispatcher *dispatcher, const memlane_call *awaited, uint64_t attention,
                       uint64_t answers, struct memlane_watched *watched) {
    uint32_t number = 0;
    watched[number++] = (struct memlane_watched){&dispatcher->attention, &dispatcher->bell, attention};
    if (awaited != NULL) {
        watched[number++] =
            (struct memlane_watched){memlane_function_answers(awaited), memlane_function_bell(awaited), answers};
    }
    for (uint32_t i = 0; i < count_of(dispatcher); i++) {
        struct served *served = &dispatcher->served[i];
        struct memlane_function_control *control = served->function->lanes.control;
        if (is_available(served)) {
            watched[number++] =
                (struct memlane_watched){&control->posted, &control->bell, memlane_load_relaxed(&served->quiet)};
        }
    }
    return number;
}

/* Calls that were posted without a word, by a caller that died before it, are found after each chunk. */
static void forget_quiet(memlane_dispatcher *dispatcher) {
    for (uint32_t i = 0; i < count_of(dispatcher); i++) {
        memlane_store_relaxed(&dispatcher->served[i].quiet, NEVER_QUIET);
    }
}

static memlane_status explain_end(memlane_status status, memlane_error *error) {
    return status == MEMLANE_TIMEOUT ? memlane_fail(error, status, "no call came in time")
                                     : memlane_fail(error, status, "a signal ended the wait for a call");
}

static memlane_status sleep_for_call(memlane_dispatcher *dispatcher, memlane_call *awaited, uint64_t deadline_ns,
                                     struct memlane_watched *watched, memlane_task *task, memlane_error *error) {
    for (;;) {
        uint64_t attention = memlane_load_seq_cst(&dispatcher->attention);
        uint64_t answers = awaited == NULL ? 0 : memlane_load_seq_cst(memlane_function_answers(awaited));
        memlane_status status = check_role(dispatcher, error);
        if (status == MEMLANE_OK) {
            status = look(dispatcher, awaited, true, task, error);
        }
        if (status != MEMLANE_TIMEOUT) {
            return status;
        }
        uint64_t now = memlane_platform_monotonic_ns();
        if (now >= deadline_ns) {
            return explain_end(MEMLANE_TIMEOUT, error);
        }
        uint32_t number = gather(dispatcher, awaited, attention, answers, watched);
        uint64_t chunk = awaited == NULL ? IDLE_CHUNK_NS : CHUNK_NS;
        status = memlane_watching_sleep(watched, number, deadline_ns - now < chunk ? deadline_ns - now : chunk);
        if (status == MEMLANE_INTERRUPTED) {
            return explain_end(status, error);
        }
        if (status == MEMLANE_TIMEOUT) {
            forget_quiet(dispatcher);
        }
    }
}

memlane_status memlane_dispatcher_poll(memlane_dispatcher *dispatcher, memlane_call *awaited, uint64_t duration_ns,
                                       memlane_task *task, memlane_error *error) {
    memlane_status status = check_role(dispatcher, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    return watch(dispatcher, awaited, memlane_patience_glance(&dispatcher->patience, duration_ns), task, error);
}

memlane_status memlane_dispatcher_take(memlane_dispatcher *dispatcher, memlane_call *awaited, uint64_t deadline_ns,
                                       memlane_task *task, memlane_error *error) {
    memlane_status status = check_role(dispatcher, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    struct memlane_patience *patience = &dispatcher->patience;
    uint64_t budget = deadline_ns == 0 ? 0 : memlane_patience_budget(patience, memlane_platform_monotonic_ns());
    status = budget > 0 ? watch(dispatcher, awaited, budget, task, error) : MEMLANE_TIMEOUT;
    if (deadline_ns != 0) {
        memlane_patience_learn(patience, status != MEMLANE_TIMEOUT);
    }
    if (status != MEMLANE_TIMEOUT) {
        return status;
    }
    struct memlane_watched *watched = malloc((dispatcher->capacity + 2) * sizeof *watched);
    if (watched == NULL) {
        return memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for waiting");
    }
    status = sleep_for_call(dispatcher, awaited, deadline_ns, watched, task, error);
    free(watched);
    return status;
}

/* -- responding ------------------------------------------------------------------------------------------------------------ */

static void count_served(const memlane_task *task, bool failed) {
    const struct memlane_segment *segment = &task->function->endpoint.segment;
    uint64_t now = memlane_platform_monotonic_ns();
    memlane_statistics_add(segment, (enum memlane_counter)MEMLANE_FUNCTION_COUNTER_SERVED, 1);
    if (failed) {
        memlane_statistics_add(segment, (enum memlane_counter)MEMLANE_FUNCTION_COUNTER_ERRORS, 1);
    }
    if (now > task->posted_ns) { /* a hostile caller may have written anything */
        memlane_statistics_add(segment, (enum memlane_counter)MEMLANE_FUNCTION_COUNTER_LATENCY_NS,
                               now - task->posted_ns);
    }
}

static bool is_ours(const memlane_task *task) {
    return task->tag == task->function->endpoint.segment.tag;
}

static memlane_status explain_loss(const memlane_function *function, memlane_error *error) {
    return memlane_fail(
        error, MEMLANE_OWNERSHIP_LOST,
        "function '%s': this request is not this process's any more (it was taken before a fork, or the "
        "process had been taken for dead): the response reaches nobody",
        function->endpoint.segment.name.text);
}

static memlane_status lose(memlane_task *task, memlane_error *error) {
    memlane_function *function = task->function;
    task->function = NULL;
    return memlane_endpoint_depart(&function->endpoint, explain_loss(function, error), error);
}

static memlane_status answer(memlane_task *task, uint64_t size, uint32_t type, memlane_error *error) {
    memlane_function *function = task->function;
    struct memlane_ticket ticket = {.lane = task->lane, .slot = task->slot, .sequence = task->sequence};
    memlane_status status = MEMLANE_OK;
    task->function = NULL;
    memlane_endpoint_conclude(&function->endpoint); /* before the caller knows, and may fork */
    if (memlane_call_answer(&function->lanes, &ticket, task->tag, memlane_payload_word(size, type)) ==
        MEMLANE_OWNERSHIP_LOST) {
        status = explain_loss(function, error);
    }
    return memlane_endpoint_finish(&function->endpoint, status, error);
}

memlane_status memlane_task_respond(memlane_task *task, uint64_t size, uint32_t type, memlane_error *error) {
    if (!is_ours(task)) {
        return lose(task, error);
    }
    if (size > task->capacity) {
        return memlane_fail(error, MEMLANE_VALUE_TOO_LARGE,
                            "function '%s': the result takes %" PRIu64 " bytes, at most max_sz_ret=%" PRIu64
                            " fit: return less, or remove it and create it with a larger max_sz_ret=",
                            task->function->endpoint.segment.name.text, size, task->capacity);
    }
    const memlane_format *format = task->function->endpoint.result_format;
    if (!memlane_function_fits(format, size, type)) {
        return memlane_function_explain_format(task->function, "results", format, size, type, error);
    }
    count_served(task, false);
    return answer(task, size, type & MEMLANE_TYPE_MASK, error);
}

memlane_status memlane_task_fail(memlane_task *task, const char *text, const void *bytes, uint64_t size, uint32_t type,
                                 memlane_error *error) {
    if (!is_ours(task)) {
        return lose(task, error); /* without a byte written: the parent of a fork answers there */
    }
    uint64_t room = task->function->lanes.failure_capacity;
    uint64_t length = strlen(text);
    uint64_t used = 0;
    if (room > 0 && task->response != NULL) { /* NULL: the caller of a one-way call reads nothing */
        unsigned char *response = task->response;
        length = length < room ? length : room - 1;
        memcpy(response, text, (size_t)length);
        response[length] = '\0';
        used = length + 1;
        if (size > 0 && size <= room - used) {
            memcpy(response + used, bytes, (size_t)size);
            used += size;
        }
    }
    count_served(task, true);
    return answer(task, used, (type & MEMLANE_TYPE_MASK) | MEMLANE_TYPE_FAILED, error);
}
