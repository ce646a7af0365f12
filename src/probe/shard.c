/* The file of states of one document, as src/states writes it. */
#include "probe/shard.h"

#include <stdio.h>
#include <string.h>

void probe_shard_words_free(probe_shard_words *list) {
    sal_free(list->bytes);
    sal_free(list->words);
    sal_free(list->first);
    sal_free(list->frequency);
    *list = (probe_shard_words){0};
}

static int read_array(const sal_safetensors *file, const char *name, sal_dtype dtype, void **out,
                      size_t *count, sal_error *err) {
    const sal_tensor *tensor = NULL;
    int status = sal_safetensors_find(file, name, &tensor, err);
    if (status == SAL_OK && (tensor->dtype != dtype || tensor->axes != 1))
        status = sal_fail(err, SAL_EFORMAT, "%s is %s with %zu axes, not one axis of %s", name,
                          sal_dtype_name(tensor->dtype), tensor->axes, sal_dtype_name(dtype));
    if (status == SAL_OK)
        status = sal_tensor_count(tensor, count, err);
    if (status != SAL_OK)
        return status;
    *out = sal_calloc(*count + 1, sal_dtype_bytes(dtype));
    if (*out == NULL)
        return sal_fail_memory(err, "words of states");
    return sal_safetensors_read(file, tensor, 0, *count, *out, err);
}

static int cut_words(probe_shard_words *list, size_t length, size_t expected, sal_error *err) {
    list->words = sal_calloc(expected, sizeof *list->words);
    if (list->words == NULL)
        return sal_fail_memory(err, "words of states");
    for (size_t at = 0; at < length;) {
        char *end = memchr(list->bytes + at, '\n', length - at);
        if (end == NULL || list->count == expected)
            break;
        *end = '\0';
        list->words[list->count++] = list->bytes + at;
        at = (size_t)(end - list->bytes) + 1;
    }
    return list->count == expected
               ? SAL_OK
               : sal_fail(err, SAL_EFORMAT, "%zu words, but states of %zu", list->count, expected);
}

int probe_shard_words_read(const sal_safetensors *file, probe_shard_words *list, sal_error *err) {
    size_t length = 0, first = 0, frequency = 0;
    int status = read_array(file, "words", SAL_U8, (void **)&list->bytes, &length, err);
    if (status == SAL_OK)
        status = read_array(file, "first", SAL_I32, (void **)&list->first, &first, err);
    if (status == SAL_OK)
        status = read_array(file, "frequency", SAL_I32, (void **)&list->frequency, &frequency, err);
    if (status == SAL_OK && first != frequency)
        status = sal_fail(err, SAL_EFORMAT, "first and frequency differ in length");
    return status == SAL_OK ? cut_words(list, length, first, err) : status;
}

int probe_shard_open(sal_study *study, int64_t set, int64_t document, sal_safetensors **file,
                     char path[1000], sal_error *err) {
    sal_state_unit unit;
    *file = NULL;
    int status = sal_study_get_state_unit(study, set, document, &unit, err);
    if (status != SAL_OK || unit.inputs[0] == '\0')
        return status;
    (void)snprintf(path, 1000, "%.600s/%.299s", sal_study_path(study), unit.file);
    status = sal_safetensors_open(path, file, err);
    return status == SAL_ENOTFOUND
               ? sal_fail_in(err, status,
                             "states of a document are gone; salient states makes "
                             "them again")
               : status;
}
