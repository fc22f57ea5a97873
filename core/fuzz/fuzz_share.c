/* Hostile words in a share that is open: what was taken, what is the latest, and what the slots say. Whatever it is, every
 * call answers. The files themselves are fuzz_variable.c's. */
#define _GNU_SOURCE
#include "object.h"
#include "taking.h"
#include "variable_kind.h"

#include <memlane/memlane.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 3, SIZE = 64 };

static char directory[] = "/dev/shm/memlane-fuzz-XXXXXX";
static memlane_share *share;
static struct memlane_taking taking;
static struct memlane_slot valid[SLOTS];
static uint64_t valid_latest;

static void remove_all(void) {
    memlane_share_free(share);
    memlane_unlink(directory, "cloud", 5, 0600, -1, NULL);
    rmdir(directory);
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    memlane_share_options asked;
    (void)count;
    (void)arguments;
    require(mkdtemp(directory) != NULL, "cannot make a namespace directory");
    memlane_share_options_initialise(&asked);
    asked.object.directory = directory;
    asked.size = SIZE;
    asked.slots = SLOTS;
    require(memlane_share_open(&share, "cloud", 5, &asked, NULL) == MEMLANE_OK, "cannot create the share");
    atexit(remove_all);
    require(memlane_share_put(share, "value", 5, 1, NULL, NULL) == MEMLANE_OK, "cannot put a value");
    struct memlane_register *reg = &memlane_share_variable(share)->reg;
    memlane_taking_locate(&taking, reg);
    memcpy(valid, reg->slot, sizeof valid);
    valid_latest = memlane_load_relaxed(&reg->control->latest);
    return 0;
}

/* Eight bytes of the input each, then the words of the slots. */
static void lay_down(const uint8_t *input, size_t size) {
    struct memlane_register *reg = &memlane_share_variable(share)->reg;
    uint64_t words[2] = {0, valid_latest};
    memcpy(words, input, size < sizeof words ? size : sizeof words);
    memcpy(reg->slot, valid, sizeof valid);
    if (size > sizeof words) {
        size_t rest = size - sizeof words < sizeof valid ? size - sizeof words : sizeof valid;
        memcpy((unsigned char *)reg->slot, input + sizeof words, rest);
    }
    memlane_store_relaxed(&taking.control->taken, words[0]);
    memlane_store_relaxed(&reg->control->latest, words[1]);
}

static void get(void) {
    unsigned char copy[SIZE + MEMLANE_SHARE_HEADROOM];
    memlane_reading reading;
    memlane_view view;
    memlane_error error;
    memlane_share_get(share, copy, sizeof copy, &reading, 0, &error);
    if (memlane_share_view(share, &view, 0, &error) == MEMLANE_OK) {
        memcpy(copy, view.bytes, (size_t)view.reading.size);
        memlane_view_release(&view);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    bool dropped;
    uint64_t version;
    memlane_error error;
    lay_down(input, size);
    get();
    memlane_share_put(share, "another", 7, 1, &version, &error);
    get();
    memlane_share_clear(share, &dropped, &error);
    memlane_share_taken(share, &version, &error);
    return 0;
}
