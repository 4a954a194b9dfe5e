"""What classifiers of ``ai.onnx.ml`` make of their sums: scores, and the label of a class.

As onnxruntime computes them (``ml_common.h``), in float32, sums from the first class on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, maths
from sensorai.ops.nd.base import Made, NdOperator

#: What happens to sums, by its number in C.
TRANSFORMS = ("none", "logistic", "softmax", "softmax_zero", "probit", "sign")
#: What a single sum s becomes before: itself, (1 - s, s), (-s, s).
SECONDS = ("", "complement", "negate")

F = np.float32


@dataclass(frozen=True, slots=True)
class Scores(NdOperator):
    """Sums (N, K) into scores (N, K), or (N, 1) into (N, 2).

    Attributes
    ----------
    transform : str
        One of ``TRANSFORMS``; "sign" makes 1 of what is above 0 and -1 of the rest.
    second : str
        One of ``SECONDS``.
    """

    transform: str = "none"
    second: str = ""

    NAME: ClassVar[str] = "scores"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """float32, with a second column where one is added."""
        if self.transform not in TRANSFORMS or self.second not in SECONDS:
            raise ConfigError(f"layer {at.name}: no scores by {self.transform} and {self.second}")
        if at.x.dtype != "float32" or len(at.x.shape) != 2 or (self.second and at.x.shape[1] != 1):
            raise ConfigError(
                f"layer {at.name}: scores cannot be made of {at.x.dtype} of shape {at.x.shape}",
                hint="float32 (N, K); (N, 1) for a second column",
            )
        return (Made("float32", (at.x.shape[0], 2 if self.second else at.x.shape[1])),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Row by row, class after class."""
        y = np.asarray(arrays[0], F)
        if self.second:
            y = np.concatenate([F(1) - y if self.second == "complement" else -y, y], axis=1)
        if self.transform == "logistic":
            y = maths.sigmoid(y)
        elif self.transform == "probit":
            y = _probit(y)
        elif self.transform == "sign":
            y = np.where(y > 0, F(1), F(-1))
        elif self.transform.startswith("softmax"):
            y = _softmax(y, self.transform == "softmax_zero")
        return (y,)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call for all rows."""
        rows, n = at.out.shape
        numbers = TRANSFORMS.index(self.transform), SECONDS.index(self.second)
        to.call("nd/sa_nd_scores.h", "sa_nd_scores", to.source(at.x), to.target(at.out), rows, n, *numbers)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every transform with and without a second column."""
        for transform in TRANSFORMS:
            for second in SECONDS:
                x = _testing.given("x", (3, 1 if second else 4))
                yield f"scores_{transform}_{second or 'one'}", _testing.one(cls(transform, second), (x,))


def _softmax(x: Array, zeros: bool) -> Array:
    with np.errstate(all="ignore"):
        most = x[:, 0]
        for k in range(1, x.shape[1]):
            most = np.where(x[:, k] > most, x[:, k], most)
        y = maths.exp(x - most[:, None])
        part = np.ones(x.shape, bool)
        if zeros:
            part = (x > F(0.0000001)) | (x < F(-0.0000001))
            y = np.where(part, y, x * maths.exp(-most)[:, None])
        total = np.zeros(len(x), F)
        for k in range(x.shape[1]):
            total = np.where(part[:, k], total + y[:, k], total)
        return np.asarray(np.where(total[:, None] == 0, F(0.5), y / total[:, None]), F)


def _probit(x: Array) -> Array:
    with np.errstate(all="ignore"):
        v = F(2) * x - F(1)
        logarithm = maths.log((F(1) - v) * (F(1) + v))
        a = F(2) / (F(3.14159) * F(0.147)) + F(0.5) * logarithm
        b = F(1) / F(0.147) * logarithm
        sign = np.where(v < 0, F(-1), F(1))
        y = F(1.41421356) * (sign * np.sqrt(np.sqrt(a * a - b) - a))
        # the sign of a NaN differs from core to core
        return np.asarray(np.where(np.isnan(y), F(np.nan), y), F)


@dataclass(frozen=True, slots=True)
class LabelOf(NdOperator):
    """Scores (N, K) and constant labels in int64 into one label a row.

    Attributes
    ----------
    column : int
        Below 0: the label, of K, of the first largest score. Else the second of two labels where the score
        in this column is above ``threshold``, the first where it is not.
    threshold : float
        In float32.
    """

    column: int = -1
    threshold: float = 0.0

    NAME: ClassVar[str] = "label_of"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """int64 (N,)."""
        labels = at.inputs[1]
        if at.x.dtype != "float32" or len(at.x.shape) != 2 or labels.dtype != "int64" or not at.x.shape[1]:
            raise ConfigError(f"layer {at.name}: no label can be found in {at.x.dtype} {at.x.shape}")
        if labels.shape != ((at.x.shape[1],) if self.column < 0 else (2,)):
            raise ConfigError(f"layer {at.name}: {labels.size} labels for {at.x.shape[1]} scores")
        if self.column >= at.x.shape[1]:
            raise ConfigError(f"layer {at.name}: there is no score {self.column}")
        return (Made("int64", at.x.shape[:1]),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """First largest, or one side."""
        x, labels = np.asarray(arrays[0]), np.asarray(arrays[1])
        if self.column >= 0:
            return (labels[(x[:, self.column] > F(self.threshold)).astype(np.int64)],)
        best = np.zeros(len(x), np.int64)
        for k in range(1, x.shape[1]):
            best = np.where(x[:, k] > x[np.arange(len(x)), best], k, best)
        return (labels[best],)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call for all rows."""
        ends = to.source(at.x), to.target(at.out), *at.x.shape
        labels = to.source(at.inputs[1])
        if self.column < 0:
            to.call("nd/sa_nd_scores.h", "sa_nd_label_of_largest", *ends, labels)
        else:
            side = self.column, to.real(self.threshold), labels
            to.call("nd/sa_nd_scores.h", "sa_nd_label_of_side", *ends, *side)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Largest, and one side."""
        x = _testing.given("x", (3, 4))
        labels = _testing.known("labels", [7, -1, 2**40, 0], "int64")
        yield "label_of_largest", _testing.one(cls(), (x, labels))
        two = _testing.known("labels", [-5, 9], "int64")
        yield "label_of_side", _testing.one(cls(2, 0.5), (x, two))
