/*
 * Waiting and notifying (core.md 2.3, corrected): nobody sleeps past a change of the word, unless the waker dies.
 *
 * CONTRACT
 *   word    the published word.  Publishers replace it by CAS, waiters load it.
 *   bell    sequence * 2 + armed; the futex word.  A waiter arms it, a publisher that finds it armed disarms it
 *           and raises the sequence in one CAS, then wakes everybody.  A waiter sleeps only while the bell is
 *           still the one that it armed.
 *   An armed bell of a dead waiter costs one superfluous wake-up.  A publisher that dies between its CAS of the
 *   word and its wake costs one chunk of delay: here a chunk ends only when nothing else can move, and it is
 *   asserted that a chunk was needed only after a death.
 *
 *   core.md 2.3 sleeps on `word` and has a plain flag `waiters` that the publisher clears.  That loses a
 *   wake-up without any death (mutant SLEEP_ON_WORD): the publisher of version 1 finds the flag of a waiter
 *   for version 1, that waiter wakes by itself, arms again for version 2, and only then the publisher clears
 *   the flag.  To sleep on the flag itself is not enough either (mutant NO_SEQUENCE): another waiter's arming
 *   makes the cleared flag look unchanged.
 *
 * MEMORY
 *   The publisher's CAS of `word` and the waiter's RMW of `bell` go through store buffers: they have happened
 *   (no other RMW of the same location comes between) but are not visible yet.  seq_cst is the guard that holds
 *   the next load of the same process back until its buffer is empty.  The kernel is not trusted to be a barrier.
 *
 * STEPS
 *   W1 arm the bell       W2 load word again    W3 futex compare-and-sleep    W4 chunk ends
 *   N1 CAS word           N2 load bell          N3 disarm the bell            N4 wake all
 *
 * SCENARIO  (none): nobody dies    -DDEATH: publisher 0 dies at any step, or not at all
 * MUTANTS   SLEEP_ON_WORD NO_SEQUENCE RELAXED_PUBLISHER RELAXED_WAITER NO_COMPARE DISARM_AFTER_WAKE NO_CHUNK
 */

#ifndef PUBLICATIONS
#define PUBLICATIONS 1          /* of publisher 0, the mortal one */
#endif
#ifndef OTHER_PUBLICATIONS
#define OTHER_PUBLICATIONS 2    /* of publisher 1 */
#endif
#define PUBLISHERS 2
#define WAITERS 2

byte word = 254;                /* a version; this and the bell go round in the midst of the run */
byte bell = 254;

bool publish_buffered[PUBLISHERS];
byte arm_buffered[WAITERS];     /* the armed bell that is not visible yet, 0 = none (an armed bell is odd) */

bool asleep[WAITERS];           /* in the kernel's queue */
byte seen[WAITERS] = 254;       /* the word for which the caller's predicate was false */

bool killed[PUBLISHERS];
bool ended[PUBLISHERS];         /* ghost */
bool waker_died;                /* ghost */
byte chunks_needed;             /* ghost */

#define A_PUBLICATION_IS_BUFFERED (publish_buffered[0] || publish_buffered[1])
#define AN_ARMING_IS_BUFFERED (arm_buffered[0] || arm_buffered[1])

/* DEKKER, publisher's end: N1 before N2. */
#ifdef RELAXED_PUBLISHER
#define WORD_IS_VISIBLE true
#else
#define WORD_IS_VISIBLE (!publish_buffered[me])
#endif

/* DEKKER, waiter's end: W1 before W2. */
#ifdef RELAXED_WAITER
#define BELL_IS_VISIBLE true
#else
#define BELL_IS_VISIBLE (!arm_buffered[me])
#endif

#define IS_ARMED(bell_value) ((bell_value) % 2 == 1)
#define ARMED(bell_value) ((bell_value) + 1 - (bell_value) % 2)

#if defined(NO_SEQUENCE) || defined(SLEEP_ON_WORD)
#define DISARMED(bell_value) 0
#else
#define DISARMED(bell_value) ((bell_value) + 1)
#endif

/* What the kernel compares under the lock of its queue.  A store of the caller itself is forwarded to it. */
#if defined(SLEEP_ON_WORD)
#define KERNEL_LETS_SLEEP (word == seen[me])
#elif defined(NO_COMPARE)
#define KERNEL_LETS_SLEEP true
#else
#define KERNEL_LETS_SLEEP ((arm_buffered[me] -> arm_buffered[me] : bell) == armed_bell)
#endif

#define LAST_DRAIN(p)           \
    if                          \
    :: publish_buffered[p] ->   \
        word++;                 \
        publish_buffered[p] = false \
    :: else                     \
    fi

proctype memory()
{
end:
    do
    :: d_step {
           publish_buffered[0] ->
           word++;
           publish_buffered[0] = false
       }
    :: d_step {
           publish_buffered[1] ->
           word++;
           publish_buffered[1] = false
       }
    :: d_step {
           arm_buffered[0] ->
           bell = arm_buffered[0];
           arm_buffered[0] = 0
       }
    :: d_step {
           arm_buffered[1] ->
           bell = arm_buffered[1];
           arm_buffered[1] = 0
       }
    od
}

inline disarm()                                         /* N3: a CAS; who loses it leaves the waking to the winner */
{
    d_step {
        !AN_ARMING_IS_BUFFERED ->
        if
#ifdef SLEEP_ON_WORD
        :: true ->                                      /* the page has a plain store here, and wakes in any case */
            bell = 0;
            must_wake = true
#endif
        :: bell == found_bell ->
            bell = DISARMED(found_bell);
            must_wake = true
        :: else ->
            must_wake = false
        fi
    }
}

inline wake_all()                                       /* N4 */
{
    d_step {
        asleep[0] = false;
        asleep[1] = false
    }
}

proctype publisher(byte me; byte publications)
{
    byte found_bell;
    bool must_wake;

    {
        do
        :: publications == 0 ->
            break
        :: else ->
            d_step {                                    /* N1; a CAS that fails changes nothing and is left out */
                !A_PUBLICATION_IS_BUFFERED ->
                publish_buffered[me] = true;
                publications--
            };
            d_step {                                    /* N2 */
                WORD_IS_VISIBLE ->
                found_bell = bell
            };
            if
            :: IS_ARMED(found_bell) ->
#ifdef DISARM_AFTER_WAKE
                wake_all();
                disarm()
#else
                disarm();
                if
                :: must_wake ->
                    wake_all()
                :: else
                fi
#endif
            :: else
            fi;
            d_step {
                found_bell = 0;
                must_wake = false
            }
        od;
        ended[me] = true
    } unless {
        killed[me]
    }
}

proctype waiter(byte me)
{
    byte armed_bell;

    do
    :: d_step {
           word != seen[me] ->                          /* the predicate came true: the caller takes the value */
           seen[me] = word
       }
    :: word == seen[me] ->                              /* the predicate is false */
        if                                              /* W1 */
        :: d_step {                                     /* another waiter armed it: a seq_cst load is enough */
               IS_ARMED(bell) ->
               armed_bell = bell
           }
        :: d_step {
               !IS_ARMED(bell) && !AN_ARMING_IS_BUFFERED ->
               armed_bell = ARMED(bell);
               arm_buffered[me] = armed_bell
           }
        fi;
        if
        :: BELL_IS_VISIBLE && word != seen[me]          /* W2 */
        :: BELL_IS_VISIBLE && word == seen[me] ->
            if
            :: d_step {                                 /* W3 */
                   KERNEL_LETS_SLEEP ->
                   asleep[me] = true
               };
end_asleep:
               !asleep[me]
            :: !KERNEL_LETS_SLEEP                       /* EAGAIN */
            fi
        fi;
        armed_bell = 0
    od
}

/* Publisher 0 dies at any step, or not at all.  Its buffered stores reach memory first. */
proctype killer()
{
    if
    :: d_step {
           !ended[0] ->
           LAST_DRAIN(0);
           killed[0] = true;
           waker_died = true
       }
    :: skip
    fi
}

#define SLEEPS_PAST_A_CHANGE(w) (asleep[w] && seen[w] != word)

/* W4.  `timeout` is true only when no other process can move, so that every need for a chunk is seen. */
active proctype end_of_chunk()
{
    do
    :: timeout ->
        if
        :: SLEEPS_PAST_A_CHANGE(0) || SLEEPS_PAST_A_CHANGE(1) ->
            assert(waker_died);                         /* a wake-up is lost only by a death */
#ifdef NO_CHUNK
            assert(false);
#endif
            chunks_needed++;
            assert(chunks_needed == 1);                 /* one chunk heals it */
            wake_all()
        :: else ->
            assert(seen[0] == word && seen[1] == word);
            break
        fi
    od
}

init
{
    atomic {
        run memory();
        run waiter(0);
        run waiter(1);
        run publisher(0, PUBLICATIONS);
        run publisher(1, OTHER_PUBLICATIONS);
#ifdef DEATH
        run killer()
#endif
    }
}
