/* Operations on the ring and the ends of a channel. */
#include "operations.h"

enum { FIRST_PART = 2, SECOND_PART = 1, BOTH_PARTS = FIRST_PART + SECOND_PART };

/* The actor's end, which the harness prepares: private memory of the actor from then on. */
static struct memlane_end end;
static struct memlane_ring ring;

static struct memlane_segment *segment_of(const struct actor *actor) {
    return &scene.endpoint[actor->role].segment;
}

static void locate(const struct actor *actor) {
    struct channelled *channelled = scene_channelled(segment_of(actor));
    ring =
        (struct memlane_ring){.control = &channelled->control, .data = channelled->data, .capacity = CHANNEL_CAPACITY};
}

/* Where the cursors stand, and how much is between them, depends on the state; so do the epochs. Former owners are the
 * dead, where somebody died. */
static void prepare_cursors(const struct actor *actor, uint64_t least, uint64_t most) {
    struct channelled *channelled = scene_channelled(segment_of(actor));
    uint64_t seed = scene.conditions * UINT64_C(2654435761) >> 5;
    uint32_t former = scene.endpoint[DEAD].segment.tag;
    scene.head = seed % 50;
    scene.tail = scene.head + least + seed / 64 % (most - least + 1);
    memlane_store_relaxed(&channelled->control.head, scene.head);
    memlane_store_relaxed(&channelled->control.tail, scene.tail);
    for (uint64_t position = scene.head; position < scene.tail; position++) {
        channelled->data[position % CHANNEL_CAPACITY] = scene_stream_byte(position);
    }
    memlane_store_relaxed(&channelled->control.end[MEMLANE_END_READER], memlane_end_word(seed % 3, former));
    memlane_store_relaxed(&channelled->control.end[MEMLANE_END_WRITER], memlane_end_word(seed % 5, former));
    machine_become(scene.process[actor->role]);
    locate(actor);
}

static memlane_status take_end(const struct actor *actor, enum memlane_end_role role) {
    memlane_status status = memlane_end_claim(&end, ring.control, segment_of(actor), role);
    return status == MEMLANE_OK ? memlane_ring_begin(&ring, role) : status;
}

static void prepare_writing(const struct actor *actor) {
    prepare_cursors(actor, 0, CHANNEL_CAPACITY - BOTH_PARTS);
    SCENE_REQUIRE(take_end(actor, MEMLANE_END_WRITER) == MEMLANE_OK);
}

static void prepare_reading(const struct actor *actor) {
    prepare_cursors(actor, BOTH_PARTS, CHANNEL_CAPACITY);
    SCENE_REQUIRE(take_end(actor, MEMLANE_END_READER) == MEMLANE_OK);
}

static void prepare_claim(const struct actor *actor) {
    prepare_cursors(actor, 0, CHANNEL_CAPACITY - BOTH_PARTS);
}

static void put(uint64_t size) {
    unsigned char bytes[FIRST_PART];
    for (uint64_t i = 0; i < size; i++) {
        bytes[i] = scene_stream_byte(ring.cursor + i);
    }
    memlane_ring_write(&ring, bytes, size);
}

static memlane_status get(uint64_t size) {
    unsigned char bytes[FIRST_PART];
    uint64_t position = ring.cursor;
    memlane_ring_read(&ring, bytes, size);
    for (uint64_t i = 0; i < size; i++) {
        if (bytes[i] != scene_stream_byte(position + i)) {
            return MEMLANE_CORRUPTED;
        }
    }
    return MEMLANE_OK;
}

static void act_write(void *argument) {
    const struct actor *actor = argument;
    struct machine_report *report = operation_begin(actor);
    memlane_status status = memlane_ring_look_for_room(&ring);
    if (status == MEMLANE_OK) {
        put(FIRST_PART);
        put(SECOND_PART);
    }
    operation_end(report, status);
}

static void act_read(void *argument) {
    const struct actor *actor = argument;
    struct machine_report *report = operation_begin(actor);
    memlane_status status = memlane_ring_look_for_bytes(&ring);
    status = status == MEMLANE_OK ? get(FIRST_PART) : status;
    operation_end(report, status == MEMLANE_OK ? get(SECOND_PART) : status);
}

static void act_claim(void *argument) {
    const struct actor *actor = argument;
    locate(actor);
    struct machine_report *report = operation_begin(actor);
    operation_end(report, take_end(actor, MEMLANE_END_READER));
}

/* Those below find what somebody left who was killed before them: as much room, or as many bytes, as there are. */
static void act_take_over(void *argument) {
    const struct actor *actor = argument;
    locate(actor);
    struct machine_report *report = operation_begin(actor);
    memlane_status status = take_end(actor, MEMLANE_END_WRITER);
    if (status == MEMLANE_OK && memlane_ring_room(&ring) >= FIRST_PART) {
        put(FIRST_PART);
        if (memlane_ring_room(&ring) >= SECOND_PART) {
            put(SECOND_PART);
        }
    }
    operation_end(report, status);
}

static void act_drain(void *argument) {
    const struct actor *actor = argument;
    locate(actor);
    struct machine_report *report = operation_begin(actor);
    memlane_status status = take_end(actor, MEMLANE_END_READER);
    if (status == MEMLANE_OK && memlane_ring_filled(&ring) >= FIRST_PART) {
        status = get(FIRST_PART);
        if (status == MEMLANE_OK && memlane_ring_filled(&ring) >= SECOND_PART) {
            status = get(SECOND_PART);
        }
    }
    operation_end(report, status);
}

static void act_give_back(void *argument) {
    const struct actor *actor = argument;
    locate(actor);
    struct machine_report *report = operation_begin(actor);
    memlane_ends_give_back(ring.control, segment_of(actor)->index);
    operation_end(report, MEMLANE_OK);
}

#define SURVIVORS (1u << WRITER | 1u << PINNER)

const struct operation operations_channel[] = {
    {"channel write", STREAMS, SURVIVORS, &scene_states, prepare_writing, act_write},
    {"channel read", STREAMS, SURVIVORS, &scene_states, prepare_reading, act_read},
    {"channel claim", STREAMS, SURVIVORS, &scene_states, prepare_claim, act_claim},
    {"channel take-over", STREAMS, SURVIVORS, &scene_states, prepare_claim, act_take_over},
    {"channel drain", STREAMS, SURVIVORS, &scene_states, prepare_claim, act_drain},
    {"channel close", STREAMS, SURVIVORS, &scene_states, prepare_writing, act_give_back},
};
const uint32_t operations_channel_count = sizeof operations_channel / sizeof *operations_channel;
