/* Frames in C, driven by bytes on standard input.
   'e' kind, length u16, body: the frame that sa_frame_* makes.
   'd' length u32, bytes: for each frame length u16, type and body; then FFFFh and the damaged ones, u32. */
#include "sa_frames.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t number(int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value |= (uint32_t)(uint8_t)getchar() << (8 * i);
    }
    return value;
}

static void put(uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        putchar((int)(value >> (8 * i) & 0xFFu));
    }
}

static void encode(void)
{
    /* on the heap, where the sanitizer sees a byte too far */
    sa_frame_t *frame = malloc(sizeof *frame);
    sa_frame_begin(frame, (uint8_t)number(1));
    for (uint32_t left = number(2); left > 0; left--) {
        sa_frame_u8(frame, (uint8_t)number(1));
    }
    sa_frame_end(frame);
    fwrite(frame->bytes, 1, frame->length, stdout);
    free(frame);
}

static void decode(void)
{
    sa_receiver_t *receiver = malloc(sizeof *receiver);
    sa_receiver_init(receiver);
    for (uint32_t left = number(4); left > 0; left--) {
        const uint16_t count = sa_receiver_push(receiver, (uint8_t)number(1));
        if (count > 0) {
            put(count, 2);
            fwrite(sa_receiver_payload(receiver), 1, count, stdout);
        }
    }
    put(0xFFFF, 2);
    put(receiver->damaged, 4);
    free(receiver);
}

int main(void)
{
    for (int what = getchar(); what != EOF; what = getchar()) {
        if (what == 'e') {
            encode();
        } else {
            decode();
        }
    }
    return 0;
}
