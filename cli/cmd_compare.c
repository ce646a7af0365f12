/* salient compare: how summarizers agree and differ. */
#include <math.h>
#include <string.h>

#include "commands.h"
#include "compare_view.h"
#include "salient/heads.h"
#include "salient/importance.h"
#include "salient/probe.h"

struct compare_options {
    struct common_options common;
    struct text_list families;
    struct text_list sizes;
    uint64_t seed;
    bool protocols;
};

#define AT(field) offsetof(struct compare_options, field)
static const struct option_row rows[] = {
    {"family", 0, OPTION_LIST, AT(families), NULL, 0, 0, "NAME=FAMILY", NULL, "Models",
     "family of a summarizer, where the model file did not tell; may be repeated"},
    {"size", 0, OPTION_LIST, AT(sizes), NULL, 0, 0, "NAME=N", NULL, "Models",
     "number of weights of a summarizer, as 1.2e9, 135M or 8B; may be repeated"},
    {"protocols", 0, OPTION_FLAG, AT(protocols), NULL, 0, 0, NULL, NULL, "Output",
     "also lay the paper's protocol beside strict, for importance, heads and probes: what each of "
     "its choices changes, one at a time; and agreement over the words that either summarizer "
     "keeps"},
    {"seed", 0, OPTION_SEED, AT(seed), "1", 0, 18446744073709551615.0, "N", NULL, "Resampling",
     "seed of the bootstrap, of relabellings and of random selection"},
    {0}};

/* ---- NAME=VALUE ------------------------------------------------------------------------------------------------------------ */

/* "135M" -> 135e6. */
static int parse_size(const char *text, double *size) {
    static const struct {
        char letter;
        double factor;
    } units[] = {{'K', 1e3}, {'M', 1e6}, {'B', 1e9}, {'T', 1e12}};
    char digits[40];
    size_t length = strlen(text);
    double factor = 1;
    if (length == 0 || length >= sizeof digits) {
        return SAL_EINVAL;
    }
    memcpy(digits, text, length + 1);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (digits[length - 1] == units[i].letter) {
            factor = units[i].factor;
            digits[length - 1] = '\0';
            break;
        }
    }
    const int status = parse_number(digits, size);
    *size *= factor;
    return status == 0 && *size > 0 && isfinite(*size) ? 0 : SAL_EINVAL;
}

/* Split at the last '='; the name is a copy that the caller frees. */
static int split(const char *item, char **name, const char **value, const char *option,
                 sal_error *err) {
    const char *equals = strrchr(item, '=');
    if (equals == NULL || equals == item || equals[1] == '\0') {
        return sal_fail(err, SAL_EINVAL, "--%s: '%.200s' is not NAME=VALUE", option, item);
    }
    *name = sal_copy_bytes(item, (size_t)(equals - item));
    *value = equals + 1;
    return *name == NULL ? sal_fail_memory(err, "a name") : 0;
}

static int read_labels(const struct compare_options *options, sal_compare_label *labels,
                       char **names, size_t *count, sal_error *err) {
    const double unknown = (double)NAN;
    const char *value = "";
    int status = 0;
    for (size_t i = 0; status == 0 && i < options->families.count; i++) {
        status = split(options->families.items[i], &names[*count], &value, "family", err);
        if (status == 0) {
            labels[*count] = (sal_compare_label){names[*count], value, unknown};
            ++*count;
        }
    }
    for (size_t i = 0; status == 0 && i < options->sizes.count; i++) {
        double size = unknown;
        status = split(options->sizes.items[i], &names[*count], &value, "size", err);
        if (status == 0) {
            labels[*count] = (sal_compare_label){names[*count], NULL, unknown};
            if (parse_size(value, &size) != 0) {
                status =
                    sal_fail(err, SAL_EINVAL,
                             "--size: '%.80s' is not a number of weights (1.2e9, 135M, 8B)", value);
            }
            labels[*count].parameters = size;
            ++*count;
        }
    }
    return status;
}

/* ---- compute, show --------------------------------------------------------------------------------------------------------- */

/* Each stage knows what its choices are; heads and probes have rows where the study has them by both protocols. */
static int lay_beside(struct session *session, sal_study *study,
                      const struct compare_options *options) {
    const char *corpus = options->common.corpus;
    sal_error *err = &session->error;
    int status = sal_importance_protocols(study, corpus, &session->progress, err);
    if (status == 0) {
        status = sal_heads_protocols(study, corpus, (int)options->common.threads,
                                     &session->progress, err);
    }
    return status == 0 ? sal_probe_protocols(study, corpus, err) : status;
}

static int compute(struct session *session, sal_study *study, const struct compare_options *options,
                   const sal_compare_label *labels, size_t label_count, sal_tally *tally) {
    const sal_compare_options request = {options->common.corpus, labels, label_count, options->seed,
                                         (int)options->common.threads};
    struct stage stage;
    int64_t key = 0;
    stage_start(&stage);
    int status = session_begin_run(session, study, options, NULL, &key);
    if (status == 0) {
        status = sal_compare_run(study, &request, &session->progress, tally, &session->error);
        if (status == 0 && options->protocols) {
            status = lay_beside(session, study, options);
        }
        if (status == 0) {
            stage_end(session, &stage, "compare", "documents", tally);
        }
        status = session_end_run(session, study, key, tally, status);
    }
    return status;
}

static int show(struct session *session, sal_study *study, const struct compare_options *options) {
    sal_agreement_list *list = NULL;
    sal_protocol_list *beside = NULL;
    int status = sal_study_get_agreement(study, options->common.corpus, &list, &session->error);
    if (status == 0 && options->protocols) {
        status = sal_study_get_protocols(study, options->common.corpus, &beside, &session->error);
    }
    if (status == 0) {
        const struct compare_view view = {session, list, options->protocols, beside,
                                          terminal_sink()};
        display_clear(&session->display);
        status = options->common.json ? compare_print_json(&view) : compare_print_tables(&view);
    }
    sal_agreement_list_free(list);
    sal_protocol_list_free(beside);
    return status;
}

static int run(struct session *session, void *config) {
    const struct compare_options *options = config;
    const size_t capacity = options->families.count + options->sizes.count;
    sal_study *study = NULL;
    sal_tally tally = {0};
    size_t count = 0;
    sal_compare_label *labels = sal_calloc(capacity, sizeof *labels);
    char **names = sal_calloc(capacity, sizeof *names);
    int status = labels == NULL || names == NULL
                     ? sal_fail_memory(&session->error, "labels")
                     : read_labels(options, labels, names, &count, &session->error);
    if (status == 0) {
        status = sal_study_open(session->arguments[0], SAL_STUDY_WRITE, &study, &session->error);
    }
    if (status == 0) {
        status = compute(session, study, options, labels, count, &tally);
    }
    if (status == 0) {
        status = show(session, study, options);
    }
    status = session_close(session, study, status);
    sal_free(labels);
    sal_strings_free(names, capacity);
    return session_exit(session, status, &tally);
}

static const char *const arguments[] = {"STUDY", NULL};
static const char *const examples[] = {
    "salient compare mystudy", "salient compare mystudy --protocols --json >beside.json",
    "salient compare mystudy --size deepseek-chat=671B --family deepseek-chat=deepseek", NULL};
static const struct option_row *const options[] = {rows, options_corpus, options_threads,
                                                   options_json, NULL};

const struct command command_compare = {
    "compare",
    "Results",
    "how summarizers agree and differ",
    arguments,
    "Compares all summarizers of a corpus by the importance they give to the words of each "
    "document: Spearman and Jensen-Shannon with "
    "intervals, Krippendorff's alpha of models, of baselines and of all, agreement with oneself "
    "under other seeds beside that of random "
    "selection, clusters with bootstrap support, whether models differ by family or by size, and "
    "which words each keeps. Needs the "
    "importance that `salient importance` computes.",
    examples,
    options,
    sizeof(struct compare_options),
    run,
    NULL,
    NULL};
