/* Places on an axis that a tensor says. */
#ifndef SA_ND_PLACE_H
#define SA_ND_PLACE_H

#include "sa_nd.h"

/* Negative places count from the end; one outside is the first or the last. */
SA_ND_INLINE int32_t sa_nd_place_i32(int32_t k, int32_t extent)
{
    if (k < 0) {
        k += extent;
    }
    return k < 0 ? 0 : k < extent ? k : extent - 1;
}

SA_ND_INLINE int32_t sa_nd_place_i64(int64_t k, int32_t extent)
{
    if (k < 0) {
        k += extent;
    }
    return k < 0 ? 0 : k < extent ? (int32_t)k : extent - 1;
}

#endif
