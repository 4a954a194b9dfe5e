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

SA_ND_APART void sa_nd_fill_three(const sa_nd_fast_t *l, const int8_t *x, int32_t inside, int32_t width,
                                  uint32_t *to)
{
    sa_nd_fill_pairs(l, x, inside, width, to, 12);
}

/* Sums of a kernel come twice as large, 4 times for SA_ND_ABOVE. */
SA_ND_INLINE int32_t sa_nd_depth_number(uint32_t sum, int32_t multiplier, int32_t shift, int32_t zero, int rounding)
{
    if (rounding == SA_ND_ABOVE) {
        const sa_nd_way_t w = sa_nd_way_above(multiplier, shift, zero, 0);
        return sa_nd_ssat8(sa_nd_above((int32_t)sum, &w));
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
    const int32_t taps = l->kernel[1] * rows, line = 4 * width, times = rounding == SA_ND_ABOVE ? 4 : 2;
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

/* Kernels of three by three: pairs of three rows lie side by side, in a ring, and weights begin with the row of
 * the kernel that the first of them meets. What is told of four channels, in words: */
#define SA_ND_TOLD_LEAVE 0 /* factor, what is added, shift; of each */
#define SA_ND_TOLD_PLACE 12 /* results, bytes to those of the next place, end of the row, bytes between values */
#define SA_ND_TOLD_BIAS 16
#define SA_ND_TOLD_FIRST 20 /* first pairs of weights of the rows 0, 1, 2, 0, 1 */
#define SA_ND_TOLD_SECOND 40
#define SA_ND_TOLD 60

SA_ND_INLINE sa_nd_spread_t sa_nd_open_times(uint32_t x, int rounding)
{
    sa_nd_spread_t y = sa_nd_open(x);

    if (rounding == SA_ND_ABOVE) {
        y.even = (y.even << 2) & ~0x30000U;
        y.odd = (y.odd << 2) & ~0x30000U;
    } else {
        y.even = (y.even << 1) & ~0x10000U;
        y.odd = (y.odd << 1) & ~0x10000U;
    }
    return y;
}

SA_ND_INLINE void sa_nd_tell_three(const sa_nd_fast_t *l, const sa_nd_any32 *w, const int32_t *bias, int32_t channel,
                                   uint32_t *told, int rounding)
{
    const int above = rounding == SA_ND_ABOVE;
    const sa_nd_spread_t none = {0U, 0U};
    uint32_t *to = told;
    int32_t i;

    for (i = channel; i < channel + 4; i++) {
        const int32_t c = i * l->each, shift = l->shift[c];
        to[0] = (uint32_t)l->multiplier[c];
        to[1] = above ? ((uint32_t)(2 * l->out_zero + 1) << shift) + 1U : (uint32_t)l->out_zero;
        to[2] = (uint32_t)(shift + above);
        to += 3;
        told[SA_ND_TOLD_BIAS + i - channel] = (uint32_t)bias[i] << (1 + above);
    }
    to = told + SA_ND_TOLD_FIRST;
    for (i = 0; i < 5; i++) {
        sa_nd_neighbours(sa_nd_open_times(w[0].v, rounding), sa_nd_open_times(w[1].v, rounding), to);
        sa_nd_neighbours(sa_nd_open_times(w[2].v, rounding), none, to + 20);
        w += i == 2 ? -6 : 3;
        to += 4;
    }
}

#if defined(SA_ND_DSP_ASM)
#define SA_ND_FOUR                       \
    "ldmia r0!, {r2, r3, r4, r5}\n"      \
    "ldmia r1!, {r6, r7, r8, r9}\n"      \
    "smlad r10, r2, r6, r10\n"           \
    "smlad r11, r3, r7, r11\n"           \
    "smlad r12, r4, r8, r12\n"           \
    "smlad lr, r5, r9, lr\n"
/* The bit that goes out last rounds. */
#define SA_ND_OUT_TFLITE(sum, factor, add, shift) \
    "smmulr " sum ", " sum ", " factor "\n"       \
    "add " sum ", " sum ", " sum ", asr #31\n"    \
    "asrs " sum ", " sum ", " shift "\n"          \
    "adc " sum ", " sum ", " add "\n"             \
    "ssat " sum ", #8, " sum "\n"
#define SA_ND_OUT_EVEN(sum, factor, add, shift)   \
    "smull r8, " sum ", " sum ", " factor "\n"    \
    "cmp r8, #0\n"                                \
    "it ne\n"                                     \
    "orrne " sum ", " sum ", #1\n"                \
    "asr r8, " sum ", " shift "\n"                \
    "and r8, r8, #1\n"                            \
    "sub r8, r8, #1\n"                            \
    "add " sum ", " sum ", r8\n"                  \
    "asrs " sum ", " sum ", " shift "\n"          \
    "adc " sum ", " sum ", " add "\n"             \
    "ssat " sum ", #8, " sum "\n"
#define SA_ND_OUT_ABOVE(sum, factor, add, shift)              \
    "smmla " sum ", " sum ", " factor ", " add "\n"           \
    "asr " sum ", " sum ", " shift "\n"                       \
    "ssat " sum ", #8, " sum "\n"
/* A row of results; all registers are in use. */
#define SA_ND_DEPTH_THREE(name, LEAVE, rounding)                                                            \
__attribute__((noinline, unused)) static void name(const uint32_t *ring, uint32_t *told,                    \
                                                   const uint32_t *weights)                                 \
{                                                                                                           \
    register const uint32_t *r0 __asm__("r0") = ring;                                                       \
    register uint32_t *r1 __asm__("r1") = told;                                                             \
    register const uint32_t *r2 __asm__("r2") = weights;                                                    \
    uint32_t kept[2];                                                                                       \
                                                                                                            \
    __asm__ volatile("str r1, %[told]\n"                                                                    \
                     "str r2, %[weights]\n"                                                                 \
                     "adds r1, #64\n"                                                                       \
                     "1:\n"                                                                                 \
                     "ldmia r1, {r10, r11, r12, lr}\n"                                                      \
                     "ldr r1, %[weights]\n" SA_ND_FOUR SA_ND_FOUR SA_ND_FOUR                                \
                     "adds r0, #48\n"                                                                       \
                     "adds r1, #32\n" SA_ND_FOUR SA_ND_FOUR SA_ND_FOUR                                      \
                     "ldr r1, %[told]\n"                                                                    \
                     "ldmia r1!, {r2, r3, r4, r5, r6, r7}\n"                                                \
                     LEAVE("r10", "r2", "r3", "r4") LEAVE("r11", "r5", "r6", "r7")                          \
                     "ldmia r1!, {r2, r3, r4, r5, r6, r7}\n"                                                \
                     LEAVE("r12", "r2", "r3", "r4") LEAVE("lr", "r5", "r6", "r7")                           \
                     "ldmia r1!, {r2, r3, r4, r5}\n"                                                        \
                     "strb r10, [r2]\n"                                                                     \
                     "strb r11, [r2, #1]\n"                                                                 \
                     "strb r12, [r2, #2]\n"                                                                 \
                     "strb lr, [r2, #3]\n"                                                                  \
                     "add r2, r3\n"                                                                         \
                     "str r2, [r1, #-16]\n"                                                                 \
                     "add r0, r5\n"                                                                         \
                     "cmp r2, r4\n"                                                                         \
                     "bne 1b\n"                                                                             \
                     : "+&r"(r0), "+&r"(r1), "+&r"(r2), [told] "=m"(kept[0]), [weights] "=m"(kept[1])        \
                     :                                                                                      \
                     : "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");\
}
#else
#define SA_ND_DEPTH_THREE(name, LEAVE, rounding)                                                            \
SA_ND_FUNCTION void name(const sa_nd_fast_t *l, const uint32_t *ring, const uint32_t *told,                 \
                         const uint32_t *weights, int8_t *y)                                                \
{                                                                                                           \
    int32_t at, i, c;                                                                                       \
                                                                                                            \
    for (at = 0; at < l->out[1]; at++) {                                                                    \
        for (c = 0; c < 4; c++) {                                                                           \
            const uint32_t *const way = told + 3 * c;                                                       \
            const int32_t zero = l->out_zero, shift = (int32_t)way[2] - (rounding == SA_ND_ABOVE ? 1 : 0);  \
            uint32_t sum = told[SA_ND_TOLD_BIAS + c];                                                       \
            for (i = c; i < 12; i += 4) {                                                                   \
                sum = sa_nd_smlad(ring[i], weights[i], sum);                                                \
                sum = sa_nd_smlad(ring[24 + i], weights[20 + i], sum);                                      \
            }                                                                                               \
            y[c] = (int8_t)sa_nd_depth_number(sum, (int32_t)way[0], shift, zero, rounding);                 \
        }                                                                                                   \
        ring += 12 * l->stride[1];                                                                          \
        y += l->channels;                                                                                   \
    }                                                                                                       \
}
#endif
SA_ND_DEPTH_THREE(sa_nd_depth_three_tflite, SA_ND_OUT_TFLITE, SA_ND_TWICE)
SA_ND_DEPTH_THREE(sa_nd_depth_three_even, SA_ND_OUT_EVEN, SA_ND_EVEN)
SA_ND_DEPTH_THREE(sa_nd_depth_three_above, SA_ND_OUT_ABOVE, SA_ND_ABOVE)
#undef SA_ND_DEPTH_THREE
#undef SA_ND_FOUR
#undef SA_ND_OUT_TFLITE
#undef SA_ND_OUT_EVEN
#undef SA_ND_OUT_ABOVE

SA_ND_INLINE void sa_nd_depth_three_run(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                        const int32_t *bias, int8_t *y, uint32_t *told, int rounding)
{
    const int32_t apart = l->channels, places = l->out[1], width = (places - 1) * l->stride[1] + 3;
    uint32_t *const ring = told + SA_ND_TOLD;
    int32_t batch, channel, bytes;

    for (batch = 0; batch < l->batch; batch++) {
        for (channel = 0; channel < apart; channel += 4) {
            int32_t oy, from = -l->before[0], filled = from, slot = 0;
            int8_t *to = y + channel;
            sa_nd_tell_three(l, (const sa_nd_any32 *)(const void *)(w + 9 * channel), bias, channel, told, rounding);
            for (oy = l->out[0]; oy > 0; oy--) {
                const uint32_t *weights = told + SA_ND_TOLD_FIRST;
                /* rows that no place needs are left out */
                for (; filled < from + 3; filled++) {
                    if (filled >= from) {
                        const int8_t *p = x + filled * l->in[1] * apart + channel;
                        const int32_t inside = filled >= 0 && filled < l->in[0];
                        sa_nd_fill_three(l, p, inside, width, ring + 4 * slot);
                    }
                    slot = slot == 2 ? 0 : slot + 1;
                }
                /* the slot to be filled next holds the first row */
                weights += slot > 0 ? 12 - 4 * slot : 0;
#if defined(SA_ND_DSP_ASM)
                told[SA_ND_TOLD_PLACE] = (uint32_t)(uintptr_t)to;
                told[SA_ND_TOLD_PLACE + 1] = (uint32_t)apart;
                told[SA_ND_TOLD_PLACE + 2] = (uint32_t)(uintptr_t)(to + places * apart);
                told[SA_ND_TOLD_PLACE + 3] = (uint32_t)(48 * l->stride[1] - 144);
                if (rounding == SA_ND_ABOVE) {
                    sa_nd_depth_three_above(ring, told, weights);
                } else if (rounding == SA_ND_TWICE) {
                    sa_nd_depth_three_tflite(ring, told, weights);
                } else {
                    sa_nd_depth_three_even(ring, told, weights);
                }
#else
                if (rounding == SA_ND_ABOVE) {
                    sa_nd_depth_three_above(l, ring, told, weights, to);
                } else if (rounding == SA_ND_TWICE) {
                    sa_nd_depth_three_tflite(l, ring, told, weights, to);
                } else {
                    sa_nd_depth_three_even(l, ring, told, weights, to);
                }
#endif
                to += places * apart;
                from += l->stride[0];
            }
        }
        x += l->in[0] * l->in[1] * apart;
        y += l->out[0] * places * apart;
    }
    bytes = l->batch * l->out[0] * places * apart;
    sa_nd_ends(l, y - bytes, bytes);
}

#define SA_ND_DEPTH(run, name, rounding)                                                                     \
    SA_ND_FUNCTION void name(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, const int32_t *bias,   \
                             int8_t *y, void *scratch)                                                       \
    {                                                                                                        \
        run(l, x, w, bias, y, (uint32_t *)scratch, rounding);                                                \
    }

SA_ND_DEPTH(sa_nd_depth_dsp_run, sa_nd_depth_dsp_tflite, SA_ND_TWICE)
SA_ND_DEPTH(sa_nd_depth_dsp_run, sa_nd_depth_dsp_even, SA_ND_EVEN)
SA_ND_DEPTH(sa_nd_depth_dsp_run, sa_nd_depth_dsp_above, SA_ND_ABOVE)
SA_ND_DEPTH(sa_nd_depth_three_run, sa_nd_depth_dsp_three_tflite, SA_ND_TWICE)
SA_ND_DEPTH(sa_nd_depth_three_run, sa_nd_depth_dsp_three_even, SA_ND_EVEN)
SA_ND_DEPTH(sa_nd_depth_three_run, sa_nd_depth_dsp_three_above, SA_ND_ABOVE)
#undef SA_ND_DEPTH

#endif
