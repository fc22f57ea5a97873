/*
 * Transactions of a device buffer: two writers that request, one that emits what is requested, a reader; any may die.
 *
 * CONTRACT
 *   latest            version of the newest record; by CAS from the one that its owner copied.  What a version is never
 *                     changes (register.pml shows that of what a reader copies).
 *   owner             who is in a transaction; free, or taken from one who is gone (lock.pml).
 *   record            for each parameter the number that was requested last, and whether it waits to be sent.
 *   A request that was published is taken by one emission or waits; none is taken twice or after a newer one, and none is
 *   lost, unless a newer one replaced it.  The halves of a record are always of one transaction.
 *
 * MEMORY
 *   Sequentially consistent: the orders are those of the lock and of the register, and shown there.
 *
 * STEPS
 *   begin     B1 take the lock   B2 load latest   B3 copy the record
 *   change    C1 in the copy; who emits makes its messages from the copy, too
 *   end       E1 claim a place and fill it   E2 CAS latest, from what B2 found   E3 give the lock back
 *
 * SCENARIO   WRITES requests of each writer and EMITS emissions; writer 0 or the emitter dies at any step, or nobody
 *            FALSE_VERDICT: is only taken for dead; READER: somebody reads meanwhile
 * MUTANTS    BUILD_BEFORE_TAKE COPY_BEFORE_LOCK IN_PLACE COMMIT_BLINDLY UNLOCK_BEFORE_COMMIT NO_VERDICT
 */

#ifndef WRITES
#define WRITES 2
#endif
#ifndef EMITS
#define EMITS 2
#endif
#ifndef LOOKS
#define LOOKS 2
#endif

#define EMITTER 2
#define VERSIONS (2 * WRITES + EMITS + 2)

typedef Record {
    byte requested[2];
    bool pending[2];
    byte half[2]                /* raised together by each transaction */
}

Record record[VERSIONS];
byte latest;
byte claimed;
byte owner;                     /* who + 1, 0: nobody */

bool gone[3];                   /* the verdict on it */
bool killed[3];
byte completed[2];              /* ghost: number of the newest request that was published */
byte taken[2];                  /* ghost: of the newest one that an emission took */

#define IS_FREE (owner == 0 || gone[owner - 1])

inline copy_record(to, from)
{
    d_step {
        to.requested[0] = from.requested[0];
        to.requested[1] = from.requested[1];
        to.pending[0] = from.pending[0];
        to.pending[1] = from.pending[1];
        to.half[0] = from.half[0];
        to.half[1] = from.half[1]
    }
}

inline begin_transaction()
{
#ifdef COPY_BEFORE_LOCK
    copy_record(mine, record[latest]);
#endif
    d_step {                                            /* B1 */
#ifdef NO_VERDICT
        owner == 0 ->
#else
        IS_FREE ->
#endif
        owner = me + 1
    };
    seen = latest;                                      /* B2 */
#ifndef COPY_BEFORE_LOCK
    copy_record(mine, record[seen])                     /* B3 */
#endif
}

inline give_lock_back()                                 /* E3 */
{
    d_step {
        if
        :: owner == me + 1 -> owner = 0
        :: else
        fi
    }
}

/* What the message says is given out when its transaction has ended well. */
inline note_published()
{
    if
    :: me == EMITTER ->
        assert(message[0] == 0 || message[0] > taken[0]);       /* nothing twice, nothing old after new */
        assert(message[1] == 0 || message[1] > taken[1]);
        taken[0] = (message[0] -> message[0] : taken[0]);
        taken[1] = (message[1] -> message[1] : taken[1])
    :: else ->
        completed[me] = mine.requested[me]
    fi
}

inline end_transaction()
{
#ifdef IN_PLACE
    record[seen].half[0]++;
    record[seen].half[1]++;
    give_lock_back();
#else
    d_step {                                            /* E1 */
        claimed++;
        version = claimed;
        mine.half[0]++;
        mine.half[1]++
    };
    copy_record(record[version], mine);
#ifdef UNLOCK_BEFORE_COMMIT
    give_lock_back();
#endif
    d_step {                                            /* E2 */
        if
#ifdef COMMIT_BLINDLY
        :: true ->
#else
        :: latest == seen ->
#endif
            latest = version;
            note_published()
#ifndef COMMIT_BLINDLY
        :: else ->
            assert(gone[0] || gone[EMITTER])            /* nobody is told so without a verdict on somebody */
#endif
        fi
    };
#ifndef UNLOCK_BEFORE_COMMIT
    give_lock_back();
#endif
#endif
    atomic {
        version = 0;
        seen = 0;
        message[0] = 0;
        message[1] = 0;
        mine.requested[0] = 0;
        mine.requested[1] = 0;
        mine.pending[0] = 0;
        mine.pending[1] = 0;
        mine.half[0] = 0;
        mine.half[1] = 0
    }
}

inline make_message(source)
{
    d_step {
        message[0] = (source.pending[0] -> source.requested[0] : 0);
        message[1] = (source.pending[1] -> source.requested[1] : 0)
    }
}

proctype writer(byte me)
{
    Record mine;
    byte message[2];
    byte seen = 0;
    byte version = 0;
    byte writes = 0;
    {
        do
        :: writes == WRITES ->
            break
        :: writes < WRITES ->
            writes++;
            begin_transaction();
            d_step {                                    /* C1 */
                mine.requested[me]++;
                mine.pending[me] = true
            };
            end_transaction()
        od
    } unless {
        killed[me]
    }
}

proctype emitter()
{
    Record mine;
    byte message[2];
    byte me = EMITTER;
    byte seen = 0;
    byte version = 0;
    byte emits = 0;
    {
        do
        :: emits == EMITS ->
            break
        :: emits < EMITS ->
            emits++;
#ifdef BUILD_BEFORE_TAKE
            make_message(record[latest]);
#endif
            begin_transaction();
#ifndef BUILD_BEFORE_TAKE
            make_message(mine);                         /* C1 */
#endif
            d_step {
                mine.pending[0] = false;
                mine.pending[1] = false
            };
            end_transaction()
        od
    } unless {
        killed[EMITTER]
    }
}

/* Waits for nobody: it has no guard but its own count. */
proctype reader()
{
    byte looks = 0;
    byte seen = 0;
    byte first = 0;
    byte last_seen = 0;
    do
    :: looks == LOOKS ->
        break
    :: looks < LOOKS ->
        looks++;
        seen = latest;
        first = record[seen].half[0];
        assert(first == record[seen].half[1]);          /* never half of a transaction */
        assert(first >= last_seen);
        last_seen = first
    od
}

proctype killer()
{
    byte victim;
    select(victim : 0 .. 2);
    if
    :: victim != 1 ->                                   /* 1: nobody dies */
        d_step {
            gone[victim] = true;
#ifndef FALSE_VERDICT
            killed[victim] = true;
#endif
            victim = 0
        }
    :: else
    fi
}

#define IS_SAFE(p) (completed[p] == taken[p] || \
                    (record[latest].pending[p] && record[latest].requested[p] == completed[p]))

/* When nobody moves any more: each request was taken, or waits. */
active proctype end_of_all()
{
    timeout;
    assert(IS_FREE);
    assert(IS_SAFE(0));
    assert(IS_SAFE(1))
}

init
{
    atomic {
        run writer(0);
        run writer(1);
        run emitter();
#ifdef READER
        run reader();
#endif
        run killer()
    }
}
