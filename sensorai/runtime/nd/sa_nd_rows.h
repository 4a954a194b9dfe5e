/* Preparing rows of features: to one length, without gaps, numbers looked up. */
#ifndef SA_ND_ROWS_H
#define SA_ND_ROWS_H

#include "sa_nd_math.h"

#define SA_ND_NORM_MAX 0
#define SA_ND_NORM_L1 1
#define SA_ND_NORM_L2 2

/* Rows of n numbers, each by its norm; a row of norm 0 stays. y may be x. */
SA_ND_FUNCTION void sa_nd_normalise(const sa_nd_f32 *x, sa_nd_f32 *y, int32_t rows, int32_t n, int32_t kind)
{
    int32_t i, k;

    for (i = 0; i < rows; i++, x += n, y += n) {
        float norm = 0.0F;

        for (k = 0; k < n; k++) {
            const float a = x[k] < 0.0F ? -x[k] : x[k];

            if (kind == SA_ND_NORM_MAX) {
                norm = a > norm ? a : norm;
            } else {
                norm += kind == SA_ND_NORM_L1 ? a : a * a;
            }
        }
        norm = kind == SA_ND_NORM_L2 ? sa_nd_sqrt(norm) : norm;
        for (k = 0; k < n; k++) {
            y[k] = norm == 0.0F ? x[k] : x[k] / norm;
        }
    }
}

/* Rows of n numbers; those that are a NaN (or equal what is missing) become the value of their column. */
#define SA_ND_FILL(NAME, KIND)                                                                               \
    SA_ND_FUNCTION void NAME(const KIND *x, KIND *y, int32_t rows, int32_t n, const KIND *missing,           \
                             const KIND *value, int32_t values)                                              \
    {                                                                                                       \
        int32_t i, k;                                                                                       \
                                                                                                            \
        for (i = 0; i < rows; i++, x += n, y += n) {                                                        \
            for (k = 0; k < n; k++) {                                                                       \
                const int32_t gap = missing ? x[k] == *missing : x[k] != x[k];                              \
                                                                                                            \
                y[k] = gap ? value[values == 1 ? 0 : k] : x[k];                                             \
            }                                                                                               \
        }                                                                                                   \
    }

/* Place of each of count numbers in a list of keys, the first that is equal, or -1; NaN is at place nan. */
#define SA_ND_FIND(NAME, KIND)                                                                               \
    SA_ND_INLINE int32_t NAME(KIND x, const KIND *key, int32_t keys, int32_t nan)                            \
    {                                                                                                       \
        int32_t k;                                                                                          \
                                                                                                            \
        for (k = 0; k < keys; k++) {                                                                        \
            if (x == key[k]) {                                                                              \
                return k;                                                                                   \
            }                                                                                               \
        }                                                                                                   \
        return x != x ? nan : -1;                                                                           \
    }

SA_ND_FILL(sa_nd_fill_f32, sa_nd_f32)
SA_ND_FILL(sa_nd_fill_f64, sa_nd_f64)
SA_ND_FILL(sa_nd_fill_i64, sa_nd_i64)
SA_ND_FIND(sa_nd_find_f32, float)
SA_ND_FIND(sa_nd_find_f64, double)
SA_ND_FIND(sa_nd_find_i64, int64_t)
SA_ND_FIND(sa_nd_find_i32, int32_t)
SA_ND_FIND(sa_nd_find_i16, int16_t)

#endif
