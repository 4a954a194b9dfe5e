/* Dense layers of int8 numbers at one place, for cores with the DSP extension: values are spread as they are read,
 * four outputs at a time. */
#ifndef SA_ND_DENSE_DSP_H
#define SA_ND_DENSE_DSP_H

#include "sa_nd_fast_dsp.h"

/* Outputs four at a time. */
typedef struct {
    const void *x; /* values, spread or not */
    const void *end;
    const uint32_t *w;
    int32_t row; /* bytes of the weights of an output */
    const int32_t *bias;
    const int32_t *multiplier;
    const uint8_t *shift;
    int8_t *y;
    int32_t zero;
    int32_t count; /* of fours */
    int32_t each;  /* 1: every output has its own multiplier and shift */
} sa_nd_job_t;

/* The first outputs of a layer, so many fours of them. */
SA_ND_INLINE sa_nd_job_t sa_nd_job(const sa_nd_fast_t *l, const void *x, const void *end, const uint32_t *w,
                                   const int32_t *bias, int8_t *y, int32_t count)
{
    sa_nd_job_t job;

    job.x = x;
    job.end = end;
    job.w = w;
    job.row = l->row;
    job.bias = bias;
    job.multiplier = l->multiplier;
    job.shift = l->shift;
    job.y = y;
    job.zero = l->out_zero;
    job.count = count;
    job.each = l->each;
    return job;
}

#if defined(SA_ND_DSP_ASM)
#define SA_ND_TWO(p, q, sum, next)               \
    "ldr r12, [" p "], #4\n"                    \
    "ldr lr, [" q "], #4\n"                     \
    "smlad " sum ", r7, r12, " sum "\n"         \
    "smlad " next ", r7, lr, " next "\n"        \
    "sxtb16 r12, r12\n"                         \
    "sxtb16 lr, lr\n"                           \
    "smlad " sum ", r6, r12, " sum "\n"         \
    "smlad " next ", r6, lr, " next "\n"
#define SA_ND_STEP                               \
    "ldr r7, [r0], #4\n"                        \
    "eor r7, r7, #0x00800080\n"                 \
    "mvn r6, r7\n"                              \
    "uxtb16 r7, r7\n"                           \
    SA_ND_TWO("r2", "r3", "r8", "r9") SA_ND_TWO("r4", "r5", "r10", "r11")
#define SA_ND_OUT(sum, LEAVE)                           \
    "ldr r12, [r0]\n"                           \
    "ldrb lr, [r1]\n"                           \
    "add r0, r0, r3, lsl #2\n"                  \
    "add r1, r1, r3\n"                          \
    LEAVE(sum, "r12", "r6", "r7")        \
    "strb " sum ", [r2], #1\n"
/* All registers are in use. */
#define SA_ND_FOURS_OF_OUTPUTS(name, LEAVE)                                                                 \
__attribute__((noinline, unused)) static void name(sa_nd_job_t *job)                                        \
{                                                                                                           \
    register sa_nd_job_t *r4 __asm__("r4") = job;                                                           \
    uint32_t kept;                                                                                          \
                                                                                                            \
    __asm__ volatile("str r4, %[kept]\n"                                                                    \
                     "1:\n"                                                                                 \
                     "ldmia r4, {r0, r1, r2, r3, r5}\n"                                                     \
                     "ldmia r5!, {r8, r9, r10, r11}\n"                                                      \
                     "str r5, [r4, #16]\n"                                                                  \
                     "mov r12, r3\n"                                                                        \
                     "add r3, r2, r12\n"                                                                    \
                     "add r4, r3, r12\n"                                                                    \
                     "add r5, r4, r12\n"                                                                    \
                     "2:\n" SA_ND_STEP SA_ND_STEP "cmp r0, r1\n"                                            \
                     "bne 2b\n"                                                                             \
                     "ldr r4, %[kept]\n"                                                                    \
                     "str r5, [r4, #8]\n"                                                                   \
                     "add r3, r4, #20\n"                                                                    \
                     "ldmia r3, {r0, r1, r2, r6}\n"                                                     \
                     "ldr r3, [r4, #40]\n"                                                                  \
                     SA_ND_OUT("r8", LEAVE) SA_ND_OUT("r9", LEAVE)                                          \
                     SA_ND_OUT("r10", LEAVE) SA_ND_OUT("r11", LEAVE)                                        \
                     "add r3, r4, #20\n"                                                                    \
                     "stmia r3, {r0, r1, r2}\n"                                                             \
                     "ldr r7, [r4, #36]\n"                                                                  \
                     "subs r7, #1\n"                                                                        \
                     "str r7, [r4, #36]\n"                                                                  \
                     "bne 1b\n"                                                                             \
                     : "+&r"(r4), [kept] "=m"(kept)                                                          \
                     :                                                                                      \
                     : "r0", "r1", "r2", "r3", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",\
                       "memory");                                                                           \
}
SA_ND_FOURS_OF_OUTPUTS(sa_nd_fours_of_outputs_tflite, SA_ND_LEAVE_TFLITE)
SA_ND_FOURS_OF_OUTPUTS(sa_nd_fours_of_outputs_even, SA_ND_LEAVE_EVEN)
#undef SA_ND_FOURS_OF_OUTPUTS
#undef SA_ND_TWO
#undef SA_ND_STEP
#undef SA_ND_OUT
#endif

SA_ND_INLINE void sa_nd_dense_run(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w, const int32_t *bias,
                                  int8_t *y, int8_t *filled, int rounding)
{
    const int32_t many = l->outputs, words = l->row / 4;
    int32_t o = 0, i;

    if (filled != 0) {
        /* rows of weights are longer than the values */
        for (i = 0; i < l->row; i++) {
            filled[i] = i < l->channels ? x[i] : 0;
        }
        x = filled;
    }
#if defined(SA_ND_DSP_ASM)
    if (many > 3) {
        sa_nd_job_t job = sa_nd_job(l, x, x + l->row, w, bias, y, many / 4);
        if (rounding == SA_ND_TWICE) {
            sa_nd_fours_of_outputs_tflite(&job);
        } else {
            sa_nd_fours_of_outputs_even(&job);
        }
        o = many & ~3;
    }
#endif
    for (; o < many; o++) {
        const int32_t c = o * l->each;
        uint32_t sum = (uint32_t)bias[o];
        for (i = 0; i < words; i++) {
            const uint32_t p = w[o * words + i];
            uint32_t two[2];
            sa_nd_spread(((const sa_nd_any32 *)(const void *)(x + 4 * i))->v, two);
            sum = sa_nd_smlad(two[0], sa_nd_sxtb16(p), sa_nd_smlad(two[1], p, sum));
        }
        y[o] = (int8_t)sa_nd_number(sum, l->multiplier[c], l->shift[c], l->out_zero, rounding);
    }
    sa_nd_ends(l, y, many);
}

SA_ND_FUNCTION void sa_nd_dense_dsp_tflite(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w,
                                           const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_dense_run(l, x, w, bias, y, (int8_t *)scratch, SA_ND_TWICE);
}

SA_ND_FUNCTION void sa_nd_dense_dsp_even(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w,
                                         const int32_t *bias, int8_t *y, void *scratch)
{
    sa_nd_dense_run(l, x, w, bias, y, (int8_t *)scratch, SA_ND_EVEN);
}

#endif
