/* sensorai: correlation of two channels. */
#ifndef SA_CORRELATION_H
#define SA_CORRELATION_H

#include "sa_scan.h"

/* Sum of the products of n samples of two channels */
static inline sa_wide sa_products(const int16_t *x, const int16_t *y, uint32_t n, uint32_t stride)
{
    const int16_t *end = x + n * stride;
    int64_t products = 0;

    do {
        products += (int32_t)(*x * *y);
        x += stride;
        y += stride;
    } while (x != end);
    return sa_wide_of((uint64_t)products);
}

/* 2^15 times the correlation, towards zero; 0 where a deviation is 0 */
static inline int32_t sa_correlation(sa_wide products, uint32_t n, const sa_stats *sx, const sa_stats *sy,
                                     const sa_deviation *dx, const sa_deviation *dy)
{
    sa_wide cross;
    sa_wide means;
    uint32_t below = sa_times16(dx->root, dy->root);
    uint32_t size;
    int32_t half = dx->half + dy->half;
    int32_t negative;
    int32_t r;

    if (below == 0U) {
        return 0;
    }
    /* n sum(x y) - sum(x) sum(y), modulo 2^64 */
    cross = sa_wide_times(products, n);
    means = sa_wide_product(sa_magnitude(sx->sum), sa_magnitude(sy->sum));
    if ((sx->sum < 0) != (sy->sum < 0)) {
        means = sa_wide_minus(means);
    }
    cross = sa_wide_less(cross, means);
    negative = (int32_t)(cross.hi >> 31);
    if (negative != 0) {
        cross = sa_wide_minus(cross);
    }
    size = (half >= 0) ? sa_wide_right(cross, (uint32_t)half) : cross.lo << (uint32_t)-half;
    r = (size >= below) ? 32768 : (int32_t)sa_fraction(size, below, 15);
    return (negative != 0) ? -r : r;
}

#endif
