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

SA_ND_INLINE uint32_t *sa_nd_spread_same(uint32_t x, int32_t n, uint32_t *to)
{
    uint32_t two[2];

    sa_nd_spread(x, two);
    while (n > 0) {
        to[0] = two[0];
        to[1] = two[1];
        to += 4;
        n -= 4;
    }
    return to;
}

/* Values under the kernel at a place, margins filled. */
SA_ND_FUNCTION void sa_nd_gather_dsp(const sa_nd_fast_t *l, const int8_t *x, int32_t from_y, int32_t from_x,
                                     uint32_t *to, int8_t *bytes)
{
    const uint32_t zero = ((uint32_t)l->zero & 0xFFU) * 0x01010101U;
    const int32_t width = l->kernel[1] * l->channels;
    const int32_t over = from_x + l->kernel[1] - l->in[1];
    const int32_t left = (from_x < 0 ? (-from_x < l->kernel[1] ? -from_x : l->kernel[1]) : 0) * l->channels;
    const int32_t right = over > 0 ? (over < l->kernel[1] ? width - over * l->channels : 0) : width;
    const int32_t whole = (l->channels & 3) == 0;
    int8_t *b = bytes;
    int32_t k, y = from_y;

    for (k = l->kernel[0]; k > 0; k--) {
        const int32_t inside = y >= 0 && y < l->in[0];
        const int32_t first = inside ? left : width, last = inside && right > left ? right : first;
        const int8_t *from = x + (y * l->in[1] + from_x) * l->channels + first;
        if (whole) {
            to = sa_nd_spread_same(zero, first, to);
            to = sa_nd_spread_row(from, last - first, to);
            to = sa_nd_spread_same(zero, width - last, to);
        } else {
            int32_t i;
            for (i = first; i > 0; i--) {
                *b++ = (int8_t)l->zero;
            }
            for (i = last - first; i >= 4; i -= 4) {
                ((sa_nd_any32 *)(void *)b)->v = ((const sa_nd_any32 *)(const void *)from)->v;
                b += 4;
                from += 4;
            }
            for (; i > 0; i--) {
                *b++ = *from++;
            }
            for (i = width - last; i > 0; i--) {
                *b++ = (int8_t)l->zero;
            }
        }
        y += l->down;
    }
    if (!whole) {
        while (b != bytes + l->row) {
            *b++ = 0;
        }
        sa_nd_spread_row(bytes, l->row, to);
    }
}

/* Sums of two outputs at two places: s[0], s[1] of the first output. */
#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__GNUC__)
#define SA_ND_STEP                    \
    "ldmia r0!, {r4, r5, r6, r7}\n" \
    "ldr lr, [r2], #4\n"            \
    "ldr r12, [r3], #4\n"            \
    "smlad r8, r5, lr, r8\n"    \
    "smlad r9, r7, lr, r9\n"    \
    "sxtb16 lr, lr\n"                 \
    "smlad r10, r5, r12, r10\n"    \
    "smlad r11, r7, r12, r11\n"    \
    "sxtb16 r12, r12\n"                 \
    "smlad r8, r4, lr, r8\n"    \
    "smlad r9, r6, lr, r9\n"    \
    "smlad r10, r4, r12, r10\n"    \
    "smlad r11, r6, r12, r11\n"
/* All registers are in use: the function is written whole. */
#define SA_ND_GIVEN(declared) declared __attribute__((unused))
__attribute__((naked, noinline, unused)) static void
sa_nd_two_by_two(SA_ND_GIVEN(const uint32_t *a), SA_ND_GIVEN(const uint32_t *end),
                 SA_ND_GIVEN(const uint32_t *w), SA_ND_GIVEN(const uint32_t *v), SA_ND_GIVEN(uint32_t *s))
{
    __asm__("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
            "ldr r12, [sp, #36]\n"
            "ldmia r12, {r8, r9, r10, r11}\n"
            "subs r4, r1, r0\n"
            "lsls r4, r4, #27\n"
            "bmi 2f\n"
            "1:\n" SA_ND_STEP "2:\n" SA_ND_STEP "cmp r0, r1\n"
            "bne 1b\n"
            "ldr r12, [sp, #36]\n"
            "stmia r12, {r8, r9, r10, r11}\n"
            "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}
#undef SA_ND_STEP
#else
SA_ND_INLINE void sa_nd_two_by_two(const uint32_t *a, const uint32_t *end, const uint32_t *w,
                                   const uint32_t *v, uint32_t *s)
{
    while (a != end) {
        const uint32_t p = *w, q = *v, p0 = sa_nd_sxtb16(p), q0 = sa_nd_sxtb16(q);
        s[0] = sa_nd_smlad(a[0], p0, sa_nd_smlad(a[1], p, s[0]));
        s[1] = sa_nd_smlad(a[2], p0, sa_nd_smlad(a[3], p, s[1]));
        s[2] = sa_nd_smlad(a[0], q0, sa_nd_smlad(a[1], q, s[2]));
        s[3] = sa_nd_smlad(a[2], q0, sa_nd_smlad(a[3], q, s[3]));
        a += 4;
        w++;
        v++;
    }
}
#endif

SA_ND_INLINE int8_t sa_nd_limit(const sa_nd_fast_t *l, int32_t v, int32_t full)
{
    return (int8_t)(full ? sa_nd_ssat8(v) : sa_nd_clamp(v, l->lo, l->hi));
}

SA_ND_INLINE void sa_nd_matrix_run(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w,
                                   const int32_t *bias, int8_t *y, uint32_t *spread, int rounding)
{
    const int32_t full = l->lo == -128 && l->hi == 127;
    uint32_t *const end = spread + l->row;
    const int32_t words = l->row / 4;
    const int32_t places = l->out[1] * l->out[0];
    int32_t batch, oy = 0, ox = 0, at;

    for (batch = l->batch; batch > 0; batch--) {
        for (at = places; at > 0; at -= 2) {
            const int32_t both = at > 1, many = l->outputs;
            const uint32_t *v = w;
            const int32_t *multiplier = l->multiplier;
            const uint8_t *shift = l->shift;
            int32_t o, i;
            for (i = 0; i <= both; i++) {
                sa_nd_gather_dsp(l, x, oy * l->stride[0] - l->before[0], ox * l->stride[1] - l->before[1],
                                 spread + 2 * i, (int8_t *)end);
                ox++;
                if (ox == l->out[1]) {
                    ox = 0;
                    oy++;
                }
            }
            for (o = 0; o < many; o += 2) {
                /* the last output is alone where they are odd */
                const int32_t last = o + 1 == many;
                uint32_t s[4];
                sa_nd_way_t way;
                s[0] = (uint32_t)bias[o];
                s[1] = s[0];
                s[2] = last ? 0U : (uint32_t)bias[o + 1];
                s[3] = s[2];
                sa_nd_two_by_two(spread, end, v, last ? v : v + words, s);
                way = sa_nd_way(*multiplier, *shift, l->out_zero, rounding);
                multiplier += l->each;
                shift += l->each;
                y[0] = sa_nd_limit(l, sa_nd_number(s[0], &way, rounding), full);
                if (both) {
                    y[many] = sa_nd_limit(l, sa_nd_number(s[1], &way, rounding), full);
                }
                y++;
                if (!last) {
                    way = sa_nd_way(*multiplier, *shift, l->out_zero, rounding);
                    multiplier += l->each;
                    shift += l->each;
                    y[0] = sa_nd_limit(l, sa_nd_number(s[2], &way, rounding), full);
                    if (both) {
                        y[many] = sa_nd_limit(l, sa_nd_number(s[3], &way, rounding), full);
                    }
                    y++;
                }
                v += 2 * words;
            }
            if (both) {
                y += many;
            }
        }
        x += l->in[0] * l->in[1] * l->channels;
        oy = 0;
    }
}

SA_ND_FUNCTION void sa_nd_matrix_dsp_tflite(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w,
                                            const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_run(l, x, w, bias, y, (uint32_t *)scratch, SA_ND_TWICE);
}

SA_ND_FUNCTION void sa_nd_matrix_dsp_even(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w,
                                          const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_run(l, x, w, bias, y, (uint32_t *)scratch, SA_ND_EVEN);
}

#endif
