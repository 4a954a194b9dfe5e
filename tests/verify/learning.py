"""Pipelines that learn, counts that they can learn from, and their C driven by commands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorai.features.catalogue import IntFeature, table
from sensorai.features.filters import IntFilter, butterworth
from sensorai.model import learner
from sensorai.model.detector import CLASSES, Detector
from sensorai.model.pipeline import Count, Pipeline, windows
from sensorai.model.scaling import Scaling

Int16 = npt.NDArray[np.int16]

FEATURES = (
    *(IntFeature(name, (axis,)) for axis in range(3) for name in ("VARIANCE", "MEAN", "PEAK_TO_PEAK")),
    IntFeature("NORM_RMS", (0, 1, 2)),
    *(IntFeature(name, (axis,)) for axis in range(3) for name in ("RMS", "JERK_ENERGY")),
)


def signal(seed: int, count: int = 4000, level: float = 600.0) -> Int16:
    """Noise of changing size around changing means, the axes correlated."""
    rng = np.random.default_rng(seed)
    size = level * np.exp(np.repeat(rng.normal(0, 0.3, (count // 8 + 1, 3)), 8, axis=0)[:count])
    mix = np.array([[1.0, 0.3, 0], [0, 1, 0.2], [0.1, 0, 1]])
    mean = np.repeat(rng.normal(0, 50, (count // 16 + 1, 3)), 16, axis=0)[:count]
    x = rng.normal(0, 1, (count, 3)) * size @ mix + mean + np.array([0, 300, 8000])
    out: Int16 = np.clip(np.rint(x), -32768, 32767).astype(np.int16)
    return out


def learning(
    d: int = 8,
    name: str = "lrn",
    *,
    window: int = 16,
    stride: int = 8,
    wins: int = 2,
    filtered: bool = False,
    seed: int = 1,
    lsb: float = 0.122,
    rate_hz: float = 104.0,
    started: bool = True,
) -> Pipeline:
    """Mahalanobis of d features, fitted to a `signal`; it starts with what that taught it, or empty."""
    features = FEATURES[:d]
    cut = windows(signal(seed), window, stride)
    values = table(features, cut)
    scaling = Scaling.fit_normal(values)
    moments = learner.learn(learner.empty(d), scaling.apply(values))
    core = learner.freeze(moments, learner.floors(scaling))
    filters = (IntFilter(0, butterworth(2, 5.0, rate_hz)),) if filtered else ()
    return Pipeline(
        name,
        tuple(Count(f"acc_{axis}", "mg", lsb) for axis in "xyz"),
        rate_hz,
        window,
        stride,
        filters,
        features,
        scaling,
        Detector("mahalanobis", core, 1024 * 3 * d),
        CLASSES,
        wins,
        moments if started else learner.empty(d),
    )


def chunks(seed: int, total: int = 3000) -> list[tuple[str, Int16]]:
    """Commands with samples: learn and detect by turns, freezes, a forget, a save and a restore between."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([signal(seed + 1, total // 2), signal(seed + 2, total - total // 2, 900.0)])
    x[total // 3 : total // 3 + 40] = 32767
    x[total // 3 + 40 : total // 3 + 80] = -32768
    edges = [0, *np.sort(rng.choice(np.arange(1, total), 12, replace=False)).tolist(), total]
    kinds = ["detect", "learn", "freeze", "detect", "save", "learn", "detect", "freeze", "detect", "forget"]
    kinds += ["detect", "freeze", "learn", "freeze", "detect", "restore", "detect", "learn", "freeze", "save"]
    out: list[tuple[str, Int16]] = []
    pieces = iter(range(len(edges) - 1))
    for kind in [*kinds, "detect", "learn", "detect", "freeze", "detect", "save"]:
        place = next(pieces, None) if kind in ("learn", "detect") else None
        piece = x[edges[place] : edges[place + 1]] if place is not None else x[:0]
        out.append((kind, np.ascontiguousarray(piece)))
    return out


#: Runs commands: one byte of command, four of a count, that many samples; writes results, codes and blobs.
MAIN = """#include <stdio.h>
#include <string.h>
#include "NAME.h"

int main(void)
{
    static NAME_t context;
    static NAME_t other;
    uint8_t blob[MACRO_BLOB_BYTES];
    uint8_t head[8];
    int32_t code = NAME_init(&context);

    (void)NAME_init(&other);
    (void)NAME_save(&context, blob);
    (void)fwrite(&code, sizeof code, 1, stdout);
    while (fread(head, sizeof head, 1, stdin) == 1) {
        uint32_t count = (uint32_t)head[4] | ((uint32_t)head[5] << 8) | ((uint32_t)head[6] << 16);
        uint32_t i;
        uint32_t made = 0;

        code = 0;
        if (head[0] == 'f') {
            code = NAME_freeze(&context);
        } else if (head[0] == 'o') {
            code = NAME_forget(&context);
        } else if (head[0] == 's') {
            code = NAME_save(&context, blob);
            (void)fwrite(blob, sizeof blob, 1, stdout);
        } else if (head[0] == 'r') {
            code = NAME_restore(&context, blob);
        } else {
            for (i = 0; i < count; i++) {
                int16_t sample[MACRO_CHANNELS];
                NAME_result_t result;

                if (fread(sample, sizeof sample, 1, stdin) != 1) {
                    return 1;
                }
                memset(&result, 0, sizeof result);
                if (head[0] == 'l') {
                    made += (uint32_t)NAME_learn(&context, sample);
                } else if (NAME_detect(&context, sample, &result) == 1) {
                    (void)fwrite(&result, sizeof result, 1, stdout);
                }
            }
            code = (int32_t)made;
        }
        (void)fwrite(&code, sizeof code, 1, stdout);
    }
    return 0;
}
"""


def stream(commands: Sequence[tuple[str, Int16]]) -> bytes:
    """Commands as `MAIN` reads them."""
    out = b""
    for kind, samples in commands:
        letter = {"forget": "o"}.get(kind, kind[0])
        out += letter.encode().ljust(4, b"\0") + len(samples).to_bytes(4, "little") + samples.tobytes()
    return out
