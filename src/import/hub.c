/* hf: sources. Everything is fetched into the cache first and then imported as files are: one way of reading records, one of refusing. */
#include <string.h>

#include "base/system.h"
#include "import/import_internal.h"
#include "io/hub.h"
#include "io/partial.h"
#include "salient/cache.h"

/* Files that the published code makes of each other; the first one of a folder holds all that the later ones do. */
static const char *const summaries_files[] = {
    "predictions.json",
    "generated_summaries_with_word_importance.json",
    "generated_summaries_with_word_importance_deduplicated.json",
};
enum { SUMMARIES_FILES = sizeof summaries_files / sizeof summaries_files[0] };

typedef struct hub_import {
    sal_study *study;
    const char *source;
    const sal_import_options *options;
    const sal_progress *progress;
    sal_hub hub;
    char *name; /* OWNER/NAME */
    sal_tally tally;
    sal_error first; /* why the first file that could not be used was not */
} hub_import;

/* ---- patterns ------------------------------------------------------------------------------ */

bool import_path_matches(const char *pattern, const char *path) {
    for (; *pattern != '\0'; pattern++, path++) {
        if (*pattern == '*') {
            const bool across = pattern[1] == '*';
            const char *rest = pattern + (across ? 2 : 1);

            /* "**" with its slash also stands for no folder at all. */
            if (across && *rest == '/' && import_path_matches(rest + 1, path)) {
                return true;
            }
            for (;; path++) {
                if (import_path_matches(rest, path)) {
                    return true;
                }
                if (*path == '\0' || (*path == '/' && !across)) {
                    return false;
                }
            }
        }
        if (*path == '\0' || (*pattern == '?' ? *path == '/' : *pattern != *path)) {
            return false;
        }
    }
    return *path == '\0';
}

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* ---- one data set's rows ------------------------------------------------------------------- */

static int import_rows(hub_import *job, const char *rest, sal_error *err) {
    sal_import_options options = *job->options;
    sal_buffer path = {0};
    int code =
        import_hub_fetch_rows(&job->hub, job->source, job->name, rest, options.limit, &path, err);

    if (options.corpus == NULL) {
        options.corpus = strchr(job->name, '/') + 1;
    }
    options.format = "jsonl";
    if (code == SAL_OK) {
        code = sal_import_file(job->study, path.bytes, &options, job->progress, &job->tally, err);
    }
    /* What is in the study needs no copy; after an error (a wrong --map) the rows need not come again. */
    if (code == SAL_OK) {
        (void)sal_system_unlink(path.bytes);
    }
    sal_buffer_free(&path);
    return code;
}

/* ---- files of a repository ----------------------------------------------------------------- */

/* Place of a file among summaries_files; SUMMARIES_FILES: none of them. */
static int rank_of(const char *path) {
    int rank = 0;

    while (rank < SUMMARIES_FILES && strcmp(base_of(path), summaries_files[rank]) != 0) {
        rank++;
    }
    return rank;
}

/* The summarizer of such a file is called by its two folders, MODEL/DATASET; its corpus by the last one. */
static int name_by_folders(const char *path, sal_buffer *as, sal_buffer *corpus, sal_error *err) {
    const char *end = strrchr(path, '/');
    const char *starts[2] = {path, path};
    int code = SAL_OK;

    for (const char *at = path; end != NULL && at < end; at++) {
        if (*at == '/') {
            starts[0] = starts[1];
            starts[1] = at + 1;
        }
    }
    if (end == NULL) {
        return SAL_OK;
    }
    code = sal_buffer_add(as, starts[0], (size_t)(end - starts[0]), err);
    return code == SAL_OK ? sal_buffer_add(corpus, starts[1], (size_t)(end - starts[1]), err)
                          : code;
}

static int import_one(hub_import *job, const sal_hub_file *file, const char *path, sal_error *err) {
    sal_import_options options = *job->options;
    sal_buffer as = {0};
    sal_buffer corpus = {0};
    int code = SAL_OK;

    if (rank_of(file->path) < SUMMARIES_FILES) {
        options.summaries = true;
        code = name_by_folders(file->path, &as, &corpus, err);
    }
    if (options.as == NULL && as.length > 0) {
        options.as = as.bytes;
    }
    if (options.corpus == NULL) {
        options.corpus = corpus.length > 0 ? corpus.bytes : strchr(job->name, '/') + 1;
    }
    if (code == SAL_OK) {
        code = sal_import_file(job->study, path, &options, job->progress, &job->tally, err);
    }
    sal_buffer_free(&as);
    sal_buffer_free(&corpus);
    return code;
}

/* Download, import, remove. A file that holds nothing of use is told and counted. */
static int import_repository_file(hub_import *job, const sal_hub_file *file, sal_error *err) {
    sal_error why = {0};
    sal_buffer below = {0};
    sal_buffer path = {0};
    sal_buffer note = {0};
    bool kept = false;
    int code = sal_buffer_add_format(&below, err, "files/%s/%s", job->name, file->path);

    if (code == SAL_OK) {
        code = sal_cache_path(below.bytes, &path, err);
    }
    if (code == SAL_OK) {
        code =
            sal_hub_download(&job->hub, SAL_HUB_DATASETS, job->name, file, path.bytes, &kept, err);
    }
    if (code == SAL_OK) {
        code = import_one(job, file, path.bytes, &why);
        (void)sal_system_unlink(path.bytes);
        if (code == SAL_EFORMAT || code == SAL_ELIMIT) {
            code = sal_buffer_add_format(&note, err, "%s: skipped: %s", file->path, why.text);
            job->tally.failed++;
            if (job->first.code == SAL_OK) {
                (void)sal_fail(&job->first, SAL_EFORMAT, "%s: %s", file->path, why.text);
            }
            if (code == SAL_OK) {
                sal_progress_note(job->progress, note.bytes);
            }
        } else if (code != SAL_OK) {
            code = sal_fail(err, code, "%s", why.text);
        }
    }
    sal_buffer_free(&below);
    sal_buffer_free(&path);
    sal_buffer_free(&note);
    return code;
}

/* Is there, among those that fit, a file of the same folder from which this one was made? */
static bool is_made_from_another(const sal_hub_tree *tree, const char *pattern, const char *path) {
    const size_t folder = (size_t)(base_of(path) - path);
    const int rank = rank_of(path);

    for (size_t i = 0; i < tree->count; i++) {
        const char *other = tree->files[i].path;

        if (strncmp(other, path, folder) == 0 && base_of(other) == other + folder &&
            rank_of(other) < rank && import_path_matches(pattern, other)) {
            return true;
        }
    }
    return false;
}

static int import_files(hub_import *job, const char *pattern, sal_error *err) {
    sal_hub_tree tree = {0};
    int64_t beside = 0;
    int64_t found = 0;
    int code = sal_hub_list(&job->hub, SAL_HUB_DATASETS, job->name, &tree, err);

    for (size_t i = 0; code == SAL_OK && i < tree.count; i++) {
        const sal_hub_file *file = &tree.files[i];

        if (!import_path_matches(pattern, file->path)) {
            continue;
        }
        found++;
        if (is_made_from_another(&tree, pattern, file->path)) {
            beside++;
            continue;
        }
        code = import_repository_file(job, file, err);
    }
    if (code == SAL_OK && found == 0) {
        code = sal_fail(err, SAL_ENOTFOUND, "%s: no file of the repository fits (it has %zu)",
                        job->source, tree.count);
    }
    if (code == SAL_OK && job->tally.done + job->tally.kept == 0) {
        code = sal_fail(err, SAL_EFORMAT, "%s: no file could be used; the first one: %s",
                        job->source, job->first.text);
    }
    if (code == SAL_OK && beside > 0) {
        sal_progress_note(job->progress, "files beside a predictions.json, or beside a "
                                         "generated_summaries_with_word_importance.json, are "
                                         "computed from it: left out");
    }
    sal_hub_tree_free(&tree);
    return code;
}

int import_hub(sal_study *study, const char *source, const sal_import_options *options,
               const sal_progress *progress, sal_tally *tally, sal_error *err) {
    hub_import job = {.study = study, .source = source, .options = options, .progress = progress};
    const char *rest = NULL;
    int code = sal_hub_parse_name(source, source + strlen("hf:"), &job.name, &rest, err);

    if (code == SAL_OK) {
        code = sal_hub_open(progress, &job.hub, err);
    }
    if (code == SAL_OK) {
        code = *rest == '/' ? import_files(&job, rest + 1, err) : import_rows(&job, rest, err);
    }
    if (code == SAL_OK) {
        tally->done += job.tally.done;
        tally->kept += job.tally.kept;
        tally->failed += job.tally.failed;
        tally->refused += job.tally.refused;
        tally->truncated += job.tally.truncated;
    }
    sal_hub_close(&job.hub);
    sal_free(job.name);
    return code;
}
