/* A net in one of two slots of flash: the other takes a new one, piece by piece, and is used when all of it is
 * there. Wherever the power goes, the net that was used before is used again.
 *
 *     sa_update_begin(&u, &flash, &wants);            at start: finds the net in use
 *     sa_update_open(&u, header, bytes);              a new one: refused before anything is erased
 *     sa_update_write(&u, place, data, count);        in order; pieces may come twice
 *     sa_update_close(&u);                            reads it back, checks it, and makes it the one in use
 *     blob = sa_update_net(&u);                       what is in use, or 0
 *
 * A net in use must not run while it is replaced by the next but one: its slot is erased by sa_update_open only
 * if another one is in use. C99, no heap. A checksum finds damage, not malice: what may come from strangers has
 * to be signed and checked by the application before sa_update_close.
 */
#ifndef SA_UPDATE_H
#define SA_UPDATE_H

#include "sa_blob.h"

#define SA_UPDATE_UNIT 32U   /* bytes of the largest unit that a flash is programmed in */
#define SA_UPDATE_RECORD 32U /* bytes at the end of a slot that say that its blob is complete */

/* Flash: addresses are the driver's own. Functions return 0 when it is done. */
typedef struct {
    void *user;
    /* Erase the sector that begins at `at`; its bytes are FFh then. */
    int (*erase)(void *user, uint32_t at);
    /* Program whole units, each once after it was erased. */
    int (*program)(void *user, uint32_t at, const uint8_t *data, uint32_t count);
    int (*read)(void *user, uint32_t at, uint8_t *data, uint32_t count);
    uint32_t unit;              /* bytes that are programmed at once: 1, 2, 4 ... SA_UPDATE_UNIT */
    uint32_t sector;            /* bytes that are erased at once */
    uint32_t slot[2];           /* where the slots begin: at sectors */
    uint32_t bytes;             /* of a slot: whole sectors */
    const uint8_t *mapped[2];   /* where the core sees them, on multiples of SA_BLOB_ALIGN */
} sa_update_flash_t;

/* The members are not for the caller. */
typedef struct {
    const sa_update_flash_t *flash;
    const sa_blob_wants_t *wants;
    int32_t active;    /* slot in use, -1: none */
    uint32_t sequence; /* of the net in use */
    int32_t target;    /* slot that is written, -1: none */
    uint32_t bytes;    /* of the blob that comes, and how many of it came */
    uint32_t came;
    uint32_t crc; /* of all of it, as its header says */
    uint8_t waiting[SA_UPDATE_UNIT]; /* of a unit that is not complete */
} sa_update_t;

/* 0 where a slot holds a net; SA_UPDATE_EMPTY where none does, else the code of the one that would be it. */
int sa_update_begin(sa_update_t *u, const sa_update_flash_t *flash, const sa_blob_wants_t *wants);

/* The blob in use, 0 where there is none. */
const uint8_t *sa_update_net(const sa_update_t *u);

/* Bytes that a blob may have. */
uint32_t sa_update_room(const sa_update_flash_t *flash);

/* Announce a blob of `bytes` bytes by the first SA_BLOB_HEADER of them: it is refused, or a slot is erased. Of
 * a blob that is on its way already, what came is kept. */
int sa_update_open(sa_update_t *u, const uint8_t *head, uint32_t bytes);

/* Bytes from `place` on; those before must have come. What came already is not written again. */
int sa_update_write(sa_update_t *u, uint32_t place, const uint8_t *data, uint32_t count);

/* How many bytes came of the blob on its way. */
uint32_t sa_update_came(const sa_update_t *u);

/* All bytes came: check them as they lie in flash, and use them from now on. */
int sa_update_close(sa_update_t *u);

#endif
