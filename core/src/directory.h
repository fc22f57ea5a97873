/* The namespace directory: one file for each object, private to one user unless asked otherwise. */
#ifndef MEMLANE_DIRECTORY_H
#define MEMLANE_DIRECTORY_H

#include "platform.h"

#include <memlane/status.h>

enum { MEMLANE_PATH_MAXIMUM = 4096 };

/* Who may share. permissions: what objects are created with and the most that an opened one may carry; peer_user:
 * another user whose objects and directory are accepted, or -1. */
struct memlane_sharing {
    uint32_t permissions;
    int64_t peer_user;
};

struct memlane_directory {
    int descriptor;
    char path[MEMLANE_PATH_MAXIMUM];
};

/* path NULL or empty: $MEMLANE_DIR, else the default for this user, which is created when it is missing.
 * MEMLANE_UNSAFE_NAMESPACE where others could put objects of theirs there, MEMLANE_UNSUPPORTED_NAMESPACE where byte
 * locks do not work. Blocking only on the file system. */
memlane_status memlane_directory_open(struct memlane_directory *directory, const char *path,
                                      const struct memlane_sharing *sharing, memlane_error *error);
/* The same directory, to find or remove what is in it: makes nothing. MEMLANE_NOT_FOUND where there is none; its path is
 * there all the same. */
memlane_status memlane_directory_find(struct memlane_directory *directory, const char *path,
                                      const struct memlane_sharing *sharing, memlane_error *error);
/* The same directory, to look at: makes nothing, tests nothing, and trusts nobody. MEMLANE_NOT_FOUND where there is none. */
memlane_status memlane_directory_look(struct memlane_directory *directory, const char *path, memlane_error *error);
/* MEMLANE_ACCESS_DENIED: a file could not be created in it. */
memlane_status memlane_directory_explain_denial(const struct memlane_directory *directory, int failure,
                                                memlane_error *error);
/* MEMLANE_NO_SPACE: a file could not be created in it, of whatever size. */
memlane_status memlane_directory_explain_full(const struct memlane_directory *directory, memlane_error *error);
void memlane_directory_close(struct memlane_directory *directory);

#endif
