/* sensorai: sums of the parts of a window that the next window shares with it.
 *
 * A window of several strides is as many panes. Each is scanned once, when it is complete; a window joins the
 * sums of its panes. Kept are words, by what is wanted: the sum; the squares, two words; least and largest.
 */
#ifndef SA_PANES_H
#define SA_PANES_H

#include "sa_scan.h"

/* The words of a pane */
SA_INLINE void sa_pane_put(uint32_t *to, uint32_t want, const sa_stats *s)
{
    if ((want & SA_SUM) != 0U) {
        *to++ = (uint32_t)s->sum;
    }
    if ((want & SA_SQUARES) != 0U) {
        *to++ = s->squares.lo;
        *to++ = s->squares.hi;
    }
    if ((want & SA_LIMITS) != 0U) {
        *to = ((uint32_t)s->min & 0xFFFFU) | ((uint32_t)s->max << 16);
    }
}

/* What sa_scan would find in all panes together */
SA_INLINE void sa_pane_join(const uint32_t *from, uint32_t panes, uint32_t want, sa_stats *s)
{
    int32_t sum = 0;
    uint64_t squares = 0;
    int32_t min = 32767;
    int32_t max = -32768;

    do {
        if ((want & SA_SUM) != 0U) {
            sum += (int32_t)*from++;
        }
        if ((want & SA_SQUARES) != 0U) {
            squares += (uint64_t)from[0] | ((uint64_t)from[1] << 32);
            from += 2;
        }
        if ((want & SA_LIMITS) != 0U) {
            int32_t low = (int16_t)(uint16_t)(*from & 0xFFFFU);
            int32_t high = (int16_t)(uint16_t)(*from >> 16);

            min = (low < min) ? low : min;
            max = (high > max) ? high : max;
            from++;
        }
    } while (--panes != 0U);
    if ((want & SA_SUM) != 0U) {
        s->sum = sum;
    }
    if ((want & SA_SQUARES) != 0U) {
        s->squares = sa_wide_of(squares);
    }
    if ((want & SA_LIMITS) != 0U) {
        s->min = min;
        s->max = max;
    }
}

/* Add the differences between panes: one before each but the oldest */
SA_INLINE void sa_pane_edges(const uint32_t *edge, uint32_t panes, uint32_t oldest, uint32_t want, sa_stats *s)
{
    uint32_t i;

    for (i = 0; i < panes; i++) {
        int32_t v = (int32_t)edge[i];

        if (i == oldest) {
            continue;
        }
        if ((want & SA_SUM) != 0U) {
            s->sum += v;
        }
        if ((want & SA_SQUARES) != 0U) {
            uint32_t square = (uint32_t)((int16_t)v * (int16_t)v);

            s->squares.lo += square;
            s->squares.hi += (uint32_t)(s->squares.lo < square);
        }
        if ((want & SA_LIMITS) != 0U) {
            s->min = (v < s->min) ? v : s->min;
            s->max = (v > s->max) ? v : s->max;
        }
    }
}

/* The sum of the products of two words each */
static inline sa_wide sa_pane_products(const uint32_t *from, uint32_t panes)
{
    uint64_t sum = 0;

    do {
        sum += (uint64_t)from[0] | ((uint64_t)from[1] << 32);
        from += 2;
    } while (--panes != 0U);
    return sa_wide_of(sum);
}

#endif
