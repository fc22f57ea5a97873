/* The file of an object whose bytes the fuzzer chooses: a valid one, changed where the input says. */
#ifndef MEMLANE_FUZZ_HOSTILE_FILE_H
#define MEMLANE_FUZZ_HOSTILE_FILE_H

#include "object.h"
#include "platform.h"

#include <memlane/memlane.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOSTILE_SIZE = 16 * MEMLANE_PAGE };

static unsigned char hostile_valid[HOSTILE_SIZE];
static size_t hostile_size;
static char hostile_directory[] = "/dev/shm/memlane-fuzz-XXXXXX";
static const char *hostile_name;
static int hostile_object = -1;

static void hostile_remove_directory(void) {
    memlane_unlink(hostile_directory, hostile_name, strlen(hostile_name), 0600, -1, NULL);
    rmdir(hostile_directory);
}

/* The namespace directory of the object, until the program ends. */
static void hostile_make_directory(const char *name) {
    hostile_name = name;
    require(mkdtemp(hostile_directory) != NULL, "cannot make a namespace directory");
    atexit(hostile_remove_directory);
}

/* What the object is now is what the input changes. */
static void hostile_keep(void) {
    struct memlane_file_status file;
    int parent;
    require(memlane_platform_open_directory(hostile_directory, &parent) == 0 &&
                memlane_platform_open_file(parent, hostile_name, &hostile_object) == 0 &&
                memlane_platform_describe(hostile_object, &file) == 0 && file.size <= sizeof hostile_valid &&
                memlane_platform_read_at(hostile_object, 0, hostile_valid, (size_t)file.size) == 0,
            "cannot read the object back");
    hostile_size = (size_t)file.size;
    memlane_platform_close(parent);
}

/* The object as it was kept, with the input over it from a byte on; `mend` makes checksums right, NULL: as they come. */
static void hostile_overlay(size_t start, const uint8_t *input, size_t size, void (*mend)(unsigned char *bytes)) {
    unsigned char bytes[HOSTILE_SIZE];
    memcpy(bytes, hostile_valid, sizeof bytes);
    memcpy(bytes + start, input, size < hostile_size - start ? size : hostile_size - start);
    if (mend != NULL) {
        mend(bytes);
    }
    require(ftruncate(hostile_object, (off_t)hostile_size) == 0 &&
                memlane_platform_write_at(hostile_object, 0, bytes, hostile_size) == 0,
            "cannot lay the bytes down");
}

/* Checksums are right, as with one who knows how: else nothing but they would be tested. */
static inline void hostile_repair(unsigned char *bytes) {
    struct memlane_header header;
    memcpy(&header, bytes, sizeof header);
    if (header.schema_length <= hostile_size - MEMLANE_PAGE) {
        header.schema_checksum = memlane_checksum(bytes + MEMLANE_PAGE, header.schema_length);
        memcpy(bytes, &header, sizeof header);
    }
    repair(bytes);
}

/* From the byte that the input's first two bytes name. */
static inline void hostile_lay_down(const uint8_t *input, size_t size) {
    hostile_overlay(((size_t)input[0] << 8 | input[1]) % hostile_size, input + 2, size - 2, hostile_repair);
}

/* The file ends at the length that two bytes say, while it is in use. */
static inline void hostile_cut(const uint8_t length[2]) {
    require(ftruncate(hostile_object, (off_t)((size_t)(length[0] | length[1] << 8) % hostile_size)) == 0,
            "cannot cut the file");
}

/* The first words of the body, while it is in use. */
static inline void hostile_change_words(const uint8_t *input, size_t size, size_t words) {
    struct memlane_header header;
    memcpy(&header, hostile_valid, sizeof header);
    memlane_platform_write_at(hostile_object, header.body_offset, input, size < words ? size : words);
}

/* The input may have made it one that goes with its last endpoint. */
static inline void hostile_put_back(void) {
    int parent, found;
    if (memlane_platform_open_directory(hostile_directory, &parent) != 0) {
        return;
    }
    if (memlane_platform_open_file(parent, hostile_name, &found) == 0) {
        memlane_platform_close(found);
    } else {
        memlane_platform_close(hostile_object);
        require(memlane_platform_create_unnamed(parent, 0600, &hostile_object) == 0 &&
                    memlane_platform_publish(hostile_object, parent, hostile_name) == 0,
                "cannot put the object back");
    }
    memlane_platform_close(parent);
}

#endif
