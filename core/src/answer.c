/* The answer to a call, as its caller has it: looked for, waited for, and given up. */
#include "caller.h"

#include "failure.h"
#include "mutant.h"
#include "participant.h"
#include "wait.h"

#include <inttypes.h>

enum { END_TRIES = 64 /* each failure is a server's move */ };

/* -- looking for it --------------------------------------------------------------------------------------------- */

static memlane_status take_answer(const memlane_call *call, memlane_answer *answer, memlane_error *error) {
    const struct memlane_lanes *lanes = &call->function->lanes;
    uint64_t payload = memlane_load_relaxed(&memlane_caller_slot_of(call)->response); /* relaxed: after A2 */
    uint32_t type = (uint32_t)(payload & 0xffffff);
    bool failed = (type & MEMLANE_TYPE_FAILED) != 0;
    uint64_t size = payload >> 24;
    if (size > (failed ? lanes->failure_capacity : lanes->result_capacity) ||
        (!failed && !memlane_function_fits(call->function->endpoint.result_format, size, type))) {
        return memlane_fail(error, MEMLANE_CORRUPTED,
                            "function '%s': the words of a response contradict the object: another program overwrote "
                            "them; end the programs that use it, remove it with memlane.unlink(), and open it anew",
                            memlane_function_name(call->function));
    }
    *answer = (memlane_answer){
        .bytes = memlane_lanes_response(lanes, memlane_caller_lane_of(call), call->slot),
        .size = size,
        .type = type & MEMLANE_TYPE_MASK,
        .failed = failed,
    };
    return MEMLANE_OK;
}

static memlane_status explain_death(const memlane_call *call, uint64_t word, memlane_error *error) {
    char who[MEMLANE_DESCRIPTION_SIZE];
    memlane_participant_describe(call->function->lanes.segment, memlane_tag_index(memlane_call_tag(word)), who);
    return memlane_fail(
        error, MEMLANE_PEER_DIED,
        "function '%s': its server (%s) died while it executed this call: it may have been executed, in "
        "whole or in part, and will not be again; call again only if that does no harm",
        memlane_function_name(call->function), who);
}

static memlane_status explain_refusal(const memlane_call *call, memlane_error *error) {
    /* acquire: pairs with the store before the swap that made it FREE */
    switch (memlane_load32_acquire(&call->function->desk[call->slot].refused)) {
    case MEMLANE_NO_SERVER:
        return memlane_fail(error, MEMLANE_NO_SERVER,
                            "function '%s': nobody serves it and fail_fast was asked for: the call was taken back and "
                            "will not be executed; start the program that serves it",
                            memlane_function_name(call->function));
    case MEMLANE_CANCELLED:
        return memlane_fail(error, MEMLANE_CANCELLED,
                            "function '%s': this call was cancelled before anybody had begun it",
                            memlane_function_name(call->function));
    default:
        return memlane_caller_explain_lost(call->function, error);
    }
}

/* The reason is stored before the slot looks FREE, and taken back where it does not become so. */
static bool withdraw(memlane_call *call, memlane_status reason) {
    memlane_atomic32 *refused = &call->function->desk[call->slot].refused;
    if (!memlane_cas32_seq_cst(refused, 0, (uint32_t)reason)) {
        return false; /* another thread is at it */
    }
    if (memlane_call_withdraw(memlane_caller_slot_of(call), call->sequence)) {
        memlane_function_count(call->function, MEMLANE_FUNCTION_COUNTER_WITHDRAWN, 1);
        return true;
    }
    memlane_store32_release(refused, 0);
    return false;
}

memlane_status memlane_function_look(memlane_call *call, bool ask, memlane_answer *answer, memlane_error *error) {
    uint64_t word = 0;
    if (!memlane_caller_owns(call)) {
        return memlane_caller_explain_lost(call->function, error);
    }
    memlane_status status =
        memlane_call_look(&call->function->lanes, memlane_caller_slot_of(call), call->sequence, ask, &word);
    if (status == MEMLANE_TIMEOUT && ask && call->fail_fast && memlane_call_state(word) == MEMLANE_CALL_POSTED &&
        !memlane_function_has_server(call->function)) {
        status = withdraw(call, MEMLANE_NO_SERVER) ? MEMLANE_CANCELLED : MEMLANE_TIMEOUT;
    }
    switch (status) {
    case MEMLANE_OK:
        return take_answer(call, answer, error);
    case MEMLANE_TIMEOUT:
        return status;
    case MEMLANE_PEER_DIED:
        return explain_death(call, word, error);
    case MEMLANE_CANCELLED:
        return explain_refusal(call, error);
    case MEMLANE_OWNERSHIP_LOST:
        return memlane_caller_explain_lost(call->function, error);
    default:
        return memlane_fail(error, MEMLANE_CORRUPTED,
                            "function '%s': the words of a call contradict each other: another program overwrote them; "
                            "end the programs that use it, remove it with memlane.unlink(), and open it anew",
                            memlane_function_name(call->function));
    }
}

memlane_atomic64 *memlane_function_answers(const memlane_call *call) {
    return &call->function->lanes.lane[memlane_caller_lane_of(call)].answers;
}

memlane_atomic32 *memlane_function_bell(const memlane_call *call) {
    return &call->function->lanes.lane[memlane_caller_lane_of(call)].bell;
}

/* -- waiting for the answer -------------------------------------------------------------------------------------- */

static memlane_status watch(memlane_call *call, uint64_t duration_ns, memlane_answer *answer, memlane_error *error) {
    uint64_t end = 0;
    for (;;) {
        for (uint32_t look = 0; look < MEMLANE_LOOKS_BETWEEN_CLOCKS; look++) {
            memlane_status status = memlane_function_look(call, false, answer, error);
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

static memlane_status check_posted(const memlane_call *call, memlane_error *error) {
    return call->stage == MEMLANE_STAGE_SENT
               ? MEMLANE_OK
               : memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                              "function '%s': this call was not posted: post it before waiting for it",
                              memlane_function_name(call->function));
}

memlane_status memlane_call_poll(memlane_call *call, uint64_t duration_ns, memlane_answer *answer,
                                 memlane_error *error) {
    memlane_status status = check_posted(call, error);
    if (status == MEMLANE_OK) {
        status = watch(call, memlane_patience_glance(&call->function->patience, duration_ns), answer, error);
    }
    if (memlane_segment_is_lost(&call->function->endpoint.segment)) {
        memlane_segment_explain_loss(&call->function->endpoint.segment, error);
        status = MEMLANE_CORRUPTED;
    }
    return status;
}

static memlane_status explain_timeout(const memlane_call *call, memlane_error *error) {
    uint64_t word = memlane_load_relaxed(&memlane_caller_slot_of(call)->state); /* relaxed: for display */
    bool waits = memlane_call_state(word) == MEMLANE_CALL_POSTED;
    return memlane_fail(error, MEMLANE_TIMEOUT, "function '%s': no response came in time: %s",
                        memlane_function_name(call->function),
                        !waits ? "a server is still executing the call"
                        : memlane_function_has_server(call->function)
                            ? "its servers are busy with other calls, and have not begun this one"
                            : "nobody serves it");
}

static memlane_status sleep_for_answer(memlane_call *call, uint64_t deadline_ns, memlane_answer *answer,
                                       memlane_error *error) {
    for (;;) {
        uint64_t seen = memlane_load_seq_cst(memlane_function_answers(call));
        memlane_status status = memlane_function_look(call, true, answer, error);
        if (status != MEMLANE_TIMEOUT) {
            return status;
        }
        if (memlane_platform_monotonic_ns() >= deadline_ns) {
            return explain_timeout(call, error);
        }
        status = memlane_wait_change(&call->function->endpoint.segment, memlane_function_answers(call),
                                     memlane_function_bell(call), seen, memlane_caller_end_of_chunk(deadline_ns),
                                     MEMLANE_CALLER_CHUNK_NS);
        if (status != MEMLANE_OK && status != MEMLANE_TIMEOUT) {
            return memlane_caller_explain_wait(call->function, status, error);
        }
    }
}

static memlane_status wait_for_answer(memlane_call *call, uint64_t deadline_ns, memlane_answer *answer,
                                      memlane_error *error) {
    struct memlane_patience *patience = &call->function->patience;
    uint64_t budget = deadline_ns == 0 ? 0 : memlane_patience_budget(patience, memlane_platform_monotonic_ns());
    memlane_status status = budget > 0 ? watch(call, budget, answer, error) : MEMLANE_TIMEOUT;
    if (deadline_ns != 0) {
        memlane_patience_learn(patience, status != MEMLANE_TIMEOUT);
    }
    return status == MEMLANE_TIMEOUT ? sleep_for_answer(call, deadline_ns, answer, error) : status;
}

memlane_status memlane_call_wait(memlane_call *call, uint64_t deadline_ns, memlane_answer *answer,
                                 memlane_error *error) {
    memlane_function *function = call->function;
    memlane_status status = check_posted(call, error);
    if (status == MEMLANE_OK) {
        status = memlane_endpoint_enter(&function->endpoint, error); /* another thread may end the call meanwhile */
    }
    if (status != MEMLANE_OK) {
        return status;
    }
    status = wait_for_answer(call, deadline_ns, answer, error);
    memlane_watch_settle(&function->endpoint.watch); /* another thread ended what made the endpoint ready */
    return memlane_endpoint_finish(&function->endpoint, status, error);
}

/* -- the end of a call -------------------------------------------------------------------------------------------- */

bool memlane_call_cancel(memlane_call *call) {
    if (call->stage != MEMLANE_STAGE_SENT || !memlane_caller_owns(call) || !withdraw(call, MEMLANE_CANCELLED)) {
        return false;
    }
    memlane_lane_tell(&call->function->lanes, memlane_caller_lane_of(call));
    return true;
}

/* What becomes of a slot whose caller goes, and what is known of the call then. */
static uint32_t parting(const memlane_call *call, uint64_t word, memlane_execution *known) {
    switch (memlane_call_state(word)) {
    case MEMLANE_CALL_POSTED:
        *known = MEMLANE_NOT_EXECUTED;
        return MEMLANE_CALL_FREE;
    case MEMLANE_CALL_DONE:
        *known = MEMLANE_EXECUTED;
        return MEMLANE_CALL_FREE;
    case MEMLANE_CALL_TAKEN:
        *known = MEMLANE_MAYBE_EXECUTED;
        return MEMLANE_MUTANT(TIMEOUT_FREES_TAKEN) ||
                       memlane_participant_verdict_of_tag(call->function->lanes.segment, memlane_call_tag(word)) ==
                           MEMLANE_DEAD
                   ? MEMLANE_CALL_FREE
                   : MEMLANE_CALL_ABANDONED;
    default: /* ORPHANED, or damaged */
        *known = MEMLANE_MAYBE_EXECUTED;
        return MEMLANE_CALL_FREE;
    }
}

static void count_end(const memlane_call *call, uint32_t state, uint32_t next) {
    if (state == MEMLANE_CALL_POSTED) {
        memlane_function_count(call->function, MEMLANE_FUNCTION_COUNTER_WITHDRAWN, 1);
    } else if (next == MEMLANE_CALL_ABANDONED) {
        memlane_function_count(call->function, MEMLANE_FUNCTION_COUNTER_ABANDONED, 1);
    } else if (state != MEMLANE_CALL_DONE) {
        memlane_function_count(call->function, MEMLANE_FUNCTION_COUNTER_ORPHANED, 1);
    }
}

static memlane_execution part(const memlane_call *call) {
    struct memlane_call_slot *slot = memlane_caller_slot_of(call);
    memlane_execution known = MEMLANE_MAYBE_EXECUTED;
    for (uint32_t try = 0; try < END_TRIES; try++) {
        uint64_t word = memlane_load_acquire(&slot->state); /* A2 */
        uint32_t state = memlane_call_state(word);
        if (memlane_call_sequence(word) != call->sequence || state == MEMLANE_CALL_ABANDONED) {
            return MEMLANE_MAYBE_EXECUTED; /* by who took us for dead */
        }
        if (state == MEMLANE_CALL_FREE) { /* by ourselves, or by who took us for dead */
            return memlane_load32_acquire(&call->function->desk[call->slot].refused) != 0 ? MEMLANE_NOT_EXECUTED
                                                                                          : MEMLANE_MAYBE_EXECUTED;
        }
        uint32_t next = parting(call, word, &known);
        uint32_t tag = next == MEMLANE_CALL_ABANDONED ? memlane_call_tag(word) : 0;
        uint64_t moved = memlane_call_word(call->sequence, next, tag);
        /* relaxed: who sends next follows this thread (docs/design/memory-model.md, What needs no order) */
        if (memlane_cas_relaxed(&slot->state, word, moved)) {
            count_end(call, state, next);
            return known;
        }
    }
    return MEMLANE_MAYBE_EXECUTED;
}

static void let_go(memlane_call *call) {
    memlane_function *function = call->function;
    if (call->tag == function->endpoint.segment.tag) {
        memlane_exchange32_seq_cst(&function->desk[call->slot].busy, 0); /* seq_cst: before the load of `waiting` */
        if (memlane_load32_seq_cst(&function->waiting) != 0) {
            memlane_lane_tell(&function->lanes, memlane_caller_lane_of(call));
        }
    }
    call->stage = MEMLANE_STAGE_OVER;
    memlane_watch_settle(&function->endpoint.watch);
    memlane_endpoint_release(&function->endpoint);
}

memlane_execution memlane_call_end(memlane_call *call) {
    memlane_execution known = MEMLANE_NOT_EXECUTED;
    if (call->stage == MEMLANE_STAGE_SENT) {
        known = memlane_caller_owns(call) ? part(call) : MEMLANE_MAYBE_EXECUTED;
    }
    if (call->stage != MEMLANE_STAGE_OVER) {
        let_go(call);
    }
    return known;
}

void memlane_call_forget(memlane_call *call) {
    if (call->stage != MEMLANE_STAGE_OVER) {
        let_go(call);
    }
}
