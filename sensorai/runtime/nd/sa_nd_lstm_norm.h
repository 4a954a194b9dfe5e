/* The lstm of float32 with gates that are normalised over the units. */
#ifndef SA_ND_LSTM_NORM_H
#define SA_ND_LSTM_NORM_H

#include "sa_nd_recurrent.h"

/* Gates of all units: 0 in the mean, 1 in the deviation, then their factors and biases. */
SA_ND_FUNCTION void sa_nd_lstm_even(const sa_nd_f32 *factor, const sa_nd_f32 *bias, int32_t count, sa_nd_f32 *g)
{
    const float all = (float)count;
    float mean = g[0], square = 0.0F;
    int32_t j;

    for (j = 1; j < count; j++) {
        mean += g[j];
    }
    mean = mean / all;
    for (j = 0; j < count; j++) {
        g[j] = g[j] - mean;
        square += g[j] * g[j];
    }
    square = 1.0F / sa_nd_sqrt(square / all + 1e-8F);
    for (j = 0; j < count; j++) {
        g[j] = g[j] * square * factor[j];
        g[j] = bias ? g[j] + bias[j] : g[j];
    }
}

/* gates: input, output, forget, cell; biased when they are normalised */
SA_ND_FUNCTION void sa_nd_lstm_norm_step(const sa_nd_recurrent_t *l, const sa_nd_cell_t *k, const sa_nd_f32 *x)
{
    const int32_t units = l->s.units;
    const sa_nd_f32 *p = k->p;
    sa_nd_f32 *g = k->scratch;
    sa_nd_f32 *made = k->pw.at ? g + 4 * units : k->h;
    int32_t j, gate;

    sa_nd_sums(x, k->w, 0, 4 * units, l->s.inputs, 0, g);
    sa_nd_sums(k->h, k->r, 0, 4 * units, l->s.outputs, 1, g);
    for (j = 0; j < units && p; j++) {
        g[j] = g[j] + p[j] * k->c[j];
        g[2 * units + j] = g[2 * units + j] + p[2 * units + j] * k->c[j];
    }
    for (gate = 0; gate < 4; gate++) {
        if (gate != 1) {
            sa_nd_lstm_even(k->n + gate * units, k->b ? k->b + gate * units : 0, units, g + gate * units);
        }
    }
    for (j = 0; j < units; j++) {
        const float in = sa_nd_gate(k->of, g[j], l->clip);
        const float forget = l->coupled != 0 ? 1.0F - in : sa_nd_gate(k->of, g[2 * units + j], l->clip);
        const float c = forget * k->c[j] + in * sa_nd_gate(k->of + 1, g[3 * units + j], l->clip);
        k->c[j] = sa_nd_held(c, l->cell_clip);
        g[units + j] = p ? g[units + j] + p[units + j] * k->c[j] : g[units + j];
    }
    sa_nd_lstm_even(k->n + units, k->b ? k->b + units : 0, units, g + units);
    for (j = 0; j < units; j++) {
        made[j] = sa_nd_gate(k->of, g[units + j], l->clip) * k->of[2].of(k->c[j], k->of[2].a, k->of[2].b);
    }
    sa_nd_lstm_project(l, k, made);
}

SA_ND_FUNCTION void sa_nd_lstm_norm(const sa_nd_recurrent_t *l, const sa_nd_f32 *x, const void *w,
                                    const float *ws, const void *r, const float *rs, const sa_nd_f32 *b,
                                    const sa_nd_i32 *lengths, const sa_nd_f32 *h0, const sa_nd_f32 *c0,
                                    const sa_nd_f32 *p, const void *pw, const float *ps, const sa_nd_f32 *pb,
                                    const sa_nd_f32 *n, sa_nd_f32 *y, sa_nd_f32 *h, sa_nd_f32 *c,
                                    sa_nd_f32 *scratch)
{
    const sa_nd_cell_t k = {{w, ws}, {r, rs}, b, 0, p, {pw, ps}, pb, n, l->of, 0, 0, scratch};

    sa_nd_sequence(l, sa_nd_lstm_norm_step, k, x, lengths, h0, c0, y, h, c);
}

#endif
