/* The model's name and identity in a study, and the summarizer made with it. */
#include "stage/model.h"

#include <stdio.h>
#include <string.h>

#include "salient/file.h"

void stage_model_name(const char *path, char name[256]) {
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    size_t length = strlen(base);
    if (length > 5 && strcmp(base + length - 5, ".gguf") == 0)
        length -= 5;
    (void)snprintf(name, 256, "%.*s", (int)(length < 250 ? length : 250), base);
}

int stage_digest_model(sal_study *study, const char *path, char digest[65], sal_error *err) {
    char **files = NULL;
    size_t count = 0;
    sal_sha256 all;
    int status = sal_model_files(path, &files, &count, err);
    sal_sha256_start(&all);
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        status = sal_study_file_digest(study, files[i], digest, err);
        sal_sha256_add(&all, digest, 64);
    }
    if (status == SAL_OK && count != 1)
        sal_sha256_finish(&all, digest);
    sal_strings_free(files, count);
    return status;
}

int stage_describe_system(const sal_model_options *options, char system[200], sal_error *err) {
    sal_buffer version = {0};
    int status = sal_model_system(&version, err);
    if (status == SAL_OK)
        (void)snprintf(system, 200, "%.*s; compute %s, gpu layers %d",
                       (int)strcspn(version.bytes, ";"), version.bytes,
                       sal_model_arithmetic(options->compute), options->gpu_layers);
    sal_buffer_free(&version);
    return status;
}

int stage_fail_summarizer(sal_study *study, const sal_summarizer_list *list, const char *what,
                          const char *how, sal_error *err) {
    char names[600] = "";
    size_t used = 0;
    if (list->count == 0)
        return sal_fail(err, SAL_ENOTFOUND,
                        "%.300s has no summaries yet; make some with salient summarize",
                        sal_study_path(study));
    for (size_t i = 0; i < list->count && used < sizeof names - 1; i++) {
        int length = snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ",
                              list->items[i].name);
        used += length < 0 ? 0 : (size_t)length;
    }
    return sal_fail(err, SAL_ENOTFOUND, "%s; %s: %s", what, how, names);
}

int stage_choose_summarizer(sal_study *study, const char *by, const char *model_name,
                            const char *model_digest, sal_summarizer_list **list,
                            const sal_summarizer_info **found, sal_error *err) {
    char what[400];
    int fitting = 0;
    int rc = sal_study_list_summarizers(study, list, err);
    for (size_t i = 0; rc == SAL_OK && i < (*list)->count; i++) {
        const sal_summarizer_info *info = &(*list)->items[i];
        const bool fits = by != NULL
                              ? strcmp(info->name, by) == 0
                              : info->config != NULL && strstr(info->config, model_digest) != NULL;
        *found = fits ? info : *found;
        fitting += fits;
    }
    if (rc != SAL_OK || fitting == 1)
        return rc;
    if (by != NULL)
        (void)snprintf(what, sizeof what, "there is no summarizer '%.200s'", by);
    else
        (void)snprintf(what, sizeof what, "%d summarizers were made with %.200s", fitting,
                       model_name);
    return stage_fail_summarizer(study, *list, what, "choose a summarizer with --by", err);
}
