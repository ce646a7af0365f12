/* One step: count, look at memory, rehearse on growing samples while the time for it lasts, and take the line through what was measured. */
#include "estimate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "estimate_memory.h"
#include "salient/summarize.h"
#include "scratch.h"
#include "stand_in.h"

#define TOKENS_A_WORD 1.5 /* ESTIMATE_RULES */
#define BYTES_A_TOKEN 4.0 /* ESTIMATE_RULES */
#define GROWTH 2.0        /* a rung takes about so many times what the one before took */
#define MEBI 1048576.0
#define FIRST_TOKENS                                                                               \
    "--max-tokens=6" /* of the first look at a model: a prefill and a few decode steps */

static const double unknown = (double)NAN;

/* What the rehearsals of a step came to. */
struct measured {
    struct rehearsal_run last, first;
    double x_first,
        x_last; /* of that which time grows with: computed tokens, else units, else documents */
    int64_t cells, texts;
    int runs;
    sal_pace pace; /* all runs */
    double computed;
    double spent;
};

static double extent(const sal_work *work, int64_t documents, bool counts) {
    return !counts ? (double)documents
                   : (double)(work->computed > 0 ? work->computed : work->units);
}

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

/* ---- rehearsals ------------------------------------------------------------------------------------------------------------- */

static void add_run(struct measured *measured, const struct rehearsal_run *run, double x,
                    const sal_work *work) {
    if (measured->runs == 0) {
        measured->first = *run;
        measured->x_first = x;
    }
    measured->last = *run;
    measured->x_last = x;
    measured->cells = work->cells > measured->cells ? work->cells : measured->cells;
    measured->pace.prefill_seconds += run->pace.prefill_seconds;
    measured->pace.decode_seconds += run->pace.decode_seconds;
    measured->pace.generated += run->pace.generated;
    measured->computed += (double)work->computed;
    measured->texts += work->texts;
    measured->runs++;
}

/* What the rehearsals would have to leave behind for later steps, where they were too long to be made. */
static int fill_rungs(struct rehearsal *rehearsal, const struct rehearsal_step *step, size_t from,
                      int64_t all) {
    int status = 0;
    sal_work work = {0};
    if (step->command != &command_summarize) {
        return 0;
    }
    for (size_t r = from; status == 0 && work.units < all && r < REHEARSAL_RUNGS; r++) {
        const char *rung = rehearsal_rung(rehearsal, r);
        int64_t documents = 0;
        status = rung == NULL ? SAL_EIO : rehearsal_count(rehearsal, step, rung, &work, &documents);
        if (status == 0 && work.units > 0) {
            status = stand_in_put(step, rung, &rehearsal->session->error);
        }
    }
    return status;
}

/* A prefill and a few decode steps in the batch layout of the real run: what tells how long a whole document will take.
 * out    *seconds of the smallest sample, all told; the pace of prefill and decoding */
static int first_look(struct rehearsal *rehearsal, const struct rehearsal_step *step,
                      const sal_work *sample, double words, double *seconds, sal_pace *pace) {
    static const char *const more[] = {FIRST_TOKENS, "--as=first look", NULL};
    struct rehearsal_run run = {.result = EXIT_FAILED};
    char *study = rehearsal_sample(rehearsal, "look", 1);
    int status = study == NULL ? SAL_EIO : rehearsal_run(rehearsal, step, study, more, &run);
    scratch_remove(study);
    sal_free(study);
    if (status == 0 && run.error[0] != '\0') {
        return sal_fail(&rehearsal->session->error, SAL_EMODEL, "%s", run.error);
    }
    if (status != 0) {
        return status;
    }
    const double generated = run.pace.generated > 0 ? (double)run.pace.generated : 1;
    *pace = run.pace;
    *seconds = run.seconds +
               run.pace.decode_seconds / generated * TOKENS_A_WORD * words * (double)sample->units;
    return 0;
}

/* Heads look at importance. Where a sample has none yet, it is computed there, so that there is something to measure. */
static int prepare(struct rehearsal *rehearsal, const struct rehearsal_step *step, const char *rung,
                   sal_work *work) {
    struct parsed parsed = {0};
    char **words = NULL;
    size_t count = 0;
    int64_t documents = 0;
    int status = 0;
    if (work->waiting == 0) {
        return 0;
    }
    status = rehearsal_parse(step, rung, NULL, &parsed, &words, &count, &rehearsal->session->error);
    if (status == 0 && step->command == &command_heads) {
        const struct common_options *common = parsed.config;
        char protocol[40];
        (void)snprintf(protocol, sizeof protocol, "--protocol=%s",
                       sal_protocol_name((sal_protocol)common->protocol));
        char *importance[] = {(char *)(uintptr_t) "salient", (char *)(uintptr_t) "importance",
                              (char *)(uintptr_t)rung, protocol};
        const struct rehearsal_step first = {&command_importance, importance, 4, 2, 2};
        struct rehearsal_run run;
        status = rehearsal_run(rehearsal, &first, rung, NULL, &run);
    }
    options_free(step->command, &parsed);
    sal_free(words);
    return status == 0 ? rehearsal_count(rehearsal, step, rung, work, &documents) : status;
}

/* What went wrong on a sample, told of the study. */
static void note_error(const char *text, const char *rung, struct estimate *estimate) {
    sal_buffer note = {0};
    const char *at = text;
    for (const char *found = strstr(at, rung); found != NULL; found = strstr(at, rung)) {
        if (sal_buffer_add(&note, at, (size_t)(found - at), NULL) != 0 ||
            sal_buffer_add_string(&note, "STUDY", NULL) != 0) {
            break;
        }
        at = found + strlen(rung);
    }
    (void)snprintf(estimate->note, sizeof estimate->note, "time not known: %.300s%.250s",
                   note.bytes == NULL ? "" : note.bytes, at);
    sal_buffer_free(&note);
}

/* Rung after rung while the next one, GROWTH times as long, still fits into the budget. */
static int climb(const struct estimates *estimates, struct rehearsal *rehearsal,
                 const struct rehearsal_step *step, struct measured *measured,
                 struct estimate *estimate, size_t *reached) {
    double x_all = extent(&estimate->work, estimate->documents, estimate->counts);
    for (*reached = 0; *reached < REHEARSAL_RUNGS; ++*reached) {
        const char *rung = rehearsal_rung(rehearsal, *reached);
        struct rehearsal_run run;
        sal_work work;
        int64_t documents = 0;
        int status =
            rung == NULL ? SAL_EIO : rehearsal_count(rehearsal, step, rung, &work, &documents);
        status = status == 0 ? prepare(rehearsal, step, rung, &work) : status;
        if (status != 0) {
            return status;
        }
        const double x = extent(&work, documents, estimate->counts);
        if (work.waiting > 0) {
            (void)snprintf(estimate->note, sizeof estimate->note,
                           "time not known: the summaries that it reads are not there yet; "
                           "estimate the whole plan (salient estimate run), or ask again later");
            continue;
        }
        if (x <= 0) {
            continue;
        }
        if (measured->spent + GROWTH * measured->last.seconds > estimates->budget ||
            (measured->runs > 0 && x <= measured->x_last)) {
            return 0; /* no time, or nothing more to see */
        }
        status = rehearsal_run(rehearsal, step, rung, NULL, &run);
        if (status != 0) {
            return status;
        }
        measured->spent += run.seconds;
        if (run.error[0] != '\0') { /* too few documents, say: a larger sample may do */
            note_error(run.error, rung, estimate);
            if (x >= x_all) {
                return 0;
            }
            continue;
        }
        estimate->note[0] = '\0';
        add_run(measured, &run, x, &work);
        if (x >= x_all) {
            ++*reached;
            return 0;
        }
    }
    return 0;
}

/* ---- the line through them -------------------------------------------------------------------------------------------------- */

/* What x = total will take, from the smallest and the largest sample. */
static double through(double x_first, double t_first, double x_last, double t_last, double total) {
    const double slope = x_last > x_first ? (t_last - t_first) / (x_last - x_first) : 0;
    if (!(slope > 0)) {
        return t_last * total / x_last;
    }
    const double fixed = t_last - slope * x_last;
    return fixed > 0 ? fixed + slope * total : t_last * total / x_last;
}

static void project_time(const struct measured *m, double total, struct estimate *estimate) {
    const double share = m->last.seconds > 0 ? m->last.processor / m->last.seconds : 1;
    if (m->pace.generated > 0) {
        const double model = m->last.pace.prefill_seconds + m->last.pace.decode_seconds;
        estimate->generated =
            (double)m->pace.generated / (double)m->texts * (double)estimate->work.texts;
        estimate->seconds =
            m->last.seconds - model +
            m->pace.prefill_seconds / m->computed * (double)estimate->work.computed +
            m->pace.decode_seconds / (double)m->pace.generated * estimate->generated;
        estimate->processor = estimate->seconds * share;
        return;
    }
    estimate->seconds = through(m->x_first, m->first.seconds, m->x_last, m->last.seconds, total);
    estimate->processor =
        through(m->x_first, m->first.processor, m->x_last, m->last.processor, total);
}

static void project(const struct measured *m, const struct model_memory *model,
                    struct estimate *estimate) {
    const double total = extent(&estimate->work, estimate->documents, estimate->counts);
    project_time(m, total, estimate);
    estimate->disk = (int64_t)((double)m->last.bytes * total / m->x_last);
    const int64_t more = estimate->work.cells > m->cells ? estimate->work.cells - m->cells : 0;
    const int64_t seen = m->last.memory + model->cell * more;
    estimate->memory = model->weights == 0 || seen > estimate->memory ? seen : estimate->memory;
}

/* Only a first look was affordable. */
static void project_look(const sal_pace *pace, const sal_work *sample, double words,
                         struct estimate *estimate) {
    const double generated = pace->generated > 0 ? (double)pace->generated : 1;
    estimate->generated = TOKENS_A_WORD * words * (double)estimate->work.units;
    estimate->seconds =
        pace->prefill_seconds / (double)sample->computed * (double)estimate->work.computed +
        pace->decode_seconds / generated * estimate->generated;
    (void)snprintf(estimate->note, sizeof estimate->note,
                   "from one prefill and a few tokens of a document: more was too long for "
                   "--seconds; texts are taken as %.1f tokens a word",
                   TOKENS_A_WORD);
}

/* ---- a step ----------------------------------------------------------------------------------------------------------------- */

static void project_endpoint(const struct rehearsal_step *step, const struct parsed *parsed,
                             double words, struct estimate *estimate) {
    const struct option_row *in = options_find(step->command, "price-in", 8);
    const struct option_row *out = options_find(step->command, "price-out", 9);
    estimate->requests = (double)estimate->work.units;
    estimate->prompt_tokens = (double)estimate->work.prompt_bytes / BYTES_A_TOKEN;
    estimate->generated = TOKENS_A_WORD * words * (double)estimate->work.units;
    if (in != NULL && out != NULL) {
        const char *config = parsed->config;
        const double price_in = *(const double *)(config + in->offset);
        const double price_out = *(const double *)(config + out->offset);
        estimate->cost =
            (estimate->prompt_tokens * price_in + estimate->generated * price_out) / 1e6;
    }
    (void)snprintf(estimate->note, sizeof estimate->note,
                   "endpoint: nothing is sent; its time depends on it, tokens are taken by rule");
}

/* Rehearse a local model, or whatever else takes its time here. */
static int rehearse(struct estimates *estimates, struct rehearsal *rehearsal,
                    const struct rehearsal_step *step, const struct model_memory *model,
                    double words, struct estimate *estimate) {
    struct measured measured = {.runs = 0};
    sal_work sample = {0};
    sal_pace pace = {0};
    int64_t documents = 0;
    double seconds = 0;
    size_t reached = 0;
    int status = 0;
    if (step->command == &command_summarize && model->weights > 0) {
        const char *rung = rehearsal_rung(rehearsal, 0);
        status =
            rung == NULL ? SAL_EIO : rehearsal_count(rehearsal, step, rung, &sample, &documents);
        if (status == 0 && sample.computed > 0) {
            status = first_look(rehearsal, step, &sample, words, &seconds, &pace);
        }
    }
    if (status == 0 && seconds <= 2 * estimates->budget) {
        status = climb(estimates, rehearsal, step, &measured, estimate, &reached);
    }
    if (status == 0 && measured.runs > 0) {
        project(&measured, model, estimate);
    } else if (status == 0 && pace.prefill_seconds > 0) {
        project_look(&pace, &sample, words, estimate);
    }
    estimate->rehearsed = measured.spent + seconds;
    return status == 0 ? fill_rungs(rehearsal, step, reached, estimate->work.units) : status;
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
        return estimates->budget > 0 ? fill_rungs(rehearsal, step, 0, estimate->work.units) : 0;
    }
    if (extent(&estimate->work, estimate->documents, estimate->counts) <= 0) {
        estimate->seconds = estimate->processor = 0;
        estimate->disk = 0;
        return 0;
    }
    return estimates->budget > 0 ? rehearse(estimates, rehearsal, step, &model, words, estimate)
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

/* The import of a plan: made on the snapshot, so that what follows sees its documents. */
static int import_all(struct estimates *estimates, struct rehearsal *rehearsal,
                      const struct rehearsal_step *step) {
    struct rehearsal_run run;
    int status = sal_grow((void **)&estimates->items, &estimates->capacity, estimates->count,
                          sizeof *estimates->items, &estimates->session->error);
    if (status == 0) {
        session_note(estimates->session, "looking at import");
        status = rehearsal_run(rehearsal, step, rehearsal->snapshot, NULL, &run);
    }
    if (status != 0) {
        return status;
    }
    struct estimate *estimate = &estimates->items[estimates->count++];
    *estimate = (struct estimate){.unit = "documents",
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
