/* int8 dense and convolution.
 *
 * Two rows of weights share each 16-bit number h = 256 * second + first. With x an input,
 *     sum(x * h)               = 256 * B + A
 *     sum(x * sign-extended low byte of h) = A
 * so two multiply-accumulates give both rows, and no weight is unpacked but the low bytes: with SMLAD, four
 * products cost one load, one SXTB16 and two SMLAD. Modulo 2^32 this is exact while |B| < 2^23; sums are taken
 * over at most 512 inputs (512 * 127 * 128 < 2^23) and added up in int32 beyond that.
 *
 * Rows come in blocks of 8 (4 pairs), then of 2. Inputs come in groups of 4 in the order 0 2 1 3, which is
 * how SXTB16 splits a word of inputs. A block is [group][inputs 0 2, then 1 3][pair][2 inputs].
 */
#ifndef SA_NN_INT8_H
#define SA_NN_INT8_H

#include "sa_nn.h"

#define SA_NN_CHUNK 128U /* groups whose sums are surely exact */

#if SA_NN_DSP
SA_NN_INLINE int32_t sa_nn_load(const void *from)
{
    int32_t word;
    __builtin_memcpy(&word, from, 4);
    return word;
}

SA_NN_INLINE int32_t sa_nn_pairs(const int16_t *w)
{
    return sa_nn_load(__builtin_assume_aligned(w, 4));
}

/* Two products of each of four rows. The barrier keeps the compiler from loading weights further ahead: beside
 * eight sums there are two registers for them. */
#define SA_NN_FOUR_ROWS(from, m, a, mm, aa)                  \
    do {                                                     \
        const int32_t h_ = sa_nn_pairs(from);                \
        const int32_t k_ = sa_nn_pairs((from) + 2);          \
        (m) = __smlad(h_, e, (m));                           \
        (a) = __smlad(__sxtb16(h_), e, (a));                 \
        (mm) = __smlad(k_, e, (mm));                         \
        (aa) = __smlad(__sxtb16(k_), e, (aa));               \
        __asm__ volatile("" : : : "memory");                 \
    } while (0)

/* Add 8 rows times 4 * groups inputs to m0..m3 and a0..a3, groups <= SA_NN_CHUNK. */
#define SA_NN_EIGHT_ROWS(x, w, groups)                             \
    do {                                                           \
        const int8_t *const end_ = (x) + 4U * (groups);            \
        do {                                                       \
            const int32_t v_ = sa_nn_load(x);                      \
            int32_t e = __sxtb16(v_);                              \
            SA_NN_FOUR_ROWS(w, m0, a0, m1, a1);                    \
            SA_NN_FOUR_ROWS((w) + 4, m2, a2, m3, a3);              \
            e = __sxtb16((int32_t)((uint32_t)v_ >> 8));            \
            SA_NN_FOUR_ROWS((w) + 8, m0, a0, m1, a1);              \
            SA_NN_FOUR_ROWS((w) + 12, m2, a2, m3, a3);             \
            (x) += 4;                                              \
            (w) += 16;                                             \
        } while ((x) != end_);                                     \
    } while (0)

/* acc[0..7] = 8 rows times 4 * groups inputs */
SA_NN_FUNCTION __attribute__((noinline)) void sa_nn_dot8(const int8_t *x, const int16_t *w, uint32_t groups,
                                                         int32_t *acc)
{
    int32_t m0 = 0, m1 = 0, m2 = 0, m3 = 0;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;

    SA_NN_EIGHT_ROWS(x, w, groups);
    acc[0] = a0;
    acc[1] = (int32_t)((uint32_t)m0 - (uint32_t)a0) >> 8;
    acc[2] = a1;
    acc[3] = (int32_t)((uint32_t)m1 - (uint32_t)a1) >> 8;
    acc[4] = a2;
    acc[5] = (int32_t)((uint32_t)m2 - (uint32_t)a2) >> 8;
    acc[6] = a3;
    acc[7] = (int32_t)((uint32_t)m3 - (uint32_t)a3) >> 8;
}

/* Bit i: whether row i is negative, sums starting at start[0..7]: a first row as it is, a second one as
 * 256 * second + first. */
SA_NN_FUNCTION uint32_t sa_nn_signs8(const int8_t *x, const int16_t *w, uint32_t groups, const int32_t *start)
{
    int32_t a0 = start[0], a1 = start[2], a2 = start[4], a3 = start[6];
    int32_t m0 = start[1], m1 = start[3], m2 = start[5], m3 = start[7];
    uint32_t signs;

    SA_NN_EIGHT_ROWS(x, w, groups);
    signs = ((uint32_t)m3 - (uint32_t)a3) >> 31;
    signs = signs << 1 | (uint32_t)a3 >> 31;
    signs = signs << 1 | ((uint32_t)m2 - (uint32_t)a2) >> 31;
    signs = signs << 1 | (uint32_t)a2 >> 31;
    signs = signs << 1 | ((uint32_t)m1 - (uint32_t)a1) >> 31;
    signs = signs << 1 | (uint32_t)a1 >> 31;
    signs = signs << 1 | ((uint32_t)m0 - (uint32_t)a0) >> 31;
    return signs << 1 | (uint32_t)a0 >> 31;
}

/* Add 2 rows times 4 * groups inputs, groups <= SA_NN_CHUNK, to m and a. */
SA_NN_INLINE void sa_nn_two_rows(const int8_t *x, const int16_t *w, uint32_t groups, int32_t *m, int32_t *a)
{
    const int8_t *const end = x + 4U * groups;

    do {
        const int32_t v = sa_nn_load(x);
        const int32_t e = __sxtb16(v);
        const int32_t o = __sxtb16((int32_t)((uint32_t)v >> 8));
        const int32_t h = sa_nn_pairs(w);
        const int32_t k = sa_nn_pairs(w + 2);
        *m = __smlad(k, o, __smlad(h, e, *m));
        *a = __smlad(__sxtb16(k), o, __smlad(__sxtb16(h), e, *a));
        x += 4;
        w += 4;
    } while (x != end);
}

/* acc[0..1] = 2 rows times 4 * groups inputs */
SA_NN_FUNCTION void sa_nn_dot2(const int8_t *x, const int16_t *w, uint32_t groups, int32_t *acc)
{
    int32_t m = 0, a = 0;

    sa_nn_two_rows(x, w, groups, &m, &a);
    acc[0] = a;
    acc[1] = (int32_t)((uint32_t)m - (uint32_t)a) >> 8;
}

SA_NN_FUNCTION uint32_t sa_nn_signs2(const int8_t *x, const int16_t *w, uint32_t groups, const int32_t *start)
{
    int32_t a = start[0], m = start[1];

    sa_nn_two_rows(x, w, groups, &m, &a);
    return ((uint32_t)m - (uint32_t)a) >> 31 << 1 | (uint32_t)a >> 31;
}
#else
/* One input times two rows. The barrier keeps the compiler from loading ahead what has no register, and from
 * adding up the products before they go into the sums. */
#define SA_NN_TWO_ROWS(input, weight)            \
    do {                                         \
        const int32_t v_ = (input);              \
        const int32_t h_ = (weight);             \
        m += (uint32_t)(v_ * h_);                \
        a += (uint32_t)(v_ * (int8_t)h_);        \
        __asm__ volatile("" : "+r"(m), "+r"(a) : : "memory"); \
    } while (0)

/* sum[0], sum[1]: add 2 rows times 4 * groups inputs, the second as 256 * second + first; the block holds
 * `pairs` pairs of rows */
SA_NN_INLINE void sa_nn_two_rows(const int8_t *x, const int16_t *w, uint32_t groups, uint32_t pairs,
                                 uint32_t *sum)
{
    uint32_t a = sum[0], m = sum[1];
    const int8_t *const end = x + 4U * groups;

    do {
        SA_NN_TWO_ROWS(x[0], w[0]);
        SA_NN_TWO_ROWS(x[2], w[1]);
        SA_NN_TWO_ROWS(x[1], w[2U * pairs]);
        SA_NN_TWO_ROWS(x[3], w[2U * pairs + 1U]);
        w += 4U * pairs;
        x += 4;
    } while (x != end);
    sum[0] = a;
    sum[1] = m;
}

SA_NN_INLINE void sa_nn_pair(const int8_t *x, const int16_t *w, uint32_t groups, uint32_t pairs, int32_t *acc)
{
    uint32_t sum[2] = {0, 0};

    sa_nn_two_rows(x, w, groups, pairs, sum);
    acc[0] = (int32_t)sum[0];
    acc[1] = (int32_t)(sum[1] - sum[0]) >> 8;
}

/* Signs of n rows, as with DSP instructions. */
SA_NN_INLINE uint32_t sa_nn_sign_pairs(const int8_t *x, const int16_t *w, uint32_t groups, uint32_t n,
                                       const int32_t *start)
{
    uint32_t signs = 0;
    uint32_t i;

    for (i = 0; i < n; i += 2U) {
        uint32_t sum[2];
        sum[0] = (uint32_t)start[i];
        sum[1] = (uint32_t)start[i + 1U];
        sa_nn_two_rows(x, w, groups, n >> 1, sum);
        signs |= (sum[0] >> 31 | (sum[1] - sum[0]) >> 31 << 1) << i;
        w += 2;
    }
    return signs;
}

SA_NN_FUNCTION uint32_t sa_nn_signs8(const int8_t *x, const int16_t *w, uint32_t groups, const int32_t *start)
{
    return sa_nn_sign_pairs(x, w, groups, 8, start);
}

SA_NN_FUNCTION uint32_t sa_nn_signs2(const int8_t *x, const int16_t *w, uint32_t groups, const int32_t *start)
{
    return sa_nn_sign_pairs(x, w, groups, 2, start);
}

SA_NN_FUNCTION __attribute__((noinline)) void sa_nn_dot8(const int8_t *x, const int16_t *w, uint32_t groups,
                                                         int32_t *acc)
{
    const int32_t *const end = acc + 8;

    do {
        sa_nn_pair(x, w, groups, 4, acc);
        w += 2;
        acc += 2;
    } while (acc != end);
}

SA_NN_FUNCTION void sa_nn_dot2(const int8_t *x, const int16_t *w, uint32_t groups, int32_t *acc)
{
    sa_nn_pair(x, w, groups, 1, acc);
}
#endif

/* Sums of n = 8 or 2 rows over all groups, without bias. */
SA_NN_INLINE void sa_nn_dot(const int8_t *x, const int16_t *w, uint32_t groups, uint32_t n, int32_t *acc)
{
    if (n == 8U) {
        sa_nn_dot8(x, w, groups, acc);
    } else {
        sa_nn_dot2(x, w, groups, acc);
    }
}

SA_NN_INLINE uint32_t sa_nn_signs(const int8_t *x, const int16_t *w, uint32_t groups, uint32_t n,
                                  const int32_t *start)
{
    return n == 8U ? sa_nn_signs8(x, w, groups, start) : sa_nn_signs2(x, w, groups, start);
}

/* Sums for rows of any length: in chunks whose sums are surely exact. */
SA_NN_INLINE void sa_nn_long_dot(const int8_t *x, const int16_t *w, uint32_t groups, uint32_t n, int32_t *acc)
{
    uint32_t now = SA_NN_CHUNK;

    sa_nn_dot(x, w, now, n, acc);
    while (groups > now) {
        int32_t more[8];
        uint32_t i;
        x += 4U * now;
        w += 2U * n * now;
        groups -= now;
        now = groups < SA_NN_CHUNK ? groups : SA_NN_CHUNK;
        sa_nn_dot(x, w, now, n, more);
        for (i = 0; i < n; i++) {
            acc[i] += more[i];
        }
    }
}

SA_NN_INLINE void sa_nn_block(const int8_t *x, const int16_t *w, uint32_t groups, uint32_t n, int32_t *acc,
                              int many)
{
    if (many) {
        sa_nn_long_dot(x, w, groups, n, acc);
    } else {
        sa_nn_dot(x, w, groups, n, acc);
    }
}

#if defined(__GNUC__) && !defined(__clang__)
/* at -O3 GCC does not see that stop - row is at most n, which is what sa_nn_block writes of best; zeroing best
   takes up to a tenth more instructions */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/* many: rows of more than 4 * SA_NN_CHUNK inputs */
SA_NN_INLINE void sa_nn_int8_layer(const sa_nn_layer_t *layer, const int8_t *x, void *out, int kind,
                                    int many)
{
    /* a copy: the compiler need not think that storing results changes it */
    const sa_nn_layer_t l = *layer;
    uint8_t *y = (uint8_t *)out;
    uint32_t step;

    for (step = l.steps; step > 0U; step--) {
        const int16_t *w = (const int16_t *)l.weights;
        uint32_t row = 0;

        while (row < l.rows) {
            const uint32_t left = l.rows - row;
            const uint32_t n = left >= 8U ? 8U : 2U;
            const uint32_t stop = row + (n < left ? n : left);
            const int32_t *sum;
            int32_t best[8];
            uint32_t p;

            sa_nn_block(x, w, l.groups, n, best, many);
            for (p = 1; p < l.pool; p++) {
                int32_t acc[8];
                uint32_t i;
                sa_nn_block(x + p * l.stride, w, l.groups, n, acc, many);
                for (i = 0; i < n; i++) {
                    best[i] = acc[i] > best[i] ? acc[i] : best[i];
                }
            }
            for (sum = best; row < stop; row++) {
                sa_nn_put(&l, kind, y, row, *sum++ + l.bias[row]);
            }
            w += 2U * n * l.groups;
        }
        x += (uint32_t)l.stride * l.pool;
        y += sa_nn_step_bytes(&l, kind);
    }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

SA_NN_FUNCTION void sa_nn_int8_shift(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_SHIFT, 0);
}

SA_NN_FUNCTION void sa_nn_int8_relu(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_RELU, 0);
}

SA_NN_FUNCTION void sa_nn_int8_full(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_FULL, 0);
}

SA_NN_FUNCTION void sa_nn_int8_multiplier(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_MULTIPLIER, 0);
}

SA_NN_FUNCTION void sa_nn_int8_scores(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_SCORES, 0);
}

SA_NN_FUNCTION void sa_nn_int8_bits(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_BITS, 0);
}

/* Binary output where sums stay below 2^22: multiplier holds what the sums of each block start from, so that
 * their signs are the answers turned over, and flip turns them back. */
SA_NN_FUNCTION void sa_nn_int8_signs(const sa_nn_layer_t *l, const int8_t *x, void *out)
{
    sa_nn_word_t *y = (sa_nn_word_t *)out;
    uint32_t step;

    for (step = l->steps; step > 0U; step--) {
        const int16_t *w = (const int16_t *)l->weights;
        const int32_t *start = l->multiplier;
        const uint32_t *flip = l->flip;
        uint32_t left = l->rows;

        while (left > 0U) {
            uint32_t word = 0;
            uint32_t at = 0;
            do {
                const uint32_t n = left >= 8U ? 8U : 2U;
                uint32_t signs = sa_nn_signs(x, w, l->groups, n, start);
                uint32_t p;
                for (p = 1; p < l->pool; p++) {
                    signs &= sa_nn_signs(x + p * l->stride, w, l->groups, n, start);
                }
                word |= signs << at;
                at += n;
                start += n;
                w += 2U * n * l->groups;
                left -= n < left ? n : left;
            } while (at < 32U && left > 0U);
            *y++ = word ^ *flip++;
        }
        x += (uint32_t)l->stride * l->pool;
    }
}

SA_NN_FUNCTION void sa_nn_int8_long_shift(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_SHIFT, 1);
}

SA_NN_FUNCTION void sa_nn_int8_long_relu(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_RELU, 1);
}

SA_NN_FUNCTION void sa_nn_int8_long_full(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_FULL, 1);
}

SA_NN_FUNCTION void sa_nn_int8_long_multiplier(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_MULTIPLIER, 1);
}

SA_NN_FUNCTION void sa_nn_int8_long_scores(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_SCORES, 1);
}

SA_NN_FUNCTION void sa_nn_int8_long_bits(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_int8_layer(l, x, y, SA_NN_BITS, 1);
}

#endif
