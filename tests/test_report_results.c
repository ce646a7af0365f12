/* The report shows what heads, probes and the comparison of protocols found: their numbers read back from the page, the words of a head
 * level by level, and names and words of strangers stay data. */
#include "test_study_sample.h"

#include "report_page.h"
#include "salient/heads.h"
#include "salient/probe.h"
#include "salient/protocols.h"
#include "scratch_group.h"

#define HOSTILE "</script><script>document.title='OWNED'</script>"

/* ---- a study with something in every table --------------------------------------------------------------------- */

enum { WORDS = 3, ROWS = 3 };

/* Words as the strict protocol cuts them; "été" is two UTF-16 units shorter than its bytes. */
#define TEXT "\xC3\x89t\xC3\xA9 boat, the boat <b>."

static void put_heads(sal_study *study, int64_t document, int64_t by, sal_protocol protocol) {
    sal_error err = {0};
    int64_t key = 0;
    const sal_head_analysis analysis = {
        .model = HOSTILE,
        .model_digest = "0123456789012345678901234567890123456789012345678901234567890123",
        .summarizer = by,
        .protocol = protocol,
        .evidence = "received",
        .options = "",
        .rows = "[[0,0],[0,1],[null,null,\"empty\"]]",
        .metrics = "[]"};
    double facts[SAL_FACTS * WORDS] = {.5, 1, 0, 0, 1, 2, 1, 2, 1, 1, 1, 0};
    float vectors[ROWS * WORDS] = {.25F, .5F, .25F, NAN, NAN, NAN, .75F, .125F, .125F};
    double scores[ROWS * SAL_HEAD_MEASURES] = {0};
    char list[] = "\xC3\xA9t\xC3\xA9\nboat\nthe\n";
    sal_head_unit unit = {.document = document,
                          .inputs = "x",
                          .tokens = 5,
                          .words = WORDS,
                          .rows = ROWS,
                          .word_list = list,
                          .word_list_length = strlen(list),
                          .facts = facts,
                          .vectors = vectors};
    sal_head_result results[ROWS * 2];
    static const char *const metrics[] = {"spearman", "fisher_z"};
    assert_ok(sal_study_put_head_analysis(study, &analysis, &key, &err));
    unit.analysis = key;
    unit.sets[SAL_HEAD_ALL] = (sal_head_scores){WORDS, 0, scores};
    assert_ok(sal_study_put_head_unit(study, &unit, &err));
    for (int i = 0; i < ROWS * 2; i++)
        results[i] = (sal_head_result){.row = i / 2,
                                       .words = SAL_HEAD_ALL,
                                       .metric = metrics[i % 2],
                                       .value = i / 8.,
                                       .low = (double)NAN,
                                       .high = (double)NAN,
                                       .documents = 1,
                                       .p_family = (double)NAN,
                                       .p = (double)NAN,
                                       .q = (double)NAN,
                                       .q_by = (double)NAN,
                                       .p_naive = (double)NAN};
    assert_ok(sal_study_put_head_results(study, key, HOSTILE, results, ROWS * 2, &err));
}

static void put_probe(sal_study *study, int64_t by) {
    sal_error err = {0};
    const sal_probe_analysis analysis = {.corpus = HOSTILE,
                                         .model = HOSTILE,
                                         .summarizer = by,
                                         .probe = "linear",
                                         .loss = "squares",
                                         .options = HOSTILE};
    const sal_probe_result results[] = {{"all", 0, "none", -1, "spearman", .25, .125, .5, 24, 0},
                                        {"all", 1, "none", -1, "spearman", .5, .25, .75, 24, 0},
                                        {"all", 1, "none", 2, "spearman", .5, .25, .75, 24, 0}};
    const sal_probe_word words[] = {{HOSTILE, 1, 3, .5, .25, .75, .5},
                                    {"boat", 1, 4, 0, .25, .25, .25}};
    assert_ok(sal_study_put_probe_results(study, &analysis, results, 3, &err));
    assert_ok(sal_study_put_probe_words(study, &analysis, words, 2, &err));
}

static void put_protocols(sal_study *study) {
    sal_error err = {0};
    const sal_protocol_row row = {.corpus = HOSTILE,
                                  .stage = "importance",
                                  .summarizer = HOSTILE,
                                  .model = "",
                                  .variant = "",
                                  .words = "all",
                                  .layer = -1,
                                  .head = -1,
                                  .factor = "paper",
                                  .measure = "changed",
                                  .value = .5,
                                  .low = (double)NAN,
                                  .high = (double)NAN,
                                  .documents = 1};
    assert_ok(sal_study_put_protocols(study, HOSTILE, "importance", &row, 1, &err));
}

static sal_study *fill(const char *name, bool scores, bool results) {
    char path[160];
    sal_error err = {0};
    sal_study *study = open_study(below(folder, name, path), SAL_STUDY_CREATE);
    const int64_t document = add_document(study, HOSTILE, "one", TEXT, NULL);
    const int64_t by = add_summarizer(study, HOSTILE, "model", "{}");
    const sal_score score = {.corpus = HOSTILE,
                             .summarizer = by,
                             .words = "all",
                             .measure = "reliability_pearson",
                             .value = .5,
                             .low = (double)NAN,
                             .high = (double)NAN,
                             .documents = 1};
    add_summary(study, document, by, 10, SAL_STATUS_OK, "boat");
    if (scores)
        assert_ok(sal_study_put_scores(study, HOSTILE, by, SAL_STRICT, &score, 1, &err));
    if (results) {
        put_heads(study, document, by, SAL_STRICT);
        put_probe(study, by);
        put_protocols(study);
    }
    return study;
}

static sal_buffer write_report(sal_study *study, const sal_report_options *options) {
    char path[160];
    return write_page(study, below(folder, "report.html", path), options);
}

/* ---- what is there --------------------------------------------------------------------------------------------- */

static void names_of_strangers_stay_data(void **state) {
    (void)state;
    sal_study *study = fill("hostile", true, true);
    sal_buffer page = write_report(study, NULL);
    assert_int_equal(occurrences(&page, "OWNED'</script>"), 0);
    assert_int_equal(occurrences(&page, "<script>document"), 0);
    assert_int_equal(occurrences(&page, "<script>"),
                     8); /* frame, browser, plotly, charts, two of heads, probes, protocols */
    sal_buffer_free(&page);
    close_study(study);
    study = fill("empty", true, false);
    page = write_report(study, NULL);
    assert_int_equal(occurrences(&page, "<script>"), 4); /* none for what is not there */
    sal_buffer_free(&page);
    close_study(study);
}

static void a_heads_words_read_back(void **state) {
    (void)state;
    sal_study *study = fill("words", true, true);
    sal_buffer page = write_report(study, NULL);
    json_t *block = study_block(&page);
    const json_t *table = json_array_get(json_object_get(block, "heads"), 0);
    const json_t *sample = json_array_get(json_object_get(table, "samples"), 0);
    static const char *const words[] = {"boat", "the", "\xC3\xA9t\xC3\xA9"}; /* by their bytes */
    static const double importance[] = {1, 0, .5};
    /* "Été boat, the boat <b>.": b is no word of the unit */
    static const int spans[] = {0, 3, 2, 4, 4, 0, 10, 3, 1, 14, 4, 0, 20, 1, -1};
    assert_int_equal(json_array_size(json_object_get(table, "samples")), 1);
    assert_int_equal(json_integer_value(json_object_get(sample, "document")), 0);
    for (size_t i = 0; i < WORDS; i++) {
        assert_string_equal(json_string_value(json_array_get(json_object_get(sample, "words"), i)),
                            words[i]);
        assert_close(json_number_value(json_array_get(json_object_get(sample, "importance"), i)),
                     importance[i], 0, 0);
    }
    assert_int_equal(json_array_size(json_object_get(sample, "spans")), 15);
    for (size_t i = 0; i < 15; i++)
        assert_int_equal(json_integer_value(json_array_get(json_object_get(sample, "spans"), i)),
                         spans[i]);
    /* By hand: half of the largest is 65535 - 65534 ln 2 / ln 1e8 = 63069, a sixth 59161; the second row is undefined. Each in two
     * bytes, the low one first. */
    assert_string_equal(json_string_value(json_object_get(sample, "values")),
                        "//9d9l32AAAAAAAAGecZ5///");
    const json_t *largest = json_object_get(sample, "largest");
    assert_close(json_number_value(json_array_get(largest, 0)), .5, 0, 0);
    assert_true(json_is_null(json_array_get(largest, 1)));
    assert_close(json_number_value(json_array_get(largest, 2)), .75, 0, 0);
    json_decref(block);
    sal_buffer_free(&page);
    close_study(study);
}

static void samples_are_of_shown_documents_alone(void **state) {
    const sal_report_options none = {.documents_at_most = 0};
    (void)state;
    sal_study *study = fill("none", true, true);
    sal_buffer page = write_report(study, &none);
    json_t *block = study_block(&page);
    const json_t *table = json_array_get(json_object_get(block, "heads"), 0);
    assert_int_equal(json_array_size(json_object_get(table, "samples")), 0);
    assert_int_equal(json_array_size(json_object_get(table, "rows")), 3);
    json_decref(block);
    sal_buffer_free(&page);
    close_study(study);
}

static void probes_and_protocols_read_back(void **state) {
    (void)state;
    sal_study *study = fill("probes", true, true);
    sal_buffer page = write_report(study, NULL);
    json_t *block = study_block(&page);
    const json_t *probe = json_array_get(json_object_get(block, "probes"), 0);
    const json_t *results = json_object_get(probe, "results");
    const json_t *word = json_array_get(json_object_get(probe, "words"), 0);
    assert_string_equal(json_string_value(json_object_get(probe, "options")), HOSTILE);
    assert_int_equal(json_array_size(results), 2); /* single seeds are for exports */
    const json_t *last = json_array_get(results, 1);
    assert_int_equal(json_integer_value(json_array_get(last, 2)), 1);
    assert_close(json_number_value(json_array_get(last, 5)), .25, 0, 0);
    assert_int_equal(json_array_size(json_object_get(probe, "words")), 2);
    assert_string_equal(json_string_value(json_array_get(word, 0)), HOSTILE);
    assert_close(json_number_value(json_array_get(word, 4)), .75, 0, 0);
    const json_t *row = json_array_get(json_object_get(block, "protocols"), 0);
    assert_int_equal(json_array_size(row), 14);
    assert_string_equal(json_string_value(json_array_get(row, 1)), HOSTILE);
    assert_close(json_number_value(json_array_get(row, 9)), .5, 0, 0);
    assert_true(json_is_null(json_array_get(row, 10)));
    json_decref(block);
    sal_buffer_free(&page);
    close_study(study);
}

/* Without scores plotly.js stays out, so hundreds of reports are quick; the results are in the page's data all the same. */
static void running_out_of_memory_is_an_ordinary_error(void **state) {
    char path[160];
    (void)state;
    sal_study *study = fill("memory", false, true);
    const long blocks = sal_faulty_blocks();
    below(folder, "memory.html", path);
    for (long n = 0;; n++) {
        sal_error err = {0};
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        const int status = sal_report_write(study, path, NULL, NULL, &err);
        const bool reached = sal_faulty_reset();
        assert_int_equal(sal_faulty_blocks(), blocks);
        if (!reached) {
            assert_int_equal(status, SAL_OK);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
    }
    close_study(study);
}

static void the_words_are_exported_worst_first(void **state) {
    sal_error err = {0};
    sal_buffer out = {0};
    const sal_sink sink = sal_buffer_sink(&out);
    (void)state;
    sal_study *study = fill("export", true, true);
    assert_ok(sal_export_table(study, "probe_words", NULL, SAL_FORMAT_JSONL, &sink, &err));
    json_error_t where;
    json_t *first = json_loadb(out.bytes, (size_t)(strchr(out.bytes, '\n') - out.bytes), 0, &where);
    assert_non_null(first);
    assert_string_equal(json_string_value(json_object_get(first, "word")), HOSTILE);
    assert_string_equal(json_string_value(json_object_get(first, "summarizer")), HOSTILE);
    assert_int_equal(json_integer_value(json_object_get(first, "layer")), 1);
    assert_close(json_number_value(json_object_get(first, "error")), .5, 0, 0);
    json_decref(first);
    sal_buffer_free(&out);
    close_study(study);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_strangers_stay_data),
        cmocka_unit_test(a_heads_words_read_back),
        cmocka_unit_test(samples_are_of_shown_documents_alone),
        cmocka_unit_test(probes_and_protocols_read_back),
        cmocka_unit_test(the_words_are_exported_worst_first),
        cmocka_unit_test(running_out_of_memory_is_an_ordinary_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
