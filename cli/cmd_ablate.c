/* salient ablate: do the heads that follow importance matter to the summary? */
#include <stddef.h>

#include "ablate_view.h"
#include "commands.h"
#include "regeneration.h"
#include "session.h"

static const char *const evidences[] = {"received",    "exposure", "norm",
                                        "instruction", "summary",  NULL};
static const char *const word_sets[] = {"all", "content", NULL};

struct ablate_options {
    struct common_options common;
    const char *model;
    int64_t top, draws, limit;
    int evidence, words;
    uint64_t seed;
    bool regenerate;
    const char *chat_template;
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
    {"regenerate", 0, OPTION_FLAG, AT(regenerate), NULL, 0, 0, NULL, NULL, "What to measure",
     "also make the summaries again with the heads out: change of importance and of length"},
    {"chat-template", 0, OPTION_TEXT, AT(chat_template), NULL, 0, 0, "FILE", NULL,
     "What to measure", "with --regenerate: the file that salient summarize was given"},
    {0}};

/* ---- the work -------------------------------------------------------------------------------------------------------------- */

static sal_ablate_options request_of(const struct ablate_options *options) {
    sal_ablate_options request = sal_ablate_defaults();
    request.model = options->model;
    request.by = options->common.by;
    request.corpus = options->common.corpus;
    request.evidence = (sal_evidence)options->evidence;
    request.words = options->words == 0 ? SAL_HEAD_ALL : SAL_HEAD_CONTENT;
    request.limit = options->limit > 0 ? options->limit : -1;
    request.top = (int)options->top;
    request.draws = (int)options->draws;
    request.seed = options->seed;
    request.model_options = options_model(&options->common);
    return request;
}

static int ablate(struct session *session, sal_study *study, const void *config, sal_tally *tally) {
    const struct ablate_options *options = config;
    sal_ablate_options request = request_of(options);
    sal_ablate_result *result = NULL;
    struct regeneration regeneration = {.study = study,
                                        .path = options->model,
                                        .chat_template = options->chat_template,
                                        .model_options = &request.model_options,
                                        .progress = &session->progress};
    const sal_ablate_regeneration calls = regeneration_calls(&regeneration);
    struct stage stage;
    stage_start(&stage);
    request.regeneration = options->regenerate ? &calls : NULL;
    int status = sal_ablate_run(study, &request, &session->progress, &result, &session->error);
    if (status == 0) {
        tally->done = result->documents - result->kept;
        tally->kept = result->kept;
        tally->failed = result->without_summary + result->too_long;
        stage_end(session, &stage, result->corpus, "documents", tally);
        status = options->common.json ? ablate_print_json(session, result)
                                      : ablate_print_table(session, result);
    }
    sal_ablate_result_free(result);
    regeneration_free(&regeneration);
    return status;
}

static int check(const void *config, struct usage_error *usage) {
    const struct ablate_options *options = config;
    if (options->chat_template != NULL && !options->regenerate) {
        return usage_fail(usage, "example: salient ablate mystudy --model model.gguf --regenerate",
                          "--chat-template belongs to --regenerate");
    }
    return options->model != NULL
               ? 0
               : usage_fail(usage, "example: salient ablate mystudy --model model.gguf --top 10",
                            "--model is needed");
}

static int run(struct session *session, void *config) {
    const struct ablate_options *options = config;
    return session_run_logged(session, config, options->model, ablate);
}

static const char *const arguments[] = {"STUDY", NULL};
static const char *const examples[] = {
    "salient ablate mystudy --model model.gguf --top 10",
    "salient ablate mystudy --model model.gguf --top 5 --draws 20 --limit 20 --json",
    "salient ablate mystudy --model model.gguf --top 5 --draws 3 --limit 10 --regenerate", NULL};
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
    "text-first prompt, n the middle length.\n\n"
    "With --regenerate the model also makes all its summaries of a document again, as it is and "
    "with "
    "each set of heads out, 1 + 2 (1 + draws) times: how far importance then is from that of the "
    "model as it is, and how long summaries become. A head's mean is that over the tokens of the "
    "prompt and its summary.\n\n"
    "Every document is stored when it is done; salient export --table ablations has the numbers.",
    examples,
    options_of_ablate,
    sizeof(struct ablate_options),
    run,
    check,
    NULL};
