/* The stage: for each corpus, find who has importance, measure all documents, store what came out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/compare_internal.h"

/* ---- who is compared --------------------------------------------------------------------------------------- */

typedef struct presence {
    const sal_summarizer_list *list;
    bool *present; /* [list->count] */
    size_t left;   /* summarizers not yet seen */
} presence;

static int see(void *context, const sal_scanned_word *word, sal_error *err) {
    presence *seen = context;
    (void)err;
    for (size_t i = 0; i < seen->list->count; i++)
        if (seen->list->items[i].key == word->summarizer && !seen->present[i]) {
            seen->present[i] = true;
            seen->left--;
        }
    return SAL_OK;
}

/* Summarizers with importance of any document; looks no further than it must. */
static int find_present(compare_corpus *corpus, presence *seen, sal_error *err) {
    int status = SAL_OK;
    for (size_t d = 0; status == SAL_OK && d < corpus->document_count && seen->left > 0; d++)
        status = sal_study_scan_importance(corpus->study, corpus->documents[d], SAL_STRICT, see,
                                           seen, err);
    return status;
}

static int compare_keys(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static int order_keys(compare_corpus *corpus, sal_error *err) {
    corpus->keys = sal_calloc(corpus->count, sizeof *corpus->keys);
    corpus->places = sal_calloc(corpus->count, sizeof *corpus->places);
    corpus->replicated = sal_calloc(corpus->count, sizeof *corpus->replicated);
    corpus->self_place = sal_calloc(corpus->count, sizeof *corpus->self_place);
    if (corpus->keys == NULL || corpus->places == NULL || corpus->replicated == NULL ||
        corpus->self_place == NULL)
        return sal_fail_memory(err, "summarizers");
    for (size_t s = 0; s < corpus->count; s++)
        corpus->keys[s] = corpus->summarizers[s]->key;
    if (corpus->count > 0)
        qsort(corpus->keys, corpus->count, sizeof *corpus->keys, compare_keys);
    for (size_t i = 0; i < corpus->count; i++)
        for (size_t s = 0; s < corpus->count; s++)
            if (corpus->summarizers[s]->key == corpus->keys[i])
                corpus->places[i] = s;
    return SAL_OK;
}

static int find_summarizers(compare_corpus *corpus, const sal_summarizer_list *list,
                            sal_error *err) {
    presence seen = {.list = list, .left = list->count};
    seen.present = sal_calloc(list->count, sizeof *seen.present);
    corpus->summarizers = sal_calloc(list->count, sizeof(const sal_summarizer_info *));
    if (seen.present == NULL || corpus->summarizers == NULL) {
        sal_free(seen.present);
        return sal_fail_memory(err, "summarizers");
    }
    int status = find_present(corpus, &seen, err);
    for (size_t i = 0; status == SAL_OK && i < list->count; i++)
        if (seen.present[i])
            corpus->summarizers[corpus->count++] = &list->items[i];
    sal_free(seen.present);
    return status == SAL_OK ? order_keys(corpus, err) : status;
}

static int add_length(compare_corpus *corpus, int length, size_t *capacity, sal_error *err) {
    size_t at = 0;
    while (at < corpus->length_count && corpus->lengths[at] < length)
        at++;
    if (at < corpus->length_count && corpus->lengths[at] == length)
        return SAL_OK;
    int status = sal_grow((void **)&corpus->lengths, capacity, corpus->length_count,
                          sizeof *corpus->lengths, err);
    if (status != SAL_OK)
        return status;
    memmove(corpus->lengths + at + 1, corpus->lengths + at,
            (corpus->length_count - at) * sizeof *corpus->lengths);
    corpus->lengths[at] = length;
    corpus->length_count++;
    return SAL_OK;
}

/* Which lengths were asked for, and who has replicas. */
static int find_asked(compare_corpus *corpus, sal_error *err) {
    sal_asked *asked = NULL;
    size_t count = 0;
    size_t capacity = 0;
    int status = sal_study_list_asked(corpus->study, corpus->name, &asked, &count, err);
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        for (size_t s = 0; s < corpus->count; s++)
            if (corpus->summarizers[s]->key == asked[i].summarizer && asked[i].replica > 0)
                corpus->replicated[s] = true;
        if (asked[i].length > 0)
            status = add_length(corpus, asked[i].length, &capacity, err);
    }
    sal_free(asked);
    return status;
}

/* Rows that are about no summarizer have names too. */
static int check_names(const compare_corpus *corpus, sal_error *err) {
    static const char *const taken[] = {"random selection", "word types"};
    for (size_t s = 0; s < corpus->count; s++)
        for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
            if (strcmp(corpus->summarizers[s]->name, taken[i]) == 0)
                return sal_fail(err, SAL_EINVAL,
                                "compare needs the name '%s' for itself; make these summaries "
                                "under another name (--as)",
                                taken[i]);
    return SAL_OK;
}

/* ---- one corpus -------------------------------------------------------------------------------------------- */

static void close_corpus(compare_corpus *corpus) {
    sal_free(corpus->summarizers);
    sal_free(corpus->keys);
    sal_free(corpus->places);
    sal_free(corpus->replicated);
    sal_free(corpus->self_place);
    sal_free(corpus->lengths);
    sal_free(corpus->documents);
    sal_free(corpus->rows);
    sal_free(corpus->values);
}

static void tell(const compare_corpus *corpus) {
    char note[400];
    if (corpus->stale > 0) {
        snprintf(note, sizeof note,
                 "%.200s: importance of %" PRId64 " (document, summarizer) units is out of date; "
                 "`salient importance` brings it up to date",
                 corpus->name, corpus->stale);
        sal_progress_note(corpus->progress, note);
    }
    if (corpus->unmatched > 0) {
        snprintf(note, sizeof note,
                 "%.200s: %" PRId64 " documents have importance of fewer than two summarizers",
                 corpus->name, corpus->unmatched);
        sal_progress_note(corpus->progress, note);
    }
}

static int store(compare_corpus *corpus, const sal_score_list *scores, sal_error *err) {
    compare_result result = {0};
    int status = compare_finish(corpus, scores, &result, err);
    if (status == SAL_OK)
        status = sal_study_put_agreement(corpus->study, corpus->name, result.rows, result.row_count,
                                         result.steps, result.step_count, err);
    compare_result_free(&result);
    return status;
}

/* *compared: false when the corpus has no importance at all. */
static int run_corpus(compare_corpus *corpus, const sal_summarizer_list *list,
                      const sal_score_list *scores, sal_tally *tally, bool *compared,
                      sal_error *err) {
    int status = sal_study_document_keys(corpus->study, corpus->name, -1, &corpus->documents,
                                         &corpus->document_count, err);
    if (status == SAL_OK)
        status = find_summarizers(corpus, list, err);
    *compared = corpus->count > 0;
    if (status != SAL_OK || corpus->count == 0)
        return status;
    status = check_names(corpus, err);
    if (status == SAL_OK)
        status = find_asked(corpus, err);
    if (status == SAL_OK)
        status = compare_corpus_rows(corpus, err);
    if (status == SAL_OK)
        status = compare_corpus_measure(corpus, err);
    if (status == SAL_OK)
        status = store(corpus, scores, err);
    if (status == SAL_OK) {
        tell(corpus);
        tally->done += (int64_t)corpus->document_count - corpus->unmatched;
        tally->failed += corpus->unmatched;
    }
    return status;
}

/* ---- all --------------------------------------------------------------------------------------------------- */

static int check_labels(const sal_compare_options *options, const sal_summarizer_list *list,
                        sal_error *err) {
    for (size_t i = 0; i < options->label_count; i++) {
        bool found = false;
        for (size_t s = 0; s < list->count; s++)
            found = found || strcmp(list->items[s].name, options->labels[i].name) == 0;
        if (!found)
            return sal_fail(err, SAL_ENOTFOUND,
                            "a family or size is given for '%.200s', and the study has no such "
                            "summarizer; salient export STUDY --table summarizers lists them",
                            options->labels[i].name);
    }
    return SAL_OK;
}

static int processors(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > 64 ? 64 : (int)count;
}

static int run_corpora(const compare_corpus *model, char *const *corpora, size_t count,
                       const sal_summarizer_list *list, const sal_score_list *scores,
                       sal_tally *tally, bool *any, sal_error *err) {
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        compare_corpus corpus = *model;
        bool compared = false;
        if (model->options->corpus != NULL && strcmp(model->options->corpus, corpora[i]) != 0)
            continue;
        corpus.name = corpora[i];
        status = run_corpus(&corpus, list, scores, tally, &compared, err);
        *any = *any || compared;
        close_corpus(&corpus);
    }
    return status;
}

int sal_compare_run(sal_study *study, const sal_compare_options *options,
                    const sal_progress *progress, sal_tally *tally, sal_error *err) {
    compare_corpus model = {.study = study, .options = options, .progress = progress};
    sal_text *text = NULL;
    sal_summarizer_list *list = NULL;
    sal_score_list *scores = NULL;
    char **corpora = NULL;
    size_t count = 0;
    bool any = false;
    int64_t *keys = NULL;
    size_t documents = 0;
    model.threads = options->threads > 0 ? options->threads : processors();
    int status = sal_text_open(&text, err);
    model.text = text;
    if (status == SAL_OK) /* names the corpora when this one is not there */
        status = sal_study_document_keys(study, options->corpus, 0, &keys, &documents, err);
    sal_free(keys);
    if (status == SAL_OK)
        status = sal_study_list_summarizers(study, &list, err);
    if (status == SAL_OK)
        status = check_labels(options, list, err);
    if (status == SAL_OK)
        status = sal_study_get_scores(study, &scores, err);
    if (status == SAL_OK)
        status = sal_study_corpora(study, &corpora, &count, err);
    if (status == SAL_OK)
        status = run_corpora(&model, corpora, count, list, scores, tally, &any, err);
    if (status == SAL_OK && !any)
        status = sal_fail(err, SAL_ENOTFOUND,
                          "%.300s has no importance to compare; `salient importance %.300s` "
                          "computes it",
                          sal_study_path(study), sal_study_path(study));
    sal_strings_free(corpora, count);
    sal_score_list_free(scores);
    sal_summarizer_list_free(list);
    sal_text_close(text);
    return status;
}
