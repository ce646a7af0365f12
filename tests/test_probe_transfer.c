/* Probes that learn on one side and are tested on the other: from study to study, corpus to corpus, importance to importance. */
#include "planted_probe.h"
#include "probe/split.h"
#include "scratch_group.h"

enum { LAYERS = PLANTED_LAYERS, LEARNT = 30, TESTED = 24 };

static sal_probe_options transfer_of(sal_probe_transfer transfer, const char *name) {
    sal_probe_options options = planted_options();
    options.transfer = transfer;
    options.other_name = name;
    return options;
}

static void assert_spearman(const sal_probe_tables *tables, int layer, double value, double most) {
    const sal_probe_result *r =
        planted_find(tables, "linear", SAL_STRICT, layer, "none", "spearman");
    if (!(fabs(r->value - value) <= most))
        fail_msg("layer %d: %.3f is not %.1f within %.2f", layer, r->value, value, most);
}

static const sal_probe_table *table_of(const sal_probe_tables *tables, const char *options) {
    for (size_t t = 0; t < tables->count; t++)
        if (strcmp(tables->items[t].analysis.options, options) == 0)
            return &tables->items[t];
    fail_msg("no table of %s", options);
    return NULL;
}

static void a_shared_signal_carries_over_to_another_study(void **state) {
    char here[160], there[160];
    (void)state;
    plant_corpus(below(folder, "tested", here),
                 &(planted_corpus){.world = SIGNAL, .seed = 1, .documents = TESTED});
    plant_corpus(
        below(folder, "learnt", there),
        &(planted_corpus){
            .world = SIGNAL, .seed = 2, .documents = LEARNT, .first = 100, .corpus = "learnt"});
    const sal_probe_options options = transfer_of(SAL_TRANSFER_TRAIN_ON, "some/where/learnt/");
    sal_probe_tables *tables = planted_run(here, &options, there);
    for (int l = 0; l < LAYERS; l++)
        assert_spearman(tables, l, l == 1 ? 1 : 0, .1);
    const sal_probe_result *r = planted_find(tables, "linear", SAL_STRICT, 1, "none", "spearman");
    assert_int_equal(r->documents, TESTED); /* all of that side, in one round */
    assert_int_equal(r->undefined, LEARNT);
    assert_true(r->low > .8 && r->high <= 1);
    assert_true(planted_find(tables, "linear", SAL_STRICT, 1, "control-task", "selectivity")->low >
                .5);
    const sal_probe_table *table = table_of(tables, "train-on=learnt other-corpus=learnt");
    assert_string_equal(table->analysis.corpus, "news");
    for (size_t i = 0; i < table->count; i++) { /* neither gaps nor an online code */
        assert_true(strncmp(table->results[i].control, "gap", 3) != 0);
        assert_true(strcmp(table->results[i].control, "mdl") != 0);
    }
    sal_probe_tables_free(tables);
}

/* The same two studies seen from the other one: the same numbers, in the study that was learnt from. */
static void both_studies_can_ask(void **state) {
    char here[160], there[160];
    (void)state;
    (void)below(folder, "tested", here);
    (void)below(folder, "learnt", there);
    const sal_probe_options train = transfer_of(SAL_TRANSFER_TRAIN_ON, "learnt");
    const sal_probe_options test = transfer_of(SAL_TRANSFER_TEST_ON, "tested");
    sal_probe_tables *a = planted_run(here, &train, there), *b = planted_run(there, &test, here);
    const sal_probe_table *x = table_of(a, "train-on=learnt other-corpus=learnt");
    const sal_probe_table *y = table_of(b, "test-on=tested other-corpus=news");
    assert_string_equal(y->analysis.corpus, "learnt");
    assert_int_equal(x->count, y->count);
    for (size_t i = 0; i < x->count; i++) {
        assert_int_equal(isnan(x->results[i].value), isnan(y->results[i].value));
        if (!isnan(x->results[i].value))
            assert_close(x->results[i].value, y->results[i].value, 0, 0);
    }
    sal_probe_tables_free(a);
    sal_probe_tables_free(b);
}

static void a_signal_that_points_elsewhere_misleads(void **state) {
    char here[160], there[160];
    (void)state;
    (void)below(folder, "tested", here);
    plant_corpus(
        below(folder, "opposite", there),
        &(planted_corpus){.world = OPPOSITE, .seed = 3, .documents = LEARNT, .first = 200});
    const sal_probe_options options = transfer_of(SAL_TRANSFER_TRAIN_ON, "opposite");
    sal_probe_tables *tables = planted_run(here, &options, there);
    assert_spearman(tables, 1, -1, .1);
    sal_probe_tables_free(tables);
}

static void corpora_and_importance_of_one_study(void **state) {
    char path[160];
    (void)state;
    plant_corpus(below(folder, "both", path),
                 &(planted_corpus){.world = SIGNAL, .seed = 4, .documents = TESTED});
    plant_corpus(
        path,
        &(planted_corpus){
            .world = SIGNAL, .seed = 5, .documents = LEARNT, .first = 100, .corpus = "dialogues"});
    sal_probe_options options = transfer_of(SAL_TRANSFER_TRAIN_ON, "both");
    options.corpus = "news";
    options.other_corpus = "dialogues";
    sal_probe_tables *tables = planted_run(path, &options, NULL);
    assert_spearman(tables, 1, 1, .1);
    sal_probe_tables_free(tables);
    options.other_corpus = NULL; /* the same documents, the importance turned round */
    options.other_by = "upset";
    tables = planted_run(path, &options, NULL);
    const sal_probe_table *table = table_of(tables, "train-on=both other-by=upset");
    const sal_probe_tables alone = {.items = (sal_probe_table *)(uintptr_t)table, .count = 1};
    assert_spearman(&alone, 1, -1, .1);
    assert_int_equal(planted_find(&alone, "linear", SAL_STRICT, 1, "none", "spearman")->documents,
                     TESTED);
    sal_probe_tables_free(tables);
}

/* What documents share must not help where a document stands on both sides. */
static void no_tested_document_has_been_learnt_from(void **state) {
    char here[160], there[160];
    (void)state;
    plant_corpus(below(folder, "copy1", here),
                 &(planted_corpus){.world = CLUSTERED, .seed = 6, .documents = LEARNT});
    plant_corpus(below(folder, "copy2", there),
                 &(planted_corpus){.world = CLUSTERED, .seed = 6, .documents = LEARNT});
    const sal_probe_options options = transfer_of(SAL_TRANSFER_TRAIN_ON, "copy2");
    sal_probe_tables *tables = planted_run(here, &options, there);
    for (int l = 0; l < LAYERS; l++) {
        const sal_probe_result *r =
            planted_find(tables, "linear", SAL_STRICT, l, "none", "spearman");
        if (!(r->low <= 0 && r->high >= 0))
            fail_msg("layer %d: %.3f [%.3f, %.3f]", l, r->value, r->low, r->high);
        assert_int_equal(r->documents, LEARNT);
    }
    sal_probe_tables_free(tables);
}

static void networks_transfer_too(void **state) {
    char here[160], there[160];
    (void)state;
    sal_probe_options options = transfer_of(SAL_TRANSFER_TRAIN_ON, "learnt");
    options.kind = SAL_PROBE_MLP;
    options.loss = SAL_PROBE_MSE;
    options.layers = "0,1";
    options.seeds = 1;
    options.controls[SAL_CONTROL_TASK] = false;
    sal_probe_tables *tables =
        planted_run(below(folder, "tested", here), &options, below(folder, "learnt", there));
    assert_true(planted_find(tables, "mlp", SAL_STRICT, 1, "none", "spearman")->value > .6);
    assert_true(planted_find(tables, "mlp", SAL_STRICT, 0, "none", "spearman")->value < .2);
    sal_probe_tables_free(tables);
}

static void fails_with(const char *path, const char *other, const sal_probe_options *options,
                       const char *text) {
    sal_error err = {0};
    sal_tally tally = {0};
    sal_probe_options asked = *options;
    sal_study *study = open_study(path, SAL_STUDY_WRITE);
    asked.other = other != NULL ? open_study(other, SAL_STUDY_READ) : study;
    assert_int_not_equal(sal_probe_run(study, &asked, NULL, &tally, &err), SAL_OK);
    if (strstr(err.text, text) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, text);
    if (other != NULL)
        close_study(asked.other);
    close_study(study);
}

static void what_does_not_fit_is_said(void **state) {
    char here[160], there[160];
    (void)state;
    (void)below(folder, "tested", here);
    sal_probe_options options = transfer_of(SAL_TRANSFER_TRAIN_ON, "other");
    plant_corpus(below(folder, "model", there),
                 &(planted_corpus){.world = SIGNAL,
                                   .seed = 7,
                                   .documents = 6,
                                   .digest = "fedcba9876543210fedcba9876543210"
                                             "fedcba9876543210fedcba9876543210"});
    fails_with(
        here, there, &options,
        "a probe reads the states of one model: here they are tiny's (0123456789ab...), those "
        "of other are tiny's (fedcba987654...)");
    plant_corpus(below(folder, "width", there),
                 &(planted_corpus){.world = SIGNAL, .seed = 7, .documents = 6, .width = 24});
    fails_with(
        here, there, &options,
        "states differ in width: here [0,1,2], mean, 48 wide, in other [0,1,2], mean, 24 wide");
    fails_with(here, NULL, &options, "both sides are the same documents and importance by tiny");
    options.other_corpus = "speeches";
    fails_with(here, NULL, &options,
               "other has 1 corpora and none called 'speeches'; choose one with --other-corpus");
    options.other_corpus = NULL;
    options.other_by = "nobody";
    fails_with(here, NULL, &options, "other (--other-by): there is no summarizer 'nobody'");
}

static void a_transfer_is_cut_exactly(void **state) {
    enum { N = 24 };
    static const char *const hashes[N] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                          "i", "j", "k", "l", "m", "n", "o", "p",
                                          "q", "r", "s", "t", "u", "v", "w", "x"};
    size_t group[N], part[N], counts[10] = {0};
    unsigned char side[N];
    split_rounds rounds;
    sal_error err = {0};
    (void)state;
    for (size_t i = 0; i < N; i++) {
        group[i] = i;
        side[i] = i >= 10;
    }
    assert_ok(split_transfer(hashes, group, side, N, &rounds, part, &err));
    assert_int_equal(rounds.rounds, 1);
    for (size_t i = 0; i < N; i++)
        counts[part[i]]++;
    assert_int_equal(counts[0], 8);
    assert_int_equal(counts[1], 2);
    assert_int_equal(counts[rounds.test[0]], N - 10);
    assert_close(split_spread(&rounds, part, N), 1 + 14. / 8, 0, 1e-12);
    group[23] = 0; /* one of the tested ones is a near-duplicate of a learnt one */
    memset(counts, 0, sizeof counts);
    assert_ok(split_transfer(hashes, group, side, N, &rounds, part, &err));
    assert_int_equal(rounds.rounds, 5);
    for (size_t i = 0; i < N; i++)
        counts[part[i]]++;
    for (size_t k = 0; k < 5; k++) {
        assert_int_equal(counts[k], 2);
        assert_int_equal(rounds.test[k], 5 + k);
        assert_false(split_trains(&rounds, k, 5 + (k + 2) % 5)); /* tested ones never train */
        assert_true(split_trains(&rounds, k, (k + 2) % 5));
        assert_false(split_trains(&rounds, k, k)); /* what is nearly what is tested */
        assert_false(split_trains(&rounds, k, (k + 1) % 5));
    }
    assert_int_equal(part[23], part[0] + 5); /* so no round learns from one and tests the other */
    for (size_t i = 0; i < 6; i++)
        side[i] = 1;
    assert_int_equal(split_transfer(hashes, group, side, N, &rounds, part, &err), SAL_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_is_cut_exactly),
        cmocka_unit_test(a_shared_signal_carries_over_to_another_study),
        cmocka_unit_test(both_studies_can_ask),
        cmocka_unit_test(a_signal_that_points_elsewhere_misleads),
        cmocka_unit_test(corpora_and_importance_of_one_study),
        cmocka_unit_test(no_tested_document_has_been_learnt_from),
        cmocka_unit_test(networks_transfer_too),
        cmocka_unit_test(what_does_not_fit_is_said),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
