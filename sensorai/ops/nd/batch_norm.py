"""Normalisation with means and variances that are given."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class BatchNorm(NdOperator):
    """``(x - mean) * (scale / sqrt(var + epsilon)) + bias`` in float32, for each index of an axis.

    Inputs: x, scale, bias, mean, var; the last four with one number for each index.

    Attributes
    ----------
    epsilon : float
    axis : int
    """

    epsilon: float
    axis: int

    NAME: ClassVar[str] = "batch_norm_nd"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type and shape of x."""
        x = at.x
        if not 0 <= self.axis < len(x.shape):
            raise ConfigError(f"layer {at.name}: {x.shape} has no axis {self.axis}")
        for one in at.inputs[1:5]:
            if one.shape != (x.shape[self.axis],):
                raise ConfigError(f"layer {at.name}: {one.shape} numbers for axis {self.axis} of {x.shape}")
        if len(at.inputs) != 5 or any(one.dtype not in ("float32", "float16") for one in at.inputs):
            raise ConfigError(
                f"layer {at.name}: batch_norm of {x.dtype}", hint="float32, with four inputs more"
            )
        return (Made(x.dtype, x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Numbers normalised."""
        column = [1] * len(at.x.shape)
        column[self.axis] = -1
        x, *rest = (np.asarray(a).astype(np.float32) for a in arrays[:5])
        scale, bias, mean, var = (a.reshape(column) for a in rest)
        with np.errstate(all="ignore"):
            y = (x - mean) * (scale / np.sqrt(var + np.float32(self.epsilon))) + bias
        return (y.astype(np.asarray(arrays[0]).dtype),)

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """Along the same axis in its new place."""
        return replace(self, axis=perm[self.axis])

    def macs(self, at: Applied) -> int:
        """One for every element."""
        return at.out.size

    def macc(self, at: Applied) -> int:
        """2 for every element: a product and a sum."""
        return 2 * at.out.size

    def buffers(self, at: Applied) -> Buffers:
        """In place of x; the other inputs must be constants for that."""
        return Buffers(in_place=all(t.data is not None for t in at.inputs[1:5]))

    def emit(self, at: Applied, to: Writer) -> None:
        """Call one kernel; factors of constants are computed beforehand."""
        shape = at.x.shape
        outer, inner = math.prod(shape[: self.axis]), math.prod(shape[self.axis + 1 :])
        known = [t.data for t in at.inputs[1:5]]
        sizes = (outer, shape[self.axis], inner)
        if all(a is not None for a in known):
            scale, bias, mean, var = (np.asarray(a, np.float32) for a in known)
            with np.errstate(all="ignore"):
                factor = scale / np.sqrt(var + np.float32(self.epsilon))
            tables = [
                to.table("float", f"{name}{to.index}", values)
                for name, values in (("mean", mean), ("factor", factor), ("bias", bias))
            ]
            to.call("nd/sa_nd_norm.h", "sa_nd_scale_f32", to.source(at.x), to.target(at.out), *sizes, *tables)
            return
        others = [to.source(t) for t in at.inputs[1:5]]
        epsilon = to.real(self.epsilon)
        to.call(
            "nd/sa_nd_norm.h",
            "sa_nd_batch_norm_f32",
            to.source(at.x),
            to.target(at.out),
            *sizes,
            *others,
            epsilon,
        )

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Along each axis, with constants and with inputs."""
        rng = np.random.default_rng(5)
        for axis, n in enumerate((2, 3, 4)):
            x = _testing.given("x", (2, 3, 4))
            values = [rng.normal(0, 1, n), rng.normal(0, 1, n), rng.normal(0, 1, n), rng.uniform(0.1, 2, n)]
            known = [_testing.known(f"k{i}", v) for i, v in enumerate(values)]
            yield f"batch_norm_{axis}", _testing.one(cls(1e-3, axis), (x, *known))
            given = [_testing.given(f"k{i}", (n,)) for i in range(3)]
            yield f"batch_norm_inputs_{axis}", _testing.one(cls(1e-3, axis), (x, *given, known[3]))
