/*
 * What waits to be taken of a share (D23): puts, gets and clears, any of which may die.
 *
 * CONTRACT
 *   latest            version of the newest value; only puts raise it, one at a time (register.pml shows that, and that a
 *                     copy or a pin of version v is the value of version v: here a value is its version).
 *   taken             newest version that a get took or a clear dropped; by CAS from a lower version to one that was seen
 *                     in latest.
 *   A value waits while latest > taken.  Each is taken at most once, none after a newer one, and latest < taken is never
 *   seen: it would mean damage.
 *
 * MEMORY
 *   latest is loaded by acquire: of several words, each process may see an old one, but none older than what it knows.
 *   sees[x] is that bound.  A CAS of taken by release carries the bound of its process along; a load of taken by acquire
 *   takes it over (TAKE: T1 to T2).  CAS and coherence act on the newest taken.
 *
 * STEPS
 *   put       P1 raise latest
 *   look      T2 load taken   P2 load latest
 *   take      G1 copy or pin: load latest anew   G2 load taken, relaxed   T1 CAS taken, from what G2 found
 *
 * SCENARIO   a putter of PUTS values and GETTERS getters; getter 0 and the putter die at any step, or not at all
 * MUTANTS    TAKE_BY_STORE TAKE_BACKWARDS LATEST_LOADED_FIRST TAKE_RELAXED LOOK_RELAXED
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

byte latest;
byte taken;
byte carried;                   /* by the newest T1: what its process had seen of latest */
byte sees[GETTERS];

bool killed[2];                 /* the putter, getter 0 */
byte times_taken[PUTS + 1];     /* ghost */
byte newest_taken;              /* ghost */

/* Acquire, of a word that may be old: any version from the bound of this process on. */
inline load_latest(me, found)
{
    atomic {
        found = sees[me];
        do
        :: found < latest -> found++
        :: break
        od;
        sees[me] = found
    }
}

inline load_taken(me, found)                            /* T2 */
{
    d_step {
        found = taken;
#ifndef LOOK_RELAXED
        if
        :: carried > sees[me] -> sees[me] = carried
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
#ifdef TAKE_RELAXED
            carried = 0;
#else
            carried = sees[me];
#endif
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
    {
        do
        :: puts < PUTS ->
            d_step {                                    /* P1 */
                latest++;
                puts++
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
            assert(seen_latest >= seen_taken);          /* or it would be taken for damage */
            if
            :: seen_latest > seen_taken ->
                load_latest(me, version);               /* G1 */
                do
                :: true ->
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
    assert(taken <= latest);
    assert(taken == newest_taken);
    assert(latest == taken || times_taken[latest] == 0)
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
