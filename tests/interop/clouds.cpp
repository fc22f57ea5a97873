/* The answering side of the clouds of compat/exchange.py: takes each in place and gives it back. */
#include <memlane/memlane.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

int main(int count, char **arguments) {
    using namespace std::chrono_literals;
    if (count != 4 || arguments[1] != std::string("answer") || arguments[2] != std::string("clouds")) {
        return 2;
    }
    try {
        memlane::Options options;
        options.max_size = 5 << 20;
        memlane::Share from("clouds ask", options), to("clouds answer", options);
        std::printf("libmemlane %s ready\n", memlane_version());
        std::fflush(stdout);
        for (int left = std::atoi(arguments[3]); left > 0; left--) {
            const auto cloud = from.get_for(30s);
            to.put(cloud.bytes(), cloud.type());
        }
        return 0;
    } catch (const memlane::Error &error) {
        std::fprintf(stderr, "clouds: %s\n", error.what());
        return 1;
    }
}
