/*
 * Participants: attach, detach, verdict, clean-up and janitor around one index (core.md 2.2; D9, D12, D51).
 *
 * CONTRACT
 *   byte_holder   the process whose description locks the byte of the index, 0 = nobody.  The kernel drops it on any
 *                 death.  Only its holder attaches, cleans or detaches.
 *   generation    raised under the byte lock before anything is cleaned: from then on every older tag is DEAD.
 *   recorded_pid  the process that lives behind the index, 0 = none.  Second evidence: a process that lost its lock
 *                 (a foreign close) and lives is not dead, and its index is not given away.
 *   mutex         a word that carries a tag (index, generation), 0 = free; changed only by CAS.
 *   slot_taken    a word that carries the index alone, as the control word of a slot does.
 *   pin           a word that belongs to the index; its owner and the clean-up store without looking.
 *   A tag can look ALIVE again between A1 and A2, so ALIVE only means "wait".  Whoever dies at any step leaves the byte
 *   free, and the next holder repeats the clean-up; whoever is stopped during the clean-up blocks the index, but
 *   nobody who waits for the tag of the dead.
 *
 * MEMORY
 *   The store of the generation goes through a buffer; seq_cst is the guard that holds the clean-up back.
 *
 * STEPS
 *   attach   A1 lock the byte   A2 does recorded_pid name a live process?   A3 raise the generation   A4 clean up
 *            A5 write recorded_pid
 *   janitor  A1 A2 A3 A4, then J1 unlock the byte
 *   detach   D1 recorded_pid = 0   D2 release what is held   D3 close: the byte is free
 *            without the byte: D2, then D1, for the pid is all that keeps others from the index
 *   verdict  V1 is the byte locked?   V2 generation, or recorded_pid
 *
 * PROCESSES
 *   veteran: attached at the start and holds mutex, slot and pin; detaches, or dies at any step
 *   newcomer: attaches and uses slot, pin and mutex, may die or be stopped at any step
 *   janitor: cleans, may die or be stopped        observer: wants the mutex
 *
 * SCENARIOS  (none)   -DLOST: the veteran's descriptor is closed behind its back   -DSECOND: another newcomer
 * MUTANTS    GENERATION_LAST GENERATION_RELAXED CLEANUP_WITHOUT_LOCK NO_CLEANUP NO_LIVE_CHECK PID_NOT_CLEARED
 *            PID_FIRST
 * LIMIT      STOP_IN_WINDOW: a process stopped between A1 and A3 blocks the observer, which waits to its deadline
 */

#define NONE 0
#define VETERAN 1
#define NEWCOMER 2
#define SECOND_NEWCOMER 3
#define JANITOR 4
#define OBSERVER 5
#define PROCESSES 6

#define TAG(gen) ((gen) + 1)            /* of the index, never 0 */
#define OBSERVERS_TAG 15

byte byte_holder = VETERAN;
byte generation;
byte recorded_pid = VETERAN;
byte mutex = TAG(0);
bool slot_taken = true;
byte pin = VETERAN;

bool generation_buffered;
byte generation_value;

bool killed[PROCESSES];
bool stopped[PROCESSES];
bool detached[PROCESSES];
bool in_window[PROCESSES];      /* ghost: between A1 and A3 */
byte mutex_user = VETERAN;      /* ghosts: the process that relies on the word */
byte slot_user = VETERAN;
byte pin_user = VETERAN;
bool observer_has_it;           /* ghost */

#define IS_LIVE(process) ((process) != NONE && !killed[process])
#define RELIES(process) ((process) != NONE && !killed[process])

#ifdef GENERATION_RELAXED
#define GENERATION_IS_VISIBLE true
#else
#define GENERATION_IS_VISIBLE (!generation_buffered)
#endif

#define VERDICT_IS_DEAD(tag) \
    (byte_holder != NONE -> TAG(generation) != (tag) : TAG(generation) != (tag) || !IS_LIVE(recorded_pid))

inline drain_generation()
{
    generation = generation_value;
    generation_buffered = false;
    generation_value = 0
}

proctype memory()
{
end:
    do
    :: d_step {
           generation_buffered ->
           drain_generation()
       }
    od
}

inline raise_generation()                               /* A3 */
{
    d_step {
        !generation_buffered ->
        generation_buffered = true;
        generation_value = generation + 1;
        my_tag = TAG(generation + 1);
        in_window[me] = false
    };
    GENERATION_IS_VISIBLE
}

/* A4: everything of the index; each step may be the last one of its process, and is then repeated by the next. */
inline clean_up()
{
    if
    :: d_step {
           mutex != 0 && mutex != OBSERVERS_TAG ->
           seen = mutex
       };
       d_step {
           if
           :: mutex == seen ->
               assert(!RELIES(mutex_user) || mutex_user == me);
               mutex = 0;
               mutex_user = NONE
           :: else
           fi
       }
    :: mutex == 0 || mutex == OBSERVERS_TAG
    fi;
    d_step {
        if
        :: slot_taken ->
            assert(!RELIES(slot_user) || slot_user == me);
            slot_taken = false;
            slot_user = NONE
        :: else
        fi
    };
    d_step {
        assert(!RELIES(pin_user) || pin_user == me);
        pin = 0;
        pin_user = NONE
    };
    seen = 0
}

#ifdef NO_LIVE_CHECK
#define MAY_HAVE_THE_INDEX true
#else
#define MAY_HAVE_THE_INDEX (!IS_LIVE(recorded_pid))              /* A2 */
#endif

inline take_over()
{
#ifdef GENERATION_LAST
    in_window[me] = false;
    clean_up();
    raise_generation()
#else
    raise_generation();
    clean_up()
#endif
}

inline release()                                        /* D2 */
{
    d_step {
        if
        :: mutex_user == me ->
            mutex = 0;
            mutex_user = NONE
        :: else
        fi
    };
    d_step {
        slot_taken = false;
        slot_user = NONE
    };
    d_step {
        pin = 0;
        pin_user = NONE
    }
}

inline detach_without_the_byte()
{
#ifdef PID_FIRST
    recorded_pid = NONE;
    release();
#else
    release();
    recorded_pid = NONE;                                /* D1 */
#endif
    detached[me] = true
}

inline detach()
{
#ifndef PID_NOT_CLEARED
    recorded_pid = NONE;                                         /* D1 */
#endif
    release();
    d_step {                                            /* D3 */
        if
        :: byte_holder == me ->
            byte_holder = NONE
        :: else
        fi;
        detached[me] = true
    }
}

proctype veteran(byte me)
{
    {
#ifdef LOST
        d_step {                                        /* a foreign close() of the descriptor */
            byte_holder = NONE
        };
        d_step {                                        /* it lives on and relies on its words */
            assert(pin == me && slot_taken && mutex == TAG(0))
        };
        detach_without_the_byte()
#else
        detach()
#endif
    } unless {
        killed[me]
    }
}

proctype newcomer(byte me)
{
    byte my_tag;
    byte seen;

end_attach:
    {
        d_step {                                        /* A1 */
            byte_holder == NONE && MAY_HAVE_THE_INDEX ->        /* A2; who finds a live process unlocks and goes on */
            byte_holder = me;
            in_window[me] = true
        };
#ifdef NO_CLEANUP
        raise_generation();
#else
        take_over();
#endif
        recorded_pid = me;                                       /* A5 */

        d_step {                                        /* use of the index */
            assert(!slot_taken && pin == 0);            /* nothing is left of whoever was here before */
            slot_taken = true;
            slot_user = me
        };
        d_step {
            pin = me;
            pin_user = me
        };
        if
        :: d_step {
               mutex == 0 ->
               mutex = my_tag;
               mutex_user = me
           }
        :: mutex != 0
        fi;
        d_step {
            assert(slot_taken && pin == me);            /* what we rely on is still there */
            assert(recorded_pid == me);
            assert(byte_holder == me);
            assert(mutex_user != me || mutex == my_tag)
        };
        detach()
    } unless {
        killed[me] || stopped[me]
    }
}

proctype janitor(byte me)
{
    byte my_tag;
    byte seen;

end_wait:
    {
#ifdef CLEANUP_WITHOUT_LOCK
        VERDICT_IS_DEAD(TAG(0));
        clean_up()
#else
        d_step {                                        /* A1, A2, with a description of its own */
            byte_holder == NONE && MAY_HAVE_THE_INDEX ->
            byte_holder = me;
            in_window[me] = true
        };
        take_over();
        byte_holder = NONE                              /* J1 */
#endif
    } unless {
        killed[me] || stopped[me]
    }
}

proctype observer()
{
    byte seen;

    do
    :: d_step {
           mutex == 0 ->
           mutex = OBSERVERS_TAG;
           mutex_user = OBSERVER
       };
       break
    :: d_step {
           mutex != 0 ->
           seen = mutex
       };
       if
       :: byte_holder == NONE ->                        /* V1 */
           if
           :: VERDICT_IS_DEAD(seen) ->
               d_step {
                   if
                   :: mutex == seen ->
                       assert(!RELIES(mutex_user));     /* nobody who lives is robbed */
                       mutex = OBSERVERS_TAG;
                       mutex_user = OBSERVER
                   :: else
                   fi
               };
               if
               :: mutex == OBSERVERS_TAG ->
                   break
               :: else
               fi
           :: !VERDICT_IS_DEAD(seen)
           fi
       :: byte_holder != NONE ->
           if
           :: TAG(generation) != seen ->                /* V2 */
               d_step {
                   if
                   :: mutex == seen ->
                       assert(!RELIES(mutex_user));
                       mutex = OBSERVERS_TAG;
                       mutex_user = OBSERVER
                   :: else
                   fi
               };
               if
               :: mutex == OBSERVERS_TAG ->
                   break
               :: else
               fi
           :: TAG(generation) == seen
           fi
       fi;
end_chunk:
       mutex != seen || VERDICT_IS_DEAD(seen)           /* a chunk: looks again when something has changed */
    od;
    observer_has_it = true
}

inline kill(victim)
{
    if
    :: generation_buffered && byte_holder == victim ->
        drain_generation()
    :: else
    fi;
    killed[victim] = true;
    if
    :: byte_holder == victim ->
        byte_holder = NONE
    :: else
    fi
}

#ifdef STOP_IN_WINDOW
#define MAY_STOP(process) true
#else
#define MAY_STOP(process) (!in_window[process])
#endif

proctype killer()
{
    if
    :: d_step {
           !detached[VETERAN] ->
           kill(VETERAN)
       }
#ifdef LOST
    :: detached[VETERAN]
#else
    :: skip
#endif
    fi;
    if
    :: d_step {
           !detached[NEWCOMER] ->
           kill(NEWCOMER)
       }
    :: d_step {
           !detached[NEWCOMER] && MAY_STOP(NEWCOMER) ->
           stopped[NEWCOMER] = true
       }
    :: skip
    fi;
    if
    :: d_step {
           kill(JANITOR)
       }
    :: d_step {
           MAY_STOP(JANITOR) ->
           stopped[JANITOR] = true
       }
    :: skip
    fi
}

#define IS_AWAY(process) (killed[process] || stopped[process] || detached[process])

init
{
    atomic {
        run memory();
        run killer();
        run veteran(VETERAN);
        run newcomer(NEWCOMER);
#ifdef SECOND
        run newcomer(SECOND_NEWCOMER);
#endif
        run janitor(JANITOR);
        run observer()
    }
    timeout;
    /* The observer has the mutex, unless a living participant that was stopped has it. */
    assert(observer_has_it || (mutex_user != NONE && stopped[mutex_user]));
    /* The index can be had again, unless somebody who was stopped sits on it. */
    assert(byte_holder == NONE || stopped[byte_holder]);
    assert(byte_holder != NONE || IS_AWAY(NEWCOMER))
}
