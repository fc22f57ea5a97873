/* The C++ twin of channel_receiver.py: c++ -std=c++17 channel_receiver.cpp $(pkg-config --cflags --libs memlane) */
#include <memlane/memlane.hpp>

#include <array>
#include <cstdio>
#include <string>

int main() {
    memlane::ChannelOptions options;
    options.capacity = 1024;
    std::string text;
    try {
        memlane::Channel channel("example", MEMLANE_CHANNEL_READ, options);
        std::array<std::byte, 256> buffer;
        for (;;) {
            const std::size_t count = channel.read({buffer.data(), buffer.size()}, 1);
            text.append(reinterpret_cast<const char *>(buffer.data()), count);
        }
    } catch (const memlane::EndClosed &) { // the sender is done
    } catch (const memlane::Error &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    std::size_t lines = 0, last = 0, begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
        lines++;
        last = begin;
        begin = end + 1;
    }
    std::printf("%zu lines, the last one '%s\\n'\n", lines, text.substr(last, text.size() - last - 1).c_str());
}
