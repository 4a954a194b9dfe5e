/* Example for a NUCLEO board (or any other) with one sensor on I2C or SPI.

   Fill in the functions marked FILL IN with the calls of your HAL; everything else works as it is. Set
   the line to 115200 Bd, 8 data bits, no parity, and call sa_board_receive from the UART's interrupt.
   The data below are those of the LSM6DSOX and its relatives: status register 1Eh (bit 0 accelerometer,
   bit 1 gyroscope ready), values from 22h (gyroscope) and 28h (accelerometer) on. */
#include "sa_board.h"

static sa_board_t board;

/* FILL IN: `count` consecutive registers from `address` on.
   I2C: HAL_I2C_Mem_Read(&hi2c1, 0xD6, address, I2C_MEMADD_SIZE_8BIT, data, count, 100)
   SPI: chip select low, send address | 80h, receive, chip select high. */
int board_bus_read(void *user, uint8_t address, uint8_t *data, uint16_t count);
int __attribute__((weak)) board_bus_read(void *user, uint8_t address, uint8_t *data, uint16_t count)
{
    (void)user, (void)address, (void)data, (void)count;
    return -1;
}

/* FILL IN: I2C: HAL_I2C_Mem_Write(...); SPI: send address, then data. */
int board_bus_write(void *user, uint8_t address, const uint8_t *data, uint16_t count);
int __attribute__((weak)) board_bus_write(void *user, uint8_t address, const uint8_t *data, uint16_t count)
{
    (void)user, (void)address, (void)data, (void)count;
    return -1;
}

/* FILL IN: give the UART what it has room for and return how many bytes it took, 0 while it is busy. Do not
   wait. With DMA: copy to a buffer, start, and return 0 until the transfer is done. */
uint16_t board_send(void *user, const uint8_t *data, uint16_t count);
uint16_t __attribute__((weak)) board_send(void *user, const uint8_t *data, uint16_t count)
{
    (void)user, (void)data, (void)count;
    return 0;
}

/* FILL IN: microseconds that run on past 2^32, from a 32-bit timer with a 1 MHz clock:
   __HAL_TIM_GET_COUNTER(&htim2) */
uint32_t board_now_us(void *user);
uint32_t __attribute__((weak)) board_now_us(void *user)
{
    (void)user;
    return 0;
}

/* FILL IN: clocks, pins, UART, timer and bus. */
void board_start(void);
void __attribute__((weak)) board_start(void)
{
}

/* Call this from the UART's interrupt with every byte received. */
void board_received(uint8_t byte);
void board_received(uint8_t byte)
{
    sa_board_receive(&board, byte);
}

/* Accelerometer at 104 Hz and 4 g, gyroscope at 104 Hz and 2000 dps: what `capture` records unless a
   register file was loaded before. Values for the LSM6DSOX; other parts have others. */
static int set_sensor_up(void)
{
    static const uint8_t set_up[][2] = {
        {0x12, 0x44}, /* CTRL3_C: block data update, address increments */
        {0x10, 0x48}, /* CTRL1_XL */
        {0x11, 0x4C}, /* CTRL2_G */
    };
    for (uint8_t i = 0; i < sizeof set_up / sizeof set_up[0]; i++) {
        if (board_bus_write(0, set_up[i][0], &set_up[i][1], 1) != 0) {
            return -1;
        }
    }
    return 0;
}

int main(void)
{
    static const sa_board_config_t config = {
        .read = board_bus_read,
        .write = board_bus_write,
        .send = board_send,
        .now_us = board_now_us,
        /* sensor: its name as `sensorai devices` has it; scales: units per count at the set-up above */
        .description = "protocol=1\n"
                       "board=NUCLEO\n"
                       "sensor=LSM6DSOX\n"
                       "rate_hz=104\n"
                       "channels=acc_x[g]*0.000122 acc_y[g]*0.000122 acc_z[g]*0.000122 "
                       "gyr_x[dps]*0.07 gyr_y[dps]*0.07 gyr_z[dps]*0.07\n",
        .status = 0x1E,
        .ready = 0x01,
        .blocks = 2,
        .block = {{0x28, 3}, {0x22, 3}},
    };
    board_start();
    (void)set_sensor_up(); /* a bus that does not answer is reported to the host when it asks */
    if (sa_board_init(&board, &config) != 0) {
        return 1;
    }
    for (;;) {
        sa_board_poll(&board);
    }
}
