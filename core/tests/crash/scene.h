/* The scene of a crash: an object, those who have it open, and what they had done when the operation begins. */
#ifndef MEMLANE_CRASH_SCENE_H
#define MEMLANE_CRASH_SCENE_H

#include "custody.h"
#include "ends.h"
#include "lock.h"
#include "machine.h"
#include "register.h"
#include "ring.h"
#include "rwlock.h"
#include "segment.h"
#include "taking.h"
#include "transaction.h"

enum {
    SCENE_PARTICIPANTS = 8,
    SCENE_SLOTS = 9, /* latest, pins of four, loans of three, one to write: D47 */
    SCENE_CAPACITY = 40,
    SCENE_WORDS = 4,
    SCENE_LENGTH = SCENE_WORDS * 8, /* bytes of a value */
    SCENE_TYPE = 7,
    SCENE_SCHEMA_BYTES = 100
};

#define SCENE_OBJECT "scene"
#define SCENE_PATIENCE_NS UINT64_C(1000000000)

/* Who plays. Each is one simulated process, with at most one endpoint. */
enum role {
    VICTIM, /* dies or stops in the operation */
    SECOND, /* in pairs: dies in the second one; after a fork: the child */
    WRITER, /* survivors */
    PINNER,
    DEAD,    /* ended before, in the middle of things */
    LOST,    /* lives, but somebody closed its descriptors */
    HOLDER,  /* lives, and loans every slot that it can get */
    CHECKER, /* comes after the crash */
    FILLER   /* the first of those who fill the table */
};
enum { ROLES = FILLER + SCENE_PARTICIPANTS };

/* What had happened before: the prepared states are combinations. */
enum condition {
    EMPTY = 1 << 0,                 /* nothing was ever written */
    OLD_PIN = 1 << 1,               /* PINNER holds a version that is not the latest */
    DEAD_CLAIM = 1 << 2,            /* DEAD ended with a claim: of PINNER's slot, else of the slot after the latest */
    UNMARKED = 1 << 3,              /* DEAD ended between publishing and marking the current slot */
    DEAD_PINS = 1 << 4,             /* DEAD ended with pins of two versions */
    LOST_LOCK = 1 << 5,             /* LOST lives without its byte lock */
    LOST_LOAN = 1 << 6,             /* and has an open loan */
    CROWDED = 1 << 7,               /* places for two more endpoints only */
    GENERATION_WRAPS = 1 << 8,      /* the next owner of each free index gets generation 0 */
    ALL_PUBLISHED = 1 << 9,         /* every slot was published */
    LIVE_LOAN = 1 << 10,            /* WRITER has an open loan */
    LOCK_OF_DEAD = 1 << 11,         /* DEAD ended inside the lock */
    LOCK_ABANDONED = 1 << 12,       /* and its index was cleaned since */
    LOCK_WAITERS = 1 << 13,         /* the lock's waiter bit is set; READER_OF_DEAD was still waiting */
    FOREIGN_NAMESPACE = 1 << 14,    /* DEAD and PINNER live in another pid namespace than the others */
    EPHEMERAL = 1 << 15,            /* the last to close removes the object */
    DEAD_LOAN_DROPPED = 1 << 16,    /* a free slot carries a version above the latest */
    UNTESTED_FILE_SYSTEM = 1 << 17, /* the self-test of the namespace directory is still to be made */
    FEW_PLACES = 1 << 18,           /* the object is made for three endpoints */
    FEW_SLOTS = 1 << 19,            /* the object is made with four slots */
    WITH_SCHEMA = 1 << 20,          /* the object carries a schema */
    FULL = 1 << 21,                 /* DEAD ended with the claims of all slots that HOLDER does not loan */
    WRITER_OF_DEAD = 1 << 22,       /* DEAD ended as the writer in the lock for readers and writers */
    READER_OF_DEAD = 1 << 23        /* DEAD ended as a reader in it */
};

/* Prepared states, as sets of conditions. */
struct state_list {
    const uint32_t *conditions;
    uint32_t count;
};
extern const struct state_list scene_states;          /* of an object that is in use */
extern const struct state_list scene_states_creation; /* of one that is being made */
extern const struct state_list scene_states_rwlock;   /* of one whose lock for readers and writers is in use */
extern const struct state_list scene_states_last;     /* of one that only the victim, or nobody alive, has open */

enum { SCENE_DESCRIPTION_SIZE = 400 };
void scene_describe(uint32_t conditions, char text[SCENE_DESCRIPTION_SIZE]);

struct endpoint {
    bool open;
    struct memlane_segment segment;
    struct memlane_register reg;
    struct memlane_taking taking;
    uint32_t loans;
    struct memlane_claim loan[SCENE_SLOTS];
    uint64_t loan_value[SCENE_SLOTS];
    bool has_pin;
    uint32_t pin;
    const unsigned char *pinned; /* bytes of the pinned version */
    uint64_t pinned_value;
};

/* What was taken of the register's values lies before the last line of the object's last page, which the register
 * leaves free; what a lock guards at the very end: both are raised inside it. */
struct guarded {
    struct memlane_lock_word lock;
    uint64_t first, second;
};

/* What the lock for readers and writers guards, and the lock. In the object's last page too, before the former. */
struct shared_guarded {
    struct memlane_rwlock_control control;
    struct memlane_rwlock_flag flag[SCENE_PARTICIPANTS];
    uint64_t first, second;
};

enum { CHANNEL_CAPACITY = 7 };

/* The ring of a channel, before what the lock guards: the register leaves that free, too. */
struct channelled {
    struct memlane_ring_control control;
    unsigned char data[CHANNEL_CAPACITY];
};

struct scene {
    uint32_t conditions;
    uint32_t process[ROLES]; /* that plays the role: after a fork the child has the parent's endpoint */
    struct endpoint endpoint[ROLES];
    uint64_t base;             /* the value that was committed last, 0: none */
    uint64_t head, tail;       /* of the channel, when the operation begins */
    uint32_t left_by_the_dead; /* holdings of DEAD, before anybody cleaned */
};

extern struct scene scene;

extern const struct memlane_kind scene_kind;

/* Slots and pins that the index has, as WRITER's register shows them. */
uint32_t scene_count_holdings(uint32_t index);

struct endpoint *scene_become(enum role role);

/* An empty machine and the scene in this state; `roles` (bits) have the object open. */
void scene_build(uint32_t conditions, uint32_t roles);

struct memlane_request scene_request(uint32_t conditions, bool create);

/* All act as the role: they become its process. */
memlane_status scene_open(enum role role, bool create, memlane_error *error);
void scene_close(enum role role);
memlane_status scene_write(enum role role, uint64_t value);
memlane_status scene_commit_loan(enum role role); /* the loan that was taken last */
void scene_drop_loan(enum role role);
memlane_status scene_read(enum role role, uint64_t *value); /* MEMLANE_CORRUPTED: torn */
/* Takes the value that waits. MEMLANE_EMPTY: none does. */
memlane_status scene_get(enum role role, uint64_t *value, uint64_t *version);
memlane_status scene_pin(enum role role);
void scene_unpin(enum role role);
memlane_status scene_take_loan(enum role role, uint64_t value);

/* Of the role's endpoint, on the lock of scene_guarded(); `record` has SCENE_LENGTH bytes. */
struct memlane_transaction scene_transaction(enum role role, unsigned char *record);

/* Whether the pinned value and the open loans of the role are as it knows them. */
bool scene_holdings_are_whole(enum role role);

void scene_fill(unsigned char *bytes, uint64_t value);
bool scene_is_whole(const unsigned char *bytes, uint64_t *value);

struct guarded *scene_guarded(const struct memlane_segment *segment);
struct shared_guarded *scene_shared_guarded(const struct memlane_segment *segment);
struct memlane_rwlock scene_rwlock(struct memlane_segment *segment);
struct channelled *scene_channelled(const struct memlane_segment *segment);
unsigned char scene_stream_byte(uint64_t position);
struct memlane_participant_entry *scene_entry(const struct memlane_segment *segment, uint32_t index);

/* Ends the program: the scene could not be built, so that nothing can be tested. */
_Noreturn void scene_give_up(const char *what, int line);
#define SCENE_REQUIRE(condition) ((condition) ? (void)0 : scene_give_up(#condition, __LINE__))

#endif
