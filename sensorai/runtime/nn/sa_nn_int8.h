/* int8 dense and convolution.
 *
 * Two rows of weights share each 16-bit number h = 256 * second + first. With x an input,
 *     sum(x * h)               = 256 * B + A
 *     sum(x * sign-extended low byte of h) = A
 * so two multiply-accumulates give both rows, and no weight is unpacked but the low bytes: with SMLAD, four
 * products cost half a load (two words come at once), one SXTB16 and two SMLAD. Modulo 2^32 this is exact while
 * |B| < 2^23; where sums can reach that, they are taken over at most 512 inputs (512 * 127 * 128 < 2^23) and added
 * up in int32. The kernels that end in bytes by a shift start from the biases, so theirs count too.
 *
 * Rows come in blocks of 8 (4 pairs), then of 2. Inputs come in groups of 4 in the order 0 2 1 3, which is
 * how SXTB16 splits a word of inputs. A block is [group][inputs 0 2, then 1 3][pair][2 inputs].
 */
#ifndef SA_NN_INT8_H
#define SA_NN_INT8_H

#include "sa_nn.h"

#define SA_NN_CHUNK 128U /* groups whose sums are surely exact */

/* Loops that need every register are written whole; without optimisation a frame pointer would take one.
 * -DSA_NN_INT8_DSP=0 takes the plain loops instead, for builds that keep a frame pointer. */
#ifndef SA_NN_INT8_DSP
#if SA_NN_DSP && defined(__thumb2__) && defined(__OPTIMIZE__)
#define SA_NN_INT8_DSP 1
#else
#define SA_NN_INT8_DSP 0
#endif
#endif

#if SA_NN_INT8_DSP
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

/* Two inputs, spread in r12, times four rows: one load for both words of weights. */
#define SA_NN_FOUR_ROWS(a, m, aa, mm)      \
    "ldmia r1!, {r2, r3}\n"                \
    "smlad " m ", r2, r12, " m "\n"        \
    "sxtb16 r2, r2\n"                      \
    "smlad " mm ", r3, r12, " mm "\n"      \
    "sxtb16 r3, r3\n"                      \
    "smlad " a ", r2, r12, " a "\n"        \
    "smlad " aa ", r3, r12, " aa "\n"
#define SA_NN_EIGHT_ROWS SA_NN_FOUR_ROWS("r4", "r5", "r6", "r7") SA_NN_FOUR_ROWS("r8", "r9", "r10", "r11")
/* A group of inputs at r0 times a block of 8 rows at r1. */
#define SA_NN_GROUP                            \
    "ldr lr, [r0], #4\n"                       \
    "sxtb16 r12, lr\n" SA_NN_EIGHT_ROWS        \
    "sxtb16 r12, lr, ror #8\n" SA_NN_EIGHT_ROWS

/* All groups of a block, one a turn. */
#define SA_NN_GROUPS          \
    "1:\n" SA_NN_GROUP        \
    "ldr r2, %[end]\n"        \
    "cmp r0, r2\n"            \
    "bne 1b\n"
#define SA_NN_SECOND(m, a)         \
    "sub " m ", " m ", " a "\n"    \
    "asrs " m ", " m ", #8\n"
#define SA_NN_SIGN(sum)            \
    "lsls " sum ", " sum ", #1\n"  \
    "adcs r2, r2, r2\n"
#define SA_NN_SIGNS(a, m) "sub " m ", " m ", " a "\n" SA_NN_SIGN(m) SA_NN_SIGN(a)

/* acc[0..7] = 8 rows times 4 * groups inputs */
SA_NN_FUNCTION __attribute__((noinline)) void sa_nn_dot8(const int8_t *x, const int16_t *w, uint32_t groups,
                                                         int32_t *acc)
{
    register const int8_t *from __asm__("r0") = x;
    register const int16_t *weights __asm__("r1") = w;
    register int32_t *to __asm__("r2") = acc;
    const int8_t *const end = x + 4U * groups;
    int32_t *kept;

    __asm__ volatile("str r2, %[kept]\n"
                     "movs r4, #0\n"
                     "movs r5, #0\n"
                     "movs r6, #0\n"
                     "movs r7, #0\n"
                     "mov r8, r4\n"
                     "mov r9, r4\n"
                     "mov r10, r4\n"
                     "mov r11, r4\n" SA_NN_GROUPS
                     SA_NN_SECOND("r5", "r4") SA_NN_SECOND("r7", "r6")
                     SA_NN_SECOND("r9", "r8") SA_NN_SECOND("r11", "r10")
                     "ldr r2, %[kept]\n"
                     "stmia r2, {r4-r11}\n"
                     : "+r"(from), "+r"(weights), "+r"(to), [kept] "=&m"(kept)
                     : [end] "m"(end)
                     : "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

/* Bit i: whether row i is negative, sums starting at start[0..7]: a first row as it is, a second one as
 * 256 * second + first. */
SA_NN_FUNCTION uint32_t sa_nn_signs8(const int8_t *x, const int16_t *w, uint32_t groups, const int32_t *start)
{
    register const int8_t *from __asm__("r0") = x;
    register const int16_t *weights __asm__("r1") = w;
    register const void *signs __asm__("r2") = start;
    const int8_t *const end = x + 4U * groups;

    __asm__ volatile("ldmia r2, {r4-r11}\n" SA_NN_GROUPS
                     "movs r2, #0\n"
                     SA_NN_SIGNS("r10", "r11") SA_NN_SIGNS("r8", "r9")
                     SA_NN_SIGNS("r6", "r7") SA_NN_SIGNS("r4", "r5")
                     : "+r"(from), "+r"(weights), "+r"(signs)
                     : [end] "m"(end)
                     : "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    return (uint32_t)(uintptr_t)signs;
}

/* Sums of four rows, shifts of theirs in r2, to bytes of the first register. A second row of a pair is what its
 * sum has beyond the first one's, and 256 times as large. */
#define SA_NN_FOUR_BYTES(CLAMP, a, m, aa, mm)  \
    "add r2, r2, #0x08000800\n"                \
    "sub " m ", " m ", " a "\n"                \
    "sub " mm ", " mm ", " aa "\n"             \
    "asrs " a ", " a ", r2\n"                  \
    "lsrs r2, r2, #8\n"                        \
    "asrs " m ", " m ", r2\n"                  \
    "lsrs r2, r2, #8\n"                        \
    "asrs " aa ", " aa ", r2\n"                \
    "lsrs r2, r2, #8\n"                        \
    "asrs " mm ", " mm ", r2\n"                \
    CLAMP(a) CLAMP(m) CLAMP(aa) CLAMP(mm)      \
    "bfi " a ", " m ", #8, #8\n"               \
    "bfi " a ", " aa ", #16, #8\n"             \
    "bfi " a ", " mm ", #24, #8\n"
#define SA_NN_CLAMP_RELU(q) "usat " q ", #7, " q "\n"
#define SA_NN_CLAMP_FULL(q) "ssat " q ", #8, " q "\n"

/* The blocks of 8 rows, of which there is one at least, two groups of inputs a turn. Sums start from the biases and
 * stay below 2^23. Of places that are pooled the later ones leave what is larger than what is there. */
#define SA_NN_BLOCKS(name, CLAMP)                                                                                     \
SA_NN_FUNCTION __attribute__((noinline)) void name(const sa_nn_layer_t *l, const int8_t *x, int8_t *y)                \
{                                                                                                                     \
    const int32_t eights = l->rows & ~7;                                                                              \
    const uint32_t odd = l->groups & 1U;                                                                              \
    uint32_t step = l->steps;                                                                                         \
                                                                                                                      \
    do {                                                                                                              \
        uint32_t p = 0;                                                                                               \
        do {                                                                                                          \
            register const void *w __asm__("r1") = l->weights;                                                        \
            const int8_t *const end = x + 4U * l->groups, *const stop = y + eights;                                   \
            const int32_t *bias = l->bias;                                                                            \
            const uint8_t *shift = l->shift;                                                                          \
            __asm__ volatile("1:\n"                                                                                   \
                             "ldr r2, %[bias]\n"                                                                      \
                             "ldr r0, %[x]\n"                                                                         \
                             "ldmia r2!, {r4-r11}\n"                                                                  \
                             "str r2, %[bias]\n"                                                                      \
                             "ldr r2, %[odd]\n"                                                                       \
                             "add r5, r4, r5, lsl #8\n"                                                               \
                             "add r7, r6, r7, lsl #8\n"                                                               \
                             "add r9, r8, r9, lsl #8\n"                                                               \
                             "add r11, r10, r11, lsl #8\n"                                                            \
                             "cbnz r2, 3f\n"                                                                          \
                             "2:\n" SA_NN_GROUP                                                                       \
                             "3:\n" SA_NN_GROUP                                                                       \
                             "ldr r2, %[end]\n"                                                                       \
                             "cmp r0, r2\n"                                                                           \
                             "bne 2b\n"                                                                               \
                             "ldr r0, %[y]\n"                                                                         \
                             "ldr r3, %[shift]\n"                                                                     \
                             "ldr r2, [r3], #4\n"                                                                     \
                             SA_NN_FOUR_BYTES(CLAMP, "r4", "r5", "r6", "r7")                                          \
                             "ldr r2, [r3], #4\n"                                                                     \
                             SA_NN_FOUR_BYTES(CLAMP, "r8", "r9", "r10", "r11")                                        \
                             "str r3, %[shift]\n"                                                                     \
                             "ldr r2, %[p]\n"                                                                         \
                             "cbz r2, 4f\n"                                                                           \
                             "ldr r2, [r0]\n"                                                                         \
                             "ldr r3, [r0, #4]\n"                                                                     \
                             "ssub8 r12, r4, r2\n"                                                                    \
                             "sel r4, r4, r2\n"                                                                       \
                             "ssub8 r12, r8, r3\n"                                                                    \
                             "sel r8, r8, r3\n"                                                                       \
                             "4:\n"                                                                                   \
                             "str r4, [r0], #4\n"                                                                     \
                             "str r8, [r0], #4\n"                                                                     \
                             "str r0, %[y]\n"                                                                         \
                             "ldr r2, %[stop]\n"                                                                      \
                             "cmp r0, r2\n"                                                                           \
                             "bne 1b\n"                                                                               \
                             : "+r"(w), [bias] "+m"(bias), [shift] "+m"(shift), [y] "+m"(y)                           \
                             : [x] "m"(x), [end] "m"(end), [odd] "m"(odd), [p] "m"(p), [stop] "m"(stop)               \
                             : "r0", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr",       \
                               "cc", "memory");                                                                       \
            y -= eights;                                                                                              \
            x += l->stride;                                                                                           \
            p++;                                                                                                      \
        } while (p < l->pool);                                                                                        \
        y += l->rows;                                                                                                 \
        step--;                                                                                                       \
    } while (step > 0U);                                                                                              \
}
SA_NN_BLOCKS(sa_nn_blocks_relu, SA_NN_CLAMP_RELU)
SA_NN_BLOCKS(sa_nn_blocks_full, SA_NN_CLAMP_FULL)
#undef SA_NN_BLOCKS
#undef SA_NN_CLAMP_FULL
#undef SA_NN_CLAMP_RELU
#undef SA_NN_FOUR_BYTES
#undef SA_NN_SIGNS
#undef SA_NN_SIGN
#undef SA_NN_SECOND
#undef SA_NN_GROUPS
#undef SA_NN_GROUP
#undef SA_NN_EIGHT_ROWS
#undef SA_NN_FOUR_ROWS

/* Add 2 rows times 4 * groups inputs, groups <= SA_NN_CHUNK, to m and a. */
SA_NN_INLINE void sa_nn_two_rows(const int8_t *x, const int16_t *w, uint32_t groups, int32_t *m, int32_t *a)
{
    const int8_t *const end = x + 4U * groups;

    do {
        const int32_t v = sa_nn_load(x);
        const int32_t e = __sxtb16(v);
        const int32_t h = sa_nn_pairs(w);
        const int32_t k = sa_nn_pairs(w + 2);
        int32_t o;
        __asm__("sxtb16 %0, %1, ror #8" : "=r"(o) : "r"(v));
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

/* Rows behind the blocks of 8, by twos, else as those. */
SA_NN_INLINE void sa_nn_rest(const sa_nn_layer_t *l, const int8_t *x, int8_t *y, int32_t low)
{
    uint32_t row;

    for (row = l->rows & ~7U; row < l->rows; row += 2U) {
        const int16_t *const w = (const int16_t *)l->weights + 2U * row * l->groups;
        const uint32_t n = row + 1U < l->rows ? 2U : 1U;
        const int8_t *from = x;
        int8_t *to = y + row;
        uint32_t step, p, i;

        for (step = l->steps; step > 0U; step--) {
            for (p = 0; p < l->pool; p++) {
                int32_t acc[2];
                sa_nn_dot2(from, w, l->groups, acc);
                from += l->stride;
                for (i = 0; i < n; i++) {
                    int32_t q = (acc[i] + l->bias[row + i]) >> l->shift[row + i];
                    q = q < low ? low : q;
                    q = q > 127 ? 127 : q;
                    to[i] = (p == 0U || q > to[i]) ? (int8_t)q : to[i];
                }
            }
            to += l->rows;
        }
    }
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
    uint32_t now = groups < SA_NN_CHUNK ? groups : SA_NN_CHUNK;

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

/* many: sums are taken in parts */
SA_NN_INLINE void sa_nn_int8_layer(const sa_nn_layer_t *layer, const int8_t *x, void *out, int kind, int many)
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
#if SA_NN_INT8_DSP
    if (l->rows >= 8U) {
        sa_nn_blocks_relu(l, x, (int8_t *)y);
    }
    sa_nn_rest(l, x, (int8_t *)y, 0);
#else
    sa_nn_int8_layer(l, x, y, SA_NN_RELU, 0);
#endif
}

SA_NN_FUNCTION void sa_nn_int8_eights_relu(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
#if SA_NN_INT8_DSP
    sa_nn_blocks_relu(l, x, (int8_t *)y);
#else
    sa_nn_int8_relu(l, x, y);
#endif
}

SA_NN_FUNCTION void sa_nn_int8_full(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
#if SA_NN_INT8_DSP
    if (l->rows >= 8U) {
        sa_nn_blocks_full(l, x, (int8_t *)y);
    }
    sa_nn_rest(l, x, (int8_t *)y, -128);
#else
    sa_nn_int8_layer(l, x, y, SA_NN_FULL, 0);
#endif
}

SA_NN_FUNCTION void sa_nn_int8_eights_full(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
#if SA_NN_INT8_DSP
    sa_nn_blocks_full(l, x, (int8_t *)y);
#else
    sa_nn_int8_full(l, x, y);
#endif
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
