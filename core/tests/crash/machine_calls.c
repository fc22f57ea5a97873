/* platform.h on the simulated machine. Each call is atomic for the harness: between machine_enter() and
 * machine_leave() it takes no points. */
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY_PATH "/machine"

enum { CALL_NS = 1000, DIRECTORY_INODE = 2, USER = 1000, PRIVATE_DIRECTORY = 0700 };

/* -- time ------------------------------------------------------------------------------------------- */

static uint64_t advance(uint64_t duration_ns) {
    machine_enter();
    machine->clock += duration_ns;
    uint64_t now = machine->clock;
    machine_leave();
    return now;
}

/* No call: each simulated process has one thread. */
uint64_t memlane_platform_thread_mark(void) {
    return machine_current() + 1;
}

uint64_t memlane_platform_monotonic_ns(void) {
    return advance(CALL_NS);
}

uint64_t memlane_platform_real_ns(void) {
    return advance(CALL_NS);
}

void memlane_platform_sleep_ns(uint64_t duration_ns) {
    advance(duration_ns);
}

void memlane_platform_relax(void) {}

void memlane_platform_prefetch(const void *address) {
    (void)address;
}

unsigned memlane_platform_processors(void) {
    return 1; /* so that nobody spins: nobody else runs */
}

unsigned memlane_platform_online_processors(void) {
    return 1;
}

/* -- sleeping on a word: nobody else runs, so a sleeper always sleeps to its time-out --------------------------- */

int memlane_platform_futex_wait(const memlane_atomic32 *word, uint32_t expected, uint64_t timeout_ns) {
    if (memlane_load32_seq_cst(word) != expected) {
        return 0;
    }
    advance(timeout_ns);
    return ETIMEDOUT;
}

int memlane_platform_futex_wait_any(const struct memlane_futex *futexes, uint32_t count, uint64_t timeout_ns) {
    for (uint32_t i = 0; i < count; i++) {
        if (memlane_load32_seq_cst(futexes[i].word) != futexes[i].expected) {
            return 0;
        }
    }
    advance(timeout_ns);
    return ETIMEDOUT;
}

void memlane_platform_futex_wake_all(memlane_atomic32 *word) {
    (void)word;
}

void memlane_platform_futex_wake_one(memlane_atomic32 *word) {
    (void)word;
}

/* -- files ------------------------------------------------------------------------------------------- */

static struct machine_file *file_of(int descriptor) {
    const struct machine_description *description = machine_description_of(descriptor);
    return description == NULL || description->directory ? NULL : &machine->file[description->file];
}

int memlane_platform_make_directory(const char *path, uint32_t permissions) {
    (void)permissions;
    return strcmp(path, DIRECTORY_PATH) == 0 ? EEXIST : EACCES;
}

int memlane_platform_open_directory(const char *path, int *descriptor) {
    machine_enter();
    int failure = strcmp(path, DIRECTORY_PATH) == 0 ? machine_open_description(true, 0, descriptor) : ENOENT;
    machine_leave();
    return failure;
}

static struct memlane_file_status status_of(const struct machine_file *file) {
    return (struct memlane_file_status){.device = machine->device,
                                        .inode = file->inode,
                                        .size = file->size,
                                        .allocated = file->reserved ? file->size : 0,
                                        .links = file->links,
                                        .user = USER,
                                        .permissions = file->permissions,
                                        .type = MEMLANE_FILE_REGULAR};
}

int memlane_platform_describe(int descriptor, struct memlane_file_status *status) {
    machine_enter();
    const struct machine_description *description = machine_description_of(descriptor);
    int failure = description == NULL ? EBADF : 0;
    if (failure == 0 && description->directory) {
        *status = (struct memlane_file_status){.device = machine->device,
                                               .inode = DIRECTORY_INODE,
                                               .links = 2,
                                               .user = USER,
                                               .permissions = PRIVATE_DIRECTORY,
                                               .type = MEMLANE_FILE_DIRECTORY};
    } else if (failure == 0) {
        *status = status_of(&machine->file[description->file]);
    }
    machine_leave();
    return failure;
}

int memlane_platform_describe_name(int directory, const char *name, struct memlane_file_status *status) {
    machine_enter();
    const struct machine_description *where = machine_description_of(directory);
    int file = machine_find(name);
    int failure = where == NULL || !where->directory ? EBADF : file < 0 ? ENOENT : 0;
    if (failure == 0) {
        *status = status_of(&machine->file[file]);
    }
    machine_leave();
    return failure;
}

int memlane_platform_open_file(int directory, const char *name, int *descriptor) {
    machine_enter();
    const struct machine_description *where = machine_description_of(directory);
    int file = machine_find(name);
    int failure = where == NULL || !where->directory ? EBADF
                  : file < 0                         ? ENOENT
                                                     : machine_open_description(false, (uint32_t)file, descriptor);
    machine_leave();
    return failure;
}

int memlane_platform_create_unnamed(int directory, uint32_t permissions, int *descriptor) {
    machine_enter();
    const struct machine_description *where = machine_description_of(directory);
    uint32_t file = 0;
    int failure = where == NULL || !where->directory ? EBADF : machine_new_file(permissions, &file);
    if (failure == 0) {
        failure = machine_open_description(false, file, descriptor);
        if (failure != 0) {
            memset(&machine->file[file], 0, sizeof machine->file[file]);
        }
    }
    machine_leave();
    return failure;
}

int memlane_platform_reserve(int descriptor, uint64_t size) {
    machine_enter();
    struct machine_file *file = file_of(descriptor);
    int failure = file == NULL ? EBADF : size > MACHINE_FILE_BYTES || size > machine->room ? ENOSPC : 0;
    if (failure == 0 && size > file->size) {
        memset(machine_bytes((uint32_t)(file - machine->file)) + file->size, 0, size - file->size);
        machine->room -= size - (file->reserved ? file->size : 0);
        file->size = size;
        file->reserved = 1;
    }
    machine_leave();
    return failure;
}

/* Here a file's bytes all come with its size: only that they are there is simulated, and not that they run out. */
int memlane_platform_extend(int descriptor, uint64_t size) {
    return memlane_platform_reserve(descriptor, size);
}

int memlane_platform_reserve_range(int descriptor, uint64_t offset, uint64_t size) {
    return memlane_platform_reserve(descriptor, offset + size);
}

int memlane_platform_punch(int descriptor, uint64_t offset, uint64_t size) {
    machine_enter();
    const struct machine_file *file = file_of(descriptor);
    int failure = file == NULL ? EBADF : offset + size > file->size ? EINVAL : 0;
    if (failure == 0) {
        memset(machine_bytes((uint32_t)(file - machine->file)) + offset, 0, size);
    }
    machine_leave();
    return failure;
}

int memlane_platform_publish(int descriptor, int directory, const char *name) {
    machine_enter();
    const struct machine_file *file = file_of(descriptor);
    const struct machine_description *where = machine_description_of(directory);
    int failure = file == NULL || where == NULL || !where->directory
                      ? EBADF
                      : machine_link((uint32_t)(file - machine->file), name);
    machine_leave();
    return failure;
}

int memlane_platform_unlink(int directory, const char *name) {
    machine_enter();
    const struct machine_description *where = machine_description_of(directory);
    int failure = where == NULL || !where->directory ? EBADF : machine_unlink(name);
    machine_leave();
    return failure;
}

int memlane_platform_reopen(int descriptor, int *second) {
    machine_enter();
    const struct machine_file *file = file_of(descriptor);
    int failure = file == NULL ? EBADF : machine_open_description(false, (uint32_t)(file - machine->file), second);
    machine_leave();
    return failure;
}

/* The bytes of a range of the file, NULL where it has none; *failure says why. */
static unsigned char *range_of(int descriptor, uint64_t offset, size_t size, int *failure) {
    const struct machine_file *file = file_of(descriptor);
    *failure = file == NULL ? EBADF : offset > file->size || size > file->size - offset ? EIO : 0;
    return *failure != 0 ? NULL : machine_bytes((uint32_t)(file - machine->file)) + offset;
}

int memlane_platform_read_at(int descriptor, uint64_t offset, void *buffer, size_t size) {
    int failure;
    machine_enter();
    const unsigned char *bytes = range_of(descriptor, offset, size, &failure);
    if (bytes != NULL) {
        memcpy(buffer, bytes, size);
    }
    machine_leave();
    return failure;
}

int memlane_platform_write_at(int descriptor, uint64_t offset, const void *buffer, size_t size) {
    int failure;
    machine_enter();
    unsigned char *bytes = range_of(descriptor, offset, size, &failure);
    if (bytes != NULL) {
        memcpy(bytes, buffer, size);
    }
    machine_leave();
    return failure;
}

void memlane_platform_close(int descriptor) {
    machine_enter();
    if (machine_close_descriptor(descriptor) != 0) {
        machine_blame(__LINE__); /* in a real process the number could be somebody's socket (D12) */
    }
    machine_leave();
}

int memlane_platform_free_space(int directory, uint64_t *bytes) {
    (void)directory;
    *bytes = machine->room;
    return 0;
}

int memlane_platform_lock_directory(int directory, bool *locked) {
    machine_enter();
    const struct machine_description *where = machine_description_of(directory);
    int failure = where == NULL || !where->directory ? EBADF : 0;
    if (failure == 0) {
        uint32_t owner = (uint32_t)(where - machine->description) + 1;
        *locked = machine->directory_lock == 0 || machine->directory_lock == owner;
        machine->directory_lock = *locked ? owner : machine->directory_lock;
    }
    machine_leave();
    return failure;
}

void memlane_platform_unlock_directory(int directory) {
    machine_enter();
    const struct machine_description *where = machine_description_of(directory);
    if (where != NULL && machine->directory_lock == (uint32_t)(where - machine->description) + 1) {
        machine->directory_lock = 0;
    }
    machine_leave();
}

/* visit is the caller's code: it runs outside the call. Names are those at the beginning, as readdir may give
 * them. */
int memlane_platform_list(int directory, bool (*visit)(const char *name, void *argument), void *argument) {
    char names[MACHINE_NAMES][MACHINE_NAME_BYTES];
    int count = 0;
    machine_enter();
    const struct machine_description *where = machine_description_of(directory);
    for (int at = 0; at < MACHINE_NAMES; at++) {
        if (machine->name[at].used) {
            memcpy(names[count++], machine->name[at].text, MACHINE_NAME_BYTES);
        }
    }
    machine_leave();
    if (where == NULL || !where->directory) {
        return EBADF;
    }
    for (int at = 0; at < count && visit(names[at], argument); at++) {}
    return 0;
}

/* -- byte locks ---------------------------------------------------------------------------------------- */

int memlane_platform_lock_bytes(int descriptor, uint64_t offset, uint64_t length) {
    machine_enter();
    int failure = machine_lock_range(descriptor, offset, offset + length);
    machine_leave();
    return failure;
}

int memlane_platform_unlock_bytes(int descriptor, uint64_t offset, uint64_t length) {
    machine_enter();
    int failure = machine_unlock_range(descriptor, offset, offset + length);
    machine_leave();
    return failure;
}

int memlane_platform_byte_is_locked(int descriptor, uint64_t offset, bool *locked) {
    machine_enter();
    int failure = machine_is_locked(descriptor, offset, locked);
    machine_leave();
    return failure;
}

/* -- memory ------------------------------------------------------------------------------------------ */

int memlane_platform_map(int descriptor, size_t size, bool writable, void **address) {
    machine_enter();
    const struct machine_file *file = file_of(descriptor);
    int failure = file == NULL ? EBADF : size > file->size ? EINVAL : machine_map_file(descriptor, writable, address);
    machine_leave();
    return failure;
}

void memlane_platform_populate(const unsigned char *address, size_t size) {
    (void)address, (void)size; /* the arena is there */
}

void memlane_platform_unmap(void *address, size_t size) {
    (void)size;
    machine_enter();
    bool of_a_file = machine_unmap_file(address);
    machine_leave();
    if (!of_a_file) {
        free(address); /* from memlane_platform_allocate_pages() */
    }
}

int memlane_platform_allocate_pages(size_t size, void **address) {
    *address = calloc(1, size);
    return *address == NULL ? ENOMEM : 0;
}

int memlane_platform_replace_by_zeros(void *address, size_t size, bool writable) {
    (void)address, (void)size, (void)writable;
    machine_blame(__LINE__); /* nothing is ever truncated here */
    return EINVAL;
}

int memlane_platform_move_read_only(void *from, size_t size, void *to) {
    (void)from, (void)size, (void)to;
    return ENOSYS; /* the arena cannot be replaced piece by piece: a child without an index keeps shared views here */
}

/* -- processes --------------------------------------------------------------------------------------- */

void memlane_platform_this_process(struct memlane_process *process) {
    const struct machine_process *self = &machine->process[machine_current()];
    *process = (struct memlane_process){
        .pid = self->pid, .start_time = self->start_time, .pid_namespace = self->pid_namespace};
}

uint32_t memlane_platform_this_thread(void) {
    return machine->process[machine_current()].pid;
}

enum memlane_process_state memlane_platform_process_state(const struct memlane_process *process) {
    const struct machine_process *self = &machine->process[machine_current()];
    if (process->pid_namespace == 0 || process->pid_namespace != self->pid_namespace) {
        return MEMLANE_PROCESS_UNKNOWN;
    }
    for (uint32_t at = 0; at < MACHINE_PROCESSES; at++) {
        const struct machine_process *found = &machine->process[at];
        if (found->condition == MACHINE_RUNNING && found->pid == process->pid &&
            found->start_time == process->start_time && found->pid_namespace == self->pid_namespace) {
            return MEMLANE_PROCESS_LIVE;
        }
    }
    return MEMLANE_PROCESS_GONE; /* zombies are dead */
}

void memlane_platform_process_label(char *label, size_t size) {
    snprintf(label, size, "process-%u", machine_current());
}

uint32_t memlane_platform_effective_user(void) {
    return USER;
}

const char *memlane_platform_environment(const char *name) {
    return strcmp(name, "MEMLANE_DIR") == 0 ? DIRECTORY_PATH : NULL;
}

int memlane_platform_random(void *buffer, size_t size) {
    machine_enter();
    for (size_t at = 0; at < size; at++) {
        machine->random ^= machine->random << 13;
        machine->random ^= machine->random >> 7;
        machine->random ^= machine->random << 17;
        ((unsigned char *)buffer)[at] = (unsigned char)(machine->random >> 24);
    }
    machine_leave();
    return 0;
}

void memlane_platform_boot_identity(unsigned char identity[16]) {
    memset(identity, 0x42, 16);
}

int memlane_platform_trap_faults(bool (*handle)(void *address)) {
    (void)handle;
    return 0;
}

/* -- not a call of the kernel, but as good as one: it reads, and tells nobody ---------------------------- */

uint32_t __real_memlane_checksum(const void *bytes, size_t size);
uint32_t __wrap_memlane_checksum(const void *bytes, size_t size);

/* 8,000 steps of a pure function, each like the one before it. */
uint32_t __wrap_memlane_checksum(const void *bytes, size_t size) {
    machine_enter();
    uint32_t sum = __real_memlane_checksum(bytes, size);
    machine_leave();
    return sum;
}

/* -- fork: the harness plays it by calling the handlers ------------------------------------------------------- */

static struct machine_fork_handlers fork_handlers;

int memlane_platform_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    fork_handlers = (struct machine_fork_handlers){.prepare = prepare, .parent = parent, .child = child};
    return 0;
}

const struct machine_fork_handlers *machine_fork_handlers(void) {
    return &fork_handlers;
}
