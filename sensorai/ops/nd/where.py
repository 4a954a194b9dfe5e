"""Elements of one tensor or of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, elementwise
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class Where(NdOperator):
    """Inputs: condition (bool), what is taken where it holds, and where not; all repeat to one shape."""

    NAME: ClassVar[str] = "where"
    PLACELESS: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type of the second and third, shape of all together."""
        if at.x.dtype != "bool":
            raise ConfigError(f"layer {at.name}: the condition is {at.x.dtype}, not bool")
        dtype = elementwise.same_type(at, at.inputs[1], at.inputs[2])
        return (Made(dtype, elementwise.together(at, *at.inputs[:3]), at.inputs[1].quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Elements of one or the other."""
        condition, a, b = (np.asarray(x) for x in arrays[:3])
        return (np.where(condition, a, b),)

    def macc(self, at: Applied) -> int:
        """1 for every element."""
        return at.out.size

    def buffers(self, at: Applied) -> Buffers:
        """In place of an input that is not repeated."""
        return elementwise.in_place(at)

    def emit(self, at: Applied, to: Writer) -> None:
        """Write one nest of loops."""
        elementwise.emit(at, to, "where", "$y = $0 ? $1 : $2;")

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Of several types; repeated axes and constants."""
        for dtype in ("float32", "int8", "int64", "bool", "int16"):
            a, b = _testing.given("a", (3, 4), dtype), _testing.given("b", (2, 3, 4), dtype)
            yield f"where_{dtype}", _testing.one(cls(), (_testing.given("c", (3, 1), "bool"), a, b))
        k = _testing.known("k", 0.0)
        c, x = _testing.given("c", (7,), "bool"), _testing.given("x", (7,))
        yield "where_constant", _testing.one(cls(), (c, x, k))
