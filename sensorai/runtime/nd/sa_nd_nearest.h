/* Nearest whole numbers of quotients; what lies outside +-2^30 becomes an end of that, NaN 0. */
#ifndef SA_ND_NEAREST_H
#define SA_ND_NEAREST_H

#include "sa_nd.h"

/* ties to even */
SA_ND_FUNCTION int32_t sa_nd_nearest_even(float x)
{
    const float a = x < 0.0F ? -x : x;
    int32_t n;

    if (x != x) {
        return 0;
    }
    n = a < 0x1p23F ? (int32_t)((a + 0x1p23F) - 0x1p23F) : (a < 0x1p30F ? (int32_t)a : 1 << 30);
    return x < 0.0F ? -n : n;
}

/* ties away from zero */
SA_ND_FUNCTION int32_t sa_nd_nearest_away(float x)
{
    const float a = x < 0.0F ? -x : x;
    int32_t n;

    if (x != x) {
        return 0;
    }
    n = a < 0x1p30F ? (int32_t)a : 1 << 30;
    if (a < 0x1p23F && a - (float)n >= 0.5F) {
        n++;
    }
    return x < 0.0F ? -n : n;
}

#endif
