/* One open endpoint of an object of any kind: what every opener may ask for, who uses the endpoint, and how it ends. */
#ifndef MEMLANE_ENDPOINT_H
#define MEMLANE_ENDPOINT_H

#include "patience.h"
#include "schema.h"
#include "segment.h"
#include "watch.h"

#include <memlane/object.h>

/* The first member of each kind's handle, which memlane_endpoint_open() allocated. The low half of `users` counts what needs the mapping: 1
 * while open, each operation under way, each hold (a view, a loan, a call); at 0 everything goes back. The high half
 * counts the operations alone: a forked child, which has none of the threads that were in them, takes them off. Holds
 * stay: the child has what they belong to. `references` counts who knows the handle: the caller until free, and the
 * users together. */
struct memlane_endpoint {
    struct memlane_segment segment;
    memlane_atomic64 users;
    memlane_atomic32 references;
    memlane_atomic32 unfinished;   /* in a forked child: it was closed, and waited for operations that are gone */
    memlane_format *format;        /* of the object's values, or NULL. Set while opening; the last reference frees it */
    memlane_format *result_format; /* of a function, whose `format` is that of its arguments; or NULL. The same */
    void (*rouse)(struct memlane_endpoint *endpoint);  /* at close: this endpoint's own waiters look again; or NULL */
    void (*unbind)(struct memlane_endpoint *endpoint); /* after the segment was closed: private memory; or NULL */
    bool (*is_ready)(struct memlane_endpoint *endpoint, bool thorough); /* memlane_endpoint_make_pollable() */
    struct memlane_watch watch;
    struct memlane_patience patience; /* of tasks that wait for it in event loops */
};

/* One thing that an opener may ask for and the object has. */
struct memlane_term {
    const char *what; /* as the caller knows it, such as "max_size" */
    uint64_t wanted;  /* or MEMLANE_ANY */
    uint64_t found;
    memlane_status status; /* when they differ */
};

void memlane_object_options_initialise(memlane_object_options *options);

static inline uint64_t memlane_given_or(uint64_t given, uint64_t otherwise) {
    return given == MEMLANE_ANY ? otherwise : given;
}

/* Fills in what the kinds have in common; the kind adds its geometry, schema and agree(). MEMLANE_INVALID_NAME,
 * MEMLANE_INVALID_ARGUMENT. */
memlane_status memlane_endpoint_request(struct memlane_request *request, const struct memlane_kind *kind,
                                        const char *name, size_t length, const memlane_object_options *options,
                                        uint64_t default_participants, memlane_error *error);

/* Compares the common options and the kind's terms with what is there: for agree(). */
memlane_status memlane_endpoint_agree(const struct memlane_request *request, const memlane_object_options *options,
                                      const struct memlane_header *found, const struct memlane_term *terms,
                                      size_t count, memlane_error *error);

/* Compares the format that the caller asks for with the object's schema: for agree(). NULL adopts what is there. */
memlane_status memlane_endpoint_agree_on_format(const struct memlane_request *request, const memlane_format *asked,
                                                const struct memlane_header *found, const void *schema,
                                                memlane_error *error);

/* The same of a format that was decoded, NULL: values of any type; `what` says of what it is, where there are several,
 * or is empty. */
memlane_status memlane_endpoint_compare_formats(const struct memlane_request *request, const char *what,
                                                const memlane_format *asked, const memlane_format *there,
                                                memlane_error *error);

/* Decodes the schema of an opened object whose schema is a field table, where it has one. `size`: bytes that the object
 * has for a value. MEMLANE_CORRUPTED, MEMLANE_NO_MEMORY. */
memlane_status memlane_endpoint_keep_format(struct memlane_endpoint *endpoint, uint64_t size, memlane_error *error);

/* Opens or creates, and allocates the kind's handle: `size` bytes, zeros behind the endpoint. Afterwards the caller owns
 * one user and one reference: memlane_endpoint_free() gives both back. */
memlane_status memlane_endpoint_open(struct memlane_endpoint **endpoint, size_t size,
                                     const struct memlane_request *request, memlane_error *error);

/* Callbacks of a kind (struct memlane_kind): for those of whose locks and roles a forked child has none (D11), and whose
 * bytes nobody views. */
void memlane_endpoint_inherit_nothing(struct memlane_segment *segment, uint32_t fresh_index);
bool memlane_endpoint_no_view(struct memlane_segment *segment, uint32_t *cursor, uint64_t *offset, uint64_t *size);

/* Says when the endpoint has something to take: is_ready loads shared words only (thorough: and may ask for verdicts);
 * whoever publishes them rings a bell. Afterwards each taking ends with memlane_watch_settle(&endpoint->watch). */
void memlane_endpoint_make_pollable(struct memlane_endpoint *endpoint,
                                    bool (*is_ready)(struct memlane_endpoint *endpoint, bool thorough),
                                    memlane_atomic32 *bell, memlane_atomic32 *second_bell);

/* Whether an operation that takes would return at once, be it with an error. */
bool memlane_endpoint_is_ready(struct memlane_endpoint *endpoint, bool thorough);

/* Begins an operation: the mapping stays until leave or finish. MEMLANE_CLOSED, and what a forked child may meet that
 * has no place yet (memlane_segment_settle). */
memlane_status memlane_endpoint_enter(struct memlane_endpoint *endpoint, memlane_error *error);
void memlane_endpoint_leave(struct memlane_endpoint *endpoint);

/* The operation goes on as a hold, beyond the call that began it; until memlane_endpoint_release() or _depart(). */
void memlane_endpoint_stay(struct memlane_endpoint *endpoint);

/* A hold comes to its end as an operation, by leave or finish: a child that is forked from here on has nothing of it. */
void memlane_endpoint_conclude(struct memlane_endpoint *endpoint);

/* Enters and stays. */
memlane_status memlane_endpoint_enter_to_stay(struct memlane_endpoint *endpoint, memlane_error *error);

/* Ends an operation that came to `status`. Truncation shows here: what was read since were zeros. */
memlane_status memlane_endpoint_finish(struct memlane_endpoint *endpoint, memlane_status status, memlane_error *error);

/* The same for a hold. */
memlane_status memlane_endpoint_depart(struct memlane_endpoint *endpoint, memlane_status status, memlane_error *error);

/* Keeps mapping and descriptor until the matching release, also across a close. Only while the endpoint is open or
 * something of it is in use. */
void memlane_endpoint_hold(struct memlane_endpoint *endpoint);
void memlane_endpoint_release(struct memlane_endpoint *endpoint);

/* As the public functions of the kinds: close may be called twice; free accepts NULL. */
void memlane_endpoint_close(struct memlane_endpoint *endpoint);
void memlane_endpoint_free(struct memlane_endpoint *endpoint);

static inline bool memlane_endpoint_is_closing(const struct memlane_endpoint *endpoint) {
    return memlane_load32_acquire(&endpoint->segment.closing) != 0; /* pairs with the exchange in close */
}

/* The text for MEMLANE_CLOSED. */
memlane_status memlane_endpoint_explain_closed(const struct memlane_endpoint *endpoint, memlane_error *error);

/* The same two questions for every kind. They make system calls. */
bool memlane_endpoint_is_current(struct memlane_endpoint *endpoint);
bool memlane_endpoint_is_private(struct memlane_endpoint *endpoint);

#endif
