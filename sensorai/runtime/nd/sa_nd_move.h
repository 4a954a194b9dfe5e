/* Moves a tensor within the arena; the places may overlap. */
#ifndef SA_ND_MOVE_H
#define SA_ND_MOVE_H

#include "sa_nd.h"

/* Four words at once, from the end that is not written over first; both places are on whole words, and so many
 * are theirs. */
SA_ND_FUNCTION void sa_nd_move(const sa_nd_u32 *x, sa_nd_u32 *y, uint32_t words)
{
    if (y < x) {
        for (; words >= 4U; words -= 4U, x += 4, y += 4) {
            const uint32_t a = x[0], b = x[1], c = x[2], d = x[3];
            y[0] = a;
            y[1] = b;
            y[2] = c;
            y[3] = d;
        }
        for (; words != 0U; words--) {
            *y = *x;
            y++;
            x++;
        }
        return;
    }
    x += words;
    y += words;
    for (; words >= 4U; words -= 4U) {
        x -= 4;
        y -= 4;
        {
            const uint32_t a = x[0], b = x[1], c = x[2], d = x[3];
            y[3] = d;
            y[2] = c;
            y[1] = b;
            y[0] = a;
        }
    }
    for (; words != 0U; words--) {
        x--;
        y--;
        *y = *x;
    }
}

#endif
