/* A document's words and the tokens that make them. Everything goes by byte offsets: no text is compared with decoded tokens. */
#include <stdlib.h>
#include <string.h>

#include "heads/heads_internal.h"

void head_words_free(head_words *words) {
    sal_word_list_free(&words->list);
    sal_free(words->words);
    sal_free(words->first);
    sal_free(words->frequency);
    sal_free(words->content);
    sal_free(words->importance);
    sal_free(words->start);
    sal_free(words->spans);
    *words = (head_words){0};
}

/* ---- types -------------------------------------------------------------------------------------------------- */

/* An occurrence, to be sorted by word, then place; later by the place of its type's first occurrence. */
typedef struct occurrence {
    const char *bytes;
    size_t place;
    size_t first;
} occurrence;

static int by_word(const void *a, const void *b) {
    const occurrence *left = a;
    const occurrence *right = b;
    int order = strcmp(left->bytes, right->bytes);
    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

static int by_first(const void *a, const void *b) {
    const occurrence *left = a;
    const occurrence *right = b;
    if (left->first != right->first)
        return left->first < right->first ? -1 : 1;
    return (left->place > right->place) - (left->place < right->place);
}

/* Occurrences grouped by type, types in order of first position. */
static int group(const sal_word_list *list, occurrence **out, size_t *types, sal_error *err) {
    occurrence *all = sal_calloc(list->count, sizeof *all);
    if (all == NULL)
        return sal_fail_memory(err, "the words of a document");
    for (size_t i = 0; i < list->count; i++)
        all[i] = (occurrence){list->words[i].bytes, i, i};
    if (list->count > 0)
        qsort(all, list->count, sizeof *all, by_word);
    *types = 0;
    for (size_t i = 0; i < list->count; i++) {
        bool same = i > 0 && strcmp(all[i - 1].bytes, all[i].bytes) == 0;
        all[i].first = same ? all[i - 1].first : all[i].place;
        *types += !same;
    }
    if (list->count > 0)
        qsort(all, list->count, sizeof *all, by_first);
    *out = all;
    return SAL_OK;
}

static int make_room(head_words *words, size_t types, size_t occurrences, sal_error *err) {
    words->words = sal_calloc(types, sizeof *words->words);
    words->first = sal_calloc(types, sizeof *words->first);
    words->frequency = sal_calloc(types, sizeof *words->frequency);
    words->content = sal_calloc(types, sizeof *words->content);
    words->importance = sal_calloc(types, sizeof *words->importance);
    words->start = sal_calloc(types + 1, sizeof *words->start);
    words->spans = sal_calloc(occurrences, sizeof *words->spans);
    if (words->words == NULL || words->first == NULL || words->frequency == NULL ||
        words->content == NULL || words->importance == NULL || words->start == NULL ||
        words->spans == NULL)
        return sal_fail_memory(err, "the words of a document");
    return SAL_OK;
}

static void fill_types(head_words *words, sal_protocol protocol, const occurrence *all) {
    const size_t count = words->list.count;
    size_t spans = 0;
    for (size_t i = 0; i < count; i++) {
        bool first = i == 0 || all[i].first != all[i - 1].first;
        if (first) {
            words->words[words->count] = all[i].bytes;
            words->first[words->count] = (double)all[i].place;
            words->start[words->count++] = spans;
        }
        words->frequency[words->count - 1] += 1;
        if (first || protocol == SAL_STRICT)
            words->spans[spans++] = words->list.words[all[i].place].span;
    }
    words->start[words->count] = spans;
    words->occurrences = count;
}

static void set_content(head_words *words, const sal_stopwords *stopwords) {
    for (size_t w = 0; w < words->count; w++) {
        bool stop = stopwords != NULL &&
                    sal_stopwords_has(stopwords, words->words[w], strlen(words->words[w]));
        words->content[w] = stopwords == NULL ? -1 : stop ? 0 : 1;
    }
}

/* The paper's French words have lost their accents, the stop list's have not: look up the form they had before. */
static int set_content_by_unfolded(const sal_document *document, const sal_stopwords *stopwords,
                                   head_words *words, sal_error *err) {
    sal_word_list unfolded = {0};
    int status = sal_text_split(document->text, document->text_length, NULL, &unfolded, err);
    for (size_t w = 0; status == SAL_OK && w < words->count; w++) {
        size_t start = words->spans[words->start[w]].start;
        size_t low = 0;
        size_t high = unfolded.count;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (unfolded.words[middle].span.start < start)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < unfolded.count && unfolded.words[low].span.start == start)
            words->content[w] =
                sal_stopwords_has(stopwords, unfolded.words[low].bytes, unfolded.words[low].length)
                    ? 0
                    : 1;
    }
    sal_word_list_free(&unfolded);
    return status;
}

int head_words_make(const sal_text *text, sal_protocol protocol, const sal_stopwords *stopwords,
                    const sal_document *document, head_words *words, sal_error *err) {
    occurrence *all = NULL;
    size_t types = 0;
    int status = protocol == SAL_PAPER ? sal_text_split(document->text, document->text_length,
                                                        document->language, &words->list, err)
                                       : sal_text_words(text, protocol, document->text,
                                                        document->text_length, &words->list, err);
    if (status == SAL_OK)
        status = group(&words->list, &all, &types, err);
    if (status == SAL_OK)
        status = make_room(words, types, words->list.count, err);
    if (status == SAL_OK) {
        fill_types(words, protocol, all);
        set_content(words, stopwords);
    }
    if (status == SAL_OK && protocol == SAL_PAPER && stopwords != NULL)
        status = set_content_by_unfolded(document, stopwords, words, err);
    sal_free(all);
    if (status != SAL_OK)
        head_words_free(words);
    return status;
}

/* ---- importance --------------------------------------------------------------------------------------------- */

/* A key of y as this protocol spells it, and its importance. */
typedef struct key {
    char *bytes; /* owned */
    size_t order;
    double importance;
} key;

static int by_key(const void *a, const void *b) {
    const key *left = a;
    const key *right = b;
    int order = strcmp(left->bytes, right->bytes);
    return order != 0 ? order : (left->order > right->order) - (left->order < right->order);
}

/* UTF-8's byte order is code-point order, and the rows are sorted by bytes. */
static int make_keys(const sal_importance_list *rows, sal_protocol protocol, const char *language,
                     key *keys, size_t *count, sal_error *err) {
    sal_word_list list = {0};
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < rows->count; i++) {
        const char *bytes = rows->rows[i].word;
        if (protocol == SAL_PAPER) {
            status = sal_text_split(bytes, strlen(bytes), language, &list, err);
            bytes = status == SAL_OK && list.count > 0 ? list.words[0].bytes : NULL;
        }
        if (status != SAL_OK || bytes == NULL)
            continue; /* nothing remains of the key */
        keys[*count] = (key){sal_copy_string(bytes), i,
                             rows->of > 0 ? (double)rows->rows[i].count / (double)rows->of : 0};
        if (keys[*count].bytes == NULL)
            status = sal_fail_memory(err, "importance");
        else
            ++*count;
    }
    sal_word_list_free(&list);
    return status;
}

static double look_up(const key *keys, size_t count, const char *word) {
    size_t low = 0;
    size_t high = count; /* first key behind the word */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(keys[middle].bytes, word) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && strcmp(keys[low - 1].bytes, word) == 0 ? keys[low - 1].importance : 0;
}

int head_words_set_importance(const sal_importance_list *rows, sal_protocol protocol,
                              const char *language, head_words *words, sal_error *err) {
    size_t count = 0;
    key *keys = sal_calloc(rows->count, sizeof *keys);
    if (keys == NULL)
        return sal_fail_memory(err, "importance");
    int status = make_keys(rows, protocol, language, keys, &count, err);
    if (count > 0)
        qsort(keys, count, sizeof *keys, by_key);
    for (size_t w = 0; status == SAL_OK && w < words->count; w++)
        words->importance[w] = look_up(keys, count, words->words[w]);
    for (size_t i = 0; i < count; i++)
        sal_free(keys[i].bytes);
    sal_free(keys);
    return status;
}
