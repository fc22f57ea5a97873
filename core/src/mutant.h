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
    MEMLANE_MUTANT_READ_WITHOUT_LOOK,     /* a reader goes in although a writer is there */
    MEMLANE_MUTANT_WRITE_AMONG_READERS,   /* a writer does not wait for the readers that are inside */
    MEMLANE_MUTANT_READER_FOREVER,        /* the flag of a dead reader keeps writers out */
    MEMLANE_MUTANT_DEATH_FORGOTTEN,       /* a reader that takes the lock from a dead writer does not pass it on */
    MEMLANE_MUTANT_NO_GRANT,              /* a writer that leaves lets no waiting reader in */
    MEMLANE_MUTANT_TAIL_FIRST,            /* bytes of a channel are published before they are written */
    MEMLANE_MUTANT_HEAD_FIRST,            /* bytes of a channel are consumed before they are read */
    MEMLANE_MUTANT_CURSOR_BEFORE_CLAIM,   /* a claim goes by cursors from before it (D54) */
    MEMLANE_MUTANT_CLAIM_BY_STORE,        /* a claim stores without looking who claimed meanwhile */
    MEMLANE_MUTANT_ALWAYS_ARMED,          /* an end reports an opposite that was over before it came (D55) */
    MEMLANE_MUTANT_NO_SECOND_LOOK,        /* the end of the stream is reported by a cursor from before the verdict */
    MEMLANE_MUTANT_KEEP_END,              /* clean-up of an index leaves its end of a channel taken */
    MEMLANE_MUTANT_TAKE_BY_STORE,         /* a value is marked as taken without looking who was first (D23) */
    MEMLANE_MUTANT_TAKE_BACKWARDS,        /* a value is taken although a newer one was */
    MEMLANE_MUTANT_VACATE_UNTAKEN,        /* a put gives up a value that nobody took */
    MEMLANE_MUTANT_COMMIT_BLINDLY,        /* a transaction replaces whatever is the latest value by now */
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
    MEMLANE_MUTANT_LEAVE_RELAXED,
    MEMLANE_MUTANT_TAIL_RELAXED,
    MEMLANE_MUTANT_BYTES_RELAXED,
    MEMLANE_MUTANT_HEAD_RELAXED,
    MEMLANE_MUTANT_ROOM_RELAXED,
    MEMLANE_MUTANT_POST_RELAXED,
    MEMLANE_MUTANT_ANSWER_RELAXED
};

#ifndef MEMLANE_MUTANT_SELECTED
#define MEMLANE_MUTANT_SELECTED MEMLANE_MUTANT_NONE
#endif

#define MEMLANE_MUTANT(NAME) ((int)MEMLANE_MUTANT_SELECTED == (int)MEMLANE_MUTANT_##NAME)

#endif
