/* harness.h for QEMU: files by semihosting (Arm's public specification), instructions by a timer that
   runs on QEMU's virtual time, which -icount ties to the instructions executed. */
#include "harness.h"

#ifndef HARNESS_TIMER
#error "HARNESS_TIMER: 0 none, 1 CMSDK timer (counts down), 2 SSE system counter (counts up)"
#endif
#ifndef HARNESS_ENTRY
#error "HARNESS_ENTRY: the function that is the program, int (void)"
#endif

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

enum { SYS_OPEN = 1, SYS_WRITE = 5, SYS_READ = 6, SYS_EXIT = 0x18, SYS_EXIT_EXTENDED = 0x20 };

int HARNESS_ENTRY(void);
void harness_main(void);
void harness_fault(void);

static uintptr_t input, output, counts;
/* the timer, and what counts its wraps */
struct moment {
    uint32_t fine;
    uint32_t coarse;
};
static struct moment started;
/* counts that are not written yet: a call of the host for each would take most of the time */
static struct moment ticks[256];
static uint32_t waiting;

static uintptr_t semihost(uint32_t operation, const void *arguments)
{
    register uintptr_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = arguments;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory", "cc");
    return r0;
}

static uintptr_t open_file(const char *name, uint32_t length, uint32_t mode)
{
    const uintptr_t arguments[3] = {(uintptr_t)name, mode, length};
    return semihost(SYS_OPEN, arguments);
}

static void write_file(uintptr_t file, const void *from, uint32_t bytes)
{
    const uintptr_t arguments[3] = {file, (uintptr_t)from, bytes};
    if (semihost(SYS_WRITE, arguments) != 0) {
        harness_fault();
    }
}

uint32_t harness_read(void *to, uint32_t bytes)
{
    const uintptr_t arguments[3] = {input, (uintptr_t)to, bytes};
    return bytes - (uint32_t)semihost(SYS_READ, arguments);
}

void harness_write(const void *from, uint32_t bytes)
{
    write_file(output, from, bytes);
}

static void write_counts(void)
{
    if (waiting != 0) {
        write_file(counts, ticks, waiting * (uint32_t)sizeof ticks[0]);
    }
    waiting = 0;
}

/* The dual timer runs at 1/256 of the rate of timer 0. */
#define DUAL_TIMER (HARNESS_TIMER_BASE + 0x2000u)

static inline struct moment now(void)
{
    struct moment t = {0, 0};
#if HARNESS_TIMER == 1
    t.fine = 0xFFFFFFFFu - REGISTER(HARNESS_TIMER_BASE + 4u);
    t.coarse = 0xFFFFFFFFu - REGISTER(DUAL_TIMER + 4u);
#elif HARNESS_TIMER == 2
    /* once more where the upper word changes in between */
    do {
        t.coarse = REGISTER(HARNESS_TIMER_BASE + 4u);
        t.fine = REGISTER(HARNESS_TIMER_BASE);
    } while (REGISTER(HARNESS_TIMER_BASE + 4u) != t.coarse);
#endif
    return t;
}

void __attribute__((noinline)) harness_begin(void)
{
    started = now();
}

void __attribute__((noinline)) harness_end(void)
{
    const struct moment t = now();
    ticks[waiting].fine = t.fine - started.fine;
#if HARNESS_TIMER == 2
    ticks[waiting].coarse = t.coarse - started.coarse - (t.fine < started.fine ? 1u : 0u);
#else
    ticks[waiting].coarse = t.coarse - started.coarse;
#endif
    waiting++;
    if (waiting == sizeof ticks / sizeof ticks[0]) {
        write_counts();
    }
}

void harness_main(void)
{
    input = open_file("in.bin", 6, 1);
    output = open_file("out.bin", 7, 5);
    counts = open_file("counts.bin", 10, 5);
#if HARNESS_TIMER == 1
    REGISTER(HARNESS_TIMER_BASE + 8u) = 0xFFFFFFFFu;
    REGISTER(HARNESS_TIMER_BASE + 4u) = 0xFFFFFFFFu;
    REGISTER(HARNESS_TIMER_BASE) = 1u;
    REGISTER(DUAL_TIMER) = 0xFFFFFFFFu;
    REGISTER(DUAL_TIMER + 8u) = 0x8Au; /* on, free running, clock / 256, 32 bits */
#elif HARNESS_TIMER == 2
    REGISTER(HARNESS_TIMER_CONTROL) = 1u;
#endif
    /* what the two calls themselves cost */
    harness_begin();
    harness_end();
    const uintptr_t arguments[2] = {0x20026u, (uintptr_t)HARNESS_ENTRY()};
    write_counts();
    (void)semihost(SYS_EXIT_EXTENDED, arguments);
    for (;;) {
    }
}

void harness_fault(void)
{
    const uintptr_t arguments[2] = {0x20026u, 77u};
    (void)semihost(SYS_EXIT_EXTENDED, arguments);
    for (;;) {
    }
}
