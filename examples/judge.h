/* What the examples of functions share: the arguments and the result of the function `judge`. */
#ifndef EXAMPLES_JUDGE_H
#define EXAMPLES_JUDGE_H

#include <stdint.h>

struct frame {
    uint64_t number;
    float exposure;
    uint32_t pixels[3];
};

struct verdict {
    uint64_t number; /* of the frame */
    double brightness;
};

static inline struct verdict judge(const struct frame *frame) {
    struct verdict verdict = {frame->number, 0};
    for (int i = 0; i < 3; i++) {
        verdict.brightness += (double)frame->exposure * frame->pixels[i];
    }
    return verdict;
}

#endif
