/* float32 layers for cores that add and multiply floats, but call a function to compare them, and multiply no
 * integers of 32 bits: bias first, then one product after the other, as in sa_nn_float.h; build with
 * -ffp-contract=off. */
#ifndef SA_NN_FLOAT_ISPU_H
#define SA_NN_FLOAT_ISPU_H

#include "sa_nn.h"

typedef struct {
    const float *weights;
    const float *bias;
    uint16_t inputs; /* of a row: taps * channels, or taps when depthwise */
    uint16_t rows;
    uint16_t steps;
    uint16_t stride;
    uint16_t pool;
    uint16_t depthwise;
    float low;
    float high;
} sa_nn_float_ispu_layer_t;

/* In the order of the numbers: both zeros are 0, NaNs are beyond infinity. */
SA_NN_INLINE int32_t sa_nn_float_order(float v)
{
    const int32_t bits = *(const sa_nn_int_t *)(const void *)&v;

    return bits < 0 ? (int32_t)(0x80000000U - (uint32_t)bits) : bits;
}

/* a > b: no NaN is above anything, and nothing above a NaN */
SA_NN_FUNCTION __attribute__((noinline)) int sa_nn_float_above(float a, float b)
{
    const int32_t most = 0x7F800000, p = sa_nn_float_order(a), q = sa_nn_float_order(b);

    return p > q && p <= most && q >= -most;
}

/* Dense, convolution, depthwise convolution (weights [tap][channel]). */
SA_NN_FUNCTION void sa_nn_float_ispu_layer(const sa_nn_float_ispu_layer_t *l, const void *in, void *out)
{
    const sa_nn_float_t *x = (const sa_nn_float_t *)in;
    sa_nn_float_t *y = (sa_nn_float_t *)out;
    const uint32_t apart = l->depthwise != 0U ? l->rows : 1U;
    uint32_t step;

    for (step = l->steps; step > 0U; step--) {
        const sa_nn_float_t *next = x;
        const float *weights = l->weights;
        uint32_t row;
        for (row = 0; row < l->rows; row++) {
            const float *w = weights;
            float best = 0.0F;
            uint32_t p;
            next = x;
            for (p = 0; p < l->pool; p++) {
                const sa_nn_float_t *v = next + (l->depthwise != 0U ? row : 0U);
                float sum = l->bias[row];
                uint32_t i;
                w = weights;
                for (i = l->inputs; i > 0U; i--) {
                    sum += *v * *w;
                    v += apart;
                    w += apart;
                    /* the compiler would else multiply to know where these end */
                    __asm__ volatile("" : "+r"(v), "+r"(w));
                }
                sum = sa_nn_float_above(l->low, sum) ? l->low : sum;
                sum = sa_nn_float_above(sum, l->high) ? l->high : sum;
                best = (p == 0U || sa_nn_float_above(sum, best)) ? sum : best;
                next += l->stride;
                __asm__ volatile("" : "+r"(next));
            }
            weights = l->depthwise != 0U ? weights + 1 : w;
            *y++ = best;
        }
        x = next;
    }
}

#endif
