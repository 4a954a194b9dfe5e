/* Steps of the faster kernels on cores with vectors of integers (Helium): bytes are copied and filled 16 at a
 * time, and four sums leave at once.
 *
 * Of numbers below 2^30 in size, VQRDMULH is the first of the two roundings of TensorFlow Lite Micro, ties
 * included: both are the floor of (v m + 2^30) / 2^31. The second one takes ties away from zero: it is that of
 * VRSHL, ties up, after negative numbers became one less. */
#ifndef SA_ND_FAST_MVE_H
#define SA_ND_FAST_MVE_H

#include "sa_nd_fast.h"

#if defined(__ARM_FEATURE_MVE) && defined(__GNUC__)
#define SA_ND_MVE 1
#include <arm_mve.h>
typedef int32x4_t sa_nd_four_t;
#else
/* The same without vectors: for tests, and for compilers that do not know them. */
#define SA_ND_MVE 0
typedef struct {
    int32_t v[4];
} sa_nd_four_t;
#endif

/* One that sets predicates in an asm statement. GCC has no name for their register: what it does not see inside of
 * a function, it expects of every call. */
#if defined(__GNUC__) && !defined(__clang__)
#define SA_ND_SECRET static __attribute__((noipa, unused))
#else
#define SA_ND_SECRET SA_ND_APART
#endif

/* Factors of four sums and what is added to these. */
typedef struct {
    sa_nd_four_t multiplier;
    sa_nd_four_t shift; /* to the left: below zero */
    sa_nd_four_t bias;
} sa_nd_ways_t;

/* Where they end. */
typedef struct {
    int32_t zero;
    sa_nd_four_t lo;
    sa_nd_four_t hi;
} sa_nd_ends_t;

/* Tables of a layer at an output; where all outputs have one factor, four of it. */
typedef struct {
    const int32_t *multiplier;
    const uint8_t *shift;
    const int32_t *bias;
    int32_t step;
    int32_t multipliers[4];
    uint8_t shifts[4];
} sa_nd_tables_t;

SA_ND_APART void sa_nd_tables(const sa_nd_fast_t *l, const int32_t *bias, sa_nd_tables_t *t)
{
    int32_t i;

    t->bias = bias;
    t->multiplier = l->multiplier;
    t->shift = l->shift;
    t->step = 4;
    if (l->each == 0) {
        for (i = 0; i < 4; i++) {
            t->multipliers[i] = l->multiplier[0];
            t->shifts[i] = l->shift[0];
        }
        t->multiplier = t->multipliers;
        t->shift = t->shifts;
        t->step = 0;
    }
}

#if SA_ND_MVE
SA_ND_INLINE int8_t *sa_nd_copy_mve(int8_t *to, const int8_t *from, int32_t n)
{
    __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                     "1:\n"
                     "vldrb.8 q0, [%[from]], #16\n"
                     "vstrb.8 q0, [%[to]], #16\n"
                     "letp lr, 1b\n"
                     "2:\n"
                     : [to] "+&r"(to), [from] "+&r"(from)
                     : [n] "r"(n)
                     : "lr", "q0", "memory");
    return to;
}

SA_ND_INLINE void sa_nd_fill_mve(int8_t *to, int32_t value, int32_t n)
{
    __asm__ volatile("vdup.8 q0, %[value]\n"
                     "wlstp.8 lr, %[n], 2f\n"
                     "1:\n"
                     "vstrb.8 q0, [%[to]], #16\n"
                     "letp lr, 1b\n"
                     "2:\n"
                     : [to] "+&r"(to)
                     : [n] "r"(n), [value] "r"(value)
                     : "lr", "q0", "memory");
}

/* Sum of one output. */
SA_ND_INLINE int32_t sa_nd_one_mve(const int8_t *x, const int8_t *w, int32_t n)
{
    int32_t sum;

    __asm__ volatile("mov r0, #0\n"
                     "dlstp.8 lr, %[n]\n"
                     "1:\n"
                     "vldrb.8 q0, [%[x]], #16\n"
                     "vldrb.8 q1, [%[w]], #16\n"
                     "vmladava.s8 r0, q0, q1\n"
                     "letp lr, 1b\n"
                     "mov %[sum], r0\n"
                     : [x] "+&r"(x), [w] "+&r"(w), [sum] "=&r"(sum)
                     : [n] "r"(n)
                     : "r0", "lr", "q0", "q1", "memory");
    return sum;
}

SA_ND_INLINE sa_nd_ends_t sa_nd_ends_mve(const sa_nd_fast_t *l)
{
    sa_nd_ends_t e;

    e.zero = l->out_zero;
    e.lo = vdupq_n_s32(l->lo);
    e.hi = vdupq_n_s32(l->hi);
    return e;
}

/* Factors of the next outputs, 1 to 4. */
SA_ND_INLINE sa_nd_ways_t sa_nd_ways(const sa_nd_tables_t *t, int32_t many)
{
    sa_nd_ways_t w;

    if (many == 4) {
        w.multiplier = vldrwq_s32(t->multiplier);
        w.shift = vnegq_s32(vreinterpretq_s32_u32(vldrbq_u32(t->shift)));
        w.bias = vldrwq_s32(t->bias);
    } else {
        const mve_pred16_t some = vctp32q((uint32_t)many);
        w.multiplier = vldrwq_z_s32(t->multiplier, some);
        w.shift = vnegq_s32(vreinterpretq_s32_u32(vldrbq_z_u32(t->shift, some)));
        w.bias = vldrwq_z_s32(t->bias, some);
    }
    return w;
}

SA_ND_INLINE void sa_nd_leave_four(const sa_nd_ends_t *e, const sa_nd_ways_t *w, const int32_t *sums, int8_t *y,
                                   int32_t many, int rounding)
{
    int32x4_t h, v = vaddq_s32(vldrwq_s32(sums), w->bias);

    if (rounding == SA_ND_TWICE) {
        h = vqrdmulhq_s32(v, w->multiplier);
        h = vaddq_s32(h, vshrq_n_s32(h, 31));
    } else {
        /* what is lost of the product is one bit; odd results take ties, even ones do not */
        const uint32x4_t one = vdupq_n_u32(1);
        uint32x4_t bit;
        v = vaddq_s32(v, v);
        h = vmulhq_s32(v, w->multiplier);
        bit = vminq_u32(vreinterpretq_u32_s32(vmulq_s32(v, w->multiplier)), one);
        h = vorrq_s32(h, vreinterpretq_s32_u32(bit));
        bit = vandq_u32(vreinterpretq_u32_s32(vshlq_s32(h, w->shift)), one);
        h = vsubq_s32(h, vreinterpretq_s32_u32(vsubq_u32(one, bit)));
    }
    h = vaddq_n_s32(vrshlq_s32(h, w->shift), e->zero);
    h = vminq_s32(vmaxq_s32(h, e->lo), e->hi);
    if (many == 4) {
        vstrbq_s32(y, h);
    } else {
        vstrbq_p_s32(y, h, vctp32q((uint32_t)many));
    }
}
#else
SA_ND_INLINE int8_t *sa_nd_copy_mve(int8_t *to, const int8_t *from, int32_t n)
{
    for (; n > 0; n--) {
        *to++ = *from++;
    }
    return to;
}

SA_ND_INLINE void sa_nd_fill_mve(int8_t *to, int32_t value, int32_t n)
{
    for (; n > 0; n--) {
        *to++ = (int8_t)value;
    }
}

SA_ND_INLINE int32_t sa_nd_one_mve(const int8_t *x, const int8_t *w, int32_t n)
{
    int32_t sum = 0;

    for (; n > 0; n--) {
        sum += *x++ * *w++;
    }
    return sum;
}

SA_ND_INLINE sa_nd_ends_t sa_nd_ends_mve(const sa_nd_fast_t *l)
{
    sa_nd_ends_t e;
    int32_t i;

    e.zero = l->out_zero;
    for (i = 0; i < 4; i++) {
        e.lo.v[i] = l->lo;
        e.hi.v[i] = l->hi;
    }
    return e;
}

SA_ND_INLINE sa_nd_ways_t sa_nd_ways(const sa_nd_tables_t *t, int32_t many)
{
    sa_nd_ways_t w;
    int32_t i;

    for (i = 0; i < 4; i++) {
        w.multiplier.v[i] = i < many ? t->multiplier[i] : 0;
        w.shift.v[i] = i < many ? -(int32_t)t->shift[i] : 0;
        w.bias.v[i] = i < many ? t->bias[i] : 0;
    }
    return w;
}

SA_ND_INLINE void sa_nd_leave_four(const sa_nd_ends_t *e, const sa_nd_ways_t *w, const int32_t *sums, int8_t *y,
                                   int32_t many, int rounding)
{
    int32_t i;

    for (i = 0; i < many; i++) {
        const int32_t v = sums[i] + w->bias.v[i], right = -w->shift.v[i];
        const int64_t product = (int64_t)v * w->multiplier.v[i];
        int32_t h;
        if (rounding == SA_ND_TWICE) {
            h = (int32_t)((product + ((int64_t)1 << 30)) >> 31);
            h += h >> 31;
        } else {
            h = (int32_t)(product >> 31) | (((uint64_t)product & 0x7FFFFFFFU) != 0U ? 1 : 0);
            h += ((h >> right) & 1) - 1;
        }
        h = ((h + (1 << (right - 1))) >> right) + e->zero;
        y[i] = (int8_t)sa_nd_clamp(h, e->lo.v[i], e->hi.v[i]);
    }
}
#endif

SA_ND_INLINE void sa_nd_begin(sa_nd_tables_t *t, const sa_nd_tables_t *first)
{
    t->multiplier = first->multiplier;
    t->shift = first->shift;
    t->bias = first->bias;
    t->step = first->step;
}

SA_ND_INLINE void sa_nd_onward(sa_nd_tables_t *t)
{
    t->multiplier += t->step;
    t->shift += t->step;
    t->bias += 4;
}

#endif
