#include "sa_board.h"

#include "sa_operations.h"
#include "sa_send.h"
#include "sa_stream.h"

enum { PART_TEXT = SA_BODY_MAX - 3 };

static uint16_t text_length(const char *text)
{
    uint16_t length = 0;
    while (text[length] != '\0' && length < 0xFFFFu) {
        length++;
    }
    return length;
}

int sa_board_init(sa_board_t *board, const sa_board_config_t *config)
{
    uint16_t channels = 0;
    volatile uint8_t *bytes = (volatile uint8_t *)board;
    if (!config->read || !config->write || !config->send || !config->now_us || !config->description ||
        config->blocks > SA_BLOCKS_MAX || text_length(config->description) > 255u * PART_TEXT) {
        return -1;
    }
    for (uint8_t i = 0; i < config->blocks; i++) {
        if (config->block[i].channels == 0) {
            return -1;
        }
        channels = (uint16_t)(channels + config->block[i].channels);
    }
    if (8u + 2u * channels > SA_BODY_MAX) {
        return -1;
    }
    for (uint32_t i = 0; i < sizeof *board; i++) {
        bytes[i] = 0;
    }
    board->config = *config;
    board->operations = 0;
    board->channels = (uint8_t)channels;
    sa_receiver_init(&board->receiver);
    return 0;
}

void sa_board_receive(sa_board_t *board, uint8_t byte)
{
    const uint16_t next = (uint16_t)((board->received_in + 1u) % SA_RECEIVE_RING);
    if (next != board->received_out) {
        board->received[board->received_in] = byte;
        board->received_in = next;
    }
}

/* Queue the next part of the description. */
static bool describe(sa_board_t *board)
{
    const char *text = board->config.description;
    const uint16_t length = text_length(text);
    const uint16_t from = (uint16_t)(board->describe_at * PART_TEXT);
    sa_frame_t part;
    sa_frame_begin(&part, SA_DESCRIPTION);
    sa_frame_u8(&part, board->describe_id);
    sa_frame_u8(&part, board->describe_at);
    sa_frame_u8(&part, board->describe_total);
    for (uint16_t i = from; i < length && i < from + PART_TEXT; i++) {
        sa_frame_u8(&part, (uint8_t)text[i]);
    }
    sa_frame_end(&part);
    if (!sa_queue(board, &part)) {
        return false;
    }
    board->describe_at++;
    return true;
}

/* Queue answers as far as there is room. */
static void answer(sa_board_t *board)
{
    if (board->reply_waits) {
        board->reply_waits = !sa_queue(board, &board->reply);
    }
    while (board->describe_at < board->describe_total && describe(board)) {
    }
}

/* Whether a request was executed just before: then its answer goes out again. */
static bool again(sa_board_t *board, uint8_t id, uint16_t crc)
{
    if (board->repeatable && board->last_id == id && board->last_crc == crc) {
        board->reply_waits = true;
        return true;
    }
    board->repeatable = true;
    board->last_id = id;
    board->last_crc = crc;
    return false;
}

/* Hand a request on to the net; what it says is the answer. */
static void net(sa_board_t *board, uint8_t id, const uint8_t *request, uint16_t count)
{
    uint8_t said[SA_NETLOAD_ANSWER];
    uint16_t size = 0;
    if (!board->config.net) {
        sa_answer(board, id, SA_UNKNOWN);
        return;
    }
    size = board->config.net(board->config.net_user, request, count, said);
    sa_answer_begin(board, id, size > 0 ? SA_OK : SA_MALFORMED);
    sa_frame_bytes(&board->reply, said, size);
    sa_answer_end(board);
}

static void handle(sa_board_t *board, const uint8_t *payload, uint16_t count)
{
    const uint8_t kind = payload[0];
    const uint8_t *body = payload + 1;
    const uint8_t id = count > 1 ? body[0] : 0;
    const uint16_t crc = (uint16_t)(payload[count] | (uint16_t)payload[count + 1] << 8);
    if (kind < 0x80u) {
        return; /* what boards say: an echo, or two boards on one line */
    }
    if (count < 2 || (kind <= SA_STOP && count != 2)) {
        sa_answer(board, id, SA_MALFORMED);
        return;
    }
    switch (kind) {
    case SA_DESCRIBE: {
        const uint16_t parts =
            (uint16_t)((text_length(board->config.description) + PART_TEXT - 1u) / PART_TEXT);
        board->repeatable = false;
        board->describe_id = id;
        board->describe_at = 0;
        board->describe_total = parts > 0 ? (uint8_t)parts : 1;
        break;
    }
    case SA_START:
        sa_start(board, id);
        break;
    case SA_STOP:
        sa_stop(board, id);
        break;
    case SA_OPERATIONS:
        if (again(board, id, crc)) {
            break;
        }
        sa_operations_begin(board, id, body + 1, (uint16_t)(count - 2u));
        break;
    case SA_NETLOAD:
        if (again(board, id, crc)) {
            break;
        }
        net(board, id, body + 1, (uint16_t)(count - 2u));
        break;
    case SA_WATCH:
        sa_watch(board, body, (uint16_t)(count - 1u));
        break;
    default:
        sa_answer(board, id, SA_UNKNOWN);
        break;
    }
}

/* Take received bytes up to the end of a frame. */
static void receive(sa_board_t *board)
{
    while (board->received_out != board->received_in) {
        const uint16_t out = board->received_out;
        const uint8_t byte = board->received[out];
        board->received_out = (uint16_t)((out + 1u) % SA_RECEIVE_RING);
        const uint16_t count = sa_receiver_push(&board->receiver, byte);
        if (count > 0) {
            handle(board, sa_receiver_payload(&board->receiver), count);
            return;
        }
    }
}

void sa_board_poll(sa_board_t *board)
{
    sa_drain(board);
    if (board->operations) {
        sa_operations_step(board);
    } else {
        if (!board->reply_waits && board->describe_at == board->describe_total) {
            receive(board);
        }
        /* a new request is answered before more data fill the ring */
        answer(board);
        if (!board->operations) {
            sa_stream_step(board);
        }
    }
    answer(board);
    sa_drain(board);
}
