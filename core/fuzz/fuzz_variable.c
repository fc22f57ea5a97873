/* Hostile bytes in the file of a variable: whatever they say, every call answers.
 *
 * The input changes a valid object and then all of the public API works on it. Its first byte says where the rest goes:
 *   bits 0-1  the part that is overwritten: header, participants and statistics, words of the register, bytes of slots
 *   bit 2     the header's checksum is made right again, so that what it protects is reached as well
 *   bit 3     the file is cut to the length that the next two bytes say, while the object is open
 * Found crashes and hangs are findings; wrong values are not. */
#define _GNU_SOURCE
#include "hostile_file.h"

#include <memlane/memlane.h>

enum { PARTS = 4, REPAIR = 4, TRUNCATE = 8, SLOTS = 3, CAPACITY = 64, PLACES = 4 };

static memlane_variable_options options(void) {
    memlane_variable_options asked;
    memlane_variable_options_initialise(&asked);
    asked.object.directory = hostile_directory;
    return asked;
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    memlane_variable_options asked = options();
    memlane_variable *variable;
    (void)count;
    (void)arguments;
    hostile_make_directory("pose");
    asked.slots = SLOTS;
    asked.max_size = CAPACITY;
    asked.object.participants = PLACES;
    require(memlane_variable_open(&variable, "pose", 4, &asked, NULL) == MEMLANE_OK, "cannot create the object");
    require(memlane_variable_write(variable, "value", 5, 1, 0, NULL) == MEMLANE_OK, "cannot write a value");
    memlane_variable_free(variable);
    hostile_keep();
    require(hostile_size == PARTS * MEMLANE_PAGE, "the object has other parts");
    return 0;
}

static void look(memlane_variable *variable) {
    unsigned char copy[CAPACITY];
    memlane_reading reading;
    memlane_view view;
    memlane_error error;
    uint64_t version = 0;
    memlane_variable_read(variable, copy, sizeof copy, &reading, &error);
    memlane_variable_version(variable, &version);
    memlane_variable_wait(variable, version, 0, &version, &error);
    if (memlane_variable_view(variable, &view, &error) == MEMLANE_OK) {
        unsigned sum = 0;
        for (uint64_t i = 0; i < view.reading.size; i++) {
            sum += ((const unsigned char *)view.bytes)[i];
        }
        copy[0] = (unsigned char)sum;
        memlane_view_release(&view);
    }
}

static void change(memlane_variable *variable) {
    memlane_loan loan;
    memlane_error error;
    memlane_variable_write(variable, "another value", 13, 1, 0, &error);
    if (memlane_variable_loan(variable, &loan, 0, &error) == MEMLANE_OK) {
        memset(loan.bytes, 1, (size_t)loan.capacity);
        if (memlane_loan_commit(&loan, loan.capacity, 2, NULL, &error) == MEMLANE_VALUE_TOO_LARGE) {
            memlane_loan_drop(&loan);
        }
    }
}

static void work(memlane_variable *variable) {
    memlane_variable_statistics statistics;
    memlane_error error;
    look(variable);
    change(variable);
    look(variable);
    memlane_variable_statistics_read(variable, &statistics, &error);
    memlane_variable_is_private(variable);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    memlane_variable_options asked = options();
    memlane_variable *variable;
    memlane_error error;
    uint32_t removed;
    if (size < 3) {
        return 0;
    }
    hostile_overlay((size_t)(input[0] % PARTS) * MEMLANE_PAGE, input + 1, size - 1,
                    (input[0] & REPAIR) != 0 ? repair : NULL);
    asked.object.create = false;
    if (memlane_variable_open(&variable, "pose", 4, &asked, &error) == MEMLANE_OK) {
        work(variable);
        if ((input[0] & TRUNCATE) != 0) {
            hostile_cut(input + 1);
            work(variable);
        }
        memlane_variable_free(variable);
    }
    memlane_collect(hostile_directory, 0600, -1, &removed, &error);
    hostile_put_back();
    return 0;
}
