/* Filters over features and time, as TensorFlow Lite Micro computes them. */
#ifndef SA_ND_SVDF_H
#define SA_ND_SVDF_H

#include "sa_nd_fixed.h"

typedef struct {
    int32_t batch;
    int32_t inputs;
    int32_t units;
    int32_t rank; /* filters of a unit */
    int32_t memory;
    float lo;
    float hi;
    int32_t multiplier[2]; /* into the state, out of it */
    int32_t shift[2];
    int32_t zero[3]; /* of the input, of the state, of the output */
} sa_nd_svdf_t;

/* KIND: of the state and of the weights of time, LOW and HIGH: its ends. */
#define SA_ND_SVDF(NAME, KIND, LOW, HIGH)                                                                     \
    SA_ND_FUNCTION void NAME(const sa_nd_svdf_t *l, const int8_t *x, const int8_t *w, const KIND *time,        \
                             const sa_nd_i32 *bias, const KIND *state, int8_t *y, KIND *next)                  \
    {                                                                                                         \
        int32_t n, u, f, i;                                                                                   \
                                                                                                              \
        for (n = 0; n < l->batch; n++) {                                                                      \
            const int8_t *v = w;                                                                              \
            const KIND *t = time;                                                                             \
            for (u = 0; u < l->units; u++) {                                                                  \
                uint32_t sum = bias ? (uint32_t)bias[u] : 0U;                                                 \
                for (f = 0; f < l->rank; f++) {                                                               \
                    uint32_t dot = 0;                                                                         \
                    int32_t made;                                                                             \
                    for (i = 0; i < l->inputs; i++) {                                                         \
                        dot += (uint32_t)(v[i] * (x[i] - l->zero[0]));                                        \
                    }                                                                                         \
                    v += l->inputs;                                                                           \
                    made = sa_nd_multiply((int32_t)dot, l->multiplier[0], l->shift[0]) + l->zero[1];          \
                    for (i = 0; i < l->memory - 1; i++) {                                                     \
                        next[i] = state[i + 1];                                                               \
                    }                                                                                         \
                    next[i] = (KIND)sa_nd_clamp(made, LOW, HIGH);                                             \
                    for (i = 0; i < l->memory; i++) {                                                         \
                        sum += (uint32_t)t[i] * (uint32_t)(next[i] - l->zero[1]);                             \
                    }                                                                                         \
                    t += l->memory;                                                                           \
                    state += l->memory;                                                                       \
                    next += l->memory;                                                                        \
                }                                                                                             \
                *y = (int8_t)sa_nd_clamp(                                                                     \
                    sa_nd_multiply((int32_t)sum, l->multiplier[1], l->shift[1]) + l->zero[2], -128, 127);     \
                y++;                                                                                          \
            }                                                                                                 \
            x += l->inputs;                                                                                   \
        }                                                                                                     \
    }

SA_ND_SVDF(sa_nd_svdf_i8, int8_t, -128, 127)
SA_ND_SVDF(sa_nd_svdf_i16, sa_nd_i16, -32768, 32767)

/* scale: of each filter where its weights w are int8, 0 where they are float32. */
SA_ND_FUNCTION void sa_nd_svdf_f32(const sa_nd_svdf_t *l, const sa_nd_f32 *x, const void *w, const float *scale,
                                   const sa_nd_f32 *time, const sa_nd_f32 *bias, const sa_nd_f32 *state,
                                   sa_nd_f32 *y, sa_nd_f32 *next)
{
    int32_t n, u, f, i;

    for (n = 0; n < l->batch; n++) {
        const sa_nd_f32 *v = (const sa_nd_f32 *)w, *t = time;
        const int8_t *q = (const int8_t *)w;
        for (u = 0; u < l->units; u++) {
            float out = bias ? bias[u] : 0.0F;
            for (f = 0; f < l->rank; f++) {
                float sum = 0.0F;
                for (i = 0; i < l->inputs && scale; i++) {
                    sum += (float)q[i] * scale[u * l->rank + f] * x[i];
                }
                for (i = 0; i < l->inputs && !scale; i++) {
                    sum += v[i] * x[i];
                }
                q = scale ? q + l->inputs : q;
                v = scale ? v : v + l->inputs;
                for (i = 0; i < l->memory - 1; i++) {
                    next[i] = state[i + 1];
                }
                next[i] = sum;
                sum = 0.0F;
                for (i = 0; i < l->memory; i++) {
                    sum += t[i] * next[i];
                }
                out += sum;
                t += l->memory;
                state += l->memory;
                next += l->memory;
            }
            out = out < l->lo ? l->lo : out;
            *y = out > l->hi ? l->hi : out;
            y++;
        }
        x += l->inputs;
    }
}

#endif
