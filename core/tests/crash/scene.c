#include "scene.h"

#include "participant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scene scene;

void scene_give_up(const char *what, int line) {
    char text[SCENE_DESCRIPTION_SIZE];
    scene_describe(scene.conditions, text);
    fprintf(stderr, "crash: the scene (%s) cannot be built, line %d: %s\n", text, line, what);
    exit(2);
}

/* -- the object: a register, and two locks in the last bytes of its last page ------------------------------------- */

struct guarded *scene_guarded(const struct memlane_segment *segment) {
    return (struct guarded *)(void *)(segment->base + segment->size - sizeof(struct guarded));
}

struct shared_guarded *scene_shared_guarded(const struct memlane_segment *segment) {
    enum { FROM_THE_END = 1024 };
    _Static_assert(sizeof(struct shared_guarded) + sizeof(struct guarded) <= FROM_THE_END, "they do not overlap");
    return (struct shared_guarded *)(void *)(segment->base + segment->size - FROM_THE_END);
}

struct memlane_rwlock scene_rwlock(struct memlane_segment *segment) {
    struct shared_guarded *shared = scene_shared_guarded(segment);
    return (struct memlane_rwlock){.segment = segment,
                                   .control = &shared->control,
                                   .flag = shared->flag,
                                   .participants = segment->header.participants_count};
}

struct channelled *scene_channelled(const struct memlane_segment *segment) {
    enum { ROOM = 256 };
    _Static_assert(sizeof(struct channelled) <= ROOM, "it fits");
    return (struct channelled *)(void *)((unsigned char *)scene_guarded(segment) - ROOM);
}

unsigned char scene_stream_byte(uint64_t position) {
    return (unsigned char)(position * 7 + 1);
}

struct memlane_participant_entry *scene_entry(const struct memlane_segment *segment, uint32_t index) {
    return (struct memlane_participant_entry *)(void *)(segment->base + segment->header.participants_offset) + index;
}

static void clean(struct memlane_segment *segment, uint32_t index) {
    memlane_custody_clean(segment, index);
    memlane_lock_clean(&scene_guarded(segment)->lock, index);
    struct memlane_rwlock lock = scene_rwlock(segment);
    memlane_rwlock_clean(&lock, index);
    memlane_ends_give_back(&scene_channelled(segment)->control, index);
}

const struct memlane_kind scene_kind = {.code = MEMLANE_KIND_VARIABLE,
                                        .body_size = memlane_register_body_size,
                                        .clean = clean,
                                        .inherit = memlane_custody_inherit,
                                        .adopt = memlane_custody_adopt,
                                        .next_view = memlane_custody_next_view};

static const unsigned char schema[SCENE_SCHEMA_BYTES] = "a schema that nobody reads";

struct memlane_request scene_request(uint32_t conditions, bool create) {
    struct memlane_request request = {
        .kind = &scene_kind,
        .sharing = {.permissions = 0600, .peer_user = -1},
        .participants = (conditions & FEW_PLACES) != 0 ? 3 : SCENE_PARTICIPANTS,
        .schema = schema,
        .schema_length = (conditions & WITH_SCHEMA) != 0 ? SCENE_SCHEMA_BYTES : 0,
        .create = create,
        .ephemeral = (conditions & EPHEMERAL) != 0,
    };
    memlane_register_shape(request.geometry, (conditions & FEW_SLOTS) != 0 ? 4 : SCENE_SLOTS, SCENE_CAPACITY);
    SCENE_REQUIRE(memlane_object_name_parse(&request.name, SCENE_OBJECT, strlen(SCENE_OBJECT), NULL) == MEMLANE_OK);
    return request;
}

/* -- what the roles do --------------------------------------------------------------------------------------- */

struct endpoint *scene_become(enum role role) {
    machine_become(scene.process[role]);
    return &scene.endpoint[role];
}

memlane_status scene_open(enum role role, bool create, memlane_error *error) {
    struct endpoint *endpoint = scene_become(role);
    struct memlane_request request = scene_request(scene.conditions, create);
    memlane_status status = memlane_segment_open(&endpoint->segment, &request, error);
    if (status == MEMLANE_OK) {
        status = memlane_register_bind(&endpoint->reg, &endpoint->segment, error);
        endpoint->open = status == MEMLANE_OK;
        endpoint->taking = (struct memlane_taking){
            .reg = &endpoint->reg,
            .control = (void *)(endpoint->segment.base + endpoint->segment.size - (size_t)2 * MEMLANE_LINE)};
    }
    return status;
}

void scene_close(enum role role) {
    struct endpoint *endpoint = scene_become(role);
    memlane_segment_close(&endpoint->segment);
    memlane_register_unbind(&endpoint->reg);
    endpoint->open = false;
}

void scene_fill(unsigned char *bytes, uint64_t value) {
    for (uint64_t word = 0; word < SCENE_WORDS; word++) {
        uint64_t mixed = value * 1000 + word;
        memcpy(bytes + word * sizeof mixed, &mixed, sizeof mixed);
    }
}

bool scene_is_whole(const unsigned char *bytes, uint64_t *value) {
    uint64_t words[SCENE_WORDS];
    memcpy(words, bytes, sizeof words);
    *value = words[0] / 1000;
    for (uint64_t word = 0; word < SCENE_WORDS; word++) {
        if (words[word] != *value * 1000 + word) {
            return false;
        }
    }
    return true;
}

memlane_status scene_write(enum role role, uint64_t value) {
    struct endpoint *endpoint = scene_become(role);
    struct memlane_claim claim;
    uint64_t version;
    memlane_status status = memlane_register_claim(&endpoint->reg, &claim);
    if (status != MEMLANE_OK) {
        return status;
    }
    scene_fill(claim.bytes, value);
    return memlane_register_commit(&endpoint->reg, &claim, SCENE_WORDS * sizeof(uint64_t), SCENE_TYPE, &version);
}

memlane_status scene_take_loan(enum role role, uint64_t value) {
    struct endpoint *endpoint = scene_become(role);
    struct memlane_claim *loan = &endpoint->loan[endpoint->loans];
    memlane_status status = memlane_register_claim(&endpoint->reg, loan);
    if (status == MEMLANE_OK) {
        scene_fill(loan->bytes, value);
        endpoint->loan_value[endpoint->loans++] = value;
    }
    return status;
}

memlane_status scene_commit_loan(enum role role) {
    struct endpoint *endpoint = scene_become(role);
    uint64_t version;
    endpoint->loans--;
    return memlane_register_commit(&endpoint->reg, &endpoint->loan[endpoint->loans], SCENE_WORDS * sizeof(uint64_t),
                                   SCENE_TYPE, &version);
}

void scene_drop_loan(enum role role) {
    struct endpoint *endpoint = scene_become(role);
    endpoint->loans--;
    memlane_register_drop(&endpoint->reg, &endpoint->loan[endpoint->loans]);
}

memlane_status scene_read(enum role role, uint64_t *value) {
    const struct endpoint *endpoint = scene_become(role);
    struct memlane_glance glance;
    memlane_status status = memlane_register_glance(&endpoint->reg, &glance);
    if (status != MEMLANE_OK) {
        return status;
    }
    bool whole = scene_is_whole(glance.bytes, value) && glance.length == SCENE_WORDS * sizeof(uint64_t) &&
                 glance.type == SCENE_TYPE;
    return whole && memlane_register_still(&endpoint->reg, &glance) ? MEMLANE_OK : MEMLANE_CORRUPTED;
}

memlane_status scene_get(enum role role, uint64_t *value, uint64_t *version) {
    uint64_t latest;
    const struct endpoint *endpoint = scene_become(role);
    memlane_status status = memlane_taking_look(&endpoint->taking, &latest);
    if (status == MEMLANE_OK) {
        status = scene_read(role, value);
    }
    *version = memlane_word_version(latest);
    return status == MEMLANE_OK ? memlane_taking_take(&endpoint->taking, *version) : status;
}

memlane_status scene_pin(enum role role) {
    struct endpoint *endpoint = scene_become(role);
    struct memlane_glance glance;
    memlane_status status = memlane_register_pin(&endpoint->reg, &glance, &endpoint->pin);
    endpoint->has_pin = status == MEMLANE_OK;
    endpoint->pinned = endpoint->has_pin ? glance.bytes : NULL;
    if (endpoint->has_pin && !scene_is_whole(endpoint->pinned, &endpoint->pinned_value)) {
        return MEMLANE_CORRUPTED;
    }
    return status;
}

void scene_unpin(enum role role) {
    struct endpoint *endpoint = scene_become(role);
    memlane_register_unpin(&endpoint->reg, endpoint->pin);
    endpoint->has_pin = false;
}

struct memlane_transaction scene_transaction(enum role role, unsigned char *record) {
    struct endpoint *endpoint = &scene.endpoint[role];
    return (struct memlane_transaction){.reg = &endpoint->reg,
                                        .lock = &scene_guarded(&endpoint->segment)->lock,
                                        .size = SCENE_LENGTH,
                                        .type = SCENE_TYPE,
                                        .record = record};
}

bool scene_holdings_are_whole(enum role role) {
    const struct endpoint *endpoint = &scene.endpoint[role];
    uint64_t value;
    bool whole = !endpoint->has_pin || (scene_is_whole(endpoint->pinned, &value) && value == endpoint->pinned_value);
    for (uint32_t loan = 0; loan < endpoint->loans; loan++) {
        whole = whole && scene_is_whole(endpoint->loan[loan].bytes, &value) && value == endpoint->loan_value[loan];
    }
    return whole;
}
