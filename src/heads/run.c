/* The stage: every document's units that are missing or out of date, then the table of each corpus and evidence.
 *
 * A document's units are stored together. What they depend on is hashed (document, importance, corpus frequencies, stop list, model,
 * summary of the second pass); where all hashes fit, the model is not run. It is opened for the first document that needs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heads/heads_internal.h"
#include "salient/file.h"
#include "stage/walk.h"

#define INPUTS_VERSION "heads 1" /* goes up when the same inputs would give other rows */

typedef struct heads_stage {
    sal_study *study;
    const sal_heads_options *options;
    const sal_progress *progress;
    sal_tally *tally;
    sal_text *text;
    char model_name[256];
    char model_digest[65];
    char system[200];       /* version of libllama, and who computes */
    sal_summarizer_info by; /* borrowed from summarizers */
    sal_summarizer_list *summarizers;
    size_t *layers;
    size_t layer_count;
    size_t heads; /* of a layer */
    int last_layer;
    int64_t analyses[SAL_EVIDENCES]; /* 0: not asked for */
    sal_model *model;                /* NULL until a document needs it */
    sal_tap *tap;
    /* of the corpus at work */
    head_frequencies frequencies;
    char language[64];
    sal_stopwords *stopwords;
    int64_t without_importance, too_long, without_summary, empty;
    stage_walk walk;
} heads_stage;

/* ---- what is asked ------------------------------------------------------------------------------------------ */

static int choose_summarizer(heads_stage *stage, sal_error *err) {
    const sal_summarizer_info *found = NULL;
    int status = stage_choose_summarizer(stage->study, stage->options->by, stage->model_name,
                                         stage->model_digest, &stage->summarizers, &found, err);
    if (status == SAL_OK)
        stage->by = *found;
    return status;
}

/* Layers and heads are needed before any weights are. */
static int look_at_model(heads_stage *stage, sal_error *err) {
    const sal_model_options vocabulary = {.vocabulary_only = true};
    sal_model *model = NULL;
    int status = sal_model_open(stage->options->model, &vocabulary, &model, err);
    if (status != SAL_OK)
        return status;
    const sal_model_info *info = sal_model_describe(model);
    if (info->layers < 1 || info->heads < 1)
        status = sal_fail(err, SAL_EMODEL, "%s: has %d layers and %d heads", stage->options->model,
                          info->layers, info->heads);
    stage->heads = (size_t)info->heads;
    if (status == SAL_OK)
        status = stage_parse_layers(stage->options->layers, (size_t)info->layers, "layers",
                                    &stage->layers, &stage->layer_count, err);
    if (status == SAL_OK) {
        stage->last_layer = (int)stage->layers[stage->layer_count - 1];
        if (stage->last_layer + 1 == info->layers)
            stage->last_layer = -1;
    }
    sal_model_close(model);
    return status;
}

/* ---- analyses ----------------------------------------------------------------------------------------------- */

static int describe_rows(const heads_stage *stage, sal_buffer *out, sal_error *err) {
    int status = sal_buffer_add_string(out, "[", err);
    for (size_t l = 0; l < stage->layer_count; l++)
        for (size_t h = 0; status == SAL_OK && h < stage->heads; h++)
            status = sal_buffer_add_format(out, err, "%s[%zu,%zu]", l + h == 0 ? "" : ",",
                                           stage->layers[l], h);
    for (int n = 0; status == SAL_OK && n < SAL_NULL_HEADS; n++)
        status = sal_buffer_add_format(out, err, ",[null,null,\"%s\"]",
                                       sal_null_head_name((sal_null_head)n));
    return status == SAL_OK ? sal_buffer_add_string(out, "]", err) : status;
}

static int describe_measures(sal_buffer *out, sal_error *err) {
    int status = sal_buffer_add_string(out, "[", err);
    for (int m = 0; status == SAL_OK && m < SAL_HEAD_MEASURES; m++)
        status = sal_buffer_add_format(out, err, "%s\"%s\"", m == 0 ? "" : ",",
                                       sal_head_measure_name(m));
    return status == SAL_OK ? sal_buffer_add_string(out, "]", err) : status;
}

/* What differs from the defaults, in a fixed order. */
static int describe_options(const heads_stage *stage, sal_buffer *out, sal_error *err) {
    const sal_heads_options *options = stage->options;
    static const char *const values[] = {"", " max", " min"};
    int status = sal_buffer_add_string(out, "", err);
    if (strcmp(options->layers, "all") != 0)
        for (size_t l = 0; status == SAL_OK && l < stage->layer_count; l++)
            status = sal_buffer_add_format(out, err, "%s%zu", l == 0 ? " layers=" : ",",
                                           stage->layers[l]);
    if (status == SAL_OK && options->drop_zero)
        status = sal_buffer_add_string(out, " drop-zero", err);
    if (status == SAL_OK && options->skip_first > 0)
        status = sal_buffer_add_format(out, err, " skip-first=%d%s", options->skip_first,
                                       options->renormalise ? " renormalise" : "");
    if (status == SAL_OK && options->min_queries > 0)
        status = sal_buffer_add_format(out, err, " min-queries=%d", options->min_queries);
    return status == SAL_OK ? sal_buffer_add_string(out, values[options->value], err) : status;
}

static int put_analyses(heads_stage *stage, sal_error *err) {
    sal_buffer rows = {0}, measures = {0}, options = {0};
    int status = describe_rows(stage, &rows, err);
    if (status == SAL_OK)
        status = describe_measures(&measures, err);
    if (status == SAL_OK)
        status = describe_options(stage, &options, err);
    for (int e = 0; status == SAL_OK && e < SAL_EVIDENCES; e++) {
        if (!stage->options->evidence[e])
            continue;
        const sal_head_analysis analysis = {
            .model = stage->model_name,
            .model_digest = stage->model_digest,
            .summarizer = stage->by.key,
            .protocol = stage->options->protocol,
            .evidence = sal_evidence_name((sal_evidence)e),
            .options = options.bytes + (options.length > 0), /* without the first space */
            .rows = rows.bytes,
            .metrics = measures.bytes,
        };
        status = sal_study_put_head_analysis(stage->study, &analysis, &stage->analyses[e], err);
    }
    sal_buffer_free(&rows);
    sal_buffer_free(&measures);
    sal_buffer_free(&options);
    return status;
}

/* ---- one document ------------------------------------------------------------------------------------------- */

typedef struct document_work {
    sal_document *document;
    sal_importance_list *importance;
    head_summary summary;
    bool needs[SAL_EVIDENCES];
    char inputs[SAL_EVIDENCES][65];
    bool retrieval; /* hits of retrieval heads are missing */
    char retrieval_inputs[65];
} document_work;

static void work_free(document_work *work) {
    sal_document_free(work->document);
    sal_importance_list_free(work->importance);
    sal_free(work->summary.text);
    *work = (document_work){0};
}

static bool is_chat(int evidence) {
    return evidence == SAL_EVIDENCE_INSTRUCTION || evidence == SAL_EVIDENCE_SUMMARY;
}

static bool wants_chat(const bool evidence[SAL_EVIDENCES]) {
    return evidence[SAL_EVIDENCE_INSTRUCTION] || evidence[SAL_EVIDENCE_SUMMARY];
}

static bool needs_chat(const document_work *work) {
    return wants_chat(work->needs) || work->retrieval;
}

static bool wants_raw(const bool evidence[SAL_EVIDENCES]) {
    return evidence[SAL_EVIDENCE_RECEIVED] || evidence[SAL_EVIDENCE_EXPOSURE] ||
           evidence[SAL_EVIDENCE_NORM];
}

static void hash_inputs(const heads_stage *stage, document_work *work, int evidence) {
    sal_sha256 hash;
    const char *const parts[] = {
        INPUTS_VERSION,
        work->document->hash,
        work->document->language,
        work->importance->inputs,
        stage->frequencies.digest,
        stage->stopwords == NULL ? "" : sal_stopwords_digest(stage->stopwords),
        stage->model_digest,
        stage->system,
    };
    sal_sha256_start(&hash);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        sal_sha256_add(&hash, parts[i], strlen(parts[i]) + 1);
    if (is_chat(evidence))
        sal_sha256_add(&hash, work->summary.text, work->summary.length);
    sal_sha256_finish(&hash, work->inputs[evidence]);
}

static int open_stopwords(heads_stage *stage, const char *language, sal_error *err) {
    if (strcmp(stage->language, language) == 0)
        return SAL_OK;
    sal_stopwords_close(stage->stopwords);
    stage->stopwords = NULL;
    (void)snprintf(stage->language, sizeof stage->language, "%.63s", language);
    return sal_stopwords_open(language, &stage->stopwords, err);
}

/* Only counted: once importance is there, the document will need all that it can be measured by today. */
static int wait_for_importance(const heads_stage *stage, document_work *work, bool *any) {
    for (int e = 0; e < SAL_EVIDENCES; e++)
        work->needs[e] = stage->options->evidence[e] && !is_chat(e);
    stage->options->work->waiting++;
    *any = true;
    return SAL_OK;
}

/* Rows of retrieval heads belong to the model and the summarizer: any analysis finds them. */
static int64_t any_analysis(const heads_stage *stage) {
    int64_t key = 0;
    for (int e = 0; e < SAL_EVIDENCES; e++)
        key = stage->analyses[e] != 0 ? stage->analyses[e] : key;
    return key;
}

static int plan_retrieval(const heads_stage *stage, int64_t key, document_work *work, bool *any,
                          sal_error *err) {
    bool stored = false;
    if (!stage->options->retrieval || work->summary.text == NULL)
        return SAL_OK;
    head_retrieval_inputs(work->document, &work->summary, stage->model_digest, stage->system,
                          work->retrieval_inputs);
    int status = head_retrieval_is_stored(stage->study, any_analysis(stage), key,
                                          work->retrieval_inputs, &stored, err);
    work->retrieval = !stored;
    *any = *any || work->retrieval;
    return status;
}

/* What a document needs; nothing when its importance is not there. */
static int plan(heads_stage *stage, int64_t key, document_work *work, bool *any, sal_error *err) {
    int status = sal_study_get_document(stage->study, key, &work->document, err);
    if (status == SAL_OK)
        status = sal_study_get_importance(stage->study, key, stage->by.key,
                                          stage->options->protocol, &work->importance, err);
    if (status != SAL_OK)
        return status;
    if (work->importance == NULL || work->importance->of == 0 ||
        work->importance->inputs[0] == '\0') {
        if (stage->options->work != NULL)
            return wait_for_importance(stage, work, any);
        stage->without_importance++;
        stage->tally->failed++;
        return SAL_OK;
    }
    const bool chat = wants_chat(stage->options->evidence) || stage->options->retrieval;
    status = open_stopwords(stage, work->document->language, err);
    if (status == SAL_OK && chat)
        status = head_find_summary(stage->study, key, stage->by.key, &work->summary, err);
    stage->without_summary += chat && work->summary.text == NULL;
    for (int e = 0; status == SAL_OK && e < SAL_EVIDENCES; e++) {
        char stored[65];
        if (stage->analyses[e] == 0 || (is_chat(e) && work->summary.text == NULL))
            continue;
        hash_inputs(stage, work, e);
        status = sal_study_get_head_inputs(stage->study, stage->analyses[e], key, stored, err);
        work->needs[e] = strcmp(stored, work->inputs[e]) != 0;
        *any = *any || work->needs[e];
    }
    if (status == SAL_OK)
        status = plan_retrieval(stage, key, work, any, err);
    stage->tally->kept += status == SAL_OK && !*any;
    return status;
}

static int open_model(heads_stage *stage, sal_error *err) {
    const sal_tap_options tap = {.threads = stage->options->model_options.threads};
    const sal_model_options vocabulary = {.vocabulary_only = true};
    if (stage->options->work != NULL)
        return stage->model != NULL
                   ? SAL_OK
                   : sal_model_open(stage->options->model, &vocabulary, &stage->model, err);
    if (stage->tap != NULL)
        return SAL_OK;
    int status =
        sal_model_open(stage->options->model, &stage->options->model_options, &stage->model, err);
    return status == SAL_OK ? sal_tap_open(stage->model, &tap, &stage->tap, err) : status;
}

/* The passes a document needs. A text past the context fails alone: *fits false. */
static int run_passes(heads_stage *stage, document_work *work, head_passes *passes, bool *fits,
                      sal_error *err) {
    const bool raw = wants_raw(work->needs);
    int status = open_model(stage, err);
    if (status == SAL_OK && raw)
        status = head_pass_raw(stage->model, stage->tap, work->document, work->needs,
                               stage->last_layer, passes, stage->progress, err);
    if (status == SAL_OK && needs_chat(work))
        status = head_pass_chat(stage->model, stage->tap, work->document, &work->summary,
                                stage->last_layer, passes, stage->progress, err);
    *fits = status != SAL_ELIMIT;
    return *fits ? status : SAL_OK;
}

static int store_unit(heads_stage *stage, const document_work *work, const head_words *words,
                      const head_passes *passes, int evidence, sal_error *err) {
    const head_setting setting = {
        .protocol = stage->options->protocol,
        .value = stage->options->value,
        .drop_zero = stage->options->drop_zero,
        .left_out = {(size_t)stage->options->skip_first, (size_t)stage->options->min_queries},
        .threads = head_threads(&stage->options->model_options),
        .frequencies = &stage->frequencies};
    sal_head_unit unit = {.analysis = stage->analyses[evidence], .document = work->document->key};
    head_evidence values = head_passes_evidence(passes, (sal_evidence)evidence);
    values.layers = stage->layers;
    values.layer_count = stage->layer_count;
    if (values.values == NULL || values.H != stage->heads)
        return sal_fail(err, SAL_EMODEL, "%s: %zu heads of evidence '%s', not %zu",
                        stage->options->model, values.H, sal_evidence_name((sal_evidence)evidence),
                        stage->heads);
    memcpy(unit.inputs, work->inputs[evidence], sizeof unit.inputs);
    unit.tokens = (int64_t)values.T;
    int status = head_score(&setting, words, &values, &unit, err);
    if (status == SAL_OK)
        status = sal_study_put_head_unit(stage->study, &unit, err);
    head_unit_clear(&unit);
    return status;
}

static int store_units(heads_stage *stage, const document_work *work, const head_words *words,
                       const head_passes *passes, sal_error *err) {
    int status = sal_study_begin(stage->study, err);
    if (status != SAL_OK)
        return status;
    for (int e = 0; status == SAL_OK && e < SAL_EVIDENCES; e++)
        if (work->needs[e])
            status = store_unit(stage, work, words, passes, e, err);
    if (status == SAL_OK && work->retrieval)
        status = head_retrieval_store(stage->study, any_analysis(stage), work->document->key,
                                      work->retrieval_inputs, passes, err);
    if (status == SAL_OK)
        return sal_study_commit(stage->study, err);
    sal_study_rollback(stage->study);
    return status;
}

static int measure_document(heads_stage *stage, document_work *work, sal_error *err) {
    head_words words = {0};
    const sal_heads_options *options = stage->options;
    head_passes passes = {.skip_keys = options->renormalise ? (size_t)options->skip_first : 0,
                          .retrieval = work->retrieval};
    bool fits = true;
    int status = head_words_make(stage->text, stage->options->protocol, stage->stopwords,
                                 work->document, &words, err);
    if (status == SAL_OK && words.count == 0) {
        stage->empty++;
        stage->tally->failed++;
        goto done;
    }
    if (status == SAL_OK)
        status = head_words_set_importance(work->importance, stage->options->protocol,
                                           work->document->language, &words, err);
    if (status == SAL_OK)
        status = run_passes(stage, work, &passes, &fits, err);
    if (status == SAL_OK && !fits) {
        stage->too_long++;
        stage->tally->failed++;
    } else if (status == SAL_OK) {
        status = store_units(stage, work, &words, &passes, err);
        stage->tally->done += status == SAL_OK;
    }
done:
    head_passes_free(&passes);
    head_words_free(&words);
    return status;
}

static void count_sequence(heads_stage *stage, size_t tokens) {
    sal_work *count = stage->options->work;
    const int context = sal_model_describe(stage->model)->context_trained;
    if (context > 0 && tokens > (size_t)context) {
        count->left_out++;
        return;
    }
    count->prompts += (int64_t)tokens;
    count->computed += (int64_t)tokens;
    count->longest = (int64_t)tokens > count->longest ? (int64_t)tokens : count->longest;
    count->cells = count->longest;
}

static int count_document(heads_stage *stage, const document_work *work, sal_error *err) {
    head_passes passes = {0};
    sal_span queries[2];
    int status = open_model(stage, err);
    if (status == SAL_OK && wants_raw(work->needs)) {
        status = sal_model_tokenize(stage->model, work->document->text, work->document->text_length,
                                    false, false, &passes.raw, err);
        if (status == SAL_OK)
            count_sequence(stage, passes.raw.count);
    }
    if (status == SAL_OK && needs_chat(work)) {
        status =
            head_chat_sequence(stage->model, work->document, &work->summary, &passes, queries, err);
        if (status == SAL_OK)
            count_sequence(stage, passes.chat.count);
    }
    stage->options->work->units += status == SAL_OK;
    head_passes_free(&passes);
    return status;
}

static int run_document(void *context, int64_t key, sal_error *err) {
    heads_stage *stage = context;
    document_work work = {0};
    bool any = false;
    int status = plan(stage, key, &work, &any, err);
    if (status == SAL_OK && stage->options->work != NULL && !any)
        stage->options->work->kept++;
    else if (status == SAL_OK && any)
        status = stage->options->work != NULL ? count_document(stage, &work, err)
                                              : measure_document(stage, &work, err);
    if (status != SAL_OK && status != SAL_ECANCELLED && work.document != NULL)
        status = sal_fail_in(err, status, "document %.200s of corpus %.200s", work.document->id,
                             work.document->corpus);
    work_free(&work);
    return status;
}

/* ---- one corpus --------------------------------------------------------------------------------------------- */

static void tell(heads_stage *stage, const char *corpus) {
    const stage_note notes[] = {
        {stage->without_importance,
         "documents have no up-to-date importance by this summarizer and "
         "protocol (salient importance computes it)"},
        {stage->too_long, "documents are longer than the model's context"},
        {stage->empty, "documents have no words"},
        {stage->without_summary, "documents have no ok summary of the middle length: no evidence "
                                 "from the chat prompt"},
    };
    stage_tell(stage->progress, corpus, notes, sizeof notes / sizeof notes[0]);
    stage->without_importance = stage->too_long = stage->without_summary = stage->empty = 0;
}

static int run_documents(heads_stage *stage, const int64_t *keys, size_t count, sal_error *err) {
    char name[300];
    (void)snprintf(name, sizeof name, "heads %.250s", stage->model_name);
    stage->walk.stage = name;
    return stage_walk_documents(&stage->walk, keys, count, run_document, stage, err);
}

static int run_corpus(heads_stage *stage, const char *corpus, sal_error *err) {
    int64_t *keys = NULL;
    size_t count = 0;
    int status =
        sal_study_document_keys(stage->study, corpus, stage->options->limit, &keys, &count, err);
    head_frequencies_free(&stage->frequencies);
    if (status == SAL_OK)
        status = head_frequencies_make(stage->study, stage->text, stage->options->protocol, corpus,
                                       &stage->frequencies, err);
    if (status == SAL_OK)
        status = run_documents(stage, keys, count, err);
    if (status == SAL_OK)
        tell(stage, corpus);
    for (int e = 0; status == SAL_OK && stage->options->work == NULL && e < SAL_EVIDENCES; e++)
        if (stage->analyses[e] != 0)
            status =
                head_table_make(stage->study, stage->options, stage->analyses[e], corpus, keys,
                                count, stage->layer_count * stage->heads, stage->progress, err);
    if (status == SAL_OK && stage->options->work == NULL && stage->options->retrieval)
        status = head_retrieval_table(stage->study, stage->options, any_analysis(stage), corpus,
                                      keys, count, err);
    if (status == SAL_OK && stage->options->work == NULL)
        status =
            head_retrieval_overlaps(stage->study, stage->by.key, stage->model_digest, corpus, err);
    sal_free(keys);
    return status;
}

static int run_corpora(heads_stage *stage, sal_error *err) {
    char **corpora = NULL;
    size_t count = 0;
    int64_t *keys = NULL;
    size_t documents = 0;
    const char *only = stage->options->corpus;
    int status =
        sal_study_document_keys(stage->study, only, stage->options->limit, &keys, &documents, err);
    sal_free(keys);
    stage->walk = (stage_walk){.progress = stage->progress, .total = (int64_t)documents};
    if (status == SAL_OK)
        status = sal_study_corpora(stage->study, &corpora, &count, err);
    for (size_t c = 0; status == SAL_OK && c < count; c++)
        if (only == NULL || strcmp(only, corpora[c]) == 0)
            status = run_corpus(stage, corpora[c], err);
    sal_strings_free(corpora, count);
    return status;
}

int sal_heads_run(sal_study *study, const sal_heads_options *options, const sal_progress *progress,
                  int64_t analyses[SAL_EVIDENCES], sal_tally *tally, sal_error *err) {
    heads_stage stage = {.study = study, .options = options, .progress = progress, .tally = tally};
    stage_model_name(options->model, stage.model_name);
    if (options->renormalise && options->skip_first < 1)
        return sal_fail(err, SAL_EINVAL,
                        "--renormalise belongs to --skip-first: attention is renormalised without "
                        "the first K tokens");
    int status = sal_text_open(&stage.text, err);
    if (status == SAL_OK)
        status = look_at_model(&stage, err);
    if (status == SAL_OK)
        status = stage_digest_model(study, options->model, stage.model_digest, err);
    if (status == SAL_OK)
        status = stage_describe_system(&options->model_options, stage.system, err);
    if (status == SAL_OK)
        status = choose_summarizer(&stage, err);
    if (status == SAL_OK)
        status = put_analyses(&stage, err);
    if (status == SAL_OK && analyses != NULL)
        memcpy(analyses, stage.analyses, sizeof stage.analyses);
    if (status == SAL_OK)
        status = run_corpora(&stage, err);
    sal_tap_close(stage.tap);
    sal_model_close(stage.model);
    head_frequencies_free(&stage.frequencies);
    sal_stopwords_close(stage.stopwords);
    sal_summarizer_list_free(stage.summarizers);
    sal_text_close(stage.text);
    sal_free(stage.layers);
    return status;
}
