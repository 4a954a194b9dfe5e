/* float32 numbers damped by neighbours along the middle one of three axes. */
#ifndef SA_ND_LRN_H
#define SA_ND_LRN_H

#include "sa_nd_power.h"

SA_ND_FUNCTION void sa_nd_lrn_f32(const sa_nd_f32 *x, sa_nd_f32 *y, int32_t outer, int32_t depth, int32_t inner,
                                  int32_t before, int32_t after, float alpha, float beta, float bias)
{
    int32_t i, j, k, n;

    for (i = 0; i < outer; i++) {
        for (k = 0; k < depth; k++) {
            const int32_t first = k > before ? k - before : 0;
            const int32_t last = after < depth - k ? k + after : depth - 1;
            for (j = 0; j < inner; j++) {
                const sa_nd_f32 *p = x + i * depth * inner + j;
                float sum = 0.0F;
                for (n = first; n <= last; n++) {
                    sum += p[n * inner] * p[n * inner];
                }
                y[(i * depth + k) * inner + j] = p[k * inner] / sa_nd_pow(bias + alpha * sum, beta);
            }
        }
    }
}

#endif
