/* What a call answers, as exceptions: one class for each reaction that a caller can have. */
#ifndef MEMLANE_ERROR_HPP
#define MEMLANE_ERROR_HPP

#include <memlane/status.h>

#include <stdexcept>

namespace memlane {

/* Every failure of memlane. what() says what was asked, what is there and what to do. */
class Error : public std::runtime_error {
  public:
    explicit Error(const memlane_error &error)
        : std::runtime_error(error.message), status_(error.status), system_error_(error.system_error) {}

    memlane_status status() const noexcept {
        return status_;
    }

    /* errno of the system call that decided, or 0. */
    int system_error() const noexcept {
        return system_error_;
    }

  private:
    memlane_status status_;
    int system_error_;
};

/* The failure of one status: a class of its own for each, caught by the names below. */
template <memlane_status Status> class StatusError final : public Error {
  public:
    using Error::Error;
};

using Empty = StatusError<MEMLANE_EMPTY>;
using Timeout = StatusError<MEMLANE_TIMEOUT>;
using Interrupted = StatusError<MEMLANE_INTERRUPTED>;
using Closed = StatusError<MEMLANE_CLOSED>;
using InvalidName = StatusError<MEMLANE_INVALID_NAME>;
using InvalidArgument = StatusError<MEMLANE_INVALID_ARGUMENT>;
using ObjectNotFound = StatusError<MEMLANE_NOT_FOUND>;
using KindMismatch = StatusError<MEMLANE_KIND_MISMATCH>;
using SizeMismatch = StatusError<MEMLANE_SIZE_MISMATCH>;
using SchemaMismatch = StatusError<MEMLANE_SCHEMA_MISMATCH>;
using LayoutMismatch = StatusError<MEMLANE_LAYOUT_MISMATCH>;
using UnsafeNamespace = StatusError<MEMLANE_UNSAFE_NAMESPACE>;
using UnsupportedNamespace = StatusError<MEMLANE_UNSUPPORTED_NAMESPACE>;
using NoSpace = StatusError<MEMLANE_NO_SPACE>;
using TooManyParticipants = StatusError<MEMLANE_TOO_MANY_PARTICIPANTS>;
using NoFreeSlot = StatusError<MEMLANE_NO_FREE_SLOT>;
using ValueTooLarge = StatusError<MEMLANE_VALUE_TOO_LARGE>;
using TooManyViews = StatusError<MEMLANE_TOO_MANY_VIEWS>;
using Corrupted = StatusError<MEMLANE_CORRUPTED>;
using OwnershipLost = StatusError<MEMLANE_OWNERSHIP_LOST>;
using BufferTooSmall = StatusError<MEMLANE_BUFFER_TOO_SMALL>;
using NoMemory = StatusError<MEMLANE_NO_MEMORY>;
using SystemFailure = StatusError<MEMLANE_SYSTEM>;
using AccessDenied = StatusError<MEMLANE_ACCESS_DENIED>;
using PeerDied = StatusError<MEMLANE_PEER_DIED>;
using EndpointBusy = StatusError<MEMLANE_ENDPOINT_BUSY>;
using EndClosed = StatusError<MEMLANE_END_CLOSED>;
using NoServer = StatusError<MEMLANE_NO_SERVER>;
using CallCancelled = StatusError<MEMLANE_CANCELLED>;
using AlreadyLocked = StatusError<MEMLANE_ALREADY_LOCKED>;
using NotLocked = StatusError<MEMLANE_NOT_LOCKED>;

namespace detail {

template <memlane_status... Statuses> [[noreturn]] void throw_one_of(const memlane_error &error) {
    ((error.status == Statuses ? throw StatusError<Statuses>(error) : void()), ...);
    throw Error(error); /* a status that a newer library has */
}

[[noreturn]] inline void throw_error(const memlane_error &error) {
    throw_one_of<MEMLANE_EMPTY, MEMLANE_TIMEOUT, MEMLANE_INTERRUPTED, MEMLANE_CLOSED, MEMLANE_INVALID_NAME,
                 MEMLANE_INVALID_ARGUMENT, MEMLANE_NOT_FOUND, MEMLANE_KIND_MISMATCH, MEMLANE_SIZE_MISMATCH,
                 MEMLANE_SCHEMA_MISMATCH, MEMLANE_LAYOUT_MISMATCH, MEMLANE_UNSAFE_NAMESPACE,
                 MEMLANE_UNSUPPORTED_NAMESPACE, MEMLANE_NO_SPACE, MEMLANE_TOO_MANY_PARTICIPANTS, MEMLANE_NO_FREE_SLOT,
                 MEMLANE_VALUE_TOO_LARGE, MEMLANE_TOO_MANY_VIEWS, MEMLANE_CORRUPTED, MEMLANE_OWNERSHIP_LOST,
                 MEMLANE_BUFFER_TOO_SMALL, MEMLANE_NO_MEMORY, MEMLANE_SYSTEM, MEMLANE_ACCESS_DENIED, MEMLANE_PEER_DIED,
                 MEMLANE_ENDPOINT_BUSY, MEMLANE_END_CLOSED, MEMLANE_NO_SERVER, MEMLANE_CANCELLED,
                 MEMLANE_ALREADY_LOCKED, MEMLANE_NOT_LOCKED>(error);
}

/* Throws what a call answered, unless it was a success. */
inline void check(memlane_status status, const memlane_error &error) {
    if (status != MEMLANE_OK) {
        throw_error(error);
    }
}

} // namespace detail
} // namespace memlane
#endif
