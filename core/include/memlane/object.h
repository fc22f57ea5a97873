/* What objects of all kinds have in common: how an opener finds or creates one. */
#ifndef MEMLANE_OBJECT_H
#define MEMLANE_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMLANE_NO_DEADLINE UINT64_MAX
#define MEMLANE_ANY UINT64_MAX /* what was not given: adopt what is there, or the default when creating */

enum { MEMLANE_DEFAULT_PARTICIPANTS = 128 };

/* Part of the options of each kind, whose initialise function fills it in. */
typedef struct memlane_object_options {
    const char *directory;     /* namespace directory; NULL or empty: $MEMLANE_DIR, else the user's own */
    uint64_t participants;     /* endpoints at once, 1 to 1024, or MEMLANE_ANY */
    uint64_t ephemeral;        /* 1: the last endpoint to close removes the object; 0: it stays; or MEMLANE_ANY */
    uint32_t permissions;      /* file mode to create with, and the most that is accepted: 0600 */
    int64_t peer_user;         /* uid of another user whose object is accepted, or -1 */
    bool create;               /* false: a missing object is MEMLANE_NOT_FOUND */
    const unsigned char *uuid; /* 16 bytes: accept only this very object; NULL: any */
} memlane_object_options;

#ifdef __cplusplus
}
#endif
#endif
