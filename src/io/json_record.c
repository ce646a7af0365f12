/* One JSON value becomes one record: jansson checks and decodes it; the members' own bytes are kept for numbers and nested values,
   which jansson would round or reformat. */
#include <stdio.h>
#include <string.h>

#include "io/reader_internal.h"

/* Steps over a string whose opening quote is at position; returns the position after its closing quote, or length. */
static size_t after_string(const char *bytes, size_t length, size_t position) {
    for (position++; position < length; position++) {
        if (bytes[position] == '\\') {
            position++;
        } else if (bytes[position] == '"') {
            return position + 1;
        }
    }
    return length;
}

/* jansson descends by recursion; brackets are counted before it sees them. */
static int check_depth(const sal_reader *reader, const sal_buffer *bytes, int64_t line,
                       sal_error *err) {
    size_t depth = 0;

    for (size_t i = 0; i < bytes->length;) {
        const char byte = bytes->bytes[i];

        if (byte == '"') {
            i = after_string(bytes->bytes, bytes->length, i);
            continue;
        }
        if (byte == '[' || byte == '{') {
            depth++;
        } else if ((byte == ']' || byte == '}') && depth > 0) {
            depth--;
        }
        if (depth > reader->limits.depth) {
            return sal_fail(err, SAL_ELIMIT, "%s:%lld: JSON nested more than %zu deep is refused",
                            reader->source.name, (long long)line, reader->limits.depth);
        }
        line += byte == '\n';
        i++;
    }
    return SAL_OK;
}

/* jansson calls the end of what it is given the end of the file; here that is one record. */
static void say_record(const char *text, char out[2 * JSON_ERROR_TEXT_LENGTH]) {
    static const char file[] = "end of file";
    const char *at = strstr(text, file);

    if (at == NULL) {
        (void)snprintf(out, 2 * (size_t)JSON_ERROR_TEXT_LENGTH, "%s", text);
        return;
    }
    (void)snprintf(out, 2 * (size_t)JSON_ERROR_TEXT_LENGTH, "%.*send of the record%s",
                   (int)(at - text), text, at + sizeof file - 1);
}

static int refuse_syntax(const sal_reader *reader, int64_t line, bool last,
                         const json_error_t *found, sal_error *err) {
    const enum json_error_code kind = json_error_code(found);
    const char *name = reader->source.name;
    const long long at = (long long)line + (found->line > 0 ? found->line - 1 : 0);
    char text[2 * JSON_ERROR_TEXT_LENGTH];

    say_record(found->text, text);

    if (kind == json_error_out_of_memory) {
        return sal_fail_memory(err, "a JSON record");
    }
    if (kind == json_error_null_character || kind == json_error_null_byte_in_key) {
        return sal_fail(err, SAL_EFORMAT,
                        "%s:%lld: a text holds the character \\u0000, which is not allowed", name,
                        at);
    }
    if (kind == json_error_premature_end_of_input && last) {
        return sal_fail(err, SAL_EFORMAT, "%s:%lld: the input is cut off inside this record (%s)",
                        name, at, text);
    }
    return sal_fail(err, SAL_EFORMAT, "%s:%lld: not valid JSON: %s (column %d)", name, at, text,
                    found->column);
}

int sal_reader_load_json(const sal_reader *reader, const sal_buffer *bytes, int64_t line, bool last,
                         json_t **root, sal_error *err) {
    /* An integer beyond 64 bits is no error: its own bytes are kept, the rounded value is not used. */
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL;
    json_error_t found;
    const int code = check_depth(reader, bytes, line, err);

    if (code != SAL_OK) {
        return code;
    }
    *root = json_loadb(bytes->bytes, bytes->length, flags, &found);
    return *root == NULL ? refuse_syntax(reader, line, last, &found, err) : SAL_OK;
}

static bool is_space(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Start of the value after position: past the colon of a key and white space. */
static size_t value_start(const char *bytes, size_t length, size_t position) {
    while (position < length && (is_space(bytes[position]) || bytes[position] == ':')) {
        position++;
    }
    return position;
}

/* End of the value that starts at position (of valid JSON). */
static size_t value_end(const char *bytes, size_t length, size_t position) {
    size_t depth = 0;

    while (position < length) {
        const char byte = bytes[position];

        if (byte == '"') {
            position = after_string(bytes, length, position);
            if (depth == 0) {
                return position;
            }
            continue;
        }
        if (depth == 0 && (byte == ',' || byte == '}' || byte == ']' || is_space(byte))) {
            return position;
        }
        position++;
        if (byte == '[' || byte == '{') {
            depth++;
        } else if ((byte == ']' || byte == '}') && --depth == 0) {
            return position;
        }
    }
    return position;
}

/* Spans of the values of the object in reader->bytes, which jansson found valid: they come in the order of its members. */
static int find_values(sal_reader *reader, size_t count, sal_error *err) {
    const char *bytes = reader->bytes.bytes;
    const size_t length = reader->bytes.length;
    size_t position = 0;

    while (position < length && bytes[position] != '{') {
        position++;
    }
    for (size_t i = 0; i < count; i++) {
        const int code = sal_grow((void **)&reader->spans, &reader->span_capacity, i,
                                  sizeof *reader->spans, err);

        if (code != SAL_OK) {
            return code;
        }
        while (position < length && bytes[position] != '"') {
            position++;
        }
        position = value_start(bytes, length, after_string(bytes, length, position));
        reader->spans[i].start = position;
        position = value_end(bytes, length, position);
        reader->spans[i].end = position;
    }
    return SAL_OK;
}

static void fill_field(sal_reader *reader, sal_field *field, const sal_json_span *span,
                       const json_t *value) {
    if (json_is_string(value)) {
        field->type = SAL_FIELD_STRING;
        field->bytes = json_string_value(value);
        field->length = json_string_length(value);
        return;
    }
    field->type = json_is_number(value)    ? SAL_FIELD_NUMBER
                  : json_is_boolean(value) ? SAL_FIELD_BOOLEAN
                  : json_is_null(value)    ? SAL_FIELD_NULL
                                           : SAL_FIELD_NESTED;
    /* A comma, brace or blank follows the value; all spans are known, so a NUL may take its place. */
    reader->bytes.bytes[span->end] = '\0';
    field->bytes = reader->bytes.bytes + span->start;
    field->length = span->end - span->start;
}

static int fill_record(sal_reader *reader, sal_error *err) {
    const size_t count = json_object_size(reader->root);
    const char *name = NULL;
    json_t *value = NULL;
    size_t i = 0;
    int code = find_values(reader, count, err);

    if (code != SAL_OK) {
        return code;
    }
    json_object_foreach(reader->root, name, value) {
        code = sal_reader_grow_fields(reader, i, reader->record.line, err);
        if (code != SAL_OK) {
            return code;
        }
        reader->fields[i].name = name;
        fill_field(reader, &reader->fields[i], &reader->spans[i], value);
        i++;
    }
    reader->record.fields = reader->fields;
    reader->record.count = i;
    return SAL_OK;
}

int sal_reader_parse_record(sal_reader *reader, int64_t line, bool last, sal_error *err) {
    int code = SAL_OK;

    json_decref(reader->root);
    reader->root = NULL;
    code = sal_reader_load_json(reader, &reader->bytes, line, last, &reader->root, err);
    if (code != SAL_OK) {
        return code;
    }
    reader->record = (sal_record){.line = line, .is_object = json_is_object(reader->root)};
    return reader->record.is_object ? fill_record(reader, err) : SAL_OK;
}
