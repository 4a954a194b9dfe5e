/* Register operations: executed one after the other, without waiting, up to the first that fails. */
#include "sa_operations.h"

#include "sa_send.h"

enum {
    WRITE = 0x01,
    WRITE_PORT = 0x02,
    DELAY = 0x03,
    POLL = 0x04,
    READ = 0x05,
    COMPARE = 0x06,
    READ_PORT = 0x07,
    COMPARE_PORT = 0x08
};

enum { CHUNK = 32 };

/* What became of one operation. */
typedef enum { DONE, AGAIN, FAILED } outcome_t;

void sa_operations_begin(sa_board_t *board, uint8_t id, const uint8_t *operations, uint16_t count)
{
    board->operations = operations;
    board->operations_end = count;
    board->operations_at = 0;
    board->executed = 0;
    board->waiting = false;
    sa_answer_begin(board, id, SA_OK);
    sa_frame_u8(&board->reply, 0); /* executed: known at the end */
}

/* id, status and executed of the reply under construction */
static uint8_t *reply_head(sa_board_t *board)
{
    return board->reply.bytes + 3;
}

static outcome_t fail(sa_board_t *board, uint8_t status)
{
    sa_frame_t *reply = &board->reply;
    const uint8_t id = reply_head(board)[0];
    sa_answer_begin(board, id, status);
    sa_frame_u8(reply, board->executed);
    return FAILED;
}

static outcome_t fail_at(sa_board_t *board, uint8_t status, uint8_t address, uint8_t offset,
                         uint8_t expected, uint8_t actual)
{
    (void)fail(board, status);
    sa_frame_u8(&board->reply, address);
    sa_frame_u8(&board->reply, offset);
    sa_frame_u8(&board->reply, expected);
    sa_frame_u8(&board->reply, actual);
    return FAILED;
}

static outcome_t write_port(sa_board_t *board, uint8_t address, const uint8_t *data, uint8_t count)
{
    for (uint8_t i = 0; i < count; i++) {
        if (board->config.write(board->config.user, address, data + i, 1) != 0) {
            return fail_at(board, SA_BUS, address, i, 0, 0);
        }
    }
    return DONE;
}

/* True once `ms` have passed since the operation began. */
static bool passed(sa_board_t *board, uint32_t ms)
{
    const uint32_t now = board->config.now_us(board->config.user);
    if (!board->waiting) {
        board->waiting = true;
        board->since = now;
    }
    return now - board->since >= ms * 1000u;
}

static outcome_t poll(sa_board_t *board, const uint8_t *operation)
{
    const uint8_t address = operation[1], mask = operation[2], value = operation[3];
    const uint32_t timeout = (uint32_t)operation[4] | (uint32_t)operation[5] << 8;
    const bool late = passed(board, timeout);
    uint8_t actual = 0;
    if (board->config.read(board->config.user, address, &actual, 1) != 0) {
        return fail_at(board, SA_BUS, address, 0, 0, 0);
    }
    actual &= mask;
    if (actual == value) {
        return DONE;
    }
    return late ? fail_at(board, SA_TIMEOUT, address, 0, value, actual) : AGAIN;
}

/* Read registers, or one register again and again: into the reply, or to compare with `expected`. */
static outcome_t read(sa_board_t *board, uint8_t address, uint8_t count, bool port, const uint8_t *expected)
{
    uint8_t data[CHUNK];
    uint8_t done = 0;
    if (!expected && count > sa_frame_room(&board->reply)) {
        return fail(board, SA_TOO_LONG);
    }
    while (done < count) {
        const uint8_t left = (uint8_t)(count - done);
        const uint8_t now = port ? 1 : left < CHUNK ? left : CHUNK;
        const uint8_t from = port ? address : (uint8_t)(address + done);
        if (board->config.read(board->config.user, from, data, now) != 0) {
            return fail_at(board, SA_BUS, from, done, 0, 0);
        }
        for (uint8_t i = 0; i < now; i++) {
            if (!expected) {
                sa_frame_u8(&board->reply, data[i]);
            } else if (data[i] != expected[done + i]) {
                return fail_at(board, SA_MISMATCH, (uint8_t)(from + i), (uint8_t)(done + i),
                               expected[done + i], data[i]);
            }
        }
        done = (uint8_t)(done + now);
    }
    return DONE;
}

/* Bytes of the operation that begins `left` bytes before the end; 0: cut off; sets *known. */
static uint16_t size_of(const uint8_t *operation, uint16_t left, bool *known)
{
    uint16_t size = 3;
    *known = true;
    switch (operation[0]) {
    case WRITE:
    case DELAY:
    case READ:
    case READ_PORT:
        break;
    case POLL:
        size = 6;
        break;
    case WRITE_PORT:
    case COMPARE:
    case COMPARE_PORT:
        size = left < 3 ? 3 : (uint16_t)(3u + operation[2]);
        break;
    default:
        *known = false;
        return 0;
    }
    return size <= left ? size : 0;
}

static outcome_t execute(sa_board_t *board, const uint8_t *operation)
{
    const uint8_t address = operation[1], count = operation[2];
    switch (operation[0]) {
    case WRITE:
        return write_port(board, address, operation + 2, 1);
    case WRITE_PORT:
        return write_port(board, address, operation + 3, count);
    case DELAY:
        return passed(board, (uint32_t)operation[1] | (uint32_t)operation[2] << 8) ? DONE : AGAIN;
    case POLL:
        return poll(board, operation);
    case READ:
    case READ_PORT:
        return read(board, address, count, operation[0] == READ_PORT, 0);
    default:
        return read(board, address, count, operation[0] == COMPARE_PORT, operation + 3);
    }
}

static void finish(sa_board_t *board)
{
    reply_head(board)[2] = board->executed;
    board->operations = 0;
    sa_answer_end(board);
}

void sa_operations_step(sa_board_t *board)
{
    while (board->operations_at < board->operations_end) {
        const uint8_t *operation = board->operations + board->operations_at;
        bool known;
        const uint16_t size =
            size_of(operation, (uint16_t)(board->operations_end - board->operations_at), &known);
        const outcome_t outcome =
            size > 0 ? execute(board, operation) : fail(board, known ? SA_MALFORMED : SA_UNKNOWN);
        if (outcome == AGAIN) {
            return;
        }
        if (outcome == FAILED) {
            break;
        }
        board->operations_at = (uint16_t)(board->operations_at + size);
        board->executed++;
        board->waiting = false;
    }
    finish(board);
}
