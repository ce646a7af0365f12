/* Cuts a JSON input into its records without holding more than one: quotes, escapes and brackets are enough to know where a value
   ends; whether it is right is then asked of jansson. */
#include <string.h>

#include "io/reader_internal.h"

/* A value being copied from the source. */
typedef struct cut {
    size_t depth;
    bool in_string;
    bool escaped;
    bool started;
    bool ended;
    /* Watching for the member "data" of an outermost object. */
    bool watch;
    bool key_next; /* a string at depth 1 would be a key */
    size_t key_start;
    bool is_data; /* the key just read is "data" */
    bool colon;   /* and its colon too */
    bool stopped; /* at the [ of the array of records, which is not copied yet */
} cut;

static int refuse(const sal_reader *reader, const char *expected, sal_error *err) {
    const sal_source *source = &reader->source;

    if (source->position == source->length) {
        return sal_fail(err, SAL_EFORMAT, "%s:%lld: the input is cut off: %s expected",
                        source->name, (long long)source->line, expected);
    }
    const unsigned char byte = (unsigned char)source->block[source->position];
    if (byte > 0x20 && byte < 0x7F) {
        return sal_fail(err, SAL_EFORMAT, "%s:%lld: not valid JSON: %s expected, '%c' found",
                        source->name, (long long)source->line, expected, byte);
    }
    return sal_fail(err, SAL_EFORMAT, "%s:%lld: not valid JSON: %s expected, byte 0x%02X found",
                    source->name, (long long)source->line, expected, byte);
}

/* The next byte that is no white space; 0 at the end. */
static int next_byte(sal_reader *reader, char *byte, sal_error *err) {
    sal_source *source = &reader->source;
    const int code = sal_source_skip_space(source, err);

    *byte = code == SAL_OK && source->position < source->length ? source->block[source->position]
                                                                : '\0';
    return code;
}

static void watch_string_end(cut *state, const sal_buffer *buffer, const char *start,
                             size_t index) {
    /* The key's last bytes may still be in the block: start[0, index] are not yet in the buffer. */
    char key[8];
    const size_t length = buffer->length + index + 1 - state->key_start;

    state->is_data = false;
    if (length != 6) {
        return;
    }
    for (size_t i = 0; i < length; i++) {
        const size_t at = state->key_start + i;

        key[i] = at < buffer->length ? buffer->bytes[at] : start[at - buffer->length];
    }
    state->is_data = memcmp(key, "\"data\"", 6) == 0;
}

/* One byte outside strings. Returns true when the value ends before this byte, or stops here. */
static bool structure(cut *state, char byte, size_t at) {
    if (state->watch && state->depth == 1 && state->is_data && state->colon && byte == '[') {
        state->stopped = true;
        return true;
    }
    switch (byte) {
    case '"':
        state->in_string = true;
        state->key_start = at;
        break;
    case '[':
    case '{':
        state->depth++;
        state->key_next = state->depth == 1;
        break;
    case ']':
    case '}':
        /* At depth 0 it belongs to whoever holds this value, a number or a word. */
        if (state->depth == 0) {
            state->ended = true;
            return true;
        }
        state->depth--;
        state->ended = state->depth == 0;
        break;
    case ',':
        if (state->depth == 0) {
            state->ended = true;
            return true;
        }
        state->key_next = state->depth == 1;
        state->is_data = false;
        break;
    case ':':
        state->colon = true;
        break;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        if (state->depth == 0 && state->started) {
            state->ended = true;
            return true;
        }
        return false;
    default:
        state->is_data = false;
        break;
    }
    state->started = true;
    return false;
}

/* How many bytes of the block belong to the value. */
static size_t scan_block(cut *state, const sal_buffer *buffer, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        const char byte = bytes[i];

        if (state->in_string) {
            if (state->escaped) {
                state->escaped = false;
            } else if (byte == '\\') {
                state->escaped = true;
            } else if (byte == '"') {
                state->in_string = false;
                state->ended = state->depth == 0;
                if (state->watch && state->depth == 1 && state->key_next) {
                    watch_string_end(state, buffer, bytes, i);
                    state->key_next = false;
                    state->colon = false;
                } else {
                    state->is_data = false;
                }
            }
        } else if (structure(state, byte, buffer->length + i)) {
            return i;
        }
        if (state->ended) {
            return i + 1;
        }
    }
    return length;
}

/* Copy one value to a buffer, or until its "data" array. At the end of the input the value is what there is. */
static int copy_value(sal_reader *reader, sal_buffer *buffer, cut *state, int64_t line,
                      sal_error *err) {
    sal_source *source = &reader->source;
    int code = SAL_OK;

    while (code == SAL_OK && !state->ended && !state->stopped) {
        code = sal_source_fill(source, err);
        if (code != SAL_OK || source->position == source->length) {
            break;
        }
        const size_t count = scan_block(state, buffer, source->block + source->position,
                                        source->length - source->position);
        code = sal_reader_take(reader, buffer, count, line, err);
        /* Deeper than allowed is refused on the way: the record need not end first. */
        if (code == SAL_OK && state->depth > reader->limits.depth) {
            code = sal_fail(err, SAL_ELIMIT, "%s:%lld: JSON nested more than %zu deep is refused",
                            source->name, (long long)line, reader->limits.depth);
        }
    }
    return code;
}

static int take_byte(sal_reader *reader, sal_error *err) {
    sal_source_take(&reader->source, 1);
    return sal_source_fill(&reader->source, err);
}

/* One element of the array of records. */
static int read_element(sal_reader *reader, sal_error *err) {
    const int64_t line = reader->source.line;
    cut state = {0};
    int code = SAL_OK;

    sal_buffer_clear(&reader->bytes);
    code = copy_value(reader, &reader->bytes, &state, line, err);
    return code == SAL_OK ? sal_reader_parse_record(reader, line, !state.ended, err) : code;
}

/* The array of records ended. In an object, the rest of it follows; the object without its records must be right too. */
static int close_array(sal_reader *reader, sal_error *err) {
    cut state = {.depth = 1, .started = true};
    json_t *root = NULL;
    int code = take_byte(reader, err);

    reader->place = SAL_JSON_BETWEEN;
    if (code != SAL_OK || !reader->in_data) {
        return code;
    }
    code = sal_buffer_add(&reader->shell, "[]", 2, err);
    if (code == SAL_OK) {
        code = copy_value(reader, &reader->shell, &state, reader->shell_line, err);
    }
    if (code == SAL_OK) {
        code = sal_reader_load_json(reader, &reader->shell, reader->shell_line, !state.ended, &root,
                                    err);
    }
    json_decref(root);
    return code;
}

/* Next element of the array, if there is one. */
static int next_element(sal_reader *reader, bool *found, sal_error *err) {
    char byte = '\0';
    int code = next_byte(reader, &byte, err);

    if (code == SAL_OK && byte == ']') {
        return close_array(reader, err);
    }
    if (code == SAL_OK && reader->place == SAL_JSON_ARRAY_NEXT) {
        if (byte != ',') {
            return refuse(reader, "',' or ']'", err);
        }
        code = take_byte(reader, err);
        if (code == SAL_OK) {
            code = next_byte(reader, &byte, err);
        }
    }
    if (code != SAL_OK) {
        return code;
    }
    if (byte == '\0' || byte == ',' || byte == ']' || byte == '}') {
        return refuse(reader, "a record", err);
    }
    reader->place = SAL_JSON_ARRAY_NEXT;
    *found = true;
    return read_element(reader, err);
}

/* An object at the top: a record, or the shell around "data". */
static int read_object(sal_reader *reader, bool *found, sal_error *err) {
    const int64_t line = reader->source.line;
    cut state = {.watch = reader->place == SAL_JSON_START};
    int code = SAL_OK;

    sal_buffer_clear(&reader->bytes);
    code = copy_value(reader, &reader->bytes, &state, line, err);
    if (code != SAL_OK) {
        return code;
    }
    if (state.stopped) {
        const sal_buffer shell = reader->bytes;

        reader->bytes = reader->shell;
        reader->shell = shell;
        reader->shell_line = line;
        reader->in_data = true;
        reader->place = SAL_JSON_ARRAY_FIRST;
        return take_byte(reader, err);
    }
    reader->place = SAL_JSON_BETWEEN;
    *found = true;
    return sal_reader_parse_record(reader, line, !state.ended, err);
}

int sal_reader_next_json(sal_reader *reader, bool *found, sal_error *err) {
    *found = false;
    for (;;) {
        char byte = '\0';
        bool was_array = false;
        int code = SAL_OK;

        if (reader->place == SAL_JSON_ARRAY_FIRST || reader->place == SAL_JSON_ARRAY_NEXT) {
            code = next_element(reader, found, err);
            if (code != SAL_OK || *found) {
                return code;
            }
            was_array = true;
        }
        code = next_byte(reader, &byte, err);
        /* An input without a record is for the caller to judge. */
        if (code != SAL_OK || (byte == '\0' && (reader->place == SAL_JSON_BETWEEN ||
                                                reader->place == SAL_JSON_START))) {
            return code;
        }
        if (was_array) {
            return refuse(reader, "the end of the input after the array", err);
        }
        if (byte == '[' && reader->place == SAL_JSON_START) {
            reader->place = SAL_JSON_ARRAY_FIRST;
            code = take_byte(reader, err);
        } else if (byte == '{') {
            code = read_object(reader, found, err);
        } else if (reader->place == SAL_JSON_START) {
            return refuse(reader, "'[' or '{'", err);
        } else {
            return refuse(reader, "'{' or the end of the input", err);
        }
        if (code != SAL_OK || *found) {
            return code;
        }
    }
}
