/* The end of an object: its name is removed explicitly, or, when it is ephemeral, once nobody has it open. */
#ifndef MEMLANE_REMOVAL_H
#define MEMLANE_REMOVAL_H

#include "segment.h"

/* Removes the name; endpoints go on. MEMLANE_NOT_FOUND when there is none. */
memlane_status memlane_removal_unlink(const char *path, const struct memlane_object_name *name,
                                      const struct memlane_sharing *sharing, memlane_error *error);

/* Removes an ephemeral object that no live endpoint has open; true when the name is gone. `descriptor` is a
 * description of the mapped segment that holds no byte lock. Under memlane_fork_hold(). */
bool memlane_removal_of_abandoned(const struct memlane_segment *segment, int descriptor,
                                  const struct memlane_directory *directory);

/* Removes every ephemeral object of the directory that nobody has open; their number in *removed. */
memlane_status memlane_removal_collect(const char *path, const struct memlane_sharing *sharing, uint32_t *removed,
                                       memlane_error *error);

/* Whether the name in the directory leads to the file. */
bool memlane_removal_name_leads_to(const struct memlane_directory *directory, const char *file, uint64_t device,
                                   uint64_t inode);

#endif
