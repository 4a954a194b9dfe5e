"""What sharing the work of overlapping windows saves: ``python benchmarks/overlap.py``.

The same pipeline is emitted with and without sharing; both must give the same results. Instructions of all
pushes between two results [emulated], and the context in bytes [compiled], on a Cortex-M0+ and a Cortex-M4 at
-O2.
"""

from __future__ import annotations

import sys
from unittest import mock

import numpy as np

from sensorai.codegen import project
from sensorai.codegen.project import emit_project
from sensorai.features.catalogue import IntFeature
from sensorai.model.ensemble import build
from sensorai.model.forest import Tree
from sensorai.model.pipeline import Count, Pipeline
from sensorai.toolchain.cpu import cpu
from sensorai.verify import cproject

AXES = (0, 1, 2)
SETS = {
    "sums of axes": ("MEAN", "RMS", "STD", "MINIMUM", "MAXIMUM"),
    "sums of axes and norm": ("STD", "PEAK_TO_PEAK", "NORM_MEAN", "NORM_STD", "NORM_MAXIMUM"),
    "with crossings": ("STD", "MEAN_CROSSING", "NORM_STD"),
    "with a spectrum": ("STD", "BAND_RMS"),
}
WINDOW = 256


def pipeline(names: tuple[str, ...], stride: int) -> Pipeline:
    """A tree of one test on features of three axes."""
    features = tuple(
        IntFeature(name, inputs)
        for name in names
        for inputs in ([AXES] if name.startswith("NORM_") else [(axis,) for axis in AXES])
    )
    tree = Tree.from_nodes([(0, 100.0, ~0, ~1)])
    model = build([tree], np.array([[1.0, 0.0], [0.0, 1.0]]), ("a", "b"), len(features))
    channels = tuple(Count(f"acc_{a}", "mg", 0.122) for a in "xyz")
    return Pipeline("m", channels, 208.0, WINDOW, stride, (), features, None, model, ("a", "b"))


def main() -> int:
    """Print a table; 1 where results differ."""
    random = np.random.default_rng(1)
    log = np.clip(random.normal(0, 3000, (WINDOW * 8, 3)), -32768, 32767).astype(np.int16)
    print(f"| window {WINDOW} | stride | core | instructions a result | shared | ratio | RAM | shared |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for name, names in SETS.items():
        for part in (2, 4, 8):
            one = pipeline(names, WINDOW // part)
            shared = emit_project(one).sources()
            with mock.patch.object(project, "overlap", return_value=None):
                plain = emit_project(one).sources()
            for core in ("m0plus", "m4"):
                got, cost = cproject.emulated(one, plain, [log], cpu(core))
                same, less = cproject.emulated(one, shared, [log], cpu(core))
                if got[0].tobytes() != same[0].tobytes():
                    print(f"{name}: results differ", file=sys.stderr)
                    return 1

                def total(of: cproject.Cost, stride: int = one.stride) -> float:
                    return of.instructions_mean + of.instructions_sample * (stride - 1)

                print(
                    f"| {name} | {one.stride} | {core} | {total(cost):,.0f} | {total(less):,.0f} "
                    f"| {total(less) / total(cost):.2f} | {cost.ram:,} | {less.ram:,} |"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
