/* sensorai: CRC-32 (IEEE 802.3, as in zlib and PNG), four bits at a time. */
#ifndef SA_CRC_H
#define SA_CRC_H

#include <stdint.h>

static inline uint32_t sa_crc32(const uint8_t *data, uint32_t bytes)
{
    static const uint32_t table[16] = {
        0x00000000U, 0x1DB71064U, 0x3B6E20C8U, 0x26D930ACU, 0x76DC4190U, 0x6B6B51F4U, 0x4DB26158U, 0x5005713CU,
        0xEDB88320U, 0xF00F9344U, 0xD6D6A3E8U, 0xCB61B38CU, 0x9B64C2B0U, 0x86D3D2D4U, 0xA00AE278U, 0xBDBDF21CU
    };
    uint32_t crc = 0xFFFFFFFFU;
    uint32_t i;

    for (i = 0; i < bytes; i++) {
        crc ^= data[i];
        crc = (crc >> 4) ^ table[crc & 15U];
        crc = (crc >> 4) ^ table[crc & 15U];
    }
    return crc ^ 0xFFFFFFFFU;
}

#endif
