/* The ends of a channel and the bytes between them (core/src/ends.c, ring.c, channel.c, transfer.c; D24 to D26,
 * D54 to D56).
 *
 * Two writers and two readers are candidates for their ends and open at any moment: the later ones are successors, or the
 * second run. Each may die at any step, or close. An end's word is (epoch, owner); a byte's value is the ghost identity of its
 * commit. Stores of a writer's bytes and of its tail may become visible in any order where the model says so (TAIL_RELAXED).
 *
 * What must hold: an end has at most one live owner; each byte that is read is the one that was committed at its position, and
 * is read once, or was consumed by a reader that died; who reports that the opposite is over had one that it may miss, and
 * has drained what that one left; nobody sleeps beside an opposite that it saw alive and that is over.
 *
 * Flags: CAP capacity, NB bytes that a writer writes at most. */
#ifndef CAP
#define CAP 1
#endif
#ifndef NB
#define NB 2
#endif
#define CANDIDATES 4 /* 0, 1 writers; 2, 3 readers; tag = process + 1 */
#define W 0
#define R 1

byte epoch[2] = 255, owner[2]; /* the two words; epochs go round in the midst of the run */
byte head, tail, ring[CAP];
byte commits, committed_as[9], consumed[9], committed; /* ghosts */
bit killed[CANDIDATES], gone[CANDIDATES], holds[CANDIDATES];
bit owed[CANDIDATES];    /* must be told when the opposite is over */
bit sound[CANDIDATES];   /* may be told so */
bit blocked[CANDIDATES]; /* sleeps */
byte deaths_of_readers;

#define DEAD(t) ((t) != 0 && (killed[(t) - 1] || gone[(t) - 1]))
#define FREE(e) (owner[e] == 0 || DEAD(owner[e]))

/* ghost: an opposite is alive that came after the candidates of the other side, or while they were there */
#define TELL                                                                                                           \
    if                                                                                                                 \
    :: e == W -> sound[2] = 1; sound[3] = 1; owed[2] = 1; owed[3] = 1                                                  \
    :: else -> sound[0] = 1; sound[1] = 1; owed[0] = 1; owed[1] = 1                                                    \
    fi

inline claim(e, rival) {
    skip;
#ifdef CLAIM_BY_STORE
end_claim: FREE(e);
    d_step { owner[e] = me + 1; epoch[e]++; holds[me] = 1; sound[me] = 0; owed[me] = 0; TELL }
#else
end_claim: d_step { /* K2: one CAS, of the word on which the verdict was given */
        FREE(e) -> owner[e] = me + 1;
        epoch[e]++;
        holds[me] = 1;
        sound[me] = (owner[1 - e] != 0 && !DEAD(owner[1 - e]));
        TELL
    }
#endif
    d_step { assert(!(holds[rival] && !killed[rival])) }
    d_step { seen_epoch = epoch[1 - e]; armed = (owner[1 - e] != 0 && !DEAD(owner[1 - e])); owed[me] = armed }
#ifdef ALWAYS_ARMED
    armed = 1;
#endif
}

/* memlane_end_look */
inline look(e) {
    d_step {
        over = FREE(1 - e);
#ifndef NO_EPOCH
        if :: epoch[1 - e] != seen_epoch -> armed = 1 :: else fi;
#endif
        if :: !over -> armed = 1 :: else fi
    }
}

proctype writer(byte me) {
    byte count, mine, seen, seen_epoch;
    bit armed, over;
    {
        claim(W, 1 - me);
        mine = tail; /* after the claim */
        do
        :: count == NB -> break
        :: count < NB -> break /* closes early */
        :: count < NB ->
            seen = head;
            do
            :: mine - seen < CAP -> break
            :: else ->
#ifdef NO_VERDICT
                over = 0;
#else
                look(W);
#endif
                seen = head; /* again, after the verdict */
                if
                :: mine - seen < CAP -> break
                :: mine - seen == CAP && over && armed -> assert(sound[me]); goto out
                :: mine - seen == CAP && !(over && armed) ->
                    d_step { blocked[me] = 1 }
end_full:           d_step {
                        (head != seen
#ifndef NO_VERDICT
                         || (FREE(R) && (armed
#ifndef NO_EPOCH
                                         || epoch[R] != seen_epoch
#endif
                                         )) || (!FREE(R) && !armed)
#endif
                        ) -> blocked[me] = 0
                    }
                    seen = head
                fi
            od;
            skip;
#ifdef TAIL_FIRST
            d_step { commits++; committed_as[mine] = commits; committed = mine + 1; tail = mine + 1 }
            ring[mine % CAP] = committed_as[mine];
            mine++;
#else
#ifdef TAIL_RELAXED
            if /* the store of tail overtakes that of the byte */
            :: d_step { commits++; committed_as[mine] = commits; committed = mine + 1; tail = mine + 1 }
               ring[mine % CAP] = committed_as[mine]; mine++; goto written
            :: skip
            fi;
#endif
            d_step { commits++; ring[mine % CAP] = commits } /* copied in; then B1 */
            d_step { committed_as[mine] = ring[mine % CAP]; mine++; tail = mine; committed = mine }
#ifdef TAIL_RELAXED
written:    skip;
#endif
#endif
            count++
        od;
out:    skip;
        d_step { owner[W] = 0; holds[me] = 0; gone[me] = 1 } /* K1 */
    } unless { killed[me] }
}

proctype reader(byte me) {
    byte value, seen, mine, seen_epoch;
    bit armed, over;
    {
#ifdef CURSOR_BEFORE_CLAIM
        mine = head;
#endif
        claim(R, 5 - me);
#ifndef CURSOR_BEFORE_CLAIM
        mine = head;
#endif
        do
        :: break /* closes early */
        :: seen = tail;
           if
           :: seen != mine ->
#ifdef HEAD_FIRST
               d_step { head = mine + 1 }
               value = ring[mine % CAP];
#else
#ifdef HEAD_RELAXED
               if /* the load of the byte is delayed beyond the store of head */
               :: d_step { head = mine + 1 }
                  value = ring[mine % CAP]; goto taken
               :: skip
               fi;
#endif
               value = ring[mine % CAP]; /* copied out; then V1 */
               d_step { head = mine + 1 }
#ifdef HEAD_RELAXED
taken:         skip;
#endif
#endif
               d_step {
                   assert(value == committed_as[mine]);
                   assert(consumed[mine] == 0 && mine < committed);
                   consumed[mine] = 1;
                   mine++;
                   armed = 1; sound[me] = 1; owed[me] = 1; /* whose bytes we drained we may miss */
                   value = 0
               }
           :: else ->
               look(R);
#ifndef NO_SECOND_LOOK
               seen = tail;
#endif
               if
               :: seen != mine
               :: seen == mine && over && armed ->
                   d_step {
                       assert(sound[me]);
#ifdef NO_SECOND_LOOK
                       assert(mine == committed || !FREE(W));
#endif
                       assert(mine <= committed)
                   }
                   goto out
               :: seen == mine && !(over && armed) ->
                   d_step { blocked[me] = 1 }
end_empty:         d_step {
                       (tail != mine || (FREE(W) && (armed
#ifndef NO_EPOCH
                                                     || epoch[W] != seen_epoch
#endif
                                                     )) || (!FREE(W) && !armed)) -> blocked[me] = 0
                   }
               fi
           fi
        od;
out:    skip;
        d_step { owner[R] = 0; holds[me] = 0; gone[me] = 1 } /* K1 */
    } unless { killed[me] }
}

proctype killer() {
    do
    :: d_step { holds[0] && !killed[0] -> killed[0] = 1; blocked[0] = 0 }
    :: d_step { holds[1] && !killed[1] -> killed[1] = 1; blocked[1] = 0 }
    :: d_step { holds[2] && !killed[2] -> killed[2] = 1; blocked[2] = 0; deaths_of_readers++ }
    :: d_step { holds[3] && !killed[3] -> killed[3] = 1; blocked[3] = 0; deaths_of_readers++ }
    :: break
    od
}

init {
    byte i = 0, missing = 0;
    atomic {
        run writer(0);
#ifndef ONE_WRITER
        run writer(1);
#endif
        run reader(2);
#ifndef ONE_READER
        run reader(3);
#endif
        run killer()
    }
    timeout;
    assert(tail == committed && head <= tail && tail - head <= CAP);
    do
    :: i == head -> break
    :: else -> if :: consumed[i] == 0 -> missing++ :: else fi; i++
    od;
    assert(missing <= deaths_of_readers); /* lost only with a reader that died after its store of head */
    i = 0;
    do
    :: i == CANDIDATES -> break
    :: else ->
        if
        :: i < 2 -> assert(!(blocked[i] && owed[i] && FREE(R)))
        :: else -> assert(!(blocked[i] && owed[i] && FREE(W)))
        fi;
        i++
    od
}
