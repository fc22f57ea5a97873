/* Formats of calls: structs go both ways, and who declares others is told of the field. */
#define _GNU_SOURCE
#include "check.h"
#include "function_object.h"

#include "lane.h"
#include "signature.h"

struct pose {
    double x, y;
    float yaw;
    uint32_t camera;
};

struct verdict {
    int64_t label;
    double score;
};

static const memlane_field pose_fields[] = {
    MEMLANE_FIELD(struct pose, x, MEMLANE_FLOAT64),
    MEMLANE_FIELD(struct pose, y, MEMLANE_FLOAT64),
    MEMLANE_FIELD(struct pose, yaw, MEMLANE_FLOAT32),
    MEMLANE_FIELD(struct pose, camera, MEMLANE_UINT32),
};

static const memlane_field verdict_fields[] = {
    MEMLANE_FIELD(struct verdict, label, MEMLANE_INT64),
    MEMLANE_FIELD(struct verdict, score, MEMLANE_FLOAT64),
};

static memlane_format *format_of(uint64_t size, const memlane_field *fields, size_t count) {
    memlane_format *format = NULL;
    memlane_error error;
    CHECK_OK(memlane_format_create(&format, size, fields, count, &error), &error);
    return format;
}

static memlane_format *pose_format(void) {
    return format_of(sizeof(struct pose), pose_fields, 4);
}

static memlane_format *verdict_format(void) {
    return format_of(sizeof(struct verdict), verdict_fields, 2);
}

static memlane_function *judge_open(void) {
    memlane_function_options options = function_options();
    memlane_format *arguments = pose_format(), *result = verdict_format();
    options.arguments_format = arguments;
    options.result_format = result;
    memlane_function *function = function_open_with("judge", &options);
    memlane_format_free(arguments);
    memlane_format_free(result);
    return function;
}

/* -- calls of a format ---------------------------------------------------------------------------------------------- */

static memlane_call post_pose(memlane_function *function, double x) {
    struct pose pose = {.x = x, .camera = 3};
    memlane_call call;
    memlane_error error;
    CHECK_OK(memlane_call_begin(function, &call, check_in_ms(20000), &error), &error);
    CHECK_EQUAL(sizeof pose, call.capacity);
    memcpy(call.bytes, &pose, sizeof pose);
    CHECK_OK(memlane_call_post(&call, sizeof pose, MEMLANE_TYPE_STRUCT, &error), &error);
    return call;
}

static void a_struct_goes_there_and_another_comes_back(void) {
    memlane_function *function = judge_open(), *adopting = function_open("judge");
    memlane_dispatcher *dispatcher = function_dispatcher(adopting);
    struct verdict verdict = {.label = 7, .score = 0.5}, found;
    struct pose pose;
    memlane_answer answer;
    memlane_error error;

    memlane_call call = post_pose(function, 1.5);
    memlane_task task = function_take(dispatcher);
    CHECK_EQUAL(MEMLANE_TYPE_STRUCT, task.type);
    memcpy(&pose, task.bytes, sizeof pose);
    CHECK(pose.x == 1.5 && pose.camera == 3);
    memcpy(task.response, &verdict, sizeof verdict);
    CHECK_OK(memlane_task_respond(&task, sizeof verdict, MEMLANE_TYPE_STRUCT, &error), &error);

    CHECK_OK(memlane_call_wait(&call, check_in_ms(20000), &answer, &error), &error);
    CHECK_EQUAL(sizeof verdict, answer.size);
    memcpy(&found, answer.bytes, sizeof found);
    CHECK(found.label == 7 && found.score == 0.5);
    memlane_call_end(&call);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(adopting);
    memlane_function_free(function);
    function_unlink("judge");
}

static void an_error_needs_no_format(void) {
    memlane_function *function = judge_open();
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_answer answer;
    memlane_error error;
    memlane_call call = post_pose(function, 0);
    memlane_task task = function_take(dispatcher);
    CHECK_OK(memlane_task_fail(&task, "no such camera", NULL, 0, 0, &error), &error);

    CHECK_OK(memlane_call_wait(&call, check_in_ms(20000), &answer, &error), &error);

    CHECK(answer.failed);
    CHECK_STRING("no such camera", (const char *)answer.bytes);
    memlane_call_end(&call);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("judge");
}

static void what_is_not_of_the_format_is_refused_where_it_is(void) {
    memlane_function *function = judge_open();
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    struct verdict verdict = {.label = 1};
    memlane_answer answer;
    memlane_call call;
    memlane_error error;
    CHECK_OK(memlane_call_begin(function, &call, 0, &error), &error);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT,
                  "its arguments have a format: 8 bytes of type mark 5 were given, they are the 24",
                  memlane_call_post(&call, 8, MEMLANE_TYPE_STRUCT, &error), &error);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT, "24 bytes of type mark 0 were given",
                  memlane_call_post(&call, sizeof(struct pose), 0, &error), &error);
    CHECK_OK(memlane_call_post(&call, sizeof(struct pose), MEMLANE_TYPE_STRUCT, &error), &error);

    memlane_task task = function_take(dispatcher);
    CHECK_FAILURE(MEMLANE_INVALID_ARGUMENT,
                  "its results have a format: 0 bytes of type mark 5 were given, they are the 16",
                  memlane_task_respond(&task, 0, MEMLANE_TYPE_STRUCT, &error), &error);
    memcpy(task.response, &verdict, sizeof verdict);
    CHECK_OK(memlane_task_respond(&task, sizeof verdict, MEMLANE_TYPE_STRUCT, &error), &error);
    CHECK_OK(memlane_call_wait(&call, check_in_ms(20000), &answer, &error), &error);
    memlane_call_end(&call);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("judge");
}

/* -- who declares what ---------------------------------------------------------------------------------------------- */

static void expect_refusal(const memlane_function_options *options, memlane_status status, const char *text) {
    memlane_function *function;
    memlane_error error;
    CHECK_FAILURE(status, text, memlane_function_open(&function, "judge", 5, options, &error), &error);
}

static void another_format_is_refused_with_side_and_field_named(void) {
    memlane_field fields[] = {verdict_fields[0], verdict_fields[1]};
    memlane_function *function = judge_open();
    memlane_function_options options = function_options();
    fields[1].code = MEMLANE_INT64;
    memlane_format *other = format_of(sizeof(struct verdict), fields, 2);

    options.result_format = other;
    expect_refusal(&options, MEMLANE_SCHEMA_MISMATCH, "of its results, field `score`: int64 here, float64 there");
    options = function_options();
    options.arguments_format = other;
    expect_refusal(&options, MEMLANE_SCHEMA_MISMATCH, "of its arguments, ");

    memlane_format_free(other);
    memlane_function_free(function);
    function_unlink("judge");
}

static void a_format_is_refused_by_a_function_without_one(void) {
    memlane_function *function = function_open("judge");
    memlane_function_options options = function_options();
    memlane_format *format = pose_format();
    options.arguments_format = format;
    expect_refusal(&options, MEMLANE_SCHEMA_MISMATCH,
                   "of its arguments, 4 fields in 24 bytes here, values of any type there");
    memlane_format_free(format);
    memlane_function_free(function);
    function_unlink("judge");
}

static void a_size_beside_a_format_must_be_its_own(void) {
    memlane_function_options options = function_options();
    memlane_format *format = pose_format();
    options.arguments_format = format;
    options.max_arguments = 4096;
    expect_refusal(&options, MEMLANE_INVALID_ARGUMENT,
                   "max_sz_args=4096 was asked for, and a format whose struct takes 24 bytes: leave max_sz_args out");
    options = function_options();
    options.result_format = format;
    options.max_result = 0;
    expect_refusal(&options, MEMLANE_INVALID_ARGUMENT, "max_sz_ret=0 was asked for, and a format");
    memlane_format_free(format);
}

static void formats_are_told_to_who_asks(void) {
    memlane_function_options options = function_options();
    memlane_format *format = pose_format();
    memlane_function_properties properties;
    options.arguments_format = format;
    options.max_result = 0;
    memlane_function *function = function_open_with("judge", &options);
    memlane_function_describe(function, &properties);
    CHECK_EQUAL(24, properties.max_arguments);
    CHECK_EQUAL(4, memlane_format_count(properties.arguments_format));
    CHECK(properties.result_format == NULL);
    memlane_format_free(format);
    memlane_function_free(function);
    function_unlink("judge");
}

/* -- damage --------------------------------------------------------------------------------------------------------- */

static void every_length_and_every_changed_byte_of_a_schema_is_survived(void) {
    memlane_format *arguments = pose_format(), *result = verdict_format();
    const struct memlane_kind kind = {.code = MEMLANE_KIND_FUNCTION};
    struct memlane_request request = {.kind = &kind, .name = {.text = "judge"}};
    struct memlane_header found = {0};
    struct memlane_signature asked = {.arguments = arguments, .result = result};
    memlane_error error;
    CHECK_OK(memlane_signature_encode(&request, asked, &error), &error);
    uint32_t length = request.schema_length;
    unsigned char *schema = (unsigned char *)(uintptr_t)request.schema;
    for (uint32_t cut = 1; cut < length; cut++) {
        unsigned char *part = malloc(cut); /* a heap of its own: a sanitizer sees each byte beyond it */
        CHECK(part != NULL);
        memcpy(part, schema, cut);
        found.schema_length = cut;
        CHECK_STATUS(MEMLANE_CORRUPTED, memlane_signature_agree(&request, asked, &found, part, &error));
        free(part);
    }
    found.schema_length = length;
    for (uint32_t at = 0; at < 8 * length; at++) {
        schema[at / 8] ^= (unsigned char)(1 << at % 8);
        memlane_status status = memlane_signature_agree(&request, asked, &found, schema, &error);
        CHECK(status == MEMLANE_OK || status == MEMLANE_CORRUPTED || status == MEMLANE_SCHEMA_MISMATCH);
        schema[at / 8] ^= (unsigned char)(1 << at % 8);
    }
    CHECK_OK(memlane_signature_agree(&request, asked, &found, schema, &error), &error);
    free(schema);
    memlane_format_free(arguments);
    memlane_format_free(result);
}

static void a_payload_that_is_not_of_the_format_is_damage(void) {
    memlane_function *function = judge_open();
    memlane_dispatcher *dispatcher = function_dispatcher(function);
    memlane_task task;
    memlane_answer answer;
    memlane_error error;
    struct memlane_lanes lanes;
    memlane_call call = post_pose(function, 0);
    memlane_lanes_locate(&lanes, &((struct memlane_endpoint *)function)->segment);
    struct memlane_call_slot *slot = memlane_lanes_slot(&lanes, 0, 0);
    memlane_store_relaxed(&slot->request, UINT64_C(8) << 24 | MEMLANE_TYPE_STRUCT);

    CHECK_FAILURE(MEMLANE_CORRUPTED, "the words of a request contradict the object",
                  memlane_dispatcher_take(dispatcher, NULL, check_in_ms(20000), &task, &error), &error);
    CHECK_OK(memlane_call_wait(&call, check_in_ms(20000), &answer, &error), &error);
    CHECK(answer.failed);
    memlane_store_relaxed(&slot->response, UINT64_C(8) << 24 | MEMLANE_TYPE_STRUCT);
    CHECK_FAILURE(MEMLANE_CORRUPTED, "the words of a response contradict the object",
                  memlane_call_wait(&call, 0, &answer, &error), &error);

    memlane_call_end(&call);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    function_unlink("judge");
}

static const struct check_test tests[] = {
    {"a struct goes there and another comes back", a_struct_goes_there_and_another_comes_back},
    {"an error needs no format", an_error_needs_no_format},
    {"what is not of the format is refused where it is", what_is_not_of_the_format_is_refused_where_it_is},
    {"another format is refused with side and field named", another_format_is_refused_with_side_and_field_named},
    {"a format is refused by a function without one", a_format_is_refused_by_a_function_without_one},
    {"a size beside a format must be its own", a_size_beside_a_format_must_be_its_own},
    {"formats are told to who asks", formats_are_told_to_who_asks},
    {"every length and every changed byte of a schema is survived",
     every_length_and_every_changed_byte_of_a_schema_is_survived},
    {"a payload that is not of the format is damage", a_payload_that_is_not_of_the_format_is_damage},
};

CHECK_MAIN(tests)
