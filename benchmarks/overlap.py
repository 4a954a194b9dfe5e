"""Instructions a window where windows overlap: sums joined from panes beside every window for itself.

Emulated machine code of whole pushes (samples kept, features, a node for each), three channels. Printed:
all instructions from one result to the next, without panes and with them, and their ratio; bytes of the
context. The first window, whose panes are made while it fills, is left out: two logs, one of them a window
longer, and the difference of what they take.
``python -m benchmarks.overlap [CORE]...``
"""

from __future__ import annotations

import sys
from unittest.mock import patch

import numpy as np

from sensorai.codegen.project import emit_project
from sensorai.cproject.runs import Cost, emulated
from sensorai.features.catalogue import IntFeature
from sensorai.model.ensemble import build
from sensorai.model.forest import Tree
from sensorai.model.pipeline import Count, Pipeline
from sensorai.toolchain.cpu import cpu

WINDOW = 512
NORM = (0, 1, 2)
SETS: dict[str, tuple[IntFeature, ...]] = {
    "MEAN": tuple(IntFeature("MEAN", (i,)) for i in range(3)),
    "VARIANCE": tuple(IntFeature("VARIANCE", (i,)) for i in range(3)),
    "RMS": tuple(IntFeature("RMS", (i,)) for i in range(3)),
    "MINIMUM, MAXIMUM": tuple(IntFeature(q, (i,)) for q in ("MINIMUM", "MAXIMUM") for i in range(3)),
    "PEAK, CREST_FACTOR": tuple(IntFeature(q, (i,)) for q in ("PEAK", "CREST_FACTOR") for i in range(3)),
    "CORRELATION": tuple(IntFeature("CORRELATION", pair) for pair in ((0, 1), (0, 2), (1, 2))),
    "JERK_RMS": tuple(IntFeature("JERK_RMS", (i,)) for i in range(3)),
    "NORM_RMS": (IntFeature("NORM_RMS", NORM),),
    "NORM_PEAKS (window kept)": (IntFeature("NORM_PEAKS", NORM, 100),),
    "RMS, KURTOSIS (window kept)": tuple(IntFeature(q, (i,)) for q in ("RMS", "KURTOSIS") for i in range(3)),
    "RMS, DOMINANT_BIN (window kept)": tuple(
        IntFeature(q, (i,)) for q in ("RMS", "DOMINANT_BIN") for i in range(3)
    ),
    "ENVELOPE_DOMINANT_BIN (never shared)": (IntFeature("ENVELOPE_DOMINANT_BIN", (0,)),),
}


def pipeline(features: tuple[IntFeature, ...], stride: int) -> Pipeline:
    channels = tuple(Count(f"acc_{axis}", "mg", 0.122) for axis in "xyz")
    # a tree for each feature: what no node tests, the compiler would leave out
    trees = [Tree.from_nodes([(k, 100.5, ~(2 * k), ~(2 * k + 1))]) for k in range(len(features))]
    votes = np.array([[1, 0], [0, 1]] * len(features))
    ensemble = build(trees, votes, ("a", "b"), len(features), total=1)
    return Pipeline("m", channels, 1000.0, WINDOW, stride, (), features, None, ensemble, ("a", "b"))


Int16 = np.ndarray[tuple[int, ...], np.dtype[np.int16]]


def measure(one: Pipeline, core: str, samples: Int16) -> tuple[float, int]:
    """Instructions from one result to the next, and bytes of the context."""
    sources = emit_project(one).sources()
    costs = [emulated(one, sources, [samples[: k * WINDOW]], cpu(core))[1] for k in (2, 5)]
    results = 3 * WINDOW // one.stride
    return (total(costs[1], 5, one.stride) - total(costs[0], 2, one.stride)) / results, costs[0].ram


def total(cost: Cost, times: int, stride: int) -> float:
    """All instructions of a log of so many windows."""
    results = (times - 1) * WINDOW // stride + 1
    return results * cost.instructions_mean + (times * WINDOW - results) * cost.instructions_sample


def main(cores: list[str]) -> None:
    rng = np.random.default_rng(1)
    i = np.arange(6 * WINDOW)[:, None]
    samples = np.rint(2000 * np.sin(0.21 * i + np.arange(3)) + rng.normal(0, 300, (len(i), 3))).astype(
        np.int16
    )
    for core in cores:
        print(f"{core}, window {WINDOW}, 3 channels; emulated, -O2")
        print(f"{'':38}{'stride':>7}{'alone':>10}{'panes':>10}{'ratio':>7}{'a sample':>9}{'RAM':>14}")
        for name, features in SETS.items():
            for stride in (WINDOW // 2, WINDOW // 4):
                one = pipeline(features, stride)
                with patch("sensorai.codegen.project.overlap", return_value=None):
                    before, ram = measure(one, core, samples)
                after, joined = measure(one, core, samples)
                ratio, each = after / before, after / stride
                print(
                    f"{name:38}{stride:7}{before:10.0f}{after:10.0f}{ratio:7.2f}{each:9.1f}{ram:7}{joined:7}"
                )
        print()


if __name__ == "__main__":
    main(sys.argv[1:] or ["cortex-m0plus", "cortex-m4"])
