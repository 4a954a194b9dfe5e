"""Weighted sums of numbers along one axis: what images are resized with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, moving, nest
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class Resample(NdOperator):
    """Number ``o`` along the axis is ``start[o]`` plus ``weights[o, 0] * x[places[o, 0]]`` plus the next.

    Inputs: x (float32), and constants: places (out, taps) in int32, weights (out, taps) and start (out,) in
    float32.

    Attributes
    ----------
    axis : int
    """

    axis: int = 0

    NAME: ClassVar[str] = "resample"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """As many numbers along the axis as there are places."""
        if len(at.inputs) != 4 or any(one.data is None for one in at.inputs[1:]):
            raise ConfigError(f"layer {at.name}: places and weights are constants")
        x, places, weights, start = at.inputs
        axis = moving.axis_in(at, self.axis, len(x.shape))
        kinds = [one.dtype for one in at.inputs]
        fits = places.shape == weights.shape and len(places.shape) == 2 and start.shape == places.shape[:1]
        if kinds != ["float32", "int32", "float32", "float32"] or not fits:
            raise ConfigError(
                f"layer {at.name}: {kinds} of shapes {places.shape}, {weights.shape} do not fit"
            )
        known = np.asarray(places.data)
        if known.size and not (known.min() >= 0 and known.max() < x.shape[axis]):
            raise ConfigError(f"layer {at.name}: places lie outside of an axis of {x.shape[axis]}")
        shape = (*x.shape[:axis], places.shape[0], *x.shape[axis + 1 :])
        if x.size // max(x.shape[axis], 1) * places.shape[0] >= 2**31:
            raise ConfigError(f"layer {at.name}: a result of shape {shape} makes no sense")
        return (Made("float32", shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """One tap after the other."""
        x, places, weights, start = (np.asarray(a) for a in arrays)
        wide = (-1, *((1,) * (x.ndim - 1 - self.axis)))
        total = np.zeros(at.out.shape, np.float32) + start.reshape(wide)
        with np.errstate(all="ignore"):
            for tap in range(places.shape[1]):
                total = total + np.take(x, places[:, tap], self.axis) * weights[:, tap].reshape(wide)
        return (total,)

    def macs(self, at: Applied) -> int:
        """One for each tap."""
        return at.out.size * at.inputs[1].shape[1]

    def emit(self, at: Applied, to: Writer) -> None:
        """Loops over the result, and over the taps."""
        inner = nest.strides(at.x.shape)[self.axis]
        extent, (count, taps) = at.x.shape[self.axis], at.inputs[1].shape
        outer = at.x.size // (extent * inner)
        body = (
            f"const sa_nd_f32 *from = x + i0 * {extent * inner} + i2;\n"
            "float sum = b[i1];\n"
            "int32_t t;\n\n"
            f"for (t = 0; t < {taps}; t++) {{\n"
            f"    const float one = from[p[i1 * {taps} + t] * {inner}] * w[i1 * {taps} + t];\n\n"
            "    sum = sum + one;\n"
            "}\n"
            f"y[(i0 * {count} + i1) * {inner} + i2] = sum;"
        )
        parameters = (
            "const sa_nd_f32 *x, const sa_nd_i32 *p, const sa_nd_f32 *w, const sa_nd_f32 *b, sa_nd_f32 *y"
        )
        name = to.function("resample", parameters, nest.loops((outer, count, inner), body))
        to.run(name, *(to.source(one) for one in at.inputs), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every axis."""
        p = _testing.known("p", [[0, 1], [1, 1], [1, 0]], "int32")
        w = _testing.known("w", [[0.25, 0.75], [0.1, 0.9], [-0.5, 1.5]])
        b = _testing.known("b", [0.0, 1.0, -2.0])
        for axis in range(3):
            shape = tuple(2 if k == axis else 3 for k in range(3))
            yield f"resample_{axis}", _testing.one(cls(axis), (_testing.given("x", shape), p, w, b))
