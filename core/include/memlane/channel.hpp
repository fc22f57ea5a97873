/* Byte channels: a stream of bytes from one writer to one reader, of which none is lost and none doubled. */
#ifndef MEMLANE_CHANNEL_HPP
#define MEMLANE_CHANNEL_HPP

#include <memlane/channel.h>
#include <memlane/object.hpp>
#include <memlane/span.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace memlane {

/* What may be asked for at opening; what is not, adopts what is there. As memlane_channel_options. */
struct ChannelOptions {
    std::string directory;                    /* empty: $MEMLANE_DIR, else the user's own */
    std::uint64_t capacity = MEMLANE_ANY;     /* bytes of a new channel; an existing one keeps its own */
    std::uint64_t participants = MEMLANE_ANY; /* endpoints at once, 1 to 1024 */
    bool create = true;                       /* false: a missing object is ObjectNotFound */
    bool persistent = false;                  /* true: a new channel stays when its last endpoint closes */
    std::uint32_t permissions = 0600;         /* file mode to create with, and the most that is accepted */
    std::int64_t peer_user = -1;              /* uid of another user whose object is accepted, or -1 */
};

namespace detail {

/* Bytes of the ring, dropped at the end of the scope unless they were committed. Of the thread that asked. */
class ChannelSpan {
  public:
    ChannelSpan(ChannelSpan &&other) noexcept : span_(std::exchange(other.span_, {})) {}
    ChannelSpan &operator=(ChannelSpan &&other) noexcept {
        std::swap(span_, other.span_);
        return *this;
    }
    ChannelSpan(const ChannelSpan &) = delete;
    ChannelSpan &operator=(const ChannelSpan &) = delete;
    ~ChannelSpan() {
        if (span_.channel != nullptr) {
            memlane_span_drop(&span_);
        }
    }

    /* Publishes, or consumes, all bytes. Once. */
    void commit() {
        commit(static_cast<std::size_t>(span_.size));
    }

    /* The same of the first `size` bytes. */
    void commit(std::size_t size) {
        if (span_.channel == nullptr) {
            throw std::logic_error("this span was committed or moved away: take another one");
        }
        memlane_error error;
        check(memlane_span_commit(&span_, size, &error), error);
    }

  protected:
    ChannelSpan() = default;

    memlane_span &span() noexcept {
        return span_;
    }
    const memlane_span &span() const noexcept {
        return span_;
    }

  private:
    memlane_span span_ = {};
};

} // namespace detail

/* One end of a channel. Threads may share it: they take turns. */
class Channel {
  public:
    class Room;
    class Bytes;

    /* Opens an end, or creates the channel; goes on where a former owner of the end stopped. EndpointBusy: somebody
     * alive has it. */
    Channel(std::string_view name, memlane_channel_mode mode, const ChannelOptions &options = {})
        : handle_(open(name, mode, options)) {}

    /* Writes all bytes. EndClosed or PeerDied: the reader is gone; Timeout. position() says how many went in. */
    // NOLINTNEXTLINE(readability-make-member-function-const): users see the difference
    void write(Span<const std::byte> bytes, Nanoseconds patience = FOREVER) {
        std::uint64_t written = 0;
        memlane_error error;
        detail::check(memlane_channel_write(handle(), bytes.data(), bytes.size(), detail::deadline_after(patience),
                                            &written, &error),
                      error);
    }
    void write(std::string_view text, Nanoseconds patience = FOREVER) {
        write(Span<const std::byte>(reinterpret_cast<const std::byte *>(text.data()), text.size()), patience);
    }

    /* Writes what fits, and returns how much that is. Never waits. */
    // NOLINTNEXTLINE(readability-make-member-function-const): users see the difference
    std::size_t write_some(Span<const std::byte> bytes) {
        std::uint64_t written = 0;
        memlane_error error;
        detail::check(memlane_channel_write_some(handle(), bytes.data(), bytes.size(), &written, &error), error);
        return static_cast<std::size_t>(written);
    }

    /* Waits for `least` bytes, takes as many as the buffer holds, and returns how many; fewer than `least` at the end of
     * the stream. Nothing is left and the writer is gone: EndClosed, PeerDied. */
    // NOLINTNEXTLINE(readability-make-member-function-const): users see the difference
    std::size_t read(Span<std::byte> buffer, std::size_t least, Nanoseconds patience = FOREVER) {
        std::uint64_t count = 0;
        memlane_error error;
        detail::check(memlane_channel_read(handle(), buffer.data(), buffer.size(), least,
                                           detail::deadline_after(patience), &count, &error),
                      error);
        return static_cast<std::size_t>(count);
    }

    /* The next `size` bytes, at most the capacity; fewer at the end of the stream. */
    std::vector<std::byte> read_bytes(std::size_t size, Nanoseconds patience = FOREVER) {
        std::vector<std::byte> bytes(size);
        bytes.resize(read(Span<std::byte>(bytes.data(), size), size, patience));
        return bytes;
    }

    /* Room for `size` bytes, to fill in: published by commit(), dropped where the scope is left without. */
    Room reserve(std::size_t size, Nanoseconds patience = FOREVER);

    /* The next `size` bytes in place, 0: those that are there, one at least: consumed by commit(). */
    Bytes peek(std::size_t size, Nanoseconds patience = FOREVER);

    /* How many bytes of the stream this end and its predecessors have read, or written. Also of a closed endpoint. */
    std::uint64_t position() const noexcept {
        return memlane_channel_position(handle());
    }

    /* Operations in other threads leave with Closed, later ones too. */
    void close() noexcept { // NOLINT(readability-make-member-function-const): users see the difference
        memlane_channel_close(handle());
    }

    /* What the object is; the strings live as long as the endpoint. */
    memlane_channel_properties describe() const noexcept {
        memlane_channel_properties properties;
        memlane_channel_describe(handle(), &properties);
        return properties;
    }

    memlane_channel_statistics statistics() const {
        memlane_channel_statistics statistics;
        memlane_error error;
        detail::check(memlane_channel_statistics_read(handle(), &statistics, &error), error);
        return statistics;
    }

    bool is_current() const noexcept {
        return memlane_channel_is_current(handle());
    }

    /* For what this layer does not have; owned by the endpoint. */
    memlane_channel *handle() const noexcept {
        return handle_.get();
    }

  private:
    static memlane_channel *open(std::string_view name, memlane_channel_mode mode, const ChannelOptions &given) {
        memlane_channel_options options;
        memlane_channel_options_initialise(&options);
        detail::fill_object_options(options.object, given);
        options.object.ephemeral = given.persistent ? 0 : MEMLANE_ANY;
        options.capacity = given.capacity;
        memlane_channel *channel = nullptr;
        memlane_error error;
        detail::check(memlane_channel_open(&channel, name.data(), name.size(), mode, &options, &error), error);
        return channel;
    }

    detail::Owned<memlane_channel, memlane_channel_free> handle_;
};

class Channel::Room : public detail::ChannelSpan {
  public:
    Span<std::byte> bytes() const noexcept {
        return {static_cast<std::byte *>(span().bytes), static_cast<std::size_t>(span().size)};
    }

  private:
    friend class Channel;
    Room(memlane_channel *channel, std::size_t size, Nanoseconds patience) {
        memlane_error error;
        detail::check(memlane_channel_reserve(channel, size, detail::deadline_after(patience), &span(), &error), error);
    }
};

class Channel::Bytes : public detail::ChannelSpan {
  public:
    Span<const std::byte> bytes() const noexcept {
        return {static_cast<const std::byte *>(span().bytes), static_cast<std::size_t>(span().size)};
    }

  private:
    friend class Channel;
    Bytes(memlane_channel *channel, std::size_t size, Nanoseconds patience) {
        memlane_error error;
        detail::check(memlane_channel_peek(channel, size, detail::deadline_after(patience), &span(), &error), error);
    }
};

// NOLINTNEXTLINE(readability-make-member-function-const): users see the difference
inline Channel::Room Channel::reserve(std::size_t size, Nanoseconds patience) {
    return Room(handle(), size, patience);
}

// NOLINTNEXTLINE(readability-make-member-function-const): users see the difference
inline Channel::Bytes Channel::peek(std::size_t size, Nanoseconds patience) {
    return Bytes(handle(), size, patience);
}

} // namespace memlane
#endif
