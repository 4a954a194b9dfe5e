/* The board's side on this machine, driven by bytes on standard input; what it sends goes to standard output.
   'r' length u16, bytes: received;  'p' count u16: polls, 100 us apart;  's' size u8: bytes that the line takes
   at a time from now on (0: none). The first argument is the description. */
#include "host_main.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    uint32_t now;
    uint16_t takes;
} line_t;

static uint16_t send(void *user, const uint8_t *data, uint16_t count)
{
    const line_t *line = user;
    const uint16_t taken = count < line->takes ? count : line->takes;
    fwrite(data, 1, taken, stdout);
    return taken;
}

static uint32_t now_us(void *user)
{
    return ((line_t *)user)->now;
}

int main(int argc, char **argv)
{
    /* any number of boards: the second one is never spoken to and must stay silent */
    line_t *line = calloc(1, sizeof *line), *other = calloc(1, sizeof *other);
    sa_board_t *board = malloc(sizeof *board), *silent = malloc(sizeof *silent);
    sa_board_config_t config = {
        .user = line, .read = board_bus_read, .write = board_bus_write, .send = send, .now_us = now_us,
    };
    board_configure(&config);
    if (argc > 1) {
        config.description = argv[1];
    }
    line->takes = 1000;
    line->now = 0xFFFF0000u; /* the clock wraps soon */
    if (sa_board_init(board, &config) != 0) {
        return 1;
    }
    config.user = other;
    if (sa_board_init(silent, &config) != 0) {
        return 1;
    }
    for (int what = getchar(); what != EOF; what = getchar()) {
        int left = getchar();
        if (what == 's') {
            line->takes = (uint16_t)left;
            continue;
        }
        for (left |= getchar() << 8; left > 0; left--) {
            if (what == 'r') {
                sa_board_receive(board, (uint8_t)getchar());
            } else {
                sa_board_poll(board);
                sa_board_poll(silent);
                line->now += 100;
            }
        }
    }
    free(board);
    free(silent);
    free(line);
    free(other);
    return 0;
}
