/* CSV and TSV (RFC 4180): fields are unquoted into reader->bytes as they are read, each with a NUL after it. */
#include <string.h>

#include "io/reader_internal.h"

typedef enum place { FIELD_START, PLAIN, QUOTED, QUOTE_CLOSED, ROW_END } place;

/* A row being read. */
typedef struct row {
    place place;
    int64_t line;       /* of the row */
    int64_t quote_line; /* of the last opening quote */
    size_t count;       /* fields finished */
    size_t taken;       /* bytes of the input */
    bool any;           /* the row has a byte besides its line break */
    bool return_seen;   /* it ended with CR: an LF right after belongs to it */
} row;

/* Bytes at the start of [bytes, length) that are ordinary in this place. */
static size_t ordinary(const sal_reader *reader, place where, const char *bytes, size_t length) {
    size_t i = 0;

    if (where == QUOTED) {
        const char *quote = memchr(bytes, '"', length);

        return quote == NULL ? length : (size_t)(quote - bytes);
    }
    if (where != PLAIN) {
        return 0;
    }
    while (i < length && bytes[i] != reader->separator && bytes[i] != '\n' && bytes[i] != '\r') {
        i++;
    }
    return i;
}

/* Field starts are kept as offsets in the spans until the row is complete: the buffer moves as it grows. */
static int start_field(sal_reader *reader, row *state, sal_error *err) {
    int code = sal_reader_grow_fields(reader, state->count, state->line, err);

    if (code == SAL_OK) {
        code = sal_grow((void **)&reader->spans, &reader->span_capacity, state->count,
                        sizeof *reader->spans, err);
    }
    if (code == SAL_OK) {
        reader->spans[state->count].start = reader->bytes.length;
    }
    return code;
}

static int end_field(sal_reader *reader, row *state, sal_error *err) {
    reader->spans[state->count].end = reader->bytes.length;
    state->count++;
    return sal_buffer_add(&reader->bytes, "", 1, err);
}

/* A byte that is not ordinary: quotes, separators, line breaks, and the first byte of a field. */
static int special(sal_reader *reader, row *state, char byte, sal_error *err) {
    const bool line_break = byte == '\n' || byte == '\r';
    const bool ends = byte == reader->separator || line_break;
    int code = SAL_OK;

    if (state->place == FIELD_START) {
        code = start_field(reader, state, err);
    }
    if (code != SAL_OK) {
        return code;
    }
    if (state->place == QUOTED) { /* it is the quote, see ordinary() */
        state->place = QUOTE_CLOSED;
    } else if (state->place == FIELD_START && byte == '"') {
        state->place = QUOTED;
        state->quote_line = reader->source.line;
    } else if (state->place == QUOTE_CLOSED && byte == '"') {
        state->place = QUOTED;
        code = sal_buffer_add(&reader->bytes, "\"", 1, err);
    } else if (ends) {
        state->place = line_break ? ROW_END : FIELD_START;
        state->return_seen = byte == '\r';
        code = end_field(reader, state, err);
    } else if (state->place == QUOTE_CLOSED) {
        code = sal_fail(err, SAL_EFORMAT,
                        "%s:%lld: text after the closing quote of a field; a quote inside a quoted "
                        "field is written twice (\"\")",
                        reader->source.name, (long long)reader->source.line);
    } else {
        state->place = PLAIN;
        code = sal_buffer_add(&reader->bytes, &byte, 1, err);
    }
    state->any = state->any || !line_break;
    return code;
}

static int check_length(const sal_reader *reader, const row *state, sal_error *err) {
    if (state->taken <= reader->limits.record_bytes) {
        return SAL_OK;
    }
    if (state->place == QUOTED) {
        return sal_fail(err, SAL_ELIMIT,
                        "%s:%lld: the quote opened here is not closed within %zu bytes, the limit "
                        "of a record",
                        reader->source.name, (long long)state->quote_line,
                        reader->limits.record_bytes);
    }
    return sal_fail(err, SAL_ELIMIT, "%s:%lld: a record longer than %zu bytes is refused",
                    reader->source.name, (long long)state->line, reader->limits.record_bytes);
}

static int read_block(sal_reader *reader, row *state, sal_error *err) {
    sal_source *source = &reader->source;
    int code = SAL_OK;

    while (code == SAL_OK && state->place != ROW_END && source->position < source->length) {
        const char *bytes = source->block + source->position;
        size_t count = ordinary(reader, state->place, bytes, source->length - source->position);

        if (count > 0) {
            code = sal_buffer_add(&reader->bytes, bytes, count, err);
        } else {
            count = 1;
            code = special(reader, state, bytes[0], err);
        }
        if (code == SAL_OK) {
            sal_source_take(source, count);
            state->taken += count;
            code = check_length(reader, state, err);
        }
    }
    return code;
}

/* The input ends: so does its last field, unless its quote is open. */
static int end_input(sal_reader *reader, row *state, sal_error *err) {
    int code = SAL_OK;

    if (state->place == QUOTED) {
        return sal_fail(
            err, SAL_EFORMAT,
            "%s:%lld: the quote opened here is never closed: the input is cut off, or a "
            "quote is missing",
            reader->source.name, (long long)state->quote_line);
    }
    if (!state->any) {
        return SAL_OK;
    }
    if (state->place == FIELD_START) {
        code = start_field(reader, state, err);
    }
    state->place = ROW_END;
    return code == SAL_OK ? end_field(reader, state, err) : code;
}

static int skip_feed(sal_reader *reader, sal_error *err) {
    sal_source *source = &reader->source;
    const int code = sal_source_fill(source, err);

    if (code == SAL_OK && source->position < source->length &&
        source->block[source->position] == '\n') {
        sal_source_take(source, 1);
    } else if (code == SAL_OK) {
        source->line++; /* CR alone ends a line too */
    }
    return code;
}

/* One row that is not blank; state->count == 0 at the end of the input. */
static int read_row(sal_reader *reader, row *state, sal_error *err) {
    int code = SAL_OK;

    do {
        *state = (row){.line = reader->source.line};
        sal_buffer_clear(&reader->bytes);
        while (code == SAL_OK && state->place != ROW_END) {
            code = sal_source_fill(&reader->source, err);
            if (code == SAL_OK && reader->source.position == reader->source.length) {
                code = end_input(reader, state, err);
                break;
            }
            if (code == SAL_OK) {
                code = read_block(reader, state, err);
            }
        }
        if (code == SAL_OK && state->return_seen) {
            code = skip_feed(reader, err);
        }
    } while (code == SAL_OK && state->place == ROW_END && !state->any);
    if (code == SAL_OK && state->place != ROW_END) {
        state->count = 0;
    }
    return code;
}

static int check_header(const sal_reader *reader, int64_t line, sal_error *err) {
    const char *names = reader->bytes.bytes;

    for (size_t i = 0; i < reader->columns; i++) {
        for (size_t j = 0; j < i; j++) {
            const char *name = names + reader->spans[i].start;

            if (strcmp(name, names + reader->spans[j].start) == 0) {
                return sal_fail(err, SAL_EFORMAT,
                                "%s:%lld: the header names \"%s\" twice (columns %zu and %zu)",
                                reader->source.name, (long long)line, name, j + 1, i + 1);
            }
        }
    }
    return SAL_OK;
}

int sal_reader_read_header(sal_reader *reader, sal_error *err) {
    row state = {0};
    int code = SAL_OK;

    reader->separator = reader->format == SAL_READER_TSV ? '\t' : ',';
    code = read_row(reader, &state, err);
    if (code != SAL_OK) {
        return code;
    }
    reader->columns = state.count;
    code = check_header(reader, state.line, err);
    /* Field names point into the header: it becomes a buffer of its own. */
    for (size_t i = 0; code == SAL_OK && i < state.count; i++) {
        code = sal_buffer_add(&reader->header, reader->bytes.bytes + reader->spans[i].start,
                              reader->spans[i].end - reader->spans[i].start + 1, err);
    }
    return code;
}

int sal_reader_next_row(sal_reader *reader, bool *found, sal_error *err) {
    const char *name = reader->header.bytes;
    row state = {0};
    const int code = read_row(reader, &state, err);

    *found = code == SAL_OK && state.count > 0;
    if (!*found) {
        return code;
    }
    if (state.count != reader->columns) {
        return sal_fail(err, SAL_EFORMAT, "%s:%lld: %zu columns, but the header has %zu",
                        reader->source.name, (long long)state.line, state.count, reader->columns);
    }
    for (size_t i = 0; i < state.count; i++) {
        const sal_json_span span = reader->spans[i];

        reader->fields[i] = (sal_field){name, reader->bytes.bytes + span.start,
                                        span.end - span.start, SAL_FIELD_STRING};
        name += strlen(name) + 1;
    }
    reader->record = (sal_record){state.line, true, reader->fields, state.count};
    return SAL_OK;
}
