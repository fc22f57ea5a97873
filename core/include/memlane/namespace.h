/* Objects by name, whatever their kind. */
#ifndef MEMLANE_NAMESPACE_H
#define MEMLANE_NAMESPACE_H

#include <memlane/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Removes the name (UTF-8, length bytes) from the directory (NULL or empty: the default). Endpoints that are open go
 * on. permissions and peer_user as in memlane_variable_options. MEMLANE_NOT_FOUND, _INVALID_NAME, _UNSAFE_NAMESPACE,
 * _SYSTEM. */
MEMLANE_API memlane_status memlane_unlink(const char *directory, const char *name, size_t length, uint32_t permissions,
                                          int64_t peer_user, memlane_error *error);

/* Removes every ephemeral object of the directory that no live endpoint has open; their number in *removed. */
MEMLANE_API memlane_status memlane_collect(const char *directory, uint32_t permissions, int64_t peer_user,
                                           uint32_t *removed, memlane_error *error);

#ifdef __cplusplus
}
#endif
#endif
