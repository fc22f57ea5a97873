/* The seam on Linux. The only file with system calls; see platform.h for what each function promises. */
#define _GNU_SOURCE
#include "platform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/posix_types.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The byte locks begin at 2^40: a 32-bit machine needs _FILE_OFFSET_BITS=64, which CMakeLists.txt defines. */
_Static_assert(sizeof(off_t) == 8, "files have offsets of 64 bits");

enum { NANOSECONDS_IN_A_SECOND = 1000000000, DESCRIPTOR_PATH_SIZE = 40 };

/* -- time ------------------------------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now); /* cannot fail for these clocks */
    return (uint64_t)now.tv_sec * NANOSECONDS_IN_A_SECOND + (uint64_t)now.tv_nsec;
}

static struct timespec timespec_of(uint64_t duration_ns) {
    return (struct timespec){.tv_sec = (time_t)(duration_ns / NANOSECONDS_IN_A_SECOND),
                             .tv_nsec = (long)(duration_ns % NANOSECONDS_IN_A_SECOND)};
}

uint64_t memlane_platform_monotonic_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t memlane_platform_real_ns(void) {
    return clock_ns(CLOCK_REALTIME);
}

void memlane_platform_sleep_ns(uint64_t duration_ns) {
    struct timespec duration = timespec_of(duration_ns);
    nanosleep(&duration, NULL); /* cut short by a signal: callers loop on their deadline */
}

void memlane_platform_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

void memlane_platform_prefetch(const void *address) {
    __builtin_prefetch(address);
}

unsigned memlane_platform_processors(void) {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) > 0) {
        return (unsigned)CPU_COUNT(&allowed);
    }
    return 1; /* more than CPU_SETSIZE processors, or no answer: then nobody spins */
}

unsigned memlane_platform_online_processors(void) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 1 ? (unsigned)online : 1;
}

/* -- sleeping on a word ------------------------------------------------------------------------------ */

/* What the kernel's first calls take: on machines of 32 bits struct timespec is larger where time_t has 64 of them. */
struct kernel_first_time {
    __kernel_long_t seconds, nanoseconds;
};

int memlane_platform_futex_wait(const memlane_atomic32 *word, uint32_t expected, uint64_t timeout_ns) {
    const struct kernel_first_time timeout = {(__kernel_long_t)(timeout_ns / NANOSECONDS_IN_A_SECOND),
                                              (__kernel_long_t)(timeout_ns % NANOSECONDS_IN_A_SECOND)};
    if (syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, NULL, 0) == 0 || errno == EAGAIN) {
        return 0;
    }
    return errno;
}

/* struct futex_waitv of linux/futex.h, which older headers lack; the kernel has it from 5.16 on. */
struct waited_word {
    uint64_t expected, address;
    uint32_t flags, reserved;
};

/* struct __kernel_timespec: the new calls take it on all machines; struct timespec is smaller on many of 32 bits. */
struct kernel_time {
    int64_t seconds, nanoseconds;
};

enum { FUTEX_WAITV_NUMBER = 449, FUTEX_32_BITS = 2 };

int memlane_platform_futex_wait_any(const struct memlane_futex *futexes, uint32_t count, uint64_t timeout_ns) {
    struct waited_word words[MEMLANE_FUTEXES_MAXIMUM];
    for (uint32_t i = 0; i < count; i++) {
        words[i] = (struct waited_word){
            .expected = futexes[i].expected, .address = (uint64_t)(uintptr_t)futexes[i].word, .flags = FUTEX_32_BITS};
    }
    struct timespec end = timespec_of(memlane_platform_monotonic_ns() + timeout_ns); /* this call takes a time */
    struct kernel_time until = {end.tv_sec, end.tv_nsec};
    if (syscall(FUTEX_WAITV_NUMBER, words, count, 0, &until, CLOCK_MONOTONIC) >= 0 || errno == EAGAIN) {
        return 0;
    }
    return errno == EPERM ? ENOSYS : errno; /* older sandboxes answer so to calls that they do not know */
}

static void futex_wake(memlane_atomic32 *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL,
            0); /* EFAULT: the page is gone, and the waiters' chunks end */
}

void memlane_platform_futex_wake_all(memlane_atomic32 *word) {
    futex_wake(word, INT32_MAX);
}

void memlane_platform_futex_wake_one(memlane_atomic32 *word) {
    futex_wake(word, 1);
}

/* -- files ------------------------------------------------------------------------------------------- */

static void descriptor_path(char path[DESCRIPTOR_PATH_SIZE], int descriptor) {
    /* Of the thread, not of the process: that is the first thread, which may have ended, and then has none. */
    snprintf(path, DESCRIPTOR_PATH_SIZE, "/proc/thread-self/fd/%d", descriptor);
}

/* Never 0, 1 or 2, which a daemon has closed: what it still prints, or the C library as it aborts, would go into a
 * segment. */
static int above_standard_streams(int descriptor) {
    if (descriptor < 0 || descriptor > STDERR_FILENO) {
        return descriptor;
    }
    int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int failure = errno;
    close(descriptor);
    errno = failure;
    return moved;
}

static int answer(int descriptor, int *result) {
    int found = above_standard_streams(descriptor);
    if (found < 0) {
        return errno;
    }
    *result = found;
    return 0;
}

/* The umask has no say. By the descriptor: what has the path now may be another directory. */
static int set_permissions(int directory, mode_t permissions) {
    struct stat made;
    char path[DESCRIPTOR_PATH_SIZE];
    if (fstat(directory, &made) != 0) {
        return errno;
    }
    if ((made.st_mode & 0777) == permissions) {
        return 0;
    }
    descriptor_path(path, directory);
    return chmod(path, permissions) == 0 ? 0 : errno;
}

int memlane_platform_make_directory(const char *path, uint32_t permissions) {
    if (mkdir(path, (mode_t)permissions) != 0) {
        return errno;
    }
    /* O_PATH: a umask can lock out the owner, too. */
    int made = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made < 0) {
        return errno;
    }
    int failure = set_permissions(made, (mode_t)permissions);
    close(made);
    return failure;
}

int memlane_platform_open_directory(const char *path, int *descriptor) {
    return answer(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), descriptor);
}

static enum memlane_file_type type_of(mode_t mode) {
    return S_ISREG(mode) ? MEMLANE_FILE_REGULAR : S_ISDIR(mode) ? MEMLANE_FILE_DIRECTORY : MEMLANE_FILE_OTHER;
}

static struct memlane_file_status status_of(const struct stat *found) {
    return (struct memlane_file_status){
        .device = (uint64_t)found->st_dev,
        .inode = (uint64_t)found->st_ino,
        .size = (uint64_t)found->st_size,
        .allocated = (uint64_t)found->st_blocks * 512,
        .links = (uint32_t)found->st_nlink,
        .user = (uint32_t)found->st_uid,
        .permissions = (uint32_t)found->st_mode & 0777,
        .type = type_of(found->st_mode),
    };
}

int memlane_platform_describe(int descriptor, struct memlane_file_status *status) {
    struct stat found;
    if (fstat(descriptor, &found) != 0) {
        return errno;
    }
    *status = status_of(&found);
    return 0;
}

int memlane_platform_describe_name(int directory, const char *name, struct memlane_file_status *status) {
    struct stat found;
    if (fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno;
    }
    *status = status_of(&found);
    return 0;
}

int memlane_platform_open_file(int directory, const char *name, int *descriptor) {
    /* O_NONBLOCK: a FIFO that was put there must not hold us; it has no effect on regular files. */
    return answer(openat(directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), descriptor);
}

int memlane_platform_open_file_to_read(int directory, const char *name, int *descriptor) {
    return answer(openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), descriptor);
}

int memlane_platform_create_unnamed(int directory, uint32_t permissions, int *descriptor) {
    int created = above_standard_streams(openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (created < 0) {
        return errno;
    }
    if (fchmod(created, (mode_t)permissions) != 0) { /* the umask has no say */
        int failure = errno;
        close(created);
        return failure;
    }
    *descriptor = created;
    return 0;
}

int memlane_platform_reserve_range(int descriptor, uint64_t offset, uint64_t size) {
    int failure;
    do {
        failure = posix_fallocate(descriptor, (off_t)offset, (off_t)size);
    } while (failure == EINTR);
    return failure;
}

int memlane_platform_reserve(int descriptor, uint64_t size) {
    return memlane_platform_reserve_range(descriptor, 0, size);
}

int memlane_platform_extend(int descriptor, uint64_t size) {
    return ftruncate(descriptor, (off_t)size) == 0 ? 0 : errno;
}

int memlane_platform_punch(int descriptor, uint64_t offset, uint64_t size) {
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    return fallocate(descriptor, mode, (off_t)offset, (off_t)size) == 0 ? 0 : errno;
}

int memlane_platform_publish(int descriptor, int directory, const char *name) {
    char path[DESCRIPTOR_PATH_SIZE];
    descriptor_path(path, descriptor);
    if (linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW) == 0) {
        return 0;
    }
    if (errno != ENOENT) {
        return errno;
    }
    /* No /proc here: needs a capability on older kernels. */
    return linkat(descriptor, "", directory, name, AT_EMPTY_PATH) == 0 ? 0 : errno;
}

int memlane_platform_unlink(int directory, const char *name) {
    return unlinkat(directory, name, 0) == 0 ? 0 : errno;
}

int memlane_platform_reopen(int descriptor, int *second) {
    char path[DESCRIPTOR_PATH_SIZE];
    descriptor_path(path, descriptor);
    return answer(open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), second);
}

int memlane_platform_read_at(int descriptor, uint64_t offset, void *buffer, size_t size) {
    char *to = buffer;
    while (size > 0) {
        ssize_t count = pread(descriptor, to, size, (off_t)offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return count < 0 ? errno : EIO;
        }
        to += count;
        offset += (uint64_t)count;
        size -= (size_t)count;
    }
    return 0;
}

int memlane_platform_write_at(int descriptor, uint64_t offset, const void *buffer, size_t size) {
    const char *from = buffer;
    while (size > 0) {
        ssize_t count = pwrite(descriptor, from, size, (off_t)offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return count < 0 ? errno : EIO;
        }
        from += count;
        offset += (uint64_t)count;
        size -= (size_t)count;
    }
    return 0;
}

void memlane_platform_close(int descriptor) {
    close(descriptor); /* on Linux the descriptor is gone whatever close answers */
}

int memlane_platform_free_space(int directory, uint64_t *bytes) {
    struct statvfs found;
    if (fstatvfs(directory, &found) != 0) {
        return errno;
    }
    *bytes = (uint64_t)found.f_bavail * (uint64_t)found.f_frsize;
    return 0;
}

int memlane_platform_lock_directory(int directory, bool *locked) {
    *locked = flock(directory, LOCK_EX | LOCK_NB) == 0;
    return *locked || errno == EWOULDBLOCK ? 0 : errno;
}

void memlane_platform_unlock_directory(int directory) {
    flock(directory, LOCK_UN); /* cannot fail for an open descriptor */
}

int memlane_platform_list(int directory, bool (*visit)(const char *name, void *argument), void *argument) {
    int second = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* closedir closes what it reads */
    if (second < 0) {
        return errno;
    }
    DIR *entries = fdopendir(second);
    if (entries == NULL) {
        int failure = errno;
        close(second);
        return failure;
    }
    const struct dirent *entry;
    do {
        errno = 0; /* tells the end from a failure */
        entry = readdir(entries);
    } while (entry != NULL && visit(entry->d_name, argument));
    int failure = entry == NULL ? errno : 0;
    closedir(entries);
    return failure;
}

/* -- byte locks ---------------------------------------------------------------------------------------- */

static int lock_command(int descriptor, int command, struct flock *range, uint64_t offset, uint64_t length,
                        short type) {
    *range = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = (off_t)length};
    if (fcntl(descriptor, command, range) == 0) {
        return 0;
    }
    return errno == EACCES ? EAGAIN : errno;
}

int memlane_platform_lock_bytes(int descriptor, uint64_t offset, uint64_t length) {
    struct flock range;
    return lock_command(descriptor, F_OFD_SETLK, &range, offset, length, F_WRLCK);
}

int memlane_platform_unlock_bytes(int descriptor, uint64_t offset, uint64_t length) {
    struct flock range;
    return lock_command(descriptor, F_OFD_SETLK, &range, offset, length, F_UNLCK);
}

int memlane_platform_byte_is_locked(int descriptor, uint64_t offset, bool *locked) {
    struct flock range;
    int failure = lock_command(descriptor, F_OFD_GETLK, &range, offset, 1, F_WRLCK);
    *locked = failure == 0 && range.l_type != F_UNLCK;
    return failure;
}

/* -- memory ------------------------------------------------------------------------------------------ */

static int protection(bool writable) {
    return writable ? PROT_READ | PROT_WRITE : PROT_READ;
}

static int mapped(void *found, void **address) {
    if (found == MAP_FAILED) {
        return errno;
    }
    *address = found;
    return 0;
}

int memlane_platform_map(int descriptor, size_t size, bool writable, void **address) {
    return mapped(mmap(NULL, size, protection(writable), MAP_SHARED, descriptor, 0), address);
}

void memlane_platform_populate(const unsigned char *address, size_t size) {
    enum { POPULATE_READ = 22 }; /* since Linux 5.14; headers may be older */
    if (madvise((void *)(uintptr_t)address, size, POPULATE_READ) == 0 || errno != EINVAL) {
        return;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t at = 0; at < size; at += page) {
        (void)*(const volatile unsigned char *)(address + at);
    }
}

void memlane_platform_unmap(void *address, size_t size) {
    munmap(address, size);
}

int memlane_platform_allocate_pages(size_t size, void **address) {
    return mapped(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
                  address);
}

int memlane_platform_replace_by_zeros(void *address, size_t size, bool writable) {
    void *replaced;
    return mapped(
        mmap(address, size, protection(writable), MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0),
        &replaced);
}

int memlane_platform_move_read_only(void *from, size_t size, void *to) {
    if (mprotect(from, size, PROT_READ) != 0) {
        return errno;
    }
    void *moved;
    return mapped(mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to), &moved);
}

/* -- processes --------------------------------------------------------------------------------------- */

/* Reads a small file whole, with async-signal-safe calls only. */
static size_t read_small_file(const char *path, char *text, size_t size) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return 0;
    }
    ssize_t count = read(descriptor, text, size - 1);
    close(descriptor);
    text[count > 0 ? count : 0] = '\0';
    return count > 0 ? (size_t)count : 0;
}

/* Field 22 of /proc/<pid>/stat is the start time, field 3 the state; the name in field 2 may hold anything, so count
 * from the last parenthesis (proc(5)). False when it cannot be read. */
static bool read_process_status(uint32_t pid, char *state, uint64_t *start_time) {
    enum { FIELDS_FROM_STATE_TO_START = 19, STATUS_SIZE = 1024 };
    char path[DESCRIPTOR_PATH_SIZE], text[STATUS_SIZE];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    if (read_small_file(path, text, sizeof text) == 0) {
        return false;
    }
    const char *at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ') {
        return false;
    }
    *state = at[2];
    at += 2;
    for (int field = 0; field < FIELDS_FROM_STATE_TO_START && at != NULL; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL) {
        return false;
    }
    *start_time = strtoull(at + 1, NULL, 10);
    return true;
}

/* A container may see the /proc of its host. There our numbers are those of others: the links to ourselves work, but
 * /proc/<pid> of a pid from here is a stranger. */
static bool proc_shows_our_pids(void) {
    enum { DIGITS = 16 };
    char number[DIGITS];
    ssize_t length = readlink("/proc/self", number, sizeof number - 1);
    number[length > 0 ? length : 0] = '\0';
    return length > 0 && strtoull(number, NULL, 10) == (unsigned long long)getpid();
}

/* 0: no evidence of any process can be had here. */
static uint64_t pid_namespace(void) {
    struct stat found;
    return proc_shows_our_pids() && stat("/proc/thread-self/ns/pid", &found) == 0 ? (uint64_t)found.st_ino : 0;
}

void memlane_platform_this_process(struct memlane_process *process) {
    char state;
    process->pid = (uint32_t)getpid();
    process->pid_namespace = pid_namespace();
    if (process->pid_namespace == 0 || !read_process_status(process->pid, &state, &process->start_time)) {
        process->start_time = 0;
    }
}

uint64_t memlane_platform_thread_mark(void) {
    static _Thread_local char mark;
    return (uint64_t)(uintptr_t)&mark;
}

uint32_t memlane_platform_this_thread(void) {
    return (uint32_t)syscall(SYS_gettid);
}

enum memlane_process_state memlane_platform_process_state(const struct memlane_process *process) {
    char state;
    uint64_t start_time;
    if (process->pid_namespace == 0 || process->start_time == 0 || process->pid_namespace != pid_namespace()) {
        return MEMLANE_PROCESS_UNKNOWN;
    }
    if (!read_process_status(process->pid, &state, &start_time)) {
        return kill((pid_t)process->pid, 0) != 0 && errno == ESRCH ? MEMLANE_PROCESS_GONE : MEMLANE_PROCESS_UNKNOWN;
    }
    bool same = start_time == process->start_time && state != 'Z' && state != 'X';
    return same ? MEMLANE_PROCESS_LIVE : MEMLANE_PROCESS_GONE;
}

void memlane_platform_process_label(char *label, size_t size) {
    size_t length = read_small_file("/proc/self/comm", label, size);
    if (length > 0 && label[length - 1] == '\n') {
        label[length - 1] = '\0';
    }
    if (length == 0 && size > 0) {
        label[0] = '\0';
    }
}

uint32_t memlane_platform_effective_user(void) {
    return (uint32_t)geteuid();
}

const char *memlane_platform_environment(const char *name) {
    return secure_getenv(name);
}

int memlane_platform_random(void *buffer, size_t size) {
    return getrandom(buffer, size, 0) == (ssize_t)size ? 0 : EIO; /* up to 256 bytes come whole (getrandom(2)) */
}

static int hexadecimal(char digit) {
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

void memlane_platform_boot_identity(unsigned char identity[16]) {
    char text[64];
    size_t length = read_small_file("/proc/sys/kernel/random/boot_id", text, sizeof text);
    memset(identity, 0, 16);
    for (size_t at = 0, digits = 0; at < length && digits < 32; at++) {
        int value = hexadecimal(text[at]);
        if (value >= 0) {
            identity[digits / 2] = (unsigned char)(identity[digits / 2] << 4 | value);
            digits++;
        }
    }
}

/* -- threads and events -------------------------------------------------------------------------------- */

struct beginning {
    void (*run)(void *argument);
    void *argument;
};

static void *begin(void *argument) {
    struct beginning beginning = *(struct beginning *)argument;
    free(argument);
    beginning.run(beginning.argument);
    return NULL;
}

int memlane_platform_start_thread(void (*run)(void *argument), void *argument) {
    sigset_t all, former;
    pthread_t thread;
    struct beginning *beginning = malloc(sizeof *beginning);
    if (beginning == NULL) {
        return ENOMEM;
    }
    *beginning = (struct beginning){run, argument};
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* a fault that is blocked ends the process: the trap would never see it */
    sigdelset(&all, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &all, &former); /* the new thread inherits it */
    int failure = pthread_create(&thread, NULL, begin, beginning);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    if (failure != 0) {
        free(beginning);
        return failure;
    }
    pthread_detach(thread);
    return 0;
}

int memlane_platform_make_event(int *descriptor) {
    return answer(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), descriptor);
}

bool memlane_platform_is_event(int descriptor) {
    char path[DESCRIPTOR_PATH_SIZE], target[64];
    descriptor_path(path, descriptor);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) {
        return true; /* no /proc: nothing speaks against it */
    }
    target[length] = '\0'; /* anon_inode:[eventfd] */
    return strstr(target, "eventfd") != NULL;
}

void memlane_platform_raise_event(int descriptor) {
    uint64_t one = 1;
    (void)!write(descriptor, &one, sizeof one); /* fails only when it is readable 2^64 times over */
}

void memlane_platform_clear_event(int descriptor) {
    uint64_t count;
    (void)!read(descriptor, &count, sizeof count); /* fails only when it is not readable */
}

int memlane_platform_make_last_event(int *descriptor) {
    /* Without a peer it has nothing to read, and refuses what is written. */
    return answer(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), descriptor);
}

void memlane_platform_raise_last_event(int descriptor) {
    (void)shutdown(descriptor, SHUT_RD);
}

int memlane_platform_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    return pthread_atfork(prepare, parent, child);
}

/* -- SIGBUS -------------------------------------------------------------------------------------------- */

static bool (*fault_handler)(void *address);
static struct sigaction former_action;
static memlane_atomic32 passing_on; /* 1 while a former handler runs, and after one that left by a jump */

static bool has_handler(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) != 0 || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

static void call_former(int signal_number, siginfo_t *information, void *context) {
    memlane_exchange32_seq_cst(&passing_on, 1);
    if ((former_action.sa_flags & SA_SIGINFO) != 0) {
        former_action.sa_sigaction(signal_number, information, context);
    } else {
        former_action.sa_handler(signal_number);
    }
    memlane_exchange32_seq_cst(&passing_on, 0);
}

static void pass_on(int signal_number, siginfo_t *information, void *context) {
    bool was_sent = information->si_code <= 0; /* by a process; of a fault it is above */
    /* A former handler that restores us and raises the signal, as faulthandler does, hands it back: the end. */
    bool handed_back = was_sent && memlane_load32_relaxed(&passing_on) != 0; /* relaxed: guards nothing */
    if (has_handler(&former_action) && !handed_back) {
        call_former(signal_number, information, context);
    } else if (!was_sent || former_action.sa_handler != SIG_IGN) {
        signal(signal_number, SIG_DFL); /* an access faults again and ends the process */
        if (was_sent) {
            raise(signal_number);
        }
    }
}

static void on_fault(int signal_number, siginfo_t *information, void *context) {
    int saved = errno;
    if (information->si_code != BUS_ADRERR || !fault_handler(information->si_addr)) {
        pass_on(signal_number, information, context);
    }
    errno = saved;
}

int memlane_platform_trap_faults(bool (*handle)(void *address)) {
    struct sigaction current;
    if (sigaction(SIGBUS, NULL, &current) != 0) {
        return errno;
    }
    if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == on_fault) {
        return 0;
    }
    fault_handler = handle;
    former_action = current;
    struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&ours.sa_mask);
    return sigaction(SIGBUS, &ours, NULL) == 0 ? 0 : errno;
}
