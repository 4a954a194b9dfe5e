/* Convolutions and dense layers of int8 numbers for cores with the DSP extension: the values under the kernel
 * of two places are spread to words once, then meet the weights of two outputs at a time. */
#ifndef SA_ND_MATRIX_DSP_H
#define SA_ND_MATRIX_DSP_H

#include "sa_nd_fast_dsp.h"

/* Spread bytes, a multiple of 4, to every other pair of words. */
SA_ND_INLINE uint32_t *sa_nd_spread_row(const int8_t *x, int32_t n, uint32_t *to)
{
    const int8_t *const end = x + n;

    while (x != end) {
        sa_nd_spread(((const sa_nd_any32 *)(const void *)x)->v, to);
        x += 4;
        to += 4;
    }
    return to;
}

SA_ND_APART uint32_t *sa_nd_spread_same(uint32_t x, int32_t n, uint32_t *to)
{
    uint32_t two[2];

    sa_nd_spread(x, two);
    for (; n > 0; n -= 4) {
        to[0] = two[0];
        to[1] = two[1];
        to += 4;
    }
    return to;
}

SA_ND_APART int8_t *sa_nd_same(int8_t *to, int32_t value, int32_t n)
{
    for (; n > 0; n--) {
        *to++ = (int8_t)value;
    }
    return to;
}

SA_ND_INLINE int8_t *sa_nd_bytes(int8_t *to, const int8_t *from, int32_t n)
{
    for (; n >= 4; n -= 4) {
        ((sa_nd_any32 *)(void *)to)->v = ((const sa_nd_any32 *)(const void *)from)->v;
        to += 4;
        from += 4;
    }
    for (; n > 0; n--) {
        *to++ = *from++;
    }
    return to;
}

/* Values under the kernel at a place, margins filled. What lies behind them meets weights of zero. */
SA_ND_APART void sa_nd_gather_dsp(const sa_nd_fast_t *l, const int8_t *x, int32_t y, int32_t from_x,
                                     uint32_t *to, int8_t *bytes)
{
    const uint32_t zero = ((uint32_t)l->zero & 0xFFU) * 0x01010101U;
    const int32_t wide = l->kernel[1], over = from_x + wide - l->in[1];
    const int32_t width = wide * l->channels, whole = (l->channels & 3) == 0;
    int32_t left = 0, right = width;
    int8_t *b = bytes;
    int32_t k;

    if (from_x < 0) {
        left = from_x + wide > 0 ? -from_x * l->channels : width;
    }
    if (over > 0) {
        right = over < wide ? (wide - over) * l->channels : 0;
        right = right < left ? left : right;
    }
    for (k = l->kernel[0]; k > 0; k--) {
        const int32_t inside = y >= 0 && y < l->in[0];
        const int32_t first = inside ? left : width, last = inside ? right : width;
        const int8_t *from = x + (y * l->in[1] + from_x) * l->channels + first;
        if (whole) {
            to = sa_nd_spread_same(zero, first, to);
            to = sa_nd_spread_row(from, last - first, to);
            to = sa_nd_spread_same(zero, width - last, to);
        } else if (inside && last - first == width) {
            b = sa_nd_bytes(b, from, width);
        } else {
            b = sa_nd_same(b, l->zero, first);
            b = sa_nd_bytes(b, from, last - first);
            b = sa_nd_same(b, l->zero, width - last);
        }
        y += l->down;
    }
    if (!whole) {
        sa_nd_spread_row(bytes, l->row, to);
    }
}

/* Two places where the kernel is one. */
SA_ND_INLINE void sa_nd_gather_points(const int8_t *x, const int8_t *next, int32_t n, uint32_t *to)
{
    const int8_t *const end = x + n;

    while (x != end) {
        sa_nd_spread(((const sa_nd_any32 *)(const void *)x)->v, to);
        sa_nd_spread(((const sa_nd_any32 *)(const void *)next)->v, to + 2);
        x += 4;
        next += 4;
        to += 4;
    }
}

#if defined(SA_ND_DSP_ASM)
#define SA_ND_STEP                   \
    "ldmia r0!, {r4, r5, r6, r7}\n" \
    "ldr lr, [r2], #4\n"            \
    "ldr r12, [r3], #4\n"           \
    "smlad r8, r5, lr, r8\n"        \
    "smlad r9, r7, lr, r9\n"        \
    "sxtb16 lr, lr\n"               \
    "smlad r10, r5, r12, r10\n"     \
    "smlad r11, r7, r12, r11\n"     \
    "sxtb16 r12, r12\n"             \
    "smlad r8, r4, lr, r8\n"        \
    "smlad r9, r6, lr, r9\n"        \
    "smlad r10, r4, r12, r10\n"     \
    "smlad r11, r6, r12, r11\n"
/* All registers are in use. */
#define SA_ND_PAIRS_OF_OUTPUTS(name, LEAVE)                                                                 \
__attribute__((noinline, unused)) static void name(sa_nd_job_t *job)                                        \
{                                                                                                           \
    register sa_nd_job_t *r4 __asm__("r4") = job;                                                           \
    uint32_t kept[2];                                                                                       \
                                                                                                            \
    __asm__ volatile("str r4, %[kept]\n"                                                                    \
                     "ldmia r4, {r0, r1}\n"                                                                 \
                     "subs r1, r1, r0\n"                                                                    \
                     "ubfx r0, r1, #5, #1\n"                                                                \
                     "str r0, %[odd]\n"                                                                     \
                     "0:\n"                                                                                 \
                     "ldmia r4, {r0, r1, r2, r3, r5}\n"                                                     \
                     "ldrd r8, r10, [r5], #8\n"                                                             \
                     "str r5, [r4, #16]\n"                                                                  \
                     "adds r3, r3, r2\n"                                                                    \
                     "mov r9, r8\n"                                                                         \
                     "mov r11, r10\n"                                                                       \
                     "ldr r5, %[odd]\n"                                                                     \
                     "cbnz r5, 3f\n"                                                                        \
                     "2:\n" SA_ND_STEP SA_ND_STEP                                                           \
                     "3:\n" SA_ND_STEP SA_ND_STEP "cmp r0, r1\n"                                            \
                     "bne 2b\n"                                                                             \
                     "ldr r4, %[kept]\n"                                                                    \
                     "str r3, [r4, #8]\n"                                                                   \
                     "add r3, r4, #20\n"                                                                    \
                     "ldmia r3, {r0, r1, r2, r5, r6}\n"                                                     \
                     "ldr r3, [r4, #44]\n"                                                                  \
                     "ldr r12, [r0]\n"                                                                      \
                     "ldrb lr, [r1]\n"                                                                      \
                     LEAVE("r9") LEAVE("r8")                                                                \
                     "strb r9, [r2, r5]\n"                                                                  \
                     "strb r8, [r2], #1\n"                                                                  \
                     "ldr r12, [r0, r3, lsl #2]\n"                                                          \
                     "ldrb lr, [r1, r3]\n"                                                                  \
                     LEAVE("r11") LEAVE("r10")                                                              \
                     "strb r11, [r2, r5]\n"                                                                 \
                     "strb r10, [r2], #1\n"                                                                 \
                     "add r0, r0, r3, lsl #3\n"                                                             \
                     "add r1, r1, r3, lsl #1\n"                                                             \
                     "add r3, r4, #20\n"                                                                    \
                     "stmia r3, {r0, r1, r2}\n"                                                             \
                     "ldr r7, [r4, #40]\n"                                                                  \
                     "subs r7, #1\n"                                                                        \
                     "str r7, [r4, #40]\n"                                                                  \
                     "bne 0b\n"                                                                             \
                     : "+&r"(r4), [kept] "=m"(kept[0]), [odd] "=m"(kept[1])                                \
                     :                                                                                      \
                     : "r0", "r1", "r2", "r3", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",\
                       "memory");                                                                           \
}
SA_ND_PAIRS_OF_OUTPUTS(sa_nd_pairs_of_outputs_tflite, SA_ND_LEAVE_TFLITE)
SA_ND_PAIRS_OF_OUTPUTS(sa_nd_pairs_of_outputs_even, SA_ND_LEAVE_EVEN)
#undef SA_ND_PAIRS_OF_OUTPUTS
#undef SA_ND_STEP
#endif

/* Sums of an output at two places. */
SA_ND_INLINE void sa_nd_two_places(const uint32_t *a, const uint32_t *end, const uint32_t *w, uint32_t *s)
{
    while (a != end) {
        const uint32_t p = *w, p0 = sa_nd_sxtb16(p);
        s[0] = sa_nd_smlad(a[0], p0, sa_nd_smlad(a[1], p, s[0]));
        s[1] = sa_nd_smlad(a[2], p0, sa_nd_smlad(a[3], p, s[1]));
        a += 4;
        w++;
    }
}

SA_ND_INLINE void sa_nd_matrix_dsp_run(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w,
                                   const int32_t *bias, int8_t *y, uint32_t *spread, int rounding)
{
    const int32_t many = l->outputs, words = l->row / 4;
    uint32_t *const end = spread + l->row;
    const int32_t places = l->out[1] * l->out[0];
    /* one row of places, side by side: see fast.py */
    const int32_t row = l->kernel[0] * l->kernel[1] == 1 && l->in[0] == 1 && l->batch == 1;
    const int32_t points = row && l->stride[1] == 1 && places == l->in[1] && (l->channels & 3) == 0;
    int32_t batch, oy = 0, ox = 0, at;

    for (batch = l->batch; batch > 0; batch--) {
        for (at = places; at > 0; at -= 2) {
            const int32_t both = at > 1;
            int32_t o = 0, i;
            if (points) {
                sa_nd_gather_points(x, x + (both ? l->channels : 0), l->channels, spread);
                x += 2 * l->channels;
            }
            for (i = points ? 2 : 0; i <= both; i++) {
                sa_nd_gather_dsp(l, x, oy * l->stride[0] - l->before[0], ox * l->stride[1] - l->before[1],
                                 spread + 2 * i, (int8_t *)end);
                ox++;
                if (ox == l->out[1]) {
                    ox = 0;
                    oy++;
                }
            }
#if defined(SA_ND_DSP_ASM)
            if (many > 1) {
                sa_nd_job_t job = sa_nd_job(l, spread, end, w, bias, y, many / 2);
                job.apart = both ? many : 0;
                if (rounding == SA_ND_TWICE) {
                    sa_nd_pairs_of_outputs_tflite(&job);
                } else {
                    sa_nd_pairs_of_outputs_even(&job);
                }
                o = many & ~1;
            }
#endif
            for (; o < many; o++) {
                const int32_t c = o * l->each;
                const sa_nd_way_t way = sa_nd_way(l->multiplier[c], l->shift[c], l->out_zero, rounding);
                uint32_t s[2];
                s[0] = (uint32_t)bias[o];
                s[1] = s[0];
                sa_nd_two_places(spread, end, w + o * words, s);
                y[o] = (int8_t)sa_nd_ssat8(sa_nd_number(s[0], &way, rounding));
                if (both) {
                    y[many + o] = (int8_t)sa_nd_ssat8(sa_nd_number(s[1], &way, rounding));
                }
            }
            y += (both + 1) * many;
        }
        x += points ? 0 : l->in[0] * l->in[1] * l->channels;
        oy = 0;
    }
    sa_nd_ends(l, y - l->batch * places * many, l->batch * places * many);
}

SA_ND_FUNCTION void sa_nd_matrix_dsp_tflite(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w,
                                            const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_dsp_run(l, x, w, bias, y, (uint32_t *)scratch, SA_ND_TWICE);
}

SA_ND_FUNCTION void sa_nd_matrix_dsp_even(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w,
                                          const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_dsp_run(l, x, w, bias, y, (uint32_t *)scratch, SA_ND_EVEN);
}

#endif
