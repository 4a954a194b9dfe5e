/* A sensor behind the firmware's bus functions: register file with banks, MLC page memory and tree memory,
   ISPU memories, data registers fed from a list of samples, result registers fed from a list of results.
   What kind of sensor it is, and the lists, is in virtual_lists.h, made by the test.

   Written from docs and facts alone, apart from the loader under test. What a real sensor does beyond them is
   not here; where they say that something is not to be relied on, it is made to fail. */
#include "sa_board.h"
#include "virtual_lists.h"

/*  VIRTUAL_KIND      1 machine learning core, 2 ISPU
    VIRTUAL_WHO_AM_I, VIRTUAL_BANK, VIRTUAL_STATUS (register), VIRTUAL_DATA (register)
    VIRTUAL_RATE_UHZ  sample rate in millionths of 1 Hz; 0: a new sample as soon as the last one is read
    VIRTUAL_CHANNELS, VIRTUAL_SAMPLES, virtual_samples[][VIRTUAL_CHANNELS]
    VIRTUAL_RESULT (first register), VIRTUAL_RESULT_BYTES
    VIRTUAL_RESULTS, virtual_results[][1 + VIRTUAL_RESULT_BYTES]: after how many samples, and the bytes
    VIRTUAL_DESCRIPTION
    VIRTUAL_STUCK, VIRTUAL_STUCK_BANK, VIRTUAL_STUCK_VALUE: a register that does not take what is written
    VIRTUAL_STUCK_PAGE: a page byte that does not take what is written (-1: none) */

enum { WHO_AM_I = 0x0F, PAGE_SEL = 0x02, PAGE_ADDRESS = 0x08, PAGE_VALUE = 0x09, PAGE_RW = 0x17 };
enum { EN_B = 0x05, MLC_ON = 0x10 };
enum { PAGE_WRITE = 0x40, PAGE_READ = 0x20, TREE = 0x08 };
enum { CONFIG = 0x02, MEM_SEL = 0x08, ADDRESS_HIGH = 0x09, ADDRESS_LOW = 0x0A, PORT = 0x0B };
enum { CLOCK_OFF = 0x02, SOFT_RESET = 0x02, READ_MEMORY = 0x40, CODE_BANK = 0x2000 };
enum { DATA_SIZE = 0x2000, CODE_SIZE = 0x8000 };

typedef struct {
    uint8_t bank;
    uint8_t user[256], inner[256], hub[256];
    uint8_t pages[4096], tree[4096];
    uint8_t code[CODE_SIZE], data[DATA_SIZE];
    uint32_t at;        /* ISPU memory address */
    bool stale;         /* the first byte read after an address is not the memory's */
    bool over;          /* an address counter ran over the end of its page or bank */
    bool started;
    uint32_t begun_us;
    uint32_t samples;   /* taken so far */
    uint32_t result;    /* entries of the list that have happened */
} sensor_t;

static sensor_t sensor;

int board_bus_read(void *user, uint8_t address, uint8_t *data, uint16_t count);
int board_bus_write(void *user, uint8_t address, const uint8_t *data, uint16_t count);
void board_configure(sa_board_config_t *config);

static sa_board_config_t *configured;

/* A register of the inner bank; the result registers follow the list once the core is on. */
static uint8_t inner_byte(uint8_t address)
{
    if (address < VIRTUAL_RESULT || address >= VIRTUAL_RESULT + VIRTUAL_RESULT_BYTES) {
        return sensor.inner[address];
    }
    if (sensor.result == 0 || (VIRTUAL_KIND == 1 && !(sensor.inner[EN_B] & MLC_ON))) {
        return 0;
    }
    return (uint8_t)virtual_results[sensor.result - 1][1 + address - VIRTUAL_RESULT];
}

/* ------------------------------------------------------------------ machine learning core */

static uint8_t *page_byte(void)
{
    uint8_t *memory = sensor.inner[PAGE_SEL] & TREE ? sensor.tree : sensor.pages;
    return memory + ((uint32_t)(sensor.inner[PAGE_SEL] >> 4) << 8 | sensor.inner[PAGE_ADDRESS]);
}

static void mlc_write(uint8_t address, uint8_t value)
{
    if (address != PAGE_VALUE) {
        sensor.inner[address] = value;
        sensor.over = sensor.over && address != PAGE_ADDRESS;
        return;
    }
    if (sensor.inner[PAGE_RW] & PAGE_WRITE && !sensor.over) {
        const uint8_t *stuck = sensor.pages + (VIRTUAL_STUCK_PAGE & 0xFFF);
        if (VIRTUAL_STUCK_PAGE < 0 || page_byte() != stuck) {
            *page_byte() = value;
        }
        sensor.inner[PAGE_ADDRESS]++;
        sensor.over = sensor.inner[PAGE_ADDRESS] == 0;
    }
}

static uint8_t mlc_read(uint8_t address)
{
    if (address == PAGE_VALUE) {
        /* whether reading moves the address on is not known: here it spoils it */
        const uint8_t value = sensor.inner[PAGE_RW] & PAGE_READ ? *page_byte() : 0;
        sensor.inner[PAGE_ADDRESS] ^= 0xA5u;
        return value;
    }
    return inner_byte(address);
}

/* ------------------------------------------------------------------ ISPU */

static uint8_t *memory_byte(void)
{
    static uint8_t nowhere;
    const bool code = sensor.inner[MEM_SEL] & 1u;
    const uint32_t size = code ? CODE_SIZE : DATA_SIZE;
    return sensor.over || sensor.at >= size ? &nowhere : (code ? sensor.code : sensor.data) + sensor.at;
}

/* The memory port's address counter stops at the end of a bank of code memory. */
static void next_byte(void)
{
    sensor.at++;
    if (sensor.inner[MEM_SEL] & 1u && sensor.at % CODE_BANK == 0) {
        sensor.over = true;
    }
}

static void ispu_write(uint8_t address, uint8_t value)
{
    if (address == PORT) {
        if (!(sensor.inner[MEM_SEL] & READ_MEMORY)) {
            *memory_byte() = value;
            next_byte();
        }
        return;
    }
    sensor.inner[address] = value;
    if (address == MEM_SEL || address == ADDRESS_HIGH || address == ADDRESS_LOW) {
        sensor.at = (uint32_t)sensor.inner[ADDRESS_HIGH] << 8 | sensor.inner[ADDRESS_LOW];
        sensor.over = false;
        sensor.stale = true;
    }
}

static uint8_t ispu_read(uint8_t address)
{
    if (address == PORT) {
        if (!(sensor.inner[MEM_SEL] & READ_MEMORY) || !(sensor.inner[CONFIG] & CLOCK_OFF)) {
            return 0xEE;
        }
        if (sensor.stale) {
            sensor.stale = false;
            return 0xDD;
        }
        const uint8_t value = *memory_byte();
        next_byte();
        return value;
    }
    return inner_byte(address);
}

/* ------------------------------------------------------------------ registers */

/* Number of samples there have been by now, the one that can be read among them. */
static uint32_t due(void)
{
    if (VIRTUAL_RATE_UHZ == 0) {
        return sensor.samples + 1u;
    }
    const uint32_t us = configured->now_us(configured->user) - sensor.begun_us;
    return (uint32_t)((uint64_t)us * VIRTUAL_RATE_UHZ / 1000000000000u);
}

static uint8_t user_read(uint8_t address)
{
    if (address == WHO_AM_I) {
        return VIRTUAL_WHO_AM_I;
    }
    if (address == VIRTUAL_STATUS) {
        if (!sensor.started) {
            sensor.started = true;
            sensor.begun_us = configured->now_us(configured->user);
        }
        return sensor.samples < VIRTUAL_SAMPLES && due() > sensor.samples ? 3 : 0;
    }
    return sensor.user[address];
}

/* All channels in one transfer take the next sample of the list; results follow the samples. */
static void take_sample(uint8_t *data)
{
    for (uint16_t i = 0; i < VIRTUAL_CHANNELS; i++) {
        const uint16_t value = (uint16_t)virtual_samples[sensor.samples % VIRTUAL_SAMPLES][i];
        data[2u * i] = (uint8_t)(value & 0xFFu);
        data[2u * i + 1u] = (uint8_t)(value >> 8);
    }
    sensor.samples++;
    while (sensor.result < VIRTUAL_RESULTS && (uint32_t)virtual_results[sensor.result][0] <= sensor.samples) {
        sensor.result++;
    }
}

int board_bus_read(void *user, uint8_t address, uint8_t *data, uint16_t count)
{
    (void)user;
    if (sensor.bank == 0 && address == VIRTUAL_DATA && count == 2 * VIRTUAL_CHANNELS) {
        take_sample(data);
        return 0;
    }
    for (uint16_t i = 0; i < count; i++) {
        const uint8_t here = (uint8_t)(address + i);
        if (here == VIRTUAL_BANK) {
            data[i] = sensor.bank;
        } else if (sensor.bank & 0x80u) {
            data[i] = VIRTUAL_KIND == 1 ? mlc_read(here) : ispu_read(here);
        } else {
            data[i] = sensor.bank & 0x40u ? sensor.hub[here] : user_read(here);
        }
    }
    return 0;
}

static void write_one(uint8_t address, uint8_t value)
{
    if (address == VIRTUAL_BANK) {
        if (VIRTUAL_KIND == 2 && value & SOFT_RESET) {
            for (uint32_t i = 0; i < 256u; i++) {
                sensor.inner[i] = 0;
            }
        }
        sensor.bank = value & 0xC0u;
    } else if (address == VIRTUAL_STUCK && sensor.bank == VIRTUAL_STUCK_BANK) {
        sensor.user[address] = VIRTUAL_STUCK_VALUE;
        sensor.inner[address] = VIRTUAL_STUCK_VALUE;
    } else if (sensor.bank & 0x80u) {
        if (VIRTUAL_KIND == 1) {
            mlc_write(address, value);
        } else {
            ispu_write(address, value);
        }
    } else if (sensor.bank & 0x40u) {
        sensor.hub[address] = value;
    } else {
        sensor.user[address] = value;
    }
}

int board_bus_write(void *user, uint8_t address, const uint8_t *data, uint16_t count)
{
    (void)user;
    for (uint16_t i = 0; i < count; i++) {
        write_one((uint8_t)(address + i), data[i]);
    }
    return 0;
}

void board_configure(sa_board_config_t *config)
{
    configured = config;
    config->description = VIRTUAL_DESCRIPTION;
    config->status = VIRTUAL_STATUS;
    config->ready = 1;
    config->blocks = 1;
    config->block[0].address = VIRTUAL_DATA;
    config->block[0].channels = VIRTUAL_CHANNELS;
}
