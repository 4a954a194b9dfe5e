#include "sa_net.h"

static void send(sa_net_t *net)
{
    sa_frame_end(&net->frame);
    for (uint16_t i = 0; i < net->frame.length; i++) {
        net->put(net->frame.bytes[i]);
    }
}

static void begin_reply(sa_net_t *net, uint8_t id, uint8_t status)
{
    sa_frame_begin(&net->frame, SA_REPLY);
    sa_frame_u8(&net->frame, id);
    sa_frame_u8(&net->frame, status);
}

static void reply(sa_net_t *net, uint8_t id, uint8_t status)
{
    begin_reply(net, id, status);
    send(net);
}

static void describe(sa_net_t *net, uint8_t id)
{
    const char *const texts[2] = {net->description, net->board};

    for (uint8_t part = 0; part < 2U; part++) {
        sa_frame_begin(&net->frame, SA_DESCRIPTION);
        sa_frame_u8(&net->frame, id);
        sa_frame_u8(&net->frame, part);
        sa_frame_u8(&net->frame, 2);
        for (const char *c = texts[part]; *c != '\0'; c++) {
            sa_frame_u8(&net->frame, (uint8_t)*c);
        }
        send(net);
    }
}

/* Where byte `offset` of areas that follow one another lies; 0: behind all of them. */
static uint8_t *byte_at(const sa_net_area_t *areas, uint32_t count, uint32_t offset)
{
    for (uint32_t i = 0; i < count; i++) {
        if (offset < areas[i].bytes) {
            return areas[i].at + offset;
        }
        offset -= areas[i].bytes;
    }
    return 0;
}

static uint32_t number(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void write_input(sa_net_t *net, uint8_t id, const uint8_t *body, uint16_t count)
{
    if (count < 4U) {
        reply(net, id, SA_MALFORMED);
        return;
    }
    const uint32_t offset = number(body);
    for (uint32_t i = 0; i + 4U < count; i++) {
        uint8_t *to = byte_at(net->inputs, net->input_count, offset + i);
        if (to == 0 || offset + i < offset) {
            reply(net, id, SA_MALFORMED);
            return;
        }
        *to = body[4U + i];
    }
    reply(net, id, SA_OK);
}

static void read_output(sa_net_t *net, uint8_t id, const uint8_t *body, uint16_t count)
{
    if (count != 5U) {
        reply(net, id, SA_MALFORMED);
        return;
    }
    const uint32_t offset = number(body);
    begin_reply(net, id, SA_OK);
    if (body[4] > sa_frame_room(&net->frame)) {
        reply(net, id, SA_TOO_LONG);
        return;
    }
    for (uint32_t i = 0; i < body[4]; i++) {
        const uint8_t *from = byte_at(net->outputs, net->output_count, offset + i);
        if (from == 0 || offset + i < offset) {
            reply(net, id, SA_MALFORMED);
            return;
        }
        sa_frame_u8(&net->frame, *from);
    }
    send(net);
}

static void run(sa_net_t *net, uint8_t id)
{
    /* a request that comes again, because its reply was lost, is not run again */
    if (net->ran != id || id == 0U) {
        const uint32_t begun = net->cycles();
        const int made = net->run();
        net->took = net->cycles() - begun;
        net->ran = 0;
        if (made < 0) {
            reply(net, id, SA_MISMATCH);
            return;
        }
        net->there = made > 0 ? 1 : 0;
        net->ran = id;
    }
    begin_reply(net, id, SA_OK);
    sa_frame_u8(&net->frame, net->there);
    sa_frame_u32(&net->frame, net->took);
    send(net);
}

void sa_net_start(sa_net_t *net)
{
    sa_receiver_init(&net->receiver);
    net->ran = 0;
    net->there = 0;
    net->took = 0;
}

void sa_net_receive(sa_net_t *net, uint8_t byte)
{
    const uint16_t length = sa_receiver_push(&net->receiver, byte);

    if (length < 2U) {
        return;
    }
    const uint8_t *payload = sa_receiver_payload(&net->receiver);
    const uint8_t kind = payload[0], id = payload[1];
    if (kind == SA_NET_RUN && length == 2U) {
        run(net, id);
        return;
    }
    if (kind < SA_DESCRIBE) {
        return;
    }
    net->ran = 0;
    switch (kind) {
    case SA_DESCRIBE:
        describe(net, id);
        break;
    case SA_NET_RESTART:
        reply(net, id, net->restart() == 0 ? SA_OK : SA_MISMATCH);
        break;
    case SA_NET_WRITE:
        write_input(net, id, payload + 2, (uint16_t)(length - 2U));
        break;
    case SA_NET_READ:
        read_output(net, id, payload + 2, (uint16_t)(length - 2U));
        break;
    default:
        reply(net, id, kind == SA_NET_RUN ? SA_MALFORMED : SA_UNKNOWN);
        break;
    }
}
