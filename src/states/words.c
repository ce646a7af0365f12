/* Words of a sequence and the tokens that make them: those whose bytes overlap the word's. */
#include <string.h>

#include "states/states_internal.h"
#include "text/word_index.h"

void state_words_free(state_words *words) {
    sal_word_list_free(&words->list);
    sal_free(words->words);
    sal_free(words->first);
    sal_free(words->frequency);
    sal_free(words->occurrences);
    sal_free(words->positions);
    *words = (state_words){0};
}

static int make_room(state_words *words, size_t occurrences, size_t tokens, sal_error *err) {
    words->words = sal_calloc(occurrences, sizeof *words->words);
    words->first = sal_calloc(occurrences, sizeof *words->first);
    words->frequency = sal_calloc(occurrences, sizeof *words->frequency);
    words->occurrences = sal_calloc(occurrences, sizeof *words->occurrences);
    words->positions = sal_calloc(tokens, sizeof *words->positions);
    if (words->words == NULL || words->first == NULL || words->frequency == NULL ||
        words->occurrences == NULL || words->positions == NULL)
        return sal_fail_memory(err, "the words of a document");
    return SAL_OK;
}

/* Tokens of each occurrence: from, to are token numbers. Both lists ascend. */
static void align(const state_sequence *sequence, state_words *words) {
    const sal_tokens *tokens = &sequence->tokens;
    size_t token = 0;
    for (size_t i = 0; i < words->list.count; i++) {
        const sal_span span = {words->list.words[i].span.start + sequence->searched.start,
                               words->list.words[i].span.end + sequence->searched.start};
        while (token < tokens->count && tokens->spans[token].end <= span.start)
            token++;
        size_t end = token;
        while (end < tokens->count && tokens->spans[end].start < span.end)
            end++;
        words->occurrences[i].from = token;
        words->occurrences[i].to = end;
    }
}

/* Positions: the tokens of any occurrence, each once; occurrences then speak of positions. */
static void number_positions(state_words *words, size_t tokens, size_t *place) {
    for (size_t i = 0; i < words->list.count; i++)
        for (size_t t = words->occurrences[i].from; t < words->occurrences[i].to; t++)
            place[t] = 1;
    for (size_t t = 0; t < tokens; t++)
        if (place[t] != 0) {
            place[t] = words->position_count;
            words->positions[words->position_count++] = (int32_t)t;
        }
    for (size_t i = 0; i < words->list.count; i++) {
        state_occurrence *one = &words->occurrences[i];
        const size_t length = one->to - one->from;
        one->from = length > 0 ? place[one->from] : 0;
        one->to = one->from + length;
    }
}

/* Types with a token get numbers in order of first occurrence; occurrences without a token are dropped.
 * in numbers [occurrences] by the index, types; rank [types] */
static void number_types(state_words *words, const size_t *numbers, size_t types, size_t *rank) {
    size_t kept = 0;
    for (size_t t = 0; t < types; t++)
        rank[t] = SIZE_MAX;
    for (size_t i = 0; i < words->list.count; i++) {
        const size_t type = numbers[i];
        if (words->occurrences[i].to == words->occurrences[i].from)
            continue;
        const bool first = rank[type] == SIZE_MAX;
        if (first) {
            rank[type] = words->count;
            words->words[words->count] = words->list.words[i].bytes;
            words->first[words->count++] = (int32_t)i;
        }
        words->occurrences[kept] = words->occurrences[i];
        words->occurrences[kept].word = rank[type];
        words->occurrences[kept].first = first;
        words->frequency[rank[type]]++;
        kept++;
    }
    words->occurrence_count = kept;
    words->unaligned = types - words->count;
    for (size_t w = 0; w < words->count; w++)
        rank[w] = 0; /* from here on: whether a later occurrence was seen */
    for (size_t i = kept; i-- > 0;) {
        words->occurrences[i].last = rank[words->occurrences[i].word] == 0;
        rank[words->occurrences[i].word] = 1;
    }
}

int state_words_make(const sal_text *text, sal_protocol protocol, const state_sequence *sequence,
                     state_words *words, sal_error *err) {
    sal_word_index index = {0};
    size_t *numbers = NULL, *place = NULL, *rank = NULL;
    const sal_span searched = sequence->searched;
    int status = sal_text_words(text, protocol, sequence->text.bytes + searched.start,
                                searched.end - searched.start, &words->list, err);
    if (status != SAL_OK)
        return status;
    const size_t count = words->list.count;
    numbers = sal_calloc(count, sizeof *numbers);
    place = sal_calloc(sequence->tokens.count, sizeof *place);
    rank = sal_calloc(count, sizeof *rank);
    if (numbers == NULL || place == NULL || rank == NULL)
        status = sal_fail_memory(err, "the words of a document");
    if (status == SAL_OK)
        status = make_room(words, count, sequence->tokens.count, err);
    for (size_t i = 0; status == SAL_OK && i < count; i++)
        status = sal_word_index_add(&index, words->list.words[i].bytes, words->list.words[i].length,
                                    &numbers[i], err);
    if (status == SAL_OK) {
        align(sequence, words);
        number_positions(words, sequence->tokens.count, place);
        number_types(words, numbers, index.count, rank);
    }
    sal_word_index_free(&index);
    sal_free(numbers);
    sal_free(place);
    sal_free(rank);
    return status;
}

/* ---- pooling ------------------------------------------------------------------------------------------------ */

static void add_rows(const float *rows, size_t count, size_t D, float scale, float *restrict out) {
    for (size_t r = 0; r < count; r++)
        for (size_t d = 0; d < D; d++)
            out[d] += scale * rows[r * D + d];
}

static void raise_to(const float *rows, size_t count, size_t D, bool begin, float *restrict out) {
    for (size_t r = 0; r < count; r++, begin = false)
        for (size_t d = 0; d < D; d++)
            if (begin || rows[r * D + d] > out[d])
                out[d] = rows[r * D + d];
}

void state_words_pool(const state_words *words, sal_pooling pooling, size_t first, size_t count,
                      const float *rows, size_t D, float *pooled) {
    for (size_t i = 0; i < words->occurrence_count; i++) {
        const state_occurrence *one = &words->occurrences[i];
        const size_t from = one->from > first ? one->from : first;
        const size_t to = one->to < first + count ? one->to : first + count;
        const float *row = rows + (from - first) * D;
        float *out = pooled + one->word * D;
        float scale = 1 / (float)(one->to - one->from);
        if (from >= to)
            continue;
        if (pooling == SAL_POOLING_MAX)
            raise_to(row, to - from, D, one->first && from == one->from, out);
        if (pooling == SAL_POOLING_MEAN)
            scale /= (float)words->frequency[one->word];
        if (pooling == SAL_POOLING_MEAN || (pooling == SAL_POOLING_FIRST && one->first) ||
            (pooling == SAL_POOLING_LAST && one->last))
            add_rows(row, to - from, D, scale, out);
    }
}
