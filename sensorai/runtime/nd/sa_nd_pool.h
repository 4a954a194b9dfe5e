/* Pools over one to three axes, channels last: largest, average, sums of magnitudes and of squares. What would
 * lie outside of the input is clipped from the kernel. */
#ifndef SA_ND_POOL_H
#define SA_ND_POOL_H

#include "sa_nd_above.h"
#include "sa_nd_fixed.h"
#include "sa_nd_math.h"

typedef struct {
    int32_t in[3];
    int32_t out[3];
    int32_t kernel[3];
    int32_t stride[3];
    int32_t dilation[3];
    int32_t before[3]; /* margin */
    int32_t counted[3]; /* places behind the last that an average counts, margins included where they count */
    int32_t batch;
    int32_t channels;
    int32_t margins; /* whether an average counts margins */
    int32_t kind;
    int32_t clamped;
    int32_t low; /* ends of integers */
    int32_t high;
    float lo; /* ends of floats */
    float hi;
} sa_nd_pool_t;

enum { SA_ND_POOL_AVERAGE, SA_ND_POOL_LP1, SA_ND_POOL_LP2, SA_ND_POOL_L2 };

/* Where the kernel stands: taps from `first` to before `last` lie on values, `count` are divided by. */
typedef struct {
    int32_t from[3];
    int32_t first[3];
    int32_t last[3];
    int32_t count;
} sa_nd_stand_t;

SA_ND_FUNCTION void sa_nd_pool_stand(const sa_nd_pool_t *l, const int32_t *at, sa_nd_stand_t *s)
{
    int32_t axis;

    s->count = 1;
    for (axis = 0; axis < 3; axis++) {
        const int32_t dilation = l->dilation[axis], taps = l->kernel[axis];
        const int32_t from = at[axis] * l->stride[axis] - l->before[axis];
        const int32_t room = l->in[axis] - from, wide = l->counted[axis] - from;
        int32_t first = from < 0 ? sa_nd_quotient(dilation - 1 - from, dilation) : 0;
        int32_t last = room > 0 ? sa_nd_quotient(room + dilation - 1, dilation) : 0;
        int32_t end = wide > 0 ? sa_nd_quotient(wide + dilation - 1, dilation) : 0;

        first = first < taps ? first : taps;
        last = last < taps ? last : taps;
        last = last > first ? last : first;
        end = end < taps ? end : taps;
        s->from[axis] = from;
        s->first[axis] = first;
        s->last[axis] = last;
        s->count *= l->margins ? end : last - first;
    }
    s->count = s->count > 0 ? s->count : 1;
}

/* Element of the first channel at taps a, b, c. */
SA_ND_INLINE int32_t sa_nd_pool_at(
    const sa_nd_pool_t *l, const sa_nd_stand_t *s, int32_t n, int32_t a, int32_t b, int32_t c)
{
    const int32_t i0 = s->from[0] + a * l->dilation[0];
    const int32_t i1 = s->from[1] + b * l->dilation[1];
    const int32_t i2 = s->from[2] + c * l->dilation[2];

    return (((n * l->in[0] + i0) * l->in[1] + i1) * l->in[2] + i2) * l->channels;
}

/* The next place; whether there is one. */
SA_ND_INLINE int32_t sa_nd_pool_next(const sa_nd_pool_t *l, int32_t *at, int32_t *n)
{
    int32_t axis;

    for (axis = 2; axis >= 0; axis--) {
        at[axis]++;
        if (at[axis] < l->out[axis]) {
            return 1;
        }
        at[axis] = 0;
    }
    (*n)++;
    return *n < l->batch;
}

/* Largest number under the kernel; the lowest where it lies on margins only. */
#define SA_ND_POOL_MAX(name, type, lowest, clamp, above)                                             \
    SA_ND_FUNCTION void name(const sa_nd_pool_t *l, const type *x, type *y)                          \
    {                                                                                                \
        int32_t at[3] = {0, 0, 0}, n = 0, a, b, c, k;                                                \
        sa_nd_stand_t s;                                                                             \
                                                                                                     \
        do {                                                                                         \
            sa_nd_pool_stand(l, at, &s);                                                             \
            for (k = 0; k < l->channels; k++) {                                                      \
                y[k] = (lowest);                                                                     \
            }                                                                                        \
            for (a = s.first[0]; a < s.last[0]; a++) {                                               \
                for (b = s.first[1]; b < s.last[1]; b++) {                                           \
                    for (c = s.first[2]; c < s.last[2]; c++) {                                       \
                        const type *from = x + sa_nd_pool_at(l, &s, n, a, b, c);                     \
                        for (k = 0; k < l->channels; k++) {                                          \
                            y[k] = above(from[k], y[k]) ? from[k] : y[k];                            \
                        }                                                                            \
                    }                                                                                \
                }                                                                                    \
            }                                                                                        \
            if (l->clamped) {                                                                        \
                for (k = 0; k < l->channels; k++) {                                                  \
                    y[k] = clamp(y[k], l);                                                           \
                }                                                                                    \
            }                                                                                        \
            y += l->channels;                                                                        \
        } while (sa_nd_pool_next(l, at, &n));                                                        \
    }

#define SA_ND_POOL_ABOVE(a, b) ((a) > (b))
#define SA_ND_POOL_NONE(v, l) (v)
#define SA_ND_POOL_ENDS(v, l) ((v) < (l)->low ? (l)->low : ((v) > (l)->high ? (l)->high : (v)))
#define SA_ND_POOL_S8(v, l) ((int8_t)SA_ND_POOL_ENDS(v, l))
#define SA_ND_POOL_U8(v, l) ((uint8_t)SA_ND_POOL_ENDS(v, l))
#define SA_ND_POOL_S16(v, l) ((int16_t)SA_ND_POOL_ENDS(v, l))
#define SA_ND_POOL_F32(v, l) \
    (SA_ND_ABOVE((l)->lo, v) ? (l)->lo : (SA_ND_ABOVE(v, (l)->hi) ? (l)->hi : (v)))

SA_ND_POOL_MAX(sa_nd_pool_max_f32, sa_nd_f32, -__builtin_inff(), SA_ND_POOL_F32, SA_ND_ABOVE)
SA_ND_POOL_MAX(sa_nd_pool_max_f64, sa_nd_f64, -__builtin_inf(), SA_ND_POOL_NONE, SA_ND_POOL_ABOVE)
SA_ND_POOL_MAX(sa_nd_pool_max_s8, int8_t, INT8_MIN, SA_ND_POOL_S8, SA_ND_POOL_ABOVE)
SA_ND_POOL_MAX(sa_nd_pool_max_u8, uint8_t, 0, SA_ND_POOL_U8, SA_ND_POOL_ABOVE)
SA_ND_POOL_MAX(sa_nd_pool_max_s16, sa_nd_i16, INT16_MIN, SA_ND_POOL_S16, SA_ND_POOL_ABOVE)
SA_ND_POOL_MAX(sa_nd_pool_max_u16, sa_nd_u16, 0, SA_ND_POOL_NONE, SA_ND_POOL_ABOVE)
SA_ND_POOL_MAX(sa_nd_pool_max_s32, sa_nd_i32, INT32_MIN, SA_ND_POOL_NONE, SA_ND_POOL_ABOVE)
SA_ND_POOL_MAX(sa_nd_pool_max_s64, sa_nd_i64, INT64_MIN, SA_ND_POOL_NONE, SA_ND_POOL_ABOVE)

/* Where the largest number stands, the first of equal ones, in a tensor with channels first: rows first, or
 * columns; -1 where the kernel lies on margins only. */
#define SA_ND_POOL_WHERE(name, type)                                                                 \
    SA_ND_FUNCTION void name(const sa_nd_pool_t *l, const type *x, sa_nd_i64 *y, int32_t columns)    \
    {                                                                                                \
        int32_t at[3] = {0, 0, 0}, n = 0, a, b, c, k;                                                \
        const int32_t area = l->in[0] * l->in[1] * l->in[2];                                         \
        sa_nd_stand_t s;                                                                             \
                                                                                                     \
        do {                                                                                         \
            sa_nd_pool_stand(l, at, &s);                                                             \
            for (k = 0; k < l->channels; k++) {                                                      \
                int32_t found = -1, best = 0;                                                        \
                                                                                                     \
                for (a = s.first[0]; a < s.last[0]; a++) {                                           \
                    for (b = s.first[1]; b < s.last[1]; b++) {                                       \
                        for (c = s.first[2]; c < s.last[2]; c++) {                                   \
                            const int32_t p = sa_nd_pool_at(l, &s, n, a, b, c) + k;                  \
                                                                                                     \
                            if (found < 0 || x[p] > x[best]) {                                       \
                                const int32_t i0 = s.from[0] + a * l->dilation[0];                   \
                                const int32_t i1 = s.from[1] + b * l->dilation[1];                   \
                                const int32_t i2 = s.from[2] + c * l->dilation[2];                   \
                                                                                                     \
                                best = p;                                                            \
                                found = columns ? (i2 * l->in[1] + i1) * l->in[0] + i0               \
                                                : (i0 * l->in[1] + i1) * l->in[2] + i2;              \
                            }                                                                        \
                        }                                                                            \
                    }                                                                                \
                }                                                                                    \
                y[k] = found < 0 ? -1 : (n * l->channels + k) * area + found;                        \
            }                                                                                        \
            y += l->channels;                                                                        \
        } while (sa_nd_pool_next(l, at, &n));                                                        \
    }

SA_ND_POOL_WHERE(sa_nd_pool_where_f32, sa_nd_f32)
SA_ND_POOL_WHERE(sa_nd_pool_where_s8, int8_t)
SA_ND_POOL_WHERE(sa_nd_pool_where_u8, uint8_t)

/* Sums from 0 in the order of the taps, then one division or root. */
SA_ND_FUNCTION void sa_nd_pool_mean_f32(const sa_nd_pool_t *l, const sa_nd_f32 *x, sa_nd_f32 *y)
{
    int32_t at[3] = {0, 0, 0}, n = 0, a, b, c, k;
    const int32_t kind = l->kind;
    sa_nd_stand_t s;

    do {
        sa_nd_pool_stand(l, at, &s);
        for (k = 0; k < l->channels; k++) {
            y[k] = 0.0F;
        }
        for (a = s.first[0]; a < s.last[0]; a++) {
            for (b = s.first[1]; b < s.last[1]; b++) {
                for (c = s.first[2]; c < s.last[2]; c++) {
                    const sa_nd_f32 *from = x + sa_nd_pool_at(l, &s, n, a, b, c);

                    for (k = 0; k < l->channels; k++) {
                        const float v = from[k];
                        const float one = kind == SA_ND_POOL_AVERAGE ? v
                                          : kind == SA_ND_POOL_LP1   ? (v < 0.0F ? -v : v)
                                                                     : v * v;

                        y[k] = y[k] + one;
                    }
                }
            }
        }
        for (k = 0; k < l->channels; k++) {
            float v = y[k];

            if (kind == SA_ND_POOL_AVERAGE || kind == SA_ND_POOL_L2) {
                v = v / (float)s.count;
            }
            if (kind == SA_ND_POOL_LP2 || kind == SA_ND_POOL_L2) {
                v = sa_nd_sqrt(v);
            }
            y[k] = l->clamped ? SA_ND_POOL_F32(v, l) : v;
        }
        y += l->channels;
    } while (sa_nd_pool_next(l, at, &n));
}

/* Averages of integers, to nearest, ties away from zero. */
#define SA_ND_POOL_MEAN(name, type, clamp)                                                           \
    SA_ND_FUNCTION void name(const sa_nd_pool_t *l, const type *x, type *y)                          \
    {                                                                                                \
        int32_t at[3] = {0, 0, 0}, n = 0, a, b, c, k;                                                \
        sa_nd_stand_t s;                                                                             \
                                                                                                     \
        do {                                                                                         \
            sa_nd_pool_stand(l, at, &s);                                                             \
            for (k = 0; k < l->channels; k++) {                                                      \
                int32_t sum = 0;                                                                     \
                                                                                                     \
                for (a = s.first[0]; a < s.last[0]; a++) {                                           \
                    for (b = s.first[1]; b < s.last[1]; b++) {                                       \
                        for (c = s.first[2]; c < s.last[2]; c++) {                                   \
                            sum += x[sa_nd_pool_at(l, &s, n, a, b, c) + k];                          \
                        }                                                                            \
                    }                                                                                \
                }                                                                                    \
                y[k] = clamp(sa_nd_share(sum, s.count), l);                                          \
            }                                                                                        \
            y += l->channels;                                                                        \
        } while (sa_nd_pool_next(l, at, &n));                                                        \
    }

SA_ND_POOL_MEAN(sa_nd_pool_mean_s8, int8_t, SA_ND_POOL_S8)
SA_ND_POOL_MEAN(sa_nd_pool_mean_u8, uint8_t, SA_ND_POOL_U8)
SA_ND_POOL_MEAN(sa_nd_pool_mean_s16, sa_nd_i16, SA_ND_POOL_S16)

#endif
