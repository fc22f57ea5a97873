/* What must hold after a crash, whatever the moment. */
#ifndef MEMLANE_CRASH_ORACLE_H
#define MEMLANE_CRASH_ORACLE_H

#include "operations.h"

struct player {
    struct actor actor;
    bool alive; /* stopped, or through with its operation */
};

struct inquest {
    struct player player[MACHINE_VICTIMS];
    uint32_t players;
    uint64_t step;                          /* varies the order of what the survivors do */
    bool resumed;                           /* the first player went on after others had worked */
    bool zombie;                            /* and had been declared dead meanwhile */
    uint64_t taken_before, taken_meanwhile; /* newest versions taken when it was stopped, and by the others then */
    uint64_t base_before, base_after;       /* the others' last value when its transaction was stopped, and resumed */
    bool published_before;                  /* it had replaced that value already */
};

/* Lets the survivors work and examines all that they see. Leaves the machine changed: call it in a forked process.
 * Ends that process by oracle_fail() when something is wrong. */
void oracle_examine(const struct inquest *inquest);

/* Says where and what, and ends the process. */
_Noreturn void oracle_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For oracle_fail(): where we are, and how to come here again. */
void oracle_set_place(const char *text);

#define ORACLE_REQUIRE(condition, ...) ((condition) ? (void)0 : oracle_fail(__VA_ARGS__))

enum { ORACLE_FAILED = 1, PLACE_SIZE = 1024 };

#endif
