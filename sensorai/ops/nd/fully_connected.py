"""Dense layer: weighted sums over the last axis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Way, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _products_cases as samples
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.products import Sums, bias_of, check_bias, result_type
from sensorai.ops.nd.windows import MOST, Window


@dataclass(frozen=True, slots=True)
class FullyConnected(NdOperator):
    """Weighted sums over the last axis, ``x @ w.T + bias``.

    Inputs: values (..., inputs), weights (outputs, inputs), bias (outputs,) or none; types as for ``Conv``.

    Attributes
    ----------
    lo, hi : float or None
        Ends of the result, in real numbers.
    rounding : {"tflite", "even"}
        How quantised sums leave, see ``leaving``.
    to : str
        "int32": the sums of integers themselves come out; "": the type of the input, or another one of 8 or
        16 bits.
    coded : bool
        Whether weights may be places in a dictionary in C.
    """

    lo: float | None = None
    hi: float | None = None
    rounding: str = "tflite"
    to: str = ""
    coded: bool = True

    NAME: ClassVar[str] = "fully_connected"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """(..., outputs)."""
        kind = result_type(at, self.to)
        x, w = at.inputs[0].shape, at.inputs[1].shape
        if len(w) != 2 or not x or w[1] != x[-1] or min(w) < 1 or max(x) >= MOST or w[0] >= MOST:
            raise ConfigError(f"layer {at.name}: weights of shape {w} cannot take an input of shape {x}")
        check_bias(bias_of(at), w[0], f"layer {at.name}")
        return (Made(kind, (*x[:-1], w[0])),)

    def sums(self, at: Applied) -> Sums:
        """How it sums: every row is a place of its own."""
        clamp, single = (self.lo, self.hi), self.rounding == "tflite"
        window = Window((), (), (), (), (), ())
        return Sums(at, window, 1, self.rounding, clamp, single, True, coded=self.coded)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales are missing."""
        self.sums(at).check()

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Sums, scaled."""
        x, w = np.asarray(arrays[0]), np.asarray(arrays[1])
        bias = arrays[2] if len(arrays) > 2 else None
        y = self.sums(at).compute(x.reshape(-1, x.shape[-1]), w, bias)
        return (y.reshape(*x.shape[:-1], w.shape[0]),)

    def macs(self, at: Applied) -> int:
        """Weights times rows."""
        return math.prod(at.x.shape[:-1]) * at.inputs[1].size

    def macc(self, at: Applied) -> int:
        """Products, one for each bias, and one for each number that a clamp of floats looks at."""
        clamped = at.x.dtype == "float32" and (self.lo is not None or self.hi is not None)
        return self.macs(at) + at.out.size + (at.out.size if clamped else 0)

    def buffers(self, at: Applied) -> Buffers:
        """Room that the kernel of the core wants; results may run over values that it reads no more."""
        return self.sums(at).buffers()

    def ways(self, at: Applied) -> tuple[Way, ...]:
        """The plain kernel and those for the instructions of the core."""
        return self.sums(at).ways()

    def emit(self, at: Applied, to: Writer) -> None:
        """The kernels of convolutions."""
        self.sums(at).emit(to)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every pair of types, more axes, clamps, roundings, weights that are computed."""
        for x_type, w_type in samples.PAIRS:
            name = f"fully_connected_{x_type}_{w_type}"
            yield name, samples.product(cls(lo=0.0), (2, 9), (5, 9), x_type, w_type)
            even = cls(rounding="even", hi=2.0)
            if x_type != "float32":
                yield f"{name}_even", samples.product(even, (2, 1, 3, 4), (5, 4), x_type, w_type)
            if x_type not in ("float32", "int16"):
                yield f"{name}_given", samples.product(cls(), (2, 4), (3, 4), x_type, w_type, given=True)
        for bias in ("none", "int32"):
            graph = samples.product(cls(), (3,), (2, 3), "int16", "int8", bias=bias)
            yield f"fully_connected_int16_{bias}", graph
        each = Affine((0.02, 0.01, 0.3), (0, 0, 0), 0)
        for x_type in ("int8", "float32"):
            graph = samples.product(cls(), (2, 7), (3, 7), x_type, "int8", weights=each)
            yield f"fully_connected_each_{x_type}", graph
        graph = samples.product(cls(to="int32"), (2, 7), (3, 7), "uint8", "int8", bias="none")
        yield "fully_connected_sums", graph
        yield from samples.dense_dictionaries(cls)
