/* What a board sends unasked, and the requests that begin and end it. */
#ifndef SA_STREAM_H
#define SA_STREAM_H

#include "sa_state.h"

void sa_start(sa_board_t *board, uint8_t id);
void sa_stop(sa_board_t *board, uint8_t id);
void sa_watch(sa_board_t *board, const uint8_t *body, uint16_t count);
void sa_stream_step(sa_board_t *board);

#endif
