/* Instruction-level crash tests of the core; README.md says what they show. */
#define _GNU_SOURCE
#include "oracle.h"
#include "runner.h"
#include "stepper.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct options options = {.every = 1, .state = -1, .mode = -1, .jobs = 1};

enum { PAIRS_MAXIMUM = 128 };

/* Shared by all processes. */
static struct {
    uint32_t next_case;
    struct tally single[OPERATIONS_MAXIMUM][MODES];
    struct tally pair[PAIRS_MAXIMUM];
} *shared;

/* -- cases ---------------------------------------------------------------------------------------------------- */

struct work {
    const struct operation *first, *second; /* second NULL: a single */
    uint32_t number, state;                 /* of the operation, or of the pair */
};

static bool is_chosen(const char *wanted, const char *name) {
    return wanted == NULL || strcmp(wanted, name) == 0;
}

/* Calls visit for every case that was asked for. */
static void for_each_case(void (*visit)(const struct work *work)) {
    const struct operation *operation;
    for (uint32_t number = 0; options.points && (operation = operation_at(number)) != NULL; number++) {
        for (uint32_t state = 0; is_chosen(options.operation, operation->name) && state < operation->states->count;
             state++) {
            if (options.state < 0 || options.state == (int)state) {
                visit(&(struct work){.first = operation, .number = number, .state = state});
            }
        }
    }
    for (uint32_t number = 0; options.pairs && number < pairs_count; number++) {
        const struct operation *first = operation_named(pairs[number].first),
                               *second = operation_named(pairs[number].second);
        bool chosen = is_chosen(options.operation, first->name) && is_chosen(options.second, second->name);
        for (uint32_t state = 0; chosen && state < first->states->count; state++) {
            if (options.state < 0 ? pairs_are_due(first, number, state) : options.state == (int)state) {
                visit(&(struct work){.first = first, .second = second, .number = number, .state = state});
            }
        }
    }
}

static void run_work(void *argument) {
    const struct work *work = argument;
    runner_watch(0); /* a case may take its time; each examination has its own limit */
    if (work->second == NULL) {
        singles_run(work->first, work->state, shared->single[work->number]);
    } else {
        pairs_run(work->first, work->second, work->state, &shared->pair[work->number]);
    }
}

/* Workers walk through all cases and each takes those whose turn it is when it comes by. */
static uint32_t case_number, next_of_mine;

static void take_case(const struct work *work) {
    if (case_number++ == next_of_mine) {
        runner_in_a_fork(run_work, (void *)(uintptr_t)work);
        next_of_mine = __atomic_fetch_add(&shared->next_case, 1, __ATOMIC_SEQ_CST);
    }
}

static void work(pid_t parent, unsigned worker) {
    runner_end_with_parent(parent);
    stepper_stay_on_one_processor(worker);
    machine_build();
    next_of_mine = __atomic_fetch_add(&shared->next_case, 1, __ATOMIC_SEQ_CST);
    for_each_case(take_case);
    _exit(0);
}

/* -- the table --------------------------------------------------------------------------------------------------- */

/* Without atomics, for sums and printing. */
struct figures {
    uint64_t states, points, examined, nanoseconds;
};

static struct figures figures_of(const struct tally *tally) {
    return (struct figures){
        .states = memlane_load_relaxed(&tally->states),
        .points = memlane_load_relaxed(&tally->points),
        .examined = memlane_load_relaxed(&tally->examined),
        .nanoseconds = memlane_load_relaxed(&tally->nanoseconds),
    };
}

static void add(struct figures *sum, const struct figures *figures) {
    sum->points += figures->points;
    sum->examined += figures->examined;
    sum->nanoseconds += figures->nanoseconds;
}

/* A table is only printed when nothing failed: the first failure ends the run. */
static void print_row(const char *first, const char *second, const struct figures *figures) {
    printf("%-20s %-20s %6" PRIu64 " %9" PRIu64 " %9" PRIu64 " %8.2f %8d\n", first, second, figures->states,
           figures->points, figures->examined, (double)figures->nanoseconds / 1e9, 0);
}

static void print_head(const char *second) {
    printf("%-20s %-20s %6s %9s %9s %8s %8s\n", "operation", second, "states", "points", "examined", "seconds",
           "failures");
}

static void print_total(const char *of, const struct figures *sum) {
    printf("%-20s %-27s %9" PRIu64 " %9" PRIu64 " %8.2f %8d\n", "total", of, sum->points, sum->examined,
           (double)sum->nanoseconds / 1e9, 0);
}

/* Each returns how many situations were examined. */
static uint64_t print_singles(void) {
    struct figures sum[MODES] = {{0}};
    uint64_t examined = 0;
    const struct operation *operation;
    print_head("mode");
    for (uint32_t number = 0; (operation = operation_at(number)) != NULL; number++) {
        for (int mode = 0; mode < MODES; mode++) {
            struct figures figures = figures_of(&shared->single[number][mode]);
            add(&sum[mode], &figures);
            if (figures.states > 0) {
                print_row(operation->name, runner_mode_name(mode), &figures);
            }
        }
    }
    for (int mode = 0; mode < MODES; mode++) {
        print_total(runner_mode_name(mode), &sum[mode]);
        examined += sum[mode].examined;
    }
    return examined;
}

static uint64_t print_pairs(void) {
    struct figures sum = {0};
    print_head("then");
    for (uint32_t number = 0; number < pairs_count; number++) {
        struct figures figures = figures_of(&shared->pair[number]);
        add(&sum, &figures);
        if (figures.states > 0) {
            print_row(pairs[number].first, pairs[number].second, &figures);
        }
    }
    print_total("pairs", &sum);
    return sum.examined;
}

/* -- main ------------------------------------------------------------------------------------------------ */

static const char usage[] =
    "usage: crash [--points] [--pairs] [--long] [--jobs N] [--every N]\n"
    "             [--operation NAME] [--second NAME] [--mode killed|stopped|resumed|SIGKILL] [--state N]\n"
    "             [--step N] [--second-step N]\n"
    "Kills and stops every operation of the core at every instruction, on a simulated machine.\n"
    "  --points, --pairs  single crashes, double crashes; both when neither is given\n"
    "  --every N          examine only each N-th different situation\n"
    "  --long             victims resumed at every instruction, all situations of the pairs in all states\n";

static _Noreturn void refuse(const char *what, const char *value) {
    fprintf(stderr, "crash: %s '%s'\n%s", what, value, usage);
    exit(2);
}

static uint64_t number_of(const char *text) {
    char *end;
    uint64_t number = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        refuse("not a number:", text);
    }
    return number;
}

static int mode_of(const char *text) {
    for (int mode = 0; mode < MODES; mode++) {
        if (strcmp(text, runner_mode_name(mode)) == 0) {
            return mode;
        }
    }
    refuse("no such mode:", text);
}

static const char *operation_of(const char *text) {
    if (operation_named(text) == NULL) {
        refuse("no such operation:", text);
    }
    return text;
}

static void choose_cases(int option, const char *value) {
    switch (option) {
    case 'o':
        options.operation = operation_of(value);
        break;
    case '2':
        options.second = operation_of(value);
        break;
    case 'm':
        options.mode = mode_of(value);
        break;
    case 's':
        options.state = (int)number_of(value);
        break;
    case 'n':
        options.step = number_of(value);
        break;
    default:
        options.second_step = number_of(value);
    }
}

static void choose_extent(int option, const char *value) {
    switch (option) {
    case 'p':
        options.points = true;
        break;
    case 'd':
        options.pairs = true;
        break;
    case 'l':
        options.long_form = true;
        break;
    case 'j':
        options.jobs = (unsigned)number_of(value);
        break;
    case 'e':
        options.every = number_of(value);
        break;
    default:
        choose_cases(option, value);
    }
}

static void read_options(int count, char **values) {
    static const struct option known[] = {
        {"points", no_argument, NULL, 'p'},
        {"pairs", no_argument, NULL, 'd'},
        {"long", no_argument, NULL, 'l'},
        {"jobs", required_argument, NULL, 'j'},
        {"every", required_argument, NULL, 'e'},
        {"operation", required_argument, NULL, 'o'},
        {"second", required_argument, NULL, '2'},
        {"mode", required_argument, NULL, 'm'},
        {"state", required_argument, NULL, 's'},
        {"step", required_argument, NULL, 'n'},
        {"second-step", required_argument, NULL, 'N'},
        {NULL, 0, NULL, 0},
    };
    int found;
    while ((found = getopt_long(count, values, "", known, NULL)) != -1) {
        if (found == '?') {
            refuse("not understood:", values[optind - 1]);
        }
        choose_extent(found, optarg);
    }
    if (optind < count) {
        refuse("not understood:", values[optind]);
    }
    if (options.every == 0 || options.jobs == 0) {
        refuse("at least 1 is needed for", options.jobs == 0 ? "--jobs" : "--every");
    }
    if (!options.points && !options.pairs) {
        bool one_crash = options.mode >= 0 || options.step != 0;
        options.points = true;
        options.pairs = !one_crash;
    }
}

static void share_memory(void) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("crash: no memory");
        exit(2);
    }
}

/* The first failure ends everything: the other workers go with us. */
static void wait_for_workers(void) {
    int status;
    for (unsigned worker = 0; worker < options.jobs; worker++) {
        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
        }
    }
}

int main(int count, char **values) {
    read_options(count, values);
    share_memory();
    uint64_t began = runner_now();
    pid_t parent = getpid();
    for (unsigned worker = 0; worker < options.jobs; worker++) {
        fflush(stdout);
        if (fork() == 0) {
            work(parent, worker);
        }
    }
    wait_for_workers();
    uint64_t examined = (options.points ? print_singles() : 0) + (options.pairs ? print_pairs() : 0);
    printf("%.1f seconds with %u jobs\n", (double)(runner_now() - began) / 1e9, options.jobs);
    if (examined == 0) {
        fprintf(stderr, "crash: nothing was examined: no such state, step or pair\n");
        return 2;
    }
    return 0;
}
