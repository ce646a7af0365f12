/* What every head gives to every word of a table's first documents, so that the page can shade a text by any of them. Values of a head
 * span orders of magnitude (one word may take half of it), so a value is kept as sixteen bits of its logarithm: 65535 is the largest of
 * the row, 1 is RANGE times smaller, 0 is less: 0.03 % of a value, at a sixth of the numbers written out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/report_internal.h"

enum { SAMPLES_AT_MOST = 3, BYTES_AT_MOST = 4 << 20 /* of the values of all tables together */ };
#define RANGE 1e8

/* A document of a table. */
typedef struct sample {
    sal_head_unit *unit;
    sal_document *document;
    sal_word_list words;       /* of the document, as the table's protocol cuts it */
    sal_vocabulary vocabulary; /* the unit's words by their bytes */
    size_t *order;             /* [W] place in the unit of each word of the vocabulary */
} sample;

static void free_sample(sample *one) {
    sal_head_unit_free(one->unit);
    sal_document_free(one->document);
    sal_word_list_free(&one->words);
    sal_vocabulary_free(&one->vocabulary);
    sal_free(one->order);
}

/* A word of the unit and its place there. */
typedef struct placed {
    const char *bytes;
    size_t length;
    size_t place;
} placed;

static int compare_placed(const void *a, const void *b) {
    const placed *left = a;
    const placed *right = b;
    const size_t common = left->length < right->length ? left->length : right->length;
    const int order = memcmp(left->bytes, right->bytes, common);

    return order != 0 ? order : (left->length > right->length) - (left->length < right->length);
}

/* Number the unit's words as sal_vocabulary_find expects them: by bytes. */
static int number_words(sample *one, sal_error *err) {
    const size_t W = one->unit->words;
    const char *at = one->unit->word_list;
    const char *const end = at + one->unit->word_list_length;
    placed *all = sal_calloc(W, sizeof *all);
    size_t count = 0;

    one->order = sal_calloc(W, sizeof *one->order);
    one->vocabulary.words = sal_calloc(W, sizeof *one->vocabulary.words);
    if (all == NULL || one->order == NULL || one->vocabulary.words == NULL) {
        sal_free(all);
        return sal_fail_memory(err, "the words of a head");
    }
    while (count < W && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const size_t length = (size_t)((stop == NULL ? end : stop) - at);

        all[count] = (placed){at, length, count};
        count++;
        at += length + 1;
    }
    if (count > 0) {
        qsort(all, count, sizeof *all, compare_placed);
    }
    for (size_t i = 0; i < count; i++) {
        one->order[i] = all[i].place;
        one->vocabulary.words[i] =
            (sal_vocabulary_word){.bytes = all[i].bytes, .length = all[i].length, .inside = true};
    }
    one->vocabulary.count = count;
    sal_free(all);
    return SAL_OK;
}

/* Five significant digits are more than the levels have. */
static double rounded(double value) {
    if (!(value > 0)) {
        return value;
    }
    const double scale = pow(10, 4 - floor(log10(value)));
    return round(value * scale) / scale;
}

static double largest_of(const sample *one, size_t row) {
    const float *values = one->unit->vectors + row * one->unit->words;
    double largest = 0;

    for (size_t w = 0; w < one->unit->words; w++) {
        if (isnan(values[w])) {
            return NAN;
        }
        largest = (double)values[w] > largest ? (double)values[w] : largest;
    }
    return largest;
}

static void put_largest(sal_block *block, const sample *one) {
    sal_block_key(block, "largest");
    sal_block_open(block, '[');
    for (size_t r = 0; r < one->unit->rows; r++) {
        sal_block_number(block, rounded(largest_of(one, r)));
    }
    sal_block_close(block, ']');
}

static unsigned level_of(double value, double largest) {
    const double level = 65535 - 65534 * log(largest / value) / log(RANGE);

    return value > 0 && level >= 1 ? (unsigned)lround(level) : 0;
}

/* Rows of levels, the low byte first, in base64; a row that is undefined is zero, and its largest value null. */
static void put_values(sal_block *block, const sample *one) {
    const size_t count = one->vocabulary.count;
    const size_t total = 2 * count * one->unit->rows;
    unsigned char *bytes = sal_calloc(total + 2, 1);
    char *text = sal_calloc((total + 2) / 3 * 4 + 1, 1);

    if (block->code == SAL_OK && (bytes == NULL || text == NULL)) {
        block->code = sal_fail_memory(block->err, "the words of a head");
    }
    for (size_t r = 0; block->code == SAL_OK && r < one->unit->rows; r++) {
        const float *values = one->unit->vectors + r * one->unit->words;
        const double largest = largest_of(one, r);

        for (size_t i = 0; largest > 0 && i < count; i++) {
            const unsigned level = level_of((double)values[one->order[i]], largest);

            bytes[2 * (r * count + i)] = (unsigned char)(level & 255);
            bytes[2 * (r * count + i) + 1] = (unsigned char)(level >> 8);
        }
    }
    for (size_t i = 0; block->code == SAL_OK && i < total; i += 3) {
        sal_base64_group(bytes + i, text + i / 3 * 4);
    }
    sal_block_key(block, "values");
    sal_block_bytes(block, text, text == NULL ? 0 : strlen(text));
    sal_free(bytes);
    sal_free(text);
}

static void put_facts(sal_block *block, const sample *one, const char *key, sal_head_fact fact) {
    const double *values = one->unit->facts + (size_t)fact * one->unit->words;

    sal_block_key(block, key);
    sal_block_open(block, '[');
    for (size_t i = 0; i < one->vocabulary.count; i++) {
        sal_block_number(block, rounded(values[one->order[i]]));
    }
    sal_block_close(block, ']');
}

static void put_sample(sal_block *block, const sample *one, size_t number) {
    sal_block_open(block, '{');
    sal_block_put_integer(block, "document", (int64_t)number);
    sal_block_key(block, "words");
    sal_block_open(block, '[');
    for (size_t i = 0; i < one->vocabulary.count; i++) {
        sal_block_bytes(block, one->vocabulary.words[i].bytes, one->vocabulary.words[i].length);
    }
    sal_block_close(block, ']');
    sal_block_key(block, "spans");
    sal_block_spans(block, one->document->text, one->document->text_length, &one->words, 0,
                    &one->vocabulary);
    put_facts(block, one, "importance", SAL_FACT_IMPORTANCE);
    put_facts(block, one, "content", SAL_FACT_CONTENT);
    put_largest(block, one);
    put_values(block, one);
    sal_block_close(block, '}');
}

/* out one->unit NULL: the table does not have the document, or its text has changed */
static int load_sample(const sal_report *report, const sal_head_table *table, int64_t key,
                       sample *one, sal_error *err) {
    int code = sal_study_get_head_unit(report->study, table->analysis.key, key, &one->unit, err);

    if (code != SAL_OK || one->unit == NULL) {
        return code;
    }
    code = sal_study_get_document(report->study, key, &one->document, err);
    if (code == SAL_OK) {
        code = table->analysis.protocol == SAL_PAPER
                   ? sal_text_split(one->document->text, one->document->text_length,
                                    one->document->language, &one->words, err)
                   : sal_text_words(report->text, SAL_STRICT, one->document->text,
                                    one->document->text_length, &one->words, err);
    }
    return code == SAL_OK ? number_words(one, err) : code;
}

/* The corpus of a table among the shown ones, and the number of its first document's block. */
static const sal_report_corpus *corpus_of(const sal_report *report, const sal_head_table *table,
                                          size_t *first) {
    *first = 0;
    for (size_t i = 0; i < report->corpus_count; i++) {
        if (strcmp(report->corpora[i].name, table->corpus) == 0) {
            return &report->corpora[i];
        }
        *first += report->corpora[i].shown;
    }
    return NULL;
}

void sal_report_put_head_words(sal_block *block, const sal_report *report,
                               const sal_head_table *table) {
    size_t first = 0;
    size_t left = BYTES_AT_MOST / report->heads->count;
    int samples = 0;
    const sal_report_corpus *corpus = corpus_of(report, table, &first);

    sal_block_key(block, "samples");
    sal_block_open(block, '[');
    for (size_t i = 0; corpus != NULL && i < corpus->shown && samples < SAMPLES_AT_MOST; i++) {
        sample one = {.unit = NULL};
        size_t bytes = 0;

        if (block->code == SAL_OK) {
            block->code = load_sample(report, table, corpus->keys[i], &one, block->err);
        }
        bytes = one.unit == NULL ? 0 : 2 * one.unit->rows * one.unit->words;
        if (block->code == SAL_OK && bytes > 0 && bytes <= left) {
            put_sample(block, &one, first + i);
            left -= bytes;
            samples++;
        } else if (bytes > left) {
            samples = SAMPLES_AT_MOST;
        }
        free_sample(&one);
    }
    sal_block_close(block, ']');
}
