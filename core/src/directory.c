#include "directory.h"

#include "failure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TESTED_DEVICES = 16, GROUP_AND_OTHERS = 077, WRITABLE_BY_OTHERS = 022 };

/* Devices of directories that passed the self-test, +1 so that 0 is free. A full or lost entry only tests again. */
static memlane_atomic64 tested_device[TESTED_DEVICES];

static bool was_tested(uint64_t device) {
    for (size_t i = 0; i < TESTED_DEVICES; i++) {
        if (memlane_load_relaxed(&tested_device[i]) == device + 1) { /* relaxed: the number is all there is */
            return true;
        }
    }
    return false;
}

static void remember_tested(uint64_t device) {
    for (size_t i = 0; i < TESTED_DEVICES; i++) {
        if (memlane_cas_relaxed(&tested_device[i], 0, device + 1)) {
            return;
        }
    }
}

/* Whether a byte lock of one description is seen by another: NFS, 9p and some overlays only pretend. */
static int locks_work(int descriptor, bool *works) {
    int second;
    int failure = memlane_platform_reopen(descriptor, &second);
    if (failure != 0) {
        return failure;
    }
    *works = false;
    failure = memlane_platform_lock_bytes(descriptor, 0, 1);
    if (failure == 0) {
        failure = memlane_platform_byte_is_locked(second, 0, works);
    }
    memlane_platform_close(second);
    return failure;
}

memlane_status memlane_directory_explain_denial(const struct memlane_directory *directory, int failure,
                                                memlane_error *error) {
    return memlane_fail(
        error, MEMLANE_ACCESS_DENIED,
        "cannot create files in the namespace directory '%s' (%s): change its permissions, or name another "
        "directory in MEMLANE_DIR",
        directory->path, strerror(failure));
}

static memlane_status explain_no_descriptor(const char *path, int failure, memlane_error *error) {
    return memlane_fail_system(error, failure,
                               "no descriptor is left for the namespace directory '%s': close endpoints or raise the "
                               "limit (ulimit -n)",
                               path);
}

memlane_status memlane_directory_explain_full(const struct memlane_directory *directory, memlane_error *error) {
    return memlane_fail(
        error, MEMLANE_NO_SPACE,
        "no file can be added to the namespace directory '%s', its file system is full: remove what nobody needs "
        "(memlane gc, memlane.unlink), or allow more files (mount -o remount,nr_inodes=...)",
        directory->path);
}

static memlane_status explain_locks(const struct memlane_directory *directory, int failure, memlane_error *error) {
    switch (failure) {
    case EMFILE:
    case ENFILE:
        return explain_no_descriptor(directory->path, failure, error);
    case ENOENT:
        return memlane_fail(error, MEMLANE_UNSUPPORTED_NAMESPACE,
                            "no file of the namespace directory '%s' can be opened a second time, since /proc is "
                            "missing: mount it (mount -t proc proc /proc)",
                            directory->path);
    default:
        return memlane_fail(
            error, MEMLANE_UNSUPPORTED_NAMESPACE,
            "byte locks (F_OFD_SETLK) do not work in the namespace directory '%s' (%s): without them the death of a "
            "process cannot be noticed; use a local file system, such as tmpfs under /dev/shm",
            directory->path, failure != 0 ? strerror(failure) : "a lock is not seen by others");
    }
}

static memlane_status test_file_system(const struct memlane_directory *directory, uint64_t device, uint32_t permissions,
                                       memlane_error *error) {
    int descriptor;
    if (was_tested(device)) {
        return MEMLANE_OK;
    }
    int failure = memlane_platform_create_unnamed(directory->descriptor, permissions, &descriptor);
    if (failure == EACCES || failure == EROFS || failure == EPERM) {
        return memlane_directory_explain_denial(directory, failure, error);
    }
    if (failure == ENOSPC) {
        return memlane_directory_explain_full(directory, error);
    }
    if (failure == EMFILE || failure == ENFILE) {
        return explain_no_descriptor(directory->path, failure, error);
    }
    if (failure != 0) {
        return memlane_fail(
            error, MEMLANE_UNSUPPORTED_NAMESPACE,
            "the file system of the namespace directory '%s' has no unnamed files (O_TMPFILE: %s): use one that has, "
            "such as tmpfs under /dev/shm",
            directory->path, strerror(failure));
    }
    bool works = false;
    failure = memlane_platform_environment("MEMLANE_NO_OFD") != NULL ? ENOSYS : locks_work(descriptor, &works);
    memlane_platform_close(descriptor);
    if (failure != 0 || !works) {
        return explain_locks(directory, failure, error);
    }
    remember_tested(device);
    return MEMLANE_OK;
}

/* Rule 2 of the surfaces. A directory that was named may be what the user asked for in `sharing`; the default one
 * never. */
static memlane_status check_safety(const char *path, bool named, const struct memlane_file_status *found,
                                   const struct memlane_sharing *sharing, memlane_error *error) {
    uint32_t user = memlane_platform_effective_user();
    bool shared = (sharing->permissions & GROUP_AND_OTHERS) != 0;
    bool owner_is_trusted =
        found->user == user || (int64_t)found->user == sharing->peer_user || (named && (shared || found->user == 0));
    if (!owner_is_trusted) {
        return memlane_fail(
            error, MEMLANE_UNSAFE_NAMESPACE,
            "the namespace directory '%s' belongs to user %" PRIu32 ", not to user %" PRIu32
            ": its owner could replace every object; remove it, or name another directory in MEMLANE_DIR",
            path, found->user, user);
    }
    uint32_t excess =
        named ? found->permissions & WRITABLE_BY_OTHERS & ~sharing->permissions : found->permissions & GROUP_AND_OTHERS;
    if (excess != 0) {
        return memlane_fail(
            error, MEMLANE_UNSAFE_NAMESPACE,
            "the namespace directory '%s' has mode %03" PRIo32
            ", so that others could replace its objects: chmod %s it, or ask for shared objects by their mode",
            path, found->permissions, named ? "go-w" : "700");
    }
    return MEMLANE_OK;
}

static memlane_status choose(struct memlane_directory *directory, const char *path, bool *named, memlane_error *error) {
    if (path == NULL || path[0] == '\0') {
        path = memlane_platform_environment("MEMLANE_DIR");
    }
    *named = path != NULL && path[0] != '\0';
    int length = *named ? snprintf(directory->path, sizeof directory->path, "%s", path)
                        : snprintf(directory->path, sizeof directory->path, "/dev/shm/memlane-%" PRIu32,
                                   memlane_platform_effective_user());
    if (length < 0 || (size_t)length >= sizeof directory->path) {
        return memlane_fail(error, MEMLANE_INVALID_ARGUMENT,
                            "the path of the namespace directory is longer than %d bytes", MEMLANE_PATH_MAXIMUM - 1);
    }
    return MEMLANE_OK;
}

static int open_or_make(struct memlane_directory *directory) {
    int failure = memlane_platform_open_directory(directory->path, &directory->descriptor);
    if (failure != ENOENT) {
        return failure;
    }
    failure = memlane_platform_make_directory(directory->path, 0700);
    if (failure != 0 && failure != EEXIST) {
        return failure;
    }
    return memlane_platform_open_directory(directory->path, &directory->descriptor);
}

static memlane_status explain_open(const char *path, int failure, memlane_error *error) {
    switch (failure) {
    case ELOOP:
    case ENOTDIR:
        return memlane_fail(
            error, MEMLANE_UNSAFE_NAMESPACE,
            "the namespace directory '%s' is a symbolic link or no directory: somebody could lead it elsewhere; "
            "remove it, or name the directory itself in MEMLANE_DIR",
            path);
    case EACCES:
    case EPERM:
    case EROFS:
        return memlane_fail(
            error, MEMLANE_ACCESS_DENIED,
            "cannot open or create the namespace directory '%s' (%s): change the permissions, or name another "
            "directory in MEMLANE_DIR",
            path, strerror(failure));
    case EMFILE:
    case ENFILE:
        return explain_no_descriptor(path, failure, error);
    case ENOENT:
        return memlane_fail_system(error, failure,
                                   "cannot open or create the namespace directory '%s': make the directory above it "
                                   "first, or name another one in MEMLANE_DIR",
                                   path);
    default:
        return memlane_fail_system(error, failure, "cannot open or create the namespace directory '%s'", path);
    }
}

static memlane_status examine(struct memlane_directory *directory, bool named, const struct memlane_sharing *sharing,
                              memlane_error *error) {
    memlane_status status;
    struct memlane_file_status found;
    int failure = memlane_platform_describe(directory->descriptor, &found);
    if (failure != 0) {
        status = memlane_fail_system(error, failure, "cannot examine the namespace directory '%s'", directory->path);
    } else {
        status = check_safety(directory->path, named, &found, sharing, error);
    }
    if (status == MEMLANE_OK) {
        status = test_file_system(directory, found.device, sharing->permissions, error);
    }
    if (status != MEMLANE_OK) {
        memlane_directory_close(directory);
    }
    return status;
}

memlane_status memlane_directory_open(struct memlane_directory *directory, const char *path,
                                      const struct memlane_sharing *sharing, memlane_error *error) {
    bool named;
    memlane_status status = choose(directory, path, &named, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    int failure = open_or_make(directory);
    return failure == 0 ? examine(directory, named, sharing, error) : explain_open(directory->path, failure, error);
}

static memlane_status open_existing(struct memlane_directory *directory, const char *path, bool *named,
                                    memlane_error *error) {
    memlane_status status = choose(directory, path, named, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    int failure = memlane_platform_open_directory(directory->path, &directory->descriptor);
    if (failure == ENOENT) {
        return memlane_fail(error, MEMLANE_NOT_FOUND,
                            "there is no namespace directory '%s': no program has made an object there yet; start one, "
                            "or check MEMLANE_DIR",
                            directory->path);
    }
    return failure == 0 ? MEMLANE_OK : explain_open(directory->path, failure, error);
}

memlane_status memlane_directory_find(struct memlane_directory *directory, const char *path,
                                      const struct memlane_sharing *sharing, memlane_error *error) {
    bool named;
    memlane_status status = open_existing(directory, path, &named, error);
    return status == MEMLANE_OK ? examine(directory, named, sharing, error) : status;
}

memlane_status memlane_directory_look(struct memlane_directory *directory, const char *path, memlane_error *error) {
    bool named;
    return open_existing(directory, path, &named, error);
}

void memlane_directory_close(struct memlane_directory *directory) {
    memlane_platform_close(directory->descriptor);
    directory->descriptor = -1;
}
