/* The storage behind a segment's file: it is reserved before it is used. */
#ifndef MEMLANE_STORAGE_H
#define MEMLANE_STORAGE_H

#include "segment.h"

/* The part of the file that was reserved at creation. */
uint64_t memlane_storage_fixed_size(const struct memlane_segment *segment);

/* Reserves storage for a range of the file beyond that part: MEMLANE_NO_SPACE, MEMLANE_SYSTEM, MEMLANE_OWNERSHIP_LOST.
 * `purpose` names it in the error. Gives it back: what is in it is lost. */
memlane_status memlane_storage_reserve(struct memlane_segment *segment, uint64_t offset, uint64_t size,
                                       const char *purpose, memlane_error *error);
void memlane_storage_give_back(struct memlane_segment *segment, uint64_t offset, uint64_t size);

/* Reserves what the fixed part of an existing file lacks. A sparse file would raise SIGBUS later, when the file system
 * is full. Storage of the parts that come and go may hide a hole in the fixed one: then the trap is what is left. */
memlane_status memlane_storage_check(const struct memlane_segment *segment, const struct memlane_directory *directory,
                                     const struct memlane_file_status *file, memlane_error *error);

/* The text for storage that could not be reserved in the directory: MEMLANE_NO_SPACE, MEMLANE_SYSTEM. */
memlane_status memlane_storage_explain_shortage(const struct memlane_segment *segment,
                                                const struct memlane_directory *directory, int failure,
                                                memlane_error *error);

#endif
