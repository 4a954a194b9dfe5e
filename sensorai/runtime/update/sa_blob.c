#include "sa_blob.h"

uint32_t sa_blob_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t u16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

uint32_t sa_blob_crc(uint32_t crc, const uint8_t *data, uint32_t count)
{
    /* of four bits: 64 bytes of table */
    static const uint32_t nibble[16] = {
        0x00000000U, 0x1DB71064U, 0x3B6E20C8U, 0x26D930ACU, 0x76DC4190U, 0x6B6B51F4U, 0x4DB26158U, 0x5005713CU,
        0xEDB88320U, 0xF00F9344U, 0xD6D6A3E8U, 0xCB61B38CU, 0x9B64C2B0U, 0x86D3D2D4U, 0xA00AE278U, 0xBDBDF21CU,
    };
    uint32_t i;

    crc = ~crc;
    for (i = 0; i < count; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ nibble[crc & 15U];
        crc = crc >> 4 ^ nibble[crc & 15U];
    }
    return ~crc;
}

int sa_blob_refused(const uint8_t *head, uint32_t room, const sa_blob_wants_t *wants)
{
    const uint32_t bytes = sa_blob_u32(head + SA_BLOB_AT_BYTES), start = u16(head + SA_BLOB_AT_START);
    const uint32_t ports = u16(head + SA_BLOB_AT_INPUTS) + u16(head + SA_BLOB_AT_OUTPUTS);
    const uint32_t tables = sa_blob_u32(head + SA_BLOB_AT_TABLES);
    uint32_t i;

    if (head[0] != 'S' || head[1] != 'N' || head[2] != 'E' || head[3] != 'T') {
        return SA_BLOB_NONE;
    }
    if (u16(head + SA_BLOB_AT_FORMAT) != SA_BLOB_FORMAT) {
        return SA_BLOB_OTHER;
    }
    if (bytes > room) {
        return SA_BLOB_LARGE;
    }
    for (i = 0; i < 32U; i++) {
        if (head[SA_BLOB_AT_INTERFACE + i] != wants->interface[i]) {
            return SA_BLOB_INTERFACE;
        }
    }
    if ((sa_blob_u32(head + SA_BLOB_AT_NEEDS) & ~wants->core) != 0U) {
        return SA_BLOB_CORE;
    }
    if (sa_blob_u32(head + SA_BLOB_AT_CONTEXT) > wants->context) {
        return SA_BLOB_MEMORY;
    }
    if (sa_blob_u32(head + SA_BLOB_AT_VERSION) < wants->oldest) {
        return SA_BLOB_OLD;
    }
    /* places that are read without looking at them again */
    if (start % SA_BLOB_ALIGN != 0U || start < SA_BLOB_HEADER + ports * SA_BLOB_PORT || start > tables ||
        tables > bytes || tables % 8U != 0U || bytes - tables < wants->tables) {
        return SA_BLOB_DAMAGED;
    }
    for (i = SA_BLOB_AT_INIT; i <= SA_BLOB_AT_RUN; i += 4U) {
        const uint32_t at = sa_blob_u32(head + i);
        if (at != 0U && (at < start || at >= bytes)) {
            return SA_BLOB_DAMAGED;
        }
    }
    return 0;
}

int sa_blob_check(const uint8_t *blob, uint32_t room, const sa_blob_wants_t *wants)
{
    uint32_t bytes, crc;
    int code;

    if (((uintptr_t)blob & (SA_BLOB_ALIGN - 1U)) != 0U) {
        return SA_BLOB_PLACE;
    }
    if (room < SA_BLOB_HEADER) {
        return SA_BLOB_LARGE;
    }
    code = sa_blob_refused(blob, room, wants);
    if (code != 0) {
        return code;
    }
    bytes = sa_blob_u32(blob + SA_BLOB_AT_BYTES);
    crc = sa_blob_crc(0, blob, SA_BLOB_AT_CRC);
    crc = sa_blob_crc(crc, blob + SA_BLOB_AT_CRC + 4, bytes - SA_BLOB_AT_CRC - 4U);
    return crc == sa_blob_u32(blob + SA_BLOB_AT_CRC) ? 0 : SA_BLOB_DAMAGED;
}

const char *sa_blob_words(int code)
{
    switch (code) {
    case 0:
        return "done";
    case SA_BLOB_NONE:
        return "this is no blob of a net";
    case SA_BLOB_OTHER:
        return "the blob has a format that the program does not know";
    case SA_BLOB_LARGE:
        return "the blob is larger than its slot";
    case SA_BLOB_INTERFACE:
        return "the blob is for another program: interfaces differ";
    case SA_BLOB_CORE:
        return "the blob's code needs instructions that the core lacks";
    case SA_BLOB_MEMORY:
        return "the net needs more working memory than the program has";
    case SA_BLOB_OLD:
        return "the blob is older than the program takes";
    case SA_BLOB_DAMAGED:
        return "the blob is damaged";
    case SA_BLOB_PLACE:
        return "the blob does not lie on a multiple of 16 bytes";
    case SA_UPDATE_ORDER:
        return "bytes before these are missing";
    case SA_UPDATE_FLASH:
        return "the flash did not take the bytes";
    case SA_UPDATE_SLOTS:
        return "the slots do not go with the sectors of the flash";
    case SA_UPDATE_EMPTY:
        return "no slot holds a net for this program";
    default:
        return "a code that is not known";
    }
}
