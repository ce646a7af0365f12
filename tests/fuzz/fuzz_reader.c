/* The record readers. Held against any input:
   - errors have a text that begins with the name of the input; records have fields that end with NUL and are valid UTF-8;
   - the same records come out when the input arrives 8 bytes at a time;
   - a string that is written as JSON, or as a CSV field, reads back as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/reader.h"
#include "salient/json.h"
#include "salient/memory.h"
#include "salient/text.h"

static const char *const names[] = {"f.json", "f.jsonl", "f.csv", "f.tsv", "f.txt", "f"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) {
        abort();
    }
}

/* Everything a reader gives, as one string: lines, names, types, bytes. */
static int read_all(const char *name, const char *bytes, size_t length, size_t block,
                    sal_buffer *out, sal_error *err) {
    static const char *const known[] = {"id", "text", NULL};
    const sal_reader_options options = {SAL_READER_AUTO, {2000, 16, 20}, known, block};
    const sal_record *record = NULL;
    sal_reader *reader = NULL;
    int code = sal_reader_open_bytes(name, bytes, length, &options, &reader, err);

    while (code == SAL_OK) {
        code = sal_reader_next(reader, &record, err);
        if (code != SAL_OK || record == NULL) {
            break;
        }
        must(sal_buffer_add_format(out, NULL, "%lld %d %zu\n", (long long)record->line,
                                   record->is_object, record->count) == 0);
        for (size_t i = 0; i < record->count; i++) {
            const sal_field *field = &record->fields[i];

            must(strlen(field->bytes) == field->length &&
                 sal_utf8_valid(field->bytes, field->length, NULL));
            must(sal_utf8_valid(field->name, strlen(field->name), NULL));
            must(sal_buffer_add_format(out, NULL, "%s %d %s\n", field->name, (int)field->type,
                                       field->bytes) == 0);
        }
    }
    sal_reader_close(reader);
    return code;
}

/* The one field of the one record of an input. */
static void reads_back(const char *name, const sal_buffer *input, const char *bytes,
                       size_t length) {
    const sal_reader_options options = {SAL_READER_AUTO, sal_reader_default_limits(), NULL, 0};
    const sal_record *record = NULL;
    sal_reader *reader = NULL;

    must(sal_reader_open_bytes(name, input->bytes, input->length, &options, &reader, NULL) == 0);
    must(sal_reader_next(reader, &record, NULL) == 0 && record != NULL && record->count == 1);
    must(record->fields[0].length == length && memcmp(record->fields[0].bytes, bytes, length) == 0);
    must(sal_reader_next(reader, &record, NULL) == 0 && record == NULL);
    sal_reader_close(reader);
}

static void round_trip(const char *bytes, size_t length) {
    sal_buffer json = {0};
    sal_buffer csv = {0};
    const sal_sink json_sink = sal_buffer_sink(&json);
    const sal_sink csv_sink = sal_buffer_sink(&csv);

    if (memchr(bytes, '\0', length) != NULL || !sal_utf8_valid(bytes, length, NULL)) {
        return;
    }
    must(sal_sink_string(&json_sink, "{\"t\":", NULL) == 0);
    must(sal_json_string(&json_sink, bytes, length, NULL) == 0);
    must(sal_sink_string(&json_sink, "}\n", NULL) == 0);
    reads_back("t.jsonl", &json, bytes, length);
    must(sal_sink_string(&csv_sink, "t\n", NULL) == 0);
    must(sal_csv_field(&csv_sink, bytes, length, NULL) == 0);
    must(sal_sink_string(&csv_sink, "\r\n", NULL) == 0);
    reads_back("t.csv", &csv, bytes, length);
    sal_buffer_free(&json);
    sal_buffer_free(&csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { NAMES = sizeof names / sizeof names[0] };
    sal_buffer whole = {0};
    sal_buffer pieces = {0};
    sal_error err = {0};

    if (size == 0) {
        return 0;
    }
    /* A copy of exactly that size, so that the address sanitizer sees every byte read past it. */
    const char *name = names[data[0] % NAMES];
    char *bytes = malloc(size);
    must(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);

    const int code = read_all(name, bytes, size - 1, 0, &whole, &err);
    must(code == err.code);
    must(code == SAL_OK || strncmp(err.text, name, strlen(name)) == 0);
    /* The format is told from the first block, so that its size may only vary where the name tells. */
    if (data[0] % NAMES != NAMES - 1) {
        must((read_all(name, bytes, size - 1, 8, &pieces, NULL) == SAL_OK) == (code == SAL_OK));
        must(code != SAL_OK ||
             (whole.length == pieces.length &&
              (whole.length == 0 || memcmp(whole.bytes, pieces.bytes, whole.length) == 0)));
    }
    round_trip(bytes, size - 1);
    sal_buffer_free(&whole);
    sal_buffer_free(&pieces);
    free(bytes);
    return 0;
}
