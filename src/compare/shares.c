/* Which words a summarizer keeps: shares of its importance over the words of the document (METHODS 5). */
#include <math.h>

#include "compare/compare_internal.h"

enum { POSITIONS = 10, FREQUENCIES = 4, NUMBERS = POSITIONS + FREQUENCIES, CAPITALISED };

const char *compare_share_name(size_t share) {
    static const char *const names[COMPARE_SHARES] = {
        "share_position_1",    "share_position_2",     "share_position_3",  "share_position_4",
        "share_position_5",    "share_position_6",     "share_position_7",  "share_position_8",
        "share_position_9",    "share_position_10",    "share_frequency_1", "share_frequency_2",
        "share_frequency_3_4", "share_frequency_5_up", "share_numbers",     "share_capitalised"};
    return names[share];
}

static size_t frequency_band(size_t count) {
    return count <= 2 ? count - 1 : count <= 4 ? 2 : 3;
}

void compare_shares(const compare_document *document, const uint32_t *counts,
                    double shares[COMPARE_SHARES]) {
    double sum = 0;
    for (size_t i = 0; i < COMPARE_SHARES; i++)
        shares[i] = 0;
    for (size_t w = 0; w < document->type_count; w++) {
        const compare_type *type = &document->types[w];
        double value = counts == NULL ? 1 : counts[w];
        sum += value;
        shares[POSITIONS * type->first / document->list.count] += value;
        shares[POSITIONS + frequency_band(type->count)] += value;
        if (type->number)
            shares[NUMBERS] += value;
        if (type->capital)
            shares[CAPITALISED] += value;
    }
    for (size_t i = 0; i < COMPARE_SHARES; i++)
        shares[i] = sum > 0 ? shares[i] / sum : NAN;
}

double compare_outside(const compare_document *document, size_t summarizer) {
    const uint32_t *counts = document->counts + summarizer * document->word_count;
    double inside = 0;
    double outside = 0;
    for (size_t w = 0; w < document->word_count; w++) {
        if (w < document->type_count)
            inside += counts[w];
        else
            outside += counts[w];
    }
    return inside + outside > 0 ? outside / (inside + outside) : NAN;
}
