/* Sine and its kin of float32 numbers; see ops/nd/trigonometry.py. */
#ifndef SA_ND_TRIG_H
#define SA_ND_TRIG_H

#include "sa_nd_unary.h"

/* what is left of a finite number not below 0 when pi / 2 is taken off n times (modulo 4) */
SA_ND_FUNCTION double sa_nd_reduced(float a, int32_t *n)
{
    /* words of 2 / pi from each of its first bytes on */
    static const uint32_t words[24] = {
        0x000000a2U, 0x0000a2f9U, 0x00a2f983U, 0xa2f9836eU, 0xf9836e4eU, 0x836e4e44U, 0x6e4e4415U, 0x4e441529U,
        0x441529fcU, 0x1529fc27U, 0x29fc2757U, 0xfc2757d1U, 0x2757d1f5U, 0x57d1f534U, 0xd1f534ddU, 0xf534ddc0U,
        0x34ddc0dbU, 0xddc0db62U, 0xc0db6295U, 0xdb629599U, 0x6295993cU, 0x95993c43U, 0x993c4390U, 0x3c439041U,
    };
    uint32_t bits, m;
    const uint32_t *p;
    uint64_t total, turns;

    if (a < 100000.0F) {
        const double x = (double)a;
        const int32_t k = (int32_t)(x * 0x1.45f306dc9c883p-1 + 0.5);
        *n = k & 3;
        return (x - (double)k * 0x1.921fb5p+0) - (double)k * 0x1.110b4611a6263p-26;
    }
    bits = sa_nd_bits_of(a);
    p = words + ((bits >> 26) & 15U);
    m = ((bits & 0x7FFFFFU) | 0x800000U) << ((bits >> 23) & 7U);
    total = (((uint64_t)m * p[8]) >> 32) | ((uint64_t)(m * p[0]) << 32);
    total += (uint64_t)m * p[4];
    turns = (total + ((uint64_t)1 << 61)) >> 62;
    *n = (int32_t)(turns & 3U);
    return (double)(int64_t)(total - (turns << 62)) * 0x1.921fb54442d18p-62;
}

SA_ND_INLINE double sa_nd_sine(double r)
{
    const double z = r * r;
    double p = z * 0x1.6dbe15083fadbp-19 - 0x1.a013a7e453a68p-13;

    p = (p * z + 0x1.11110def97690p-7) * z - 0x1.555555545e555p-3;
    return p * z * r + r;
}

SA_ND_INLINE double sa_nd_cosine(double r)
{
    const double z = r * r;
    double p = z * -0x1.2474d9b9040c7p-22 + 0x1.a01298cccad73p-16;

    p = (p * z - 0x1.6c16bae607fcep-10) * z + 0x1.555555514fb93p-5;
    p = p * z - 0x1.fffffffffe69bp-2;
    return p * z + 1.0;
}

SA_ND_FUNCTION float sa_nd_sin(float x)
{
    const float a = sa_nd_abs(x);
    int32_t n;
    double r, y;

    if (!(a < __builtin_inff())) {
        return __builtin_nanf("");
    }
    if (x == 0.0F) {
        return x;
    }
    r = sa_nd_reduced(a, &n);
    y = (n & 1) != 0 ? sa_nd_cosine(r) : sa_nd_sine(r);
    return (float)((n >= 2) != (x < 0.0F) ? -y : y);
}

SA_ND_FUNCTION float sa_nd_cos(float x)
{
    const float a = sa_nd_abs(x);
    int32_t n;
    double r, y;

    if (!(a < __builtin_inff())) {
        return __builtin_nanf("");
    }
    r = sa_nd_reduced(a, &n);
    y = (n & 1) != 0 ? sa_nd_sine(r) : sa_nd_cosine(r);
    return (float)(n == 1 || n == 2 ? -y : y);
}

SA_ND_FUNCTION float sa_nd_tan(float x)
{
    const float a = sa_nd_abs(x);
    int32_t n;
    double r, s, c, y;

    if (!(a < __builtin_inff())) {
        return __builtin_nanf("");
    }
    if (x == 0.0F) {
        return x;
    }
    r = sa_nd_reduced(a, &n);
    s = sa_nd_sine(r);
    c = sa_nd_cosine(r);
    y = (n & 1) != 0 ? -c / s : s / c;
    return (float)(x < 0.0F ? -y : y);
}

SA_ND_FUNCTION float sa_nd_atan(float x)
{
    const float a = sa_nd_abs(x);
    float t = a, start = 0.0F, z, p;

    if (x != x) {
        return x;
    }
    if (a > 2.41421356F) {
        t = -1.0F / a;
        start = 1.57079637F;
    } else if (a > 0.41421356F) {
        t = (a - 1.0F) / (a + 1.0F);
        start = 0.785398185F;
    }
    z = t * t;
    p = 0x1.9e6016p-5F;
    p = p * z - 0x1.6172fap-4F;
    p = p * z + 0x1.c582d8p-4F;
    p = p * z - 0x1.248a5p-3F;
    p = p * z + 0x1.99997cp-3F;
    p = p * z - 0x1.555556p-2F;
    return sa_nd_signed(start + (p * z * t + t), x);
}

/* of 0 to 1/2 */
SA_ND_INLINE float sa_nd_asin_half(float a)
{
    const float z = a * a;
    float p = 0x1.15f6dp-5F;

    p = p * z + 0x1.16878p-6F;
    p = p * z + 0x1.fe156cp-6F;
    p = p * z + 0x1.6d55b8p-5F;
    p = p * z + 0x1.333448p-4F;
    p = p * z + 0x1.555554p-3F;
    return p * z * a + a;
}

SA_ND_FUNCTION float sa_nd_asin(float x)
{
    const float a = sa_nd_abs(x);
    float y;

    if (x != x) {
        return x;
    }
    if (a > 1.0F) {
        return __builtin_nanf("");
    }
    y = a <= 0.5F ? sa_nd_asin_half(a) : 1.57079637F - 2.0F * sa_nd_asin_half(sa_nd_sqrt((1.0F - a) * 0.5F));
    return sa_nd_signed(y, x);
}

SA_ND_FUNCTION float sa_nd_acos(float x)
{
    const float a = sa_nd_abs(x);
    float y;

    if (x != x) {
        return x;
    }
    if (a > 1.0F) {
        return __builtin_nanf("");
    }
    if (a <= 0.5F) {
        return 1.57079637F - sa_nd_signed(sa_nd_asin_half(a), x);
    }
    y = 2.0F * sa_nd_asin_half(sa_nd_sqrt((1.0F - a) * 0.5F));
    return x < 0.0F ? 3.14159274F - y : y;
}

SA_ND_FUNCTION float sa_nd_sinh(float x)
{
    const float a = sa_nd_abs(x);
    float e;

    if (x != x) {
        return x;
    }
    if (a > 88.0F) {
        e = sa_nd_exp(0.5F * a);
        return sa_nd_signed(0.5F * e * e, x);
    }
    e = sa_nd_expm1(a);
    return sa_nd_signed(0.5F * (e + e / (e + 1.0F)), x);
}

SA_ND_FUNCTION float sa_nd_cosh(float x)
{
    const float a = sa_nd_abs(x);
    float e;

    if (x != x) {
        return x;
    }
    if (a > 88.0F) {
        e = sa_nd_exp(0.5F * a);
        return 0.5F * e * e;
    }
    e = sa_nd_exp(a);
    return 0.5F * e + 0.5F / e;
}

SA_ND_FUNCTION float sa_nd_asinh(float x)
{
    const float a = sa_nd_abs(x);

    if (x != x) {
        return x;
    }
    if (a > 4096.0F) {
        return sa_nd_signed(sa_nd_log(a) + 0.693147182F, x);
    }
    return sa_nd_signed(sa_nd_log1p(a + a * a / (1.0F + sa_nd_sqrt(a * a + 1.0F))), x);
}

SA_ND_FUNCTION float sa_nd_acosh(float x)
{
    const float t = x - 1.0F;

    if (x != x) {
        return x;
    }
    if (x < 1.0F) {
        return __builtin_nanf("");
    }
    if (x > 4096.0F) {
        return sa_nd_log(x) + 0.693147182F;
    }
    return sa_nd_log1p(t + sa_nd_sqrt(2.0F * t + t * t));
}

SA_ND_FUNCTION float sa_nd_atanh(float x)
{
    const float a = sa_nd_abs(x);

    if (x != x) {
        return x;
    }
    if (a > 1.0F) {
        return __builtin_nanf("");
    }
    return sa_nd_signed(0.5F * sa_nd_log1p(2.0F * a / (1.0F - a)), x);
}

#endif
