/* Writing safetensors: header first, then the arrays by falling size of their elements and by name, so that each is aligned. */
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"
#include "salient/json.h"

/* One tensor's place. */
typedef struct slot {
    size_t index; /* in the caller's order */
    sal_dtype dtype;
    char *name; /* own copy */
    size_t bytes;
    size_t start; /* in the data */
    size_t axes;
    size_t shape[SAL_TENSOR_AXES];
} slot;

struct sal_safetensors_writer {
    sal_output *output;
    char *path;
    slot *slots; /* in the order of the data */
    size_t count;
    size_t current; /* slot that is being filled */
    size_t filled;  /* bytes of it that are there */
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const slot *)a)->name, ((const slot *)b)->name);
}

static int by_place(const void *a, const void *b) {
    const slot *x = a, *y = b;
    size_t wide = sal_dtype_bytes(x->dtype), other = sal_dtype_bytes(y->dtype);
    return wide != other ? (wide < other) - (wide > other) : strcmp(x->name, y->name);
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const sal_metadata *)a)->key, ((const sal_metadata *)b)->key);
}

/* ---- the header ------------------------------------------------------------------------------ */

static int fill_slots(sal_safetensors_writer *writer, const sal_tensor *tensors, sal_error *err) {
    for (size_t i = 0; i < writer->count; i++) {
        const sal_tensor *tensor = &tensors[i];
        slot *s = &writer->slots[i];
        if (tensor->name == NULL || tensor->name[0] == '\0' ||
            strcmp(tensor->name, SAL_SAFETENSORS_METADATA) == 0)
            return sal_fail(err, SAL_EINVAL, "%s: a tensor cannot be named '%s'", writer->path,
                            tensor->name != NULL ? tensor->name : "");
        *s = (slot){.index = i, .dtype = tensor->dtype, .axes = tensor->axes};
        int status = sal_tensor_bytes(tensor, &s->bytes, err);
        if (status != SAL_OK)
            return sal_fail_in(err, status, "%s", writer->path);
        memcpy(s->shape, tensor->shape, sizeof s->shape);
        s->name = sal_copy_string(tensor->name);
        if (s->name == NULL)
            return sal_fail_memory(err, writer->path);
    }
    return SAL_OK;
}

/* Starts in the order of the data; the slots are then in the order of names. */
static int place_slots(sal_safetensors_writer *writer, sal_error *err) {
    size_t at = 0;
    qsort(writer->slots, writer->count, sizeof *writer->slots, by_place);
    for (size_t i = 0; i < writer->count; i++) {
        writer->slots[i].start = at;
        if (writer->slots[i].bytes > INT64_MAX - at)
            return sal_fail(err, SAL_ELIMIT, "%s: too large for a file", writer->path);
        at += writer->slots[i].bytes;
    }
    qsort(writer->slots, writer->count, sizeof *writer->slots, by_name);
    for (size_t i = 1; i < writer->count; i++)
        if (by_name(&writer->slots[i - 1], &writer->slots[i]) == 0)
            return sal_fail(err, SAL_EINVAL, "%s: two tensors are named '%s'", writer->path,
                            writer->slots[i].name);
    return SAL_OK;
}

static int add_metadata(const sal_sink *sink, const sal_metadata *metadata, size_t count,
                        const char *path, sal_error *err) {
    sal_metadata *sorted = sal_calloc(count, sizeof *sorted);
    if (sorted == NULL)
        return sal_fail_memory(err, path);
    memcpy(sorted, metadata, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_key);
    int status = sal_sink_string(sink, "\"" SAL_SAFETENSORS_METADATA "\":{", err);
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        if (i > 0 && by_key(&sorted[i - 1], &sorted[i]) == 0)
            status = sal_fail(err, SAL_EINVAL, "%s: two texts are named '%s'", path, sorted[i].key);
        if (status == SAL_OK && i > 0)
            status = sal_sink_string(sink, ",", err);
        if (status == SAL_OK)
            status = sal_json_key(sink, sorted[i].key, err);
        if (status == SAL_OK)
            status = sal_json_string(sink, sorted[i].value, strlen(sorted[i].value), err);
    }
    sal_free(sorted);
    return status == SAL_OK ? sal_sink_string(sink, "}", err) : status;
}

static int add_slot(const sal_sink *sink, const slot *s, sal_error *err) {
    int status = sal_json_key(sink, s->name, err);
    if (status == SAL_OK)
        status =
            sal_sink_format(sink, err, "{\"dtype\":\"%s\",\"shape\":[", sal_dtype_name(s->dtype));
    for (size_t i = 0; status == SAL_OK && i < s->axes; i++)
        status = sal_sink_format(sink, err, "%s%zu", i > 0 ? "," : "", s->shape[i]);
    return status != SAL_OK ? status
                            : sal_sink_format(sink, err, "],\"data_offsets\":[%zu,%zu]}", s->start,
                                              s->start + s->bytes);
}

/* The 8 bytes of the length and the header, padded with blanks to a multiple of 8. */
static int build_header(const sal_safetensors_writer *writer, const sal_metadata *metadata,
                        size_t metadata_count, sal_buffer *out, sal_error *err) {
    const sal_sink sink = sal_buffer_sink(out);
    const char room[SAL_SAFETENSORS_LENGTH] = {0};
    int status = sal_buffer_add(out, room, sizeof room, err);
    if (status == SAL_OK)
        status = sal_sink_string(&sink, "{", err);
    if (status == SAL_OK && metadata_count > 0)
        status = add_metadata(&sink, metadata, metadata_count, writer->path, err);
    for (size_t i = 0; status == SAL_OK && i < writer->count; i++) {
        if (i > 0 || metadata_count > 0)
            status = sal_sink_string(&sink, ",", err);
        if (status == SAL_OK)
            status = add_slot(&sink, &writer->slots[i], err);
    }
    if (status == SAL_OK)
        status = sal_sink_string(&sink, "}", err);
    while (status == SAL_OK && out->length % 8 != 0)
        status = sal_sink_string(&sink, " ", err);
    if (status != SAL_OK)
        return status;
    uint64_t length = out->length - SAL_SAFETENSORS_LENGTH;
    if (length > SAL_SAFETENSORS_HEADER)
        return sal_fail(err, SAL_ELIMIT, "%s: a header of %zu bytes; allowed are %d", writer->path,
                        (size_t)length, SAL_SAFETENSORS_HEADER);
    memcpy(out->bytes, &length, sizeof length);
    return SAL_OK;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* Step over tensors without data. */
static void skip_empty(sal_safetensors_writer *writer) {
    while (writer->current < writer->count &&
           writer->filled == writer->slots[writer->current].bytes) {
        writer->current++;
        writer->filled = 0;
    }
}

int sal_safetensors_begin(const char *path, const sal_tensor *tensors, size_t count,
                          const sal_metadata *metadata, size_t metadata_count,
                          sal_safetensors_writer **out, sal_error *err) {
    sal_buffer header = {0};
    sal_safetensors_writer *writer = sal_calloc(1, sizeof *writer);
    int status = SAL_OK;
    if (writer == NULL)
        return sal_fail_memory(err, path);
    writer->path = sal_copy_string(path);
    writer->slots = sal_calloc(count, sizeof *writer->slots);
    if (writer->path == NULL || writer->slots == NULL) {
        status = sal_fail_memory(err, path);
        goto done;
    }
    writer->count = count;
    status = fill_slots(writer, tensors, err);
    if (status == SAL_OK)
        status = place_slots(writer, err);
    if (status == SAL_OK)
        status = build_header(writer, metadata, metadata_count, &header, err);
    if (status == SAL_OK)
        status = sal_output_open(path, &writer->output, err);
    if (status != SAL_OK)
        goto done;
    const sal_sink sink = sal_output_sink(writer->output);
    status = sal_sink_write(&sink, header.bytes, header.length, err);
    qsort(writer->slots, count, sizeof *writer->slots, by_place);
    skip_empty(writer);
    if (status == SAL_OK) {
        *out = writer;
        writer = NULL;
    }
done:
    sal_buffer_free(&header);
    sal_safetensors_discard(writer);
    return status;
}

size_t sal_safetensors_next(const sal_safetensors_writer *writer) {
    return writer->current < writer->count ? writer->slots[writer->current].index : writer->count;
}

int sal_safetensors_add(sal_safetensors_writer *writer, const void *data, size_t bytes,
                        sal_error *err) {
    if (bytes == 0)
        return SAL_OK;
    if (writer->current == writer->count)
        return sal_fail(err, SAL_ESHAPE, "%s: data after the last tensor", writer->path);
    const slot *s = &writer->slots[writer->current];
    if (bytes > s->bytes - writer->filled)
        return sal_fail(err, SAL_ESHAPE, "%s: tensor %s has %zu bytes, but %zu are given",
                        writer->path, s->name, s->bytes, writer->filled + bytes);
    const sal_sink sink = sal_output_sink(writer->output);
    int status = sal_sink_write(&sink, data, bytes, err);
    if (status == SAL_OK) {
        writer->filled += bytes;
        skip_empty(writer);
    }
    return status;
}

static void free_writer(sal_safetensors_writer *writer) {
    for (size_t i = 0; writer->slots != NULL && i < writer->count; i++)
        sal_free(writer->slots[i].name);
    sal_free(writer->slots);
    sal_free(writer->path);
    sal_free(writer);
}

int sal_safetensors_commit(sal_safetensors_writer *writer, sal_error *err) {
    int status = SAL_OK;
    if (writer->current < writer->count) {
        status = sal_fail(err, SAL_ESHAPE, "%s: the data of tensor %s are missing", writer->path,
                          writer->slots[writer->current].name);
        sal_output_discard(writer->output);
    } else {
        status = sal_output_commit(writer->output, err);
    }
    free_writer(writer);
    return status;
}

void sal_safetensors_discard(sal_safetensors_writer *writer) {
    if (writer == NULL)
        return;
    sal_output_discard(writer->output);
    free_writer(writer);
}

int sal_safetensors_write(const char *path, const sal_tensor *tensors, size_t count,
                          const sal_metadata *metadata, size_t metadata_count, sal_error *err) {
    sal_safetensors_writer *writer = NULL;
    int status =
        sal_safetensors_begin(path, tensors, count, metadata, metadata_count, &writer, err);
    if (status != SAL_OK || writer == NULL)
        return status;
    for (size_t i = sal_safetensors_next(writer); status == SAL_OK && i < count;
         i = sal_safetensors_next(writer)) {
        size_t bytes = 0;
        status = sal_tensor_bytes(&tensors[i], &bytes, err);
        if (status == SAL_OK)
            status = sal_safetensors_add(writer, tensors[i].data, bytes, err);
    }
    if (status == SAL_OK)
        return sal_safetensors_commit(writer, err);
    sal_safetensors_discard(writer);
    return status;
}
