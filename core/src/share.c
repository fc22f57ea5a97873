#include "custody.h"
#include "failure.h"
#include "kinds.h"
#include "taking.h"
#include "variable_kind.h"
#include "wait.h"

#include <memlane/share.h>

#include <string.h>

/* Bounds how late a getter notices a killed putter's forgotten wake-up. */
#define WAIT_CHUNK_NS UINT64_C(50000000)

struct memlane_share {
    struct memlane_variable variable; /* the first member: either handle frees both */
    struct memlane_taking taking;
};

static uint64_t body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants) {
    bool has_room = geometry[MEMLANE_REGISTER_CAPACITY] > MEMLANE_SHARE_HEADROOM;
    return has_room ? memlane_taking_body_size(geometry, participants) : 0;
}

static void make_way(struct memlane_variable *variable) {
    memlane_taking_make_way(&((memlane_share *)(void *)variable)->taking);
}

const struct memlane_variable_kind memlane_kind_of_shares = {
    .base =
        {
            .code = MEMLANE_KIND_SHARE,
            .body_size = body_size,
            .populates = true,
            .clean = memlane_custody_clean, /* nothing of the mark belongs to a participant */
            .inherit = memlane_custody_inherit,
            .adopt = memlane_custody_adopt,
            .next_view = memlane_custody_next_view,
        },
    .handle_size = sizeof(memlane_share),
    .size_word = "size",
    .headroom = MEMLANE_SHARE_HEADROOM,
    .default_size = MEMLANE_DEFAULT_SHARE_SIZE,
    .default_slots = MEMLANE_DEFAULT_SHARE_SLOTS,
    .before_loan = make_way,
};

static const char *name_of(const memlane_share *share) {
    return share->variable.endpoint.segment.name.text;
}

/* -- opening and closing --------------------------------------------------------------------------------------- */

void memlane_share_options_initialise(memlane_share_options *options) {
    memlane_variable_options initial;
    memlane_variable_options_initialise(&initial);
    *options = (memlane_share_options){
        .object = initial.object, .size = initial.max_size, .slots = initial.slots, .encoding = initial.encoding};
}

/* A fileno() is readable while a value waits to be taken. */
static bool is_ready(struct memlane_endpoint *endpoint, bool thorough) {
    const memlane_share *share = (const memlane_share *)(const void *)endpoint;
    uint64_t latest;
    (void)thorough;                                                       /* nobody's death makes a share ready */
    return memlane_taking_look(&share->taking, &latest) != MEMLANE_EMPTY; /* damage too: the get will say so */
}

memlane_status memlane_share_open(memlane_share **share, const char *name, size_t length,
                                  const memlane_share_options *options, memlane_error *error) {
    memlane_variable_options asked;
    memlane_variable *variable;
    memlane_variable_options_initialise(&asked);
    asked.object = options->object;
    asked.max_size = options->size;
    asked.slots = options->slots;
    asked.encoding = options->encoding;
    memlane_status status = memlane_variable_open_kind(&variable, &memlane_kind_of_shares, name, length, &asked, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    *share = (memlane_share *)(void *)variable;
    memlane_taking_locate(&(*share)->taking, &variable->reg);
    variable->endpoint.is_ready = is_ready;
    variable->reg.compact = true; /* one or two slots in use where nobody views: less memory is touched */
    return MEMLANE_OK;
}

void memlane_share_close(memlane_share *share) {
    memlane_variable_close(&share->variable);
}

void memlane_share_free(memlane_share *share) {
    memlane_variable_free(share == NULL ? NULL : &share->variable);
}

memlane_variable *memlane_share_variable(memlane_share *share) {
    return &share->variable;
}

/* -- putting ----------------------------------------------------------------------------------------------------- */

memlane_status memlane_share_loan(memlane_share *share, memlane_loan *loan, memlane_error *error) {
    return memlane_variable_loan(&share->variable, loan, 0, error);
}

memlane_status memlane_share_put(memlane_share *share, const void *bytes, uint64_t size, uint32_t type,
                                 uint64_t *version, memlane_error *error) {
    memlane_loan loan = {0};
    memlane_status status = memlane_share_loan(share, &loan, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    if (size > 0 && size <= loan.capacity) { /* memcpy takes no null pointer, not even for nothing */
        memcpy(loan.bytes, bytes, (size_t)size);
    }
    status = memlane_loan_commit(&loan, size, type, version, error);
    if (loan.variable != NULL) { /* a value that was refused did not end it */
        memlane_loan_drop(&loan);
    }
    return status;
}

/* -- getting ----------------------------------------------------------------------------------------------------- */

/* Something waits to be taken, or is damaged. That a put gave the last value up is no answer, though `latest` changed:
 * counted as one it would make us look in vain for ever. */
static bool is_decided(void *argument) {
    const struct memlane_taking *taking = argument;
    uint64_t latest;
    return memlane_taking_look(taking, &latest) != MEMLANE_EMPTY;
}

static memlane_status wait_untaken(memlane_share *share, uint64_t deadline_ns) {
    struct memlane_segment *segment = &share->variable.endpoint.segment;
    struct memlane_register_control *control = share->variable.reg.control;
    for (;;) {
        uint64_t seen;
        memlane_status status = memlane_taking_look(&share->taking, &seen);
        if (status != MEMLANE_EMPTY || memlane_segment_is_lost(segment)) {
            return status;
        }
        /* An array that is handed over in place comes back sooner than a wake-up takes. */
        if (deadline_ns != 0 &&
            memlane_patience_try(&share->variable.patience, is_decided, &share->taking, deadline_ns)) {
            continue;
        }
        status = memlane_wait_change(segment, &control->latest, &control->bell, seen, deadline_ns, WAIT_CHUNK_NS);
        if (deadline_ns != 0) {
            memlane_patience_wake(&share->variable.patience, memlane_platform_monotonic_ns());
        }
        if (status != MEMLANE_OK) {
            return status;
        }
    }
}

static memlane_status explain_wait(const memlane_share *share, memlane_status status, memlane_error *error) {
    switch (status) {
    case MEMLANE_TIMEOUT:
        return memlane_fail(error, status, "share '%s': no value was put in time", name_of(share));
    case MEMLANE_INTERRUPTED:
        return memlane_fail(error, status, "share '%s': a signal ended the wait", name_of(share));
    case MEMLANE_CLOSED:
        return memlane_endpoint_explain_closed(&share->variable.endpoint, error);
    case MEMLANE_CORRUPTED:
        return memlane_variable_explain_damage(&share->variable, error);
    default:
        return status;
    }
}

memlane_status memlane_share_wait(memlane_share *share, uint64_t deadline_ns, memlane_error *error) {
    struct memlane_endpoint *endpoint = &share->variable.endpoint;
    memlane_status status = memlane_endpoint_enter(endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = wait_untaken(share, deadline_ns);
    if (status == MEMLANE_TIMEOUT) {
        memlane_watch_settle(&endpoint->watch); /* another process took it: a loop must not come again for nothing */
    }
    return memlane_endpoint_finish(endpoint, explain_wait(share, status, error), error);
}

memlane_status memlane_share_take(memlane_share *share, uint64_t version, memlane_error *error) {
    struct memlane_endpoint *endpoint = &share->variable.endpoint;
    memlane_status status = memlane_endpoint_enter(endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = memlane_taking_take(&share->taking, version);
    if (status == MEMLANE_TAKEN) {
        memlane_explain(error, status, "share '%s': another get took the value first", name_of(share));
    }
    memlane_watch_settle(&endpoint->watch);
    return memlane_endpoint_finish(endpoint, status, error);
}

/* Another get took what was waited for, before this one could; EMPTY: a put uses its slot since. */
static bool was_faster(memlane_status status) {
    return status == MEMLANE_TAKEN || status == MEMLANE_EMPTY;
}

memlane_status memlane_share_get(memlane_share *share, void *buffer, uint64_t capacity, memlane_reading *reading,
                                 uint64_t deadline_ns, memlane_error *error) {
    memlane_status status;
    do {
        status = memlane_share_wait(share, deadline_ns, error);
        if (status == MEMLANE_OK) {
            status = memlane_variable_read(&share->variable, buffer, capacity, reading, error);
        }
        if (status == MEMLANE_OK) {
            status = memlane_share_take(share, reading->version, error);
        }
    } while (was_faster(status));
    return status;
}

memlane_status memlane_share_view(memlane_share *share, memlane_view *view, uint64_t deadline_ns,
                                  memlane_error *error) {
    memlane_status status;
    do {
        status = memlane_share_wait(share, deadline_ns, error);
        if (status == MEMLANE_OK) {
            status = memlane_variable_view(&share->variable, view, error);
        }
        if (status == MEMLANE_OK) {
            status = memlane_share_take(share, view->reading.version, error);
            if (status != MEMLANE_OK) {
                memlane_view_release(view);
            }
        }
    } while (was_faster(status));
    return status;
}

/* -- what was taken ------------------------------------------------------------------------------------------------ */

memlane_status memlane_share_clear(memlane_share *share, bool *dropped, memlane_error *error) {
    uint64_t latest;
    struct memlane_endpoint *endpoint = &share->variable.endpoint;
    memlane_status status = memlane_endpoint_enter(endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = memlane_taking_look(&share->taking, &latest);
    bool taken =
        status == MEMLANE_OK && memlane_taking_take(&share->taking, memlane_word_version(latest)) == MEMLANE_OK;
    if (dropped != NULL) {
        *dropped = taken;
    }
    memlane_watch_settle(&endpoint->watch);
    status = status == MEMLANE_CORRUPTED ? explain_wait(share, status, error) : MEMLANE_OK;
    return memlane_endpoint_finish(endpoint, status, error);
}

memlane_status memlane_share_taken(memlane_share *share, uint64_t *version, memlane_error *error) {
    memlane_status status = memlane_endpoint_enter(&share->variable.endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    *version = memlane_taking_newest(&share->taking);
    return memlane_endpoint_finish(&share->variable.endpoint, MEMLANE_OK, error);
}
