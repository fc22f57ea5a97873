/* What the victim's parts have in common: chance, and operations that are timed and counted on the board. */
#ifndef MEMLANE_SCRIBBLE_GUARDED_H
#define MEMLANE_SCRIBBLE_GUARDED_H

#include "board.h"

#include <memlane/status.h>

#include <stdbool.h>

enum { NAME_LENGTH = 5, PARTICIPANTS = 16, PATIENCE_NS = 100000, SYSTEM_NS = 100000000 };

/* Operations: lines of the board. */
enum kind {
    OPEN,
    CLOSE,
    UNLINK,
    WRITE,
    READ,
    VIEW,
    RELEASE,
    LOAN,
    COMMIT,
    DROP,
    WAIT,
    VERSION,
    STATISTICS,
    LOCK,
    UNLOCK,
    SEND,
    RECEIVE,
    RESERVE,
    PEEK,
    CALL,
    TAKE,
    RESPOND,
    AWAIT
};

const char *guarded_name(unsigned kind);

void guarded_prepare(struct board *board, const char *directory, uint64_t seed);

/* The namespace directory of all objects. */
const char *guarded_directory(void);

/* A number below `below`. */
uint64_t guarded_draw(uint64_t below);

/* Reads each byte: what was cut off shows here. */
void guarded_touch(const void *bytes, uint64_t size);

/* Begins an operation that may take until `patience_ns` from now. Returns its deadline. */
uint64_t guarded_begin(enum kind kind, uint64_t patience_ns);

/* Ends it, and returns its answer. */
memlane_status guarded_end(memlane_status status);

/* What was truncated while it was open is of no use any more. */
void guarded_note_loss(memlane_status status, const memlane_error *error, bool *is_lost);

/* One endpoint was found lost. */
void guarded_count_loss(void);

/* Removes an object of the victim's. */
void guarded_remove(const char *name);

#endif
