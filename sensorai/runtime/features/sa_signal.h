/* sensorai: signals derived from the samples of a window. */
#ifndef SA_SIGNAL_H
#define SA_SIGNAL_H

#include "sa_wide.h"

/* floor(sqrt(x^2 + y^2 + z^2)), at most 32767 */
static inline void sa_norm(const int16_t *x, const int16_t *y, const int16_t *z, uint32_t n, uint32_t stride,
                           int16_t *out)
{
    uint32_t i;

    for (i = 0; i < n; i++) {
        uint32_t s = (uint32_t)((int32_t)*x * *x) + (uint32_t)((int32_t)*y * *y) + (uint32_t)((int32_t)*z * *z);

        out[i] = (s >= 0x3FFF0001UL) ? (int16_t)32767 : (int16_t)sa_sqrt(s);
        x += stride;
        y += stride;
        z += stride;
    }
}

/* x[i + 1] - x[i], saturated, for n samples: n - 1 results; out may be x where stride is 1 */
static inline void sa_jerk(const int16_t *x, uint32_t n, uint32_t stride, int16_t *out)
{
    int32_t before = *x;
    uint32_t i;

    for (i = 0; i + 1U < n; i++) {
        int32_t now;

        x += stride;
        now = *x;
        out[i] = (int16_t)sa_saturate16(now - before);
        before = now;
    }
}

#endif
