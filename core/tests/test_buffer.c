/* Buffers: records that change by transactions, whoever dies. */
#define _GNU_SOURCE
#include "check.h"
#include "peer.h"

#include "lock.h"
#include "register.h"

#include <memlane/buffer.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

enum { FIELDS = 8 };

struct record {
    unsigned char head[MEMLANE_BUFFER_HEAD];
    uint64_t field[FIELDS];
};

static const char layout[] = "field a: uint64\nfield b: uint64";

static memlane_buffer_options options(void) {
    memlane_buffer_options chosen;
    memlane_buffer_options_initialise(&chosen);
    chosen.object.directory = check_directory;
    chosen.size = sizeof(struct record);
    chosen.schema = layout;
    chosen.schema_length = sizeof layout - 1;
    return chosen;
}

static memlane_buffer *open_buffer(void) {
    memlane_buffer *buffer = NULL;
    memlane_buffer_options chosen = options();
    memlane_error error;
    CHECK_OK(memlane_buffer_open(&buffer, "motor", 5, &chosen, &error), &error);
    return buffer;
}

static void unlink_buffer(void) {
    CHECK_STATUS(MEMLANE_OK, memlane_unlink(check_directory, "motor", 5, 0600, -1, NULL));
}

static struct record *begin(memlane_buffer *buffer) {
    void *record = NULL;
    memlane_error error;
    CHECK_OK(memlane_buffer_begin(buffer, check_in_ms(30000), &record, &error), &error);
    return record;
}

static void end(memlane_buffer *buffer, memlane_buffer_outcome outcome) {
    memlane_error error;
    CHECK_OK(memlane_buffer_end(buffer, outcome, &error), &error);
}

/* Sets all fields to one value in one transaction. */
static void write_all(memlane_buffer *buffer, uint64_t value) {
    struct record *record = begin(buffer);
    for (int i = 0; i < FIELDS; i++) {
        record->field[i] = value;
    }
    end(buffer, MEMLANE_BUFFER_CHANGED);
}

/* Reads all fields, which must be equal. */
static uint64_t read_all(memlane_buffer *buffer) {
    struct record record;
    memlane_buffer_reading reading;
    memlane_error error;
    CHECK_OK(memlane_buffer_read(buffer, 0, &record, sizeof record, &reading, &error), &error);
    for (int i = 1; i < FIELDS; i++) {
        CHECK_EQUAL(record.field[0], record.field[i]);
    }
    return record.field[0];
}

static bool is_valid(memlane_buffer *buffer) {
    memlane_buffer_reading reading;
    memlane_error error;
    CHECK_OK(memlane_buffer_read(buffer, 0, &reading, 0, &reading, &error), &error);
    return reading.valid;
}

static void make_valid(memlane_buffer *buffer, bool valid) {
    begin(buffer);
    CHECK_STATUS(MEMLANE_OK, memlane_buffer_set_valid(buffer, valid, NULL));
    end(buffer, MEMLANE_BUFFER_UNCHANGED);
}

static void a_new_buffer_is_zeros_and_not_valid(void) {
    memlane_buffer *buffer = open_buffer();

    CHECK_EQUAL(0, read_all(buffer));
    CHECK(!is_valid(buffer));

    memlane_buffer_free(buffer);
    unlink_buffer();
}

static void a_transaction_is_seen_whole_and_only_when_it_is_kept(void) {
    memlane_buffer *buffer = open_buffer(), *other = open_buffer();

    begin(buffer)->field[0] = 1;
    CHECK_EQUAL(0, read_all(other));
    end(buffer, MEMLANE_BUFFER_DROP);
    CHECK_EQUAL(0, read_all(buffer));
    write_all(buffer, 7);
    CHECK_EQUAL(7, read_all(other));

    memlane_buffer_free(other);
    memlane_buffer_free(buffer);
    unlink_buffer();
}

static void parts_end_with_the_outermost(void) {
    memlane_buffer *buffer = open_buffer(), *other = open_buffer();
    void *record;

    begin(buffer);
    write_all(buffer, 3);
    CHECK_EQUAL(3, read_all(buffer));
    CHECK_EQUAL(0, read_all(other));
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_buffer_begin(other, check_in_ms(20), &record, NULL));
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_buffer_try_begin(other, &record, NULL));
    end(buffer, MEMLANE_BUFFER_UNCHANGED);
    CHECK_EQUAL(3, read_all(other));
    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_buffer_end(buffer, MEMLANE_BUFFER_CHANGED, NULL));

    memlane_buffer_free(other);
    memlane_buffer_free(buffer);
    unlink_buffer();
}

static void another_layout_is_named(void) {
    memlane_buffer *buffer = open_buffer(), *other = NULL;
    memlane_buffer_options chosen = options();
    memlane_error error;
    chosen.schema = "field a: uint64\nfield c: float";
    chosen.schema_length = (uint32_t)strlen(chosen.schema);

    CHECK_FAILURE(MEMLANE_SCHEMA_MISMATCH, "field c: float here, field b: uint64 there",
                  memlane_buffer_open(&other, "motor", 5, &chosen, &error), &error);
    chosen = options();
    chosen.size += 8;
    CHECK_FAILURE(MEMLANE_SIZE_MISMATCH, "80 bytes", memlane_buffer_open(&other, "motor", 5, &chosen, &error), &error);

    memlane_buffer_free(buffer);
    unlink_buffer();
}

/* -- validity ----------------------------------------------------------------------------------------------------- */

static void only_the_owner_takes_validity_back(void) {
    memlane_buffer *owner = open_buffer(), *other = open_buffer();
    make_valid(owner, true);

    CHECK(is_valid(other));
    memlane_buffer_close(other);
    CHECK(is_valid(owner));
    memlane_buffer_free(other);
    other = open_buffer();
    CHECK(is_valid(other));
    memlane_buffer_free(owner);
    CHECK(!is_valid(other));

    memlane_buffer_free(other);
    unlink_buffer();
}

static void own_and_change(int socket) {
    memlane_buffer *buffer = open_buffer();
    make_valid(buffer, true);
    begin(buffer)->field[0] = 1;
    peer_tell(socket, 1);
    peer_hear(socket);
}

static void the_death_of_an_owner_ends_validity_and_its_transaction(void) {
    memlane_buffer *buffer = open_buffer();
    struct peer owner = peer_start(own_and_change);
    peer_hear(owner.socket);
    CHECK(is_valid(buffer));

    peer_kill(&owner);

    CHECK_WAIT_UNTIL(!is_valid(buffer)); /* a verdict counts for 50 ms */
    CHECK_EQUAL(0, read_all(buffer));
    write_all(buffer, 5);
    CHECK_EQUAL(5, read_all(buffer));
    memlane_buffer_free(buffer);
    unlink_buffer();
}

/* -- lost locks ---------------------------------------------------------------------------------------------------- */

/* The lock word in the file, as docs/format/buffer.md has it. */
static struct memlane_lock_word *map_lock(void **mapping, size_t *size) {
    struct memlane_header header;
    char path[CHECK_PATH_SIZE + 16];
    snprintf(path, sizeof path, "%s/motor", check_directory);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    CHECK_CALL(descriptor);
    CHECK_EQUAL(sizeof header, pread(descriptor, &header, sizeof header, 0));
    *size = header.total_size;
    *mapping = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    CHECK(*mapping != MAP_FAILED);
    close(descriptor);
    uint64_t offset = header.body_offset + memlane_register_body_size(header.geometry, header.participants_count);
    return (struct memlane_lock_word *)(void *)((char *)*mapping + offset);
}

static void who_was_declared_dead_cannot_replace_what_another_published(void) {
    memlane_buffer *slow = open_buffer(), *other = open_buffer();
    void *mapping;
    size_t size;
    struct memlane_lock_word *lock = map_lock(&mapping, &size);
    begin(slow)->field[0] = 1;

    memlane_lock_clean(lock, 0); /* a wrong verdict on the first endpoint */
    write_all(other, 9);

    CHECK_STATUS(MEMLANE_OWNERSHIP_LOST, memlane_buffer_end(slow, MEMLANE_BUFFER_CHANGED, NULL));
    CHECK_EQUAL(9, read_all(slow));
    write_all(slow, 10);
    CHECK_EQUAL(10, read_all(other));
    CHECK_CALL(munmap(mapping, size));
    memlane_buffer_free(other);
    memlane_buffer_free(slow);
    unlink_buffer();
}

/* -- many at once --------------------------------------------------------------------------------------------------- */

enum { ROUNDS = 5000, WORKERS = 3 };

static void count_in_process(int socket) {
    memlane_buffer *buffer = open_buffer();
    for (int i = 0; i < ROUNDS; i++) {
        struct record *record = begin(buffer);
        for (int field = 0; field < FIELDS; field++) {
            record->field[field]++;
        }
        end(buffer, MEMLANE_BUFFER_CHANGED);
        read_all(buffer);
    }
    memlane_buffer_free(buffer);
    (void)socket;
}

static void no_transaction_is_lost_or_seen_in_part(void) {
    memlane_buffer *buffer = open_buffer();
    struct peer peers[WORKERS];

    for (int i = 0; i < WORKERS; i++) {
        peers[i] = peer_start(count_in_process);
    }
    for (int i = 0; i < ROUNDS; i++) {
        read_all(buffer);
    }
    for (int i = 0; i < WORKERS; i++) {
        PEER_JOIN(&peers[i]);
    }

    CHECK_EQUAL(ROUNDS * WORKERS, read_all(buffer));
    memlane_buffer_free(buffer);
    unlink_buffer();
}

static void *wait_for_change(void *argument) {
    uint64_t newest;
    CHECK_STATUS(MEMLANE_OK, memlane_buffer_wait(argument, 0, check_in_ms(30000), &newest, NULL));
    return NULL;
}

static void a_change_wakes_a_waiter(void) {
    memlane_buffer *buffer = open_buffer();
    pthread_t waiter;
    uint64_t newest;
    CHECK_STATUS(MEMLANE_TIMEOUT, memlane_buffer_wait(buffer, 0, 0, &newest, NULL));
    CHECK_EQUAL(0, pthread_create(&waiter, NULL, wait_for_change, buffer));

    write_all(buffer, 1);

    CHECK_EQUAL(0, pthread_join(waiter, NULL));
    memlane_buffer_close(buffer);
    CHECK_STATUS(MEMLANE_CLOSED, memlane_buffer_wait(buffer, 0, 0, &newest, NULL));
    memlane_buffer_free(buffer);
    unlink_buffer();
}

static const struct check_test tests[] = {
    {"a new buffer is zeros and not valid", a_new_buffer_is_zeros_and_not_valid},
    {"a transaction is seen whole and only when it is kept", a_transaction_is_seen_whole_and_only_when_it_is_kept},
    {"parts end with the outermost", parts_end_with_the_outermost},
    {"another layout is named", another_layout_is_named},
    {"only the owner takes validity back", only_the_owner_takes_validity_back},
    {"the death of an owner ends validity and its transaction",
     the_death_of_an_owner_ends_validity_and_its_transaction},
    {"who was declared dead cannot replace what another published",
     who_was_declared_dead_cannot_replace_what_another_published},
    {"no transaction is lost or seen in part", no_transaction_is_lost_or_seen_in_part},
    {"a change wakes a waiter", a_change_wakes_a_waiter},
};

CHECK_MAIN(tests)
