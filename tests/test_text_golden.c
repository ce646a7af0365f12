/* The paper protocol against Python: cleaned text and words of golden/importance.json, exactly, every case. */
#include <jansson.h>

#include "salient/text.h"
#include "testing.h"

static void check_summary(const sal_text *text, const char *name, const json_t *summary,
                          const json_t *cleaned, const json_t *words) {
    sal_error err = {0};
    sal_word_list list = {0};
    sal_span span;
    const char *bytes = json_string_value(summary);
    assert_ok(sal_text_clean(text, bytes, json_string_length(summary), &span, &err));
    if (span.end - span.start != json_string_length(cleaned) ||
        memcmp(bytes + span.start, json_string_value(cleaned), span.end - span.start) != 0)
        fail_msg("%s: '%s' is cleaned to '%.*s', not '%s'", name, bytes,
                 (int)(span.end - span.start), bytes + span.start, json_string_value(cleaned));
    assert_ok(
        sal_text_words(text, SAL_PAPER, bytes + span.start, span.end - span.start, &list, &err));
    if (list.count != json_array_size(words))
        fail_msg("%s: '%s' has %zu words, not %zu", name, bytes, list.count,
                 json_array_size(words));
    for (size_t i = 0; i < list.count; i++)
        assert_string_equal(list.words[i].bytes, json_string_value(json_array_get(words, i)));
    sal_word_list_free(&list);
}

static void every_case_equals_python(void **state) {
    (void)state;
    sal_error err = {0};
    json_error_t json_error;
    sal_text *text = NULL;
    json_t *root =
        json_load_file(SALIENT_TEST_DATA "/importance.json", JSON_ALLOW_NUL, &json_error);
    assert_non_null(root);
    assert_ok(sal_text_open(&text, &err));
    const json_t *cases = json_object_get(root, "cases");
    assert_true(json_array_size(cases) >= 30);
    for (size_t c = 0; c < json_array_size(cases); c++) {
        const json_t *one = json_array_get(cases, c);
        const json_t *summaries = json_object_get(one, "summaries");
        assert_int_equal(json_array_size(summaries), 10);
        for (size_t i = 0; i < 10; i++)
            check_summary(text, json_string_value(json_object_get(one, "name")),
                          json_array_get(summaries, i),
                          json_array_get(json_object_get(one, "cleaned"), i),
                          json_array_get(json_object_get(one, "words"), i));
    }
    sal_text_close(text);
    json_decref(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case_equals_python)};
    return cmocka_run_group_tests_name("text against Python", tests, NULL, NULL);
}
