/* Binary layers: values +1 and -1 as bits 1 and 0, 32 channels to a word, dot = n - 2 * differing bits.
 *
 * Layers with binary output compute 32 rows at once: each input has a word of weights, one lane per row. Only
 * inputs that are +1 are looked at. If s of the n inputs are, and in a row c weights are +1, and a of those
 * are met by an input of +1, then c + s - 2a bits differ; at most limit do where
 *     (limit - c + above) + 2a >= s + above,
 * where above, the same for all rows, keeps both sides from being negative.
 * The left side is counted in bit planes that start at what is constant, with carry-save adders, eight inputs
 * at a time, and then compared, plane by plane, with the right side, which is the same for all rows. So neither
 * a population count nor a comparison of each row is needed.
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

/* Add the words of weights of eight places to ones, twos and fours; what has weight 8 goes to carry. */
#define SA_NN_ADD_EIGHT(carry, from)                              \
    do {                                                          \
        uint32_t a_, b_, c_, d_;                                  \
        SA_NN_ADD(a_, ones, ones, w[(from)[0]], w[(from)[1]]);    \
        SA_NN_ADD(b_, ones, ones, w[(from)[2]], w[(from)[3]]);    \
        SA_NN_ADD(c_, twos, twos, a_, b_);                        \
        SA_NN_ADD(a_, ones, ones, w[(from)[4]], w[(from)[5]]);    \
        SA_NN_ADD(b_, ones, ones, w[(from)[6]], w[(from)[7]]);    \
        SA_NN_ADD(d_, twos, twos, a_, b_);                        \
        SA_NN_ADD(carry, fours, fours, c_, d_);                   \
    } while (0)

/* Words of bits whose ones are listed at a time. */
#define SA_NN_LISTED 4U

/* Inputs that are +1 in up to SA_NN_LISTED words. */
typedef struct {
    uint8_t place[32U * SA_NN_LISTED + 8U]; /* of their words of weights, with zeros up to a multiple of 8 */
    uint32_t set;
    uint32_t inputs; /* all: the word of weights behind theirs is zero */
} sa_nn_list_t;

/* Append the places of the ones of x, the first bit being at `at`. May write one place too many. */
SA_NN_INLINE uint8_t *sa_nn_ones(uint32_t x, uint32_t at, uint8_t *to)
{
#if defined(__ARM_FEATURE_CLZ)
    while (x != 0U) {
        const uint32_t zeros = (uint32_t)__builtin_clz(x);
        *to++ = (uint8_t)(at + 31U - zeros);
        x &= ~(0x80000000U >> zeros);
    }
#else
    for (; x != 0U; x >>= 1) {
        *to = (uint8_t)at++;
        to += x & 1U;
    }
#endif
    return to;
}

/* left: inputs left in the tap where x is, kept up to date. Returns what follows the words. Apart, since its loop
 * needs registers of its own. */
SA_NN_FUNCTION __attribute__((noinline)) const sa_nn_word_t *sa_nn_list(const sa_nn_layer_t *l, const sa_nn_word_t *x, uint32_t words,
                                              uint32_t *left, sa_nn_list_t *list)
{
    uint8_t *to = list->place;
    uint32_t at = 0;

    for (; words > 0U; words--) {
        const uint32_t here = *left < 32U ? *left : 32U;
        to = sa_nn_ones(*x++, at, to);
        at += here;
        *left -= here;
        if (*left == 0U) {
            *left = l->groups;
        }
    }
    list->set = (uint32_t)(to - list->place);
    list->inputs = at;
    while (((to - list->place) & 7) != 0) {
        *to++ = (uint8_t)at;
    }
    return x;
}

/* One plane more of "not below right", from the lowest on. */
#define SA_NN_COMPARE(bits)                                       \
    do {                                                          \
        const uint32_t bits_ = (bits);                            \
        close = (right & 1U) != 0U ? close & bits_ : close | bits_; \
        right >>= 1;                                              \
    } while (0)

/* One block of 32 rows against one window: lanes where at most limit bits differ. With few words, the list is
 * that of the window already, unless `first`. */
SA_NN_FUNCTION uint32_t sa_nn_close(const sa_nn_layer_t *l, const sa_nn_word_t *x, const uint32_t *w,
                                    const uint32_t *start, uint32_t words, sa_nn_list_t *list, int first)
{
    uint32_t plane[SA_NN_PLANES];
    uint32_t ones = start[1], twos = start[2], fours = start[3];
    uint32_t right = (uint32_t)l->bias[0];
    uint32_t left = l->groups;
    uint32_t close = 0xFFFFFFFFU;
    const uint32_t last = l->shift[0];
    uint32_t k;

    for (k = 4; k < last; k++) {
        plane[k] = start[k];
    }
    while (words > 0U) {
        const uint32_t now = words < SA_NN_LISTED ? words : SA_NN_LISTED;
        const uint8_t *from = list->place;
        const uint8_t *end;
        if (first) {
            x = sa_nn_list(l, x, now, &left, list);
        }
        right += list->set;
        for (end = from + list->set; from < end; from += 16) {
            uint32_t carry;
            uint32_t *at = plane + 4;
            SA_NN_ADD_EIGHT(carry, from);
            if (from + 8 < end) {
                uint32_t more;
                SA_NN_ADD_EIGHT(more, from + 8);
                SA_NN_ADD(carry, *at, *at, carry, more);
                at++;
            }
            for (; carry != 0U; at++) {
                const uint32_t on = *at & carry;
                *at ^= carry;
                carry = on;
            }
        }
        w += list->inputs + 1U;
        words -= now;
    }
    SA_NN_COMPARE(start[0]);
    SA_NN_COMPARE(ones);
    SA_NN_COMPARE(twos);
    SA_NN_COMPARE(fours);
#pragma GCC unroll 4
    for (k = 4; k < last; k++) {
        SA_NN_COMPARE(plane[k]);
    }
    return close;
}

/* Dense and convolution with binary output. weights: per block of 32 rows a word for each input, and one of
 * zeros behind those of every SA_NN_LISTED words of bits. flip: per block `last` planes to start from (at
 * least 5) and the word that turns the answers over; shift: `last`; bias: `above`; groups: inputs of a tap. */
SA_NN_FUNCTION void sa_nn_binary_bits(const sa_nn_layer_t *l, const void *in, void *out)
{
    const sa_nn_word_t *x = (const sa_nn_word_t *)in;
    sa_nn_word_t *y = (sa_nn_word_t *)out;
    const uint32_t last = l->shift[0];
    const uint32_t words = ((l->groups + 31U) >> 5) * l->taps;
    const uint32_t blocks = (l->rows + 31U) >> 5;
    const uint32_t size = (uint32_t)l->groups * l->taps + (words + SA_NN_LISTED - 1U) / SA_NN_LISTED;
    uint32_t step;

    for (step = l->steps; step > 0U; step--) {
        uint32_t p;
        uint32_t b;
        for (p = 0; p < l->pool; p++) {
            const uint32_t *w = (const uint32_t *)l->weights;
            const uint32_t *start = l->flip;
            sa_nn_list_t list;
            for (b = 0; b < blocks; b++) {
                uint32_t close = sa_nn_close(l, x, w, start, words, &list, b == 0U || words > SA_NN_LISTED);
                if (p > 0U) {
                    close |= y[b];
                }
                y[b] = p + 1U == l->pool ? close ^ start[last] : close;
                w += size;
                start += last + 1U;
            }
            x += l->stride;
        }
        y += blocks;
    }
}

/* Ones of each byte. */
SA_NN_INLINE uint32_t sa_nn_ones_of_bytes(uint32_t v)
{
    v -= (v >> 1) & 0x55555555U;
    v = (v & 0x33333333U) + ((v >> 2) & 0x33333333U);
    return (v + (v >> 4)) & 0x0F0F0F0FU;
}

SA_NN_INLINE int32_t sa_nn_population(uint32_t v)
{
    v = sa_nn_ones_of_bytes(v);
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

/* Dense of bits with int8 weights and int32 output. weights [32 inputs][row][k]: a word holds u = 127 - weight of
 * the inputs k, k + 8, k + 16 and k + 24, and 0 where there is none. An input of +1 turns all bits of u over: that
 * gives weight + 128, and -1 leaves 127 - weight. bias holds the layer's less 127 for each input. */
SA_NN_FUNCTION void sa_nn_binary_wide_scores(const sa_nn_layer_t *l, const void *in, void *out)
{
    const sa_nn_word_t *x = (const sa_nn_word_t *)in;
    const uint32_t *w = (const uint32_t *)l->weights;
    sa_nn_int_t *y = (sa_nn_int_t *)out;
    int32_t plus = 0;
    uint32_t row;
    uint32_t k;

    for (k = 0; k < l->groups; k++) {
#if SA_NN_DSP
        plus = (int32_t)__usada8(sa_nn_ones_of_bytes(x[k]), 0U, (uint32_t)plus);
#else
        plus += sa_nn_population(x[k]);
#endif
    }
    for (row = 0; row < l->rows; row++) {
        y[row] = l->bias[row] - plus;
    }
    for (k = 0; k < l->groups; k++) {
#if SA_NN_DSP
        uint32_t bits = x[k];
        uint32_t half;
        /* four masks and two rows at a time stay in registers */
        for (half = 0; half < 8U; half += 4) {
            const uint32_t *v = w + half;
            uint32_t turn[4];
            uint32_t i;
#pragma GCC unroll 4
            for (i = 0; i < 4U; i++) {
                const uint32_t on = (bits >> i) & 0x01010101U;
                turn[i] = (on << 8) - on;
            }
            bits >>= 4;
            for (row = 0; row + 1U < l->rows; row += 2) {
                uint32_t one = (uint32_t)y[row];
                uint32_t other = (uint32_t)y[row + 1U];
#pragma GCC unroll 4
                for (i = 0; i < 4U; i++) {
                    one = __usada8(turn[i], v[i], one);
                    other = __usada8(turn[i], v[i + 8U], other);
                }
                y[row] = (int32_t)one;
                y[row + 1U] = (int32_t)other;
                v += 16;
            }
            if (row < l->rows) {
                uint32_t one = (uint32_t)y[row];
                for (i = 0; i < 4U; i++) {
                    one = __usada8(turn[i], v[i], one);
                }
                y[row] = (int32_t)one;
            }
        }
        w += 8U * l->rows;
#else
        uint32_t turn[8];
        uint32_t i;
        for (i = 0; i < 8U; i++) {
            const uint32_t on = (x[k] >> i) & 0x01010101U;
            turn[i] = (on << 8) - on;
        }
        for (row = 0; row < l->rows; row++) {
            uint32_t pairs = 0;
            for (i = 0; i < 8U; i++) {
                const uint32_t u = turn[i] ^ w[i];
                pairs += (u & 0x00FF00FFU) + ((u >> 8) & 0x00FF00FFU);
            }
            y[row] += (int32_t)((pairs & 0xFFFFU) + (pairs >> 16));
            w += 8;
        }
#endif
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
