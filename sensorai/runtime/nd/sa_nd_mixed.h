/* Weighted sums of bits (+1 and -1), int8 and float32 values with weights of the same three types, leaving as
 * any of them: a kernel for each pair of values and weights, and two ways out, of whole and of real sums. */
#ifndef SA_ND_MIXED_H
#define SA_ND_MIXED_H

#include "sa_nd_conv.h"
#include "sa_nd_nearest.h"

#define SA_ND_TO_BITS 0
#define SA_ND_TO_BYTES 1
#define SA_ND_TO_FLOATS 2

typedef struct {
    sa_nd_conv_t conv;
    int32_t leave;
    int32_t value_step;  /* numbers, or bits, from one place of the input to the next */
    int32_t weight_tap;  /* from tap to tap */
    int32_t weight_row;  /* from output to output */
    int32_t words;       /* of a tap, where bits meet bits in whole words; else 0 */
    int32_t result_words;
    float value_scale;
    const float *scale;  /* of whole sums that leave as floats */
    int32_t each;        /* 1: one scale for each output */
    float result_scale;  /* of real sums that leave as int8 */
    int32_t away;        /* those are rounded away from 0 where they lie between two */
} sa_nd_mixed_t;

SA_ND_INLINE int32_t sa_nd_bit_sign(const void *p, int32_t i)
{
    return (int32_t)((((const sa_nd_u32 *)p)[i >> 5] >> (i & 31)) & 1U) * 2 - 1;
}

SA_ND_INLINE uint32_t sa_nd_ones(uint32_t v)
{
    v -= (v >> 1) & 0x55555555U;
    v = (v & 0x33333333U) + ((v >> 2) & 0x33333333U);
    v = (v + (v >> 4)) & 0x0F0F0F0FU;
    return (v * 0x01010101U) >> 24;
}

SA_ND_INLINE void sa_nd_put_bit(const sa_nd_mixed_t *m, void *y, int32_t place, int32_t o, int32_t set)
{
    sa_nd_u32 *const word = (sa_nd_u32 *)y + place * m->result_words + (o >> 5);
    const uint32_t bit = (set ? 1U : 0U) << (o & 31);

    *word = (o & 31) == 0 ? bit : *word | bit;
}

SA_ND_INLINE float sa_nd_mixed_held(const sa_nd_conv_t *l, float v)
{
    if (l->clamped != 0) {
        v = v < l->lo ? l->lo : v;
        v = v > l->hi ? l->hi : v;
    }
    return v;
}

/* Way out of whole sums. */
SA_ND_FUNCTION void sa_nd_mixed_whole(const sa_nd_mixed_t *m, const void *bias, void *y, int32_t place, int32_t o,
                                      uint32_t sum)
{
    const int32_t at = place * m->conv.outputs + o;

    sum += bias ? (uint32_t)((const int32_t *)bias)[o] : 0U;
    if (m->leave == SA_ND_TO_BITS) {
        sa_nd_put_bit(m, y, place, o, (int32_t)sum >= 0);
    } else if (m->leave == SA_ND_TO_BYTES) {
        sa_nd_leave(&m->conv.exit, y, at, o, sum);
    } else {
        ((sa_nd_f32 *)y)[at] = sa_nd_mixed_held(&m->conv, (float)(int32_t)sum * m->scale[o * m->each]);
    }
}

/* Way out of real sums. */
SA_ND_FUNCTION void sa_nd_mixed_real(const sa_nd_mixed_t *m, const void *bias, void *y, int32_t place, int32_t o,
                                     float sum)
{
    const int32_t at = place * m->conv.outputs + o;

    if (bias) {
        sum += ((const sa_nd_f32 *)bias)[o];
    }
    sum = sa_nd_mixed_held(&m->conv, sum);
    if (m->leave == SA_ND_TO_BITS) {
        sa_nd_put_bit(m, y, place, o, sum >= 0.0F);
    } else if (m->leave == SA_ND_TO_BYTES) {
        const float v = sum / m->result_scale;
        const int32_t near = m->away != 0 ? sa_nd_nearest_away(v) : sa_nd_nearest_even(v);
        const sa_nd_exit_t *const e = &m->conv.exit;
        sa_nd_store(y, at, sa_nd_clamp(near, e->lo, e->hi) + e->zero, e->kind);
    } else {
        ((sa_nd_f32 *)y)[at] = sum;
    }
}

/* What values and weights stand for: p an index of values, q one of weights, o the output. */
#define SA_ND_WHOLE_BITS_X sa_nd_bit_sign(x, p)
#define SA_ND_WHOLE_BYTES_X (((const int8_t *)x)[p] - l.zero)
#define SA_ND_WHOLE_BITS_W sa_nd_bit_sign(w, q)
#define SA_ND_WHOLE_BYTES_W (((const int8_t *)w)[q] - zero)
#define SA_ND_REAL_BITS_X (float)sa_nd_bit_sign(x, p)
#define SA_ND_REAL_BYTES_X ((float)(((const int8_t *)x)[p] - l.zero) * m.value_scale)
#define SA_ND_REAL_FLOATS_X (((const sa_nd_f32 *)x)[p])
#define SA_ND_REAL_BITS_W (float)sa_nd_bit_sign(w, q)
#define SA_ND_REAL_BYTES_W ((float)(((const int8_t *)w)[q] - zero) * l.weight_scale[o])
#define SA_ND_REAL_FLOATS_W (((const sa_nd_f32 *)w)[q])

/* A tap of whole words of bits: as many +1 as bits agree. */
#define SA_ND_AGREE                                                                          \
    if (m.words != 0) {                                                                      \
        const sa_nd_u32 *const a_ = (const sa_nd_u32 *)x + (p >> 5);                         \
        const sa_nd_u32 *const b_ = (const sa_nd_u32 *)w + (q >> 5);                         \
        for (i = 0; i < m.words; i++) {                                                      \
            const int32_t n_ = l.group_in - 32 * i < 32 ? l.group_in - 32 * i : 32;          \
            const uint32_t mask_ = n_ == 32 ? 0xFFFFFFFFU : ((uint32_t)1 << n_) - 1U;        \
            sum += (uint32_t)n_ - 2U * sa_nd_ones((a_[i] ^ b_[i]) & mask_);                  \
        }                                                                                    \
        continue;                                                                            \
    }

#define SA_ND_NOTHING

#define SA_ND_MIXED(name, kind, add, before, leave)                                                         \
    SA_ND_FUNCTION void sa_nd_mixed_##name(const sa_nd_mixed_t *mixed, const void *x, const void *w,        \
                                           const void *bias, void *y)                                       \
    {                                                                                                       \
        const sa_nd_mixed_t m = *mixed;                                                                     \
        const sa_nd_conv_t l = m.conv;                                                                      \
        int32_t place = 0;                                                                                  \
        sa_nd_walk_t k;                                                                                     \
                                                                                                            \
        sa_nd_start(&l, &k);                                                                                \
        do {                                                                                                \
            int32_t o, a, b, c, i, lane = 0, of_group = 0;                                                  \
            for (o = 0; o < l.outputs; o++) {                                                               \
                const int32_t zero = l.weight_zero ? l.weight_zero[o] : 0;                                  \
                kind sum = 0;                                                                               \
                for (a = k.first[0]; a < k.last[0]; a++) {                                                  \
                    for (b = k.first[1]; b < k.last[1]; b++) {                                              \
                        const int32_t row = sa_nd_row(&l, &k, a, b) / l.channels;                           \
                        for (c = k.first[2]; c < k.last[2]; c++) {                                          \
                            const int32_t step = row + (c - k.first[2]) * l.dilation[2];                    \
                            const int32_t tap = (a * l.kernel[1] + b) * l.kernel[2] + c;                    \
                            int32_t p = step * m.value_step + lane;                                         \
                            int32_t q = o * m.weight_row + tap * m.weight_tap;                              \
                            (void)zero;                                                                     \
                            before for (i = 0; i < l.group_in; i++, p++, q++)                               \
                            {                                                                               \
                                sum += add;                                                                 \
                            }                                                                               \
                        }                                                                                   \
                    }                                                                                       \
                }                                                                                           \
                leave(&m, bias, y, place, o, sum);                                                          \
                of_group++;                                                                                 \
                if (of_group == l.group_out) {                                                              \
                    of_group = 0;                                                                           \
                    lane += l.group_in;                                                                     \
                }                                                                                           \
            }                                                                                               \
            place++;                                                                                        \
        } while (sa_nd_step(&l, &k) != 0);                                                                  \
    }

#define SA_ND_MIXED_WHOLE(name, values, weights, before) \
    SA_ND_MIXED(name, uint32_t, (uint32_t)(values * weights), before, sa_nd_mixed_whole)
#define SA_ND_MIXED_REAL(name, values, weights) \
    SA_ND_MIXED(name, float, values * weights, SA_ND_NOTHING, sa_nd_mixed_real)

SA_ND_MIXED_WHOLE(binary_binary, SA_ND_WHOLE_BITS_X, SA_ND_WHOLE_BITS_W, SA_ND_AGREE)
SA_ND_MIXED_WHOLE(binary_int8, SA_ND_WHOLE_BITS_X, SA_ND_WHOLE_BYTES_W, SA_ND_NOTHING)
SA_ND_MIXED_WHOLE(int8_binary, SA_ND_WHOLE_BYTES_X, SA_ND_WHOLE_BITS_W, SA_ND_NOTHING)
SA_ND_MIXED_WHOLE(int8_int8, SA_ND_WHOLE_BYTES_X, SA_ND_WHOLE_BYTES_W, SA_ND_NOTHING)
SA_ND_MIXED_REAL(binary_float32, SA_ND_REAL_BITS_X, SA_ND_REAL_FLOATS_W)
SA_ND_MIXED_REAL(int8_float32, SA_ND_REAL_BYTES_X, SA_ND_REAL_FLOATS_W)
SA_ND_MIXED_REAL(float32_binary, SA_ND_REAL_FLOATS_X, SA_ND_REAL_BITS_W)
SA_ND_MIXED_REAL(float32_int8, SA_ND_REAL_FLOATS_X, SA_ND_REAL_BYTES_W)
SA_ND_MIXED_REAL(float32_float32, SA_ND_REAL_FLOATS_X, SA_ND_REAL_FLOATS_W)

#endif
