/* Shared maps: bytes that every process of the host can read and write, under a lock for many readers or one writer. */
#ifndef MEMLANE_MAP_HPP
#define MEMLANE_MAP_HPP

#include <memlane/error.hpp>
#include <memlane/map.h>
#include <memlane/object.hpp>
#include <memlane/span.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace memlane {

/* What may be asked for at opening a map; what is not, adopts what is there. As memlane_map_options. */
struct MapOptions {
    std::string directory;                    /* empty: $MEMLANE_DIR, else the user's own */
    std::uint64_t size = MEMLANE_ANY;         /* bytes; may be left out where create is false */
    std::uint64_t participants = MEMLANE_ANY; /* endpoints at once, 1 to 1024 */
    bool create = true;                       /* false: a missing object is ObjectNotFound */
    bool persistent = true;                   /* false: a new object goes with its last endpoint */
    std::uint32_t permissions = 0600;         /* file mode to create with, and the most that is accepted */
    std::int64_t peer_user = -1;              /* uid of another user whose object is accepted, or -1 */
};

namespace detail {

/* A lock of a map that goes back at the end of its scope. */
class MapLock {
  public:
    using Take = memlane_status (*)(memlane_map *, memlane_map_lock *, std::uint64_t, memlane_error *);

    MapLock(memlane_map *map, Take take, std::uint64_t deadline_ns) : lock_(std::make_unique<memlane_map_lock>()) {
        memlane_error error;
        check(take(map, lock_.get(), deadline_ns, &error), error);
        bytes_ = memlane_map_bytes(map);
        size_ = static_cast<std::size_t>(memlane_map_size(map));
    }
    MapLock(MapLock &&) noexcept = default;
    MapLock &operator=(MapLock &&other) noexcept {
        std::swap(lock_, other.lock_);
        std::swap(bytes_, other.bytes_);
        std::swap(size_, other.size_);
        return *this;
    }
    MapLock(const MapLock &) = delete;
    MapLock &operator=(const MapLock &) = delete;
    ~MapLock() {
        if (lock_ && lock_->map != nullptr) {
            memlane_map_unlock(lock_.get(), nullptr);
        }
    }

    /* Whether a writer died inside, and this is the first lock since (of readers: none has written since). */
    bool recovered() const noexcept {
        return lock_->recovered;
    }

    /* Gives the lock back before the end of the scope, and says what the end of the scope cannot: OwnershipLost, it was
     * not this process's any more; Corrupted. */
    void unlock() {
        memlane_error error;
        check(memlane_map_unlock(lock_.get(), &error), error);
    }

  protected:
    void *address() const noexcept {
        return bytes_;
    }
    std::size_t length() const noexcept {
        return size_;
    }

  private:
    std::unique_ptr<memlane_map_lock> lock_; /* the C library wants it to stay where it is */
    void *bytes_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace detail

/* An endpoint of a map. Threads may share it; a thread holds one lock of it at a time: else AlreadyLocked. */
class Map {
  public:
    /* Held with other readers: the bytes, read-only. */
    class ReadLock : public detail::MapLock {
      public:
        Span<const std::byte> bytes() const noexcept {
            return {static_cast<const std::byte *>(address()), length()};
        }

      private:
        friend class Map;
        using MapLock::MapLock;
    };

    /* Held alone: the bytes, to read and write. */
    class WriteLock : public detail::MapLock {
      public:
        Span<std::byte> bytes() const noexcept {
            return {static_cast<std::byte *>(address()), length()};
        }

      private:
        friend class Map;
        using MapLock::MapLock;
    };

    /* Opens the map, or creates it, filled with zeros. Throws what memlane_map_open() answers. */
    explicit Map(std::string_view name, const MapOptions &given = {}) {
        memlane_map_options options;
        memlane_map_options_initialise(&options);
        detail::fill_object_options(options.object, given);
        options.object.ephemeral = given.persistent ? MEMLANE_ANY : 1;
        options.size = given.size;
        memlane_map *map = nullptr;
        memlane_error error;
        detail::check(memlane_map_open(&map, name.data(), name.size(), &options, &error), error);
        handle_.reset(map);
    }

    /* Waits for the lock: a signal ends the wait with Interrupted. The death of a holder ends it well. */
    ReadLock lock_read() const {
        return ReadLock(handle(), memlane_map_lock_read, MEMLANE_NO_DEADLINE);
    }
    WriteLock lock_write() const {
        return WriteLock(handle(), memlane_map_lock_write, MEMLANE_NO_DEADLINE);
    }

    /* The same, for so long at most: then Timeout, which names the holder. Zero only looks. */
    template <class Rep, class Period> ReadLock lock_read_for(std::chrono::duration<Rep, Period> patience) const {
        return ReadLock(handle(), memlane_map_lock_read, detail::deadline_after(patience));
    }
    template <class Rep, class Period> WriteLock lock_write_for(std::chrono::duration<Rep, Period> patience) const {
        return WriteLock(handle(), memlane_map_lock_write, detail::deadline_after(patience));
    }

    /* The bytes without a lock: others change them meanwhile, and only atomic objects in them mean anything. */
    Span<std::byte> unsafe_bytes() const noexcept {
        return {static_cast<std::byte *>(memlane_map_bytes(handle())), static_cast<std::size_t>(size())};
    }

    std::uint64_t size() const noexcept {
        return memlane_map_size(handle());
    }

    /* Waits in other threads leave with Closed, later locks too. Locks that are held live on. */
    void close() noexcept { // NOLINT(readability-make-member-function-const): users see the difference
        memlane_map_close(handle());
    }

    /* What the object is; the strings live as long as the endpoint. */
    memlane_map_properties describe() const noexcept {
        memlane_map_properties properties;
        memlane_map_describe(handle(), &properties);
        return properties;
    }

    memlane_map_statistics statistics() const {
        memlane_map_statistics statistics;
        memlane_error error;
        detail::check(memlane_map_statistics_read(handle(), &statistics, &error), error);
        return statistics;
    }

    bool is_current() const noexcept {
        return memlane_map_is_current(handle());
    }

    /* For what this layer does not have; owned by the endpoint. */
    memlane_map *handle() const noexcept {
        return handle_.get();
    }

  private:
    detail::Owned<memlane_map, memlane_map_free> handle_;
};

} // namespace memlane
#endif
