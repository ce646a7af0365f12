/* salient ablate: do the heads that follow importance matter to the summary? */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "salient/ablate.h"
#include "session.h"
#include "table.h"

static const char *const evidences[] = {"received",    "exposure", "norm",
                                        "instruction", "summary",  NULL};
static const char *const word_sets[] = {"all", "content", NULL};
static const char *const edits[] = {"zero", "mean"};

struct ablate_options {
    struct common_options common;
    const char *model;
    int64_t top, draws, limit;
    int evidence, words;
    uint64_t seed;
};

#define AT(field) offsetof(struct ablate_options, field)
static const struct option_row rows[] = {
    {"model", 0, OPTION_TEXT, AT(model), NULL, 0, 0, "FILE", NULL, "What to take out",
     "GGUF file of the model, as given to salient heads"},
    {"by", 0, OPTION_TEXT, AT(common.by), NULL, 0, 0, "NAME", NULL, "What to work on",
     "importance and summaries of this summarizer (default: the only one whose heads are there)"},
    {"top", 0, OPTION_COUNT, AT(top), "10", 1, 10000, "K", NULL, "What to take out",
     "heads: the best on one half of the documents"},
    {"draws", 0, OPTION_COUNT, AT(draws), "5", 1, 1000, "N", NULL, "What to take out",
     "draws of K other heads of the same layers, to compare with"},
    {"evidence", 0, OPTION_CHOICE, AT(evidence), "received", 0, 0, "NAME", evidences,
     "What to take out", "evidence by which heads were measured"},
    {"words", 0, OPTION_CHOICE, AT(words), "content", 0, 0, "SET", word_sets, "What to take out",
     "words over which they were measured: all or content"},
    {"limit", 0, OPTION_COUNT, AT(limit), NULL, 1, 1e15, "N", NULL, "What to work on",
     "documents of the other half at most (default: all)"},
    {"seed", 0, OPTION_SEED, AT(seed), "1", 0, 0, "N", NULL, "What to take out",
     "seed of the draws and intervals"},
    {0}};

/* ---- for people ------------------------------------------------------------------------------------------------------------ */

static int add_effect(struct table *table, const sal_ablate_effect *effect, sal_error *err) {
    if (isnan(effect->value)) {
        return table_add(table, err, "-");
    }
    return isnan(effect->low) ? table_add(table, err, "%.4f (n too small)", effect->value)
                              : table_add(table, err, "%.4f [%.4f, %.4f]", effect->value,
                                          effect->low, effect->high);
}

static int print_heads(const sal_ablate_result *result, const sal_sink *sink, sal_error *err) {
    int status = sal_sink_string(sink, "heads taken out:", err);
    for (size_t i = 0; status == 0 && i < result->top_count; i++) {
        status =
            sal_sink_format(sink, err, " L%d.H%d", result->heads[i].layer, result->heads[i].head);
    }
    return status == 0 ? sal_sink_string(sink, "\n", err) : status;
}

static int print_table(struct session *session, const sal_ablate_result *result) {
    sal_error *err = &session->error;
    const sal_sink sink = terminal_sink();
    struct table table = {.alignment = "lrrr"};
    int status = sal_sink_format(&sink, err,
                                 "change of the summary's log-likelihood per token (%.4f as the "
                                 "model is), %" PRId64 " documents that did not choose the heads\n",
                                 result->log_likelihood, result->documents);
    if (status == 0) {
        status = print_heads(result, &sink, err);
    }
    if (status == 0) {
        status = table_head(&table,
                            "outputs|these heads|random heads of the same layers|difference", err);
    }
    for (int e = 0; status == 0 && e < 2; e++) {
        status = table_add(&table, err, "%s", e == 0 ? "set to zero" : "set to their mean");
        if (status == 0) {
            status = add_effect(&table, &result->top[e], err);
        }
        if (status == 0) {
            status = add_effect(&table, &result->random[e], err);
        }
        if (status == 0) {
            status = add_effect(&table, &result->difference[e], err);
        }
    }
    if (status == 0) {
        status = table_print(&table, session->terminal.color_output, &sink, err);
    }
    table_free(&table);
    return status;
}

/* ---- for programs ---------------------------------------------------------------------------------------------------------- */

static void add_numbers(struct object_writer *object, const char *edit, const char *name,
                        const sal_ablate_effect *effect) {
    const struct {
        const char *suffix;
        double value;
    } fields[] = {{"", effect->value}, {"_low", effect->low}, {"_high", effect->high}};
    for (size_t i = 0; i < 3; i++) {
        char key[60];
        (void)snprintf(key, sizeof key, "%s_%s%s", edit, name, fields[i].suffix);
        object_number(object, key, fields[i].value);
    }
}

static int print_json(struct session *session, const sal_ablate_result *result) {
    sal_error *err = &session->error;
    const sal_sink sink = terminal_sink();
    sal_buffer out = {0}, heads = {0};
    struct object_writer object;
    int status = sal_buffer_add_string(&heads, "", err);
    for (size_t i = 0; status == 0 && i < result->top_count; i++) {
        status = sal_buffer_add_format(&heads, err, "%sL%d.H%d", i == 0 ? "" : " ",
                                       result->heads[i].layer, result->heads[i].head);
    }
    object_begin(&object, &out, err);
    object_text(&object, "corpus", result->corpus);
    object_text(&object, "summarizer", result->summarizer);
    object_text(&object, "heads", heads.bytes);
    object_integer(&object, "documents", result->documents);
    object_integer(&object, "without_summary", result->without_summary);
    object_integer(&object, "too_long", result->too_long);
    object_number(&object, "log_likelihood", result->log_likelihood);
    for (int e = 0; e < 2; e++) {
        add_numbers(&object, edits[e], "top", &result->top[e]);
        add_numbers(&object, edits[e], "random", &result->random[e]);
        add_numbers(&object, edits[e], "difference", &result->difference[e]);
    }
    status = status != 0 ? status : object_end(&object);
    if (status == 0) {
        status = sal_buffer_add_string(&out, "\n", err);
    }
    if (status == 0) {
        status = sal_sink_write(&sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    sal_buffer_free(&heads);
    return status;
}

/* ---- the work -------------------------------------------------------------------------------------------------------------- */

static int ablate(struct session *session, sal_study *study, const struct ablate_options *options,
                  sal_tally *tally) {
    sal_ablate_options request = sal_ablate_defaults();
    sal_ablate_result *result = NULL;
    struct stage stage;
    stage_start(&stage);
    request.model = options->model;
    request.by = options->common.by;
    request.corpus = options->common.corpus;
    request.evidence = (sal_evidence)options->evidence;
    request.words = options->words == 0 ? SAL_HEAD_ALL : SAL_HEAD_CONTENT;
    request.limit = options->limit > 0 ? options->limit : -1;
    request.top = (int)options->top;
    request.draws = (int)options->draws;
    request.seed = options->seed;
    request.model_options.threads = (int)options->common.threads;
    request.model_options.gpu_layers = (int)options->common.gpu_layers;
    request.model_options.compute = (sal_compute)options->common.compute;
    int status = sal_ablate_run(study, &request, &session->progress, &result, &session->error);
    if (status == 0) {
        tally->done = result->documents;
        tally->failed = result->without_summary + result->too_long;
        stage_end(session, &stage, result->corpus, "documents", tally);
        status = options->common.json ? print_json(session, result) : print_table(session, result);
    }
    sal_ablate_result_free(result);
    return status;
}

static int check(const void *config, struct usage_error *usage) {
    const struct ablate_options *options = config;
    return options->model != NULL
               ? 0
               : usage_fail(usage, "example: salient ablate mystudy --model model.gguf --top 10",
                            "--model is needed");
}

static int run(struct session *session, void *config) {
    const struct ablate_options *options = config;
    sal_study *study = NULL;
    sal_tally tally = {0};
    int64_t key = 0;
    int status = sal_study_open(session->arguments[0], SAL_STUDY_WRITE, &study, &session->error);
    if (status == 0) {
        status = session_begin_run(session, study, config, NULL, &key);
    }
    if (status == 0) {
        status = ablate(session, study, options, &tally);
        status = session_end_run(session, study, key, &tally, status);
    }
    status = session_close(session, study, status);
    return session_exit(session, status, &tally);
}

static const char *const arguments[] = {"STUDY", NULL};
static const char *const examples[] = {
    "salient ablate mystudy --model model.gguf --top 10",
    "salient ablate mystudy --model model.gguf --top 5 --draws 20 --limit 20 --json", NULL};
static const struct option_row *const options_of_ablate[] = {
    rows, options_corpus, options_json, options_threads, options_gpu, NULL};

const struct command command_ablate = {
    "ablate",
    "Study",
    "whether the heads that follow importance matter",
    arguments,
    "Takes the best heads of salient heads out of the model and measures how the likelihood of the "
    "summarizer's own summaries changes, beside random heads of the same layers. Heads are chosen "
    "on one half of the documents and taken out on the other. Summaries are read behind the "
    "text-first prompt, n the middle length. Nothing is stored but the run log.",
    examples,
    options_of_ablate,
    sizeof(struct ablate_options),
    run,
    check,
    NULL};
