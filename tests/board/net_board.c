/* A board without a sensor whose program takes another net: behind the bus are registers that run it.
   40h, 41h  bytes of the input in, of the output out, one after the other
   42h       begins again with the first byte
   43h       runs the net; reads its result code */
#include "net.h"
#include "sa_board.h"
#include "sa_netload.h"

#define SLOT 1024u
#define SECTOR 256u

enum { INPUT = 0x40, OUTPUT, BEGIN, RUN };

int board_bus_read(void *user, uint8_t address, uint8_t *data, uint16_t count);
int board_bus_write(void *user, uint8_t address, const uint8_t *data, uint16_t count);
void board_configure(sa_board_config_t *config);

static uint8_t cells[2u * SLOT] __attribute__((aligned(16)));
static union {
    float numbers[NET_IN_1_SIZE];
    uint8_t bytes[NET_IN_1_BYTES];
} input;
static union {
    float numbers[NET_OUT_1_SIZE];
    uint8_t bytes[NET_OUT_1_BYTES];
} output;
static uint32_t at;
static int result;
static net_t net;
static sa_update_t update;

static int erase(void *user, uint32_t place)
{
    (void)user;
    for (uint32_t i = 0; i < SECTOR; i++) {
        cells[place + i] = 0xFF;
    }
    return 0;
}

static int program(void *user, uint32_t place, const uint8_t *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) {
        cells[place + i] &= data[i];
    }
    return 0;
}

static int read(void *user, uint32_t place, uint8_t *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) {
        data[i] = cells[place + i];
    }
    return 0;
}

static const sa_update_flash_t flash = {
    0, erase, program, read, 8u, SECTOR, {0u, SLOT}, SLOT, {cells, cells + SLOT},
};

int board_bus_read(void *user, uint8_t address, uint8_t *data, uint16_t count)
{
    (void)user;
    for (uint16_t i = 0; i < count; i++) {
        data[i] = address == OUTPUT ? output.bytes[at++ % NET_OUT_1_BYTES] : (uint8_t)(result & 0xFF);
    }
    return 0;
}

int board_bus_write(void *user, uint8_t address, const uint8_t *data, uint16_t count)
{
    (void)user;
    for (uint16_t i = 0; i < count; i++) {
        if (address == INPUT) {
            input.bytes[at++ % NET_IN_1_BYTES] = data[i];
        } else if (address == BEGIN) {
            at = 0;
        } else if (address == RUN) {
            result = net_run(&net, input.numbers, output.numbers);
        }
    }
    return 0;
}

static int changed(void *user, const uint8_t *blob)
{
    (void)user;
    return net_use(&net, blob);
}

void board_configure(sa_board_config_t *config)
{
    static sa_netload_t ours;

    (void)net_init(&net);
    (void)sa_update_begin(&update, &flash, &net_wants);
    ours.update = &update;
    ours.changed = changed;
    config->description = "protocol=1\nboard=mps2-an386\nsensor=none\nrate_hz=0\nchannels=\n";
    config->net = sa_netload_request;
    config->net_user = &ours;
}
