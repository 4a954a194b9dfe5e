/* Sums of integer products on their way out: scaled, rounded, moved by the zero point, clamped, stored. */
#ifndef SA_ND_EXIT_H
#define SA_ND_EXIT_H

#include "sa_nd_fixed.h"

/* How sums are scaled. */
#define SA_ND_KEEP 0  /* not at all: int32 sums come out */
#define SA_ND_TWICE 1 /* as TensorFlow Lite Micro does for sums of 32 bits: rounded twice */
#define SA_ND_WIDE 2  /* as it does for sums of 64 bits: a multiplier of 16 bits, rounded once */
#define SA_ND_EVEN 3  /* exact product, to nearest, ties to even; of sums of 64 bits below 2^62 */

/* Types of what comes out. */
#define SA_ND_I8 0
#define SA_ND_U8 1
#define SA_ND_I16 2
#define SA_ND_I32 3

typedef struct {
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t each; /* 1: every channel has its own multiplier and shift */
    int32_t rounding;
    int32_t kind;
    int32_t zero;
    int32_t lo; /* less zero */
    int32_t hi;
} sa_nd_exit_t;

/* of a product below 2^62 */
SA_ND_INLINE int32_t sa_nd_even_shift(int64_t product, int32_t shift)
{
    const int32_t right = 31 - shift;
    const int64_t floor = product >> right;
    const uint64_t rest = (uint64_t)product & (((uint64_t)1 << right) - 1U);
    const uint64_t half = (uint64_t)1 << (right - 1);
    const int64_t up = rest > half || (rest == half && (floor & 1) != 0) ? 1 : 0;
    const int64_t y = floor + up;

    return y > INT32_MAX ? INT32_MAX : (y < INT32_MIN ? INT32_MIN : (int32_t)y);
}

SA_ND_INLINE int32_t sa_nd_even(int32_t x, int32_t multiplier, int32_t shift)
{
    return sa_nd_even_shift((int64_t)x * multiplier, shift);
}

SA_ND_INLINE void sa_nd_store(void *y, int32_t at, int32_t v, int32_t kind)
{
    if (kind == SA_ND_I8) {
        ((int8_t *)y)[at] = (int8_t)v;
    } else if (kind == SA_ND_U8) {
        ((uint8_t *)y)[at] = (uint8_t)v;
    } else if (kind == SA_ND_I16) {
        ((sa_nd_i16 *)y)[at] = (int16_t)v;
    } else {
        ((sa_nd_i32 *)y)[at] = v;
    }
}

SA_ND_INLINE void sa_nd_leave(const sa_nd_exit_t *e, void *y, int32_t at, int32_t channel, uint32_t sum)
{
    const int32_t c = channel * e->each;
    int32_t v = (int32_t)sum;

    if (e->rounding != SA_ND_KEEP) {
        const int32_t multiplier = e->multiplier[c], shift = e->shift[c];
        if (e->rounding == SA_ND_TWICE) {
            v = sa_nd_multiply(v, multiplier, shift);
        } else if (e->rounding == SA_ND_WIDE) {
            v = sa_nd_multiply_wide(v, multiplier, shift);
        } else {
            v = sa_nd_even(v, multiplier, shift);
        }
        v = sa_nd_clamp(v, e->lo, e->hi) + e->zero;
    }
    sa_nd_store(y, at, v, e->kind);
}

SA_ND_INLINE void sa_nd_leave_wide(const sa_nd_exit_t *e, void *y, int32_t at, int32_t channel, int64_t sum)
{
    const int32_t c = channel * e->each, shift = e->shift[c];
    const int64_t product = sum * e->multiplier[c];
    const int32_t v = e->rounding == SA_ND_EVEN ? sa_nd_even_shift(product, shift)
                                                : sa_nd_multiply_wide(sum, e->multiplier[c], shift);

    sa_nd_store(y, at, sa_nd_clamp(v, e->lo, e->hi) + e->zero, e->kind);
}

#endif
