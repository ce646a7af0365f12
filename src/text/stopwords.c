/* Stop words of one language, from the lists built into the library (cmake/embed.cmake: "= en", then a word a line).
 * The list is brought to the strict form of a word, as some entries have curly apostrophes or capitals. */
#include <stdlib.h>
#include <string.h>

#include "salient/file.h"
#include "text/text_internal.h"

extern const char sal_asset_stopwords_txt[], sal_asset_stopwords_txt_end[];

typedef struct entry {
    const char *bytes;
    size_t length;
} entry;

struct sal_stopwords {
    char digest[65];
    bool french;
    sal_normal
        normal; /* owns the bytes of the entries, unless the list is ASCII: then the asset does */
    entry *entries; /* sorted */
    size_t count;
};

static int compare(const void *a, const void *b) {
    const entry *left = a;
    const entry *right = b;
    size_t shorter = left->length < right->length ? left->length : right->length;
    int order = memcmp(left->bytes, right->bytes, shorter);
    return order != 0 ? order : (left->length > right->length) - (left->length < right->length);
}

/* The line that starts at `at`, without its line end; *next is the line after it. */
static entry line_at(const char *at, const char *end, const char **next) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    *next = stop == NULL ? end : stop + 1;
    return (entry){at, (size_t)((stop == NULL ? end : stop) - at)};
}

static bool starts_list(entry line) {
    return line.length > 2 && line.bytes[0] == '=' && line.bytes[1] == ' ';
}

/* Find the list of a language (primary subtag alone: "en" of "en-GB"). */
static bool find_list(const char *language, const char **start, const char **end) {
    size_t length = strcspn(language, "-_");
    const char *at = sal_asset_stopwords_txt;
    size_t left = (size_t)((uintptr_t)sal_asset_stopwords_txt_end - (uintptr_t)at);
    const char *all_end = at + left; /* one object, though C knows it by two names */
    const char *next;
    *start = NULL;
    *end = all_end;
    for (; at < all_end; at = next) {
        entry line = line_at(at, all_end, &next);
        if (!starts_list(line))
            continue;
        if (*start != NULL) {
            *end = at;
            return true;
        }
        if (line.length == length + 2 && memcmp(line.bytes + 2, language, length) == 0)
            *start = next;
    }
    return *start != NULL;
}

static int fill(sal_stopwords *stopwords, const char *start, const char *end, sal_error *err) {
    sal_sha256_of(start, (size_t)(end - start), stopwords->digest);
    int status = sal_normal_make(SAL_STRICT, start, (size_t)(end - start), &stopwords->normal, err);
    if (status != SAL_OK)
        return status;
    const char *list_end = stopwords->normal.bytes + stopwords->normal.length;
    const char *next;
    size_t capacity = 0;
    for (const char *at = stopwords->normal.bytes; at < list_end; at = next) {
        entry line = line_at(at, list_end, &next);
        if (line.length == 0)
            continue;
        status = sal_grow((void **)&stopwords->entries, &capacity, stopwords->count,
                          sizeof *stopwords->entries, err);
        if (status != SAL_OK)
            return status;
        stopwords->entries[stopwords->count++] = line;
    }
    if (stopwords->count > 0)
        qsort(stopwords->entries, stopwords->count, sizeof *stopwords->entries, compare);
    return SAL_OK;
}

int sal_stopwords_open(const char *language, sal_stopwords **out, sal_error *err) {
    const char *start;
    const char *end;
    if (language == NULL || !find_list(language, &start, &end)) {
        *out = NULL;
        return SAL_OK;
    }
    sal_stopwords *stopwords = sal_calloc(1, sizeof *stopwords);
    if (stopwords == NULL)
        return sal_fail_memory(err, "a stop list");
    stopwords->french = strncmp(language, "fr", strcspn(language, "-_")) == 0;
    int status = fill(stopwords, start, end, err);
    if (status == SAL_OK)
        *out = stopwords;
    else
        sal_stopwords_close(stopwords);
    return status;
}

void sal_stopwords_close(sal_stopwords *stopwords) {
    if (stopwords == NULL)
        return;
    sal_normal_free(&stopwords->normal);
    sal_free(stopwords->entries);
    sal_free(stopwords);
}

/* Bytes of the leading French elision (METHODS 2), apostrophe included; 0 when there is none. */
static size_t elision_length(const char *word, size_t length) {
    static const char *const elisions[] = {"c'", "d'", "j'",  "l'",     "m'",      "n'",
                                           "s'", "t'", "qu'", "jusqu'", "lorsqu'", "puisqu'"};
    for (size_t i = 0; i < sizeof elisions / sizeof *elisions; i++) {
        size_t size = strlen(elisions[i]);
        if (length > size && memcmp(word, elisions[i], size) == 0)
            return size;
    }
    return 0;
}

static bool contains(const sal_stopwords *stopwords, const char *word, size_t length) {
    entry key = {word, length};
    return stopwords->count > 0 && bsearch(&key, stopwords->entries, stopwords->count,
                                           sizeof *stopwords->entries, compare) != NULL;
}

bool sal_stopwords_has(const sal_stopwords *stopwords, const char *word, size_t length) {
    if (contains(stopwords, word, length))
        return true;
    size_t elision = stopwords->french ? elision_length(word, length) : 0;
    return elision > 0 && contains(stopwords, word + elision, length - elision);
}

const char *sal_stopwords_digest(const sal_stopwords *stopwords) {
    return stopwords->digest;
}
