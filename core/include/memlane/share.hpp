/* Shares: assignment between processes. Bytes are put by one and taken by one other, each value at most once. */
#ifndef MEMLANE_SHARE_HPP
#define MEMLANE_SHARE_HPP

#include <memlane/error.hpp>
#include <memlane/share.h>
#include <memlane/span.hpp>
#include <memlane/variable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace memlane {

/* An endpoint of a share, for either side. Of the Options, max_size is the share's size; slots are 4 in a new one.
 * Threads may share an endpoint. */
class Share {
  public:
    using Loan = ByteVariable::Loan;
    using View = ByteVariable::View;

    /* Opens the share, or creates it. Throws what memlane_share_open() answers. */
    explicit Share(std::string_view name, const Options &given = {}) {
        memlane_share_options options;
        memlane_share_options_initialise(&options);
        detail::fill_object_options(options.object, given);
        options.object.ephemeral = given.persistent ? MEMLANE_ANY : 1;
        options.size = given.max_size;
        options.slots = given.slots;
        memlane_share *share = nullptr;
        memlane_error error;
        detail::check(memlane_share_open(&share, name.data(), name.size(), &options, &error), error);
        handle_.reset(share);
    }

    /* Puts bytes, which are copied, in place of those that were not taken; their version, or 0 when newer ones were put
     * meanwhile. Never waits: NoFreeSlot, ValueTooLarge; then the old value stays. Lock-free. */
    std::uint64_t put(Span<const std::byte> bytes, std::uint32_t type = 0) const {
        std::uint64_t version = 0;
        memlane_error error;
        detail::check(memlane_share_put(handle(), bytes.data(), bytes.size(), type, &version, &error), error);
        return version;
    }

    /* A slot to fill in place: put by commit(), dropped where the scope is left without. Never waits. */
    Loan loan() const {
        return Loan(memlane_share_variable(handle()), Nanoseconds::zero());
    }

    /* Waits for the next value and takes it, in place: read-only, and unchanged while the view lives. A signal:
     * Interrupted. */
    View get() const {
        return take(MEMLANE_NO_DEADLINE);
    }

    /* The same, for so long at most: then Timeout. Zero only looks. */
    template <class Rep, class Period> View get_for(std::chrono::duration<Rep, Period> patience) const {
        return take(detail::deadline_after(patience));
    }

    /* Drops the value that waits to be taken; whether there was one. */
    bool clear() const {
        bool dropped = false;
        memlane_error error;
        detail::check(memlane_share_clear(handle(), &dropped, &error), error);
        return dropped;
    }

    /* Waits in other threads leave with Closed, later operations too. Views and loans live on. */
    void close() noexcept { // NOLINT(readability-make-member-function-const): users see the difference
        memlane_share_close(handle());
    }

    /* What the object is; the strings live as long as the endpoint. */
    memlane_variable_properties describe() const noexcept {
        memlane_variable_properties properties;
        memlane_variable_describe(memlane_share_variable(handle()), &properties);
        return properties;
    }

    /* For what this layer does not have; owned by the endpoint. */
    memlane_share *handle() const noexcept {
        return handle_.get();
    }

  private:
    View take(std::uint64_t deadline_ns) const {
        memlane_view taken;
        memlane_error error;
        detail::check(memlane_share_view(handle(), &taken, deadline_ns, &error), error);
        return View(detail::View(taken));
    }

    detail::Owned<memlane_share, memlane_share_free> handle_;
};

} // namespace memlane
#endif
