/* Steps from int16 samples to logarithms of bands, with the rounding of TensorFlow Lite Micro's signal library. */
#ifndef SA_ND_SIGNAL_H
#define SA_ND_SIGNAL_H

#include "sa_nd.h"

/* Bits of a number up to its highest one. */
SA_ND_INLINE int32_t sa_nd_signal_bits(uint32_t x)
{
    int32_t bits = 0, step;

    for (step = 16; step > 0; step >>= 1) {
        if (x >> step) {
            x >>= step;
            bits += step;
        }
    }
    return bits + (int32_t)x;
}

SA_ND_FUNCTION void sa_nd_signal_window(int32_t rows, int32_t count, int32_t shift, const sa_nd_i16 *x,
                                        const sa_nd_i16 *w, sa_nd_i16 *y)
{
    int32_t n, i;

    for (n = 0; n < rows; n++) {
        for (i = 0; i < count; i++) {
            const int32_t v = (x[i] * w[i]) >> shift;
            y[i] = (int16_t)(v < INT16_MIN ? INT16_MIN : (v > INT16_MAX ? INT16_MAX : v));
        }
        x += count;
        y += count;
    }
}

/* The magnitude of -32768 is -32768: what follows it counts anew, and may be below 0. */
SA_ND_FUNCTION void sa_nd_signal_scale(int32_t count, const sa_nd_i16 *x, sa_nd_i16 *y, sa_nd_i32 *bits)
{
    int32_t i, most = 0, spare = 0;

    for (i = 0; i < count; i++) {
        const int32_t v = x[i];
        if (v > most) {
            most = v;
        } else if (-v > most) {
            most = v == INT16_MIN ? INT16_MIN : -v;
        }
    }
    if (most > 0) {
        spare = 15 - sa_nd_signal_bits((uint32_t)most);
    }
    for (i = 0; i < count; i++) {
        y[i] = (int16_t)((uint32_t)x[i] << spare);
    }
    *bits = spare;
}

SA_ND_FUNCTION void sa_nd_signal_energy(int32_t count, int32_t start, int32_t end, const sa_nd_i16 *x,
                                        sa_nd_u32 *y)
{
    int32_t i;

    for (i = 0; i < count; i++) {
        const int32_t r = x[2 * i], m = x[2 * i + 1];
        y[i] = i < start || i >= end ? 0U : (uint32_t)(r * r) + (uint32_t)(m * m);
    }
}

/* Band -1 makes only what band 0 is carried. */
SA_ND_FUNCTION void sa_nd_signal_bands(int32_t bands, const sa_nd_u32 *x, const sa_nd_i16 *w, const sa_nd_i16 *u,
                                       const sa_nd_i16 *first, const sa_nd_i16 *weight, const sa_nd_i16 *width,
                                       sa_nd_u64 *y)
{
    uint64_t carried = 0;
    int32_t k, i;

    for (k = 0; k <= bands; k++) {
        uint64_t sum = carried, next = 0;
        for (i = 0; i < width[k]; i++) {
            const int64_t v = x[first[k] + i];
            sum += (uint64_t)(v * w[weight[k] + i]);
            next += (uint64_t)(v * u[weight[k] + i]);
        }
        if (k > 0) {
            y[k - 1] = sum;
        }
        carried = next;
    }
}

SA_ND_FUNCTION void sa_nd_signal_root(int32_t count, const sa_nd_u64 *x, const sa_nd_i32 *bits, sa_nd_u32 *y)
{
    const uint32_t down = (uint32_t)*bits & 31U;
    int32_t i;

    for (i = 0; i < count; i++) {
        uint64_t rest = x[i], root = 0, bit = (uint64_t)1 << 62;
        const uint64_t most = rest >> 32 ? 0xFFFFFFFFU : 0xFFFFU;
        while (bit > rest) {
            bit >>= 2;
        }
        while (bit) {
            if (rest >= root + bit) {
                rest -= root + bit;
                root = (root >> 1) + bit;
            } else {
                root >>= 1;
            }
            bit >>= 2;
        }
        if (rest > root && root != most) {
            root++;
        }
        y[i] = (uint32_t)root >> down;
    }
}

typedef struct {
    int32_t count;
    uint32_t factor[4]; /* of the band and of the estimate: even bands, odd bands */
    uint32_t least;
    int32_t bits;
    int32_t places;
    int32_t clamped;
} sa_nd_denoise_t;

SA_ND_FUNCTION void sa_nd_signal_denoise(const sa_nd_denoise_t *l, const sa_nd_u32 *x, const sa_nd_u32 *noise,
                                         sa_nd_u32 *y, sa_nd_u32 *next)
{
    int32_t i;

    for (i = 0; i < l->count; i++) {
        const uint32_t *f = l->factor + 2 * (i & 1);
        const uint32_t up = x[i] << l->bits;
        const uint32_t now = (uint32_t)(((uint64_t)up * f[0] + (uint64_t)noise[i] * f[1]) >> l->places);
        const uint32_t taken = now > up ? up : now;
        const uint32_t least = (uint32_t)(((uint64_t)x[i] * l->least) >> l->places);
        const uint32_t left = (up - taken) >> l->bits;
        next[i] = l->clamped ? taken : now;
        y[i] = left > least ? left : least;
    }
}

SA_ND_FUNCTION void sa_nd_signal_gain(int32_t count, int32_t shift, const sa_nd_u32 *x, const sa_nd_u32 *noise,
                                      const sa_nd_i16 *table, sa_nd_u32 *y)
{
    int32_t i;

    for (i = 0; i < count; i++) {
        const uint32_t n = noise[i];
        uint32_t gain, ratio;
        if (n <= 2U) {
            gain = (uint32_t)table[n];
        } else {
            const int32_t bits = sa_nd_signal_bits(n);
            const sa_nd_i16 *t = table + 4 * bits - 6;
            const int32_t part = (int32_t)((bits < 11 ? n << (11 - bits) : n >> (bits - 11)) & 0x3FFU);
            const int32_t slope = ((t[2] * part) >> 5) + t[1] * 32;
            gain = (uint32_t)(int16_t)(((slope * part + (1 << 14)) >> 15) + t[0]);
        }
        ratio = (uint32_t)(((uint64_t)x[i] * gain) >> shift);
        y[i] = ratio < 8192U ? (ratio * ratio) >> 20 : (ratio >> 6) - 64U;
    }
}

/* table: what straight lines leave of logarithms to the base 2, for 128 parts of 1 to 2. */
SA_ND_FUNCTION void sa_nd_signal_log(int32_t count, int32_t up, uint32_t scale, const int16_t *table,
                                     const sa_nd_u32 *x, sa_nd_i16 *y)
{
    int32_t i;

    for (i = 0; i < count; i++) {
        const uint32_t v = x[i] << up;
        uint32_t made = 0;
        if (v > 1U) {
            const int32_t whole = sa_nd_signal_bits(v) - 1;
            const uint32_t rest = v - ((uint32_t)1 << whole);
            const int32_t part = (int32_t)(whole < 16 ? rest << (16 - whole) : rest >> (whole - 16));
            const int32_t k = part >> 9;
            const int32_t line = ((table[k + 1] - table[k]) * (part - k * 512)) >> 16;
            const uint32_t base2 = ((uint32_t)whole << 16) + (uint32_t)(part + table[k] + line);
            const uint32_t base_e = (uint32_t)(((uint64_t)45426U * base2 + 32768U) >> 16);
            made = (scale * base_e + 32768U) >> 16;
        }
        y[i] = (int16_t)(made < INT16_MAX ? made : INT16_MAX);
    }
}

#endif
