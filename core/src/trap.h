/* Survival of truncation: a page of a mapping that its file no longer has raises SIGBUS on access. The trap replaces
 * the whole mapping by private zeros and marks it, so that the access continues and the operation ends by noticing
 * the mark. The method of PulseAudio's memtrap and Wayland's wl_shm; a named tmpfs file cannot be sealed. */
#ifndef MEMLANE_TRAP_H
#define MEMLANE_TRAP_H

#include "atomic.h"

#include <memlane/status.h>
#include <stddef.h>

enum { MEMLANE_TRAP_NONE = -1 };

/* Makes sure that the handler is in place and in front. MEMLANE_SIGBUS=0 in the environment turns the trap off. */
memlane_status memlane_trap_install(memlane_error *error);

/* Guards a mapping that was just made; the handle goes to the two others. MEMLANE_TRAP_NONE when the table is full or
 * the trap is off: then truncation by a peer ends the process, as without memlane. Async-signal-safe table,
 * lock-free. */
int memlane_trap_guard(void *address, size_t size, bool writable);

/* Before the mapping is unmapped. */
void memlane_trap_release(int guard);

/* Whether the mapping was lost. Wait-free. */
bool memlane_trap_sprung(int guard);

#endif
