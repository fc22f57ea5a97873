/* A view of objects in a row: std::span where the language has it, else as much of it as memlane needs. */
#ifndef MEMLANE_SPAN_HPP
#define MEMLANE_SPAN_HPP

#include <cstddef>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace memlane {

#if __cplusplus >= 202002L
template <class T> using Span = std::span<T>;
#else
template <class T> class Span {
  public:
    constexpr Span() noexcept = default;
    constexpr Span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}

    constexpr T *data() const noexcept {
        return data_;
    }
    constexpr std::size_t size() const noexcept {
        return size_;
    }
    constexpr std::size_t size_bytes() const noexcept {
        return size_ * sizeof(T);
    }
    constexpr bool empty() const noexcept {
        return size_ == 0;
    }
    constexpr T &operator[](std::size_t index) const noexcept {
        return data_[index];
    }
    constexpr T *begin() const noexcept {
        return data_;
    }
    constexpr T *end() const noexcept {
        return data_ + size_;
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};
#endif

} // namespace memlane
#endif
