/* salient steer: does raising what a probe calls importance change what summaries keep? */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "output.h"
#include "regeneration.h"
#include "salient/steer.h"
#include "session.h"
#include "table.h"

struct steer_options {
    struct common_options common;
    const char *model, *chat_template;
    int64_t layer, draws, limit;
    double strength;
    uint64_t seed;
};

#define AT(field) offsetof(struct steer_options, field)
#define HOW "How to steer"
#define ON "What to work on"
static const struct option_row rows[] = {
    {"model", 'm', OPTION_TEXT, AT(model), NULL, 0, 0, "FILE", NULL, HOW,
     "GGUF file of the model whose states the study has"},
    {"layer", 0, OPTION_COUNT, AT(layer), NULL, 0, 10000, "K", NULL, HOW,
     "state that a linear probe is fitted on and its direction added to: from 2 to the last but "
     "one"},
    {"strength", 0, OPTION_NUMBER, AT(strength), "1", 1e-9, 1e9, "A", NULL, HOW,
     "add so much that the probe's prediction of importance rises (and falls) by A"},
    {"draws", 0, OPTION_COUNT, AT(draws), "3", 0, 1000, "N", NULL, HOW,
     "random directions of the same length, to compare with"},
    {"seed", 0, OPTION_SEED, AT(seed), "1", 0, 0, "N", NULL, HOW,
     "seed of the draws and intervals"},
    {"chat-template", 0, OPTION_TEXT, AT(chat_template), NULL, 0, 0, "FILE", NULL, HOW,
     "the file that salient summarize was given"},
    {"by", 0, OPTION_TEXT, AT(common.by), NULL, 0, 0, "NAME", NULL, ON,
     "importance and summaries of this summarizer (default: the only one made with the model)"},
    {"limit", 0, OPTION_COUNT, AT(limit), NULL, 1, 1e15, "N", NULL, ON,
     "documents at most, of the fifth that the direction has not learnt from (default: all)"},
    {0}};

/* ---- for people ------------------------------------------------------------------------------------------------------------ */

static const char *const titles[SAL_STEER_MEASURES] = {
    "1 - Spearman with unsteered importance, all words",
    "1 - Spearman with unsteered importance, content words",
    "share of the unsteered summaries' words still kept",
    "share of the document's words kept",
    "mean importance of the document's words",
    "words of a summary"};

static int add_number(struct table *table, const sal_steer_number *number, int decimals,
                      sal_error *err) {
    if (isnan(number->value)) {
        return table_add(table, err, "-");
    }
    return isnan(number->low) ? table_add(table, err, "%.*f", decimals, number->value)
                              : table_add(table, err, "%.*f [%.*f, %.*f]", decimals, number->value,
                                          decimals, number->low, decimals, number->high);
}

static int fill(struct table *table, const sal_steer_result *result, bool random, sal_error *err) {
    int status = table_head(table,
                            random ? "measure|none|up|down|random|up less down|up less random"
                                   : "measure|none|up|down|up less down",
                            err);
    for (int m = 0; status == 0 && m < SAL_STEER_MEASURES; m++) {
        const int decimals = m == SAL_STEER_LENGTH ? 1 : 3;
        status = table_add(table, err, "%s", titles[m]);
        for (int way = 0; status == 0 && way < (random ? SAL_STEER_WAYS : SAL_STEER_RANDOM);
             way++) {
            status = add_number(table, &result->ways[way][m], decimals, err);
        }
        if (status == 0) {
            status = add_number(table, &result->up_less_down[m], decimals, err);
        }
        if (status == 0 && random) {
            status = add_number(table, &result->up_less_random[m], decimals, err);
        }
    }
    return status;
}

static int print_head(const struct steer_options *options, const sal_steer_result *result,
                      const sal_sink *sink, sal_error *err) {
    const sal_probe_direction *direction = result->direction;
    int status = sal_sink_format(sink, err,
                                 "%s: state %d of %s, importance by %s, learnt from %" PRId64
                                 " documents; strength %g, a step of length %.3g; %" PRId64
                                 " documents it has not learnt from\n",
                                 direction->corpus, direction->layer, direction->model,
                                 direction->summarizer, direction->learnt, options->strength,
                                 options->strength * direction->norm, result->documents);
    if (status == 0 && !isnan(direction->spearman)) {
        status = sal_sink_format(sink, err, "  the probe orders their words with Spearman %.2f\n",
                                 direction->spearman);
    }
    return status;
}

static int print_table(struct session *session, const struct steer_options *options,
                       const sal_steer_result *result) {
    sal_error *err = &session->error;
    const sal_sink sink = terminal_sink();
    const bool random = options->draws > 0;
    struct table table = {.alignment = random ? "lrrrrrr" : "lrrrr"};
    int status = print_head(options, result, &sink, err);
    if (status == 0) {
        status = fill(&table, result, random, err);
    }
    if (status == 0) {
        status = table_print(&table, session->terminal.color_output, &sink, err);
    }
    if (status == 0) {
        status = sal_sink_string(
            &sink,
            "  up, down: the probe's prediction raised, lowered by the strength. random: other "
            "directions of that length; what they do, any push does.\n",
            err);
    }
    table_free(&table);
    return status;
}

/* ---- for programs ---------------------------------------------------------------------------------------------------------- */

static int add_row(const struct steer_options *options, const sal_steer_result *result,
                   const char *way, int measure, const sal_steer_number *number, bool first,
                   sal_buffer *out, sal_error *err) {
    const sal_probe_direction *direction = result->direction;
    struct object_writer object;
    int status = sal_buffer_add_string(out, first ? "[\n" : ",\n", err);
    object_begin(&object, out, err);
    object_text(&object, "corpus", direction->corpus);
    object_text(&object, "model", direction->model);
    object_text(&object, "summarizer", direction->summarizer);
    object_integer(&object, "layer", direction->layer);
    object_number(&object, "strength", options->strength);
    object_number(&object, "norm", options->strength * direction->norm);
    object_text(&object, "way", way);
    object_text(&object, "measure", sal_steer_measure_name((sal_steer_measure)measure));
    object_number(&object, "value", number->value);
    object_number(&object, "low", number->low);
    object_number(&object, "high", number->high);
    object_integer(&object, "documents", number->documents);
    object_integer(&object, "undefined", number->undefined);
    return status != 0 ? status : object_end(&object);
}

static int print_json(struct session *session, const struct steer_options *options,
                      const sal_steer_result *result) {
    sal_error *err = &session->error;
    const sal_sink sink = terminal_sink();
    sal_buffer out = {0};
    int status = 0;
    for (int m = 0; status == 0 && m < SAL_STEER_MEASURES; m++) {
        for (int way = 0; status == 0 && way < SAL_STEER_WAYS; way++) {
            status = add_row(options, result, sal_steer_way_name((sal_steer_way)way), m,
                             &result->ways[way][m], m == 0 && way == 0, &out, err);
        }
        if (status == 0) {
            status = add_row(options, result, "up less down", m, &result->up_less_down[m], false,
                             &out, err);
        }
        if (status == 0) {
            status = add_row(options, result, "up less random", m, &result->up_less_random[m],
                             false, &out, err);
        }
    }
    if (status == 0) {
        status = sal_buffer_add_string(&out, "\n]\n", err);
    }
    if (status == 0) {
        status = sal_sink_write(&sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    return status;
}

/* ---- the work -------------------------------------------------------------------------------------------------------------- */

/* Summaries made again with nothing taken out: what differs is the steered model. */
static int make(void *context, sal_model *model, const char *summarizer,
                const sal_document *document, sal_importance_list **importance, double *words,
                sal_error *err) {
    const sal_ablate_regeneration calls = regeneration_calls(context);
    sal_ablate_texts texts = {.words = NAN};
    const int status =
        calls.make(calls.context, model, summarizer, document, NULL, 0, NULL, 0, &texts, err);
    *importance = texts.importance;
    *words = texts.words;
    return status;
}

static void let_go(void *context) {
    const sal_ablate_regeneration calls = regeneration_calls(context);
    calls.close(calls.context);
}

static int steer(struct session *session, sal_study *study, const void *config, sal_tally *tally) {
    const struct steer_options *options = config;
    sal_steer_options request = sal_steer_defaults();
    sal_steer_result *result = NULL;
    struct regeneration regeneration = {.study = study,
                                        .path = options->model,
                                        .chat_template = options->chat_template,
                                        .model_options = &request.model_options,
                                        .progress = &session->progress};
    const sal_steer_maker maker = {make, let_go, &regeneration};
    struct stage stage;
    stage_start(&stage);
    request.model = options->model;
    request.by = options->common.by;
    request.corpus = options->common.corpus;
    request.layer = (int)options->layer;
    request.strength = options->strength;
    request.draws = (int)options->draws;
    request.limit = options->limit > 0 ? options->limit : -1;
    request.seed = options->seed;
    request.maker = &maker;
    request.model_options = options_model(&options->common);
    int status = sal_steer_run(study, &request, &session->progress, &result, &session->error);
    if (status == 0) {
        tally->done = result->documents - result->kept;
        tally->kept = result->kept;
        tally->failed = result->without_summary;
        stage_end(session, &stage, result->direction->corpus, "documents", tally);
        status = options->common.json ? print_json(session, options, result)
                                      : print_table(session, options, result);
    }
    sal_steer_result_free(result);
    regeneration_free(&regeneration);
    return status;
}

static int check(const void *config, struct usage_error *usage) {
    const struct steer_options *options = config;
    static const char example[] = "example: salient steer mystudy --model model.gguf --layer 15";
    if (options->model == NULL) {
        return usage_fail(usage, example, "--model is needed");
    }
    return options->layer > 1
               ? 0
               : usage_fail(usage, example,
                            "--layer: a state from 2 on is needed (a control vector has no "
                            "direction.0 for state 1)");
}

static int run(struct session *session, void *config) {
    const struct steer_options *options = config;
    return session_run_logged(session, config, options->model, steer);
}

static const char *const arguments[] = {"STUDY", NULL};
static const char *const examples[] = {
    "salient steer mystudy --model model.gguf --layer 15",
    "salient steer mystudy --model model.gguf --layer 15 --strength 4 --draws 5 --json", NULL};
static const struct option_row *const options_of_steer[] = {
    rows, options_corpus, options_json, options_threads, options_gpu, NULL};

const struct command command_steer = {
    "steer",
    "Study",
    "whether raising importance changes what summaries keep",
    arguments,
    "Fits a linear probe of importance on one state with three fifths of the documents, and adds "
    "its "
    "direction to that state of every token while the model makes the summaries of documents that "
    "the probe has not learnt from: unsteered, up, down, and along random directions of the same "
    "length. Shows how far importance moves, how many words stay, and how long summaries become. "
    "Needs the states of the model (salient states) and its summaries.\n\n"
    "Strength 1 raises what the probe predicts by 1, as if every word were in all summaries. "
    "`salient "
    "probe --control-vector` writes the same direction for llama.cpp. Numbers of finished "
    "documents "
    "are kept, so an interrupted run goes on; results are shown and stand in the run log alone.",
    examples,
    options_of_steer,
    sizeof(struct steer_options),
    run,
    check,
    NULL};
