/* JSONL: one record a line; and plain text: one record an input. */
#include <string.h>

#include "io/reader_internal.h"

/* Bytes of the block up to and with the next line feed; *ended when there is one. */
static size_t line_part(const sal_source *source, bool *ended) {
    const char *start = source->block + source->position;
    const size_t left = source->length - source->position;
    const char *feed = memchr(start, '\n', left);

    *ended = feed != NULL;
    return *ended ? (size_t)(feed - start) + 1 : left;
}

/* One line into reader->bytes, without its line break. *ended false: the input ends without one. */
static int read_line(sal_reader *reader, bool *ended, sal_error *err) {
    sal_source *source = &reader->source;
    const int64_t line = source->line;
    int code = SAL_OK;

    sal_buffer_clear(&reader->bytes);
    *ended = false;
    while (code == SAL_OK && !*ended) {
        code = sal_source_fill(source, err);
        if (code != SAL_OK || source->position == source->length) {
            break;
        }
        const size_t count = line_part(source, ended);
        code = sal_reader_take(reader, &reader->bytes, count, line, err);
    }
    if (code == SAL_OK && *ended) {
        reader->bytes.bytes[--reader->bytes.length] = '\0';
    }
    return code;
}

static bool is_blank_line(const sal_buffer *bytes) {
    for (size_t i = 0; i < bytes->length; i++) {
        if (memchr(" \t\r\n", bytes->bytes[i], 4) == NULL) {
            return false;
        }
    }
    return true;
}

int sal_reader_next_line(sal_reader *reader, bool *found, sal_error *err) {
    *found = false;
    for (;;) {
        const int64_t line = reader->source.line;
        bool ended = false;
        const int code = read_line(reader, &ended, err);

        if (code != SAL_OK || (reader->bytes.length == 0 && !ended)) {
            return code;
        }
        if (!is_blank_line(&reader->bytes)) {
            *found = true;
            return sal_reader_parse_record(reader, line, !ended, err);
        }
    }
}

int sal_reader_next_text(sal_reader *reader, bool *found, sal_error *err) {
    sal_source *source = &reader->source;
    int code = SAL_OK;

    *found = !reader->text_done;
    if (reader->text_done) {
        return SAL_OK;
    }
    reader->text_done = true;
    while (code == SAL_OK) {
        code = sal_source_fill(source, err);
        if (code != SAL_OK || source->position == source->length) {
            break;
        }
        code = sal_reader_take(reader, &reader->bytes, source->length - source->position, 1, err);
    }
    if (code == SAL_OK) {
        code = sal_buffer_add(&reader->bytes, "", 0, err);
    }
    for (size_t i = 0; code == SAL_OK && i < 2; i++) {
        code = sal_reader_grow_fields(reader, i, 1, err);
    }
    if (code != SAL_OK) {
        return code;
    }
    reader->fields[0] =
        (sal_field){"id", reader->base_name, strlen(reader->base_name), SAL_FIELD_STRING};
    reader->fields[1] =
        (sal_field){"text", reader->bytes.bytes, reader->bytes.length, SAL_FIELD_STRING};
    reader->record = (sal_record){1, true, reader->fields, 2};
    return SAL_OK;
}
