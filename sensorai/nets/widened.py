"""Nets of other real types that are computed in float32: by how much their outputs differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sensorai.errors import SensoraiError
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.open import read_net
from sensorai.nets.frameworks import run_all
from sensorai.nets.inputs import Inputs, spread
from sensorai.nets.model import Asked, NetFile
from sensorai.nets.port import ports
from sensorai.nets.references import one_by_one

#: Made inputs on which results are compared.
COUNT = 4


@dataclass(frozen=True, slots=True)
class Widened:
    """What it costs to compute in float32.

    Attributes
    ----------
    types : tuple of str
        Of the file, in whose place float32 is.
    gaps : mapping of str to (float, float)
        By output: largest difference, and largest number of the file's own net.
    beside : str
        What computed the file's own net; "" where nothing did.
    failure : str
        Why it was not compared.
    """

    types: tuple[str, ...]
    gaps: Mapping[str, tuple[float, float]]
    beside: str = ""
    failure: str = ""

    def words(self) -> str:
        """One line."""
        types = " and ".join(self.types)
        if not self.beside:
            unknown = f"by how much that differs is not known: {self.failure}"
            return f"computed in float32 in place of {types}; {unknown}"
        parts = [
            f"{name} differs by {gap:.3g} at most, of {most:.3g}" for name, (gap, most) in self.gaps.items()
        ]
        on = f"{COUNT} made inputs, beside the file's own {types} by {self.beside}"
        return f"computed in float32 in place of {types}: {'; '.join(parts)} ({on})"

    def figures(self) -> dict[str, Any]:
        """Plain data."""
        rows = [{"output": n, "differs": _finite(a), "of": _finite(b)} for n, (a, b) in self.gaps.items()]
        return {
            "in_place_of": list(self.types),
            "outputs": rows,
            "beside": self.beside,
            "failure": self.failure,
        }


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def widened(model: NetFile, asked: Asked) -> Widened | None:
    """Compare a net that computes in float32 with that of its file; None where the file has no other type.

    The file's own net is what the reference makes of it; where it has operators that the reference has in
    float32 alone, a framework that is installed.
    """
    types = model.read.instead
    if not types:
        return None
    given = spread(ports(model.read, model.read.inputs), COUNT)
    if "float16" in types or "bfloat16" in types:
        # both get the same numbers
        halves = [a.astype(np.float16).astype(a.dtype) if a.dtype.kind == "f" else a for a in given.arrays]
        given = replace(given, arrays=tuple(halves))
    ours = one_by_one(model.read, given)
    theirs, beside, failure = _own(model, asked, given)
    if not theirs:
        return Widened(types, {}, "", failure)
    gaps = {}
    for k, name in enumerate(model.read.outputs):
        a, b = (np.stack([np.asarray(call[k], np.float64) for call in calls]) for calls in (theirs, ours))
        with np.errstate(invalid="ignore"):
            gap = np.where(a == b, 0.0, np.abs(a - b))
        gaps[name] = float(gap.max(initial=0)), float(np.abs(a).max(initial=0))
    return Widened(types, gaps, beside)


def _own(model: NetFile, asked: Asked, given: Inputs) -> tuple[list[list[Array]], str, str]:
    """Outputs of the file's own net, call by call, and what computed them; none, and why."""
    try:
        net = read_net(model.path, kind=model.kind, shapes=asked.shapes, frozen=asked.frozen)
        return one_by_one(net, _typed(net, given)), "the reference", ""
    except SensoraiError as error:
        failure = error.message
    for ran in run_all(
        replace(model, made=replace(model.made, graph=model.made.passed)), given, asked.frozen
    ):
        if not ran.failure:
            return [list(call) for call in zip(*ran.outputs, strict=True)], ran.name, ""
        failure = f"{ran.name}: {ran.failure}"
    return [], "", failure


def _typed(net: Graph, given: Inputs) -> Inputs:
    """Inputs in the types of a net."""
    kinds = [port.kind for port in ports(net, net.inputs)]
    arrays = tuple(a.astype(kind) for a, kind in zip(given.arrays, kinds, strict=True))
    return replace(given, arrays=arrays)
