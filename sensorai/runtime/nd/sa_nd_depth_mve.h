/* Kernels of single channels for cores with vectors of integers: the values that a row of results needs are laid
 * down channel by channel, column by column, so that those of a place lie beside each other; then a place is one
 * load and one sum of products. Of the rows that are laid down the oldest gives way to the next one: the rows of
 * the kernel stand in any turn, and its weights are taken in that order.
 *
 * Up to 16 channels go through all rows, then the next ones. No result is written before all of its row, and of
 * all rows above, was read for its channels: results may lie where the values lie.
 *
 * Weights (channel, column, row). Scratch: 16 channels or fewer, each (columns of a row of results x rows of the
 * kernel) bytes, 16 more, and the weights of four channels where channels are no multiple of four or have more
 * than 16 weights. */
#ifndef SA_ND_DEPTH_MVE_H
#define SA_ND_DEPTH_MVE_H

#include "sa_nd_fast_mve.h"

/* Channels that are laid down at once, and places that are summed at once. */
#define SA_ND_LAID 16
#define SA_ND_PLACES_MVE 16

/* Values of channels in their places. */
typedef struct {
    int32_t apart; /* bytes of a channel */
    int32_t size;  /* of the kernel */
    int32_t step;  /* bytes between places */
    int32_t count; /* of places */
    uint8_t turn[16];   /* of each byte of a place, where there are up to 16: its weight, */
    uint8_t row[16];    /* row, */
    uint8_t column[16]; /* and the first byte of its column */
} sa_nd_laid_t;

#if SA_ND_MVE
#define SA_ND_TAP(p, move, q, a)     \
    "vldrb.8 q0, [" #p "]" move      \
    "vmladav.s8 " #a ", q0, " #q "\n"
#define SA_ND_TAPS(m0, m1, m2, m3)                                                              \
    "1:\n" SA_ND_TAP(r0, m0, q1, r4) SA_ND_TAP(r1, m1, q2, r6) SA_ND_TAP(r3, m2, q3, r8)        \
        SA_ND_TAP(r5, m3, q4, r10) "stmia r2!, {r4, r6, r8, r10}\n"                             \
                                   "le lr, 1b\n"
#define SA_ND_BY(by) SA_ND_TAPS(", #" by "\n", ", #" by "\n", ", #" by "\n", ", #" by "\n")
/* Sums of four channels, up to 16 weights each, at each place. */
SA_ND_SECRET void sa_nd_channels_mve(const int8_t *x, const int8_t *w, int32_t *s, const sa_nd_laid_t *laid)
{
    register const int8_t *r0 __asm__("r0") = x;
    register const int8_t *r1 __asm__("r1") = w;
    register int32_t *r2 __asm__("r2") = s;
    register const sa_nd_laid_t *r3 __asm__("r3") = laid;

    __asm__ volatile("ldmia r3!, {r4, r6, r9, lr}\n"
                     "vldrb.8 q0, [r3]\n"
                     "vctp.8 r6\n"
                     "vpst\n"
                     "vldrbt.u8 q1, [r1, q0]\n"
                     "add r1, r1, r6\n"
                     "vpst\n"
                     "vldrbt.u8 q2, [r1, q0]\n"
                     "add r1, r1, r6\n"
                     "vpst\n"
                     "vldrbt.u8 q3, [r1, q0]\n"
                     "add r1, r1, r6\n"
                     "vpst\n"
                     "vldrbt.u8 q4, [r1, q0]\n"
                     "add r1, r0, r4\n"
                     "add r3, r1, r4\n"
                     "add r5, r3, r4\n"
                     "dls lr, lr\n"
                     "cmp r9, #3\n"
                     "beq 2f\n"
                     "cmp r9, #6\n"
                     "beq 3f\n" SA_ND_TAPS("\nadd r0, r0, r9\n", "\nadd r1, r1, r9\n",
                                           "\nadd r3, r3, r9\n", "\nadd r5, r5, r9\n")
                     "b 4f\n"
                     "2:\n" SA_ND_BY("3")
                     "b 4f\n"
                     "3:\n" SA_ND_BY("6")
                     "4:\n"
                     : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
                     :
                     : "r4", "r5", "r6", "r8", "r9", "r10", "lr", "q0", "q1", "q2", "q3", "q4", "cc",
                       "memory");
}
#undef SA_ND_TAP
#undef SA_ND_TAPS
#undef SA_ND_BY

/* Which weight each byte of a place takes where its first row stands at a turn. */
SA_ND_INLINE void sa_nd_turns_mve(sa_nd_laid_t *laid, int32_t rows, int32_t turn)
{
    const uint8x16_t row = vldrbq_u8(laid->row);
    const uint8x16_t moved = vsubq_n_u8(row, (uint8_t)turn);

    /* of the row, and it less or more the number of rows, the one that is no negative number */
    vstrbq_u8(laid->turn, vaddq_u8(vldrbq_u8(laid->column), vminq_u8(moved, vaddq_n_u8(moved, (uint8_t)rows))));
}

/* Columns of a row of many channels; step 0: of one and the same place. */
SA_ND_INLINE void sa_nd_lay_mve(const int8_t *x, int32_t step, int32_t columns, int32_t many, int8_t *to,
                                int32_t apart, int32_t rows)
{
    const uint16x8_t place = vmulq_n_u16(vidupq_n_u16(0U, 1), (uint16_t)apart);

    for (; many > 0; many -= 8) {
        const int8_t *from = x;
        int8_t *z = to;
        __asm__ volatile("vctp.16 %[many]\n"
                         "wls lr, %[columns], 2f\n"
                         "1:\n"
                         "vpstt\n"
                         "vldrbt.u16 q0, [%[from]]\n"
                         "vstrbt.16 q0, [%[z], %q[place]]\n"
                         "add %[from], %[from], %[step]\n"
                         "add %[z], %[z], %[rows]\n"
                         "le lr, 1b\n"
                         "2:\n"
                         : [from] "+&l"(from), [z] "+&l"(z)
                         : [many] "r"(many), [columns] "r"(columns), [step] "r"(step), [rows] "r"(rows),
                           [place] "w"(place)
                         : "lr", "q0", "memory");
        x += 8;
        to += 8 * apart;
    }
}
#else
SA_ND_INLINE void sa_nd_channels_mve(const int8_t *x, const int8_t *w, int32_t *s, const sa_nd_laid_t *laid)
{
    int32_t k, i, j;

    for (k = 0; k < laid->count; k++) {
        for (i = 0; i < 4; i++) {
            *s = 0;
            for (j = 0; j < laid->size; j++) {
                *s += x[i * laid->apart + j] * w[i * laid->size + laid->turn[j]];
            }
            s++;
        }
        x += laid->step;
    }
}

SA_ND_INLINE void sa_nd_turns_mve(sa_nd_laid_t *laid, int32_t rows, int32_t turn)
{
    int32_t i;

    for (i = 0; i < laid->size && i < 16; i++) {
        const int32_t row = laid->row[i] - turn;
        laid->turn[i] = (uint8_t)(laid->column[i] + (row < 0 ? row + rows : row));
    }
}

SA_ND_INLINE void sa_nd_lay_mve(const int8_t *x, int32_t step, int32_t columns, int32_t many, int8_t *to,
                                int32_t apart, int32_t rows)
{
    int32_t i;

    for (; columns > 0; columns--) {
        for (i = 0; i < many; i++) {
            to[i * apart] = x[i];
        }
        x += step;
        to += rows;
    }
}
#endif

/* Rows first to last of the input, margins counted, for many channels. */
SA_ND_SECRET void sa_nd_lay_rows_mve(const sa_nd_fast_t *l, const int8_t *x, int32_t first, int32_t last,
                                       int32_t many, int8_t *to, int32_t apart)
{
    const int32_t rows = l->kernel[0], columns = apart / rows, channels = l->channels;
    const int32_t from = l->before[1] < columns ? l->before[1] : columns;
    const int32_t room = columns - from, inner = room < l->in[1] ? room : l->in[1];

    for (; first < last; first++) {
        const int32_t row = first - l->before[0];
        int8_t *const z = to + from * rows + first % rows;
        if (row >= 0 && row < l->in[0]) {
            sa_nd_lay_mve(x + row * l->in[1] * channels, channels, inner, many, z, apart, rows);
        } else {
            int8_t outside[SA_ND_LAID];
            sa_nd_fill_mve(outside, l->zero, SA_ND_LAID);
            sa_nd_lay_mve(outside, 0, inner, many, z, apart, rows);
        }
    }
}

/* Weight of byte i of a place whose first row stands at a turn. */
SA_ND_INLINE int32_t sa_nd_turned(int32_t i, int32_t rows, int32_t turn)
{
    const int32_t row = i % rows - turn;

    return i - i % rows + (row < 0 ? row + rows : row);
}

/* Weights of up to four channels, one by one, in the order of the bytes of a place. */
SA_ND_INLINE void sa_nd_turn_mve(const int8_t *w, int8_t *to, int32_t many, int32_t size, int32_t rows,
                                 int32_t turn)
{
    int32_t i;

    for (; many > 0; many--) {
        for (i = 0; i < size; i++) {
            *to++ = w[sa_nd_turned(i, rows, turn)];
        }
        w += size;
    }
}

/* Sums of up to four channels of any size. */
SA_ND_INLINE void sa_nd_any_channels_mve(const int8_t *x, const int8_t *w, int32_t *s,
                                         const sa_nd_laid_t *laid, int32_t many)
{
    int32_t i, k;

    for (k = 0; k < laid->count; k++) {
        for (i = 0; i < many; i++) {
            s[i] = sa_nd_one_mve(x + i * laid->apart, w + i * laid->size, laid->size);
        }
        x += laid->step;
        s += 4;
    }
}

/* any: channels are no multiple of four, or have more than 16 weights. */
SA_ND_INLINE void sa_nd_depth_mve_run(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                  const int32_t *bias, int8_t *y, int8_t *scratch, int any, int rounding)
{
    const int32_t rows = l->kernel[0], size = l->row, channels = l->channels;
    const int32_t apart = ((l->out[1] - 1) * l->stride[1] + l->kernel[1]) * rows;
    const int32_t most = channels < SA_ND_LAID ? channels : SA_ND_LAID;
    int8_t *const turned = scratch + most * apart + 16;
    const sa_nd_ends_t ends = sa_nd_ends_mve(l);
    sa_nd_tables_t t;
    sa_nd_laid_t laid;
    int32_t batch, at, many, oy, k;

    laid.apart = apart;
    laid.size = size;
    laid.step = l->stride[1] * rows;
    for (k = 0; k < 16 && !any; k++) {
        laid.row[k] = (uint8_t)(k % rows);
        laid.column[k] = (uint8_t)(k - laid.row[k]);
    }
    /* margins on the left and on the right stay */
    sa_nd_fill_mve(scratch, l->zero, most * apart);
    for (batch = l->batch; batch > 0; batch--) {
        const int8_t *first = w;
        sa_nd_tables(l, bias, &t);
        for (at = 0; at < channels; at += many) {
            int32_t next = 0;
            int8_t *z = y + at;
            many = channels - at < SA_ND_LAID ? channels - at : SA_ND_LAID;
            for (oy = 0; oy < l->out[0]; oy++) {
                const int32_t top = oy * l->stride[0], turn = top % rows;
                const int8_t *p = scratch, *v = first;
                int32_t four = many;
                sa_nd_tables_t here;
                sa_nd_lay_rows_mve(l, x + at, next < top ? top : next, top + rows, many, scratch, apart);
                next = top + rows;
                sa_nd_begin(&here, &t);
                if (!any) {
                    sa_nd_turns_mve(&laid, rows, turn);
                }
                for (; four > 0; four -= 4) {
                    const int32_t few = any && four < 4 ? four : 4;
                    const sa_nd_ways_t way = sa_nd_ways(&here, few);
                    const int8_t *q = p;
                    int8_t *to = z + (many - four);
                    int32_t left = l->out[1];
                    if (any) {
                        sa_nd_turn_mve(v, turned, few, size, rows, turn);
                    }
                    for (; left > 0; left -= SA_ND_PLACES_MVE) {
                        int32_t sums[4 * SA_ND_PLACES_MVE];
                        const int32_t *s = sums;
                        laid.count = left < SA_ND_PLACES_MVE ? left : SA_ND_PLACES_MVE;
                        if (any) {
                            sa_nd_any_channels_mve(q, turned, sums, &laid, few);
                        } else {
                            sa_nd_channels_mve(q, v, sums, &laid);
                        }
                        for (k = laid.count; k > 0; k--) {
                            sa_nd_leave_four(&ends, &way, s, to, few, rounding);
                            s += 4;
                            to += channels;
                        }
                        q += SA_ND_PLACES_MVE * laid.step;
                    }
                    sa_nd_onward(&here);
                    p += 4 * apart;
                    v += 4 * size;
                }
                z += l->out[1] * channels;
            }
            first += many * size;
            for (k = many; k > 0; k -= 4) {
                sa_nd_onward(&t);
            }
        }
        y += l->out[0] * l->out[1] * channels;
        x += l->in[0] * l->in[1] * channels;
    }
}

SA_ND_FUNCTION void sa_nd_depth_mve_tflite(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                           const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_depth_mve_run(l, x, w, bias, y, (int8_t *)scratch, 0, SA_ND_TWICE);
}

SA_ND_FUNCTION void sa_nd_depth_mve_even(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                         const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_depth_mve_run(l, x, w, bias, y, (int8_t *)scratch, 0, SA_ND_EVEN);
}

SA_ND_FUNCTION void sa_nd_depth_mve_any_tflite(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                               const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_depth_mve_run(l, x, w, bias, y, (int8_t *)scratch, 1, SA_ND_TWICE);
}

SA_ND_FUNCTION void sa_nd_depth_mve_any_even(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                             const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_depth_mve_run(l, x, w, bias, y, (int8_t *)scratch, 1, SA_ND_EVEN);
}

#endif
