/* A net in flash that the host replaces: requests NET LOAD of docs/protocol.md, answered with sa_update.h. Set
   `net` of sa_board_config_t to sa_netload_request and `net_user` to one of these. sa_update.h and sa_blob.h come with this
   firmware, and with every project of 'sensorai generate --updatable' or '--relocatable'. */
#ifndef SA_NETLOAD_H
#define SA_NETLOAD_H

#include "sa_update.h"

typedef struct {
    sa_update_t *update; /* begun */
    /* Another net is in use: take it up, as NAME_use or NAME_slot_init does, before the next call. 0 or a code. */
    int (*changed)(void *user, const uint8_t *blob);
    void *user;
} sa_netload_t;

enum { SA_NETLOAD_ASK = 0, SA_NETLOAD_OPEN = 1, SA_NETLOAD_WRITE = 2, SA_NETLOAD_CLOSE = 3 };

/* Answer a request without its id in at most SA_NETLOAD_ANSWER bytes (sa_messages.h); returns how many, 0: the
   request makes no sense. */
uint16_t sa_netload_request(void *net, const uint8_t *request, uint16_t count, uint8_t *answer);

#endif
