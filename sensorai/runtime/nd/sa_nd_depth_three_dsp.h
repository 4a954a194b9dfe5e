/* Convolutions of int8 numbers with a kernel of three by three for each channel, for cores with the DSP extension. */
#ifndef SA_ND_DEPTH_THREE_DSP_H
#define SA_ND_DEPTH_THREE_DSP_H

#include "sa_nd_depth_dsp.h"

SA_ND_APART void sa_nd_fill_three(const sa_nd_fast_t *l, const int8_t *x, int32_t inside, int32_t width,
                                  uint32_t *to)
{
    sa_nd_fill_pairs(l, x, inside, width, to, 12);
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

    if (rounding == SA_ND_FLOORED) {
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
    const int above = rounding == SA_ND_FLOORED;
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
            const int32_t zero = l->out_zero, shift = (int32_t)way[2] - (rounding == SA_ND_FLOORED ? 1 : 0);  \
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
SA_ND_DEPTH_THREE(sa_nd_depth_three_above, SA_ND_OUT_ABOVE, SA_ND_FLOORED)
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
                if (rounding == SA_ND_FLOORED) {
                    sa_nd_depth_three_above(ring, told, weights);
                } else if (rounding == SA_ND_TWICE) {
                    sa_nd_depth_three_tflite(ring, told, weights);
                } else {
                    sa_nd_depth_three_even(ring, told, weights);
                }
#else
                if (rounding == SA_ND_FLOORED) {
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

#define SA_ND_DEPTH(end, rounding)                                                                           \
    SA_ND_FUNCTION void sa_nd_depth_three_dsp_##end(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, \
                                                    const int32_t *bias, int8_t *y, void *scratch)           \
    {                                                                                                        \
        sa_nd_depth_three_run(l, x, w, bias, y, (uint32_t *)scratch, rounding);                              \
    }

SA_ND_DEPTH(tflite, SA_ND_TWICE)
SA_ND_DEPTH(even, SA_ND_EVEN)
SA_ND_DEPTH(above, SA_ND_FLOORED)
#undef SA_ND_DEPTH

#endif
