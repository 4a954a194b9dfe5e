/* Register operations of a request: begun once, then executed step by step until they are answered. */
#ifndef SA_OPERATIONS_H
#define SA_OPERATIONS_H

#include "sa_state.h"

void sa_operations_begin(sa_board_t *board, uint8_t id, const uint8_t *operations, uint16_t count);
void sa_operations_step(sa_board_t *board);

#endif
