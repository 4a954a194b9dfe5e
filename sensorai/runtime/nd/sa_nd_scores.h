/* What classifiers make of their sums: probabilities, and the class that they stand for. */
#ifndef SA_ND_SCORES_H
#define SA_ND_SCORES_H

#include "sa_nd_math.h"

/* Quantile of the normal distribution, by an approximation of the inverse error function; one NaN for what
 * is none, whose sign differs from core to core. */
SA_ND_INLINE float sa_nd_probit(float x)
{
    const float v = 2.0F * x - 1.0F;
    const float sign = v < 0.0F ? -1.0F : 1.0F;
    const float logarithm = sa_nd_log((1.0F - v) * (1.0F + v));
    const float a = 2.0F / (3.14159F * 0.147F) + 0.5F * logarithm;
    const float b = 1.0F / 0.147F * logarithm;

    const float y = 1.41421356F * (sign * sa_nd_sqrt(sa_nd_sqrt(a * a - b) - a));

    return y != y ? __builtin_nanf("") : y;
}

/* Softmax of n numbers in place; with zeros kept apart, those near 0 have no part in the sum, and
 * without any all are 1/2. */
SA_ND_FUNCTION void sa_nd_softmax_row(float *y, int32_t n, int32_t zeros)
{
    float most = y[0], sum = 0.0F, scale;
    int32_t k;

    for (k = 1; k < n; k++) {
        if (y[k] > most) {
            most = y[k];
        }
    }
    scale = zeros ? sa_nd_exp(-most) : 0.0F;
    for (k = 0; k < n; k++) {
        if (zeros && !(y[k] > 0.0000001F || y[k] < -0.0000001F)) {
            y[k] = y[k] * scale;
        } else {
            y[k] = sa_nd_exp(y[k] - most);
            sum += y[k];
        }
    }
    for (k = 0; k < n; k++) {
        y[k] = sum == 0.0F ? 0.5F : y[k] / sum;
    }
}

#define SA_ND_SCORES_NONE 0
#define SA_ND_SCORES_LOGISTIC 1
#define SA_ND_SCORES_SOFTMAX 2
#define SA_ND_SCORES_SOFTMAX_ZERO 3
#define SA_ND_SCORES_PROBIT 4
#define SA_ND_SCORES_SIGN 5

/* Rows of n sums into n scores; second 1: one sum s into 1 - s and s, 2: into -s and s. */
SA_ND_FUNCTION void sa_nd_scores(const sa_nd_f32 *x, sa_nd_f32 *y, int32_t rows, int32_t n, int32_t transform,
                                 int32_t second)
{
    int32_t i, k;

    for (i = 0; i < rows; i++, x += second ? 1 : n, y += n) {
        for (k = 0; k < n; k++) {
            y[k] = x[second ? 0 : k];
        }
        if (second) {
            y[0] = second == 1 ? 1.0F - y[1] : -y[1];
        }
        if (transform == SA_ND_SCORES_SOFTMAX || transform == SA_ND_SCORES_SOFTMAX_ZERO) {
            sa_nd_softmax_row(y, n, transform == SA_ND_SCORES_SOFTMAX_ZERO);
            continue;
        }
        for (k = 0; k < n; k++) {
            if (transform == SA_ND_SCORES_LOGISTIC) {
                y[k] = sa_nd_sigmoid(y[k]);
            } else if (transform == SA_ND_SCORES_PROBIT) {
                y[k] = sa_nd_probit(y[k]);
            } else if (transform == SA_ND_SCORES_SIGN) {
                y[k] = y[k] > 0.0F ? 1.0F : -1.0F;
            }
        }
    }
}

/* Label of the first largest of n scores. */
SA_ND_FUNCTION void sa_nd_label_of_largest(const sa_nd_f32 *x, sa_nd_i64 *y, int32_t rows, int32_t n,
                                           const sa_nd_i64 *labels)
{
    int32_t i, k;

    for (i = 0; i < rows; i++, x += n) {
        int32_t best = 0;

        for (k = 1; k < n; k++) {
            if (x[k] > x[best]) {
                best = k;
            }
        }
        y[i] = labels[best];
    }
}

/* One label or another by the score in a column of n. */
SA_ND_FUNCTION void sa_nd_label_of_side(const sa_nd_f32 *x, sa_nd_i64 *y, int32_t rows, int32_t n,
                                        int32_t column, float threshold, const sa_nd_i64 *labels)
{
    int32_t i;

    for (i = 0; i < rows; i++, x += n) {
        y[i] = labels[x[column] > threshold ? 1 : 0];
    }
}

#endif
