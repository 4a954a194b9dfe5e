"""C functions that the tests of this room build."""

FUNCTIONS = r"""
#include <stdint.h>

int32_t dot(const int8_t *a, const int8_t *b, int32_t n);
int32_t sort(int16_t *values, int32_t n);
int32_t six(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f);
uint32_t high(void);
float scale(float x, int32_t n);
int32_t stack_use(int32_t n);

int32_t dot(const int8_t *a, const int8_t *b, int32_t n)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

int32_t sort(int16_t *values, int32_t n)
{
    int32_t moves = 0;
    for (int32_t i = 1; i < n; i++) {
        const int16_t value = values[i];
        int32_t place = i;
        while (place > 0 && values[place - 1] > value) {
            values[place] = values[place - 1];
            place--;
            moves++;
        }
        values[place] = value;
    }
    return moves;
}

int32_t six(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f)
{
    return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f;
}

uint32_t high(void)
{
    return 0xFFFFFFF0u;
}

float scale(float x, int32_t n)
{
    return x * 0.1f + (float)n;
}

int32_t stack_use(int32_t n)
{
    volatile int32_t room[100];
    for (int32_t i = 0; i < 100; i++) {
        room[i] = i;
    }
    return room[n];
}
"""

#: Functions that do what a core does not allow.
FAULTS = r"""
#include <stdint.h>

int32_t wild(const int32_t *p);
int32_t odd(const uint8_t *p);
void beyond(uint8_t *p, int32_t n);
void before(uint8_t *p);
void forever(void);
void undefined(void);
int32_t deep(int32_t n);
void into_code(void);

int32_t wild(const int32_t *p)
{
    return p[1 << 28];
}

int32_t odd(const uint8_t *p)
{
    return *(const int32_t *)(const void *)(p + 1);
}

void beyond(uint8_t *p, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        p[i] = 1;
    }
}

void before(uint8_t *p)
{
    *(p - 1) = 1;
}

void forever(void)
{
    for (;;) {
        __asm volatile("nop");
    }
}

void undefined(void)
{
    __asm volatile("udf #1");
}

int32_t deep(int32_t n)
{
    volatile int32_t room[100];
    room[0] = n;
    return n > 0 ? deep(n - 1) + room[0] : 0;
}

void into_code(void)
{
    *(volatile uint32_t *)(uintptr_t)&into_code = 0;
}
"""

#: A program for host, QEMU and (function by function) the emulator. Bytes in, bytes out; the work is
#: done by functions without arguments, so that the only instruction more in QEMU is the call.
PROGRAM = r"""
#include "harness.h"

enum { N = 600 };
static int8_t input[N];
static int32_t sum;
static float smooth;

void net(void);
void tree(void);
void floats(void);
void all(void);

/* like a layer: products of bytes, shifted, saturated */
void __attribute__((noinline)) net(void)
{
    int32_t total = 0;
    for (int32_t row = 0; row < 20; row++) {
        int32_t acc = row * 3 - 7;
        for (int32_t i = 0; i < 30; i++) {
            acc += input[i * 20 + row] * input[(i + row) % N];
        }
        acc = (acc + 32) >> 6;
        total += acc < -128 ? -128 : acc > 127 ? 127 : acc;
    }
    sum = total;
}

/* like trees: compares and branches */
void __attribute__((noinline)) tree(void)
{
    int32_t count = 0;
    for (int32_t i = 1; i < N; i++) {
        if (input[i] > 3) {
            count += input[i - 1] <= -7 ? 1 : 2;
        } else if (input[i] < input[i - 1]) {
            count -= 1;
        }
    }
    sum += count;
}

/* with soft float where the core has no FPU */
void __attribute__((noinline)) floats(void)
{
    float value = 0.5f;
    for (int32_t i = 0; i < 50; i++) {
        value = value * 1.25f + (float)input[i];
        if (value > 100.0f) {
            value /= 3.0f;
        }
    }
    smooth = value;
}

/* the three, each between marks */
void all(void)
{
    harness_begin();
    net();
    harness_end();
    harness_begin();
    tree();
    harness_end();
    harness_begin();
    floats();
    harness_end();
    /* so that the last call is like the others and no jump */
    __asm volatile("");
}

int main(void)
{
    if (harness_read(input, N) != N) {
        return 1;
    }
    all();
    harness_write(&sum, 4);
    harness_write(&smooth, 4);
    return 0;
}
"""
