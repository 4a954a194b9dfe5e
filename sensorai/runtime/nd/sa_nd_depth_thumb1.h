/* A kernel for each channel of int8 numbers, for cores without long products: a row of outputs of a channel
 * after the other, with a list of where the values lie and of the weights that they meet. A row of outputs is
 * complete before the next one begins; until then any of the rows under it may still be read. */
#ifndef SA_ND_DEPTH_THUMB1_H
#define SA_ND_DEPTH_THUMB1_H

#include "sa_nd_fast_thumb1.h"

/* Results of a channel that meet the same taps. */
typedef struct {
    sa_nd_halves_t factor;
    const int32_t *taps; /* places of values and their weights */
    const int32_t *end;
    int32_t bias;
    const int8_t *x;
    int32_t step; /* from values of a result to those of the next */
    int8_t *y;
    int32_t channels;
    int32_t count;
    int32_t lo;
    int32_t hi;
} sa_nd_run_t;

#if SA_ND_THUMB1
/* r0: values; r1: taps; r2: sum */
#define SA_ND_TAPS                       \
    "ldmia r1!, {r3, r4, r5, r6}\n"      \
    "ldrsb r3, [r0, r3]\n"               \
    "muls r3, r4, r3\n"                  \
    "adds r2, r2, r3\n"                  \
    "ldrsb r5, [r0, r5]\n"               \
    "muls r5, r6, r5\n"                  \
    "adds r2, r2, r5\n"
#define SA_ND_RUN(name, number)                                              \
    SA_ND_WHOLE void name(sa_nd_run_t *l __attribute__((unused)))            \
    {                                                                        \
        __asm__(SA_ND_SAVE                                                   \
                "movs r7, r0\n"                                              \
                "ldr r1, [r7, #16]\n"                                        \
                "ldr r2, [r7, #20]\n"                                        \
                "mov r12, r2\n"                                              \
                "ldr r0, [r7, #36]\n"                                        \
                "mov r11, r0\n"                                              \
                "ldr r0, [r7, #48]\n"                                        \
                "mov r9, r0\n"                                               \
                "ldr r0, [r7, #52]\n"                                        \
                "mov r10, r0\n"                                              \
                "subs r2, r2, r1\n" /* 8 bytes for each tap */               \
                "lsls r1, r2, #28\n"                                         \
                "lsrs r1, r1, #31\n"                                         \
                "push {r1}\n" /* whether they are odd */                     \
                "lsls r2, r2, #26\n"                                         \
                "lsrs r2, r2, #30\n"                                         \
                "movs r1, #14\n" /* bytes of code for two */                 \
                "muls r2, r1, r2\n"                                          \
                "adr r1, 3f\n"                                               \
                "subs r1, r1, r2\n"                                          \
                "push {r1}\n"                                                \
                "ldr r0, [r7, #28]\n"                                        \
                "1:\n" /* the next result */                                 \
                "ldr r1, [r7, #16]\n"                                        \
                "ldr r2, [r7, #24]\n"                                        \
                "ldr r5, [sp]\n"                                             \
                "ldr r3, [sp, #4]\n"                                         \
                "cmp r3, #0\n"                                               \
                "beq 2f\n"                                                   \
                "ldmia r1!, {r3, r4}\n"                                      \
                "ldrsb r3, [r0, r3]\n"                                       \
                "muls r3, r4, r3\n"                                          \
                "adds r2, r2, r3\n"                                          \
                "2:\n"                                                       \
                "mov pc, r5\n"                                               \
                "4:\n"                                                       \
                ".p2align 2\n" SA_ND_TAPS SA_ND_TAPS SA_ND_TAPS SA_ND_TAPS   \
                "3:\n"                                                       \
                "cmp r1, r12\n"                                              \
                "bne 4b\n"                                                   \
                "mov r8, r0\n"                                               \
                "movs r0, r2\n"                                              \
                "movs r1, r7\n"                                              \
                "ldmia r1!, {r3, r4, r5, r6}\n" number                       \
                "cmp r0, r9\n"                                               \
                "bge 2f\n"                                                   \
                "mov r0, r9\n"                                               \
                "2:\n"                                                       \
                "cmp r0, r10\n"                                              \
                "ble 2f\n"                                                   \
                "mov r0, r10\n"                                              \
                "2:\n"                                                       \
                "mov r1, r11\n"                                              \
                "strb r0, [r1]\n"                                            \
                "ldr r2, [r7, #40]\n"                                        \
                "add r11, r2\n"                                              \
                "ldr r0, [r7, #32]\n"                                        \
                "add r0, r8\n"                                               \
                "ldr r1, [r7, #44]\n"                                        \
                "subs r1, #1\n"                                              \
                "str r1, [r7, #44]\n"                                        \
                "bne 1b\n"                                                   \
                "pop {r0, r1}\n" SA_ND_RESTORE);                             \
    }
SA_ND_RUN(sa_nd_run_tflite, SA_ND_TO_TWICE)
SA_ND_RUN(sa_nd_run_even, SA_ND_TO_EVEN)
#else
SA_ND_INLINE void sa_nd_run(sa_nd_run_t *l, int rounding)
{
    for (; l->count > 0; l->count--) {
        uint32_t sum = (uint32_t)l->bias;
        const int32_t *t;
        for (t = l->taps; t != l->end; t += 2) {
            sum += (uint32_t)(l->x[t[0]] * t[1]);
        }
        *l->y = (int8_t)sa_nd_clamp(sa_nd_from_halves((int32_t)sum, &l->factor, rounding), l->lo, l->hi);
        l->y += l->channels;
        if (l->count > 1) {
            l->x += l->step;
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

/* Weights come column by column of their kernel. */
SA_ND_INLINE void sa_nd_depth_thumb1(const sa_nd_fast_t *l, const int8_t *x, const int8_t *weights,
                                     const int32_t *bias, int8_t *y, int32_t *taps, int rounding,
                                     void (*run)(sa_nd_run_t *))
{
    const int32_t high = l->kernel[0], wide = l->kernel[1], channels = l->channels, stride = l->stride[1];
    const int32_t line = l->in[1] * channels;
    int32_t first = 0, last, batch, oy, from = 0;
    sa_nd_run_t r;

    /* results from `first` to before `last` have all columns of the kernel on values */
    while (first < l->out[1] && first * stride < l->before[1]) {
        first++;
    }
    last = first;
    while (last < l->out[1] && last * stride - l->before[1] + wide <= l->in[1]) {
        last++;
    }
    r.channels = channels;
    r.step = stride * channels;
    r.lo = l->lo;
    r.hi = l->hi;
    for (batch = l->batch; batch > 0; batch--) {
        for (oy = 0; oy < l->out[0]; oy++) {
            const int32_t top = oy * l->stride[0] - l->before[0];
            const int8_t *w = weights;
            const int32_t *multiplier = l->multiplier;
            const uint8_t *shift = l->shift;
            int32_t above = 0, below = high, rows, c, a, b;
            int32_t *t = taps;
            while (above < high && top + above * l->down < 0) {
                above++;
            }
            while (below > above && top + (below - 1) * l->down >= l->in[0]) {
                below--;
            }
            rows = below - above;
            for (a = 0; a < wide; a++) {
                for (b = 0; b < rows; b++) {
                    *t = b * l->down * line + a * channels;
                    t += 2;
                }
            }
            for (c = 0; c < channels; c++) {
                const int32_t at = from + (top + above * l->down) * line - l->before[1] * channels + c;
                int32_t sum = bias[c], ox = 0;
                t = taps + 1;
                if (rows == high) {
                    const int8_t *const end = w + high * wide;
                    const int8_t *v = w;
                    for (; v != end; v++) {
                        *t = *v;
                        t += 2;
                    }
                } else {
                    for (a = 0; a < wide; a++) {
                        for (b = 0; b < high; b++) {
                            const int32_t v = w[a * high + b];
                            if (b >= above && b < below) {
                                *t = v;
                                t += 2;
                            } else {
                                sum += l->zero * v;
                            }
                        }
                    }
                }
                sa_nd_halves(*multiplier, *shift, l->out_zero, rounding, &r.factor);
                multiplier += l->each;
                shift += l->each;
                r.y = y + c;
                while (ox < l->out[1]) {
                    const int32_t all = ox >= first && ox < last, left = ox * stride - l->before[1];
                    int32_t begin = 0, stop = wide;
                    r.count = all ? last - ox : 1;
                    r.bias = sum;
                    if (!all) {
                        begin = left < 0 ? (-left < wide ? -left : wide) : 0;
                        stop = l->in[1] - left;
                        stop = stop < wide ? (stop > begin ? stop : begin) : wide;
                        for (a = 0; a < wide * rows; a++) {
                            if (a < begin * rows || a >= stop * rows) {
                                r.bias += l->zero * taps[2 * a + 1];
                            }
                        }
                    }
                    r.taps = taps + 2 * begin * rows;
                    r.end = taps + 2 * stop * rows;
                    r.x = x + (at + ox * r.step);
                    ox += r.count;
                    a = r.count;
                    run(&r);
                    r.y = y + ox * channels + c;
                }
                w += l->row;
            }
            y += l->out[1] * channels;
        }
        from += l->in[0] * line;
    }
}

SA_ND_FUNCTION void sa_nd_depth_thumb1_tflite(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                              const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_depth_thumb1(l, x, w, bias, y, (int32_t *)scratch, SA_ND_TWICE, sa_nd_run_tflite);
}

SA_ND_FUNCTION void sa_nd_depth_thumb1_even(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                            const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_depth_thumb1(l, x, w, bias, y, (int32_t *)scratch, SA_ND_EVEN, sa_nd_run_even);
}

#endif
