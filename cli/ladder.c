/* Rehearse on growing samples while the time for it lasts, and take the line through what was measured. */
#include "ladder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "scratch.h"
#include "stand_in.h"

#define GROWTH 2.0             /* a rung takes about so many times what the one before took */
enum { FIRST_PROBE_RUNG = 3 }; /* eight documents: a split wants five groups */
#define FIRST_TOKENS                                                                               \
    "--max-tokens=6" /* of the first look at a model: a prefill and a few decode steps */

/* What the rehearsals of a step came to. */
struct measured {
    struct rehearsal_run last, first;
    double x_first,
        x_last;    /* of that which time grows with: computed tokens, else units, else documents */
    int64_t cells; /* of the cache, first run */
    int64_t texts;
    int runs;
    sal_pace pace; /* all runs */
    double computed;
    double spent;
};

double estimate_extent(const sal_work *work, int64_t documents, bool counts) {
    return !counts ? (double)documents
                   : (double)(work->computed > 0 ? work->computed : work->units);
}

/* ---- rehearsals ------------------------------------------------------------------------------------------------------------- */

static void add_run(struct measured *measured, const struct rehearsal_run *run, double x,
                    const sal_work *work) {
    if (measured->runs == 0) {
        measured->first = *run;
        measured->x_first = x;
        measured->cells = work->cells;
    }
    measured->last = *run;
    measured->x_last = x;
    measured->pace.prefill_seconds += run->pace.prefill_seconds;
    measured->pace.decode_seconds += run->pace.decode_seconds;
    measured->pace.generated += run->pace.generated;
    measured->computed += (double)work->computed;
    measured->texts += work->texts;
    measured->runs++;
}

/* What the rehearsals would have to leave behind for later steps, where they were too long to be made. */
int ladder_fill(struct rehearsal *rehearsal, const struct rehearsal_step *step, size_t from,
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
 * out    *seconds that all of the smallest sample would take; *run what the look took */
static int first_look(struct rehearsal *rehearsal, const struct rehearsal_step *step,
                      const sal_work *sample, double words, double *seconds,
                      struct rehearsal_run *run) {
    static const char *const more[] = {FIRST_TOKENS, "--as=first look", NULL};
    char *study = rehearsal_sample(rehearsal, "look", 1);
    int status = study == NULL ? SAL_EIO : rehearsal_run(rehearsal, step, study, more, run);
    scratch_remove(study);
    sal_free(study);
    if (status == 0 && run->error[0] != '\0') {
        return sal_fail(&rehearsal->session->error, SAL_EMODEL, "%s", run->error);
    }
    if (status != 0) {
        return status;
    }
    const double generated = run->pace.generated > 0 ? (double)run->pace.generated : 1;
    *seconds = run->seconds +
               run->pace.decode_seconds / generated * TOKENS_A_WORD * words * (double)sample->units;
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
    const double x_all = estimate_extent(&estimate->work, estimate->documents, estimate->counts);
    const bool probe = step->command == &command_probe;
    for (*reached = probe ? FIRST_PROBE_RUNG : 0; *reached < REHEARSAL_RUNGS; ++*reached) {
        const char *rung = rehearsal_rung(rehearsal, *reached);
        static const char *const no_controls[] = {"--controls=none", NULL};
        struct rehearsal_run run = {.result = EXIT_FAILED};
        sal_work work;
        int64_t documents = 0;
        int status =
            rung == NULL ? SAL_EIO : rehearsal_count(rehearsal, step, rung, &work, &documents);
        status = status == 0 ? prepare(rehearsal, step, rung, &work) : status;
        if (status != 0) {
            return status;
        }
        const double x = estimate_extent(&work, documents, estimate->counts);
        if (work.waiting > 0) {
            (void)snprintf(estimate->note, sizeof estimate->note,
                           "time not known: the summaries that it reads are not there yet; "
                           "estimate the whole plan (salient estimate run), or ask again later");
            continue;
        }
        if (x <= 0) {
            continue;
        }
        /* Most of a probe's time does not grow with the documents: one sample alone would say nothing. */
        const double budget = (probe && measured->runs == 1 ? 3 : 1) * estimates->budget;
        const double growth = probe ? 1 : GROWTH;
        if (measured->spent + growth * measured->last.seconds > budget ||
            (measured->runs > 0 && x <= measured->x_last)) {
            return 0; /* no time, or nothing more to see */
        }
        /* A probe takes the states that are missing; here they are the matter of another step. */
        status = probe ? rehearsal_run(rehearsal, step, rung, no_controls, &run) : 0;
        measured->spent += probe ? run.seconds : 0;
        if (status == 0) {
            status = rehearsal_run(rehearsal, step, rung, NULL, &run);
        }
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
    const double total = estimate_extent(&estimate->work, estimate->documents, estimate->counts);
    project_time(m, total, estimate);
    estimate->disk = (int64_t)((double)m->last.bytes * total / m->x_last);
    const int64_t more = estimate->work.cells > m->cells ? estimate->work.cells - m->cells : 0;
    /* The first run's peak: those after it lie in a process that has had a model before. */
    const int64_t seen = m->first.memory + model->cell * more;
    estimate->memory = model->weights == 0 || seen > estimate->memory ? seen : estimate->memory;
}

/* Only a first look was affordable. */
static void project_look(const struct rehearsal_run *look, const sal_work *sample, double words,
                         struct estimate *estimate) {
    const sal_pace *pace = &look->pace;
    const double generated = pace->generated > 0 ? (double)pace->generated : 1;
    estimate->generated = TOKENS_A_WORD * words * (double)estimate->work.units;
    estimate->seconds =
        look->seconds - pace->prefill_seconds - pace->decode_seconds +
        pace->prefill_seconds / (double)sample->computed * (double)estimate->work.computed +
        pace->decode_seconds / generated * estimate->generated;
    estimate->processor = estimate->seconds * look->processor / look->seconds;
    (void)snprintf(estimate->note, sizeof estimate->note,
                   "from one prefill and a few tokens of a document: more was too long for "
                   "--seconds; texts are taken as %.1f tokens a word",
                   TOKENS_A_WORD);
}

/* Rehearse a local model, or whatever else takes its time here. */
int ladder_climb(const struct estimates *estimates, struct rehearsal *rehearsal,
                 const struct rehearsal_step *step, const struct model_memory *model, double words,
                 struct estimate *estimate) {
    struct measured measured = {.runs = 0};
    sal_work sample = {0};
    struct rehearsal_run look = {.result = EXIT_FAILED};
    int64_t documents = 0;
    double seconds = 0;
    size_t reached = 0;
    int status = 0;
    if (step->command == &command_summarize && model->weights > 0) {
        const char *rung = rehearsal_rung(rehearsal, 0);
        status =
            rung == NULL ? SAL_EIO : rehearsal_count(rehearsal, step, rung, &sample, &documents);
        if (status == 0 && sample.computed > 0) {
            status = first_look(rehearsal, step, &sample, words, &seconds, &look);
        }
    }
    if (status == 0 && seconds <= 2 * estimates->budget) {
        status = climb(estimates, rehearsal, step, &measured, estimate, &reached);
    }
    if (status == 0 && measured.runs > 0) {
        project(&measured, model, estimate);
    } else if (status == 0 && look.pace.prefill_seconds > 0) {
        project_look(&look, &sample, words, estimate);
    }
    estimate->rehearsed = measured.spent + look.seconds;
    return status == 0 ? ladder_fill(rehearsal, step, reached, estimate->work.units) : status;
}
