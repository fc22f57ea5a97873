/* Hostile bytes in files of every kind, as tools look at them: whatever they say, every look ends with an answer.
 *
 * The input's first byte chooses the kind and what happens while the look goes on:
 *   bits 0-5  the kind
 *   bit 6     the body's words change, by the beginning of the rest
 *   bit 7     the file is cut to the length that the next two bytes say
 * The rest lies over a valid object, from the byte that its own first two bytes name. Found crashes and hangs are findings;
 * wrong facts are not. */
#define _GNU_SOURCE
#include "hostile_file.h"
#include "pose.h"

#include <memlane/memlane.h>

enum { PLACES = 4, SLOTS = 2, SIZE = 64, LANES = 2, WORDS = 1024, COPIED = 256, KIND = 63, CHANGE = 64, CUT = 128 };

static const char name[] = "object";
static const char schema[] = "type motor\nparameter 'duty_cycle', id 0: float, readable";

/* -- a valid object of each kind ------------------------------------------------------------------------------------ */

static void set(memlane_object_options *object) {
    object->directory = hostile_directory;
    object->participants = PLACES;
    object->ephemeral = 0;
}

static memlane_status make_variable(void) {
    memlane_variable_options asked;
    memlane_variable *variable = NULL;
    memlane_format *format = pose_format();
    memlane_variable_options_initialise(&asked);
    set(&asked.object);
    asked.slots = SLOTS;
    asked.format = format;
    memlane_status status = memlane_variable_open(&variable, name, sizeof name - 1, &asked, NULL);
    if (status == MEMLANE_OK) {
        status = memlane_variable_write(variable, &a_pose, sizeof a_pose, MEMLANE_TYPE_STRUCT, 0, NULL);
    }
    memlane_variable_free(variable);
    memlane_format_free(format);
    return status;
}

static memlane_status make_share(void) {
    memlane_share_options asked;
    memlane_share *share = NULL;
    memlane_share_options_initialise(&asked);
    set(&asked.object);
    asked.size = SIZE;
    asked.slots = SLOTS;
    memlane_status status = memlane_share_open(&share, name, sizeof name - 1, &asked, NULL);
    if (status == MEMLANE_OK) {
        status = memlane_share_put(share, "value", 5, 1, NULL, NULL);
    }
    memlane_share_free(share);
    return status;
}

static memlane_status make_channel(void) {
    memlane_channel_options asked;
    memlane_channel *channel = NULL;
    uint64_t written;
    memlane_channel_options_initialise(&asked);
    set(&asked.object);
    asked.capacity = SIZE;
    memlane_status status = memlane_channel_open(&channel, name, sizeof name - 1, MEMLANE_CHANNEL_WRITE, &asked, NULL);
    if (status == MEMLANE_OK) {
        status = memlane_channel_write(channel, "some bytes", 10, 0, &written, NULL);
    }
    memlane_channel_free(channel);
    return status;
}

static memlane_status make_function(void) {
    memlane_function_options asked;
    memlane_function *function = NULL;
    memlane_format *format = pose_format();
    memlane_function_options_initialise(&asked);
    set(&asked.object);
    asked.lanes = LANES;
    asked.slots = SLOTS;
    asked.arguments_format = format;
    memlane_status status = memlane_function_open(&function, name, sizeof name - 1, &asked, NULL);
    memlane_function_free(function);
    memlane_format_free(format);
    return status;
}

static memlane_status make_map(void) {
    memlane_map_options asked;
    memlane_map *map = NULL;
    memlane_map_options_initialise(&asked);
    set(&asked.object);
    asked.size = SIZE;
    memlane_status status = memlane_map_open(&map, name, sizeof name - 1, &asked, NULL);
    memlane_map_free(map);
    return status;
}

/* Its record is then there to be read. */
static memlane_status make_valid(memlane_buffer *buffer) {
    void *record;
    memlane_status status = memlane_buffer_begin(buffer, 0, &record, NULL);
    if (status == MEMLANE_OK) {
        memlane_buffer_set_valid(buffer, true, NULL);
        status = memlane_buffer_end(buffer, MEMLANE_BUFFER_CHANGED, NULL);
    }
    return status;
}

static memlane_status make_buffer(void) {
    memlane_buffer_options asked;
    memlane_buffer *buffer = NULL;
    memlane_buffer_options_initialise(&asked);
    set(&asked.object);
    asked.size = SIZE;
    asked.schema = schema;
    asked.schema_length = sizeof schema - 1;
    memlane_status status = memlane_buffer_open(&buffer, name, sizeof name - 1, &asked, NULL);
    if (status == MEMLANE_OK) {
        status = make_valid(buffer);
    }
    memlane_buffer_free(buffer);
    return status;
}

static memlane_status (*const makers[])(void) = {
    make_variable, make_share, make_channel, make_function, make_map, make_buffer,
};
enum { KINDS = sizeof makers / sizeof makers[0] };

static struct {
    unsigned char bytes[HOSTILE_SIZE];
    size_t size;
} kept[KINDS];

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count;
    (void)arguments;
    hostile_make_directory(name);
    for (size_t kind = 0; kind < KINDS; kind++) {
        if (kind > 0) {
            memlane_platform_close(hostile_object);
            memlane_unlink(hostile_directory, name, sizeof name - 1, 0600, -1, NULL);
        }
        require(makers[kind]() == MEMLANE_OK, "cannot create an object");
        hostile_keep();
        memcpy(kept[kind].bytes, hostile_valid, sizeof hostile_valid);
        kept[kind].size = hostile_size;
    }
    return 0;
}

/* -- looking -------------------------------------------------------------------------------------------------------- */

static void describe(const memlane_inspection *inspection) {
    memlane_inspected_participant participants[PLACES];
    memlane_inspected_object object;
    memlane_error error;
    size_t length;
    memlane_inspect_object(inspection, &object, &error);
    memlane_inspect_participants(inspection, participants, PLACES);
    memlane_inspect_schema(inspection, &length);
    memlane_inspect_format(inspection);
    memlane_inspect_result_format(inspection);
}

static void copy(const memlane_inspection *inspection) {
    unsigned char bytes[COPIED];
    memlane_reading reading;
    memlane_error error;
    uint64_t first;
    size_t size;
    memlane_inspect_read(inspection, bytes, sizeof bytes, &reading, &error);
    memlane_inspect_peek(inspection, 0, bytes, sizeof bytes, &first, &size, &error);
    memlane_inspect_copy(inspection, SIZE / 2, bytes, SIZE / 2, &error);
}

static void look(uint8_t choice, const uint8_t *input, size_t size) {
    memlane_inspection *inspection;
    memlane_error error;
    if (memlane_inspect_open(&inspection, hostile_directory, name, sizeof name - 1, &error) != MEMLANE_OK) {
        return;
    }
    describe(inspection);
    if ((choice & CHANGE) != 0) {
        hostile_change_words(input, size, WORDS);
    }
    copy(inspection);
    if ((choice & CUT) != 0) {
        hostile_cut(input);
    }
    describe(inspection);
    copy(inspection);
    memlane_inspect_close(inspection);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    if (size < 4) {
        return 0;
    }
    size_t kind = (input[0] & KIND) % KINDS;
    memcpy(hostile_valid, kept[kind].bytes, sizeof hostile_valid);
    hostile_size = kept[kind].size;
    hostile_lay_down(input + 1, size - 1);
    look(input[0], input + 1, size - 1);
    return 0;
}
