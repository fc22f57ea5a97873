/* Calls the function `judge`, whoever serves it: cc -std=c11 function_caller.c $(pkg-config --cflags --libs memlane) */
#include "judge_format.h"

#include <stdio.h>
#include <string.h>

static memlane_status call(memlane_function *function, const struct frame *frame, struct verdict *verdict,
                           memlane_error *error) {
    memlane_call call;
    memlane_answer answer;
    memlane_status status = memlane_call_begin(function, &call, MEMLANE_NO_DEADLINE, error);
    if (status != MEMLANE_OK) {
        return status;
    }
    memcpy(call.bytes, frame, sizeof *frame);
    status = memlane_call_post(&call, sizeof *frame, MEMLANE_TYPE_STRUCT, error);
    if (status == MEMLANE_OK) {
        status = memlane_call_wait(&call, MEMLANE_NO_DEADLINE, &answer, error);
    }
    if (status == MEMLANE_OK && answer.failed) {
        status = error->status = MEMLANE_SYSTEM;
        snprintf(error->message, sizeof error->message, "judge: %.900s", (const char *)answer.bytes);
    } else if (status == MEMLANE_OK) {
        memcpy(verdict, answer.bytes, sizeof *verdict); /* the library made sure of its size */
    }
    memlane_call_end(&call);
    return status;
}

int main(void) {
    memlane_function *function = NULL;
    memlane_error error;
    uint64_t right = 0;

    memlane_status status = judge_open(&function, &error);
    for (uint64_t number = 0; number < 1000 && status == MEMLANE_OK; number++) {
        struct frame frame = {number, 0.5F, {1, 2, (uint32_t)number}};
        struct verdict verdict, expected = judge(&frame);
        status = call(function, &frame, &verdict, &error);
        right += status == MEMLANE_OK && verdict.number == number && verdict.brightness == expected.brightness;
    }
    if (status != MEMLANE_OK) {
        fprintf(stderr, "%s\n", error.message);
    }
    printf("%d of 1000 verdicts are right\n", (int)right);
    memlane_function_free(function);
    return right != 1000;
}
