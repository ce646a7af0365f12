/* frequency: SumBasic (Nenkova & Vanderwende 2005) over content words. */
#include <string.h>

#include "summarize/extractive.h"

static double mean_probability(const sal_sentence_words *words, const double *p, size_t i) {
    double sum = 0;
    for (size_t at = words->starts[i]; at < words->starts[i + 1]; at++)
        sum += p[words->types[at]];
    size_t count = words->starts[i + 1] - words->starts[i];
    return count == 0 ? 0 : sum / (double)count;
}

/* The sentence of the highest score among those not yet taken; the first of equals. */
static size_t best_left(const sal_sentence_words *words, const double *p,
                        const unsigned char *taken) {
    size_t best = words->sentence_count;
    double highest = -1;
    for (size_t i = 0; i < words->sentence_count; i++) {
        if (taken[i])
            continue;
        double score = mean_probability(words, p, i);
        if (score > highest) {
            highest = score;
            best = i;
        }
    }
    return best;
}

/* p(w) becomes p(w)² once for each distinct word of the sentence. seen [types] = sentence + 1 */
static void damp(const sal_sentence_words *words, size_t sentence, double *p, size_t *seen) {
    for (size_t at = words->starts[sentence]; at < words->starts[sentence + 1]; at++) {
        size_t type = words->types[at];
        if (seen[type] == sentence + 1)
            continue;
        seen[type] = sentence + 1;
        p[type] *= p[type];
    }
}

int sal_order_sumbasic(const sal_sentence_words *words, size_t *order, sal_error *err) {
    size_t S = words->sentence_count;
    size_t tokens = words->starts[S];
    double *p = sal_calloc(words->index.count, sizeof *p);
    size_t *seen = sal_calloc(words->index.count, sizeof *seen);
    unsigned char *taken = sal_calloc(S, 1);
    int status = SAL_OK;
    if (p == NULL || seen == NULL || taken == NULL) {
        status = sal_fail_memory(err, "frequency");
        goto done;
    }
    for (size_t i = 0; i < tokens; i++)
        p[words->types[i]] += 1;
    for (size_t i = 0; i < words->index.count; i++)
        p[i] /= (double)tokens;
    for (size_t rank = 0; rank < S; rank++) {
        order[rank] = best_left(words, p, taken);
        taken[order[rank]] = 1;
        damp(words, order[rank], p, seen);
    }
done:
    sal_free(p);
    sal_free(seen);
    sal_free(taken);
    return status;
}

static int rank(void *context, const sal_document *document, int replica, const sal_span *sentences,
                size_t count, size_t *order, sal_error *err) {
    (void)replica;
    sal_sentence_words words = {0};
    int status = sal_sentence_reader_read(context, document, sentences, count, &words, err);
    if (status == SAL_OK)
        status = sal_order_sumbasic(&words, order, err);
    sal_sentence_words_free(&words);
    return status;
}

static void close_reader(void *context) {
    sal_sentence_reader_close(context);
}

int sal_summarizer_open_frequency(const sal_summarizer_setting *setting, sal_summarizer **out,
                                  sal_error *err) {
    const sal_extractive_kind kind = {.name = "frequency",
                                      .words = sal_word_choice_name(SAL_WORDS_CONTENT),
                                      .rank = rank,
                                      .close = close_reader};
    sal_sentence_reader *reader = NULL;
    int status = sal_sentence_reader_open(setting->text, SAL_WORDS_CONTENT, &reader, err);
    return status != SAL_OK ? status : sal_summarizer_open_kind(setting, &kind, reader, out, err);
}
