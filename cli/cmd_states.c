/* salient states: hidden states of the words of all documents. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "salient/file.h"
#include "salient/states.h"
#include "session.h"

enum { SEEDS_AT_MOST = 100, TEMPLATE_MAXIMUM = 1 << 20 };

static const char *const poolings[] = {"mean", "first", "last", "max",
                                       NULL}; /* in the order of sal_pooling */
static const char *const dtypes[] = {"f16", "f32", NULL};

struct states_options {
    struct common_options common;
    const char *model;
    const char *layers;
    int pooling;
    int dtype;
    const char *random_weights;
    bool keep_embeddings;
    const char *chat_template;
    int64_t limit;
};

#define AT(field) offsetof(struct states_options, field)
#define WHAT "What to take"
static const struct option_row rows[] = {
    {"model", 'm', OPTION_TEXT, AT(model), NULL, 0, 0, "FILE", NULL, WHAT,
     "GGUF file of the model"},
    {"by", 0, OPTION_TEXT, AT(common.by), NULL, 0, 0, "NAME", NULL, WHAT,
     "paper protocol: the summarizer whose first summary stands behind the document (default: the "
     "only one made with the model)"},
    {"layers", 0, OPTION_TEXT, AT(layers), "all", 0, 0, "LIST", NULL, WHAT,
     "states: all, representative (first, middle, last) or a list like 0,5,7; 0 is the embedding"},
    {"pooling", 0, OPTION_CHOICE, AT(pooling), "mean", 0, 0, "HOW", poolings, WHAT,
     "state of a word from its occurrences: mean, first, last or max"},
    {"dtype", 0, OPTION_CHOICE, AT(dtype), "f16", 0, 0, "TYPE", dtypes, WHAT,
     "numbers in the files: f16 or f32"},
    {"random-weights", 0, OPTION_TEXT, AT(random_weights), NULL, 0, 0, "SEEDS", NULL, WHAT,
     "in place of the model, so many copies of it with random weights (seeds 1 to N), or a list of "
     "seeds like 3,7"},
    {"keep-embeddings", 0, OPTION_FLAG, AT(keep_embeddings), NULL, 0, 0, NULL, NULL, WHAT,
     "the random copies keep the model's embeddings"},
    {"chat-template", 0, OPTION_TEXT, AT(chat_template), NULL, 0, 0, "FILE", NULL, WHAT,
     "plain text with {system} {user} {assistant} in place of the model's chat template"},
    {"limit", 0, OPTION_COUNT, AT(limit), NULL, 1, 1e15, "N", NULL, "What to work on",
     "documents of each corpus at most (default: all)"},
    {0}};

/* ---- options --------------------------------------------------------------------------------------------------------------- */

/* "5" is 1,2,3,4,5; "3,7" is itself. return 0 or SAL_EINVAL */
static int parse_seeds(const char *text, uint64_t *seeds, size_t *count,
                       struct usage_error *usage) {
    const bool list = strchr(text, ',') != NULL;
    const char *at = text;
    for (;;) {
        char number[24];
        uint64_t value = 0;
        const size_t length = strcspn(at, ",");
        (void)snprintf(number, sizeof number, "%.*s", (int)(length < 23 ? length : 23), at);
        if (length > 22 || parse_unsigned(number, &value) != 0 || value == 0 || value > INT64_MAX ||
            *count == SEEDS_AT_MOST || (!list && value > SEEDS_AT_MOST)) {
            return usage_fail(usage, "example: --random-weights 5 or --random-weights 3,7",
                              "--random-weights: '%.100s' is no number of copies (1 to %d) and "
                              "no list of seeds",
                              text, SEEDS_AT_MOST);
        }
        seeds[(*count)++] = value;
        if (at[length] == '\0') {
            break;
        }
        at += length + 1;
    }
    for (uint64_t n = seeds[0]; !list && *count < n;) {
        seeds[*count] = *count + 1;
        (*count)++;
    }
    if (!list) {
        seeds[0] = 1;
    }
    return 0;
}

static int check(const void *config, struct usage_error *usage) {
    const struct states_options *options = config;
    uint64_t seeds[SEEDS_AT_MOST];
    size_t count = 0;
    if (options->model == NULL) {
        return usage_fail(usage, "example: salient states mystudy --model model.gguf",
                          "--model is needed");
    }
    if (options->keep_embeddings && options->random_weights == NULL) {
        return usage_fail(usage, "example: --random-weights 5 --keep-embeddings",
                          "--keep-embeddings belongs to --random-weights");
    }
    return options->random_weights == NULL
               ? 0
               : parse_seeds(options->random_weights, seeds, &count, usage);
}

/* ---- the work -------------------------------------------------------------------------------------------------------------- */

/* What the options ask for; chat_template holds its text. */
static int request_of(struct session *session, const struct states_options *options,
                      uint64_t seeds[SEEDS_AT_MOST], sal_buffer *chat_template,
                      sal_states_options *request) {
    int status = 0;
    *request = sal_states_defaults();
    request->model = options->model;
    request->by = options->common.by;
    request->corpus = options->common.corpus;
    request->limit = options->limit > 0 ? options->limit : -1;
    request->protocol = (sal_protocol)options->common.protocol;
    request->layers = options->layers;
    request->pooling = (sal_pooling)options->pooling;
    request->dtype = options->dtype == 0 ? SAL_F16 : SAL_F32;
    request->keep_embeddings = options->keep_embeddings;
    request->random_seeds = seeds;
    request->model_options = options_model(&options->common);
    if (options->random_weights != NULL) {
        struct usage_error usage; /* was checked */
        status = parse_seeds(options->random_weights, seeds, &request->random_count, &usage);
    }
    if (status == 0 && options->chat_template != NULL) {
        status = sal_file_read_all(options->chat_template, TEMPLATE_MAXIMUM, chat_template,
                                   &session->error);
        request->chat_template = chat_template->bytes;
    }
    return status;
}

static int states(struct session *session, sal_study *study, const void *config, sal_tally *tally) {
    uint64_t seeds[SEEDS_AT_MOST];
    sal_states_options request;
    sal_buffer chat_template = {0};
    struct stage stage;
    stage_start(&stage);
    int status = request_of(session, config, seeds, &chat_template, &request);
    if (status == 0) {
        status = sal_states_run(study, &request, &session->progress, tally, &session->error);
    }
    if (status == 0) {
        stage_end(session, &stage, sal_protocol_name(request.protocol), "documents", tally);
    }
    sal_buffer_free(&chat_template);
    return status;
}

static int run(struct session *session, void *config) {
    const struct states_options *options = config;
    return session_run_logged(session, config, options->model, states);
}

static int count(struct session *session, const void *config, sal_study *study, sal_work *work) {
    uint64_t seeds[SEEDS_AT_MOST];
    sal_states_options request;
    sal_buffer chat_template = {0};
    sal_tally tally = {0};
    int status = request_of(session, config, seeds, &chat_template, &request);
    request.work = work;
    if (status == 0) {
        status = sal_states_run(study, &request, &session->progress, &tally, &session->error);
    }
    sal_buffer_free(&chat_template);
    return status;
}

static const char *const arguments[] = {"STUDY", NULL};
static const char *const examples[] = {
    "salient states mystudy --model deps/models/SmolLM2-135M-Instruct.Q4_1.gguf",
    "salient states mystudy --model model.gguf --random-weights 5",
    "salient states mystudy --model model.gguf --protocol paper --layers representative", NULL};
static const struct option_row *const options_of_states[] = {
    rows, options_corpus, options_protocol, options_threads, options_gpu, NULL};

const struct command command_states = {
    "states",
    "Study",
    "hidden states of all words, for probes",
    arguments,
    "Runs the model once over every document inside the chat prompt of the paper's probes and "
    "keeps "
    "the states of its words in safetensors files below STUDY/states. Only what is missing or out "
    "of date is computed.\n\n"
    "The strict protocol gives the model no summary and takes states from the document's own text "
    "alone. The paper's puts the first summary behind the prompt and searches words over the whole "
    "sequence, so its states contain what is to be predicted. --random-weights makes the states of "
    "models that never learnt anything.",
    examples,
    options_of_states,
    sizeof(struct states_options),
    run,
    check,
    count};
