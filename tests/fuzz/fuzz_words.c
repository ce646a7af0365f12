/* Words, cleaning, cutting and sentences. Held against any input:
   - valid UTF-8 succeeds, other bytes are SAL_EFORMAT;
   - words and sentences lie inside the text, in order, and are not empty; the count is that of the list;
   - cutting after n words leaves n words, or all there are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "salient/memory.h"
#include "salient/text.h"

int LLVMFuzzerInitialize(int *argument_count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Compiled patterns, made once: a fuzzer's process does nothing else. */
static sal_text *text;

static void must(int condition) {
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerInitialize(int *argument_count, char ***arguments) {
    (void)argument_count;
    (void)arguments;
    must(sal_text_open(&text, NULL) == SAL_OK);
    return 0;
}

static void check_words(sal_protocol protocol, const char *bytes, size_t length, int wanted,
                        size_t *count) {
    sal_word_list list = {0};
    size_t end = 0;

    must(sal_text_words(text, protocol, bytes, length, &list, NULL) == wanted);
    for (size_t i = 0; i < list.count; i++) {
        const sal_word *word = &list.words[i];

        must(word->length > 0 && word->bytes[word->length] == '\0');
        must(sal_utf8_valid(word->bytes, word->length, NULL));
        must(word->span.start >= end && word->span.end > word->span.start &&
             word->span.end <= length);
        end = word->span.end;
    }
    *count = list.count;
    sal_word_list_free(&list);
}

static void check_cut(const char *bytes, size_t length, size_t words, size_t n) {
    size_t end = 0;
    size_t count = 0;
    size_t left = 0;

    must(sal_text_cut(text, bytes, length, n, &end, &count, NULL) == SAL_OK);
    must(end <= length && count == (n < words ? n : words));
    must(sal_text_count_words(text, bytes, end, &left, NULL) == SAL_OK);
    (void)
        left; /* a cut inside a longer match may join or split: only the count above is promised */
}

static void check_sentences(const char *bytes, size_t length, const char *language) {
    sal_span *spans = NULL;
    size_t count = 0;
    size_t end = 0;

    must(sal_text_sentences(bytes, length, language, &spans, &count, NULL) == SAL_OK);
    for (size_t i = 0; i < count; i++) {
        must(spans[i].start >= end && spans[i].end > spans[i].start && spans[i].end <= length);
        end = spans[i].end;
    }
    sal_free(spans);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const int wanted = sal_utf8_valid((const char *)data, size, NULL) ? SAL_OK : SAL_EFORMAT;
    char *bytes = malloc(size + (size == 0));
    size_t words = 0;
    size_t paper_words = 0;
    size_t count = 0;
    sal_span span = {0};

    must(bytes != NULL);
    if (size > 0) {
        memcpy(bytes, data, size);
    }
    check_words(SAL_STRICT, bytes, size, wanted, &words);
    check_words(SAL_PAPER, bytes, size, wanted, &paper_words);
    if (wanted == SAL_OK) {
        must(sal_text_count_words(text, bytes, size, &count, NULL) == SAL_OK && count == words);
        must(sal_text_clean(text, bytes, size, &span, NULL) == SAL_OK);
        must(span.start <= span.end && span.end <= size);
        check_cut(bytes, size, words, size % 7);
        check_cut(bytes, size, words, words);
        check_sentences(bytes, size, size % 2 == 0 ? "en" : "fr");
    }
    free(bytes);
    return 0;
}
