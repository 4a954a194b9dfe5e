/* sensorai: 64-bit unsigned numbers in two words, integer root and quotient.
 *
 * Cores without a wide multiply or a divider (Cortex-M0+, ISPU) would call library helpers for 64-bit
 * products, shifts and comparisons; these are written out here. Only 64-bit sums are left to the compiler,
 * which adds with carry in place. Products are 16 x 16 -> 32 bits, but for one by the high word.
 */
#ifndef SA_WIDE_H
#define SA_WIDE_H

#include <stdint.h>

#if defined(__GNUC__)
#define SA_INLINE static inline __attribute__((always_inline))
#else
#define SA_INLINE static inline
#endif

typedef struct {
    uint32_t lo;
    uint32_t hi;
} sa_wide;

SA_INLINE sa_wide sa_wide_of(uint64_t x)
{
    sa_wide r;

    r.lo = (uint32_t)x;
    r.hi = (uint32_t)(x >> 32);
    return r;
}

/* a * b for a, b below 2^16. ARM has the whole 32-bit product; others are told that half of one is enough. */
SA_INLINE uint32_t sa_times16(uint32_t a, uint32_t b)
{
#if defined(__ARM_ARCH)
    return a * b;
#else
    return (uint32_t)(uint16_t)a * (uint32_t)(uint16_t)b;
#endif
}

/* a * b for b below 2^16, modulo 2^64 */
static inline sa_wide sa_wide_times(sa_wide a, uint32_t b)
{
    uint32_t low = sa_times16(a.lo & 0xFFFFU, b);
    uint32_t high = sa_times16(a.lo >> 16, b);
    sa_wide r;

    r.lo = low + (high << 16);
    r.hi = a.hi * b + (high >> 16) + (uint32_t)(r.lo < low);
    return r;
}

/* a * b */
static inline sa_wide sa_wide_product(uint32_t a, uint32_t b)
{
    uint32_t al = a & 0xFFFFU;
    uint32_t ah = a >> 16;
    uint32_t bl = b & 0xFFFFU;
    uint32_t bh = b >> 16;
    uint32_t low = sa_times16(al, bl);
    uint32_t mid = sa_times16(al, bh) + (low >> 16); /* at most (2^16 - 1) 2^16: no overflow */
    uint32_t mid2 = sa_times16(ah, bl) + (mid & 0xFFFFU);
    sa_wide r;

    r.lo = (mid2 << 16) | (low & 0xFFFFU);
    r.hi = sa_times16(ah, bh) + (mid >> 16) + (mid2 >> 16);
    return r;
}

SA_INLINE sa_wide sa_wide_less(sa_wide a, sa_wide b)
{
    sa_wide r;

    r.lo = a.lo - b.lo;
    r.hi = a.hi - b.hi - (uint32_t)(a.lo < b.lo);
    return r;
}

SA_INLINE sa_wide sa_wide_minus(sa_wide a)
{
    sa_wide zero = { 0, 0 };

    return sa_wide_less(zero, a);
}

/* low word of a >> s, 0 <= s < 64 */
SA_INLINE uint32_t sa_wide_right(sa_wide a, uint32_t s)
{
    if (s >= 32U) {
        return a.hi >> (s - 32U);
    }
    return (s == 0U) ? a.lo : (a.lo >> s) | (a.hi << (32U - s));
}

SA_INLINE uint32_t sa_magnitude(int32_t x)
{
    return (x < 0) ? 0U - (uint32_t)x : (uint32_t)x;
}

SA_INLINE uint32_t sa_bits(uint32_t x)
{
#if defined(__ARM_FEATURE_CLZ)
    return (x == 0U) ? 0U : 32U - (uint32_t)__builtin_clz(x);
#else
    uint32_t n = 0;

    if (x >= 0x10000U) { n = 16; x >>= 16; }
    if (x >= 0x100U) { n += 8U; x >>= 8; }
    if (x >= 0x10U) { n += 4U; x >>= 4; }
    if (x >= 0x4U) { n += 2U; x >>= 2; }
    return n + ((x >= 2U) ? 2U : x);
#endif
}

SA_INLINE uint32_t sa_wide_bits(sa_wide x)
{
    return (x.hi != 0U) ? 32U + sa_bits(x.hi) : sa_bits(x.lo);
}

SA_INLINE int32_t sa_saturate16(int32_t x)
{
    return (x > 32767) ? 32767 : (x < -32768) ? -32768 : x;
}

/* floor(sqrt(x)) */
static inline uint32_t sa_sqrt(uint32_t x)
{
    uint32_t root = 0;
    uint32_t bit = 1UL << 30;

    while (bit > x) {
        bit >>= 2;
    }
    while (bit != 0U) {
        uint32_t trial = root + bit;

        root >>= 1;
        if (x >= trial) {
            x -= trial;
            root += bit;
        }
        bit >>= 2;
    }
    return root;
}

/* floor(sqrt(x)) for x below 4^bits, bits from 17 to 30: two bits of x at a time */
SA_INLINE uint32_t sa_wide_root(sa_wide x, uint32_t bits)
{
    uint32_t root = 0;
    uint32_t rest = 0;
    uint32_t i;

    x.hi = (x.hi << (64U - 2U * bits)) | (x.lo >> (2U * bits - 32U));
    x.lo <<= 64U - 2U * bits;
    for (i = 0; i < bits; i++) {
        uint32_t trial = (root << 2) | 1U;

        rest = (rest << 2) | (x.hi >> 30);
        x.hi = (x.hi << 2) | (x.lo >> 30);
        x.lo <<= 2;
        root <<= 1;
        if (rest >= trial) {
            rest -= trial;
            root |= 1U;
        }
    }
    return root;
}

/* floor(sqrt(x)) for x below 2^40 */
static inline uint32_t sa_wide_sqrt(sa_wide x)
{
    return sa_wide_root(x, 20U);
}

/* floor(a * 2^bits / b) for a < b */
static inline uint32_t sa_fraction(uint32_t a, uint32_t b, uint32_t bits)
{
    uint32_t q = 0;

    while (bits-- != 0U) {
        uint32_t carry = a >> 31;

        a <<= 1;
        q <<= 1;
        if (carry != 0U || a >= b) {
            a -= b;
            q |= 1U;
        }
    }
    return q;
}

/* floor(a / b) where that is below 2^bits; b 2^(bits - 1) must be below 2^32 */
SA_INLINE uint32_t sa_quotient(uint32_t a, uint32_t b, uint32_t bits)
{
    uint32_t q = 0;
    uint32_t i;

    b <<= bits - 1U;
    for (i = 0; i < bits; i++) {
        q <<= 1;
        if (a >= b) {
            a -= b;
            q |= 1U;
        }
        b >>= 1;
    }
    return q;
}

/* sum / n to the nearest, halves up; |sum| <= 2^15 n, n <= 4096 */
static inline int32_t sa_mean(int32_t sum, uint32_t n)
{
    /* (2 sum + n) / (2 n) lifted by 2^15: not negative, and below 2^16 */
    return (int32_t)sa_quotient(2U * (uint32_t)(sum + (int32_t)(n << 15)) + n, 2U * n, 16U) - 32768;
}

#endif
