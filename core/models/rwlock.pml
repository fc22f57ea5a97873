/*
 * The lock for readers and writers (docs/design/rwlock.md): exclusion, recovery, and that nobody starves.
 *
 * CONTRACT
 *   owner, abandoned   the lock word: who owns it (process + 1), and whether a writer died inside.  Changed by CAS; the
 *            acquisition count and its races are lock.pml's.
 *   flag[p]  what reader p does: 0, READING, WAITING; its owner writes it, a writer that leaves turns WAITING into
 *            READING, a writer puts the flag of a dead reader down.
 *   first, second   the data.  A writer stores both; they are equal unless a writer died between, and who comes then is
 *            told so until a writer has been inside.
 *
 * MEMORY
 *   Stores to the data, and a reader's store of READING, go through a buffer for each word and reach memory in any order
 *   (PSO); a fence or a releasing operation empties the buffers of its process.  A writer may load the flags early, and a
 *   reader the data early or late, where an order that forbids it was taken away.
 *
 * STEPS (docs/design/rwlock.md)
 *   E1 raise the flag   E2 look at the word   G2 look at the own flag   T take the word from the dead   S sleep on the flag
 *   E3 take the word   E4 look at each flag   G1 let the waiting in   X1 give the word back   R1 put the flag down
 *
 * PROCESSES
 *   0, 1 readers   2, 3 writers.  One of them may die at any step: process MORTAL.
 *
 * SCENARIOS
 *   (none)            nobody dies
 *   -DMORTAL=2        a writer may die, -DMORTAL=0 a reader
 *   -DONE_READER -DONE_WRITER   without process 1, or 3;  -DROUNDS -DREADS how often each comes
 * MUTANTS  READER_FENCE_ACQ_REL WRITER_FENCE_ACQ_REL LEAVE_WORD_RELAXED GRANT_RELAXED UNREAD_RELAXED READ_WITHOUT_LOOK
 *          WRITE_AMONG_READERS READER_FOREVER DEATH_FORGOTTEN NO_GRANT TRY_WITHOUT_WAITING RAISE_UNSEEN
 */

#ifndef MORTAL
#define MORTAL 9
#endif
#ifndef ROUNDS
#define ROUNDS 1                /* of each writer */
#endif
#ifndef READS
#define READS 1                 /* of each reader */
#endif
#define READERS 2
#define PROCESSES 4
#define NOBODY 9

#define READING 1
#define WAITING 2
#define READING_ABANDONED 3     /* let in by somebody who knew of a dead writer */
#define TRYING 4                /* READING and WAITING: up, and let in by a writer that leaves */
#define IS_GRANTED(p) (flag[p] == READING || flag[p] == READING_ABANDONED)
#define IS_READING(p) (IS_GRANTED(p) || flag[p] == TRYING)
#ifdef TRY_WITHOUT_WAITING
#define IS_WAITING(p) (flag[p] == WAITING)
#else
#define IS_WAITING(p) (flag[p] == WAITING || flag[p] == TRYING)
#endif

byte owner;
bool abandoned;
byte flag[READERS];
byte first;
byte second;

bool raised[READERS];           /* a store of READING that has not reached memory */
byte first_buffered[PROCESSES]; /* value + 1, 0 = none */
byte second_buffered[PROCESSES];

bool asleep[PROCESSES];         /* readers on their flag, writers on a flag or the word */
bool killed[PROCESSES];
bool ended[PROCESSES];
byte inside = NOBODY;           /* ghost: the writer inside */
byte reading;                   /* ghost: how many readers are inside, of those that live */
bool is_inside[READERS];        /* ghost */
byte passed[READERS];           /* ghost: writers that went in since this reader put its flag to WAITING */
byte pulses[READERS];           /* ghost: how often this flag went up since the owner took the word */
byte committed;                 /* ghost: what the last writer that left had written */
byte chunks;                    /* ghost: ended without progress */

#define DEAD(p) (killed[p])

#ifdef READER_FOREVER
#define IS_VOID(p) false
#else
#define IS_VOID(p) DEAD(p)
#endif

#define DRAIN(p)                                \
    if                                          \
    :: first_buffered[p] ->                     \
        first = first_buffered[p] - 1;          \
        first_buffered[p] = 0                   \
    :: else                                     \
    fi;                                         \
    if                                          \
    :: second_buffered[p] ->                    \
        second = second_buffered[p] - 1;        \
        second_buffered[p] = 0                  \
    :: else                                     \
    fi

#define RAISE(p)                                \
    flag[p] = READING;                          \
    raised[p] = false

proctype memory()
{
end:
    do
    :: d_step {
           raised[0] ->
           RAISE(0)
       }
    :: d_step {
           raised[1] ->
           RAISE(1)
       }
    :: d_step {
           first_buffered[2] ->
           first = first_buffered[2] - 1;
           first_buffered[2] = 0
       }
    :: d_step {
           second_buffered[2] ->
           second = second_buffered[2] - 1;
           second_buffered[2] = 0
       }
    :: d_step {
           first_buffered[3] ->
           first = first_buffered[3] - 1;
           first_buffered[3] = 0
       }
    :: d_step {
           second_buffered[3] ->
           second = second_buffered[3] - 1;
           second_buffered[3] = 0
       }
    od
}

/* Whoever leaves the word behind: G1. */
inline let_in(i, mark)
{
#ifndef NO_GRANT
    i = 0;
    do
    :: i < READERS ->
        d_step {
            if
            :: IS_WAITING(i) ->
#ifndef GRANT_RELAXED
                if
                :: me >= READERS ->
                    DRAIN(me)
                :: else
                fi;
#endif
                flag[i] = (mark -> READING_ABANDONED : READING);
                asleep[i] = false
            :: else
            fi;
            i++
        }
    :: else ->
        break
    od;
    i = 0
#else
    skip
#endif
}

inline wake_writers()
{
    asleep[2] = false;
    asleep[3] = false
}

inline enter_as_reader(was_reported)
{
    reported = was_reported;
    entered = true;
    passed[me] = 0;
    is_inside[me] = true;
    reading++;
    assert(inside == NOBODY || killed[inside]);
    chunks = 0
}

proctype reader(byte me)
{
    byte rounds = READS;
    byte seen;
    byte one;
    byte two;
    byte i;
    bool reported;
    bool entered;
    bool mark;

    {
        skip;
next_round:
        /* A hint first: nobody raises the flag in vain. */
        if
        :: owner == 0 ->
            d_step {                                    /* E1 */
                raised[me] = true;
                pulses[me]++
            };
#ifndef READER_FENCE_ACQ_REL
            d_step {
                if
                :: raised[me] ->
                    RAISE(me)
                :: else
                fi
            };
#endif
            d_step {                                    /* E2 */
                if
#ifdef READ_WITHOUT_LOOK
                :: true ->
#else
                :: owner == 0 ->
#endif
                    enter_as_reader(abandoned)
                :: else
                fi
            }
        :: else
        fi;
        if
        :: !entered ->
            d_step {                                    /* an exchange: it is in memory at once */
                raised[me] = false;
                flag[me] = WAITING;
                passed[me] = 0;
                wake_writers()
            };
            do
            :: entered ->
                break
            :: else ->
                d_step {                                /* G2 */
                    if
                    :: IS_GRANTED(me) ->
                        enter_as_reader(flag[me] == READING_ABANDONED)
                    :: else
                    fi
                };
                if
                :: !entered ->
                    seen = owner;
                    if
#ifdef RAISE_UNSEEN
                    :: true ->
#else
                    :: seen == 0 ->
#endif
                        d_step {                        /* E1: CAS from WAITING */
                            if
                            :: flag[me] == WAITING ->
                                flag[me] = TRYING;
                                pulses[me]++;
                                assert(owner == 0 || pulses[me] <= 2);
                                mark = true
                            :: else
                            fi
                        };
                        if
                        :: mark ->
                            d_step {                    /* E2 */
                                mark = false;
                                seen = owner;
                                reported = abandoned
                            };
                            d_step {
                                if
                                :: flag[me] == TRYING && seen == 0 ->
                                    flag[me] = READING;
                                    enter_as_reader(reported)
                                :: flag[me] == TRYING && seen != 0 ->
                                    flag[me] = WAITING;
                                    wake_writers()
                                :: else                 /* let in: G2 at the next look */
                                fi;
                                seen = 0
                            }
                        :: else
                        fi
                    :: seen != 0 && DEAD(seen - 1) ->
                        d_step {                        /* T */
                            if
                            :: owner == seen ->
                                owner = me + 1;
#ifndef DEATH_FORGOTTEN
                                abandoned = true;
#endif
                                mark = true
                            :: else
                            fi
                        };
                        if
                        :: mark ->
                            let_in(i, abandoned);
                            d_step {
                                mark = false;
                                owner = 0;              /* passed on */
                                wake_writers()
                            }
                        :: else
                        fi
                    :: seen != 0 && !DEAD(seen - 1) ->
                        d_step {                        /* S: compares the flag before it sleeps */
                            if
                            :: flag[me] == WAITING ->
                                asleep[me] = true
                            :: else
                            fi
                        };
                        !asleep[me]
                    fi
                :: else
                fi
            od
        :: else
        fi;

        skip;
#ifndef UNREAD_RELAXED
        one = first;
        two = second;
        assert(reported || one == two);
        assert(reported || one == committed);
#endif
        d_step {                                        /* R1 */
            raised[me] = false;
            flag[me] = 0;
            is_inside[me] = false;
            reading--;
            chunks = 0
        };
#ifdef UNREAD_RELAXED
        one = first;                                    /* loads that were not over */
        two = second;
        assert(reported || one == two);
#endif
        d_step {
            if
            :: owner != 0 ->
                wake_writers()
            :: else
            fi;
            one = 0;
            two = 0;
            seen = 0;
            reported = false;
            entered = false;
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
    d_step {
        seen = 0;
        one = 0;
        two = 0;
        i = 0;
        rounds = 0;
        reported = false;
        entered = false;
        mark = false
    }
}

proctype writer(byte me)
{
    byte rounds = ROUNDS;
    byte seen;
    byte i;
    byte value;
    byte early;
    bool reported;
    bool taken;

    {
        skip;
next_round:
        do
        :: taken ->
            break
        :: else ->
#ifdef WRITER_FENCE_ACQ_REL
            d_step {                                    /* the flags, loaded before the CAS is in memory */
                early = (IS_READING(0) -> 1 : 0) + (IS_READING(1) -> 2 : 0)
            };
#endif
            d_step {                                    /* E3 */
                seen = owner;
                if
                :: seen == 0 ->
                    reported = abandoned;
                    taken = true
                :: seen != 0 && DEAD(seen - 1) ->
                    reported = true;
                    taken = true
                :: else ->
                    asleep[me] = true
                fi;
                if
                :: taken ->
                    owner = me + 1;
                    abandoned = false;
                    pulses[0] = (raised[0] -> 1 : 0);
                    pulses[1] = (raised[1] -> 1 : 0);
                    chunks = 0
                :: else
                fi
            };
            taken || !asleep[me]
        od;

        i = 0;
#ifndef WRITE_AMONG_READERS
        do
        :: i < READERS ->
            d_step {                                    /* E4 */
#ifdef WRITER_FENCE_ACQ_REL
                seen = (early / (i + 1)) % 2;
#else
                seen = (IS_READING(i) -> 1 : 0);
#endif
                if
                :: seen == 0 ->
                    i++
                :: seen == 1 && IS_VOID(i) ->
                    flag[i] = 0;
                    early = 0;
                    chunks = 0
                :: else ->
                    early = (IS_READING(0) -> 1 : 0) + (IS_READING(1) -> 2 : 0);
                    asleep[me] = IS_READING(i)          /* compares the flag before it sleeps */
                fi
            };
            !asleep[me]
        :: else ->
            break
        od;
#endif
        i = 0;
        d_step {
            early = 0;
            seen = 0;
            assert(reading == 0);
            assert(inside == NOBODY || killed[inside]);
            assert(reported || first == second);
            inside = me;
            chunks = 0;
            do                                          /* whoever waits is passed by one more writer */
            :: i < READERS ->
                passed[i] = (flag[i] != 0 && !IS_GRANTED(i) && !killed[i] -> passed[i] + 1 : 0);
                assert(passed[i] <= 2);
                i++
            :: else ->
                break
            od;
            i = 0;
            value = (first + 1) % 4;
            first_buffered[me] = value + 1
        };
        d_step {
            second_buffered[me] = value + 1
        };
        d_step {
            inside = NOBODY;
            committed = value
        };
        let_in(i, false);                               /* G1 */
        d_step {                                        /* X1 */
#ifndef LEAVE_WORD_RELAXED
            DRAIN(me);
#endif
            owner = 0;
            wake_writers();
            chunks = 0;
            taken = false;
            reported = false;
            value = 0;
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
    d_step {
        seen = 0;
        i = 0;
        value = 0;
        early = 0;
        rounds = 0;
        reported = false;
        taken = false
    }
}

#if MORTAL < PROCESSES
proctype killer()
{
    if
    :: d_step {
           !ended[MORTAL] ->
           DRAIN(MORTAL);
#if MORTAL < READERS
           if
           :: raised[MORTAL] ->
               RAISE(MORTAL)
           :: else
           fi;
           if
           :: is_inside[MORTAL] ->
               is_inside[MORTAL] = false;
               reading--
           :: else
           fi;
           passed[MORTAL] = 0;
#endif
           killed[MORTAL] = true;
           asleep[MORTAL] = false
       }
    :: skip
    fi
}
#endif

#define FINISHED(p) (ended[p] || killed[p])

/* The end of a chunk.  `timeout` is true only when no other process can move.  Two without progress are one too many. */
active proctype end_of_chunk()
{
    do
    :: timeout ->
        if
        :: FINISHED(0) && FINISHED(1) && FINISHED(2) && FINISHED(3) ->
            break
        :: else ->
            assert(asleep[0] || asleep[1] || asleep[2] || asleep[3]);
            d_step {
                chunks++;
                assert(chunks <= 2);
                asleep[0] = false;
                asleep[1] = false;
                asleep[2] = false;
                asleep[3] = false
            }
        fi
    od
}

init
{
    atomic {
        run memory();
#if MORTAL < PROCESSES
        run killer();
#endif
        run reader(0);
#ifdef ONE_READER
        ended[1] = true;
#else
        run reader(1);
#endif
#ifdef ONE_WRITER
        ended[3] = true;
#else
        run writer(3);
#endif
        run writer(2)
    }
}
