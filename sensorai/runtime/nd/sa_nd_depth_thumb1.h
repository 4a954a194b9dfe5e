/* A kernel for each channel of int8 numbers, for cores without long products: a channel after the other, with
 * the rows that its kernel stands on copied to a ring of words. A word is the value at a place, and 65536 times
 * that which the next output meets: a product with a weight is two. Sums are those of sa_nd_matrix_thumb1.h,
 * over groups of up to three taps of a row whose weights make no more than 255 together. Values may be
 * overwritten with results: those of a row come when all that they stand on has been copied. */
#ifndef SA_ND_DEPTH_THUMB1_H
#define SA_ND_DEPTH_THUMB1_H

#include "sa_nd_fast_thumb1.h"

typedef struct {
    int32_t from; /* bytes in the ring to the word of the first tap for the first output of the row */
    int32_t w[3];
} sa_nd_taps_t;

/* A row of outputs of a channel. */
typedef struct {
    sa_nd_halves_t factor;
    const sa_nd_taps_t *taps;
    const sa_nd_taps_t *end;
    uint32_t high; /* what sums begin with */
    uint32_t total;
    int32_t step; /* bytes between the words of a pair of outputs and the next */
    int8_t *y;
    int32_t channels; /* from a result to the next */
    int32_t count;
    const uint32_t *ring;
} sa_nd_run_t;

#if SA_ND_THUMB1
#define SA_ND_PUT          \
    SA_ND_HELD             \
    "ldr r1, [r7, #36]\n"  \
    "strb r0, [r1]\n"      \
    "ldr r2, [r7, #40]\n"  \
    "adds r1, r1, r2\n"    \
    "str r1, [r7, #36]\n"  \
    "ldr r2, [r7, #44]\n"  \
    "subs r2, #1\n"        \
    "str r2, [r7, #44]\n"
#if SA_ND_THUMB1 == 2
#define SA_ND_THREE               \
    "mla r5, r2, r5, r11\n"       \
    "mla r5, r3, r6, r5\n"        \
    "mla r5, r4, r7, r5\n"        \
    "add r8, r5\n"                \
    "add r9, r9, r5, asr #16\n"
#else
#define SA_ND_THREE               \
    "muls r5, r2, r5\n"           \
    "muls r6, r3, r6\n"           \
    "adds r5, r5, r6\n"           \
    "muls r7, r4, r7\n"           \
    "adds r5, r5, r7\n"           \
    "add r5, r11\n"               \
    "add r8, r5\n"                \
    "asrs r5, r5, #16\n"          \
    "add r9, r5\n"
#endif
/* r8, r9: T and A; r10: ring, at the pair; r11: 32768; r12: end of the groups */
#define SA_ND_RUN(name, number)                                      \
    SA_ND_ALL(name, sa_nd_run_t,                                     \
              "movs r7, r0\n"                                        \
              "ldr r1, [r7, #20]\n"                                  \
              "mov r12, r1\n"                                        \
              "ldr r1, [r7, #48]\n"                                  \
              "mov r10, r1\n"                                        \
              "movs r1, #1\n"                                        \
              "lsls r1, r1, #15\n"                                   \
              "mov r11, r1\n"                                        \
              "1:\n"                                                 \
              "ldr r0, [r7, #24]\n"                                  \
              "mov r9, r0\n"                                         \
              "ldr r0, [r7, #28]\n"                                  \
              "mov r8, r0\n"                                         \
              "ldr r0, [r7, #16]\n"                                  \
              "2:\n"                                                 \
              "ldmia r0!, {r1, r2, r3, r4}\n"                        \
              "add r1, r10\n"                                        \
              "ldmia r1!, {r5, r6, r7}\n"                            \
              SA_ND_THREE                                            \
              "cmp r0, r12\n"                                        \
              "bne 2b\n"                                             \
              "ldr r7, %[kept]\n"                                    \
              "movs r1, r7\n"                                        \
              "ldmia r1!, {r3, r4, r5, r6}\n"                        \
              "mov r0, r9\n"                                         \
              "lsls r0, r0, #16\n"                                   \
              "mov r1, r8\n"                                         \
              "subs r0, r1, r0\n" number SA_ND_PUT                   \
              "beq 3f\n"                                             \
              "mov r0, r9\n" number SA_ND_PUT                        \
              "beq 3f\n"                                             \
              "ldr r0, [r7, #32]\n"                                  \
              "add r10, r0\n"                                        \
              "b 1b\n"                                               \
              "3:\n")
SA_ND_RUN(sa_nd_run_tflite, SA_ND_TO_TWICE)
SA_ND_RUN(sa_nd_run_even, SA_ND_TO_EVEN)
#undef SA_ND_PUT
#undef SA_ND_THREE
#undef SA_ND_RUN
#else
SA_ND_INLINE void sa_nd_run_put(sa_nd_run_t *l, uint32_t sum, int rounding)
{
    *l->y = sa_nd_number_thumb1(sum, &l->factor, rounding);
    l->count--;
    l->y += l->channels;
}

SA_ND_INLINE void sa_nd_run(sa_nd_run_t *l, int rounding)
{
    const uint8_t *at = (const uint8_t *)l->ring;

    while (l->count > 0) {
        uint32_t total = l->total, high = l->high;
        const sa_nd_taps_t *t;
        for (t = l->taps; t != l->end; t++) {
            const uint32_t *const x = (const uint32_t *)(const void *)(at + t->from);
            const int32_t s = (int32_t)(x[0] * (uint32_t)t->w[0] + x[1] * (uint32_t)t->w[1] +
                                        x[2] * (uint32_t)t->w[2] + 0x8000U);
            total += (uint32_t)s;
            high += (uint32_t)(s >> 16);
        }
        sa_nd_run_put(l, total - (high << 16), rounding);
        if (l->count > 0) {
            at += l->step;
            sa_nd_run_put(l, high, rounding);
        }
    }
}

SA_ND_FUNCTION void sa_nd_run_tflite(sa_nd_run_t *l)
{
    sa_nd_run(l, SA_ND_TWICE);
}

SA_ND_FUNCTION void sa_nd_run_even(sa_nd_run_t *l)
{
    sa_nd_run(l, SA_ND_EVEN);
}
#endif

/* Groups of a channel: taps of a row, up to three, whose products stay within 16 bits together. */
SA_ND_APART sa_nd_taps_t *sa_nd_depth_groups(const sa_nd_fast_t *l, const int8_t *w, int32_t line, int32_t size,
                                                sa_nd_taps_t *to)
{
    int32_t a, row = 0;

    for (a = l->kernel[0]; a > 0; a--) {
        int32_t b = 0;
        while (b < l->kernel[1]) {
            int32_t k = 0, most = 0;
            to->from = row + 4 * b;
            to->w[1] = 0;
            to->w[2] = 0;
            do {
                const int32_t v = *w;
                most += v < 0 ? -v : v;
                if (k > 0 && most > 255) {
                    break;
                }
                to->w[k] = v;
                w++;
                k++;
                b++;
            } while (k < 3 && b < l->kernel[1]);
            to++;
        }
        row += l->down * line;
        while (row >= size) {
            row -= size;
        }
    }
    return to;
}

/* A row of the input as words, from the end of both on; margins are filled. */
SA_ND_APART void sa_nd_depth_row(const int8_t *x, int32_t step, const int32_t *parts, int32_t stride,
                                    uint32_t zero, uint32_t *to)
{
    const uint32_t both = zero + (zero << 16);
    int32_t i;

    for (i = parts[2]; i > 0; i--) {
        to--;
        *to = both;
    }
    for (i = (parts[1] - 1) * step; i >= 0; i -= step) {
        to--;
        *to = (uint32_t)x[i] + (to[stride] << 16);
    }
    for (i = parts[0]; i > 0; i--) {
        to--;
        *to = zero + (to[stride] << 16);
    }
}

/* Turned: the description has columns for rows, which saves work where there are fewer of them. */
SA_ND_INLINE void sa_nd_depth_thumb1(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, const int32_t *bias,
                                     int8_t *y, uint32_t *ring, int turned, int rounding,
                                     void (*run)(sa_nd_run_t *))
{
    const int32_t channels = l->channels, stride = l->stride[1], tall = (l->kernel[0] - 1) * l->down + 1;
    const int32_t next = turned ? channels * l->in[0] : channels;
    const int32_t words = (l->out[1] - 1) * stride + l->kernel[1] + (stride > 2 ? stride : 2);
    const int32_t rows = tall > l->stride[0] ? tall : l->stride[0], size = 4 * rows * words;
    const int32_t room = words - l->before[1], parts[3] = {
        room > 0 ? l->before[1] : words,
        room > 0 ? (room < l->in[1] ? room : l->in[1]) : 0,
        room > l->in[1] ? room - l->in[1] : 0,
    };
    const int32_t none[3] = {0, 0, words};
    sa_nd_taps_t *const taps = (sa_nd_taps_t *)(void *)(ring + rows * words);
    int32_t batch, c, oy;
    sa_nd_run_t r;

    r.taps = taps;
    r.ring = ring;
    r.step = 8 * stride;
    r.channels = turned ? channels * l->out[0] : channels;
    for (batch = l->batch; batch > 0; batch--) {
        for (c = 0; c < channels; c++) {
            sa_nd_taps_t *const end = sa_nd_depth_groups(l, w + c * l->row, 4 * words, size, taps);
            uint32_t *to = ring + words;
            int32_t row = -l->before[0], last = row + tall;
            r.end = end;
            r.high = (uint32_t)bias[c];
            r.total = r.high + (r.high << 16) - ((uint32_t)(end - taps) << 15);
            r.y = y + c;
            sa_nd_halves(l->multiplier[c * l->each], l->shift[c * l->each], l->out_zero, rounding, &r.factor);
            for (oy = l->out[0]; oy > 0; oy--) {
                sa_nd_taps_t *t;
                for (; row < last; row++) {
                    const int32_t on = row >= 0 && row < l->in[0];
                    const int32_t line = turned ? channels : l->in[1] * channels;
                    const int32_t from = on != 0 ? row * line + c : 0;
                    sa_nd_depth_row(x + from, next, on != 0 ? parts : none, stride, (uint32_t)l->zero, to);
                    to += words;
                    if (to > (const uint32_t *)(const void *)taps) {
                        to = ring + words;
                    }
                }
                last += l->stride[0];
                r.count = l->out[1];
                if (turned) {
                    r.y = y + c + (l->out[0] - oy) * channels;
                }
                run(&r);
                for (t = taps; t != end; t++) {
                    t->from += 4 * l->stride[0] * words;
                    if (t->from >= size) {
                        t->from -= size;
                    }
                }
            }
        }
        sa_nd_ends(l, y, l->out[0] * l->out[1] * channels);
        x += l->in[0] * l->in[1] * channels;
        y += l->out[0] * l->out[1] * channels;
    }
}

#define SA_ND_DEPTH(name, turned, rounding, run)                                                      \
    SA_ND_FUNCTION void name(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, const int32_t *bias, \
                             int8_t *y, void *scratch)                                                \
    {                                                                                                 \
        sa_nd_depth_thumb1(l, x, w, bias, y, (uint32_t *)scratch, turned, rounding, run);             \
    }
SA_ND_DEPTH(sa_nd_depth_thumb1_tflite, 0, SA_ND_TWICE, sa_nd_run_tflite)
SA_ND_DEPTH(sa_nd_depth_thumb1_even, 0, SA_ND_EVEN, sa_nd_run_even)
SA_ND_DEPTH(sa_nd_depth_thumb1_turned_tflite, 1, SA_ND_TWICE, sa_nd_run_tflite)
SA_ND_DEPTH(sa_nd_depth_thumb1_turned_even, 1, SA_ND_EVEN, sa_nd_run_even)
#undef SA_ND_DEPTH

#endif
