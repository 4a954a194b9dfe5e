/* Fourier transforms of real numbers with the rounding of kissfft: int16, int32, float. Neighbours are taken as
 * complex numbers, transformed by butterflies of 2, 3, 4 and 5, and taken apart. Integers are divided before
 * each butterfly and before they are taken apart; products round to nearest, sums wrap. */
#ifndef SA_ND_FFT_H
#define SA_ND_FFT_H

#include "sa_nd.h"

typedef struct {
    int32_t rows;
    int32_t given; /* numbers of a row; zeros follow */
    int32_t half;  /* complex numbers */
    int32_t stages;
    int32_t radix[16]; /* from the outermost butterflies on */
    int32_t step[16];  /* how far the inputs of each lie apart */
} sa_nd_fft_t;

/* Where the next number for the innermost butterflies comes from. */
SA_ND_INLINE int32_t sa_nd_fft_next(const sa_nd_fft_t *l, int32_t *digit, int32_t from)
{
    int32_t k = l->stages;

    while (k > 0) {
        k--;
        from += l->step[k];
        digit[k]++;
        if (digit[k] < l->radix[k]) {
            break;
        }
        from -= l->step[k] * l->radix[k];
        digit[k] = 0;
    }
    return from;
}

SA_ND_INLINE int16_t sa_nd_fft_add_i16(int16_t a, int16_t b)
{
    return (int16_t)(a + b);
}

SA_ND_INLINE int16_t sa_nd_fft_sub_i16(int16_t a, int16_t b)
{
    return (int16_t)(a - b);
}

SA_ND_INLINE int16_t sa_nd_fft_neg_i16(int16_t a)
{
    return (int16_t)-a;
}

SA_ND_INLINE int16_t sa_nd_fft_times_i16(int16_t a, int16_t b)
{
    return (int16_t)((a * b + (1 << 14)) >> 15);
}

SA_ND_INLINE int16_t sa_nd_fft_plus_i16(int16_t a, int16_t b, int16_t c, int16_t d)
{
    return (int16_t)((a * b + c * d + (1 << 14)) >> 15);
}

SA_ND_INLINE int16_t sa_nd_fft_less_i16(int16_t a, int16_t b, int16_t c, int16_t d)
{
    return (int16_t)((a * b - c * d + (1 << 14)) >> 15);
}

SA_ND_INLINE int16_t sa_nd_fft_part_i16(int16_t a, int32_t p)
{
    return (int16_t)((a * (INT16_MAX / p) + (1 << 14)) >> 15);
}

SA_ND_INLINE int16_t sa_nd_fft_halfsum_i16(int16_t a, int16_t b)
{
    return (int16_t)((a + b) >> 1);
}

SA_ND_INLINE int16_t sa_nd_fft_halfdiff_i16(int16_t a, int16_t b)
{
    return (int16_t)((a - b) >> 1);
}

SA_ND_INLINE int32_t sa_nd_fft_add_i32(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

SA_ND_INLINE int32_t sa_nd_fft_sub_i32(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b);
}

SA_ND_INLINE int32_t sa_nd_fft_neg_i32(int32_t a)
{
    return (int32_t)(0U - (uint32_t)a);
}

SA_ND_INLINE int32_t sa_nd_fft_times_i32(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

SA_ND_INLINE int32_t sa_nd_fft_plus_i32(int32_t a, int32_t b, int32_t c, int32_t d)
{
    return (int32_t)(((int64_t)a * b + (int64_t)c * d + (1 << 30)) >> 31);
}

SA_ND_INLINE int32_t sa_nd_fft_less_i32(int32_t a, int32_t b, int32_t c, int32_t d)
{
    return (int32_t)(((int64_t)a * b - (int64_t)c * d + (1 << 30)) >> 31);
}

SA_ND_INLINE int32_t sa_nd_fft_part_i32(int32_t a, int32_t p)
{
    return sa_nd_fft_times_i32(a, INT32_MAX / p);
}

SA_ND_INLINE int32_t sa_nd_fft_halfsum_i32(int32_t a, int32_t b)
{
    return sa_nd_fft_add_i32(a, b) >> 1;
}

SA_ND_INLINE int32_t sa_nd_fft_halfdiff_i32(int32_t a, int32_t b)
{
    return sa_nd_fft_sub_i32(a, b) >> 1;
}

SA_ND_INLINE float sa_nd_fft_add_f32(float a, float b)
{
    return a + b;
}

SA_ND_INLINE float sa_nd_fft_sub_f32(float a, float b)
{
    return a - b;
}

SA_ND_INLINE float sa_nd_fft_neg_f32(float a)
{
    return -a;
}

SA_ND_INLINE float sa_nd_fft_times_f32(float a, float b)
{
    return a * b;
}

SA_ND_INLINE float sa_nd_fft_plus_f32(float a, float b, float c, float d)
{
    return a * b + c * d;
}

SA_ND_INLINE float sa_nd_fft_less_f32(float a, float b, float c, float d)
{
    return a * b - c * d;
}

SA_ND_INLINE float sa_nd_fft_part_f32(float a, int32_t p)
{
    (void)p;
    return a;
}

SA_ND_INLINE float sa_nd_fft_halfsum_f32(float a, float b)
{
    return (a + b) * 0.5F;
}

SA_ND_INLINE float sa_nd_fft_halfdiff_f32(float a, float b)
{
    return (a - b) * 0.5F;
}

/* T: as it lies in memory, V: by itself, K: ending of the steps above, SCALE(v, n): of results of the way back.
 * Turns: cosine and sine of each angle. */
#define SA_ND_FFT(T, V, K, SCALE)                                                                             \
    SA_ND_INLINE void sa_nd_fft_three_##K(const V *v, const V *w, T *y, int32_t m)                            \
    {                                                                                                         \
        const V br = sa_nd_fft_add_##K(v[2], v[4]), bi = sa_nd_fft_add_##K(v[3], v[5]);                       \
        const V ar = sa_nd_fft_sub_##K(v[2], v[4]), ai = sa_nd_fft_sub_##K(v[3], v[5]);                       \
        const V r = sa_nd_fft_sub_##K(v[0], sa_nd_fft_halfsum_##K(br, 0));                                    \
        const V i = sa_nd_fft_sub_##K(v[1], sa_nd_fft_halfsum_##K(bi, 0));                                    \
        const V sr = sa_nd_fft_times_##K(ar, w[1]), si = sa_nd_fft_times_##K(ai, w[1]);                       \
                                                                                                              \
        y[0] = sa_nd_fft_add_##K(v[0], br);                                                                   \
        y[1] = sa_nd_fft_add_##K(v[1], bi);                                                                   \
        y[2 * m] = sa_nd_fft_sub_##K(r, si);                                                                  \
        y[2 * m + 1] = sa_nd_fft_add_##K(i, sr);                                                              \
        y[4 * m] = sa_nd_fft_add_##K(r, si);                                                                  \
        y[4 * m + 1] = sa_nd_fft_sub_##K(i, sr);                                                              \
    }                                                                                                         \
                                                                                                              \
    SA_ND_INLINE void sa_nd_fft_four_##K(const V *v, T *y, int32_t m, int32_t back)                           \
    {                                                                                                         \
        const V er = sa_nd_fft_add_##K(v[0], v[4]), ei = sa_nd_fft_add_##K(v[1], v[5]);                       \
        const V dr = sa_nd_fft_sub_##K(v[0], v[4]), di = sa_nd_fft_sub_##K(v[1], v[5]);                       \
        const V br = sa_nd_fft_add_##K(v[2], v[6]), bi = sa_nd_fft_add_##K(v[3], v[7]);                       \
        const V ar = sa_nd_fft_sub_##K(v[2], v[6]), ai = sa_nd_fft_sub_##K(v[3], v[7]);                       \
        T *one = y + (back ? 6 : 2) * m, *three = y + (back ? 2 : 6) * m;                                     \
                                                                                                              \
        y[0] = sa_nd_fft_add_##K(er, br);                                                                     \
        y[1] = sa_nd_fft_add_##K(ei, bi);                                                                     \
        y[4 * m] = sa_nd_fft_sub_##K(er, br);                                                                 \
        y[4 * m + 1] = sa_nd_fft_sub_##K(ei, bi);                                                             \
        one[0] = sa_nd_fft_add_##K(dr, ai);                                                                   \
        one[1] = sa_nd_fft_sub_##K(di, ar);                                                                   \
        three[0] = sa_nd_fft_sub_##K(dr, ai);                                                                 \
        three[1] = sa_nd_fft_add_##K(di, ar);                                                                 \
    }                                                                                                         \
                                                                                                              \
    /* one pair of results of five: c is the turn of the neighbours, d of those behind them */                \
    SA_ND_INLINE void sa_nd_fft_pair_##K(const V *v, const V *s, const V *c, const V *d, V *near)             \
    {                                                                                                         \
        near[0] = sa_nd_fft_add_##K(sa_nd_fft_add_##K(v[0], sa_nd_fft_times_##K(s[0], c[0])),                 \
                                    sa_nd_fft_times_##K(s[4], d[0]));                                         \
        near[1] = sa_nd_fft_add_##K(sa_nd_fft_add_##K(v[1], sa_nd_fft_times_##K(s[1], c[0])),                 \
                                    sa_nd_fft_times_##K(s[5], d[0]));                                         \
    }                                                                                                         \
                                                                                                              \
    SA_ND_INLINE void sa_nd_fft_five_##K(const V *v, const V *a, const V *b, T *y, int32_t m)                 \
    {                                                                                                         \
        V s[8], near[4], side[4];                                                                             \
        int32_t k;                                                                                            \
                                                                                                              \
        for (k = 0; k < 2; k++) {                                                                             \
            s[k] = sa_nd_fft_add_##K(v[2 + k], v[8 + k]);                                                     \
            s[2 + k] = sa_nd_fft_sub_##K(v[2 + k], v[8 + k]);                                                 \
            s[4 + k] = sa_nd_fft_add_##K(v[4 + k], v[6 + k]);                                                 \
            s[6 + k] = sa_nd_fft_sub_##K(v[4 + k], v[6 + k]);                                                 \
        }                                                                                                     \
        sa_nd_fft_pair_##K(v, s, a, b, near);                                                                 \
        sa_nd_fft_pair_##K(v, s, b, a, near + 2);                                                             \
        side[0] = sa_nd_fft_add_##K(sa_nd_fft_times_##K(s[3], a[1]), sa_nd_fft_times_##K(s[7], b[1]));        \
        side[1] = sa_nd_fft_sub_##K(sa_nd_fft_neg_##K(sa_nd_fft_times_##K(s[2], a[1])),                       \
                                    sa_nd_fft_times_##K(s[6], b[1]));                                         \
        side[2] = sa_nd_fft_add_##K(sa_nd_fft_neg_##K(sa_nd_fft_times_##K(s[3], b[1])),                       \
                                    sa_nd_fft_times_##K(s[7], a[1]));                                         \
        side[3] = sa_nd_fft_sub_##K(sa_nd_fft_times_##K(s[2], b[1]), sa_nd_fft_times_##K(s[6], a[1]));        \
        for (k = 0; k < 2; k++) {                                                                             \
            y[k] = sa_nd_fft_add_##K(v[k], sa_nd_fft_add_##K(s[k], s[4 + k]));                                \
            y[2 * m + k] = sa_nd_fft_sub_##K(near[k], side[k]);                                               \
            y[8 * m + k] = sa_nd_fft_add_##K(near[k], side[k]);                                               \
            y[4 * m + k] = sa_nd_fft_add_##K(near[2 + k], side[2 + k]);                                       \
            y[6 * m + k] = sa_nd_fft_sub_##K(near[2 + k], side[2 + k]);                                       \
        }                                                                                                     \
    }                                                                                                         \
                                                                                                              \
    /* butterflies in place, from the innermost on */                                                         \
    SA_ND_FUNCTION void sa_nd_fft_##K(const sa_nd_fft_t *l, const V *w, T *z, int32_t back)                   \
    {                                                                                                         \
        int32_t k, m = 1, base, j, q;                                                                         \
                                                                                                              \
        for (k = l->stages - 1; k >= 0; k--) {                                                                \
            const int32_t p = l->radix[k], step = l->step[k];                                                 \
            const V *a = w + 2 * m * step;                                                                    \
            for (base = 0; base < l->half; base += m * p) {                                                   \
                for (j = 0; j < m; j++) {                                                                     \
                    T *y = z + 2 * (base + j);                                                                \
                    V v[10];                                                                                  \
                    v[0] = sa_nd_fft_part_##K(y[0], p);                                                       \
                    v[1] = sa_nd_fft_part_##K(y[1], p);                                                       \
                    for (q = 1; q < p; q++) {                                                                 \
                        const V r = sa_nd_fft_part_##K(y[2 * q * m], p);                                      \
                        const V i = sa_nd_fft_part_##K(y[2 * q * m + 1], p);                                  \
                        const V *t = w + 2 * q * j * step;                                                    \
                        v[2 * q] = sa_nd_fft_less_##K(r, t[0], i, t[1]);                                      \
                        v[2 * q + 1] = sa_nd_fft_plus_##K(r, t[1], i, t[0]);                                  \
                    }                                                                                         \
                    if (p == 4) {                                                                             \
                        sa_nd_fft_four_##K(v, y, m, back);                                                    \
                    } else if (p == 2) {                                                                      \
                        y[0] = sa_nd_fft_add_##K(v[0], v[2]);                                                 \
                        y[1] = sa_nd_fft_add_##K(v[1], v[3]);                                                 \
                        y[2 * m] = sa_nd_fft_sub_##K(v[0], v[2]);                                             \
                        y[2 * m + 1] = sa_nd_fft_sub_##K(v[1], v[3]);                                         \
                    } else if (p == 3) {                                                                      \
                        sa_nd_fft_three_##K(v, a, y, m);                                                      \
                    } else {                                                                                  \
                        sa_nd_fft_five_##K(v, a, a + 2 * m * step, y, m);                                     \
                    }                                                                                         \
                }                                                                                             \
            }                                                                                                 \
            m *= p;                                                                                           \
        }                                                                                                     \
    }                                                                                                         \
                                                                                                              \
    /* sum of a number and the conjugate of the one across, and their difference, turned */                   \
    SA_ND_INLINE void sa_nd_fft_across_##K(const V *x, const V *u, const V *t, V *both, V *turned)            \
    {                                                                                                         \
        const V r = sa_nd_fft_part_##K(x[0], 2), i = sa_nd_fft_part_##K(x[1], 2);                             \
        const V s = sa_nd_fft_part_##K(u[0], 2), c = sa_nd_fft_part_##K(sa_nd_fft_neg_##K(u[1]), 2);          \
        const V dr = sa_nd_fft_sub_##K(r, s), di = sa_nd_fft_sub_##K(i, c);                                   \
                                                                                                              \
        both[0] = sa_nd_fft_add_##K(r, s);                                                                    \
        both[1] = sa_nd_fft_add_##K(i, c);                                                                    \
        turned[0] = sa_nd_fft_less_##K(dr, t[0], di, t[1]);                                                   \
        turned[1] = sa_nd_fft_plus_##K(dr, t[1], di, t[0]);                                                   \
    }                                                                                                         \
                                                                                                              \
    SA_ND_FUNCTION void sa_nd_rfft_##K(const sa_nd_fft_t *l, const V *w, const V *last, const T *x, T *y)     \
    {                                                                                                         \
        int32_t row, k;                                                                                       \
                                                                                                              \
        for (row = 0; row < l->rows; row++) {                                                                 \
            int32_t digit[16], from = 0;                                                                      \
            V r, i;                                                                                           \
            for (k = 0; k < 16; k++) {                                                                        \
                digit[k] = 0;                                                                                 \
            }                                                                                                 \
            for (k = 0; k < l->half; k++) {                                                                   \
                y[2 * k] = 2 * from < l->given ? x[2 * from] : (V)0;                                          \
                y[2 * k + 1] = 2 * from + 1 < l->given ? x[2 * from + 1] : (V)0;                              \
                from = sa_nd_fft_next(l, digit, from);                                                        \
            }                                                                                                 \
            sa_nd_fft_##K(l, w, y, 0);                                                                        \
            r = sa_nd_fft_part_##K(y[0], 2);                                                                  \
            i = sa_nd_fft_part_##K(y[1], 2);                                                                  \
            y[0] = sa_nd_fft_add_##K(r, i);                                                                   \
            y[2 * l->half] = sa_nd_fft_sub_##K(r, i);                                                         \
            y[1] = y[2 * l->half + 1] = (V)0;                                                                 \
            for (k = 1; k <= l->half / 2; k++) {                                                              \
                T *p = y + 2 * k, *q = y + 2 * (l->half - k);                                                 \
                const V one[2] = {p[0], p[1]}, other[2] = {q[0], q[1]};                                       \
                V both[2], turned[2];                                                                         \
                sa_nd_fft_across_##K(one, other, last + 2 * (k - 1), both, turned);                           \
                p[0] = sa_nd_fft_halfsum_##K(both[0], turned[0]);                                             \
                p[1] = sa_nd_fft_halfsum_##K(both[1], turned[1]);                                             \
                q[0] = sa_nd_fft_halfdiff_##K(both[0], turned[0]);                                            \
                q[1] = sa_nd_fft_halfdiff_##K(turned[1], both[1]);                                            \
            }                                                                                                 \
            x += l->given;                                                                                    \
            y += 2 * l->half + 2;                                                                             \
        }                                                                                                     \
    }                                                                                                         \
                                                                                                              \
    SA_ND_FUNCTION void sa_nd_irfft_##K(const sa_nd_fft_t *l, const V *w, const V *last, const T *x, T *y)    \
    {                                                                                                         \
        int32_t row, k;                                                                                       \
                                                                                                              \
        for (row = 0; row < l->rows; row++) {                                                                 \
            int32_t digit[16], from = 0;                                                                      \
            const T *end = x + 2 * l->half;                                                                   \
            for (k = 0; k < 16; k++) {                                                                        \
                digit[k] = 0;                                                                                 \
            }                                                                                                 \
            for (k = 0; k < l->half; k++) {                                                                   \
                /* the upper half is the lower one's conjugate with the other sign of what is turned */       \
                const int32_t upper = 2 * from >= l->half, low = upper ? l->half - from : from;               \
                if (from == 0) {                                                                              \
                    y[2 * k] = sa_nd_fft_part_##K(sa_nd_fft_add_##K(x[0], end[0]), 2);                        \
                    y[2 * k + 1] = sa_nd_fft_part_##K(sa_nd_fft_sub_##K(x[0], end[0]), 2);                    \
                } else {                                                                                      \
                    const T *p = x + 2 * low, *q = x + 2 * (l->half - low);                                   \
                    const V one[2] = {p[0], p[1]}, other[2] = {q[0], q[1]};                                   \
                    V both[2], turned[2];                                                                     \
                    sa_nd_fft_across_##K(one, other, last + 2 * (low - 1), both, turned);                     \
                    y[2 * k] = upper ? sa_nd_fft_sub_##K(both[0], turned[0])                                  \
                                     : sa_nd_fft_add_##K(both[0], turned[0]);                                 \
                    y[2 * k + 1] = upper ? sa_nd_fft_neg_##K(sa_nd_fft_sub_##K(both[1], turned[1]))           \
                                         : sa_nd_fft_add_##K(both[1], turned[1]);                             \
                }                                                                                             \
                from = sa_nd_fft_next(l, digit, from);                                                        \
            }                                                                                                 \
            sa_nd_fft_##K(l, w, y, 1);                                                                        \
            for (k = 0; k < 2 * l->half; k++) {                                                               \
                y[k] = SCALE(y[k], 2 * l->half);                                                              \
            }                                                                                                 \
            x += 2 * l->half + 2;                                                                             \
            y += 2 * l->half;                                                                                 \
        }                                                                                                     \
    }

#define SA_ND_FFT_AS_IT_IS(v, n) (v)
#define SA_ND_FFT_DIVIDED(v, n) ((v) / (float)(n))

SA_ND_FFT(sa_nd_i16, int16_t, i16, SA_ND_FFT_AS_IT_IS)
SA_ND_FFT(sa_nd_i32, int32_t, i32, SA_ND_FFT_AS_IT_IS)
SA_ND_FFT(sa_nd_f32, float, f32, SA_ND_FFT_DIVIDED)

#endif
