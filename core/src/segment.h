/* One named piece of shared memory, as one endpoint sees it: create, open, validate, map, attach, unlink. */
#ifndef MEMLANE_SEGMENT_H
#define MEMLANE_SEGMENT_H

#include "directory.h"
#include "layout.h"
#include "names.h"
#include "platform.h"
#include "trap.h"

#include <memlane/status.h>

struct memlane_segment;

/* What a kind of object adds to a segment. Set once by the layer above; callbacks run under the byte lock of the
 * index. */
struct memlane_kind {
    uint32_t code;
    /* Size of the body for this geometry and number of participants; 0 where the geometry is impossible. Also used on
     * geometry from shared memory: every sum is checked. */
    uint64_t (*body_size)(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants);
    /* Faults the pages in when they are mapped: for objects whose every byte will be used, so that no access pays for a
     * page's first touch, which costs several times what copying the page costs. */
    bool populates;
    /* Bytes of the body that are reserved at creation, for kinds that reserve the rest piece by piece; NULL: all. For
     * geometry that body_size() accepted. */
    uint64_t (*fixed_size)(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants);
    /* Takes back all that belonged to the index. Idempotent: it may be killed anywhere and repeated. */
    void (*clean)(struct memlane_segment *segment, uint32_t index);
    /* Whether the object remembers the tag as that of an owner whose death it is to tell: generations go round, and a new
     * owner of the index must not be taken for that one. NULL: what is cleaned is all that names an owner. */
    bool (*remembers)(struct memlane_segment *segment, uint32_t tag);
    /* Fork: copies to the fresh index what the child keeps (pins of live views). */
    void (*inherit)(struct memlane_segment *segment, uint32_t fresh_index);
    /* Fork, in the child: the endpoint's private state now belongs to the fresh index, or to none
     * (!segment->attached). */
    void (*adopt)(struct memlane_segment *segment);
    /* Fork, in prepare: true and the range within the segment for the next live view; for private copies. */
    bool (*next_view)(struct memlane_segment *segment, uint32_t *cursor, uint64_t *offset, uint64_t *size);
};

/* What the opener asks for. */
struct memlane_request {
    const struct memlane_kind *kind;
    struct memlane_object_name name;
    const char *directory; /* NULL: the default */
    struct memlane_sharing sharing;
    uint32_t participants;
    uint64_t geometry[MEMLANE_GEOMETRY_WORDS]; /* to create with */
    const void *schema;
    uint32_t schema_length;
    bool create;               /* false: a missing object is MEMLANE_NOT_FOUND */
    bool ephemeral;            /* to create with */
    const unsigned char *uuid; /* accept only this object, or NULL */
    /* Compares what was asked for with what is there (`schema` is a private copy, of header->schema_length bytes); fills
     * error with both sides. May be NULL. */
    memlane_status (*agree)(const struct memlane_request *request, const struct memlane_header *found,
                            const void *schema, memlane_error *error);
    void *argument; /* of agree */
};

/* What fork() prepared for the child of this endpoint. Used only while the fork is going on, under the fork mutex. */
struct memlane_inheritance {
    int descriptor; /* a second description with a byte lock of its own, or -1 */
    uint32_t index;
    void *copy; /* where no index was free: private copies of the live views, or NULL */
};

/* Private to the process. Immutable while open, but for what the comments say. */
struct memlane_segment {
    const struct memlane_kind *kind;
    void *owner;                    /* the object above (a register), for the kind's callbacks */
    struct memlane_header header;   /* the private copy: geometry is never read from shared memory again */
    void *schema;                   /* private copy, or NULL */
    uint64_t device, inode;         /* of the file behind the descriptor (D12) */
    unsigned char *base;            /* the whole file, readable and writable */
    const unsigned char *view_base; /* the whole file, read-only; mapped when first asked for, under mutex */
    size_t size;
    int descriptor;              /* carries the byte lock of index; changes at fork; -1: lost to a foreign close */
    int guard;                   /* of the trap */
    memlane_atomic32 view_guard; /* the same plus one: set by the first view while other threads look */
    uint32_t index, tag;         /* of this endpoint; change at fork */
    memlane_atomic32 attached;   /* 0 in a forked child for which no index was free, until it settles; tag: none then */
    memlane_atomic32 closing;    /* 1: waiters leave with MEMLANE_CLOSED */
    memlane_mutex mutex;         /* the endpoint's pins and views; never held while waiting or in shared states */
    struct memlane_sharing sharing;
    struct memlane_object_name name;
    char *directory;                         /* the path that it was opened in */
    struct memlane_segment *next, *previous; /* registry of open segments (fork.c) */
    struct memlane_inheritance inheritance;
    void (*forget_operations)(struct memlane_segment *segment); /* of an endpoint, in a forked child; or NULL */
    void *inherited_views; /* in a forked child: mapping of the private copies, unmapped with the rest */
};

/* Opens, or creates when it is missing and request->create. On success the endpoint is attached. Not
 * async-signal-safe. */
memlane_status memlane_segment_open(struct memlane_segment *segment, const struct memlane_request *request,
                                    memlane_error *error);

/* Keeps a copy of the object's schema, if it has one. `cure` is the advice in the text where it is damaged.
 * MEMLANE_NO_MEMORY, MEMLANE_CORRUPTED. */
memlane_status memlane_segment_keep_schema(struct memlane_segment *segment, const char *cure, memlane_error *error);

/* Detaches and unmaps; the last endpoint of an ephemeral object also removes its name. */
void memlane_segment_close(struct memlane_segment *segment);

static inline bool memlane_segment_is_attached(const struct memlane_segment *segment) {
    /* acquire, pairs with the release in memlane_participant_adopt: index and tag are those that were attached. */
    return memlane_load32_acquire(&segment->attached) != 0;
}

/* A forked child for which no index was free attaches now: MEMLANE_OK, MEMLANE_TOO_MANY_PARTICIPANTS,
 * MEMLANE_SYSTEM. */
memlane_status memlane_segment_settle(struct memlane_segment *segment, memlane_error *error);

static inline int memlane_segment_view_guard(const struct memlane_segment *segment) {
    /* relaxed: a guard that this thread does not see yet guards nothing that it has read. */
    return (int)memlane_load32_relaxed(&segment->view_guard) - 1;
}

/* Whether the file was truncated under the mapping: then zeros are there now. Every operation ends with it.
 * Wait-free. */
static inline bool memlane_segment_is_lost(const struct memlane_segment *segment) {
    return memlane_trap_sprung(segment->guard) || memlane_trap_sprung(memlane_segment_view_guard(segment));
}

/* The text for MEMLANE_CORRUPTED in that case. */
void memlane_segment_explain_loss(const struct memlane_segment *segment, memlane_error *error);

/* The text for a descriptor that is not ours any more, and MEMLANE_OWNERSHIP_LOST. */
memlane_status memlane_segment_explain_lost_descriptor(const struct memlane_segment *segment, memlane_error *error);

/* Whether the name still leads to this object. */
bool memlane_segment_is_current(const struct memlane_segment *segment);

/* Whether nobody but this user (and root) can write to the object, now and when it was opened. */
bool memlane_segment_is_private(const struct memlane_segment *segment);

#endif
