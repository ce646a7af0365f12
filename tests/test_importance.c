/* Importance of one document's words: golden values of the paper protocol, each deviation of the strict one, invariances. */
#include <jansson.h>

#include "salient/importance.h"
#include "testing.h"

static int set_up(void **state) {
    sal_text *text = NULL;
    sal_error err = {0};
    int status = sal_text_open(&text, &err);
    *state = text;
    return status;
}

static int tear_down(void **state) {
    sal_text_close(*state);
    return 0;
}

/* ---- helpers ----------------------------------------------------------------------------------------------- */

static const sal_importance_row *find(const sal_importance_list *list, const char *word) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->rows[i].word, word) == 0)
            return &list->rows[i];
    return NULL;
}

static void expect_count(const sal_importance_list *list, const char *word, int64_t count) {
    const sal_importance_row *row = find(list, word);
    if (row == NULL) {
        fail_msg("'%s' has no row", word);
        return;
    }
    if (row->count != count || row->of != list->of)
        fail_msg("'%s' is %lld of %lld, not %lld of %lld", word, (long long)row->count,
                 (long long)row->of, (long long)count, (long long)list->of);
}

static sal_importance_input summary(const char *text, sal_status status) {
    return (sal_importance_input){text, strlen(text), status};
}

static sal_importance_list *compute(const sal_text *text, sal_protocol protocol,
                                    const char *document, const sal_importance_input *summaries,
                                    size_t count) {
    sal_error err = {0};
    sal_importance_list *list = NULL;
    assert_ok(sal_importance_compute(text, protocol, NULL, document,
                                     document == NULL ? 0 : strlen(document), summaries, count,
                                     &list, &err));
    for (size_t i = 1; i < list->count; i++)
        assert_true(strcmp(list->rows[i - 1].word, list->rows[i].word) < 0);
    return list;
}

/* ---- paper ------------------------------------------------------------------------------------------------- */

static void check_case(const sal_text *text, const json_t *one) {
    sal_error err = {0};
    sal_importance_input inputs[10];
    sal_importance_list *list = NULL;
    const char *name = json_string_value(json_object_get(one, "name"));
    const json_t *summaries = json_object_get(one, "summaries");
    const json_t *counts = json_object_get(one, "counts");
    const json_t *importance = json_object_get(one, "importance");
    for (size_t i = 0; i < 10; i++) {
        const json_t *string = json_array_get(summaries, i);
        inputs[i] = (sal_importance_input){json_string_value(string), json_string_length(string),
                                           i % 2 == 0 ? SAL_STATUS_OK : SAL_STATUS_FAILED};
    }
    assert_ok(sal_importance_compute(text, SAL_PAPER, NULL, NULL, 0, inputs, 10, &list, &err));
    if (list->count != json_object_size(counts))
        fail_msg("%s: %zu words, not %zu", name, list->count, json_object_size(counts));
    for (size_t i = 0; i < list->count; i++) {
        const sal_importance_row *row = &list->rows[i];
        assert_int_equal(row->count, json_integer_value(json_object_get(counts, row->word)));
        assert_int_equal(row->of, 10);
        assert_close((double)row->count / (double)row->of,
                     json_number_value(json_object_get(importance, row->word)), 0, 0);
    }
    sal_importance_list_free(list);
}

static void paper_equals_the_golden_importance(void **state) {
    json_error_t json_error;
    json_t *root =
        json_load_file(SALIENT_TEST_DATA "/importance.json", JSON_ALLOW_NUL, &json_error);
    assert_non_null(root);
    const json_t *cases = json_object_get(root, "cases");
    assert_true(json_array_size(cases) >= 30);
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(*state, json_array_get(cases, i));
    json_decref(root);
}

static void paper_counts_every_record_and_only_words_of_summaries(void **state) {
    const sal_importance_input summaries[] = {summary("Rain today", SAL_STATUS_OK),
                                              summary("[Error: timeout]", SAL_STATUS_FAILED),
                                              summary("", SAL_STATUS_REFUSED)};
    sal_importance_list *list = compute(*state, SAL_PAPER, "Rain fell. It rained.", summaries, 3);
    assert_int_equal(list->count, 4);
    assert_int_equal(list->of, 3);
    expect_count(list, "error", 1);
    expect_count(list, "rain", 1);
    assert_true(find(list, "rain")->in_document);
    assert_false(find(list, "today")->in_document);
    sal_importance_list_free(list);
}

/* ---- strict, deviation by deviation ------------------------------------------------------------------------ */

static void strict_counts_only_what_was_written(void **state) {
    const sal_importance_input summaries[] = {
        summary("Rain today", SAL_STATUS_OK), summary("Rain and", SAL_STATUS_TRUNCATED),
        summary("[Error: timeout]", SAL_STATUS_FAILED), summary("I cannot", SAL_STATUS_REFUSED)};
    sal_importance_list *list = compute(*state, SAL_STRICT, NULL, summaries, 4);
    assert_int_equal(list->of, 2);
    assert_int_equal(list->count, 3);
    expect_count(list, "rain", 2);
    expect_count(list, "and", 1);
    sal_importance_list_free(list);
}

static void strict_gives_the_words_no_summary_keeps_a_zero(void **state) {
    const sal_importance_input summaries[] = {summary("Rain tomorrow", SAL_STATUS_OK)};
    sal_importance_list *list = compute(*state, SAL_STRICT, "Rain fell; rain!", summaries, 1);
    assert_int_equal(list->count, 3);
    expect_count(list, "rain", 1);
    expect_count(list, "fell", 0);
    expect_count(list, "tomorrow", 1);
    assert_true(find(list, "fell")->in_document);
    assert_false(find(list, "tomorrow")->in_document);
    sal_importance_list_free(list);
}

static void strict_meets_composed_and_decomposed_spellings(void **state) {
    const sal_importance_input summaries[] = {summary("Café", SAL_STATUS_OK),
                                              summary("cafe\xCC\x81", SAL_STATUS_OK)};
    sal_importance_list *strict = compute(*state, SAL_STRICT, "CAFE\xCC\x81", summaries, 2);
    sal_importance_list *paper = compute(*state, SAL_PAPER, "CAFE\xCC\x81", summaries, 2);
    assert_int_equal(strict->count, 1);
    expect_count(strict, "café", 2);
    assert_true(strict->rows[0].in_document);
    expect_count(paper, "café", 1);
    expect_count(paper, "cafe", 1);
    sal_importance_list_free(strict);
    sal_importance_list_free(paper);
}

static void strict_meets_straight_and_curly_apostrophes(void **state) {
    const sal_importance_input summaries[] = {summary("It's", SAL_STATUS_OK),
                                              summary("It’s", SAL_STATUS_OK)};
    sal_importance_list *strict = compute(*state, SAL_STRICT, NULL, summaries, 2);
    sal_importance_list *paper = compute(*state, SAL_PAPER, NULL, summaries, 2);
    assert_int_equal(strict->count, 1);
    expect_count(strict, "it's", 2);
    expect_count(paper, "it's", 1);
    expect_count(paper, "s", 1);
    sal_importance_list_free(strict);
    sal_importance_list_free(paper);
}

static void without_a_counting_summary_importance_is_undefined(void **state) {
    const sal_importance_input summaries[] = {summary("[Error]", SAL_STATUS_FAILED)};
    sal_importance_list *list = compute(*state, SAL_STRICT, "Rain fell.", summaries, 1);
    assert_int_equal(list->of, 0);
    assert_int_equal(list->count, 0);
    sal_importance_list_free(list);
    list = compute(*state, SAL_PAPER, "Rain fell.", NULL, 0);
    assert_int_equal(list->of, 0);
    assert_int_equal(list->count, 0);
    sal_importance_list_free(list);
}

/* ---- content words ----------------------------------------------------------------------------------------- */

static void expect_content(const sal_text *text, const char *language, const char *given,
                           const char *word, int content) {
    sal_error err = {0};
    sal_stopwords *stopwords = NULL;
    sal_importance_list *list = NULL;
    const sal_importance_input input = summary(given, SAL_STATUS_OK);
    for (sal_protocol protocol = SAL_STRICT; protocol <= SAL_PAPER; protocol++) {
        assert_ok(sal_stopwords_open(language, &stopwords, &err));
        assert_ok(
            sal_importance_compute(text, protocol, stopwords, NULL, 0, &input, 1, &list, &err));
        assert_non_null(find(list, word));
        if (find(list, word)->content != content)
            fail_msg("%s '%s' has content %d", language, word, find(list, word)->content);
        sal_importance_list_free(list);
        sal_stopwords_close(stopwords);
    }
}

static void content_words_are_those_outside_the_stop_list(void **state) {
    expect_content(*state, "en", "The ferry", "the", 0);
    expect_content(*state, "en", "The ferry", "ferry", 1);
    expect_content(*state, "en", "They don't", "don't", 0);
    expect_content(*state, "fr", "L'école d'un ami", "l'école", 1);
    expect_content(*state, "fr", "L'école d'un ami", "d'un", 0);
    expect_content(*state, "tlh", "nuqneH jup", "jup", -1);
}

/* ---- invariances ------------------------------------------------------------------------------------------- */

static void order_and_repeats_do_not_matter(void **state) {
    const char *document = "Rain fell on the quay.";
    const sal_importance_input one[] = {summary("Rain fell", SAL_STATUS_OK),
                                        summary("Rain, rain, RAIN!", SAL_STATUS_OK),
                                        summary("The quay", SAL_STATUS_OK)};
    const sal_importance_input other[] = {summary("The quay the quay", SAL_STATUS_OK),
                                          summary("Rain", SAL_STATUS_OK),
                                          summary("fell rain", SAL_STATUS_OK)};
    for (sal_protocol protocol = SAL_STRICT; protocol <= SAL_PAPER; protocol++) {
        sal_importance_list *a = compute(*state, protocol, document, one, 3);
        sal_importance_list *b = compute(*state, protocol, document, other, 3);
        assert_int_equal(a->count, b->count);
        for (size_t i = 0; i < a->count; i++) {
            assert_string_equal(a->rows[i].word, b->rows[i].word);
            assert_int_equal(a->rows[i].count, b->rows[i].count);
            assert_in_range(a->rows[i].count, 0, a->of);
        }
        expect_count(a, "rain", 2);
        sal_importance_list_free(a);
        sal_importance_list_free(b);
    }
}

static void invalid_utf8_names_the_summary(void **state) {
    sal_error err = {0};
    sal_importance_list *list = NULL;
    const sal_importance_input inputs[] = {summary("fine", SAL_STATUS_OK),
                                           summary("bad \xFF", SAL_STATUS_OK)};
    assert_int_equal(
        sal_importance_compute(*state, SAL_PAPER, NULL, NULL, 0, inputs, 2, &list, &err),
        SAL_EFORMAT);
    assert_null(list);
    assert_non_null(strstr(err.text, "summary 2 of 2"));
    assert_non_null(strstr(err.text, "offset 4"));
}

static void running_out_of_memory_is_an_ordinary_error(void **state) {
    const sal_importance_input inputs[] = {summary("Rain fe\xCC\x81ll", SAL_STATUS_OK),
                                           summary("The quay", SAL_STATUS_OK)};
    long blocks = sal_faulty_blocks();
    for (long n = 0;; n++) {
        sal_error err = {0};
        sal_importance_list *list = NULL;
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_importance_compute(*state, SAL_STRICT, NULL, "Rain on the quay", 16,
                                            inputs, 2, &list, &err);
        bool reached = sal_faulty_reset();
        if (!reached) {
            assert_int_equal(status, SAL_OK);
            assert_true(n > 20);
            sal_importance_list_free(list);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
        assert_null(list);
        assert_int_equal(sal_faulty_blocks(), blocks);
    }
    assert_int_equal(sal_faulty_blocks(), blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_equals_the_golden_importance),
        cmocka_unit_test(paper_counts_every_record_and_only_words_of_summaries),
        cmocka_unit_test(strict_counts_only_what_was_written),
        cmocka_unit_test(strict_gives_the_words_no_summary_keeps_a_zero),
        cmocka_unit_test(strict_meets_composed_and_decomposed_spellings),
        cmocka_unit_test(strict_meets_straight_and_curly_apostrophes),
        cmocka_unit_test(without_a_counting_summary_importance_is_undefined),
        cmocka_unit_test(content_words_are_those_outside_the_stop_list),
        cmocka_unit_test(order_and_repeats_do_not_matter),
        cmocka_unit_test(invalid_utf8_names_the_summary),
        cmocka_unit_test(running_out_of_memory_is_an_ordinary_error),
    };
    return cmocka_run_group_tests_name("importance", tests, set_up, tear_down);
}
