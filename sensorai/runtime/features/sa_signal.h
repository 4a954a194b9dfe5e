/* sensorai: signals derived from the samples of a window. */
#ifndef SA_SIGNAL_H
#define SA_SIGNAL_H

#include "sa_wide.h"

/* floor(sqrt(v)) for v from 1: from a table of 1 / sqrt, improved twice from below with 16 x 16 bit products */
static inline uint32_t sa_root(uint32_t v)
{
    static const uint8_t inverse[96] = { /* floor(2^7 / sqrt(x)) at x = (i + 33) / 2^7, at most 255 */
        252, 248, 244, 241, 238, 234, 231, 228, 226, 223, 220, 218, 215, 213, 211, 209,
        206, 204, 202, 200, 198, 197, 195, 193, 191, 190, 188, 186, 185, 183, 182, 181,
        179, 178, 176, 175, 174, 173, 171, 170, 169, 168, 167, 166, 165, 163, 162, 161,
        160, 159, 158, 158, 157, 156, 155, 154, 153, 152, 151, 150, 150, 149, 148, 147,
        147, 146, 145, 144, 144, 143, 142, 142, 141, 140, 139, 139, 138, 138, 137, 136,
        136, 135, 135, 134, 133, 133, 132, 132, 131, 131, 130, 130, 129, 129, 128, 128
    };
    uint32_t shift = (32U - sa_bits(v)) & ~1U;
    uint32_t m = v << shift; /* from 2^30 */
    uint32_t y = inverse[(m >> 25) - 32U];
    uint32_t r = sa_times16(m >> 16, y) >> 7;
    uint32_t rest = m - sa_times16(r, r);

    r += sa_times16(rest >> 11, y) >> 13;
    rest = m - sa_times16(r, r);
    r += sa_times16(rest >> 7, y) >> 17;
    rest = m - sa_times16(r, r);
    while (rest > 2U * r) {
        rest -= 2U * r + 1U;
        r++;
    }
    return r >> (shift >> 1);
}

/* floor(sqrt(x^2 + y^2 + z^2)), at most 32767 */
static inline void sa_norm(const int16_t *x, const int16_t *y, const int16_t *z, uint32_t n, uint32_t stride,
                           int16_t *out)
{
    uint32_t i;

    for (i = 0; i < n; i++) {
        uint32_t s = (uint32_t)((int32_t)*x * *x) + (uint32_t)((int32_t)*y * *y) + (uint32_t)((int32_t)*z * *z);

        out[i] = (s >= 0x3FFF0001UL) ? (int16_t)32767 : (s == 0U) ? (int16_t)0 : (int16_t)sa_root(s);
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

/* Sizes of the differences of n samples under the weights 1, 2 ... 8 ... 2, 1 over 64, one for every eighth:
 * n / 8 - 1 results. Eight differences with falling weights end one result, the same eight with rising
 * weights, 8 times their sum less the falling ones, begin the next. */
static inline void sa_envelope(const int16_t *x, uint32_t n, uint32_t stride, int16_t *out)
{
    int32_t before = *x;
    uint32_t rising = 0;
    uint32_t block;
    uint32_t i;

    for (block = 0; block < n >> 3; block++) {
        uint32_t sum = 0;
        uint32_t falling = 0;

        for (i = 0; i < 7U; i++) {
            int32_t now;
            uint32_t size;

            x += stride;
            now = *x;
            size = sa_magnitude(now - before);
            before = now;
            sum += (size > 32767U) ? 32767U : size;
            falling += sum;
        }
        if (block != 0U) {
            *out++ = (int16_t)((rising + falling) >> 6);
        }
        if (block + 1U < n >> 3) {
            int32_t now;
            uint32_t size;

            x += stride;
            now = *x;
            size = sa_magnitude(now - before);
            before = now;
            sum += (size > 32767U) ? 32767U : size;
            rising = (sum << 3) - falling;
        }
    }
}

#endif
