/* What the paper's choices change about importance, one at a time, from the texts of the study.
 *
 * For every document the word table is made under each variant: none of the paper's choices (strict), one of them, all (paper). Beside
 * strict, per document: the share of the words kept under either whose importance differs, the mean of the differences over the same
 * words, Spearman between both over the words of either table (absent is 0), and what becomes of the reliability. */
#include <math.h>
#include <string.h>

#include "importance/importance_internal.h"
#include "salient/protocols.h"
#include "stage/walk.h"
#include "stats/resampling.h"

static const struct variant {
    const char *name;
    sal_importance_choices choices;
} variants[] = {{"strict", {false, false, false}},
                {"records", {true, false, false}},
                {"normalisation", {false, true, false}},
                {"kept-words", {false, false, true}},
                {"paper", {true, true, true}}};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

typedef enum measure {
    RELIABILITY,
    RELIABILITY_CHANGE,
    CHANGED,
    MEAN_CHANGE,
    AGREEMENT,
    WORD_TYPES,
    MEASURES
} measure;
static const char *const measure_names[MEASURES] = {
    "reliability_spearman", "reliability_change", "changed",
    "mean_change",          "agreement_spearman", "word_types"};

enum { ROWS = VARIANTS * SAL_WORD_SETS * MEASURES };

typedef struct protocols_stage {
    sal_study *study;
    const sal_progress *progress;
    sal_text *text;
    char *language;
    sal_stopwords *stopwords; /* of the language; NULL: no list */
    sal_protocol_row *rows;   /* of the corpus at work */
    size_t count, capacity;
} protocols_stage;

/* Of one corpus and summarizer. */
typedef struct sums {
    protocols_stage *stage;
    int64_t summarizer;
    double *values; /* [ROWS,D] */
    size_t documents, capacity;
    int64_t records, statuses[SAL_STATUS_FAILED + 1], empty;
    int64_t with[VARIANTS]; /* documents with importance */
} sums;

static double *cell(sums *s, size_t variant, sal_word_set set, measure which) {
    return s->values + ((variant * SAL_WORD_SETS + (size_t)set) * MEASURES + which) * s->capacity +
           s->documents;
}

/* ---- one document ------------------------------------------------------------------------------------------- */

static int open_stopwords(protocols_stage *stage, const char *language, sal_error *err) {
    if (stage->language != NULL && strcmp(stage->language, language) == 0)
        return SAL_OK;
    sal_free(stage->language);
    sal_stopwords_close(stage->stopwords);
    stage->stopwords = NULL;
    stage->language = sal_copy_string(language);
    if (stage->language == NULL)
        return sal_fail_memory(err, "a language");
    return sal_stopwords_open(language, &stage->stopwords, err);
}

static double importance_of(const sal_word_table *table, const sal_table_word *word) {
    return (double)word->count / (double)table->of;
}

/* Both tables' words side by side: their importance, 0 where a table lacks the word. out n */
static size_t align(const sal_word_table *a, const sal_word_table *b, sal_word_set set, double *x,
                    double *y) {
    size_t n = 0;
    for (size_t i = 0, k = 0; i < a->word_count || k < b->word_count;) {
        const sal_table_word *left = &a->words[i], *right = &b->words[k];
        const int order = i == a->word_count   ? 1
                          : k == b->word_count ? -1
                                               : strcmp(left->bytes, right->bytes);
        const sal_table_word *word = order <= 0 ? left : right;
        if (set == SAL_ALL_WORDS || word->content == 1) {
            x[n] = order <= 0 ? importance_of(a, left) : 0;
            y[n++] = order >= 0 ? importance_of(b, right) : 0;
        }
        i += order <= 0;
        k += order >= 0;
    }
    return n;
}

static int compare_tables(const sal_word_table *strict, const sal_word_table *other, size_t variant,
                          sal_word_set set, sums *s, sal_error *err) {
    double *x = sal_calloc(strict->word_count + other->word_count, sizeof *x);
    double *y = sal_calloc(strict->word_count + other->word_count, sizeof *y);
    double rho = (double)NAN, changes = 0;
    size_t kept = 0, changed = 0;
    int status = x == NULL || y == NULL ? sal_fail_memory(err, "importance") : SAL_OK;
    if (status == SAL_OK) {
        const size_t n = align(strict, other, set, x, y);
        for (size_t i = 0; i < n; i++) {
            kept += x[i] > 0 || y[i] > 0;
            changed += x[i] > y[i] || x[i] < y[i];
            changes += fabs(x[i] - y[i]);
        }
        status = sal_stats_spearman(x, y, n, &rho, err);
    }
    if (kept > 0) {
        *cell(s, variant, set, CHANGED) = (double)changed / (double)kept;
        *cell(s, variant, set, MEAN_CHANGE) = changes / (double)kept;
    }
    *cell(s, variant, set, AGREEMENT) = rho;
    sal_free(x);
    sal_free(y);
    return status;
}

static double word_types(const sal_word_table *table, sal_word_set set) {
    size_t n = 0;
    for (size_t w = 0; w < table->word_count; w++)
        n += table->words[w].count > 0 && (set == SAL_ALL_WORDS || table->words[w].content == 1);
    return (double)n;
}

static int measure_variant(const sal_word_table *strict, const sal_word_table *table,
                           const sal_summary_place *places, size_t variant, sums *s,
                           sal_error *err) {
    sal_document_measures measures;
    int status = sal_importance_measure(table, variants[variant].choices, places, &measures, err);
    s->with[variant] += table->of > 0;
    for (int set = 0; status == SAL_OK && set < SAL_WORD_SETS; set++) {
        *cell(s, variant, (sal_word_set)set, RELIABILITY) = measures.spearman[set];
        if (table->of == 0)
            continue;
        *cell(s, variant, (sal_word_set)set, WORD_TYPES) = word_types(table, (sal_word_set)set);
        if (variant == 0 || strict->of == 0)
            continue;
        *cell(s, variant, (sal_word_set)set, RELIABILITY_CHANGE) =
            measures.spearman[set] - *cell(s, 0, (sal_word_set)set, RELIABILITY);
        status = compare_tables(strict, table, variant, (sal_word_set)set, s, err);
    }
    return status;
}

static void count_records(const sal_summary_list *summaries, sums *s) {
    for (size_t i = 0; i < summaries->count; i++) {
        s->records++;
        s->statuses[summaries->items[i].status]++;
        s->empty += summaries->items[i].text_length == 0;
    }
}

static int run_summaries(protocols_stage *stage, const sal_document *document,
                         const sal_summary_list *summaries, sums *s, sal_error *err) {
    sal_word_table tables[VARIANTS] = {{0}};
    sal_importance_input *inputs = NULL;
    sal_summary_place *places = NULL;
    int status = open_stopwords(stage, document->language, err);
    if (status == SAL_OK)
        status = sal_importance_inputs(summaries, &inputs, &places, err);
    for (size_t r = 0; r < ROWS; r++)
        s->values[r * s->capacity + s->documents] = (double)NAN;
    for (size_t v = 0; status == SAL_OK && v < VARIANTS; v++) {
        status =
            sal_word_table_make(stage->text, variants[v].choices, stage->stopwords, document->text,
                                document->text_length, inputs, summaries->count, &tables[v], err);
        if (status == SAL_OK)
            status = measure_variant(&tables[0], &tables[v], places, v, s, err);
    }
    count_records(summaries, s);
    s->documents++;
    for (size_t v = 0; v < VARIANTS; v++)
        sal_word_table_free(&tables[v]);
    sal_free(inputs);
    sal_free(places);
    return status;
}

/* Imported importance is the same by both protocols but for its spelling: nothing to lay side by side. */
static int run_document(void *context, int64_t key, sal_error *err) {
    sums *s = context;
    protocols_stage *stage = s->stage;
    const int64_t summarizer = s->summarizer;
    sal_document *document = NULL;
    sal_summary_list *summaries = NULL;
    sal_imported_list *imported = NULL;
    int status = sal_study_get_summaries(stage->study, key, summarizer, &summaries, err);
    if (status == SAL_OK)
        status = sal_study_get_imported(stage->study, key, summarizer, &imported, err);
    if (status == SAL_OK && imported == NULL && summaries->count > 0)
        status = sal_study_get_document(stage->study, key, &document, err);
    if (status == SAL_OK && document != NULL)
        status = run_summaries(stage, document, summaries, s, err);
    if (status != SAL_OK && document != NULL)
        status = sal_fail_in(err, status, "document %.200s", document->id);
    sal_document_free(document);
    sal_summary_list_free(summaries);
    sal_imported_list_free(imported);
    return status;
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

static int add_row(protocols_stage *stage, const sal_protocol_row *row, sal_error *err) {
    const int status =
        sal_grow((void **)&stage->rows, &stage->capacity, stage->count, sizeof *stage->rows, err);
    if (status == SAL_OK)
        stage->rows[stage->count++] = *row;
    return status;
}

static sal_protocol_row row_of(const char *corpus, const char *summarizer) {
    return (sal_protocol_row){.corpus = corpus,
                              .stage = "importance",
                              .summarizer = summarizer,
                              .model = "",
                              .variant = "",
                              .words = "",
                              .layer = -1,
                              .head = -1,
                              .value = (double)NAN,
                              .low = (double)NAN,
                              .high = (double)NAN};
}

static int add_counts(protocols_stage *stage, const char *corpus, const char *summarizer,
                      const sums *s, sal_error *err) {
    const int64_t counted = s->statuses[SAL_STATUS_OK] + s->statuses[SAL_STATUS_TRUNCATED];
    const struct {
        const char *factor, *measure;
        int64_t value;
    } counts[] = {{"strict", "records", counted},
                  {"paper", "records", s->records},
                  {"records", "failed", s->statuses[SAL_STATUS_FAILED]},
                  {"records", "refused", s->statuses[SAL_STATUS_REFUSED]},
                  {"records", "empty", s->empty},
                  {"strict", "documents_with_importance", s->with[0]},
                  {"paper", "documents_with_importance", s->with[VARIANTS - 1]}};
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < sizeof counts / sizeof counts[0]; i++) {
        sal_protocol_row row = row_of(corpus, summarizer);
        row.factor = counts[i].factor;
        row.measure = counts[i].measure;
        row.value = (double)counts[i].value;
        row.documents = (int64_t)s->documents;
        status = add_row(stage, &row, err);
    }
    return status;
}

static int add_means(protocols_stage *stage, const char *corpus, const char *summarizer,
                     const sums *s, sal_error *err) {
    static const char *const sets[SAL_WORD_SETS] = {"all", "content"};
    int status = SAL_OK;
    for (size_t r = 0; status == SAL_OK && r < ROWS; r++) {
        const size_t variant = r / MEASURES / SAL_WORD_SETS, which = r % MEASURES;
        sal_protocol_row row = row_of(corpus, summarizer);
        sal_stats_mean mean;
        if (variant == 0 && which != RELIABILITY && which != WORD_TYPES)
            continue; /* nothing to compare with */
        status = sal_stats_bootstrap_mean(s->values + r * s->capacity, s->documents, 1, &mean, err);
        row.words = sets[r / MEASURES % SAL_WORD_SETS];
        row.factor = variants[variant].name;
        row.measure = measure_names[which];
        row.value = mean.value;
        row.low = mean.low;
        row.high = mean.high;
        row.documents = (int64_t)mean.defined;
        row.undefined = (int64_t)mean.undefined;
        if (status == SAL_OK)
            status = add_row(stage, &row, err);
    }
    return status;
}

/* ---- corpora ------------------------------------------------------------------------------------------------ */

static int run_summarizer(protocols_stage *stage, const char *corpus,
                          const sal_summarizer_info *info, sal_error *err) {
    sums s = {.stage = stage, .summarizer = info->key};
    int64_t *keys = NULL;
    int status = sal_study_document_keys(stage->study, corpus, -1, &keys, &s.capacity, err);
    if (status == SAL_OK) {
        s.values = sal_calloc(ROWS, (s.capacity + 1) * sizeof *s.values);
        if (s.values == NULL)
            status = sal_fail_memory(err, "importance");
    }
    stage_walk walk = {.progress = stage->progress,
                       .stage = "importance, both protocols",
                       .total = (int64_t)s.capacity};
    if (status == SAL_OK)
        status = stage_walk_documents(&walk, keys, s.capacity, run_document, &s, err);
    if (status == SAL_OK && s.documents > 0)
        status = add_counts(stage, corpus, info->name, &s, err);
    if (status == SAL_OK && s.documents > 0)
        status = add_means(stage, corpus, info->name, &s, err);
    sal_free(keys);
    sal_free(s.values);
    return status;
}

static int run_corpus(protocols_stage *stage, const char *corpus,
                      const sal_summarizer_list *summarizers, sal_error *err) {
    int status = SAL_OK;
    stage->count = 0;
    for (size_t i = 0; status == SAL_OK && i < summarizers->count; i++)
        status = run_summarizer(stage, corpus, &summarizers->items[i], err);
    if (status != SAL_OK)
        return sal_fail_in(err, status, "corpus %.200s", corpus);
    return sal_study_put_protocols(stage->study, corpus, "importance", stage->rows, stage->count,
                                   err);
}

int sal_importance_protocols(sal_study *study, const char *corpus, const sal_progress *progress,
                             sal_error *err) {
    protocols_stage stage = {.study = study, .progress = progress};
    sal_summarizer_list *summarizers = NULL;
    char **corpora = NULL;
    size_t count = 0;
    int status = sal_text_open(&stage.text, err);
    if (status == SAL_OK)
        status = sal_study_list_summarizers(study, &summarizers, err);
    if (status == SAL_OK)
        status = sal_study_corpora(study, &corpora, &count, err);
    for (size_t c = 0; status == SAL_OK && c < count; c++)
        if (corpus == NULL || strcmp(corpus, corpora[c]) == 0)
            status = run_corpus(&stage, corpora[c], summarizers, err);
    sal_free(stage.rows);
    sal_free(stage.language);
    sal_stopwords_close(stage.stopwords);
    sal_text_close(stage.text);
    sal_summarizer_list_free(summarizers);
    sal_strings_free(corpora, count);
    return status;
}
