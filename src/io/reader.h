/** Records from JSON arrays, JSONL, CSV, TSV and plain text, one at a time.
 *
 *  A record is an ordered list of name -> value. Strings are byte-exact; numbers and booleans come as their JSON text, nested arrays
 *  and objects as raw JSON text. Errors name the input, the line and what was found. Memory is bounded by the longest record.
 *
 *  What the formats accept
 *    json   an array of objects; one object; or an object whose member "data" is an array of objects (the other members are checked
 *           and passed over). Further objects may follow the first one, as in JSONL under the name .json.
 *    jsonl  one object a line; CR LF, blank lines and a byte order mark are tolerated
 *    csv    RFC 4180 with a header: quoted fields, line breaks inside them, LF or CR LF or CR between rows, blank rows passed over.
 *           A quote inside a field that does not begin with one is an ordinary character.
 *    tsv    the same with tabs
 *    txt    the whole input is one record: id = file name without folder, text = all its bytes
 */
#ifndef SALIENT_IO_READER_H
#define SALIENT_IO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/error.h"

typedef enum sal_reader_format {
    SAL_READER_AUTO, /* by extension, then by the first bytes */
    SAL_READER_JSON,
    SAL_READER_JSONL,
    SAL_READER_CSV,
    SAL_READER_TSV,
    SAL_READER_TXT
} sal_reader_format;

typedef enum sal_field_type {
    SAL_FIELD_STRING,
    SAL_FIELD_NUMBER,
    SAL_FIELD_BOOLEAN,
    SAL_FIELD_NULL,
    SAL_FIELD_NESTED /* an array or object: bytes are its JSON text */
} sal_field_type;

typedef struct sal_field {
    const char *name;  /* NUL-terminated, without NUL inside */
    const char *bytes; /* NUL-terminated, without NUL inside */
    size_t length;
    sal_field_type type;
} sal_field;

typedef struct sal_record {
    int64_t line;   /* of its first byte, from 1 */
    bool is_object; /* false: a JSON value that is no object; it has no fields */
    const sal_field *fields;
    size_t count;
} sal_record;

/** Limits; an input beyond them is refused with SAL_ELIMIT. */
typedef struct sal_reader_limits {
    size_t record_bytes; /* of the input, one record */
    size_t depth;        /* nesting of JSON, the record itself included */
    size_t fields;       /* of one record */
} sal_reader_limits;

/** The limits of import.h, and 4,096 fields. */
sal_reader_limits sal_reader_default_limits(void);

typedef struct sal_reader_options {
    sal_reader_format format;
    sal_reader_limits limits;
    /** Field names by which a CSV or TSV header is known when neither format nor extension tells; NULL-terminated, or NULL. */
    const char *const *known_names;
    /** Bytes read at a time; 0: 64 KiB. The format is told from the first block, records do not depend on it. */
    size_t block_bytes;
} sal_reader_options;

typedef struct sal_reader sal_reader;

/** "json", "jsonl", "csv", "tsv" or "txt".
 *  errs SAL_EINVAL for another name; lists the names */
int sal_reader_format_of(const char *name, sal_reader_format *format,
                         sal_error *err) SAL_MUST_CHECK;

/** Open a file ("-": standard input) and tell its format; a CSV header is read here.
 *  errs   SAL_ENOTFOUND, SAL_EIO, SAL_EFORMAT, SAL_ELIMIT, SAL_EUNSUPPORTED (compressed or Parquet), SAL_ENOMEM */
int sal_reader_open(const char *path, const sal_reader_options *options, sal_reader **out,
                    sal_error *err) SAL_MUST_CHECK;

/** The same from bytes [length], which must outlive the reader; path gives the extension and the name in errors. */
int sal_reader_open_bytes(const char *path, const char *bytes, size_t length,
                          const sal_reader_options *options, sal_reader **out,
                          sal_error *err) SAL_MUST_CHECK;

/** The next record.
 *  out    *record, valid until the next call or close; NULL at the end of the input
 *  errs   SAL_EFORMAT, SAL_ELIMIT, SAL_EIO, SAL_ENOMEM; after an error only close is allowed */
int sal_reader_next(sal_reader *reader, const sal_record **record, sal_error *err) SAL_MUST_CHECK;

/** The input as errors call it: the path as given, or "standard input". */
const char *sal_reader_name(const sal_reader *reader);
/** File name without folder; "stdin" for standard input. */
const char *sal_reader_base_name(const sal_reader *reader);
sal_reader_format sal_reader_format_found(const sal_reader *reader);

/** NULL is fine. */
void sal_reader_close(sal_reader *reader);

#endif
