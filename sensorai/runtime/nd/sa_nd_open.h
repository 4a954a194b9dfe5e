/* Weights of four bits, two in a byte, the first in its lower half, as the faster kernels of int8 sums read them. */
#ifndef SA_ND_OPEN_H
#define SA_ND_OPEN_H

#include "sa_nd.h"

/* One of the numbers, in 32 bits; the first bit that it has is known to the compiler. */
#define SA_ND_FOUR_BITS(code, bit) ((uint32_t)((int32_t)((uint32_t)(code) << (28 - (bit))) >> 28))

/* Words of two numbers of 16 bits, each 256 times a weight less the next one. */
SA_ND_FUNCTION void sa_nd_open_pairs(const uint8_t *x, void *to, int32_t words)
{
    sa_nd_u32 *y = (sa_nd_u32 *)to;

    for (; words > 0; words--) {
        const uint32_t code = (uint32_t)x[0] | (uint32_t)x[1] << 8;
        const uint32_t first = (SA_ND_FOUR_BITS(code, 0) << 8) - SA_ND_FOUR_BITS(code, 4);
        const uint32_t second = (SA_ND_FOUR_BITS(code, 8) << 8) - SA_ND_FOUR_BITS(code, 12);
        *y++ = (first & 0xFFFFU) | second << 16;
        x += 2;
    }
}

/* Bytes, with these bits turned. */
SA_ND_FUNCTION void sa_nd_open_bytes(const uint8_t *x, void *to, int32_t pairs, uint32_t turned)
{
    uint8_t *y = (uint8_t *)to;

    for (; pairs > 0; pairs--) {
        y[0] = (uint8_t)(SA_ND_FOUR_BITS(*x, 0) ^ turned);
        y[1] = (uint8_t)(SA_ND_FOUR_BITS(*x, 4) ^ turned);
        y += 2;
        x++;
    }
}

#endif
