/* A net behind the serial protocol (docs/protocol.md): inputs are written, a call is run and timed, outputs are
   read. C99, no heap; what it calls waits until it is done. */
#ifndef SA_NET_H
#define SA_NET_H

#include <stdint.h>

#include "sa_frames.h"
#include "sa_messages.h"

/* Memory of one input or output. */
typedef struct {
    uint8_t *at;
    uint32_t bytes;
} sa_net_area_t;

typedef struct {
    /* the net: sa_net_fill of board_net.c sets these */
    const sa_net_area_t *inputs;
    uint32_t input_count;
    const sa_net_area_t *outputs;
    uint32_t output_count;
    int (*restart)(void);    /* as after the start; 0: done */
    int (*run)(void);        /* below 0: failed; 0: done, no outputs yet; 1: outputs are there */
    const char *description; /* lines of what it is, at most 248 bytes */
    /* the board: its main sets these */
    const char *board;         /* more such lines */
    uint32_t (*cycles)(void);  /* a counter that runs up and wraps at 2^32 */
    void (*put)(uint8_t byte); /* waits until the line takes it */
    /* for sa_net.c alone */
    sa_receiver_t receiver;
    sa_frame_t frame;
    uint8_t ran; /* id of the last RUN, 0: none since another request */
    uint8_t there;
    uint32_t took;
} sa_net_t;

/* Sets the net; written for each project in board_net.c. */
void sa_net_fill(sa_net_t *net);
/* Call once all pointers are set. */
void sa_net_start(sa_net_t *net);
/* Takes a byte of the line, and answers where it ends a request. */
void sa_net_receive(sa_net_t *net, uint8_t byte);

#endif
