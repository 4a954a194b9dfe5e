/* Binary layers: values +1 and -1 as bits 1 and 0, 32 channels to a word, dot = n - 2 * differing bits.
 *
 * Layers with binary output compute 32 rows at once: for each input bit a word of weights (one lane per row)
 * is XORed with the spread input bit, and the differing bits are counted in bit planes with carry-save
 * adders, sixteen inputs at a time. The planes start at 2^b - 1 - limit, so plane b says at the end whether
 * the count is above the limit: neither a population count nor a comparison is needed.
 */
#ifndef SA_NN_BINARY_H
#define SA_NN_BINARY_H

#include "sa_nn.h"

#define SA_NN_PLANES 24

/* carry and sum of three bits, in every lane */
#define SA_NN_ADD(carry, sum, a, b, c)              \
    do {                                            \
        const uint32_t va_ = (a), vb_ = (b);        \
        const uint32_t vc_ = (c), vx_ = va_ ^ vb_;  \
        (carry) = (va_ & vb_) | (vx_ & vc_);        \
        (sum) = vx_ ^ vc_;                          \
    } while (0)

/* lanes that differ from bit i of x */
#define SA_NN_DIFFER(i) (w[i] ^ (uint32_t)((int32_t)(x << (31 - (i))) >> 31))

/* Rows of one block of 32 against one window; x: uint16 halves of the words. Returns the last plane. */
SA_NN_FUNCTION uint32_t sa_nn_count(const sa_nn_layer_t *l, const sa_nn_word_t *from, const uint32_t *w,
                                    const uint32_t *start, uint32_t last)
{
    uint32_t plane[SA_NN_PLANES];
    uint32_t ones = start[0], twos = start[1], fours = start[2], eights = start[3];
    const uint32_t words = (l->groups + 1U) >> 1;
    uint32_t tap;
    uint32_t k;

    for (k = 4; k < last; k++) {
        plane[k] = start[k];
    }
    plane[last] = 0;
    for (tap = l->taps; tap > 0U; tap--) {
        uint32_t g;
        for (g = 0; g < l->groups; g++) {
            const uint32_t x = from[g >> 1] >> (16U * (g & 1U));
            uint32_t a, b, c, d, carry;
            SA_NN_ADD(a, ones, ones, SA_NN_DIFFER(0), SA_NN_DIFFER(1));
            SA_NN_ADD(b, ones, ones, SA_NN_DIFFER(2), SA_NN_DIFFER(3));
            SA_NN_ADD(c, twos, twos, a, b);
            SA_NN_ADD(a, ones, ones, SA_NN_DIFFER(4), SA_NN_DIFFER(5));
            SA_NN_ADD(b, ones, ones, SA_NN_DIFFER(6), SA_NN_DIFFER(7));
            SA_NN_ADD(d, twos, twos, a, b);
            SA_NN_ADD(carry, fours, fours, c, d);
            SA_NN_ADD(a, ones, ones, SA_NN_DIFFER(8), SA_NN_DIFFER(9));
            SA_NN_ADD(b, ones, ones, SA_NN_DIFFER(10), SA_NN_DIFFER(11));
            SA_NN_ADD(c, twos, twos, a, b);
            SA_NN_ADD(a, ones, ones, SA_NN_DIFFER(12), SA_NN_DIFFER(13));
            SA_NN_ADD(b, ones, ones, SA_NN_DIFFER(14), SA_NN_DIFFER(15));
            SA_NN_ADD(d, twos, twos, a, b);
            SA_NN_ADD(a, fours, fours, c, d);
            SA_NN_ADD(carry, eights, eights, carry, a);
            for (k = 4; carry != 0U; k++) {
                const uint32_t on = plane[k] & carry;
                plane[k] ^= carry;
                carry = on;
            }
            w += 16;
        }
        from += words;
    }
    return plane[last];
}

/* Dense and convolution with binary output. flip holds, per block of 32 rows, `last` planes to start from
 * and the word that turns the answers over; shift holds `last` (at least 4). */
SA_NN_FUNCTION void sa_nn_binary_bits(const sa_nn_layer_t *l, const void *in, void *out)
{
    const sa_nn_word_t *x = (const sa_nn_word_t *)in;
    sa_nn_word_t *y = (sa_nn_word_t *)out;
    const uint32_t last = l->shift[0];
    const uint32_t size = 16U * l->groups * l->taps;
    uint32_t step;

    for (step = l->steps; step > 0U; step--) {
        const uint32_t *w = (const uint32_t *)l->weights;
        const uint32_t *start = l->flip;
        uint32_t row;
        for (row = 0; row < l->rows; row += 32U) {
            uint32_t above = 0xFFFFFFFFU;
            uint32_t p;
            for (p = 0; p < l->pool; p++) {
                above &= sa_nn_count(l, x + p * l->stride, w, start, last);
            }
            *y++ = above ^ start[last];
            w += size;
            start += last + 1U;
        }
        x += (uint32_t)l->stride * l->pool;
    }
}

SA_NN_INLINE int32_t sa_nn_population(uint32_t v)
{
    v -= (v >> 1) & 0x55555555U;
    v = (v & 0x33333333U) + ((v >> 2) & 0x33333333U);
    v = (v + (v >> 4)) & 0x0F0F0F0FU;
    v += v >> 8;
    return (int32_t)((v + (v >> 16)) & 0x3FU);
}

/* Dense and convolution with int32 output: weights [row][tap][word], bias + n in bias. */
SA_NN_FUNCTION void sa_nn_binary_scores(const sa_nn_layer_t *l, const void *in, void *out)
{
    const sa_nn_word_t *x = (const sa_nn_word_t *)in;
    sa_nn_int_t *y = (sa_nn_int_t *)out;
    uint32_t step;

    for (step = l->steps; step > 0U; step--) {
        const uint32_t *w = (const uint32_t *)l->weights;
        uint32_t row;
        for (row = 0; row < l->rows; row++) {
            int32_t best = INT32_MAX;
            uint32_t p;
            for (p = 0; p < l->pool; p++) {
                const sa_nn_word_t *v = x + p * l->stride;
                int32_t count = 0;
                uint32_t k;
                for (k = 0; k < l->groups; k++) {
                    count += sa_nn_population(v[k] ^ w[k]);
                }
                best = count < best ? count : best;
            }
            *y++ = l->bias[row] - 2 * best;
            w += l->groups;
        }
        x += (uint32_t)l->stride * l->pool;
    }
}

/* Depthwise convolution with binary output, 32 channels at once; weights [tap][word], limits in flip as above. */
SA_NN_FUNCTION void sa_nn_binary_depthwise_bits(const sa_nn_layer_t *l, const void *in, void *out)
{
    const sa_nn_word_t *x = (const sa_nn_word_t *)in;
    const uint32_t words = (l->rows + 31U) >> 5;
    const uint32_t last = l->shift[0];
    sa_nn_word_t *y = (sa_nn_word_t *)out;
    uint32_t step;

    for (step = l->steps; step > 0U; step--) {
        const uint32_t *start = l->flip;
        uint32_t word;
        for (word = 0; word < words; word++) {
            uint32_t above = 0xFFFFFFFFU;
            uint32_t p;
            for (p = 0; p < l->pool; p++) {
                const sa_nn_word_t *v = x + p * l->stride + word;
                const uint32_t *w = (const uint32_t *)l->weights + word;
                uint32_t plane[SA_NN_PLANES];
                uint32_t tap;
                uint32_t k;
                for (k = 0; k < last; k++) {
                    plane[k] = start[k];
                }
                plane[last] = 0;
                for (tap = l->taps; tap > 0U; tap--) {
                    uint32_t carry = *v ^ *w;
                    for (k = 0; carry != 0U; k++) {
                        const uint32_t on = plane[k] & carry;
                        plane[k] ^= carry;
                        carry = on;
                    }
                    v += words;
                    w += words;
                }
                above &= plane[last];
            }
            *y++ = above ^ start[last];
            start += last + 1U;
        }
        x += (uint32_t)l->stride * l->pool;
    }
}

/* Depthwise convolution with int32 output. */
SA_NN_FUNCTION void sa_nn_binary_depthwise_scores(const sa_nn_layer_t *l, const void *in, void *out)
{
    const sa_nn_word_t *x = (const sa_nn_word_t *)in;
    const uint32_t words = (l->rows + 31U) >> 5;
    sa_nn_int_t *y = (sa_nn_int_t *)out;
    uint32_t step;

    for (step = l->steps; step > 0U; step--) {
        uint32_t row;
        for (row = 0; row < l->rows; row++) {
            int32_t best = INT32_MAX;
            uint32_t p;
            for (p = 0; p < l->pool; p++) {
                const sa_nn_word_t *v = x + p * l->stride + (row >> 5);
                const uint32_t *w = (const uint32_t *)l->weights + (row >> 5);
                int32_t count = 0;
                uint32_t tap;
                for (tap = l->taps; tap > 0U; tap--) {
                    count += (int32_t)(((*v ^ *w) >> (row & 31U)) & 1U);
                    v += words;
                    w += words;
                }
                best = count < best ? count : best;
            }
            *y++ = l->bias[row] - 2 * best;
        }
        x += (uint32_t)l->stride * l->pool;
    }
}

/* OR over size steps of a number of words. */
SA_NN_FUNCTION void sa_nn_binary_max_pool(const void *in, void *out, uint32_t words, uint32_t steps,
                                          uint32_t size, uint32_t stride)
{
    const sa_nn_word_t *x = (const sa_nn_word_t *)in;
    sa_nn_word_t *y = (sa_nn_word_t *)out;
    uint32_t k;

    for (; steps > 0U; steps--) {
        for (k = 0; k < words; k++) {
            uint32_t v = 0;
            uint32_t j;
            for (j = 0; j < size; j++) {
                v |= x[j * words + k];
            }
            *y++ = v;
        }
        x += stride * words;
    }
}

/* steps of channels bits, each from its own words, to one row of bits */
SA_NN_FUNCTION void sa_nn_binary_flatten(const void *in, void *out, uint32_t steps, uint32_t channels)
{
    const sa_nn_word_t *x = (const sa_nn_word_t *)in;
    sa_nn_word_t *y = (sa_nn_word_t *)out;
    uint32_t at = 0;

    for (; steps > 0U; steps--) {
        uint32_t c;
        for (c = 0; c < channels; c++, at++) {
            if ((at & 31U) == 0U) {
                y[at >> 5] = 0;
            }
            y[at >> 5] |= ((x[c >> 5] >> (c & 31U)) & 1U) << (at & 31U);
        }
        x += (channels + 31U) >> 5;
    }
}

/* bits to +1 and -1 */
SA_NN_FUNCTION void sa_nn_binary_unpack(const void *in, int8_t *y, uint32_t steps, uint32_t channels)
{
    const sa_nn_word_t *x = (const sa_nn_word_t *)in;

    for (; steps > 0U; steps--) {
        uint32_t v = 0;
        uint32_t c;
        for (c = 0; c < channels; c++) {
            v = (c & 31U) == 0U ? *x++ : v >> 1;
            *y++ = (int8_t)((int32_t)((v & 1U) << 1) - 1);
        }
    }
}

SA_NN_FUNCTION void sa_nn_binary_widen(const void *in, int32_t *y, uint32_t steps, uint32_t channels)
{
    const sa_nn_word_t *x = (const sa_nn_word_t *)in;

    for (; steps > 0U; steps--) {
        uint32_t v = 0;
        uint32_t c;
        for (c = 0; c < channels; c++) {
            v = (c & 31U) == 0U ? *x++ : v >> 1;
            *y++ = (int32_t)((v & 1U) << 1) - 1;
        }
    }
}

/* int8 to bits: x >= threshold, turned over where flip says so */
SA_NN_FUNCTION void sa_nn_binary_pack(const int8_t *x, void *out, uint32_t steps, uint32_t channels,
                                      const int32_t *threshold, const uint32_t *flip)
{
    sa_nn_word_t *y = (sa_nn_word_t *)out;

    for (; steps > 0U; steps--) {
        uint32_t c;
        for (c = 0; c < channels; c++) {
            if ((c & 31U) == 0U) {
                y[c >> 5] = flip[c >> 5];
            }
            if (*x++ >= threshold[c]) {
                y[c >> 5] ^= (uint32_t)1 << (c & 31U);
            }
        }
        y += (channels + 31U) >> 5;
    }
}

#endif
