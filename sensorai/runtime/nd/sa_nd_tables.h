/* Descriptions of layers whose numbers lie outside of the code: a copy is filled before each call. */
#ifndef SA_ND_TABLES_H
#define SA_ND_TABLES_H

#include "sa_nd.h"

/* Copy whole words; compilers make no call of a library of it. */
SA_ND_FUNCTION void sa_nd_words(void *to, const void *from, uint32_t bytes)
{
    sa_nd_u32 *y = (sa_nd_u32 *)to;
    const sa_nd_u32 *x = (const sa_nd_u32 *)from;
    uint32_t i;

    for (i = 0; i < bytes / 4U; i++) {
        y[i] = x[i];
    }
}

#endif
