/* float32 layers: bias first, then one product after the other; build with -ffp-contract=off. */
#ifndef SA_NN_FLOAT_H
#define SA_NN_FLOAT_H

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
} sa_nn_float_layer_t;

/* Dense, convolution, depthwise convolution (weights [tap][channel]). */
SA_NN_FUNCTION void sa_nn_float_layer(const sa_nn_float_layer_t *l, const void *in, void *out)
{
    const sa_nn_float_t *x = (const sa_nn_float_t *)in;
    sa_nn_float_t *y = (sa_nn_float_t *)out;
    const uint32_t apart = l->depthwise != 0U ? l->rows : 1U;
    uint32_t step;

    for (step = l->steps; step > 0U; step--) {
        uint32_t row;
        for (row = 0; row < l->rows; row++) {
            float best = 0.0F;
            uint32_t p;
            for (p = 0; p < l->pool; p++) {
                const sa_nn_float_t *v = x + p * l->stride + (l->depthwise != 0U ? row : 0U);
                const float *w = l->weights + (l->depthwise != 0U ? row : row * l->inputs);
                float sum = l->bias[row];
                uint32_t i;
                for (i = l->inputs; i > 0U; i--) {
                    sum += *v * *w;
                    v += apart;
                    w += apart;
                }
                sum = sum < l->low ? l->low : sum;
                sum = sum > l->high ? l->high : sum;
                best = (p == 0U || sum > best) ? sum : best;
            }
            *y++ = best;
        }
        x += (uint32_t)l->stride * l->pool;
    }
}

SA_NN_FUNCTION void sa_nn_float_max_pool(const void *in, void *out, uint32_t channels, uint32_t steps,
                                         uint32_t size, uint32_t stride)
{
    const sa_nn_float_t *x = (const sa_nn_float_t *)in;
    sa_nn_float_t *y = (sa_nn_float_t *)out;
    uint32_t c;

    for (; steps > 0U; steps--) {
        for (c = 0; c < channels; c++) {
            float best = x[c];
            uint32_t j;
            for (j = 1; j < size; j++) {
                best = x[j * channels + c] > best ? x[j * channels + c] : best;
            }
            *y++ = best;
        }
        x += stride * channels;
    }
}

SA_NN_FUNCTION void sa_nn_float_avg_pool(const void *in, void *out, uint32_t channels, uint32_t steps,
                                         uint32_t size, uint32_t stride, float scale)
{
    const sa_nn_float_t *x = (const sa_nn_float_t *)in;
    sa_nn_float_t *y = (sa_nn_float_t *)out;
    uint32_t c;

    for (; steps > 0U; steps--) {
        for (c = 0; c < channels; c++) {
            float sum = x[c];
            uint32_t j;
            for (j = 1; j < size; j++) {
                sum += x[j * channels + c];
            }
            *y++ = sum * scale;
        }
        x += stride * channels;
    }
}

SA_NN_FUNCTION void sa_nn_float_copy(const void *in, void *out, uint32_t size)
{
    const sa_nn_float_t *x = (const sa_nn_float_t *)in;
    sa_nn_float_t *y = (sa_nn_float_t *)out;

    for (; size > 0U; size--) {
        *y++ = *x++;
    }
}

SA_NN_FUNCTION void sa_nn_float_clamp(const void *in, void *out, uint32_t size, float low, float high)
{
    const sa_nn_float_t *x = (const sa_nn_float_t *)in;
    sa_nn_float_t *y = (sa_nn_float_t *)out;

    for (; size > 0U; size--) {
        float v = *x++;
        v = v < low ? low : v;
        *y++ = v > high ? high : v;
    }
}

SA_NN_FUNCTION void sa_nn_float_add(const void *in, const void *other, void *out, uint32_t size, float low,
                                    float high)
{
    const sa_nn_float_t *a = (const sa_nn_float_t *)in;
    const sa_nn_float_t *b = (const sa_nn_float_t *)other;
    sa_nn_float_t *y = (sa_nn_float_t *)out;

    for (; size > 0U; size--) {
        float v = *a++ + *b++;
        v = v < low ? low : v;
        *y++ = v > high ? high : v;
    }
}

SA_NN_FUNCTION int32_t sa_nn_float_argmax(const void *in, uint32_t size)
{
    const sa_nn_float_t *x = (const sa_nn_float_t *)in;
    uint32_t best = 0;
    uint32_t i;

    for (i = 1; i < size; i++) {
        best = x[i] > x[best] ? i : best;
    }
    return (int32_t)best;
}

SA_NN_FUNCTION void sa_nn_float_quantize(const void *in, int8_t *y, uint32_t size, float scale)
{
    const sa_nn_float_t *x = (const sa_nn_float_t *)in;

    for (; size > 0U; size--) {
        float v = *x++ * scale;
        v = v < -128.0F ? -128.0F : v;
        v = v > 127.0F ? 127.0F : v;
        *y++ = (int8_t)((int32_t)(v + 128.5F) - 128);
    }
}

SA_NN_FUNCTION void sa_nn_float_dequantize(const int8_t *x, void *out, uint32_t size, float scale)
{
    sa_nn_float_t *y = (sa_nn_float_t *)out;

    for (; size > 0U; size--) {
        *y++ = (float)*x++ * scale;
    }
}

#endif
