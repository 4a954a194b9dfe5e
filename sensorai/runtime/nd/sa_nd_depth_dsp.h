/* Convolutions of int8 numbers with a kernel for each channel, for cores with the DSP extension: four channels at
 * a time, rows of the input spread once to pairs of neighbours. The results of four channels may lie where their
 * values lay: a row is read before the results of the row above it are stored. */
#ifndef SA_ND_DEPTH_DSP_H
#define SA_ND_DEPTH_DSP_H

#include "sa_nd_fast_dsp.h"

#if defined(__ARM_FEATURE_DSP)
SA_ND_INLINE uint32_t sa_nd_pkhbt(uint32_t x, uint32_t y)
{
    uint32_t z;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(z) : "r"(x), "r"(y));
    return z;
}

SA_ND_INLINE uint32_t sa_nd_pkhtb(uint32_t x, uint32_t y)
{
    uint32_t z;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(z) : "r"(x), "r"(y));
    return z;
}
#else
SA_ND_INLINE uint32_t sa_nd_pkhbt(uint32_t x, uint32_t y)
{
    return (x & 0xFFFFU) | (y << 16);
}

SA_ND_INLINE uint32_t sa_nd_pkhtb(uint32_t x, uint32_t y)
{
    return (x & 0xFFFF0000U) | (y >> 16);
}
#endif

/* Four bytes, spread. */
typedef struct {
    uint32_t even;
    uint32_t odd;
} sa_nd_spread_t;

SA_ND_INLINE sa_nd_spread_t sa_nd_open(uint32_t x)
{
    sa_nd_spread_t y;

    y.even = sa_nd_sxtb16(x);
    y.odd = sa_nd_sxtb16_8(x);
    return y;
}

/* Two times four bytes as four pairs. */
SA_ND_INLINE void sa_nd_neighbours(sa_nd_spread_t x, sa_nd_spread_t y, uint32_t *to)
{
    to[0] = sa_nd_pkhbt(x.even, y.even);
    to[1] = sa_nd_pkhbt(x.odd, y.odd);
    to[2] = sa_nd_pkhtb(y.even, x.even);
    to[3] = sa_nd_pkhtb(y.odd, x.odd);
}

/* Pairs of neighbours in a row of the input, four channels each, margins filled; pairs lie so many words apart. */
SA_ND_INLINE void sa_nd_fill_pairs(const sa_nd_fast_t *l, const int8_t *x, int32_t inside, int32_t width,
                                   uint32_t *to, const int32_t step)
{
    const sa_nd_spread_t zero = sa_nd_open(((uint32_t)l->zero & 0xFFU) * 0x01010101U);
    const int32_t left = inside && l->before[1] < width ? l->before[1] : width, apart = l->channels;
    const int32_t room = width - left;
    int32_t i, values = room < l->in[1] ? room : l->in[1];
    uint32_t *const end = to + step * width;
    sa_nd_spread_t here = zero;

    for (i = left - 1; i > 0; i--) {
        sa_nd_neighbours(zero, zero, to);
        to += step;
    }
    if (left == 0 && values > 0) {
        here = sa_nd_open(((const sa_nd_any32 *)(const void *)x)->v);
        x += apart;
        values--;
    }
#if defined(SA_ND_DSP_ASM)
#define SA_ND_NEXT(even, odd, next_even, next_odd)   \
    "ldr r4, [%[x]]\n"                               \
    "add %[x], %[apart]\n"                           \
    "sxtb16 " next_even ", r4\n"                     \
    "sxtb16 " next_odd ", r4, ror #8\n"              \
    "pkhbt r4, " even ", " next_even ", lsl #16\n"   \
    "pkhbt r5, " odd ", " next_odd ", lsl #16\n"     \
    "pkhtb r6, " next_even ", " even ", asr #16\n"   \
    "pkhtb r8, " next_odd ", " odd ", asr #16\n"     \
    "stmia %[to], {r4, r5, r6, r8}\n"                \
    "add %[to], #%c[step]\n"
    if (values > 0) {
        /* two at a time, an odd one first */
        __asm__ volatile("mov r9, %[even]\n"
                         "mov r10, %[odd]\n"
                         "lsls r4, %[n], #31\n"
                         "bne 2f\n"
                         "1:\n" SA_ND_NEXT("%[even]", "%[odd]", "r9", "r10")
                         "2:\n" SA_ND_NEXT("r9", "r10", "%[even]", "%[odd]")
                         "subs %[n], #2\n"
                         "bgt 1b\n"
                         : [x] "+&r"(x), [to] "+&r"(to), [n] "+&r"(values), [even] "+&r"(here.even),
                           [odd] "+&r"(here.odd)
                         : [apart] "r"(apart), [step] "i"(4 * step)
                         : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
    }
#undef SA_ND_NEXT
#else
    for (; values > 0; values--) {
        const sa_nd_spread_t there = sa_nd_open(((const sa_nd_any32 *)(const void *)x)->v);
        sa_nd_neighbours(here, there, to);
        to += step;
        here = there;
        x += apart;
    }
#endif
    for (; to != end; to += step) {
        sa_nd_neighbours(here, zero, to);
        here = zero;
    }
}

SA_ND_APART void sa_nd_fill_line(const sa_nd_fast_t *l, const int8_t *x, int32_t inside, int32_t width,
                                 uint32_t *to)
{
    sa_nd_fill_pairs(l, x, inside, width, to, 4);
}

/* Sums of a kernel come twice as large, 4 times for SA_ND_FLOORED. */
SA_ND_INLINE int32_t sa_nd_depth_number(uint32_t sum, int32_t multiplier, int32_t shift, int32_t zero, int rounding)
{
    if (rounding == SA_ND_FLOORED) {
        const sa_nd_way_t w = sa_nd_way_above(multiplier, shift, zero, 0);
        return sa_nd_ssat8(sa_nd_floored((int32_t)sum, &w));
    } else {
        const sa_nd_way_t w = sa_nd_way(multiplier, shift, zero, rounding);
        return sa_nd_ssat8(sa_nd_scaled((int32_t)sum, &w, rounding));
    }
}

/* Any kernel: rows of pairs one after the other. */
SA_ND_INLINE void sa_nd_depth_dsp_run(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, const int32_t *bias,
                                      int8_t *y, uint32_t *scratch, int rounding)
{
    const int32_t steps = (l->kernel[1] + 1) / 2, rows = l->kernel[0];
    const int32_t places = l->out[1], width = (places - 1) * l->stride[1] + l->kernel[1];
    const int32_t taps = l->kernel[1] * rows, line = 4 * width, times = rounding == SA_ND_FLOORED ? 4 : 2;
    uint32_t *const told = scratch, *const ring = told + 4 * steps * rows;
    int32_t batch, channel;

    for (batch = 0; batch < l->batch; batch++) {
        for (channel = 0; channel < l->channels; channel += 4) {
            const int8_t *v = w + channel * taps;
            int8_t *to = y + channel;
            uint32_t *tell = told;
            int32_t i, k, at, oy, filled = -l->before[0], slot = 0;
            for (k = 0; k < rows; k++) {
                for (i = 0; i < steps; i++) {
                    const int32_t two = 2 * i + 1 < l->kernel[1];
                    int32_t c;
                    for (c = 0; c < 4; c++) {
                        const uint32_t high = two ? (uint32_t)(times * v[4 + c]) << 16 : 0U;
                        *tell++ = ((uint32_t)(times * v[c]) & 0xFFFFU) | high;
                    }
                    v += two ? 8 : 4;
                }
            }
            for (oy = 0; oy < l->out[0]; oy++) {
                const int32_t from = oy * l->stride[0] - l->before[0];
                /* rows that no place needs are left out */
                for (; filled < from + rows; filled++) {
                    if (filled >= from) {
                        const int8_t *p = x + filled * l->in[1] * l->channels + channel;
                        const int32_t inside = filled >= 0 && filled < l->in[0];
                        sa_nd_fill_line(l, p, inside, width, ring + slot * line);
                    }
                    slot = slot + 1 == rows ? 0 : slot + 1;
                }
                for (at = 0; at < places; at++) {
                    const uint32_t *u = told;
                    uint32_t s[4];
                    /* the slot to be filled next holds the first row */
                    int32_t row = slot;
                    for (i = 0; i < 4; i++) {
                        s[i] = (uint32_t)times * (uint32_t)bias[channel + i];
                    }
                    for (k = 0; k < rows; k++) {
                        const uint32_t *p = ring + row * line + 4 * at * l->stride[1];
                        for (i = 0; i < steps; i++) {
                            s[0] = sa_nd_smlad(p[0], u[0], s[0]);
                            s[1] = sa_nd_smlad(p[1], u[1], s[1]);
                            s[2] = sa_nd_smlad(p[2], u[2], s[2]);
                            s[3] = sa_nd_smlad(p[3], u[3], s[3]);
                            p += 8;
                            u += 4;
                        }
                        row = row + 1 == rows ? 0 : row + 1;
                    }
                    for (i = 0; i < 4; i++) {
                        const int32_t c = (channel + i) * l->each;
                        to[i] = (int8_t)sa_nd_depth_number(s[i], l->multiplier[c], l->shift[c], l->out_zero,
                                                           rounding);
                    }
                    to += l->channels;
                }
            }
        }
        x += l->in[0] * l->in[1] * l->channels;
        y += l->out[0] * places * l->channels;
    }
    sa_nd_ends(l, y - l->batch * l->out[0] * places * l->channels, l->batch * l->out[0] * places * l->channels);
}

#define SA_ND_DEPTH(end, rounding)                                                                     \
    SA_ND_FUNCTION void sa_nd_depth_dsp_##end(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, \
                                              const int32_t *bias, int8_t *y, void *scratch)           \
    {                                                                                                  \
        sa_nd_depth_dsp_run(l, x, w, bias, y, (uint32_t *)scratch, rounding);                          \
    }

SA_ND_DEPTH(tflite, SA_ND_TWICE)
SA_ND_DEPTH(even, SA_ND_EVEN)
SA_ND_DEPTH(above, SA_ND_FLOORED)
#undef SA_ND_DEPTH

#endif
