/* The seam on Linux, as far as it goes through descriptors; see platform.h for what each function promises. */
#define _GNU_SOURCE
#include "platform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The byte locks begin at 2^40: a 32-bit machine needs _FILE_OFFSET_BITS=64, which CMakeLists.txt defines. */
_Static_assert(sizeof(off_t) == 8, "files have offsets of 64 bits");

enum { DESCRIPTOR_PATH_SIZE = 40 };

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

/* -- events ------------------------------------------------------------------------------------------- */

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
