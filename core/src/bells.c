#include "bells.h"

#include <errno.h>

bool memlane_bells_arm(struct memlane_bells *bells, memlane_atomic32 *bell) {
    if (bells->count == MEMLANE_FUTEXES_MAXIMUM) {
        return false;
    }
    bells->futexes[bells->count++] = (struct memlane_futex){.word = bell, .expected = memlane_wait_arm(bell)}; /* W1 */
    return true;
}

static int sleep_on_last(const struct memlane_bells *bells, uint64_t chunk_ns) {
    const struct memlane_futex *last = &bells->futexes[bells->count - 1];
    return memlane_platform_futex_wait(last->word, last->expected, chunk_ns);
}

int memlane_bells_sleep(const struct memlane_bells *bells, uint64_t chunk_ns, uint64_t short_chunk_ns) {
    if (bells->count == 1) {
        return sleep_on_last(bells, chunk_ns);
    }
    int failure = memlane_platform_futex_wait_any(bells->futexes, bells->count, chunk_ns);
    return failure == ENOSYS ? sleep_on_last(bells, chunk_ns < short_chunk_ns ? chunk_ns : short_chunk_ns) : failure;
}
