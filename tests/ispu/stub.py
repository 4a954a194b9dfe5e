"""A small model with the public C interface, and the same in Python, for tests of what lies around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorai.ispu.devices import device
from sensorai.ispu.project import App, project_files

WINDOW = 4

HEADER = """\
#ifndef STUB_H
#define STUB_H
#include <stdint.h>
#define STUB_CHANNELS %d
#define STUB_CLASSES %d
#define STUB_NONE 255
typedef struct {
    uint32_t window;
    int32_t score[STUB_CLASSES];
    uint8_t answer;
    uint8_t decided;
    uint8_t changed;
} stub_result_t;
typedef struct {
    int32_t sum[STUB_CHANNELS];
    uint32_t windows;
    uint8_t filled;
    uint8_t decided;
} stub_t;
int stub_init(stub_t *ctx);
int stub_push(stub_t *ctx, const int16_t sample[STUB_CHANNELS], stub_result_t *result);
#endif
"""

# class k scores k + 1 times the sum of channel k (mod channels); the largest wins, the first of equal ones
SOURCE = """\
#include "stub.h"

int stub_init(stub_t *ctx)
{
    int i;
    for (i = 0; i < STUB_CHANNELS; i++) {
        ctx->sum[i] = 0;
    }
    ctx->windows = 0;
    ctx->filled = 0;
    ctx->decided = STUB_NONE;
    return 0;
}

int stub_push(stub_t *ctx, const int16_t sample[STUB_CHANNELS], stub_result_t *result)
{
    uint8_t i;

    for (i = 0; i < STUB_CHANNELS; i++) {
        ctx->sum[i] += sample[i];
    }
    ctx->filled++;
    if (ctx->filled < 4U) {
        return 0;
    }
    result->answer = 0;
    for (i = 0; i < STUB_CLASSES; i++) {
        result->score[i] = ctx->sum[i % STUB_CHANNELS] * (i + 1);
        if (result->score[i] > result->score[result->answer]) {
            result->answer = i;
        }
    }
    for (i = 0; i < STUB_CHANNELS; i++) {
        ctx->sum[i] = 0;
    }
    result->window = ctx->windows++;
    result->decided = result->answer;
    result->changed = (uint8_t)(result->decided != ctx->decided);
    ctx->decided = result->decided;
    ctx->filled = 0;
    return 1;
}
"""


def app(name: str = "LSM6DSO16IS", classes: int = 3, channels: int = 3) -> App:
    one = device(name)
    return App(
        name="stub",
        device=one,
        channels=tuple(one.channels)[:channels],
        classes=tuple(f"class {i}" for i in range(classes)),
        rate_hz=104 if one.family == "imu_22" else 2500,
        acc_full_scale=4 if one.family == "imu_22" else 50,
        gyro_full_scale=250 if channels > 3 else None,
        sources=("stub.c",),
        summary="A model for tests",
    )


def files(one: App) -> dict[str, str]:
    return {
        "stub.h": HEADER % (len(one.channels), len(one.classes)),
        "stub.c": SOURCE,
        **project_files(one),
    }


def scores(samples: NDArray[np.int16], classes: int) -> NDArray[np.int32]:
    """Scores per window, in the order of C."""
    whole = samples[: len(samples) // WINDOW * WINDOW].astype(np.int64)
    sums = whole.reshape(-1, WINDOW, samples.shape[1]).sum(axis=1)
    return np.stack([sums[:, k % samples.shape[1]] * (k + 1) for k in range(classes)], 1).astype(np.int32)
