/* The C++ layer: what it shares, what it refuses, and that it gives back all that it holds. */
#include "check.hpp"

#include <memlane/memlane.hpp>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <signal.h>
#include <thread>

using namespace std::chrono_literals;

namespace robot {

enum class Mode : std::uint8_t { idle, driving };

struct Point {
    float x, y;
};
MEMLANE_FIELDS(Point, x, y)

struct Pose {
    double stamp;
    Point at;
    Point path[3];
    std::int16_t wheels[2][2];
    char frame[10];
    char labels[2][4];
    std::array<std::byte, 6> raw;
    std::complex<float> phase;
    Mode mode;
    bool valid;
};
MEMLANE_FIELDS(Pose, stamp, at, path, wheels, frame, labels, raw, phase, mode, valid)

struct __attribute__((packed)) Record {
    std::int32_t number;
    char name[10];
    char text[32];
};
MEMLANE_FIELDS(Record, number, name, text)

struct Swapped {
    double y, x;
};
MEMLANE_FIELDS(Swapped, y, x)

struct Straight {
    double x, y;
};
MEMLANE_FIELDS(Straight, x, y)

struct Plain { /* without a table */
    int a, b;
};

} // namespace robot

namespace {

using check::moves_only;
using robot::Plain;
using robot::Record;

static_assert(moves_only<memlane::Variable<Plain>> && moves_only<memlane::ByteVariable>);
static_assert(moves_only<memlane::Variable<Plain>::Loan> && moves_only<memlane::Variable<Plain>::View>);
static_assert(moves_only<memlane::ByteVariable::Loan> && moves_only<memlane::ByteVariable::View>);
static_assert(moves_only<memlane::Map> && moves_only<memlane::Map::ReadLock> && moves_only<memlane::Map::WriteLock>);
static_assert(moves_only<memlane::Share> && moves_only<memlane::Share::Loan> && moves_only<memlane::Share::View>);

std::string table_of(const memlane_format *format) {
    std::string table;
    for (std::size_t i = 0; i < memlane_format_count(format); i++) {
        const memlane_field *field = memlane_format_field(format, i);
        table += std::string(field->path) + " " + memlane_code_name(field->code) + " " + std::to_string(field->offset) +
                 " " + std::to_string(field->size) + "x" + std::to_string(field->count) + "\n";
    }
    return table;
}

memlane::Span<const std::byte> bytes_of(const char *text) {
    return {reinterpret_cast<const std::byte *>(text), std::strlen(text)};
}

std::string text_of(memlane::Span<const std::byte> bytes) {
    return std::string(reinterpret_cast<const char *>(bytes.data()), bytes.size());
}

void fields_are_those_of_the_struct() {
    const memlane::Variable<robot::Pose> pose("pose");

    CHECK_EQUAL("stamp float64 0 8x1\n"
                "at.x float32 8 4x1\n"
                "at.y float32 12 4x1\n"
                "path struct 16 8x3\n"
                "path.x float32 16 4x1\n"
                "path.y float32 20 4x1\n"
                "wheels int16 40 2x4\n"
                "frame char 48 10x1\n"
                "labels char 58 4x2\n"
                "raw bytes 66 6x1\n"
                "phase complex64 72 8x1\n"
                "mode uint8 80 1x1\n"
                "valid bool 81 1x1\n",
                table_of(pose.describe().format));
    CHECK_EQUAL(sizeof(robot::Pose), pose.describe().max_size);
    memlane::unlink("pose");
}

void a_packed_struct_is_described_without_padding() {
    const memlane::Variable<Record> record("record");

    CHECK_EQUAL("number int32 0 4x1\nname char 4 10x1\ntext char 14 32x1\n", table_of(record.describe().format));
    memlane::unlink("record");
}

void a_value_survives_the_process_that_wrote_it() {
    const int status = check::status_of(check::begin_child([] {
        memlane::Variable<Record>("record").set({7, "ten chars", "thirty-two"});
        raise(SIGKILL);
    }));

    const Record read = memlane::Variable<Record>("record").get();

    CHECK(WIFSIGNALED(status));
    CHECK_EQUAL(7, static_cast<int>(read.number));
    CHECK_EQUAL(std::string("ten chars"), read.name);
    CHECK_EQUAL(std::string("thirty-two"), read.text);
    memlane::unlink("record");
}

void another_order_of_fields_is_refused_by_name() {
    const memlane::Variable<robot::Straight> straight("pose");

    const std::string text = CHECK_THROWS(memlane::SchemaMismatch, memlane::Variable<robot::Swapped>("pose"));

    CHECK_HOLDS("field", text);
    CHECK_HOLDS("`x`", text);
    memlane::unlink("pose");
}

void a_struct_without_a_table_is_compared_by_size() {
    const memlane::Variable<Plain> plain("plain");

    const std::string text = CHECK_THROWS(memlane::SizeMismatch, memlane::Variable<char>("plain"));

    CHECK_HOLDS("max_size", text);
    CHECK(plain.describe().format == nullptr);
    memlane::unlink("plain");
}

void a_struct_without_a_table_adopts_the_table_that_is_there() {
    struct Looks {
        double x, y;
    };
    memlane::Variable<robot::Straight> straight("pose");
    memlane::Variable<Looks> looks("pose");

    looks.set({1.0, 2.0});

    CHECK_EQUAL(2.0, straight.get().y);
    memlane::unlink("pose");
}

void a_value_of_another_type_is_not_read_as_this_one() {
    memlane::Variable<Plain> plain("plain");
    memlane::ByteVariable bytes("plain");

    bytes.set(bytes_of("6 byte"), 77);
    const std::string text = CHECK_THROWS(memlane::SchemaMismatch, plain.get());

    CHECK_HOLDS("type mark 77", text);
    CHECK_THROWS(memlane::SchemaMismatch, plain.view());
    memlane::unlink("plain");
}

void nothing_written_is_empty() {
    memlane::Variable<Plain> plain("plain");

    const std::string text = CHECK_THROWS(memlane::Empty, plain.get());

    CHECK_HOLDS("never written", text);
    CHECK_EQUAL(3, plain.get_or({3, 4}).a);
    CHECK_EQUAL(0U, plain.version());
    memlane::unlink("plain");
}

void reading_says_which_write_it_was() {
    memlane::Variable<Plain> plain("plain");
    const auto before = memlane::Clock::now();
    plain.set({1, 2});
    plain.set({3, 4});

    const auto reading = plain.read();

    CHECK_EQUAL(3, reading.value.a);
    CHECK_EQUAL(2U, reading.sequence);
    CHECK_EQUAL(plain.version(), reading.version);
    CHECK(before <= reading.written && reading.written <= memlane::Clock::now());
    CHECK(reading.written_at <= std::chrono::system_clock::now() + 1h);
    memlane::unlink("plain");
}

void a_loan_is_published_by_commit_alone() {
    memlane::Variable<Plain> plain("plain");
    plain.set({1, 2});

    {
        auto loan = plain.loan();
        loan->a = 5;
    }
    CHECK_EQUAL(1, plain.get().a);
    auto loan = plain.loan();
    *loan = {6, 7};
    auto moved = std::move(loan);
    const std::uint64_t version = moved.commit();

    CHECK_EQUAL(plain.version(), version);
    CHECK_EQUAL(6, plain.get().a);
    CHECK_THROWS(std::logic_error, moved.commit());
    CHECK_THROWS(std::logic_error, loan.commit()); // NOLINT(bugprone-use-after-move): what is tested
    CHECK_EQUAL(0U, plain.statistics().slots_writing);
    memlane::unlink("plain");
}

void a_view_stays_as_it_is_and_outlives_its_variable() {
    auto plain = std::make_unique<memlane::Variable<Plain>>("plain");
    plain->set({1, 2});
    auto view = plain->view();
    const auto moved = std::move(view);

    plain->set({3, 4});
    plain.reset();

    CHECK_EQUAL(1, moved->a);
    CHECK_EQUAL(2, (*moved).b);
    CHECK_EQUAL(1U, moved.version());
    memlane::unlink("plain");
}

void waiting_takes_what_another_process_writes() {
    memlane::Variable<Plain> plain("plain");
    plain.set({1, 1});
    CHECK_EQUAL(1, plain.get().a);

    const pid_t child = check::begin_child([] { memlane::Variable<Plain>("plain").set({2, 2}); });
    const auto reading = plain.wait();

    CHECK_EQUAL(2, reading.value.a);
    CHECK_EQUAL(0, check::status_of(child));
    CHECK_HOLDS("newer", CHECK_THROWS(memlane::Timeout, plain.wait_for(1ms)));
    CHECK_EQUAL(2, plain.wait_for(0s, 0).value.a);
    CHECK_EQUAL(2, plain.wait_for(std::chrono::hours::max(), 1).value.a);
    CHECK_THROWS(memlane::Timeout, plain.wait_for(-1h));
    memlane::unlink("plain");
}

/* By the format pages: gives the newest value of a variable the greatest version there is. */
void raise_version(const char *name) {
    std::fstream file(std::string(std::getenv("MEMLANE_DIR")) + "/" + name,
                      std::ios::in | std::ios::out | std::ios::binary);
    const auto word_at = [&file](std::uint64_t offset) {
        std::uint64_t word = 0;
        file.seekg(static_cast<std::streamoff>(offset));
        file.read(reinterpret_cast<char *>(&word), sizeof word);
        return word;
    };
    const std::uint64_t greatest = (std::uint64_t{1} << 48) - 1, participants = word_at(40) >> 32, body = word_at(48);
    const std::uint64_t slot = word_at(body) & 0xffff, control = body + 128 + 64 * (participants + slot);
    for (const std::uint64_t offset : {body, control}) {
        const std::uint64_t word = greatest << 16 | (word_at(offset) & 0xffff);
        file.seekp(static_cast<std::streamoff>(offset));
        file.write(reinterpret_cast<const char *>(&word), sizeof word);
    }
}

void waiting_goes_on_when_the_version_has_gone_round() {
    memlane::Variable<Plain> plain("plain");
    plain.set({1, 1});
    raise_version("plain");
    CHECK_EQUAL(1, plain.wait().value.a);

    plain.set({2, 2});
    const auto reading = plain.wait_for(0s);

    CHECK_EQUAL(2, reading.value.a);
    CHECK_EQUAL(1U, reading.version);
    CHECK_THROWS(memlane::Timeout, plain.wait_for(0s));
    memlane::unlink("plain");
}

void deadlines_never_overflow() {
    CHECK_EQUAL(0U, memlane::detail::deadline_after(std::chrono::hours::min()));
    CHECK_EQUAL(MEMLANE_NO_DEADLINE, memlane::detail::deadline_after(std::chrono::hours::max()));
    CHECK_EQUAL(MEMLANE_NO_DEADLINE, memlane::detail::deadline_after(std::chrono::duration<double>::max()));
    const std::uint64_t soon = memlane::detail::deadline_after(1.5ms);
    CHECK(soon > 0 && soon < memlane::detail::deadline_after(1h));
}

void a_signal_ends_a_wait() {
    memlane::Variable<Plain> plain("plain");
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, nullptr);
    const pthread_t waiter = pthread_self();
    std::atomic<bool> over{false};
    std::thread signals([&] { /* until one of them meets the sleep */
                              while (!over) {
                                  pthread_kill(waiter, SIGUSR1);
                                  std::this_thread::yield();
                              }
    });

    const std::string text = CHECK_THROWS(memlane::Interrupted, plain.wait());

    over = true;
    signals.join();
    CHECK(!text.empty());
    memlane::unlink("plain");
}

void a_moved_variable_goes_on_where_it_was() {
    memlane::Variable<Plain> first("first"), second("second");
    first.set({1, 2});
    CHECK_EQUAL(1, first.get().a);

    second = std::move(first);

    CHECK_EQUAL(1, second.get().a);
    CHECK_THROWS(memlane::Timeout, second.wait_for(0s));
    memlane::unlink("first");
    memlane::unlink("second");
}

void a_closed_variable_says_so() {
    memlane::Variable<Plain> plain("plain");
    plain.close();

    CHECK_THROWS(memlane::Closed, plain.set({1, 2}));
    CHECK_THROWS(memlane::Closed, plain.get());
    CHECK_HOLDS("open it anew", CHECK_THROWS(memlane::Closed, plain.version()));
    CHECK_EQUAL(std::string("plain"), plain.describe().name);
    memlane::unlink("plain");
}

void bytes_of_any_size_are_shared_with_their_mark() {
    memlane::Options options;
    options.max_size = 16;
    memlane::ByteVariable bytes("bytes", options);
    bytes.set(bytes_of("first"), 9);
    const auto view = bytes.view();

    auto loan = bytes.loan();
    CHECK_EQUAL(16U, loan.bytes().size());
    std::memcpy(loan.bytes().data(), "second!", 7);
    CHECK_HOLDS("17", CHECK_THROWS(memlane::ValueTooLarge, loan.commit(17)));
    loan.commit(7, 10);

    CHECK_EQUAL(std::string("first"), text_of(view.bytes()));
    CHECK_EQUAL(9U, view.type());
    const std::vector<std::byte> copy = bytes.get();
    CHECK_EQUAL(std::string("second!"), text_of({copy.data(), copy.size()}));
    CHECK_EQUAL(10U, bytes.view().type());
    CHECK_THROWS(memlane::Timeout, bytes.wait_for(0s));
    memlane::unlink("bytes");
}

void what_is_not_there_is_not_found() {
    memlane::Options options;
    options.create = false;

    CHECK_HOLDS("nowhere", CHECK_THROWS(memlane::ObjectNotFound, memlane::Variable<Plain>("nowhere", options)));
    CHECK_THROWS(memlane::ObjectNotFound, memlane::unlink("nowhere"));
    CHECK_THROWS(memlane::InvalidName, memlane::unlink("no/where"));
}

void collect_removes_what_the_dead_left() {
    check::status_of(check::begin_child([] {
        memlane::Options options;
        options.persistent = false;
        const memlane::Variable<Plain> plain("plain", options);
        raise(SIGKILL);
    }));

    CHECK_EQUAL(1U, memlane::collect());
    CHECK_EQUAL(0U, memlane::collect());
}

memlane::MapOptions of_size(std::uint64_t size) {
    memlane::MapOptions options;
    options.size = size;
    return options;
}

void readers_of_a_map_see_what_a_writer_left() {
    const memlane::Map map("map", of_size(64));
    const pid_t child = check::begin_child([] {
        const memlane::Map same("map", of_size(64));
        auto lock = same.lock_write();
        std::memcpy(lock.bytes().data(), "written", 7);
        lock.unlock();
    });
    CHECK_EQUAL(0, check::status_of(child));

    auto lock = map.lock_read();
    const auto moved = std::move(lock);

    CHECK_EQUAL(64U, moved.bytes().size());
    CHECK_EQUAL(std::string("written"), text_of({moved.bytes().data(), 7}));
    CHECK(!moved.recovered());
    CHECK_HOLDS("64", CHECK_THROWS(memlane::SizeMismatch, memlane::Map("map", of_size(65))));
    memlane::unlink("map");
}

void a_thread_has_one_lock_of_a_map_at_a_time() {
    const memlane::Map map("map", of_size(64));
    {
        const auto lock = map.lock_read();
        CHECK_THROWS(memlane::AlreadyLocked, map.lock_write_for(0s));
        std::thread([&] { CHECK_THROWS(memlane::Timeout, map.lock_write_for(0s)); }).join();
    }

    auto lock = map.lock_write_for(0s);
    lock.unlock();

    CHECK_THROWS(memlane::NotLocked, lock.unlock());
    CHECK_EQUAL(1U, map.statistics().read_locks);
    CHECK_EQUAL(1U, map.statistics().write_locks);
    memlane::unlink("map");
}

void the_lock_of_a_writer_that_was_killed_is_taken_over() {
    const memlane::Map map("map", of_size(64));
    const int status = check::status_of(check::begin_child([] {
        const memlane::Map same("map", of_size(64));
        const auto lock = same.lock_write();
        raise(SIGKILL);
    }));
    CHECK(WIFSIGNALED(status));

    CHECK(map.lock_write().recovered());
    CHECK(!map.lock_write().recovered());
    memlane::unlink("map");
}

void a_lock_keeps_the_memory_of_its_map() {
    auto map = std::make_unique<memlane::Map>("map", of_size(64));
    auto lock = map->lock_write();
    map->close();
    CHECK_THROWS(memlane::Closed, map->lock_read());
    map.reset();

    lock.bytes()[63] = std::byte{7};
    lock.unlock();

    CHECK_EQUAL(7, std::to_integer<int>(memlane::Map("map", of_size(64)).unsafe_bytes()[63]));
    memlane::unlink("map");
}

void a_shared_value_is_taken_once() {
    memlane::Options options;
    options.max_size = 16;
    const memlane::Share giver("share", options), taker("share");
    giver.put(bytes_of("first"), 1);
    const std::uint64_t version = giver.put(bytes_of("second"), 2);

    const auto view = taker.get();

    CHECK_EQUAL(std::string("second"), text_of(view.bytes()));
    CHECK_EQUAL(version, view.version());
    CHECK_EQUAL(2U, view.type());
    CHECK_THROWS(memlane::Timeout, taker.get_for(0s));
    memlane::unlink("share");
}

void a_share_keeps_its_value_when_another_does_not_fit() {
    memlane::Options options;
    options.max_size = 16;
    const memlane::Share share("share", options);
    share.put(bytes_of("kept"));
    const std::vector<std::byte> large(std::size_t{16} + MEMLANE_SHARE_HEADROOM + 1);

    CHECK_HOLDS("16", CHECK_THROWS(memlane::ValueTooLarge, share.put({large.data(), large.size()})));

    CHECK_EQUAL(std::string("kept"), text_of(share.get().bytes()));
    share.put(bytes_of("more"));
    CHECK(share.clear());
    CHECK(!share.clear());
    memlane::unlink("share");
}

void a_loan_of_a_share_is_put_by_commit_alone() {
    memlane::Share share("share");
    {
        const auto dropped = share.loan();
        CHECK_THROWS(memlane::Timeout, share.get_for(0s));
    }
    auto loan = share.loan();
    std::memcpy(loan.bytes().data(), "filled", 6);
    loan.commit(6, 3);

    const auto view = share.get_for(1h);
    share.close();

    CHECK_EQUAL(std::string("filled"), text_of(view.bytes()));
    CHECK_THROWS(memlane::Closed, share.get());
    CHECK_EQUAL(std::string("share"), share.describe().name);
    memlane::unlink("share");
}

template <memlane_status Status> void throws_its_own_class() {
    const memlane_error error = {Status, 5, "why"};
    try {
        memlane::detail::throw_error(error);
    } catch (const memlane::StatusError<Status> &caught) {
        CHECK_EQUAL(Status, caught.status());
        CHECK_EQUAL(5, caught.system_error());
        CHECK_EQUAL(std::string("why"), caught.what());
    }
}

void each_status_has_its_class() {
    throws_its_own_class<MEMLANE_EMPTY>();
    throws_its_own_class<MEMLANE_CORRUPTED>();
    throws_its_own_class<MEMLANE_ACCESS_DENIED>();
    for (int status = MEMLANE_EMPTY; status <= MEMLANE_ANSWERED; status++) {
        const bool is_success = status == MEMLANE_OWNER_DIED || status == MEMLANE_SUPERSEDED ||
                                status == MEMLANE_REMOVED || status == MEMLANE_ANSWERED;
        const memlane_error error = {static_cast<memlane_status>(status), 0, "why"};
        try {
            memlane::detail::throw_error(error);
        } catch (const memlane::Error &caught) {
            CHECK_EQUAL(is_success, typeid(caught) == typeid(memlane::Error));
        }
    }
}

} // namespace

int main() {
    return check::run_all({
        {"fields are those of the struct", fields_are_those_of_the_struct},
        {"a packed struct is described without padding", a_packed_struct_is_described_without_padding},
        {"a value survives the process that wrote it", a_value_survives_the_process_that_wrote_it},
        {"another order of fields is refused by name", another_order_of_fields_is_refused_by_name},
        {"a struct without a table is compared by size", a_struct_without_a_table_is_compared_by_size},
        {"a struct without a table adopts the one that is there",
         a_struct_without_a_table_adopts_the_table_that_is_there},
        {"a value of another type is not read as this one", a_value_of_another_type_is_not_read_as_this_one},
        {"nothing written is empty", nothing_written_is_empty},
        {"reading says which write it was", reading_says_which_write_it_was},
        {"a loan is published by commit alone", a_loan_is_published_by_commit_alone},
        {"a view stays as it is and outlives its variable", a_view_stays_as_it_is_and_outlives_its_variable},
        {"waiting goes on when the version has gone round", waiting_goes_on_when_the_version_has_gone_round},
        {"waiting takes what another process writes", waiting_takes_what_another_process_writes},
        {"deadlines never overflow", deadlines_never_overflow},
        {"a signal ends a wait", a_signal_ends_a_wait},
        {"a moved variable goes on where it was", a_moved_variable_goes_on_where_it_was},
        {"a closed variable says so", a_closed_variable_says_so},
        {"bytes of any size are shared with their mark", bytes_of_any_size_are_shared_with_their_mark},
        {"what is not there is not found", what_is_not_there_is_not_found},
        {"collect removes what the dead left", collect_removes_what_the_dead_left},
        {"readers of a map see what a writer left", readers_of_a_map_see_what_a_writer_left},
        {"a thread has one lock of a map at a time", a_thread_has_one_lock_of_a_map_at_a_time},
        {"the lock of a writer that was killed is taken over", the_lock_of_a_writer_that_was_killed_is_taken_over},
        {"a lock keeps the memory of its map", a_lock_keeps_the_memory_of_its_map},
        {"a shared value is taken once", a_shared_value_is_taken_once},
        {"a share keeps its value when another does not fit", a_share_keeps_its_value_when_another_does_not_fit},
        {"a loan of a share is put by commit alone", a_loan_of_a_share_is_put_by_commit_alone},
        {"each status has its class", each_status_has_its_class},
    });
}
