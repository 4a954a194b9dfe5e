/* What the files of the firmware share with one another and nobody else. */
#ifndef SA_INTERNAL_H
#define SA_INTERNAL_H

#include "sa_board.h"

enum {
    SA_DATA = 0x01,
    SA_DESCRIPTION = 0x02,
    SA_REPLY = 0x03,
    SA_RESULT = 0x04,
    SA_DESCRIBE = 0x81,
    SA_START = 0x82,
    SA_STOP = 0x83,
    SA_OPERATIONS = 0x84,
    SA_WATCH = 0x85
};

enum {
    SA_OK = 0,
    SA_MISMATCH = 1,
    SA_TIMEOUT = 2,
    SA_BUS = 3,
    SA_MALFORMED = 4,
    SA_UNKNOWN = 5,
    SA_TOO_LONG = 6
};

/* sa_board.c: put a whole frame into the sending ring; false when there is no room. */
bool sa_queue(sa_board_t *board, const sa_frame_t *frame);
/* sa_board.c: answer a request without payload. */
void sa_answer(sa_board_t *board, uint8_t id, uint8_t status);
/* sa_board.c: begin an answer; its payload may follow, then sa_answer_end. */
void sa_answer_begin(sa_board_t *board, uint8_t id, uint8_t status);
void sa_answer_end(sa_board_t *board);

/* sa_operations.c */
void sa_operations_begin(sa_board_t *board, uint8_t id, const uint8_t *operations, uint16_t count);
void sa_operations_step(sa_board_t *board);

/* sa_stream.c */
void sa_start(sa_board_t *board, uint8_t id);
void sa_stop(sa_board_t *board, uint8_t id);
void sa_watch(sa_board_t *board, const uint8_t *body, uint16_t count);
void sa_stream_step(sa_board_t *board);

#endif
