/* Start of a Cortex-M program (ARMv6-M to ARMv8.1-M): vectors, memory, FPU on, then main. */
#include <stdint.h>

extern uint32_t harness_data_start[], harness_data_end[], harness_data_load[];
extern uint32_t harness_bss_start[], harness_bss_end[], harness_stack_top[];

void harness_main(void);
void harness_fault(void);
void harness_reset(void);
void harness_begin(void);
void harness_end(void);

/* What a harness file may replace. */
void __attribute__((weak)) harness_main(void)
{
}

void __attribute__((weak)) harness_fault(void)
{
    for (;;) {
    }
}

void __attribute__((weak, noinline)) harness_begin(void)
{
    __asm volatile("");
}

void __attribute__((weak, noinline)) harness_end(void)
{
    __asm volatile("");
}

void __attribute__((noreturn, used)) harness_reset(void)
{
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    /* CPACR: full access to coprocessors 10 and 11 */
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;
    __asm volatile("dsb\n\tisb" ::: "memory");
#endif
    const uint32_t *from = harness_data_load;
    for (uint32_t *to = harness_data_start; to < harness_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = harness_bss_start; to < harness_bss_end; to++) {
        *to = 0;
    }
    harness_main();
    for (;;) {
    }
}

/* Reset and the fifteen system exceptions: whatever goes wrong ends in harness_fault. */
__attribute__((section(".harness_vectors"), used)) static const void *const vectors[16] = {
    harness_stack_top,     (const void *)harness_reset, (const void *)harness_fault,
    (const void *)harness_fault, (const void *)harness_fault, (const void *)harness_fault,
    (const void *)harness_fault, (const void *)harness_fault, 0, 0, 0,
    (const void *)harness_fault, (const void *)harness_fault, 0,
    (const void *)harness_fault, (const void *)harness_fault,
};
