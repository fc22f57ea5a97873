#define _GNU_SOURCE
#include "actor.h"

#include "../check.h"

struct actor {
    struct actor_start start;
    memlane_variable *variable;
    uint64_t random, sequence, seen; /* seen: newest version that this actor knows of */
    _Alignas(64) unsigned char bytes[PAYLOAD_MAXIMUM + 8];
};

static uint64_t draw(struct actor *self, uint64_t below) {
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random % below;
}

static void count(memlane_atomic64 *counter) {
    memlane_add_relaxed(counter, 1);
}

static void begin(struct actor *self) {
    memlane_store32_release(&self->start.mark->activity, ACTIVITY_CALL);
}

static void report(struct actor *self, memlane_atomic64 *counter, const char *what) {
    count(counter);
    fprintf(stderr, "soak: process %d: %s\n", (int)getpid(), what);
    (void)self;
}

/* Ends a call that has to succeed. */
static bool end(struct actor *self, enum activity next, memlane_status status, const memlane_error *error) {
    struct mark *mark = self->start.mark;
    count(&mark->calls);
    memlane_store32_release(&mark->activity, (uint32_t)next);
    if (status == MEMLANE_OK) {
        return true;
    }
    bool gave_up = status == MEMLANE_NO_FREE_SLOT || status == MEMLANE_TIMEOUT;
    report(self, gave_up ? &mark->blocked : &mark->failed, error->message);
    memlane_store32_release(&mark->activity, ACTIVITY_OUTSIDE);
    return false;
}

static uint64_t deadline(void) {
    return check_now() + SOAK_DEADLINE_NS;
}

static void open_endpoint(struct actor *self) {
    memlane_variable_options options;
    memlane_error error;
    memlane_variable_options_initialise(&options);
    options.object.directory = self->start.directory;
    options.object.create = false;
    begin(self);
    memlane_status status = memlane_variable_open(&self->variable, SOAK_NAME, strlen(SOAK_NAME), &options, &error);
    if (!end(self, ACTIVITY_OUTSIDE, status, &error)) {
        _exit(1);
    }
}

static void close_endpoint(struct actor *self) {
    begin(self);
    memlane_variable_free(self->variable);
    end(self, ACTIVITY_OUTSIDE, MEMLANE_OK, NULL);
}

/* -- writing -------------------------------------------------------------------------------------------------- */

static struct payload_origin next_origin(struct actor *self) {
    return (struct payload_origin){.writer = self->start.identity, .sequence = ++self->sequence};
}

/* One write of a pipe's atomic size: whole or not at all. */
static void acknowledge(struct actor *self, uint64_t version, bool is_exact) {
    struct acknowledgement done = {
        .origin = {.writer = self->start.identity, .sequence = self->sequence},
        .version = version,
        .is_exact = is_exact,
    };
    count(&self->start.mark->commits);
    if (write(self->start.acknowledgements, &done, sizeof done) != (ssize_t)sizeof done) {
        report(self, &self->start.mark->failed, "the pipe of acknowledgements is gone");
        _exit(1);
    }
}

static void write_value(struct actor *self) {
    memlane_error error;
    uint64_t version = 0;
    size_t size = payload_fill(self->bytes, next_origin(self));
    begin(self);
    memlane_status status = memlane_variable_write(self->variable, self->bytes, size, 1, deadline(), &error);
    if (!end(self, ACTIVITY_OUTSIDE, status, &error)) {
        return;
    }
    begin(self);
    status = memlane_variable_version(self->variable, &version);
    if (end(self, ACTIVITY_OUTSIDE, status, &(memlane_error){.message = "no version"})) {
        acknowledge(self, version, false);
    }
}

static void lend_value(struct actor *self) {
    enum { DROPPED = 8 };
    memlane_error error;
    memlane_loan loan;
    uint64_t version = 0;
    begin(self);
    if (!end(self, ACTIVITY_HOLDING, memlane_variable_loan(self->variable, &loan, deadline(), &error), &error)) {
        return;
    }
    size_t size = payload_fill(loan.bytes, next_origin(self));
    begin(self);
    if (draw(self, DROPPED) == 0) {
        memlane_loan_drop(&loan);
        end(self, ACTIVITY_OUTSIDE, MEMLANE_OK, NULL);
        return;
    }
    memlane_status status = memlane_loan_commit(&loan, size, 1, &version, &error);
    if (end(self, ACTIVITY_OUTSIDE, status, &error)) {
        acknowledge(self, version, version != 0);
    }
}

/* -- reading -------------------------------------------------------------------------------------------------- */

static void examine(struct actor *self, const void *bytes, const memlane_reading *reading) {
    struct payload_origin origin;
    if (!payload_check(bytes, (size_t)reading->size, &origin)) {
        report(self, &self->start.mark->torn, "a torn value");
    }
    if (reading->version < self->seen) {
        report(self, &self->start.mark->fallen, "an older version than the one read before");
    }
    self->seen = reading->version;
}

static void read_value(struct actor *self) {
    memlane_error error;
    memlane_reading reading;
    begin(self);
    memlane_status status = memlane_variable_read(self->variable, self->bytes, PAYLOAD_MAXIMUM, &reading, &error);
    if (end(self, ACTIVITY_OUTSIDE, status, &error)) {
        examine(self, self->bytes, &reading);
    }
}

static void wait_for_value(struct actor *self) {
    memlane_error error;
    uint64_t newest;
    begin(self);
    memlane_status status = memlane_variable_wait(self->variable, self->seen, deadline(), &newest, &error);
    end(self, ACTIVITY_OUTSIDE, status == MEMLANE_INTERRUPTED ? MEMLANE_OK : status, &error);
}

static bool take_view(struct actor *self, memlane_view *view) {
    memlane_error error;
    begin(self);
    if (!end(self, ACTIVITY_HOLDING, memlane_variable_view(self->variable, view, &error), &error)) {
        return false;
    }
    examine(self, view->bytes, &view->reading);
    return true;
}

static void give_view_back(struct actor *self, memlane_view *view, const struct payload_origin *first) {
    struct payload_origin last;
    if (!payload_check(view->bytes, (size_t)view->reading.size, &last) || last.writer != first->writer ||
        last.sequence != first->sequence) {
        report(self, &self->start.mark->changed, "a view that changed while it was held");
    }
    begin(self);
    memlane_view_release(view);
    end(self, ACTIVITY_OUTSIDE, MEMLANE_OK, NULL);
}

static struct payload_origin origin_of(const memlane_view *view) {
    const uint64_t *words = view->bytes;
    return (struct payload_origin){.writer = words[0], .sequence = words[1]};
}

/* Holds a view while others write, and a second one of a newer version within it. */
static void view_value(struct actor *self) {
    enum { HELD_NS = 2000000 };
    memlane_view older, newer;
    if (!take_view(self, &older)) {
        return;
    }
    struct payload_origin origin = origin_of(&older);
    nanosleep(&(struct timespec){.tv_nsec = (long)draw(self, HELD_NS)}, NULL);
    if (take_view(self, &newer)) {
        struct payload_origin second = origin_of(&newer);
        give_view_back(self, &newer, &second);
    }
    give_view_back(self, &older, &origin);
}

static void read_statistics(struct actor *self) {
    memlane_error error;
    memlane_variable_statistics statistics;
    begin(self);
    end(self, ACTIVITY_OUTSIDE, memlane_variable_statistics_read(self->variable, &statistics, &error), &error);
}

/* -- forking -------------------------------------------------------------------------------------------------- */

/* The parent's loan must not be the child's to commit. */
static void try_loan_of_parent(struct actor *self, memlane_loan *loan) {
    memlane_error error = {.message = "a child committed its parent's loan"};
    begin(self);
    memlane_status status = memlane_loan_commit(loan, PAYLOAD_MINIMUM, 1, NULL, &error);
    memlane_status wanted = status == MEMLANE_OWNERSHIP_LOST ? MEMLANE_OK : MEMLANE_OWNERSHIP_LOST;
    end(self, ACTIVITY_OUTSIDE, wanted, &error);
}

/* A child goes on using the endpoint, also after its parent's death; it ends by itself. */
_Noreturn static void run_child(struct actor *self, struct mark *mark, memlane_view *view, memlane_loan *loan,
                                const struct payload_origin *origin) {
    enum { TURNS = 200 };
    self->start.mark = mark;
    self->start.identity++;
    self->sequence = 0;
    try_loan_of_parent(self, loan);
    for (uint64_t turn = draw(self, TURNS); turn > 0; turn--) {
        write_value(self);
        read_value(self);
        lend_value(self);
    }
    give_view_back(self, view, origin);
    close_endpoint(self);
    _exit(0);
}

static void reap_child(struct actor *self, pid_t child) {
    int status;
    memlane_store32_release(&self->start.mark->activity, ACTIVITY_CHILD);
    if (draw(self, 2) == 0) {
        kill(child, SIGKILL); /* ours, and not reaped yet: nobody else has its number */
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
        report(self, &self->start.mark->failed, "a forked child died by a signal");
    }
    end(self, ACTIVITY_OUTSIDE, MEMLANE_OK, NULL);
}

/* Forks with a view and a loan open; the child's mark is the one behind the parent's. */
static void fork_and_go_on(struct actor *self) {
    enum { TURNS = 20 };
    memlane_view view;
    memlane_loan loan;
    memlane_error error;
    if (!take_view(self, &view)) {
        return;
    }
    struct payload_origin origin = origin_of(&view);
    begin(self);
    if (!end(self, ACTIVITY_HOLDING, memlane_variable_loan(self->variable, &loan, deadline(), &error), &error)) {
        give_view_back(self, &view, &origin);
        return;
    }
    begin(self);
    pid_t child = fork();
    if (child == 0) {
        run_child(self, self->start.mark + 1, &view, &loan, &origin);
    }
    end(self, ACTIVITY_HOLDING, child > 0 ? MEMLANE_OK : MEMLANE_SYSTEM, &(memlane_error){.message = "fork failed"});
    self->start.identity += 2; /* the child took the next one */
    memlane_loan_drop(&loan);
    give_view_back(self, &view, &origin);
    for (int turn = 0; turn < TURNS; turn++) {
        write_value(self);
    }
    if (child > 0) {
        reap_child(self, child);
    }
}

/* -- roles ----------------------------------------------------------------------------------------------------- */

static void reader_turn(struct actor *self) {
    enum { READS = 16 };
    for (int i = 0; i < READS; i++) {
        read_value(self);
    }
    wait_for_value(self);
}

static void attacher_turn(struct actor *self) {
    close_endpoint(self);
    open_endpoint(self);
    read_value(self);
    write_value(self);
    read_statistics(self);
}

static void (*const turns[])(struct actor *self) = {
    write_value, lend_value, reader_turn, view_value, attacher_turn, fork_and_go_on,
};

const struct role roles[] = {
    {"writers", 3}, {"writers by loan", 3}, {"readers", 3}, {"viewers", 3}, {"attachers", 3}, {"forkers", 2},
};
const unsigned roles_count = sizeof roles / sizeof *roles;

_Noreturn void actor_run(unsigned role, const struct actor_start *start) {
    static struct actor self;
    self.start = *start;
    self.random = start->seed | 1;
    open_endpoint(&self);
    for (;;) {
        turns[role](&self);
    }
}
