/*
 * The lock word (core.md 2.4, D9, D51): mutual exclusion, recovery from a dead owner, fencing of a false verdict.
 *
 * CONTRACT
 *   word     count | W | ABANDONED | tag of the owner (index, generation).  Changed only by CAS of the whole word.
 *            count rises with each acquisition and each clean-up, so a CAS from an old word never succeeds.
 *            W: somebody may sleep on the word.  The kernel compares the low half: W, ABANDONED and tag.
 *   first, second   the data.  Only the owner writes them; they are equal unless an owner died between its two
 *            stores, and the next owner is told of that death.
 *   byte_held[i], generation[i]   the kernel's lock on byte i, and how often index i was attached.
 *   A stale load of the word costs a failed CAS.  An owner may die at any step: before its CAS nothing happened,
 *   after it a waiter steals by verdict, or whoever attaches the index (or the janitor) marks it ABANDONED.
 *
 * MEMORY
 *   Stores to the data go through one buffer for each word and reach memory in any order (PSO); loads of the data
 *   may be taken early where RELAXED_ACQUIRE says so.
 *
 * STEPS (core.md 2.4)
 *   L1 load   L2 take a free word   L3 verdict   L4 steal   L5 set W   L6 futex compare-and-sleep   L7 chunk ends
 *   U1 load and compare   U2 CAS (release)   U3 wake one
 *   A1 lock the byte   A3 raise the generation   A4 clean up the word: count + 1, ABANDONED, nobody; wake one
 *
 * PROCESSES
 *   0 owner of index 1, generation 0 (mortal)   1 owner of index 2   2 by scenario: of index 3, or the heir of index 1
 *
 * SCENARIOS
 *   (none)            process 0 dies at any step
 *   -DNOBODY_DIES     no death: then no chunk is ever needed
 *   -DHEIR            process 2 attaches index 1 once its byte is free, and may die too
 *   -DJANITOR         a janitor cleans index 1 once its byte is free
 *   -DFALSE_VERDICT   process 0 loses its byte and lives on
 *   -DGENERATIONS=1   the generation has wrapped: the heir has the tag of the dead
 * MUTANTS  RELAXED_UNLOCK RELAXED_ACQUIRE BLIND_UNLOCK UNLOCK_WITHOUT_COUNT STEAL_WITHOUT_COUNT STEAL_UNREPORTED
 *          NO_VERDICT NO_ABANDONED ACQUIRE_WITHOUT_W NO_CHUNK
 */

#ifndef ROUNDS
#define ROUNDS 1                /* acquisitions of process 1; the others make one */
#endif
#ifndef GENERATIONS
#define GENERATIONS 4           /* the product has 2^17 */
#endif
#define PROCESSES 3
#define NOBODY 9

/* word = count * 64 + W * 32 + ABANDONED * 16 + tag, tag = index * 4 + generation */
#define TAG(index, gen) ((index) * 4 + (gen))
#define INDEX_OF(tag) ((tag) / 4)
#define GENERATION_OF(tag) ((tag) % 4)
#define WAITED 32
#define ABANDONED 16
#define TAG_OF(w) ((w) % 16)
#define COUNT_OF(w) ((w) / 64)
#define COUNTS 64               /* the product: 2^32 */
#define NEXT_COUNT(w) ((COUNT_OF(w) + 1) % COUNTS)
#define WAITED_BIT_OF(w) ((w) & WAITED)
#define IS_ABANDONED(w) ((w) & ABANDONED)
#define LOW_HALF(w) ((w) % 64)
#define WORD(count, flags, tag) ((count) * 64 + (flags) + (tag))

short word = WORD(COUNTS - 2, 0, 0);    /* the count goes round in the midst of the run */
byte first;
byte second;

bool byte_held[4];
byte generation[4];

/* Store buffers: value + 1 of a store to the data that has not reached memory, 0 = none. */
byte first_buffered[PROCESSES];
byte second_buffered[PROCESSES];

bool asleep[PROCESSES];
bool killed[PROCESSES];
bool ended[PROCESSES];          /* ghost */
bool disturbed;                 /* ghost: somebody died or lost his byte */
byte unreleased = NOBODY;       /* ghost: the process that acquired last and has not released */
bool gone[PROCESSES];           /* ghost: died, or was declared dead */
byte committed;                 /* ghost: what the last owner left when it released */

#define VERDICT_IS_DEAD(tag) \
    (!byte_held[INDEX_OF(tag)] || generation[INDEX_OF(tag)] != GENERATION_OF(tag))

/* RELEASE  U2 -> L2, L4: the data of the owner. */
#ifdef RELAXED_UNLOCK
#define DATA_IS_VISIBLE true
#else
#define DATA_IS_VISIBLE (!first_buffered[me] && !second_buffered[me])
#endif

#ifdef NO_VERDICT
#define MAY_STEAL true
#else
#define MAY_STEAL VERDICT_IS_DEAD(TAG_OF(seen))
#endif

#ifdef STEAL_WITHOUT_COUNT
#define STILL_THE_SAME (LOW_HALF(word) == LOW_HALF(seen))
#else
#define STILL_THE_SAME (word == seen)
#endif

#ifdef ACQUIRE_WITHOUT_W
#define SLEPT_BIT 0
#else
#define SLEPT_BIT (slept -> WAITED : 0)
#endif

#if defined(BLIND_UNLOCK)
#define IS_MINE true
#elif defined(UNLOCK_WITHOUT_COUNT)
#define IS_MINE (TAG_OF(seen) == tag)
#else
#define IS_MINE (TAG_OF(seen) == tag && COUNT_OF(seen) == token)
#endif

#ifdef NO_ABANDONED
#define ABANDONED_BIT 0
#else
#define ABANDONED_BIT ABANDONED
#endif

#define DRAIN_FIRST(p)                  \
    first = first_buffered[p] - 1;      \
    first_buffered[p] = 0

#define DRAIN_SECOND(p)                 \
    second = second_buffered[p] - 1;    \
    second_buffered[p] = 0

#define LAST_DRAIN(p)                   \
    if                                  \
    :: first_buffered[p] ->             \
        DRAIN_FIRST(p)                  \
    :: else                             \
    fi;                                 \
    if                                  \
    :: second_buffered[p] ->            \
        DRAIN_SECOND(p)                 \
    :: else                             \
    fi

proctype memory()
{
end:
    do
    :: d_step {
           first_buffered[0] ->
           DRAIN_FIRST(0)
       }
    :: d_step {
           second_buffered[0] ->
           DRAIN_SECOND(0)
       }
    :: d_step {
           first_buffered[1] ->
           DRAIN_FIRST(1)
       }
    :: d_step {
           second_buffered[1] ->
           DRAIN_SECOND(1)
       }
    :: d_step {
           first_buffered[2] ->
           DRAIN_FIRST(2)
       }
    :: d_step {
           second_buffered[2] ->
           DRAIN_SECOND(2)
       }
    od
}

inline wake_one()                                       /* U3 */
{
    if
    :: atomic {
           asleep[0] ->
           asleep[0] = false
       }
    :: atomic {
           asleep[1] ->
           asleep[1] = false
       }
    :: atomic {
           asleep[2] ->
           asleep[2] = false
       }
    :: !asleep[0] && !asleep[1] && !asleep[2]
    fi
}

/* Ghosts of a successful acquisition: nobody who is there has the lock, and a death is reported if there was one. */
inline acquired(was_reported)
{
    token = COUNT_OF(word);
    taken = true;
    reported = was_reported;
    assert(unreleased == NOBODY || gone[unreleased]);
    assert(reported == (unreleased != NOBODY));
    unreleased = me
}

/* A4.  Runs under the byte lock of the index.  May be killed anywhere and repeated. */
inline clean_up(index)
{
    seen = word;
    do
    :: seen != 0 && INDEX_OF(TAG_OF(seen)) == index ->
        d_step {
            if
            :: word == seen ->
                word = WORD(NEXT_COUNT(seen), ABANDONED_BIT, 0);
                taken = true
            :: else ->
                taken = false
            fi
        };
        if
        :: taken && WAITED_BIT_OF(seen) ->
            wake_one()
        :: else
        fi;
        seen = (taken -> 0 : word)
    :: else ->
        break
    od;
    seen = 0;
    taken = false
}

inline forget()
{
    seen = 0;
    token = 0;
    taken = false;
    slept = false;
    reported = false;
    loaded_first = 0;
    loaded_second = 0
}

proctype owner(byte me; byte tag; byte rounds; bool attaches)
{
    short seen;
    byte token;
    byte loaded_first;
    byte loaded_second;
    bool taken;
    bool slept;
    bool reported;

    {
        if
        :: attaches ->
end_attach:
            d_step {                                    /* A1 */
                !byte_held[1] ->
                byte_held[1] = true
            };
            d_step {                                    /* A3 */
                generation[1] = (generation[1] + 1) % GENERATIONS;
                tag = TAG(1, generation[1])
            };
            clean_up(1)
        :: else
        fi;

next_round:
        do
        :: taken ->
            break
        :: else ->
#ifdef RELAXED_ACQUIRE
            d_step {
                loaded_first = first;
                loaded_second = second
            };
#endif
            seen = word;                                /* L1 */
            if
            :: TAG_OF(seen) == 0 ->
                d_step {                                /* L2 */
                    if
                    :: word == seen ->
                        word = WORD(NEXT_COUNT(seen), WAITED_BIT_OF(seen) | SLEPT_BIT, tag);
                        acquired(IS_ABANDONED(seen) != 0)
                    :: else
                    fi
                }
            :: else ->
                if                                      /* L3 */
                :: MAY_STEAL ->
                    d_step {                            /* L4 */
                        if
                        :: STILL_THE_SAME ->
                            word = WORD(NEXT_COUNT(seen), WAITED, tag);
#ifdef STEAL_UNREPORTED
                            acquired(false)
#else
                            acquired(true)
#endif
                        :: else
                        fi
                    }
                :: !MAY_STEAL ->
                    d_step {                            /* L5 */
                        if
                        :: word == seen ->
                            word = seen | WAITED;
                            seen = word
                        :: else ->
                            seen = 0
                        fi
                    };
                    if
                    :: seen == 0
                    :: seen != 0 && LOW_HALF(word) != LOW_HALF(seen)    /* L6: EAGAIN */
                    :: d_step {                         /* L6 */
                           seen != 0 && LOW_HALF(word) == LOW_HALF(seen) ->
                           slept = true;
                           asleep[me] = true
                       };
                       !asleep[me]
                    fi
                fi
            fi
        od;

#ifndef RELAXED_ACQUIRE
        loaded_first = first;
        loaded_second = second;
#endif
#ifndef FALSE_VERDICT           /* the plain stores of a zombie are not fenced: only checksums find them */
        assert(reported || loaded_first == loaded_second);
        assert(reported || loaded_first == committed);
#endif
        d_step {
            loaded_first = (loaded_first + 1) % 4;
            loaded_second = 0;
            first_buffered[me] = loaded_first + 1
        };
        d_step {
            second_buffered[me] = loaded_first + 1
        };

        do
        :: seen = word;                                 /* U1 */
           if
           :: IS_MINE ->
               d_step {                                 /* U2 */
                   DATA_IS_VISIBLE ->
                   if
#ifdef BLIND_UNLOCK
                   :: true ->
#else
                   :: word == seen ->
#endif
                       word = WORD(token, 0, 0);
                       assert(unreleased == me);        /* nobody frees a lock that is not his own */
                       unreleased = NOBODY;
                       committed = loaded_first;
                       taken = false
                   :: else
                   fi
               };
               if
               :: taken                                 /* W was set meanwhile: again */
               :: !taken && WAITED_BIT_OF(seen) ->
                   wake_one();
                   break
               :: !taken && !WAITED_BIT_OF(seen) ->
                   break
               fi
           :: else ->                                   /* LockLost */
               assert(gone[me]);                         /* never told so without a verdict */
               break
           fi
        od;
        atomic {
            forget();
            rounds--
        };
        if
        :: rounds > 0 ->
            goto next_round
        :: else
        fi;
        ended[me] = true
    } unless {
        killed[me]
    };
    atomic {
        forget();
        rounds = 0;
        tag = 0
    }
}

proctype janitor()
{
    short seen;
    bool taken;

end:
    d_step {                                            /* A1 */
        !byte_held[1] ->
        byte_held[1] = true
    };
    generation[1] = (generation[1] + 1) % GENERATIONS;  /* A3 */
    clean_up(1);
    byte_held[1] = false
}

inline kill(victim)
{
    LAST_DRAIN(victim);
    killed[victim] = true;
    gone[victim] = true;
    asleep[victim] = false;
    disturbed = true;
    byte_held[1] = false
}

proctype killer()
{
    if
    :: d_step {
           !ended[0] ->
#ifdef FALSE_VERDICT
           gone[0] = true;
           disturbed = true;
           byte_held[1] = false
#else
           kill(0)
#endif
       }
    :: skip
    fi;
#ifdef HEIR
    if
    :: d_step {
           gone[0] && byte_held[1] && !ended[2] ->
           kill(2)
       }
    :: skip
    fi
#endif
}

#define FINISHED(p) (ended[p] || killed[p])
#ifdef HEIR
#define PROCESS_2_FINISHED (FINISHED(2) || byte_held[1])
#else
#define PROCESS_2_FINISHED FINISHED(2)
#endif

/* L7.  `timeout` is true only when no other process can move, so that every need for a chunk is seen. */
active proctype end_of_chunk()
{
    do
    :: timeout ->
        if
        :: FINISHED(0) && FINISHED(1) && PROCESS_2_FINISHED ->
            break
        :: else ->
            assert(disturbed);                          /* a chunk is needed only after a death */
#ifdef NO_CHUNK
            assert(false);
#endif
            assert(asleep[0] || asleep[1] || asleep[2]);        /* nobody is stuck but in the futex */
            d_step {
                asleep[0] = false;
                asleep[1] = false;
                asleep[2] = false
            }
        fi
    od
}

init
{
    atomic {
        byte_held[1] = true;
        byte_held[2] = true;
        byte_held[3] = true;
        run memory();
#ifndef NOBODY_DIES
        run killer();
#endif
        run owner(0, TAG(1, 0), 1, false);
        run owner(1, TAG(2, 0), ROUNDS, false);
#ifdef HEIR
        run owner(2, 0, 1, true);
#else
        run owner(2, TAG(3, 0), 1, false);
#endif
#ifdef JANITOR
        run janitor()
#endif
    }
}
