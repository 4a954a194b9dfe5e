"""Support vector machines of ``ai.onnx.ml``: kernels, sums of pairs of classes, votes, probabilities.

In float32, every sum from its first term on. Sources: onnxruntime, ``svmclassifier.cc`` and ``ml_common.h``;
probabilities are coupled as libsvm does (Wu, Lin and Weng 2004, "Probability estimates for multi-class
classification by pairwise coupling", algorithm 2), at most 100 rounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, maths
from sensorai.ops.nd.base import Made, NdOperator

KERNELS = ("linear", "poly", "rbf", "sigmoid")
#: Largest exponent of a polynomial kernel, largest number of classes.
DEGREE, CLASSES = 32, 1000

F = np.float32
FILE = "nd/sa_nd_support.h"


@dataclass(frozen=True, slots=True)
class Kernel(NdOperator):
    """x (N, features) with vectors (V, features): N rows of V values.

    Attributes
    ----------
    kind : str
        One of ``KERNELS``: the product p; (gamma p + offset) ** degree; exp(-gamma |x - v| ** 2);
        tanh(gamma p + offset).
    gamma, offset : float
    degree : int
    """

    kind: str = "linear"
    gamma: float = 1.0
    offset: float = 0.0
    degree: int = 3

    NAME: ClassVar[str] = "kernel"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """float32 (N, V)."""
        x, v = at.inputs
        if self.kind not in KERNELS or not 0 <= self.degree <= DEGREE:
            raise ConfigError(f"layer {at.name}: no kernel {self.kind} of degree {self.degree}")
        shapes = len(x.shape) == len(v.shape) == 2 and x.shape[1] == v.shape[1]
        if not shapes or {x.dtype, v.dtype} != {"float32"}:
            raise ConfigError(f"layer {at.name}: rows of {x.shape} do not go with vectors of {v.shape}")
        return (Made("float32", (x.shape[0], v.shape[0])),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Feature after feature."""
        x, v = np.asarray(arrays[0], F), np.asarray(arrays[1], F)
        with np.errstate(all="ignore"):
            total = np.zeros((len(x), len(v)), F)
            for k in range(x.shape[1]):
                d = x[:, k, None] - v[None, :, k]
                total = total + (d * d if self.kind == "rbf" else x[:, k, None] * v[None, :, k])
            if self.kind == "linear":
                return (total,)
            if self.kind == "rbf":
                return (maths.exp(-F(self.gamma) * total),)
            base = F(self.gamma) * total + F(self.offset)
            if self.kind == "sigmoid":
                return (maths.tanh(base),)
            power = np.ones_like(base)
            for _ in range(self.degree):
                power = power * base
            return (power,)

    def macs(self, at: Applied) -> int:
        """A product for each feature of each vector."""
        return at.x.size * at.inputs[1].shape[0]

    def emit(self, at: Applied, to: Writer) -> None:
        """One call for all rows."""
        x, v = at.inputs
        sizes = x.shape[0], v.shape[0], x.shape[1]
        settings = KERNELS.index(self.kind), to.real(self.gamma), to.real(self.offset), self.degree
        ends = to.source(x), to.source(v), to.target(at.out)
        to.call(FILE, "sa_nd_kernels", *ends, *sizes, *settings)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every kind."""
        v = _testing.known("v", np.random.default_rng(3).normal(0, 1, (5, 3)))
        for kind in KERNELS:
            x = _testing.given("x", (2, 3))
            yield f"kernel_{kind}", _testing.one(cls(kind, 0.25, -0.5), (x, v))


@dataclass(frozen=True, slots=True)
class Pairs(NdOperator):
    """Kernels (N, V), coefficients (K - 1, V) and offsets (K (K - 1) / 2): a sum for each pair of classes.

    Attributes
    ----------
    counts : tuple of int
        Vectors of each class, V in all.
    """

    counts: tuple[int, ...] = (1, 1)

    NAME: ClassVar[str] = "pairs"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """float32 (N, K (K - 1) / 2)."""
        x, coefficients, rho = at.inputs
        classes, vectors = len(self.counts), sum(self.counts)
        fit = x.shape[1:] == (vectors,) and coefficients.shape == (classes - 1, vectors)
        pairs = classes * (classes - 1) // 2
        if not fit or rho.shape != (pairs,) or not 2 <= classes <= CLASSES or min(self.counts) < 0:
            raise ConfigError(f"layer {at.name}: {coefficients.shape} coefficients, {classes} classes")
        if {x.dtype, coefficients.dtype, rho.dtype} != {"float32"}:
            raise ConfigError(f"layer {at.name}: pairs of classes are compared in float32")
        return (Made("float32", (x.shape[0], pairs)),)

    @property
    def first(self) -> Array:
        """Place of the first vector of each class, and of the end."""
        return np.cumsum([0, *self.counts]).astype(np.int32)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Vector after vector: those of the first class of a pair, those of the second, the offset."""
        x, coefficients, rho = (np.asarray(a, F) for a in arrays)
        first = self.first
        out: list[Array] = []
        for i, j in _couples(len(self.counts)):
            total = np.zeros(len(x), F)
            for row, one in ((j - 1, i), (i, j)):
                for k in range(first[one], first[one + 1]):
                    total = total + coefficients[row, k] * x[:, k]
            out.append(total + rho[len(out)])
        return (np.stack(out, axis=1),)

    def macs(self, at: Applied) -> int:
        """Each vector meets all other classes."""
        return at.x.size * (len(self.counts) - 1)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call for all rows."""
        x, coefficients, rho = (to.source(t) for t in at.inputs)
        first = f"(const sa_nd_i32 *){to.table('int32_t', f'first{to.index}', self.first)}"
        sizes = at.x.shape[0], at.x.shape[1], first, len(self.counts)
        to.call(FILE, "sa_nd_pairs", x, coefficients, rho, to.target(at.out), *sizes)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Two classes, three, one of them without vectors."""
        rng = np.random.default_rng(4)
        for counts in ((2, 3), (2, 1, 2), (2, 0, 3)):
            n = len(counts)
            c = _testing.known("c", rng.normal(0, 1, (n - 1, 5)))
            rho = _testing.known("rho", rng.normal(0, 1, n * (n - 1) // 2))
            yield f"pairs_{n}_{counts[1]}", _testing.one(cls(counts), (_testing.given("x", (2, 5)), c, rho))


@dataclass(frozen=True, slots=True)
class Votes(NdOperator):
    """Sums of pairs into how many pairs each class wins: above 0 the first of the pair, else the second."""

    classes: int = 2

    NAME: ClassVar[str] = "votes"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """float32 (N, K)."""
        _of_pairs(at, self.classes)
        return (Made("float32", (at.x.shape[0], self.classes)),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Pair after pair."""
        x = np.asarray(arrays[0], F)
        y = np.zeros((len(x), self.classes), F)
        for k, (i, j) in enumerate(_couples(self.classes)):
            y[np.arange(len(x)), np.where(x[:, k] > 0, i, j)] += F(1)
        return (y,)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call for all rows."""
        to.call(FILE, "sa_nd_votes", to.source(at.x), to.target(at.out), at.x.shape[0], self.classes)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Two and four classes."""
        for n in (2, 4):
            x = _testing.given("x", (3, n * (n - 1) // 2))
            yield f"votes_{n}", _testing.one(cls(n), (x,))


@dataclass(frozen=True, slots=True)
class Coupling(NdOperator):
    """Sums of pairs, and slopes and offsets of their sigmoids, into a probability for each class."""

    classes: int = 2

    NAME: ClassVar[str] = "coupling"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """float32 (N, K)."""
        _of_pairs(at, self.classes)
        if any(t.shape != at.x.shape[1:] or t.dtype != "float32" for t in at.inputs[1:]):
            raise ConfigError(f"layer {at.name}: the sigmoids do not go with {at.x.shape[1]} pairs")
        return (Made("float32", (at.x.shape[0], self.classes)),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Row after row."""
        x, a, b = (np.asarray(v, F) for v in arrays)
        with np.errstate(all="ignore"):
            p = F(1) - maths.sigmoid(x * a + b)
            p = np.where(p > F(1e-7), p, F(1e-7))
            p = np.where(p < F(1) - F(1e-7), p, F(1) - F(1e-7))
            return (np.stack([_coupled(row, self.classes) for row in p.astype(F)]),)

    def macs(self, at: Applied) -> int:
        """Of one round, which is what most rows need at least."""
        return at.x.shape[0] * self.classes * self.classes

    def buffers(self, at: Applied) -> Buffers:
        """Room for both matrices and a vector."""
        return Buffers(scratch=4 * (2 * self.classes + 1) * self.classes)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call for all rows."""
        x, a, b = (to.source(t) for t in at.inputs)
        room = to.scratch("sa_nd_f32")
        to.call(FILE, "sa_nd_coupling", x, a, b, to.target(at.out), room, at.x.shape[0], self.classes)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Two, three and five classes."""
        for n in (2, 3, 5):
            pairs = n * (n - 1) // 2
            a = _testing.known("a", np.linspace(-3, -1, pairs))
            b = _testing.known("b", np.linspace(0.5, -0.25, pairs))
            yield f"coupling_{n}", _testing.one(cls(n), (_testing.given("x", (2, pairs)), a, b))


def _couples(classes: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(classes) for j in range(i + 1, classes)]


def _of_pairs(at: Applied, classes: int) -> None:
    pairs = classes * (classes - 1) // 2
    if not 2 <= classes <= CLASSES or at.x.shape[1:] != (pairs,) or at.x.dtype != "float32":
        raise ConfigError(f"layer {at.name}: {at.x.shape} are no sums of pairs of {classes} classes")


def _coupled(p: Array, n: int) -> Array:
    """Probabilities of n classes from those of their pairs."""
    r = np.zeros((n, n), F)
    for k, (i, j) in enumerate(_couples(n)):
        r[i, j], r[j, i] = p[k], F(1) - p[k]
    q = -(r.T * r)
    for i in range(n):
        q[i, i] = _total(r[j, i] * r[j, i] for j in range(n) if j != i)
    q = np.triu(q) + np.triu(q, 1).T
    y = np.full(n, F(1) / F(n), F)
    for _ in range(100):
        qp = np.zeros(n, F)
        for j in range(n):
            qp = qp + q[:, j] * y[j]
        whole: Any = _total(y[i] * qp[i] for i in range(n))
        if np.max(np.where(qp > whole, qp - whole, whole - qp)) < F(0.005) / F(n):
            break
        for i in range(n):
            step = (whole - qp[i]) / q[i, i]
            by = F(1) + step
            y[i] += step
            whole = (whole + step * (step * q[i, i] + F(2) * qp[i])) / by / by
            qp = (qp + step * q[i]) / by
            y = y / by
    return y


def _total(terms: Iterator[Any]) -> Any:
    total = F(0)
    for term in terms:
        total = total + term
    return total
