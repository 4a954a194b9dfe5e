/* Largest numbers of int8 under a kernel of one or two axes, for small cores. */
#ifndef SA_ND_POOL_ISPU_H
#define SA_ND_POOL_ISPU_H

#include "sa_nd_fast_ispu.h"

typedef struct {
    int16_t in[2]; /* height, width */
    int16_t out[2];
    int16_t channels;
    int16_t kernel[2];
    int16_t stride[2];
    int16_t before[2];
    int16_t batch;
    int8_t lo;
    int8_t hi;
} sa_nd_pool_ispu_t;

SA_ND_FUNCTION void sa_nd_pool_ispu_max(const sa_nd_pool_ispu_t *l, const int8_t *x, int8_t *y)
{
    int32_t batch, rows, places, a, b, c;

    for (batch = l->batch; batch > 0; batch--) {
        int32_t row = -l->before[0];
        for (rows = l->out[0]; rows > 0; rows--) {
            int32_t column = -l->before[1];
            for (places = l->out[1]; places > 0; places--) {
                int32_t from = sa_nd_times(sa_nd_times(row, l->in[1]) + column, l->channels);
                for (c = l->channels; c > 0; c--) {
                    int32_t line = from++;
                    int32_t best = l->lo;
                    for (a = row; a < row + l->kernel[0]; a++) {
                        int32_t at = line;
                        for (b = column; b < column + l->kernel[1]; b++) {
                            if (a >= 0 && a < l->in[0] && b >= 0 && b < l->in[1] && x[at] > best) {
                                best = x[at];
                            }
                            at += l->channels;
                        }
                        line += sa_nd_times(l->in[1], l->channels);
                    }
                    *y++ = (int8_t)(best < l->hi ? best : l->hi);
                }
                column += l->stride[1];
            }
            row += l->stride[0];
        }
        x += sa_nd_times(sa_nd_times(l->in[0], l->in[1]), l->channels);
    }
}

#endif
