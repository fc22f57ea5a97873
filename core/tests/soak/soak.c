/* Soak: real processes write, loan, read, view, attach and fork, and are killed and stopped at random moments. No
 * acknowledged commit may be lost, no value torn, nobody blocked.
 *
 *     soak [--kills N] [--pause MICROSECONDS] [--seed N]
 *
 * Prints a table; exits 1 when a bound is missed. */
#define _GNU_SOURCE
#include "herd.h"
#include "oracle.h"

#include "../check.h"

#include <fcntl.h>
#include <getopt.h>

enum { STOPPED_AT_ONCE = 4, STOP_MAXIMUM_NS = 200000000, WATCHDOG_SECONDS = 120, LEAST_IN_CALL_PERCENT = 30 };

static struct {
    uint64_t kills, pause_us, seed;
} options = {.kills = 2000, .pause_us = 10000, .seed = 1};

static void on_alarm(int signal_number) {
    static const char text[] = "soak: it hangs\n";
    (void)signal_number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    kill(0, SIGKILL);
}

static void parse(int count, char **arguments) {
    static const struct option names[] = {
        {"kills", required_argument, NULL, 'k'},
        {"pause", required_argument, NULL, 'p'},
        {"seed", required_argument, NULL, 's'},
        {0},
    };
    for (int option; (option = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        uint64_t *target = option == 'k' ? &options.kills : option == 'p' ? &options.pause_us : &options.seed;
        if (option == '?') {
            exit(2);
        }
        *target = strtoull(optarg, NULL, 10);
    }
}

static void create_object(void) {
    memlane_variable *variable = NULL;
    memlane_variable_options wanted;
    memlane_error error;
    _Alignas(64) unsigned char first[PAYLOAD_MAXIMUM + 8];
    memlane_variable_options_initialise(&wanted);
    wanted.object.directory = check_directory;
    wanted.max_size = PAYLOAD_MAXIMUM;
    wanted.slots = SOAK_SLOTS;
    wanted.object.participants = SOAK_PARTICIPANTS;
    CHECK_OK(memlane_variable_open(&variable, SOAK_NAME, strlen(SOAK_NAME), &wanted, &error), &error);
    size_t size = payload_fill(first, (struct payload_origin){0});
    CHECK_OK(memlane_variable_write(variable, first, size, 1, 0, &error), &error);
    memlane_variable_free(variable);
}

static void disturb(struct herd *herd, struct oracle *oracle, uint64_t *kills) {
    enum { STOPS_OF_TEN = 3 };
    unsigned at = (unsigned)herd_draw(herd, herd->count);
    if (herd_draw(herd, 10) < STOPS_OF_TEN && herd_count_stopped(herd) < STOPPED_AT_ONCE) {
        herd_stop(herd, at, herd_draw(herd, STOP_MAXIMUM_NS));
        return;
    }
    herd_kill(herd, at);
    ++*kills;
    oracle_examine(oracle);
}

static void run(struct herd *herd, struct oracle *oracle) {
    herd_start_all(herd);
    for (uint64_t kills = 0; kills < options.kills;) {
        alarm(WATCHDOG_SECONDS);
        uint64_t pause_ns = herd_draw(herd, 2 * options.pause_us * 1000 + 1);
        nanosleep(
            &(struct timespec){.tv_sec = (time_t)(pause_ns / 1000000000), .tv_nsec = (long)(pause_ns % 1000000000)},
            NULL);
        oracle_listen(oracle);
        herd_watch(herd);
        disturb(herd, oracle, &kills);
    }
    herd_kill_all(herd);
    while (herd_has_orphans(herd)) { /* the watchdog ends this when one of them hangs */
        oracle_listen(oracle);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    oracle_examine(oracle);
}

static uint64_t sum_over(const struct herd *herd, size_t offset, int role) {
    uint64_t sum = 0;
    for (unsigned at = 0; at < 2 * herd->count; at++) {
        const void *counter = (const char *)&herd->marks[at] + offset;
        bool counts = role < 0 || (int)herd->animal[at / 2].role == role;
        sum += counts ? memlane_load_relaxed(counter) : 0; /* relaxed: all actors are dead */
    }
    return sum;
}

#define SUM(herd, member) sum_over(herd, offsetof(struct mark, member), -1)

static struct role_tally print_roles(const struct herd *herd) {
    struct role_tally all = {0};
    printf("%-16s %7s %8s %8s %8s %7s %12s %12s\n", "role", "kills", "in call", "holding", "stopped", "stops", "calls",
           "commits");
    for (unsigned role = 0; role < roles_count; role++) {
        const struct role_tally *one = &herd->tally[role];
        printf("%-16s %7" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %7" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n",
               roles[role].name, one->kills, one->in_call, one->holding, one->stopped, one->stops,
               sum_over(herd, offsetof(struct mark, calls), (int)role),
               sum_over(herd, offsetof(struct mark, commits), (int)role));
        all.kills += one->kills;
        all.in_call += one->in_call;
        all.holding += one->holding;
        all.stops += one->stops;
    }
    return all;
}

/* One line of the verdict; returns whether the bound is kept. */
static bool judge(const char *what, uint64_t found, const char *relation, uint64_t bound) {
    bool is_kept = relation[0] == '>' ? found >= bound : found == bound;
    printf("%-44s %12" PRIu64 "  %s %" PRIu64 "%s\n", what, found, relation, bound, is_kept ? "" : "  MISSED");
    return is_kept;
}

static bool judge_all(const struct herd *herd, const struct oracle *oracle, uint32_t free_slots) {
    struct role_tally all = print_roles(herd);
    printf("\nacknowledged commits %" PRIu64 ", examined by a fresh reader %" PRIu64
           " times, longest call seen %.1f ms\n",
           oracle->acknowledged, oracle->examinations, (double)herd->longest_ns / 1e6);
    bool well = judge("kills", all.kills, ">=", options.kills);
    well &= judge("kills within a call, percent", all.kills == 0 ? 0 : 100 * all.in_call / all.kills,
                  ">=", LEAST_IN_CALL_PERCENT);
    well &= judge("acknowledged commits lost", oracle->lost, "=", 0);
    well &= judge("values torn", oracle->torn + SUM(herd, torn), "=", 0);
    well &= judge("views that changed while held", SUM(herd, changed), "=", 0);
    well &= judge("versions that fell", SUM(herd, fallen), "=", 0);
    well &= judge("calls past their deadline", herd->stuck + SUM(herd, blocked), "=", 0);
    well &= judge("calls that failed", oracle->failed + SUM(herd, failed), "=", 0);
    well &= judge("processes that ended badly", herd->ended_badly, "=", 0);
    well &= judge("slots that came back", free_slots, "=", SOAK_SLOTS - 1);
    return well;
}

static void remove_object(void) {
    memlane_error error;
    CHECK_OK(memlane_unlink(check_directory, SOAK_NAME, strlen(SOAK_NAME), 0600, -1, &error), &error);
    CHECK_EQUAL(0, check_count_entries(check_directory));
}

static int soak(void) {
    static struct oracle oracle;
    static struct herd herd;
    int ends[2];
    uint64_t start = check_now();
    CHECK_CALL(pipe2(ends, O_CLOEXEC));
    CHECK_CALL(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    CHECK_CALL(fcntl(ends[0], F_SETPIPE_SZ, ORACLE_PIPE_SIZE));
    create_object();
    oracle_initialise(&oracle, check_directory, ends[0]);
    herd_initialise(&herd, check_directory, ends, options.seed);
    run(&herd, &oracle);
    bool well = judge_all(&herd, &oracle, oracle_count_free_slots(&oracle));
    printf("seed %" PRIu64 ", %.0f s: %s\n", options.seed, (double)(check_now() - start) / 1e9,
           well ? "passed" : "FAILED");
    remove_object();
    fflush(stdout);
    return well ? 0 : 1;
}

/* The harness is a child, so that its directory is removed whatever becomes of it. */
int main(int count, char **arguments) {
    int status;
    parse(count, arguments);
    snprintf(check_directory, sizeof check_directory, "/dev/shm/memlane-soak-XXXXXX");
    CHECK(mkdtemp(check_directory) != NULL);
    pid_t pid = fork();
    CHECK_CALL(pid);
    if (pid == 0) {
        setpgid(0, 0); /* what the watchdog ends */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGALRM, on_alarm);
        exit(soak());
    }

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    check_remove_directory();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
