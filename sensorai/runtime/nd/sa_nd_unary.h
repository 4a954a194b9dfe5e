/* Functions of one number beside those of sa_nd_math.h; each has the order of operations of its reference. */
#ifndef SA_ND_UNARY_H
#define SA_ND_UNARY_H

#include "sa_nd_math.h"

/* x with the sign of s */
SA_ND_INLINE float sa_nd_signed(float x, float s)
{
    return sa_nd_float_of((sa_nd_bits_of(x) & 0x7FFFFFFFU) | (sa_nd_bits_of(s) & 0x80000000U));
}

SA_ND_INLINE float sa_nd_abs(float x)
{
    return sa_nd_float_of(sa_nd_bits_of(x) & 0x7FFFFFFFU);
}

/* NaN wins */
SA_ND_INLINE float sa_nd_max(float a, float b)
{
    return a > b || a != a ? a : b;
}

SA_ND_INLINE float sa_nd_min(float a, float b)
{
    return a < b || a != a ? a : b;
}

SA_ND_INLINE float sa_nd_floor(float x)
{
    float y;

    if (!(sa_nd_abs(x) < 0x1p23F)) {
        return x;
    }
    y = (float)(int32_t)x;
    return y == x ? x : (y > x ? y - 1.0F : y);
}

SA_ND_INLINE float sa_nd_ceil(float x)
{
    return -sa_nd_floor(-x);
}

SA_ND_INLINE float sa_nd_trunc(float x)
{
    return sa_nd_abs(x) < 0x1p23F ? sa_nd_signed((float)(int32_t)x, x) : x;
}

/* ties to even */
SA_ND_INLINE float sa_nd_round(float x)
{
    const float a = sa_nd_abs(x);

    return a < 0x1p23F ? sa_nd_signed((a + 0x1p23F) - 0x1p23F, x) : x;
}

SA_ND_INLINE float sa_nd_signum(float x)
{
    return x > 0.0F ? 1.0F : (x < 0.0F ? -1.0F : (x == 0.0F ? 0.0F : x));
}

SA_ND_INLINE float sa_nd_elu(float x, float alpha)
{
    return x < 0.0F ? alpha * sa_nd_expm1(x) : x;
}

SA_ND_INLINE float sa_nd_celu(float x, float alpha)
{
    return x < 0.0F ? alpha * sa_nd_expm1(x / alpha) : x;
}

SA_ND_INLINE float sa_nd_selu(float x, float alpha, float gamma)
{
    return gamma * (x > 0.0F ? x : alpha * sa_nd_expm1(x));
}

SA_ND_INLINE float sa_nd_hard_sigmoid(float x, float alpha, float beta)
{
    return sa_nd_max(sa_nd_min(alpha * x + beta, 1.0F), 0.0F);
}

SA_ND_INLINE float sa_nd_hard_swish(float x)
{
    return x * sa_nd_min(sa_nd_max(x + 3.0F, 0.0F), 6.0F) / 6.0F;
}

SA_ND_INLINE float sa_nd_softplus(float x)
{
    return sa_nd_max(x, 0.0F) + sa_nd_log1p(sa_nd_exp(-sa_nd_abs(x)));
}

SA_ND_INLINE float sa_nd_softsign(float x)
{
    return x / (1.0F + sa_nd_abs(x));
}

SA_ND_INLINE float sa_nd_gelu(float x)
{
    return 0.5F * x * (1.0F + sa_nd_erf(x * 0x1.6a09e6p-1F));
}

SA_ND_INLINE float sa_nd_gelu_tanh(float x)
{
    return 0.5F * x * (1.0F + sa_nd_tanh(0x1.988454p-1F * (x + 0x1.6e4e26p-5F * x * x * x)));
}

SA_ND_INLINE float sa_nd_mish(float x)
{
    return x * sa_nd_tanh(sa_nd_softplus(x));
}

SA_ND_INLINE float sa_nd_swish(float x, float alpha)
{
    return x * sa_nd_sigmoid(alpha * x);
}

#endif
