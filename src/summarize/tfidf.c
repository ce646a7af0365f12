/* tfidf: sentences by the mean tf·idf of their words. Document frequencies are those of the document's corpus in the study; the
 * hash of all its documents is part of the configuration, as another study would give other summaries. */
#include <math.h>
#include <string.h>

#include "salient/file.h"
#include "stage/walk.h"
#include "stats/stats.h"
#include "summarize/extractive.h"

double sal_smooth_idf(size_t documents, size_t with) {
    return log((1 + (double)documents) / (1 + (double)with)) + 1;
}

int sal_score_tfidf(const sal_sentence_words *words, const double *idf, double *scores,
                    sal_error *err) {
    double *weights = sal_calloc(words->index.count, sizeof *weights);
    if (weights == NULL)
        return sal_fail_memory(err, "tf-idf");
    for (size_t at = 0; at < words->starts[words->sentence_count]; at++)
        weights[words->types[at]] += idf[words->types[at]];
    for (size_t i = 0; i < words->sentence_count; i++) {
        size_t count = words->starts[i + 1] - words->starts[i];
        double sum = 0;
        for (size_t at = words->starts[i]; at < words->starts[i + 1]; at++)
            sum += weights[words->types[at]];
        scores[i] = count == 0 ? 0 : sum / (double)count;
    }
    sal_free(weights);
    return SAL_OK;
}

/* Document frequencies of one corpus. */
typedef struct corpus_words {
    char *name;
    size_t documents;
    sal_word_index index;
    size_t *with; /* [index.count] documents that have the word */
    size_t *last; /* [index.count] the last document counted, from 1 */
    size_t with_capacity;
    size_t last_capacity;
} corpus_words;

typedef struct tfidf {
    sal_sentence_reader *reader;
    corpus_words *corpora; /* in order of the study */
    size_t corpus_count;
    size_t corpus_capacity;
    char digest[65]; /* of all documents */
} tfidf;

static void close_tfidf(void *context) {
    tfidf *self = context;
    for (size_t i = 0; i < self->corpus_count; i++) {
        corpus_words *corpus = &self->corpora[i];
        sal_free(corpus->name);
        sal_word_index_free(&corpus->index);
        sal_free(corpus->with);
        sal_free(corpus->last);
    }
    sal_free(self->corpora);
    sal_sentence_reader_close(self->reader);
    sal_free(self);
}

/* ---- counting ---------------------------------------------------------------------------------------------- */

static int count_word(corpus_words *corpus, const char *bytes, size_t length, sal_error *err) {
    size_t known = corpus->index.count;
    size_t number = 0;
    int status = sal_word_index_add(&corpus->index, bytes, length, &number, err);
    if (status == SAL_OK && number == known)
        status = sal_grow((void **)&corpus->with, &corpus->with_capacity, known,
                          sizeof *corpus->with, err);
    if (status == SAL_OK && number == known)
        status = sal_grow((void **)&corpus->last, &corpus->last_capacity, known,
                          sizeof *corpus->last, err);
    if (status != SAL_OK)
        return status;
    if (number == known)
        corpus->with[number] = corpus->last[number] = 0;
    if (corpus->last[number] != corpus->documents)
        corpus->with[number]++;
    corpus->last[number] = corpus->documents;
    return SAL_OK;
}

/* Make the corpus of the next document the last one; documents come corpus by corpus. */
static int next_corpus(tfidf *self, const char *name, sal_error *err) {
    if (self->corpus_count > 0 && strcmp(self->corpora[self->corpus_count - 1].name, name) == 0)
        return SAL_OK;
    int status = sal_grow((void **)&self->corpora, &self->corpus_capacity, self->corpus_count,
                          sizeof *self->corpora, err);
    if (status != SAL_OK)
        return status;
    corpus_words added = {.name = sal_copy_string(name)};
    if (added.name == NULL)
        return sal_fail_memory(err, "a corpus");
    self->corpora[self->corpus_count++] = added;
    return SAL_OK;
}

static int count_document(tfidf *self, const sal_document *document, const sal_text *text,
                          sal_word_list *list, sal_error *err) {
    int status = next_corpus(self, document->corpus, err);
    if (status == SAL_OK)
        status = sal_text_words(text, SAL_STRICT, document->text, document->text_length, list, err);
    if (status != SAL_OK)
        return status;
    corpus_words *corpus = &self->corpora[self->corpus_count - 1];
    corpus->documents++;
    for (size_t i = 0; status == SAL_OK && i < list->count; i++)
        status = count_word(corpus, list->words[i].bytes, list->words[i].length, err);
    return status;
}

static void hash_document(sal_sha256 *hash, const sal_document *document) {
    sal_sha256_add(hash, document->corpus, strlen(document->corpus) + 1);
    sal_sha256_add(hash, document->id, strlen(document->id) + 1);
    sal_sha256_add(hash, document->hash, strlen(document->hash) + 1);
}

typedef struct study_words {
    tfidf *self;
    const sal_summarizer_setting *setting;
    sal_word_list list;
    sal_sha256 hash;
} study_words;

static int count_of_study(void *context, int64_t key, sal_error *err) {
    study_words *words = context;
    sal_document *document = NULL;
    int status = sal_study_get_document(words->setting->study, key, &document, err);
    if (status == SAL_OK) {
        hash_document(&words->hash, document);
        status = count_document(words->self, document, words->setting->text, &words->list, err);
    }
    sal_document_free(document);
    return status;
}

static int count_study(tfidf *self, const sal_summarizer_setting *setting, sal_error *err) {
    study_words words = {.self = self, .setting = setting};
    int64_t *keys = NULL;
    size_t count = 0;
    sal_sha256_start(&words.hash);
    int status = sal_study_document_keys(setting->study, NULL, -1, &keys, &count, err);
    stage_walk walk = {.progress = setting->progress,
                       .stage = "tfidf: words of the study",
                       .total = (int64_t)count};
    if (status == SAL_OK)
        status = stage_walk_documents(&walk, keys, count, count_of_study, &words, err);
    sal_sha256_finish(&words.hash, self->digest);
    sal_word_list_free(&words.list);
    sal_free(keys);
    return status;
}

/* ---- ranking ----------------------------------------------------------------------------------------------- */

static double idf_of(const tfidf *self, const char *name, const char *bytes, size_t length) {
    for (size_t i = 0; i < self->corpus_count; i++) {
        const corpus_words *corpus = &self->corpora[i];
        if (strcmp(corpus->name, name) != 0)
            continue;
        size_t number = sal_word_index_find(&corpus->index, bytes, length);
        return sal_smooth_idf(corpus->documents, number == SAL_NO_WORD ? 0 : corpus->with[number]);
    }
    return sal_smooth_idf(0, 0);
}

static int rank(void *context, const sal_document *document, int replica, const sal_span *sentences,
                size_t count, size_t *order, sal_error *err) {
    (void)replica;
    tfidf *self = context;
    sal_sentence_words words = {0};
    double *idf = NULL;
    double *scores = sal_calloc(count, sizeof *scores);
    if (scores == NULL)
        return sal_fail_memory(err, "sentences");
    int status = sal_sentence_reader_read(self->reader, document, sentences, count, &words, err);
    if (status != SAL_OK)
        goto done;
    idf = sal_calloc(words.index.count, sizeof *idf);
    if (idf == NULL) {
        status = sal_fail_memory(err, "tf-idf");
        goto done;
    }
    for (size_t i = 0; i < words.index.count; i++)
        idf[i] = idf_of(self, document->corpus, sal_word_index_bytes(&words.index, i),
                        words.index.words[i].length);
    status = sal_score_tfidf(&words, idf, scores, err);
    if (status == SAL_OK)
        status = sal_stats_order_falling(scores, count, order, err);
done:
    sal_sentence_words_free(&words);
    sal_free(idf);
    sal_free(scores);
    return status;
}

int sal_summarizer_open_tfidf(const sal_summarizer_setting *setting, sal_summarizer **out,
                              sal_error *err) {
    tfidf *self = sal_calloc(1, sizeof *self);
    if (self == NULL)
        return sal_fail_memory(err, "tfidf");
    int status = sal_sentence_reader_open(setting->text, SAL_WORDS_ALL, &self->reader, err);
    if (status == SAL_OK)
        status = count_study(self, setting, err);
    if (status != SAL_OK) {
        close_tfidf(self);
        return status;
    }
    const sal_extractive_kind kind = {.name = "tfidf",
                                      .words = sal_word_choice_name(SAL_WORDS_ALL),
                                      .corpus_digest = self->digest,
                                      .rank = rank,
                                      .close = close_tfidf};
    return sal_summarizer_open_kind(setting, &kind, self, out, err);
}
