/* random: sentences in an order drawn for each document and replica. The baseline of no choice at all. */

#include "salient/random.h"
#include "summarize/summarizer.h"

static int rank_by_chance(void *context, const sal_document *document, int replica,
                          const sal_span *sentences, size_t count, size_t *order, sal_error *err) {
    (void)sentences;
    (void)err;
    const uint64_t *seed = context;
    sal_random random;
    /* One order for all lengths: a longer summary adds sentences to a shorter one, as with every extractive summarizer. */
    sal_random_seed(&random, sal_seed_derive(*seed, document->corpus, document->id, 0, replica));
    sal_random_shuffle(&random, order, count);
    return SAL_OK;
}

int sal_summarizer_open_random(const sal_summarizer_setting *setting, sal_summarizer **out,
                               sal_error *err) {
    uint64_t *seed = sal_calloc(1, sizeof *seed);
    if (seed == NULL)
        return sal_fail_memory(err, "random");
    *seed = setting->options->seed;
    return sal_summarizer_open_extractive(setting, "random", seed, rank_by_chance, seed, out, err);
}
