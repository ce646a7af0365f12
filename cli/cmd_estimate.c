/* salient estimate: what a command would take, before it is started. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "estimate.h"
#include "estimate_memory.h"
#include "plan.h"

struct estimate_options {
    struct common_options common;
    int64_t memory;
    double seconds;
};

#define AT(field) offsetof(struct estimate_options, field)
static const struct option_row rows[] = {
    {"memory", 0, OPTION_SIZE, AT(memory), NULL, 0, 0, "SIZE", NULL, "How",
     "memory that there is, as 16G (default: what is free now)"},
    {"seconds", 0, OPTION_NUMBER, AT(seconds), "20", 0, 86400, "N", NULL, "How",
     "time for measuring each step, about; 0: only count, and look at memory"},
    {0}};

/* ---- words: ours, and the command's ------------------------------------------------------------------------------------------ */

/* Words of `salient estimate ...` that are this command's own, with the values behind them: the first word that is no option, and its
 * options. out: ours true or false for each of words [count] */
static void tell_apart(int count, char *const *words, bool *ours) {
    bool named = false;
    for (int w = 0; w < count; w++) {
        const char *word = words[w];
        const size_t length = strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;
        const struct option_row *row =
            length > 0 ? options_find(&command_estimate, word + 2, length) : NULL;
        ours[w] = row != NULL || (word[0] != '-' && !named) || strcmp(word, "-q") == 0 ||
                  strcmp(word, "-v") == 0 || strcmp(word, "-h") == 0;
        named = named || word[0] != '-';
        if (row != NULL && row->type != OPTION_FLAG && word[2 + length] == '\0' && w + 1 < count) {
            ours[++w] = true;
        }
    }
}

char **estimate_words(int count, char *const *words, bool own, int *kept) {
    bool *ours = sal_calloc((size_t)count + 1, sizeof *ours);
    char **list = sal_calloc((size_t)count + 1, sizeof *list);
    *kept = 0;
    if (ours == NULL || list == NULL) {
        sal_free(ours);
        sal_free(list);
        return NULL;
    }
    tell_apart(count, words, ours);
    for (int w = 0; w < count; w++) {
        if (ours[w] == own) {
            list[(*kept)++] = words[w];
        }
    }
    sal_free(ours);
    return list;
}

/* ---- the commands looked at -------------------------------------------------------------------------------------------------- */

static int estimate_plan(struct estimates *estimates, const struct plan *plan) {
    struct rehearsal rehearsal;
    int status = rehearsal_open(&rehearsal, estimates->session, plan->study);
    for (size_t i = 0; status == 0 && i < plan->count; i++) {
        const struct plan_step *step = &plan->steps[i];
        const struct rehearsal_step one = {step->command, step->words, step->count, step->used,
                                           step->used};
        status = estimate_step(estimates, &rehearsal, &one);
    }
    rehearsal_close(&rehearsal);
    return status;
}

/* One command as typed: "salient", its name, its words. */
static int estimate_typed(struct estimates *estimates, const struct command *command, char **words,
                          size_t count, size_t used, const struct parsed *parsed) {
    struct rehearsal rehearsal;
    struct rehearsal_step step = {command, words, count, used, 0};
    sal_error *err = &estimates->session->error;
    for (size_t w = used; w < count; w++) {
        if (parsed->argument_count > 0 && words[w] == parsed->arguments[0]) {
            step.study = w;
        }
    }
    if (step.study == 0) {
        return sal_fail(err, SAL_EINVAL, "%s: without a study there is nothing to estimate",
                        command->name);
    }
    int status = rehearsal_open(&rehearsal, estimates->session, parsed->arguments[0]);
    if (status == 0 && rehearsal.original == NULL && command != &command_import) {
        status = sal_fail(err, SAL_ENOTFOUND,
                          "%s: no study there; make one with: salient import %s FILE",
                          parsed->arguments[0], parsed->arguments[0]);
    }
    if (status == 0) {
        status = estimate_step(estimates, &rehearsal, &step);
    }
    rehearsal_close(&rehearsal);
    return status;
}

/* "salient", the command's name, what was typed behind it. */
static int look_at(struct estimates *estimates, const struct command *command, char **typed,
                   int count) {
    struct session *session = estimates->session;
    struct parsed parsed = {0};
    struct usage_error usage = {"", ""};
    struct plan plan = {0};
    char **words = sal_calloc((size_t)count + 3, sizeof *words);
    int status = words == NULL ? sal_fail_memory(&session->error, "a command") : 0;
    if (status == 0) {
        words[0] = (char *)(uintptr_t) "salient";
        words[1] = (char *)(uintptr_t)command->name;
        memcpy(words + 2, typed, (size_t)count * sizeof *words);
        status = options_parse(command, count, words + 2, &parsed, &usage);
        if (status == SAL_EINVAL) {
            (void)sal_fail(&session->error, status, "%s: %s", command->name, usage.what);
        }
    }
    if (status == 0 && command == &command_run) {
        status = run_read_plan(parsed.config, parsed.arguments[0], &plan, &session->error);
        if (status == 0) {
            status = estimate_plan(estimates, &plan);
        }
    } else if (status == 0) {
        status = estimate_typed(estimates, command, words, (size_t)count + 2, 2, &parsed);
    }
    plan_free(&plan);
    options_free(command, &parsed);
    sal_free(words);
    return status;
}

static const struct command *const stages[] = {
    &command_run,   &command_import,  &command_summarize, &command_importance,
    &command_heads, &command_ablate,  &command_states,    &command_probe,
    &command_steer, &command_compare, &command_report};

static int run(struct session *session, void *config) {
    const struct estimate_options *options = config;
    const struct command *command = NULL;
    struct estimates estimates = {.session = session,
                                  .budget = options->seconds,
                                  .memory =
                                      options->memory > 0 ? options->memory : memory_available()};
    int count = 0;
    for (size_t s = 0; s < sizeof stages / sizeof stages[0]; s++) {
        command = strcmp(stages[s]->name, session->arguments[0]) == 0 ? stages[s] : command;
    }
    if (command == NULL) {
        return session_usage(session,
                             "it takes run, import, summarize, importance, heads, ablate, states, "
                             "probe, steer, compare or report, and what would stand behind them",
                             "there is nothing to estimate about '%s'", session->arguments[0]);
    }
    char **typed = estimate_words(session->word_count - 2, session->words + 2, false, &count);
    int status = typed == NULL ? sal_fail_memory(&session->error, "a command")
                               : look_at(&estimates, command, typed, count);
    if (status == 0) {
        status = estimates_print(&estimates);
    }
    int result = session_exit(session, status, NULL);
    result = result == EXIT_DONE ? estimates_result(&estimates) : result;
    estimates_free(&estimates);
    sal_free(typed);
    return result;
}

static const char *const arguments[] = {"COMMAND", "[ITS WORDS...]", NULL};
static const char *const examples[] = {
    "salient estimate summarize mystudy --with model.gguf --template text-first",
    "salient estimate run paper-cnn --set model=Qwen2.5-14B-Instruct-f16.gguf --memory 16G",
    "salient estimate summarize mystudy --with api:deepseek-chat@https://api.deepseek.com "
    "--price-in 0.27 --price-out 1.10",
    NULL};
static const struct option_row *const options[] = {rows, options_json, NULL};

const struct command command_estimate = {
    "estimate",
    "Study",
    "what a command would take: tokens, time, memory, disk, cost",
    arguments,
    "Takes a command as it would be typed, `salient` left out, and says what it would take; "
    "nothing "
    "of the study is changed, and nothing is sent to an endpoint. Tokens are counted by the "
    "model's "
    "own tokenizer over all documents and prompts. Time is measured: the command runs on a few "
    "documents of a copy (below TMPDIR), on more of them while --seconds last. Where the model "
    "does "
    "not fit into memory it is not loaded; the page says what it needs and which quantisation of "
    "it "
    "fits, and the exit status is 1.\n\n" ESTIMATE_RULES,
    examples,
    options,
    sizeof(struct estimate_options),
    run,
    NULL,
    NULL};
