#define _GNU_SOURCE
#include "victim.h"

#include "../check.h"
#include "../lock_object.h"

#include "platform.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { NAME_LENGTH = 5, MAX_SIZE = 1000, SLOTS = 12, PARTICIPANTS = 16, PATIENCE_NS = 100000, SYSTEM_NS = 100000000 };

enum kind {
    OPEN,
    CLOSE,
    UNLINK,
    WRITE,
    READ,
    VIEW,
    RELEASE,
    LOAN,
    COMMIT,
    DROP,
    WAIT,
    VERSION,
    STATISTICS,
    LOCK,
    UNLOCK
};

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
};

static struct {
    struct board *board;
    memlane_variable *variable;
    struct memlane_segment locks;
    bool has_locks;
    memlane_map *map;
    uint64_t random, began_ns, deadline_ns, waited_ns;
    int scheduling; /* /proc/thread-self/schedstat */
    unsigned kind;
} victim;

const char *victim_operation_name(unsigned kind) {
    return kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

static uint64_t draw(uint64_t below) {
    victim.random = victim.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (victim.random >> 33) % below;
}

/* -- the guard: nothing beside a mapping may be touched; each trapped fault is counted ------------------------------ */

int __real_memlane_platform_replace_by_zeros(void *address, size_t size, bool writable);
int __wrap_memlane_platform_replace_by_zeros(void *address, size_t size, bool writable);
int __wrap_memlane_platform_map(int descriptor, size_t size, bool writable, void **address);
void __wrap_memlane_platform_unmap(void *address, size_t size);

int __wrap_memlane_platform_replace_by_zeros(void *address, size_t size, bool writable) {
    memlane_add_relaxed(&victim.board->contained, 1); /* in the handler of SIGBUS */
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
    ssize_t count = pread(victim.scheduling, text, sizeof text - 1, 0);
    text[count > 0 ? count : 0] = '\0';
    const char *second = strchr(text, ' ');
    return second != NULL ? strtoull(second + 1, NULL, 10) : 0;
}

/* Begins an operation that may take until `patience_ns` from now. Returns its deadline. */
static uint64_t begin(enum kind kind, uint64_t patience_ns) {
    victim.kind = kind;
    memlane_store32_relaxed(&victim.board->kind, kind);
    victim.waited_ns = waited_for_processor();
    victim.began_ns = check_now();
    victim.deadline_ns = victim.began_ns + patience_ns;
    return victim.deadline_ns;
}

static void note_time(struct board_line *line) {
    uint64_t now = check_now();
    if (now <= victim.deadline_ns) {
        return;
    }
    uint64_t beyond = now - victim.deadline_ns;
    uint64_t waited = waited_for_processor() - victim.waited_ns;
    beyond = beyond > waited ? beyond - waited : 0;
    if (beyond > memlane_load_relaxed(&line->longest_ns)) {
        memlane_store_relaxed(&line->longest_ns, beyond);
    }
    if (beyond > VICTIM_SLACK_NS) {
        memlane_add_relaxed(&line->late, 1);
    }
}

static memlane_status end(memlane_status status) {
    struct board_line *line = &victim.board->line[victim.kind];
    note_time(line);
    memlane_add_relaxed(&line->status[(unsigned)status % BOARD_STATUSES], 1);
    return status;
}

/* What was truncated while it was open is of no use any more. */
static void note_loss(memlane_status status, const memlane_error *error, bool *is_lost) {
    if (status == MEMLANE_CORRUPTED && strstr(error->message, "while it was open") != NULL) {
        memlane_add_relaxed(&victim.board->losses, 1);
        *is_lost = true;
    }
}

/* -- the variable -------------------------------------------------------------------------------------------------- */

static void close_variable(void) {
    if (victim.variable != NULL) {
        begin(CLOSE, 0);
        memlane_variable_free(victim.variable);
        victim.variable = NULL;
        end(MEMLANE_OK);
    }
}

static void remove_object(const char *name) {
    memlane_error error;
    begin(UNLINK, SYSTEM_NS);
    end(memlane_unlink(check_directory, name, NAME_LENGTH, 0600, -1, &error));
}

/* Opens what is there, however damaged; what cannot be opened is made anew. */
static bool open_variable(void) {
    memlane_error error;
    memlane_variable_options options;
    memlane_variable_options_initialise(&options);
    options.object.directory = check_directory;
    options.max_size = MAX_SIZE;
    options.slots = SLOTS;
    options.object.participants = PARTICIPANTS;
    begin(OPEN, SYSTEM_NS);
    if (end(memlane_variable_open(&victim.variable, "value", NAME_LENGTH, &options, &error)) != MEMLANE_OK) {
        victim.variable = NULL;
        remove_object("value");
        return false;
    }
    return true;
}

static void write_value(bool *is_lost) {
    unsigned char bytes[MAX_SIZE];
    memlane_error error;
    memset(bytes, (int)draw(256), sizeof bytes);
    uint64_t deadline = begin(WRITE, PATIENCE_NS);
    note_loss(end(memlane_variable_write(victim.variable, bytes, 1 + draw(MAX_SIZE), 1, deadline, &error)), &error,
              is_lost);
}

static void read_value(bool *is_lost) {
    unsigned char bytes[MAX_SIZE];
    memlane_error error;
    memlane_reading reading;
    begin(READ, 0);
    note_loss(end(memlane_variable_read(victim.variable, bytes, sizeof bytes, &reading, &error)), &error, is_lost);
}

static unsigned sum_of(const volatile unsigned char *bytes, uint64_t size) {
    unsigned sum = 0;
    for (uint64_t i = 0; i < size; i++) {
        sum += bytes[i];
    }
    return sum;
}

static void view_value(bool *is_lost) {
    memlane_error error;
    memlane_view view;
    begin(VIEW, 0);
    memlane_status status = end(memlane_variable_view(victim.variable, &view, &error));
    note_loss(status, &error, is_lost);
    if (status == MEMLANE_OK) {
        (void)sum_of(view.bytes, view.reading.size);
        begin(RELEASE, 0);
        memlane_view_release(&view);
        end(MEMLANE_OK);
    }
}

static void lend_value(bool *is_lost) {
    memlane_error error;
    memlane_loan loan;
    uint64_t deadline = begin(LOAN, PATIENCE_NS);
    memlane_status status = end(memlane_variable_loan(victim.variable, &loan, deadline, &error));
    note_loss(status, &error, is_lost);
    if (status != MEMLANE_OK) {
        return;
    }
    memset(loan.bytes, (int)draw(256), loan.capacity);
    if (draw(2) == 0) {
        begin(DROP, 0);
        memlane_loan_drop(&loan);
        end(MEMLANE_OK);
        return;
    }
    begin(COMMIT, 0);
    note_loss(end(memlane_loan_commit(&loan, draw(MAX_SIZE), 1, NULL, &error)), &error, is_lost);
}

static void wait_for_value(bool *is_lost) {
    memlane_error error;
    uint64_t newest;
    uint64_t deadline = begin(WAIT, PATIENCE_NS);
    note_loss(end(memlane_variable_wait(victim.variable, draw(2000), deadline, &newest, &error)), &error, is_lost);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): one of many operations */
static void look_at_version(bool *is_lost) {
    uint64_t version;
    (void)is_lost; /* no text: the next operation tells */
    begin(VERSION, 0);
    end(memlane_variable_version(victim.variable, &version));
}

static void read_statistics(bool *is_lost) {
    memlane_error error;
    memlane_variable_statistics statistics;
    begin(STATISTICS, 0);
    note_loss(end(memlane_variable_statistics_read(victim.variable, &statistics, &error)), &error, is_lost);
}

typedef void operation(bool *is_lost);

enum { TURNS = 8 };

/* A write makes good what was damaged last; without one the damage stays. */
static operation *const reading[TURNS] = {
    read_value, view_value, read_value, view_value, read_value, wait_for_value, read_value, read_statistics,
};
static operation *const mixed[TURNS] = {
    read_value, view_value, write_value, lend_value, wait_for_value, look_at_version, read_value, read_statistics,
};

/* -- the locks ------------------------------------------------------------------------------------------------------ */

static void close_locks(void) {
    if (victim.has_locks) {
        begin(CLOSE, 0);
        lock_object_close(&victim.locks);
        victim.has_locks = false;
        end(MEMLANE_OK);
    }
}

static void use_lock(void) {
    memlane_error error;
    uint32_t token;
    if (!victim.has_locks) {
        begin(OPEN, SYSTEM_NS);
        victim.has_locks = end(lock_object_try_open(&victim.locks, PARTICIPANTS, &error)) == MEMLANE_OK;
    }
    if (!victim.has_locks) {
        remove_object("locks");
        return;
    }
    struct lock_object *object = lock_object_of(&victim.locks);
    size_t place = (size_t)draw(LOCKS);
    uint64_t deadline = begin(LOCK, PATIENCE_NS);
    memlane_status status = end(memlane_lock_acquire(&victim.locks, &object->place[place].lock, deadline, &token));
    if (status == MEMLANE_OK || status == MEMLANE_OWNER_DIED) {
        object->place[place].guarded++;
        begin(UNLOCK, 0);
        end(memlane_lock_release(&victim.locks, &object->place[place].lock, token));
    }
    if (memlane_segment_is_lost(&victim.locks)) {
        memlane_add_relaxed(&victim.board->losses, 1);
        close_locks();
    }
}

/* -- the map ------------------------------------------------------------------------------------------------------- */

enum { MAP_SIZE = 3000 };

static void close_map(void) {
    if (victim.map != NULL) {
        begin(CLOSE, 0);
        memlane_map_free(victim.map);
        victim.map = NULL;
        end(MEMLANE_OK);
    }
}

static bool open_map(void) {
    memlane_error error;
    memlane_map_options options;
    if (victim.map != NULL) {
        return true;
    }
    memlane_map_options_initialise(&options);
    options.object.directory = check_directory;
    options.object.participants = PARTICIPANTS;
    options.size = MAP_SIZE;
    begin(OPEN, SYSTEM_NS);
    if (end(memlane_map_open(&victim.map, "bytes", NAME_LENGTH, &options, &error)) != MEMLANE_OK) {
        victim.map = NULL;
        remove_object("bytes");
        return false;
    }
    return true;
}

/* Reads or writes all of it inside its lock. */
static void use_map_locked(bool *is_lost) {
    memlane_error error;
    memlane_map_lock lock;
    bool writes = draw(2) == 0;
    uint64_t deadline = begin(LOCK, PATIENCE_NS);
    memlane_status status =
        end((writes ? memlane_map_lock_write : memlane_map_lock_read)(victim.map, &lock, deadline, &error));
    note_loss(status, &error, is_lost);
    if (status != MEMLANE_OK) {
        return;
    }
    if (writes) {
        memset(memlane_map_bytes(victim.map), (int)draw(256), memlane_map_size(victim.map));
    } else {
        (void)sum_of(memlane_map_bytes(victim.map), memlane_map_size(victim.map));
    }
    begin(UNLOCK, 0);
    note_loss(end(memlane_map_unlock(&lock, &error)), &error, is_lost);
}

static void use_map(void) {
    memlane_error error;
    memlane_map_statistics statistics;
    bool is_lost = false;
    if (!open_map()) {
        return;
    }
    use_map_locked(&is_lost);
    if (draw(TURNS) == 0) {
        begin(STATISTICS, 0);
        note_loss(end(memlane_map_statistics_read(victim.map, &statistics, &error)), &error, &is_lost);
    }
    if (is_lost) {
        close_map();
    }
}

/* A round: an endpoint for a while, or until its object is lost. */
static void use_variable(void) {
    enum { OPERATIONS = 400 };
    operation *const *turns = draw(2) == 0 ? mixed : reading;
    bool is_lost = false;
    for (uint64_t left = draw(OPERATIONS); left > 0 && !is_lost; left--) {
        turns[draw(TURNS)](&is_lost);
        if (draw(16) == 0) {
            use_lock();
            use_map();
        }
    }
}

_Noreturn void victim_run(struct board *board, const char *directory, uint64_t seed) {
    enum { REMOVE_ONE_IN = 4 };
    victim.board = board;
    victim.random = seed;
    victim.scheduling = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    snprintf(check_directory, sizeof check_directory, "%s", directory);
    for (;;) {
        if (!open_variable()) {
            continue;
        }
        use_variable();
        close_variable();
        if (draw(REMOVE_ONE_IN) == 0) {
            close_locks();
            close_map();
            remove_object("value");
            remove_object("locks");
            remove_object("bytes");
        }
    }
}
