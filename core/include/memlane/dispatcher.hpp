/* Serving host functions: calls of other processes execute C++ functions of this one. */
#ifndef MEMLANE_DISPATCHER_HPP
#define MEMLANE_DISPATCHER_HPP

#include <memlane/function.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace memlane {

/* Serves functions that are added to it, in the threads that call serve(). Several threads may; none is in it any more
 * when it is destroyed. */
class Dispatcher {
  public:
    explicit Dispatcher(std::uint32_t capacity = 16) : state_(std::make_unique<State>(capacity)) {}

    /* Opens a function and serves it, now or from the next serve() on: add<Verdict(Pose)>("judge", judge). What the body
     * throws is the caller's RemoteError. TooManyParticipants: as many functions as it was made for. */
    template <class Signature, class Body>
    void add(std::string_view name, Body body, const FunctionOptions &options = {}) {
        using Kind = Execution<Signature>;
        Served made = {Kind::open(name, options), Kind::make(std::move(body))};
        memlane_function *function = made.function.get();
        const std::lock_guard<std::mutex> lock(state_->mutex);
        if (state_->count < state_->served.size()) { /* before the add: its first call may come at once */
            state_->served[state_->count] = std::move(made);
        }
        memlane_error error;
        detail::check(memlane_dispatcher_add(state_->handle.get(), function, &error), error);
        state_->count++;
    }

    /* Executes one call, waiting for it: false where none came in time. Closed after stop(); Interrupted by a signal. */
    bool serve_one(Nanoseconds patience = FOREVER) {
        memlane_task task;
        memlane_error error = {};
        const memlane_status status =
            memlane_dispatcher_take(state_->handle.get(), nullptr, detail::deadline_after(patience), &task, &error);
        if (status == MEMLANE_TIMEOUT) {
            return false;
        }
        detail::check(status, error);
        execute(task);
        return true;
    }

    /* Executes calls until stop(). Interrupted by a signal. */
    void serve() {
        try {
            for (;;) {
                serve_one();
            }
        } catch (const Closed &) { // stop() says so
            return;
        }
    }

    /* Lets every thread leave serve() after the call that it executes; the rest waits for other servers. */
    void stop() noexcept { // NOLINT(readability-make-member-function-const): users see the difference
        memlane_dispatcher_stop(state_->handle.get());
    }

    /* Serves again. */
    void resume() noexcept { // NOLINT(readability-make-member-function-const): users see the difference
        memlane_dispatcher_resume(state_->handle.get());
    }

    /* For what this layer does not have; owned by the dispatcher. */
    memlane_dispatcher *handle() const noexcept {
        return state_->handle.get();
    }

  private:
    using Executor = std::function<void(memlane_task &)>;

    struct Served {
        detail::FunctionHandle function;
        Executor execute;
    };

    static memlane_dispatcher *make(std::uint32_t capacity) {
        memlane_dispatcher *dispatcher = nullptr;
        memlane_error error;
        detail::check(memlane_dispatcher_make(&dispatcher, capacity, &error), error);
        return dispatcher;
    }

    /* The places never move: a thread that serves looks at one while another adds the next. */
    struct State {
        explicit State(std::uint32_t capacity) : served(capacity), handle(make(capacity)) {}

        std::vector<Served> served;
        /* Goes first: its functions are open that long. */
        detail::Owned<memlane_dispatcher, memlane_dispatcher_free> handle;
        std::mutex mutex;
        std::size_t count = 0; /* under the mutex */
    };

    static void fail(memlane_task &task, const char *text) {
        memlane_error error;
        memlane_task_fail(&task, text, nullptr, 0, 0, &error); /* OwnershipLost: nobody waits for it any more */
    }

    void execute(memlane_task &task) {
        try {
            state_->served[task.place].execute(task);
        } catch (const std::exception &error) {
            fail(task, error.what());
        } catch (...) {
            fail(task, "the function threw something that is no std::exception");
        }
    }

    template <class Signature> struct Execution;

    std::unique_ptr<State> state_;
};

template <class Result, class Arguments> struct Dispatcher::Execution<Result(Arguments)> {
    static detail::FunctionHandle open(std::string_view name, const FunctionOptions &options) {
        return detail::open_function<Result, Arguments>(name, options);
    }

    template <class Body> static Executor make(Body body) {
        return [body = std::move(body)](memlane_task &task) mutable {
            const Arguments arguments = detail::Payload<Arguments>::take("arguments", task.bytes, task.size, task.type);
            if constexpr (std::is_void_v<Result>) {
                body(arguments);
                respond(task, 0, 0);
            } else {
                using Sent = detail::Payload<Result>;
                const Result result = body(arguments);
                const std::uint64_t size = Sent::size(result);
                if (size <= task.capacity) {
                    Sent::put(task.response, result);
                }
                respond(task, size, Sent::TYPE);
            }
        };
    }

    /* ValueTooLarge is the caller's to know; a response that reaches nobody is nobody's. */
    static void respond(memlane_task &task, std::uint64_t size, std::uint32_t type) {
        memlane_error error;
        const memlane_status status = memlane_task_respond(&task, size, type, &error);
        if (status != MEMLANE_OWNERSHIP_LOST) {
            detail::check(status, error);
        }
    }
};

} // namespace memlane
#endif
