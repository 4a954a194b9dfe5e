/* Powers and remainders of float32 numbers; see sa_nd_math.h. Powers go by way of double precision. */
#ifndef SA_ND_POWER_H
#define SA_ND_POWER_H

#include "sa_nd_math.h"

SA_ND_INLINE double sa_nd_double_power(int32_t n)
{
    union {
        uint64_t u;
        double d;
    } v;

    v.u = (uint64_t)(n + 1023) << 52;
    return v.d;
}

/* log2 of a positive number */
SA_ND_FUNCTION double sa_nd_log2_wide(float x)
{
    uint32_t bits;
    int32_t e = 0;
    double m, s, z, p;

    if (x < 0x1p-126F) {
        x *= 0x1p25F;
        e = -25;
    }
    bits = sa_nd_bits_of(x);
    e += (int32_t)(bits >> 23) - 126;
    m = (double)sa_nd_float_of((bits & 0x007FFFFFU) | 0x3F000000U);
    if (m < 0.70710678118654752) {
        m *= 2.0;
        e--;
    }
    s = (m - 1.0) / (m + 1.0);
    z = s * s;
    p = 1.0 / 15.0;
    p = p * z + 1.0 / 13.0;
    p = p * z + 1.0 / 11.0;
    p = p * z + 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 1.0 / 5.0;
    p = p * z + 1.0 / 3.0;
    p = p * z + 1.0;
    return (double)e + s * p * 2.8853900817779268;
}

/* 2**t for t from -160 to 129 */
SA_ND_FUNCTION float sa_nd_exp2_wide(double t)
{
    const int32_t n = (int32_t)(t < 0.0 ? t - 0.5 : t + 0.5);
    const double r = (t - (double)n) * 0.69314718055994531;
    double p = 1.0;

    p = p * (r * (1.0 / 10.0)) + 1.0;
    p = p * (r * (1.0 / 9.0)) + 1.0;
    p = p * (r * (1.0 / 8.0)) + 1.0;
    p = p * (r * (1.0 / 7.0)) + 1.0;
    p = p * (r * (1.0 / 6.0)) + 1.0;
    p = p * (r * (1.0 / 5.0)) + 1.0;
    p = p * (r * (1.0 / 4.0)) + 1.0;
    p = p * (r * (1.0 / 3.0)) + 1.0;
    p = p * (r * (1.0 / 2.0)) + 1.0;
    p = p * (r * (1.0 / 1.0)) + 1.0;
    return (float)(p * sa_nd_double_power(n));
}

/* 0: not whole, 1: even, 2: odd */
SA_ND_FUNCTION int32_t sa_nd_whole(float y)
{
    const float a = y < 0.0F ? -y : y;
    int32_t n;

    if (!(a < 0x1p24F)) {
        return a <= 0x1.fffffep127F ? 1 : 0;
    }
    n = (int32_t)a;
    if ((float)n != a) {
        return 0;
    }
    return (n & 1) + 1;
}

SA_ND_FUNCTION float sa_nd_pow(float x, float y)
{
    const float infinity = __builtin_inff();
    const float size = sa_nd_float_of(sa_nd_bits_of(x) & 0x7FFFFFFFU);
    const int32_t whole = sa_nd_whole(y);
    float made;

    if (y == 0.0F || x == 1.0F) {
        return 1.0F;
    }
    if (x != x || y != y) {
        return __builtin_nanf("");
    }
    if (y == infinity || y == -infinity) {
        return size == 1.0F ? 1.0F : ((size < 1.0F) != (y < 0.0F) ? 0.0F : infinity);
    }
    if (size == 0.0F || size == infinity) {
        made = (size == 0.0F) != (y < 0.0F) ? 0.0F : infinity;
    } else {
        double t;
        if (x < 0.0F && whole == 0) {
            return __builtin_nanf("");
        }
        t = (double)y * sa_nd_log2_wide(size);
        t = t < -160.0 ? -160.0 : (t > 129.0 ? 129.0 : t);
        made = sa_nd_exp2_wide(t);
    }
    return (sa_nd_bits_of(x) >> 31) != 0U && whole == 2 ? -made : made;
}

/* remainder of x / y with the sign of x, exact */
SA_ND_FUNCTION float sa_nd_fmod(float x, float y)
{
    uint32_t a = sa_nd_bits_of(x) & 0x7FFFFFFFU;
    uint32_t b = sa_nd_bits_of(y) & 0x7FFFFFFFU;
    const uint32_t sign = sa_nd_bits_of(x) & 0x80000000U;
    int32_t ea, eb;

    if (a >= 0x7F800000U || b > 0x7F800000U || b == 0U) {
        return __builtin_nanf("");
    }
    if (a < b) {
        return x;
    }
    ea = (int32_t)(a >> 23);
    eb = (int32_t)(b >> 23);
    a = (a & 0x007FFFFFU) | (ea > 0 ? 0x00800000U : 0U);
    b = (b & 0x007FFFFFU) | (eb > 0 ? 0x00800000U : 0U);
    ea = ea > 0 ? ea : 1;
    eb = eb > 0 ? eb : 1;
    a %= b;
    for (; ea > eb; ea--) {
        a <<= 1;
        a = a >= b ? a - b : a;
    }
    if (a == 0U) {
        return sa_nd_float_of(sign);
    }
    while ((a & 0x00800000U) == 0U && ea > 1) {
        a <<= 1;
        ea--;
    }
    if ((a & 0x00800000U) == 0U) {
        return sa_nd_float_of(sign | a);
    }
    return sa_nd_float_of(sign | ((uint32_t)ea << 23) | (a & 0x007FFFFFU));
}

/* remainder of x / y with the sign of y */
SA_ND_FUNCTION float sa_nd_floor_mod(float x, float y)
{
    const float r = sa_nd_fmod(x, y);

    return r != 0.0F && (r < 0.0F) != (y < 0.0F) ? r + y : r;
}

#endif
