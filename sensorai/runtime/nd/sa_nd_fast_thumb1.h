/* Steps of the faster kernels on cores without products of pairs: how sums leave. Cortex-M0 and M0+ have products
 * of 32 bits alone; a Cortex-M3 has long ones, and adds what it multiplies. A sum is less than 2^29 in size. */
#ifndef SA_ND_FAST_THUMB1_H
#define SA_ND_FAST_THUMB1_H

#include "sa_nd_fast.h"

/* Loops that need every register are written whole; a frame pointer would take one. */
#if defined(__GNUC__) && defined(__OPTIMIZE__) && defined(__thumb2__)
#define SA_ND_THUMB1 2
#elif defined(__GNUC__) && defined(__OPTIMIZE__) && (defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__))
#define SA_ND_THUMB1 1
#else
#define SA_ND_THUMB1 0
#endif

/* A multiplier in halves (whole, where there are long products), a shift, and what is added before it: half of what is shifted out, the zero point. */
typedef struct {
    int32_t add;
    uint32_t low;
    uint32_t high;
    int32_t shift;
} sa_nd_halves_t;

/* What functions for several outputs work through. */
typedef struct {
    const uint32_t *spread;
    const uint32_t *end;
    const uint8_t *w;
    int32_t row;
    const int32_t *bias;
    const int32_t *multiplier;
    const uint8_t *shift;
    int32_t each;
    int32_t outputs;
    int8_t *y;
    int32_t next; /* from the results of a place to those of a second one */
    int32_t zero; /* twice, and 1 */
    uint32_t start;
} sa_nd_outputs_t;

SA_ND_INLINE void sa_nd_outputs(sa_nd_outputs_t *o, const sa_nd_fast_t *l, const int8_t *w, const int32_t *bias,
                                int8_t *y)
{
    o->w = (const uint8_t *)w;
    o->row = l->row;
    o->bias = bias;
    o->multiplier = l->multiplier;
    o->shift = l->shift;
    o->each = l->each;
    o->outputs = l->outputs;
    o->y = y;
    o->zero = 2 * l->out_zero + 1;
}

SA_ND_INLINE void sa_nd_halves(int32_t multiplier, int32_t shift, int32_t zero, int rounding, sa_nd_halves_t *h)
{
    h->add = (1 << (shift - 1)) - (rounding == SA_ND_EVEN ? 1 : 0) + (int32_t)((uint32_t)zero << shift);
    h->low = SA_ND_THUMB1 == 2 ? (uint32_t)multiplier : (uint32_t)multiplier & 0xFFFFU;
    h->high = (uint32_t)multiplier >> 16;
    h->shift = shift;
}

#if SA_ND_THUMB1
/* r0: sum, then its number; r3 to r6: sa_nd_halves_t. Two more registers are written, and lr if rounded to even.
 * The sum is 65536 times its high part plus a low one with a sign, so that nothing leaves 32 bits. */
#if SA_ND_THUMB1 == 2
/* the carries of both shifts are the last bit and what rounds */
#define SA_ND_TO_TWICE     \
    "smull r1, r2, r0, r4\n" \
    "lsls r1, r1, #1\n"   \
    "adcs r0, r2, r2\n"   \
    "lsls r1, r1, #1\n"   \
    "adcs r0, r0, #0\n"   \
    "add r0, r0, r0, asr #31\n" \
    "adds r0, r0, r3\n"   \
    "asrs r0, r6\n"
/* the last bit is set where anything is left behind it */
#define SA_ND_TO_EVEN      \
    "smull r1, r2, r0, r4\n" \
    "lsls r1, r1, #1\n"   \
    "adcs r0, r2, r2\n"   \
    "subs r2, r1, #1\n"   \
    "sbcs r1, r2\n"       \
    "orrs r0, r1\n"       \
    "asr r1, r0, r6\n"    \
    "and r1, r1, #1\n"    \
    "adds r0, r0, r1\n"   \
    "adds r0, r0, r3\n"   \
    "asrs r0, r6\n"
#define SA_ND_MULTIPLIER "ldr r4, [r2]\n"
#else
#define SA_ND_PRODUCTS    \
    "sxth r1, r0\n"       \
    "subs r0, r0, r1\n"   \
    "asrs r0, r0, #16\n"  \
    "movs r2, r1\n"       \
    "muls r2, r4, r2\n"
#define SA_ND_GATHERED    \
    "asrs r2, r2, #16\n"  \
    "muls r1, r5, r1\n"   \
    "adds r2, r2, r1\n"   \
    "movs r1, r0\n"       \
    "muls r1, r4, r1\n"   \
    "adds r2, r2, r1\n"   \
    "muls r0, r5, r0\n"   \
    "lsls r0, r0, #1\n"
/* the carry of the shift is what rounds */
#define SA_ND_TO_TWICE    \
    SA_ND_PRODUCTS        \
    SA_ND_GATHERED        \
    "asrs r2, r2, #15\n"  \
    "adcs r0, r2\n"       \
    "asrs r1, r0, #31\n"  \
    "adds r0, r0, r1\n"   \
    "adds r0, r0, r3\n"   \
    "asrs r0, r6\n"
/* the last bit is set where anything is left behind it */
#define SA_ND_TO_EVEN     \
    SA_ND_PRODUCTS        \
    "mov lr, r2\n"        \
    SA_ND_GATHERED        \
    "lsls r1, r2, #17\n"  \
    "asrs r2, r2, #15\n"  \
    "adds r0, r0, r2\n"   \
    "mov r2, lr\n"        \
    "lsls r2, r2, #16\n"  \
    "orrs r1, r2\n"       \
    "subs r2, r1, #1\n"   \
    "sbcs r1, r2\n"       \
    "orrs r0, r1\n"       \
    "movs r1, r0\n"       \
    "asrs r1, r6\n"       \
    "movs r2, #1\n"       \
    "ands r1, r2\n"       \
    "adds r0, r0, r1\n"   \
    "adds r0, r0, r3\n"   \
    "asrs r0, r6\n"
#define SA_ND_MULTIPLIER "ldrh r4, [r2]\nldrh r5, [r2, #2]\n"
#endif
/* r7: sa_nd_outputs_t. Halves of the next factor to r3 to r6. */
#define SA_ND_FACTOR(less) \
    "ldr r2, [r7, #20]\n" \
    SA_ND_MULTIPLIER      \
    "ldr r1, [r7, #28]\n" \
    "lsls r0, r1, #2\n"   \
    "adds r2, r2, r0\n"   \
    "str r2, [r7, #20]\n" \
    "ldr r2, [r7, #24]\n" \
    "ldrb r6, [r2]\n"     \
    "adds r2, r2, r1\n"   \
    "str r2, [r7, #24]\n" \
    "ldr r3, [r7, #44]\n" \
    "lsls r3, r6\n"       \
    "asrs r3, r3, #1\n" less
#define SA_ND_LESS_TWICE ""
#define SA_ND_LESS_EVEN "subs r3, #1\n"
/* r0 to 8 bits. */
#define SA_ND_HELD         \
    "sxtb r1, r0\n"        \
    "cmp r1, r0\n"         \
    "beq 4f\n"             \
    "asrs r0, r0, #31\n"   \
    "movs r1, #127\n"      \
    "eors r0, r1\n"        \
    "4:\n"
/* A function that is one statement: r0 is where it works through, which is kept, too. */
#define SA_ND_ALL(name, type, text)                                                                           \
    SA_ND_APART void name(type *l)                                                                            \
    {                                                                                                         \
        register type *r0 __asm__("r0") = l;                                                                  \
        type *kept;                                                                                           \
        __asm__ volatile(".syntax unified\n"                                                                  \
                         "str r0, %[kept]\n" text                                                             \
                         : "+l"(r0), [kept] "=m"(kept)                                                        \
                         :                                                                                    \
                         : "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr",   \
                           "cc", "memory");                                                                   \
    }
#else
SA_ND_INLINE int32_t sa_nd_from_halves(int32_t sum, const sa_nd_halves_t *m, int rounding)
{
    const int32_t low = (int16_t)(uint16_t)((uint32_t)sum & 0xFFFFU), high = (sum - low) >> 16;
    const int32_t last = (int32_t)((uint32_t)low * m->low);
    const int32_t middle = (last >> 16) + low * (int32_t)m->high + high * (int32_t)m->low;
    int32_t h = high * (int32_t)m->high * 2 + (middle >> 15);

    if (rounding == SA_ND_TWICE) {
        h += (middle >> 14) & 1;
        h += h >> 31;
    } else {
        h |= ((uint32_t)middle << 17 | (uint32_t)last << 16) != 0U ? 1 : 0;
        h += (h >> m->shift) & 1;
    }
    return (h + m->add) >> m->shift;
}

/* The next factor. */
SA_ND_INLINE void sa_nd_factor(sa_nd_outputs_t *o, int rounding, sa_nd_halves_t *m)
{
    sa_nd_halves(*o->multiplier, *o->shift, o->zero >> 1, rounding, m);
    o->multiplier += o->each;
    o->shift += o->each;
}

SA_ND_INLINE int8_t sa_nd_number_thumb1(uint32_t sum, const sa_nd_halves_t *m, int rounding)
{
    return (int8_t)sa_nd_clamp(sa_nd_from_halves((int32_t)sum, m, rounding), -128, 127);
}
#endif

#endif
