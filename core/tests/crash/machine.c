/* The kernel of the simulated machine; machine.h says what it is for. */
#define _GNU_SOURCE
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEAD_BYTES = 16384, NOBODY = UINT32_MAX, POISON = 0xdb };

#define ARENA_ADDRESS ((void *)UINT64_C(0x200000000000))
#define VIEW_ADDRESS ((void *)UINT64_C(0x210000000000)) /* the same bytes, read-only */
#define ARENA_BYTES ((size_t)HEAD_BYTES + (size_t)MACHINE_FILES * MACHINE_FILE_BYTES)

_Static_assert(sizeof(struct machine) <= HEAD_BYTES, "the kernel fits before the first file");

struct machine *const machine = ARENA_ADDRESS;

static uint32_t current = NOBODY;
static bool traced;

static void map_at(void *address, int protection, int descriptor) {
    if (mmap(address, ARENA_BYTES, protection, MAP_SHARED | MAP_FIXED_NOREPLACE, descriptor, 0) != address) {
        perror("crash: the arena cannot be mapped at its address");
        exit(2);
    }
}

void machine_build(void) {
    int descriptor = memfd_create("machine", MFD_CLOEXEC);
    if (descriptor < 0 || ftruncate(descriptor, (off_t)ARENA_BYTES) != 0) {
        perror("crash: no memory for the arena");
        exit(2);
    }
    map_at(ARENA_ADDRESS, PROT_READ | PROT_WRITE, descriptor);
    map_at(VIEW_ADDRESS, PROT_READ, descriptor);
    close(descriptor);
}

static struct machine_process *self(void) {
    return &machine->process[current];
}

unsigned char *machine_bytes(uint32_t file) {
    return (unsigned char *)machine + HEAD_BYTES + (size_t)file * MACHINE_FILE_BYTES;
}

void machine_reset(void) {
    memset(machine, 0, HEAD_BYTES);
    machine->clock = UINT64_C(1000000000);
    machine->random = UINT64_C(0x9e3779b97f4a7c15);
    machine->inodes = 100;
    machine->device = 9;
    machine->room = UINT64_C(1) << 40;
    for (uint32_t process = 0; process < MACHINE_PROCESSES; process++) {
        machine->process[process] = (struct machine_process){
            .condition = MACHINE_RUNNING, .pid = 1000 + process, .start_time = 50000 + process, .pid_namespace = 77};
    }
}

void machine_become(uint32_t process) {
    current = process;
}

uint32_t machine_current(void) {
    return current;
}

void machine_become_traced(void) {
    traced = true;
}

void machine_enter(void) {
    if (traced) {
        machine->inside = 1;
    }
}

/* The breakpoint ends the tracer's run through the call. Where there is none the tracer single-steps through it. */
void machine_leave(void) {
    if (!traced) {
        return;
    }
    __atomic_store_n(&machine->inside, 0, __ATOMIC_SEQ_CST);
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("int3");
#endif
}

void machine_blame(int line) {
    if (machine->misuse == 0) {
        machine->misuse = (uint32_t)line;
    }
}

/* -- files and names ----------------------------------------------------------------------------------- */

static bool is_held(uint32_t file) {
    for (uint32_t at = 0; at < MACHINE_DESCRIPTIONS; at++) {
        const struct machine_description *description = &machine->description[at];
        if (description->references > 0 && !description->directory && description->file == file) {
            return true;
        }
    }
    return false;
}

/* The storage of a file goes with its last name and description; a mapping keeps its description. */
static void forget_if_gone(uint32_t file) {
    struct machine_file *found = &machine->file[file];
    if (found->used && found->links == 0 && !is_held(file)) {
        memset(machine_bytes(file), POISON, found->size);
        machine->room += found->reserved ? found->size : 0;
        *found = (struct machine_file){0};
    }
}

int machine_new_file(uint32_t permissions, uint32_t *file) {
    for (uint32_t at = 0; at < MACHINE_FILES; at++) {
        if (!machine->file[at].used) {
            machine->file[at] =
                (struct machine_file){.used = 1, .permissions = permissions, .inode = machine->inodes++};
            *file = at;
            return 0;
        }
    }
    return ENOSPC;
}

static struct machine_name *name_of(const char *text) {
    for (uint32_t at = 0; at < MACHINE_NAMES; at++) {
        if (machine->name[at].used && strcmp(machine->name[at].text, text) == 0) {
            return &machine->name[at];
        }
    }
    return NULL;
}

int machine_find(const char *name) {
    const struct machine_name *found = name_of(name);
    return found == NULL ? -1 : (int)found->file;
}

int machine_link(uint32_t file, const char *text) {
    if (name_of(text) != NULL) {
        return EEXIST;
    }
    for (uint32_t at = 0; at < MACHINE_NAMES; at++) {
        struct machine_name *name = &machine->name[at];
        if (!name->used) {
            *name = (struct machine_name){.used = 1, .file = file};
            snprintf(name->text, sizeof name->text, "%s", text);
            machine->file[file].links++;
            return 0;
        }
    }
    return ENOSPC;
}

int machine_unlink(const char *text) {
    struct machine_name *name = name_of(text);
    if (name == NULL) {
        return ENOENT;
    }
    uint32_t file = name->file;
    *name = (struct machine_name){0};
    machine->file[file].links--;
    forget_if_gone(file);
    return 0;
}

uint32_t machine_count_files(void) {
    uint32_t count = 0;
    for (uint32_t at = 0; at < MACHINE_FILES; at++) {
        count += machine->file[at].used;
    }
    return count;
}

/* -- descriptors --------------------------------------------------------------------------------------- */

static uint32_t *place_of(int descriptor) {
    int at = descriptor - MACHINE_FIRST_DESCRIPTOR;
    return at >= 0 && at < MACHINE_DESCRIPTORS ? &self()->descriptor[at] : NULL;
}

struct machine_description *machine_description_of(int descriptor) {
    const uint32_t *place = place_of(descriptor);
    return place == NULL || *place == 0 ? NULL : &machine->description[*place - 1];
}

static int unused_descriptor(void) {
    for (int at = 0; at < MACHINE_DESCRIPTORS; at++) {
        if (self()->descriptor[at] == 0) {
            return at;
        }
    }
    return -1;
}

int machine_open_description(bool directory, uint32_t file, int *descriptor) {
    int place = unused_descriptor();
    if (place < 0) {
        return EMFILE;
    }
    for (uint32_t at = 0; at < MACHINE_DESCRIPTIONS; at++) {
        if (machine->description[at].references == 0) {
            machine->description[at] =
                (struct machine_description){.references = 1, .directory = directory, .file = directory ? 0 : file};
            self()->descriptor[place] = at + 1;
            *descriptor = place + MACHINE_FIRST_DESCRIPTOR;
            return 0;
        }
    }
    return ENFILE;
}

static void drop_locks_of(uint32_t owner) {
    for (uint32_t at = 0; at < MACHINE_LOCKS; at++) {
        if (machine->lock[at].owner == owner) {
            machine->lock[at] = (struct machine_lock){0};
        }
    }
    if (machine->directory_lock == owner) {
        machine->directory_lock = 0;
    }
}

static void drop_reference(uint32_t owner) {
    struct machine_description *description = &machine->description[owner - 1];
    description->references--;
    if (description->references > 0) {
        return;
    }
    drop_locks_of(owner);
    struct machine_description gone = *description;
    *description = (struct machine_description){0};
    if (!gone.directory) {
        forget_if_gone(gone.file);
    }
}

int machine_close_descriptor(int descriptor) {
    uint32_t *place = place_of(descriptor);
    if (place == NULL || *place == 0) {
        return EBADF;
    }
    uint32_t owner = *place;
    *place = 0;
    drop_reference(owner);
    return 0;
}

/* -- byte locks ---------------------------------------------------------------------------------------- */

static bool overlaps(const struct machine_lock *lock, uint64_t begin, uint64_t end) {
    return lock->owner != 0 && lock->begin < end && begin < lock->end;
}

static bool is_locked_by_another(uint32_t owner, uint64_t begin, uint64_t end) {
    uint32_t file = machine->description[owner - 1].file;
    for (uint32_t at = 0; at < MACHINE_LOCKS; at++) {
        const struct machine_lock *lock = &machine->lock[at];
        if (overlaps(lock, begin, end) && lock->owner != owner && machine->description[lock->owner - 1].file == file) {
            return true;
        }
    }
    return false;
}

static int add_lock(uint32_t owner, uint64_t begin, uint64_t end) {
    for (uint32_t at = 0; at < MACHINE_LOCKS; at++) {
        if (machine->lock[at].owner == 0) {
            machine->lock[at] = (struct machine_lock){.owner = owner, .begin = begin, .end = end};
            return 0;
        }
    }
    return ENOLCK;
}

static int cut_locks(uint32_t owner, uint64_t begin, uint64_t end) {
    int failure = 0;
    for (uint32_t at = 0; at < MACHINE_LOCKS && failure == 0; at++) {
        struct machine_lock lock = machine->lock[at];
        if (!overlaps(&lock, begin, end) || lock.owner != owner) {
            continue;
        }
        machine->lock[at] = (struct machine_lock){0};
        if (lock.begin < begin) {
            failure = add_lock(owner, lock.begin, begin);
        }
        if (lock.end > end && failure == 0) {
            failure = add_lock(owner, end, lock.end);
        }
    }
    return failure;
}

/* description + 1 of an open file; 0 where the descriptor is none. */
static uint32_t lock_owner(int descriptor) {
    const struct machine_description *description = machine_description_of(descriptor);
    return description == NULL || description->directory ? 0 : *place_of(descriptor);
}

int machine_lock_range(int descriptor, uint64_t begin, uint64_t end) {
    uint32_t owner = lock_owner(descriptor);
    if (owner == 0) {
        return EBADF;
    }
    if (is_locked_by_another(owner, begin, end)) {
        return EAGAIN;
    }
    int failure = cut_locks(owner, begin, end);
    return failure != 0 ? failure : add_lock(owner, begin, end);
}

int machine_unlock_range(int descriptor, uint64_t begin, uint64_t end) {
    uint32_t owner = lock_owner(descriptor);
    return owner == 0 ? EBADF : cut_locks(owner, begin, end);
}

int machine_is_locked(int descriptor, uint64_t offset, bool *locked) {
    uint32_t owner = lock_owner(descriptor);
    *locked = owner != 0 && is_locked_by_another(owner, offset, offset + 1);
    return owner == 0 ? EBADF : 0;
}

/* -- mappings ------------------------------------------------------------------------------------------ */

static struct machine_mapping *unused_mapping(void) {
    for (int at = 0; at < MACHINE_MAPPINGS; at++) {
        if (self()->mapping[at].owner == 0) {
            return &self()->mapping[at];
        }
    }
    return NULL;
}

/* A mapping holds the description, and with it the byte locks: also when every descriptor was closed, and in a
 * forked child. */
int machine_map_file(int descriptor, bool writable, void **address) {
    struct machine_description *description = machine_description_of(descriptor);
    struct machine_mapping *mapping = unused_mapping();
    if (description == NULL || description->directory || mapping == NULL) {
        return mapping == NULL ? ENOMEM : EBADF;
    }
    size_t offset = (size_t)(machine_bytes(description->file) - (unsigned char *)machine);
    description->references++;
    *mapping = (struct machine_mapping){.owner = *place_of(descriptor), .writable = writable};
    *address = (unsigned char *)(writable ? ARENA_ADDRESS : VIEW_ADDRESS) + offset;
    return 0;
}

static bool file_at(const unsigned char *address, const unsigned char *base, uint32_t *file) {
    if (address < base + HEAD_BYTES || address >= base + ARENA_BYTES) {
        return false;
    }
    *file = (uint32_t)((size_t)(address - base - HEAD_BYTES) / MACHINE_FILE_BYTES);
    return true;
}

static void drop_mapping(struct machine_mapping *mapping) {
    uint32_t owner = mapping->owner;
    *mapping = (struct machine_mapping){0};
    drop_reference(owner);
}

bool machine_unmap_file(const void *address) {
    uint32_t file;
    bool writable = file_at(address, ARENA_ADDRESS, &file);
    if (!writable && !file_at(address, VIEW_ADDRESS, &file)) {
        return false;
    }
    for (int at = 0; at < MACHINE_MAPPINGS; at++) {
        struct machine_mapping *mapping = &self()->mapping[at];
        if (mapping->owner != 0 && mapping->writable == writable &&
            machine->description[mapping->owner - 1].file == file) {
            drop_mapping(mapping);
            return true;
        }
    }
    machine_blame(__LINE__);
    return true;
}

/* -- processes ----------------------------------------------------------------------------------------- */

static void close_all(struct machine_process *process) {
    for (int at = 0; at < MACHINE_DESCRIPTORS; at++) {
        uint32_t owner = process->descriptor[at];
        process->descriptor[at] = 0;
        if (owner != 0) {
            drop_reference(owner);
        }
    }
}

void machine_close_range(uint32_t process) {
    close_all(&machine->process[process]);
}

void machine_kill(uint32_t process) {
    struct machine_process *dead = &machine->process[process];
    dead->condition = MACHINE_ZOMBIE;
    for (int at = 0; at < MACHINE_MAPPINGS; at++) { /* before the descriptors, as exit_mm comes before exit_files */
        if (dead->mapping[at].owner != 0) {
            drop_mapping(&dead->mapping[at]);
        }
    }
    close_all(dead);
}

static void add_reference(uint32_t owner) {
    if (owner != 0) {
        machine->description[owner - 1].references++;
    }
}

void machine_fork(uint32_t parent, uint32_t child) {
    const struct machine_process *from = &machine->process[parent];
    struct machine_process *to = &machine->process[child];
    memcpy(to->descriptor, from->descriptor, sizeof to->descriptor);
    memcpy(to->mapping, from->mapping, sizeof to->mapping);
    for (int at = 0; at < MACHINE_DESCRIPTORS; at++) {
        add_reference(to->descriptor[at]);
    }
    for (int at = 0; at < MACHINE_MAPPINGS; at++) {
        add_reference(to->mapping[at].owner);
    }
}

uint32_t machine_count_holdings(uint32_t process) {
    const struct machine_process *holder = &machine->process[process];
    uint32_t count = 0;
    for (int at = 0; at < MACHINE_DESCRIPTORS; at++) {
        count += holder->descriptor[at] != 0;
    }
    for (int at = 0; at < MACHINE_MAPPINGS; at++) {
        count += holder->mapping[at].owner != 0;
    }
    return count;
}

/* -- snapshots: the kernel, and of each file as many bytes as it has -------------------------------------- */

struct machine_snapshot {
    struct machine kernel;
    unsigned char bytes[MACHINE_FILES][MACHINE_FILE_BYTES];
};

struct machine_snapshot *machine_snapshot_new(void) {
    struct machine_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL) {
        perror("crash: no memory for a snapshot");
        exit(2);
    }
    return snapshot;
}

void machine_save(struct machine_snapshot *snapshot) {
    memcpy(&snapshot->kernel, machine, sizeof *machine);
    for (uint32_t file = 0; file < MACHINE_FILES; file++) {
        memcpy(snapshot->bytes[file], machine_bytes(file), machine->file[file].size);
    }
}

void machine_restore(const struct machine_snapshot *snapshot) {
    memcpy(machine, &snapshot->kernel, sizeof *machine);
    for (uint32_t file = 0; file < MACHINE_FILES; file++) {
        memcpy(machine_bytes(file), snapshot->bytes[file], machine->file[file].size);
    }
}

bool machine_equals(const struct machine_snapshot *snapshot) {
    if (memcmp(&snapshot->kernel, machine, sizeof *machine) != 0) {
        return false;
    }
    for (uint32_t file = 0; file < MACHINE_FILES; file++) {
        if (memcmp(snapshot->bytes[file], machine_bytes(file), machine->file[file].size) != 0) {
            return false;
        }
    }
    return true;
}
