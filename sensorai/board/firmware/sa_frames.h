/* Frames of the sensorai serial protocol (docs/protocol.md): COBS between zero bytes, CRC-16 at the end.
   C99, no heap, no globals. */
#ifndef SA_FRAMES_H
#define SA_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SA_PAYLOAD_MAX = 254, /* type, body, CRC: one COBS block */
    SA_BODY_MAX = 251,
    SA_FRAME_MAX = 257    /* zero, COBS code, payload, zero */
};

/* A frame under construction; sa_frame_end makes `bytes` what goes on the line. */
typedef struct {
    uint8_t bytes[SA_FRAME_MAX];
    uint16_t length;
} sa_frame_t;

void sa_frame_begin(sa_frame_t *frame, uint8_t kind);
/* What does not fit is left out: ask sa_frame_room before. */
void sa_frame_u8(sa_frame_t *frame, uint8_t value);
void sa_frame_u16(sa_frame_t *frame, uint16_t value);
void sa_frame_u32(sa_frame_t *frame, uint32_t value);
void sa_frame_bytes(sa_frame_t *frame, const uint8_t *bytes, uint16_t count);
/* Bytes of the body that still fit. */
uint16_t sa_frame_room(const sa_frame_t *frame);
void sa_frame_end(sa_frame_t *frame);

/* Takes bytes as they come; holds one frame at most. */
typedef struct {
    uint8_t piece[SA_PAYLOAD_MAX + 1];
    uint16_t length;
    bool too_long;
    bool in_step;     /* a zero byte was seen */
    uint32_t damaged; /* pieces between zero bytes that were no frame */
} sa_receiver_t;

void sa_receiver_init(sa_receiver_t *receiver);
/* Take one byte. When it ends a whole frame: bytes of type and body, which stand at
   sa_receiver_payload until the next byte, with the two bytes of the CRC behind them. Else 0. */
uint16_t sa_receiver_push(sa_receiver_t *receiver, uint8_t byte);
const uint8_t *sa_receiver_payload(const sa_receiver_t *receiver);

/* CRC-16/CCITT-FALSE over one more byte; start with FFFFh. */
uint16_t sa_crc16(uint16_t crc, uint8_t byte);

#endif
