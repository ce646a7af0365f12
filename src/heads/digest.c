/* The identity of a model file. */
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
