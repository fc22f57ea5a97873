/* Endpoints in the namespace directory of the running test. */
#ifndef MEMLANE_TESTS_ENDPOINT_H
#define MEMLANE_TESTS_ENDPOINT_H

#include "check.h"

static CHECK_UNUSED memlane_variable_options endpoint_options(void) {
    memlane_variable_options options;
    memlane_variable_options_initialise(&options);
    options.object.directory = check_directory;
    return options;
}

static CHECK_UNUSED memlane_variable *endpoint_open_with(const char *name, const memlane_variable_options *options) {
    memlane_variable *variable = NULL;
    memlane_error error;
    CHECK_OK(memlane_variable_open(&variable, name, strlen(name), options, &error), &error);
    return variable;
}

static CHECK_UNUSED memlane_variable *endpoint_open(const char *name) {
    memlane_variable_options options = endpoint_options();
    return endpoint_open_with(name, &options);
}

static CHECK_UNUSED void endpoint_unlink(const char *name) {
    memlane_error error;
    CHECK_OK(memlane_unlink(check_directory, name, strlen(name), 0600, -1, &error), &error);
}

static CHECK_UNUSED void endpoint_write(memlane_variable *variable, uint64_t value) {
    memlane_error error;
    CHECK_OK(memlane_variable_write(variable, &value, sizeof value, 1, 0, &error), &error);
}

static CHECK_UNUSED uint64_t endpoint_read(memlane_variable *variable) {
    uint64_t value = 0;
    memlane_reading reading;
    memlane_error error;
    CHECK_OK(memlane_variable_read(variable, &value, sizeof value, &reading, &error), &error);
    CHECK_EQUAL(sizeof value, reading.size);
    return value;
}

static CHECK_UNUSED memlane_variable_statistics endpoint_statistics(memlane_variable *variable) {
    memlane_variable_statistics statistics;
    memlane_error error;
    CHECK_OK(memlane_variable_statistics_read(variable, &statistics, &error), &error);
    return statistics;
}

#endif
