/* What goes to the line: whole frames through a ring, and answers to requests. */
#ifndef SA_SEND_H
#define SA_SEND_H

#include "sa_messages.h"
#include "sa_state.h"

/* Put a whole frame into the sending ring; false when there is no room. */
bool sa_queue(sa_board_t *board, const sa_frame_t *frame);
/* Give the line what waits for it. */
void sa_drain(sa_board_t *board);
/* Answer a request without payload. */
void sa_answer(sa_board_t *board, uint8_t id, uint8_t status);
/* Begin an answer; its payload may follow, then sa_answer_end. */
void sa_answer_begin(sa_board_t *board, uint8_t id, uint8_t status);
void sa_answer_end(sa_board_t *board);

#endif
