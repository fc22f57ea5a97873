/* What must be true whoever dies: acknowledged commits stay. The acknowledgements come through a pipe, so nothing that
 * happens in shared memory can take them back. */
#ifndef MEMLANE_SOAK_ORACLE_H
#define MEMLANE_SOAK_ORACLE_H

#include "actor.h"

enum { ORACLE_PIPE_SIZE = 1 << 20 };

struct oracle {
    const char *directory;
    int pipe;                            /* the reading end; never blocks */
    struct acknowledgement newest;       /* of all */
    struct payload_origin recent[4096];  /* newest of each writer, by identity; a later identity takes the place */
    uint64_t acknowledged, examinations; /* counts */
    uint64_t lost, torn, failed;         /* what must stay 0 */
};

void oracle_initialise(struct oracle *oracle, const char *directory, int pipe);

/* Takes in all acknowledgements that were sent by now. */
void oracle_listen(struct oracle *oracle);

/* A fresh endpoint finds what was acknowledged by now, or something newer. */
void oracle_examine(struct oracle *oracle);

/* After the last actor's death: every slot but the current one can be loaned at once. Returns how many came back. */
uint32_t oracle_count_free_slots(struct oracle *oracle);

#endif
