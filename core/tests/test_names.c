/* Which names are accepted, what they are as files, and that nothing else is. */
#define _GNU_SOURCE
#include "check.h"

#include "names.h"

static memlane_status parse(struct memlane_object_name *parsed, const char *name, memlane_error *error) {
    return memlane_object_name_parse(parsed, name, strlen(name), error);
}

static void accept(const char *name, const char *text, const char *file) {
    struct memlane_object_name parsed;
    memlane_error error;
    CHECK_OK(parse(&parsed, name, &error), &error);
    CHECK_STRING(text, parsed.text);
    CHECK_STRING(file, parsed.file);
}

static void refuse(const char *name, size_t length, const char *reason) {
    struct memlane_object_name parsed;
    memlane_error error;
    memlane_status status = memlane_object_name_parse(&parsed, name, length, &error);
    CHECK_FAILURE(MEMLANE_INVALID_NAME, reason, status, &error);
}

static void plain_names_are_their_own_files(void) {
    accept("pose", "pose", "pose");
    accept("Camera-2_left.rgb", "Camera-2_left.rgb", "Camera-2_left.rgb");
    accept("a", "a", "a");
}

static void one_leading_slash_is_ignored(void) {
    accept("/my_share", "my_share", "my_share");
    refuse("//my_share", 10, "contains a '/'");
    refuse("/", 1, "is empty");
}

static void other_bytes_are_percent_encoded(void) {
    accept("two words", "two words", "two%20words");
    accept("100%", "100%", "100%25");
    accept("\xc3\xa4", "\xc3\xa4", "%C3%A4");
    accept("\xf0\x9f\xa4\x96", "\xf0\x9f\xa4\x96", "%F0%9F%A4%96");
    accept("tab\t", "tab\t", "tab%09");
}

static void names_that_could_lead_elsewhere_are_refused(void) {
    refuse("", 0, "is empty");
    refuse("a/b", 3, "contains a '/'");
    refuse("a\0b", 3, "contains a NUL");
    refuse(".", 1, "begins with a '.'");
    refuse("..", 2, "begins with a '.'");
    refuse(".hidden", 7, "begins with a '.'");
    refuse("/.hidden", 8, "begins with a '.'");
}

/* RFC 3629, each way to be wrong once. */
static void what_is_not_utf8_is_refused(void) {
    static const char *const wrong[] = {
        "\x80",             /* a continuation alone */
        "\xc3",             /* cut short */
        "\xe2\x82",         /* cut short */
        "\xf0\x9f\xa4",     /* cut short */
        "\xc3\x28",         /* no continuation */
        "\xc0\xaf",         /* '/' in two bytes */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80", /* no such lead */
        "\xff",             /* never a byte of UTF-8 */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refuse(wrong[i], strlen(wrong[i]), "is not UTF-8");
    }
}

static void the_edges_of_utf8_are_accepted(void) {
    accept("\xc2\x80", "\xc2\x80", "%C2%80");
    accept("\xed\x9f\xbf", "\xed\x9f\xbf", "%ED%9F%BF");
    accept("\xe0\xa0\x80", "\xe0\xa0\x80", "%E0%A0%80");
    accept("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "%F4%8F%BF%BF");
}

static void lengths_end_where_the_rules_say(void) {
    char name[MEMLANE_NAME_MAXIMUM + 2] = "/";
    struct memlane_object_name parsed;
    memlane_error error;

    memset(name + 1, 'n', MEMLANE_NAME_MAXIMUM);
    CHECK_OK(parse(&parsed, name, &error), &error);
    CHECK_EQUAL(MEMLANE_NAME_MAXIMUM, strlen(parsed.file));

    memset(name, 'n', MEMLANE_NAME_MAXIMUM + 1);
    refuse(name, MEMLANE_NAME_MAXIMUM + 1, "is too long");
}

static void names_whose_encoding_fits_no_file_are_refused(void) {
    char name[MEMLANE_NAME_MAXIMUM + 1] = {0};
    struct memlane_object_name parsed;
    memlane_error error;

    memset(name, ' ', 85); /* 255 bytes once encoded */
    CHECK_OK(parse(&parsed, name, &error), &error);
    CHECK_EQUAL(255, strlen(parsed.file));

    name[85] = 'n';
    CHECK_FAILURE(MEMLANE_INVALID_NAME, "does not fit a file name of 255 bytes", parse(&parsed, name, &error), &error);
}

static void every_refusal_says_the_rules(void) {
    refuse("a/b", 3, "1 to 200 bytes of UTF-8");
    refuse("a/b", 3, "'a/b' (3 bytes)");
}

static void files_lead_back_to_names(void) {
    static const char *const names[] = {"pose", "two words", "100%", "\xc3\xa4", "a\x7f"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct memlane_object_name parsed, back;
        memlane_error error;
        CHECK_OK(parse(&parsed, names[i], &error), &error);
        CHECK(memlane_object_name_from_file(&back, parsed.file));
        CHECK_STRING(names[i], back.text);
    }
}

static void files_that_no_name_encodes_to_are_nobodys(void) {
    static const char *const foreign[] = {"",       ".participants", "two words", "%2Fa", "%",   "%4",    "%GG",
                                          "%c3%a4", "%41",           "%00",       "..",   "%FF", "%2E%2E"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        struct memlane_object_name parsed;
        if (memlane_object_name_from_file(&parsed, foreign[i])) {
            CHECK_FAIL("'%s' was taken for the file of '%s'", foreign[i], parsed.text);
        }
    }
}

static const struct check_test tests[] = {
    {"plain names are their own files", plain_names_are_their_own_files},
    {"one leading slash is ignored", one_leading_slash_is_ignored},
    {"other bytes are percent-encoded", other_bytes_are_percent_encoded},
    {"names that could lead elsewhere are refused", names_that_could_lead_elsewhere_are_refused},
    {"what is not UTF-8 is refused", what_is_not_utf8_is_refused},
    {"the edges of UTF-8 are accepted", the_edges_of_utf8_are_accepted},
    {"lengths end where the rules say", lengths_end_where_the_rules_say},
    {"names whose encoding fits no file are refused", names_whose_encoding_fits_no_file_are_refused},
    {"every refusal says the rules", every_refusal_says_the_rules},
    {"files lead back to names", files_lead_back_to_names},
    {"files that no name encodes to are nobody's", files_that_no_name_encodes_to_are_nobodys},
};

CHECK_MAIN(tests)
