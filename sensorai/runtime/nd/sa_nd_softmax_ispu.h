/* Softmax of int8 numbers as TensorFlow Lite Micro computes it, for little memory: the table ends where exponentials
 * count no more. */
#ifndef SA_ND_SOFTMAX_ISPU_H
#define SA_ND_SOFTMAX_ISPU_H

#include "sa_nd_softmax_q.h"

SA_ND_INLINE int32_t sa_nd_ispu_exponential(const int32_t *table, int32_t length, int32_t below)
{
    return below < length ? table[below] : 0;
}

SA_ND_FUNCTION void sa_nd_softmax_ispu_i8(const int8_t *x, int8_t *y, int32_t rows, int32_t depth,
                                          const int32_t *table, int32_t length)
{
    int32_t i, k;

    for (i = 0; i < rows; i++, x += depth, y += depth) {
        uint32_t sum = 0;
        int32_t most = x[0], headroom, scale;
        for (k = 1; k < depth; k++) {
            most = x[k] > most ? x[k] : most;
        }
        for (k = 0; k < depth; k++) {
            /* exponentials are not negative */
            sum += ((uint32_t)sa_nd_ispu_exponential(table, length, most - x[k]) + (1U << 11)) >> 12;
        }
        headroom = sa_nd_headroom(sum);
        scale = sa_nd_one_over_one_plus((int32_t)((sum << headroom) - 0x80000000U));
        for (k = 0; k < depth; k++) {
            const int32_t part = sa_nd_doubling_high(scale, sa_nd_ispu_exponential(table, length, most - x[k]));
            const int32_t v = sa_nd_divide_by_power(part, 35 - headroom);
            y[k] = (int8_t)sa_nd_clamp(v - 128, -128, 127);
        }
    }
}

#endif
