/* sensorai: squared distance from a Gaussian, on whitened inputs. */
#ifndef SA_GAUSSIAN_H
#define SA_GAUSSIAN_H

#include <stdint.h>

/* sum + y^2 with y = acc >> shift, rounded half up, saturated to 16 bits. A square is at most 2^30, so with a
 * sum below 2^31 nothing overflows; |acc| and the half are at most 2^30 each. */
static inline uint32_t sa_gaussian_add(uint32_t sum, int32_t acc, uint32_t shift)
{
    int32_t y = (acc + (int32_t)((1U << shift) >> 1)) >> shift;

    if (y > 32767) {
        y = 32767;
    } else if (y < -32768) {
        y = -32768;
    }
    return sum + (uint32_t)(y * y);
}

/* bias + |W (z - mean)|^2, or `best` where that is smaller; with INT32_MAX the sum saturates there.
 *
 * z, mean: -511 to 511. weight: the rows of a lower triangle, one after the other, -32767 to 32767.
 * features: 1 to 32. u: room for as many values. */
static inline int32_t sa_gaussian(const int16_t *z, const int16_t *mean, const int16_t *weight,
                                  const uint8_t *shift, int32_t bias, uint32_t features, int16_t *u,
                                  int32_t best)
{
    uint32_t sum = (uint32_t)bias;
    uint32_t i;

    for (i = 0; i < features; i++) {
        const int16_t *from = u;
        const int16_t *end = weight + i;
        int32_t last = z[i] - mean[i];
        int32_t acc = 0;

        u[i] = (int16_t)last;
        while (weight != end) {
            acc += *weight++ * *from++;
        }
        acc += *weight++ * last;
        sum = sa_gaussian_add(sum, acc, shift[i]);
        if (sum >= (uint32_t)best) {
            return best;
        }
    }
    return (int32_t)sum;
}

/* The same where W is diagonal: weight holds one value a feature. */
static inline int32_t sa_gaussian_diagonal(const int16_t *z, const int16_t *mean, const int16_t *weight,
                                           const uint8_t *shift, int32_t bias, uint32_t features, int32_t best)
{
    uint32_t sum = (uint32_t)bias;
    uint32_t i;

    for (i = 0; i < features; i++) {
        sum = sa_gaussian_add(sum, weight[i] * (z[i] - mean[i]), shift[i]);
        if (sum >= (uint32_t)best) {
            return best;
        }
    }
    return (int32_t)sum;
}

#endif
