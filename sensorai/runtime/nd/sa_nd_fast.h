/* What the faster kernels of int8 sums share: their description, and how a sum leaves. A sum is int32 and less
 * than 2^30 in size, whatever the input; its factor is below one: then the two roundings of TensorFlow Lite
 * Micro, and one to even, are a few instructions each. */
#ifndef SA_ND_FAST_H
#define SA_ND_FAST_H

#include "sa_nd_exit.h"

typedef struct {
    const int32_t *multiplier;
    const uint8_t *shift; /* to the right, 1 to 22 */
    int32_t row; /* weights of an output, zeros at the end */
    uint8_t stride[2];
    uint8_t down; /* rows of the input between rows of the kernel */
    int8_t each;  /* 1: every output has its own multiplier and shift */
    int8_t zero;  /* what margins hold */
    int8_t out_zero;
    int8_t lo;
    int8_t hi;
    uint16_t in[2]; /* height, width */
    uint16_t out[2];
    uint16_t kernel[2];
    int16_t before[2]; /* below zero where the first rows are not those that a kernel begins with */
    uint16_t batch;
    uint16_t channels; /* of the input */
    uint16_t outputs;
} sa_nd_fast_t;

/* Four bytes that may lie anywhere. */
#if defined(__GNUC__)
typedef struct {
    uint32_t v;
} __attribute__((packed, may_alias)) sa_nd_any32;
#endif

/* Numbers leave as those of 8 bits; other ends are met behind. */
SA_ND_APART void sa_nd_ends(const sa_nd_fast_t *l, int8_t *y, int32_t n)
{
    const int32_t lo = l->lo, hi = l->hi;

    if (lo == -128 && hi == 127) {
        return;
    }
    for (; n > 0; n--) {
        *y = (int8_t)sa_nd_clamp(*y, lo, hi);
        y++;
    }
}

#endif
