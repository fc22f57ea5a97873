#define _GNU_SOURCE
#include "victim.h"

#include "../check.h"
#include "../lock_object.h"
#include "guarded.h"
#include "victim_objects.h"

enum { MAX_SIZE = 1000, SLOTS = 12 };

static struct {
    memlane_variable *variable;
    struct memlane_segment locks;
    bool has_locks;
} victim;

const char *victim_operation_name(unsigned kind) {
    return guarded_name(kind);
}

/* -- the variable -------------------------------------------------------------------------------------------------- */

static void close_variable(void) {
    if (victim.variable != NULL) {
        guarded_begin(CLOSE, 0);
        memlane_variable_free(victim.variable);
        victim.variable = NULL;
        guarded_end(MEMLANE_OK);
    }
}

/* Opens what is there, however damaged; what cannot be opened is made anew. */
static bool open_variable(void) {
    memlane_error error;
    memlane_variable_options options;
    memlane_variable_options_initialise(&options);
    options.object.directory = check_directory;
    options.max_size = MAX_SIZE;
    options.slots = SLOTS;
    options.object.participants = PARTICIPANTS;
    guarded_begin(OPEN, SYSTEM_NS);
    if (guarded_end(memlane_variable_open(&victim.variable, "value", NAME_LENGTH, &options, &error)) != MEMLANE_OK) {
        victim.variable = NULL;
        guarded_remove("value");
        return false;
    }
    return true;
}

static void write_value(bool *is_lost) {
    unsigned char bytes[MAX_SIZE];
    memlane_error error;
    memset(bytes, (int)guarded_draw(256), sizeof bytes);
    uint64_t deadline = guarded_begin(WRITE, PATIENCE_NS);
    guarded_note_loss(
        guarded_end(memlane_variable_write(victim.variable, bytes, 1 + guarded_draw(MAX_SIZE), 1, deadline, &error)),
        &error, is_lost);
}

static void read_value(bool *is_lost) {
    unsigned char bytes[MAX_SIZE];
    memlane_error error;
    memlane_reading reading;
    guarded_begin(READ, 0);
    guarded_note_loss(guarded_end(memlane_variable_read(victim.variable, bytes, sizeof bytes, &reading, &error)),
                      &error, is_lost);
}

static void view_value(bool *is_lost) {
    memlane_error error;
    memlane_view view;
    guarded_begin(VIEW, 0);
    memlane_status status = guarded_end(memlane_variable_view(victim.variable, &view, &error));
    guarded_note_loss(status, &error, is_lost);
    if (status == MEMLANE_OK) {
        guarded_touch(view.bytes, view.reading.size);
        guarded_begin(RELEASE, 0);
        memlane_view_release(&view);
        guarded_end(MEMLANE_OK);
    }
}

static void lend_value(bool *is_lost) {
    memlane_error error;
    memlane_loan loan;
    uint64_t deadline = guarded_begin(LOAN, PATIENCE_NS);
    memlane_status status = guarded_end(memlane_variable_loan(victim.variable, &loan, deadline, &error));
    guarded_note_loss(status, &error, is_lost);
    if (status != MEMLANE_OK) {
        return;
    }
    memset(loan.bytes, (int)guarded_draw(256), loan.capacity);
    if (guarded_draw(2) == 0) {
        guarded_begin(DROP, 0);
        memlane_loan_drop(&loan);
        guarded_end(MEMLANE_OK);
        return;
    }
    guarded_begin(COMMIT, 0);
    guarded_note_loss(guarded_end(memlane_loan_commit(&loan, guarded_draw(MAX_SIZE), 1, NULL, &error)), &error,
                      is_lost);
}

static void wait_for_value(bool *is_lost) {
    memlane_error error;
    uint64_t newest;
    uint64_t deadline = guarded_begin(WAIT, PATIENCE_NS);
    guarded_note_loss(
        guarded_end(memlane_variable_wait(victim.variable, guarded_draw(2000), deadline, &newest, &error)), &error,
        is_lost);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): one of many operations */
static void look_at_version(bool *is_lost) {
    uint64_t version;
    (void)is_lost; /* no text: the next operation tells */
    guarded_begin(VERSION, 0);
    guarded_end(memlane_variable_version(victim.variable, &version));
}

static void read_statistics(bool *is_lost) {
    memlane_error error;
    memlane_variable_statistics statistics;
    guarded_begin(STATISTICS, 0);
    guarded_note_loss(guarded_end(memlane_variable_statistics_read(victim.variable, &statistics, &error)), &error,
                      is_lost);
}

typedef void operation(bool *is_lost);

enum { TURNS = 8 };

/* A write makes good what was damaged last; without one the damage stays. */
static operation *const reading[TURNS] = {
    read_value, view_value, read_value, view_value, read_value, wait_for_value, read_value, read_statistics,
};
static operation *const mixed[TURNS] = {
    read_value, view_value, write_value, lend_value, wait_for_value, look_at_version, read_value, read_statistics,
};

/* -- the locks ------------------------------------------------------------------------------------------------------ */

static void close_locks(void) {
    if (victim.has_locks) {
        guarded_begin(CLOSE, 0);
        lock_object_close(&victim.locks);
        victim.has_locks = false;
        guarded_end(MEMLANE_OK);
    }
}

static void use_lock(void) {
    memlane_error error;
    uint32_t token;
    if (!victim.has_locks) {
        guarded_begin(OPEN, SYSTEM_NS);
        victim.has_locks = guarded_end(lock_object_try_open(&victim.locks, PARTICIPANTS, &error)) == MEMLANE_OK;
    }
    if (!victim.has_locks) {
        guarded_remove("locks");
        return;
    }
    struct lock_object *object = lock_object_of(&victim.locks);
    size_t place = (size_t)guarded_draw(LOCKS);
    uint64_t deadline = guarded_begin(LOCK, PATIENCE_NS);
    memlane_status status =
        guarded_end(memlane_lock_acquire(&victim.locks, &object->place[place].lock, deadline, &token));
    if (status == MEMLANE_OK || status == MEMLANE_OWNER_DIED) {
        object->place[place].guarded++;
        guarded_begin(UNLOCK, 0);
        guarded_end(memlane_lock_release(&victim.locks, &object->place[place].lock, token));
    }
    if (memlane_segment_is_lost(&victim.locks)) {
        guarded_count_loss();
        close_locks();
    }
}

/* A round: an endpoint for a while, or until its object is lost. */
static void use_variable(void) {
    enum { OPERATIONS = 400 };
    operation *const *turns = guarded_draw(2) == 0 ? mixed : reading;
    bool is_lost = false;
    for (uint64_t left = guarded_draw(OPERATIONS); left > 0 && !is_lost; left--) {
        turns[guarded_draw(TURNS)](&is_lost);
        if (guarded_draw(16) == 0) {
            use_lock();
        }
        if (guarded_draw(6) == 0) {
            victim_use_channel();
        }
        if (guarded_draw(6) == 0) {
            victim_use_function();
        }
        if (guarded_draw(6) == 0) {
            victim_use_map();
        }
    }
}

_Noreturn void victim_run(struct board *board, const char *directory, uint64_t seed) {
    enum { REMOVE_ONE_IN = 4 };
    guarded_prepare(board, directory, seed);
    snprintf(check_directory, sizeof check_directory, "%s", directory);
    for (;;) {
        if (!open_variable()) {
            continue;
        }
        use_variable();
        close_variable();
        if (guarded_draw(REMOVE_ONE_IN) == 0) {
            close_locks();
            victim_close_channel();
            victim_close_function();
            victim_close_map();
            guarded_remove("value");
            guarded_remove("locks");
            guarded_remove("bytes");
            guarded_remove("calls");
            guarded_remove("pages");
        }
    }
}
