#include "names.h"
#include "removal.h"

#include <memlane/namespace.h>

memlane_status memlane_unlink(const char *directory, const char *name, size_t length, uint32_t permissions,
                              int64_t peer_user, memlane_error *error) {
    struct memlane_object_name parsed;
    struct memlane_sharing sharing = {.permissions = permissions & 0777, .peer_user = peer_user};
    memlane_status status = memlane_object_name_parse(&parsed, name, length, error);
    return status == MEMLANE_OK ? memlane_removal_unlink(directory, &parsed, &sharing, error) : status;
}

memlane_status memlane_collect(const char *directory, uint32_t permissions, int64_t peer_user, uint32_t *removed,
                               memlane_error *error) {
    struct memlane_sharing sharing = {.permissions = permissions & 0777, .peer_user = peer_user};
    return memlane_removal_collect(directory, &sharing, removed, error);
}
