/* Convolutions and dense layers whose weights are places in a dictionary: 1, 2, 4 or 8 bits each, the first in the
 * lowest bits of the first byte. They are looked up one by one: no memory is needed to unpack them. */
#ifndef SA_ND_CODED_H
#define SA_ND_CODED_H

#include "sa_nd_conv.h"

typedef struct {
    sa_nd_conv_t conv;
    const void *book; /* int8_t or float */
} sa_nd_coded_t;

#if defined(__GNUC__)
#define SA_ND_KNOWN static __attribute__((unused))
#else
#define SA_ND_KNOWN static
#endif

/* The dictionary of numbers of four bits. */
SA_ND_KNOWN const int8_t sa_nd_int4[16] = {0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1};

/* The next weight, q, for the next value, *x. */
#define SA_ND_CODED_NEXT(entry, bits, add)                         \
    do {                                                           \
        const entry q = book[code & (((uint32_t)1 << bits) - 1U)]; \
        sum += add;                                                \
        code >>= bits;                                             \
        x++;                                                       \
    } while (0)

/* Sum of n values beside each other and their weights, the first at a bit; bits is known to the compiler. */
#define SA_ND_CODED_DOTS(name, bits, value, total, entry, add)                                                   \
    SA_ND_APART total sa_nd_coded_dot_##name##_##bits(total sum, const value *x, const uint8_t *w, uint32_t bit, \
                                                      int32_t n, const entry *book, int32_t zero, float scale)   \
    {                                                                                                            \
        const value *const end = x + n, *whole;                                                                  \
        (void)zero;                                                                                              \
        (void)scale;                                                                                             \
        w += bit >> 3;                                                                                           \
        bit &= 7U;                                                                                               \
        if (bit != 0U) {                                                                                         \
            /* the rest of a byte */                                                                             \
            uint32_t code = (uint32_t)*w >> bit;                                                                 \
            for (; bit < 8U && x != end; bit += bits) {                                                          \
                SA_ND_CODED_NEXT(entry, bits, add);                                                              \
            }                                                                                                    \
            w++;                                                                                                 \
        }                                                                                                        \
        whole = x + (end - x) / (8 / bits) * (8 / bits);                                                         \
        while (x != whole) {                                                                                     \
            uint32_t code = *w;                                                                                  \
            SA_ND_CODED_NEXT(entry, bits, add);                                                                  \
            if (bits < 8) {                                                                                      \
                SA_ND_CODED_NEXT(entry, bits, add);                                                              \
            }                                                                                                    \
            if (bits < 4) {                                                                                      \
                SA_ND_CODED_NEXT(entry, bits, add);                                                              \
                SA_ND_CODED_NEXT(entry, bits, add);                                                              \
            }                                                                                                    \
            if (bits < 2) {                                                                                      \
                SA_ND_CODED_NEXT(entry, bits, add);                                                              \
                SA_ND_CODED_NEXT(entry, bits, add);                                                              \
                SA_ND_CODED_NEXT(entry, bits, add);                                                              \
                SA_ND_CODED_NEXT(entry, bits, add);                                                              \
            }                                                                                                    \
            w++;                                                                                                 \
        }                                                                                                        \
        if (x != end) {                                                                                          \
            uint32_t code = *w;                                                                                  \
            do {                                                                                                 \
                SA_ND_CODED_NEXT(entry, bits, add);                                                              \
            } while (x != end);                                                                                  \
        }                                                                                                        \
        return sum;                                                                                              \
    }

/* All places; for each output how its sum begins and leaves. */
#define SA_ND_CODED_NEST(name, bits, value, total, entry, zero, scale, begin, leave)                        \
    SA_ND_FUNCTION void sa_nd_coded_##name##_##bits(const sa_nd_coded_t *coded, const value *x,             \
                                                    const uint8_t *w, const void *bias, void *y)            \
    {                                                                                                       \
        const sa_nd_conv_t *const l = &coded->conv;                                                         \
        const int32_t width = l->kernel[2] * l->group_in;                                                   \
        const int32_t all = l->kernel[0] * l->kernel[1] * width;                                            \
        const int32_t step = l->dilation[2] * l->channels;                                                  \
        int32_t at = 0;                                                                                     \
        sa_nd_walk_t k;                                                                                     \
                                                                                                            \
        sa_nd_start(l, &k);                                                                                 \
        do {                                                                                                \
            const int32_t taps = l->joined != 0 ? 1 : k.last[2] - k.first[2];                               \
            const int32_t many = l->joined != 0 ? (k.last[2] - k.first[2]) * l->group_in : l->group_in;     \
            int32_t o, lane = 0, of_group = 0;                                                              \
            for (o = 0; o < l->outputs; o++) {                                                              \
                total sum = begin;                                                                          \
                int32_t a, b, c;                                                                            \
                for (a = k.first[0]; a < k.last[0]; a++) {                                                  \
                    for (b = k.first[1]; b < k.last[1]; b++) {                                              \
                        const value *v = x + sa_nd_row(l, &k, a, b) + lane;                                 \
                        int32_t u = o * all + (a * l->kernel[1] + b) * width + k.first[2] * l->group_in;    \
                        for (c = 0; c < taps; c++) {                                                        \
                            sum = sa_nd_coded_dot_##name##_##bits(sum, v, w, (uint32_t)u * bits, many,      \
                                                                  (const entry *)coded->book, zero, scale); \
                            u += many;                                                                      \
                            v += step;                                                                      \
                        }                                                                                   \
                    }                                                                                       \
                }                                                                                           \
                leave;                                                                                      \
                at++;                                                                                       \
                of_group++;                                                                                 \
                if (of_group == l->group_out) {                                                             \
                    of_group = 0;                                                                           \
                    lane += l->group_in;                                                                    \
                }                                                                                           \
            }                                                                                               \
        } while (sa_nd_step(l, &k) != 0);                                                                   \
    }

#define SA_ND_CODED(name, bits, value, total, entry, zero, scale, add, begin, leave) \
    SA_ND_CODED_DOTS(name, bits, value, total, entry, add)                           \
    SA_ND_CODED_NEST(name, bits, value, total, entry, zero, scale, begin, leave)

#define SA_ND_CODED_WIDTHS(name, value, total, entry, zero, scale, add, begin, leave) \
    SA_ND_CODED(name, 1, value, total, entry, zero, scale, add, begin, leave)         \
    SA_ND_CODED(name, 2, value, total, entry, zero, scale, add, begin, leave)         \
    SA_ND_CODED(name, 4, value, total, entry, zero, scale, add, begin, leave)

#define SA_ND_CODED_INTEGERS(name, value)                                                         \
    SA_ND_CODED_WIDTHS(name, value, uint32_t, int8_t, l->zero, 0.0F, (uint32_t)((*x - zero) * q), \
                       bias ? ((const uint32_t *)bias)[o] : 0U, sa_nd_leave(&l->exit, y, at, o, sum))

SA_ND_CODED_INTEGERS(i8, int8_t)
SA_ND_CODED_INTEGERS(u8, uint8_t)
SA_ND_CODED_INTEGERS(i16, sa_nd_i16)
SA_ND_CODED_WIDTHS(i16_wide, sa_nd_i16, int64_t, int8_t, 0, 0.0F, *x * q, bias ? ((const int64_t *)bias)[o] : 0,
                   sa_nd_leave_wide(&l->exit, y, at, o, sum))

#define SA_ND_CODED_LEAVE ((sa_nd_f32 *)y)[at] = sa_nd_conv_leave(l, sum, (const sa_nd_f32 *)bias, o)

SA_ND_CODED_WIDTHS(f32, sa_nd_f32, float, sa_nd_f32, 0, 0.0F, *x * q, 0.0F, SA_ND_CODED_LEAVE)
SA_ND_CODED(f32, 8, sa_nd_f32, float, sa_nd_f32, 0, 0.0F, *x * q, 0.0F, SA_ND_CODED_LEAVE)
SA_ND_CODED_WIDTHS(f32_i8, sa_nd_f32, float, int8_t, l->weight_zero ? l->weight_zero[o] : 0, l->weight_scale[o],
                   *x * ((float)(q - zero) * scale), 0.0F, SA_ND_CODED_LEAVE)

#endif
