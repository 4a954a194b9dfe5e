"""Transposed convolution: every value adds its weighted kernel to the result."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array, Shape
from sensorai.ops.nd import _products_cases as samples
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.products import Sums, bias_of, check_bias, result_type
from sensorai.ops.nd.windows import MOST, Setting, Window


@dataclass(frozen=True, slots=True)
class ConvTranspose(NdOperator):
    """Sums of kernels, each weighted with a value and placed where the value stands.

    Inputs: values (batch, *extents, inputs), weights (outputs, *kernel, inputs / groups), bias (outputs,) or
    none; types as for ``Conv``. float32 products are added in the order of the values.

    Attributes
    ----------
    strides, dilations : tuple of int
        Along each axis; () for 1.
    pads : tuple of (int, int)
        What is cut off before and after each axis; () for none.
    extra : tuple of int
        What is added behind each axis; () for none.
    groups : int
    lo, hi : float or None
        Ends of the result, in real numbers.
    rounding : {"tflite", "even"}
        How quantised sums leave, see ``leaving``.
    """

    strides: Shape = ()
    dilations: Shape = ()
    pads: tuple[tuple[int, int], ...] = ()
    extra: Shape = ()
    groups: int = 1
    lo: float | None = None
    hi: float | None = None
    rounding: str = "tflite"

    NAME: ClassVar[str] = "conv_transpose"

    def window(self, at: Applied) -> Window:
        """The kernel over the result; a ConfigError where the settings do not fit."""
        where = f"layer {at.name}"
        x, w = at.inputs[0].shape, at.inputs[1].shape
        said = Setting(self.strides, self.dilations, self.pads).over(where, x, w, self.groups)
        strides, dilations, pads = said.strides, said.dilations, said.pads
        extra = self.extra or (0,) * len(pads)
        if len(extra) != len(pads) or min(extra) < 0:
            raise ConfigError(f"{where}: {extra=} does not go with {len(pads)} axes")
        spans = [
            (e - 1) * s + (k - 1) * d + 1
            for e, s, k, d in zip(x[1:-1], strides, w[1:-1], dilations, strict=True)
        ]
        outs = tuple(n - b - a + more for n, (b, a), more in zip(spans, pads, extra, strict=True))
        before = tuple(b for b, _ in pads)
        # so much behind the result that the kernel stands once for every value
        after = tuple(n - e - b for n, e, b in zip(spans, outs, before, strict=True))
        if (
            max(spans + list(outs)) + max(before) > MOST
            or min(outs + w + x) < 1
            or x[0] * math.prod(outs) * w[0] > MOST
        ):
            raise ConfigError(f"{where}: a kernel of {w[1:-1]} over {x[1:-1]} makes {outs}")
        return Window(outs, w[1:-1], strides, dilations, before, after)

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """(batch, *extents, outputs)."""
        kind = result_type(at, "")
        window, outputs = self.window(at), at.inputs[1].shape[0]
        check_bias(bias_of(at), outputs, f"layer {at.name}")
        return (Made(kind, (at.x.shape[0], *window.extents, outputs)),)

    def sums(self, at: Applied) -> Sums:
        """How it sums; those of int16 numbers are int64 in TensorFlow Lite Micro, whatever their bias."""
        clamp = (self.lo, self.hi)
        single = self.rounding == "tflite" and at.x.dtype == "uint8"
        return Sums(at, self.window(at), self.groups, self.rounding, clamp, single, False, back=True)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales are missing."""
        self.sums(at).check()

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Sums, scaled."""
        bias = arrays[2] if len(arrays) > 2 else None
        return (self.sums(at).compute(np.asarray(arrays[0]), np.asarray(arrays[1]), bias),)

    def macs(self, at: Applied) -> int:
        """Values times weights of their group, what is cut off included."""
        return at.x.size * at.inputs[1].size // at.x.shape[-1]

    def macc(self, at: Applied) -> int:
        """Products, one for each bias, and one for each number that a clamp of floats looks at."""
        clamped = at.x.dtype == "float32" and (self.lo is not None or self.hi is not None)
        return self.macs(at) + at.inputs[1].shape[0] + (at.out.size if clamped else 0)

    def emit(self, at: Applied, to: Writer) -> None:
        """One kernel for each pair of types."""
        self.sums(at).emit(to)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every pair of types, one to three axes, groups, strides beyond the kernel, gaps within it."""
        plain = cls(strides=(2, 1), pads=((1, 0), (0, 1)), extra=(1, 0), lo=-3.0)
        for x_type, w_type in samples.PAIRS:
            graph = samples.product(plain, (2, 3, 2, 3), (4, 3, 2, 3), x_type, w_type)
            yield f"conv_transpose_{x_type}_{w_type}", graph
        for dtype in ("float32", "int8"):
            one = cls(strides=(4,), dilations=(2,), groups=2, hi=4.0)
            yield f"conv_transpose_1d_{dtype}", samples.product(one, (1, 3, 4), (4, 2, 2), dtype, dtype)
            three = cls(strides=(1, 2, 1), dilations=(1, 1, 3), pads=((1, 0), (0, 0), (2, 2)))
            graph = samples.product(three, (1, 2, 2, 3, 1), (2, 2, 3, 2, 1), dtype, dtype)
            yield f"conv_transpose_3d_{dtype}", graph
        none = samples.product(cls(), (1, 3, 2), (2, 2, 2), "int16", "int8", bias="none")
        yield "conv_transpose_int16_none", none
        even = cls(rounding="even", strides=(3,))
        yield "conv_transpose_even", samples.product(even, (1, 3, 2), (2, 2, 2), "int8", "int8")
