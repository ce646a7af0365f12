/* All documents of a corpus: every measure of every document goes to its own place in the rows, so threads share nothing and the
 * result does not depend on them. Documents are cut into fixed chunks; a chunk reads through a connection of its own. */
#include <math.h>
#include <string.h>

#include "compare/compare_internal.h"
#include "stats/cluster.h"
#include "stats/resampling.h"

enum { CHUNK = 16, ALPHAS_STORED = 2 /* interval, ordinal */ };

bool compare_in_group(const sal_summarizer_info *info, compare_group group) {
    static const char *const llms[] = {"model", "endpoint", "import", NULL};
    static const char *const baselines[] = {"lead",  "tail",     "random",  "frequency",
                                            "tfidf", "textrank", "lexrank", NULL};
    if (group == COMPARE_EVERYONE)
        return true;
    for (const char *const *kind = group == COMPARE_LLMS ? llms : baselines; *kind != NULL; kind++)
        if (strcmp(*kind, info->kind) == 0)
            return true;
    return false;
}

/* ---- rows -------------------------------------------------------------------------------------------------- */

static size_t pair_count(const compare_corpus *corpus) {
    return corpus->count < 2 ? 0 : corpus->count * (corpus->count - 1) / 2;
}

size_t compare_pair_row(const compare_corpus *corpus, compare_set set, compare_pair_measure measure,
                        size_t a, size_t b) {
    size_t pair = a * corpus->count - a * (a + 1) / 2 + (b - a - 1);
    return ((size_t)set * COMPARE_PAIR_MEASURES + (size_t)measure) * pair_count(corpus) + pair;
}

static int add_row(compare_corpus *corpus, const char *a, const char *b, compare_set set,
                   const char *measure, sal_error *err) {
    int status = sal_grow((void **)&corpus->rows, &corpus->row_capacity, corpus->row_count,
                          sizeof *corpus->rows, err);
    if (status == SAL_OK)
        corpus->rows[corpus->row_count++] =
            (compare_row){a, b, set == COMPARE_SETS ? "" : compare_set_name(set), measure};
    return status;
}

static int add_pair_rows(compare_corpus *corpus, sal_error *err) {
    int status = SAL_OK;
    for (compare_set set = COMPARE_ALL; set < COMPARE_SETS; set++)
        for (compare_pair_measure m = COMPARE_SPEARMAN; m < COMPARE_PAIR_MEASURES; m++)
            for (size_t a = 0; a < corpus->count; a++)
                for (size_t b = a + 1; status == SAL_OK && b < corpus->count; b++)
                    status =
                        add_row(corpus, corpus->summarizers[a]->name, corpus->summarizers[b]->name,
                                set, compare_pair_measure_name(m), err);
    return status;
}

static int add_alpha_rows(compare_corpus *corpus, sal_error *err) {
    static const char *const names[COMPARE_GROUPS] = {"llms", "baselines", "all"};
    static const char *const measures[ALPHAS_STORED] = {"alpha_interval", "alpha_ordinal"};
    int status = SAL_OK;
    corpus->alpha_row = corpus->row_count;
    for (compare_set set = COMPARE_ALL; set < COMPARE_SETS; set++)
        for (compare_group group = COMPARE_LLMS; group < COMPARE_GROUPS; group++)
            for (size_t m = 0; status == SAL_OK && m < ALPHAS_STORED; m++)
                status = add_row(corpus, names[group], NULL, set, measures[m], err);
    return status;
}

static int add_self_rows(compare_corpus *corpus, const char *name, sal_error *err) {
    static const char *const measures[COMPARE_SELF_MEASURES] = {"self_spearman", "self_js"};
    int status = SAL_OK;
    for (compare_set set = COMPARE_ALL; set < COMPARE_SETS; set++)
        for (size_t m = 0; status == SAL_OK && m < COMPARE_SELF_MEASURES; m++)
            status = add_row(corpus, name, NULL, set, measures[m], err);
    return status;
}

static int add_all_rows(compare_corpus *corpus, sal_error *err) {
    size_t replicated = 0;
    int status = add_pair_rows(corpus, err);
    if (status == SAL_OK)
        status = add_alpha_rows(corpus, err);
    corpus->self_row = corpus->row_count;
    for (size_t s = 0; status == SAL_OK && s < corpus->count; s++) {
        if (!corpus->replicated[s])
            continue;
        corpus->self_place[s] = replicated++;
        status = add_self_rows(corpus, corpus->summarizers[s]->name, err);
    }
    corpus->random_row = corpus->row_count;
    if (status == SAL_OK)
        status = add_self_rows(corpus, "random selection", err);
    corpus->share_row = corpus->row_count;
    for (size_t s = 0; s <= corpus->count; s++)
        for (size_t i = 0; status == SAL_OK && i < COMPARE_SHARES; i++)
            status =
                add_row(corpus, s < corpus->count ? corpus->summarizers[s]->name : "word types",
                        NULL, COMPARE_SETS, compare_share_name(i), err);
    corpus->outside_row = corpus->row_count;
    for (size_t s = 0; status == SAL_OK && s < corpus->count; s++)
        status = add_row(corpus, corpus->summarizers[s]->name, NULL, COMPARE_SETS,
                         "outside_document", err);
    return status;
}

int compare_corpus_rows(compare_corpus *corpus, sal_error *err) {
    int status = add_all_rows(corpus, err);
    if (status != SAL_OK)
        return status;
    size_t D = corpus->document_count;
    if (D > 0 && corpus->row_count > SIZE_MAX / sizeof(double) / D)
        return sal_fail_memory(err, "the measures of all documents");
    corpus->values = sal_calloc(corpus->row_count * D, sizeof *corpus->values);
    if (corpus->values == NULL)
        return sal_fail_memory(err, "the measures of all documents");
    for (size_t i = 0; i < corpus->row_count * D; i++)
        corpus->values[i] = NAN;
    return SAL_OK;
}

/* ---- one document ------------------------------------------------------------------------------------------ */

/* What a chunk works with. */
typedef struct worker {
    compare_corpus *corpus;
    sal_study *study;
    compare_document document;
    compare_room room;
    char *language;
    sal_stopwords *stopwords; /* of the language */
    size_t *words;            /* of a set */
    double *ratings;
    size_t stale;
    size_t unmatched;
} worker;

static void put(const worker *w, size_t row, size_t d, double value) {
    w->corpus->values[row * w->corpus->document_count + d] = value;
}

static int find_stopwords(worker *w, const char *language, sal_error *err) {
    if (w->language != NULL && strcmp(w->language, language) == 0)
        return SAL_OK;
    sal_stopwords_close(w->stopwords);
    sal_free(w->language);
    w->stopwords = NULL;
    w->language = sal_copy_string(language);
    if (w->language == NULL)
        return sal_fail_memory(err, "a language");
    return sal_stopwords_open(language, &w->stopwords, err);
}

static int measure_pairs(worker *w, size_t d, compare_set set, size_t n, sal_error *err) {
    const compare_corpus *corpus = w->corpus;
    for (size_t a = 0; a < corpus->count; a++)
        for (size_t b = a + 1; b < corpus->count; b++) {
            double values[COMPARE_PAIR_MEASURES];
            int status = compare_pair(&w->document, a, b, set, w->words, n, &w->room, values, err);
            if (status != SAL_OK)
                return status;
            for (compare_pair_measure m = COMPARE_SPEARMAN; m < COMPARE_PAIR_MEASURES; m++)
                put(w, compare_pair_row(corpus, set, m, a, b), d, values[m]);
        }
    return SAL_OK;
}

/* Importance of the group's members on the words of a set. return raters */
static size_t fill_ratings(worker *w, compare_group group, size_t n) {
    const compare_document *document = &w->document;
    size_t raters = 0;
    for (size_t s = 0; s < w->corpus->count; s++) {
        if (document->of[s] == 0 || !compare_in_group(w->corpus->summarizers[s], group))
            continue;
        const uint32_t *counts = document->counts + s * document->word_count;
        for (size_t i = 0; i < n; i++)
            w->ratings[raters * n + i] = counts[w->words[i]] / (double)document->of[s];
        raters++;
    }
    return raters;
}

static int measure_alphas(worker *w, size_t d, compare_set set, size_t n, sal_error *err) {
    for (compare_group group = COMPARE_LLMS; group < COMPARE_GROUPS; group++) {
        double alpha[SAL_ALPHAS] = {NAN, NAN, NAN};
        size_t row = w->corpus->alpha_row + ((size_t)set * COMPARE_GROUPS + group) * ALPHAS_STORED;
        size_t raters = fill_ratings(w, group, n);
        if (raters < 2 || n == 0)
            continue;
        int status = sal_stats_alpha(w->ratings, raters, n, alpha, err);
        if (status != SAL_OK)
            return status;
        put(w, row, d, alpha[SAL_ALPHA_INTERVAL]);
        put(w, row + 1, d, alpha[SAL_ALPHA_ORDINAL]);
    }
    return SAL_OK;
}

static void put_self(const worker *w, size_t row, size_t d,
                     double values[COMPARE_SETS][COMPARE_SELF_MEASURES]) {
    for (compare_set set = COMPARE_ALL; set < COMPARE_SETS; set++)
        for (size_t m = 0; m < COMPARE_SELF_MEASURES; m++)
            put(w, row + (size_t)set * COMPARE_SELF_MEASURES + m, d, values[set][m]);
}

static int measure_selves(worker *w, size_t d, const sal_document *source, sal_error *err) {
    const compare_corpus *corpus = w->corpus;
    const size_t rows_each = (size_t)COMPARE_SETS * COMPARE_SELF_MEASURES;
    double values[COMPARE_SETS][COMPARE_SELF_MEASURES];
    int status = SAL_OK;
    for (size_t s = 0; status == SAL_OK && s < corpus->count; s++) {
        sal_summary_list *summaries = NULL;
        if (!corpus->replicated[s])
            continue;
        status = sal_study_get_summaries(w->study, source->key, corpus->summarizers[s]->key,
                                         &summaries, err);
        if (status == SAL_OK)
            status = compare_self(corpus->text, summaries, &w->document, values, err);
        if (status == SAL_OK)
            put_self(w, corpus->self_row + corpus->self_place[s] * rows_each, d, values);
        sal_summary_list_free(summaries);
    }
    if (status != SAL_OK || corpus->length_count == 0)
        return status;
    status = compare_random(source, &w->document, corpus->lengths, corpus->length_count,
                            corpus->options->seed, values, err);
    if (status == SAL_OK)
        put_self(w, corpus->random_row, d, values);
    return status;
}

static void measure_shares(const worker *w, size_t d) {
    const compare_corpus *corpus = w->corpus;
    const compare_document *document = &w->document;
    double shares[COMPARE_SHARES];
    for (size_t s = 0; s <= corpus->count; s++) {
        bool everyone = s == corpus->count;
        if (!everyone && document->of[s] == 0)
            continue;
        compare_shares(document, everyone ? NULL : document->counts + s * document->word_count,
                       shares);
        for (size_t i = 0; i < COMPARE_SHARES; i++)
            put(w, corpus->share_row + s * COMPARE_SHARES + i, d, shares[i]);
        if (!everyone)
            put(w, corpus->outside_row + s, d, compare_outside(document, s));
    }
}

static int measure_document(worker *w, size_t d, const sal_document *source, sal_error *err) {
    const compare_corpus *corpus = w->corpus;
    int status = find_stopwords(w, source->language, err);
    if (status == SAL_OK)
        status = compare_document_words(corpus->text, source, w->stopwords, &w->document, err);
    if (status == SAL_OK)
        status = compare_document_counts(w->study, source->key, corpus->keys, corpus->places,
                                         corpus->count, &w->document, err);
    if (status != SAL_OK)
        return status;
    sal_free(w->words);
    sal_free(w->ratings);
    w->words = sal_calloc(w->document.type_count, sizeof *w->words);
    w->ratings = sal_calloc(w->document.type_count + 1, (corpus->count + 1) * sizeof *w->ratings);
    if (w->words == NULL || w->ratings == NULL)
        return sal_fail_memory(err, "words");
    size_t present = 0;
    for (size_t s = 0; s < corpus->count; s++)
        present += w->document.of[s] > 0;
    w->stale += w->document.stale;
    w->unmatched += present < 2;
    for (compare_set set = COMPARE_ALL; status == SAL_OK && set < COMPARE_SETS; set++) {
        size_t n = compare_set_words(&w->document, set, w->words);
        status = measure_pairs(w, d, set, n, err);
        if (status == SAL_OK)
            status = measure_alphas(w, d, set, n, err);
    }
    measure_shares(w, d);
    return status == SAL_OK ? measure_selves(w, d, source, err) : status;
}

/* ---- chunks ------------------------------------------------------------------------------------------------ */

typedef struct chunk_state {
    int status;
    sal_error error;
    size_t stale;
    size_t unmatched;
} chunk_state;

typedef struct round_of_chunks {
    compare_corpus *corpus;
    chunk_state *chunks;
    size_t first; /* chunk */
} round_of_chunks;

static void close_worker(worker *w) {
    sal_error ignored = {0};
    compare_document_free(&w->document);
    compare_room_free(&w->room);
    sal_stopwords_close(w->stopwords);
    sal_free(w->language);
    sal_free(w->words);
    sal_free(w->ratings);
    (void)sal_study_close(w->study, &ignored); /* opened for reading: nothing can be lost */
}

static void measure_chunk(void *context, size_t i) {
    const round_of_chunks *around = context;
    compare_corpus *corpus = around->corpus;
    chunk_state *state = &around->chunks[around->first + i];
    worker w = {.corpus = corpus};
    size_t start = (around->first + i) * CHUNK;
    state->status =
        sal_study_open(sal_study_path(corpus->study), SAL_STUDY_READ, &w.study, &state->error);
    for (size_t d = start;
         state->status == SAL_OK && d < start + CHUNK && d < corpus->document_count; d++) {
        sal_document *source = NULL;
        state->status =
            sal_study_get_document(w.study, corpus->documents[d], &source, &state->error);
        if (state->status == SAL_OK)
            state->status = measure_document(&w, d, source, &state->error);
        if (state->status != SAL_OK && source != NULL)
            sal_fail_in(&state->error, state->status, "document %.200s of corpus %.200s",
                        source->id, source->corpus);
        sal_document_free(source);
    }
    state->stale = w.stale;
    state->unmatched = w.unmatched;
    close_worker(&w);
}

int compare_corpus_measure(compare_corpus *corpus, sal_error *err) {
    const size_t chunks = (corpus->document_count + CHUNK - 1) / CHUNK;
    const size_t at_once = (size_t)corpus->threads * 4;
    round_of_chunks around = {.corpus = corpus};
    int status = SAL_OK;
    around.chunks = sal_calloc(chunks, sizeof *around.chunks);
    if (around.chunks == NULL)
        return sal_fail_memory(err, "documents");
    for (; status == SAL_OK && around.first < chunks; around.first += at_once) {
        size_t count = chunks - around.first < at_once ? chunks - around.first : at_once;
        sal_progress_update(corpus->progress, "compare", (int64_t)(around.first * CHUNK),
                            (int64_t)corpus->document_count, "documents");
        if (sal_progress_cancelled(corpus->progress)) {
            status = sal_fail(err, SAL_ECANCELLED, "interrupted");
            break;
        }
        sal_stats_parallel(corpus->threads, count, measure_chunk, &around);
        for (size_t i = around.first; status == SAL_OK && i < around.first + count; i++) {
            status = around.chunks[i].status;
            if (status != SAL_OK && err != NULL)
                *err = around.chunks[i].error;
            corpus->stale += (int64_t)around.chunks[i].stale;
            corpus->unmatched += (int64_t)around.chunks[i].unmatched;
        }
    }
    if (status == SAL_OK)
        sal_progress_update(corpus->progress, "compare", (int64_t)corpus->document_count,
                            (int64_t)corpus->document_count, "documents");
    sal_free(around.chunks);
    return status;
}
