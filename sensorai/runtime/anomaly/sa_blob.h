/* sensorai: what was learnt as bytes, little-endian, the same from every machine.
 *
 *   0  "SALK"            20  d sums, int32
 *   4  version           ..  d (d + 1) / 2 sums of products, int32
 *   5  inputs d          ..  d means, int16
 *   6  1: frozen         ..  d (d + 1) / 2 weights, int16
 *   7  0                 ..  d shifts, 1 byte each
 *   8  model, 4 bytes    ..  CRC-32 of all before
 *  12  windows in all
 *  16  windows that count
 */
#ifndef SA_BLOB_H
#define SA_BLOB_H

#include "sa_crc.h"
#include "sa_learn.h"

#define SA_BLOB_VERSION 1U
#define SA_BLOB_HEAD 20U
#define SA_BLOB_FORMAT (-1)  /* no blob, or one of another version */
#define SA_BLOB_MODEL (-2)   /* made for another model */
#define SA_BLOB_DAMAGED (-3)

static inline uint8_t *sa_blob_put(uint8_t *to, uint32_t value, uint32_t bytes)
{
    while (bytes-- != 0U) {
        *to++ = (uint8_t)value;
        value >>= 8;
    }
    return to;
}

static inline uint32_t sa_blob_get(const uint8_t *from, uint32_t bytes)
{
    uint32_t value = 0;

    while (bytes-- != 0U) {
        value = (value << 8) | from[bytes];
    }
    return value;
}

static inline void sa_blob_save(uint8_t *blob, uint32_t model, uint32_t d, uint8_t frozen, uint32_t windows,
                                uint32_t count, const int32_t *moment, const int16_t *table, const uint8_t *shift)
{
    uint32_t entries = d + d * (d + 1U) / 2U;
    uint8_t *to = blob;
    uint32_t i;

    to = sa_blob_put(to, 0x4B4C4153U, 4U);
    to = sa_blob_put(to, SA_BLOB_VERSION | (d << 8) | ((uint32_t)frozen << 16), 4U);
    to = sa_blob_put(to, model, 4U);
    to = sa_blob_put(to, windows, 4U);
    to = sa_blob_put(to, count, 4U);
    for (i = 0; i < entries; i++) {
        to = sa_blob_put(to, (uint32_t)moment[i], 4U);
    }
    for (i = 0; i < entries; i++) {
        to = sa_blob_put(to, (uint32_t)table[i], 2U);
    }
    for (i = 0; i < d; i++) {
        *to++ = shift[i];
    }
    (void)sa_blob_put(to, sa_crc32(blob, (uint32_t)(to - blob)), 4U);
}

/* Whether a number is between -most and most, or 0 and most where it cannot be negative */
static inline int sa_blob_within(int32_t value, int32_t least, uint32_t most)
{
    return value >= least && sa_magnitude(value) <= most;
}

/* 0 where a blob is whole, of this model, and holds what windows can add up to; nothing else is restored. */
static inline int sa_blob_check(const uint8_t *blob, uint32_t model, uint32_t d)
{
    uint32_t entries = d + d * (d + 1U) / 2U;
    const uint8_t *from = blob + SA_BLOB_HEAD;
    uint32_t length = SA_BLOB_HEAD + 6U * entries + d;
    uint32_t windows = sa_blob_get(blob + 12, 4U);
    uint32_t count = sa_blob_get(blob + 16, 4U);
    uint32_t most;
    uint32_t i;
    uint32_t j;
    int good;

    if (sa_blob_get(blob, 4U) != 0x4B4C4153U || blob[4] != SA_BLOB_VERSION) {
        return SA_BLOB_FORMAT;
    }
    if (blob[5] != d || sa_blob_get(blob + 8, 4U) != model) {
        return SA_BLOB_MODEL;
    }
    if (sa_blob_get(blob + length, 4U) != sa_crc32(blob, length)) {
        return SA_BLOB_DAMAGED;
    }
    good = blob[6] <= 1U && blob[7] == 0U && count < SA_LEARN_FULL && windows >= count;
    count &= SA_LEARN_FULL - 1U;
    most = ((count << 9) - count) << 8; /* 511 * 256 of each sum */
    for (i = 0; i < d; i++) {
        good = good && sa_blob_within((int32_t)sa_blob_get(from, 4U), INT32_MIN, most);
        from += 4;
    }
    most = (count << 18) - (count << 10) + count; /* 511^2 of each product */
    for (i = 0; i < d; i++) {
        for (j = 0; j <= i; j++) {
            good = good && sa_blob_within((int32_t)sa_blob_get(from, 4U), (j == i) ? 0 : INT32_MIN, most);
            from += 4;
        }
    }
    for (i = 0; i < entries; i++) {
        int32_t value = (int16_t)sa_blob_get(from, 2U);

        good = good && sa_blob_within(value, INT32_MIN, (i < d) ? (uint32_t)SA_LEARN_LIMIT : 32767U);
        from += 2;
    }
    for (i = 0; i < d; i++) {
        good = good && from[i] <= 30U;
    }
    return (good != 0) ? 0 : SA_BLOB_DAMAGED;
}

/* What a checked blob holds */
static inline void sa_blob_load(const uint8_t *blob, uint32_t d, uint8_t *frozen, uint32_t *windows, uint16_t *count,
                                int32_t *moment, int16_t *table, uint8_t *shift)
{
    uint32_t entries = d + d * (d + 1U) / 2U;
    const uint8_t *from = blob + SA_BLOB_HEAD;
    uint32_t i;

    *frozen = blob[6];
    *windows = sa_blob_get(blob + 12, 4U);
    *count = (uint16_t)sa_blob_get(blob + 16, 2U);
    for (i = 0; i < entries; i++) {
        moment[i] = (int32_t)sa_blob_get(from, 4U);
        from += 4;
    }
    for (i = 0; i < entries; i++) {
        table[i] = (int16_t)sa_blob_get(from, 2U);
        from += 2;
    }
    for (i = 0; i < d; i++) {
        shift[i] = from[i];
    }
}

#endif
