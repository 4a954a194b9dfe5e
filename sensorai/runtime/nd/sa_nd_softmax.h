/* Softmax of float32 numbers along the middle one of three axes. */
#ifndef SA_ND_SOFTMAX_H
#define SA_ND_SOFTMAX_H

#include "sa_nd_above.h"
#include "sa_nd_math.h"

SA_ND_INLINE float sa_nd_largest(const sa_nd_f32 *x, int32_t depth, int32_t step)
{
    float largest = x[0];
    int32_t k;

    for (k = 1; k < depth; k++) {
        largest = SA_ND_ABOVE(x[k * step], largest) ? x[k * step] : largest;
    }
    return largest;
}

SA_ND_INLINE void sa_nd_shares(const sa_nd_f32 *x, sa_nd_f32 *y, int32_t outer, int32_t depth, int32_t inner,
                               float beta, int logarithms)
{
    int32_t i, j, k;

    for (i = 0; i < outer; i++) {
        for (j = 0; j < inner; j++) {
            const sa_nd_f32 *p = x + i * depth * inner + j;
            sa_nd_f32 *q = y + i * depth * inner + j;
            const float largest = sa_nd_largest(p, depth, inner);
            float sum = 0.0F;
            for (k = 0; k < depth; k++) {
                const float e = sa_nd_exp((p[k * inner] - largest) * beta);
                if (!logarithms) {
                    q[k * inner] = e;
                }
                sum += e;
            }
            sum = logarithms ? sa_nd_log(sum) : sum;
            for (k = 0; k < depth; k++) {
                q[k * inner] = logarithms ? (p[k * inner] - largest) * beta - sum : q[k * inner] / sum;
            }
        }
    }
}

SA_ND_FUNCTION void sa_nd_softmax_f32(const sa_nd_f32 *x, sa_nd_f32 *y, int32_t outer, int32_t depth,
                                      int32_t inner, float beta)
{
    sa_nd_shares(x, y, outer, depth, inner, beta, 0);
}

SA_ND_FUNCTION void sa_nd_log_softmax_f32(const sa_nd_f32 *x, sa_nd_f32 *y, int32_t outer, int32_t depth,
                                          int32_t inner, float beta)
{
    sa_nd_shares(x, y, outer, depth, inner, beta, 1);
}

#endif
