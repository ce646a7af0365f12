/* States of rows, read from the files of one set. */
#include <stdlib.h>
#include <string.h>

#include "io/half.h"
#include "probe/data.h"
#include "probe/shard.h"
#include "salient/file.h"
#include "text/word_index.h"

void probe_source_free(probe_source *source) {
    sal_free(source->place);
    sal_free(source->layers);
    if (source->files != NULL)
        sal_strings_free(source->files, source->documents);
    *source = (probe_source){0};
}

size_t probe_source_slot(const probe_source *source, size_t layer) {
    for (size_t s = 0; s < source->layer_count; s++)
        if (source->layers[s] == layer)
            return s;
    return SIZE_MAX;
}

/* "[0,1,2]", as the study has it. */
static int parse_layers(probe_source *source, const char *json, sal_error *err) {
    size_t count = 1;
    for (const char *at = json; *at != '\0'; at++)
        count += *at == ',';
    source->layers = sal_calloc(count, sizeof *source->layers);
    if (source->layers == NULL)
        return sal_fail_memory(err, "layers");
    for (const char *at = json + 1; source->layer_count < count;) {
        char *end = NULL;
        source->layers[source->layer_count++] = strtoul(at, &end, 10);
        if (end == at || *end != ',')
            break;
        at = end + 1;
    }
    return SAL_OK;
}

/* Where the rows of a document stand in its file. */
static int find_places(probe_source *source, const probe_data *data, size_t document,
                       const sal_safetensors *file, sal_error *err) {
    probe_shard_words list = {0};
    sal_word_index index = {0};
    int status = probe_shard_words_read(file, &list, err);
    for (size_t w = 0; status == SAL_OK && w < list.count; w++) {
        size_t number = 0;
        status = sal_word_index_add(&index, list.words[w], strlen(list.words[w]), &number, err);
    }
    for (size_t r = data->start[document]; status == SAL_OK && r < data->start[document + 1]; r++) {
        const size_t number = sal_word_index_find(&index, data->words[r], strlen(data->words[r]));
        source->place[r] = number == SAL_NO_WORD ? SIZE_MAX : number;
    }
    sal_word_index_free(&index);
    probe_shard_words_free(&list);
    return status;
}

static int open_document(const probe_side *sides, probe_source *source, const probe_data *data,
                         size_t document, sal_sha256 *hash, sal_error *err) {
    const probe_side *side = &sides[data->side[document]];
    sal_safetensors *file = NULL;
    sal_state_unit unit;
    char path[1000] = "";
    int status =
        sal_study_get_state_unit(side->study, side->set->key, data->keys[document], &unit, err);
    sal_sha256_add(hash, unit.inputs, strlen(unit.inputs) + 1);
    if (status == SAL_OK)
        status =
            probe_shard_open(side->study, side->set->key, data->keys[document], &file, path, err);
    if (status == SAL_OK && file != NULL) {
        source->files[document] = sal_copy_string(path);
        status = source->files[document] == NULL ? sal_fail_memory(err, "a path")
                                                 : find_places(source, data, document, file, err);
    }
    sal_safetensors_close(file);
    return status;
}

int probe_source_open(const probe_side *sides, const probe_data *data, probe_source *source,
                      sal_error *err) {
    const sal_state_set *set = sides[0].set;
    sal_sha256 hash;
    sal_sha256_start(&hash);
    sal_sha256_add(&hash, set->layers, strlen(set->layers));
    *source = (probe_source){.set = set, .width = (size_t)set->width, .documents = data->documents};
    source->files = sal_calloc(data->documents, sizeof *source->files);
    source->place = sal_calloc(data->rows, sizeof *source->place);
    int status = source->files == NULL || source->place == NULL
                     ? sal_fail_memory(err, "states")
                     : parse_layers(source, set->layers, err);
    for (size_t r = 0; status == SAL_OK && r < data->rows; r++)
        source->place[r] = SIZE_MAX;
    for (size_t d = 0; status == SAL_OK && d < data->documents; d++)
        status = open_document(sides, source, data, d, &hash, err);
    sal_sha256_finish(&hash, source->digest);
    for (size_t r = 0; status == SAL_OK && r < data->rows; r++)
        source->missing += source->place[r] == SIZE_MAX;
    if (status != SAL_OK)
        probe_source_free(source);
    return status;
}

/* All words of one layer as floats [W,width]. */
static int read_layer(const sal_safetensors *file, const sal_tensor *tensor, size_t slot,
                      float *values, sal_error *err) {
    const size_t count = tensor->shape[1] * tensor->shape[2];
    if (tensor->dtype == SAL_F32)
        return sal_safetensors_read(file, tensor, slot * count, count, values, err);
    uint16_t *halves = sal_calloc(count, sizeof *halves);
    if (halves == NULL)
        return sal_fail_memory(err, "states");
    const int status = sal_safetensors_read(file, tensor, slot * count, count, halves, err);
    if (status == SAL_OK)
        sal_half_to_floats(halves, count, values);
    sal_free(halves);
    return status;
}

static int check_shape(const probe_source *source, const sal_tensor *tensor, sal_error *err) {
    const bool fits = (tensor->dtype == SAL_F16 || tensor->dtype == SAL_F32) && tensor->axes == 3 &&
                      tensor->shape[0] == source->layer_count && tensor->shape[2] == source->width;
    return fits ? SAL_OK
                : sal_fail(err, SAL_EFORMAT,
                           "states are not [%zu,words,%zu] of F16 or F32; salient states makes "
                           "them again when the file is removed",
                           source->layer_count, source->width);
}

int probe_source_read(const probe_source *source, const probe_data *data, size_t document,
                      size_t slot, float *states, sal_error *err) {
    const size_t start = data->start[document], rows = data->start[document + 1] - start;
    const size_t width = source->width;
    sal_safetensors *file = NULL;
    const sal_tensor *tensor = NULL;
    float *values = NULL;
    memset(states, 0, rows * width * sizeof *states);
    if (source->files[document] == NULL)
        return SAL_OK;
    int status = sal_safetensors_open(source->files[document], &file, err);
    if (status == SAL_OK)
        status = sal_safetensors_find(file, "states", &tensor, err);
    if (status == SAL_OK)
        status = check_shape(source, tensor, err);
    if (status == SAL_OK) {
        values = sal_calloc(tensor->shape[1], width * sizeof *values);
        status = values == NULL ? sal_fail_memory(err, "states")
                                : read_layer(file, tensor, slot, values, err);
    }
    for (size_t r = 0; status == SAL_OK && r < rows; r++) {
        const size_t place = source->place[start + r];
        if (place < tensor->shape[1])
            memcpy(states + r * width, values + place * width, width * sizeof *values);
    }
    sal_free(values);
    sal_safetensors_close(file);
    return status == SAL_OK ? SAL_OK : sal_fail_in(err, status, "%.300s", source->files[document]);
}
