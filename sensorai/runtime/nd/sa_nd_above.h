/* Whether a float32 number is above another one. Cores such as the ISPU add and multiply such numbers, but call a
 * function to compare them; their bits compare as integers do. */
#ifndef SA_ND_ABOVE_H
#define SA_ND_ABOVE_H

#include "sa_nd.h"

#if defined(SA_ND_SHORT)
/* In the order of the numbers: both zeros are 0, NaNs are beyond infinity. */
SA_ND_INLINE int32_t sa_nd_ordered(float v)
{
    const int32_t bits = *(const sa_nd_i32 *)(const void *)&v;

    return bits < 0 ? (int32_t)(0x80000000U - (uint32_t)bits) : bits;
}

/* No NaN is above anything, and nothing above a NaN. */
SA_ND_APART int32_t sa_nd_above(float a, float b)
{
    const int32_t most = 0x7F800000, p = sa_nd_ordered(a), q = sa_nd_ordered(b);

    return p > q && p <= most && q >= -most ? 1 : 0;
}
#define SA_ND_ABOVE(a, b) (sa_nd_above(a, b) != 0)
#else
#define SA_ND_ABOVE(a, b) ((a) > (b))
#endif

#endif
