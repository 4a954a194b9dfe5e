#include "sa_send.h"

bool sa_queue(sa_board_t *board, const sa_frame_t *frame)
{
    uint16_t in = board->sending_in;
    const uint16_t used = (uint16_t)((in - board->sending_out) % SA_SEND_RING);
    if (frame->length > SA_SEND_RING - 1u - used) {
        return false;
    }
    for (uint16_t i = 0; i < frame->length; i++) {
        board->sending[in] = frame->bytes[i];
        in = (uint16_t)((in + 1u) % SA_SEND_RING);
    }
    board->sending_in = in;
    return true;
}

/* Up to the end of the ring at a time. */
void sa_drain(sa_board_t *board)
{
    while (board->sending_out != board->sending_in) {
        const uint16_t from = board->sending_out;
        const uint16_t end = from < board->sending_in ? board->sending_in : (uint16_t)SA_SEND_RING;
        const uint16_t count = (uint16_t)(end - from);
        const uint16_t taken = board->config.send(board->config.user, board->sending + from, count);
        if (taken == 0 || taken > count) {
            return;
        }
        board->sending_out = (uint16_t)((from + taken) % SA_SEND_RING);
    }
}

void sa_answer_begin(sa_board_t *board, uint8_t id, uint8_t status)
{
    sa_frame_begin(&board->reply, SA_REPLY);
    sa_frame_u8(&board->reply, id);
    sa_frame_u8(&board->reply, status);
}

void sa_answer_end(sa_board_t *board)
{
    sa_frame_end(&board->reply);
    board->reply_waits = true;
}

void sa_answer(sa_board_t *board, uint8_t id, uint8_t status)
{
    board->repeatable = false;
    sa_answer_begin(board, id, status);
    sa_answer_end(board);
}
