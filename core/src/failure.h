/* Filling in a memlane_error. Each returns the status, so that a failing function ends with one statement. */
#ifndef MEMLANE_FAILURE_H
#define MEMLANE_FAILURE_H

#include <memlane/status.h>

memlane_status memlane_fail(memlane_error *error, memlane_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A system call failed: appends the system's text for system_error. ENOMEM and the like keep MEMLANE_SYSTEM. */
memlane_status memlane_fail_system(memlane_error *error, int system_error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds to the message of a failure that is being passed on. */
void memlane_failure_append(memlane_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
