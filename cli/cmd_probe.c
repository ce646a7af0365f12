/* salient probe: where importance can be read in hidden states. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "choices.h"
#include "commands.h"
#include "control_vector.h"
#include "json.h"
#include "probe_view.h"
#include "salient/probe.h"
#include "salient/states.h"
#include "session.h"

static const char *const kinds[] = {"linear", "mlp", "all-layers", "article",
                                    NULL};               /* in the order of sal_probe_kind */
static const char *const losses[] = {"kl", "mse", NULL}; /* in the order of sal_probe_loss */
static const char *const presets[] = {"none", "small", "full", "comprehensive",
                                      NULL}; /* in the order of sal_probe_preset */

struct probe_options {
    struct common_options common;
    const char *model;
    const char *layers;
    int kind;
    int loss;
    bool attention;
    int preset;
    const char *controls;
    int64_t seeds;
    uint64_t seed;
    int64_t epochs;
    int64_t limit;
    const char *train_on, *test_on;
    const char *other_corpus, *other_by;
    double checkpoint;
    const char *save;
    const char *arrays;
    const char *audit;
    const char *control_vector;
    int64_t layer;
};

#define AT(field) offsetof(struct probe_options, field)
#define WHAT "What to probe"
#define HOW "How"
#define TRANSFER "From one corpus or importance to another"
static const struct option_row rows[] = {
    {"model", 'm', OPTION_TEXT, AT(model), NULL, 0, 0, "FILE", NULL, WHAT,
     "the model, or its name in the study (default: the only one with states); states that a "
     "file's "
     "documents lack are taken first"},
    {"by", 0, OPTION_TEXT, AT(common.by), NULL, 0, 0, "NAME", NULL, WHAT,
     "importance by this summarizer (default: the only one made with the model)"},
    {"layers", 0, OPTION_TEXT, AT(layers), "all", 0, 0, "LIST", NULL, WHAT,
     "states: all, representative (first, middle, last) or a list like 0,5,7"},
    {"limit", 0, OPTION_COUNT, AT(limit), NULL, 1, 1e15, "N", NULL, WHAT,
     "documents of each corpus at most (default: all)"},
    {"probe", 0, OPTION_CHOICE, AT(kind), "linear", 0, 0, "KIND", kinds, HOW,
     "linear (ridge), mlp, all-layers, or article (loss over the words of a document)"},
    {"loss", 0, OPTION_CHOICE, AT(loss), "kl", 0, 0, "LOSS", losses, HOW,
     "of a network: kl (importance as shares) or mse"},
    {"attention", 0, OPTION_FLAG, AT(attention), NULL, 0, 0, NULL, NULL, HOW,
     "article: self-attention over the words"},
    {"preset", 0, OPTION_CHOICE, AT(preset), "none", 0, 0, "NAME", presets, HOW,
     "small (10 documents, 3 layers, 5 epochs), full (25, 9, 10) or comprehensive"},
    {"controls", 0, OPTION_TEXT, AT(controls), "all", 0, 0, "LIST", NULL, HOW,
     "all, none, or some of position, frequency, surface, task, random, mdl, gap"},
    {"seeds", 0, OPTION_COUNT, AT(seeds), "5", 1, 100, "N", NULL, HOW,
     "draws of the control task, trainings of a network"},
    {"seed", 0, OPTION_SEED, AT(seed), "1", 0, 0, "N", NULL, HOW, "seed of everything random"},
    {"epochs", 0, OPTION_COUNT, AT(epochs), NULL, 1, 10000, "N", NULL, HOW,
     "of a network (default: the preset's, else 20)"},
    {"checkpoint", 0, OPTION_NUMBER, AT(checkpoint), "10", 0, 1e9, "SECONDS", NULL, HOW,
     "of a network: so long between notes of where its training stands, from which an interrupted "
     "run goes on; 0: after each epoch"},
    {"train-on", 0, OPTION_TEXT, AT(train_on), NULL, 0, 0, "STUDY", NULL, TRANSFER,
     "learn from that study (it may be the same one) and test on this one"},
    {"test-on", 0, OPTION_TEXT, AT(test_on), NULL, 0, 0, "STUDY", NULL, TRANSFER,
     "learn from this study and test on that one"},
    {"other-corpus", 0, OPTION_TEXT, AT(other_corpus), NULL, 0, 0, "NAME", NULL, TRANSFER,
     "that study's corpus (default: the one of the same name, else the only one)"},
    {"other-by", 0, OPTION_TEXT, AT(other_by), NULL, 0, 0, "NAME", NULL, TRANSFER,
     "importance there (default: by the summarizer of the same name, else the only one made with "
     "the "
     "model)"},
    {"save", 0, OPTION_TEXT, AT(save), NULL, 0, 0, "DIR", NULL, "Output",
     "write what the probes have learnt as safetensors below DIR; names are PyTorch's"},
    {"arrays", 0, OPTION_TEXT, AT(arrays), NULL, 0, 0, "DIR", NULL, "Output",
     "write what the probes saw and predicted as .npy files below DIR (X, y, groups, split, "
     "predictions)"},
    {"control-vector", 0, OPTION_TEXT, AT(control_vector), NULL, 0, 0, "FILE", NULL, "Output",
     "probe nothing: write the direction of --layer as a control vector of llama.cpp"},
    {"layer", 0, OPTION_COUNT, AT(layer), NULL, 0, 10000, "K", NULL, "Output",
     "the state of --control-vector, from 2 to the last but one"},
    {"audit", 0, OPTION_TEXT, AT(audit), NULL, 0, 0, "FILE", NULL, "Output",
     "probe nothing: look for leaks in a file of states of one document (layout of salient "
     "states), "
     "whoever made it"},
    {0}};

static const char *control_name(int control) {
    return sal_probe_control_name((sal_probe_control)control);
}

static const struct choices controls = {"controls", "all, none, ", SAL_CONTROLS, control_name};

/* "all", "none", "position,mdl". return 0 or SAL_EINVAL */
static int parse_controls(const char *text, bool flags[SAL_CONTROLS], struct usage_error *usage) {
    const bool all = strcmp(text, "all") == 0;
    for (int c = 0; c < SAL_CONTROLS; c++) {
        flags[c] = all;
    }
    if (all || strcmp(text, "none") == 0) {
        return 0;
    }
    return choices_parse(&controls, text, flags, usage);
}

static int check_control_vector(const struct probe_options *options, struct usage_error *usage) {
    static const char example[] =
        "example: salient probe mystudy --model model.gguf --control-vector out.gguf --layer 15";
    if (options->control_vector == NULL) {
        return options->layer < 1 ? 0
                                  : usage_fail(usage, example,
                                               "--layer belongs to --control-vector; --layers "
                                               "names those that are probed");
    }
    if (options->model == NULL) {
        return usage_fail(usage, example, "--control-vector: --model is needed, a file");
    }
    if (options->train_on != NULL || options->test_on != NULL ||
        options->kind != SAL_PROBE_LINEAR) {
        return usage_fail(usage, example,
                          "--control-vector is the direction of a linear probe of this study");
    }
    return options->layer > 1 ? 0
                              : usage_fail(usage, example,
                                           "--control-vector: --layer from 2 on is needed (a "
                                           "control vector has no direction.0 for state 1)");
}

static int check(const void *config, struct usage_error *usage) {
    const struct probe_options *options = config;
    bool flags[SAL_CONTROLS];
    const bool transfer = options->train_on != NULL || options->test_on != NULL;
    if (options->train_on != NULL && options->test_on != NULL) {
        return usage_fail(usage, "the study that is named first is the other side",
                          "--train-on and --test-on exclude each other");
    }
    if (!transfer && (options->other_corpus != NULL || options->other_by != NULL)) {
        return usage_fail(usage,
                          "example: salient probe mystudy --corpus news --train-on mystudy "
                          "--other-corpus dialogues",
                          "%s belongs to --train-on or --test-on",
                          options->other_corpus != NULL ? "--other-corpus" : "--other-by");
    }
    if (check_control_vector(options, usage) != 0) {
        return SAL_EINVAL;
    }
    return options->attention && options->kind != SAL_PROBE_ARTICLE
               ? usage_fail(usage, "example: --probe article --attention",
                            "--attention belongs to --probe article")
               : parse_controls(options->controls, flags, usage);
}

static sal_probe_options request_of(const struct probe_options *options) {
    sal_probe_options request = sal_probe_defaults();
    struct usage_error usage;
    (void)parse_controls(options->controls, request.controls, &usage); /* was checked */
    request.model = options->model;
    request.by = options->common.by;
    request.corpus = options->common.corpus;
    request.limit = options->limit > 0 ? options->limit : -1;
    request.protocol = (sal_protocol)options->common.protocol;
    request.layers = options->layers;
    request.kind = (sal_probe_kind)options->kind;
    request.loss = (sal_probe_loss)options->loss;
    request.attention = options->attention;
    request.preset = (sal_probe_preset)options->preset;
    request.seeds = (int)options->seeds;
    request.seed = options->seed;
    request.epochs = options->epochs > 0 ? (int)options->epochs : 0;
    request.threads = (int)options->common.threads;
    request.export_folder = options->arrays;
    request.checkpoint_seconds = options->checkpoint;
    request.save_folder = options->save;
    request.other_name = options->train_on != NULL ? options->train_on : options->test_on;
    request.transfer = options->train_on != NULL  ? SAL_TRANSFER_TRAIN_ON
                       : options->test_on != NULL ? SAL_TRANSFER_TEST_ON
                                                  : SAL_TRANSFER_NONE;
    request.other_corpus = options->other_corpus;
    request.other_by = options->other_by;
    return request;
}

static int show(struct session *session, sal_study *study, const struct probe_options *options,
                const sal_probe_options *request) {
    sal_probe_tables *tables = NULL;
    int status = sal_study_get_probe_tables(study, &tables, &session->error);
    if (status == 0) {
        const struct probe_view view = {session, tables, request, terminal_sink()};
        display_clear(&session->display);
        status = options->common.json ? probe_print_json(&view) : probe_print_tables(&view);
    }
    sal_probe_tables_free(tables);
    return status;
}

/* ---- states ---------------------------------------------------------------------------------------------------------------- */

/* States of the default kind are taken here, or completed; what the user took otherwise is used as it is.
 * return whether trained (or random) states are to be taken */
static bool takes_states(const sal_state_set_list *sets, const sal_states_options *wanted,
                         const char *model, bool random) {
    const sal_state_set *newest = NULL;
    for (size_t i = 0; i < sets->count; i++) {
        const sal_state_set *set = &sets->items[i];
        const char *found = strstr(model, set->model);
        if (found == NULL || set->protocol != wanted->protocol ||
            (strcmp(set->weights, "trained") != 0) != random) {
            continue;
        }
        newest = newest == NULL || set->key > newest->key ? set : newest;
    }
    return newest == NULL ||
           (strcmp(newest->pooling, "mean") == 0 && strcmp(newest->dtype, "F16") == 0 &&
            strstr(newest->layers, "[0,1,2,") == newest->layers);
}

/* Where --model is a file: states that are missing; of random copies only when they are asked for by name. */
static int take_states(struct session *session, sal_study *study,
                       const struct probe_options *options, const sal_probe_options *request) {
    uint64_t seeds[100];
    sal_states_options wanted = sal_states_defaults();
    sal_state_set_list *sets = NULL;
    const bool copies =
        request->controls[SAL_CONTROL_RANDOM] && strcmp(options->controls, "all") != 0;
    if (options->model == NULL || access(options->model, R_OK) != 0) {
        return 0;
    }
    for (size_t s = 0; s < 100; s++) {
        seeds[s] = s + 1;
    }
    wanted.model = options->model;
    wanted.by = request->by;
    wanted.corpus = request->corpus;
    wanted.limit = sal_probe_limit(request);
    wanted.protocol = request->protocol;
    wanted.model_options = options_model(&options->common);
    wanted.random_seeds = seeds;
    int status = sal_study_list_state_sets(study, &sets, &session->error);
    for (int random = 0; status == 0 && random < (copies ? 2 : 1); random++) {
        sal_tally tally = {0};
        struct stage stage;
        if (!takes_states(sets, &wanted, options->model, random != 0)) {
            continue;
        }
        wanted.random_count = random != 0 ? (size_t)request->seeds : 0;
        stage_start(&stage);
        status = sal_states_run(study, &wanted, &session->progress, &tally, &session->error);
        if (status == 0 && tally.done > 0) {
            stage_end(session, &stage, random != 0 ? "random states" : "states", "documents",
                      &tally);
        }
    }
    sal_state_set_list_free(sets);
    return status;
}

/* ---- the work -------------------------------------------------------------------------------------------------------------- */

/* A transfer's other side; the same study is opened but once. */
static int open_other(struct session *session, sal_study *study, sal_probe_options *request) {
    struct stat here, there;
    if (request->transfer == SAL_TRANSFER_NONE) {
        return 0;
    }
    if (stat(session->arguments[0], &here) == 0 && stat(request->other_name, &there) == 0 &&
        here.st_dev == there.st_dev && here.st_ino == there.st_ino) {
        request->other = study;
        return 0;
    }
    return sal_study_open(request->other_name, SAL_STUDY_READ, &request->other, &session->error);
}

static int compute(struct session *session, sal_study *study, const struct probe_options *options,
                   const sal_probe_options *request, sal_tally *tally) {
    struct stage stage;
    int status = take_states(session, study, options, request);
    stage_start(&stage);
    if (status != 0) {
        return status;
    }
    if (options->control_vector != NULL) {
        return control_vector_make(session, study, request, (int)options->layer,
                                   options->control_vector);
    }
    status = sal_probe_run(study, request, &session->progress, tally, &session->error);
    if (status == 0) {
        stage_end(session, &stage, sal_protocol_name(request->protocol), "probes", tally);
    }
    return status;
}

static int probe(struct session *session, sal_study *study, const void *config, sal_tally *tally) {
    const struct probe_options *options = config;
    sal_probe_options request = request_of(options);
    int status = open_other(session, study, &request);
    if (status == 0) {
        status = compute(session, study, options, &request, tally);
    }
    if (request.other != study) {
        status = session_close(session, request.other, status);
    }
    return status == 0 && options->control_vector == NULL ? show(session, study, options, &request)
                                                          : status;
}

/* ---- audit ----------------------------------------------------------------------------------------------------------------- */

static int print_audit(struct session *session, const sal_probe_audit *audit) {
    const sal_sink sink = terminal_sink();
    sal_error *err = &session->error;
    sal_buffer out = {0};
    int status = 0;
    const char *examples = audit->examples.bytes == NULL ? "" : audit->examples.bytes;
    if (session->options->json) {
        struct object_writer object;
        object_begin(&object, &out, err);
        object_text(&object, "corpus", audit->corpus);
        object_text(&object, "document", audit->document);
        object_integer(&object, "words", (int64_t)audit->words);
        object_integer(&object, "outside", (int64_t)audit->outside);
        object_integer(&object, "repeated", (int64_t)audit->repeated);
        object_integer(&object, "kept", (int64_t)audit->outside_kept);
        object_text(&object, "examples", examples);
        status = object_end(&object);
        if (status == 0) {
            status = sal_buffer_add_string(&out, "\n", err);
        }
    } else {
        status = sal_buffer_add_format(
            &out, err,
            "%zu words; %zu are not in the document, %zu have more occurrences than it has; a "
            "summary keeps %zu of these\n",
            audit->words, audit->outside, audit->repeated, audit->outside_kept);
        if (status == 0 && examples[0] != '\0') {
            status = sal_buffer_add_string(&out, "  ", err);
        }
        if (status == 0 && examples[0] != '\0') {
            status = text_add_harmless(&out, examples, strlen(examples), false, err);
        }
        if (status == 0 && examples[0] != '\0') {
            status = sal_buffer_add_string(&out, "\n", err);
        }
    }
    if (status == 0) {
        status = sal_sink_write(&sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    return status;
}

static int run_audit(struct session *session, const struct probe_options *options) {
    sal_study *study = NULL;
    sal_probe_audit audit = {.words = 0};
    int status = sal_study_open(session->arguments[0], SAL_STUDY_READ, &study, &session->error);
    if (status == 0) {
        status = sal_probe_audit_file(study, options->audit, options->common.corpus, &audit,
                                      &session->error);
    }
    if (status == 0) {
        status = print_audit(session, &audit);
    }
    sal_buffer_free(&audit.examples);
    status = session_close(session, study, status);
    return session_exit(session, status, NULL);
}

static int run(struct session *session, void *config) {
    const struct probe_options *options = config;
    return options->audit != NULL ? run_audit(session, options)
                                  : session_run_logged(session, config, NULL, probe);
}

static const char *const arguments[] = {"STUDY", NULL};
static const char *const examples[] = {
    "salient probe mystudy --model model.gguf",
    "salient probe mystudy --model model.gguf --probe mlp --preset small --controls random --limit "
    "100",
    "salient probe mystudy --corpus news --train-on mystudy --other-corpus dialogues", NULL};
static const struct option_row *const options_of_probe[] = {
    rows, options_corpus, options_protocol, options_json, options_threads, options_gpu, NULL};

const struct command command_probe = {
    "probe",
    "Study",
    "where importance can be read in hidden states",
    arguments,
    "Trains a probe for each layer on the states that `salient states` took and shows how well it "
    "orders the words of documents it has never seen, beside controls: what position, frequency "
    "and the word itself give, a task that can only be memorised, models with random weights, and "
    "an online code.\n\n"
    "Near-duplicate documents stay on one side of the split; below 50 documents five folds are "
    "used. The paper's protocol splits pairs of document and word at random; the gap shows what "
    "each of its choices adds.\n\n"
    "--train-on and --test-on show what carries over: a probe learns from one corpus, or from the "
    "importance by one summarizer, and is tested on another. Both sides need states of the same "
    "model; a document that is on both sides, or nearly, is never tested by a probe that has "
    "learnt "
    "from it.\n\n"
    "--control-vector writes what the linear probe of a state reads as direction.(K-1) for "
    "llama.cpp, "
    "in the model's own scale: added once it raises the prediction by 1. It is fitted on three "
    "fifths "
    "of the documents; `salient steer` shows what it does to summaries.",
    examples,
    options_of_probe,
    sizeof(struct probe_options),
    run,
    check,
    NULL};
