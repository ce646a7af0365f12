/* There and back: what is exported in the paper's layout, imported again, gives the same importance. */

#include "test_study_sample.h"

#include <jansson.h>

#include "salient/import.h"
#include "salient/importance.h"

typedef struct fixture {
    char folder[64];
    char path[160];
    sal_study *study;
} fixture;

/* Two corpora with what can go wrong on the way: quotes, accents, a lead to be cleaned away, failures, an empty text. */
static int make_study(void **state) {
    fixture *made = calloc(1, sizeof *made);
    make_scratch_folder(made->folder);
    made->study = open_study(below(made->folder, "study", made->path), SAL_STUDY_CREATE);
    const int64_t documents[] = {
        add_document(made->study, "news", "b/1", "The \"boat\" sank.\r\nNobody was hurt.",
                     "It sank."),
        add_document(made->study, "news", "2", "L'\xc3\xa9t\xc3\xa9 est fini \xf0\x9f\x9a\xa2.",
                     NULL),
    };
    int64_t model = add_summarizer(made->study, "some/model", "import", "{}");
    for (int i = 0; i < 2; i++) {
        add_summary(made->study, documents[i], model, 10, SAL_STATUS_OK,
                    "Here is the 10-word summary: \"The boat, it's 3.9 m long\"");
        add_summary(made->study, documents[i], model, 20, SAL_STATUS_OK,
                    "\xc3\x89t\xc3\xa9 \\ tab\t and the boat");
        add_summary(made->study, documents[i], model, 30, SAL_STATUS_FAILED, "[Error: no boat]");
        add_summary(made->study, documents[i], model, 40, SAL_STATUS_REFUSED, "");
    }
    *state = made;
    return 0;
}

static int remove_study(void **state) {
    fixture *made = *state;
    close_study(made->study);
    remove_scratch_folder(made->folder);
    free(made);
    return 0;
}

static void compute_importance(sal_study *study) {
    sal_error err = {0};
    sal_tally tally = {0};
    const sal_importance_options paper = {.protocol = SAL_PAPER};
    const sal_importance_options strict = {.protocol = SAL_STRICT};
    assert_ok(sal_importance_run(study, &paper, NULL, &tally, &err));
    assert_ok(sal_importance_run(study, &strict, NULL, &tally, &err));
}

static sal_buffer export_text(sal_study *study, const char *table) {
    sal_error err = {0};
    sal_buffer out = {0};
    sal_sink sink = sal_buffer_sink(&out);
    assert_ok(sal_export_table(study, table, NULL, SAL_FORMAT_JSONL, &sink, &err));
    return out;
}

static void importance_survives_export_and_import(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    char out[160], predictions[260], path[160];
    static const char *const tables[] = {"documents", "importance"};
    compute_importance(made->study);
    assert_ok(sal_export_original(made->study, below(made->folder, "out", out), NULL, NULL, &tally,
                                  &err));

    sal_study *back = open_study(below(made->folder, "back", path), SAL_STUDY_CREATE);
    const sal_import_options options = {
        .corpus = "news", .summaries = true, .as = "some/model", .limit = -1};
    snprintf(predictions, sizeof predictions, "%s/data/some_model/news/predictions.json", out);
    tally = (sal_tally){0};
    assert_ok(sal_import_file(back, predictions, &options, NULL, &tally, &err));
    assert_int_equal(tally.done, 8);
    compute_importance(back);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        sal_buffer there = export_text(made->study, tables[i]);
        sal_buffer here = export_text(back, tables[i]);
        assert_string_equal(here.bytes, there.bytes);
        sal_buffer_free(&there);
        sal_buffer_free(&here);
    }
    close_study(back);
}

/* The file with importance says the same as the study, and can itself be imported as summaries. */
static void word_importance_in_the_file_is_that_of_the_study(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    json_error_t error;
    char out[160], file[260];
    sal_importance_list *list = NULL;
    compute_importance(made->study);
    assert_ok(sal_export_original(made->study, below(made->folder, "out", out), NULL, NULL, &tally,
                                  &err));
    snprintf(file, sizeof file,
             "%s/data/some_model/news/generated_summaries_with_word_importance_deduplicated.json",
             out);
    json_t *records = json_load_file(file, 0, &error);
    assert_non_null(records);
    assert_int_equal(json_array_size(records), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *map = json_object_get(json_array_get(records, i), "word_importance");
        assert_ok(sal_study_get_importance(made->study, (int64_t)i + 1, 1, SAL_PAPER, &list, &err));
        assert_int_equal(json_object_size(map), list->count);
        for (size_t w = 0; w < list->count; w++) {
            const json_t *value = json_object_get(map, list->rows[w].word);
            assert_true(json_is_real(value));
            assert_close(json_real_value(value),
                         (double)list->rows[w].count / (double)list->rows[w].of, 0, 0);
        }
        sal_importance_list_free(list);
    }
    json_decref(records);
}

static int count_summaries(void *context, const sal_prediction_document *document, sal_error *err) {
    (void)err;
    *(size_t *)context += document->count;
    return SAL_OK;
}

static void predictions_are_read_without_a_study_too(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    size_t count = 0;
    char out[160], file[260];
    const sal_import_options options = {.summaries = true, .limit = -1};
    compute_importance(made->study);
    assert_ok(sal_export_original(made->study, below(made->folder, "out", out), NULL, NULL, &tally,
                                  &err));
    snprintf(file, sizeof file, "%s/data/some_model/news/predictions.json", out);
    assert_ok(sal_import_predictions(file, &options, count_summaries, &count, &err));
    assert_int_equal(count, 8);
}

/* A summary that changes after importance was computed: the stage does just that unit again. */
static void what_is_out_of_date_is_computed_again(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    const sal_importance_options paper = {.protocol = SAL_PAPER};
    compute_importance(made->study);
    add_summary(made->study, 1, 1, 10, SAL_STATUS_OK, "Another text.");
    assert_ok(sal_importance_run(made->study, &paper, NULL, &tally, &err));
    assert_int_equal(tally.done, 1);
    assert_int_equal(tally.kept, 1);
}

int main(void) {
#define with_study(test) cmocka_unit_test_setup_teardown(test, make_study, remove_study)
    const struct CMUnitTest tests[] = {
        with_study(importance_survives_export_and_import),
        with_study(word_importance_in_the_file_is_that_of_the_study),
        with_study(predictions_are_read_without_a_study_too),
        with_study(what_is_out_of_date_is_computed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
