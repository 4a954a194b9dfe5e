/* Convolutions and dense layers of int8 numbers for cores with products of 16 bits: a value meets the weights of
 * two outputs, and the values under the kernel lie in a row, copied where they do not anyway. */
#ifndef SA_ND_MATRIX_ISPU_H
#define SA_ND_MATRIX_ISPU_H

#include "sa_nd_fast_ispu.h"

/* Values under the kernel whose first one is in this row and column. */
SA_ND_APART const int8_t *sa_nd_ispu_values(const sa_nd_fast_t *l, const int8_t *x, int32_t row, int32_t column,
                                            int8_t *to)
{
    const int8_t *const start = to;
    int32_t a, b, c;

    for (a = l->kernel[0]; a > 0; a--) {
        int32_t from = sa_nd_times(sa_nd_times(row, l->in[1]) + column, l->channels);
        const int32_t lies = row >= 0 && row < l->in[0], end = column + l->kernel[1];
        if (l->kernel[0] == 1 && lies && column >= 0 && end <= l->in[1]) {
            return x + from;
        }
        for (b = column; b < end; b++) {
            const int32_t there = lies && b >= 0 && b < l->in[1];
            for (c = l->channels; c > 0; c--) {
                *to++ = there ? x[from] : l->zero;
                from++;
            }
        }
        row += l->down;
    }
    return start;
}

/* sum[0..1] += n values by the weights of two outputs, w and v. */
SA_ND_APART void sa_nd_ispu_two(const int8_t *x, const int8_t *w, const int8_t *v, int32_t n, uint32_t *sum)
{
    uint32_t a = sum[0], b = sum[1];
    int32_t i = -n;

    x += n;
    w += n;
    v += n;
    do {
        const int8_t one = x[i];
        a += (uint32_t)(one * w[i]);
        b += (uint32_t)(one * v[i]);
        i++;
    } while (i != 0);
    sum[0] = a;
    sum[1] = b;
}

SA_ND_INLINE void sa_nd_matrix_ispu(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, const int32_t *bias,
                                    int8_t *y, int8_t *scratch,
                                    int8_t (*number)(const sa_nd_fast_t *, int32_t, int32_t))
{
    int32_t batch, rows, places, o;

    for (batch = l->batch; batch > 0; batch--) {
        int32_t row = -l->before[0];
        for (rows = l->out[0]; rows > 0; rows--) {
            int32_t column = -l->before[1];
            for (places = l->out[1]; places > 0; places--) {
                const int8_t *const from = sa_nd_ispu_values(l, x, row, column, scratch);
                const int8_t *v = w;
                for (o = 0; o < l->outputs; o += 2) {
                    const int32_t last = o + 1 == l->outputs;
                    uint32_t sum[2];
                    sum[0] = (uint32_t)bias[o];
                    /* the last of an odd number goes twice */
                    sum[1] = (uint32_t)bias[last ? o : o + 1];
                    sa_nd_ispu_two(from, v, last ? v : v + l->row, l->row, sum);
                    v += 2 * l->row;
                    *y++ = number(l, (int32_t)sum[0], o);
                    if (!last) {
                        *y++ = number(l, (int32_t)sum[1], o + 1);
                    }
                }
                column += l->stride[1];
            }
            row += l->stride[0];
        }
        x += sa_nd_times(sa_nd_times(l->in[0], l->in[1]), l->channels);
    }
}

SA_ND_FUNCTION void sa_nd_matrix_ispu_tflite(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                             const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_ispu(l, x, w, bias, y, (int8_t *)scratch, sa_nd_ispu_number_tflite);
}

SA_ND_FUNCTION void sa_nd_matrix_ispu_even(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                           const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_ispu(l, x, w, bias, y, (int8_t *)scratch, sa_nd_ispu_number_even);
}

#endif
