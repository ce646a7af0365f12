/* The words that a summarizer keeps most, over the documents of a corpus. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "importance_view.h"
#include "table.h"

#define TOP_WORDS 8
#define TOP_DOCUMENTS                                                                              \
    1000 /* enough for a ranking; a corpus of 300,000 must not be held in memory */

/* A word with its importance summed over documents. */
struct word_sum {
    char *word; /* owned */
    double sum;
    int content;
};

struct word_sums {
    struct word_sum *items;
    size_t count;
    size_t capacity;
    size_t documents;
};

static int by_word(const void *a, const void *b) {
    return strcmp(((const struct word_sum *)a)->word, ((const struct word_sum *)b)->word);
}

static int by_sum(const void *a, const void *b) {
    const struct word_sum *x = a, *y = b;
    return x->sum > y->sum ? -1 : x->sum < y->sum ? 1 : strcmp(x->word, y->word);
}

static int add_document(struct word_sums *sums, const sal_importance_list *list, sal_error *err) {
    int status = 0;
    for (size_t i = 0; status == 0 && i < list->count; i++) {
        if (list->rows[i].count == 0) {
            continue;
        }
        status =
            sal_grow((void **)&sums->items, &sums->capacity, sums->count, sizeof *sums->items, err);
        char *word = status == 0 ? sal_copy_string(list->rows[i].word) : NULL;
        if (status == 0 && word == NULL) {
            status = sal_fail_memory(err, "words of the top list");
        }
        if (status == 0) {
            const double importance = (double)list->rows[i].count / (double)list->of;
            sums->items[sums->count++] = (struct word_sum){word, importance, list->rows[i].content};
        }
    }
    sums->documents += status == 0;
    return status;
}

/* Equal words become one, then the largest sum first. */
static void merge(struct word_sums *sums) {
    size_t kept = 0;
    if (sums->count == 0) {
        return;
    }
    qsort(sums->items, sums->count, sizeof *sums->items, by_word);
    for (size_t i = 1; i < sums->count; i++) {
        if (strcmp(sums->items[kept].word, sums->items[i].word) == 0) {
            sums->items[kept].sum += sums->items[i].sum;
            sal_free(sums->items[i].word);
        } else {
            sums->items[++kept] = sums->items[i];
        }
    }
    sums->count = kept + 1;
    qsort(sums->items, sums->count, sizeof *sums->items, by_sum);
}

/* One line of the table: as many words as columns allow, the first in any case. */
static int add_top_row(struct table *table, const struct word_sums *sums, const char *name,
                       bool content, size_t columns, sal_error *err) {
    char cell[500] = "";
    size_t used = 0, words = 0;
    for (size_t i = 0; i < sums->count && words < TOP_WORDS; i++) {
        const struct word_sum *item = &sums->items[i];
        if (content && item->content != 1) {
            continue;
        }
        const double mean = item->sum / (double)sums->documents;
        const int added = snprintf(cell + used, sizeof cell - used, "%s%s %.2f",
                                   words == 0 ? "" : ", ", item->word, mean);
        const bool whole = added >= 0 && (size_t)added < sizeof cell - used;
        if (!whole || (words > 0 && text_width(cell, used + (size_t)added) > columns)) {
            cell[used] = '\0'; /* a word that does not fit is left out whole */
            break;
        }
        used += (size_t)added;
        words++;
    }
    int status = table_add(table, err, "%s", content ? name : "");
    status = status != 0 ? status : table_add(table, err, content ? "content" : "all");
    return status != 0 ? status : table_add(table, err, "%s", words == 0 ? "-" : cell);
}

static int add_summarizer(struct table *table, const struct importance_view *view,
                          const sal_summarizer_info *summarizer, const int64_t *documents,
                          size_t count) {
    sal_error *err = &view->session->error;
    struct word_sums sums = {0};
    int status = 0;
    for (size_t d = 0; status == 0 && d < count; d++) {
        sal_importance_list *list = NULL;
        status = sal_study_get_importance(view->study, documents[d], summarizer->key,
                                          view->protocol, &list, err);
        if (status == 0 && list != NULL && list->of > 0) {
            status = add_document(&sums, list, err);
        }
        sal_importance_list_free(list);
    }
    merge(&sums);
    const size_t width = (size_t)view->session->terminal.width,
                 taken = text_width(summarizer->name, strlen(summarizer->name)) + 15;
    const size_t columns = width > taken ? width - taken : 0;
    if (status == 0 && sums.count > 0) {
        status = add_top_row(table, &sums, summarizer->name, true, columns, err);
        status =
            status != 0 ? status : add_top_row(table, &sums, summarizer->name, false, columns, err);
    }
    for (size_t i = 0; i < sums.count; i++) {
        sal_free(sums.items[i].word);
    }
    sal_free(sums.items);
    return status;
}

int importance_print_top_words(const struct importance_view *view, const char *corpus) {
    sal_error *err = &view->session->error;
    struct table table = {.alignment = "lll"};
    int64_t *documents = NULL;
    size_t count = 0;
    int status =
        sal_study_document_keys(view->study, corpus, TOP_DOCUMENTS, &documents, &count, err);
    if (status == 0) {
        status = table_head(&table, "summarizer|words|kept most (mean importance)", err);
    }
    for (size_t i = 0; status == 0 && i < view->summarizer_count; i++) {
        status = add_summarizer(&table, view, &view->summarizers[i], documents, count);
    }
    if (status == 0) {
        status = sal_sink_string(&view->sink, "\n", err);
    }
    if (status == 0) {
        status = table_print(&table, view->session->terminal.color_output, &view->sink, err);
    }
    if (status == 0 && count == TOP_DOCUMENTS) {
        status = sal_sink_format(
            &view->sink, err, "  (words kept most: over the first %d documents)\n", TOP_DOCUMENTS);
    }
    table_free(&table);
    sal_free(documents);
    return status;
}
