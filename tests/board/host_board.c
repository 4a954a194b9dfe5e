/* A bus for host_main.c: 256 registers. F0h counts its reads; F1h is 1 from its fifth read on; FEh fails; 1Eh (status) is ready
   at every second read; 28h to 2Dh (data) count. */
#include "host_main.h"

typedef struct {
    uint8_t registers[256];
    uint32_t reads[256];
    uint16_t sample;
} world_t;

static world_t the_world;

int board_bus_read(void *user, uint8_t address, uint8_t *data, uint16_t count)
{
    world_t *world = &the_world;
    (void)user;
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

int board_bus_write(void *user, uint8_t address, const uint8_t *data, uint16_t count)
{
    world_t *world = &the_world;
    (void)user;
    for (uint16_t i = 0; i < count; i++) {
        const uint8_t at = (uint8_t)(address + i);
        if (at == 0xFE) {
            return 1;
        }
        world->registers[at] = data[i];
    }
    return 0;
}

void board_configure(sa_board_config_t *config)
{
    config->status = 0x1E;
    config->ready = 1;
    config->blocks = 2;
    config->block[0] = (sa_block_t){0x28, 2};
    config->block[1] = (sa_block_t){0x2C, 1};
}
