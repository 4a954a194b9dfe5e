"""Changes of type on the way in.

float32 to int8: scaled by ``2**places``, clamped to [-128, 127], 128.5 added in float32, truncated, 128
taken off: half up, and the same steps in C. int8 to binary: thresholds as in binary layers. binary to
int8: +1 and -1 with no places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Operator, Writer
from sensorai.graph.tensor import Array, Shape
from sensorai.ops import _testing, product_c
from sensorai.ops.requant import bits


@dataclass(frozen=True, slots=True)
class Quantize(Operator):
    """From one type to a narrower one, or from bits to int8."""

    NAME: ClassVar[str] = "quantize"
    CONSTANTS: ClassVar[tuple[str, ...]] = ("threshold", "flip")
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("float32", "int8"), ("int8", "binary"), ("binary", "int8")}
    )

    def shape(self, at: Applied) -> Shape:
        """Unchanged."""
        return at.x.shape

    def check(self, at: Applied) -> None:
        """A scale, or thresholds for every channel, are needed."""
        if at.x.dtype == "float32":
            _ = at.out.places
        if at.out.dtype == "binary":
            for role, kind in (("threshold", np.int32), ("flip", np.uint8)):
                have = at.constant(role)
                if have.dtype != kind or have.shape != at.x.shape[-1:]:
                    raise ConfigError(f"layer {at.name}: {role} does not go with {at.x.shape[-1]} channels")

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result."""
        x = arrays[0]
        if at.out.dtype == "binary":
            return bits(at, x)
        if at.x.dtype == "binary":
            return x.astype(np.int8)
        scale = np.float32(2.0**at.out.places)
        v = np.clip(x.astype(np.float32) * scale, np.float32(-128), np.float32(127))
        return np.asarray((v + np.float32(128.5)).astype(np.int32) - 128, np.int8)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Nothing to do in real numbers."""
        return arrays[0]

    def emit(self, at: Applied, to: Writer) -> None:
        """One call; thresholds as tables."""
        x, out = at.x, at.out
        steps, channels = x.size // x.shape[-1], x.shape[-1]
        if x.dtype == "float32":
            scale = to.real(2.0 ** float(out.places))
            to.call("sa_nn_float", "sa_nn_float_quantize", to.at(x, "void"), to.at(out), x.size, scale)
        elif x.dtype == "binary":
            to.call("sa_nn_binary", "sa_nn_binary_unpack", to.at(x, "void"), to.at(out), steps, channels)
        else:
            limits = product_c.threshold_tables(at, to)
            pointers = to.read(x), to.at(out, "void")
            to.call("sa_nn_binary", "sa_nn_binary_pack", *pointers, steps, channels, *limits.values())

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Each pair of types."""
        yield "quantize_float32_int8", _testing.one(cls(), (9,), "float32", "int8")
        r = _testing.rng(3)
        for n in (3, 32, 45):
            params: dict[str, Array] = {
                "threshold": r.integers(-128, 129, n).astype(np.int32),
                "flip": r.integers(0, 2, n).astype(np.uint8),
            }
            # the constant inputs of the tests meet these exactly
            params["threshold"][:3] = (0, -128, 127)
            yield f"quantize_{n}_int8_binary", _testing.one(cls(), (n,), "int8", "binary", params)
            yield f"quantize_{n}_binary_int8", _testing.one(cls(), (2, n), "binary", "int8")
