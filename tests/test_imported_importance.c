/* Importance that others computed: kept as it came, spelled by each protocol, a summarizer like any other. The published code writes
   generated_summaries_with_word_importance.json (every record) and ..._deduplicated.json (the first record of each document). */
#include "import_testing.h"

#include "salient/importance.h"

static const sal_import_options as_llama = {
    .limit = -1, .summaries = true, .as = "llama", .corpus = "news"};

static const char deduplicated[] =
    "[{\"article\": \"The ferry sank near the harbour.\", \"highlights\": \"It sank.\", \"id\": "
    "\"ferry\", \"summary\": \"The ferry sank.\", \"criteria\": \"length_num_10\",\n"
    "  \"word_importance\": {\"the\": 1.0, \"ferry\": 0.9, \"capsized\": 0.30000000000000004}},\n"
    " {\"article\": \"It\\u2019s a bakery.\", \"highlights\": \"A bakery.\", \"id\": \"bakery\", "
    "\"summary\": \"It\\u2019s one.\", \"criteria\": \"length_num_10\",\n"
    "  \"word_importance\": {\"it\\u2019s\": 0.1111111111111111, \"it's\": 0.3333333333333333, "
    "\"bakery\": 0.8888888888888888}},\n"
    " {\"article\": \"Odd numbers.\", \"highlights\": \"Odd.\", \"id\": \"odd\", \"summary\": "
    "\"Odd.\", \"criteria\": \"length_num_10\",\n"
    "  \"word_importance\": [[\"odd\", 0.12345678], [\"numbers\", 0]]}]";

static int64_t key_of(import_fixture *f, const char *name) {
    sal_summarizer_list *list = NULL;
    sal_error err = {0};
    int64_t key = 0;
    assert_ok(sal_study_list_summarizers(f->study, &list, &err));
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            key = list->items[i].key;
    sal_summarizer_list_free(list);
    assert_true(key > 0);
    return key;
}

static sal_tally compute(import_fixture *f, sal_protocol protocol) {
    const sal_importance_options options = {.protocol = protocol};
    sal_tally tally = {0};
    sal_error err = {0};
    assert_ok(sal_importance_run(f->study, &options, &f->progress, &tally, &err));
    return tally;
}

/* "word count/of [content][in document]", one a line; counts that are none in brackets. */
static void has_importance(import_fixture *f, const char *id, sal_protocol protocol,
                           const char *wanted) {
    sal_importance_list *list = NULL;
    sal_buffer out = {0};
    sal_error err = {0};
    sal_document *document = fixture_get(f, id);
    assert_ok(sal_study_get_importance(f->study, document->key, key_of(f, "llama"), protocol, &list,
                                       &err));
    assert_non_null(list);
    for (size_t i = 0; i < list->count; i++) {
        const sal_importance_row *row = &list->rows[i];
        assert_ok(sal_buffer_add_format(&out, &err,
                                        list->counted ? "%s %lld/%lld" : "%s (%lld/%lld)",
                                        row->word, (long long)row->count, (long long)row->of));
        assert_ok(sal_buffer_add_format(&out, &err, "%s%s\n", row->content == 1 ? " content" : "",
                                        row->in_document ? " inside" : ""));
    }
    assert_string_equal(out.bytes, wanted);
    sal_buffer_free(&out);
    sal_importance_list_free(list);
    sal_document_free(document);
}

static void tenths_are_counts_of_ten_and_all_else_has_none(void **state) {
    import_fixture f;
    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "d.json", deduplicated, &as_llama), SAL_OK);
    assert_tally(f.tally, 3, 0, 0);
    assert_string_equal(f.notes, "d.json: importance of 3 documents is kept as it came: its "
                                 "reliability is unknown\n");
    compute(&f, SAL_STRICT);
    has_importance(&f, "ferry", SAL_STRICT,
                   "capsized 3/10 content\nferry 9/10 content inside\nharbour 0/10 content "
                   "inside\nnear 0/10 inside\nsank 0/10 content inside\nthe 10/10 inside\n");
    /* Curly and straight apostrophes are one word to strict, which takes the larger; ninths are no counts of ten. */
    has_importance(&f, "bakery", SAL_STRICT,
                   "a (0/9) inside\nbakery (8/9) content inside\nit's (3/9) inside\n");
    has_importance(&f, "odd", SAL_STRICT,
                   "numbers (0/10000) inside\nodd (1235/10000) content inside\n");
    fixture_close(&f);
}

static void paper_takes_the_words_as_they_came(void **state) {
    import_fixture f;
    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "d.json", deduplicated, &as_llama), SAL_OK);
    compute(&f, SAL_PAPER);
    has_importance(&f, "ferry", SAL_PAPER,
                   "capsized 3/10 content\nferry 9/10 content inside\nthe 10/10 inside\n");
    has_importance(&f, "bakery", SAL_PAPER,
                   "bakery (8/9) content inside\nit's (3/9)\nit\xE2\x80\x99s (1/9) content\n");
    fixture_close(&f);
}

static void its_reliability_is_null(void **state) {
    import_fixture f;
    sal_score_list *scores = NULL;
    sal_error err = {0};
    int seen = 0;
    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "d.json", deduplicated, &as_llama), SAL_OK);
    compute(&f, SAL_STRICT);
    assert_ok(sal_study_get_scores(f.study, &scores, &err));
    for (size_t i = 0; i < scores->count; i++) {
        const sal_score *score = &scores->items[i];
        if (strcmp(score->measure, "documents_without_importance") == 0)
            assert_close(score->value, 0, 0, 0);
        if (strncmp(score->measure, "reliability", 11) != 0)
            continue;
        assert_true(isnan(score->value));
        assert_int_equal(score->documents, 0);
        assert_int_equal(score->undefined, 3);
        seen++;
    }
    assert_int_equal(seen, 4);
    sal_score_list_free(scores);
    fixture_close(&f);
}

/* The full file has every summary: from them importance and its reliability are computed. */
static void where_all_summaries_come_importance_is_computed(void **state) {
    import_fixture f;
    sal_imported_list *words = NULL;
    sal_error err = {0};
    static const char full[] =
        "[{\"text\":\"One two three.\",\"id\":\"a\",\"generated\":\"one\",\"length\":1,"
        "\"word_importance\":{\"one\":0.25}},"
        "{\"text\":\"Other.\",\"id\":\"b\",\"generated\":\"other\",\"length\":1,"
        "\"word_importance\":{\"other\":0.5}},"
        "{\"text\":\"One two three.\",\"id\":\"a\",\"generated\":\"one two\",\"length\":2,"
        "\"word_importance\":{\"one\":0.25}}]";
    (void)state;
    fixture_open(&f);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(fixture_import(&f, "full.json", full, &as_llama), SAL_OK);
        assert_tally(f.tally, again == 0 ? 3 : 0, again == 0 ? 0 : 3, 0);
        compute(&f, SAL_STRICT);
        has_importance(&f, "a", SAL_STRICT, "one 2/2 inside\nthree 0/2 inside\ntwo 1/2 inside\n");
        has_importance(&f, "b", SAL_STRICT, "other 5/10 inside\n");
    }
    sal_document *document = fixture_get(&f, "a");
    assert_ok(sal_study_get_imported(f.study, document->key, key_of(&f, "llama"), &words, &err));
    assert_null(words);
    sal_document_free(document);
    fixture_close(&f);
}

/* What `salient importance --format paper` writes: id, text, word_importance and no summary. */
static void importance_alone_is_enough(void **state) {
    import_fixture f;
    static const char alone[] =
        "[{\"id\":\"a\",\"text\":\"One two.\",\"word_importance\":{\"one\":0.5}},"
        "{\"id\":\"a\",\"text\":\"One two.\",\"word_importance\":{\"one\":0.7}}]";
    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "alone.json", alone, &as_llama), SAL_OK);
    assert_tally(f.tally, 1, 0, 1);
    assert_non_null(strstr(f.notes, "importance of document \"a\" came before"));
    assert_int_equal(compute(&f, SAL_STRICT).done, 1);
    has_importance(&f, "a", SAL_STRICT, "one 5/10 inside\ntwo 0/10 inside\n");
    assert_int_equal(compute(&f, SAL_STRICT).kept, 1);
    fixture_close(&f);
}

static void what_is_no_importance_is_refused(void **state) {
    static const struct {
        const char *value;
        const char *why;
    } cases[] = {
        {"{\"one\":1.5}", "the word \"one\" has the importance 1.5, where 0 to 1 is allowed"},
        {"{\"one\":-0.1}", "the word \"one\" has the importance -0.1, where 0 to 1 is allowed"},
        {"{\"one\":\"x\"}", "neither {word: number} nor a list of [word, number]"},
        {"[[\"one\"]]", "neither {word: number} nor a list of [word, number]"},
        {"[[\"one\",0.1],{\"word\":\"one\",\"score\":0.2}]",
         "the word \"one\" has its importance twice"},
        {"{}", "the field \"word_importance\" has no word"},
        {"0.5", "the field \"word_importance\" is no object of words"},
    };
    import_fixture f;
    char record[400];
    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(record, sizeof record,
                 "[{\"id\":\"a\",\"text\":\"One.\",\"generated\":\"One.\",\"word_importance\":%s}]",
                 cases[i].value);
        assert_int_equal(fixture_import(&f, "bad.json", record, &as_llama), SAL_EFORMAT);
        if (strstr(f.notes, cases[i].why) == NULL)
            fail_msg("%s: %s", cases[i].value, f.notes);
        assert_int_equal(fixture_documents(&f), 0);
    }
    fixture_close(&f);
}

static int import_with(import_fixture *f) {
    return fixture_import(f, "d.json", deduplicated, &as_llama);
}

static int compute_with(import_fixture *f) {
    const sal_importance_options options = {.protocol = SAL_STRICT};
    sal_tally tally = {0};
    return sal_importance_run(f->study, &options, &f->progress, &tally, &f->error);
}

/* Let every allocation fail in turn; in the end it works. */
static void sweep(import_fixture *f, int (*work)(import_fixture *f)) {
    for (long n = 0;; n++) {
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        const int code = work(f);
        const bool reached = sal_faulty_reset();
        if (!reached) {
            assert_int_equal(code, SAL_OK);
            assert_true(n > 20);
            return;
        }
        assert_int_equal(code, SAL_ENOMEM);
    }
}

static void memory_may_run_out_anywhere(void **state) {
    import_fixture f;
    (void)state;
    fixture_open(&f);
    sweep(&f, import_with);
    sweep(&f, compute_with);
    has_importance(&f, "odd", SAL_STRICT,
                   "numbers (0/10000) inside\nodd (1235/10000) content inside\n");
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tenths_are_counts_of_ten_and_all_else_has_none),
        cmocka_unit_test(paper_takes_the_words_as_they_came),
        cmocka_unit_test(its_reliability_is_null),
        cmocka_unit_test(where_all_summaries_come_importance_is_computed),
        cmocka_unit_test(importance_alone_is_enough),
        cmocka_unit_test(what_is_no_importance_is_refused),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
