/* Importance that others computed, as rows of the study. Its words are brought into the protocol's form and laid over those of the
 * document. y is kept as a whole number of units of 1/of: tenths where that is exact, which a count of ten summaries gives; else the
 * smallest denominator that fits (shares of nine or of twenty summaries), else ten-thousandths. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "importance/importance_internal.h"

enum { TENTHS = 10, LARGEST_EXACT = 1000, FINEST = 10000 };

/* A double's spelling of k/n is off by far less; two neighbours of LARGEST_EXACT differ by far more. */
static const double exactness = 1e-9;

static bool fits(const sal_imported_list *imported, int64_t of) {
    for (size_t i = 0; i < imported->count; i++) {
        const double units = imported->words[i].importance * (double)of;
        if (!(fabs(units - round(units)) <= exactness * (double)of))
            return false;
    }
    return true;
}

static int64_t denominator_of(const sal_imported_list *imported, bool *counted) {
    *counted = fits(imported, TENTHS);
    if (*counted)
        return TENTHS;
    for (int64_t of = 1; of <= LARGEST_EXACT; of++)
        if (fits(imported, of))
            return of;
    return FINEST;
}

/* ---- words ------------------------------------------------------------------------------------------------- */

/** One imported word in the protocol's form. */
typedef struct imported_word {
    char *bytes; /* owned */
    int64_t units;
} imported_word;

static int by_bytes(const void *left, const void *right) {
    const imported_word *a = left;
    const imported_word *b = right;
    const int order = strcmp(a->bytes, b->bytes);
    return order != 0 ? order : (a->units < b->units) - (a->units > b->units);
}

/* As the protocol spells it; what is no single word stays as it came. */
static int spell(const sal_text *text, sal_protocol protocol, const char *word, char **out,
                 sal_error *err) {
    sal_word_list list = {0};
    int status = sal_text_words(text, protocol, word, strlen(word), &list, err);
    if (status == SAL_OK) {
        *out = list.count == 1 ? sal_copy_bytes(list.words[0].bytes, list.words[0].length)
                               : sal_copy_string(word);
        if (*out == NULL)
            status = sal_fail_memory(err, "a word");
    }
    sal_word_list_free(&list);
    return status;
}

static void free_words(imported_word *words, size_t count) {
    for (size_t i = 0; words != NULL && i < count; i++)
        sal_free(words[i].bytes);
    sal_free(words);
}

/* Sorted, each once: of two spellings that fall together the larger importance, as a summary may have both. */
static int bring_into_form(const sal_text *text, sal_protocol protocol,
                           const sal_imported_list *imported, int64_t of, imported_word **out,
                           size_t *count, sal_error *err) {
    imported_word *words = sal_calloc(imported->count, sizeof *words);
    size_t made = 0;
    size_t kept = 0;
    int status = words == NULL ? sal_fail_memory(err, "words") : SAL_OK;
    for (; status == SAL_OK && made < imported->count; made++) {
        status = spell(text, protocol, imported->words[made].word, &words[made].bytes, err);
        words[made].units = llround(imported->words[made].importance * (double)of);
    }
    if (status != SAL_OK) {
        free_words(words, made);
        return status;
    }
    qsort(words, made, sizeof *words, by_bytes);
    for (size_t i = 0; i < made; i++) {
        if (kept > 0 && strcmp(words[kept - 1].bytes, words[i].bytes) == 0)
            sal_free(words[i].bytes);
        else
            words[kept++] = words[i];
    }
    *out = words;
    *count = kept;
    return SAL_OK;
}

/* ---- rows -------------------------------------------------------------------------------------------------- */

static sal_importance_row row_outside(const sal_stopwords *stopwords, const imported_word *word,
                                      int64_t of) {
    const bool stop =
        stopwords != NULL && sal_stopwords_has(stopwords, word->bytes, strlen(word->bytes));
    return (sal_importance_row){.word = word->bytes,
                                .count = word->units,
                                .of = of,
                                .content = stopwords == NULL ? -1 : !stop};
}

/* Merge two sorted lists: words of the document, which strict keeps with 0, and imported ones. */
static size_t merge(const sal_word_table *document, const imported_word *words, size_t count,
                    sal_protocol protocol, const sal_stopwords *stopwords, int64_t of,
                    sal_importance_row *rows) {
    size_t used = 0;
    size_t d = 0;
    size_t w = 0;
    while (d < document->word_count || w < count) {
        const sal_table_word *own = d < document->word_count ? &document->words[d] : NULL;
        const int order = own == NULL ? 1 : w == count ? -1 : strcmp(own->bytes, words[w].bytes);
        if (order > 0) {
            rows[used++] = row_outside(stopwords, &words[w++], of);
            continue;
        }
        d++;
        if (order < 0 && protocol == SAL_PAPER)
            continue;
        rows[used++] = (sal_importance_row){.word = own->bytes,
                                            .count = order == 0 ? words[w].units : 0,
                                            .of = of,
                                            .content = own->content,
                                            .in_document = true};
        w += order == 0;
    }
    return used;
}

int sal_importance_put_imported(sal_study *study, const sal_text *text,
                                const sal_importance_place *place, const sal_stopwords *stopwords,
                                const sal_imported_list *imported, sal_error *err) {
    sal_importance_choices all_words = sal_importance_choices_of(place->protocol);
    sal_word_table table = {0};
    imported_word *words = NULL;
    size_t count = 0;
    bool counted = false;
    sal_importance_row *rows = NULL;
    const int64_t of = denominator_of(imported, &counted);
    all_words.kept_alone = false;
    int status = sal_word_table_make(text, all_words, stopwords, place->document->text,
                                     place->document->text_length, NULL, 0, &table, err);
    if (status == SAL_OK)
        status = bring_into_form(text, place->protocol, imported, of, &words, &count, err);
    if (status != SAL_OK)
        goto done;
    rows = sal_calloc(table.word_count + count, sizeof *rows);
    if (rows == NULL) {
        status = sal_fail_memory(err, "importance");
        goto done;
    }
    const size_t used = merge(&table, words, count, place->protocol, stopwords, of, rows);
    status = (counted ? sal_study_put_importance : sal_study_put_scaled_importance)(
        study, place->document->key, place->summarizer, place->protocol, place->inputs, of, rows,
        used, err);
done:
    sal_free(rows);
    free_words(words, count);
    sal_word_table_free(&table);
    return status;
}
