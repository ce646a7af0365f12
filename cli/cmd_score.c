/* salient score: all metrics between two {word: number} files. */
#include "commands.h"
#include "json.h"
#include "salient/metrics.h"
#include "session.h"

struct score_options {
    struct common_options common;
    const char *given;
};

#define AT(field) offsetof(struct score_options, field)
static const struct option_row rows[] = {
    {"given", 0, OPTION_TEXT, AT(given), NULL, 0, 0, "FILE", NULL, "What to work on",
     "{word: number} to hold constant in partial_spearman (default: that one is null)"},
    {0}};

static int print_scores(const double *values, sal_error *err) {
    sal_buffer out = {0};
    struct object_writer object;
    object_begin(&object, &out, err);
    for (int i = 0; i < SAL_METRICS; i++) {
        object_number(&object, sal_metric_name((sal_metric)i), values[i]);
    }
    int status = object_end(&object);
    if (status == 0) {
        status = sal_buffer_add_string(&out, "\n", err);
    }
    if (status == 0) {
        const sal_sink sink = terminal_sink();
        status = sal_sink_write(&sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    return status;
}

static int run(struct session *session, void *config) {
    const struct score_options *options = config;
    double values[SAL_METRICS];
    int status =
        sal_metrics_of_files((sal_protocol)options->common.protocol, session->arguments[0],
                             session->arguments[1], options->given, values, &session->error);
    if (status == 0) {
        status = print_scores(values, &session->error);
    }
    const int ending = session_exit(session, status, NULL);
    /* What is wrong is in the files, not in the command line. */
    return ending == EXIT_USAGE ? EXIT_FAILED : ending;
}

static const char *const arguments[] = {"REF.json", "PRED.json", NULL};
static const char *const examples[] = {
    "salient score reference.json prediction.json",
    "salient score reference.json prediction.json --given position.json --protocol paper", NULL};
static const struct option_row *const options[] = {rows, options_protocol, NULL};

const struct command command_score = {
    "score",
    "Results",
    "every metric between two {word: number} files",
    arguments,
    "Compares a prediction with a reference over the words of the reference and prints one flat "
    "JSON object: rank correlations, "
    "divergences, ranking metrics. Every word of REF must be in PRED (and in --given); other words "
    "are left out. Both are brought to "
    "sum 1 where a distribution is needed (paper: everywhere). An undefined value is null.",
    examples,
    options,
    sizeof(struct score_options),
    run,
    NULL,
    NULL};
