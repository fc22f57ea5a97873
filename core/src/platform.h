/* The seam to the operating system: everything that memlane asks of it, and nothing else calls it.
 *
 * Functions return 0 or an errno value unless they say otherwise; they neither print nor abort, and leave
 * errno as they found it only where that is said. Descriptors are close-on-exec. Tests replace single
 * functions at link time (--wrap) to inject faults, clocks and whole simulated machines. */
#ifndef MEMLANE_PLATFORM_H
#define MEMLANE_PLATFORM_H

#include "atomic.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* -- time ------------------------------------------------------------------------------------------- */

uint64_t memlane_platform_monotonic_ns(void); /* never steps; the same in all processes of one boot */
uint64_t memlane_platform_real_ns(void);      /* information only: nothing is decided by it */
void memlane_platform_sleep_ns(uint64_t duration_ns);
void memlane_platform_relax(void);                   /* a hint to the processor in a spin loop */
void memlane_platform_prefetch(const void *address); /* a hint: it will be read soon */
unsigned memlane_platform_processors(void);          /* that this process may run on; at least 1 */
unsigned memlane_platform_online_processors(void);   /* of the machine; at least 1 */

/* -- sleeping on a word ------------------------------------------------------------------------------ */

/* Sleeps while *word == expected, at most timeout_ns. 0 woken or changed or spurious, ETIMEDOUT, EINTR;
 * EFAULT when the page is gone. Works on read-only mappings. */
int memlane_platform_futex_wait(const memlane_atomic32 *word, uint32_t expected, uint64_t timeout_ns);

/* The same on several words at once: sleeps while each is what was expected. Also ENOSYS: the kernel has no such call. */
enum { MEMLANE_FUTEXES_MAXIMUM = 128 };
struct memlane_futex {
    const memlane_atomic32 *word;
    uint32_t expected;
};
int memlane_platform_futex_wait_any(const struct memlane_futex *futexes, uint32_t count, uint64_t timeout_ns);

void memlane_platform_futex_wake_all(memlane_atomic32 *word);
void memlane_platform_futex_wake_one(memlane_atomic32 *word);

/* -- files: descriptors from here are never those of the standard streams -------------------------------- */

enum memlane_file_type { MEMLANE_FILE_REGULAR, MEMLANE_FILE_DIRECTORY, MEMLANE_FILE_OTHER };

struct memlane_file_status {
    uint64_t device, inode;
    uint64_t size;                     /* bytes */
    uint64_t allocated;                /* bytes that have storage behind them */
    uint32_t links, user, permissions; /* permissions: the low 9 mode bits */
    enum memlane_file_type type;
};

int memlane_platform_make_directory(const char *path, uint32_t permissions);
int memlane_platform_open_directory(const char *path, int *descriptor); /* ELOOP/ENOTDIR for symlinks */
int memlane_platform_describe(int descriptor, struct memlane_file_status *status);
int memlane_platform_describe_name(int directory, const char *name, struct memlane_file_status *status); /* no rights */
int memlane_platform_open_file(int directory, const char *name, int *descriptor); /* never follows, never blocks */
int memlane_platform_open_file_to_read(int directory, const char *name, int *descriptor); /* the same, read-only */
int memlane_platform_create_unnamed(int directory, uint32_t permissions, int *descriptor);
int memlane_platform_reserve(int descriptor, uint64_t size); /* all or nothing; ENOSPC */
int memlane_platform_extend(int descriptor, uint64_t size);  /* a longer file; what it gains has no storage yet */
int memlane_platform_reserve_range(int descriptor, uint64_t offset, uint64_t size); /* all or nothing; ENOSPC */
int memlane_platform_punch(int descriptor, uint64_t offset, uint64_t size);    /* storage goes back; reads as zeros */
int memlane_platform_publish(int descriptor, int directory, const char *name); /* atomic; EEXIST */
int memlane_platform_unlink(int directory, const char *name);
int memlane_platform_reopen(int descriptor, int *second); /* a second open file description of the same file */
int memlane_platform_read_at(int descriptor, uint64_t offset, void *buffer, size_t size); /* EIO when short */
int memlane_platform_write_at(int descriptor, uint64_t offset, const void *buffer, size_t size);
void memlane_platform_close(int descriptor);
int memlane_platform_free_space(int directory, uint64_t *bytes);
int memlane_platform_lock_directory(int directory, bool *locked); /* advisory, exclusive, never blocks */
void memlane_platform_unlock_directory(int directory);

/* Calls visit for each entry's name until it returns false. */
int memlane_platform_list(int directory, bool (*visit)(const char *name, void *argument), void *argument);

/* -- byte locks: a range of a file, owned by the open file description, dropped by the kernel on any death ---- */

int memlane_platform_lock_bytes(int descriptor, uint64_t offset, uint64_t length); /* EAGAIN: somebody else has it */
int memlane_platform_unlock_bytes(int descriptor, uint64_t offset, uint64_t length);
int memlane_platform_byte_is_locked(int descriptor, uint64_t offset, bool *locked); /* by another description */

/* -- memory ------------------------------------------------------------------------------------------ */

int memlane_platform_map(int descriptor, size_t size, bool writable, void **address);
/* Makes the pages of a mapping present, as far as the system can; changes none. */
void memlane_platform_populate(const unsigned char *address, size_t size);
void memlane_platform_unmap(void *address, size_t size);
int memlane_platform_allocate_pages(size_t size, void **address);                 /* private zeros */
int memlane_platform_replace_by_zeros(void *address, size_t size, bool writable); /* async-signal-safe */
int memlane_platform_move_read_only(void *from, size_t size,
                                    void *to); /* replaces the mapping at `to`; async-signal-safe */

/* -- processes --------------------------------------------------------------------------------------- */

struct memlane_process {
    uint32_t pid;           /* in its own namespace; 0: nobody */
    uint64_t start_time;    /* clock ticks since boot: tells a process from a later one of the same pid; 0: unknown */
    uint64_t pid_namespace; /* inode of the namespace; 0: unknown, /proc is missing or shows another one's pids */
};

enum memlane_process_state { MEMLANE_PROCESS_LIVE, MEMLANE_PROCESS_GONE, MEMLANE_PROCESS_UNKNOWN };

void memlane_platform_this_process(struct memlane_process *process); /* async-signal-safe */
uint32_t memlane_platform_this_thread(void);
uint64_t memlane_platform_thread_mark(void); /* tells the live threads of this process apart; no system call */
enum memlane_process_state memlane_platform_process_state(const struct memlane_process *process);
void memlane_platform_process_label(char *label, size_t size); /* the program's short name, ended by NUL */
uint32_t memlane_platform_effective_user(void);
const char *memlane_platform_environment(const char *name); /* NULL in set-user-id programs */
int memlane_platform_random(void *buffer, size_t size);
void memlane_platform_boot_identity(unsigned char identity[16]);
int memlane_platform_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* Lets a function run when the library is loaded, those of a lower order first. Handlers of fork() are registered there:
 * when the first user did it under a lock, a child that was forked meanwhile would find that lock taken for ever. */
#define MEMLANE_AT_LOAD(order) __attribute__((constructor(1000 + (order))))

/* -- threads, and descriptors that others can poll ------------------------------------------------------- */

/* A detached thread that no signal is delivered to. */
int memlane_platform_start_thread(void (*run)(void *argument), void *argument);

/* A private descriptor that is readable from raise to clear. Neither blocks; both may be repeated. */
int memlane_platform_make_event(int *descriptor);
bool memlane_platform_is_event(int descriptor); /* one like it, as far as the system shows; dearer than to raise it */
void memlane_platform_raise_event(int descriptor);
void memlane_platform_clear_event(int descriptor);

/* One that is readable from raise on for good. Other than the above it has an inode of its own, and neither takes bytes
 * that are written to it nor has a position. */
int memlane_platform_make_last_event(int *descriptor);
void memlane_platform_raise_last_event(int descriptor);

/* -- access to memory that is not there any more (SIGBUS) ---------------------------------------------- */

/* Installs a handler, or puts it back in front when another was installed since. handle: async-signal-safe; true when
 * it made the access good. Other faults go on to the former handler. */
int memlane_platform_trap_faults(bool (*handle)(void *address));

/* -- mutual exclusion between the threads of one process: private memory only, never in a segment ------- */

typedef pthread_mutex_t memlane_mutex;
#define MEMLANE_MUTEX_INITIAL PTHREAD_MUTEX_INITIALIZER

static inline void memlane_mutex_initialise(memlane_mutex *mutex) {
    pthread_mutex_init(mutex, NULL);
}

static inline void memlane_mutex_destroy(memlane_mutex *mutex) {
    pthread_mutex_destroy(mutex);
}

static inline void memlane_mutex_lock(memlane_mutex *mutex) {
    pthread_mutex_lock(mutex);
}

static inline void memlane_mutex_unlock(memlane_mutex *mutex) {
    pthread_mutex_unlock(mutex);
}

/* Never 0, and of one living thread of this process only. */
static inline uint64_t memlane_platform_thread_identity(void) {
    return (uint64_t)pthread_self();
}

#endif
