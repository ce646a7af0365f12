/* Paper and strict beside each other: each factor found where it was planted, and nowhere else. */
#include "test_study_sample.h"

#include "salient/heads.h"
#include "salient/importance.h"
#include "salient/probe.h"
#include "salient/protocols.h"
#include "scratch_group.h"

static sal_protocol_list *rows_of(sal_study *study) {
    sal_error err = {0};
    sal_protocol_list *list = NULL;
    assert_ok(sal_study_get_protocols(study, NULL, &list, &err));
    return list;
}

static const sal_protocol_row *find(const sal_protocol_list *list, const char *words, int layer,
                                    int head, const char *factor, const char *measure) {
    for (size_t i = 0; i < list->count; i++) {
        const sal_protocol_row *row = &list->items[i];
        if (row->layer == layer && row->head == head && strcmp(row->words, words) == 0 &&
            strcmp(row->factor, factor) == 0 && strcmp(row->measure, measure) == 0)
            return row;
    }
    fail_msg("no %s of %s (%s, %d, %d)", measure, factor, words, layer, head);
    return NULL;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

#define HOSTILE "a\"b<c>\xE2\x80\xA8"

static void rows_are_kept_as_they_are_and_replaced_by_stage(void **state) {
    char path[160];
    sal_error err = {0};
    (void)state;
    sal_study *study = open_study(below(folder, "kept", path), SAL_STUDY_CREATE);
    sal_protocol_row rows[] = {{.corpus = HOSTILE,
                                .stage = "heads",
                                .summarizer = HOSTILE,
                                .model = HOSTILE,
                                .variant = "received",
                                .words = "all",
                                .layer = 3,
                                .head = 1,
                                .factor = "paper",
                                .measure = "rank",
                                .value = 2,
                                .low = (double)NAN,
                                .high = .5,
                                .documents = 7,
                                .undefined = 1}};
    assert_ok(sal_study_put_protocols(study, HOSTILE, "heads", rows, 1, &err));
    rows[0].layer = rows[0].head = -1;
    assert_ok(sal_study_put_protocols(study, HOSTILE, "probes", rows, 1, &err));
    rows[0].value = 5;
    assert_ok(sal_study_put_protocols(study, HOSTILE, "heads", rows, 1, &err));
    sal_protocol_list *list = rows_of(study);
    assert_int_equal(list->count, 2);
    assert_string_equal(list->items[0].summarizer, HOSTILE);
    assert_string_equal(list->items[0].stage, "heads");
    assert_close(list->items[0].value, 5, 0, 0);
    assert_true(isnan(list->items[0].low));
    assert_close(list->items[0].high, .5, 0, 0);
    assert_int_equal(list->items[0].head, -1);
    assert_close(list->items[1].value, 2, 0, 0);
    assert_int_equal(list->items[1].documents, 7);
    sal_protocol_list_free(list);
    close_study(study);
}

/* ---- importance ---------------------------------------------------------------------------------------------------- */

/* Four lengths: two good ones, a failed one with a text, and, where curly, one whose apostrophe is not the document's. */
static void add_texts(sal_study *study, int64_t document, int64_t by, bool failure, bool curly) {
    add_summary(study, document, by, 10, SAL_STATUS_OK, "harbour closed");
    add_summary(study, document, by, 20, SAL_STATUS_OK, "harbour closed ferry");
    add_summary(study, document, by, 30, failure ? SAL_STATUS_FAILED : SAL_STATUS_OK,
                failure ? "error 503" : "harbour closed ferry sank");
    add_summary(study, document, by, 40, SAL_STATUS_OK,
                curly ? "the ferry\xE2\x80\x99s harbour closed" : "the ferry's harbour closed");
}

#define DOCUMENT "The harbour closed as the ferry's crew left the ferry that sank."

static void importance_changes_where_the_choice_matters(void **state) {
    char path[160];
    sal_error err = {0};
    (void)state;
    sal_study *study = open_study(below(folder, "importance", path), SAL_STUDY_CREATE);
    const int64_t one = add_document(study, "news", "one", DOCUMENT, NULL);
    add_texts(study, one, add_summarizer(study, "plain", "import", "{\"x\":1}"), false, false);
    add_texts(study, one, add_summarizer(study, "failing", "import", "{\"x\":2}"), true, false);
    add_texts(study, one, add_summarizer(study, "curly", "import", "{\"x\":3}"), false, true);
    assert_ok(sal_importance_protocols(study, NULL, NULL, &err));
    sal_protocol_list *list = rows_of(study);
    static const struct {
        const char *summarizer;
        double records, normalisation; /* whether importance changes */
    } expected[] = {{"curly", 0, 1}, {"failing", 1, 0}, {"plain", 0, 0}};
    const size_t each = list->count / 3;
    for (size_t s = 0; s < 3; s++) {
        const sal_protocol_list part = {list->items + s * each, each};
        assert_string_equal(part.items[0].summarizer, expected[s].summarizer);
        assert_int_equal(find(&part, "all", -1, -1, "records", "changed")->value > 0,
                         expected[s].records > 0);
        assert_int_equal(find(&part, "all", -1, -1, "normalisation", "changed")->value > 0,
                         expected[s].normalisation > 0);
        assert_close(find(&part, "all", -1, -1, "kept-words", "changed")->value, 0, 0, 0);
        assert_close(find(&part, "", -1, -1, "paper", "records")->value, 4, 0, 0);
        assert_close(find(&part, "", -1, -1, "strict", "records")->value, s == 1 ? 3 : 4, 0, 0);
        assert_close(find(&part, "", -1, -1, "records", "failed")->value, s == 1 ? 1 : 0, 0, 0);
        assert_true(find(&part, "all", -1, -1, "strict", "reliability_spearman")->value > 0);
        /* Of the plain one: words that no summary keeps agree in both halves, so leaving them out costs. */
        if (s == 2)
            assert_true(find(&part, "all", -1, -1, "kept-words", "reliability_change")->value < 0);
    }
    /* By hand, the failed record among four instead of three: harbour and closed 1 -> 3/4; ferry, the and ferry's 1/3 -> 1/4; error and
     * 503 0 -> 1/4. */
    const sal_protocol_list failing = {list->items + each, each};
    assert_close(find(&failing, "all", -1, -1, "records", "changed")->value, 1, 1e-12, 0);
    assert_close(find(&failing, "all", -1, -1, "records", "mean_change")->value,
                 (2 * .25 + 3. / 12 + 2 * .25) / 7, 1e-12, 0);
    assert_close(find(&failing, "all", -1, -1, "strict", "word_types")->value, 5, 0, 0);
    assert_close(find(&failing, "all", -1, -1, "paper", "word_types")->value, 7, 0, 0);
    /* The curly one is a word of its own in the paper's: it adds up to strict's, all else is equal. */
    const sal_protocol_list curly = {list->items, each};
    assert_close(find(&curly, "all", -1, -1, "normalisation", "mean_change")->value,
                 find(&curly, "all", -1, -1, "paper", "mean_change")->value, 1e-12, 0);
    sal_protocol_list_free(list);
    close_study(study);
}

/* Both ends are what `salient importance` stores by either protocol. */
static void reliability_is_that_of_the_stage(void **state) {
    char path[160];
    sal_error err = {0};
    sal_score_list *scores = NULL;
    size_t compared = 0;
    (void)state;
    sal_study *study = open_study(below(folder, "scores", path), SAL_STUDY_CREATE);
    const int64_t one = add_document(study, "news", "one", DOCUMENT, NULL);
    add_texts(study, one, add_summarizer(study, "failing", "import", "{}"), true, true);
    for (int protocol = 0; protocol < 2; protocol++) {
        const sal_importance_options options = {.protocol = (sal_protocol)protocol};
        sal_tally tally = {0};
        assert_ok(sal_importance_run(study, &options, NULL, &tally, &err));
    }
    assert_ok(sal_importance_protocols(study, "news", NULL, &err));
    sal_protocol_list *list = rows_of(study);
    assert_ok(sal_study_get_scores(study, &scores, &err));
    for (size_t i = 0; i < scores->count; i++) {
        const sal_score *score = &scores->items[i];
        if (strcmp(score->measure, "reliability_spearman") != 0)
            continue;
        const double found = find(list, score->words, -1, -1, sal_protocol_name(score->protocol),
                                  "reliability_spearman")
                                 ->value;
        assert_true(isnan(score->value) == isnan(found));
        if (!isnan(found))
            assert_close(found, score->value, 0, 0);
        compared++;
    }
    assert_int_equal(compared, 4);
    sal_score_list_free(scores);
    sal_protocol_list_free(list);
    close_study(study);
}

/* ---- heads --------------------------------------------------------------------------------------------------------- */

enum { WORDS = 8, HEADS = 3, ROWS = HEADS + 1, DOCUMENTS = 21 };

/* The first three stand twice and alone, the others once with a comma in their piece. */
#define PLANTED "w0 w1 w2 w3, w4, w5, w6, w7, w0 w1 w2"

/* What is planted in the paper's unit: the strict one with... */
typedef enum planted { NOTHING, OTHER_VALUES, OTHER_PIECES, OTHER_REFERENCE, OTHER_WORDS } planted;

static double y_of(size_t word) {
    return (double)(word % 5) / 5;
}

static void fill_unit(sal_head_unit *unit, sal_protocol protocol, planted what, int document) {
    static double facts[2][SAL_FACTS * WORDS], scores[2][ROWS * SAL_HEAD_MEASURES];
    static float vectors[2][ROWS * WORDS];
    static char lists[2][WORDS * 8];
    const bool paper = protocol == SAL_PAPER;
    const size_t p = paper ? 1 : 0;
    lists[p][0] = '\0';
    for (size_t w = 0; w < WORDS; w++) {
        snprintf(lists[p] + strlen(lists[p]), 8,
                 paper && what == OTHER_WORDS && w == 0 ? "x%zu\n" : "w%zu\n", w);
        facts[p][SAL_FACT_IMPORTANCE * WORDS + w] =
            paper && what == OTHER_REFERENCE ? 1 - y_of(w) : y_of(w);
        facts[p][SAL_FACT_FIRST_POSITION * WORDS + w] = (double)w;
        facts[p][SAL_FACT_FREQUENCY * WORDS + w] = w < 3 ? 2 : 1;
        facts[p][SAL_FACT_CONTENT * WORDS + w] = 1;
        for (size_t r = 0; r < ROWS; r++) {
            double value = (double)((w * (r + 2) + (size_t)document) % 7 + 1);
            if (paper && ((what == OTHER_VALUES && w < 3) || (what == OTHER_PIECES && w >= 3)))
                value = 20 - value;
            vectors[p][r * WORDS + w] = (float)value;
        }
    }
    for (size_t r = 0; r < ROWS; r++) {
        sal_error err = {0};
        double x[WORDS], all[SAL_METRICS];
        for (size_t w = 0; w < WORDS; w++)
            x[w] = (double)vectors[p][r * WORDS + w];
        assert_ok(sal_metrics_compute(protocol, facts[p], x, NULL, WORDS, all, &err));
        memcpy(scores[p] + r * SAL_HEAD_MEASURES, all,
               sizeof(double) * SAL_HEAD_MEASURES - sizeof(double));
        scores[p][r * SAL_HEAD_MEASURES + SAL_HEAD_PARTIAL_BOTH] = all[SAL_METRIC_SPEARMAN] - .25;
    }
    *unit = (sal_head_unit){.tokens = 30,
                            .words = WORDS,
                            .rows = ROWS,
                            .word_list = lists[p],
                            .word_list_length = strlen(lists[p]),
                            .facts = facts[p],
                            .vectors = vectors[p]};
    snprintf(unit->inputs, sizeof unit->inputs, "%d", document);
    unit->sets[SAL_HEAD_ALL] = (sal_head_scores){WORDS, 0, scores[p]};
}

/* Heads of both protocols on some documents, and the means that rank them: head h has h / 10 by strict, and by paper the other way round. */
static void plant(sal_study *study, planted what, int documents) {
    sal_error err = {0};
    const int64_t by = add_summarizer(study, HOSTILE, "model", "{}");
    int64_t analyses[2];
    for (int protocol = 0; protocol < 2; protocol++) {
        const sal_head_analysis analysis = {
            .model = HOSTILE "m",
            .model_digest = "0123456789012345678901234567890123456789012345678901234567890123",
            .summarizer = by,
            .protocol = (sal_protocol)protocol,
            .evidence = "received",
            .options = "",
            .rows = "[[0,0],[0,1],[1,0],[null,null,\"empty\"]]",
            .metrics = "[]"};
        sal_head_result results[ROWS];
        assert_ok(sal_study_put_head_analysis(study, &analysis, &analyses[protocol], &err));
        for (int r = 0; r < ROWS; r++)
            results[r] = (sal_head_result){.row = r,
                                           .words = SAL_HEAD_ALL,
                                           .metric = "spearman",
                                           .value = protocol == 0 ? r / 10. : -r / 10.,
                                           .low = (double)NAN,
                                           .high = (double)NAN,
                                           .documents = DOCUMENTS,
                                           .p_family = (double)NAN,
                                           .p = (double)NAN,
                                           .q = (double)NAN,
                                           .q_by = (double)NAN,
                                           .p_naive = (double)NAN};
        assert_ok(
            sal_study_put_head_results(study, analyses[protocol], "news", results, ROWS, &err));
    }
    for (int d = 0; d < documents; d++) {
        char id[16];
        snprintf(id, sizeof id, "d%d", d);
        const int64_t document = add_document(study, "news", id, PLANTED, NULL);
        for (int protocol = 0; protocol < 2; protocol++) {
            sal_head_unit unit;
            fill_unit(&unit, (sal_protocol)protocol, what, d);
            unit.analysis = analyses[protocol];
            unit.document = document;
            assert_ok(sal_study_put_head_unit(study, &unit, &err));
        }
    }
}

static double change(const sal_protocol_list *list, const char *factor) {
    return find(list, "all", -1, -1, factor, "spearman_change")->value;
}

static void each_factor_of_heads_is_found_alone(void **state) {
    static const struct {
        planted what;
        const char *changes; /* the factors that change, first letters */
    } cases[] = {{NOTHING, ""},
                 {OTHER_VALUES, "vo"},
                 {OTHER_PIECES, "vi"},
                 {OTHER_REFERENCE, "r"},
                 {OTHER_WORDS, "w"}};
    static const char *const factors[] = {"words", "values", "pieces", "occurrences", "reference"};
    static const char letters[] = "wvior";
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        char name[16], path[160];
        sal_error err = {0};
        snprintf(name, sizeof name, "heads%zu", c);
        sal_study *study = open_study(below(folder, name, path), SAL_STUDY_CREATE);
        plant(study, cases[c].what, DOCUMENTS);
        assert_ok(sal_heads_protocols(study, NULL, 2, NULL, &err));
        sal_protocol_list *list = rows_of(study);
        for (size_t f = 0; f < 5; f++) {
            const bool changes = strchr(cases[c].changes, letters[f]) != NULL;
            if ((fabs(change(list, factors[f])) > 1e-9) != changes)
                fail_msg("case %zu: %s changes by %g", c, factors[f], change(list, factors[f]));
        }
        assert_close(change(list, "expressions"), 0, 0, 1e-12);
        assert_close(change(list, "partials"), -.25, 1e-9, 0);
        const sal_protocol_row *strict = find(list, "all", -1, -1, "strict", "spearman");
        const sal_protocol_row *paper = find(list, "all", -1, -1, "paper", "spearman");
        assert_close(change(list, "paper"), paper->value - strict->value, 1e-12, 1e-12);
        assert_int_equal(strict->documents, DOCUMENTS);
        assert_true(strict->low <= strict->value && strict->value <= strict->high);
        assert_string_equal(strict->model, HOSTILE "m");
        sal_protocol_list_free(list);
        close_study(study);
    }
}

static void ranks_of_heads_stand_beside_each_other(void **state) {
    char path[160];
    sal_error err = {0};
    (void)state;
    sal_study *study = open_study(below(folder, "ranks", path), SAL_STUDY_CREATE);
    plant(study, NOTHING, DOCUMENTS);
    assert_ok(sal_heads_protocols(study, "news", 1, NULL, &err));
    sal_protocol_list *list = rows_of(study);
    assert_close(find(list, "all", 0, 0, "strict", "rank")->value, 3, 0, 0);
    assert_close(find(list, "all", 0, 0, "paper", "rank")->value, 1, 0, 0);
    assert_close(find(list, "all", 1, 0, "strict", "rank")->value, 1, 0, 0);
    assert_close(find(list, "all", -1, -1, "paper", "rank_agreement")->value, -1, 1e-12, 0);
    assert_close(find(list, "all", -1, -1, "paper", "first_ten_shared")->value, 3, 0, 0);
    sal_protocol_list_free(list);
    close_study(study);
}

/* ---- probes -------------------------------------------------------------------------------------------------------- */

static void gaps_of_probes_stand_beside_both_protocols(void **state) {
    char path[160];
    sal_error err = {0};
    (void)state;
    sal_study *study = open_study(below(folder, "probes", path), SAL_STUDY_CREATE);
    add_document(study, "news", "one", DOCUMENT, NULL);
    const int64_t by = add_summarizer(study, "by", "model", "{}");
    for (int protocol = 0; protocol < 2; protocol++) {
        const sal_probe_analysis analysis = {.corpus = "news",
                                             .model = "m",
                                             .summarizer = by,
                                             .protocol = (sal_protocol)protocol,
                                             .probe = "linear",
                                             .loss = "squares",
                                             .options = protocol == 0 ? "" : "layers=0,2"};
        const sal_probe_result results[] = {
            {"all", 2, "none", -1, "spearman", protocol == 0 ? .4 : .7, .3, .8, 20, 0},
            {"all", 2, "none", 1, "spearman", .1, .1, .1, 20, 0},
            {"all", 2, "none", -1, "mae", .1, .1, .1, 20, 0},
            {"all", 2, "gap-split", -1, "spearman", .25, .2, .3, 20, 0},
            {"all", 2, "gap-zero", -1, "spearman", -.1, -.2, .1, 20, 0}};
        assert_ok(
            sal_study_put_probe_results(study, &analysis, results, protocol == 0 ? 5 : 1, &err));
    }
    const sal_probe_analysis alone = {.corpus = "news",
                                      .model = "m",
                                      .summarizer = by,
                                      .probe = "mlp",
                                      .loss = "kl",
                                      .options = ""};
    const sal_probe_result result = {"all", 2, "none", -1, "spearman", .4, .3, .8, 20, 0};
    assert_ok(sal_study_put_probe_results(study, &alone, &result, 1, &err));
    assert_ok(sal_probe_protocols(study, NULL, &err));
    sal_protocol_list *list = rows_of(study);
    assert_int_equal(list->count, 4); /* the probe that has nothing beside it is left out */
    assert_close(find(list, "all", 2, -1, "strict", "spearman")->value, .4, 0, 0);
    assert_close(find(list, "all", 2, -1, "paper", "spearman")->value, .7, 0, 0);
    assert_close(find(list, "all", 2, -1, "split", "spearman_change")->low, .2, 0, 0);
    assert_close(find(list, "all", 2, -1, "zero-words", "spearman_change")->value, -.1, 0, 0);
    for (size_t i = 0; i < list->count; i++) /* layers are no part of what a probe is */
        assert_string_equal(list->items[i].variant, "linear squares");
    sal_protocol_list_free(list);
    close_study(study);
}

/* ---- failures ------------------------------------------------------------------------------------------------------ */

static int run_importance(sal_study *study, sal_error *err) {
    return sal_importance_protocols(study, NULL, NULL, err);
}

static int run_heads(sal_study *study, sal_error *err) {
    return sal_heads_protocols(study, NULL, 1, NULL, err);
}

static int run_probes(sal_study *study, sal_error *err) {
    return sal_probe_protocols(study, NULL, err);
}

/* Every allocation fails once; statistics that a thread could not make count too. */
static void without_memory_it_is_an_error_and_nothing_leaks(void **state) {
    static int (*const stages[])(sal_study * study, sal_error * err) = {run_importance, run_heads,
                                                                        run_probes};
    char path[160];
    (void)state;
    sal_study *study = open_study(below(folder, "memory", path), SAL_STUDY_CREATE);
    plant(study, NOTHING, 2);
    add_texts(study, 1, add_summarizer(study, "texts", "import", "{\"x\":2}"), true, true);
    for (size_t s = 0; s < 3; s++) {
        const long before = sal_faulty_blocks();
        for (long n = 0;; n++) {
            sal_error err = {0};
            sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
            const int status = stages[s](study, &err);
            const bool reached = sal_faulty_reset();
            assert_int_equal(sal_faulty_blocks(), before);
            if (!reached) {
                assert_int_equal(status, SAL_OK);
                break;
            }
            assert_int_equal(status, SAL_ENOMEM);
        }
    }
    close_study(study);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_kept_as_they_are_and_replaced_by_stage),
        cmocka_unit_test(importance_changes_where_the_choice_matters),
        cmocka_unit_test(reliability_is_that_of_the_stage),
        cmocka_unit_test(each_factor_of_heads_is_found_alone),
        cmocka_unit_test(ranks_of_heads_stand_beside_each_other),
        cmocka_unit_test(gaps_of_probes_stand_beside_both_protocols),
        cmocka_unit_test(without_memory_it_is_an_error_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
