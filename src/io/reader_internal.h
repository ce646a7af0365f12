/** What the readers of the single formats share. */
#ifndef SALIENT_IO_READER_INTERNAL_H
#define SALIENT_IO_READER_INTERNAL_H

#include <jansson.h>

#include "io/reader.h"
#include "io/source.h"

/** Where the JSON reader stands in its input. */
typedef enum sal_json_place {
    SAL_JSON_START,       /* before the first value */
    SAL_JSON_ARRAY_FIRST, /* after the [ of the array of records */
    SAL_JSON_ARRAY_NEXT,  /* after one of its elements */
    SAL_JSON_BETWEEN      /* after a value of the top level */
} sal_json_place;

/** Member of a JSON object: its value's bytes in the record. */
typedef struct sal_json_span {
    size_t start;
    size_t end;
} sal_json_span;

struct sal_reader {
    sal_source source;
    char *base_name; /* owned */
    sal_reader_format format;
    sal_reader_limits limits;

    sal_buffer
        bytes; /* the current record as it stands in the input; CSV: its fields, unquoted, each with a NUL */
    sal_field *fields;
    size_t field_capacity;
    sal_record record;

    /* JSON */
    json_t *root; /* the current record; strings of fields point into it */
    sal_json_span *spans;
    size_t span_capacity;
    sal_json_place place;
    bool in_data;     /* the array of records is the member "data" of an object */
    sal_buffer shell; /* that object without the records */
    int64_t shell_line;

    /* CSV and TSV */
    char separator;
    sal_buffer header; /* names, each with a NUL */
    size_t columns;

    bool text_done; /* the one record of a text file was given */
};

/** Next record of one format: *found false at the end; on true reader->record is filled. */
int sal_reader_next_json(sal_reader *reader, bool *found, sal_error *err) SAL_MUST_CHECK;
int sal_reader_next_line(sal_reader *reader, bool *found, sal_error *err) SAL_MUST_CHECK;
int sal_reader_next_row(sal_reader *reader, bool *found, sal_error *err) SAL_MUST_CHECK;
int sal_reader_next_text(sal_reader *reader, bool *found, sal_error *err) SAL_MUST_CHECK;

/** Read the header of CSV or TSV. */
int sal_reader_read_header(sal_reader *reader, sal_error *err) SAL_MUST_CHECK;

/** Make reader->record from the one JSON value in reader->bytes, which begins at `line`.
 *  in     last: nothing follows in the input (a value that breaks off is then said to be cut off) */
int sal_reader_parse_record(sal_reader *reader, int64_t line, bool last,
                            sal_error *err) SAL_MUST_CHECK;

/** SAL_OK, or the refusal of JSON bytes [length] that begin at `line`: syntax, duplicate keys, depth.
 *  out    *root new reference */
int sal_reader_load_json(const sal_reader *reader, const sal_buffer *bytes, int64_t line, bool last,
                         json_t **root, sal_error *err) SAL_MUST_CHECK;

/** Append bytes [count] of the source's block to a buffer of the record that began at `line`, and take them.
 *  errs   SAL_ELIMIT when the record becomes longer than allowed */
int sal_reader_take(sal_reader *reader, sal_buffer *buffer, size_t count, int64_t line,
                    sal_error *err) SAL_MUST_CHECK;

/** Room for one more field in reader->fields. errs SAL_ELIMIT past limits.fields, SAL_ENOMEM */
int sal_reader_grow_fields(sal_reader *reader, size_t count, int64_t line,
                           sal_error *err) SAL_MUST_CHECK;

#endif
