#define _GNU_SOURCE
#include "herd.h"

#include "../check.h"

#include <sys/mman.h>
#include <sys/resource.h>

enum { SLACK_NS = 1000000000, ACTORS_NICER = 5 };

void herd_initialise(struct herd *herd, const char *directory, const int pipe[2], uint64_t seed) {
    *herd = (struct herd){.directory = directory, .listener = pipe[0], .acknowledgements = pipe[1], .random = seed};
    for (unsigned role = 0; role < roles_count; role++) {
        for (unsigned i = 0; i < roles[role].actors; i++) {
            herd->animal[herd->count++].role = role;
        }
    }
    herd->marks =
        mmap(NULL, sizeof(struct mark) * 2 * herd->count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(herd->marks != MAP_FAILED);
    CHECK_CALL(prctl(PR_SET_CHILD_SUBREAPER, 1)); /* children of killed actors come to us */
}

uint64_t herd_draw(struct herd *herd, uint64_t below) {
    herd->random = herd->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (herd->random >> 33) % below;
}

static struct mark *mark_of(struct herd *herd, unsigned at) {
    return &herd->marks[(size_t)2 * at];
}

static void start(struct herd *herd, unsigned at) {
    struct animal *animal = &herd->animal[at];
    struct actor_start work = {
        .mark = mark_of(herd, at),
        .directory = herd->directory,
        .acknowledgements = herd->acknowledgements,
        .identity = ++herd->incarnations << ACTOR_CHILD_BITS,
        .seed = herd->random ^ herd->incarnations << 32,
    };
    memlane_store32_relaxed(&work.mark->activity, ACTIVITY_OUTSIDE); /* relaxed: nobody runs there */
    pid_t parent = getpid();
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        CHECK_CALL(setpriority(PRIO_PROCESS, 0,
                               getpriority(PRIO_PROCESS, 0) + ACTORS_NICER)); /* the harness comes in between */
        close(herd->listener); /* without a reader the pipe ends whoever writes to it */
        actor_run(animal->role, &work);
    }
    *animal = (struct animal){.role = animal->role, .pid = pid, .since = check_now()};
}

void herd_start_all(struct herd *herd) {
    for (unsigned at = 0; at < herd->count; at++) {
        start(herd, at);
    }
}

/* Reaps one process: an animal, or a forked child that outlived its parent. */
static void note_end(struct herd *herd, int status, bool was_killed) {
    bool well = was_killed ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                           : (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
                                 (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    if (!well) {
        herd->ended_badly++;
        fprintf(stderr, "soak: a process ended with wait status %#x\n", (unsigned)status);
    }
}

static void kill_and_reap(struct herd *herd, struct animal *animal) {
    int status;
    CHECK_CALL(kill(animal->pid, SIGKILL));
    while (waitpid(animal->pid, &status, 0) < 0) {
        CHECK_EQUAL(EINTR, errno);
    }
    note_end(herd, status, true);
}

void herd_kill(struct herd *herd, unsigned at) {
    struct animal *animal = &herd->animal[at];
    struct role_tally *tally = &herd->tally[animal->role];
    kill_and_reap(herd, animal);
    uint32_t activity = memlane_load32_acquire(&mark_of(herd, at)->activity);
    tally->kills++;
    tally->in_call += activity == ACTIVITY_CALL;
    tally->holding += activity == ACTIVITY_HOLDING;
    tally->stopped += animal->stopped_until != 0;
    start(herd, at);
}

void herd_stop(struct herd *herd, unsigned at, uint64_t duration_ns) {
    struct animal *animal = &herd->animal[at];
    if (animal->stopped_until == 0) {
        CHECK_CALL(kill(animal->pid, SIGSTOP));
        animal->stopped_until = check_now() + duration_ns;
        herd->tally[animal->role].stops++;
    }
}

unsigned herd_count_stopped(const struct herd *herd) {
    unsigned count = 0;
    for (unsigned at = 0; at < herd->count; at++) {
        count += herd->animal[at].stopped_until != 0;
    }
    return count;
}

/* A call is stuck when its actor runs and neither ends nor begins one for longer than any deadline. */
static void watch_one(struct herd *herd, unsigned at, uint64_t now) {
    struct animal *animal = &herd->animal[at];
    struct mark *mark = mark_of(herd, at);
    uint64_t calls = memlane_load_relaxed(&mark->calls); /* relaxed: a late sight of it does no harm */
    uint32_t activity = memlane_load32_acquire(&mark->activity);
    bool is_moving = animal->stopped_until != 0 || calls != animal->calls || activity == ACTIVITY_OUTSIDE;
    if (is_moving) {
        animal->calls = calls;
        animal->since = now;
        animal->is_stuck = false;
        return;
    }
    uint64_t stay = now - animal->since;
    herd->longest_ns = stay > herd->longest_ns ? stay : herd->longest_ns;
    if (stay > SOAK_DEADLINE_NS + SLACK_NS && !animal->is_stuck) {
        animal->is_stuck = true;
        herd->stuck++;
        fprintf(stderr, "soak: process %d (%s) does not come back from a call\n", (int)animal->pid,
                roles[animal->role].name);
    }
}

static void reap_orphans(struct herd *herd) {
    for (unsigned at = 0; at < herd->count; at++) {
        siginfo_t ended = {0};
        CHECK_CALL(waitid(P_PID, (id_t)herd->animal[at].pid, &ended, WEXITED | WNOHANG | WNOWAIT));
        if (ended.si_pid != 0) {
            CHECK_FAIL("process %d (%s) ended by itself", (int)ended.si_pid, roles[herd->animal[at].role].name);
        }
    }
    int status;
    while (waitpid(-1, &status, WNOHANG) > 0) {
        note_end(herd, status, false);
    }
}

void herd_watch(struct herd *herd) {
    uint64_t now = check_now();
    for (unsigned at = 0; at < herd->count; at++) {
        struct animal *animal = &herd->animal[at];
        if (animal->stopped_until != 0 && now >= animal->stopped_until) {
            CHECK_CALL(kill(animal->pid, SIGCONT));
            animal->stopped_until = 0;
            animal->since = now;
        }
        watch_one(herd, at, now);
    }
    reap_orphans(herd);
}

void herd_kill_all(struct herd *herd) {
    for (unsigned at = 0; at < herd->count; at++) {
        kill_and_reap(herd, &herd->animal[at]);
    }
}

bool herd_has_orphans(struct herd *herd) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        note_end(herd, status, false);
    }
    return pid == 0;
}
