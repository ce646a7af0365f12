/* The importance stage over a study: units, what is out of date, scores, cancelling, failing storage. */
#include "salient/importance.h"
#include "testing.h"

typedef struct world {
    char folder[64];
    char path[96];
    sal_study *study;
    int64_t documents[3];
    int64_t lead;
    int64_t reference;
} world;

static int64_t add_document(sal_study *study, const char *corpus, const char *id,
                            const char *language, const char *text) {
    sal_error err = {0};
    sal_added added;
    int64_t key = 0;
    sal_document document = {.corpus = corpus,
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
    char config[64];
    snprintf(config, sizeof config, "{\"kind\":\"%s\"}", name);
    sal_summarizer_info info = {.name = name,
                                .kind = name,
                                .config = config,
                                .temperature = NAN,
                                .top_p = NAN,
                                .top_k = NAN,
                                .repeat_penalty = NAN,
                                .parameters = NAN};
    assert_ok(sal_study_put_summarizer(study, &info, &key, &err));
    return key;
}

static void put_summary(sal_study *study, int64_t document, int64_t summarizer, int length,
                        sal_status status, const char *text, int64_t words) {
    sal_error err = {0};
    sal_summary summary = {.document = document,
                           .summarizer = summarizer,
                           .length = length,
                           .status = status,
                           .text = text,
                           .text_length = strlen(text),
                           .words = words,
                           .tokens = -1,
                           .prompt_tokens = -1};
    assert_ok(sal_study_put_summaries(study, &summary, 1, NULL, &err));
}

/* Three documents in two corpora; "lead" has summaries of all (those of the third all failed), "reference" of the first. */
static int set_up(void **state) {
    sal_error err = {0};
    world *w = test_calloc(1, sizeof *w);
    make_scratch_folder(w->folder);
    snprintf(w->path, sizeof w->path, "%s/study", w->folder);
    assert_ok(sal_study_open(w->path, SAL_STUDY_CREATE, &w->study, &err));
    w->documents[0] = add_document(w->study, "news", "a", "en", "The ferry closes. Rain fell.");
    w->documents[1] = add_document(w->study, "news", "b", "tlh", "jup nuq ferry");
    w->documents[2] = add_document(w->study, "other", "c", "fr", "Il pleut.");
    w->lead = add_summarizer(w->study, "lead");
    w->reference = add_summarizer(w->study, "reference");
    put_summary(w->study, w->documents[0], w->lead, 10, SAL_STATUS_OK, "The ferry", 2);
    put_summary(w->study, w->documents[0], w->lead, 20, SAL_STATUS_OK, "The ferry closes.", 3);
    put_summary(w->study, w->documents[1], w->lead, 10, SAL_STATUS_OK, "jup", 1);
    put_summary(w->study, w->documents[2], w->lead, 10, SAL_STATUS_FAILED, "", 0);
    put_summary(w->study, w->documents[0], w->reference, 0, SAL_STATUS_OK, "Rain on a ferry", 4);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    sal_error err = {0};
    if (sal_study_close(w->study, &err) != 0)
        fprintf(stderr, "%s\n", err.text);
    remove_scratch_folder(w->folder);
    test_free(w);
    return 0;
}

static sal_tally run(const world *w, const sal_importance_options *options) {
    sal_error err = {0};
    sal_tally tally = {0};
    assert_ok(sal_importance_run(w->study, options, NULL, &tally, &err));
    return tally;
}

static sal_importance_list *stored(const world *w, int document, int64_t summarizer,
                                   sal_protocol protocol) {
    sal_error err = {0};
    sal_importance_list *list = NULL;
    assert_ok(sal_study_get_importance(w->study, w->documents[document], summarizer, protocol,
                                       &list, &err));
    return list;
}

static double score_of(const world *w, const char *corpus, int64_t summarizer, const char *words,
                       const char *measure) {
    sal_error err = {0};
    sal_score_list *list = NULL;
    double value = INFINITY; /* there is none */
    assert_ok(sal_study_get_scores(w->study, &list, &err));
    for (size_t i = 0; i < list->count; i++) {
        const sal_score *score = &list->items[i];
        if (strcmp(score->corpus, corpus) == 0 && score->summarizer == summarizer &&
            strcmp(score->words, words) == 0 && strcmp(score->measure, measure) == 0 &&
            score->length == 0)
            value = score->value;
    }
    sal_score_list_free(list);
    return value;
}

static void units_are_made_once(void **state) {
    const world *w = *state;
    const sal_importance_options strict = {.protocol = SAL_STRICT};
    sal_tally tally = run(w, &strict);
    assert_int_equal(tally.done, 4);
    assert_int_equal(tally.kept, 0);
    assert_int_equal(tally.failed, 1); /* document c: no summary counts */
    tally = run(w, &strict);
    assert_int_equal(tally.done, 0);
    assert_int_equal(tally.kept, 4);
    assert_int_equal(tally.failed, 1);
    const sal_importance_options paper = {.protocol = SAL_PAPER};
    tally = run(w, &paper);
    assert_int_equal(tally.done, 4);
    assert_int_equal(tally.failed, 0);
}

static void rows_and_scores_are_stored(void **state) {
    const world *w = *state;
    const sal_importance_options strict = {.protocol = SAL_STRICT};
    run(w, &strict);
    sal_importance_list *list = stored(w, 0, w->lead, SAL_STRICT);
    assert_int_equal(list->count, 5);
    assert_int_equal(list->of, 2);
    assert_string_equal(list->rows[0].word, "closes");
    assert_int_equal(list->rows[0].count, 1);
    assert_string_equal(list->rows[4].word, "the");
    assert_int_equal(list->rows[4].content, 0);
    sal_importance_list_free(list);
    list = stored(w, 1, w->lead, SAL_STRICT);
    assert_int_equal(list->rows[0].content, -1); /* no stop list */
    sal_importance_list_free(list);
    list = stored(w, 2, w->lead, SAL_STRICT);
    assert_int_equal(list->count, 0);
    assert_int_equal(list->of, 0);
    sal_importance_list_free(list);
    assert_null(stored(w, 1, w->reference, SAL_STRICT));
    assert_close(score_of(w, "news", w->lead, "all", "consistency"), 1, 0, 0);
    assert_close(score_of(w, "news", w->lead, "", "summaries"), 3, 0, 0);
    assert_close(score_of(w, "other", w->lead, "", "documents_without_importance"), 1, 0, 0);
    assert_close(score_of(w, "news", w->reference, "", "words_achieved"), 4, 0, 0);
    assert_true(isinf(score_of(w, "news", w->reference, "all", "reliability_spearman")));
    assert_true(isinf(score_of(w, "other", w->reference, "", "summaries")));
}

static void a_changed_summary_makes_its_unit_out_of_date(void **state) {
    const world *w = *state;
    const sal_importance_options strict = {.protocol = SAL_STRICT};
    run(w, &strict);
    put_summary(w->study, w->documents[0], w->lead, 20, SAL_STATUS_OK, "Rain fell", 2);
    sal_tally tally = run(w, &strict);
    assert_int_equal(tally.done, 1);
    assert_int_equal(tally.kept, 3);
    sal_importance_list *list = stored(w, 0, w->lead, SAL_STRICT);
    assert_string_equal(list->rows[0].word, "closes");
    assert_int_equal(list->rows[0].count, 0);
    sal_importance_list_free(list);
    assert_close(score_of(w, "news", w->lead, "all", "consistency"), 0, 0, 0);
}

static void one_summarizer_or_corpus_can_be_asked_for(void **state) {
    const world *w = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    assert_int_equal(run(w, &(sal_importance_options){.by = "reference"}).done, 1);
    assert_int_equal(run(w, &(sal_importance_options){.corpus = "other"}).done, 1);
    const sal_importance_options wrong = {.by = "laed"};
    assert_int_equal(sal_importance_run(w->study, &wrong, NULL, &tally, &err), SAL_ENOTFOUND);
    assert_string_equal(err.text, "there is no summarizer 'laed'; there are: lead, reference");
    const sal_importance_options nowhere = {.corpus = "nowhere"};
    assert_int_equal(sal_importance_run(w->study, &nowhere, NULL, &tally, &err), SAL_ENOTFOUND);
}

static bool cancel_after_two(void *context) {
    return ++*(int *)context > 2;
}

static void a_cancelled_run_goes_on_where_it_stopped(void **state) {
    const world *w = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    int polls = 0;
    const sal_importance_options strict = {.protocol = SAL_STRICT};
    const sal_progress progress = {.cancelled = cancel_after_two, .context = &polls};
    assert_int_equal(sal_importance_run(w->study, &strict, &progress, &tally, &err),
                     SAL_ECANCELLED);
    assert_int_equal(tally.done, 2);
    tally = run(w, &strict);
    assert_int_equal(tally.kept, 2);
    assert_int_equal(tally.done, 2);
}

/* Whatever allocation fails, the run says so, leaks nothing of ours, and the next one finishes the work. */
static void running_out_of_memory_is_an_ordinary_error(void **state) {
    const world *w = *state;
    const sal_importance_options strict = {.protocol = SAL_STRICT};
    for (long n = 0;; n += n < 40 ? 1 : 7) {
        sal_error err = {0};
        sal_tally tally = {0};
        long blocks = sal_faulty_blocks();
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_importance_run(w->study, &strict, NULL, &tally, &err);
        bool reached = sal_faulty_reset();
        assert_int_equal(sal_faulty_blocks(), blocks);
        if (!reached) {
            assert_int_equal(status, SAL_OK);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
    }
    assert_int_equal(run(w, &strict).kept, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(units_are_made_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_and_scores_are_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_summary_makes_its_unit_out_of_date, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_summarizer_or_corpus_can_be_asked_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_run_goes_on_where_it_stopped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(running_out_of_memory_is_an_ordinary_error, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("importance stage", tests, NULL, NULL);
}
