/*
 * Views across fork() (core.md 2.2; D1, D9, D11, D13): what the parent looks at, the child may look at.
 *
 * CONTRACT
 *   pin[x]            what participant x pins; only its owner stores it, and the clean-up of a free byte.
 *   pins_used         indices below it may have pins; raised before the first pin of an index is stored.
 *   pin_moves         counts how often pins were copied to another index; raised after the copy.
 *   descriptions[x]   how many processes have the description open that locks byte x.  The kernel frees the byte
 *                     when the last one closes it or dies.
 *   ctrl              state of the one slot: superseded, so that anybody may claim it, and shown by the parent's view.
 *   A writer looks for pins one word after the other.  While it does, a fork can copy a pin into a word that it has
 *   already passed (or that pins_used had excluded), and the parent can drop its own pin before the writer comes to
 *   it: then one look finds nothing, though the slot was pinned at every moment (mutant SCAN_ONCE, D11 as written).
 *   So a writer that found nothing looks again when pin_moves has changed since before the look.
 *
 * MEMORY
 *   Sequentially consistent: all words here are accessed by seq_cst operations (pin against claim: register.pml).
 *
 * STEPS
 *   prepare   F1 lock the byte of a fresh index with a second description   F2 generation, clean-up
 *             F3 raise pins_used, copy the pin   F4 raise pin_moves   F5 fork
 *   parent    G1 close the second description   G2 drop the view   G3 end
 *   child     H1 close the inherited description   H2 look at the view   H3 drop it   H4 end
 *   writer    C3 claim   M1 load pin_moves   C4 load pins_used   C5 load pins, rising   M2 load pin_moves again
 *             C6 undo   W1 write
 *
 * SCENARIO   parent and child die at any step; the fresh index is below or above the parent's, or as -DFRESH_BELOW
 *            or -DFRESH_ABOVE says
 * MUTANTS    SCAN_ONCE COUNT_BEFORE_COPY COPY_IN_CHILD KEEP_DESCRIPTION FRESH_WITHOUT_LOCK
 */

#ifndef CLAIMS
#define CLAIMS 2                /* attempts of the writer */
#endif

#define PARENT 0                /* processes */
#define CHILD 1
#define INDICES 2

byte parents_index;
byte fresh_index;

bool pin[INDICES];              /* does it name the slot */
byte pins_used;
byte pin_moves;
byte descriptions[INDICES];
bool janitor_has[INDICES];      /* the janitor's own description locks the byte */
bool is_writing;                /* ctrl: WRITING, by the writer */

bool killed[2];
bool has_closed_fresh;          /* the parent's copy of the second description */
bool has_closed_inherited;      /* the child's copy of the parent's description */
bool is_forked;
bool views[2];                  /* ghost: the process has a view of the slot */

#define BYTE_IS_FREE(index) (descriptions[index] == 0 && !janitor_has[index])

/* The kernel closes everything that a process has open. */
inline end_of_parent()
{
    d_step {
        descriptions[parents_index]--;
        if
        :: !has_closed_fresh ->
            descriptions[fresh_index]--;
            has_closed_fresh = true
        :: else
        fi;
        views[PARENT] = false;
        killed[PARENT] = true
    }
}

inline end_of_child()
{
    d_step {
        descriptions[fresh_index]--;
        if
        :: !has_closed_inherited ->
            descriptions[parents_index]--;
            has_closed_inherited = true
        :: else
        fi;
        views[CHILD] = false;
        killed[CHILD] = true
    }
}

inline copy_pin()                                       /* F3 */
{
    d_step {
        if
        :: pins_used < fresh_index + 1 ->
            pins_used = fresh_index + 1
        :: else
        fi
    };
    pin[fresh_index] = true
}

proctype child()
{
    {
#ifndef KEEP_DESCRIPTION
        d_step {                                        /* H1 */
            descriptions[parents_index]--;
            has_closed_inherited = true
        };
#endif
#ifdef COPY_IN_CHILD
        copy_pin();
        pin_moves++;
#endif
        skip;                                           /* H2: the assertion is where the writer writes */
        if
        :: killed[PARENT] ->
            assert(descriptions[parents_index] == 0)    /* a dead parent is seen to be dead while we live */
        :: !killed[PARENT]
        fi;
        views[CHILD] = false;
        pin[fresh_index] = false                        /* H3 */
    } unless {
        killed[CHILD]
    }
}

proctype parent()
{
    {
#ifdef FRESH_WITHOUT_LOCK
        has_closed_fresh = true;
#else
        d_step {                                        /* F1 */
            BYTE_IS_FREE(fresh_index) ->
            descriptions[fresh_index]++;
            has_closed_fresh = false
        };
#endif
        pin[fresh_index] = false;                       /* F2 */
#ifdef COUNT_BEFORE_COPY
        pin_moves++;
#endif
#ifndef COPY_IN_CHILD
        copy_pin();
#ifndef COUNT_BEFORE_COPY
        pin_moves++;                                    /* F4 */
#endif
#endif
        atomic {                                        /* F5: the child has all that the parent has open */
            descriptions[parents_index]++;
#ifndef FRESH_WITHOUT_LOCK
            descriptions[fresh_index]++;
#endif
            killed[CHILD] = false;
            has_closed_inherited = false;
            views[CHILD] = true;
            is_forked = true;
            run child()
        };
#ifndef FRESH_WITHOUT_LOCK
        d_step {                                        /* G1 */
            descriptions[fresh_index]--;
            has_closed_fresh = true
        };
#endif
        views[PARENT] = false;
        pin[parents_index] = false                      /* G2 */
    } unless {
        killed[PARENT]
    }
}

proctype writer()
{
    byte claims = CLAIMS;
    byte index;
    byte bound;
    byte moves;
    bool is_pinned;

    do
    :: claims == 0 ->
        break
    :: else ->
        is_writing = true;                              /* C3 */
look:
        moves = pin_moves;                              /* M1 */
        d_step {                                        /* C4 */
            bound = pins_used;
            index = 0;
            is_pinned = false
        };
        do
        :: index == bound || is_pinned ->
            break
        :: else ->
            d_step {                                    /* C5 */
                is_pinned = pin[index];
                index++
            }
        od;
#ifndef SCAN_ONCE
        if
        :: !is_pinned && pin_moves != moves ->          /* M2 */
            goto look
        :: else
        fi;
#endif
        if
        :: is_pinned ->
            is_writing = false                          /* C6 */
        :: else ->
            d_step {                                    /* W1: nobody who lives looks at the slot */
                assert(!views[PARENT]);
                assert(!views[CHILD])
            };
            break
        fi;
        claims--
    od
}

/* Cleans whatever index has a free byte: that of a dead parent, a dead child, or one that was never used. */
proctype janitor()
{
    byte index;

end:
    do
    :: index == INDICES ->
        break
    :: else ->
        if
        :: d_step {
               BYTE_IS_FREE(index) ->
               janitor_has[index] = true
           };
           pin[index] = false;
           janitor_has[index] = false
        :: !BYTE_IS_FREE(index)
        fi;
        index++
    od
}

proctype killer()
{
    if
    :: atomic {
           !killed[PARENT] ->
           end_of_parent()
       }
    :: skip
    fi;
    if
    :: atomic {
           !killed[CHILD] ->
           end_of_child()
       }
    :: skip
    fi
}

init
{
    atomic {
        if
#ifndef FRESH_BELOW
        :: parents_index = 0;
           fresh_index = 1
#endif
#ifndef FRESH_ABOVE
        :: parents_index = 1;
           fresh_index = 0
#endif
        fi;
        pins_used = parents_index + 1;
        pin[parents_index] = true;
        views[PARENT] = true;
        descriptions[parents_index] = 1;
        has_closed_fresh = true;
        has_closed_inherited = true;
        killed[CHILD] = true;                           /* not yet born */
        run writer();
        run janitor();
        run killer();
        run parent()
    }
}
