"""Probabilities from scores, in integers: int32 with 15 binary places.

``e[i] = table[max - q[i]]`` (0 beyond the table) with ``table[d] = round(2**15 * exp(-d * 2**-places))``,
then ``p[i] = min(floor(e[i] * 2**15 / sum), 32767)``; 32-bit unsigned throughout. The table is a constant
of the net (role ``table``), so no exponential is computed on the device. float32 nets hand out their
scores instead: the order of the classes is the same.
"""

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


def table(places: int) -> Array:
    """Exponentials for int8 scores with ``places`` binary places, uint16, up to the last that is not 0."""
    e = np.floor(2.0**15 * np.exp(-np.arange(256) * 2.0**-places) + 0.5).astype(np.uint16)
    return np.asarray(e[: int(np.flatnonzero(e)[-1]) + 1])


@dataclass(frozen=True, slots=True)
class Softmax(Operator):
    """Scores as shares of one."""

    NAME: ClassVar[str] = "softmax"
    CONSTANTS: ClassVar[tuple[str, ...]] = ("table",)
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset({("int8", "int32"), ("float32", "float32")})

    def shape(self, at: Applied) -> Shape:
        """(classes,) unchanged; at most 65535 of them, so that the sum fits 32 bits."""
        if len(at.x.shape) != 1 or at.x.shape[0] > 65535:
            raise ConfigError(f"layer {at.name}: softmax needs one axis of at most 65535 classes")
        return at.x.shape

    def check(self, at: Applied) -> None:
        """The table is exponentials that begin with 1."""
        if at.x.dtype != "int8":
            return
        values = at.constant("table")
        if values.dtype != np.uint16 or values.ndim != 1 or values.size > 256 or values[0] != 1 << 15:
            raise ConfigError(f"layer {at.name}: this is no table of exponentials")

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result for integers; float32 only for inspection on the desk."""
        x = arrays[0]
        if at.out.dtype == "float32":
            return np.asarray(self.float_form(np, at.constants, x.astype(np.float64)), np.float32)
        exps = np.concatenate([at.constant("table").astype(np.int64), np.zeros(256, np.int64)])
        e = exps[x.max(axis=-1, keepdims=True).astype(np.int64) - x]
        return np.asarray(np.minimum((e << 15) // e.sum(axis=-1, keepdims=True), 32767), np.int32)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Real-valued result."""
        e = xp.exp(arrays[0] - arrays[0].max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def lowered(self, at: Applied) -> Lowered:
        """With the exponentials of the input's scale."""
        return Lowered(self, "int32", Pow2(15), {"table": table(at.x.places)})

    def emit(self, at: Applied, to: Writer) -> None:
        """Table and call."""
        if at.x.dtype == "float32":
            raise ConfigError(
                f"layer {at.name}: softmax has no float32 C",
                hint="leave it away: the order of scores is the same",
            )
        values = at.constant("table")
        name = to.table("uint16_t", f"exp{to.index}", values)
        pointers = to.read(at.x), to.at(at.out, "void")
        to.call("sa_nn_steps", "sa_nn_softmax", *pointers, at.x.size, name, values.size)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Short and full table, one class."""
        for n, places in ((4, 5), (3, 3), (1, 4), (9, 0)):
            yield (
                f"softmax_{n}_{places}",
                _testing.one(cls(), (n,), "int8", "int32", {"table": table(places)}),
            )
