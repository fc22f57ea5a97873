#include "watching.h"

#include "bells.h"

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

memlane_status memlane_watching_sleep(const struct memlane_watched *watched, uint32_t count, uint64_t chunk_ns) {
    struct memlane_bells bells;
    bells.count = 0;
    uint32_t armed = 0;
    while (armed < count && memlane_bells_arm(&bells, watched[armed].bell)) {
        armed++;
    }
    if (has_changed(watched, count)) {
        return MEMLANE_OK;
    }
    uint64_t chunk = bells.count < count ? smaller(chunk_ns, SHORT_CHUNK_NS) : chunk_ns;
    int failure = memlane_bells_sleep(&bells, chunk, SHORT_CHUNK_NS);
    return failure == 0 ? MEMLANE_OK : failure == EINTR ? MEMLANE_INTERRUPTED : MEMLANE_TIMEOUT;
}
