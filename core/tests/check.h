/* What every C test needs: claims that say what was expected and what was found, a process and a namespace directory of
 * its own for each test, a watchdog, and a look at what was left behind.
 *
 * A program is a table of tests and CHECK_MAIN(table). It exits 0 when all passed, 1 when one failed, and 77 when not one
 * could be tried here, with the reasons printed. */
#ifndef MEMLANE_TESTS_CHECK_H
#define MEMLANE_TESTS_CHECK_H

#include <memlane/memlane.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK_UNUSED __attribute__((unused))

enum { CHECK_SKIPPED = 77, CHECK_PATH_SIZE = 512 };

/* NOLINTNEXTLINE(readability-use-concise-preprocessor-directives): its other branch is no #ifdef */
#if defined(__SANITIZE_THREAD__)
#define CHECK_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHECK_THREAD_SANITIZER 1
#endif
#if __has_feature(address_sanitizer)
#define CHECK_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef CHECK_THREAD_SANITIZER
#define CHECK_THREAD_SANITIZER 0
#endif
#ifndef CHECK_ADDRESS_SANITIZER
#define CHECK_ADDRESS_SANITIZER 0
#endif

struct check_test {
    const char *name; /* a sentence with an outcome */
    void (*run)(void);
};

/* The namespace directory of the running test. */
static char check_directory[CHECK_PATH_SIZE];

/* -- claims ------------------------------------------------------------------------------------------------ */

__attribute__((noreturn, format(printf, 3, 4))) static CHECK_UNUSED void check_fail(const char *file, int line,
                                                                                    const char *format, ...) {
    va_list arguments;
    flockfile(stdout);
    printf("%s:%d: ", file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    funlockfile(stdout);
    fflush(stdout);
    _exit(1);
}

#define CHECK_FAIL(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(condition) ((condition) ? (void)0 : CHECK_FAIL("expected to hold: %s", #condition))

#define CHECK_EQUAL(expected, found)                                                                                   \
    do {                                                                                                               \
        uintmax_t check_expected_ = (uintmax_t)(expected), check_found_ = (uintmax_t)(found);                          \
        if (check_expected_ != check_found_) {                                                                         \
            CHECK_FAIL("%s: expected %ju (%s), found %ju", #found, check_expected_, #expected, check_found_);          \
        }                                                                                                              \
    } while (0)

#define CHECK_BYTES(expected, found, size)                                                                             \
    (memcmp(expected, found, size) == 0                                                                                \
         ? (void)0                                                                                                     \
         : CHECK_FAIL("%s: its %zu bytes differ from %s", #found, (size_t)(size), #expected))

#define CHECK_STRING(expected, found)                                                                                  \
    (strcmp(expected, found) == 0 ? (void)0 : CHECK_FAIL("%s: expected \"%s\", found \"%s\"", #found, expected, found))

/* The status, and a text that holds the fragment and explains itself. */
#define CHECK_FAILURE(expected, fragment, found, error)                                                                \
    check_failure(__FILE__, __LINE__, expected, fragment, found, error)

#define CHECK_STATUS(expected, found)                                                                                  \
    do {                                                                                                               \
        memlane_status check_status_ = (found);                                                                        \
        if (check_status_ != (expected)) {                                                                             \
            CHECK_FAIL("%s: expected %s, found %s", #found, memlane_status_name(expected),                             \
                       memlane_status_name(check_status_));                                                            \
        }                                                                                                              \
    } while (0)

/* MEMLANE_OK, or the message of the error. */
#define CHECK_OK(found, error)                                                                                         \
    do {                                                                                                               \
        memlane_status check_status_ = (found);                                                                        \
        if (check_status_ != MEMLANE_OK) {                                                                             \
            CHECK_FAIL("%s: %s: %s", #found, memlane_status_name(check_status_), (error)->message);                    \
        }                                                                                                              \
    } while (0)

/* A system call of the test itself. */
#define CHECK_CALL(call) ((call) >= 0 ? (void)0 : CHECK_FAIL("%s: %s", #call, strerror(errno)))

static CHECK_UNUSED void check_failure(const char *file, int line, memlane_status expected, const char *fragment,
                                       memlane_status found, const memlane_error *error) {
    if (found != expected) {
        check_fail(file, line, "expected %s, found %s", memlane_status_name(expected), memlane_status_name(found));
    }
    if (error->status != expected) {
        check_fail(file, line, "the error says %s, the call %s", memlane_status_name(error->status),
                   memlane_status_name(expected));
    }
    if (strstr(error->message, fragment) == NULL) {
        check_fail(file, line, "expected \"%s\" in the message, found \"%s\"", fragment, error->message);
    }
}

__attribute__((noreturn)) static CHECK_UNUSED void check_skip(const char *reason) {
    printf("skipped: %s\n", reason);
    fflush(stdout);
    _exit(CHECK_SKIPPED);
}

/* -- time ---------------------------------------------------------------------------------------------------- */

static CHECK_UNUSED uint64_t check_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A deadline for memlane's calls. */
static CHECK_UNUSED uint64_t check_in_ms(uint64_t milliseconds) {
    return check_now() + milliseconds * 1000000;
}

/* Waits for what no message tells, such as another process' sleep; the watchdog ends it. */
#define CHECK_WAIT_UNTIL(condition)                                                                                    \
    do {                                                                                                               \
        while (!(condition)) {                                                                                         \
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);                                                    \
        }                                                                                                              \
    } while (0)

/* -- what must not stay behind ------------------------------------------------------------------------------------ */

static CHECK_UNUSED unsigned check_count_entries(const char *path) {
    DIR *entries = opendir(path);
    unsigned count = 0;
    if (entries == NULL) {
        CHECK_FAIL("%s: %s", path, strerror(errno));
    }
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(entries);
    return count;
}

static CHECK_UNUSED unsigned check_count_descriptors(void) {
    return check_count_entries("/proc/self/fd");
}

/* Mappings of files whose path holds the fragment. */
static CHECK_UNUSED unsigned check_count_mappings(const char *fragment) {
    char line[1024];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        count += strstr(line, fragment) != NULL;
    }
    fclose(maps);
    return count;
}

/* Each process of a test ends by itself when it hangs. An emulator is given more time. */
static CHECK_UNUSED void check_set_watchdog(void) {
    const char *seconds = getenv("MEMLANE_WATCHDOG_SECONDS");
    alarm(seconds == NULL ? 60 : (unsigned)strtoul(seconds, NULL, 10));
}

static void check_run_alone(const struct check_test *test) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    check_set_watchdog();
    unsigned descriptors = check_count_descriptors();
    test->run();
    CHECK_EQUAL(descriptors, check_count_descriptors());
    CHECK_EQUAL(0, check_count_mappings(check_directory));
    CHECK_EQUAL(0, check_count_entries(check_directory));
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
        CHECK_FAIL("the test left processes behind");
    }
    fflush(stdout);
}

static void check_remove_directory(void) {
    DIR *entries = opendir(check_directory);
    for (const struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        unlinkat(dirfd(entries), entry->d_name, 0); /* . and .. refuse */
    }
    if (entries != NULL) {
        closedir(entries);
    }
    rmdir(check_directory);
}

/* Returns 0, 1 or 77. */
static int check_run(const struct check_test *test) {
    int status;
    snprintf(check_directory, sizeof check_directory, "/dev/shm/memlane-test-XXXXXX");
    if (mkdtemp(check_directory) == NULL) {
        printf("cannot make %s: %s\n", check_directory, strerror(errno));
        return 1;
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        check_run_alone(test);
        exit(0); /* not _exit: what a sanitizer says at exit counts */
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    check_remove_directory();
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    const char *outcome = code == 0 ? "passed" : code == CHECK_SKIPPED ? "skipped" : "FAILED";
    printf("%-7s %s%s\n", outcome, test->name,
           !WIFSIGNALED(status)          ? ""
           : WTERMSIG(status) == SIGALRM ? ": it hangs"
                                         : ": ended by a signal");
    return code == 0 || code == CHECK_SKIPPED ? code : 1;
}

static CHECK_UNUSED int check_run_all(const struct check_test *tests, size_t count, const char *wanted) {
    unsigned passed = 0, failed = 0, skipped = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < count; i++) {
        if (wanted != NULL && strstr(tests[i].name, wanted) == NULL) {
            continue;
        }
        int code = check_run(&tests[i]);
        passed += code == 0;
        skipped += code == CHECK_SKIPPED;
        failed += code == 1;
    }
    printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed != 0 ? 1 : passed == 0 ? CHECK_SKIPPED : 0;
}

/* The program takes one argument: a part of the names of the tests to run. */
#define CHECK_MAIN(tests)                                                                                              \
    int main(int count, char **arguments) {                                                                            \
        return check_run_all(tests, sizeof(tests) / sizeof *(tests), count > 1 ? arguments[1] : NULL);                 \
    }

#endif
