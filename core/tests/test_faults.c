/* Every call to the system and every allocation fails, one after the other: whatever fails, the caller is told why, no
 * acknowledged value is lost, and nothing is leaked or left behind. The method of SQLite: the n-th call fails, for n from
 * 1 until a run needs fewer calls. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"

#include "platform.h"

#include <stdlib.h>
#include <sys/mman.h>

/* -- what fails -------------------------------------------------------------------------------------------------- */

/* The call of that number fails, counted over all functions; 0: none does. A forked child counts on for itself. */
static unsigned failing, calls;
static int injected;

/* Shared with the process that started the run, which has to say what failed there. */
static struct {
    char function[64];
} *told;

static bool fails(const char *function) {
    if (failing == 0 || ++calls != failing) {
        return false;
    }
    snprintf(told->function, sizeof told->function, "%s", function + strlen("__real_"));
    return true;
}

#define FAULTY(wrapper, real, parameters, arguments)                                                                   \
    int real parameters;                                                                                               \
    int wrapper parameters;                                                                                            \
    int wrapper parameters {                                                                                           \
        return fails(#real) ? injected : real arguments;                                                               \
    }

FAULTY(__wrap_memlane_platform_futex_wait, __real_memlane_platform_futex_wait,
       (const memlane_atomic32 *word, uint32_t expected, uint64_t timeout), (word, expected, timeout))
FAULTY(__wrap_memlane_platform_open_directory, __real_memlane_platform_open_directory,
       (const char *path, int *descriptor), (path, descriptor))
FAULTY(__wrap_memlane_platform_describe, __real_memlane_platform_describe,
       (int descriptor, struct memlane_file_status *status), (descriptor, status))
FAULTY(__wrap_memlane_platform_describe_name, __real_memlane_platform_describe_name,
       (int directory, const char *name, struct memlane_file_status *status), (directory, name, status))
FAULTY(__wrap_memlane_platform_open_file, __real_memlane_platform_open_file,
       (int directory, const char *name, int *descriptor), (directory, name, descriptor))
FAULTY(__wrap_memlane_platform_create_unnamed, __real_memlane_platform_create_unnamed,
       (int directory, uint32_t permissions, int *descriptor), (directory, permissions, descriptor))
FAULTY(__wrap_memlane_platform_reserve, __real_memlane_platform_reserve, (int descriptor, uint64_t size),
       (descriptor, size))
FAULTY(__wrap_memlane_platform_publish, __real_memlane_platform_publish,
       (int descriptor, int directory, const char *name), (descriptor, directory, name))
FAULTY(__wrap_memlane_platform_unlink, __real_memlane_platform_unlink, (int directory, const char *name),
       (directory, name))
FAULTY(__wrap_memlane_platform_reopen, __real_memlane_platform_reopen, (int descriptor, int *second),
       (descriptor, second))
FAULTY(__wrap_memlane_platform_read_at, __real_memlane_platform_read_at,
       (int descriptor, uint64_t offset, void *buffer, size_t size), (descriptor, offset, buffer, size))
FAULTY(__wrap_memlane_platform_write_at, __real_memlane_platform_write_at,
       (int descriptor, uint64_t offset, const void *buffer, size_t size), (descriptor, offset, buffer, size))
FAULTY(__wrap_memlane_platform_free_space, __real_memlane_platform_free_space, (int directory, uint64_t *bytes),
       (directory, bytes))
FAULTY(__wrap_memlane_platform_lock_directory, __real_memlane_platform_lock_directory, (int directory, bool *locked),
       (directory, locked))
FAULTY(__wrap_memlane_platform_list, __real_memlane_platform_list,
       (int directory, bool (*visit)(const char *, void *), void *argument), (directory, visit, argument))
FAULTY(__wrap_memlane_platform_lock_bytes, __real_memlane_platform_lock_bytes,
       (int descriptor, uint64_t offset, uint64_t length), (descriptor, offset, length))
FAULTY(__wrap_memlane_platform_unlock_bytes, __real_memlane_platform_unlock_bytes,
       (int descriptor, uint64_t offset, uint64_t length), (descriptor, offset, length))
FAULTY(__wrap_memlane_platform_byte_is_locked, __real_memlane_platform_byte_is_locked,
       (int descriptor, uint64_t offset, bool *locked), (descriptor, offset, locked))
FAULTY(__wrap_memlane_platform_map, __real_memlane_platform_map,
       (int descriptor, size_t size, bool writable, void **address), (descriptor, size, writable, address))
FAULTY(__wrap_memlane_platform_allocate_pages, __real_memlane_platform_allocate_pages, (size_t size, void **address),
       (size, address))
FAULTY(__wrap_memlane_platform_move_read_only, __real_memlane_platform_move_read_only,
       (void *from, size_t size, void *to), (from, size, to))
FAULTY(__wrap_memlane_platform_random, __real_memlane_platform_random, (void *buffer, size_t size), (buffer, size))
FAULTY(__wrap_memlane_platform_trap_faults, __real_memlane_platform_trap_faults, (bool (*handle)(void *)), (handle))

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size) {
    return fails("__real_malloc") ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
    return fails("__real_calloc") ? NULL : __real_calloc(count, size);
}

/* -- what is tried ------------------------------------------------------------------------------------------------ */

enum { SLOTS = 3, BEFORE = 1 };

/* A call that fails does so because something was made to fail, and says what. */
static bool worked(memlane_status status, const memlane_error *error) {
    if (status == MEMLANE_OK) {
        return true;
    }
    CHECK(failing != 0 && calls >= failing);
    CHECK_STATUS(status, error->status);
    CHECK(strlen(error->message) > 0);
    return false;
}

static memlane_variable *try_to_open(uint64_t ephemeral) {
    memlane_error error;
    memlane_variable *variable = NULL;
    memlane_variable_options options = endpoint_options();
    options.slots = SLOTS;
    options.max_size = sizeof(uint64_t);
    options.object.participants = 4;
    options.object.ephemeral = ephemeral;
    return worked(memlane_variable_open(&variable, "pose", 4, &options, &error), &error) ? variable : NULL;
}

/* Returns what a reader must find from now on. */
static uint64_t try_to_write(memlane_variable *variable, uint64_t value, uint64_t former) {
    memlane_error error;
    uint64_t deadline = check_in_ms(1);
    return worked(memlane_variable_write(variable, &value, sizeof value, 1, deadline, &error), &error) ? value : former;
}

static void try_to_read(memlane_variable *variable, uint64_t expected) {
    memlane_error error;
    memlane_reading reading;
    uint64_t value;
    if (expected != 0 && worked(memlane_variable_read(variable, &value, sizeof value, &reading, &error), &error)) {
        CHECK_EQUAL(expected, value);
    }
}

static void try_to_view(memlane_variable *variable, uint64_t expected) {
    memlane_error error;
    memlane_view view;
    if (expected != 0 && worked(memlane_variable_view(variable, &view, &error), &error)) {
        CHECK_BYTES(&expected, view.bytes, sizeof expected);
        memlane_view_release(&view);
    }
}

/* Takes every slot, which makes the last attempt look for the dead and name the living. */
static void try_to_take_all_slots(memlane_variable *variable) {
    memlane_error error;
    memlane_loan loans[SLOTS];
    size_t taken = 0;
    memlane_status status = MEMLANE_OK;
    while (taken < SLOTS && (status = memlane_variable_loan(variable, &loans[taken], 0, &error)) == MEMLANE_OK) {
        taken++;
    }
    CHECK(taken < SLOTS); /* one is the current value */
    CHECK(status == MEMLANE_NO_FREE_SLOT || !worked(status, &error));
    while (taken > 0) {
        memlane_loan_drop(&loans[--taken]);
    }
}

static void try_to_wait(memlane_variable *variable) {
    memlane_error error;
    uint64_t newest;
    memlane_status status = memlane_variable_wait(variable, UINT32_MAX, check_in_ms(1), &newest, &error);
    CHECK(status == MEMLANE_TIMEOUT || !worked(status, &error));
}

static uint64_t use(memlane_variable *variable, uint64_t last) {
    memlane_error error;
    memlane_variable_statistics statistics;
    try_to_read(variable, last);
    last = try_to_write(variable, 2, last);
    try_to_view(variable, last);
    try_to_take_all_slots(variable);
    try_to_wait(variable);
    worked(memlane_variable_statistics_read(variable, &statistics, &error), &error);
    last = try_to_write(variable, 3, last);
    try_to_read(variable, last);
    return last;
}

/* Takes what a reader finds before, returns what one must find afterwards; 0: no object, or one without a value. */
typedef uint64_t (*action)(uint64_t last);

static uint64_t open_use_and_close(uint64_t last) {
    memlane_variable *variable = try_to_open(MEMLANE_ANY);
    if (variable != NULL) {
        last = use(variable, last);
        memlane_variable_free(variable);
    }
    return last;
}

static uint64_t open_use_and_close_for_a_time(uint64_t last) {
    memlane_variable *variable = try_to_open(1);
    if (variable != NULL) {
        use(variable, last);
        memlane_variable_free(variable);
    }
    return 0;
}

/* The child has a view of its parent's, and uses what it inherited. */
static uint64_t fork_with_a_view(uint64_t last) {
    memlane_error error;
    memlane_view view;
    memlane_variable *variable = try_to_open(MEMLANE_ANY);
    if (variable == NULL) {
        return last;
    }
    bool viewed = worked(memlane_variable_view(variable, &view, &error), &error);
    pid_t child = fork();
    if (child == 0) {
        check_set_watchdog();
        CHECK(!viewed || memcmp(view.bytes, &last, sizeof last) == 0);
        try_to_read(variable, last);
        try_to_view(variable, last);
        memlane_variable_free(variable);
        _exit(0);
    }
    int status;
    CHECK_EQUAL(child, waitpid(child, &status, 0));
    CHECK_EQUAL(0, status);
    if (viewed) {
        memlane_view_release(&view);
    }
    last = try_to_write(variable, 2, last);
    memlane_variable_free(variable);
    return last;
}

static uint64_t unlink_and_collect(uint64_t last) {
    memlane_error error;
    uint32_t removed;
    bool gone = worked(memlane_unlink(check_directory, "pose", 4, 0600, -1, &error), &error);
    worked(memlane_collect(check_directory, 0600, -1, &removed, &error), &error);
    return gone ? 0 : last;
}

/* -- runs --------------------------------------------------------------------------------------------------------- */

static void die_with_a_slot(void) {
    pid_t child = fork();
    CHECK_CALL(child);
    if (child == 0) {
        memlane_loan loan;
        memlane_error error;
        memlane_variable *variable = try_to_open(MEMLANE_ANY);
        endpoint_write(variable, BEFORE);
        CHECK_OK(memlane_variable_loan(variable, &loan, 0, &error), &error);
        _exit(0);
    }
    int status;
    CHECK_EQUAL(child, waitpid(child, &status, 0));
    CHECK_EQUAL(0, status);
}

/* What the next one finds: the value, and all slots. `lost` descriptors hold the byte locks of their endpoints. */
static void check_what_is_left(action act, uint64_t last, unsigned lost) {
    memlane_error error;
    uint32_t removed;
    CHECK_OK(memlane_collect(check_directory, 0600, -1, &removed, &error), &error);
    CHECK(act != open_use_and_close_for_a_time || lost > 0 || check_count_entries(check_directory) == 0);
    if (check_count_entries(check_directory) == 0) {
        CHECK_EQUAL(0, last);
        return;
    }
    memlane_variable *variable = try_to_open(MEMLANE_ANY);
    try_to_read(variable, last);
    endpoint_write(variable, 9);
    try_to_take_all_slots(variable);
    CHECK_EQUAL(9, endpoint_read(variable));
    CHECK_EQUAL(1 + lost, endpoint_statistics(variable).live_participants);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

enum { INJECTED = 0, CLEAN = 3 };

/* In a process of its own, which nothing of memlane was done in. */
__attribute__((noreturn)) static void run_with_fault(action act, uint64_t before) {
    check_set_watchdog();
    unsigned descriptors = check_count_descriptors();
    uint64_t last = act(before);
    bool was_clean = calls < failing;
    failing = 0;
    unsigned lost = check_count_descriptors() - descriptors;
    /* A descriptor that cannot be examined may be somebody else's by now, and is not closed (D12). */
    CHECK(lost == 0 || (lost == 1 && strcmp(told->function, "memlane_platform_describe") == 0));
    CHECK_EQUAL(0, check_count_mappings(check_directory));
    check_what_is_left(act, last, lost);
    CHECK_EQUAL(0, check_count_entries(check_directory));
    _exit(was_clean ? CLEAN : INJECTED);
}

static bool is_clean(action act, bool exists, unsigned number, int failure) {
    int status;
    if (exists) {
        die_with_a_slot();
    }
    told->function[0] = '\0';
    fflush(stdout);
    pid_t child = fork();
    CHECK_CALL(child);
    if (child == 0) {
        failing = number;
        injected = failure;
        run_with_fault(act, exists ? BEFORE : 0);
    }
    CHECK_EQUAL(child, waitpid(child, &status, 0));
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != INJECTED && WEXITSTATUS(status) != CLEAN)) {
        CHECK_FAIL("call %u (%s) failed with \"%s\": wait status %#x", number, told->function, strerror(failure),
                   (unsigned)status);
    }
    return WEXITSTATUS(status) == CLEAN;
}

static void fail_each_call(action act, bool exists) {
    static const int failures[] = {EMFILE, ENOSPC, EACCES, EINTR};
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(told != MAP_FAILED);
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        unsigned number = 1;
        while (!is_clean(act, exists, number, failures[i])) {
            number++;
        }
        CHECK(number > 1);
    }
    CHECK_CALL(munmap(told, sizeof *told));
}

static void creating_fails_at_each_call_and_leaves_nothing(void) {
    fail_each_call(open_use_and_close, false);
}

static void an_object_survives_each_failure_of_its_users(void) {
    fail_each_call(open_use_and_close, true);
}

static void an_ephemeral_object_never_stays(void) {
    fail_each_call(open_use_and_close_for_a_time, false);
}

static void a_fork_that_lacks_something_harms_neither_side(void) {
    fail_each_call(fork_with_a_view, true);
}

static void a_removal_is_done_or_not_done(void) {
    fail_each_call(unlink_and_collect, true);
}

static const struct check_test tests[] = {
    {"creating fails at each call, and leaves nothing", creating_fails_at_each_call_and_leaves_nothing},
    {"an object survives each failure of its users", an_object_survives_each_failure_of_its_users},
    {"an ephemeral object never stays", an_ephemeral_object_never_stays},
    {"a fork that lacks something harms neither side", a_fork_that_lacks_something_harms_neither_side},
    {"a removal is done, or not done", a_removal_is_done_or_not_done},
};

CHECK_MAIN(tests)
