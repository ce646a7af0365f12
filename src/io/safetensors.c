/* Reading safetensors. The header is a stranger's: its length, nesting, names, types, shapes and ranges are checked before any of them
 * is used. As the format demands, the arrays follow each other without holes and fill the file. */
#include "io/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/system.h"

struct sal_safetensors {
    char *path;
    int descriptor;
    const char *bytes; /* in place of the descriptor */
    json_t *header;    /* owns the names */
    sal_tensor *tensors;
    size_t *starts; /* of each tensor, in the file */
    size_t count;
};

/* ---- types ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {[SAL_F64] = {"F64", 8}, [SAL_I64] = {"I64", 8}, [SAL_F32] = {"F32", 4},
              [SAL_I32] = {"I32", 4}, [SAL_F16] = {"F16", 2}, [SAL_U8] = {"U8", 1}};

enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

const char *sal_dtype_name(sal_dtype dtype) {
    return dtypes[dtype].name;
}

size_t sal_dtype_bytes(sal_dtype dtype) {
    return dtypes[dtype].bytes;
}

int sal_tensor_bytes(const sal_tensor *tensor, size_t *bytes, sal_error *err) {
    size_t product = sal_dtype_bytes(tensor->dtype);
    if (tensor->axes > SAL_TENSOR_AXES)
        return sal_fail(err, SAL_ELIMIT, "tensor %s has %zu axes; allowed are %d", tensor->name,
                        tensor->axes, SAL_TENSOR_AXES);
    for (size_t i = 0; i < tensor->axes; i++) {
        if (tensor->shape[i] != 0 && product > INT64_MAX / tensor->shape[i])
            return sal_fail(err, SAL_ELIMIT, "tensor %s is larger than a file can be",
                            tensor->name);
        product *= tensor->shape[i];
    }
    *bytes = product;
    return SAL_OK;
}

int sal_tensor_count(const sal_tensor *tensor, size_t *count, sal_error *err) {
    int status = sal_tensor_bytes(tensor, count, err);
    if (status == SAL_OK)
        *count /= sal_dtype_bytes(tensor->dtype);
    return status;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* Read exactly length bytes at an offset. */
static int read_at(const sal_safetensors *file, size_t offset, void *out, size_t length,
                   sal_error *err) {
    char *to = out;
    if (file->bytes != NULL) {
        memcpy(to, file->bytes + offset, length);
        return SAL_OK;
    }
    if (lseek(file->descriptor, (off_t)offset, SEEK_SET) < 0)
        return sal_fail(err, SAL_EIO, "%s: cannot be read: %s", file->path, strerror(errno));
    while (length > 0) {
        ssize_t got = sal_system_read(file->descriptor, to, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sal_fail(err, SAL_EIO, "%s: cannot be read: %s", file->path, strerror(errno));
        if (got == 0)
            return sal_fail(err, SAL_EIO, "%s: became shorter while it was read", file->path);
        to += got;
        length -= (size_t)got;
    }
    return SAL_OK;
}

static int open_file(sal_safetensors *file, size_t *length, sal_error *err) {
    struct stat info;
    file->descriptor = sal_system_open(file->path, O_RDONLY | O_CLOEXEC, 0);
    if (file->descriptor < 0 || fstat(file->descriptor, &info) != 0)
        return sal_fail(err, errno == ENOENT ? SAL_ENOTFOUND : SAL_EIO, "%s: cannot be opened: %s",
                        file->path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return sal_fail(err, SAL_EIO, "%s: is no plain file", file->path);
    *length = (size_t)info.st_size;
    return SAL_OK;
}

/* ---- the header ------------------------------------------------------------------------------ */

/* jansson descends by recursion: count brackets before it sees them. */
static int check_nesting(const sal_safetensors *file, const char *text, size_t length,
                         sal_error *err) {
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (quoted) {
            if (text[i] == '\\')
                i++; /* whatever is escaped does not end the string */
            else
                quoted = text[i] != '"';
            continue;
        }
        quoted = text[i] == '"';
        depth += text[i] == '{' || text[i] == '[';
        depth -= depth > 0 && (text[i] == '}' || text[i] == ']');
        if (depth > SAL_SAFETENSORS_NESTING)
            return sal_fail(err, SAL_ELIMIT,
                            "%s: the header is nested more than %d deep at byte %zu", file->path,
                            SAL_SAFETENSORS_NESTING, i + SAL_SAFETENSORS_LENGTH);
    }
    return SAL_OK;
}

static int load_header(sal_safetensors *file, size_t file_length, size_t *data_start,
                       sal_error *err) {
    uint64_t length = 0;
    char *text = NULL;
    json_error_t found;
    if (file_length < SAL_SAFETENSORS_LENGTH)
        return sal_fail(err, SAL_EFORMAT, "%s: %zu bytes are too few for a safetensors file",
                        file->path, file_length);
    int status = read_at(file, 0, &length, sizeof length, err);
    if (status != SAL_OK)
        return status;
    if (length > SAL_SAFETENSORS_HEADER)
        return sal_fail(err, SAL_ELIMIT,
                        "%s: no safetensors file, or a header of %" PRIu64 " bytes; allowed are %d",
                        file->path, length, SAL_SAFETENSORS_HEADER);
    if (length > file_length - SAL_SAFETENSORS_LENGTH)
        return sal_fail(err, SAL_EFORMAT,
                        "%s: cut off: the header has %" PRIu64 " bytes, the file %zu", file->path,
                        length, file_length);
    text = sal_calloc((size_t)length + 1, 1);
    if (text == NULL)
        return sal_fail_memory(err, file->path);
    status = read_at(file, SAL_SAFETENSORS_LENGTH, text, (size_t)length, err);
    if (status == SAL_OK)
        status = check_nesting(file, text, (size_t)length, err);
    if (status == SAL_OK) {
        file->header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &found);
        if (file->header == NULL)
            status = json_error_code(&found) == json_error_out_of_memory
                         ? sal_fail_memory(err, file->path)
                         : sal_fail(err, SAL_EFORMAT, "%s: the header is no valid JSON: %s",
                                    file->path, found.text);
        else if (!json_is_object(file->header))
            status = sal_fail(err, SAL_EFORMAT, "%s: the header is no JSON object", file->path);
    }
    sal_free(text);
    *data_start = SAL_SAFETENSORS_LENGTH + (size_t)length;
    return status;
}

static int check_metadata(const sal_safetensors *file, json_t *metadata, sal_error *err) {
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(metadata))
        return sal_fail(err, SAL_EFORMAT, "%s: " SAL_SAFETENSORS_METADATA " is no object",
                        file->path);
    json_object_foreach(metadata, key, value) {
        if (!json_is_string(value))
            return sal_fail(err, SAL_EFORMAT, "%s: " SAL_SAFETENSORS_METADATA ": '%s' is no text",
                            file->path, key);
    }
    return SAL_OK;
}

static bool size_of_json(const json_t *value, size_t *out) {
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0)
        return false;
    *out = (size_t)number;
    return true;
}

static int read_dtype(const sal_safetensors *file, const json_t *entry, sal_tensor *tensor,
                      sal_error *err) {
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    for (size_t i = 0; name != NULL && i < DTYPES; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            tensor->dtype = (sal_dtype)i;
            return SAL_OK;
        }
    }
    return sal_fail(err, SAL_EFORMAT,
                    "%s: tensor '%s' has the type %s; read are F64, I64, F32, I32, F16 and U8",
                    file->path, tensor->name, name != NULL ? name : "(none)");
}

static int read_entry(const sal_safetensors *file, const json_t *entry, sal_tensor *tensor,
                      size_t *start, sal_error *err) {
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t end = 0, bytes = 0;
    int status = read_dtype(file, entry, tensor, err);
    if (status != SAL_OK)
        return status;
    tensor->axes = json_array_size(shape);
    if (!json_is_array(shape) || tensor->axes > SAL_TENSOR_AXES)
        return sal_fail(err, SAL_EFORMAT, "%s: tensor '%s' has no shape of at most %d axes",
                        file->path, tensor->name, SAL_TENSOR_AXES);
    for (size_t i = 0; i < tensor->axes; i++)
        if (!size_of_json(json_array_get(shape, i), &tensor->shape[i]))
            return sal_fail(err, SAL_EFORMAT, "%s: tensor '%s' has a shape that is no count",
                            file->path, tensor->name);
    if (json_array_size(offsets) != 2 || !size_of_json(json_array_get(offsets, 0), start) ||
        !size_of_json(json_array_get(offsets, 1), &end))
        return sal_fail(err, SAL_EFORMAT, "%s: tensor '%s' has no data_offsets [start, end]",
                        file->path, tensor->name);
    status = sal_tensor_bytes(tensor, &bytes, err);
    if (status != SAL_OK)
        return sal_fail_in(err, status, "%s", file->path);
    if (end < *start || end - *start != bytes)
        return sal_fail(err, SAL_EFORMAT,
                        "%s: tensor '%s' needs %zu bytes, but data_offsets are %zu to %zu",
                        file->path, tensor->name, bytes, *start, end);
    return SAL_OK;
}

/* ---- the order of names and of data ------------------------------------------------------------ */

typedef struct range {
    size_t start;
    size_t end;
    const char *name;
} range;

static int by_start(const void *a, const void *b) {
    const range *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* The arrays fill the data without holes. */
static int check_ranges(const sal_safetensors *file, size_t data_bytes, sal_error *err) {
    size_t at = 0;
    int status = SAL_OK;
    range *ranges = sal_calloc(file->count, sizeof *ranges);
    if (ranges == NULL)
        return sal_fail_memory(err, file->path);
    for (size_t i = 0; status == SAL_OK && i < file->count; i++) {
        size_t bytes = 0;
        status = sal_tensor_bytes(&file->tensors[i], &bytes, err);
        ranges[i] = (range){file->starts[i], file->starts[i] + bytes, file->tensors[i].name};
    }
    qsort(ranges, file->count, sizeof *ranges, by_start);
    for (size_t i = 0; status == SAL_OK && i < file->count; i++) {
        if (ranges[i].start != at || ranges[i].end > data_bytes)
            status = sal_fail(err, SAL_EFORMAT,
                              "%s: the data of tensor '%s' are bytes %zu to %zu; expected from "
                              "%zu, and at most to %zu",
                              file->path, ranges[i].name, ranges[i].start, ranges[i].end, at,
                              data_bytes);
        at = ranges[i].end;
    }
    if (status == SAL_OK && at != data_bytes)
        status = sal_fail(err, SAL_EFORMAT, "%s: %zu bytes belong to no tensor", file->path,
                          data_bytes - at);
    sal_free(ranges);
    return status;
}

static int by_tensor_name(const void *a, const void *b) {
    return strcmp(((const sal_tensor *)a)->name, ((const sal_tensor *)b)->name);
}

static int list_names(sal_safetensors *file, sal_error *err) {
    const char *name = NULL;
    json_t *entry = NULL;
    size_t members = json_object_size(file->header);
    file->tensors = sal_calloc(members, sizeof *file->tensors);
    file->starts = sal_calloc(members, sizeof *file->starts);
    if (file->tensors == NULL || file->starts == NULL)
        return sal_fail_memory(err, file->path);
    json_object_foreach(file->header, name, entry) {
        if (strcmp(name, SAL_SAFETENSORS_METADATA) != 0)
            file->tensors[file->count++].name = name;
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, by_tensor_name);
    return SAL_OK;
}

static int read_entries(sal_safetensors *file, size_t data_start, size_t file_length,
                        sal_error *err) {
    json_t *metadata = json_object_get(file->header, SAL_SAFETENSORS_METADATA);
    int status = metadata != NULL ? check_metadata(file, metadata, err) : SAL_OK;
    if (status == SAL_OK)
        status = list_names(file, err);
    for (size_t i = 0; status == SAL_OK && i < file->count; i++) {
        sal_tensor *tensor = &file->tensors[i];
        status = read_entry(file, json_object_get(file->header, tensor->name), tensor,
                            &file->starts[i], err);
    }
    if (status == SAL_OK)
        status = check_ranges(file, file_length - data_start, err);
    for (size_t i = 0; status == SAL_OK && i < file->count; i++)
        file->starts[i] += data_start;
    return status;
}

/* ---- open, look, read ---------------------------------------------------------------------------- */

static int open_source(const char *path, const char *bytes, size_t length, sal_safetensors **out,
                       sal_error *err) {
    size_t data_start = 0;
    sal_safetensors *file = sal_calloc(1, sizeof *file);
    if (file == NULL)
        return sal_fail_memory(err, path);
    file->descriptor = -1;
    file->bytes = bytes;
    file->path = sal_copy_string(path);
    int status = file->path != NULL ? SAL_OK : sal_fail_memory(err, path);
    if (status == SAL_OK && bytes == NULL)
        status = open_file(file, &length, err);
    if (status == SAL_OK)
        status = load_header(file, length, &data_start, err);
    if (status == SAL_OK)
        status = read_entries(file, data_start, length, err);
    if (status == SAL_OK) {
        *out = file;
        file = NULL;
    }
    sal_safetensors_close(file);
    return status;
}

int sal_safetensors_open(const char *path, sal_safetensors **out, sal_error *err) {
    return open_source(path, NULL, 0, out, err);
}

int sal_safetensors_open_bytes(const char *name, const char *bytes, size_t length,
                               sal_safetensors **out, sal_error *err) {
    return open_source(name, bytes, length, out, err);
}

void sal_safetensors_close(sal_safetensors *file) {
    if (file == NULL)
        return;
    if (file->descriptor >= 0)
        (void)sal_system_close(file->descriptor);
    json_decref(file->header);
    sal_free(file->tensors);
    sal_free(file->starts);
    sal_free(file->path);
    sal_free(file);
}

const sal_tensor *sal_safetensors_tensors(const sal_safetensors *file, size_t *count) {
    *count = file->count;
    return file->tensors;
}

int sal_safetensors_find(const sal_safetensors *file, const char *name, const sal_tensor **out,
                         sal_error *err) {
    char all[500] = "";
    size_t used = 0;
    for (size_t i = 0; i < file->count; i++) {
        const char *other = file->tensors[i].name;
        if (strcmp(other, name) == 0) {
            *out = &file->tensors[i];
            return SAL_OK;
        }
        size_t length = strlen(other);
        if (used + length + 3 < sizeof all) {
            all[used++] = ' ';
            memcpy(all + used, other, length + 1);
            used += length;
        }
    }
    return sal_fail(err, SAL_ENOTFOUND, "%s: has no tensor '%s'; there are:%s", file->path, name,
                    used > 0 ? all : " none");
}

const char *sal_safetensors_metadata(const sal_safetensors *file, const char *key) {
    return json_string_value(
        json_object_get(json_object_get(file->header, SAL_SAFETENSORS_METADATA), key));
}

int sal_safetensors_read(const sal_safetensors *file, const sal_tensor *tensor, size_t first,
                         size_t count, void *out, sal_error *err) {
    size_t index = (size_t)(tensor - file->tensors), total = 0;
    size_t element = sal_dtype_bytes(tensor->dtype);
    int status = sal_tensor_count(tensor, &total, err);
    if (status != SAL_OK)
        return status;
    if (first > total || count > total - first)
        return sal_fail(err, SAL_ESHAPE,
                        "%s: tensor '%s' has %zu elements; asked for are %zu from %zu on",
                        file->path, tensor->name, total, count, first);
    return read_at(file, file->starts[index] + first * element, out, count * element, err);
}
