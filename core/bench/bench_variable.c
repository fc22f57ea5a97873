/* Nanoseconds of one write and one read of a variable, alone: core/bench/bench_variable [bytes...].
 *
 * Prints the smallest of many rounds for each size: what disturbs a round only adds. */
#define _GNU_SOURCE
#include "bench.h"

#include <memlane/memlane.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 200, CALLS = 2000, LARGEST = 1 << 20 };

static unsigned char bytes[LARGEST];

static void write_once(memlane_variable *variable, uint64_t size) {
    memlane_error error;
    require(memlane_variable_write(variable, bytes, size, 1, 0, &error), &error);
}

static void read_once(memlane_variable *variable, uint64_t size) {
    memlane_reading reading;
    memlane_error error;
    require(memlane_variable_read(variable, bytes, size, &reading, &error), &error);
}

static double measure(memlane_variable *variable, uint64_t size, void (*call)(memlane_variable *, uint64_t)) {
    uint64_t best = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = now();
        for (int i = 0; i < CALLS; i++) {
            call(variable, size);
        }
        uint64_t taken = now() - start;
        best = taken < best ? taken : best;
    }
    return (double)best / CALLS;
}

static void measure_size(const char *directory, uint64_t size) {
    memlane_variable_options options;
    memlane_variable *variable;
    memlane_error error;
    memlane_variable_options_initialise(&options);
    options.object.directory = directory;
    options.max_size = size;
    require(memlane_variable_open(&variable, "bench", 5, &options, &error), &error);
    double written = measure(variable, size, write_once);
    double read = measure(variable, size, read_once);
    printf("%8" PRIu64 " bytes  write %8.1f ns  read %8.1f ns\n", size, written, read);
    memlane_variable_free(variable);
    require(memlane_unlink(directory, "bench", 5, 0600, -1, &error), &error);
}

int main(int count, char **arguments) {
    char directory[] = "/dev/shm/memlane-bench-XXXXXX";
    if (mkdtemp(directory) == NULL) {
        perror(directory);
        return 1;
    }
    for (int i = 1; i < count; i++) {
        uint64_t size = strtoull(arguments[i], NULL, 10);
        measure_size(directory, size < 1 ? 1 : size > LARGEST ? LARGEST : size);
    }
    if (count == 1) {
        measure_size(directory, 40);
        measure_size(directory, 1024);
        measure_size(directory, 65536);
    }
    rmdir(directory);
    return 0;
}
