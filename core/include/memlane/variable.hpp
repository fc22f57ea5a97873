/* Host variables: the latest value of a thing, as a C++ type. */
#ifndef MEMLANE_VARIABLE_HPP
#define MEMLANE_VARIABLE_HPP

#include <memlane/fields.hpp>
#include <memlane/object.hpp>
#include <memlane/span.hpp>
#include <memlane/variable.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace memlane {

/* How long a write waits for a slot when live views, loans and writers hold all of them. */
inline constexpr Nanoseconds DEFAULT_PATIENCE = std::chrono::seconds(1);

/* What may be asked for at opening; what is not, adopts what is there. As memlane_variable_options. */
struct Options {
    std::string directory;                    /* empty: $MEMLANE_DIR, else the user's own */
    std::uint64_t max_size = MEMLANE_ANY;     /* of a ByteVariable; of a Variable<T> it is sizeof(T) */
    std::uint64_t slots = MEMLANE_ANY;        /* 2 to 65535 */
    std::uint64_t participants = MEMLANE_ANY; /* endpoints at once, 1 to 1024 */
    bool create = true;                       /* false: a missing object is ObjectNotFound */
    bool persistent = true;                   /* false: a new object goes with its last endpoint */
    std::uint32_t permissions = 0600;         /* file mode to create with, and the most that is accepted */
    std::int64_t peer_user = -1;              /* uid of another user whose object is accepted, or -1 */
};

namespace detail {

using Handle = Owned<memlane_variable, memlane_variable_free>;

inline Handle open(std::string_view name, const Options &given, std::uint64_t max_size, const memlane_format *format) {
    memlane_variable_options options;
    memlane_variable_options_initialise(&options);
    fill_object_options(options.object, given);
    options.object.ephemeral = given.persistent ? MEMLANE_ANY : 1;
    options.max_size = max_size;
    options.slots = given.slots;
    options.format = format;
    memlane_variable *variable = nullptr;
    memlane_error error;
    check(memlane_variable_open(&variable, name.data(), name.size(), &options, &error), error);
    return Handle(variable);
}

/* A loan that goes back to the variable, unless it was committed. */
class Loan {
  public:
    Loan(memlane_variable *variable, Nanoseconds patience) {
        memlane_error error;
        check(memlane_variable_loan(variable, &loan_, deadline_after(patience), &error), error);
    }
    Loan(Loan &&other) noexcept : loan_(std::exchange(other.loan_, {})) {}
    Loan &operator=(Loan &&other) noexcept {
        std::swap(loan_, other.loan_);
        return *this;
    }
    Loan(const Loan &) = delete;
    Loan &operator=(const Loan &) = delete;
    ~Loan() {
        if (loan_.variable != nullptr) {
            memlane_loan_drop(&loan_);
        }
    }

    void *bytes() const noexcept {
        return loan_.bytes;
    }
    std::uint64_t capacity() const noexcept {
        return loan_.capacity;
    }

    /* The C library notes in the loan whether it has ended: one that did not fit has not. */
    std::uint64_t commit(std::uint64_t size, std::uint32_t type) {
        if (loan_.variable == nullptr) {
            throw std::logic_error("this loan was committed or moved away: take another one");
        }
        std::uint64_t version = 0;
        memlane_error error;
        check(memlane_loan_commit(&loan_, size, type, &version, &error), error);
        return version;
    }

  private:
    memlane_loan loan_ = {};
};

/* A view that keeps its slot until it ends. */
class View {
  public:
    explicit View(memlane_variable *variable) {
        memlane_error error;
        check(memlane_variable_view(variable, &view_, &error), error);
    }
    /* Of a view that was taken otherwise, whose release is this one's now. */
    explicit View(const memlane_view &taken) noexcept : view_(taken) {}
    View(View &&other) noexcept : view_(std::exchange(other.view_, {})) {}
    View &operator=(View &&other) noexcept {
        std::swap(view_, other.view_);
        return *this;
    }
    View(const View &) = delete;
    View &operator=(const View &) = delete;
    ~View() {
        if (view_.variable != nullptr) {
            memlane_view_release(&view_);
        }
    }

    const void *bytes() const noexcept {
        return view_.bytes;
    }
    const memlane_reading &reading() const noexcept {
        return view_.reading;
    }

  private:
    memlane_view view_ = {};
};

/* What variables of all C++ types have in common. */
class Endpoint {
  public:
    Endpoint(std::string_view name, const Options &options, std::uint64_t max_size, const memlane_format *format)
        : handle_(open(name, options, max_size, format)) {}
    Endpoint(Endpoint &&other) noexcept : handle_(std::move(other.handle_)), seen_(other.seen_.load()) {}
    Endpoint &operator=(Endpoint &&other) noexcept {
        handle_ = std::move(other.handle_);
        seen_ = other.seen_.load();
        return *this;
    }
    Endpoint(const Endpoint &) = delete;
    Endpoint &operator=(const Endpoint &) = delete;
    ~Endpoint() = default;

    /* The newest version; 0: never written. */
    std::uint64_t version() const {
        std::uint64_t version = 0;
        const memlane_error error = {MEMLANE_CLOSED, 0, "the variable was closed: open it anew"};
        check(memlane_variable_version(handle(), &version), error);
        return version;
    }

    /* Operations in other threads leave with Closed, later ones too. Views and loans live on. */
    void close() noexcept { // NOLINT(readability-make-member-function-const): users see the difference
        memlane_variable_close(handle());
    }

    /* What the object is; the strings live as long as the endpoint. */
    memlane_variable_properties describe() const noexcept {
        memlane_variable_properties properties;
        memlane_variable_describe(handle(), &properties);
        return properties;
    }

    memlane_variable_statistics statistics() const {
        memlane_variable_statistics statistics;
        memlane_error error;
        check(memlane_variable_statistics_read(handle(), &statistics, &error), error);
        return statistics;
    }

    bool is_current() const noexcept {
        return memlane_variable_is_current(handle());
    }

    /* For what this layer does not have; owned by the endpoint. */
    memlane_variable *handle() const noexcept {
        return handle_.get();
    }

  protected:
    /* Notes what a reading method returned, for waits that are not told what they are to be newer than. Versions have 48
     * bits, and go round: what is less than half of them ahead is newer. */
    void note(std::uint64_t version) noexcept {
        const auto is_newer = [version](std::uint64_t seen) {
            return static_cast<std::int64_t>((version - seen) << 16) > 0;
        };
        std::uint64_t seen = seen_.load(std::memory_order_relaxed);
        while ((seen == 0 || is_newer(seen)) &&
               !seen_.compare_exchange_weak(seen, version, std::memory_order_relaxed)) {}
    }

    std::uint64_t seen() const noexcept {
        return seen_.load(std::memory_order_relaxed);
    }

    void wait_to(std::uint64_t newer_than, std::uint64_t deadline_ns) const {
        std::uint64_t newest = 0;
        memlane_error error = {};
        const memlane_status status = memlane_variable_wait(handle(), newer_than, deadline_ns, &newest, &error);
        check(status, error);
    }

  private:
    Handle handle_;
    std::atomic<std::uint64_t> seen_{0}; /* relaxed: a number of this endpoint alone, no other memory hangs on it */
};

} // namespace detail

/* A value, and which write it was. */
template <class T> struct Reading {
    T value;
    std::uint64_t version;  /* rises with each write, the same in all processes; may skip numbers */
    std::uint64_t sequence; /* how many writes there were, this one included */
    Clock::time_point written;
    std::chrono::system_clock::time_point written_at; /* by the wall clock: information only */
};

/* The latest value of a trivially copyable type.
 *
 * With MEMLANE_FIELDS the object stores the field table: programs in C, C++ and Python share it, and another struct is
 * refused with SchemaMismatch and the field named. Without, only the size is compared. Threads may share an endpoint. */
template <class T> class Variable : public detail::Endpoint {
    static_assert(std::is_trivially_copyable_v<T>, "other processes see the bytes of the value and nothing else");
    static_assert(std::is_default_constructible_v<T>, "a value is read into an object that is there");
    static_assert(!std::is_array_v<T>, "an array cannot be returned: take std::array");
    static_assert(alignof(T) <= 64, "values lie at multiples of 64");

  public:
    class Loan;
    class View;

    /* Opens the variable, or creates it. Throws what memlane_variable_open() answers. */
    explicit Variable(std::string_view name, const Options &options = {})
        : Endpoint(name, options, sizeof(T), detail::format_of<T>().get()) {}

    /* Writes. Waits only while every slot is held by live views, loans and writers: then NoFreeSlot. Lock-free. */
    void set(const T &value, Nanoseconds patience = DEFAULT_PATIENCE) {
        memlane_error error;
        detail::check(memlane_variable_write(handle(), &value, sizeof(T), MEMLANE_TYPE_STRUCT,
                                             detail::deadline_after(patience), &error),
                      error);
    }

    /* The latest value with its version and time; Empty where nothing was ever written. Never waits. Lock-free. */
    Reading<T> read() {
        Reading<T> reading = {};
        memlane_reading found;
        memlane_error error;
        const memlane_status status = memlane_variable_read(handle(), &reading.value, sizeof(T), &found, &error);
        if (status == MEMLANE_OK || status == MEMLANE_BUFFER_TOO_SMALL) {
            demand_type(found);
        }
        detail::check(status, error);
        note(found.version);
        reading.version = found.version;
        reading.sequence = found.sequence;
        reading.written = Clock::time_point(Nanoseconds(found.monotonic_ns));
        using Wall = std::chrono::system_clock;
        reading.written_at = Wall::time_point(std::chrono::duration_cast<Wall::duration>(Nanoseconds(found.real_ns)));
        return reading;
    }

    /* The latest value; Empty where nothing was ever written. */
    T get() {
        return read().value;
    }

    /* The latest value, or `otherwise` where nothing was ever written. */
    T get_or(const T &otherwise) {
        try {
            return get();
        } catch (const Empty &) {
            return otherwise;
        }
    }

    /* Waits until there is a value newer than what this endpoint has returned, and returns it. A signal: Interrupted. */
    Reading<T> wait() {
        wait_to(seen(), MEMLANE_NO_DEADLINE);
        return read();
    }

    /* The same, for so long at most: then Timeout. Zero only looks. */
    template <class Rep, class Period> Reading<T> wait_for(std::chrono::duration<Rep, Period> patience) {
        wait_to(seen(), detail::deadline_after(patience));
        return read();
    }

    /* The same, for a value newer than a version. */
    template <class Rep, class Period>
    Reading<T> wait_for(std::chrono::duration<Rep, Period> patience, std::uint64_t newer_than) {
        wait_to(newer_than, detail::deadline_after(patience));
        return read();
    }

    /* A slot to fill in place: published by commit(), dropped where the scope is left without. */
    Loan loan(Nanoseconds patience = DEFAULT_PATIENCE) {
        return Loan(*this, patience);
    }

    /* The latest value in place: read-only, and unchanged while the view lives. */
    View view() {
        View view(*this);
        note(view.version());
        return view;
    }

  private:
    void demand_type(const memlane_reading &found) const {
        if (found.size != sizeof(T) || found.type != MEMLANE_TYPE_STRUCT) {
            memlane_error error = {MEMLANE_SCHEMA_MISMATCH, 0, ""};
            std::snprintf(
                error.message, sizeof error.message,
                "variable '%s' holds %llu bytes of type mark %u, not a struct of %zu bytes: its writer shares "
                "another type under this name",
                describe().name, static_cast<unsigned long long>(found.size), found.type, sizeof(T));
            detail::throw_error(error);
        }
    }
};

template <class T> class Variable<T>::Loan {
  public:
    T &operator*() const noexcept {
        return *value_;
    }
    T *operator->() const noexcept {
        return value_;
    }

    /* Publishes the value, and returns its version; 0 when newer ones were committed meanwhile. Once. */
    std::uint64_t commit() {
        return loan_.commit(sizeof(T), MEMLANE_TYPE_STRUCT);
    }

  private:
    friend class Variable;
    Loan(Variable &variable, Nanoseconds patience)
        : loan_(variable.handle(), patience), value_(::new (loan_.bytes()) T) {}

    detail::Loan loan_;
    T *value_;
};

template <class T> class Variable<T>::View {
  public:
    const T &operator*() const noexcept {
        return *static_cast<const T *>(view_.bytes());
    }
    const T *operator->() const noexcept {
        return static_cast<const T *>(view_.bytes());
    }
    std::uint64_t version() const noexcept {
        return view_.reading().version;
    }

  private:
    friend class Variable;
    explicit View(Variable &variable) : view_(variable.handle()) {
        variable.demand_type(view_.reading());
    }

    detail::View view_;
};

/* The latest bytes, of any size up to max_size, and a mark of their type (below 2^24) that means what its users agree on. */
class ByteVariable : public detail::Endpoint {
  public:
    class Loan;
    class View;

    explicit ByteVariable(std::string_view name, const Options &options = {})
        : Endpoint(name, options, options.max_size, nullptr) {}

    void set(Span<const std::byte> bytes, std::uint32_t type = 0, Nanoseconds patience = DEFAULT_PATIENCE) {
        memlane_error error;
        detail::check(memlane_variable_write(handle(), bytes.data(), bytes.size(), type,
                                             detail::deadline_after(patience), &error),
                      error);
    }

    /* A copy of the latest bytes; Empty where nothing was ever written. */
    std::vector<std::byte> get();

    /* Waits until there are bytes newer than what this endpoint has returned, for so long at most: then Timeout. */
    template <class Rep, class Period> View wait_for(std::chrono::duration<Rep, Period> patience);

    /* A slot to fill in place: published by commit(), dropped where the scope is left without. */
    Loan loan(Nanoseconds patience = DEFAULT_PATIENCE);

    /* The latest bytes in place: read-only, and unchanged while the view lives. */
    View view();
};

class ByteVariable::Loan {
  public:
    /* All that can be filled; what it holds before is undefined. */
    Span<std::byte> bytes() const noexcept {
        return {static_cast<std::byte *>(loan_.bytes()), static_cast<std::size_t>(loan_.capacity())};
    }

    /* Publishes the first `size` bytes, and returns their version; 0 when newer ones were committed meanwhile. Once. */
    std::uint64_t commit(std::size_t size, std::uint32_t type = 0) {
        return loan_.commit(size, type);
    }

  private:
    friend class ByteVariable;
    friend class Share;
    Loan(memlane_variable *variable, Nanoseconds patience) : loan_(variable, patience) {}

    detail::Loan loan_;
};

class ByteVariable::View {
  public:
    Span<const std::byte> bytes() const noexcept {
        return {static_cast<const std::byte *>(view_.bytes()), static_cast<std::size_t>(view_.reading().size)};
    }
    std::uint64_t version() const noexcept {
        return view_.reading().version;
    }
    std::uint32_t type() const noexcept {
        return view_.reading().type;
    }

  private:
    friend class ByteVariable;
    friend class Share;
    explicit View(detail::View view) : view_(std::move(view)) {}

    detail::View view_;
};

inline std::vector<std::byte> ByteVariable::get() {
    const View latest = view();
    const Span<const std::byte> bytes = latest.bytes();
    return std::vector<std::byte>(bytes.begin(), bytes.end());
}

template <class Rep, class Period>
ByteVariable::View ByteVariable::wait_for(std::chrono::duration<Rep, Period> patience) {
    wait_to(seen(), detail::deadline_after(patience));
    return view();
}

inline ByteVariable::Loan ByteVariable::loan(Nanoseconds patience) {
    return Loan(handle(), patience);
}

inline ByteVariable::View ByteVariable::view() {
    View latest{detail::View(handle())};
    note(latest.version());
    return latest;
}

} // namespace memlane
#endif
