/* Recurrent layers of int8 numbers: gates are int16 numbers with 12 places, their functions' results have 15.
 * The lstm is that of TensorFlow Lite Micro; see ops/nd/recurrent_integer.py. */
#ifndef SA_ND_RECURRENT_Q_H
#define SA_ND_RECURRENT_Q_H

#include "sa_nd_curve.h"
#include "sa_nd_fixed.h"
#include "sa_nd_recurrent.h"

#define SA_ND_OF_SIGMOID 0
#define SA_ND_OF_TANH 1
#define SA_ND_OF_RELU 2

typedef struct {
    int32_t multiplier;
    int32_t shift;
} sa_nd_factor_t;

typedef struct {
    sa_nd_sequence_t s;
    int32_t of[6];              /* functions, three of each direction */
    const uint16_t *curve;      /* sigmoid */
    const int32_t *bias;        /* of each gate of each unit, with the zero points' share */
    const int32_t *last_bias;   /* of the last outputs */
    const int32_t *multiplier;  /* of each gate, or of each unit of it */
    const int8_t *shift;
    const int32_t *last_multiplier;
    const int8_t *last_shift;
    int32_t gate_step; /* numbers of factors to the next gate, and to the next unit */
    int32_t unit_step;
    int32_t direction_step;
    int32_t zero; /* of outputs */
    int32_t clip; /* of cells, 0: none */
    int32_t coupled;
    sa_nd_factor_t kept; /* lstm: forget times cell */
    sa_nd_factor_t taken;
    sa_nd_factor_t made; /* to outputs */
    sa_nd_factor_t reset;
    int32_t tanh_multiplier; /* of cells */
    int32_t tanh_shift;
} sa_nd_recurrent_q_t;

typedef struct {
    const int8_t *w;
    const int8_t *r;
    const int32_t *of;
    int32_t row;    /* first bias */
    int32_t factor; /* first factor */
    int8_t *h;
    sa_nd_i16 *c;
    sa_nd_i16 *scratch;
} sa_nd_cell_q_t;

typedef void (*sa_nd_step_q_t)(const sa_nd_recurrent_q_t *l, const sa_nd_cell_q_t *k, const int8_t *x);

SA_ND_INLINE int16_t sa_nd_narrow16(int32_t x)
{
    return (int16_t)sa_nd_clamp(x, -32768, 32767);
}

SA_ND_INLINE int32_t sa_nd_by(sa_nd_factor_t f, int32_t x)
{
    return sa_nd_multiply(x, f.multiplier, f.shift);
}

SA_ND_FUNCTION int16_t sa_nd_gate_q(const sa_nd_recurrent_q_t *l, int32_t of, int32_t x)
{
    if (of == SA_ND_OF_SIGMOID) {
        return sa_nd_sigmoid_i16(x, 3, 0, l->curve);
    }
    if (of == SA_ND_OF_TANH) {
        return sa_nd_tanh_i16(x, 3, 0, l->curve);
    }
    return x < 0 ? (int16_t)0 : (int16_t)x;
}

/* sums of gates first to last, over the input or over outputs (last is 1), scaled */
SA_ND_FUNCTION void sa_nd_sums_q(const sa_nd_recurrent_q_t *l, const sa_nd_cell_q_t *k, const int8_t *x,
                                 int32_t last, int32_t first, int32_t end, int32_t add, sa_nd_i16 *y)
{
    const int32_t units = l->s.units, count = last != 0 ? l->s.outputs : l->s.inputs;
    const int8_t *w = (last != 0 ? k->r : k->w) + first * units * count;
    const int32_t *bias = last != 0 ? l->last_bias : l->bias;
    const int32_t *multiplier = last != 0 ? l->last_multiplier : l->multiplier;
    const int8_t *shift = last != 0 ? l->last_shift : l->shift;
    int32_t g, i, j;

    for (g = first; g < end; g++) {
        for (j = 0; j < units; j++) {
            const int32_t at = k->factor + g * l->gate_step + j * l->unit_step;
            uint32_t sum = bias ? (uint32_t)bias[k->row + g * units + j] : 0U;
            int32_t v;
            for (i = 0; i < count; i++) {
                sum += (uint32_t)(x[i] * w[i]);
            }
            w += count;
            v = sa_nd_narrow16(sa_nd_multiply((int32_t)sum, multiplier[at], shift[at]));
            *y = add != 0 ? sa_nd_narrow16(*y + v) : (int16_t)v;
            y++;
        }
    }
}

SA_ND_FUNCTION void sa_nd_rnn_step_q(const sa_nd_recurrent_q_t *l, const sa_nd_cell_q_t *k, const int8_t *x)
{
    const int32_t units = l->s.units;
    sa_nd_i16 *g = k->scratch;
    int32_t j;

    sa_nd_sums_q(l, k, x, 0, 0, 1, 0, g);
    sa_nd_sums_q(l, k, k->h, 1, 0, 1, 1, g);
    for (j = 0; j < units; j++) {
        const int32_t v = sa_nd_gate_q(l, k->of[0], g[j]);
        k->h[j] = (int8_t)sa_nd_clamp(sa_nd_by(k->of[0] == SA_ND_OF_RELU ? l->taken : l->made, v) + l->zero,
                                      -128, 127);
    }
}

SA_ND_FUNCTION void sa_nd_gru_step_q(const sa_nd_recurrent_q_t *l, const sa_nd_cell_q_t *k, const int8_t *x)
{
    const int32_t units = l->s.units;
    sa_nd_i16 *g = k->scratch;
    sa_nd_i16 *more = g + 3 * units;
    int32_t j;

    sa_nd_sums_q(l, k, x, 0, 0, 3, 0, g);
    sa_nd_sums_q(l, k, k->h, 1, 0, 2, 1, g);
    for (j = 0; j < 2 * units; j++) {
        g[j] = sa_nd_gate_q(l, k->of[0], g[j]);
    }
    if (l->coupled != 0) {
        sa_nd_sums_q(l, k, k->h, 1, 2, 3, 0, more);
        for (j = 0; j < units; j++) {
            const int32_t v = (g[units + j] * more[j] + (1 << 14)) >> 15;
            g[2 * units + j] = sa_nd_narrow16(g[2 * units + j] + v);
        }
    } else {
        int8_t *reset = (int8_t *)more;
        for (j = 0; j < units; j++) {
            const int32_t v = (g[units + j] * k->c[j] + (1 << 14)) >> 15;
            reset[j] = (int8_t)sa_nd_clamp(sa_nd_by(l->made, v) + l->zero, -128, 127);
        }
        sa_nd_sums_q(l, k, reset, 1, 2, 3, 1, g + 2 * units);
    }
    for (j = 0; j < units; j++) {
        const int32_t fresh = sa_nd_gate_q(l, k->of[1], g[2 * units + j]);
        const int32_t v = (g[j] * k->c[j] + (32768 - g[j]) * fresh + (1 << 14)) >> 15;
        k->c[j] = sa_nd_narrow16(v);
        k->h[j] = (int8_t)sa_nd_clamp(sa_nd_by(l->made, k->c[j]) + l->zero, -128, 127);
    }
}

/* One unit of an lstm, whose gates g lie units apart: its new cell, and what its output is in 30 places. */
SA_ND_INLINE int32_t sa_nd_lstm_cell_q(const sa_nd_recurrent_q_t *l, const int32_t *of, const sa_nd_i16 *g,
                                       sa_nd_i16 *cell)
{
    const int32_t units = l->s.units;
    const int32_t in = sa_nd_gate_q(l, of[0], g[0]), out = sa_nd_gate_q(l, of[0], g[units]);
    const int32_t forget = l->coupled != 0 ? 32767 - in : sa_nd_gate_q(l, of[0], g[2 * units]);
    const int32_t fresh = sa_nd_gate_q(l, of[1], g[3 * units]);
    int32_t c = sa_nd_narrow16(sa_nd_by(l->kept, forget * *cell));

    c = sa_nd_narrow16(c + sa_nd_narrow16(sa_nd_by(l->taken, in * fresh)));
    c = l->clip > 0 ? sa_nd_clamp(c, -l->clip, l->clip) : c;
    *cell = (int16_t)c;
    return sa_nd_tanh_i16(c, l->tanh_multiplier, l->tanh_shift, l->curve) * out;
}

SA_ND_FUNCTION void sa_nd_lstm_step_q(const sa_nd_recurrent_q_t *l, const sa_nd_cell_q_t *k, const int8_t *x)
{
    const int32_t units = l->s.units;
    sa_nd_i16 *g = k->scratch;
    int32_t j;

    sa_nd_sums_q(l, k, x, 0, 0, 4, 0, g);
    sa_nd_sums_q(l, k, k->h, 1, 0, 4, 1, g);
    for (j = 0; j < units; j++) {
        const int32_t out = sa_nd_lstm_cell_q(l, k->of, g + j, k->c + j);
        k->h[j] = (int8_t)sa_nd_clamp(sa_nd_by(l->made, out) + l->zero, -128, 127);
    }
}

SA_ND_FUNCTION void sa_nd_fill_q(const int8_t *from, int32_t otherwise, int8_t *to, int32_t count)
{
    int32_t i;

    for (i = 0; i < count; i++) {
        to[i] = from ? from[i] : (int8_t)otherwise;
    }
}

SA_ND_INLINE void sa_nd_sequence_q(const sa_nd_recurrent_q_t *l, sa_nd_step_q_t step, const int8_t *x,
                                   const int8_t *w, const int8_t *r, const sa_nd_i32 *lengths,
                                   const int8_t *h0, const sa_nd_i16 *c0, int8_t *y, int8_t *h,
                                   sa_nd_i16 *c, sa_nd_i16 *scratch)
{
    const sa_nd_sequence_t *s = &l->s;
    const int32_t rows = s->gates * s->units;
    sa_nd_cell_q_t k = {w, r, l->of, 0, 0, 0, 0, scratch};
    int32_t d, n, i;

    for (d = 0; d < s->directions; d++) {
        for (n = 0; n < s->batch; n++) {
            const int32_t steps = sa_nd_length(s, lengths, n);
            const int32_t place = (d * s->h_direction + n * s->h_row) * s->units;
            const int32_t end = n * s->y_row + d * s->y_direction;
            k.h = h + place;
            sa_nd_fill_q(h0 ? h0 + place : 0, l->zero, k.h, s->units);
            if (c) {
                k.c = c + place;
                for (i = 0; i < s->units; i++) {
                    k.c[i] = c0 ? c0[place + i] : (int16_t)0;
                }
            }
            for (i = 0; i < s->steps; i++) {
                const int32_t t = i < steps && ((s->backward >> d) & 1) != 0 ? steps - 1 - i : i;
                if (i < steps) {
                    step(l, &k, x + t * s->x_step + n * s->x_row);
                }
                if (y) {
                    sa_nd_fill_q(i < steps ? k.h : 0, l->zero, y + t * s->y_step + end, s->units);
                }
            }
        }
        k.w += rows * s->inputs;
        k.r += rows * s->outputs;
        k.row += rows;
        k.factor += l->direction_step;
        k.of += 3;
    }
}

SA_ND_FUNCTION void sa_nd_rnn_q(const sa_nd_recurrent_q_t *l, const int8_t *x, const int8_t *w,
                                const int8_t *r, const sa_nd_i32 *lengths, const int8_t *h0, int8_t *y,
                                int8_t *h, sa_nd_i16 *scratch)
{
    sa_nd_sequence_q(l, sa_nd_rnn_step_q, x, w, r, lengths, h0, 0, y, h, 0, scratch);
}

SA_ND_FUNCTION void sa_nd_gru_q(const sa_nd_recurrent_q_t *l, const int8_t *x, const int8_t *w,
                                const int8_t *r, const sa_nd_i32 *lengths, const int8_t *h0,
                                const sa_nd_i16 *c0, int8_t *y, int8_t *h, sa_nd_i16 *c, sa_nd_i16 *scratch)
{
    sa_nd_sequence_q(l, sa_nd_gru_step_q, x, w, r, lengths, h0, c0, y, h, c, scratch);
}

SA_ND_FUNCTION void sa_nd_lstm_q(const sa_nd_recurrent_q_t *l, const int8_t *x, const int8_t *w,
                                 const int8_t *r, const sa_nd_i32 *lengths, const int8_t *h0,
                                 const sa_nd_i16 *c0, int8_t *y, int8_t *h, sa_nd_i16 *c, sa_nd_i16 *scratch)
{
    sa_nd_sequence_q(l, sa_nd_lstm_step_q, x, w, r, lengths, h0, c0, y, h, c, scratch);
}

#endif
