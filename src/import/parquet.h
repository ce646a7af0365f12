/** Parquet files as JSONL, by the program duckdb where it is installed. */
#ifndef SALIENT_IMPORT_PARQUET_H
#define SALIENT_IMPORT_PARQUET_H

#include <stdbool.h>

#include "salient/memory.h"

/** Does the file begin as Parquet does? */
bool import_is_parquet(const char *path);

/** Write a Parquet file as JSONL below the cache, one object a row.
 *  out    *jsonl: path of the file, which import_parquet_forget removes; *installed false (and success): there is no duckdb
 *  errs   SAL_EFORMAT (with duckdb's words), SAL_EIO, SAL_ECANCELLED, SAL_EINVAL (no cache folder), SAL_ENOMEM */
int import_parquet_convert(const char *path, sal_buffer *jsonl, bool *installed,
                           sal_error *err) SAL_MUST_CHECK;

/** Remove the file and its folder. */
void import_parquet_forget(const sal_buffer *jsonl);

#endif
