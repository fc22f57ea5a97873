#define _GNU_SOURCE
#include "oracle.h"

#include "../check.h"

enum { RECENT = sizeof((struct oracle *)NULL)->recent / sizeof *((struct oracle *)NULL)->recent };

static struct payload_origin *place_of(struct oracle *oracle, uint64_t writer) {
    return &oracle->recent[(writer ^ writer >> ACTOR_CHILD_BITS) % RECENT];
}

void oracle_initialise(struct oracle *oracle, const char *directory, int pipe) {
    *oracle = (struct oracle){.directory = directory, .pipe = pipe};
}

static void take_in(struct oracle *oracle, const struct acknowledgement *done) {
    *place_of(oracle, done->origin.writer) = done->origin;
    if (done->version > oracle->newest.version) {
        oracle->newest = *done;
    }
    oracle->acknowledged++;
}

void oracle_listen(struct oracle *oracle) {
    static struct acknowledgement received[4096];
    /* What was sent by now fits the pipe; what actors go on sending meanwhile must not keep us here. */
    for (size_t left = ORACLE_PIPE_SIZE / sizeof received + 1; left > 0; left--) {
        ssize_t count = read(oracle->pipe, received, sizeof received);
        if (count <= 0) {
            CHECK(count == 0 || errno == EAGAIN || errno == EINTR);
            return;
        }
        CHECK_EQUAL(0, count % (ssize_t)sizeof *received);
        for (size_t i = 0; i < (size_t)count / sizeof *received; i++) {
            take_in(oracle, &received[i]);
        }
    }
}

static memlane_variable *open_fresh(struct oracle *oracle) {
    memlane_variable *variable = NULL;
    memlane_variable_options options;
    memlane_error error;
    memlane_variable_options_initialise(&options);
    options.object.directory = oracle->directory;
    options.object.create = false;
    CHECK_OK(memlane_variable_open(&variable, SOAK_NAME, strlen(SOAK_NAME), &options, &error), &error);
    return variable;
}

static void claim(struct oracle *oracle, bool holds, uint64_t *counter, const char *what,
                  const memlane_reading *found) {
    if (!holds) {
        ++*counter;
        fprintf(stderr, "soak: %s: newest acknowledged %" PRIu64 " (writer %#" PRIx64 "), found %" PRIu64 "\n", what,
                oracle->newest.version, oracle->newest.origin.writer, found->version);
    }
}

void oracle_examine(struct oracle *oracle) {
    _Alignas(64) unsigned char bytes[PAYLOAD_MAXIMUM];
    struct payload_origin origin = {0};
    memlane_reading reading = {0};
    memlane_error error;
    oracle_listen(oracle); /* before the look: all of it is committed */
    const struct acknowledgement newest = oracle->newest;
    memlane_variable *variable = open_fresh(oracle);
    memlane_status status = memlane_variable_read(variable, bytes, sizeof bytes, &reading, &error);
    memlane_variable_free(variable);
    oracle->examinations++;
    if (status != MEMLANE_OK) {
        claim(oracle, false, &oracle->failed, error.message, &reading);
        return;
    }
    claim(oracle, payload_check(bytes, (size_t)reading.size, &origin), &oracle->torn, "a torn value", &reading);
    claim(oracle, reading.version >= newest.version, &oracle->lost, "a commit was lost", &reading);
    const struct payload_origin *recent = place_of(oracle, origin.writer);
    bool is_behind = recent->writer == origin.writer && recent->sequence > origin.sequence;
    claim(oracle, !is_behind, &oracle->lost, "a writer's later commit was lost", &reading);
    bool is_other = newest.is_exact != 0 && newest.version == reading.version &&
                    (newest.origin.writer != origin.writer || newest.origin.sequence != origin.sequence);
    claim(oracle, !is_other, &oracle->lost, "the version belongs to another value", &reading);
}

uint32_t oracle_count_free_slots(struct oracle *oracle) {
    static memlane_loan loans[SOAK_SLOTS];
    memlane_error error;
    uint32_t count = 0;
    memlane_variable *variable = open_fresh(oracle);
    while (count < SOAK_SLOTS - 1 &&
           memlane_variable_loan(variable, &loans[count], check_in_ms(1000), &error) == MEMLANE_OK) {
        count++;
    }
    if (count < SOAK_SLOTS - 1) {
        fprintf(stderr, "soak: %s\n", error.message);
    }
    for (uint32_t i = 0; i < count; i++) {
        memlane_loan_drop(&loans[i]);
    }
    memlane_variable_free(variable);
    return count;
}
