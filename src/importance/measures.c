/* Measures of one document (METHODS 2).
 *
 * Split-half reliability. The distinct lengths asked for, ascending, go by turns into two halves (1st, 3rd, ... and 2nd, 4th, ...),
 * failed ones included, so that a failure moves no other summary; with one length alone its replicas do. The importance of a word in a
 * half is the share of the half's counting summaries that keep it. Correlated over all word types of the document (strict) or over
 * the words any summary keeps (paper: conditions on being kept, and so falls below); then Spearman-Brown, 2r/(1+r), below 0 its
 * mirror image 2r/(1-r), as the formula has a pole at -1. Undefined: a half without a counting summary, fewer than two words, or a half
 * that is constant over them.
 * Incremental consistency (Trienes et al. 2025): of the distinct words of the summary of length L, the share still in that of the next
 * longer length asked for (same replica); mean over such pairs in which both count and the shorter one has a word. Undefined: no pair.
 * Content words: the same over the words that are not in the stop list; undefined where the language has none.
 * Texts that are nested by construction (trim, extractive summarizers) are near 1 in all of this and are marked so in the study. */
#include <math.h>

#include "importance/importance_internal.h"
#include "stats/stats.h"

static bool belongs(const sal_table_word *word, sal_word_set set) {
    return set == SAL_ALL_WORDS || word->content == 1;
}

/* out half [S]: 0 or 1; sizes [2]: counting summaries of each */
static void assign_halves(const sal_word_table *table, const sal_summary_place *places,
                          unsigned char *half, int64_t sizes[2]) {
    size_t S = table->summary_count;
    bool by_length = S > 0 && places[0].length != places[S - 1].length;
    unsigned char turn = 0;
    sizes[0] = sizes[1] = 0;
    for (size_t s = 0; s < S; s++) {
        if (s > 0 && (by_length ? places[s].length != places[s - 1].length
                                : places[s].replica != places[s - 1].replica))
            turn ^= 1;
        half[s] = turn;
        sizes[turn] += table->counts[s];
    }
}

/* Importance of one word in both halves. */
static void half_importance(const sal_word_table *table, const unsigned char *half,
                            const int64_t sizes[2], size_t word, double importance[2]) {
    const unsigned char *kept = table->kept + word * table->summary_count;
    int64_t counts[2] = {0, 0};
    for (size_t s = 0; s < table->summary_count; s++)
        counts[half[s]] += kept[s];
    importance[0] = (double)counts[0] / (double)sizes[0];
    importance[1] = (double)counts[1] / (double)sizes[1];
}

static int measure_reliability(const sal_word_table *table, sal_importance_choices choices,
                               const sal_summary_place *places, sal_word_set set,
                               sal_document_measures *measures, sal_error *err) {
    int64_t sizes[2];
    size_t n = 0;
    double rho = NAN;
    int status = SAL_OK;
    unsigned char *half = sal_calloc(table->summary_count, 1);
    double *x = sal_calloc(table->word_count, sizeof *x);
    double *y = sal_calloc(table->word_count, sizeof *y);
    measures->pearson[set] = measures->spearman[set] = NAN;
    if (half == NULL || x == NULL || y == NULL) {
        status = sal_fail_memory(err, "split-half reliability");
        goto done;
    }
    assign_halves(table, places, half, sizes);
    if (sizes[0] == 0 || sizes[1] == 0)
        goto done;
    for (size_t w = 0; w < table->word_count; w++) {
        const sal_table_word *word = &table->words[w];
        if (!belongs(word, set) || (!choices.kept_alone && !word->in_document))
            continue;
        double importance[2];
        half_importance(table, half, sizes, w, importance);
        x[n] = importance[0];
        y[n++] = importance[1];
    }
    status = sal_stats_spearman(x, y, n, &rho, err);
    if (status != SAL_OK)
        goto done;
    measures->spearman[set] = sal_stats_spearman_brown(rho);
    measures->pearson[set] = sal_stats_spearman_brown(sal_stats_pearson(x, y, n));
done:
    sal_free(half);
    sal_free(x);
    sal_free(y);
    return status;
}

/* The summary of the next longer length with the same replica; S when there is none. */
static size_t next_longer(const sal_summary_place *places, size_t S, size_t s) {
    size_t next = s + 1;
    while (next < S && places[next].length == places[s].length)
        next++;
    if (next == S)
        return S;
    int length = places[next].length;
    for (; next < S && places[next].length == length; next++)
        if (places[next].replica == places[s].replica)
            return next;
    return S;
}

/* Share of the words of one summary that another one has too; NaN when it has none. */
static double kept_share(const sal_word_table *table, sal_word_set set, size_t from, size_t to) {
    int64_t words = 0;
    int64_t both = 0;
    for (size_t w = 0; w < table->word_count; w++) {
        const unsigned char *kept = table->kept + w * table->summary_count;
        if (!kept[from] || !belongs(&table->words[w], set))
            continue;
        words++;
        both += kept[to];
    }
    return words == 0 ? NAN : (double)both / (double)words;
}

static double measure_consistency(const sal_word_table *table, const sal_summary_place *places,
                                  sal_word_set set) {
    double sum = 0;
    int64_t pairs = 0;
    for (size_t s = 0; s < table->summary_count; s++) {
        size_t longer = next_longer(places, table->summary_count, s);
        if (longer == table->summary_count || !table->counts[s] || !table->counts[longer])
            continue;
        double share = kept_share(table, set, s, longer);
        if (isnan(share))
            continue;
        sum += share;
        pairs++;
    }
    return pairs == 0 ? NAN : sum / (double)pairs;
}

int sal_importance_measure(const sal_word_table *table, sal_importance_choices choices,
                           const sal_summary_place *places, sal_document_measures *measures,
                           sal_error *err) {
    for (sal_word_set set = SAL_ALL_WORDS; set < SAL_WORD_SETS; set++) {
        int status = measure_reliability(table, choices, places, set, measures, err);
        if (status != SAL_OK)
            return status;
        measures->consistency[set] = measure_consistency(table, places, set);
    }
    return SAL_OK;
}
