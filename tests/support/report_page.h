/** What the tests of the report share: a page as it was written, its JSON blocks, and what must not stand in it. */
#ifndef SALIENT_REPORT_PAGE_H
#define SALIENT_REPORT_PAGE_H

#include "testing.h"

#include <jansson.h>

#include "salient/file.h"
#include "salient/report.h"

/** Write a report and read it back; the page is the caller's. */
static inline sal_buffer write_page(sal_study *study, const char *path,
                                    const sal_report_options *options) {
    sal_error err = {0};
    sal_buffer page = {0};

    assert_ok(sal_report_write(study, path, options, NULL, &err));
    assert_ok(sal_file_read_all(path, (size_t)1 << 28, &page, &err));
    return page;
}

static inline size_t occurrences(const sal_buffer *page, const char *text) {
    size_t count = 0;

    for (const char *at = page->bytes; (at = strstr(at, text)) != NULL; at += strlen(text))
        count++;
    return count;
}

/** The JSON of the n-th element that begins so; NULL when there are not so many. */
static inline json_t *json_block(const sal_buffer *page, const char *start, int n) {
    const char *at = page->bytes;
    json_error_t where;

    for (int i = 0; i <= n; i++) {
        at = strstr(at, start);
        if (at == NULL)
            return NULL;
        at += strlen(start);
    }
    json_t *json = json_loadb(at, (size_t)(strstr(at, "</script>") - at), 0, &where);
    if (json == NULL)
        fail_msg("block %d of %s: line %d: %s", n, start, where.line, where.text);
    return json;
}

static inline json_t *study_block(const sal_buffer *page) {
    json_t *block = json_block(page, "<script type=\"application/json\" id=\"study-data\">", 0);

    assert_non_null(block);
    return block;
}

#endif
