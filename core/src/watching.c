#include "watching.h"

#include <errno.h>

enum { SHORT_CHUNK_NS = 1000000 };

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static bool has_changed(const struct memlane_watched *watched, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (memlane_load_seq_cst(watched[i].word) != watched[i].seen) { /* W2 */
            return true;
        }
    }
    return false;
}

static int sleep_on(const struct memlane_futex *bells, uint32_t count, uint64_t chunk_ns) {
    if (count == 1) {
        return memlane_platform_futex_wait(bells[0].word, bells[0].expected, chunk_ns);
    }
    int failure = memlane_platform_futex_wait_any(bells, count, chunk_ns);
    return failure == ENOSYS || failure == EPERM
               ? memlane_platform_futex_wait(bells[0].word, bells[0].expected, smaller(chunk_ns, SHORT_CHUNK_NS))
               : failure;
}

memlane_status memlane_watching_sleep(const struct memlane_watched *watched, uint32_t count, uint64_t chunk_ns) {
    struct memlane_futex bells[MEMLANE_FUTEXES_MAXIMUM] = {{NULL, 0}};
    uint32_t slept_on = count < MEMLANE_FUTEXES_MAXIMUM ? count : MEMLANE_FUTEXES_MAXIMUM;
    for (uint32_t i = 0; i < slept_on; i++) {
        bells[i] = (struct memlane_futex){watched[i].bell, memlane_wait_arm(watched[i].bell)}; /* W1 */
    }
    if (has_changed(watched, count)) {
        return MEMLANE_OK;
    }
    uint64_t chunk = slept_on < count ? smaller(chunk_ns, SHORT_CHUNK_NS) : chunk_ns;
    int failure = sleep_on(bells, slept_on, chunk);
    return failure == 0 ? MEMLANE_OK : failure == EINTR ? MEMLANE_INTERRUPTED : MEMLANE_TIMEOUT;
}
