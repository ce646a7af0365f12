/* salient model info, convert, randomize: GGUF files. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "salient/model.h"
#include "session.h"
#include "suggest.h"

/* ---- info ------------------------------------------------------------------------------------------------------------------ */

struct info_options {
    struct common_options common;
};

static int print_info_json(struct session *session, const sal_model_info *info,
                           const sal_sampling *preset) {
    const sal_sink sink = terminal_sink();
    sal_buffer out = {0};
    struct object_writer object;
    object_begin(&object, &out, &session->error);
    object_text(&object, "path", info->path);
    object_text(&object, "name", info->name);
    object_text(&object, "architecture", info->architecture);
    object_text(&object, "type", info->type);
    object_text(&object, "size_label", info->size_label[0] == '\0' ? NULL : info->size_label);
    object_integer(&object, "parameters", (int64_t)info->parameters);
    object_integer(&object, "bytes", (int64_t)info->bytes);
    object_integer(&object, "layers", info->layers);
    object_integer(&object, "heads", info->heads);
    object_integer(&object, "heads_kv", info->heads_kv);
    object_integer(&object, "width", info->width);
    object_integer(&object, "vocabulary", info->vocabulary);
    object_integer(&object, "context_trained", info->context_trained);
    object_truth(&object, "chat_template_known", info->chat_template_known);
    object_text(&object, "chat_template",
                info->chat_template[0] == '\0' ? NULL : info->chat_template);
    object_number(&object, "temperature", (double)preset->temperature);
    object_number(&object, "top_p", (double)preset->top_p);
    object_integer(&object, "top_k", preset->top_k);
    object_number(&object, "repeat_penalty", (double)preset->repeat_penalty);
    int status = object_end(&object);
    if (status == 0) {
        status = sal_buffer_add_string(&out, "\n", &session->error);
    }
    if (status == 0) {
        status = sal_sink_write(&sink, out.bytes, out.length, &session->error);
    }
    sal_buffer_free(&out);
    return status;
}

/* "name            value", the value harmless: it comes from the file. */
static int add_line(sal_buffer *out, const char *name, const char *value, sal_error *err) {
    int status = sal_buffer_add_format(out, err, "%-16s ", name);
    if (status == 0) {
        status = text_add_harmless(out, value, strlen(value), false, err);
    }
    return status != 0 ? status : sal_buffer_add_string(out, "\n", err);
}

static const char *template_text(const sal_model_info *info) {
    if (info->chat_template[0] == '\0') {
        return "none in the file: summarize needs --chat-template FILE";
    }
    return info->chat_template_known
               ? "in the file, known to libllama"
               : "in the file, not known to libllama: summarize needs --chat-template FILE";
}

static int print_info_people(struct session *session, const sal_model_info *info,
                             const sal_sampling *preset) {
    const sal_sink sink = terminal_sink();
    sal_buffer out = {0};
    sal_error *err = &session->error;
    int status = add_line(&out, "file", info->path, err);
    status = status != 0 ? status : add_line(&out, "name", info->name, err);
    status = status != 0 ? status : add_line(&out, "type", info->type, err);
    if (status == 0) {
        status = sal_buffer_add_format(
            &out, err,
            "%-16s %.1f million\n%-16s %.1f MiB\n%-16s %d\n%-16s %d (%d of keys and values)\n%-16s "
            "%d\n"
            "%-16s %d tokens\n%-16s %d tokens\n",
            "parameters", (double)info->parameters / 1e6, "size", (double)info->bytes / 1048576,
            "layers", info->layers, "heads", info->heads, info->heads_kv, "width", info->width,
            "vocabulary", info->vocabulary, "trained context", info->context_trained);
    }
    status = status != 0 ? status : add_line(&out, "chat template", template_text(info), err);
    if (status == 0) {
        status = sal_buffer_add_format(
            &out, err, "%-16s temperature %g, top-p %g, top-k %d, repetition penalty %g\n",
            "preset", (double)preset->temperature, (double)preset->top_p, preset->top_k,
            (double)preset->repeat_penalty);
    }
    if (status == 0) {
        status = sal_sink_write(&sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    return status;
}

static int run_info(struct session *session, void *config) {
    const sal_model_options request = {.vocabulary_only = true};
    sal_model *model = NULL;
    (void)config;
    int status = sal_model_open(session->arguments[0], &request, &model, &session->error);
    if (status == 0) {
        const sal_model_info *info = sal_model_describe(model);
        const sal_sampling preset = sal_sampling_preset(info);
        status = session->options->json ? print_info_json(session, info, &preset)
                                        : print_info_people(session, info, &preset);
    }
    sal_model_close(model);
    return session_exit(session, status, NULL);
}

static const char *const info_arguments[] = {"MODEL", NULL};
static const char *const info_examples[] = {
    "salient model info deps/models/SmolLM2-135M-Instruct.Q4_1.gguf",
    "salient model info model.gguf --json", NULL};
static const struct option_row *const info_rows[] = {options_json, NULL};

const struct command command_model_info = {"model info",
                                           "Models",
                                           "what a GGUF file holds",
                                           info_arguments,
                                           "Describes a model: size, shape, chat template, and the "
                                           "sampling that `summarize` uses with it by default.",
                                           info_examples,
                                           info_rows,
                                           sizeof(struct info_options),
                                           run_info,
                                           NULL,
                                           NULL};

/* ---- convert --------------------------------------------------------------------------------------------------------------- */

struct convert_options {
    struct common_options common;
    const char *type;
};

static const struct option_row convert_table[] = {
    {"type", 0, OPTION_TEXT, offsetof(struct convert_options, type), NULL, 0, 0, "TYPE", NULL,
     "What to write", "type of the weights: f32, f16, bf16, q8_0, q4_1, ..."},
    {0}};

static int check_type(struct session *session, const char *type) {
    const char *const *types = sal_model_types();
    struct suggestion suggestion;
    char all[300] = "types:", hint[330];
    size_t used = strlen(all);
    if (type == NULL) {
        return session_usage(session, "example: salient model convert in.gguf out.gguf --type bf16",
                             "--type is needed");
    }
    suggest_start(&suggestion, type);
    for (size_t i = 0; types[i] != NULL; i++) {
        if (strcmp(types[i], type) == 0) {
            return 0;
        }
        suggest_offer(&suggestion, types[i]);
        const int added = snprintf(all + used, sizeof all - used, " %s", types[i]);
        used =
            added < 0 || (size_t)added >= sizeof all - used ? sizeof all - 1 : used + (size_t)added;
    }
    (void)snprintf(hint, sizeof hint, "%s", all);
    if (suggestion.nearest != NULL) {
        return session_usage(session, hint, "there is no type '%s'; did you mean %s?", type,
                             suggestion.nearest);
    }
    return session_usage(session, hint, "there is no type '%s'", type);
}

static int run_convert(struct session *session, void *config) {
    const struct convert_options *options = config;
    struct stage stage;
    const int wrong = check_type(session, options->type);
    if (wrong != 0) {
        return wrong;
    }
    stage_start(&stage);
    const int status =
        sal_model_convert(session->arguments[0], session->arguments[1], options->type,
                          (int)options->common.threads, &session->error);
    if (status == 0) {
        stage_end(session, &stage, session->arguments[1], NULL, NULL);
    }
    return session_exit(session, status, NULL);
}

static const char *const convert_arguments[] = {"IN", "OUT", NULL};
static const char *const convert_examples[] = {
    "salient model convert model.gguf model-bf16.gguf --type bf16",
    "salient model convert model.gguf model-f32.gguf --type f32 --threads 4", NULL};
static const struct option_row *const convert_rows[] = {convert_table, options_threads, NULL};

const struct command command_model_convert = {
    "model convert",
    "Models",
    "a GGUF file with another type of weights",
    convert_arguments,
    "Writes the model IN as OUT with its weights in another type. bf16 is often the fastest on a "
    "processor, f32 the most exact. OUT "
    "appears when it is complete.",
    convert_examples,
    convert_rows,
    sizeof(struct convert_options),
    run_convert,
    NULL,
    NULL};

/* ---- randomize ------------------------------------------------------------------------------------------------------------- */

struct randomize_options {
    struct common_options common;
    uint64_t seed;
    bool keep_embeddings;
};

static const struct option_row randomize_table[] = {
    {"seed", 0, OPTION_SEED, offsetof(struct randomize_options, seed), "1", 0, 0, "N", NULL,
     "What to write", "seed of the weights"},
    {"keep-embeddings", 0, OPTION_FLAG, offsetof(struct randomize_options, keep_embeddings), NULL,
     0, 0, NULL, NULL, "What to write",
     "keep the embeddings of tokens: random blocks over real ones"},
    {0}};

static int run_randomize(struct session *session, void *config) {
    const struct randomize_options *options = config;
    struct stage stage;
    stage_start(&stage);
    const int status =
        sal_model_randomize(session->arguments[0], session->arguments[1], options->seed,
                            options->keep_embeddings, &session->error);
    if (status == 0) {
        stage_end(session, &stage, session->arguments[1], NULL, NULL);
    }
    return session_exit(session, status, NULL);
}

static const char *const randomize_examples[] = {
    "salient model randomize model.gguf random.gguf --seed 7",
    "salient model randomize model.gguf random-blocks.gguf --seed 7 --keep-embeddings", NULL};
static const struct option_row *const randomize_rows[] = {randomize_table, NULL};

const struct command command_model_randomize = {
    "model randomize",
    "Models",
    "the same model with random weights, as a control",
    convert_arguments,
    "Writes a model of the same shape and tokenizer as IN whose weights are drawn as those of a "
    "model that was never trained. What can be "
    "read from its states was not learnt. Every command takes it like any other model; `salient "
    "states --random-weights` makes and uses such copies by itself.",
    randomize_examples,
    randomize_rows,
    sizeof(struct randomize_options),
    run_randomize,
    NULL,
    NULL};
