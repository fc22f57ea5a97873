#include "endpoint.h"

#include "failure.h"
#include "fork.h"
#include "header.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- what an opener may ask for -------------------------------------------------------------------------------- */

void memlane_object_options_initialise(memlane_object_options *options) {
    *options = (memlane_object_options){
        .participants = MEMLANE_ANY,
        .ephemeral = MEMLANE_ANY,
        .permissions = 0600,
        .peer_user = -1,
        .create = true,
    };
}

memlane_status memlane_endpoint_request(struct memlane_request *request, const struct memlane_kind *kind,
                                        const char *name, size_t length, const memlane_object_options *options,
                                        uint64_t default_participants, memlane_error *error) {
    memset(request, 0, sizeof *request);
    memlane_status status = memlane_object_name_parse(&request->name, name, length, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    uint64_t participants = memlane_given_or(options->participants, default_participants);
    if (participants < 1 || participants > MEMLANE_PARTICIPANTS_MAXIMUM) {
        return memlane_fail(
            error, MEMLANE_INVALID_ARGUMENT, "%s '%s': max_participants=%" PRIu64 " is not between 1 and %d",
            memlane_kind_name(kind->code), request->name.text, participants, MEMLANE_PARTICIPANTS_MAXIMUM);
    }
    request->kind = kind;
    request->directory = options->directory;
    request->sharing =
        (struct memlane_sharing){.permissions = options->permissions & 0777, .peer_user = options->peer_user};
    request->participants = (uint32_t)participants;
    request->create = options->create;
    request->ephemeral = memlane_given_or(options->ephemeral, 0) != 0;
    request->uuid = options->uuid;
    return MEMLANE_OK;
}

static memlane_status disagree(const struct memlane_request *request, const struct memlane_term *term,
                               memlane_error *error) {
    return memlane_fail(
        error, term->status,
        "%s '%s': %s=%" PRIu64 " was asked for, the object has %s=%" PRIu64
        ": ask for the same, leave it out to adopt what is there, or memlane.unlink() it to make it anew",
        memlane_kind_name(request->kind->code), request->name.text, term->what, term->wanted, term->what, term->found);
}

memlane_status memlane_endpoint_agree(const struct memlane_request *request, const memlane_object_options *options,
                                      const struct memlane_header *found, const struct memlane_term *terms,
                                      size_t count, memlane_error *error) {
    uint64_t ephemeral = found->flags & MEMLANE_FLAG_EPHEMERAL;
    if (options->ephemeral != MEMLANE_ANY && options->ephemeral != ephemeral) {
        return memlane_fail(error, MEMLANE_SCHEMA_MISMATCH,
                            "%s '%s': persistent=%s was asked for, the object has persistent=%s: ask for the "
                            "same, leave it out to adopt what is there, or memlane.unlink() it to make it anew",
                            memlane_kind_name(request->kind->code), request->name.text,
                            options->ephemeral ? "False" : "True", ephemeral ? "False" : "True");
    }
    for (size_t i = 0; i < count; i++) {
        if (terms[i].wanted != MEMLANE_ANY && terms[i].wanted != terms[i].found) {
            return disagree(request, &terms[i], error);
        }
    }
    const struct memlane_term participants = {"max_participants", options->participants, found->participants_count,
                                              MEMLANE_SIZE_MISMATCH};
    return participants.wanted == MEMLANE_ANY || participants.wanted == participants.found
               ? MEMLANE_OK
               : disagree(request, &participants, error);
}

enum { DIFFERENCE_SIZE = 600 };

static memlane_status explain_format(const struct memlane_request *request, const char *what, const char *difference,
                                     memlane_error *error) {
    return memlane_fail(error, MEMLANE_SCHEMA_MISMATCH,
                        "%s '%s': another format was asked for than the object has: %s%s; declare what is there, leave "
                        "the format out to adopt it, or memlane.unlink() the object to make it anew",
                        memlane_kind_name(request->kind->code), request->name.text, what, difference);
}

memlane_status memlane_endpoint_compare_formats(const struct memlane_request *request, const char *what,
                                                const memlane_format *asked, const memlane_format *there,
                                                memlane_error *error) {
    char difference[DIFFERENCE_SIZE];
    if (asked == NULL) {
        return MEMLANE_OK;
    }
    if (there == NULL) {
        snprintf(difference, sizeof difference, "%zu fields in %" PRIu64 " bytes here, values of any type there",
                 memlane_format_count(asked), memlane_format_size(asked));
        return explain_format(request, what, difference, error);
    }
    return memlane_schema_difference(asked, there, difference, sizeof difference)
               ? explain_format(request, what, difference, error)
               : MEMLANE_OK;
}

memlane_status memlane_endpoint_agree_on_format(const struct memlane_request *request, const memlane_format *asked,
                                                const struct memlane_header *found, const void *schema,
                                                memlane_error *error) {
    if (asked == NULL || found->schema_length == 0) {
        return memlane_endpoint_compare_formats(request, "", asked, NULL, error);
    }
    memlane_format *there = NULL;
    memlane_status status = memlane_schema_decode(&there, schema, found->schema_length, request->name.text, error);
    if (status == MEMLANE_OK) {
        status = memlane_endpoint_compare_formats(request, "", asked, there, error);
    }
    memlane_format_free(there);
    return status;
}

memlane_status memlane_endpoint_keep_format(struct memlane_endpoint *endpoint, uint64_t size, memlane_error *error) {
    const struct memlane_segment *segment = &endpoint->segment;
    if (segment->schema == NULL) {
        return MEMLANE_OK;
    }
    memlane_status status = memlane_schema_decode(&endpoint->format, segment->schema, segment->header.schema_length,
                                                  segment->name.text, error);
    if (status == MEMLANE_OK && memlane_format_size(endpoint->format) != size) {
        return memlane_fail(error, MEMLANE_CORRUPTED,
                            "'%s': its struct takes %" PRIu64 " bytes and its values %" PRIu64
                            ": it was damaged; remove it with memlane.unlink()",
                            segment->name.text, memlane_format_size(endpoint->format), size);
    }
    return status;
}

/* What `users` counts: an operation under way is a user, too. */
#define USER UINT64_C(1)
#define OPERATION (UINT64_C(1) << 32 | USER)

static uint64_t users_in(uint64_t word) {
    return word & UINT32_MAX;
}

/* In the forked child: the threads that were in operations are the parent's. */
static void forget_operations(struct memlane_segment *segment) {
    struct memlane_endpoint *endpoint = (struct memlane_endpoint *)(void *)segment;
    uint64_t word = memlane_load_relaxed(&endpoint->users); /* relaxed, as all here: the child has one thread */
    uint64_t left = users_in(word) - (word >> 32);
    memlane_store32_relaxed(&endpoint->watch.polls, 0);
    if (left == 0 && users_in(word) != 0) {
        memlane_store32_relaxed(&endpoint->unfinished,
                                1); /* system calls enough to give it back must not be made here */
        left = USER;
    }
    memlane_store_relaxed(&endpoint->users, left);
}

/* Until the kind says more: of a map for ever, of a function until it calls or serves. */
/* NOLINTNEXTLINE(readability-non-const-parameter): as the kinds' */
static bool is_never_ready(struct memlane_endpoint *endpoint, bool thorough) {
    (void)endpoint;
    (void)thorough;
    return false;
}

memlane_status memlane_endpoint_open(struct memlane_endpoint **endpoint, size_t size,
                                     const struct memlane_request *request, memlane_error *error) {
    struct memlane_endpoint *opened = calloc(1, size);
    if (opened == NULL) {
        return memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for an endpoint of '%s'", request->name.text);
    }
    memlane_status status = memlane_segment_open(&opened->segment, request, error);
    if (status != MEMLANE_OK) {
        free(opened);
        return status;
    }
    memlane_store_relaxed(&opened->users, USER); /* relaxed: nobody else knows the handle yet */
    memlane_store32_relaxed(&opened->references, 2);
    memlane_fork_hold(); /* a fork sees the count with what counts it, or neither */
    opened->segment.forget_operations = forget_operations;
    memlane_fork_release();
    memlane_endpoint_make_pollable(opened, is_never_ready, NULL, NULL);
    *endpoint = opened;
    return MEMLANE_OK;
}

/* -- fork ------------------------------------------------------------------------------------------------------- */

void memlane_endpoint_inherit_nothing(struct memlane_segment *segment, uint32_t fresh_index) {
    (void)segment;
    (void)fresh_index;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type of a kind */
bool memlane_endpoint_no_view(struct memlane_segment *segment, uint32_t *cursor, uint64_t *offset, uint64_t *size) {
    (void)segment;
    (void)cursor;
    (void)offset;
    (void)size;
    return false;
}

/* -- polling ---------------------------------------------------------------------------------------------------- */

bool memlane_endpoint_is_ready(struct memlane_endpoint *endpoint, bool thorough) {
    return memlane_endpoint_is_closing(endpoint) || memlane_segment_is_lost(&endpoint->segment) ||
           endpoint->is_ready(endpoint, thorough);
}

static bool subject_is_ready(void *subject, bool thorough) {
    return memlane_endpoint_is_ready(subject, thorough);
}

void memlane_endpoint_make_pollable(struct memlane_endpoint *endpoint,
                                    bool (*is_ready)(struct memlane_endpoint *endpoint, bool thorough),
                                    memlane_atomic32 *bell, memlane_atomic32 *second_bell) {
    memlane_mutex_lock(&endpoint->segment.mutex); /* another thread may close the endpoint, and look at its watch */
    endpoint->is_ready = is_ready;
    memlane_watch_initialise(&endpoint->watch, &endpoint->segment.mutex, endpoint, subject_is_ready, bell, second_bell);
    memlane_mutex_unlock(&endpoint->segment.mutex);
}

memlane_status memlane_endpoint_descriptor(memlane_endpoint *endpoint, int *descriptor, memlane_error *error) {
    memlane_status status = memlane_endpoint_enter(endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    return memlane_endpoint_finish(endpoint, memlane_watch_descriptor(&endpoint->watch, descriptor, error), error);
}

memlane_status memlane_endpoint_begin_poll(memlane_endpoint *endpoint, int *descriptor, memlane_error *error) {
    memlane_status status = memlane_endpoint_enter(endpoint, error); /* an operation, which a forked child forgets */
    if (status != MEMLANE_OK) {
        return status;
    }
    status = memlane_watch_begin_poll(&endpoint->watch, descriptor, error);
    if (status != MEMLANE_OK) {
        memlane_endpoint_leave(endpoint);
    }
    return status;
}

void memlane_endpoint_end_poll(memlane_endpoint *endpoint) {
    memlane_watch_end_poll(&endpoint->watch);
    memlane_endpoint_leave(endpoint);
}

enum { PASS_NS = 5000 }; /* of a loop, at the least: a shorter budget is over before the second look */

static bool may_look_again(struct memlane_patience *patience, uint64_t *until_ns) {
    uint64_t now = memlane_platform_monotonic_ns();
    if (*until_ns == 0) {
        uint64_t budget = memlane_patience_budget(patience, now);
        *until_ns = budget < PASS_NS ? now : now + budget;
    }
    return now < *until_ns;
}

bool memlane_endpoint_look(memlane_endpoint *endpoint, uint64_t *until_ns, bool *ready) {
    *ready = true; /* closed: the next operation says so */
    if (memlane_endpoint_enter(endpoint, NULL) != MEMLANE_OK) {
        return false;
    }
    *ready = memlane_endpoint_is_ready(endpoint, false);
    bool again = !*ready && may_look_again(&endpoint->patience, until_ns);
    if (!again) {
        memlane_patience_learn(&endpoint->patience, *ready);
    }
    memlane_endpoint_leave(endpoint);
    return again;
}

/* -- users and references -------------------------------------------------------------------------------------- */

static void drop_reference(struct memlane_endpoint *endpoint) {
    /* seq_cst, as all here: it holds the acquire and release that a count of users needs */
    if (memlane_add32_seq_cst(&endpoint->references, UINT32_MAX) == 1) {
        free(endpoint->segment.directory);
        memlane_format_free(endpoint->format);
        memlane_format_free(endpoint->result_format);
        free(endpoint); /* it is the first member of what was allocated */
    }
}

static void leave(struct memlane_endpoint *endpoint, uint64_t amount) {
    if (users_in(memlane_add_seq_cst(&endpoint->users, 0 - amount)) == USER) {
        memlane_watch_end(&endpoint->watch); /* before the mapping goes: a sentry looks at its words */
        memlane_segment_close(&endpoint->segment);
        if (endpoint->unbind != NULL) {
            endpoint->unbind(endpoint);
        }
        drop_reference(endpoint);
    }
}

void memlane_endpoint_leave(struct memlane_endpoint *endpoint) {
    leave(endpoint, OPERATION);
}

memlane_status memlane_endpoint_explain_closed(const struct memlane_endpoint *endpoint, memlane_error *error) {
    return memlane_fail(error, MEMLANE_CLOSED, "%s '%s': this endpoint was closed; open it anew",
                        memlane_kind_name(endpoint->segment.header.kind), endpoint->segment.name.text);
}

static memlane_status enter(struct memlane_endpoint *endpoint, uint64_t amount, memlane_error *error) {
    for (;;) {
        uint64_t users = memlane_load_acquire(&endpoint->users);
        if (users_in(users) == 0) {
            return memlane_endpoint_explain_closed(endpoint, error);
        }
        if (memlane_cas_seq_cst(&endpoint->users, users, users + amount)) {
            break;
        }
    }
    memlane_status status = MEMLANE_OK;
    if (memlane_endpoint_is_closing(endpoint)) {
        status = memlane_endpoint_explain_closed(endpoint, error);
    } else if (!memlane_segment_is_attached(&endpoint->segment)) {
        status = memlane_segment_settle(&endpoint->segment, error);
    }
    if (status != MEMLANE_OK) {
        leave(endpoint, amount);
    }
    return status;
}

memlane_status memlane_endpoint_enter(struct memlane_endpoint *endpoint, memlane_error *error) {
    return enter(endpoint, OPERATION, error);
}

memlane_status memlane_endpoint_enter_to_stay(struct memlane_endpoint *endpoint, memlane_error *error) {
    return enter(endpoint, USER, error);
}

void memlane_endpoint_stay(struct memlane_endpoint *endpoint) {
    memlane_add_seq_cst(&endpoint->users, 0 - (OPERATION - USER));
}

void memlane_endpoint_conclude(struct memlane_endpoint *endpoint) {
    memlane_add_seq_cst(&endpoint->users, OPERATION - USER);
}

static memlane_status finish(struct memlane_endpoint *endpoint, uint64_t amount, memlane_status status,
                             memlane_error *error) {
    if (memlane_segment_is_lost(&endpoint->segment)) {
        memlane_segment_explain_loss(&endpoint->segment, error);
        status = MEMLANE_CORRUPTED;
    }
    leave(endpoint, amount);
    return status;
}

memlane_status memlane_endpoint_finish(struct memlane_endpoint *endpoint, memlane_status status, memlane_error *error) {
    return finish(endpoint, OPERATION, status, error);
}

memlane_status memlane_endpoint_depart(struct memlane_endpoint *endpoint, memlane_status status, memlane_error *error) {
    return finish(endpoint, USER, status, error);
}

void memlane_endpoint_hold(struct memlane_endpoint *endpoint) {
    memlane_add_seq_cst(&endpoint->users, USER); /* not from 0: the caller has one */
}

void memlane_endpoint_release(struct memlane_endpoint *endpoint) {
    leave(endpoint, USER);
}

/* -- the end --------------------------------------------------------------------------------------------------- */

void memlane_endpoint_close(struct memlane_endpoint *endpoint) {
    if (memlane_exchange32_seq_cst(&endpoint->segment.closing, 1) != 0) {
        return;
    }
    if (endpoint->rouse != NULL) {
        endpoint->rouse(endpoint);
    }
    memlane_watch_raise(&endpoint->watch);
    memlane_endpoint_release(endpoint);
}

void memlane_endpoint_free(struct memlane_endpoint *endpoint) {
    if (endpoint != NULL) {
        memlane_endpoint_close(endpoint);
        if (memlane_exchange32_seq_cst(&endpoint->unfinished, 0) != 0) {
            memlane_endpoint_release(endpoint);
        }
        drop_reference(endpoint);
    }
}

/* -- questions ------------------------------------------------------------------------------------------------- */

bool memlane_endpoint_is_current(struct memlane_endpoint *endpoint) {
    if (memlane_endpoint_enter(endpoint, NULL) != MEMLANE_OK) {
        return false;
    }
    bool current = memlane_segment_is_current(&endpoint->segment);
    memlane_endpoint_leave(endpoint);
    return current;
}

bool memlane_endpoint_is_private(struct memlane_endpoint *endpoint) {
    if (memlane_endpoint_enter(endpoint, NULL) != MEMLANE_OK) {
        return false;
    }
    bool is_private = memlane_segment_is_private(&endpoint->segment);
    memlane_endpoint_leave(endpoint);
    return is_private;
}
