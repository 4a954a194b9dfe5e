/* int8 layers without weights. */
#ifndef SA_NN_STEPS_H
#define SA_NN_STEPS_H

#include "sa_nn.h"

SA_NN_INLINE int8_t sa_nn_clamp(int32_t v, int32_t low, int32_t high)
{
    v = v < low ? low : v;
    return (int8_t)(v > high ? high : v);
}

SA_NN_FUNCTION void sa_nn_max_pool(const int8_t *x, int8_t *y, uint32_t channels, uint32_t steps, uint32_t size,
                                   uint32_t stride)
{
    uint32_t c;

    for (; steps > 0U; steps--) {
        for (c = 0; c < channels; c++) {
            int8_t best = x[c];
            uint32_t j;
            for (j = 1; j < size; j++) {
                best = x[j * channels + c] > best ? x[j * channels + c] : best;
            }
            *y++ = best;
        }
        x += stride * channels;
    }
}

/* mean of size steps; factor is the integer nearest to 2^16 / size */
SA_NN_FUNCTION void sa_nn_avg_pool(const int8_t *x, int8_t *y, uint32_t channels, uint32_t steps, uint32_t size,
                                   uint32_t stride, int32_t factor)
{
    uint32_t c;

    for (; steps > 0U; steps--) {
        for (c = 0; c < channels; c++) {
            int32_t sum = 0;
            uint32_t j;
            for (j = 0; j < size; j++) {
                sum += x[j * channels + c];
            }
            *y++ = sa_nn_clamp((sum * factor + 32768) >> 16, -128, 127);
        }
        x += stride * channels;
    }
}

SA_NN_FUNCTION void sa_nn_relu(const int8_t *x, int8_t *y, uint32_t size, int32_t high)
{
    for (; size > 0U; size--) {
        *y++ = sa_nn_clamp(*x++, 0, high);
    }
}

/* left_a and left_b are powers of two; half is the rounding half of shift */
SA_NN_FUNCTION void sa_nn_add(const int8_t *a, const int8_t *b, int8_t *y, uint32_t size, int32_t left_a,
                              int32_t left_b, int32_t half, uint32_t shift, int32_t low, int32_t high)
{
    for (; size > 0U; size--) {
        *y++ = sa_nn_clamp((*a++ * left_a + *b++ * left_b + half) >> shift, low, high);
    }
}

SA_NN_FUNCTION int32_t sa_nn_argmax(const int8_t *x, uint32_t size)
{
    uint32_t best = 0;
    uint32_t i;

    for (i = 1; i < size; i++) {
        best = x[i] > x[best] ? i : best;
    }
    return (int32_t)best;
}

SA_NN_FUNCTION int32_t sa_nn_argmax32(const void *in, uint32_t size)
{
    const sa_nn_int_t *x = (const sa_nn_int_t *)in;
    uint32_t best = 0;
    uint32_t i;

    for (i = 1; i < size; i++) {
        best = x[i] > x[best] ? i : best;
    }
    return (int32_t)best;
}

/* probabilities with 15 binary places, as int32 */
SA_NN_FUNCTION void sa_nn_softmax(const int8_t *x, void *out, uint32_t size, const uint16_t *table, uint32_t length)
{
    sa_nn_int_t *y = (sa_nn_int_t *)out;
    int32_t top = x[0];
    uint32_t sum = 0;
    uint32_t i;

    for (i = 1; i < size; i++) {
        top = x[i] > top ? x[i] : top;
    }
    for (i = 0; i < size; i++) {
        const uint32_t d = (uint32_t)(top - x[i]);
        const uint32_t e = d < length ? table[d] : 0U;
        y[i] = (int32_t)e;
        sum += e;
    }
    for (i = 0; i < size; i++) {
        const uint32_t p = ((uint32_t)y[i] << 15) / sum;
        y[i] = p > 32767U ? 32767 : (int32_t)p;
    }
}

SA_NN_FUNCTION void sa_nn_widen(const int8_t *x, int32_t *y, uint32_t size)
{
    for (; size > 0U; size--) {
        *y++ = *x++;
    }
}

SA_NN_FUNCTION void sa_nn_copy(const int8_t *x, int8_t *y, uint32_t size)
{
    for (; size > 0U; size--) {
        *y++ = *x++;
    }
}

SA_NN_FUNCTION void sa_nn_zero(int8_t *y, uint32_t size)
{
    for (; size > 0U; size--) {
        *y++ = 0;
    }
}

#endif
