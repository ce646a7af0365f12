/* Inside of the head analysis: words and their tokens, word values, null heads, scores of one unit (METHODS 3 and 6). Whole runs are
 * recomputed in tests/heads/recompute.py. */
#include "heads/ablate_internal.h"

#include "salient/random.h"
#include "score/importance_change.h"
#include "stats/stats.h"
#include "testing.h"
#include "zipf_documents.h"

static sal_document make_document(const char *text, const char *language) {
    return (sal_document){.corpus = "c",
                          .id = "d",
                          .language = language,
                          .kind = "news",
                          .text = text,
                          .text_length = strlen(text)};
}

/* ---- words -------------------------------------------------------------------------------------------------- */

static void expect_words(const head_words *words, const char *const *expected) {
    size_t count = 0;
    for (; expected[count] != NULL; count++)
        if (count >= words->count || strcmp(words->words[count], expected[count]) != 0)
            fail_msg("word %zu is %s, not %s", count,
                     count < words->count ? words->words[count] : "missing", expected[count]);
    assert_int_equal(words->count, count);
}

static void strict_words_have_all_occurrences(void **state) {
    sal_error err = {0};
    sal_text *text = NULL;
    head_words words = {0};
    const sal_document document = make_document("The ferry sank. The ferry\u2019s crew; the", "en");
    (void)state;
    assert_ok(sal_text_open(&text, &err));
    assert_ok(head_words_make(text, SAL_STRICT, NULL, &document, &words, &err));
    expect_words(&words, (const char *const[]){"the", "ferry", "sank", "ferry's", "crew", NULL});
    assert_int_equal(words.occurrences, 7);
    assert_close(words.frequency[0], 3, 0, 0);
    assert_close(words.first[3], 4, 0, 0);
    assert_int_equal(words.start[1] - words.start[0], 3);
    assert_int_equal(words.content[0], -1);
    head_words_free(&words);
    sal_text_close(text);
}

static void paper_words_are_split_stripped_and_folded(void **state) {
    sal_error err = {0};
    sal_text *text = NULL;
    sal_stopwords *stopwords = NULL;
    head_words words = {0};
    sal_document document = make_document("\"Don't!\" - well-known `x` Don\u2019t 3.5 don't", "en");
    (void)state;
    assert_ok(sal_text_open(&text, &err));
    assert_ok(head_words_make(text, SAL_PAPER, NULL, &document, &words, &err));
    expect_words(&words, (const char *const[]){"don't", "wellknown", "'x'", "dont", "35", NULL});
    assert_close(words.frequency[0], 2, 0, 0);
    assert_int_equal(words.start[1] - words.start[0], 1); /* the first occurrence alone */
    head_words_free(&words);
    document = make_document("\u00c9t\u00e9 \u0153uvre \u00e0 l'\u00e9cole", "fr");
    assert_ok(sal_stopwords_open("fr", &stopwords, &err));
    assert_ok(head_words_make(text, SAL_PAPER, stopwords, &document, &words, &err));
    expect_words(&words, (const char *const[]){"ete", "uvre", "a", "l'ecole", NULL});
    assert_int_equal(words.content[2], 0); /* known as a stop word by its accented form */
    assert_int_equal(words.content[3], 1);
    head_words_free(&words);
    sal_stopwords_close(stopwords);
    sal_text_close(text);
}

static void later_keys_win_in_the_paper_protocol(void **state) {
    sal_error err = {0};
    sal_text *text = NULL;
    head_words words = {0};
    const sal_document document = make_document("wellknown well other", "en");
    sal_importance_row rows[] = {{.word = "well", .count = 3},
                                 {.word = "well-known", .count = 1},
                                 {.word = "wellknown", .count = 2}};
    const sal_importance_list list = {.rows = rows, .count = 3, .of = 4};
    (void)state;
    assert_ok(sal_text_open(&text, &err));
    assert_ok(head_words_make(text, SAL_PAPER, NULL, &document, &words, &err));
    assert_ok(head_words_set_importance(&list, SAL_PAPER, "en", &words, &err));
    assert_close(words.importance[0], .5, 0, 0);
    assert_close(words.importance[1], .75, 0, 0);
    assert_close(words.importance[2], 0, 0, 0);
    head_words_free(&words);
    sal_text_close(text);
}

/* ---- tokens ------------------------------------------------------------------------------------------------- */

static void tokens_belong_to_the_words_they_overlap(void **state) {
    /*                                                     0123456789012345678901 */
    const sal_document document = make_document("The ferry, the sea. x", "en");
    const sal_span tokens[] = {{0, 3}, {3, 6}, {6, 9}, {9, 10}, {10, 14}, {14, 19}, {19, 21}};
    const float values[] = {1, 2, 4, 8, 16, 32, 64};
    sal_error err = {0};
    sal_text *text = NULL;
    head_words words = {0};
    head_alignment alignment = {0};
    double row[4];
    (void)state;
    assert_ok(sal_text_open(&text, &err));
    assert_ok(head_words_make(text, SAL_STRICT, NULL, &document, &words, &err));
    assert_ok(head_align(&words, tokens, 7, 0, (head_left_out){0}, &alignment, &err));
    assert_int_equal(alignment.count, 4);
    assert_int_equal(alignment.flagged, 4); /* no token has 16 queries behind it */
    assert_true(head_word_values(&alignment, values, SAL_HEAD_MEAN, row));
    const double sum = 8.5 + 3 + 32 + 64; /* the: tokens 0 and 4; the comma alone belongs to none */
    assert_close(row[0], 8.5 / sum, 1e-15, 0);
    assert_close(row[1], 3 / sum, 1e-15, 0);
    assert_true(head_word_values(&alignment, values, SAL_HEAD_MAX, row));
    assert_close(row[0] / row[1], 16.0 / 4, 1e-15, 0);
    assert_true(head_word_values(&alignment, values, SAL_HEAD_MIN, row));
    assert_close(row[0] / row[1], 1.0 / 2, 1e-15, 0);
    head_alignment_free(&alignment);
    /* Without the first two tokens "the" has its second occurrence, "ferry" its second token. */
    assert_ok(head_align(&words, tokens, 7, 0, (head_left_out){.first = 2}, &alignment, &err));
    assert_int_equal(alignment.unaligned, 0);
    assert_true(head_word_values(&alignment, values, SAL_HEAD_MEAN, row));
    assert_close(row[0] / row[1], 16.0 / 4, 1e-15, 0);
    head_alignment_free(&alignment);
    assert_ok(head_align(&words, tokens, 7, 0, (head_left_out){.first = 5}, &alignment, &err));
    assert_int_equal(alignment.unaligned, 2);
    assert_int_equal(alignment.count, 2);
    head_alignment_free(&alignment);
    /* Two tokens must follow: "sea" and "x" are out; 7 must: all are. */
    assert_ok(
        head_align(&words, tokens, 7, 0, (head_left_out){.min_queries = 2}, &alignment, &err));
    assert_int_equal(alignment.unaligned, 2);
    assert_true(head_word_values(&alignment, values, SAL_HEAD_MEAN, row));
    assert_close(row[0] / row[1], 8.5 / 3, 1e-15, 0);
    head_alignment_free(&alignment);
    assert_ok(
        head_align(&words, tokens, 7, 0, (head_left_out){.min_queries = 7}, &alignment, &err));
    assert_int_equal(alignment.count, 0);
    head_alignment_free(&alignment);
    head_words_free(&words);
    sal_text_close(text);
}

/* ---- scores ------------------------------------------------------------------------------------------------- */

/* A unit of a text whose words are single letters apart by spaces, one token each, T tokens. */
typedef struct letters {
    sal_text *text;
    head_words words;
    head_frequencies frequencies;
    sal_span *tokens;
    char *bytes;
    size_t T;
} letters;

static void letters_make(letters *l, const int *types, size_t T) {
    sal_error err = {0};
    *l = (letters){.T = T, .frequencies = {.total = 1}};
    l->tokens = test_calloc(T, sizeof *l->tokens);
    l->bytes = test_calloc(T, 8);
    size_t at = 0;
    for (size_t i = 0; i < T; i++) {
        size_t start = at;
        at += (size_t)snprintf(l->bytes + at, 8 * T - at, "w%d ", types[i]);
        l->tokens[i] = (sal_span){start, at};
    }
    const sal_document document = make_document(l->bytes, "en");
    assert_ok(sal_text_open(&l->text, &err));
    assert_ok(head_words_make(l->text, SAL_STRICT, NULL, &document, &l->words, &err));
}

static void letters_free(letters *l) {
    head_words_free(&l->words);
    sal_text_close(l->text);
    test_free(l->tokens);
    test_free(l->bytes);
}

static int score(const letters *l, const float *values, size_t H, sal_evidence kind, bool drop_zero,
                 sal_head_unit *unit, sal_error *err) {
    static const size_t layers[] = {0};
    const head_setting setting = {
        .drop_zero = drop_zero, .threads = 2, .frequencies = &l->frequencies};
    const head_evidence evidence = {.kind = kind,
                                    .values = values,
                                    .H = H,
                                    .T = l->T,
                                    .layers = layers,
                                    .layer_count = 1,
                                    .tokens = l->tokens};
    return head_score(&setting, &l->words, &evidence, unit, err);
}

static double score_of(const sal_head_unit *unit, size_t row, int measure) {
    return unit->sets[SAL_HEAD_ALL].scores[row * SAL_HEAD_MEASURES + (size_t)measure];
}

static void a_head_equal_to_y_is_perfect(void **state) {
    const int types[] = {1, 2, 3, 1, 4, 5, 6, 2, 7, 8};
    const double y[] = {1, .2, .7, .1, .9, .4, .3, .6};
    float values[3][10];
    sal_error err = {0};
    letters l;
    sal_head_unit unit = {0};
    (void)state;
    letters_make(&l, types, 10);
    memcpy(l.words.importance, y, sizeof y);
    for (size_t i = 0; i < 10; i++) {
        size_t w = (size_t)types[i] - 1;
        values[0][i] = (float)y[w];
        values[1][i] = (float)(1 - y[w]) + .1f;
        values[2][i] = i == 4 ? NAN : 1;
    }
    assert_ok(score(&l, values[0], 3, SAL_EVIDENCE_RECEIVED, false, &unit, &err));
    assert_int_equal(unit.rows, 3 + SAL_NULL_HEADS);
    assert_int_equal(unit.non_finite, 1);
    assert_close(score_of(&unit, 0, SAL_METRIC_SPEARMAN), 1, 0, 0);
    assert_close(score_of(&unit, 0, SAL_METRIC_KL_NORMALIZED), 1, 1e-9, 0); /* float values */
    assert_close(score_of(&unit, 0, SAL_HEAD_PARTIAL_POSITION), 1, 1e-12, 0);
    assert_close(score_of(&unit, 1, SAL_METRIC_SPEARMAN), -1, 0, 0);
    assert_true(isnan(score_of(&unit, 2, SAL_METRIC_SPEARMAN)));
    /* Position is explained by position. */
    assert_true(isnan(score_of(&unit, 3 + SAL_NULL_POSITION, SAL_HEAD_PARTIAL_POSITION)));
    assert_null(unit.sets[SAL_HEAD_CONTENT].scores); /* no stop list */
    assert_string_equal(unit.word_list, "w1\nw2\nw3\nw4\nw5\nw6\nw7\nw8\n");
    head_unit_clear(&unit);
    letters_free(&l);
}

static void the_empty_head_is_undefined_where_it_is_constant(void **state) {
    const int types[] = {1, 2, 3, 1, 4, 5};
    const float values[] = {1, 2, 3, 4, 5, 6};
    sal_error err = {0};
    letters l;
    (void)state;
    letters_make(&l, types, 6);
    l.words.importance[1] = .5;
    l.words.importance[2] = .25;
    for (int kind = 0; kind < SAL_EVIDENCES; kind++) {
        sal_head_unit unit = {0};
        assert_ok(score(&l, values, 1, (sal_evidence)kind, false, &unit, &err));
        const bool defined = kind == SAL_EVIDENCE_RECEIVED || kind == SAL_EVIDENCE_NORM;
        assert_int_equal(isnan(score_of(&unit, 1 + SAL_NULL_EMPTY, SAL_METRIC_SPEARMAN)), !defined);
        assert_close(unit.sets[SAL_HEAD_ALL].tied, 3.0 / 5, 0, 0);
        head_unit_clear(&unit);
    }
    sal_head_unit unit = {0};
    assert_ok(score(&l, values, 1, SAL_EVIDENCE_RECEIVED, true, &unit, &err));
    assert_int_equal(unit.sets[SAL_HEAD_ALL].words, 2); /* those of importance 0 dropped */
    assert_int_equal(unit.words, 5);
    head_unit_clear(&unit);
    letters_free(&l);
}

static void the_empty_heads_rho_is_that_of_its_definition(void **state) {
    sal_random random;
    double sums[2] = {0, 0};
    static float nothing[ZIPF_TOKENS];
    (void)state;
    sal_random_seed(&random, 21);
    for (size_t i = 0; i < ZIPF_TOKENS; i++)
        nothing[i] = 1;
    for (int i = 0; i < 150; i++) {
        sal_error err = {0};
        zipf_document d;
        letters l;
        sal_head_unit unit = {0};
        double direct = NAN;
        zipf_document_draw(&random, true, &d);
        letters_make(&l, d.tokens, ZIPF_TOKENS);
        assert_int_equal(l.words.count, d.n);
        memcpy(l.words.importance, d.y, d.n * sizeof *d.y);
        assert_ok(score(&l, nothing, 1, SAL_EVIDENCE_RECEIVED, false, &unit, &err));
        assert_ok(sal_stats_spearman(d.y, d.heads, d.n, &direct, &err));
        sums[0] += score_of(&unit, 1 + SAL_NULL_EMPTY, SAL_METRIC_SPEARMAN) / 150;
        sums[1] += direct / 150;
        head_unit_clear(&unit);
        letters_free(&l);
    }
    assert_close(sums[0], sums[1], 0, .02);
    assert_true(sums[0] > .45);
}

static void without_memory_it_is_an_error_and_nothing_leaks(void **state) {
    const int types[] = {1, 2, 3, 1, 4, 5};
    const float values[] = {1, 2, 3, 4, 5, 6};
    letters l;
    (void)state;
    letters_make(&l, types, 6);
    l.words.importance[1] = .5;
    const long before = sal_faulty_blocks();
    for (long n = 0;; n++) {
        sal_error err = {0};
        sal_head_unit unit = {0};
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = score(&l, values, 1, SAL_EVIDENCE_RECEIVED, false, &unit, &err);
        bool reached = sal_faulty_reset();
        head_unit_clear(&unit);
        assert_int_equal(sal_faulty_blocks(), before);
        if (!reached) {
            assert_int_equal(status, SAL_OK);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
    }
    letters_free(&l);
}

/* ---- many predictions against one reference ------------------------------------------------------------------ */

/* Vectors with ties, zeros and tiny numbers. */
static double draw_value(sal_random *random, int kind) {
    double u = sal_random_uniform(random);
    switch (kind) {
    case 0:
        return floor(11 * u) / 10;
    case 1:
        return u < .5 ? 0 : u;
    case 2:
        return exp(-40 * u);
    default:
        return 1;
    }
}

static void many_is_the_same_as_one_by_one(void **state) {
    enum { MOST = 60 };
    sal_random random;
    sal_error err = {0};
    size_t compared = 0;
    (void)state;
    sal_random_seed(&random, 4);
    for (int round = 0; round < 400; round++) {
        double y[MOST], x[MOST], ranks[MOST], plain[MOST], one[SAL_METRICS], many[SAL_METRICS];
        const size_t n = round < 4 ? (size_t)round : 1 + sal_random_below(&random, MOST);
        const sal_protocol protocol = round % 2 == 0 ? SAL_STRICT : SAL_PAPER;
        sal_metrics_reference *reference = NULL;
        const int kinds[2] = {(round / 2) % 4, (round / 8) % 4};
        for (size_t i = 0; i < n; i++) {
            y[i] = draw_value(&random, kinds[0]);
            x[i] = draw_value(&random, kinds[1]);
        }
        assert_ok(sal_metrics_compute(protocol, y, x, NULL, n, one, &err));
        assert_ok(sal_metrics_reference_open(protocol, y, n, &reference, &err));
        void *workspace = test_calloc(1, sal_metrics_workspace(reference) + 1);
        assert_ok(sal_metrics_against(reference, x, workspace, many, ranks, &err));
        for (int m = 0; m < SAL_METRICS; m++) {
            if (m == SAL_METRIC_KL_NORMALIZED && one[SAL_METRIC_KL_UNIFORM] < 1e-9)
                continue; /* rounding over rounding */
            if (m == SAL_METRIC_SPEARMAN_P && 1 - fabs(many[SAL_METRIC_SPEARMAN]) < 1e-12)
                continue; /* the tail of a perfect correlation is all rounding */
            if (isnan(one[m]) != isnan(many[m]) ||
                !(isnan(one[m]) || fabs(one[m] - many[m]) <= 1e-12 + 1e-10 * fabs(one[m])))
                fail_msg("round %d, n %zu, %s: %.17g, not %.17g", round, n,
                         sal_metric_name((sal_metric)m), many[m], one[m]);
            compared++;
        }
        assert_ok(sal_stats_ranks(x, n, plain, &err));
        for (size_t i = 0; i < n; i++)
            assert_close(ranks[i], 2 * plain[i] - (double)(n + 1), 0, 0);
        test_free(workspace);
        sal_metrics_reference_close(reference);
    }
    assert_true(compared > 9000);
}

/* Numbers that differ only in their last digits, ties among them, thousands in a row; and numbers of every size. */
static void numbers_that_are_nearly_equal_are_ordered(void **state) {
    enum { MANY = 3000 };
    sal_random random;
    sal_error err = {0};
    double *y = test_calloc(3 * MANY, sizeof *y);
    double *x = y + MANY, *ranks = y + 2 * MANY;
    (void)state;
    sal_random_seed(&random, 5);
    for (int kind = 0; kind < 2; kind++) {
        double one[SAL_METRICS], many[SAL_METRICS];
        sal_metrics_reference *reference = NULL;
        for (size_t i = 0; i < MANY; i++) {
            y[i] = floor(11 * sal_random_uniform(&random)) / 10;
            x[i] = kind == 0 ? 1 + 1e-14 * (double)sal_random_below(&random, 5000)
                             : exp(1200 * (sal_random_uniform(&random) - .5));
        }
        assert_ok(sal_metrics_compute(SAL_STRICT, y, x, NULL, MANY, one, &err));
        assert_ok(sal_metrics_reference_open(SAL_STRICT, y, MANY, &reference, &err));
        void *workspace = test_calloc(1, sal_metrics_workspace(reference));
        assert_ok(sal_metrics_against(reference, x, workspace, many, ranks, &err));
        for (int m = 0; m < SAL_METRICS; m++)
            if (m != SAL_METRIC_PEARSON && m != SAL_METRIC_PARTIAL_SPEARMAN) /* rounding alone */
                assert_close(many[m], one[m], 1e-9, 1e-12);
        test_free(workspace);
        sal_metrics_reference_close(reference);
    }
    test_free(y);
}

/* ---- retrieval heads ---------------------------------------------------------------------------------------- */

/* A prompt of 2 tokens, a document of 4, an instruction of 1, a summary of 4: "7 9" is copied, 5 is the instruction's, 8 is new. */
static void a_head_hits_where_it_looks_at_the_token_that_comes_next(void **state) {
    const int32_t ids[] = {1, 7, /* document: */ 6, 7, 9, 7, /* then */ 5, /* summary: */ 7, 9,
                           5, 8};
    const sal_span document = {2, 6}, queries = {6, 10};
    const int32_t top[4][4] = {
        {3, 4, 0, 0}, /* both copied tokens */
        {5, 3, 6,
         0}, /* the other 7; then the token that was just copied, as an induction head's neighbour */
        {1, 0, 0, 0},  /* a 7, but the prompt's */
        {-1, 8, 9, 9}, /* a row that is not finite; the summary itself */
    };
    int32_t hits[4];
    (void)state;
    assert_int_equal(head_retrieval_count(ids, document, queries, &top[0][0], 4, hits), 2);
    assert_int_equal(hits[0], 2);
    assert_int_equal(hits[1], 1);
    assert_int_equal(hits[2], 0);
    assert_int_equal(hits[3], 0);
    assert_int_equal(head_retrieval_count(ids, (sal_span){2, 3}, queries, &top[0][0], 4, hits), 0);
    assert_int_equal(hits[0], 0);
}

/* 20 heads; the statistic falls from head to head, the first 4 survive; heads 0, 2 and 15 retrieve, 16 exactly at the threshold. */
static void chosen_heads_that_retrieve_are_counted(void **state) {
    sal_error err = {0};
    sal_head_result results[22];
    sal_retrieval_head heads[20];
    sal_retrieval_overlap overlaps[SAL_RETRIEVAL_OVERLAPS];
    size_t count = 0;
    (void)state;
    for (int h = 0; h < 20; h++) {
        results[h] = (sal_head_result){.row = h,
                                       .layer = h / 4,
                                       .head = h % 4,
                                       .metric = "fisher_z",
                                       .value = 1 - h / 20.0,
                                       .p_family = h < 4 ? .01 * (h + 2) : .06};
        heads[h] = (sal_retrieval_head){.layer = h / 4, .head = h % 4, .value = h == 16 ? .1 : .02};
    }
    heads[0].value = heads[2].value = heads[15].value = .4;
    results[20] = (sal_head_result){.row = 20, .layer = -1, .metric = "fisher_z", .value = 5};
    results[21] =
        (sal_head_result){.row = 21, .layer = 9, .head = 0, .metric = "fisher_z", .value = 5};
    const sal_head_table table = {.results = results, .count = 22};
    assert_ok(head_retrieval_overlap(&table, heads, 20, overlaps, &count, &err));
    assert_int_equal(count, 2); /* no content words: nothing */
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(overlaps[i].words, SAL_HEAD_ALL);
        assert_int_equal(overlaps[i].heads, 20);
        assert_int_equal(overlaps[i].retrieval_heads, 3);
        assert_int_equal(overlaps[i].shared, 2);
    }
    assert_int_equal(overlaps[0].chosen, SAL_CHOSEN_SURVIVING);
    assert_int_equal(overlaps[0].chosen_heads, 4);
    /* 3 of 20 retrieve; 2 or 3 among 4: (C(4,2) 16 + C(4,3)) / C(20,3). Among 10: (C(10,2) 10 + C(10,3)) / C(20,3). */
    assert_close(overlaps[0].p, (6.0 * 16 + 4) / 1140, 1e-12, 0);
    assert_int_equal(overlaps[1].chosen, SAL_CHOSEN_BEST);
    assert_int_equal(overlaps[1].chosen_heads, 10);
    assert_close(overlaps[1].p, (45.0 * 10 + 120) / 1140, 1e-12, 0);
}

/* ---- ablation ----------------------------------------------------------------------------------------------- */

/* Words of the document alone, whatever else the summaries say; y by word: 4 3 2 1 0 against 3 4 2 1 0 of as many summaries. */
static void a_change_of_importance_is_one_less_the_correlation(void **state) {
    sal_error err = {0};
    double change = 0;
    sal_importance_row a[] = {{"a", 4, 4, 1, true}, {"b", 3, 4, 1, true}, {"c", 2, 4, 0, true},
                              {"d", 1, 4, 1, true}, {"e", 0, 4, 0, true}, {"new", 4, 4, 1, false}};
    sal_importance_row b[] = {{"a", 3, 5, 1, true},
                              {"b", 4, 5, 1, true},
                              {"c", 2, 5, 0, true},
                              {"d", 1, 5, 1, true},
                              {"e", 0, 5, 0, true}};
    sal_importance_list before = {.rows = a, .count = 6, .of = 4};
    sal_importance_list after = {.rows = b, .count = 5, .of = 5};
    (void)state;
    assert_ok(score_importance_change(&before, &after, false, &change, &err));
    assert_close(change, 6.0 * 2 / (5 * 24), 1e-12, 0); /* 1 - rho = 6 sum d^2 / (n (n^2 - 1)) */
    assert_ok(score_importance_change(&before, &after, true, &change, &err));
    assert_close(change, 6.0 * 2 / (3 * 8), 1e-12, 0);
    assert_ok(score_importance_change(&before, &before, false, &change, &err));
    assert_close(change, 0, 0, 1e-15);
    assert_ok(score_importance_change(&before, NULL, false, &change, &err));
    assert_true(isnan(change));
    after.of = 0;
    assert_ok(score_importance_change(&before, &after, false, &change, &err));
    assert_true(isnan(change));
    after = (sal_importance_list){.rows = b, .count = 4, .of = 5};
    assert_int_equal(score_importance_change(&before, &after, false, &change, &err), SAL_EFORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_words_have_all_occurrences),
        cmocka_unit_test(paper_words_are_split_stripped_and_folded),
        cmocka_unit_test(later_keys_win_in_the_paper_protocol),
        cmocka_unit_test(tokens_belong_to_the_words_they_overlap),
        cmocka_unit_test(a_head_equal_to_y_is_perfect),
        cmocka_unit_test(the_empty_head_is_undefined_where_it_is_constant),
        cmocka_unit_test(the_empty_heads_rho_is_that_of_its_definition),
        cmocka_unit_test(without_memory_it_is_an_error_and_nothing_leaks),
        cmocka_unit_test(many_is_the_same_as_one_by_one),
        cmocka_unit_test(numbers_that_are_nearly_equal_are_ordered),
        cmocka_unit_test(a_head_hits_where_it_looks_at_the_token_that_comes_next),
        cmocka_unit_test(chosen_heads_that_retrieve_are_counted),
        cmocka_unit_test(a_change_of_importance_is_one_less_the_correlation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
