/* The board's side of the sensorai serial protocol (docs/protocol.md): registers of one sensor read and
   written for the host, its data sent as they become ready, its result registers watched.

   Give sa_board_init a bus, a line and a clock; hand every received byte to sa_board_receive, from the
   UART's interrupt or from the main loop; call sa_board_poll in the main loop. It never waits.
   C99, no heap, no globals: any number of boards, each with one sensor. */
#ifndef SA_BOARD_H
#define SA_BOARD_H

#include "sa_state.h"

/* 0: done; -1: a function or the description is missing, or a sample has no channel or does not fit. */
int sa_board_init(sa_board_t *board, const sa_board_config_t *config);

/* Take one received byte. May be called from an interrupt. A byte for which there is no room is lost, and
   with it the frame it belongs to: the host sends that again. */
void sa_board_receive(sa_board_t *board, uint8_t byte);

/* Do what there is to do: a few bus transfers at most. Call it more often than samples come. */
void sa_board_poll(sa_board_t *board);

#endif
