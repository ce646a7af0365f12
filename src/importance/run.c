/* The stage: importance of every (document, summarizer) that lacks it or whose inputs changed, then the scores.
 *
 * A unit's inputs are everything its rows depend on: document, language, summaries, protocol, stop list and INPUTS_VERSION. Their
 * hash is stored with the rows; where it fits, nothing is written. Scores are pure functions of the texts and are always made anew,
 * so a run that was killed between units and scores ends with the same rows as one that was not. */
#include <stdio.h>
#include <string.h>

#include "importance/importance_internal.h"
#include "salient/file.h"
#include "stage/model.h"
#include "stage/walk.h"

#define INPUTS_VERSION "importance 1" /* goes up when the same texts would give other rows */

typedef struct language {
    char *name;
    sal_stopwords *stopwords; /* NULL: no list */
} language;

typedef struct importance_stage {
    sal_study *study;
    const sal_importance_options *options;
    const sal_progress *progress;
    sal_tally *tally;
    sal_text *text;
    language *languages;
    size_t language_count;
    size_t language_capacity;
    stage_walk walk; /* of all summarizers */
} importance_stage;

/* The stop list of a language, opened once. */
static int find_stopwords(importance_stage *stage, const char *name, const sal_stopwords **out,
                          sal_error *err) {
    for (size_t i = 0; i < stage->language_count; i++)
        if (strcmp(stage->languages[i].name, name) == 0) {
            *out = stage->languages[i].stopwords;
            return SAL_OK;
        }
    int status = sal_grow((void **)&stage->languages, &stage->language_capacity,
                          stage->language_count, sizeof *stage->languages, err);
    if (status != SAL_OK)
        return status;
    language added = {.name = sal_copy_string(name)};
    if (added.name == NULL)
        return sal_fail_memory(err, "a language");
    status = sal_stopwords_open(name, &added.stopwords, err);
    if (status != SAL_OK) {
        sal_free(added.name);
        return status;
    }
    if (added.stopwords == NULL) {
        char note[200];
        snprintf(note, sizeof note,
                 "no stop list for language '%.40s': its content words are undefined", name);
        sal_progress_note(stage->progress, note);
    }
    stage->languages[stage->language_count++] = added;
    *out = added.stopwords;
    return SAL_OK;
}

/* ---- one unit ---------------------------------------------------------------------------------------------- */

static void hash_field(sal_sha256 *hash, const char *bytes, size_t length) {
    char size[32];
    int digits = snprintf(size, sizeof size, "%zu:", length);
    sal_sha256_add(hash, size, (size_t)digits);
    sal_sha256_add(hash, bytes, length);
}

/* imported NULL: importance comes from the summaries */
static void hash_inputs(const importance_stage *stage, const sal_document *document,
                        const sal_summary_list *summaries, const sal_imported_list *imported,
                        const sal_stopwords *stopwords, char digest[65]) {
    sal_sha256 hash;
    const char *list = stopwords == NULL ? "" : sal_stopwords_digest(stopwords);
    const char *protocol = sal_protocol_name(stage->options->protocol);
    sal_sha256_start(&hash);
    hash_field(&hash, INPUTS_VERSION, strlen(INPUTS_VERSION));
    hash_field(&hash, document->hash, strlen(document->hash));
    hash_field(&hash, document->language, strlen(document->language));
    hash_field(&hash, protocol, strlen(protocol));
    hash_field(&hash, list, strlen(list));
    for (size_t i = 0; imported != NULL && i < imported->count; i++) {
        const sal_imported_word *word = &imported->words[i];
        char importance[40];
        int length = snprintf(importance, sizeof importance, "imported %.17g", word->importance);
        hash_field(&hash, importance, (size_t)length);
        hash_field(&hash, word->word, strlen(word->word));
    }
    for (size_t i = 0; imported == NULL && i < summaries->count; i++) {
        const sal_summary *summary = &summaries->items[i];
        char place[64];
        int length = snprintf(place, sizeof place, "%d %d %s", summary->length, summary->replica,
                              sal_status_name(summary->status));
        hash_field(&hash, place, (size_t)length);
        hash_field(&hash, summary->text, summary->text_length);
    }
    sal_sha256_finish(&hash, digest);
}

static int is_up_to_date(importance_stage *stage, int64_t document, int64_t summarizer,
                         const char *inputs, bool *up_to_date, sal_error *err) {
    sal_importance_list *stored = NULL;
    int status = sal_study_get_importance(stage->study, document, summarizer,
                                          stage->options->protocol, &stored, err);
    *up_to_date = stored != NULL && strcmp(stored->inputs, inputs) == 0;
    sal_importance_list_free(stored);
    return status;
}

/* Store the table's rows; none when no summary counts, as importance is undefined there. */
static int put_table(importance_stage *stage, int64_t document, int64_t summarizer,
                     const char *inputs, const sal_word_table *table, sal_error *err) {
    size_t count = table->of > 0 ? table->word_count : 0;
    sal_importance_row *rows = sal_calloc(count, sizeof *rows);
    if (rows == NULL)
        return sal_fail_memory(err, "importance");
    for (size_t i = 0; i < count; i++)
        rows[i] = (sal_importance_row){.word = table->words[i].bytes,
                                       .count = table->words[i].count,
                                       .of = table->of,
                                       .content = table->words[i].content,
                                       .in_document = table->words[i].in_document};
    int status =
        sal_study_put_importance(stage->study, document, summarizer, stage->options->protocol,
                                 inputs, table->of, rows, count, err);
    sal_free(rows);
    return status;
}

int sal_importance_inputs(const sal_summary_list *summaries, sal_importance_input **inputs,
                          sal_summary_place **places, sal_error *err) {
    *inputs = sal_calloc(summaries->count, sizeof **inputs);
    *places = sal_calloc(summaries->count, sizeof **places);
    if (*inputs == NULL || *places == NULL)
        return sal_fail_memory(err, "summaries");
    for (size_t i = 0; i < summaries->count; i++) {
        const sal_summary *summary = &summaries->items[i];
        (*inputs)[i] = (sal_importance_input){summary->text, summary->text_length, summary->status};
        (*places)[i] = (sal_summary_place){summary->length, summary->replica};
    }
    return SAL_OK;
}

/* The table of a document's summaries, and what is measured on it. */
static int measure_unit(importance_stage *stage, const sal_document *document,
                        const sal_summary_list *summaries, const sal_stopwords *stopwords,
                        sal_word_table *table, sal_document_measures *measures, sal_error *err) {
    const sal_importance_choices choices = sal_importance_choices_of(stage->options->protocol);
    sal_importance_input *inputs = NULL;
    sal_summary_place *places = NULL;
    int status = sal_importance_inputs(summaries, &inputs, &places, err);
    if (status == SAL_OK)
        status = sal_word_table_make(stage->text, choices, stopwords, document->text,
                                     document->text_length, inputs, summaries->count, table, err);
    if (status == SAL_OK)
        status = sal_importance_measure(table, choices, places, measures, err);
    sal_free(inputs);
    sal_free(places);
    return status;
}

static int run_summaries(importance_stage *stage, const sal_document *document, int64_t summarizer,
                         const sal_summary_list *summaries, sal_score_sums *sums, sal_error *err) {
    const sal_stopwords *stopwords = NULL;
    sal_word_table table = {0};
    sal_document_measures measures;
    char inputs[65];
    bool up_to_date = false;
    int status = find_stopwords(stage, document->language, &stopwords, err);
    if (status != SAL_OK)
        return status;
    hash_inputs(stage, document, summaries, NULL, stopwords, inputs);
    status = is_up_to_date(stage, document->key, summarizer, inputs, &up_to_date, err);
    if (status == SAL_OK)
        status = measure_unit(stage, document, summaries, stopwords, &table, &measures, err);
    if (status == SAL_OK && !up_to_date && !stage->options->look)
        status = put_table(stage, document->key, summarizer, inputs, &table, err);
    if (status == SAL_OK)
        status = sal_score_sums_add(sums, summaries, table.counts, &measures, err);
    if (status == SAL_OK && up_to_date)
        stage->tally->kept++;
    else if (status == SAL_OK)
        stage->tally->done++;
    sal_word_table_free(&table);
    return status;
}

/* Importance that came with an import: there is nothing to measure on it. */
static int run_imported(importance_stage *stage, const sal_document *document, int64_t summarizer,
                        const sal_summary_list *summaries, const sal_imported_list *imported,
                        sal_score_sums *sums, sal_error *err) {
    const sal_stopwords *stopwords = NULL;
    char inputs[65];
    bool up_to_date = false;
    int status = find_stopwords(stage, document->language, &stopwords, err);
    if (status != SAL_OK)
        return status;
    hash_inputs(stage, document, summaries, imported, stopwords, inputs);
    const sal_importance_place place = {document, summarizer, stage->options->protocol, inputs};
    status = is_up_to_date(stage, document->key, summarizer, inputs, &up_to_date, err);
    if (status == SAL_OK && !up_to_date && !stage->options->look)
        status = sal_importance_put_imported(stage->study, stage->text, &place, stopwords, imported,
                                             err);
    if (status == SAL_OK)
        status = sal_score_sums_add_imported(sums, summaries, err);
    if (status == SAL_OK && up_to_date)
        stage->tally->kept++;
    else if (status == SAL_OK)
        stage->tally->done++;
    return status;
}

/* The documents of one corpus by one summarizer. */
typedef struct importance_part {
    importance_stage *stage;
    const sal_summarizer_info *summarizer;
    sal_score_sums sums;
} importance_part;

/* One (document, summarizer); nothing where the summarizer has nothing of the document. */
static int run_unit(void *context, int64_t key, sal_error *err) {
    importance_part *part = context;
    importance_stage *stage = part->stage;
    const sal_summarizer_info *summarizer = part->summarizer;
    sal_document *document = NULL;
    sal_summary_list *summaries = NULL;
    sal_imported_list *imported = NULL;
    int status = sal_study_get_summaries(stage->study, key, summarizer->key, &summaries, err);
    if (status == SAL_OK && strcmp(summarizer->kind, "import") == 0)
        status = sal_study_get_imported(stage->study, key, summarizer->key, &imported, err);
    if (status != SAL_OK || (summaries->count == 0 && imported == NULL))
        goto done;
    status = sal_study_get_document(stage->study, key, &document, err);
    if (status != SAL_OK)
        goto done;
    status =
        imported != NULL
            ? run_imported(stage, document, summarizer->key, summaries, imported, &part->sums, err)
            : run_summaries(stage, document, summarizer->key, summaries, &part->sums, err);
    if (status != SAL_OK)
        status = sal_fail_in(err, status, "document %.200s of corpus %.200s, summarizer %.200s",
                             document->id, document->corpus, summarizer->name);
done:
    sal_document_free(document);
    sal_summary_list_free(summaries);
    sal_imported_list_free(imported);
    return status;
}

/* ---- one (corpus, summarizer) ------------------------------------------------------------------------------ */

static int put_scores(importance_stage *stage, const char *corpus, int64_t summarizer,
                      const sal_score_sums *sums, sal_error *err) {
    sal_score *scores = NULL;
    size_t count = 0;
    int status = sal_score_sums_scores(sums, &scores, &count, err);
    if (status != SAL_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        scores[i].corpus = corpus;
        scores[i].summarizer = summarizer;
        scores[i].protocol = stage->options->protocol;
    }
    status = sal_study_put_scores(stage->study, corpus, summarizer, stage->options->protocol,
                                  scores, count, err);
    sal_free(scores);
    return status;
}

/* Documents without importance are failures of this stage: counted, and told. */
static void tell_undefined(importance_stage *stage, const char *corpus, const char *summarizer,
                           const sal_score_sums *sums) {
    char note[600];
    if (sums->without_importance == 0)
        return;
    stage->tally->failed += sums->without_importance;
    snprintf(note, sizeof note,
             "%.200s, corpus %.200s: %lld of %zu documents have no summary that counts (all failed "
             "or refused); their importance is undefined",
             summarizer, corpus, (long long)sums->without_importance, sums->document_count);
    sal_progress_note(stage->progress, note);
}

static int run_corpus(importance_stage *stage, const char *corpus,
                      const sal_summarizer_info *summarizer, sal_error *err) {
    importance_part part = {.stage = stage, .summarizer = summarizer};
    const sal_score_sums *sums = &part.sums;
    int64_t *keys = NULL;
    size_t count = 0;
    char name[220];
    snprintf(name, sizeof name, "importance %.200s", summarizer->name);
    int status = sal_study_document_keys(stage->study, corpus, -1, &keys, &count, err);
    stage->walk.stage = name;
    if (status == SAL_OK)
        status = stage_walk_documents(&stage->walk, keys, count, run_unit, &part, err);
    if (status == SAL_OK && sums->document_count > 0) {
        tell_undefined(stage, corpus, summarizer->name, sums);
        if (!stage->options->look)
            status = put_scores(stage, corpus, summarizer->key, sums, err);
    }
    sal_free(keys);
    sal_score_sums_free(&part.sums);
    return status;
}

/* ---- all --------------------------------------------------------------------------------------------------- */

static bool is_asked_for(const importance_stage *stage, const sal_summarizer_info *summarizer) {
    return stage->options->by == NULL || strcmp(stage->options->by, summarizer->name) == 0;
}

/* Corpora to visit, and how many documents that is for all summarizers. */
static int list_corpora(importance_stage *stage, const sal_summarizer_list *summarizers,
                        char ***corpora, size_t *count, sal_error *err) {
    int64_t asked = 0;
    int64_t *keys = NULL;
    size_t documents = 0;
    char what[300];
    for (size_t i = 0; i < summarizers->count; i++)
        asked += is_asked_for(stage, &summarizers->items[i]);
    if (asked == 0) {
        (void)snprintf(what, sizeof what, "there is no summarizer '%.200s'",
                       stage->options->by == NULL ? "" : stage->options->by);
        return stage_fail_summarizer(stage->study, summarizers, what, "there are", err);
    }
    int status =
        sal_study_document_keys(stage->study, stage->options->corpus, -1, &keys, &documents, err);
    sal_free(keys);
    stage->walk = (stage_walk){.progress = stage->progress, .total = asked * (int64_t)documents};
    return status == SAL_OK ? sal_study_corpora(stage->study, corpora, count, err) : status;
}

static int run_all(importance_stage *stage, sal_error *err) {
    sal_summarizer_list *summarizers = NULL;
    char **corpora = NULL;
    size_t corpus_count = 0;
    const char *only = stage->options->corpus;
    int status = sal_study_list_summarizers(stage->study, &summarizers, err);
    if (status == SAL_OK)
        status = list_corpora(stage, summarizers, &corpora, &corpus_count, err);
    if (status != SAL_OK)
        goto done;
    for (size_t s = 0; s < summarizers->count && status == SAL_OK; s++) {
        if (!is_asked_for(stage, &summarizers->items[s]))
            continue;
        for (size_t c = 0; c < corpus_count && status == SAL_OK; c++)
            if (only == NULL || strcmp(only, corpora[c]) == 0)
                status = run_corpus(stage, corpora[c], &summarizers->items[s], err);
    }
done:
    sal_summarizer_list_free(summarizers);
    sal_strings_free(corpora, corpus_count);
    return status;
}

int sal_importance_run(sal_study *study, const sal_importance_options *options,
                       const sal_progress *progress, sal_tally *tally, sal_error *err) {
    importance_stage stage = {
        .study = study, .options = options, .progress = progress, .tally = tally};
    int status = sal_text_open(&stage.text, err);
    if (status == SAL_OK)
        status = run_all(&stage, err);
    for (size_t i = 0; i < stage.language_count; i++) {
        sal_free(stage.languages[i].name);
        sal_stopwords_close(stage.languages[i].stopwords);
    }
    sal_free(stage.languages);
    sal_text_close(stage.text);
    return status;
}
