/* sensorai: sums and extremes of a signal in one pass, and the features made of them. */
#ifndef SA_SCAN_H
#define SA_SCAN_H

#include "sa_wide.h"

#define SA_SUM 1U
#define SA_SQUARES 2U
#define SA_LIMITS 4U

typedef struct {
    int32_t sum;
    sa_wide squares;
    int32_t min;
    int32_t max;
} sa_stats;

/* One pass over n samples (at most 4096); what is a constant at the call, and what is not in `want` costs
 * nothing: its members are not written. */
SA_INLINE void sa_scan(const int16_t *x, uint32_t n, uint32_t stride, uint32_t want, sa_stats *s)
{
    const int16_t *end = x + n * stride;
    int32_t sum = 0;
    int64_t squares = 0;
    int32_t min = *x;
    int32_t max = *x;

#if defined(__GNUC__) && !defined(__clang__) && !defined(__OPTIMIZE_SIZE__)
#pragma GCC unroll 2
#endif
    do {
        int32_t v = *x;

        if ((want & SA_SUM) != 0U) {
            sum += v;
        }
        if ((want & SA_SQUARES) != 0U) {
            squares += (int32_t)((int16_t)v * (int16_t)v);
        }
        if ((want & SA_LIMITS) != 0U) {
            min = (v < min) ? v : min;
            max = (v > max) ? v : max;
        }
        x += stride;
    } while (x != end);
    if ((want & SA_SUM) != 0U) {
        s->sum = sum;
    }
    if ((want & SA_SQUARES) != 0U) {
        s->squares = sa_wide_of((uint64_t)squares);
    }
    if ((want & SA_LIMITS) != 0U) {
        s->min = min;
        s->max = max;
    }
}

/* n sum(x^2) - sum(x)^2 */
static inline sa_wide sa_spread(const sa_stats *s, uint32_t n)
{
    uint32_t sum = sa_magnitude(s->sum);

    return sa_wide_less(sa_wide_times(s->squares, n), sa_wide_product(sum, sum));
}

/* Root of a spread: root * 2^half, root in [2^15, 2^16), or root 0 */
typedef struct {
    uint32_t root;
    int32_t half;
} sa_deviation;

SA_INLINE void sa_root_of(sa_wide v, sa_deviation *d)
{
    uint32_t bits = sa_wide_bits(v);
    uint32_t x;

    if (bits > 32U) {
        uint32_t half = (bits - 31U) >> 1;

        d->half = (int32_t)half;
        x = sa_wide_right(v, 2U * half);
    } else {
        uint32_t half = (32U - bits) >> 1;

        d->half = -(int32_t)half;
        x = (bits == 0U) ? 0U : v.lo << (2U * half);
    }
    d->root = sa_sqrt(x);
}

static inline void sa_deviation_of(const sa_stats *s, uint32_t n, sa_deviation *d)
{
    sa_root_of(sa_spread(s, n), d);
}

/* The spread over 4^k, k = ceil(log2 n) */
SA_INLINE int32_t sa_variance(const sa_stats *s, uint32_t n, uint32_t k)
{
    return (int32_t)sa_wide_right(sa_spread(s, n), 2U * k);
}

SA_INLINE int32_t sa_energy(const sa_stats *s, uint32_t k)
{
    return (int32_t)sa_wide_right(s->squares, k);
}

/* 16 times the root of x over 2^k, x below 2^(56 + k) */
SA_INLINE int32_t sa_root_16ths(sa_wide x, uint32_t k)
{
    if (k < 8U) {
        x.hi = (x.hi << (8U - k)) | (x.lo >> (24U + k));
        x.lo <<= 8U - k;
    } else if (k > 8U) {
        x.lo = sa_wide_right(x, k - 8U);
        x.hi >>= k - 8U;
    }
    return (int32_t)sa_wide_sqrt(x);
}

SA_INLINE int32_t sa_rms(const sa_stats *s, uint32_t k)
{
    return sa_root_16ths(s->squares, k);
}

SA_INLINE int32_t sa_std(const sa_stats *s, uint32_t n, uint32_t k)
{
    return sa_root_16ths(sa_spread(s, n), 2U * k);
}

/* Changes of scale * x - offset between above threshold and below -threshold: a search for the one, then for
 * the other, with two comparisons a sample */
SA_INLINE int32_t sa_crossings(const int16_t *x, uint32_t n, uint32_t stride, int16_t scale, int32_t offset,
                               int32_t threshold)
{
    const int16_t *end = x + n * stride;
    int32_t above = offset + threshold;
    int32_t below = offset - threshold;
    int32_t count = 0;
    int32_t high;
    int32_t v;

    do { /* the side that is reached first is no crossing */
        if (x == end) {
            return 0;
        }
        v = (int32_t)*x * scale;
        x += stride;
    } while (v <= above && v >= below);
    high = (int32_t)(v > above);
    for (;;) {
        if (high != 0) {
            do {
                if (x == end) {
                    return count;
                }
                v = (int32_t)*x * scale;
                x += stride;
            } while (v >= below);
        } else {
            do {
                if (x == end) {
                    return count;
                }
                v = (int32_t)*x * scale;
                x += stride;
            } while (v <= above);
        }
        high ^= 1;
        count++;
    }
}

static inline int32_t sa_zero_crossings(const int16_t *x, uint32_t n, uint32_t stride, int32_t threshold)
{
    return sa_crossings(x, n, stride, 1, 0, threshold);
}

/* Crossings of the mean sum / n; all is multiplied by n, at most 4096, so nothing is divided */
static inline int32_t sa_mean_crossings(const int16_t *x, uint32_t n, uint32_t stride, int32_t sum,
                                        int32_t threshold)
{
    return sa_crossings(x, n, stride, (int16_t)n, sum, threshold * (int32_t)n);
}

/* Maxima after a rise of more than threshold and before a fall of more than threshold */
static inline int32_t sa_peaks(const int16_t *x, uint32_t n, uint32_t stride, int32_t threshold)
{
    const int16_t *end = x + n * stride;
    int32_t extreme = *x;
    int32_t count = 0;
    int32_t v;

    for (;;) {
        do {
            if (x == end) {
                return count;
            }
            v = *x;
            x += stride;
            extreme = (v < extreme) ? v : extreme;
        } while (v - extreme <= threshold);
        extreme = v;
        do {
            if (x == end) {
                return count;
            }
            v = *x;
            x += stride;
            extreme = (v > extreme) ? v : extreme;
        } while (extreme - v <= threshold);
        extreme = v;
        count++;
    }
}

/* Sum of the later half of n samples, at least 2, less that of the earlier half */
static inline int32_t sa_trend(const int16_t *x, uint32_t n, uint32_t stride)
{
    const int16_t *end = x + (n / 2U) * stride;
    const int16_t *later = x + (n - n / 2U) * stride;
    int32_t sum = 0;

    do {
        sum += (int32_t)*later - *x;
        later += stride;
        x += stride;
    } while (x != end);
    return sum;
}

#endif
