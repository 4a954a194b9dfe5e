/* Nets as blobs: what a program may take in place of the net that it was built with.
 *
 * A header, an entry for each input and output, then the numbers of the net (behind its code, where the blob has
 * code). All integers are little endian; a blob lies on a multiple of 16 bytes, anywhere in memory. C99, no heap.
 */
#ifndef SA_BLOB_H
#define SA_BLOB_H

#include <stdint.h>

#define SA_BLOB_HEADER 96U /* bytes of the header, without the entries */
#define SA_BLOB_PORT 16U   /* bytes of an entry */
#define SA_BLOB_FORMAT 1U
#define SA_BLOB_ALIGN 16U

/* Why a blob is refused; sa_blob_words says it in words. */
#define SA_BLOB_NONE (-1)      /* these bytes are no blob */
#define SA_BLOB_OTHER (-2)     /* a format that this program does not know */
#define SA_BLOB_LARGE (-3)     /* it is larger than its room */
#define SA_BLOB_INTERFACE (-4) /* it is for another program */
#define SA_BLOB_CORE (-5)      /* its code needs instructions that this core lacks */
#define SA_BLOB_MEMORY (-6)    /* it needs more working memory than there is */
#define SA_BLOB_OLD (-7)       /* its version is below the oldest one that is taken */
#define SA_BLOB_DAMAGED (-8)   /* its checksum is wrong */
#define SA_BLOB_PLACE (-9)     /* it does not lie on a multiple of SA_BLOB_ALIGN */
/* What a transfer ends with (sa_update.h). */
#define SA_UPDATE_ORDER (-16) /* bytes are missing before these, or none were announced */
#define SA_UPDATE_FLASH (-17) /* the flash did not do as it was told */
#define SA_UPDATE_SLOTS (-18) /* the slots do not go with the flash's sectors and units */
#define SA_UPDATE_EMPTY (-19) /* no slot holds a net that this program takes */

/* What code of a blob may need of a core, and what the core that this file is compiled for has. */
#define SA_BLOB_THUMB 1U
#define SA_BLOB_THUMB2 2U
#define SA_BLOB_DSP 4U
#define SA_BLOB_FPU 8U
#define SA_BLOB_MVE 16U
#define SA_BLOB_V8M 32U
#define SA_BLOB_FPU_DOUBLE 64U
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB >= 2
#define SA_BLOB_HAS_THUMB2 SA_BLOB_THUMB2
#else
#define SA_BLOB_HAS_THUMB2 0U
#endif
#if defined(__ARM_FEATURE_DSP)
#define SA_BLOB_HAS_DSP SA_BLOB_DSP
#else
#define SA_BLOB_HAS_DSP 0U
#endif
#if defined(__ARM_FP) && (__ARM_FP & 4)
#define SA_BLOB_HAS_FPU SA_BLOB_FPU
#else
#define SA_BLOB_HAS_FPU 0U
#endif
#if defined(__ARM_FP) && (__ARM_FP & 8)
#define SA_BLOB_HAS_DOUBLE SA_BLOB_FPU_DOUBLE
#else
#define SA_BLOB_HAS_DOUBLE 0U
#endif
#if defined(__ARM_FEATURE_MVE)
#define SA_BLOB_HAS_MVE SA_BLOB_MVE
#else
#define SA_BLOB_HAS_MVE 0U
#endif
#if __ARM_ARCH >= 8
#define SA_BLOB_HAS_V8M SA_BLOB_V8M
#else
#define SA_BLOB_HAS_V8M 0U
#endif
#define SA_BLOB_HAS                                                                                         \
    (SA_BLOB_THUMB | SA_BLOB_HAS_THUMB2 | SA_BLOB_HAS_DSP | SA_BLOB_HAS_FPU | SA_BLOB_HAS_DOUBLE |          \
     SA_BLOB_HAS_MVE | SA_BLOB_HAS_V8M)
#else
#define SA_BLOB_HAS 0U
#endif

/* What a program takes. */
typedef struct {
    uint8_t interface[32]; /* the blob's must be the same */
    uint32_t core;         /* SA_BLOB_HAS */
    uint32_t context;      /* bytes of working memory that there are */
    uint32_t tables;       /* bytes of numbers that are read at least */
    uint32_t oldest;       /* versions below are refused; 0: none is */
} sa_blob_wants_t;

/* Places of numbers in the header. */
enum {
    SA_BLOB_AT_FORMAT = 4,
    SA_BLOB_AT_START = 6,
    SA_BLOB_AT_BYTES = 8,
    SA_BLOB_AT_CRC = 12,
    SA_BLOB_AT_VERSION = 16,
    SA_BLOB_AT_NEEDS = 20,
    SA_BLOB_AT_TABLES = 24,
    SA_BLOB_AT_CONTEXT = 28,
    SA_BLOB_AT_STACK = 32,
    SA_BLOB_AT_INIT = 36,
    SA_BLOB_AT_RUN = 40,
    SA_BLOB_AT_INPUTS = 44,
    SA_BLOB_AT_OUTPUTS = 46,
    SA_BLOB_AT_INTERFACE = 48,
    SA_BLOB_AT_CONTENT = 80
};

/* A number of the header or of an entry. */
uint32_t sa_blob_u32(const uint8_t *at);

/* CRC-32 (IEEE 802.3) of more bytes; start with 0. */
uint32_t sa_blob_crc(uint32_t crc, const uint8_t *data, uint32_t count);

/* 0, or why the blob with this header, whose SA_BLOB_HEADER bytes are at `head`, is refused; `room`: bytes
 * that it may have. Its checksum is not looked at. */
int sa_blob_refused(const uint8_t *head, uint32_t room, const sa_blob_wants_t *wants);

/* The same of a whole blob in memory, with its checksum. */
int sa_blob_check(const uint8_t *blob, uint32_t room, const sa_blob_wants_t *wants);

/* What a code means: a text of ASCII that stays. */
const char *sa_blob_words(int code);

#endif
