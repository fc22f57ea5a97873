/* Writes records to the variable `exchange`, reads whatever is the latest, and checks it, until Ctrl-C. */
#include "record.h"

#include <memlane/memlane.hpp>

#include <csignal>
#include <cstdio>
#include <unistd.h>

MEMLANE_FIELDS(record, count, values, writer, process, checksum)

namespace {

volatile std::sig_atomic_t interrupted;

void interrupt(int number) {
    interrupted = number;
}

} // namespace

int main() {
    try {
        memlane::Variable<record> exchange("exchange");
        record mine = {0, {}, "cpp", static_cast<std::uint32_t>(getpid()), 0};
        unsigned long torn = 0;

        std::signal(SIGINT, interrupt);
        while (interrupted == 0) {
            mine.count++;
            for (int i = 0; i < 8; i++) {
                mine.values[i] = static_cast<double>(mine.count) / (i + 1);
            }
            mine.checksum = record_checksum(&mine);
            exchange.set(mine);

            const record latest = exchange.get();
            torn += latest.checksum != record_checksum(&latest) ? 1 : 0;
        }
        std::printf("cpp: %llu written and read, %lu torn\n", static_cast<unsigned long long>(mine.count), torn);
        return torn == 0 ? 0 : 1;
    } catch (const memlane::Error &error) {
        std::fprintf(stderr, "exchange: %s\n", error.what());
        return 1;
    }
}
