/* Where objects lie: a directory in which nobody else can replace them. */
#define _GNU_SOURCE
#include "check.h"

#include "directory.h"

#include <fcntl.h>

enum { ANOTHER_USER = 12345 };

static const struct memlane_sharing private_sharing = {.permissions = 0600, .peer_user = -1};
static char place[2 * CHECK_PATH_SIZE]; /* a directory below the test's own */

static void make_place(mode_t mode) {
    snprintf(place, sizeof place, "%s/place", check_directory);
    CHECK_CALL(mkdir(place, 0700));
    CHECK_CALL(chmod(place, mode));
}

static void expect_accepted(const char *path, const struct memlane_sharing *sharing) {
    struct memlane_directory directory;
    memlane_error error;
    CHECK_OK(memlane_directory_open(&directory, path, sharing, &error), &error);
    memlane_directory_close(&directory);
}

static void expect_refused(const char *path, const struct memlane_sharing *sharing, memlane_status status,
                           const char *text) {
    struct memlane_directory directory;
    memlane_error error;
    CHECK_FAILURE(status, text, memlane_directory_open(&directory, path, sharing, &error), &error);
}

static void a_missing_directory_is_made_private_whatever_the_umask(void) {
    static const mode_t masks[] = {0, 022, 0777};
    snprintf(place, sizeof place, "%s/place", check_directory);
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct stat found;
        umask(masks[i]);

        expect_accepted(place, &private_sharing);

        CHECK_CALL(stat(place, &found));
        CHECK_EQUAL(S_IFDIR | 0700, found.st_mode);
        CHECK_CALL(rmdir(place));
    }
}

static void a_directory_whose_parent_is_missing_is_not_made(void) {
    snprintf(place, sizeof place, "%s/missing/place", check_directory);

    expect_refused(place, &private_sharing, MEMLANE_SYSTEM, "cannot open or create the namespace directory");
}

static void the_path_given_goes_before_the_environment(void) {
    struct memlane_directory directory;
    memlane_error error;
    CHECK_CALL(setenv("MEMLANE_DIR", "/nowhere/at/all", 1));

    expect_accepted(check_directory, &private_sharing);

    CHECK_CALL(setenv("MEMLANE_DIR", check_directory, 1));
    CHECK_OK(memlane_directory_open(&directory, NULL, &private_sharing, &error), &error);
    CHECK_STRING(check_directory, directory.path);
    memlane_directory_close(&directory);
    CHECK_OK(memlane_directory_open(&directory, "", &private_sharing, &error), &error);
    CHECK_STRING(check_directory, directory.path);
    memlane_directory_close(&directory);
}

static void without_a_name_it_is_the_users_own(void) {
    struct memlane_directory directory;
    char expected[64];
    memlane_error error;
    CHECK_CALL(unsetenv("MEMLANE_DIR"));
    snprintf(expected, sizeof expected, "/dev/shm/memlane-%u", (unsigned)geteuid());
    bool was_there = access(expected, F_OK) == 0;

    CHECK_OK(memlane_directory_open(&directory, NULL, &private_sharing, &error), &error);

    CHECK_STRING(expected, directory.path);
    memlane_directory_close(&directory);
    if (!was_there) {
        rmdir(expected); /* fails when somebody began to use it */
    }
}

static void a_symbolic_link_is_refused(void) {
    char link_path[2 * CHECK_PATH_SIZE];
    make_place(0700);
    snprintf(link_path, sizeof link_path, "%s/link", check_directory);
    CHECK_CALL(symlink(place, link_path));

    expect_refused(link_path, &private_sharing, MEMLANE_UNSAFE_NAMESPACE, "is a symbolic link or no directory");

    CHECK_CALL(unlink(link_path));
    CHECK_CALL(rmdir(place));
}

static void a_file_is_refused(void) {
    snprintf(place, sizeof place, "%s/file", check_directory);
    int descriptor = open(place, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    CHECK_CALL(descriptor);
    close(descriptor);

    expect_refused(place, &private_sharing, MEMLANE_UNSAFE_NAMESPACE, "is a symbolic link or no directory");

    CHECK_CALL(unlink(place));
}

static void a_directory_that_others_can_write_is_refused(void) {
    static const mode_t modes[] = {0770, 0702, 0777, 01777};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        make_place(modes[i]);
        expect_refused(place, &private_sharing, MEMLANE_UNSAFE_NAMESPACE, "so that others could replace its objects");
        CHECK_CALL(rmdir(place));
    }
}

static void a_directory_that_others_can_only_read_is_accepted_by_name(void) {
    make_place(0755);

    expect_accepted(place, &private_sharing);

    CHECK_CALL(rmdir(place));
}

static void a_shared_directory_is_accepted_where_its_mode_was_asked_for(void) {
    static const struct memlane_sharing group = {.permissions = 0660, .peer_user = -1};
    make_place(0770);

    expect_accepted(place, &group);
    CHECK_CALL(chmod(place, 0777));
    expect_refused(place, &group, MEMLANE_UNSAFE_NAMESPACE, "has mode 777");

    CHECK_CALL(rmdir(place));
}

static void a_directory_of_another_user_is_refused_unless_that_user_was_named(void) {
    static const struct memlane_sharing with_peer = {.permissions = 0600, .peer_user = ANOTHER_USER};
    make_place(0700);
    if (chown(place, ANOTHER_USER, (gid_t)-1) != 0) {
        CHECK_CALL(rmdir(place));
        check_skip("only root can give directories away");
    }

    expect_refused(place, &private_sharing, MEMLANE_UNSAFE_NAMESPACE, "belongs to user 12345, not to user 0");
    expect_accepted(place, &with_peer);

    CHECK_CALL(rmdir(place));
}

/* As a process that is not root, and never was: what it answers, by its exit code. */
static void as_nobody(void (*body)(void)) {
    int status;
    fflush(stdout);
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        check_set_watchdog();
        if (setgid(ANOTHER_USER) != 0 || setuid(ANOTHER_USER) != 0) {
            check_skip("only root can become somebody else");
        }
        body();
        fflush(stdout);
        _exit(0);
    }
    CHECK_CALL(waitpid(pid, &status, 0));
    CHECK(WIFEXITED(status));
    if (WEXITSTATUS(status) != 0) {
        rmdir(place);
        _exit(WEXITSTATUS(status));
    }
}

static void expect_denied_at_first(void) {
    expect_refused(place, &private_sharing, MEMLANE_ACCESS_DENIED, "cannot open or create the namespace directory");
}

static void a_directory_that_lets_nobody_in_is_refused_with_the_reason(void) {
    make_place(0700);

    as_nobody(expect_denied_at_first);

    CHECK_CALL(rmdir(place));
}

static void expect_nothing_can_be_made(void) {
    expect_refused(place, &private_sharing, MEMLANE_ACCESS_DENIED, "cannot create files in the namespace directory");
}

/* Root's directory may be named by anybody; then only opening what is there is possible. */
static void a_directory_where_nothing_can_be_made_is_refused_with_the_reason(void) {
    make_place(0755);
    CHECK_CALL(chmod(check_directory, 0755));

    as_nobody(expect_nothing_can_be_made);

    CHECK_CALL(rmdir(place));
}

static void a_path_that_is_too_long_is_refused(void) {
    char path[MEMLANE_PATH_MAXIMUM + 1];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';

    expect_refused(path, &private_sharing, MEMLANE_INVALID_ARGUMENT, "longer than 4095 bytes");
}

static void a_file_system_without_byte_locks_is_refused(void) {
    CHECK_CALL(setenv("MEMLANE_NO_OFD", "1", 1));

    expect_refused(check_directory, &private_sharing, MEMLANE_UNSUPPORTED_NAMESPACE, "byte locks (F_OFD_SETLK)");

    CHECK_CALL(unsetenv("MEMLANE_NO_OFD"));
    expect_accepted(check_directory, &private_sharing);
}

/* proc has neither unnamed files nor room for them. */
static void a_file_system_without_unnamed_files_is_refused(void) {
    expect_refused("/proc/self", &private_sharing, MEMLANE_UNSAFE_NAMESPACE, "symbolic link");
    snprintf(place, sizeof place, "/proc/%d/task", (int)getpid());
    expect_refused(place, &private_sharing, MEMLANE_UNSUPPORTED_NAMESPACE, "has no unnamed files (O_TMPFILE");
}

static const struct check_test tests[] = {
    {"a missing directory is made private, whatever the umask", a_missing_directory_is_made_private_whatever_the_umask},
    {"a directory whose parent is missing is not made", a_directory_whose_parent_is_missing_is_not_made},
    {"the path given goes before the environment", the_path_given_goes_before_the_environment},
    {"without a name it is the user's own", without_a_name_it_is_the_users_own},
    {"a symbolic link is refused", a_symbolic_link_is_refused},
    {"a file is refused", a_file_is_refused},
    {"a directory that others can write is refused", a_directory_that_others_can_write_is_refused},
    {"a directory that others can only read is accepted by name",
     a_directory_that_others_can_only_read_is_accepted_by_name},
    {"a shared directory is accepted where its mode was asked for",
     a_shared_directory_is_accepted_where_its_mode_was_asked_for},
    {"a directory of another user is refused unless that user was named",
     a_directory_of_another_user_is_refused_unless_that_user_was_named},
    {"a directory that lets nobody in is refused with the reason",
     a_directory_that_lets_nobody_in_is_refused_with_the_reason},
    {"a directory where nothing can be made is refused with the reason",
     a_directory_where_nothing_can_be_made_is_refused_with_the_reason},
    {"a path that is too long is refused", a_path_that_is_too_long_is_refused},
    {"a file system without byte locks is refused", a_file_system_without_byte_locks_is_refused},
    {"a file system without unnamed files is refused", a_file_system_without_unnamed_files_is_refused},
};

CHECK_MAIN(tests)
