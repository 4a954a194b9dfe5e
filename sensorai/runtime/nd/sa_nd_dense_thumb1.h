/* Dense layers of one row of int8 numbers for cores without long products: a value meets the weights of four
 * outputs; the last ones stand in for those that are missing to four. */
#ifndef SA_ND_DENSE_THUMB1_H
#define SA_ND_DENSE_THUMB1_H

#include "sa_nd_fast_thumb1.h"

#if SA_ND_THUMB1
/* r0: end of the values; r1 to r4: ends of four rows; r5: to these ends; r8 to r11: sums */
#if SA_ND_THUMB1 == 2
#define SA_ND_EACH(w, sum)      \
    "ldrsb r7, [" #w ", r5]\n"  \
    "mla " #sum ", r6, r7, " #sum "\n"
#else
#define SA_ND_EACH(w, sum)      \
    "ldrsb r7, [" #w ", r5]\n"  \
    "muls r7, r6, r7\n"         \
    "add " #sum ", r7\n"
#endif
#define SA_ND_FOUR                              \
    "ldrsb r6, [r0, r5]\n" SA_ND_EACH(r1, r8)   \
        SA_ND_EACH(r2, r9) SA_ND_EACH(r3, r10)  \
            SA_ND_EACH(r4, r11) "adds r5, #1\n"
/* spread, start: values (their end), and less their number */
#define SA_ND_DENSE(name, less, number)                              \
    SA_ND_ALL(name, sa_nd_outputs_t,                                 \
              "1:\n" /* the next four outputs */                     \
              "ldr r7, %[kept]\n"                                    \
              "ldr r6, [r7, #16]\n"                                  \
              "ldr r1, [r7, #8]\n"                                   \
              "ldr r0, [r7, #12]\n"                                  \
              "ldr r5, [r7, #32]\n"                                  \
              "movs r2, r1\n"                                        \
              "ldr r7, [r6]\n"                                       \
              "mov r8, r7\n"                                         \
              "cmp r5, #2\n"                                         \
              "blt 2f\n"                                             \
              "adds r2, r1, r0\n"                                    \
              "ldr r7, [r6, #4]\n"                                   \
              "2:\n"                                                 \
              "mov r9, r7\n"                                         \
              "movs r3, r2\n"                                        \
              "cmp r5, #3\n"                                         \
              "blt 2f\n"                                             \
              "adds r3, r2, r0\n"                                    \
              "ldr r7, [r6, #8]\n"                                   \
              "2:\n"                                                 \
              "mov r10, r7\n"                                        \
              "movs r4, r3\n"                                        \
              "cmp r5, #4\n"                                         \
              "blt 2f\n"                                             \
              "adds r4, r3, r0\n"                                    \
              "ldr r7, [r6, #12]\n"                                  \
              "2:\n"                                                 \
              "mov r11, r7\n"                                        \
              "ldr r7, %[kept]\n"                                    \
              "adds r6, #16\n"                                       \
              "str r6, [r7, #16]\n"                                  \
              "adds r5, r4, r0\n"                                    \
              "str r5, [r7, #8]\n"                                   \
              "ldr r0, [r7]\n"                                       \
              "ldr r5, [r7, #48]\n"                                  \
              "adr r6, 3f\n" /* what does not make four goes first */\
              "movs r7, #3\n"                                        \
              "ands r7, r5\n"                                        \
              "lsls r5, r7, #5\n"                                    \
              "lsls r7, r7, #2\n"                                    \
              "subs r5, r5, r7\n" /* 28 bytes of code for each */    \
              "adds r6, r6, r5\n"                                    \
              "ldr r7, %[kept]\n"                                    \
              "ldr r5, [r7, #48]\n"                                  \
              "mov pc, r6\n"                                         \
              ".p2align 2\n"                                         \
              "3:\n" SA_ND_FOUR SA_ND_FOUR SA_ND_FOUR SA_ND_FOUR     \
              "bne 3b\n"                                             \
              "ldr r7, %[kept]\n"                                    \
              "movs r0, #4\n"                                        \
              "mov r12, r0\n"                                        \
              "2:\n" SA_ND_FACTOR(less)                              \
              "mov r0, r8\n" number SA_ND_HELD                       \
              "ldr r1, [r7, #36]\n"                                  \
              "strb r0, [r1]\n"                                      \
              "adds r1, #1\n"                                        \
              "str r1, [r7, #36]\n"                                  \
              "ldr r1, [r7, #32]\n"                                  \
              "subs r1, #1\n"                                        \
              "str r1, [r7, #32]\n"                                  \
              "beq 3f\n"                                             \
              "mov r8, r9\n"                                         \
              "mov r9, r10\n"                                        \
              "mov r10, r11\n"                                       \
              "mov r0, r12\n"                                        \
              "subs r0, #1\n"                                        \
              "mov r12, r0\n"                                        \
              "bne 2b\n"                                             \
              "b 1b\n"                                               \
              "3:\n")
SA_ND_DENSE(sa_nd_dense_sums_tflite, SA_ND_LESS_TWICE, SA_ND_TO_TWICE)
SA_ND_DENSE(sa_nd_dense_sums_even, SA_ND_LESS_EVEN, SA_ND_TO_EVEN)
#undef SA_ND_EACH
#undef SA_ND_FOUR
#undef SA_ND_DENSE
#else
SA_ND_INLINE void sa_nd_dense_sums(sa_nd_outputs_t *l, int rounding)
{
    for (; l->outputs > 0; l->outputs--) {
        const int8_t *x = (const int8_t *)l->spread, *w = (const int8_t *)l->w;
        uint32_t sum = (uint32_t)*l->bias++, left;
        sa_nd_halves_t m;
        for (left = l->start; left != 0U; left++) {
            sum += (uint32_t)(*x++ * *w++);
        }
        sa_nd_factor(l, rounding, &m);
        *l->y++ = sa_nd_number_thumb1(sum, &m, rounding);
        l->w += l->row;
    }
}

SA_ND_FUNCTION void sa_nd_dense_sums_tflite(sa_nd_outputs_t *l)
{
    sa_nd_dense_sums(l, SA_ND_TWICE);
}

SA_ND_FUNCTION void sa_nd_dense_sums_even(sa_nd_outputs_t *l)
{
    sa_nd_dense_sums(l, SA_ND_EVEN);
}
#endif

/* Assembler begins at the ends of rows, C at their starts. */
SA_ND_INLINE void sa_nd_dense_row(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w, const int32_t *bias,
                                  int8_t *y, void (*run)(sa_nd_outputs_t *))
{
    const int32_t inputs = l->kernel[0] * l->kernel[1] * l->channels, to = SA_ND_THUMB1 ? inputs : 0;
    sa_nd_outputs_t o;

    sa_nd_outputs(&o, l, w + to, bias, y);
    o.spread = (const uint32_t *)(const void *)(x + to);
    o.start = 0U - (uint32_t)inputs;
    run(&o);
    sa_nd_ends(l, y, l->outputs);
}

SA_ND_FUNCTION void sa_nd_dense_thumb1_tflite(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                              const int32_t *bias, int8_t *y, void *scratch)
{
    (void)scratch;
    sa_nd_dense_row(l, x, w, bias, y, sa_nd_dense_sums_tflite);
}

SA_ND_FUNCTION void sa_nd_dense_thumb1_even(const sa_nd_fast_t *l, const int8_t *x, const int8_t *w,
                                            const int32_t *bias, int8_t *y, void *scratch)
{
    (void)scratch;
    sa_nd_dense_row(l, x, w, bias, y, sa_nd_dense_sums_even);
}

#endif
