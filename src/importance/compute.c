/* Importance of one document's words, without a study: the word table as a list whose strings stand on their own. */
#include "importance/importance_internal.h"

static int copy_rows(const sal_word_table *table, sal_importance_list *list, sal_error *err) {
    list->rows = sal_calloc(table->word_count, sizeof *list->rows);
    if (list->rows == NULL)
        return sal_fail_memory(err, "importance");
    list->of = table->of;
    list->counted = true;
    for (size_t i = 0; i < table->word_count; i++) {
        const sal_table_word *word = &table->words[i];
        char *bytes = sal_copy_bytes(word->bytes, word->length);
        if (bytes == NULL)
            return sal_fail_memory(err, "importance");
        list->rows[list->count++] = (sal_importance_row){.word = bytes,
                                                         .count = word->count,
                                                         .of = table->of,
                                                         .content = word->content,
                                                         .in_document = word->in_document};
    }
    return SAL_OK;
}

int sal_importance_compute(const sal_text *text, sal_protocol protocol,
                           const sal_stopwords *stopwords, const char *document,
                           size_t document_length, const sal_importance_input *summaries,
                           size_t count, sal_importance_list **out, sal_error *err) {
    sal_word_table table = {0};
    sal_importance_list *list = NULL;
    int status = sal_word_table_make(text, sal_importance_choices_of(protocol), stopwords, document,
                                     document_length, summaries, count, &table, err);
    if (status != SAL_OK)
        return status;
    list = sal_calloc(1, sizeof *list);
    if (list == NULL)
        status = sal_fail_memory(err, "importance");
    /* Without a summary that counts, importance is undefined, not 0: no rows. */
    else if (table.of > 0)
        status = copy_rows(&table, list, err);
    if (status == SAL_OK)
        *out = list;
    else
        sal_importance_list_free(list);
    sal_word_table_free(&table);
    return status;
}
