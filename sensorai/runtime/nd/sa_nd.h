/* Types and steps that kernels of any number of axes share. */
#ifndef SA_ND_H
#define SA_ND_H

#include <stdint.h>

#if defined(__GNUC__)
/* Kernels compare with zero, infinity and themselves: exactly that is meant. */
#pragma GCC diagnostic ignored "-Wfloat-equal"
#define SA_ND_ALIAS __attribute__((may_alias))
#define SA_ND_INLINE static inline __attribute__((always_inline, unused))
#define SA_ND_FUNCTION static __attribute__((unused))
#define SA_ND_APART static __attribute__((noinline, unused))
#else
#define SA_ND_ALIAS
#define SA_ND_INLINE static inline
#define SA_ND_FUNCTION static
#define SA_ND_APART static
#endif

/* The arena holds numbers of one type after the other in the same bytes. */
typedef int16_t sa_nd_i16 SA_ND_ALIAS;
typedef uint16_t sa_nd_u16 SA_ND_ALIAS;
typedef int32_t sa_nd_i32 SA_ND_ALIAS;
typedef uint32_t sa_nd_u32 SA_ND_ALIAS;
typedef int64_t sa_nd_i64 SA_ND_ALIAS;
typedef uint64_t sa_nd_u64 SA_ND_ALIAS;
typedef float sa_nd_f32 SA_ND_ALIAS;
typedef double sa_nd_f64 SA_ND_ALIAS;

SA_ND_FUNCTION void sa_nd_copy(const uint8_t *x, uint8_t *y, uint32_t bytes)
{
    uint32_t i;

    for (i = 0; i < bytes; i++) {
        y[i] = x[i];
    }
}

#endif
