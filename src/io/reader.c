#include "io/reader.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "io/reader_internal.h"
#include "salient/import.h"

static const struct {
    const char *name;
    sal_reader_format format;
} formats[] = {
    {"json", SAL_READER_JSON}, {"jsonl", SAL_READER_JSONL}, {"csv", SAL_READER_CSV},
    {"tsv", SAL_READER_TSV},   {"txt", SAL_READER_TXT},
};

enum { FORMATS = sizeof formats / sizeof formats[0], MAXIMUM_FIELDS = 4096 };

sal_reader_limits sal_reader_default_limits(void) {
    return (sal_reader_limits){SAL_IMPORT_MAXIMUM_RECORD, SAL_IMPORT_MAXIMUM_DEPTH, MAXIMUM_FIELDS};
}

int sal_reader_format_of(const char *name, sal_reader_format *format, sal_error *err) {
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(name, formats[i].name) == 0) {
            *format = formats[i].format;
            return SAL_OK;
        }
    }
    return sal_fail(err, SAL_EINVAL,
                    "unknown input format \"%s\": it is json, jsonl, csv, tsv or txt", name);
}

/* File name without folder. */
static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static sal_reader_format format_by_extension(const char *path) {
    const char *dot = strrchr(base_of(path), '.');

    if (dot == NULL) {
        return SAL_READER_AUTO;
    }
    if (strcasecmp(dot + 1, "ndjson") == 0) {
        return SAL_READER_JSONL;
    }
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcasecmp(dot + 1, formats[i].name) == 0) {
            return formats[i].format;
        }
    }
    return SAL_READER_AUTO;
}

/* Does the first line, cut at separators, hold one of the names (perhaps quoted)? */
static bool is_header(const char *line, size_t length, char separator, const char *const *names) {
    for (size_t start = 0; start <= length;) {
        const char *at = memchr(line + start, separator, length - start);
        const char *field = line + start;
        size_t count = at == NULL ? length - start : (size_t)(at - field);

        start += count + 1;
        if (count >= 2 && field[0] == '"' && field[count - 1] == '"') {
            field++;
            count -= 2;
        }
        for (const char *const *name = names; name != NULL && *name != NULL; name++) {
            if (strlen(*name) == count && memcmp(*name, field, count) == 0) {
                return true;
            }
        }
    }
    return false;
}

static sal_reader_format format_by_content(const sal_source *source, const char *const *names) {
    const char *bytes = source->block + source->position;
    const size_t length = source->length - source->position;
    size_t start = 0;
    size_t end = 0;

    while (start < length && memchr(" \t\r\n", bytes[start], 4) != NULL) {
        start++;
    }
    /* The JSON reader takes JSONL as well. */
    if (start < length && (bytes[start] == '[' || bytes[start] == '{')) {
        return SAL_READER_JSON;
    }
    while (end < length && bytes[end] != '\n' && bytes[end] != '\r') {
        end++;
    }
    if (is_header(bytes, end, '\t', names)) {
        return SAL_READER_TSV;
    }
    return is_header(bytes, end, ',', names) ? SAL_READER_CSV : SAL_READER_TXT;
}

/* Files people have that are no text: say what to do with them. */
static int refuse_binary(const sal_source *source, sal_error *err) {
    static const struct {
        const char *magic;
        size_t length;
        const char *what;
    } kinds[] = {
        {"\x1F\x8B", 2, "compressed with gzip: gunzip -c FILE | salient import STUDY -"},
        {"PK\x03\x04", 4, "a zip archive: unpack it first"},
        {"\xFD"
         "7zXZ",
         5, "compressed with xz: xz -dc FILE | salient import STUDY -"},
        {"\x28\xB5\x2F\xFD", 4, "compressed with zstd: zstd -dc FILE | salient import STUDY -"},
        {"PAR1", 4,
         "a Parquet file: install the program duckdb (pip install duckdb-cli), or write it as "
         "JSONL "
         "first: python3 -c \"import pandas, sys; pandas.read_parquet(sys.argv[1])"
         ".to_json(sys.argv[2], orient='records', lines=True)\" FILE FILE.jsonl"},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (source->filled >= kinds[i].length &&
            memcmp(source->block, kinds[i].magic, kinds[i].length) == 0) {
            return sal_fail(err, SAL_EUNSUPPORTED, "%s: this is %s%s", source->name,
                            strncmp(kinds[i].what, "a ", 2) == 0 ? "" : "a file ", kinds[i].what);
        }
    }
    return SAL_OK;
}

/* The source is open: fill it, tell the format, read a header. */
static int begin(sal_reader *reader, const char *path, const sal_reader_options *options,
                 sal_error *err) {
    sal_error refusal = {0};
    int code = sal_source_fill(&reader->source, &refusal);
    const int binary =
        code == SAL_OK || code == SAL_EFORMAT ? refuse_binary(&reader->source, err) : SAL_OK;

    if (binary != SAL_OK) {
        return binary;
    }
    if (code != SAL_OK) {
        return sal_fail(err, code, "%s", refusal.text);
    }
    reader->format = options->format;
    if (reader->format == SAL_READER_AUTO) {
        reader->format = format_by_extension(path);
    }
    if (reader->format != SAL_READER_TXT) {
        code = sal_source_skip_mark(&reader->source, err);
    }
    if (code == SAL_OK && reader->format == SAL_READER_AUTO) {
        reader->format = format_by_content(&reader->source, options->known_names);
        /* Told to be a text only now: its mark is a part of its bytes. */
        if (reader->format == SAL_READER_TXT) {
            reader->source.position = 0;
        }
    }
    if (code == SAL_OK && (reader->format == SAL_READER_CSV || reader->format == SAL_READER_TSV)) {
        code = sal_reader_read_header(reader, err);
    }
    return code;
}

static int open_reader(const char *path, const char *bytes, size_t length, bool in_memory,
                       const sal_reader_options *options, sal_reader **out, sal_error *err) {
    sal_reader *reader = sal_calloc(1, sizeof *reader);
    int code = SAL_OK;

    if (reader == NULL) {
        return sal_fail_memory(err, "a reader");
    }
    reader->limits = options->limits;
    reader->base_name = sal_copy_string(strcmp(path, "-") == 0 ? "stdin" : base_of(path));
    if (reader->base_name == NULL) {
        code = sal_fail_memory(err, path);
        goto done;
    }
    code = in_memory
               ? sal_source_open_bytes(strcmp(path, "-") == 0 ? "standard input" : path, bytes,
                                       length, options->block_bytes, &reader->source, err)
               : sal_source_open(path, options->block_bytes, &reader->source, err);
    if (code == SAL_OK) {
        code = begin(reader, path, options, err);
    }
    if (code == SAL_OK) {
        *out = reader;
        reader = NULL;
    }
done:
    sal_reader_close(reader);
    return code;
}

int sal_reader_open(const char *path, const sal_reader_options *options, sal_reader **out,
                    sal_error *err) {
    return open_reader(path, NULL, 0, false, options, out, err);
}

int sal_reader_open_bytes(const char *path, const char *bytes, size_t length,
                          const sal_reader_options *options, sal_reader **out, sal_error *err) {
    return open_reader(path, bytes, length, true, options, out, err);
}

int sal_reader_next(sal_reader *reader, const sal_record **record, sal_error *err) {
    bool found = false;
    int code = SAL_OK;

    switch (reader->format) {
    case SAL_READER_JSON:
        code = sal_reader_next_json(reader, &found, err);
        break;
    case SAL_READER_JSONL:
        code = sal_reader_next_line(reader, &found, err);
        break;
    case SAL_READER_CSV:
    case SAL_READER_TSV:
        code = sal_reader_next_row(reader, &found, err);
        break;
    case SAL_READER_TXT:
    case SAL_READER_AUTO: /* was resolved when the reader was opened */
        code = sal_reader_next_text(reader, &found, err);
        break;
    }
    if (code == SAL_OK) {
        *record = found ? &reader->record : NULL;
    }
    return code;
}

int sal_reader_take(sal_reader *reader, sal_buffer *buffer, size_t count, int64_t line,
                    sal_error *err) {
    sal_source *source = &reader->source;
    int code = SAL_OK;

    if (count > reader->limits.record_bytes ||
        buffer->length > reader->limits.record_bytes - count) {
        return sal_fail(err, SAL_ELIMIT, "%s:%lld: a record longer than %zu bytes is refused",
                        source->name, (long long)line, reader->limits.record_bytes);
    }
    code = sal_buffer_add(buffer, source->block + source->position, count, err);
    if (code == SAL_OK) {
        sal_source_take(source, count);
    }
    return code;
}

int sal_reader_grow_fields(sal_reader *reader, size_t count, int64_t line, sal_error *err) {
    if (count >= reader->limits.fields) {
        return sal_fail(err, SAL_ELIMIT, "%s:%lld: a record of more than %zu fields is refused",
                        reader->source.name, (long long)line, reader->limits.fields);
    }
    return sal_grow((void **)&reader->fields, &reader->field_capacity, count,
                    sizeof *reader->fields, err);
}

const char *sal_reader_name(const sal_reader *reader) {
    return reader->source.name;
}

const char *sal_reader_base_name(const sal_reader *reader) {
    return reader->base_name;
}

sal_reader_format sal_reader_format_found(const sal_reader *reader) {
    return reader->format;
}

void sal_reader_close(sal_reader *reader) {
    if (reader == NULL) {
        return;
    }
    json_decref(reader->root);
    sal_source_close(&reader->source);
    sal_buffer_free(&reader->bytes);
    sal_buffer_free(&reader->shell);
    sal_buffer_free(&reader->header);
    sal_free(reader->base_name);
    sal_free(reader->fields);
    sal_free(reader->spans);
    sal_free(reader);
}
