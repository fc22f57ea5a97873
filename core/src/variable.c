#include "variable_kind.h"

#include "custody.h"
#include "failure.h"
#include "header.h"
#include "kinds.h"
#include "participant.h"
#include "statistics.h"
#include "wait.h"

#include <inttypes.h>
#include <string.h>

enum {
    OPTIMISTIC_ATTEMPTS = 3,  /* then a pin: a writer that laps a reader three times may do so for ever */
    ATTEMPTS_MAXIMUM = 10000, /* with every pin of the endpoint in use by views */
    WAIT_CHUNK_NS = 50000000, /* bounds how late a waiter notices a killed writer's forgotten wake-up */
    SLOT_CHUNK_NS = 1000000,
    SLOT_CHUNK_MAXIMUM_NS = 16000000
};

#define NO_PIN UINT32_MAX

/* The tasks that waited stayed in the parent. */
static void adopt(struct memlane_segment *segment) {
    memlane_variable *variable = (memlane_variable *)(void *)segment;
    memlane_custody_adopt(segment);
    memlane_store_relaxed(&variable->expects, MEMLANE_ANY); /* relaxed: the child has one thread */
}

const struct memlane_variable_kind memlane_kind_of_variables = {
    .base =
        {
            .code = MEMLANE_KIND_VARIABLE,
            .body_size = memlane_register_body_size,
            .clean = memlane_custody_clean,
            .inherit = memlane_custody_inherit,
            .adopt = adopt,
            .next_view = memlane_custody_next_view,
        },
    .handle_size = sizeof(memlane_variable),
    .size_word = "max_size",
    .default_size = MEMLANE_DEFAULT_MAX_SIZE,
    .default_slots = MEMLANE_DEFAULT_SLOTS,
};

/* For texts: "variable". */
static const char *kind_of(const memlane_variable *variable) {
    return memlane_kind_name(variable->kind->base.code);
}

/* -- opening --------------------------------------------------------------------------------------------------- */

void memlane_variable_options_initialise(memlane_variable_options *options) {
    *options = (memlane_variable_options){.max_size = MEMLANE_ANY, .slots = MEMLANE_ANY, .encoding = MEMLANE_ANY};
    memlane_object_options_initialise(&options->object);
}

/* The kinds' callbacks get the part that all kinds have, which is the first one. */
static const struct memlane_variable_kind *kind_asked_for(const struct memlane_request *request) {
    return (const struct memlane_variable_kind *)(const void *)request->kind;
}

static memlane_status agree(const struct memlane_request *request, const struct memlane_header *found,
                            const void *schema, memlane_error *error) {
    const memlane_variable_options *options = request->argument;
    /* Before the sizes, of which it says more. */
    memlane_status status = memlane_endpoint_agree_on_format(request, options->format, found, schema, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    const struct memlane_variable_kind *kind = kind_asked_for(request);
    uint64_t size = found->geometry[MEMLANE_REGISTER_CAPACITY] - kind->headroom;
    const struct memlane_term terms[] = {
        {kind->size_word, options->max_size, size, MEMLANE_SIZE_MISMATCH},
        {"slots", options->slots, found->geometry[MEMLANE_REGISTER_SLOTS], MEMLANE_SIZE_MISMATCH},
        {"protocol", options->encoding, found->geometry[MEMLANE_REGISTER_ENCODING], MEMLANE_SCHEMA_MISMATCH},
    };
    return memlane_endpoint_agree(request, &options->object, found, terms, sizeof terms / sizeof *terms, error);
}

static memlane_status check_format(const memlane_variable_options *options, const char *name, memlane_error *error) {
    if (options->format == NULL || options->max_size == MEMLANE_ANY ||
        options->max_size == memlane_format_size(options->format)) {
        return MEMLANE_OK;
    }
    return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                        "variable '%s': max_size=%" PRIu64 " was asked for, and a format whose struct takes %" PRIu64
                        " bytes: leave max_size out",
                        name, options->max_size, memlane_format_size(options->format));
}

static memlane_status check_sizes(const struct memlane_variable_kind *kind, const char *name, uint64_t size,
                                  uint64_t slots, memlane_error *error) {
    uint64_t largest = MEMLANE_CAPACITY_MAXIMUM - kind->headroom;
    if (size < 1 || size > largest) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "%s '%s': %s=%" PRIu64 " is not between 1 and %" PRIu64 " bytes",
                            memlane_kind_name(kind->base.code), name, kind->size_word, size, largest);
    }
    if (slots < MEMLANE_SLOTS_MINIMUM || slots > MEMLANE_SLOTS_MAXIMUM) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT, "%s '%s': slots=%" PRIu64 " is not between %d and %d",
                            memlane_kind_name(kind->base.code), name, slots, MEMLANE_SLOTS_MINIMUM,
                            MEMLANE_SLOTS_MAXIMUM);
    }
    return MEMLANE_OK;
}

static memlane_status make_request(struct memlane_request *request, const struct memlane_variable_kind *kind,
                                   const char *name, size_t length, const memlane_variable_options *options,
                                   memlane_error *error) {
    uint64_t usual_size = options->format != NULL ? memlane_format_size(options->format) : kind->default_size;
    uint64_t size = memlane_given_or(options->max_size, usual_size);
    uint64_t slots = memlane_given_or(options->slots, kind->default_slots);
    memlane_status status = memlane_endpoint_request(request, &kind->base, name, length, &options->object,
                                                     MEMLANE_DEFAULT_PARTICIPANTS, error);
    if (status == MEMLANE_OK) {
        status = check_format(options, request->name.text, error);
    }
    if (status == MEMLANE_OK) {
        status = check_sizes(kind, request->name.text, size, slots, error);
    }
    if (options->format != NULL) {
        request->schema = options->format->schema;
        request->schema_length = options->format->schema_length;
    }
    memlane_register_shape(request->geometry, slots, size + kind->headroom);
    request->geometry[MEMLANE_REGISTER_ENCODING] = memlane_given_or(options->encoding, MEMLANE_DEFAULT_ENCODING);
    request->agree = agree;
    request->argument = (void *)(uintptr_t)options;
    return status;
}

static memlane_variable *variable_of(struct memlane_endpoint *endpoint) {
    return (memlane_variable *)(void *)endpoint;
}

static void rouse(struct memlane_endpoint *endpoint) {
    memlane_wait_notify(&variable_of(endpoint)->reg.control->bell);
}

static void unbind(struct memlane_endpoint *endpoint) {
    memlane_register_unbind(&variable_of(endpoint)->reg);
}

static bool is_ready(struct memlane_endpoint *endpoint, bool thorough) {
    memlane_variable *variable = variable_of(endpoint);
    (void)thorough; /* nobody's death makes a variable ready */
    /* relaxed, both: a version that was seen by another thread a moment ago is reported once more, and whoever changes
     * what is expected looks again. */
    uint64_t expects = memlane_load_relaxed(&variable->expects);
    uint64_t known = expects != MEMLANE_ANY ? expects : memlane_load_relaxed(&variable->seen);
    return memlane_version_is_newer(memlane_register_version(&variable->reg), known);
}

memlane_endpoint *memlane_variable_endpoint(memlane_variable *variable) {
    return &variable->endpoint;
}

/* Only rises, also when threads return versions out of order: with the lower one the endpoint would stay ready. */
static void note_seen(memlane_variable *variable, uint64_t version) {
    uint64_t seen;
    do {
        seen = memlane_load_relaxed(&variable->seen); /* relaxed, both: guards nothing */
    } while (memlane_version_is_newer(version, seen) && !memlane_cas_relaxed(&variable->seen, seen, version));
    memlane_watch_settle(&variable->endpoint.watch);
}

void memlane_variable_mark_seen(memlane_variable *variable, uint64_t version) {
    if (memlane_endpoint_enter(&variable->endpoint, NULL) == MEMLANE_OK) {
        note_seen(variable, version);
        memlane_endpoint_leave(&variable->endpoint);
    }
}

void memlane_variable_expect(memlane_variable *variable, uint64_t version) {
    if (memlane_endpoint_enter(&variable->endpoint, NULL) == MEMLANE_OK) {
        memlane_store_relaxed(&variable->expects, version); /* relaxed: the mutex of the watch orders it */
        memlane_watch_look_again(&variable->endpoint.watch);
        memlane_endpoint_leave(&variable->endpoint);
    }
}

memlane_status memlane_variable_open_kind(memlane_variable **variable, const struct memlane_variable_kind *kind,
                                          const char *name, size_t length, const memlane_variable_options *options,
                                          memlane_error *error) {
    struct memlane_request request;
    memlane_status status = make_request(&request, kind, name, length, options, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    struct memlane_endpoint *made;
    status = memlane_endpoint_open(&made, kind->handle_size, &request, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_variable *opened = variable_of(made);
    opened->kind = kind;
    status = memlane_register_bind(&opened->reg, &opened->endpoint.segment, error);
    opened->endpoint.rouse = rouse;
    opened->endpoint.unbind = unbind;
    if (status == MEMLANE_OK) {
        status = memlane_endpoint_keep_format(&opened->endpoint, opened->reg.capacity, error);
    }
    if (status != MEMLANE_OK) {
        memlane_variable_free(opened);
        return status;
    }
    memlane_store_relaxed(&opened->expects, MEMLANE_ANY); /* relaxed: nobody else knows the endpoint yet */
    memlane_endpoint_make_pollable(&opened->endpoint, is_ready, &opened->reg.control->bell, NULL);
    *variable = opened;
    return MEMLANE_OK;
}

memlane_status memlane_variable_open(memlane_variable **variable, const char *name, size_t length,
                                     const memlane_variable_options *options, memlane_error *error) {
    return memlane_variable_open_kind(variable, &memlane_kind_of_variables, name, length, options, error);
}

/* -- closing --------------------------------------------------------------------------------------------------- */

void memlane_variable_hold(memlane_variable *variable) {
    memlane_endpoint_hold(&variable->endpoint);
}

void memlane_variable_release(memlane_variable *variable) {
    memlane_endpoint_release(&variable->endpoint);
}

void memlane_variable_close(memlane_variable *variable) {
    memlane_endpoint_close(&variable->endpoint);
}

void memlane_variable_free(memlane_variable *variable) {
    memlane_endpoint_free(variable == NULL ? NULL : &variable->endpoint);
}

/* -- writing --------------------------------------------------------------------------------------------------- */

static memlane_status explain_no_slot(const memlane_variable *variable, memlane_error *error) {
    char holders[600];
    memlane_custody_describe(&variable->reg, holders, sizeof holders);
    return memlane_fail(error, MEMLANE_NO_FREE_SLOT,
                        "%s '%s': none of its %" PRIu32
                        " slots is free (%s): release views and loans, continue stopped "
                        "processes, or create it with more slots=",
                        kind_of(variable), variable->endpoint.segment.name.text, variable->reg.slots, holders);
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
                        kind_of(variable), variable->endpoint.segment.name.text, size, kind->size_word,
                        variable->reg.capacity - kind->headroom, kind->size_word);
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
            kind_of(variable), segment->name.text);
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

/* -- reading --------------------------------------------------------------------------------------------------- */

memlane_status memlane_variable_explain_damage(const memlane_variable *variable, memlane_error *error) {
    return memlane_fail(
        error, MEMLANE_CORRUPTED,
        "%s '%s': its shared words contradict each other: another program overwrote them; end the programs "
        "that use it, remove it with memlane.unlink(), and open it anew",
        kind_of(variable), variable->endpoint.segment.name.text);
}

static memlane_status explain_reading(const memlane_variable *variable, memlane_status status, memlane_error *error) {
    const char *kind = kind_of(variable), *name = variable->endpoint.segment.name.text;
    switch (status) {
    case MEMLANE_EMPTY:
        return memlane_register_version(&variable->reg) != 0
                   ? memlane_fail(error, status, "the value of %s '%s' was taken: wait for the next one", kind, name)
                   : memlane_fail(error, status,
                                  "%s '%s' was never written: write it first, or read it by get(default)", kind, name);
    case MEMLANE_TOO_MANY_VIEWS:
        return memlane_fail(
            error, status, "%s '%s': this endpoint views %d versions already: release views, or open a second endpoint",
            kind, name, MEMLANE_PINS_EACH);
    default:
        return memlane_variable_explain_damage(variable, error);
    }
}

/* Every value of an object with a format has the struct's size and mark. */
static bool is_of_format(const memlane_variable *variable, const struct memlane_glance *glance) {
    const memlane_format *format = variable->endpoint.format;
    return format == NULL || (glance->length == memlane_format_size(format) && glance->type == MEMLANE_TYPE_STRUCT);
}

static memlane_status pin_value(memlane_variable *variable, struct memlane_glance *glance, uint32_t *pin) {
    memlane_status status = memlane_register_pin(&variable->reg, glance, pin);
    if (status == MEMLANE_OK && !is_of_format(variable, glance)) {
        memlane_register_unpin(&variable->reg, *pin);
        return MEMLANE_CORRUPTED;
    }
    return status;
}

static memlane_status glance_at_value(memlane_variable *variable, struct memlane_glance *glance) {
    memlane_status status = memlane_register_glance(&variable->reg, glance);
    if (status == MEMLANE_OK && !is_of_format(variable, glance)) {
        return memlane_register_still(&variable->reg, glance) ? MEMLANE_CORRUPTED : MEMLANE_TIMEOUT;
    }
    return status;
}

/* Early attempts leave no trace; late ones pin, so that a fast writer cannot lap them. */
static memlane_status look(memlane_variable *variable, uint32_t attempt, struct memlane_glance *glance, uint32_t *pin) {
    memlane_status status = MEMLANE_TOO_MANY_VIEWS;
    *pin = NO_PIN;
    if (attempt >= OPTIMISTIC_ATTEMPTS) {
        status = pin_value(variable, glance, pin);
    }
    if (status == MEMLANE_TOO_MANY_VIEWS && attempt < ATTEMPTS_MAXIMUM) {
        *pin = NO_PIN;
        status = glance_at_value(variable, glance);
    }
    return status;
}

memlane_status memlane_access_begin(memlane_variable *variable, uint32_t attempt, memlane_access *access,
                                    memlane_error *error) {
    struct memlane_glance glance;
    memlane_status status = memlane_endpoint_enter_to_stay(&variable->endpoint, error); /* until the access ends */
    if (status != MEMLANE_OK) {
        return status;
    }
    while ((status = look(variable, attempt, &glance, &access->pin)) == MEMLANE_TIMEOUT) {
        attempt++;
    }
    if (status != MEMLANE_OK) {
        return memlane_endpoint_depart(&variable->endpoint, explain_reading(variable, status, error), error);
    }
    access->bytes = glance.bytes;
    access->latest = glance.latest;
    access->reading = memlane_reading_of(&glance);
    if (attempt > 0) {
        memlane_statistics_add(&variable->endpoint.segment, MEMLANE_COUNTER_RETRIES, 1);
    }
    return MEMLANE_OK;
}

bool memlane_access_still(memlane_variable *variable, const memlane_access *access) {
    struct memlane_glance glance = {.latest = access->latest};
    return access->pin != NO_PIN || memlane_register_still(&variable->reg, &glance);
}

memlane_status memlane_access_end(memlane_variable *variable, memlane_access *access, bool complete,
                                  memlane_error *error) {
    if (access->pin != NO_PIN) {
        memlane_register_unpin(&variable->reg, access->pin);
    }
    if (complete) {
        memlane_statistics_add(&variable->endpoint.segment, MEMLANE_COUNTER_READS, 1);
        memlane_statistics_add(&variable->endpoint.segment, MEMLANE_COUNTER_BYTES_READ, access->reading.size);
        note_seen(variable, access->reading.version);
    }
    return memlane_endpoint_depart(&variable->endpoint, MEMLANE_OK, error);
}

memlane_status memlane_variable_read(memlane_variable *variable, void *buffer, uint64_t capacity,
                                     memlane_reading *reading, memlane_error *error) {
    for (uint32_t attempt = 0;; attempt++) {
        memlane_access access = {0};
        memlane_status status = memlane_access_begin(variable, attempt, &access, error);
        if (status != MEMLANE_OK) {
            return status;
        }
        *reading = access.reading;
        bool fits = reading->size <= capacity;
        if (fits && reading->size > 0) {
            memcpy(buffer, access.bytes, (size_t)reading->size);
        }
        bool still = memlane_access_still(variable, &access);
        status = memlane_access_end(variable, &access, still && fits, error);
        if (status != MEMLANE_OK || still) {
            return status != MEMLANE_OK || fits
                       ? status
                       : memlane_fail(error, MEMLANE_BUFFER_TOO_SMALL,
                                      "%s '%s': the value takes %" PRIu64 " bytes, the buffer holds %" PRIu64,
                                      kind_of(variable), variable->endpoint.segment.name.text, reading->size, capacity);
        }
    }
}

/* -- views ----------------------------------------------------------------------------------------------------- */

static memlane_status map_view(memlane_variable *variable, memlane_error *error) {
    memlane_mutex_lock(&variable->endpoint.segment.mutex);
    memlane_status status = memlane_segment_map_view(&variable->endpoint.segment, error);
    memlane_mutex_unlock(&variable->endpoint.segment.mutex);
    return status;
}

memlane_status memlane_variable_view(memlane_variable *variable, memlane_view *view, memlane_error *error) {
    struct memlane_glance glance;
    uint32_t pin;
    memlane_status status = memlane_endpoint_enter_to_stay(&variable->endpoint, error); /* the view is a user */
    if (status != MEMLANE_OK) {
        return status;
    }
    status = map_view(variable, error);
    if (status != MEMLANE_OK) {
        return memlane_endpoint_depart(&variable->endpoint, status, error);
    }
    status = pin_value(variable, &glance, &pin);
    if (status != MEMLANE_OK) {
        return memlane_endpoint_depart(&variable->endpoint, explain_reading(variable, status, error), error);
    }
    *view = (memlane_view){
        .variable = variable,
        .bytes = variable->endpoint.segment.view_base + (glance.bytes - variable->endpoint.segment.base),
        .reading = memlane_reading_of(&glance),
        .pin = pin,
    };
    memlane_statistics_add(&variable->endpoint.segment, MEMLANE_COUNTER_READS, 1);
    note_seen(variable, view->reading.version);
    return MEMLANE_OK;
}

void memlane_view_release(memlane_view *view) {
    memlane_register_unpin(&view->variable->reg, view->pin);
    memlane_endpoint_release(&view->variable->endpoint);
    view->variable = NULL;
}

/* -- waiting --------------------------------------------------------------------------------------------------- */

static memlane_status wait_newer(memlane_variable *variable, uint64_t version, uint64_t deadline_ns, uint64_t *newest) {
    memlane_atomic64 *word = &variable->reg.control->latest;
    for (;;) {
        uint64_t seen = memlane_load_acquire(word); /* P2: as any reader */
        *newest = memlane_word_version(seen);
        if (memlane_version_is_newer(*newest, version) || memlane_segment_is_lost(&variable->endpoint.segment)) {
            return MEMLANE_OK;
        }
        memlane_status status =
            memlane_wait_change_patiently(&variable->endpoint.segment, word, &variable->reg.control->bell, seen,
                                          deadline_ns, WAIT_CHUNK_NS, &variable->patience);
        if (status != MEMLANE_OK) {
            return status;
        }
    }
}

static memlane_status explain_wait(const memlane_variable *variable, memlane_status status, uint64_t version,
                                   memlane_error *error) {
    switch (status) {
    case MEMLANE_TIMEOUT:
        return memlane_fail(error, status, "%s '%s': no version newer than %" PRIu64 " was written in time",
                            kind_of(variable), variable->endpoint.segment.name.text, version);
    case MEMLANE_INTERRUPTED:
        return memlane_fail(error, status, "%s '%s': a signal ended the wait", kind_of(variable),
                            variable->endpoint.segment.name.text);
    case MEMLANE_CLOSED:
        return memlane_endpoint_explain_closed(&variable->endpoint, error);
    default:
        return status;
    }
}

memlane_status memlane_variable_wait(memlane_variable *variable, uint64_t version, uint64_t deadline_ns,
                                     uint64_t *newest, memlane_error *error) {
    memlane_status status = memlane_endpoint_enter(&variable->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = wait_newer(variable, version, deadline_ns, newest);
    if (status == MEMLANE_TIMEOUT) {
        memlane_watch_settle(&variable->endpoint.watch); /* a loop that polls must not come again for nothing */
    }
    status = explain_wait(variable, status, version, error);
    return memlane_endpoint_finish(&variable->endpoint, status, error);
}

memlane_status memlane_variable_version(memlane_variable *variable, uint64_t *version) {
    memlane_status status = memlane_endpoint_enter(&variable->endpoint, NULL);
    if (status != MEMLANE_OK) {
        return status;
    }
    *version = memlane_register_version(&variable->reg);
    return memlane_endpoint_finish(&variable->endpoint, MEMLANE_OK, NULL);
}

/* -- what it is and was ------------------------------------------------------------------------------------------ */

void memlane_variable_count_skipped(memlane_variable *variable, uint64_t skipped) {
    if (memlane_endpoint_enter(&variable->endpoint, NULL) == MEMLANE_OK) {
        memlane_statistics_add(&variable->endpoint.segment, MEMLANE_COUNTER_SKIPPED, skipped);
        memlane_endpoint_leave(&variable->endpoint);
    }
}

void memlane_variable_describe(const memlane_variable *variable, memlane_variable_properties *properties) {
    const struct memlane_header *header = &variable->endpoint.segment.header;
    *properties = (memlane_variable_properties){
        .max_size = header->geometry[MEMLANE_REGISTER_CAPACITY] - variable->kind->headroom,
        .slots = header->geometry[MEMLANE_REGISTER_SLOTS],
        .participants = header->participants_count,
        .encoding = header->geometry[MEMLANE_REGISTER_ENCODING],
        .ephemeral = (header->flags & MEMLANE_FLAG_EPHEMERAL) != 0,
        .name = variable->endpoint.segment.name.text,
        .directory = variable->endpoint.segment.directory,
        .format = variable->endpoint.format,
    };
    memcpy(properties->uuid, header->uuid, sizeof properties->uuid);
}

memlane_status memlane_variable_statistics_read(memlane_variable *variable, memlane_variable_statistics *statistics,
                                                memlane_error *error) {
    uint64_t sum[MEMLANE_COUNTERS];
    memlane_status status = memlane_endpoint_enter(&variable->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_statistics_sum(&variable->endpoint.segment, sum);
    struct memlane_custody_count held = memlane_custody_count(&variable->reg);
    *statistics = (memlane_variable_statistics){
        .writes = sum[MEMLANE_COUNTER_WRITES],
        .reads = sum[MEMLANE_COUNTER_READS],
        .bytes_written = sum[MEMLANE_COUNTER_BYTES_WRITTEN],
        .bytes_read = sum[MEMLANE_COUNTER_BYTES_READ],
        .superseded = sum[MEMLANE_COUNTER_SUPERSEDED],
        .skipped = sum[MEMLANE_COUNTER_SKIPPED],
        .retries = sum[MEMLANE_COUNTER_RETRIES],
        .recovered = sum[MEMLANE_COUNTER_RECOVERED],
        .version = memlane_register_version(&variable->reg),
        .live_participants = memlane_participant_survey(&variable->endpoint.segment, NULL, 0),
        .slots_writing = held.writing,
        .slots_pinned = held.pinned,
        .is_current = memlane_segment_is_current(&variable->endpoint.segment),
    };
    return memlane_endpoint_finish(&variable->endpoint, MEMLANE_OK, error);
}

bool memlane_variable_is_current(memlane_variable *variable) {
    return memlane_endpoint_is_current(&variable->endpoint);
}

bool memlane_variable_is_private(memlane_variable *variable) {
    return memlane_endpoint_is_private(&variable->endpoint);
}
