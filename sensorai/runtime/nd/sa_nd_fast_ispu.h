/* What kernels of int8 sums share on cores with products of 16 bits: how a sum leaves. */
#ifndef SA_ND_FAST_ISPU_H
#define SA_ND_FAST_ISPU_H

#include "sa_nd_16bit.h"
#include "sa_nd_fast.h"

/* Products of sizes and places, which are below 2^15. */
SA_ND_INLINE int32_t sa_nd_times(int32_t a, int32_t b)
{
    return (int16_t)a * (int16_t)b;
}

SA_ND_INLINE int8_t sa_nd_ispu_number(const sa_nd_fast_t *l, int32_t sum, int32_t output, int rounding)
{
    const int32_t o = l->each != 0 ? output : 0, right = l->shift[o], half = 1 << (right - 1);
    uint32_t rest;
    int32_t v = sa_nd_short_high(sum, l->multiplier[o], &rest);

    if (rounding == SA_ND_TWICE) {
        v += (int32_t)(rest >> 30);
        v += v >> 31;
    } else {
        /* the last bit is set where anything is left behind it */
        v |= rest != 0U ? 1 : 0;
        v += (v >> right & 1) - 1;
    }
    return (int8_t)sa_nd_clamp(((v + half) >> right) + l->out_zero, l->lo, l->hi);
}

SA_ND_APART int8_t sa_nd_ispu_number_tflite(const sa_nd_fast_t *l, int32_t sum, int32_t output)
{
    return sa_nd_ispu_number(l, sum, output, SA_ND_TWICE);
}

SA_ND_APART int8_t sa_nd_ispu_number_even(const sa_nd_fast_t *l, int32_t sum, int32_t output)
{
    return sa_nd_ispu_number(l, sum, output, SA_ND_EVEN);
}

#endif
