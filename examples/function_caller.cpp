/* The C++ twin of function_caller.c: c++ -std=c++17 function_caller.cpp $(pkg-config --cflags --libs memlane) */
#include "judge.h"

#include <memlane/memlane.hpp>

#include <cstdio>

MEMLANE_FIELDS(frame, number, exposure, pixels)
MEMLANE_FIELDS(verdict, number, brightness)

int main() {
    try {
        memlane::Function<verdict(frame)> judging("judge");
        int right = 0;
        for (std::uint32_t number = 0; number < 1000; number++) {
            const frame one = {number, 0.5F, {1, 2, number}};
            const verdict found = judging.call(one);
            right += found.number == number && found.brightness == judge(&one).brightness ? 1 : 0;
        }
        std::printf("%d of 1000 verdicts are right\n", right);
        return right == 1000 ? 0 : 1;
    } catch (const memlane::Error &error) {
        std::fprintf(stderr, "function_caller: %s\n", error.what());
        return 1;
    }
}
