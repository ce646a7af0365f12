#include <string.h>

#include "report/report_internal.h"
#include "salient/json.h"

/* The comma before a value or key, where one is due. False when an earlier call failed. */
static bool begin(sal_block *block) {
    if (block->code == SAL_OK && block->comma) {
        block->code = sal_sink_write(block->sink, ",", 1, block->err);
    }
    block->comma = true;
    return block->code == SAL_OK;
}

void sal_block_open(sal_block *block, char bracket) {
    if (begin(block)) {
        block->code = sal_sink_write(block->sink, &bracket, 1, block->err);
    }
    block->comma = false;
}

void sal_block_close(sal_block *block, char bracket) {
    if (block->code == SAL_OK) {
        block->code = sal_sink_write(block->sink, &bracket, 1, block->err);
    }
    block->comma = true;
}

void sal_block_key(sal_block *block, const char *key) {
    if (begin(block)) {
        block->code = sal_json_key(block->sink, key, block->err);
    }
    block->comma = false;
}

void sal_block_bytes(sal_block *block, const char *bytes, size_t length) {
    if (bytes == NULL) {
        sal_block_null(block);
    } else if (begin(block)) {
        block->code = sal_json_string_html(block->sink, bytes, length, block->err);
    }
}

void sal_block_string(sal_block *block, const char *string) {
    sal_block_bytes(block, string, string == NULL ? 0 : strlen(string));
}

void sal_block_integer(sal_block *block, int64_t value) {
    if (begin(block)) {
        block->code = sal_json_integer(block->sink, value, block->err);
    }
}

void sal_block_number(sal_block *block, double value) {
    if (begin(block)) {
        block->code = sal_json_double(block->sink, value, block->err);
    }
}

void sal_block_boolean(sal_block *block, bool value) {
    if (begin(block)) {
        block->code = sal_sink_string(block->sink, value ? "true" : "false", block->err);
    }
}

void sal_block_null(sal_block *block) {
    if (begin(block)) {
        block->code = sal_sink_string(block->sink, "null", block->err);
    }
}

void sal_block_put_string(sal_block *block, const char *key, const char *string) {
    sal_block_key(block, key);
    sal_block_string(block, string);
}

void sal_block_put_integer(sal_block *block, const char *key, int64_t value) {
    sal_block_key(block, key);
    sal_block_integer(block, value);
}

void sal_block_put_number(sal_block *block, const char *key, double value) {
    sal_block_key(block, key);
    sal_block_number(block, value);
}

void sal_block_put_array(sal_block *block, const char *key, const void *items, size_t count,
                         size_t size,
                         void (*put)(sal_block *block, const sal_report *report, const void *item),
                         const sal_report *report) {
    sal_block_key(block, key);
    sal_block_open(block, '[');
    for (size_t i = 0; i < count && block->code == SAL_OK; i++) {
        put(block, report, (const char *)items + i * size);
    }
    sal_block_close(block, ']');
}

void sal_block_json(sal_block *block, const char *json, size_t length) {
    if (!begin(block)) {
        return;
    }
    for (size_t i = 0; i < length && block->code == SAL_OK;) {
        const size_t plain = i;

        while (i < length && json[i] != '<' && json[i] != '>' && json[i] != '&') {
            i++;
        }
        block->code = sal_sink_write(block->sink, json + plain, i - plain, block->err);
        if (i < length && block->code == SAL_OK) {
            block->code = sal_sink_format(block->sink, block->err, "\\u%04x",
                                          (unsigned)(unsigned char)json[i]);
            i++;
        }
    }
}
