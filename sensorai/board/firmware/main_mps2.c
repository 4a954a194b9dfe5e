/* The firmware on Arm's MPS2 board with the AN386 image (Cortex-M4), as QEMU emulates it:
   qemu-system-arm -M mps2-an386 -nographic -monitor none -serial pty -kernel image.elf
   UART 0 at 40004000h, timer 0 at 40000000h (Arm's CMSDK peripherals, clock 25 MHz). The bus is a function
   pair to be replaced: here nothing answers. Start-up and linker script are the emulator's of sensorai. */
#include "sa_board.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define UART 0x40004000u
#define TIMER 0x40000000u
#define TICKS_PER_US 25u
#define BAUD 115200u

/* UART: offsets and bits */
enum { UART_DATA = 0x00, UART_STATE = 0x04, UART_CTRL = 0x08, UART_INT = 0x0C, UART_BAUDDIV = 0x10 };
enum { TX_FULL = 1, RX_FULL = 2, RX_OVERRUN = 8, TX_ON = 1, RX_ON = 2, RX_INTERRUPT = 8, INT_RX = 2 };
/* Timer: it counts down from RELOAD */
enum { TIMER_CTRL = 0x00, TIMER_VALUE = 0x04, TIMER_RELOAD = 0x08, TIMER_ON = 1 };
/* Second timer, 4 kHz, only to wake the core */
#define TICKER 0x40001000u
enum { TICKER_INT = 0x0C, TICKER_IRQ_ON = 8, TICKER_TICKS = 25000000 / 4000 };
/* Interrupt numbers; they are never taken, only wake the core */
enum { IRQ_UART_RX = 0, IRQ_TICKER = 9 };
#define NVIC_ENABLE 0xE000E100u
#define NVIC_UNPEND 0xE000E280u

/* The sensor's bus and what the board says of itself: replace these three. */
int board_bus_read(void *user, uint8_t address, uint8_t *data, uint16_t count);
int board_bus_write(void *user, uint8_t address, const uint8_t *data, uint16_t count);
void board_configure(sa_board_config_t *config);
void harness_main(void);

int __attribute__((weak)) board_bus_read(void *user, uint8_t address, uint8_t *data, uint16_t count)
{
    (void)user, (void)address, (void)data, (void)count;
    return -1;
}

int __attribute__((weak)) board_bus_write(void *user, uint8_t address, const uint8_t *data, uint16_t count)
{
    (void)user, (void)address, (void)data, (void)count;
    return -1;
}

void __attribute__((weak)) board_configure(sa_board_config_t *config)
{
    config->description = "protocol=1\nboard=mps2-an386\nsensor=none\nrate_hz=0\nchannels=\n";
}

/* Microseconds from a counter that wraps earlier than the protocol's time. */
typedef struct {
    uint32_t last, ticks, us;
} our_clock_t;

static uint32_t now_us(void *user)
{
    our_clock_t *clock = user;
    const uint32_t value = 0xFFFFFFFFu - REGISTER(TIMER + TIMER_VALUE);
    clock->ticks += value - clock->last;
    clock->last = value;
    clock->us += clock->ticks / TICKS_PER_US;
    clock->ticks %= TICKS_PER_US;
    return clock->us;
}

static uint16_t send(void *user, const uint8_t *data, uint16_t count)
{
    uint16_t sent = 0;
    (void)user;
    while (sent < count && !(REGISTER(UART + UART_STATE) & TX_FULL)) {
        REGISTER(UART + UART_DATA) = data[sent++];
    }
    return sent;
}

void harness_main(void)
{
    static sa_board_t board;
    static our_clock_t clock;
    sa_board_config_t config = {
        .user = &clock,
        .read = board_bus_read,
        .write = board_bus_write,
        .send = send,
        .now_us = now_us,
    };
    REGISTER(TIMER + TIMER_RELOAD) = 0xFFFFFFFFu;
    REGISTER(TIMER + TIMER_VALUE) = 0xFFFFFFFFu;
    REGISTER(TIMER + TIMER_CTRL) = TIMER_ON;
    REGISTER(TICKER + TIMER_RELOAD) = TICKER_TICKS;
    REGISTER(TICKER + TIMER_VALUE) = TICKER_TICKS;
    REGISTER(TICKER + TIMER_CTRL) = TIMER_ON | TICKER_IRQ_ON;
    REGISTER(UART + UART_BAUDDIV) = 1000000u * TICKS_PER_US / BAUD;
    REGISTER(UART + UART_CTRL) = TX_ON | RX_ON | RX_INTERRUPT;
    __asm volatile("cpsid i");
    REGISTER(NVIC_ENABLE) = 1u << IRQ_UART_RX | 1u << IRQ_TICKER;
    board_configure(&config);
    if (sa_board_init(&board, &config) != 0) {
        return;
    }
    for (;;) {
        while (REGISTER(UART + UART_STATE) & RX_FULL) {
            sa_board_receive(&board, (uint8_t)REGISTER(UART + UART_DATA));
        }
        sa_board_poll(&board);
        REGISTER(UART + UART_INT) = INT_RX;
        REGISTER(TICKER + TICKER_INT) = 1;
        REGISTER(NVIC_UNPEND) = 1u << IRQ_UART_RX | 1u << IRQ_TICKER;
        if (!(REGISTER(UART + UART_STATE) & RX_FULL)) {
            __asm volatile("wfi");
        }
    }
}
