#define _GNU_SOURCE
#include "../check.h"
#include "guarded.h"
#include "victim_objects.h"

enum { CAPACITY = 777, PIECE = 500 };

/* Both ends, in one process. */
static memlane_channel *writer, *reader;

static void close_end(memlane_channel **end) {
    if (*end != NULL) {
        guarded_begin(CLOSE, SYSTEM_NS);
        memlane_channel_free(*end);
        *end = NULL;
        guarded_end(MEMLANE_OK);
    }
}

void victim_close_channel(void) {
    close_end(&writer);
    close_end(&reader);
}

/* What cannot be opened is made anew. */
static bool open_end(memlane_channel **end, memlane_channel_mode mode) {
    memlane_error error;
    memlane_channel_options options;
    if (*end != NULL) {
        return true;
    }
    memlane_channel_options_initialise(&options);
    options.object.directory = guarded_directory();
    options.object.participants = PARTICIPANTS;
    options.object.ephemeral = 0;
    options.capacity = CAPACITY;
    guarded_begin(OPEN, SYSTEM_NS);
    if (guarded_end(memlane_channel_open(end, "bytes", NAME_LENGTH, mode, &options, &error)) == MEMLANE_OK) {
        return true;
    }
    *end = NULL;
    victim_close_channel();
    guarded_remove("bytes");
    return false;
}

static memlane_status send_bytes(memlane_error *error) {
    unsigned char bytes[PIECE] = {0};
    uint64_t written, deadline = guarded_begin(SEND, PATIENCE_NS);
    return memlane_channel_write(writer, bytes, guarded_draw(PIECE), deadline, &written, error);
}

static memlane_status send_some(memlane_error *error) {
    unsigned char bytes[PIECE] = {0};
    uint64_t written;
    guarded_begin(SEND, 0);
    return memlane_channel_write_some(writer, bytes, guarded_draw(PIECE), &written, error);
}

static memlane_status receive_bytes(memlane_error *error) {
    unsigned char bytes[PIECE];
    uint64_t count, deadline = guarded_begin(RECEIVE, PATIENCE_NS), least = guarded_draw(PIECE);
    return memlane_channel_read(reader, bytes, PIECE, least, deadline, &count, error);
}

static memlane_status end_span(memlane_span *span, memlane_error *error) {
    if (guarded_draw(3) == 0) {
        memlane_span_drop(span);
        return MEMLANE_OK;
    }
    return memlane_span_commit(span, guarded_draw(span->size + 1), error);
}

static memlane_status fill_room(memlane_error *error) {
    memlane_span span;
    uint64_t size = 1 + guarded_draw(PIECE), deadline = guarded_begin(RESERVE, PATIENCE_NS);
    memlane_status status = memlane_channel_reserve(writer, size, deadline, &span, error);
    if (status == MEMLANE_OK) {
        memset(span.bytes, 1, (size_t)span.size);
        status = end_span(&span, error);
    }
    return status;
}

static memlane_status look_at_bytes(memlane_error *error) {
    memlane_span span;
    uint64_t size = guarded_draw(PIECE), deadline = guarded_begin(PEEK, PATIENCE_NS);
    memlane_status status = memlane_channel_peek(reader, size, deadline, &span, error);
    if (status == MEMLANE_OK) {
        guarded_touch(span.bytes, span.size);
        status = end_span(&span, error);
    }
    return status;
}

static memlane_status ask_for_status(memlane_error *error) {
    memlane_channel_status status;
    memlane_channel_statistics statistics;
    guarded_begin(STATISTICS, 0);
    memlane_status found = memlane_channel_status_read(reader, &status, error);
    return found == MEMLANE_OK ? memlane_channel_statistics_read(writer, &statistics, error) : found;
}

static memlane_status wait_for_room(memlane_error *error) {
    uint64_t deadline = guarded_begin(WAIT, PATIENCE_NS);
    return memlane_channel_wait(writer, 1 + guarded_draw(CAPACITY), deadline, error);
}

typedef memlane_status operation(memlane_error *error);

void victim_use_channel(void) {
    static operation *const turns[] = {send_bytes, send_some,     receive_bytes,  receive_bytes,
                                       fill_room,  look_at_bytes, ask_for_status, wait_for_room};
    memlane_error error;
    bool is_lost = false;
    if (!open_end(&writer, MEMLANE_CHANNEL_WRITE) || !open_end(&reader, MEMLANE_CHANNEL_READ)) {
        return;
    }
    memlane_status status = guarded_end(turns[guarded_draw(sizeof turns / sizeof *turns)](&error));
    guarded_note_loss(status, &error, &is_lost);
    if (is_lost || status == MEMLANE_OWNERSHIP_LOST || guarded_draw(200) == 0) {
        victim_close_channel();
    } else if (status == MEMLANE_CORRUPTED && guarded_draw(50) == 0) {
        victim_close_channel(); /* what contradicts itself stays so: sooner or later its users make it anew */
        guarded_remove("bytes");
    }
}
