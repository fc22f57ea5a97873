/* Mutants: deliberate mistakes that the tests must catch. MEMLANE_MUTANT(NAME) is the constant 0 in every
 * build that is not made to break, so the compiler removes the mistake; a test build selects one by
 * -DMEMLANE_MUTANT_SELECTED=MEMLANE_MUTANT_<NAME>. docs/design/proof.md names the tool that catches each. */
#ifndef MEMLANE_MUTANT_H
#define MEMLANE_MUTANT_H

enum memlane_mutant {
    MEMLANE_MUTANT_NONE = 0,

    /* Protocol. */
    MEMLANE_MUTANT_PIN_BY_VERSION,        /* a pin protects its slot only at its own version (D1) */
    MEMLANE_MUTANT_OWN_SLOT,              /* an endpoint claims slots that it is itself writing (D2) */
    MEMLANE_MUTANT_GENERATION_LAST,       /* attach cleans before it raises the generation (D9) */
    MEMLANE_MUTANT_LOCK_BY_DUPLICATE,     /* the byte lock is shared through a duplicated descriptor (D13) */
    MEMLANE_MUTANT_CLAIM_LATEST_PLUS_ONE, /* a claim may keep or lower the slot's version (D46) */
    MEMLANE_MUTANT_CLEAR_VERSION,         /* cleanup forgets the slot's version (D46) */
    MEMLANE_MUTANT_NO_PIN_RECHECK,        /* a pin is trusted without looking at the slot again */
    MEMLANE_MUTANT_TORN,                  /* the value is published before its bytes are written */
    MEMLANE_MUTANT_BLIND_UNLOCK,          /* unlock stores without looking who holds the lock */
    MEMLANE_MUTANT_STEAL_WITHOUT_COUNT,   /* a stolen lock keeps its acquisition count */
    MEMLANE_MUTANT_SCRUB_FREES_TAKEN,     /* a lane's new owner frees calls that live servers execute (D50) */
    MEMLANE_MUTANT_CLAIM_NO_SCRUB,        /* a lane is used as its former owner left it (D50) */
    MEMLANE_MUTANT_PUNCH_EARLY,           /* a lane's memory goes while a server may write to it (D50) */
    MEMLANE_MUTANT_TIMEOUT_FREES_TAKEN,   /* who times out frees a call that a live server executes */
    MEMLANE_MUTANT_DONE_NO_CHECK,         /* a server stores DONE without looking who waits */
    MEMLANE_MUTANT_TAKE_NO_CAS,           /* two servers may take one call */
    MEMLANE_MUTANT_REAP_DONE_ONLY,        /* a forgotten call of a dead server keeps its slot (D52) */

    /* Orders, each weakened to relaxed. */
    MEMLANE_MUTANT_PUBLISH_RELAXED,
    MEMLANE_MUTANT_OBSERVE_RELAXED,
    MEMLANE_MUTANT_UNLOCK_RELAXED,
    MEMLANE_MUTANT_LOCK_RELAXED,
    MEMLANE_MUTANT_UNPIN_RELAXED,
    MEMLANE_MUTANT_PIN_SCAN_RELAXED,
    MEMLANE_MUTANT_POST_RELAXED,
    MEMLANE_MUTANT_TAKE_RELAXED,
    MEMLANE_MUTANT_ANSWER_RELAXED,
    MEMLANE_MUTANT_COLLECT_RELAXED
};

#ifndef MEMLANE_MUTANT_SELECTED
#define MEMLANE_MUTANT_SELECTED MEMLANE_MUTANT_NONE
#endif

#define MEMLANE_MUTANT(NAME) ((int)MEMLANE_MUTANT_SELECTED == (int)MEMLANE_MUTANT_##NAME)

#endif
