/* Channels through the public interface, with every answer that their header promises. */
#define _GNU_SOURCE
#include "check.h"
#include "peer.h"
#include "stream.h"

#include "layout.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

/* Closed by the first thread that asks for the life of a participant. */
static memlane_channel *_Atomic closed_meanwhile;

int __real_memlane_platform_byte_is_locked(int descriptor, uint64_t offset, bool *locked);
int __wrap_memlane_platform_byte_is_locked(int descriptor, uint64_t offset, bool *locked);
int __wrap_memlane_platform_byte_is_locked(int descriptor, uint64_t offset, bool *locked) {
    memlane_channel *channel = atomic_exchange(&closed_meanwhile, NULL); /* closing asks too */
    if (channel != NULL) {
        memlane_channel_free(channel);
    }
    return __real_memlane_platform_byte_is_locked(descriptor, offset, locked);
}

/* -- opening ------------------------------------------------------------------------------------------------- */

static void the_first_opener_creates_with_the_documented_defaults(void) {
    memlane_channel_properties found;

    memlane_channel *channel = stream_writer(MEMLANE_ANY);

    memlane_channel_describe(channel, &found);
    CHECK_EQUAL(65536, found.capacity);
    CHECK_EQUAL(128, found.participants);
    CHECK_EQUAL(MEMLANE_CHANNEL_WRITE, found.mode);
    CHECK(found.ephemeral);
    CHECK_STRING(STREAM, found.name);
    CHECK_STRING(check_directory, found.directory);
    memlane_channel_free(channel);
}

static void an_existing_channel_keeps_its_capacity(void) {
    const uint64_t asked[] = {1000, 0, UINT64_C(1) << 60};
    memlane_channel_properties found;
    memlane_channel *writer = stream_writer(20);

    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        memlane_channel *reader = stream_reader(asked[i]);
        memlane_channel_describe(reader, &found);
        CHECK_EQUAL(20, found.capacity);
        memlane_channel_free(reader);
    }
    memlane_channel_free(writer);
}

static void what_no_channel_could_satisfy_is_refused(void) {
    memlane_channel *channel = NULL;
    memlane_error error;
    memlane_channel_options options = stream_options(16);

    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "a size of 0 bytes is not between 1 and",
                  stream_try_open(&channel, MEMLANE_CHANNEL_READ, 0, &error), &error);
    /* NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): that is the mistake */
    memlane_status status = stream_try_open(&channel, (memlane_channel_mode)7, 16, &error);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "mode 7 is neither reading (0) nor writing (1)", status, &error);
    options.object.create = false;
    CHECK_FAILURE(MEMLANE_NOT_FOUND, "there is no channel 'stream'",
                  memlane_channel_open(&channel, STREAM, strlen(STREAM), MEMLANE_CHANNEL_READ, &options, &error),
                  &error);
    CHECK(channel == NULL);
}

static void a_second_live_owner_of_an_end_is_refused_by_name(void) {
    memlane_channel *second = NULL;
    memlane_error error;
    char pid[32];
    memlane_channel *reader = stream_reader(16), *writer = stream_writer(16);
    snprintf(pid, sizeof pid, "already, pid %d (", (int)getpid());

    CHECK_FAILURE(MEMLANE_ENDPOINT_BUSY, "channel 'stream' has a reader already",
                  stream_try_open(&second, MEMLANE_CHANNEL_READ, 16, &error), &error);
    CHECK(strstr(error.message, pid) != NULL);
    CHECK_FAILURE(MEMLANE_ENDPOINT_BUSY, "has a writer already",
                  stream_try_open(&second, MEMLANE_CHANNEL_WRITE, 16, &error), &error);

    CHECK(second == NULL);
    stream_write(writer, 5);
    stream_read(reader, 5);
    memlane_channel_free(reader);
    memlane_channel_free(writer);
}

/* -- bytes --------------------------------------------------------------------------------------------------- */

static void every_capacity_holds_exactly_so_many_bytes(void) {
    enum { LARGEST = 20 };
    unsigned char bytes[2 * LARGEST];
    uint64_t count;
    memlane_error error;
    for (uint64_t capacity = 1; capacity <= LARGEST; capacity++) {
        memlane_channel *reader = stream_reader(capacity), *writer = stream_writer(capacity);
        for (uint64_t round = 0; round < 3 * capacity; round++) {
            stream_fill(bytes, memlane_channel_position(writer), sizeof bytes);
            CHECK_OK(memlane_channel_write_some(writer, bytes, sizeof bytes, &count, &error), &error);
            CHECK_EQUAL(round == 0 ? capacity : round % capacity + 1, count);

            stream_read(reader, (round + 1) % capacity + 1);
        }
        memlane_channel_free(writer);
        stream_read(reader, capacity - (3 * capacity) % capacity - 1);
        memlane_channel_free(reader);
    }
}

static void nothing_to_read_and_no_room_time_out(void) {
    unsigned char bytes[8] = {0};
    uint64_t count = 99;
    memlane_error error;
    memlane_channel *reader = stream_reader(4), *writer = stream_writer(4);

    CHECK_FAILURE(MEMLANE_TIMEOUT, "channel 'stream': 1 bytes to read did not come in time, 0 are there",
                  memlane_channel_read(reader, bytes, 8, 1, 0, &count, &error), &error);
    CHECK_EQUAL(0, count);
    CHECK_FAILURE(MEMLANE_TIMEOUT, "room for 1 bytes did not come in time, for 0 there is",
                  memlane_channel_write(writer, bytes, 6, check_in_ms(5), &count, &error), &error);
    CHECK_EQUAL(4, count);
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_channel_write_whole(writer, bytes, 1, MEMLANE_SOON, &count, NULL));
    CHECK_EQUAL(0, count);
    CHECK_OK(memlane_channel_write_some(writer, bytes, 6, &count, &error), &error);
    CHECK_EQUAL(0, count);
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_channel_wait(writer, 1, MEMLANE_SOON, NULL));
    CHECK_OK(memlane_channel_wait(reader, 4, 0, &error), &error);

    CHECK_OK(memlane_channel_read(reader, bytes, 8, 4, 0, &count, &error), &error);
    CHECK_EQUAL(4, count);
    memlane_channel_free(reader);
    memlane_channel_free(writer);
}

static void wrong_uses_are_refused(void) {
    unsigned char bytes[8] = {0};
    uint64_t count;
    memlane_span span;
    memlane_error error;
    memlane_channel *reader = stream_reader(4), *writer = stream_writer(4);

    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "this end was opened for writing only",
                  memlane_channel_read(writer, bytes, 1, 1, 0, &count, &error), &error);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "this end was opened for reading only",
                  memlane_channel_write(reader, bytes, 1, 0, &count, &error), &error);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT,
                  "at least 5 bytes were asked for, into a buffer of 8 and from a channel of 4",
                  memlane_channel_read(reader, bytes, 8, 5, 0, &count, &error), &error);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "5 bytes in one piece were asked for, it has 4",
                  memlane_channel_reserve(writer, 5, 0, &span, &error), &error);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "5 bytes in one piece", memlane_channel_peek(reader, 5, 0, &span, &error),
                  &error);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "5 bytes are never there at once",
                  memlane_channel_wait(reader, 5, 0, &error), &error);
    memlane_channel_close(writer);
    CHECK_FAILURE(MEMLANE_CLOSED, "channel 'stream': this endpoint was closed",
                  memlane_channel_write(writer, bytes, 1, 0, &count, &error), &error);

    memlane_channel_free(reader);
    memlane_channel_free(writer);
}

/* -- between processes ------------------------------------------------------------------------------------------- */

enum { LONG_STREAM = 1000003 };

static void write_long_stream(int socket) {
    memlane_channel *writer = stream_writer(77);
    (void)socket;
    for (uint64_t step = 0; memlane_channel_position(writer) < LONG_STREAM; step++) {
        uint64_t left = LONG_STREAM - memlane_channel_position(writer), size = step % 200 + 1;
        stream_write(writer, size < left ? size : left);
    }
    memlane_channel_free(writer);
}

static void a_stream_arrives_whole_and_then_ends(void) {
    unsigned char bytes[64];
    uint64_t count;
    memlane_error error;
    memlane_status status;
    memlane_channel *reader = stream_reader(77);
    struct peer peer = peer_start(write_long_stream);

    do {
        uint64_t position = memlane_channel_position(reader);
        status =
            memlane_channel_read(reader, bytes, sizeof bytes, position % 60 + 1, check_in_ms(20000), &count, &error);
        stream_check(bytes, position, count);
    } while (status == MEMLANE_OK);

    CHECK_FAILURE(MEMLANE_END_CLOSED, "the writer closed and 0 bytes are left", status, &error);
    CHECK_EQUAL(LONG_STREAM, memlane_channel_position(reader));
    PEER_JOIN(&peer);
    memlane_channel_free(reader);
}

static void who_closes_while_its_life_is_asked_for_did_not_die(void) {
    unsigned char byte;
    uint64_t count;
    memlane_error error;
    memlane_channel *reader = stream_reader(16), *writer = stream_writer(16);
    stream_write(writer, 1);
    CHECK_OK(memlane_channel_read(reader, &byte, 1, 1, 0, &count, &error), &error);

    closed_meanwhile = writer;

    CHECK_FAILURE(MEMLANE_END_CLOSED, "the writer closed",
                  memlane_channel_read(reader, &byte, 1, 1, check_in_ms(20000), &count, &error), &error);
    memlane_channel_free(reader);
}

static void write_and_stay(int socket) {
    memlane_channel *writer = stream_writer(16);
    stream_write(writer, 10);
    peer_tell(socket, memlane_channel_position(writer));
    peer_hear(socket);
}

static void a_successor_goes_on_at_the_byte_where_the_dead_stopped(void) {
    memlane_channel_statistics statistics;
    memlane_error error;
    memlane_channel *reader = stream_reader(16);
    for (uint64_t run = 1; run <= 3; run++) {
        struct peer peer = peer_start(write_and_stay);
        CHECK_EQUAL(10 * run, peer_hear(peer.socket));
        stream_read(reader, 5);
        peer_kill(&peer);
        stream_read(reader, 5);
    }

    memlane_channel *writer = stream_writer(16);
    stream_write(writer, 3);
    memlane_channel_free(reader);
    reader = stream_reader(16);
    stream_read(reader, 3);

    CHECK_OK(memlane_channel_statistics_read(reader, &statistics, &error), &error);
    CHECK_EQUAL(33, statistics.bytes_written);
    CHECK_EQUAL(33, statistics.bytes_read);
    CHECK_EQUAL(0, statistics.filled);
    CHECK_EQUAL(2, statistics.live_participants);
    CHECK(statistics.is_current);
    memlane_channel_free(reader);
    memlane_channel_free(writer);
}

static void read_and_stay(int socket) {
    memlane_channel *reader = stream_reader(16);
    stream_read(reader, 4);
    peer_tell(socket, 0);
    peer_hear(socket);
    memlane_channel_free(reader);
}

static void a_blocked_writer_learns_that_the_reader(bool closes) {
    unsigned char bytes[64];
    uint64_t written;
    memlane_error error;
    memlane_channel *writer = stream_writer(16);
    struct peer peer = peer_start(read_and_stay);
    stream_write(writer, 16);
    peer_hear(peer.socket);
    if (closes) {
        peer_tell(peer.socket, 0);
        PEER_JOIN(&peer);
    } else {
        peer_kill(&peer);
    }

    stream_fill(bytes, memlane_channel_position(writer), sizeof bytes);
    CHECK_FAILURE(closes ? MEMLANE_END_CLOSED : MEMLANE_PEER_DIED,
                  closes ? "the reader closed and 0 bytes are free; what was written stays for the next reader"
                         : "the reader died and 0 bytes are free",
                  memlane_channel_write(writer, bytes, sizeof bytes, MEMLANE_NO_DEADLINE, &written, &error), &error);

    CHECK_EQUAL(4, written);
    memlane_channel *reader = stream_reader(16);
    stream_read(reader, 16);
    stream_write(writer, 16);
    stream_read(reader, 16);
    memlane_channel_free(reader);
    memlane_channel_free(writer);
}

static void a_blocked_writer_learns_that_the_reader_closed(void) {
    a_blocked_writer_learns_that_the_reader(true);
}

static void a_blocked_writer_learns_that_the_reader_died(void) {
    a_blocked_writer_learns_that_the_reader(false);
}

static void wait_to_read(int socket) {
    unsigned char bytes[16];
    uint64_t count;
    memlane_error error;
    memlane_channel *reader = stream_reader(16);
    peer_tell(socket, 0);
    memlane_status status = memlane_channel_read(reader, bytes, 16, 16, MEMLANE_NO_DEADLINE, &count, &error);
    peer_tell(socket, status);
    peer_tell(socket, count);
    CHECK_FAILURE(MEMLANE_END_CLOSED, "the writer closed",
                  memlane_channel_read(reader, bytes, 16, 1, MEMLANE_NO_DEADLINE, &count, &error), &error);
    memlane_channel_free(reader);
}

static void the_last_bytes_before_a_close_reach_a_sleeping_reader(void) {
    struct peer peer = peer_start(wait_to_read); /* first: a forked child would have the writer open, too */
    peer_hear(peer.socket);
    memlane_channel *writer = stream_writer(16);
    stream_write(writer, 7);
    CHECK_WAIT_UNTIL(peer_state(peer.pid) == 'S');

    memlane_channel_free(writer);

    CHECK_EQUAL(MEMLANE_OK, peer_hear(peer.socket));
    CHECK_EQUAL(7, peer_hear(peer.socket));
    PEER_JOIN(&peer);
}

/* -- which ends are reported ------------------------------------------------------------------------------------- */

static void keep(memlane_channel **channel, memlane_channel_mode mode) {
    memlane_channel_options options = stream_options(8);
    memlane_error error;
    options.object.ephemeral = 0;
    CHECK_OK(memlane_channel_open(channel, STREAM, strlen(STREAM), mode, &options, &error), &error);
}

static void the_second_run_of_a_pair_works_like_the_first(void) {
    unsigned char byte;
    uint64_t count;
    memlane_channel *reader, *writer;
    for (int run = 0; run < 3; run++) {
        keep(&reader, MEMLANE_CHANNEL_READ);
        CHECK_STATUS(MEMLANE_TIMEOUT, memlane_channel_read(reader, &byte, 1, 1, check_in_ms(2), &count, NULL));
        keep(&writer, MEMLANE_CHANNEL_WRITE);
        stream_write(writer, 8);
        memlane_channel_free(writer);
        stream_read(reader, 8);
        CHECK_STATUS(MEMLANE_END_CLOSED, memlane_channel_read(reader, &byte, 1, 1, 0, &count, NULL));
        memlane_channel_free(reader);
    }
    for (int run = 0; run < 3; run++) {
        keep(&writer, MEMLANE_CHANNEL_WRITE);
        stream_write(writer, 8);
        CHECK_STATUS(MEMLANE_TIMEOUT, memlane_channel_write(writer, "x", 1, check_in_ms(2), &count, NULL));
        keep(&reader, MEMLANE_CHANNEL_READ);
        stream_read(reader, 8);
        stream_write(writer, 8);
        stream_read(reader, 8);
        memlane_channel_free(reader);
        stream_write(writer, 8);
        CHECK_STATUS(MEMLANE_END_CLOSED, memlane_channel_write(writer, "x", 1, 0, &count, NULL));
        keep(&reader, MEMLANE_CHANNEL_READ);
        stream_read(reader, 8);
        memlane_channel_free(writer);
        memlane_channel_free(reader);
    }
    stream_unlink();
}

static void bytes_of_a_writer_that_left_are_read_before_its_end(void) {
    unsigned char bytes[8];
    uint64_t count;
    memlane_channel *writer = stream_writer(8);
    stream_write(writer, 6);
    memlane_channel_free(writer);

    memlane_channel *reader = stream_reader(8);

    CHECK_STATUS(MEMLANE_OK, memlane_channel_read(reader, bytes, 8, 1, 0, &count, NULL));
    CHECK_EQUAL(6, count);
    stream_check(bytes, 0, 6);
    CHECK_STATUS(MEMLANE_END_CLOSED, memlane_channel_read(reader, bytes, 8, 1, 0, &count, NULL));
    memlane_channel_free(reader);
}

/* -- how long a channel lives ---------------------------------------------------------------------------------- */

static void an_empty_channel_goes_with_its_last_end(void) {
    memlane_channel *writer = stream_writer(8), *reader = stream_reader(8);
    stream_write(writer, 3);
    memlane_channel_free(writer);
    CHECK_EQUAL(1, check_count_entries(check_directory));

    stream_read(reader, 3);
    memlane_channel_free(reader);

    CHECK_EQUAL(0, check_count_entries(check_directory));
}

static void bytes_keep_a_channel_that_nobody_has_open(void) {
    memlane_channel_properties found;
    uint32_t removed;
    memlane_channel *writer = stream_writer(8);
    stream_write(writer, 3);
    memlane_channel_free(writer);
    CHECK_STATUS(MEMLANE_OK, memlane_collect(check_directory, 0600, -1, &removed, NULL));
    CHECK_EQUAL(0, removed);

    memlane_channel *reader = stream_reader(99);

    memlane_channel_describe(reader, &found);
    CHECK_EQUAL(8, found.capacity);
    stream_read(reader, 3);
    memlane_channel_free(reader);
}

static void open_both_and_stay(int socket) {
    memlane_channel *reader = stream_reader(8), *writer = stream_writer(8);
    stream_write(writer, 3);
    stream_read(reader, 3);
    peer_tell(socket, 0);
    peer_hear(socket);
}

static void an_empty_channel_of_the_dead_is_made_anew(void) {
    memlane_channel_properties found;
    uint32_t removed;
    for (int way = 0; way < 2; way++) {
        struct peer peer = peer_start(open_both_and_stay);
        peer_hear(peer.socket);
        peer_kill(&peer);
        if (way == 0) {
            CHECK_STATUS(MEMLANE_OK, memlane_collect(check_directory, 0600, -1, &removed, NULL));
            CHECK_EQUAL(1, removed);
            continue;
        }
        memlane_channel *reader = stream_reader(99);
        memlane_channel_describe(reader, &found);
        CHECK_EQUAL(99, found.capacity);
        CHECK_EQUAL(0, memlane_channel_position(reader));
        memlane_channel_free(reader);
    }
}

/* -- in place -------------------------------------------------------------------------------------------------- */

static void spans_work_also_where_the_ring_wraps(void) {
    memlane_span span;
    memlane_error error;
    memlane_channel *reader = stream_reader(7), *writer = stream_writer(7);
    for (uint64_t round = 0, position = 0; round < 50; round++) {
        uint64_t size = round % 7 + 1;
        CHECK_OK(memlane_channel_reserve(writer, size, 0, &span, &error), &error);
        CHECK_EQUAL(size, span.size);
        stream_fill(span.bytes, position, size);
        CHECK_OK(memlane_span_commit(&span, size, &error), &error);

        CHECK_OK(memlane_channel_peek(reader, size, 0, &span, &error), &error);
        CHECK_EQUAL(size, span.size);
        stream_check(span.bytes, position, size);
        memlane_span_drop(&span);
        CHECK_OK(memlane_channel_peek(reader, 0, 0, &span, &error), &error);
        stream_check(span.bytes, position, span.size);
        uint64_t some = span.size;
        CHECK_OK(memlane_span_commit(&span, some, &error), &error);
        if (some < size) {
            stream_read(reader, size - some);
        }
        position += size;
    }
    memlane_channel_free(reader);
    memlane_channel_free(writer);
}

static void a_dropped_reservation_and_half_of_one_count_exactly(void) {
    memlane_span span;
    memlane_error error;
    memlane_channel *reader = stream_reader(16), *writer = stream_writer(16);
    CHECK_OK(memlane_channel_reserve(writer, 10, 0, &span, &error), &error);
    memset(span.bytes, 0xff, 10);
    memlane_span_drop(&span);
    CHECK_EQUAL(0, memlane_channel_position(writer));

    CHECK_OK(memlane_channel_reserve(writer, 10, 0, &span, &error), &error);
    stream_fill(span.bytes, 0, 4);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "11 bytes of a span of 10 cannot be committed",
                  memlane_span_commit(&span, 11, &error), &error);
    CHECK_OK(memlane_span_commit(&span, 4, &error), &error);

    stream_write(writer, 2);
    stream_read(reader, 6);
    memlane_channel_free(reader);
    memlane_channel_free(writer);
}

static void an_open_span_keeps_its_end_busy_and_mapped(void) {
    unsigned char byte = 0;
    uint64_t count;
    memlane_span span;
    memlane_error error;
    memlane_channel *writer = stream_writer(16);
    CHECK_OK(memlane_channel_reserve(writer, 4, 0, &span, &error), &error);

    CHECK_FAILURE(MEMLANE_ENDPOINT_BUSY, "bytes of this end are in use in place",
                  memlane_channel_write(writer, &byte, 1, 0, &count, &error), &error);
    memlane_channel_close(writer);
    stream_fill(span.bytes, 0, 4);
    memlane_channel_free(writer);
    CHECK_OK(memlane_span_commit(&span, 4, &error), &error);

    memlane_channel *reader = stream_reader(16);
    stream_read(reader, 4);
    memlane_channel_free(reader);
}

/* -- threads, signals, fork ---------------------------------------------------------------------------------------- */

static memlane_status read_until_closed(memlane_channel *reader) {
    unsigned char byte;
    uint64_t count;
    return memlane_channel_read(reader, &byte, 1, 1, MEMLANE_NO_DEADLINE, &count, NULL);
}

static void *read_in_a_thread(void *reader) {
    CHECK_STATUS(MEMLANE_CLOSED, read_until_closed(reader));
    return NULL;
}

static void closing_lets_the_waiters_of_this_endpoint_leave(void) {
    pthread_t threads[2];
    memlane_channel *reader = stream_reader(16);
    for (int i = 0; i < 2; i++) { /* one has the turn, the other waits for it */
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, read_in_a_thread, reader));
    }

    memlane_channel_close(reader);

    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
    }
    memlane_channel_free(reader);
}

enum { BLOCK = 100, BLOCKS = 500 };

static void *write_blocks(void *writer) {
    static memlane_atomic32 next;
    unsigned char block[BLOCK];
    uint64_t written;
    memlane_error error;
    memset(block, (int)memlane_add32_seq_cst(&next, 1) + 1, sizeof block);
    for (int i = 0; i < BLOCKS; i++) {
        CHECK_OK(memlane_channel_lock(writer, MEMLANE_NO_DEADLINE, &error), &error);
        CHECK_OK(memlane_channel_write(writer, block, BLOCK / 2, MEMLANE_NO_DEADLINE, &written, &error), &error);
        CHECK_OK(memlane_channel_write(writer, block, BLOCK / 2, MEMLANE_NO_DEADLINE, &written, &error), &error);
        memlane_channel_unlock(writer);
    }
    return NULL;
}

static void threads_take_turns_on_one_endpoint(void) {
    pthread_t threads[2];
    unsigned char block[BLOCK];
    uint64_t count;
    memlane_error error;
    memlane_channel *reader = stream_reader(33), *writer = stream_writer(33);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, write_blocks, writer));
    }

    for (int i = 0; i < 2 * BLOCKS; i++) {
        for (uint64_t got = 0; got < BLOCK; got += count) {
            CHECK_OK(memlane_channel_read(reader, block + got, BLOCK - got, 1, check_in_ms(20000), &count, &error),
                     &error);
        }
        for (int at = 1; at < BLOCK; at++) {
            CHECK_EQUAL(block[0], block[at]);
        }
    }

    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
    }
    memlane_channel_free(reader);
    memlane_channel_free(writer);
}

static void ignore(int number) {
    (void)number;
}

static void a_signal_ends_a_wait_and_nothing_is_consumed(void) {
    unsigned char bytes[8];
    uint64_t count;
    memlane_error error;
    memlane_channel *reader = stream_reader(8), *writer = stream_writer(8);
    stream_write(writer, 3);
    struct sigaction action = {.sa_handler = ignore};
    CHECK_CALL(sigaction(SIGUSR1, &action, NULL));
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    CHECK_CALL(timer_create(CLOCK_MONOTONIC, &event, &timer));
    CHECK_CALL(timer_settime(timer, 0,
                             &(struct itimerspec){.it_value.tv_nsec = 5000000, .it_interval.tv_nsec = 5000000}, NULL));

    CHECK_FAILURE(MEMLANE_INTERRUPTED, "a signal ended the wait",
                  memlane_channel_read(reader, bytes, 8, 8, MEMLANE_NO_DEADLINE, &count, &error), &error);

    CHECK_CALL(timer_delete(timer));
    CHECK_EQUAL(0, count);
    stream_read(reader, 3);
    memlane_channel_free(reader);
    memlane_channel_free(writer);
}

static void the_ends_stay_with_the_parent_of_a_fork(void) {
    unsigned char bytes[8] = {0};
    uint64_t count;
    memlane_span span;
    memlane_error error;
    memlane_channel *reader = stream_reader(8), *writer = stream_writer(8);
    stream_write(writer, 3);
    CHECK_OK(memlane_channel_reserve(writer, 2, 0, &span, &error), &error);

    pid_t child = fork();
    if (child == 0) {
        CHECK_FAILURE(MEMLANE_OWNERSHIP_LOST, "it stayed with the parent of a fork",
                      memlane_channel_read(reader, bytes, 8, 1, 0, &count, &error), &error);
        CHECK_FAILURE(MEMLANE_OWNERSHIP_LOST, "open it anew", memlane_span_commit(&span, 2, &error), &error);
        CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_channel_write(writer, bytes, 1, 0, &count, NULL));
        memlane_channel_free(reader);
        memlane_channel_free(writer);
        _exit(0);
    }
    int status;
    CHECK_CALL(waitpid(child, &status, 0));
    CHECK_EQUAL(0, status);

    stream_fill(span.bytes, 3, 2);
    CHECK_OK(memlane_span_commit(&span, 2, &error), &error);
    stream_read(reader, 5);
    memlane_channel_free(reader);
    memlane_channel_free(writer);
}

static void *take_a_turn(void *channel) {
    memlane_error error;
    CHECK_OK(memlane_channel_lock(channel, check_in_ms(30000), &error), &error);
    memlane_channel_unlock(channel);
    return NULL;
}

static void a_turn_taken_before_a_fork_keeps_no_thread_of_the_child_waiting(void) {
    memlane_error error;
    memlane_channel *writer = stream_writer(8);
    CHECK_OK(memlane_channel_lock(writer, 0, &error), &error);
    pid_t child = fork();
    if (child == 0) {
        pthread_t other;
        memlane_channel_unlock(writer);
        take_a_turn(writer);
        CHECK_EQUAL(0, pthread_create(&other, NULL, take_a_turn, writer));
        CHECK_EQUAL(0, pthread_join(other, NULL));
        _exit(0);
    }
    int status;
    CHECK_CALL(waitpid(child, &status, 0));
    CHECK_EQUAL(0, status);
    memlane_channel_unlock(writer);
    memlane_channel_free(writer);
}

/* -- what others see, and what others damage -------------------------------------------------------------------------- */

static void the_status_shows_ends_and_cursors(void) {
    memlane_channel_status status;
    memlane_error error;
    memlane_channel *writer = stream_writer(8);
    stream_write(writer, 8);
    CHECK_OK(memlane_channel_status_read(writer, &status, &error), &error);
    CHECK(status.writer_is_open && !status.writer_is_closed && !status.reader_is_open && !status.reader_is_closed);

    memlane_channel *reader = stream_reader(8);
    stream_read(reader, 5);
    memlane_channel_free(reader);

    CHECK_OK(memlane_channel_status_read(writer, &status, &error), &error);
    CHECK(status.writer_is_open && !status.reader_is_open && status.reader_is_closed);
    CHECK_EQUAL(8, status.capacity);
    CHECK_EQUAL(5, status.read_cursor);
    CHECK_EQUAL(8, status.write_cursor);
    CHECK(fcntl(status.descriptor, F_GETFD) >= 0);
    memlane_channel_free(writer);
    stream_unlink();
}

/* The words of the ring, mapped apart from any endpoint. */
struct intruder {
    unsigned char *base;
    size_t size;
    struct memlane_ring_control *control;
};

static struct intruder intrude(void) {
    struct memlane_header header;
    char path[CHECK_PATH_SIZE + 16];
    snprintf(path, sizeof path, "%s/%s", check_directory, STREAM);
    int file = open(path, O_RDWR | O_CLOEXEC);
    CHECK_CALL(file);
    CHECK_EQUAL(sizeof header, pread(file, &header, sizeof header, 0));
    struct intruder intruder = {.size = (size_t)header.total_size};
    intruder.base = mmap(NULL, intruder.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(intruder.base != MAP_FAILED);
    close(file);
    intruder.control = (struct memlane_ring_control *)(void *)(intruder.base + header.body_offset);
    return intruder;
}

static void impossible_cursors_are_damage(void) {
    unsigned char bytes[8] = {0};
    uint64_t count;
    memlane_error error;
    memlane_channel *reader = stream_reader(8), *writer = stream_writer(8), *heir = NULL;
    struct intruder intruder = intrude();

    memlane_store_seq_cst(&intruder.control->tail, 9);
    CHECK_FAILURE(MEMLANE_CORRUPTED, "its cursors contradict each other",
                  memlane_channel_read(reader, bytes, 8, 1, check_in_ms(1000), &count, &error), &error);
    memlane_store_seq_cst(&intruder.control->head, 100);
    stream_write(writer, 8); /* goes by its own cursor, and by a head that it has not looked at again */
    CHECK_FAILURE(MEMLANE_CORRUPTED, "another program overwrote them",
                  memlane_channel_write(writer, bytes, 8, 0, &count, &error), &error);
    memlane_store_seq_cst(&intruder.control->tail, 1000);
    memlane_channel_free(writer);
    CHECK_FAILURE(MEMLANE_CORRUPTED, "its cursors contradict each other",
                  stream_try_open(&heir, MEMLANE_CHANNEL_WRITE, 8, &error), &error);

    munmap(intruder.base, intruder.size);
    memlane_channel_free(reader);
    stream_unlink();
}

static void an_end_that_was_taken_away_is_not_used_any_more(void) {
    unsigned char byte = 0;
    uint64_t count;
    memlane_error error;
    memlane_channel *writer = stream_writer(8);
    struct intruder intruder = intrude();

    memlane_store_seq_cst(&intruder.control->end[MEMLANE_END_WRITER], memlane_end_word(77, 0));

    CHECK_FAILURE(MEMLANE_OWNERSHIP_LOST, "this end is not this process's",
                  memlane_channel_write(writer, &byte, 1, 0, &count, &error), &error);
    munmap(intruder.base, intruder.size);
    memlane_channel_free(writer);
}

static const struct check_test tests[] = {
    {"the first opener creates with the documented defaults", the_first_opener_creates_with_the_documented_defaults},
    {"an existing channel keeps its capacity", an_existing_channel_keeps_its_capacity},
    {"what no channel could satisfy is refused", what_no_channel_could_satisfy_is_refused},
    {"a second live owner of an end is refused by name", a_second_live_owner_of_an_end_is_refused_by_name},
    {"every capacity holds exactly so many bytes", every_capacity_holds_exactly_so_many_bytes},
    {"nothing to read and no room time out", nothing_to_read_and_no_room_time_out},
    {"wrong uses are refused", wrong_uses_are_refused},
    {"a stream arrives whole and then ends", a_stream_arrives_whole_and_then_ends},
    {"who closes while its life is asked for did not die", who_closes_while_its_life_is_asked_for_did_not_die},
    {"a successor goes on at the byte where the dead stopped", a_successor_goes_on_at_the_byte_where_the_dead_stopped},
    {"a blocked writer learns that the reader closed", a_blocked_writer_learns_that_the_reader_closed},
    {"a blocked writer learns that the reader died", a_blocked_writer_learns_that_the_reader_died},
    {"the last bytes before a close reach a sleeping reader", the_last_bytes_before_a_close_reach_a_sleeping_reader},
    {"the second run of a pair works like the first", the_second_run_of_a_pair_works_like_the_first},
    {"bytes of a writer that left are read before its end", bytes_of_a_writer_that_left_are_read_before_its_end},
    {"an empty channel goes with its last end", an_empty_channel_goes_with_its_last_end},
    {"bytes keep a channel that nobody has open", bytes_keep_a_channel_that_nobody_has_open},
    {"an empty channel of the dead is made anew", an_empty_channel_of_the_dead_is_made_anew},
    {"spans work also where the ring wraps", spans_work_also_where_the_ring_wraps},
    {"a dropped reservation and half of one count exactly", a_dropped_reservation_and_half_of_one_count_exactly},
    {"an open span keeps its end busy and mapped", an_open_span_keeps_its_end_busy_and_mapped},
    {"closing lets the waiters of this endpoint leave", closing_lets_the_waiters_of_this_endpoint_leave},
    {"threads take turns on one endpoint", threads_take_turns_on_one_endpoint},
    {"a signal ends a wait and nothing is consumed", a_signal_ends_a_wait_and_nothing_is_consumed},
    {"the ends stay with the parent of a fork", the_ends_stay_with_the_parent_of_a_fork},
    {"a turn taken before a fork keeps no thread of the child waiting",
     a_turn_taken_before_a_fork_keeps_no_thread_of_the_child_waiting},
    {"the status shows ends and cursors", the_status_shows_ends_and_cursors},
    {"impossible cursors are damage", impossible_cursors_are_damage},
    {"an end that was taken away is not used any more", an_end_that_was_taken_away_is_not_used_any_more},
};

CHECK_MAIN(tests)
