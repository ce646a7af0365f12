/* The table of a document's words: every occurrence from every source in one list, sorted by word; a run of equal words is one
 * row. Sorting rather than hashing: no text can make it slow, and rows come out in order. */
#include <stdlib.h>
#include <string.h>

#include "importance/importance_internal.h"

typedef struct occurrence {
    uint64_t prefix; /* first eight bytes, big-endian: decides most comparisons */
    const char *bytes;
    size_t length;
    size_t source; /* summary, or S for the document */
} occurrence;

static uint64_t prefix_of(const char *bytes, size_t length) {
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < length ? (unsigned char)bytes[i] : 0);
    return prefix;
}

static int compare_words(const occurrence *a, const occurrence *b) {
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    size_t shorter = a->length < b->length ? a->length : b->length;
    /* Words hold no NUL: with equal prefixes the first eight bytes are equal. */
    int order = shorter <= 8 ? 0 : memcmp(a->bytes + 8, b->bytes + 8, shorter - 8);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare(const void *left, const void *right) {
    return compare_words(left, right);
}

sal_importance_choices sal_importance_choices_of(sal_protocol protocol) {
    const bool paper = protocol == SAL_PAPER;
    return (sal_importance_choices){paper, paper, paper};
}

/* paper: every record. strict: what a summarizer did write. */
static bool counts(sal_importance_choices choices, sal_status status) {
    return choices.all_records || status == SAL_STATUS_OK || status == SAL_STATUS_TRUNCATED;
}

static int read_summary(const sal_text *text, sal_protocol protocol,
                        const sal_importance_input *summary, sal_word_list *list, sal_error *err) {
    sal_span span;
    int status = sal_text_clean(text, summary->text, summary->length, &span, err);
    if (status != SAL_OK)
        return status;
    return sal_text_words(text, protocol, summary->text + span.start, span.end - span.start, list,
                          err);
}

/* Fill the table's lists: words of the summaries that count, and of the document. */
static int read_words(sal_word_table *table, const sal_text *text, sal_importance_choices choices,
                      const char *document, size_t document_length,
                      const sal_importance_input *summaries, sal_error *err) {
    const sal_protocol protocol = choices.raw_words ? SAL_PAPER : SAL_STRICT;
    for (size_t i = 0; i < table->summary_count; i++) {
        table->counts[i] = counts(choices, summaries[i].status);
        if (!table->counts[i])
            continue;
        table->of++;
        int status = read_summary(text, protocol, &summaries[i], &table->lists[i], err);
        if (status != SAL_OK)
            return sal_fail_in(err, status, "summary %zu of %zu", i + 1, table->summary_count);
    }
    if (document == NULL)
        return SAL_OK;
    int status = sal_text_words(text, protocol, document, document_length,
                                &table->lists[table->summary_count], err);
    return status == SAL_OK ? SAL_OK : sal_fail_in(err, status, "document");
}

static int sorted_occurrences(const sal_word_table *table, occurrence **out, size_t *count,
                              sal_error *err) {
    size_t total = 0;
    size_t put = 0;
    for (size_t source = 0; source <= table->summary_count; source++)
        total += table->lists[source].count;
    occurrence *all = sal_calloc(total, sizeof *all);
    if (all == NULL)
        return sal_fail_memory(err, "the words of a document");
    for (size_t source = 0; source <= table->summary_count; source++) {
        const sal_word_list *list = &table->lists[source];
        for (size_t i = 0; i < list->count; i++) {
            const sal_word *word = &list->words[i];
            all[put++] = (occurrence){prefix_of(word->bytes, word->length), word->bytes,
                                      word->length, source};
        }
    }
    if (total > 0)
        qsort(all, total, sizeof *all, compare);
    *out = all;
    *count = total;
    return SAL_OK;
}

static size_t count_types(const occurrence *all, size_t count) {
    size_t types = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || compare_words(&all[i - 1], &all[i]) != 0)
            types++;
    return types;
}

static int content_of(const sal_stopwords *stopwords, const occurrence *word) {
    if (stopwords == NULL)
        return -1;
    return sal_stopwords_has(stopwords, word->bytes, word->length) ? 0 : 1;
}

/* One row for each run of equal words; a word of the document alone is a row unless kept ones stand alone. */
static void fill_rows(sal_word_table *table, sal_importance_choices choices,
                      const sal_stopwords *stopwords, const occurrence *all, size_t count) {
    size_t S = table->summary_count;
    for (size_t first = 0, next; first < count; first = next) {
        sal_table_word *row = &table->words[table->word_count];
        unsigned char *kept = table->kept + table->word_count * S;
        *row = (sal_table_word){.bytes = all[first].bytes, .length = all[first].length};
        for (next = first; next < count && compare_words(&all[first], &all[next]) == 0; next++) {
            if (all[next].source == S)
                row->in_document = true;
            else
                kept[all[next].source] = 1;
        }
        for (size_t s = 0; s < S; s++)
            row->count += kept[s];
        if (row->count == 0 && choices.kept_alone)
            continue;
        row->content = content_of(stopwords, &all[first]);
        table->word_count++;
    }
}

int sal_word_table_make(const sal_text *text, sal_importance_choices choices,
                        const sal_stopwords *stopwords, const char *document,
                        size_t document_length, const sal_importance_input *summaries, size_t count,
                        sal_word_table *table, sal_error *err) {
    occurrence *all = NULL;
    size_t total = 0;
    *table = (sal_word_table){.summary_count = count};
    table->counts = sal_calloc(count, sizeof *table->counts);
    table->lists = sal_calloc(count + 1, sizeof *table->lists);
    if (table->counts == NULL || table->lists == NULL) {
        sal_word_table_free(table);
        return sal_fail_memory(err, "the words of a document");
    }
    int status = read_words(table, text, choices, document, document_length, summaries, err);
    if (status == SAL_OK)
        status = sorted_occurrences(table, &all, &total, err);
    if (status != SAL_OK)
        goto done;
    size_t types = count_types(all, total);
    table->words = sal_calloc(types, sizeof *table->words);
    table->kept = count > SIZE_MAX / (types + 1) ? NULL : sal_calloc(types * count, 1);
    if (table->words == NULL || table->kept == NULL) {
        status = sal_fail_memory(err, "the words of a document");
        goto done;
    }
    fill_rows(table, choices, stopwords, all, total);
done:
    sal_free(all);
    if (status != SAL_OK)
        sal_word_table_free(table);
    return status;
}

void sal_word_table_free(sal_word_table *table) {
    if (table->lists != NULL)
        for (size_t i = 0; i <= table->summary_count; i++)
            sal_word_list_free(&table->lists[i]);
    sal_free(table->lists);
    sal_free(table->counts);
    sal_free(table->words);
    sal_free(table->kept);
    *table = (sal_word_table){0};
}
