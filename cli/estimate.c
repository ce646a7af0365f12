/* One step: count what it lacks, look at memory, have it rehearsed (ladder.c). */
#include "estimate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "ladder.h"
#include "salient/summarize.h"

#define BYTES_A_TOKEN 4.0 /* ESTIMATE_RULES */
#define MEBI 1048576.0

static const double unknown = (double)NAN;

/* ---- memory ----------------------------------------------------------------------------------------------------------------- */

/* The file of a model that the step runs, or NULL. */
static const char *model_of(const struct rehearsal_step *step, const struct parsed *parsed,
                            const char *with) {
    const char *const *names = sal_summarize_builtin();
    if (step->command != &command_summarize) {
        return step->command->count == NULL ? NULL : rehearsal_text(step, parsed, "model");
    }
    if (with == NULL || strncmp(with, "api:", 4) == 0) {
        return NULL;
    }
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], with) == 0) {
            return NULL;
        }
    }
    return with;
}

static void say_memory(struct estimate *estimate, const struct model_memory *model, int64_t cells,
                       int64_t memory) {
    int64_t smaller = 0;
    const char *name = model_memory_fitting(model, cells, memory, &smaller);
    const int length = snprintf(
        estimate->note, sizeof estimate->note,
        "does not fit: %s needs at least %.1f GiB (weights %.1f, cache %.1f), there are %.1f; ",
        model->type, (double)estimate->memory / MEBI / 1024, (double)model->weights / MEBI / 1024,
        (double)(model->cell * cells) / MEBI / 1024, (double)memory / MEBI / 1024);
    if (length < 0 || (size_t)length >= sizeof estimate->note) {
        return;
    }
    if (name != NULL) {
        (void)snprintf(estimate->note + length, sizeof estimate->note - (size_t)length,
                       "%s of it would need %.1f GiB and fits: salient model convert, or pull one",
                       name, (double)smaller / MEBI / 1024);
    } else {
        (void)snprintf(estimate->note + length, sizeof estimate->note - (size_t)length,
                       "no quantisation of it fits: take a smaller model, or fewer --lengths at a "
                       "time");
    }
}

/* Compare the least that the model needs with what there is. */
static void check_memory(const struct estimates *estimates, const struct model_memory *model,
                         struct estimate *estimate) {
    const int64_t cells = estimate->work.cells;
    estimate->weights = model->weights;
    estimate->cache = model->cell * cells;
    estimate->memory = model_memory_least(model, cells);
    estimate->fits = estimates->memory == 0 || estimate->memory <= estimates->memory;
    if (!estimate->fits) {
        say_memory(estimate, model, cells, estimates->memory);
    }
}

/* Cells of the cache by rule, where counting would mean to read all of a file that does not fit: three bytes a token of the longest document,
 * a sequence for each length. */
static int take_cells(struct rehearsal *rehearsal, const struct rehearsal_step *step,
                      const struct parsed *parsed, struct estimate *estimate) {
    const struct common_options *common = parsed->config;
    const struct option_row *row = options_find(step->command, "lengths", 7);
    const size_t sequences =
        row == NULL
            ? 1
            : ((const struct length_list *)((const char *)parsed->config + row->offset))->count;
    sal_error *err = &rehearsal->session->error;
    sal_study *study = NULL;
    int64_t *keys = NULL, longest = 0;
    size_t count = 0;
    int status = sal_study_open(rehearsal->snapshot, SAL_STUDY_READ, &study, err);
    if (status == 0) {
        status = sal_study_document_keys(
            study, common->corpus, rehearsal_number(step, parsed, "limit", -1), &keys, &count, err);
    }
    for (size_t i = 0; status == 0 && i < count; i++) {
        sal_document *document = NULL;
        status = sal_study_get_document(study, keys[i], &document, err);
        if (status == 0 && (int64_t)document->text_length > longest) {
            longest = (int64_t)document->text_length;
        }
        sal_document_free(document);
    }
    estimate->counts = false;
    estimate->documents = (int64_t)count;
    estimate->work.cells =
        (int64_t)sequences * (longest / 3 + rehearsal_number(step, parsed, "max-tokens", 0));
    sal_free(keys);
    const int closed = sal_study_close(study, status == 0 ? err : NULL);
    return status != 0 ? status : closed;
}

/* ---- a step ----------------------------------------------------------------------------------------------------------------- */

/* Money for a million tokens; NaN: not given. */
static double price(const struct rehearsal_step *step, const struct parsed *parsed,
                    const char *option) {
    const struct option_row *row = options_find(step->command, option, strlen(option));
    double value = unknown;
    if (row != NULL && row->type == OPTION_NUMBER) {
        memcpy(&value, (const char *)parsed->config + row->offset, sizeof value);
    }
    return value;
}

static void project_endpoint(const struct rehearsal_step *step, const struct parsed *parsed,
                             double words, struct estimate *estimate) {
    estimate->requests = (double)estimate->work.units;
    estimate->prompt_tokens = (double)estimate->work.prompt_bytes / BYTES_A_TOKEN;
    estimate->generated = TOKENS_A_WORD * words * (double)estimate->work.units;
    estimate->cost = (estimate->prompt_tokens * price(step, parsed, "price-in") +
                      estimate->generated * price(step, parsed, "price-out")) /
                     1e6;
    (void)snprintf(estimate->note, sizeof estimate->note,
                   "endpoint: nothing is sent; its time depends on it, tokens are taken by rule");
}

/* Words asked for of one document (an endpoint: of one summary). */
static double words_of(const struct rehearsal_step *step, const struct parsed *parsed,
                       bool endpoint) {
    const struct option_row *row = options_find(step->command, "lengths", 7);
    double words = 0;
    if (row == NULL) {
        return 0;
    }
    const struct length_list *lengths =
        (const struct length_list *)((const char *)parsed->config + row->offset);
    for (size_t i = 0; i < lengths->count; i++) {
        words += lengths->items[i];
    }
    return endpoint ? words / (double)lengths->count
                    : words * (double)rehearsal_number(step, parsed, "replicas", 1);
}

static void name_step(const struct rehearsal_step *step, const struct parsed *parsed,
                      const char *with, struct estimate *estimate) {
    const struct common_options *common = parsed->config;
    const bool protocol = options_find(step->command, "protocol", 8) != NULL;
    const char *of = with != NULL ? with : rehearsal_text(step, parsed, "model");
    const char *slash = of == NULL || strncmp(of, "api:", 4) == 0 ? NULL : strrchr(of, '/');
    of = slash != NULL ? slash + 1 : of;
    (void)snprintf(estimate->name, sizeof estimate->name, "%s%s%.80s%s%s", step->command->name,
                   of == NULL ? "" : " ", of == NULL ? "" : of, protocol ? ", " : "",
                   protocol ? sal_protocol_name((sal_protocol)common->protocol) : "");
}

static int estimate_one(struct estimates *estimates, struct rehearsal *rehearsal,
                        const struct rehearsal_step *step, const struct parsed *parsed,
                        const char *with, struct estimate *estimate) {
    const bool endpoint = with != NULL && strncmp(with, "api:", 4) == 0;
    const char *path = model_of(step, parsed, with);
    const double words = words_of(step, parsed, endpoint);
    struct model_memory model = {.weights = 0};
    sal_error *err = &estimates->session->error;
    int status = path == NULL ? 0 : model_memory_read(path, &model, err);
    if (status == 0 && path != NULL) { /* before anything long: do the weights alone fit? */
        check_memory(estimates, &model, estimate);
        if (!estimate->fits) {
            status = take_cells(rehearsal, step, parsed, estimate);
            check_memory(estimates, &model, estimate);
        }
    }
    if (status == 0 && estimate->fits) {
        status = rehearsal_count(rehearsal, step, rehearsal->snapshot, &estimate->work,
                                 &estimate->documents);
    }
    if (status == 0 && estimate->fits && path != NULL) {
        check_memory(estimates, &model, estimate);
    }
    if (status != 0 || !estimate->fits) {
        return status;
    }
    if (endpoint) {
        project_endpoint(step, parsed, words, estimate);
        return estimates->budget > 0 ? ladder_fill(rehearsal, step, 0, estimate->work.units) : 0;
    }
    if (estimate_extent(&estimate->work, estimate->documents, estimate->counts) <= 0) {
        estimate->seconds = estimate->processor = 0;
        estimate->disk = 0;
        return 0;
    }
    return estimates->budget > 0 ? ladder_climb(estimates, rehearsal, step, &model, words, estimate)
                                 : 0;
}

static int add_estimate(struct estimates *estimates, struct rehearsal *rehearsal,
                        const struct rehearsal_step *step, const char *with) {
    struct session *session = estimates->session;
    struct parsed parsed = {0};
    char **words = NULL;
    size_t count = 0;
    int status = sal_grow((void **)&estimates->items, &estimates->capacity, estimates->count,
                          sizeof *estimates->items, &session->error);
    if (status != 0) {
        return status;
    }
    struct estimate *estimate = &estimates->items[estimates->count];
    *estimate = (struct estimate){.unit = "documents",
                                  .counts = step->command->count != NULL,
                                  .generated = unknown,
                                  .seconds = unknown,
                                  .processor = unknown,
                                  .memory = -1,
                                  .disk = -1,
                                  .requests = unknown,
                                  .prompt_tokens = unknown,
                                  .cost = unknown,
                                  .fits = true};
    status =
        rehearsal_parse(step, rehearsal->snapshot, NULL, &parsed, &words, &count, &session->error);
    if (status == 0) {
        estimates->count++;
        name_step(step, &parsed, with, estimate);
        session_note(session, "looking at %s", estimate->name);
        status = estimate_one(estimates, rehearsal, step, &parsed, with, estimate);
    }
    options_free(step->command, &parsed);
    sal_free(words);
    if (status != 0 && status != SAL_ECANCELLED && status != SAL_ENOMEM) {
        (void)snprintf(estimate->note, sizeof estimate->note, "%.590s", session->error.text);
        session->error = (sal_error){0};
        status = 0;
    }
    return status;
}

static bool downloads(const struct rehearsal_step *step) {
    for (size_t w = step->used; w < step->count; w++) {
        if (strncmp(step->words[w], "hf:", 3) == 0) {
            return true;
        }
    }
    return false;
}

/* The import of a plan: made on the snapshot, so that what follows sees its documents. Nothing is fetched. */
static int import_all(struct estimates *estimates, struct rehearsal *rehearsal,
                      const struct rehearsal_step *step) {
    struct rehearsal_run run = {
        .seconds = unknown, .processor = unknown, .bytes = -1, .memory = -1};
    int status = sal_grow((void **)&estimates->items, &estimates->capacity, estimates->count,
                          sizeof *estimates->items, &estimates->session->error);
    if (status == 0 && downloads(step)) {
        (void)snprintf(run.error, sizeof run.error,
                       "its documents are not here yet; salient import fetches them");
    } else if (status == 0) {
        session_note(estimates->session, "looking at import");
        status = rehearsal_run(rehearsal, step, rehearsal->snapshot, NULL, &run);
    }
    if (status != 0) {
        return status;
    }
    struct estimate *estimate = &estimates->items[estimates->count++];
    *estimate = (struct estimate){.unit = "documents",
                                  .documents = -1,
                                  .generated = unknown,
                                  .seconds = run.seconds,
                                  .processor = run.processor,
                                  .memory = run.memory,
                                  .disk = run.bytes,
                                  .requests = unknown,
                                  .prompt_tokens = unknown,
                                  .cost = unknown,
                                  .fits = true};
    (void)snprintf(estimate->name, sizeof estimate->name, "import");
    (void)snprintf(estimate->note, sizeof estimate->note, "%.590s", run.error);
    if (run.error[0] != '\0') {
        estimate->seconds = estimate->processor = unknown;
    }
    return 0;
}

/* A step of several summarizers is one for each: words without the others' --with. */
static int each_summarizer(struct estimates *estimates, struct rehearsal *rehearsal,
                           const struct rehearsal_step *step, const struct text_list *with) {
    char **words = sal_calloc(step->count + 2, sizeof *words);
    int status = words == NULL ? sal_fail_memory(&estimates->session->error, "a command") : 0;
    for (size_t i = 0; status == 0 && i < with->count; i++) {
        sal_buffer option = {0};
        struct rehearsal_step one = *step;
        one.count = 0;
        status =
            sal_buffer_add_format(&option, &estimates->session->error, "--with=%s", with->items[i]);
        for (size_t w = 0; w < step->count; w++) {
            if (w == step->study) {
                one.study = one.count;
            }
            if (strncmp(step->words[w], "--with=", 7) == 0) {
                continue;
            }
            if (strcmp(step->words[w], "--with") == 0) {
                w++;
                continue;
            }
            words[one.count++] = step->words[w];
        }
        words[one.count++] = option.bytes;
        one.words = words;
        if (status == 0) {
            status = add_estimate(estimates, rehearsal, &one, with->items[i]);
        }
        sal_buffer_free(&option);
    }
    sal_free(words);
    return status;
}

int estimate_step(struct estimates *estimates, struct rehearsal *rehearsal,
                  const struct rehearsal_step *step) {
    struct parsed parsed = {0};
    char **words = NULL;
    size_t count = 0;
    if (step->command == &command_import) {
        return import_all(estimates, rehearsal, step);
    }
    if (step->command != &command_summarize) {
        return add_estimate(estimates, rehearsal, step, NULL);
    }
    int status = rehearsal_parse(step, rehearsal->snapshot, NULL, &parsed, &words, &count,
                                 &estimates->session->error);
    if (status == 0) {
        const struct option_row *row = options_find(step->command, "with", 4);
        status =
            each_summarizer(estimates, rehearsal, step,
                            (const struct text_list *)((const char *)parsed.config + row->offset));
    }
    options_free(step->command, &parsed);
    sal_free(words);
    return status;
}

void estimates_free(struct estimates *estimates) {
    sal_free(estimates->items);
    estimates->items = NULL;
    estimates->count = 0;
}

int estimates_result(const struct estimates *estimates) {
    int result = EXIT_DONE;
    for (size_t i = 0; i < estimates->count; i++) {
        const struct estimate *item = &estimates->items[i];
        if (!item->fits) {
            return EXIT_FAILED;
        }
        result = isnan(item->seconds) && isnan(item->requests) ? EXIT_INCOMPLETE : result;
    }
    return result;
}
