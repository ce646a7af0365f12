/* Measures on importance: values worked out by hand, planted signals, and what is undefined. */
#include "importance/importance_internal.h"
#include "salient/random.h"
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

typedef struct given {
    int length;
    int replica;
    sal_status status;
    const char *text;
} given;

static sal_document_measures measure(const sal_text *text, sal_protocol protocol,
                                     const sal_stopwords *stopwords, const char *document,
                                     const given *summaries, size_t count) {
    sal_error err = {0};
    sal_word_table table;
    sal_document_measures measures;
    sal_importance_input inputs[32];
    sal_summary_place places[32];
    assert_true(count <= 32);
    for (size_t i = 0; i < count; i++) {
        inputs[i] = (sal_importance_input){summaries[i].text, strlen(summaries[i].text),
                                           summaries[i].status};
        places[i] = (sal_summary_place){summaries[i].length, summaries[i].replica};
    }
    const sal_importance_choices choices = sal_importance_choices_of(protocol);
    assert_ok(sal_word_table_make(text, choices, stopwords, document, strlen(document), inputs,
                                  count, &table, &err));
    assert_ok(sal_importance_measure(&table, choices, places, &measures, &err));
    sal_word_table_free(&table);
    return measures;
}

/* ---- reliability ------------------------------------------------------------------------------------------- */

static const given four[] = {{10, 0, SAL_STATUS_OK, "a b"},
                             {20, 0, SAL_STATUS_OK, "a c"},
                             {30, 0, SAL_STATUS_OK, "a b"},
                             {40, 0, SAL_STATUS_OK, "a b x"}};

/* Halves {10,30} and {20,40} over the document's words a b c d: x = 1, 1, 0, 0 and y = 1, .5, .5, 0. r = 1/sqrt(2), of the
 * ranks as well (x 3.5 3.5 1.5 1.5; y 4 2.5 2.5 1: r = 3 / sqrt(4 * 4.5)). x is not a word of the document. */
static void reliability_is_worked_out_by_hand(void **state) {
    sal_document_measures m = measure(*state, SAL_STRICT, NULL, "a b c d", four, 4);
    double r = sqrt(0.5);
    assert_close(m.pearson[SAL_ALL_WORDS], 2 * r / (1 + r), 1e-12, 0);
    assert_close(m.spearman[SAL_ALL_WORDS], 2 * r / (1 + r), 1e-12, 0);
    assert_true(isnan(m.pearson[SAL_CONTENT_WORDS])); /* no stop list */
    assert_true(isnan(m.consistency[SAL_CONTENT_WORDS]));
}

/* Over the kept words a b c x: x = 1 1 0 0, y = 1 .5 .5 .5: r = .25 / sqrt(1 * .1875). */
static void paper_takes_the_words_that_are_kept(void **state) {
    sal_document_measures m = measure(*state, SAL_PAPER, NULL, "a b c d", four, 4);
    double r = 0.25 / sqrt(0.1875);
    assert_close(m.pearson[SAL_ALL_WORDS], 2 * r / (1 + r), 1e-12, 0);
}

static void a_failure_moves_no_other_summary_to_another_half(void **state) {
    given summaries[4];
    memcpy(summaries, four, sizeof four);
    summaries[1].status = SAL_STATUS_FAILED;
    /* {10,30} against {40} alone: x = 1 1 0 0, y = 1 1 0 0. */
    sal_document_measures m = measure(*state, SAL_STRICT, NULL, "a b c d", summaries, 4);
    assert_close(m.pearson[SAL_ALL_WORDS], 1, 1e-12, 0);
    summaries[3].status = SAL_STATUS_REFUSED; /* the second half is empty */
    m = measure(*state, SAL_STRICT, NULL, "a b c d", summaries, 4);
    assert_true(isnan(m.pearson[SAL_ALL_WORDS]));
    assert_true(isnan(m.spearman[SAL_ALL_WORDS]));
}

static void one_length_is_split_by_its_replicas(void **state) {
    const given summaries[] = {{50, 0, SAL_STATUS_OK, "a b"},
                               {50, 1, SAL_STATUS_OK, "a c"},
                               {50, 2, SAL_STATUS_OK, "a b"},
                               {50, 3, SAL_STATUS_OK, "a b"}};
    sal_document_measures m = measure(*state, SAL_STRICT, NULL, "a b c d", summaries, 4);
    double r = sqrt(0.5);
    assert_close(m.pearson[SAL_ALL_WORDS], 2 * r / (1 + r), 1e-12, 0);
    assert_true(isnan(m.consistency[SAL_ALL_WORDS])); /* there is no longer one */
}

static void one_summary_or_a_constant_half_has_no_reliability(void **state) {
    const given constant[] = {{10, 0, SAL_STATUS_OK, "a b"}, {20, 0, SAL_STATUS_OK, "a"}};
    assert_true(
        isnan(measure(*state, SAL_STRICT, NULL, "a b", constant, 2).pearson[SAL_ALL_WORDS]));
    assert_true(isnan(measure(*state, SAL_STRICT, NULL, "a b c", four, 1).pearson[SAL_ALL_WORDS]));
    assert_true(isnan(measure(*state, SAL_STRICT, NULL, "", four, 4).pearson[SAL_ALL_WORDS]));
    assert_true(isnan(measure(*state, SAL_STRICT, NULL, "a b", NULL, 0).pearson[SAL_ALL_WORDS]));
}

/* ---- consistency ------------------------------------------------------------------------------------------- */

/* 10>20: a of {a,b}; 20>30: a of {a,c}; 30>40: both of {a,b}. */
static void consistency_is_worked_out_by_hand(void **state) {
    sal_document_measures m = measure(*state, SAL_STRICT, NULL, "a b c d", four, 4);
    assert_close(m.consistency[SAL_ALL_WORDS], (0.5 + 0.5 + 1) / 3, 1e-12, 0);
}

static void consistency_skips_pairs_without_a_counting_neighbour(void **state) {
    given summaries[4];
    memcpy(summaries, four, sizeof four);
    summaries[2].status = SAL_STATUS_FAILED;
    sal_document_measures m = measure(*state, SAL_STRICT, NULL, "a b c d", summaries, 4);
    assert_close(m.consistency[SAL_ALL_WORDS], 0.5, 1e-12, 0);
    summaries[1].replica = 1; /* and the only other pair is of two replicas */
    m = measure(*state, SAL_STRICT, NULL, "a b c d", summaries, 4);
    assert_true(isnan(m.consistency[SAL_ALL_WORDS]));
}

static void content_words_leave_the_stop_list_out(void **state) {
    sal_error err = {0};
    sal_stopwords *english = NULL;
    const given summaries[] = {{10, 0, SAL_STATUS_OK, "the ferry closes"},
                               {20, 0, SAL_STATUS_OK, "the ferry the harbour"}};
    assert_ok(sal_stopwords_open("en", &english, &err));
    sal_document_measures m =
        measure(*state, SAL_STRICT, english, "the ferry harbour quay", summaries, 2);
    assert_close(m.consistency[SAL_ALL_WORDS], 2.0 / 3, 1e-12, 0); /* the, ferry */
    assert_close(m.consistency[SAL_CONTENT_WORDS], 0.5, 1e-12, 0); /* ferry of ferry, closes */
    /* ferry harbour quay: x = 1 0 0, y = 1 1 0: r = .5 */
    assert_close(m.pearson[SAL_CONTENT_WORDS], 2.0 / 3, 1e-12, 0);
    sal_stopwords_close(english);
}

/* ---- planted signals --------------------------------------------------------------------------------------- */

enum { WORDS = 200, SUMMARIES = 10 };

/* Ten summaries that keep word i with its own probability (signal) or all with .3 (noise): the mean reliability over documents is
 * near its expectation in the first case and near 0 in the second. */
static double mean_reliability(const sal_text *text, bool signal, sal_random *random) {
    sal_error err = {0};
    double sum = 0;
    for (int document = 0; document < 60; document++) {
        sal_buffer all = {0};
        sal_buffer texts[SUMMARIES] = {{0}};
        given summaries[SUMMARIES];
        for (int w = 0; w < WORDS; w++) {
            double probability = signal ? (double)w / WORDS : 0.3;
            assert_ok(sal_buffer_add_format(&all, &err, "w%d ", w));
            for (size_t s = 0; s < SUMMARIES; s++)
                if (sal_random_uniform(random) < probability)
                    assert_ok(sal_buffer_add_format(&texts[s], &err, "w%d ", w));
        }
        for (size_t s = 0; s < SUMMARIES; s++)
            summaries[s] = (given){10 * (int)(s + 1), 0, SAL_STATUS_OK, texts[s].bytes};
        sum +=
            measure(text, SAL_STRICT, NULL, all.bytes, summaries, SUMMARIES).pearson[SAL_ALL_WORDS];
        for (size_t s = 0; s < SUMMARIES; s++)
            sal_buffer_free(&texts[s]);
        sal_buffer_free(&all);
    }
    return sum / 60;
}

/* With uniform keep-probabilities the variance of p is 1/12, the noise of a half of five summaries (1/6)/5: halves correlate at
 * (1/12)/(1/12 + 1/30) = .714, the whole is reliable at .833. */
static void a_planted_signal_is_found_and_noise_is_not(void **state) {
    sal_random random;
    sal_random_seed(&random, 3);
    assert_close(mean_reliability(*state, true, &random), 0.833, 0, 0.01);
    assert_close(mean_reliability(*state, false, &random), 0, 0, 0.05);
}

/* ---- scores ------------------------------------------------------------------------------------------------ */

static const sal_score *find_score(const sal_score *scores, size_t count, const char *words,
                                   const char *measure_name, int length) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(scores[i].measure, measure_name) == 0 && strcmp(scores[i].words, words) == 0 &&
            scores[i].length == length)
            return &scores[i];
    fail_msg("no score %s of words '%s', length %d", measure_name, words, length);
    return NULL;
}

static void expect_score(const sal_score *score, double value, int64_t documents,
                         int64_t undefined) {
    if (isnan(value))
        assert_true(isnan(score->value));
    else
        assert_close(score->value, value, 1e-12, 0);
    assert_int_equal(score->documents, documents);
    assert_int_equal(score->undefined, undefined);
}

static void add_document(sal_score_sums *sums, double reliability, int64_t words10, int64_t words20,
                         sal_status second) {
    sal_error err = {0};
    sal_summary items[] = {{.length = 10, .status = SAL_STATUS_OK, .words = words10},
                           {.length = 20, .status = second, .words = words20}};
    const bool counts[] = {true, second == SAL_STATUS_OK};
    const sal_summary_list list = {items, 2};
    const sal_document_measures measures = {{reliability, NAN}, {-0.25, NAN}, {0.5, NAN}};
    assert_ok(sal_score_sums_add(sums, &list, counts, &measures, &err));
}

static void scores_are_means_over_documents_with_what_was_left_out(void **state) {
    (void)state;
    sal_error err = {0};
    sal_score_sums sums = {0};
    sal_score *scores = NULL;
    size_t count = 0;
    add_document(&sums, 0.6, 9, 23, SAL_STATUS_OK);
    add_document(&sums, NAN, 12, 0, SAL_STATUS_FAILED);
    add_document(&sums, 0.3, 11, 22, SAL_STATUS_OK);
    assert_ok(sal_score_sums_scores(&sums, &scores, &count, &err));
    expect_score(find_score(scores, count, "all", "reliability_pearson", 0), 0.45, 2, 1);
    expect_score(find_score(scores, count, "all", "ceiling_pearson", 0), sqrt(0.45), 2, 1);
    expect_score(find_score(scores, count, "all", "reliability_spearman", 0), -0.25, 3, 0);
    expect_score(find_score(scores, count, "all", "ceiling_spearman", 0), NAN, 3, 0);
    expect_score(find_score(scores, count, "content", "reliability_pearson", 0), NAN, 0, 3);
    expect_score(find_score(scores, count, "all", "consistency", 0), 0.5, 3, 0);
    expect_score(find_score(scores, count, "", "summaries", 0), 6, 3, 0);
    expect_score(find_score(scores, count, "", "ok", 0), 5, 3, 0);
    expect_score(find_score(scores, count, "", "failed", 0), 1, 3, 0);
    expect_score(find_score(scores, count, "", "words_asked", 10), 10, 3, 0);
    expect_score(find_score(scores, count, "", "words_achieved", 10), 32.0 / 3, 3, 0);
    expect_score(find_score(scores, count, "", "within_10_percent", 10), 2.0 / 3, 3, 0);
    expect_score(find_score(scores, count, "", "words_achieved", 20), 22.5, 2, 1);
    expect_score(find_score(scores, count, "", "within_10_percent", 20), 0.5, 2, 1);
    expect_score(find_score(scores, count, "", "within_10_percent", 0), 0.6, 3, 0);
    assert_true(isnan(find_score(scores, count, "all", "reliability_pearson", 0)->low));
    sal_free(scores);
    sal_score_sums_free(&sums);
}

static void twenty_documents_have_an_interval(void **state) {
    (void)state;
    sal_error err = {0};
    sal_score_sums sums = {0};
    sal_score *scores = NULL;
    size_t count = 0;
    for (int i = 0; i < 20; i++)
        add_document(&sums, 0.04 * i, 10, 20, SAL_STATUS_OK);
    assert_ok(sal_score_sums_scores(&sums, &scores, &count, &err));
    const sal_score *reliability = find_score(scores, count, "all", "reliability_pearson", 0);
    const sal_score *ceiling = find_score(scores, count, "all", "ceiling_pearson", 0);
    assert_true(reliability->low < 0.38 && 0.38 < reliability->high);
    assert_close(ceiling->low, sqrt(reliability->low), 1e-15, 0);
    assert_close(ceiling->high, sqrt(reliability->high), 1e-15, 0);
    sal_free(scores);
    sal_score_sums_free(&sums);
}

static void one_summary_a_document_has_counts_only(void **state) {
    (void)state;
    sal_error err = {0};
    sal_score_sums sums = {0};
    sal_score *scores = NULL;
    size_t count = 0;
    sal_summary item = {.length = 0, .status = SAL_STATUS_OK, .words = 31};
    const bool counts[] = {true};
    const sal_summary_list list = {&item, 1};
    const sal_document_measures measures = {{NAN, NAN}, {NAN, NAN}, {NAN, NAN}};
    assert_ok(sal_score_sums_add(&sums, &list, counts, &measures, &err));
    assert_ok(sal_score_sums_scores(&sums, &scores, &count, &err));
    expect_score(find_score(scores, count, "", "words_achieved", 0), 31, 1, 0);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(scores[i].words, "");
        assert_string_not_equal(scores[i].measure, "words_asked");
        assert_string_not_equal(scores[i].measure, "within_10_percent");
    }
    sal_free(scores);
    sal_score_sums_free(&sums);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reliability_is_worked_out_by_hand),
        cmocka_unit_test(paper_takes_the_words_that_are_kept),
        cmocka_unit_test(a_failure_moves_no_other_summary_to_another_half),
        cmocka_unit_test(one_length_is_split_by_its_replicas),
        cmocka_unit_test(one_summary_or_a_constant_half_has_no_reliability),
        cmocka_unit_test(consistency_is_worked_out_by_hand),
        cmocka_unit_test(consistency_skips_pairs_without_a_counting_neighbour),
        cmocka_unit_test(content_words_leave_the_stop_list_out),
        cmocka_unit_test(a_planted_signal_is_found_and_noise_is_not),
        cmocka_unit_test(scores_are_means_over_documents_with_what_was_left_out),
        cmocka_unit_test(twenty_documents_have_an_interval),
        cmocka_unit_test(one_summary_a_document_has_counts_only),
    };
    return cmocka_run_group_tests_name("importance measures", tests, set_up, tear_down);
}
