/* Objects by name, whatever their kind. */
#ifndef MEMLANE_NAMESPACE_H
#define MEMLANE_NAMESPACE_H

#include <memlane/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Removes the name (UTF-8, `length` bytes) from the directory (NULL or empty: the default). Endpoints that are open go
 * on. `permissions` and `peer_user` as in memlane_object_options. May be called by any thread at any time, but for
 * signal handlers.
 *
 * Blocking: on the file system and the directory's lock. MEMLANE_NOT_FOUND, MEMLANE_INVALID_NAME,
 * MEMLANE_UNSAFE_NAMESPACE, MEMLANE_ACCESS_DENIED, MEMLANE_SYSTEM. */
MEMLANE_API memlane_status memlane_unlink(const char *directory, const char *name, size_t length, uint32_t permissions,
                                          int64_t peer_user, memlane_error *error);

/* Removes every ephemeral object of the directory that no live endpoint has open; their number in *removed. Arguments
 * and callers as for memlane_unlink(). What was removed stays removed where a later object fails.
 *
 * Blocking: on the file system and the directory's lock. MEMLANE_UNSAFE_NAMESPACE, MEMLANE_ACCESS_DENIED,
 * MEMLANE_SYSTEM. */
MEMLANE_API memlane_status memlane_collect(const char *directory, uint32_t permissions, int64_t peer_user,
                                           uint32_t *removed, memlane_error *error);

#ifdef __cplusplus
}
#endif
#endif
