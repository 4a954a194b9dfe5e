"""Index of the largest value, the lowest on a tie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Lowered, Operator, Writer
from sensorai.graph.quant import Pow2
from sensorai.graph.tensor import Array, Shape
from sensorai.ops import _testing


@dataclass(frozen=True, slots=True)
class Argmax(Operator):
    """Class with the largest score."""

    NAME: ClassVar[str] = "argmax"
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("int8", "int32"), ("int32", "int32"), ("float32", "int32")}
    )

    def shape(self, at: Applied) -> Shape:
        """(features,) -> (1,)."""
        if len(at.x.shape) != 1:
            raise ConfigError(f"layer {at.name}: argmax needs one axis")
        return (1,)

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result."""
        return np.asarray(np.argmax(arrays[0], axis=-1)[..., None], np.int32)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Index, as in the integer form."""
        return xp.argmax(arrays[0], axis=-1)[..., None]

    def lowered(self, at: Applied) -> Lowered:
        """Whole numbers."""
        return Lowered(self, "int32", Pow2(0))

    def emit(self, at: Applied, to: Writer) -> None:
        """One call, into the first score."""
        file, name, source = {
            "int8": ("sa_nn_steps", "sa_nn_argmax", to.read(at.x)),
            "int32": ("sa_nn_steps", "sa_nn_argmax32", to.at(at.x, "void")),
            "float32": ("sa_nn_float", "sa_nn_float_argmax", to.at(at.x, "void")),
        }[at.x.dtype]
        if not to.direct(at.out):
            raise ConfigError(f"layer {at.name}: argmax must be the last layer")
        to.call(file, name, source, at.x.size, into="scores[0]")

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Also with equal values (constant inputs)."""
        yield "argmax_int8", _testing.one(cls(), (5,), "int8", "int32")
        yield "argmax_float32", _testing.one(cls(), (3,), "float32", "int32")
        yield "argmax_one", _testing.one(cls(), (1,), "int8", "int32")
