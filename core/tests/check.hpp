/* What the C++ tests need: claims that throw, a process and a namespace directory of its own for each test, a watchdog.
 *
 * A program is a table of tests and check::run_all(table). It exits 0 when all passed, else 1. */
#ifndef MEMLANE_TESTS_CHECK_HPP
#define MEMLANE_TESTS_CHECK_HPP

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>
#include <vector>

namespace check {

constexpr unsigned WATCHDOG_SECONDS = 60;

struct Test {
    const char *name; /* a sentence with an outcome */
    void (*run)();
};

[[noreturn]] inline void fail(const char *file, int line, const std::string &what) {
    throw std::logic_error(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

template <class A, class B>
void equal(const A &expected, const B &found, const char *text, const char *file, int line) {
    if (!(expected == found)) {
        std::ostringstream message;
        message << text << ": expected " << expected << ", found " << found;
        fail(file, line, message.str());
    }
}

/* Runs what has to throw an E, and returns the text. */
template <class E, class F> std::string text_of(F &&call, const char *text, const char *file, int line) {
    try {
        call();
    } catch (const E &error) {
        return error.what();
    } catch (const std::exception &error) {
        fail(file, line, std::string(text) + ": threw something else: " + error.what());
    }
    fail(file, line, std::string(text) + ": did not throw");
}

#define CHECK(condition) ((condition) ? void() : check::fail(__FILE__, __LINE__, "expected to hold: " #condition))
#define CHECK_EQUAL(expected, found) check::equal(expected, found, #found, __FILE__, __LINE__)
#define CHECK_THROWS(error, call) check::text_of<error>([&] { (void)(call); }, #call, __FILE__, __LINE__)
#define CHECK_HOLDS(fragment, text)                                                                                    \
    ((text).find(fragment) != std::string::npos ? void()                                                               \
                                                : check::fail(__FILE__, __LINE__, "no " fragment " in: " + (text)))

/* Whether a type is moved and never copied, as everything that owns something. */
template <class T>
constexpr bool moves_only = std::is_nothrow_move_constructible_v<T> && std::is_move_assignable_v<T> &&
                            !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;

/* Runs something in another process, which ends with status 0 unless it throws. */
template <class F> pid_t begin_child(F &&call) {
    const pid_t pid = fork();
    if (pid == 0) {
        try {
            call();
            _exit(0);
        } catch (const std::exception &error) {
            std::printf("in a child: %s\n", error.what());
            std::fflush(stdout);
            _exit(1);
        }
    }
    return pid;
}

inline int status_of(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {}
    return status;
}

inline bool passes(const Test &test) {
    char directory[] = "/dev/shm/memlane-test-XXXXXX";
    if (mkdtemp(directory) == nullptr || setenv("MEMLANE_DIR", directory, 1) != 0) {
        std::perror(directory);
        return false;
    }
    std::fflush(stdout);
    const int status = status_of(begin_child([&] {
        alarm(WATCHDOG_SECONDS);
        test.run();
        if (!std::filesystem::is_empty(std::getenv("MEMLANE_DIR"))) {
            throw std::logic_error("the test left objects behind");
        }
    }));
    std::filesystem::remove_all(directory);
    std::printf("%-7s %s\n", status == 0 ? "passed" : "FAILED", test.name);
    return status == 0;
}

inline int run_all(const std::vector<Test> &tests) {
    std::size_t passed = 0;
    for (const Test &test : tests) {
        passed += passes(test) ? 1 : 0;
    }
    std::printf("%zu passed, %zu failed\n", passed, tests.size() - passed);
    return passed == tests.size() && passed != 0 ? 0 : 1;
}

} // namespace check
#endif
