/* salient tap: what one forward pass over one text shows, as arrays in a safetensors file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "salient/safetensors.h"
#include "salient/spool.h"
#include "salient/tap.h"
#include "salient/version.h"
#include "session.h"

struct tap_options {
    struct common_options common;
    const char *model;
    const char *text;
    int chat;
    const char *chat_template;
    bool attention;
    int64_t last;
    int64_t skip_first;
    bool hidden;
    const char *positions;
    bool exact;
    const char *output;
};

enum {
    TEXT_MAXIMUM = 64 << 20,
    TEMPLATE_MAXIMUM = 1 << 20,
    TENSORS = 8,
    TEXTS = 9,
    BLOCK = 1 << 18 /* floats that are copied at once */
};

static const char *const chats[] = {"none", "paper-probe", NULL};

/* The prompt of the probes (METHODS 4). */
static const char probe_system[] = "You are a helpful assistant.";
static const char probe_user[] = "Please summarize the following news article:\n\n";

#define AT(field) offsetof(struct tap_options, field)
#define WORK "What to work on"
#define TAKEN "What to take"
#define MACHINE "Machine"
static const struct option_row rows[] = {
    {"model", 'm', OPTION_TEXT, AT(model), NULL, 0, 0, "FILE", NULL, WORK, "the GGUF file"},
    {"text", 0, OPTION_TEXT, AT(text), NULL, 0, 0, "FILE", NULL, WORK,
     "the text, UTF-8; -: standard input"},
    {"chat", 0, OPTION_CHOICE, AT(chat), "none", 0, 0, "PROMPT", chats, WORK,
     "paper-probe: the chat prompt of the paper's probes around the text, ready for the answer; "
     "none: the text alone, no special tokens"},
    {"chat-template", 0, OPTION_TEXT, AT(chat_template), NULL, 0, 0, "FILE", NULL, WORK,
     "plain text with {system} {user} {assistant} in place of the model's chat template"},
    {"attention", 0, OPTION_FLAG, AT(attention), NULL, 0, 0, NULL, NULL, TAKEN,
     "attention that each token receives, from every layer and head"},
    {"last", 0, OPTION_COUNT, AT(last), NULL, 1, 1e9, "K", NULL, TAKEN,
     "attention received from the last K tokens alone"},
    {"skip-first", 0, OPTION_COUNT, AT(skip_first), "0", 0, 1e6, "K", NULL, TAKEN,
     "attention without the first K tokens: each token's is brought to sum 1 over the others"},
    {"hidden", 0, OPTION_FLAG, AT(hidden), NULL, 0, 0, NULL, NULL, TAKEN,
     "hidden states: embeddings, each block's output, the last one after the final norm"},
    {"positions", 0, OPTION_TEXT, AT(positions), NULL, 0, 0, "LIST", NULL, TAKEN,
     "tokens whose hidden states are taken: all (default) or numbers from 0 with commas, "
     "ascending"},
    {"output", 'o', OPTION_TEXT, AT(output), NULL, 0, 0, "FILE", NULL, TAKEN,
     "the safetensors file to write"},
    {"exact", 0, OPTION_FLAG, AT(exact), NULL, 0, 0, NULL, NULL, MACHINE,
     "no flash attention, keys and values kept in f32: slower, rounding only"},
    {0}};

/* Everything that one run holds. */
struct work {
    const struct tap_options *options;
    sal_buffer text;
    sal_buffer chat_template;
    sal_model *model;
    sal_prompt prompt;
    sal_tokens plain;
    const sal_tokens *tokens; /* of the prompt or the plain text */
    sal_span document;        /* bytes of what was tokenised */
    int32_t *positions;
    size_t position_count;
    size_t position_capacity;
    sal_tap *tap;
    sal_tap_result result;
    sal_spool *hidden; /* [L+1,P,D] while they come: they need not be in memory together */
    int32_t *offsets;  /* [T,2] */
    float *exposure;   /* [L,H,T] */
};

static void work_free(struct work *work) {
    sal_buffer_free(&work->text);
    sal_buffer_free(&work->chat_template);
    sal_prompt_free(&work->prompt);
    sal_tokens_free(&work->plain);
    sal_free(work->positions);
    sal_tap_result_free(&work->result);
    sal_spool_close(work->hidden);
    sal_tap_close(work->tap);
    sal_model_close(work->model);
    sal_free(work->offsets);
    sal_free(work->exposure);
}

/* ---- options --------------------------------------------------------------------------------------------------------------- */

static int fail_positions(struct session *session, const char *text) {
    return session_usage(session, "example: --positions 0,12,40 or --positions all",
                         "--positions: '%.100s' is no list of ascending numbers", text);
}

/* "0,12,40" into work->positions; "all" leaves it empty. */
static int parse_positions(struct session *session, struct work *work, const char *text) {
    const char *at = text;
    if (text == NULL || strcmp(text, "all") == 0) {
        return 0;
    }
    for (;;) {
        char number[24];
        int64_t value = 0;
        const size_t length = strcspn(at, ",");
        (void)snprintf(number, sizeof number, "%.*s", (int)(length < 23 ? length : 23), at);
        if (length > 22 || parse_integer(number, &value) != 0 || value < 0 || value > INT32_MAX ||
            (work->position_count > 0 && value <= work->positions[work->position_count - 1])) {
            return fail_positions(session, text);
        }
        if (sal_grow((void **)&work->positions, &work->position_capacity, work->position_count,
                     sizeof *work->positions, &session->error) != 0) {
            return session_exit(session, SAL_ENOMEM, NULL);
        }
        work->positions[work->position_count++] = (int32_t)value;
        if (at[length] == '\0') {
            return 0;
        }
        at += length + 1;
    }
}

static int check_options(struct session *session, const struct tap_options *options) {
    static const char hint[] =
        "example: salient tap --model model.gguf --text article.txt --attention -o tap.safetensors";
    if (options->model == NULL) {
        return session_usage(session, hint, "--model is needed");
    }
    if (options->text == NULL) {
        return session_usage(session, hint, "--text is needed");
    }
    if (options->output == NULL || strcmp(options->output, "-") == 0) {
        return session_usage(session, hint, "--output is needed, a file");
    }
    if (!options->attention && options->last < 0 && !options->hidden) {
        return session_usage(session, hint, "what to take? --attention, --last K or --hidden");
    }
    if (options->skip_first > 0 && !options->attention && options->last < 0) {
        return session_usage(session, hint, "--skip-first belongs to --attention and --last");
    }
    if (options->positions != NULL && !options->hidden) {
        return session_usage(session, hint, "--positions belongs to --hidden");
    }
    if (options->chat_template != NULL && options->chat == 0) {
        return session_usage(session, hint, "--chat-template belongs to --chat");
    }
    return 0;
}

/* ---- the text -------------------------------------------------------------------------------------------------------------- */

static int read_text(struct work *work, sal_error *err) {
    const char *path = work->options->text;
    size_t bad = 0;
    int status = sal_file_read_all(path, TEXT_MAXIMUM, &work->text, err);
    if (status != 0) {
        return status;
    }
    if (work->text.length == 0) {
        return sal_fail(err, SAL_EFORMAT, "%s: the text is empty", path);
    }
    if (!sal_utf8_valid(work->text.bytes, work->text.length, &bad)) {
        return sal_fail(err, SAL_EFORMAT, "%s: no UTF-8 at byte %zu", path, bad);
    }
    if (work->options->chat_template != NULL) {
        status = sal_file_read_all(work->options->chat_template, TEMPLATE_MAXIMUM,
                                   &work->chat_template, err);
    }
    return status;
}

static int make_prompt(struct work *work, sal_error *err) {
    sal_buffer user = {0};
    int status = sal_buffer_add_string(&user, probe_user, err);
    if (status == 0) {
        status = sal_buffer_add(&user, work->text.bytes, work->text.length, err);
    }
    if (status == 0) {
        status = sal_model_chat_prompt(work->model, work->chat_template.bytes, probe_system,
                                       user.bytes, &work->prompt, err);
    }
    sal_buffer_free(&user);
    if (status == 0) {
        work->tokens = &work->prompt.tokens;
        work->document = work->prompt.user;
        work->document.start += strlen(probe_user);
    }
    return status;
}

static int make_tokens(struct work *work, sal_error *err) {
    int status = 0;
    if (work->options->chat != 0) {
        status = make_prompt(work, err);
    } else {
        status = sal_model_tokenize(work->model, work->text.bytes, work->text.length, false, false,
                                    &work->plain, err);
        work->tokens = &work->plain;
        work->document = (sal_span){0, work->text.length};
    }
    if (status != 0) {
        return sal_fail_in(err, status, "%s", work->options->text);
    }
    work->offsets = sal_calloc(2 * work->tokens->count, sizeof *work->offsets);
    if (work->offsets == NULL) {
        return sal_fail_memory(err, "byte offsets");
    }
    for (size_t i = 0; i < work->tokens->count; i++) {
        work->offsets[2 * i] = (int32_t)work->tokens->spans[i].start;
        work->offsets[2 * i + 1] = (int32_t)work->tokens->spans[i].end;
    }
    return 0;
}

/* ---- the pass -------------------------------------------------------------------------------------------------------------- */

static int keep_rows(void *context, size_t state, size_t first, size_t count, size_t D,
                     const float *states, sal_error *err) {
    const struct work *work = context;
    const size_t P = work->position_count > 0 ? work->position_count : work->tokens->count;
    return sal_spool_write(work->hidden, (state * P + first) * D * sizeof *states, states,
                           count * D * sizeof *states, err);
}

static int measure(struct work *work, const sal_progress *progress, sal_error *err) {
    const struct tap_options *options = work->options;
    const sal_tap_options tap = {.threads = (int)options->common.threads, .exact = options->exact};
    const size_t T = work->tokens->count;
    const size_t last = options->last < 0 ? 0 : (size_t)options->last;
    if (last > T) {
        return sal_fail(err, SAL_EINVAL, "--last %zu: the text has %zu tokens", last, T);
    }
    if (work->position_count > 0 && (size_t)work->positions[work->position_count - 1] >= T) {
        return sal_fail(err, SAL_EINVAL, "--positions: %d; the text has tokens 0 to %zu",
                        work->positions[work->position_count - 1], T - 1);
    }
    const sal_span span = {T - last, T};
    const sal_tap_request request = {.tokens = work->tokens->ids,
                                     .token_count = T,
                                     .received = options->attention,
                                     .query_spans = &span,
                                     .span_count = last > 0,
                                     .skip_keys = (size_t)options->skip_first,
                                     .hidden = options->hidden,
                                     .positions = work->positions,
                                     .position_count = work->position_count,
                                     .take = keep_rows,
                                     .take_context = work,
                                     .last_layer = -1};
    int status = sal_tap_open(work->model, &tap, &work->tap, err);
    if (status == 0 && options->hidden) {
        status = sal_spool_open(options->output, &work->hidden, err);
    }
    if (status == 0) {
        status = sal_tap_run(work->tap, &request, &work->result, progress, err);
    }
    const sal_tap_result *result = &work->result;
    if (status == 0 && result->received != NULL) {
        work->exposure = sal_calloc(result->L * result->H * result->T, sizeof *work->exposure);
        if (work->exposure == NULL) {
            return sal_fail_memory(err, "exposure");
        }
        sal_tap_exposure(result->received, result->L * result->H, result->T, request.skip_keys,
                         work->exposure);
    }
    return status;
}

/* ---- the file -------------------------------------------------------------------------------------------------------------- */

static sal_tensor tensor3(const char *name, const float *data, size_t a, size_t b, size_t c) {
    return (sal_tensor){
        .name = name, .dtype = SAL_F32, .axes = 3, .shape = {a, b, c}, .data = data};
}

static sal_tensor integers(const char *name, const int32_t *data, size_t count) {
    return (sal_tensor){.name = name, .dtype = SAL_I32, .axes = 1, .shape = {count}, .data = data};
}

static size_t list_tensors(const struct work *work, const int32_t document[2],
                           const int32_t *positions, sal_tensor *tensors) {
    const sal_tap_result *r = &work->result;
    size_t count = 0;
    tensors[count++] = integers("tokens", work->tokens->ids, r->T);
    tensors[count++] = integers("document_span", document, 2);
    tensors[count] = integers("offsets", work->offsets, r->T);
    tensors[count].axes = 2;
    tensors[count++].shape[1] = 2;
    if (r->received != NULL) {
        tensors[count++] = tensor3("attention.received", r->received, r->L, r->H, r->T);
        tensors[count++] = tensor3("attention.exposure", work->exposure, r->L, r->H, r->T);
    }
    if (r->spans != NULL) {
        tensors[count++] = tensor3("attention.last", r->spans, r->L, r->H, r->T);
    }
    if (work->hidden != NULL) { /* its data are spooled */
        tensors[count++] = tensor3("hidden", NULL, r->L + 1, r->P, r->D);
        tensors[count++] = integers("positions", positions, r->P);
    }
    return count;
}

static int copy_hidden(const struct work *work, sal_safetensors_writer *writer, sal_error *err) {
    const sal_tap_result *r = &work->result;
    const size_t total = (r->L + 1) * r->P * r->D;
    float *block = sal_calloc(BLOCK, sizeof *block);
    int status = block == NULL ? sal_fail_memory(err, "hidden states") : 0;
    for (size_t at = 0; status == 0 && at < total; at += BLOCK) {
        const size_t bytes = (total - at < BLOCK ? total - at : BLOCK) * sizeof *block;
        status = sal_spool_read(work->hidden, at * sizeof *block, block, bytes, err);
        if (status == 0) {
            status = sal_safetensors_add(writer, block, bytes, err);
        }
    }
    sal_free(block);
    return status;
}

static int write_tensors(const struct work *work, const sal_tensor *tensors, size_t count,
                         const sal_metadata *texts, sal_error *err) {
    sal_safetensors_writer *writer = NULL;
    int status =
        sal_safetensors_begin(work->options->output, tensors, count, texts, TEXTS, &writer, err);
    while (status == 0 && sal_safetensors_next(writer) < count) {
        const sal_tensor *tensor = &tensors[sal_safetensors_next(writer)];
        size_t elements = 0;
        status = sal_tensor_count(tensor, &elements, err);
        if (status == 0) {
            status = tensor->data == NULL
                         ? copy_hidden(work, writer, err)
                         : sal_safetensors_add(writer, tensor->data,
                                               elements * sal_dtype_bytes(tensor->dtype), err);
        }
    }
    if (status == 0) {
        return sal_safetensors_commit(writer, err);
    }
    sal_safetensors_discard(writer);
    return status;
}

static int write_file(const struct work *work, sal_error *err) {
    const sal_model_info *info = sal_model_describe(work->model);
    const int32_t document[2] = {(int32_t)work->document.start, (int32_t)work->document.end};
    sal_tensor tensors[TENSORS];
    char last[32], skip[32], non_finite[32], digest[65];
    int32_t *all = sal_calloc(work->tokens->count, sizeof *all);
    if (all == NULL) {
        return sal_fail_memory(err, "positions");
    }
    for (size_t i = 0; i < work->tokens->count; i++) {
        all[i] = (int32_t)i;
    }
    (void)snprintf(last, sizeof last, "%" PRId64,
                   work->options->last < 0 ? 0 : work->options->last);
    (void)snprintf(skip, sizeof skip, "%" PRId64, work->options->skip_first);
    (void)snprintf(non_finite, sizeof non_finite, "%" PRId64, work->result.non_finite);
    sal_sha256_of(work->text.bytes, work->text.length, digest);
    const sal_metadata texts[TEXTS] = {
        {"salient", SAL_VERSION},
        {"model", info->name},
        {"model.type", info->type},
        {"text.sha256", digest},
        {"chat", chats[work->options->chat]},
        {"compute", sal_tap_path(work->tap)},
        {"last", last},
        {"skip_first", skip},
        {"non_finite", non_finite},
    };
    const size_t count =
        list_tensors(work, document, work->positions != NULL ? work->positions : all, tensors);
    const int status = write_tensors(work, tensors, count, texts, err);
    sal_free(all);
    return status;
}

/* ---- the command ----------------------------------------------------------------------------------------------------------- */

static int run_work(struct session *session, struct work *work) {
    const struct tap_options *options = work->options;
    const sal_model_options model = options_model(&options->common);
    struct stage stage;
    sal_error *err = &session->error;
    stage_start(&stage);
    int status = read_text(work, err);
    if (status == 0) {
        status = sal_model_open(options->model, &model, &work->model, err);
    }
    if (status == 0) {
        status = make_tokens(work, err);
    }
    if (status == 0) {
        status = measure(work, &session->progress, err);
    }
    if (status == 0) {
        status = write_file(work, err);
    }
    if (status == 0 && work->result.non_finite > 0) {
        session_note(session, "%" PRId64 " rows of attention were not finite and are left out",
                     work->result.non_finite);
    }
    if (status == 0) {
        stage_end(session, &stage, options->output, NULL, NULL);
    }
    return status;
}

static int run(struct session *session, void *config) {
    struct work work = {.options = config};
    int wrong = check_options(session, work.options);
    if (wrong == 0) {
        wrong = parse_positions(session, &work, work.options->positions);
    }
    const int status = wrong == 0 ? run_work(session, &work) : 0;
    work_free(&work);
    return wrong != 0 ? wrong : session_exit(session, status, NULL);
}

static const char *const arguments[] = {NULL};
static const char *const examples[] = {
    "salient tap --model deps/models/SmolLM2-135M-Instruct.Q4_1.gguf --text article.txt "
    "--attention --last 16 -o tap.safetensors",
    "salient tap --model model.gguf --text article.txt --chat paper-probe --hidden --positions "
    "10,11,12 -o states.safetensors",
    NULL};
static const struct option_row *const options[] = {rows, options_threads, options_gpu, NULL};

const struct command command_tap = {
    "tap",
    "Models",
    "attention and hidden states of one text, as arrays",
    arguments,
    "Runs a model once over a text and writes what it shows to a safetensors file, which numpy and "
    "torch read:\n\n"
    "tokens [T], offsets [T,2] (bytes of the prompt), document_span [2] (bytes of the text inside "
    "the prompt); attention.received [L,H,T] (for each token, the sum of the attention that all "
    "tokens give it; each head sums to T), attention.exposure [L,H,T] (the same relative to "
    "uniform attention), attention.last [L,H,T] (from the last K tokens alone); with --skip-first "
    "K "
    "each token's attention is renormalised without the first K tokens, as in salient heads "
    "--renormalise; hidden [L+1,P,D] and positions [P]. L layers, H heads, T tokens, P positions, "
    "D width, all counted from 0.\n\n"
    "No table of tokens by tokens is ever kept, so long texts are no problem.",
    examples,
    options,
    sizeof(struct tap_options),
    run,
    NULL,
    NULL};
