/* What a board sends unasked: samples as they become ready, result registers while they are watched. */
#include "sa_stream.h"

#include "sa_send.h"

static uint32_t now_us(const sa_board_t *board)
{
    return board->config.now_us(board->config.user);
}

/* Send a frame, or drop it whole when there is no room, or an answer is to go first. */
static void emit(sa_board_t *board, sa_frame_t *frame)
{
    sa_frame_end(frame);
    if (!board->reply_waits) {
        (void)sa_queue(board, frame);
    }
}

/* Send the samples that there are. The number counts up even if the frame is dropped: the gap shows it. */
static void flush(sa_board_t *board)
{
    if (board->samples > 0) {
        board->data.bytes[9] = board->samples; /* behind zero, code, type, sequence and time */
        emit(board, &board->data);
        board->data_sequence++;
        board->samples = 0;
    }
}

/* The bus failed: no more data, no more results, and the host learns why. */
static void give_up(sa_board_t *board, uint8_t id)
{
    if (board->reply_waits) {
        return; /* an answer is not out yet: fail again next time */
    }
    flush(board);
    board->capturing = false;
    board->watched = 0;
    sa_answer(board, id, SA_BUS);
}

/* Read what is watched; send it, or only what changed. */
static int read_watched(sa_board_t *board, uint32_t time, bool changes)
{
    const sa_board_config_t *bus = &board->config;
    const uint8_t user_bank = 0;
    for (uint8_t i = 0; i < board->watched; i++) {
        sa_watched_t *one = &board->watch[i];
        uint8_t values[SA_WATCH_BYTES];
        bool differs = !one->sent;
        int failed = 0;
        if (one->page != 0) {
            failed |= bus->write(bus->user, board->watch_bank, &one->page, 1);
        }
        if (!failed) {
            failed |= bus->read(bus->user, one->address, values, one->length);
        }
        if (one->page != 0) {
            failed |= bus->write(bus->user, board->watch_bank, &user_bank, 1);
        }
        if (failed) {
            return -1;
        }
        for (uint8_t k = 0; k < one->length; k++) {
            differs = differs || values[k] != one->last[k];
            one->last[k] = values[k];
        }
        if (differs || !changes) {
            sa_frame_t frame;
            sa_frame_begin(&frame, SA_RESULT);
            sa_frame_u16(&frame, board->watch_sequence++);
            sa_frame_u32(&frame, time);
            sa_frame_u8(&frame, one->page);
            sa_frame_u8(&frame, one->address);
            sa_frame_bytes(&frame, values, one->length);
            emit(board, &frame);
            one->sent = true;
        }
    }
    return 0;
}

static int read_sample(sa_board_t *board)
{
    const sa_board_config_t *bus = &board->config;
    const uint32_t time = now_us(board);
    uint8_t values[SA_BODY_MAX];
    uint16_t at = 0;
    for (uint8_t i = 0; i < bus->blocks; i++) {
        const uint16_t count = (uint16_t)(2u * bus->block[i].channels);
        if (bus->read(bus->user, bus->block[i].address, values + at, count) != 0) {
            return -1;
        }
        at = (uint16_t)(at + count);
    }
    if (board->samples == 0) {
        board->first_us = time;
        sa_frame_begin(&board->data, SA_DATA);
        sa_frame_u16(&board->data, board->data_sequence);
        sa_frame_u32(&board->data, time);
        sa_frame_u8(&board->data, 0); /* samples: known at the end */
        sa_frame_u8(&board->data, board->channels);
    }
    sa_frame_bytes(&board->data, values, at);
    board->samples++;
    if (sa_frame_room(&board->data) < at) {
        flush(board);
    }
    return board->watch_period_us == 0 ? read_watched(board, time, true) : 0;
}

static void capture(sa_board_t *board)
{
    uint8_t status = 0;
    int failed = board->config.read(board->config.user, board->config.status, &status, 1);
    if (!failed && (status & board->config.ready) == board->config.ready) {
        failed = read_sample(board);
    }
    if (failed) {
        give_up(board, board->capture_id);
    } else if (board->samples > 0 && now_us(board) - board->first_us >= SA_FLUSH_US) {
        flush(board);
    }
}

void sa_stream_step(sa_board_t *board)
{
    if (board->capturing) {
        capture(board);
    }
    if (board->watched > 0 && board->watch_period_us > 0) {
        const uint32_t now = now_us(board);
        if (now - board->watch_since >= board->watch_period_us) {
            board->watch_since += board->watch_period_us;
            if (now - board->watch_since >= board->watch_period_us) {
                board->watch_since = now; /* late by more than a period: no burst to catch up */
            }
            if (read_watched(board, now, false) != 0) {
                give_up(board, board->watch_id);
            }
        }
    }
}

void sa_start(sa_board_t *board, uint8_t id)
{
    uint8_t status;
    if (board->config.blocks == 0) {
        sa_answer(board, id, SA_UNKNOWN);
        return;
    }
    if (board->config.read(board->config.user, board->config.status, &status, 1) != 0) {
        sa_answer(board, id, SA_BUS);
        return;
    }
    board->capturing = true;
    board->capture_id = id;
    board->samples = 0;
    board->data_sequence = 0;
    sa_answer(board, id, SA_OK);
}

void sa_stop(sa_board_t *board, uint8_t id)
{
    if (board->capturing) {
        board->capturing = false;
        flush(board);
    }
    sa_answer(board, id, SA_OK);
}

void sa_watch(sa_board_t *board, const uint8_t *body, uint16_t count)
{
    const uint8_t id = body[0];
    const uint16_t entries = (uint16_t)((count - 4u) / 3u);
    if (count < 4 || (count - 4u) % 3u != 0 || entries > SA_WATCH_MAX) {
        sa_answer(board, id, SA_MALFORMED);
        return;
    }
    for (uint16_t i = 0; i < entries; i++) {
        const uint8_t length = body[4u + 3u * i + 2u];
        if (length == 0 || length > SA_WATCH_BYTES) {
            sa_answer(board, id, SA_MALFORMED);
            return;
        }
    }
    for (uint16_t i = 0; i < entries; i++) {
        sa_watched_t *one = &board->watch[i];
        one->page = body[4u + 3u * i];
        one->address = body[4u + 3u * i + 1u];
        one->length = body[4u + 3u * i + 2u];
        one->sent = false;
    }
    board->watch_id = id;
    board->watch_bank = body[3];
    board->watch_period_us = 1000u * ((uint32_t)body[1] | (uint32_t)body[2] << 8);
    board->watch_since = now_us(board) - board->watch_period_us;
    board->watch_sequence = 0;
    board->watched = (uint8_t)entries;
    sa_answer(board, id, SA_OK);
}
