/* int8 dense and convolution for cores with products of 16 bits and little room for code.
 *
 * Two rows of weights share each 16-bit number h = 256 * second + first, as in sa_nn_int8.h:
 *     sum(x * h)                           = 256 * B + A
 *     sum(x * sign-extended low byte of h) = A
 * Both products are of 16 bits. Modulo 2^32 this is exact while |B| < 2^23: for at most 512 inputs. Rows come
 * in pairs, inputs in their order, groups of 4 of them filled with zeros. One loop does for all layers; no
 * number is multiplied for a place in memory, which would take a product of 32 bits. */
#ifndef SA_NN_INT8_ISPU_H
#define SA_NN_INT8_ISPU_H

#include "sa_nn.h"

/* The barrier keeps the compiler from loading ahead what has no register. */
#define SA_NN_ISPU_TWO(k)                                     \
    do {                                                      \
        const int16_t h_ = w[k];                              \
        const int8_t v_ = x[k];                               \
        m += (uint32_t)(v_ * h_);                             \
        a += (uint32_t)(v_ * (int8_t)h_);                     \
        __asm__ volatile("" : "+r"(m), "+r"(a) : : "memory"); \
    } while (0)

/* best[0..1] = the larger of it and the sums of 2 rows over 4 * groups inputs */
SA_NN_FUNCTION __attribute__((noinline)) void sa_nn_ispu_pair(const int8_t *x, const int16_t *w, uint32_t groups,
                                                              int32_t *best)
{
    const int8_t *const end = x + 4U * groups;
    uint32_t m = 0, a = 0;
    int32_t second;

    do {
        SA_NN_ISPU_TWO(0);
        SA_NN_ISPU_TWO(1);
        SA_NN_ISPU_TWO(2);
        SA_NN_ISPU_TWO(3);
        w += 4;
        x += 4;
    } while (x != end);
    second = (int32_t)(m - a) >> 8;
    best[0] = (int32_t)a > best[0] ? (int32_t)a : best[0];
    best[1] = second > best[1] ? second : best[1];
}

/* Without shifts sums leave as they are. */
SA_NN_INLINE void sa_nn_ispu_layer(const sa_nn_layer_t *l, const int8_t *x, void *out, int multiplied)
{
    int8_t *y = (int8_t *)out;
    uint32_t step;

    for (step = l->steps; step > 0U; step--) {
        const int16_t *w = (const int16_t *)l->weights;
        const int8_t *next;
        uint32_t row = 0;

        do {
            int32_t best[2] = {INT32_MIN, INT32_MIN};
            uint32_t left = l->pool, i;

            next = x;
            do {
                sa_nn_ispu_pair(next, w, l->groups, best);
                next += l->stride;
                /* the compiler would else multiply to know where this ends */
                __asm__ volatile("" : "+r"(next));
            } while (--left > 0U);
            w += 4U * l->groups;
            for (i = 0; i < 2U && row < l->rows; i++) {
                int32_t v = best[i] + l->bias[row];
                if (!multiplied && l->shift == 0) {
                    *(sa_nn_int_t *)(void *)y = v;
                    y += 4;
                } else {
                    v = multiplied ? sa_nn_multiply_round(v, l->multiplier[row], l->shift[row])
                                   : v >> l->shift[row];
                    v = v < l->low ? l->low : v;
                    *y++ = (int8_t)(v > l->high ? l->high : v);
                }
                row++;
            }
        } while (row < l->rows);
        x = next;
    }
}

#undef SA_NN_ISPU_TWO

SA_NN_FUNCTION __attribute__((noinline)) void sa_nn_int8_ispu(const sa_nn_layer_t *l, const int8_t *x, void *y)
{
    sa_nn_ispu_layer(l, x, y, 0);
}

SA_NN_FUNCTION __attribute__((noinline)) void sa_nn_int8_ispu_multiplier(const sa_nn_layer_t *l, const int8_t *x,
                                                                         void *y)
{
    sa_nn_ispu_layer(l, x, y, 1);
}

#endif
