/* The JSON writer: one spelling per value, read back exactly; and CSV fields. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "testing.h"

#include <jansson.h>

#include "salient/json.h"

static void writes(const char *bytes, size_t length, const char *wanted) {
    sal_buffer buffer = {0};
    const sal_sink sink = sal_buffer_sink(&buffer);
    sal_error err = {0};

    assert_int_equal(sal_json_string(&sink, bytes, length, &err), SAL_OK);
    assert_string_equal(buffer.bytes, wanted);
    sal_buffer_free(&buffer);
}

static void strings_escape_only_what_json_demands(void **state) {
    (void)state;
    writes("", 0, "\"\"");
    writes("plain", 5, "\"plain\"");
    writes("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
    writes("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    writes("\x01\x1F\x7F", 3, "\"\\u0001\\u001f\x7F\"");
    writes("a\0b", 3, "\"a\\u0000b\"");
    writes("été 💡", 10, "\"été 💡\"");
    writes("</script>", 9, "\"</script>\"");
}

static void every_character_reads_back(void **state) {
    char bytes[4 * 1024];
    size_t length = 0;
    sal_buffer buffer = {0};
    const sal_sink sink = sal_buffer_sink(&buffer);

    (void)state;
    for (int byte = 1; byte < 128; byte++) {
        bytes[length++] = (char)byte;
    }
    memcpy(bytes + length, "\xC3\xA9\xE2\x80\xA8\xE2\x80\xA9\xF0\x9F\x92\xA1", 12);
    length += 12;
    for (int html = 0; html < 2; html++) {
        json_t *root = NULL;

        sal_buffer_clear(&buffer);
        assert_int_equal(html ? sal_json_string_html(&sink, bytes, length, NULL)
                              : sal_json_string(&sink, bytes, length, NULL),
                         SAL_OK);
        root = json_loadb(buffer.bytes, buffer.length, JSON_DECODE_ANY, NULL);
        assert_non_null(root);
        assert_int_equal(json_string_length(root), length);
        assert_memory_equal(json_string_value(root), bytes, length);
        json_decref(root);
    }
    /* Nothing that could end a script element, or a line of JavaScript, is left. */
    assert_null(strpbrk(buffer.bytes, "<>&"));
    assert_null(strstr(buffer.bytes, "\xE2\x80"));
    sal_buffer_free(&buffer);
}

static void invalid_utf8_is_refused(void **state) {
    sal_buffer buffer = {0};
    const sal_sink sink = sal_buffer_sink(&buffer);
    sal_error err = {0};

    (void)state;
    assert_int_equal(sal_json_string(&sink, "caf\xE9", 4, &err), SAL_EFORMAT);
    assert_string_equal(err.text, "a text to be written is not valid UTF-8 at byte 3");
    assert_int_equal(buffer.length, 0);
    sal_buffer_free(&buffer);
}

static void spells(double value, const char *wanted) {
    char text[SAL_JSON_DOUBLE_ROOM];

    assert_int_equal(sal_json_format_double(value, text), strlen(wanted));
    assert_string_equal(text, wanted);
}

static void doubles_are_the_shortest_that_read_back(void **state) {
    (void)state;
    spells(0, "0");
    spells(-0.0, "-0");
    spells(1, "1");
    spells(0.1, "0.1");
    spells(0.3, "0.3");
    spells(0.1 + 0.2, "0.30000000000000004");
    spells(1.0 / 3, "0.3333333333333333");
    spells(1e300, "1e+300");
    spells(5e-324, "5e-324");
    spells(DBL_MAX, "1.7976931348623157e+308");
    spells(NAN, "null");
    spells(INFINITY, "null");
    spells(-INFINITY, "null");
}

static void random_doubles_read_back(void **state) {
    uint64_t bits = 0x9E3779B97F4A7C15U;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[SAL_JSON_DOUBLE_ROOM];
        double value = 0;
        double back = 0;

        bits = bits * 6364136223846793005U + 1442695040888963407U;
        memcpy(&value, &bits, sizeof value);
        (void)sal_json_format_double(value, text);
        if (isfinite(value)) {
            back = strtod(text, NULL);
            assert_memory_equal(&back, &value, sizeof value);
        } else {
            assert_string_equal(text, "null");
        }
    }
}

static void keys_and_integers(void **state) {
    sal_buffer buffer = {0};
    const sal_sink sink = sal_buffer_sink(&buffer);

    (void)state;
    assert_int_equal(sal_json_key(&sink, "a\"b", NULL), SAL_OK);
    assert_int_equal(sal_json_integer(&sink, INT64_MIN, NULL), SAL_OK);
    assert_string_equal(buffer.bytes, "\"a\\\"b\":-9223372036854775808");
    sal_buffer_free(&buffer);
}

static void csv_fields_are_quoted_when_they_must_be(void **state) {
    static const char *const cases[][2] = {
        {"plain", "plain"},         {"", "\"\""},       {"a,b", "\"a,b\""},
        {"a\"b", "\"a\"\"b\""},     {"\"", "\"\"\"\""}, {"a\r\nb", "\"a\r\nb\""},
        {" a", "\" a\""},           {"a\t", "\"a\t\""}, {"a\tb", "a\tb"},
        {"\"\"x", "\"\"\"\"\"x\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sal_buffer buffer = {0};
        const sal_sink sink = sal_buffer_sink(&buffer);

        assert_int_equal(sal_csv_field(&sink, cases[i][0], strlen(cases[i][0]), NULL), SAL_OK);
        assert_string_equal(buffer.bytes, cases[i][1]);
        sal_buffer_free(&buffer);
    }
}

static int full(void *context, const char *bytes, size_t length, sal_error *err) {
    size_t *left = context;

    (void)bytes;
    if (length > *left) {
        return sal_fail(err, SAL_EIO, "no space left");
    }
    *left -= length;
    return SAL_OK;
}

/* A sink that fails at any point makes the writer fail with its error. */
static void a_full_sink_is_an_error(void **state) {
    static const char text[] = "one \"two\"\n";

    (void)state;
    for (size_t room = 0; room < sizeof text + 4; room++) {
        size_t left = room;
        size_t left_csv = room;
        const sal_sink sink = {full, &left};
        const sal_sink sink_csv = {full, &left_csv};
        sal_error err = {0};
        const int wanted = room < 15 ? SAL_EIO : SAL_OK;
        const int wanted_csv = room < 14 ? SAL_EIO : SAL_OK;

        assert_int_equal(sal_json_string(&sink, text, sizeof text - 1, &err), wanted);
        assert_int_equal(sal_csv_field(&sink_csv, text, sizeof text - 1, &err), wanted_csv);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_escape_only_what_json_demands),
        cmocka_unit_test(every_character_reads_back),
        cmocka_unit_test(invalid_utf8_is_refused),
        cmocka_unit_test(doubles_are_the_shortest_that_read_back),
        cmocka_unit_test(random_doubles_read_back),
        cmocka_unit_test(keys_and_integers),
        cmocka_unit_test(csv_fields_are_quoted_when_they_must_be),
        cmocka_unit_test(a_full_sink_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
