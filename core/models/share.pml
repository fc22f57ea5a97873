/*
 * What waits to be taken of a share (D23): puts, gets and clears, any of which may die.
 *
 * CONTRACT
 *   latest            version of the newest value, and whether it was given up; only puts change it, one at a time
 *                     (register.pml shows that, and that a copy or a pin of version v is the value of version v: here
 *                     a value is its version).
 *   taken             newest version that a get took or a clear dropped; by CAS from a lower version to one that was seen
 *                     in latest.
 *   A value waits while latest > taken.  Each is taken at most once, none after a newer one.  latest < taken is never
 *   seen, nor a value that was given up and not taken: either would mean damage.
 *
 * MEMORY
 *   latest is loaded by acquire: of several words, each process may see an old one, but none older than what it knows.
 *   sees[x] is that bound, knows[x] that of taken.  A CAS of taken by release carries the bound of its process along; a
 *   load of taken by acquire takes it over (TAKE: T1 to T2).  Giving up carries the bound of taken along (VACATE: Y1 to
 *   Y2); publishing could, and need not.  CAS acts on the newest word.
 *
 * STEPS
 *   put       T2 load taken   P2 load latest   Y1 give up what was taken   P1 raise latest
 *   look      T2 load taken   P2, Y2 load latest   T2 load taken again, where latest was given up
 *   take      G1 copy or pin: load latest anew   G2 load taken, relaxed   T1 CAS taken, from what G2 found
 *
 * SCENARIO   a putter of PUTS values and GETTERS getters; getter 0 and the putter die at any step, or not at all
 * MUTANTS    TAKE_BY_STORE TAKE_BACKWARDS LATEST_LOADED_FIRST TAKE_RELAXED LOOK_RELAXED VACATE_UNTAKEN VACATE_RELAXED
 *            TAKEN_LOADED_ONCE
 */

#ifndef PUTS
#define PUTS 2
#endif
#ifndef GETTERS
#define GETTERS 2
#endif
#ifndef GETS
#define GETS 2                  /* attempts of each getter */
#endif

#define PUTTER GETTERS          /* the last process */

/* The word latest, in the order of its values. */
#define LATEST(version, given_up) (2 * (version) + (given_up))
#define LATEST_VERSION(word) ((word) / 2)
#define WAS_GIVEN_UP(word) ((word) % 2 == 1)

byte latest;
byte taken;
bool gave_up[PUTS + 1];         /* that value of latest existed */
byte carried_latest[PUTS + 1];  /* by the T1 of a version: what its process had seen of latest */
byte carried_taken[PUTS + 1];   /* by the Y1 of a version: what its process knew of taken */
byte sees[GETTERS + 1];
byte knows[GETTERS + 1];

bool killed[2];                 /* the putter, getter 0 */
byte times_taken[PUTS + 1];     /* ghost */
byte newest_taken;              /* ghost */

/* Acquire, of a word that may be old: any value from the bound of this process on. */
inline load_latest(me, found)                           /* P2, Y2 */
{
    atomic {
        found = sees[me];
        do
        :: found < latest ->
            found++;
            if
            :: WAS_GIVEN_UP(found) && !gave_up[LATEST_VERSION(found)] -> found++
            :: else
            fi
        :: break
        od;
        sees[me] = found;
        if
        :: WAS_GIVEN_UP(found) && carried_taken[LATEST_VERSION(found)] > knows[me] ->
            knows[me] = carried_taken[LATEST_VERSION(found)]
        :: else
        fi
    }
}

/* As load_latest(). */
inline load_taken(me, found)                            /* T2 */
{
    atomic {
        found = knows[me];
        do
        :: found < taken ->
            found++;
            do
            :: times_taken[found] == 0 -> found++       /* was skipped */
            :: else -> break
            od
        :: break
        od;
        knows[me] = found;
#ifndef LOOK_RELAXED
        if
        :: carried_latest[found] > sees[me] -> sees[me] = carried_latest[found]
        :: else
        fi
#endif
    }
}

inline note_taken(version)
{
    times_taken[version]++;
    assert(times_taken[version] == 1);                  /* at most once */
    assert(version > newest_taken);                     /* none after a newer one */
    newest_taken = version
}

/* T1.  is_mine: the version is this process's now. */
inline swap_taken(me, expected, version, is_mine)
{
    d_step {
        if
#ifdef TAKE_BY_STORE
        :: true ->
#else
        :: taken == expected ->
#endif
            taken = version;
#ifndef TAKE_RELAXED
            carried_latest[version] = sees[me];
#endif
            knows[me] = version;
            is_mine = true;
            note_taken(version)
#ifndef TAKE_BY_STORE
        :: else ->
            is_mine = false
#endif
        fi
    }
}

proctype putter()
{
    byte puts = 0;
    byte seen_taken = 0;
    {
        do
        :: puts < PUTS ->
            load_taken(PUTTER, seen_taken);
            d_step {                                    /* P2: its own word; Y1 */
                if
#ifdef VACATE_UNTAKEN
                :: puts > 0 ->
#else
                :: puts > 0 && seen_taken >= puts ->
#endif
                    latest = LATEST(puts, 1);
                    gave_up[puts] = true;
#ifndef VACATE_RELAXED
                    carried_taken[puts] = knows[PUTTER];
#endif
                    assert(newest_taken >= puts)        /* or it is lost */
                :: else
                fi;
                seen_taken = 0
            };
            d_step {                                    /* P1 */
                puts++;
                latest = LATEST(puts, 0);
                sees[PUTTER] = latest
            }
        :: puts == PUTS ->
            break
        od
    } unless {
        killed[0]
    }
}

proctype getter(byte me)
{
    byte gets = 0;
    byte seen_taken = 0;
    byte seen_latest = 0;
    byte version = 0;
    byte expected = 0;
    bool is_mine = false;
    {
        do
        :: gets == GETS ->
            break
        :: gets < GETS ->
            gets++;
#ifdef LATEST_LOADED_FIRST
            load_latest(me, seen_latest);
            load_taken(me, seen_taken);
#else
            load_taken(me, seen_taken);
            load_latest(me, seen_latest);
#endif
            assert(LATEST_VERSION(seen_latest) >= seen_taken);      /* or it would be taken for damage */
            if
            :: WAS_GIVEN_UP(seen_latest) && LATEST_VERSION(seen_latest) > seen_taken ->
#ifndef TAKEN_LOADED_ONCE
                load_taken(me, seen_taken);
#endif
                assert(seen_taken >= LATEST_VERSION(seen_latest))   /* or it would be taken for damage */
            :: !WAS_GIVEN_UP(seen_latest) && LATEST_VERSION(seen_latest) > seen_taken ->
                load_latest(me, seen_latest);           /* G1 */
                version = LATEST_VERSION(seen_latest);
                do
                :: WAS_GIVEN_UP(seen_latest) ->
                    break                               /* look again */
                :: else ->
                    expected = taken;                   /* G2 */
                    if
#ifndef TAKE_BACKWARDS
                    :: expected >= version ->
                        break                           /* somebody was first */
                    :: else ->
#else
                    :: true ->
#endif
                        swap_taken(me, expected, version, is_mine);
                        if
                        :: is_mine -> break
                        :: else
                        fi
                    fi
                od;
            :: else                                     /* nothing waits: a real one sleeps (wait.pml) */
            fi;
            atomic {
                seen_taken = 0;
                seen_latest = 0;
                version = 0;
                expected = 0;
                is_mine = false
            }
        od
    } unless {
        me == 0 && killed[1]
    }
}

proctype killer()
{
    if
    :: killed[0] = true
    :: skip
    fi;
    if
    :: killed[1] = true
    :: skip
    fi
}

/* When nobody moves any more: what waits is what nobody took, and a get would have it. */
active proctype end_of_all()
{
    timeout;
    assert(taken <= LATEST_VERSION(latest));
    assert(taken == newest_taken);
    assert(LATEST_VERSION(latest) == taken || (times_taken[LATEST_VERSION(latest)] == 0 && !WAS_GIVEN_UP(latest)))
}

init
{
    byte me = 0;
    atomic {
        run putter();
        do
        :: me < GETTERS ->
            run getter(me);
            me++
        :: else ->
            break
        od;
        run killer()
    }
}
