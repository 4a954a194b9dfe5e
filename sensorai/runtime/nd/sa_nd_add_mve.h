/* Sums of two tensors of int8 numbers with scales, four at a time, for cores with vectors of integers. Each
 * number becomes larger, then leaves with the factor of its side; so does the sum. All factors are below one
 * half, see sa_nd_fast_mve.h for the rounding. */
#ifndef SA_ND_ADD_MVE_H
#define SA_ND_ADD_MVE_H

#include "sa_nd_fast_mve.h"

/* Of the first input, the second one and the sum. */
typedef struct {
    int32_t count;
    int32_t left[2];
    int32_t zero[3];
    int32_t multiplier[3];
    int32_t right[3]; /* 1 to 30 */
    int32_t lo;
    int32_t hi;
} sa_nd_add_t;

#if SA_ND_MVE
SA_ND_INLINE int32x4_t sa_nd_scaled_mve(const sa_nd_add_t *l, int32x4_t v, int32_t i)
{
    const int32x4_t h = vqrdmulhq_n_s32(v, l->multiplier[i]);

    return vrshlq_n_s32(vaddq_s32(h, vshrq_n_s32(h, 31)), -l->right[i]);
}

SA_ND_INLINE int32x4_t sa_nd_sum_mve(const sa_nd_add_t *l, int32x4_t a, int32x4_t b)
{
    a = sa_nd_scaled_mve(l, vshlq_r_s32(vsubq_n_s32(a, l->zero[0]), l->left[0]), 0);
    b = sa_nd_scaled_mve(l, vshlq_r_s32(vsubq_n_s32(b, l->zero[1]), l->left[1]), 1);
    a = vaddq_n_s32(sa_nd_scaled_mve(l, vaddq_s32(a, b), 2), l->zero[2]);
    return vminq_s32(vmaxq_s32(a, vdupq_n_s32(l->lo)), vdupq_n_s32(l->hi));
}

SA_ND_FUNCTION void sa_nd_add_mve(const sa_nd_add_t *layer, const int8_t *a, const int8_t *b, int8_t *y)
{
    /* a copy: the compiler need not think that storing results changes it */
    sa_nd_add_t l;
    const int32_t rest = layer->count & 3;
    int32_t n;

    for (n = 0; n < 3; n++) {
        l.zero[n] = layer->zero[n];
        l.multiplier[n] = layer->multiplier[n];
        l.right[n] = layer->right[n];
    }
    l.left[0] = layer->left[0];
    l.left[1] = layer->left[1];
    l.lo = layer->lo;
    l.hi = layer->hi;
    for (n = layer->count >> 2; n > 0; n--) {
        vstrbq_s32(y, sa_nd_sum_mve(&l, vldrbq_s32(a), vldrbq_s32(b)));
        a += 4;
        b += 4;
        y += 4;
    }
    if (rest > 0) {
        const mve_pred16_t some = vctp32q((uint32_t)rest);
        vstrbq_p_s32(y, sa_nd_sum_mve(&l, vldrbq_z_s32(a, some), vldrbq_z_s32(b, some)), some);
    }
}
#else
SA_ND_INLINE int32_t sa_nd_scaled_mve(const sa_nd_add_t *l, int32_t v, int32_t i)
{
    int32_t h = (int32_t)(((int64_t)v * l->multiplier[i] + ((int64_t)1 << 30)) >> 31);

    h += h >> 31;
    return (h + (1 << (l->right[i] - 1))) >> l->right[i];
}

SA_ND_FUNCTION void sa_nd_add_mve(const sa_nd_add_t *l, const int8_t *a, const int8_t *b, int8_t *y)
{
    int32_t i, v;

    for (i = 0; i < l->count; i++) {
        v = sa_nd_scaled_mve(l, (a[i] - l->zero[0]) * (1 << l->left[0]), 0);
        v += sa_nd_scaled_mve(l, (b[i] - l->zero[1]) * (1 << l->left[1]), 1);
        v = sa_nd_scaled_mve(l, v, 2) + l->zero[2];
        y[i] = (int8_t)sa_nd_clamp(v, l->lo, l->hi);
    }
}
#endif

#endif
