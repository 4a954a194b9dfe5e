/* Convolutions of int8 numbers with a kernel for each channel, for cores with products of 16 bits: taps that lie
 * on values are found once for a place, and met by every channel. Weights lie tap by tap. */
#ifndef SA_ND_DEPTH_ISPU_H
#define SA_ND_DEPTH_ISPU_H

#include "sa_nd_fast_ispu.h"

/* Of each tap on a value: where its values and its weights begin. */
SA_ND_APART const int16_t *sa_nd_ispu_taps(const sa_nd_fast_t *l, int32_t row, int32_t column, sa_nd_i16 *to)
{
    int32_t a, b, weights = 0;

    for (a = l->kernel[0]; a > 0; a--) {
        int32_t from = sa_nd_times(sa_nd_times(row, l->in[1]) + column, l->channels);
        for (b = 0; b < l->kernel[1]; b++) {
            if (row >= 0 && row < l->in[0] && column + b >= 0 && column + b < l->in[1]) {
                *to++ = (int16_t)from;
                *to++ = (int16_t)weights;
            }
            from += l->channels;
            weights += l->channels;
        }
        row += l->down;
    }
    return to;
}

SA_ND_INLINE void sa_nd_depth_ispu(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, const int32_t *bias,
                                   int8_t *y, sa_nd_i16 *taps,
                                   int8_t (*number)(const sa_nd_fast_t *, int32_t, int32_t))
{
    int32_t batch, rows, places, c;

    for (batch = l->batch; batch > 0; batch--) {
        int32_t row = -l->before[0];
        for (rows = l->out[0]; rows > 0; rows--) {
            int32_t column = -l->before[1];
            for (places = l->out[1]; places > 0; places--) {
                const int16_t *const end = sa_nd_ispu_taps(l, row, column, taps);
                for (c = 0; c < l->channels; c++) {
                    const sa_nd_i16 *tap = taps;
                    int32_t sum = bias[c];
                    for (; tap != end; tap += 2) {
                        /* what lies outside counts nothing, so the zero point is no part of the bias */
                        sum += (int16_t)(x[tap[0] + c] - l->zero) * w[tap[1] + c];
                    }
                    *y++ = number(l, sum, c);
                }
                column += l->stride[1];
            }
            row += l->stride[0];
        }
        x += sa_nd_times(sa_nd_times(l->in[0], l->in[1]), l->channels);
    }
}

SA_ND_FUNCTION void sa_nd_depth_ispu_tflite(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                            const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_depth_ispu(l, x, w, bias, y, (sa_nd_i16 *)scratch, sa_nd_ispu_number_tflite);
}

SA_ND_FUNCTION void sa_nd_depth_ispu_even(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                          const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_depth_ispu(l, x, w, bias, y, (sa_nd_i16 *)scratch, sa_nd_ispu_number_even);
}

#endif
