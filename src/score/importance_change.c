#include "score/importance_change.h"

#include <math.h>

#include "stats/stats.h"

int score_importance_change(const sal_importance_list *a, const sal_importance_list *b,
                            bool content, double *change, sal_error *err) {
    size_t counts[2] = {0};
    const sal_importance_list *const lists[2] = {a, b};
    *change = NAN;
    if (a == NULL || b == NULL || a->of == 0 || b->of == 0)
        return SAL_OK;
    double *y = sal_calloc(a->count + b->count, sizeof *y);
    if (y == NULL)
        return sal_fail_memory(err, "importance");
    double *const sides[2] = {y, y + a->count};
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < lists[side]->count; i++) {
            const sal_importance_row *row = &lists[side]->rows[i];
            if (row->in_document && (!content || row->content > 0))
                sides[side][counts[side]++] = (double)row->count / (double)lists[side]->of;
        }
    double rho = NAN;
    int status = counts[0] == counts[1]
                     ? sal_stats_spearman(sides[0], sides[1], counts[0], &rho, err)
                     : sal_fail(err, SAL_EFORMAT, "importance of %zu and of %zu words", counts[0],
                                counts[1]);
    *change = 1 - rho;
    sal_free(y);
    return status;
}
