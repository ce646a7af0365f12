/* One document: its word types with what is known of them, and how often each summarizer keeps each. */
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>

#include "compare/compare_internal.h"

const char *compare_set_name(compare_set set) {
    static const char *const names[] = {"all", "content"};
    return names[set];
}

void compare_document_free(compare_document *document) {
    sal_word_list_free(&document->list);
    sal_free(document->sentences);
    sal_free(document->types);
    sal_free(document->type_of);
    sal_free(document->content);
    sal_free(document->of);
    sal_free(document->counts);
    *document = (compare_document){0};
}

/* Everything but the list, which is reused. */
static void forget(compare_document *document) {
    sal_word_list list = document->list;
    document->list = (sal_word_list){0};
    compare_document_free(document);
    document->list = list;
}

static int compare_bytes(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t shorter = a_length < b_length ? a_length : b_length;
    int order = memcmp(a, b, shorter);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* ---- types ------------------------------------------------------------------------------------------------- */

typedef struct occurrence {
    const char *bytes;
    size_t length;
    size_t place;
} occurrence;

static int compare_occurrences(const void *a, const void *b) {
    const occurrence *left = a;
    const occurrence *right = b;
    int order = compare_bytes(left->bytes, left->length, right->bytes, right->length);
    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

/* The code point at *at of valid UTF-8, which is moved behind it. */
static UChar32 next_character(const char *text, size_t *at) {
    const unsigned char lead = (unsigned char)text[(*at)++];
    if (lead < 0x80)
        return lead;
    int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    UChar32 character = lead & (0x3F >> more);
    for (; more > 0; more--)
        character = character << 6 | ((unsigned char)text[(*at)++] & 0x3F);
    return character;
}

/* First character of a word as it stands in the text, apostrophes and hyphens left out. */
static UChar32 first_character(const char *text, sal_span span) {
    UChar32 character = 0;
    for (size_t at = span.start; at < span.end;) {
        character = next_character(text, &at);
        if (character != '\'' && character != '-' && character != 0x2019)
            break;
    }
    return character;
}

/* begins [words]: 1 where a sentence begins with the word */
static void mark_beginnings(const compare_document *document, unsigned char *begins) {
    size_t word = 0;
    for (size_t s = 0; s < document->sentence_count; s++) {
        while (word < document->list.count &&
               document->list.words[word].span.start < document->sentences[s].start)
            word++;
        if (word < document->list.count &&
            document->list.words[word].span.start < document->sentences[s].end)
            begins[word] = 1;
    }
}

/* One type from its occurrences [count], which are in order of the text. */
static void describe(const compare_document *document, const char *text,
                     const sal_stopwords *stopwords, const unsigned char *begins,
                     const occurrence *all, size_t count, compare_type *type) {
    size_t inside = 0;
    size_t capitals = 0;
    *type = (compare_type){.bytes = all->bytes,
                           .length = all->length,
                           .first = all->place,
                           .count = count,
                           .content = -1};
    if (stopwords != NULL)
        type->content = sal_stopwords_has(stopwords, all->bytes, all->length) ? 0 : 1;
    for (size_t i = 0; i < count; i++) {
        UChar32 first = first_character(text, document->list.words[all[i].place].span);
        if (i == 0)
            type->number = (U_GET_GC_MASK(first) & U_GC_N_MASK) != 0;
        if (begins[all[i].place])
            continue;
        inside++;
        capitals += (U_GET_GC_MASK(first) & (U_GC_LU_MASK | U_GC_LT_MASK)) != 0;
    }
    type->capital = inside > 0 && capitals == inside;
}

static int make_types(const char *text, const sal_stopwords *stopwords, compare_document *document,
                      occurrence *all, unsigned char *begins, sal_error *err) {
    size_t n = document->list.count;
    document->types = sal_calloc(n, sizeof *document->types);
    document->type_of = sal_calloc(n, sizeof *document->type_of);
    if (document->types == NULL || document->type_of == NULL)
        return sal_fail_memory(err, "the words of a document");
    for (size_t i = 0; i < n; i++)
        all[i] = (occurrence){document->list.words[i].bytes, document->list.words[i].length, i};
    if (n > 0)
        qsort(all, n, sizeof *all, compare_occurrences);
    mark_beginnings(document, begins);
    for (size_t first = 0, next; first < n; first = next) {
        for (next = first + 1; next < n && compare_bytes(all[first].bytes, all[first].length,
                                                         all[next].bytes, all[next].length) == 0;)
            next++;
        for (size_t i = first; i < next; i++)
            document->type_of[all[i].place] = document->type_count;
        describe(document, text, stopwords, begins, all + first, next - first,
                 &document->types[document->type_count++]);
    }
    document->word_count = document->type_count;
    return SAL_OK;
}

int compare_document_words(const sal_text *text, const sal_document *source,
                           const sal_stopwords *stopwords, compare_document *document,
                           sal_error *err) {
    occurrence *all = NULL;
    unsigned char *begins = NULL;
    forget(document);
    document->has_content = stopwords != NULL;
    int status =
        sal_text_words(text, SAL_STRICT, source->text, source->text_length, &document->list, err);
    if (status == SAL_OK)
        status = sal_text_sentences(source->text, source->text_length, source->language,
                                    &document->sentences, &document->sentence_count, err);
    if (status != SAL_OK)
        return status;
    all = sal_calloc(document->list.count, sizeof *all);
    begins = sal_calloc(document->list.count, 1);
    status = all == NULL || begins == NULL
                 ? sal_fail_memory(err, "the words of a document")
                 : make_types(source->text, stopwords, document, all, begins, err);
    sal_free(all);
    sal_free(begins);
    return status;
}

size_t compare_document_find(const compare_document *document, const char *bytes, size_t length) {
    size_t low = 0;
    size_t high = document->type_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const compare_type *type = &document->types[middle];
        int order = compare_bytes(type->bytes, type->length, bytes, length);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

size_t compare_set_words(const compare_document *document, compare_set set, size_t *words) {
    size_t n = 0;
    for (size_t w = 0; w < document->type_count; w++)
        if (set == COMPARE_ALL || document->types[w].content == 1)
            words[n++] = w;
    return n;
}

/* ---- counts ------------------------------------------------------------------------------------------------ */

/* A word that a summarizer kept and the document does not have. */
typedef struct outsider {
    char *bytes;
    size_t length;
    size_t summarizer;
    uint32_t count;
    unsigned char content;
} outsider;

typedef struct scan {
    compare_document *document;
    const int64_t *keys;
    const size_t *places;
    int64_t summarizer; /* whose words come now */
    size_t place;       /* of it; SIZE_MAX: not compared */
    size_t next;        /* first type that may still come */
    outsider *outsiders;
    size_t outsider_count;
    size_t outsider_capacity;
} scan;

static void begin_summarizer(scan *self, const sal_scanned_word *word) {
    size_t low = 0;
    size_t high = self->document->summarizers;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->keys[middle] < word->summarizer)
            low = middle + 1;
        else
            high = middle;
    }
    bool known = low < self->document->summarizers && self->keys[low] == word->summarizer;
    self->summarizer = word->summarizer;
    self->place = known ? self->places[low] : SIZE_MAX;
    self->next = 0;
    if (known)
        self->document->of[self->place] = word->of;
    self->document->stale += known && word->stale;
}

static int keep_outsider(scan *self, const sal_scanned_word *word, sal_error *err) {
    if (word->count == 0)
        return SAL_OK;
    int status = sal_grow((void **)&self->outsiders, &self->outsider_capacity, self->outsider_count,
                          sizeof *self->outsiders, err);
    if (status != SAL_OK)
        return status;
    char *bytes = sal_copy_bytes(word->word, word->length);
    if (bytes == NULL)
        return sal_fail_memory(err, "a word");
    self->outsiders[self->outsider_count++] =
        (outsider){bytes, word->length, self->place, (uint32_t)word->count, word->content == 1};
    return SAL_OK;
}

/* Words of a summarizer come sorted, as the types are: both are walked once. */
static int visit(void *context, const sal_scanned_word *word, sal_error *err) {
    scan *self = context;
    compare_document *document = self->document;
    if (word->summarizer != self->summarizer)
        begin_summarizer(self, word);
    if (self->place == SIZE_MAX)
        return SAL_OK;
    int order = 1;
    while (self->next < document->type_count) {
        const compare_type *type = &document->types[self->next];
        order = compare_bytes(type->bytes, type->length, word->word, word->length);
        if (order >= 0)
            break;
        self->next++;
    }
    if (self->next == document->type_count || order != 0)
        return keep_outsider(self, word, err);
    document->counts[self->place * document->type_count + self->next] = (uint32_t)word->count;
    return SAL_OK;
}

static int compare_outsiders(const void *a, const void *b) {
    const outsider *left = a;
    const outsider *right = b;
    int order = compare_bytes(left->bytes, left->length, right->bytes, right->length);
    return order != 0
               ? order
               : (left->summarizer > right->summarizer) - (left->summarizer < right->summarizer);
}

/* Give the outsiders numbers behind the types, and everyone a row with room for them. */
static int add_outsiders(scan *self, sal_error *err) {
    compare_document *document = self->document;
    size_t W = document->type_count;
    size_t distinct = 0;
    if (self->outsider_count > 0)
        qsort(self->outsiders, self->outsider_count, sizeof *self->outsiders, compare_outsiders);
    for (size_t i = 0; i < self->outsider_count; i++)
        distinct +=
            i == 0 || compare_bytes(self->outsiders[i - 1].bytes, self->outsiders[i - 1].length,
                                    self->outsiders[i].bytes, self->outsiders[i].length) != 0;
    size_t N = W + distinct;
    uint32_t *counts = sal_calloc(document->summarizers, (N + 1) * sizeof *counts);
    unsigned char *content = sal_calloc(N, 1);
    if (counts == NULL || content == NULL) {
        sal_free(counts);
        sal_free(content);
        return sal_fail_memory(err, "importance");
    }
    for (size_t s = 0; s < document->summarizers; s++)
        memcpy(counts + s * N, document->counts + s * W, W * sizeof *counts);
    for (size_t w = 0; w < W; w++)
        content[w] = document->types[w].content == 1;
    size_t word = W;
    for (size_t i = 0; i < self->outsider_count; i++) {
        const outsider *one = &self->outsiders[i];
        if (i > 0 && compare_bytes(one[-1].bytes, one[-1].length, one->bytes, one->length) != 0)
            word++;
        counts[one->summarizer * N + word] = one->count;
        content[word] = one->content;
    }
    sal_free(document->counts);
    sal_free(document->content);
    document->counts = counts;
    document->content = content;
    document->word_count = N;
    return SAL_OK;
}

int compare_document_counts(sal_study *study, int64_t key, const int64_t *keys,
                            const size_t *places, size_t summarizers, compare_document *document,
                            sal_error *err) {
    scan self = {.document = document, .keys = keys, .places = places, .summarizer = -1};
    document->summarizers = summarizers;
    document->of = sal_calloc(summarizers, sizeof *document->of);
    document->counts =
        sal_calloc(summarizers, (document->type_count + 1) * sizeof *document->counts);
    int status = document->of == NULL || document->counts == NULL
                     ? sal_fail_memory(err, "importance")
                     : SAL_OK;
    if (status == SAL_OK)
        status = sal_study_scan_importance(study, key, SAL_STRICT, visit, &self, err);
    if (status == SAL_OK)
        status = add_outsiders(&self, err);
    for (size_t i = 0; i < self.outsider_count; i++)
        sal_free(self.outsiders[i].bytes);
    sal_free(self.outsiders);
    return status;
}
