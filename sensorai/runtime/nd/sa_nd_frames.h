/* Frames of samples that go on from call to call. */
#ifndef SA_ND_FRAMES_H
#define SA_ND_FRAMES_H

#include "sa_nd.h"

typedef struct {
    int32_t rows;
    int32_t given; /* samples of a row in a call */
    int32_t size;  /* of a frame */
    int32_t step;
    int32_t kept; /* samples of the calls before */
} sa_nd_frames_t;

/* Sample k behind the first one that is kept. */
SA_ND_INLINE int16_t sa_nd_frames_at(const sa_nd_frames_t *l, const sa_nd_i16 *held, const sa_nd_i16 *x, int32_t k)
{
    return k < l->kept ? held[k] : x[k - l->kept];
}

SA_ND_FUNCTION void sa_nd_frames(const sa_nd_frames_t *l, const sa_nd_i16 *x, const sa_nd_i16 *held, sa_nd_i16 *y,
                                 uint8_t *valid, sa_nd_i16 *next)
{
    int32_t n, from, i;

    for (n = 0; n < l->rows; n++) {
        for (from = 0; from < l->given; from += l->step) {
            for (i = 0; i < l->size; i++) {
                *y++ = sa_nd_frames_at(l, held, x, from + i);
            }
        }
        for (i = 0; i < l->kept; i++) {
            next[i] = sa_nd_frames_at(l, held, x, l->given + i);
        }
        x += l->given;
        held = l->kept ? held + l->kept : held;
        next = l->kept ? next + l->kept : next;
    }
    *valid = 1;
}

/* The same, which says whether there were enough samples; there: how many there are. */
SA_ND_FUNCTION void sa_nd_frames_counted(const sa_nd_frames_t *l, const sa_nd_i16 *x, const sa_nd_i16 *held,
                                         const sa_nd_i32 *there, sa_nd_i16 *y, uint8_t *valid, sa_nd_i16 *next,
                                         sa_nd_i32 *then)
{
    int32_t from, count = *there;
    uint8_t all = 1;

    sa_nd_frames(l, x, held, y, valid, next);
    for (from = 0; from < l->given; from += l->step) {
        if (count + l->step < l->size) {
            count += l->step;
            all = 0;
        }
    }
    *valid = all;
    *then = count;
}

/* seen: 0 before the first call, then 1 and the frames since the last step. */
SA_ND_FUNCTION void sa_nd_stack(int32_t count, int32_t kept, int32_t left, int32_t step, const sa_nd_i16 *x,
                                const sa_nd_i16 *held, const sa_nd_i32 *seen, sa_nd_i16 *y, uint8_t *valid,
                                sa_nd_i16 *next, sa_nd_i32 *then)
{
    const int32_t all = kept * count;
    const uint32_t frames = *seen ? (uint32_t)*seen : (uint32_t)left + 1U;
    int32_t i;

    for (i = 0; i < all; i++) {
        y[i] = *seen ? held[i] : x[i % count];
    }
    for (i = 0; i < count; i++) {
        y[all + i] = x[i];
    }
    for (i = 0; i < all; i++) {
        next[i] = y[count + i];
    }
    *valid = (int32_t)frames > kept ? 1 : 0;
    *then = (int32_t)(frames + 1U - (*valid ? (uint32_t)step : 0U));
}

/* T: as it lies in memory, ADD: of two numbers. */
#define SA_ND_OVERLAP(NAME, T, ADD)                                                                           \
    SA_ND_FUNCTION void NAME(int32_t rows, int32_t frames, int32_t size, int32_t step, const T *x,            \
                             const T *held, T *y, T *next)                                                    \
    {                                                                                                         \
        int32_t n, f, i;                                                                                      \
                                                                                                              \
        for (n = 0; n < rows; n++) {                                                                          \
            for (i = 0; i < size; i++) {                                                                      \
                next[i] = held[i];                                                                            \
            }                                                                                                 \
            for (f = 0; f < frames; f++) {                                                                    \
                for (i = 0; i < size; i++) {                                                                  \
                    next[i] = ADD(next[i], x[i]);                                                             \
                }                                                                                             \
                for (i = 0; i < step; i++) {                                                                  \
                    y[i] = next[i];                                                                           \
                }                                                                                             \
                for (i = 0; i < size; i++) {                                                                  \
                    next[i] = i + step < size ? next[i + step] : (T)0;                                        \
                }                                                                                             \
                x += size;                                                                                    \
                y += step;                                                                                    \
            }                                                                                                 \
            held += size;                                                                                     \
            next += size;                                                                                     \
        }                                                                                                     \
    }

SA_ND_INLINE int16_t sa_nd_overlap_held(int32_t a, int32_t b)
{
    const int32_t v = a + b;

    return (int16_t)(v < INT16_MIN ? INT16_MIN : (v > INT16_MAX ? INT16_MAX : v));
}

SA_ND_INLINE float sa_nd_overlap_sum(float a, float b)
{
    return a + b;
}

SA_ND_OVERLAP(sa_nd_overlap_i16, sa_nd_i16, sa_nd_overlap_held)
SA_ND_OVERLAP(sa_nd_overlap_f32, sa_nd_f32, sa_nd_overlap_sum)

#endif
