"""Ensembles of decision trees, as ``ai.onnx.ml`` has them: rows of features in, a sum for each target out.

The order is one: trees in their order, each leaf's votes in theirs, one addition after the other in the type
of the input; then the division of an average, then the base values. Sources: onnxruntime,
``tree_ensemble_aggregator.h``; the operators' texts. A target that no leaf votes for is 0 before its base.
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
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import Made, NdOperator

#: Ways to compare, by their number in tables.
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
#: Added to a mode where NaN goes the way of "yes".
NAN_YES = 8
AGGREGATES = ("sum", "average", "min", "max")
#: Inputs after the features.
TABLES = ("feature", "threshold", "yes", "no", "modes", "roots", "first", "target", "weight", "base")
INTEGERS = ("feature", "yes", "no", "roots", "first", "target")


@dataclass(frozen=True, slots=True)
class Trees(NdOperator):
    """Trees as tables.

    Inputs are x (N, features) in float32 or float64 and constants: of each node its feature, threshold, "yes"
    and "no" (a node, after this one; below 0 the complement of a leaf) and, left out where all have ``mode``,
    its mode in uint8; the roots; for leaf k the place of its first vote, and one more; of each vote its
    target and weight; base values or nothing. Indices are all int16 or all int32.

    Attributes
    ----------
    targets : int
    aggregate : str
        One of ``AGGREGATES``.
    mode : int
        Place in ``MODES``, plus ``NAN_YES``.
    """

    targets: int = 1
    aggregate: str = "sum"
    mode: int = 0

    NAME: ClassVar[str] = "trees"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """(N, targets) in the type of the features."""
        if len(at.inputs) != 11 or any(t.name and t.data is None for t in at.inputs[1:]):
            raise ConfigError(f"layer {at.name}: trees need ten tables that are constant")
        if len(at.x.shape) != 2 or at.x.dtype not in ("float32", "float64"):
            raise ConfigError(
                f"layer {at.name}: trees read rows of features in float32 or float64, "
                f"not {at.x.dtype} of shape {at.x.shape}"
            )
        return (Made(at.x.dtype, (at.x.shape[0], self.targets)),)

    def check(self, at: Applied) -> None:
        """Every index must be inside, every way must end."""
        t = _tables(at)
        where = f"layer {at.name} ({self.NAME})"
        kinds = {t[name].dtype.name for name in INTEGERS}
        if len(kinds) != 1 or not kinds <= {"int16", "int32"}:
            raise ConfigError(f"{where}: indices are {', '.join(sorted(kinds))}, not all int16 or all int32")
        nodes, leaves, votes = len(t["feature"]), len(t["first"]) - 1, len(t["target"])
        own = np.arange(nodes)
        for name in ("yes", "no"):
            way = t[name].astype(np.int64)
            if way.shape != (nodes,) or np.any((way >= 0) & (way <= own)) or np.any(way >= nodes):
                raise ConfigError(f"{where}: a way leads back or outside")
            if np.any(way < -leaves):
                raise ConfigError(f"{where}: a way leads to a leaf that is not there")
        roots, first = t["roots"].astype(np.int64), t["first"].astype(np.int64)
        if np.any(roots >= nodes) or np.any(roots < -leaves):
            raise ConfigError(f"{where}: a root is not there")
        if leaves < 1 or first[0] < 0 or np.any(np.diff(first) < 0) or first[-1] > votes:
            raise ConfigError(f"{where}: the votes of the leaves do not fit")
        sizes = {"feature": (at.x.shape[1], nodes), "target": (self.targets, votes)}
        for name, (most, count) in sizes.items():
            if t[name].shape != (count,) or np.any(t[name] < 0) or np.any(t[name] >= most):
                raise ConfigError(f"{where}: {name} out of 0 to {most - 1}")
        for name, count in (("threshold", nodes), ("weight", votes), ("base", self.targets)):
            if name in t and (t[name].shape != (count,) or t[name].dtype.name != at.x.dtype):
                raise ConfigError(f"{where}: {name} should be {count} numbers of {at.x.dtype}")
            if name in t and np.any(np.isnan(t[name]) | (np.isinf(t[name]) & (name != "threshold"))):
                raise ConfigError(f"{where}: {name} holds NaN or infinity")
        if "modes" in t and (t["modes"].shape != (nodes,) or np.any((t["modes"] & 7) >= len(MODES))):
            raise ConfigError(f"{where}: an unknown mode")
        if not self.aggregate_number >= 0:
            raise ConfigError(f"{where}: unknown aggregate {self.aggregate}")

    @property
    def aggregate_number(self) -> int:
        """Number of the aggregate in C, below 0 for none."""
        return AGGREGATES.index(self.aggregate) if self.aggregate in AGGREGATES else -1

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Walk all rows and trees at once, then add tree by tree."""
        x = np.asarray(arrays[0])
        t = _tables(at)
        leaf = self._leaves(x, t)
        first, target, weight = t["first"].astype(np.int64), t["target"].astype(np.int64), t["weight"]
        start = {"min": np.inf, "max": -np.inf}.get(self.aggregate, 0.0)
        y = np.full((len(x), self.targets), start, x.dtype)
        rows = np.arange(len(x))
        for k in range(leaf.shape[1]):
            begin, end = first[leaf[:, k]], first[leaf[:, k] + 1]
            for step in range(int(np.max(end - begin, initial=0))):
                some = rows[begin + step < end]
                vote = begin[some] + step
                place = (some, target[vote])
                if self.aggregate == "min":
                    y[place] = np.where(weight[vote] < y[place], weight[vote], y[place])
                elif self.aggregate == "max":
                    y[place] = np.where(weight[vote] > y[place], weight[vote], y[place])
                else:
                    y[place] += weight[vote]
        if self.aggregate == "average":
            y = y / x.dtype.type(leaf.shape[1])
        elif self.aggregate != "sum":
            y = np.where(y == start, x.dtype.type(0), y)
        return (y + t["base"] if "base" in t else y,)

    def _leaves(self, x: Array, t: dict[str, Array]) -> Array:
        """Leaf of each row in each tree."""
        at = np.repeat(t["roots"].astype(np.int64)[None], len(x), axis=0)
        modes = t.get("modes", np.full(len(t["feature"]), self.mode, np.uint8))
        rows = np.broadcast_to(np.arange(len(x))[:, None], at.shape)
        while np.any(at >= 0):
            node = np.maximum(at, 0)
            v, limit, mode = x[rows, t["feature"][node]], t["threshold"][node], modes[node]
            compared = [v <= limit, v < limit, v >= limit, v > limit, v == limit, v != limit]
            goes = np.select([mode & 7 == k for k in range(6)], compared)
            goes |= np.isnan(v) & (mode & NAN_YES != 0)
            at = np.where(at >= 0, np.where(goes, t["yes"][node], t["no"][node]), at)
        return -1 - at

    def emit(self, at: Applied, to: Writer) -> None:
        """Call the walk for the types of numbers and indices."""
        given = dict(zip(TABLES, at.inputs[1:], strict=True))
        kind = "f32" if at.x.dtype == "float32" else "f64"
        width = "i16" if given["feature"].dtype == "int16" else "i32"

        def place(name: str) -> str:
            return to.source(given[name]) if given[name].name else "0"

        to.call(
            "nd/sa_nd_trees.h",
            f"sa_nd_trees_{kind}_{width}",
            to.source(at.x),
            to.target(at.out),
            at.x.shape[0],
            at.x.shape[1],
            *(place(name) for name in ("feature", "threshold", "yes", "no", "modes")),
            f"{self.mode}U",
            place("roots"),
            given["roots"].size,
            *(place(name) for name in ("first", "target", "weight", "base")),
            self.targets,
            f"{self.aggregate_number}U",
        )

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """All modes, aggregates and types; a tree that is a leaf; leaves of several votes and of none."""
        for dtype in ("float32", "float64"):
            for index in ("int16", "int32"):
                for aggregate in AGGREGATES:
                    modes = [0, 1 + NAN_YES, 2, 3, 4, 5] if index == "int16" else None
                    yield f"trees_{dtype}_{index}_{aggregate}", _case(cls, dtype, index, aggregate, modes)


def _case(cls: type[Trees], dtype: str, index: str, aggregate: str, modes: list[int] | None) -> Graph:
    x = _testing.given("x", (3, 4), dtype)
    tables = {
        "feature": _testing.known("f", [0, 1, 2, 3, 0, 1], index),
        "threshold": _testing.known("t", [0.5, -1, 1, 0, -1, 100], dtype),
        "yes": _testing.known("yes", [1, -1, 3, -2, 5, -1], index),
        "no": _testing.known("no", [2, -3, -4, -1, -2, -4], index),
        "roots": _testing.known("roots", [0, 4, -3], index),
        "first": _testing.known("first", [0, 1, 3, 3, 6], index),
        "target": _testing.known("target", [0, 1, 2, 0, 1, 1], index),
        "weight": _testing.known("weight", [0.1, -2, 0.3, 1.7, 5.5, -0.2], dtype),
        "base": _testing.known("base", [0.1, 0, -3, 0], dtype) if aggregate in ("sum", "min") else None,
        "modes": None if modes is None else _testing.known("modes", modes, "uint8"),
    }
    return _testing.one(cls(4, aggregate, NAN_YES), (x, *(tables[name] for name in TABLES)))


def _tables(at: Applied) -> dict[str, Array]:
    """Tables that are there, by name."""
    named = zip(TABLES, at.inputs[1:], strict=True)
    return {name: t.data for name, t in named if t.name and t.data is not None}


def indices(tables: dict[str, list[int]]) -> dict[str, Array]:
    """Indices in the narrowest type that holds them all."""
    most = max((abs(v) for values in tables.values() for v in values), default=0)
    kind = np.int16 if most < 2**15 else np.int32
    return {name: np.array(values, kind) for name, values in tables.items()}
