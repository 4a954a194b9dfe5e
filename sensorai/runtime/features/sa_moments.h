/* sensorai: peak, crest factor, skewness and kurtosis of a signal. */
#ifndef SA_MOMENTS_H
#define SA_MOMENTS_H

#include "sa_scan.h"

#define SA_THIRD 1U
#define SA_FOURTH 2U

/* Fraction bits of the ratios */
#define SA_RATIO_BITS 10U

/* Sums of powers of the deviations from the mean: of n times the deviation, times 2^left, in units of 2^13
 * and 2^26 */
typedef struct {
    int32_t left;
    sa_wide third; /* its size */
    int32_t negative;
    sa_wide fourth;
} sa_moments;

/* n times the largest deviation from the mean */
static inline int32_t sa_peak(const sa_stats *s, uint32_t n)
{
    int32_t up = (int32_t)n * s->max - s->sum;
    int32_t down = s->sum - (int32_t)n * s->min;

    return (up > down) ? up : down;
}

/* 2^10 times the largest deviation over the root of the mean square of all, rounded down; 0 for a constant
 * signal */
static inline int32_t sa_crest_factor(const sa_stats *s, uint32_t n)
{
    uint32_t above = (uint32_t)sa_peak(s, n);
    uint32_t bits = SA_RATIO_BITS;
    sa_deviation d;

    sa_deviation_of(s, n, &d);
    if (d.root == 0U) {
        return 0;
    }
    if (d.half < 0) {
        above <<= (uint32_t)-d.half;
    } else {
        d.root <<= (uint32_t)d.half;
    }
    while (above >= d.root) { /* at most 2^28: no bit is lost */
        d.root <<= 1;
        bits++;
    }
    return (int32_t)sa_fraction(above, d.root, bits);
}

/* A second pass over n samples; what is not in `want`, a constant, costs nothing and is not written */
SA_INLINE void sa_moments_of(const int16_t *x, uint32_t n, uint32_t stride, uint32_t want, const sa_stats *s,
                             sa_moments *m)
{
    const int16_t *end = x + n * stride;
    int32_t left = 14 - (int32_t)sa_bits((uint32_t)sa_peak(s, n));
    uint32_t up_by = (left > 0) ? (uint32_t)left : 0U;
    uint32_t down_by = (left < 0) ? (uint32_t)-left : 0U;
    uint32_t half = ((uint32_t)1 << down_by) >> 1;
    int32_t sum = s->sum;
    int64_t third = 0;
    uint64_t fourth = 0;

    do {
        int32_t exact = (int32_t)(int16_t)n * *x - sum;
        uint32_t size = ((sa_magnitude(exact) << up_by) + half) >> down_by; /* at most 2^14 */
        uint32_t square = (sa_times16(size, size) + 4096U) >> 13;           /* at most 2^15 */

        if ((want & SA_THIRD) != 0U) {
            int32_t cube = (int32_t)sa_times16(size, square);

            third += (exact < 0) ? -cube : cube;
        }
        if ((want & SA_FOURTH) != 0U) {
            fourth += sa_times16(square, square);
        }
        x += stride;
    } while (x != end);
    m->left = left;
    if ((want & SA_THIRD) != 0U) {
        sa_wide zero = { 0, 0 };

        m->third = sa_wide_of((uint64_t)third);
        m->negative = (int32_t)(m->third.hi >> 31);
        if (m->negative != 0) {
            m->third = sa_wide_less(zero, m->third);
        }
    }
    if ((want & SA_FOURTH) != 0U) {
        m->fourth = sa_wide_of(fourth);
    }
}

/* The `bits` highest bits of x, not zero; their power of two is added to `exponent` */
static inline uint32_t sa_wide_top(sa_wide x, uint32_t bits, int32_t *exponent)
{
    uint32_t have = sa_wide_bits(x);

    *exponent += (int32_t)have - (int32_t)bits;
    return (have > bits) ? sa_wide_right(x, have - bits) : x.lo << (bits - have);
}

/* sum / (a b n) times 2^exponent, rounded down; a and b below 2^16 and not zero */
static inline int32_t sa_moment(sa_wide sum, uint32_t a, uint32_t b, uint32_t n, int32_t exponent)
{
    sa_wide product;
    uint32_t above;
    uint32_t below;
    int32_t down = 0;

    if ((sum.lo | sum.hi) == 0U) {
        return 0;
    }
    product.lo = sa_times16(a, b);
    product.hi = 0;
    above = sa_wide_top(sum, 31U, &exponent);
    below = sa_wide_top(sa_wide_times(product, n), 32U, &down);
    exponent -= down;
    return (exponent <= 0) ? 0 : (int32_t)sa_fraction(above, below, (uint32_t)exponent);
}

/* 2^10 times the third moment over the deviation cubed, towards zero; 0 for a constant signal */
static inline int32_t sa_skewness(const sa_stats *s, const sa_moments *m, uint32_t n)
{
    sa_wide spread = sa_spread(s, n);
    int32_t by = 0;
    uint32_t high;
    int32_t r;
    sa_deviation d;

    sa_deviation_of(s, n, &d);
    if (d.root == 0U) {
        return 0;
    }
    high = sa_wide_top(spread, 16U, &by);
    r = sa_moment(m->third, high, d.root, n, 13 - 3 * m->left - by - d.half + (int32_t)SA_RATIO_BITS);
    return (m->negative != 0) ? -r : r;
}

/* 2^10 times the fourth moment over the variance squared, rounded down; 0 for a constant signal */
static inline int32_t sa_kurtosis(const sa_stats *s, const sa_moments *m, uint32_t n)
{
    sa_wide spread = sa_spread(s, n);
    int32_t by = 0;
    uint32_t high;

    if ((spread.lo | spread.hi) == 0U) {
        return 0;
    }
    high = sa_wide_top(spread, 16U, &by);
    return sa_moment(m->fourth, high, high, n, 26 - 4 * m->left - 2 * by + (int32_t)SA_RATIO_BITS);
}

#endif
