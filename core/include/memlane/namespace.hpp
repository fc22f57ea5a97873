/* Objects by name, whatever their kind. */
#ifndef MEMLANE_NAMESPACE_HPP
#define MEMLANE_NAMESPACE_HPP

#include <memlane/error.hpp>
#include <memlane/namespace.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace memlane {

/* memlane_unlink(): removes a name; endpoints that are open go on. ObjectNotFound, and others. */
inline void unlink(std::string_view name, const std::string &directory = {}, std::uint32_t permissions = 0600,
                   std::int64_t peer_user = -1) {
    memlane_error error;
    detail::check(memlane_unlink(directory.c_str(), name.data(), name.size(), permissions, peer_user, &error), error);
}

/* memlane_collect(): removes every ephemeral object that no live endpoint has open, and returns how many there were. */
inline std::uint32_t collect(const std::string &directory = {}, std::uint32_t permissions = 0600,
                             std::int64_t peer_user = -1) {
    std::uint32_t removed = 0;
    memlane_error error;
    detail::check(memlane_collect(directory.c_str(), permissions, peer_user, &removed, &error), error);
    return removed;
}

} // namespace memlane
#endif
