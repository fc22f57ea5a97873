/* greeting NAME [TEXT], as greeting.c: writes the text to a variable, or prints what is there. */
#include <memlane/memlane.hpp>

#include <cstdio>
#include <string>

namespace {

constexpr std::uint32_t BYTES = 1; /* any mark: both sides of this test agree on it */

void exchange(memlane::ByteVariable &variable, const char *text) {
    if (text != nullptr) {
        const std::string given = text;
        variable.set({reinterpret_cast<const std::byte *>(given.data()), given.size()}, BYTES);
        return;
    }
    const auto view = variable.view();
    std::printf("%.*s\n", static_cast<int>(view.bytes().size()), reinterpret_cast<const char *>(view.bytes().data()));
}

} // namespace

int main(int count, char **arguments) {
    try {
        memlane::Options options;
        options.max_size = 64;
        memlane::ByteVariable variable(count > 1 ? arguments[1] : "", options);
        exchange(variable, count > 2 ? arguments[2] : nullptr);
    } catch (const memlane::Error &error) {
        std::fprintf(stderr, "greeting: %s\n", error.what());
        return 1;
    }
}
