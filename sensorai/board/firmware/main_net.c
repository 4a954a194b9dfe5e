/* A net on a board of yours: fill in the three functions with the calls of your HAL, everything else works as it
   is. The line: 115200 Bd unless you say --baud, 8 data bits, no parity. Calls are timed by the core's own cycle
   counter (DWT->CYCCNT) where it has one: Cortex-M3 and up, not M0 and M0+. */
#include "sa_net.h"

/* FILL IN: clocks, caches, pins, UART. */
void board_start(void);
void __attribute__((weak)) board_start(void)
{
}

/* FILL IN: wait for a byte and return it; HAL_UART_Receive(&huart2, &byte, 1, HAL_MAX_DELAY). While a call runs
   no byte comes. */
uint8_t board_get(void);
uint8_t __attribute__((weak)) board_get(void)
{
    return 0;
}

/* FILL IN: wait until the line takes it; HAL_UART_Transmit(&huart2, &byte, 1, HAL_MAX_DELAY) */
void board_put(uint8_t byte);
void __attribute__((weak)) board_put(uint8_t byte)
{
    (void)byte;
}

/* FILL IN: your board, and the clock of its core in Hz; 0 where it has no cycle counter. */
static const char board[] = "board=NUCLEO\nclock=DWT->CYCCNT\nclock_hz=0\n";

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
/* No cycle counter: return the count of a timer, and say in `board` how fast it runs. */
static void start_cycles(void)
{
}

static uint32_t cycles(void)
{
    return 0;
}
#else
static void start_cycles(void)
{
    REGISTER(0xE000EDFCu) |= 1u << 24;    /* DEMCR: trace on */
    REGISTER(0xE0001FB0u) = 0xC5ACCE55u;  /* DWT->LAR: Cortex-M7 locks it */
    REGISTER(0xE0001004u) = 0;            /* DWT->CYCCNT */
    REGISTER(0xE0001000u) |= 1u;          /* DWT->CTRL: counts */
}

static uint32_t cycles(void)
{
    return REGISTER(0xE0001004u);
}
#endif

int main(void)
{
    static sa_net_t net;

    board_start();
    start_cycles();
    net.board = board;
    net.cycles = cycles;
    net.put = board_put;
    sa_net_fill(&net);
    sa_net_start(&net);
    for (;;) {
        sa_net_receive(&net, board_get());
    }
}
