#include "sa_update.h"

/* The record: a mark, the number of the update, its inverse, the checksum of the blob, its bytes, a checksum. */
enum { RECORD_SEQUENCE = 4, RECORD_INVERSE = 8, RECORD_CRC = 12, RECORD_BYTES = 16, RECORD_CHECK = 20 };
#define RECORD_MARK 0x4B4F4E53U /* "SNOK" */
#define RECORD_USED 24U

static void put(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value & 0xFFU);
    to[1] = (uint8_t)(value >> 8 & 0xFFU);
    to[2] = (uint8_t)(value >> 16 & 0xFFU);
    to[3] = (uint8_t)(value >> 24);
}

uint32_t sa_update_room(const sa_update_flash_t *flash)
{
    return flash->bytes - SA_UPDATE_RECORD;
}

/* 1 and the number of the update where a slot says that its blob is complete, else 0. */
static int recorded(const sa_update_flash_t *flash, int32_t slot, uint32_t *sequence)
{
    uint8_t record[SA_UPDATE_RECORD];

    if (flash->read(flash->user, flash->slot[slot] + sa_update_room(flash), record, SA_UPDATE_RECORD) != 0) {
        return 0;
    }
    *sequence = sa_blob_u32(record + RECORD_SEQUENCE);
    return sa_blob_u32(record) == RECORD_MARK && sa_blob_u32(record + RECORD_INVERSE) == ~*sequence &&
           sa_blob_u32(record + RECORD_CHECK) == sa_blob_crc(0, record, RECORD_CHECK);
}

/* 0 where the blob of a slot may be used; it is the one that the record is of. */
static int usable(const sa_update_t *u, int32_t slot)
{
    const sa_update_flash_t *flash = u->flash;
    const uint8_t *blob = flash->mapped[slot];
    uint8_t record[SA_UPDATE_RECORD];
    const int code = sa_blob_check(blob, sa_update_room(flash), u->wants);

    if (code != 0) {
        return code;
    }
    if (flash->read(flash->user, flash->slot[slot] + sa_update_room(flash), record, SA_UPDATE_RECORD) != 0) {
        return SA_UPDATE_FLASH;
    }
    return sa_blob_u32(record + RECORD_CRC) == sa_blob_u32(blob + SA_BLOB_AT_CRC) &&
                   sa_blob_u32(record + RECORD_BYTES) == sa_blob_u32(blob + SA_BLOB_AT_BYTES)
               ? 0
               : SA_BLOB_DAMAGED;
}

static int slots_fit(const sa_update_flash_t *flash)
{
    const uint32_t unit = flash->unit, sector = flash->sector;
    const uint32_t apart =
        flash->slot[0] < flash->slot[1] ? flash->slot[1] - flash->slot[0] : flash->slot[0] - flash->slot[1];

    return unit != 0U && (unit & (unit - 1U)) == 0U && unit <= SA_UPDATE_UNIT && sector != 0U &&
           sector % SA_UPDATE_UNIT == 0U && flash->bytes % sector == 0U && flash->slot[0] % sector == 0U &&
           flash->slot[1] % sector == 0U && apart >= flash->bytes &&
           flash->bytes > SA_UPDATE_RECORD + SA_BLOB_HEADER;
}

int sa_update_begin(sa_update_t *u, const sa_update_flash_t *flash, const sa_blob_wants_t *wants)
{
    uint32_t sequence[2] = {0, 0};
    int there[2], code = SA_UPDATE_EMPTY;
    int32_t first, k;

    u->flash = flash;
    u->wants = wants;
    u->active = -1;
    u->target = -1;
    u->sequence = 0;
    u->bytes = u->came = u->crc = 0;
    if (!slots_fit(flash)) {
        return SA_UPDATE_SLOTS;
    }
    for (k = 0; k < 2; k++) {
        there[k] = recorded(flash, k, &sequence[k]);
    }
    /* the later one, however often the number went round */
    first = there[0] && there[1] ? (int32_t)((sequence[1] - sequence[0]) >> 31 == 0U) : (int32_t)(there[1] != 0);
    for (k = 0; k < 2; k++) {
        const int32_t slot = k == 0 ? first : 1 - first;
        if (there[slot]) {
            const int found = usable(u, slot);
            if (found == 0) {
                u->active = slot;
                u->sequence = sequence[slot];
                return 0;
            }
            code = code == SA_UPDATE_EMPTY ? found : code;
        }
    }
    return code;
}

const uint8_t *sa_update_net(const sa_update_t *u)
{
    return u->active < 0 ? 0 : u->flash->mapped[u->active];
}

int sa_update_open(sa_update_t *u, const uint8_t *head, uint32_t bytes)
{
    const sa_update_flash_t *flash = u->flash;
    int code = slots_fit(flash) ? sa_blob_refused(head, sa_update_room(flash), u->wants) : SA_UPDATE_SLOTS;
    uint32_t at;

    if (code != 0) {
        return code;
    }
    if (sa_blob_u32(head + SA_BLOB_AT_BYTES) != bytes) {
        return SA_BLOB_DAMAGED;
    }
    if (u->target >= 0 && u->bytes == bytes && u->crc == sa_blob_u32(head + SA_BLOB_AT_CRC)) {
        return 0;
    }
    u->target = u->active == 0 ? 1 : 0;
    u->bytes = bytes;
    u->came = 0;
    u->crc = sa_blob_u32(head + SA_BLOB_AT_CRC);
    /* from the end: the record that says that the slot is complete goes first */
    for (at = flash->bytes; at > 0U; at -= flash->sector) {
        code = flash->erase(flash->user, flash->slot[u->target] + at - flash->sector);
        if (code != 0) {
            u->target = -1;
            return SA_UPDATE_FLASH;
        }
    }
    return 0;
}

/* Program the unit that is complete, the last one filled up. */
static int flush(sa_update_t *u, uint32_t end)
{
    const sa_update_flash_t *flash = u->flash;
    const uint32_t used = (end - 1U) % flash->unit + 1U;
    uint32_t i;

    for (i = used; i < flash->unit; i++) {
        u->waiting[i] = 0xFFU;
    }
    return flash->program(flash->user, flash->slot[u->target] + end - used, u->waiting, flash->unit);
}

int sa_update_write(sa_update_t *u, uint32_t place, const uint8_t *data, uint32_t count)
{
    uint32_t i;

    if (u->target < 0 || place > u->came) {
        return SA_UPDATE_ORDER;
    }
    if (count > u->bytes || place > u->bytes - count) {
        return SA_BLOB_LARGE;
    }
    for (i = u->came - place; i < count; i++) {
        u->waiting[u->came % u->flash->unit] = data[i];
        u->came++;
        if (u->came % u->flash->unit == 0U || u->came == u->bytes) {
            if (flush(u, u->came) != 0) {
                u->target = -1;
                return SA_UPDATE_FLASH;
            }
        }
    }
    return 0;
}

uint32_t sa_update_came(const sa_update_t *u)
{
    return u->target < 0 ? 0U : u->came;
}

/* Write the record: with it the slot counts. */
static int record(sa_update_t *u)
{
    const sa_update_flash_t *flash = u->flash;
    const uint8_t *blob = flash->mapped[u->target];
    const uint32_t sequence = u->sequence + 1U;
    uint8_t bytes[SA_UPDATE_RECORD];
    uint32_t found, i;

    for (i = RECORD_USED; i < SA_UPDATE_RECORD; i++) {
        bytes[i] = 0xFFU;
    }
    put(bytes, RECORD_MARK);
    put(bytes + RECORD_SEQUENCE, sequence);
    put(bytes + RECORD_INVERSE, ~sequence);
    put(bytes + RECORD_CRC, sa_blob_u32(blob + SA_BLOB_AT_CRC));
    put(bytes + RECORD_BYTES, u->bytes);
    put(bytes + RECORD_CHECK, sa_blob_crc(0, bytes, RECORD_CHECK));
    if (flash->program(flash->user, flash->slot[u->target] + sa_update_room(flash), bytes, SA_UPDATE_RECORD) != 0 ||
        !recorded(flash, u->target, &found) || found != sequence) {
        return SA_UPDATE_FLASH;
    }
    u->sequence = sequence;
    return 0;
}

int sa_update_close(sa_update_t *u)
{
    int code;

    if (u->target < 0 || u->came != u->bytes) {
        return SA_UPDATE_ORDER;
    }
    code = sa_blob_check(u->flash->mapped[u->target], sa_update_room(u->flash), u->wants);
    if (code == 0 && sa_blob_u32(u->flash->mapped[u->target] + SA_BLOB_AT_BYTES) != u->bytes) {
        code = SA_BLOB_DAMAGED;
    }
    if (code == 0) {
        code = record(u);
    }
    if (code == 0) {
        u->active = u->target;
    }
    u->target = -1;
    return code;
}
