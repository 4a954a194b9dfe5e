/* Convolutions and dense layers of int8 numbers for cores without long products: one product of 32 bits is two,
 * of values at two places with one weight.
 *
 * X = x + 65536 x' for the values under the kernel at two places. Weights lie in rows, 128 larger than they are,
 * so that they load without a sign; of every two of them,
 *     S = X0 (w0 + 128) + X1 (w1 + 128) - 128 (X0 + X1) + 32768
 * has the sum of the second place in its high half, and that of the first, never negative, in the low one. T is
 * the sum of all S, A of their high halves: A is the second sum, T less 65536 A the first. */
#ifndef SA_ND_MATRIX_THUMB1_H
#define SA_ND_MATRIX_THUMB1_H

#include "sa_nd_fast_thumb1.h"

/* Words of two places from their bytes, an even number of them; every third is what the two before it leave. */
#if SA_ND_THUMB1
SA_ND_APART uint32_t *sa_nd_spread_pair(const int8_t *p, const int8_t *q, int32_t n, uint32_t *to)
{
    int32_t left = -n;

    p += n;
    q += n;
    __asm__ volatile(".syntax unified\n"
                     "movs r7, #1\n"
                     "lsls r7, r7, #15\n"
                     "1:\n"
                     "ldrsb r4, [%[q], %[left]]\n"
                     "ldrsb r5, [%[p], %[left]]\n"
                     "lsls r4, r4, #16\n"
                     "adds r4, r4, r5\n"
                     "adds %[left], #1\n"
                     "ldrsb r5, [%[q], %[left]]\n"
                     "ldrsb r6, [%[p], %[left]]\n"
                     "lsls r5, r5, #16\n"
                     "adds r5, r5, r6\n"
                     "adds r6, r4, r5\n"
                     "lsls r6, r6, #7\n"
                     "subs r6, r7, r6\n"
                     "stmia %[to]!, {r4, r5, r6}\n"
                     "adds %[left], #1\n"
                     "bne 1b\n"
                     : [left] "+l"(left), [to] "+l"(to)
                     : [p] "l"(p), [q] "l"(q)
                     : "r4", "r5", "r6", "r7", "cc", "memory");
    return to;
}
#else
SA_ND_FUNCTION uint32_t *sa_nd_spread_pair(const int8_t *p, const int8_t *q, int32_t n, uint32_t *to)
{
    int32_t i;

    for (i = 0; i < n; i += 2) {
        const uint32_t a = (uint32_t)p[i] + ((uint32_t)q[i] << 16);
        const uint32_t b = (uint32_t)p[i + 1] + ((uint32_t)q[i + 1] << 16);
        to[0] = a;
        to[1] = b;
        to[2] = 0x8000U - ((a + b) << 7);
        to += 3;
    }
    return to;
}
#endif

/* A row under the kernel at a place: where it lies, or copied with its margins filled. */
SA_ND_APART const int8_t *sa_nd_line(const sa_nd_fast_t *l, const int8_t *x, const int32_t *place, int8_t *to,
                                     int32_t copy)
{
    const int32_t y = place[0], at = place[1], channels = l->channels, taps = l->kernel[1];
    const int32_t left = l->in[1] - at;
    int32_t i, first = at < 0 ? -at : 0, last = left < taps ? left : taps;

    if (y < 0 || y >= l->in[0]) {
        first = taps;
    } else {
        x += (y * l->in[1] + at) * channels;
        if (copy == 0 && first == 0 && last == taps) {
            return x;
        }
    }
    first *= channels;
    last *= channels;
    for (i = 0; i < taps * channels; i++) {
        to[i] = l->zero;
    }
    for (i = first; i < last; i++) {
        to[i] = x[i];
    }
    return to;
}

/* Words of two places, given by the row and column of the input where each begins. Rows of an odd number of
 * bytes are put together first, for weights are met in twos. */
SA_ND_APART void sa_nd_meet(const sa_nd_fast_t *l, const int8_t *x, int32_t *places, uint32_t *to, int8_t *bytes)
{
    const int32_t width = l->kernel[1] * l->channels, odd = width & 1, step = odd != 0 ? width : 0;
    int8_t *other = bytes + (odd != 0 ? l->row : width);
    int32_t k;

    for (k = l->kernel[0]; k > 0; k--) {
        const int8_t *const p = sa_nd_line(l, x, places, bytes, odd);
        const int8_t *const q = sa_nd_line(l, x, places + 2, other, odd);
        places[0] += l->down;
        places[2] += l->down;
        if (odd == 0) {
            to = sa_nd_spread_pair(p, q, width, to);
        }
        bytes += step;
        other += step;
    }
    if (odd != 0) {
        const int32_t many = l->kernel[0] * width;
        for (k = 0; k < l->row - many; k++) {
            bytes[k] = 0;
            other[k] = 0;
        }
        sa_nd_spread_pair(bytes - many, other - many, l->row, to);
    }
}

#if SA_ND_THUMB1
/* r0: words; r1, r2: two rows of weights; r8 to r11: T and A of both */
#if SA_ND_THUMB1 == 2
#define SA_ND_ONE(w, k, l, total, high)       \
    "ldrb r6, [" #w ", #" #k "]\n"            \
    "ldrb r7, [" #w ", #" #l "]\n"            \
    "mla r6, r3, r6, r5\n"                    \
    "mla r6, r4, r7, r6\n"                    \
    "add " #total ", r6\n"                    \
    "add " #high ", " #high ", r6, asr #16\n"
#else
#define SA_ND_ONE(w, k, l, total, high)       \
    "ldrb r6, [" #w ", #" #k "]\n"            \
    "muls r6, r3, r6\n"                       \
    "ldrb r7, [" #w ", #" #l "]\n"            \
    "muls r7, r4, r7\n"                       \
    "adds r6, r6, r7\n"                       \
    "adds r6, r6, r5\n"                       \
    "add " #total ", r6\n"                    \
    "asrs r6, r6, #16\n"                      \
    "add " #high ", r6\n"
#endif
#define SA_ND_TWO(k, l) "ldmia r0!, {r3, r4, r5}\n" SA_ND_ONE(r1, k, l, r8, r9) SA_ND_ONE(r2, k, l, r10, r11)
#define SA_ND_PAIR(name, less, number)                               \
    SA_ND_ALL(name, sa_nd_outputs_t,                                 \
              "1:\n" /* the next two outputs */                      \
              "ldr r7, %[kept]\n"                                    \
              "ldr r6, [r7, #16]\n"                                  \
              "ldr r5, [r7, #48]\n"                                  \
              "ldr r1, [r7, #8]\n"                                   \
              "ldr r4, [r7, #12]\n"                                  \
              "ldr r3, [r7, #32]\n"                                  \
              "ldr r0, [r6]\n"                                       \
              "mov r9, r0\n"                                         \
              "lsls r2, r0, #16\n"                                   \
              "adds r2, r2, r0\n"                                    \
              "adds r2, r2, r5\n"                                    \
              "mov r8, r2\n"                                         \
              "movs r2, r1\n"                                        \
              "cmp r3, #1\n"                                         \
              "beq 2f\n"                                             \
              "adds r2, r1, r4\n"                                    \
              "ldr r0, [r6, #4]\n"                                   \
              "mov r11, r0\n"                                        \
              "lsls r3, r0, #16\n"                                   \
              "adds r3, r3, r0\n"                                    \
              "adds r3, r3, r5\n"                                    \
              "mov r10, r3\n"                                        \
              "adds r6, #8\n"                                        \
              "str r6, [r7, #16]\n"                                  \
              "adds r3, r2, r4\n"                                    \
              "str r3, [r7, #8]\n"                                   \
              "2:\n"                                                 \
              "ldr r0, [r7, #4]\n"                                   \
              "mov r12, r0\n"                                        \
              "ldr r0, [r7]\n"                                       \
              "lsls r4, r4, #29\n"                                   \
              "bpl 2f\n"                                             \
              "subs r1, #4\n"                                        \
              "subs r2, #4\n"                                        \
              "b 3f\n"                                               \
              "2:\n" SA_ND_TWO(0, 1) SA_ND_TWO(2, 3)                 \
              "3:\n" SA_ND_TWO(4, 5) SA_ND_TWO(6, 7)                 \
              "adds r1, #8\n"                                        \
              "adds r2, #8\n"                                        \
              "cmp r0, r12\n"                                        \
              "bne 2b\n"                                             \
              "ldr r7, %[kept]\n"                                    \
              "2:\n" /* an output: its factor, then both places */   \
              SA_ND_FACTOR(less)                                     \
              "mov r0, r9\n" number SA_ND_HELD                       \
              "ldr r1, [r7, #36]\n"                                  \
              "ldr r2, [r7, #40]\n"                                  \
              "strb r0, [r1, r2]\n"                                  \
              "mov r0, r9\n"                                         \
              "lsls r0, r0, #16\n"                                   \
              "mov r1, r8\n"                                         \
              "subs r0, r1, r0\n" number SA_ND_HELD                  \
              "ldr r1, [r7, #36]\n"                                  \
              "strb r0, [r1]\n"                                      \
              "adds r1, #1\n"                                        \
              "str r1, [r7, #36]\n"                                  \
              "ldr r1, [r7, #32]\n"                                  \
              "subs r1, #1\n"                                        \
              "str r1, [r7, #32]\n"                                  \
              "beq 3f\n"                                             \
              "mov r0, r12\n"                                        \
              "cmp r0, #0\n"                                         \
              "beq 4f\n"                                             \
              "movs r0, #0\n"                                        \
              "mov r12, r0\n"                                        \
              "mov r8, r10\n"                                        \
              "mov r9, r11\n"                                        \
              "b 2b\n"                                               \
              "4:\n"                                                 \
              "b 1b\n"                                               \
              "3:\n")
SA_ND_PAIR(sa_nd_pair_tflite, SA_ND_LESS_TWICE, SA_ND_TO_TWICE)
SA_ND_PAIR(sa_nd_pair_even, SA_ND_LESS_EVEN, SA_ND_TO_EVEN)
#undef SA_ND_ONE
#undef SA_ND_TWO
#undef SA_ND_PAIR
#else
SA_ND_INLINE void sa_nd_pair_run(sa_nd_outputs_t *l, int rounding)
{
    for (; l->outputs > 0; l->outputs--) {
        const uint32_t *a = l->spread;
        uint32_t high = (uint32_t)*l->bias++, total = high + (high << 16) + l->start;
        sa_nd_halves_t m;
        for (; a != l->end; a += 3) {
            const int32_t s = (int32_t)(a[0] * l->w[0] + a[1] * l->w[1] + a[2]);
            total += (uint32_t)s;
            high += (uint32_t)(s >> 16);
            l->w += 2;
        }
        sa_nd_factor(l, rounding, &m);
        l->y[l->next] = sa_nd_number_thumb1(high, &m, rounding);
        *l->y++ = sa_nd_number_thumb1(total - (high << 16), &m, rounding);
    }
}

SA_ND_FUNCTION void sa_nd_pair_tflite(sa_nd_outputs_t *l)
{
    sa_nd_pair_run(l, SA_ND_TWICE);
}

SA_ND_FUNCTION void sa_nd_pair_even(sa_nd_outputs_t *l)
{
    sa_nd_pair_run(l, SA_ND_EVEN);
}
#endif

/* The next place: row and column of the input where it begins, and how many are left in its row. */
SA_ND_APART void sa_nd_step_place(const sa_nd_fast_t *l, int32_t *place)
{
    place[1] += l->stride[1];
    place[2]--;
    if (place[2] == 0) {
        place[0] += l->stride[0];
        place[1] = -l->before[1];
        place[2] = l->out[1];
    }
}

/* Places in their order, two at a time; the last one is met twice where they are odd. */
SA_ND_INLINE void sa_nd_matrix_thumb1(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, const int32_t *bias,
                                      int8_t *y, uint32_t *spread, void (*run)(sa_nd_outputs_t *))
{
    uint32_t *const end = spread + l->row / 2 * 3;
    int32_t batch;
    sa_nd_outputs_t o;

    o.spread = spread;
    o.end = end;
    o.start = 0U - ((uint32_t)l->row << 14);
    /* ends of rows stay as they are */
    end[-3] = 0;
    end[-2] = 0;
    end[-1] = 0x8000;
    for (batch = l->batch; batch > 0; batch--) {
        int32_t at, place[3] = {-l->before[0], -l->before[1], l->out[1]};
        for (at = l->out[0] * l->out[1]; at > 0; at -= 2) {
            int32_t places[4];
            places[0] = place[0];
            places[1] = place[1];
            o.next = 0;
            if (at > 1) {
                o.next = l->outputs;
                sa_nd_step_place(l, place);
            }
            places[2] = place[0];
            places[3] = place[1];
            sa_nd_step_place(l, place);
            sa_nd_meet(l, x, places, spread, (int8_t *)end);
            sa_nd_outputs(&o, l, w, bias, y);
            run(&o);
            sa_nd_ends(l, y, l->outputs + o.next);
            y += l->outputs + o.next;
        }
        x += l->in[0] * l->in[1] * l->channels;
    }
}

SA_ND_FUNCTION void sa_nd_matrix_thumb1_tflite(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                               const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_thumb1(l, x, w, bias, y, (uint32_t *)scratch, sa_nd_pair_tflite);
}

SA_ND_FUNCTION void sa_nd_matrix_thumb1_even(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                             const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_thumb1(l, x, w, bias, y, (uint32_t *)scratch, sa_nd_pair_even);
}

#endif
