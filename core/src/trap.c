#include "trap.h"

#include "failure.h"
#include "platform.h"

#include <string.h>

enum { GUARDS = 8192, RESERVED = 1 };

/* Writer: the thread that guards or releases, which alone owns an entry once it moved start from 0. Reader: the
 * signal handler of any thread. start is written last and cleared first, so that the handler only sees entries that
 * are whole. */
static struct {
    memlane_atomic64 start; /* 0 free, RESERVED being filled in, else the address */
    memlane_atomic64 size;
    memlane_atomic32 writable, sprung;
} guards[GUARDS];

static memlane_atomic32 next_guard; /* where to look first: a hint */

static bool restore(void *address) {
    uint64_t at = (uint64_t)(uintptr_t)address;
    for (size_t i = 0; i < GUARDS; i++) {
        /* acquire, pairs with the release in memlane_trap_guard: size and writable belong to this start. */
        uint64_t start = memlane_load_acquire(&guards[i].start);
        uint64_t size = memlane_load_relaxed(&guards[i].size);            /* relaxed: after the acquire above */
        bool writable = memlane_load32_relaxed(&guards[i].writable) != 0; /* relaxed: as size */
        if (start <= RESERVED || at < start || at - start >= size) {
            continue;
        }
        if (memlane_load_acquire(&guards[i].start) != start) {
            continue; /* given back and taken again in between: size was another mapping's */
        }
        memlane_store32_release(&guards[i].sprung,
                                1); /* before the zeros can be read; pairs with memlane_trap_sprung */
        return memlane_platform_replace_by_zeros((void *)(uintptr_t)start, (size_t)size, writable) == 0;
    }
    return false;
}

static bool is_off(void) {
    const char *setting = memlane_platform_environment("MEMLANE_SIGBUS");
    return setting != NULL && strcmp(setting, "0") == 0;
}

memlane_status memlane_trap_install(memlane_error *error) {
    int failure = is_off() ? 0 : memlane_platform_trap_faults(restore);
    return failure == 0 ? MEMLANE_OK : memlane_fail_system(error, failure, "cannot install the handler of SIGBUS");
}

int memlane_trap_guard(void *address, size_t size, bool writable) {
    if (is_off()) {
        return MEMLANE_TRAP_NONE;
    }
    uint32_t first = memlane_add32_seq_cst(&next_guard, 1); /* seq_cst for want of a weaker need: this is no hot path */
    for (uint32_t look = 0; look < GUARDS; look++) {
        uint32_t i = (first + look) % GUARDS;
        if (!memlane_cas_acquire(&guards[i].start, 0,
                                 RESERVED)) { /* acquire, pairs with the release in memlane_trap_release */
            continue;
        }
        memlane_store_relaxed(&guards[i].size, size); /* relaxed: published by start below */
        memlane_store32_relaxed(&guards[i].writable, writable);
        memlane_store32_relaxed(&guards[i].sprung, 0);
        memlane_store_release(&guards[i].start, (uint64_t)(uintptr_t)address); /* pairs with the acquire in restore */
        return (int)i;
    }
    return MEMLANE_TRAP_NONE;
}

void memlane_trap_release(int guard) {
    if (guard != MEMLANE_TRAP_NONE) {
        memlane_store_release(&guards[guard].start, 0); /* pairs with the claim in memlane_trap_guard */
    }
}

bool memlane_trap_sprung(int guard) {
    return guard != MEMLANE_TRAP_NONE && memlane_load32_acquire(&guards[guard].sprung) != 0;
}
