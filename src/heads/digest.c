/* The identity of a model file, and of what runs it. */
#include <stdio.h>
#include <string.h>

#include "heads/heads_internal.h"
#include "salient/file.h"

int head_digest_model(sal_study *study, const char *path, char digest[65], sal_error *err) {
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

int head_describe_system(const sal_model_options *options, char system[200], sal_error *err) {
    sal_buffer version = {0};
    int status = sal_model_system(&version, err);
    if (status == SAL_OK)
        (void)snprintf(system, 200, "%.*s; compute %s, gpu layers %d",
                       (int)strcspn(version.bytes, ";"), version.bytes,
                       sal_model_arithmetic(options->compute), options->gpu_layers);
    sal_buffer_free(&version);
    return status;
}
