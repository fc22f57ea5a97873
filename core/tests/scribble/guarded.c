#define _GNU_SOURCE
#include "guarded.h"

#include "../check.h"
#include "victim.h"

#include "layout.h"
#include "platform.h"

#include <fcntl.h>
#include <sys/mman.h>

static const char *const names[] = {
    [OPEN] = "open",
    [CLOSE] = "close",
    [UNLINK] = "unlink",
    [WRITE] = "write",
    [READ] = "read",
    [VIEW] = "view",
    [RELEASE] = "release",
    [LOAN] = "loan",
    [COMMIT] = "commit",
    [DROP] = "drop",
    [WAIT] = "wait",
    [VERSION] = "version",
    [STATISTICS] = "statistics",
    [LOCK] = "lock",
    [UNLOCK] = "unlock",
    [SEND] = "send",
    [RECEIVE] = "receive",
    [RESERVE] = "reserve",
    [PEEK] = "peek",
    [CALL] = "call",
    [TAKE] = "take",
    [RESPOND] = "respond",
    [AWAIT] = "await",
};

static struct {
    struct board *board;
    const char *directory;
    uint64_t random, began_ns, deadline_ns, waited_ns;
    int scheduling; /* /proc/thread-self/schedstat */
    unsigned kind;
} guarded;

const char *guarded_name(unsigned kind) {
    return kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

const char *guarded_directory(void) {
    return guarded.directory;
}

void guarded_prepare(struct board *board, const char *directory, uint64_t seed) {
    guarded.board = board;
    guarded.directory = directory;
    guarded.random = seed;
    guarded.scheduling = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

void guarded_touch(const void *bytes, uint64_t size) {
    const volatile unsigned char *byte = bytes;
    for (uint64_t i = 0; i < size; i++) {
        (void)byte[i]; /* volatile: it is read */
    }
}

uint64_t guarded_draw(uint64_t below) {
    guarded.random = guarded.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (guarded.random >> 33) % below;
}

/* -- the guard: nothing beside a mapping may be touched; each trapped fault is counted ------------------------------ */

int __real_memlane_platform_replace_by_zeros(void *address, size_t size, bool writable);
int __wrap_memlane_platform_replace_by_zeros(void *address, size_t size, bool writable);
int __wrap_memlane_platform_map(int descriptor, size_t size, bool writable, void **address);
void __wrap_memlane_platform_unmap(void *address, size_t size);

int __wrap_memlane_platform_replace_by_zeros(void *address, size_t size, bool writable) {
    memlane_add_relaxed(&guarded.board->contained, 1); /* in the handler of SIGBUS */
    return __real_memlane_platform_replace_by_zeros(address, size, writable);
}

static size_t whole_pages(size_t size) {
    return (size + MEMLANE_PAGE - 1) / MEMLANE_PAGE * MEMLANE_PAGE;
}

/* As the platform maps, with a page before and a page after that nobody may access. */
int __wrap_memlane_platform_map(int descriptor, size_t size, bool writable, void **address) {
    size_t room = whole_pages(size) + (size_t)2 * MEMLANE_PAGE;
    char *guard = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guard == MAP_FAILED) {
        return errno;
    }
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *mapped = mmap(guard + MEMLANE_PAGE, size, protection, MAP_SHARED | MAP_FIXED, descriptor, 0);
    if (mapped == MAP_FAILED) {
        int failure = errno;
        munmap(guard, room);
        return failure;
    }
    *address = mapped;
    return 0;
}

void __wrap_memlane_platform_unmap(void *address, size_t size) {
    munmap((char *)address - MEMLANE_PAGE, whole_pages(size) + (size_t)2 * MEMLANE_PAGE);
}

/* -- operations, timed and counted --------------------------------------------------------------------------------- */

/* How long this thread was ready to run and had no processor: the machine's doing, not an operation's. */
static uint64_t waited_for_processor(void) {
    char text[64];
    ssize_t count = pread(guarded.scheduling, text, sizeof text - 1, 0);
    text[count > 0 ? count : 0] = '\0';
    const char *second = strchr(text, ' ');
    return second != NULL ? strtoull(second + 1, NULL, 10) : 0;
}

uint64_t guarded_begin(enum kind kind, uint64_t patience_ns) {
    guarded.kind = kind;
    memlane_store32_relaxed(&guarded.board->kind, kind);
    guarded.waited_ns = waited_for_processor();
    guarded.began_ns = check_now();
    guarded.deadline_ns = guarded.began_ns + patience_ns;
    return guarded.deadline_ns;
}

static void note_time(struct board_line *line) {
    uint64_t now = check_now();
    if (now <= guarded.deadline_ns) {
        return;
    }
    uint64_t beyond = now - guarded.deadline_ns;
    uint64_t waited = waited_for_processor() - guarded.waited_ns;
    beyond = beyond > waited ? beyond - waited : 0;
    if (beyond > memlane_load_relaxed(&line->longest_ns)) {
        memlane_store_relaxed(&line->longest_ns, beyond);
    }
    if (beyond > VICTIM_SLACK_NS) {
        memlane_add_relaxed(&line->late, 1);
    }
}

memlane_status guarded_end(memlane_status status) {
    struct board_line *line = &guarded.board->line[guarded.kind];
    note_time(line);
    memlane_add_relaxed(&line->status[(unsigned)status % BOARD_STATUSES], 1);
    return status;
}

void guarded_count_loss(void) {
    memlane_add_relaxed(&guarded.board->losses, 1);
}

void guarded_note_loss(memlane_status status, const memlane_error *error, bool *is_lost) {
    if (status == MEMLANE_CORRUPTED && strstr(error->message, "while it was open") != NULL) {
        guarded_count_loss();
        *is_lost = true;
    }
}

void guarded_remove(const char *name) {
    memlane_error error;
    guarded_begin(UNLINK, SYSTEM_NS);
    guarded_end(memlane_unlink(guarded.directory, name, NAME_LENGTH, 0600, -1, &error));
}
