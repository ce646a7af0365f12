/* Tokens to words by byte offsets. A token belongs to every word whose bytes it overlaps: the space in front of a word, or the comma
 * behind it, does not keep a token out, and a token of punctuation alone belongs to none. */
#include <math.h>

#include "heads/heads_internal.h"

enum { FEW_QUERIES = 16 };

void head_alignment_free(head_alignment *alignment) {
    sal_free(alignment->words);
    sal_free(alignment->start);
    sal_free(alignment->tokens);
    *alignment = (head_alignment){0};
}

/* The first token that ends behind a byte. */
static size_t first_behind(const sal_span *tokens, size_t T, size_t byte) {
    size_t low = 0;
    size_t high = T;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (tokens[middle].end <= byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

typedef struct token_list {
    size_t capacity;
    size_t count;
} token_list;

/* usable: the tokens that are not left out. */
static int add_span(const sal_span *tokens, size_t T, sal_span span, sal_span usable,
                    size_t word_start, head_alignment *out, token_list *list, sal_error *err) {
    for (size_t j = first_behind(tokens, T, span.start); j < T && tokens[j].start < span.end; j++) {
        bool there = list->count > word_start && out->tokens[list->count - 1] >= j;
        if (j < usable.start || j >= usable.end || there || tokens[j].start == tokens[j].end)
            continue;
        int status =
            sal_grow((void **)&out->tokens, &list->capacity, list->count, sizeof *out->tokens, err);
        if (status != SAL_OK)
            return status;
        out->tokens[list->count++] = j;
    }
    return SAL_OK;
}

static bool is_flagged(const head_alignment *out, size_t start, size_t end, size_t T) {
    for (size_t i = start; i < end; i++)
        if (T - 1 - out->tokens[i] < FEW_QUERIES)
            return true;
    return false;
}

int head_align(const head_words *words, const sal_span *tokens, size_t T, size_t origin,
               head_left_out left_out, head_alignment *out, sal_error *err) {
    token_list list = {0};
    int status = SAL_OK;
    *out = (head_alignment){.words = sal_calloc(words->count, sizeof *out->words),
                            .start = sal_calloc(words->count + 1, sizeof *out->start)};
    if (out->words == NULL || out->start == NULL)
        status = sal_fail_memory(err, "an alignment");
    const sal_span usable = {first_behind(tokens, T, origin) + left_out.first,
                             T > left_out.min_queries ? T - left_out.min_queries : 0};
    for (size_t w = 0; status == SAL_OK && w < words->count; w++) {
        const size_t before = list.count;
        for (size_t s = words->start[w]; status == SAL_OK && s < words->start[w + 1]; s++) {
            sal_span span = {words->spans[s].start + origin, words->spans[s].end + origin};
            status = add_span(tokens, T, span, usable, before, out, &list, err);
        }
        if (list.count == before) {
            out->unaligned++;
            continue;
        }
        out->flagged += is_flagged(out, before, list.count, T);
        out->start[out->count] = before;
        out->words[out->count++] = w;
        out->start[out->count] = list.count;
    }
    if (status != SAL_OK)
        head_alignment_free(out);
    return status;
}

/* ---- values ------------------------------------------------------------------------------------------------- */

/* Token values of either type, seen as double. */
typedef struct token_values {
    const float *floats;
    const double *doubles;
} token_values;

static double value_at(const token_values *values, size_t token) {
    return values->floats != NULL ? (double)values->floats[token] : values->doubles[token];
}

static double word_value(const head_alignment *alignment, size_t word, const token_values *values,
                         sal_head_value how) {
    const size_t start = alignment->start[word];
    const size_t end = alignment->start[word + 1];
    double result = value_at(values, alignment->tokens[start]);
    for (size_t i = start + 1; i < end; i++) {
        double value = value_at(values, alignment->tokens[i]);
        if (how == SAL_HEAD_MEAN || isnan(value))
            result += value;
        else if (how == SAL_HEAD_MAX)
            result = value > result ? value : result;
        else
            result = value < result ? value : result;
    }
    return how == SAL_HEAD_MEAN ? result / (double)(end - start) : result;
}

static bool fill_row(const head_alignment *alignment, const token_values *values,
                     sal_head_value how, double *row) {
    double sum = 0;
    for (size_t w = 0; w < alignment->count; w++)
        sum += row[w] = word_value(alignment, w, values, how);
    if (!isfinite(sum)) {
        for (size_t w = 0; w < alignment->count; w++)
            row[w] = NAN;
        return false;
    }
    for (size_t w = 0; w < alignment->count; w++)
        row[w] = sum > 0 ? row[w] / sum : 1 / (double)alignment->count;
    return true;
}

bool head_word_values(const head_alignment *alignment, const float *values, sal_head_value how,
                      double *row) {
    const token_values seen = {.floats = values};
    return fill_row(alignment, &seen, how, row);
}

bool head_word_values_of_doubles(const head_alignment *alignment, const double *values,
                                 sal_head_value how, double *row) {
    const token_values seen = {.doubles = values};
    return fill_row(alignment, &seen, how, row);
}
