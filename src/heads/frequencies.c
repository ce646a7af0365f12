/* Document frequencies of a corpus, for the TF-IDF null head: all documents of the study's corpus count, whatever the limit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heads/heads_internal.h"
#include "salient/file.h"

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_document(sal_study *study, const sal_text *text, sal_protocol protocol, int64_t key,
                        head_frequencies *out, size_t *capacity, sal_error *err) {
    sal_document *document = NULL;
    head_words words = {0};
    int status = sal_study_get_document(study, key, &document, err);
    if (status == SAL_OK)
        status = head_words_make(text, protocol, NULL, document, &words, err);
    for (size_t w = 0; status == SAL_OK && w < words.count; w++) {
        status = sal_grow((void **)&out->words, capacity, out->count, sizeof *out->words, err);
        if (status != SAL_OK)
            break;
        out->words[out->count] = sal_copy_string(words.words[w]);
        if (out->words[out->count] == NULL)
            status = sal_fail_memory(err, "document frequencies");
        else
            out->count++;
    }
    head_words_free(&words);
    sal_document_free(document);
    return status;
}

/* Each run of equal words becomes one, with its length; and the digest of all. */
static void merge(head_frequencies *out) {
    sal_sha256 hash;
    size_t put = 0;
    sal_sha256_start(&hash);
    for (size_t first = 0, next; first < out->count; first = next) {
        for (next = first + 1;
             next < out->count && strcmp(out->words[first], out->words[next]) == 0; next++)
            sal_free(out->words[next]);
        out->words[put] = out->words[first];
        out->documents[put] = (double)(next - first);
        sal_sha256_add(&hash, out->words[put], strlen(out->words[put]) + 1);
        sal_sha256_add(&hash, &out->documents[put], sizeof out->documents[put]);
        put++;
    }
    out->count = put;
    sal_sha256_add(&hash, &out->total, sizeof out->total);
    sal_sha256_finish(&hash, out->digest);
}

int head_frequencies_make(sal_study *study, const sal_text *text, sal_protocol protocol,
                          const char *corpus, head_frequencies *out, sal_error *err) {
    int64_t *keys = NULL;
    size_t capacity = 0;
    *out = (head_frequencies){0};
    int status = sal_study_document_keys(study, corpus, -1, &keys, &out->total, err);
    for (size_t i = 0; status == SAL_OK && i < out->total; i++)
        status = add_document(study, text, protocol, keys[i], out, &capacity, err);
    if (status == SAL_OK) {
        out->documents = sal_calloc(out->count, sizeof *out->documents);
        if (out->documents == NULL)
            status = sal_fail_memory(err, "document frequencies");
    }
    if (status == SAL_OK && out->count > 0)
        qsort(out->words, out->count, sizeof *out->words, compare);
    if (status == SAL_OK)
        merge(out);
    else
        head_frequencies_free(out);
    sal_free(keys);
    return status;
}

void head_frequencies_free(head_frequencies *frequencies) {
    sal_strings_free(frequencies->words, frequencies->count);
    sal_free(frequencies->documents);
    *frequencies = (head_frequencies){0};
}

double head_idf(const head_frequencies *frequencies, const char *word) {
    size_t low = 0;
    size_t high = frequencies->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(frequencies->words[middle], word) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool there = low < frequencies->count && strcmp(frequencies->words[low], word) == 0;
    double documents = there ? frequencies->documents[low] : 0;
    return log((1 + (double)frequencies->total) / (1 + documents)) + 1;
}
