/* Steps of the faster kernels on cores with the DSP extension: two products of 16 bits in an instruction.
 *
 * Weights come in pairs of bytes that are one number of 16 bits, 256 w0 - w1, so that one SXTB16 is enough for four
 * of them: it gives -w1. Of two values of the input, X is -(256 x1 + x0 + 129) and Y is x0 + 128, an exclusive or
 * away from their bytes; then
 *     -w1 X + (256 w0 - w1) Y = 256 (x0 w0 + x1 w1) + 32768 w0 + w1
 * and the bias, which is 256 times as large, too, is less by what is too much. */
#ifndef SA_ND_FAST_DSP_H
#define SA_ND_FAST_DSP_H

#include "sa_nd_fast.h"

/* Loops that need every register are written whole; a frame pointer would take one. */
#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__OPTIMIZE__) && defined(__GNUC__)
#define SA_ND_DSP_ASM 1
#endif

#if defined(__ARM_FEATURE_DSP)
SA_ND_INLINE uint32_t sa_nd_sxtb16(uint32_t x)
{
    uint32_t y;
    __asm__("sxtb16 %0, %1" : "=r"(y) : "r"(x));
    return y;
}

SA_ND_INLINE uint32_t sa_nd_sxtb16_8(uint32_t x)
{
    uint32_t y;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(y) : "r"(x));
    return y;
}

SA_ND_INLINE uint32_t sa_nd_uxtb16(uint32_t x)
{
    uint32_t y;
    __asm__("uxtb16 %0, %1" : "=r"(y) : "r"(x));
    return y;
}

SA_ND_INLINE uint32_t sa_nd_smlad(uint32_t x, uint32_t y, uint32_t sum)
{
    uint32_t z;
    __asm__("smlad %0, %1, %2, %3" : "=r"(z) : "r"(x), "r"(y), "r"(sum));
    return z;
}

/* High word of a product, rounded. */
SA_ND_INLINE int32_t sa_nd_smmulr(int32_t x, int32_t y)
{
    int32_t z;
    __asm__("smmulr %0, %1, %2" : "=r"(z) : "r"(x), "r"(y));
    return z;
}

/* High word of a product, and a number. */
SA_ND_INLINE int32_t sa_nd_smmla(int32_t x, int32_t y, int32_t sum)
{
    int32_t z;
    __asm__("smmla %0, %1, %2, %3" : "=r"(z) : "r"(x), "r"(y), "r"(sum));
    return z;
}

SA_ND_INLINE int32_t sa_nd_ssat8(int32_t x)
{
    int32_t y;
    __asm__("ssat %0, #8, %1" : "=r"(y) : "r"(x));
    return y;
}
#else
/* The same without the extension: for tests, and for compilers that do not know it. */
SA_ND_INLINE uint32_t sa_nd_two(int32_t low, int32_t high)
{
    return ((uint32_t)low & 0xFFFFU) | ((uint32_t)high << 16);
}

SA_ND_INLINE int32_t sa_nd_low(uint32_t x)
{
    return (int16_t)(uint16_t)(x & 0xFFFFU);
}

SA_ND_INLINE int32_t sa_nd_high(uint32_t x)
{
    return (int16_t)(uint16_t)(x >> 16);
}

SA_ND_INLINE uint32_t sa_nd_sxtb16(uint32_t x)
{
    return sa_nd_two((int8_t)(uint8_t)(x & 0xFFU), (int8_t)(uint8_t)((x >> 16) & 0xFFU));
}

SA_ND_INLINE uint32_t sa_nd_sxtb16_8(uint32_t x)
{
    return sa_nd_sxtb16(x >> 8);
}

SA_ND_INLINE uint32_t sa_nd_uxtb16(uint32_t x)
{
    return x & 0x00FF00FFU;
}

SA_ND_INLINE uint32_t sa_nd_smlad(uint32_t x, uint32_t y, uint32_t sum)
{
    const uint32_t low = (uint32_t)(sa_nd_low(x) * sa_nd_low(y));
    return sum + low + (uint32_t)(sa_nd_high(x) * sa_nd_high(y));
}

SA_ND_INLINE int32_t sa_nd_smmulr(int32_t x, int32_t y)
{
    return (int32_t)(((int64_t)x * y + ((int64_t)1 << 31)) >> 32);
}

SA_ND_INLINE int32_t sa_nd_smmla(int32_t x, int32_t y, int32_t sum)
{
    return (int32_t)(((int64_t)x * y) >> 32) + sum;
}

SA_ND_INLINE int32_t sa_nd_ssat8(int32_t x)
{
    return sa_nd_clamp(x, -128, 127);
}
#endif

/* As SA_ND_TWICE, where no result is below the zero point: sums that are not negative are rounded up from the
 * half twice, which is one step, floor((2^k x m + 2^(k-2) + 2^(k+s-2) (2 zero + 1)) / 2^(k+s-1)), of sums that
 * come 2^k times as large; all others are cut off. */
#define SA_ND_FLOORED 4

/* How the sums of an output leave. */
typedef struct {
    int32_t multiplier;
    int32_t shift;
    int32_t add; /* half of what is shifted out, and the zero point */
} sa_nd_way_t;

SA_ND_INLINE sa_nd_way_t sa_nd_way(int32_t multiplier, int32_t shift, int32_t zero, int rounding)
{
    sa_nd_way_t w;

    w.multiplier = multiplier;
    w.shift = shift;
    w.add = (1 << (shift - 1)) - (rounding == SA_ND_EVEN ? 1 : 0) + (int32_t)((uint32_t)zero << shift);
    return w;
}

/* Number of a sum that comes twice as large. */
SA_ND_INLINE int32_t sa_nd_scaled(int32_t twice, const sa_nd_way_t *w, int rounding)
{
    int32_t h;

    if (rounding == SA_ND_TWICE) {
        h = sa_nd_smmulr(twice, w->multiplier);
        h += h >> 31;
    } else {
        const int64_t product = (int64_t)twice * w->multiplier;
        h = (int32_t)(product >> 32) | ((uint32_t)product != 0U ? 1 : 0);
        h += (h >> w->shift) & 1;
    }
    return (h + w->add) >> w->shift;
}

/* The same for SA_ND_FLOORED; of sums that come 2^k times as large: the shift, and k - 2 more. */
SA_ND_INLINE sa_nd_way_t sa_nd_way_above(int32_t multiplier, int32_t shift, int32_t zero, int32_t more)
{
    sa_nd_way_t w;

    w.multiplier = multiplier;
    w.shift = shift + 1;
    w.add = (1 << more) + (int32_t)((uint32_t)(2 * zero + 1) << shift);
    return w;
}

SA_ND_INLINE int32_t sa_nd_floored(int32_t sum, const sa_nd_way_t *w)
{
    return sa_nd_smmla(sum, w->multiplier, w->add) >> w->shift;
}

/* Number of a sum that comes 256 times as large. */
SA_ND_INLINE int32_t sa_nd_number(uint32_t sum, int32_t multiplier, int32_t shift, int32_t zero, int rounding)
{
    if (rounding == SA_ND_FLOORED) {
        const sa_nd_way_t w = sa_nd_way_above(multiplier, shift, zero, 6);
        return sa_nd_ssat8(sa_nd_floored((int32_t)sum, &w));
    } else {
        const sa_nd_way_t w = sa_nd_way(multiplier, shift, zero, rounding);
        return sa_nd_ssat8(sa_nd_scaled((int32_t)sum >> 7, &w, rounding));
    }
}

#if defined(SA_ND_DSP_ASM)
/* A sum leaves; the shift is in lr. The bit that goes out last rounds. */
#define SA_ND_READY_TFLITE(zero, spare) ""
#define SA_ND_LEAVE_TFLITE(sum, factor, zero, spare) \
    "asrs " sum ", " sum ", #7\n"                    \
    "smmulr " sum ", " sum ", " factor "\n"          \
    "add " sum ", " sum ", " sum ", asr #31\n"       \
    "asrs " sum ", " sum ", lr\n"                    \
    "adc " sum ", " sum ", " zero "\n"               \
    "ssat " sum ", #8, " sum "\n"
/* To even. Bits that are lost leave a one behind. */
#define SA_ND_READY_EVEN(zero, spare) ""
#define SA_ND_LEAVE_EVEN(sum, factor, zero, spare)         \
    "asrs " sum ", " sum ", #7\n"                          \
    "smull " spare ", " sum ", " sum ", " factor "\n"      \
    "cmp " spare ", #0\n"                                  \
    "it ne\n"                                              \
    "orrne " sum ", " sum ", #1\n"                         \
    "asr " spare ", " sum ", lr\n"                         \
    "and " spare ", " spare ", #1\n"                       \
    "sub " spare ", " spare ", #1\n"                       \
    "add " sum ", " sum ", " spare "\n"                    \
    "asrs " sum ", " sum ", lr\n"                          \
    "adc " sum ", " sum ", " zero "\n"                     \
    "ssat " sum ", #8, " sum "\n"
/* The shift is one less, the zero point twice that and one. */
#define SA_ND_READY_ABOVE(zero, spare) \
    "lsl " spare ", " zero ", lr\n"    \
    "add " spare ", " spare ", #64\n"
#define SA_ND_LEAVE_ABOVE(sum, factor, zero, spare)           \
    "smmla " sum ", " sum ", " factor ", " spare "\n"         \
    "asr " sum ", " sum ", lr\n"                              \
    "ssat " sum ", #8, " sum ", asr #1\n"
#endif

/* Four bytes of the input as X and Y. */
SA_ND_INLINE void sa_nd_spread(uint32_t x, uint32_t *to)
{
    to[0] = x ^ 0xFF7FFF7FU;
    to[1] = sa_nd_uxtb16(x ^ 0x00800080U);
}

#endif
