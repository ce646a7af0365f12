/** safetensors files: named arrays in one file that numpy, torch and many others read.
 *
 *  A file is an 8-byte little-endian length, a JSON header {name: {dtype, shape, data_offsets}}, and the arrays. Written here: names in
 *  code-point order, nothing that depends on time or place, so equal content gives equal bytes; the file appears complete or not at
 *  all. Read here: nothing of a header is believed before it is checked.
 */
#ifndef SALIENT_SAFETENSORS_H
#define SALIENT_SAFETENSORS_H

#include <stdint.h>

#include "salient/file.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sal_dtype { SAL_F64, SAL_I64, SAL_F32, SAL_I32, SAL_F16, SAL_U8 } sal_dtype;

/** "F32" as the header spells it. */
const char *sal_dtype_name(sal_dtype dtype);
/** Bytes of one element. */
size_t sal_dtype_bytes(sal_dtype dtype);

enum { SAL_TENSOR_AXES = 8 };

/** One array, row-major. */
typedef struct sal_tensor {
    const char *name; /* UTF-8, not empty, not "__metadata__" */
    sal_dtype dtype;
    size_t axes; /* 0: a single number */
    size_t shape[SAL_TENSOR_AXES];
    const void *data; /* borrowed; what is read from a file has NULL here: sal_safetensors_read */
} sal_tensor;

/** Elements of a tensor. errs SAL_ELIMIT when their bytes do not fit a size_t */
int sal_tensor_count(const sal_tensor *tensor, size_t *count, sal_error *err) SAL_MUST_CHECK;

/** One text beside the arrays ("__metadata__"). */
typedef struct sal_metadata {
    const char *key;
    const char *value; /* UTF-8 */
} sal_metadata;

/** A file being written: the header first, then the arrays one after the other, so that they need not be in memory together. */
typedef struct sal_safetensors_writer sal_safetensors_writer;

/** Begin a file.
 *  in     tensors [count], data ignored; names and keys may come in any order, no two the same
 *  errs   SAL_EINVAL (a name twice or not allowed), SAL_ELIMIT (a header above the readers' limit), SAL_EIO, SAL_ENOMEM */
int sal_safetensors_begin(const char *path, const sal_tensor *tensors, size_t count,
                          const sal_metadata *metadata, size_t metadata_count,
                          sal_safetensors_writer **out, sal_error *err) SAL_MUST_CHECK;
/** Index (in the caller's order) of the tensor whose data come next; count after the last. Data stand in the file by falling size of
 *  their elements, then by name, so that every array is aligned. */
size_t sal_safetensors_next(const sal_safetensors_writer *writer);
/** Data of the next tensor, in pieces of any length.
 *  errs   SAL_ESHAPE (more than its shape says), SAL_EIO */
int sal_safetensors_add(sal_safetensors_writer *writer, const void *data, size_t bytes,
                        sal_error *err) SAL_MUST_CHECK;
/** Put the file in place; the writer is freed, also on failure.
 *  errs   SAL_ESHAPE (data are missing), SAL_EIO */
int sal_safetensors_commit(sal_safetensors_writer *writer, sal_error *err) SAL_MUST_CHECK;
/** Give up: nothing is left of the file. NULL is fine. */
void sal_safetensors_discard(sal_safetensors_writer *writer);

/** A whole file in one call. errs as above */
int sal_safetensors_write(const char *path, const sal_tensor *tensors, size_t count,
                          const sal_metadata *metadata, size_t metadata_count,
                          sal_error *err) SAL_MUST_CHECK;

/** A file open for reading. */
typedef struct sal_safetensors sal_safetensors;

/** Open a file and check its header: length, nesting, names, dtypes (those above), shapes, ranges that neither overlap nor pass the
 *  file's end.
 *  errs   SAL_ENOTFOUND, SAL_EIO, SAL_EFORMAT, SAL_ELIMIT, SAL_ENOMEM; the text names the path */
int sal_safetensors_open(const char *path, sal_safetensors **out, sal_error *err) SAL_MUST_CHECK;
void sal_safetensors_close(sal_safetensors *file);

/** The same from memory, for tests; name stands for the path in errors. The bytes must outlive it. */
int sal_safetensors_open_bytes(const char *name, const char *bytes, size_t length,
                               sal_safetensors **out, sal_error *err) SAL_MUST_CHECK;

/** All tensors in code-point order of their names, owned by the file. */
const sal_tensor *sal_safetensors_tensors(const sal_safetensors *file, size_t *count);
/** The tensor of that name.
 *  errs   SAL_ENOTFOUND: names the path and the tensors there are */
int sal_safetensors_find(const sal_safetensors *file, const char *name, const sal_tensor **out,
                         sal_error *err) SAL_MUST_CHECK;
/** The text of a metadata key, or NULL. */
const char *sal_safetensors_metadata(const sal_safetensors *file, const char *key);

/** Copy elements first .. first+count-1 (in row-major order) of one of this file's tensors into the caller's out.
 *  errs   SAL_ESHAPE (past the end), SAL_EIO (also when the file became shorter) */
int sal_safetensors_read(const sal_safetensors *file, const sal_tensor *tensor, size_t first,
                         size_t count, void *out, sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
