/* Other processes of a test, kept in step by messages: never by sleeping. */
#ifndef MEMLANE_TESTS_PEER_H
#define MEMLANE_TESTS_PEER_H

#include "check.h"

#include <sys/socket.h>

struct peer {
    pid_t pid;
    int socket;
};

static CHECK_UNUSED void peer_tell(int socket, uint64_t message) {
    CHECK_EQUAL(sizeof message, send(socket, &message, sizeof message, MSG_NOSIGNAL));
}

static CHECK_UNUSED uint64_t peer_hear(int socket) {
    uint64_t message;
    ssize_t count = recv(socket, &message, sizeof message, MSG_WAITALL);
    if (count != sizeof message) {
        CHECK_FAIL("a peer ended before it answered");
    }
    return message;
}

/* Starts a process that runs the body with its end of the socket and exits 0 after it. */
static CHECK_UNUSED struct peer peer_start(void (*body)(int socket)) {
    int ends[2];
    CHECK_CALL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    fflush(stdout);
    pid_t parent = getpid();
    struct peer peer = {.pid = fork(), .socket = ends[0]};
    CHECK_CALL(peer.pid);
    if (peer.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        check_set_watchdog();
        close(ends[0]);
        body(ends[1]);
        fflush(stdout);
        _exit(0);
    }
    close(ends[1]);
    return peer;
}

/* Reaps the peer and returns its wait status. */
static CHECK_UNUSED int peer_reap(struct peer *peer) {
    int status;
    while (waitpid(peer->pid, &status, 0) < 0) {
        CHECK_EQUAL(EINTR, errno);
    }
    close(peer->socket);
    return status;
}

#define PEER_JOIN(peer)                                                                                                \
    do {                                                                                                               \
        int check_status_ = peer_reap(peer);                                                                           \
        if (!WIFEXITED(check_status_) || WEXITSTATUS(check_status_) != 0) {                                            \
            CHECK_FAIL("a peer failed: wait status %#x", (unsigned)check_status_);                                     \
        }                                                                                                              \
    } while (0)

static CHECK_UNUSED void peer_kill(struct peer *peer) {
    CHECK_CALL(kill(peer->pid, SIGKILL));
    int status = peer_reap(peer);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The state letter of a process or thread in /proc, '?' when it is gone. */
static CHECK_UNUSED char peer_state(pid_t pid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return '?';
    }
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *end = strrchr(text, ')');
    return end != NULL && end[1] == ' ' ? end[2] : '?';
}

#endif
