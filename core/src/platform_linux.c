/* The seam on Linux. Nothing else makes system calls, but for platform_linux_descriptor.c; see platform.h for what each
 * function promises. */
#define _GNU_SOURCE
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/posix_types.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NANOSECONDS_IN_A_SECOND = 1000000000 };

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
    enum { FIELDS_FROM_STATE_TO_START = 19, STATUS_SIZE = 1024, PATH_SIZE = 40 };
    char path[PATH_SIZE], text[STATUS_SIZE];
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

/* -- threads and forks ----------------------------------------------------------------------------------- */

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
