/* Functions of float32 numbers by additions, products and quotients in a fixed order, so that every core and
 * the reference on the desk give the same bits; build with -ffp-contract=off. Errors: see ops/nd/maths.py. */
#ifndef SA_ND_MATH_H
#define SA_ND_MATH_H

#include "sa_nd.h"

SA_ND_INLINE float sa_nd_float_of(uint32_t bits)
{
    union {
        uint32_t u;
        float f;
    } v;

    v.u = bits;
    return v.f;
}

SA_ND_INLINE uint32_t sa_nd_bits_of(float x)
{
    union {
        uint32_t u;
        float f;
    } v;

    v.f = x;
    return v.u;
}

/* x * 2**n in two exact steps, for n from -252 to 254. */
SA_ND_INLINE float sa_nd_scale(float x, int32_t n)
{
    const int32_t half = n / 2;

    return x * sa_nd_float_of((uint32_t)(half + 127) << 23) * sa_nd_float_of((uint32_t)(n - half + 127) << 23);
}

/* e**x = (1 + p) * 2**n: returns p. */
SA_ND_FUNCTION float sa_nd_exp_parts(float x, int32_t *n)
{
    float k = x * 0x1.715476p+0F, r, p;

    *n = (int32_t)(k < 0.0F ? k - 0.5F : k + 0.5F);
    k = (float)*n;
    r = x - k * 0x1.62ep-1F;
    r = r - k * 0x1.0bfbe8p-15F;
    p = 0x1.a0ce0ep-13F;
    p = p * r + 0x1.6c87aep-10F;
    p = p * r + 0x1.11110ap-7F;
    p = p * r + 0x1.555546p-5F;
    p = p * r + 0x1.555556p-3F;
    p = p * r + 0.5F;
    return p * (r * r) + r;
}

SA_ND_FUNCTION float sa_nd_exp(float x)
{
    int32_t n;
    float p;

    if (x != x) {
        return x;
    }
    if (x > 88.72284F) {
        return __builtin_inff();
    }
    if (x < -103.97208F) {
        return 0.0F;
    }
    p = sa_nd_exp_parts(x, &n);
    return sa_nd_scale(p + 1.0F, n);
}

SA_ND_FUNCTION float sa_nd_log(float x)
{
    uint32_t bits;
    int32_t e = 0;
    float m, s, z, w, k;

    if (x != x || x == __builtin_inff()) {
        return x;
    }
    if (x < 0.0F) {
        return __builtin_nanf("");
    }
    if (x == 0.0F) {
        return -__builtin_inff();
    }
    if (x < 0x1p-126F) {
        x *= 0x1p25F;
        e = -25;
    }
    bits = sa_nd_bits_of(x);
    /* mantissas from sqrt(1/2) to sqrt(2) */
    bits += 0x3F800000U - 0x3F3504F3U;
    e += (int32_t)(bits >> 23) - 127;
    m = sa_nd_float_of((bits & 0x007FFFFFU) + 0x3F3504F3U) - 1.0F;
    s = m / (2.0F + m);
    z = s * s;
    w = 0x1.23a1e6p-2F;
    w = w * z + 0x1.999c26p-2F;
    w = w * z + 0x1.555554p-1F;
    w = w * z;
    k = (float)e;
    z = 0.5F * m * m;
    return k * 0x1.62e3p-1F + (m - (z - (s * (z + w) + k * 0x1.2fefa2p-17F)));
}

SA_ND_FUNCTION float sa_nd_tanh(float x)
{
    const float a = x < 0.0F ? -x : x;
    float y;

    if (x != x) {
        return x;
    }
    if (a < 0.625F) {
        const float z = a * a;
        y = -0x1.75e1d4p-8F;
        y = y * z + 0x1.52269cp-6F;
        y = y * z - 0x1.b83c5ap-5F;
        y = y * z + 0x1.110726p-3F;
        y = y * z - 0x1.555532p-2F;
        y = y * z * a + a;
    } else if (a > 9.1F) {
        y = 1.0F;
    } else {
        y = 1.0F - 2.0F / (sa_nd_exp(2.0F * a) + 1.0F);
    }
    return x < 0.0F ? -y : y;
}

SA_ND_FUNCTION float sa_nd_sigmoid(float x)
{
    float e;

    if (x >= 0.0F) {
        return 1.0F / (1.0F + sa_nd_exp(-x));
    }
    e = sa_nd_exp(x);
    return e / (1.0F + e);
}

SA_ND_FUNCTION float sa_nd_sqrt(float x)
{
#if defined(__ARM_FP) && (__ARM_FP & 4)
    float y;

    __asm__("vsqrt.f32 %0, %1" : "=t"(y) : "t"(x));
    return y;
#else
    /* a bit at a time: the root never lies midway between two numbers */
    uint32_t bits = sa_nd_bits_of(x), sum = 0, root = 0, bit;
    int32_t e = (int32_t)(bits >> 23);

    if (x != x || x == 0.0F || bits == 0x7F800000U) {
        return x;
    }
    if (bits >> 31) {
        return __builtin_nanf("");
    }
    if (e == 0) {
        while ((bits & 0x00800000U) == 0U) {
            bits <<= 1;
            e--;
        }
        e++;
    }
    e -= 127;
    bits = (bits & 0x007FFFFFU) | 0x00800000U;
    if (e & 1) {
        bits += bits;
    }
    e >>= 1;
    bits += bits;
    for (bit = 0x01000000U; bit != 0U; bit >>= 1) {
        const uint32_t next = sum + bit;
        if (next <= bits) {
            sum = next + bit;
            bits -= next;
            root += bit;
        }
        bits += bits;
    }
    if (bits != 0U) {
        root += root & 1U;
    }
    return sa_nd_float_of((root >> 1) + 0x3F000000U + ((uint32_t)e << 23));
#endif
}

SA_ND_FUNCTION float sa_nd_expm1(float x)
{
    int32_t n;
    float p, power;

    if (x != x || x == 0.0F) {
        return x;
    }
    if (x > 88.72284F) {
        return __builtin_inff();
    }
    if (x < -17.5F) {
        return -1.0F;
    }
    p = sa_nd_exp_parts(x, &n);
    if (n == 0) {
        return p;
    }
    power = sa_nd_float_of((uint32_t)((n < 127 ? n : 127) + 127) << 23);
    if (n == 128) {
        return (2.0F * p + 2.0F) * power;
    }
    return power * p + (power - 1.0F);
}

SA_ND_FUNCTION float sa_nd_log1p(float x)
{
    const float u = 1.0F + x;

    if (x != x || x == __builtin_inff()) {
        return x;
    }
    if (x < -1.0F) {
        return __builtin_nanf("");
    }
    if (u == 0.0F) {
        return -__builtin_inff();
    }
    if (u == 1.0F) {
        return x;
    }
    return sa_nd_log(u) + (x - (u - 1.0F)) / u;
}

SA_ND_FUNCTION float sa_nd_erf(float x)
{
    const float a = x < 0.0F ? -x : x;
    float y, z, u;

    if (x != x) {
        return x;
    }
    z = a * a;
    if (a < 1.0F) {
        y = 0x1.4ae4c6p-14F;
        y = y * z - 0x1.a485e8p-11F;
        y = y * z + 0x1.5419f4p-8F;
        y = y * z - 0x1.b7fbb4p-6F;
        y = y * z + 0x1.ce2d2p-4F;
        y = y * z - 0x1.81273ep-2F;
        y = y * z + 0x1.06eba8p-3F;
        y = y * a + a;
    } else if (a >= 4.0F) {
        y = 1.0F;
    } else {
        u = 1.0F / (1.0F + 0.5F * a);
        y = -0x1.e3f784p-5F;
        y = y * u - 0x1.4e87d8p-5F;
        y = y * u + 0x1.88c856p-2F;
        y = y * u + 0x1.d482d4p-4F;
        y = y * u + 0x1.4df30ep-2F;
        y = y * u + 0x1.1919d8p-2F;
        y = y * u + 0x1.195570p-11F;
        y = 1.0F - sa_nd_exp(-z) * y;
    }
    return x < 0.0F ? -y : y;
}

#endif
