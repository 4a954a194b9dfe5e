/* Averages of what integers mean, rounded to another scale, ties to even. */
#ifndef SA_ND_POOL_MEANT_H
#define SA_ND_POOL_MEANT_H

#include "sa_nd_fixed.h"
#include "sa_nd_nearest.h"
#include "sa_nd_pool.h"

typedef struct {
    sa_nd_pool_t pool;
    float scale; /* of the input */
    int32_t zero;
    float step; /* scale of the output */
    int32_t back; /* its zero point */
} sa_nd_pool_meant_t;

/* Real numbers one by one, sums from 0 in the order of the taps, one division, one rounding. */
#define SA_ND_POOL_MEANT(name, type, made)                                                           \
    SA_ND_FUNCTION void name(const sa_nd_pool_meant_t *m, const type *x, made *y)                    \
    {                                                                                                \
        const sa_nd_pool_t *const l = &m->pool;                                                      \
        int32_t at[3] = {0, 0, 0}, n = 0, a, b, c, k;                                                \
        sa_nd_stand_t s;                                                                             \
                                                                                                     \
        do {                                                                                         \
            sa_nd_pool_stand(l, at, &s);                                                             \
            for (k = 0; k < l->channels; k++) {                                                      \
                float v = 0.0F;                                                                      \
                int32_t q;                                                                           \
                                                                                                     \
                for (a = s.first[0]; a < s.last[0]; a++) {                                           \
                    for (b = s.first[1]; b < s.last[1]; b++) {                                       \
                        for (c = s.first[2]; c < s.last[2]; c++) {                                   \
                            const int32_t p = (int32_t)x[sa_nd_pool_at(l, &s, n, a, b, c) + k];      \
                            const float one = (float)(p - m->zero) * m->scale;                       \
                                                                                                     \
                            v = v + one;                                                             \
                        }                                                                            \
                    }                                                                                \
                }                                                                                    \
                v = v / (float)s.count;                                                              \
                if (l->clamped) {                                                                    \
                    v = v < l->lo ? l->lo : (v > l->hi ? l->hi : v);                                 \
                }                                                                                    \
                q = sa_nd_nearest_even(v / m->step) + m->back;                                       \
                y[k] = (made)sa_nd_clamp(q, l->low, l->high);                                        \
            }                                                                                        \
            y += l->channels;                                                                        \
        } while (sa_nd_pool_next(l, at, &n));                                                        \
    }

SA_ND_POOL_MEANT(sa_nd_pool_meant_s8_s8, int8_t, int8_t)
SA_ND_POOL_MEANT(sa_nd_pool_meant_s8_u8, int8_t, uint8_t)
SA_ND_POOL_MEANT(sa_nd_pool_meant_u8_s8, uint8_t, int8_t)
SA_ND_POOL_MEANT(sa_nd_pool_meant_u8_u8, uint8_t, uint8_t)

#endif
