/* One unit: the rows of word values (heads, then nulls), and their scores over all words and over content words.
 *
 * Nulls are made from the document alone and pass through the same code as heads. The empty head goes by tokens (what uniform causal
 * attention gives each key); under evidence that makes it constant it is undefined: exposure, and queries that all come after the
 * document. */
#include <math.h>
#include <string.h>

#include "heads/heads_internal.h"
#include "stats/resampling.h"

/* ---- rows of word values ------------------------------------------------------------------------------------ */

typedef struct unit_rows {
    size_t W; /* words */
    size_t R; /* heads, then nulls */
    size_t heads;
    double *values; /* [R,W] */
    double *facts;  /* [SAL_FACTS,W] */
} unit_rows;

static void set_undefined(double *row, size_t W) {
    for (size_t w = 0; w < W; w++)
        row[w] = NAN;
}

static void normalise(double *row, size_t W) {
    double sum = 0;
    for (size_t w = 0; w < W; w++)
        sum += row[w];
    for (size_t w = 0; w < W; w++)
        row[w] = sum > 0 ? row[w] / sum : 1 / (double)W;
}

static int64_t fill_heads(const head_evidence *evidence, const head_alignment *alignment,
                          sal_head_value how, unit_rows *rows) {
    int64_t undefined = 0;
    for (size_t l = 0; l < evidence->layer_count; l++)
        for (size_t h = 0; h < evidence->H; h++) {
            const float *values =
                evidence->values + (evidence->layers[l] * evidence->H + h) * evidence->T;
            double *row = rows->values + (l * evidence->H + h) * rows->W;
            undefined += !head_word_values(alignment, values, how, row);
        }
    return undefined;
}

/* Column sums of uniform causal attention: sum over i >= j of 1/(i+1), the keys that were left out of rows not counted. */
static int fill_empty(const head_evidence *evidence, const head_alignment *alignment,
                      sal_head_value how, double *row, sal_error *err) {
    if (evidence->kind != SAL_EVIDENCE_RECEIVED && evidence->kind != SAL_EVIDENCE_NORM) {
        set_undefined(row, alignment->count);
        return SAL_OK;
    }
    double *uniform = sal_calloc(evidence->T, sizeof *uniform);
    if (uniform == NULL)
        return sal_fail_memory(err, "the empty head");
    double sum = 0;
    for (size_t j = evidence->T; j-- > evidence->skip_keys;)
        uniform[j] = sum += 1 / (double)(j + 1 - evidence->skip_keys);
    head_word_values_of_doubles(alignment, uniform, how, row);
    sal_free(uniform);
    return SAL_OK;
}

static int fill_nulls(const head_setting *setting, const head_words *words,
                      const head_evidence *evidence, const head_alignment *alignment,
                      unit_rows *rows, sal_error *err) {
    double *nulls = rows->values + rows->heads * rows->W;
    double *position = nulls + SAL_NULL_POSITION * rows->W;
    double *frequency = nulls + SAL_NULL_FREQUENCY * rows->W;
    double *tfidf = nulls + SAL_NULL_TFIDF * rows->W;
    for (size_t i = 0; i < alignment->count; i++) {
        const size_t w = alignment->words[i];
        position[i] = (double)words->occurrences - words->first[w];
        frequency[i] = log(words->frequency[w]);
        tfidf[i] = words->frequency[w] * head_idf(setting->frequencies, words->words[w]);
    }
    normalise(position, rows->W);
    normalise(frequency, rows->W);
    normalise(tfidf, rows->W);
    return fill_empty(evidence, alignment, setting->value, nulls + SAL_NULL_EMPTY * rows->W, err);
}

static void fill_facts(const head_words *words, const head_alignment *alignment, unit_rows *rows) {
    for (size_t i = 0; i < alignment->count; i++) {
        const size_t w = alignment->words[i];
        rows->facts[SAL_FACT_IMPORTANCE * rows->W + i] = words->importance[w];
        rows->facts[SAL_FACT_FIRST_POSITION * rows->W + i] = words->first[w];
        rows->facts[SAL_FACT_FREQUENCY * rows->W + i] = words->frequency[w];
        rows->facts[SAL_FACT_CONTENT * rows->W + i] = words->content[w];
    }
}

/* ---- scores over a set of words ----------------------------------------------------------------------------- */

enum { ROWS_AT_ONCE = 16 };

/* What all rows are compared with: the words of the set, and ranks of what is held constant. Ranks are doubled and centred, as
 * sal_metrics_against gives them. */
typedef struct reference {
    const unit_rows *rows;
    sal_metrics_reference *metrics;
    size_t n;
    size_t *words;     /* [n] of the unit's W */
    double *y;         /* [n] */
    double *position;  /* [n] ranks of first position */
    double *frequency; /* [n] ranks of term frequency, which are those of its logarithm */
    double position_squares, frequency_squares;
    double r_yp, r_yf, r_pf;
    char *room; /* for each chunk of rows: a row's values and ranks, the workspace of the metrics */
    size_t room_size; /* of one chunk */
    size_t workspace; /* offset in it */
    double *scores;   /* [R, SAL_HEAD_MEASURES] */
    int *statuses;    /* [chunks] */
} reference;

static bool is_in_set(const unit_rows *rows, const head_setting *setting, int set, size_t w) {
    if (setting->drop_zero && !(rows->facts[SAL_FACT_IMPORTANCE * rows->W + w] > 0))
        return false;
    return set == SAL_HEAD_ALL || rows->facts[SAL_FACT_CONTENT * rows->W + w] > 0;
}

static void reference_free(reference *r) {
    sal_metrics_reference_close(r->metrics);
    sal_free(r->words);
    sal_free(r->y);
    sal_free(r->room);
    sal_free(r->statuses);
}

static double product(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Correlation of centred ranks, from their products; NaN when a side is constant. */
static double correlation(double products, double a_squares, double b_squares) {
    return a_squares > 0 && b_squares > 0 ? products / sqrt(a_squares * b_squares) : NAN;
}

/* Ranks of a fact over the set, doubled and centred. */
static int rank_fact(const reference *r, sal_head_fact fact, double *values, double *ranks,
                     double *squares, sal_error *err) {
    for (size_t i = 0; i < r->n; i++)
        values[i] = r->rows->facts[fact * r->rows->W + r->words[i]];
    int status = sal_stats_ranks(values, r->n, ranks, err);
    for (size_t i = 0; i < r->n; i++)
        ranks[i] = 2 * ranks[i] - (double)(r->n + 1);
    *squares = product(ranks, ranks, r->n);
    return status;
}

/* y [n], ranks of position and frequency [n] each, then room of 2 n. */
static int rank_all(reference *r, sal_error *err) {
    double *ranks = r->frequency + r->n;
    double *room = ranks + r->n;
    double squares = 0;
    int status =
        rank_fact(r, SAL_FACT_FIRST_POSITION, room, r->position, &r->position_squares, err);
    if (status == SAL_OK)
        status = rank_fact(r, SAL_FACT_FREQUENCY, room, r->frequency, &r->frequency_squares, err);
    if (status == SAL_OK)
        status = rank_fact(r, SAL_FACT_IMPORTANCE, r->y, ranks, &squares, err);
    r->r_yp = correlation(product(ranks, r->position, r->n), squares, r->position_squares);
    r->r_yf = correlation(product(ranks, r->frequency, r->n), squares, r->frequency_squares);
    r->r_pf = correlation(product(r->position, r->frequency, r->n), r->position_squares,
                          r->frequency_squares);
    return status;
}

static int reference_make(const head_setting *setting, const unit_rows *rows, int set, reference *r,
                          sal_error *err) {
    const size_t chunks = (rows->R + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
    *r = (reference){.rows = rows};
    r->words = sal_calloc(rows->W, sizeof *r->words);
    r->y = sal_calloc(rows->W, 5 * sizeof *r->y);
    r->statuses = sal_calloc(chunks, sizeof *r->statuses);
    if (r->words == NULL || r->y == NULL || r->statuses == NULL)
        return sal_fail_memory(err, "scores");
    for (size_t w = 0; w < rows->W; w++)
        if (is_in_set(rows, setting, set, w))
            r->words[r->n++] = w;
    r->position = r->y + r->n;
    r->frequency = r->position + r->n;
    int status = rank_all(r, err);
    if (status == SAL_OK)
        status = sal_metrics_reference_open(setting->protocol, r->y, r->n, &r->metrics, err);
    if (status != SAL_OK)
        return status;
    r->workspace = 2 * r->n * sizeof(double);
    r->room_size = r->workspace + sal_metrics_workspace(r->metrics);
    r->room = sal_calloc(chunks, r->room_size);
    return r->room == NULL ? sal_fail_memory(err, "scores") : SAL_OK;
}

static void add_partials(const reference *r, double r_xy, const double *ranks, double *scores) {
    const double squares = product(ranks, ranks, r->n);
    const double r_xp =
        correlation(product(ranks, r->position, r->n), squares, r->position_squares);
    const double r_xf =
        correlation(product(ranks, r->frequency, r->n), squares, r->frequency_squares);
    scores[SAL_HEAD_PARTIAL_POSITION] = sal_stats_partial_step(r_xy, r_xp, r->r_yp);
    scores[SAL_HEAD_PARTIAL_BOTH] =
        sal_stats_partial_two(r_xy, r_xp, r->r_yp, r_xf, r->r_yf, r->r_pf);
}

static int score_row(const reference *r, size_t row, double *x, void *workspace) {
    double *scores = r->scores + row * SAL_HEAD_MEASURES;
    const double *all = r->rows->values + row * r->rows->W;
    double *ranks = x + r->n;
    double values[SAL_METRICS];
    for (int m = 0; m < SAL_HEAD_MEASURES; m++)
        scores[m] = NAN;
    scores[SAL_METRIC_N] = (double)r->n;
    for (size_t i = 0; i < r->n; i++)
        x[i] = all[r->words[i]];
    if (r->n == 0 || isnan(x[0]))
        return SAL_OK;
    int status = sal_metrics_against(r->metrics, x, workspace, values, ranks, NULL);
    if (status != SAL_OK)
        return status;
    memcpy(scores, values, SAL_METRIC_PARTIAL_SPEARMAN * sizeof *scores);
    add_partials(r, values[SAL_METRIC_SPEARMAN], ranks, scores);
    return SAL_OK;
}

static void score_rows(void *context, size_t chunk) {
    const reference *r = context;
    char *room = r->room + chunk * r->room_size;
    const size_t end = (chunk + 1) * ROWS_AT_ONCE;
    for (size_t row = chunk * ROWS_AT_ONCE; row < end && row < r->rows->R; row++) {
        int status = score_row(r, row, (double *)(void *)room, room + r->workspace);
        if (status != SAL_OK)
            r->statuses[chunk] = status;
    }
}

/* Share of words whose importance another word has too; ranks of tied values are shared. */
static double share_tied(const reference *r) {
    size_t tied = 0;
    for (size_t i = 0; i < r->n; i++) {
        bool found = false;
        for (size_t j = 0; j < r->n && !found; j++)
            found = j != i && !(r->y[i] < r->y[j]) && !(r->y[i] > r->y[j]);
        tied += found;
    }
    return r->n == 0 ? NAN : (double)tied / (double)r->n;
}

static int score_set(const head_setting *setting, const unit_rows *rows, int set,
                     sal_head_scores *out, sal_error *err) {
    reference r = {0};
    int status = reference_make(setting, rows, set, &r, err);
    if (status != SAL_OK)
        goto done;
    out->words = (int64_t)r.n;
    out->tied = share_tied(&r);
    out->scores = sal_calloc(rows->R * SAL_HEAD_MEASURES, sizeof *out->scores);
    if (out->scores == NULL) {
        status = sal_fail_memory(err, "scores");
        goto done;
    }
    r.scores = out->scores;
    const size_t chunks = (rows->R + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
    sal_stats_parallel(setting->threads, chunks, score_rows, &r);
    for (size_t i = 0; i < chunks && status == SAL_OK; i++)
        if (r.statuses[i] != SAL_OK)
            status = sal_fail(err, r.statuses[i], "the scores of a head could not be computed");
done:
    reference_free(&r);
    return status;
}

/* ---- the unit ----------------------------------------------------------------------------------------------- */

static int list_words(const head_words *words, const head_alignment *alignment, sal_head_unit *unit,
                      sal_error *err) {
    sal_buffer list = {0};
    int status = sal_buffer_add_string(&list, "", err);
    for (size_t i = 0; status == SAL_OK && i < alignment->count; i++)
        status = sal_buffer_add_format(&list, err, "%s\n", words->words[alignment->words[i]]);
    unit->word_list = list.bytes; /* owned by the unit, also after an error */
    unit->word_list_length = list.length;
    return status;
}

static int keep_rows(const unit_rows *rows, sal_head_unit *unit, sal_error *err) {
    unit->vectors = sal_calloc(rows->R * rows->W, sizeof *unit->vectors);
    if (unit->vectors == NULL)
        return sal_fail_memory(err, "word values");
    for (size_t i = 0; i < rows->R * rows->W; i++)
        unit->vectors[i] = (float)rows->values[i];
    unit->words = rows->W;
    unit->rows = rows->R;
    return SAL_OK;
}

static bool has_stop_list(const head_words *words) {
    return words->count > 0 && words->content[0] >= 0;
}

int head_score(const head_setting *setting, const head_words *words, const head_evidence *evidence,
               sal_head_unit *unit, sal_error *err) {
    head_alignment alignment = {0};
    unit_rows rows = {0};
    int status = head_align(words, evidence->tokens, evidence->T, evidence->origin,
                            setting->left_out, &alignment, err);
    if (status != SAL_OK)
        return status;
    rows.W = alignment.count;
    rows.heads = evidence->layer_count * evidence->H;
    rows.R = rows.heads + SAL_NULL_HEADS;
    rows.values = sal_calloc(rows.R * rows.W, sizeof *rows.values);
    rows.facts = sal_calloc(SAL_FACTS * rows.W, sizeof *rows.facts);
    if (rows.values == NULL || rows.facts == NULL) {
        status = sal_fail_memory(err, "word values");
        goto done;
    }
    fill_facts(words, &alignment, &rows);
    unit->facts = rows.facts; /* owned by the unit from here on */
    unit->unaligned = (int64_t)alignment.unaligned;
    unit->flagged = (int64_t)alignment.flagged;
    unit->non_finite = evidence->non_finite;
    unit->non_finite += fill_heads(evidence, &alignment, setting->value, &rows);
    status = fill_nulls(setting, words, evidence, &alignment, &rows, err);
    if (status == SAL_OK)
        status = list_words(words, &alignment, unit, err);
    if (status == SAL_OK)
        status = keep_rows(&rows, unit, err);
    if (status == SAL_OK)
        status = score_set(setting, &rows, SAL_HEAD_ALL, &unit->sets[SAL_HEAD_ALL], err);
    unit->sets[SAL_HEAD_CONTENT].tied = NAN;
    if (status == SAL_OK && has_stop_list(words))
        status = score_set(setting, &rows, SAL_HEAD_CONTENT, &unit->sets[SAL_HEAD_CONTENT], err);
done:
    if (unit->facts == NULL)
        sal_free(rows.facts);
    sal_free(rows.values);
    head_alignment_free(&alignment);
    if (status != SAL_OK)
        head_unit_clear(unit);
    return status;
}

void head_unit_clear(sal_head_unit *unit) {
    sal_free(unit->word_list);
    sal_free(unit->facts);
    sal_free(unit->vectors);
    for (int set = 0; set < SAL_HEAD_WORDS; set++)
        sal_free(unit->sets[set].scores);
    *unit = (sal_head_unit){.analysis = unit->analysis, .document = unit->document};
}
