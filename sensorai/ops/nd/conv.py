"""Convolution over any number of axes, with groups; depthwise is one group for each channel."""

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
from sensorai.graph.tensor import Array, Shape
from sensorai.ops.nd import _products_cases as samples
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.products import Sums, bias_of, check_bias, result_type
from sensorai.ops.nd.windows import MOST, Setting, Window


@dataclass(frozen=True, slots=True)
class Conv(NdOperator):
    """Weighted sums of what stands under a kernel.

    Inputs: values (batch, *extents, inputs), weights (outputs, *kernel, inputs / groups), bias (outputs,) or
    none. Types: floats; int8 or uint8 with scales, int16 with int8 weights; float32 with int8 weights.

    Attributes
    ----------
    strides, dilations : tuple of int
        Along each axis; () for 1.
    pads : tuple of (int, int)
        Margins of 0 before and after each axis; () for none.
    groups : int
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

    strides: Shape = ()
    dilations: Shape = ()
    pads: tuple[tuple[int, int], ...] = ()
    groups: int = 1
    lo: float | None = None
    hi: float | None = None
    rounding: str = "tflite"
    to: str = ""
    coded: bool = True

    NAME: ClassVar[str] = "conv"

    def window(self, at: Applied) -> Window:
        """The kernel over the input; a ConfigError where the settings do not fit."""
        where = f"layer {at.name}"
        x, w = at.inputs[0].shape, at.inputs[1].shape
        said = Setting(self.strides, self.dilations, self.pads).over(where, x, w, self.groups)
        before, after = (tuple(p[side] for p in said.pads) for side in (0, 1))
        window = Window(x[1:-1], w[1:-1], said.strides, said.dilations, before, after)
        widest = max(e + b + a for e, b, a in zip(x[1:-1], before, after, strict=True))
        if widest > MOST or min(window.out + w + x) < 1 or x[0] * math.prod(window.out) * w[0] > MOST:
            raise ConfigError(f"{where}: a kernel of {w[1:-1]} over {x[1:-1]} makes {window.out}")
        return window

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """(batch, *places, outputs)."""
        kind = result_type(at, self.to)
        window, outputs = self.window(at), at.inputs[1].shape[0]
        check_bias(bias_of(at), outputs, f"layer {at.name}")
        return (Made(kind, (at.x.shape[0], *window.out, outputs)),)

    def sums(self, at: Applied) -> Sums:
        """How it sums."""
        single = self.rounding == "tflite" and at.x.dtype == "uint8"
        clamp = (self.lo, self.hi)
        return Sums(
            at,
            self.window(at),
            self.groups,
            self.rounding,
            clamp,
            single,
            self._narrow(at),
            coded=self.coded,
        )

    def _narrow(self, at: Applied) -> bool:
        """TensorFlow Lite Micro sums depthwise layers of int16 numbers in int64, whatever their bias."""
        return not self.depthwise(at)

    def depthwise(self, at: Applied) -> bool:
        """Whether every channel has a kernel of its own."""
        return self.groups == at.x.shape[-1] and at.inputs[1].shape[-1] == 1

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales are missing."""
        self.sums(at).check()

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Sums, scaled."""
        bias = arrays[2] if len(arrays) > 2 else None
        return (self.sums(at).compute(np.asarray(arrays[0]), np.asarray(arrays[1]), bias),)

    def macs(self, at: Applied) -> int:
        """Weights times places, margins included."""
        places = at.x.shape[0] * math.prod(self.window(at).out)
        return places * at.inputs[1].size

    def macc(self, at: Applied) -> int:
        """Products, one for each bias, and one for each number that a clamp of floats looks at."""
        clamped = at.x.dtype == "float32" and (self.lo is not None or self.hi is not None)
        return self.macs(at) + at.inputs[1].shape[0] + (at.out.size if clamped else 0)

    def buffers(self, at: Applied) -> Buffers:
        """Room that the kernel of the core wants; results may run over values that it reads no more."""
        return self.sums(at).buffers()

    def ways(self, at: Applied) -> tuple[Way, ...]:
        """The plain kernel and those for the instructions of the core."""
        return self.sums(at).ways()

    def emit(self, at: Applied, to: Writer) -> None:
        """One kernel for each pair of types."""
        self.sums(at).emit(to)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every pair of types, axes, groups, margins that leave nothing of the kernel, roundings."""
        plain = cls(strides=(2, 1), pads=((1, 1), (0, 2)))
        for x_type, w_type in samples.PAIRS:
            yield (
                f"conv_{x_type}_{w_type}",
                samples.product(plain, (2, 5, 4, 3), (4, 3, 2, 3), x_type, w_type),
            )
        wide = cls(pads=((4, 5),), dilations=(2,))
        yield "conv_1d_wide_margins", samples.product(wide, (1, 3, 2), (3, 3, 2), "int8", "int8")
        yield "conv_1d_far", samples.product(cls(pads=((6, 6),)), (1, 2, 1), (2, 2, 1), "uint8", "int8")
        deep = cls(strides=(1, 2, 1), pads=((1, 0), (1, 1), (0, 0)), dilations=(1, 1, 2))
        for dtype in ("float32", "int8"):
            yield f"conv_3d_{dtype}", samples.product(deep, (1, 3, 4, 4, 2), (3, 2, 3, 2, 2), dtype, dtype)
            grouped = cls(groups=2, pads=((1, 1), (1, 1)), lo=0.0, hi=6.0)
            yield f"conv_groups_{dtype}", samples.product(grouped, (1, 4, 4, 6), (4, 3, 3, 3), dtype, dtype)
            many = cls(groups=3, strides=(2, 2), pads=((1, 1), (1, 1)), dilations=(1, 2), lo=0.0)
            yield f"conv_depthwise_{dtype}", samples.product(many, (1, 5, 6, 3), (6, 3, 3, 1), dtype, dtype)
        one = cls(groups=3, pads=((1, 1), (1, 1)))
        for x_type, w_type in (("int16", "int8"), ("float32", "int8"), ("uint8", "uint8")):
            name = f"conv_depthwise_{x_type}_{w_type}"
            yield name, samples.product(one, (1, 4, 3, 3), (3, 3, 3, 1), x_type, w_type)
        for bias in ("none", "int32", "int64"):
            graph = samples.product(cls(), (1, 4, 3), (2, 2, 3), "int16", "int8", bias=bias)
            yield f"conv_int16_{bias}", graph
        for groups in (1, 3):
            graph = samples.product(
                cls(groups=groups), (1, 4, 3), (3, 2, 3 // groups), "int16", "int8", span=3e9
            )
            yield f"conv_int16_wide_{groups}", graph
            for name, size in (("", 900.0), ("_wide", 3e9)):
                rounded = cls(groups=groups, rounding="even", lo=-0.5)
                graph = samples.product(rounded, (1, 4, 3), (3, 2, 3 // groups), "int16", "int8", span=size)
                yield f"conv_int16_even{name}_{groups}", graph
        even = cls(rounding="even", hi=1.0)
        for x_type, w_type in (("int8", "int8"), ("uint8", "int8"), ("uint8", "uint8")):
            yield f"conv_even_{x_type}_{w_type}", samples.product(even, (1, 6, 3), (4, 2, 3), x_type, w_type)
            sums = cls(to="int32", pads=((1, 1),))
            yield f"conv_sums_{x_type}_{w_type}", samples.product(sums, (1, 6, 3), (4, 2, 3), x_type, w_type)
        mixed = cls(rounding="even", to="uint8")
        yield "conv_int8_to_uint8", samples.product(mixed, (1, 6, 3), (4, 2, 3), "int8", "int8")
        scale = Affine((0.02, 0.01, 0.3), (0, 0, 0), 0)
        each = cls(pads=((1, 1),), lo=-1.0, hi=1.0)
        yield (
            "conv_each_channel",
            samples.product(each, (1, 9, 2), (3, 3, 2), "int8", "int8", weights=scale),
        )
        graph = samples.product(each, (1, 9, 2), (3, 3, 2), "int8", "int8", weights=scale, given=True)
        yield "conv_given_weights", graph
        yield "conv_given_uint8", samples.product(each, (1, 9, 2), (3, 3, 2), "uint8", "uint8", given=True)
        yield (
            "conv_given_float",
            samples.product(each, (1, 9, 2), (3, 3, 2), "float32", "float32", given=True),
        )
        yield from samples.dictionaries(cls)
