/* The data of the document browser, one document in memory at a time. Words are looked up and placed here, with the library's own
 * definition, so that the page tokenises nothing. The layout is described in README.md. */
#include <string.h>

#include "report/report_internal.h"

enum { PROTOCOLS = 2 };

/* What one summarizer made of the document. */
typedef struct unit {
    size_t summarizer; /* place in report->summarizers */
    sal_summary_list *summaries;
    sal_importance_list *importance[PROTOCOLS]; /* by sal_protocol; NULL: not computed */
} unit;

/* A document with everything that is shown of it. */
typedef struct page_document {
    const sal_report *report;
    size_t corpus;
    sal_document *document;
    unit *units;
    size_t unit_count;
    sal_stopwords *stopwords; /* NULL: no list for the language */
    sal_word_list words;      /* scratch */
    sal_word_list summary_words;
    sal_vocabulary strict; /* numbers the words of the summaries too */
    sal_importance_list **lists;
} page_document;

static void free_units(page_document *page) {
    for (size_t i = 0; i < page->unit_count; i++) {
        sal_summary_list_free(page->units[i].summaries);
        sal_importance_list_free(page->units[i].importance[SAL_STRICT]);
        sal_importance_list_free(page->units[i].importance[SAL_PAPER]);
    }
    sal_free(page->units);
    sal_free(page->lists);
    page->units = NULL;
    page->lists = NULL;
    page->unit_count = 0;
}

static void free_page(page_document *page) {
    free_units(page);
    sal_document_free(page->document);
    sal_stopwords_close(page->stopwords);
    sal_word_list_free(&page->words);
    sal_word_list_free(&page->summary_words);
    sal_vocabulary_free(&page->strict);
}

/* Load what one summarizer made; it counts only if there is anything. */
static int load_unit(page_document *page, size_t summarizer, sal_error *err) {
    const sal_report *report = page->report;
    const int64_t key = report->summarizers->items[summarizer].key;
    const int64_t document = page->document->key;
    unit *next = &page->units[page->unit_count];
    int code = SAL_OK;

    next->summarizer = summarizer;
    page->unit_count++; /* so that a failure below frees what it holds */
    code = sal_study_get_summaries(report->study, document, key, &next->summaries, err);
    for (int protocol = 0; protocol < PROTOCOLS && code == SAL_OK; protocol++) {
        code = sal_study_get_importance(report->study, document, key, (sal_protocol)protocol,
                                        &next->importance[protocol], err);
    }
    if (code == SAL_OK && next->summaries->count == 0 && next->importance[SAL_STRICT] == NULL &&
        next->importance[SAL_PAPER] == NULL) {
        sal_summary_list_free(next->summaries);
        *next = (unit){0};
        page->unit_count--;
    }
    return code;
}

static int load_page(page_document *page, int64_t key, sal_error *err) {
    const size_t count = page->report->summarizers->count;
    int code = sal_study_get_document(page->report->study, key, &page->document, err);

    if (code != SAL_OK) {
        return code;
    }
    page->units = sal_calloc(count, sizeof *page->units);
    page->lists = sal_calloc(count, sizeof *page->lists);
    if (page->units == NULL || page->lists == NULL) {
        return sal_fail_memory(err, "the summaries of a document");
    }
    for (size_t i = 0; i < count && code == SAL_OK; i++) {
        code = load_unit(page, i, err);
    }
    return code == SAL_OK ? sal_stopwords_open(page->document->language, &page->stopwords, err)
                          : code;
}

/* Numbers of the words for which wanted is true. */
static void put_numbers(sal_block *block, const sal_vocabulary *vocabulary,
                        bool (*wanted)(const sal_vocabulary_word *word)) {
    sal_block_open(block, '[');
    for (size_t i = 0; i < vocabulary->count; i++) {
        if (wanted(&vocabulary->words[i])) {
            sal_block_integer(block, (int64_t)i);
        }
    }
    sal_block_close(block, ']');
}

static bool is_stop(const sal_vocabulary_word *word) {
    return word->stop;
}

static bool is_outside(const sal_vocabulary_word *word) {
    return !word->inside;
}

/* {"words": [...], "stop": [...] or null, "outside": [...], "spans": [...]} of one protocol. */
static void put_vocabulary(sal_block *block, const page_document *page,
                           const sal_vocabulary *vocabulary) {
    sal_block_open(block, '{');
    sal_block_key(block, "words");
    sal_block_open(block, '[');
    for (size_t i = 0; i < vocabulary->count; i++) {
        sal_block_bytes(block, vocabulary->words[i].bytes, vocabulary->words[i].length);
    }
    sal_block_close(block, ']');
    sal_block_key(block, "stop");
    if (page->stopwords == NULL) {
        sal_block_null(block);
    } else {
        put_numbers(block, vocabulary, is_stop);
    }
    sal_block_key(block, "outside");
    put_numbers(block, vocabulary, is_outside);
    sal_block_key(block, "spans");
    sal_block_spans(block, page->document->text, page->document->text_length, &page->words, 0,
                    vocabulary);
    sal_block_close(block, '}');
}

/* {"of": n, "counted": bool, "kept": [word, summaries, ...]}: words that no summary keeps are left out, being 0 of n; not counted:
   imported importance in units of 1/n. */
static void put_importance(sal_block *block, const sal_importance_list *list,
                           const sal_vocabulary *vocabulary) {
    if (list == NULL) {
        sal_block_null(block);
        return;
    }
    sal_block_open(block, '{');
    sal_block_put_integer(block, "of", list->of);
    sal_block_key(block, "counted");
    sal_block_boolean(block, list->counted);
    sal_block_key(block, "kept");
    sal_block_open(block, '[');
    for (size_t i = 0; i < list->count; i++) {
        const sal_importance_row *row = &list->rows[i];

        if (row->count > 0) {
            sal_block_integer(block, sal_vocabulary_find(vocabulary, row->word, strlen(row->word)));
            sal_block_integer(block, row->count);
        }
    }
    sal_block_close(block, ']');
    sal_block_close(block, '}');
}

/* Words of a summary and their numbers: cleaned as importance does, counted in the text as it came. */
static void put_summary_spans(sal_block *block, page_document *page, const sal_summary *summary) {
    const sal_text *text = page->report->text;
    sal_span span = {0, 0};

    if (block->code == SAL_OK) {
        block->code = sal_text_clean(text, summary->text, summary->text_length, &span, block->err);
    }
    if (block->code == SAL_OK) {
        block->code = sal_text_words(text, SAL_STRICT, summary->text + span.start,
                                     span.end - span.start, &page->summary_words, block->err);
    }
    if (block->code == SAL_OK) {
        sal_block_spans(block, summary->text, summary->text_length, &page->summary_words,
                        span.start, &page->strict);
    }
}

static void put_summary(sal_block *block, page_document *page, const sal_summary *summary) {
    sal_block_open(block, '{');
    sal_block_key(block, "length");
    if (summary->length > 0) {
        sal_block_integer(block, summary->length);
    } else {
        sal_block_null(block);
    }
    sal_block_put_integer(block, "replica", summary->replica);
    sal_block_put_string(block, "status", sal_status_name(summary->status));
    sal_block_put_integer(block, "words", summary->words);
    sal_block_put_string(block, "error", summary->error);
    sal_block_key(block, "text");
    sal_block_bytes(block, summary->text == NULL ? "" : summary->text, summary->text_length);
    sal_block_key(block, "spans");
    if (summary->text == NULL) {
        sal_block_open(block, '[');
        sal_block_close(block, ']');
    } else {
        put_summary_spans(block, page, summary);
    }
    sal_block_close(block, '}');
}

static void put_unit(sal_block *block, page_document *page, const unit *made,
                     const sal_vocabulary *paper) {
    sal_block_open(block, '{');
    sal_block_put_integer(block, "summarizer", (int64_t)made->summarizer);
    sal_block_key(block, "summaries");
    sal_block_open(block, '[');
    for (size_t i = 0; i < made->summaries->count && block->code == SAL_OK; i++) {
        put_summary(block, page, &made->summaries->items[i]);
    }
    sal_block_close(block, ']');
    sal_block_key(block, "strict");
    put_importance(block, made->importance[SAL_STRICT], &page->strict);
    sal_block_key(block, "paper");
    put_importance(block, made->importance[SAL_PAPER], paper);
    sal_block_close(block, '}');
}

/* Make and write the numbered words of one protocol; null for paper where nothing was computed with it. */
static void put_protocol(sal_block *block, page_document *page, sal_protocol protocol,
                         sal_vocabulary *vocabulary) {
    bool present = protocol == SAL_STRICT; /* summaries are marked with these numbers anyway */

    for (size_t i = 0; i < page->unit_count; i++) {
        page->lists[i] = page->units[i].importance[protocol];
        present = present || page->lists[i] != NULL;
    }
    sal_block_key(block, sal_protocol_name(protocol));
    if (!present) {
        sal_block_null(block);
        return;
    }
    if (block->code == SAL_OK) {
        block->code = sal_text_words(page->report->text, protocol, page->document->text,
                                     page->document->text_length, &page->words, block->err);
    }
    if (block->code == SAL_OK) {
        block->code = sal_vocabulary_make(&page->words, page->lists, page->unit_count,
                                          page->stopwords, vocabulary, block->err);
    }
    if (block->code == SAL_OK) {
        put_vocabulary(block, page, vocabulary);
    }
}

/* Words of the document that the vocabulary borrows must live until the units are written: hence two word lists. */
static void put_document(sal_block *block, page_document *page) {
    const sal_document *document = page->document;
    sal_vocabulary paper = {0};
    sal_word_list strict_words = {0};

    sal_block_open(block, '{');
    sal_block_put_integer(block, "corpus", (int64_t)page->corpus);
    sal_block_put_string(block, "id", document->id);
    sal_block_put_string(block, "language", document->language);
    sal_block_put_string(block, "kind", document->kind);
    sal_block_key(block, "text");
    sal_block_bytes(block, document->text, document->text_length);
    sal_block_key(block, "reference");
    sal_block_bytes(block, document->reference, document->reference_length);
    put_protocol(block, page, SAL_STRICT, &page->strict);
    strict_words = page->words;
    page->words = (sal_word_list){0};
    put_protocol(block, page, SAL_PAPER, &paper);
    sal_block_key(block, "summarizers");
    sal_block_open(block, '[');
    for (size_t i = 0; i < page->unit_count && block->code == SAL_OK; i++) {
        put_unit(block, page, &page->units[i], &paper);
    }
    sal_block_close(block, ']');
    sal_block_close(block, '}');
    sal_vocabulary_free(&paper);
    sal_word_list_free(&strict_words);
}

/* Add a name to a short list unless it is there. */
static int note_name(char ***names, size_t *count, const char *name, sal_error *err) {
    char **longer = NULL;

    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*names)[i], name) == 0) {
            return SAL_OK;
        }
    }
    longer = sal_realloc(*names, *count + 1, sizeof **names);
    if (longer == NULL) {
        return sal_fail_memory(err, "the languages of a corpus");
    }
    *names = longer;
    longer[*count] = sal_copy_string(name);
    if (longer[*count] == NULL) {
        return sal_fail_memory(err, "the languages of a corpus");
    }
    (*count)++;
    return SAL_OK;
}

/* One document: made in a buffer, so that the output is written in large pieces. */
static int write_document(sal_report *report, size_t corpus, int64_t key, const sal_sink *sink,
                          sal_error *err) {
    sal_report_corpus *home = &report->corpora[corpus];
    page_document page = {.report = report, .corpus = corpus};
    sal_buffer buffer = {0};
    const sal_sink to_buffer = sal_buffer_sink(&buffer);
    sal_block block = {.sink = &to_buffer, .err = err};
    int code = load_page(&page, key, err);

    if (code != SAL_OK) {
        goto done;
    }
    code = note_name(&home->languages, &home->language_count, page.document->language, err);
    if (code == SAL_OK) {
        code = note_name(&home->kinds, &home->kind_count, page.document->kind, err);
    }
    if (code != SAL_OK) {
        goto done;
    }
    put_document(&block, &page);
    code = block.code;
    if (code != SAL_OK) {
        code = sal_fail_in(err, code, "document %s of corpus %s", page.document->id, home->name);
        goto done;
    }
    code = sal_sink_string(sink, "<script type=\"application/json\" class=\"document-data\">", err);
    if (code == SAL_OK) {
        code = sal_sink_write(sink, buffer.bytes, buffer.length, err);
    }
    if (code == SAL_OK) {
        code = sal_sink_string(sink, "</script>\n", err);
    }
done:
    sal_buffer_free(&buffer);
    free_page(&page);
    return code;
}

int sal_report_document_blocks(sal_report *report, const sal_sink *sink, sal_error *err) {
    int64_t total = 0;
    int64_t written = 0;

    for (size_t c = 0; c < report->corpus_count; c++) {
        total += (int64_t)report->corpora[c].shown;
    }
    for (size_t c = 0; c < report->corpus_count; c++) {
        for (size_t i = 0; i < report->corpora[c].shown; i++) {
            int code = SAL_OK;

            if (sal_progress_cancelled(report->progress)) {
                return sal_fail(err, SAL_ECANCELLED,
                                "the report was interrupted; nothing was written");
            }
            code = write_document(report, c, report->corpora[c].keys[i], sink, err);
            if (code != SAL_OK) {
                return code;
            }
            sal_progress_update(report->progress, "report", ++written, total, "documents");
        }
    }
    return SAL_OK;
}
