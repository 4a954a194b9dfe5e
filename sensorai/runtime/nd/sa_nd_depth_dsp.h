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
SA_ND_INLINE uint32_t *sa_nd_neighbours(sa_nd_spread_t x, sa_nd_spread_t y, uint32_t *to)
{
    to[0] = sa_nd_pkhbt(x.even, y.even);
    to[1] = sa_nd_pkhbt(x.odd, y.odd);
    to[2] = sa_nd_pkhtb(y.even, x.even);
    to[3] = sa_nd_pkhtb(y.odd, x.odd);
    return to + 4;
}

/* Pairs of neighbours in a row of the input, four channels each, margins filled. */
SA_ND_APART void sa_nd_fill_pairs(const sa_nd_fast_t *l, const int8_t *x, int32_t inside, int32_t width,
                                     uint32_t *to)
{
    const sa_nd_spread_t zero = sa_nd_open(((uint32_t)l->zero & 0xFFU) * 0x01010101U);
    const int32_t left = inside && l->before[1] < width ? l->before[1] : width, apart = l->channels;
    const int32_t room = width - left;
    const int32_t values = room < l->in[1] ? room : l->in[1];
    uint32_t *const end = to + 4 * width;
    sa_nd_spread_t here = zero;
    int32_t i;

    for (i = left - 1; i > 0; i--) {
        to = sa_nd_neighbours(zero, zero, to);
    }
    for (i = values; i > 0; i--) {
        const sa_nd_spread_t there = sa_nd_open(((const sa_nd_any32 *)(const void *)x)->v);
        if (i != values || left > 0) {
            to = sa_nd_neighbours(here, there, to);
        }
        here = there;
        x += apart;
    }
    while (to != end) {
        to = sa_nd_neighbours(here, zero, to);
        here = zero;
    }
}

/* What a row of results needs: pairs of values by row of the kernel, and of four channels twice the bias, twice
 * the weights in pairs, then multiplier and shift of each. */
typedef struct {
    const uint32_t *x;
    const uint32_t *told;
    int32_t next[2]; /* bytes from the second pair of a row of the kernel to the next row */
    int32_t step;    /* bytes from place to place */
    int8_t *y;
    int32_t apart;
    int32_t count;
    int32_t full;
    uint32_t lo; /* four times */
    uint32_t hi;
    int32_t zero;
} sa_nd_depth_row_t;

#if defined(SA_ND_DSP_ASM)
#define SA_ND_FOUR                       \
    "ldmia r0, {r2, r3, r4, r5}\n"       \
    "ldmia r1!, {r6, r7, r8, r9}\n"      \
    "smlad r10, r2, r6, r10\n"           \
    "smlad r11, r3, r7, r11\n"           \
    "smlad r12, r4, r8, r12\n"           \
    "smlad lr, r5, r9, lr\n"
/* Factor, shift, and what is added; the bit that goes out last rounds. */
#define SA_ND_OUT_TFLITE(sum)                   \
    "ldmia r1!, {r2, r3}\n"                    \
    "smmulr " sum ", " sum ", r2\n"            \
    "add " sum ", " sum ", " sum ", asr #31\n" \
    "asrs " sum ", " sum ", r3\n"              \
    "adc " sum ", " sum ", r5\n"               \
    "ssat " sum ", #8, " sum "\n"
#define SA_ND_OUT_EVEN(sum)                     \
    "ldmia r1!, {r2, r3}\n"                    \
    "smull r7, " sum ", " sum ", r2\n"         \
    "cmp r7, #0\n"                             \
    "it ne\n"                                  \
    "orrne " sum ", " sum ", #1\n"             \
    "asr r7, " sum ", r3\n"                    \
    "and r7, r7, #1\n"                         \
    "sub r7, r7, #1\n"                         \
    "add " sum ", " sum ", r7\n"               \
    "asrs " sum ", " sum ", r3\n"              \
    "adc " sum ", " sum ", r5\n"               \
    "ssat " sum ", #8, " sum "\n"
/* A row of results of a kernel of three by three; all registers are in use. */
#define SA_ND_DEPTH_THREE(name, LEAVE)                                                                      \
__attribute__((noinline, unused)) static void name(sa_nd_depth_row_t *row)                                  \
{                                                                                                           \
    register sa_nd_depth_row_t *r4 __asm__("r4") = row;                                                     \
    uint32_t kept[3];                                                                                       \
    const int32_t zero = row->zero;                                                                         \
                                                                                                            \
    __asm__ volatile("str r4, %[row]\n"                                                                     \
                     "1:\n"                                                                                 \
                     "ldmia r4, {r0, r1, r6, r7}\n"                                                         \
                     "str r6, %[first]\n"                                                                   \
                     "str r7, %[second]\n"                                                                  \
                     "ldmia r1!, {r10, r11, r12, lr}\n"                                                     \
                     SA_ND_FOUR "adds r0, #32\n" SA_ND_FOUR                                                 \
                     "ldr r2, %[first]\n"                                                                   \
                     "add r0, r2\n"                                                                         \
                     SA_ND_FOUR "adds r0, #32\n" SA_ND_FOUR                                                 \
                     "ldr r2, %[second]\n"                                                                  \
                     "add r0, r2\n"                                                                         \
                     SA_ND_FOUR "adds r0, #32\n" SA_ND_FOUR                                                 \
                     "ldr r5, %[zero]\n" LEAVE("r10") LEAVE("r11") LEAVE("r12") LEAVE("lr")                 \
                     "bfi r10, r11, #8, #8\n"                                                               \
                     "bfi r10, r12, #16, #8\n"                                                              \
                     "bfi r10, lr, #24, #8\n"                                                               \
                     "ldr r4, %[row]\n"                                                                     \
                     "add r5, r4, #16\n"                                                                    \
                     "ldmia r5, {r0, r2, r3, r6, r7, r8, r9}\n"                                             \
                     "cbnz r7, 2f\n"                                                                        \
                     "ssub8 r11, r10, r8\n"                                                                 \
                     "sel r10, r10, r8\n"                                                                   \
                     "ssub8 r11, r10, r9\n"                                                                 \
                     "sel r10, r9, r10\n"                                                                   \
                     "2:\n"                                                                                 \
                     "str r10, [r2]\n"                                                                      \
                     "add r2, r3\n"                                                                         \
                     "str r2, [r4, #20]\n"                                                                  \
                     "ldr r1, [r4]\n"                                                                       \
                     "add r1, r0\n"                                                                         \
                     "str r1, [r4]\n"                                                                       \
                     "subs r6, #1\n"                                                                        \
                     "str r6, [r4, #28]\n"                                                                  \
                     "bne 1b\n"                                                                             \
                     : "+&r"(r4), [row] "=m"(kept[0]), [first] "=m"(kept[1]), [second] "=m"(kept[2])         \
                     : [zero] "m"(zero)                                                                     \
                     : "r0", "r1", "r2", "r3", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",\
                       "memory");                                                                           \
}
SA_ND_DEPTH_THREE(sa_nd_depth_three_tflite, SA_ND_OUT_TFLITE)
SA_ND_DEPTH_THREE(sa_nd_depth_three_even, SA_ND_OUT_EVEN)
#undef SA_ND_DEPTH_THREE
#undef SA_ND_FOUR
#undef SA_ND_OUT_TFLITE
#undef SA_ND_OUT_EVEN
#define SA_ND_THREE_BY_THREE 1
#else
#define SA_ND_THREE_BY_THREE 0
#define sa_nd_depth_three_tflite(row) ((void)(row))
#define sa_nd_depth_three_even(row) ((void)(row))
#endif

SA_ND_INLINE void sa_nd_depth_dsp_run(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, const int32_t *bias,
                                  int8_t *y, uint32_t *scratch, int three, int rounding)
{
    const int32_t steps = (l->kernel[1] + 1) / 2, rows = l->kernel[0];
    const int32_t width = (l->out[1] - 1) * l->stride[1] + l->kernel[1];
    const int32_t taps = l->kernel[1] * rows, line = 4 * width;
    uint32_t *const told = scratch, *const ways = told + 4 + 4 * steps * rows, *const ring = ways + 8;
    const int32_t places = l->out[1];
    sa_nd_depth_row_t row;
    int32_t batch, channel;

    row.told = told;
    row.step = 16 * l->stride[1];
    row.apart = l->channels;
    row.lo = ((uint32_t)l->lo & 0xFFU) * 0x01010101U;
    row.hi = ((uint32_t)l->hi & 0xFFU) * 0x01010101U;
    row.zero = l->out_zero;
    row.full = l->lo == -128 && l->hi == 127;
    for (batch = 0; batch < l->batch; batch++) {
        for (channel = 0; channel < l->channels; channel += 4) {
            const int8_t *v = w + channel * taps;
            uint32_t *to = told;
            int32_t i, k, oy, filled = -l->before[0], slot = 0;
            for (i = 0; i < 4; i++) {
                const int32_t at = (channel + i) * l->each;
                *to++ = 2U * (uint32_t)bias[channel + i];
                ways[2 * i] = (uint32_t)l->multiplier[at];
                ways[2 * i + 1] = l->shift[at];
            }
            for (k = 0; k < rows; k++) {
                for (i = 0; i < steps; i++) {
                    const int32_t two = 2 * i + 1 < l->kernel[1];
                    int32_t c;
                    for (c = 0; c < 4; c++) {
                        const uint32_t high = two ? (uint32_t)(2 * v[4 + c]) << 16 : 0U;
                        *to++ = ((uint32_t)(2 * v[c]) & 0xFFFFU) | high;
                    }
                    v += two ? 8 : 4;
                }
            }
            for (oy = 0; oy < l->out[0]; oy++) {
                const int32_t from = oy * l->stride[0] - l->before[0];
                /* rows that no place needs are left out */
                for (; filled < from; filled++) {
                    slot = slot + 1 == rows ? 0 : slot + 1;
                }
                for (; filled < from + rows; filled++) {
                    const int8_t *p = x + filled * l->in[1] * l->channels + channel;
                    const int32_t inside = filled >= 0 && filled < l->in[0];
                    sa_nd_fill_pairs(l, p, inside, width, ring + slot * line);
                    slot = slot + 1 == rows ? 0 : slot + 1;
                }
                /* the slot to be filled next holds the first row */
                row.x = ring + slot * line;
                row.y = y + oy * places * l->channels + channel;
                row.count = places;
                if (SA_ND_THREE_BY_THREE && three) {
                    row.next[0] = 4 * (slot == 2 ? -2 * line : line) - 32;
                    row.next[1] = 4 * (slot == 1 ? -2 * line : line) - 32;
                    if (rounding == SA_ND_TWICE) {
                        sa_nd_depth_three_tflite(&row);
                    } else {
                        sa_nd_depth_three_even(&row);
                    }
                    continue;
                }
                for (; row.count > 0; row.count--) {
                    const uint32_t *u = told + 4, *way = ways;
                    uint32_t s[4];
                    int32_t at = slot;
                    for (i = 0; i < 4; i++) {
                        s[i] = told[i];
                    }
                    for (k = 0; k < rows; k++) {
                        const uint32_t *p = ring + at * line + (row.x - (ring + slot * line));
                        for (i = 0; i < steps; i++) {
                            s[0] = sa_nd_smlad(p[0], u[0], s[0]);
                            s[1] = sa_nd_smlad(p[1], u[1], s[1]);
                            s[2] = sa_nd_smlad(p[2], u[2], s[2]);
                            s[3] = sa_nd_smlad(p[3], u[3], s[3]);
                            p += 8;
                            u += 4;
                        }
                        at = at + 1 == rows ? 0 : at + 1;
                    }
                    for (i = 0; i < 4; i++) {
                        const sa_nd_way_t one =
                            sa_nd_way((int32_t)way[0], (int32_t)way[1], l->out_zero, rounding);
                        row.y[i] = (int8_t)sa_nd_clamp(sa_nd_scaled((int32_t)s[i], &one, rounding), l->lo, l->hi);
                        way += 2;
                    }
                    row.y += row.apart;
                    row.x += row.step / 4;
                }
            }
        }
        x += l->in[0] * l->in[1] * l->channels;
        y += l->out[0] * l->out[1] * l->channels;
    }
}

#define SA_ND_DEPTH(name, three, rounding)                                                             \
    SA_ND_FUNCTION void name(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, const int32_t *bias, \
                             int8_t *y, void *scratch)                                                 \
    {                                                                                                  \
        sa_nd_depth_dsp_run(l, x, w, bias, y, (uint32_t *)scratch, three, rounding);                       \
    }

/* Any kernel, and those of three by three. */
SA_ND_DEPTH(sa_nd_depth_dsp_tflite, 0, SA_ND_TWICE)
SA_ND_DEPTH(sa_nd_depth_dsp_even, 0, SA_ND_EVEN)
SA_ND_DEPTH(sa_nd_depth_dsp_three_tflite, 1, SA_ND_TWICE)
SA_ND_DEPTH(sa_nd_depth_dsp_three_even, 1, SA_ND_EVEN)
#undef SA_ND_DEPTH

#endif
