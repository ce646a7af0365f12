/* The gap: what one choice of the paper's protocol changes, the others strict, on the words that both probes predict. Here is which rows
 * each choice trains on and tests; sweep.c and networks.c train. */
#include <string.h>

#include "probe/stage.h"
#include "salient/random.h"

enum { ZERO_WORDS = 50 };

const char *probe_gap_name(probe_gap gap) {
    static const char *const names[PROBE_GAPS] = {"gap-split", "gap-zero", "gap-span"};
    return names[gap];
}

/* Words that a summary keeps, and 50 random ones of each document. */
static int part_zero(const probe_stage *stage, size_t *part, sal_error *err) {
    const probe_data *data = &stage->data;
    sal_random random;
    size_t *zero = sal_calloc(data->rows, sizeof *zero);
    if (zero == NULL)
        return sal_fail_memory(err, "words");
    sal_random_seed(&random, stage->options->seed);
    for (size_t d = 0; d < data->documents; d++) {
        size_t count = 0;
        for (size_t r = data->start[d]; r < data->start[d + 1]; r++) {
            part[r] = data->y[r] > 0 ? stage->part[r] : SIZE_MAX;
            if (!(data->y[r] > 0))
                zero[count++] = r;
        }
        sal_random_shuffle(&random, zero, count);
        for (size_t i = 0; i < count && i < ZERO_WORDS; i++)
            part[zero[i]] = stage->part[zero[i]];
    }
    sal_free(zero);
    return SAL_OK;
}

int probe_gap_part(const probe_stage *stage, probe_gap gap, split_rounds *rounds, size_t *part,
                   sal_error *err) {
    const probe_data *data = &stage->data;
    *rounds = stage->rounds;
    switch (gap) {
    case PROBE_GAP_SPLIT: /* five random parts of pairs, so that every word is predicted once */
        *rounds = split_rounds_of(0);
        return split_pairs(data->rows, stage->options->seed, rounds, part, err);
    case PROBE_GAP_ZERO:
        return part_zero(stage, part, err);
    default: /* the words that both sequences have */
        for (size_t r = 0; r < data->rows; r++)
            part[r] = stage->paper.place[r] == SIZE_MAX ? SIZE_MAX : stage->part[r];
        return SAL_OK;
    }
}
