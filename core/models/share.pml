/*
 * What waits to be taken of a share (D23): puts, gets and clears, any of which may die.
 *
 * CONTRACT
 *   latest            version of the newest value, and whether it was given up; only puts change it, one at a time
 *                     (register.pml shows that, and that a copy or a pin of version v is the value of version v: here
 *                     a value is its version).
 *   taken             newest version that a get took or a clear dropped; by CAS from a lower version to one that was seen
 *                     in latest.  A put moves it to just before the newest version where nobody took for so long that the
 *                     versions would come round to it.
 *   versions          here they are numbers that end; what the words hold of them, and is compared, goes round from ROUND
 *                     to 1 in the midst of the run.  A version leads another by less than LEAD, else it is behind: so
 *                     somebody may be stopped between copy and take for less than LEAD versions, and within a look for less
 *                     than the rest of a round; runs in which a look takes longer are left out.
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
 *   put       T2 load taken   P2 load latest   Y1 give up what was taken, or T1 move taken along   P1 raise latest
 *   look      T2 load taken   P2, Y2 load latest   T2 load taken again, where latest was given up
 *   take      G1 copy or pin: load latest anew   G2 load taken, relaxed   T1 CAS taken, from what G2 found
 *
 * SCENARIO   a putter of PUTS values and GETTERS getters; getter 0 and the putter die at any step, or not at all
 * MUTANTS    TAKE_BY_STORE TAKE_BACKWARDS LATEST_LOADED_FIRST TAKE_RELAXED LOOK_RELAXED VACATE_UNTAKEN VACATE_RELAXED
 *            TAKEN_LOADED_ONCE STAY_BEHIND COMPARE_PLAINLY
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

#define FIRST 1                 /* was put and taken before the beginning */
#define LAST (FIRST + PUTS)

/* What a word holds of a version: FIRST + 2 is the first of the next round. */
#define ROUND 6                 /* the product: 2^48 - 1 */
#define LEAD 4                  /* the product: 2^40 */
#define FAR 1                   /* the product: 2^47 */
#define WORD(version) (((version) + ROUND - FIRST - 2) % ROUND + 1)
#define DISTANCE(from, to) ((WORD(to) + ROUND + 1 - WORD(from)) % (ROUND + 1))
#define FALLS_BEHIND(version, latest) (IS_NEWER(latest, version) && DISTANCE(version, latest) > FAR)
#ifdef COMPARE_PLAINLY
#define IS_NEWER(version, than) (WORD(version) > WORD(than))
#else
#define LEADS(leader, follower) ((DISTANCE(follower, leader) + ROUND) % (ROUND + 1) < LEAD - 1)
#define IS_NEWER(version, than) (WORD(version) != WORD(than) && !LEADS(than, version))
#endif

/* The word latest, in the order of its values. */
#define LATEST(version, given_up) (2 * (version) + (given_up))
#define LATEST_VERSION(word) ((word) / 2)
#define WAS_GIVEN_UP(word) ((word) % 2 == 1)

byte latest = LATEST(FIRST, 0);
byte taken = FIRST;
bool gave_up[LAST + 1];         /* that value of latest existed */
bool was_taken[LAST + 1];       /* that value of taken existed */
byte carried_latest[LAST + 1];  /* by the T1 of a version: what its process had seen of latest */
byte carried_taken[LAST + 1];   /* by the Y1 of a version: what its process knew of taken */
byte sees[GETTERS + 1];
byte knows[GETTERS + 1];

bool killed[2];                 /* the putter, getter 0 */
byte times_taken[LAST + 1];     /* ghost */
byte newest_taken = FIRST;      /* ghost */

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
            :: !was_taken[found] -> found++             /* was skipped */
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

/* T1, release. */
inline store_taken(me, version)
{
    taken = version;
    was_taken[version] = true;
#ifndef TAKE_RELAXED
    carried_latest[version] = sees[me];
#endif
    knows[me] = version
}

/* T1.  is_mine: the version is this process's now. */
inline swap_taken(me, expected, version, is_mine)
{
    d_step {
        if
#ifdef TAKE_BY_STORE
        :: true ->
#else
        :: WORD(taken) == WORD(expected) ->
#endif
            store_taken(me, version);
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
    byte version = FIRST;
    byte seen_taken = 0;
    {
        do
        :: version < LAST ->
            load_taken(PUTTER, seen_taken);
            d_step {                                    /* P2: its own word; Y1, T1 */
                if
#ifdef VACATE_UNTAKEN
                :: true ->
#else
                :: !IS_NEWER(version, seen_taken) ->
#endif
                    latest = LATEST(version, 1);
                    gave_up[version] = true;
#ifndef VACATE_RELAXED
                    carried_taken[version] = knows[PUTTER];
#endif
                    assert(newest_taken >= version)     /* or it is lost */
#ifndef STAY_BEHIND
                :: FALLS_BEHIND(seen_taken, version) && WORD(taken) == WORD(seen_taken) ->
                    store_taken(PUTTER, version - 1);
                    newest_taken = version - 1
#endif
                :: else
                fi;
                seen_taken = 0
            };
            d_step {                                    /* P1 */
                version++;
                latest = LATEST(version, 0);
                sees[PUTTER] = latest
            }
        :: version == LAST ->
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
            version = LATEST_VERSION(seen_latest);
            assert(version >= seen_taken);
            if
            :: version > seen_taken && !IS_NEWER(version, seen_taken) && WORD(taken) != WORD(seen_taken) ->
                goto look_again                         /* was stopped between the two loads for too long */
            :: else
            fi;
            assert(IS_NEWER(version, seen_taken) == (version > seen_taken));        /* or it would be taken for damage */
            if
            :: WAS_GIVEN_UP(seen_latest) && IS_NEWER(version, seen_taken) ->
#ifndef TAKEN_LOADED_ONCE
                load_taken(me, seen_taken);
#endif
                assert(!IS_NEWER(version, seen_taken))              /* or it would be taken for damage */
            :: !WAS_GIVEN_UP(seen_latest) && IS_NEWER(version, seen_taken) ->
                load_latest(me, seen_latest);           /* G1 */
                version = LATEST_VERSION(seen_latest);
                do
                :: WAS_GIVEN_UP(seen_latest) ->
                    break                               /* look again */
                :: else ->
                    expected = taken;                   /* G2 */
                    if
#ifndef TAKE_BACKWARDS
                    :: !IS_NEWER(version, expected) ->
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
look_again:
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
    assert(IS_NEWER(LATEST_VERSION(latest), taken) == (LATEST_VERSION(latest) > taken));
    assert(LATEST_VERSION(latest) == taken || (times_taken[LATEST_VERSION(latest)] == 0 && !WAS_GIVEN_UP(latest)))
}

init
{
    byte me = 0;
    atomic {
        was_taken[FIRST] = true;
        times_taken[FIRST] = 1;
        carried_latest[FIRST] = latest;
        do
        :: me <= PUTTER ->
            sees[me] = latest;
            knows[me] = taken;
            me++
        :: else ->
            break
        od;
        me = 0;
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
