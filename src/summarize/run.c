/* The stage: ask the study which documents lack summaries, make them, store each document's in one transaction. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "stage/walk.h"
#include "summarize/summarizer.h"

static const int default_lengths[] = {10, 20, 30, 40, 50, 60, 70, 80, 90, 100};
static const int no_length[] = {0};

sal_summarize_options sal_summarize_defaults(void) {
    const double preset = (double)NAN; /* of a price: none */
    return (sal_summarize_options){
        .limit = -1,
        .lengths = default_lengths,
        .length_count = sizeof default_lengths / sizeof default_lengths[0],
        .replicas = 1,
        .template_name = "paper-first",
        .length_policy = "ask",
        .temperature = preset,
        .top_p = preset,
        .top_k = preset,
        .repeat_penalty = preset,
        .seed = 1,
        .max_tokens = 500,
        .jobs = 4,
        .attempts = 6,
        .timeout_seconds = 300,
        .backoff_seconds = 1,
        .price_in = preset,
        .price_out = preset,
    };
}

char *sal_summarize_name(const sal_summarize_options *options) {
    if (options->as != NULL)
        return sal_copy_string(options->as);
    if (strncmp(options->with, "api:", 4) == 0) {
        const char *model = options->with + 4;
        const char *address = strstr(model, "@http");
        return sal_copy_bytes(model, address != NULL ? (size_t)(address - model) : strlen(model));
    }
    const char *slash = strrchr(options->with, '/');
    const char *base = slash != NULL ? slash + 1 : options->with;
    size_t length = strlen(base);
    if (length > 5 && strcmp(base + length - 5, ".gguf") == 0)
        length -= 5;
    return sal_copy_bytes(base, length);
}

static int check_options(const sal_summarize_options *options, sal_error *err) {
    bool trim = false;
    int retries = 0;
    if (options->with == NULL || options->with[0] == '\0')
        return sal_fail(err, SAL_EINVAL, "no summarizer is named");
    if (options->length_count == 0)
        return sal_fail(err, SAL_EINVAL, "no length is given");
    for (size_t i = 0; i < options->length_count; i++)
        if (options->lengths[i] <= 0 || (i > 0 && options->lengths[i] <= options->lengths[i - 1]))
            return sal_fail(err, SAL_EINVAL, "lengths must be positive and ascend: %d",
                            options->lengths[i]);
    if (options->replicas < 1)
        return sal_fail(err, SAL_EINVAL, "replicas: %d, and at least 1 is needed",
                        options->replicas);
    if (options->max_tokens < 1)
        return sal_fail(err, SAL_EINVAL, "tokens at most: %d, and at least 1 is needed",
                        options->max_tokens);
    return sal_length_policy_parse(options->length_policy, &trim, &retries, err);
}

int sal_summary_draft_words(const sal_text *text, const sal_summary_draft *draft, int64_t *words,
                            sal_error *err) {
    sal_span clean = {0};
    size_t count = 0;
    int status = sal_text_clean(text, draft->text, draft->text_length, &clean, err);
    if (status == SAL_OK)
        status = sal_text_count_words(text, draft->text + clean.start, clean.end - clean.start,
                                      &count, err);
    *words = (int64_t)count;
    return status;
}

/* What one run works with. */
typedef struct work {
    sal_study *study;
    sal_text *text;
    sal_summarizer *summarizer;
    int64_t key;
    const int *lengths;
    size_t length_count;
    int replicas;
    const sal_progress *progress;
    sal_tally *tally;
    sal_pace *pace;    /* NULL: nobody asks */
    sal_work *counted; /* when work is only counted */
} work;

static int store(const work *w, const sal_document *document, const sal_summary_job *jobs,
                 const sal_summary_draft *drafts, size_t count, const sal_timing *timing,
                 sal_error *err) {
    sal_summary *rows = sal_calloc(count, sizeof *rows);
    if (rows == NULL)
        return sal_fail_memory(err, "summaries");
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        const sal_summary_draft *draft = &drafts[i];
        rows[i] = (sal_summary){
            .document = document->key,
            .summarizer = w->key,
            .length = jobs[i].length,
            .replica = jobs[i].replica,
            .status = draft->status,
            .text = draft->text,
            .text_length = draft->text_length,
            .tokens = draft->tokens,
            .prompt_tokens = draft->prompt_tokens,
            .error = draft->error,
        };
        status = sal_summary_draft_words(w->text, draft, &rows[i].words, err);
    }
    if (status == SAL_OK)
        status = sal_study_put_summaries(w->study, rows, count, timing, err);
    sal_free(rows);
    return status;
}

static void count_statuses(sal_tally *tally, const sal_summary_draft *drafts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tally->failed += drafts[i].status == SAL_STATUS_FAILED;
        tally->refused += drafts[i].status == SAL_STATUS_REFUSED;
        tally->truncated += drafts[i].status == SAL_STATUS_TRUNCATED;
    }
}

/* The first failure of a document is told; the others are in the study. */
static void tell_failure(const work *w, const sal_document *document,
                         const sal_summary_draft *drafts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (drafts[i].status != SAL_STATUS_FAILED)
            continue;
        char line[512];
        snprintf(line, sizeof line, "document %s of %s: %s", document->id, document->corpus,
                 drafts[i].error != NULL ? drafts[i].error : "failed");
        sal_progress_note(w->progress, line);
        return;
    }
}

/* All texts of a document: [lengths x replicas], a replica after the other. NULL when out of memory. */
static sal_summary_job *make_jobs(const work *w, size_t *count) {
    *count = w->length_count * (size_t)w->replicas;
    sal_summary_job *jobs = sal_calloc(*count, sizeof *jobs);
    for (size_t i = 0; jobs != NULL && i < *count; i++)
        jobs[i] = (sal_summary_job){w->lengths[i % w->length_count], (int)(i / w->length_count)};
    return jobs;
}

static void add_pace(sal_pace *pace, const sal_timing *timing) {
    if (pace == NULL)
        return;
    pace->prefill_seconds += timing->prefill_seconds;
    pace->decode_seconds += timing->decode_seconds + timing->other_seconds;
    pace->generated += timing->tokens;
}

static int do_document(void *context, int64_t document_key, sal_error *err) {
    const work *w = context;
    size_t count = 0;
    sal_document *document = NULL;
    sal_timing timing = {0};
    sal_summary_job *jobs = make_jobs(w, &count);
    sal_summary_draft *drafts = sal_calloc(count, sizeof *drafts);
    int status = SAL_OK;
    if (jobs == NULL || drafts == NULL) {
        status = sal_fail_memory(err, "summaries");
        goto done;
    }
    status = sal_study_get_document(w->study, document_key, &document, err);
    if (status != SAL_OK)
        goto done;
    for (size_t i = 0; i < count; i++) {
        drafts[i].tokens = -1;
        drafts[i].prompt_tokens = -1;
    }
    for (size_t i = 0; i < count; i += w->length_count) {
        status = w->summarizer->summarize(w->summarizer, document, jobs + i, w->length_count,
                                          drafts + i, &timing, w->progress, err);
        if (status != SAL_OK) {
            if (status != SAL_ECANCELLED && status != SAL_EUNSUPPORTED)
                sal_fail_in(err, status, "document %s of %s", document->id, document->corpus);
            goto done;
        }
    }
    status = store(w, document, jobs, drafts, count, &timing, err);
    if (status == SAL_OK) {
        count_statuses(w->tally, drafts, count);
        tell_failure(w, document, drafts, count);
        add_pace(w->pace, &timing);
    }
done:
    for (size_t i = 0; drafts != NULL && i < count; i++)
        sal_summary_draft_free(&drafts[i]);
    sal_free(drafts);
    sal_free(jobs);
    sal_document_free(document);
    return status;
}

static int count_document(void *context, int64_t document_key, sal_error *err) {
    const work *w = context;
    sal_work *out = w->counted;
    size_t count = 0;
    sal_document *document = NULL;
    sal_summary_job *jobs = make_jobs(w, &count);
    int status = jobs == NULL ? sal_fail_memory(err, "summaries")
                              : sal_study_get_document(w->study, document_key, &document, err);
    for (size_t i = 0; status == SAL_OK && w->summarizer->count != NULL && i < count;
         i += w->length_count)
        status = w->summarizer->count(w->summarizer, document, jobs + i, w->length_count, out, err);
    if (status == SAL_OK) {
        out->units++;
        out->texts += (int64_t)count;
    }
    sal_document_free(document);
    sal_free(jobs);
    return status;
}

static int do_missing(work *w, const sal_summarize_options *options, sal_error *err) {
    int64_t *missing = NULL;
    size_t missing_count = 0;
    size_t total = 0;
    sal_buffer stage = {0};
    int status = sal_study_missing_summaries(w->study, w->key, options->corpus, options->limit,
                                             w->lengths, w->length_count, w->replicas, &missing,
                                             &missing_count, &total, err);
    if (status == SAL_OK)
        status = sal_buffer_add_format(&stage, err, "summarize %s", w->summarizer->info.name);
    if (status != SAL_OK)
        goto done;
    w->tally->kept += (int64_t)(total - missing_count);
    w->counted = options->work;
    stage_walk walk = {.progress = w->progress,
                       .stage = w->counted != NULL ? "counting tokens" : stage.bytes,
                       .total = (int64_t)missing_count};
    if (w->counted != NULL)
        w->counted->kept += (int64_t)(total - missing_count);
    status = stage_walk_documents(&walk, missing, missing_count,
                                  w->counted != NULL ? count_document : do_document, w, err);
    if (w->counted == NULL)
        w->tally->done += walk.done;
done:
    sal_free(missing);
    sal_buffer_free(&stage);
    return status;
}

int sal_summarize_run(sal_study *study, const sal_summarize_options *options,
                      const sal_progress *progress, sal_tally *tally, sal_error *err) {
    work w = {.study = study, .progress = progress, .tally = tally, .pace = options->pace};
    char *name = NULL;
    int status = check_options(options, err);
    if (status == SAL_OK)
        status = sal_text_open(&w.text, err);
    if (status != SAL_OK)
        goto done;
    const sal_summarizer_setting setting = {
        .options = options, .text = w.text, .study = study, .progress = progress};
    status = sal_summarizer_open(&setting, &w.summarizer, err);
    if (status != SAL_OK)
        goto done;
    name = sal_summarize_name(options);
    if (name == NULL) {
        status = sal_fail_memory(err, "a name");
        goto done;
    }
    w.summarizer->info.name = name;
    w.lengths = w.summarizer->has_lengths ? options->lengths : no_length;
    w.length_count = w.summarizer->has_lengths ? options->length_count : 1;
    w.replicas = w.summarizer->has_lengths ? options->replicas : 1;
    status = sal_study_put_summarizer(study, &w.summarizer->info, &w.key, err);
    if (status == SAL_OK)
        status = w.summarizer->summarize_units != NULL
                     ? sal_summarize_units(study, w.text, w.summarizer, w.key, options, progress,
                                           tally, err)
                     : do_missing(&w, options, err);
done:
    sal_summarizer_close(w.summarizer);
    sal_text_close(w.text);
    sal_free(name);
    return status;
}
