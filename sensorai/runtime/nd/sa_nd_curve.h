/* Sigmoid and tanh of 16-bit numbers by straight lines between 256 values, as TensorFlow Lite Micro has them. */
#ifndef SA_ND_CURVE_H
#define SA_ND_CURVE_H

#include "sa_nd.h"

SA_ND_FUNCTION int16_t sa_nd_sigmoid_i16(int32_t x, int32_t multiplier, int32_t right, const uint16_t *table)
{
    const int32_t v = (x * multiplier + (int32_t)(((uint32_t)1 << right) >> 1)) >> right;
    const uint32_t size = v < 0 ? 0U - (uint32_t)v : (uint32_t)v;
    const uint32_t k = size >> 9;
    uint32_t y = 0x7FFFU << 10;

    if (k < 255U) {
        y = ((uint32_t)table[k] << 9) + (size & 0x1FFU) * ((uint32_t)table[k + 1] - (uint32_t)table[k]);
    }
    y = v >= 0 ? y + 512U : (1U << 25) - y + 511U;
    return (int16_t)(y >> 10);
}

SA_ND_FUNCTION int16_t sa_nd_tanh_i16(int32_t x, int32_t multiplier, int32_t right, const uint16_t *table)
{
    const int32_t v = (x * multiplier + (int32_t)(((uint32_t)1 << right) >> 1)) >> right;
    const uint32_t size = v < 0 ? 0U - (uint32_t)v : (uint32_t)v;
    const uint32_t k = size >> 8;
    int32_t y = 0xFFFF << 8;

    if (k < 255U) {
        const int32_t step = (int32_t)table[k + 1] - (int32_t)table[k];
        y = ((int32_t)table[k] << 8) + (int32_t)(size & 0xFFU) * step;
    }
    y = v >= 0 ? y - (1 << 23) + (1 << 7) : (1 << 23) - y + (1 << 7) - 1;
    return (int16_t)(y >> 8);
}

#endif
