/* int8 depthwise convolution: weights [tap][channel] int8. */
#ifndef SA_NN_DEPTHWISE_H
#define SA_NN_DEPTHWISE_H

#include "sa_nn.h"

/* taps: l->taps, as a constant where the generated code knows one number for all layers of this kind */
SA_NN_INLINE void sa_nn_depthwise_layer(const sa_nn_layer_t *layer, const int8_t *x, void *out, int kind,
                                        uint32_t taps)
{
    /* a copy: the compiler need not think that storing results changes it */
    const sa_nn_layer_t l = *layer;
    const int8_t *const w = (const int8_t *)l.weights;
    uint8_t *y = (uint8_t *)out;
    const uint32_t rows = l.rows;
    uint32_t step;

    for (step = l.steps; step > 0U; step--) {
        uint32_t row;
        for (row = 0; row < rows; row++) {
            int32_t best = 0;
            uint32_t p;
            for (p = 0; p < l.pool; p++) {
                const int8_t *v = x + p * l.stride + row;
                const int8_t *k = w + row;
                int32_t sum = l.bias[row];
                uint32_t tap;
#pragma GCC unroll 8
                for (tap = 0; tap < taps; tap++) {
                    sum += *v * *k;
                    v += rows;
                    k += rows;
                }
                best = (p == 0U || sum > best) ? sum : best;
            }
            sa_nn_put(&l, kind, y, row, best);
        }
        x += (uint32_t)l.stride * l.pool;
        y += sa_nn_step_bytes(&l, kind);
    }
}

#endif
