/* Softmax of integers with a scale along the last axis, as TensorFlow Lite Micro computes it. */
#ifndef SA_ND_SOFTMAX_Q_H
#define SA_ND_SOFTMAX_Q_H

#include "sa_nd_fixed.h"

SA_ND_INLINE int32_t sa_nd_saturated_shift(int32_t x, int32_t left)
{
    if (x > INT32_MAX >> left) {
        return INT32_MAX;
    }
    return x < INT32_MIN >> left ? INT32_MIN : (int32_t)((uint32_t)x << left);
}

/* 1 / (1 + a) for a from 0 to 1 with 31 places, in three steps of Newton */
SA_ND_FUNCTION int32_t sa_nd_one_over_one_plus(int32_t a)
{
    const int32_t half = (int32_t)(((uint32_t)a + 0x80000000U) >> 1);
    int32_t x = 1515870810 + sa_nd_doubling_high(half, -1010580540);
    int32_t n;

    for (n = 0; n < 3; n++) {
        const int32_t left = (1 << 29) - sa_nd_doubling_high(half, x);
        x = x + sa_nd_saturated_shift(sa_nd_doubling_high(x, left), 2);
    }
    return sa_nd_saturated_shift(x, 1);
}

SA_ND_INLINE int32_t sa_nd_headroom(uint32_t x)
{
    int32_t n = 0;

    while ((x & 0x80000000U) == 0U) {
        x <<= 1;
        n++;
    }
    return n;
}

/* scale of the exponentials of one row; how far to shift their product by it */
SA_ND_INLINE int32_t sa_nd_softmax_scale(const int8_t *x, int32_t depth, const int32_t *table, int32_t *largest,
                                         int32_t *over)
{
    uint32_t sum = 0;
    int32_t k, most = x[0];

    for (k = 1; k < depth; k++) {
        most = x[k] > most ? x[k] : most;
    }
    for (k = 0; k < depth; k++) {
        sum += (uint32_t)sa_nd_divide_by_power(table[most - x[k]], 12);
    }
    k = sa_nd_headroom(sum);
    *largest = most;
    *over = 12 - k;
    return sa_nd_one_over_one_plus((int32_t)((sum << k) - 0x80000000U));
}

SA_ND_FUNCTION void sa_nd_softmax_i8(const int8_t *x, int8_t *y, int32_t rows, int32_t depth, const int32_t *table)
{
    int32_t i, k, most, over;

    for (i = 0; i < rows; i++, x += depth, y += depth) {
        const int32_t scale = sa_nd_softmax_scale(x, depth, table, &most, &over);
        for (k = 0; k < depth; k++) {
            const int32_t v = sa_nd_divide_by_power(sa_nd_doubling_high(scale, table[most - x[k]]), over + 23);
            y[k] = (int8_t)sa_nd_clamp(v - 128, -128, 127);
        }
    }
}

SA_ND_FUNCTION void sa_nd_softmax_i8_i16(const int8_t *x, sa_nd_i16 *y, int32_t rows, int32_t depth,
                                         const int32_t *table)
{
    int32_t i, k, most, over;

    for (i = 0; i < rows; i++, x += depth, y += depth) {
        const int32_t scale = sa_nd_softmax_scale(x, depth, table, &most, &over);
        for (k = 0; k < depth; k++) {
            const int32_t v = sa_nd_divide_by_power(sa_nd_doubling_high(scale, table[most - x[k]]), over + 15);
            y[k] = (int16_t)sa_nd_clamp(v - 32768, -32768, 32767);
        }
    }
}

SA_ND_INLINE int32_t sa_nd_look_up(const int16_t *table, int32_t x)
{
    const int32_t k = 256 + (x >> 7);
    const int32_t delta = ((int32_t)table[k + 1] - table[k]) * (x & 0x7F);

    return table[k] + ((delta + 64) >> 7);
}

SA_ND_FUNCTION void sa_nd_softmax_i16(const sa_nd_i16 *x, sa_nd_i16 *y, int32_t rows, int32_t depth,
                                      int32_t multiplier, int32_t shift, const int16_t *exps,
                                      const int16_t *inverses)
{
    int32_t i, k;

    for (i = 0; i < rows; i++, x += depth, y += depth) {
        int32_t sum = 0, most = x[0], left, scale, right;
        for (k = 1; k < depth; k++) {
            most = x[k] > most ? x[k] : most;
        }
        for (k = 0; k < depth; k++) {
            const int32_t d = sa_nd_multiply(x[k] - most, multiplier, shift) + 32767;
            const int32_t e = sa_nd_look_up(exps, sa_nd_clamp(d, -32768, 32767));
            y[k] = (int16_t)e;
            sum += e;
        }
        left = sa_nd_headroom((uint32_t)sum);
        scale = (int32_t)((((int64_t)sum << (left - 1)) + (1 << 13)) >> 14) - (1 << 15) - (1 << 16);
        scale = sa_nd_look_up(inverses, sa_nd_clamp(scale, -32768, 32767));
        right = 31 - left;
        for (k = 0; k < depth; k++) {
            const int64_t v = ((int64_t)y[k] * scale + ((int64_t)1 << (right - 1))) >> right;
            y[k] = (int16_t)sa_nd_clamp((int32_t)v, 0, 32767);
        }
    }
}

#endif
