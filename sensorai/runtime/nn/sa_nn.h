/* Common ground of the net kernels: types, layer descriptions, the rounding rule.
 *
 * Needs two's complement, little endian and an arithmetic right shift of negative numbers; every compiler
 * for the targets has them.
 */
#ifndef SA_NN_H
#define SA_NN_H

#include <stdint.h>

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_UNALIGNED)
#include <arm_acle.h>
#define SA_NN_DSP 1
#else
#define SA_NN_DSP 0
#endif

#define SA_NN_FUNCTION static __attribute__((unused))
#define SA_NN_INLINE static inline __attribute__((always_inline))
#define SA_NN_TABLE __attribute__((aligned(4)))

/* The arena holds values of several types one after the other. */
typedef uint32_t sa_nn_word_t __attribute__((may_alias));
typedef int32_t sa_nn_int_t __attribute__((may_alias));
typedef float sa_nn_float_t __attribute__((may_alias));

/* How accumulators leave a layer of integer products. */
#define SA_NN_SHIFT 0      /* int8: rounding shift, clamp */
#define SA_NN_MULTIPLIER 1 /* int8: multiplier, rounding shift, clamp */
#define SA_NN_SCORES 2     /* int32: as they are */
#define SA_NN_BITS 3       /* one bit each: comparison */
#define SA_NN_RELU 4       /* as SA_NN_SHIFT with a clamp to 0 .. 127 */
#define SA_NN_FULL 5       /* as SA_NN_SHIFT with a clamp to -128 .. 127 */

/* A layer of integer products; sizes in elements of x unless said otherwise. */
typedef struct {
    const void *weights;
    const int32_t *bias;       /* rounding half included where shifts follow */
    const uint8_t *shift;
    const int32_t *multiplier; /* multipliers, or thresholds of SA_NN_BITS */
    const uint32_t *flip;      /* SA_NN_BITS: lanes where the bit is turned over */
    uint16_t groups;           /* inputs of a row, in groups of the kernel */
    uint16_t rows;
    uint16_t steps;
    uint16_t stride;
    uint16_t pool;
    uint16_t taps;
    int8_t low;
    int8_t high;
} sa_nn_layer_t;

/* floor(a * m / 2^s + 1/2) for 31 <= s <= 62 without 64-bit library calls. */
SA_NN_FUNCTION int32_t sa_nn_multiply_round(int32_t a, int32_t m, uint32_t s)
{
    const uint32_t al = (uint32_t)a & 0xFFFFU;
    const uint32_t ml = (uint32_t)m & 0xFFFFU;
    const int32_t ah = a >> 16;
    const int32_t mh = m >> 16;
    const uint32_t ll = al * ml;
    const int32_t hl = ah * (int32_t)ml;
    const int32_t lh = (int32_t)((uint32_t)mh * al);
    const uint32_t middle = (ll >> 16) + ((uint32_t)hl & 0xFFFFU) + ((uint32_t)lh & 0xFFFFU);
    uint32_t low = (middle << 16) | (ll & 0xFFFFU);
    uint32_t high = (uint32_t)(ah * mh) + (uint32_t)(hl >> 16) + (uint32_t)(lh >> 16) + (middle >> 16);

    if (s > 32U) {
        high += (uint32_t)1 << (s - 33U);
    } else {
        const uint32_t half = (uint32_t)1 << (s - 1U);
        low += half;
        high += (low < half) ? 1U : 0U;
    }
    if (s == 31U) {
        return (int32_t)((high << 1) | (low >> 31));
    }
    return (int32_t)high >> (s - 32U);
}

/* Send the accumulator v of one row where the layer wants it. */
SA_NN_INLINE void sa_nn_put(const sa_nn_layer_t *l, int kind, void *y, uint32_t row, int32_t v)
{
    if (kind == SA_NN_BITS) {
        sa_nn_word_t *word = (sa_nn_word_t *)y + (row >> 5);
        if ((row & 31U) == 0U) {
            *word = l->flip[row >> 5];
        }
        if (v >= l->multiplier[row]) {
            *word ^= (uint32_t)1 << (row & 31U);
        }
    } else if (kind == SA_NN_SCORES) {
        ((sa_nn_int_t *)y)[row] = v;
    } else {
        int32_t q;
        if (kind == SA_NN_MULTIPLIER) {
            q = sa_nn_multiply_round(v, l->multiplier[row], l->shift[row]);
        } else {
            q = v >> l->shift[row];
        }
        /* with constants a clamp can be one instruction */
        if (kind == SA_NN_RELU) {
            q = q < 0 ? 0 : q;
            q = q > 127 ? 127 : q;
        } else if (kind == SA_NN_FULL) {
            q = q < -128 ? -128 : q;
            q = q > 127 ? 127 : q;
        } else {
            q = q < l->low ? l->low : q;
            q = q > l->high ? l->high : q;
        }
        ((int8_t *)y)[row] = (int8_t)q;
    }
}

/* Bytes of one step of a layer's output. */
SA_NN_INLINE uint32_t sa_nn_step_bytes(const sa_nn_layer_t *l, int kind)
{
    if (kind == SA_NN_BITS) {
        return ((l->rows + 31U) >> 5) * 4U;
    }
    return kind == SA_NN_SCORES ? l->rows * 4U : l->rows;
}

SA_NN_INLINE int32_t sa_nn_bias(const sa_nn_layer_t *l, uint32_t row)
{
    return l->bias != 0 ? l->bias[row] : 0;
}

#endif
