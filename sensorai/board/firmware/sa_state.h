/* What a board is told about its sensor, and what it remembers: one value, given by the caller. */
#ifndef SA_STATE_H
#define SA_STATE_H

#include "sa_frames.h"

/* Sizes of the two rings, powers of two. Received bytes wait in one while operations run; frames wait in
   the other while the line is busy (at least 512: two frames). */
#ifndef SA_RECEIVE_RING
#define SA_RECEIVE_RING 512u
#endif
#ifndef SA_SEND_RING
#define SA_SEND_RING 1024u
#endif
#if (SA_RECEIVE_RING & (SA_RECEIVE_RING - 1u)) != 0 || (SA_SEND_RING & (SA_SEND_RING - 1u)) != 0
#error "SA_RECEIVE_RING and SA_SEND_RING must be powers of two"
#endif
#if SA_SEND_RING < 512u || SA_SEND_RING > 32768u || SA_RECEIVE_RING > 32768u
#error "the rings are too small or too large"
#endif

enum {
    SA_BLOCKS_MAX = 3,
    SA_WATCH_MAX = 4,
    SA_WATCH_BYTES = 16,
    SA_FLUSH_US = 100000 /* samples wait at most this long for others to fill a frame */
};

/* A run of consecutive registers that hold int16 values, low byte first. */
typedef struct {
    uint8_t address;
    uint8_t channels;
} sa_block_t;

typedef struct {
    void *user; /* handed to the functions */
    /* Consecutive registers of the sensor, in one transfer. 0: done. */
    int (*read)(void *user, uint8_t address, uint8_t *data, uint16_t count);
    int (*write)(void *user, uint8_t address, const uint8_t *data, uint16_t count);
    /* Take as many bytes for the line as there is room for, do not wait; returns how many. */
    uint16_t (*send)(void *user, const uint8_t *data, uint16_t count);
    /* A clock that runs on past 2^32. */
    uint32_t (*now_us)(void *user);
    /* Lines key=value as docs/protocol.md has them; must stay where it is. */
    const char *description;
    /* Data: ready when all bits `ready` of register `status` are 1. No blocks: no data. */
    uint8_t status;
    uint8_t ready;
    uint8_t blocks;
    sa_block_t block[SA_BLOCKS_MAX];
    /* A net in flash that the host may replace: sa_netload_request and its sa_netload_t (sa_netload.h);
       0: there is none. */
    uint16_t (*net)(void *net_user, const uint8_t *request, uint16_t count, uint8_t *answer);
    void *net_user;
} sa_board_config_t;

/* Everything from here on is the board's own. */
typedef struct {
    uint8_t page;
    uint8_t address;
    uint8_t length;
    bool sent;
    uint8_t last[SA_WATCH_BYTES];
} sa_watched_t;

typedef struct {
    sa_board_config_t config;
    sa_receiver_t receiver;
    volatile uint8_t received[SA_RECEIVE_RING]; /* filled from an interrupt */
    volatile uint16_t received_in, received_out;
    uint8_t sending[SA_SEND_RING];
    uint16_t sending_in, sending_out;

    sa_frame_t reply; /* the last one, kept for a host that did not get it */
    bool reply_waits;
    bool repeatable;
    uint8_t last_id;
    uint16_t last_crc;
    uint8_t describe_id;
    uint8_t describe_at, describe_total; /* parts sent and to be sent */

    const uint8_t *operations; /* 0: none run */
    uint16_t operations_end, operations_at;
    uint8_t executed;
    bool waiting;
    uint32_t since;

    bool capturing;
    uint8_t capture_id;
    uint8_t channels;
    sa_frame_t data;
    uint8_t samples;
    uint16_t data_sequence;
    uint32_t first_us;

    uint8_t watched;
    uint8_t watch_id;
    uint8_t watch_bank;
    uint16_t watch_sequence;
    uint32_t watch_period_us; /* 0: with every sample */
    uint32_t watch_since;
    sa_watched_t watch[SA_WATCH_MAX];
} sa_board_t;

#endif
