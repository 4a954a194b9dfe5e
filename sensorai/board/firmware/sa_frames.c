#include "sa_frames.h"

uint16_t sa_crc16(uint16_t crc, uint8_t byte)
{
    /* polynomial 1021h eight bits at a time, without a table */
    uint32_t x = ((uint32_t)crc >> 8) ^ byte;
    x ^= x >> 4;
    return (uint16_t)(((uint32_t)crc << 8) ^ (x << 12) ^ (x << 5) ^ x);
}

static uint16_t crc_of(const uint8_t *bytes, uint16_t count)
{
    uint16_t crc = 0xFFFFu;
    for (uint16_t i = 0; i < count; i++) {
        crc = sa_crc16(crc, bytes[i]);
    }
    return crc;
}

/* bytes[0] is the zero, bytes[1] the first COBS code, the payload stands from 2 on */
void sa_frame_begin(sa_frame_t *frame, uint8_t kind)
{
    frame->bytes[0] = 0;
    frame->bytes[2] = kind;
    frame->length = 3;
}

uint16_t sa_frame_room(const sa_frame_t *frame)
{
    return (uint16_t)(SA_BODY_MAX + 3 - frame->length);
}

void sa_frame_u8(sa_frame_t *frame, uint8_t value)
{
    if (sa_frame_room(frame) > 0) {
        frame->bytes[frame->length] = value;
        frame->length++;
    }
}

void sa_frame_u16(sa_frame_t *frame, uint16_t value)
{
    sa_frame_u8(frame, (uint8_t)(value & 0xFFu));
    sa_frame_u8(frame, (uint8_t)(value >> 8));
}

void sa_frame_u32(sa_frame_t *frame, uint32_t value)
{
    sa_frame_u16(frame, (uint16_t)(value & 0xFFFFu));
    sa_frame_u16(frame, (uint16_t)(value >> 16));
}

void sa_frame_bytes(sa_frame_t *frame, const uint8_t *bytes, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        sa_frame_u8(frame, bytes[i]);
    }
}

void sa_frame_end(sa_frame_t *frame)
{
    uint16_t end = frame->length;
    uint16_t code = 1;
    const uint16_t crc = crc_of(frame->bytes + 2, (uint16_t)(end - 2));
    frame->bytes[end++] = (uint8_t)(crc & 0xFFu);
    frame->bytes[end++] = (uint8_t)(crc >> 8);
    /* COBS in place: every zero becomes the distance to the next one */
    for (uint16_t i = 2; i < end; i++) {
        if (frame->bytes[i] == 0) {
            frame->bytes[code] = (uint8_t)(i - code);
            code = i;
        }
    }
    frame->bytes[code] = (uint8_t)(end - code);
    frame->bytes[end++] = 0;
    frame->length = end;
}

void sa_receiver_init(sa_receiver_t *receiver)
{
    receiver->length = 0;
    receiver->too_long = false;
    receiver->in_step = false;
    receiver->damaged = 0;
}

const uint8_t *sa_receiver_payload(const sa_receiver_t *receiver)
{
    return receiver->piece + 1;
}

/* Undo COBS in place (the payload stands from piece[1] on) and check the CRC. */
static bool open_piece(uint8_t *piece, uint16_t length)
{
    uint16_t at = 0;
    if (length < 4) {
        return false;
    }
    while (at < length) {
        const uint8_t step = piece[at];
        piece[at] = 0;
        at = (uint16_t)(at + step);
    }
    if (at > length) {
        return false;
    }
    const uint16_t crc = crc_of(piece + 1, (uint16_t)(length - 3));
    return piece[length - 2] == (crc & 0xFFu) && piece[length - 1] == crc >> 8;
}

uint16_t sa_receiver_push(sa_receiver_t *receiver, uint8_t byte)
{
    uint16_t done = 0;
    if (byte != 0) {
        if (!receiver->in_step) {
            return 0;
        }
        if (receiver->length <= SA_PAYLOAD_MAX) {
            receiver->piece[receiver->length] = byte;
            receiver->length++;
        } else {
            receiver->too_long = true;
        }
        return 0;
    }
    receiver->in_step = true;
    if (receiver->length > 0) {
        if (!receiver->too_long && open_piece(receiver->piece, receiver->length)) {
            done = (uint16_t)(receiver->length - 3);
        } else {
            receiver->damaged++;
        }
    }
    receiver->length = 0;
    receiver->too_long = false;
    return done;
}
