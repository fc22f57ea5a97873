/* SIGBUS that is not ours: what it did before memlane came, it still does. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "peer.h"

#include <setjmp.h>
#include <sys/mman.h>

static void raise_it(int socket) {
    (void)socket;
    signal(SIGBUS, SIG_DFL); /* a sanitizer's */
    endpoint_open("pose");
    raise(SIGBUS);
}

static void a_signal_that_is_sent_ends_the_process(void) {
    struct peer peer = peer_start(raise_it);

    int status = peer_reap(&peer);

    CHECK(WIFSIGNALED(status));
    CHECK_EQUAL(SIGBUS, WTERMSIG(status));
    endpoint_unlink("pose");
}

static void a_signal_that_was_ignored_is_ignored(void) {
    signal(SIGBUS, SIG_IGN);
    memlane_variable *variable = endpoint_open("pose");

    raise(SIGBUS);

    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static sigjmp_buf way_out;

static void leave_by_a_jump(int signal_number) {
    (void)signal_number;
    siglongjmp(way_out, 1);
}

/* Whether reading from a file without bytes was ended by the handler. */
static bool is_caught(const volatile unsigned char *nothing) {
    if (sigsetjmp(way_out, 1) != 0) {
        return true;
    }
    (void)*nothing;
    return false;
}

/* Programs probe memory so. */
static void a_former_handler_that_jumps_out_is_asked_each_time(void) {
    signal(SIGBUS, leave_by_a_jump);
    memlane_variable *variable = endpoint_open("pose");
    int empty = memfd_create("empty", MFD_CLOEXEC);
    CHECK_CALL(empty);
    unsigned char *nothing = mmap(NULL, 4096, PROT_READ, MAP_SHARED, empty, 0);
    CHECK(nothing != MAP_FAILED);

    CHECK(is_caught(nothing));
    CHECK(is_caught(nothing));

    munmap(nothing, 4096);
    close(empty);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static const struct check_test tests[] = {
    {"a signal that is sent ends the process", a_signal_that_is_sent_ends_the_process},
    {"a signal that was ignored is ignored", a_signal_that_was_ignored_is_ignored},
    {"a former handler that jumps out is asked each time", a_former_handler_that_jumps_out_is_asked_each_time},
};

CHECK_MAIN(tests)
