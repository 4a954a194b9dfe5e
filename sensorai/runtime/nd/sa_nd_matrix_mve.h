/* Convolutions and dense layers of int8 numbers for cores with vectors of integers: four outputs at two places
 * at a time, 16 products in an instruction.
 *
 * The n weights of an output are cut to a first piece of 1 to 16 and further ones of 16; pieces of four outputs
 * lie behind each other, and what is left of outputs has its rows as they are. */
#ifndef SA_ND_MATRIX_MVE_H
#define SA_ND_MATRIX_MVE_H

#include "sa_nd_fast_mve.h"

/* What runs of four outputs at two places read; results move on. */
typedef struct {
    const int8_t *x;
    const int8_t *w;
    const int8_t *next; /* the second place */
    int32_t n;          /* weights of an output */
    const int32_t *bias;
    const int32_t *multiplier;
    const uint8_t *shift;
    int8_t *y;
    int8_t *z;         /* results of the second place */
    int32_t count;     /* of runs, at least 1 */
    int32_t step;      /* bytes between multipliers of runs, */
    int32_t shift_step; /* and between shifts */
    int32_t zero;
    int32_t lo;
    int32_t hi;
} sa_nd_runs_t;

#if SA_ND_MVE
/* Weights of the next output at two places. */
#define SA_ND_FIRST(q, a, b)           \
    "vldrb.8 " #q ", [r3], #16\n"      \
    "vmladav.s8 " #a ", q0, " #q "\n"  \
    "vmladav.s8 " #b ", q1, " #q "\n"
#define SA_ND_FURTHER(q, a, b)         \
    "vldrb.8 " #q ", [r3], #16\n"      \
    "vmladava.s8 " #a ", q0, " #q "\n" \
    "vmladava.s8 " #b ", q1, " #q "\n"
#define SA_ND_PART                     \
    "vpst\n"                           \
    "vldrbt.8 q2, [r3]\n"              \
    "add r3, r3, r12\n"
#define SA_ND_BOTH(a, b)               \
    SA_ND_PART                         \
    "vmladav.s8 " #a ", q0, q2\n"      \
    "vmladav.s8 " #b ", q1, q2\n"
/* Sums q0 and q1, factors q4, shifts q3, two that are free. */
#define SA_ND_SCALE_TFLITE             \
    "vqrdmulh.s32 q0, q0, q4\n"        \
    "vqrdmulh.s32 q1, q1, q4\n"        \
    "vshr.s32 q2, q0, #31\n"           \
    "vshr.s32 q5, q1, #31\n"           \
    "vadd.i32 q0, q0, q2\n"            \
    "vadd.i32 q1, q1, q5\n"
/* What is lost of the product is one bit; odd results take ties, even ones do not. */
#define SA_ND_EVENLY(q)                \
    "vadd.i32 " q ", " q ", " q "\n"   \
    "vmul.i32 q2, " q ", q4\n"         \
    "vmulh.s32 " q ", " q ", q4\n"     \
    "vmin.u32 q2, q2, q5\n"            \
    "vorr " q ", " q ", q2\n"          \
    "vshl.s32 q2, " q ", q3\n"         \
    "vand q2, q2, q5\n"                \
    "vsub.i32 q2, q5, q2\n"            \
    "vsub.i32 " q ", " q ", q2\n"
#define SA_ND_SCALE_EVEN "vmov.i32 q5, #1\n" SA_ND_EVENLY("q0") SA_ND_EVENLY("q1")

#define SA_ND_RUNS(name, SCALE)                                                                             \
    SA_ND_SECRET void name(sa_nd_runs_t *runs)                                                              \
    {                                                                                                       \
        register sa_nd_runs_t *r11 __asm__("r11") = runs;                                                   \
        sa_nd_runs_t *kept;                                                                                 \
                                                                                                            \
        __asm__ volatile("str r11, %[kept]\n"                                                               \
                         "ldrd r0, r2, [r11, #52]\n"                                                        \
                         "vdup.32 q6, r0\n"                                                                 \
                         "vdup.32 q7, r2\n"                                                                 \
                         "0:\n"                                                                             \
                         "ldmia r11, {r1, r3, r5, r9}\n"                                                    \
                         "ands r12, r9, #15\n"                                                              \
                         "lsr r9, r9, #4\n"                                                                 \
                         "beq 1f\n"                                                                         \
                         "vctp.8 r12\n"                                                                     \
                         "vpstt\n"                                                                          \
                         "vldrbt.8 q0, [r1]\n"                                                              \
                         "vldrbt.8 q1, [r5]\n"                                                              \
                         "add r1, r1, r12\n"                                                                \
                         "add r5, r5, r12\n" SA_ND_BOTH(r0, r2) SA_ND_BOTH(r4, r6) SA_ND_BOTH(r8, r10)      \
                             SA_ND_PART                                                                     \
                         "vmladav.s8 r12, q0, q2\n"                                                         \
                         "vmladav.s8 lr, q1, q2\n"                                                          \
                         "cmp r9, #0\n"                                                                     \
                         "bne 2f\n"                                                                         \
                         "b 3f\n"                                                                           \
                         "1:\n"                                                                             \
                         "vldrb.8 q0, [r1], #16\n"                                                          \
                         "vldrb.8 q1, [r5], #16\n" SA_ND_FIRST(q2, r0, r2) SA_ND_FIRST(q3, r4, r6)          \
                             SA_ND_FIRST(q2, r8, r10) SA_ND_FIRST(q3, r12, lr)                              \
                         "subs r9, r9, #1\n"                                                                \
                         "beq 3f\n"                                                                         \
                         "2:\n"                                                                             \
                         "vldrb.8 q0, [r1], #16\n"                                                          \
                         "vldrb.8 q1, [r5], #16\n" SA_ND_FURTHER(q2, r0, r2) SA_ND_FURTHER(q3, r4, r6)      \
                             SA_ND_FURTHER(q2, r8, r10) SA_ND_FURTHER(q3, r12, lr)                          \
                         "subs r9, r9, #1\n"                                                                \
                         "bne 2b\n"                                                                         \
                         "3:\n"                                                                             \
                         "vmov q0[2], q0[0], r0, r8\n"                                                      \
                         "vmov q0[3], q0[1], r4, r12\n"                                                     \
                         "vmov q1[2], q1[0], r2, r10\n"                                                     \
                         "vmov q1[3], q1[1], r6, lr\n"                                                      \
                         "ldr r11, %[kept]\n"                                                               \
                         "str r3, [r11, #4]\n"                                                              \
                         "add r1, r11, #16\n"                                                               \
                         "ldmia r1, {r0, r2, r4, r5, r6, r8, r10, r12}\n"                                   \
                         "ldr r3, [r11, #48]\n"                                                             \
                         "vldrw.32 q2, [r0], #16\n"                                                         \
                         "vldrb.u32 q3, [r4]\n"                                                             \
                         "vldrw.32 q4, [r2]\n"                                                              \
                         "add r4, r4, r12\n"                                                                 \
                         "add r2, r2, r10\n"                                                                \
                         "vneg.s32 q3, q3\n"                                                                \
                         "vadd.i32 q0, q0, q2\n"                                                            \
                         "vadd.i32 q1, q1, q2\n" SCALE                                                      \
                         "vrshl.s32 q0, q0, q3\n"                                                           \
                         "vrshl.s32 q1, q1, q3\n"                                                           \
                         "vadd.i32 q0, q0, r3\n"                                                            \
                         "vadd.i32 q1, q1, r3\n"                                                            \
                         "vmax.s32 q0, q0, q6\n"                                                            \
                         "vmax.s32 q1, q1, q6\n"                                                            \
                         "vmin.s32 q0, q0, q7\n"                                                            \
                         "vmin.s32 q1, q1, q7\n"                                                            \
                         "vstrb.32 q1, [r6], #4\n"                                                          \
                         "vstrb.32 q0, [r5], #4\n"                                                          \
                         "subs r8, r8, #1\n"                                                              \
                         "stmia r1, {r0, r2, r4, r5, r6, r8}\n"                                            \
                         "bne 0b\n"                                                                         \
                         : "+r"(r11), [kept] "=m"(kept)                                                     \
                         :                                                                                  \
                         : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "lr", "q0",  \
                           "q1", "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory");                       \
    }
SA_ND_RUNS(sa_nd_runs_tflite, SA_ND_SCALE_TFLITE)
SA_ND_RUNS(sa_nd_runs_even, SA_ND_SCALE_EVEN)
#undef SA_ND_RUNS
#undef SA_ND_FIRST
#undef SA_ND_FURTHER
#undef SA_ND_PART
#undef SA_ND_BOTH
#undef SA_ND_SCALE_TFLITE
#undef SA_ND_SCALE_EVEN
#undef SA_ND_EVENLY

#define SA_ND_FIRST(q, a)              \
    "vldrb.8 " #q ", [r3], #16\n"      \
    "vmladav.s8 " #a ", q0, " #q "\n"
#define SA_ND_FURTHER(q, a)            \
    "vldrb.8 " #q ", [r3], #16\n"      \
    "vmladava.s8 " #a ", q0, " #q "\n"
#define SA_ND_PART(a)                  \
    "vpst\n"                           \
    "vldrbt.8 q2, [r3]\n"              \
    "add r3, r3, r12\n"                \
    "vmladav.s8 " #a ", q0, q2\n"

/* Sums of four outputs at one place; where the weights end. */
SA_ND_SECRET const int8_t *sa_nd_four_mve(const int8_t *x, const int8_t *w, int32_t n, int32_t *s)
{
    register const int8_t *r1 __asm__("r1") = x;
    register const int8_t *r3 __asm__("r3") = w;
    register int32_t r5 __asm__("r5") = n;
    register int32_t *r9 __asm__("r9") = s;

    __asm__ volatile("ands r12, r5, #15\n"
                     "lsr r5, r5, #4\n"
                     "beq 1f\n"
                     "vctp.8 r12\n"
                     "vpst\n"
                     "vldrbt.8 q0, [r1]\n"
                     "add r1, r1, r12\n" SA_ND_PART(r0) SA_ND_PART(r2) SA_ND_PART(r4) SA_ND_PART(r6)
                     "b 2f\n"
                     "1:\n"
                     "vldrb.8 q0, [r1], #16\n" SA_ND_FIRST(q2, r0) SA_ND_FIRST(q3, r2) SA_ND_FIRST(q2, r4)
                         SA_ND_FIRST(q3, r6)
                     "sub r5, r5, #1\n"
                     "2:\n"
                     "wls lr, r5, 4f\n"
                     "3:\n"
                     "vldrb.8 q0, [r1], #16\n" SA_ND_FURTHER(q2, r0) SA_ND_FURTHER(q3, r2)
                         SA_ND_FURTHER(q2, r4) SA_ND_FURTHER(q3, r6)
                     "le lr, 3b\n"
                     "4:\n"
                     "stmia r9, {r0, r2, r4, r6}\n"
                     : "+r"(r1), "+r"(r3), "+r"(r5)
                     : "r"(r9)
                     : "r0", "r2", "r4", "r6", "r12", "lr", "q0", "q2", "q3", "cc", "memory");
    return r3;
}
#undef SA_ND_FIRST
#undef SA_ND_FURTHER
#undef SA_ND_PART
#else
SA_ND_APART const int8_t *sa_nd_four_mve(const int8_t *x, const int8_t *w, int32_t n, int32_t *s)
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

SA_ND_INLINE void sa_nd_runs_any(sa_nd_runs_t *r, int rounding)
{
    sa_nd_tables_t t;
    sa_nd_ends_t e;
    int32_t sums[4], i;

    e.zero = r->zero;
    for (i = 0; i < 4; i++) {
        e.lo.v[i] = r->lo;
        e.hi.v[i] = r->hi;
    }
    t.bias = r->bias;
    t.multiplier = r->multiplier;
    t.shift = r->shift;
    t.step = r->shift_step;
    for (; r->count > 0; r->count--) {
        const sa_nd_ways_t way = sa_nd_ways(&t, 4);
        sa_nd_four_mve(r->next, r->w, r->n, sums);
        sa_nd_leave_four(&e, &way, sums, r->z, 4, rounding);
        r->w = sa_nd_four_mve(r->x, r->w, r->n, sums);
        sa_nd_leave_four(&e, &way, sums, r->y, 4, rounding);
        sa_nd_onward(&t);
        r->y += 4;
        r->z += 4;
    }
    r->bias = t.bias;
    r->multiplier = t.multiplier;
    r->shift = t.shift;
}

SA_ND_APART void sa_nd_runs_tflite(sa_nd_runs_t *runs)
{
    sa_nd_runs_any(runs, SA_ND_TWICE);
}

SA_ND_APART void sa_nd_runs_even(sa_nd_runs_t *runs)
{
    sa_nd_runs_any(runs, SA_ND_EVEN);
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

/* The outputs that are left of runs, at two places. */
SA_ND_APART void sa_nd_rest_mve(const sa_nd_fast_t *l, const sa_nd_runs_t *r, int32_t many, int rounding)
{
    const sa_nd_ends_t ends = sa_nd_ends_mve(l);
    const int8_t *x = r->x;
    int8_t *y = r->y;
    sa_nd_tables_t t;
    sa_nd_ways_t way;
    int32_t sums[4], i, k;

    sums[1] = 0;
    sums[2] = 0;
    sums[3] = 0;
    t.bias = r->bias;
    t.multiplier = r->multiplier;
    t.shift = r->shift;
    way = sa_nd_ways(&t, many);
    for (k = 0; k < 2; k++) {
        for (i = 0; i < many; i++) {
            sums[i] = sa_nd_one_mve(x, r->w + i * r->n, r->n);
        }
        sa_nd_leave_four(&ends, &way, sums, y, many, rounding);
        x = r->next;
        y = r->z;
    }
}

SA_ND_INLINE void sa_nd_matrix_mve_run(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                   const int32_t *bias, int8_t *y, int8_t *scratch, int rounding)
{
    const int32_t rest = l->outputs & 3, points = sa_nd_points(l);
    sa_nd_tables_t t;
    sa_nd_runs_t r;
    int32_t batch, places;

    sa_nd_tables(l, bias, &t);
    r.n = l->row;
    r.step = 4 * t.step;
    r.shift_step = t.step;
    r.zero = l->out_zero;
    r.lo = l->lo;
    r.hi = l->hi;
    for (batch = l->batch; batch > 0; batch--) {
        sa_nd_at_t at = {0, 0};
        for (places = l->out[0] * l->out[1]; places > 0; places -= 2) {
            r.w = w;
            r.bias = t.bias;
            r.multiplier = t.multiplier;
            r.shift = t.shift;
            r.count = l->outputs >> 2;
            r.y = y;
            r.z = y + l->outputs;
            if (points) {
                r.x = x;
                r.next = x + r.n;
                x += 2 * r.n;
            } else {
                r.x = sa_nd_next_mve(l, x, &at, scratch);
                if (places > 1) {
                    r.next = sa_nd_next_mve(l, x, &at, scratch + r.n);
                }
            }
            if (places == 1) {
                /* the last place is taken twice where they are odd */
                r.z = y;
                r.next = r.x;
                x -= points ? r.n : 0;
            }
            if (r.count > 0) {
                if (rounding == SA_ND_TWICE) {
                    sa_nd_runs_tflite(&r);
                } else {
                    sa_nd_runs_even(&r);
                }
            }
            if (rest > 0) {
                sa_nd_rest_mve(l, &r, rest, rounding);
            }
            y += places > 1 ? 2 * l->outputs : l->outputs;
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
    const sa_nd_ends_t ends = sa_nd_ends_mve(l);
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
        sums[1] = 0;
        sums[2] = 0;
        sums[3] = 0;
        for (o = 0; o < rest; o++) {
            sums[o] = sa_nd_one_mve(x, w + o * l->row, l->row);
        }
        sa_nd_leave_four(&ends, &way, sums, y, rest, rounding);
    }
}

SA_ND_FUNCTION void sa_nd_matrix_mve_tflite(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                            const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_mve_run(l, x, w, bias, y, (int8_t *)scratch, SA_ND_TWICE);
}

SA_ND_FUNCTION void sa_nd_matrix_mve_even(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                          const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_matrix_mve_run(l, x, w, bias, y, (int8_t *)scratch, SA_ND_EVEN);
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
