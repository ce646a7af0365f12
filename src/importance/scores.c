/* From documents to the scores of a (corpus, summarizer, protocol): means over documents with a bootstrap interval, counts, and the
 * length audit (means over summaries). */
#include <math.h>
#include <string.h>

#include "importance/importance_internal.h"
#include "stats/stats.h"

enum { BOOTSTRAP_SEED = 1, FIXED_SCORES = 24 };

/* ---- sums -------------------------------------------------------------------------------------------------- */

/* The audit of one length, made where it belongs when it is new. */
static int find_audit(sal_score_sums *sums, int length, sal_length_audit **out, sal_error *err) {
    size_t at = 0;
    while (at < sums->length_count && sums->lengths[at].length < length)
        at++;
    if (at == sums->length_count || sums->lengths[at].length != length) {
        int status = sal_grow((void **)&sums->lengths, &sums->length_capacity, sums->length_count,
                              sizeof *sums->lengths, err);
        if (status != SAL_OK)
            return status;
        memmove(sums->lengths + at + 1, sums->lengths + at,
                (sums->length_count - at) * sizeof *sums->lengths);
        sums->lengths[at] = (sal_length_audit){.length = length};
        sums->length_count++;
    }
    *out = &sums->lengths[at];
    return SAL_OK;
}

static bool is_within_10_percent(int64_t words, int length) {
    int64_t off = words > length ? words - length : length - words;
    return 10 * off <= length;
}

/* Summaries are sorted by length: a document is new to a length when the length is. */
static int audit(sal_score_sums *sums, const sal_summary_list *summaries, const bool *counts,
                 sal_error *err) {
    int last = -1;
    for (size_t i = 0; i < summaries->count; i++) {
        const sal_summary *summary = &summaries->items[i];
        sal_length_audit *length;
        sums->statuses[summary->status]++;
        int status = find_audit(sums, summary->length, &length, err);
        if (status != SAL_OK)
            return status;
        if (!counts[i])
            continue;
        length->summaries++;
        length->words += summary->words;
        length->within += is_within_10_percent(summary->words, summary->length);
        length->documents += summary->length != last;
        last = summary->length;
    }
    return SAL_OK;
}

int sal_score_sums_add(sal_score_sums *sums, const sal_summary_list *summaries, const bool *counts,
                       const sal_document_measures *measures, sal_error *err) {
    int status = sal_grow((void **)&sums->documents, &sums->document_capacity, sums->document_count,
                          sizeof *sums->documents, err);
    if (status == SAL_OK)
        status = audit(sums, summaries, counts, err);
    if (status != SAL_OK)
        return status;
    size_t counting = 0;
    for (size_t i = 0; i < summaries->count; i++)
        counting += counts[i];
    sums->with_halves += summaries->count > 1;
    sums->without_importance += counting == 0;
    sums->documents[sums->document_count++] = *measures;
    return SAL_OK;
}

int sal_score_sums_add_imported(sal_score_sums *sums, const sal_summary_list *summaries,
                                sal_error *err) {
    sal_document_measures undefined;
    bool *counts = sal_calloc(summaries->count, sizeof *counts);
    if (counts == NULL)
        return sal_fail_memory(err, "scores");
    for (size_t set = 0; set < SAL_WORD_SETS; set++)
        undefined.pearson[set] = undefined.spearman[set] = undefined.consistency[set] = NAN;
    for (size_t i = 0; i < summaries->count; i++)
        counts[i] = summaries->items[i].status <= SAL_STATUS_TRUNCATED;
    const int64_t without = sums->without_importance;
    int status = sal_score_sums_add(sums, summaries, counts, &undefined, err);
    sums->without_importance = without;
    sums->with_halves += summaries->count < 2;
    sal_free(counts);
    return status;
}

void sal_score_sums_free(sal_score_sums *sums) {
    sal_free(sums->documents);
    sal_free(sums->lengths);
    *sums = (sal_score_sums){0};
}

/* ---- scores ------------------------------------------------------------------------------------------------ */

static const char *const set_names[SAL_WORD_SETS] = {"all", "content"};

typedef struct score_list {
    sal_score *scores; /* with room for all */
    size_t count;
} score_list;

static void add_count(score_list *list, const sal_score_sums *sums, const char *measure,
                      int64_t value) {
    list->scores[list->count++] = (sal_score){.words = "",
                                              .measure = measure,
                                              .value = (double)value,
                                              .low = NAN,
                                              .high = NAN,
                                              .documents = (int64_t)sums->document_count};
}

static void add_mean(score_list *list, const char *words, const char *measure,
                     const sal_stats_mean *mean) {
    list->scores[list->count++] = (sal_score){.words = words,
                                              .measure = measure,
                                              .value = mean->value,
                                              .low = mean->low,
                                              .high = mean->high,
                                              .documents = (int64_t)mean->defined,
                                              .undefined = (int64_t)mean->undefined};
}

/* Ceiling of a correlation with this importance: sqrt of the reliability, undefined unless that is above 0. */
static sal_stats_mean ceiling_of(const sal_stats_mean *reliability) {
    sal_stats_mean ceiling = *reliability;
    bool above = reliability->value > 0;
    ceiling.value = above ? sqrt(reliability->value) : NAN;
    ceiling.low = above ? sqrt(reliability->low < 0 ? 0 : reliability->low) : NAN;
    ceiling.high = above ? sqrt(reliability->high) : NAN;
    return ceiling;
}

/* One measure of a word set over the documents. values [documents] is the caller's room. */
static int add_measure(score_list *list, const sal_score_sums *sums, sal_word_set set,
                       size_t offset, const char *measure, const char *ceiling, double *values,
                       sal_error *err) {
    sal_stats_mean mean;
    for (size_t i = 0; i < sums->document_count; i++)
        memcpy(&values[i], (const char *)&sums->documents[i] + offset + set * sizeof(double),
               sizeof(double));
    int status = sal_stats_bootstrap_mean(values, sums->document_count, BOOTSTRAP_SEED, &mean, err);
    if (status != SAL_OK)
        return status;
    add_mean(list, set_names[set], measure, &mean);
    if (ceiling != NULL) {
        mean = ceiling_of(&mean);
        add_mean(list, set_names[set], ceiling, &mean);
    }
    return SAL_OK;
}

/* Reliability and consistency; nothing for a summarizer with one text a document. */
static int add_measures(score_list *list, const sal_score_sums *sums, sal_error *err) {
    static const struct {
        size_t offset;
        const char *measure;
        const char *ceiling;
    } rows[] = {
        {offsetof(sal_document_measures, pearson), "reliability_pearson", "ceiling_pearson"},
        {offsetof(sal_document_measures, spearman), "reliability_spearman", "ceiling_spearman"},
        {offsetof(sal_document_measures, consistency), "consistency", NULL}};
    if (sums->with_halves == 0)
        return SAL_OK;
    double *values = sal_calloc(sums->document_count, sizeof *values);
    int status = SAL_OK;
    if (values == NULL)
        return sal_fail_memory(err, "scores");
    for (sal_word_set set = SAL_ALL_WORDS; set < SAL_WORD_SETS; set++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows && status == SAL_OK; i++)
            status = add_measure(list, sums, set, rows[i].offset, rows[i].measure, rows[i].ceiling,
                                 values, err);
    sal_free(values);
    return status;
}

static void add_length(score_list *list, const sal_score_sums *sums, const sal_length_audit *audit,
                       const char *measure, double sum) {
    list->scores[list->count++] =
        (sal_score){.words = "",
                    .measure = measure,
                    .length = audit->length,
                    .value = audit->summaries == 0 ? NAN : sum / (double)audit->summaries,
                    .low = NAN,
                    .high = NAN,
                    .documents = audit->documents,
                    .undefined = (int64_t)sums->document_count - audit->documents};
}

static void add_audits(score_list *list, const sal_score_sums *sums) {
    for (size_t i = 0; i < sums->length_count; i++) {
        const sal_length_audit *audit = &sums->lengths[i];
        add_length(list, sums, audit, "words_achieved", (double)audit->words);
        if (audit->length == 0)
            continue; /* nothing was asked for */
        add_length(list, sums, audit, "words_asked",
                   (double)audit->length * (double)audit->summaries);
        add_length(list, sums, audit, "within_10_percent", (double)audit->within);
    }
}

/* The share within 10 percent over all lengths asked for, as length 0. */
static void add_overall_share(score_list *list, const sal_score_sums *sums) {
    sal_length_audit all = {0};
    for (size_t i = 0; i < sums->length_count; i++) {
        const sal_length_audit *audit = &sums->lengths[i];
        if (audit->length == 0)
            continue;
        all.summaries += audit->summaries;
        all.within += audit->within;
    }
    all.documents = (int64_t)sums->document_count - sums->without_importance;
    if (all.summaries > 0)
        add_length(list, sums, &all, "within_10_percent", (double)all.within);
}

int sal_score_sums_scores(const sal_score_sums *sums, sal_score **scores, size_t *count,
                          sal_error *err) {
    score_list list = {0};
    int64_t summaries = 0;
    list.scores = sal_calloc(FIXED_SCORES + 3 * sums->length_count, sizeof *list.scores);
    if (list.scores == NULL)
        return sal_fail_memory(err, "scores");
    for (size_t i = 0; i <= SAL_STATUS_FAILED; i++)
        summaries += sums->statuses[i];
    add_count(&list, sums, "summaries", summaries);
    for (sal_status status = SAL_STATUS_OK; status <= SAL_STATUS_FAILED; status++)
        add_count(&list, sums, sal_status_name(status), sums->statuses[status]);
    add_count(&list, sums, "documents_without_importance", sums->without_importance);
    add_audits(&list, sums);
    add_overall_share(&list, sums);
    int status = add_measures(&list, sums, err);
    if (status != SAL_OK) {
        sal_free(list.scores);
        return status;
    }
    *scores = list.scores;
    *count = list.count;
    return SAL_OK;
}
