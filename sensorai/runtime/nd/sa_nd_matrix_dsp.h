/* Convolutions and dense layers of int8 numbers for cores with the DSP extension: the values under the kernel
 * of three places are spread to words once, then meet the weights of two outputs at a time, which lie in turns. */
#ifndef SA_ND_MATRIX_DSP_H
#define SA_ND_MATRIX_DSP_H

#include "sa_nd_fast_dsp.h"

/* Words of four values at three places: Y of each, then X of each. */
#define SA_ND_WORDS 6

/* Spread bytes of a place, a multiple of 4; so many from one four to the next, 0 where all are the same. */
SA_ND_APART uint32_t *sa_nd_spread_row(const int8_t *x, int32_t step, int32_t n, uint32_t *to)
{
    for (; n > 0; n -= 4) {
        uint32_t two[2];
        sa_nd_spread(((const sa_nd_any32 *)(const void *)x)->v, two);
        to[0] = two[1];
        to[3] = two[0];
        x += step;
        to += SA_ND_WORDS;
    }
    return to;
}

SA_ND_APART int8_t *sa_nd_bytes(const int8_t *x, int32_t step, int32_t n, int8_t *to)
{
    for (; n > 3; n -= 4) {
        ((sa_nd_any32 *)(void *)to)->v = ((const sa_nd_any32 *)(const void *)x)->v;
        to += 4;
        x += 4 * step;
    }
    for (; n > 0; n--) {
        *to++ = *x;
        x += step;
    }
    return to;
}

/* Values under the kernel at a place, margins filled. What lies behind them meets weights of zero. */
SA_ND_APART void sa_nd_gather_dsp(const sa_nd_fast_t *l, const int8_t *x, int32_t y, int32_t from_x,
                                  uint32_t *to, int8_t *bytes)
{
    const uint32_t zero = ((uint32_t)l->zero & 0xFFU) * 0x01010101U;
    const int32_t wide = l->kernel[1], over = from_x + wide - l->in[1];
    const int32_t width = wide * l->channels, whole = (l->channels & 3) == 0;
    int32_t left = 0, right = width;
    int8_t *b = bytes;
    int32_t k, i;

    if (from_x < 0) {
        left = from_x + wide > 0 ? -from_x * l->channels : width;
    }
    if (over > 0) {
        right = over < wide ? (wide - over) * l->channels : 0;
        right = right < left ? left : right;
    }
    for (k = l->kernel[0]; k > 0; k--) {
        const int32_t inside = y >= 0 && y < l->in[0];
        int32_t from = 0;
        /* margin, values, margin */
        for (i = 0; i < 3; i++) {
            const int32_t to_here = i == 2 || !inside ? width : (i == 1 ? right : left), n = to_here - from;
            const int8_t *p = (const int8_t *)(const void *)&zero;
            if (i == 1) {
                p = x + (y * l->in[1] + from_x) * l->channels + from;
            }
            if (n == 0) {
                continue;
            }
            if (whole) {
                to = sa_nd_spread_row(p, 4 * (i & 1), n, to);
            } else {
                b = sa_nd_bytes(p, i & 1, n, b);
            }
            from = to_here;
        }
        y += l->down;
    }
    if (!whole) {
        (void)sa_nd_spread_row(bytes, 4, l->row, to);
    }
}

/* A row of values at three places: bytes from the first to each of the others. */
SA_ND_APART uint32_t *sa_nd_gather_points(const int8_t *x, int32_t second, int32_t third, uint32_t *to, int32_t n)
{
    const uint32_t *const end = to + SA_ND_WORDS * (n >> 2);

#if defined(SA_ND_DSP_ASM)
    __asm__ volatile("1:\n"
                     "ldr r5, [%[x], %[second]]\n"
                     "ldr r6, [%[x], %[third]]\n"
                     "ldr r4, [%[x]], #4\n"
                     "eor r4, r4, #0x00800080\n"
                     "eor r5, r5, #0x00800080\n"
                     "eor r6, r6, #0x00800080\n"
                     "mvn r8, r4\n"
                     "mvn r9, r5\n"
                     "mvn r10, r6\n"
                     "uxtb16 r4, r4\n"
                     "uxtb16 r5, r5\n"
                     "uxtb16 r6, r6\n"
                     "stmia %[to]!, {r4, r5, r6, r8, r9, r10}\n"
                     "cmp %[to], %[end]\n"
                     "bne 1b\n"
                     : [x] "+&r"(x), [to] "+&r"(to)
                     : [second] "r"(second), [third] "r"(third), [end] "r"(end)
                     : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
#else
    for (; to != end; to += SA_ND_WORDS) {
        (void)sa_nd_spread_row(x, 4, 4, to);
        (void)sa_nd_spread_row(x + second, 4, 4, to + 1);
        (void)sa_nd_spread_row(x + third, 4, 4, to + 2);
        x += 4;
    }
#endif
    return to;
}

/* Values under the kernel at three places side by side, no margins among them. */
SA_ND_APART void sa_nd_gather_inner(const sa_nd_fast_t *l, const int8_t *x, uint32_t *to, int8_t *bytes)
{
    const int32_t width = l->kernel[1] * l->channels, step = l->stride[1] * l->channels, row = l->row;
    const int32_t line = l->down * l->in[1] * l->channels;
    int32_t k, i;

    if ((width & 3) == 0) {
        for (k = l->kernel[0]; k > 0; k--) {
            to = sa_nd_gather_points(x, step, 2 * step, to, width);
            x += line;
        }
        return;
    }
    for (i = 0; i < 3; i++) {
        const int8_t *p = x + i * step;
        int8_t *b = bytes + i * row;
        for (k = l->kernel[0]; k > 0; k--) {
            b = sa_nd_bytes(p, 1, width, b);
            p += line;
        }
    }
    (void)sa_nd_gather_points(bytes, row, 2 * row, to, row);
}

/* Outputs two at a time, at three places. */
typedef struct {
    const int32_t *multiplier;
    const uint8_t *shift;
    int32_t zero; /* twice and one more for SA_ND_FLOORED, whose shift is one less */
    int8_t *y;
    const uint32_t *x; /* values, spread */
    const uint32_t *end;
    int32_t second; /* from the results of the first place to those of the second, 0 without one */
    int32_t third;
    int32_t step; /* bytes from multiplier to multiplier of the next two */
    const int32_t *bias;
    const int32_t *last; /* where the bias ends */
    int32_t odd; /* 1: the steps of eight values are odd */
    const uint32_t *w;
} sa_nd_pairs_t;

#if defined(SA_ND_DSP_ASM)
#define SA_ND_STEP               \
    "ldmia r0!, {r12, lr}\n"     \
    "ldmia r4!, {r1, r2, r3}\n"  \
    "smlad r6, r1, r12, r6\n"    \
    "smlad r7, r2, r12, r7\n"    \
    "smlad r8, r3, r12, r8\n"    \
    "smlad r9, r1, lr, r9\n"     \
    "smlad r10, r2, lr, r10\n"   \
    "smlad r11, r3, lr, r11\n"   \
    "ldmia r4!, {r1, r2, r3}\n"  \
    "sxtb16 r12, r12\n"          \
    "sxtb16 lr, lr\n"            \
    "smlad r6, r1, r12, r6\n"    \
    "smlad r7, r2, r12, r7\n"    \
    "smlad r8, r3, r12, r8\n"    \
    "smlad r9, r1, lr, r9\n"     \
    "smlad r10, r2, lr, r10\n"   \
    "smlad r11, r3, lr, r11\n"
/* All registers are in use. Results of places that are not there are met by those of the first. */
#define SA_ND_PAIRS_OF_OUTPUTS(name, READY, LEAVE)                                                          \
__attribute__((noinline, unused)) static void name(sa_nd_pairs_t *job)                                      \
{                                                                                                           \
    register sa_nd_pairs_t *r3 __asm__("r3") = job;                                                         \
    uint32_t kept;                                                                                          \
                                                                                                            \
    __asm__ volatile("str r3, %[kept]\n"                                                                    \
                     "ldr r0, [r3, #48]\n"                                                                  \
                     "ldr r1, [r3, #36]\n"                                                                  \
                     "adds r3, r3, #8\n"                                                                    \
                     "ldrd r4, r5, [r3, #8]\n"                                                              \
                     "0:\n"                                                                                 \
                     "ldmia r1!, {r6, r9}\n"                                                                \
                     "str r1, [r3, #28]\n"                                                                  \
                     "ldr r1, [r3, #36]\n"                                                                  \
                     "mov r7, r6\n"                                                                         \
                     "mov r8, r6\n"                                                                         \
                     "mov r10, r9\n"                                                                        \
                     "mov r11, r9\n"                                                                        \
                     "cbz r1, 2f\n"                                                                         \
                     "b 3f\n"                                                                               \
                     "2:\n" SA_ND_STEP SA_ND_STEP                                                           \
                     "3:\n" SA_ND_STEP SA_ND_STEP "cmp r4, r5\n"                                           \
                     "bne 2b\n"                                                                             \
                     "ldr r5, %[kept]\n"                                                                    \
                     "ldmia r5, {r1, r2, r3}\n"                                                             \
                     "ldrd r4, r12, [r1]\n"                                                                 \
                     "ldrb lr, [r2]\n" READY("r3", "r5")                                                    \
                     LEAVE("r6", "r4", "r3", "r5")                                                          \
                     LEAVE("r7", "r4", "r3", "r5")                                                          \
                     LEAVE("r8", "r4", "r3", "r5")                                                          \
                     "ldrb lr, [r2, #1]\n" READY("r3", "r5")                                                \
                     LEAVE("r9", "r12", "r3", "r5")                                                         \
                     LEAVE("r10", "r12", "r3", "r5")                                                        \
                     LEAVE("r11", "r12", "r3", "r5")                                                        \
                     "ldr r3, %[kept]\n"                                                                    \
                     "ldr r4, [r3, #32]\n"                                                                  \
                     "add r1, r1, r4\n"                                                                     \
                     "add r2, r2, r4, lsr #2\n"                                                             \
                     "stmia r3!, {r1, r2}\n"                                                                \
                     "ldmia r3, {r1, r2, r4, r5, r12, lr}\n"                                                \
                     "strb r8, [r2, lr]\n"                                                                  \
                     "strb r7, [r2, r12]\n"                                                                 \
                     "strb r6, [r2], #1\n"                                                                  \
                     "strb r11, [r2, lr]\n"                                                                 \
                     "strb r10, [r2, r12]\n"                                                                \
                     "strb r9, [r2], #1\n"                                                                  \
                     "str r2, [r3, #4]\n"                                                                   \
                     "ldrd r1, r2, [r3, #28]\n"                                                             \
                     "cmp r1, r2\n"                                                                         \
                     "bne 0b\n"                                                                             \
                     : "+&r"(r3), [kept] "=m"(kept)                                                          \
                     :                                                                                      \
                     : "r0", "r1", "r2", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",\
                       "memory");                                                                           \
}
SA_ND_PAIRS_OF_OUTPUTS(sa_nd_pairs_of_outputs_tflite, SA_ND_READY_TFLITE, SA_ND_LEAVE_TFLITE)
SA_ND_PAIRS_OF_OUTPUTS(sa_nd_pairs_of_outputs_even, SA_ND_READY_EVEN, SA_ND_LEAVE_EVEN)
SA_ND_PAIRS_OF_OUTPUTS(sa_nd_pairs_of_outputs_above, SA_ND_READY_ABOVE, SA_ND_LEAVE_ABOVE)
#undef SA_ND_PAIRS_OF_OUTPUTS
#undef SA_ND_STEP
#endif

typedef void sa_nd_pairs_f(sa_nd_pairs_t *job);
typedef void sa_nd_rest_f(const sa_nd_fast_t *l, const uint32_t *w, const int32_t *bias, const uint32_t *spread,
                          int8_t *y, int32_t places);

/* An output at up to three places; weights of two lie in turns, those of a last one alone. */
SA_ND_INLINE void sa_nd_output(const sa_nd_fast_t *l, const uint32_t *w, const int32_t *bias, const uint32_t *spread,
                               int8_t *y, int32_t places, int32_t o, int rounding)
{
    const int32_t many = l->outputs, words = l->row / 4, c = o * l->each, two = (o | 1) < many ? 2 : 1;
    int32_t i, k;

    for (i = 0; i < 3 && i < places; i++) {
        const uint32_t *p = w + (o & ~1) * words + (two == 2 ? o & 1 : 0), *a = spread + i;
        uint32_t sum = (uint32_t)bias[o];
        for (k = 0; k < words; k++) {
            sum = sa_nd_smlad(a[3], sa_nd_sxtb16(*p), sa_nd_smlad(a[0], *p, sum));
            p += two;
            a += SA_ND_WORDS;
        }
        y[i * many + o] = (int8_t)sa_nd_number(sum, l->multiplier[c], l->shift[c], l->out_zero, rounding);
    }
}

SA_ND_FUNCTION void sa_nd_matrix_dsp_run(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w,
                                         const int32_t *bias, int8_t *y, uint32_t *spread, int32_t zero,
                                         sa_nd_pairs_f *pairs, sa_nd_rest_f *rest)
{
    const int32_t many = l->outputs, step = l->stride[1];
    uint32_t *const end = spread + SA_ND_WORDS * (l->row >> 2);
    const int32_t places = l->out[1] * l->out[0];
    int8_t *const first = y;
    /* three places that begin below and at these meet no margin on the right, nor below */
    const int32_t high = l->in[0] - (l->kernel[0] - 1) * l->down;
    const int32_t wide = l->in[1] - l->kernel[1] - 2 * step;
    sa_nd_pairs_t job;
    int32_t batch, oy, ox, at, left, i;

    job.x = spread;
    job.end = end;
    job.w = w;
    job.zero = zero;
    job.step = 8 * l->each;
    job.last = bias + (many & ~1);
    job.odd = (l->row >> 3) & 1;
    for (batch = l->batch; batch > 0; batch--) {
        oy = -l->before[0];
        ox = -l->before[1];
        left = l->out[1];
        for (at = places; at > 0; at -= 3) {
            const int32_t second = at > 1, third = at > 2;
            for (i = 0; i < 3 && i < at; i++) {
                if (left == 0) {
                    oy += l->stride[0];
                    ox = -l->before[1];
                    left = l->out[1];
                }
                if (i == 0 && left > 2 && ox >= 0 && ox <= wide && oy >= 0 && oy < high) {
                    sa_nd_gather_inner(l, x + (oy * l->in[1] + ox) * l->channels, spread, (int8_t *)end);
                    ox += 3 * step;
                    left -= 3;
                    break;
                }
                sa_nd_gather_dsp(l, x, oy, ox, spread + i, (int8_t *)end);
                ox += step;
                left--;
            }
            if (pairs != 0) {
                job.multiplier = l->multiplier;
                job.shift = l->shift;
                job.y = y;
                job.second = second * many;
                job.third = 2 * third * many;
                job.bias = bias;
                pairs(&job);
            }
            if (rest != 0) {
                rest(l, w, bias, spread, y, at);
            }
            y += (1 + second + third) * many;
        }
        x += l->in[0] * l->in[1] * l->channels;
    }
    sa_nd_ends(l, first, l->batch * places * many);
}

/* Outputs two at a time, and those that are left. */
#define SA_ND_NONE ((sa_nd_pairs_f *)0)
#if defined(SA_ND_DSP_ASM)
#define SA_ND_TWOS(end) sa_nd_pairs_of_outputs_##end
#define SA_ND_LEFT(l) ((l)->outputs - 1)
#else
#define SA_ND_TWOS(end) SA_ND_NONE
#define SA_ND_LEFT(l) 0
#endif
#define SA_ND_MATRIX(end, rounding, zero)                                                                     \
    SA_ND_APART void sa_nd_rest_##end(const sa_nd_fast_t *l, const uint32_t *w, const int32_t *bias,          \
                                      const uint32_t *spread, int8_t *y, int32_t places)                      \
    {                                                                                                         \
        int32_t o;                                                                                            \
                                                                                                              \
        for (o = SA_ND_LEFT(l); o < l->outputs; o++) {                                                        \
            sa_nd_output(l, w, bias, spread, y, places, o, rounding);                                         \
        }                                                                                                     \
    }                                                                                                         \
                                                                                                              \
    SA_ND_FUNCTION void sa_nd_matrix_dsp_odd_##end(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w, \
                                                   const int32_t *bias, int8_t *y, void *scratch)             \
    {                                                                                                         \
        sa_nd_pairs_f *const twos = l->outputs > 1 ? SA_ND_TWOS(end) : SA_ND_NONE;                                    \
        sa_nd_matrix_dsp_run(l, x, w, bias, y, (uint32_t *)scratch, zero, twos, sa_nd_rest_##end);            \
    }                                                                                                         \
                                                                                                              \
    SA_ND_FUNCTION void sa_nd_matrix_dsp_##end(const sa_nd_fast_t *l, const int8_t *x, const uint32_t *w,     \
                                               const int32_t *bias, int8_t *y, void *scratch)                 \
    {                                                                                                         \
        sa_nd_matrix_dsp_run(l, x, w, bias, y, (uint32_t *)scratch, zero, SA_ND_TWOS(end),                    \
                             SA_ND_TWOS(end) == SA_ND_NONE ? sa_nd_rest_##end : 0);                                    \
    }

SA_ND_MATRIX(tflite, SA_ND_TWICE, l->out_zero)
SA_ND_MATRIX(even, SA_ND_EVEN, l->out_zero)
SA_ND_MATRIX(above, SA_ND_FLOORED, 2 * l->out_zero + 1)
#undef SA_ND_MATRIX
#undef SA_ND_TWOS
#undef SA_ND_NONE
#undef SA_ND_LEFT

#endif
