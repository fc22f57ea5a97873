/* A variable as the kinds that are built on one see it: a share is a variable whose values are taken. */
#ifndef MEMLANE_VARIABLE_KIND_H
#define MEMLANE_VARIABLE_KIND_H

#include "endpoint.h"
#include "header.h"
#include "patience.h"
#include "register.h"

#include <memlane/variable.h>

struct memlane_variable;

/* What distinguishes a kind whose body begins with a register. The first member is what all kinds have. */
struct memlane_variable_kind {
    struct memlane_kind base;
    size_t handle_size;    /* of the handle, which begins with a struct memlane_variable */
    const char *size_word; /* how callers call the size, for texts */
    uint64_t headroom;     /* bytes that fit into a slot beyond the size that callers name */
    uint64_t default_size, default_slots;
    void (*before_loan)(struct memlane_variable *variable); /* NULL: nothing */
};

struct memlane_variable {
    struct memlane_endpoint endpoint;
    struct memlane_register reg;
    const struct memlane_variable_kind *kind;
    struct memlane_patience patience; /* of waits for a newer value */
    memlane_atomic64 seen;    /* the newest version that was returned here: what is newer makes the endpoint ready */
    memlane_atomic64 expects; /* MEMLANE_ANY, or the version that counts in its stead */
};

/* For texts: "variable". */
static inline const char *memlane_variable_kind_name(const memlane_variable *variable) {
    return memlane_kind_name(variable->kind->base.code);
}

/* What a glance tells callers of its value. */
static inline memlane_reading memlane_reading_of(const struct memlane_glance *glance) {
    return (memlane_reading){
        .version = memlane_word_version(glance->latest),
        .sequence = glance->sequence,
        .size = glance->length,
        .monotonic_ns = glance->monotonic_ns,
        .real_ns = glance->real_ns,
        .type = glance->type,
    };
}

/* As memlane_variable_open(), which it is for the kind "variable". options->max_size is the size that callers name. */
memlane_status memlane_variable_open_kind(memlane_variable **variable, const struct memlane_variable_kind *kind,
                                          const char *name, size_t length, const memlane_variable_options *options,
                                          memlane_error *error);

/* The text for MEMLANE_CORRUPTED, and that status. */
memlane_status memlane_variable_explain_damage(const memlane_variable *variable, memlane_error *error);

#endif
