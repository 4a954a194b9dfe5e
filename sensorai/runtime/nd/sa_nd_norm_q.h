/* L2 normalisation of int8 numbers, as TensorFlow Lite Micro computes it. */
#ifndef SA_ND_NORM_Q_H
#define SA_ND_NORM_Q_H

#include "sa_nd_softmax_q.h"

/* multiplier and shift of 1 / sqrt(v), by Newton's steps with three integer bits */
SA_ND_FUNCTION int32_t sa_nd_inverse_root(int32_t v, int32_t *shift)
{
    int32_t right = 11, pairs, half, n, x = 1 << 28;

    if (v <= 1) {
        *shift = 0;
        return INT32_MAX;
    }
    while (v >= 1 << 29) {
        v /= 4;
        right++;
    }
    pairs = (sa_nd_headroom((uint32_t)v) - 1) / 2 - 1;
    right -= pairs;
    v = (int32_t)((uint32_t)v << (2 * pairs));
    half = sa_nd_divide_by_power(v >> 1, 1);
    for (n = 0; n < 5; n++) {
        const int32_t x3 = sa_nd_saturated_shift(sa_nd_doubling_high(sa_nd_doubling_high(x, x), x), 6);
        x = sa_nd_saturated_shift(sa_nd_doubling_high((1 << 28) + (1 << 27), x) - sa_nd_doubling_high(half, x3), 3);
    }
    x = sa_nd_doubling_high(x, 1518500250);
    if (right < 0) {
        x = (int32_t)((uint32_t)x << -right);
        right = 0;
    }
    *shift = -right;
    return x;
}

SA_ND_FUNCTION void sa_nd_l2_i8(const int8_t *x, int8_t *y, int32_t rows, int32_t depth, int32_t zero)
{
    int32_t i, k;

    for (i = 0; i < rows; i++, x += depth, y += depth) {
        int32_t sum = 0, shift, multiplier;
        for (k = 0; k < depth; k++) {
            sum += (x[k] - zero) * (x[k] - zero);
        }
        multiplier = sa_nd_inverse_root(sum, &shift);
        for (k = 0; k < depth; k++) {
            y[k] = (int8_t)sa_nd_clamp(sa_nd_multiply(x[k] - zero, multiplier, shift + 7), -128, 127);
        }
    }
}

#endif
