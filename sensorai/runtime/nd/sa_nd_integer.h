/* Quotients, remainders, powers and shifts of integers; all is defined: what has no value is 0, the rest wraps. */
#ifndef SA_ND_INTEGER_H
#define SA_ND_INTEGER_H

#include "sa_nd.h"

#define SA_ND_INTEGERS(T, U, S, ONE)                                                                          \
    SA_ND_INLINE T sa_nd_div_##S(T a, T b)                                                                    \
    {                                                                                                         \
        return b == 0 ? 0 : (ONE ? (T)(0 - (U)a) : (T)(a / b));                                               \
    }                                                                                                         \
    SA_ND_INLINE T sa_nd_rem_##S(T a, T b)                                                                    \
    {                                                                                                         \
        return b == 0 || ONE ? 0 : (T)(a % b);                                                                \
    }                                                                                                         \
    SA_ND_INLINE T sa_nd_mod_##S(T a, T b)                                                                    \
    {                                                                                                         \
        const T r = sa_nd_rem_##S(a, b);                                                                      \
        return r != 0 && ((r ^ b) & ~((T)-1 > 0 ? (T)-1 : (T)(((U)-1) >> 1))) != 0 ? (T)(r + b) : r;          \
    }                                                                                                         \
    SA_ND_INLINE T sa_nd_floor_div_##S(T a, T b)                                                              \
    {                                                                                                         \
        const T r = sa_nd_rem_##S(a, b);                                                                      \
        const T q = sa_nd_div_##S(a, b);                                                                      \
        return r != 0 && ((r ^ b) & ~((T)-1 > 0 ? (T)-1 : (T)(((U)-1) >> 1))) != 0 ? (T)(q - 1) : q;          \
    }                                                                                                         \
    SA_ND_INLINE T sa_nd_ipow_##S(T a, T b)                                                                   \
    {                                                                                                         \
        U base = (U)a, left = (U)b, made = 1;                                                                 \
        if (((U)b >> (sizeof(U) * 8U - 1U)) != 0U && (T)-1 < 1) {                                             \
            return a == 1 ? 1 : (ONE_OF(a, T) ? ((b & 1) != 0 ? a : 1) : 0);                                  \
        }                                                                                                     \
        for (; left != 0U; left >>= 1) {                                                                      \
            made = (left & 1U) != 0U ? made * base : made;                                                    \
            base = base * base;                                                                               \
        }                                                                                                     \
        return (T)made;                                                                                       \
    }                                                                                                         \
    SA_ND_INLINE T sa_nd_shl_##S(T a, T b)                                                                    \
    {                                                                                                         \
        return (U)b >= sizeof(U) * 8U ? 0 : (T)((U)a << b);                                                   \
    }                                                                                                         \
    SA_ND_INLINE T sa_nd_shr_##S(T a, T b)                                                                    \
    {                                                                                                         \
        const T gone = (T)-1 < 1 && (a >> (sizeof(U) * 8U - 1U)) != 0 ? (T)-1 : 0;                            \
        return (U)b >= sizeof(U) * 8U ? gone : (T)(a >> b);                                                   \
    }

#define ONE_OF(a, T) ((a) == (T)-1)
SA_ND_INTEGERS(int32_t, uint32_t, i32, b == -1)
SA_ND_INTEGERS(int64_t, uint64_t, i64, b == -1)
SA_ND_INTEGERS(uint32_t, uint32_t, u32, 0)
SA_ND_INTEGERS(uint64_t, uint64_t, u64, 0)
#undef ONE_OF

#endif
