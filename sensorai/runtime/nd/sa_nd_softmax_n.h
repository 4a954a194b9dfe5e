/* Parts of sums of exponentials with 30 places, as the nearest numbers of a scale. */
#ifndef SA_ND_SOFTMAX_N_H
#define SA_ND_SOFTMAX_N_H

#include "sa_nd_fixed.h"

/* What exponentials of one sum are multiplied with, and how far the product is shifted. */
typedef struct {
    uint32_t quotient;
    int32_t right;
} sa_nd_share_t;

SA_ND_INLINE uint32_t sa_nd_exp_of_two(uint32_t high, uint32_t low)
{
    return (uint32_t)(((uint64_t)high * low + ((uint64_t)1 << 29)) >> 30);
}

/* multiplier * 2^(shift - 31): numbers of the output for 1 */
SA_ND_FUNCTION sa_nd_share_t sa_nd_softmax_share(uint64_t sum, uint32_t multiplier, int32_t shift)
{
    sa_nd_share_t by;
    int32_t left = 0;

    while ((sum >> 63) == 0U) {
        sum <<= 1;
        left++;
    }
    by.quotient = (uint32_t)(((uint64_t)multiplier << 31) / (uint32_t)(sum >> 32));
    /* products are below 2^61: what a shift by more would leave is 0, too */
    by.right = 94 - shift - left > 63 ? 63 : 94 - shift - left;
    return by;
}

SA_ND_INLINE int32_t sa_nd_part(uint32_t e, sa_nd_share_t by)
{
    return (int32_t)(((uint64_t)e * by.quotient + ((uint64_t)1 << (by.right - 1))) >> by.right);
}

#endif
