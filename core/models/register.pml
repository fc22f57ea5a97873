/*
 * The latest-value register with pins and loans (core.md 2.5; D1, D2, D3, D9, D46, D47, D51).
 *
 * CONTRACT
 *   latest     version and slot of the current value; replaced only by CAS, and versions only rise.
 *   ctrl[i]    version, owner and state of slot i; changed only by CAS of the whole word.  A claim always raises
 *              the version, nothing lowers it, so that each claim's word is unique (D46).
 *   versions   1 to ROUND, and then 1 again; 0 is before all.  Every run crosses that.  A version leads another by less
 *              than LEAD, all that is further off is behind.  What is compared for being equal (a copy, a pin, a CAS) must
 *              not have been stopped for exactly a round; the order that claims and commits ask for needs no bound.
 *   first[i], second[i]   the payload.  Only the owner of the claim writes it, while the state is WRITING.
 *   pin        what the reader pins: a copy of `latest`, 0 = nothing.  Any pin that names a slot protects it,
 *              whatever its version (D1).  pins_used says that somebody has ever pinned (D3).
 *   byte_held[x]   the kernel's lock on the byte of index x: the verdict on x is DEAD when it is free.
 *   A stale `latest` costs a reader a retry and a writer a failed CAS.  A writer that dies before its claim leaves
 *   nothing, after it one slot in WRITING until the verdict; between publishing and marking the slot is current
 *   (skipped by claims) or superseded (claimable).  A dead reader's pin holds one slot until clean-up.
 *
 * MEMORY
 *   claim      a successful CAS on ctrl goes through a store buffer: no other CAS on the word comes between, seq_cst
 *              loads see it at once, plain and acquire loads only when it has reached memory.
 *   payload    each word through its own buffer, in any order (PSO).
 *   pin        through a buffer (TSO), drained in order.
 *   Loads pass each other where a mutant says so.  All other accesses are single steps.
 *
 * ORDERS     each is a guard; a mutant takes it away
 *   CLAIM-PINS     C3 (seq_cst CAS) before C4, C5 (seq_cst loads)
 *   PIN-CTRL       P2 (seq_cst store) before P3 (seq_cst load)
 *   CLAIM-DATA     C3 before W1: release fence after the claim         DATA-CTRL  R3 before R4: acquire fence
 *   DATA-PUBLISH   W1 before W4: release CAS                           LATEST-DATA  R1 before R2, R3: acquire load
 *   CTRL-LATEST    C1 and the verdict before C2                        VIEW-UNPIN   P4 before P5: release store
 *   PUBLISH-MARK   W4 before W5
 *
 * STEPS
 *   claim   C1 load ctrl, verdict   C2 load latest   C3 CAS ctrl   C4 load pins_used   C5 load pins   C6 undo
 *   write   W1 payload   W2 load latest   W3 raise the version   W4 CAS latest   W5 mark PUBLISHED   W6 superseded
 *   copy    R1 load latest   R2 load ctrl   R3 load payload   R4 load ctrl again
 *   pin     P0 raise pins_used   P1 load latest   P2 store pin   P3 load ctrl   P4 use the view   P5 clear pin
 *   attach  A1 lock the byte   A4 clean up   (a slot's owner carries no generation; the rest is in attach.pml)
 *
 * SCENARIOS (writer 1 dies at any step, or not at all; so does a pinning reader)
 *   -DCOPY       the reader copies               -DPIN       the reader pins
 *   -DVIEW       the reader holds an old view all the time
 *   -DHEIR       index 1 is attached again       -DJANITOR   a janitor cleans up behind the dead
 *   -DLOAN       writer 2 writes inside its open loan          -DMORTAL_LOAN  so does writer 1
 *   -DNEVER_FULL with SLOTS as D47 says no claim ever fails
 *   -DOLD        writer 2 only commits a loan, which it, and somebody else slot 1, claimed any number of versions ago
 *   -DVACATE     each write first gives up the latest value, as the puts of a share do with what was taken
 * MUTANTS  see run.py
 */

#ifndef SLOTS
#define SLOTS 3
#endif
#ifndef LOOKS
#define LOOKS SLOTS             /* slots that one claim looks at; the product looks at 16 * slots and then waits */
#endif
#ifndef WRITES
#define WRITES 1                /* of writer 2; writer 1 and its heir make one each */
#endif
#ifndef READS
#define READS 1
#endif
#ifdef MORTAL_LOAN
#define BORROWER_IS_MORTAL true
#else
#define BORROWER_IS_MORTAL false
#endif
#define PUBLISH_TRIES 2         /* the product: 16 */
#define ROUND 15                /* the product: 2^48 - 1 */
#ifdef SHORT_LEAD
#define LEAD 3
#else
#define LEAD 4                  /* the product: 2^40; more than claims are dropped here one after the other */
#endif

#define FREE 0
#define PUBLISHED 1
#define WRITING 2

#define CTRL(version, owner, state) ((version) * 16 + (owner) * 4 + (state))
#define VERSION_OF(ctrl_word) ((ctrl_word) / 16)
#define OWNER_OF(ctrl_word) (((ctrl_word) / 4) % 4)
#define STATE_OF(ctrl_word) ((ctrl_word) % 4)

#define LATEST(version, slot) ((version) * 8 + (slot))
#define LATEST_VERSION(word) ((word) / 8)
#define LATEST_SLOT(word) ((word) % 8)

#define VERSION_AFTER(version) ((version) % ROUND + 1)
#ifdef COMPARE_PLAINLY
#define LEADS(leader, follower) ((leader) > (follower))
#else
#define LEADS(leader, follower) (((leader) + ROUND - (follower)) % (ROUND + 1) < LEAD - 1)
#endif
#ifdef OLD
#define START ROUND             /* the version that is there at the beginning */
#else
#define START (ROUND - 1)
#endif
#define AGE(version) (((version) + ROUND - START) % ROUND)      /* ghost: versions since then; they fit into one round */

#define NOBODY 0
#define WRITER_1 1              /* indices */
#define WRITER_2 2
#define READER 3
#define NO_SLOT 7
#define FIRST_VALUE 1
#define OLD_LOAN (SLOTS - 1)

/* Shared memory. */
byte latest = LATEST(START, 0);
byte ctrl[SLOTS];
byte first[SLOTS];
byte second[SLOTS];
byte pin;
bool pins_used;

/* The kernel. */
bool byte_held[4];

/* Store buffers.  claim_slot, first_slot, second_slot: slot + 1, 0 = empty; by index of the writer. */
byte claim_slot[3];
byte claim_word[3];
byte first_slot[3];
byte first_value[3];
byte second_slot[3];
byte second_value[3];
bool pin_buffered;
byte pin_value;

/* Ghosts. */
bool killed_writer;
bool killed_reader;
byte viewed = NO_SLOT;          /* the slot that a validated view of the reader shows */
byte value_of[SLOTS];           /* what was last published in the slot */
byte last_value = FIRST_VALUE;
byte last_version = START;
byte running;

#define CLAIM_IS_BUFFERED(slot) (claim_slot[1] == (slot) + 1 || claim_slot[2] == (slot) + 1)

/* CLAIM-PINS, PIN-CTRL: what a seq_cst load of ctrl returns. */
#ifdef CLAIM_NOT_SEQ_CST
#define SEQ_CST_CTRL(slot) ctrl[slot]
#else
#define NEWEST_OF_2(slot) (claim_slot[2] == (slot) + 1 -> claim_word[2] : ctrl[slot])
#define SEQ_CST_CTRL(slot) (claim_slot[1] == (slot) + 1 -> claim_word[1] : NEWEST_OF_2(slot))
#endif

/* PIN-CTRL */
#ifdef PIN_NOT_SEQ_CST
#define PIN_IS_VISIBLE true
#else
#define PIN_IS_VISIBLE (!pin_buffered)
#endif

/* CLAIM-DATA */
#ifdef NO_RELEASE_FENCE
#define CLAIM_IS_VISIBLE true
#else
#define CLAIM_IS_VISIBLE (claim_slot[me] == 0)
#endif

/* DATA-PUBLISH */
#ifdef PUBLISH_RELAXED
#define PAYLOAD_IS_VISIBLE true
#else
#define PAYLOAD_IS_VISIBLE (first_slot[me] == 0 && second_slot[me] == 0)
#endif

#ifdef PIN_BY_VERSION           /* the text before D1 */
#define PINNED (pin != 0 && pin == LATEST(VERSION_OF(seen_ctrl), slot))
#else
#define PINNED (pin != 0 && LATEST_SLOT(pin) == slot)
#endif

#if defined(NO_VERDICT)
#define LEFT_ALONE(word) false
#elif defined(OWN_SLOT)         /* the text before D2 */
#define LEFT_ALONE(word) (OWNER_OF(word) != me && byte_held[OWNER_OF(word)])
#else
#define LEFT_ALONE(word) (OWNER_OF(word) == me -> slot == loaned_slot : byte_held[OWNER_OF(word)])
#endif

#ifdef CLAIM_LATEST_PLUS_ONE    /* the text before D46 */
#define CLAIMED_VERSION VERSION_AFTER(LATEST_VERSION(seen_latest))
#define UNDONE seen_ctrl
#define MUST_RAISE (VERSION_AFTER(LATEST_VERSION(seen_latest)) != version)
#else
#define SLOT_LEADS (VERSION_OF(seen_ctrl) != 0 && LEADS(VERSION_OF(seen_ctrl), LATEST_VERSION(seen_latest)))
#define CLAIMED_VERSION VERSION_AFTER(SLOT_LEADS -> VERSION_OF(seen_ctrl) : LATEST_VERSION(seen_latest))
#define UNDONE CTRL(version, NOBODY, FREE)
#define MUST_RAISE (!LEADS(version, LATEST_VERSION(seen_latest)))
#endif

#ifdef CLEAR_VERSION
#define CLEANED_VERSION 0
#else
#define CLEANED_VERSION VERSION_OF(seen_ctrl)
#endif

inline drain_claim(writer)
{
    ctrl[claim_slot[writer] - 1] = claim_word[writer];
    claim_slot[writer] = 0;
    claim_word[writer] = 0
}

inline drain_first(writer)
{
    first[first_slot[writer] - 1] = first_value[writer];
    first_slot[writer] = 0;
    first_value[writer] = 0
}

inline drain_second(writer)
{
    second[second_slot[writer] - 1] = second_value[writer];
    second_slot[writer] = 0;
    second_value[writer] = 0
}

inline drain_pin()
{
    pin = pin_value;
    pin_buffered = false;
    pin_value = 0
}

proctype memory()
{
end:
    do
    :: d_step {
           claim_slot[1] ->
           drain_claim(1)
       }
    :: d_step {
           first_slot[1] ->
           drain_first(1)
       }
    :: d_step {
           second_slot[1] ->
           drain_second(1)
       }
    :: d_step {
           claim_slot[2] ->
           drain_claim(2)
       }
    :: d_step {
           first_slot[2] ->
           drain_first(2)
       }
    :: d_step {
           second_slot[2] ->
           drain_second(2)
       }
    :: d_step {
           pin_buffered ->
           drain_pin()
       }
    od
}

/* A CAS on ctrl that matters to nobody's next load: it waits for a buffered claim of the word, as any CAS does. */
inline cas_ctrl(expected, desired)
{
    d_step {
        !CLAIM_IS_BUFFERED(slot) ->
        if
        :: ctrl[slot] == expected ->
            ctrl[slot] = desired;
            done = true
        :: else ->
            done = false
        fi
    }
}

/* A4: runs under the byte lock of the dead index, before it is used again; may be repeated. */
inline clean_up_slots(dead)
{
    slot = 0;
    do
    :: slot == SLOTS ->
        break
    :: else ->
        seen_ctrl = ctrl[slot];
        if
        :: STATE_OF(seen_ctrl) == WRITING && OWNER_OF(seen_ctrl) == dead ->
            seen_latest = latest;
            if
            :: seen_latest == LATEST(VERSION_OF(seen_ctrl), slot) ->
                cas_ctrl(seen_ctrl, CTRL(CLEANED_VERSION, NOBODY, PUBLISHED))
            :: else ->
                cas_ctrl(seen_ctrl, CTRL(CLEANED_VERSION, NOBODY, FREE))
            fi
        :: else
        fi;
        slot++
    od;
    slot = 0;
    seen_ctrl = 0;
    seen_latest = 0
}

/* Neither the current slot nor one that a view shows is ever written. */
inline check_that_nobody_looks()
{
    assert(LATEST_SLOT(latest) != slot);
    assert(viewed != slot)
}

inline forget_write()
{
    slot = 0;
    looked = 0;
    version = 0;
    seen_ctrl = 0;
    seen_latest = 0;
    tries = 0;
    must_scan = false;
    done = false
}

proctype writer(byte me; byte hint; byte value; byte writes; bool mortal; bool attaches; bool borrows)
{
    byte slot;
    byte looked;
    byte version;
    byte seen_ctrl;
    byte seen_latest;
    byte tries;
    byte loaned_slot = NO_SLOT;
    byte loaned_version;
    bool must_scan;
    bool done;

    {
        if
        :: attaches ->
end_attach:
            d_step {                                    /* A1 */
                !byte_held[me] ->
                byte_held[me] = true
            };
            clean_up_slots(me)
        :: else
        fi;
#ifdef OLD
        if
        :: me == WRITER_2 ->                            /* has a loan, and commits it */
            d_step {
                slot = OLD_LOAN;
                version = VERSION_OF(ctrl[slot])
            };
            goto second_word
        :: else
        fi;
#endif

again:
#ifdef VACATE
        seen_latest = latest;
        d_step {                                        /* Y1 */
            if
            :: latest == seen_latest -> latest = LATEST(LATEST_VERSION(latest), NO_SLOT)
            :: else
            fi;
            seen_latest = 0
        };
#endif
look:
#ifdef PINS_USED_LOADED_FIRST
        must_scan = pins_used;
#endif
        if
        :: looked == LOOKS ->
#ifdef NEVER_FULL
            assert(false);
#endif
            goto out
        :: else
        fi;
        d_step {
            slot = (hint + looked) % SLOTS;
            looked++;
#ifdef LATEST_BEFORE_CTRL
            seen_latest = latest
        };
        d_step {
#endif
            seen_ctrl = ctrl[slot]                      /* C1 */
        };
#ifdef LATEST_BEFORE_VERDICT
        seen_latest = latest;
#endif
        if
        :: STATE_OF(seen_ctrl) == WRITING && LEFT_ALONE(seen_ctrl) ->
            goto look
        :: else
        fi;
#if !defined(LATEST_BEFORE_CTRL) && !defined(LATEST_BEFORE_VERDICT)
        seen_latest = latest;                           /* C2 */
#endif
        if
        :: LATEST_SLOT(seen_latest) == slot ->
            goto look
        :: else
        fi;
        d_step {                                        /* C3 */
            !CLAIM_IS_BUFFERED(slot) ->
            version = CLAIMED_VERSION;
            done = (ctrl[slot] == seen_ctrl);
            if
            :: done ->
                claim_slot[me] = slot + 1;
                claim_word[me] = CTRL(version, me, WRITING)
            :: else
            fi
        };
        if
        :: !done ->
            goto look
        :: else
        fi;
#ifndef PINS_USED_LOADED_FIRST
        must_scan = pins_used;                              /* C4 */
#endif
        if
        :: must_scan && PINNED ->                           /* C5 */
            cas_ctrl(CTRL(version, me, WRITING), UNDONE);       /* C6 */
            goto look
        :: else
        fi;
        d_step {
            must_scan = false;
            seen_ctrl = 0;
            seen_latest = 0;
            done = false
        };

        d_step {                                        /* W1 */
            CLAIM_IS_VISIBLE && first_slot[me] == 0 ->
            check_that_nobody_looks();
            first_slot[me] = slot + 1;
            first_value[me] = value
        };
        if
        :: borrows ->                                   /* the loan stays open during another write */
            d_step {
                borrows = false;
                loaned_slot = slot;
                loaned_version = version;
                looked = 0;
                value++
            };
            goto look
        :: else
        fi;

second_word:
        atomic {                                        /* W1 */
            CLAIM_IS_VISIBLE && second_slot[me] == 0 ->
            check_that_nobody_looks();
            second_slot[me] = slot + 1;
            second_value[me] = value;
            looked = 0
        };

publish:
        seen_latest = latest;                           /* W2 */
        if
        :: MUST_RAISE ->
            cas_ctrl(CTRL(version, me, WRITING), CTRL(VERSION_AFTER(LATEST_VERSION(seen_latest)), me, WRITING));     /* W3 */
#ifdef MARK_BEFORE_PUBLISH
            if
            :: !done ->
                goto out
            :: else
            fi;
#endif
            assert(done);                               /* fenced only after a false verdict: not in this model */
            version = VERSION_AFTER(LATEST_VERSION(seen_latest))
        :: else
        fi;
#ifdef MARK_BEFORE_PUBLISH
        cas_ctrl(CTRL(version, me, WRITING), CTRL(version, NOBODY, PUBLISHED));
#endif
        d_step {                                        /* W4 */
            PAYLOAD_IS_VISIBLE ->
            done = (latest == seen_latest);
            tries++;
            if
            :: done ->
                assert(AGE(version) > AGE(last_version));
                latest = LATEST(version, slot);
                last_version = version;
                last_value = value;
                value_of[slot] = value
            :: else
            fi
        };
        if
        :: done ->
#ifndef MARK_BEFORE_PUBLISH
            cas_ctrl(CTRL(version, me, WRITING), CTRL(version, NOBODY, PUBLISHED))      /* W5 */
#else
            skip
#endif
        :: !done && tries < PUBLISH_TRIES ->
            goto publish
        :: !done && tries == PUBLISH_TRIES ->
            cas_ctrl(CTRL(version, me, WRITING), CTRL(version, NOBODY, FREE))   /* W6 */
        fi;
        forget_write();

        if
        :: loaned_slot != NO_SLOT ->                    /* now the loan is committed */
            d_step {
                slot = loaned_slot;
                version = loaned_version;
                loaned_slot = NO_SLOT;
                loaned_version = 0;
                value--
            };
            goto second_word
        :: else
        fi;
        if
        :: writes > 1 ->
            d_step {
                writes--;
                value++;
                hint = 0
            };
            goto again
        :: else
        fi;
out:
        skip
    } unless {
        mortal && killed_writer
    };
    atomic {
        forget_write();
        loaned_slot = NO_SLOT;
        loaned_version = 0;
        value = 0;
        writes = 0;
        hint = 0;
        running--
    }
}

#ifdef COPY
proctype reader()
{
    byte seen;
    byte slot;
    byte loaded_first;
    byte loaded_second;
    byte newest;
    byte reads = READS;
    bool valid;

    do
    :: reads == 0 ->
        break
    :: else ->
#ifdef LATEST_LOAD_RELAXED
        if
        :: slot = 0
        :: slot = 1
        fi;
        valid = true;
        d_step {
            seen = ctrl[slot];
            loaded_first = first[slot]
        };
        loaded_second = second[slot];
        d_step {
            valid = (LATEST_SLOT(latest) == slot && VERSION_OF(seen) == LATEST_VERSION(latest));
            seen = latest
        };
#else
        d_step {                                        /* R1 */
            seen = latest;
            slot = LATEST_SLOT(latest)
        };
        valid = (slot != NO_SLOT && VERSION_OF(ctrl[slot]) == LATEST_VERSION(seen));        /* R2 */
#ifdef STOPPED_FOR_A_ROUND
        d_step {                                        /* since R3 of the first word: its version comes again */
            slot = 1;
            seen = LATEST(VERSION_AFTER(START), slot);
            valid = true
        };
        loaded_second = second[slot];
#endif
#ifdef NO_ACQUIRE_FENCE
        if
        :: valid ->
            valid = (VERSION_OF(ctrl[slot]) == LATEST_VERSION(seen))
        :: else
        fi;
#endif
#ifndef STOPPED_FOR_A_ROUND
        if
        :: valid ->
            if                                          /* R3, in either order */
            :: loaded_first = first[slot];
               loaded_second = second[slot]
            :: loaded_second = second[slot];
               loaded_first = first[slot]
            fi
        :: else
        fi;
#endif
#endif
        d_step {
            if
            :: valid ->
#ifndef NO_ACQUIRE_FENCE
                valid = (VERSION_OF(ctrl[slot]) == LATEST_VERSION(seen))        /* R4 */
#else
                skip
#endif
            :: else
            fi;
            if
            :: valid ->
                assert(loaded_first == loaded_second);
#ifndef NO_ACQUIRE_FENCE
                assert(loaded_first == value_of[slot]);
#endif
                assert(AGE(LATEST_VERSION(seen)) >= newest);    /* time does not run backwards */
                newest = AGE(LATEST_VERSION(seen))
            :: else
            fi;
            reads--;
            seen = 0;
            slot = 0;
            loaded_first = 0;
            loaded_second = 0;
            valid = false
        }
    od;
    atomic {
        newest = 0;
        running--
    }
}
#else
proctype reader()
{
    byte seen;
    byte slot;
    byte view;
    byte reads = READS;

    {
#ifdef VIEW
        view = FIRST_VALUE;
        slot = 0;
        goto has_a_view;
#endif
        do
        :: reads == 0 ->
            break
        :: else ->
#ifndef PINS_USED_RAISED_LAST
            pins_used = true;                           /* P0 */
#endif
            d_step {                                    /* P1 */
                seen = latest;
                slot = LATEST_SLOT(latest)
            };
            if
            :: slot == NO_SLOT ->
                goto next_view
            :: else
            fi;
            d_step {                                    /* P2 */
                !pin_buffered ->
                pin_value = seen;
                pin_buffered = true
            };
            if
#ifdef NO_RECHECK
            :: atomic {
                   true ->
#else
            :: atomic {                                 /* P3 */
                   PIN_IS_VISIBLE && VERSION_OF(SEQ_CST_CTRL(slot)) == LATEST_VERSION(seen) ->
#endif
                   viewed = slot;
                   view = value_of[slot];
                   seen = 0
               };
has_a_view:
               skip;
#ifdef PINS_USED_RAISED_LAST
               pins_used = true;
#endif
#ifdef UNPIN_RELAXED
               d_step {
                   !pin_buffered ->
                   pin_value = 0;
                   pin_buffered = true
               };
               d_step {
                   assert(first[slot] == view && second[slot] == view);
                   viewed = NO_SLOT;
                   view = 0
               }
#else
               d_step {                                 /* P4 */
                   assert(first[slot] == view && second[slot] == view)
               };
               d_step {                                 /* P5; the last look at the view comes before */
                   !pin_buffered ->
                   assert(first[slot] == view && second[slot] == view);
                   viewed = NO_SLOT;
                   view = 0;
                   pin_value = 0;
                   pin_buffered = true
               }
#endif
#ifndef NO_RECHECK
            :: PIN_IS_VISIBLE && VERSION_OF(SEQ_CST_CTRL(slot)) != LATEST_VERSION(seen)
#endif
            fi;
next_view:
            atomic {
                seen = 0;
                slot = 0;
                reads--
            }
        od;
        atomic {
            !pin_buffered ->
            pin_value = 0;
            pin_buffered = true
        };
        !pin_buffered
    } unless {
        killed_reader
    };
    atomic {
        seen = 0;
        slot = 0;
        view = 0;
        reads = 0;
        running--
    }
}
#endif

/* Cleans up behind the dead writer or the dead reader, if there is one. */
proctype janitor()
{
    byte slot;
    byte seen_ctrl;
    byte seen_latest;
    bool done;

end:
    if
    :: d_step {
           killed_writer && !byte_held[WRITER_1] ->
           byte_held[WRITER_1] = true
       };
       clean_up_slots(WRITER_1);
       byte_held[WRITER_1] = false
    :: d_step {
           killed_reader && !byte_held[READER] ->
           byte_held[READER] = true
       };
       pin = 0;
       byte_held[READER] = false
    fi
}

/* Death: what is in the store buffers reaches memory, then the kernel gives the byte back.  No store comes later. */
proctype killer()
{
    byte slot;

    if
    :: atomic {
           if
           :: claim_slot[WRITER_1] ->
               drain_claim(WRITER_1)
           :: else
           fi;
           if
           :: first_slot[WRITER_1] ->
               drain_first(WRITER_1)
           :: else
           fi;
           if
           :: second_slot[WRITER_1] ->
               drain_second(WRITER_1)
           :: else
           fi;
           killed_writer = true;
           byte_held[WRITER_1] = false
       }
    :: skip
    fi;
#ifndef COPY
    if
    :: atomic {
           if
           :: pin_buffered ->
               drain_pin()
           :: else
           fi;
           viewed = NO_SLOT;
           killed_reader = true;
           byte_held[READER] = false
       }
    :: skip
    fi
#endif
}

#define IS_CLAIMABLE(slot)                                      \
    (slot != LATEST_SLOT(latest)                                \
     && !(pin != 0 && LATEST_SLOT(pin) == slot)                 \
     && (STATE_OF(ctrl[slot]) != WRITING || !byte_held[OWNER_OF(ctrl[slot])]))

init
{
    byte slot;
    byte seen_ctrl;
    byte seen_latest;
    byte claimable;
    byte old;
    bool done;

    atomic {
        ctrl[0] = CTRL(START, NOBODY, PUBLISHED);
        first[0] = FIRST_VALUE;
        second[0] = FIRST_VALUE;
        value_of[0] = FIRST_VALUE;
        byte_held[WRITER_1] = true;
        byte_held[WRITER_2] = true;
        byte_held[READER] = true;
#ifdef OLD
        old = 1;
        do
        :: old < ROUND -> old++
        :: break
        od;
        ctrl[1] = CTRL(old, NOBODY, FREE);
        ctrl[OLD_LOAN] = CTRL(old, WRITER_2, WRITING);
        first[OLD_LOAN] = 4;
        old = 0;
#endif
#ifdef VIEW                     /* the value in slot 0 is superseded, and somebody looks at it */
        ctrl[1] = CTRL(VERSION_AFTER(START), NOBODY, PUBLISHED);
        first[1] = FIRST_VALUE;
        second[1] = FIRST_VALUE;
        value_of[1] = FIRST_VALUE;
        latest = LATEST(VERSION_AFTER(START), 1);
        last_version = VERSION_AFTER(START);
        pins_used = true;
        pin = LATEST(START, 0);
        viewed = 0;
#endif
        running = 3;
        run memory();
        run killer();
        run reader();
        run writer(WRITER_1, 0, 2, 1, true, false, BORROWER_IS_MORTAL);
#ifdef LOAN
        run writer(WRITER_2, 1, 4, 1, false, false, true);
#else
        run writer(WRITER_2, 1, 4, WRITES, false, false, false);
#endif
#ifdef HEIR
        running++;
        run writer(WRITER_1, 1, 8, 1, false, true, false);
#endif
#ifdef JANITOR
        run janitor()
#endif
    }

    /* All have ended or died; an heir may still wait for a death that did not come. */
    timeout;
    assert(running == 0 || (running == 1 && byte_held[WRITER_1]));

    /* The last commit is there and whole. */
    slot = LATEST_SLOT(latest);
    assert(LATEST_VERSION(latest) == last_version);
    assert(slot == NO_SLOT || VERSION_OF(ctrl[slot]) == last_version);
    assert(slot == NO_SLOT || (first[slot] == last_value && second[slot] == last_value));

    /* Before any clean-up a writer finds a slot by verdict. */
    slot = 0;
    do
    :: slot == SLOTS ->
        break
    :: else ->
        if
        :: IS_CLAIMABLE(slot) ->
            claimable++
        :: else
        fi;
        slot++
    od;
    assert(claimable >= 1);

    /* After clean-up every slot has come back. */
    clean_up_slots(WRITER_1);
    if
    :: killed_reader ->
        pin = 0
    :: else
    fi;
    assert(pin == 0);
    slot = 0;
    do
    :: slot == SLOTS ->
        break
    :: else ->
        assert(STATE_OF(ctrl[slot]) != WRITING);
        slot++
    od
}
