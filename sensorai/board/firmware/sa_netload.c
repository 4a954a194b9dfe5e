#include "sa_netload.h"

enum { HEAD = 5, TEXT_MAX = 96 };

static void put(uint8_t *to, uint32_t value)
{
    for (uint32_t i = 0; i < 4u; i++) {
        to[i] = (uint8_t)(value >> 8u * i & 0xFFu);
    }
}

/* The code, how many bytes came, and words for the code where it is an error. */
static uint16_t tell(const sa_update_t *u, int code, uint8_t *answer)
{
    uint16_t count = HEAD;
    answer[0] = (uint8_t)(code & 0xFF);
    put(answer + 1, sa_update_came(u));
    if (code != 0) {
        const char *words = sa_blob_words(code);
        while (*words != '\0' && count < HEAD + TEXT_MAX) {
            answer[count++] = (uint8_t)*words++;
        }
    }
    return count;
}

static void copy(uint8_t *to, const uint8_t *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        to[i] = from[i];
    }
}

/* What is in use, and what the program takes. */
static uint16_t ask(const sa_update_t *u, uint8_t *answer)
{
    const uint8_t *blob = sa_update_net(u);
    answer[0] = (uint8_t)(blob != 0 ? 0 : SA_UPDATE_EMPTY & 0xFF);
    put(answer + 1, sa_update_came(u));
    put(answer + 5, sa_update_room(u->flash));
    put(answer + 9, u->wants->core);
    put(answer + 13, u->wants->context);
    put(answer + 17, u->wants->oldest);
    copy(answer + 21, u->wants->interface, 32);
    put(answer + 53, blob != 0 ? sa_blob_u32(blob + SA_BLOB_AT_VERSION) : 0u);
    for (uint32_t i = 0; i < 16u; i++) {
        answer[57u + i] = blob != 0 ? blob[SA_BLOB_AT_CONTENT + i] : 0u;
    }
    return 73;
}

uint16_t sa_netload_request(void *net, const uint8_t *request, uint16_t count, uint8_t *answer)
{
    const sa_netload_t *n = net;
    sa_update_t *u = n->update;
    int code;
    if (count < 1) {
        return 0;
    }
    switch (request[0]) {
    case SA_NETLOAD_ASK:
        return count == 1 ? ask(u, answer) : 0;
    case SA_NETLOAD_OPEN:
        if (count != 1u + 4u + SA_BLOB_HEADER) {
            return 0;
        }
        return tell(u, sa_update_open(u, request + 5, sa_blob_u32(request + 1)), answer);
    case SA_NETLOAD_WRITE:
        if (count < 6) {
            return 0;
        }
        return tell(u, sa_update_write(u, sa_blob_u32(request + 1), request + 5, count - 5u), answer);
    case SA_NETLOAD_CLOSE:
        code = count == 1 ? sa_update_close(u) : SA_UPDATE_ORDER;
        if (code == 0) {
            code = n->changed(n->user, sa_update_net(u));
        }
        return tell(u, code, answer);
    default:
        return 0;
    }
}
