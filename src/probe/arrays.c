/* Arrays for numpy and scikit-learn: what a probe saw and what it predicted. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/stage.h"
#include "salient/file.h"

/* The head of a .npy file, format 1.0: padded so that numbers begin at a multiple of 64. columns 0: one axis. */
static int write_head(const sal_sink *sink, const char *type, size_t rows, size_t columns,
                      sal_error *err) {
    char shape[64], text[192];
    if (columns > 0)
        (void)snprintf(shape, sizeof shape, "(%zu, %zu)", rows, columns);
    else
        (void)snprintf(shape, sizeof shape, "(%zu,)", rows);
    const int length = snprintf(
        text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape);
    const size_t padded = ((size_t)length + 11 + 63) / 64 * 64 - 10; /* magic, length, newline */
    char head[256] = "\x93NUMPY\x01";
    head[8] = (char)(padded & 0xff);
    head[9] = (char)(padded >> 8);
    memset(head + 10, ' ', padded);
    memcpy(head + 10, text, (size_t)length);
    head[10 + padded - 1] = '\n';
    return sal_sink_write(sink, head, 10 + padded, err);
}

static int open_file(const probe_stage *stage, const char *name, sal_output **out, sal_error *err) {
    char path[1200];
    (void)snprintf(path, sizeof path, "%.600s/%.300s/%.200s", stage->options->export_folder,
                   stage->corpus, name);
    return sal_output_open(path, out, err);
}

static int write_numbers(const probe_stage *stage, const char *name, const char *type,
                         const void *numbers, size_t count, size_t size, sal_error *err) {
    sal_output *output = NULL;
    int status = open_file(stage, name, &output, err);
    if (status != SAL_OK)
        return status;
    const sal_sink sink = sal_output_sink(output);
    status = write_head(&sink, type, count, 0, err);
    if (status == SAL_OK)
        status = sal_sink_write(&sink, numbers, count * size, err);
    if (status == SAL_OK)
        return sal_output_commit(output, err);
    sal_output_discard(output);
    return status;
}

static int write_states(const probe_stage *stage, size_t layer, float *room, sal_error *err) {
    const probe_data *data = &stage->data;
    const size_t D = stage->trained.width;
    char name[32];
    sal_output *output = NULL;
    (void)snprintf(name, sizeof name, "X_%02zu.npy", layer);
    int status = open_file(stage, name, &output, err);
    if (status != SAL_OK)
        return status;
    const sal_sink sink = sal_output_sink(output);
    status = write_head(&sink, "<f4", data->rows, D, err);
    for (size_t d = 0; status == SAL_OK && d < data->documents; d++) {
        const size_t rows = data->start[d + 1] - data->start[d];
        status = probe_source_read(&stage->trained, data, d,
                                   probe_source_slot(&stage->trained, layer), room, err);
        if (status == SAL_OK)
            status = sal_sink_write(&sink, (const char *)room, rows * D * sizeof *room, err);
    }
    if (status == SAL_OK)
        return sal_output_commit(output, err);
    sal_output_discard(output);
    return status;
}

static int write_words(const probe_stage *stage, sal_error *err) {
    sal_output *output = NULL;
    int status = open_file(stage, "words.txt", &output, err);
    if (status != SAL_OK)
        return status;
    const sal_sink sink = sal_output_sink(output);
    for (size_t r = 0; status == SAL_OK && r < stage->data.rows; r++)
        status = sal_sink_format(&sink, err, "%s\n", stage->data.words[r]);
    if (status == SAL_OK)
        return sal_output_commit(output, err);
    sal_output_discard(output);
    return status;
}

/* Documents' groups and parts, a number for each row. */
static int write_integers(const probe_stage *stage, sal_error *err) {
    const probe_data *data = &stage->data;
    int64_t *numbers = sal_calloc(data->rows, 3 * sizeof *numbers);
    if (numbers == NULL)
        return sal_fail_memory(err, "arrays");
    int64_t *part = numbers + data->rows, *document = part + data->rows;
    for (size_t d = 0; d < data->documents; d++)
        for (size_t r = data->start[d]; r < data->start[d + 1]; r++) {
            numbers[r] = (int64_t)data->group[d];
            document[r] = (int64_t)d;
            part[r] = stage->part[r] == SIZE_MAX ? -1 : (int64_t)stage->part[r];
        }
    int status =
        write_numbers(stage, "groups.npy", "<i8", numbers, data->rows, sizeof *numbers, err);
    if (status == SAL_OK)
        status = write_numbers(stage, "split.npy", "<i8", part, data->rows, sizeof *part, err);
    if (status == SAL_OK)
        status = write_numbers(stage, "documents.npy", "<i8", document, data->rows,
                               sizeof *document, err);
    sal_free(numbers);
    return status;
}

int probe_make_folder(const char *path, sal_error *err) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return SAL_OK;
    return sal_fail(err, SAL_EIO, "%s: the folder cannot be made: %s", path, strerror(errno));
}

int probe_make_corpus_folder(const char *folder, const char *corpus, sal_error *err) {
    char path[1000];
    int status = probe_make_folder(folder, err);
    (void)snprintf(path, sizeof path, "%.600s/%.300s", folder, corpus);
    if (strchr(corpus, '/') != NULL)
        return sal_fail(err, SAL_EINVAL, "corpus %.200s cannot be a folder's name: no files of it",
                        corpus);
    return status == SAL_OK ? probe_make_folder(path, err) : status;
}

int probe_write_arrays(probe_stage *stage, sal_error *err) {
    const probe_data *data = &stage->data;
    size_t longest = 0;
    int status = probe_make_corpus_folder(stage->options->export_folder, stage->corpus, err);
    for (size_t d = 0; d < data->documents; d++)
        if (data->start[d + 1] - data->start[d] > longest)
            longest = data->start[d + 1] - data->start[d];
    float *room = sal_calloc(longest, stage->trained.width * sizeof *room);
    if (status == SAL_OK && room == NULL)
        status = sal_fail_memory(err, "arrays");
    for (size_t l = 0; status == SAL_OK && l < stage->layer_count; l++)
        status = write_states(stage, stage->layers[l], room, err);
    if (status == SAL_OK)
        status = write_numbers(stage, "y.npy", "<f8", data->y, data->rows, sizeof *data->y, err);
    if (status == SAL_OK)
        status = write_integers(stage, err);
    if (status == SAL_OK)
        status = write_words(stage, err);
    sal_free(room);
    return status;
}

int probe_write_predictions(probe_stage *stage, size_t layer, const double *predictions,
                            const double *lambda, sal_error *err) {
    char name[40];
    (void)snprintf(name, sizeof name, "prediction_%02zu.npy", layer);
    int status =
        write_numbers(stage, name, "<f8", predictions, stage->data.rows, sizeof *predictions, err);
    (void)snprintf(name, sizeof name, "lambda_%02zu.npy", layer);
    return status == SAL_OK ? write_numbers(stage, name, "<f8", lambda, stage->rounds.rounds,
                                            sizeof *lambda, err)
                            : status;
}
