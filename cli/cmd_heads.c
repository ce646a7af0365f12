/* salient heads: which attention heads follow importance. */
#include <string.h>

#include "choices.h"
#include "commands.h"
#include "heads_view.h"

static const char *const values[] = {"mean", "max", "min",
                                     NULL}; /* in the order of sal_head_value */

struct heads_options {
    struct common_options common;
    const char *model;
    const char *evidence;
    const char *layers;
    int value;
    bool drop_zero;
    int64_t skip_first;
    bool renormalise;
    int64_t min_queries;
    bool retrieval;
    int64_t limit;
    int64_t permutations;
    uint64_t seed;
    int64_t top;
};

#define AT(field) offsetof(struct heads_options, field)
#define WHAT "What to measure"
static const struct option_row rows[] = {
    {"model", 0, OPTION_TEXT, AT(model), NULL, 0, 0, "FILE", NULL, WHAT, "GGUF file of the model"},
    {"by", 0, OPTION_TEXT, AT(common.by), NULL, 0, 0, "NAME", NULL, WHAT,
     "importance by this summarizer (default: the only one made with the model)"},
    {"evidence", 0, OPTION_TEXT, AT(evidence), "received,exposure", 0, 0, "LIST", NULL, WHAT,
     "received, exposure, norm (over the raw document), instruction, summary (queries of the chat "
     "prompt)"},
    {"layers", 0, OPTION_TEXT, AT(layers), "all", 0, 0, "LIST", NULL, WHAT,
     "all, representative (first, middle, last) or a list like 0,5,7"},
    {"value", 0, OPTION_CHOICE, AT(value), "mean", 0, 0, "HOW", values, WHAT,
     "value of a word from its tokens: mean, max or min"},
    {"drop-zero", 0, OPTION_FLAG, AT(drop_zero), NULL, 0, 0, NULL, NULL, WHAT,
     "leave out words of importance 0"},
    {"skip-first", 0, OPTION_COUNT, AT(skip_first), "0", 0, 1e6, "K", NULL, WHAT,
     "leave the first K tokens out of word values (attention sinks)"},
    {"renormalise", 0, OPTION_FLAG, AT(renormalise), NULL, 0, 0, NULL, NULL, WHAT,
     "with --skip-first: also bring each token's attention to sum 1 without the first K tokens"},
    {"min-queries", 0, OPTION_COUNT, AT(min_queries), "0", 0, 1e6, "N", NULL, WHAT,
     "leave out tokens that fewer than N tokens follow (words with fewer than 16 are counted)"},
    {"retrieval", 0, OPTION_FLAG, AT(retrieval), NULL, 0, 0, NULL, NULL, WHAT,
     "also find retrieval heads, which look at the token that the summary copies next, and how "
     "many "
     "of the heads that follow importance are among them"},
    {"limit", 0, OPTION_COUNT, AT(limit), NULL, 1, 1e15, "N", NULL, "What to work on",
     "documents of each corpus at most (default: all)"},
    {"permutations", 0, OPTION_COUNT, AT(permutations), "1000", 0, 1e6, "B", NULL, "Tests",
     "draws of the permutation tests; 0: no tests"},
    {"seed", 0, OPTION_SEED, AT(seed), "1", 0, 0, "N", NULL, "Tests",
     "seed of permutations and intervals"},
    {"top", 0, OPTION_COUNT, AT(top), "10", 1, 100000, "N", NULL, "Output", "heads shown"},
    {0}};

/* ---- options --------------------------------------------------------------------------------------------------------------- */

static const char *evidence_name(int evidence) {
    return sal_evidence_name((sal_evidence)evidence);
}

/* "received,norm" into flags. return 0 or SAL_EINVAL */
static int parse_evidence(const char *text, bool flags[SAL_EVIDENCES], struct usage_error *usage) {
    static const struct choices evidences = {"evidence", "", SAL_EVIDENCES, evidence_name};
    return choices_parse(&evidences, text, flags, usage);
}

static int check(const void *config, struct usage_error *usage) {
    const struct heads_options *options = config;
    bool flags[SAL_EVIDENCES] = {false};
    if (options->renormalise && options->skip_first < 1) {
        return usage_fail(usage, "example: --skip-first 4 --renormalise",
                          "--renormalise belongs to --skip-first K");
    }
    return options->model == NULL
               ? usage_fail(usage, "example: salient heads mystudy --model model.gguf",
                            "--model is needed")
               : parse_evidence(options->evidence, flags, usage);
}

static sal_heads_options request_of(const struct heads_options *options) {
    sal_heads_options request = sal_heads_defaults();
    struct usage_error usage;
    memset(request.evidence, 0, sizeof request.evidence);
    (void)parse_evidence(options->evidence, request.evidence, &usage); /* was checked */
    request.model = options->model;
    request.by = options->common.by;
    request.corpus = options->common.corpus;
    request.limit = options->limit > 0 ? options->limit : -1;
    request.protocol = (sal_protocol)options->common.protocol;
    request.layers = options->layers;
    request.value = (sal_head_value)options->value;
    request.drop_zero = options->drop_zero;
    request.skip_first = (int)options->skip_first;
    request.renormalise = options->renormalise;
    request.min_queries = (int)options->min_queries;
    request.retrieval = options->retrieval;
    request.permutations = (int)options->permutations;
    request.seed = options->seed;
    request.model_options = options_model(&options->common);
    return request;
}

/* ---- the work -------------------------------------------------------------------------------------------------------------- */

static int show(struct session *session, sal_study *study, const struct heads_options *options,
                const int64_t analyses[SAL_EVIDENCES]) {
    sal_head_tables *tables = NULL;
    sal_score_list *scores = NULL;
    int status = sal_study_get_head_tables(study, &tables, &session->error);
    if (status == 0) {
        status = sal_study_get_scores(study, &scores, &session->error);
    }
    if (status == 0) {
        const struct heads_view view = {session,      study,          tables,
                                        scores,       analyses,       options->common.corpus,
                                        options->top, terminal_sink()};
        display_clear(&session->display);
        status = options->common.json ? heads_print_json(&view) : heads_print_tables(&view);
    }
    sal_head_tables_free(tables);
    sal_score_list_free(scores);
    return status;
}

static int heads(struct session *session, sal_study *study, const void *config, sal_tally *tally) {
    const struct heads_options *options = config;
    const sal_heads_options request = request_of(options);
    int64_t analyses[SAL_EVIDENCES] = {0};
    struct stage stage;
    stage_start(&stage);
    int status =
        sal_heads_run(study, &request, &session->progress, analyses, tally, &session->error);
    if (status != 0) {
        return status;
    }
    stage_end(session, &stage, sal_protocol_name(request.protocol), "documents", tally);
    return show(session, study, options, analyses);
}

static int run(struct session *session, void *config) {
    const struct heads_options *options = config;
    return session_run_logged(session, config, options->model, heads);
}

static int count(struct session *session, const void *config, sal_study *study, sal_work *work) {
    sal_heads_options request = request_of(config);
    sal_tally tally = {0};
    request.work = work;
    return sal_heads_run(study, &request, &session->progress, NULL, &tally, &session->error);
}

static const char *const arguments[] = {"STUDY", NULL};
static const char *const examples[] = {
    "salient heads mystudy --model deps/models/SmolLM2-135M-Instruct.Q4_1.gguf",
    "salient heads mystudy --model model.gguf --by lead --protocol paper --layers representative",
    "salient heads mystudy --model model.gguf --evidence instruction,summary --limit 50", NULL};
static const struct option_row *const options_of_heads[] = {
    rows, options_corpus, options_protocol, options_json, options_threads, options_gpu, NULL};

const struct command command_heads = {
    "heads",
    "Study",
    "which attention heads follow importance",
    arguments,
    "Runs the model once over every document, lays the attention each head gives on words, and "
    "compares it with importance by every metric of salient score. Only what is missing or out of "
    "date is computed.\n\n"
    "A head is believed only against heads that know nothing: four null heads stand in the same "
    "table, the test holds position and term frequency constant, and its p-value counts all heads "
    "that were looked at. The last lines say which heads survive.\n\n"
    "--retrieval asks of every head how often it looks at the token that is copied next (Wu et al. "
    "2024: a retrieval head does so for more than a tenth of the copied tokens), while the model "
    "reads the summarizer's own summary of the middle length behind the chat prompt, and how "
    "likely "
    "so many of them among the heads named would be by chance (hypergeometric). salient export "
    "--table retrieval has every head, --table retrieval_overlaps the counts.",
    examples,
    options_of_heads,
    sizeof(struct heads_options),
    run,
    check,
    count};
