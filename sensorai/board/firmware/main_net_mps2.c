/* A net on Arm's MPS2 board with the AN386 image (Cortex-M4), as QEMU emulates it. UART 0 at 40004000h, timer 0 at
   40000000h (Arm's CMSDK peripherals, clock 25 MHz): QEMU has no cycle counter, so the timer stands for it. */
#include "sa_net.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define UART 0x40004000u
#define TIMER 0x40000000u

enum { UART_DATA = 0x00, UART_STATE = 0x04, UART_CTRL = 0x08, UART_BAUDDIV = 0x10 };
enum { TX_FULL = 1, RX_FULL = 2, TX_ON = 1, RX_ON = 2 };
enum { TIMER_CTRL = 0x00, TIMER_VALUE = 0x04, TIMER_RELOAD = 0x08, TIMER_ON = 1 };

void harness_main(void);

static void put(uint8_t byte)
{
    while (REGISTER(UART + UART_STATE) & TX_FULL) {
    }
    REGISTER(UART + UART_DATA) = byte;
}

static uint32_t cycles(void)
{
    return 0xFFFFFFFFu - REGISTER(TIMER + TIMER_VALUE);
}

void harness_main(void)
{
    static sa_net_t net;

    REGISTER(TIMER + TIMER_RELOAD) = 0xFFFFFFFFu;
    REGISTER(TIMER + TIMER_VALUE) = 0xFFFFFFFFu;
    REGISTER(TIMER + TIMER_CTRL) = TIMER_ON;
    REGISTER(UART + UART_BAUDDIV) = 217;
    REGISTER(UART + UART_CTRL) = TX_ON | RX_ON;
    net.board = "board=mps2-an386 in QEMU\nclock=timer 0, no cycle counter\nclock_hz=25000000\n";
    net.cycles = cycles;
    net.put = put;
    sa_net_fill(&net);
    sa_net_start(&net);
    for (;;) {
        while (!(REGISTER(UART + UART_STATE) & RX_FULL)) {
        }
        sa_net_receive(&net, (uint8_t)REGISTER(UART + UART_DATA));
    }
}
