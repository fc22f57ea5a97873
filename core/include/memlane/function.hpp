/* Host functions: calls into other processes, with C++ types or bytes as arguments and results. */
#ifndef MEMLANE_FUNCTION_HPP
#define MEMLANE_FUNCTION_HPP

#include <memlane/fields.hpp>
#include <memlane/function.h>
#include <memlane/object.hpp>
#include <memlane/span.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace memlane {

/* What may be asked for at opening; what is not, adopts what is there. As memlane_function_options. */
struct FunctionOptions {
    std::string directory;                     /* empty: $MEMLANE_DIR, else the user's own */
    std::uint64_t max_arguments = MEMLANE_ANY; /* bytes; of a type its size */
    std::uint64_t max_result = MEMLANE_ANY;    /* the same */
    std::uint64_t lanes = MEMLANE_ANY;         /* callers at once, 1 to 1024 */
    std::uint64_t slots = MEMLANE_ANY;         /* calls of one caller that are not answered yet, 1 to 256 */
    std::uint64_t participants = MEMLANE_ANY;  /* endpoints at once, 1 to 1024 */
    bool create = true;                        /* false: a missing object is ObjectNotFound */
    bool persistent = true;                    /* false: a new object goes with its last endpoint */
    bool fail_fast = false;                    /* true: a call is NoServer where nobody serves */
    std::uint32_t permissions = 0600;          /* file mode to create with, and the most that is accepted */
    std::int64_t peer_user = -1;               /* uid of another user whose object is accepted, or -1 */
};

/* What the function answered instead of a result: its text. status() is MEMLANE_ANSWERED. */
class RemoteError final : public Error {
  public:
    using Error::Error;
};

/* Bytes of any size, as arguments or result. */
using ByteVector = std::vector<std::byte>;

namespace detail {

/* -- how a type travels ------------------------------------------------------------------------------------------- */

[[noreturn]] inline void refuse_payload(const char *what, std::uint64_t size, std::uint32_t type, std::size_t wanted) {
    memlane_error error = {MEMLANE_SCHEMA_MISMATCH, 0, ""};
    std::snprintf(error.message, sizeof error.message,
                  "%s of %llu bytes and type mark %u came, not a struct of %zu bytes: the peer has another type", what,
                  static_cast<unsigned long long>(size), type, wanted);
    throw_error(error);
}

/* A trivially copyable type: its bytes, under the mark of structs. */
template <class T> struct Payload {
    static_assert(std::is_trivially_copyable_v<T>, "other processes see the bytes of the value and nothing else");
    static_assert(std::is_default_constructible_v<T>, "a value is read into an object that is there");
    static_assert(!std::is_array_v<T>, "an array cannot be returned: take std::array");

    static Format format() {
        return format_of<T>();
    }
    static std::uint64_t room(std::uint64_t /*given*/) noexcept {
        return sizeof(T);
    }
    static std::uint64_t size(const T & /*value*/) noexcept {
        return sizeof(T);
    }
    static void put(void *out, const T &value) noexcept {
        std::memcpy(out, &value, sizeof value);
    }
    static T take(const char *what, const void *bytes, std::uint64_t size, std::uint32_t type) {
        if (size != sizeof(T) || type != MEMLANE_TYPE_STRUCT) {
            refuse_payload(what, size, type, sizeof(T));
        }
        T value;
        std::memcpy(&value, bytes, sizeof value);
        return value;
    }
    static constexpr std::uint32_t TYPE = MEMLANE_TYPE_STRUCT;
};

/* Bytes, under the mark 0, which Python's raw=True sends and reads. */
template <> struct Payload<ByteVector> {
    static Format format() {
        return nullptr;
    }
    static std::uint64_t room(std::uint64_t given) noexcept {
        return given;
    }
    static std::uint64_t size(const ByteVector &bytes) noexcept {
        return bytes.size();
    }
    static void put(void *out, const ByteVector &bytes) noexcept {
        if (!bytes.empty()) {
            std::memcpy(out, bytes.data(), bytes.size());
        }
    }
    static ByteVector take(const char * /*what*/, const void *bytes, std::uint64_t size, std::uint32_t /*type*/) {
        const auto *first = static_cast<const std::byte *>(bytes);
        return ByteVector(first, first + size);
    }
    static constexpr std::uint32_t TYPE = 0;
};

/* No result: calls are one-way. */
template <> struct Payload<void> {
    static Format format() {
        return nullptr;
    }
    static std::uint64_t room(std::uint64_t /*given*/) noexcept {
        return 0;
    }
};

/* -- the endpoint -------------------------------------------------------------------------------------------------- */

using FunctionHandle = Owned<memlane_function, memlane_function_free>;

template <class Result, class Arguments>
FunctionHandle open_function(std::string_view name, const FunctionOptions &given) {
    const Format arguments = Payload<Arguments>::format();
    const Format result = Payload<Result>::format();
    memlane_function_options options;
    memlane_function_options_initialise(&options);
    fill_object_options(options.object, given);
    options.object.ephemeral = given.persistent ? MEMLANE_ANY : 1;
    options.max_arguments = Payload<Arguments>::room(given.max_arguments);
    options.max_result = Payload<Result>::room(given.max_result);
    options.lanes = given.lanes;
    options.slots = given.slots;
    options.arguments_format = arguments.get();
    options.result_format = result.get();
    memlane_function *function = nullptr;
    memlane_error error;
    check(memlane_function_open(&function, name.data(), name.size(), &options, &error), error);
    return FunctionHandle(function);
}

/* A call that is ended with its scope: taken back where nobody has begun it. */
class CallHandle {
  public:
    CallHandle(memlane_function *function, Nanoseconds patience) {
        memlane_error error;
        check(memlane_call_begin(function, &call_, deadline_after(patience), &error), error);
    }
    CallHandle(CallHandle &&other) noexcept : call_(std::exchange(other.call_, {})) {}
    CallHandle &operator=(CallHandle &&other) noexcept {
        std::swap(call_, other.call_);
        return *this;
    }
    CallHandle(const CallHandle &) = delete;
    CallHandle &operator=(const CallHandle &) = delete;
    ~CallHandle() {
        if (call_.function != nullptr) {
            memlane_call_end(&call_); /* does nothing to a call that has ended */
        }
    }

    memlane_call *get() noexcept {
        return &call_;
    }

  private:
    memlane_call call_ = {};
};

/* What functions of all types have in common. */
class FunctionEndpoint {
  public:
    /* Whether a live process serves the function. */
    bool is_served() const {
        return memlane_function_is_served(handle());
    }

    /* Operations in other threads leave with Closed, later ones too; calls that nobody has begun are withdrawn. */
    void close() noexcept { // NOLINT(readability-make-member-function-const): users see the difference
        memlane_function_close(handle());
    }

    /* What the object is; the strings and formats live as long as the endpoint. */
    memlane_function_properties describe() const noexcept {
        memlane_function_properties properties;
        memlane_function_describe(handle(), &properties);
        return properties;
    }

    memlane_function_statistics statistics() const {
        memlane_function_statistics statistics;
        memlane_error error;
        check(memlane_function_statistics_read(handle(), &statistics, &error), error);
        return statistics;
    }

    bool is_current() const noexcept {
        return memlane_function_is_current(handle());
    }

    /* For what this layer does not have; owned by the endpoint. */
    memlane_function *handle() const noexcept {
        return handle_.get();
    }

  protected:
    FunctionEndpoint(FunctionHandle handle, bool fail_fast) : handle_(std::move(handle)), fail_fast_(fail_fast) {}

    template <class Arguments> CallHandle post(const Arguments &arguments, Nanoseconds patience) {
        using Sent = Payload<Arguments>;
        CallHandle call(handle(), patience);
        const std::uint64_t size = Sent::size(arguments);
        memlane_error error;
        if (size <= call.get()->capacity) {
            Sent::put(call.get()->bytes, arguments);
        }
        check(memlane_call_post(call.get(), size, Sent::TYPE, &error), error); /* ValueTooLarge, for one */
        call.get()->fail_fast = fail_fast_;
        return call;
    }

  private:
    FunctionHandle handle_;
    bool fail_fast_;
};

} // namespace detail

template <class Signature> class Function;

/* A function of one argument: Function<Verdict(Pose)>. Both types are trivially copyable, or ByteVector.
 *
 * With MEMLANE_FIELDS the object stores the field tables: programs in C, C++ and Python share it, and another struct is
 * refused with SchemaMismatch and the field named. Without, only sizes are compared. A ByteVector is what Python sends
 * with raw=True. Threads may share an endpoint. */
template <class Result, class Arguments> class Function<Result(Arguments)> : public detail::FunctionEndpoint {
  public:
    /* A call under way. It is taken back, or nobody waits for it any more, when this object goes. */
    class Call;

    /* Opens the function, or creates it. Throws what memlane_function_open() answers. */
    explicit Function(std::string_view name, const FunctionOptions &options = {})
        : FunctionEndpoint(detail::open_function<Result, Arguments>(name, options), options.fail_fast) {}

    /* Calls and waits: RemoteError, Timeout, PeerDied (the call may have been executed), NoServer. NoFreeSlot: as many
     * calls are under way as may be. */
    Result call(const Arguments &arguments, Nanoseconds patience = FOREVER) {
        return send(arguments, patience).result(patience);
    }

    /* Sends a call. Waits only for a slot. */
    Call send(const Arguments &arguments, Nanoseconds patience = FOREVER) {
        return Call(post(arguments, patience));
    }
};

template <class Result, class Arguments> class Function<Result(Arguments)>::Call {
  public:
    /* Waits for the result, and ends the call. After Timeout and Interrupted the call goes on: ask again. */
    Result result(Nanoseconds patience = FOREVER) {
        memlane_answer answer;
        memlane_error error;
        detail::check(memlane_call_wait(call_.get(), detail::deadline_after(patience), &answer, &error), error);
        if (answer.failed) {
            refuse(answer);
        }
        Result value = detail::Payload<Result>::take("a result", answer.bytes, answer.size, answer.type);
        memlane_call_end(call_.get());
        return value;
    }

    /* Takes it back: true when it is certain that it was not and will not be executed. */
    bool cancel() {
        return memlane_call_cancel(call_.get());
    }

    /* Ends it now: what is known of it. */
    memlane_execution end() {
        return memlane_call_end(call_.get());
    }

  private:
    friend class Function;
    explicit Call(detail::CallHandle call) : call_(std::move(call)) {}

    [[noreturn]] void refuse(const memlane_answer &answer) {
        memlane_error error = {MEMLANE_ANSWERED, 0, ""};
        const std::size_t size =
            answer.size < sizeof error.message - 1 ? static_cast<std::size_t>(answer.size) : sizeof error.message - 1;
        std::memcpy(error.message, answer.bytes, size); /* ends at its first NUL */
        memlane_call_end(call_.get());
        throw RemoteError(error);
    }

    detail::CallHandle call_;
};

/* A function without results: its calls are one-way. */
template <class Arguments> class Function<void(Arguments)> : public detail::FunctionEndpoint {
  public:
    explicit Function(std::string_view name, const FunctionOptions &options = {})
        : FunctionEndpoint(detail::open_function<void, Arguments>(name, options), options.fail_fast) {}

    /* Sends a call that is executed whoever serves next. Waits only for a slot. */
    void send(const Arguments &arguments, Nanoseconds patience = FOREVER) {
        memlane_call_forget(post(arguments, patience).get());
    }
};

} // namespace memlane
#endif
