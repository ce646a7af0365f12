/* Leaks of a file of states: words, or occurrences of words, that are not the document's. */
#include <stdio.h>
#include <string.h>

#include "probe/shard.h"
#include "salient/probe.h"
#include "text/word_index.h"

enum { EXAMPLES = 10 };

/* Occurrences of each word of the document, by both definitions of a word: the larger count. */
typedef struct counts {
    sal_word_index index;
    size_t *count[2]; /* strict, paper */
    size_t capacity;
} counts;

static void counts_free(counts *c) {
    sal_word_index_free(&c->index);
    sal_free(c->count[0]);
    sal_free(c->count[1]);
}

static int count_words(const sal_text *text, const sal_document *document, counts *c,
                       sal_error *err) {
    int status = SAL_OK;
    c->capacity = document->text_length + 2;
    for (int protocol = 0; protocol < 2; protocol++) {
        c->count[protocol] = sal_calloc(c->capacity, sizeof *c->count[protocol]);
        if (c->count[protocol] == NULL)
            return sal_fail_memory(err, "words of a document");
    }
    for (int protocol = 0; status == SAL_OK && protocol < 2; protocol++) {
        sal_word_list list = {0};
        status = sal_text_words(text, (sal_protocol)protocol, document->text, document->text_length,
                                &list, err);
        for (size_t i = 0; status == SAL_OK && i < list.count; i++) {
            size_t number = 0;
            status = sal_word_index_add(&c->index, list.words[i].bytes, list.words[i].length,
                                        &number, err);
            if (status == SAL_OK && number < c->capacity)
                c->count[protocol][number]++;
        }
        sal_word_list_free(&list);
    }
    return status;
}

/* All words that a summary of the document keeps, whoever wrote it. */
static int add_kept(sal_study *study, int64_t document, sal_word_index *kept, sal_error *err) {
    sal_summarizer_list *summarizers = NULL;
    int status = sal_study_list_summarizers(study, &summarizers, err);
    for (size_t s = 0; status == SAL_OK && s < summarizers->count; s++)
        for (int protocol = 0; status == SAL_OK && protocol < 2; protocol++) {
            sal_importance_list *list = NULL;
            status = sal_study_get_importance(study, document, summarizers->items[s].key,
                                              (sal_protocol)protocol, &list, err);
            for (size_t i = 0; status == SAL_OK && list != NULL && i < list->count; i++) {
                size_t number = 0;
                if (list->rows[i].count > 0)
                    status = sal_word_index_add(kept, list->rows[i].word,
                                                strlen(list->rows[i].word), &number, err);
            }
            sal_importance_list_free(list);
        }
    sal_summarizer_list_free(summarizers);
    return status;
}

static int compare(const probe_shard_words *list, const counts *c, const sal_word_index *kept,
                   sal_probe_audit *audit, sal_error *err) {
    size_t shown = 0;
    int status = SAL_OK;
    audit->words = list->count;
    for (size_t w = 0; status == SAL_OK && w < list->count; w++) {
        const char *word = list->words[w];
        const size_t number = sal_word_index_find(&c->index, word, strlen(word));
        const bool outside = number == SAL_NO_WORD || number >= c->capacity;
        const size_t strict = outside ? 0 : c->count[0][number];
        const size_t paper = outside ? 0 : c->count[1][number];
        const size_t has = strict > paper ? strict : paper;
        if (!outside && (size_t)list->frequency[w] <= has)
            continue;
        audit->outside += outside;
        audit->repeated += !outside;
        audit->outside_kept += sal_word_index_find(kept, word, strlen(word)) != SAL_NO_WORD;
        if (shown++ < EXAMPLES)
            status = sal_buffer_add_format(&audit->examples, err, "%s%.100s", shown > 1 ? " " : "",
                                           word);
    }
    return status;
}

static int name_document(const sal_safetensors *file, const char *corpus, sal_probe_audit *audit,
                         sal_error *err) {
    const char *id = sal_safetensors_metadata(file, "document");
    const char *of = corpus != NULL ? corpus : sal_safetensors_metadata(file, "corpus");
    if (id == NULL || of == NULL)
        return sal_fail(err, SAL_EFORMAT,
                        "the metadata name no %s: \"corpus\" and \"document\" are needed",
                        id == NULL ? "document" : "corpus");
    (void)snprintf(audit->corpus, sizeof audit->corpus, "%.255s", of);
    (void)snprintf(audit->document, sizeof audit->document, "%.255s", id);
    return SAL_OK;
}

static int audit_words(sal_study *study, const sal_safetensors *file, sal_probe_audit *audit,
                       sal_error *err) {
    sal_document *document = NULL;
    sal_text *text = NULL;
    probe_shard_words list = {0};
    counts c = {.capacity = 0};
    sal_word_index kept = {0};
    int64_t key = 0;
    int status = probe_shard_words_read(file, &list, err);
    if (status == SAL_OK)
        status = sal_study_find_document(study, audit->corpus, audit->document, &key, err);
    if (status == SAL_OK)
        status = sal_study_get_document(study, key, &document, err);
    if (status == SAL_OK)
        status = sal_text_open(&text, err);
    if (status == SAL_OK)
        status = count_words(text, document, &c, err);
    if (status == SAL_OK)
        status = add_kept(study, key, &kept, err);
    if (status == SAL_OK)
        status = compare(&list, &c, &kept, audit, err);
    counts_free(&c);
    sal_word_index_free(&kept);
    probe_shard_words_free(&list);
    sal_text_close(text);
    sal_document_free(document);
    return status;
}

int sal_probe_audit_file(sal_study *study, const char *path, const char *corpus,
                         sal_probe_audit *audit, sal_error *err) {
    sal_safetensors *file = NULL;
    *audit = (sal_probe_audit){.words = 0};
    int status = sal_safetensors_open(path, &file, err);
    if (status != SAL_OK)
        return status;
    status = name_document(file, corpus, audit, err);
    if (status == SAL_OK)
        status = audit_words(study, file, audit, err);
    sal_safetensors_close(file);
    if (status != SAL_OK) {
        sal_buffer_free(&audit->examples);
        status = sal_fail_in(err, status, "%.300s", path);
    }
    return status;
}
