/* sensorai: integer Fourier transform of a real signal, strongest bin, band energy.
 *
 * N real samples are N / 2 complex points, a word each: real part in the low, imaginary part in the high
 * half, both int16. Input is scaled to 14 bits, every stage halves, so nothing overflows: a component never
 * exceeds 2^14 sqrt(2), a sum of products stays below 2^31.
 */
#ifndef SA_SPECTRUM_H
#define SA_SPECTRUM_H

#include "sa_wide.h"

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>
#endif

SA_INLINE int16_t sa_re(uint32_t z)
{
    return (int16_t)(uint16_t)(z & 0xFFFFU);
}

SA_INLINE int16_t sa_im(uint32_t z)
{
    return (int16_t)(uint16_t)(z >> 16);
}

SA_INLINE uint32_t sa_complex(int32_t re, int32_t im)
{
    return ((uint32_t)re & 0xFFFFU) | ((uint32_t)im << 16);
}

/* The high halves of two words */
SA_INLINE uint32_t sa_highs(int32_t re, int32_t im)
{
    return ((uint32_t)re >> 16) | ((uint32_t)im & 0xFFFF0000U);
}

/* b (c - i s) with w = (c, s): real part */
SA_INLINE int32_t sa_turn_re(uint32_t w, uint32_t b)
{
#if defined(__ARM_FEATURE_DSP)
    return __smuad((int16x2_t)w, (int16x2_t)b);
#else
    return (int32_t)sa_re(w) * sa_re(b) + (int32_t)sa_im(w) * sa_im(b);
#endif
}

/* Imaginary part of the same */
SA_INLINE int32_t sa_turn_im(uint32_t w, uint32_t b)
{
#if defined(__ARM_FEATURE_DSP)
    return __smusdx((int16x2_t)w, (int16x2_t)b);
#else
    return (int32_t)sa_re(w) * sa_im(b) - (int32_t)sa_im(w) * sa_re(b);
#endif
}

/* Half the sum and half the difference of two points, rounded to the nearest, halves up */
SA_INLINE void sa_halves(uint32_t *a, uint32_t *b)
{
#if defined(__ARM_FEATURE_DSP)
    int16x2_t u = (int16x2_t)*a;
    int16x2_t v = (int16x2_t)*b;

    /* ceil((u + v) / 2) = u - floor((u - v) / 2) */
    *a = (uint32_t)__ssub16(u, __shsub16(u, v));
    *b = (uint32_t)__ssub16(u, __shadd16(u, v));
#else
    uint32_t u = *a;
    uint32_t v = *b;

    *a = sa_complex((sa_re(u) + sa_re(v) + 1) >> 1, (sa_im(u) + sa_im(v) + 1) >> 1);
    *b = sa_complex((sa_re(u) - sa_re(v) + 1) >> 1, (sa_im(u) - sa_im(v) + 1) >> 1);
#endif
}

SA_INLINE uint32_t sa_reversed_next(uint32_t to, uint32_t points)
{
    uint32_t bit = points >> 1;

    while ((to & bit) != 0U) {
        to ^= bit;
        bit >>= 1;
    }
    return to | bit;
}

/* n samples (2 to 2 points) less their mean, scaled, in bit-reversed order into z; returns the scaling */
static inline int32_t sa_fft_load(const int16_t *x, uint32_t n, uint32_t stride, int32_t sum, int32_t min,
                                  int32_t max, uint32_t *z, uint32_t points)
{
    int32_t mean = sa_mean(sum, n);
    int32_t up = max - mean;
    int32_t down = mean - min;
    uint32_t peak = (uint32_t)((up > down) ? up : down);
    int32_t left = (peak == 0U) ? 0 : 14 - (int32_t)sa_bits(peak);
    uint32_t up_by = (left > 0) ? (uint32_t)left : 0U;
    uint32_t down_by = (left < 0) ? (uint32_t)-left : 0U;
    int32_t half = (int32_t)((1U << down_by) >> 1);
    uint32_t to = 0;
    uint32_t i;

    for (i = 0; i < points; i++) {
        int32_t re = 0;
        int32_t im = 0;

        if (2U * i < n) {
            re = ((*x - mean) * (1 << up_by) + half) >> down_by;
            x += stride;
        }
        if (2U * i + 1U < n) {
            im = ((*x - mean) * (1 << up_by) + half) >> down_by;
            x += stride;
        }
        z[to] = sa_complex(re, im);
        to = sa_reversed_next(to, points);
    }
    return left;
}

/* Transform of z in place; sine: a quarter of a sine in Q15, `quarter` + 1 values, 4 quarter >= 2 points */
static inline void sa_fft(uint32_t *z, uint32_t points, const int16_t *sine, uint32_t quarter)
{
    uint32_t half;
    uint32_t step = 2U * quarter;

    for (half = 1; half < points; half <<= 1) {
        uint32_t at = step;
        uint32_t j;
        uint32_t i;

        for (i = 0; i < points; i += 2U * half) {
            sa_halves(&z[i], &z[i + half]);
        }
        for (j = 1; j < half; j++) {
            int16_t s = (at <= quarter) ? sine[at] : sine[2U * quarter - at];
            int16_t c = (at <= quarter) ? sine[quarter - at] : (int16_t)-sine[at - quarter];
            uint32_t w = sa_complex(c, s);

            for (i = j; i < points; i += 2U * half) {
                uint32_t a = z[i];
                uint32_t b = z[i + half];
                int32_t tr = sa_turn_re(w, b);
                int32_t ti = sa_turn_im(w, b);
                int32_t ar = (int32_t)sa_re(a) * 32768 + 32768;
                int32_t ai = (int32_t)sa_im(a) * 32768 + 32768;

                z[i] = sa_highs(ar + tr, ai + ti);
                z[i + half] = sa_highs(ar - tr, ai - ti);
            }
            at += step;
        }
        step >>= 1;
    }
}

SA_INLINE uint32_t sa_power(uint32_t z)
{
#if defined(__ARM_FEATURE_DSP)
    return (uint32_t)__smuad((int16x2_t)z, (int16x2_t)z);
#else
    return (uint32_t)((int32_t)sa_re(z) * sa_re(z)) + (uint32_t)((int32_t)sa_im(z) * sa_im(z));
#endif
}

/* From the transform of the points to the power of the bins of the real signal, in place: points + 1 words */
static inline void sa_fft_power(uint32_t *z, uint32_t points, const int16_t *sine, uint32_t quarter)
{
    const int16_t *cosine = sine + quarter;
    uint32_t step = 2U * quarter;
    uint32_t low;
    uint32_t high;
    uint32_t first = z[0];

    z[0] = sa_power(sa_complex((sa_re(first) + sa_im(first) + 1) >> 1, 0));
    z[points] = sa_power(sa_complex((sa_re(first) - sa_im(first) + 1) >> 1, 0));
    for (low = points; low > 1U; low >>= 1) {
        step >>= 1; /* in the end 2 quarter / points, without a division */
    }
    low = 1;
    high = points - 1U;
    while (low <= high) {
        uint32_t a = z[low];
        uint32_t b = z[high];
        int32_t ar = (sa_re(a) + sa_re(b)) * 16384 + 32768;
        int32_t ai = (sa_im(a) - sa_im(b)) * 16384 + 32768;
        uint32_t d = sa_complex((sa_re(a) - sa_re(b) + 1) >> 1, (sa_im(a) + sa_im(b) + 1) >> 1);
        int32_t tr;
        int32_t ti;
        uint32_t w;

        sine += step;
        cosine -= step;
        /* d (s + i c), as the turn by (c, s) with the parts of the product exchanged */
        w = sa_complex(*cosine, *sine);
        tr = sa_turn_im(w, d);
        ti = sa_turn_re(w, d);
        z[high] = sa_power(sa_highs(ar - tr, ai + ti));
        z[low] = sa_power(sa_highs(ar + tr, ai - ti));
        low++;
        high--;
    }
}

/* Strongest bin, the lowest of equals; 0 where all are empty */
static inline int32_t sa_dominant_bin(const uint32_t *bins, uint32_t low, uint32_t high)
{
    uint32_t best = 0;
    uint32_t at = 0;

    for (; low <= high; low++) {
        if (bins[low] > best) {
            best = bins[low];
            at = low;
        }
    }
    return (int32_t)at;
}

/* The peak that is `rank`-th in strength, 1 to 3, of equals the lowest; 0 where there are not so many */
static inline int32_t sa_peak_bin(const uint32_t *bins, uint32_t low, uint32_t high, uint32_t rank)
{
    uint32_t power[3] = { 0, 0, 0 };
    uint32_t at[3] = { 0, 0, 0 };
    uint32_t before = 0;

    for (; low <= high; low++) {
        uint32_t now = bins[low];
        uint32_t i = rank - 1U;

        if (now > before && now > power[i] && (low == high || now >= bins[low + 1U])) {
            for (; i > 0U && now > power[i - 1U]; i--) {
                power[i] = power[i - 1U];
                at[i] = at[i - 1U];
            }
            power[i] = now;
            at[i] = low;
        }
        before = now;
    }
    return (int32_t)at[rank - 1U];
}

/* Sum of the bins from low to high */
static inline sa_wide sa_band_sum(const uint32_t *bins, uint32_t low, uint32_t high)
{
    uint64_t sum = 0;

    for (; low <= high; low++) {
        sum += bins[low];
    }
    return sa_wide_of(sum);
}

/* The sum, less the scaling of the input */
static inline int32_t sa_band_energy(const uint32_t *bins, uint32_t low, uint32_t high, int32_t left)
{
    sa_wide sum = sa_band_sum(bins, low, high);

    return (int32_t)((left >= 0) ? sa_wide_right(sum, 2U * (uint32_t)left) : sum.lo << (2U * (uint32_t)-left));
}

/* 16 times its root */
static inline int32_t sa_band_rms(const uint32_t *bins, uint32_t low, uint32_t high, int32_t left)
{
    sa_wide sum = sa_band_sum(bins, low, high);
    uint32_t shift = (uint32_t)(4 + left + left); /* left is -2 at least: 12 bits are the most that are added */

    sum.hi = (sum.hi << 12) | (sum.lo >> 20);
    sum.lo <<= 12;
    sum.lo = sa_wide_right(sum, shift);
    sum.hi = (shift < 32U) ? sum.hi >> shift : 0U;
    return (int32_t)sa_wide_sqrt(sum);
}

#endif
