/* The controller of `memlane demo --cpp`: what controller.py does, in C++. The demo compiles it and runs
 *
 *     controller DIRECTORY LIFE
 *
 * with the namespace directory and how often this role was started. It reports on its standard output, in the lines
 * that report.py takes apart, until SIGTERM. */
#include <memlane/function.h>
#include <memlane/memlane.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <unistd.h>

using namespace std::chrono_literals;
using memlane::Clock;

namespace {

/* -- what is shared: as variables.py has it --------------------------------------------------------------------- */

constexpr int ROWS = 400, COLUMNS = 600, COLOURS = 3, LABELS_STEP = 6;
constexpr int LABEL_ROWS = (ROWS + LABELS_STEP - 1) / LABELS_STEP;
constexpr int LABEL_COLUMNS = (COLUMNS + LABELS_STEP - 1) / LABELS_STEP;

/* The write that a payload came from. Times are nanoseconds of CLOCK_MONOTONIC. */
struct Seal {
    std::int64_t life, number, began, stamp;
};
MEMLANE_FIELDS(Seal, life, number, began, stamp)

/* Each value ends by the CRC-32 of all bytes before it. */
struct Frame {
    static constexpr const char *name = "frame";
    Seal seal;
    std::uint8_t pixels[ROWS][COLUMNS][COLOURS];
    std::uint32_t checksum;
};
MEMLANE_FIELDS(Frame, seal, pixels, checksum)

struct Pose {
    static constexpr const char *name = "pose";
    Seal seal;
    double phase;
    std::int32_t top, left;
    char eye[8];
    std::uint32_t checksum;
};
MEMLANE_FIELDS(Pose, seal, phase, top, left, eye, checksum)

struct Labels {
    static constexpr const char *name = "labels";
    Seal seal;
    std::uint16_t segments[LABEL_ROWS][LABEL_COLUMNS];
    std::uint32_t checksum;
};
MEMLANE_FIELDS(Labels, seal, segments, checksum)

struct Statistics {
    static constexpr const char *name = "statistics";
    Seal seal;
    double largest, brightness;
    std::uint32_t segments, checksum;
};
MEMLANE_FIELDS(Statistics, seal, largest, brightness, segments, checksum)

struct Command {
    static constexpr const char *name = "command";
    Seal seal;
    double velocity, steering, phase;
    bool stop;
    std::uint32_t checksum;
};
MEMLANE_FIELDS(Command, seal, velocity, steering, phase, stop, checksum)

/* The model's function: a Frame to its Labels, under the frame's seal. */
constexpr std::string_view SEGMENT = "segment";

/* -- checksums: zlib.crc32 in Python ---------------------------------------------------------------------------- */

constexpr std::size_t STRIDE = 8;
using Table = std::array<std::array<std::uint32_t, 256>, STRIDE>;

/* table[n][byte]: what a byte adds to the sum when n more bytes follow it in the same step. */
constexpr Table make_table() {
    Table table = {};
    for (std::uint32_t byte = 0; byte < 256; byte++) {
        std::uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++) {
            sum = sum >> 1 ^ (0xedb88320 & (0 - (sum & 1)));
        }
        table[0][byte] = sum;
    }
    for (std::size_t n = 1; n < STRIDE; n++) {
        for (std::size_t byte = 0; byte < 256; byte++) {
            const std::uint32_t sum = table[n - 1][byte];
            table[n][byte] = sum >> 8 ^ table[0][sum & 0xff];
        }
    }
    return table;
}

/* Eight bytes a step: frames come at 70 MB a second. */
std::uint32_t crc32(const unsigned char *bytes, std::size_t size) {
    static constexpr Table table = make_table();
    std::uint32_t sum = UINT32_MAX;
    for (; size >= STRIDE; bytes += STRIDE, size -= STRIDE) {
        std::uint32_t low = 0;
        std::memcpy(&low, bytes, sizeof low);
        low ^= sum;
        sum = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^ table[4][low >> 24] ^
              table[3][bytes[4]] ^ table[2][bytes[5]] ^ table[1][bytes[6]] ^ table[0][bytes[7]];
    }
    for (; size > 0; bytes++, size--) {
        sum = sum >> 8 ^ table[0][(sum ^ *bytes) & 0xff];
    }
    return ~sum;
}

template <class T> std::uint32_t checksum_of(const T &value) {
    return crc32(reinterpret_cast<const unsigned char *>(&value), offsetof(T, checksum));
}

/* -- reports ---------------------------------------------------------------------------------------------------- */

std::int64_t now() {
    return std::chrono::duration_cast<memlane::Nanoseconds>(Clock::now().time_since_epoch()).count();
}

/* The supervisor is gone, so nobody needs this process. */
class SupervisorGone : public std::runtime_error {
  public:
    SupervisorGone() : std::runtime_error("nobody reads the reports") {}
};

/* Writes a line whole, or, killed, not at all: it is far shorter than what a pipe takes in one piece. */
void send(const std::string &line) {
    const std::string ended = line + "\n";
    while (write(STDOUT_FILENO, ended.data(), ended.size()) < 0) {
        if (errno != EINTR) {
            throw SupervisorGone();
        }
    }
}

std::string quoted(const std::string &text) {
    std::string result = "\"";
    for (const char letter : text.substr(0, 600)) {
        const bool is_plain = letter >= ' ' && letter < 127 && letter != '"' && letter != '\\';
        result += is_plain ? letter : '?';
    }
    return result + "\"";
}

std::string joined() {
    return "";
}
template <class... Rest> std::string joined(std::int64_t number, Rest... rest) {
    return ", " + std::to_string(number) + joined(rest...);
}
template <class... Rest> std::string joined(const std::string &text, Rest... rest) {
    return ", " + quoted(text) + joined(rest...);
}

/* Reports one of the kinds of report.py. */
template <class... Parts> void report(const char *kind, Parts... parts) {
    send("[\"" + std::string(kind) + "\"" + joined(parts...) + "]");
}

/* -- the ends of variables -------------------------------------------------------------------------------------- */

template <class Options> Options existing_in(const std::string &directory) {
    Options options;
    options.directory = directory;
    options.create = false; /* the supervisor has created everything */
    return options;
}

/* Checks and reports each value that is new to it. */
template <class T> class Reader {
  public:
    explicit Reader(const std::string &directory) : variable_(T::name, existing_in<memlane::Options>(directory)) {}

    /* Takes the latest value if it is new. Waits for nobody. */
    void look() {
        if (variable_.version() == version_) {
            return;
        }
        const std::int64_t asked = now();
        try {
            auto view = variable_.view(); /* in place: a frame is not copied to be checked */
            take(std::move(view), asked);
        } catch (const memlane::Corrupted &error) {
            report_torn(error);
        } catch (const memlane::SchemaMismatch &error) { /* the size and mark of another write, or of none */
            report_torn(error);
        }
    }

    /* The newest whole one, null before the first; unchanged until the next look. */
    const T *value() const {
        return latest_ ? &**latest_ : nullptr;
    }

  private:
    using View = typename memlane::Variable<T>::View;

    static void report_torn(const memlane::Error &error) {
        report("SawTorn", std::string(T::name), std::string(error.what()), now());
    }

    void take(View view, std::int64_t asked) {
        const std::int64_t at = now();
        const std::uint32_t found = checksum_of(*view);
        if (found != view->checksum) {
            report("SawTorn", std::string(T::name),
                   "checksum " + std::to_string(found) + ", sealed with " + std::to_string(view->checksum), at);
            return;
        }
        version_ = view.version();
        const Seal &seal = view->seal;
        report("Saw", std::string(T::name), seal.life, seal.number, seal.began, seal.stamp,
               static_cast<std::int64_t>(version_), asked, at);
        latest_.emplace(std::move(view));
    }

    memlane::Variable<T> variable_;
    std::uint64_t version_ = 0;
    std::optional<View> latest_;
};

template <class T> class Publisher {
  public:
    Publisher(const std::string &directory, std::int64_t life)
        : variable_(T::name, existing_in<memlane::Options>(directory)) {
        seal_.life = life;
    }

    /* Seals and writes a value; reports it when it is there. */
    void publish(T &value) {
        seal_.stamp = now();
        seal_.number++;
        seal_.began = seal_.began != 0 ? seal_.began : seal_.stamp;
        value.seal = seal_;
        value.checksum = checksum_of(value);
        variable_.set(value);
        report("Wrote", std::string(T::name), seal_.number, seal_.began, now());
    }

  private:
    memlane::Variable<T> variable_;
    Seal seal_ = {};
};

/* -- the model's function --------------------------------------------------------------------------------------- */

/* A call that is made again and again, one at a time, to a server that may die at any time. Waits for nobody. */
class Question {
  public:
    explicit Question(const std::string &directory)
        : function_(SEGMENT, existing_in<memlane::FunctionOptions>(directory)) {}

    bool is_free() const {
        return !call_;
    }
    std::int64_t sent() const {
        return sent_;
    }

    /* Sends a call: the bytes of a frame, which Python gets as bytes. */
    void ask(const Frame &frame) {
        memlane_error error;
        sent_ = now();
        asked_ = frame.seal;
        call_.emplace(function_.handle(), memlane::FOREVER);
        std::memcpy(call_->get()->bytes, &frame, sizeof frame);
        memlane::detail::check(memlane_call_post(call_->get(), sizeof frame, 0, &error), error);
    }

    /* What has arrived since the last look; nothing of a call that died with its server. */
    std::optional<Labels> answer() {
        memlane_answer found;
        memlane_error error;
        if (!call_) {
            return std::nullopt;
        }
        const memlane_status status = memlane_call_wait(call_->get(), 0, &found, &error);
        if (status == MEMLANE_TIMEOUT || status == MEMLANE_INTERRUPTED) {
            return std::nullopt; /* one that nobody has begun waits for the next server */
        }
        std::optional<Labels> labels;
        if (status == MEMLANE_OK) {
            labels = labels_of(found);
        } else if (status == MEMLANE_PEER_DIED) {
            report("ServerDied", now());
        }
        call_.reset();
        if (status != MEMLANE_OK && status != MEMLANE_PEER_DIED) {
            memlane::detail::throw_error(error);
        }
        return labels;
    }

  private:
    std::optional<Labels> labels_of(const memlane_answer &found) {
        Labels labels;
        if (found.failed || found.size != sizeof labels) {
            const char *text = static_cast<const char *>(found.bytes);
            report("AnsweredWrongly", found.failed ? std::string(text) : "another size than asked for", now());
            return std::nullopt;
        }
        std::memcpy(&labels, found.bytes, sizeof labels);
        if (checksum_of(labels) != labels.checksum || std::memcmp(&labels.seal, &asked_, sizeof asked_) != 0) {
            report("AnsweredWrongly", std::string("not the labels of the frame that was asked about"), now());
            return std::nullopt;
        }
        report("Answered", sent_, now());
        return labels;
    }

    memlane::Function<memlane::ByteVector(memlane::ByteVector)> function_;
    std::optional<memlane::detail::CallHandle> call_;
    std::int64_t sent_ = 0;
    Seal asked_ = {};
};

/* -- the controller --------------------------------------------------------------------------------------------- */

constexpr auto BETWEEN_LOOKS = 5ms;
constexpr std::int64_t BETWEEN_QUESTIONS = 25'000'000;
constexpr std::int64_t PATIENCE = 500'000'000; /* how old the last answer may be before the camera has to stand still */
constexpr double REST_SPEED = 0.01, USUAL_BRIGHTNESS = 128;

struct Box {
    int top, bottom, left, right;
};

/* How many segments reach into a part of the picture. */
double segments_in(const Labels &labels, Box box) {
    std::set<std::uint16_t> found;
    for (int row = box.top; row < box.bottom; row++) {
        found.insert(&labels.segments[row][box.left], &labels.segments[row][box.right]);
    }
    return static_cast<double>(found.size());
}

/* Slower in the dark, and with much to see in the middle; towards the side with more segments. */
void set_course(Command &command, const Labels &labels, double brightness) {
    constexpr int DOWN = LABEL_ROWS / 4, ACROSS = LABEL_COLUMNS / 4, HALF = LABEL_COLUMNS / 2;
    const double all = segments_in(labels, {0, LABEL_ROWS, 0, LABEL_COLUMNS});
    const double middle = segments_in(labels, {DOWN, LABEL_ROWS - DOWN, ACROSS, LABEL_COLUMNS - ACROSS});
    const double left = segments_in(labels, {0, LABEL_ROWS, 0, HALF});
    const double right = segments_in(labels, {0, LABEL_ROWS, HALF, LABEL_COLUMNS});
    command.velocity = REST_SPEED * (1 - middle / all / 2) * (0.5 + brightness / 256);
    command.steering = (right - left) / (right + left);
}

std::atomic<bool> running{true};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal's handler writes it");

void stop(int /* signal */) {
    running = false;
}

void work(const std::string &directory, std::int64_t life) {
    Reader<Frame> frame(directory);
    Reader<Pose> pose(directory);
    Reader<Labels> labels(directory);
    Reader<Statistics> statistics(directory);
    Question question(directory);
    Publisher<Command> publisher(directory, life);
    Command command = {};
    command.velocity = REST_SPEED;
    std::int64_t answered = 0;
    report("Ready", now());
    for (auto due = Clock::now(); running; due = std::max(due + BETWEEN_LOOKS, Clock::now())) {
        std::this_thread::sleep_until(due);
        frame.look();
        pose.look();
        labels.look();
        statistics.look();
        if (const auto answer = question.answer()) {
            set_course(command, *answer, statistics.value() ? statistics.value()->brightness : USUAL_BRIGHTNESS);
            answered = now();
        }
        if (question.is_free() && frame.value() != nullptr && now() - question.sent() >= BETWEEN_QUESTIONS) {
            question.ask(*frame.value());
        }
        command.phase = pose.value() ? pose.value()->phase : 0;
        command.stop = now() - answered > PATIENCE;
        publisher.publish(command);
    }
}

} // namespace

int main(int count, char **arguments) {
    if (count != 3) {
        std::fprintf(stderr, "usage: controller DIRECTORY LIFE\n");
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN); /* to close everything, as any process does that ends by itself */
    std::signal(SIGTERM, stop);
    try {
        work(arguments[1], std::atoll(arguments[2]));
        return 0;
    } catch (const SupervisorGone &) {
        return 1;
    } catch (const std::exception &error) {
        report("Failed", std::string(error.what()));
        return 1;
    }
}
