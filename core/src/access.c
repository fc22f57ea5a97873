/* Reading a variable: copies, and views. */
#include "variable_kind.h"

#include "failure.h"
#include "mapping.h"
#include "statistics.h"

#include <inttypes.h>
#include <string.h>

enum {
    OPTIMISTIC_ATTEMPTS = 3, /* then a pin: a writer that laps a reader three times may do so for ever */
    ATTEMPTS_MAXIMUM = 10000 /* with every pin of the endpoint in use by views */
};

#define NO_PIN UINT32_MAX

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

/* -- reading --------------------------------------------------------------------------------------------------- */

static memlane_status explain_reading(const memlane_variable *variable, memlane_status status, memlane_error *error) {
    const char *kind = memlane_variable_kind_name(variable), *name = variable->endpoint.segment.name.text;
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
                                      memlane_variable_kind_name(variable), variable->endpoint.segment.name.text,
                                      reading->size, capacity);
        }
    }
}

/* -- views ----------------------------------------------------------------------------------------------------- */

static memlane_status map_view(memlane_variable *variable, memlane_error *error) {
    memlane_mutex_lock(&variable->endpoint.segment.mutex);
    memlane_status status = memlane_mapping_view(&variable->endpoint.segment, error);
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
