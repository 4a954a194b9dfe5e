"""Integers to float32: ``q * 2**-places``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Operator, Writer
from sensorai.graph.tensor import Array, Shape, Tensor
from sensorai.ops import _testing


def scale(x: Tensor) -> np.float32:
    """``2**-places``; a ConfigError when the tensor has no such scale."""
    return np.float32(2.0**-x.places)


@dataclass(frozen=True, slots=True)
class Dequantize(Operator):
    """From numbers to what they mean."""

    NAME: ClassVar[str] = "dequantize"
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("int8", "float32"), ("int16", "float32"), ("int32", "float32")}
    )

    def shape(self, at: Applied) -> Shape:
        """Unchanged."""
        return at.x.shape

    def check(self, at: Applied) -> None:
        """A scale is needed."""
        scale(at.x)

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result; int32 beyond 2**24 rounds to the nearest float32."""
        return np.asarray(arrays[0].astype(np.float32) * scale(at.x), np.float32)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Nothing to do in real numbers."""
        return arrays[0]

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        if at.x.dtype != "int8":
            raise ConfigError(f"layer {at.name}: only int8 is dequantised in C")
        pointers = to.read(at.x), to.at(at.out, "void")
        to.call("sa_nn_float", "sa_nn_float_dequantize", *pointers, at.x.size, to.real(float(scale(at.x))))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """From int8."""
        yield "dequantize_int8", _testing.one(cls(), (7,), "int8", "float32")
