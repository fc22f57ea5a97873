#include "custody.h"
#include "endpoint.h"
#include "failure.h"
#include "kinds.h"
#include "participant.h"
#include "statistics.h"
#include "transaction.h"
#include "wait.h"

#include <memlane/buffer.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 8, /* one current, one being written; the others let readers finish while writers go on */
    WAIT_CHUNK_NS = 50000000,
    VERDICT_NS = 50000000, /* how long an owner that was seen alive counts as alive (D34) */
    CLOSE_PATIENCE_NS = 50000000,
    GLANCES = 1000 /* each failure needs slots - 1 transactions between two loads */
};

/* The beginning of a record. Written within transactions only. A stale owner is one that was valid a moment ago. The
 * owner's death makes the buffer invalid by the verdict on its tag, whatever `valid` says. */
struct buffer_head {
    uint32_t valid; /* 1 or 0 */
    uint32_t owner; /* tag of the endpoint that made it valid */
};
_Static_assert(sizeof(struct buffer_head) == MEMLANE_BUFFER_HEAD, "part of the interface");

struct memlane_buffer {
    struct memlane_endpoint endpoint;
    struct memlane_register reg;
    struct memlane_transaction transaction;
    memlane_atomic64 seen;         /* the newest version that was marked: what is newer makes the endpoint ready */
    memlane_atomic64 expects;      /* MEMLANE_ANY, or the version that counts in its stead */
    memlane_atomic32 living;       /* tag of an owner that was seen alive */
    memlane_atomic64 living_until; /* stored after it, loaded before it: the tag is then at least as new as the time */
};

/* -- the kind -------------------------------------------------------------------------------------------------- */

/* The body: a register, whose parts lie at multiples of 64, and the line of the lock behind it. */
static uint64_t body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants) {
    uint64_t size = memlane_register_body_size(geometry, participants);
    return size == 0 ? 0 : size + MEMLANE_LINE;
}

struct memlane_lock_word *memlane_buffer_lock(const struct memlane_segment *segment) {
    const struct memlane_header *header = &segment->header;
    uint64_t offset = memlane_register_body_size(header->geometry, header->participants_count);
    return (struct memlane_lock_word *)(void *)(segment->base + header->body_offset + offset);
}

static void clean(struct memlane_segment *segment, uint32_t index) {
    memlane_lock_clean(memlane_buffer_lock(segment), index);
    memlane_custody_clean(segment, index);
}

/* The record keeps the tag of an owner that died, until another one makes the buffer valid. */
static bool remembers(struct memlane_segment *segment, uint32_t tag) {
    struct memlane_register reg;
    memlane_register_locate(&reg, segment);
    for (int i = 0; i < GLANCES; i++) {
        struct memlane_glance glance;
        struct buffer_head head = {0};
        memlane_status status = memlane_register_glance(&reg, &glance);
        if (status == MEMLANE_OK && glance.length >= sizeof head) {
            memcpy(&head, glance.bytes, sizeof head);
        }
        if (status != MEMLANE_TIMEOUT && (status != MEMLANE_OK || memlane_register_still(&reg, &glance))) {
            return head.valid != 0 && head.owner == tag;
        }
    }
    return false; /* damaged: no such record will be read either */
}

/* The tasks that waited stayed in the parent. */
static void adopt(struct memlane_segment *segment) {
    memlane_buffer *buffer = (memlane_buffer *)(void *)segment;
    memlane_custody_adopt(segment);
    memlane_store_relaxed(&buffer->expects, MEMLANE_ANY); /* relaxed: the child has one thread */
}

const struct memlane_kind memlane_kind_of_buffers = {
    .code = MEMLANE_KIND_BUFFER,
    .body_size = body_size,
    .clean = clean,
    .remembers = remembers,
    .inherit = memlane_custody_inherit,
    .adopt = adopt,
    .next_view = memlane_custody_next_view,
};

/* -- the schema ------------------------------------------------------------------------------------------------ */

struct line {
    const char *text;
    uint32_t length;
};

static struct line next_line(const char **at, const char *end) {
    struct line line = {.text = *at};
    const char *newline = *at == end ? NULL : memchr(*at, '\n', (size_t)(end - *at));
    line.length = (uint32_t)((newline == NULL ? end : newline) - *at);
    *at = newline == NULL ? end : newline + 1;
    return line;
}

/* A line that is missing, or empty, is shown as "nothing". */
static const char *shown(struct line line) {
    return line.length == 0 ? "nothing" : line.text;
}

static int shown_length(struct line line) {
    const uint32_t longest = 200;
    return line.length == 0 ? (int)strlen("nothing") : (int)(line.length < longest ? line.length : longest);
}

/* Names the first line that differs. */
static memlane_status compare_schema(const memlane_buffer *buffer, const memlane_buffer_options *options,
                                     memlane_error *error) {
    const struct memlane_segment *segment = &buffer->endpoint.segment;
    const char *wanted = options->schema, *wanted_end = wanted + options->schema_length;
    const char *found = segment->schema == NULL ? "" : segment->schema; /* NULL where the creator gave none */
    const char *found_end = found + segment->header.schema_length;
    while (wanted < wanted_end || found < found_end) {
        struct line here = next_line(&wanted, wanted_end);
        struct line there = next_line(&found, found_end);
        if (here.length != there.length || memcmp(here.text, there.text, here.length) != 0) {
            return memlane_fail(
                error, MEMLANE_SCHEMA_MISMATCH,
                "buffer '%s' has another layout: %.*s here, %.*s there: use one catalog everywhere, or end the "
                "programs that use the buffer and memlane.unlink() it",
                segment->name.text, shown_length(here), shown(here), shown_length(there), shown(there));
        }
    }
    return MEMLANE_OK;
}

/* -- opening --------------------------------------------------------------------------------------------------- */

void memlane_buffer_options_initialise(memlane_buffer_options *options) {
    *options = (memlane_buffer_options){.size = MEMLANE_BUFFER_HEAD, .schema = ""};
    memlane_object_options_initialise(&options->object);
}

static memlane_status agree(const struct memlane_request *request, const struct memlane_header *found,
                            const void *schema, memlane_error *error) {
    (void)schema; /* compared by the caller, who knows its lines */
    const memlane_buffer_options *options = request->argument;
    return memlane_endpoint_agree(request, &options->object, found, NULL, 0, error);
}

static memlane_status make_request(struct memlane_request *request, const char *name, size_t length,
                                   const memlane_buffer_options *options, memlane_error *error) {
    memlane_status status = memlane_endpoint_request(request, &memlane_kind_of_buffers, name, length, &options->object,
                                                     MEMLANE_DEFAULT_PARTICIPANTS, error);
    if (status == MEMLANE_OK && (options->size < MEMLANE_BUFFER_HEAD || options->size > MEMLANE_BUFFER_SIZE_MAXIMUM ||
                                 options->schema_length > MEMLANE_SCHEMA_MAXIMUM)) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "buffer '%s': a record of %" PRIu64 " bytes and a layout of %" PRIu32
                            ": at most %d and %d are possible",
                            request->name.text, options->size, options->schema_length, MEMLANE_BUFFER_SIZE_MAXIMUM,
                            MEMLANE_SCHEMA_MAXIMUM);
    }
    memlane_register_shape(request->geometry, SLOTS, options->size);
    request->schema = options->schema;
    request->schema_length = options->schema_length;
    request->agree = agree;
    request->argument = (void *)(uintptr_t)options;
    return status;
}

static memlane_buffer *buffer_of(struct memlane_endpoint *endpoint) {
    return (memlane_buffer *)(void *)endpoint;
}

static void rouse(struct memlane_endpoint *endpoint) {
    memlane_wait_notify(&buffer_of(endpoint)->reg.control->bell);
}

static void unbind(struct memlane_endpoint *endpoint) {
    memlane_register_unbind(&buffer_of(endpoint)->reg);
    free(buffer_of(endpoint)->transaction.record);
}

static bool is_ready(struct memlane_endpoint *endpoint, bool thorough) {
    memlane_buffer *buffer = buffer_of(endpoint);
    (void)thorough; /* an owner's death changes nothing that could be taken */
    /* relaxed, both: a version that another thread marked a moment ago is reported once more, and whoever changes what is
     * expected looks again. */
    uint64_t expects = memlane_load_relaxed(&buffer->expects);
    uint64_t known = expects != MEMLANE_ANY ? expects : memlane_load_relaxed(&buffer->seen);
    return memlane_version_is_newer(memlane_register_version(&buffer->reg), known);
}

memlane_endpoint *memlane_buffer_endpoint(memlane_buffer *buffer) {
    return &buffer->endpoint;
}

void memlane_buffer_mark_seen(memlane_buffer *buffer, uint64_t version) {
    if (memlane_endpoint_enter(&buffer->endpoint, NULL) != MEMLANE_OK) {
        return;
    }
    /* relaxed, both: guards nothing. Threads that mark out of order leave the endpoint ready once too often. */
    if (memlane_version_is_newer(version, memlane_load_relaxed(&buffer->seen))) {
        memlane_store_relaxed(&buffer->seen, version);
    }
    memlane_watch_settle(&buffer->endpoint.watch);
    memlane_endpoint_leave(&buffer->endpoint);
}

void memlane_buffer_expect(memlane_buffer *buffer, uint64_t version) {
    if (memlane_endpoint_enter(&buffer->endpoint, NULL) == MEMLANE_OK) {
        memlane_store_relaxed(&buffer->expects, version); /* relaxed: the mutex of the watch orders it */
        memlane_watch_look_again(&buffer->endpoint.watch);
        memlane_endpoint_leave(&buffer->endpoint);
    }
}

/* What follows the opening of the segment. */
static memlane_status bind(memlane_buffer *buffer, const memlane_buffer_options *options, memlane_error *error) {
    struct memlane_segment *segment = &buffer->endpoint.segment;
    memlane_status status = memlane_register_bind(&buffer->reg, segment, error);
    buffer->endpoint.rouse = rouse;
    buffer->endpoint.unbind = unbind;
    buffer->transaction = (struct memlane_transaction){
        .reg = &buffer->reg, .lock = memlane_buffer_lock(segment), .size = buffer->reg.capacity};
    if (status == MEMLANE_OK) {
        status = compare_schema(buffer, options, error);
    }
    if (status == MEMLANE_OK && buffer->reg.capacity != options->size) {
        status =
            memlane_fail(error, MEMLANE_SIZE_MISMATCH,
                         "buffer '%s': a record of %" PRIu64 " bytes was asked for, the object has one of %" PRIu64,
                         segment->name.text, options->size, buffer->reg.capacity);
    }
    if (status == MEMLANE_OK) {
        buffer->transaction.record = calloc(1, (size_t)options->size);
        if (buffer->transaction.record == NULL) {
            status = memlane_fail(error, MEMLANE_NO_MEMORY, "no memory for a record of '%s'", segment->name.text);
        }
    }
    return status;
}

memlane_status memlane_buffer_open(memlane_buffer **buffer, const char *name, size_t length,
                                   const memlane_buffer_options *options, memlane_error *error) {
    struct memlane_request request;
    memlane_status status = make_request(&request, name, length, options, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    struct memlane_endpoint *made;
    status = memlane_endpoint_open(&made, sizeof(memlane_buffer), &request, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_buffer *opened = buffer_of(made);
    status = bind(opened, options, error);
    if (status != MEMLANE_OK) {
        memlane_endpoint_free(&opened->endpoint);
        return status;
    }
    memlane_store_relaxed(&opened->expects, MEMLANE_ANY); /* relaxed: nobody else knows the endpoint yet */
    memlane_endpoint_make_pollable(&opened->endpoint, is_ready, &opened->reg.control->bell, NULL);
    *buffer = opened;
    return MEMLANE_OK;
}

/* -- reading --------------------------------------------------------------------------------------------------- */

static memlane_status explain_damage(const memlane_buffer *buffer, memlane_error *error) {
    return memlane_fail(error, MEMLANE_CORRUPTED,
                        "buffer '%s': its shared words contradict each other: another program overwrote them; end the "
                        "programs that use it, remove it with memlane.unlink(), and open it anew",
                        buffer->endpoint.segment.name.text);
}

/* Whether this thread is in a transaction of an open endpoint. The transaction is a user of the endpoint to its end,
 * whoever closes it meanwhile: its parts and its looks need not enter, at two locked instructions each. */
static bool is_within(const memlane_buffer *buffer) {
    return memlane_transaction_is_inside(&buffer->transaction) && !memlane_endpoint_is_closing(&buffer->endpoint);
}

static bool owner_lives(memlane_buffer *buffer, uint32_t tag) {
    const struct memlane_segment *segment = &buffer->endpoint.segment;
    if (tag == segment->tag) {
        return true;
    }
    uint64_t now = memlane_platform_monotonic_ns();
    /* acquire, pairs with the release below: the tag is not older than the time. */
    if (now < memlane_load_acquire(&buffer->living_until) && memlane_load32_relaxed(&buffer->living) == tag) {
        return true;
    }
    if (memlane_participant_verdict_of_tag(segment, tag) == MEMLANE_DEAD) {
        return false;
    }
    memlane_store32_relaxed(&buffer->living, tag);
    memlane_store_release(&buffer->living_until, now + VERDICT_NS);
    return true;
}

void memlane_buffer_judge(const struct memlane_segment *segment, void *record, uint64_t size) {
    struct buffer_head head;
    if (size < sizeof head) {
        return; /* damaged */
    }
    memcpy(&head, record, sizeof head);
    if (head.valid != 0 && memlane_participant_verdict_of_tag(segment, head.owner) == MEMLANE_DEAD) {
        head.valid = 0;
        memcpy(record, &head, sizeof head);
    }
}

/* The transaction's own copy: no other thread touches it. */
static void look_within(memlane_buffer *buffer, const struct memlane_part *wanted, memlane_buffer_reading *reading) {
    const struct memlane_transaction *transaction = &buffer->transaction;
    struct buffer_head head;
    memcpy(&head, transaction->record, sizeof head);
    memcpy(wanted->bytes, transaction->record + wanted->offset, (size_t)wanted->size);
    reading->version = memlane_word_version(transaction->seen);
    reading->valid = head.valid != 0 && owner_lives(buffer, head.owner);
}

memlane_status memlane_buffer_read(memlane_buffer *buffer, uint64_t offset, void *bytes, uint64_t size,
                                   memlane_buffer_reading *reading, memlane_error *error) {
    struct memlane_endpoint *endpoint = &buffer->endpoint;
    struct buffer_head head;
    const struct memlane_part wanted = {.bytes = bytes, .offset = offset, .size = size};
    uint64_t latest;
    if (offset > buffer->reg.capacity || size > buffer->reg.capacity - offset) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT, "buffer '%s': its record has %" PRIu64 " bytes",
                            endpoint->segment.name.text, buffer->reg.capacity);
    }
    if (is_within(buffer) && !memlane_segment_is_lost(&endpoint->segment)) {
        look_within(buffer, &wanted, reading);
        return MEMLANE_OK;
    }
    memlane_status status = memlane_endpoint_enter(endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    const struct memlane_part parts[] = {{.bytes = &head, .size = sizeof head}, wanted};
    status = memlane_transaction_copy(&buffer->transaction, parts, 2, &latest);
    if (status == MEMLANE_OK) {
        reading->version = memlane_word_version(latest);
        reading->valid = head.valid != 0 && owner_lives(buffer, head.owner);
        memlane_statistics_add(&endpoint->segment, MEMLANE_COUNTER_READS, 1);
    } else {
        status = explain_damage(buffer, error);
    }
    return memlane_endpoint_finish(endpoint, status, error);
}

/* -- transactions ---------------------------------------------------------------------------------------------- */

static memlane_status explain_begin(const memlane_buffer *buffer, memlane_status status, memlane_error *error) {
    const char *name = buffer->endpoint.segment.name.text;
    switch (status) {
    case MEMLANE_TIMEOUT:
        return memlane_fail(error, status, "buffer '%s': another transaction went on until the time was over", name);
    case MEMLANE_INTERRUPTED:
        return memlane_fail(error, status, "buffer '%s': a signal ended the wait for another transaction", name);
    case MEMLANE_CLOSED:
        return memlane_endpoint_explain_closed(&buffer->endpoint, error);
    default:
        return explain_damage(buffer, error);
    }
}

/* With a deadline, or (`patient` false) by one look. The endpoint stays entered until the end of the transaction. */
static memlane_status begin(memlane_buffer *buffer, bool patient, uint64_t deadline_ns, void **record,
                            memlane_error *error) {
    struct memlane_endpoint *endpoint = &buffer->endpoint;
    bool is_part = is_within(buffer);
    memlane_status status = is_part ? MEMLANE_OK : memlane_endpoint_enter(endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = memlane_transaction_begin(&buffer->transaction, patient, deadline_ns); /* of a part it cannot fail */
    if (status != MEMLANE_OK) {
        return memlane_endpoint_finish(endpoint, explain_begin(buffer, status, error), error);
    }
    *record = buffer->transaction.record;
    return MEMLANE_OK;
}

memlane_status memlane_buffer_begin(memlane_buffer *buffer, uint64_t deadline_ns, void **record, memlane_error *error) {
    return begin(buffer, true, deadline_ns, record, error);
}

memlane_status memlane_buffer_try_begin(memlane_buffer *buffer, void **record, memlane_error *error) {
    return begin(buffer, false, 0, record, error);
}

static memlane_status explain_lost(const memlane_buffer *buffer, memlane_error *error) {
    return memlane_fail(error, MEMLANE_OWNERSHIP_LOST,
                        "buffer '%s': this thread has no transaction here any more (it began none, or did so before a "
                        "fork, or the process had been taken for dead); nothing was changed: begin it again",
                        buffer->endpoint.segment.name.text);
}

static memlane_status explain_end(const memlane_buffer *buffer, memlane_status status, memlane_error *error) {
    char holders[600];
    if (status != MEMLANE_NO_FREE_SLOT) {
        return explain_lost(buffer, error);
    }
    memlane_custody_describe(&buffer->reg, holders, sizeof holders);
    return memlane_fail(error, status, "buffer '%s': none of its %d places for a record is free (%s)",
                        buffer->endpoint.segment.name.text, SLOTS, holders);
}

static enum memlane_transaction_outcome outcome_within(memlane_buffer_outcome outcome) {
    switch (outcome) {
    case MEMLANE_BUFFER_CHANGED:
        return MEMLANE_TRANSACTION_CHANGED;
    case MEMLANE_BUFFER_UNCHANGED:
        return MEMLANE_TRANSACTION_UNCHANGED;
    default:
        return MEMLANE_TRANSACTION_DROP;
    }
}

memlane_status memlane_buffer_end(memlane_buffer *buffer, memlane_buffer_outcome outcome, memlane_error *error) {
    struct memlane_transaction *transaction = &buffer->transaction;
    if (!memlane_transaction_is_inside(transaction)) {
        return explain_lost(buffer, error);
    }
    bool is_part = transaction->depth > 1;
    memlane_status status = memlane_transaction_end(transaction, outcome_within(outcome));
    if (status != MEMLANE_OK) {
        status = explain_end(buffer, status, error);
    }
    return is_part ? MEMLANE_OK : memlane_endpoint_finish(&buffer->endpoint, status, error);
}

memlane_status memlane_buffer_set_valid(memlane_buffer *buffer, bool valid, memlane_error *error) {
    if (!memlane_transaction_is_inside(&buffer->transaction)) {
        return explain_lost(buffer, error);
    }
    struct buffer_head head = {.valid = valid, .owner = valid ? buffer->endpoint.segment.tag : 0};
    memcpy(buffer->transaction.record, &head, sizeof head);
    buffer->transaction.changed = true;
    return MEMLANE_OK;
}

/* -- closing --------------------------------------------------------------------------------------------------- */

static bool is_ours(memlane_buffer *buffer) {
    struct buffer_head head;
    memlane_buffer_reading reading;
    return memlane_buffer_read(buffer, 0, &head, sizeof head, &reading, NULL) == MEMLANE_OK && head.valid != 0 &&
           head.owner == buffer->endpoint.segment.tag;
}

/* Where somebody stands still in a transaction the others learn it by the verdict on our tag. */
static void retire(memlane_buffer *buffer) {
    void *record;
    uint64_t deadline_ns = memlane_platform_monotonic_ns() + CLOSE_PATIENCE_NS;
    if (is_ours(buffer) && memlane_buffer_begin(buffer, deadline_ns, &record, NULL) == MEMLANE_OK) {
        bool still = is_ours(buffer);
        if (still) {
            memlane_buffer_set_valid(buffer, false, NULL);
        }
        memlane_buffer_end(buffer, MEMLANE_BUFFER_UNCHANGED, NULL);
    }
}

void memlane_buffer_close(memlane_buffer *buffer) {
    if (!memlane_endpoint_is_closing(&buffer->endpoint)) {
        retire(buffer);
    }
    memlane_endpoint_close(&buffer->endpoint);
}

void memlane_buffer_free(memlane_buffer *buffer) {
    if (buffer != NULL) {
        memlane_buffer_close(buffer);
        memlane_endpoint_free(&buffer->endpoint);
    }
}

/* -- waiting --------------------------------------------------------------------------------------------------- */

static memlane_status wait_newer(memlane_buffer *buffer, uint64_t version, uint64_t deadline_ns, uint64_t *newest) {
    struct memlane_segment *segment = &buffer->endpoint.segment;
    memlane_atomic64 *word = &buffer->reg.control->latest;
    for (;;) {
        uint64_t seen = memlane_load_acquire(word); /* acquire: as any reader of the word */
        *newest = memlane_word_version(seen);
        if (memlane_version_is_newer(*newest, version) || memlane_segment_is_lost(segment)) {
            return MEMLANE_OK;
        }
        memlane_status status =
            memlane_wait_change(segment, word, &buffer->reg.control->bell, seen, deadline_ns, WAIT_CHUNK_NS);
        if (status != MEMLANE_OK) {
            return status;
        }
    }
}

static memlane_status explain_wait(const memlane_buffer *buffer, memlane_status status, memlane_error *error) {
    const char *name = buffer->endpoint.segment.name.text;
    switch (status) {
    case MEMLANE_TIMEOUT:
        return memlane_fail(error, status, "buffer '%s': nothing changed in time", name);
    case MEMLANE_INTERRUPTED:
        return memlane_fail(error, status, "buffer '%s': a signal ended the wait", name);
    case MEMLANE_CLOSED:
        return memlane_endpoint_explain_closed(&buffer->endpoint, error);
    default:
        return status;
    }
}

memlane_status memlane_buffer_wait(memlane_buffer *buffer, uint64_t version, uint64_t deadline_ns, uint64_t *newest,
                                   memlane_error *error) {
    memlane_status status = memlane_endpoint_enter(&buffer->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    status = explain_wait(buffer, wait_newer(buffer, version, deadline_ns, newest), error);
    return memlane_endpoint_finish(&buffer->endpoint, status, error);
}

/* -- what it is and was ---------------------------------------------------------------------------------------- */

void memlane_buffer_describe(const memlane_buffer *buffer, memlane_buffer_properties *properties) {
    const struct memlane_segment *segment = &buffer->endpoint.segment;
    *properties = (memlane_buffer_properties){
        .size = buffer->reg.capacity,
        .participants = segment->header.participants_count,
        .ephemeral = (segment->header.flags & MEMLANE_FLAG_EPHEMERAL) != 0,
        .name = segment->name.text,
        .directory = segment->directory,
        .schema = segment->schema,
        .schema_length = segment->header.schema_length,
    };
    memcpy(properties->uuid, segment->header.uuid, sizeof properties->uuid);
}

memlane_status memlane_buffer_statistics_read(memlane_buffer *buffer, memlane_buffer_statistics *statistics,
                                              memlane_error *error) {
    struct memlane_segment *segment = &buffer->endpoint.segment;
    uint64_t sum[MEMLANE_COUNTERS];
    memlane_status status = memlane_endpoint_enter(&buffer->endpoint, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memlane_statistics_sum(segment, sum);
    *statistics = (memlane_buffer_statistics){
        .writes = sum[MEMLANE_COUNTER_WRITES],
        .reads = sum[MEMLANE_COUNTER_READS],
        .retries = sum[MEMLANE_COUNTER_RETRIES],
        .recovered = sum[MEMLANE_COUNTER_RECOVERED],
        .version = memlane_register_version(&buffer->reg),
        .live_participants = memlane_participant_survey(segment, NULL, 0),
        .is_current = memlane_segment_is_current(segment),
    };
    return memlane_endpoint_finish(&buffer->endpoint, MEMLANE_OK, error);
}

bool memlane_buffer_is_current(memlane_buffer *buffer) {
    return memlane_endpoint_is_current(&buffer->endpoint);
}
