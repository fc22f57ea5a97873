/* Writes records to the variable `exchange`, reads whatever is the latest, and checks it, until Ctrl-C. */
#include "record.h"

#include <memlane/memlane.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
    interrupted = number;
}

static memlane_status open_exchange(memlane_variable **variable, memlane_error *error) {
    static const memlane_field fields[] = {
        MEMLANE_FIELD(struct record, count, MEMLANE_UINT64), MEMLANE_FIELD(struct record, values, MEMLANE_FLOAT64),
        MEMLANE_FIELD(struct record, writer, MEMLANE_CHAR), MEMLANE_FIELD(struct record, process, MEMLANE_UINT32),
        MEMLANE_FIELD(struct record, checksum, MEMLANE_UINT32)};
    memlane_variable_options options;
    memlane_format *format;
    memlane_status status =
        memlane_format_create(&format, sizeof(struct record), fields, sizeof fields / sizeof *fields, error);
    if (status == MEMLANE_OK) {
        memlane_variable_options_initialise(&options);
        options.format = format;
        status = memlane_variable_open(variable, "exchange", strlen("exchange"), &options, error);
        memlane_format_free(format);
    }
    return status;
}

static memlane_status write_next(memlane_variable *variable, struct record *mine, memlane_error *error) {
    mine->count++;
    for (int i = 0; i < 8; i++) {
        mine->values[i] = (double)mine->count / (i + 1);
    }
    mine->checksum = record_checksum(mine);
    return memlane_variable_write(variable, mine, sizeof *mine, MEMLANE_TYPE_STRUCT, MEMLANE_NO_DEADLINE, error);
}

int main(void) {
    struct record mine = {.writer = "c", .process = (uint32_t)getpid()}, latest;
    memlane_variable *variable = NULL;
    memlane_reading reading;
    memlane_error error;
    unsigned long torn = 0;

    signal(SIGINT, interrupt);
    memlane_status status = open_exchange(&variable, &error);
    while (status == MEMLANE_OK && !interrupted) {
        status = write_next(variable, &mine, &error);
        if (status == MEMLANE_OK) {
            status = memlane_variable_read(variable, &latest, sizeof latest, &reading, &error);
            torn += status == MEMLANE_OK && latest.checksum != record_checksum(&latest);
        }
    }
    memlane_variable_free(variable);
    if (status != MEMLANE_OK) {
        fprintf(stderr, "exchange: %s\n", error.message);
        return 1;
    }
    printf("c: %llu written and read, %lu torn\n", (unsigned long long)mine.count, torn);
    return torn != 0;
}
