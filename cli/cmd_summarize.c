/* salient summarize: the summaries that a study lacks, by one summarizer after another. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "salient/file.h"
#include "salient/summarize.h"
#include "session.h"
#include "suggest.h"

struct summarize_options {
    struct common_options common;
    struct text_list with;
    const char *as;
    struct length_list lengths;
    int64_t replicas;
    const char *template_name;
    const char *chat_template;
    const char *length_policy;
    double temperature, top_p, top_k, repeat_penalty;
    uint64_t seed;
    int64_t max_tokens;
    int64_t limit;
    int64_t jobs;
    int64_t attempts;
    double timeout;
    double price_in, price_out;
};

#define AT(field) offsetof(struct summarize_options, field)
#define SUMMARIES "Summaries"
#define SAMPLING "Sampling (local models and endpoints)"
#define ENDPOINTS "Endpoints"
static const struct option_row rows[] = {
    {"with", 0, OPTION_LIST, AT(with), NULL, 0, 0, "W", NULL, SUMMARIES,
     "summarizer: a GGUF file, api:MODEL@BASE_URL, lead, tail, random, frequency, tfidf, textrank, "
     "lexrank or reference; may be repeated"},
    {"as", 0, OPTION_TEXT, AT(as), NULL, 0, 0, "NAME", NULL, SUMMARIES,
     "name in the study (default: W as typed; a model's file name without .gguf; MODEL of an api)"},
    {"lengths", 0, OPTION_LENGTHS, AT(lengths), "10:100:10", 0, 0, "WORDS", NULL, SUMMARIES,
     "lengths asked for, in words: FIRST:LAST:STEP or a list with commas"},
    {"replicas", 0, OPTION_COUNT, AT(replicas), "1", 1, 1000, "N", NULL, SUMMARIES,
     "summaries of each length"},
    {"template", 0, OPTION_TEXT, AT(template_name), "paper-first", 0, 0, "T", NULL, SUMMARIES,
     "instruction to the model: paper-first, text-first (the document before the instruction) or a "
     "file with {n} and {text}"},
    {"chat-template", 0, OPTION_TEXT, AT(chat_template), NULL, 0, 0, "FILE", NULL, SUMMARIES,
     "plain text with {system} {user} {assistant} in place of the model's chat template"},
    {"length-policy", 0, OPTION_TEXT, AT(length_policy), "ask", 0, 0, "POLICY", NULL, SUMMARIES,
     "ask (only ask), trim (stop after the last word) or retry:R (again up to R times until within "
     "10 %)"},
    {"limit", 0, OPTION_COUNT, AT(limit), NULL, 1, 1e15, "N", NULL, "What to work on",
     "documents of each corpus at most (default: all)"},
    {"temp", 0, OPTION_NUMBER, AT(temperature), NULL, 0, 100, "X", NULL, SAMPLING,
     "temperature; 0: always the likeliest token (default: the model's preset; endpoints: 0.7)"},
    {"top-p", 0, OPTION_NUMBER, AT(top_p), NULL, 0, 1, "X", NULL, SAMPLING,
     "share of probability kept (default: preset)"},
    {"top-k", 0, OPTION_NUMBER, AT(top_k), NULL, 0, 1e6, "N", NULL, SAMPLING,
     "tokens kept; 0: all (default: preset)"},
    {"repeat-penalty", 0, OPTION_NUMBER, AT(repeat_penalty), NULL, 0.01, 100, "X", NULL, SAMPLING,
     "penalty on repetition; 1: none (default: preset)"},
    {"seed", 0, OPTION_SEED, AT(seed), "1", 0, 0, "N", NULL, SAMPLING,
     "seed of the study; each summary's own derives from it"},
    {"max-tokens", 0, OPTION_COUNT, AT(max_tokens), "500", 1, 100000, "N", NULL, SAMPLING,
     "tokens of one summary at most"},
    {"jobs", 0, OPTION_COUNT, AT(jobs), "4", 1, 256, "N", NULL, ENDPOINTS,
     "requests in flight at most"},
    {"attempts", 0, OPTION_COUNT, AT(attempts), "6", 1, 100, "N", NULL, ENDPOINTS,
     "times a request is sent before its summary counts as failed; the next run takes it up again"},
    {"timeout", 0, OPTION_NUMBER, AT(timeout), "300", 0.1, 86400, "SECONDS", NULL, ENDPOINTS,
     "wait for one reply"},
    {"price-in", 0, OPTION_NUMBER, AT(price_in), NULL, 0, 1e9, "MONEY", NULL, ENDPOINTS,
     "price of a million tokens of prompts, in the money you like: the run then tells what it "
     "cost"},
    {"price-out", 0, OPTION_NUMBER, AT(price_out), NULL, 0, 1e9, "MONEY", NULL, ENDPOINTS,
     "price of a million tokens of texts"},
    {0}};

/* A word without dot and slash can only be a built-in summarizer: a mistyped one is told so before any file is looked for. */
static int check_summarizer(const char *with, struct usage_error *usage) {
    const char *const *names = sal_summarize_builtin();
    struct suggestion suggestion;
    char hint[300] = "--with takes a GGUF file, or one of:";
    size_t used = strlen(hint);
    suggest_start(&suggestion, with);
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], with) == 0) {
            return 0;
        }
        suggest_offer(&suggestion, names[i]);
        const int added = snprintf(hint + used, sizeof hint - used, " %s", names[i]);
        used = added < 0 || (size_t)added >= sizeof hint - used ? sizeof hint - 1
                                                                : used + (size_t)added;
    }
    if (strpbrk(with, "./") != NULL || strncmp(with, "api:", 4) == 0) {
        return 0;
    }
    if (suggestion.nearest != NULL) {
        return usage_fail(usage, hint, "--with: there is no summarizer '%s'; did you mean %s?",
                          with, suggestion.nearest);
    }
    return usage_fail(usage, hint, "--with: there is no summarizer '%s'", with);
}

/* Endpoints are checked before anything is written: what was typed goes into the run log, and must hold no key.
   out *one_host: all endpoints have the same host */
static int check_endpoints(const struct summarize_options *options, bool *one_host,
                           sal_error *err) {
    char *first = NULL;
    int status = 0;
    *one_host = true;
    for (size_t i = 0; status == 0 && i < options->with.count; i++) {
        char *host = NULL;
        status = sal_summarize_endpoint_host(options->with.items[i], &host, err);
        if (first == NULL) {
            first = host;
            continue;
        }
        *one_host = *one_host && (host == NULL || strcmp(host, first) == 0);
        sal_free(host);
    }
    sal_free(first);
    return status;
}

static int check(const void *config, struct usage_error *usage) {
    const struct summarize_options *options = config;
    bool one_host = false;
    sal_error error = {0};
    if (options->with.count == 0) {
        return usage_fail(usage, "example: --with lead, or --with model.gguf",
                          "--with is needed: which summarizer?");
    }
    if (options->as != NULL && options->with.count > 1) {
        return usage_fail(usage, "name them in one command each",
                          "--as names one summarizer, but there are %zu --with",
                          options->with.count);
    }
    int wrong = 0;
    for (size_t i = 0; wrong == 0 && i < options->with.count; i++) {
        wrong = check_summarizer(options->with.items[i], usage);
    }
    if (wrong == 0 && check_endpoints(options, &one_host, &error) != 0) {
        return usage_fail(usage, "example: --with api:deepseek-chat@https://api.deepseek.com", "%s",
                          error.text);
    }
    return wrong;
}

/* ---- hashes for the run log ------------------------------------------------------------------------------------------------ */

static int add_hash(sal_buffer *out, const char *name, const char *digest, sal_error *err) {
    int status = sal_buffer_add_string(out, out->length > 1 ? "," : "", err);
    if (status == 0) {
        status = json_add_string(out, name, err);
    }
    return status != 0 ? status : sal_buffer_add_format(out, err, ":\"%s\"", digest);
}

static bool is_builtin(const char *with) {
    const char *const *names = sal_summarize_builtin();
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], with) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_endpoint(const char *with) {
    return strncmp(with, "api:", 4) == 0;
}

static int add_file_hash(sal_buffer *out, const char *path, sal_error *err) {
    char digest[65];
    const int status = sal_sha256_file(path, digest, err);
    return status != 0 ? status : add_hash(out, path, digest, err);
}

/* Models and template files with their SHA-256, as a JSON object. */
static int collect_hashes(struct session *session, sal_study *study,
                          const struct summarize_options *options, sal_buffer *out) {
    sal_error *err = &session->error;
    int status = sal_buffer_add_string(out, "{", err);
    for (size_t i = 0; status == 0 && i < options->with.count; i++) {
        char digest[65];
        if (is_builtin(options->with.items[i]) || is_endpoint(options->with.items[i])) {
            continue;
        }
        status = sal_study_file_digest(study, options->with.items[i], digest, err);
        if (status == 0) {
            status = add_hash(out, options->with.items[i], digest, err);
        }
    }
    const char *name = options->template_name;
    if (status == 0 && strcmp(name, "paper-first") != 0 && strcmp(name, "text-first") != 0) {
        status = add_file_hash(out, name, err);
    }
    if (status == 0 && options->chat_template != NULL) {
        status = add_file_hash(out, options->chat_template, err);
    }
    return status != 0 ? status : sal_buffer_add_string(out, "}", err);
}

/* ---- the work -------------------------------------------------------------------------------------------------------------- */

static sal_summarize_options request_of(const struct summarize_options *options) {
    sal_summarize_options request = sal_summarize_defaults();
    request.as = options->as;
    request.corpus = options->common.corpus;
    request.limit = options->limit;
    request.lengths = options->lengths.items;
    request.length_count = options->lengths.count;
    request.replicas = (int)options->replicas;
    request.template_name = options->template_name;
    request.chat_template = options->chat_template;
    request.length_policy = options->length_policy;
    request.temperature = options->temperature;
    request.top_p = options->top_p;
    request.top_k = options->top_k;
    request.repeat_penalty = options->repeat_penalty;
    request.seed = options->seed;
    request.max_tokens = (int)options->max_tokens;
    request.model_options = options_model(&options->common);
    request.jobs = (int)options->jobs;
    request.attempts = (int)options->attempts;
    request.timeout_seconds = options->timeout;
    request.price_in = options->price_in;
    request.price_out = options->price_out;
    return request;
}

static int summarize_all(struct session *session, sal_study *study,
                         const struct summarize_options *options, bool one_host, sal_tally *tally) {
    sal_summarize_options request = request_of(options);
    int status = 0;
    request.one_host = one_host;
    request.pace = session->pace;
    for (size_t i = 0; status == 0 && i < options->with.count; i++) {
        sal_tally own = {0};
        struct stage stage;
        stage_start(&stage);
        request.with = options->with.items[i];
        status = sal_summarize_run(study, &request, &session->progress, &own, &session->error);
        char *name = sal_summarize_name(&request);
        if (status == 0) {
            stage_end(session, &stage, name == NULL ? request.with : name,
                      is_endpoint(request.with) ? "summaries" : "documents", &own);
        }
        sal_free(name);
        tally_add(tally, &own);
    }
    return status;
}

static int run(struct session *session, void *config) {
    const struct summarize_options *options = config;
    sal_study *study = NULL;
    sal_buffer hashes = {0};
    sal_tally tally = {0};
    int64_t key = 0;
    bool one_host = false;
    int status = check_endpoints(options, &one_host, &session->error);
    if (status == 0) {
        status = sal_study_open(session->arguments[0], SAL_STUDY_WRITE, &study, &session->error);
    }
    if (status == 0) {
        status = collect_hashes(session, study, options, &hashes);
    }
    if (status == 0) {
        status = session_begin_run(session, study, config, hashes.bytes, &key);
    }
    if (status == 0) {
        status = summarize_all(session, study, options, one_host, &tally);
        status = session_end_run(session, study, key, &tally, status);
    }
    status = session_close(session, study, status);
    sal_buffer_free(&hashes);
    return session_exit(session, status, &tally);
}

static int count(struct session *session, const void *config, sal_study *study, sal_work *work) {
    const struct summarize_options *options = config;
    sal_summarize_options request = request_of(options);
    int status = check_endpoints(options, &request.one_host, &session->error);
    request.work = work;
    for (size_t i = 0; status == 0 && i < options->with.count; i++) {
        sal_tally tally = {0};
        request.with = options->with.items[i];
        status = sal_summarize_run(study, &request, &session->progress, &tally, &session->error);
    }
    return status;
}

static const char *const arguments[] = {"STUDY", NULL};
static const char *const examples[] = {
    "salient summarize mystudy --with lead --with random --with reference",
    "salient summarize mystudy --with deps/models/SmolLM2-135M-Instruct.Q4_1.gguf "
    "--length-policy trim --template text-first",
    "salient summarize mystudy --with api:deepseek-chat@https://api.deepseek.com --jobs 16 "
    "--price-in 0.5 --price-out 2",
    NULL};
static const struct option_row *const options[] = {rows, options_corpus, options_threads,
                                                   options_gpu, NULL};

const struct command command_summarize = {
    "summarize",
    "Study",
    "summaries of every document in several lengths",
    arguments,
    "Makes one summary per document and length with each summarizer: a local model in a GGUF file; "
    "lead (the opening words); random "
    "(sentences drawn at random); reference (the human summary that came with the document).\n\n"
    "Only what the study lacks is made: an interrupted run goes on where it stopped. A summarizer "
    "is its name and its whole "
    "configuration; another configuration under a name that exists is refused (give it a name of "
    "its own with --as).",
    examples,
    options,
    sizeof(struct summarize_options),
    run,
    check,
    count};
