/* Measures of two summarizers on one document (METHODS 5).
 *
 * A word is kept 0 to `of` times, so values are levels: average ranks come from counting how many words each level has, without
 * sorting. Tie rule: words of one level share the mean of their ranks. Undefined: fewer than two words, one side constant (Spearman); a
 * side without mass (JS); neither side keeps a word (Jaccard).
 * Over the union of what both keep, words that neither keeps are out: two summarizers that pick different words then look opposed
 * rather than indifferent, which is why the union is the paper's version and not ours. */
#include <math.h>
#include <string.h>

#include "compare/compare_internal.h"

const char *compare_pair_measure_name(compare_pair_measure measure) {
    static const char *const names[] = {"spearman", "js", "spearman_union", "js_union",
                                        "jaccard_10"};
    return names[measure];
}

void compare_room_free(compare_room *room) {
    sal_free(room->ranks[0]);
    sal_free(room->ranks[1]);
    sal_free(room->words);
    *room = (compare_room){0};
}

static int make_room(compare_room *room, size_t side, size_t levels, sal_error *err) {
    if (levels > room->capacity[side]) {
        double *grown = sal_realloc(room->ranks[side], levels, sizeof *grown);
        if (grown == NULL)
            return sal_fail_memory(err, "ranks");
        room->ranks[side] = grown;
        room->capacity[side] = levels;
    }
    memset(room->ranks[side], 0, levels * sizeof(double));
    return SAL_OK;
}

/* Words of each level become the level's rank minus the mean rank. out *square: sum of their squares over the words; 0 = constant */
static int rank_levels(const compare_levels *levels, const size_t *words, size_t n,
                       compare_room *room, size_t side, double *square, sal_error *err) {
    size_t count = (size_t)levels->of + 1;
    double before = 0;
    const double middle = ((double)n + 1) / 2;
    int status = make_room(room, side, count, err);
    if (status != SAL_OK)
        return status;
    double *ranks = room->ranks[side];
    for (size_t i = 0; i < n; i++)
        ranks[levels->counts[words[i]]] += 1;
    *square = 0;
    for (size_t level = 0; level < count; level++) {
        double members = ranks[level];
        ranks[level] = before + (members + 1) / 2 - middle;
        *square += members * ranks[level] * ranks[level];
        before += members;
    }
    return SAL_OK;
}

int compare_spearman(const compare_levels *a, const compare_levels *b, const size_t *words,
                     size_t n, compare_room *room, double *rho, sal_error *err) {
    double aa = 0;
    double bb = 0;
    double ab = 0;
    *rho = NAN;
    if (n < 2)
        return SAL_OK;
    int status = rank_levels(a, words, n, room, 0, &aa, err);
    if (status == SAL_OK)
        status = rank_levels(b, words, n, room, 1, &bb, err);
    if (status != SAL_OK || !(aa > 0) ||
        !(bb > 0)) /* sums of halves: a constant side is exactly 0 */
        return status;
    for (size_t i = 0; i < n; i++)
        ab += room->ranks[0][a->counts[words[i]]] * room->ranks[1][b->counts[words[i]]];
    double r = ab / sqrt(aa * bb); /* exactly 1 for equal sides */
    *rho = r > 1 ? 1 : r < -1 ? -1 : r;
    return SAL_OK;
}

double compare_js(const compare_levels *a, const compare_levels *b, const size_t *words, size_t n) {
    double sum_a = 0;
    double sum_b = 0;
    double js = 0;
    for (size_t i = 0; i < n; i++) {
        sum_a += a->counts[words[i]];
        sum_b += b->counts[words[i]];
    }
    if (!(sum_a > 0) || !(sum_b > 0))
        return NAN;
    for (size_t i = 0; i < n; i++) {
        double p = a->counts[words[i]] / sum_a;
        double q = b->counts[words[i]] / sum_b;
        if (p > 0 && q > 0)
            js += p * log(2 * p / (p + q)) + q * log(2 * q / (p + q));
        else
            js += (p + q) * log(2);
    }
    js /= 2;
    return js < 0 ? 0 : js;
}

/* Lowest count that belongs to the words kept most. */
static int top_level(const compare_levels *levels, const size_t *words, size_t n,
                     compare_room *room, size_t side, uint32_t *level, sal_error *err) {
    double above = 0;
    int status = make_room(room, side, (size_t)levels->of + 1, err);
    if (status != SAL_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        room->ranks[side][levels->counts[words[i]]] += 1;
    *level = (uint32_t)levels->of;
    while (*level > 1 && above + room->ranks[side][*level] < COMPARE_TOP)
        above += room->ranks[side][(*level)--];
    return SAL_OK;
}

int compare_jaccard(const compare_levels *a, const compare_levels *b, const size_t *words, size_t n,
                    compare_room *room, double *jaccard, sal_error *err) {
    uint32_t level_a = 0;
    uint32_t level_b = 0;
    size_t both = 0;
    size_t either = 0;
    int status = top_level(a, words, n, room, 0, &level_a, err);
    if (status == SAL_OK)
        status = top_level(b, words, n, room, 1, &level_b, err);
    if (status != SAL_OK)
        return status;
    for (size_t i = 0; i < n; i++) {
        bool in_a = a->counts[words[i]] >= level_a;
        bool in_b = b->counts[words[i]] >= level_b;
        both += in_a && in_b;
        either += in_a || in_b;
    }
    *jaccard = either == 0 ? NAN : (double)both / (double)either;
    return SAL_OK;
}

/* Words of the set that at least one of them keeps, those outside the document too. */
static int union_words(const compare_document *document, const compare_levels *a,
                       const compare_levels *b, compare_set set, compare_room *room, size_t *n,
                       sal_error *err) {
    if (document->word_count > room->word_capacity) {
        size_t *grown = sal_realloc(room->words, document->word_count, sizeof *grown);
        if (grown == NULL)
            return sal_fail_memory(err, "words");
        room->words = grown;
        room->word_capacity = document->word_count;
    }
    *n = 0;
    for (size_t w = 0; w < document->word_count; w++)
        if ((a->counts[w] > 0 || b->counts[w] > 0) && (set == COMPARE_ALL || document->content[w]))
            room->words[(*n)++] = w;
    return SAL_OK;
}

int compare_pair(const compare_document *document, size_t a, size_t b, compare_set set,
                 const size_t *words, size_t n, compare_room *room,
                 double values[COMPARE_PAIR_MEASURES], sal_error *err) {
    const compare_levels left = {document->counts + a * document->word_count, document->of[a]};
    const compare_levels right = {document->counts + b * document->word_count, document->of[b]};
    size_t kept = 0;
    for (size_t i = 0; i < COMPARE_PAIR_MEASURES; i++)
        values[i] = NAN;
    if (left.of == 0 || right.of == 0 || (set == COMPARE_CONTENT && !document->has_content))
        return SAL_OK;
    int status = compare_spearman(&left, &right, words, n, room, &values[COMPARE_SPEARMAN], err);
    if (status == SAL_OK)
        status = compare_jaccard(&left, &right, words, n, room, &values[COMPARE_JACCARD], err);
    if (status == SAL_OK)
        status = union_words(document, &left, &right, set, room, &kept, err);
    if (status == SAL_OK)
        status = compare_spearman(&left, &right, room->words, kept, room,
                                  &values[COMPARE_SPEARMAN_UNION], err);
    values[COMPARE_JS] = compare_js(&left, &right, words, n);
    values[COMPARE_JS_UNION] = compare_js(&left, &right, room->words, status == SAL_OK ? kept : 0);
    return status;
}
