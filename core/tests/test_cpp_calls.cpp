/* The C++ layer of functions and channels: types and bytes go both ways, and errors arrive as what they are. */
#include "check.hpp"

#include <memlane/memlane.hpp>

#include <atomic>
#include <cstring>
#include <signal.h>
#include <thread>

using namespace std::chrono_literals;

namespace camera {

struct Frame {
    std::uint64_t number;
    float exposure;
    std::uint32_t pixels[3];
};
MEMLANE_FIELDS(Frame, number, exposure, pixels)

struct Verdict {
    std::int64_t label;
    double score;
};
MEMLANE_FIELDS(Verdict, label, score)

struct Other {
    std::int64_t label;
    std::int64_t score;
};
MEMLANE_FIELDS(Other, label, score)

struct Plain { /* without a table */
    int a, b;
};

} // namespace camera

namespace {

using camera::Frame;
using camera::Other;
using camera::Plain;
using camera::Verdict;
using check::moves_only;
using memlane::ByteVector;

constexpr auto PATIENCE = 30s;

static_assert(moves_only<memlane::Function<Verdict(Frame)>> && moves_only<memlane::Function<Verdict(Frame)>::Call>);
static_assert(moves_only<memlane::Dispatcher> && moves_only<memlane::Channel>);
static_assert(moves_only<memlane::Channel::Room> && moves_only<memlane::Channel::Bytes>);

Verdict judge(const Frame &frame) {
    if (frame.number == 0) {
        throw std::runtime_error("no such frame");
    }
    return {static_cast<std::int64_t>(frame.number), static_cast<double>(frame.exposure) * frame.pixels[2]};
}

/* Serves until it goes. */
class Serving {
  public:
    explicit Serving(memlane::Dispatcher &dispatcher)
        : dispatcher_(dispatcher), thread_([&dispatcher] { dispatcher.serve(); }) {}
    ~Serving() {
        dispatcher_.stop();
        thread_.join();
    }
    Serving(const Serving &) = delete;
    Serving &operator=(const Serving &) = delete;

  private:
    memlane::Dispatcher &dispatcher_;
    std::thread thread_;
};

ByteVector bytes_of(const char *text) {
    const auto *first = reinterpret_cast<const std::byte *>(text);
    return {first, first + std::strlen(text)};
}

/* -- functions ------------------------------------------------------------------------------------------------------ */

void a_call_brings_back_what_the_function_returned() {
    memlane::Dispatcher dispatcher;
    dispatcher.add<Verdict(Frame)>("judge", judge);
    memlane::Function<Verdict(Frame)> caller("judge");
    const Serving serving(dispatcher);

    const Verdict verdict = caller.call({7, 0.5F, {1, 2, 3}}, PATIENCE);

    CHECK_EQUAL(7, verdict.label);
    CHECK_EQUAL(1.5, verdict.score);
    CHECK(caller.is_served());
    CHECK_EQUAL(1U, caller.statistics().calls);
    memlane::unlink("judge");
}

void what_the_function_throws_is_the_callers_error() {
    memlane::Dispatcher dispatcher;
    dispatcher.add<Verdict(Frame)>("judge", judge);
    dispatcher.add<ByteVector(ByteVector)>("odd", [](const ByteVector &) -> ByteVector {
        throw 7; // NOLINT(bugprone-std-exception-baseclass): that is what is odd
    });
    dispatcher.add<ByteVector(ByteVector)>("large", [](const ByteVector &) { return ByteVector(5000); });
    memlane::Function<Verdict(Frame)> judging("judge");
    memlane::Function<ByteVector(ByteVector)> odd("odd"), large("large");
    const Serving serving(dispatcher);

    CHECK_EQUAL(std::string("no such frame"), CHECK_THROWS(memlane::RemoteError, judging.call({}, PATIENCE)));
    CHECK_HOLDS("no std::exception", CHECK_THROWS(memlane::RemoteError, odd.call({}, PATIENCE)));
    CHECK_HOLDS("the result takes 5000 bytes", CHECK_THROWS(memlane::RemoteError, large.call({}, PATIENCE)));
    CHECK_HOLDS("the arguments take 5000 bytes", CHECK_THROWS(memlane::ValueTooLarge, large.call(ByteVector(5000))));

    memlane::unlink("judge");
    memlane::unlink("odd");
    memlane::unlink("large");
}

void bytes_go_as_they_are() {
    memlane::Dispatcher dispatcher;
    dispatcher.add<ByteVector(ByteVector)>("turn",
                                           [](ByteVector bytes) { return ByteVector(bytes.rbegin(), bytes.rend()); });
    memlane::Function<ByteVector(ByteVector)> turn("turn");
    const Serving serving(dispatcher);

    CHECK(turn.call(bytes_of("lane"), PATIENCE) == bytes_of("enal"));
    CHECK(turn.call({}, PATIENCE).empty());
    memlane::unlink("turn");
}

void another_type_is_refused_by_name() {
    const memlane::Function<Verdict(Frame)> judging("judge");

    CHECK_HOLDS("of its results, field `score`: int64 here, float64 there",
                CHECK_THROWS(memlane::SchemaMismatch, memlane::Function<Other(Frame)>("judge")));
    CHECK_HOLDS("of its arguments, ",
                CHECK_THROWS(memlane::SchemaMismatch, memlane::Function<Verdict(Other)>("judge")));
    CHECK_THROWS(memlane::SizeMismatch, memlane::Function<Verdict(Plain)>("judge"));
    memlane::unlink("judge");
}

void one_way_calls_are_executed() {
    std::atomic<int> sum{0};
    memlane::Dispatcher dispatcher;
    dispatcher.add<void(Plain)>("add", [&sum](const Plain &plain) { sum += plain.a; });
    memlane::Function<void(Plain)> add("add");
    for (int i = 0; i < 4; i++) {
        add.send({i, 0}, PATIENCE);
    }

    for (int i = 0; i < 4; i++) {
        CHECK(dispatcher.serve_one(PATIENCE));
    }

    CHECK_EQUAL(6, sum.load());
    CHECK(!dispatcher.serve_one(0s));
    memlane::unlink("add");
}

void calls_under_way_are_collected_in_any_order() {
    memlane::Dispatcher dispatcher;
    dispatcher.add<Plain(Plain)>("swap", [](const Plain &plain) { return Plain{plain.b, plain.a}; });
    memlane::Function<Plain(Plain)> swap("swap");
    auto first = swap.send({1, 2}), second = swap.send({3, 4}), third = swap.send({5, 6});
    CHECK_THROWS(memlane::Timeout, first.result(0s));
    CHECK(third.cancel());

    const Serving serving(dispatcher);

    CHECK_EQUAL(4, second.result(PATIENCE).a);
    CHECK_EQUAL(2, first.result(PATIENCE).a);
    CHECK_THROWS(memlane::CallCancelled, third.result(PATIENCE));
    CHECK_EQUAL(MEMLANE_NOT_EXECUTED, third.end());
    memlane::unlink("swap");
}

void nobody_serves_and_haste_was_asked_for() {
    memlane::FunctionOptions options;
    options.fail_fast = true;
    options.slots = 1;
    memlane::Function<Plain(Plain)> swap("swap", options);

    CHECK_THROWS(memlane::NoServer, swap.call({1, 2}));
    const auto waiting = swap.send({1, 2});
    CHECK_THROWS(memlane::NoFreeSlot, swap.send({1, 2}, 0s));
    memlane::unlink("swap");
}

void more_functions_than_there_are_places_are_refused() {
    memlane::Dispatcher dispatcher(1);
    dispatcher.add<void(Plain)>("one", [](const Plain &) {});

    CHECK_THROWS(memlane::TooManyParticipants, dispatcher.add<void(Plain)>("two", [](const Plain &) {}));

    memlane::unlink("one");
    memlane::unlink("two");
}

void the_death_of_a_server_is_told() {
    memlane::Function<Plain(Plain)> swap("swap");
    auto call = swap.send({1, 2});
    check::status_of(check::begin_child([] {
        memlane::Dispatcher dispatcher;
        dispatcher.add<Plain(Plain)>("swap", [](const Plain &plain) {
            raise(SIGKILL);
            return plain;
        });
        dispatcher.serve();
    }));

    CHECK_THROWS(memlane::PeerDied, call.result(PATIENCE));
    memlane::unlink("swap");
}

/* -- channels ------------------------------------------------------------------------------------------------------- */

void bytes_arrive_in_their_order() {
    memlane::ChannelOptions options;
    options.capacity = 12;
    memlane::Channel writer("stream", MEMLANE_CHANNEL_WRITE, options);
    memlane::Channel reader("stream", MEMLANE_CHANNEL_READ);
    std::thread writing([&writer] {
        for (int i = 0; i < 100; i++) {
            writer.write("0123456789", PATIENCE);
        }
        writer.close();
    });

    std::size_t count = 0;
    for (int i = 0; i < 100; i++) {
        CHECK(reader.read_bytes(10, PATIENCE) == bytes_of("0123456789"));
        count += 10;
    }
    writing.join();

    CHECK_EQUAL(count, reader.position());
    CHECK_THROWS(memlane::EndClosed, reader.read_bytes(1, PATIENCE));
}

void what_fits_is_written_and_what_is_there_is_read() {
    memlane::ChannelOptions options;
    options.capacity = 4;
    memlane::Channel writer("stream", MEMLANE_CHANNEL_WRITE, options);
    memlane::Channel reader("stream", MEMLANE_CHANNEL_READ);
    const ByteVector bytes = bytes_of("012345");

    CHECK_EQUAL(4U, writer.write_some({bytes.data(), bytes.size()}));
    CHECK_THROWS(memlane::Timeout, writer.write("6", 0s));
    CHECK(reader.read_bytes(4, 0s) == bytes_of("0123"));
    CHECK_THROWS(memlane::EndpointBusy, memlane::Channel("stream", MEMLANE_CHANNEL_READ));
    CHECK_EQUAL(4U, reader.describe().capacity);
    CHECK_EQUAL(4U, reader.statistics().bytes_read);
}

void spans_are_published_and_consumed_by_commit_alone() {
    memlane::ChannelOptions options;
    options.capacity = 8;
    memlane::Channel writer("stream", MEMLANE_CHANNEL_WRITE, options);
    memlane::Channel reader("stream", MEMLANE_CHANNEL_READ);
    { const auto dropped = writer.reserve(3); }
    {
        auto room = writer.reserve(3);
        std::memcpy(room.bytes().data(), "abc", 3);
        room.commit();
        CHECK_THROWS(std::logic_error, room.commit());
    }

    CHECK(reader.peek(0).bytes()[0] == std::byte{'a'}); /* dropped */
    auto bytes = reader.peek(0);

    CHECK_EQUAL(3U, bytes.bytes().size());
    bytes.commit(2);
    CHECK_EQUAL(2U, reader.position());
    CHECK(reader.read_bytes(1, PATIENCE) == bytes_of("c"));
}

} // namespace

int main() {
    return check::run_all({
        {"a call brings back what the function returned", a_call_brings_back_what_the_function_returned},
        {"what the function throws is the caller's error", what_the_function_throws_is_the_callers_error},
        {"bytes go as they are", bytes_go_as_they_are},
        {"another type is refused by name", another_type_is_refused_by_name},
        {"one-way calls are executed", one_way_calls_are_executed},
        {"calls under way are collected in any order", calls_under_way_are_collected_in_any_order},
        {"nobody serves and haste was asked for", nobody_serves_and_haste_was_asked_for},
        {"more functions than there are places are refused", more_functions_than_there_are_places_are_refused},
        {"the death of a server is told", the_death_of_a_server_is_told},
        {"bytes arrive in their order", bytes_arrive_in_their_order},
        {"what fits is written and what is there is read", what_fits_is_written_and_what_is_there_is_read},
        {"spans are published and consumed by commit alone", spans_are_published_and_consumed_by_commit_alone},
    });
}
