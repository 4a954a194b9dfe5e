/* Convolutions and dense layers of int8 numbers for cores with vectors of integers: four outputs at two places
 * at a time, 16 products in an instruction.
 *
 * The n weights of an output are cut to a first piece of 1 to 16 and further ones of 16; pieces of four outputs
 * lie behind each other, and what is left of outputs has its rows as they are. */
#ifndef SA_ND_MATRIX_MVE_H
#define SA_ND_MATRIX_MVE_H

#include "sa_nd_fast_mve.h"

#if SA_ND_MVE
/* Weights of the next output at two places. */
#define SA_ND_FIRST(q, a, b)          \
    "vldrb.8 " #q ", [r3], #16\n"     \
    "vmladav.s8 " #a ", q0, " #q "\n" \
    "vmladav.s8 " #b ", q1, " #q "\n"
#define SA_ND_FURTHER(q, a, b)         \
    "vldrb.8 " #q ", [r3], #16\n"      \
    "vmladava.s8 " #a ", q0, " #q "\n" \
    "vmladava.s8 " #b ", q1, " #q "\n"
#define SA_ND_PART                    \
    "vpst\n"                          \
    "vldrbt.8 q2, [r3]\n"             \
    "add r3, r3, r12\n"
#define SA_ND_BOTH(a, b)              \
    SA_ND_PART                        \
    "vmladav.s8 " #a ", q0, q2\n"     \
    "vmladav.s8 " #b ", q1, q2\n"

/* Sums of four outputs at place x to s, at x1 behind them; where the weights end. All registers are in use: the
 * function is written whole. */
#define SA_ND_GIVEN(declared) declared __attribute__((unused))
__attribute__((naked, noinline, unused)) static const int8_t *
sa_nd_eight_mve(SA_ND_GIVEN(int32_t *s), SA_ND_GIVEN(const int8_t *x), SA_ND_GIVEN(int32_t n),
                SA_ND_GIVEN(const int8_t *w), SA_ND_GIVEN(const int8_t *x1))
{
    __asm__("push {r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
            "ldr r5, [sp, #40]\n"
            "ands r12, r2, #15\n"
            "lsr r7, r2, #4\n"
            "beq 1f\n"
            "vctp.8 r12\n"
            "vpstt\n"
            "vldrbt.8 q0, [r1]\n"
            "vldrbt.8 q1, [r5]\n"
            "add r1, r1, r12\n"
            "add r5, r5, r12\n" SA_ND_BOTH(r0, r2) SA_ND_BOTH(r4, r6) SA_ND_BOTH(r8, r10) SA_ND_PART
            "vmladav.s8 r12, q0, q2\n"
            "vmladav.s8 lr, q1, q2\n"
            "cbnz r7, 2f\n"
            "b 3f\n"
            "1:\n"
            "vldrb.8 q0, [r1], #16\n"
            "vldrb.8 q1, [r5], #16\n" SA_ND_FIRST(q2, r0, r2) SA_ND_FIRST(q3, r4, r6)
                SA_ND_FIRST(q2, r8, r10) SA_ND_FIRST(q3, r12, lr)
            "subs r7, r7, #1\n"
            "beq 3f\n"
            "2:\n"
            "vldrb.8 q0, [r1], #16\n"
            "vldrb.8 q1, [r5], #16\n" SA_ND_FURTHER(q2, r0, r2) SA_ND_FURTHER(q3, r4, r6)
                SA_ND_FURTHER(q2, r8, r10) SA_ND_FURTHER(q3, r12, lr)
            "subs r7, r7, #1\n"
            "bne 2b\n"
            "3:\n"
            "ldr r11, [sp]\n"
            "stmia r11!, {r0, r4, r8, r12}\n"
            "stmia r11, {r2, r6, r10, lr}\n"
            "mov r0, r3\n"
            "pop {r1, r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}
#undef SA_ND_FIRST
#undef SA_ND_FURTHER
#undef SA_ND_PART
#undef SA_ND_BOTH

#define SA_ND_FIRST(q, a)            \
    "vldrb.8 " #q ", [r1], #16\n"    \
    "vmladav.s8 " #a ", q0, " #q "\n"
#define SA_ND_FURTHER(q, a)          \
    "vldrb.8 " #q ", [r1], #16\n"    \
    "vmladava.s8 " #a ", q0, " #q "\n"
#define SA_ND_PART(a)                \
    "vpst\n"                         \
    "vldrbt.8 q2, [r1]\n"            \
    "add r1, r1, r12\n"              \
    "vmladav.s8 " #a ", q0, q2\n"

/* The same at one place. */
__attribute__((naked, noinline, unused)) static const int8_t *
sa_nd_four_mve(SA_ND_GIVEN(const int8_t *x), SA_ND_GIVEN(const int8_t *w), SA_ND_GIVEN(int32_t n),
               SA_ND_GIVEN(int32_t *s))
{
    __asm__("push {r4, r6, r8, r10, lr}\n"
            "ands r12, r2, #15\n"
            "lsr r2, r2, #4\n"
            "beq 1f\n"
            "vctp.8 r12\n"
            "vpst\n"
            "vldrbt.8 q0, [r0]\n"
            "add r0, r0, r12\n" SA_ND_PART(r4) SA_ND_PART(r6) SA_ND_PART(r8) SA_ND_PART(r10)
            "b 2f\n"
            "1:\n"
            "vldrb.8 q0, [r0], #16\n" SA_ND_FIRST(q2, r4) SA_ND_FIRST(q3, r6) SA_ND_FIRST(q2, r8)
                SA_ND_FIRST(q3, r10)
            "sub r2, r2, #1\n"
            "2:\n"
            "wls lr, r2, 4f\n"
            "3:\n"
            "vldrb.8 q0, [r0], #16\n" SA_ND_FURTHER(q2, r4) SA_ND_FURTHER(q3, r6) SA_ND_FURTHER(q2, r8)
                SA_ND_FURTHER(q3, r10)
            "le lr, 3b\n"
            "4:\n"
            "stmia r3, {r4, r6, r8, r10}\n"
            "mov r0, r1\n"
            "pop {r4, r6, r8, r10, pc}\n");
}
#undef SA_ND_FIRST
#undef SA_ND_FURTHER
#undef SA_ND_PART
#undef SA_ND_GIVEN
#else
SA_ND_INLINE const int8_t *sa_nd_four_mve(const int8_t *x, const int8_t *w, int32_t n, int32_t *s)
{
    int32_t piece = (n & 15) != 0 ? n & 15 : 16, i;

    for (i = 0; i < 4; i++) {
        s[i] = 0;
    }
    while (n > 0) {
        for (i = 0; i < 4; i++) {
            s[i] += sa_nd_one_mve(x, w, piece);
            w += piece;
        }
        x += piece;
        n -= piece;
        piece = 16;
    }
    return w;
}

SA_ND_INLINE const int8_t *sa_nd_eight_mve(int32_t *s, const int8_t *x, int32_t n, const int8_t *w,
                                           const int8_t *x1)
{
    sa_nd_four_mve(x1, w, n, s + 4);
    return sa_nd_four_mve(x, w, n, s);
}
#endif

/* A place of the kernel, in the order of the results. */
typedef struct {
    int32_t y;
    int32_t x;
} sa_nd_at_t;

/* Values under the kernel at the next place, gathered with margins where they do not lie beside each other. */
SA_ND_APART const int8_t *sa_nd_next_mve(const sa_nd_fast_t *l, const int8_t *x, sa_nd_at_t *at, int8_t *to)
{
    const int32_t channels = l->channels, width = l->kernel[1] * channels, line = l->in[1] * channels;
    const int32_t from_x = at->x * l->stride[1] - l->before[1];
    int32_t from_y = at->y * l->stride[0] - l->before[0], first = -from_x * channels, last = line + first, k;
    int8_t *row = to;

    at->x++;
    if (at->x == l->out[1]) {
        at->x = 0;
        at->y++;
    }
    x += from_y * line - first;
    first = first < 0 ? 0 : (first > width ? width : first);
    last = last > width ? width : (last < first ? first : last);
    if (l->kernel[0] == 1 && from_y >= 0 && from_y < l->in[0] && last - first == width) {
        return x;
    }
    if (from_y >= 0 && from_y + (l->kernel[0] - 1) * l->down < l->in[0] && last - first == width) {
        for (k = l->kernel[0]; k > 0; k--) {
            sa_nd_copy_mve(row, x, width);
            row += width;
            x += l->down * line;
        }
        return to;
    }
    for (k = l->kernel[0]; k > 0; k--) {
        const int32_t inside = from_y >= 0 && from_y < l->in[0];
        if (!inside || last - first != width) {
            sa_nd_fill_mve(row, l->zero, width);
        }
        if (inside) {
            sa_nd_copy_mve(row + first, x + first, last - first);
        }
        row += width;
        x += l->down * line;
        from_y += l->down;
    }
    return to;
}

/* Whether places are those of the values, one after the other. */
SA_ND_INLINE int32_t sa_nd_points(const sa_nd_fast_t *l)
{
    const int32_t one = l->kernel[0] * l->kernel[1] * l->stride[0] * l->stride[1];

    return one == 1 && l->in[0] == l->out[0] && l->in[1] == l->out[1];
}

/* The outputs that are left of fours, at two places. */
SA_ND_INLINE void sa_nd_rest_mve(const sa_nd_ends_t *e, const sa_nd_tables_t *t, const int8_t *a, const int8_t *b,
                                 const int8_t *w, int32_t n, int32_t many, int8_t *y, int8_t *z, int rounding)
{
    const sa_nd_ways_t way = sa_nd_ways(t, many);
    int32_t sums[4] = {0, 0, 0, 0}, i, k;

    for (k = 0; k < 2; k++) {
        for (i = 0; i < many; i++) {
            sums[i] = sa_nd_one_mve(a, w + i * n, n);
        }
        sa_nd_leave_four(e, &way, sums, y, many, rounding);
        a = b;
        y = z;
    }
}

SA_ND_INLINE void sa_nd_matrix_run(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                   const int32_t *bias, int8_t *y, int8_t *scratch, int rounding)
{
    const int32_t n = l->row, rest = l->outputs & 3, points = sa_nd_points(l);
    const sa_nd_ends_t ends = sa_nd_ends(l);
    sa_nd_tables_t first;
    int32_t sums[8];
    int32_t batch, places, o;

    sa_nd_tables(l, bias, &first);
    for (batch = l->batch; batch > 0; batch--) {
        sa_nd_at_t at = {0, 0};
        for (places = l->out[0] * l->out[1]; places > 0; places -= 2) {
            const int8_t *v = w, *a = x, *b;
            int8_t *z = y;
            sa_nd_tables_t t;

            if (points) {
                b = a + n;
                x = places > 1 ? b + n : b;
            } else {
                a = sa_nd_next_mve(l, x, &at, scratch);
                b = places > 1 ? sa_nd_next_mve(l, x, &at, scratch + n) : a;
            }
            if (places > 1) {
                z = y + l->outputs;
            } else {
                /* the last place is taken twice where they are odd */
                b = a;
            }
            sa_nd_begin(&t, &first);
            for (o = l->outputs >> 2; o > 0; o--) {
                sa_nd_ways_t way;
                v = sa_nd_eight_mve(sums, a, n, v, b);
                way = sa_nd_ways(&t, 4);
                sa_nd_leave_four(&ends, &way, sums, y, 4, rounding);
                sa_nd_leave_four(&ends, &way, sums + 4, z, 4, rounding);
                sa_nd_onward(&t);
                y += 4;
                z += 4;
            }
            if (rest > 0) {
                sa_nd_rest_mve(&ends, &t, a, b, v, n, rest, y, z, rounding);
            }
            y = z + rest;
        }
        if (!points) {
            x += l->in[0] * l->in[1] * l->channels;
        }
    }
}

/* The same where all values lie under one place. */
SA_ND_INLINE void sa_nd_alone_run(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, const int32_t *bias,
                                  int8_t *y, int rounding)
{
    const int32_t rest = l->outputs & 3;
    const sa_nd_ends_t ends = sa_nd_ends(l);
    sa_nd_tables_t t;
    int32_t sums[4];
    int32_t o;

    sa_nd_tables(l, bias, &t);
    for (o = l->outputs >> 2; o > 0; o--) {
        sa_nd_ways_t way;
        w = sa_nd_four_mve(x, w, l->row, sums);
        way = sa_nd_ways(&t, 4);
        sa_nd_leave_four(&ends, &way, sums, y, 4, rounding);
        sa_nd_onward(&t);
        y += 4;
    }
    if (rest > 0) {
        const sa_nd_ways_t way = sa_nd_ways(&t, rest);
        for (o = 0; o < rest; o++) {
            sums[o] = sa_nd_one_mve(x, w + o * l->row, l->row);
        }
        sa_nd_leave_four(&ends, &way, sums, y, rest, rounding);
    }
}

SA_ND_FUNCTION void sa_nd_matrix_mve_tflite(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                            const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_run(l, x, w, bias, y, (int8_t *)scratch, SA_ND_TWICE);
}

SA_ND_FUNCTION void sa_nd_matrix_mve_even(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                          const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_run(l, x, w, bias, y, (int8_t *)scratch, SA_ND_EVEN);
}

SA_ND_FUNCTION void sa_nd_matrix_mve_alone_tflite(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                                  const int32_t *bias, int8_t *y, void *scratch)
{
    (void)scratch;
    sa_nd_alone_run(l, x, w, bias, y, SA_ND_TWICE);
}

SA_ND_FUNCTION void sa_nd_matrix_mve_alone_even(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                                const int32_t *bias, int8_t *y, void *scratch)
{
    (void)scratch;
    sa_nd_alone_run(l, x, w, bias, y, SA_ND_EVEN);
}

#endif
