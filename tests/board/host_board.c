/* The board's side on this machine, driven by bytes on standard input; what it sends goes to standard output.
   'r' length u16, bytes: received;  'p' count u16: polls, 100 us apart;  's' size u8: bytes that the line takes
   at a time from now on (0: none).

   Bus: 256 registers. F0h counts its reads; F1h is 1 from its fifth read on; FEh fails; 1Eh (status) is ready
   at every second read; 28h to 2Dh (data) count. */
#include "sa_board.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    uint8_t registers[256];
    uint32_t reads[256];
    uint32_t now;
    uint16_t takes;
    uint16_t sample;
} world_t;

static int bus_read(void *user, uint8_t address, uint8_t *data, uint16_t count)
{
    world_t *world = user;
    for (uint16_t i = 0; i < count; i++) {
        const uint8_t at = (uint8_t)(address + i);
        const uint32_t reads = world->reads[at]++;
        if (at == 0xFE) {
            return -1;
        }
        data[i] = world->registers[at];
        if (at == 0xF0) {
            data[i] = (uint8_t)reads;
        } else if (at == 0xF1) {
            data[i] = reads >= 4;
        } else if (at == 0x1E) {
            data[i] = reads & 1u;
        } else if (at >= 0x28 && at <= 0x2D) {
            data[i] = (uint8_t)(world->sample + at);
            world->sample = (uint16_t)(world->sample + (at == 0x2D));
        }
    }
    return 0;
}

static int bus_write(void *user, uint8_t address, const uint8_t *data, uint16_t count)
{
    world_t *world = user;
    for (uint16_t i = 0; i < count; i++) {
        const uint8_t at = (uint8_t)(address + i);
        if (at == 0xFE) {
            return 1;
        }
        world->registers[at] = data[i];
    }
    return 0;
}

static uint16_t send(void *user, const uint8_t *data, uint16_t count)
{
    const world_t *world = user;
    const uint16_t taken = count < world->takes ? count : world->takes;
    fwrite(data, 1, taken, stdout);
    return taken;
}

static uint32_t now_us(void *user)
{
    return ((world_t *)user)->now;
}

int main(int argc, char **argv)
{
    /* any number of boards: the second one is never spoken to and must stay silent */
    world_t *world = calloc(1, sizeof *world), *other = calloc(1, sizeof *other);
    sa_board_t *board = malloc(sizeof *board), *silent = malloc(sizeof *silent);
    sa_board_config_t config = {
        .user = world, .read = bus_read, .write = bus_write, .send = send, .now_us = now_us,
        .description = argc > 1 ? argv[1] : "protocol=1\nboard=host\n",
        .status = 0x1E, .ready = 1, .blocks = 2, .block = {{0x28, 2}, {0x2C, 1}},
    };
    world->takes = 1000;
    world->now = 0xFFFF0000u; /* the clock wraps soon */
    if (sa_board_init(board, &config) != 0) {
        return 1;
    }
    config.user = other;
    if (sa_board_init(silent, &config) != 0) {
        return 1;
    }
    for (int what = getchar(); what != EOF; what = getchar()) {
        int left = getchar();
        if (what == 's') {
            world->takes = (uint16_t)left;
            continue;
        }
        for (left |= getchar() << 8; left > 0; left--) {
            if (what == 'r') {
                sa_board_receive(board, (uint8_t)getchar());
            } else {
                sa_board_poll(board);
                sa_board_poll(silent);
                world->now += 100;
            }
        }
    }
    free(board);
    free(silent);
    free(world);
    free(other);
    return 0;
}
