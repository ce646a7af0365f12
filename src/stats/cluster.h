/** Hierarchical clustering, and agreement between raters (METHODS 5). Internal to the library; pure functions over arrays. */
#ifndef SALIENT_STATS_CLUSTER_H
#define SALIENT_STATS_CLUSTER_H

#include <stdbool.h>

#include "stats/stats.h"

/* ---- clustering (cluster.c) --------------------------------------------------------------------- */

typedef enum sal_linkage {
    SAL_LINKAGE_AVERAGE,
    SAL_LINKAGE_COMPLETE,
    SAL_LINKAGE_WARD
} sal_linkage;
/** "average", "complete", "ward". */
const char *sal_linkage_name(sal_linkage linkage);

/** One step: clusters left < right join. 0..n-1 are the points, n+t is what step t made. */
typedef struct sal_merge {
    size_t left;
    size_t right;
    double height;
    size_t size;
} sal_merge;

/** Agglomerative clustering.
 *  in     distance [n,n] symmetric, finite, zero diagonal; euclidean: whether it comes from Euclidean points, as Ward needs
 *  out    merges [n-1] in order of height; ties: the pair with the smallest numbers
 *  errs   SAL_EINVAL (Ward on distances that are not Euclidean, a distance that is not finite or negative), SAL_ENOMEM
 *  cost   O(n³) */
int sal_stats_cluster(const double *distance, size_t n, sal_linkage linkage, bool euclidean,
                      sal_merge *merges, sal_error *err) SAL_MUST_CHECK;

/** Height at which two points come together.
 *  out    cophenetic [n,n] symmetric
 *  errs   SAL_ENOMEM */
int sal_stats_cophenetic(const sal_merge *merges, size_t n, double *cophenetic,
                         sal_error *err) SAL_MUST_CHECK;

/** Pearson of the upper triangles of two matrices [n,n]. NaN when undefined (n < 3, or one is constant). errs SAL_ENOMEM */
int sal_stats_triangle_correlation(const double *a, const double *b, size_t n, double *r,
                                   sal_error *err) SAL_MUST_CHECK;

/** Cut into so many clusters.
 *  in     clusters 1..n
 *  out    labels [n] from 0, in order of the clusters' first points
 *  errs   SAL_ENOMEM */
int sal_stats_cut(const sal_merge *merges, size_t n, size_t clusters, size_t *labels,
                  sal_error *err) SAL_MUST_CHECK;

/** Points as a dendrogram shows them, left child first. out leaves [n]. errs SAL_ENOMEM */
int sal_stats_leaves(const sal_merge *merges, size_t n, size_t *leaves,
                     sal_error *err) SAL_MUST_CHECK;

/** Members of each merged cluster. out members [n-1,n]: 1 where the point belongs to it. */
void sal_stats_members(const sal_merge *merges, size_t n, unsigned char *members);

/* ---- agreement (agreement.c) -------------------------------------------------------------------- */

typedef enum sal_alpha_kind {
    SAL_ALPHA_INTERVAL,
    SAL_ALPHA_ORDINAL,
    SAL_ALPHA_NOMINAL,
    SAL_ALPHAS
} sal_alpha_kind;

/** Krippendorff's alpha, 1 - D_o/D_e from the coincidence matrix, all three kinds at once.
 *  in     ratings [raters,units] row-major, NaN = missing
 *  out    alpha [SAL_ALPHAS]; NaN when there is no expected disagreement
 *  errs   SAL_ENOMEM
 *  cost   O(raters units log V + V²) for V distinct values */
int sal_stats_alpha(const double *ratings, size_t raters, size_t units, double alpha[SAL_ALPHAS],
                    sal_error *err) SAL_MUST_CHECK;

/** Mean of Spearman's rho over pairs of raters, each on the units both rated.
 *  out    *rho NaN without a pair; *pairs that entered: at least 3 common units, neither side constant */
int sal_stats_mean_pairwise_spearman(const double *ratings, size_t raters, size_t units,
                                     double *rho, size_t *pairs, sal_error *err) SAL_MUST_CHECK;

#endif
