/* What host_main.c needs of a bus: the same three functions as main_mps2.c. */
#include "sa_board.h"

int board_bus_read(void *user, uint8_t address, uint8_t *data, uint16_t count);
int board_bus_write(void *user, uint8_t address, const uint8_t *data, uint16_t count);
void board_configure(sa_board_config_t *config);
