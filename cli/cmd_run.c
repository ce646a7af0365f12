/* salient run: the whole pipeline from one file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "guard.h"
#include "plan.h"
#include "rehearsal.h"
#include "salient/file.h"
#include "session.h"

struct run_options {
    struct common_options common;
    struct text_list set;
    bool dry_run;
};

#define AT(field) offsetof(struct run_options, field)
static const struct option_row rows[] = {
    {"set", 0, OPTION_LIST, AT(set), NULL, 0, 0, "STAGE.OPTION=VALUE", NULL, "What is run",
     "replace an option of every step of a stage, or study=PATH, or model=FILE; may be repeated"},
    {"dry-run", 0, OPTION_FLAG, AT(dry_run), NULL, 0, 0, NULL, NULL, "What is run",
     "print the plan in force as YAML, and on standard error the commands and what each would find "
     "missing; compute nothing"},
    {0}};

/* The step as a person would type it. */
static int describe(const struct plan_step *step, sal_buffer *out, sal_error *err) {
    int status = 0;
    sal_buffer_clear(out);
    for (size_t w = 0; status == 0 && w < step->count; w++) {
        const bool plain = strpbrk(step->words[w], " '\"\\$`*?&;|<>()") == NULL;
        status = sal_buffer_add_format(out, err, plain ? "%s%s" : "%s'%s'", w == 0 ? "" : " ",
                                       step->words[w]);
    }
    return status;
}

static int run_step(struct session *session, const struct plan_step *step) {
    struct parsed parsed = {0};
    struct usage_error usage = {"", ""};
    struct session own;
    const int count = (int)(step->count - step->used);
    int result = EXIT_FAILED;
    if (options_parse(step->command, count, step->words + step->used, &parsed, &usage) == 0) {
        struct common_options *common = parsed.config;
        common->quiet = common->quiet || session->options->quiet;
        common->no_progress = common->no_progress || session->options->no_progress;
        common->threads = common->threads > 0 ? common->threads : session->options->threads;
        session_open(&own, step->command, (int)step->count, step->words, &parsed);
        result = guard_models(&own);
        if (result == EXIT_DONE) {
            result = step->command->run(&own, parsed.config);
        }
    } else {
        (void)session_usage(session, usage.hint, "%s", usage.what); /* was checked: out of memory */
    }
    options_free(step->command, &parsed);
    (void)fflush(
        stdout); /* a step's tables stand before the next step's line; main tells a late write error */
    return result;
}

/* The plan in force beside the study, so that it can be run again as it was. */
static int keep_plan(struct session *session, const struct plan *plan, const sal_buffer *text) {
    sal_buffer path = {0};
    sal_output *output = NULL;
    int status = sal_buffer_add_format(&path, &session->error, "%s/run.yaml", plan->study);
    if (status == 0) {
        status = sal_output_open(path.bytes, &output, &session->error);
    }
    if (status == 0) {
        const sal_sink sink = sal_output_sink(output);
        status = sal_sink_write(&sink, text->bytes, text->length, &session->error);
        if (status == 0) {
            status = sal_output_commit(output, &session->error);
        } else {
            sal_output_discard(output);
        }
    }
    sal_buffer_free(&path);
    return status;
}

/* Run the steps; what failed in part goes on and is remembered. */
static int run_steps(struct session *session, const struct plan *plan, const sal_buffer *text) {
    sal_buffer line = {0};
    int result = EXIT_DONE;
    for (size_t i = 0; i < plan->count; i++) {
        int status = describe(&plan->steps[i], &line, &session->error);
        if (status != 0) {
            result = session_exit(session, status, NULL);
            break;
        }
        session_note(session, "step %zu of %zu: %s", i + 1, plan->count, line.bytes);
        const int ended = run_step(session, &plan->steps[i]);
        if (ended != EXIT_DONE && ended != EXIT_INCOMPLETE) {
            result = ended;
            break;
        }
        result = ended == EXIT_INCOMPLETE ? ended : result;
        /* Only import makes a study: its folder is there after the first step at the latest. */
        status = i == 0 ? keep_plan(session, plan, text) : 0;
        if (status != 0) {
            result = session_exit(session, status, NULL);
            break;
        }
    }
    sal_buffer_free(&line);
    return result;
}

/* What a step would find missing in the study as it is, said behind its line. */
static int tell_missing(struct session *session, struct rehearsal *rehearsal,
                        const struct plan_step *step) {
    const struct rehearsal_step one = {step->command, step->words, step->count, step->used,
                                       step->used};
    sal_work work;
    int64_t documents = 0;
    if (rehearsal->original == NULL || step->command == &command_import) {
        return 0;
    }
    const int status = rehearsal_count(rehearsal, &one, rehearsal->snapshot, &work, &documents);
    if (status != 0 && status != SAL_ECANCELLED && status != SAL_ENOMEM) {
        session_note(session, "  missing: not known (%s)", session->error.text);
        session->error = (sal_error){0};
        return 0;
    }
    if (status == 0 && step->command->count == NULL) {
        session_note(session, "  looks at %" PRId64 " documents", documents);
    } else if (status == 0) {
        session_note(session, "  missing: %" PRId64 " of %" PRId64 "%s", work.units,
                     work.units + work.kept,
                     work.waiting > 0 ? ", once an earlier step has made what they need" : "");
    }
    return status;
}

static int show_plan(struct session *session, const struct plan *plan, const sal_buffer *text) {
    struct rehearsal rehearsal;
    sal_buffer line = {0};
    (void)fwrite(text->bytes, 1, text->length, stdout);
    int status = rehearsal_open(&rehearsal, session, plan->study);
    if (status == 0 && rehearsal.original == NULL) {
        session_note(session, "%s: no study there yet, all is missing", plan->study);
    }
    for (size_t i = 0; status == 0 && i < plan->count; i++) {
        status = describe(&plan->steps[i], &line, &session->error);
        if (status == 0) {
            session_note(session, "would run: %s", line.bytes);
            status = tell_missing(session, &rehearsal, &plan->steps[i]);
        }
    }
    rehearsal_close(&rehearsal);
    sal_buffer_free(&line);
    return session_exit(session, status, NULL);
}

int run_read_plan(const void *config, const char *name, struct plan *plan, sal_error *err) {
    const struct run_options *options = config;
    return plan_read(name, &options->set, plan, err);
}

static int run(struct session *session, void *config) {
    const struct run_options *options = config;
    struct plan plan = {0};
    sal_buffer text = {0};
    int result = EXIT_DONE;
    int status = run_read_plan(config, session->arguments[0], &plan, &session->error);
    if (status == 0) {
        status = plan_write(&plan, &text, &session->error);
    }
    if (status != 0) {
        result = session_exit(session, status, NULL);
    } else if (options->dry_run) {
        result = show_plan(session, &plan, &text);
    } else {
        result = run_steps(session, &plan, &text);
    }
    sal_buffer_free(&text);
    plan_free(&plan);
    return result;
}

static const char *const arguments[] = {"PLAN", NULL};
static const char *const examples[] = {
    "salient run study.yaml", "salient run demo --dry-run > mine.yaml",
    "salient run paper-cnn --set model=Llama-3.2-1B-Instruct.gguf --set import.files=cnn.jsonl",
    NULL};
static const struct option_row *const options[] = {rows, options_threads, NULL};

const struct command command_run = {
    "run",
    "Study",
    "the whole pipeline from one file, or from a preset",
    arguments,
    "PLAN is a YAML file, or a preset: " PLAN_PRESET_NAMES
    ". It names the study and, for each stage (import, summarize, importance, heads, ablate, "
    "states, probe, steer, compare, report), the options of that command, or a list of them:\n\n"
    "study: mystudy; import: {files: news.jsonl}; summarize: {with: [lead, model.gguf]}; "
    "importance: {protocol: strict}; report: {}\n\n"
    "The value $model stands for the file named by `model: FILE` beside the stages, or by --set "
    "model=FILE.\n\n"
    "Everything is checked before anything is computed, with file and line. What the study has "
    "already is not computed again. The plan in force is kept as run.yaml in the study's folder. "
    "Paths are as seen from the current folder.",
    examples,
    options,
    sizeof(struct run_options),
    run,
    NULL,
    NULL};
