/* sensorai: integer biquad sections on int16 samples, 16 x 16 bit products. */
#ifndef SA_BIQUAD_H
#define SA_BIQUAD_H

#include "sa_wide.h"

/* Coefficients of a section: b0, b1, b2 in Q(13 + shift), a1, a2 in Q14, shift */
#define SA_BIQUAD 6U

/* The fraction that no output has dropped yet: one half */
#define SA_BIQUAD_REST 4096

/* The next output; past: two inputs and two outputs, the newest first; rest: what the last output dropped */
static inline int16_t sa_biquad(const int16_t c[SA_BIQUAD], int16_t past[4], int32_t *rest, int16_t x)
{
    int32_t p = (int32_t)c[0] * x + (int32_t)c[1] * past[0] + (int32_t)c[2] * past[1];
    int32_t q = (int32_t)c[3] * past[2] + (int32_t)c[4] * past[3];
    int16_t y;

    p = (p + ((1 << c[5]) >> 1)) >> c[5];
    p += (1 - q) >> 1;
    p += *rest;
    *rest = p & 8191;
    y = (int16_t)sa_saturate16(p >> 13);
    past[1] = past[0];
    past[0] = x;
    past[3] = past[2];
    past[2] = y;
    return y;
}

#endif
