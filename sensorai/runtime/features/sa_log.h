/* sensorai: logarithm of the energy of a band, by squaring: no table, no division. */
#ifndef SA_LOG_H
#define SA_LOG_H

#include "sa_spectrum.h"

/* Base-2 logarithm in 256ths of a number above 0: its highest 16 bits count */
static inline int32_t sa_log2(sa_wide x)
{
    uint32_t bits = (x.hi != 0U) ? 32U + sa_bits(x.hi) : sa_bits(x.lo);
    uint32_t log = bits - 1U;
    uint32_t m;
    uint32_t i;

    if (bits > 16U) {
        m = sa_wide_right(x, bits - 16U);
    } else {
        m = x.lo << (16U - bits);
    }
    for (i = 0; i < 8U; i++) {
        uint32_t above;

        m *= m; /* m is below 2^16 */
        above = m >> 31;
        m >>= 15U + above;
        log = (log << 1) | above;
    }
    return (int32_t)log;
}

/* 256 (8 + log2 of the energy of bins low to high), at least 0; left: the scaling of the input */
static inline int32_t sa_band_log(const uint32_t *bins, uint32_t low, uint32_t high, int32_t left)
{
    sa_wide sum = sa_band_sum(bins, low, high);
    int32_t log;

    if ((sum.lo | sum.hi) == 0U) {
        return 0;
    }
    log = sa_log2(sum) + 256 * (8 - 2 * left);
    return (log > 0) ? log : 0;
}

#endif
