/* Heads of one document under the settings of protocols.c: the words that both protocols have, each setting's words and reference, the
 * metrics of every head, the factors as differences. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heads/protocol_scores.h"
#include "stats/resampling.h"

typedef enum setting {
    OWN,
    COMMON,
    VALUES,
    REFERENCE,
    ONCE,
    PIECES,
    EXACT,
    FIRST,
    FORMULAS,
    PAPER,
    SETTINGS
} setting;

static const sal_metric metrics[PROTOCOL_METRICS] = {SAL_METRIC_SPEARMAN, SAL_METRIC_KL_NORMALIZED,
                                                     SAL_METRIC_NDCG_10};

/* Columns: three of each factor's metrics. A factor is to - from; of "strict" and "paper" the value itself too. */
static const struct factor {
    const char *name;
    setting to;
    int from; /* a setting; -1: the value itself */
} factors[] = {
    {"strict", OWN, -1},      {"paper", PAPER, -1},          {"paper", PAPER, OWN},
    {"words", COMMON, OWN},   {"values", VALUES, COMMON},    {"reference", REFERENCE, COMMON},
    {"pieces", PIECES, ONCE}, {"occurrences", FIRST, EXACT}, {"expressions", FORMULAS, OWN}};
_Static_assert(sizeof factors / sizeof factors[0] == PROTOCOL_FACTORS, "a column for each factor");

const char *head_protocol_factor(size_t column, bool *change) {
    *change = column == PROTOCOL_PARTIALS || factors[column / PROTOCOL_METRICS].from >= 0;
    return column == PROTOCOL_PARTIALS ? "partials" : factors[column / PROTOCOL_METRICS].name;
}

/* ---- one document ------------------------------------------------------------------------------------------- */

/* Heads of a document under one setting. */
typedef struct scored {
    sal_metrics_reference *reference; /* NULL: undefined */
    const sal_head_unit *unit;
    size_t *words; /* [n] of the unit */
    size_t n;
    double *y;
} scored;

typedef struct job {
    const head_protocol_pair *pair;
    const sal_head_unit *strict, *paper;
    const unsigned char *exact; /* [W of strict] */
    size_t *places[2];          /* [W] common words: place in the strict, in the paper's unit */
    size_t common;
    scored settings[SETTINGS];
    double *values; /* [R,PROTOCOL_COLUMNS] */
    int *statuses;  /* [R] */
    char **rooms;   /* [R] */
} job;

static void job_free(job *j, size_t rows) {
    for (int s = 0; s < SETTINGS; s++) {
        sal_metrics_reference_close(j->settings[s].reference);
        sal_free(j->settings[s].words);
        sal_free(j->settings[s].y);
    }
    for (size_t r = 0; j->rooms != NULL && r < rows; r++)
        sal_free(j->rooms[r]);
    sal_free(j->rooms);
    sal_free(j->places[0]);
    sal_free(j->places[1]);
    sal_free(j->values);
    sal_free(j->statuses);
}

static double fact(const sal_head_unit *unit, sal_head_fact which, size_t word) {
    return unit->facts[(size_t)which * unit->words + word];
}

/* A word of a unit's list. */
typedef struct listed {
    const char *bytes;
    size_t length, place;
} listed;

static int by_bytes(const void *a, const void *b) {
    const listed *x = a, *y = b;
    const size_t shorter = x->length < y->length ? x->length : y->length;
    const int order = memcmp(x->bytes, y->bytes, shorter);
    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

static int list_words(const sal_head_unit *unit, listed **out, sal_error *err) {
    const char *at = unit->word_list;
    listed *list = sal_calloc(unit->words, sizeof *list);
    if (list == NULL)
        return sal_fail_memory(err, "the words of a document");
    for (size_t w = 0; w < unit->words; w++) {
        const char *end = strchr(at, '\n');
        if (end == NULL) {
            sal_free(list);
            return sal_fail(err, SAL_EFORMAT, "document %lld: its list holds %zu of %zu words",
                            (long long)unit->document, w, unit->words);
        }
        list[w] = (listed){at, (size_t)(end - at), w};
        at = end + 1;
    }
    if (unit->words > 0)
        qsort(list, unit->words, sizeof *list, by_bytes);
    *out = list;
    return SAL_OK;
}

/* ---- words that both cut alike ------------------------------------------------------------------------------ */

/* A protocol's types by their bytes, to be searched. */
static int list_types(const head_words *words, listed **out, sal_error *err) {
    listed *list = sal_calloc(words->count, sizeof *list);
    if (list == NULL)
        return sal_fail_memory(err, "the words of a document");
    for (size_t w = 0; w < words->count; w++)
        list[w] = (listed){words->words[w], strlen(words->words[w]), w};
    if (words->count > 0)
        qsort(list, words->count, sizeof *list, by_bytes);
    *out = list;
    return SAL_OK;
}

/* Where a word first stands; false: the protocol does not have it. */
static bool first_span(const head_words *words, const listed *types, const listed *word,
                       sal_span *span) {
    const listed *found =
        words->count == 0 ? NULL : bsearch(word, types, words->count, sizeof *types, by_bytes);
    if (found != NULL)
        *span = words->spans[words->start[found->place]];
    return found != NULL;
}

int head_protocol_exact(const sal_text *text, const sal_document *document,
                        const sal_head_unit *strict, unsigned char *exact, sal_error *err) {
    head_words words[2] = {{.count = 0}, {.count = 0}};
    listed *types[2] = {NULL, NULL}, *own = NULL;
    int status = list_words(strict, &own, err);
    for (int side = 0; status == SAL_OK && side < 2; side++) {
        status = head_words_make(text, side == 0 ? SAL_STRICT : SAL_PAPER, NULL, document,
                                 &words[side], err);
        if (status == SAL_OK)
            status = list_types(&words[side], &types[side], err);
    }
    for (size_t w = 0; status == SAL_OK && w < strict->words; w++) {
        sal_span spans[2];
        exact[own[w].place] = first_span(&words[0], types[0], &own[w], &spans[0]) &&
                              first_span(&words[1], types[1], &own[w], &spans[1]) &&
                              spans[0].start == spans[1].start && spans[0].end == spans[1].end;
    }
    for (int side = 0; side < 2; side++) {
        head_words_free(&words[side]);
        sal_free(types[side]);
    }
    sal_free(own);
    return status;
}

/* ---- words that both have ----------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b) {
    const size_t *x = a, *y = b;
    return (x[0] > y[0]) - (x[0] < y[0]);
}

/* Words that both units have, in the order of the strict one, so that its ties fall as they do there. */
static int find_common(job *j, sal_error *err) {
    listed *lists[2] = {NULL, NULL};
    size_t(*both)[2] = sal_calloc(j->strict->words, sizeof *both);
    int status = list_words(j->strict, &lists[0], err);
    if (status == SAL_OK)
        status = list_words(j->paper, &lists[1], err);
    j->places[0] = sal_calloc(j->strict->words, sizeof *j->places[0]);
    j->places[1] = sal_calloc(j->strict->words, sizeof *j->places[1]);
    if (status == SAL_OK && (both == NULL || j->places[0] == NULL || j->places[1] == NULL))
        status = sal_fail_memory(err, "the words of a document");
    for (size_t a = 0, b = 0; status == SAL_OK && a < j->strict->words && b < j->paper->words;) {
        const int order = by_bytes(&lists[0][a], &lists[1][b]);
        if (order == 0) {
            both[j->common][0] = lists[0][a].place;
            both[j->common++][1] = lists[1][b].place;
        }
        a += order <= 0;
        b += order >= 0;
    }
    if (j->common > 0)
        qsort(both, j->common, sizeof *both, by_place);
    for (size_t i = 0; i < j->common; i++)
        for (int side = 0; side < 2; side++)
            j->places[side][i] = both[i][side];
    sal_free(both);
    sal_free(lists[0]);
    sal_free(lists[1]);
    return status;
}

static bool is_in(const head_protocol_pair *p, const sal_head_unit *unit, size_t word) {
    return p->set == SAL_HEAD_ALL || fact(unit, SAL_FACT_CONTENT, word) > 0;
}

/* Fill one setting: values of which unit, y of which unit, over the common words (those of one occurrence, or cut alike, alone), or all
 * strict ones. */
static int fill_setting(job *j, setting which, sal_error *err) {
    scored *out = &j->settings[which];
    const bool own = which == FORMULAS, once = which == ONCE || which == PIECES;
    const bool exact = which == EXACT || which == FIRST, y_of_paper = which == REFERENCE;
    const bool values_of_paper = which == VALUES || which == PIECES || which == FIRST;
    const size_t most = own ? j->strict->words : j->common;
    out->unit = values_of_paper ? j->paper : j->strict;
    out->words = sal_calloc(most, sizeof *out->words);
    out->y = sal_calloc(most, sizeof *out->y);
    if (out->words == NULL || out->y == NULL)
        return sal_fail_memory(err, "the words of a document");
    for (size_t i = 0; i < most; i++) {
        const size_t s = own ? i : j->places[0][i], p = own ? 0 : j->places[1][i];
        if (!is_in(j->pair, j->strict, s) || (exact && !j->exact[s]))
            continue;
        if (once && (fact(j->strict, SAL_FACT_FREQUENCY, s) > 1 ||
                     fact(j->paper, SAL_FACT_FREQUENCY, p) > 1))
            continue;
        out->words[out->n] = values_of_paper ? p : s;
        out->y[out->n++] = y_of_paper ? fact(j->paper, SAL_FACT_IMPORTANCE, p)
                                      : fact(j->strict, SAL_FACT_IMPORTANCE, s);
    }
    if (out->n < 2)
        return SAL_OK;
    return sal_metrics_reference_open(own ? SAL_PAPER : SAL_STRICT, out->y, out->n, &out->reference,
                                      err);
}

/* Bytes that a head needs for its values, ranks and the metrics' own room. */
static size_t room_of(const job *j, size_t *longest) {
    size_t most = 0;
    *longest = j->strict->words + 1;
    for (int s = 0; s < SETTINGS; s++) {
        const scored *one = &j->settings[s];
        const size_t bytes = one->reference == NULL ? 0 : sal_metrics_workspace(one->reference);
        most = bytes > most ? bytes : most;
    }
    return most + 2 * *longest * sizeof(double);
}

static double stored(const sal_head_unit *unit, sal_head_words set, size_t row, int measure) {
    const double *scores = unit->sets[set].scores;
    return scores == NULL ? (double)NAN : scores[row * SAL_HEAD_MEASURES + (size_t)measure];
}

static int score_setting(const job *j, setting which, size_t row, char *room, size_t longest,
                         double out[PROTOCOL_METRICS], sal_error *err) {
    const scored *one = &j->settings[which];
    double *x = (double *)(void *)room, *ranks = x + longest, all[SAL_METRICS];
    for (int m = 0; m < PROTOCOL_METRICS; m++)
        out[m] = which == OWN     ? stored(j->strict, j->pair->set, row, (int)metrics[m])
                 : which == PAPER ? stored(j->paper, j->pair->set, row, (int)metrics[m])
                                  : (double)NAN;
    if (one->reference == NULL)
        return SAL_OK;
    for (size_t i = 0; i < one->n; i++)
        x[i] = (double)one->unit->vectors[row * one->unit->words + one->words[i]];
    if (isnan(x[0]))
        return SAL_OK;
    const int status = sal_metrics_against(one->reference, x, ranks + longest, all, ranks, err);
    for (int m = 0; status == SAL_OK && m < PROTOCOL_METRICS; m++)
        out[m] = all[metrics[m]];
    return status;
}

static void score_head(void *context, size_t row) {
    const job *j = context;
    double scores[SETTINGS][PROTOCOL_METRICS], *out = j->values + row * PROTOCOL_COLUMNS;
    size_t longest = 0;
    const size_t bytes = room_of(j, &longest);
    j->rooms[row] = sal_calloc(bytes, 1);
    j->statuses[row] = j->rooms[row] == NULL ? SAL_ENOMEM : SAL_OK;
    for (int s = 0; j->statuses[row] == SAL_OK && s < SETTINGS; s++)
        j->statuses[row] =
            score_setting(j, (setting)s, row, j->rooms[row], longest, scores[s], NULL);
    if (j->statuses[row] != SAL_OK)
        return;
    for (size_t f = 0; f < PROTOCOL_FACTORS; f++)
        for (size_t m = 0; m < PROTOCOL_METRICS; m++)
            out[f * PROTOCOL_METRICS + m] =
                scores[factors[f].to][m] - (factors[f].from < 0 ? 0 : scores[factors[f].from][m]);
    out[PROTOCOL_PARTIALS] = stored(j->strict, j->pair->set, row, SAL_HEAD_PARTIAL_BOTH) -
                             stored(j->strict, j->pair->set, row, SAL_METRIC_SPEARMAN);
    sal_free(j->rooms[row]);
    j->rooms[row] = NULL;
}

/* Means over the model's heads into slot 0, rows that stand alone into theirs. */
static void keep_document(head_protocol_pair *p, const job *j) {
    for (size_t slot = 0; slot < p->slot_count; slot++)
        for (size_t c = 0; c < PROTOCOL_COLUMNS; c++) {
            double sum = 0;
            size_t n = 0;
            const size_t first = slot == 0 ? 0 : (size_t)p->slots[slot];
            const size_t end = slot == 0 ? p->heads : first + 1;
            for (size_t r = first; r < end; r++)
                if (!isnan(j->values[r * PROTOCOL_COLUMNS + c])) {
                    sum += j->values[r * PROTOCOL_COLUMNS + c];
                    n++;
                }
            p->values[(slot * PROTOCOL_COLUMNS + c) * p->capacity + p->documents] =
                n > 0 ? sum / (double)n : (double)NAN;
        }
    p->documents++;
}

int head_protocol_add(head_protocol_pair *p, const sal_head_unit *strict,
                      const sal_head_unit *paper, const unsigned char *exact, int threads,
                      sal_error *err) {
    job j = {.pair = p, .strict = strict, .paper = paper, .exact = exact};
    int status = find_common(&j, err);
    for (int s = 0; status == SAL_OK && s < SETTINGS; s++)
        if (s != OWN && s != PAPER)
            status = fill_setting(&j, (setting)s, err);
    j.values = sal_calloc(p->rows, PROTOCOL_COLUMNS * sizeof *j.values);
    j.statuses = sal_calloc(p->rows, sizeof *j.statuses);
    j.rooms = sal_calloc(p->rows, sizeof *j.rooms);
    if (status == SAL_OK && (j.values == NULL || j.statuses == NULL || j.rooms == NULL))
        status = sal_fail_memory(err, "scores of heads");
    if (status == SAL_OK) {
        sal_stats_parallel(threads, p->rows, score_head, &j);
        for (size_t r = 0; status == SAL_OK && r < p->rows; r++)
            if (j.statuses[r] != SAL_OK)
                status = sal_fail(err, j.statuses[r], "scores of head %zu", r);
    }
    if (status == SAL_OK)
        keep_document(p, &j);
    job_free(&j, p->rows);
    return status;
}
