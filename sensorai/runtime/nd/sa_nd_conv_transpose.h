/* Transposed convolutions over one to three axes, channels last; weights (output, kernel, inputs of a group).
 * Every output gathers the inputs that reach it, in their order. */
#ifndef SA_ND_CONV_TRANSPOSE_H
#define SA_ND_CONV_TRANSPOSE_H

#include "sa_nd_conv.h"

/* Inputs that reach the output at a place: first, last (exclusive), and the tap of the first. */
typedef struct {
    int32_t first[3];
    int32_t last[3];
    int32_t tap[3]; /* times the dilation */
} sa_nd_reach_t;

SA_ND_FUNCTION void sa_nd_reach(const sa_nd_conv_t *l, int32_t place, sa_nd_reach_t *r)
{
    int32_t axis;

    for (axis = 2; axis >= 0; axis--) {
        const int32_t at = place % l->out[axis] + l->before[axis];
        const int32_t stride = l->stride[axis];
        const int32_t low = at - (l->kernel[axis] - 1) * l->dilation[axis];
        const int32_t last = at / stride + 1;
        place /= l->out[axis];
        r->first[axis] = low > 0 ? (low + stride - 1) / stride : 0;
        r->last[axis] = last < l->in[axis] ? last : l->in[axis];
        r->tap[axis] = at - r->first[axis] * stride;
    }
}

/* Goes over the inputs that reach an output: BODY sees v, an index into the input, and u, one into the weights
 * of the output. */
#define SA_ND_REACHED(l, r, batch, lane, BODY)                                                            \
    do {                                                                                                  \
        int32_t i0_, i1_, i2_, t0_ = (r).tap[0], t1_, t2_;                                                \
        for (i0_ = (r).first[0]; i0_ < (r).last[0]; i0_++, t0_ -= (l).stride[0]) {                        \
            t1_ = (r).tap[1];                                                                             \
            for (i1_ = (r).first[1]; i1_ < (r).last[1]; i1_++, t1_ -= (l).stride[1]) {                    \
                t2_ = (r).tap[2];                                                                         \
                for (i2_ = (r).first[2]; i2_ < (r).last[2]; i2_++, t2_ -= (l).stride[2]) {                \
                    if (t0_ % (l).dilation[0] == 0 && t1_ % (l).dilation[1] == 0 &&                       \
                        t2_ % (l).dilation[2] == 0) {                                                     \
                        const int32_t row_ = ((batch) * (l).in[0] + i0_) * (l).in[1] + i1_;               \
                        const int32_t k_ = t0_ / (l).dilation[0] * (l).kernel[1] + t1_ / (l).dilation[1]; \
                        int32_t v = (row_ * (l).in[2] + i2_) * (l).channels + (lane);                     \
                        int32_t u = (k_ * (l).kernel[2] + t2_ / (l).dilation[2]) * (l).group_in;          \
                        int32_t n_;                                                                       \
                        for (n_ = 0; n_ < (l).group_in; n_++, u++, v++) {                                 \
                            BODY                                                                          \
                        }                                                                                 \
                    }                                                                                     \
                }                                                                                         \
            }                                                                                             \
        }                                                                                                 \
    } while (0)

/* Bytes, sums of int32. */
SA_ND_INLINE void sa_nd_conv_transpose_bytes(const sa_nd_conv_t *layer, const void *x, int xkind, const void *w,
                                             int wkind, const int32_t *bias, void *y)
{
    sa_nd_conv_t l;
    sa_nd_own(&l, layer);
    const int32_t all = l.kernel[0] * l.kernel[1] * l.kernel[2] * l.group_in;
    const int32_t places = l.out[0] * l.out[1] * l.out[2];
    int32_t batch, place, o, at = 0;

    for (batch = 0; batch < l.batch; batch++) {
        for (place = 0; place < places; place++) {
            sa_nd_reach_t r;
            sa_nd_reach(&l, place, &r);
            for (o = 0; o < l.outputs; o++) {
                const int32_t zero = l.weight_zero ? l.weight_zero[o] : 0;
                const int32_t lane = o / l.group_out * l.group_in;
                const int32_t start = o * all;
                uint32_t sum = bias ? (uint32_t)bias[o] : 0U;
                SA_ND_REACHED(l, r, batch, lane, {
                    const int32_t p = sa_nd_get(x, v, xkind) - l.zero;
                    sum += (uint32_t)p * (uint32_t)(sa_nd_get(w, start + u, wkind) - zero);
                });
                sa_nd_leave(&l.exit, y, at, o, sum);
                at++;
            }
        }
    }
}

/* Zero points on both sides, which may be known only while the net runs. */
SA_ND_FUNCTION void sa_nd_conv_transpose_any(const sa_nd_conv_t *l, const void *x, int xkind, const void *w,
                                             int wkind, const int32_t *bias, void *y)
{
    sa_nd_conv_transpose_bytes(l, x, xkind, w, wkind, bias, y);
}

/* int8 weights less their zero points. */
SA_ND_FUNCTION void sa_nd_conv_transpose_i8(const sa_nd_conv_t *l, const void *x, const int8_t *w,
                                            const int32_t *bias, void *y)
{
    sa_nd_conv_transpose_bytes(l, x, SA_ND_I8, w, SA_ND_I8, bias, y);
}

SA_ND_FUNCTION void sa_nd_conv_transpose_u8(const sa_nd_conv_t *l, const void *x, const int8_t *w,
                                            const int32_t *bias, void *y)
{
    sa_nd_conv_transpose_bytes(l, x, SA_ND_U8, w, SA_ND_I8, bias, y);
}

SA_ND_FUNCTION void sa_nd_conv_transpose_i16_wide(const sa_nd_conv_t *layer, const void *x, const int8_t *w,
                                                  const int64_t *bias, void *y)
{
    sa_nd_conv_t l;
    sa_nd_own(&l, layer);
    const int32_t all = l.kernel[0] * l.kernel[1] * l.kernel[2] * l.group_in;
    const int32_t places = l.out[0] * l.out[1] * l.out[2];
    int32_t batch, place, o, at = 0;

    for (batch = 0; batch < l.batch; batch++) {
        for (place = 0; place < places; place++) {
            sa_nd_reach_t r;
            sa_nd_reach(&l, place, &r);
            for (o = 0; o < l.outputs; o++) {
                const int8_t *const mine = w + o * all;
                const int32_t lane = o / l.group_out * l.group_in;
                int64_t sum = bias ? bias[o] : 0;
                SA_ND_REACHED(l, r, batch, lane, sum += ((const sa_nd_i16 *)x)[v] * mine[u];);
                sa_nd_leave_wide(&l.exit, y, at, o, sum);
                at++;
            }
        }
    }
}

/* float32: products one after the other from 0 in the order of the inputs, then the bias. */
SA_ND_INLINE void sa_nd_conv_transpose_float(const sa_nd_conv_t *layer, const sa_nd_f32 *x, const void *w,
                                             const sa_nd_f32 *bias, sa_nd_f32 *y, int bytes)
{
    sa_nd_conv_t l;
    sa_nd_own(&l, layer);
    const int32_t all = l.kernel[0] * l.kernel[1] * l.kernel[2] * l.group_in;
    const int32_t places = l.out[0] * l.out[1] * l.out[2];
    int32_t batch, place, o;

    for (batch = 0; batch < l.batch; batch++) {
        for (place = 0; place < places; place++) {
            sa_nd_reach_t r;
            sa_nd_reach(&l, place, &r);
            for (o = 0; o < l.outputs; o++) {
                const int32_t zero = bytes && l.weight_zero ? l.weight_zero[o] : 0;
                const float scale = bytes ? l.weight_scale[o] : 1.0F;
                const int32_t lane = o / l.group_out * l.group_in;
                const int32_t start = o * all;
                float sum = 0.0F;
                SA_ND_REACHED(l, r, batch, lane, {
                    const float q = bytes ? (float)(((const int8_t *)w)[start + u] - zero) * scale
                                          : ((const sa_nd_f32 *)w)[start + u];
                    sum += x[v] * q;
                });
                *y = sa_nd_conv_leave(&l, sum, bias, o);
                y++;
            }
        }
    }
}

SA_ND_FUNCTION void sa_nd_conv_transpose_f32(const sa_nd_conv_t *l, const sa_nd_f32 *x, const sa_nd_f32 *w,
                                             const sa_nd_f32 *bias, sa_nd_f32 *y)
{
    sa_nd_conv_transpose_float(l, x, w, bias, y, 0);
}

SA_ND_FUNCTION void sa_nd_conv_transpose_f32_i8(const sa_nd_conv_t *l, const sa_nd_f32 *x, const int8_t *w,
                                                const sa_nd_f32 *bias, sa_nd_f32 *y)
{
    sa_nd_conv_transpose_float(l, x, w, bias, y, 1);
}

#endif
