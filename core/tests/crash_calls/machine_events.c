/* The part of platform.h that only endpoints use which others poll: nobody polls here. */
#include "cast.h"

#include <errno.h>

int memlane_platform_start_thread(void (*run)(void *argument), void *argument) {
    (void)run, (void)argument;
    machine_blame(__LINE__);
    return ENOSYS;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type of the seam */
int memlane_platform_make_event(int *descriptor) {
    (void)descriptor;
    machine_blame(__LINE__);
    return ENOSYS;
}

bool memlane_platform_is_event(int descriptor) {
    (void)descriptor;
    machine_blame(__LINE__);
    return false;
}

void memlane_platform_raise_event(int descriptor) {
    (void)descriptor;
    machine_blame(__LINE__);
}

void memlane_platform_clear_event(int descriptor) {
    (void)descriptor;
    machine_blame(__LINE__);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type of the seam */
int memlane_platform_make_last_event(int *descriptor) {
    (void)descriptor;
    machine_blame(__LINE__);
    return ENOSYS;
}

void memlane_platform_raise_last_event(int descriptor) {
    (void)descriptor;
    machine_blame(__LINE__);
}
