/* A simulated machine for crash tests: everything of platform.h over one block of shared memory, the arena.
 *
 * The arena holds a small kernel (processes, descriptors, open file descriptions, byte locks, names, files, a
 * clock) and the bytes of the files, at the same address in the harness and in every process that it forks. Saving
 * and restoring the arena is therefore a snapshot of the whole world except for the private memory of the
 * processes. A kernel call is atomic: the harness takes no points inside. */
#ifndef MEMLANE_CRASH_MACHINE_H
#define MEMLANE_CRASH_MACHINE_H

#include "platform.h"

enum {
    MACHINE_FILES = 6,
    MACHINE_FILE_BYTES = 53248,
    MACHINE_NAMES = 6,
    MACHINE_NAME_BYTES = 64,
    MACHINE_DESCRIPTIONS = 48,
    MACHINE_PROCESSES = 18,
    MACHINE_DESCRIPTORS = 12, /* of each process */
    MACHINE_MAPPINGS = 6,     /* of each process */
    MACHINE_LOCKS = 48,
    MACHINE_FIRST_DESCRIPTOR = 3,
    MACHINE_VICTIMS = 2
};

struct machine_file {
    uint32_t used, links, permissions, reserved;
    uint64_t inode, size;
};

struct machine_name {
    uint32_t used, file;
    char text[MACHINE_NAME_BYTES];
};

/* An open file description: what descriptors and mappings refer to, and what owns byte locks. */
struct machine_description {
    uint32_t references; /* descriptors and mappings that refer to it, of any process; 0: unused */
    uint32_t directory;  /* 1: of the namespace directory, file says nothing */
    uint32_t file;
};

enum machine_process_condition { MACHINE_ABSENT, MACHINE_RUNNING, MACHINE_ZOMBIE };

struct machine_mapping {
    uint32_t owner; /* description + 1; 0: unused */
    uint32_t writable;
};

struct machine_process {
    uint32_t condition, pid;
    uint64_t start_time, pid_namespace;
    uint32_t descriptor[MACHINE_DESCRIPTORS]; /* description + 1; 0: closed */
    struct machine_mapping mapping[MACHINE_MAPPINGS];
};

struct machine_lock {
    uint32_t owner; /* description + 1; 0: unused */
    uint64_t begin, end;
};

/* What a victim tells about its progress, from inside the operation. */
enum machine_phase { MACHINE_BEFORE, MACHINE_DURING, MACHINE_AFTER };

struct machine_report {
    uint32_t phase;
    int32_t status;              /* of the operation, when it is over */
    uint64_t version;            /* that it committed or pinned */
    uint64_t taken;              /* value that its transaction found */
    const unsigned char *pinned; /* bytes of a validated pin */
    const unsigned char *loaned; /* bytes of an open claim */
    uint32_t slot;               /* of the open claim */
    uint32_t inside_lock;        /* between acquire and release */
    uint32_t inside_rwlock;      /* the same of the lock for readers and writers */
    uint32_t token, tag;
};

struct machine {
    uint32_t inside; /* 1: a traced process is in a kernel call */
    uint32_t misuse; /* line of a kernel call that no correct program makes, 0: none */
    uint64_t clock, random, inodes, device;
    uint64_t room;           /* bytes that files may still reserve */
    uint32_t directory_lock; /* description + 1 */
    struct machine_report report[MACHINE_VICTIMS];
    struct machine_file file[MACHINE_FILES];
    struct machine_name name[MACHINE_NAMES];
    struct machine_description description[MACHINE_DESCRIPTIONS];
    struct machine_process process[MACHINE_PROCESSES];
    struct machine_lock lock[MACHINE_LOCKS];
};

extern struct machine *const machine;

/* Maps the arena; once. */
void machine_build(void);

/* An empty machine in which every process runs and has nothing open. */
void machine_reset(void);

/* Which process this real process plays from now on. */
void machine_become(uint32_t process);
uint32_t machine_current(void);

/* Kernel calls end in a breakpoint from here on, so that the tracer can run through them at full speed. */
void machine_become_traced(void);

/* The process ends by any means: all that the kernel takes back, and a zombie is left. */
void machine_kill(uint32_t process);

/* fork(): the child gets the parent's descriptors, sharing the descriptions, and its mappings. */
void machine_fork(uint32_t parent, uint32_t child);

/* What the core registered with memlane_platform_at_fork(). */
struct machine_fork_handlers {
    void (*prepare)(void);
    void (*parent)(void);
    void (*child)(void);
};
const struct machine_fork_handlers *machine_fork_handlers(void);

/* Somebody in the process closed all its descriptors behind our back (os.closerange): it lives on without its byte
 * locks. */
void machine_close_range(uint32_t process);

/* The file of the name, or -1. */
int machine_find(const char *name);
unsigned char *machine_bytes(uint32_t file);

/* Files that exist, whether named or not; descriptors and mappings of one process. */
uint32_t machine_count_files(void);
uint32_t machine_count_holdings(uint32_t process);

/* Snapshots. */
struct machine_snapshot;
struct machine_snapshot *machine_snapshot_new(void);
void machine_save(struct machine_snapshot *snapshot);
void machine_restore(const struct machine_snapshot *snapshot);
bool machine_equals(const struct machine_snapshot *snapshot);

/* -- for machine_calls.c: the kernel behind the calls, in the current process ---------------------------- */

void machine_enter(void);
void machine_leave(void);
void machine_blame(int line);
int machine_open_description(bool directory, uint32_t file, int *descriptor);
int machine_close_descriptor(int descriptor);
struct machine_description *machine_description_of(int descriptor); /* NULL: not open */
int machine_new_file(uint32_t permissions, uint32_t *file);
int machine_link(uint32_t file, const char *text);
int machine_unlink(const char *text);
int machine_lock_range(int descriptor, uint64_t begin, uint64_t end);
int machine_unlock_range(int descriptor, uint64_t begin, uint64_t end);
int machine_is_locked(int descriptor, uint64_t offset, bool *locked);
int machine_map_file(int descriptor, bool writable, void **address);
bool machine_unmap_file(const void *address);

#endif
