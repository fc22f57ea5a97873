/* What opening and waiting have in common for objects of all kinds. */
#ifndef MEMLANE_OBJECT_HPP
#define MEMLANE_OBJECT_HPP

#include <memlane/error.hpp>
#include <memlane/object.h>

#include <chrono>
#include <cstdint>
#include <memory>

namespace memlane {

using Nanoseconds = std::chrono::nanoseconds;
/* CLOCK_MONOTONIC on Linux: the clock of all deadlines. */
using Clock = std::chrono::steady_clock;

/* A patience that never ends. */
inline constexpr Nanoseconds FOREVER = Nanoseconds::max();

namespace detail {

template <class T, void (*Free)(T *)> struct FreeBy {
    void operator()(T *owned) const noexcept {
        Free(owned);
    }
};
/* Something of the C library, which has a function of its own to free it. */
template <class T, void (*Free)(T *)> using Owned = std::unique_ptr<T, FreeBy<T, Free>>;

/* The deadline of a wait that begins now: 0 only looks; what no clock reaches is for ever. */
template <class Rep, class Period> std::uint64_t deadline_after(std::chrono::duration<Rep, Period> patience) {
    using Seconds = std::chrono::duration<double>;
    constexpr Seconds AGES = std::chrono::hours(24 * 365 * 100);
    if (patience <= patience.zero()) {
        return 0;
    }
    if (std::chrono::duration_cast<Seconds>(patience) > AGES) {
        return MEMLANE_NO_DEADLINE;
    }
    const auto end = Clock::now().time_since_epoch() + std::chrono::duration_cast<Nanoseconds>(patience);
    return static_cast<std::uint64_t>(std::chrono::duration_cast<Nanoseconds>(end).count());
}

/* What the options of every kind have. `given` must outlive what is filled in. */
template <class Given> void fill_object_options(memlane_object_options &options, const Given &given) {
    options.directory = given.directory.c_str();
    options.participants = given.participants;
    options.permissions = given.permissions;
    options.peer_user = given.peer_user;
    options.create = given.create;
}

} // namespace detail
} // namespace memlane
#endif
