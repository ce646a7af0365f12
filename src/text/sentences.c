/* Sentences: ICU's break iterator over the UTF-8 bytes themselves, with CLDR's abbreviations of the language
 * (keyword ss=standard), so that "Mr. Smith" is not two sentences.
 * ICU's rules end a sentence at every line end (UAX 29, SB4), but an abbreviation before it takes that back: ranges
 * are cut at line feeds once more, so that a turn of a dialogue never runs into the next one. */
#include <stdio.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>

#include "text/text_internal.h"

static int fail_icu(sal_error *err, UErrorCode code) {
    if (code == U_MEMORY_ALLOCATION_ERROR)
        return sal_fail_memory(err, "the sentences of a text");
    return sal_fail(err, SAL_EUNSUPPORTED, "ICU cannot find sentences: %s", u_errorName(code));
}

typedef struct span_list {
    sal_span *spans;
    size_t count;
    size_t capacity;
} span_list;

/* Add the lines of a range, each trimmed, the empty ones dropped. */
static int add_lines(span_list *list, const char *bytes, sal_span range, sal_error *err) {
    while (range.start < range.end) {
        const char *feed = memchr(bytes + range.start, '\n', range.end - range.start);
        size_t stop = feed == NULL ? range.end : (size_t)(feed - bytes) + 1;
        sal_span line = sal_strip_white_space(bytes, (sal_span){range.start, stop});
        range.start = stop;
        if (line.start == line.end)
            continue;
        int status =
            sal_grow((void **)&list->spans, &list->capacity, list->count, sizeof *list->spans, err);
        if (status != SAL_OK)
            return status;
        list->spans[list->count++] = line;
    }
    return SAL_OK;
}

static int collect(UBreakIterator *iterator, const char *bytes, span_list *list, sal_error *err) {
    int32_t start = ubrk_first(iterator);
    for (int32_t end = ubrk_next(iterator); end != UBRK_DONE; end = ubrk_next(iterator)) {
        int status = add_lines(list, bytes, (sal_span){(size_t)start, (size_t)end}, err);
        if (status != SAL_OK)
            return status;
        start = end;
    }
    return SAL_OK;
}

/* The locale of a language; anything but letters, digits, - and _ would be ICU syntax and is left out. */
static void locale_of(const char *language, char locale[64]) {
    size_t length = language == NULL ? 0
                                     : strspn(language, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                        "abcdefghijklmnopqrstuvwxyz0123456789-_");
    snprintf(locale, 64, "%.*s@ss=standard", length > 20 ? 20 : (int)length,
             language == NULL ? "" : language);
}

struct sal_sentence_cutter {
    UBreakIterator *iterator;
};

int sal_sentence_cutter_open(const char *language, sal_sentence_cutter **out, sal_error *err) {
    UErrorCode code = U_ZERO_ERROR;
    char locale[64];
    sal_sentence_cutter *cutter = sal_calloc(1, sizeof *cutter);
    if (cutter == NULL)
        return sal_fail_memory(err, "the sentences of a text");
    locale_of(language, locale);
    cutter->iterator = ubrk_open(UBRK_SENTENCE, locale, NULL, 0, &code);
    if (U_FAILURE(code)) {
        sal_sentence_cutter_close(cutter);
        return fail_icu(err, code);
    }
    *out = cutter;
    return SAL_OK;
}

void sal_sentence_cutter_close(sal_sentence_cutter *cutter) {
    if (cutter != NULL && cutter->iterator != NULL)
        ubrk_close(cutter->iterator);
    sal_free(cutter);
}

int sal_sentence_cutter_cut(sal_sentence_cutter *cutter, const char *bytes, size_t length,
                            sal_span **spans, size_t *count, sal_error *err) {
    UErrorCode code = U_ZERO_ERROR;
    span_list list = {0};
    if (length > INT32_MAX)
        return sal_fail(err, SAL_ELIMIT,
                        "a text of %zu bytes is too long to be cut into sentences (at most %d); "
                        "split the document",
                        length, INT32_MAX);
    int status = sal_utf8_check(bytes, length, err);
    if (status != SAL_OK)
        return status;
    UText *text = utext_openUTF8(NULL, length == 0 ? "" : bytes, (int64_t)length, &code);
    ubrk_setUText(cutter->iterator, text, &code);
    status = U_FAILURE(code) ? fail_icu(err, code) : collect(cutter->iterator, bytes, &list, err);
    if (text != NULL)
        utext_close(text);
    if (status != SAL_OK) {
        sal_free(list.spans);
        return status;
    }
    *spans = list.spans;
    *count = list.count;
    return SAL_OK;
}

int sal_text_sentences(const char *bytes, size_t length, const char *language, sal_span **spans,
                       size_t *count, sal_error *err) {
    sal_sentence_cutter *cutter = NULL;
    int status = sal_sentence_cutter_open(language, &cutter, err);
    if (cutter == NULL)
        return status;
    status = sal_sentence_cutter_cut(cutter, bytes, length, spans, count, err);
    sal_sentence_cutter_close(cutter);
    return status;
}
