/* sensorai: distance from the nearest prototypes. */
#ifndef SA_NEAREST_H
#define SA_NEAREST_H

#include <stdint.h>

/* Puts a squared distance among the k smallest so far, in order; it is smaller than the last of them. */
static inline void sa_nearest_put(int32_t *nearest, uint32_t k, int32_t sum)
{
    uint32_t i;

    for (i = k - 1U; i > 0U && nearest[i - 1U] > sum; i--) {
        nearest[i] = nearest[i - 1U];
    }
    nearest[i] = sum;
}

/* Sum of the k smallest squared distances of z to `count` points, stored as int8_t where they fit.
 *
 * z, points: -511 to 511, at most 32 features, so a distance is below 2^25 and 8 of them below 2^28.
 * nearest: room for k values, k from 1 to `count`. */
#define SA_NEAREST(NAME, POINT)                                                                            \
    static inline int32_t NAME(const int16_t *z, const POINT *points, uint32_t count, uint32_t features,   \
                               int32_t *nearest, uint32_t k)                                               \
    {                                                                                                      \
        const POINT *end = points + count * features;                                                      \
        int32_t total = 0;                                                                                 \
        uint32_t i;                                                                                        \
                                                                                                           \
        for (i = 0; i < k; i++) {                                                                          \
            nearest[i] = INT32_MAX;                                                                        \
        }                                                                                                  \
        for (; points != end; points += features) {                                                        \
            int32_t worst = nearest[k - 1U];                                                               \
            int32_t sum = 0;                                                                               \
                                                                                                           \
            for (i = 0; i < features && sum < worst; i++) {                                                \
                int32_t u = z[i] - points[i];                                                              \
                                                                                                           \
                sum += u * u;                                                                              \
            }                                                                                              \
            if (sum < worst) {                                                                             \
                sa_nearest_put(nearest, k, sum);                                                           \
            }                                                                                              \
        }                                                                                                  \
        for (i = 0; i < k; i++) {                                                                          \
            total += nearest[i];                                                                           \
        }                                                                                                  \
        return total;                                                                                      \
    }

SA_NEAREST(sa_nearest8, int8_t)
SA_NEAREST(sa_nearest16, int16_t)

#undef SA_NEAREST

#endif
