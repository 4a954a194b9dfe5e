/* sensorai: learning what is normal; running moments in bounded memory, and tables for sa_gaussian made of them.
 *
 * z is on the grid of -511 to 511, d values of it, 1 to 16. A triangle of d has d (d + 1) / 2 entries, in the
 * order (0, 0), (1, 0), (1, 1), (2, 0) ...
 *
 * moment: d sums of z in 1/256, then the triangle of the sums of products. table: d means, then the triangle of
 * weights. Products of 64 bits are written out (sa_wide.h); nothing is divided but by shifts and subtractions,
 * and that only in sa_learn_freeze.
 */
#ifndef SA_LEARN_H
#define SA_LEARN_H

#include "sa_correlation.h"

/* Called from many places of what is seldom run: small rather than fast. */
#if defined(__GNUC__)
#define SA_LEARN_CALL static __attribute__((noinline, unused))
#else
#define SA_LEARN_CALL static inline
#endif

#define SA_LEARN_LIMIT 511
#define SA_LEARN_FULL 4096U /* windows at which the moments are halved */
#define SA_LEARN_LEAST 4U   /* windows per input that freezing needs */
#define SA_LEARN_Q 27U
#define SA_LEARN_ONE ((int32_t)1 << 27)
#define SA_LEARN_RIDGE (SA_LEARN_ONE >> 6)
#define SA_LEARN_CORRELATION (SA_LEARN_ONE + (SA_LEARN_ONE >> 10))
#define SA_LEARN_FACTOR (SA_LEARN_ONE + (SA_LEARN_ONE >> 5)) /* no entry of a factor is larger */
#define SA_LEARN_INVERSE (12 * SA_LEARN_ONE)                 /* nor one of its inverse */

/* One window. With at most 4096 windows in them, sums stay below 2^29 and products below 2^30. */
static inline void sa_learn_window(int32_t *moment, uint32_t *windows, uint16_t *count, const int16_t *z,
                                   uint32_t d)
{
    int32_t *to = moment;
    uint32_t i;

    for (i = 0; i < d; i++) {
        *to++ += z[i] * 256;
    }
    for (i = 0; i < d; i++) {
        const int16_t *other = z;
        const int16_t *end = z + i;
        int16_t own = *end;

        while (other <= end) {
            *to++ += (int32_t)(own * *other++);
        }
    }
    if (*windows != 0xFFFFFFFFU) {
        (*windows)++;
    }
    if (++*count == SA_LEARN_FULL) {
        *count = (uint16_t)(SA_LEARN_FULL / 2U);
        while (to != moment) {
            to--;
            *to = (*to >> 1) + (*to & 1);
        }
    }
}

/* a * b, modulo 2^64 */
SA_LEARN_CALL sa_wide sa_learn_product(int32_t a, int32_t b)
{
    sa_wide p = sa_wide_product(sa_magnitude(a), sa_magnitude(b));

    return ((a < 0) != (b < 0)) ? sa_wide_minus(p) : p;
}

/* x >> bits, rounded half up, within [-most, most]; 1 <= bits <= 31, |x| below 2^62 */
SA_LEARN_CALL int32_t sa_learn_narrow(sa_wide x, uint32_t bits, int32_t most)
{
    uint32_t half = 1UL << (bits - 1U);
    int32_t above;
    int32_t value;

    x.lo += half;
    x.hi += (uint32_t)(x.lo < half);
    above = (int32_t)x.hi >> (bits - 1U); /* 0 or -1 where the result has 32 bits */
    value = (int32_t)sa_wide_right(x, bits);
    if (above > 0 || (above == 0 && value > most)) {
        return most;
    }
    return (above < -1 || value < -most) ? -most : value;
}

/* (256 count)^2 times the covariance of two inputs: count * product * 2^16 - sum * sum, below 2^60 */
static inline sa_wide sa_learn_covariance(uint32_t count, int32_t product, int32_t a, int32_t b)
{
    sa_wide c = sa_learn_product(product, (int32_t)count);

    c.hi = (c.hi << 16) | (c.lo >> 16);
    c.lo <<= 16;
    return sa_wide_less(c, sa_learn_product(a, b));
}

/* Size of a covariance over two deviations, in SA_LEARN_Q bits. Roots are rounded down, so it may be a little above
 * one; what is more than 1/1024 above cannot be. */
static inline int32_t sa_learn_ratio(sa_wide size, const sa_deviation *a, const sa_deviation *b)
{
    uint32_t below = sa_times16(a->root, b->root);
    int32_t half = a->half + b->half;
    int32_t whole = 0;
    uint32_t above;
    uint32_t rest;

    if (half >= 0) {
        above = sa_wide_right(size, (uint32_t)half + 32U);
        rest = sa_wide_right(size, (uint32_t)half);
    } else {
        above = size.hi | (size.lo >> (uint32_t)(32 + half));
        rest = size.lo << (uint32_t)-half;
    }
    if (rest >= below) {
        rest -= below;
        whole = SA_LEARN_ONE;
    }
    if (above != 0U || rest >= below) {
        return SA_LEARN_CORRELATION;
    }
    whole += (int32_t)sa_fraction(rest, below, SA_LEARN_Q);
    return (whole > SA_LEARN_CORRELATION) ? SA_LEARN_CORRELATION : whole;
}

/* Lower rows of a correlation matrix to those of the inverse of its Cholesky factor, in place. over: d words. */
static inline void sa_learn_inverse(int32_t *rows, uint32_t d, uint32_t *over)
{
    int32_t *row = rows;
    uint32_t i;
    uint32_t j;
    uint32_t k;

    for (i = 0; i < d; i++) {
        const int32_t *other = rows;
        sa_wide rest;

        for (j = 0; j <= i; j++) {
            rest = sa_learn_product(row[j], SA_LEARN_ONE);
            for (k = 0; k < j; k++) {
                rest = sa_wide_less(rest, sa_learn_product(row[k], other[k]));
            }
            if (j < i) {
                int32_t value = sa_learn_narrow(rest, SA_LEARN_Q, SA_LEARN_FACTOR);

                value = sa_learn_narrow(sa_learn_product(value, (int32_t)over[j]), SA_LEARN_Q, SA_LEARN_FACTOR);
                row[j] = value;
            }
            other += j + 1U;
        }
        /* the pivot is what is left of the diagonal, at least 2^48: the ridge */
        if ((int32_t)rest.hi < 65536) {
            rest.hi = 65536U;
            rest.lo = 0;
        }
        over[i] = sa_fraction(1UL << 23, sa_wide_root(rest, 28U), 31U); /* 2^54 / root */
        row += i + 1U;
    }
    row = rows;
    for (i = 0; i < d; i++) {
        const int32_t *corner = rows; /* on the diagonal */

        for (j = 0; j < i; j++) {
            const int32_t *other = corner; /* down the column j of what is inverted */
            sa_wide sum = { 0, 0 };

            for (k = j; k < i; k++) {
                sum = sa_wide_less(sum, sa_learn_product(-row[k], *other));
                other += k + 1U;
            }
            row[j] = sa_learn_narrow(
                sa_learn_product(-sa_learn_narrow(sum, SA_LEARN_Q, SA_LEARN_INVERSE), (int32_t)over[i]), SA_LEARN_Q,
                SA_LEARN_INVERSE);
            corner += j + 2U;
        }
        row[i] = (int32_t)over[i];
        row += i + 1U;
    }
}

/* sum / (256 count) rounded half up, for |sum| <= 511 * 256 count */
static inline int16_t sa_learn_mean(int32_t sum, uint32_t count)
{
    uint32_t unit = count << 8;
    uint32_t lifted = (uint32_t)(sum + (int32_t)(SA_LEARN_LIMIT * unit)) + (unit >> 1);

    return (int16_t)((int32_t)sa_quotient(lifted, unit, 10U) - SA_LEARN_LIMIT);
}

/* A row over the deviations to 16 bits; returns its shift. */
static inline uint8_t sa_learn_row(int32_t *row, const uint32_t *over, uint32_t entries, int16_t *weight)
{
    uint32_t most = 0;
    uint32_t bits;
    uint32_t j;

    for (j = 0; j < entries; j++) {
        uint32_t size;

        row[j] = sa_learn_narrow(sa_learn_product(row[j], (int32_t)over[j]), 30U, INT32_MAX);
        size = sa_magnitude(row[j]);
        most = (size > most) ? size : most;
    }
    bits = sa_bits(most); /* 18 to 31: the diagonal is never small, the inverse never large */
    for (j = 0; j < entries; j++) {
        int32_t value = (row[j] >> (bits - 15U)) + ((row[j] >> (bits - 16U)) & 1);

        weight[j] = (int16_t)((value > 32767) ? 32767 : (value < -32767) ? -32767 : value);
    }
    return (uint8_t)(37U - bits);
}

/* Moments to tables. least: each input's smallest deviation, as a power of two up to 4. work: words for a triangle
 * and three times d. Returns 0, or -1 for fewer than 4 windows an input. */
static inline int sa_learn_freeze(const int32_t *moment, uint32_t count, const uint8_t *least, uint32_t d,
                                  int16_t *table, uint8_t *shift, uint32_t *work)
{
    int32_t *rows = (int32_t *)(void *)work;
    uint32_t *over = work + d * (d + 1U) / 2U;
    sa_deviation *deviation = (sa_deviation *)(void *)(over + d);
    const int32_t *product = moment + d;
    int32_t *to = rows;
    int16_t *weight = table + d;
    uint32_t i;
    uint32_t j;

    if (count < SA_LEARN_LEAST * d) {
        return -1;
    }
    for (i = 0; i < d; i++) {
        sa_wide variance = sa_learn_covariance(count, product[i], moment[i], moment[i]);
        sa_wide floor_of = sa_wide_product(count << (8U + least[i]), count << (8U + least[i]));

        if ((int32_t)variance.hi < (int32_t)floor_of.hi ||
            (variance.hi == floor_of.hi && variance.lo < floor_of.lo)) {
            variance = floor_of;
        }
        sa_root_of(variance, &deviation[i]);
        for (j = 0; j < i; j++) {
            sa_wide c = sa_learn_covariance(count, *product++, moment[i], moment[j]);

            if ((c.hi >> 31) != 0U) {
                *to++ = -sa_learn_ratio(sa_wide_minus(c), &deviation[i], &deviation[j]);
            } else {
                *to++ = sa_learn_ratio(c, &deviation[i], &deviation[j]);
            }
        }
        product++;
        *to++ = sa_learn_ratio(variance, &deviation[i], &deviation[i]) + SA_LEARN_RIDGE;
    }
    sa_learn_inverse(rows, d, over);
    for (i = 0; i < d; i++) {
        over[i] = sa_fraction(count, deviation[i].root, (uint32_t)(38 - deviation[i].half));
        table[i] = sa_learn_mean(moment[i], count);
        shift[i] = sa_learn_row(rows, over, i + 1U, weight);
        rows += i + 1U;
        weight += i + 1U;
    }
    return 0;
}

#endif
