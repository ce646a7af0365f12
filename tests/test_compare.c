/* compare: measures of two against the statistics room, which words, family against size, and whole studies with planted families, with
 * none, and with a random selection that must agree with itself as the summarizer `random` does. */
#include "test_study_sample.h"

#include <jansson.h>

#include "compare/compare_internal.h"
#include "salient/importance.h"
#include "salient/random.h"
#include "salient/summarize.h"
#include "stats/metrics.h"

/* ---- measures of two --------------------------------------------------------------------------------------- */

enum { WORDS = 60 };

static void draw_counts(sal_random *random, uint32_t *counts, uint64_t of) {
    for (size_t i = 0; i < WORDS; i++)
        counts[i] =
            sal_random_uniform(random) < 0.5 ? 0 : (uint32_t)sal_random_below(random, of + 1);
}

static void measures_equal_those_of_the_statistics_room(void **state) {
    (void)state;
    sal_error err = {0};
    sal_random random;
    compare_room room = {0};
    size_t words[WORDS] = {0};
    sal_random_seed(&random, 3);
    for (size_t trial = 0; trial < 50; trial++) {
        uint32_t counts[2][WORDS];
        double x[2][WORDS], p[2][WORDS];
        double rho, expected;
        size_t n = 0;
        draw_counts(&random, counts[0], 10);
        draw_counts(&random, counts[1], trial % 2 == 0 ? 1 : 40); /* the reference is binary */
        for (size_t i = 0; i < WORDS; i++)
            if (sal_random_uniform(&random) < 0.8)
                words[n++] = i;
        for (size_t side = 0; side < 2; side++)
            for (size_t i = 0; i < n; i++)
                x[side][i] = counts[side][words[i]] / (side == 0 ? 10.0 : trial % 2 == 0 ? 1 : 40);
        const compare_levels a = {counts[0], 10};
        const compare_levels b = {counts[1], trial % 2 == 0 ? 1 : 40};
        assert_ok(compare_spearman(&a, &b, words, n, &room, &rho, &err));
        assert_ok(sal_stats_spearman(x[0], x[1], n, &expected, &err));
        assert_close(rho, expected, 1e-12, 1e-14);
        sal_stats_normalise(x[0], n, p[0]);
        sal_stats_normalise(x[1], n, p[1]);
        assert_close(compare_js(&a, &b, words, n), sal_stats_js(p[0], p[1], n), 1e-12, 1e-14);
    }
    compare_room_free(&room);
}

static void what_cannot_be_told_is_undefined(void **state) {
    (void)state;
    sal_error err = {0};
    compare_room room = {0};
    const size_t words[3] = {0, 1, 2};
    const uint32_t none[3] = {0, 0, 0}, same[3] = {2, 2, 2}, some[3] = {0, 1, 2};
    const compare_levels nothing = {none, 2}, constant = {same, 2}, rising = {some, 2};
    double value = 0;
    assert_ok(compare_spearman(&constant, &rising, words, 3, &room, &value, &err));
    assert_true(isnan(value));
    assert_ok(compare_spearman(&rising, &rising, words, 1, &room, &value, &err));
    assert_true(isnan(value));
    assert_ok(compare_spearman(&rising, &rising, words, 3, &room, &value, &err));
    assert_close(value, 1, 0, 0);
    assert_true(isnan(compare_js(&nothing, &rising, words, 3)));
    assert_close(compare_js(&rising, &rising, words, 3), 0, 0, 0);
    assert_ok(compare_jaccard(&nothing, &nothing, words, 3, &room, &value, &err));
    assert_true(isnan(value));
    assert_ok(compare_jaccard(&nothing, &rising, words, 3, &room, &value, &err));
    assert_close(value, 0, 0, 0);
    compare_room_free(&room);
}

static void the_words_kept_most_include_ties_at_the_tenth(void **state) {
    (void)state;
    sal_error err = {0};
    compare_room room = {0};
    size_t words[14];
    uint32_t a[14], b[14];
    double jaccard = 0;
    for (size_t i = 0; i < 14; i++) {
        words[i] = i;
        a[i] = i < 8 ? 5 : i < 12 ? 3 : 1; /* 8 words at 5, then 4 at 3: twelve words */
        b[i] = i < 8 ? 1 : 0;              /* keeps eight words in all */
    }
    const compare_levels left = {a, 5}, right = {b, 5};
    assert_ok(compare_jaccard(&left, &right, words, 14, &room, &jaccard, &err));
    assert_close(jaccard, 8.0 / 12.0, 1e-15, 0);
    compare_room_free(&room);
}

/* ---- which words ------------------------------------------------------------------------------------------- */

static void types_know_position_occurrences_numbers_and_capitals(void **state) {
    (void)state;
    sal_error err = {0};
    sal_text *text = NULL;
    compare_document document = {0};
    const char *words = "Boats left Oslo at 9. The boats saw Oslo again. Nobody left.";
    sal_document source = make_document("news", "a", words, NULL);
    assert_ok(sal_text_open(&text, &err));
    assert_ok(compare_document_words(text, &source, NULL, &document, &err));
    assert_int_equal(document.type_count, 9);
    const compare_type *oslo = &document.types[compare_document_find(&document, "oslo", 4)];
    const compare_type *nine = &document.types[compare_document_find(&document, "9", 1)];
    const compare_type *boats = &document.types[compare_document_find(&document, "boats", 5)];
    const compare_type *nobody = &document.types[compare_document_find(&document, "nobody", 6)];
    assert_int_equal(oslo->first, 2);
    assert_int_equal(oslo->count, 2);
    assert_true(oslo->capital);
    assert_true(nine->number && !oslo->number);
    assert_false(boats->capital);  /* "Boats" begins a sentence, "boats" does not */
    assert_false(nobody->capital); /* seen at the beginning of a sentence only */
    assert_true(compare_document_find(&document, "ship", 4) == SIZE_MAX);
    double shares[COMPARE_SHARES];
    uint32_t counts[9] = {0};
    counts[oslo - document.types] = 3;
    counts[nine - document.types] = 1;
    compare_shares(&document, counts, shares);
    for (size_t i = 0; i < COMPARE_SHARES; i++) {
        const char *name = compare_share_name(i);
        double expected = 0;
        if (strcmp(name, "share_capitalised") == 0 || strcmp(name, "share_frequency_2") == 0)
            expected = 0.75;
        if (strcmp(name, "share_numbers") == 0 || strcmp(name, "share_frequency_1") == 0)
            expected = 0.25;
        if (strcmp(name, "share_position_2") == 0) /* third of twelve words */
            expected = 0.75;
        if (strcmp(name, "share_position_4") == 0) /* fifth of twelve */
            expected = 0.25;
        assert_close(shares[i], expected, 1e-15, 0);
    }
    compare_document_free(&document);
    sal_text_close(text);
}

/* ---- family and size --------------------------------------------------------------------------------------- */

static void a_regression_finds_what_was_planted(void **state) {
    (void)state;
    sal_error err = {0};
    enum { N = 6 };
    const size_t families[N] = {0, 0, 0, 1, 1, 1};
    const double sizes[N] = {1e9, 3e9, 8e9, 1e9, 7e9, 14e9};
    double distance[N * N];
    compare_regression found;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            distance[i * N + j] = i == j ? 0
                                         : 0.2 + (families[i] != families[j] ? 0.3 : 0) +
                                               0.05 * fabs(log(sizes[i]) - log(sizes[j]));
    assert_ok(compare_regress(distance, families, sizes, N, 1, &found, &err));
    assert_close(found.family, 0.3, 1e-9, 0);
    assert_close(found.size, 0.05, 1e-9, 0);
    assert_int_equal(found.relabellings, 720);
    assert_true(found.family_p <= 0.1 && found.family_p >= 1.0 / 720);
}

static void p_cannot_be_smaller_than_the_labels_allow(void **state) {
    (void)state;
    sal_error err = {0};
    enum { N = 6 };
    const size_t families[N] = {0, 0, 0, 1, 1, 1};
    const double equal[N] = {1e9, 1e9, 1e9, 1e9, 1e9, 1e9};
    double distance[N * N];
    compare_regression found;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            distance[i * N + j] = i == j ? 0 : families[i] != families[j] ? 0.6 : 0.2;
    assert_ok(compare_regress(distance, families, equal, N, 1, &found, &err));
    assert_close(found.family, 0.4, 1e-12, 0);
    assert_close(found.family_p, 0.1, 1e-12,
                 0); /* 72 of 720 relabellings make the same two groups */
    assert_true(isnan(found.size) && isnan(found.size_p)); /* all of one size */
    const size_t apart[3] = {0, 1, 2};
    assert_ok(compare_regress(distance, apart, equal, 3, 1, &found, &err));
    assert_true(isnan(found.family));
    assert_ok(compare_regress(distance, apart, equal, 2, 1, &found, &err));
    assert_int_equal(found.relabellings, 0);
}

static void many_models_are_relabelled_ten_thousand_times(void **state) {
    (void)state;
    sal_error err = {0};
    enum { N = 9 };
    const size_t families[N] = {0, 0, 0, 1, 1, 1, 2, 2, 2};
    double sizes[N], distance[N * N];
    compare_regression found, again;
    for (size_t i = 0; i < N; i++)
        sizes[i] = 1e9 * (double)(i + 1);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            distance[i * N + j] = i == j ? 0 : families[i] != families[j] ? 0.6 : 0.2;
    assert_ok(compare_regress(distance, families, sizes, N, 7, &found, &err));
    assert_ok(compare_regress(distance, families, sizes, N, 7, &again, &err));
    assert_int_equal(found.relabellings, 10000);
    assert_true(found.family_p <= 0.02);
    assert_memory_equal(&found, &again, sizeof found);
}

/* ---- studies ----------------------------------------------------------------------------------------------- */

enum { DOCUMENTS = 30, VOCABULARY = 80, MODELS = 6, SUMMARIES = 10 };

typedef struct fixture {
    char folder[64];
    char path[160];
    sal_study *study;
} fixture;

static int open_folder(void **state) {
    fixture *made = calloc(1, sizeof *made);
    make_scratch_folder(made->folder);
    made->study = open_study(below(made->folder, "study", made->path), SAL_STUDY_CREATE);
    *state = made;
    return 0;
}

static int close_folder(void **state) {
    fixture *made = *state;
    close_study(made->study);
    remove_scratch_folder(made->folder);
    free(made);
    return 0;
}

/* Importance of one summarizer: share `common` of what its family keeps, the rest its own. */
static void put_importance(sal_study *study, int64_t document, int64_t summarizer,
                           sal_random *family, sal_random *own, double common) {
    sal_error err = {0};
    char words[VOCABULARY][8];
    sal_importance_row rows[VOCABULARY];
    for (size_t w = 0; w < VOCABULARY; w++) {
        double value = common * sal_random_uniform(family) + (1 - common) * sal_random_uniform(own);
        snprintf(words[w], sizeof words[w], "w%02zu", w);
        rows[w] = (sal_importance_row){words[w], (int64_t)(SUMMARIES * value), SUMMARIES, 1, true};
    }
    assert_ok(sal_study_put_importance(study, document, summarizer, SAL_STRICT, "hash", SUMMARIES,
                                       rows, VOCABULARY, &err));
}

/* Models m0 ... m5: the first half of family 0, the others of family 1. */
static void fill_models(sal_study *study, double common) {
    sal_error err = {0};
    sal_buffer text = {0};
    int64_t models[MODELS];
    for (size_t w = 0; w < VOCABULARY; w++)
        assert_ok(sal_buffer_add_format(&text, &err, "w%02zu ", w));
    for (size_t m = 0; m < MODELS; m++) {
        char name[8], config[40];
        snprintf(name, sizeof name, "m%zu", m);
        snprintf(config, sizeof config, "{\"m\":%zu}", m);
        sal_summarizer_info info = make_summarizer(name, "model", config);
        info.family = m < MODELS / 2 ? "llama" : "qwen2";
        info.parameters = 1e9 * (double)(m % 3 + 1);
        assert_ok(sal_study_put_summarizer(study, &info, &models[m], &err));
    }
    for (size_t d = 0; d < DOCUMENTS; d++) {
        char id[16];
        snprintf(id, sizeof id, "d%zu", d);
        int64_t document = add_document(study, "news", id, text.bytes, NULL);
        for (size_t m = 0; m < MODELS; m++) {
            sal_random family, own;
            sal_random_seed(&family, 1000 * (uint64_t)d + m / 3);
            sal_random_seed(&own, 77777 + 1000 * (uint64_t)d + m);
            put_importance(study, document, models[m], &family, &own, common);
        }
    }
    sal_buffer_free(&text);
}

static sal_agreement_list *compare_study(sal_study *study, int threads) {
    sal_error err = {0};
    sal_tally tally = {0};
    sal_agreement_list *list = NULL;
    const sal_compare_options options = {.seed = 1, .threads = threads};
    assert_ok(sal_compare_run(study, &options, NULL, &tally, &err));
    assert_ok(sal_study_get_agreement(study, NULL, &list, &err));
    return list;
}

static const sal_agreement *find(const sal_agreement_list *list, const char *a, const char *b,
                                 const char *words, const char *measure) {
    for (size_t i = 0; i < list->count; i++) {
        const sal_agreement *one = &list->items[i];
        if (strcmp(one->a, a) == 0 && strcmp(one->measure, measure) == 0 &&
            strcmp(one->words, words) == 0 &&
            (b == NULL ? one->b == NULL : one->b != NULL && strcmp(one->b, b) == 0))
            return one;
    }
    fail_msg("no row %s of %s, %s, words %s", measure, a, b == NULL ? "none" : b, words);
    return NULL;
}

static const sal_cluster_step *find_node(const sal_agreement_list *list, const char *distance,
                                         const char *linkage, const char *members) {
    for (size_t i = 0; i < list->step_count; i++) {
        const sal_cluster_step *step = &list->steps[i];
        if (strcmp(step->words, "all") == 0 && strcmp(step->distance, distance) == 0 &&
            strcmp(step->linkage, linkage) == 0 && strcmp(step->members, members) == 0)
            return step;
    }
    return NULL;
}

static void planted_families_are_recovered_with_high_support(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    fill_models(study, 0.6);
    sal_agreement_list *list = compare_study(study, 2);
    static const char *const distances[] = {"spearman", "js"};
    static const char *const linkages[] = {"average", "complete"};
    static const char *const families[] = {"[\"m0\",\"m1\",\"m2\"]", "[\"m3\",\"m4\",\"m5\"]"};
    for (size_t i = 0; i < 8; i++) {
        const sal_cluster_step *node =
            find_node(list, distances[i % 2], linkages[i / 2 % 2], families[i / 4]);
        if (node == NULL)
            fail_msg("%s, %s: no node %s", distances[i % 2], linkages[i / 2 % 2], families[i / 4]);
        assert_true(node != NULL && node->support > 0.99);
    }
    const sal_agreement *within = find(list, "m0", "m1", "all", "spearman");
    const sal_agreement *between = find(list, "m0", "m3", "all", "spearman");
    assert_true(within->value > 0.4 && within->low > between->high);
    assert_int_equal(within->documents, DOCUMENTS);
    assert_true(fabs(between->value) < 0.1);
    assert_true(find(list, "llms", NULL, "all", "family_coefficient_spearman")->value > 0.4);
    assert_true(find(list, "llms", NULL, "all", "family_p_spearman")->value <= 0.1 + 1e-12);
    assert_true(find(list, "all", NULL, "all", "cophenetic_spearman_average")->value > 0.9);
    assert_true(find(list, "llms", NULL, "all", "alpha_interval")->value > 0.1);
    const sal_agreement *few = find(list, "all", NULL, "all", "sample_size_5");
    const sal_agreement *more = find(list, "all", NULL, "all", "sample_size_20");
    assert_true(few->value > 0.8 && more->value >= few->value);
    sal_agreement_list_free(list);
}

static void unrelated_models_form_no_family(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    fill_models(study, 0);
    sal_agreement_list *list = compare_study(study, 2);
    for (size_t i = 0; i < list->step_count; i++) {
        const sal_cluster_step *step = &list->steps[i];
        if (step->size < MODELS && strcmp(step->words, "all") == 0)
            assert_true(step->support < 0.9);
    }
    assert_true(find(list, "llms", NULL, "all", "family_p_spearman")->value > 0.05);
    assert_true(fabs(find(list, "llms", NULL, "all", "alpha_interval")->value) < 0.05);
    sal_agreement_list_free(list);
}

static sal_buffer export_agreement(sal_study *study) {
    sal_error err = {0};
    sal_buffer out = {0};
    sal_sink sink = sal_buffer_sink(&out);
    assert_ok(sal_export_table(study, "agreement", NULL, SAL_FORMAT_CSV, &sink, &err));
    assert_ok(sal_export_table(study, "clusters", NULL, SAL_FORMAT_CSV, &sink, &err));
    return out;
}

static void any_number_of_threads_gives_the_same_bytes(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    fill_models(study, 0.3);
    sal_agreement_list_free(compare_study(study, 1));
    sal_buffer one = export_agreement(study);
    sal_agreement_list_free(compare_study(study, 3));
    sal_buffer three = export_agreement(study);
    assert_true(one.length > 10000);
    assert_string_equal(one.bytes, three.bytes);
    sal_buffer_free(&one);
    sal_buffer_free(&three);
}

/* ---- with real summaries ----------------------------------------------------------------------------------- */

static const char *const articles[][2] = {
    {"The ferry sank near the harbour on Monday. Nobody was hurt in the accident. Divers searched "
     "the wreck for two days. The company said the ferry was old. A new ferry will come in May. "
     "Fishermen had warned of the rocks. The mayor asked for a new light.",
     "A ferry sank and nobody was hurt; divers searched the wreck of the vessel."},
    {"A bakery in the old town opened again. Its owner had been ill for a year. Bread sold out by "
     "nine. The street was closed to cars. Neighbours helped to paint the shop. The oven is older "
     "than the owner. Rye bread is still the favourite.",
     "The bakery reopened after a year."},
    {"The council voted on the bridge. Twelve members were for it and three against. Work begins "
     "in spring. The old bridge will be a path for walkers. Costs are four million. Some shops "
     "fear for their trade. The vote took five hours.",
     "The council voted for a bridge of four million."}};

static void summarize(sal_study *study, const char *with, const char *as, uint64_t seed,
                      int replicas) {
    static const int lengths[] = {5, 10, 15, 20};
    sal_error err = {0};
    sal_tally tally = {0};
    sal_summarize_options options = sal_summarize_defaults();
    options.with = with;
    options.as = as;
    options.seed = seed;
    options.replicas = replicas;
    options.lengths = lengths;
    options.length_count = 4;
    assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
}

static void fill_articles(sal_study *study) {
    sal_error err = {0};
    sal_tally tally = {0};
    const sal_importance_options options = {.protocol = SAL_STRICT};
    for (size_t i = 0; i < 3; i++) {
        char id[8];
        snprintf(id, sizeof id, "a%zu", i);
        add_document(study, "news", id, articles[i][0], articles[i][1]);
    }
    summarize(study, "lead", "lead", 1, 1);
    summarize(study, "random", "chance", 1, COMPARE_RANDOM_DRAWS);
    summarize(study, "random", "one", 1, 1);
    summarize(study, "random", "two", 2, 1);
    summarize(study, "reference", "reference", 1, 1);
    assert_ok(sal_importance_run(study, &options, NULL, &tally, &err));
}

static void random_selection_agrees_with_itself_as_the_summarizer_does(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    fill_articles(study);
    sal_agreement_list *list = compare_study(study, 1);
    static const char *const sets[] = {"all", "content"};
    for (size_t i = 0; i < 2; i++) {
        const sal_agreement *ours = find(list, "random selection", NULL, sets[i], "self_spearman");
        const sal_agreement *theirs = find(list, "chance", NULL, sets[i], "self_spearman");
        assert_close(ours->value, theirs->value, 1e-12, 1e-12);
        assert_close(find(list, "random selection", NULL, sets[i], "self_js")->value,
                     find(list, "chance", NULL, sets[i], "self_js")->value, 1e-12, 0);
        assert_true(isnan(ours->low)); /* three documents: no interval */
    }
    /* Two that differ in the seed alone are one summarizer under two seeds. */
    assert_close(find(list, "one", "two", "all", "self_spearman")->value,
                 find(list, "one", "two", "all", "spearman")->value, 0, 0);
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].measure, "self_spearman") == 0 && list->items[i].b != NULL)
            assert_string_equal(list->items[i].a, "one");
    sal_agreement_list_free(list);
}

static void pairs_are_taken_over_all_words_of_the_document(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    fill_articles(study);
    sal_agreement_list *list = compare_study(study, 1);
    sal_summarizer_list *summarizers = NULL;
    int64_t *keys = NULL;
    size_t count = 0;
    double sum = 0;
    assert_ok(sal_study_list_summarizers(study, &summarizers, &err)); /* chance, lead, one, ... */
    assert_ok(sal_study_document_keys(study, NULL, -1, &keys, &count, &err));
    for (size_t d = 0; d < count; d++) {
        sal_importance_list *a = NULL, *b = NULL;
        double x[200], y[200], rho;
        size_t n = 0;
        assert_ok(sal_study_get_importance(study, keys[d], summarizers->items[1].key, SAL_STRICT,
                                           &a, &err));
        assert_ok(sal_study_get_importance(study, keys[d], summarizers->items[3].key, SAL_STRICT,
                                           &b, &err));
        for (size_t i = 0; i < a->count; i++) {
            if (!a->rows[i].in_document)
                continue;
            for (size_t j = 0; j < b->count; j++)
                if (strcmp(a->rows[i].word, b->rows[j].word) == 0) {
                    x[n] = (double)a->rows[i].count;
                    y[n++] = (double)b->rows[j].count;
                }
        }
        assert_true(n > 20);
        assert_ok(sal_stats_spearman(x, y, n, &rho, &err));
        sum += rho;
        sal_importance_list_free(a);
        sal_importance_list_free(b);
    }
    assert_string_equal(summarizers->items[1].name, "lead");
    assert_string_equal(summarizers->items[3].name, "reference");
    assert_close(find(list, "lead", "reference", "all", "spearman")->value, sum / 3, 1e-12, 0);
    /* Conditioning on what is kept biases agreement down. */
    assert_true(find(list, "lead", "reference", "all", "spearman_union")->value < sum / 3);
    assert_true(find(list, "reference", NULL, "", "outside_document")->value > 0.1);
    assert_close(find(list, "lead", NULL, "", "outside_document")->value, 0, 0, 0);
    assert_true(find(list, "lead", NULL, "", "share_position_1")->value >
                find(list, "word types", NULL, "", "share_position_1")->value);
    /* The reference has no reliability, so no pair with it has a ceiling. */
    assert_true(isnan(find(list, "lead", "reference", "all", "ceiling_spearman")->value));
    assert_true(find(list, "lead", "one", "all", "ceiling_spearman")->value > 0);
    sal_summarizer_list_free(summarizers);
    sal_agreement_list_free(list);
    sal_free(keys);
}

static void what_is_missing_is_said(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    sal_tally tally = {0};
    const sal_compare_label label = {"nobody", "llama", (double)NAN};
    sal_compare_options options = {.seed = 1, .threads = 1};
    add_document(study, "news", "a", articles[0][0], NULL);
    assert_int_equal(sal_compare_run(study, &options, NULL, &tally, &err), SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "salient importance"));
    options.labels = &label;
    options.label_count = 1;
    assert_int_equal(sal_compare_run(study, &options, NULL, &tally, &err), SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "'nobody'"));
    options.label_count = 0;
    options.corpus = "mails";
    assert_int_equal(sal_compare_run(study, &options, NULL, &tally, &err), SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "mails"));
    int64_t taken = add_summarizer(study, "word types", "model", "{}");
    add_importance(study, 1, taken, SAL_STRICT);
    options.corpus = NULL;
    assert_int_equal(sal_compare_run(study, &options, NULL, &tally, &err), SAL_EINVAL);
    assert_non_null(strstr(err.text, "--as"));
}

/* One summarizer of its own on one document, another on another: no pair, and no crash. */
static void summarizers_without_a_document_in_common_are_undefined(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    sal_tally tally = {0};
    const sal_compare_options options = {.seed = 1, .threads = 1};
    sal_agreement_list *list = NULL;
    add_document(study, "news", "a", "The boat. Z", NULL);
    add_document(study, "news", "b", "The boat. Z", NULL);
    add_document(study, "news", "c", "", NULL);
    add_importance(study, 1, add_summarizer(study, "x", "model", "{}"), SAL_STRICT);
    add_importance(study, 2, add_summarizer(study, "y", "model", "{\"y\":1}"), SAL_STRICT);
    assert_ok(sal_compare_run(study, &options, NULL, &tally, &err));
    assert_int_equal(tally.failed, 3); /* no document has two */
    assert_ok(sal_study_get_agreement(study, "news", &list, &err));
    const sal_agreement *pair = find(list, "x", "y", "all", "spearman");
    assert_true(isnan(pair->value));
    assert_int_equal(pair->documents, 0);
    assert_int_equal(pair->undefined, 3);
    assert_int_equal(list->step_count, 0);
    sal_agreement_list_free(list);
}

static void running_out_of_memory_is_an_error_and_leaks_nothing(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    const sal_compare_options options = {.seed = 1, .threads = 1};
    fill_articles(study);
    sal_agreement_list_free(compare_study(study, 1)); /* statements that the study keeps */
    long before = sal_faulty_blocks();
    for (long n = 0;; n += 1 + n / 8) {
        sal_tally tally = {0};
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_compare_run(study, &options, NULL, &tally, &err);
        bool reached = sal_faulty_reset();
        assert_int_equal(sal_faulty_blocks(), before);
        if (!reached) {
            assert_int_equal(status, 0);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
    }
}

#define with_study(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_equal_those_of_the_statistics_room),
        cmocka_unit_test(what_cannot_be_told_is_undefined),
        cmocka_unit_test(the_words_kept_most_include_ties_at_the_tenth),
        cmocka_unit_test(types_know_position_occurrences_numbers_and_capitals),
        cmocka_unit_test(a_regression_finds_what_was_planted),
        cmocka_unit_test(p_cannot_be_smaller_than_the_labels_allow),
        cmocka_unit_test(many_models_are_relabelled_ten_thousand_times),
        with_study(planted_families_are_recovered_with_high_support),
        with_study(unrelated_models_form_no_family),
        with_study(any_number_of_threads_gives_the_same_bytes),
        with_study(random_selection_agrees_with_itself_as_the_summarizer_does),
        with_study(pairs_are_taken_over_all_words_of_the_document),
        with_study(what_is_missing_is_said),
        with_study(summarizers_without_a_document_in_common_are_undefined),
        with_study(running_out_of_memory_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
