/* Integer scaling as TensorFlow Lite Micro rounds it: x * multiplier * 2**(shift - 31). */
#ifndef SA_ND_FIXED_H
#define SA_ND_FIXED_H

#include "sa_nd.h"

/* Cores without products of 64 bits and without divisions, which their compilers call functions for. */
#if defined(SA_ND_SHORT) || (defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1)
#define SA_ND_NO_LONG 1
#else
#define SA_ND_NO_LONG 0
#endif

#if defined(SA_ND_SHORT)
/* The lower 16 bits as a number that the compiler multiplies as one of 16 bits, whatever it knows of it. */
SA_ND_INLINE int16_t sa_nd_short(int32_t v)
{
    int16_t s = (int16_t)(uint16_t)((uint32_t)v & 0xFFFFU);
#if defined(__GNUC__)
    __asm__("" : "+r"(s));
#endif
    return s;
}

/* a * b = 2^31 * what comes back + rest. A number is 65536 times its high part, one more where the low one is
 * negative, plus the low one: four products of 16-bit numbers with a sign. */
SA_ND_APART int32_t sa_nd_short_high(int32_t a, int32_t b, uint32_t *rest)
{
    const int16_t al = sa_nd_short(a), bl = sa_nd_short(b), ah = sa_nd_short(a >> 16), bh = sa_nd_short(b >> 16);
    const int32_t low = al * bl;
    /* what is added last brings it back into 32 bits */
    uint32_t middle = (uint32_t)(al * bh) + (uint32_t)(bl * ah) + (uint32_t)(low >> 16);
    uint32_t top = (uint32_t)(ah * bh);

    middle += (uint32_t)((al < 0 ? bl : 0) + (bl < 0 ? al : 0));
    top += (uint32_t)((al < 0 ? bh : 0) + (bl < 0 ? ah : 0) + (al < 0 && bl < 0 ? 1 : 0));
    *rest = (middle << 16 & 0x7FFF0000U) | ((uint32_t)low & 0xFFFFU);
    return (int32_t)((top << 1) + (uint32_t)((int32_t)middle >> 15));
}
#endif

/* Half of the doubled product's high word, from halves of 16 bits: what is below 2^14 does not count. */
SA_ND_INLINE int32_t sa_nd_rounded_halves(int32_t a, int32_t b)
{
#if defined(SA_ND_SHORT)
    uint32_t rest;
    const int32_t high = sa_nd_short_high(a, b, &rest);

    return high + (int32_t)(rest >> 30);
#else
    const uint32_t al = (uint32_t)a & 0xFFFFU, bl = (uint32_t)b & 0xFFFFU;
    const int32_t ah = a >> 16, bh = b >> 16;
    const int32_t one = ah * (int32_t)bl + (int32_t)((al * bl) >> 16);
    const int32_t two = (int32_t)al * bh + (one & 0xFFFF);
    const uint32_t high = (uint32_t)(ah * bh) + (uint32_t)(one >> 16) + (uint32_t)(two >> 16);

    return (int32_t)(high * 2U + ((((uint32_t)two >> 14 & 3U) + 1U) >> 1));
#endif
}

/* Half of the doubled product's high word, to nearest; of two that are as near the upper one. For negative
 * products that is what a division towards zero gives after adding 1 - 2^30: one shift does for both. */
SA_ND_INLINE int32_t sa_nd_rounded_high(int32_t a, int32_t b)
{
#if SA_ND_NO_LONG
    return sa_nd_rounded_halves(a, b);
#else
    return (int32_t)(((int64_t)a * (int64_t)b + ((int64_t)1 << 30)) >> 31);
#endif
}

#if SA_ND_NO_LONG
SA_ND_APART
#else
SA_ND_INLINE
#endif
int32_t sa_nd_doubling_high(int32_t a, int32_t b)
{
    if (a == b && a == INT32_MIN) {
        return INT32_MAX;
    }
    return sa_nd_rounded_high(a, b);
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

    /* multipliers are not negative, so nothing saturates */
    return sa_nd_divide_by_power(sa_nd_rounded_high((int32_t)((uint32_t)x << left), multiplier), right);
}

/* The same of a number below 2^10 in size, 2^20 times as large; it does not grow: shift is 0 or less. */
SA_ND_INLINE int32_t sa_nd_multiply_small(int32_t x, int32_t multiplier, int32_t shift)
{
#if SA_ND_NO_LONG
#if defined(SA_ND_SHORT)
    const int16_t short_x = sa_nd_short(x), h = sa_nd_short(multiplier >> 16), l = sa_nd_short(multiplier);
    /* of a low half with a sign the high one is one more where that is negative */
    const int32_t high = h * short_x + (l < 0 ? x : 0), low = l * short_x;
#else
    const int32_t high = (multiplier >> 16) * x, low = (multiplier & 0xFFFF) * x;
#endif
    const int32_t v = high * 32 + ((low + (1 << 10)) >> 11);

    return shift == 0 ? v : (v + (v >> 31) + (1 << (-shift - 1))) >> -shift;
#else
    return sa_nd_multiply((int32_t)((uint32_t)x << 20), multiplier, shift);
#endif
}

SA_ND_INLINE int32_t sa_nd_multiply_wide(int64_t x, int32_t multiplier, int32_t shift)
{
    const int32_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
    const int32_t total = 15 - shift;

    return (int32_t)((x * (int64_t)reduced + ((int64_t)1 << (total - 1))) >> total);
}

/* Quotient of numbers that are not negative. */
#if SA_ND_NO_LONG
SA_ND_FUNCTION int32_t sa_nd_quotient(int32_t a, int32_t b)
{
    int32_t places = 0, q = 0;

    while ((a >> places) >> 1 >= b) {
        places++;
    }
    for (; places >= 0; places--) {
        q <<= 1;
        if (a >> places >= b) {
            a -= b << places;
            q++;
        }
    }
    return q;
}
#else
SA_ND_INLINE int32_t sa_nd_quotient(int32_t a, int32_t b)
{
    return a / b;
}
#endif

/* Average of numbers, to nearest, ties away from zero. */
SA_ND_INLINE int32_t sa_nd_share(int32_t sum, int32_t count)
{
    const int32_t half = (int32_t)((uint32_t)count >> 1);

    return sum > 0 ? sa_nd_quotient(half + sum, count) : -sa_nd_quotient(half - sum, count);
}

SA_ND_INLINE int32_t sa_nd_clamp(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : (v > high ? high : v);
}

#endif
