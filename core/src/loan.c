/* Writing a variable: the loan of a slot, which is filled and then committed or dropped. */
#include "variable_kind.h"

#include "custody.h"
#include "failure.h"
#include "participant.h"
#include "statistics.h"
#include "wait.h"

#include <inttypes.h>
#include <string.h>

enum { SLOT_CHUNK_NS = 1000000, SLOT_CHUNK_MAXIMUM_NS = 16000000 };

static memlane_status explain_no_slot(const memlane_variable *variable, memlane_error *error) {
    char holders[600];
    memlane_custody_describe(&variable->reg, holders, sizeof holders);
    return memlane_fail(
        error, MEMLANE_NO_FREE_SLOT,
        "%s '%s': none of its %" PRIu32 " slots is free (%s): release views and loans, continue stopped "
        "processes, or create it with more slots=",
        memlane_variable_kind_name(variable), variable->endpoint.segment.name.text, variable->reg.slots, holders);
}

/* Waits for a slot, taking back what the dead held. Slots come back without a notification, so this polls, in growing
 * chunks. */
static memlane_status claim_patiently(memlane_variable *variable, struct memlane_claim *claim, uint64_t deadline_ns,
                                      memlane_error *error) {
    for (uint64_t chunk = SLOT_CHUNK_NS;; chunk = chunk < SLOT_CHUNK_MAXIMUM_NS ? 2 * chunk : chunk) {
        if (memlane_register_claim(&variable->reg, claim) == MEMLANE_OK) {
            return MEMLANE_OK;
        }
        if (memlane_endpoint_is_closing(&variable->endpoint)) {
            return memlane_endpoint_explain_closed(&variable->endpoint, error);
        }
        memlane_participant_collect(&variable->endpoint.segment);
        if (memlane_register_claim(&variable->reg, claim) == MEMLANE_OK) {
            return MEMLANE_OK;
        }
        uint64_t now = memlane_platform_monotonic_ns();
        if (now >= deadline_ns) {
            return explain_no_slot(variable, error);
        }
        memlane_platform_sleep_ns(chunk < deadline_ns - now ? chunk : deadline_ns - now);
    }
}

static memlane_status explain_too_large(const memlane_variable *variable, uint64_t size, memlane_error *error) {
    const struct memlane_variable_kind *kind = variable->kind;
    return memlane_fail(error, MEMLANE_VALUE_TOO_LARGE,
                        "%s '%s': the value takes %" PRIu64 " bytes, at most %s=%" PRIu64
                        " fit; the old value stays: write less, or memlane.unlink() it and create it with a larger %s=",
                        memlane_variable_kind_name(variable), variable->endpoint.segment.name.text, size,
                        kind->size_word, variable->reg.capacity - kind->headroom, kind->size_word);
}

/* A value that may be written here: it fits, and it is the struct where there is a format. */
static memlane_status check_value(const memlane_variable *variable, uint64_t size, uint32_t type,
                                  memlane_error *error) {
    const memlane_format *format = variable->endpoint.format;
    if (format != NULL && (size != memlane_format_size(format) || type != MEMLANE_TYPE_STRUCT)) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "variable '%s' has a format: %" PRIu64 " bytes of type mark %" PRIu32
                            " were given, its values are the %" PRIu64 " bytes of its struct, of type mark %d",
                            variable->endpoint.segment.name.text, size, type, memlane_format_size(format),
                            MEMLANE_TYPE_STRUCT);
    }
    return size > variable->reg.capacity ? explain_too_large(variable, size, error) : MEMLANE_OK;
}

static memlane_status commit(memlane_variable *variable, struct memlane_claim *claim, uint64_t size, uint32_t type,
                             uint64_t *version, memlane_error *error) {
    struct memlane_segment *segment = &variable->endpoint.segment;
    memlane_status status = memlane_register_commit(&variable->reg, claim, size, type, version);
    if (status == MEMLANE_OWNERSHIP_LOST) {
        return memlane_fail(
            error, status,
            "%s '%s': this loan is not this process's any more (it was made before a fork, or the process had "
            "been taken for dead); nothing was published: loan again",
            memlane_variable_kind_name(variable), segment->name.text);
    }
    memlane_wait_notify(&variable->reg.control->bell);
    memlane_statistics_add(segment, MEMLANE_COUNTER_WRITES, 1);
    memlane_statistics_add(segment, MEMLANE_COUNTER_BYTES_WRITTEN, size);
    if (status == MEMLANE_SUPERSEDED) {
        memlane_statistics_add(segment, MEMLANE_COUNTER_SUPERSEDED, 1); /* D4 */
    }
    return MEMLANE_OK;
}

memlane_status memlane_variable_write(memlane_variable *variable, const void *bytes, uint64_t size, uint32_t type,
                                      uint64_t deadline_ns, memlane_error *error) {
    memlane_status status = check_value(variable, size, type, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_loan loan = {0};
    status = memlane_variable_loan(variable, &loan, deadline_ns, error);
    if (status != MEMLANE_OK || loan.variable == NULL) { /* no loan without success, as clang-tidy cannot see */
        return status;
    }
    if (size > 0) { /* memcpy takes no null pointer, not even for nothing */
        memcpy(loan.bytes, bytes, (size_t)size);
    }
    return memlane_loan_commit(&loan, size, type, NULL, error);
}

memlane_status memlane_variable_loan(memlane_variable *variable, memlane_loan *loan, uint64_t deadline_ns,
                                     memlane_error *error) {
    struct memlane_claim claim;
    memlane_status status = memlane_endpoint_enter(&variable->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (variable->kind->before_loan != NULL) {
        variable->kind->before_loan(variable);
    }
    status = claim_patiently(variable, &claim, deadline_ns, error);
    if (status != MEMLANE_OK) {
        bool lost = memlane_endpoint_finish(&variable->endpoint, status, error) == MEMLANE_CORRUPTED;
        return lost ? MEMLANE_CORRUPTED : status;
    }
    memlane_endpoint_stay(&variable->endpoint); /* the loan is a user */
    *loan = (memlane_loan){
        .variable = variable,
        .bytes = claim.bytes,
        .capacity = variable->reg.capacity,
        .version = claim.version,
        .slot = claim.slot,
        .tag = claim.tag,
    };
    return MEMLANE_OK;
}

static struct memlane_claim claim_of(const memlane_loan *loan) {
    return (struct memlane_claim){.slot = loan->slot, .tag = loan->tag, .version = loan->version, .bytes = loan->bytes};
}

memlane_status memlane_loan_commit(memlane_loan *loan, uint64_t size, uint32_t type, uint64_t *version,
                                   memlane_error *error) {
    memlane_variable *variable = loan->variable;
    memlane_status status = check_value(variable, size, type, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    uint64_t committed = 0;
    struct memlane_claim claim = claim_of(loan);
    status = commit(variable, &claim, size, type, &committed, error);
    if (version != NULL) {
        *version = committed;
    }
    loan->variable = NULL;
    return memlane_endpoint_depart(&variable->endpoint, status, error);
}

void memlane_loan_drop(memlane_loan *loan) {
    struct memlane_claim claim = claim_of(loan);
    memlane_register_drop(&loan->variable->reg, &claim);
    memlane_endpoint_release(&loan->variable->endpoint);
    loan->variable = NULL;
}
