/* The C++ twin of function_server.c: c++ -std=c++17 function_server.cpp $(pkg-config --cflags --libs memlane) */
#include "judge.h"

#include <memlane/memlane.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>

MEMLANE_FIELDS(frame, number, exposure, pixels)
MEMLANE_FIELDS(verdict, number, brightness)

namespace {

volatile std::sig_atomic_t interrupted;

void interrupt(int number) {
    interrupted = number;
}

} // namespace

int main() {
    std::signal(SIGINT, interrupt);
    try {
        memlane::Dispatcher dispatcher;
        dispatcher.add<verdict(frame)>("judge", [](const frame &one) { return judge(&one); });
        while (interrupted == 0) {
            dispatcher.serve_one(std::chrono::milliseconds(100)); // what throws in it is the caller's RemoteError
        }
        return 0;
    } catch (const memlane::Interrupted &) {
        return 0;
    } catch (const memlane::Error &error) {
        std::fprintf(stderr, "function_server: %s\n", error.what());
        return 1;
    }
}
