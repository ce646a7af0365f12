/* Words: `\b[\w'-]+(?:\.\d+)?\b` with Python's classes, by PCRE2.
 *
 * \w is [\p{L}\p{N}_] and \d is \p{Nd}, written out because libraries differ (PCRE2 takes marks into \w from 10.43 on);
 * \b is built from look-arounds over the same class. Letters and numbers are those of PCRE2's Unicode version.
 * The pattern never nests repeats: matching a whole text is linear. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "text/text_internal.h"

#define LETTER "[\\p{L}\\p{N}_]"
#define BOUNDARY "(?:(?<=" LETTER ")(?!" LETTER ")|(?<!" LETTER ")(?=" LETTER "))"
static const char word_pattern[] = BOUNDARY "[\\p{L}\\p{N}_'-]+(?:\\.\\p{Nd}+)?" BOUNDARY;

struct sal_text {
    pcre2_general_context *memory;
    pcre2_code *words;
};

const char *sal_protocol_name(sal_protocol protocol) {
    return protocol == SAL_PAPER ? "paper" : "strict";
}

/* ---- the compiled pattern ---------------------------------------------------------------------------------- */

static void *allocate(size_t size, void *unused) {
    (void)unused;
    return sal_calloc(size, 1);
}

static void release(void *block, void *unused) {
    (void)unused;
    sal_free(block);
}

static int fail_pattern(sal_error *err, int code, const char *what) {
    char text[200] = "";
    if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED)
        return sal_fail_memory(err, what);
    pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    return sal_fail(err, SAL_EUNSUPPORTED, "%s: PCRE2 says: %s", what, text);
}

int sal_text_open(sal_text **out, sal_error *err) {
    int status = SAL_OK;
    int code = 0;
    PCRE2_SIZE offset = 0;
    pcre2_compile_context *context = NULL;
    sal_text *text = sal_calloc(1, sizeof *text);
    if (text == NULL)
        return sal_fail_memory(err, "the word pattern");
    text->memory = pcre2_general_context_create(allocate, release, NULL);
    context = text->memory == NULL ? NULL : pcre2_compile_context_create(text->memory);
    if (context == NULL) {
        status = sal_fail_memory(err, "the word pattern");
        goto done;
    }
    text->words = pcre2_compile((PCRE2_SPTR)word_pattern, PCRE2_ZERO_TERMINATED,
                                PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &offset, context);
    if (text->words == NULL) {
        status = fail_pattern(err, code, "the word pattern");
        goto done;
    }
    /* Without a just-in-time compiler the interpreter matches the same words, three to ten times slower. */
    (void)pcre2_jit_compile(text->words, PCRE2_JIT_COMPLETE);
done:
    pcre2_compile_context_free(context);
    if (status == SAL_OK)
        *out = text;
    else
        sal_text_close(text);
    return status;
}

void sal_text_close(sal_text *text) {
    if (text == NULL)
        return;
    pcre2_code_free(text->words);
    pcre2_general_context_free(text->memory);
    sal_free(text);
}

/* ---- matching ---------------------------------------------------------------------------------------------- */

/* One pass over the words of a text. */
typedef struct word_scan {
    const sal_text *text;
    sal_normal normal;
    pcre2_match_data *match;
    pcre2_match_context *context;
    size_t at;
} word_scan;

static void scan_end(word_scan *scan) {
    pcre2_match_data_free(scan->match);
    pcre2_match_context_free(scan->context);
    sal_normal_free(&scan->normal);
}

static int scan_begin(word_scan *scan, const sal_text *text, sal_protocol protocol,
                      const char *bytes, size_t length, sal_error *err) {
    *scan = (word_scan){.text = text};
    int status = sal_normal_make(protocol, bytes, length, &scan->normal, err);
    if (status != SAL_OK)
        return status;
    scan->match = pcre2_match_data_create(1, text->memory);
    scan->context = pcre2_match_context_create(text->memory);
    if (scan->match == NULL || scan->context == NULL) {
        scan_end(scan);
        return sal_fail_memory(err, "matching words");
    }
    /* Giving back a run of hyphens costs the interpreter a few steps a byte: the limit grows with the text, so that
     * it stops what is not linear and nothing else. */
    size_t steps = length < (UINT32_MAX - 10000000U) / 16 ? length * 16 + 10000000U : UINT32_MAX;
    pcre2_set_match_limit(scan->context, (uint32_t)steps);
    return SAL_OK;
}

/* out *found false at the end; *word spans the normal form */
static int scan_next(word_scan *scan, sal_span *word, bool *found, sal_error *err) {
    int code = pcre2_match(scan->text->words, (PCRE2_SPTR)scan->normal.bytes, scan->normal.length,
                           scan->at, PCRE2_NO_UTF_CHECK, scan->match, scan->context);
    *found = code > 0;
    if (code == PCRE2_ERROR_NOMATCH)
        return SAL_OK;
    if (code <= 0)
        return fail_pattern(err, code, "matching words");
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(scan->match);
    *word = (sal_span){ends[0], ends[1]};
    scan->at = ends[1];
    return SAL_OK;
}

void sal_word_list_free(sal_word_list *list) {
    sal_free(list->words);
    sal_free(list->storage);
    *list = (sal_word_list){0};
}

/* Collect the spans (of the normal form) first: their lengths say how much storage the words take. */
static int collect(word_scan *scan, sal_word_list *list, sal_error *err) {
    sal_span span;
    bool found;
    for (;;) {
        int status = scan_next(scan, &span, &found, err);
        if (status != SAL_OK || !found)
            return status;
        status =
            sal_grow((void **)&list->words, &list->capacity, list->count, sizeof *list->words, err);
        if (status != SAL_OK)
            return status;
        list->words[list->count++] = (sal_word){.length = span.end - span.start, .span = span};
    }
}

static int store(word_scan *scan, sal_word_list *list, sal_error *err) {
    size_t total = 1;
    for (size_t i = 0; i < list->count; i++)
        total += list->words[i].length + 1;
    char *storage = sal_realloc(list->storage, total, 1);
    if (storage == NULL)
        return sal_fail_memory(err, "the words of a text");
    list->storage = storage;
    for (size_t i = 0; i < list->count; i++) {
        sal_word *word = &list->words[i];
        const char *from = scan->normal.bytes + word->span.start;
        word->bytes = storage;
        if (scan->normal.ascii)
            for (size_t j = 0; j < word->length; j++)
                storage[j] = (char)(from[j] >= 'A' && from[j] <= 'Z' ? from[j] + 32 : from[j]);
        else
            memcpy(storage, from, word->length);
        storage[word->length] = '\0';
        storage += word->length + 1;
        if (!scan->normal.ascii)
            word->span = sal_normal_map(&scan->normal, word->span);
    }
    return SAL_OK;
}

int sal_text_words(const sal_text *text, sal_protocol protocol, const char *bytes, size_t length,
                   sal_word_list *list, sal_error *err) {
    word_scan scan;
    list->count = 0;
    int status = scan_begin(&scan, text, protocol, bytes, length, err);
    if (status != SAL_OK)
        return status;
    status = collect(&scan, list, err);
    if (status == SAL_OK)
        status = store(&scan, list, err);
    if (status != SAL_OK)
        list->count = 0;
    scan_end(&scan);
    return status;
}

int sal_text_cut(const sal_text *text, const char *bytes, size_t length, size_t n, size_t *end,
                 size_t *count, sal_error *err) {
    word_scan scan;
    sal_span span = {0, 0};
    bool found = true;
    size_t words = 0;
    int status = scan_begin(&scan, text, SAL_STRICT, bytes, length, err);
    if (status != SAL_OK)
        return status;
    while (words < n) {
        status = scan_next(&scan, &span, &found, err);
        if (status != SAL_OK || !found)
            break;
        words++;
    }
    if (status == SAL_OK) {
        *end = found ? sal_normal_map(&scan.normal, span).end : length;
        *count = words;
    }
    scan_end(&scan);
    return status;
}

int sal_text_count_words(const sal_text *text, const char *bytes, size_t length, size_t *count,
                         sal_error *err) {
    size_t end;
    return sal_text_cut(text, bytes, length, SIZE_MAX, &end, count, err);
}
