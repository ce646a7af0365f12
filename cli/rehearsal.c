#include "rehearsal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "scratch.h"

/* ---- copies ---------------------------------------------------------------------------------------------------------------- */

static char *absolute(const char *path) {
    char here[4096];
    if (path[0] == '/' || getcwd(here, sizeof here) == NULL) {
        return sal_copy_string(path);
    }
    return scratch_join(here, path);
}

static int copy_study(struct rehearsal *rehearsal, sal_error *err) {
    sal_study *study = NULL;
    int status = sal_study_open(rehearsal->original, SAL_STUDY_READ, &study, err);
    if (status == SAL_ENOTFOUND) {
        sal_free(rehearsal->original);
        rehearsal->original = NULL;
        *err = (sal_error){0};
        return 0;
    }
    if (status == 0) {
        status = sal_study_copy(study, rehearsal->snapshot, -1, err);
    }
    const int closed = sal_study_close(study, status == 0 ? err : NULL);
    status = status != 0 ? status : closed;
    return status == 0 ? scratch_link_states(rehearsal->original, rehearsal->snapshot, err)
                       : status;
}

int rehearsal_open(struct rehearsal *rehearsal, struct session *session, const char *study) {
    sal_error *err = &session->error;
    *rehearsal = (struct rehearsal){.session = session};
    int status = scratch_make(&rehearsal->folder, err);
    if (status == 0) {
        rehearsal->original = absolute(study);
        rehearsal->snapshot = scratch_join(rehearsal->folder, "all");
        status = rehearsal->original == NULL || rehearsal->snapshot == NULL
                     ? sal_fail_memory(err, "a path")
                     : copy_study(rehearsal, err);
    }
    if (status != 0) {
        rehearsal_close(rehearsal);
    }
    return status;
}

void rehearsal_close(struct rehearsal *rehearsal) {
    scratch_remove(rehearsal->folder);
    for (size_t r = 0; r < REHEARSAL_RUNGS; r++) {
        sal_free(rehearsal->rungs[r]);
    }
    sal_free(rehearsal->snapshot);
    sal_free(rehearsal->original);
    sal_free(rehearsal->folder);
    *rehearsal = (struct rehearsal){0};
}

struct kept {
    const int64_t *keys;
    size_t count;
};

/* A file of states is called after its document's key. */
static bool is_kept(void *context, const char *name) {
    const struct kept *kept = context;
    char *end = NULL;
    const long long key = strtoll(name, &end, 10);
    for (size_t i = 0; end != name && i < kept->count; i++) {
        if (kept->keys[i] == key) {
            return true;
        }
    }
    return false;
}

/* States that the study has are there for the sample's documents too. */
static int bring_states(const struct rehearsal *rehearsal, const char *rung, sal_error *err) {
    sal_study *study = NULL;
    int64_t *keys = NULL;
    size_t count = 0;
    if (rehearsal->original == NULL) {
        return 0;
    }
    int status = sal_study_open(rung, SAL_STUDY_READ, &study, err);
    if (status == 0) {
        status = sal_study_document_keys(study, NULL, -1, &keys, &count, err);
    }
    if (status == 0) {
        struct kept kept = {keys, count};
        status = scratch_copy_states(rehearsal->original, rung, is_kept, &kept, err);
    }
    sal_free(keys);
    const int closed = sal_study_close(study, status == 0 ? err : NULL);
    return status != 0 ? status : closed;
}

static int make_sample(struct rehearsal *rehearsal, int64_t per_corpus, const char *path,
                       sal_error *err) {
    sal_study *study = NULL;
    int status = sal_study_open(rehearsal->snapshot, SAL_STUDY_READ, &study, err);
    if (status == 0) {
        status = sal_study_copy(study, path, per_corpus, err);
    }
    const int closed = sal_study_close(study, status == 0 ? err : NULL);
    status = status != 0 ? status : closed;
    return status == 0 ? bring_states(rehearsal, path, err) : status;
}

char *rehearsal_sample(struct rehearsal *rehearsal, const char *name, int64_t per_corpus) {
    sal_error *err = &rehearsal->session->error;
    char *path = scratch_join(rehearsal->folder, name);
    const int status = path == NULL ? sal_fail_memory(err, "a path")
                                    : make_sample(rehearsal, per_corpus, path, err);
    if (status != 0) {
        sal_free(path);
        return NULL;
    }
    return path;
}

const char *rehearsal_rung(struct rehearsal *rehearsal, size_t rung) {
    char name[24];
    if (rehearsal->rungs[rung] == NULL) {
        (void)snprintf(name, sizeof name, "sample-%d", 1 << rung);
        rehearsal->rungs[rung] = rehearsal_sample(rehearsal, name, (int64_t)1 << rung);
    }
    return rehearsal->rungs[rung];
}

/* ---- steps on another study ------------------------------------------------------------------------------------------------- */

int rehearsal_parse(const struct rehearsal_step *step, const char *study, const char *const *more,
                    struct parsed *parsed, char ***words, size_t *count, sal_error *err) {
    struct usage_error usage = {"", ""};
    size_t added = 0;
    while (more != NULL && more[added] != NULL) {
        added++;
    }
    *count = step->count + added;
    *words = sal_calloc(*count + 1, sizeof **words);
    if (*words == NULL) {
        return sal_fail_memory(err, "a command");
    }
    for (size_t w = 0; w < *count; w++) {
        (*words)[w] = w == step->study  ? (char *)(uintptr_t)study
                      : w < step->count ? step->words[w]
                                        : (char *)(uintptr_t)more[w - step->count];
    }
    const int status = options_parse(step->command, (int)(*count - step->used), *words + step->used,
                                     parsed, &usage);
    return status == 0            ? 0
           : status == SAL_EINVAL ? sal_fail(err, status, "%s", usage.what)
                                  : sal_fail_memory(err, "a command");
}

const char *rehearsal_text(const struct rehearsal_step *step, const struct parsed *parsed,
                           const char *option) {
    const struct option_row *row = options_find(step->command, option, strlen(option));
    return row == NULL || row->type != OPTION_TEXT
               ? NULL
               : *(const char *const *)((const char *)parsed->config + row->offset);
}

int64_t rehearsal_number(const struct rehearsal_step *step, const struct parsed *parsed,
                         const char *option, int64_t otherwise) {
    const struct option_row *row = options_find(step->command, option, strlen(option));
    if (row == NULL || row->type != OPTION_COUNT) {
        return otherwise;
    }
    const int64_t value = *(const int64_t *)((const char *)parsed->config + row->offset);
    return row->initial == NULL && value <= 0 ? otherwise : value;
}

/* Nothing of a rehearsal is for anybody's eyes. out: descriptors to come back to, -1 where that failed */
static void hush(int kept[2]) {
    const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)fflush(stdout);
    (void)fflush(stderr);
    for (int i = 0; i < 2; i++) {
        kept[i] = nothing < 0 ? -1 : dup(i + 1);
        if (kept[i] >= 0) {
            (void)dup2(nothing, i + 1);
        }
    }
    if (nothing >= 0) {
        (void)close(nothing);
    }
}

static void speak(const int kept[2]) {
    (void)fflush(stdout);
    (void)fflush(stderr);
    for (int i = 0; i < 2; i++) {
        if (kept[i] >= 0) {
            (void)dup2(kept[i], i + 1);
            (void)close(kept[i]);
        }
    }
}

static void run_parsed(const struct rehearsal_step *step, struct parsed *parsed, char **words,
                       size_t count, struct rehearsal_run *run) {
    struct common_options *common = parsed->config;
    struct session own;
    struct stage stage;
    int kept[2];
    common->quiet = true;
    common->no_progress = true;
    session_open(&own, step->command, (int)count, words, parsed);
    own.pace = &run->pace;
    hush(kept);
    stage_start(&stage);
    run->result = step->command->run(&own, parsed->config);
    run->seconds = sal_clock_seconds() - stage.wall;
    run->processor = processor_seconds() - stage.processor;
    speak(kept);
    run->memory = peak_memory_bytes();
    if (run->result != EXIT_DONE && run->result != EXIT_INCOMPLETE) {
        (void)snprintf(run->error, sizeof run->error, "%.590s",
                       own.error.text[0] != '\0' ? own.error.text : "failed");
    }
}

int rehearsal_run(struct rehearsal *rehearsal, const struct rehearsal_step *step, const char *study,
                  const char *const *more, struct rehearsal_run *run) {
    struct parsed parsed = {0};
    char **words = NULL;
    size_t count = 0;
    sal_error *err = &rehearsal->session->error;
    *run = (struct rehearsal_run){.result = EXIT_FAILED};
    int status = rehearsal_parse(step, study, more, &parsed, &words, &count, err);
    if (status == 0) {
        const int64_t before = scratch_bytes(study);
        run_parsed(step, &parsed, words, count, run);
        run->bytes = scratch_bytes(study) - before;
    }
    options_free(step->command, &parsed);
    sal_free(words);
    if (status == 0 && run->result == EXIT_INTERRUPTED) {
        return sal_fail(err, SAL_ECANCELLED, "interrupted");
    }
    return status;
}

static int count_documents(const struct rehearsal_step *step, const struct parsed *parsed,
                           sal_study *study, int64_t *documents, sal_error *err) {
    const struct common_options *common = parsed->config;
    const int64_t limit = rehearsal_number(step, parsed, "limit", -1);
    int64_t *keys = NULL;
    size_t count = 0;
    const int status = sal_study_document_keys(study, common->corpus,
                                               rehearsal_number(step, parsed, "documents", limit),
                                               &keys, &count, err);
    *documents = (int64_t)count;
    sal_free(keys);
    return status;
}

int rehearsal_count(struct rehearsal *rehearsal, const struct rehearsal_step *step,
                    const char *study, sal_work *work, int64_t *documents) {
    struct parsed parsed = {0};
    struct session own;
    sal_study *open = NULL;
    char **words = NULL;
    size_t count = 0;
    sal_error *err = &rehearsal->session->error;
    *work = (sal_work){0};
    *documents = 0;
    int status = rehearsal_parse(step, study, NULL, &parsed, &words, &count, err);
    if (status == 0) {
        status = sal_study_open(study, SAL_STUDY_WRITE, &open, err);
    }
    if (status == 0 && step->command->count != NULL) {
        session_open(&own, step->command, (int)count, words, &parsed);
        own.progress = rehearsal->session->progress;
        own.progress.note = NULL;
        if (study != rehearsal->snapshot) { /* the samples are nobody's matter */
            own.progress.update = NULL;
        }
        status = step->command->count(&own, parsed.config, open, work);
        *err = own.error;
    } else if (status == 0) {
        status = count_documents(step, &parsed, open, documents, err);
    }
    const int closed = sal_study_close(open, status == 0 ? err : NULL);
    options_free(step->command, &parsed);
    sal_free(words);
    return status != 0 ? status : closed;
}
