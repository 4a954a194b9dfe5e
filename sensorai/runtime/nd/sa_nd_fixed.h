/* Integer scaling as TensorFlow Lite Micro rounds it: x * multiplier * 2**(shift - 31). */
#ifndef SA_ND_FIXED_H
#define SA_ND_FIXED_H

#include "sa_nd.h"

/* Half of the doubled product's high word, to nearest; of two that are as near the upper one. For negative
 * products that is what a division towards zero gives after adding 1 - 2^30: one shift does for both. */
SA_ND_INLINE int32_t sa_nd_doubling_high(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * (int64_t)b;

    if (a == b && a == INT32_MIN) {
        return INT32_MAX;
    }
    return (int32_t)((product + ((int64_t)1 << 30)) >> 31);
}

SA_ND_INLINE int32_t sa_nd_divide_by_power(int32_t x, int32_t exponent)
{
    const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1U);
    const int32_t rest = x & mask;
    const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);

    return (x >> exponent) + (rest > threshold ? 1 : 0);
}

SA_ND_INLINE int32_t sa_nd_multiply(int32_t x, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    const int64_t product = (int64_t)(int32_t)((uint32_t)x << left) * (int64_t)multiplier;

    /* multipliers are not negative, so nothing saturates */
    return sa_nd_divide_by_power((int32_t)((product + ((int64_t)1 << 30)) >> 31), right);
}

SA_ND_INLINE int32_t sa_nd_multiply_wide(int64_t x, int32_t multiplier, int32_t shift)
{
    const int32_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
    const int32_t total = 15 - shift;

    return (int32_t)((x * (int64_t)reduced + ((int64_t)1 << (total - 1))) >> total);
}

SA_ND_INLINE int32_t sa_nd_clamp(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : (v > high ? high : v);
}

#endif
