/* Normalisation of float32 numbers with given means, along the middle one of three axes. */
#ifndef SA_ND_NORM_H
#define SA_ND_NORM_H

#include "sa_nd_math.h"

SA_ND_FUNCTION void sa_nd_scale_f32(const sa_nd_f32 *x, sa_nd_f32 *y, int32_t outer, int32_t depth, int32_t inner,
                                    const float *mean, const float *factor, const float *bias)
{
    int32_t i, j, k;

    for (i = 0; i < outer; i++) {
        for (k = 0; k < depth; k++) {
            for (j = 0; j < inner; j++) {
                *y = (*x - mean[k]) * factor[k] + bias[k];
                x++;
                y++;
            }
        }
    }
}

SA_ND_FUNCTION void sa_nd_batch_norm_f32(const sa_nd_f32 *x, sa_nd_f32 *y, int32_t outer, int32_t depth,
                                         int32_t inner, const sa_nd_f32 *scale, const sa_nd_f32 *bias,
                                         const sa_nd_f32 *mean, const sa_nd_f32 *var, float epsilon)
{
    int32_t i, j, k;

    for (i = 0; i < outer; i++) {
        for (k = 0; k < depth; k++) {
            const float factor = scale[k] / sa_nd_sqrt(var[k] + epsilon);
            for (j = 0; j < inner; j++) {
                *y = (*x - mean[k]) * factor + bias[k];
                x++;
                y++;
            }
        }
    }
}

#endif
