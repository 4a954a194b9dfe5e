/* Averages of integers over all places, channels last. */
#ifndef SA_ND_POOL_WHOLE_H
#define SA_ND_POOL_WHOLE_H

#include "sa_nd_fixed.h"

#define SA_ND_POOL_WHOLE(name, type)                                                                 \
    SA_ND_FUNCTION void name(const type *x, type *y, int32_t batch, int32_t places, int32_t channels, \
                             int32_t low, int32_t high)                                              \
    {                                                                                                \
        for (; batch > 0; batch--) {                                                                 \
            int32_t c, k;                                                                            \
            for (c = 0; c < channels; c++) {                                                         \
                int32_t sum = 0;                                                                     \
                for (k = c; k < places * channels; k += channels) {                                  \
                    sum += x[k];                                                                     \
                }                                                                                    \
                y[c] = (type)sa_nd_clamp(sa_nd_share(sum, places), low, high);                       \
            }                                                                                        \
            x += places * channels;                                                                  \
            y += channels;                                                                           \
        }                                                                                            \
    }

SA_ND_POOL_WHOLE(sa_nd_pool_whole_s8, int8_t)
SA_ND_POOL_WHOLE(sa_nd_pool_whole_u8, uint8_t)
SA_ND_POOL_WHOLE(sa_nd_pool_whole_s16, sa_nd_i16)

#endif
