/* Who calls and who serves on the simulated machine (../crash/machine.h), and what was executed how often. */
#ifndef MEMLANE_CRASH_CALLS_CAST_H
#define MEMLANE_CRASH_CALLS_CAST_H

#include "../crash/machine.h"

#include <memlane/memlane.h>

enum { CAST_LANES = 3, CAST_SLOTS = 2, CAST_PLACES = 12 };

/* Each plays in a process of its own. */
enum role { VICTIM, CALLER, SERVER, DEAD_CALLER, DEAD_SERVER, NEW_SERVER, JANITOR, FIRST_NEWCOMER };
enum { ROLES = FIRST_NEWCOMER + CAST_LANES };

/* Numbers of calls: each is sent once. Those above VICTIMS_CALL are nobody's business but the survivors'. */
enum call_number { UNCOUNTED, VICTIMS_CALL, CALLERS_CALL, DEAD_CALLERS_CALL, FORGOTTEN_CALL, SECOND_CALL, NUMBERS };

struct seat {
    memlane_function *function;
    memlane_dispatcher *dispatcher;
    memlane_call call;
    memlane_task task;
    bool has_call, has_task;
};

extern struct seat cast[ROLES];

/* All act as the role. */
memlane_status cast_open(enum role role);
void cast_serve(enum role role); /* makes its dispatcher */
memlane_call cast_post(enum role role, uint64_t number);
bool cast_take(enum role role); /* the next call, and executes it */
memlane_status cast_respond(enum role role);
void cast_close(enum role role);

/* How often a call was executed: kept beside the file that the product knows of, and part of each snapshot. */
uint32_t cast_executions(uint64_t number);
void cast_execute(const memlane_task *task);

/* Whether the answer is that to the call. */
bool cast_answer_is_of(const memlane_answer *answer, uint64_t number);

_Noreturn void cast_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define CAST_REQUIRE(condition, ...) ((condition) ? (void)0 : cast_fail(__VA_ARGS__))

#endif
