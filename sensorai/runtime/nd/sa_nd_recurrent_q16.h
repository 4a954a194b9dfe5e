/* The lstm of int16 numbers with int8 weights, as TensorFlow Lite Micro computes it: sums are int64, without zero
 * points; see ops/nd/recurrent_integer.py. */
#ifndef SA_ND_RECURRENT_Q16_H
#define SA_ND_RECURRENT_Q16_H

#include "sa_nd_recurrent_q.h"

typedef struct {
    const int8_t *w;
    const int8_t *r;
    const sa_nd_i64 *bias;
    const sa_nd_i64 *last_bias;
    const int32_t *of;
    int32_t factor; /* first factor */
    sa_nd_i16 *h;
    sa_nd_i16 *c;
    sa_nd_i16 *scratch;
} sa_nd_cell_q16_t;

/* sums of all gates, over the input or over outputs (last is 1), scaled; added to what is there then */
SA_ND_FUNCTION void sa_nd_sums_q16(const sa_nd_recurrent_q_t *l, const sa_nd_cell_q16_t *k, const sa_nd_i16 *x,
                                   int32_t last, sa_nd_i16 *y)
{
    const int32_t units = l->s.units, count = last != 0 ? l->s.outputs : l->s.inputs;
    const int8_t *w = last != 0 ? k->r : k->w;
    const sa_nd_i64 *bias = last != 0 ? k->last_bias : k->bias;
    const int32_t *multiplier = last != 0 ? l->last_multiplier : l->multiplier;
    const int8_t *shift = last != 0 ? l->last_shift : l->shift;
    int32_t g, i, j;

    for (g = 0; g < 4; g++) {
        for (j = 0; j < units; j++) {
            const int32_t at = k->factor + g * l->gate_step + j * l->unit_step;
            int64_t sum = bias ? bias[g * units + j] : 0;
            int32_t v;
            for (i = 0; i < count; i++) {
                sum += x[i] * w[i];
            }
            w += count;
            v = sa_nd_narrow16(sa_nd_multiply_wide(sum, multiplier[at], shift[at]));
            *y = last != 0 ? sa_nd_narrow16(*y + v) : (int16_t)v;
            y++;
        }
    }
}

SA_ND_INLINE void sa_nd_lstm_step_q16(const sa_nd_recurrent_q_t *l, const sa_nd_cell_q16_t *k,
                                      const sa_nd_i16 *x)
{
    const int32_t units = l->s.units;
    sa_nd_i16 *g = k->scratch;
    int32_t j;

    sa_nd_sums_q16(l, k, x, 0, g);
    sa_nd_sums_q16(l, k, k->h, 1, g);
    for (j = 0; j < units; j++) {
        int32_t out = sa_nd_lstm_cell_q(l, k->of, g + j, k->c + j);
        k->h[j] = sa_nd_narrow16(sa_nd_by(l->made, out));
    }
}

SA_ND_FUNCTION void sa_nd_fill_q16(const sa_nd_i16 *from, sa_nd_i16 *to, int32_t count)
{
    int32_t i;

    for (i = 0; i < count; i++) {
        to[i] = from ? from[i] : (int16_t)0;
    }
}

SA_ND_FUNCTION void sa_nd_lstm_q16(const sa_nd_recurrent_q_t *l, const sa_nd_i64 *bias, const sa_nd_i16 *x,
                                   const int8_t *w, const int8_t *r, const sa_nd_i32 *lengths,
                                   const sa_nd_i16 *h0, const sa_nd_i16 *c0, sa_nd_i16 *y, sa_nd_i16 *h,
                                   sa_nd_i16 *c, sa_nd_i16 *scratch)
{
    const sa_nd_sequence_t *s = &l->s;
    const int32_t rows = s->gates * s->units;
    sa_nd_cell_q16_t k = {w, r, bias, 0, l->of, 0, 0, 0, scratch};
    int32_t d, n, i;

    for (d = 0; d < s->directions; d++) {
        k.last_bias = k.bias && s->bias > rows ? k.bias + rows : 0;
        for (n = 0; n < s->batch; n++) {
            const int32_t steps = sa_nd_length(s, lengths, n);
            const int32_t place = (d * s->h_direction + n * s->h_row) * s->units;
            const int32_t end = n * s->y_row + d * s->y_direction;
            k.h = h + place;
            k.c = c + place;
            sa_nd_fill_q16(h0 ? h0 + place : 0, k.h, s->units);
            sa_nd_fill_q16(c0 ? c0 + place : 0, k.c, s->units);
            for (i = 0; i < s->steps; i++) {
                const int32_t t = i < steps && ((s->backward >> d) & 1) != 0 ? steps - 1 - i : i;
                if (i < steps) {
                    sa_nd_lstm_step_q16(l, &k, x + t * s->x_step + n * s->x_row);
                }
                if (y) {
                    sa_nd_fill_q16(i < steps ? k.h : 0, y + t * s->y_step + end, s->units);
                }
            }
        }
        k.w += rows * s->inputs;
        k.r += rows * s->outputs;
        k.bias = k.bias ? k.bias + s->bias : 0;
        k.factor += l->direction_step;
        k.of += 3;
    }
}

#endif
