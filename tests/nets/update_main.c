/* A program that changes its net, on this machine and in QEMU. Its flash is memory that behaves like one: a unit
   is programmed once after it was erased, and the power goes at any step, in the middle of a unit or of a sector.

   Commands, one byte each, then numbers u32 of little endian:
     f unit           all flash erased, units of so many bytes
     b                start: finds the net in use; gives the code
     u cut, n, bytes  takes a blob in pieces, the power goes at step `cut` (0: never); gives the code of the last
                      call, steps, erased sectors, words for the code (64 bytes)
     r input          runs the net; gives the output */
#include "harness.h"
#include "sa_update.h"

#ifdef WITH_CODE
/* the program holds no net: a blob brings one */
#include "net_slot.h"
typedef net_slot_t a_net_t;
#define WANTS net_slot_wants
#define START(net) ((void)net_slot_init(net, 0))
#define USE net_slot_init
#define RUN net_slot_run
#define IN_SIZE NET_SLOT_IN_1_SIZE
#define OUT_SIZE NET_SLOT_OUT_1_SIZE
#define SLOT 8192u
#define SECTOR 1024u
#else
#include "net.h"
typedef net_t a_net_t;
#define WANTS net_wants
#define START(net) ((void)net_init(net))
#define USE net_use
#define RUN net_run
#define IN_SIZE NET_IN_1_SIZE
#define OUT_SIZE NET_OUT_1_SIZE
#define SLOT 1024u
#define SECTOR 128u
#endif
#define FIRST 8192u /* address of the first slot in this flash */

static uint8_t cells[2u * SLOT] __attribute__((aligned(16)));
static uint32_t steps, cut, erased;
static int off;
static uint32_t noise = 1;

static uint8_t random_byte(void)
{
    noise = noise * 1664525u + 1013904223u;
    return (uint8_t)(noise >> 24);
}

/* Whether the power goes with this step. */
static int goes(void)
{
    steps++;
    off = cut != 0u && steps == cut;
    return off;
}

static int erase(void *user, uint32_t at)
{
    uint8_t *sector = cells + at - FIRST;
    uint32_t i;

    (void)user;
    if (off || at % SECTOR != 0u || at < FIRST || at - FIRST >= sizeof cells) {
        return -1;
    }
    erased++;
    if (goes()) {
        for (i = 0; i < SECTOR; i++) {
            sector[i] |= random_byte();
        }
        return -1;
    }
    for (i = 0; i < SECTOR; i++) {
        sector[i] = 0xFFu;
    }
    return 0;
}

static int program(void *user, uint32_t at, const uint8_t *data, uint32_t count)
{
    const uint32_t unit = *(const uint32_t *)user;
    uint32_t i, k;

    if (off || at % unit != 0u || count % unit != 0u || at < FIRST || at - FIRST + count > sizeof cells) {
        return -1;
    }
    for (i = 0; i < count; i += unit) {
        uint8_t *cell = cells + at - FIRST + i;
        const uint32_t whole = goes() ? random_byte() % unit : unit;
        for (k = 0; k < unit; k++) {
            if (cell[k] != 0xFFu) {
                return -1; /* no unit is programmed twice */
            }
        }
        for (k = 0; k < whole; k++) {
            cell[k] = data[i + k];
        }
        if (off) {
            cell[whole] = (uint8_t)(data[i + whole] | random_byte());
            return -1;
        }
    }
    return 0;
}

static int read(void *user, uint32_t at, uint8_t *data, uint32_t count)
{
    uint32_t i;

    (void)user;
    for (i = 0; i < count; i++) {
        data[i] = cells[at - FIRST + i];
    }
    return 0;
}

static uint32_t unit = 8u;
static const sa_update_flash_t flash_of_8 = {
    &unit, erase, program, read, 8u, SECTOR, {FIRST, FIRST + SLOT}, SLOT, {cells, cells + SLOT},
};
static sa_update_flash_t flash;
static sa_update_t update;
static a_net_t net;
static uint8_t blob[2u * SLOT];

static uint32_t number(void)
{
    uint8_t bytes[4] = {0, 0, 0, 0};

    (void)harness_read(bytes, 4);
    return sa_blob_u32(bytes);
}

static void say(uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};

    harness_write(bytes, 4);
}

static void start(void)
{
    const int code = sa_update_begin(&update, &flash, &WANTS);

    START(&net);
    if (sa_update_net(&update) != 0 && USE(&net, sa_update_net(&update)) != 0) {
        say(77u);
        return;
    }
    say((uint32_t)code);
}

static void take(void)
{
    uint32_t bytes, at, piece = 1, k;
    const char *words;
    int code;

    cut = number();
    bytes = number();
    if (bytes > sizeof blob || harness_read(blob, bytes) != bytes) {
        return;
    }
    steps = erased = 0;
    off = 0;
    code = sa_update_open(&update, blob, bytes);
    for (at = 0; code == 0 && at < bytes; at += piece) {
        piece = piece * 5u % 61u + 1u;
        piece = piece < bytes - at ? piece : bytes - at;
        code = sa_update_write(&update, at, blob + at, piece);
        if (code == 0 && at > 10u) {
            /* a piece that comes again changes nothing */
            code = sa_update_write(&update, at - 10u, blob + at - 10u, 10u);
        }
    }
    code = code == 0 ? sa_update_close(&update) : code;
    say((uint32_t)code);
    say(steps);
    say(erased);
    words = sa_blob_words(code);
    for (k = 0; k < 64u; k++) {
        const uint8_t byte = (uint8_t)*words;
        harness_write(&byte, 1);
        words += byte != 0u;
    }
    off = 0;
}

int main(void)
{
    static float x[IN_SIZE], y[OUT_SIZE];
    uint8_t command;
    uint32_t i;

    flash = flash_of_8;
    for (i = 0; i < sizeof cells; i++) {
        cells[i] = random_byte();
    }
    while (harness_read(&command, 1) == 1u) {
        switch (command) {
        case 'f':
            unit = flash.unit = number();
            for (i = 0; i < sizeof cells; i++) {
                cells[i] = 0xFFu;
            }
            break;
        case 'b':
            start();
            break;
        case 'u':
            take();
            break;
        default:
            (void)harness_read(x, sizeof x);
            if (RUN(&net, x, y) != 0) {
                y[0] = -77.0F;
            }
            harness_write(y, sizeof y);
        }
    }
    return 0;
}
