/** A plan: the whole pipeline in one YAML file, read into commands.
 *
 *      study: mystudy
 *      import:
 *        - files: news.jsonl
 *          corpus: news
 *      summarize:
 *        with: [lead, random, reference]
 *      importance:
 *        - protocol: strict
 *        - protocol: paper
 *
 *  A stage is a mapping of that command's options, or a list of such mappings. What an option is called, takes and allows is said by
 *  the command's own option table, so a stage joins with one row in plan.c. `model: FILE` beside the stages is what "$model" stands for
 *  as a value of any option. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "options.h"

/** One command of a plan, as if typed. */
struct plan_step {
    const struct command *command;
    int line;     /* of the plan's file; 0: from --set alone */
    char **words; /* "salient", the command's name, the study, files, then --name=value; owned */
    size_t count;
    size_t capacity;
    size_t used; /* words of the command's name, "salient" included */
};

struct plan {
    char *name; /* file, or preset */
    char *study;
    struct plan_step *steps; /* in the order of the stages */
    size_t count;
    size_t capacity;
};

/** Read a plan and check every option of every step.
 *  in     name: a file, or the name of a preset; set: "stage.option=value", "study=PATH" or "model=FILE", each replaces what the file says
 *  errs   SAL_ENOTFOUND (no such file or preset: lists the presets), SAL_EINVAL and SAL_EFORMAT with file:line */
int plan_read(const char *name, const struct text_list *set, struct plan *plan,
              sal_error *err) SAL_MUST_CHECK;
void plan_free(struct plan *plan);

/** The plan that parsed options of `salient run` name (cmd_run.c). */
int run_read_plan(const void *config, const char *name, struct plan *plan,
                  sal_error *err) SAL_MUST_CHECK;

/** The plan in force as YAML, which reads back as the same plan. */
int plan_write(const struct plan *plan, sal_buffer *out, sal_error *err) SAL_MUST_CHECK;

/** The presets: FIRST or NEXT of (name, symbol); cli/presets/NAME.yaml is built in under sal_asset_SYMBOL_yaml. */
#define PLAN_PRESETS(FIRST, NEXT)                                                                  \
    FIRST("demo", demo)                                                                            \
    NEXT("demo-full", demo_full)                                                                   \
    NEXT("paper-cnn", paper_cnn)                                                                   \
    NEXT("paper-samsum", paper_samsum)                                                             \
    NEXT("paper-decoda", paper_decoda)
#define PLAN_FIRST_NAME(name, symbol) name
#define PLAN_NEXT_NAME(name, symbol) ", " name
/** "demo, paper-cnn, ...": a literal. */
#define PLAN_PRESET_NAMES PLAN_PRESETS(PLAN_FIRST_NAME, PLAN_NEXT_NAME)

/** Text of a preset, not terminated; NULL when there is none of that name. */
const char *plan_preset(const char *name, size_t *length);

#endif
