/* Hostile memory, live: one process destroys what it shares with another, which must answer with errors and go on.
 *
 *     scribble [--seconds N] [--seed N]
 *
 * Prints a table; exits 1 when a bound is missed. The bounds are for 60 seconds and shrink with the time. On a busy machine
 * it goes on until the counts are reached, up to four times as long. */
#define _GNU_SOURCE
#include "scribbler.h"
#include "victim.h"

#include "../check.h"

#include <getopt.h>
#include <sys/mman.h>

enum {
    BOUND_SECONDS = 60,
    LEAST_OPERATIONS = 1000000,
    LEAST_CONTAINED = 1000,
    LEAST_CORRUPTED_PERCENT = 10,
    PATIENCE = 4
};

static struct {
    uint64_t seconds, seed;
} options = {.seconds = BOUND_SECONDS, .seed = 1};

static struct board *board;

static void parse(int count, char **arguments) {
    static const struct option names[] = {
        {"seconds", required_argument, NULL, 't'},
        {"seed", required_argument, NULL, 's'},
        {0},
    };
    for (int option; (option = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        if (option == '?') {
            exit(2);
        }
        *(option == 't' ? &options.seconds : &options.seed) = strtoull(optarg, NULL, 10);
    }
}

typedef void body(struct board *board, const char *directory, uint64_t seed);

static pid_t start(body *run) {
    pid_t parent = getpid();
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        run(board, check_directory, options.seed);
        _exit(1);
    }
    return pid;
}

static uint64_t count_operations(memlane_status status) {
    uint64_t sum = 0;
    for (unsigned kind = 0; kind < BOARD_KINDS; kind++) {
        sum += memlane_load_relaxed(&board->line[kind].status[status]); /* relaxed, as all here: counts */
    }
    return sum;
}

static uint64_t count_all(void) {
    uint64_t sum = 0;
    for (unsigned status = 0; status < BOARD_STATUSES; status++) {
        sum += count_operations((memlane_status)status);
    }
    return sum;
}

static void print_line(unsigned kind) {
    const struct board_line *line = &board->line[kind];
    printf("%-11s %8.1f ", victim_operation_name(kind), (double)memlane_load_relaxed(&line->longest_ns) / 1e6);
    for (unsigned status = 0; status < BOARD_STATUSES; status++) {
        uint64_t count = memlane_load_relaxed(&line->status[status]);
        if (count != 0) {
            printf(" %s %" PRIu64 ";", memlane_status_name((memlane_status)status), count);
        }
    }
    printf("\n");
}

static bool judge(const char *what, uint64_t found, const char *relation, uint64_t bound) {
    bool is_kept = relation[0] == '>' ? found >= bound : found == bound;
    printf("%-44s %12" PRIu64 "  %s %" PRIu64 "%s\n", what, found, relation, bound, is_kept ? "" : "  MISSED");
    return is_kept;
}

static bool judge_all(uint64_t crashes, uint64_t hangs) {
    uint64_t late = 0, operations = count_all();
    printf("%-11s %8s  answers\n", "operation", "ms over");
    for (unsigned kind = 0; victim_operation_name(kind) != NULL; kind++) {
        print_line(kind);
        late += memlane_load_relaxed(&board->line[kind].late);
    }
    printf("\n%" PRIu64 " stores by the scribbler, %" PRIu64 " truncations, %" PRIu64 " endpoints found lost\n",
           memlane_load_relaxed(&board->stores), memlane_load_relaxed(&board->truncations),
           memlane_load_relaxed(&board->losses));
    uint64_t corrupted = operations == 0 ? 0 : 100 * count_operations(MEMLANE_CORRUPTED) / operations;
    bool well = judge("guarded operations", operations, ">=", LEAST_OPERATIONS * options.seconds / BOUND_SECONDS);
    well &= judge("SIGBUS contained", memlane_load_relaxed(&board->contained),
                  ">=", LEAST_CONTAINED * options.seconds / BOUND_SECONDS);
    well &= judge("operations answered with corrupted, percent", corrupted, ">=", LEAST_CORRUPTED_PERCENT);
    well &= judge("operations 100 ms past their deadline", late, "=", 0);
    well &= judge("operations that never ended", hangs, "=", 0);
    well &= judge("crashes", crashes, "=", 0);
    return well;
}

static bool has_counts(void) {
    return count_all() >= LEAST_OPERATIONS * options.seconds / BOUND_SECONDS &&
           memlane_load_relaxed(&board->contained) >= LEAST_CONTAINED * options.seconds / BOUND_SECONDS;
}

static const char *operation_under_way(void) {
    const char *name = victim_operation_name(memlane_load32_relaxed(&board->kind));
    return name != NULL ? name : "nothing";
}

/* Watches for the given time, and until the counts are reached. True when the victim lived through it. */
static bool watch(pid_t victim, uint64_t *hangs) {
    enum { LOOK_NS = 100000000, HANG_LOOKS = 100 };
    uint64_t end = check_in_ms(options.seconds * 1000), at_most = check_in_ms(PATIENCE * options.seconds * 1000),
             last = 0;
    for (int still = 0; check_now() < end || (check_now() < at_most && !has_counts());) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
        int status;
        if (waitpid(victim, &status, WNOHANG) == victim) {
            printf("the victim ended in %s: wait status %#x\n", operation_under_way(), (unsigned)status);
            return false;
        }
        uint64_t now = count_all();
        still = now == last ? still + 1 : 0;
        last = now;
        if (still == HANG_LOOKS) {
            printf("the victim hangs in %s\n", operation_under_way());
            ++*hangs;
            return true;
        }
    }
    return true;
}

static void end_process(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(int count, char **arguments) {
    uint64_t hangs = 0;
    parse(count, arguments);
    snprintf(check_directory, sizeof check_directory, "/dev/shm/memlane-scribble-XXXXXX");
    CHECK(mkdtemp(check_directory) != NULL);
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(board != MAP_FAILED);
    pid_t victim = start(victim_run);
    pid_t scribbler = start(scribbler_run);
    bool lived = watch(victim, &hangs);
    bool scribbled = waitpid(scribbler, NULL, WNOHANG) == 0;
    end_process(scribbler);
    if (lived) {
        end_process(victim);
    }
    bool well = judge_all(!lived, hangs) && scribbled;
    check_remove_directory();
    printf("seed %" PRIu64 ", %" PRIu64 " s: %s\n", options.seed, options.seconds, well ? "passed" : "FAILED");
    return well ? 0 : 1;
}
