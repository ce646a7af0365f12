/* The report: the same study gives the same bytes, its data reads back exactly, and nothing in it can act. */

#include "testing.h"

#include <unistd.h>

#include "report/report_internal.h"
#include "report_page.h"

#define HOSTILE "</script><img src=x onerror=alert(1)>&amp;\xE2\x80\xA8"
#define TEXT                                                                                       \
    "Zo\xC3\xAB \xF0\x9F\x98\x80 kept the </script> door; Zo\xC3\xAB"                              \
    "\xE2\x80\x99s dog slept.\x01"

typedef struct fixture {
    char folder[64];
    char study_path[96];
    char report_path[96];
    sal_study *study;
    int64_t summarizer;
} fixture;

/* ---- a small study with every awkward thing in it ---------------------------------------------------------------------------- */

static int64_t add_document(sal_study *study, const char *corpus, const char *id,
                            const char *language, const char *text) {
    sal_error err = {0};
    sal_added added = SAL_ADDED_NEW;
    int64_t key = 0;
    const sal_document document = {.corpus = corpus,
                                   .id = id,
                                   .language = language,
                                   .kind = "news",
                                   .text = text,
                                   .text_length = strlen(text)};

    assert_ok(sal_study_add_document(study, &document, &added, &key, &err));
    return key;
}

static int64_t add_summarizer(sal_study *study, const char *name) {
    sal_error err = {0};
    int64_t key = 0;
    const sal_summarizer_info info = {.name = name,
                                      .kind = "lead",
                                      .config = "{\"kind\":\"lead\"}",
                                      .temperature = NAN,
                                      .top_p = NAN,
                                      .top_k = NAN,
                                      .repeat_penalty = NAN,
                                      .parameters = NAN,
                                      .nested = true};

    assert_ok(sal_study_put_summarizer(study, &info, &key, &err));
    return key;
}

/* Two summaries, one of them failed, and importance over the good one. */
static void add_results(fixture *f, int64_t document) {
    sal_error err = {0};
    const sal_summary summaries[] = {
        {.document = document,
         .summarizer = f->summarizer,
         .length = 10,
         .status = SAL_STATUS_OK,
         .text = "\"Zo\xC3\xAB kept <b>cats</b>\"",
         .text_length = strlen("\"Zo\xC3\xAB kept <b>cats</b>\""),
         .words = 5,
         .tokens = -1,
         .prompt_tokens = -1},
        {.document = document,
         .summarizer = f->summarizer,
         .length = 20,
         .status = SAL_STATUS_FAILED,
         .text = "",
         .tokens = -1,
         .prompt_tokens = -1,
         .error = "the server said <img src=x>"},
    };
    const sal_importance_row rows[] = {
        {.word = "b", .count = 1, .of = 1, .content = 1},
        {.word = "cats", .count = 1, .of = 1, .content = 1},
        {.word = "door", .count = 0, .of = 1, .content = 1, .in_document = true},
        {.word = "kept", .count = 1, .of = 1, .content = 1, .in_document = true},
        {.word = "zo\xC3\xAB", .count = 1, .of = 1, .content = 1, .in_document = true},
    };

    assert_ok(sal_study_put_summaries(f->study, summaries, 2, NULL, &err));
    assert_ok(sal_study_put_importance(f->study, document, f->summarizer, SAL_STRICT, "inputs", 1,
                                       rows, sizeof rows / sizeof rows[0], &err));
}

static void add_scores(fixture *f, const char *corpus) {
    sal_error err = {0};
    const sal_score scores[] = {
        {.corpus = corpus,
         .summarizer = f->summarizer,
         .words = "all",
         .measure = "reliability_pearson",
         .value = 0.5,
         .low = NAN,
         .high = NAN,
         .documents = 1},
        {.corpus = corpus,
         .summarizer = f->summarizer,
         .words = "content",
         .measure = "reliability_pearson",
         .value = NAN,
         .low = NAN,
         .high = NAN,
         .undefined = 1},
    };

    assert_ok(sal_study_put_scores(f->study, corpus, f->summarizer, SAL_STRICT, scores, 2, &err));
}

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    sal_error err = {0};

    make_scratch_folder(f->folder);
    snprintf(f->study_path, sizeof f->study_path, "%s/mine", f->folder);
    snprintf(f->report_path, sizeof f->report_path, "%s/report.html", f->folder);
    assert_ok(sal_study_open(f->study_path, SAL_STUDY_CREATE, &f->study, &err));
    f->summarizer = 0;
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    sal_error err = {0};

    assert_ok(sal_study_close(f->study, &err));
    remove_scratch_folder(f->folder);
    free(f);
    return 0;
}

/* Without scores there are no charts, so plotly.js stays out: the tests that write hundreds of reports are quick. */
static void fill_without_scores(fixture *f) {
    int64_t first = add_document(f->study, HOSTILE, HOSTILE, "en", TEXT);

    f->summarizer = add_summarizer(f->study, HOSTILE);
    add_results(f, first);
    add_document(f->study, HOSTILE, "second", "tlh", "No list of stop words here.");
}

static void fill(fixture *f) {
    fill_without_scores(f);
    add_scores(f, HOSTILE);
}

/* ---- looking at the file ------------------------------------------------------------------------------------------------------- */

static sal_buffer read_report(const fixture *f) {
    sal_error err = {0};
    sal_buffer page = {0};

    assert_ok(sal_file_read_all(f->report_path, (size_t)64 << 20, &page, &err));
    return page;
}

static sal_buffer write_report(const fixture *f, const sal_report_options *options) {
    sal_error err = {0};

    assert_ok(sal_report_write(f->study, f->report_path, options, NULL, &err));
    return read_report(f);
}

static json_t *document_block(const sal_buffer *page, int n) {
    return json_block(page, "<script type=\"application/json\" class=\"document-data\">", n);
}

static const char *string_at(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));

    assert_non_null(value);
    return value;
}

/* ---- tests ------------------------------------------------------------------------------------------------------------------------ */

static void the_same_study_gives_the_same_bytes(void **state) {
    fixture *f = *state;
    fill(f);
    sal_buffer first = write_report(f, NULL);
    sal_buffer second = write_report(f, NULL);

    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.bytes, second.bytes, first.length);
    sal_buffer_free(&first);
    sal_buffer_free(&second);
}

static void a_logged_report_does_not_change_the_next_one(void **state) {
    fixture *f = *state;
    sal_error err = {0};
    int64_t key = 0;
    const sal_run import = {.command = "import",
                            .command_line = "salient import mine <news>.jsonl",
                            .options = "{}",
                            .version = "0"};
    const sal_run report = {.command = "report",
                            .command_line = "salient report mine",
                            .options = "{}",
                            .version = "0"};
    fill(f);
    assert_ok(sal_study_begin_run(f->study, &import, &key, &err));
    sal_buffer before = write_report(f, NULL);
    json_t *data = study_block(&before);
    const json_t *runs = json_object_get(data, "runs");

    assert_int_equal(json_array_size(runs), 1);
    assert_string_equal(string_at(json_array_get(runs, 0), "command_line"),
                        "salient import mine <news>.jsonl");
    assert_ok(sal_study_end_run(f->study, key, "done", NULL, 1, 1, 1, &err));
    sal_buffer ended = write_report(f, NULL);
    assert_ok(sal_study_begin_run(f->study, &report, &key, &err));
    sal_buffer after = write_report(f, NULL);
    assert_int_equal(ended.length, after.length);
    assert_memory_equal(ended.bytes, after.bytes, after.length);
    json_decref(data);
    sal_buffer_free(&before);
    sal_buffer_free(&ended);
    sal_buffer_free(&after);
}

static void hostile_names_stay_data(void **state) {
    fixture *f = *state;
    const sal_report_options options = {.documents_at_most = -1, .title = HOSTILE};
    fill(f);
    sal_buffer page = write_report(f, &options);
    json_t *data = study_block(&page);
    json_t *document = document_block(&page, 0);

    /* Two document blocks, the study block, four scripts: nothing else ends a script element. */
    assert_int_equal(occurrences(&page, "</script"), 2 + 1 + 4);
    assert_int_equal(occurrences(&page, "<img"), 0);
    assert_int_equal(occurrences(&page, "\xE2\x80\xA8"),
                     1); /* in <title>, where it is white space */
    assert_string_equal(string_at(data, "title"), HOSTILE);
    assert_string_equal(string_at(json_array_get(json_object_get(data, "corpora"), 0), "name"),
                        HOSTILE);
    assert_string_equal(string_at(json_array_get(json_object_get(data, "summarizers"), 0), "name"),
                        HOSTILE);
    assert_string_equal(string_at(document, "id"), HOSTILE);
    assert_string_equal(string_at(document, "text"), TEXT);
    json_decref(data);
    json_decref(document);
    sal_buffer_free(&page);
}

/* JavaScript counts UTF-16 units: the emoji is two of them, each e with diaeresis one. */
static void words_are_placed_in_utf16_units(void **state) {
    fixture *f = *state;
    static const struct {
        int start;
        int length;
        const char *word;
    } expected[] = {{0, 3, "zo\xC3\xAB"}, {7, 4, "kept"},  {12, 3, "the"},
                    {18, 6, "script"},    {26, 4, "door"}, {32, 5, "zo\xC3\xAB's"},
                    {38, 3, "dog"},       {42, 5, "slept"}};
    fill(f);
    sal_buffer page = write_report(f, NULL);
    json_t *document = document_block(&page, 0);
    const json_t *strict = json_object_get(document, "strict");
    const json_t *words = json_object_get(strict, "words");
    const json_t *spans = json_object_get(strict, "spans");

    assert_int_equal(json_array_size(spans), 3 * sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const json_int_t word = json_integer_value(json_array_get(spans, 3 * i + 2));

        assert_int_equal(json_integer_value(json_array_get(spans, 3 * i)), expected[i].start);
        assert_int_equal(json_integer_value(json_array_get(spans, 3 * i + 1)), expected[i].length);
        assert_string_equal(json_string_value(json_array_get(words, (size_t)word)),
                            expected[i].word);
    }
    assert_true(json_is_null(json_object_get(document, "paper"))); /* not computed */
    json_decref(document);
    sal_buffer_free(&page);
}

/* The summary's quotes are cleaned away, yet its words stand where they stand in the text as stored; "b" and "cats" are new. */
static void summaries_carry_their_words(void **state) {
    fixture *f = *state;
    fill(f);
    sal_buffer page = write_report(f, NULL);
    json_t *document = document_block(&page, 0);
    const json_t *strict = json_object_get(document, "strict");
    const json_t *unit = json_array_get(json_object_get(document, "summarizers"), 0);
    const json_t *summaries = json_object_get(unit, "summaries");
    const json_t *good = json_array_get(summaries, 0);
    const json_t *failed = json_array_get(summaries, 1);
    const json_t *spans = json_object_get(good, "spans");
    const json_t *words = json_object_get(strict, "words");

    assert_int_equal(json_integer_value(json_array_get(spans, 0)), 1); /* after the quote */
    assert_string_equal(json_string_value(json_array_get(
                            words, (size_t)json_integer_value(json_array_get(spans, 2)))),
                        "zo\xC3\xAB");
    assert_int_equal(json_array_size(json_object_get(strict, "outside")), 2);
    assert_string_equal(string_at(failed, "status"), "failed");
    assert_string_equal(string_at(failed, "error"), "the server said <img src=x>");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(unit, "strict"), "of")), 1);
    assert_int_equal(json_array_size(json_object_get(json_object_get(unit, "strict"), "kept")),
                     2 * 4);
    json_decref(document);
    sal_buffer_free(&page);
}

static void undefined_is_null_and_never_zero(void **state) {
    fixture *f = *state;
    fill(f);
    sal_buffer page = write_report(f, NULL);
    json_t *data = study_block(&page);
    json_t *second = document_block(&page, 1);
    const json_t *scores = json_object_get(data, "scores");
    const json_t *content = json_array_get(scores, 1);

    assert_int_equal(json_array_size(scores), 2);
    assert_string_equal(string_at(content, "words"), "content");
    assert_true(json_is_null(json_object_get(content, "value")));
    assert_true(json_is_null(json_object_get(json_array_get(scores, 0), "low")));
    /* A language without a stop list has no content words, which is not the same as having no stop words. */
    assert_true(json_is_null(json_object_get(json_object_get(second, "strict"), "stop")));
    assert_int_equal(json_array_size(json_object_get(second, "summarizers")), 0);
    json_decref(data);
    json_decref(second);
    sal_buffer_free(&page);
}

static void a_large_study_shows_its_first_documents_and_says_so(void **state) {
    fixture *f = *state;
    const sal_report_options options = {.documents_at_most = 1};
    fill(f);
    sal_buffer page = write_report(f, &options);
    json_t *data = study_block(&page);
    const json_t *corpus = json_array_get(json_object_get(data, "corpora"), 0);

    assert_null(document_block(&page, 1));
    assert_int_equal(json_integer_value(json_object_get(corpus, "documents")), 2);
    assert_int_equal(json_integer_value(json_object_get(corpus, "shown")), 1);
    json_decref(data);
    sal_buffer_free(&page);
}

static void the_page_asks_for_nothing_from_outside(void **state) {
    fixture *f = *state;
    char policy[96];
    char hash[45];
    fill(f);
    sal_buffer page = write_report(f, NULL);
    const char *script = strstr(page.bytes, "<script>") + strlen("<script>");

    sal_script_hash(script, (size_t)(strstr(script, "</script>") - script), hash);
    snprintf(policy, sizeof policy, " 'sha256-%s'", hash);
    assert_non_null(strstr(page.bytes, "content=\"default-src 'none'; script-src 'sha256-"));
    assert_int_equal(occurrences(&page, policy), 1);
    assert_non_null(strstr(page.bytes, "connect-src 'none'"));
    assert_int_equal(occurrences(&page, "<script src"), 0);
    assert_int_equal(occurrences(&page, "rel=\"stylesheet\""), 0);
    assert_int_equal(occurrences(&page, "@import"), 0);
    assert_null(strstr(page.bytes, "{{policy}}"));
    sal_buffer_free(&page);
}

static void script_hashes_are_base64_of_sha256(void **state) {
    char hash[45];
    (void)state;
    sal_script_hash("", 0, hash);
    assert_string_equal(hash, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

static void the_title_is_the_folder_of_the_study(void **state) {
    fixture *f = *state;
    fill(f);
    sal_buffer page = write_report(f, NULL);

    assert_non_null(strstr(page.bytes, "<title>mine \xC2\xB7 salient report</title>"));
    sal_buffer_free(&page);
}

static void an_empty_study_names_the_next_command(void **state) {
    fixture *f = *state;
    sal_error err = {0};
    char expected[400];

    assert_int_equal(sal_report_write(f->study, f->report_path, NULL, NULL, &err), SAL_ENOTFOUND);
    snprintf(expected, sizeof expected, "%s holds no documents; to go on: salient import %s FILE",
             f->study_path, f->study_path);
    assert_string_equal(err.text, expected);
    add_document(f->study, "c", "d", "en", "Some text.");
    assert_int_equal(sal_report_write(f->study, f->report_path, NULL, NULL, &err), SAL_ENOTFOUND);
    snprintf(expected, sizeof expected,
             "%s holds no summaries yet; to go on: salient summarize %s --with lead", f->study_path,
             f->study_path);
    assert_string_equal(err.text, expected);
    assert_int_not_equal(access(f->report_path, F_OK), 0);
}

static void an_unknown_corpus_is_an_error(void **state) {
    fixture *f = *state;
    sal_error err = {0};
    const sal_report_options options = {.corpus = "nowhere", .documents_at_most = -1};
    fill(f);

    assert_int_equal(sal_report_write(f->study, f->report_path, &options, NULL, &err),
                     SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "nowhere"));
}

static bool always(void *context) {
    (void)context;
    return true;
}

static void interrupting_leaves_the_old_report(void **state) {
    fixture *f = *state;
    sal_error err = {0};
    const sal_progress stop = {.cancelled = always};
    fill(f);
    sal_buffer before = write_report(f, NULL);

    assert_int_equal(sal_report_write(f->study, f->report_path, NULL, &stop, &err), SAL_ECANCELLED);
    sal_buffer after = read_report(f);
    assert_int_equal(before.length, after.length);
    sal_buffer_free(&before);
    sal_buffer_free(&after);
}

static void a_full_disk_leaves_no_file(void **state) {
    fixture *f = *state;
    sal_error err = {0};
    fill_without_scores(f);
    for (long n = 0;; n++) {
        sal_faulty_fail(SAL_FAULTY_WRITE, n);
        int status = sal_report_write(f->study, f->report_path, NULL, NULL, &err);
        bool reached = sal_faulty_reset();
        if (!reached) {
            assert_int_equal(status, SAL_OK);
            break;
        }
        assert_int_equal(status, SAL_EIO);
        assert_int_not_equal(access(f->report_path, F_OK), 0);
    }
}

static void running_out_of_memory_is_an_ordinary_error(void **state) {
    fixture *f = *state;
    sal_error err = {0};
    fill_without_scores(f);
    const long blocks = sal_faulty_blocks();
    for (long n = 0;; n++) {
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_report_write(f->study, f->report_path, NULL, NULL, &err);
        bool reached = sal_faulty_reset();
        assert_int_equal(sal_faulty_blocks(), blocks);
        if (!reached) {
            assert_int_equal(status, SAL_OK);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
    }
}

#define report_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        report_test(the_same_study_gives_the_same_bytes),
        report_test(a_logged_report_does_not_change_the_next_one),
        report_test(hostile_names_stay_data),
        report_test(words_are_placed_in_utf16_units),
        report_test(summaries_carry_their_words),
        report_test(undefined_is_null_and_never_zero),
        report_test(a_large_study_shows_its_first_documents_and_says_so),
        report_test(the_page_asks_for_nothing_from_outside),
        cmocka_unit_test(script_hashes_are_base64_of_sha256),
        report_test(the_title_is_the_folder_of_the_study),
        report_test(an_empty_study_names_the_next_command),
        report_test(an_unknown_corpus_is_an_error),
        report_test(interrupting_leaves_the_old_report),
        report_test(a_full_disk_leaves_no_file),
        report_test(running_out_of_memory_is_an_ordinary_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
