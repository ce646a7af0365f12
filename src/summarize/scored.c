/* Extractive kinds that are a score of sentences by their words. */
#include "stats/stats.h"
#include "summarize/extractive.h"

typedef struct scored {
    sal_sentence_reader *reader;
    sal_sentence_score score;
} scored;

const char *sal_word_choice_name(sal_word_choice choice) {
    static const char *const names[] = {"all words", "content words", "stems of content words"};
    return names[choice];
}

static int rank(void *context, const sal_document *document, int replica, const sal_span *sentences,
                size_t count, size_t *order, sal_error *err) {
    (void)replica;
    scored *self = context;
    sal_sentence_words words = {0};
    double *scores = sal_calloc(count, sizeof *scores);
    if (scores == NULL)
        return sal_fail_memory(err, "sentences");
    int status = sal_sentence_reader_read(self->reader, document, sentences, count, &words, err);
    if (status == SAL_OK)
        status = self->score(&words, scores, err);
    if (status == SAL_OK)
        status = sal_stats_order_falling(scores, count, order, err);
    sal_sentence_words_free(&words);
    sal_free(scores);
    return status;
}

static void close_scored(void *context) {
    scored *self = context;
    sal_sentence_reader_close(self->reader);
    sal_free(self);
}

int sal_summarizer_open_scored(const sal_summarizer_setting *setting, const char *name,
                               sal_word_choice choice, sal_sentence_score score,
                               sal_summarizer **out, sal_error *err) {
    const sal_extractive_kind kind = {
        .name = name, .words = sal_word_choice_name(choice), .rank = rank, .close = close_scored};
    scored *self = sal_calloc(1, sizeof *self);
    if (self == NULL)
        return sal_fail_memory(err, name);
    self->score = score;
    int status = sal_sentence_reader_open(setting->text, choice, &self->reader, err);
    if (status != SAL_OK) {
        sal_free(self);
        return status;
    }
    return sal_summarizer_open_kind(setting, &kind, self, out, err);
}
