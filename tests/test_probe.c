/* Probes on planted data: a signal is found where it is and nowhere else, noise scores nothing, the split by pairs of document and word
 * is fooled by what documents share, the control task catches what is only memorised. States and importance are written by the test. */
#include "testing.h"

#include "planted_probe.h"
#include "probe/online.h"
#include "probe/ridge.h"
#include "probe/split.h"
#include "salient/random.h"
#include "scratch_group.h"

enum { LAYERS = PLANTED_LAYERS, DOCUMENTS = 30 };

static void assert_zero_inside(const sal_probe_result *r) {
    if (!(r->low <= 0 && r->high >= 0))
        fail_msg("%s %s of layer %d: %.3f [%.3f, %.3f] leaves out 0", r->control, r->metric,
                 r->layer, r->value, r->low, r->high);
}

static void a_signal_is_found_in_its_layer_and_nowhere_else(void **state) {
    char path[160];
    (void)state;
    plant(below(folder, "signal", path), SIGNAL, 1, DOCUMENTS);
    const sal_probe_options options = planted_options();
    sal_probe_tables *tables = planted_run(path, &options, NULL);
    for (int l = 0; l < LAYERS; l++) {
        const sal_probe_result *r =
            planted_find(tables, "linear", SAL_STRICT, l, "none", "spearman");
        assert_int_equal(r->documents, DOCUMENTS);
        if (l == 1)
            assert_true(r->value > .9 && r->low > .9);
        else
            assert_close(r->value, 0, 0, .1);
    }
    assert_true(planted_find(tables, "linear", SAL_STRICT, 1, "surface", "gain")->low > .5);
    assert_close(planted_find(tables, "linear", SAL_STRICT, -1, "position", "spearman")->value, 0,
                 0, .1);
    assert_true(planted_find(tables, "linear", SAL_STRICT, 1, "mdl", "compression")->value > 1.1);
    assert_close(planted_find(tables, "linear", SAL_STRICT, 0, "mdl", "compression")->value, 1, 0,
                 .05);
    assert_true(planted_find(tables, "linear", SAL_STRICT, 1, "control-task", "selectivity")->low >
                .5);
    assert_zero_inside(planted_find(tables, "linear", SAL_STRICT, 1, "gap-split", "spearman"));
    sal_probe_tables_free(tables);
}

/* The signal has every word's importance but one's, whose states say the opposite: that one the probe gets wrong. */
static void the_words_it_errs_at_are_named(void **state) {
    char path[160];
    (void)state;
    plant(below(folder, "errs", path), LYING, 6, DOCUMENTS);
    const sal_probe_options options = planted_options();
    sal_probe_tables *tables = planted_run(path, &options, NULL);
    const sal_probe_table *table = &tables->items[0];
    assert_true(table->word_count > 10 && table->word_count <= SAL_PROBE_WORDS_AT_MOST);
    for (size_t w = 0; w < table->word_count; w++) {
        const sal_probe_word *word = &table->words[w];
        assert_int_equal(word->layer, 1);
        assert_true(word->documents >= 3 && word->documents <= DOCUMENTS);
        assert_true(word->importance >= 0 && word->importance <= 1);
        assert_true(w == 0 || word->error <= table->words[w - 1].error);
    }
    assert_string_equal(table->words[0].word, "w000");
    assert_true(table->words[0].error > .3);
    assert_true(table->words[1].error < .2);
    sal_probe_tables_free(tables);
    tables = planted_run(path, &options, NULL); /* a second run replaces them, and nothing else */
    assert_int_equal(tables->count, 1);
    assert_true(tables->items[0].count > 0);
    assert_string_equal(tables->items[0].words[0].word, "w000");
    sal_probe_tables_free(tables);
}

static void results_do_not_depend_on_threads(void **state) {
    char path[160];
    sal_error err = {0};
    sal_buffer out[2] = {{0}};
    (void)state;
    (void)below(folder, "signal", path);
    for (int i = 0; i < 2; i++) {
        sal_probe_options options = planted_options();
        options.threads = i == 0 ? 1 : 3;
        sal_probe_tables_free(planted_run(path, &options, NULL));
        sal_study *study = open_study(path, SAL_STUDY_READ);
        const sal_sink sink = sal_buffer_sink(&out[i]);
        assert_ok(sal_export_table(study, "probes", NULL, SAL_FORMAT_CSV, &sink, &err));
        close_study(study);
    }
    assert_string_equal(out[0].bytes, out[1].bytes);
    assert_non_null(
        strstr(out[0].bytes, "\nnews,tiny,tiny,strict,linear,squares,\"\",all,1,none,,"));
    sal_buffer_free(&out[0]);
    sal_buffer_free(&out[1]);
}

static void what_documents_share_fools_the_split_by_pairs_alone(void **state) {
    char path[160];
    (void)state;
    plant(below(folder, "clustered", path), CLUSTERED, 2, 20);
    sal_probe_options options = planted_options();
    sal_probe_tables *tables = planted_run(path, &options, NULL);
    for (int l = 0; l < LAYERS; l++) {
        assert_close(planted_find(tables, "linear", SAL_STRICT, l, "none", "spearman")->value, 0, 0,
                     .15);
        assert_true(planted_find(tables, "linear", SAL_STRICT, l, "gap-split", "spearman")->low >
                    .1);
    }
    sal_probe_tables_free(tables);
    options.protocol = SAL_PAPER;
    tables = planted_run(path, &options, NULL);
    for (int l = 0; l < LAYERS; l++)
        assert_true(planted_find(tables, "linear", SAL_PAPER, l, "none", "spearman")->low > .1);
    sal_probe_tables_free(tables);
}

/* One split, test documents that no training document knows: the interval of noise holds 0. (Five folds train on each other's documents,
 * which makes their intervals somewhat narrow.) */
static void noise_is_within_its_interval_of_zero(void **state) {
    char path[160];
    (void)state;
    plant(below(folder, "noise", path), CLUSTERED, 6, 110);
    sal_probe_options options = planted_options();
    memset(options.controls, 0, sizeof options.controls);
    sal_probe_tables *tables = planted_run(path, &options, NULL);
    for (int l = 0; l < LAYERS; l++) {
        const sal_probe_result *r =
            planted_find(tables, "linear", SAL_STRICT, l, "none", "spearman");
        assert_int_equal(r->documents, 22);
        assert_zero_inside(r);
    }
    sal_probe_tables_free(tables);
}

static void what_is_memorised_has_no_selectivity(void **state) {
    char path[160];
    (void)state;
    plant(below(folder, "typed", path), TYPED, 3, DOCUMENTS);
    sal_probe_options options = planted_options();
    options.seeds = 20; /* draws: one random task is not another, their mean is */
    sal_probe_tables *tables = planted_run(path, &options, NULL);
    for (int l = 0; l < LAYERS; l++) {
        const sal_probe_result *r =
            planted_find(tables, "linear", SAL_STRICT, l, "control-task", "selectivity");
        assert_true(planted_find(tables, "linear", SAL_STRICT, l, "none", "spearman")->value > .1);
        assert_zero_inside(r);
        assert_true(r->high - r->low < .5);
    }
    sal_probe_tables_free(tables);
}

static void networks_find_the_signal_too(void **state) {
    static const struct {
        sal_probe_kind kind;
        sal_probe_loss loss;
        bool attention;
    } cases[] = {{SAL_PROBE_MLP, SAL_PROBE_MSE, false},
                 {SAL_PROBE_ALL_LAYERS, SAL_PROBE_MSE, false},
                 {SAL_PROBE_ARTICLE, SAL_PROBE_KL, true}};
    char path[160];
    (void)state;
    (void)below(folder, "signal", path);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        sal_probe_options options = planted_options();
        options.kind = cases[c].kind;
        options.loss = cases[c].loss;
        options.attention = cases[c].attention;
        options.layers = "0,1";
        options.seeds = 1;
        options.epochs = 20;
        memset(options.controls, 0, sizeof options.controls);
        sal_probe_tables *tables = planted_run(path, &options, NULL);
        const char *name = sal_probe_name(cases[c].kind);
        const bool all = cases[c].kind == SAL_PROBE_ALL_LAYERS;
        const double found =
            planted_find(tables, name, SAL_STRICT, all ? -1 : 1, "none", "spearman")->value;
        if (!(found > .6))
            fail_msg("%s finds %.3f", name, found);
        if (!all)
            assert_true(planted_find(tables, name, SAL_STRICT, 0, "none", "spearman")->value < .15);
        sal_probe_tables_free(tables);
    }
}

/* One choice of the paper's protocol at a time, for networks whose loss is over words. */
static void networks_have_gaps_too(void **state) {
    char path[160];
    (void)state;
    plant(below(folder, "shared", path), CLUSTERED, 2, 20);
    for (int k = SAL_PROBE_MLP; k <= SAL_PROBE_ARTICLE; k++) {
        sal_probe_options options = planted_options();
        memset(options.controls, 0, sizeof options.controls);
        options.controls[SAL_CONTROL_GAP] = true;
        options.kind = (sal_probe_kind)k;
        options.loss = SAL_PROBE_MSE;
        options.layers = "0,1";
        options.seeds = 1;
        options.epochs = k == SAL_PROBE_ALL_LAYERS ? 4 : 12;
        sal_probe_tables *tables = planted_run(path, &options, NULL);
        const char *name = sal_probe_name(options.kind);
        const int layer = k == SAL_PROBE_ALL_LAYERS ? -1 : 1;
        size_t gaps = 0;
        for (size_t t = 0; t < tables->count; t++)
            for (size_t i = 0; i < tables->items[t].count; i++)
                gaps += strcmp(tables->items[t].analysis.probe, name) == 0 &&
                        strncmp(tables->items[t].results[i].control, "gap-", 4) == 0;
        assert_int_equal(gaps, k == SAL_PROBE_MLP ? 6 : k == SAL_PROBE_ALL_LAYERS ? 3 : 0);
        if (k != SAL_PROBE_ARTICLE) {
            const sal_probe_result *r =
                planted_find(tables, name, SAL_STRICT, layer, "gap-split", "spearman");
            assert_true(r->low > .1);
            assert_int_equal(r->documents, 20);
            /* few words have no importance here, and the paper's states are the same */
            assert_close(
                planted_find(tables, name, SAL_STRICT, layer, "gap-zero", "spearman")->value, 0, 0,
                .1);
            assert_close(
                planted_find(tables, name, SAL_STRICT, layer, "gap-span", "spearman")->value, 0, 0,
                .1);
        }
        sal_probe_tables_free(tables);
    }
}

static bool after_some(void *context) {
    int *left = context;
    return (*left)-- <= 0;
}

static void an_interrupted_training_goes_on_with_the_same_numbers(void **state) {
    char paths[2][160];
    sal_buffer out[2] = {{0}};
    (void)state;
    for (int way = 0; way < 2; way++) {
        sal_error err = {0};
        sal_tally tally = {0};
        sal_probe_options options = planted_options();
        options.kind = SAL_PROBE_MLP;
        options.layers = "1,2";
        options.seeds = 1;
        options.epochs = 2;
        options.threads = 1;
        options.controls[SAL_CONTROL_GAP] = false; /* here some of its trainings are the same */
        plant(below(folder, way == 0 ? "whole" : "broken", paths[way]), SIGNAL, 4, 20);
        sal_study *study = open_study(paths[way], SAL_STUDY_WRITE);
        if (way == 1) {
            int left = 60;
            const sal_progress stop = {.cancelled = after_some, .context = &left};
            assert_int_equal(sal_probe_run(study, &options, &stop, &tally, &err), SAL_ECANCELLED);
            assert_true(tally.done > 3);
        }
        tally = (sal_tally){0};
        assert_ok(sal_probe_run(study, &options, NULL, &tally, &err));
        assert_true(way == 0 ? tally.kept == 0 : tally.kept > 0);
        const sal_sink sink = sal_buffer_sink(&out[way]);
        assert_ok(sal_export_table(study, "probes", NULL, SAL_FORMAT_CSV, &sink, &err));
        close_study(study);
    }
    assert_string_equal(out[0].bytes, out[1].bytes);
    sal_buffer_free(&out[0]);
    sal_buffer_free(&out[1]);
}

static void what_is_wrong_is_said(void **state) {
    char path[160];
    sal_error err = {0};
    sal_tally tally = {0};
    sal_probe_options options = planted_options();
    (void)state;
    plant(below(folder, "few", path), SIGNAL, 5, 3);
    sal_study *study = open_study(path, SAL_STUDY_WRITE);
    assert_int_equal(sal_probe_run(study, &options, NULL, &tally, &err), SAL_EINVAL);
    assert_non_null(strstr(err.text, "needs five groups at least"));
    options.layers = "0,7";
    assert_int_equal(sal_probe_run(study, &options, NULL, &tally, &err), SAL_EINVAL);
    assert_non_null(strstr(err.text, "there are no states 7"));
    options.model = "/somewhere/other.gguf";
    assert_int_equal(sal_probe_run(study, &options, NULL, &tally, &err), SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "salient states"));
    assert_non_null(strstr(err.text, "tiny (strict)"));
    close_study(study);
}

/* ---- pieces -------------------------------------------------------------------------------------------------------- */

/* Against the normal equations solved by elimination, on standardised columns. */
static void ridge_solves_its_equations(void **state) {
    enum { F = 70, ROWS = 200 };
    static double x[ROWS * F], y[ROWS], a[F][F + 1];
    sal_error err = {0};
    sal_random random;
    ridge_moments m = {0};
    ridge_fit fit = {0};
    (void)state;
    sal_random_seed(&random, 9);
    for (size_t i = 0; i < ROWS * F; i++)
        x[i] = planted_normal(&random) * (1 + (double)(i % F)) + 3;
    for (size_t r = 0; r < ROWS; r++)
        y[r] = x[r * F] - .2 * x[r * F + 5] + planted_normal(&random);
    assert_ok(ridge_moments_open(F, 1, &m, &err));
    assert_ok(ridge_fit_open(F, 1, &fit, &err));
    ridge_moments_add(&m, x, y, 150);
    ridge_moments_add(&m, x + 150 * F, y + 150, ROWS - 150);
    assert_ok(ridge_solve(&m, &m, &fit, &err));
    double mean[F], scale[F], y_mean = 0;
    for (size_t r = 0; r < ROWS; r++)
        y_mean += y[r] / ROWS;
    for (size_t f = 0; f < F; f++) {
        double s = 0;
        mean[f] = 0;
        for (size_t r = 0; r < ROWS; r++)
            mean[f] += x[r * F + f] / ROWS;
        for (size_t r = 0; r < ROWS; r++)
            s += (x[r * F + f] - mean[f]) * (x[r * F + f] - mean[f]) / ROWS;
        scale[f] = sqrt(s);
    }
    memset(a, 0, sizeof a);
    for (size_t f = 0; f < F; f++)
        for (size_t r = 0; r < ROWS; r++) {
            const double z = (x[r * F + f] - mean[f]) / scale[f];
            for (size_t g = 0; g < F; g++)
                a[f][g] += z * (x[r * F + g] - mean[g]) / scale[g];
            a[f][F] += z * (y[r] - y_mean);
        }
    for (size_t f = 0; f < F; f++)
        a[f][f] += fit.lambda[0];
    for (size_t f = 0; f < F; f++)
        for (size_t g = f + 1; g < F; g++) {
            const double factor = a[g][f] / a[f][f];
            for (size_t c = f; c <= F; c++)
                a[g][c] -= factor * a[f][c];
        }
    for (size_t f = F; f-- > 0;) {
        for (size_t g = f + 1; g < F; g++)
            a[f][F] -= a[f][g] * a[g][F];
        a[f][F] /= a[f][f];
        assert_close(fit.weights[f], a[f][F] / scale[f], 1e-8, 1e-12);
    }
    ridge_moments_free(&m);
    ridge_fit_free(&fit);
}

static void near_duplicates_stay_together(void **state) {
    static const char *const texts[] = {
        "the ferry left the harbour at noon and sank near the lighthouse before anybody could help "
        "the crew who had warned of the storm in the morning of that day",
        "a council has voted for the new bridge after years of talk about its price and its place",
        "the ferry left the harbour at noon and sank near the lighthouse before anybody could help "
        "the crew who had warned of the storm in the morning of that week"};
    uint32_t signatures[3 * SPLIT_HASHES];
    size_t group[3];
    sal_error err = {0};
    sal_text *text = NULL;
    (void)state;
    assert_ok(sal_text_open(&text, &err));
    for (size_t i = 0; i < 3; i++)
        assert_ok(
            split_signature(text, texts[i], strlen(texts[i]), signatures + i * SPLIT_HASHES, &err));
    assert_ok(split_groups(signatures, 3, group, &err));
    assert_int_equal(group[0], 0);
    assert_int_equal(group[1], 1);
    assert_int_equal(group[2], 0);
    sal_text_close(text);
}

static void splits_are_cut_exactly(void **state) {
    enum { N = 100 };
    char hashes[N][8];
    const char *list[N];
    size_t group[N], part[N], count[5] = {0};
    sal_error err = {0};
    (void)state;
    for (size_t i = 0; i < N; i++) {
        snprintf(hashes[i], sizeof hashes[i], "%zu", i * 7919 % 99991);
        list[i] = hashes[i];
        group[i] = i;
    }
    split_rounds rounds = split_rounds_of(N);
    assert_ok(split_documents(list, group, N, &rounds, part, &err));
    for (size_t i = 0; i < N; i++)
        count[part[i]]++;
    assert_int_equal(count[0], 60);
    assert_int_equal(count[1], 20);
    assert_int_equal(count[2], 20);
    rounds = split_rounds_of(40);
    assert_int_equal(rounds.rounds, 5);
    assert_ok(split_documents(list, group, 40, &rounds, part, &err));
    memset(count, 0, sizeof count);
    for (size_t i = 0; i < 40; i++)
        count[part[i]]++;
    for (size_t p = 0; p < 5; p++)
        assert_int_equal(count[p], 8);
}

/* Fewer than five blocks: no code. Classes that x tells: a short one. */
static void online_codes(void **state) {
    enum { D = 40, W = 30, F = 8 };
    static float x[D * W * F];
    static int labels[D * W];
    size_t start[D + 1];
    sal_random random;
    sal_error err = {0};
    online_code code;
    (void)state;
    sal_random_seed(&random, 3);
    for (size_t d = 0; d <= D; d++)
        start[d] = d * W;
    for (size_t r = 0; r < D * W; r++) {
        labels[r] = (int)sal_random_below(&random, 3);
        for (size_t f = 0; f < F; f++)
            x[r * F + f] =
                (float)(planted_normal(&random) + (f < 3 && (int)f == labels[r] ? 6 : 0));
    }
    assert_ok(online_run(x, F, labels, 3, start, D, 1, &code, &err));
    assert_int_equal(code.blocks, 7); /* 1, 2, 3, 6, 11, 21, 40 documents */
    assert_true(code.compression > 2);
    assert_close(code.prior_bits, D * W * log2(3), .05, 0);
    assert_ok(online_run(x, F, labels, 3, start, 4, 1, &code, &err));
    assert_true(code.blocks < 5);
    assert_true(isnan(code.compression));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ridge_solves_its_equations),
        cmocka_unit_test(near_duplicates_stay_together),
        cmocka_unit_test(splits_are_cut_exactly),
        cmocka_unit_test(online_codes),
        cmocka_unit_test(a_signal_is_found_in_its_layer_and_nowhere_else),
        cmocka_unit_test(the_words_it_errs_at_are_named),
        cmocka_unit_test(results_do_not_depend_on_threads),
        cmocka_unit_test(what_documents_share_fools_the_split_by_pairs_alone),
        cmocka_unit_test(noise_is_within_its_interval_of_zero),
        cmocka_unit_test(what_is_memorised_has_no_selectivity),
        cmocka_unit_test(networks_find_the_signal_too),
        cmocka_unit_test(networks_have_gaps_too),
        cmocka_unit_test(an_interrupted_training_goes_on_with_the_same_numbers),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
