/* Convolutions over one to three axes, channels last; weights (output, kernel, inputs of a group). Dense layers
 * are those with a kernel of one. What would lie outside of the input is clipped from the kernel. */
#ifndef SA_ND_CONV_H
#define SA_ND_CONV_H

#include "sa_nd_above.h"
#include "sa_nd_exit.h"

typedef struct {
    int32_t in[3];
    int32_t out[3];
    int32_t kernel[3];
    int32_t stride[3];
    int32_t dilation[3];
    int32_t before[3]; /* margin */
    int32_t batch;
    int32_t channels; /* of the input */
    int32_t group_in;
    int32_t outputs;
    int32_t group_out;
    int32_t joined; /* neighbours in the kernel are neighbours in the input: a row is one sum */
    int32_t zero;   /* of the input; with sums of int32 its share is in the bias */
    const int32_t *weight_zero; /* of each output, where not NULL */
    const float *weight_scale;  /* of each output, for int8 weights of floats */
    float lo;
    float hi;
    int32_t clamped;
    sa_nd_exit_t exit;
} sa_nd_conv_t;

/* A copy whose members stay in registers; copying the whole would be a call of memcpy. */
SA_ND_INLINE void sa_nd_own(sa_nd_conv_t *to, const sa_nd_conv_t *from)
{
#define SA_ND_THREE(member)                  \
    do {                                     \
        to->member[0] = from->member[0];     \
        to->member[1] = from->member[1];     \
        to->member[2] = from->member[2];     \
    } while (0)
    SA_ND_THREE(in);
    SA_ND_THREE(out);
    SA_ND_THREE(kernel);
    SA_ND_THREE(stride);
    SA_ND_THREE(dilation);
    SA_ND_THREE(before);
#undef SA_ND_THREE
    to->batch = from->batch;
    to->channels = from->channels;
    to->group_in = from->group_in;
    to->outputs = from->outputs;
    to->group_out = from->group_out;
    to->joined = from->joined;
    to->zero = from->zero;
    to->weight_zero = from->weight_zero;
    to->weight_scale = from->weight_scale;
    to->lo = from->lo;
    to->hi = from->hi;
    to->clamped = from->clamped;
    to->exit.multiplier = from->exit.multiplier;
    to->exit.shift = from->exit.shift;
    to->exit.each = from->exit.each;
    to->exit.rounding = from->exit.rounding;
    to->exit.kind = from->exit.kind;
    to->exit.zero = from->exit.zero;
    to->exit.lo = from->exit.lo;
    to->exit.hi = from->exit.hi;
}

/* Where the kernel stands, and which part of it lies on values. */
typedef struct {
    int32_t at[3];
    int32_t from[3];
    int32_t first[3];
    int32_t last[3];
    int32_t batch;
    int32_t full;
} sa_nd_walk_t;

SA_ND_INLINE void sa_nd_place(const sa_nd_conv_t *l, sa_nd_walk_t *k, int32_t axis)
{
    const int32_t dilation = l->dilation[axis];
    const int32_t from = k->at[axis] * l->stride[axis] - l->before[axis];
    const int32_t end = from + (l->kernel[axis] - 1) * dilation;

    k->from[axis] = from;
    k->first[axis] = from < 0 ? sa_nd_quotient(dilation - 1 - from, dilation) : 0;
    k->last[axis] = l->kernel[axis];
    if (end >= l->in[axis]) {
        const int32_t room = l->in[axis] - from;
        k->last[axis] = room > 0 ? sa_nd_quotient(room + dilation - 1, dilation) : 0;
    }
    if (k->first[axis] > k->last[axis]) {
        k->first[axis] = k->last[axis];
    }
}

SA_ND_INLINE void sa_nd_look(const sa_nd_conv_t *l, sa_nd_walk_t *k)
{
    int32_t axis;

    k->full = 1;
    for (axis = 0; axis < 3; axis++) {
        if (k->last[axis] - k->first[axis] != l->kernel[axis]) {
            k->full = 0;
        }
    }
}

SA_ND_FUNCTION void sa_nd_start(const sa_nd_conv_t *l, sa_nd_walk_t *k)
{
    int32_t axis;

    for (axis = 0; axis < 3; axis++) {
        k->at[axis] = 0;
        sa_nd_place(l, k, axis);
    }
    k->batch = 0;
    sa_nd_look(l, k);
}

/* To the next place; 0 behind the last. */
SA_ND_FUNCTION int32_t sa_nd_step(const sa_nd_conv_t *l, sa_nd_walk_t *k)
{
    int32_t axis;

    for (axis = 2; axis >= 0; axis--) {
        k->at[axis]++;
        if (k->at[axis] < l->out[axis]) {
            sa_nd_place(l, k, axis);
            sa_nd_look(l, k);
            return 1;
        }
        k->at[axis] = 0;
        sa_nd_place(l, k, axis);
    }
    sa_nd_look(l, k);
    k->batch++;
    return k->batch < l->batch ? 1 : 0;
}

/* First value under row (a, b) of the kernel, as a number of values from the start of the input. */
SA_ND_INLINE int32_t sa_nd_row(const sa_nd_conv_t *l, const sa_nd_walk_t *k, int32_t a, int32_t b)
{
    const int32_t d = k->from[0] + a * l->dilation[0];
    const int32_t h = k->from[1] + b * l->dilation[1];
    const int32_t w = k->from[2] + k->first[2] * l->dilation[2];

    return (((k->batch * l->in[0] + d) * l->in[1] + h) * l->in[2] + w) * l->channels;
}

SA_ND_INLINE int32_t sa_nd_get(const void *x, int32_t i, int kind)
{
    return kind == SA_ND_I8    ? ((const int8_t *)x)[i]
           : kind == SA_ND_U8  ? ((const uint8_t *)x)[i]
           : kind == SA_ND_I16 ? ((const sa_nd_i16 *)x)[i]
                               : ((const sa_nd_i32 *)x)[i];
}

/* Sum of the weights that lie outside of the input. */
SA_ND_FUNCTION int32_t sa_nd_outside(const sa_nd_conv_t *l, const sa_nd_walk_t *k, const int8_t *w)
{
    const int32_t left = k->first[2] * l->group_in, right = k->last[2] * l->group_in;
    const int32_t width = l->kernel[2] * l->group_in;
    int32_t a, b, i, sum = 0;

    for (a = 0; a < l->kernel[0]; a++) {
        for (b = 0; b < l->kernel[1]; b++) {
            const int32_t plane = a >= k->first[0] && a < k->last[0];
            const int32_t inside = plane && b >= k->first[1] && b < k->last[1];
            for (i = 0; i < (inside ? left : width); i++) {
                sum += w[i];
            }
            for (i = inside ? right : width; i < width; i++) {
                sum += w[i];
            }
            w += width;
        }
    }
    return sum;
}

/* Sums of one row of the kernel: n values beside each other, for one output and for four at once. */
#define SA_ND_DOTS(name, type)                                                                               \
    SA_ND_INLINE uint32_t sa_nd_dot_##name(uint32_t sum, const type *x, const int8_t *w, int32_t n)          \
    {                                                                                                        \
        const type *const end = x + n;                                                                       \
        while (x != end) {                                                                                   \
            sum += (uint32_t)(*x * *w);                                                                      \
            x++;                                                                                             \
            w++;                                                                                             \
        }                                                                                                    \
        return sum;                                                                                          \
    }                                                                                                        \
    SA_ND_INLINE void sa_nd_dots_##name(uint32_t *sums, const type *x, const int8_t *w, int32_t n,           \
                                        int32_t all)                                                         \
    {                                                                                                        \
        const type *const end = x + n;                                                                       \
        const int8_t *w1 = w + all, *w2 = w1 + all, *w3 = w2 + all;                                          \
        uint32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];                                     \
        while (x != end) {                                                                                   \
            const int32_t v = *x;                                                                            \
            s0 += (uint32_t)(v * *w);                                                                        \
            s1 += (uint32_t)(v * *w1);                                                                       \
            s2 += (uint32_t)(v * *w2);                                                                       \
            s3 += (uint32_t)(v * *w3);                                                                       \
            x++;                                                                                             \
            w++;                                                                                             \
            w1++;                                                                                            \
            w2++;                                                                                            \
            w3++;                                                                                            \
        }                                                                                                    \
        sums[0] = s0;                                                                                        \
        sums[1] = s1;                                                                                        \
        sums[2] = s2;                                                                                        \
        sums[3] = s3;                                                                                        \
    }                                                                                                        \
    /* one value for each tap, step apart */                                                                 \
    SA_ND_INLINE uint32_t sa_nd_taps_##name(uint32_t sum, const type *x, const int8_t *w, int32_t n,         \
                                            int32_t step)                                                    \
    {                                                                                                        \
        while (n > 0) {                                                                                      \
            sum += (uint32_t)(*x * *w);                                                                      \
            x += step;                                                                                       \
            w++;                                                                                             \
            n--;                                                                                             \
        }                                                                                                    \
        return sum;                                                                                          \
    }

SA_ND_DOTS(i8, int8_t)
SA_ND_DOTS(u8, uint8_t)
SA_ND_DOTS(i16, sa_nd_i16)

/* int8 weights without zero points; the share of the input's zero point is in the bias. */
#define SA_ND_NARROW(name, type)                                                                             \
    SA_ND_FUNCTION void sa_nd_conv_##name(const sa_nd_conv_t *layer, const type *x, const int8_t *w,         \
                                          const int32_t *bias, void *y)                                      \
    {                                                                                                        \
        /* a copy: the compiler need not think that storing results changes it */                            \
        sa_nd_conv_t l;                                                                                      \
        sa_nd_own(&l, layer);                                                                                \
        const int32_t width = l.kernel[2] * l.group_in;                                                      \
        const int32_t all = l.kernel[0] * l.kernel[1] * width;                                               \
        const int32_t step = l.dilation[2] * l.channels;                                                     \
        const int32_t down = l.dilation[1] * l.in[2] * l.channels;                                           \
        const int32_t deep = l.dilation[0] * l.in[1] * l.in[2] * l.channels;                                 \
        int32_t at = 0;                                                                                      \
        sa_nd_walk_t k;                                                                                      \
                                                                                                             \
        sa_nd_start(&l, &k);                                                                                 \
        do {                                                                                                 \
            const int32_t count = k.last[2] - k.first[2];                                                    \
            const int32_t rows = k.last[1] - k.first[1], planes = k.last[0] - k.first[0];                    \
            const type *from = x + sa_nd_row(&l, &k, k.first[0], k.first[1]);                                \
            const int8_t *v = w + (k.first[0] * l.kernel[1] + k.first[1]) * width + k.first[2] * l.group_in; \
            const int8_t *whole = w;                                                                         \
            int32_t o = 0, left = l.group_out;                                                               \
            while (o < l.outputs) {                                                                          \
                uint32_t sums[4];                                                                            \
                const int32_t many = left >= 4 ? 4 : 1;                                                      \
                int32_t a, b, c, i;                                                                          \
                for (i = 0; i < many; i++) {                                                                 \
                    sums[i] = bias ? (uint32_t)bias[o + i] : 0U;                                             \
                }                                                                                            \
                for (a = 0; a < planes; a++) {                                                               \
                    const type *p = from + a * deep;                                                         \
                    const int8_t *q = v + a * l.kernel[1] * width;                                           \
                    for (b = rows; b > 0; b--) {                                                             \
                        if (l.joined != 0) {                                                                 \
                            if (many == 4) {                                                                 \
                                sa_nd_dots_##name(sums, p, q, count * l.group_in, all);                      \
                            } else {                                                                         \
                                sums[0] = sa_nd_dot_##name(sums[0], p, q, count * l.group_in);               \
                            }                                                                                \
                        } else {                                                                             \
                            for (c = 0; c < count; c++) {                                                    \
                                const type *const s = p + c * step;                                          \
                                const int8_t *const u = q + c * l.group_in;                                  \
                                if (many == 4) {                                                             \
                                    sa_nd_dots_##name(sums, s, u, l.group_in, all);                          \
                                } else {                                                                     \
                                    sums[0] = sa_nd_dot_##name(sums[0], s, u, l.group_in);                   \
                                }                                                                            \
                            }                                                                                \
                        }                                                                                    \
                        p += down;                                                                           \
                        q += width;                                                                          \
                    }                                                                                        \
                }                                                                                            \
                for (i = 0; i < many; i++) {                                                                 \
                    if (k.full == 0 && l.zero != 0) {                                                        \
                        sums[i] += (uint32_t)(sa_nd_outside(&l, &k, whole) * l.zero);                        \
                    }                                                                                        \
                    sa_nd_leave(&l.exit, y, at, o, sums[i]);                                                 \
                    at++;                                                                                    \
                    o++;                                                                                     \
                    whole += all;                                                                            \
                }                                                                                            \
                v += many * all;                                                                             \
                left -= many;                                                                                \
                if (left == 0) {                                                                             \
                    left = l.group_out;                                                                      \
                    from += l.group_in;                                                                      \
                }                                                                                            \
            }                                                                                                \
        } while (sa_nd_step(&l, &k) != 0);                                                                   \
    }

/* The same where every output has one input. */
#define SA_ND_SINGLE(name, type)                                                                             \
    SA_ND_FUNCTION void sa_nd_conv_single_##name(const sa_nd_conv_t *layer, const type *x, const int8_t *w,  \
                                                 const int32_t *bias, void *y)                               \
    {                                                                                                        \
        sa_nd_conv_t l;                                                                                      \
        sa_nd_own(&l, layer);                                                                                \
        const int32_t width = l.kernel[2], all = l.kernel[0] * l.kernel[1] * width;                          \
        const int32_t step = l.dilation[2] * l.channels;                                                     \
        const int32_t down = l.dilation[1] * l.in[2] * l.channels;                                           \
        const int32_t deep = l.dilation[0] * l.in[1] * l.in[2] * l.channels;                                 \
        int32_t at = 0;                                                                                      \
        sa_nd_walk_t k;                                                                                      \
                                                                                                             \
        sa_nd_start(&l, &k);                                                                                 \
        do {                                                                                                 \
            const int32_t count = k.last[2] - k.first[2];                                                    \
            const int32_t rows = k.last[1] - k.first[1], planes = k.last[0] - k.first[0];                    \
            const int32_t border = k.full == 0 ? l.zero : 0;                                                 \
            const type *from = x + sa_nd_row(&l, &k, k.first[0], k.first[1]);                                \
            const int8_t *v = w + (k.first[0] * l.kernel[1] + k.first[1]) * width + k.first[2];              \
            int32_t o, left = l.group_out;                                                                   \
            for (o = 0; o < l.outputs; o++) {                                                                \
                uint32_t sum = bias ? (uint32_t)bias[o] : 0U;                                                \
                int32_t a, b;                                                                                \
                for (a = 0; a < planes; a++) {                                                               \
                    const type *p = from + a * deep;                                                         \
                    const int8_t *q = v + a * l.kernel[1] * width;                                           \
                    if (count == 3) {                                                                        \
                        for (b = rows; b > 0; b--) {                                                         \
                            sum += (uint32_t)(p[0] * q[0]);                                                  \
                            sum += (uint32_t)(p[step] * q[1]);                                               \
                            sum += (uint32_t)(p[2 * step] * q[2]);                                           \
                            p += down;                                                                       \
                            q += width;                                                                      \
                        }                                                                                    \
                    } else {                                                                                 \
                        for (b = rows; b > 0; b--) {                                                         \
                            sum = sa_nd_taps_##name(sum, p, q, count, step);                                 \
                            p += down;                                                                       \
                            q += width;                                                                      \
                        }                                                                                    \
                    }                                                                                        \
                }                                                                                            \
                if (border != 0) {                                                                           \
                    sum += (uint32_t)(sa_nd_outside(&l, &k, w + o * all) * border);                          \
                }                                                                                            \
                sa_nd_leave(&l.exit, y, at, o, sum);                                                         \
                at++;                                                                                        \
                v += all;                                                                                    \
                left--;                                                                                      \
                if (left == 0) {                                                                             \
                    left = l.group_out;                                                                      \
                    from++;                                                                                  \
                }                                                                                            \
            }                                                                                                \
        } while (sa_nd_step(&l, &k) != 0);                                                                   \
    }

SA_ND_NARROW(i8, int8_t)
SA_ND_NARROW(u8, uint8_t)
SA_ND_NARROW(i16, sa_nd_i16)
SA_ND_SINGLE(i8, int8_t)
SA_ND_SINGLE(u8, uint8_t)
SA_ND_SINGLE(i16, sa_nd_i16)

/* int16 values, int8 weights, sums of int64. */
SA_ND_FUNCTION void sa_nd_conv_i16_wide(const sa_nd_conv_t *layer, const void *x, const int8_t *w,
                                        const int64_t *bias, void *y)
{
    sa_nd_conv_t l;
    sa_nd_own(&l, layer);
    const int32_t width = l.kernel[2] * l.group_in;
    const int32_t all = l.kernel[0] * l.kernel[1] * width;
    const int32_t step = l.dilation[2] * l.channels;
    int32_t at = 0;
    sa_nd_walk_t k;

    sa_nd_start(&l, &k);
    do {
        int32_t o, lane = 0, of_group = 0;
        const int8_t *v = w;
        for (o = 0; o < l.outputs; o++) {
            int64_t sum = bias ? bias[o] : 0;
            int32_t a, b, c, i;
            for (a = k.first[0]; a < k.last[0]; a++) {
                for (b = k.first[1]; b < k.last[1]; b++) {
                    int32_t row = sa_nd_row(&l, &k, a, b) + lane;
                    const int8_t *u = v + (a * l.kernel[1] + b) * width + k.first[2] * l.group_in;
                    for (c = k.first[2]; c < k.last[2]; c++) {
                        for (i = 0; i < l.group_in; i++) {
                            sum += ((const sa_nd_i16 *)x)[row + i] * *u;
                            u++;
                        }
                        row += step;
                    }
                }
            }
            sa_nd_leave_wide(&l.exit, y, at, o, sum);
            at++;
            v += all;
            of_group++;
            if (of_group == l.group_out) {
                of_group = 0;
                lane += l.group_in;
            }
        }
    } while (sa_nd_step(&l, &k) != 0);
}

/* Bytes with zero points on both sides, which may be known only while the net runs. */
SA_ND_FUNCTION void sa_nd_conv_any(const sa_nd_conv_t *layer, const void *x, int xkind, const void *w,
                                   int wkind, const int32_t *bias, void *y)
{
    sa_nd_conv_t l;
    sa_nd_own(&l, layer);
    const int32_t width = l.kernel[2] * l.group_in;
    const int32_t all = l.kernel[0] * l.kernel[1] * width;
    const int32_t step = l.dilation[2] * l.channels;
    int32_t at = 0;
    sa_nd_walk_t k;

    sa_nd_start(&l, &k);
    do {
        int32_t o, lane = 0, of_group = 0;
        for (o = 0; o < l.outputs; o++) {
            const int32_t zero = l.weight_zero ? l.weight_zero[o] : 0;
            uint32_t sum = bias ? (uint32_t)bias[o] : 0U;
            int32_t a, b, c, i;
            for (a = k.first[0]; a < k.last[0]; a++) {
                for (b = k.first[1]; b < k.last[1]; b++) {
                    int32_t row = sa_nd_row(&l, &k, a, b) + lane;
                    int32_t u = o * all + (a * l.kernel[1] + b) * width + k.first[2] * l.group_in;
                    for (c = k.first[2]; c < k.last[2]; c++) {
                        for (i = 0; i < l.group_in; i++) {
                            const int32_t p = sa_nd_get(x, row + i, xkind) - l.zero;
                            const int32_t q = sa_nd_get(w, u, wkind) - zero;
                            sum += (uint32_t)p * (uint32_t)q;
                            u++;
                        }
                        row += step;
                    }
                }
            }
            sa_nd_leave(&l.exit, y, at, o, sum);
            at++;
            of_group++;
            if (of_group == l.group_out) {
                of_group = 0;
                lane += l.group_in;
            }
        }
    } while (sa_nd_step(&l, &k) != 0);
}

/* A sum of floats on its way out: bias, clamp. */
SA_ND_INLINE float sa_nd_conv_leave(const sa_nd_conv_t *l, float sum, const sa_nd_f32 *bias, int32_t output)
{
    if (bias) {
        sum += bias[output];
    }
    if (l->clamped != 0) {
        sum = SA_ND_ABOVE(l->lo, sum) ? l->lo : sum;
        sum = SA_ND_ABOVE(sum, l->hi) ? l->hi : sum;
    }
    return sum;
}

/* float32: products one after the other from 0, then the bias. int8 weights become floats one by one. */
SA_ND_INLINE void sa_nd_conv_float(const sa_nd_conv_t *layer, const sa_nd_f32 *x, const void *w,
                                   const sa_nd_f32 *bias, sa_nd_f32 *y, int bytes)
{
    sa_nd_conv_t l;
    sa_nd_own(&l, layer);
    const int32_t width = l.kernel[2] * l.group_in;
    const int32_t all = l.kernel[0] * l.kernel[1] * width;
    const int32_t step = l.dilation[2] * l.channels;
    sa_nd_walk_t k;

    sa_nd_start(&l, &k);
    do {
        int32_t o, lane = 0, of_group = 0;
        for (o = 0; o < l.outputs; o++) {
            const int32_t zero = bytes && l.weight_zero ? l.weight_zero[o] : 0;
            const float scale = bytes ? l.weight_scale[o] : 1.0F;
            float sum = 0.0F;
            int32_t a, b, c, i;
            for (a = k.first[0]; a < k.last[0]; a++) {
                for (b = k.first[1]; b < k.last[1]; b++) {
                    const sa_nd_f32 *v = x + sa_nd_row(&l, &k, a, b) + lane;
                    int32_t u = o * all + (a * l.kernel[1] + b) * width + k.first[2] * l.group_in;
                    for (c = k.first[2]; c < k.last[2]; c++) {
                        for (i = 0; i < l.group_in; i++) {
                            const float q = bytes ? (float)(((const int8_t *)w)[u] - zero) * scale
                                                  : ((const sa_nd_f32 *)w)[u];
                            sum += v[i] * q;
                            u++;
                        }
                        v += step;
                    }
                }
            }
            *y = sa_nd_conv_leave(&l, sum, bias, o);
            y++;
            of_group++;
            if (of_group == l.group_out) {
                of_group = 0;
                lane += l.group_in;
            }
        }
    } while (sa_nd_step(&l, &k) != 0);
}

SA_ND_FUNCTION void sa_nd_conv_f32(const sa_nd_conv_t *l, const sa_nd_f32 *x, const sa_nd_f32 *w,
                                   const sa_nd_f32 *bias, sa_nd_f32 *y)
{
    sa_nd_conv_float(l, x, w, bias, y, 0);
}

SA_ND_FUNCTION void sa_nd_conv_f32_i8(const sa_nd_conv_t *l, const sa_nd_f32 *x, const int8_t *w,
                                      const sa_nd_f32 *bias, sa_nd_f32 *y)
{
    sa_nd_conv_float(l, x, w, bias, y, 1);
}

#endif
