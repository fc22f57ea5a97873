/* Filling in a memlane_error. Each returns the status, so that a failing function ends with one statement. */
#ifndef MEMLANE_FAILURE_H
#define MEMLANE_FAILURE_H

#include <memlane/status.h>

/* What was asked, what is there, what to do. */
void memlane_explain(memlane_error *error, memlane_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A macro, so that compilers and readers see which status comes back. */
#define memlane_fail(error, status, ...) (memlane_explain((error), (status), __VA_ARGS__), (memlane_status)(status))

/* A system call failed: MEMLANE_SYSTEM, and the system's text for system_error at the end. */
void memlane_explain_system(memlane_error *error, int system_error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define memlane_fail_system(error, system_error, ...)                                                                  \
    (memlane_explain_system((error), (system_error), __VA_ARGS__), (memlane_status)MEMLANE_SYSTEM)

#endif
