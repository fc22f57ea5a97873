#define _GNU_SOURCE
#include "scribbler.h"

#include "../check.h"

#include "layout.h"

#include <fcntl.h>
#include <sys/mman.h>

/* One object as the scribbler has it: the newest file of that name. */
struct target {
    const char *name;
    int descriptor;
    ino_t inode;
    unsigned char *base;
    size_t size;
};

static uint64_t random_state;

static uint64_t draw(uint64_t below) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

static void lose(struct target *target) {
    if (target->base != NULL) {
        munmap(target->base, target->size);
        close(target->descriptor);
        target->base = NULL;
    }
}

/* Follows the name: the victim removes and makes objects anew. */
static bool follow(struct target *target, const char *directory) {
    char path[CHECK_PATH_SIZE + 16];
    struct stat found;
    snprintf(path, sizeof path, "%s/%s", directory, target->name);
    if (target->base != NULL && stat(path, &found) == 0 && found.st_ino == target->inode) {
        return true;
    }
    lose(target);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) {
        return false;
    }
    void *base = MAP_FAILED;
    if (fstat(descriptor, &found) == 0 && found.st_size > MEMLANE_PAGE) {
        base = mmap(NULL, (size_t)found.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    }
    if (base == MAP_FAILED) {
        close(descriptor);
        return false;
    }
    *target = (struct target){.name = target->name,
                              .descriptor = descriptor,
                              .inode = found.st_ino,
                              .base = base,
                              .size = (size_t)found.st_size};
    return true;
}

/* -- what is written -------------------------------------------------------------------------------------------- */

/* A word that the core may believe for a while. */
static uint64_t plausible_word(const struct target *target) {
    enum { SLOTS_AND_MORE = 24, OWNERS = 20, LENGTHS = 3000, TAGS = 20 };
    const uint64_t special[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(0xffff), UINT64_MAX << 16};
    switch (draw(9)) {
    case 0:
        return special[draw(sizeof special / sizeof *special)];
    case 1:
        return memlane_latest_word(draw(1000), draw(SLOTS_AND_MORE));
    case 2:
        return memlane_control_word(draw(1000), draw(OWNERS), draw(4));
    case 3:
        return memlane_latest_word((UINT64_C(1) << 48) - 1 - draw(4), draw(SLOTS_AND_MORE));
    case 4:
        return draw(4) << 30 | memlane_tag((uint32_t)draw(TAGS), (uint32_t)draw(8)) | draw(1000) << 32;
    case 5: /* the word of a call, or of an end */
        return memlane_call_word((uint32_t)draw(100), (uint32_t)draw(8),
                                 memlane_tag((uint32_t)draw(TAGS), (uint32_t)draw(8)));
    case 6: /* the words of a payload */
        return draw(LENGTHS) << 24 | draw(8);
    case 7: /* another word of the object */
        return *(const uint64_t *)(const void *)(target->base + draw(target->size / 8) * 8);
    default:
        return draw(LENGTHS) | draw(256) << 40;
    }
}

static void store(const struct target *target, uint64_t offset, uint64_t value) {
    memlane_atomic64 *word = (memlane_atomic64 *)(void *)(target->base + offset / 8 * 8);
    memlane_store_relaxed(word, value); /* relaxed: damage needs no order */
}

static void flip_a_bit(const struct target *target, uint64_t offset) {
    target->base[offset] ^= (unsigned char)(1U << draw(8));
}

/* The first words of the body are the ones that everything goes by. */
static void overwrite(const struct target *target, uint64_t body) {
    enum { CURSORS = 128, WORDS = 4096 };
    uint64_t where = draw(64);
    if (where < 16) {
        store(target, body, plausible_word(target)); /* `latest`, or the first lock */
    } else if (where < 28) {
        store(target, body + draw(CURSORS), plausible_word(target));
    } else if (where < 48) {
        store(target, body + draw(WORDS), plausible_word(target));
    } else if (where < 56) {
        store(target, MEMLANE_PAGE + draw(target->size - MEMLANE_PAGE), plausible_word(target));
    } else if (where < 63) {
        flip_a_bit(target, MEMLANE_PAGE + draw(target->size - MEMLANE_PAGE));
    } else if (draw(256) == 0) {
        flip_a_bit(target, draw(MEMLANE_PAGE)); /* the header: seldom, it only matters to who opens */
    }
}

static uint64_t body_of(const struct target *target) {
    uint64_t offset = ((const struct memlane_header *)(const void *)target->base)->body_offset;
    return offset >= MEMLANE_PAGE && offset <= target->size - (size_t)2 * MEMLANE_PAGE && offset % MEMLANE_PAGE == 0
               ? offset
               : MEMLANE_PAGE;
}

/* -- what is taken away ----------------------------------------------------------------------------------------- */

/* Until the victim has run into it, or does not use this object now; then the file is whole again, and holds zeros. */
static void truncate_for_a_moment(const struct board *board, const struct target *target) {
    enum { LOOKS = 20, LOOK_NS = 200000 };
    uint64_t contained = memlane_load_relaxed(&board->contained);
    off_t kept = (off_t)(draw(3) == 0 ? 0 : draw(target->size));
    if (ftruncate(target->descriptor, kept) != 0) {
        return;
    }
    for (int look = 0; look < LOOKS && memlane_load_relaxed(&board->contained) == contained; look++) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    }
    int failure = posix_fallocate(target->descriptor, 0, (off_t)target->size);
    if (failure != 0) {
        CHECK_FAIL("the scribbler cannot make its file whole: %s", strerror(failure));
    }
}

_Noreturn void scribbler_run(struct board *board, const char *directory, uint64_t seed) {
    enum { BURST = 24, TRUNCATE_ONE_IN = 150, PAUSE_ONE_IN = 8, PAUSE_NS = 20000 };
    struct target targets[] = {
        {.name = "value"}, {.name = "bytes"}, {.name = "calls"}, {.name = "pages"}, {.name = "locks"}};
    random_state = seed | 1;
    for (;;) {
        struct target *target = &targets[draw(2) == 0 ? 0 : draw(sizeof targets / sizeof *targets)];
        if (!follow(target, directory)) {
            continue;
        }
        if (draw(TRUNCATE_ONE_IN) == 0) {
            truncate_for_a_moment(board, target);
            memlane_add_relaxed(&board->truncations, 1);
        }
        uint64_t body = body_of(target);
        for (int i = 0; i < BURST; i++) {
            overwrite(target, body);
        }
        memlane_add_relaxed(&board->stores, BURST);
        if (draw(PAUSE_ONE_IN) == 0) {
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL); /* some operations must get through */
        }
    }
}
