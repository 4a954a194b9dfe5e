/* Averages and largest of int8 numbers under a moving kernel, for cores with vectors of integers: what
 * sa_nd_pool.h does, for some channels at a time. */
#ifndef SA_ND_POOL_MVE_H
#define SA_ND_POOL_MVE_H

#include "sa_nd_fast_mve.h"

typedef struct {
    int32_t in[2]; /* height, width */
    int32_t out[2];
    int32_t channels;
    int16_t kernel[2];
    int16_t stride[2];
    int16_t before[2];
    int16_t batch;
    int8_t lo;
    int8_t hi;
} sa_nd_window_t;

/* Numbers under the kernel: the first one of a channel, and how many there are. */
typedef struct {
    const int8_t *x;
    int32_t rows;
    int32_t columns;
    int32_t channels;
    int32_t line;
} sa_nd_under_t;

#if SA_ND_MVE
#define SA_ND_MOST 16
/* Sums of up to four channels. */
SA_ND_INLINE void sa_nd_total_mve(const sa_nd_under_t *u, int32_t many, int32_t *sums)
{
    const mve_pred16_t some = vctp32q((uint32_t)many);
    int32x4_t total = vdupq_n_s32(0);
    const int8_t *x = u->x;
    int32_t a, b;

    for (a = u->rows; a > 0; a--) {
        const int8_t *p = x;
        for (b = u->columns; b > 0; b--) {
            total = vaddq_s32(total, vldrbq_z_s32(p, some));
            p += u->channels;
        }
        x += u->line;
    }
    vstrwq_s32(sums, total);
}

/* Largest of up to 16 channels, between the ends. */
SA_ND_INLINE void sa_nd_most_mve(const sa_nd_under_t *u, int32_t many, int32_t lo, int32_t hi, int8_t *y)
{
    const mve_pred16_t some = vctp8q((uint32_t)many);
    int8x16_t most = vdupq_n_s8((int8_t)lo);
    const int8_t *x = u->x;
    int32_t a, b;

    for (a = u->rows; a > 0; a--) {
        const int8_t *p = x;
        for (b = u->columns; b > 0; b--) {
            most = vmaxq_s8(most, vldrbq_z_s8(p, some));
            p += u->channels;
        }
        x += u->line;
    }
    vstrbq_p_s8(y, vminq_s8(most, vdupq_n_s8((int8_t)hi)), some);
}
#else
#define SA_ND_MOST 1
SA_ND_INLINE void sa_nd_total_mve(const sa_nd_under_t *u, int32_t many, int32_t *sums)
{
    int32_t a, b, i;

    for (i = 0; i < 4; i++) {
        sums[i] = 0;
        for (a = 0; a < u->rows && i < many; a++) {
            for (b = 0; b < u->columns; b++) {
                sums[i] += u->x[a * u->line + b * u->channels + i];
            }
        }
    }
}

SA_ND_INLINE void sa_nd_most_mve(const sa_nd_under_t *u, int32_t many, int32_t lo, int32_t hi, int8_t *y)
{
    int32_t a, b, most = lo;

    for (a = 0; a < u->rows && many > 0; a++) {
        for (b = 0; b < u->columns; b++) {
            const int32_t v = u->x[a * u->line + b * u->channels];
            most = v > most ? v : most;
        }
    }
    y[0] = (int8_t)(most > hi ? hi : most);
}
#endif

/* First number along an axis, and how many there are. */
SA_ND_INLINE int32_t sa_nd_reach_mve(const sa_nd_window_t *l, int32_t axis, int32_t at, int32_t *count)
{
    const int32_t from = at * l->stride[axis] - l->before[axis], end = from + l->kernel[axis];
    const int32_t first = from < 0 ? 0 : from, last = end > l->in[axis] ? l->in[axis] : end;

    *count = last > first ? last - first : 0;
    return first;
}

SA_ND_INLINE void sa_nd_pool_run(const sa_nd_window_t *l, const int8_t *x, int8_t *y, int mean)
{
    sa_nd_under_t u;
    int32_t batch, oy, ox, c, i;

    u.channels = l->channels;
    u.line = l->in[1] * l->channels;
    for (batch = l->batch; batch > 0; batch--) {
        for (oy = 0; oy < l->out[0]; oy++) {
            const int8_t *const row = x + sa_nd_reach_mve(l, 0, oy, &u.rows) * u.line;
            for (ox = 0; ox < l->out[1]; ox++) {
                u.x = row + sa_nd_reach_mve(l, 1, ox, &u.columns) * u.channels;
                for (c = u.channels; c > 0; c -= mean ? 4 : SA_ND_MOST) {
                    if (mean) {
                        const int32_t found = u.rows * u.columns, count = found > 0 ? found : 1;
                        int32_t sums[4];
                        sa_nd_total_mve(&u, c, sums);
                        for (i = 0; i < 4 && i < c; i++) {
                            const int32_t half = sums[i] > 0 ? count / 2 : -(count / 2);
                            y[i] = (int8_t)sa_nd_clamp((sums[i] + half) / count, l->lo, l->hi);
                        }
                    } else {
                        sa_nd_most_mve(&u, c, l->lo, l->hi, y);
                    }
                    i = mean ? 4 : SA_ND_MOST;
                    i = c < i ? c : i;
                    u.x += i;
                    y += i;
                }
            }
        }
        x += l->in[0] * u.line;
    }
}

SA_ND_FUNCTION void sa_nd_pool_mve_average(const sa_nd_window_t *l, const int8_t *x, int8_t *y)
{
    sa_nd_pool_run(l, x, y, 1);
}

SA_ND_FUNCTION void sa_nd_pool_mve_max(const sa_nd_window_t *l, const int8_t *x, int8_t *y)
{
    sa_nd_pool_run(l, x, y, 0);
}

#endif
