/* Nanoseconds of a round trip between two processors without anything of memlane: no channel can be faster than these.
 *
 * It prints the median and the 99th percentile of
 *   spinning  64 bytes there and back, beside a count on a line of its own, when both ends look all the time;
 *   asleep    the same when both ends sleep in the kernel until the count changes, 1 ms between two trips. */
#define _GNU_SOURCE
#include "bench.h"
#include "two_processors.h"

#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SPINNING_TRIPS = 100000, SLEEPING_TRIPS = 1000, BYTES = 64 };

/* One direction. Its sender fills the bytes, then raises the count; its receiver waits for the count, then reads them. */
struct direction {
    _Alignas(64) _Atomic uint32_t count;
    _Alignas(64) unsigned char bytes[BYTES];
};

struct shared {
    struct direction there, back;
};

static uint64_t times[SPINNING_TRIPS];

static void send_bytes(struct direction *direction, uint32_t count, bool asleep) {
    memset(direction->bytes, (int)(count & 0xff), BYTES);
    atomic_store_explicit(&direction->count, count, memory_order_release);
    if (asleep) {
        syscall(SYS_futex, &direction->count, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
}

static void receive_bytes(struct direction *direction, uint32_t count, bool asleep) {
    unsigned char bytes[BYTES];
    while (atomic_load_explicit(&direction->count, memory_order_acquire) != count) {
        if (asleep) {
            syscall(SYS_futex, &direction->count, FUTEX_WAIT, count - 1, NULL, NULL, 0);
        }
    }
    memcpy(bytes, direction->bytes, BYTES);
    if (bytes[0] != (count & 0xff) || bytes[BYTES - 1] != (count & 0xff)) {
        fprintf(stderr, "other bytes came than were sent\n");
        exit(1);
    }
}

static void answer(struct shared *shared, uint32_t trips, bool asleep) {
    for (uint32_t count = 1; count <= trips; count++) {
        receive_bytes(&shared->there, count, asleep);
        send_bytes(&shared->back, count, asleep);
    }
}

static void ask(struct shared *shared, uint32_t trips, bool asleep) {
    const struct timespec pause = {.tv_nsec = 1000000};
    for (uint32_t count = 1; count <= trips; count++) {
        uint64_t start = now();
        send_bytes(&shared->there, count, asleep);
        receive_bytes(&shared->back, count, asleep);
        times[count - 1] = now() - start;
        if (asleep) {
            nanosleep(&pause, NULL);
        }
    }
}

static void measure(const char *what, const int processors[2], uint32_t trips, bool asleep) {
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require_call(shared != MAP_FAILED, "mmap");
    pid_t parent = getpid();
    pid_t other = fork();
    require_call(other >= 0, "fork");
    if (other == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            pin_to(processors[1]);
            answer(shared, trips, asleep);
        }
        _exit(0);
    }
    pin_to(processors[0]);
    ask(shared, trips, asleep);
    require_call(waitpid(other, NULL, 0) == other, "waitpid");
    print_times(what, times, trips);
    munmap(shared, sizeof *shared);
}

int main(void) {
    int processors[2];
    find_processors(processors);
    measure("spinning", processors, SPINNING_TRIPS, false);
    measure("asleep", processors, SLEEPING_TRIPS, true);
    putchar('\n');
    return 0;
}
