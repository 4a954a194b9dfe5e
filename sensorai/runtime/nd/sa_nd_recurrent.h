/* Recurrent layers of float32: each sum of products from 0, one after the other, then its bias; a gate is the
 * sum over the input plus the sum over the last outputs. Weights: direction, gate, unit, value; float32, or int8
 * with a scale for each row. */
#ifndef SA_ND_RECURRENT_H
#define SA_ND_RECURRENT_H

#include "sa_nd_unary.h"

/* Function of a gate, with its settings. */
typedef struct {
    float (*of)(float x, float a, float b);
    float a;
    float b;
} sa_nd_gate_t;

/* Shape of a sequence, and how far its numbers lie apart. */
typedef struct {
    int32_t steps;
    int32_t batch;
    int32_t inputs;
    int32_t units;
    int32_t outputs; /* fewer than units behind a projection */
    int32_t gates;
    int32_t directions;
    int32_t backward; /* bit of each direction */
    int32_t bias;     /* numbers of each direction: one for each gate of each unit, or two */
    int32_t x_step;
    int32_t x_row;
    int32_t y_step;
    int32_t y_row;
    int32_t y_direction;
    int32_t h_row; /* states: numbers of outputs (or units) to the next */
    int32_t h_direction;
} sa_nd_sequence_t;

typedef struct {
    sa_nd_sequence_t s;
    sa_nd_gate_t of[6]; /* three of each direction */
    float clip;         /* of what the functions read, 0: none */
    float cell_clip;
    float projection_clip;
    int32_t coupled; /* lstm: forget is 1 - input; gru: reset comes after the sum */
} sa_nd_recurrent_t;

/* Rows of weights; scale: 0 for those of float32. */
typedef struct {
    const void *at;
    const float *scale;
} sa_nd_weights_t;

/* One row of the batch in one direction, while it runs. */
typedef struct {
    sa_nd_weights_t w;
    sa_nd_weights_t r;
    const sa_nd_f32 *b;
    const sa_nd_f32 *rb;
    const sa_nd_f32 *p;
    sa_nd_weights_t pw;
    const sa_nd_f32 *pb;
    const sa_nd_f32 *n; /* factors of normalised gates */
    const sa_nd_gate_t *of;
    sa_nd_f32 *h;
    sa_nd_f32 *c;
    sa_nd_f32 *scratch;
} sa_nd_cell_t;

typedef void (*sa_nd_step_t)(const sa_nd_recurrent_t *l, const sa_nd_cell_t *k, const sa_nd_f32 *x);

SA_ND_FUNCTION float sa_nd_of_tanh(float x, float a, float b)
{
    (void)a;
    (void)b;
    return sa_nd_tanh(x);
}

SA_ND_FUNCTION float sa_nd_of_sigmoid(float x, float a, float b)
{
    (void)a;
    (void)b;
    return sa_nd_sigmoid(x);
}

SA_ND_FUNCTION float sa_nd_of_relu(float x, float a, float b)
{
    (void)a;
    (void)b;
    return x < 0.0F ? 0.0F : x;
}

SA_ND_FUNCTION float sa_nd_of_linear(float x, float a, float b)
{
    return a * x + b;
}

SA_ND_FUNCTION float sa_nd_of_leaky_relu(float x, float a, float b)
{
    (void)b;
    return x < 0.0F ? a * x : x;
}

SA_ND_FUNCTION float sa_nd_of_thresholded_relu(float x, float a, float b)
{
    (void)b;
    return x > a ? x : 0.0F;
}

SA_ND_FUNCTION float sa_nd_of_scaled_tanh(float x, float a, float b)
{
    return a * sa_nd_tanh(b * x);
}

SA_ND_FUNCTION float sa_nd_of_hard_sigmoid(float x, float a, float b)
{
    return sa_nd_hard_sigmoid(x, a, b);
}

SA_ND_FUNCTION float sa_nd_of_elu(float x, float a, float b)
{
    (void)b;
    return sa_nd_elu(x, a);
}

SA_ND_FUNCTION float sa_nd_of_softsign(float x, float a, float b)
{
    (void)a;
    (void)b;
    return sa_nd_softsign(x);
}

SA_ND_FUNCTION float sa_nd_of_softplus(float x, float a, float b)
{
    (void)a;
    (void)b;
    return sa_nd_softplus(x);
}

SA_ND_INLINE float sa_nd_held(float x, float clip)
{
    if (clip > 0.0F) {
        x = x < -clip ? -clip : x;
        x = x > clip ? clip : x;
    }
    return x;
}

SA_ND_INLINE float sa_nd_gate(const sa_nd_gate_t *g, float x, float clip)
{
    return g->of(sa_nd_held(x, clip), g->a, g->b);
}

/* Weights from a number on; their scales stay, rows of all directions share them. */
SA_ND_INLINE sa_nd_weights_t sa_nd_weights_from(sa_nd_weights_t w, int32_t place)
{
    w.at = w.scale ? (const void *)((const int8_t *)w.at + place) : (const void *)((const sa_nd_f32 *)w.at + place);
    return w;
}

SA_ND_INLINE float sa_nd_sum(const sa_nd_f32 *x, sa_nd_weights_t w, int32_t row, int32_t count)
{
    float sum = 0.0F;
    int32_t i;

    if (w.scale) {
        const int8_t *q = (const int8_t *)w.at + row * count;
        const float scale = w.scale[row];
        for (i = 0; i < count; i++) {
            sum += x[i] * ((float)q[i] * scale);
        }
    } else {
        const sa_nd_f32 *v = (const sa_nd_f32 *)w.at + row * count;
        for (i = 0; i < count; i++) {
            sum += x[i] * v[i];
        }
    }
    return sum;
}

/* rows sums over count values, each with its bias where there is one; added to what is there, or in its place */
SA_ND_FUNCTION void sa_nd_sums(const sa_nd_f32 *x, sa_nd_weights_t w, const sa_nd_f32 *b, int32_t rows,
                               int32_t count, int32_t add, sa_nd_f32 *y)
{
    int32_t k;

    for (k = 0; k < rows; k++) {
        float sum = sa_nd_sum(x, w, k, count);
        sum = b ? sum + b[k] : sum;
        y[k] = add != 0 ? y[k] + sum : sum;
    }
}

SA_ND_FUNCTION void sa_nd_rnn_step(const sa_nd_recurrent_t *l, const sa_nd_cell_t *k, const sa_nd_f32 *x)
{
    const int32_t units = l->s.units;
    sa_nd_f32 *g = k->scratch;
    int32_t j;

    sa_nd_sums(x, k->w, k->b, units, l->s.inputs, 0, g);
    sa_nd_sums(k->h, k->r, k->rb, units, units, 1, g);
    for (j = 0; j < units; j++) {
        k->h[j] = sa_nd_gate(k->of, g[j], l->clip);
    }
}

/* gates: update, reset, new */
SA_ND_FUNCTION void sa_nd_gru_step(const sa_nd_recurrent_t *l, const sa_nd_cell_t *k, const sa_nd_f32 *x)
{
    const int32_t units = l->s.units;
    sa_nd_weights_t r = sa_nd_weights_from(k->r, 2 * units * units);
    const sa_nd_f32 *rb = k->rb ? k->rb + 2 * units : 0;
    sa_nd_f32 *g = k->scratch;
    sa_nd_f32 *more = g + 3 * units;
    int32_t j;

    r.scale = r.scale ? r.scale + 2 * units : 0;
    sa_nd_sums(x, k->w, k->b, 3 * units, l->s.inputs, 0, g);
    sa_nd_sums(k->h, k->r, k->rb, 2 * units, units, 1, g);
    if (l->coupled != 0) {
        sa_nd_sums(k->h, r, rb, units, units, 0, more);
    }
    for (j = 0; j < 2 * units; j++) {
        g[j] = sa_nd_gate(k->of, g[j], l->clip);
    }
    if (l->coupled != 0) {
        for (j = 0; j < units; j++) {
            g[2 * units + j] = g[2 * units + j] + g[units + j] * more[j];
        }
    } else {
        for (j = 0; j < units; j++) {
            more[j] = g[units + j] * k->h[j];
        }
        sa_nd_sums(more, r, rb, units, units, 1, g + 2 * units);
    }
    for (j = 0; j < units; j++) {
        const float z = g[j];
        const float fresh = (1.0F - z) * sa_nd_gate(k->of + 1, g[2 * units + j], l->clip);
        k->h[j] = fresh + z * k->h[j];
    }
}

SA_ND_INLINE void sa_nd_lstm_project(const sa_nd_recurrent_t *l, const sa_nd_cell_t *k, const sa_nd_f32 *made)
{
    int32_t j;

    if (k->pw.at) {
        sa_nd_sums(made, k->pw, k->pb, l->s.outputs, l->s.units, 0, k->h);
        for (j = 0; j < l->s.outputs; j++) {
            k->h[j] = sa_nd_held(k->h[j], l->projection_clip);
        }
    }
}

/* gates: input, output, forget, cell */
SA_ND_FUNCTION void sa_nd_lstm_step(const sa_nd_recurrent_t *l, const sa_nd_cell_t *k, const sa_nd_f32 *x)
{
    const int32_t units = l->s.units;
    const sa_nd_f32 *p = k->p;
    sa_nd_f32 *g = k->scratch;
    sa_nd_f32 *made = k->pw.at ? g + 4 * units : k->h;
    int32_t j;

    sa_nd_sums(x, k->w, k->b, 4 * units, l->s.inputs, 0, g);
    sa_nd_sums(k->h, k->r, k->rb, 4 * units, l->s.outputs, 1, g);
    for (j = 0; j < units; j++) {
        float c = k->c[j], in = g[j], out = g[units + j], forget = g[2 * units + j];
        in = sa_nd_gate(k->of, p ? in + p[j] * c : in, l->clip);
        if (l->coupled != 0) {
            forget = 1.0F - in;
        } else {
            forget = sa_nd_gate(k->of, p ? forget + p[2 * units + j] * c : forget, l->clip);
        }
        c = forget * c + in * sa_nd_gate(k->of + 1, g[3 * units + j], l->clip);
        c = sa_nd_held(c, l->cell_clip);
        out = sa_nd_gate(k->of, p ? out + p[units + j] * c : out, l->clip);
        k->c[j] = c;
        made[j] = out * k->of[2].of(c, k->of[2].a, k->of[2].b);
    }
    sa_nd_lstm_project(l, k, made);
}

SA_ND_INLINE int32_t sa_nd_length(const sa_nd_sequence_t *s, const sa_nd_i32 *lengths, int32_t row)
{
    const int32_t n = lengths ? lengths[row] : s->steps;

    return n < 0 ? 0 : (n > s->steps ? s->steps : n);
}

SA_ND_FUNCTION void sa_nd_fill(const sa_nd_f32 *from, sa_nd_f32 *to, int32_t count)
{
    int32_t i;

    for (i = 0; i < count; i++) {
        to[i] = from ? from[i] : 0.0F;
    }
}

/* Runs k from its first weights over all rows and directions; h and c hold the states afterwards. */
SA_ND_INLINE void sa_nd_sequence(const sa_nd_recurrent_t *l, sa_nd_step_t step, sa_nd_cell_t k,
                                 const sa_nd_f32 *x, const sa_nd_i32 *lengths, const sa_nd_f32 *h0,
                                 const sa_nd_f32 *c0, sa_nd_f32 *y, sa_nd_f32 *h, sa_nd_f32 *c)
{
    const sa_nd_sequence_t *s = &l->s;
    const int32_t rows = s->gates * s->units;
    int32_t d, n, i;

    for (d = 0; d < s->directions; d++) {
        k.rb = k.b && s->bias > rows ? k.b + rows : 0;
        for (n = 0; n < s->batch; n++) {
            const int32_t steps = sa_nd_length(s, lengths, n);
            const int32_t place = d * s->h_direction + n * s->h_row;
            const int32_t end = n * s->y_row + d * s->y_direction;
            k.h = h + place * s->outputs;
            sa_nd_fill(h0 ? h0 + place * s->outputs : 0, k.h, s->outputs);
            if (c) {
                k.c = c + place * s->units;
                sa_nd_fill(c0 ? c0 + place * s->units : 0, k.c, s->units);
            }
            for (i = 0; i < s->steps; i++) {
                const int32_t t = i < steps && ((s->backward >> d) & 1) != 0 ? steps - 1 - i : i;
                if (i < steps) {
                    step(l, &k, x + t * s->x_step + n * s->x_row);
                }
                if (y) {
                    sa_nd_fill(i < steps ? k.h : 0, y + t * s->y_step + end, s->outputs);
                }
            }
        }
        k.w = sa_nd_weights_from(k.w, rows * s->inputs);
        k.r = sa_nd_weights_from(k.r, rows * s->outputs);
        k.b = k.b ? k.b + s->bias : 0;
        k.p = k.p ? k.p + 3 * s->units : 0;
        k.pw = k.pw.at ? sa_nd_weights_from(k.pw, s->outputs * s->units) : k.pw;
        k.pb = k.pb ? k.pb + s->outputs : 0;
        k.n = k.n ? k.n + rows : 0;
        k.of += 3;
    }
}

SA_ND_FUNCTION void sa_nd_rnn(const sa_nd_recurrent_t *l, const sa_nd_f32 *x, const void *w, const float *ws,
                              const void *r, const float *rs, const sa_nd_f32 *b, const sa_nd_i32 *lengths,
                              const sa_nd_f32 *h0, sa_nd_f32 *y, sa_nd_f32 *h, sa_nd_f32 *scratch)
{
    const sa_nd_cell_t k = {{w, ws}, {r, rs}, b, 0, 0, {0, 0}, 0, 0, l->of, 0, 0, scratch};

    sa_nd_sequence(l, sa_nd_rnn_step, k, x, lengths, h0, 0, y, h, 0);
}

SA_ND_FUNCTION void sa_nd_gru(const sa_nd_recurrent_t *l, const sa_nd_f32 *x, const void *w, const float *ws,
                              const void *r, const float *rs, const sa_nd_f32 *b, const sa_nd_i32 *lengths,
                              const sa_nd_f32 *h0, sa_nd_f32 *y, sa_nd_f32 *h, sa_nd_f32 *scratch)
{
    const sa_nd_cell_t k = {{w, ws}, {r, rs}, b, 0, 0, {0, 0}, 0, 0, l->of, 0, 0, scratch};

    sa_nd_sequence(l, sa_nd_gru_step, k, x, lengths, h0, 0, y, h, 0);
}

SA_ND_FUNCTION void sa_nd_lstm(const sa_nd_recurrent_t *l, const sa_nd_f32 *x, const void *w, const float *ws,
                               const void *r, const float *rs, const sa_nd_f32 *b, const sa_nd_i32 *lengths,
                               const sa_nd_f32 *h0, const sa_nd_f32 *c0, const sa_nd_f32 *p, const void *pw,
                               const float *ps, const sa_nd_f32 *pb, sa_nd_f32 *y, sa_nd_f32 *h, sa_nd_f32 *c,
                               sa_nd_f32 *scratch)
{
    const sa_nd_cell_t k = {{w, ws}, {r, rs}, b, 0, p, {pw, ps}, pb, 0, l->of, 0, 0, scratch};

    sa_nd_sequence(l, sa_nd_lstm_step, k, x, lengths, h0, c0, y, h, c);
}

#endif
