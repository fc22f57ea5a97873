/* What lies in a segment, byte for byte. docs/format/segment.md describes the same for readers of other
 * programs; the assertions at the end pin it.
 *
 *   0        header         one page, immutable once the name is published
 *   4096     schema         0..64 KiB, immutable, own checksum, padded to 4096
 *   ...      participants   one entry of 64 bytes for each index
 *   ...      statistics     one line of 64 bytes for each index
 *   body     of the kind    at a multiple of 4096
 *
 * Shared memory holds fixed-width integers and offsets: no pointer, no enum, no long. */
#ifndef MEMLANE_LAYOUT_H
#define MEMLANE_LAYOUT_H

#include "atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMLANE_MAGIC UINT64_C(0x00656e616c6d656d) /* "memlane" in memory */
#define MEMLANE_ENDIAN UINT32_C(0x01020304)

enum {
    MEMLANE_PAGE = 4096,
    MEMLANE_LINE = 64, /* a cache line on every processor that we know of; part of the layout */
    MEMLANE_SCHEMA_MAXIMUM = 65536,
    MEMLANE_PARTICIPANTS_MAXIMUM = 1024,
    MEMLANE_NAME_MAXIMUM = 200, /* bytes of UTF-8 */
    MEMLANE_LABEL_WORDS = 4,
    MEMLANE_GEOMETRY_WORDS = 16,
    MEMLANE_COUNTERS = 8
};

/* Kinds of objects. Values are part of the layout; the names appear in errors. */
enum memlane_kind_code {
    MEMLANE_KIND_VARIABLE = 1,
    MEMLANE_KIND_CHANNEL = 2,
    MEMLANE_KIND_FUNCTION = 3,
    MEMLANE_KIND_MAP = 4,
    MEMLANE_KIND_SHARE = 5,
    MEMLANE_KIND_BUFFER = 6,
    MEMLANE_KIND_PARTICIPANTS = 7
};

/* Header flags (compatible: an older library may ignore unknown ones). An ephemeral channel that holds bytes stays. */
enum { MEMLANE_FLAG_EPHEMERAL = 1 };

/* Page 0. Written by the creator before the name exists, never after: peers copy it with one read, check it, and
 * work with their private copy, so that no later change can make them trust another geometry. */
struct memlane_header {
    uint64_t magic;
    uint32_t endian;
    uint16_t layout_major, layout_minor;
    uint32_t incompatible; /* features: an opener that does not know a bit here refuses */
    uint32_t read_only_compatible;
    uint32_t flags;
    uint32_t kind;
    uint64_t total_size;
    uint32_t participants_offset, participants_count;
    uint64_t body_offset;
    uint64_t geometry[MEMLANE_GEOMETRY_WORDS]; /* of the kind */
    unsigned char schema_hash[32];             /* reserved: zeros; the schema is compared whole */
    unsigned char uuid[16];
    uint64_t created_monotonic_ns, created_real_ns;
    unsigned char boot_identity[16];
    uint32_t creator_user;
    char name[204]; /* UTF-8, ended by NUL: how the object was called when it was made */
    uint32_t schema_length, schema_checksum;
    unsigned char reserved[4088 - 480];
    uint32_t checksum; /* CRC-32C over all before it */
    uint32_t padding;
};

/* One participant: one open endpoint.
 *
 * Writer: only whoever holds the byte lock of this index. Readers: everybody, for verdicts and error texts. A
 * stale generation or pid makes a verdict more careful (ALIVE for longer), never wrong; a torn label is
 * printed torn. If its owner dies at any line the kernel drops the byte lock: whoever takes that lock next raises the
 * generation first, so that every tag of the dead owner is dead from then on, and cleans before it uses the index. */
struct memlane_participant_entry {
    memlane_atomic32 generation; /* modulo 2^17 */
    memlane_atomic32 pid;        /* written last at attach, cleared first at detach; 0: nobody */
    memlane_atomic64 start_time;
    memlane_atomic64 pid_namespace;
    memlane_atomic32 thread;
    uint32_t reserved;
    memlane_atomic64 label[MEMLANE_LABEL_WORDS];
};

/* Counters of one participant index. Writer: the owner of the index, by relaxed additions that never reset: a new
 * owner goes on where a dead one stopped, so that the sum over all lines never falls and no death loses or doubles a
 * count that was made. Readers: anybody; a stale value is a count of a moment ago. */
struct memlane_statistics_line {
    memlane_atomic64 counter[MEMLANE_COUNTERS];
};

enum memlane_counter {
    MEMLANE_COUNTER_WRITES,
    MEMLANE_COUNTER_READS,
    MEMLANE_COUNTER_BYTES_WRITTEN,
    MEMLANE_COUNTER_BYTES_READ,
    MEMLANE_COUNTER_SUPERSEDED,
    MEMLANE_COUNTER_SKIPPED,
    MEMLANE_COUNTER_RETRIES,
    MEMLANE_COUNTER_RECOVERED
};

/* -- the schema of a fixed format: a field table (docs/format/field-table.md) ---------------------------- */

#define MEMLANE_FIELD_TABLE_MAGIC UINT32_C(0x31444c46) /* "FLD1" in memory */

/* The beginning of the table; the entries follow. Written before the name exists, never after; peers check a private
 * copy of it. */
struct memlane_field_table {
    uint32_t magic;
    uint32_t count; /* of entries */
    uint64_t size;  /* bytes of the struct, which is the capacity of a slot too */
};

/* One field. Takes 28 + path_length + 1 bytes, rounded up to 8: the path goes on beyond `path`, and zeros end it. */
struct memlane_field_entry {
    uint64_t offset, size, count; /* size: of one element */
    uint16_t code, path_length;
    char path[4];
};

/* -- the schema of a function: two field tables (docs/format/function.md) ------------------------------------- */

#define MEMLANE_FUNCTION_SCHEMA_MAGIC UINT32_C(0x31434e46) /* "FNC1" in memory */

/* The beginning; the field tables follow, that of the arguments first. A length of 0: values of any type. Written before
 * the name exists, never after; peers check a private copy of it. */
struct memlane_function_schema {
    uint32_t magic;
    uint32_t arguments_length, result_length;
    uint32_t reserved; /* 0 */
};

/* -- the register: the latest value (docs/design/register.md) ------------------------------------------ */

/* latest = version:48 | slot:16; version 0: never written; slot MEMLANE_NO_SLOT: the value was taken of a share, and its
 * slot given free. The one word that readers go by.
 * Writers: any participant, by CAS, after the slot's bytes. A reader with a stale value finds the slot's version
 * changed and looks again, or copies the value before the newest. Its last writer's death changes nothing.
 * vacated = sequence of the newest value whose slot was given free. Writers: any participant, before that, by CAS from
 * a lower number. Who has a stale value fails to publish, for `latest` is another one too. */
struct memlane_register_control {
    memlane_atomic64 latest;
    memlane_atomic64 vacated;
    unsigned char line0[MEMLANE_LINE - 16];
    memlane_atomic32 bell;      /* what waiters sleep on (wait.c): sequence * 2 + armed */
    memlane_atomic32 pins_used; /* highest index that ever pinned, plus one; only rises. Bounds the scan of pins. */
    memlane_atomic32 pin_moves; /* how often fork() copied pins to another index, raised after the copy */
    unsigned char line1[MEMLANE_LINE - 12];
};

enum { MEMLANE_PINS_EACH = 4 };

/* Pins of one participant index: copies of `latest`, 0 = none. A nonzero pin forbids everybody to claim its slot,
 * whatever the version. Writer: the owner of the index; after its death whoever cleans the index. A stale pin
 * keeps one slot out of use until that cleanup. */
struct memlane_pin_row {
    memlane_atomic64 pin[MEMLANE_PINS_EACH];
    unsigned char line[MEMLANE_LINE - 8 * MEMLANE_PINS_EACH];
};

/* One slot. control = version:48 | owner:14 | state:2, owner = index + 1, 0 = nobody.
 * Only the claimant of (version, owner, WRITING) writes the rest and the slot's bytes, between its claim and its
 * release; every CAS on control is exact, so a claimant that was declared dead can change nothing any more.
 * A claim always raises the version: readers that copied meanwhile see it and copy again.
 * Owner dead in WRITING: the slot is claimable by verdict; if `latest` names it, it is the published current slot. */
struct memlane_slot {
    memlane_atomic64 control;
    memlane_atomic64 length_type;           /* length:40 | type:24 of the value in the slot */
    memlane_atomic64 monotonic_ns, real_ns; /* when it was written */
    memlane_atomic64 sequence;              /* how many values were published so far, this one included */
    unsigned char line[MEMLANE_LINE - 40];
};

enum memlane_slot_state {
    MEMLANE_SLOT_FREE = 0,
    MEMLANE_SLOT_PUBLISHED = 1,
    MEMLANE_SLOT_WRITING = 2,
    MEMLANE_SLOT_INVALID = 3 /* never stored by memlane: damaged, never claimed */
};

/* Geometry words of a register. */
enum memlane_register_geometry {
    MEMLANE_REGISTER_SLOTS = 0,    /* number of slots */
    MEMLANE_REGISTER_CAPACITY = 1, /* bytes of the largest value */
    MEMLANE_REGISTER_STRIDE = 2,   /* from one slot's bytes to the next */
    MEMLANE_REGISTER_ENCODING = 3  /* the caller's: how values are encoded (the pickle protocol, for Python) */
};

enum { MEMLANE_SLOTS_MINIMUM = 2, MEMLANE_SLOTS_MAXIMUM = 65535, MEMLANE_NO_SLOT = 65535 };
#define MEMLANE_CAPACITY_MAXIMUM (UINT64_C(1) << 38)

static inline uint64_t memlane_latest_word(uint64_t version, uint64_t slot) {
    return version << 16 | slot;
}

static inline uint64_t memlane_control_word(uint64_t version, uint64_t owner, uint64_t state) {
    return version << 16 | owner << 2 | state;
}

static inline uint64_t memlane_word_version(uint64_t word) {
    return word >> 16;
}

/* Versions go round: after the greatest comes 1, for 0 is before the first. */
#define MEMLANE_VERSION_MAXIMUM ((UINT64_C(1) << 48) - 1)

static inline uint64_t memlane_version_after(uint64_t version) {
    return version < MEMLANE_VERSION_MAXIMUM ? version + 1 : 1;
}

static inline uint64_t memlane_version_before(uint64_t version) {
    return version > 1 ? version - 1 : MEMLANE_VERSION_MAXIMUM;
}

/* No version is ahead of another by as many but by going round: claims that were dropped one after the other are fewer. */
#define MEMLANE_VERSION_LEAD (UINT64_C(1) << 40)

/* Of two versions of words. */
static inline bool memlane_version_leads(uint64_t leader, uint64_t follower) {
    return (leader - follower - 1) << 16 < (MEMLANE_VERSION_LEAD - 1) << 16;
}

/* What is no version, as callers may give it, is newer than all of them. */
static inline bool memlane_version_is_newer(uint64_t version, uint64_t than) {
    if (version == 0 || than == 0 || (version | than) > MEMLANE_VERSION_MAXIMUM) {
        return version > than;
    }
    return version != than && !memlane_version_leads(than, version);
}

/* Whether the versions have come half of the way round to the one that is behind. */
static inline bool memlane_version_falls_behind(uint64_t follower, uint64_t newest) {
    return follower != 0 && memlane_version_is_newer(newest, follower) &&
           ((newest - follower) & MEMLANE_VERSION_MAXIMUM) > MEMLANE_VERSION_MAXIMUM / 2;
}

static inline uint32_t memlane_latest_slot(uint64_t latest) {
    return (uint32_t)(latest & 0xffff);
}

static inline uint32_t memlane_control_owner(uint64_t control) {
    return (uint32_t)(control >> 2 & 0x3fff);
}

static inline uint32_t memlane_control_state(uint64_t control) {
    return (uint32_t)(control & 3);
}

/* -- the byte ring of a channel (docs/design/channel.md) ------------------------------------------------ */

enum memlane_end_role { MEMLANE_END_READER = 0, MEMLANE_END_WRITER = 1 };

/* head and tail count bytes since the channel was made: byte k lies at data[k mod capacity], head <= tail <= head +
 * capacity. Writer of head: the owner of the reader's end, after the bytes were copied out; of tail: the owner of the
 * writer's end, after the bytes were copied in. Each goes by its private copy of its own cursor; a stale value of the
 * opposite's shows less room or fewer bytes. If an owner dies at any line the cursor says exactly which bytes count.
 *
 * end = epoch:32 | owner tag:32, tag 0: nobody; by role. Writer: by CAS only; claimed with the next epoch from nobody or
 * from the dead, given back at close, or by whoever cleans the owner's index. A stale value makes a claim fail, or the
 * opposite look again.
 *
 * The bells: what waiters sleep on (wait.c). A writer sleeps on room_bell, a reader on data_bell. */
struct memlane_ring_control {
    memlane_atomic64 head;
    memlane_atomic32 room_bell;
    unsigned char line0[MEMLANE_LINE - 12];
    memlane_atomic64 tail;
    memlane_atomic32 data_bell;
    unsigned char line1[MEMLANE_LINE - 12];
    memlane_atomic64 end[2];
    unsigned char line2[MEMLANE_LINE - 16];
};

/* Geometry words of a ring. */
enum memlane_ring_geometry { MEMLANE_RING_CAPACITY = 0 /* bytes: any number from 1 up, exactly */ };

static inline uint64_t memlane_end_word(uint32_t epoch, uint32_t tag) {
    return (uint64_t)epoch << 32 | tag;
}

static inline uint32_t memlane_end_epoch(uint64_t word) {
    return (uint32_t)(word >> 32);
}

/* Epochs go round past 0, for a word of 0 says that the end was never claimed. */
static inline uint32_t memlane_end_epoch_after(uint32_t epoch) {
    return epoch == UINT32_MAX ? 1 : epoch + 1;
}

static inline uint32_t memlane_end_tag(uint64_t word) {
    return (uint32_t)word;
}

/* -- the share: what was taken (docs/design/share.md) ---------------------------------------------------- */

/* taken = the newest version that a get took or a clear dropped, 0: none. A value waits to be taken while the version of
 * `latest` is above it. Writers: any participant, by CAS from a lower version to that of the value which it copied or
 * pinned before; so it only rises, and each version is taken at most once. A put that finds it half of the round behind
 * moves it to just before `latest`, so that versions never come round to it. Who has a stale value fails its CAS and looks
 * again. Its writer's death changes nothing: before the CAS the value still waits, after it the value was taken. */
struct memlane_share_control {
    memlane_atomic64 taken;
    unsigned char line[MEMLANE_LINE - 8];
};

/* -- calls: lanes of call slots (docs/design/calls.md) ---------------------------------------------------- */

/* posted rises with each call that is posted: what servers that have nothing to do wait on (D53). Writers: callers, by
 * addition. Nothing is decided by it but when to look at the slots. lanes_used only rises, before the lane is claimed:
 * who looks at all lanes looks at that many. */
struct memlane_function_control {
    memlane_atomic64 posted;
    memlane_atomic32 bell; /* wait.c */
    unsigned char line0[MEMLANE_LINE - 12];
    memlane_atomic32 lanes_used;
    unsigned char line1[MEMLANE_LINE - 4];
};

/* A participant that serves stores its tag into the word of its index, and 0 when it stops: so callers can tell that
 * nobody serves. Behind the control, one word for each index, up to a multiple of 64 bytes. A stale tag of a dead
 * server is judged by its verdict; cleanup clears it. */
struct memlane_server_word {
    memlane_atomic32 tag;
};

/* One lane: the call slots and the payload of one caller (D50).
 * owner: the caller's tag, or the tag of who cleans up after it; by CAS from 0 or from a dead tag. Only the owner moves
 * the lane's slots to POSTED or FREE, but for FREE after ABANDONED. Owner dead at any line: the next one, or the
 * cleanup of its index, takes the word, and scrubs every slot before anything else.
 * answers rises after each move of a slot by somebody else than the caller: what the caller waits on. */
struct memlane_lane {
    memlane_atomic32 owner;
    memlane_atomic32 bell; /* wait.c */
    memlane_atomic64 answers;
    unsigned char line[MEMLANE_LINE - 16];
};

/* One call. state = sequence:32 | state:4 | tag:28; tag: the server that took it, 0 before. Every move is a CAS on the
 * exact word. The other words and the payload are written by the caller before POSTED, and the response's by the server
 * while TAKEN or ABANDONED is its own; whoever reads them has seen the move. Server dead in TAKEN or ABANDONED: the
 * caller, or the next server, or the cleanup of the index, moves it on by verdict: the call may have been executed. */
struct memlane_call_slot {
    memlane_atomic64 state;
    memlane_atomic64 request;   /* length:40 | type:24 */
    memlane_atomic64 response;  /* length:40 | type:24 */
    memlane_atomic64 order;     /* of the calls of a lane: servers take the lowest first */
    memlane_atomic64 posted_ns; /* CLOCK_MONOTONIC: for the statistics */
    unsigned char line[MEMLANE_LINE - 40];
};

enum memlane_call_state {
    MEMLANE_CALL_FREE = 0,
    MEMLANE_CALL_POSTED = 1,    /* nobody has begun it */
    MEMLANE_CALL_TAKEN = 2,     /* the server of the tag executes it */
    MEMLANE_CALL_DONE = 3,      /* the response is there */
    MEMLANE_CALL_ABANDONED = 4, /* the server of the tag executes it, and nobody waits for the response */
    MEMLANE_CALL_ORPHANED = 5   /* the server of the tag died in it */
};

/* Geometry words of a function. */
enum memlane_function_geometry {
    MEMLANE_FUNCTION_LANES = 0,
    MEMLANE_FUNCTION_SLOTS = 1,     /* of each lane */
    MEMLANE_FUNCTION_ARGUMENTS = 2, /* bytes of the largest request */
    MEMLANE_FUNCTION_RESULT = 3     /* bytes of the largest response; 0: calls are one-way */
};

enum { MEMLANE_LANES_MAXIMUM = 1024, MEMLANE_CALL_SLOTS_MAXIMUM = 256, MEMLANE_FAILURE_ROOM = 4096 };

/* Counters of a function, in the statistics line of who counts. */
enum memlane_function_counter {
    MEMLANE_FUNCTION_COUNTER_CALLS,     /* posted */
    MEMLANE_FUNCTION_COUNTER_SERVED,    /* executed to the end */
    MEMLANE_FUNCTION_COUNTER_ERRORS,    /* of those: with an error as response */
    MEMLANE_FUNCTION_COUNTER_WITHDRAWN, /* not executed: cancelled, timed out, or nobody served */
    MEMLANE_FUNCTION_COUNTER_ABANDONED, /* nobody waited for the response any more */
    MEMLANE_FUNCTION_COUNTER_ORPHANED,  /* the server died in it, as its caller saw */
    MEMLANE_FUNCTION_COUNTER_DROPPED,   /* responses that nobody collected */
    MEMLANE_FUNCTION_COUNTER_LATENCY_NS /* of the served: sum of the times from post to response */
};

static inline uint64_t memlane_call_word(uint32_t sequence, uint32_t state, uint32_t tag) {
    return (uint64_t)sequence << 32 | state << 28 | tag;
}

static inline uint32_t memlane_call_sequence(uint64_t word) {
    return (uint32_t)(word >> 32);
}

static inline uint32_t memlane_call_state(uint64_t word) {
    return (uint32_t)(word >> 28 & 0xf);
}

static inline uint32_t memlane_call_tag(uint64_t word) {
    return (uint32_t)(word & 0x0fffffff);
}

static inline uint64_t memlane_payload_word(uint64_t length, uint32_t type) {
    return length << 24 | (type & 0xffffff);
}

/* -- the lock word (docs/design/lock.md) ---------------------------------------------------------------- */

/* word = count:32 | waiters:1 | abandoned:1 | 0:2 | owner tag:28. The count rises with each acquisition and is the
 * fence token. Writer: by CAS on the exact word only. Owner dead at any line: a waiter steals it by CAS, or cleanup
 * of the owner's index frees it with the abandoned bit, and the next owner is told. */
struct memlane_lock_word {
    memlane_atomic64 word;
};

#define MEMLANE_LOCK_WAITERS (UINT64_C(1) << 31)
#define MEMLANE_LOCK_ABANDONED (UINT64_C(1) << 30)
#define MEMLANE_LOCK_TAG UINT64_C(0x0fffffff)

/* -- the reader/writer lock (docs/design/rwlock.md) ------------------------------------------------------ */

/* What excludes everybody is the lock word: who owns it writes, once all flags of readers are down.
 * Writers of flags_used: every reader before it first raises its flag, by CAS; it only rises, and bounds what a writer
 * looks through. A stale value hides a reader, which is why it is raised before the fence of that reader. */
struct memlane_rwlock_control {
    struct memlane_lock_word writer;
    unsigned char line0[MEMLANE_LINE - 8];
    memlane_atomic32 flags_used; /* highest index that ever read, plus one */
    unsigned char line1[MEMLANE_LINE - 4];
};

/* What one participant index does: state:4 | tag:28, 0 = nothing. READING keeps writers out; WAITING asks the writer that
 * leaves to turn it into READING. Writers: the owner of the index; the owner of the lock word, WAITING to READING as it
 * leaves, and READING of the dead to 0; after a death whoever cleans the index. Every change by others is a CAS from the
 * exact word, so that a flag raised anew under another tag stays. A stale READING costs a writer another look; the flag
 * of the dead is put down by the verdict on its tag. Futex word: its owner sleeps on WAITING, a writer on READING. */
struct memlane_rwlock_flag {
    memlane_atomic32 word;
    unsigned char line[MEMLANE_LINE - 4];
};

#define MEMLANE_FLAG_TAG UINT32_C(0x0fffffff)
#define MEMLANE_FLAG_READING (UINT32_C(1) << 28)
#define MEMLANE_FLAG_WAITING (UINT32_C(1) << 29)
#define MEMLANE_FLAG_ABANDONED (UINT32_C(1) << 30) /* beside READING: let in by somebody who knew of a dead writer */

/* Geometry words of a map. Its body: the control, a flag for each index, and at the next page the bytes. */
enum memlane_map_geometry { MEMLANE_MAP_SIZE = 0 /* bytes, as the creator asked for */ };

#define MEMLANE_MAP_SIZE_MAXIMUM (UINT64_C(1) << 38)

/* tag = (index + 1):11 | generation:17; 0 = nobody. Tags of one index differ for 2^17 attachments. */
#define MEMLANE_GENERATION_MASK UINT32_C(0x1ffff)
/* Of who has no index: no participant's, and never stored. */
#define MEMLANE_NO_TAG UINT32_MAX

static inline uint32_t memlane_tag(uint32_t index, uint32_t generation) {
    return (index + 1) << 17 | (generation & MEMLANE_GENERATION_MASK);
}

static inline uint32_t memlane_tag_index(uint32_t tag) {
    return (tag >> 17) - 1;
}

static inline uint32_t memlane_tag_generation(uint32_t tag) {
    return tag & MEMLANE_GENERATION_MASK;
}

/* The byte of index i is locked at this offset, beyond any file's end. */
#define MEMLANE_LOCK_BASE (UINT64_C(1) << 40)

#define MEMLANE_ASSERT_OFFSET(type, member, at)                                                                        \
    _Static_assert(offsetof(struct type, member) == (at), #type "." #member " is part of the layout")

MEMLANE_ASSERT_OFFSET(memlane_header, endian, 8);
MEMLANE_ASSERT_OFFSET(memlane_header, incompatible, 16);
MEMLANE_ASSERT_OFFSET(memlane_header, kind, 28);
MEMLANE_ASSERT_OFFSET(memlane_header, total_size, 32);
MEMLANE_ASSERT_OFFSET(memlane_header, participants_offset, 40);
MEMLANE_ASSERT_OFFSET(memlane_header, body_offset, 48);
MEMLANE_ASSERT_OFFSET(memlane_header, geometry, 56);
MEMLANE_ASSERT_OFFSET(memlane_header, schema_hash, 184);
MEMLANE_ASSERT_OFFSET(memlane_header, uuid, 216);
MEMLANE_ASSERT_OFFSET(memlane_header, created_monotonic_ns, 232);
MEMLANE_ASSERT_OFFSET(memlane_header, boot_identity, 248);
MEMLANE_ASSERT_OFFSET(memlane_header, creator_user, 264);
MEMLANE_ASSERT_OFFSET(memlane_header, name, 268);
MEMLANE_ASSERT_OFFSET(memlane_header, schema_length, 472);
MEMLANE_ASSERT_OFFSET(memlane_header, reserved, 480);
MEMLANE_ASSERT_OFFSET(memlane_header, checksum, 4088);
_Static_assert(sizeof(struct memlane_header) == MEMLANE_PAGE, "the header is one page");
MEMLANE_ASSERT_OFFSET(memlane_participant_entry, pid, 4);
MEMLANE_ASSERT_OFFSET(memlane_participant_entry, start_time, 8);
MEMLANE_ASSERT_OFFSET(memlane_participant_entry, pid_namespace, 16);
MEMLANE_ASSERT_OFFSET(memlane_participant_entry, thread, 24);
MEMLANE_ASSERT_OFFSET(memlane_participant_entry, label, 32);
_Static_assert(sizeof(struct memlane_participant_entry) == MEMLANE_LINE, "one line for a participant");
_Static_assert(sizeof(struct memlane_statistics_line) == MEMLANE_LINE, "one line for a participant's counters");
MEMLANE_ASSERT_OFFSET(memlane_field_table, count, 4);
MEMLANE_ASSERT_OFFSET(memlane_field_table, size, 8);
_Static_assert(sizeof(struct memlane_field_table) == 16, "entries begin at a multiple of 8");
MEMLANE_ASSERT_OFFSET(memlane_field_entry, size, 8);
MEMLANE_ASSERT_OFFSET(memlane_field_entry, count, 16);
MEMLANE_ASSERT_OFFSET(memlane_field_entry, code, 24);
MEMLANE_ASSERT_OFFSET(memlane_field_entry, path_length, 26);
MEMLANE_ASSERT_OFFSET(memlane_field_entry, path, 28);
_Static_assert(sizeof(struct memlane_field_entry) == 32, "a path of up to 3 bytes needs no more");
MEMLANE_ASSERT_OFFSET(memlane_function_schema, arguments_length, 4);
MEMLANE_ASSERT_OFFSET(memlane_function_schema, result_length, 8);
_Static_assert(sizeof(struct memlane_function_schema) == 16, "tables begin at a multiple of 8");
MEMLANE_ASSERT_OFFSET(memlane_register_control, vacated, 8);
MEMLANE_ASSERT_OFFSET(memlane_register_control, bell, 64);
MEMLANE_ASSERT_OFFSET(memlane_register_control, pins_used, 68);
MEMLANE_ASSERT_OFFSET(memlane_register_control, pin_moves, 72);
_Static_assert(sizeof(struct memlane_register_control) == (size_t)2 * MEMLANE_LINE, "latest is alone on its line");
_Static_assert(sizeof(struct memlane_pin_row) == MEMLANE_LINE, "one line for a participant's pins");
MEMLANE_ASSERT_OFFSET(memlane_slot, length_type, 8);
MEMLANE_ASSERT_OFFSET(memlane_slot, monotonic_ns, 16);
MEMLANE_ASSERT_OFFSET(memlane_slot, real_ns, 24);
MEMLANE_ASSERT_OFFSET(memlane_slot, sequence, 32);
_Static_assert(sizeof(struct memlane_slot) == MEMLANE_LINE, "one line for a slot's words");
MEMLANE_ASSERT_OFFSET(memlane_ring_control, room_bell, 8);
MEMLANE_ASSERT_OFFSET(memlane_ring_control, tail, 64);
MEMLANE_ASSERT_OFFSET(memlane_ring_control, data_bell, 72);
MEMLANE_ASSERT_OFFSET(memlane_ring_control, end, 128);
_Static_assert(sizeof(struct memlane_ring_control) == (size_t)3 * MEMLANE_LINE, "each cursor is alone on its line");
MEMLANE_ASSERT_OFFSET(memlane_share_control, taken, 0);
_Static_assert(sizeof(struct memlane_share_control) == MEMLANE_LINE, "one line for what was taken");
_Static_assert(sizeof(struct memlane_lock_word) == 8, "one word");
MEMLANE_ASSERT_OFFSET(memlane_rwlock_control, flags_used, 64);
_Static_assert(sizeof(struct memlane_rwlock_control) == (size_t)2 * MEMLANE_LINE, "the lock word is alone on its line");
_Static_assert(sizeof(struct memlane_rwlock_flag) == MEMLANE_LINE, "one line for a participant's flag");
MEMLANE_ASSERT_OFFSET(memlane_function_control, bell, 8);
MEMLANE_ASSERT_OFFSET(memlane_function_control, lanes_used, 64);
_Static_assert(sizeof(struct memlane_function_control) == (size_t)2 * MEMLANE_LINE, "posted is alone on its line");
_Static_assert(sizeof(struct memlane_server_word) == 4, "one word");
MEMLANE_ASSERT_OFFSET(memlane_lane, bell, 4);
MEMLANE_ASSERT_OFFSET(memlane_lane, answers, 8);
_Static_assert(sizeof(struct memlane_lane) == MEMLANE_LINE, "one line for a lane's words");
MEMLANE_ASSERT_OFFSET(memlane_call_slot, request, 8);
MEMLANE_ASSERT_OFFSET(memlane_call_slot, response, 16);
MEMLANE_ASSERT_OFFSET(memlane_call_slot, order, 24);
MEMLANE_ASSERT_OFFSET(memlane_call_slot, posted_ns, 32);
_Static_assert(sizeof(struct memlane_call_slot) == MEMLANE_LINE, "one line for a call's words");

#endif
