/* Agreement of a summarizer with itself over seeds, and of random selection with itself on the same documents: only beside the second
 * does the first say anything. */
#include <math.h>
#include <string.h>

#include "compare/compare_internal.h"
#include "salient/random.h"

/* Replicas of one document: how often each keeps each type. */
typedef struct replicas {
    uint32_t *counts; /* [R,W] */
    int64_t *of;      /* [R] */
    size_t count;     /* R */
} replicas;

static int open_replicas(size_t count, size_t types, replicas *out, sal_error *err) {
    *out = (replicas){.count = count};
    out->counts = sal_calloc(count, (types + 1) * sizeof *out->counts);
    out->of = sal_calloc(count, sizeof *out->of);
    return out->counts == NULL || out->of == NULL ? sal_fail_memory(err, "replicas") : SAL_OK;
}

static void close_replicas(replicas *r) {
    sal_free(r->counts);
    sal_free(r->of);
}

/* Mean over pairs of replicas on one set of words. */
static int agree(const replicas *r, size_t types, const size_t *words, size_t n, compare_room *room,
                 double values[COMPARE_SELF_MEASURES], sal_error *err) {
    double sums[COMPARE_SELF_MEASURES] = {0};
    size_t pairs[COMPARE_SELF_MEASURES] = {0};
    for (size_t a = 0; a < r->count; a++)
        for (size_t b = a + 1; b < r->count; b++) {
            const compare_levels left = {r->counts + a * types, r->of[a]};
            const compare_levels right = {r->counts + b * types, r->of[b]};
            double seen[COMPARE_SELF_MEASURES] = {NAN, NAN};
            if (left.of == 0 || right.of == 0)
                continue;
            int status = compare_spearman(&left, &right, words, n, room, &seen[0], err);
            if (status != SAL_OK)
                return status;
            seen[1] = compare_js(&left, &right, words, n);
            for (size_t m = 0; m < COMPARE_SELF_MEASURES; m++) {
                if (isnan(seen[m]))
                    continue;
                sums[m] += seen[m];
                pairs[m]++;
            }
        }
    for (size_t m = 0; m < COMPARE_SELF_MEASURES; m++)
        values[m] = pairs[m] > 0 ? sums[m] / (double)pairs[m] : NAN;
    return SAL_OK;
}

static int agree_on_sets(const replicas *r, const compare_document *document,
                         double values[COMPARE_SETS][COMPARE_SELF_MEASURES], sal_error *err) {
    compare_room room = {0};
    size_t *words = sal_calloc(document->type_count, sizeof *words);
    int status = words == NULL ? sal_fail_memory(err, "words") : SAL_OK;
    for (compare_set set = COMPARE_ALL; status == SAL_OK && set < COMPARE_SETS; set++) {
        size_t n = compare_set_words(document, set, words);
        status = agree(r, document->type_count, words, n, &room, values[set], err);
    }
    sal_free(words);
    compare_room_free(&room);
    return status;
}

/* ---- replicas in the study --------------------------------------------------------------------------------- */

static int count_summary(const sal_text *text, const sal_summary *summary,
                         const compare_document *document, sal_word_list *list, unsigned char *kept,
                         uint32_t *counts, sal_error *err) {
    sal_span span;
    int status = sal_text_clean(text, summary->text, summary->text_length, &span, err);
    if (status == SAL_OK)
        status = sal_text_words(text, SAL_STRICT, summary->text + span.start, span.end - span.start,
                                list, err);
    if (status != SAL_OK)
        return status;
    memset(kept, 0, document->type_count);
    for (size_t i = 0; i < list->count; i++) {
        size_t type = compare_document_find(document, list->words[i].bytes, list->words[i].length);
        if (type == SIZE_MAX || kept[type])
            continue;
        kept[type] = 1;
        counts[type]++;
    }
    return SAL_OK;
}

/* Count the summaries of each replica; kept [types] is the caller's room. */
static int count_summaries(const sal_text *text, const sal_summary_list *summaries,
                           const compare_document *document, unsigned char *kept, replicas *r,
                           sal_error *err) {
    sal_word_list list = {0};
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < summaries->count; i++) {
        const sal_summary *summary = &summaries->items[i];
        if (summary->status != SAL_STATUS_OK && summary->status != SAL_STATUS_TRUNCATED)
            continue;
        size_t replica = (size_t)summary->replica;
        r->of[replica]++;
        status = count_summary(text, summary, document, &list, kept,
                               r->counts + replica * document->type_count, err);
    }
    sal_word_list_free(&list);
    return status;
}

int compare_self(const sal_text *text, const sal_summary_list *summaries,
                 const compare_document *document,
                 double values[COMPARE_SETS][COMPARE_SELF_MEASURES], sal_error *err) {
    replicas r = {0};
    size_t count = 0;
    for (size_t i = 0; i < summaries->count; i++)
        if ((size_t)summaries->items[i].replica >= count)
            count = (size_t)summaries->items[i].replica + 1;
    unsigned char *kept = sal_calloc(document->type_count, 1);
    if (kept == NULL)
        return sal_fail_memory(err, "words");
    int status = open_replicas(count, document->type_count, &r, err);
    if (status == SAL_OK)
        status = count_summaries(text, summaries, document, kept, &r, err);
    if (status == SAL_OK)
        status = agree_on_sets(&r, document, values, err);
    sal_free(kept);
    close_replicas(&r);
    return status;
}

/* ---- random selection -------------------------------------------------------------------------------------- */

/* Words of each sentence: starts [sentences+1] places in the document's list. */
static void cut_words(const compare_document *document, size_t *starts) {
    size_t word = 0;
    for (size_t s = 0; s < document->sentence_count; s++) {
        while (word < document->list.count &&
               document->list.words[word].span.start < document->sentences[s].start)
            word++;
        starts[s] = word;
    }
    starts[document->sentence_count] = document->list.count;
}

/* One selection: a word is kept at length n when one of its occurrences is among the first n words of the shuffled sentences. */
static void select_words(const compare_document *document, const size_t *starts,
                         const size_t *order, const int *lengths, size_t length_count,
                         uint32_t *counts) {
    size_t place = 0;
    for (size_t s = 0; s < document->sentence_count; s++)
        for (size_t w = starts[order[s]]; w < starts[order[s] + 1]; w++, place++) {
            uint32_t kept = 0;
            for (size_t l = 0; l < length_count; l++)
                kept += place < (size_t)lengths[l];
            uint32_t *count = &counts[document->type_of[w]];
            *count = kept > *count ? kept : *count; /* its first occurrence decides */
        }
}

int compare_random(const sal_document *source, const compare_document *document, const int *lengths,
                   size_t count, uint64_t seed, double values[COMPARE_SETS][COMPARE_SELF_MEASURES],
                   sal_error *err) {
    replicas r = {0};
    size_t *starts = sal_calloc(document->sentence_count + 1, sizeof *starts);
    size_t *order = sal_calloc(document->sentence_count, sizeof *order);
    int status = SAL_OK;
    if (starts == NULL || order == NULL) {
        status = sal_fail_memory(err, "sentences");
        goto done;
    }
    status = open_replicas(COMPARE_RANDOM_DRAWS, document->type_count, &r, err);
    if (status != SAL_OK)
        goto done;
    cut_words(document, starts);
    for (size_t draw = 0; draw < r.count; draw++) {
        sal_random random;
        for (size_t i = 0; i < document->sentence_count; i++)
            order[i] = i;
        sal_random_seed(&random, sal_seed_derive(seed, source->corpus, source->id, 0, (int)draw));
        sal_random_shuffle(&random, order, document->sentence_count);
        r.of[draw] = (int64_t)count;
        select_words(document, starts, order, lengths, count,
                     r.counts + draw * document->type_count);
    }
    status = agree_on_sets(&r, document, values, err);
done:
    sal_free(starts);
    sal_free(order);
    close_replicas(&r);
    return status;
}
