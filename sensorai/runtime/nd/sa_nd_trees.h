/* Ensembles of decision trees as tables: nodes, leaves, and what each leaf adds to which target. */
#ifndef SA_ND_TREES_H
#define SA_ND_TREES_H

#include "sa_nd.h"

/* Ways to compare; a node's mode has 8 added where NaN goes the way of "yes". */
#define SA_ND_TREES_LEQ 0U
#define SA_ND_TREES_LT 1U
#define SA_ND_TREES_GTE 2U
#define SA_ND_TREES_GT 3U
#define SA_ND_TREES_EQ 4U
#define SA_ND_TREES_NAN 8U

/* How leaves of one target come together. */
#define SA_ND_TREES_SUM 0U
#define SA_ND_TREES_AVERAGE 1U
#define SA_ND_TREES_MIN 2U
#define SA_ND_TREES_MAX 3U

/* One function for a type of numbers and one of indices. A child or root from 0 on is a node, below 0 the
 * complement of a leaf; leaf k has votes first[k] to first[k + 1] - 1. modes NULL: every node has mode. */
#define SA_ND_TREES(NAME, REAL, INDEX)                                                                      \
    SA_ND_INLINE int32_t NAME##_leaf(const REAL *x, int32_t at, const INDEX *feature, const REAL *threshold, \
                                     const INDEX *yes, const INDEX *no, const uint8_t *modes, uint32_t mode) \
    {                                                                                                       \
        while (at >= 0) {                                                                                   \
            const REAL v = x[feature[at]];                                                                  \
            const REAL t = threshold[at];                                                                   \
            const uint32_t m = modes ? modes[at] : mode;                                                    \
            const uint32_t how = m & 7U;                                                                    \
            int32_t goes = how == SA_ND_TREES_LEQ ? v <= t : (how == SA_ND_TREES_LT ? v < t :               \
                           (how == SA_ND_TREES_GTE ? v >= t : (how == SA_ND_TREES_GT ? v > t :              \
                           (how == SA_ND_TREES_EQ ? v == t : v != t))));                                    \
                                                                                                            \
            if (v != v && (m & SA_ND_TREES_NAN) != 0U) {                                                    \
                goes = 1;                                                                                   \
            }                                                                                               \
            at = goes ? yes[at] : no[at];                                                                   \
        }                                                                                                   \
        return -1 - at;                                                                                     \
    }                                                                                                       \
                                                                                                            \
    SA_ND_FUNCTION void NAME(const REAL *x, REAL *y, int32_t rows, int32_t features, const INDEX *feature,  \
                             const REAL *threshold, const INDEX *yes, const INDEX *no,                      \
                             const uint8_t *modes, uint32_t mode, const INDEX *roots, int32_t trees,        \
                             const INDEX *first, const INDEX *target, const REAL *weight,                   \
                             const REAL *base, int32_t targets, uint32_t aggregate)                         \
    {                                                                                                       \
        const REAL start = (REAL)(aggregate == SA_ND_TREES_MIN ? __builtin_inff()                           \
                                  : (aggregate == SA_ND_TREES_MAX ? -__builtin_inff() : 0.0F));             \
        int32_t i, k, j;                                                                                    \
                                                                                                            \
        for (i = 0; i < rows; i++, x += features, y += targets) {                                           \
            for (k = 0; k < targets; k++) {                                                                 \
                y[k] = start;                                                                               \
            }                                                                                               \
            for (k = 0; k < trees; k++) {                                                                   \
                const int32_t leaf = NAME##_leaf(x, roots[k], feature, threshold, yes, no, modes, mode);    \
                                                                                                            \
                for (j = first[leaf]; j < first[leaf + 1]; j++) {                                           \
                    REAL *const to = y + target[j];                                                         \
                                                                                                            \
                    if (aggregate <= SA_ND_TREES_AVERAGE) {                                                 \
                        *to += weight[j];                                                                   \
                    } else if (aggregate == SA_ND_TREES_MIN ? weight[j] < *to : weight[j] > *to) {          \
                        *to = weight[j];                                                                    \
                    }                                                                                       \
                }                                                                                           \
            }                                                                                               \
            for (k = 0; k < targets; k++) {                                                                 \
                if (aggregate == SA_ND_TREES_AVERAGE) {                                                     \
                    y[k] /= (REAL)trees;                                                                    \
                } else if (y[k] == start) {                                                                 \
                    y[k] = (REAL)0;                                                                         \
                }                                                                                           \
                if (base) {                                                                                 \
                    y[k] += base[k];                                                                        \
                }                                                                                           \
            }                                                                                               \
        }                                                                                                   \
    }

SA_ND_TREES(sa_nd_trees_f32_i16, sa_nd_f32, sa_nd_i16)
SA_ND_TREES(sa_nd_trees_f32_i32, sa_nd_f32, sa_nd_i32)
SA_ND_TREES(sa_nd_trees_f64_i16, sa_nd_f64, sa_nd_i16)
SA_ND_TREES(sa_nd_trees_f64_i32, sa_nd_f64, sa_nd_i32)

#endif
