/* Extractive baselines: rankings of given sentences against summa, scikit-learn and LexRank's definition (golden/baselines.json), SumBasic by
 * hand, and what a study gets from them. */
#include "testing.h"

#include <jansson.h>

#include "salient/random.h"
#include "stats/stats.h"
#include "summarize/sentences.h"
#include "summarize/summarizer.h"

static json_t *load(void) {
    char path[512];
    json_error_t where;
    snprintf(path, sizeof path, "%s/baselines.json", SALIENT_TEST_DATA);
    json_t *root = json_load_file(path, 0, &where);
    if (root == NULL)
        fail_msg("%s:%d: %s", path, where.line, where.text);
    return root;
}

/* Words from an array of arrays of strings. */
static void fill(sal_sentence_words *words, json_t *const *sentences, size_t count) {
    sal_error err = {0};
    size_t tokens = 0;
    for (size_t i = 0; i < count; i++)
        tokens += json_array_size(sentences[i]);
    *words = (sal_sentence_words){.sentence_count = count};
    words->starts = sal_calloc(count + 1, sizeof *words->starts);
    words->types = sal_calloc(tokens, sizeof *words->types);
    assert_non_null(words->starts);
    assert_non_null(words->types);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t t = 0; t < json_array_size(sentences[i]); t++) {
            const char *word = json_string_value(json_array_get(sentences[i], t));
            assert_ok(
                sal_word_index_add(&words->index, word, strlen(word), &words->types[used++], &err));
        }
        words->starts[i + 1] = used;
    }
}

static void fill_from_array(sal_sentence_words *words, const json_t *tokens) {
    size_t count = json_array_size(tokens);
    json_t **sentences = calloc(count + 1, sizeof *sentences);
    assert_non_null(sentences);
    for (size_t i = 0; i < count; i++)
        sentences[i] = json_array_get(tokens, i);
    fill(words, sentences, count);
    free(sentences);
}

static void compare_scores(const char *id, const double *seen, const json_t *expected) {
    for (size_t i = 0; i < json_array_size(expected); i++) {
        double wanted = json_number_value(json_array_get(expected, i));
        if (!(fabs(seen[i] - wanted) <= 1e-9 * fabs(wanted)))
            fail_msg("%s, sentence %zu: %.17g, not %.17g", id, i, seen[i], wanted);
    }
}

static void textrank_and_lexrank_equal_the_reference_on_given_words(void **state) {
    (void)state;
    sal_error err = {0};
    json_t *root = load();
    size_t index;
    json_t *document;
    size_t compared = 0;
    json_array_foreach(json_object_get(root, "documents"), index, document) {
        const char *id = json_string_value(json_object_get(document, "id"));
        sal_sentence_words words;
        fill_from_array(&words, json_object_get(document, "tokens"));
        double *scores = calloc(words.sentence_count + 1, sizeof *scores);
        assert_non_null(scores);
        assert_ok(sal_score_textrank(&words, scores, &err));
        compare_scores(id, scores,
                       json_object_get(json_object_get(document, "textrank_plain"), "scores"));
        assert_ok(sal_score_lexrank(&words, scores, &err));
        compare_scores(id, scores, json_object_get(json_object_get(document, "lexrank"), "scores"));
        compared += words.sentence_count;
        free(scores);
        sal_sentence_words_free(&words);
    }
    assert_true(compared > 30);
    json_decref(root);
}

/* summa leaves out sentences that share no word with another and gives them the score 0. */
static void textrank_equals_summas_pagerank_on_summas_stems(void **state) {
    (void)state;
    sal_error err = {0};
    json_t *root = load();
    size_t index;
    json_t *document;
    size_t compared = 0;
    json_array_foreach(json_object_get(root, "documents"), index, document) {
        const json_t *sentences =
            json_object_get(json_object_get(document, "summa_textrank"), "sentences");
        size_t count = json_array_size(sentences);
        json_t **connected = calloc(count + 1, sizeof *connected);
        double *expected = calloc(count + 1, sizeof *expected);
        assert_non_null(connected);
        assert_non_null(expected);
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            const json_t *sentence = json_array_get(sentences, i);
            double pagerank = json_number_value(json_object_get(sentence, "pagerank"));
            if (!(pagerank > 0))
                continue;
            connected[n] = json_object_get(sentence, "tokens");
            expected[n++] = pagerank;
        }
        sal_sentence_words words;
        fill(&words, connected, n);
        double *scores = calloc(n + 1, sizeof *scores);
        assert_non_null(scores);
        assert_ok(sal_score_textrank(&words, scores, &err));
        for (size_t i = 0; i < n; i++)
            assert_close(scores[i], expected[i], 1e-6, 0);
        compared += n;
        free(scores);
        free(expected);
        free(connected);
        sal_sentence_words_free(&words);
    }
    assert_true(compared > 30);
    json_decref(root);
}

/* The ranking as summa publishes it: wherever its scores tell two sentences apart, ours put them in the same order. Where LAPACK's first
 * eigenvector is not the dominant one summa's scores are no PageRank: such documents are listed. */
static void textrank_ranks_as_summa_publishes(void **state) {
    (void)state;
    sal_error err = {0};
    json_t *root = load();
    size_t index;
    json_t *document;
    size_t pairs = 0;
    json_array_foreach(json_object_get(root, "documents"), index, document) {
        const char *id = json_string_value(json_object_get(document, "id"));
        const json_t *summa = json_object_get(document, "summa_textrank");
        const json_t *sentences = json_object_get(summa, "sentences");
        json_t *connected[64];
        double published[64], scores[64];
        size_t n = 0;
        if (!json_is_true(json_object_get(summa, "first_eigenvector_is_dominant"))) {
            print_message("%s: summa's scores are no PageRank\n", id);
            continue;
        }
        for (size_t i = 0; i < json_array_size(sentences); i++) {
            const json_t *sentence = json_array_get(sentences, i);
            if (!(json_number_value(json_object_get(sentence, "pagerank")) > 0))
                continue;
            assert_true(n < 64);
            connected[n] = json_object_get(sentence, "tokens");
            published[n++] = json_number_value(json_object_get(sentence, "score"));
        }
        sal_sentence_words words;
        fill(&words, connected, n);
        assert_ok(sal_score_textrank(&words, scores, &err));
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n; k++) {
                if (!(published[i] > published[k] * (1 + 1e-6)))
                    continue;
                if (!(scores[i] > scores[k]))
                    fail_msg("%s: sentence %zu is above %zu, not in ours", id, i, k);
                pairs++;
            }
        sal_sentence_words_free(&words);
    }
    assert_true(pairs > 500);
    json_decref(root);
}

static void tfidf_of_a_document_equals_scikit_learns(void **state) {
    (void)state;
    sal_error err = {0};
    json_t *root = load();
    const json_t *tfidf = json_object_get(root, "tfidf");
    const json_t *idf = json_object_get(tfidf, "idf");
    const json_t *weights = json_object_get(tfidf, "weights");
    size_t index;
    json_t *document;
    size_t compared = 0;
    json_array_foreach(json_object_get(root, "documents"), index, document) {
        const char *id = json_string_value(json_object_get(document, "id"));
        const json_t *expected = json_object_get(weights, id);
        const json_t *tokens = json_object_get(document, "tokens");
        sal_sentence_words words;
        fill_from_array(&words, tokens);
        double *given = calloc(words.index.count + 1, sizeof *given);
        double *scores = calloc(words.sentence_count + 1, sizeof *scores);
        assert_non_null(given);
        assert_non_null(scores);
        for (size_t i = 0; i < words.index.count; i++) {
            char word[200];
            snprintf(word, sizeof word, "%.*s", (int)words.index.words[i].length,
                     sal_word_index_bytes(&words.index, i));
            given[i] = json_number_value(json_object_get(idf, word));
            assert_true(given[i] >= 1);
        }
        assert_ok(sal_score_tfidf(&words, given, scores, &err));
        for (size_t i = 0; i < words.sentence_count; i++) {
            const json_t *sentence = json_array_get(tokens, i);
            size_t length = json_array_size(sentence);
            double sum = 0;
            for (size_t t = 0; t < length; t++)
                sum += json_number_value(
                    json_object_get(expected, json_string_value(json_array_get(sentence, t))));
            assert_close(scores[i], length == 0 ? 0 : sum / (double)length, 1e-9, 0);
            compared++;
        }
        free(given);
        free(scores);
        sal_sentence_words_free(&words);
    }
    assert_true(compared > 30);
    /* ln((1 + 8) / (1 + 1)) + 1, as the golden file's words of one document */
    assert_close(sal_smooth_idf(8, 1), 2.504077396776274, 1e-12, 0);
    json_decref(root);
}

static void words_of(sal_sentence_words *words, const char *json) {
    json_t *tokens = json_loads(json, 0, NULL);
    assert_non_null(tokens);
    fill_from_array(words, tokens);
    json_decref(tokens);
}

static void sumbasic_squares_the_probability_of_what_was_said(void **state) {
    (void)state;
    sal_error err = {0};
    sal_sentence_words words;
    size_t order[4];
    /* N = 8: a 4/8, b 2/8, c 1/8, d 1/8. Means: .5, .375, .25, .125. After "a": p(a) = .25, so "a b" .25 and "b" stays .25:
     * the first of equals; then p(a) = .0625, p(b) = .0625: "c d a" has (.125+.125+.0625)/3 = .104 before "b" .0625. */
    words_of(&words, "[[\"a\",\"a\"],[\"a\",\"b\"],[\"b\"],[\"c\",\"d\",\"a\"]]");
    assert_ok(sal_order_sumbasic(&words, order, &err));
    const size_t expected[4] = {0, 1, 3, 2};
    assert_memory_equal(order, expected, sizeof expected);
    sal_sentence_words_free(&words);
}

static void sentences_without_words_or_neighbours_break_nothing(void **state) {
    (void)state;
    sal_error err = {0};
    sal_sentence_words words;
    double scores[4];
    size_t order[4];
    double sum = 0;
    words_of(&words, "[[],[\"a\"],[\"a\"],[]]"); /* ln 1 + ln 1 = 0: no weight either */
    assert_ok(sal_score_textrank(&words, scores, &err));
    for (size_t i = 0; i < 4; i++)
        assert_close(scores[i], 0.25, 1e-12, 0);
    assert_ok(sal_stats_order_falling(scores, 4, order, &err));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(order[i], i); /* ties stay in document order */
    assert_ok(sal_score_lexrank(&words, scores, &err));
    for (size_t i = 0; i < 4; i++)
        sum += scores[i];
    assert_close(sum, 1, 1e-12, 0);
    assert_ok(sal_order_sumbasic(&words, order, &err));
    sal_sentence_words_free(&words);
    words_of(&words, "[]");
    assert_ok(sal_score_textrank(&words, scores, &err));
    assert_ok(sal_score_lexrank(&words, scores, &err));
    assert_ok(sal_order_sumbasic(&words, order, &err));
    sal_sentence_words_free(&words);
}

/* Distinct words that two sentences share, counted the plain way. */
static size_t common_words(const sal_sentence_words *words, size_t a, size_t b) {
    size_t common = 0;
    for (size_t i = words->starts[a]; i < words->starts[a + 1]; i++) {
        bool first = true;
        bool shared = false;
        for (size_t k = words->starts[a]; k < i; k++)
            first = first && words->types[k] != words->types[i];
        for (size_t k = words->starts[b]; k < words->starts[b + 1]; k++)
            shared = shared || words->types[k] == words->types[i];
        common += first && shared;
    }
    return common;
}

/* The largest |r_j - ((1-d)/n + d sum_i r_i P_ij)|. */
static double residual(const sal_sentence_words *words, const double *scores) {
    size_t n = words->sentence_count;
    double *left = calloc(n, sizeof *left);
    double *row = calloc(n, sizeof *row);
    double worst = 0;
    assert_non_null(left);
    assert_non_null(row);
    for (size_t j = 0; j < n; j++)
        left[j] = scores[j] - 0.15 / (double)n;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        double own = log((double)(words->starts[i + 1] - words->starts[i]));
        for (size_t j = 0; j < n; j++) {
            double other = log((double)(words->starts[j + 1] - words->starts[j]));
            row[j] = i == j ? 0 : (double)common_words(words, i, j) / (own + other);
            sum += row[j];
        }
        for (size_t j = 0; j < n; j++)
            left[j] -= 0.85 * scores[i] * (sum > 0 ? row[j] / sum : 1 / (double)n);
    }
    for (size_t j = 0; j < n; j++)
        worst = fmax(worst, fabs(left[j]));
    free(left);
    free(row);
    return worst;
}

/* Up to 256 sentences the scores come from elimination, then from iteration, beyond a thousand with weights made anew in each step: all
 * of them must solve the equation. */
static void scores_solve_pageranks_equation_at_any_length(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 40, 256, 257, 1030};
    sal_error err = {0};
    sal_random random;
    sal_random_seed(&random, 11);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        json_t *tokens = json_array();
        for (size_t i = 0; i < sizes[s]; i++) {
            json_t *sentence = json_array();
            for (size_t k = 2 + sal_random_below(&random, 8); k > 0; k--) {
                char word[16];
                snprintf(word, sizeof word, "w%d", (int)sal_random_below(&random, 90));
                json_array_append_new(sentence, json_string(word));
            }
            json_array_append_new(tokens, sentence);
        }
        sal_sentence_words words;
        fill_from_array(&words, tokens);
        json_decref(tokens);
        double *scores = calloc(sizes[s], sizeof *scores);
        assert_non_null(scores);
        assert_ok(sal_score_textrank(&words, scores, &err));
        assert_true(residual(&words, scores) < 1e-11 / (double)sizes[s] + 1e-13);
        free(scores);
        sal_sentence_words_free(&words);
    }
}

/* ---- through the study ------------------------------------------------------------------------------------- */

static const char *const article =
    "The council met on Monday. The ferry company wants a new ferry line to the island. "
    "Rain fell all day. The island needs the ferry line, the company said. "
    "Nothing else was decided. Members went home at noon.";

static sal_study *make_study(const char *folder) {
    sal_error err = {0};
    sal_study *study = NULL;
    char path[96];
    snprintf(path, sizeof path, "%s/study", folder);
    assert_ok(sal_study_open(path, SAL_STUDY_CREATE, &study, &err));
    const struct {
        const char *id, *language, *text;
    } texts[] = {{"ferry", "en", article},
                 {"other", "en", "Some other text. It has the ferry. It has two more sentences."},
                 {"klingon", "xx", "Qapla batlh je. Qapla batlh je. Heghlu meH QaQ jajvam."}};
    for (size_t i = 0; i < 3; i++) {
        sal_document document = {.corpus = "mine",
                                 .id = texts[i].id,
                                 .language = texts[i].language,
                                 .kind = "news",
                                 .text = texts[i].text,
                                 .text_length = strlen(texts[i].text)};
        sal_added added;
        assert_ok(sal_study_add_document(study, &document, &added, NULL, &err));
    }
    return study;
}

static char *first_summary(sal_study *study, const char *with, const char *as, int words) {
    sal_error err = {0};
    sal_tally tally = {0};
    sal_summarizer_list *list = NULL;
    sal_summary_list *summaries = NULL;
    int64_t key = 0;
    sal_summarize_options options = sal_summarize_defaults();
    options.with = with;
    options.as = as;
    options.lengths = &words;
    options.length_count = 1;
    assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
    assert_int_equal(tally.failed, 0);
    assert_ok(sal_study_list_summarizers(study, &list, &err));
    int64_t summarizer = 0;
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, as) == 0)
            summarizer = list->items[i].key;
    assert_ok(sal_study_find_document(study, NULL, "ferry", &key, &err));
    assert_ok(sal_study_get_summaries(study, key, summarizer, &summaries, &err));
    assert_int_equal(summaries->count, 1);
    char *text = strdup(summaries->items[0].text);
    sal_summary_list_free(summaries);
    sal_summarizer_list_free(list);
    return text;
}

static void a_study_gets_the_sentences_that_rank_highest(void **state) {
    (void)state;
    sal_error err = {0};
    char folder[64];
    make_scratch_folder(folder);
    sal_study *study = make_study(folder);
    const struct {
        const char *with;
        const char *text;
    } expected[] = {
        {"tail", "Nothing"},
        {"frequency", "The ferry company wants a new"},
        {"textrank", "The ferry company wants a new"},
        {"lexrank", "The island needs the ferry line"},
        {"tfidf", "The island needs the ferry line"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        char *text = first_summary(study, expected[i].with, expected[i].with, 6);
        if (strncmp(text, expected[i].text, strlen(expected[i].text)) != 0)
            fail_msg("%s: '%s' does not begin with '%s'", expected[i].with, text, expected[i].text);
        free(text);
    }
    char *tail = first_summary(study, "tail", "tail", 6);
    assert_string_equal(tail,
                        "Nothing Members went home at noon."); /* 5 words of the last, then cut */
    free(tail);
    assert_ok(sal_study_close(study, &err));
    remove_scratch_folder(folder);
}

static void tfidf_of_a_changed_corpus_is_another_summarizer(void **state) {
    (void)state;
    sal_error err = {0};
    char folder[64];
    make_scratch_folder(folder);
    sal_study *study = make_study(folder);
    const int words = 6;
    sal_tally tally = {0};
    sal_summarize_options options = sal_summarize_defaults();
    free(first_summary(study, "tfidf", "tfidf", words));
    free(first_summary(study, "textrank", "textrank", words));
    sal_document more = {.corpus = "mine",
                         .id = "more",
                         .language = "en",
                         .kind = "news",
                         .text = "One more document.",
                         .text_length = 18};
    sal_added added;
    assert_ok(sal_study_add_document(study, &more, &added, NULL, &err));
    options.lengths = &words;
    options.length_count = 1;
    options.with = "tfidf";
    assert_int_equal(sal_summarize_run(study, &options, NULL, &tally, &err), SAL_EEXISTS);
    assert_non_null(strstr(err.text, "corpus"));
    options.with = "textrank";
    assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
    assert_int_equal(tally.done, 1);
    assert_ok(sal_study_close(study, &err));
    remove_scratch_folder(folder);
}

static void running_out_of_memory_is_an_error_and_leaks_nothing(void **state) {
    (void)state;
    sal_error err = {0};
    sal_sentence_words words;
    double scores[4];
    size_t order[4];
    words_of(&words, "[[\"a\",\"b\"],[\"a\",\"c\"],[\"b\",\"c\"],[\"d\",\"d\"]]");
    long before = sal_faulty_blocks();
    for (long n = 0;; n++) {
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_score_textrank(&words, scores, &err);
        if (status == 0)
            status = sal_score_lexrank(&words, scores, &err);
        if (status == 0)
            status = sal_stats_order_falling(scores, 4, order, &err);
        if (status == 0)
            status = sal_order_sumbasic(&words, order, &err);
        bool reached = sal_faulty_reset();
        assert_int_equal(sal_faulty_blocks(), before);
        if (!reached) {
            assert_int_equal(status, 0);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
    }
    sal_sentence_words_free(&words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(textrank_and_lexrank_equal_the_reference_on_given_words),
        cmocka_unit_test(textrank_equals_summas_pagerank_on_summas_stems),
        cmocka_unit_test(textrank_ranks_as_summa_publishes),
        cmocka_unit_test(tfidf_of_a_document_equals_scikit_learns),
        cmocka_unit_test(sumbasic_squares_the_probability_of_what_was_said),
        cmocka_unit_test(sentences_without_words_or_neighbours_break_nothing),
        cmocka_unit_test(scores_solve_pageranks_equation_at_any_length),
        cmocka_unit_test(a_study_gets_the_sentences_that_rank_highest),
        cmocka_unit_test(tfidf_of_a_changed_corpus_is_another_summarizer),
        cmocka_unit_test(running_out_of_memory_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
