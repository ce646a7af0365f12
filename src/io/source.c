#include "io/source.h"

#include <string.h>

#include "salient/text.h"

static const char standard_input[] = "standard input";

static int prepare(const char *name, size_t capacity, sal_source *source, sal_error *err) {
    *source = (sal_source){.line = 1, .capacity = capacity == 0 ? SAL_SOURCE_BLOCK : capacity};
    if (source->capacity < SAL_SOURCE_SMALLEST_BLOCK) {
        source->capacity = SAL_SOURCE_SMALLEST_BLOCK;
    }
    source->name = sal_copy_string(name);
    source->block = sal_calloc(source->capacity, 1);
    if (source->name == NULL || source->block == NULL) {
        sal_source_close(source);
        return sal_fail_memory(err, "an input block");
    }
    return SAL_OK;
}

int sal_source_open(const char *path, size_t capacity, sal_source *source, sal_error *err) {
    int code = prepare(strcmp(path, "-") == 0 ? standard_input : path, capacity, source, err);

    if (code == SAL_OK) {
        code = sal_file_open(path, &source->file, err);
        if (code != SAL_OK) {
            sal_source_close(source);
        }
    }
    return code;
}

int sal_source_open_bytes(const char *name, const char *bytes, size_t length, size_t capacity,
                          sal_source *source, sal_error *err) {
    const int code = prepare(name, capacity, source, err);

    if (code == SAL_OK) {
        source->memory = bytes;
        source->memory_left = length;
    }
    return code;
}

void sal_source_close(sal_source *source) {
    sal_file_close(source->file);
    sal_free(source->name);
    sal_free(source->block);
    *source = (sal_source){0};
}

static int read_bytes(sal_source *source, char *bytes, size_t capacity, size_t *length,
                      sal_error *err) {
    if (source->file != NULL) {
        return sal_file_read(source->file, bytes, capacity, length, err);
    }
    *length = source->memory_left < capacity ? source->memory_left : capacity;
    if (*length > 0) {
        memcpy(bytes, source->memory, *length);
        source->memory += *length;
        source->memory_left -= *length;
    }
    return SAL_OK;
}

/* Bytes at the end of a block that begin a character whose other bytes are still to come. */
static size_t unfinished(const char *bytes, size_t length) {
    const size_t reach = length < 3 ? length : 3;

    for (size_t back = 1; back <= reach; back++) {
        const unsigned char byte = (unsigned char)bytes[length - back];
        const size_t wanted = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;

        if ((byte & 0xC0U) != 0x80U) {
            return wanted > back ? back : 0;
        }
    }
    return 0;
}

static int64_t line_at(const sal_source *source, size_t position) {
    int64_t line = source->line;

    for (size_t i = 0; i < position; i++) {
        line += source->block[i] == '\n';
    }
    return line;
}

static int refuse_encoding(const sal_source *source, size_t bad, sal_error *err) {
    const unsigned char *block = (const unsigned char *)source->block;
    const long long offset = source->offset + (long long)bad;
    const bool utf16 =
        offset == 0 && source->filled > 1 &&
        ((block[0] == 0xFF && block[1] == 0xFE) || (block[0] == 0xFE && block[1] == 0xFF));

    return sal_fail(
        err, SAL_EFORMAT,
        "%s:%lld: not valid UTF-8: byte 0x%02X at offset %lld of the input%s; convert it "
        "to UTF-8 first (iconv -t UTF-8)",
        source->name, (long long)line_at(source, bad), block[bad], offset,
        utf16 ? " (it looks like UTF-16)" : "");
}

/* The bytes [0, length) of the block: valid, and without NUL? */
static int check_block(const sal_source *source, size_t length, sal_error *err) {
    const char *nul = memchr(source->block, '\0', length);
    size_t bad = 0;

    /* What comes first in the input is told, also when both are wrong. */
    if (nul != NULL) {
        length = (size_t)(nul - source->block);
    }
    if (length > 0 && !sal_utf8_valid(source->block, length, &bad)) {
        return refuse_encoding(source, bad, err);
    }
    if (nul != NULL) {
        return sal_fail(
            err, SAL_EFORMAT,
            "%s:%lld: a NUL byte at offset %lld of the input: texts may not hold it; is "
            "this a text file?",
            source->name, (long long)line_at(source, length),
            (long long)(source->offset + (int64_t)length));
    }
    return SAL_OK;
}

int sal_source_fill(sal_source *source, sal_error *err) {
    int code = SAL_OK;

    while (code == SAL_OK && source->position == source->length && !source->ended) {
        const size_t rest = source->filled - source->length;
        size_t got = 1;

        memmove(source->block, source->block + source->length, rest);
        source->offset += (int64_t)source->length;
        source->position = 0;
        source->length = 0;
        source->filled = rest;
        /* Pipes give little at a time: gather, as the format is told from the first block. */
        while (code == SAL_OK && got > 0 && source->filled < source->capacity) {
            code = read_bytes(source, source->block + source->filled,
                              source->capacity - source->filled, &got, err);
            source->filled += code == SAL_OK ? got : 0;
        }
        if (code != SAL_OK) {
            break;
        }
        source->ended = got == 0;
        /* At the end an unfinished character is handed to the check, which refuses it. */
        source->length = source->filled;
        if (!source->ended) {
            source->length -= unfinished(source->block, source->filled);
        }
        code = check_block(source, source->length, err);
    }
    return code;
}

void sal_source_take(sal_source *source, size_t count) {
    const char *at = source->block + source->position;
    const char *end = at + count;

    source->position += count;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        source->line++;
        at++;
    }
}

int sal_source_skip_mark(sal_source *source, sal_error *err) {
    const int code = sal_source_fill(source, err);

    if (code == SAL_OK && source->length - source->position >= 3 &&
        memcmp(source->block + source->position, "\xEF\xBB\xBF", 3) == 0) {
        source->position += 3;
    }
    return code;
}

int sal_source_skip_space(sal_source *source, sal_error *err) {
    for (;;) {
        const int code = sal_source_fill(source, err);
        size_t count = 0;

        if (code != SAL_OK || source->position == source->length) {
            return code;
        }
        while (source->position + count < source->length &&
               memchr(" \t\r\n", source->block[source->position + count], 4) != NULL) {
            count++;
        }
        sal_source_take(source, count);
        if (source->position < source->length) {
            return SAL_OK;
        }
    }
}
