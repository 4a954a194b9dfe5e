"""What the tensors of a float net hold for given inputs, and the scales that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sensorai.errors import DataError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array

#: Ways to choose the ends of a tensor: all numbers; all but the last ones; where the square error is least.
METHODS = ("minmax", "percentile", "mse")
#: Share of numbers, in percent, outside of each end of "percentile".
OUTSIDE = 0.01
#: Numbers of a tensor that are kept to look at.
KEPT = 1 << 16
#: Calls that are computed at a time.
_CHUNK = 8


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Ends of what a tensor held, and some of its numbers."""

    low: float
    high: float
    some: Array


def observe(graph: Graph, given: Mapping[str, Array]) -> dict[str, Held]:
    """Run a float net and note every float32 tensor.

    Raises
    ------
    DataError
        A tensor becomes infinite or not a number.
    """
    count = len(next(iter(given.values())))
    names = [t.name for t in graph.activations if t.dtype == "float32"]
    ends = dict.fromkeys(names, (0.0, 0.0))
    some: dict[str, list[Array]] = {name: [] for name in names}
    for start in range(0, count, _CHUNK):
        values = interpret.run(graph, {n: a[start : start + _CHUNK] for n, a in given.items()})
        for name in names:
            flat = values[name].reshape(-1)
            if not np.isfinite(flat).all():
                raise DataError(f"tensor {name} is not finite for the calibration data")
            low, high = ends[name]
            ends[name] = (min(low, float(flat.min(initial=0))), max(high, float(flat.max(initial=0))))
            step = max(1, flat.size * count // (KEPT * len(values[name])))
            some[name].append(flat[::step].astype(np.float32))
    return {name: Held(*ends[name], np.concatenate(some[name])) for name in names}


def together(several: list[Held]) -> Held:
    """Several tensors that are to have one scale."""
    return Held(
        min(h.low for h in several), max(h.high for h in several), np.concatenate([h.some for h in several])
    )


def scale_for(held: Held, dtype: str, method: str) -> Affine:
    """Scale and zero point of a tensor: int8 asymmetric, int16 symmetric; float32 numbers."""
    low, high = held.low, held.high
    if method == "percentile" and held.some.size:
        ends = np.percentile(held.some, [OUTSIDE, 100 - OUTSIDE])
        low, high = min(0.0, float(ends[0])), max(0.0, float(ends[1]))
    if method != "mse":
        return _affine(low, high, dtype)
    choices = [_affine(low * f, high * f, dtype) for f in np.linspace(1.0, 0.3, 29)]
    errors = [
        float(np.mean((held.some.astype(np.float64) - _there_and_back(held.some, q, dtype)) ** 2))
        for q in choices
    ]
    return choices[int(np.argmin(errors))]


def _affine(low: float, high: float, dtype: str) -> Affine:
    info = np.iinfo(dtype)
    if dtype == "int16":
        scale = np.float32(max(-low, high) / info.max)
    else:
        scale = np.float32((high - low) / (info.max - info.min))
    if not scale > np.float32(1e-30):
        scale = np.float32(1.0)
    zero = 0 if dtype == "int16" else int(np.clip(np.rint(info.min - low / float(scale)), info.min, info.max))
    return Affine((float(scale),), (zero,))


def _there_and_back(x: Array, quant: Affine, dtype: str) -> Array:
    info = np.iinfo(dtype)
    q = np.clip(np.rint(x / quant.scale[0]) + quant.zero[0], info.min, info.max)
    return np.asarray((q - quant.zero[0]) * quant.scale[0])
