/* Rows: words with importance. A document's words come from the file of its states, importance from the study. */
#include "probe/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/shard.h"
#include "salient/random.h"
#include "text/word_index.h"

enum { ZERO_WORDS = 50, CLASSES_AT_MOST = 21, ROWS_AT_LEAST = 2 };

void probe_data_free(probe_data *data) {
    sal_strings_free(data->words, data->rows);
    sal_free(data->keys);
    sal_free(data->side);
    sal_free(data->hashes);
    sal_free(data->group);
    sal_free(data->start);
    sal_free(data->y);
    sal_free(data->surface);
    sal_free(data->type);
    sal_free(data->content);
    *data = (probe_data){0};
}

/* ---- rows of one document ----------------------------------------------------------------------------------- */

typedef struct loader {
    const probe_side *side; /* at work */
    const probe_selection *selection;
    unsigned char number; /* of the side */
    const sal_text *text;
    probe_data *data;
    size_t row_capacity;
    sal_word_index types;
    uint32_t *signatures; /* [D,SPLIT_HASHES] */
} loader;

static const sal_importance_row *find_importance(const sal_importance_list *list,
                                                 const char *word) {
    size_t low = 0, high = list->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = strcmp(list->rows[middle].word, word);
        if (order == 0)
            return &list->rows[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Room for count more rows. */
static int grow_rows(loader *load, size_t count, sal_error *err) {
    probe_data *d = load->data;
    if (d->rows + count <= load->row_capacity)
        return SAL_OK;
    const size_t room = 2 * (d->rows + count);
    const struct {
        void **array;
        size_t size;
    } arrays[] = {{(void **)&d->y, sizeof *d->y},
                  {(void **)&d->surface, PROBE_SURFACE * sizeof *d->surface},
                  {(void **)&d->type, sizeof *d->type},
                  {(void **)&d->content, sizeof *d->content},
                  {(void **)&d->words, sizeof *d->words}};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        void *larger = sal_realloc(*arrays[i].array, room, arrays[i].size);
        if (larger == NULL)
            return sal_fail_memory(err, "rows of a probe");
        *arrays[i].array = larger;
    }
    load->row_capacity = room;
    return SAL_OK;
}

static int add_row(loader *load, const probe_shard_words *list, size_t word, double occurrences,
                   double y, int content, sal_error *err) {
    probe_data *d = load->data;
    const size_t row = d->rows;
    const double place = (double)list->first[word] / occurrences;
    const double frequency = (double)list->frequency[word];
    double *s = d->surface + row * PROBE_SURFACE;
    d->words[row] = sal_copy_string(list->words[word]);
    if (d->words[row] == NULL)
        return sal_fail_memory(err, "a word");
    d->rows++;
    d->y[row] = y;
    d->content[row] = (signed char)content;
    s[0] = place;
    s[1] = place * place;
    s[2] = log(1 + (double)list->first[word]);
    s[3] = log(frequency);
    s[4] = frequency / occurrences;
    return sal_word_index_add(&load->types, list->words[word], strlen(list->words[word]),
                              &d->type[row], err);
}

/* Words that no summary keeps and that are in the document, at random, for the paper's protocol. */
static int mark_zero_words(loader *load, const sal_document *document,
                           const probe_shard_words *list, const sal_importance_list *importance,
                           unsigned char *chosen, sal_error *err) {
    sal_word_list words = {0};
    sal_word_index index = {0};
    sal_random random;
    size_t count = 0;
    size_t *zero = sal_calloc(list->count, sizeof *zero);
    int status = zero == NULL ? sal_fail_memory(err, "words")
                              : sal_text_words(load->text, SAL_PAPER, document->text,
                                               document->text_length, &words, err);
    for (size_t i = 0; status == SAL_OK && i < words.count; i++) {
        size_t number = 0;
        status =
            sal_word_index_add(&index, words.words[i].bytes, words.words[i].length, &number, err);
    }
    for (size_t w = 0; status == SAL_OK && w < list->count; w++) {
        const char *word = list->words[w];
        const sal_importance_row *row = find_importance(importance, word);
        if ((row == NULL || row->count == 0) &&
            sal_word_index_find(&index, word, strlen(word)) != SAL_NO_WORD)
            zero[count++] = w;
    }
    if (status == SAL_OK) {
        sal_random_seed(
            &random, sal_seed_derive(load->selection->seed, document->corpus, document->id, 0, 0));
        sal_random_shuffle(&random, zero, count);
    }
    for (size_t i = 0; status == SAL_OK && i < count && i < ZERO_WORDS; i++)
        chosen[zero[i]] = 1;
    sal_word_index_free(&index);
    sal_word_list_free(&words);
    sal_free(zero);
    return status;
}

static int add_rows(loader *load, const sal_document *document, const probe_shard_words *list,
                    const sal_importance_list *importance, const unsigned char *chosen,
                    const sal_stopwords *stopwords, sal_error *err) {
    const bool paper = load->selection->protocol == SAL_PAPER;
    double occurrences = 0;
    int status = grow_rows(load, list->count, err);
    (void)document;
    for (size_t w = 0; w < list->count; w++)
        occurrences += (double)list->frequency[w];
    for (size_t w = 0; status == SAL_OK && w < list->count; w++) {
        const char *word = list->words[w];
        const sal_importance_row *row = find_importance(importance, word);
        const bool kept = row != NULL && row->count > 0;
        const bool enters = paper ? kept || chosen[w] != 0 : row != NULL && row->in_document;
        if (!enters)
            continue;
        const int content = row != NULL         ? row->content
                            : stopwords == NULL ? -1
                                                : !sal_stopwords_has(stopwords, word, strlen(word));
        status =
            add_row(load, list, w, occurrences,
                    row == NULL ? 0 : (double)row->count / (double)importance->of, content, err);
    }
    return status;
}

static int add_document(loader *load, const sal_document *document, const probe_shard_words *list,
                        const sal_importance_list *importance, sal_error *err) {
    probe_data *d = load->data;
    sal_stopwords *stopwords = NULL;
    const size_t before = d->rows;
    unsigned char *chosen = sal_calloc(list->count, 1);
    int status = chosen == NULL ? sal_fail_memory(err, "words")
                                : sal_stopwords_open(document->language, &stopwords, err);
    if (status == SAL_OK && load->selection->protocol == SAL_PAPER)
        status = mark_zero_words(load, document, list, importance, chosen, err);
    if (status == SAL_OK)
        status = add_rows(load, document, list, importance, chosen, stopwords, err);
    if (status == SAL_OK && d->rows - before >= ROWS_AT_LEAST) {
        d->keys[d->documents] = document->key;
        d->side[d->documents] = load->number;
        (void)snprintf(d->hashes[d->documents], 65, "%.64s", document->hash);
        d->start[++d->documents] = d->rows;
        if (importance->of + 1 > d->classes)
            d->classes =
                importance->of + 1 > CLASSES_AT_MOST ? CLASSES_AT_MOST : (int)importance->of + 1;
    } else if (status == SAL_OK) {
        d->few_words++;
        while (d->rows > before)
            sal_free(d->words[--d->rows]);
    }
    sal_stopwords_close(stopwords);
    sal_free(chosen);
    return status;
}

static int load_document(loader *load, int64_t key, sal_error *err) {
    sal_document *document = NULL;
    sal_importance_list *importance = NULL;
    sal_safetensors *file = NULL;
    probe_shard_words list = {0};
    char path[1000] = "";
    const size_t before = load->data->documents;
    sal_study *study = load->side->study;
    int status = sal_study_get_document(study, key, &document, err);
    if (status == SAL_OK)
        status = sal_study_get_importance(study, key, load->selection->summarizer,
                                          load->selection->protocol, &importance, err);
    if (status == SAL_OK)
        status = probe_shard_open(study, load->side->set->key, key, &file, path, err);
    if (status == SAL_OK &&
        (importance == NULL || importance->of == 0 || importance->inputs[0] == '\0'))
        load->data->without_importance++;
    else if (status == SAL_OK && file == NULL)
        load->data->without_states++;
    else if (status == SAL_OK) {
        status = probe_shard_words_read(file, &list, err);
        if (status == SAL_OK)
            status = add_document(load, document, &list, importance, err);
        if (status == SAL_OK && load->data->documents > before)
            status = split_signature(load->text, document->text, document->text_length,
                                     load->signatures + before * SPLIT_HASHES, err);
        if (status != SAL_OK)
            status = sal_fail_in(err, status, "%.300s", path);
    }
    probe_shard_words_free(&list);
    sal_safetensors_close(file);
    sal_importance_list_free(importance);
    sal_document_free(document);
    return status;
}

/* Room for count more documents. */
static int grow_documents(loader *load, size_t count, sal_error *err) {
    probe_data *d = load->data;
    const size_t room = d->documents + count + 1; /* starts are one more than documents */
    const struct {
        void **array;
        size_t size;
    } arrays[] = {{(void **)&d->keys, sizeof *d->keys},
                  {(void **)&d->side, sizeof *d->side},
                  {(void **)&d->hashes, sizeof *d->hashes},
                  {(void **)&d->group, sizeof *d->group},
                  {(void **)&d->start, sizeof *d->start},
                  {(void **)&load->signatures, SPLIT_HASHES * sizeof *load->signatures}};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        void *larger = sal_realloc(*arrays[i].array, room, arrays[i].size);
        if (larger == NULL)
            return sal_fail_memory(err, "documents of a probe");
        *arrays[i].array = larger;
    }
    d->start[d->documents] = d->rows;
    return SAL_OK;
}

static int load_side(loader *load, sal_error *err) {
    int64_t *keys = NULL;
    size_t count = 0;
    int status = sal_study_document_keys(load->side->study, load->selection->corpus,
                                         load->selection->limit, &keys, &count, err);
    if (status == SAL_OK)
        status = grow_documents(load, count, err);
    for (size_t i = 0; status == SAL_OK && i < count; i++)
        status = load_document(load, keys[i], err);
    sal_free(keys);
    return status;
}

int probe_data_load(const probe_side *sides, const probe_selection *selections, size_t count,
                    const sal_text *text, probe_data *data, sal_error *err) {
    loader load = {.text = text, .data = data};
    int status = SAL_OK;
    for (size_t s = 0; status == SAL_OK && s < count; s++) {
        load.side = &sides[s];
        load.selection = &selections[s];
        load.number = (unsigned char)s;
        status = load_side(&load, err);
    }
    if (status == SAL_OK)
        status = split_groups(load.signatures, data->documents, data->group, err);
    data->types = load.types.count;
    sal_word_index_free(&load.types);
    sal_free(load.signatures);
    return status;
}
